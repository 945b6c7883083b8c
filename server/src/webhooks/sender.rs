//! The thread of webhooks: it owns the outbox, and posts the deliveries that the outbox hands out.
//!
//! Nobody waits for this thread. When the server stops, the thread goes on sending for a bounded time, and counts the
//! rest as lost. With a data folder nothing is lost: an event is sent once the disk has it, and an event that was not
//! taken by the end, however it comes, is sent by the next process.

mod keeping;
mod post;

use super::feed::{CHANNEL_EVENTS_MAX, KeptFeed, PlacedEvent, WebhookMetrics, Webhooks};
use super::outbox::{EndpointId, Health, Outbox, OutboxSettings, Outcome, Posting};
use super::signature::{SECRETS_MAX, SigningSecret, sign};
use super::url::EndpointUrl;
use crate::kept::KeptLog;
use crate::limits::KEPT_OUTBOX_BYTES_MAX;
use keeping::Held;
use post::{Client, Post};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// Endpoints at the most.
pub(crate) const ENDPOINTS_MAX: usize = 8;

/// Events that are taken in before answers are looked at again.
const EVENTS_PER_PASS: usize = 256;

/// Threads that look up names at the most. A name server that does not answer holds one for half a minute, and an
/// endpoint that is down takes as many as it may have requests under way.
const LOOKUP_THREADS_MAX: usize = 64;

/// An endpoint.
#[derive(Debug, Clone)]
pub(crate) struct EndpointSetup {
    /// Its address.
    pub(crate) url: EndpointUrl,
    /// The secrets that it shares with the server, the newest first; 1 to [`SECRETS_MAX`]. Each endpoint has its own: a
    /// receiver that knows another's could forge events for it.
    pub(crate) secrets: Vec<SigningSecret>,
}

/// The settings of webhooks.
#[derive(Debug, Clone)]
pub(crate) struct WebhookSetup {
    /// The endpoints; at most [`ENDPOINTS_MAX`]. Each receives all events.
    pub(crate) endpoints: Vec<EndpointSetup>,
    /// Certificates in PEM that are trusted besides those of the public authorities; empty for none.
    pub(crate) roots_pem: Vec<u8>,
    /// The bounds and times of the outbox.
    pub(crate) outbox: OutboxSettings,
    /// The time for connecting, sending and the answer together.
    pub(crate) answer_wait_max: Duration,
    /// The time for which events are still sent when the server stops.
    pub(crate) flush_max: Duration,
    /// A random number of this process: part of the ids, and the seed of the jitter.
    pub(crate) process: u64,
}

impl WebhookSetup {
    /// The settings for these endpoints, with the usual bounds and times.
    #[must_use]
    pub(crate) fn new(endpoints: Vec<EndpointSetup>, process: u64) -> Self {
        Self {
            endpoints,
            roots_pem: Vec::new(),
            outbox: OutboxSettings::default(),
            answer_wait_max: Duration::from_secs(10),
            flush_max: Duration::from_secs(2),
            process,
        }
    }
}

/// The reason for which webhooks cannot start.
#[derive(Debug, Error)]
pub(crate) enum SetupError {
    /// There are too many endpoints.
    #[error("{count} endpoints are too many: {ENDPOINTS_MAX} are allowed")]
    Endpoints {
        /// Their number.
        count: usize,
    },
    /// An endpoint has no secret, or too many.
    #[error("{url} has {count} secrets; 1 to {SECRETS_MAX} are allowed")]
    Secrets {
        /// The endpoint.
        url: EndpointUrl,
        /// The number of its secrets.
        count: usize,
    },
    /// A certificate to trust cannot be read.
    #[error("the certificates to trust cannot be read")]
    Roots,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// The work of the thread, ready to run.
pub(crate) struct WebhookSender {
    setup: WebhookSetup,
    events: mpsc::Receiver<PlacedEvent>,
    metrics: Arc<WebhookMetrics>,
    client: Client,
    kept: Option<KeptFeed>,
}

/// Prepares webhooks: the way in for events, and the work for a thread.
///
/// # Errors
/// When the settings are no good.
pub(crate) fn prepare(setup: WebhookSetup) -> Result<(Webhooks, WebhookSender), SetupError> {
    if setup.endpoints.len() > ENDPOINTS_MAX {
        return Err(SetupError::Endpoints { count: setup.endpoints.len() });
    }
    let wrong = |endpoint: &&EndpointSetup| !(1..=SECRETS_MAX).contains(&endpoint.secrets.len());
    if let Some(endpoint) = setup.endpoints.iter().find(wrong) {
        return Err(SetupError::Secrets { url: endpoint.url.clone(), count: endpoint.secrets.len() });
    }
    let client = post::client(&setup)?;
    let (sender, events) = mpsc::channel(CHANNEL_EVENTS_MAX);
    let metrics = Arc::<WebhookMetrics>::default();
    let (process, endpoints) = (setup.process, setup.endpoints.len() as u64);
    let webhooks = Webhooks { process, endpoints, events: sender, metrics: Arc::clone(&metrics), kept: None };
    Ok((webhooks, WebhookSender { setup, events, metrics, client, kept: None }))
}

impl Webhooks {
    /// The same way with a log in which events are kept before they are sent.
    pub(crate) fn kept_in(mut self, log: &Arc<KeptLog>, sender: &mut WebhookSender) -> Self {
        let urls = || sender.setup.endpoints.iter().map(|endpoint| &endpoint.url);
        let before = |index: usize, url| urls().take(index).map(|other| u32::from(other == url)).sum();
        let endpoints = urls().enumerate().map(|(index, url)| url.fingerprint(before(index, url))).collect();
        let kept = KeptFeed { log: Arc::clone(log), endpoints };
        sender.kept = Some(kept.clone());
        self.kept = Some(kept);
        self
    }
}

impl WebhookSender {
    /// Runs until `stop` is sent or dropped or nobody has a feed any more, and then for [`WebhookSetup::flush_max`] at the most. Blocks its thread.
    ///
    /// # Errors
    /// When the system has no means for a runtime.
    pub(crate) fn run(self, stop: oneshot::Receiver<()>) -> io::Result<()> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(LOOKUP_THREADS_MAX).build()?;
        runtime.block_on(Work::new(self).run(stop));
        // A look-up of a name may take half a minute more: the server does not wait for it.
        runtime.shutdown_background();
        Ok(())
    }
}

/// The state of the thread.
struct Work {
    setup: WebhookSetup,
    events: mpsc::Receiver<PlacedEvent>,
    metrics: Arc<WebhookMetrics>,
    client: Client,
    outbox: Outbox,
    attempts: JoinSet<Outcome>,
    /// The deliveries of the attempts. They stay here, so that an attempt that panics has an outcome as well.
    under_way: BTreeMap<Id, Posting>,
    /// The events that the disk does not have yet, if they are kept.
    held: Option<Held>,
    health: Vec<Health>,
    /// Losses of the outbox that are part of the metrics already.
    lost_published: u64,
    start: Instant,
}

impl Work {
    fn new(sender: WebhookSender) -> Self {
        let WebhookSender { mut setup, events, metrics, client, kept } = sender;
        let count = setup.endpoints.len();
        if kept.is_some() {
            setup.outbox.bytes_in_all_max = setup.outbox.bytes_in_all_max.min(KEPT_OUTBOX_BYTES_MAX);
        }
        let mut outbox = Outbox::new(count, setup.outbox.clone(), setup.process);
        let held = kept.map(|kept| Held::go_on(kept, &mut outbox, setup.outbox.age_ms_max));
        let (attempts, under_way, health) = (JoinSet::new(), BTreeMap::new(), vec![Health::Up; count]);
        Self {
            setup,
            events,
            metrics,
            client,
            outbox,
            attempts,
            under_way,
            held,
            health,
            lost_published: 0,
            start: Instant::now(),
        }
    }

    /// Milliseconds since the start, and the longest age of an event more: events of an earlier process came before it.
    fn now_ms(&self) -> u64 {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        elapsed_ms.saturating_add(self.setup.outbox.age_ms_max)
    }

    async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            self.send_due();
            let wake = self.wake();
            // While the disk takes nothing, events wait in the channel, and rooms lose those for which it has no place.
            let is_full = self.held.as_ref().is_some_and(Held::is_full);
            tokio::select! {
                // Whether the other half was used or dropped: the server stops.
                _ = &mut stop => break,
                event = self.events.recv(), if !is_full => match event {
                    Some(event) => self.take_in(event),
                    None => break,
                },
                answer = self.attempts.join_next_with_id(), if !self.under_way.is_empty() => self.note(answer),
                () = wake => {}
            }
        }
        self.flush().await;
    }

    /// Takes in an event, and those that came with it.
    fn take_in(&mut self, event: PlacedEvent) {
        self.take_in_one(event);
        for _ in 1..EVENTS_PER_PASS {
            let Ok(event) = self.events.try_recv() else { return };
            self.take_in_one(event);
        }
    }

    fn take_in_one(&mut self, told: PlacedEvent) {
        let now_ms = self.now_ms();
        match &mut self.held {
            Some(held) => held.hold(told),
            None => self.outbox.push(told.event, now_ms),
        }
    }

    /// Resolves when the outbox has something to do without an answer or an event.
    fn wake(&self) -> impl Future<Output = ()> + use<> {
        let wait_ms = self.outbox.wake_at_ms().map(|at_ms| at_ms.saturating_sub(self.now_ms()));
        let wait_ms = self.held.as_ref().and_then(Held::wait_ms).into_iter().chain(wait_ms).min();
        async move {
            match wait_ms {
                Some(wait_ms) => sleep(Duration::from_millis(wait_ms)).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Starts the attempts that may be made now.
    fn send_due(&mut self) {
        let now_ms = self.now_ms();
        if let Some(held) = &mut self.held {
            held.release(&mut self.outbox, now_ms);
        }
        while let Some(mut delivery) = self.outbox.poll(self.now_ms()) {
            let endpoint = &self.setup.endpoints[delivery.endpoint.0];
            // Each attempt has its own time and so its own signature: receivers refuse old ones.
            let timestamp_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let signatures = sign(&endpoint.secrets, &delivery.id, timestamp_s, &delivery.body);
            let post = Post {
                url: endpoint.url.clone(),
                id: delivery.id.clone(),
                timestamp_s,
                signatures,
                body: std::mem::take(&mut delivery.body),
            };
            let attempt = post.send(self.client.clone(), self.setup.answer_wait_max);
            self.under_way.insert(self.attempts.spawn(attempt).id(), delivery);
        }
        if let Some(held) = &mut self.held {
            held.note(&mut self.outbox);
        }
        self.publish();
    }

    /// Notes the outcome of an attempt.
    fn note(&mut self, answer: Option<Result<(Id, Outcome), tokio::task::JoinError>>) {
        let Some(answer) = answer else { return };
        let (id, outcome) = answer.unwrap_or_else(|error| (error.id(), Outcome::Failed));
        let delivery = self.under_way.remove(&id).expect("each attempt has a delivery");
        let endpoint = delivery.endpoint;
        debug!(id = delivery.id, attempt = delivery.attempt, ?outcome, "an attempt to send a webhook has ended");
        self.outbox.answered(delivery, outcome, self.now_ms());
        self.log_change(endpoint, outcome);
    }

    /// Logs that an endpoint is paused, back or gone: once, and not with every failure.
    fn log_change(&mut self, endpoint: EndpointId, outcome: Outcome) {
        let (before, now) = (self.health[endpoint.0], self.outbox.health(endpoint));
        let url = &self.setup.endpoints[endpoint.0].url;
        match (before, now) {
            (Health::Up, Health::Paused { .. }) => warn!(%url, ?outcome, "a webhook endpoint fails and is paused"),
            (Health::Paused { .. }, Health::Up) => info!(%url, "a webhook endpoint is back"),
            (Health::Up | Health::Paused { .. }, Health::Gone) => {
                warn!(%url, "a webhook endpoint wants no more events (410)");
            }
            _ => {}
        }
        self.health[endpoint.0] = now;
    }

    /// Shows the counts to other threads.
    fn publish(&mut self) {
        let counts = self.outbox.counts();
        self.metrics.sent.store(counts.sent, Ordering::Relaxed);
        self.metrics.retried.store(counts.retried, Ordering::Relaxed);
        self.metrics.failed.store(counts.failed, Ordering::Relaxed);
        // Rooms add their own losses to this count.
        let lost_before = std::mem::replace(&mut self.lost_published, counts.lost);
        self.metrics.lost.fetch_add(counts.lost - lost_before, Ordering::Relaxed);
        self.metrics.waiting.store(self.outbox.waiting() as u64, Ordering::Relaxed);
        let paused = self.health.iter().filter(|health| **health != Health::Up).count();
        self.metrics.paused.store(paused as u64, Ordering::Relaxed);
    }

    /// Goes on sending for a bounded time, and counts the rest as lost. Ends early when nothing is left, or nothing can
    /// be sent in time: an endpoint that is down does not hold up the end.
    async fn flush(mut self) {
        let ends_at_ms =
            self.now_ms().saturating_add(u64::try_from(self.setup.flush_max.as_millis()).unwrap_or(u64::MAX));
        self.events.close();
        while let Some(event) = self.events.recv().await {
            self.take_in(event);
        }
        loop {
            self.send_due();
            let left_ms = ends_at_ms.saturating_sub(self.now_ms());
            let is_held = self.held.as_ref().is_some_and(|held| held.wait_ms().is_some());
            let comes_in_time = is_held || self.outbox.wake_at_ms().is_some_and(|at_ms| at_ms < ends_at_ms);
            if left_ms == 0 || self.under_way.is_empty() && !comes_in_time {
                break;
            }
            let wake = self.wake();
            tokio::select! {
                answer = self.attempts.join_next_with_id(), if !self.under_way.is_empty() => self.note(answer),
                () = wake => {}
                () = sleep(Duration::from_millis(left_ms)) => {}
            }
        }
        let left = self.outbox.waiting() as u64;
        self.publish();
        if let Some(held) = &self.held {
            let left = left + held.len() as u64 * self.setup.endpoints.len() as u64;
            return info!(deliveries = left, "events for webhooks wait for the next start");
        }
        let lost = left;
        self.metrics.waiting.store(0, Ordering::Relaxed);
        self.metrics.lost.fetch_add(lost, Ordering::Relaxed);
        if lost > 0 {
            warn!(deliveries = lost, "events for webhooks are lost: the server stopped before they were taken");
        }
    }
}

#[cfg(test)]
mod tests;

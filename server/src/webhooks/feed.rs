//! The producer's side: a room tells its events without waiting.
//!
//! A feed numbers the events of its room. An event that finds the channel full is lost: it is counted, and the next one
//! that gets through says so.

use super::event::{CODE_BYTES_MAX, Event, EventError, GAME_BYTES_MAX, RoomEvent, RoomSerial, bounded};
use crate::kept::{Change, KeptLog};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Events that wait for the thread of webhooks at the most, of all rooms together; about 3 MB if all are results.
pub(crate) const CHANNEL_EVENTS_MAX: usize = 1_024;

/// Counts of deliveries: an event for two endpoints is two deliveries.
#[derive(Debug, Default)]
pub(crate) struct WebhookMetrics {
    /// Deliveries that were answered with 2xx.
    pub(crate) sent: AtomicU64,
    /// Attempts after the first one of a delivery.
    pub(crate) retried: AtomicU64,
    /// Deliveries that were given up: too old, failed too often, or the endpoint is gone.
    pub(crate) failed: AtomicU64,
    /// Deliveries for which there was no place, and those that waited when the server stopped.
    pub(crate) lost: AtomicU64,
    /// Deliveries that wait in the outbox now.
    pub(crate) waiting: AtomicU64,
    /// Endpoints that are paused or gone now.
    pub(crate) paused: AtomicU64,
}

/// The way to the thread of webhooks, from which each room has its own feed.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks {
    pub(super) process: u64,
    pub(super) endpoints: u64,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) metrics: Arc<WebhookMetrics>,
    pub(super) kept: Option<KeptFeed>,
}

/// Where events are kept before they are sent.
#[derive(Debug, Clone)]
pub(crate) struct KeptFeed {
    pub(super) log: Arc<KeptLog>,
    /// The endpoints, see [`EndpointUrl::fingerprint`](super::url::EndpointUrl::fingerprint).
    pub(super) endpoints: Arc<[u64]>,
}

impl Webhooks {
    /// The feed of a room that is about to open. No two rooms of a process may have the same serial.
    ///
    /// # Errors
    /// When the code or the name of the game is too long.
    pub(crate) fn feed(&self, serial: RoomSerial, code: &str, game: &str) -> Result<RoomFeed, EventError> {
        let room = bounded("the room's code", code, CODE_BYTES_MAX)?.into();
        let game = bounded("the game's name", game, GAME_BYTES_MAX)?.into();
        Ok(RoomFeed { webhooks: self.clone(), serial, room, game, order: 0, missed: 0 })
    }

    /// The way to a test, which reads the events itself.
    #[cfg(test)]
    pub(crate) fn to_test() -> (Self, mpsc::Receiver<Event>) {
        let (events, inbox) = mpsc::channel(CHANNEL_EVENTS_MAX);
        (Self { process: 1, endpoints: 1, events, metrics: Arc::default(), kept: None }, inbox)
    }

    /// The counts.
    #[must_use]
    pub(crate) const fn metrics(&self) -> &Arc<WebhookMetrics> {
        &self.metrics
    }
}

/// The events of one room.
#[derive(Debug)]
pub(crate) struct RoomFeed {
    webhooks: Webhooks,
    serial: RoomSerial,
    room: Arc<str>,
    game: Arc<str>,
    order: u64,
    /// Events that were lost since the last one that got through.
    missed: u64,
}

impl RoomFeed {
    /// Tells an event that has happened `at_ms` milliseconds after 1970. Never waits.
    pub(crate) fn tell(&mut self, event: RoomEvent, at_ms: u64) {
        self.order += 1;
        let event = Event {
            process: self.webhooks.process,
            serial: self.serial,
            room: Arc::clone(&self.room),
            game: Arc::clone(&self.game),
            order: self.order,
            missed: self.missed,
            at_ms,
            event,
        };
        let Ok(place) = self.webhooks.events.try_reserve() else {
            self.missed += 1;
            self.webhooks.metrics.lost.fetch_add(self.webhooks.endpoints, Ordering::Relaxed);
            return;
        };
        self.missed = 0;
        if let Some(KeptFeed { log, endpoints }) = &self.webhooks.kept {
            // Here and not on the thread of webhooks: an event on its way there would be lost in a kill.
            log.keep([Change::Event(event.kept(endpoints))]);
        }
        place.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_never_waits_and_the_next_event_tells_the_loss() {
        let (events, mut inbox) = mpsc::channel(2);
        let webhooks = Webhooks { process: 1, endpoints: 3, events, metrics: Arc::default(), kept: None };
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        (0..7).for_each(|at_ms| feed.tell(RoomEvent::RoomOpened, at_ms));
        assert_eq!(webhooks.metrics().lost.load(Ordering::Relaxed), 5 * 3);
        let mut told = || inbox.try_recv().ok().map(|event| (event.order, event.missed));
        assert_eq!((told(), told(), told()), (Some((1, 0)), Some((2, 0)), None));
        feed.tell(RoomEvent::RoomOpened, 7);
        feed.tell(RoomEvent::RoomOpened, 8);
        assert_eq!((told(), told()), (Some((8, 5)), Some((9, 0))));
    }

    #[test]
    fn a_feed_goes_on_when_the_thread_is_gone() {
        let (events, inbox) = mpsc::channel(2);
        let webhooks = Webhooks { process: 1, endpoints: 1, events, metrics: Arc::default(), kept: None };
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        drop(inbox);
        feed.tell(RoomEvent::RoomOpened, 0);
        assert_eq!(webhooks.metrics().lost.load(Ordering::Relaxed), 1);
        assert!(webhooks.feed(RoomSerial(2), &"c".repeat(CODE_BYTES_MAX + 1), "arena").is_err());
    }
}

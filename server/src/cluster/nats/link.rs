//! The connection to NATS: how it begins, and what is known of it.

use super::buckets::{Buckets, OpenFault};
use super::{Link, ORDER_LIMIT};
use crate::config::NatsAddresses;
use async_nats::{Client, ConnectOptions, Event};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// The name of the connection in the lists of NATS.
const NAME: &str = "tickwire";

/// The time between two pings. A server that misses three of them is gone.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// The time that a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The time between two attempts to open the buckets.
const OPEN_INTERVAL: Duration = Duration::from_secs(1);

/// Messages that may wait for a watch. It asks for fewer at once.
const SUBSCRIPTION_MAX: usize = 1_024;

/// Changes of the connection that may wait.
const EVENTS_MAX: usize = 16;

/// Begins to connect, and goes on trying by itself. Each change comes by the channel: whether the connection is up.
pub(super) async fn connect(addresses: &NatsAddresses) -> (Client, mpsc::Receiver<bool>) {
    let (changes, events) = mpsc::channel(EVENTS_MAX);
    loop {
        let changes = changes.clone();
        let options = ConnectOptions::new()
            .name(NAME)
            .retry_on_initial_connect()
            .require_tls(addresses.needs_tls())
            .ping_interval(PING_INTERVAL)
            .connection_timeout(CONNECT_LIMIT)
            .subscription_capacity(SUBSCRIPTION_MAX)
            .event_callback(move |event| {
                let changes = changes.clone();
                async move { tell(&event, &changes).await }
            });
        match options.connect(addresses.addresses()).await {
            Ok(client) => return (client, events),
            Err(error) => tracing::warn!(%error, "the client of NATS does not start"),
        }
        sleep(OPEN_INTERVAL).await;
    }
}

async fn tell(event: &Event, changes: &mpsc::Sender<bool>) {
    let is_up = match event {
        Event::Connected => true,
        Event::Disconnected | Event::Closed => false,
        Event::ServerError(_) | Event::ClientError(_) => return tracing::debug!(%event, "a fault of NATS"),
        Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) => return,
    };
    // The thread ends when nobody hears this.
    let _ = changes.send(is_up).await;
}

/// Follows the changes of the connection. Each new one counts once its buckets are open: another server may have answered,
/// or the same one without its store.
pub(super) async fn keep(buckets: &Buckets, mut events: mpsc::Receiver<bool>, links: &watch::Sender<Link>) {
    let mut connections = 0;
    let mut change = events.recv().await;
    while let Some(is_up) = change {
        links.send_replace(Link::Away);
        if !is_up {
            tracing::warn!("NATS is away: no new rooms until it is back");
            change = events.recv().await;
            continue;
        }
        connections += 1;
        tokio::select! {
            link = open(buckets, connections) => {
                links.send_replace(link);
                change = events.recv().await;
            }
            next = events.recv() => change = next,
        }
    }
}

/// Opens the buckets, again and again.
async fn open(buckets: &Buckets, connection: u64) -> Link {
    let mut is_first = true;
    loop {
        // A request that is lost with its connection would wait for longer.
        let error = match timeout(2 * ORDER_LIMIT, buckets.open()).await {
            Ok(Ok(())) => {
                tracing::info!("the registry in NATS is open");
                return Link::Ready(connection);
            }
            Ok(Err(OpenFault::Final(fault))) => {
                tracing::error!(%fault, "this NATS is no registry");
                return Link::Refused(fault);
            }
            Ok(Err(OpenFault::ForNow(error))) => error.to_string(),
            Err(_) => "no answer".into(),
        };
        if is_first {
            tracing::warn!(%error, "the registry in NATS does not open; it is tried again");
        }
        is_first = false;
        sleep(OPEN_INTERVAL).await;
    }
}

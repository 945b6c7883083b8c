//! A watch of both buckets: everything that is there, then each change, into a bounded channel.
//!
//! The watch ends rather than leave something out: when the connection was lost, when the server forgets it, when a
//! message is missing, and when the server falls silent before everything is told. A caller that is slow stops the
//! deliveries and nothing else. The bytes are anybody's: a place without a proper name is counted and dropped.

use super::super::claim::{self, NodeId, Revision};
use super::super::registry::{Change, Record};
use super::buckets::{Bucket, Buckets, is_marker};
use super::{BadKeys, Link};
use crate::lobby::Code;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::message::Message;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Changes that wait for a caller.
const CHANGES_MAX: usize = 256;

/// Messages that are asked for at once; half as many more may be on their way.
const BATCH_MAX: usize = 128;

/// The time between two signs of life from a watch that has nothing to tell.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The time for which a request for messages stands.
const BATCH_LIMIT: Duration = Duration::from_secs(30);

/// The longest silence before everything is told: a message that vanishes while it waits is not told by the server.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The reason for which a watch has ended.
#[derive(Debug, Error)]
enum Ended {
    #[error("the connection was lost")]
    Connection,
    #[error("the server has ended it")]
    Server(#[source] Option<async_nats::Error>),
    #[error("a message is missing")]
    Gap,
    #[error("the server was silent")]
    Silence,
    #[error("nobody reads it any more")]
    Unread,
}

/// The record in a message.
pub(super) fn record<T: DeserializeOwned>(headers: Option<&HeaderMap>, payload: &[u8]) -> Record<T> {
    if headers.is_some_and(is_marker) { None } else { Some(claim::decode(payload)) }
}

/// The code that this key names. A code has one name as a key, although people may type it in several ways.
fn code(key: &str) -> Option<Code> {
    Code::parse(key).filter(|code| code.to_string() == key)
}

/// One bucket that is followed.
struct Followed {
    bucket: Bucket,
    /// The name of the server's half.
    consumer: String,
    messages: pull::Stream,
    /// Messages that have come; the server counts with it.
    count: u64,
    is_told: bool,
    read: fn(&str, &Message, Revision) -> Option<Change>,
}

impl Followed {
    async fn begin(
        bucket: &Bucket,
        read: fn(&str, &Message, Revision) -> Option<Change>,
    ) -> Result<Self, async_nats::Error> {
        let consumer = bucket.follow().await?;
        let info = consumer.cached_info();
        let (name, is_told) = (info.name.clone(), info.num_pending == 0);
        let batches = consumer.stream().max_messages_per_batch(BATCH_MAX).heartbeat(HEARTBEAT).expires(BATCH_LIMIT);
        let messages = batches.messages().await?;
        Ok(Self { bucket: bucket.clone(), consumer: name, messages, count: 0, is_told, read })
    }

    /// The next message as a change; `None` in place of one whose key names nothing.
    fn take(&mut self, message: Option<Result<Message, pull::MessagesError>>) -> Result<Option<Change>, Ended> {
        let message = message.ok_or(Ended::Server(None))?.map_err(|error| Ended::Server(Some(error.into())))?;
        let info = message.info().map_err(|error| Ended::Server(Some(error)))?;
        self.count += 1;
        if info.consumer_sequence != self.count {
            return Err(Ended::Gap);
        }
        self.is_told |= info.pending == 0;
        let revision = Revision(info.stream_sequence);
        let key = self.bucket.key(&message.subject);
        Ok(key.and_then(|key| (self.read)(key, &message, revision)))
    }
}

fn room(key: &str, message: &Message, revision: Revision) -> Option<Change> {
    Some(Change::Room(code(key)?, revision, record(message.headers.as_ref(), &message.payload)))
}

fn node(key: &str, message: &Message, revision: Revision) -> Option<Change> {
    let node = key.parse::<NodeId>().ok()?;
    Some(Change::Node(node, revision, record(message.headers.as_ref(), &message.payload)))
}

/// Follows both buckets for a caller.
pub(super) struct Following {
    rooms: Followed,
    nodes: Followed,
    changes: mpsc::Sender<Change>,
    bad_keys: Arc<BadKeys>,
}

impl Following {
    pub(super) async fn begin(
        buckets: &Buckets,
        bad_keys: Arc<BadKeys>,
    ) -> Result<(Self, mpsc::Receiver<Change>), async_nats::Error> {
        let rooms = Followed::begin(&buckets.rooms, room).await?;
        let nodes = Followed::begin(&buckets.nodes, node).await?;
        let (changes, receiver) = mpsc::channel(CHANGES_MAX);
        Ok((Self { rooms, nodes, changes, bad_keys }, receiver))
    }

    /// Delivers until the watch ends. `link` is that under which the watch began.
    pub(super) async fn run(mut self, mut links: watch::Receiver<Link>, link: Link) {
        // A watch that outlives its connection may hang or leave changes out, depending on the client's version.
        let ended = tokio::select! {
            _ = links.wait_for(|now| *now != link) => Ended::Connection,
            ended = self.deliver() => ended.err().unwrap_or(Ended::Unread),
        };
        tracing::debug!(reason = %ended, "a watch of the registry has ended");
        let Self { rooms, nodes, changes, .. } = self;
        drop(changes);
        if !matches!(ended, Ended::Connection) {
            for followed in [rooms, nodes] {
                drop(followed.messages);
                followed.bucket.unfollow(&followed.consumer).await;
            }
        }
    }

    async fn deliver(&mut self) -> Result<(), Ended> {
        let mut is_synced = false;
        loop {
            if !is_synced && self.rooms.is_told && self.nodes.is_told {
                is_synced = true;
                self.tell(Change::Synced).await?;
            }
            let next = self.next();
            let change = if is_synced {
                next.await?
            } else {
                timeout(SILENCE_MAX, next).await.map_err(|_| Ended::Silence)??
            };
            match change {
                Some(change) => self.tell(change).await?,
                None => self.bad_keys.count(),
            }
        }
    }

    /// The next message of either bucket, or the end of the caller's interest.
    async fn next(&mut self) -> Result<Option<Change>, Ended> {
        let Self { rooms, nodes, changes, .. } = self;
        tokio::select! {
            message = rooms.messages.next() => rooms.take(message),
            message = nodes.messages.next() => nodes.take(message),
            () = changes.closed() => Err(Ended::Unread),
        }
    }

    async fn tell(&self, change: Change) -> Result<(), Ended> {
        self.changes.send(change).await.map_err(|_| Ended::Unread)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::claim::{RoomClaim, Unreadable};
    use super::*;

    #[test]
    fn a_key_is_the_one_name_of_a_code() {
        assert_eq!(code("C4FK9T"), Code::parse("C4FK9T"));
        for other in ["c4fk9t", "C4F-K9T", "C4FK9T ", "C4FK9", "C4FK9T.x", "", "C4FK90"] {
            assert_eq!(code(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_is_a_record_or_a_removal_or_garbage() {
        assert_eq!(record::<RoomClaim>(None, b"x"), Some(Err(Unreadable::Garbage)));
        assert_eq!(record::<RoomClaim>(None, br#"{"v":9}"#), Some(Err(Unreadable::Later)));
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", "DEL");
        assert_eq!(record::<RoomClaim>(Some(&headers), b"x"), None);
    }
}

//! The two buckets of a registry, as streams of NATS: `KV_<service>_rooms` and `KV_<service>_nodes`. Their layout is that
//! of key-value buckets, so that the tools of NATS show them.
//!
//! Every write names the sequence of the last message of its key, and the stream's leader refuses it when another one is
//! there. Every read is the leader's as well: a copy that lags would not know the newest write. Servers before 2.10.19 do
//! not keep this promise in replicated streams, and are refused there.

use super::super::claim::Revision;
use super::super::registry::WriteFault;
use super::{NatsFault, ORDER_LIMIT};
use crate::config::ServiceName;
use async_nats::client::{Client, Request, RequestErrorKind};
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::context::{Context, GetStreamErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{HeaderMap, jetstream::stream::Info};
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first version of the server whose replicated streams refuse each write that expects something else.
const FLOOR: (u32, u32, u32) = (2, 10, 19);

/// Bytes that a message of a bucket may have, headers included: a record and what NATS' own tools add to it.
const MESSAGE_BYTES_MAX: i32 = 1_024;

/// The time after which the server forgets a watch that nobody reads.
const WATCH_FORGOTTEN: Duration = Duration::from_secs(30);

/// The header by which buckets mark removals.
const OPERATION: &str = "KV-Operation";

/// The header of markers that the server itself writes.
const MARKER_REASON: &str = "Nats-Marker-Reason";

/// Whether the server is good enough for the buckets. Versions before the floor are fit for single streams only; a release
/// candidate of the floor itself is before it, and a version that cannot be read may be anything.
pub(super) fn check_floor(version: &str, replicas: usize) -> Result<(), NatsFault> {
    let (numbers, is_candidate) = match version.split_once(['-', '+']) {
        Some((numbers, rest)) => (numbers, version.contains('-') && !rest.is_empty()),
        None => (version, false),
    };
    let mut parts = numbers.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
    let mut part = || parts.next().flatten();
    let numbers = (|| Some((part()?, part()?, part()?)))();
    let is_good = numbers.is_some_and(|numbers| numbers > FLOOR || numbers == FLOOR && !is_candidate);
    if replicas <= 1 || is_good {
        return Ok(());
    }
    Err(NatsFault::TooOld { version: version.chars().take(32).collect(), replicas })
}

/// Whether these are the headers of a removal.
pub(super) fn is_marker(headers: &HeaderMap) -> bool {
    let operation = headers.get(OPERATION).map_or("", |value| value.as_str());
    matches!(operation, "DEL" | "PURGE") || headers.get(MARKER_REASON).is_some()
}

/// The reason for which buckets are not open.
#[derive(Debug)]
pub(super) enum OpenFault {
    /// Trying again changes nothing.
    Final(NatsFault),
    /// It may work later.
    ForNow(async_nats::Error),
}

/// One bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    client: Client,
    context: Context,
    /// The name of its stream.
    name: String,
    /// The subjects of its keys begin with this.
    prefix: String,
}

impl Bucket {
    fn new(client: &Client, service: &ServiceName, of: &str) -> Self {
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ORDER_LIMIT);
        let name = format!("{service}_{of}");
        Self { client: client.clone(), context, prefix: format!("$KV.{name}."), name: format!("KV_{name}") }
    }

    /// The key of a subject of this bucket.
    pub(super) fn key<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix(&self.prefix)
    }

    fn subjects(&self) -> String {
        format!("{}>", self.prefix)
    }

    /// The stream of a bucket that is missing.
    fn config(&self) -> Config {
        Config {
            name: self.name.clone(),
            subjects: vec![self.subjects()],
            max_messages_per_subject: 1,
            max_message_size: MESSAGE_BYTES_MAX,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: 1,
            deny_delete: true,
            allow_rollup: true,
            allow_direct: false,
            ..Config::default()
        }
    }

    /// Finds the stream, or makes it.
    async fn open(&self) -> Result<Info, OpenFault> {
        let find = || self.context.get_stream(&self.name);
        let stream = match find().await {
            Ok(stream) => stream,
            Err(error) if is_missing(&error.kind()) => match self.context.create_stream(self.config()).await {
                Ok(stream) => stream,
                // Another node may have made it at the same time, with the settings of another version.
                Err(refused) => find().await.map_err(|_| OpenFault::ForNow(refused.into()))?,
            },
            Err(error) => return Err(OpenFault::ForNow(error.into())),
        };
        let info = stream.cached_info();
        if info.config.subjects != [self.subjects()] {
            return Err(OpenFault::Final(NatsFault::OtherSubjects { stream: self.name.clone() }));
        }
        Ok(info.clone())
    }

    /// Writes a record, or a marker, in place of the message with this sequence; 0 stands for none.
    async fn put(&self, key: &str, expected: u64, record: Option<Vec<u8>>) -> Result<Revision, WriteFault> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        if record.is_none() {
            headers.insert(OPERATION, "DEL");
        }
        let payload = record.unwrap_or_default();
        let request = Request::new().headers(headers).payload(payload.into()).timeout(Some(ORDER_LIMIT));
        let answer = self.client.send_request(format!("{}{key}", self.prefix), request).await;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => WriteFault::Away,
            _ => WriteFault::Unknown,
        })?;
        match serde_json::from_slice::<Response<PublishAck>>(&answer.payload) {
            Ok(Response::Ok(ack)) => Ok(Revision(ack.sequence)),
            Ok(Response::Err { error }) => match error.error_code() {
                // A leader refuses with the second code while a write of the same key is on its way to the copies.
                ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
                    Err(WriteFault::Stale)
                }
                _ => {
                    tracing::debug!(%error, "the registry refuses a write");
                    Err(WriteFault::Unknown)
                }
            },
            Err(error) => {
                tracing::debug!(%error, "the registry gives an answer that is none");
                Err(WriteFault::Unknown)
            }
        }
    }

    /// Writes the record of a key that has none, or whose record was removed at least this long ago.
    pub(super) async fn create(&self, key: &str, record: Vec<u8>, rest: Duration) -> Result<Revision, WriteFault> {
        match self.put(key, 0, Some(record.clone())).await {
            Err(WriteFault::Stale) => {}
            done => return done,
        }
        // Nothing else is read here than what decides: the write that follows is refused when it is no longer true.
        let last = self.last(key).await?;
        let Some(marker) = last.filter(|last| is_marker(&last.headers)) else { return Err(WriteFault::Stale) };
        let age = if rest.is_zero() { Duration::ZERO } else { self.age(marker.time).await? };
        if age < rest {
            return Err(WriteFault::Stale);
        }
        self.put(key, marker.sequence, Some(record)).await
    }

    /// Writes a record in place of that with this revision.
    pub(super) async fn change(&self, key: &str, at: Revision, record: Vec<u8>) -> Result<Revision, WriteFault> {
        self.put_in_place(key, at, Some(record)).await
    }

    /// Removes the record with this revision; a marker stays in its place.
    pub(super) async fn remove(&self, key: &str, at: Revision) -> Result<Revision, WriteFault> {
        self.put_in_place(key, at, None).await
    }

    /// Revision 0 is nobody's, and to the server it means that there must be none.
    async fn put_in_place(&self, key: &str, at: Revision, record: Option<Vec<u8>>) -> Result<Revision, WriteFault> {
        if at.0 == 0 { Err(WriteFault::Stale) } else { self.put(key, at.0, record).await }
    }

    /// The last message of a key, from the leader.
    pub(super) async fn last(&self, key: &str) -> Result<Option<StreamMessage>, WriteFault> {
        let stream = self.stream().await?;
        match stream.get_last_raw_message_by_subject(&format!("{}{key}", self.prefix)).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "the registry does not tell the record of a key");
                Err(WriteFault::Unknown)
            }
        }
    }

    /// The time since a message, by the clock of the leader, which stamped it; servers before 2.10 do not tell theirs.
    async fn age(&self, of: OffsetDateTime) -> Result<Duration, WriteFault> {
        #[derive(Deserialize)]
        struct StreamTime {
            ts: Option<String>,
        }
        let subject = format!("STREAM.INFO.{}", self.name);
        let told = self.context.request::<_, _, Response<StreamTime>>(subject, &serde_json::json!({})).await;
        let Ok(Response::Ok(told)) = told else { return Err(WriteFault::Unknown) };
        let now = told.ts.and_then(|ts| OffsetDateTime::parse(&ts, &Rfc3339).ok());
        let now = now.unwrap_or_else(|| SystemTime::now().into());
        Ok(Duration::try_from(now - of).unwrap_or_default())
    }

    /// Begins to follow the bucket: the last message of each key, then each new one.
    pub(super) async fn follow(&self) -> Result<Consumer<pull::Config>, async_nats::Error> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::LastPerSubject,
            ack_policy: AckPolicy::None,
            filter_subject: self.subjects(),
            inactive_threshold: WATCH_FORGOTTEN,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let stream = self.context.get_stream_no_info(&self.name).await?;
        Ok(stream.create_consumer(config).await?)
    }

    /// Ends a watch. The server would find out by itself, but later.
    pub(super) async fn unfollow(&self, consumer: &str) {
        if let Ok(stream) = self.stream().await {
            drop(stream.delete_consumer(consumer).await);
        }
    }

    /// The handle of the stream; nothing is asked of the server for it.
    async fn stream(&self) -> Result<Stream<()>, WriteFault> {
        self.context.get_stream_no_info(&self.name).await.map_err(|_| WriteFault::Unknown)
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// The buckets of a registry.
#[derive(Debug)]
pub(super) struct Buckets {
    client: Client,
    pub(super) rooms: Bucket,
    pub(super) nodes: Bucket,
}

impl Buckets {
    pub(super) fn new(client: Client, service: &ServiceName) -> Self {
        let (rooms, nodes) = (Bucket::new(&client, service, "rooms"), Bucket::new(&client, service, "nodes"));
        Self { client, rooms, nodes }
    }

    /// Finds the streams of both, or makes them, and refuses a server that is not good enough for them.
    pub(super) async fn open(&self) -> Result<(), OpenFault> {
        for bucket in [&self.rooms, &self.nodes] {
            let info = bucket.open().await?;
            let version = self.client.server_info().version;
            check_floor(&version, info.config.num_replicas).map_err(OpenFault::Final)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicated_streams_need_a_server_that_refuses_stale_writes() {
        for good in ["2.10.19", "2.10.20-RC.1", "2.11.0", "2.15.1", "3.0.0-beta.1", "v2.12.1", "2.10.19+build.7"] {
            assert_eq!(check_floor(good, 3), Ok(()), "{good}");
        }
        for bad in ["2.10.18", "2.9.25", "2.10.19-RC.2", "1.99.99", "", "2.10", "2.x.20", "99999999999.0.0", "new"] {
            let too_old = NatsFault::TooOld { version: bad.into(), replicas: 3 };
            assert_eq!(check_floor(bad, 3), Err(too_old), "{bad}");
            assert_eq!(check_floor(bad, 1), Ok(()), "a single server has one order of writes: {bad}");
        }
        let sentence = check_floor("2.9.10", 3).unwrap_err().to_string();
        assert_eq!(sentence, "NATS 2.9.10 loses writes to streams with 3 replicas: 2.10.19 or later is needed");
    }

    #[test]
    fn a_removal_is_told_from_a_record_by_its_headers() {
        for (name, value, marks) in [
            (OPERATION, "DEL", true),
            (OPERATION, "PURGE", true),
            (OPERATION, "PUT", false),
            (OPERATION, "", false),
            (MARKER_REASON, "MaxAge", true),
            ("Other", "DEL", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value);
            assert_eq!(is_marker(&headers), marks, "{name}: {value}");
        }
        assert!(!is_marker(&HeaderMap::new()));
    }
}

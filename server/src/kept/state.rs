//! Everything that is kept as one value, and the changes to it.
//!
//! ```text
//! piece, change   version u8 = 1, then `bincode` of the fields below in their order
//! ```

use super::outbox::{EventKey, KeptEvent, KeptOutbox};
use super::topics::{KeptReceipt, KeptTopics, Said};
use crate::limits::{KEPT_BYTES_IN_ALL_MAX, KEPT_CHANGE_BYTES_MAX};
use bincode::config::{Configuration, Fixint, Limit, LittleEndian, standard};
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use thiserror::Error;

const VERSION: u8 = 1;

/// A layout with a bound on the bytes of a value.
type Layout<const BYTES_MAX: usize> = Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>>;

const fn layout<const BYTES_MAX: usize>() -> Layout<BYTES_MAX> {
    standard().with_fixed_int_encoding().with_limit::<BYTES_MAX>()
}

/// Bytes of a ticket or an identity that is remembered.
pub(crate) type Fingerprint = [u8; 16];

/// The reason for which bytes are nothing that is kept.
#[derive(Debug, Error)]
pub(crate) enum KeptFault {
    /// A later version of the server has written it.
    #[error("it has version {0}, and this server knows version {VERSION}")]
    Version(u8),
    /// The bytes end early, or are something else.
    #[error("{0}")]
    Layout(String),
}

/// An identity whose earlier tickets are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptRevocation {
    pub(crate) revoked_at_s: u64,
    pub(crate) forget_at_s: u64,
}

/// Everything that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptState {
    /// Tickets that were used, with the unix second from which on each is refused anyway.
    pub(crate) tickets: BTreeMap<Fingerprint, u64>,
    pub(crate) revocations: BTreeMap<Fingerprint, KeptRevocation>,
    pub(crate) topics: KeptTopics,
    pub(crate) outbox: KeptOutbox,
}

/// A change of the state that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Change {
    /// A ticket was used.
    Used { ticket: Fingerprint, forget_at_s: u64 },
    /// An identity was revoked.
    Revoked { identity: Fingerprint, revocation: KeptRevocation },
    /// Something was said in a topic.
    Said(Said),
    /// A player was given a receipt.
    Receipt(KeptReceipt),
    /// A topic has ended.
    TopicEnded { topic: String },
    /// An event waits for webhooks.
    Event(KeptEvent),
    /// An endpoint needs an event no more: it has taken it, or the event was given up.
    Done { event: EventKey, endpoint: u64 },
    /// An endpoint misses so many events right before this one.
    Missed { event: EventKey, endpoint: u64, missed: u64 },
}

impl Change {
    pub(super) fn encode(&self) -> Vec<u8> {
        encode::<_, KEPT_CHANGE_BYTES_MAX>(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeptFault> {
        decode::<_, KEPT_CHANGE_BYTES_MAX>(bytes)
    }
}

impl KeptState {
    /// Takes in a change.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Used { ticket, forget_at_s } => drop(self.tickets.insert(ticket, forget_at_s)),
            Change::Revoked { identity, revocation } => drop(self.revocations.insert(identity, revocation)),
            Change::Said(said) => self.topics.say(said),
            Change::Receipt(receipt) => self.topics.remember(receipt),
            Change::TopicEnded { topic } => self.topics.end(&topic),
            Change::Event(event) => self.outbox.push(event),
            Change::Done { event, endpoint } => self.outbox.done(event, endpoint),
            Change::Missed { event, endpoint, missed } => self.outbox.missed(event, endpoint, missed),
        }
    }

    /// Forgets what has ended by this time.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let now_s = now_ms / 1_000;
        self.tickets.retain(|_, forget_at_s| *forget_at_s > now_s);
        self.revocations.retain(|_, revocation| revocation.forget_at_s > now_s);
        self.topics.advance(now_ms);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&encode::<_, KEPT_BYTES_IN_ALL_MAX>(self));
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeptFault> {
        decode::<_, KEPT_BYTES_IN_ALL_MAX>(bytes)
    }
}

fn encode<T: Encode, const BYTES_MAX: usize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    // A limit holds only for bytes that are read.
    bytes.extend(bincode::encode_to_vec(value, layout::<BYTES_MAX>()).expect("numbers and texts always have bytes"));
    bytes
}

fn decode<T: Decode<()>, const BYTES_MAX: usize>(bytes: &[u8]) -> Result<T, KeptFault> {
    let (version, rest) = bytes.split_first().ok_or_else(|| KeptFault::Layout("it is empty".into()))?;
    if *version != VERSION {
        return Err(KeptFault::Version(*version));
    }
    let (value, read) = bincode::decode_from_slice(rest, layout::<BYTES_MAX>())
        .map_err(|error| KeptFault::Layout(error.to_string()))?;
    if read != rest.len() {
        return Err(KeptFault::Layout(format!("{} bytes follow it", rest.len() - read)));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::outbox::EventKind;
    use super::super::topics::KeptLine;
    use super::*;
    use crate::limits::{KEPT_LINES_BYTES_MAX, KEPT_RECEIPTS_MAX, PLAYER_FORGOTTEN_MS};
    use tickwire::message::topics::PlayerId;

    fn said(topic: &str, id: u64, at_ms: u64, body: &str) -> Change {
        let line = KeptLine { id, from: Some((PlayerId([1; 10]), "ada".into())), at_ms, body: body.into() };
        let topic = topic.into();
        Change::Said(Said { topic, base: 10, id, line: Some(line), lines_max: 3, kept_ms: 1_000 })
    }

    fn receipt(seq: u64) -> Change {
        Change::Receipt(KeptReceipt { player: PlayerId([1; 10]), seq, id: 11, kept: true, at_ms: 5 })
    }

    fn event(order: u64) -> Change {
        let key = EventKey { process: 1, room: 2, order };
        let (code, game, kind) = ("BCDFGH".into(), "arena".into(), EventKind::Closed { reason: "empty".into() });
        Change::Event(KeptEvent { key, code, game, missed: 0, at_ms: 5, kind, waiting: [(8, 0), (9, 0)].into() })
    }

    fn changes() -> Vec<Change> {
        let revocation = KeptRevocation { revoked_at_s: 1, forget_at_s: 2 };
        let (key, endpoint) = (EventKey { process: 1, room: 2, order: 1 }, 8);
        vec![
            Change::Used { ticket: [1; 16], forget_at_s: 7 },
            Change::Revoked { identity: [2; 16], revocation },
            said("announce", 11, 5, "hello"),
            receipt(1),
            said("lobby/arena/chat", 11, 5, "hello"),
            Change::TopicEnded { topic: "lobby/arena/chat".into() },
            event(1),
            event(2),
            Change::Missed { event: key, endpoint: 9, missed: 3 },
            Change::Done { event: key, endpoint },
        ]
    }

    fn state() -> KeptState {
        let mut state = KeptState::default();
        changes().into_iter().for_each(|change| state.apply(change));
        state
    }

    fn bodies(state: &KeptState, topic: &str) -> Vec<String> {
        let topic = state.topics.by_name.get(topic);
        topic.into_iter().flat_map(|topic| topic.lines.values()).map(|line| line.body.clone()).collect()
    }

    #[test]
    fn everything_and_each_change_come_back_from_their_bytes_and_other_bytes_are_an_error() {
        let mut all = Vec::new();
        state().encode(&mut all);
        assert_eq!(KeptState::decode(&all).unwrap(), state());
        (0..all.len()).for_each(|len| assert!(KeptState::decode(&all[..len]).is_err(), "{len}"));
        for change in changes() {
            let bytes = change.encode();
            assert_eq!(Change::decode(&bytes).unwrap(), change);
            (0..bytes.len()).for_each(|len| assert!(Change::decode(&bytes[..len]).is_err(), "{change:?} {len}"));
            assert!(Change::decode(&[bytes, vec![0]].concat()).is_err());
        }
        all[0] = VERSION + 1;
        assert!(matches!(KeptState::decode(&all), Err(KeptFault::Version(2))));
        // A length of 2^64 - 1 is refused before anything is allocated for it.
        assert!(KeptState::decode(&[&[VERSION][..], &[255; 64]].concat()).is_err());
    }

    #[test]
    fn a_change_that_is_made_twice_is_as_good_as_once() {
        let mut state = state();
        let events: Vec<_> = state.outbox.events().cloned().collect();
        assert_eq!(events.iter().map(|event| event.key.order).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(events[0].waiting, [(9, 3)].into());
        state.apply(event(2));
        assert_eq!(state.outbox.events().count(), 2);
        for _ in 0..2 {
            let key = EventKey { process: 1, room: 2, order: 1 };
            state.apply(Change::Done { event: key, endpoint: 9 });
        }
        assert_eq!(state.outbox.events().map(|event| event.key.order).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_topic_keeps_its_last_lines_for_its_time_and_none_after_its_end() {
        let mut state = KeptState::default();
        for (id, body) in (11..).zip(["a", "b", "c", "d"]) {
            state.apply(said("announce", id, id, body));
        }
        assert_eq!(bodies(&state, "announce"), ["b", "c", "d"]);
        let topic = &state.topics.by_name["announce"];
        assert_eq!((topic.base, topic.newest, state.topics.newest), (10, 14, 14));
        state.advance(1_012);
        assert_eq!(bodies(&state, "announce"), ["c", "d"]);
        state.apply(Change::TopicEnded { topic: "announce".into() });
        assert!(state.topics.by_name.is_empty());
        assert_eq!(state.topics.newest, 14, "ids are never given again");
    }

    #[test]
    fn lines_and_receipts_are_bounded_and_the_oldest_go_first() {
        let mut state = KeptState::default();
        let body = "x".repeat(1_000);
        let count = 2 * KEPT_LINES_BYTES_MAX / 1_000;
        for number in 0..count {
            state.apply(said(&format!("player/{number:016}"), 11, 5, &body));
        }
        let names: Vec<_> = state.topics.by_name.keys().collect();
        assert!(names.len() * 1_000 < KEPT_LINES_BYTES_MAX && names.len() > count / 3, "{}", names.len());
        assert_eq!(names.last().map(|name| name.as_str()), Some(&*format!("player/{:016}", count - 1)));
        (0..KEPT_RECEIPTS_MAX as u64 + 5).for_each(|seq| state.apply(receipt(seq)));
        assert_eq!(state.topics.receipts.len(), KEPT_RECEIPTS_MAX);
        assert_eq!(state.topics.receipts.front().map(|receipt| receipt.seq), Some(5));
        state.advance(PLAYER_FORGOTTEN_MS + 5);
        assert!(state.topics.receipts.is_empty() && state.topics.by_name.is_empty());
    }

    #[test]
    fn tickets_and_revocations_are_forgotten_when_they_have_ended() {
        let mut state = state();
        state.advance(1_999);
        assert_eq!((state.tickets.len(), state.revocations.len()), (1, 1));
        state.advance(6_999);
        assert_eq!((state.tickets.len(), state.revocations.len()), (1, 0));
        state.advance(7_000);
        assert!(state.tickets.is_empty());
    }
}

//! Everything that is kept as one value, and the changes to it.
//!
//! ```text
//! piece, change   version u8 = 1, then `bincode` of the fields below in their order
//! ```

use super::outbox::{EventKey, KeptEvent, KeptOutbox};
use super::rooms::KeptRooms;
use super::topics::{KeptReceipt, KeptTopics, Said};
use crate::limits::{KEPT_BYTES_IN_ALL_MAX, KEPT_CHANGE_BYTES_MAX};
use crate::versioned::{self, Unreadable};
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use tickwire::message::topics::PlayerId;

const VERSION: u8 = 1;

/// Bytes of a ticket or an identity that is remembered.
pub(crate) type Fingerprint = [u8; 16];

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
    pub(crate) rooms: KeptRooms,
    /// The number of the last change in it that was made by the log of everything. Changes of other logs come when they
    /// come.
    pub(super) number: u32,
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
    /// A player is muted until this time, in milliseconds since 1970; 0 for not any more.
    Muted { player: PlayerId, until_ms: u64 },
    /// A player has blocked another one, or hears it again.
    Blocked { player: PlayerId, other: PlayerId, blocked: bool },
    /// A player was away for so long that it comes as a new one.
    PlayerForgotten { player: PlayerId },
    /// An event waits for webhooks.
    Event(KeptEvent),
    /// An endpoint needs an event no more: it has taken it, or the event was given up.
    Done { event: EventKey, endpoint: u64 },
    /// An endpoint misses so many events right before this one.
    Missed { event: EventKey, endpoint: u64, missed: u64 },
}

impl Change {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        versioned::encode(VERSION, self, &mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        versioned::decode::<_, KEPT_CHANGE_BYTES_MAX>(VERSION, bytes)
    }

    /// Whether the change is one of the events for webhooks. Logs of shards have such changes too; each may be made again.
    const fn is_of_events(&self) -> bool {
        matches!(self, Self::Event(_) | Self::Done { .. } | Self::Missed { .. })
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
            Change::Muted { player, until_ms } => self.topics.people.mute(player, until_ms),
            Change::Blocked { player, other, blocked } => self.topics.people.block(player, other, blocked),
            Change::PlayerForgotten { player } => self.topics.people.forget(player),
            Change::Event(event) => {
                self.rooms.note(&event);
                self.outbox.push(event);
            }
            Change::Done { event, endpoint } => self.outbox.done(event, endpoint),
            Change::Missed { event, endpoint, missed } => self.outbox.missed(event, endpoint, missed),
        }
    }

    /// Takes in a change that was found behind this state. The log of everything may have been further than others when
    /// it was written, and a change of it must not be made again.
    pub(super) fn go_on_with(&mut self, number: u32, change: Change) {
        if change.is_of_events() || number > self.number {
            self.apply(change);
        }
        self.number = self.number.max(number);
    }

    /// Forgets what has ended by this time.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let now_s = now_ms / 1_000;
        self.tickets.retain(|_, forget_at_s| *forget_at_s > now_s);
        self.revocations.retain(|_, revocation| revocation.forget_at_s > now_s);
        self.topics.advance(now_ms);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        versioned::encode(VERSION, self, out);
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        versioned::decode::<_, KEPT_BYTES_IN_ALL_MAX>(VERSION, bytes)
    }
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
        Change::Event(KeptEvent { key, code, game, at_ms: 5, kind, waiting: [(8, 0), (9, 0)].into() })
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
            Change::Muted { player: PlayerId([2; 10]), until_ms: 9_000 },
            Change::Blocked { player: PlayerId([1; 10]), other: PlayerId([2; 10]), blocked: true },
            Change::PlayerForgotten { player: PlayerId([3; 10]) },
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
        assert_eq!(KeptState::decode(&all), Err(Unreadable::Version { found: VERSION + 1, known: VERSION }));
        // A length of 2^64 - 1 is refused before anything is allocated for it.
        assert!(KeptState::decode(&[&[VERSION][..], &[255; 64]].concat()).is_err());
        let times = |word: &[u8]| all.windows(word.len()).filter(|window| *window == word).count();
        assert_eq!((times(b"announce"), times(b"BCDFGH")), (1, 2), "nothing that follows from another part is there");
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
    fn mutes_end_by_themselves_and_blocks_with_their_player() {
        let people = |state: &KeptState| (state.topics.people.mutes.len(), state.topics.people.blocks.len());
        let mut state = state();
        assert_eq!(people(&state), (1, 1));
        state.advance(9_000);
        assert_eq!(people(&state), (0, 1));
        let (player, other) = (PlayerId([1; 10]), PlayerId([4; 10]));
        state.apply(Change::Blocked { player, other, blocked: true });
        state.apply(Change::Blocked { player, other, blocked: false });
        assert_eq!(state.topics.people.blocks[&player], [PlayerId([2; 10])].into());
        state.apply(Change::PlayerForgotten { player });
        state.apply(Change::Muted { player, until_ms: 10_000 });
        assert_eq!(people(&state), (1, 0));
        state.apply(Change::Muted { player, until_ms: 0 });
        assert_eq!(people(&state), (0, 0));
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

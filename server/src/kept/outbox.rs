//! Events that wait for webhooks.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// The key that makes an event one among all: the process that has told it, its room, and its place among those of the
/// room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct EventKey {
    pub(crate) process: u64,
    pub(crate) room: u64,
    pub(crate) order: u64,
}

/// A player in an event.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptPlayer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) seat: u16,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum EventKind {
    Opened,
    Closed {
        reason: String,
    },
    Joined(KeptPlayer),
    Left(KeptPlayer, String),
    /// The result as JSON.
    Ended {
        result: String,
    },
}

/// An event, and the endpoints that have yet to take it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptEvent {
    pub(crate) key: EventKey,
    pub(crate) code: String,
    pub(crate) game: String,
    pub(crate) at_ms: u64,
    pub(crate) kind: EventKind,
    /// The endpoints, and the events right before this one that each misses.
    pub(crate) waiting: BTreeMap<u64, u64>,
}

/// The events in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeptOutbox {
    events: BTreeMap<u64, KeptEvent>,
    places: BTreeMap<EventKey, u64>,
}

impl KeptOutbox {
    /// The events, oldest first.
    pub(crate) fn events(&self) -> impl Iterator<Item = &KeptEvent> {
        self.events.values()
    }

    /// Takes in an event that somebody waits for. An event that is here keeps its place.
    pub(super) fn push(&mut self, event: KeptEvent) {
        if event.waiting.is_empty() {
            return;
        }
        let next = self.events.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let place = *self.places.entry(event.key).or_insert(next);
        self.events.insert(place, event);
    }

    pub(super) fn done(&mut self, key: EventKey, endpoint: u64) {
        let Some(event) = self.places.get(&key).and_then(|place| self.events.get_mut(place)) else { return };
        event.waiting.remove(&endpoint);
        if event.waiting.is_empty()
            && let Some(place) = self.places.remove(&key)
        {
            self.events.remove(&place);
        }
    }

    pub(super) fn missed(&mut self, key: EventKey, endpoint: u64, missed: u64) {
        let Some(event) = self.places.get(&key).and_then(|place| self.events.get_mut(place)) else { return };
        if let Some(known) = event.waiting.get_mut(&endpoint) {
            *known = missed;
        }
    }
}

/// The events alone are written: their places follow from them.
impl Encode for KeptOutbox {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.events.len() as u64).encode(encoder)?;
        self.events.values().try_for_each(|event| event.encode(encoder))
    }
}

impl<Context> Decode<Context> for KeptOutbox {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut outbox = Self::default();
        Vec::<KeptEvent>::decode(decoder)?.into_iter().for_each(|event| outbox.push(event));
        Ok(outbox)
    }
}

bincode::impl_borrow_decode!(KeptOutbox);

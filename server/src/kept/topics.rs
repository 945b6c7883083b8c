//! The messages of topics, with ids and receipts.

use super::people::KeptPeople;
use crate::limits::{KEPT_LINES_BYTES_MAX, KEPT_RECEIPTS_MAX, PLAYER_FORGOTTEN_MS};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};
use tickwire::message::topics::PlayerId;

/// Bytes that a line and its topic take besides their texts.
const LINE_BYTES: usize = 112;

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptLine {
    pub(crate) id: u64,
    /// The player who has said it, and the name under which it was said.
    pub(crate) from: Option<(PlayerId, String)>,
    pub(crate) at_ms: u64,
    pub(crate) body: String,
}

impl KeptLine {
    fn bytes(&self, topic: &str) -> usize {
        LINE_BYTES + topic.len() + self.body.len() + self.from.as_ref().map_or(0, |(_, name)| name.len())
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Said {
    pub(crate) topic: String,
    /// The id before the first message of the topic.
    pub(crate) base: u64,
    pub(crate) id: u64,
    /// The message, if those who come later still receive it.
    pub(crate) line: Option<KeptLine>,
    /// Messages that the topic keeps, and the milliseconds for which it does.
    pub(crate) lines_max: u64,
    pub(crate) kept_ms: u64,
}

/// A receipt that a player was given for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptReceipt {
    pub(crate) player: PlayerId,
    pub(crate) seq: u64,
    pub(crate) id: u64,
    pub(crate) kept: bool,
    pub(crate) at_ms: u64,
}

/// A topic of which something is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptTopic {
    pub(crate) base: u64,
    pub(crate) newest: u64,
    kept_ms: u64,
    /// The lines by their place among those of all topics.
    pub(crate) lines: BTreeMap<u64, KeptLine>,
}

/// All topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeptTopics {
    pub(crate) by_name: BTreeMap<String, KeptTopic>,
    /// The topic of each line, oldest first.
    order: BTreeMap<u64, String>,
    pub(crate) receipts: VecDeque<KeptReceipt>,
    pub(crate) people: KeptPeople,
    /// The highest id of all, also of topics that have ended.
    pub(crate) newest: u64,
    bytes: usize,
}

impl KeptTopics {
    pub(super) fn say(&mut self, said: Said) {
        let Said { topic: name, base, id, line, lines_max, kept_ms } = said;
        self.newest = self.newest.max(id);
        let Some(line) = line else {
            if let Some(topic) = self.by_name.get_mut(&name) {
                topic.newest = topic.newest.max(id);
            }
            return;
        };
        let topic = self.by_name.entry(name.clone()).or_default();
        (topic.base, topic.newest, topic.kept_ms) = (base, topic.newest.max(id), kept_ms);
        let place = self.order.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        self.bytes += line.bytes(&name);
        topic.lines.insert(place, line);
        let surplus = topic.lines.len().saturating_sub(usize::try_from(lines_max).unwrap_or(usize::MAX));
        let oldest: Vec<u64> = topic.lines.keys().take(surplus).copied().collect();
        self.order.insert(place, name);
        oldest.into_iter().for_each(|place| self.forget(place));
        while self.bytes > KEPT_LINES_BYTES_MAX {
            let Some((&oldest, _)) = self.order.first_key_value() else { return };
            self.forget(oldest);
        }
    }

    pub(super) fn remember(&mut self, receipt: KeptReceipt) {
        self.newest = self.newest.max(receipt.id);
        self.receipts.push_back(receipt);
        while self.receipts.len() > KEPT_RECEIPTS_MAX {
            self.receipts.pop_front();
        }
    }

    pub(super) fn end(&mut self, name: &str) {
        let places: Vec<u64> =
            self.by_name.get(name).into_iter().flat_map(|topic| topic.lines.keys().copied()).collect();
        places.into_iter().for_each(|place| self.forget(place));
    }

    /// Forgets what is older than its topic keeps it.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let is_old = |topic: &KeptTopic, line: &KeptLine| line.at_ms.saturating_add(topic.kept_ms) <= now_ms;
        let of_topic = |topic: &KeptTopic| {
            topic.lines.iter().filter(|(_, line)| is_old(topic, line)).map(|(place, _)| *place).collect::<Vec<_>>()
        };
        let old: Vec<u64> = self.by_name.values().flat_map(of_topic).collect();
        old.into_iter().for_each(|place| self.forget(place));
        self.people.advance(now_ms);
        self.receipts.retain(|receipt| receipt.at_ms.saturating_add(PLAYER_FORGOTTEN_MS) > now_ms);
    }

    /// Forgets a line, and its topic with the last one.
    fn forget(&mut self, place: u64) {
        let Some(name) = self.order.remove(&place) else { return };
        let Some(topic) = self.by_name.get_mut(&name) else { return };
        if let Some(line) = topic.lines.remove(&place) {
            self.bytes = self.bytes.saturating_sub(line.bytes(&name));
        }
        if topic.lines.is_empty() {
            self.by_name.remove(&name);
        }
    }
}

/// The order and the bytes of the lines are not written: they follow from the topics.
impl Encode for KeptTopics {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (&self.by_name, &self.receipts, &self.people, self.newest).encode(encoder)
    }
}

impl<Context> Decode<Context> for KeptTopics {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (by_name, receipts, people, newest) = Decode::decode(decoder)?;
        let mut topics = Self { by_name, order: BTreeMap::new(), receipts, people, newest, bytes: 0 };
        for (name, topic) in &topics.by_name {
            for (place, line) in &topic.lines {
                topics.bytes += line.bytes(name);
                topics.order.insert(*place, name.clone());
            }
        }
        Ok(topics)
    }
}

bincode::impl_borrow_decode!(KeptTopics);

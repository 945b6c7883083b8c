//! A message on its way to those who hear a topic: made once, encoded once, shared by all of them.

use super::{TopicId, json};
use std::borrow::Cow;
use std::sync::Arc;
use tickwire::message::topics::{NUMBER_AT, ServerTopic, TopicNumber};

/// A message of the hub to one client or to all subscribers of a topic.
#[derive(Debug)]
pub struct Delivery {
    /// The topic that the message is about; `None` for a receipt.
    pub topic: Option<TopicId>,
    /// The name of that topic.
    pub name: Arc<str>,
    /// The message. Where it names a number, each subscriber has its own.
    pub message: ServerTopic,
    /// The id of the first message that follows a grant.
    pub next: u64,
    /// Whether the game of the topic's room hears the message.
    pub is_for_game: bool,
    /// Whether ids of the topic's kept messages are apart, because only the newest message of each key is kept.
    pub keyed: bool,
    binary: Box<[u8]>,
    json: Option<Box<str>>,
}

impl Delivery {
    pub(super) fn new(topic: Option<TopicId>, name: &Arc<str>, message: ServerTopic) -> Self {
        let binary = message.encode().into();
        Self { topic, name: Arc::clone(name), message, next: 0, is_for_game: false, keyed: false, binary, json: None }
    }

    /// A message that is about no topic that is heard: a receipt, a refusal, or the client's own name.
    #[must_use]
    pub fn answer(message: ServerTopic) -> Self {
        Self::new(None, &Arc::from(""), message)
    }

    /// The word that a topic has messages up to an id: it travels to lanes only, which find out by it whether the last
    /// message was lost on the way.
    pub(super) fn word_of(topic: TopicId, name: &Arc<str>, newest: u64) -> Self {
        Self::new(Some(topic), name, ServerTopic::Gap { number: 0, from: newest + 1, to: newest })
    }

    /// The id that this is the word of.
    pub(super) const fn newest_said(&self) -> Option<u64> {
        match self.message {
            ServerTopic::Gap { from, to, .. } if from > to => Some(to),
            _ => None,
        }
    }

    /// The bytes that the message takes in memory and on the wire, roughly.
    pub(super) fn bytes(&self) -> usize {
        match &self.message {
            ServerTopic::Message { body, .. } => 48 + body.len(),
            _ => 48,
        }
    }

    /// Appends the message as it travels in `tickwire.1`, with the number that the subscriber has for the topic.
    pub fn put_binary(&self, number: TopicNumber, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.binary);
        if self.message.number().is_some() {
            out[start + NUMBER_AT] = number;
        }
    }

    /// The same delivery with its JSON, which all subscribers that want it then share.
    pub(super) fn with_json(self) -> Self {
        let json = Some(json::write(&self.name, &self.message).into());
        Self { json, ..self }
    }

    /// The message as it travels in `tickwire.json.1`.
    #[must_use]
    pub fn json(&self) -> Cow<'_, str> {
        match &self.json {
            Some(json) => Cow::Borrowed(json),
            None => Cow::Owned(json::write(&self.name, &self.message)),
        }
    }
}

//! One topic: the ids of its messages, the messages that are kept, and the marks of subscribers.

use super::policy::{Keeps, Policy};
use super::{ClientId, Delivery, TopicId, TopicName};
use crate::websocket::rate::Usage;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tickwire::message::topics::{PlayerId, ServerTopic};

/// How often lanes are told the newest id of a topic after its last message.
const WORDS: u8 = 3;

/// The messages up to these ids have reached a subscriber.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) delivered: u64,
    pub(super) read: u64,
}

impl Marks {
    /// The message that tells these marks of a player.
    pub(super) const fn of(self, player: PlayerId) -> ServerTopic {
        ServerTopic::Marked { number: 0, player, delivered: self.delivered, read: self.read }
    }
}

/// The form of a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) is_for_game: bool,
    pub(super) with_json: bool,
}

/// A topic with its messages.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    /// The name as text, which all deliveries share.
    pub(super) text: Arc<str>,
    pub(super) policy: Policy,
    /// The id before the first message of the topic.
    pub(super) base: u64,
    pub(super) newest: u64,
    /// How often lanes are still told the newest id besides the message itself, which may have been lost.
    pub(super) words_left: u8,
    pub(super) subscribers: BTreeSet<ClientId>,
    kept: VecDeque<Arc<Delivery>>,
    pub(super) marks: BTreeMap<PlayerId, Marks>,
    /// Players whose marks have changed since they were last told.
    pub(super) marked: BTreeSet<PlayerId>,
    /// How often anybody has published.
    pub(super) usage: Usage,
}

/// The first messages of a subscriber.
#[derive(Debug)]
pub(super) struct Missed {
    /// Ids that it has missed and that are not kept.
    pub(super) gap: Option<(u64, u64)>,
    pub(super) messages: Vec<Arc<Delivery>>,
    /// The id of the first message that follows the gap.
    pub(super) next: u64,
}

impl Topic {
    pub(super) fn new(name: TopicName, policy: Policy, base: u64) -> Self {
        Self {
            text: name.to_string().into(),
            name,
            policy,
            base,
            newest: base,
            words_left: 0,
            subscribers: BTreeSet::new(),
            kept: VecDeque::new(),
            marks: BTreeMap::new(),
            marked: BTreeSet::new(),
            usage: Usage::default(),
        }
    }

    pub(super) const fn is_keyed(&self) -> bool {
        matches!(self.policy.keeps, Keeps::Newest { .. })
    }

    /// Gives a message its id, and keeps it if the policy says so and `may_keep`. Returns the bytes that are kept more,
    /// which may be negative.
    pub(super) fn add(
        &mut self,
        own: TopicId,
        mut message: ServerTopic,
        may_keep: bool,
        form: Form,
    ) -> (Arc<Delivery>, bool, isize) {
        self.newest += 1;
        self.words_left = WORDS;
        let mut is_gone = false;
        if let ServerTopic::Message { id, body, .. } = &mut message {
            *id = self.newest;
            is_gone = body.is_empty();
        }
        let delivery = Delivery::new(Some(own), &self.text, message);
        let mut delivery = if form.with_json { delivery.with_json() } else { delivery };
        delivery.is_for_game = form.is_for_game;
        let delivery = Arc::new(delivery);
        let before = self.kept_bytes();
        let kept = match self.policy.keeps {
            Keeps::Last { count, .. } => {
                let kept = may_keep && count > 0;
                if kept {
                    self.kept.push_back(Arc::clone(&delivery));
                }
                while self.kept.len() > count {
                    self.kept.pop_front();
                }
                kept
            }
            Keeps::Newest { keys } => {
                self.kept.retain(|other| key_of(other) != key_of(&delivery));
                let kept = !is_gone && self.kept.len() < keys;
                if kept {
                    self.kept.push_back(Arc::clone(&delivery));
                }
                kept
            }
        };
        let after = self.kept_bytes();
        (delivery, kept, after.cast_signed() - before.cast_signed())
    }

    /// Takes back a message of an earlier process, which keeps its id, and returns its bytes.
    pub(super) fn take_back(&mut self, own: TopicId, message: ServerTopic) -> usize {
        let delivery = Arc::new(Delivery::new(Some(own), &self.text, message));
        let bytes = delivery.bytes();
        self.newest = self.newest.max(id_of(&delivery));
        self.kept.push_back(delivery);
        bytes
    }

    /// Forgets messages that are older than the policy keeps them.
    pub(super) fn forget_old(&mut self, now_ms: u64) -> usize {
        let Keeps::Last { ms, .. } = self.policy.keeps else { return 0 };
        let before = self.kept_bytes();
        while self.kept.pop_front_if(|old| time_of(old) + ms <= now_ms).is_some() {}
        before - self.kept_bytes()
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.iter().map(|delivery| delivery.bytes()).sum()
    }

    /// The keys whose messages are kept, with their texts.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kept.iter().filter_map(|delivery| match &delivery.message {
            ServerTopic::Message { key, body, .. } => Some((&**key, &**body)),
            _ => None,
        })
    }

    /// The messages that a subscriber has missed if it has all up to `after`.
    pub(super) fn missed(&self, after: Option<u64>) -> Missed {
        // An id of the time to come, or of before this topic began, says that the topic has begun anew.
        let known = after.filter(|id| (self.base..=self.newest).contains(id));
        if self.is_keyed() {
            let messages = self.kept.iter().map(Arc::clone).collect();
            return Missed { gap: None, messages, next: self.newest + 1 };
        }
        let messages: Vec<_> = match known {
            Some(after) => self.kept.iter().filter(|delivery| id_of(delivery) > after).map(Arc::clone).collect(),
            None => self.kept.iter().map(Arc::clone).collect(),
        };
        // Messages that are not kept leave holes, so only the messages after the last hole are without a gap.
        let next = messages.first().map_or(self.newest + 1, |first| id_of(first));
        let gap = match (known, after) {
            (Some(known), _) if known + 1 < next => Some((known + 1, next - 1)),
            // Nobody knows what was said between the old beginning and this one.
            (None, Some(after)) if after < self.base => Some((after + 1, next - 1)),
            _ => None,
        };
        Missed { gap, messages, next }
    }
}

fn id_of(delivery: &Delivery) -> u64 {
    if let ServerTopic::Message { id, .. } = &delivery.message { *id } else { 0 }
}

fn time_of(delivery: &Delivery) -> u64 {
    if let ServerTopic::Message { at_ms, .. } = &delivery.message { *at_ms } else { 0 }
}

fn key_of(delivery: &Delivery) -> Option<&str> {
    if let ServerTopic::Message { key, .. } = &delivery.message { Some(key) } else { None }
}

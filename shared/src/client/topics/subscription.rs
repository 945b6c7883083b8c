//! One topic that a client hears: its number on this connection, the last message, and the marks that are due.

use super::retry_us;
use crate::message::topics::{ClientTopic, TopicNumber, TopicRefusal};
use alloc::string::String;

/// The time between two marks of one kind in one topic, in microseconds.
const MARK_INTERVAL_US: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client asks at this time, or as soon as it has a connection.
    Due {
        at_us: u64,
    },
    Asked,
    Granted(TopicNumber),
    /// The client has asked, and left before the answer.
    Leaving,
}

/// The place of a message in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Next,
    /// The message has come before.
    Repeated,
    /// These messages are missing before it, and the server has not said so.
    AfterGap {
        from: u64,
        to: u64,
    },
}

/// An id that the server is told, seldom.
#[derive(Debug, Default)]
struct Mark {
    id: u64,
    sent: u64,
    due_us: u64,
}

impl Mark {
    fn poll(&mut self, now_us: u64) -> Option<u64> {
        if self.id <= self.sent || now_us < self.due_us {
            return None;
        }
        (self.sent, self.due_us) = (self.id, now_us + MARK_INTERVAL_US);
        Some(self.id)
    }
}

/// A topic that a client hears or wants to hear.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) name: String,
    state: State,
    /// The last message that the client has.
    last: Option<u64>,
    /// The highest id that the next message may have without a gap before it; `None` before the first grant. It tells a
    /// gap even to a client that has no message yet.
    next_max: Option<u64>,
    has_keys: bool,
    refusals: u32,
    delivered: Mark,
    read: Mark,
}

impl Subscription {
    pub(super) fn new(name: &str, after: Option<u64>) -> Self {
        let (has_keys, refusals, delivered, read) = Default::default();
        let (state, next_max) = (State::Due { at_us: 0 }, after.map(|id| id.saturating_add(1)));
        Self { name: name.into(), state, last: after, next_max, has_keys, refusals, delivered, read }
    }

    /// The number of the topic while the client hears it.
    pub(super) const fn number(&self) -> Option<TopicNumber> {
        match self.state {
            State::Granted(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.state != State::Leaving
    }

    /// The client wants the topic after all, or all of its keys again; gives a number to be left before.
    pub(super) fn ask_again(&mut self) -> Option<TopicNumber> {
        let number = self.number().filter(|_| self.has_keys);
        if number.is_some() {
            self.disconnect();
        } else if !self.is_wanted() {
            self.state = State::Asked;
        }
        number
    }

    /// The client leaves the topic; true when it waits for the server's answer first.
    pub(super) fn leave(&mut self) -> bool {
        let waits = matches!(self.state, State::Asked | State::Leaving);
        if waits {
            self.state = State::Leaving;
        }
        waits
    }

    /// The connection is lost; false when nothing is left of the subscription.
    pub(super) fn disconnect(&mut self) -> bool {
        if matches!(self.state, State::Asked | State::Granted(_)) {
            self.state = State::Due { at_us: 0 };
        }
        // A mark that was sent may not have arrived.
        (self.delivered.sent, self.read.sent) = (0, 0);
        if self.has_keys {
            // Keys that have gone meanwhile are not told to a subscriber that names an id: it asks for all keys.
            (self.last, self.next_max) = (None, None);
        }
        self.is_wanted()
    }

    /// Takes in the number; false when the client does not want the topic any more.
    pub(super) fn grant(&mut self, number: TopicNumber, newest: u64) -> bool {
        let next_max = newest.saturating_add(1);
        if self.next_max.is_none_or(|known| known > next_max) {
            // The topic is new to this client, or began anew: ids from before say nothing then.
            (self.last, self.next_max) = (None, Some(next_max));
            (self.delivered, self.read) = Default::default();
        }
        let is_wanted = self.is_wanted();
        (self.state, self.refusals) = (State::Granted(number), 0);
        is_wanted
    }

    /// Takes in a refusal; false when it is final.
    pub(super) fn retry(&mut self, refusal: TopicRefusal, wait_ms: u32, now_us: u64) -> bool {
        let wait_us = retry_us(refusal, wait_ms, self.refusals);
        if let Some(wait_us) = wait_us {
            self.state = State::Due { at_us: now_us + wait_us };
            self.refusals += 1;
        }
        wait_us.is_some()
    }

    /// Finds the place of a message with this id. A message with a key may come again, or late: its key's newest
    /// message is all that counts, and the server keeps their order.
    pub(super) fn place(&mut self, id: u64, has_key: bool) -> Place {
        self.has_keys |= has_key;
        let place = match (self.last, self.next_max) {
            _ if has_key => Place::Next,
            (Some(last), _) if id <= last => return Place::Repeated,
            (_, Some(max)) if id > max => Place::AfterGap { from: max, to: id - 1 },
            _ => Place::Next,
        };
        self.pass(id);
        place
    }

    /// Takes in a gap, and gives its first id that the client does not have; `None` when there is none.
    pub(super) fn skip(&mut self, from: u64, to: u64) -> Option<u64> {
        let from = self.last.map_or(from, |last| from.max(last.saturating_add(1)));
        // The highest id has none after it, and may be the last one of the client.
        if from > to || self.last == Some(to) {
            return None;
        }
        self.pass(to);
        Some(from)
    }

    fn pass(&mut self, id: u64) {
        let last = self.last.map_or(id, |last| last.max(id));
        (self.last, self.next_max) = (Some(last), Some(last.saturating_add(1)));
    }

    /// A message of another player has come, and its author is told if the topic has marks.
    pub(super) fn receive(&mut self, id: u64) {
        if has_marks(&self.name) {
            self.delivered.id = self.delivered.id.max(id);
        }
    }

    /// The player has seen the messages up to this id.
    pub(super) fn read(&mut self, id: u64) {
        // A mark beyond the last message would silence those that are to come.
        self.read.id = self.read.id.max(id.min(self.last.unwrap_or(0)));
    }

    pub(super) fn poll_transmit(&mut self, now_us: u64) -> Option<ClientTopic> {
        match self.state {
            State::Due { at_us } if now_us >= at_us => {
                self.state = State::Asked;
                Some(ClientTopic::Subscribe { topic: self.name.clone(), after: self.last })
            }
            State::Granted(number) => {
                let (id, read) = match self.read.poll(now_us) {
                    Some(id) => (id, true),
                    None => (self.delivered.poll(now_us)?, false),
                };
                // A message that was seen was also received.
                self.delivered.sent = self.delivered.sent.max(id);
                Some(ClientTopic::Mark { number, id, read })
            }
            _ => None,
        }
    }
}

/// Whether the subscribers of a topic are told who has received and seen its messages: the chat of a room, and the
/// topic of a player.
fn has_marks(topic: &str) -> bool {
    topic.starts_with("player/")
        || topic.strip_prefix("room/").is_some_and(|rest| rest.bytes().all(|byte| byte != b'/'))
}

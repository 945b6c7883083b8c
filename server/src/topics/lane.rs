//! A lane: the messages about topics that one connection is still to receive.
//!
//! A lane is bounded. When its reader is slow, the oldest message gives way and a gap says so; in a topic with keys the
//! newest message takes the place of the one before. Grants, receipts and endings are answers to the reader's own
//! messages, which come at a limited rate, and never give way.

use super::{Delivery, TopicId};
use crate::limits::{LANE_BYTES_MAX, LANE_MESSAGES_MAX};
use std::collections::VecDeque;
use std::sync::Arc;
use tickwire::message::topics::{ServerTopic, TopicNumber};

/// The next thing to write for a connection.
#[derive(Debug)]
pub enum LaneItem {
    /// A message that others may receive too, and the number that this connection has for its topic.
    Delivery(Arc<Delivery>, TopicNumber),
    /// A gap in the ids of a topic, which this connection alone has.
    Gap {
        /// The topic.
        name: Arc<str>,
        /// The number that the connection has for it.
        number: TopicNumber,
        /// The first id that is missing.
        from: u64,
        /// The last id that is missing.
        to: u64,
    },
}

impl LaneItem {
    /// Appends the message as it travels in `tickwire.1`.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Delivery(delivery, number) => delivery.put_binary(*number, out),
            Self::Gap { number, from, to, .. } => {
                out.extend(ServerTopic::Gap { number: *number, from: *from, to: *to }.encode());
            }
        }
    }
}

/// A topic that the connection hears.
#[derive(Debug)]
struct Heard {
    topic: TopicId,
    name: Arc<str>,
    number: TopicNumber,
    keyed: bool,
    /// The id that the next message to arrive has, if none is lost before the lane.
    next: u64,
    /// The id that the next message to be written has, if none was lost in the lane.
    next_written: u64,
    /// Ids that were lost and have not been said yet: the first and the last.
    lost: Option<(u64, u64)>,
}

impl Heard {
    /// A message has arrived, or the word that there are messages up to `newest`; the messages before `id` that have
    /// not come were lost on the way. Returns whether something was.
    fn arrived(&mut self, id: u64, newest: u64) -> bool {
        let is_lost = id > self.next;
        if is_lost {
            self.lose(self.next, id - 1);
        }
        self.next = self.next.max(newest + 1);
        is_lost
    }

    /// The gap that has to be said now; `front` is the id of the message of the topic that is to be written next, and
    /// `waits` says whether any message of the topic waits.
    fn take_gap(&mut self, front: Option<u64>, waits: bool) -> Option<(u64, u64)> {
        if self.keyed {
            return self.lost.take();
        }
        let (from, to) = match (front, self.lost) {
            (Some(id), _) if id > self.next_written => (self.next_written, id - 1),
            (None, Some((_, last))) if !waits => (self.next_written, last),
            _ => return None,
        };
        self.next_written = self.next_written.max(to + 1);
        self.lost = self.lost.filter(|(_, last)| *last > to);
        (from <= to).then_some((from, to))
    }

    fn lose(&mut self, from: u64, to: u64) {
        let (first, last) = self.lost.unwrap_or((from, to));
        self.lost = Some((first.min(from), last.max(to)));
    }
}

/// The lane of one connection.
#[derive(Debug, Default)]
pub struct Lane {
    heard: Vec<Heard>,
    /// The messages to be written, each with the number that the connection has for its topic.
    queue: VecDeque<(Arc<Delivery>, TopicNumber)>,
    /// Messages of topics in the queue, and their bytes.
    messages: usize,
    bytes: usize,
    /// Messages that have given way since somebody asked.
    lost: u64,
    /// Whether something was lost that has not been said yet.
    has_lost: bool,
}

impl Lane {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.has_lost
    }

    /// The number of messages that have given way to newer ones since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Whether the connection hears a topic.
    #[must_use]
    pub fn hears(&self, topic: TopicId) -> bool {
        self.heard.iter().any(|heard| heard.topic == topic)
    }

    /// Takes in a message for the connection. A message of a topic that it does not hear is left out.
    pub fn push(&mut self, delivery: &Arc<Delivery>) {
        let number = match (&delivery.message, delivery.topic) {
            (ServerTopic::Granted { number, newest, .. }, Some(topic)) => {
                self.forget(topic);
                let (name, keyed) = (Arc::clone(&delivery.name), delivery.keyed);
                let next = if keyed { newest + 1 } else { delivery.next };
                let heard = Heard { topic, name, number: *number, keyed, next, next_written: next, lost: None };
                self.heard.push(heard);
                *number
            }
            (ServerTopic::Ended { .. }, Some(topic)) => match self.forget(topic) {
                Some(number) => number,
                None => return,
            },
            (ServerTopic::Message { .. } | ServerTopic::Marked { .. } | ServerTopic::Gap { .. }, Some(topic)) => {
                let Some(place) = self.heard.iter().position(|heard| heard.topic == topic) else { return };
                if let Some(newest) = delivery.newest_said() {
                    self.has_lost |= self.heard[place].arrived(newest + 1, newest);
                    return;
                }
                self.replace_older(delivery, place);
                if gives_way(delivery) {
                    self.make_place(delivery);
                }
                self.heard[place].number
            }
            _ => 0,
        };
        self.queue.push_back((Arc::clone(delivery), number));
    }

    /// Leaves out what the delivery makes obsolete, and notes what was lost on the way here.
    fn replace_older(&mut self, delivery: &Delivery, place: usize) {
        let heard = &mut self.heard[place];
        if let ServerTopic::Message { id, .. } = delivery.message {
            self.has_lost |= heard.arrived(id, id);
            if !heard.keyed {
                return;
            }
        }
        if let Some(older) = self.queue.iter().position(|(other, _)| has_same_key(other, delivery)) {
            self.leave_out(older);
        }
    }

    /// Makes place for one more message, at the cost of the oldest ones.
    fn make_place(&mut self, delivery: &Delivery) {
        let bytes = delivery.bytes();
        while self.messages >= LANE_MESSAGES_MAX || self.messages > 0 && self.bytes + bytes > LANE_BYTES_MAX {
            let oldest = self.queue.iter().position(|(other, _)| gives_way(other));
            let Some(lost) = oldest.and_then(|place| self.leave_out(place)) else { break };
            if let (ServerTopic::Message { id, .. }, Some(topic)) = (&lost.message, lost.topic)
                && let Some(heard) = self.heard.iter_mut().find(|heard| heard.topic == topic)
            {
                heard.lose(*id, *id);
                self.has_lost = true;
                self.lost += 1;
            }
        }
        self.messages += 1;
        self.bytes += bytes;
    }

    fn leave_out(&mut self, place: usize) -> Option<Arc<Delivery>> {
        let (delivery, _) = self.queue.remove(place)?;
        self.uncount(&delivery);
        Some(delivery)
    }

    fn uncount(&mut self, delivery: &Delivery) {
        if gives_way(delivery) {
            self.messages -= 1;
            self.bytes -= delivery.bytes();
        }
    }

    /// Leaves out everything of a topic, which the connection hears no longer or is about to hear anew. Returns the
    /// number that the connection had for it.
    fn forget(&mut self, topic: TopicId) -> Option<TopicNumber> {
        let place = self.heard.iter().position(|heard| heard.topic == topic)?;
        while let Some(place) = self.queue.iter().position(|(delivery, _)| delivery.topic == Some(topic)) {
            self.leave_out(place);
        }
        Some(self.heard.swap_remove(place).number)
    }

    /// The next thing to write.
    pub fn poll(&mut self) -> Option<LaneItem> {
        if let Some(gap) = self.poll_gap() {
            return Some(gap);
        }
        let (delivery, number) = self.queue.pop_front()?;
        self.uncount(&delivery);
        let written = match delivery.message {
            ServerTopic::Message { id, .. } => Some(id),
            ServerTopic::Gap { to, .. } => Some(to),
            _ => None,
        };
        if let Some(id) = written
            && let Some(heard) = self.heard.iter_mut().find(|heard| Some(heard.topic) == delivery.topic)
        {
            heard.next_written = heard.next_written.max(id + 1);
        }
        Some(LaneItem::Delivery(delivery, number))
    }

    /// The gap that has to be said before anything else: before the next message of its topic, or at once where no
    /// message of the topic waits.
    fn poll_gap(&mut self) -> Option<LaneItem> {
        if !self.has_lost {
            return None;
        }
        let front = self.queue.front().and_then(|(front, _)| match (&front.message, front.topic) {
            (ServerTopic::Message { id, .. }, Some(topic)) => Some((topic, *id)),
            _ => None,
        });
        for heard in &mut self.heard {
            let front = front.filter(|(topic, _)| *topic == heard.topic).map(|(_, id)| id);
            let waits = self.queue.iter().any(|(delivery, _)| is_message_of(delivery, heard.topic));
            if let Some((from, to)) = heard.take_gap(front, waits) {
                let (name, number) = (Arc::clone(&heard.name), heard.number);
                return Some(LaneItem::Gap { name, number, from, to });
            }
        }
        self.has_lost = self.heard.iter().any(|heard| heard.lost.is_some());
        None
    }
}

/// Whether a message gives way to newer ones when the lane is full.
const fn gives_way(delivery: &Delivery) -> bool {
    matches!(delivery.message, ServerTopic::Message { .. } | ServerTopic::Marked { .. })
}

fn is_message_of(delivery: &Delivery, topic: TopicId) -> bool {
    delivery.topic == Some(topic) && matches!(delivery.message, ServerTopic::Message { .. })
}

/// Whether two messages are about the same key of a topic, or about the same player's marks.
fn has_same_key(one: &Delivery, other: &Delivery) -> bool {
    let is_same = match (&one.message, &other.message) {
        (ServerTopic::Message { key: one, .. }, ServerTopic::Message { key: other, .. }) => one == other,
        (ServerTopic::Marked { player: one, .. }, ServerTopic::Marked { player: other, .. }) => one == other,
        _ => false,
    };
    is_same && one.topic == other.topic
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;
    use tickwire::message::topics::{PlayerId, Receipt};

    /// A lane and the topics that it may hear.
    struct Reader {
        lane: Lane,
        topics: SlotMap<TopicId, ()>,
    }

    impl Reader {
        fn new() -> Self {
            Self { lane: Lane::default(), topics: SlotMap::with_key() }
        }

        fn hear(&mut self, number: TopicNumber, newest: u64, keyed: bool) -> TopicId {
            let topic = self.topics.insert(());
            let (name, may_publish) = ("t".into(), true);
            let granted = ServerTopic::Granted { number, topic: name, newest, may_publish, bytes_max: 512 };
            let mut delivery = Delivery::new(Some(topic), &"t".into(), granted);
            (delivery.next, delivery.keyed) = (newest + 1, keyed);
            self.lane.push(&Arc::new(delivery));
            topic
        }

        fn push(&mut self, topic: TopicId, message: ServerTopic) {
            self.lane.push(&Arc::new(Delivery::new(Some(topic), &"t".into(), message)));
        }

        fn say(&mut self, topic: TopicId, id: u64, key: &str, body: &str) {
            let (key, body) = (key.into(), body.into());
            self.push(topic, ServerTopic::Message { number: 0, id, key, from: None, at_ms: 0, body });
        }

        /// Everything that is written: messages by number and id, gaps by their bounds.
        fn read(&mut self) -> Vec<String> {
            std::iter::from_fn(|| self.lane.poll())
                .map(|item| {
                    let mut bytes = Vec::new();
                    item.put(&mut bytes);
                    match ServerTopic::decode(&bytes).unwrap() {
                        ServerTopic::Message { number, id, key, .. } => format!("{number}:{id}{key}"),
                        ServerTopic::Gap { number, from, to } => format!("{number}:gap {from}-{to}"),
                        ServerTopic::Marked { number, read, .. } => format!("{number}:read {read}"),
                        ServerTopic::Granted { number, .. } => format!("{number}:granted"),
                        ServerTopic::Ended { number } => format!("{number}:ended"),
                        other => format!("{other:?}"),
                    }
                })
                .collect()
        }
    }

    #[test]
    fn messages_come_in_order_with_the_number_of_the_reader_and_those_of_other_topics_do_not_come() {
        let mut reader = Reader::new();
        let (one, other) = (reader.hear(3, 0, false), reader.hear(4, 9, false));
        let foreign = reader.topics.insert(());
        reader.say(one, 1, "", "a");
        reader.say(foreign, 1, "", "x");
        reader.say(other, 10, "", "b");
        reader.say(one, 2, "", "c");
        assert_eq!(reader.read(), ["3:granted", "4:granted", "3:1", "4:10", "3:2"]);
        assert!(reader.lane.is_empty());
    }

    #[test]
    fn a_full_lane_loses_the_oldest_messages_and_says_so_before_the_next_one() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 0, false);
        let count = LANE_MESSAGES_MAX as u64 + 7;
        (1..=count).for_each(|id| reader.say(topic, id, "", "x"));
        let read = reader.read();
        assert_eq!(read[..3], ["0:granted", "0:gap 1-7", "0:8"]);
        assert_eq!(read.last(), Some(&format!("0:{count}")));
        assert_eq!((read.len(), reader.lane.take_lost()), (2 + LANE_MESSAGES_MAX, 7));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 0, false);
        let long = "x".repeat(1_400);
        (1..=100).for_each(|id| reader.say(topic, id, "", &long));
        assert!(reader.lane.bytes <= LANE_BYTES_MAX && reader.lane.messages < 40);
        assert_eq!(reader.read().last().map(String::as_str), Some("0:100"));
        assert_eq!((reader.lane.messages, reader.lane.bytes), (0, 0));
    }

    #[test]
    fn what_is_lost_of_a_quiet_topic_is_said_although_nothing_follows_in_it() {
        let mut reader = Reader::new();
        let (quiet, loud) = (reader.hear(0, 0, false), reader.hear(1, 0, false));
        reader.say(quiet, 1, "", "x");
        (1..=LANE_MESSAGES_MAX as u64).for_each(|id| reader.say(loud, id, "", "x"));
        let read = reader.read();
        assert_eq!(read.iter().filter(|line| *line == "0:gap 1-1").count(), 1, "{read:?}");
        reader.say(quiet, 2, "", "x");
        assert_eq!(reader.read(), ["0:2"], "the gap is said once");
    }

    #[test]
    fn a_message_that_was_lost_on_the_way_to_the_lane_is_a_gap() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 0, false);
        [1, 2, 5].into_iter().for_each(|id| reader.say(topic, id, "", "x"));
        assert_eq!(reader.read(), ["0:granted", "0:1", "0:2", "0:gap 3-4", "0:5"]);
    }

    #[test]
    fn the_newest_message_of_a_key_and_the_newest_marks_of_a_player_take_the_place_of_older_ones() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 4, true);
        // Kept messages come with the ids that they have; only live ids grow by one.
        reader.say(topic, 2, "a", "x");
        reader.say(topic, 4, "b", "x");
        reader.say(topic, 5, "a", "y");
        let marks = |read| ServerTopic::Marked { number: 0, player: PlayerId([1; 10]), delivered: 9, read };
        reader.push(topic, marks(3));
        reader.push(topic, marks(4));
        assert_eq!(reader.read(), ["0:granted", "0:4b", "0:5a", "0:read 4"]);
        reader.say(topic, 8, "c", "x");
        assert_eq!(reader.read(), ["0:gap 6-7", "0:8c"], "a change of a key was lost, so the reader has to ask anew");
    }

    #[test]
    fn nothing_of_a_topic_comes_after_its_end_and_its_number_can_be_given_again() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 0, false);
        reader.say(topic, 1, "", "x");
        reader.push(topic, ServerTopic::Ended { number: 0 });
        reader.say(topic, 2, "", "x");
        let other = reader.hear(0, 0, false);
        reader.say(other, 1, "", "x");
        assert_eq!(reader.read(), ["0:ended", "0:granted", "0:1"]);
        reader.push(topic, ServerTopic::Ended { number: 0 });
        assert_eq!(reader.read(), [""; 0], "an end is said once");
    }

    #[test]
    fn receipts_never_give_way() {
        let mut reader = Reader::new();
        let topic = reader.hear(0, 0, false);
        let receipt = ServerTopic::Receipt { seq: 1, receipt: Receipt::Taken { id: 1, kept: true } };
        reader.lane.push(&Arc::new(Delivery::answer(receipt.clone())));
        (1..=1_000).for_each(|id| reader.say(topic, id, "", "x"));
        assert!(reader.read().contains(&format!("{receipt:?}")));
    }
}

//! One subscription as a measurement hears it: messages that arrived, messages that are missing, and messages that
//! should not be there.
//!
//! It reads the messages as they come off the wire, and shares no code with the client that it may sit beside: so a fault
//! of the server shows, even where the client would make up for it.

use std::ops::AddAssign;
use tickwire::message::topics::{ClientTopic, ServerTopic, TopicNumber};
use tickwire::wire::DecodeError;

/// Messages of a topic, as subscribers have received them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicCounts {
    /// Messages that arrived.
    pub messages: u64,
    /// Messages that are missing, as gaps say.
    pub missed: u64,
    /// Messages that are missing, and no gap says so.
    pub lost: u64,
    /// Messages that arrived once more, or after a newer one.
    pub doubles: u64,
    /// Subscriptions that were refused, and not granted since.
    pub refused: u64,
}

impl TopicCounts {
    /// The counts since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            messages: self.messages - earlier.messages,
            missed: self.missed - earlier.missed,
            lost: self.lost - earlier.lost,
            doubles: self.doubles - earlier.doubles,
            refused: self.refused.saturating_sub(earlier.refused),
        }
    }
}

impl AddAssign for TopicCounts {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.missed += other.missed;
        self.lost += other.lost;
        self.doubles += other.doubles;
        self.refused += other.refused;
    }
}

/// A subscription to one topic, over any number of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicEar {
    topic: String,
    /// The number that the topic has on this connection.
    number: Option<TopicNumber>,
    /// The newest id that has arrived or is said to be missing.
    newest: Option<u64>,
    counts: TopicCounts,
}

impl TopicEar {
    /// A subscription that has heard nothing yet.
    #[must_use]
    pub fn new(topic: &str) -> Self {
        Self { topic: topic.into(), number: None, newest: None, counts: TopicCounts::default() }
    }

    /// The name of the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The wish to hear the topic: after the newest message that is known. The server must know the client by then.
    #[must_use]
    pub fn subscribe(&self) -> ClientTopic {
        ClientTopic::Subscribe { topic: self.topic.clone(), after: self.newest }
    }

    /// Whether the server has granted the subscription.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        self.number.is_some()
    }

    /// The counts so far.
    #[must_use]
    pub const fn counts(&self) -> TopicCounts {
        self.counts
    }

    /// Hears a message about topics. The first one of a connection says that the server knows the client, and is
    /// answered with the subscription.
    ///
    /// # Errors
    /// When the bytes are no message about topics.
    pub fn hear(&mut self, message: &[u8]) -> Result<Option<ClientTopic>, DecodeError> {
        match ServerTopic::decode(message)? {
            ServerTopic::You { .. } => {
                self.number = None;
                return Ok(Some(self.subscribe()));
            }
            ServerTopic::Granted { number, topic, newest, .. } if topic == self.topic => {
                (self.number, self.counts.refused) = (Some(number), 0);
                // A topic whose newest id is older has begun anew.
                self.newest = self.newest.filter(|known| *known <= newest);
            }
            ServerTopic::Refused { topic, .. } if topic == self.topic => self.counts.refused = 1,
            ServerTopic::Message { number, id, key, .. } if self.number == Some(number) => {
                self.arrive(id, !key.is_empty());
            }
            ServerTopic::Gap { number, from, to } if self.number == Some(number) => {
                self.counts.missed += to.saturating_sub(from) + 1;
                self.newest = self.newest.max(Some(to));
            }
            ServerTopic::Ended { number } if self.number == Some(number) => self.number = None,
            _ => {}
        }
        Ok(None)
    }

    /// In a topic with keys a newer message takes the place of an older one, so its ids have holes that nobody says.
    fn arrive(&mut self, id: u64, has_key: bool) {
        self.counts.messages += 1;
        match self.newest {
            Some(newest) if id <= newest => return self.counts.doubles += u64::from(!has_key),
            Some(newest) if !has_key => self.counts.lost += id - newest - 1,
            _ => {}
        }
        self.newest = Some(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::message::topics::PlayerId;

    fn hear(ear: &mut TopicEar, message: &ServerTopic) -> Option<ClientTopic> {
        ear.hear(&message.encode()).unwrap()
    }

    fn you() -> ServerTopic {
        ServerTopic::You { player: PlayerId([1; 10]), name: "Ada".into() }
    }

    fn granted(number: u8, newest: u64) -> ServerTopic {
        ServerTopic::Granted { number, topic: "announce".into(), newest, may_publish: false, bytes_max: 512 }
    }

    fn message(number: u8, id: u64, key: &str) -> ServerTopic {
        ServerTopic::Message { number, id, key: key.into(), from: None, at_ms: 0, body: "hi".into() }
    }

    fn subscribed() -> TopicEar {
        let mut ear = TopicEar::new("announce");
        hear(&mut ear, &you());
        hear(&mut ear, &granted(3, 10));
        ear
    }

    #[test]
    fn every_message_is_counted_once_as_what_it_is() {
        let mut ear = subscribed();
        for id in [9, 10, 11, 11, 14] {
            hear(&mut ear, &message(3, id, ""));
        }
        hear(&mut ear, &ServerTopic::Gap { number: 3, from: 15, to: 16 });
        hear(&mut ear, &message(3, 17, ""));
        hear(&mut ear, &message(4, 30, ""));
        assert_eq!(ear.counts(), TopicCounts { messages: 6, missed: 2, lost: 2, doubles: 1, refused: 0 });
    }

    #[test]
    fn a_new_connection_subscribes_after_the_newest_message_and_forgets_its_number() {
        let mut ear = subscribed();
        hear(&mut ear, &message(3, 11, ""));
        let again = ClientTopic::Subscribe { topic: "announce".into(), after: Some(11) };
        assert_eq!(hear(&mut ear, &you()), Some(again));
        assert!(!ear.is_granted());
        hear(&mut ear, &granted(0, 12));
        hear(&mut ear, &message(0, 12, ""));
        assert_eq!(ear.counts(), TopicCounts { messages: 2, ..TopicCounts::default() });
        // The topic has begun anew, with smaller ids.
        hear(&mut ear, &granted(0, 5));
        hear(&mut ear, &message(0, 6, ""));
        assert_eq!(ear.counts().doubles, 0);
    }

    #[test]
    fn a_topic_with_keys_has_holes_and_no_losses() {
        let mut ear = subscribed();
        for id in [4, 9, 7] {
            hear(&mut ear, &message(3, id, "C4FK9T"));
        }
        assert_eq!(ear.counts(), TopicCounts { messages: 3, ..TopicCounts::default() });
    }

    #[test]
    fn a_refusal_is_counted_and_other_bytes_are_an_error() {
        let mut ear = TopicEar::new("announce");
        let refusal = tickwire::message::topics::TopicRefusal::NoTopic;
        hear(&mut ear, &ServerTopic::Refused { topic: "announce".into(), refusal, wait_ms: 0 });
        assert_eq!((ear.counts().refused, ear.is_granted()), (1, false));
        hear(&mut ear, &granted(3, 10));
        assert_eq!((ear.counts().refused, ear.is_granted()), (0, true));
        assert!(ear.hear(&[0x84]).is_err());
    }
}

//! The intake of a connection: how many messages about topics it may send, before any of them reaches the hub.

use super::policy::{FLOOD, MESSAGES};
use crate::websocket::rate::Usage;
use tickwire::limits::TOPIC_BYTES_MAX;
use tickwire::message::topics::{ClientTopic, Receipt, ServerTopic, TopicRefusal};

/// The fate of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// It goes on to the hub.
    Pass,
    /// It is refused, with this answer.
    Answer(ServerTopic),
    /// It is left out, because it needs no answer.
    Ignore,
}

/// The messages that a connection has sent lately.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flood {
    messages: Usage,
    flood: Usage,
}

impl Flood {
    /// Counts one more message, whatever it asks for; false when the connection is to be closed, because it floods the
    /// server.
    pub fn count(&mut self, now_us: u64) -> bool {
        self.flood.take(FLOOD, now_us)
    }

    /// Judges a message that is for the hub.
    pub fn judge(&mut self, message: &ClientTopic, now_us: u64) -> Intake {
        if self.take(now_us) {
            return Intake::Pass;
        }
        let wait_us = self.messages.wait_us(MESSAGES, now_us).unwrap_or_default();
        refuse(message, TopicRefusal::Rate, wait_us.div_ceil(1_000))
    }

    /// Counts a message that somebody has to deal with; false when there are too many.
    pub fn take(&mut self, now_us: u64) -> bool {
        self.messages.take(MESSAGES, now_us)
    }
}

/// The answer to a message that does not reach the hub.
#[must_use]
pub fn refuse(message: &ClientTopic, refusal: TopicRefusal, wait_ms: u64) -> Intake {
    let wait_ms = u32::try_from(wait_ms).unwrap_or(u32::MAX);
    match message {
        ClientTopic::Publish { seq, .. } => {
            Intake::Answer(ServerTopic::Receipt { seq: *seq, receipt: Receipt::Refused { refusal, wait_ms } })
        }
        ClientTopic::Subscribe { topic, .. } => {
            let topic = topic[..topic.floor_char_boundary(TOPIC_BYTES_MAX)].into();
            Intake::Answer(ServerTopic::Refused { topic, refusal, wait_ms })
        }
        ClientTopic::Leave { .. } | ClientTopic::Mark { .. } | ClientTopic::Block { .. } => Intake::Ignore,
    }
}

//! Messages of a client without a receipt. They are sent on each connection until the server has answered.

use super::retry_us;
use crate::limits::{TEXT_BYTES_MAX, TOPIC_BYTES_MAX};
use crate::message::topics::{ClientTopic, Receipt, TopicRefusal};
use alloc::string::String;
use alloc::vec::Vec;

/// Messages that wait for their receipts at the most; further ones are refused as [`TopicRefusal::Busy`].
pub(super) const UNANSWERED_MAX: usize = 32;

#[derive(Debug)]
struct Publication {
    seq: u64,
    topic: String,
    body: String,
    /// Whether it was sent on this connection, and not refused since.
    sent: bool,
    due_us: u64,
    refusals: u32,
}

/// The messages without a receipt, in the order in which they were said.
#[derive(Debug)]
pub(super) struct Publications {
    next_seq: u64,
    unanswered: Vec<Publication>,
}

impl Publications {
    pub(super) const fn new(first_seq: u64) -> Self {
        Self { next_seq: first_seq, unanswered: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.unanswered.len()
    }

    /// Adds a message, and gives its number; with a reason when the message is refused at once.
    pub(super) fn add(&mut self, topic: &str, body: &str) -> (u64, Option<TopicRefusal>) {
        let seq = self.next_seq;
        self.next_seq = seq.wrapping_add(1);
        let refusal = match () {
            () if topic.len() > TOPIC_BYTES_MAX => TopicRefusal::NoTopic,
            () if body.len() > TEXT_BYTES_MAX => TopicRefusal::Text,
            () if self.unanswered.len() >= UNANSWERED_MAX => TopicRefusal::Busy,
            () => {
                let (topic, body) = (topic.into(), body.into());
                self.unanswered.push(Publication { seq, topic, body, sent: false, due_us: 0, refusals: 0 });
                return (seq, None);
            }
        };
        (seq, Some(refusal))
    }

    /// The connection is lost, and with it perhaps what was sent.
    pub(super) fn disconnect(&mut self) {
        self.unanswered.iter_mut().for_each(|publication| publication.sent = false);
    }

    /// Takes in an answer; true when it is the final one.
    pub(super) fn handle_receipt(&mut self, seq: u64, receipt: Receipt, now_us: u64) -> bool {
        let Some(place) = self.unanswered.iter().position(|known| known.seq == seq) else { return false };
        let publication = &mut self.unanswered[place];
        if let Receipt::Refused { refusal, wait_ms } = receipt
            && let Some(wait_us) = retry_us(refusal, wait_ms, publication.refusals)
        {
            (publication.sent, publication.due_us) = (false, now_us + wait_us);
            publication.refusals += 1;
            return false;
        }
        self.unanswered.remove(place);
        true
    }

    pub(super) fn poll_transmit(&mut self, now_us: u64) -> Option<ClientTopic> {
        let place = (0..self.unanswered.len()).find(|place| self.is_next(*place, now_us))?;
        let publication = &mut self.unanswered[place];
        publication.sent = true;
        let Publication { seq, topic, body, .. } = publication;
        Some(ClientTopic::Publish { topic: topic.clone(), seq: *seq, body: body.clone() })
    }

    /// Whether a message may be sent now. It does not overtake an earlier one of its topic that has to wait.
    fn is_next(&self, place: usize, now_us: u64) -> bool {
        let (earlier, rest) = self.unanswered.split_at(place);
        let waits = |topic: &str| earlier.iter().any(|other| !other.sent && other.topic == topic);
        rest.first().is_some_and(|next| !next.sent && next.due_us <= now_us && !waits(&next.topic))
    }
}

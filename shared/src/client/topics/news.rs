//! News of topics, for the page or program that shows them, and counts of faults.

use crate::message::topics::ServerTopic;
use alloc::string::String;

/// News of topics: a message of the server, and the name of its topic.
///
/// * [`ServerTopic::Granted`]: the client hears a topic from now on, or again after a lost connection. The messages that
///   it has missed follow. In a topic with keys all keys follow, so the caller forgets those that it knows.
/// * [`ServerTopic::Message`]: in a topic without keys its id is one more than that of the message or gap before.
/// * [`ServerTopic::Gap`]: messages are lost that the client does not have.
/// * [`ServerTopic::Refused`], [`ServerTopic::Receipt`]: the answer is final, and the client does not try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNews {
    /// The name of the topic; empty for a receipt and for [`ServerTopic::You`].
    pub topic: String,
    /// The message. A number of a topic in it belongs to the connection, and tells the caller nothing.
    pub message: ServerTopic,
}

/// Faults of topics, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// Messages that came a second time, and were not told again.
    pub repeated: u64,
    /// Gaps that the server has not told: an id was higher than it should be.
    pub untold_gaps: u64,
    /// News that were lost because the caller did not poll.
    pub unpolled: u64,
}

//! The part of a load test's report about the topic that its clients hear.

use crate::topic_ear::TopicCounts;
use serde::Serialize;

/// A topic as all clients together have heard it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// The name, as the command line has it.
    pub topic: String,
    /// Messages that arrived in the whole run.
    pub messages: u64,
    /// Messages that a client received in a second, in the measured seconds.
    pub messages_per_client_per_s: f64,
    /// Messages that are missing, as gaps say: a client was too slow for them.
    pub missed: u64,
    /// Messages that are missing, and no gap says so.
    pub lost: u64,
    /// Messages that arrived once more, or after a newer one.
    pub doubles: u64,
    /// Subscriptions that were refused.
    pub refused: u64,
}

impl Topic {
    /// The part of a run with these counts, of which so many messages a second and client were measured.
    #[must_use]
    pub fn new(topic: &str, counts: TopicCounts, messages_per_client_per_s: f64) -> Self {
        let TopicCounts { messages, missed, lost, doubles, refused } = counts;
        Self { topic: topic.into(), messages, messages_per_client_per_s, missed, lost, doubles, refused }
    }

    pub(super) fn broken_promises(&self) -> Vec<String> {
        let Self { topic, messages, lost, doubles, refused, .. } = self;
        let checks = [
            (*messages == 0, format!("no message of {topic} arrived: nothing was said, or nobody heard it")),
            (*lost > 0, format!("{lost} messages of {topic} are missing, and no gap says so")),
            (*doubles > 0, format!("{doubles} messages of {topic} arrived twice or in disorder")),
            (*refused > 0, format!("{refused} subscriptions to {topic} were refused")),
        ];
        super::words_of_true(checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_losses_doubles_and_refusals_break_promises_and_gaps_do_not() {
        let broken = |counts| Topic::new("announce", counts, 50.0).broken_promises();
        let heard = TopicCounts { messages: 7, missed: 3, ..TopicCounts::default() };
        assert_eq!(broken(heard), [""; 0]);
        for (counts, words) in [
            (TopicCounts::default(), "no message of announce arrived"),
            (TopicCounts { lost: 2, ..heard }, "2 messages of announce are missing"),
            (TopicCounts { doubles: 1, ..heard }, "1 messages of announce arrived twice"),
            (TopicCounts { refused: 4, ..heard }, "4 subscriptions to announce"),
        ] {
            let words_found = broken(counts);
            assert!(words_found.len() == 1 && words_found[0].starts_with(words), "{words_found:?}");
        }
    }
}

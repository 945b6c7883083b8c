//! A model of a bad network: seeded delay, jitter and stalls on an ordered stream.
//!
//! The same model stands behind the seeded session tests, the bots and the page's bad-network panel. Like TCP it
//! neither loses nor reorders: what is late holds up what is behind it.

use crate::Rng;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How long a stall holds the stream, in microseconds: about one retransmission.
pub const STALL_US: u64 = 200_000;

/// What a link does to messages in one direction and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkProfile {
    /// Round trip in milliseconds, half of it each way.
    pub latency_ms: u32,
    /// Each message is up to so many milliseconds later, evenly.
    pub jitter_ms: u32,
    /// Percent of messages that start a hold of 200 ms.
    pub stall_percent: u32,
}

/// One direction of a link.
#[derive(Debug, Clone)]
pub struct Link {
    profile: LinkProfile,
    dice: Rng,
    /// Nothing sent later arrives before.
    clear_us: u64,
    waiting: VecDeque<(u64, Vec<u8>)>,
}

impl Link {
    /// A link whose accidents follow from `seed`.
    #[must_use]
    pub fn new(profile: LinkProfile, seed: u64) -> Self {
        Self { profile, dice: Rng::new(seed), clear_us: 0, waiting: VecDeque::new() }
    }

    /// Changes what happens to messages sent from now on.
    pub const fn set_profile(&mut self, profile: LinkProfile) {
        self.profile = profile;
    }

    /// Lets nothing that is sent from now on arrive before `until_us`.
    pub const fn stall_until(&mut self, until_us: u64) {
        if until_us > self.clear_us {
            self.clear_us = until_us;
        }
    }

    /// Sends a message into the link.
    pub fn send(&mut self, message: Vec<u8>, now_us: u64) {
        let LinkProfile { latency_ms, jitter_ms, stall_percent } = self.profile;
        if stall_percent > 0 && self.dice.below(100) < stall_percent {
            self.stall_until(now_us + STALL_US);
        }
        let jitter_us = self.dice.below(jitter_ms.saturating_mul(1000).saturating_add(1));
        let arrival_us = now_us + u64::from(latency_ms) * 500 + u64::from(jitter_us);
        self.clear_us = self.clear_us.max(arrival_us);
        self.waiting.push_back((self.clear_us, message));
    }

    /// The next message that has arrived by `now_us`.
    pub fn poll(&mut self, now_us: u64) -> Option<Vec<u8>> {
        let (arrival_us, _) = self.waiting.front()?;
        if *arrival_us > now_us {
            return None;
        }
        self.waiting.pop_front().map(|(_, message)| message)
    }

    /// When the next message arrives, if one is on its way.
    #[must_use]
    pub fn next_arrival_us(&self) -> Option<u64> {
        self.waiting.front().map(|(arrival_us, _)| *arrival_us)
    }

    /// Loses what is on its way: the connection was cut.
    pub fn cut(&mut self) {
        self.waiting.clear();
        self.clear_us = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_order_and_their_delay() {
        let profile = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 5 };
        let mut link = Link::new(profile, 1);
        let mut arrived = Vec::new();
        for step in 0..2_000_u64 {
            let now_us = step * 1_000;
            if step < 1_000 {
                link.send(now_us.to_le_bytes().to_vec(), now_us);
            }
            while let Some(message) = link.poll(now_us) {
                let sent_us = u64::from_le_bytes(message.try_into().unwrap());
                assert!(now_us - sent_us >= 50_000, "half of the round trip at least");
                arrived.push(sent_us);
            }
        }
        assert_eq!(arrived.len(), 1_000);
        assert!(arrived.is_sorted());
    }

    #[test]
    fn a_perfect_link_delivers_at_once() {
        let mut link = Link::new(LinkProfile::default(), 1);
        link.send(alloc::vec![1], 5);
        assert_eq!(link.poll(5), Some(alloc::vec![1]));
        assert_eq!(link.poll(5), None);
    }
}

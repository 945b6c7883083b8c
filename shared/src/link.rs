//! A model of a bad network: seeded delay, jitter, stalls, gaps and a narrow pipe on an ordered stream.
//!
//! The same model stands behind the seeded session tests, the bots and the page's bad-network panel. Like TCP it
//! neither loses nor reorders messages: a late message holds up those behind it.

use crate::rng::Rng;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

/// How long a stall holds the stream, in microseconds: about one retransmission.
pub const STALL_US: u64 = 200_000;

/// The bytes that a message takes on a narrow link besides its payload: the heads of IP, TCP with timestamps, and
/// WebSocket.
pub const MESSAGE_OVERHEAD_BYTES: u64 = 60;

/// The effects of a link on messages in one direction and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkProfile {
    /// Round trip in milliseconds, half of it each way.
    pub latency_ms: u32,
    /// Each message is late by up to so many milliseconds, evenly distributed.
    pub jitter_ms: u32,
    /// Percent of the messages that start a hold of 200 ms.
    pub stall_percent: u32,
    /// Now and then no message passes either way for up to so many milliseconds, and for at least half of them: a
    /// tunnel, a handover between cells. 0 for never.
    pub gap_ms: u32,
    /// Mean milliseconds from one gap to the next.
    pub gap_every_ms: u32,
    /// Bytes per second each way, heads included; a message that comes faster waits in line. 0 for no limit.
    pub bytes_per_s: u32,
}

/// A perfect link, on which the named ones are based.
const PERFECT: LinkProfile =
    LinkProfile { latency_ms: 0, jitter_ms: 0, stall_percent: 0, gap_ms: 0, gap_every_ms: 0, bytes_per_s: 0 };

/// The links that people play over, by name, from good to bad.
pub const PROFILES: [(&str, LinkProfile); 5] = [
    ("lan", LinkProfile { latency_ms: 1, jitter_ms: 1, ..PERFECT }),
    ("home", LinkProfile { latency_ms: 30, jitter_ms: 8, gap_ms: 120, gap_every_ms: 20_000, ..PERFECT }),
    (
        "4g-train",
        LinkProfile {
            latency_ms: 90,
            jitter_ms: 40,
            stall_percent: 1,
            gap_ms: 1_200,
            gap_every_ms: 15_000,
            bytes_per_s: 250_000,
        },
    ),
    ("hotel", LinkProfile { latency_ms: 70, jitter_ms: 60, stall_percent: 2, bytes_per_s: 24_000, ..PERFECT }),
    ("satellite", LinkProfile { latency_ms: 600, jitter_ms: 20, stall_percent: 1, bytes_per_s: 100_000, ..PERFECT }),
];

impl LinkProfile {
    /// The link of this name in [`PROFILES`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PROFILES.iter().find(|(known, _)| *known == name).map(|(_, profile)| *profile)
    }
}

impl fmt::Display for LinkProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_ms, jitter_ms, stall_percent, gap_ms, gap_every_ms, bytes_per_s } = self;
        write!(f, "{latency_ms} ms ± {jitter_ms} ms, {stall_percent} % stalls")?;
        if *gap_ms > 0 {
            write!(f, ", gaps of {gap_ms} ms every {} s", gap_every_ms / 1_000)?;
        }
        if *bytes_per_s > 0 {
            write!(f, ", {} kB/s", bytes_per_s / 1_000)?;
        }
        Ok(())
    }
}

/// The gaps: the times at which no message passes. Both directions of a connection have the same gaps.
#[derive(Debug, Clone)]
struct Gaps {
    dice: Rng,
    start_us: u64,
    end_us: u64,
}

impl Gaps {
    fn new(seed: u64) -> Self {
        Self { dice: Rng::new(seed), start_us: 0, end_us: 0 }
    }

    /// The time until which no message passes at `now_us`; a time in the past when there is no gap.
    fn holds_until(&mut self, profile: &LinkProfile, now_us: u64) -> u64 {
        if profile.gap_ms == 0 || profile.gap_every_ms == 0 {
            return 0;
        }
        while self.end_us <= now_us {
            let pause_us = u64::from(profile.gap_every_ms) * 500 + self.below_ms(profile.gap_every_ms);
            self.start_us = self.end_us + pause_us;
            self.end_us = self.start_us + u64::from(profile.gap_ms) * 500 + self.below_ms(profile.gap_ms / 2);
        }
        if self.start_us <= now_us { self.end_us } else { 0 }
    }

    fn below_ms(&mut self, milliseconds: u32) -> u64 {
        u64::from(self.dice.below(milliseconds.saturating_add(1))) * 1_000
    }
}

/// One direction of a link.
#[derive(Debug, Clone)]
pub struct Link {
    profile: LinkProfile,
    dice: Rng,
    gaps: Gaps,
    /// When the line is free for the next message's bytes.
    free_us: u64,
    /// No message that is sent later arrives before this time.
    clear_us: u64,
    waiting: VecDeque<(u64, Vec<u8>)>,
}

impl Link {
    /// Both directions of a connection; its accidents follow from `seed`.
    #[must_use]
    pub fn pair(profile: LinkProfile, seed: u64) -> (Self, Self) {
        let mut dice = Rng::new(seed);
        let mut direction = || Self { dice: Rng::new(dice.next_u64()), ..Self::new(profile, seed) };
        (direction(), direction())
    }

    /// One direction of a connection; its accidents follow from `seed`.
    #[must_use]
    pub fn new(profile: LinkProfile, seed: u64) -> Self {
        let (dice, gaps) = (Rng::new(seed), Gaps::new(!seed));
        Self { profile, dice, gaps, free_us: 0, clear_us: 0, waiting: VecDeque::new() }
    }

    /// Replaces the profile, for messages that are sent from now on.
    pub const fn set_profile(&mut self, profile: LinkProfile) {
        self.profile = profile;
    }

    /// Lets no message that is sent from now on arrive before `until_us`.
    pub const fn stall_until(&mut self, until_us: u64) {
        if until_us > self.clear_us {
            self.clear_us = until_us;
        }
    }

    /// Sends a message into the link.
    pub fn send(&mut self, message: Vec<u8>, now_us: u64) {
        let profile = self.profile;
        if profile.stall_percent > 0 && self.dice.below(100) < profile.stall_percent {
            self.stall_until(now_us + STALL_US);
        }
        let gap_end_us = self.gaps.holds_until(&profile, now_us);
        self.stall_until(gap_end_us);
        let jitter_us = u64::from(self.dice.below(profile.jitter_ms.saturating_mul(1_000).saturating_add(1)));
        let arrival_us = self.sent_us(message.len(), now_us) + u64::from(profile.latency_ms) * 500 + jitter_us;
        self.clear_us = self.clear_us.max(arrival_us);
        self.waiting.push_back((self.clear_us, message));
    }

    /// The time at which the last byte of a message has left, after the messages in line before it.
    fn sent_us(&mut self, bytes: usize, now_us: u64) -> u64 {
        if self.profile.bytes_per_s == 0 {
            return now_us;
        }
        let on_wire = bytes as u64 + MESSAGE_OVERHEAD_BYTES;
        self.free_us = self.free_us.max(now_us) + on_wire * 1_000_000 / u64::from(self.profile.bytes_per_s);
        self.free_us
    }

    /// The next message that has arrived by `now_us`.
    pub fn poll(&mut self, now_us: u64) -> Option<Vec<u8>> {
        let (arrival_us, _) = self.waiting.front()?;
        if *arrival_us > now_us {
            return None;
        }
        self.waiting.pop_front().map(|(_, message)| message)
    }

    /// The time at which the next message arrives; `None` when none is on its way.
    #[must_use]
    pub fn next_arrival_us(&self) -> Option<u64> {
        self.waiting.front().map(|(arrival_us, _)| *arrival_us)
    }

    /// Loses the messages on their way: the connection was cut.
    pub fn cut(&mut self) {
        self.waiting.clear();
        (self.clear_us, self.free_us) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_order_and_their_delay() {
        let profile = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 5, ..PERFECT };
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

    #[test]
    fn a_narrow_link_carries_no_more_than_it_can_and_keeps_messages_that_wait() {
        let mut link = Link::new(LinkProfile { bytes_per_s: 10_000, ..PERFECT }, 1);
        for message in 0..10_u8 {
            link.send(alloc::vec![message; 440], 0);
        }
        let arrivals: Vec<u64> = (0..1_000).filter(|ms| link.poll(ms * 1_000).is_some()).collect();
        assert_eq!(arrivals, (1..=10).map(|n| n * 50).collect::<Vec<_>>(), "500 bytes with their heads each");
    }

    #[test]
    fn gaps_hold_both_directions_at_the_same_time() {
        let profile = LinkProfile { gap_ms: 1_000, gap_every_ms: 5_000, ..PERFECT };
        let (mut up, mut down) = Link::pair(profile, 3);
        let mut held_ms = 0;
        for now_us in (0..60_000_000).step_by(1_000) {
            up.send(Vec::new(), now_us);
            down.send(Vec::new(), now_us);
            let passes = core::iter::from_fn(|| up.poll(now_us)).count() > 0;
            assert_eq!(passes, core::iter::from_fn(|| down.poll(now_us)).count() > 0);
            held_ms += u32::from(!passes);
        }
        assert!((4_000..14_000).contains(&held_ms), "{held_ms} ms of a minute nothing passed");
    }

    #[test]
    fn links_are_found_by_their_names() {
        assert_eq!(LinkProfile::named("4g-train"), Some(PROFILES[2].1));
        assert_eq!(LinkProfile::named("carrier-pigeon"), None);
    }
}

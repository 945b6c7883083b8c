//! The round-trip time, from inputs sent and snapshots received.
//!
//! The server reads sockets once per tick and echoes the newest input in that tick's snapshot. One echo says therefore
//! only that the round trip is at most the time that passed, and at least that time minus one tick. Inputs and ticks
//! drift against each other, and over two seconds the bounds close in from both sides.
//!
//! A mean over the echoes would not do. Inputs are made at the rate of the ticks, so for many ticks each of them waits
//! in the server for nearly the same part of a tick, and the mean would take that wait for travel. Bounds keep what an
//! echo proves: one input that arrived right before its tick lowers the upper bound to the truth, and one that had just
//! missed a tick raises the lower bound to it. The estimate is the middle of the two, so it is off by half a tick at
//! the most on an even link, even before they have met. On a link with jitter the bounds cross, because some messages
//! travel longer than others; their middle lies between the fast round trips and the slow ones.
//!
//! The route may change, so bounds expire: the tightest ones of the window that is running and of the window before it
//! count. Together they span 2 to 4 seconds.

use crate::tick::Tick;

/// Inputs of which the sending time is kept, by tick: more than the 30 ticks that a client is ever ahead of the newest
/// snapshot.
const KEPT: usize = 64;

/// Length of a window of bounds, in microseconds.
const WINDOW_US: u64 = 2_000_000;

/// Measures the round trip of one connection.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrip {
    tick_us: u64,
    sent: [(Tick, u64); KEPT],
    echoed: Tick,
    /// Inputs that were sent earlier have waited in a pause.
    since_us: u64,
    /// The least upper and the greatest lower bound of the window that is running, and of the one before.
    high_us: [u64; 2],
    low_us: [u64; 2],
    window_end_us: u64,
}

impl RoundTrip {
    pub(crate) const fn new(tick_us: u64) -> Self {
        let sent = [(Tick(0), 0); KEPT];
        Self { tick_us, sent, echoed: Tick(0), since_us: 0, high_us: [u64::MAX; 2], low_us: [0; 2], window_end_us: 0 }
    }

    /// Notes that the input for `tick` is sent now.
    pub(crate) fn sent(&mut self, tick: Tick, now_us: u64) {
        self.sent[tick.0 as usize % KEPT] = (tick, now_us);
    }

    /// There was a pause until now: how long inputs took that were sent before says nothing of the way.
    pub(crate) const fn forget_before(&mut self, now_us: u64) {
        self.since_us = now_us;
    }

    /// Learns that the input for `tick` was echoed as the newest, and gives the new estimate in microseconds.
    pub(crate) fn echoed(&mut self, tick: Tick, now_us: u64) -> Option<u64> {
        let (sent_tick, sent_us) = self.sent[tick.0 as usize % KEPT];
        if sent_tick != tick || tick <= self.echoed {
            // An input that is echoed a second time has waited for more than one tick.
            return None;
        }
        self.echoed = tick;
        if sent_us < self.since_us {
            return None;
        }
        if now_us >= self.window_end_us {
            (self.high_us, self.low_us) = ([u64::MAX, self.high_us[0]], [0, self.low_us[0]]);
            self.window_end_us = now_us + WINDOW_US;
        }
        let passed_us = now_us.saturating_sub(sent_us);
        self.high_us[0] = self.high_us[0].min(passed_us);
        self.low_us[0] = self.low_us[0].max(passed_us.saturating_sub(self.tick_us));
        let (high_us, low_us) = (self.high_us[0].min(self.high_us[1]), self.low_us[0].max(self.low_us[1]));
        Some((high_us + low_us) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_closes_in_on_the_round_trip() {
        let mut round_trip = RoundTrip::new(33_333);
        let mut estimate_us = 0;
        for n in 0..90_u32 {
            // Inputs are sent a little faster than the server ticks, so their phases drift.
            let sent_us = u64::from(n) * 33_000;
            round_trip.sent(Tick(n + 1), sent_us);
            let read_us = (sent_us + 40_000).div_ceil(33_333) * 33_333;
            estimate_us = round_trip.echoed(Tick(n + 1), read_us + 40_000).unwrap_or(estimate_us);
        }
        assert!((75_000..=85_000).contains(&estimate_us), "{estimate_us}");
    }

    #[test]
    fn inputs_that_waited_in_a_pause_do_not_count() {
        let mut round_trip = RoundTrip::new(33_333);
        for n in 1..=10_u32 {
            round_trip.sent(Tick(n), u64::from(n) * 33_333);
        }
        // The network stands still for two seconds.
        round_trip.forget_before(2_400_000);
        assert_eq!(round_trip.echoed(Tick(10), 2_400_000), None);
        round_trip.sent(Tick(70), 2_400_000);
        let estimate_us = round_trip.echoed(Tick(70), 2_450_000);
        assert!(estimate_us.is_some_and(|us| us <= 50_000), "{estimate_us:?}");
    }
}

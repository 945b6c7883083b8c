//! The round-trip time, from inputs sent and snapshots received.
//!
//! The server reads sockets once per tick and echoes the newest input in that tick's snapshot, so one echo says
//! only that the round trip is at most what passed, and at least that minus one tick. Inputs and ticks drift
//! against each other, and over two seconds the bounds close in from both sides.

use crate::tick::Tick;

/// Sending times kept.
const KEPT: usize = 64;

/// Bounds older than this are forgotten.
const WINDOW_US: u64 = 2_000_000;

/// Measures the round trip of one connection.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrip {
    tick_us: u64,
    sent: [(Tick, u64); KEPT],
    echoed: Tick,
    /// The least upper and greatest lower bound of the window that is running, and of the one before.
    high_us: [u64; 2],
    low_us: [u64; 2],
    window_end_us: u64,
}

impl RoundTrip {
    pub(crate) const fn new(tick_us: u64) -> Self {
        let sent = [(Tick(0), 0); KEPT];
        Self { tick_us, sent, echoed: Tick(0), high_us: [u64::MAX; 2], low_us: [0; 2], window_end_us: 0 }
    }

    pub(crate) fn sent(&mut self, tick: Tick, now_us: u64) {
        self.sent[tick.0 as usize % KEPT] = (tick, now_us);
    }

    /// The input for `tick` was echoed as the newest; gives the new estimate.
    pub(crate) fn echoed(&mut self, tick: Tick, now_us: u64) -> Option<u64> {
        let (sent_tick, sent_us) = self.sent[tick.0 as usize % KEPT];
        if sent_tick != tick || tick <= self.echoed {
            // A second echo of the same input has waited for more than one tick.
            return None;
        }
        self.echoed = tick;
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
}

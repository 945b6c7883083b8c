//! The gauge of one room: how long its turns took lately, the bytes that it wrote, and the faults in it. A turn
//! costs it two additions; the rest is computed when operators look.

use crate::room::Counters;

/// Turns that are remembered: the last second of a room at 60 Hz.
const TURNS: usize = 64;

/// Seconds after which what went wrong is forgotten: it is counted in two halves of a minute.
const HALF_MINUTE_S: u32 = 30;

/// A count of the last minute, or of up to half a minute less.
#[derive(Debug, Clone, Copy, Default)]
struct MinuteCount {
    before: u64,
    now: u64,
}

impl MinuteCount {
    const fn total(self) -> u64 {
        self.before + self.now
    }
}

/// The numbers of one room.
#[derive(Debug)]
pub(super) struct RoomGauge {
    turns_us: [u32; TURNS],
    turns: u64,
    bytes_out: u64,
    /// The last whole second, by the ticks of the room.
    pub(super) second: Second,
    desyncs: MinuteCount,
    flood: MinuteCount,
    seconds: u32,
}

/// The counts of a room in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) late_inputs: u64,
    pub(super) starved_ticks: u64,
    pub(super) superseded: u64,
    pub(super) bytes_out: u64,
}

impl RoomGauge {
    pub(super) const fn new() -> Self {
        const NONE: MinuteCount = MinuteCount { before: 0, now: 0 };
        let second = Second { late_inputs: 0, starved_ticks: 0, superseded: 0, bytes_out: 0 };
        Self { turns_us: [0; TURNS], turns: 0, bytes_out: 0, second, desyncs: NONE, flood: NONE, seconds: 0 }
    }

    /// The room has made a turn that took so long, and wrote so many bytes.
    pub(super) fn turned(&mut self, turn_ns: u64, bytes_out: u64) {
        let place = usize::try_from(self.turns % TURNS as u64).unwrap_or(0);
        self.turns_us[place] = u32::try_from(turn_ns / 1_000).unwrap_or(u32::MAX);
        self.turns += 1;
        self.bytes_out += bytes_out;
    }

    /// Connections were closed because they sent too much, or messages were refused.
    pub(super) const fn flooded(&mut self, count: u64) {
        self.flood.now += count;
    }

    /// A second of the room is over, in which it has counted this.
    pub(super) fn second_over(&mut self, counters: &Counters) {
        self.second = Second {
            late_inputs: counters.late_inputs,
            starved_ticks: counters.starved_ticks,
            superseded: counters.superseded_snapshots,
            bytes_out: std::mem::take(&mut self.bytes_out),
        };
        self.desyncs.now += counters.desyncs;
        self.seconds += 1;
        if self.seconds.is_multiple_of(HALF_MINUTE_S) {
            for count in [&mut self.desyncs, &mut self.flood] {
                *count = MinuteCount { before: count.now, now: 0 };
            }
        }
    }

    /// Desyncs of the last minute, and the flood of it.
    pub(super) const fn last_minute(&self) -> (u64, u64) {
        (self.desyncs.total(), self.flood.total())
    }

    /// The time that the last turns took in microseconds: the median, and the longest but for one in a hundred.
    pub(super) fn turns_us(&self) -> (u32, u32) {
        let count = usize::try_from(self.turns).unwrap_or(TURNS).min(TURNS);
        let mut turns_us = self.turns_us;
        let known = &mut turns_us[..count];
        known.sort_unstable();
        let rank = |percent: usize| known.get((count * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
        (rank(50), rank(99))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_turns_count_and_a_minute_is_forgotten() {
        let mut gauge = RoomGauge::new();
        assert_eq!(gauge.turns_us(), (0, 0));
        (0..200).for_each(|_| gauge.turned(9_000_000, 10));
        (0..TURNS as u64).for_each(|turn| gauge.turned(turn * 1_000, 10));
        assert_eq!(gauge.turns_us(), (31, 63), "older turns do not count");
        gauge.flooded(2);
        gauge.second_over(&Counters { desyncs: 1, late_inputs: 3, ..Counters::default() });
        assert_eq!(gauge.last_minute(), (1, 2));
        assert_eq!((gauge.second.late_inputs, gauge.second.bytes_out), (3, 2_640));
        (0..30).for_each(|_| gauge.second_over(&Counters::default()));
        assert_eq!((gauge.last_minute(), gauge.second), ((1, 2), Second::default()));
        (0..60).for_each(|_| gauge.second_over(&Counters::default()));
        assert_eq!(gauge.last_minute(), (0, 0));
    }
}

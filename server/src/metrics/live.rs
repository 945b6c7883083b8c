//! The counts that the dashboard shows by the second: totals since the start, which the net thread reads and subtracts.
//!
//! The exporter's counters can only be written. These are beside them, and are written where those are.

use super::durations::{Durations, DurationsMetric};
use super::{Crowded, Tally};
use crate::room::Counters;
use crate::threads::Load;
use metrics::Counter;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tickwire::message::close::CloseCode;

/// A counter of the exporter that can also be read.
pub(crate) struct ReadCounter {
    exported: Counter,
    total: AtomicU64,
}

impl ReadCounter {
    pub(super) const fn new(exported: Counter) -> Self {
        Self { exported, total: AtomicU64::new(0) }
    }

    pub(crate) fn increment(&self, count: u64) {
        self.exported.increment(count);
        self.total.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// The counts of a server, of all its threads.
#[derive(Debug, Default)]
pub(crate) struct LiveCounts {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    late_inputs: AtomicU64,
    starved_ticks: AtomicU64,
    corrections: AtomicU64,
    disputes_claimed: AtomicU64,
    desyncs: AtomicU64,
    desyncs_healed: AtomicU64,
    /// Connections that were closed, by code; 0 stands for codes that are not ours. A connection ends rarely.
    closes: Mutex<BTreeMap<u16, u64>>,
    pending_refused: AtomicU64,
    unauthorized: AtomicU64,
    visitors: AtomicU32,
}

/// All counts at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LiveTotals {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) late_inputs: u64,
    pub(crate) starved_ticks: u64,
    pub(crate) corrections: u64,
    pub(crate) disputes_claimed: u64,
    pub(crate) desyncs: u64,
    pub(crate) desyncs_healed: u64,
    pub(crate) closes: BTreeMap<u16, u64>,
    pub(crate) pending_refused: u64,
    pub(crate) unauthorized: u64,
}

impl LiveCounts {
    pub(super) fn add_tally(&self, tally: &Tally) {
        self.bytes_in.fetch_add(tally.bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(tally.bytes_out, Ordering::Relaxed);
    }

    pub(super) fn add_room(&self, counters: &Counters) {
        for (total, count) in [
            (&self.late_inputs, counters.late_inputs),
            (&self.starved_ticks, counters.starved_ticks),
            (&self.corrections, counters.corrections),
            (&self.disputes_claimed, counters.disputes_claimed),
            (&self.desyncs, counters.desyncs),
            (&self.desyncs_healed, counters.desyncs_healed),
        ] {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn closed(&self, code: Option<CloseCode>) {
        *self.closes.lock().entry(code.map_or(0, CloseCode::number)).or_default() += 1;
    }

    pub(super) fn refused(&self, _: Crowded) {
        self.pending_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, status: u16) {
        self.unauthorized.fetch_add(u64::from(status == 401), Ordering::Relaxed);
    }

    /// The totals so far.
    pub(crate) fn totals(&self) -> LiveTotals {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        LiveTotals {
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            late_inputs: read(&self.late_inputs),
            starved_ticks: read(&self.starved_ticks),
            corrections: read(&self.corrections),
            disputes_claimed: read(&self.disputes_claimed),
            desyncs: read(&self.desyncs),
            desyncs_healed: read(&self.desyncs_healed),
            closes: self.closes.lock().clone(),
            pending_refused: read(&self.pending_refused),
            unauthorized: read(&self.unauthorized),
        }
    }

    /// Notes how many connections are without a room.
    pub(crate) fn set_visitors(&self, visitors: usize) {
        self.visitors.store(u32::try_from(visitors).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Connections without a room.
    pub(crate) fn visitors(&self) -> u32 {
        self.visitors.load(Ordering::Relaxed)
    }
}

impl LiveTotals {
    /// The counts since an earlier time. Codes that were not counted are left out.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |code: &u16| earlier.closes.get(code).copied().unwrap_or(0);
        let closes = self.closes.iter().map(|(code, count)| (*code, count - before(code)));
        Self {
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
            late_inputs: self.late_inputs - earlier.late_inputs,
            starved_ticks: self.starved_ticks - earlier.starved_ticks,
            corrections: self.corrections - earlier.corrections,
            disputes_claimed: self.disputes_claimed - earlier.disputes_claimed,
            desyncs: self.desyncs - earlier.desyncs,
            desyncs_healed: self.desyncs_healed - earlier.desyncs_healed,
            closes: closes.filter(|(_, count)| *count > 0).collect(),
            pending_refused: self.pending_refused - earlier.pending_refused,
            unauthorized: self.unauthorized - earlier.unauthorized,
        }
    }
}

/// The numbers of one shard or one slow lane. Its thread adds to them, the net thread reads them.
#[derive(Debug)]
pub(crate) struct ShardNumbers {
    /// The shard; for a slow lane the one that it is of.
    pub(crate) shard: usize,
    pub(crate) is_slow_lane: bool,
    pub(crate) load: Arc<Load>,
    rooms: AtomicU32,
    late: DurationsMetric,
    turn: DurationsMetric,
    late_ns_max: AtomicU64,
    turn_ns_max: AtomicU64,
}

impl ShardNumbers {
    pub(crate) fn new(shard: usize, is_slow_lane: bool, load: Arc<Load>) -> Arc<Self> {
        let [late, turn] = [(); 2].map(|()| DurationsMetric::new("", ""));
        let (late_ns_max, turn_ns_max) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { shard, is_slow_lane, load, rooms: AtomicU32::new(0), late, turn, late_ns_max, turn_ns_max })
    }

    pub(super) fn add(&self, tally: &Tally) {
        let late = if self.is_slow_lane { &tally.late_in_slow_lane } else { &tally.late };
        self.late.add(late);
        self.turn.add(&tally.turn);
        self.late_ns_max.fetch_max(late.max_ns(), Ordering::Relaxed);
        self.turn_ns_max.fetch_max(tally.turn.max_ns(), Ordering::Relaxed);
    }

    /// Notes how many rooms the shard has.
    pub(crate) fn set_rooms(&self, rooms: usize) {
        self.rooms.store(u32::try_from(rooms).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    pub(crate) fn rooms(&self) -> u32 {
        self.rooms.load(Ordering::Relaxed)
    }

    /// All durations so far: how late ticks began, and how long turns took.
    pub(crate) fn durations(&self) -> (Durations, Durations) {
        (self.late.read(), self.turn.read())
    }

    /// The longest of both since the last call, in microseconds.
    pub(crate) fn take_longest_us(&self) -> (u64, u64) {
        let take = |longest: &AtomicU64| longest.swap(0, Ordering::Relaxed) / 1_000;
        (take(&self.late_ns_max), take(&self.turn_ns_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_time_are_the_difference_of_two_totals() {
        let counts = LiveCounts::default();
        counts.closed(Some(CloseCode::Full));
        let before = counts.totals();
        counts.closed(Some(CloseCode::Rate));
        counts.closed(None);
        counts.answered(401);
        counts.answered(404);
        let counted = counts.totals().since(&before);
        assert_eq!(counted.closes, BTreeMap::from([(0, 1), (CloseCode::Rate.number(), 1)]));
        assert_eq!((counted.unauthorized, counted.pending_refused), (1, 0));
    }

    #[test]
    fn a_shard_tells_how_long_its_turns_took_since_it_was_asked() {
        let numbers = ShardNumbers::new(0, false, Arc::default());
        let mut tally = Tally::default();
        tally.ticked(1_000, 300_000, false);
        tally.ticked(70_000, 45_000_000, false);
        numbers.add(&tally);
        assert_eq!(numbers.take_longest_us(), (70, 45_000));
        assert_eq!(numbers.take_longest_us(), (0, 0));
        let (late, turn) = numbers.durations();
        assert_eq!((late.count(), turn.count()), (2, 2));
        assert_eq!(turn.since(&turn).count(), 0);
    }
}

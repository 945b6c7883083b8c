//! Measurements that clients report while they play: distributions in bounded memory, and counts.

use crate::report::{Extent, Spread};
use crate::topic_ear::TopicCounts;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::ops::Range;
use tickwire::client::Stats;

/// The largest value that is kept apart; any larger value counts as this one. In microseconds it is an hour.
const VALUE_MAX: u64 = 3_600_000_000;

/// Corrections are kept in thousandths of the game's unit.
const CORRECTION_STEPS: f64 = 1_000.0;

/// A distribution of whole numbers, exact to three digits.
#[derive(Debug, Clone)]
pub struct Distribution(Histogram<u64>);

impl Default for Distribution {
    fn default() -> Self {
        Self(Histogram::new_with_max(VALUE_MAX, 3).expect("three digits below an hour is a valid histogram"))
    }
}

impl Distribution {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.0.saturating_record(value);
    }

    /// Counts all values of another distribution.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all distributions have the same bounds");
    }

    /// Number of values that were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that this part of all values does not exceed; 0 when there are none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> u64 {
        self.0.value_at_quantile(part)
    }

    /// The spread in milliseconds of values in microseconds.
    #[must_use]
    pub fn spread_ms(&self) -> Spread {
        let ms = |part| self.quantile(part) as f64 / 1_000.0;
        Spread { p50: ms(0.5), p99: ms(0.99), p999: ms(0.999) }
    }

    /// The extent in whole numbers.
    #[must_use]
    pub fn extent(&self) -> Extent<u64> {
        Extent { p50: self.quantile(0.5), p99: self.quantile(0.99), max: self.0.max() }
    }
}

/// The clients that play beside the measured ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// No other clients.
    Nobody,
    /// Clients that hardly read.
    SlowReaders,
}

/// The meter that all clients of a run report to.
#[derive(Debug, Default)]
pub struct Meter {
    /// The time that counts as measured, in microseconds of the run; nothing counts before it is set.
    pub window_us: Range<u64>,
    /// Snapshots that arrived in the window.
    pub delivered: u64,
    /// Snapshots that arrived in the whole run.
    pub arrived: u64,
    /// Times from one snapshot to the next of the same client, in microseconds.
    pub intervals_us: Distribution,
    /// Times from when an input was due to the first snapshot of its tick or of a later one, in microseconds.
    pub inputs_us: Distribution,
    /// Distances by which predictions of own rows were off, in thousandths of the game's unit.
    corrections: Distribution,
    /// Ticks replayed for a snapshot.
    rollback_ticks: Distribution,
    /// Whether clients that hardly read are there; `None` while that is not compared.
    pub beside: Option<Beside>,
    /// `intervals_us` without slow readers and with them.
    pub beside_us: [Distribution; 2],
    /// The exact sum of the values in `intervals_us`, and their number.
    gaps_us: (u64, u64),
    leads: i64,
    leads_counted: u32,
    /// How late the generator itself was, in microseconds: above a few milliseconds it measures itself.
    pub lateness_us: Distribution,
    /// Messages that could not be decoded, in the whole run.
    pub decode_errors: u64,
    /// Connections that ended without a bot's wish, in the whole run, by close code.
    pub disconnects: BTreeMap<u16, u64>,
    /// The first error of the run, in words.
    pub first_fault: Option<String>,
}

impl Meter {
    /// Counts a snapshot that arrived `gap_us` after the one before, with this input lead.
    pub fn snapshot(&mut self, now_us: u64, gap_us: Option<u64>, lead_ticks: i8) {
        self.arrived += 1;
        if !self.window_us.contains(&now_us) {
            return;
        }
        self.delivered += 1;
        self.leads += i64::from(lead_ticks);
        self.leads_counted += 1;
        if let Some(gap_us) = gap_us {
            self.intervals_us.record(gap_us);
            if let Some(beside) = self.beside {
                self.beside_us[beside as usize].record(gap_us);
            }
            self.gaps_us = (self.gaps_us.0 + gap_us, self.gaps_us.1 + 1);
        }
    }

    /// Snapshots that a client received in a second: from the mean of all gaps, so that it does not matter where in a
    /// tick the window begins and ends. 0 when there were no gaps.
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        let (sum_us, gaps) = self.gaps_us;
        if sum_us == 0 { 0.0 } else { gaps as f64 * 1e6 / sum_us as f64 }
    }

    /// Counts an input that was due at `due_us` when its first snapshot arrives, or at the end of the run if none has
    /// arrived.
    pub fn input_seen(&mut self, due_us: u64, now_us: u64) {
        if self.window_us.contains(&due_us) {
            self.inputs_us.record(now_us.saturating_sub(due_us));
        }
    }

    /// Counts the comparison of a prediction with a snapshot.
    pub fn correction(&mut self, now_us: u64, units: f32, ticks: u32) {
        if self.window_us.contains(&now_us) {
            self.corrections.record((f64::from(units) * CORRECTION_STEPS).round() as u64);
            self.rollback_ticks.record(u64::from(ticks));
        }
    }

    /// Counts a connection that ended and should not have.
    pub fn disconnected(&mut self, code: u16) {
        *self.disconnects.entry(code).or_default() += 1;
    }

    /// Keeps the words for an error if it is the first.
    pub fn fault(&mut self, words: impl FnOnce() -> String) {
        self.first_fault.get_or_insert_with(words);
    }

    /// Corrections in the game's unit.
    #[must_use]
    pub fn correction_units(&self) -> Extent<f64> {
        let Extent { p50, p99, max } = self.corrections.extent();
        let units = |steps: u64| steps as f64 / CORRECTION_STEPS;
        Extent { p50: units(p50), p99: units(p99), max: units(max) }
    }

    /// Ticks that were replayed for a snapshot.
    #[must_use]
    pub fn rollback_ticks(&self) -> Extent<u64> {
        self.rollback_ticks.extent()
    }

    /// Mean of how early inputs arrived, in ticks.
    #[must_use]
    pub fn input_lead_ticks(&self) -> f64 {
        if self.leads_counted == 0 { 0.0 } else { self.leads as f64 / f64::from(self.leads_counted) }
    }
}

/// Sums of counters over many sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes received, WebSocket payload.
    pub bytes_in: u64,
    /// Bytes of snapshots that were no keyframes, and the number of these snapshots.
    pub deltas: (u64, u64),
    /// Bytes of keyframes, and the number of keyframes.
    pub keyframes: (u64, u64),
    /// Section hashes compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// Times that a world turned out to differ, and the part of these that was healed field by field.
    pub desyncs: (u64, u64),
    /// Ticks that the server made without an input of the client.
    pub starved_ticks: u64,
    /// Times at which a client had no newer snapshot to show.
    pub underruns: u64,
    /// Messages of the topic that the clients hear.
    pub topic: TopicCounts,
}

impl Totals {
    /// Adds the counters of one session.
    pub const fn add(&mut self, stats: &Stats, underruns: u64) {
        self.bytes_in += stats.bytes_in;
        self.deltas.0 += stats.delta_bytes;
        self.deltas.1 += stats.deltas;
        self.keyframes.0 += stats.keyframe_bytes;
        self.keyframes.1 += stats.keyframes;
        // A session's `hashes_compared` counts only hashes that agreed.
        self.hashes_compared += stats.hashes_compared + stats.hash_mismatches;
        self.hash_mismatches += stats.hash_mismatches;
        self.desyncs = (self.desyncs.0 + stats.desyncs, self.desyncs.1 + stats.desyncs_healed);
        self.starved_ticks += stats.starved_ticks;
        self.underruns += underruns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_three_digits_and_the_largest_is_kept() {
        let mut values = Distribution::default();
        (1..=1_000).for_each(|ms| values.record(ms * 1_000));
        let Spread { p50, p99, p999 } = values.spread_ms();
        for (found, expected) in [(p50, 500.0), (p99, 990.0), (p999, 999.0)] {
            assert!((found / expected - 1.0_f64).abs() < 0.002, "{found} for {expected}");
        }
        assert!(values.extent().max >= 1_000_000);
        values.record(u64::MAX);
        assert_eq!(values.count(), 1_001, "a value over the bound counts as the bound");
    }

    #[test]
    fn a_meter_without_measurements_gives_zeros() {
        let meter = Meter::default();
        assert_eq!((meter.input_lead_ticks(), meter.rate_hz()), (0.0, 0.0));
        assert_eq!(meter.correction_units(), Extent { p50: 0.0, p99: 0.0, max: 0.0 });
        assert_eq!(meter.intervals_us.spread_ms(), Spread { p50: 0.0, p99: 0.0, p999: 0.0 });
    }

    #[test]
    fn only_events_in_the_window_are_measured() {
        let mut meter = Meter { window_us: 100..200, ..Meter::default() };
        for now_us in [99, 100, 199, 200] {
            meter.snapshot(now_us, Some(33), 2);
            meter.correction(now_us, 1.5, 3);
        }
        assert_eq!((meter.arrived, meter.delivered, meter.intervals_us.count()), (4, 2, 2));
        assert!((meter.rate_hz() - 1e6 / 33.0).abs() < 1e-6);
        assert_eq!(meter.rollback_ticks().max, 3);
        assert_eq!(meter.correction_units().max, 1.5);
        // An input belongs to the window in which it was due, however late it was seen.
        meter.input_seen(199, 5_000);
        meter.input_seen(200, 5_000);
        assert_eq!(meter.inputs_us.count(), 1);
        assert!((4_801..4_810).contains(&meter.inputs_us.extent().max));
    }

    #[test]
    fn intervals_beside_slow_readers_are_kept_apart_and_in_the_whole() {
        let mut meter = Meter { window_us: 0..100, ..Meter::default() };
        for (beside, gap_us) in [(None, 30), (Some(Beside::Nobody), 31), (Some(Beside::SlowReaders), 32)] {
            meter.beside = beside;
            meter.snapshot(50, Some(gap_us), 2);
        }
        let [without, with] = &meter.beside_us;
        assert_eq!((without.extent().max, with.extent().max, meter.intervals_us.count()), (31, 32, 3));
    }

    #[test]
    fn a_hash_that_differs_was_compared_too() {
        let mut totals = Totals::default();
        totals.add(&Stats { hashes_compared: 5, hash_mismatches: 1, ..Stats::default() }, 2);
        assert_eq!((totals.hashes_compared, totals.hash_mismatches, totals.underruns), (6, 1, 2));
    }

    #[test]
    fn corrections_keep_fractions_of_a_unit() {
        let mut meter = Meter { window_us: 0..10, ..Meter::default() };
        meter.correction(1, 0.125, 2);
        assert!((meter.correction_units().max - 0.125).abs() < 0.001);
    }
}

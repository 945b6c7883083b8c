//! The report of `cargo floor -- --rhythm` and the promises that it is held to: its fields are an interface.

use super::{BUSY_MEANT, BUSY_OFF_MAX};
use serde::Serialize;
use std::fmt::{self, Write as _};
use tickwire_tools::measure::Distribution;
use tickwire_tools::report::{DELIVERED_THIN_MIN, GENERATOR_LATE_MS, words_of_true};

/// The mean rate may differ from the meant rate by this much, in Hz.
const RATE_OFF_HZ_MAX: f64 = 0.01;

/// The server's p99 may be above the bare timer's by this much, in microseconds.
pub(super) const LATER_US_MAX: f64 = 100.0;

/// The part of the time for which other threads may have a thread's core. About the same part of its wake-ups is late
/// then: with 1 in 200 a p99 is still the thread's own, but with 1 in 100 it would be the lateness that the other
/// threads caused.
const WAITED_MAX: f64 = 0.005;

/// How late an event began, in microseconds. A value above the last bound of the server's buckets, 50 ms, is infinite,
/// which JSON calls `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lateness {
    /// The median.
    pub p50: f64,
    /// One event in a hundred was later.
    pub p99: f64,
    /// One event in a thousand was later.
    pub p999: f64,
}

impl Lateness {
    /// The quantiles of a distribution in nanoseconds.
    pub(super) fn of_ns(late_ns: &Distribution) -> Self {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| late_ns.quantile(part) as f64 / 1_000.0);
        Self { p50, p99, p999 }
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, p999 } = self;
        write!(out, "{p50:>9.1}{p99:>9.1}{p999:>9.1}")
    }
}

/// Both sides, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// Snapshots that a client of ours received in a second.
    pub rate_hz: f64,
    /// How late our shard began its phases.
    pub ours_late_us: Lateness,
    /// How late the bare timer woke.
    pub timer_late_us: Lateness,
}

impl fmt::Display for Round {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate_hz, ours_late_us, timer_late_us } = self;
        write!(out, "{rate_hz:>10.4} Hz   ours{ours_late_us}   timer{timer_late_us}  µs late (p50, p99, p99.9)")
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Clients that played.
    pub clients: u32,
    /// Rooms of eight that they played in.
    pub rooms: u32,
    /// Phases that the rooms filled: wake-ups per tick.
    pub phases: u32,
    /// How the entities moved.
    pub motion: String,
    /// Entities per room besides eight players.
    pub entities: u32,
    /// Seconds measured on each side.
    pub seconds: u32,
    /// The part of that time for which the shard's thread was on its core.
    pub shard_busy: f64,
    /// Snapshots that a client received in a second, from the mean of all gaps.
    pub rate_hz: f64,
    /// The rate of the game's rules.
    pub rate_hz_meant: f64,
    /// How late the shard began the ticks of a phase.
    pub ours_late_us: Lateness,
    /// How late a thread woke that only slept, at as many deadlines a second.
    pub timer_late_us: Lateness,
    /// How late rooms began their ticks after their phase was due, behind the rooms before them.
    pub room_late_us: Lateness,
    /// Phases that were begun.
    pub wake_ups: u64,
    /// Deadlines of the timer.
    pub timer_wake_ups: u64,
    /// Ticks that the server gave up.
    pub ticks_dropped: u64,
    /// Snapshots delivered, as a part of those expected.
    pub delivered: f64,
    /// The part of the time for which the shard's thread was ready while another thread had its core.
    pub ours_waited: f64,
    /// The part of the time for which the timer's thread was ready while another thread had its core.
    pub timer_waited: f64,
    /// The part of one side's time for which the generator was on its core.
    pub generator_busy: f64,
    /// How late the generator itself was, in milliseconds: one input in a hundred was later.
    pub generator_late_p99_ms: f64,
    /// All rounds.
    pub rounds: Vec<Round>,
}

impl Report {
    /// The difference of our p99 and the timer's, in microseconds.
    #[must_use]
    pub fn later_us(&self) -> f64 {
        self.ours_late_us.p99 - self.timer_late_us.p99
    }

    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (rate_hz, meant_hz, later_us) = (self.rate_hz, self.rate_hz_meant, self.later_us());
        let (delivered, least) = (100.0 * self.delivered, 100.0 * DELIVERED_THIN_MIN);
        let is_something = !later_us.is_nan() && rate_hz > 0.0;
        let checks = [
            (!is_something, "nothing was measured".into()),
            (
                (rate_hz - meant_hz).abs() > RATE_OFF_HZ_MAX,
                format!("the mean rate was {rate_hz:.4} Hz, not {meant_hz} ± {RATE_OFF_HZ_MAX} Hz"),
            ),
            // The mean of all gaps does not cover clients that receive no snapshots at all.
            (
                self.delivered < DELIVERED_THIN_MIN,
                format!("{delivered:.2} % of the snapshots were delivered, not {least} %"),
            ),
            (
                later_us > LATER_US_MAX,
                format!(
                    "ticks were {later_us:.0} µs later than the bare timer at p99, not {LATER_US_MAX} µs at the most"
                ),
            ),
        ];
        words_of_true(checks)
    }

    /// Reasons to doubt the figures that do not make them wrong.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let (busy, waited, late) =
            (self.shard_busy, self.ours_waited.max(self.timer_waited), self.generator_late_p99_ms);
        let checks = [
            (
                (busy - BUSY_MEANT).abs() > 2.0 * BUSY_OFF_MAX,
                format!("the shard was {:.0} % busy, which is not half", 100.0 * busy),
            ),
            (waited > WAITED_MAX, format!("other threads had the core for {:.1} % of the time", 100.0 * waited)),
            (self.ticks_dropped > 0, format!("{} ticks were dropped", self.ticks_dropped)),
            (late > GENERATOR_LATE_MS, format!("the generator was {late:.1} ms late")),
        ];
        words_of_true(checks)
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |label: &str, words: String| {
            writeln!(out, "  {label:<17}{words}").expect("writing to a string cannot fail");
        };
        line(
            "load",
            format!(
                "{} clients in {} rooms, {} phases; the shard {:.1} % busy",
                self.clients,
                self.rooms,
                self.phases,
                100.0 * self.shard_busy
            ),
        );
        line("mean rate", format!("{:>9.4} Hz, {:.2} % delivered", self.rate_hz, 100.0 * self.delivered));
        line("late by", format!("{:>9}{:>9}{:>9}", "p50", "p99", "p99.9"));
        line("the shard", format!("{}  µs, {} times", self.ours_late_us, self.wake_ups));
        line("a bare timer", format!("{}  µs, {} times", self.timer_late_us, self.timer_wake_ups));
        line("difference", format!("{:>18.1}           µs, {LATER_US_MAX} at the most promised", self.later_us()));
        line("rooms in turn", format!("{}  µs after their phase was due", self.room_late_us));
        line(
            "generator",
            format!(
                "{:.1} ms late at p99, {:.0} % of its core",
                self.generator_late_p99_ms,
                100.0 * self.generator_busy
            ),
        );
        out
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::floor::rhythm) fn report() -> Report {
        let late = |p99| Lateness { p50: 30.0, p99, p999: 400.0 };
        Report {
            clients: 2_400,
            rooms: 300,
            phases: 8,
            motion: "erratic".into(),
            entities: 100,
            seconds: 60,
            shard_busy: 0.52,
            rate_hz: 30.000_2,
            rate_hz_meant: 30.0,
            ours_late_us: late(110.0),
            timer_late_us: late(90.0),
            room_late_us: late(2_000.0),
            wake_ups: 14_400,
            timer_wake_ups: 14_400,
            ticks_dropped: 0,
            delivered: 1.0,
            ours_waited: 0.001,
            timer_waited: 0.0,
            generator_busy: 0.6,
            generator_late_p99_ms: 0.4,
            rounds: vec![Round { rate_hz: 30.0, ours_late_us: late(110.0), timer_late_us: late(90.0) }; 6],
        }
    }

    #[test]
    fn a_rhythm_that_is_off_is_a_fault() {
        assert!(report().faults().is_empty() && report().doubts().is_empty());
        for rate_hz in [29.985, 30.015] {
            let faults = Report { rate_hz, ..report() }.faults();
            assert!(faults.len() == 1 && faults[0].contains("not 30 ± 0.01 Hz"), "{faults:?}");
        }
        let faults = Report { delivered: 0.998, ..report() }.faults();
        assert_eq!(faults, ["99.80 % of the snapshots were delivered, not 99.9 %"]);
        let late = Report { ours_late_us: Lateness { p99: 191.0, ..report().ours_late_us }, ..report() };
        let later = Report { ours_late_us: Lateness { p99: f64::INFINITY, ..report().ours_late_us }, ..report() };
        assert_eq!(later.faults().len(), 1);
        assert_eq!(late.faults(), ["ticks were 101 µs later than the bare timer at p99, not 100 µs at the most"]);
    }

    #[test]
    fn nothing_measured_is_a_fault_and_not_a_success() {
        let nothing = Lateness { p50: f64::NAN, p99: f64::NAN, p999: f64::NAN };
        assert_eq!(Report { ours_late_us: nothing, ..report() }.faults(), ["nothing was measured"]);
        assert_eq!(Report { rate_hz: 0.0, ..report() }.faults().len(), 2);
    }

    #[test]
    fn another_load_and_a_busy_machine_are_doubts() {
        let doubts = Report { shard_busy: 0.1, timer_waited: 0.02, ticks_dropped: 3, ..report() }.doubts();
        assert_eq!(
            doubts,
            [
                "the shard was 10 % busy, which is not half",
                "other threads had the core for 2.0 % of the time",
                "3 ticks were dropped"
            ]
        );
    }

    #[test]
    fn the_table_has_both_figures_of_the_promise() {
        let table = report().table();
        for words in ["30.0002 Hz", "110.0", "90.0", "20.0 ", "52.0 % busy"] {
            assert!(table.contains(words), "{words} is not in\n{table}");
        }
    }
}

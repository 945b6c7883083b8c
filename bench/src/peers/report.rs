//! The results of both servers with the same game: for machines, and for people.

use crate::lean::Tally;
use serde::Serialize;
use std::fmt::Write as _;
use tickwire_tools::measure::Distribution;
use tickwire_tools::report::{GENERATOR_LATE_MS, Spread};

/// One server in one round.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// Counts of the messages that its clients received and sent.
    pub(super) tally: Tally,
    /// Times from one snapshot to the next of the same client.
    pub(super) intervals_us: Distribution,
    /// How late the generator sent inputs.
    pub(super) lateness_us: Distribution,
    /// The part of the time for which the generator was on its core.
    pub(super) generator_busy: f64,
    /// Microseconds for which all its threads were on a core.
    pub(super) cpu_us: f64,
    /// Resident memory at the end.
    pub(super) rss_bytes: u64,
    /// Connections that ended, in words.
    pub(super) lost: Option<String>,
}

/// One server on one workload, all rounds together.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    tally: Tally,
    intervals_us: Distribution,
    lateness_us: Distribution,
    /// The largest of all rounds.
    generator_busy: f64,
    cpu_us: f64,
    /// The sum of all rounds.
    rss_bytes_sum: u64,
    rounds: u64,
    lost: Vec<String>,
}

impl Measured {
    /// Adds a round.
    pub(super) fn add(&mut self, round: &Round) {
        self.tally.add(&round.tally);
        self.intervals_us.add(&round.intervals_us);
        self.lateness_us.add(&round.lateness_us);
        self.generator_busy = self.generator_busy.max(round.generator_busy);
        self.cpu_us += round.cpu_us;
        self.rss_bytes_sum += round.rss_bytes;
        self.rounds += 1;
        self.lost.extend(round.lost.clone());
    }

    fn side(&self, clients: u32) -> Side {
        let snapshots = self.tally.snapshots as f64;
        Side {
            cpu_us_per_client_tick: over(self.cpu_us, snapshots),
            bytes_per_snapshot: self.tally.payload_bytes(),
            rate_hz: self.tally.rate_hz(clients),
            interval_ms: self.intervals_us.spread_ms(),
            rss_bytes: self.rss_bytes_sum.checked_div(self.rounds).unwrap_or(0),
        }
    }
}

/// One server on one workload. A quantity that is "per" something is per snapshot that arrived at a client.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Side {
    /// CPU time of the whole process.
    pub cpu_us_per_client_tick: f64,
    /// WebSocket payload, without keyframes.
    pub bytes_per_snapshot: f64,
    /// Snapshots that a client received in a second.
    pub rate_hz: f64,
    /// Time from one snapshot to the next of the same client.
    pub interval_ms: Spread,
    /// Resident memory of the process with all clients in it, the mean of the rounds.
    pub rss_bytes: u64,
}

/// Our value over the other server's: below one is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// Ratio of CPU time per client-tick.
    pub cpu: f64,
    /// Ratio of bytes per snapshot.
    pub bytes: f64,
    /// Ratio of the 99th percentiles of the intervals.
    pub p99_ms: f64,
    /// Ratio of resident memory.
    pub rss: f64,
}

/// Both servers on one workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The name of the workload.
    pub workload: String,
    /// Clients that played, in rooms of eight.
    pub clients: u32,
    /// Our server.
    pub ours: Side,
    /// Colyseus.
    pub colyseus: Side,
    /// Our values over those of Colyseus.
    pub ratio: Ratio,
    /// How late the generator sent one in a hundred inputs, in milliseconds, to ours and to Colyseus.
    pub generator_late_p99_ms: [f64; 2],
    /// The part of the time for which the generator was on its core, with ours and with Colyseus.
    pub generator_busy: [f64; 2],
    /// Connections that ended, in words.
    #[serde(skip)]
    pub lost: Vec<String>,
}

impl Comparison {
    /// Compares both sides.
    #[must_use]
    pub fn new(workload: &str, clients: u32, ours: &Measured, colyseus: &Measured) -> Self {
        let generator_late_p99_ms = [ours, colyseus].map(|measured| measured.lateness_us.spread_ms().p99);
        let generator_busy = [ours, colyseus].map(|measured| measured.generator_busy);
        let lost_of = |name: &str, measured: &Measured| -> Vec<String> {
            measured.lost.iter().map(|words| format!("{workload}, {clients} clients, {name}: {words}")).collect()
        };
        let lost = [lost_of("ours", ours), lost_of("colyseus", colyseus)].concat();
        let (ours, colyseus) = (ours.side(clients), colyseus.side(clients));
        let ratio = Ratio {
            cpu: over(ours.cpu_us_per_client_tick, colyseus.cpu_us_per_client_tick),
            bytes: over(ours.bytes_per_snapshot, colyseus.bytes_per_snapshot),
            p99_ms: over(ours.interval_ms.p99, colyseus.interval_ms.p99),
            rss: over(ours.rss_bytes as f64, colyseus.rss_bytes as f64),
        };
        Self { workload: workload.into(), clients, ours, colyseus, ratio, generator_late_p99_ms, generator_busy, lost }
    }

    /// Reasons why this compares nothing, or not the intended runs, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let sides = [("ours", &self.ours), ("colyseus", &self.colyseus)];
        let words = sides.into_iter().filter_map(|(name, side)| {
            let what = match side {
                Side { rate_hz: 0.0, .. } => "no snapshot arrived",
                Side { bytes_per_snapshot: 0.0, .. } => "no snapshot but keyframes arrived",
                Side { cpu_us_per_client_tick: 0.0, .. } => "no CPU time was counted",
                Side { rss_bytes: 0, .. } => "no memory was counted",
                _ => return None,
            };
            Some(format!("{}, {} clients, {name}: {what}", self.workload, self.clients))
        });
        words.chain(self.lost.iter().cloned()).collect()
    }

    /// Reasons to doubt the figures that do not make them wrong.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let late_ms = self.generator_late_p99_ms.into_iter().fold(0.0, f64::max);
        let words = || format!("{}, {} clients: the generator was {late_ms:.1} ms late", self.workload, self.clients);
        (late_ms > GENERATOR_LATE_MS).then(words).into_iter().collect()
    }
}

/// Lays out the comparisons in lines.
#[must_use]
pub fn render(comparisons: &[Comparison]) -> String {
    let mut out = String::new();
    let mut line = |words: &str| writeln!(out, "  {words}").expect("writing to a string cannot fail");
    for comparison in comparisons {
        let Comparison { workload, clients, ours, colyseus, ratio, generator_late_p99_ms: late_ms, .. } = comparison;
        let busy = comparison.generator_busy.map(|part| 100.0 * part);
        line(&format!("{workload}, {clients} clients"));
        line(&format!(
            "{:<10}{:>9}{:>9}{:>8}{:>9}{:>9}{:>9}{:>10}",
            "", "CPU µs", "bytes", "Hz", "p50 ms", "p99 ms", "p99.9", "MiB"
        ));
        for (name, side) in [("ours", ours), ("Colyseus", colyseus)] {
            line(&row(name, side));
        }
        let Ratio { cpu, bytes, p99_ms, rss } = ratio;
        line(&format!("{:<10}{cpu:>9.3}{bytes:>9.3}{:>8}{:>9}{p99_ms:>9.3}{:>9}{rss:>10.3}", "ratio", "", "", ""));
        line(&format!(
            "generator {:.1} and {:.1} ms late at p99, {:.0} and {:.0} % of its core\n",
            late_ms[0], late_ms[1], busy[0], busy[1]
        ));
    }
    line("CPU per snapshot received; bytes without keyframes. Ours: x, y and velocity in 1/32 unit, angle and");
    line("spin in 1/1024 turn, hp 8 bits, and a hash. Colyseus: x, y, angle f32 and hp u8, without velocity.");
    out
}

fn row(name: &str, side: &Side) -> String {
    let Side { cpu_us_per_client_tick: cpu_us, bytes_per_snapshot: bytes, rate_hz, interval_ms, rss_bytes } = side;
    let Spread { p50, p99, p999 } = interval_ms;
    let mib = *rss_bytes as f64 / f64::from(1 << 20);
    format!("{name:<10}{cpu_us:>9.2}{bytes:>9.1}{rate_hz:>8.2}{p50:>9.2}{p99:>9.2}{p999:>9.2}{mib:>10.1}")
}

/// A quotient; 0 when the divisor is 0, because JSON has neither infinity nor NaN.
fn over(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn measured(snapshots: u64, bytes: u64, cpu_us: f64) -> Measured {
        let tally = Tally { elapsed_ns: 1_000_000_000, snapshots, delta_bytes: bytes, ..Tally::default() };
        let mut intervals_us = Distribution::default();
        (0..snapshots).for_each(|_| intervals_us.record(33_300));
        let lateness_us = Distribution::default();
        let round =
            Round { tally, intervals_us, lateness_us, generator_busy: 0.2, cpu_us, rss_bytes: 50 << 20, lost: None };
        let mut measured = Measured::default();
        measured.add(&round);
        measured.add(&Round { rss_bytes: 70 << 20, ..round });
        measured
    }

    #[test]
    fn the_fields_have_the_names_that_checks_read() {
        let comparison = Comparison::new("light", 8, &measured(240, 2_400, 960.0), &measured(240, 24_000, 9_600.0));
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!((json["workload"].as_str(), json["clients"].as_u64()), (Some("light"), Some(8)));
        for side in ["ours", "colyseus"] {
            for field in ["cpu_us_per_client_tick", "bytes_per_snapshot", "rate_hz", "rss_bytes"] {
                assert!(json[side][field].is_number(), "{side} {field}");
            }
            assert!(["p50", "p99", "p999"].iter().all(|part| json[side]["interval_ms"][part].is_number()));
        }
        let near = |field: &str, expected: f64| (json["ratio"][field].as_f64().unwrap() - expected).abs() < 1e-9;
        assert!(near("cpu", 0.1) && near("bytes", 0.1) && near("p99_ms", 1.0) && near("rss", 1.0), "{json}");
    }

    #[test]
    fn rounds_are_added_up() {
        let side = measured(240, 2_400, 960.0).side(8);
        assert_eq!((side.cpu_us_per_client_tick, side.bytes_per_snapshot, side.rate_hz), (4.0, 10.0, 30.0));
        assert_eq!(side.rss_bytes, 60 << 20);
    }

    #[test]
    fn a_side_without_measurements_is_a_fault() {
        let good = measured(240, 2_400, 960.0);
        assert!(Comparison::new("light", 8, &good, &good).faults().is_empty());
        for bad in [Measured::default(), measured(240, 0, 1.0), measured(240, 2_400, 0.0)] {
            let faults = Comparison::new("light", 8, &bad, &good).faults();
            assert!(faults.len() == 1 && faults[0].starts_with("light, 8 clients, ours: "), "{faults:?}");
            assert_eq!(Comparison::new("light", 8, &good, &bad).faults().len(), 1);
        }
    }

    #[test]
    fn a_lost_connection_is_a_fault_of_its_side() {
        let good = measured(240, 2_400, 960.0);
        let bad = Measured { lost: vec!["1 connections ended".into()], ..good.clone() };
        assert_eq!(
            Comparison::new("light", 8, &good, &bad).faults(),
            ["light, 8 clients, colyseus: 1 connections ended"]
        );
    }

    #[test]
    fn the_table_shows_both_and_the_ratio() {
        let comparison = Comparison::new("light", 8, &measured(240, 2_400, 960.0), &measured(240, 24_000, 9_600.0));
        let table = render(&[comparison]);
        for words in ["light, 8 clients", "4.00     10.0   30.00", "40.00    100.0   30.00", "0.100    0.100"] {
            assert!(table.contains(words), "{words} is not in\n{table}");
        }
    }
}

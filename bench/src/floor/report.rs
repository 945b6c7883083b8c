//! The report of `cargo floor`: its fields are an interface.

use super::journal::Journal;
use serde::Serialize;
use std::fmt::Write as _;
use tickwire_tools::report::{DELIVERED_MIN, GENERATOR_LATE_MS, Spread, words_of_true};

/// One side in one round, or over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Side {
    /// CPU time per client-tick in microseconds.
    pub cpu_us: f64,
    /// Snapshots that arrived, as a part of those that should have.
    pub delivered: f64,
    /// Time for which the thread was ready while another thread had its core, as a part of the time it ran.
    pub waited: f64,
}

/// Both sides, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// Our server.
    pub ours: Side,
    /// The bare loop.
    pub floor: Side,
}

impl Round {
    /// Ours over the floor.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ours.cpu_us / self.floor.cpu_us
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Clients on each side.
    pub clients: u32,
    /// Whether our server and its clients spoke TLS; the bare loop never does.
    pub tls: bool,
    /// The cost of the server's journal, if it kept one; its figures stand beside the others.
    #[serde(flatten)]
    pub journal: Option<Journal>,
    /// Mean WebSocket payload of a snapshot, head included and keyframes apart.
    pub payload_bytes: f64,
    /// CPU time of our server's threads per client-tick in microseconds: the median of the rounds.
    pub ours_cpu_us: f64,
    /// CPU time of the bare loop's thread per client-tick in microseconds: the median of the rounds.
    pub floor_cpu_us: f64,
    /// Ours over the floor.
    pub ratio: f64,
    /// The smallest and the largest ratio of a round.
    pub ratio_range: [f64; 2],
    /// How the entities moved.
    pub motion: String,
    /// Entities per room besides eight players.
    pub entities: u32,
    /// Seconds measured on each side.
    pub seconds: u32,
    /// Bytes that the bare loop sent per client-tick: as many as ours, with the head of the frame.
    pub wire_bytes_out: usize,
    /// Bytes of an input on the wire, with the head of the frame.
    pub wire_bytes_in: usize,
    /// Snapshots delivered by our server, as a part of those expected.
    pub ours_delivered: f64,
    /// Snapshots delivered by the bare loop, as a part of those expected.
    pub floor_delivered: f64,
    /// Snapshots that a client of ours received in a second.
    pub ours_rate_hz: f64,
    /// Frames that a client of the bare loop received in a second.
    pub floor_rate_hz: f64,
    /// Time from one snapshot to the next of the same client, our server.
    pub ours_interval_ms: Spread,
    /// Time from one frame to the next of the same client, the bare loop.
    pub floor_interval_ms: Spread,
    /// How late the generator itself was, in milliseconds: one input in a hundred was later.
    pub generator_late_p99_ms: f64,
    /// The part of the time for which the generator was on its core.
    pub generator_busy: f64,
    /// Resident memory of our server at the end.
    pub ours_rss_bytes: u64,
    /// All rounds.
    pub rounds: Vec<Round>,
}

/// When a thread waits for its core for more than this part of its time, the machine is too busy to believe the
/// figures.
const WAITED_MAX: f64 = 0.1;

impl Report {
    /// Checks that failed, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (clients, least) = (self.clients, 100.0 * DELIVERED_MIN);
        let short = |who: &str, part: f64| {
            (part < DELIVERED_MIN).then(|| {
                format!("{clients} clients: {who} delivered {:.2} % of the ticks, not {least} %", 100.0 * part)
            })
        };
        let nothing = (!self.ratio.is_finite()).then(|| format!("{clients} clients: nothing was measured"));
        let both = [short("our server", self.ours_delivered), short("the bare loop", self.floor_delivered), nothing];
        both.into_iter().flatten().chain(self.journal.iter().flat_map(Journal::faults)).collect()
    }

    /// Reasons to doubt the figures that do not make them wrong.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let waited = self.rounds.iter().flat_map(|round| [round.ours.waited, round.floor.waited]);
        let waited = waited.fold(0.0, f64::max);
        let late = self.generator_late_p99_ms;
        let doubts = [
            (
                waited > WAITED_MAX,
                format!("other threads had the core for up to {:.0} % of a thread's time", 100.0 * waited),
            ),
            (late > GENERATOR_LATE_MS, format!("the generator was {late:.1} ms late")),
        ];
        words_of_true(doubts)
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |label: &str, words: String| {
            writeln!(out, "  {label:<17}{words}").expect("writing to a string cannot fail");
        };
        let kind = match (self.tls, self.journal) {
            (true, _) => ", TLS",
            (false, Some(_)) => ", journal",
            (false, None) => "",
        };
        line(&format!("{} clients{kind}", self.clients), format!("{:>9}{:>9}{:>9}", "ours", "floor", "ratio"));
        line(
            "CPU",
            format!("{:>9.2}{:>9.2}{:>9.3}  µs per client-tick", self.ours_cpu_us, self.floor_cpu_us, self.ratio),
        );
        let [least, most] = self.ratio_range;
        line("", format!("{:>18}{least:>9.3}  to {most:.3} in {} rounds", "", self.rounds.len()));
        let (ours, floor) = (self.ours_interval_ms, self.floor_interval_ms);
        for (label, ours, floor) in [
            ("interval p50", ours.p50, floor.p50),
            ("interval p99", ours.p99, floor.p99),
            ("interval p99.9", ours.p999, floor.p999),
        ] {
            line(label, format!("{ours:>9.2}{floor:>9.2}           ms"));
        }
        let (ours, floor) = (100.0 * self.ours_delivered, 100.0 * self.floor_delivered);
        line("delivered", format!("{ours:>9.2}{floor:>9.2}           %"));
        line(
            "bytes",
            format!(
                "{:.1} payload, {} out and {} in on the wire",
                self.payload_bytes, self.wire_bytes_out, self.wire_bytes_in
            ),
        );
        for (label, words) in self.journal.iter().flat_map(Journal::lines) {
            line(label, words);
        }
        line("memory", format!("{:.1} MiB resident", self.ours_rss_bytes as f64 / f64::from(1 << 20)));
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

/// The median of some figures; not a number when there are none.
#[must_use]
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report() -> Report {
        let side = Side { cpu_us: 10.0, delivered: 1.0, waited: 0.01 };
        let spread = Spread { p50: 33.3, p99: 33.9, p999: 34.5 };
        Report {
            clients: 400,
            tls: false,
            journal: None,
            payload_bytes: 280.5,
            ours_cpu_us: 12.0,
            floor_cpu_us: 10.0,
            ratio: 1.2,
            ratio_range: [1.1, 1.3],
            motion: "erratic".into(),
            entities: 100,
            seconds: 20,
            wire_bytes_out: 285,
            wire_bytes_in: 20,
            ours_delivered: 1.0,
            floor_delivered: 1.0,
            ours_rate_hz: 30.0,
            floor_rate_hz: 30.0,
            ours_interval_ms: spread,
            floor_interval_ms: spread,
            generator_late_p99_ms: 0.4,
            generator_busy: 0.3,
            ours_rss_bytes: 20 << 20,
            rounds: vec![Round { ours: Side { cpu_us: 12.0, ..side }, floor: side }],
        }
    }

    #[test]
    fn the_fields_that_checks_read_are_there() {
        let json = serde_json::to_value(report()).unwrap();
        for (field, value) in [
            ("clients", 400.0),
            ("payload_bytes", 280.5),
            ("ours_cpu_us", 12.0),
            ("floor_cpu_us", 10.0),
            ("ratio", 1.2),
        ] {
            assert_eq!(json[field].as_f64(), Some(value), "{field}");
        }
        assert!(report().table().contains("12.00"));
    }

    #[test]
    fn ticks_that_did_not_arrive_and_figures_of_nothing_are_faults() {
        assert!(report().faults().is_empty());
        assert_eq!(Report { ours_delivered: 0.98, ..report() }.faults().len(), 1);
        assert_eq!(Report { floor_delivered: 0.0, ratio: f64::NAN, ..report() }.faults().len(), 2);
    }

    #[test]
    fn a_busy_machine_is_a_doubt() {
        assert!(report().doubts().is_empty());
        let mut busy = report();
        busy.rounds[0].floor.waited = 0.3;
        assert_eq!(busy.doubts(), ["other threads had the core for up to 30 % of a thread's time"]);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }
}

//! The results of the search: for machines, and for people.

use super::INTERVAL_P99_MS_MAX;
use crate::peers::report::Round;
use serde::Serialize;
use std::fmt::{self, Write as _};
use tickwire_tools::report::GENERATOR_LATE_MS;

/// One shard of ours holds at least this many times the clients of Colyseus.
pub(super) const RATIO_MIN: f64 = 3.0;

/// Above this part of its core the generator is at its end.
const GENERATOR_BUSY_MAX: f64 = 0.9;

/// The outcome of a step with one number of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Rate and intervals are within the bounds.
    Holds,
    /// Rate or intervals are out of the bounds.
    Breaks,
    /// Rate or intervals are out of the bounds, but the generator was at its end: the server may not be.
    Unknown,
}

/// One number of clients.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Clients, in rooms of eight.
    pub clients: u32,
    /// The outcome of the step.
    pub verdict: Verdict,
    /// Snapshots that a client received in a second.
    pub rate_hz: f64,
    /// One in a hundred intervals was longer, in milliseconds.
    pub interval_p99_ms: f64,
    /// The part of the time for which the server was on its core, all threads together.
    pub server_busy: f64,
    /// The part of the time for which the generator was on its core.
    pub generator_busy: f64,
    /// One in a hundred inputs was later than this, in milliseconds.
    pub generator_late_p99_ms: f64,
    /// The error of the step, in words.
    pub fault: Option<String>,
}

impl Step {
    pub(super) fn of(round: &Round, clients: u32, rate_hz_min: f64) -> Self {
        let mut step = Self {
            clients,
            verdict: Verdict::Unknown,
            rate_hz: round.tally.rate_hz(clients),
            interval_p99_ms: round.intervals_us.spread_ms().p99,
            server_busy: round.cpu_us * 1_000.0 / round.tally.elapsed_ns as f64,
            generator_busy: round.generator_busy,
            generator_late_p99_ms: round.lateness_us.spread_ms().p99,
            fault: round.lost.clone(),
        };
        step.verdict = step.judge(rate_hz_min);
        step
    }

    /// A step in which not every client got into a room, or the server ended.
    pub(super) const fn broken(clients: u32, fault: String) -> Self {
        Self {
            clients,
            verdict: Verdict::Breaks,
            rate_hz: 0.0,
            interval_p99_ms: 0.0,
            server_busy: 0.0,
            generator_busy: 0.0,
            generator_late_p99_ms: 0.0,
            fault: Some(fault),
        }
    }

    fn judge(&self, rate_hz_min: f64) -> Verdict {
        let holds = self.rate_hz >= rate_hz_min && self.interval_p99_ms <= INTERVAL_P99_MS_MAX && self.fault.is_none();
        let is_generator = self.generator_busy > GENERATOR_BUSY_MAX || self.generator_late_p99_ms > GENERATOR_LATE_MS;
        match (holds, is_generator) {
            (true, _) => Verdict::Holds,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::Breaks,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, rate_hz, interval_p99_ms, generator_late_p99_ms: late_ms, .. } = self;
        let verdict = match self.verdict {
            Verdict::Holds => "holds",
            Verdict::Breaks => "breaks",
            Verdict::Unknown => "generator at its limit",
        };
        let (server, generator) = (100.0 * self.server_busy, 100.0 * self.generator_busy);
        write!(out, "{clients:>6} clients{rate_hz:>7.2} Hz{interval_p99_ms:>7.1} ms p99, server {server:.0} %, ")?;
        write!(out, "generator {generator:.0} % and {late_ms:.1} ms late: {verdict}")?;
        self.fault.iter().try_for_each(|fault| write!(out, " ({fault})"))
    }
}

/// The number of clients that one server holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// Clients that the server holds.
    pub clients: u32,
    /// Whether the server may hold more, because the generator reached its limit first.
    pub is_at_least: bool,
    /// The rate that was required of the server.
    pub rate_hz_min: f64,
    /// All numbers that were tried, in turn.
    pub steps: Vec<Step>,
}

/// The numbers of clients that both servers hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The name of the workload.
    pub workload: String,
    /// One in a hundred intervals may be longer than this.
    pub interval_p99_ms_max: f64,
    /// Our server with one shard.
    pub ours: Held,
    /// One process of Colyseus.
    pub colyseus: Held,
    /// Our number over that of Colyseus: more is better.
    pub ratio: f64,
}

impl Report {
    pub(super) fn new(workload: &str, ours: Held, colyseus: Held) -> Self {
        let ratio = if colyseus.clients == 0 { 0.0 } else { f64::from(ours.clients) / f64::from(colyseus.clients) };
        Self { workload: workload.into(), interval_p99_ms_max: INTERVAL_P99_MS_MAX, ours, colyseus, ratio }
    }

    /// The promises that were not kept or could not be checked, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (ratio, workload) = (self.ratio, &self.workload);
        let nothing = |name: &str, held: &Held| {
            (held.clients == 0).then(|| format!("{workload}: {name} holds none of the numbers that were tried"))
        };
        let few = (ratio < RATIO_MIN).then(|| format!("{workload}: {ratio:.2} times as many clients, not {RATIO_MIN}"));
        let untold = self.colyseus.is_at_least.then(|| {
            format!("{workload}: the generator reached its limit before Colyseus did, so the ratio may be smaller")
        });
        let faults = [nothing("our server", &self.ours), nothing("Colyseus", &self.colyseus), few, untold];
        faults.into_iter().flatten().collect()
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |words: &str| writeln!(out, "  {words}").expect("writing to a string cannot fail");
        let bound_ms = self.interval_p99_ms_max;
        for (name, held) in [("ours", &self.ours), ("Colyseus", &self.colyseus)] {
            let (clients, rate_hz) = (held.words(), held.rate_hz_min);
            line(&format!("{name:<10}{clients:>16} clients at ≥ {rate_hz:.2} Hz, p99 interval ≤ {bound_ms:.1} ms"));
        }
        line(&format!("{:<10}{:>16}", "ratio", self.ratio_words()));
        out
    }

    pub(super) fn ratio_words(&self) -> String {
        let at_least = if self.ours.is_at_least { "at least " } else { "" };
        format!("{at_least}{:.2}", self.ratio)
    }
}

impl Held {
    pub(super) fn words(&self) -> String {
        let at_least = if self.is_at_least { "at least " } else { "" };
        format!("{at_least}{}", self.clients)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn report(ours: u32, colyseus: u32) -> Report {
        let held = |clients| {
            let step =
                Step { fault: None, rate_hz: 30.0, interval_p99_ms: 34.0, ..Step::broken(clients, String::new()) };
            let steps = vec![Step { verdict: Verdict::Holds, ..step }];
            Held { clients, is_at_least: false, rate_hz_min: 29.9, steps }
        };
        Report::new("heavy", held(ours), held(colyseus))
    }

    #[test]
    fn a_step_is_judged_by_rate_and_interval_and_the_generators_own_end() {
        let good = || report(1, 1).ours.steps.remove(0);
        assert_eq!(good().judge(29.9), Verdict::Holds);
        assert_eq!(good().judge(30.1), Verdict::Breaks);
        assert_eq!(Step { interval_p99_ms: 70.0, ..good() }.judge(29.9), Verdict::Breaks);
        assert_eq!(Step { fault: Some("lost".into()), ..good() }.judge(29.9), Verdict::Breaks);
        let busy = Step { generator_busy: 0.97, ..good() };
        assert_eq!((busy.judge(29.9), busy.judge(30.1)), (Verdict::Holds, Verdict::Unknown));
        assert_eq!(Step { generator_late_p99_ms: 20.0, ..good() }.judge(30.1), Verdict::Unknown);
    }

    #[test]
    fn a_ratio_below_three_and_an_unknown_ratio_are_faults() {
        assert!(report(2_400, 800).faults().is_empty());
        assert_eq!(report(2_399, 800).faults().len(), 1);
        assert_eq!(report(0, 800).faults().len(), 2);
        let mut untold = report(2_400, 800);
        untold.colyseus.is_at_least = true;
        assert_eq!(untold.faults().len(), 1);
    }

    #[test]
    fn the_table_marks_a_number_as_at_least_where_a_server_may_hold_more() {
        let mut limited = report(4_000, 800);
        assert!(limited.table().contains("5.00") && !limited.table().contains("at least"));
        limited.ours.is_at_least = true;
        assert!(limited.table().contains("at least 4000") && limited.table().contains("at least 5.00"));
    }
}

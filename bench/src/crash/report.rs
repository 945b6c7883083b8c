//! The report of `cargo crash`: its fields are an interface.

use super::{Plan, Trial};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::time::Duration;
use tickwire_tools::load::Fared;
use tickwire_tools::measure::Distribution;
use tickwire_tools::report::Spread;

/// Of 100 bots 99 must be back so soon after a kill, in milliseconds.
const BACK_P99_MS_MAX: f64 = 3_000.0;

/// Violations that are told in words.
const WORDS_MAX: usize = 20;

/// Sums over the trials of a run.
#[derive(Debug, Default)]
pub(super) struct Sums {
    trials: u32,
    violations: u64,
    words: Vec<String>,
    rooms_lost: u32,
    ticks_lost_max: u32,
    back_us: Distribution,
    ticking_us: Distribution,
    ready_us: Distribution,
    scores_compared: u64,
    dropped: u64,
}

impl Sums {
    pub(super) fn add(&mut self, trial: &Trial) {
        self.trials += 1;
        let words = faults(trial);
        self.violations += words.len() as u64;
        let left = WORDS_MAX.saturating_sub(self.words.len());
        self.words.extend(words.into_iter().take(left).map(|words| format!("trial {}, {words}", self.trials)));
        self.rooms_lost += trial.rooms_lost;
        self.ticks_lost_max = self.ticks_lost_max.max(trial.ticks_lost);
        trial.back_us.iter().for_each(|us| self.back_us.record(*us));
        trial.ticking_us.iter().for_each(|us| self.ticking_us.record(*us));
        self.ready_us.record(trial.ready_us);
        self.scores_compared += trial.scores_compared;
        self.dropped += trial.dropped;
    }
}

/// The violations of a trial in words, those that the server's metrics tell included.
fn faults(trial: &Trial) -> Vec<String> {
    let counted = [
        (trial.counts.missing, "rooms were not revived, as the metrics say"),
        (trial.counts.lost, "rooms were lost, as the metrics say"),
        (trial.counts.diverged, "rooms came out otherwise than before, as the metrics say"),
    ];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    trial.violations.iter().map(ToString::to_string).chain(counted).collect()
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Kills.
    pub trials: u32,
    /// Kills that were planned: a run ends early when a bot does not come back.
    pub trials_planned: u32,
    /// The game.
    pub game: String,
    /// The options of the rooms, where the run names any.
    pub options: Map<String, Value>,
    /// Rooms.
    pub rooms: u32,
    /// Bots in each.
    pub players: u32,
    /// Whether only the first bot of each room was a full client.
    pub thin: bool,
    /// The seed of the run.
    pub seed: u64,
    /// Promises that were broken.
    pub violations: u64,
    /// The first of them in words.
    pub first_violations: Vec<String>,
    /// Rooms into which no bot came back, over all trials.
    pub rooms_lost: u32,
    /// The most ticks by which a room was set back behind a world that a bot had seen.
    pub ticks_lost_max: u32,
    /// Milliseconds from a kill to the first new tick that was applied, over all bots and trials.
    pub back_ms: Spread,
    /// Milliseconds from a kill to the first new tick of a room, over all rooms and trials.
    pub ticking_ms: Spread,
    /// Milliseconds from a kill until the next server was ready, over all trials.
    pub ready_ms: Spread,
    /// Hashes that were compared with the server's.
    pub hashes_compared: u64,
    /// Snapshots, or inputs of ticks, that were applied.
    pub ticks_delivered: u64,
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// Messages that could not be decoded.
    pub decode_errors: u64,
    /// Scores that were held against those before a kill; 0 in a game whose scores begin anew meanwhile.
    pub scores_compared: u64,
    /// Connections that were lost although the server ran.
    pub dropped: u64,
    /// Seconds that the run took.
    pub seconds: f64,
}

impl Report {
    pub(super) fn new(plan: &Plan, sums: &Sums, fared: &Fared, took: Duration) -> Self {
        Self {
            trials: sums.trials,
            trials_planned: plan.trials,
            game: plan.game.clone(),
            options: plan.options.clone(),
            rooms: plan.rooms,
            players: plan.players,
            thin: plan.thin,
            seed: plan.seed,
            violations: sums.violations,
            first_violations: sums.words.clone(),
            rooms_lost: sums.rooms_lost,
            ticks_lost_max: sums.ticks_lost_max,
            back_ms: sums.back_us.spread_ms(),
            ticking_ms: sums.ticking_us.spread_ms(),
            ready_ms: sums.ready_us.spread_ms(),
            hashes_compared: fared.hashes_compared,
            ticks_delivered: fared.snapshots,
            hash_mismatches: fared.hash_mismatches,
            decode_errors: fared.decode_errors,
            scores_compared: sums.scores_compared,
            dropped: sums.dropped,
            seconds: took.as_secs_f64(),
        }
    }

    /// Whether every promise was kept, and something was compared.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.violations + self.hash_mismatches + self.decode_errors == 0
            && self.hashes_compared > 0
            && self.back_ms.p99 <= BACK_P99_MS_MAX
            && self.trials == self.trials_planned
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut say = |words: String| writeln!(out, "  {words}").expect("writing to a string cannot fail");
        for words in &self.first_violations {
            say(format!("✗ {words}"));
        }
        if self.back_ms.p99 > BACK_P99_MS_MAX {
            say(format!("✗ 99 of 100 bots were back after {:.0} ms, not {BACK_P99_MS_MAX}", self.back_ms.p99));
        }
        let told = self.first_violations.len() as u64;
        if self.violations > told {
            say(format!("✗ and {} more", self.violations - told));
        }
        say(format!("{:<17}{:>9}{:>9}{:>9}", "", "p50", "p99", "p99.9"));
        for (label, spread) in [("back", self.back_ms), ("ticking", self.ticking_ms), ("ready", self.ready_ms)] {
            say(format!("{label:<17}{:>9.0}{:>9.0}{:>9.0}  ms after the kill", spread.p50, spread.p99, spread.p999));
        }
        say(format!(
            "{:<17}{} hashes compared, {} differ; {} decode errors; {} ticks delivered",
            "agreement", self.hashes_compared, self.hash_mismatches, self.decode_errors, self.ticks_delivered
        ));
        say(format!(
            "{:<17}{} scores compared; {} rooms lost, at most {} ticks lost; {} connections dropped",
            "kept", self.scores_compared, self.rooms_lost, self.ticks_lost_max, self.dropped
        ));
        let _ = write!(
            out,
            "{} of {} trials with {} rooms × {} of {}, {} violations, {:.0} s",
            self.trials, self.trials_planned, self.rooms, self.players, self.game, self.violations, self.seconds
        );
        out
    }
}

/// The line for a trial that was judged.
#[must_use]
pub fn line(number: u32, trial: &Trial) -> String {
    let most = |all: &[u64]| all.iter().max().map_or_else(|| "never".into(), |us| format!("after {} ms", us / 1_000));
    let (broken, mark) = match faults(trial).len() {
        0 => (String::new(), '✓'),
        count => (format!(", {count} violations"), '✗'),
    };
    format!(
        "{mark} trial {number:>3}: ready after {} ms, all rooms tick {}, all bots are back {}; {} hashes agree{broken}",
        trial.ready_us / 1_000,
        most(&trial.ticking_us),
        most(&trial.back_us),
        trial.hashes_compared
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::server::RoomCounts;

    fn plan() -> Plan {
        Plan {
            trials: 1,
            rooms: 20,
            players: 8,
            thin: false,
            seed: 1,
            game: "arena".into(),
            options: Map::new(),
            program: None,
            data: "data".into(),
        }
    }

    fn report(trial: &Trial, hashes_compared: u64) -> Report {
        let mut sums = Sums::default();
        sums.add(trial);
        Report::new(&plan(), &sums, &Fared { hashes_compared, ..Fared::default() }, Duration::from_secs(9))
    }

    fn good() -> Trial {
        Trial { back_us: vec![600_000, 700_000], ticking_us: vec![600_000], ready_us: 90_000, ..Trial::default() }
    }

    #[test]
    fn a_run_without_comparisons_or_cut_short_has_shown_nothing() {
        assert!(report(&good(), 5).is_ok() && !report(&good(), 0).is_ok());
        assert!(!Report { trials: 0, ..report(&good(), 5) }.is_ok());
        assert!(!Report { hash_mismatches: 1, ..report(&good(), 5) }.is_ok());
        let late = report(&Trial { back_us: vec![600_000, 3_100_000], ..good() }, 5);
        assert!(!late.is_ok() && late.table().contains("✗ 99 of 100 bots were back after 3"), "{}", late.table());
    }

    #[test]
    fn rooms_that_the_metrics_call_lost_are_violations() {
        let trial = Trial { counts: RoomCounts { missing: 1, lost: 2, diverged: 0 }, ..good() };
        let report = report(&trial, 5);
        assert_eq!((report.violations, report.is_ok()), (2, false));
        assert_eq!(report.first_violations[1], "trial 1, 2 rooms were lost, as the metrics say");
        assert!(report.table().contains("✗ trial 1, 2 rooms were lost") && line(1, &trial).starts_with("✗ trial   1"));
        assert!(line(1, &good()).contains("all bots are back after 700 ms"), "{}", line(1, &good()));
    }

    #[test]
    fn the_fields_that_others_read_are_there() {
        let value = serde_json::to_value(report(&good(), 5)).unwrap();
        for field in [
            "trials",
            "violations",
            "rooms_lost",
            "ticks_lost_max",
            "hashes_compared",
            "ticks_delivered",
            "hash_mismatches",
        ] {
            assert!(value[field].is_u64(), "{field}");
        }
        for field in ["back_ms", "ticking_ms"] {
            assert!(value[field]["p50"].is_f64() && value[field]["p99"].is_f64(), "{field}");
        }
    }
}

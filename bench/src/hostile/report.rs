//! The result of a walk: for machines as JSON, for people as a table.

use serde::Serialize;
use std::fmt::Write as _;
use tickwire_tools::load::Fared;

/// Default of the milliseconds that attacks may add to the 99th percentile of the bystander's intervals.
pub const LATE_MS_MAX: f64 = 1.0;

/// Columns of the part of a line that says what came.
const CAME_COLUMNS: usize = 110;

/// The outcome of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowReport {
    /// The row.
    pub id: &'static str,
    /// Whether the right answer came.
    pub ok: bool,
    /// The attack.
    pub tried: &'static str,
    /// The answer that came.
    pub came: String,
    /// The right answer.
    pub want: &'static str,
    /// Seconds that the row took.
    pub seconds: f64,
}

/// A row that was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The row.
    pub id: &'static str,
    /// The reason.
    pub why: &'static str,
}

/// How the bystander fared, all its players together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BystanderReport {
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// Connections that ended.
    pub disconnects: u64,
    /// Hashes that were compared with the server's.
    pub hashes_compared: u64,
    /// The 99th percentile of the time between two snapshots during the attacks, in milliseconds, in the game where
    /// it moved most.
    pub interval_p99_ms: f64,
    /// The same before the attacks, in the same game.
    pub quiet_interval_p99_ms: f64,
    /// Milliseconds by which the one may be longer than the other.
    pub late_ms_max: f64,
}

impl BystanderReport {
    /// The report on players of several games, each as it was before the attacks and after them.
    #[must_use]
    pub fn new(quiet: &[Fared; 2], after: &[Fared; 2], late_ms_max: f64) -> Self {
        let sum = |count: fn(&Fared) -> u64| after.iter().map(count).sum();
        let pairs = quiet.iter().zip(after).map(|(quiet, after)| (quiet.interval_p99_ms, after.interval_p99_ms));
        let moved = |(quiet, after): (f64, f64)| after - quiet;
        let worst = pairs.max_by(|one, other| moved(*one).total_cmp(&moved(*other))).unwrap_or_default();
        Self {
            hash_mismatches: sum(|fared| fared.hash_mismatches),
            disconnects: sum(|fared| fared.disconnects),
            hashes_compared: sum(|fared| fared.hashes_compared),
            interval_p99_ms: worst.1,
            quiet_interval_p99_ms: worst.0,
            late_ms_max,
        }
    }

    /// Whether the attacks did the bystander any harm, or left it unwatched.
    #[must_use]
    pub fn is_harmed(&self) -> bool {
        self.hash_mismatches + self.disconnects > 0
            || self.hashes_compared == 0
            || self.interval_p99_ms > self.quiet_interval_p99_ms + self.late_ms_max
    }
}

/// The result of a walk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The rows that were tried.
    pub rows: Vec<RowReport>,
    /// The rows that were not.
    pub skipped: Vec<Skipped>,
    /// How the bystander fared.
    pub bystander: BystanderReport,
    /// Seconds that the walk took.
    pub seconds: f64,
}

impl Report {
    /// Rows for which the right answer came.
    #[must_use]
    pub fn right(&self) -> usize {
        self.rows.iter().filter(|row| row.ok).count()
    }

    /// Whether every row was right and the bystander unharmed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.right() == self.rows.len() && !self.rows.is_empty() && !self.bystander.is_harmed()
    }

    /// The table for people, with colours or without.
    #[must_use]
    pub fn table(&self, colours: bool) -> String {
        let mut out = String::new();
        for row in self.rows.iter().filter(|row| !row.ok) {
            let _ = writeln!(out, "  {} {:<12} {}", mark(false, colours), row.id, row.tried);
            let _ = writeln!(out, "      wanted  {}\n      came    {}", row.want, row.came);
        }
        for Skipped { id, why } in &self.skipped {
            let _ = writeln!(out, "  - {id:<12} left out: {why}");
        }
        let b = &self.bystander;
        let _ = writeln!(
            out,
            "  {} bystander    {} hashes compared, {} differ, {} disconnects, p99 {:.2} ms, before {:.2} ms",
            mark(!b.is_harmed(), colours),
            b.hashes_compared,
            b.hash_mismatches,
            b.disconnects,
            b.interval_p99_ms,
            b.quiet_interval_p99_ms
        );
        let (right, wrong) = (self.right(), self.rows.len() - self.right());
        let _ =
            write!(out, "{right} rows right, {wrong} wrong, {} left out, {:.0} s", self.skipped.len(), self.seconds);
        out
    }
}

/// The line for a row that has ended.
#[must_use]
pub fn line(row: &RowReport, colours: bool) -> String {
    let came: String = row.came.chars().take(CAME_COLUMNS).collect();
    format!("  {} {:<12} {} → {came} ({:.1} s)", mark(row.ok, colours), row.id, row.tried, row.seconds)
}

fn mark(ok: bool, colours: bool) -> &'static str {
    match (ok, colours) {
        (true, true) => "\u{1b}[32m✓\u{1b}[0m",
        (false, true) => "\u{1b}[31m✗\u{1b}[0m",
        (true, false) => "✓",
        (false, false) => "✗",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fared(hashes_compared: u64, interval_p99_ms: f64) -> Fared {
        Fared { hashes_compared, interval_p99_ms, ..Fared::default() }
    }

    fn report(ok: bool) -> Report {
        let row = RowReport { id: "S7", ok, tried: "t", came: "1000".into(), want: "1002", seconds: 0.5 };
        let calm = [fared(5, 17.0), fared(5, 34.0)];
        let bystander = BystanderReport::new(&calm, &calm, LATE_MS_MAX);
        Report { rows: vec![row], skipped: Vec::new(), bystander, seconds: 1.0 }
    }

    #[test]
    fn the_game_that_moved_most_decides_on_the_bystander() {
        let quiet = [fared(0, 17.0), fared(0, 34.0)];
        let report = BystanderReport::new(&quiet, &[fared(9, 18.5), fared(9, 34.2)], LATE_MS_MAX);
        assert_eq!((report.quiet_interval_p99_ms, report.interval_p99_ms, report.hashes_compared), (17.0, 18.5, 18));
        assert!(report.is_harmed(), "1.5 ms are too much");
        assert!(!BystanderReport::new(&quiet, &[fared(9, 17.9), fared(9, 34.2)], LATE_MS_MAX).is_harmed());
        assert!(BystanderReport::new(&quiet, &quiet, LATE_MS_MAX).is_harmed(), "nothing was compared");
        let lost = Fared { disconnects: 1, ..fared(9, 17.0) };
        assert!(BystanderReport::new(&quiet, &[lost, fared(9, 34.0)], LATE_MS_MAX).is_harmed());
    }

    #[test]
    fn a_wrong_row_fails_the_walk_and_is_told_in_full() {
        assert!(report(true).is_ok() && !report(false).is_ok());
        let empty = Report { rows: Vec::new(), ..report(true) };
        assert!(!empty.is_ok(), "a walk without rows has shown nothing");
        let table = report(false).table(false);
        assert!(table.contains("✗ S7") && table.contains("wanted  1002") && table.contains("came    1000"), "{table}");
        assert!(table.ends_with("0 rows right, 1 wrong, 0 left out, 1 s"), "{table}");
        assert!(!table.contains('\u{1b}') && report(false).table(true).contains('\u{1b}'));
    }

    #[test]
    fn the_report_has_the_fields_that_others_read() {
        let value = serde_json::to_value(report(true)).unwrap();
        for field in ["id", "ok", "came", "want"] {
            assert!(!value["rows"][0][field].is_null(), "{field}");
        }
        for field in ["hash_mismatches", "disconnects", "hashes_compared", "interval_p99_ms"] {
            assert!(value["bystander"][field].is_number(), "{field}");
        }
    }
}

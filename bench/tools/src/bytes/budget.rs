//! A budget for the bytes of a game: the most that a mean delta and its fields may take, or in lockstep the inputs of a
//! mean tick.
//!
//! `{ "delta": 40, "ships.at": 6.0 }` allows 40 bytes for a mean delta and 6 of them for the field `at` of the table
//! `ships`. A name covers everything below it: `ships.at` is the sum of `ships.at.x` and `ships.at.y`, and `ships` the
//! whole table, with the cost of rows that come and go.

use super::BytesReport;
use crate::nearest::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::{fs, io};
use thiserror::Error;

/// The name of the whole delta in a budget: of all that is sent for a tick.
const DELTA: &str = "delta";

/// The end of the name of a table's line for rows that come and go.
pub(super) const ROWS: &str = " (rows)";

/// The characters between a name and the names below it: `ships.at`, `scores[1]`.
const BELOW: [char; 2] = ['.', '['];

/// Reasons why a budget cannot be held.
#[derive(Debug, Error)]
pub enum BudgetError {
    /// The file is not there.
    #[error("the budget {path} cannot be read")]
    File {
        /// The file's path.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The text is no budget.
    #[error("a budget is JSON with numbers of bytes, such as {{ \"delta\": 40, \"ships.at\": 6.0 }}")]
    Json(#[from] serde_json::Error),
    /// A bound that nothing can keep.
    #[error("the budget of {field} is {bytes} bytes: it has to be 0 or more")]
    Negative {
        /// The field.
        field: String,
        /// Its bound.
        bytes: f64,
    },
    /// The game has no such field.
    #[error("{game} has no field {field}{}", .nearest.as_ref().map_or_else(String::new, |name| format!(": did you mean {name}?")))]
    Unknown {
        /// The game.
        game: String,
        /// The field that is not there.
        field: String,
        /// The name that was most likely meant.
        nearest: Option<String>,
    },
}

/// Bytes of a mean delta at the most, by field.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget(BTreeMap<String, f64>);

/// The comparison of one bound.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetLine {
    /// The field, or `delta`.
    pub field: String,
    /// Bytes that it takes in a mean delta.
    pub bytes: f64,
    /// Bytes that it may take.
    pub budget: f64,
}

impl BudgetLine {
    /// Whether the field takes more than it may.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.bytes > self.budget
    }
}

impl Budget {
    /// Reads a budget from JSON, or from the file of this name. JSON begins with a brace.
    ///
    /// # Errors
    /// When there is no such file, and when the JSON is no budget.
    pub fn read(file_or_json: &str) -> Result<Self, BudgetError> {
        if file_or_json.trim_start().starts_with('{') {
            return Self::parse(file_or_json);
        }
        let text = fs::read_to_string(file_or_json);
        Self::parse(&text.map_err(|source| BudgetError::File { path: file_or_json.to_owned(), source })?)
    }

    fn parse(json: &str) -> Result<Self, BudgetError> {
        let bounds: BTreeMap<String, f64> = serde_json::from_str(json)?;
        match bounds.iter().find(|(_, bytes)| **bytes < 0.0) {
            Some((field, bytes)) => Err(BudgetError::Negative { field: field.clone(), bytes: *bytes }),
            None => Ok(Self(bounds)),
        }
    }

    /// Holds a report against the budget, bound by bound.
    ///
    /// # Errors
    /// When the game has no field of a bound's name.
    pub fn compare(&self, report: &BytesReport) -> Result<Vec<BudgetLine>, BudgetError> {
        let names = names(report);
        let line = |(field, budget): (&String, &f64)| {
            let whole = report.bytes_per_tick_inputs.unwrap_or(report.bytes_per_delta);
            let bytes = if field == DELTA { Some(whole) } else { bytes_of(report, field) };
            let bytes = bytes.ok_or_else(|| BudgetError::Unknown {
                game: report.game.clone(),
                field: field.clone(),
                nearest: nearest(field, names.iter().map(String::as_str)).map(str::to_owned),
            })?;
            Ok(BudgetLine { field: field.clone(), bytes, budget: *budget })
        };
        self.0.iter().map(line).collect()
    }
}

/// Bytes of a mean delta for a field and everything below it; `None` when there is none.
fn bytes_of(report: &BytesReport, name: &str) -> Option<f64> {
    let covers = |field: &str| {
        field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(BELOW) || rest == ROWS)
    };
    let covered: Vec<f64> =
        report.fields.iter().filter(|field| covers(&field.field)).map(|field| field.bytes_per_delta).collect();
    (!covered.is_empty()).then(|| covered.iter().sum())
}

/// All names that a budget may have: fields, and everything above them.
fn names(report: &BytesReport) -> BTreeSet<String> {
    let mut names = BTreeSet::from([DELTA.to_owned()]);
    for field in &report.fields {
        let path = field.field.trim_end_matches(ROWS);
        names.extend(path.match_indices(BELOW).map(|(dot, _)| path[..dot].to_owned()));
        names.insert(path.to_owned());
    }
    names
}

/// Lays out the comparison in lines, one for each bound.
#[must_use]
pub fn render_budget(lines: &[BudgetLine]) -> String {
    let mut out = format!("  {:<34} {:>12} {:>12}\n", "budget", "bytes/delta", "allowed");
    for line in lines {
        let verdict = if line.is_over() { format!("✗ {:.2} over", line.bytes - line.budget) } else { "✓".into() };
        writeln!(out, "  {:<34} {:>12.2} {:>12.2}  {verdict}", line.field, line.bytes, line.budget)
            .expect("writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::FieldCost;
    use super::*;

    fn report() -> BytesReport {
        let field = |field: &str, bytes_per_delta| FieldCost {
            field: field.into(),
            bits_per_row: 1.0,
            bytes_per_delta,
            share: 0.25,
            expected: 0.5,
        };
        BytesReport {
            game: "duel".into(),
            deltas: 1,
            bytes_per_tick_inputs: None,
            bytes_per_delta: 12.5,
            bytes_without_priors: 14.0,
            body_bytes: 10.0,
            body_bytes_never_restarting: 9.0,
            priors_bytes: 50,
            keyframe_bytes: 90.0,
            fields: vec![
                field("ships.at.x", 3.0),
                field("ships.at.y", 2.5),
                field("ships.attitude", 2.0),
                field("ships (rows)", 0.5),
                field("scores[0]", 0.25),
                field("scores[1]", 0.5),
            ],
        }
    }

    fn compared(json: &str) -> Result<Vec<(String, f64, bool)>, BudgetError> {
        let lines = Budget::read(json)?.compare(&report())?;
        Ok(lines.into_iter().map(|line| (line.field.clone(), line.bytes, line.is_over())).collect())
    }

    #[test]
    fn a_name_covers_everything_below_it_and_nothing_beside_it() {
        let found =
            compared(r#"{ "delta": 12.5, "ships": 7.9, "ships.at": 5.5, "ships.at.x": 2.9, "scores": 1 }"#).unwrap();
        let expected = [
            ("delta", 12.5, false),
            ("scores", 0.75, false),
            ("ships", 8.0, true),
            ("ships.at", 5.5, false),
            ("ships.at.x", 3.0, true),
        ];
        assert_eq!(found, expected.map(|(field, bytes, is_over)| (field.to_owned(), bytes, is_over)));
    }

    #[test]
    fn in_lockstep_the_budget_is_for_the_inputs_which_are_all_that_is_sent() {
        let report = BytesReport { bytes_per_tick_inputs: Some(3.5), ..report() };
        let lines = Budget::read(r#"{ "delta": 4 }"#).unwrap().compare(&report).unwrap();
        assert_eq!((lines[0].bytes, lines[0].is_over()), (3.5, false));
    }

    #[test]
    fn the_table_says_what_is_over_and_by_how_much() {
        let lines = Budget::read(r#"{ "delta": 40, "ships.at": 5 }"#).unwrap().compare(&report()).unwrap();
        let table = render_budget(&lines);
        let line = |name: &str| table.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line("delta").ends_with("40.00  ✓"), "{table}");
        assert!(line("ships.at").ends_with("5.00  ✗ 0.50 over"), "{table}");
    }

    #[test]
    fn an_unknown_field_names_the_nearest_one_and_what_is_no_budget_says_so() {
        let error = |json: &str| compared(json).unwrap_err().to_string();
        assert_eq!(error(r#"{ "ship.at": 5 }"#), "duel has no field ship.at: did you mean ships.at?");
        assert_eq!(error(r#"{ "xyzzy": 5 }"#), "duel has no field xyzzy");
        assert_eq!(error(r#"{ "delta": -1 }"#), "the budget of delta is -1 bytes: it has to be 0 or more");
        assert!(error(r#"{ "delta": "much" }"#).starts_with("a budget is JSON with numbers of bytes"));
        assert_eq!(error("nowhere.json"), "the budget nowhere.json cannot be read");
    }

    #[test]
    fn a_budget_may_be_in_a_file() {
        let file = std::env::temp_dir().join(format!("tickwire-budget-{}.json", std::process::id()));
        fs::write(&file, "{ \"delta\": 12 }\n").unwrap();
        let found = compared(file.to_str().unwrap()).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(found, [("delta".to_owned(), 12.5, true)]);
    }
}

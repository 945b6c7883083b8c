//! The output on the terminal: a line per step, the log of a step that failed, and a table at the end.

use anyhow::Result;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Lines of a failed step's output that are shown, from the end; the earlier ones are in its log.
const LINES_SHOWN: usize = 150;

/// Lines of each panic that are shown in front of them: the place, and two lines of words.
const PANIC_LINES: usize = 3;

/// The outcome of one step.
struct Line {
    name: &'static str,
    took: Duration,
    tests: usize,
    /// Cases of an outside suite.
    cases: usize,
    /// Right rows of the hostile walk.
    rows: usize,
    passed: bool,
}

/// The outcomes of the run so far.
pub(crate) struct Report {
    lines: Vec<Line>,
    started: Instant,
    step_started: Instant,
}

impl Default for Report {
    fn default() -> Self {
        let now = Instant::now();
        Self { lines: Vec::new(), started: now, step_started: now }
    }
}

impl Report {
    /// Notes that a step begins. A terminal shows its name until the outcome takes the place of that line.
    pub(crate) fn begin(&mut self, name: &str) {
        self.step_started = Instant::now();
        if io::stdout().is_terminal() {
            say(&format!("{name:<14} ..."), "");
        }
    }

    /// Notes that a step has ended, and prints its outcome. The value is false when the step failed.
    pub(crate) fn end(&mut self, name: &'static str, outcome: Result<()>, logs: &Path) -> Result<bool> {
        let took = self.step_started.elapsed();
        let log = logs.join(format!("{name}.log"));
        let output = fs::read_to_string(&log).unwrap_or_default();
        let (tests, cases, rows) = (tests_in(&output), cases_in(&output), rows_in(&output));
        let passed = outcome.is_ok();
        self.lines.push(Line { name, took, tests, cases, rows, passed });
        let start = if io::stdout().is_terminal() { "\r" } else { "" };
        say(&format!("{start}{}", self.lines.last().map(line).unwrap_or_default()), "\n");
        if let Err(error) = outcome {
            let lines: Vec<&str> = output.lines().collect();
            failures_in(&lines).iter().for_each(|line| say(line, "\n"));
            let first = lines.len().saturating_sub(LINES_SHOWN);
            if first > 0 {
                say(&format!("[{first} earlier lines are in {}]", log.display()), "\n");
            }
            say(&lines[first..].join("\n"), "\n");
            say(&format!("\n{name} failed: {error:#}\n"), "\n");
        }
        Ok(passed)
    }

    /// Prints the table, and a last line with the numbers of steps that passed and failed.
    pub(crate) fn close(self) -> Result<ExitCode> {
        say("", "\n");
        self.lines.iter().for_each(|step| say(&line(step), "\n"));
        let failed = self.lines.iter().filter(|line| !line.passed).count();
        let steps = self.lines.iter().filter(|line| line.passed).count();
        let tests: usize = self.lines.iter().map(|line| line.tests).sum();
        let minutes = self.started.elapsed().as_secs_f64() / 60.0;
        say(&format!("{tests} tests in {minutes:.1} minutes; steps:"), "\n");
        say(&format!("{steps} passed, {failed} failed"), "\n");
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn line(step: &Line) -> String {
    let Line { name, took, tests, cases, rows, passed } = step;
    let outcome = if *passed { "ok" } else { "FAILED" };
    let count = |number: usize, of: &str| if number > 0 { format!("  {number} {of}") } else { String::new() };
    let counts = count(*tests, "tests") + &count(*cases, "cases") + &count(*rows, "rows right");
    format!("{name:<14} {outcome:<7} {:>6.1} s{counts}", took.as_secs_f64())
}

/// The names of the tests that failed and the words of each panic: the end of a log may be far behind them.
fn failures_in<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let is_failure = |line: &str| line.starts_with("test ") && line.ends_with(" ... FAILED");
    let names = lines.iter().filter(|line| is_failure(line)).copied();
    let is_panic = |line: &str| line.starts_with("thread '") && line.contains(" panicked at ");
    let panics = (0..lines.len()).filter(|at| is_panic(lines[*at]));
    let words = panics.flat_map(|at| lines[at..].iter().take(PANIC_LINES).copied());
    names.chain(words).take(LINES_SHOWN).collect()
}

/// The number of cases that an outside suite of tests has run.
fn cases_in(output: &str) -> usize {
    let counts = output.lines().filter_map(|line| line.strip_prefix("cases that ran: "));
    counts.filter_map(|count| count.parse::<usize>().ok()).sum()
}

/// The number of tests that passed, summed over the closing lines of the test programs.
fn tests_in(output: &str) -> usize {
    let results = output.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok()).sum()
}

/// The number of rows that were right, from the last line of the hostile walk.
fn rows_in(output: &str) -> usize {
    let mut counts = output.lines().filter_map(|line| line.split_once(" rows right, ")?.0.parse::<usize>().ok());
    counts.next_back().unwrap_or(0)
}

fn say(text: &str, end: &str) {
    // When standard output is closed, there is no place left where the error could be reported.
    let mut out = io::stdout().lock();
    let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_the_closing_lines_alone() {
        let output = "test a ... ok\ntest result: ok. 12 passed; 0 failed\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!((tests_in(output), rows_in(output)), (15, 0));
        let output = "  ✗ F1  5 rows right, they say\n53 rows right, 2 wrong, 0 left out, 95 s\n";
        assert_eq!((tests_in(output), rows_in(output)), (0, 53));
    }

    #[test]
    fn a_failed_test_is_named_with_its_panic_however_long_the_log_is() {
        let mut log =
            vec!["test a ... ok", "test b::c ... FAILED", "test d ... ok", "thread 'b::c' (7) panicked at x.rs:1:2:"];
        log.extend(["left: 1", "right: 2", "stack backtrace:"]);
        assert_eq!(failures_in(&log), [log[1], log[3], log[4], log[5]]);
        assert!(failures_in(&["test a ... ok"; 500]).is_empty());
    }

    #[test]
    fn a_line_shows_what_was_counted_or_nothing() {
        let took = Duration::ZERO;
        let step = |tests, cases, rows| line(&Line { name: "x", took, tests, cases, rows, passed: true });
        assert!(step(7, 0, 0).ends_with(" s  7 tests") && step(0, 9, 0).ends_with(" s  9 cases"));
        assert!(step(0, 0, 5).ends_with(" s  5 rows right") && step(0, 0, 0).ends_with(" s"));
    }
}

//! The floor of two builds, in turns: this one and another one, each by its own `floor` program. Their protocols may
//! differ, so neither generator could play on the other's server.

use crate::floor::median;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The other build's ratio may be smaller than ours by this part.
pub const MORE_MAX: f64 = 0.03;

/// The ratios of both builds, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FloorPair {
    /// Our server over the bare loop.
    pub ours: f64,
    /// The other build's server over the bare loop.
    pub other: f64,
}

impl FloorPair {
    /// Our ratio over the other one.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.ours / self.other
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FloorReport {
    /// Our ratio over the other build's: the median of the pairs.
    pub ratio: f64,
    /// All pairs.
    pub pairs: Vec<FloorPair>,
}

impl FloorReport {
    /// The promise that was not kept, in words.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (ratio, most) = (self.ratio, 1.0 + MORE_MAX);
        // Not a number is no kept promise either.
        let is_kept = ratio <= most;
        (!is_kept)
            .then(|| format!("the floor's ratio is {ratio:.3} times that of the other build, not {most}"))
            .into_iter()
            .collect()
    }
}

/// Runs both programs in turns, with the same arguments; calls `tell` with each pair.
///
/// # Errors
/// When a program does not run, ends with an error, or reports no ratio.
pub fn run(
    ours: &Path,
    other: &Path,
    pairs: u32,
    arguments: &[String],
    mut tell: impl FnMut(usize, FloorPair),
) -> Result<FloorReport> {
    ensure!(pairs >= 1, "nothing is compared without a pair");
    let mut found = Vec::new();
    for number in 0..pairs {
        let pair = if number.is_multiple_of(2) {
            let ours = ratio(ours, arguments)?;
            FloorPair { ours, other: ratio(other, arguments)? }
        } else {
            let other = ratio(other, arguments)?;
            FloorPair { ours: ratio(ours, arguments)?, other }
        };
        found.push(pair);
        tell(found.len(), pair);
    }
    Ok(FloorReport { ratio: median(found.iter().map(|pair| pair.ratio())), pairs: found })
}

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may not have been written.
        let _ = fs::remove_file(&self.0);
    }
}

/// The ratio that one run of a `floor` program reports.
fn ratio(program: &Path, arguments: &[String]) -> Result<f64> {
    let scratch = Scratch(std::env::temp_dir().join(format!("tickwire-floor-{}.json", std::process::id())));
    let name = program.display();
    let mut command = Command::new(program);
    command.args(arguments).arg("--json").arg(&scratch.0).stdin(Stdio::null()).stdout(Stdio::null());
    // Its page goes beside its report, where it would stay.
    let page = Scratch(scratch.0.with_extension("html"));
    command.arg("--report").arg(&page.0);
    let status = command.status().with_context(|| format!("{name} does not run"))?;
    ensure!(status.success(), "{name} ended with {status}");
    let report: Value = serde_json::from_slice(&fs::read(&scratch.0)?)?;
    report["ratio"].as_f64().with_context(|| format!("{name} reports no ratio of one number of clients"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A program that reports the ratio of its own name.
    fn program(ratio: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("tickwire-ratio-{ratio}-{}", std::process::id()));
        fs::write(&path, format!("#!/bin/sh\n[ \"$1\" = --json ] && echo '{{\"ratio\":{ratio}}}' >\"$2\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Scratch(path)
    }

    #[test]
    fn both_builds_run_in_turns_and_the_median_is_promised() {
        let [ours, other] = ["1.53", "1.50"].map(program);
        let mut told = Vec::new();
        let report = run(&ours.0, &other.0, 3, &[], |number, pair| told.push((number, pair.ours, pair.other))).unwrap();
        assert_eq!(told, [(1, 1.53, 1.50), (2, 1.53, 1.50), (3, 1.53, 1.50)]);
        assert!((report.ratio - 1.02).abs() < 1e-9 && report.faults().is_empty());
        let worse = run(&ours.0, &program("1.4").0, 1, &[], |_, _| ()).unwrap();
        assert!(worse.faults()[0].contains("1.093 times"), "{:?}", worse.faults());
        assert!(run(&ours.0, Path::new("no-such-program"), 1, &[], |_, _| ()).is_err());
        assert!(run(&ours.0, &other.0, 0, &[], |_, _| ()).is_err());
    }
}

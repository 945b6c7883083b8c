//! The steps, in order: what fails soonest and most often comes first, and each builds on what is built already.

use crate::Options;
use crate::machine::{self, BROWSER, NODE, Needs};
use crate::no_std;
use crate::run::{command, run};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// One step.
pub(crate) struct Step {
    /// Its name, and its log's.
    pub(crate) name: &'static str,
    work: Work,
    limit: Duration,
}

enum Work {
    Machine(Needs),
    Cargo { arguments: Vec<&'static str>, environment: Vec<(&'static str, &'static str)> },
    NoStd,
}

impl Step {
    /// Does it; the output is in `logs`.
    pub(crate) fn run(&self, logs: &Path) -> Result<()> {
        let log = logs.join(format!("{}.log", self.name));
        fs::write(&log, "")?;
        match &self.work {
            Work::Machine(needs) => machine::prepare(needs, &log),
            Work::NoStd => no_std::check(self.limit, &log),
            Work::Cargo { arguments, environment } => {
                let mut cargo = command("cargo", arguments);
                cargo.envs(environment.iter().copied());
                run(cargo, self.limit, &log)
            }
        }
    }
}

fn cargo(name: &'static str, minutes: u64, arguments: &[&'static str]) -> Step {
    let work = Work::Cargo { arguments: arguments.to_vec(), environment: Vec::new() };
    Step { name, work, limit: Duration::from_secs(60 * minutes) }
}

fn with(mut step: Step, variable: &'static str, value: &'static str) -> Step {
    if let Work::Cargo { environment, .. } = &mut step.work {
        environment.push((variable, value));
    }
    step
}

/// The steps of a run.
pub(crate) fn all(options: Options) -> Vec<Step> {
    let Options { quick, long } = options;
    let needs = if quick { NODE } else { BROWSER };
    let mut steps = vec![
        Step { name: "machine", work: Work::Machine(needs), limit: Duration::ZERO },
        cargo("format", 2, &["fmt", "--all", "--check"]),
        // In the profile of the tests, which need most of its dependencies anyway.
        cargo("bundle", 15, &["run", "-p", "tickwire-bundle", "--", "build"]),
        with(lints(), "CARGO_TERM_QUIET", "true"),
        Step { name: "no-std", work: Work::NoStd, limit: Duration::from_secs(300) },
    ];
    if !quick {
        let doc = cargo("doc", 10, &["doc", "--no-deps", "--workspace"]);
        steps.push(with(doc, "RUSTDOCFLAGS", "-D warnings"));
    }
    // The real server, for the tests that start it.
    steps.push(cargo("server", 10, &["build", "-p", "tickwire-server", "--bin", "tickwire"]));
    let seeds = if long { "10" } else { "1" };
    let tests = cargo("tests", if long { 60 } else { 15 }, &["test", "--workspace"]);
    steps.push(with(tests, "TICKWIRE_SEEDS", seeds));
    steps.push(with(extra("determinism", "wasm"), "TICKWIRE_SEEDS", seeds));
    if !quick {
        steps.push(extra("browser", "browser"));
    }
    if long {
        for target in ["frame", "message", "delta"] {
            steps.push(fuzz(target));
        }
    }
    steps
}

fn lints() -> Step {
    cargo("lints", 15, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// A test target that a plain `cargo test` leaves out.
fn extra(name: &'static str, target: &'static str) -> Step {
    cargo(name, 10, &["test", "-p", "tickwire-tests", "--test", target])
}

fn fuzz(target: &'static str) -> Step {
    let name = match target {
        "frame" => "fuzz-frame",
        "message" => "fuzz-message",
        _ => "fuzz-delta",
    };
    cargo(name, 20, &["fuzz", "run", "--fuzz-dir", "tests/fuzz", target, "--", "-max_total_time=300"])
}

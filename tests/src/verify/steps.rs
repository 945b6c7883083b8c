//! The steps, in order: what fails soonest and most often comes first, and each builds on what is built already.

use crate::Options;
use crate::machine::{self, BROWSER, NODE, Needs};
use crate::run::{command, own, run};
use crate::{fuzz, no_std};
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
    NoStd,
    Bundle,
    Fuzz,
    /// A program that `build` has built, and its arguments.
    Own(&'static str, &'static [&'static str]),
    Cargo(Vec<Vec<&'static str>>),
}

impl Step {
    /// Does it; the output is in `logs`.
    pub(crate) fn run(&self, options: Options, logs: &Path) -> Result<()> {
        let log = logs.join(format!("{}.log", self.name));
        fs::write(&log, "")?;
        match &self.work {
            Work::Machine(needs) => machine::prepare(needs, &log),
            Work::NoStd => no_std::check(self.limit, &log),
            Work::Bundle => {
                // The program itself rather than `cargo run`, which would build it again with fewer features.
                let cargo = command("cargo", &["build", "--workspace", "--bin", "tickwire-bundle"]);
                run(cargo, self.limit, &log)?;
                // With what browser tests need; that is why the page is built anew by `cargo play`.
                run(own("tickwire-bundle", &["build", "--test-hooks", "--hold-budget"])?, self.limit, &log)
            }
            Work::Fuzz => fuzz::run_all(self.limit, &log),
            Work::Own(program, arguments) => run(own(program, arguments)?, self.limit, &log),
            Work::Cargo(calls) => calls.iter().try_for_each(|arguments| {
                let mut cargo = command("cargo", arguments);
                cargo.env("RUSTDOCFLAGS", "-D warnings");
                cargo.env("TICKWIRE_SEEDS", if options.long { SEEDS_LONG } else { "1" });
                run(cargo, self.limit, &log)
            }),
        }
    }
}

/// How many times more seeds a long run tries.
const SEEDS_LONG: &str = "10";

/// The steps of a run.
///
/// All of cargo's are for the whole workspace, with the tests' own dependencies: for a part of it, cargo would choose
/// fewer features and build the same crates again.
pub(crate) fn all(options: Options) -> Vec<Step> {
    let Options { quick, long } = options;
    let step = |name, minutes: u64, work| Step { name, work, limit: Duration::from_secs(60 * minutes) };
    let cargo = |name, minutes, arguments: &[&'static str]| step(name, minutes, Work::Cargo(vec![arguments.to_vec()]));
    let mut steps = vec![
        step("machine", 15, Work::Machine(if quick { NODE } else { BROWSER })),
        cargo("format", 2, &["fmt", "--all", "--check"]),
        step("lints", 15, Work::Cargo(lints())),
        step("no-std", 5, Work::NoStd),
        // Before the build, because the server looks for the page when it is built.
        step("bundle", 15, Work::Bundle),
        cargo("build", 20, &["build", "--workspace", "--bins", "--tests"]),
    ];
    if !quick {
        steps.push(cargo("doc", 10, &["doc", "--no-deps", "--workspace"]));
    }
    // What is about time runs after the rest, one after the other: nothing else may use the cores meanwhile.
    steps.push(cargo("tests", if long { 60 } else { 10 }, &["test", "--workspace", "--", "--skip", "rhythm::"]));
    let rhythm = ["test", "--workspace", "--test", "it", "--", "rhythm::", "--test-threads=1"];
    steps.push(cargo("rhythm", 5, &rhythm));
    steps.push(cargo("determinism", if long { 30 } else { 10 }, &["test", "--workspace", "--test", "wasm"]));
    if !quick {
        // What `cargo peers` measures on the other side is the game: npm installs it from the lock file.
        steps.push(step("peers", 10, Work::Own("peers", &["--check"])));
        // One browser test after the other: each has two or three browsers on its hands.
        let browsers = ["test", "--workspace", "--test", "browser", "--", "--test-threads=1"];
        steps.push(cargo("browser", 15, &browsers));
    }
    if long {
        // What the README promises of feel and of the page's speed, at full length.
        let feel = ["run", "--release", "-p", "tickwire-bench", "--bin", "feel"];
        let browser = [&feel[..], &["--", "--browser"]].concat();
        let wasm = vec!["run", "--release", "-p", "tickwire-wasm-bench"];
        steps.push(step("feel", 45, Work::Cargo(vec![feel.to_vec(), browser, wasm])));
        steps.push(step("fuzz", 30, Work::Fuzz));
    }
    steps
}

/// `--all-targets` leaves out the tests that a plain `cargo test` leaves out.
fn lints() -> Vec<Vec<&'static str>> {
    let targets: [&[&'static str]; 2] = [&["--all-targets"], &["--test", "wasm", "--test", "browser"]];
    let lint = |targets: &[&'static str]| [&["clippy", "--workspace"], targets, &["--", "-D", "warnings"]].concat();
    targets.into_iter().map(lint).collect()
}

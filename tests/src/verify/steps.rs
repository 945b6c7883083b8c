//! The steps, in order. Steps that fail quickly or often come first, and each step reuses the crates that earlier ones
//! have built.

use crate::Options;
use crate::machine::{self, BROWSER, NODE, Needs};
use crate::run::{command, own, run};
use crate::{conformance, deny, fuzz, hostile, no_std};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// One step of a run.
pub(crate) struct Step {
    /// The name of the step and of its log.
    pub(crate) name: &'static str,
    work: Work,
    limit: Duration,
}

enum Work {
    Machine(Needs),
    NoStd,
    Bundle,
    Deny,
    Advisories,
    Conformance,
    Fuzz,
    Hostile,
    /// A program that the step `build` has built, and its arguments.
    Own(&'static str, &'static [&'static str]),
    Cargo(Vec<Vec<&'static str>>),
}

impl Step {
    /// Runs the step; its output goes to a file in `logs`.
    pub(crate) fn run(&self, options: Options, logs: &Path) -> Result<()> {
        let log = logs.join(format!("{}.log", self.name));
        fs::write(&log, "")?;
        match &self.work {
            Work::Machine(needs) => machine::prepare(needs, &log),
            Work::NoStd => no_std::check(self.limit, &log),
            Work::Bundle => {
                // The step starts the program itself: `cargo run` would build it again with fewer features.
                let cargo = command("cargo", &["build", "--workspace", "--bin", "tickwire-bundle"]);
                run(cargo, self.limit, &log)?;
                // Browser tests need the test hooks. A page for players has none, and that is why `cargo play` builds
                // it again.
                run(own("tickwire-bundle", &["build", "--test-hooks", "--hold-budget"])?, self.limit, &log)
            }
            Work::Deny => deny::check(self.limit, &log),
            Work::Advisories => deny::check_advisories(self.limit, &log),
            Work::Conformance => conformance::play(self.limit, &log),
            Work::Fuzz => fuzz::run_all(self.limit, &log),
            Work::Hostile => hostile::walk(self.limit, &log),
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

/// The factor by which a long run tries more seeds.
const SEEDS_LONG: &str = "10";

/// The steps of a run.
///
/// Every call of cargo covers the whole workspace, the dependencies of the tests included. For a part of the workspace
/// cargo would choose fewer features and build the same crates again.
pub(crate) fn all(options: Options) -> Vec<Step> {
    let Options { quick, long } = options;
    let step = |name, minutes: u64, work| Step { name, work, limit: Duration::from_secs(60 * minutes) };
    let cargo = |name, minutes, arguments: &[&'static str]| step(name, minutes, Work::Cargo(vec![arguments.to_vec()]));
    let mut steps = vec![
        step("machine", 15, Work::Machine(if quick { NODE } else { BROWSER })),
        cargo("format", 2, &["fmt", "--all", "--check"]),
        step("lints", 15, Work::Cargo(lints())),
        step("no-std", 5, Work::NoStd),
        step("deny", 10, Work::Deny),
        // The page is built before the server, because the build of the server looks for it.
        step("bundle", 15, Work::Bundle),
        cargo("build", 20, &["build", "--workspace", "--bins", "--tests"]),
    ];
    if !quick {
        steps.push(cargo("doc", 10, &["doc", "--no-deps", "--workspace"]));
    }
    // Tests about time run after the others, and one after another: nothing else may use the cores meanwhile.
    steps.push(cargo("tests", if long { 60 } else { 10 }, &["test", "--workspace", "--", "--skip", "rhythm::"]));
    let rhythm = ["test", "--workspace", "--test", "it", "--", "rhythm::", "--test-threads=1"];
    steps.push(cargo("rhythm", 5, &rhythm));
    steps.push(cargo("determinism", if long { 30 } else { 10 }, &["test", "--workspace", "--test", "wasm"]));
    if !quick {
        steps.push(step("conformance", 10, Work::Conformance));
        // `cargo peers` measures the same game on Colyseus, and this checks that game. npm installs Colyseus from the
        // lock file.
        steps.push(step("peers", 10, Work::Own("peers", &["--check"])));
        // The walk watches honest players to the millisecond, so nothing else may run meanwhile.
        steps.push(step("hostile", 15, Work::Hostile));
        // Browser tests run one after another: each of them drives two or three browsers.
        let browsers = ["test", "--workspace", "--test", "browser", "--", "--test-threads=1"];
        steps.push(cargo("browser", 15, &browsers));
    }
    if long {
        // The measurements behind the README's claims about feel and about the page's speed, at full length.
        let feel = ["run", "--release", "-p", "tickwire-bench", "--bin", "feel"];
        let browser = [&feel[..], &["--", "--browser"]].concat();
        let wasm = vec!["run", "--release", "-p", "tickwire-wasm-bench"];
        steps.push(step("feel", 45, Work::Cargo(vec![feel.to_vec(), browser, wasm])));
        steps.push(step("advisories", 5, Work::Advisories));
        steps.push(step("fuzz", 30, Work::Fuzz));
    }
    steps
}

/// The calls of clippy. `--all-targets` leaves out the tests that a plain `cargo test` leaves out, so the second call
/// names them. The last
/// call is for the code that only the feature `conformance` has.
fn lints() -> Vec<Vec<&'static str>> {
    let conformance = ["--features", "tickwire-server/conformance", "--test", "conformance"];
    let targets: [&[&'static str]; 3] = [&["--all-targets"], &["--test", "wasm", "--test", "browser"], &conformance];
    let lint = |targets: &[&'static str]| [&["clippy", "--workspace"], targets, &["--", "-D", "warnings"]].concat();
    targets.into_iter().map(lint).collect()
}

//! The steps, in order. Steps that fail quickly or often come first, and each step reuses the crates that earlier ones
//! have built.

use crate::Options;
use crate::machine::{self, BROWSER, NODE, Needs};
use crate::run::{cargo as own_cargo, command, own, run};
use crate::tools::Tool;
use crate::{conformance, crash, deny, fuzz, hostile, no_std, python};
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
    Tool(Tool),
    Deny,
    Advisories,
    Conformance,
    Python,
    Nats,
    Fuzz,
    Hostile,
    /// The calls of `cargo crash`.
    Crash(&'static [&'static [&'static str]]),
    /// The server's program without libraries, for the tests of the container.
    StaticProgram,
    /// The browser tests in this engine, without those whose names contain one of these.
    Engine(&'static str, &'static [&'static str]),
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
                // The step `build` has built both programs: `cargo run` would build them again with fewer features.
                // Browser tests need the test hooks. A page for players has none, and that is why `cargo play` builds
                // it again.
                let mut build =
                    own("cargo-tickwire", &["build", "-p", "tickwire-demo", "--test-hooks", "--hold-budget"])?;
                build.arg("--program").arg(own("tickwire", &[])?.get_program());
                run(build, self.limit, &log)
            }
            Work::Tool(tool) => tool.path(self.limit, &log).map(drop),
            Work::Deny => deny::check(self.limit, &log),
            Work::Advisories => deny::check_advisories(self.limit, &log),
            Work::Conformance => conformance::play(self.limit, &log),
            Work::Python => python::try_examples(self.limit, &log),
            Work::Nats => python::try_nats(self.limit, &log),
            Work::Fuzz => fuzz::run_all(self.limit, &log),
            Work::Hostile => hostile::walk(self.limit, &log),
            Work::Crash(calls) => crash::kill(calls, self.limit, &log),
            Work::StaticProgram => {
                let mut shell = command("sh", &["server/deploy/static.sh"]);
                shell.arg(own_cargo()).args(["build", "--workspace", "--bin", "tickwire"]);
                run(shell, self.limit, &log)
            }
            Work::Engine(engine, without) => {
                let tests = ["test", "--workspace", "--test", "browser", "--", "--test-threads=1"];
                let skipped = CHROMIUM_ONLY.iter().chain(*without).flat_map(|name| ["--skip", name]);
                let mut cargo = command("cargo", &tests.into_iter().chain(skipped).collect::<Vec<_>>());
                cargo.env("TICKWIRE_ENGINE", engine);
                python::offer(&mut cargo)?;
                run(cargo, self.limit, &log)
            }
            Work::Own(program, arguments) => run(own(program, arguments)?, self.limit, &log),
            Work::Cargo(calls) => calls.iter().try_for_each(|arguments| {
                let mut cargo = command("cargo", arguments);
                cargo.env("RUSTDOCFLAGS", "-D warnings");
                python::offer(&mut cargo)?;
                cargo.env("TICKWIRE_SEEDS", if options.long { SEEDS_LONG } else { "1" });
                run(cargo, self.limit, &log)
            }),
        }
    }
}

/// The kills of a usual run, and those of a long one. Of many rooms all players come back at once.
const CRASHES: [&[&str]; 2] = [&["--trials", "10"], &many_rooms("1")];
const CRASHES_LONG: [&[&str]; 2] = [&["--trials", "200"], &many_rooms("5")];

const fn many_rooms(trials: &'static str) -> [&'static str; 11] {
    let light = "motion=still,entities=0";
    ["--game", "crowd", "--options", light, "--rooms", "500", "--players", "8", "--thin", "--trials", trials]
}

/// The driver of Firefox.
const GECKODRIVER: Tool = Tool { name: "geckodriver", version: "0.37.1", options: &[] };

/// The factor by which a long run tries more seeds.
const SEEDS_LONG: &str = "10";

/// The steps of a run.
///
/// Every call of cargo covers the whole workspace, the dependencies of the tests included. For a part of the workspace, or
/// for programs without tests, cargo would choose fewer features and build the same crates again.
pub(crate) fn all(options: Options) -> Vec<Step> {
    let Options { quick, long, .. } = options;
    let step = |name, minutes: u64, work| Step { name, work, limit: Duration::from_secs(60 * minutes) };
    let cargo = |name, minutes, arguments: &[&'static str]| step(name, minutes, Work::Cargo(vec![arguments.to_vec()]));
    let mut steps = vec![
        step("machine", 15, Work::Machine(if quick { NODE } else { BROWSER })),
        cargo("format", 2, &["fmt", "--all", "--check"]),
        step("lints", 15, Work::Cargo(lints())),
        step("no-std", 5, Work::NoStd),
        step("deny", 10, Work::Deny),
        cargo("build", 20, &["build", "--workspace", "--bins", "--tests"]),
        step("bundle", 15, Work::Bundle),
        step("static", 20, Work::StaticProgram),
        cargo("package", 5, &["test", "--workspace", "--test", "publish", "--", "package::a_", "manifest::"]),
    ];
    if !quick {
        steps.push(cargo("doc", 10, &["doc", "--no-deps", "--workspace"]));
        steps.push(cargo("api", 10, &["test", "--workspace", "--test", "publish", "--", "api::"]));
    }
    // Tests about time run after the others, and one after another: nothing else may use the cores meanwhile.
    // Those with NATS have a step of their own, which installs it.
    let tests = ["test", "--workspace", "--no-fail-fast", "--", "--skip", "rhythm::", "--skip", "nats::"];
    // A long run looks for planted bugs from many seeds on, in a step whose log says after how many each was found.
    let tests = [&tests[..], if long { &["--skip", "planted_bugs::"] } else { &[] }].concat();
    steps.push(cargo("tests", if long { 60 } else { 15 }, &tests));
    let rhythm = ["test", "--workspace", "--test", "it", "--", "rhythm::", "--test-threads=1"];
    steps.push(cargo("rhythm", 5, &rhythm));
    if !quick {
        steps.push(step("geckodriver", 20, Work::Tool(GECKODRIVER)));
    }
    let determinism: &[&str] = &["test", "--workspace", "--test", "wasm", "--", "node::"];
    let hosts = if quick { determinism } else { &determinism[..4] };
    steps.push(cargo("determinism", if long { 30 } else { 10 }, hosts));
    if !quick {
        steps.push(step("conformance", 10, Work::Conformance));
        steps.push(step("python", 10, Work::Python));
        steps.push(step("nats", 10, Work::Nats));
        // `cargo peers` measures the same game on Colyseus, and this checks that game. npm installs Colyseus from the
        // lock file.
        steps.push(step("peers", 10, Work::Own("peers", &["--check"])));
        // The walk watches honest players to the millisecond, so nothing else may run meanwhile.
        steps.push(step("hostile", 30, Work::Hostile));
        steps.push(step("crash", if long { 60 } else { 25 }, Work::Crash(if long { &CRASHES_LONG } else { &CRASHES })));
        // Browser tests run one after another: each of them drives two or three browsers.
        let browsers = ["test", "--workspace", "--test", "browser", "--", "--test-threads=1"];
        // Each template of a game is built and tested for minutes: one does in a usual run.
        let browsers = [&browsers[..], if long { &[] } else { &["--skip", "own_crate::others"] }].concat();
        steps.push(cargo("browser", if long { 90 } else { 45 }, &browsers));
    }
    if long {
        steps.push(step("firefox", 30, Work::Engine("firefox", &[])));
        steps.push(step("webkit", 30, Work::Engine("webkit", &WEBKIT_LACKS)));
        // The measurements behind the README's claims about feel and about the page's speed, at full length.
        let feel =
            ["run", "--release", "-p", "tickwire-demo", "--features", "tools", "--bin", "tickwire-tools", "--", "feel"];
        let browser = [&feel[..], &["--browser"]].concat();
        let wasm = vec!["run", "--release", "-p", "tickwire-wasm-bench"];
        steps.push(step("feel", 45, Work::Cargo(vec![feel.to_vec(), browser, wasm])));
        // Every published crate from its package alone: their dependencies are built anew.
        let packages = ["test", "--workspace", "--test", "publish", "--", "the_packages_build"];
        steps.push(cargo("package-builds", 30, &packages));
        steps.push(step("advisories", 5, Work::Advisories));
        steps.push(step("fuzz", 30, Work::Fuzz));
        let libraries_and_it = ["test", "--workspace", "--lib", "--test", "it", "--", "planted_bugs::", "--nocapture"];
        steps.push(cargo("planted-bugs", 20, &libraries_and_it));
    }
    steps
}

/// Parts of the names of browser tests that are of Chromium alone.
const CHROMIUM_ONLY: [&str; 13] = [
    // They name their engines themselves, and have run.
    "engines::",
    "own_crate::",
    "feel::",
    // They block a part of the page, turn the phone, slow the network and measure the heap by Chromium's own protocol.
    "a_page_that_lacks_a_part",
    "on_a_slow_network",
    "a_page_that_is_zoomed",
    "a_view_of_the_world",
    "a_phone_that_is_turned",
    // Firefox shows the document around the frame in a viewer that has no frames.
    "in_a_frame_that_forbids",
    // They hold Chromium to figures in milliseconds. WebKit draws without a graphics card here, ten times slower.
    "a_second_after_any_pause",
    "thousand_units",
    "thousands_of_units",
    "over_a_bad_network",
];

/// Parts of the names of browser tests that the driver of WebKit cannot play: it has no fingers, and a new tab stays
/// hidden behind the first one.
const WEBKIT_LACKS: [&str; 7] = [
    "a_phone_plays_with_fingers",
    "a_finger_on_a_phone",
    "shows_a_new_player_the_controls",
    "a_hidden_tab",
    "the_newer_of_two_tabs",
    "another_tab_of_the_same_browser",
    "a_shared_invitation",
];

/// The calls of clippy. `--all-targets` leaves out the tests that a plain `cargo test` leaves out, so the second call
/// names them. The last
/// call is for the code that only the feature `conformance` has.
fn lints() -> Vec<Vec<&'static str>> {
    let conformance = ["--features", "tickwire-server/conformance", "--test", "conformance"];
    let targets: [&[&'static str]; 3] = [
        &["--all-targets"],
        &["--test", "wasm", "--test", "browser", "--test", "publish", "--test", "python"],
        &conformance,
    ];
    let lint = |targets: &[&'static str]| [&["clippy", "--workspace"], targets, &["--", "-D", "warnings"]].concat();
    targets.into_iter().map(lint).collect()
}

//! Fuzzing for a limited time, by the compiler that builds everything else. The fuzz runner is installed when it is
//! missing.
//!
//! The runner asks for unstable options of a compiler, which the variable `RUSTC_BOOTSTRAP` allows to a stable one. Of the
//! sanitizers none is used: the crates have no unsafe code, and so the targets run ten times as often.

use crate::run::{command, run};
use crate::tools::Tool;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

/// The fuzz runner, at the version that the targets were written for.
const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2", options: &[] };

const TARGETS: [&str; 11] =
    ["frame", "peer", "message", "delta", "lockstep", "topics", "ticket", "record", "checkpoint", "batches", "hail"];

/// Time limit of one target, as the argument that libFuzzer takes.
const SECONDS: &str = "-max_total_time=180";

/// Fuzzes all targets in turn.
pub(crate) fn run_all(limit: Duration, log: &Path) -> Result<()> {
    let runner = CARGO_FUZZ.path(limit, log)?;
    let runner = runner.to_str().context("the path of the fuzz runner is no text")?;
    for target in TARGETS {
        let arguments = ["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", "tests/fuzz", target, "--", SECONDS];
        let mut fuzz = command(runner, &arguments);
        fuzz.env("RUSTC_BOOTSTRAP", "1");
        run(fuzz, limit, log)?;
    }
    Ok(())
}

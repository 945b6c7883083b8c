//! Fuzzing for a limited time, on machines with a nightly compiler. The fuzz runner is installed when it is missing.

use crate::run::{command, run};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The version of the fuzz runner that the targets were written for.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

const TARGETS: [&str; 6] = ["frame", "peer", "message", "delta", "lockstep", "topics"];

/// Time limit of one target, as the argument that libFuzzer takes.
const SECONDS: &str = "-max_total_time=180";

/// Fuzzes all targets in turn. Without a nightly compiler the step does nothing, and the log says so.
pub(crate) fn run_all(limit: Duration, log: &Path) -> Result<()> {
    if !answers(&["run", "nightly", "cargo", "--version"]) {
        std::fs::write(log, "left out: run `rustup toolchain install nightly` to fuzz\n")
            .context("cannot write the log")?;
        return Ok(());
    }
    if !answers(&["run", "nightly", "cargo", "fuzz", "--version"]) {
        run(command("cargo", &["install", "--locked", CARGO_FUZZ]), limit, log)?;
    }
    for target in TARGETS {
        let arguments = ["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "tests/fuzz", target, "--", SECONDS];
        run(command("rustup", &arguments), limit, log)?;
    }
    Ok(())
}

fn answers(arguments: &[&str]) -> bool {
    Command::new("rustup").args(arguments).output().is_ok_and(|output| output.status.success())
}

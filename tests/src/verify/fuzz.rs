//! Fuzzing for a while, where there is a nightly compiler; its runner is installed when missing.

use crate::run::{command, run};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The runner that the targets were written for.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

const TARGETS: [&str; 4] = ["frame", "message", "delta", "lockstep"];

/// For each target.
const SECONDS: &str = "-max_total_time=180";

/// Fuzzes all targets in turn. Without a nightly compiler the log says so, and nothing is done.
pub(crate) fn run_all(limit: Duration, log: &Path) -> Result<()> {
    if !answers(&["run", "nightly", "cargo", "--version"]) {
        std::fs::write(log, "left out: `rustup toolchain install nightly` to fuzz\n")
            .context("the log cannot be written")?;
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

//! The crates that the workspace depends on, against `deny.toml`: bans, licences and sources, and advisories where
//! their database can be had. The checking tool is built when it is missing.

use crate::run::{command, run, target_folder};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const VERSION: &str = "0.20.2";

/// The tool's own words for a database that it cannot download.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// Checks bans, licences and sources.
pub(crate) fn check(limit: Duration, log: &Path) -> Result<()> {
    let tool = tool(limit, log)?;
    run(deny(&tool, &["bans", "licenses", "sources"]), limit, log)
}

/// Checks advisories. Without a way to their database the step does nothing, and the log says so.
pub(crate) fn check_advisories(limit: Duration, log: &Path) -> Result<()> {
    let tool = tool(limit, log)?;
    let outcome = run(deny(&tool, &["advisories"]), limit, log);
    let output = fs::read_to_string(log).context("cannot read the log")?;
    if outcome.is_err() && output.contains(NO_DATABASE) {
        fs::write(log, format!("{output}left out: the database of advisories cannot be reached from here\n"))
            .context("cannot write the log")?;
        return Ok(());
    }
    outcome
}

fn deny(tool: &Path, checks: &[&str]) -> Command {
    command(&tool.to_string_lossy(), &[&["check"], checks].concat())
}

/// The tool in cargo's target folder. A build without optimization takes a quarter of the time, and a check takes a
/// second with it.
fn tool(limit: Duration, log: &Path) -> Result<PathBuf> {
    let tools = target_folder()?.join("tools");
    let tool = tools.join("bin/cargo-deny");
    if is_current(&tool) {
        return Ok(tool);
    }
    let build = tools.join("build");
    let (root, target) = (tools.to_string_lossy(), build.to_string_lossy());
    let what = ["install", "cargo-deny", "--locked", "--version", VERSION, "--debug", "--no-default-features"];
    let mut cargo = command("cargo", &[&what[..], &["--force", "--root", &root, "--target-dir", &target]].concat());
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(cargo, limit, log)?;
    fs::remove_dir_all(&build).context("cannot remove the build of the tool")?;
    if is_current(&tool) { Ok(tool) } else { bail!("cargo-deny was installed, and yet it does not answer") }
}

fn is_current(tool: &Path) -> bool {
    let answer = Command::new(tool).arg("--version").output();
    answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).trim().ends_with(VERSION))
}

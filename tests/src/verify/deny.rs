//! The crates that the workspace depends on, against `deny.toml`: bans, licences and sources, and advisories where
//! their database can be had. The checking tool is built when it is missing.

use crate::run::{command, run};
use crate::tools::Tool;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", options: &["--no-default-features"] };

/// The tool's own words for a database that it cannot download.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// Checks bans, licences and sources.
pub(crate) fn check(limit: Duration, log: &Path) -> Result<()> {
    let tool = DENY.path(limit, log)?;
    run(deny(&tool, &["bans", "licenses", "sources"]), limit, log)
}

/// Checks advisories. Without a way to their database the step does nothing, and the log says so.
pub(crate) fn check_advisories(limit: Duration, log: &Path) -> Result<()> {
    let tool = DENY.path(limit, log)?;
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

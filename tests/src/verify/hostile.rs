//! The hostile walk against the release server: every attack of `cargo hostile`, beside honest players.

use crate::run::{command, run, target_folder};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// Walks; the report stays beside the logs. The program builds the server that it attacks, and fails when a row is
/// wrong or an honest player was harmed.
pub(crate) fn walk(limit: Duration, log: &Path) -> Result<()> {
    let report = target_folder()?.join("verify").join("hostile.json");
    let program = ["run", "--release", "-p", "tickwire-bench", "--bin", "hostile", "--", "--json"];
    let mut cargo = command("cargo", &program);
    cargo.arg(report);
    run(cargo, limit, log)
}

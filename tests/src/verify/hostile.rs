//! The hostile walk against the release server: every attack of `cargo hostile`, beside honest players.

use crate::run::{command, run, target_folder};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// Milliseconds by which honest players may be served later than without attacks. A machine that verifies may have other
/// things to do, so the bound is wider than the walk's own.
const LATE_MS: &str = "5";

/// Walks; the report stays beside the logs. The program builds the server that it attacks, and fails when a row is
/// wrong or an honest player was harmed.
pub(crate) fn walk(limit: Duration, log: &Path) -> Result<()> {
    let report = target_folder()?.join("verify").join("hostile.json");
    let program = ["run", "--release", "-p", "tickwire-bench", "--bin", "hostile", "--"];
    let mut cargo = command("cargo", &program);
    cargo.arg("--late-ms").arg(LATE_MS).arg("--json").arg(report);
    run(cargo, limit, log)
}

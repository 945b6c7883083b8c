//! Kills of the release server in the middle of matches, by `cargo crash`.

use crate::run::{command, run, target_folder};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// Tries each call of the program, with these arguments besides its report; the reports stay beside the logs. The
/// program builds the server that it kills, and fails when a promise was broken or nothing was compared.
pub(crate) fn kill(calls: &[&[&str]], limit: Duration, log: &Path) -> Result<()> {
    let folder = target_folder()?.join("verify");
    for (number, arguments) in calls.iter().enumerate() {
        let program = ["run", "--release", "-p", "tickwire-bench", "--bin", "crash", "--"];
        let mut cargo = command("cargo", &[&program, *arguments].concat());
        cargo.arg("--json").arg(folder.join(format!("crash-{number}.json")));
        run(cargo, limit, log)?;
    }
    Ok(())
}

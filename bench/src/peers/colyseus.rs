//! The Colyseus server: installed from the lock file in `bench/peers`, started as a process of its own.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tickwire_tools::server_process::ServerProcess;
use tokio::process::Command;
use tokio::time::timeout;

/// Motions of the entities of a room, by the words that both servers know.
pub const MOTIONS: [&str; 3] = ["steady", "erratic", "still"];

/// npm must be done within this time.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// A check must be done within this time.
const CHECK_TIMEOUT: Duration = Duration::from_secs(60);

/// The oldest major release of Node that the server was measured with.
const NODE_MAJOR_MIN: u32 = 20;

/// In `node_modules`: the lock file that its packages were installed from.
const INSTALLED: &str = "node_modules/.installed-lock.json";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Installs the packages of the lock file, unless they are there already.
///
/// # Errors
/// When Node or npm is missing or too old, or npm fails.
pub async fn install() -> Result<()> {
    let version = version_of("node").await?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    ensure!(major.is_some_and(|major| major >= NODE_MAJOR_MIN), "node is {version}; Colyseus needs {NODE_MAJOR_MIN}");
    let folder = folder();
    let wanted = fs::read(folder.join("package-lock.json")).context("bench/peers has no lock file")?;
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    version_of("npm").await?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    // npm's errors go to stderr: stdout may be the report's.
    npm.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status = timeout(INSTALL_TIMEOUT, npm.status()).await.context("npm ci does not end")??;
    ensure!(status.success(), "npm ci failed in {}", folder.display());
    fs::write(folder.join(INSTALLED), wanted).context("the npm installation cannot be marked as complete")
}

async fn version_of(program: &str) -> Result<String> {
    let missing = || format!("{program} is not installed: Colyseus needs Node {NODE_MAJOR_MIN} or later, and npm");
    let said = Command::new(program).arg("--version").stdin(Stdio::null()).output().await.with_context(missing)?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Starts the server with rooms of this many entities besides players.
///
/// # Errors
/// When the server does not print its address in time.
pub(super) async fn start(entities: u16, motion: &str) -> Result<ServerProcess> {
    let mut node = Command::new("node");
    node.args(["crowd.mjs", "--port", "0", "--entities", &entities.to_string(), "--motion", motion]);
    node.current_dir(folder()).env("NODE_ENV", "production");
    ServerProcess::spawn(&mut node).await
}

/// Makes Colyseus' own client compare every state that it sees with the server's; gives a summary of the states that
/// agreed.
///
/// # Errors
/// When any state differs.
pub async fn check(motion: &str) -> Result<String> {
    let mut node = Command::new("node");
    node.args(["check.mjs", motion]).current_dir(folder()).stdin(Stdio::null()).kill_on_drop(true);
    let said = timeout(CHECK_TIMEOUT, node.output()).await.context("the check does not end")??;
    let errors = String::from_utf8_lossy(&said.stderr);
    ensure!(said.status.success(), "the states of Colyseus' client differ from its server's:\n{errors}");
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

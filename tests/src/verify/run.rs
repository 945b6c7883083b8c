//! Runs a program with a time limit and writes its output to a file. At the limit the program is ended, together with
//! every process that it started.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Variables that `cargo run` sets. A cargo that is started from here must not see them: it would build those crates
/// again whose build scripts watch them.
const CARGO_VARIABLES: [&str; 16] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// A program with its arguments and the environment that every step needs.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = if program == "cargo" { Command::new(cargo()) } else { Command::new(program) };
    for variable in CARGO_VARIABLES {
        command.env_remove(variable);
    }
    command.args(arguments).env("CI", "true").env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// The cargo that runs this program, not a wrapper on the path that may choose another toolchain.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A program of the workspace that was built into the same folder as this one. So it is found in any target folder that
/// cargo is configured to use.
pub(crate) fn own(program: &str, arguments: &[&str]) -> Result<Command> {
    let folder = profile_folder()?;
    Ok(command(&folder.join(program).to_string_lossy(), arguments))
}

/// Cargo's target folder, derived from the place of this program in it.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(profile_folder()?.parent().context("this program is in no target folder")?.to_owned())
}

fn profile_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    Ok(own.parent().context("this program is in no folder")?.to_owned())
}

/// Runs `command` for at most `limit`; its standard output and its standard error are appended to `log`.
pub(crate) fn run(mut command: Command, limit: Duration, log: &Path) -> Result<()> {
    let out = File::options().create(true).append(true).open(log).context("cannot write the log")?;
    let both = out.try_clone().context("cannot write the log")?;
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(out).stderr(both);
    let mut child = command.spawn().with_context(|| format!("{name} does not start"))?;
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let _ = ended.send(child.wait());
    });
    let status = match end.recv_timeout(limit) {
        Ok(status) => status.context("cannot wait for the program")?,
        Err(_) => {
            end_tree(pid);
            drop(waiter.join());
            bail!("{name} was ended at its time limit of {} s", limit.as_secs());
        }
    };
    drop(waiter.join());
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// Ends a process and all its descendants by their ids. A parent is ended after its children are listed and before they
/// are ended, so that it cannot start new ones in their place.
fn end_tree(pid: u32) {
    let mut waiting = vec![pid];
    while let Some(pid) = waiting.pop() {
        waiting.extend(children(pid));
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// The id of a process's parent: the fourth field of `/proc/PID/stat`. The second field is a name in parentheses that
/// may contain any characters, so fields are counted from the last parenthesis on.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

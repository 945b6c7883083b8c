//! Runs a program with a time limit, its output in a file; at the limit it ends with all it started.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A cargo below that saw these, which `cargo run` sets, would build crates anew whose build scripts watch them.
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

/// A program with its arguments and further environment.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = if program == "cargo" {
        // The one that runs this, not a wrapper that may choose another toolchain.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for variable in CARGO_VARIABLES {
            cargo.env_remove(variable);
        }
        cargo
    } else {
        Command::new(program)
    };
    command.args(arguments).env("CI", "true").env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// A program of the workspace that was built beside this one, whatever cargo's target folder is.
pub(crate) fn own(program: &str, arguments: &[&str]) -> Result<Command> {
    let folder = profile_folder()?;
    Ok(command(&folder.join(program).to_string_lossy(), arguments))
}

/// Where cargo puts what it builds, by where it has put this program.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(profile_folder()?.parent().context("this program is in no target folder")?.to_owned())
}

fn profile_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know where it is")?;
    Ok(own.parent().context("this program is in no folder")?.to_owned())
}

/// Runs `command` for at most `limit`; both of its streams are appended to `log`.
pub(crate) fn run(mut command: Command, limit: Duration, log: &Path) -> Result<()> {
    let out = File::options().create(true).append(true).open(log).context("the log cannot be written")?;
    let both = out.try_clone().context("the log cannot be written")?;
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(out).stderr(both);
    let mut child = command.spawn().with_context(|| format!("{name} does not start"))?;
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let _ = ended.send(child.wait());
    });
    let status = match end.recv_timeout(limit) {
        Ok(status) => status.context("the program cannot be waited for")?,
        Err(_) => {
            end_tree(pid);
            drop(waiter.join());
            bail!("{name} was ended after {} s", limit.as_secs());
        }
    };
    drop(waiter.join());
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}

/// Ends a process and everything below it, by their ids, the topmost first so that it starts nothing new.
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

/// The fourth field of `/proc/PID/stat`; the second is a name in parentheses that may contain anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

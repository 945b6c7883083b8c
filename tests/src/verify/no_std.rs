//! A build without a standard library: the shared crate and the games cannot use clocks, files or threads that they
//! cannot name.
//!
//! A crate that is `no_std` still links `std` as soon as one of its dependencies does. So this step compiles for a
//! sysroot that has `core` and `alloc` and nothing else, and that consists of links to the compiler's own files.

use crate::run::{command, run, target_folder};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIBRARIES: [&str; 3] = ["libcore-", "liballoc-", "libcompiler_builtins-"];

/// Checks that the shared crate and the games compile without `std`.
pub(crate) fn check(limit: Duration, log: &Path) -> Result<()> {
    let host = ask_rustc(&["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let sysroot = make_sysroot(host)?;
    // With an explicit target, the flags for it do not reach build scripts and derive macros, which run on the host and
    // need `std`.
    let mut cargo = command("cargo", &["check", "-p", "tickwire", "-p", "tickwire-games", "--target", host]);
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", host.to_uppercase().replace('-', "_"));
    cargo.env(variable, format!("--sysroot {}", sysroot.display()));
    run(cargo, limit, log)
}

fn make_sysroot(host: &str) -> Result<PathBuf> {
    let from = ask_rustc(&["--print", "target-libdir", "--target", host])?;
    let sysroot = target_folder()?.join("no-std");
    let to = sysroot.join("lib/rustlib").join(host).join("lib");
    if to.exists() {
        fs::remove_dir_all(&to).context("cannot remove the sysroot of an earlier run")?;
    }
    fs::create_dir_all(&to).context("cannot make the folder of the sysroot")?;
    let mut linked = 0;
    for entry in fs::read_dir(from.trim_end()).context("cannot list rustc's libraries")?.flatten() {
        let name = entry.file_name();
        if LIBRARIES.iter().any(|library| name.to_string_lossy().starts_with(library)) {
            symlink(entry.path(), to.join(&name)).context("cannot link a library into the sysroot")?;
            linked += 1;
        }
    }
    if linked < LIBRARIES.len() {
        bail!("rustc's libraries lack core, alloc or compiler_builtins");
    }
    sysroot.canonicalize().context("the sysroot was made and is gone")
}

fn ask_rustc(question: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(rustc).args(question).output().context("rustc does not start")?;
    String::from_utf8(answer.stdout).context("rustc's answer is not text")
}

//! A build without a standard library: what the shared crate and the games cannot name, they cannot use.
//!
//! A crate that is `no_std` still sees `std` as soon as one of its dependencies links it. So this compiles for a
//! sysroot that has `core` and `alloc` and nothing else, made of links to the compiler's own files.

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
    // With an explicit target, flags for it do not reach build scripts and derives, which need `std`.
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
        fs::remove_dir_all(&to).context("an old sysroot cannot be removed")?;
    }
    fs::create_dir_all(&to).context("a sysroot cannot be made")?;
    let mut linked = 0;
    for entry in fs::read_dir(from.trim_end()).context("rustc's libraries cannot be listed")?.flatten() {
        let name = entry.file_name();
        if LIBRARIES.iter().any(|library| name.to_string_lossy().starts_with(library)) {
            symlink(entry.path(), to.join(&name)).context("a library cannot be linked")?;
            linked += 1;
        }
    }
    if linked < LIBRARIES.len() {
        bail!("rustc's libraries lack core, alloc or compiler_builtins");
    }
    sysroot.canonicalize().context("the sysroot is gone")
}

fn ask_rustc(question: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(rustc).args(question).output().context("rustc does not start")?;
    String::from_utf8(answer.stdout).context("rustc's answer is not text")
}

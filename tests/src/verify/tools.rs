//! Programs that are built from the package registry when they are missing, into the folder `tools` of cargo's target
//! folder. A second run finds them there.

use crate::run::{command, run, target_folder};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A program, at the version that is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// The name of the program and of its package.
    pub(crate) name: &'static str,
    /// The version.
    pub(crate) version: &'static str,
    /// Further options of `cargo install`.
    pub(crate) options: &'static [&'static str],
}

impl Tool {
    /// The path of the program, which is built first when it is missing or has another version. A build without
    /// optimization takes a quarter of the time, and these programs do little.
    pub(crate) fn path(self, limit: Duration, log: &Path) -> Result<PathBuf> {
        let Self { name, version, options } = self;
        let tools = target_folder()?.join("tools");
        let program = tools.join("bin").join(name);
        if self.is_current(&program) {
            return Ok(program);
        }
        let build = tools.join("build");
        let (root, target) = (tools.to_string_lossy(), build.to_string_lossy());
        let what = ["install", name, "--locked", "--version", version, "--debug", "--force"];
        let folders: [&str; 4] = ["--root", &root, "--target-dir", &target];
        let mut cargo = command("cargo", &[&what[..], options, &folders].concat());
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(cargo, limit, log)?;
        fs::remove_dir_all(&build).context("cannot remove the build of the tool")?;
        if self.is_current(&program) { Ok(program) } else { bail!("{name} was installed, and yet it does not answer") }
    }

    fn is_current(self, program: &Path) -> bool {
        let answer = Command::new(program).arg("--version").output();
        answer.is_ok_and(|answer| answers(&String::from_utf8_lossy(&answer.stdout), self.version))
    }
}

/// Whether the first line of an answer ends with the version; further lines are about licences.
fn answers(answer: &str, version: &str) -> bool {
    answer.lines().next().is_some_and(|line| line.split_whitespace().any(|word| word == version))
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn a_program_answers_with_its_version() {
        assert!(answers("geckodriver 0.37.1 ( 2026-01-01)\n\nThe source code\n", "0.37.1"));
        assert!(answers("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(!answers("cargo-deny 0.20.21\n", "0.20.2") && !answers("", "0.20.2"));
    }
}

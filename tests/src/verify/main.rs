//! `cargo verify`: checks everything that has to hold, from a bare checkout, in one command.
//!
//! Steps run one after another, each with a time limit. The first step that fails ends the run, unless it is to go on,
//! and its output is shown. No step asks a question: standard input is closed. Missing programs are installed on Debian
//! as root, and named otherwise. The output of every step stays in `target/verify`.

mod conformance;
mod crash;
mod deny;
mod fuzz;
mod hostile;
mod machine;
mod no_std;
mod python;
mod report;
mod run;
mod steps;
mod tools;

use anyhow::{Context, Result};
use clap::Parser;
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Checks everything: formatting, lints, documentation, tests, native against WASM, the page in real browsers.
#[derive(Debug, Clone, Copy, Parser)]
#[command(name = "cargo verify")]
pub(crate) struct Options {
    /// Leaves out documentation, conformance and browsers: about three minutes when warm.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Adds fuzzing, advisories and ten times the seeds.
    #[arg(long)]
    long: bool,
    /// Goes on after a step that has failed, and names all of them at the end.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> Result<ExitCode> {
    // `cargo verify -- --quick` arrives with its dashes, `cargo verify --quick` without.
    let options = Options::parse_from(std::env::args().filter(|argument| argument != "--"));
    let root = workspace()?;
    std::env::set_current_dir(&root).context("cannot change to the folder of the workspace")?;
    let logs = run::target_folder()?.join("verify");
    std::fs::create_dir_all(&logs).context("cannot make the folder for logs")?;
    let mut report = Report::default();
    for step in steps::all(options) {
        report.begin(step.name);
        let outcome = step.run(options, &logs);
        if !report.end(step.name, outcome, &logs)? && !options.keep_going {
            break;
        }
    }
    report.close()
}

/// The folder of the workspace that this program was built from. Every step runs in it, from wherever the program was
/// started.
fn workspace() -> Result<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("tests is a folder of the workspace")?;
    built.canonicalize().context("the workspace that this program was built from is gone")
}

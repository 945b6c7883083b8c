//! The programs of a package, built by cargo: the server, and the tools that measure.
//!
//! Guarantees: a program for players has the page inside that was built last, with the id of that page's sources, and
//! cargo builds it again when either has changed. Leaves out running it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{self, CommandError, Progress};
use crate::dist::Dist;
use crate::project::{BUILT_IN_BUILD, BUILT_IN_PAGE, BUILT_IN_PAGE_ID, Project};
use crate::wasm::Flavour;

/// Time limit for a complete compilation on a slow machine.
pub(crate) const COMPILE_LIMIT: Duration = Duration::from_secs(3600);

/// The profiles of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For players: optimized, with the page inside.
    Release,
    /// For development and tests: built fast, and its page is in a folder.
    Dev,
}

/// Reasons why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// cargo failed.
    #[error("{program} could not be compiled")]
    Compile {
        /// The program.
        program: String,
        /// cargo's own words.
        source: CommandError,
    },
    /// The note of what the program gets inside could not be written.
    #[error("{}: cannot be written", path.display())]
    BuiltIn {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// cargo did not tell where the program is.
    #[error("cargo has built {program} and names no file of it")]
    NoFile {
        /// The program.
        program: String,
    },
}

/// The variables with which the server is compiled, so that it has the page inside that was built last; none before
/// there was one.
fn built_in(project: &Project) -> BTreeMap<String, String> {
    let text = fs::read(project.built_in()).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Keeps these variables for all later builds. `build_id` is that of the page's sources.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn keep_built_in(project: &Project, build_id: &str) -> Result<(), ProgramError> {
    let page = project.page().to_string_lossy().into_owned();
    let id = Dist::of(project, Flavour::Players).id();
    let variables = json!({ BUILT_IN_PAGE: page, BUILT_IN_PAGE_ID: id, BUILT_IN_BUILD: build_id });
    let path = project.built_in();
    fs::write(&path, variables.to_string()).map_err(|source| ProgramError::BuiltIn { path, source })
}

/// Builds the server of a package, and gives its path.
///
/// # Errors
/// See [`ProgramError`].
pub fn build_server(project: &Project, profile: Profile) -> Result<PathBuf, ProgramError> {
    build(project, project.server_bin(), &[], profile)
}

/// Builds a program of a package with these features of it, and gives its path.
///
/// # Errors
/// See [`ProgramError`].
pub fn build(project: &Project, program: &str, features: &[&str], profile: Profile) -> Result<PathBuf, ProgramError> {
    let mut cargo = project.cargo();
    cargo.args(["build", "--message-format", "json-render-diagnostics", "-p", project.package(), "--bin", program]);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    if profile == Profile::Release {
        cargo.arg("--release");
        // In a program for development these would only have cargo build it again.
        cargo.envs(built_in(project));
    }
    let mut progress = Progress::start(format!("{program}: compiling"));
    let built = command::run(&mut cargo, COMPILE_LIMIT, |line| progress.watch_cargo(line));
    let messages = built.map_err(|error| {
        let source = error.with_output(words_of_cargo);
        ProgramError::Compile { program: program.to_owned(), source }
    })?;
    file(&messages, program).ok_or_else(|| ProgramError::NoFile { program: program.to_owned() })
}

/// Words with which cargo begins its lines while all is well.
const PROGRESS: [&str; 10] = [
    "Adding",
    "Blocking",
    "Checking",
    "Compiling",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Locking",
    "Updating",
];

/// The part of cargo's output that a person wants to read after a failure: without the messages for programs, and without
/// the names of all that did compile.
pub(crate) fn words_of_cargo(output: &str) -> String {
    let output = without_colours(output);
    let is_progress = |line: &str| line.split_whitespace().next().is_some_and(|word| PROGRESS.contains(&word));
    let lines = output.lines().filter(|line| !line.starts_with("{\"reason\":") && !is_progress(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text without the sequences that colour it in a terminal.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            // The sequence ends with a letter.
            let _ = letters.by_ref().find(char::is_ascii_alphabetic);
        } else if letter != '\r' {
            plain.push(letter);
        }
    }
    plain
}

/// The file of a program in the messages of cargo.
fn file(messages: &str, program: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut own = messages.filter(|message| message["target"]["name"] == program);
    own.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_compilers_words_and_no_others() {
        let output = "   Compiling duel v0.1.0\n{\"reason\":\"compiler-artifact\"}\n\u{1b}[1m\u{1b}[38;5;9merror[E0433]\u{1b}[0m: no `alloc`\n --> src/stage.rs:7:5\n";
        assert_eq!(words_of_cargo(output), "error[E0433]: no `alloc`\n --> src/stage.rs:7:5");
    }

    #[test]
    fn the_file_of_a_program_is_the_one_that_cargo_names() {
        let messages = "   Compiling duel v0.1.0\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"duel\",\"kind\":[\"lib\"]},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"duel\",\"kind\":[\"bin\"]},\"executable\":\"/t/duel\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(file(messages, "duel"), Some(PathBuf::from("/t/duel")));
        assert_eq!(file(messages, "other"), None);
    }
}

//! Folders and packages of one unit test alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::Project;

/// An empty folder of one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// The folder of the test with this name.
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cargo-tickwire-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The names in the folder `inside`, sorted.
    pub(crate) fn names(&self, inside: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(inside)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A package in `scratch`, with the module of a game `arena` in an example, whose `cargo COMMAND` is this script of a
/// shell.
pub(crate) fn project_with_cargo(scratch: &Scratch, command: &str, script: &str) -> Project {
    // The shell takes the first argument, the command of cargo, for the name of a script. An own program would have to
    // be written first, and no file may be started while a fork of another test still has it open.
    fs::write(scratch.path().join(command), script).unwrap();
    Project::of_test(scratch.path(), "sh")
}

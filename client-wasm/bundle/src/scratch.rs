//! Folders and workspaces of one unit test alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Tools, Workspace};

/// An empty folder of one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// The folder of the test with this name.
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-bundle-{}-{test}", std::process::id()));
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

/// A workspace in `scratch` whose `cargo run` is this script of a shell.
pub(crate) fn workspace_with_cargo(scratch: &Scratch, script: &str) -> Workspace {
    let root = scratch.path().to_owned();
    // The shell takes the first argument, `run`, for the name of a script. An own program would have to be written
    // first, and no file may be started while a fork of another test still has it open.
    fs::write(root.join("run"), script).unwrap();
    let tools = Tools { cargo: "sh".into(), rustc: "rustc".into(), cargo_home: None };
    Workspace { target: root.join("target"), root, tools }
}

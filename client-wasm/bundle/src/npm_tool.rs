//! Programs that come from npm: they make the page smaller, and without npm the page is larger and otherwise the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Workspace;
use crate::command::{self, CommandError, say};

/// Time limit for the download of one package, 25 MB at the most.
const INSTALL_LIMIT: Duration = Duration::from_secs(120);

/// Time limit for a program to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// A program of an npm package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NpmTool {
    /// The package with its version, such as `binaryen@132.0.0`.
    pub(crate) package: &'static str,
    /// The program.
    pub(crate) program: &'static str,
}

impl NpmTool {
    fn folder(self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(self.program).join(self.package)
    }

    fn path(self, folder: &Path) -> PathBuf {
        folder.join("node_modules/.bin").join(self.program)
    }

    /// The marker is written last, and so the package is complete.
    fn marker(folder: &Path) -> PathBuf {
        folder.join("complete")
    }

    /// The program's path, if an earlier build has installed it.
    pub(crate) fn installed(self, workspace: &Workspace) -> Option<PathBuf> {
        let folder = self.folder(workspace);
        Self::marker(&folder).is_file().then(|| self.path(&folder))
    }

    /// Installs the program where it is not there yet. `None`, with a note, where npm is missing or fails.
    pub(crate) fn install(self, workspace: &Workspace) -> Option<PathBuf> {
        let there = self.installed(workspace);
        if there.is_some() {
            return there;
        }
        let folder = self.folder(workspace);
        let program = self.path(&folder);
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]);
        npm.arg("--prefix").arg(&folder).arg(self.package);
        let installed = fs::create_dir_all(&folder)
            .map_err(|source| CommandError::Start { program: "npm".to_owned(), source })
            .and_then(|()| command::run(&mut npm, INSTALL_LIMIT, |_| ()))
            .and_then(|_| command::run(Command::new(&program).arg("--version"), VERSION_LIMIT, |_| ()));
        match installed {
            Ok(_) => {
                // Without the marker the next build installs again, which does no harm.
                let _ = fs::write(Self::marker(&folder), self.package);
                Some(program)
            }
            Err(error) => {
                say(&format!("client: larger than need be, because npm could not install {}: {error}", self.program));
                None
            }
        }
    }
}

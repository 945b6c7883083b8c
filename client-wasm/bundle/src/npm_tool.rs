//! Programs that come from npm: they make the page smaller, and without npm the page is larger and otherwise the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Project;
use crate::assets::Asset;
use crate::command::{self, CommandError, Progress, say};

/// Time limit for the download of one package, 25 MB at the most.
const INSTALL_LIMIT: Duration = Duration::from_secs(120);

/// Time limit for the download of all packages of a page.
const DEPENDENCIES_LIMIT: Duration = Duration::from_secs(600);

/// Time limit for a program to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// Reasons why the packages of a page are missing.
#[derive(Debug, thiserror::Error)]
pub enum NpmToolError {
    /// The page's `package.json` is no JSON.
    #[error("web/package.json is no JSON")]
    Description(#[source] serde_json::Error),
    /// npm failed.
    #[error("web/package.json names packages from npm, and npm could not install them")]
    Install(#[from] CommandError),
    /// A file operation failed.
    #[error("{}: cannot be written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A program of an npm package.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NpmTool {
    /// The package with its version, such as `binaryen@132.0.0`.
    pub(crate) package: &'static str,
    /// The program.
    pub(crate) program: &'static str,
}

impl NpmTool {
    fn folder(self, project: &Project) -> PathBuf {
        project.target().join(self.program).join(self.package)
    }

    fn path(self, folder: &Path) -> PathBuf {
        folder.join("node_modules/.bin").join(self.program)
    }

    /// The marker is written last, and so the package is complete.
    fn marker(folder: &Path) -> PathBuf {
        folder.join("complete")
    }

    /// The program's path, if an earlier build has installed it.
    pub(crate) fn installed(self, project: &Project) -> Option<PathBuf> {
        let folder = self.folder(project);
        Self::marker(&folder).is_file().then(|| self.path(&folder))
    }

    /// Installs the program where it is not there yet. `None`, with a note, where npm is missing or fails.
    pub(crate) fn install(self, project: &Project) -> Option<PathBuf> {
        let there = self.installed(project);
        if there.is_some() {
            return there;
        }
        let folder = self.folder(project);
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

/// Installs the packages that a page names in its `package.json`, where they have changed, and gives the folder with
/// them. `None` for a page that names none.
///
/// # Errors
/// When npm is missing, or cannot install them.
pub(crate) fn install_dependencies(project: &Project, description: &[Asset]) -> Result<Option<PathBuf>, NpmToolError> {
    let Some(package) = description.iter().find(|file| file.name == "package.json") else { return Ok(None) };
    let fields: Value = serde_json::from_slice(&package.content).map_err(NpmToolError::Description)?;
    if fields["dependencies"].as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let folder = project.output().join("npm");
    let marker = folder.join("installed");
    let wanted: Vec<u8> = description.iter().flat_map(|file| file.content.clone()).collect();
    if fs::read(&marker).is_ok_and(|known| known == wanted) {
        return Ok(Some(folder.join("node_modules")));
    }
    let file = |path: &Path, result: io::Result<()>| {
        result.map_err(|source| NpmToolError::File { path: path.to_owned(), source })
    };
    // Half of an installation is none, and a lock file that is gone shall not count.
    let _ = fs::remove_dir_all(&folder);
    file(&folder, fs::create_dir_all(&folder))?;
    for asset in description {
        let path = folder.join(&asset.name);
        file(&path, fs::write(&path, &asset.content))?;
    }
    let _progress = Progress::start("page: installing its packages with npm");
    let mut npm = Command::new("npm");
    npm.args(["install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    command::run(&mut npm, DEPENDENCIES_LIMIT, |_| ())?;
    file(&marker, fs::write(&marker, &wanted))?;
    Ok(Some(folder.join("node_modules")))
}

//! A new game: a crate of its own, made from a template.
//!
//! Guarantees: nothing is written into a folder that has something in it, and the manifest is valid for any
//! path. cargo has the last word on a workspace above. Leaves out building it.

mod name;
mod template;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub use self::name::{GameName, NameError};
pub use self::template::Template;

use self::template::TemplateFile;
use crate::command::{self, CommandError};
use crate::project::{Tools, plain_cargo};

/// Time limit for each program that is asked.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// The manifest of a game, and its words to a workspace above: the game is none of its members.
const MANIFEST: &str = "Cargo.toml";
const OWN_WORKSPACE: &str =
    "\n# The workspace in a folder above does not count this crate among its members.\n[workspace]\n";

/// Files that every checkout of Tickwire has.
const OF_CHECKOUT: [&str; 3] = ["shared/Cargo.toml", "server/Cargo.toml", "client-wasm/Cargo.toml"];

/// Reasons why there is no new game.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name does not do.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The folder is in use.
    #[error("{} is there already, and not empty: choose another name, or empty it", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The checkout that the tool was built from is gone.
    #[error("the Tickwire that this tool was installed from is gone: say where it is with --path DIR")]
    NoTickwire,
    /// The folder of `--path` holds something else.
    #[error("{} is no checkout of Tickwire, it has no {missing}: say where it is with --path DIR", path.display())]
    OtherFolder {
        /// The folder.
        path: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// The path of Tickwire cannot be written into a manifest.
    #[error("{}: a manifest cannot hold this path, because it is no Unicode", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// cargo refuses what was written.
    #[error("cargo does not take the crate, so it is removed again")]
    Cargo(#[from] CommandError),
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A game that is wanted.
#[derive(Debug, Clone)]
pub struct NewGame {
    /// Its name, and that of its crate and folder.
    pub name: String,
    /// The way to build that it begins with.
    pub template: Template,
    /// The folder of Tickwire; by default the one that this tool was built from.
    pub tickwire: Option<PathBuf>,
}

/// A game that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its folder.
    pub folder: PathBuf,
    /// The number of its files.
    pub files: usize,
    /// The workspace that it has become a member of, if there is one above.
    pub workspace: Option<PathBuf>,
}

impl NewGame {
    /// Makes the crate in a folder of its name below `parent`.
    ///
    /// # Errors
    /// See [`NewError`].
    pub fn make(&self, parent: &Path, tools: &Tools) -> Result<Made, NewError> {
        let tickwire = checkout(self.tickwire.as_deref())?;
        let lock = fs::read_to_string(tickwire.join("Cargo.lock")).unwrap_or_default();
        let name = GameName::new(&self.name, &lock)?;
        let folder = parent.join(name.package());
        if file(&folder, is_in_use(&folder))? {
            return Err(NewError::NotEmpty { path: folder });
        }
        let path = tickwire.to_str().ok_or_else(|| NewError::Path { path: tickwire.clone() })?;
        let mut files = self.template.files(&name, path);
        if !lock.is_empty() {
            // The game begins with the versions that Tickwire was tried with; cargo drops those that it does not need.
            files.push(TemplateFile { path: "Cargo.lock".into(), content: lock.into_bytes() });
        }
        let made = files.iter().try_for_each(|TemplateFile { path, content }| write(&folder.join(path), content));
        let workspace = made.and_then(|()| fit_into_workspace(&folder, tools)).inspect_err(|_| {
            // The folder was empty or not there: half a game would only be in the way of the next attempt.
            let _ = fs::remove_dir_all(&folder);
        })?;
        start_repository(&folder);
        Ok(Made { folder, files: files.len(), workspace })
    }
}

/// The folder of Tickwire, as an absolute path.
fn checkout(wanted: Option<&Path>) -> Result<PathBuf, NewError> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = match wanted {
        Some(path) => file(path, fs::canonicalize(path))?,
        None => fs::canonicalize(own).map_err(|_| NewError::NoTickwire)?,
    };
    match OF_CHECKOUT.into_iter().find(|name| !path.join(name).is_file()) {
        None => Ok(path),
        Some(_) if wanted.is_none() => Err(NewError::NoTickwire),
        Some(missing) => Err(NewError::OtherFolder { path, missing }),
    }
}

fn is_in_use(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), NewError> {
    if let Some(folder) = path.parent() {
        file(folder, fs::create_dir_all(folder))?;
    }
    file(path, fs::write(path, content))
}

/// Makes the crate a workspace of its own where cargo would refuse it inside another one. Gives the workspace that it is
/// a member of, if it is: its lock file and its profiles count, and not those of the crate.
fn fit_into_workspace(folder: &Path, tools: &Tools) -> Result<Option<PathBuf>, NewError> {
    let root = match workspace_root(folder, tools) {
        Ok(root) => root,
        Err(CommandError::Failed { output, .. }) if output.contains("believes it's in a workspace") => {
            let manifest = folder.join(MANIFEST);
            let text = file(&manifest, fs::read_to_string(&manifest))?;
            file(&manifest, fs::write(&manifest, text + OWN_WORKSPACE))?;
            workspace_root(folder, tools)?
        }
        Err(error) => return Err(error.into()),
    };
    let is_own = fs::canonicalize(&root).ok() == fs::canonicalize(folder).ok();
    if is_own {
        return Ok(None);
    }
    let lock = folder.join("Cargo.lock");
    file(&lock, fs::remove_file(&lock)).map(|()| Some(root))
}

/// The workspace of a crate as cargo finds it: most often the crate's own folder.
fn workspace_root(folder: &Path, tools: &Tools) -> Result<PathBuf, CommandError> {
    let mut cargo = plain_cargo(&tools.cargo);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    cargo.arg(folder.join(MANIFEST)).current_dir(folder);
    let answer = command::run(&mut cargo, ASK_LIMIT, |_| ())?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    Ok(PathBuf::from(answer["workspace_root"].as_str().unwrap_or_default()))
}

/// Makes a git repository, unless the folder is in one already. A machine without git goes without.
fn start_repository(folder: &Path) {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        command::run(git.args(arguments).current_dir(folder), ASK_LIMIT, |_| ()).is_ok()
    };
    let _ = git(&["rev-parse", "--is-inside-work-tree"]) || git(&["init", "--quiet"]);
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, NewError> {
    result.map_err(|source| NewError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;

//! A folder anywhere on the machine that holds files of this program.
//!
//! Guarantees: a folder with anything else in it is refused before a file is touched, a second run removes what the
//! first has written and nothing more, and pages are written after the files that they refer to. A hidden file in the
//! folder lists what is this program's. Leaves out folders that two programs write at the same time.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::assets::Asset;

/// The file with the names of all files that this program has written, one a line.
pub(crate) const MARKER: &str = ".tickwire-files";

/// Reasons why a folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something is there that this program has not written.
    #[error("{}: not written by this program, so it stays as it is; name a folder that is new or empty", path.display())]
    NotOurs {
        /// The folder, or the file in it.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Makes `folder` hold `files`, whose names are paths in it, instead of those of the last time.
///
/// # Errors
/// See [`FolderError`].
pub(crate) fn replace(folder: &Path, mut files: Vec<Asset>) -> Result<(), FolderError> {
    let old = owned_names(folder)?;
    let new: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let foreign = new.difference(&old).map(|name| folder.join(name)).find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = foreign {
        return Err(FolderError::NotOurs { path });
    }
    file(folder, fs::create_dir_all(folder))?;
    // A run that is cut off may leave files of both times, and both are this program's.
    mark(folder, &(&old | &new))?;
    files.sort_by_key(|file| file.name.contains(".html"));
    for Asset { name, content } in &files {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), |parent| file(parent, fs::create_dir_all(parent)))?;
        file(&path, fs::write(&path, content))?;
    }
    for name in &old - &new {
        remove(folder, &name)?;
    }
    mark(folder, &new)
}

/// The names of this program's files in a folder that is new, empty or this program's.
fn owned_names(folder: &Path) -> Result<BTreeSet<String>, FolderError> {
    let marker = folder.join(MARKER);
    match fs::read_to_string(&marker) {
        Ok(names) => Ok(names.lines().filter(|name| is_inside(name)).map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let is_free = fs::read_dir(folder).map(|mut entries| entries.next().is_none());
            match is_free {
                Ok(true) => Ok(BTreeSet::new()),
                Ok(false) => Err(FolderError::NotOurs { path: folder.to_owned() }),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
                Err(source) => Err(FolderError::File { path: folder.to_owned(), source }),
            }
        }
        Err(source) => Err(FolderError::File { path: marker, source }),
    }
}

/// Whether a line of the marker leads to a place in the folder: people may have edited the file.
fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn mark(folder: &Path, names: &BTreeSet<String>) -> Result<(), FolderError> {
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    let marker = folder.join(MARKER);
    file(&marker, fs::write(&marker, lines))
}

/// Removes a file, and its folder if that is empty now.
fn remove(folder: &Path, name: &str) -> Result<(), FolderError> {
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => file(&path, Err(error)),
        _ => {
            let inner = path.parent().filter(|parent| *parent != folder);
            // A folder with other files in it stays, and that is no error.
            inner.map(fs::remove_dir);
            Ok(())
        }
    }
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, FolderError> {
    result.map_err(|source| FolderError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn files(names: &[&str]) -> Vec<Asset> {
        names.iter().map(|name| Asset { name: (*name).to_owned(), content: name.as_bytes().to_vec() }).collect()
    }

    #[test]
    fn a_second_run_removes_the_files_of_the_first_and_nothing_else() {
        let scratch = Scratch::new("own-second");
        let folder = scratch.path().join("site");
        replace(&folder, files(&["index.html", "a.js", "old/b.js"])).unwrap();
        fs::write(folder.join("CNAME"), "play.example").unwrap();
        replace(&folder, files(&["index.html", "c.js"])).unwrap();
        assert_eq!(scratch.names("site"), [MARKER, "CNAME", "c.js", "index.html"]);
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_and_stays() {
        let scratch = Scratch::new("own-foreign");
        fs::create_dir(scratch.path().join("site")).unwrap();
        fs::write(scratch.path().join("site/thesis.txt"), "years of work").unwrap();
        let error = replace(&scratch.path().join("site"), files(&["index.html"])).unwrap_err();
        assert!(matches!(error, FolderError::NotOurs { .. }), "{error}");
        assert_eq!(scratch.names("site"), ["thesis.txt"]);
    }

    #[test]
    fn a_file_that_somebody_has_put_into_the_folder_is_not_overwritten() {
        let scratch = Scratch::new("own-clash");
        let folder = scratch.path().join("site");
        replace(&folder, files(&["index.html"])).unwrap();
        fs::write(folder.join("robots.txt"), "mine").unwrap();
        let error = replace(&folder, files(&["index.html", "robots.txt"])).unwrap_err();
        assert!(matches!(error, FolderError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read_to_string(folder.join("robots.txt")).unwrap(), "mine");
    }

    #[test]
    fn a_list_that_leads_out_of_the_folder_removes_nothing_there() {
        let scratch = Scratch::new("own-outside");
        let folder = scratch.path().join("site");
        replace(&folder, files(&["index.html"])).unwrap();
        fs::write(scratch.path().join("thesis.txt"), "years of work").unwrap();
        let outside = format!("../thesis.txt\n{}\n", scratch.path().join("thesis.txt").display());
        fs::write(folder.join(MARKER), outside + "index.html\n").unwrap();
        replace(&folder, files(&["a.js"])).unwrap();
        assert_eq!(scratch.names(""), ["site", "thesis.txt"]);
        assert_eq!(scratch.names("site"), [MARKER, "a.js"]);
    }
}

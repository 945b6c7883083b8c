//! A folder that belongs to the server alone, so that no other user of the machine can choose what is written where.
//!
//! The folder is a real one, of the server's user, and nobody else may write to it. A file in it is always a new one
//! and never reached over a link. The folder is opened and checked anew for each file, and the file is made relative to
//! the opened folder: a path that changes in between leads nowhere else.

use rustix::fs::{self, Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Permissions of a folder that is made here: all for its owner, none for others.
const FOLDER_MODE: u32 = 0o700;

/// Permissions of a file that is made here.
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// Permissions of a folder that let others change it: those for the group and for everyone to write.
const OTHERS_WRITE: u32 = 0o022;

/// A folder that was checked when the value was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFolder {
    path: PathBuf,
}

/// The reason for which a folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder is missing and cannot be made.
    #[error("the folder {} cannot be made", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The path leads to a link or to something else that is no folder.
    #[error("{} is a link or a file; it has to be a folder itself", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder cannot be opened or written to.
    #[error("the folder {} cannot be written to", path.display())]
    Access {
        /// The folder.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The folder belongs to another user.
    #[error("the folder {} belongs to the user {owner}, and not to the server's user", path.display())]
    Owner {
        /// The folder.
        path: PathBuf,
        /// The number of the user that it belongs to.
        owner: u32,
    },
    /// Other users may write to the folder.
    #[error("other users may write to the folder {} (mode {mode:o}); chmod 700 takes that from them", path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

impl OwnFolder {
    /// The folder at this path, which is made with its parents if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or written to, is not a folder, or is not the server's alone.
    pub(crate) fn prepare(path: &Path) -> Result<Self, FolderError> {
        // Components leave out a slash at the end, with which a link would be followed.
        let path: PathBuf = path.components().collect();
        let folder = Self { path };
        folder.open().map(|_| folder)
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a new file into the folder, under the first of `names` that no file has yet, and gives the name.
    ///
    /// # Errors
    /// When the folder is not as it has to be any more, when every name is taken, or when the file cannot be written;
    /// nothing is left of the file then.
    pub(crate) fn write_new(&self, names: impl Iterator<Item = String>, content: &[u8]) -> io::Result<String> {
        let folder = self.open().map_err(io::Error::other)?;
        for name in names {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match fs::openat(&folder, name.as_str(), flags, FILE_MODE) {
                Ok(file) => {
                    let written = File::from(file).write_all(content);
                    if written.is_err() {
                        // The reason for which it could not be written is the one to tell.
                        let _ = fs::unlinkat(&folder, name.as_str(), AtFlags::empty());
                    }
                    return written.map(|()| name);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Opens the folder and checks it.
    fn open(&self) -> Result<OwnedFd, FolderError> {
        let path = || self.path.clone();
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = fs::open(&self.path, flags, Mode::empty()).map_err(|error| match (made, error) {
            (_, Errno::LOOP | Errno::NOTDIR) => FolderError::NoFolder { path: path() },
            (Err(source), _) => FolderError::Make { path: path(), source },
            (Ok(()), error) => FolderError::Access { path: path(), source: error.into() },
        })?;
        let no_access = |error: Errno| FolderError::Access { path: path(), source: error.into() };
        let found = fs::fstat(&folder).map_err(no_access)?;
        if found.st_uid != rustix::process::geteuid().as_raw() {
            return Err(FolderError::Owner { path: path(), owner: found.st_uid });
        }
        if found.st_mode & OTHERS_WRITE != 0 {
            return Err(FolderError::Shared { path: path(), mode: found.st_mode & 0o7777 });
        }
        fs::accessat(&folder, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).map_err(no_access)?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests;

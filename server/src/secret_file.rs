//! Files with secrets: they belong to the server's user or to root, and no others may read them.
//!
//! The file's group may read, and the path may be a link, as secrets that a cluster mounts are.

use rustix::fs::fstat;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Permissions that a file may not give: to write for the group, and anything for other users.
const OTHERS: u32 = 0o027;

/// The reason for which the file of a secret cannot be used. No reason has the file's content in it.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// The file is missing or cannot be read.
    #[error("the secret file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The path leads to something else than a file.
    #[error("{} is not a file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The file belongs to another user.
    #[error("the secret file {} belongs to the user {owner}, and not to this user or to root", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The number of the user that it belongs to.
        owner: u32,
    },
    /// Other users may read or change the file.
    #[error("other users may use the secret file {} (mode {mode:o}); chmod 600 takes that from them", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is too long for a secret.
    #[error("{} has more than {bytes_max} bytes and cannot be the file of a secret", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// Bytes that it may have.
        bytes_max: usize,
    },
}

/// The content of a file that no others may read.
///
/// # Errors
/// When the file cannot be read, is open to other users, or has more than `bytes_max` bytes.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, SecretFileError> {
    let own = || path.to_owned();
    let unread = |source| SecretFileError::Read { path: own(), source };
    // A pipe would let the open wait for a writer: it is seen to be no file before.
    if !std::fs::metadata(path).map_err(unread)?.is_file() {
        return Err(SecretFileError::NoFile { path: own() });
    }
    let file = File::open(path).map_err(unread)?;
    let found = fstat(&file).map_err(|error| unread(error.into()))?;
    if found.st_uid != 0 && found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(SecretFileError::Owner { path: own(), owner: found.st_uid });
    }
    if found.st_mode & OTHERS != 0 {
        return Err(SecretFileError::Shared { path: own(), mode: found.st_mode & 0o7777 });
    }
    let mut content = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut content).map_err(unread)?;
    if content.len() > bytes_max {
        return Err(SecretFileError::Long { path: own(), bytes_max });
    }
    Ok(content)
}

/// The content of a file that is no secret.
///
/// # Errors
/// When it cannot be read, is no file, or has more than `bytes_max` bytes.
pub(crate) fn read_plain(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    // A pipe would let the open wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    if content.len() > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// The length of a file and the time at which it or its permissions were changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

/// The stamp of a file, by which a change of it shows; `None` when it is not there.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    let (changed, modified) = ((found.ctime(), found.ctime_nsec()), (found.mtime(), found.mtime_nsec()));
    Some(Stamp { bytes: found.len(), changed, modified })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    const SECRET: &str = "secret words";

    #[test]
    fn only_a_short_file_that_others_may_not_use_is_read() {
        let path = std::env::temp_dir().join(format!("tickwire-secret-file-{}", std::process::id()));
        let link = path.with_extension("link");
        fs::write(&path, SECRET).unwrap();
        symlink(&path, &link).unwrap();
        for mode in [0o600, 0o400, 0o640] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path, SECRET.len()).unwrap(), SECRET.as_bytes());
            assert_eq!(read(&link, SECRET.len()).unwrap(), SECRET.as_bytes());
        }
        let long = read(&path, SECRET.len() - 1).unwrap_err();
        assert!(matches!(long, SecretFileError::Long { bytes_max: 11, .. }), "{long}");
        for mode in [0o644, 0o620, 0o602, 0o601, 0o777] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = read(&path, SECRET.len()).unwrap_err();
            assert!(matches!(error, SecretFileError::Shared { mode: shown, .. } if shown == mode), "{error}");
            assert!(!error.to_string().contains(SECRET), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(read(&link, 100), Err(SecretFileError::Read { .. })));
        fs::remove_file(&link).unwrap();
        assert!(matches!(read(&std::env::temp_dir(), 100), Err(SecretFileError::NoFile { .. })));
    }
}

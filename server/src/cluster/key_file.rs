//! The file with the keys by which nodes of one service know each other.

use super::hail::PeerKeys;
use crate::config::ServiceName;
use crate::limits::PEER_KEY_FILE_BYTES_MAX;
use crate::secret_file::{self, SecretFileError};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The reason for which the keys of nodes cannot be used. No reason has a key in it.
#[derive(Debug, Error)]
pub enum PeerKeyError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file has no key, or something else.
    #[error("{} has no keys of nodes: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason in words.
        reason: String,
    },
}

/// Reads the keys in a file, for the nodes of a service.
///
/// # Errors
/// When the file cannot be used.
pub(crate) fn read_keys(path: &Path, service: &ServiceName) -> Result<PeerKeys, PeerKeyError> {
    let content = secret_file::read(path, PEER_KEY_FILE_BYTES_MAX)?;
    let keys = PeerKeys::parse(&content, service.as_str());
    keys.map_err(|fault| PeerKeyError::Key { path: path.to_owned(), reason: fault.to_string() })
}

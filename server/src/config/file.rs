//! The configuration file: TOML with the names of settings as its keys.

use super::nearest::Nearest;
use super::{Config, Settings};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The reason for which a configuration file could not be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: std::io::Error,
    },
    /// The file is not TOML, or a setting has a value that it cannot have.
    #[error("{} is not a configuration", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place in the file and the reason.
        source: Box<toml::de::Error>,
    },
    /// The file names a setting that does not exist.
    #[error("{} has the key {key}, which is no setting: {nearest}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The key that is meant, if one is near.
        nearest: Nearest,
    },
}

impl Settings {
    /// The settings of a TOML file.
    ///
    /// # Errors
    /// When the file cannot be read, or has an unknown setting or an invalid value.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// The settings of a file with this text.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let bad = |error| FileError::Parse { path: path.to_owned(), source: Box::new(error) };
        let table: toml::Table = toml::from_str(text).map_err(bad)?;
        if let Some(key) = table.keys().find(|key| !Self::NAMES.contains(&key.as_str())) {
            let nearest = Nearest::to(key, Self::NAMES.iter().copied());
            return Err(FileError::Unknown { path: path.to_owned(), key: key.clone(), nearest });
        }
        // The text is read once more, because errors of the table would not name the line.
        toml::from_str(text).map_err(bad)
    }
}

impl Config {
    /// This configuration as a file that [`Settings::read`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is numbers and words, which TOML can hold")
    }
}

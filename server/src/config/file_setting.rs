//! A file that the server may be given or not, as an operator names it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file, or `off`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FileSetting {
    /// `off`: there is none.
    #[default]
    Off,
    /// A file. A server that cannot use it does not start.
    At(PathBuf),
}

impl FileSetting {
    /// The path of the file, `None` when it is off.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path),
        }
    }
}

impl From<String> for FileSetting {
    fn from(text: String) -> Self {
        if text == "off" { Self::Off } else { Self::At(text.into()) }
    }
}

impl From<FileSetting> for String {
    fn from(file: FileSetting) -> Self {
        match file {
            FileSetting::Off => "off".into(),
            FileSetting::At(path) => path.to_string_lossy().into_owned(),
        }
    }
}

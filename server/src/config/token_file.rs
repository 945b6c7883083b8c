//! The file with the token of services, as an operator names it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file with the token by which services publish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TokenFile {
    /// `off`: no service may publish.
    #[default]
    Off,
    /// A file. A server that cannot use it does not start.
    At(PathBuf),
}

impl TokenFile {
    /// The path of the file, `None` when it is off.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path),
        }
    }
}

impl From<String> for TokenFile {
    fn from(text: String) -> Self {
        if text == "off" { Self::Off } else { Self::At(text.into()) }
    }
}

impl From<TokenFile> for String {
    fn from(file: TokenFile) -> Self {
        match file {
            TokenFile::Off => "off".into(),
            TokenFile::At(path) => path.to_string_lossy().into_owned(),
        }
    }
}

//! The page that a server has for people, as an operator names it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The page of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum PageFolder {
    /// `built-in`: the one that the program was built with, if it was.
    #[default]
    BuiltIn,
    /// The files of a folder, as `cargo tickwire build` leaves them. They are read anew for each request.
    At(PathBuf),
}

impl PageFolder {
    /// The folder; `None` for the page of the program.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::At(path) => Some(path),
        }
    }
}

impl From<String> for PageFolder {
    fn from(text: String) -> Self {
        if text == "built-in" { Self::BuiltIn } else { Self::At(text.into()) }
    }
}

impl From<PageFolder> for String {
    fn from(folder: PageFolder) -> Self {
        match folder {
            PageFolder::BuiltIn => "built-in".into(),
            PageFolder::At(path) => path.to_string_lossy().into_owned(),
        }
    }
}

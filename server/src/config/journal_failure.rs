//! The action of a server when the disk does not take its journal, as an operator chooses it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The action of a server when the disk does not take its journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum JournalFailure {
    /// `play`: rooms go on without being written. The server is not ready, and opens no further rooms.
    #[default]
    Play,
    /// `stop`: the server ends, with an exit code other than 0.
    Stop,
}

/// The word is no such choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("when the disk does not take the journal, a server goes on with play or ends with stop")]
pub struct JournalFailureError;

impl FromStr for JournalFailure {
    type Err = JournalFailureError;

    fn from_str(word: &str) -> Result<Self, JournalFailureError> {
        match word {
            "play" => Ok(Self::Play),
            "stop" => Ok(Self::Stop),
            _ => Err(JournalFailureError),
        }
    }
}

impl TryFrom<String> for JournalFailure {
    type Error = JournalFailureError;

    fn try_from(word: String) -> Result<Self, JournalFailureError> {
        word.parse()
    }
}

impl From<JournalFailure> for String {
    fn from(choice: JournalFailure) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for JournalFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Play => "play",
            Self::Stop => "stop",
        })
    }
}

//! The form of the log, as an operator chooses it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LogFormat {
    /// `text`: lines for people.
    #[default]
    Text,
    /// `json`: one object in each line, for programs.
    Json,
}

/// The word is no form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the log is text, for people, or json, for programs")]
pub struct LogFormatError;

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(word: &str) -> Result<Self, LogFormatError> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogFormatError),
        }
    }
}

impl TryFrom<String> for LogFormat {
    type Error = LogFormatError;

    fn try_from(word: String) -> Result<Self, LogFormatError> {
        word.parse()
    }
}

impl From<LogFormat> for String {
    fn from(format: LogFormat) -> Self {
        format.to_string()
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

//! The configuration file: TOML with the names of settings as its keys.

use super::nearest::Nearest;
use super::{Config, Settings};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::de::{DeTable, Error as TomlError, ValueDeserializer};

/// The reason for which a configuration file could not be read.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
pub struct FileError {
    /// The file.
    path: PathBuf,
    /// The reason that the system gave.
    source: std::io::Error,
}

/// A part of a configuration file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileFault {
    /// A line is not TOML.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The input that the reader expected.
        reason: String,
    },
    /// A setting has a value that it cannot have.
    #[error("{}, line {line}: {name}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The setting.
        name: &'static str,
        /// The values that the setting can have.
        reason: String,
    },
    /// The file names a setting that does not exist.
    #[error("{}, line {line}: {key} is no setting: {nearest}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// The key that is meant, if one is near.
        nearest: Nearest,
    },
}

impl FileFault {
    const fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. } | Self::Value { line, .. } | Self::Unknown { line, .. } => *line,
        }
    }
}

impl Settings {
    /// The settings of a TOML file, and all that is wrong with it. A setting whose value cannot be is missing.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn read(path: &Path) -> Result<(Self, Vec<FileFault>), FileError> {
        let text = std::fs::read_to_string(path).map_err(|source| FileError { path: path.to_owned(), source })?;
        Ok(Self::parse(path, &text))
    }

    /// The settings of a file with this text.
    pub(super) fn parse(path: &Path, text: &str) -> (Self, Vec<FileFault>) {
        let own = || path.to_owned();
        let (table, errors) = DeTable::parse_recoverable(text);
        let syntax = |error: &TomlError| FileFault::Syntax {
            path: own(),
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            reason: error.message().into(),
        };
        let mut faults: Vec<_> = errors.iter().map(syntax).collect();
        let table = table.into_inner();
        let unknown = table.keys().filter(|key| !Self::NAMES.contains(&key.get_ref().as_ref()));
        faults.extend(unknown.map(|key| FileFault::Unknown {
            path: own(),
            line: line_at(text, key.span().start),
            key: key.get_ref().escape_debug().to_string(),
            nearest: Nearest::to(key.get_ref(), Self::NAMES.iter().copied()),
        }));
        let settings = Self::of_table(table, |name, BadValue { at, reason }| {
            faults.push(FileFault::Value { path: own(), line: line_at(text, at), name, reason });
        });
        faults.sort_by_key(FileFault::line);
        (settings, faults)
    }
}

/// The number of the line in which this byte is, counted from 1.
fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A value that a setting cannot have.
pub(super) struct BadValue {
    /// The byte of the text at which it is.
    at: usize,
    reason: String,
}

/// Takes the value of a setting out of a table; `None` when it is not there.
pub(super) fn take<'a, T: Deserialize<'a>>(table: &mut DeTable<'a>, name: &str) -> Option<Result<T, BadValue>> {
    let key = table.keys().find(|key| key.get_ref() == name)?.clone();
    let value = table.remove(&key)?;
    let start = value.span().start;
    // An error of a type's own has no place in the text.
    let bad = |error: TomlError| BadValue {
        at: error.span().map_or(start, |span| span.start),
        reason: in_plain_words(error.message()),
    };
    Some(T::deserialize(ValueDeserializer::from(value)).map_err(bad))
}

/// The words of an error without the types of the program, of which an operator has never heard.
fn in_plain_words(message: &str) -> String {
    ["usize", "u64", "u32", "u8"].iter().fold(message.to_owned(), |message, number| {
        message.replace(&format!("expected {number}"), "expected a whole number that is not negative")
    })
}

/// A value as it is in a file.
pub(super) fn value<T: Serialize>(value: &T) -> String {
    let value = toml::Value::try_from(value).expect("settings are numbers and words, which TOML can hold");
    value.to_string()
}

impl Config {
    /// This configuration as a file that [`Settings::read`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        self.entries().into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
    }
}

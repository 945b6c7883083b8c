//! The filter of the log, as an operator writes it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The target of the lines about actions of operators.
pub(crate) const AUDIT: &str = "audit";

/// A filter for the log: a level, or levels by module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogFilter(String);

/// A text is not a filter for the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a level: use error, warn, info, debug, trace or off, or MODULE=LEVEL for one module")]
pub struct LogFilterError(String);

impl LogFilter {
    /// The filter for a subscriber. The actions of operators are in every log that has anything, unless the filter names
    /// them: a log of warnings alone would lose who has closed a room.
    #[must_use]
    pub fn filter(&self) -> EnvFilter {
        match self.0.as_str() {
            "off" => EnvFilter::new("off"),
            named if named.contains(AUDIT) => EnvFilter::new(named),
            other => EnvFilter::new(format!("{other},{AUDIT}=info")),
        }
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".into())
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // For the library a lone word that is no level is the name of a module, which then logs everything, while all
        // others log nothing. A filter by span and field has commas of its own, so that it is left to the library.
        let parts = || text.split(',').map(str::trim);
        let is_level = |part: &&str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        let wrong = parts().find(|part| !part.contains('=') && !is_level(part)).filter(|_| !text.contains('['));
        if let Some(part) = wrong {
            return Err(LogFilterError(part.to_owned()));
        }
        let filter = parts().collect::<Vec<_>>().join(",");
        EnvFilter::try_new(&filter).map(|_| Self(filter)).map_err(|_| LogFilterError(text.to_owned()))
    }
}

impl TryFrom<String> for LogFilter {
    type Error = LogFilterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

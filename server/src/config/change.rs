//! The settings that differ between two configurations, for an operator who changes them in a running server.

use super::{Config, Settings};

/// A setting with its old and its new value, as they are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name of the setting.
    pub name: &'static str,
    /// The value that is in force.
    pub old: String,
    /// The value that is asked for.
    pub new: String,
    /// Whether the setting can change in a running server.
    pub is_live: bool,
}

impl Config {
    /// The configuration of a running server that is asked for `new`, and all settings in which the two differ. Those
    /// that need a restart stay as they are.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> (Self, Vec<Change>) {
        let pairs = self.entries().into_iter().zip(new.entries());
        let change = |((name, old), (_, new))| Change { name, old, new, is_live: Settings::LIVE.contains(&name) };
        let changes = pairs.filter(|((_, old), (_, new))| old != new).map(change).collect();
        (self.with_live(new), changes)
    }
}

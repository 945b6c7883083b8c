//! The known name that a misspelt one most likely stands for.

use std::fmt;

/// Similarity from which a name counts as a misspelling of another one, from 0 to 1: the bound that clap has for
/// options.
const SIMILARITY_MIN: f64 = 0.7;

/// The known name that is nearest to an unknown one, if any is near; as the end of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest(Option<String>);

impl Nearest {
    /// The one of `known` that is nearest to `word`.
    pub(super) fn to<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let rated = known.map(|name| (strsim::jaro_winkler(word, name), name));
        let best = rated.filter(|(near, _)| *near > SIMILARITY_MIN).max_by(|one, other| one.0.total_cmp(&other.0));
        Self(best.map(|(_, name)| name.to_owned()))
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(out, "did you mean {name}?"),
            None => out.write_str("tickwire serve --help lists them all"),
        }
    }
}

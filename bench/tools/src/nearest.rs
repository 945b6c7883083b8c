//! The known name that a misspelt one most likely stands for.

/// Similarity from which a name counts as a misspelling of another one, from 0 to 1: the bound that clap has for
/// options.
const SIMILARITY_MIN: f64 = 0.7;

/// The one of `known` that is nearest to `word`, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.into_iter().map(|name| (strsim::jaro_winkler(word, name), name));
    let best = rated.filter(|(near, _)| *near > SIMILARITY_MIN).max_by(|one, other| one.0.total_cmp(&other.0));
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_has_a_neighbour_and_a_strange_one_has_none() {
        let known = ["ships.at", "ships.velocity", "delta"];
        assert_eq!(nearest("ship.at", known), Some("ships.at"));
        assert_eq!(nearest("dleta", known), Some("delta"));
        assert_eq!(nearest("xyzzy", known), None);
    }
}

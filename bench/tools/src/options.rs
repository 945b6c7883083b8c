//! Options of rooms as the command line names them.

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tickwire::Game;

/// One option of a room: a number, `true` or `false`, or else a word.
///
/// # Errors
/// When the text has no `=`.
pub fn room_option(text: &str) -> Result<(String, Value)> {
    let (key, value) = text.split_once('=').with_context(|| format!("`{text}` is not KEY=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
}

/// The options of a game, as the command line names them; the game's own options when it names none.
///
/// # Errors
/// When the game has no such options, or refuses them.
pub fn game_options<G: Game>(named: &[(String, Value)]) -> Result<G::Options> {
    if named.is_empty() {
        return Ok(G::Options::default());
    }
    let name = G::RULES.name;
    let options = serde_json::from_value(named.iter().cloned().collect());
    let options: G::Options = options.with_context(|| format!("these are no options of {name}"))?;
    G::check(&options).map_err(|error| anyhow!("{name} refuses these options: {error}"))?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_numbers_or_words() {
        assert_eq!(room_option("entities=100").expect("an option"), ("entities".into(), Value::from(100)));
        assert_eq!(room_option("motion=erratic").expect("an option"), ("motion".into(), Value::from("erratic")));
        assert!(room_option("motion").is_err());
    }
}

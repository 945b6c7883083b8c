//! Options of rooms as the command line names them.

use anyhow::{Context, Result};
use serde_json::Value;

/// One option of a room: a number, `true` or `false`, or else a word.
///
/// # Errors
/// When the text has no `=`.
pub fn room_option(text: &str) -> Result<(String, Value)> {
    let (key, value) = text.split_once('=').with_context(|| format!("`{text}` is not KEY=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
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

//! The words of a build that failed, for a person: all causes, and not too long.

use std::error::Error;

/// The bytes of the words that are shown; a person reads the first errors.
const WORDS_BYTES_MAX: usize = 24_000;

/// An error with its causes, as plain text.
pub(crate) fn of_error(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    cut(&text)
}

/// The beginning of a text, if it is long.
fn cut(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        if kept.len() + line.len() > WORDS_BYTES_MAX {
            kept.push_str("… and more, in the terminal\n");
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_errors_is_cut() {
        let flood = "error: this is wrong\n".repeat(10_000);
        let words = cut(&flood);
        assert!(words.len() < WORDS_BYTES_MAX + 100 && words.ends_with("in the terminal\n"));
    }
}

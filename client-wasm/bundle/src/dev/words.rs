//! The words of a build that failed, for a person: those of the compiler, without the rest.

use std::error::Error;

/// The bytes of the words that are shown; a person reads the first errors.
const WORDS_BYTES_MAX: usize = 24_000;

/// Lines that cargo writes while all is well.
const PROGRESS: [&str; 8] =
    ["Compiling", "Checking", "Finished", "Fresh", "Updating", "Locking", "Blocking", "Downloaded"];

/// An error with its causes, as plain text.
pub(crate) fn of_error(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    plain(&text)
}

/// A text without colours, without cargo's progress and its messages for programs, and not too long.
pub(crate) fn plain(text: &str) -> String {
    let text = without_colours(text);
    let is_progress = |line: &str| PROGRESS.contains(&line.split_whitespace().next().unwrap_or_default());
    let is_message = |line: &str| line.starts_with("{\"reason\"");
    let lines = text.lines().filter(|line| !is_message(line) && !is_progress(line));
    let mut kept = String::new();
    for line in lines {
        if kept.len() + line.len() > WORDS_BYTES_MAX {
            kept.push_str("… and more, in the terminal\n");
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// The text without the sequences that colour it in a terminal.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            // The sequence ends with a letter.
            let _ = letters.by_ref().find(char::is_ascii_alphabetic);
        } else if letter != '\r' {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_compiler_are_left_and_nothing_else() {
        let said = "   Compiling duel v0.1.0\n{\"reason\":\"build-finished\",\"success\":false}\n\
            \u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: expected `;`\n  --> src/lib.rs:3:4\n";
        assert_eq!(plain(said), "error: expected `;`\n  --> src/lib.rs:3:4\n");
    }

    #[test]
    fn a_flood_of_errors_is_cut() {
        let flood = "error: this is wrong\n".repeat(10_000);
        let words = plain(&flood);
        assert!(words.len() < WORDS_BYTES_MAX + 100 && words.ends_with("in the terminal\n"));
    }
}

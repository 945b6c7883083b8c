//! Lines that are one line each, and change no terminal, with any text that people have written into them.
//!
//! Names and texts are recorded as fields, which text and JSON quote. This is the last look, over everything: a line
//! break inside of a line is followed by a space, so that nothing looks like a line of its own, and characters that
//! control a terminal or turn the direction of text around are written as their numbers.

use crate::config::LogFormat;
use std::fmt::Write;

/// The beginning of a line that goes on with the one before.
const CONTINUED: &str = "\n    ";

/// The form of a line, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Text in which the log's own colours are left, for a terminal. The formatter has taken those of others out.
    Coloured,
    /// Text for a file.
    Text,
    /// JSON.
    Json,
}

impl Style {
    pub(super) const fn of(format: LogFormat, is_terminal: bool) -> Self {
        match format {
            LogFormat::Text if is_terminal => Self::Coloured,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }

    pub(super) const fn is_coloured(self) -> bool {
        matches!(self, Self::Coloured)
    }

    /// The line with its end, fit to be read by people.
    pub(super) fn plain(self, line: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut out = String::with_capacity(text.len() + 1);
        for letter in text.chars() {
            match letter {
                '\n' if self != Self::Json => out.push_str(CONTINUED),
                '\u{1b}' if self == Self::Coloured => out.push(letter),
                '\t' if self != Self::Json => out.push(letter),
                letter if is_hostile(letter) => self.put_number(letter, &mut out),
                letter => out.push(letter),
            }
        }
        out.push('\n');
        out.into_bytes()
    }

    fn put_number(self, letter: char, out: &mut String) {
        let number = u32::from(letter);
        let _ = match self {
            // Outside of texts JSON has no such characters, and none of them is beyond four digits.
            Self::Json => write!(out, "\\u{number:04x}"),
            Self::Coloured | Self::Text => write!(out, "\\u{{{number:x}}}"),
        };
    }
}

/// Whether a character controls a terminal, breaks a line or turns text around.
fn is_hostile(letter: char) -> bool {
    let turns =
        matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(style: Style, line: &str) -> String {
        String::from_utf8(style.plain(line.as_bytes())).unwrap()
    }

    #[test]
    fn a_line_stays_one_line_and_controls_nothing() {
        let hostile = "a\u{1b}[2Jb\rc\u{9b}31md\u{202e}e\u{2028}f\u{7f}\n";
        assert_eq!(plain(Style::Text, hostile), "a\\u{1b}[2Jb\\u{d}c\\u{9b}31md\\u{202e}e\\u{2028}f\\u{7f}\n");
        assert_eq!(plain(Style::Json, "\"\u{9b}\u{202e}\"\n"), "\"\\u009b\\u202e\"\n");
        assert_eq!(plain(Style::Text, "panicked\nat 3\n"), "panicked\n    at 3\n");
        assert_eq!(plain(Style::Coloured, "\u{1b}[32mINFO\u{1b}[0m\u{9b}\n"), "\u{1b}[32mINFO\u{1b}[0m\\u{9b}\n");
        assert_eq!(plain(Style::Text, "Ünï 名前 🎮\n"), "Ünï 名前 🎮\n");
    }
}

//! The name of a new game, in the forms that the crate, the rules and the page need.

use std::fmt;

/// The longest name.
const NAME_LEN_MAX: usize = 40;

/// Names of the compiler's own crates, and of programs that cargo has folders of that name for.
const TAKEN: [&str; 15] = [
    "alloc",
    "build",
    "core",
    "debug",
    "deps",
    "doc",
    "examples",
    "incremental",
    "package",
    "proc_macro",
    "release",
    "std",
    "test",
    "tmp",
    "tools",
];

/// Words that cannot name a crate: the keywords of Rust.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Reasons why a name does not do for a game.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Characters that no game has.
    #[error("{name:?} is no name for a game: lower-case letters, digits, `-` and `_`, with a letter first")]
    Characters {
        /// The name.
        name: String,
    },
    /// A long name.
    #[error("{name:?} is too long for the name of a game: {NAME_LEN_MAX} characters at the most")]
    Long {
        /// The name.
        name: String,
    },
    /// A word with a meaning in Rust.
    #[error("{name:?} is a word of Rust: a crate cannot have it for a name")]
    Keyword {
        /// The name.
        name: String,
    },
    /// Another crate of that name.
    #[error("{name:?} is the name of another crate or program that the game needs: choose another one")]
    Taken {
        /// The name.
        name: String,
    },
}

/// A name that does for a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GameName(String);

impl GameName {
    /// Checks a name. `lock` is the lock file that the crate will have: the names in it belong to other crates.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(name: &str, lock: &str) -> Result<Self, NameError> {
        let (own, name) = (Self(name.to_owned()), name.to_owned());
        let is_known = |name: &str| lock.lines().any(|line| line == format!("name = \"{name}\""));
        let are_fine = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if !are_fine || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(NameError::Characters { name });
        }
        if name.len() > NAME_LEN_MAX {
            return Err(NameError::Long { name });
        }
        let library = own.library();
        if KEYWORDS.contains(&library.as_str()) {
            return Err(NameError::Keyword { name });
        }
        if TAKEN.contains(&library.as_str()) || is_known(&library) || is_known(&library.replace('_', "-")) {
            return Err(NameError::Taken { name });
        }
        Ok(own)
    }

    /// The name of the package, such as `my-game`.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.0
    }

    /// The name of the library and of the game, such as `my_game`.
    #[must_use]
    pub fn library(&self) -> String {
        self.0.replace('-', "_")
    }

    /// The name for people, such as `My Game`.
    #[must_use]
    pub fn title(&self) -> String {
        self.words().collect::<Vec<_>>().join(" ")
    }

    /// The name of the type, such as `MyGame`.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.words().collect()
    }

    fn words(&self) -> impl Iterator<Item = String> {
        let words = self.0.split(['-', '_']).filter(|word| !word.is_empty());
        words.map(|word| word[..1].to_ascii_uppercase() + &word[1..])
    }
}

impl fmt::Display for GameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_forms_of_crate_type_and_title() {
        let name = GameName::new("my-2nd_game", "").unwrap();
        let forms = [name.package().to_owned(), name.library(), name.type_name(), name.title()];
        assert_eq!(forms, ["my-2nd_game", "my_2nd_game", "My2ndGame", "My 2nd Game"]);
    }

    #[test]
    fn names_that_no_crate_or_game_can_have_are_refused() {
        for name in ["", "-game", "_game", "2d", "MyGame", "my game", "my.game", "../game", "größe", "a/b"] {
            assert!(matches!(GameName::new(name, ""), Err(NameError::Characters { .. })), "{name}");
        }
        for name in ["self", "match", "yield"] {
            assert!(matches!(GameName::new(name, ""), Err(NameError::Keyword { .. })), "{name}");
        }
        assert!(matches!(GameName::new(&"a".repeat(41), ""), Err(NameError::Long { .. })));
    }

    #[test]
    fn names_of_crates_that_the_game_needs_are_refused_in_both_spellings() {
        let lock = "[[package]]\nname = \"tickwire-server\"\nversion = \"0.1.0\"\n";
        for name in ["tickwire-server", "tickwire_server", "std", "proc-macro", "examples"] {
            assert!(matches!(GameName::new(name, lock), Err(NameError::Taken { .. })), "{name}");
        }
        assert!(GameName::new("tickwire-serve", lock).is_ok());
    }
}

//! The key ring: the public keys of the backends that may mint tickets.
//!
//! A text with one key per line, its id first and then the key as PASERK. Empty lines and lines that begin with `#` do
//! not count:
//!
//! ```text
//! # The login service, since November.
//! login-2 k4.public.…
//! ```
//!
//! To rotate a key, a studio adds the new one, lets its backend mint with it, and takes the old one away when the last
//! ticket of it has ended. A ring that is read again replaces the old one only if it is good: that is up to the caller.
//! No error has anything of the text in it: it could be a secret that was put into the wrong file.

use ed25519_compact::PublicKey;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::version4::V4;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Keys of a ring at the most.
pub const KEYS_MAX: usize = 16;

/// Characters of a key's id at the most.
pub const KEY_ID_LEN_MAX: usize = 64;

/// Bytes of a key ring at the most, with its comments.
pub const KEY_RING_BYTES_MAX: usize = 65_536;

/// Texts that are in every secret key: a PASERK of any version, or a PEM file.
const SECRET_MARKS: [&str; 5] = ["k4.secret.", "k3.secret.", "k2.secret.", "k1.secret.", "PRIVATE KEY"];

/// A public key and its id.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) public: AsymmetricPublicKey<V4>,
}

/// The public keys of the backends that may mint tickets. At least one, at most [`KEYS_MAX`].
#[derive(Debug, Clone)]
pub struct KeyRing(Vec<Key>);

/// The reason for which a text is no key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// A secret key, which may be in no file that a server reads.
    #[error(
        "line {line} has a secret key, with which anybody who reads this file can mint tickets; take it out, have a \
         new pair made with `mint --new-key`, and put only the public line here"
    )]
    Secret {
        /// The line, from 1 on.
        line: usize,
    },
    /// A line of too few or too many words.
    #[error("line {line} is not `KEY-ID k4.public.…`; put a # in front of it if it is a comment")]
    Words {
        /// The line, from 1 on.
        line: usize,
    },
    /// An id that is too long or has other characters.
    #[error(
        "the key id on line {line} has to be 1 to {KEY_ID_LEN_MAX} characters of a to z, A to Z, 0 to 9, `-`, `_` \
         and `.`"
    )]
    Id {
        /// The line, from 1 on.
        line: usize,
    },
    /// A key that is no PASERK of a public key, or no key that can be used.
    #[error(
        "the key on line {line} is not a PASERK `k4.public.` with 43 characters behind it, or is no Ed25519 key; copy \
         the line again that `mint --new-key` has printed"
    )]
    Key {
        /// The line, from 1 on.
        line: usize,
    },
    /// An id that an earlier line has.
    #[error("line {line} has the key id of line {first}; give one of them another id, or take it out")]
    SameId {
        /// The line, from 1 on.
        line: usize,
        /// The earlier line.
        first: usize,
    },
    /// A key that an earlier line has, under another id.
    #[error("line {line} has the key of line {first}; take one of them out")]
    SameKey {
        /// The line, from 1 on.
        line: usize,
        /// The earlier line.
        first: usize,
    },
    /// One key too many.
    #[error("line {line} is one key more than {KEYS_MAX}; take out those with which no ticket is minted any more")]
    Many {
        /// The line, from 1 on.
        line: usize,
    },
    /// A text without a key, with which every ticket would be refused.
    #[error("it has no key; have a pair made with `mint --new-key` and put the public line here")]
    Empty,
}

/// The reason for which a file is no key ring.
#[derive(Debug, Error)]
pub enum KeyRingFileError {
    /// The file is missing, or cannot be read as text.
    #[error("the key ring {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The path leads to something else than a file.
    #[error("the key ring {} is not a file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is too long.
    #[error("the key ring {} has more than {KEY_RING_BYTES_MAX} bytes", path.display())]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// The text is no key ring.
    #[error("the key ring {} cannot be used: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: KeyRingError,
    },
}

impl KeyRing {
    /// Reads the key ring in a file. Others may read the file: public keys are no secret.
    ///
    /// # Errors
    /// When the file cannot be read, is too long, or has no good key ring in it.
    pub fn read(path: &Path) -> Result<Self, KeyRingFileError> {
        let own = || path.to_owned();
        let unread = |source| KeyRingFileError::Read { path: own(), source };
        // A pipe would let the open wait for a writer.
        if !fs::metadata(path).map_err(unread)?.is_file() {
            return Err(KeyRingFileError::NoFile { path: own() });
        }
        let mut text = String::new();
        let file = File::open(path).map_err(unread)?;
        file.take(KEY_RING_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unread)?;
        if text.len() > KEY_RING_BYTES_MAX {
            return Err(KeyRingFileError::Long { path: own() });
        }
        Self::parse(&text).map_err(|source| KeyRingFileError::Text { path: own(), source })
    }

    /// The key ring that a text describes.
    ///
    /// # Errors
    /// When a line is neither a key nor a comment, when an id or a key is there twice, when there are none or too many
    /// keys, and when there is a secret key, even in a comment.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        // The whole text is searched first: a secret must be named even if a line before it is wrong.
        if let Some(before) = text.lines().position(|line| SECRET_MARKS.iter().any(|mark| line.contains(mark))) {
            return Err(KeyRingError::Secret { line: before + 1 });
        }
        let mut keys: Vec<(usize, Key)> = Vec::new();
        // Some editors put a mark in front of a text, which nobody sees.
        for (line, content) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let key = Key::parse(content, line)?;
            for (first, other) in &keys {
                if other.id == key.id {
                    return Err(KeyRingError::SameId { line, first: *first });
                }
                if other.public == key.public {
                    return Err(KeyRingError::SameKey { line, first: *first });
                }
            }
            if keys.len() == KEYS_MAX {
                return Err(KeyRingError::Many { line });
            }
            keys.push((line, key));
        }
        if keys.is_empty() {
            return Err(KeyRingError::Empty);
        }
        Ok(Self(keys.into_iter().map(|(_, key)| key).collect()))
    }

    /// The ids of the keys, in the order of their lines.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// The key of this id.
    pub(super) fn key(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The key, when there is no other one.
    pub(super) fn only_key(&self) -> Option<&Key> {
        match self.0.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }
}

impl Key {
    /// The key on a line that is no comment.
    fn parse(content: &str, line: usize) -> Result<Self, KeyRingError> {
        let mut words = content.split_whitespace();
        let (Some(id), Some(paserk), None) = (words.next(), words.next(), words.next()) else {
            return Err(KeyRingError::Words { line });
        };
        if !is_key_id(id) {
            return Err(KeyRingError::Id { line });
        }
        let public = AsymmetricPublicKey::<V4>::try_from(paserk).map_err(|_| KeyRingError::Key { line })?;
        // The format is good for any 32 bytes; half of them are no key, and with a few of them anybody can sign.
        let is_usable = PublicKey::from_slice(public.as_bytes()).is_ok_and(|key| key.validate().is_ok());
        if is_usable { Ok(Self { id: id.to_owned(), public }) } else { Err(KeyRingError::Key { line }) }
    }
}

/// Whether a text can be the id of a key.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=KEY_ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::super::new_key;
    use super::*;

    fn line(id: &str) -> String {
        new_key(id).unwrap().public_line
    }

    #[test]
    fn keys_are_read_between_comments_and_empty_lines() {
        let text = format!("\u{feff}# old\n\n  {}  \r\n\t# new\n{}\n", line("a"), line("b.2"));
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), ["a", "b.2"]);
        assert!(ring.key("a").is_some() && ring.key("c").is_none() && ring.only_key().is_none());
        assert_eq!(KeyRing::parse(&line("a")).unwrap().only_key().map(|key| key.id.as_str()), Some("a"));
    }

    #[test]
    fn sixteen_keys_fit_and_one_more_does_not() {
        let lines: Vec<String> = (0..=KEYS_MAX).map(|number| line(&number.to_string())).collect();
        assert_eq!(KeyRing::parse(&lines[..KEYS_MAX].join("\n")).unwrap().ids().count(), KEYS_MAX);
        assert_eq!(KeyRing::parse(&lines.join("\n")).unwrap_err(), KeyRingError::Many { line: KEYS_MAX + 1 });
    }

    #[test]
    fn a_line_that_is_wrong_is_named_without_its_content() {
        let (a, b) = (line("a"), line("b"));
        let key = a.split(' ').nth(1).unwrap();
        // 32 bytes whose y is no point's, and the point of order 1.
        let no_point = "k4.public.AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let weak = "k4.public.AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let secret = new_key("s").unwrap().secret.to_line();
        for (text, expected) in [
            (String::new(), KeyRingError::Empty),
            ("# only a comment\n".into(), KeyRingError::Empty),
            (format!("{a}\nb"), KeyRingError::Words { line: 2 }),
            (format!("{a} # mine"), KeyRingError::Words { line: 1 }),
            (format!("ké {key}"), KeyRingError::Id { line: 1 }),
            (format!("{} {key}", "k".repeat(KEY_ID_LEN_MAX + 1)), KeyRingError::Id { line: 1 }),
            (format!("a {}", &key[..key.len() - 1]), KeyRingError::Key { line: 1 }),
            (format!("a {}", key.replace("k4", "k2")), KeyRingError::Key { line: 1 }),
            (format!("a {}", key.replace("public", "local")), KeyRingError::Key { line: 1 }),
            (format!("a {no_point}"), KeyRingError::Key { line: 1 }),
            (format!("a {weak}"), KeyRingError::Key { line: 1 }),
            (format!("{a}\n\n{}", b.replace("b ", "a ")), KeyRingError::SameId { line: 3, first: 1 }),
            (format!("{a}\nb {key}"), KeyRingError::SameKey { line: 2, first: 1 }),
            (format!("{a}\nwrong\n{secret}"), KeyRingError::Secret { line: 3 }),
            (format!("{a}\n-----BEGIN PRIVATE KEY-----"), KeyRingError::Secret { line: 2 }),
            (format!("{a}\n# {secret}"), KeyRingError::Secret { line: 2 }),
        ] {
            let error = KeyRing::parse(&text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains(&key[10..]), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let path = std::env::temp_dir().join(format!("tickwire-key-ring-{}", std::process::id()));
        fs::write(&path, format!("{}\nsecret words of mine", line("a"))).unwrap();
        let error = KeyRing::read(&path).unwrap_err().to_string();
        assert!(error.contains("tickwire-key-ring-") && error.contains("line 2"), "{error}");
        assert!(!error.contains("words of mine"), "{error}");
        fs::write(&path, line("a")).unwrap();
        assert_eq!(KeyRing::read(&path).unwrap().ids().count(), 1);
        fs::write(&path, "#".repeat(KEY_RING_BYTES_MAX + 1)).unwrap();
        assert!(matches!(KeyRing::read(&path), Err(KeyRingFileError::Long { .. })));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(KeyRing::read(&path), Err(KeyRingFileError::Read { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(KeyRing::read(&path), Err(KeyRingFileError::Read { .. })));
        assert!(matches!(KeyRing::read(&std::env::temp_dir()), Err(KeyRingFileError::NoFile { .. })));
    }
}

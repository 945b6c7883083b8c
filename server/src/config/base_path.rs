//! The path under which a server is reached, as an operator sets it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Bytes of the longest path.
const PATH_BYTES_MAX: usize = 200;

/// Paths for checks of health, which stay at the root.
const TAKEN: [&str; 2] = ["/healthz", "/readyz"];

/// A path such as `/play`: it begins with a slash and does not end with one. The root is the empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BasePath(String);

/// The text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a path for the server, such as /play or /games/play: it begins with a slash, and has letters, \
     digits, - . _ and ~ between slashes; /healthz and /readyz are taken"
)]
pub struct BasePathError(String);

impl BasePath {
    /// The path of a request below this one, which begins with a slash. It is empty for this path itself without its
    /// slash, and `None` for a path outside.
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.is_root() {
            return Some(path);
        }
        path.strip_prefix(&*self.0).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether everything is below the path.
    pub(crate) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(is_letter);
        let has_names = |names: &str| names.split('/').all(is_name);
        let is_path = path.is_empty() || path.strip_prefix('/').is_some_and(has_names);
        let is_free = !TAKEN.contains(&path) && !text.is_empty() && path.len() <= PATH_BYTES_MAX;
        (is_path && is_free).then(|| Self(path.to_owned()))
    }
}

impl FromStr for BasePath {
    type Err = BasePathError;

    fn from_str(text: &str) -> Result<Self, BasePathError> {
        Self::parse(text).ok_or_else(|| BasePathError(text.to_owned()))
    }
}

impl TryFrom<String> for BasePath {
    type Error = BasePathError;

    fn try_from(text: String) -> Result<Self, BasePathError> {
        text.parse()
    }
}

impl From<BasePath> for String {
    fn from(path: BasePath) -> Self {
        if path.is_root() { "/".into() } else { path.0 }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_slash_in_front_and_none_at_its_end() {
        for (text, expected) in [("/", ""), ("/play", "/play"), ("/play/", "/play"), ("/a/b-c.d_e~f/", "/a/b-c.d_e~f")]
        {
            assert_eq!(text.parse::<BasePath>().map(|path| path.to_string()), Ok(expected.into()), "{text}");
        }
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
        let wrong = ["", "play", "//", "//play", "/a//b", "/play//", "/..", "/a/./b", "/a b", "/a%20b", "/ä", "/a?b"];
        for text in wrong.into_iter().chain(["https://play.example/play", "/healthz", "/readyz/", &long]) {
            let refused = text.parse::<BasePath>().map_err(|error| error.to_string());
            assert!(refused.is_err_and(|error| error.contains("such as /play")), "{text:?}");
        }
    }

    #[test]
    fn a_request_is_below_the_path_or_outside_of_it() {
        let path: BasePath = "/play".parse().unwrap();
        let cases = [
            ("/play", Some("")),
            ("/play/", Some("/")),
            ("/play/api/rooms", Some("/api/rooms")),
            ("/play/play/", Some("/play/")),
            ("/", None),
            ("/player", None),
            ("/api/rooms", None),
        ];
        for (asked, expected) in cases {
            assert_eq!(path.strip(asked), expected, "{asked}");
        }
        assert_eq!(
            ["/api/rooms", "*", ""].map(|path| BasePath::default().strip(path)),
            [Some("/api/rooms"), Some("*"), Some("")]
        );
    }
}

//! The token by which services publish: read from a file at the start, compared in constant time, never shown.
//!
//! The file belongs to the server's user or to root, and users besides them and the file's group may not read it. It may
//! be a link, as secrets that a cluster mounts are.

use crate::secret_file::{self, SecretFileError};
use std::fmt;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// Characters of a token at the least: fewer could be guessed.
const TOKEN_LEN_MIN: usize = 16;

/// Characters of a token at the most: a request head has room for them.
const TOKEN_LEN_MAX: usize = 1_024;

/// The scheme of the header `Authorization` that carries the token.
const SCHEME: &str = "Bearer";

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServiceToken(Vec<u8>);

impl fmt::Debug for ServiceToken {
    /// Without the characters: a log must not show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken(..)")
    }
}

/// The reason for which a file cannot be used as that of a token. No reason has the file's content in it.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read, or is open to other users.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The token is too short or too long.
    #[error("the token in {} has {len} characters; it has to have {TOKEN_LEN_MIN} to {TOKEN_LEN_MAX}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its characters.
        len: usize,
    },
    /// The token has characters that no header can carry.
    #[error("the token in {} has other characters than letters, digits and signs of ASCII", path.display())]
    Characters {
        /// The file.
        path: PathBuf,
    },
}

impl ServiceToken {
    /// Reads the token in a file. Spaces and lines around it do not count.
    ///
    /// # Errors
    /// When the file cannot be read, is open to other users, or has no good token in it.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let own = || path.to_owned();
        let content = secret_file::read(path, 2 * TOKEN_LEN_MAX)?;
        let token = content.trim_ascii();
        if !(TOKEN_LEN_MIN..=TOKEN_LEN_MAX).contains(&token.len()) {
            return Err(TokenError::Length { path: own(), len: token.len() });
        }
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(TokenError::Characters { path: own() });
        }
        Ok(Self(token.to_vec()))
    }

    /// Whether the value of a header `Authorization` carries the token. The time that it takes tells nothing about the
    /// token but its length.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, given)) = authorization.split_at_checked(SCHEME.len()) else { return false };
        let is_bearer = scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && given.starts_with(b" ");
        is_bearer && bool::from(self.0.ct_eq(given.trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "0123456789abcdef";

    /// The outcome of reading a file with this content and these permissions.
    fn read(name: &str, content: &str, mode: u32) -> Result<ServiceToken, TokenError> {
        let path = std::env::temp_dir().join(format!("tickwire-token-{name}-{}", std::process::id()));
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let outcome = ServiceToken::read(&path);
        fs::remove_file(&path).unwrap();
        outcome
    }

    #[test]
    fn a_token_is_read_without_the_lines_around_it() {
        for (name, content) in
            [("plain", TOKEN.into()), ("line", format!("{TOKEN}\n")), ("lines", format!("\n{TOKEN} \r\n"))]
        {
            for mode in [0o600, 0o400, 0o640] {
                assert_eq!(read(name, &content, mode).unwrap(), ServiceToken(TOKEN.into()), "{content:?}");
            }
        }
    }

    #[test]
    fn a_file_that_is_open_to_others_or_has_no_good_token_is_refused_without_its_content() {
        let long = "a".repeat(TOKEN_LEN_MAX + 1);
        for (name, content, mode, expected) in [
            ("others", TOKEN, 0o644, "mode 644"),
            ("group", TOKEN, 0o620, "mode 620"),
            ("others-write", TOKEN, 0o602, "mode 602"),
            ("short", "hidden-of-fifte", 0o600, "15 characters"),
            ("empty", "\n", 0o600, "0 characters"),
            ("long", &long, 0o600, "1025 characters"),
            ("space", "hidden with a space", 0o600, "other characters"),
            ("accent", "hiddén-with-an-accent", 0o600, "other characters"),
        ] {
            let error = read(name, content, mode).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hidd") && !error.contains(TOKEN), "{error}");
        }
        let folder = std::env::temp_dir();
        assert!(matches!(ServiceToken::read(&folder), Err(TokenError::File(SecretFileError::NoFile { .. }))));
        assert!(matches!(
            ServiceToken::read(&folder.join("tickwire-no-such-token")),
            Err(TokenError::File(SecretFileError::Read { .. }))
        ));
    }

    #[test]
    fn only_the_header_with_the_very_token_carries_it() {
        let token = ServiceToken(TOKEN.into());
        for good in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef", "BEARER   0123456789abcdef "] {
            assert!(token.is_in(good.as_bytes()), "{good}");
        }
        for bad in ["", "Bearer", "Bearer ", TOKEN, "Bearer 0123456789abcdeF", "Bearer 0123456789abcde"] {
            assert!(!token.is_in(bad.as_bytes()), "{bad}");
        }
        for bad in ["Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Bearer0123456789abcdef", "Bearér 0"] {
            assert!(!token.is_in(bad.as_bytes()), "{bad}");
        }
        assert_eq!(format!("{token:?}"), "ServiceToken(..)");
    }
}

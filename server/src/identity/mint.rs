//! Minting: new keys, and tickets for trying a server out. A studio's own backend does the same in its own language.
//!
//! The file of a secret key has one line, the id of the key and the key as PASERK: `KEY-ID k4.secret.…`.

use super::claims::{BadClaim, Payload, TicketClaims};
use super::key_ring::is_key_id;
use super::ticket::{IMPLICIT_ASSERTION, TICKET_LIFETIME_S_MAX};
use crate::secret_file::{self, SecretFileError};
use pasetors::keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate};
use pasetors::paserk::FormatAsPaserk;
use pasetors::version4::{PublicToken, V4};
use std::fmt;
use std::path::Path;
use thiserror::Error;
use tickwire::limits::TICKET_BYTES_MAX;

/// Seconds from the issue of a ticket to its end unless others are asked for: the time to open a page and join.
pub const TICKET_LIFETIME_S_DEFAULT: u64 = 60;

const _: () = assert!(TICKET_LIFETIME_S_DEFAULT <= TICKET_LIFETIME_S_MAX, "the server takes what is minted by default");

/// Bytes of the file of a secret key at the most: an id, a PASERK of 96 characters, and spaces and lines around them.
const SECRET_KEY_BYTES_MAX: usize = 1_024;

/// The way in which the PASERK of a seed that starts with 66 zero bits begins. No random seed does, and the library's
/// answer to a seed of zeros is a panic.
const ZERO_START: &str = "k4.secret.AAAAAAAAAAA";

/// A secret key and its id.
#[derive(Clone)]
pub struct SecretKey {
    id: String,
    key: AsymmetricSecretKey<V4>,
}

/// A pair of keys that was just made.
#[derive(Debug, Clone)]
pub struct MintedKey {
    /// The line for the key ring of a server.
    pub public_line: String,
    /// The key for the backend.
    pub secret: SecretKey,
}

/// The reason for which a file has no secret key. No reason has anything of the file in it.
#[derive(Debug, Error)]
pub enum SecretKeyError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file is not one line of two words.
    #[error("it is not the one line `KEY-ID k4.secret.…` that `mint --new-key` writes")]
    Words,
    /// The id is too long, or has other characters than ids have.
    #[error("the key id has other characters than letters, digits, `-`, `_` and `.`, or too many of them")]
    Id,
    /// The key is no PASERK of a secret key.
    #[error("the key is not a PASERK `k4.secret.` with 86 characters behind it that belong together")]
    Key,
}

/// The reason for which no ticket was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MintError {
    /// The server would refuse a claim.
    #[error("the claim `{name}` breaks its rule")]
    Claim {
        /// The claim, as tickets name it.
        name: &'static str,
    },
    /// The server would refuse the lifetime.
    #[error("a ticket lasts 1 to {TICKET_LIFETIME_S_MAX} seconds, and not {seconds}")]
    Lifetime {
        /// Seconds that were asked for.
        seconds: u64,
    },
}

impl From<BadClaim> for MintError {
    fn from(BadClaim(name): BadClaim) -> Self {
        Self::Claim { name }
    }
}

impl fmt::Debug for SecretKey {
    /// Without the key: a log must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SecretKey {
    /// Reads the key in a file that no others may read.
    ///
    /// # Errors
    /// When the file cannot be read, is open to other users, or has no good key in it.
    pub fn read(path: &Path) -> Result<Self, SecretKeyError> {
        let content = secret_file::read(path, SECRET_KEY_BYTES_MAX)?;
        Self::parse(str::from_utf8(&content).map_err(|_| SecretKeyError::Words)?)
    }

    /// The key that the content of a file describes.
    ///
    /// # Errors
    /// When it is not an id and a secret key.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let mut words = text.split_whitespace();
        let (Some(id), Some(paserk), None) = (words.next(), words.next(), words.next()) else {
            return Err(SecretKeyError::Words);
        };
        if !is_key_id(id) {
            return Err(SecretKeyError::Id);
        }
        if paserk.starts_with(ZERO_START) {
            return Err(SecretKeyError::Key);
        }
        let key = AsymmetricSecretKey::<V4>::try_from(paserk).map_err(|_| SecretKeyError::Key)?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// The line of the key's file. It is the secret: nothing but that file may have it.
    #[must_use]
    pub fn to_line(&self) -> String {
        line(&self.id, &self.key)
    }

    /// The line for the key ring of a server.
    #[must_use]
    pub fn to_public_line(&self) -> String {
        let public = AsymmetricPublicKey::<V4>::try_from(&self.key).expect("a secret key ends with its public half");
        line(&self.id, &public)
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A new pair of keys from the operating system's random numbers; `None` when `id` cannot be the id of a key.
///
/// # Panics
/// When the operating system has no random numbers: nothing secret could be made then.
#[must_use]
pub fn new_key(id: &str) -> Option<MintedKey> {
    if !is_key_id(id) {
        return None;
    }
    let pair = AsymmetricKeyPair::<V4>::generate().expect("a pair that was just made is one");
    Some(MintedKey { public_line: line(id, &pair.public), secret: SecretKey { id: id.to_owned(), key: pair.secret } })
}

/// A ticket with these claims, from the unix time `now_s` on for `seconds`. No other ticket of the key may have the
/// same `jti`.
///
/// # Errors
/// When the server would refuse a claim or the lifetime.
pub fn mint(
    secret: &SecretKey,
    claims: &TicketClaims,
    seconds: u64,
    now_s: u64,
    jti: &str,
) -> Result<String, MintError> {
    if !(1..=TICKET_LIFETIME_S_MAX).contains(&seconds) {
        return Err(MintError::Lifetime { seconds });
    }
    let payload = Payload {
        claims: claims.clone(),
        jti: jti.to_owned(),
        issued_at_s: now_s,
        not_before_s: None,
        expires_at_s: now_s.saturating_add(seconds),
    };
    let token = sign(secret, &payload.to_json()?, true);
    assert!(token.len() <= TICKET_BYTES_MAX, "claims that keep their rules fit into a token");
    Ok(token)
}

/// A token with this payload, with or without the id of the key.
pub(super) fn sign(secret: &SecretKey, payload: &[u8], names_key: bool) -> String {
    // An id has no character that JSON would escape.
    let footer = format!(r#"{{"kid":"{}"}}"#, secret.id);
    let footer = names_key.then_some(footer.as_bytes());
    PublicToken::sign(&secret.key, payload, footer, Some(IMPLICIT_ASSERTION)).expect("a good key signs any payload")
}

fn line(id: &str, key: &impl FormatAsPaserk) -> String {
    let mut line = format!("{id} ");
    key.fmt(&mut line).expect("a string takes in any text");
    line
}

#[cfg(test)]
mod tests {
    use super::super::TicketRole;
    use super::*;

    #[test]
    fn a_secret_key_is_read_from_its_own_line_and_never_shown() {
        let minted = new_key("login-2").unwrap();
        let line = minted.secret.to_line();
        let read = SecretKey::parse(&format!("\n{line} \r\n")).unwrap();
        assert_eq!((read.id(), read.to_line()), ("login-2", line.clone()));
        assert_eq!(format!("{read:?}"), r#"SecretKey { id: "login-2", .. }"#);
        let shown = format!("{minted:?}");
        assert!(!shown.contains("k4.secret") && !shown.contains(&line[20..]), "{shown}");
    }

    #[test]
    fn other_contents_are_no_secret_key_and_are_not_shown() {
        let minted = new_key("a").unwrap();
        let line = minted.secret.to_line();
        let mut flipped = line.clone();
        // The seed and the public key behind it no longer belong together.
        let replaced = if &line[20..21] == "A" { "B" } else { "A" };
        flipped.replace_range(20..21, replaced);
        let zero = format!("a k4.secret.{}", "A".repeat(86));
        for text in [
            "",
            "a",
            "a b c",
            &line[2..],
            &line[..line.len() - 1],
            &flipped,
            &minted.public_line,
            &zero,
            "é k4.secret.A",
        ] {
            let error = SecretKey::parse(text).unwrap_err().to_string();
            assert!(!error.contains(&line[20..40]), "{error}");
        }
    }

    #[test]
    fn the_published_key_is_read_as_its_public_half_is() {
        // Test vector `k4.secret-2` of PASERK, which names the public half too.
        let secret = "k4.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8c5WpIyC_5kWKhS8VEYSZ05dYfuTF-ZdQFV4D9vLTcNQ";
        let key = SecretKey::parse(&format!("a {secret}")).unwrap();
        assert_eq!(key.to_public_line(), "a k4.public.HOVqSMgv-ZFioUvFRGEmdOXWH7kxfmXUBVeA_by03DU");
        assert_eq!(key.to_line(), format!("a {secret}"));
    }

    #[test]
    fn nothing_is_minted_that_the_server_would_refuse() {
        let secret = new_key("a").unwrap().secret;
        let good = TicketClaims { identity: "ada".into(), ..TicketClaims::default() };
        for seconds in [0, TICKET_LIFETIME_S_MAX + 1, u64::MAX] {
            assert_eq!(mint(&secret, &good, seconds, 0, "1"), Err(MintError::Lifetime { seconds }));
        }
        for (name, claims, now_s, jti) in [
            ("sub", TicketClaims::default(), 0, "1"),
            ("name", TicketClaims { name: Some("a\nb".into()), ..good.clone() }, 0, "1"),
            ("room", TicketClaims { room: Some("abc234".into()), ..good.clone() }, 0, "1"),
            ("jti", good.clone(), 0, ""),
            ("iat", good, u64::MAX / 4, "1"),
        ] {
            assert_eq!(mint(&secret, &claims, 60, now_s, jti), Err(MintError::Claim { name }));
        }
        assert!(new_key("").is_none() && new_key("a b").is_none());
    }

    #[test]
    fn the_longest_claims_fit_into_a_token() {
        let secret = new_key(&"k".repeat(64)).unwrap().secret;
        for character in ["😀", "\"", "\\"] {
            let [text, name] = [64, 96].map(|bytes| character.repeat(bytes / character.len()));
            let claims = TicketClaims {
                identity: text.clone(),
                name: Some(name),
                room: Some("ABC234".into()),
                role: TicketRole::Spectator,
                rating: Some(u16::MAX),
            };
            assert!(mint(&secret, &claims, 60, 253_000_000_000, &text).unwrap().len() <= TICKET_BYTES_MAX);
        }
    }
}

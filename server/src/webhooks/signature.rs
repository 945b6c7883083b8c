//! Signatures of Standard Webhooks 1.0.0: `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.
//!
//! While a secret is replaced an endpoint has two of them: each signs, and a receiver that knows either accepts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use thiserror::Error;

/// Bytes of a secret at the least and at the most, as the specification says.
pub(crate) const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets of an endpoint at the most: the one in use, the one before, and one to spare.
pub(crate) const SECRETS_MAX: usize = 3;

/// The text before the base64 of a secret.
const PREFIX: &str = "whsec_";

/// The header with the id.
pub(crate) const ID_HEADER: &str = "webhook-id";

/// The header with the time of the attempt, in seconds since 1970.
pub(crate) const TIMESTAMP_HEADER: &str = "webhook-timestamp";

/// The header with the signatures.
pub(crate) const SIGNATURE_HEADER: &str = "webhook-signature";

/// A secret that an endpoint and the server share.
#[derive(Clone)]
pub(crate) struct SigningSecret(Hmac<Sha256>);

impl fmt::Debug for SigningSecret {
    /// Without the key: a log must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// The reason for which a text is not a secret. No reason has the text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum SecretError {
    /// The text does not begin as a secret does.
    #[error("a secret of webhooks begins with {PREFIX}")]
    Prefix,
    /// The rest is no base64.
    #[error("the part of a secret after {PREFIX} has to be base64, with padding")]
    Base64,
    /// The secret is too short or too long.
    #[error("a secret of webhooks has {} to {} bytes, and not {len}", SECRET_BYTES.start(), SECRET_BYTES.end())]
    Length {
        /// Its bytes.
        len: usize,
    },
}

impl SigningSecret {
    /// Reads `whsec_` and the base64 of the key. Spaces and lines around it do not count.
    ///
    /// # Errors
    /// When the text is something else, or the key is too short or too long.
    pub(crate) fn parse(text: &str) -> Result<Self, SecretError> {
        let key = text.trim().strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let key = STANDARD.decode(key).map_err(|_| SecretError::Base64)?;
        if !SECRET_BYTES.contains(&key.len()) {
            return Err(SecretError::Length { len: key.len() });
        }
        Ok(Self(Hmac::new_from_slice(&key).expect("an HMAC takes a key of any length")))
    }

    fn mac(&self, id: &str, timestamp_s: u64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        mac
    }
}

/// The value of the header with the signatures: one for each secret, with spaces between.
#[must_use]
pub(crate) fn sign(secrets: &[SigningSecret], id: &str, timestamp_s: u64, body: &[u8]) -> String {
    let signature = |secret: &SigningSecret| {
        let mac = secret.mac(id, timestamp_s, body).finalize().into_bytes();
        format!("v1,{}", STANDARD.encode(mac))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// Whether a receiver that knows this secret accepts the request at the time `now_s`.
#[cfg(test)]
pub(super) fn accepts(secret: &SigningSecret, headers: (&str, u64, &str), body: &[u8], now_s: u64) -> bool {
    const TOLERANCE_S: u64 = 300;
    let (id, timestamp_s, signatures) = headers;
    let mut given = signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let is_known = |given: Vec<u8>| secret.mac(id, timestamp_s, body).verify_slice(&given).is_ok();
    now_s.abs_diff(timestamp_s) <= TOLERANCE_S && given.any(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the reference library in Rust tests `sign` with: standard-webhooks/standard-webhooks,
    /// libraries/rust/src/lib.rs.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const TIMESTAMP_S: u64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(sign(&[secret], ID, TIMESTAMP_S, BODY), SIGNATURE);
    }

    #[test]
    fn each_secret_signs_and_a_receiver_with_either_accepts() {
        let new = SigningSecret::parse("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0").unwrap();
        let old = SigningSecret::parse(SECRET).unwrap();
        let other = SigningSecret::parse("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM1").unwrap();
        let both = sign(&[new.clone(), old.clone()], ID, TIMESTAMP_S, BODY);
        assert_eq!(both.split(' ').nth(1), Some(SIGNATURE));
        for (secret, accepted) in [(&new, true), (&old, true), (&other, false)] {
            assert_eq!(accepts(secret, (ID, TIMESTAMP_S, &both), BODY, TIMESTAMP_S), accepted);
        }
    }

    #[test]
    fn a_changed_body_id_time_or_signature_is_not_accepted() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let accepts = |headers, body: &[u8], now_s| accepts(&secret, headers, body, now_s);
        assert!(accepts((ID, TIMESTAMP_S, SIGNATURE), BODY, TIMESTAMP_S + 300));
        assert!(!accepts((ID, TIMESTAMP_S, SIGNATURE), BODY, TIMESTAMP_S + 301), "an old request");
        assert!(!accepts((ID, TIMESTAMP_S + 1, SIGNATURE), BODY, TIMESTAMP_S), "another time");
        assert!(!accepts(("msg_2", TIMESTAMP_S, SIGNATURE), BODY, TIMESTAMP_S), "another id");
        for place in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[place] ^= 1;
            assert!(!accepts((ID, TIMESTAMP_S, SIGNATURE), &body, TIMESTAMP_S), "byte {place}");
        }
        for place in 3..SIGNATURE.len() - 1 {
            let mut signature = SIGNATURE.to_owned();
            let other = if signature.as_bytes()[place] == b'A' { "B" } else { "A" };
            signature.replace_range(place..=place, other);
            assert!(!super::accepts(&secret, (ID, TIMESTAMP_S, &signature), BODY, TIMESTAMP_S), "{signature}");
        }
    }

    #[test]
    fn a_text_that_is_no_secret_is_refused_and_none_is_shown() {
        for (text, expected) in [
            ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", SecretError::Prefix),
            ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o", SecretError::Base64),
            ("whsec_C2FVsBQI hrscChlQIMV+b5sSYspob7oD", SecretError::Base64),
            ("whsec_", SecretError::Length { len: 0 }),
            ("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM=", SecretError::Length { len: 23 }),
        ] {
            assert_eq!(SigningSecret::parse(text).unwrap_err(), expected, "{text}");
        }
        let longest = |len| SigningSecret::parse(&format!("{PREFIX}{}", STANDARD.encode(vec![7; len])));
        assert!(longest(64).is_ok() && longest(65).is_err());
        assert_eq!(format!("{:?}", SigningSecret::parse(&format!(" {SECRET}\n")).unwrap()), "SigningSecret(..)");
    }
}

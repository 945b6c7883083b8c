//! The keys that the nodes of a service share, and the macs that begin with them.
//!
//! Each mac covers its direction and the name of the service before anything else, so that no two messages of different
//! meaning have the same bytes under it.

use super::{AnswerKey, Nonce};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::iter::once;
use std::ops::RangeInclusive;
use thiserror::Error;

/// Bytes of a key.
const PEER_KEY_BYTES: RangeInclusive<usize> = 32..=128;

/// Keys of a file at the most: the one in use, the one before or after it, and one to spare.
pub(crate) const PEER_KEYS_MAX: usize = 3;

/// The beginnings of the bytes under a mac, one for each direction. Neither is the beginning of the other.
const HAIL_LABEL: &[u8] = b"TWP1 hail";
const ANSWER_LABEL: &[u8] = b"TWP1 answer";

/// The bytes under the mac of a second answer, between the first answer and itself.
pub(super) const SECOND_LABEL: &[u8] = b"TWP1 second";

/// The reason for which the content of a file is no list of keys. No reason has the content in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum KeyFault {
    /// There is no key.
    #[error("there is no key")]
    Empty,
    /// There are too many keys.
    #[error("line {line} has a key, and there are {PEER_KEYS_MAX} before it, which is the most")]
    TooMany {
        /// The line of the first key too many.
        line: usize,
    },
    /// A key is too short or too long.
    #[error("the key in line {line} has {len} bytes; {} to {} are good", PEER_KEY_BYTES.start(), PEER_KEY_BYTES.end())]
    Length {
        /// Its line.
        line: usize,
        /// Its bytes.
        len: usize,
    },
    /// A key has bytes that cannot be read on a screen.
    #[error("the key in line {line} has other characters than letters, digits and signs of ASCII")]
    Characters {
        /// Its line.
        line: usize,
    },
}

/// A key, as the beginnings of the macs of one service that are made with it.
#[derive(Clone)]
pub(super) struct PeerKey {
    hail: Hmac<Sha256>,
    answer: Hmac<Sha256>,
}

impl PeerKey {
    fn new(key: &[u8], service: &str) -> Self {
        let begin = |label| {
            let mac = Hmac::new_from_slice(key).expect("an HMAC takes a key of any length");
            mac.chain_update(label).chain_update((service.len() as u64).to_le_bytes()).chain_update(service)
        };
        Self { hail: begin(HAIL_LABEL), answer: begin(ANSWER_LABEL) }
    }

    /// The macs of a hail and of its answer, with everything before the messages taken in.
    pub(super) fn macs(&self, owner: &Nonce, relay: &Nonce) -> (Hmac<Sha256>, AnswerKey) {
        let with_nonces = |mac: &Hmac<Sha256>| mac.clone().chain_update(owner).chain_update(relay);
        (with_nonces(&self.hail), AnswerKey::new(with_nonces(&self.answer)))
    }
}

/// The keys that the nodes of a service share: the first one signs, and all of them verify.
///
/// So a key can be replaced in three steps, each at all nodes before the next: the new key becomes the last of the
/// file, then the first, and then the old one is left out.
#[derive(Clone)]
pub(crate) struct PeerKeys {
    signing: PeerKey,
    others: Vec<PeerKey>,
}

impl fmt::Debug for PeerKeys {
    /// Without the keys: a log must not show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerKeys(..)")
    }
}

impl PeerKeys {
    /// Reads the content of a file with a key in each line. Spaces around a key, empty lines and lines that begin with
    /// `#` do not count. The keys are good for peers of the same service alone.
    ///
    /// # Errors
    /// When there is no key, too many keys, or a key that is too short, too long or not of visible ASCII.
    pub(crate) fn parse(file: &[u8], service: &str) -> Result<Self, KeyFault> {
        let (mut signing, mut others) = (None, Vec::new());
        for (line, key) in (1..).zip(file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)) {
            if key.is_empty() || key.starts_with(b"#") {
                continue;
            }
            if !PEER_KEY_BYTES.contains(&key.len()) {
                return Err(KeyFault::Length { line, len: key.len() });
            }
            // A space would be the beginning of a remark, which must not become a part of the key.
            if !key.iter().all(u8::is_ascii_graphic) {
                return Err(KeyFault::Characters { line });
            }
            match signing {
                None => signing = Some(PeerKey::new(key, service)),
                Some(_) if others.len() + 1 < PEER_KEYS_MAX => others.push(PeerKey::new(key, service)),
                Some(_) => return Err(KeyFault::TooMany { line }),
            }
        }
        Ok(Self { signing: signing.ok_or(KeyFault::Empty)?, others })
    }

    /// The key that signs.
    pub(super) fn signing(&self) -> &PeerKey {
        &self.signing
    }

    /// The keys that verify.
    pub(super) fn all(&self) -> impl Iterator<Item = &PeerKey> {
        once(&self.signing).chain(&self.others)
    }
}

//! The part of a resume token that a room keeps: enough to know the token again, too little to make it.
//!
//! A room that is kept on disk keeps the digests of its tokens with it. A reader of such a file can take nobody's seat
//! with it.

use bincode::{Decode, Encode};
use sha2::{Digest, Sha256};
use tickwire::message::control::ResumeToken;

/// The first 16 bytes of the SHA-256 of a token. A token has 128 random bits, so that no salt is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct TokenDigest([u8; 16]);

impl TokenDigest {
    pub(super) fn of(token: ResumeToken) -> Self {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
        Self(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_digests_of_their_own() {
        assert_eq!(TokenDigest::of([1; 16]), TokenDigest::of([1; 16]));
        assert_ne!(TokenDigest::of([1; 16]), TokenDigest::of([2; 16]));
        assert_ne!(TokenDigest::of([1; 16]).0, [1; 16]);
    }
}

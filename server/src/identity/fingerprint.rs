//! Short stand-ins for texts that are remembered: all have one length, however long the texts are.

use sha2::{Digest, Sha256};

/// Bytes of a fingerprint: so many that nobody finds two texts that share one.
pub(super) const FINGERPRINT_LEN: usize = 16;

/// The fingerprint of these parts. `purpose` keeps apart the fingerprints of different kinds of things.
pub(super) fn fingerprint(purpose: &str, parts: &[&[u8]]) -> [u8; FINGERPRINT_LEN] {
    let mut hash = Sha256::new();
    for part in [purpose.as_bytes()].iter().chain(parts) {
        // The length comes first: `ab` and `c` must not be taken for `a` and `bc`.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    *hash.finalize().first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_split_elsewhere_have_another_fingerprint() {
        let one = fingerprint("test", &[b"ab", b"c"]);
        assert_eq!(one, fingerprint("test", &[b"ab", b"c"]));
        for other in [
            fingerprint("test", &[b"a", b"bc"]),
            fingerprint("test", &[b"abc"]),
            fingerprint("test", &[b"ab", b"c", b""]),
            fingerprint("tes", &[b"tab", b"c"]),
        ] {
            assert_ne!(one, other);
        }
    }
}

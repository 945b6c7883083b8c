//! The room's secret: the key from which a room in snapshot mode draws everything that must not tell what is hidden.
//!
//! Each use has a stream of its own ([`Purpose`], a number, a time), and no stream says anything about another or about
//! the secret: the streams are ChaCha with eight rounds (Bernstein 2008), by a crate that others maintain. So the
//! result of a visible die foretells no other die, and a draw for one seat shifts no draw for another seat.
//!
//! The secret is part of the full state and of checkpoints. It never travels to a client.

use super::Rng;
use core::fmt;

/// The key of a room's secret draws: 256 bits from the operating system.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// The uses of the room's secret. Streams of two purposes have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The random numbers of a step that everyone may see the results of.
    Step = 1,
    /// The random numbers of a step for one audience.
    Hidden = 2,
    /// The choices of a bot.
    Bot = 3,
    /// The choice among free slots.
    Slot = 4,
    /// The generation that a slot begins with.
    Generation = 5,
    /// The spread of rare work over time.
    Stagger = 6,
}

impl Purpose {
    /// The number of the stream.
    pub(super) const fn stream(self, who: u32, when: u32) -> u64 {
        (self as u64) << 56 | ((who & 0x00ff_ffff) as u64) << 32 | when as u64
    }
}

impl Secret {
    /// The random numbers of the stream with this purpose and number at this time. `who` counts below 2²⁴.
    #[must_use]
    pub fn rng(&self, purpose: Purpose, who: u32, when: u32) -> Rng {
        Rng::of_secret(self.clone(), purpose.stream(who, when), 0)
    }

    /// The bytes: for a checkpoint, and nothing that a client receives.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes as a number: the seed of a room in lockstep, where nothing is hidden.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl From<[u8; 32]> for Secret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A secret of 64 bits: enough to play the same room again, too little for a room with strangers.
impl From<u64> for Secret {
    fn from(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(bytes)
    }
}

/// The secret does not print itself: a log or a panic must not show it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn streams_differ_in_purpose_number_and_time() {
        let (secret, other) = (Secret::from(7), Secret::from(8));
        let mut firsts: Vec<u64> = Vec::new();
        for purpose in [Purpose::Step, Purpose::Hidden, Purpose::Bot, Purpose::Slot] {
            for who in [0, 1, 300, 0x00ff_ffff] {
                for when in [0, 1, u32::MAX] {
                    firsts.push(secret.rng(purpose, who, when).next_u64());
                    firsts.push(other.rng(purpose, who, when).next_u64());
                }
            }
        }
        let mut sorted = firsts.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), firsts.len());
    }

    #[test]
    fn the_streams_are_those_of_chacha8() {
        // Zero key, zero nonce: eight rounds of ChaCha, by the vectors of the eSTREAM submission (`3e00ef2f…`).
        let mut rng = Rng::of_secret(Secret::from(0), 0, 0);
        assert_eq!(rng.next_u32(), 0x2fef_003e);
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::from([0xab; 32]);
        let mut rng = secret.rng(Purpose::Step, 0, 1);
        let number = rng.next_u32();
        let shown = format!("{secret:?} {rng:?}");
        assert!(!shown.contains("171") && !shown.to_lowercase().contains("ab"), "{shown}");
        assert!(!shown.contains(&format!("{number}")), "{shown}");
        assert_eq!(Secret::from(secret.seed()).seed(), secret.seed());
    }
}

//! The head of a section, byte by byte.

use std::ops::Range;

/// A section's head; `hash_at` and `body` are places in the message.
pub(super) struct Head {
    pub(super) own: bool,
    pub(super) to_end: bool,
    pub(super) index: u32,
    pub(super) age: u32,
    pub(super) hash_at: usize,
    pub(super) body: Range<usize>,
}

impl Head {
    /// Reads the head that starts at `at`.
    pub(super) fn decode(message: &[u8], mut at: usize) -> Option<Self> {
        let flags = byte(message, &mut at)?;
        let (own, to_end) = (flags % 2 == 1, flags / 2 % 2 == 1);
        let index = match flags / 16 {
            15 => varint(message, &mut at)?,
            index => u32::from(index),
        };
        let age = match flags / 4 % 4 {
            0 => 0,
            1 => 1,
            2 => varint(message, &mut at)?,
            _ => return None,
        };
        let hash_at = at;
        at += 4;
        let left = message.len().checked_sub(at)?;
        let length = if to_end { left } else { varint(message, &mut at)? as usize };
        let end = at.checked_add(length).filter(|end| *end <= message.len())?;
        Some(Self { own, to_end, index, age, hash_at, body: at..end })
    }

    /// The number that is added to the hash of the rows, so that the hashes of two empty sections differ.
    pub(super) fn salt(&self) -> u32 {
        let seed = u64::from(self.own) ^ 0x51_7c_c1_b7_27_22_0a_95;
        finish((seed.rotate_left(23) ^ u64::from(self.index)).wrapping_mul(MIX))
    }
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a row with these values, each of which comes with its leaf's factor.
pub(super) fn row_hash(slot: u16, generation: u16, values: impl Iterator<Item = (u64, u32)>) -> u32 {
    let sum = values.fold(0_u128, |sum, (key, value)| sum + u128::from(key) * u128::from(value));
    let sum = u64::try_from(sum % (1 << 64)).expect("a remainder of 64 bits");
    let id = u64::from(generation) * 65_536 + u64::from(slot);
    finish((sum.rotate_left(23) ^ id).wrapping_mul(MIX))
}

fn finish(mixed: u64) -> u32 {
    let folded = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((folded ^ (folded >> 29)) >> 32) as u32
}

fn byte(message: &[u8], at: &mut usize) -> Option<u8> {
    *at += 1;
    message.get(*at - 1).copied()
}

/// Reads a number with seven bits in each byte, the lowest first, of at most five bytes and 32 bits.
fn varint(message: &[u8], at: &mut usize) -> Option<u32> {
    let mut value = 0_u64;
    for place in 0..5 {
        let byte = byte(message, at)?;
        value += u64::from(byte % 128) << (7 * place);
        if byte < 128 {
            return u32::try_from(value).ok();
        }
    }
    None
}

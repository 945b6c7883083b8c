//! The hash of wire integers: the same natively and in WASM, summed over rows.
//!
//! The hash is not for secrets: hashes from clients are hostile input and are only ever compared.

/// The factor of a leaf in the hash of its row: odd, and unrelated to those of other leaves and tables.
#[must_use]
pub fn key(table: u32, leaf: u32) -> u64 {
    let mut mix = Mix::new(u64::from(table) << 32);
    mix.add(leaf);
    mix.wide() | 1
}

/// The hash of a row: the sum of its values, each times the key that it comes with, finished with the id (multilinear
/// hashing, Carter and Wegman 1981).
///
/// Leaves that are zero add nothing, so a row with hidden leaves, which are zero, has the hash of its visible ones. The
/// products do not wait for each other, which is most of the speed.
#[must_use]
#[inline]
pub fn row(id: crate::id::RowId, values: impl Iterator<Item = (u64, u32)>) -> u64 {
    let sum = values.fold(0_u64, |sum, (key, value)| sum.wrapping_add(key.wrapping_mul(u64::from(value))));
    row_of_sum(id, sum)
}

/// The hash of a row with the sum `sum`.
#[must_use]
#[inline]
pub const fn row_of_sum(id: crate::id::RowId, sum: u64) -> u64 {
    let mut mix = Mix(sum);
    mix.add(id.packed());
    mix.wide()
}

/// The part of a hash that is sent: its upper 32 bits.
#[must_use]
pub const fn narrow(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Mixes integers one after another (multiply and rotate, the finish folded).
#[derive(Debug, Clone, Copy)]
pub struct Mix(u64);

impl Mix {
    /// A new hash; different seeds give unrelated hashes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x51_7c_c1_b7_27_22_0a_95)
    }

    /// Mixes in the next integer.
    #[inline]
    pub const fn add(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(23) ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Mixes in the number of bytes, and then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        for byte in bytes {
            self.add(u32::from(*byte));
        }
    }

    /// The hash in 64 bits.
    #[must_use]
    pub const fn wide(self) -> u64 {
        let folded = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        folded ^ (folded >> 29)
    }
}

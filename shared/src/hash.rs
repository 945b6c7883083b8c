//! The hash of wire integers: the same natively and in WASM, summed over rows.
//!
//! Not for secrets: clients' hashes are hostile input and are only ever compared.

/// Mixes integers one after another (multiply and rotate, the finish folded).
#[derive(Debug, Clone, Copy)]
pub struct Mix(u64);

impl Mix {
    /// A fresh hash; different seeds give unrelated hashes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x51_7c_c1_b7_27_22_0a_95)
    }

    /// Mixes in the next integer.
    #[inline]
    pub const fn add(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(23) ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Mixes in bytes and their number.
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

    /// The hash in 32 bits.
    #[must_use]
    pub const fn narrow(self) -> u32 {
        (self.wide() >> 32) as u32
    }
}

//! Single bits and small integers, packed from the lowest bit of each byte.

use super::DecodeError;
use alloc::vec::Vec;

/// Packs bits into a buffer, which the caller owns and reuses.
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// A writer that appends to `out`, from a byte boundary on.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, pending_bits: 0 }
    }

    /// Appends the lowest `bits` (at most 32) bits of `value`.
    pub fn put(&mut self, value: u32, bits: u32) {
        debug_assert!(bits <= 32 && (bits == 32 || value < 1 << bits), "a value fits its bits");
        self.pending |= u64::from(value) << self.pending_bits;
        self.pending_bits = self.pending_bits.saturating_add(bits);
        if self.pending_bits >= 32 {
            let [a, b, c, d, ..] = self.pending.to_le_bytes();
            self.out.extend_from_slice(&[a, b, c, d]);
            self.pending >>= 32;
            self.pending_bits = self.pending_bits.saturating_sub(32);
        }
    }

    /// Appends one bit.
    pub fn put_bit(&mut self, bit: bool) {
        self.put(u32::from(bit), 1);
    }

    /// Appends a number of any size, small ones in few bits: groups of four bits, each followed by a bit that says
    /// whether another group follows.
    pub fn put_small(&mut self, mut value: u32) {
        while value >= 16 {
            self.put((value & 15) | 16, 5);
            value >>= 4;
        }
        self.put(value, 5);
    }

    /// Ends the bits on a byte boundary, padded with zeros.
    pub fn finish(mut self) {
        while self.pending_bits > 0 {
            let [low, ..] = self.pending.to_le_bytes();
            self.out.push(low);
            self.pending >>= 8;
            self.pending_bits = self.pending_bits.saturating_sub(8);
        }
    }
}

/// Reads the bits that a [`BitWriter`] packed.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    rest: &'a [u8],
    pending: u64,
    pending_bits: u32,
}

impl<'a> BitReader<'a> {
    /// A reader at the first bit of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, pending: 0, pending_bits: 0 }
    }

    /// The next `bits` (at most 32) bits as a number.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer bits are left.
    pub fn take(&mut self, bits: u32) -> Result<u32, DecodeError> {
        debug_assert!(bits <= 32, "values have at most 32 bits");
        while self.pending_bits < bits {
            let Some((first, rest)) = self.rest.split_first() else {
                let (needed, remaining) = (to_usize(bits), to_usize(self.pending_bits));
                return Err(DecodeError::Truncated { needed, remaining });
            };
            self.pending |= u64::from(*first) << self.pending_bits;
            self.pending_bits = self.pending_bits.saturating_add(8);
            self.rest = rest;
        }
        let mask = (1_u64 << bits).wrapping_sub(1);
        let value = self.pending & mask;
        self.pending >>= bits;
        self.pending_bits = self.pending_bits.saturating_sub(bits);
        // The mask has left at most 32 bits.
        Ok(u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// The next bit.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the bytes.
    pub fn bit(&mut self) -> Result<bool, DecodeError> {
        Ok(self.take(1)? == 1)
    }

    /// The next `bits` bits, which must not exceed `max`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or [`DecodeError::OutOfRange`].
    pub fn take_max(&mut self, bits: u32, max: u32) -> Result<u32, DecodeError> {
        let value = self.take(bits)?;
        if value > max {
            return Err(DecodeError::OutOfRange { value: u64::from(value), max: u64::from(max) });
        }
        Ok(value)
    }

    /// A number written by [`BitWriter::put_small`].
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::OutOfRange`] for more than 32 bits or an empty last group.
    pub fn small(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for shift in [0_u32, 4, 8, 12, 16, 20, 24, 28] {
            let group = self.take(5)?;
            value |= u64::from(group & 15) << shift;
            // A number has one encoding only.
            if group == 0 && shift > 0 {
                break;
            }
            if group & 16 == 0 {
                return Ok(u32::try_from(value).unwrap_or(u32::MAX));
            }
        }
        Err(DecodeError::OutOfRange { value, max: u64::from(u32::MAX) })
    }

    /// Moves on to the next whole byte; the rest of this one must be zeros.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] otherwise.
    pub const fn align(&mut self) -> Result<(), DecodeError> {
        if self.pending != 0 || self.pending_bits >= 8 {
            return Err(DecodeError::Trailing(self.rest.len()));
        }
        self.pending_bits = 0;
        Ok(())
    }

    /// Whole bytes of which no bit has been read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends the bits: the rest of the last byte must be zeros, and no byte may follow.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] otherwise: a message has one encoding only.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() && self.pending == 0 && self.pending_bits < 8 {
            Ok(())
        } else {
            Err(DecodeError::Trailing(self.rest.len()))
        }
    }
}

const fn to_usize(bits: u32) -> usize {
    bits as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_width_return_and_every_truncation_is_an_error() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        for bits in 0..=32_u32 {
            let value = u32::try_from((1_u64 << bits) - 1).unwrap();
            writer.put(value, bits);
            writer.put_bit(bits % 2 == 0);
            writer.put_small(value);
        }
        writer.finish();
        let read = |bytes: &[u8]| -> Result<(), DecodeError> {
            let mut reader = BitReader::new(bytes);
            for bits in 0..=32_u32 {
                let value = u32::try_from((1_u64 << bits) - 1).unwrap();
                assert_eq!(reader.take(bits)?, value);
                assert_eq!(reader.bit()?, bits % 2 == 0);
                assert_eq!(reader.small()?, value);
            }
            reader.finish()
        };
        assert_eq!(read(&out), Ok(()));
        for cut in 0..out.len() {
            assert!(read(&out[..cut]).is_err(), "cut at {cut}");
        }
        out.push(0);
        assert_eq!(read(&out), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn padding_must_be_zero() {
        let mut reader = BitReader::new(&[0b1000_0001]);
        assert_eq!(reader.take(1), Ok(1));
        assert!(reader.finish().is_err());
    }
}

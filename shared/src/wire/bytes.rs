//! Whole bytes: fixed integers, variable-length integers, slices.

use super::DecodeError;
use alloc::vec::Vec;

/// Reads whole bytes of a message from front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The number of bytes that have not been read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer bytes are left.
    pub fn slice(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let truncated = DecodeError::Truncated { needed: count, remaining: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the message.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated { needed: 1, remaining: 0 })?;
        self.rest = rest;
        Ok(*first)
    }

    /// A `u16`, little-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer than 2 bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.slice(2)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| (value << 8) | u16::from(*byte)))
    }

    /// A `u32`, little-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer than 4 bytes are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        let bytes = self.slice(4)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| (value << 8) | u32::from(*byte)))
    }

    /// A number in 1 to 5 bytes, seven bits each, lowest first, as written by [`put_varint`].
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::OutOfRange`] for more than 32 bits.
    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for shift in [0_u32, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let max = u64::from(u32::MAX);
                return u32::try_from(value).map_err(|_| DecodeError::OutOfRange { value, max });
            }
        }
        Err(DecodeError::OutOfRange { value, max: u64::from(u32::MAX) })
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when bytes are left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }
}

/// Appends `value` in 1 to 5 bytes, seven bits each, lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_return_and_too_long_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
            for cut in 0..out.len() {
                assert!(Reader::new(&out[..cut]).varint().is_err());
            }
        }
        assert!(Reader::new(&[0xff; 5]).varint().is_err());
        assert!(Reader::new(&[0xff; 9]).varint().is_err());
    }
}

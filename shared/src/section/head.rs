//! The head of a section: whose it is, what it leads on from, and what its rows must hash to.

use super::salt;
use crate::Seat;
use crate::limits::SECTIONS_MAX;
use crate::snapshot::Topic;
use crate::wire::{DecodeError, Reader};

/// A section as it was received, its body not read yet.
#[derive(Debug, Clone, Copy)]
pub struct SectionHead<'a> {
    /// The room's topic, or the receiver's own ([`Topic::Seat`] of whatever seat).
    pub topic: Topic,
    /// Which slot range.
    pub index: u32,
    /// Ticks back to the baseline; 0 for a keyframe.
    pub age: u32,
    /// Hash of the section's rows after the delta. Summed over a topic's sections it is what clients acknowledge.
    pub rows_hash: u32,
    /// The bits that follow.
    pub body: &'a [u8],
}

impl<'a> SectionHead<'a> {
    /// Reads a head and passes over its body.
    ///
    /// # Errors
    /// [`DecodeError`] for a truncated section, an unknown topic or an index over [`SECTIONS_MAX`].
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let topic = match reader.u8()? {
            0 => Topic::Room,
            1 => Topic::Seat(Seat::default()),
            other => return Err(DecodeError::UnknownKind(other)),
        };
        let index = reader.varint()?;
        let max = SECTIONS_MAX as u64;
        if u64::from(index) >= max {
            return Err(DecodeError::OutOfRange { value: u64::from(index), max });
        }
        let age = reader.varint()?;
        let rows_hash = reader.u32()?.wrapping_sub(salt(topic, index));
        let length = reader.varint()?;
        let body = reader.slice(usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok(Self { topic, index, age, rows_hash, body })
    }
}

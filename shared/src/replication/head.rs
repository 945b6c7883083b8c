//! The head of a section: its topic, its baseline, and the hash that its rows must have.

use super::salt;
use crate::id::Seat;
use crate::limits::{SECTIONS_MAX, SNAPSHOT_HISTORY_LEN};
use crate::wire::{DecodeError, Reader, put_varint};
use crate::world::snapshot::Topic;
use alloc::vec::Vec;

const OWN: u8 = 1;
const TO_END: u8 = 1 << 1;
const AGE_SHIFT: u32 = 2;
const AGE_FOLLOWS: u8 = 2;
const INDEX_SHIFT: u32 = 4;
const INDEX_FOLLOWS: u8 = 15;

/// Ticks back to the oldest snapshot that a room keeps. A bound is needed because a client takes as long to move rows
/// as the baseline is old.
const AGE_MAX: u64 = SNAPSHOT_HISTORY_LEN as u64 - 1;

/// A section as it was received, with its body not read yet.
#[derive(Debug, Clone, Copy)]
pub struct SectionHead<'a> {
    /// The room's topic, or that of the receiver's own seat ([`Topic::Seat`] of any seat: the wire does not name it).
    pub topic: Topic,
    /// The number of the range of slots.
    pub index: u32,
    /// Ticks back to the baseline; 0 for a keyframe.
    pub age: u32,
    /// Hash of the section's rows after the delta. Summed over a topic's sections it is the hash that clients
    /// acknowledge.
    pub rows_hash: u32,
    /// Whether the body is the rest of the message, so that it needs no length.
    pub to_end: bool,
    /// The range-coded decisions.
    pub body: &'a [u8],
}

impl<'a> SectionHead<'a> {
    /// Reads a head and passes over its body.
    ///
    /// # Errors
    /// [`DecodeError`] for a truncated section, an index of [`SECTIONS_MAX`] or more, or an age that is unknown or
    /// beyond the room's history.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        let topic = if flags & OWN == 0 { Topic::Room } else { Topic::Seat(Seat::default()) };
        let index = match flags >> INDEX_SHIFT {
            INDEX_FOLLOWS => reader.varint()?,
            index => u32::from(index),
        };
        let max = SECTIONS_MAX as u64;
        if u64::from(index) >= max {
            return Err(DecodeError::OutOfRange { value: u64::from(index), max });
        }
        let age = match (flags >> AGE_SHIFT) & 3 {
            AGE_FOLLOWS => reader.varint()?,
            age @ 0..=1 => u32::from(age),
            other => return Err(DecodeError::UnknownKind(other)),
        };
        if u64::from(age) > AGE_MAX {
            return Err(DecodeError::OutOfRange { value: u64::from(age), max: AGE_MAX });
        }
        let rows_hash = reader.u32()?.wrapping_sub(salt(topic, index));
        let to_end = flags & TO_END != 0;
        let length = if to_end { reader.remaining() } else { reader.varint()? as usize };
        let body = reader.slice(length)?;
        Ok(Self { topic, index, age, rows_hash, to_end, body })
    }

    /// Appends the head; the body follows.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let own = if self.topic == Topic::Room { 0 } else { OWN };
        let to_end = if self.to_end { TO_END } else { 0 };
        let age = u8::try_from(self.age.min(u32::from(AGE_FOLLOWS))).unwrap_or(AGE_FOLLOWS);
        let index = u8::try_from(self.index.min(u32::from(INDEX_FOLLOWS))).unwrap_or(INDEX_FOLLOWS);
        out.push(own | to_end | (age << AGE_SHIFT) | (index << INDEX_SHIFT));
        if index == INDEX_FOLLOWS {
            put_varint(out, self.index);
        }
        if age == AGE_FOLLOWS {
            put_varint(out, self.age);
        }
        out.extend_from_slice(&self.rows_hash.wrapping_add(salt(self.topic, self.index)).to_le_bytes());
    }

    /// Writes the hash into a head that ends at `end`.
    pub(super) fn patch_hash(&self, end: usize, out: &mut [u8]) {
        let hash = self.rows_hash.wrapping_add(salt(self.topic, self.index));
        out[end - size_of_val(&hash)..end].copy_from_slice(&hash.to_le_bytes());
    }

    /// Inserts the length of the body in front of it. The body starts at `start` and ends with `out`.
    pub(super) fn insert_length(start: usize, out: &mut Vec<u8>) {
        let end = out.len();
        put_varint(out, u32::try_from(end - start).expect("a section is far below 4 GiB"));
        let length = out.len() - end;
        out[start..].rotate_right(length);
    }
}

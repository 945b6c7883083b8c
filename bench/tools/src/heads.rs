//! The heads of a snapshot's sections, for clients that have no world.

use tickwire::replication::SectionHead;
use tickwire::wire::{DecodeError, Reader};
use tickwire::world::snapshot::Topic;

/// The fields that a client without a world needs from the heads of all sections of a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SectionHeads {
    /// Hash of the room's topic.
    pub room_hash: u32,
    /// Whether any section is complete in itself.
    pub is_keyframe: bool,
}

/// Reads from the end of a snapshot's head to the end of the snapshot, and skips the events if it has any.
///
/// # Errors
/// Any [`DecodeError`] of a head; bodies are skipped.
pub fn section_heads(reader: &mut Reader<'_>, has_events: bool) -> Result<SectionHeads, DecodeError> {
    if has_events {
        let _count = reader.varint()?;
        skip(reader)?;
    }
    let mut heads = SectionHeads::default();
    while reader.remaining() > 0 {
        let section = SectionHead::decode(reader)?;
        heads.is_keyframe |= section.age == 0;
        if section.topic == Topic::Room {
            heads.room_hash = heads.room_hash.wrapping_add(section.rows_hash);
        }
    }
    Ok(heads)
}

/// Reads a length and skips as many bytes.
fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let length = reader.varint()?;
    reader.slice(usize::try_from(length).unwrap_or(usize::MAX)).map(|_| ())
}

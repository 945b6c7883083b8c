//! The heads of a snapshot's sections, for clients that know no world.

use tickwire::replication::SectionHead;
use tickwire::wire::{DecodeError, Reader};
use tickwire::world::snapshot::Topic;

/// What the heads of all sections of a snapshot say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SectionHeads {
    /// Hash of the room's topic.
    pub room_hash: u32,
    /// Whether any section is complete in itself.
    pub is_keyframe: bool,
}

/// Reads on after the head of a snapshot, over the events if it has any, to its end.
///
/// # Errors
/// Any [`DecodeError`] of a head; bodies are passed over.
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

/// Reads a length and passes over as many bytes.
fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let length = reader.varint()?;
    reader.slice(usize::try_from(length).unwrap_or(usize::MAX)).map(|_| ())
}

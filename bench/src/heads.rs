//! The heads of a snapshot's sections, for clients that know no world.

use tickwire::hash::Mix;
use tickwire::wire::{DecodeError, Reader};

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
        let topic = reader.u8()?;
        let index = reader.varint()?;
        heads.is_keyframe |= reader.varint()? == 0;
        let hash = reader.u32()?;
        if topic == 0 {
            heads.room_hash = heads.room_hash.wrapping_add(hash.wrapping_sub(salt(index)));
        }
        skip(reader)?;
    }
    Ok(heads)
}

/// What a section's hash has in it besides its rows: the hash that is acknowledged is of the rows alone.
fn salt(index: u32) -> u32 {
    let mut mix = Mix::new(0);
    mix.add(index);
    u32::try_from(mix.wide() >> 32).expect("32 bits of 64 are 32 bits")
}

/// Reads a length and passes over as many bytes.
fn skip(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let length = reader.varint()?;
    reader.slice(usize::try_from(length).unwrap_or(usize::MAX)).map(|_| ())
}

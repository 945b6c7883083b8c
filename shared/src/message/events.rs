//! Events on the wire: the events of the ticks that a snapshot is the first to cover.
//!
//! They follow the head of a snapshot whose flags say so:
//!
//! ```text
//! count   varint  events
//! length  varint  bytes of the events
//! event   small   age: ticks from the one it happened in to that of the snapshot; then its leaves, each in its bits
//! ```

use crate::limits::{EVENT_TICKS_MAX, EVENTS_HEARD_PER_TICK_MAX, ROW_WIDTH_MAX};
use crate::state::{Event, Schema};
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use alloc::vec::Vec;

/// An event as wire integers: the code that handles it is the same for every game.
pub type EventRow = Vec<u32>;

/// Encodes the events of one snapshot at a time; it keeps its memory.
#[derive(Debug)]
pub struct EventEncoder {
    count: u32,
    bits: Vec<u8>,
}

impl EventEncoder {
    /// An encoder with memory for `bytes` bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { count: 0, bits: Vec::with_capacity(bytes) }
    }

    /// Encodes these events, each with its age in ticks, in place of the last ones; gives whether there are any.
    pub fn encode<'a, E: Event>(&mut self, schema: &Schema, events: impl Iterator<Item = (u32, &'a E)>) -> bool {
        self.bits.clear();
        self.count = 0;
        let mut bits = BitWriter::new(&mut self.bits);
        for (age, event) in events {
            let mut wire = [0; ROW_WIDTH_MAX];
            event.gather(&mut wire[..E::WIDTH]);
            bits.put_small(age);
            for (leaf, value) in schema.tables[0].leaves.iter().zip(&wire) {
                bits.put(*value, leaf.bits);
            }
            self.count += 1;
        }
        bits.finish();
        self.count > 0
    }

    /// Appends the events that were encoded last.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        put_varint(out, u32::try_from(self.bits.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(&self.bits);
    }
}

/// Reads the events of a snapshot, each with its age in ticks.
///
/// # Errors
/// [`DecodeError`] for more events than a snapshot can have, for a truncated list and for values out of range.
pub fn decode(schema: &Schema, reader: &mut Reader<'_>) -> Result<Vec<(u32, EventRow)>, DecodeError> {
    let count = reader.varint()?;
    let max = (EVENTS_HEARD_PER_TICK_MAX as u64) * u64::from(EVENT_TICKS_MAX);
    if u64::from(count) > max {
        return Err(DecodeError::OutOfRange { value: u64::from(count), max });
    }
    let length = reader.varint()?;
    let mut bits = BitReader::new(reader.slice(usize::try_from(length).unwrap_or(usize::MAX))?);
    let mut events = Vec::new();
    for _ in 0..count {
        let age = bits.small()?;
        let leaves = schema.tables[0].leaves.iter();
        events.push((age, leaves.map(|leaf| bits.take_max(leaf.bits, leaf.max)).collect::<Result<_, _>>()?));
    }
    bits.finish()?;
    Ok(events)
}

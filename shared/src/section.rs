//! Sections: the unit of sharing, of the byte budget and of baselines.
//!
//! A section is a topic, split by slot range so that its keyframe stays near 2 KiB; section `n` of a topic
//! spans, in each table, slots `n * slots_per_section` and up. Its bytes depend only on the two snapshots
//! they lead between, so they are encoded once for all who need them:
//!
//! ```text
//! topic     u8      0 the room, 1 the receiver's own seat
//! index     varint  which slot range
//! age       varint  ticks back to the baseline; 0 for a keyframe
//! hash      u32     of the section's rows after the delta, and of topic and index
//! length    varint  bytes of the body
//! body      bits    per table: any change? then per baseline row: changed? removed? per leaf: changed? value;
//!                   then the number of new rows, and each: slots since the last, generation, leaves
//! ```
//!
//! Decoding is all or nothing: on an error the mirror is what it was before.

mod head;

pub use head::SectionHead;

use crate::RowId;
use crate::hash;
use crate::snapshot::{Rows, Snapshot, Topic};
use crate::state::{Schema, TableSchema};
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use alloc::vec::Vec;
use core::ops::Range;

/// How many sections a topic has between two snapshots, either of which may hold the highest row. Rows that are
/// not in the topic do not count: their number is nobody's business.
#[must_use]
pub fn section_count(schema: &Schema, topic: Topic, base: Option<&Snapshot>, now: &Snapshot) -> u32 {
    let sections = schema.tables.iter().enumerate().filter(|(_, table)| !topic.leaves(table).is_empty());
    let sections = sections.map(|(number, table)| {
        let last_slot = |snapshot: &Snapshot| {
            let rows = &snapshot.tables[number];
            let seen = (0..rows.ids.len()).rev().find(|index| topic.has_row(table, rows.row(*index)));
            seen.map_or(0, |index| rows.ids[index].slot)
        };
        let slot = last_slot(now).max(base.map_or(0, last_slot));
        u32::from(slot / table.slots_per_section) + 1
    });
    sections.max().unwrap_or(0)
}

/// Appends a section to `out`: the delta from `base` (older than `now`) to `now`, or a keyframe. Gives its hash.
pub fn encode(
    schema: &Schema,
    topic: Topic,
    index: u32,
    base: Option<&Snapshot>,
    now: &Snapshot,
    out: &mut Vec<u8>,
) -> u32 {
    out.push(match topic {
        Topic::Room => 0,
        Topic::Seat(_) => 1,
    });
    put_varint(out, index);
    let age = base.map_or(0, |base| now.tick.since(base.tick));
    put_varint(out, u32::try_from(age).expect("a baseline is older than what is built on it"));
    let hash_at = out.len();
    out.extend_from_slice(&[0; 4]);
    // One byte for the length is the rule; a longer body moves up, which keyframes alone do.
    let length_at = out.len();
    out.push(0);
    let mut hash = 0_u32;
    let mut writer = BitWriter::new(out);
    for (table, rows) in schema.tables.iter().enumerate() {
        if topic.leaves(rows).is_empty() {
            continue;
        }
        let span = Span { topic, number: table, table: rows, index };
        let base = base.map(|base| &base.tables[table]);
        hash = hash.wrapping_add(span.encode(base, &now.tables[table], &mut writer));
    }
    writer.finish();
    let sent = hash.wrapping_add(salt(topic, index));
    out[hash_at..hash_at + 4].copy_from_slice(&sent.to_le_bytes());
    let length = out.len() - length_at - 1;
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out[length_at] = short;
    } else {
        let end = out.len();
        put_varint(out, u32::try_from(length).expect("a section is far below 4 GiB"));
        let head_len = out.len() - end;
        // The length's bytes were appended; turn them to their place, over the byte that was reserved.
        out[length_at..].rotate_right(head_len);
        out.remove(length_at + head_len);
    }
    hash
}

/// The part of one table that a section covers.
struct Span<'a> {
    topic: Topic,
    number: usize,
    table: &'a TableSchema,
    index: u32,
}

impl Span<'_> {
    fn is_root(&self) -> bool {
        self.number == 0
    }

    /// Rows of the section in a snapshot; the root's row belongs to section 0.
    fn rows(&self, rows: &Rows) -> Range<usize> {
        rows.in_section(self.table, self.index)
    }

    fn hash(&self, id: RowId, row: &[u32]) -> u32 {
        let leaves = self.topic.leaves(self.table).iter();
        narrow(hash::row(id, &self.table.keys, leaves.map(|leaf| (*leaf, self.topic.value(self.table, row, *leaf)))))
    }

    fn seen(&self, rows: &Rows, index: usize) -> bool {
        self.topic.has_row(self.table, rows.row(index))
    }

    /// Writes the changes and gives the hash of the rows as they are now.
    fn encode(&self, base: Option<&Rows>, now: &Rows, writer: &mut BitWriter<'_>) -> u32 {
        if self.is_root() && self.index > 0 {
            return 0;
        }
        let rows = self.rows(now);
        match base {
            Some(base) if self.is_steady(base, now) => self.encode_steady(base, now, writer),
            Some(base) => {
                self.encode_kept(base, now, writer);
                self.encode_new(Some(base), now, writer);
            }
            // The root row always exists: a keyframe changes it from zeros.
            None if self.is_root() => self.encode_values(now.row(0), writer),
            None => self.encode_new(None, now, writer),
        }
        let hashes = rows.filter(|index| self.seen(now, *index)).map(|index| self.hash(now.ids[index], now.row(index)));
        hashes.fold(0, u32::wrapping_add)
    }

    /// Whether both snapshots hold the same rows for everybody: the case of most ticks, and a cheap one.
    fn is_steady(&self, base: &Rows, now: &Rows) -> bool {
        self.topic == Topic::Room && base.ids[self.rows(base)] == now.ids[self.rows(now)]
    }

    fn encode_steady(&self, base: &Rows, now: &Rows, writer: &mut BitWriter<'_>) {
        let pairs = || self.rows(base).zip(self.rows(now)).map(|(old, new)| (base.row(old), now.row(new)));
        let any = pairs().any(|(old, new)| !self.unchanged(old, new));
        writer.put_bit(any);
        for (old, new) in pairs().filter(|_| any) {
            self.encode_row(old, Some(new), writer);
        }
        if !self.is_root() {
            writer.put_small(0);
        }
    }

    fn unchanged(&self, old: &[u32], new: &[u32]) -> bool {
        let value = |row, leaf: &usize| self.topic.value(self.table, row, *leaf);
        old == new || self.topic.leaves(self.table).iter().all(|leaf| value(old, leaf) == value(new, leaf))
    }

    /// One row of the baseline: unchanged, changed, or (`None`) gone.
    fn encode_row(&self, old: &[u32], new: Option<&[u32]>, writer: &mut BitWriter<'_>) {
        match new {
            Some(new) if self.unchanged(old, new) => writer.put_bit(false),
            Some(new) => {
                writer.put(0b01, if self.is_root() { 1 } else { 2 });
                self.encode_changes(old, new, writer);
            }
            None => writer.put(0b11, 2),
        }
    }

    fn encode_kept(&self, base: &Rows, now: &Rows, writer: &mut BitWriter<'_>) {
        let span = self.rows(now);
        let partner = |id: RowId| {
            let index = span.start + now.ids[span.clone()].partition_point(|row| row.slot < id.slot);
            (index < span.end && now.ids[index] == id && self.seen(now, index)).then(|| now.row(index))
        };
        let changed =
            |index: &usize| partner(base.ids[*index]).is_none_or(|row| !self.unchanged(base.row(*index), row));
        let seen = || self.rows(base).filter(|index| self.seen(base, *index));
        let any = seen().any(|index| changed(&index));
        writer.put_bit(any);
        for index in seen().filter(|_| any) {
            self.encode_row(base.row(index), partner(base.ids[index]), writer);
        }
    }

    fn encode_changes(&self, old: &[u32], new: &[u32], writer: &mut BitWriter<'_>) {
        for leaf in self.topic.leaves(self.table) {
            let (was, is) = (self.topic.value(self.table, old, *leaf), self.topic.value(self.table, new, *leaf));
            writer.put_bit(was != is);
            if was != is {
                writer.put(is, self.table.leaves[*leaf].bits);
            }
        }
    }

    fn encode_values(&self, row: &[u32], writer: &mut BitWriter<'_>) {
        for leaf in self.topic.leaves(self.table) {
            writer.put(self.topic.value(self.table, row, *leaf), self.table.leaves[*leaf].bits);
        }
    }

    fn encode_new(&self, base: Option<&Rows>, now: &Rows, writer: &mut BitWriter<'_>) {
        if self.is_root() {
            return;
        }
        let known = |index: usize| {
            base.is_some_and(|base| {
                let at = base.ids.partition_point(|id| id.slot < now.ids[index].slot);
                base.ids.get(at) == Some(&now.ids[index]) && self.seen(base, at)
            })
        };
        let fresh = || self.rows(now).filter(|index| self.seen(now, *index) && !known(*index));
        writer.put_small(u32::try_from(fresh().count()).unwrap_or(u32::MAX));
        let mut next_slot = self.index * u32::from(self.table.slots_per_section);
        for index in fresh() {
            let id = now.ids[index];
            writer.put_small(u32::from(id.slot) - next_slot);
            writer.put_small(u32::from(id.generation));
            self.encode_values(now.row(index), writer);
            next_slot = u32::from(id.slot) + 1;
        }
    }

    /// Reads the rows of the section into `out`, in slot order, and gives their hash.
    fn decode(&self, base: Option<&Rows>, reader: &mut BitReader<'_>, out: &mut Rows) -> Result<u32, DecodeError> {
        out.width = self.table.leaves.len();
        out.clear();
        if self.is_root() {
            if self.index == 0 {
                self.decode_root(base, reader, out)?;
            }
        } else {
            if let Some(base) = base {
                self.decode_kept(base, reader, out)?;
            }
            self.decode_new(reader, out)?;
        }
        // What is hidden is zero on this side, and adds nothing.
        let hash =
            |index: usize| hash::row(out.ids[index], &self.table.keys, out.row(index).iter().copied().enumerate());
        Ok((0..out.ids.len()).map(|index| narrow(hash(index))).fold(0, u32::wrapping_add))
    }

    fn decode_root(&self, base: Option<&Rows>, reader: &mut BitReader<'_>, out: &mut Rows) -> Result<(), DecodeError> {
        let row = out.push(RowId::default());
        let Some(base) = base else { return self.decode_values(reader, row) };
        row.copy_from_slice(base.row(0));
        // Any row changed; and of the one row there is: changed.
        if reader.bit()? && reader.bit()? {
            self.decode_changes(reader, row)?;
        }
        Ok(())
    }

    fn decode_kept(&self, base: &Rows, reader: &mut BitReader<'_>, out: &mut Rows) -> Result<(), DecodeError> {
        let any = reader.bit()?;
        for index in self.rows(base) {
            let changed = any && reader.bit()?;
            if changed && reader.bit()? {
                continue;
            }
            let row = out.push(base.ids[index]);
            row.copy_from_slice(base.row(index));
            if changed {
                self.decode_changes(reader, row)?;
            }
        }
        Ok(())
    }

    fn decode_changes(&self, reader: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
        for leaf in self.topic.leaves(self.table) {
            if reader.bit()? {
                row[*leaf] = reader.take_max(self.table.leaves[*leaf].bits, self.table.leaves[*leaf].max)?;
            }
        }
        Ok(())
    }

    fn decode_values(&self, reader: &mut BitReader<'_>, row: &mut [u32]) -> Result<(), DecodeError> {
        for leaf in self.topic.leaves(self.table) {
            row[*leaf] = reader.take_max(self.table.leaves[*leaf].bits, self.table.leaves[*leaf].max)?;
        }
        Ok(())
    }

    fn decode_new(&self, reader: &mut BitReader<'_>, out: &mut Rows) -> Result<(), DecodeError> {
        let count = reader.small()?;
        let first = self.index * u32::from(self.table.slots_per_section);
        let end = first + u32::from(self.table.slots_per_section);
        if count > u32::from(self.table.slots_per_section) {
            let max = u64::from(self.table.slots_per_section);
            return Err(DecodeError::OutOfRange { value: u64::from(count), max });
        }
        let mut next_slot = first;
        let mut values = [0_u32; crate::limits::ROW_WIDTH_MAX];
        for _ in 0..count {
            let slot = next_slot.saturating_add(reader.small()?);
            if slot >= end || slot > u32::from(crate::limits::ROWS_MAX) {
                return Err(DecodeError::OutOfRange { value: u64::from(slot), max: u64::from(end) - 1 });
            }
            let generation = reader.small()?;
            let generation = u16::try_from(generation)
                .map_err(|_| DecodeError::OutOfRange { value: u64::from(generation), max: u64::from(u16::MAX) })?;
            let row = &mut values[..out.width];
            row.fill(0);
            self.decode_values(reader, row)?;
            let id = RowId { slot: u16::try_from(slot).unwrap_or(u16::MAX), generation };
            insert_row(out, id, row)?;
            next_slot = slot + 1;
        }
        Ok(())
    }
}

/// Added to the hash of a section's rows on the wire: an empty section must not pass for another one.
fn salt(topic: Topic, index: u32) -> u32 {
    let mut mix = hash::Mix::new(match topic {
        Topic::Room => 0,
        Topic::Seat(_) => 1,
    });
    mix.add(index);
    narrow(mix.wide())
}

const fn narrow(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn insert_row(out: &mut Rows, id: RowId, row: &[u32]) -> Result<(), DecodeError> {
    let place = out.ids.partition_point(|known| known.slot < id.slot);
    if out.ids.get(place).is_some_and(|known| known.slot == id.slot) {
        return Err(DecodeError::BaselineMismatch);
    }
    out.ids.insert(place, id);
    let at = place * out.width;
    out.wire.splice(at..at, row.iter().copied());
    Ok(())
}

/// What a client holds of each topic: the newest snapshot, section by section.
#[derive(Debug, Clone)]
pub struct Mirror {
    room: Received,
    own: Received,
    scratch: Rows,
    merged: Snapshot,
}

#[derive(Debug, Clone)]
struct Received {
    now: Snapshot,
    next: Snapshot,
    /// Whether `now` holds a snapshot at all.
    known: bool,
    /// Sum of the hashes of the topic's sections.
    hash: u32,
    next_hash: u32,
}

impl Received {
    fn empty(schema: &Schema) -> Self {
        let now = Snapshot::empty(schema);
        Self { next: now.clone(), now, known: false, hash: 0, next_hash: 0 }
    }
}

impl Mirror {
    /// Nothing received yet.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        let merged = Snapshot::empty(schema);
        Self { room: Received::empty(schema), own: Received::empty(schema), scratch: Rows::default(), merged }
    }

    /// Applies all sections of one snapshot message and gives the number whose hash was compared.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the mirror is unchanged then.
    pub fn apply(&mut self, schema: &Schema, tick: crate::Tick, sections: &[u8]) -> Result<u32, DecodeError> {
        for received in [&mut self.room, &mut self.own] {
            received.next.copy_from(&received.now);
            received.next.tick = tick;
            received.next_hash = 0;
        }
        let mut reader = Reader::new(sections);
        let (mut count, mut touched) = (0_u32, [false; 2]);
        while reader.remaining() > 0 {
            let own = self.apply_section(schema, tick, &mut reader)?;
            touched[usize::from(own)] = true;
            count += 1;
        }
        for (received, touched) in [&mut self.room, &mut self.own].into_iter().zip(touched) {
            if touched {
                core::mem::swap(&mut received.now, &mut received.next);
                received.hash = received.next_hash;
                received.known = true;
            }
        }
        self.merge(schema, tick);
        Ok(count)
    }

    /// Applies one section to the copies and says whether it was of the own topic.
    fn apply_section(
        &mut self,
        schema: &Schema,
        tick: crate::Tick,
        reader: &mut Reader<'_>,
    ) -> Result<bool, DecodeError> {
        let SectionHead { topic, index, age, rows_hash, body } = SectionHead::decode(reader)?;
        let is_own = topic != Topic::Room;
        let received = if is_own { &mut self.own } else { &mut self.room };
        let mut body = BitReader::new(body);
        let base_fits = received.known && received.now.tick.since(crate::Tick(0)) == tick.since(crate::Tick(age));
        if age > 0 && !base_fits {
            return Err(DecodeError::BaselineMismatch);
        }
        if age == 0 && index == 0 {
            // A topic without a baseline comes as keyframes of all its sections: nothing older survives.
            received.next.copy_from(&Snapshot::empty(schema));
            received.next.tick = tick;
        }
        let mut found = 0_u32;
        for (number, table) in schema.tables.iter().enumerate() {
            if topic.leaves(table).is_empty() {
                continue;
            }
            let span = Span { topic, number, table, index };
            let base = (age > 0).then(|| &received.now.tables[number]);
            found = found.wrapping_add(span.decode(base, &mut body, &mut self.scratch)?);
            replace(&mut received.next.tables[number], &span, &self.scratch);
        }
        body.finish()?;
        if found != rows_hash {
            return Err(DecodeError::HashMismatch { expected: rows_hash, found });
        }
        received.next_hash = received.next_hash.wrapping_add(found);
        Ok(is_own)
    }

    /// The newest world as far as this client may see it.
    #[must_use]
    pub const fn world(&self) -> &Snapshot {
        &self.merged
    }

    /// The hash of what the room's topic shows, for the server to compare.
    #[must_use]
    pub const fn room_hash(&self) -> u32 {
        self.room.hash
    }

    fn merge(&mut self, schema: &Schema, tick: crate::Tick) {
        self.merged.copy_from(&self.room.now);
        self.merged.tick = tick;
        for (number, table) in schema.tables.iter().enumerate().filter(|(_, table)| !table.private.is_empty()) {
            let own = &self.own.now.tables[number];
            let merged = &mut self.merged.tables[number];
            if table.public.is_empty() {
                merged.clone_from(own);
                continue;
            }
            for (index, id) in merged.ids.iter().enumerate() {
                if let Some(values) = own.find(*id) {
                    let row = &mut merged.wire[index * merged.width..(index + 1) * merged.width];
                    table.private.iter().for_each(|leaf| row[*leaf] = values[*leaf]);
                }
            }
        }
    }
}

/// Puts the rows of a section in place of those that were there.
fn replace(rows: &mut Rows, span: &Span<'_>, with: &Rows) {
    if span.is_root() && span.index > 0 {
        return;
    }
    let old = span.rows(rows);
    let width = rows.width;
    rows.wire.splice(old.start * width..old.end * width, with.wire.iter().copied());
    rows.ids.splice(old, with.ids.iter().copied());
}

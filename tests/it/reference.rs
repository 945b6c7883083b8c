//! Sections decoded the slow and plain way: the product's decoder is compared with this one.
//!
//! It is written for reading, from the docs of `tickwire::replication`. It shares nothing with the product's decoder
//! but the schema: contexts are looked up by their meaning, the range decoder starts from the bytes each time, motion
//! is computed from the schema's units, rows lie in maps. It gives `None` for a message with any fault.

mod chances;
pub(crate) mod frames;
mod head;
mod motion;
mod rows;

use chances::Published;
use head::Head;
pub(crate) use motion::undisturbed;
use rows::{Row, Section, Tables, hash_of};
use tickwire::state::{Leaf, Motion, Schema, TableSchema, Visibility};
use tickwire::world::snapshot::{Rows, Snapshot};
use tickwire::{RowId, Tick};

/// The greatest age of a baseline in ticks: a room keeps 17 snapshots, the newest among them.
const AGE_MAX: u32 = 16;

/// The rows that were received of one topic.
#[derive(Clone)]
struct Held {
    tick: Tick,
    tables: Tables,
}

/// A client's view of the world, decoded slowly.
#[derive(Clone)]
pub(crate) struct Reference<'a> {
    schema: &'a Schema,
    published: Published,
    /// The rows that every player sees, and the rows that only this seat sees.
    topics: [Option<Held>; 2],
    newest: Tick,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Self {
        Self { schema, published: Published::default(), topics: [None, None], newest: Tick(0) }
    }

    /// Takes published priors over.
    pub(crate) fn set_priors(&mut self, bytes: &[u8]) -> Option<()> {
        self.published = Published::decode(self.schema, bytes)?;
        Some(())
    }

    /// Applies a snapshot's sections, or changes nothing.
    pub(crate) fn apply(&mut self, tick: Tick, message: &[u8]) -> Option<()> {
        let next = self.decode(tick, message, |at, hash| message[at..at + 4] == hash)?;
        for (topic, next) in self.topics.iter_mut().zip(next) {
            *topic = next.or_else(|| topic.take());
        }
        self.newest = tick;
        Some(())
    }

    /// Puts the right hash into each section of a damaged message, so that no decoder refuses it by its hash. `None` if
    /// the message cannot be decoded at all.
    pub(crate) fn seal(&self, tick: Tick, message: &mut [u8]) -> Option<()> {
        let mut hashes = Vec::new();
        self.decode(tick, message, |at, hash| {
            hashes.push((at, hash));
            true
        })?;
        hashes.into_iter().for_each(|(at, hash)| message[at..at + 4].copy_from_slice(&hash));
        Some(())
    }

    /// The new rows of each topic. `is_right` judges a section's hash, given its place in the message and its right
    /// value.
    fn decode(
        &self,
        tick: Tick,
        message: &[u8],
        mut is_right: impl FnMut(usize, [u8; 4]) -> bool,
    ) -> Option<[Option<Held>; 2]> {
        let mut next: [Option<Held>; 2] = [None, None];
        let mut sections = [0, 0];
        let mut at = 0;
        loop {
            let head = Head::decode(message, at)?;
            at = head.body.end;
            let topic = usize::from(head.own);
            if head.age > AGE_MAX || head.index != sections[topic] {
                return None;
            }
            sections[topic] += 1;
            let base = match head.age {
                0 => None,
                age => Some(self.topics[topic].as_ref().filter(|held| tick.since(held.tick) == i64::from(age))?),
            };
            let held = next[topic].get_or_insert_with(|| Held { tick, tables: Tables::new() });
            let section = Section {
                schema: self.schema,
                own: head.own,
                index: head.index,
                ticks: head.age,
                base: base.map(|held| &held.tables),
            };
            let rows = section.decode(&self.published, &message[head.body.clone()])?;
            let hash = hash_of(self.schema, &rows).wrapping_add(head.salt());
            if !is_right(head.hash_at, hash.to_le_bytes()) {
                return None;
            }
            for (table, rows) in rows {
                held.tables.entry(table).or_default().extend(rows);
            }
            if head.to_end {
                return Some(next);
            }
        }
    }

    /// All that this client knows: rows with the leaves that it has received, and zero for the others.
    pub(crate) fn world(&self) -> Snapshot {
        let mut world = Snapshot::empty(self.schema);
        let [room, own] = &self.topics;
        let room_tick = room.as_ref().map_or(Tick(0), |held| held.tick);
        world.tick = if self.schema.has_private { self.newest } else { room_tick };
        for (number, table) in self.schema.tables.iter().enumerate() {
            let of = |held: &Option<Held>| held.as_ref().and_then(|held| held.tables.get(&number)).cloned();
            let private = of(own).unwrap_or_default();
            let is_public = !leaves(table, false).is_empty();
            let mut rows = if is_public { of(room).unwrap_or_default() } else { private.clone() };
            if number == 0 && rows.is_empty() {
                rows.insert(0, Row { generation: 0, wire: vec![0; table.leaves.len()] });
            }
            for (slot, row) in &mut rows {
                // Another row may have taken the slot since the seat's own rows were received.
                if let Some(mine) = private.get(slot).filter(|mine| mine.generation == row.generation) {
                    leaves(table, true).into_iter().for_each(|leaf| row.wire[leaf] = mine.wire[leaf]);
                }
            }
            world.tables[number] = Rows::new(table.leaves.len());
            for (slot, row) in rows {
                let id = RowId { slot, generation: row.generation };
                world.tables[number].push(id).copy_from_slice(&row.wire);
            }
        }
        world
    }
}

/// Whether a leaf is a driver: it has no motion of its own, and it moves other leaves.
fn is_driver(table: &TableSchema, leaf: usize) -> bool {
    let moves = |motion: Motion| matches!(motion, Motion::By(slide) if slide.by == leaf);
    let seen_alike = |other: &&Leaf| other.marks.visibility == table.leaves[leaf].marks.visibility;
    table.leaves[leaf].motion == Motion::Hold && table.leaves.iter().filter(seen_alike).any(|other| moves(other.motion))
}

/// The leaves of a table that a topic codes, in the order in which it codes them: the leaves without a motion first,
/// and of these the drivers first.
///
/// A driver comes before the leaves that it moves, because the expected place of those depends on its new value.
fn leaves(table: &TableSchema, own: bool) -> Vec<usize> {
    let seen_by = if own { Visibility::Owner } else { Visibility::All };
    let seen = |leaf: &usize| table.leaves[*leaf].marks.visibility == seen_by;
    let stays = |leaf: &usize| table.leaves[*leaf].motion == Motion::Hold;
    let (still, moving): (Vec<usize>, Vec<usize>) = (0..table.leaves.len()).filter(seen).partition(stays);
    let (drivers, others): (Vec<usize>, Vec<usize>) = still.into_iter().partition(|leaf| is_driver(table, *leaf));
    [drivers, others, moving].concat()
}

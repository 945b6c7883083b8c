//! The full state: everything that the next tick depends on, apart from the players' actions and the recent worlds that
//! a step may look back into.
//!
//! A client in lockstep starts from a full state, and rolls back to one. Besides the rows it has two things that no
//! snapshot may show: the room's random numbers, and the slots of the tables that are free. The free slots matter
//! because they decide which id the next new row gets.
//!
//! ```text
//! tick    varint
//! rng     u64 u64   seed, and numbers drawn; of a room with a secret its first 8 bytes, and the highest bit is set
//! secret  24 bytes  the rest of the secret, if there is one
//! hash    u32       of all of it
//! bits              the root row, every leaf in its bits; then per table:
//!                     slots: how many; per slot whether it is taken, and its generation (small numbers)
//!                     rows in slot order, every leaf in its bits
//!                     with a secret, if all leaves are hidden: first slot, number of pools; per pool slots made,
//!                     slots drawn, number of free slots, and the gap before each (small numbers)
//! ```
//!
//! A full state with a secret stays on the server: in a checkpoint or a recording. Lockstep has none.

use crate::bug::Bug;
use crate::game::Game;
use crate::hash::{Mix, narrow};
use crate::id::RowId;
use crate::limits::ROWS_MAX;
use crate::rng::{Rng, Secret};
use crate::state::{Schema, State, TableSchema, TableVisitor};
use crate::table::Table;
use crate::table::hidden::HiddenSlots;
use crate::tick::Tick;
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use crate::world::hidden_rows::{is_hidden, mix_slots, put_slots, take_slots};
use crate::world::simulation::Checkpoint;
use crate::world::snapshot::{Rows, Snapshot};
use alloc::vec::Vec;

/// The world of one tick with its free slots and random numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullState {
    /// All rows, hidden fields included.
    pub snapshot: Snapshot,
    /// Per table after the root, and per slot: the generation of the row that is there, or else the one that the next
    /// row gets.
    pub slots: Vec<Vec<u16>>,
    /// The free slots of the tables whose rows are hidden, each with its place among the tables after the root.
    pub(crate) hidden: Vec<(usize, HiddenSlots)>,
    /// The room's random numbers, and with them its secret.
    pub rng: Rng,
}

/// Set in the number of draws of a generator from a secret.
const HAS_SECRET: u64 = 1 << 63;

impl FullState {
    /// The empty world of this shape.
    #[must_use]
    pub fn empty(schema: &Schema) -> Self {
        let tables = schema.tables.len() - 1;
        let (slots, hidden) = (alloc::vec![Vec::new(); tables], Vec::new());
        Self { snapshot: Snapshot::empty(schema), slots, hidden, rng: Rng::new(0) }
    }

    /// The full state in a checkpoint, which is all of the checkpoint but the recent worlds.
    #[must_use]
    pub fn of<G: Game>(checkpoint: &Checkpoint<G>) -> Self {
        let snapshot = checkpoint.history.newest().clone();
        let tables = snapshot.tables.len() - 1;
        let (slots, hidden) = (alloc::vec![Vec::new(); tables], Vec::new());
        let mut full_state = Self { snapshot, slots, hidden, rng: checkpoint.rng.clone() };
        full_state.keep_slots(&mut checkpoint.world.clone(), &checkpoint.rng);
        full_state
    }

    /// Rounds `world` to wire precision and keeps its full state, reusing memory.
    pub fn capture<S: State>(&mut self, world: &mut S, rng: &Rng, tick: Tick) {
        self.snapshot.capture(world, tick);
        self.keep_slots(world, rng);
    }

    /// Keeps the full state of a world whose rows were captured already.
    pub fn keep<S: State>(&mut self, captured: &Snapshot, world: &mut S, rng: &Rng) {
        self.snapshot.copy_from(captured);
        self.keep_slots(world, rng);
    }

    fn keep_slots<S: State>(&mut self, world: &mut S, rng: &Rng) {
        self.rng = rng.clone();
        self.hidden.clear();
        world.tables(&mut KeepSlots { slots: self.slots.iter_mut().enumerate(), hidden: &mut self.hidden });
    }

    /// Takes over another full state's content, reusing memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.snapshot.copy_from(&other.snapshot);
        self.slots.clone_from(&other.slots);
        self.hidden.clone_from(&other.hidden);
        self.rng = other.rng.clone();
    }

    /// Makes `world` the one that this full state describes, reusing the world's memory. Gives the random numbers that
    /// go on from there.
    pub fn restore<S: State>(&self, world: &mut S) -> Rng {
        self.snapshot.restore(world);
        world.tables(&mut RestoreSlots { slots: self.slots.iter().enumerate(), hidden: &self.hidden });
        self.rng.clone()
    }

    /// The free slots of the tables whose rows are hidden, each with its place among the tables after the root.
    pub(crate) fn hidden(&self) -> &[(usize, HiddenSlots)] {
        &self.hidden
    }

    /// The tick.
    #[must_use]
    pub const fn tick(&self) -> Tick {
        self.snapshot.tick
    }

    /// The hash of everything: in lockstep both sides compare it.
    #[must_use]
    pub fn hash(&self, schema: &Schema) -> u32 {
        self.hash_as::<true>(schema)
    }

    /// The same hash of a full state without a secret, such as a client has: a page contains no code for secrets.
    pub(crate) fn hash_sent(&self, schema: &Schema) -> u32 {
        self.hash_as::<false>(schema)
    }

    fn hash_as<const KEPT: bool>(&self, schema: &Schema) -> u32 {
        let mut mix = Mix::new(self.snapshot.hash(schema));
        mix_place(&self.rng, &mut mix);
        if KEPT && let Some(secret) = self.rng.secret() {
            mix.bytes(secret.bytes());
            self.hidden.iter().for_each(|(_, hidden)| mix_slots(hidden, &mut mix));
        }
        for (rows, slots) in self.snapshot.tables.iter().skip(1).zip(&self.slots) {
            mix_table(rows.ids.len(), slots, &mut mix);
        }
        narrow(mix.wide())
    }

    /// The hash of the full state of a world whose rows were captured already, without a copy of anything.
    pub(crate) fn hash_of<S: State>(schema: &Schema, captured: &Snapshot, world: &mut S, rng: &Rng) -> u32 {
        let mut mix = Mix::new(captured.hash(schema));
        mix_place(rng, &mut mix);
        if let Some(secret) = rng.secret() {
            mix.bytes(secret.bytes());
            world.tables(&mut HashHidden(&mut mix));
        }
        world.tables(&mut HashTables(&mut mix));
        narrow(mix.wide())
    }

    /// Appends the full state, in the layout that the module's documentation shows.
    pub fn encode(&self, schema: &Schema, out: &mut Vec<u8>) {
        put_varint(out, self.tick().0);
        self.put_rng(out);
        out.extend_from_slice(&self.hash(schema).to_le_bytes());
        let mut bits = BitWriter::new(out);
        put_row(&schema.tables[0], self.snapshot.tables[0].row(0), &mut bits);
        let tables = schema.tables.iter().zip(&self.snapshot.tables).skip(1);
        for (place, ((table, rows), slots)) in tables.zip(&self.slots).enumerate() {
            bits.put_small(u32::try_from(slots.len()).unwrap_or(u32::MAX));
            let mut taken = rows.ids.iter().map(|id| id.slot).peekable();
            for (slot, generation) in (0..).zip(slots) {
                bits.put_bit(taken.next_if_eq(&slot).is_some());
                bits.put_small(u32::from(*generation));
            }
            (0..rows.ids.len()).for_each(|index| put_row(table, rows.row(index), &mut bits));
            let hidden = self.hidden.iter().find(|(other, _)| *other == place);
            hidden.into_iter().for_each(|(_, hidden)| put_slots(hidden, &mut bits));
        }
        bits.finish();
    }

    fn put_rng(&self, out: &mut Vec<u8>) {
        let (seed, drawn) = self.rng.place();
        let Some(secret) = self.rng.secret() else {
            out.extend_from_slice(&seed.to_le_bytes());
            return out.extend_from_slice(&drawn.to_le_bytes());
        };
        let (first, rest) = secret.bytes().split_at(8);
        out.extend_from_slice(first);
        out.extend_from_slice(&(drawn | HAS_SECRET).to_le_bytes());
        out.extend_from_slice(rest);
    }

    /// Reads a full state without a secret that [`FullState::encode`] wrote, to the end of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes, also when the hash is not that of the content.
    pub fn decode(schema: &Schema, bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_as::<false>(schema, bytes)
    }

    /// The same for a full state that a server has kept, which may have a secret.
    ///
    /// # Errors
    /// As [`FullState::decode`].
    pub fn decode_kept(schema: &Schema, bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_as::<true>(schema, bytes)
    }

    /// Reads a full state. The code for secrets is in programs alone that ask for it, and so in no page.
    fn decode_as<const KEPT: bool>(schema: &Schema, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut full_state = Self::empty(schema);
        full_state.snapshot.tick = Tick(reader.varint()?);
        full_state.rng = take_rng::<KEPT>(full_state.tick(), &mut reader)?;
        let expected = reader.u32()?;
        let mut bits = BitReader::new(reader.slice(reader.remaining())?);
        let Self { snapshot: Snapshot { tables, .. }, slots, hidden, rng } = &mut full_state;
        take_row(&schema.tables[0], &mut tables[0].wire, &mut bits)?;
        let tables = (0..).zip(schema.tables.iter().zip(tables)).skip(1);
        for ((number, (table, rows)), (place, slots)) in tables.zip(slots.iter_mut().enumerate()) {
            take_table(table, rows, slots, &mut bits)?;
            if KEPT && let Some(secret) = rng.secret().filter(|_| is_hidden(table)) {
                hidden.push((place, take_slots((secret, number), &rows.ids, slots.len(), &mut bits)?));
            }
        }
        bits.finish()?;
        let found = full_state.hash_as::<KEPT>(schema);
        if found == expected { Ok(full_state) } else { Err(DecodeError::HashMismatch { expected, found }) }
    }
}

fn mix_place(rng: &Rng, mix: &mut Mix) {
    let (seed, drawn) = if Bug::HashWithoutGenerator.is_planted() { (0, 0) } else { rng.place() };
    [seed, drawn].iter().for_each(|number| mix.bytes(&number.to_le_bytes()));
}

/// Mixes in the slots of a table. The numbers of rows and slots are hashed too, as a row of zeros in the first slot adds
/// nothing to the sum of rows.
fn mix_table(rows: usize, slots: &[u16], mix: &mut Mix) {
    let slots = if Bug::HashWithoutFreeSlots.is_planted() { &[] } else { slots };
    [rows, slots.len()].iter().for_each(|count| mix.add(u32::try_from(*count).unwrap_or(u32::MAX)));
    slots.iter().for_each(|generation| mix.add(u32::from(*generation)));
}

fn take_rng<const KEPT: bool>(tick: Tick, reader: &mut Reader<'_>) -> Result<Rng, DecodeError> {
    let (seed, drawn) = (u64_of(reader)?, u64_of(reader)?);
    if drawn & HAS_SECRET == 0 {
        return Ok(Rng::at(seed, drawn));
    }
    if !KEPT {
        return Err(DecodeError::OutOfRange { value: drawn, max: HAS_SECRET - 1 });
    }
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..].copy_from_slice(reader.slice(24)?);
    Ok(Rng::of_step(Secret::from(bytes), tick.0, drawn & !HAS_SECRET))
}

fn u64_of(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let (low, high) = (reader.u32()?, reader.u32()?);
    Ok((u64::from(high) << 32) | u64::from(low))
}

fn put_row(table: &TableSchema, row: &[u32], bits: &mut BitWriter<'_>) {
    for (leaf, value) in table.leaves.iter().zip(row) {
        bits.put(*value, leaf.bits);
    }
}

fn take_row(table: &TableSchema, row: &mut [u32], bits: &mut BitReader<'_>) -> Result<(), DecodeError> {
    for (leaf, value) in table.leaves.iter().zip(row) {
        *value = bits.take_max(leaf.bits, leaf.max)?;
    }
    Ok(())
}

/// Reads the slots and rows of a table. Memory grows with the bits that were read and not with the number that is
/// claimed, because a slot takes six bits at the least.
#[inline(always)]
fn take_table(
    table: &TableSchema,
    rows: &mut Rows,
    slots: &mut Vec<u16>,
    bits: &mut BitReader<'_>,
) -> Result<(), DecodeError> {
    let (count, max) = (bits.small()?, u32::from(ROWS_MAX) + 1);
    if count > max {
        return Err(DecodeError::OutOfRange { value: u64::from(count), max: u64::from(max) });
    }
    for slot in (0..u16::MAX).take(count as usize) {
        let is_taken = bits.bit()?;
        let generation = bits.small()?;
        let out_of_range = DecodeError::OutOfRange { value: u64::from(generation), max: u64::from(u16::MAX) };
        let generation = u16::try_from(generation).map_err(|_| out_of_range)?;
        slots.push(generation);
        if is_taken {
            rows.ids.push(RowId { slot, generation });
        }
    }
    for index in 0..rows.ids.len() {
        rows.wire.resize((index + 1) * rows.width, 0);
        let start = index * rows.width;
        take_row(table, &mut rows.wire[start..], bits)?;
    }
    Ok(())
}

struct KeepSlots<'a, S> {
    slots: S,
    hidden: &'a mut Vec<(usize, HiddenSlots)>,
}

impl<'a, S: Iterator<Item = (usize, &'a mut Vec<u16>)>> TableVisitor for KeepSlots<'_, S> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let (place, slots) = self.slots.next().expect("a world shows the tables it described");
        slots.clear();
        slots.extend_from_slice(table.slots());
        self.hidden.extend(table.hidden_slots().map(|hidden| (place, hidden.clone())));
    }
}

struct HashHidden<'a>(&'a mut Mix);

impl TableVisitor for HashHidden<'_> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        table.hidden_slots().into_iter().for_each(|hidden| mix_slots(hidden, self.0));
    }
}

struct HashTables<'a>(&'a mut Mix);

impl TableVisitor for HashTables<'_> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        mix_table(table.len(), table.slots(), self.0);
    }
}

struct RestoreSlots<'a, S> {
    slots: S,
    hidden: &'a [(usize, HiddenSlots)],
}

impl<'a, S: Iterator<Item = (usize, &'a Vec<u16>)>> TableVisitor for RestoreSlots<'_, S> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let (place, slots) = self.slots.next().expect("a world shows the tables it described");
        let hidden = self.hidden.iter().find(|(other, _)| *other == place);
        table.restore_slots(slots, hidden.map(|(_, hidden)| hidden));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default, crate::state::State)]
    struct World {
        #[state(range = 0..=1_000_000)]
        ticks: u32,
        things: Table<Thing>,
        nothings: Table<Nothing>,
    }

    #[derive(Clone, Default, crate::state::State)]
    struct Thing {
        #[state(range = -5.0..=5.0, step = 0.5)]
        x: f32,
        #[state(only = server)]
        secret: u8,
    }

    #[derive(Clone, Default, crate::state::State)]
    struct Nothing {}

    /// A world whose tables have holes, after some play.
    fn worn(seed: u64) -> (World, Rng) {
        let (mut world, mut rng) = (World::default(), Rng::new(seed));
        for _ in 0..200 {
            world.ticks += 1;
            if rng.one_in(2) {
                world.things.insert(Thing { x: rng.range(-5.0, 5.0), secret: world.ticks as u8 });
                world.nothings.insert(Nothing {});
            }
            let low = rng.below(40);
            world.things.retain(|id, _| u32::from(id.slot) != low);
        }
        (world, rng)
    }

    fn captured(seed: u64) -> (Schema, World, FullState) {
        let (schema, (mut world, rng)) = (Schema::of::<World>(), worn(seed));
        let mut full_state = FullState::empty(&schema);
        full_state.capture(&mut world, &rng, Tick(77));
        (schema, world, full_state)
    }

    #[test]
    fn a_restored_world_goes_on_as_the_kept_one() {
        let (_, mut world, full_state) = captured(1);
        let (mut dirty, _) = worn(2);
        let mut rng = full_state.restore(&mut dirty);
        let mut other = full_state.rng.clone();
        for _ in 0..100 {
            let thing = Thing { x: rng.range(-1.0, 1.0), secret: 3 };
            assert_eq!(other.range(-1.0, 1.0), thing.x);
            assert_eq!(world.things.insert(thing.clone()), dirty.things.insert(thing));
            assert_eq!(world.nothings.insert(Nothing {}), dirty.nothings.insert(Nothing {}));
        }
    }

    #[test]
    fn a_full_state_round_trips_and_every_damage_is_an_error() {
        let (schema, _, full_state) = captured(3);
        let mut bytes = Vec::new();
        full_state.encode(&schema, &mut bytes);
        assert_eq!(FullState::decode(&schema, &bytes), Ok(full_state));
        for cut in 0..bytes.len() {
            assert!(FullState::decode(&schema, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 8..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(FullState::decode(&schema, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_claimed_number_of_slots_allocates_nothing() {
        let schema = Schema::of::<World>();
        let mut bytes = Vec::new();
        FullState::empty(&schema).encode(&schema, &mut bytes);
        // The first table's number of slots comes after the 20 bits of the root row.
        let start = bytes.len() - 4;
        for count in [u32::from(ROWS_MAX), u32::MAX] {
            let mut claim = bytes[..start].to_vec();
            let mut bits = BitWriter::new(&mut claim);
            bits.put(0, 20);
            bits.put_small(count);
            bits.finish();
            assert!(FullState::decode(&schema, &claim).is_err());
        }
    }

    #[test]
    fn the_hash_covers_free_slots_and_random_numbers() {
        let (schema, _, full_state) = captured(4);
        let hash = full_state.hash(&schema);
        let mut other = full_state.clone();
        other.rng.next_u32();
        assert_ne!(other.hash(&schema), hash);
        let mut other = full_state.clone();
        other.slots[0].push(0);
        assert_ne!(other.hash(&schema), hash);
        let mut other = full_state;
        other.slots[1][0] ^= 1;
        assert_ne!(other.hash(&schema), hash);
    }
}

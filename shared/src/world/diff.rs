//! The differences of two worlds: which leaf of which row differs, in the words of the game's author.
//!
//! The comparison works on wire integers, so that a world may have come from another machine. The order of the
//! differences is fixed: the root row, then table by table in slot order, then the slots, then the random numbers. The
//! module leaves out the reasons for which worlds differ.

use crate::id::RowId;
use crate::state::{Leaf, LeafKind, Schema};
use crate::table::Table;
use crate::world::full_state::FullState;
use crate::world::snapshot::{Rows, Snapshot};
use alloc::format;
use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;

/// One thing in which two worlds of the same shape differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// A leaf of a row that both have.
    Leaf {
        /// Index of the row's table in the schema.
        table: usize,
        /// The row.
        row: RowId,
        /// Index of the leaf in the row.
        leaf: usize,
        /// The wire integers here and there.
        values: [u32; 2],
    },
    /// A row that only one of them has.
    Row {
        /// Index of the row's table in the schema.
        table: usize,
        /// The row.
        row: RowId,
        /// Whether the row is in the world here; otherwise it is in the world there.
        is_here: bool,
    },
    /// The generation that the row in a slot has, or that the next row there will have.
    Slot {
        /// Index of the table in the schema.
        table: usize,
        /// The slot.
        slot: usize,
        /// The generations here and there; `None` where the slot was never taken.
        generations: [Option<u16>; 2],
    },
    /// The free slots of a table with hidden rows.
    FreeSlots {
        /// Index of the table in the schema.
        table: usize,
        /// The slots that were drawn so far, here and there.
        draws: [u32; 2],
    },
    /// The state of the random numbers.
    Random {
        /// Seed or stream and numbers drawn, here and there.
        places: [(u64, u64); 2],
    },
}

/// Everything in which two snapshots differ; nothing for equal ones.
///
/// # Panics
/// When one of them is not of this shape.
pub fn of_snapshots<'a>(
    schema: &'a Schema,
    here: &'a Snapshot,
    there: &'a Snapshot,
) -> impl Iterator<Item = Difference> + 'a {
    let widths = |snapshot: &Snapshot| snapshot.tables.iter().map(|rows| rows.width).eq(widths_of(schema));
    assert!(widths(here) && widths(there), "both snapshots are of the schema's shape");
    let tables = here.tables.iter().zip(&there.tables).enumerate();
    tables.flat_map(|(table, (here, there))| of_rows(table, here, there))
}

fn widths_of(schema: &Schema) -> impl Iterator<Item = usize> {
    schema.tables.iter().map(|table| table.leaves.len())
}

/// Everything in which two full states differ; nothing for equal ones.
///
/// # Panics
/// As [`of_snapshots`].
pub fn of_full_states<'a>(
    schema: &'a Schema,
    here: &'a FullState,
    there: &'a FullState,
) -> impl Iterator<Item = Difference> + 'a {
    let tables = (1..).zip(here.slots.iter().zip(&there.slots));
    let slots = tables.flat_map(|(table, (here, there))| {
        let slots =
            (0..here.len().max(there.len())).map(move |slot| (slot, [here, there].map(|it| it.get(slot).copied())));
        let differing = slots.filter(|(_, [here, there])| here != there);
        differing.map(move |(slot, generations)| Difference::Slot { table, slot, generations })
    });
    let pools = here.hidden().iter().zip(there.hidden()).filter(|(here, there)| here != there);
    let pools = pools.map(|((place, here), (_, there))| Difference::FreeSlots {
        table: place + 1,
        draws: [here.draws(), there.draws()],
    });
    let random = Difference::Random { places: [here.rng.place(), there.rng.place()] };
    let random = (here.rng != there.rng).then_some(random);
    of_snapshots(schema, &here.snapshot, &there.snapshot).chain(slots).chain(pools).chain(random)
}

fn of_rows<'a>(table: usize, here: &'a Rows, there: &'a Rows) -> impl Iterator<Item = Difference> + 'a {
    let (mut left, mut right) = (0, 0);
    let pairs = core::iter::from_fn(move || {
        let (one, other) = (here.ids.get(left), there.ids.get(right));
        let order = match (one, other) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        let pair = (order.is_le().then_some(left), order.is_ge().then_some(right));
        left += usize::from(order.is_le());
        right += usize::from(order.is_ge());
        Some(pair)
    });
    pairs.flat_map(move |(left, right)| {
        let both = left.zip(right).map(|(left, right)| (here.ids[left], here.row(left), there.row(right)));
        let alone = match (left, right) {
            (Some(index), None) => Some(Difference::Row { table, row: here.ids[index], is_here: true }),
            (None, Some(index)) => Some(Difference::Row { table, row: there.ids[index], is_here: false }),
            _ => None,
        };
        let leaves = both.into_iter().flat_map(move |(row, left, right)| {
            let differing = left.iter().zip(right).enumerate().filter(|(_, (one, other))| one != other);
            differing.map(move |(leaf, (one, other))| Difference::Leaf { table, row, leaf, values: [*one, *other] })
        });
        alone.into_iter().chain(leaves)
    })
}

/// A difference with the game's own names and units, to be printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The path of the thing that differs, such as `ships[3#1].velocity.x`: table, slot, generation, leaf.
    pub path: String,
    /// Its value here.
    pub here: Reading,
    /// Its value there.
    pub there: Reading,
}

/// The value of a thing in one of two worlds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// A number in the game's own unit, and the wire integer that stands for it.
    Number {
        /// The number in the game's unit.
        value: f64,
        /// The wire integer.
        raw: u32,
    },
    /// A flag, tag or id: a wire integer without a unit.
    Choice(u32),
    /// A float that is no number, which rounding would hide.
    NotANumber,
    /// A row or another thing that is present.
    Row,
    /// A thing that is absent.
    Nothing,
    /// The generation of a slot.
    Generation(u16),
    /// How many free slots were drawn.
    Draws(u32),
    /// The state of a generator of random numbers.
    Random {
        /// Its seed, or the number of its stream.
        seed: u64,
        /// Numbers drawn from it.
        drawn: u64,
    },
    /// A number of events.
    Events(usize),
    /// A thing that has no value, because it cannot be read.
    Error,
}

impl Difference {
    /// The difference in the game's own names and units.
    #[must_use]
    pub fn name(&self, schema: &Schema) -> Named {
        let presence = |is_there| if is_there { Reading::Row } else { Reading::Nothing };
        match *self {
            Self::Leaf { table, row, leaf, values } => {
                let [here, there] = values.map(|value| Reading::of(&schema.tables[table].leaves[leaf], value));
                Named { path: path(schema, table, row, Some(leaf)), here, there }
            }
            Self::Row { table, row, is_here } => {
                Named { path: path(schema, table, row, None), here: presence(is_here), there: presence(!is_here) }
            }
            Self::Slot { table, slot, generations } => {
                let [here, there] = generations.map(|known| known.map_or(Reading::Nothing, Reading::Generation));
                Named { path: format!("the generation of slot {slot} of {}", schema.tables[table].name), here, there }
            }
            Self::FreeSlots { table, draws } => {
                let [here, there] = draws.map(Reading::Draws);
                Named { path: format!("the free slots of {}", schema.tables[table].name), here, there }
            }
            Self::Random { places } => {
                let [here, there] = places.map(|(seed, drawn)| Reading::Random { seed, drawn });
                Named { path: "the random numbers".into(), here, there }
            }
        }
    }
}

/// The path of a row, or of a leaf in it, such as `ships[3#1].velocity.x`.
#[must_use]
pub fn path(schema: &Schema, table: usize, row: RowId, leaf: Option<usize>) -> String {
    let shape = &schema.tables[table];
    let leaf = leaf.map(|leaf| shape.leaves[leaf].path.as_str());
    if table == 0 {
        return leaf.unwrap_or("the world").into();
    }
    let (name, RowId { slot, generation }) = (&shape.name, row);
    leaf.map_or_else(|| format!("{name}[{slot}#{generation}]"), |leaf| format!("{name}[{slot}#{generation}].{leaf}"))
}

/// The path of a field in the world, such as `ships.velocity`, by its first leaf: see
/// [`leaves_of_field`](crate::state::TableSchema::leaves_of_field).
#[must_use]
#[inline]
pub fn path_of_field(schema: &Schema, table: usize, leaf: usize) -> String {
    let shape = &schema.tables[table];
    // A field of one leaf may have the name of an axis.
    let is_alone = shape.leaves_of_field(leaf).len() == 1;
    let field = if is_alone { &shape.leaves[leaf].path } else { shape.leaves[leaf].field() };
    // The components of a rotation have names of their own, and this is the first one's.
    let field = if shape.is_of_rotation(leaf) { field.strip_suffix(".largest").unwrap_or(field) } else { field };
    let dot = if shape.name.is_empty() { "" } else { "." };
    format!("{}{dot}{field}", shape.name)
}

impl Reading {
    /// The meaning of a wire integer, as a value of this leaf.
    #[must_use]
    pub fn of(leaf: &Leaf, raw: u32) -> Self {
        let is_whole = leaf.unit.to_bits() == 1.0_f32.to_bits();
        match leaf.kind {
            LeafKind::Choice => Self::Choice(raw),
            // The value is computed as the game computes it, so that it prints as the game would print it.
            _ if !is_whole => Self::Number { value: f64::from(leaf.min as f32 + raw as f32 * leaf.unit), raw },
            _ => Self::Number { value: leaf.min + f64::from(raw), raw },
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number { value, raw } => {
                let short = value as f32;
                let is_short = f64::from(short).to_bits() == value.to_bits();
                if is_short { write!(f, "{short} (raw {raw})") } else { write!(f, "{value} (raw {raw})") }
            }
            Self::Choice(raw) => write!(f, "raw {raw}"),
            Self::NotANumber => f.write_str("NaN"),
            Self::Row => f.write_str("present"),
            Self::Nothing => f.write_str("absent"),
            Self::Generation(generation) => write!(f, "{generation}"),
            Self::Draws(count) => write!(f, "{count} drawn"),
            Self::Random { seed, drawn } => write!(f, "{drawn} drawn from seed {seed}"),
            Self::Events(count) => write!(f, "{count} of them"),
            Self::Error => f.write_str("unreadable"),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} here, {} there", self.path, self.here, self.there)
    }
}

/// The path of the first float of a world that is no number; see
/// [`State::not_a_number`](crate::state::State::not_a_number).
pub fn not_a_number<S: crate::state::State>(schema: &Schema, world: &mut S) -> Option<String> {
    let root = world.not_a_number().map(|leaf| path(schema, 0, RowId::default(), Some(leaf)));
    root.or_else(|| {
        let mut search = NotANumber { table: 0, found: None };
        world.tables(&mut search);
        search.found.map(|(table, row, leaf)| path(schema, table, row, Some(leaf)))
    })
}

struct NotANumber {
    table: usize,
    found: Option<(usize, RowId, usize)>,
}

impl crate::state::TableVisitor for NotANumber {
    fn table<T: crate::state::State + Default>(&mut self, table: &mut Table<T>) {
        self.table += 1;
        if self.found.is_none() {
            let number = self.table;
            self.found = table.iter().find_map(|(row, value)| Some((number, row, value.not_a_number()?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::state::State;
    use crate::tick::Tick;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[derive(Clone, Default, State)]
    struct World {
        ticks: i16,
        things: Table<Thing>,
        others: Table<Thing>,
    }

    #[derive(Clone, Default, State)]
    struct Thing {
        #[state(range = -5.0..=5.0, step = 0.1)]
        x: f32,
        held: Option<Held>,
    }

    #[derive(Clone, Copy, Default, State)]
    enum Held {
        #[default]
        Nothing,
        Ball(#[state(range = 0.0..=2.0, step = 0.5)] f32),
    }

    fn world() -> World {
        let mut world = World { ticks: -3, ..World::default() };
        for x in [1.0, 2.0, 3.0] {
            world.things.insert(Thing { x, held: Some(Held::Ball(0.5)) });
        }
        world
    }

    fn full_state(world: &mut World) -> FullState {
        let mut full_state = FullState::empty(&Schema::of::<World>());
        full_state.capture(world, &Rng::new(4), Tick(1));
        full_state
    }

    fn shown(one: &mut World, other: &mut World) -> Vec<String> {
        let schema = Schema::of::<World>();
        let (one, other) = (full_state(one), full_state(other));
        let found = of_full_states(&schema, &one, &other);
        found.map(|difference| difference.name(&schema).to_string()).collect()
    }

    #[test]
    fn equal_worlds_do_not_differ() {
        assert_eq!(shown(&mut world(), &mut world()), [""; 0]);
    }

    #[test]
    fn every_leaf_row_slot_and_random_number_that_differs_is_named() {
        let (mut one, mut other) = (world(), world());
        other.ticks = 7;
        let ids: Vec<RowId> = other.things.iter().map(|(id, _)| id).collect();
        other.things.get_mut(ids[1]).unwrap().x = 1.9;
        other.things.get_mut(ids[2]).unwrap().held = None;
        other.things.remove(ids[0]);
        other.others.insert(Thing::default());
        let expected = [
            "ticks: -3 (raw 32765) here, 7 (raw 32775) there",
            "things[0#0]: present here, absent there",
            "things[1#0].x: 2 (raw 70) here, 1.9000001 (raw 69) there",
            "things[2#0].held.some: raw 1 here, raw 0 there",
            "things[2#0].held.kind: raw 1 here, raw 0 there",
            "things[2#0].held.Ball.0: 0.5 (raw 1) here, 0 (raw 0) there",
            "others[0#0]: absent here, present there",
            "the generation of slot 0 of things: 0 here, 1 there",
            "the generation of slot 0 of others: absent here, 0 there",
        ];
        assert_eq!(shown(&mut one, &mut other), expected);
        let (schema, one) = (Schema::of::<World>(), full_state(&mut one));
        let mut drawn = one.clone();
        drawn.rng.next_u64();
        let found: Vec<Difference> = of_full_states(&schema, &one, &drawn).collect();
        assert_eq!(found, [Difference::Random { places: [(4, 0), (4, 2)] }]);
    }

    #[test]
    fn a_float_that_is_no_number_is_named_wherever_it_is() {
        let schema = Schema::of::<World>();
        let mut world = world();
        assert_eq!(not_a_number(&schema, &mut world), None);
        let last = world.things.iter().last().unwrap().0;
        world.things.get_mut(last).unwrap().held = Some(Held::Ball(f32::NAN));
        assert_eq!(not_a_number(&schema, &mut world).unwrap(), "things[2#0].held.Ball.0");
        world.things.get_mut(last).unwrap().x = -f32::NAN;
        assert_eq!(not_a_number(&schema, &mut world).unwrap(), "things[2#0].x");
        // Rounding hides a NaN, which is why the search must come before it.
        full_state(&mut world);
        assert_eq!(not_a_number(&schema, &mut world), None);
        assert_eq!(world.things.get(last).unwrap().x.to_bits(), 0.0_f32.to_bits());
    }
}

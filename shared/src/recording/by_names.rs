//! A checkpoint of an earlier build, read by the names of its tables and leaves.
//!
//! A field that has the same name and kind in both builds is taken over, by its value. A new field begins as in a new
//! world, and a field that is gone is left out. Rows keep their ids and tables their free slots; the tick, the random
//! numbers and the secret go on. The recent worlds are left out: nobody looks back to before the new build.

use crate::game::Game;
use crate::recording::checkpoint::{check, split};
use crate::recording::describe::{Description, DescriptionFault};
use crate::rng::{Rng, Secret};
use crate::state::{Leaf, LeafKind, Schema, State, TableSchema, TableVisitor};
use crate::table::Table;
use crate::table::hidden::HiddenSlots;
use crate::wire::{DecodeError, Reader};
use crate::world::full_state::FullState;
use crate::world::hidden_rows::{hide_slots, is_hidden, pools_of};
use crate::world::history::History;
use crate::world::simulation::Checkpoint;
use crate::world::snapshot::{Rows, Snapshot};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use thiserror::Error;

/// The paths, from the world down, of the fields that are not as they were. A table that is new or gone is named as a
/// whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Leaves with another range or step: their values were taken over as nearly as the present one allows.
    pub converted: Vec<String>,
    /// Leaves and tables that were not there, or that were something else: they begin as in a new world.
    pub defaulted: Vec<String>,
    /// Leaves and tables that are gone.
    pub dropped: Vec<String>,
}

/// Paths that are named of each kind of difference; the others are counted.
const NAMED_MAX: usize = 8;

impl fmt::Display for Differences {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("converted", &self.converted), ("new", &self.defaulted), ("gone", &self.dropped)];
        let mut separator = "";
        for (kind, paths) in kinds.into_iter().filter(|(_, paths)| !paths.is_empty()) {
            write!(out, "{separator}{kind}: {}", paths[..paths.len().min(NAMED_MAX)].join(", "))?;
            if paths.len() > NAMED_MAX {
                write!(out, " and {} more", paths.len() - NAMED_MAX)?;
            }
            separator = "; ";
        }
        if separator.is_empty() { out.write_str("all fields are as they were") } else { Ok(()) }
    }
}

/// The reason for which a checkpoint cannot be read by names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ByNamesError {
    /// Its description describes nothing.
    #[error("the description of its fields is none: {0}")]
    Description(#[from] DescriptionFault),
    /// The bytes are no checkpoint with that description.
    #[error(transparent)]
    Bytes(#[from] DecodeError),
}

impl<G: Game> Checkpoint<G> {
    /// Reads a checkpoint that [`Checkpoint::encode`] wrote for a world with the shape `old`, to the end of `bytes`; `new`
    /// is the schema of this game. The secret is the room's, for a game that had no need of it before.
    ///
    /// # Errors
    /// [`ByNamesError`] for any other bytes, and when no world has the shape `old`.
    pub fn read_by_names(
        old: &Description,
        bytes: &[u8],
        new: &Schema,
        secret: &Secret,
    ) -> Result<(Self, Differences), ByNamesError> {
        let old = old.schema()?;
        let (content, hash) = split(bytes)?;
        check(content, hash)?;
        let mut reader = Reader::new(content);
        let length = reader.varint()?;
        let kept = FullState::decode_kept(&old, reader.slice(length as usize)?)?;
        let (mut world, mut full_state) = (G::default(), FullState::empty(new));
        let rng = generator::<G>(&kept, secret);
        // A field that has no former value stays as it is in a new world.
        full_state.capture(&mut world, &rng, kept.tick());
        let mut defaults = Defaults(alloc::vec![full_state.snapshot.tables[0].wire.clone()]);
        world.tables(&mut defaults);
        let mut differences = Differences::default();
        for (number, (table, row)) in new.tables.iter().zip(&defaults.0).enumerate() {
            let Some(from) = old.tables.iter().position(|other| other.name == table.name) else {
                differences.defaulted.push(table.name.clone());
                continue;
            };
            let former = &old.tables[from];
            let plan = Plan::between(former, table, row, &mut differences);
            plan.carry(&kept.snapshot.tables[from], &mut full_state.snapshot.tables[number]);
            if let (Some(place), Some(former)) = (number.checked_sub(1), from.checked_sub(1)) {
                full_state.slots[place].clone_from(&kept.slots[former]);
                let hidden = kept.hidden().iter().find(|(place, _)| *place == former);
                let pools = hidden.and_then(|(_, hidden)| pools::<G>(hidden, table, number, &rng));
                full_state.hidden.extend(pools.map(|pools| (place, pools)));
            }
        }
        let is_gone = |table: &&TableSchema| new.tables.iter().all(|other| other.name != table.name);
        differences.dropped.extend(old.tables.iter().filter(is_gone).map(|table| table.name.clone()));
        Ok((begin(&full_state, world, new), differences))
    }
}

/// The random numbers that go on. A game that is in the other mode now needs the generator of that mode.
fn generator<G: Game>(kept: &FullState, secret: &Secret) -> Rng {
    match (G::RULES.is_lockstep(), kept.rng.secret()) {
        (true, Some(_)) => Rng::new(secret.seed()),
        (false, None) => Rng::of_step(secret.clone(), kept.tick().0, 0),
        (true, None) | (false, Some(_)) => kept.rng.clone(),
    }
}

/// The free slots of a table whose rows were hidden and are. With other seats or owners than before the table begins new
/// pools behind all of its slots, and so it does without an answer from here.
fn pools<G: Game>(kept: &HiddenSlots, table: &TableSchema, number: usize, rng: &Rng) -> Option<HiddenSlots> {
    let secret = rng.secret().filter(|_| is_hidden(table))?;
    let is_same = kept.pools.len() == usize::from(pools_of(table, G::RULES.seats));
    let number = u8::try_from(number).ok().filter(|_| is_same)?;
    Some(HiddenSlots::from_parts(secret, number, kept.first, kept.pools.clone()))
}

/// A checkpoint whose history begins with this world.
fn begin<G: Game>(full_state: &FullState, mut world: G, schema: &Schema) -> Checkpoint<G> {
    let rng = full_state.restore(&mut world);
    if let Some(secret) = rng.secret() {
        hide_slots(&mut world, schema, secret);
    }
    // Values of which others govern that they are not there become zero.
    let mut first = Snapshot::empty(schema);
    first.capture(&mut world, full_state.tick());
    Checkpoint { world, rng, history: History::beginning_with::<G>(first) }
}

/// The row of each table that has its type's default values; that of the world itself is there before.
struct Defaults(Vec<Vec<u32>>);

impl TableVisitor for Defaults {
    fn table<T: State + Default>(&mut self, _: &mut Table<T>) {
        let mut row = alloc::vec![0; T::WIDTH];
        T::default().gather(&mut row);
        self.0.push(row);
    }
}

/// How the rows of one table are taken over.
struct Plan<'a>(Vec<Origin<'a>>);

/// Where the values of a leaf come from.
struct Origin<'a> {
    leaf: &'a Leaf,
    /// The former leaf, and its place in the row.
    from: Option<(usize, &'a Leaf)>,
    /// The value if there is none to take over.
    default: u32,
}

impl<'a> Plan<'a> {
    /// The plan for a table, of which `row` is the default row. It adds to the differences.
    fn between(old: &'a TableSchema, new: &'a TableSchema, row: &[u32], differences: &mut Differences) -> Self {
        let path =
            |leaf: &Leaf| if new.name.is_empty() { leaf.path.clone() } else { format!("{}.{}", new.name, leaf.path) };
        let same = |one: &Leaf, other: &Leaf| one.path == other.path && one.kind == other.kind;
        let mut leaves = Vec::new();
        for (leaf, default) in new.leaves.iter().zip(row) {
            // Most leaves are at the place where they were.
            let at_place = old.leaves.get(leaves.len()).filter(|former| same(former, leaf));
            let anywhere = || old.leaves.iter().position(|former| same(former, leaf));
            let from = at_place.map(|_| leaves.len()).or_else(anywhere).map(|place| (place, &old.leaves[place]));
            match from {
                Some((_, former)) if !is_on_same_grid(former, leaf) || former.max != leaf.max => {
                    differences.converted.push(path(leaf));
                }
                Some(_) => {}
                None => differences.defaulted.push(path(leaf)),
            }
            leaves.push(Origin { leaf, from, default: *default });
        }
        let is_gone = |former: &&Leaf| !new.leaves.iter().any(|leaf| same(leaf, former));
        differences.dropped.extend(old.leaves.iter().filter(is_gone).map(path));
        Self(leaves)
    }

    /// Replaces the rows by the former ones.
    fn carry(&self, former: &Rows, rows: &mut Rows) {
        rows.clear();
        for (index, id) in former.ids.iter().enumerate() {
            let (values, row) = (former.row(index), rows.push(*id));
            for (value, Origin { leaf, from, default }) in row.iter_mut().zip(&self.0) {
                let taken = from.and_then(|(place, former)| value_of(values[place], former, leaf));
                *value = taken.unwrap_or(*default);
            }
        }
    }
}

fn is_on_same_grid(one: &Leaf, other: &Leaf) -> bool {
    (one.min, one.unit.to_bits()) == (other.min, other.unit.to_bits())
}

/// The wire integer in `new` of a value in `old`; `None` for a choice that is none any more.
fn value_of(value: u32, old: &Leaf, new: &Leaf) -> Option<u32> {
    match new.kind {
        // A cut list keeps the values that it has space for.
        LeafKind::Choice if is_length(new) => Some(value.min(new.max)),
        LeafKind::Choice => Some(value).filter(|value| *value <= new.max),
        LeafKind::Turn => {
            let (directions, now) = (u64::from(old.max) + 1, u64::from(new.max) + 1);
            let turned = (u64::from(value) * now + directions / 2) / directions % now;
            u32::try_from(turned).ok()
        }
        LeafKind::Number if is_on_same_grid(old, new) => Some(value.min(new.max)),
        LeafKind::Number => {
            let exact = old.min + f64::from(value) * f64::from(old.unit);
            let steps = libm::round((exact - new.min) / f64::from(new.unit));
            // A cast saturates.
            Some((steps as u32).min(new.max))
        }
    }
}

/// Whether a leaf is the length of a list or a map.
fn is_length(leaf: &Leaf) -> bool {
    leaf.path == "len" || leaf.path.ends_with(".len")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Leave, Mode, Rules, Step};
    use crate::id::{RowId, Seat};
    use crate::tick::Tick;
    use crate::world::simulation::Simulation;
    use alloc::string::ToString;

    /// The game as it was.
    mod before {
        use super::*;

        #[derive(State, Clone, Default)]
        pub(super) struct World {
            pub(super) lost: Table<Lost>,
            #[state(range = 0..=200)]
            pub(super) ticks: u32,
            pub(super) gone: u8,
            #[state(range = -1.0..=1.0, step = 0.25)]
            pub(super) narrow: f32,
            #[state(range = -9.0..=9.0, step = 0.25)]
            pub(super) wide: f32,
            #[state(angle, bits = 8)]
            pub(super) heading: f32,
            pub(super) kind: u8,
            pub(super) stage: Stage,
            #[state(max = 4)]
            pub(super) list: Vec<u8>,
            pub(super) things: Table<Thing>,
            #[state(only = owner)]
            pub(super) hands: Table<Hand>,
        }

        #[derive(State, Clone, Copy, Default, PartialEq, Debug)]
        pub(super) enum Stage {
            #[default]
            Warm,
            Hot,
            Over,
        }

        #[derive(State, Clone, Default)]
        pub(super) struct Lost {
            n: u8,
        }

        #[derive(State, Clone, Default)]
        pub(super) struct Thing {
            pub(super) dice: u32,
            pub(super) old: u8,
        }

        #[derive(State, Clone, Default)]
        pub(super) struct Hand {
            #[state(owner)]
            pub(super) seat: Option<Seat>,
            pub(super) face: u8,
        }
    }

    /// The game as it is: with other fields in another order.
    mod after {
        use super::*;

        #[derive(State, Clone, Default)]
        pub(super) struct World {
            #[state(range = 0..=100_000)]
            pub(super) ticks: u32,
            pub(super) lives: Lives,
            #[state(range = -0.5..=0.5, step = 0.125)]
            pub(super) narrow: f32,
            #[state(range = -100.0..=100.0, step = 0.5)]
            pub(super) wide: f32,
            #[state(angle, bits = 10)]
            pub(super) heading: f32,
            pub(super) kind: bool,
            pub(super) stage: Stage,
            #[state(max = 2)]
            pub(super) list: Vec<u8>,
            #[state(only = owner)]
            pub(super) hands: Table<before::Hand>,
            pub(super) things: Table<Thing>,
            pub(super) marks: Table<before::Lost>,
        }

        #[derive(State, Clone)]
        pub(super) struct Lives(pub(super) u8);

        impl Default for Lives {
            fn default() -> Self {
                Self(3)
            }
        }

        #[derive(State, Clone, Copy, Default, PartialEq, Debug)]
        pub(super) enum Stage {
            #[default]
            Warm,
            Hot,
        }

        #[derive(State, Clone)]
        pub(super) struct Thing {
            pub(super) hp: u8,
            pub(super) dice: u32,
        }

        impl Default for Thing {
            fn default() -> Self {
                Self { hp: 100, dice: 0 }
            }
        }
    }

    macro_rules! game {
        ($name:ident, $world:path, $mode:expr, $seats:expr) => {
            #[derive(State, Clone, Default)]
            struct $name {
                w: $world,
            }

            impl Game for $name {
                type Input = ();
                type Event = ();
                type Options = ();
                const RULES: Rules = Rules::new("versions", 30).seats($seats).mode($mode);

                fn new((): &()) -> Self {
                    Self::default()
                }

                fn join(&mut self, _: Seat) {}

                fn leave(&mut self, _: Seat, _: Leave) {}

                fn step(&mut self, tick: &mut Step<'_, Self>) {
                    self.w.ticks += 1;
                    let dice = tick.rng().next_u32();
                    self.w.things.insert(Rolled::rolled(dice));
                    self.w.things.retain(|id, _| u32::from(id.slot) % 29 != dice % 29);
                    self.w.hands.insert(before::Hand { seat: Seat::new((dice % 2) as u8), face: dice as u8 });
                    self.w.hands.retain(|id, _| u32::from(id.slot) % 23 != dice % 23);
                }
            }
        };
    }

    const SNAPSHOTS: Mode = Mode::Snapshot { every_ticks: 1 };
    const LOCKSTEP: Mode = Mode::Lockstep { rollback_ticks_max: 8 };

    /// A row that is made from a number, in both versions.
    trait Rolled {
        fn rolled(dice: u32) -> Self;
    }

    impl Rolled for before::Thing {
        fn rolled(dice: u32) -> Self {
            Self { dice, old: 7 }
        }
    }

    impl Rolled for after::Thing {
        fn rolled(dice: u32) -> Self {
            Self { dice, ..Self::default() }
        }
    }

    game!(Old, before::World, SNAPSHOTS, 2);
    game!(New, after::World, SNAPSHOTS, 2);
    game!(Wider, after::World, SNAPSHOTS, 3);
    game!(OldLockstep, before::World, LOCKSTEP, 2);
    game!(NewLockstep, after::World, LOCKSTEP, 2);

    /// A match of the old game with something in every field, as it was and as bytes.
    macro_rules! played {
        ($game:ty) => {{
            let mut simulation = Simulation::<$game>::new(4, &());
            (0..60).for_each(|_| simulation.step(&[], &mut Vec::new()));
            let mut checkpoint = simulation.checkpoint().clone();
            let world = &mut checkpoint.world.w;
            (world.gone, world.narrow, world.wide, world.heading) = (9, 0.75, 1.25, 0.0);
            (world.heading, world.kind, world.stage) = (core::f32::consts::FRAC_PI_2, 1, before::Stage::Over);
            world.list = alloc::vec![5, 6, 7];
            world.lost.insert(before::Lost::default());
            let mut first = Snapshot::empty(simulation.schema());
            first.capture(&mut checkpoint.world, simulation.tick());
            checkpoint.history = History::beginning_with::<$game>(first);
            let mut bytes = Vec::new();
            checkpoint.encode(simulation.schema(), &mut bytes);
            (Description::of(simulation.schema()), checkpoint, bytes)
        }};
    }

    fn read<G: Game>(old: &Description, bytes: &[u8]) -> Result<(Checkpoint<G>, Differences), ByNamesError> {
        Checkpoint::read_by_names(old, bytes, &Schema::of::<G>(), &Secret::from(4))
    }

    fn ids<T>(table: &Table<T>) -> Vec<RowId> {
        table.ids().to_vec()
    }

    #[test]
    fn what_has_the_same_name_is_taken_over_by_its_value() {
        let (description, old, bytes) = played!(Old);
        let (new, differences) = read::<New>(&description, &bytes).unwrap();
        let (was, is) = (&old.world.w, &new.world.w);
        assert_eq!((is.ticks, is.narrow, is.wide, is.heading), (60, 0.5, 1.5, was.heading), "clamped and rounded");
        assert_eq!((is.lives.0, is.kind, is.stage), (3, false, after::Stage::Warm), "as in a new world");
        assert_eq!(is.list, [5, 6], "as many as there is space for");
        assert_eq!((ids(&is.things), ids(&is.hands)), (ids(&was.things), ids(&was.hands)));
        assert!(is.things.len() > 5 && is.hands.len() > 5 && is.marks.is_empty());
        let things = is.things.values().zip(was.things.values());
        assert!(things.into_iter().all(|(is, was)| is.dice == was.dice && is.hp == 100));
        assert!(is.hands.values().zip(was.hands.values()).all(|(is, was)| (is.seat, is.face) == (was.seat, was.face)));
        assert_eq!(new.history.newest().tick, Tick(60));
        assert_eq!(new.history.older().0, 0, "history begins with this world");
        let names = |paths: &[&str]| paths.iter().map(|path| format!("w.{path}")).collect::<Vec<_>>();
        assert_eq!(differences.converted, names(&["ticks", "narrow", "wide", "heading", "stage", "list.len"]));
        assert_eq!(differences.defaulted, names(&["lives.0", "kind", "things.hp", "marks"]));
        assert_eq!(differences.dropped, names(&["gone", "kind", "list[2]", "list[3]", "things.old", "lost"]));
    }

    /// The match goes on in the new game with the ids and the random numbers that it would have had in the old one.
    macro_rules! goes_on {
        ($old:ty, $new:ty) => {{
            let (description, old, bytes) = played!($old);
            let (new, _) = read::<$new>(&description, &bytes).unwrap();
            let mut again = Vec::new();
            new.clone().encode(&Schema::of::<$new>(), &mut again);
            let again = Checkpoint::<$new>::decode(&Schema::of::<$new>(), &again).unwrap();
            assert!(FullState::of(&again) == FullState::of(&new), "it can be kept again before its next tick");
            let (mut old, mut new) = (Simulation::<$old>::resume(old), Simulation::<$new>::resume(new));
            for _ in 0..60 {
                old.step(&[], &mut Vec::new());
                new.step(&[], &mut Vec::new());
                let (was, is) = (&old.world().w, &new.world().w);
                assert_eq!(ids(&is.things), ids(&was.things));
                assert!(is.things.values().zip(was.things.values()).all(|(is, was)| is.dice == was.dice));
                assert!(is.hands.values().zip(was.hands.values()).all(|(is, was)| is.face == was.face));
            }
            (old, new)
        }};
    }

    #[test]
    fn ids_and_random_numbers_go_on() {
        goes_on!(OldLockstep, NewLockstep);
        let (description, _, bytes) = played!(Old);
        let (new, _) = read::<New>(&description, &bytes).unwrap();
        let pools = new.world.w.hands.hidden_slots().unwrap().pools.clone();
        assert!(pools.len() == 3 && pools.iter().any(|pool| pool.draws > 5), "the pools are those that were there");
    }

    #[test]
    fn with_more_seats_hidden_rows_keep_their_ids_and_new_rows_get_others() {
        let (description, old, bytes) = played!(Old);
        let (new, _) = read::<Wider>(&description, &bytes).unwrap();
        let before = ids(&new.world.w.hands);
        assert_eq!(before, ids(&old.world.w.hands));
        let slots = new.world.w.hands.hidden_slots().unwrap();
        assert_eq!((slots.pools.len(), slots.draws()), (4, 0));
        let first = slots.first;
        let mut simulation = Simulation::<Wider>::resume(new);
        (0..60).for_each(|_| simulation.step(&[], &mut Vec::new()));
        let now = ids(&simulation.world().w.hands);
        assert!(now.len() > 5 && now.iter().all(|id| id.slot >= first || before.contains(id)));
    }

    #[test]
    fn a_game_may_change_its_mode() {
        let (description, _, bytes) = played!(OldLockstep);
        let (new, _) = read::<New>(&description, &bytes).unwrap();
        assert!(new.rng.secret() == Some(&Secret::from(4)) && new.world.w.hands.hidden_slots().is_some());
        let (description, _, bytes) = played!(Old);
        let (new, _) = read::<NewLockstep>(&description, &bytes).unwrap();
        assert!(new.rng.secret().is_none() && new.world.w.hands.hidden_slots().is_none());
    }

    #[test]
    fn a_world_of_the_same_shape_returns_as_it_was() {
        let (description, old, bytes) = played!(Old);
        let (again, differences) = read::<Old>(&description, &bytes).unwrap();
        assert!(FullState::of(&again) == FullState::of(&old));
        assert_eq!(
            (differences.clone(), differences.to_string().as_str()),
            (Differences::default(), "all fields are as they were")
        );
    }

    #[test]
    fn every_cut_and_every_damage_is_an_error() {
        let (description, _, bytes) = played!(Old);
        for cut in 0..bytes.len() {
            assert!(read::<New>(&description, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read::<New>(&description, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_damaged_description_never_panics() {
        let (description, _, bytes) = played!(Old);
        let (text, mut dice, mut read_anyway) = (serde_json::to_vec(&description).unwrap(), Rng::new(3), 0);
        for _ in 0..5_000 {
            let (mut damaged, marks) = (text.clone(), b"0129-.\"{},xn");
            for _ in 0..=dice.below(2) {
                let place = dice.below(damaged.len() as u32) as usize;
                damaged[place] = marks[dice.below(marks.len() as u32) as usize];
            }
            let Ok(description) = serde_json::from_slice(&damaged) else { continue };
            read_anyway += u32::from(read::<New>(&description, &bytes).is_ok());
        }
        assert!(read_anyway > 100, "{read_anyway}: names and ranges that are others than they were");
    }

    #[test]
    fn the_text_names_a_few_of_each_kind() {
        let paths = |count: u32| (0..count).map(|number| format!("a{number}")).collect::<Vec<_>>();
        let differences = Differences { converted: paths(1), defaulted: Vec::new(), dropped: paths(10) };
        let text = "converted: a0; gone: a0, a1, a2, a3, a4, a5, a6, a7 and 2 more";
        assert_eq!(differences.to_string(), text);
    }
}

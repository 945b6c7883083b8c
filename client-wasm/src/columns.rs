//! The shown world as columns: one array per field and table, in the module's memory, for JavaScript to read in place.
//!
//! Columns follow the game's schema alone and know no game. An address changes only when a table grows beyond its
//! capacity, which doubles then: a warm view allocates nothing, and typed arrays over the columns stay valid until the
//! directory or the memory's buffer is another one.
//!
//! A row is shown under its first id for as long as it lives. The fields of a world name a row by the id that it has
//! now, which is another one when the client had predicted the row. A column after the leaves holds these ids. The
//! columns cannot translate the fields, because no field says which table its id belongs to.

use tickwire::RowId;
use tickwire::client::{FirstId, ShownRows};
use tickwire::state::{Schema, TableSchema};
use tickwire::tick::Tick;
use tickwire::world::snapshot::Rows;

/// Words of the directory per table.
pub(crate) const WORDS: usize = 8;

/// Rows that a table has room for at first.
const FIRST_ROWS: usize = 16;

/// The newest view of a world, by table.
#[derive(Debug)]
pub(crate) struct Columns {
    tables: Vec<TableColumns>,
    directory: Vec<u32>,
    tick: Tick,
}

impl Columns {
    /// No world yet, of this shape: all tables are empty.
    pub(crate) fn new(schema: Schema) -> Self {
        let tables: Vec<_> = schema.tables.into_iter().map(TableColumns::new).collect();
        let mut columns = Self { directory: vec![0; tables.len() * WORDS], tables, tick: Tick(0) };
        columns.write_directory();
        columns
    }

    /// Takes in the world that is shown now.
    pub(crate) fn show(&mut self, ShownRows { world, first_ids }: ShownRows<'_>) {
        self.tick = world.tick;
        for (number, (table, rows)) in self.tables.iter_mut().zip(&world.tables).enumerate() {
            let start = first_ids.partition_point(|known| known.table < number);
            let end = first_ids.partition_point(|known| known.table <= number);
            table.show(rows, &first_ids[start..end]);
        }
        self.write_directory();
    }

    /// The tick at which own rows are shown, or shortly after it.
    pub(crate) const fn tick(&self) -> Tick {
        self.tick
    }

    /// Per table `[rows, capacity, ids, arrived count, arrived, gone count, gone, columns]`, the root's first. The words
    /// without a count are addresses.
    pub(crate) fn directory(&self) -> &[u32] {
        &self.directory
    }

    fn write_directory(&mut self) {
        for (table, words) in self.tables.iter().zip(self.directory.chunks_exact_mut(WORDS)) {
            let TableColumns { capacity, ids, arrived, gone, columns, .. } = table;
            let count = |list: &[u32]| list.len() as u32;
            words.copy_from_slice(&[
                count(ids),
                *capacity as u32,
                address(ids),
                count(arrived),
                address(arrived),
                count(gone),
                address(gone),
                address(columns),
            ]);
        }
    }
}

/// An address in the module's memory, which has 32 bits. Natively there is nobody to read it.
fn address(list: &[u32]) -> u32 {
    list.as_ptr().addr() as u32
}

/// The rows of one table. The lists of ids have room for as many rows as the columns have.
#[derive(Debug)]
struct TableColumns {
    schema: TableSchema,
    /// The leaves that name an owner.
    owners: Vec<usize>,
    capacity: usize,
    /// The rows in the order of the columns, which is that of the ids: the id of each and its index in the world.
    order: Vec<(RowId, usize)>,
    ids: Vec<u32>,
    /// The ids of the view before, in the same order.
    before: Vec<u32>,
    arrived: Vec<u32>,
    gone: Vec<u32>,
    /// One column after another, `capacity` words each: a float's bits, or the lowest 32 bits of an integer. The last one
    /// has the ids by which fields name the rows.
    columns: Vec<u32>,
}

impl TableColumns {
    fn new(schema: TableSchema) -> Self {
        let names_owner = |at: &usize| schema.leaves.iter().any(|leaf| leaf.owner == Some(*at));
        Self {
            owners: (0..schema.leaves.len()).filter(names_owner).collect(),
            schema,
            capacity: 0,
            order: Vec::new(),
            ids: Vec::new(),
            before: Vec::new(),
            arrived: Vec::new(),
            gone: Vec::new(),
            columns: Vec::new(),
        }
    }

    fn show(&mut self, rows: &Rows, first_ids: &[FirstId]) {
        self.make_room(rows.ids.len());
        self.arrange(rows, first_ids);
        self.before.clone_from(&self.ids);
        self.ids.clear();
        self.ids.extend(self.order.iter().map(|(id, _)| id.packed()));
        self.compare();
        self.fill(rows);
    }

    /// Puts the rows in the order of the ids that they are shown under. Most of them are in it already.
    fn arrange(&mut self, rows: &Rows, first_ids: &[FirstId]) {
        let has_first = |id: RowId| first_ids.binary_search_by(|known| known.id.cmp(&id)).is_ok();
        let own = rows.ids.iter().copied().zip(0..).filter(|(id, _)| !has_first(*id));
        self.order.clear();
        self.order.extend(own);
        for FirstId { id, first, .. } in first_ids {
            if let Ok(index) = rows.ids.binary_search(id) {
                let place = self.order.partition_point(|(known, _)| known < first);
                self.order.insert(place, (*first, index));
            }
        }
    }

    fn make_room(&mut self, count: usize) {
        if count <= self.capacity {
            return;
        }
        self.capacity = count.max(2 * self.capacity).max(FIRST_ROWS);
        for list in [&mut self.ids, &mut self.before, &mut self.arrived, &mut self.gone] {
            list.reserve_exact(self.capacity - list.len());
        }
        self.order.reserve_exact(self.capacity - self.order.len());
        self.columns.clear();
        self.columns.resize(self.capacity * (self.schema.leaves.len() + 1), 0);
    }

    /// Finds the rows that came and went since the view before: both lists of ids are sorted by slot and generation.
    fn compare(&mut self) {
        let Self { ids, before, arrived, gone, .. } = self;
        arrived.clear();
        gone.clear();
        let mut old = before.iter().copied().peekable();
        for id in ids.iter().copied() {
            gone.extend(std::iter::from_fn(|| old.next_if(|old| sort_key(*old) < sort_key(id))));
            if old.next_if_eq(&id).is_none() {
                arrived.push(id);
            }
        }
        gone.extend(old);
    }

    fn fill(&mut self, rows: &Rows) {
        let Self { schema, owners, capacity, order, columns, .. } = self;
        let width = schema.leaves.len();
        for (at, leaf) in schema.leaves.iter().enumerate() {
            let column = &mut columns[at * *capacity..][..rows.ids.len()];
            for (value, (_, index)) in column.iter_mut().zip(&*order) {
                *value = leaf.bits_of(rows.wire[index * width + at]);
            }
        }
        for (id, (_, index)) in columns[width * *capacity..].iter_mut().zip(&*order) {
            *id = rows.ids[*index].packed();
        }
        // On the wire 0 stands for nobody, and in JavaScript a seat has its own number.
        for at in owners.iter() {
            columns[at * *capacity..][..rows.ids.len()].iter_mut().for_each(|seat| *seat = seat.wrapping_sub(1));
        }
        for first in &schema.rotations {
            for (place, (_, index)) in order.iter().enumerate() {
                for (at, part) in (*first..).zip(schema.quaternion(*first, rows.row(*index))) {
                    columns[at * *capacity + place] = part.to_bits();
                }
            }
        }
    }
}

/// A number by which packed ids are sorted as ids are: by slot, then by generation.
const fn sort_key(id: u32) -> u32 {
    id.rotate_left(16)
}

#[cfg(test)]
mod own_shots;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tickwire::link::LinkProfile;
    use tickwire::state::{State, TableVisitor};
    use tickwire::world::bot_match::BotMatch;
    use tickwire::world::snapshot::Snapshot;
    use tickwire::{Game, Rng, Table};
    use tickwire_games::{Arena, Paddles, Swarm, Tumble};
    use tickwire_tools::harness::Play;

    /// A word as JavaScript reads it.
    fn read(table: &TableSchema, at: usize, bits: u32) -> f64 {
        let leaf = &table.leaves[at];
        match () {
            () if leaf.holds_float() || table.is_of_rotation(at) => f32::from_bits(bits).into(),
            () if leaf.is_signed() => bits.cast_signed().into(),
            () => bits.into(),
        }
    }

    impl TableColumns {
        /// The ids by which fields name the rows.
        pub(crate) fn names(&self) -> &[u32] {
            &self.columns[self.schema.leaves.len() * self.capacity..][..self.ids.len()]
        }

        /// The wire integers that are nearest to a row's values.
        fn wires(&self, row: usize) -> Vec<u32> {
            let nobody = |at: usize| f64::from(u8::from(self.owners.contains(&at)));
            let value = |at: usize| read(&self.schema, at, self.columns[at * self.capacity + row]) + nobody(at);
            let values: Vec<f64> = (0..self.schema.leaves.len()).map(value).collect();
            let mut wires = vec![0; values.len()];
            self.schema.wires(&values, &mut wires);
            wires
        }
    }

    /// Compares the columns with the values of a world, table by table.
    struct Compare<'a> {
        tables: std::slice::Iter<'a, TableColumns>,
        leaves: usize,
    }

    impl Compare<'_> {
        fn row<T: State>(&mut self, table: &TableColumns, row: usize, value: &T) {
            let mut wire = vec![0; T::WIDTH];
            value.gather(&mut wire);
            assert_eq!(table.wires(row), wire, "row {row} of {:?}", table.schema.name);
            self.leaves += wire.len();
        }
    }

    impl TableVisitor for Compare<'_> {
        fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
            let columns = self.tables.next().unwrap();
            assert_eq!(columns.ids.len(), table.len());
            assert!(columns.ids.is_sorted_by(|one, next| sort_key(*one) < sort_key(*next)), "no two have one id");
            for (id, value) in table.iter() {
                let row = columns.names().iter().position(|name| *name == id.packed()).unwrap();
                assert!(columns.ids[row] == id.packed() || columns.ids[row] & 0xffff > 0x7fff, "only these differ");
                self.row(columns, row, value);
            }
        }
    }

    /// Asserts that the columns have every leaf of this world, and gives the number of the leaves.
    fn assert_shows<G: Game>(columns: &Columns, world: &G) -> usize {
        let mut tables = columns.tables.iter();
        let root = tables.next().unwrap();
        let mut compare = Compare { tables, leaves: 0 };
        compare.row(root, 0, world);
        world.clone().tables(&mut compare);
        assert!(compare.tables.next().is_none());
        compare.leaves
    }

    fn play_bots<G: Game>() -> usize {
        let players = G::RULES.bots.clamp(2, G::RULES.seats);
        let mut bots = BotMatch::<G>::new(&G::Options::default(), players, Rng::new(5), Rng::new(6));
        let mut columns = Columns::new(Schema::of::<G>());
        let mut leaves = 0;
        for _ in 0..300 {
            bots.step();
            columns.show(ShownRows::of(bots.newest()));
            leaves += assert_shows(&columns, bots.world());
        }
        leaves
    }

    #[test]
    fn columns_have_every_value_of_the_world_in_every_demo_game() {
        assert!(play_bots::<Paddles>() > 300);
        assert!(play_bots::<Arena>() > 50_000);
        assert!(play_bots::<Swarm>() > 100_000);
        assert!(play_bots::<Tumble>() > 100_000);
    }

    /// Follows ids by the rows that came and went, and asserts that the directory changes as it says.
    #[derive(Default)]
    struct Follower {
        ids: Vec<BTreeSet<u32>>,
        directory: Vec<u32>,
        moves: usize,
        arrived: usize,
        predicted: usize,
    }

    impl Follower {
        fn follow(&mut self, columns: &Columns) {
            self.ids.resize_with(columns.tables.len(), BTreeSet::new);
            for (table, ids) in columns.tables.iter().zip(&mut self.ids) {
                assert!(table.gone.iter().all(|id| ids.remove(id)), "each that went had been there");
                assert!(table.arrived.iter().all(|id| ids.insert(*id)), "each that came is new");
                assert_eq!(*ids, table.ids.iter().copied().collect());
                self.arrived += table.arrived.len();
                self.predicted += table.arrived.iter().filter(|id| **id & 0xffff > 0x7fff).count();
            }
            let directory = columns.directory();
            for (new, old) in directory.chunks_exact(WORDS).zip(self.directory.chunks_exact(WORDS)) {
                let is_moved = [2, 4, 6, 7].iter().any(|word| new[*word] != old[*word]);
                assert!(new[1] > old[1] || !is_moved, "addresses change only when the capacity grows");
                self.moves += usize::from(is_moved);
            }
            self.directory = directory.to_vec();
        }
    }

    /// Plays with bad links, a spectator among the players, and compares each view with the world of the same moment.
    fn play_sessions<G: Game>(ticks: u32) -> Vec<Follower> {
        let link = LinkProfile { latency_ms: 60, jitter_ms: 20, ..LinkProfile::default() };
        let mut play = Play::<G>::new(3, 3, link);
        play.watch(link);
        let mut seen: Vec<_> = (0..4).map(|_| (Columns::new(Schema::of::<G>()), Follower::default(), [0; 2])).collect();
        play.watch_ticks(ticks, |index, client, now_us| {
            let (columns, follower, views) = &mut seen[index];
            let Some(rows) = client.session.view_rows(now_us) else {
                views[0] += 1;
                return;
            };
            columns.show(rows);
            let world = client.session.view(now_us).cloned().unwrap();
            assert_shows(columns, &world);
            follower.follow(columns);
            views[1] += 1;
        });
        assert!(seen.iter().all(|(.., [without, with])| *without > 0 && *with > 200), "there is no world at first");
        seen.into_iter().map(|(_, follower, _)| follower).collect()
    }

    #[test]
    fn columns_show_what_a_session_shows_and_count_each_row_that_comes_and_goes() {
        let arena = play_sessions::<Arena>(600);
        assert!(arena.iter().all(|follower| follower.arrived > 50));
        assert!(arena[..3].iter().any(|follower| follower.predicted > 0), "own shots have predicted ids at first");
        assert_eq!(arena[3].predicted, 0, "a spectator predicts no rows");
        assert!(play_sessions::<Swarm>(120).iter().all(|follower| follower.arrived > 100));
    }

    #[test]
    fn a_warm_view_allocates_nothing() {
        let mut bots = BotMatch::<Arena>::new(&Default::default(), 8, Rng::new(5), Rng::new(6));
        let (mut columns, mut follower) = (Columns::new(Schema::of::<Arena>()), Follower::default());
        for tick in 0..1_500 {
            bots.step();
            columns.show(ShownRows::of(bots.newest()));
            follower.follow(&columns);
            if tick == 300 {
                follower.moves = 0;
            }
        }
        assert!(follower.moves <= 1, "a table doubles once at the most: {}", follower.moves);
        assert!(follower.arrived > 300, "shots came and went all the time");
    }

    #[test]
    fn a_slot_that_has_another_row_lost_one_and_got_one() {
        let mut columns = Columns::new(Schema::of::<Arena>());
        let mut show = |ids: &[(u16, u16)], first_ids: &[FirstId]| {
            let mut world = Snapshot::empty(&Schema::of::<Arena>());
            ids.iter().for_each(|(slot, generation)| {
                world.tables[1].push(RowId { slot: *slot, generation: *generation });
            });
            columns.show(ShownRows { world: &world, first_ids });
            let ids = |packed: &[u32]| packed.iter().map(|id| (id & 0xffff, id >> 16)).collect::<Vec<_>>();
            (ids(&columns.tables[1].arrived), ids(&columns.tables[1].gone))
        };
        let id = |(slot, generation)| RowId { slot, generation };
        let known = |now, first| FirstId { table: 1, id: id(now), first: id(first), seen: Tick(0) };
        assert_eq!(show(&[(1, 0), (5, 2)], &[]), (vec![(1, 0), (5, 2)], vec![]));
        assert_eq!(show(&[(1, 0), (5, 2)], &[]), (vec![], vec![]));
        assert_eq!(show(&[(0, 0), (5, 3), (9, 1)], &[]), (vec![(0, 0), (5, 3), (9, 1)], vec![(1, 0), (5, 2)]));
        assert_eq!(show(&[], &[]), (vec![], vec![(0, 0), (5, 3), (9, 1)]));
        // Two rows may have been predicted in the same slot, long after each other.
        assert_eq!(show(&[(4, 0), (40_000, 7)], &[known((4, 0), (40_000, 3))]).0, [(40_000, 3), (40_000, 7)]);
        let both = [known((2, 5), (40_000, 7)), known((4, 0), (40_000, 3)), known((6, 0), (40_001, 0))];
        assert_eq!(show(&[(2, 5), (4, 0), (9, 0)], &both), (vec![(9, 0)], vec![]));
        assert_eq!(show(&[(4, 0), (9, 0)], &both), (vec![], vec![(40_000, 7)]));
        assert_eq!(show(&[(4, 0), (9, 0)], &[]), (vec![(4, 0)], vec![(40_000, 3)]));
    }
}

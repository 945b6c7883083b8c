//! Lag compensation: the world as a player saw it when they acted.
//!
//! A player sees their own things in the present, where they predict them, and everything else as it was a moment
//! ago, between two snapshots. Both are rebuilt here, by the function with which the client draws, from the
//! room's [`History`] and the age of the view that came with the input; on the client from what it received.

use crate::client::{Moment, Playout, play_rows, predicts_leaf, predicts_row};
use crate::history::{Around, History};
use crate::input::ViewAge;
use crate::limits::SEATS_MAX;
use crate::snapshot::{ALL_TABLES, Rows, Snapshot};
use crate::state::{Schema, State, TableSchema, TableVisitor};
use crate::{Game, Seat, Table, Tick};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Where the views of a tick are looked up.
enum Source<'a> {
    /// In a room: every seat has told how old its view is.
    Room { history: &'a History, look_back: LookBack, now: Tick, every_ticks: u32, ages: &'a [ViewAge] },
    /// On a client, which knows how old its own view is, and takes those of the other people for as old.
    Client { newest: &'a Snapshot, seen: Option<(f64, Moment<'a>)>, people: u64 },
}

/// [`History::seen_at`], by an address that only rooms name: a page has no history, and no code to look into one.
type LookBack = for<'a> fn(&'a History, &Schema, f64, u32, u32, &'a mut Around) -> Moment<'a>;

/// What the seats saw when they acted in the tick that is being made, and memory to rebuild it in.
pub struct Past<'a, G: Game> {
    schema: &'a Schema,
    source: Source<'a>,
    rewound: &'a mut Rewound<G>,
}

impl<'a, G: Game> Past<'a, G> {
    /// For the tick after the newest of `history`, where each seat acted with a view of this age.
    #[must_use]
    pub fn of_room(schema: &'a Schema, history: &'a History, ages: &'a [ViewAge], rewound: &'a mut Rewound<G>) -> Self {
        rewound.start();
        let (now, every_ticks) = (history.newest().tick.next(), G::RULES.message_ticks());
        let source = Source::Room { history, look_back: History::seen_at, now, every_ticks, ages };
        Self { schema, source, rewound }
    }

    /// For the tick `now` on a client that shows others by `playout` and whose last tick's world, with what it predicts,
    /// is `newest`. `people` has a bit per seat that a person sits in.
    #[must_use]
    pub fn of_client(
        schema: &'a Schema,
        newest: &'a Snapshot,
        playout: &'a Playout,
        people: u64,
        (now, age): (Tick, ViewAge),
        rewound: &'a mut Rewound<G>,
    ) -> Self {
        rewound.start();
        let at = age.before(now);
        let seen = playout.moment_at(at).filter(|_| !age.is_none()).map(|moment| (at, moment));
        Self { schema, source: Source::Client { newest, seen, people }, rewound }
    }

    /// For a world without a network, where everyone sees the last tick's world.
    #[must_use]
    pub fn present(schema: &'a Schema, newest: &'a Snapshot, rewound: &'a mut Rewound<G>) -> Self {
        rewound.start();
        Self { schema, source: Source::Client { newest, seen: None, people: 0 }, rewound }
    }

    /// What the player in `seat` saw.
    pub(crate) fn world(&mut self, seat: Seat) -> &G {
        let (index, view) = self.start(seat);
        self.rewound.show(index, self.schema, view, ALL_TABLES);
        &self.rewound.shown[index].world
    }

    /// One table of it.
    pub(crate) fn table<T>(&mut self, seat: Seat, table: impl Fn(&G) -> &Table<T>) -> &Table<T> {
        let (index, view) = self.start(seat);
        let world = &mut self.rewound.shown[index].world;
        let mut find = Find { address: core::ptr::from_ref(table(world)).addr(), bit: 1, found: ALL_TABLES };
        world.tables(&mut find);
        self.rewound.show(index, self.schema, view, find.found);
        table(&self.rewound.shown[index].world)
    }

    /// Where what the player in `seat` saw is shown, and what it was.
    fn start(&mut self, seat: Seat) -> (usize, View<'a>) {
        let (newest, seen) = match self.source {
            Source::Room { history, look_back, now, every_ticks, ages } => {
                let age = ages.get(seat.index()).copied().filter(|age| !age.is_none());
                let seen = age.map(|age| (age.before(now), Seen::Kept { history, look_back, every_ticks }));
                (history.newest(), seen)
            }
            Source::Client { newest, seen, people } => {
                let seen = seen.filter(|_| people >> seat.number() & 1 == 1);
                (newest, seen.map(|(at, moment)| (at, Seen::Received(moment))))
            }
        };
        self.rewound.asked |= 1 << seat.number();
        // All who see the newest world share it.
        (self.rewound.find(seen.map(|_| seat)), View { newest, seen: seen.map(|(moment, seen)| (seat, moment, seen)) })
    }
}

/// The last tick's world; of a player who did not see that, the moment in ticks that they saw of others.
#[derive(Clone, Copy)]
struct View<'a> {
    newest: &'a Snapshot,
    seen: Option<(Seat, f64, Seen<'a>)>,
}

/// What a player saw of others.
#[derive(Clone, Copy)]
enum Seen<'a> {
    /// To be looked up.
    Kept { history: &'a History, look_back: LookBack, every_ticks: u32 },
    /// At hand.
    Received(Moment<'a>),
}

/// Finds out which table of a world it is that lies at an address.
struct Find {
    address: usize,
    bit: u32,
    found: u32,
}

impl TableVisitor for Find {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        self.bit <<= 1;
        if core::ptr::from_mut(table).addr() == self.address {
            self.found = self.bit;
        }
    }
}

/// Memory for past worlds, reused from tick to tick. It is no state: nothing in it outlives a tick.
pub struct Rewound<G> {
    /// What whom was shown in this tick: the first `used`. The rest keep their memory.
    shown: Vec<Shown<G>>,
    used: usize,
    /// A bit per seat whose view was asked for in this tick.
    asked: u64,
    around: Around,
    played: Played,
    rows: Snapshot,
}

/// What is seen of others at the moment that was asked for last. On a client everyone is thought to see the same; in a
/// room only those share it whose views are equally old.
#[derive(Default)]
struct Played {
    /// In ticks.
    moment: f64,
    /// A bit per table that is what it should be.
    ready: u32,
    tables: Vec<Rows>,
}

struct Shown<G> {
    /// Who saw it; `None` for all who see the newest world.
    seat: Option<Seat>,
    /// A bit per table that is what it should be, the root row's being the lowest.
    ready: u32,
    world: G,
}

const _: () = assert!(SEATS_MAX as u32 <= u64::BITS, "there is a bit per seat");

impl<G> Default for Rewound<G> {
    fn default() -> Self {
        let (around, played, rows) = (Around::default(), Played::default(), Snapshot::default());
        Self { shown: Vec::new(), used: 0, asked: 0, around, played, rows }
    }
}

impl<G: Game> Rewound<G> {
    fn start(&mut self) {
        (self.used, self.asked) = (0, 0);
        self.around.forget();
        self.played.ready = 0;
    }

    /// Whether the last step asked what this seat saw.
    pub(crate) const fn was_asked(&self, seat: Seat) -> bool {
        self.asked & (1 << seat.number()) != 0
    }

    fn find(&mut self, seat: Option<Seat>) -> usize {
        if let Some(index) = self.shown[..self.used].iter().position(|shown| shown.seat == seat) {
            return index;
        }
        if self.shown.len() == self.used {
            self.shown.push(Shown { seat, ready: 0, world: G::default() });
        }
        (self.shown[self.used].seat, self.shown[self.used].ready) = (seat, 0);
        self.used += 1;
        self.used - 1
    }

    /// Makes some tables of a shown world what they should be.
    fn show(&mut self, index: usize, schema: &Schema, view: View<'_>, tables: u32) {
        let Self { shown, around, played, rows, .. } = self;
        let shown = &mut shown[index];
        let missing = tables & !shown.ready;
        if missing == 0 {
            return;
        }
        shown.ready |= missing;
        let View { newest, seen } = view;
        let Some((seat, moment, seen)) = seen else { return newest.restore_some(&mut shown.world, missing) };
        played.show(schema, moment, seen, missing, around);
        rows.tables.resize_with(schema.tables.len(), Rows::default);
        for (number, table) in schema.tables.iter().enumerate().filter(|(number, _)| missing & (1 << number) != 0) {
            add_predicted(table, seat, &newest.tables[number], &played.tables[number], &mut rows.tables[number]);
        }
        rows.restore_some(&mut shown.world, missing);
    }
}

impl Played {
    /// Makes some tables what they should be at a moment; those that everyone predicts are never looked at.
    fn show(&mut self, schema: &Schema, moment: f64, seen: Seen<'_>, tables: u32, around: &mut Around) {
        if self.moment != moment {
            (self.moment, self.ready) = (moment, 0);
        }
        let missing = tables & !self.ready;
        if missing == 0 {
            return;
        }
        self.ready |= missing;
        let seen = match seen {
            Seen::Kept { history, look_back, every_ticks } => {
                look_back(history, schema, moment, every_ticks, missing, around)
            }
            Seen::Received(seen) => seen,
        };
        self.tables.resize_with(schema.tables.len(), Rows::default);
        for (number, table) in schema.tables.iter().enumerate() {
            if missing & (1 << number) != 0 && !table.marks.predict {
                play_rows(table, number, &seen, &mut self.tables[number]);
            }
        }
    }
}

/// Fills `out` with a table as the player in `me` saw it: what they predict as it is in `newest`, the rest as it was
/// `played`.
fn add_predicted(table: &TableSchema, me: Seat, newest: &Rows, played: &Rows, out: &mut Rows) {
    if table.name.is_empty() {
        out.copy_from(played);
        let now = newest.row(0);
        let predicted = |(index, _): &(usize, &mut u32)| predicts_leaf(&table.leaves[*index], now, Some(me));
        out.wire.iter_mut().enumerate().filter(predicted).for_each(|(index, value)| *value = now[index]);
    } else if table.marks.predict {
        out.copy_from(newest);
    } else if table.owner.is_some() {
        merge(table, me, newest, played, out);
    } else {
        out.copy_from(played);
    }
}

/// Own rows as they are in `newest`, the others as they are in `shown`, in slot order.
fn merge(table: &TableSchema, me: Seat, newest: &Rows, shown: &Rows, out: &mut Rows) {
    let mine = |rows: &Rows, index: usize| predicts_row(table, rows.row(index), Some(me));
    let own = || (0..newest.ids.len()).filter(|index| mine(newest, *index));
    let replaced = || (0..shown.ids.len()).filter(|index| mine(shown, *index));
    if own().map(|index| newest.ids[index]).eq(replaced().map(|index| shown.ids[index])) {
        // Mostly none of them came or went.
        out.copy_from(shown);
        own().zip(replaced()).for_each(|(now, then)| out.row_mut(then).copy_from_slice(newest.row(now)));
        return;
    }
    out.clear();
    out.width = shown.width;
    let mut own = own().peekable();
    let mut others = (0..shown.ids.len()).filter(|index| !mine(shown, *index)).peekable();
    loop {
        let order = match (own.peek(), others.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(own), Some(other)) => newest.ids[*own].slot.cmp(&shown.ids[*other].slot),
        };
        // In a slot that has changed hands, the own row is the newer one.
        let other = if order.is_lt() { None } else { others.next() };
        let (rows, index) = match (if order.is_gt() { None } else { own.next() }, other) {
            (Some(index), _) => (newest, index),
            (None, Some(index)) => (shown, index),
            (None, None) => return,
        };
        out.push(rows.ids[index]).copy_from_slice(rows.row(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Recalled;
    use crate::{Leave, RowId, Rules, Step, Table};

    /// Everything moves by 8 a tick, in lanes of its own.
    #[derive(Clone, Default, crate::State)]
    struct World {
        #[state(range = 0..=4_000, smooth)]
        clock: u16,
        #[state(range = 0..=4_000, smooth, predict)]
        door: u16,
        ships: Table<Ship>,
        #[state(predict)]
        balls: Table<Ship>,
    }

    #[derive(Clone, Default, crate::State)]
    struct Ship {
        #[state(owner)]
        seat: Option<Seat>,
        #[state(range = 0..=4_000, smooth)]
        x: u16,
        #[state(only = server)]
        secret: u16,
    }

    impl Game for World {
        type Input = ();
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("world", 30);
        fn new((): &()) -> Self {
            Self::default()
        }
        fn join(&mut self, seat: Seat) {
            self.ships.insert(Ship { seat: Some(seat), ..Ship::default() });
        }
        fn leave(&mut self, seat: Seat, _: Leave) {
            self.ships.retain(|_, ship| ship.seat != Some(seat));
        }
        fn step(&mut self, _: &mut Step<'_, Self>) {
            self.clock += 8;
            self.door += 8;
            for ship in self.ships.values_mut().chain(self.balls.values_mut()) {
                ship.x += 8;
                ship.secret = ship.x;
            }
        }
    }

    fn seat(number: u8) -> Seat {
        Seat::new(number).expect("a seat")
    }

    /// Worlds up to tick 20: a ship for each of two seats, one of them from tick 18 on, and a ball.
    fn worlds(schema: &Schema) -> History {
        worlds_since(schema, 0)
    }

    fn worlds_since(schema: &Schema, clock: u16) -> History {
        let mut history = History::new(Snapshot::empty(schema));
        let mut world = World { clock, ..World::default() };
        world.balls.insert(Ship::default());
        world.join(seat(1));
        for tick in 1..=20 {
            if tick == 18 {
                world.join(seat(0));
            }
            let (inputs, mut events) = ([], Vec::new());
            world.step(&mut Step::new(Tick(tick), &inputs, &mut crate::Rng::new(0), &mut events));
            history.push(schema, &mut world);
        }
        history
    }

    #[test]
    fn own_things_are_shown_in_the_present_and_others_between_two_ticks() {
        let schema = Schema::of::<World>();
        let (history, mut rewound) = (worlds(&schema), Rewound::default());
        // 4.5 ticks before tick 21.
        let ages = [ViewAge::from_parts(72), ViewAge::NONE];
        let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut rewound);
        let mine = past.world(seat(0));
        assert_eq!((mine.clock, mine.door), (132, 160), "16.5 and 20 ticks");
        let ships: Vec<_> = mine.ships.iter().map(|(id, ship)| (id.slot, ship.seat, ship.x)).collect();
        assert_eq!(ships, [(0, Some(seat(1)), 132), (1, Some(seat(0)), 24)]);
        assert_eq!(mine.ships.get(RowId { slot: 0, generation: 0 }).map(|ship| ship.secret), Some(128), "not smooth");
        assert_eq!(mine.balls.values().next().map(|ball| ball.x), Some(160), "predicted by everyone");
        for unseeing in [seat(1), seat(50)] {
            let newest = past.world(unseeing);
            assert_eq!((newest.clock, newest.ships.len()), (160, 2), "the last tick's world");
        }
        // What was shown first is still there.
        assert_eq!(past.world(seat(0)).clock, 132);
        assert_eq!(rewound.shown.len(), 2, "one for seat 0, one for the others");
        assert!(rewound.was_asked(seat(50)) && !rewound.was_asked(seat(2)));
    }

    #[test]
    fn one_table_is_shown_without_the_others_and_the_rest_when_it_is_asked_for() {
        let schema = Schema::of::<World>();
        let (history, mut rewound) = (worlds(&schema), Rewound::default());
        let ages = [ViewAge::from_parts(72)];
        let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut rewound);
        for (index, x) in [132, 24].into_iter().enumerate() {
            let ships = past.table(seat(0), |world| &world.ships);
            assert_eq!(ships.values().nth(index).map(|ship| ship.x), Some(x));
        }
        assert_eq!(past.rewound.shown[0].world.balls.len(), 0, "nobody asked");
        assert_eq!(past.table(seat(0), |world| &world.balls).values().next().map(|ball| ball.x), Some(160));
        assert_eq!(past.rewound.shown[0].world.clock, 0, "nobody asked");
        assert_eq!(past.table(seat(3), |world| &world.ships).len(), 2);
        let whole = past.world(seat(0));
        assert_eq!((whole.clock, whole.door, whole.ships.len(), whole.balls.len()), (132, 160, 2, 1));
        // In the next tick everything is asked for anew.
        let mut past = Past::<World>::of_room(&schema, &history, &[], &mut rewound);
        assert_eq!(past.table(seat(0), |world| &world.ships).values().next().map(|ship| ship.x), Some(160));
    }

    #[test]
    fn the_same_moment_of_another_past_is_another_world() {
        let schema = Schema::of::<World>();
        let (ages, mut rewound) = ([ViewAge::from_parts(72)], Rewound::default());
        // As when a tick is played again, after more of the worlds around that moment is known.
        for (clock, expected) in [(0, 132), (100, 232)] {
            let history = worlds_since(&schema, clock);
            let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut rewound);
            assert_eq!(past.world(seat(0)).clock, expected);
        }
    }

    #[test]
    fn what_one_seat_was_shown_of_a_moment_leaves_its_mark_on_no_other() {
        let schema = Schema::of::<World>();
        let (history, mut rewound) = (worlds(&schema), Rewound::default());
        // Two who saw the same moment, and one who saw a later one.
        let ages = [72, 72, 40].map(ViewAge::from_parts);
        let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut rewound);
        let x = |ships: &Table<Ship>| ships.values().map(|ship| ship.x).collect::<Vec<_>>();
        for _ in 0..2 {
            assert_eq!(x(past.table(seat(0), |world| &world.ships)), [132, 24]);
            assert_eq!(x(past.table(seat(2), |world| &world.ships)), [148, 12]);
            assert_eq!(x(past.table(seat(1), |world| &world.ships)), [160], "its own, and nobody else was there");
        }
        for (number, clock) in [(1, 132), (2, 148), (0, 132)] {
            assert_eq!(past.world(seat(number)).clock, clock, "seat {number}");
        }
        assert_eq!(x(&past.world(seat(0)).ships), [132, 24]);
    }

    #[test]
    fn the_slot_of_a_row_that_is_gone_shows_the_own_row() {
        let schema = Schema::of::<World>();
        let mut history = worlds(&schema);
        let mut world = World::default();
        history.newest().restore(&mut world);
        let theirs = world.ships.iter().next().map(|(id, _)| id).expect("two ships");
        world.ships.remove(theirs);
        let mut snapshot = Snapshot::empty(&schema);
        snapshot.capture(&mut world, Tick(21));
        // Seat 0's ship, where seat 1's was.
        let id = RowId { slot: 0, generation: 1 };
        let row = snapshot.tables[1].row(0).to_vec();
        snapshot.tables[1] = Rows::new(row.len());
        snapshot.tables[1].push(id).copy_from_slice(&row);
        snapshot.restore(&mut world);
        history.push(&schema, &mut world);
        let (ages, mut rewound) = ([ViewAge::from_parts(72)], Rewound::default());
        let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut rewound);
        assert_eq!(past.world(seat(0)).ships.iter().map(|(id, _)| id).collect::<Vec<_>>(), [id]);
    }

    #[test]
    fn a_client_is_shown_what_the_room_will_show() {
        let schema = Schema::of::<World>();
        let history = worlds(&schema);
        let mut playout = Playout::new(33_333.0);
        let mut recalled = Recalled::default();
        for tick in 10..=20 {
            let world = history.at(&schema, Tick(tick), &mut recalled).expect("kept");
            playout.push(world, u64::from(tick) * 33_333);
        }
        let (mut here, mut there) = (Rewound::default(), Rewound::default());
        // Less than a tick ago nobody can have seen anything.
        for parts in [0].into_iter().chain(16..=160) {
            let age = ViewAge::from_parts(parts);
            // Two people whose views are equally old, and a bot.
            let ages = [age, age, ViewAge::NONE];
            let mut past = Past::<World>::of_room(&schema, &history, &ages, &mut here);
            let (mut room, mut client) = (Snapshot::empty(&schema), Snapshot::empty(&schema));
            let (newest, acted) = (history.newest(), (Tick(21), age));
            let mut likely = Past::<World>::of_client(&schema, newest, &playout, 0b011, acted, &mut there);
            for number in 0..3 {
                room.capture(&mut past.world(seat(number)).clone(), Tick(0));
                client.capture(&mut likely.world(seat(number)).clone(), Tick(0));
                assert_eq!(room, client, "seat {number}, {parts} sixteenths ago");
            }
        }
    }
}

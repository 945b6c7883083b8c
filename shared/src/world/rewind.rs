//! Lag compensation: the world as a player saw it when they acted.
//!
//! A player sees their own things in the present, where the client predicts them, and everything else as it was a
//! moment ago, between two snapshots. Both parts are rebuilt here, by the function with which the client draws. A room
//! rebuilds them from its [`History`] and from the age of the view, which comes with the input. A client rebuilds them
//! from the snapshots that it received.
//!
//! # Why views are cached for one tick
//!
//! To rebuild a view of a large world takes longer than the rest of a step, and a step may ask for the same view once
//! for each bullet. So the [`RewindCache`] keeps a view until the tick ends, and saves work in three ways:
//!
//! * Only the tables that the step asks for are rebuilt; a bit per table remembers which ones are ready.
//! * The rows of others depend on the moment alone and not on the seat. They are kept for the moment that was asked for
//!   last, and seats whose views are equally old share them.
//! * Bots, and players whose view is not known, saw the newest world, and one copy of it serves all of them.
//!
//! Nothing but memory lives longer than the tick. The next tick has another newest world, and with it other own rows;
//! and a client that replays a tick may have received more of the snapshots around the same moment. A cache that is
//! emptied with every tick is no state: checkpoints do without it, and a room that resumes judges as the old one.

use crate::game::LagCompensation;
use crate::id::Seat;
use crate::input::ViewAge;
use crate::limits::SEATS_MAX;
use crate::state::{Schema, State, TableVisitor};
use crate::table::Table;
use crate::tick::TickTime;
use crate::world::history::{Around, History};
use crate::world::interpolation::{InterpolationSample, play_rows};
use crate::world::merge::{Layer, has_leaves_apart, merge_predicted};
use crate::world::snapshot::{Rows, Snapshot};
use alloc::vec::Vec;

/// The views of the players, in a room: the input of each seat says how old its view was.
pub struct RoomViews<'a, G> {
    schema: &'a Schema,
    history: &'a History,
    ages: &'a [ViewAge],
    every_ticks: u32,
    cache: &'a mut RewindCache<G>,
}

impl<'a, G> RoomViews<'a, G> {
    /// The views for the tick after the newest of `history`, in which each seat acted with a view of its age in `ages`.
    /// Members receive a snapshot every `every_ticks` ticks.
    #[must_use]
    pub fn new(
        schema: &'a Schema,
        history: &'a History,
        ages: &'a [ViewAge],
        every_ticks: u32,
        cache: &'a mut RewindCache<G>,
    ) -> Self {
        cache.start();
        Self { schema, history, ages, every_ticks, cache }
    }
}

impl<G: State + Default> LagCompensation<G> for RoomViews<'_, G> {
    fn seen_by(&mut self, seat: Seat, tables: &dyn Fn(&G) -> u32) -> &G {
        let Self { schema, history, every_ticks, .. } = *self;
        let newest = history.newest();
        let age = self.ages.get(seat.index()).copied().filter(|age| !age.is_none());
        let view = View { schema, newest, seat, moment: age.map(|age| age.before(newest.tick.next())) };
        self.cache
            .show(view, tables, |moment, tables, around| history.seen_at(schema, moment, every_ticks, tables, around))
    }
}

/// The views of the players, on a client. The client knows how old its own view is, and assumes that the views of other
/// people are as old.
pub struct ClientViews<'a, G> {
    schema: &'a Schema,
    newest: &'a Snapshot,
    seen: Option<(TickTime, InterpolationSample<'a>)>,
    people: u64,
    cache: &'a mut RewindCache<G>,
}

impl<'a, G> ClientViews<'a, G> {
    /// The views for a client whose last tick's world, predicted rows included, is `newest`. `seen` is the moment at
    /// which it shows others, and the sample at that moment. `people` has a bit per seat that a person sits in.
    #[must_use]
    pub fn new(
        schema: &'a Schema,
        newest: &'a Snapshot,
        seen: Option<(TickTime, InterpolationSample<'a>)>,
        people: u64,
        cache: &'a mut RewindCache<G>,
    ) -> Self {
        cache.start();
        Self { schema, newest, seen, people, cache }
    }

    /// The views in a world without a network, where everyone sees the last tick's world.
    #[must_use]
    pub fn of_the_present(schema: &'a Schema, newest: &'a Snapshot, cache: &'a mut RewindCache<G>) -> Self {
        Self::new(schema, newest, None, 0, cache)
    }
}

impl<G: State + Default> LagCompensation<G> for ClientViews<'_, G> {
    fn seen_by(&mut self, seat: Seat, tables: &dyn Fn(&G) -> u32) -> &G {
        let Self { schema, newest, seen, people, .. } = *self;
        let seen = seen.filter(|_| people >> seat.number() & 1 == 1);
        let view = View { schema, newest, seat, moment: seen.map(|(moment, _)| moment) };
        self.cache.show(view, tables, |_, _, _| seen.expect("only a moment that was seen is looked for").1)
    }
}

/// The view that a step asks for.
#[derive(Clone, Copy)]
struct View<'a> {
    schema: &'a Schema,
    /// The last tick's world.
    newest: &'a Snapshot,
    seat: Seat,
    /// The moment at which the player saw the others; `None` for a player who saw the last tick's world.
    moment: Option<TickTime>,
}

/// Gives every table its number in the world, by which a step can ask for that table alone.
struct Number(u8);

impl TableVisitor for Number {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        self.0 += 1;
        table.set_number(self.0);
    }
}

/// Memory for the worlds that players saw, reused from tick to tick. It is no state: no content of it outlives a tick.
pub struct RewindCache<G> {
    views: Views,
    /// One world per view, for as many views as one tick ever needed. Those that this tick does not need keep their
    /// memory.
    worlds: Vec<G>,
}

impl<G> Default for RewindCache<G> {
    fn default() -> Self {
        Self { views: Views::default(), worlds: Vec::new() }
    }
}

impl<G> RewindCache<G> {
    fn start(&mut self) {
        self.views.start();
    }

    /// Whether the last step asked for the view of this seat.
    pub(crate) const fn was_asked(&self, seat: Seat) -> bool {
        self.views.asked & (1 << seat.number()) != 0
    }
}

impl<G: State + Default> RewindCache<G> {
    /// The world of a view, in which the tables that are asked for are rebuilt. `look` finds the snapshots around a
    /// moment.
    fn show<'a>(
        &'a mut self,
        view: View<'_>,
        tables: &dyn Fn(&G) -> u32,
        look: impl FnOnce(TickTime, u32, &'a mut Around) -> InterpolationSample<'a>,
    ) -> &'a G {
        let Self { views, worlds } = self;
        let index = views.turn_to(view);
        if index == worlds.len() {
            let mut world = G::default();
            world.tables(&mut Number(0));
            worlds.push(world);
        }
        let missing = views.missing(index, tables(&worlds[index]));
        if missing != 0 {
            let Views { around, played, rows, .. } = views;
            if let Some((moment, unplayed)) = played.unplayed(view.moment, missing) {
                played.fill(view.schema, unplayed, &look(moment, unplayed, around));
            }
            lay_over(view, played, missing, rows).restore_some(&mut worlds[index], missing);
        }
        &worlds[index]
    }
}

// The code below knows no game, so a page with several games holds it once.

/// The views that were asked for in this tick, and memory for the rows of others in them.
#[derive(Default)]
struct Views {
    /// By index of its world: the seat that saw it (`None` for all seats that saw the newest world), and a bit per
    /// table that is rebuilt, the root row's being the lowest.
    shown: Vec<(Option<Seat>, u32)>,
    /// A bit per seat whose view was asked for in this tick.
    asked: u64,
    around: Around,
    played: Played,
    rows: Snapshot,
}

const _: () = assert!(SEATS_MAX as u32 <= u64::BITS, "there is a bit per seat");

impl Views {
    fn start(&mut self) {
        self.asked = 0;
        self.shown.clear();
        self.around.forget();
        self.played.ready = 0;
    }

    /// The index of the world for a view.
    fn turn_to(&mut self, view: View<'_>) -> usize {
        self.asked |= 1 << view.seat.number();
        // All seats that see the newest world share it.
        let seat = view.moment.map(|_| view.seat);
        self.shown.iter().position(|(shown, _)| *shown == seat).unwrap_or_else(|| {
            self.shown.push((seat, 0));
            self.shown.len() - 1
        })
    }

    /// The tables among `tables` that are not rebuilt in a world yet. From now on they count as rebuilt, so the caller
    /// must restore them.
    fn missing(&mut self, index: usize, tables: u32) -> u32 {
        let (_, ready) = &mut self.shown[index];
        let missing = tables & !*ready;
        *ready |= missing;
        missing
    }
}

/// The rows of others at the moment that was asked for last. On a client all people are assumed to see the same moment;
/// in a room only seats whose views are equally old share the rows.
#[derive(Default)]
struct Played {
    moment: TickTime,
    /// A bit per table whose rows are those at the moment.
    ready: u32,
    tables: Vec<Rows>,
}

impl Played {
    /// Turns to a moment, and gives it with the tables among `tables` whose rows are not those at the moment yet, if
    /// there are any. From now on they count as filled, so the caller must fill them.
    fn unplayed(&mut self, moment: Option<TickTime>, tables: u32) -> Option<(TickTime, u32)> {
        let moment = moment?;
        if self.moment != moment {
            (self.moment, self.ready) = (moment, 0);
        }
        let missing = tables & !self.ready;
        self.ready |= missing;
        (missing != 0).then_some((moment, missing))
    }

    /// Fills some tables with the rows of a sample. Tables that everyone predicts are left out, as nobody sees their
    /// past.
    fn fill(&mut self, schema: &Schema, tables: u32, sample: &InterpolationSample<'_>) {
        self.tables.resize_with(schema.tables.len(), Rows::default);
        for (number, table) in schema.tables.iter().enumerate() {
            if tables & (1 << number) != 0 && !table.marks.predict {
                play_rows(table, number, sample, &mut self.tables[number]);
            }
        }
    }
}

/// Some tables of a world as the player of a view saw it: own rows of the newest world over the played rows of others.
fn lay_over<'a>(view: View<'a>, played: &Played, tables: u32, out: &'a mut Snapshot) -> &'a Snapshot {
    let View { schema, newest, seat, moment } = view;
    if moment.is_none() {
        return newest;
    }
    out.tables.resize_with(schema.tables.len(), Rows::default);
    for (number, table) in schema.tables.iter().enumerate().filter(|(number, _)| tables & (1 << number) != 0) {
        let (newest, played, out) = (&newest.tables[number], &played.tables[number], &mut out.tables[number]);
        if number > 0 && table.marks.predict {
            out.copy_from(newest);
        } else if table.owner.is_none() && !has_leaves_apart(table) {
            out.copy_from(played);
        } else {
            merge_predicted(table, Some(seat), newest, played, out, |layer, row| match layer {
                Layer::Own(index) => row.copy_from_slice(newest.row(index)),
                Layer::Other(index) => row.copy_from_slice(played.row(index)),
                Layer::Leaves(_) => {}
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::InterpolationBuffer;
    use crate::game::Game;
    use crate::game::{Leave, Rules, Step};
    use crate::id::RowId;
    use crate::state::ALL_TABLES;
    use crate::table::Table;
    use crate::tick::Tick;
    use crate::world::history::Recalled;

    /// A world in which every thing moves by 8 a tick, in a lane of its own.
    #[derive(Clone, Default, crate::state::State)]
    struct World {
        #[state(range = 0..=4_000, smooth)]
        clock: u16,
        #[state(range = 0..=4_000, smooth, predict)]
        door: u16,
        ships: Table<Ship>,
        #[state(predict)]
        balls: Table<Ship>,
    }

    #[derive(Clone, Default, crate::state::State)]
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

    fn full_state(past: &mut dyn LagCompensation<World>, seat: Seat) -> &World {
        past.seen_by(seat, &|_| ALL_TABLES)
    }

    fn table(
        past: &mut dyn LagCompensation<World>,
        seat: Seat,
        table: impl Fn(&World) -> &Table<Ship>,
    ) -> &Table<Ship> {
        table(past.seen_by(seat, &|world| 1 << table(world).number().expect("numbered when it was made")))
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
            world.step(&mut Step::new(Tick(tick), &inputs, &mut crate::rng::Rng::new(0), &mut events));
            history.push(schema, &mut world);
        }
        history
    }

    #[test]
    fn own_things_are_shown_in_the_present_and_others_between_two_ticks() {
        let schema = Schema::of::<World>();
        let (history, mut rewind_cache) = (worlds(&schema), RewindCache::default());
        // The view of seat 0 is from 4.5 ticks before tick 21.
        let ages = [ViewAge::from_parts(72), ViewAge::NONE];
        let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut rewind_cache);
        let mine = full_state(&mut past, seat(0));
        assert_eq!((mine.clock, mine.door), (132, 160), "16.5 and 20 ticks");
        let ships: Vec<_> = mine.ships.iter().map(|(id, ship)| (id.slot, ship.seat, ship.x)).collect();
        assert_eq!(ships, [(0, Some(seat(1)), 132), (1, Some(seat(0)), 24)]);
        assert_eq!(mine.ships.get(RowId { slot: 0, generation: 0 }).map(|ship| ship.secret), Some(128), "not smooth");
        assert_eq!(mine.balls.values().next().map(|ball| ball.x), Some(160), "predicted by everyone");
        for unseeing in [seat(1), seat(50)] {
            let newest = full_state(&mut past, unseeing);
            assert_eq!((newest.clock, newest.ships.len()), (160, 2), "the last tick's world");
        }
        // The view that was rebuilt first is still there.
        assert_eq!(full_state(&mut past, seat(0)).clock, 132);
        assert_eq!(rewind_cache.views.shown.len(), 2, "one for seat 0, one for the others");
        assert!(rewind_cache.was_asked(seat(50)) && !rewind_cache.was_asked(seat(2)));
    }

    #[test]
    fn one_table_is_shown_without_the_others_and_the_rest_when_it_is_asked_for() {
        let schema = Schema::of::<World>();
        let (history, mut rewind_cache) = (worlds(&schema), RewindCache::default());
        let ages = [ViewAge::from_parts(72)];
        let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut rewind_cache);
        for (index, x) in [132, 24].into_iter().enumerate() {
            let ships = table(&mut past, seat(0), |world| &world.ships);
            assert_eq!(ships.values().nth(index).map(|ship| ship.x), Some(x));
        }
        assert_eq!(past.cache.worlds[0].balls.len(), 0, "nobody asked for it");
        assert_eq!(table(&mut past, seat(0), |world| &world.balls).values().next().map(|ball| ball.x), Some(160));
        assert_eq!(past.cache.worlds[0].clock, 0, "nobody asked for it");
        assert_eq!(table(&mut past, seat(3), |world| &world.ships).len(), 2);
        let all = full_state(&mut past, seat(0));
        assert_eq!((all.clock, all.door, all.ships.len(), all.balls.len()), (132, 160, 2, 1));
        // In the next tick every view is rebuilt.
        let mut past = RoomViews::<World>::new(&schema, &history, &[], 1, &mut rewind_cache);
        assert_eq!(table(&mut past, seat(0), |world| &world.ships).values().next().map(|ship| ship.x), Some(160));
    }

    #[test]
    fn the_same_moment_of_another_history_is_another_world() {
        let schema = Schema::of::<World>();
        let (ages, mut rewind_cache) = ([ViewAge::from_parts(72)], RewindCache::default());
        // A client meets this when it replays a tick and knows more of the worlds around that moment by then.
        for (clock, expected) in [(0, 132), (100, 232)] {
            let history = worlds_since(&schema, clock);
            let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut rewind_cache);
            assert_eq!(full_state(&mut past, seat(0)).clock, expected);
        }
    }

    #[test]
    fn the_view_of_one_seat_leaves_no_mark_on_the_views_of_others() {
        let schema = Schema::of::<World>();
        let (history, mut rewind_cache) = (worlds(&schema), RewindCache::default());
        // Seats 0 and 1 saw the same moment, and seat 2 saw a later one.
        let ages = [72, 72, 40].map(ViewAge::from_parts);
        let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut rewind_cache);
        let x = |ships: &Table<Ship>| ships.values().map(|ship| ship.x).collect::<Vec<_>>();
        for _ in 0..2 {
            assert_eq!(x(table(&mut past, seat(0), |world| &world.ships)), [132, 24]);
            assert_eq!(x(table(&mut past, seat(2), |world| &world.ships)), [148, 12]);
            assert_eq!(x(table(&mut past, seat(1), |world| &world.ships)), [160], "its own ship, and no other ship");
        }
        for (number, clock) in [(1, 132), (2, 148), (0, 132)] {
            assert_eq!(full_state(&mut past, seat(number)).clock, clock, "seat {number}");
        }
        assert_eq!(x(&full_state(&mut past, seat(0)).ships), [132, 24]);
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
        // Seat 0's ship, in the slot in which seat 1's ship was.
        let id = RowId { slot: 0, generation: 1 };
        let row = snapshot.tables[1].row(0).to_vec();
        snapshot.tables[1] = Rows::new(row.len());
        snapshot.tables[1].push(id).copy_from_slice(&row);
        snapshot.restore(&mut world);
        history.push(&schema, &mut world);
        let (ages, mut rewind_cache) = ([ViewAge::from_parts(72)], RewindCache::default());
        let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut rewind_cache);
        assert_eq!(full_state(&mut past, seat(0)).ships.iter().map(|(id, _)| id).collect::<Vec<_>>(), [id]);
    }

    #[test]
    fn a_client_rebuilds_the_views_that_the_room_will_rebuild() {
        let schema = Schema::of::<World>();
        let history = worlds(&schema);
        let mut interpolation = InterpolationBuffer::new(33_333.0, 1);
        let mut recalled = Recalled::default();
        for tick in 10..=20 {
            let world = history.at(&schema, Tick(tick), &mut recalled).expect("kept");
            interpolation.push(world, u64::from(tick) * 33_333);
        }
        let (mut here, mut there) = (RewindCache::default(), RewindCache::default());
        // A view cannot be younger than a tick, unless it is not known at all.
        for parts in [0].into_iter().chain(16..=160) {
            let age = ViewAge::from_parts(parts);
            // Two people whose views are equally old, and a bot.
            let ages = [age, age, ViewAge::NONE];
            let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut here);
            let (mut room, mut client) = (Snapshot::empty(&schema), Snapshot::empty(&schema));
            let at = age.before(Tick(21));
            let seen = interpolation.sample_at(at).filter(|_| !age.is_none()).map(|moment| (at, moment));
            let mut likely = ClientViews::<World>::new(&schema, history.newest(), seen, 0b011, &mut there);
            for number in 0..3 {
                room.capture(&mut full_state(&mut past, seat(number)).clone(), Tick(0));
                client.capture(&mut full_state(&mut likely, seat(number)).clone(), Tick(0));
                assert_eq!(room, client, "seat {number}, {parts} sixteenths ago");
            }
        }
    }
}

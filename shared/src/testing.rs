//! Tools for the tests of a game: [`Play`], which plays it tick by tick, [`assert_deterministic`] and
//! [`assert_predictable`].
//!
//! A test plays ticks as a room does, without a server: inputs are rounded as on the wire, and so is the world after
//! each tick. All players see the present, so shots are judged without lag compensation. Bots give the inputs, or the
//! test does:
//!
//! ```
//! use tickwire::testing::{Play, assert_deterministic};
//! use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, To};
//!
//! #[derive(State, Clone, Default)]
//! struct Bell {
//!     rings: [u8; 2],
//! }
//!
//! #[derive(Input, Clone, Copy, Default, PartialEq)]
//! struct Hand {
//!     pulls: bool,
//! }
//!
//! #[derive(Event, Clone, Copy, PartialEq, Debug)]
//! struct Rang;
//!
//! impl Game for Bell {
//!     type Input = Hand;
//!     type Event = Rang;
//!     type Options = ();
//!     const RULES: Rules = Rules::new("bell", 20).seats(2);
//!
//!     fn new((): &()) -> Self {
//!         Self::default()
//!     }
//!     fn join(&mut self, seat: Seat) {
//!         self.rings[seat.index()] = 0;
//!     }
//!     fn leave(&mut self, _: Seat, _: Leave) {}
//!     fn step(&mut self, tick: &mut Step<'_, Self>) {
//!         for seat in tick.seats() {
//!             if tick.input(seat).pulls {
//!                 let rings = &mut self.rings[seat.index()];
//!                 *rings = rings.saturating_add(1);
//!                 tick.emit(To::Everyone, Rang);
//!             }
//!         }
//!     }
//!     fn bot(&self, _: Seat, dice: &mut Rng) -> Hand {
//!         Hand { pulls: dice.one_in(10) }
//!     }
//! }
//!
//! let mut play = Play::<Bell>::new(2, 1);
//! let [ada, bob] = [play.seats[0], play.seats[1]];
//! play.inputs(&[(bob, Hand { pulls: true })]);
//! assert_eq!(play.world.rings, [0, 1]);
//! assert_eq!(play.events, [(To::Everyone, Rang)]);
//! play.leave(ada, Leave::Quit);
//! play.bots_until(600, |play| play.world.rings[bob.index()] == 5);
//!
//! assert_deterministic::<Bell>();
//! ```

use crate::determinism::{Played, Policy, sync_test_with};
use crate::game::{Game, Leave, MatchResult, To};
use crate::id::Seat;
use crate::input::InputCodec;
use crate::limits::SEATS_MAX;
use crate::rng::Rng;
use crate::state::Schema;
use crate::tick::Tick;
use crate::world::heard::Heard;
use crate::world::rewind::{ClientViews, RewindCache};
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{TickCauses, play_match_tick};
use alloc::vec::Vec;

/// Ticks that [`assert_deterministic`] plays.
const TICKS: u32 = 1_000;

/// The seeds that it plays from: a game in which something happens has another world from each.
const SEEDS: [u64; 2] = [11, 12];

/// A game that is played tick by tick.
///
/// A test may change the fields between two ticks: put the world into the situation that it is about, or take a seat
/// out of the list without a word to the game.
pub struct Play<G: Game> {
    /// The world after the last tick.
    pub world: G,
    /// The seats that have an input in each tick, lowest first.
    pub seats: Vec<Seat>,
    /// The events of the last tick, in the order in which the step emitted them.
    pub events: Vec<(To, G::Event)>,
    /// The results of the matches that the last tick ended.
    pub results: Vec<MatchResult>,
    /// The dice of the bots.
    pub dice: Rng,
    rng: Rng,
    codec: InputCodec<G::Input>,
    schema: Schema,
    snapshot: Snapshot,
    cache: RewindCache<G>,
}

impl<G: Game> Play<G> {
    /// Starts a game with default options, in which the first `seats` seats are taken. All that is random follows from
    /// the seed.
    ///
    /// # Panics
    /// When the game has fewer seats.
    #[must_use]
    pub fn new(seats: u8, seed: u64) -> Self {
        Self::with_options(&G::Options::default(), seats, seed)
    }

    /// The same with options.
    ///
    /// # Panics
    /// When the game has fewer seats, or refuses the options.
    #[must_use]
    pub fn with_options(options: &G::Options, seats: u8, seed: u64) -> Self {
        G::check(options).expect("the game takes these options");
        Self::with(G::new(options), seats, seed)
    }

    /// The same from a world in which all seats are free.
    ///
    /// # Panics
    /// When the game has fewer seats.
    #[must_use]
    pub fn with(mut world: G, seats: u8, seed: u64) -> Self {
        assert!(seats <= G::RULES.seats, "{} has {} seats, not {seats}", G::RULES.name, G::RULES.seats);
        let seats: Vec<Seat> = Seat::first(seats).collect();
        seats.iter().for_each(|seat| world.join(*seat));
        let schema = Schema::of::<G>();
        let snapshot = Snapshot::empty(&schema);
        let (dice, rng, cache) = (Rng::new(!seed), Rng::new(seed), RewindCache::default());
        let codec = InputCodec::new();
        Self { world, seats, events: Vec::new(), results: Vec::new(), dice, rng, codec, schema, snapshot, cache }
    }

    /// Lets a player take a free seat.
    ///
    /// # Panics
    /// When the seat is taken, or the game does not have it.
    pub fn join(&mut self, seat: Seat) {
        assert!(seat.number() < G::RULES.seats, "{} has {} seats, not {seat}", G::RULES.name, G::RULES.seats);
        assert!(!self.seats.contains(&seat), "seat {seat} is taken");
        self.seats.push(seat);
        self.seats.sort_unstable();
        self.world.join(seat);
    }

    /// Lets the player of a seat leave.
    ///
    /// # Panics
    /// When the seat is free.
    pub fn leave(&mut self, seat: Seat, why: Leave) {
        assert!(self.seats.contains(&seat), "seat {seat} is free");
        self.seats.retain(|taken| *taken != seat);
        self.world.leave(seat, why);
    }

    /// Lets the game hear what a service says in one of its topics.
    ///
    /// # Panics
    /// When the game hears no such topic, or the text is too long for it.
    pub fn hear(&mut self, topic: &str, body: &str) {
        let heard = Heard::new::<G>(topic, body);
        assert!(heard.is_some(), "{} does not hear this in a topic {topic}: {body}", G::RULES.name);
        heard.expect("it was checked").apply(&mut self.world);
    }

    /// The last tick that was played; 0 before the first.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.snapshot.tick
    }

    /// Plays one tick with the input that `decide` gives for each seat, from the world before the tick and the dice.
    pub fn tick(&mut self, mut decide: impl FnMut(&G, Seat, &mut Rng) -> G::Input) {
        let mut inputs = [None; SEATS_MAX as usize];
        for seat in &self.seats {
            let input = decide(&self.world, *seat, &mut self.dice);
            inputs[seat.index()] = Some(self.codec.quantize(input));
        }
        let tick = self.snapshot.tick.next();
        let mut past = ClientViews::of_the_present(&self.schema, &self.snapshot, &mut self.cache);
        let causes = TickCauses { tick, roster: &[], heard: &[], inputs: &inputs };
        let Self { world, rng, events, results, .. } = self;
        play_match_tick(world, rng, &causes, &mut past, events, results);
        self.snapshot.capture(&mut self.world, tick);
    }

    /// Plays one tick with these inputs; all other players do nothing.
    ///
    /// # Panics
    /// When an input is for a free seat.
    pub fn inputs(&mut self, inputs: &[(Seat, G::Input)]) {
        for (seat, _) in inputs {
            assert!(self.seats.contains(seat), "an input for seat {seat}, which is free");
        }
        let of = |seat| inputs.iter().find(|(of, _)| *of == seat).map(|(_, input)| *input);
        self.tick(|_, seat, _| of(seat).unwrap_or_default());
    }

    /// Plays one tick in which bots play all seats.
    pub fn bots(&mut self) {
        self.tick(G::bot);
    }

    /// Plays ticks with bots until the condition holds after one.
    ///
    /// # Panics
    /// When it does not hold within `ticks_max` ticks.
    pub fn bots_until(&mut self, ticks_max: u32, mut is_so: impl FnMut(&Self) -> bool) {
        let came = (0..ticks_max).any(|_| {
            self.bots();
            is_so(self)
        });
        assert!(came, "the bots of {} have not brought it about in {ticks_max} ticks", G::RULES.name);
    }
}

/// Asserts that ticks of the game give the same world in every way in which they can be played, with default options:
/// see [`sync_test`](crate::determinism::sync_test), which it runs for 1,000 ticks from two seeds. It also asserts that
/// two seeds give two worlds, because a match in which nothing happens would prove nothing.
///
/// # Panics
/// With the first tick and field that differ.
pub fn assert_deterministic<G: Game>() {
    assert_deterministic_for::<G>(TICKS);
}

/// The same check over `ticks` ticks: a large world needs more time for each tick.
///
/// # Panics
/// With the first tick and field that differ.
pub fn assert_deterministic_for<G: Game>(ticks: u32) {
    assert_deterministic_with::<G>(&G::Options::default(), ticks);
}

/// The same check with options.
///
/// # Panics
/// With the first tick and field that differ.
pub fn assert_deterministic_with<G: Game>(options: &G::Options, ticks: u32) {
    let [one, other] = SEEDS.map(|seed| sync_test::<G>(options, &Policy { seed, ticks, ..Policy::default() }));
    assert_eq!(one.ticks, ticks, "all ticks were played");
    assert_ne!(one.hash, other.hash, "{}: two seeds gave one world, in which nothing happens", G::RULES.name);
}

/// Asserts that a client has all that its predictions need, with default options: no field that it predicts depends on
/// hidden fields or on the room's dice. A game may have such a field on purpose, and be played well; its players then see
/// that field corrected. In lockstep a client has everything, and the assertion always holds.
///
/// # Panics
/// With the fields that no client can predict, and the way out.
pub fn assert_predictable<G: Game>() {
    assert_predictable_for::<G>(TICKS);
}

/// The same check over `ticks` ticks.
///
/// # Panics
/// With the fields that no client can predict, and the way out.
pub fn assert_predictable_for<G: Game>(ticks: u32) {
    let policy = Policy { seed: SEEDS[0], ticks, ..Policy::default() };
    let played = sync_test::<G>(&G::Options::default(), &policy);
    assert!(played.unpredictable.is_empty(), "{played}");
}

#[expect(clippy::panic, reason = "this is an assertion: the divergence is its message")]
fn sync_test<G: Game>(options: &G::Options, policy: &Policy) -> Played {
    sync_test_with::<G>(options, policy).unwrap_or_else(|divergence| panic!("{divergence}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Rules, Step};
    use crate::{Input, State};

    /// Sums up what its players give, in steps of a quarter.
    #[derive(State, Clone, Default)]
    struct Bowl {
        #[state(range = 0.0..=100.0, step = 0.25)]
        full: f32,
        players: u8,
    }

    #[derive(Input, Clone, Copy, Default, PartialEq)]
    struct Gift {
        #[input(range = 0.0..=1.0, step = 0.25)]
        much: f32,
    }

    impl Game for Bowl {
        type Input = Gift;
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("bowl", 10).seats(3);

        fn new((): &()) -> Self {
            Self::default()
        }

        fn join(&mut self, _: Seat) {
            self.players += 1;
        }

        fn leave(&mut self, _: Seat, _: Leave) {
            self.players -= 1;
        }

        fn step(&mut self, tick: &mut Step<'_, Self>) {
            for seat in tick.seats() {
                self.full += tick.input(seat).much;
            }
        }
    }

    #[test]
    fn inputs_and_the_world_are_those_of_the_wire() {
        let mut play = Play::<Bowl>::new(2, 1);
        let me = play.seats[1];
        // On the wire 0.4 is half, and a world with 0.1 in it is empty.
        play.world.full = 0.1;
        play.inputs(&[]);
        assert_eq!((play.world.full, play.now()), (0.0, Tick(1)));
        play.inputs(&[(me, Gift { much: 0.4 })]);
        assert_eq!((play.world.full, play.now()), (0.5, Tick(2)));
    }

    #[test]
    fn the_game_learns_of_players_that_come_and_go() {
        let mut play = Play::<Bowl>::new(1, 1);
        let first = play.seats[0];
        let last = Seat::new(2).expect("a seat");
        play.join(last);
        play.leave(first, Leave::Quit);
        play.join(first);
        assert_eq!((play.world.players, play.seats.as_slice()), (2, [first, last].as_slice()));
        play.leave(first, Leave::Lost);
        play.tick(|_, seat, _| Gift { much: if seat == first { 1.0 } else { 0.25 } });
        assert_eq!((play.world.players, play.world.full), (1, 0.25), "a free seat gives nothing");
    }
}

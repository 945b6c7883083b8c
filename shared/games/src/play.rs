//! Plays a game in tests: bots or dice give the inputs, and the world is rounded after each tick as a room does it.

use std::vec::Vec;
use tickwire::determinism::{Policy, sync_test};
use tickwire::state::Schema;
use tickwire::world::rewind::{ClientViews, RewindCache};
use tickwire::world::snapshot::Snapshot;
use tickwire::world::stepper::{TickCauses, play_tick};
use tickwire::{Game, Rng, Seat, To};

/// A game that is being played, with the events of its last tick.
pub(crate) struct Play<G: Game> {
    pub(crate) world: G,
    pub(crate) seats: Vec<Seat>,
    pub(crate) events: Vec<(To, G::Event)>,
    pub(crate) dice: Rng,
    rng: Rng,
    schema: Schema,
    snapshot: Snapshot,
    cache: RewindCache<G>,
}

impl<G: Game> Play<G> {
    pub(crate) fn new(seats: u8, seed: u64) -> Self {
        Self::with(G::new(&G::Options::default()), seats, seed)
    }

    /// Starts a game from this world.
    pub(crate) fn with(mut world: G, seats: u8, seed: u64) -> Self {
        let seats: Vec<Seat> = Seat::first(seats).collect();
        seats.iter().for_each(|seat| world.join(*seat));
        let schema = Schema::of::<G>();
        let snapshot = Snapshot::empty(&schema);
        let (dice, rng, cache) = (Rng::new(!seed), Rng::new(seed), RewindCache::default());
        Self { world, seats, events: Vec::new(), dice, rng, schema, snapshot, cache }
    }

    /// Plays one tick with the input that `decide` returns for each seat.
    pub(crate) fn tick(&mut self, mut decide: impl FnMut(&G, Seat, &mut Rng) -> G::Input) {
        let mut inputs = [None; tickwire::limits::SEATS_MAX as usize];
        for seat in &self.seats {
            inputs[seat.index()] = Some(decide(&self.world, *seat, &mut self.dice));
        }
        let tick = self.snapshot.tick.next();
        let mut past = ClientViews::of_the_present(&self.schema, &self.snapshot, &mut self.cache);
        let causes = TickCauses { tick, roster: &[], inputs: &inputs };
        play_tick(&mut self.world, &mut self.rng, &causes, &mut past, &mut self.events);
        self.snapshot.capture(&mut self.world, tick);
    }

    /// Plays one tick in which bots control all seats.
    pub(crate) fn bots(&mut self) {
        self.tick(G::bot);
    }
}

/// Asserts that a tick gives the same world in every way in which it can be played, and that two seeds give two worlds.
pub(crate) fn assert_deterministic<G: Game>() {
    assert_deterministic_for::<G>(1_000);
}

/// The same check over `ticks` ticks: a large world needs more time for each tick.
pub(crate) fn assert_deterministic_for<G: Game>(ticks: u32) {
    let [one, other] = [11, 12].map(|seed| {
        let played = sync_test::<G>(&Policy { seed, ticks, ..Policy::default() });
        played.unwrap_or_else(|divergence| panic!("{divergence}"))
    });
    assert_eq!(one.ticks, ticks);
    assert_ne!(one.hash, other.hash);
}

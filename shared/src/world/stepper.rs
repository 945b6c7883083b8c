//! One tick of a game, made in one place for all: rooms, clients that predict or play along, replays and previews.

use crate::game::{Game, LagCompensation, MatchResult, Step, To};
use crate::rng::Rng;
use crate::state::{Schema, State, TableVisitor};
use crate::table::Table;
use crate::tick::Tick;
use crate::world::heard::Heard;
use crate::world::rewind::{ClientViews, RewindCache};
use crate::world::roster::RosterChange;
use crate::world::snapshot::Snapshot;
use alloc::vec::Vec;

/// The causes of a tick, besides the world before it and its random numbers.
#[derive(Debug)]
pub struct TickCauses<'a, I> {
    /// The tick that is made.
    pub tick: Tick,
    /// The seats that were taken or became free before it, in the order in which the game is told.
    pub roster: &'a [RosterChange],
    /// The messages that the game hears before it, in their order.
    pub heard: &'a [Heard],
    /// The inputs in it: an entry per seat, `None` for a free seat.
    pub inputs: &'a [Option<I>],
}

/// Makes a tick and puts the events that its step emits into `events`.
pub fn play_tick<G: Game>(
    world: &mut G,
    rng: &mut Rng,
    causes: &TickCauses<'_, G::Input>,
    past: &mut dyn LagCompensation<G>,
    events: &mut Vec<(To, G::Event)>,
) {
    play_match_tick(world, rng, causes, past, events, &mut Vec::new());
}

/// The same, for somebody who wants to know the results of the matches that end.
pub fn play_match_tick<G: Game>(
    world: &mut G,
    rng: &mut Rng,
    causes: &TickCauses<'_, G::Input>,
    past: &mut dyn LagCompensation<G>,
    events: &mut Vec<(To, G::Event)>,
    results: &mut Vec<MatchResult>,
) {
    causes.roster.iter().for_each(|change| change.apply(world));
    causes.heard.iter().for_each(|heard| heard.apply(world));
    events.clear();
    results.clear();
    world.step(&mut Step::new(causes.tick, causes.inputs, rng, events).with_past(past).with_results(results));
}

/// Makes a tick as a client does that has only a part of the world, and no generator of the room: rows that come to be
/// get predicted ids, and `rng` is a guess.
pub(crate) fn predict_tick<G: Game>(
    world: &mut G,
    rng: &mut Rng,
    causes: &TickCauses<'_, G::Input>,
    past: &mut dyn LagCompensation<G>,
    events: &mut Vec<(To, G::Event)>,
) {
    world.tables(&mut Provision(causes.tick));
    play_tick(world, rng, causes, past, events);
}

/// The random numbers that a client predicts a tick with: the room's generator is never sent to it.
pub(crate) fn guessed_rng(tick: Tick) -> Rng {
    Rng::new(u64::from(tick.0))
}

/// Tells every table which tick is predicted next.
struct Provision(Tick);

impl TableVisitor for Provision {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        table.predict(self.0);
    }
}

/// A world that is played where everyone sees the present: in lockstep, in a replay, in a preview.
pub struct Stepper<G> {
    /// The world.
    pub world: G,
    /// Its random numbers.
    pub rng: Rng,
    cache: RewindCache<G>,
}

impl<G: Game> Stepper<G> {
    /// A stepper for a world that goes on with these random numbers.
    #[must_use]
    pub fn new(world: G, rng: Rng) -> Self {
        Self { world, rng, cache: RewindCache::default() }
    }

    /// Makes a tick; `last` is the world before it as wire integers. The events of the step are put into `events`.
    pub fn play(
        &mut self,
        schema: &Schema,
        last: &Snapshot,
        causes: &TickCauses<'_, G::Input>,
        events: &mut Vec<(To, G::Event)>,
    ) {
        let mut past = ClientViews::of_the_present(schema, last, &mut self.cache);
        play_tick(&mut self.world, &mut self.rng, causes, &mut past, events);
    }
}

//! The simulation of a room: its world with everything that the next tick depends on, and nothing else.
//!
//! A room feeds it with the actions of its players. A replay feeds it with recorded actions and finds the same worlds,
//! the same hits and the same hashes. The simulation knows neither whether a person or a bot sits in a seat, nor which
//! messages a member is sent.

use crate::game::{Game, MatchResult, To};
use crate::id::Seat;
use crate::input::{Action, ViewAge};
use crate::limits::SEATS_MAX;
use crate::rng::{Rng, Secret};
use crate::state::Schema;
use crate::tick::Tick;
use crate::world::full_state::FullState;
use crate::world::heard::Heard;
use crate::world::hidden_rows::hide_slots;
use crate::world::history::History;
use crate::world::rewind::{RewindCache, RoomViews};
use crate::world::roster::RosterChange;
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{TickCauses, play_match_tick};
use crate::world::undo::Undo;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A match that begins anew: the world is made from these options, and the players in these seats join it.
#[derive(Clone)]
pub struct Restart<G: Game> {
    /// The options.
    pub options: G::Options,
    /// The seats that are taken, in ascending order.
    pub seats: Vec<Seat>,
}

/// Everything that happened in one tick: the entry that a journal would write before frames leave.
#[derive(Clone)]
pub struct TickRecord<G: Game> {
    /// The tick.
    pub tick: Tick,
    /// The match that began anew before everything else.
    pub restart: Option<Restart<G>>,
    /// The players that joined and left before it, in the order in which the game was told.
    pub roster: Vec<RosterChange>,
    /// The messages that the game heard before it, in their order.
    pub heard: Vec<Heard>,
    /// The action of each taken seat, by seat: the input, and the age of the view that the player had. The step was made
    /// from these: where the game has panicked on the players' actions, they are neutral.
    pub actions: Vec<(Seat, Action<G::Input>)>,
    /// The events that the step emitted.
    pub events: Vec<(To, G::Event)>,
    /// The results of the matches that the step ended.
    pub results: Vec<MatchResult>,
    /// The hash of the world after the tick, hidden fields included; `None` in most ticks. A room takes the hash once a
    /// second, because it is read rarely.
    pub hash: Option<u64>,
}

impl<G: Game> TickRecord<G> {
    /// The record of the time before the first tick, with memory for as many seats as the game has.
    #[must_use]
    pub fn empty() -> Self {
        let events = Vec::with_capacity(crate::limits::EVENTS_PER_TICK_MAX);
        let actions = Vec::with_capacity(usize::from(G::RULES.seats));
        let (roster, heard, results) = (Vec::new(), Vec::new(), Vec::new());
        Self { tick: Tick(0), restart: None, roster, heard, actions, events, results, hash: None }
    }
}

/// The reason for which a record cannot have happened here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The record is of another tick than the next one.
    #[error("record of tick {found}, expected {expected}")]
    Gap {
        /// The tick that comes next.
        expected: Tick,
        /// The record's tick.
        found: Tick,
    },
    /// The replayed world differs from the recorded one.
    #[error("replay of tick {tick} gives hash {found:#018x}, the record has {recorded:#018x}")]
    Hash {
        /// The tick.
        tick: Tick,
        /// The record's hash.
        recorded: u64,
        /// The hash of the replayed world.
        found: u64,
    },
    /// The replayed full state differs from the recorded one: in the world, its free slots or its random numbers.
    #[error("replay of tick {tick} gives the full state {found:#010x}, the record has {recorded:#010x}")]
    FullHash {
        /// The tick.
        tick: Tick,
        /// The record's hash.
        recorded: u32,
        /// The hash of the replayed full state.
        found: u32,
    },
    /// The world is the same, but the step emitted other events.
    #[error("replay of tick {tick} gives other events than the record has")]
    Events {
        /// The tick.
        tick: Tick,
    },
}

/// All of a simulation's state: from a checkpoint it goes on exactly as it would have.
///
/// The recent worlds belong to it, because the next shots may be judged by them.
#[derive(Clone)]
pub struct Checkpoint<G: Game> {
    /// The world, with the free lists of its tables.
    pub world: G,
    /// The room's random numbers, and with them its secret.
    pub rng: Rng,
    /// The recent worlds; the newest of them holds the tick.
    pub history: History,
}

/// A world that is being played, tick by tick.
pub struct Simulation<G: Game> {
    state: Checkpoint<G>,
    schema: Arc<Schema>,
    inputs: [Option<G::Input>; SEATS_MAX as usize],
    ages: [ViewAge; SEATS_MAX as usize],
    rewind_cache: RewindCache<G>,
    results: Vec<MatchResult>,
    undo: Undo<G>,
}

impl<G: Game> Simulation<G> {
    /// The simulation before its first tick.
    #[must_use]
    pub fn new(seed: u64, options: &G::Options) -> Self {
        Self::sharing(Arc::new(Schema::of::<G>()), &Secret::from(seed), options)
    }

    /// The simulation before its first tick, with a schema that other rooms of the game use too.
    #[must_use]
    pub fn sharing(schema: Arc<Schema>, secret: &Secret, options: &G::Options) -> Self {
        let mut world = G::new(options);
        let mut first = Snapshot::empty(&schema);
        first.capture(&mut world, Tick(0));
        // In lockstep everyone has the full state: there is nothing to hide, and the generator is a small one.
        let rng = if G::RULES.is_lockstep() { Rng::new(secret.seed()) } else { Rng::of_step(secret.clone(), 0, 0) };
        let history = History::beginning_with::<G>(first);
        let mut simulation = Self::with_schema(Checkpoint { world, rng, history }, schema);
        simulation.hide();
        simulation
    }

    /// Hides what must not show, before the game changes its world.
    fn hide(&mut self) {
        let Checkpoint { world, rng, .. } = &mut self.state;
        if let Some(secret) = rng.secret() {
            hide_slots(world, &self.schema, secret);
        }
    }

    /// A simulation that goes on from a checkpoint.
    #[must_use]
    pub fn resume(checkpoint: Checkpoint<G>) -> Self {
        Self::resume_sharing(Arc::new(Schema::of::<G>()), checkpoint)
    }

    /// A simulation that goes on from a checkpoint, with a schema that other rooms of the game use too.
    #[must_use]
    pub fn resume_sharing(schema: Arc<Schema>, checkpoint: Checkpoint<G>) -> Self {
        Self::with_schema(checkpoint, schema)
    }

    /// Replaces the state by a checkpoint, from which the simulation goes on.
    pub fn rewind(&mut self, checkpoint: Checkpoint<G>) {
        self.state = checkpoint;
    }

    fn with_schema(state: Checkpoint<G>, schema: Arc<Schema>) -> Self {
        let (inputs, ages) = ([None; SEATS_MAX as usize], [ViewAge::NONE; SEATS_MAX as usize]);
        let (rewind_cache, undo) = (RewindCache::default(), Undo::default());
        Self { state, schema, inputs, ages, rewind_cache, results: Vec::new(), undo }
    }

    /// Keeps what the next tick can be undone with, before the game is told anything of that tick.
    pub fn begin_tick(&mut self) {
        self.undo.keep(&mut self.state);
    }

    /// Undoes all that has happened since [`Simulation::begin_tick`], after the code of the game has panicked. The world,
    /// the free slots, the random numbers and the recent worlds are as they were before.
    ///
    /// A step that has come to its end is not undone any more.
    pub fn undo_tick(&mut self) {
        self.undo.restore(&mut self.state);
        // A panic may have left a half made view in it.
        self.rewind_cache = RewindCache::default();
        self.results.clear();
    }

    /// Makes the world anew, as a match begins: from its options, with the players who are there. The tick and the random
    /// numbers go on, and nobody sees anything of the world before.
    pub fn restart(&mut self, Restart { options, seats }: &Restart<G>) {
        let (tick, rng) = (self.tick(), self.state.rng.clone());
        let mut world = G::new(options);
        if let Some(secret) = rng.secret() {
            hide_slots(&mut world, &self.schema, secret);
        }
        seats.iter().for_each(|seat| world.join(*seat));
        let mut first = Snapshot::empty(&self.schema);
        first.capture(&mut world, tick);
        let history = History::beginning_with::<G>(first);
        // The game may still panic in this tick, and then the match before goes on.
        let before = core::mem::replace(&mut self.state, Checkpoint { world, rng, history });
        self.undo.before = Some(before);
        self.rewind_cache = RewindCache::default();
    }

    /// Tells the game which players joined and left, before the step of the tick in which it happens.
    pub fn tell(&mut self, changes: &[RosterChange]) {
        self.hide();
        changes.iter().for_each(|change| change.apply(&mut self.state.world));
    }

    /// Tells the game a message that it hears, after the changes of the roster and before the step.
    pub fn hear(&mut self, heard: &Heard) {
        self.hide();
        heard.apply(&mut self.state.world);
    }

    /// Makes the next tick and puts the events that its step emits into `events`.
    pub fn step(&mut self, actions: &[(Seat, Action<G::Input>)], events: &mut Vec<(To, G::Event)>) {
        self.step_watched(actions, events, |_| ());
    }

    /// The same as [`Simulation::step`]; `watch` sees the world before it is rounded.
    pub(crate) fn step_watched(
        &mut self,
        actions: &[(Seat, Action<G::Input>)],
        events: &mut Vec<(To, G::Event)>,
        watch: impl FnOnce(&mut G),
    ) {
        self.step_unkept(actions, events, watch);
        self.state.history.push(&self.schema, &mut self.state.world);
        self.undo.before = None;
    }

    /// The part of a step before the world is rounded and kept.
    pub(crate) fn step_unkept(
        &mut self,
        actions: &[(Seat, Action<G::Input>)],
        events: &mut Vec<(To, G::Event)>,
        watch: impl FnOnce(&mut G),
    ) {
        self.hide();
        self.inputs.fill(None);
        self.ages.fill(ViewAge::NONE);
        for (seat, action) in actions {
            self.inputs[seat.index()] = Some(action.input);
            self.ages[seat.index()] = action.age;
        }
        let Self { state: Checkpoint { world, rng, history }, schema, inputs, ages, rewind_cache, results, .. } = self;
        let causes = TickCauses { tick: history.newest().tick.next(), roster: &[], heard: &[], inputs };
        rng.begin_step(causes.tick.0);
        let mut past = RoomViews::new(schema, history, ages, G::RULES.message_ticks(), rewind_cache);
        play_match_tick(world, rng, &causes, &mut past, events, results);
        watch(world);
    }

    /// The results of the matches that the last step ended.
    #[must_use]
    pub fn results(&self) -> &[MatchResult] {
        &self.results
    }

    /// Makes a recorded tick once more.
    ///
    /// # Errors
    /// [`ReplayError`] when the record is not of the next tick, or when the replay gives another world or other events.
    pub fn replay(&mut self, record: &TickRecord<G>) -> Result<(), ReplayError> {
        let TickRecord { tick, restart, roster, heard, actions, .. } = record;
        let mut events = Vec::with_capacity(record.events.len());
        self.make(*tick, restart.as_ref(), roster, heard, actions, &mut events)?;
        let (tick, found) = (record.tick, self.hash());
        if let Some(recorded) = record.hash.filter(|recorded| *recorded != found) {
            return Err(ReplayError::Hash { tick, recorded, found });
        }
        if events == record.events { Ok(()) } else { Err(ReplayError::Events { tick }) }
    }

    /// Makes a tick from all of its causes, if it is the next one.
    pub(crate) fn make(
        &mut self,
        tick: Tick,
        restart: Option<&Restart<G>>,
        roster: &[RosterChange],
        heard: &[Heard],
        actions: &[(Seat, Action<G::Input>)],
        events: &mut Vec<(To, G::Event)>,
    ) -> Result<(), ReplayError> {
        let (expected, found) = (self.tick().next(), tick);
        if found != expected {
            return Err(ReplayError::Gap { expected, found });
        }
        restart.into_iter().for_each(|restart| self.restart(restart));
        self.tell(roster);
        heard.iter().for_each(|heard| self.hear(heard));
        self.step(actions, events);
        Ok(())
    }

    /// All of the simulation's state: to keep, or to look at.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint<G> {
        &self.state
    }

    /// Keeps the full state of the newest tick, reusing memory: all of the state except the recent worlds that a step
    /// may look back into.
    pub fn keep(&mut self, full_state: &mut FullState) {
        let Checkpoint { world, rng, history } = &mut self.state;
        full_state.keep(history.newest(), world, rng);
    }

    /// The newest world.
    #[must_use]
    pub const fn world(&self) -> &G {
        &self.state.world
    }

    /// The recent worlds as wire integers, hidden fields included.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.state.history
    }

    /// The newest tick.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.state.history.newest().tick
    }

    /// The hash of the newest world, hidden fields included.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.state.history.newest().hash(&self.schema)
    }

    /// The hash of the full state of the newest tick, which has the free slots and the random numbers besides the world:
    /// that of [`FullState::hash`]. Nothing is kept for it.
    #[must_use]
    pub fn full_hash(&mut self) -> u32 {
        let Checkpoint { world, rng, history } = &mut self.state;
        FullState::hash_of(&self.schema, history.newest(), world, rng)
    }

    /// The schema of the world.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

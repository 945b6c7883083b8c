//! The sync test: plays a game against itself, with a twin, rollbacks, restores over dirty worlds,
//! keyframes, ticks that are undone, and a match that goes on from a checkpoint.

use super::client_side::ClientSide;
use super::divergence::{Check, Divergence};
use super::script::{Script, Turn};
use super::unpredictable::Unpredictable;
use crate::game::{Game, To};
use crate::rng::Rng;
use crate::tick::Tick;
use crate::world::diff;
use crate::world::diff::{Named, Reading};
use crate::world::full_state::FullState;
use crate::world::history::History;
use crate::world::simulation::{Checkpoint, Simulation};
use crate::world::snapshot::Snapshot;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// How many times a tick that came out differently is made again, with nothing in between.
const PLAIN_REPEATS: u32 = 16;

/// The extent of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The seed on which everything random depends.
    pub seed: u64,
    /// Ticks to play. Each of them is stepped about ten times.
    pub ticks: u32,
    /// Ticks that are played with other inputs, before each rollback, at the most.
    pub rollback_ticks_max: u32,
    /// The percentage of the time for which a player's input is any that can travel, rather than that of the game's own
    /// bot.
    pub wild_percent: u32,
}

impl Default for Policy {
    /// Seed 1, 1,000 ticks, rollbacks of up to 8 ticks, a quarter of all inputs by dice.
    fn default() -> Self {
        Self { seed: 1, ticks: 1_000, rollback_ticks_max: 8, wild_percent: 25 }
    }
}

/// The extent of a test that found no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Ticks that were played, each of them checked in every way.
    pub ticks: u32,
    /// Ticks that were played and rolled back.
    pub ticks_taken_back: u64,
    /// The size of the largest keyframe, in bytes.
    pub keyframe_bytes_max: usize,
    /// The hash of the last world: another seed gives another hash, unless nothing ever happens in the game.
    pub hash: u64,
    /// The fields that a client shows as it predicts them, and can never predict; the worst first. Empty in lockstep,
    /// where a client has everything.
    pub unpredictable: Vec<Unpredictable>,
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ticks, ticks_taken_back, keyframe_bytes_max, hash, unpredictable } = self;
        write!(
            f,
            "{ticks} ticks agree, {ticks_taken_back} more were taken back, keyframes of up to {keyframe_bytes_max} \
             bytes, last hash {hash:#018x}"
        )?;
        unpredictable.iter().try_for_each(|field| write!(f, "\n  a client can never predict {field}"))
    }
}

/// Hunts for the causes that make a game with default options disagree with itself.
///
/// Every tick is made six times: once by itself, with a search for floats that are no numbers; by another instance;
/// again after some ticks with other inputs that are rolled back; from a world that was played elsewhere and made this
/// one from wire integers; from the bytes of a keyframe; and after it was undone half way, as a room does when the game
/// panics. From some tick on it is also made by a match that was frozen there and goes on from the bytes of its
/// checkpoint, as after a restart of the server. All results must agree: rows, free slots, random numbers, events.
///
/// In snapshot mode two of the players also make the tick as their clients do: from the part of the world that they may
/// see, with random numbers of their own. A field that they predict, and have wrong nearly each time that it changes, is
/// in [`Played::unpredictable`]. A game must not panic there: it would on a player's device, too.
///
/// # Errors
/// The first [`Divergence`].
pub fn sync_test<G: Game>(policy: &Policy) -> Result<Played, Divergence> {
    sync_test_with::<G>(&G::Options::default(), policy)
}

/// The same test for a game with other options.
///
/// # Errors
/// The first [`Divergence`].
pub fn sync_test_with<G: Game>(options: &G::Options, policy: &Policy) -> Result<Played, Divergence> {
    let mut test = SyncTest::<G>::new(options, policy);
    test.compare_new()?;
    for _ in 0..policy.ticks {
        test.tick()?;
    }
    let SyncTest { reference, ticks_taken_back, keyframe_bytes_max, client_side, .. } = test;
    let (ticks, hash) = (reference.tick().0, reference.hash());
    let unpredictable = client_side.map_or_else(Vec::new, |side| side.unpredictable(reference.schema()));
    Ok(Played { ticks, ticks_taken_back, keyframe_bytes_max, hash, unpredictable })
}

/// The result of a tick, by which ticks are compared.
struct Outcome<G: Game> {
    full_state: FullState,
    events: Vec<(To, G::Event)>,
}

struct SyncTest<G: Game> {
    policy: Policy,
    script: Script<G>,
    turn: Turn<G>,
    dice: Rng,
    /// The simulation by which all others are judged.
    reference: Simulation<G>,
    twin: Simulation<G>,
    /// The simulation in which all other checks run.
    trial: Simulation<G>,
    /// A game that is played from another seed: the others are restored over its worlds.
    elsewhere: (Simulation<G>, Script<G>),
    /// The tick after which the match is frozen, and the simulation that goes on from there.
    frozen_at: Tick,
    resumed: Option<Simulation<G>>,
    /// `None` in lockstep.
    client_side: Option<ClientSide<G>>,
    events: Vec<(To, G::Event)>,
    keyframe: Vec<u8>,
    ticks_taken_back: u64,
    keyframe_bytes_max: usize,
}

impl<G: Game> SyncTest<G> {
    fn new(options: &G::Options, policy: &Policy) -> Self {
        let simulation = |seed| Simulation::<G>::new(seed, options);
        let reference = simulation(policy.seed);
        let script = |seed| Script::new(seed, policy.wild_percent);
        Self {
            policy: *policy,
            script: script(policy.seed ^ 0xd1ce),
            turn: Turn::empty(),
            dice: Rng::new(policy.seed.rotate_left(17)),
            client_side: (!G::RULES.is_lockstep()).then(|| ClientSide::new(reference.schema())),
            reference,
            twin: simulation(policy.seed),
            trial: simulation(policy.seed),
            elsewhere: (simulation(!policy.seed), script(!policy.seed)),
            frozen_at: Tick(Rng::new(policy.seed.rotate_left(31)).below(policy.ticks)),
            resumed: None,
            events: Vec::new(),
            keyframe: Vec::new(),
            ticks_taken_back: 0,
            keyframe_bytes_max: 0,
        }
    }

    /// Compares the worlds before the first tick.
    fn compare_new(&self) -> Result<(), Divergence> {
        let here = Outcome::<G> { full_state: FullState::of(self.reference.checkpoint()), events: Vec::new() };
        self.compare(Check::Twin, &here, &self.twin, &[])
    }

    fn tick(&mut self) -> Result<(), Divergence> {
        let before = self.reference.checkpoint().clone();
        let mut events = Vec::new();
        let mut nan = None;
        let schema = self.reference.schema().clone();
        if before.history.newest().tick == self.frozen_at {
            self.freeze(before.clone())?;
        }
        self.script.play(&mut self.reference, &mut self.turn, &mut events, |world| {
            nan = diff::not_a_number(&schema, world);
        });
        if let Some(path) = nan {
            return Err(self.no_number(path));
        }
        let expected = Outcome { full_state: FullState::of(self.reference.checkpoint()), events };
        let checked = self
            .check_twin(&expected)
            .and_then(|()| self.check_rollback(&before, &expected))
            .and_then(|()| self.check_restore(&before, &expected))
            .and_then(|()| self.check_keyframe(&before, &expected))
            .and_then(|()| self.check_undo(&before, &expected))
            .and_then(|()| self.check_resumed(&expected));
        checked.map_err(|divergence| self.blame(&before, divergence))?;
        if let Some(client_side) = &mut self.client_side {
            client_side.compare(&schema, &before, &self.turn, &expected.full_state.snapshot);
        }
        Ok(())
    }

    /// Finds the check that is to blame. A game that differs from one time to the next may pass the first checks by
    /// chance; the check that noticed then says nothing about the cause.
    fn blame(&mut self, before: &Checkpoint<G>, divergence: Divergence) -> Divergence {
        if divergence.check == Check::Twin {
            return divergence;
        }
        let mut first = None;
        for _ in 0..PLAIN_REPEATS {
            self.trial.rewind(before.clone());
            self.turn.play(&mut self.trial, &mut self.events);
            let full_state = FullState::of(self.trial.checkpoint());
            let expected = first.get_or_insert_with(|| Outcome { full_state, events: self.events.clone() });
            if let Err(plain) = self.compare(Check::Twin, expected, &self.trial, &self.events) {
                return plain;
            }
        }
        divergence
    }

    fn check_twin(&mut self, expected: &Outcome<G>) -> Result<(), Divergence> {
        self.turn.play(&mut self.twin, &mut self.events);
        self.compare(Check::Twin, expected, &self.twin, &self.events)
    }

    fn check_rollback(&mut self, before: &Checkpoint<G>, expected: &Outcome<G>) -> Result<(), Divergence> {
        self.trial.rewind(before.clone());
        let mut script = self.script.fork(self.dice.next_u64());
        let mut turn = Turn::empty();
        let ticks = self.dice.below(self.policy.rollback_ticks_max.saturating_add(1));
        for _ in 0..ticks {
            script.play(&mut self.trial, &mut turn, &mut self.events, |_| ());
        }
        self.ticks_taken_back += u64::from(ticks);
        let detour = self.trial.world().clone();
        self.trial.rewind(before.clone());
        self.turn.play(&mut self.trial, &mut self.events);
        self.compare(Check::Rollback, expected, &self.trial, &self.events)?;
        // The next restore goes over the world that this detour left, or over a world that never was the same.
        if self.dice.one_in(2) {
            let rng = before.rng.clone();
            self.trial.rewind(Checkpoint { world: detour, rng, history: before.history.clone() });
        } else {
            let (elsewhere, script) = &mut self.elsewhere;
            script.play(elsewhere, &mut turn, &mut self.events, |_| ());
            self.trial.rewind(elsewhere.checkpoint().clone());
        }
        Ok(())
    }

    /// Restores over the dirty world that [`Self::check_rollback`] left.
    fn check_restore(&mut self, before: &Checkpoint<G>, expected: &Outcome<G>) -> Result<(), Divergence> {
        let full_state = FullState::of(before);
        let world = self.trial.world().clone();
        self.replay(Check::Restore, &full_state, world, &before.history, expected)
    }

    fn check_keyframe(&mut self, before: &Checkpoint<G>, expected: &Outcome<G>) -> Result<(), Divergence> {
        let schema = self.reference.schema();
        self.keyframe.clear();
        FullState::of(before).encode(schema, &mut self.keyframe);
        self.keyframe_bytes_max = self.keyframe_bytes_max.max(self.keyframe.len());
        let full_state = FullState::decode_kept(schema, &self.keyframe).map_err(|error| {
            let path = format!("the keyframe of the world cannot be read ({error})");
            let what = Named { path, here: Reading::Error, there: Reading::Error };
            self.divergence(before.history.newest().tick, Check::Keyframe, what, 0)
        })?;
        self.replay(Check::Keyframe, &full_state, G::default(), &before.history, expected)
    }

    /// Makes the tick as far as a panic in its last line would, undoes it and makes it once more.
    fn check_undo(&mut self, before: &Checkpoint<G>, expected: &Outcome<G>) -> Result<(), Divergence> {
        self.trial.rewind(before.clone());
        self.trial.begin_tick();
        self.turn.play_unkept(&mut self.trial, &mut self.events);
        self.trial.undo_tick();
        let untouched = Outcome::<G> { full_state: FullState::of(before), events: Vec::new() };
        self.compare(Check::Undo, &untouched, &self.trial, &[])?;
        self.turn.play(&mut self.trial, &mut self.events);
        self.compare(Check::Undo, expected, &self.trial, &self.events)
    }

    /// Has a match go on from the bytes of a checkpoint.
    fn freeze(&mut self, mut checkpoint: Checkpoint<G>) -> Result<(), Divergence> {
        let (schema, mut bytes) = (self.reference.schema(), Vec::new());
        checkpoint.encode(schema, &mut bytes);
        let again = Checkpoint::<G>::decode(schema, &bytes).map_err(|error| {
            let path = format!("the checkpoint of the match cannot be read ({error})");
            let what = Named { path, here: Reading::Error, there: Reading::Error };
            self.divergence(self.frozen_at, Check::Resume, what, 0)
        })?;
        self.resumed = Some(Simulation::resume_sharing(Arc::new(schema.clone()), again));
        Ok(())
    }

    fn check_resumed(&mut self, expected: &Outcome<G>) -> Result<(), Divergence> {
        let Some(mut resumed) = self.resumed.take() else { return Ok(()) };
        self.turn.play(&mut resumed, &mut self.events);
        let compared = self.compare(Check::Resume, expected, &resumed, &self.events);
        self.resumed = Some(resumed);
        compared
    }

    /// Restores over `world`, checks that the result is the same, and plays the tick again from there.
    fn replay(
        &mut self,
        check: Check,
        full_state: &FullState,
        mut world: G,
        history: &History,
        expected: &Outcome<G>,
    ) -> Result<(), Divergence> {
        let rng = full_state.restore(&mut world);
        let mut restored = Snapshot::empty(self.trial.schema());
        restored.capture(&mut world, full_state.tick());
        if restored != full_state.snapshot {
            let mut differences = diff::of_snapshots(self.trial.schema(), &full_state.snapshot, &restored);
            let first = differences.next().expect("different snapshots differ somewhere");
            let what = first.name(self.trial.schema());
            return Err(self.divergence(full_state.tick(), check, what, differences.count()));
        }
        self.trial.rewind(Checkpoint { world, rng, history: history.clone() });
        self.turn.play(&mut self.trial, &mut self.events);
        self.compare(check, expected, &self.trial, &self.events)
    }

    fn compare(
        &self,
        check: Check,
        expected: &Outcome<G>,
        simulation: &Simulation<G>,
        events: &[(To, G::Event)],
    ) -> Result<(), Divergence> {
        let found = FullState::of(simulation.checkpoint());
        let (tick, schema) = (expected.full_state.tick(), simulation.schema());
        if found != expected.full_state {
            let mut differences = diff::of_full_states(schema, &expected.full_state, &found);
            let first = differences.next().expect("different worlds differ somewhere");
            return Err(self.divergence(tick, check, first.name(schema), differences.count()));
        }
        if events != expected.events {
            let [here, there] = [expected.events.len(), events.len()].map(Reading::Events);
            return Err(self.divergence(tick, check, Named { path: "events".into(), here, there }, 0));
        }
        Ok(())
    }

    fn no_number(&self, path: String) -> Divergence {
        let what = Named { path, here: Reading::NotANumber, there: Reading::NotANumber };
        self.divergence(self.reference.tick(), Check::Numbers, what, 0)
    }

    fn divergence(&self, tick: Tick, check: Check, what: Named, others: usize) -> Divergence {
        Divergence::of(G::RULES.name, self.policy.seed, tick, check, what, others)
    }
}

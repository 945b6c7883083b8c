//! A game played from a seed, tick by tick, to be compared with the same game elsewhere.

use super::script::{Script, Turn};
use crate::game::{Game, To};
use crate::rng::Rng;
use crate::world::full_state::FullState;
use crate::world::simulation::{Checkpoint, Simulation};
use alloc::vec::Vec;

/// In one of so many ticks the game takes a detour.
const DETOUR_ONE_IN: u32 = 10;
/// Ticks of a detour at the most.
const DETOUR_TICKS_MAX: u32 = 8;
/// The percentage of the time for which dice choose a player's inputs.
const WILD_PERCENT: u32 = 25;

/// A game that is played from a seed, with or without detours.
///
/// A detour plays some ticks on with other inputs and then puts the world back, by a rollback or through the bytes of a
/// keyframe. Playthroughs with detours and without them agree, unless a part of the state was not put back.
pub struct Playthrough<G: Game> {
    simulation: Simulation<G>,
    script: Script<G>,
    turn: Turn<G>,
    events: Vec<(To, G::Event)>,
    /// The dice of the detours. They are apart from all others, so that playthroughs with detours and without them
    /// agree.
    detours: Option<Rng>,
    keyframe: Vec<u8>,
}

impl<G: Game> Playthrough<G> {
    /// The game before its first tick.
    #[must_use]
    pub fn new(seed: u64, detours: bool) -> Self {
        Self {
            simulation: Simulation::new(seed, &G::Options::default()),
            script: Script::new(seed ^ 0xd1ce, WILD_PERCENT),
            turn: Turn::empty(),
            events: Vec::new(),
            detours: detours.then(|| Rng::new(!seed)),
            keyframe: Vec::new(),
        }
    }

    /// Plays a tick and gives the hash of the world after it, hidden fields included.
    pub fn advance(&mut self) -> u64 {
        self.take_detour();
        self.script.play(&mut self.simulation, &mut self.turn, &mut self.events, |_| ());
        self.simulation.hash()
    }

    fn take_detour(&mut self) {
        let Some(dice) = &mut self.detours else { return };
        if !dice.one_in(DETOUR_ONE_IN) {
            return;
        }
        let kept = self.simulation.checkpoint().clone();
        let mut script = self.script.fork(dice.next_u64());
        let (mut turn, mut events) = (Turn::empty(), Vec::new());
        for _ in 0..dice.below(DETOUR_TICKS_MAX) {
            script.play(&mut self.simulation, &mut turn, &mut events, |_| ());
        }
        if dice.one_in(2) {
            self.simulation.rewind(kept);
            return;
        }
        let schema = self.simulation.schema();
        self.keyframe.clear();
        FullState::of(&kept).encode(schema, &mut self.keyframe);
        let full_state = FullState::decode_kept(schema, &self.keyframe).expect("a written keyframe can be read");
        let mut world = self.simulation.world().clone();
        let rng = full_state.restore(&mut world);
        self.simulation.rewind(Checkpoint { world, rng, history: kept.history });
    }

    /// The simulation that is played.
    #[must_use]
    pub const fn simulation(&self) -> &Simulation<G> {
        &self.simulation
    }

    /// The roster changes and the inputs of the newest tick.
    #[must_use]
    pub const fn turn(&self) -> &Turn<G> {
        &self.turn
    }
}

/// Plays `ticks` ticks and gives the full hash of the world after each; see [`Playthrough`].
#[must_use]
pub fn hashes<G: Game>(seed: u64, ticks: u32, detours: bool) -> Vec<u64> {
    let mut playthrough = Playthrough::<G>::new(seed, detours);
    (0..ticks).map(|_| playthrough.advance()).collect()
}

//! Replay of received tick inputs: to look for the first tick in which two machines differ, and to try the one of an
//! autopsy.

use crate::game::Game;
use crate::lockstep::TickInputs;
use crate::state::Schema;
use crate::world::full_state::FullState;
use crate::world::stepper::{Stepper, TickCauses};
use alloc::vec::Vec;

/// A world that is played on from everyone's inputs.
pub struct Replay<G: Game> {
    schema: Schema,
    stepper: Stepper<G>,
    full_state: FullState,
}

impl<G: Game> Replay<G> {
    /// A replay that goes on from this state.
    #[must_use]
    pub fn new(full_state: &FullState) -> Self {
        let mut world = G::default();
        let rng = full_state.restore(&mut world);
        Self { schema: Schema::of::<G>(), stepper: Stepper::new(world, rng), full_state: full_state.clone() }
    }

    /// Plays a tick, which is the one after the newest.
    pub fn play(&mut self, tick_inputs: &TickInputs<G::Input>) {
        let TickInputs { tick, roster, heard, last_inputs, .. } = tick_inputs;
        let causes = TickCauses { tick: *tick, roster, heard, inputs: last_inputs.inputs() };
        self.stepper.play(&self.schema, &self.full_state.snapshot, &causes, &mut Vec::new());
        self.full_state.capture(&mut self.stepper.world, &self.stepper.rng, *tick);
    }

    /// The newest full state.
    #[must_use]
    pub const fn full_state(&self) -> &FullState {
        &self.full_state
    }

    /// The hash of the newest full state.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.full_state.hash_sent(&self.schema)
    }
}

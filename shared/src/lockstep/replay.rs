//! Playing told ticks once more: to look for the tick from which on two machines differ, and to try an autopsy's.

use crate::game::Game;
use crate::lockstep::Bundle;
use crate::state::Schema;
use crate::world::full_state::Whole;
use crate::world::stepper::{Stepper, TickCauses};
use alloc::vec::Vec;

/// A world that is played on from what everyone did.
pub struct Replay<G: Game> {
    schema: Schema,
    stepper: Stepper<G>,
    whole: Whole,
}

impl<G: Game> Replay<G> {
    /// Goes on from this world.
    #[must_use]
    pub fn new(whole: &Whole) -> Self {
        let mut world = G::default();
        let rng = whole.restore(&mut world);
        Self { schema: Schema::of::<G>(), stepper: Stepper::new(world, rng), whole: whole.clone() }
    }

    /// Plays a tick, the one after the newest.
    pub fn play(&mut self, bundle: &Bundle<G::Input>) {
        let Bundle { tick, roster, standing, .. } = bundle;
        let causes = TickCauses { tick: *tick, roster, inputs: standing.inputs() };
        self.stepper.play(&self.schema, &self.whole.snapshot, &causes, &mut Vec::new());
        self.whole.capture(&mut self.stepper.world, &self.stepper.rng, *tick);
    }

    /// The newest world.
    #[must_use]
    pub const fn whole(&self) -> &Whole {
        &self.whole
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.whole.hash(&self.schema)
    }
}

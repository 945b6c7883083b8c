//! Playing told ticks once more: to look for the tick from which on two machines differ, and to try an autopsy's.

use super::Bundle;
use crate::past::{Past, Rewound};
use crate::simulation::RosterChange;
use crate::state::Schema;
use crate::whole::Whole;
use crate::{Game, Rng, Step};
use alloc::vec::Vec;

/// A world that is played on from what everyone did.
pub struct Replay<G: Game> {
    schema: Schema,
    world: G,
    rng: Rng,
    whole: Whole,
    rewound: Rewound<G>,
}

impl<G: Game> Replay<G> {
    /// Goes on from this world.
    #[must_use]
    pub fn new(whole: &Whole) -> Self {
        let mut world = G::default();
        let rng = whole.restore(&mut world);
        Self { schema: Schema::of::<G>(), world, rng, whole: whole.clone(), rewound: Rewound::default() }
    }

    /// Plays a tick, the one after the newest.
    pub fn play(&mut self, bundle: &Bundle<G::Input>) {
        for change in &bundle.roster {
            match *change {
                RosterChange::Joined(seat) => self.world.join(seat),
                RosterChange::Left(seat, why) => self.world.leave(seat, why),
            }
        }
        let past = Past::present(&self.schema, &self.whole.snapshot, &mut self.rewound);
        let (inputs, mut events) = (bundle.standing.inputs(), Vec::new());
        self.world.step(&mut Step::new(bundle.tick, inputs, &mut self.rng, &mut events).with_past(past));
        self.whole.capture(&mut self.world, &self.rng, bundle.tick);
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

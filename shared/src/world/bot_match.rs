//! A match between a game's own bots, without a network: the lobby shows it, and measurements of bytes and comparisons
//! of builds play it.

use crate::game::{Game, To};
use crate::id::Seat;
use crate::limits::SEATS_MAX;
use crate::rng::Rng;
use crate::state::Schema;
use crate::tick::Tick;
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{Stepper, TickCauses};
use alloc::vec::Vec;

/// A match that plays itself.
pub struct BotMatch<G: Game> {
    schema: Schema,
    stepper: Stepper<G>,
    dice: Rng,
    seats: Vec<Seat>,
    inputs: [Option<G::Input>; SEATS_MAX as usize],
    events: Vec<(To, G::Event)>,
    before: Snapshot,
    newest: Snapshot,
}

impl<G: Game> BotMatch<G> {
    /// A match of so many bots before its first tick, with the room's random numbers and the bots' dice.
    #[must_use]
    pub fn new(options: &G::Options, players: u8, rng: Rng, dice: Rng) -> Self {
        let (schema, seats) = (Schema::of::<G>(), Seat::first(players.min(G::RULES.seats)).collect::<Vec<_>>());
        let mut stepper = Stepper::new(G::new(options), rng);
        seats.iter().for_each(|seat| stepper.world.join(*seat));
        let mut newest = Snapshot::empty(&schema);
        // A copy is captured: rounding the author's own numbers before the first tick would make another match of the
        // same seed.
        newest.capture(&mut stepper.world.clone(), Tick(0));
        let (before, inputs, events) = (newest.clone(), [None; SEATS_MAX as usize], Vec::new());
        Self { schema, stepper, dice, seats, inputs, events, before, newest }
    }

    /// Makes the next tick.
    pub fn step(&mut self) {
        let Self { stepper, dice, seats, inputs, .. } = self;
        for seat in seats {
            inputs[seat.index()] = Some(stepper.world.bot(*seat, dice));
        }
        let causes = TickCauses { tick: self.newest.tick.next(), roster: &[], heard: &[], inputs: &self.inputs };
        self.stepper.play(&self.schema, &self.newest, &causes, &mut self.events);
        core::mem::swap(&mut self.before, &mut self.newest);
        // The world is rounded to its wire integers here too, although there is no wire.
        self.newest.capture(&mut self.stepper.world, causes.tick);
    }

    /// The newest world.
    #[must_use]
    pub const fn world(&self) -> &G {
        &self.stepper.world
    }

    /// The schema of the world.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The seats that are played.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The inputs of the newest tick, by seat.
    #[must_use]
    pub const fn inputs(&self) -> &[Option<G::Input>; SEATS_MAX as usize] {
        &self.inputs
    }

    /// The world of the tick before the newest, as wire integers.
    #[must_use]
    pub const fn before(&self) -> &Snapshot {
        &self.before
    }

    /// The newest world as wire integers.
    #[must_use]
    pub const fn newest(&self) -> &Snapshot {
        &self.newest
    }
}

//! What the others are guessed to do, and the step that is made from that and the player's own inputs.

use crate::client::worlds::lockstep::{Frame, Lockstep};
use crate::game::Game;
use crate::lockstep::LastInputs;
use crate::tick::Tick;
use crate::world::stepper::TickCauses;

impl<G: Game> Lockstep<G> {
    /// What the player has done in a tick; `None` for one that is long ago, or that no input was made for.
    pub(crate) fn mine(&self, tick: Tick) -> Option<G::Input> {
        self.inputs.at(tick).map(|action| action.input)
    }

    /// What everyone does in `tick`, by what they did last: the player's own input where there is one, the others as
    /// before.
    pub(crate) fn guess_inputs(&self, tick: Tick) -> LastInputs<G::Input> {
        let last = &self.newest().last_inputs;
        let mut guess = *last;
        for (seat, input) in last.iter() {
            let mine = if self.me == Some(seat) { self.mine(tick) } else { None };
            guess.set(seat, mine.unwrap_or_else(|| self.codec.inputs().held(input)));
        }
        guess
    }

    /// Makes `tick` from the world of the newest frame and fills `frame` with what comes out.
    pub(crate) fn step(&mut self, tick: Tick, frame: &mut Frame<G>) {
        let place = self.place_of_tick(tick);
        let roster = place.map_or(&[][..], |at| &self.known_ticks[at].roster);
        let last = self.frames.back().expect("there is a frame from the first world on");
        let causes = TickCauses { tick, roster, inputs: frame.last_inputs.inputs() };
        self.stepper.play(&self.schema, &last.full_state.snapshot, &causes, &mut frame.events);
        frame.full_state.capture(&mut self.stepper.world, &self.stepper.rng, tick);
    }
}

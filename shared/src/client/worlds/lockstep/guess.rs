//! Guesses: the inputs that the others are expected to give, and the step that is made from them and the own inputs.

use crate::client::worlds::lockstep::{Frame, Lockstep};
use crate::game::Game;
use crate::lockstep::LastInputs;
use crate::tick::Tick;
use crate::world::stepper::TickCauses;

impl<G: Game> Lockstep<G> {
    /// The player's own input in a tick; `None` for a tick that is long ago, or that no input was made for.
    pub(crate) fn mine(&self, tick: Tick) -> Option<G::Input> {
        self.inputs.at(tick).map(|action| action.input)
    }

    /// The inputs of all players in `tick`, guessed from their last ones: the player's own input where there is one,
    /// and for the others the same as before, without the fields that count once.
    pub(crate) fn guess_inputs(&self, tick: Tick) -> LastInputs<G::Input> {
        let last = &self.newest().last_inputs;
        let mut guess = *last;
        for (seat, input) in last.iter() {
            let mine = if self.me == Some(seat) { self.mine(tick) } else { None };
            guess.set(seat, mine.unwrap_or_else(|| self.codec.inputs().held(input)));
        }
        guess
    }

    /// Makes `tick` from the world of the newest frame and fills `frame` with the result.
    pub(crate) fn step(&mut self, tick: Tick, frame: &mut Frame<G>) {
        let known = self.place_of_tick(tick).map(|at| &self.known_ticks[at]);
        let (roster, heard) = known.map_or((&[][..], &[][..]), |known| (&known.roster, &known.heard));
        let last = self.frames.back().expect("there is a frame from the first world on");
        let causes = TickCauses { tick, roster, heard, inputs: frame.last_inputs.inputs() };
        self.stepper.play(&self.schema, &last.full_state.snapshot, &causes, &mut frame.events);
        frame.full_state.capture(&mut self.stepper.world, &self.stepper.rng, tick);
    }
}

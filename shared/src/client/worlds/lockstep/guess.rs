//! One's own inputs, what the others are guessed to do, and the step that is made from both.

use crate::client::worlds::lockstep::{Frame, Lockstep};
use crate::game::Game;
use crate::id::Seat;
use crate::input::{Ack, INPUTS_PER_FRAME_MAX, InputCodec, InputFrame};
use crate::limits::{ADVANCE_TICKS_MAX, PREDICTION_TICKS_MAX};
use crate::lockstep::LastInputs;
use crate::tick::Tick;
use crate::world::stepper::TickCauses;

/// Own inputs that are kept; more than can be unconfirmed.
const KEPT: usize = 64;
const _: () = assert!(KEPT > PREDICTION_TICKS_MAX as usize, "a guess must find one's own input");

/// What the player has done.
pub(crate) struct Inputs<G: Game> {
    /// The newest tick that an input was made for.
    pub(crate) made: Tick,
    /// What the player does from now on.
    pub(crate) input: G::Input,
    /// Whether nobody looks: then the player does nothing.
    pub(crate) hidden: bool,
    mine: [Option<(Tick, G::Input)>; KEPT],
}

impl<G: Game> Inputs<G> {
    pub(crate) fn new() -> Self {
        Self { made: Tick(0), input: G::Input::default(), hidden: false, mine: [None; KEPT] }
    }

    /// Makes the inputs up to `due`: a few per call at the most. `sent` hears of each.
    pub(crate) fn make(&mut self, due: Tick, mut sent: impl FnMut(Tick)) {
        for _ in 0..ADVANCE_TICKS_MAX {
            if self.made >= due {
                return;
            }
            self.made = self.made.next();
            let input = if self.hidden { G::Input::default() } else { self.input };
            self.mine[self.made.0 as usize % KEPT] = Some((self.made, input));
            sent(self.made);
        }
    }

    /// What the player has done in a tick; `None` for one that is long ago, or that no input was made for.
    pub(crate) fn mine(&self, tick: Tick) -> Option<G::Input> {
        self.mine[tick.0 as usize % KEPT].filter(|(known, _)| *known == tick).map(|(_, input)| input)
    }

    /// The message with the inputs from `first` to the newest.
    pub(crate) fn frame(&self, first: Tick, ack: Option<Ack>, wants_keyframe: bool) -> InputFrame<G::Input> {
        let mut frame = InputFrame::one(first, G::Input::default(), ack, wants_keyframe);
        frame.count = (self.made.since(first) as usize + 1).min(INPUTS_PER_FRAME_MAX);
        for (input, tick) in frame.inputs[..frame.count].iter_mut().zip((0..).map(|ahead| first + ahead)) {
            *input = self.mine(tick).unwrap_or_default();
        }
        frame
    }

    /// What everyone does in `tick`, by what they did last: oneself as one has said, the others as before.
    pub(crate) fn guess(
        &self,
        tick: Tick,
        last: &LastInputs<G::Input>,
        me: Option<Seat>,
        codec: &InputCodec<G::Input>,
    ) -> LastInputs<G::Input> {
        let mut guess = *last;
        for (seat, input) in last.iter() {
            let mine = if me == Some(seat) { self.mine(tick) } else { None };
            guess.set(seat, mine.unwrap_or_else(|| codec.held(input)));
        }
        guess
    }
}

impl<G: Game> Lockstep<G> {
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

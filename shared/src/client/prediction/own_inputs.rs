//! The player's own inputs: the present one, and those of the ticks that the server has yet to confirm.

use crate::input::{Ack, Action, INPUTS_PER_FRAME_MAX, InputCodec, InputFrame, ViewAge};
use crate::limits::{ADVANCE_TICKS_MAX, PREDICTION_TICKS_MAX};
use crate::state::Input;
use crate::tick::Tick;
use alloc::vec::Vec;

/// Ticks of which the input is kept: more than can be unacknowledged.
const KEPT: usize = 64;
const _: () = assert!(KEPT > PREDICTION_TICKS_MAX as usize, "a replay must find its inputs");
const _: () = assert!(ADVANCE_TICKS_MAX as usize <= INPUTS_PER_FRAME_MAX, "the ticks of one call go in one frame");

/// Ticks that are acknowledged in one go while no input is made.
const ACK_TICKS: i64 = 4;

/// The player's present input and the recent ones.
#[derive(Debug)]
pub(crate) struct OwnInputs<I> {
    current: I,
    hidden: bool,
    /// By tick, modulo the length of the ring.
    ring: [Option<(Tick, Action<I>)>; KEPT],
    /// The newest acknowledgement that was sent.
    acked: Tick,
}

impl<I: Input> OwnInputs<I> {
    pub(crate) fn new() -> Self {
        Self { current: I::default(), hidden: false, ring: [None; KEPT], acked: Tick(0) }
    }

    /// Replaces the present input, rounded to wire precision: the client predicts with the values that the server gets.
    pub(crate) fn set(&mut self, input: I, codec: &InputCodec<I>) {
        self.current = codec.quantize(input);
    }

    /// Notes whether the page is hidden: a player who sees nothing does nothing.
    pub(crate) const fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// The present input, even while the page is hidden.
    pub(crate) const fn current(&self) -> I {
        self.current
    }

    /// The input for the next tick: neutral while the page is hidden.
    pub(crate) fn next(&self) -> I {
        if self.hidden { I::default() } else { self.current }
    }

    /// Keeps the input of a tick.
    pub(crate) const fn record(&mut self, tick: Tick, action: Action<I>) {
        self.ring[tick.0 as usize % KEPT] = Some((tick, action));
    }

    /// The input of a tick; `None` for a tick that is long ago, or that no input was made for.
    pub(crate) fn at(&self, tick: Tick) -> Option<Action<I>> {
        self.ring[tick.0 as usize % KEPT].filter(|(kept, _)| *kept == tick).map(|(_, action)| action)
    }

    /// The newest tick that an input was made for, as far as that is kept.
    pub(crate) fn newest(&self) -> Option<Tick> {
        self.ring.iter().flatten().map(|(tick, _)| *tick).max()
    }

    /// The message to send after a call in which the inputs from `first` to `newest` were made; none were if `newest` is
    /// before `first`. Then an acknowledgement still has to leave now and then, for the server sends only so much ahead of
    /// it: it goes with the last input once more, of which the room keeps the first.
    pub(crate) fn message(
        &mut self,
        (first, newest): (Tick, Tick),
        ack: Option<Ack>,
        ages: bool,
    ) -> Option<InputFrame<I>> {
        let made = newest >= first;
        let owed = ack.map_or(0, |ack| ack.tick.since(self.acked));
        if !made && (owed < ACK_TICKS || newest == Tick(0)) {
            return None;
        }
        self.acked = ack.map_or(self.acked, |ack| ack.tick);
        Some(self.frame(if made { first } else { newest }, newest, ack, ages))
    }

    /// The messages with the inputs that were made after `received`, to be sent again over another connection: the room
    /// executes their commands once, late as they are. There are no such messages when the room has all of them, nor for
    /// a new player (`None`): the inputs of an earlier seat are forgotten.
    pub(crate) fn frames_after(&mut self, received: Option<Tick>, codec: &InputCodec<I>) -> Vec<Vec<u8>> {
        let Some(received) = received else {
            self.ring = [None; KEPT];
            return Vec::new();
        };
        let kept = self.ring.iter().flatten().map(|(tick, _)| *tick).filter(|tick| *tick > received);
        let Some(newest) = kept.clone().max() else { return Vec::new() };
        // What is older than the ring is lost; nobody makes so many inputs without an acknowledgement.
        let mut first = kept.min().unwrap_or(newest);
        let mut messages = Vec::new();
        while first <= newest {
            let frame = self.frame(first, newest, None, false);
            first = first + u32::try_from(frame.count).unwrap_or(1);
            let mut message = Vec::new();
            codec.encode(&frame, &mut message);
            messages.push(message);
        }
        messages
    }

    /// The message with the inputs from `first` to `newest`: more than one after an animation frame that took long.
    ///
    /// Inputs that were sent before are not repeated. The stream loses none, so after a stall all of them arrive at
    /// once anyway, and in a frame with older inputs they would arrive no sooner. View ages travel only if `ages` is
    /// set: a game that never asks for them pays no byte.
    fn frame(&self, first: Tick, newest: Tick, ack: Option<Ack>, ages: bool) -> InputFrame<I> {
        let mut frame = InputFrame::one(first, I::default(), ack, false);
        frame.count = (newest.since(first) as usize + 1).min(INPUTS_PER_FRAME_MAX);
        for (place, tick) in (0..frame.count).zip((0..).map(|ahead| first + ahead)) {
            let Action { input, age } = self.at(tick).unwrap_or_default();
            frame.inputs[place] = input;
            frame.ages[place] = if ages { age } else { ViewAge::NONE };
        }
        frame
    }
}

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
    /// The present input once a tick has taken its commands.
    after_command: Option<I>,
    hidden: bool,
    /// By tick, modulo the length of the ring.
    ring: [Option<(Tick, Action<I>)>; KEPT],
    /// The newest acknowledgement that was sent.
    acked: Tick,
}

impl<I: Input> OwnInputs<I> {
    pub(crate) fn new() -> Self {
        Self { current: I::default(), after_command: None, hidden: false, ring: [None; KEPT], acked: Tick(0) }
    }

    /// Replaces the present input, rounded to wire precision: the client predicts with the values that the server gets.
    /// If it is a command, its fields that count once are neutral again after the next tick.
    pub(crate) fn push(&mut self, input: I, is_command: bool, codec: &InputCodec<I>) {
        self.current = codec.quantize(input);
        self.after_command = is_command.then(|| codec.held(self.current));
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
        if let Some(held) = self.after_command.take() {
            self.current = held;
        }
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
        let owed = ack.map_or(0, |ack| ack.tick.since(self.acked));
        let (first, newest) = match self.newest() {
            _ if newest >= first => (first, newest),
            Some(last) if owed >= ACK_TICKS => (last, last),
            _ => return None,
        };
        self.acked = ack.map_or(self.acked, |ack| ack.tick);
        Some(self.frame(first, newest, ack, ages))
    }

    /// The messages with the inputs that were made after `received`, to be sent again over another connection: the room
    /// executes their commands once, late as they are. There are no such messages when the room has all of them, nor for
    /// a new player (`None`): the inputs of an earlier seat are forgotten.
    pub(crate) fn frames_after(&mut self, received: Option<Tick>, codec: &InputCodec<I>) -> Vec<Vec<u8>> {
        let Some(received) = received else {
            self.ring = [None; KEPT];
            return Vec::new();
        };
        let Some(newest) = self.newest() else { return Vec::new() };
        // An input that is older than the ring is lost. Between two inputs there may be ticks for which none was made,
        // because the player was away.
        let kept = (0..KEPT as u32).rev().filter_map(|back| newest.0.checked_sub(back).map(Tick));
        let mut unsent: Vec<Tick> = kept.filter(|tick| *tick > received && self.at(*tick).is_some()).collect();
        let mut messages = Vec::new();
        while let Some(first) = unsent.first().copied() {
            let run = (0..).zip(&unsent).take_while(|(ahead, tick)| **tick == first + *ahead).count();
            let run = run.min(INPUTS_PER_FRAME_MAX);
            let frame = self.frame(first, unsent[run - 1], None, false);
            unsent.drain(..run);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Input)]
    struct Held {
        key: bool,
    }

    #[derive(Debug, Clone, Copy, Default, PartialEq, Input)]
    struct Order {
        key: bool,
        #[input(once)]
        buys: u8,
    }

    #[test]
    fn a_command_goes_into_one_tick_and_an_input_into_all() {
        let (mut inputs, codec) = (OwnInputs::new(), InputCodec::new());
        let mut bought = |order: Order, is_command: bool| {
            inputs.push(order, is_command, &codec);
            [1, 2, 3].map(|tick| {
                let input = inputs.next();
                inputs.record(Tick(tick), Action::from(input));
                (input.key, input.buys)
            })
        };
        let order = Order { key: true, buys: 7 };
        assert_eq!(bought(order, true), [(true, 7), (true, 0), (true, 0)]);
        assert_eq!(bought(order, false), [(true, 7); 3]);
        assert_eq!(bought(Order { buys: 1, ..order }, true), [(true, 1), (true, 0), (true, 0)]);
    }

    fn made(ticks: impl IntoIterator<Item = u32>) -> (OwnInputs<Held>, InputCodec<Held>) {
        let mut inputs = OwnInputs::new();
        ticks.into_iter().for_each(|tick| inputs.record(Tick(tick), Action::from(Held { key: true })));
        (inputs, InputCodec::new())
    }

    /// The ticks of the inputs in messages, and whether all of them were made.
    fn ticks_in(messages: &[Vec<u8>], codec: &InputCodec<Held>) -> Vec<u32> {
        let frames = messages.iter().map(|message| codec.decode(message).expect("a good message"));
        frames
            .flat_map(|frame| {
                assert!(frame.inputs[..frame.count].iter().all(|input| input.key), "an input that nobody made");
                (0..frame.count as u32).map(move |ahead| frame.tick.0 + ahead)
            })
            .collect()
    }

    #[test]
    fn inputs_that_were_not_received_are_sent_again_and_no_others() {
        let (mut inputs, codec) = made((5..20).chain(600..610));
        let expected: Vec<u32> = (8..20).chain(600..610).collect();
        assert_eq!(ticks_in(&inputs.frames_after(Some(Tick(7)), &codec), &codec), expected[12..]);
        let (mut inputs, codec) = made((5..20).chain(40..50));
        let expected: Vec<u32> = (8..20).chain(40..50).collect();
        assert_eq!(ticks_in(&inputs.frames_after(Some(Tick(7)), &codec), &codec), expected);
        assert!(inputs.frames_after(Some(Tick(49)), &codec).is_empty());
        assert!(inputs.frames_after(None, &codec).is_empty());
        assert_eq!(inputs.newest(), None, "a new player has made nothing");
    }

    #[test]
    fn without_a_new_input_an_acknowledgement_leaves_with_the_last_one_now_and_then() {
        let (mut inputs, _) = made(5..20);
        let ack = |tick| Some(Ack { tick: Tick(tick), hash: 0 });
        let frame = inputs.message((Tick(19), Tick(19)), ack(10), false).expect("an input was made");
        assert_eq!((frame.tick, frame.count), (Tick(19), 1));
        assert_eq!(inputs.message((Tick(20), Tick(19)), ack(12), false), None);
        let frame = inputs.message((Tick(40), Tick(39)), ack(14), false).expect("4 ticks are owed");
        assert_eq!((frame.tick, frame.count, frame.inputs[0]), (Tick(19), 1, Held { key: true }));
        assert_eq!(made([]).0.message((Tick(20), Tick(19)), ack(14), false), None);
    }
}

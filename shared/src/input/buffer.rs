//! The room's buffer of one seat's inputs: one input per tick, whichever inputs a client sends.
//!
//! An input for a tick that is over is dropped, but the next ticks repeat it. An input too far ahead is dropped; of two
//! for the same tick the first counts. A tick without an input repeats the last one for a few ticks, and then is
//! neutral. The server never waits.

use crate::input::{Action, InputCodec};
use crate::limits::{INPUT_HOLD_TICKS, INPUT_LEAD_TICKS_MAX};
use crate::state::Input;
use crate::tick::Tick;
use alloc::collections::VecDeque;

const LEN: usize = INPUT_LEAD_TICKS_MAX as usize;

/// The fate of an input that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputArrival {
    /// The input waits for its tick.
    Accepted,
    /// The tick of the input is over.
    Late,
    /// The tick of the input is too far ahead.
    Early,
    /// The buffer has an input for that tick already.
    Duplicate,
}

/// One seat's inputs for the coming ticks.
#[derive(Debug, Clone)]
pub struct InputBuffer<I> {
    /// The next tick that can be taken.
    next: Tick,
    /// Bit n: an input waits for the tick n after `next`. Thanks to it the slots hold the inputs alone, without their
    /// ticks.
    waiting: u32,
    held_ticks: u32,
    newest: Option<Tick>,
    last: Action<I>,
    /// Inputs with commands that came after their ticks, oldest first: each command is executed once, in the first tick
    /// that has room for it. With each is the tick at which it came. Mostly empty.
    late_commands: VecDeque<(Tick, I)>,
    /// The input for a tick is in the slot of its number, modulo the length.
    slots: [Action<I>; LEN],
}

const _: () = assert!(INPUT_LEAD_TICKS_MAX == u32::BITS, "one bit per tick of lead");

impl<I: Input> Default for InputBuffer<I> {
    fn default() -> Self {
        let (last, slots) = (Action::default(), [Action::default(); LEN]);
        Self {
            next: Tick(0),
            waiting: 0,
            held_ticks: INPUT_HOLD_TICKS,
            newest: None,
            last,
            late_commands: VecDeque::new(),
            slots,
        }
    }
}

impl<I: Input> InputBuffer<I> {
    /// The buffer of a seat whose inputs up to a tick were executed, the last of them with this action.
    #[must_use]
    pub fn after(tick: Tick, last: Action<I>) -> Self {
        Self { next: tick.next(), newest: Some(tick), last, held_ticks: 0, ..Self::default() }
    }

    /// Keeps the input of a player for `tick`. `next` is the tick that the room makes next, and never before that of
    /// the last call.
    pub fn insert(&mut self, tick: Tick, action: Action<I>, next: Tick, codec: &InputCodec<I>) -> InputArrival {
        self.forget_before(next);
        let lead = tick.since(next);
        if lead >= i64::from(INPUT_LEAD_TICKS_MAX) {
            return InputArrival::Early;
        }
        let is_newest = self.newest.is_none_or(|newest| tick > newest);
        if is_newest {
            self.newest = Some(tick);
        }
        let Ok(lead) = u32::try_from(lead) else {
            if is_newest {
                // It is the best guess for the ticks to come.
                self.last = action;
                self.held_ticks = 0;
                if self.late_commands.len() < LEN && codec.has_command(action.input) {
                    self.late_commands.push_back((next, action.input));
                }
            }
            return InputArrival::Late;
        };
        if self.waiting & (1 << lead) != 0 {
            return InputArrival::Duplicate;
        }
        self.waiting |= 1 << lead;
        self.slots[tick.0 as usize % LEN] = action;
        InputArrival::Accepted
    }

    /// The input of the player for `tick`, and whether it came in time.
    pub fn take(&mut self, tick: Tick, codec: &InputCodec<I>) -> (Action<I>, bool) {
        let (mut action, in_time) = self.take_own(tick, codec);
        // A command that had to wait for so long would surprise the player who gave it.
        let is_old = |(came, _): &mut (Tick, I)| tick.since(*came) > i64::from(INPUT_LEAD_TICKS_MAX);
        while self.late_commands.pop_front_if(is_old).is_some() {}
        let late = self.late_commands.front().and_then(|(_, late)| codec.with_commands(action.input, *late));
        if let Some(input) = late {
            action.input = input;
            self.late_commands.pop_front();
        }
        (action, in_time)
    }

    /// The input for `tick` by itself, without commands that came late.
    fn take_own(&mut self, tick: Tick, codec: &InputCodec<I>) -> (Action<I>, bool) {
        self.forget_before(tick);
        if self.waiting & 1 != 0 {
            self.forget_before(tick.next());
            self.last = self.slots[tick.0 as usize % LEN];
            self.held_ticks = 0;
            return (self.last, true);
        }
        if self.held_ticks >= INPUT_HOLD_TICKS {
            return (Action::default(), false);
        }
        self.held_ticks += 1;
        (Action { input: codec.held(self.last.input), age: self.last.age }, false)
    }

    /// Drops the inputs for ticks before `next`, which no caller will ask for any more.
    fn forget_before(&mut self, next: Tick) {
        let passed = u32::try_from(next.since(self.next)).unwrap_or(0);
        self.waiting = self.waiting.checked_shr(passed).unwrap_or(0);
        self.next = self.next.max(next);
    }

    /// The newest tick for which an input came.
    #[must_use]
    pub const fn newest(&self) -> Option<Tick> {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::ViewAge;
    use alloc::vec::Vec;

    fn buffer() -> (InputBuffer<u8Input>, InputCodec<u8Input>) {
        (InputBuffer::default(), InputCodec::new())
    }

    #[derive(Debug, Clone, Copy, Default, PartialEq, crate::state::Input)]
    #[expect(non_camel_case_types, reason = "reads as the number it stands for")]
    struct u8Input {
        held: u8,
        #[input(once)]
        command: u8,
    }

    const AGE: ViewAge = ViewAge::from_parts(40);

    const fn press(n: u8) -> Action<u8Input> {
        Action { input: u8Input { held: n, command: n }, age: AGE }
    }

    const fn held(n: u8) -> Action<u8Input> {
        Action { input: u8Input { held: n, command: 0 }, age: AGE }
    }

    #[test]
    fn inputs_wait_for_their_tick_and_the_first_counts() {
        let (mut buffer, codec) = buffer();
        assert_eq!(buffer.insert(Tick(5), press(5), Tick(4), &codec), InputArrival::Accepted);
        assert_eq!(buffer.insert(Tick(4), press(4), Tick(4), &codec), InputArrival::Accepted);
        assert_eq!(buffer.insert(Tick(5), press(9), Tick(4), &codec), InputArrival::Duplicate);
        assert_eq!(buffer.take(Tick(4), &codec), (press(4), true));
        assert_eq!(buffer.take(Tick(5), &codec), (press(5), true));
        assert_eq!(buffer.newest(), Some(Tick(5)));
    }

    #[test]
    fn a_missing_input_is_held_without_commands_and_then_neutral() {
        let (mut buffer, codec) = buffer();
        buffer.insert(Tick(0), press(3), Tick(0), &codec);
        buffer.take(Tick(0), &codec);
        for tick in 1..=INPUT_HOLD_TICKS {
            assert_eq!(buffer.take(Tick(tick), &codec), (held(3), false));
        }
        assert_eq!(buffer.take(Tick(INPUT_HOLD_TICKS + 1), &codec), (Action::default(), false));
    }

    #[test]
    fn an_input_that_was_not_taken_is_not_taken_for_a_later_tick() {
        let (mut buffer, codec) = buffer();
        buffer.insert(Tick(5), press(5), Tick(4), &codec);
        buffer.insert(Tick(35), press(7), Tick(4), &codec);
        let later = Tick(5 + INPUT_LEAD_TICKS_MAX);
        assert_eq!(buffer.insert(later, press(6), Tick(8), &codec), InputArrival::Accepted);
        assert_eq!(buffer.take(Tick(35), &codec), (press(7), true));
        assert_eq!(buffer.take(Tick(36), &codec), (held(7), false));
        assert_eq!(buffer.take(later, &codec), (press(6), true));
        assert_eq!(buffer.insert(Tick(1_000), press(8), Tick(1_000), &codec), InputArrival::Accepted);
        assert_eq!(buffer.take(Tick(1_000), &codec), (press(8), true));
    }

    #[test]
    fn inputs_outside_the_window_change_no_tick() {
        let (mut buffer, codec) = buffer();
        for tick in [Tick(132), Tick(100_000), Tick(u32::MAX)] {
            assert_eq!(buffer.insert(tick, press(1), Tick(100), &codec), InputArrival::Early);
        }
        assert_eq!(buffer.newest(), None);
        assert_eq!(buffer.insert(Tick(7), press(2), Tick(100), &codec), InputArrival::Late);
        // Its command has yet to be executed.
        assert_eq!(buffer.take(Tick(100), &codec), (press(2), false));
        assert_eq!(buffer.take(Tick(101), &codec), (held(2), false));
    }

    #[test]
    fn commands_that_come_late_are_executed_once_each_in_their_order() {
        let (mut buffer, codec) = buffer();
        for (tick, input) in [(3, press(1)), (4, held(2)), (5, press(3)), (5, press(3)), (4, press(9))] {
            assert_eq!(buffer.insert(Tick(tick), input, Tick(10), &codec), InputArrival::Late);
        }
        let commands: Vec<u8> = (10..16).map(|tick| buffer.take(Tick(tick), &codec).0.input.command).collect();
        assert_eq!(commands, [1, 3, 0, 0, 0, 0]);
    }

    #[test]
    fn a_late_command_waits_while_the_tick_has_a_command_of_its_own() {
        let (mut buffer, codec) = buffer();
        buffer.insert(Tick(5), press(1), Tick(10), &codec);
        buffer.insert(Tick(10), press(2), Tick(10), &codec);
        let commands: Vec<u8> = (10..13).map(|tick| buffer.take(Tick(tick), &codec).0.input.command).collect();
        assert_eq!(commands, [2, 1, 0]);
    }

    #[test]
    fn a_command_that_had_to_wait_for_long_is_dropped() {
        let (mut buffer, codec) = buffer();
        buffer.insert(Tick(5), press(1), Tick(10), &codec);
        for tick in 10..60 {
            buffer.insert(Tick(tick), press(2), Tick(tick), &codec);
            assert_eq!(buffer.take(Tick(tick), &codec).0.input.command, 2);
        }
        assert_eq!(buffer.take(Tick(60), &codec).0.input.command, 0);
    }

    #[test]
    fn late_commands_are_bounded() {
        let (mut buffer, codec) = buffer();
        for tick in 0..1_000 {
            buffer.insert(Tick(tick), press(1), Tick(2_000), &codec);
        }
        let executed = (2_000..4_000).filter(|tick| buffer.take(Tick(*tick), &codec).0.input.command > 0).count();
        assert!(executed <= LEN, "{executed} commands");
    }
}

//! Presses that are over before a tick has seen them: each counts in the next tick, at the point where it was.
//!
//! While no ticks are made, presses are discarded: a press from before the connection was open is not played later. A
//! button that is released and pressed again between two calls of [`PressLatch::add`] counts as held throughout,
//! because the latch sees only the state at each call.

use tickwire::Pad;
use tickwire::math::Vec2;

/// A press waits this long for a tick, and at least [`PATIENCE_TICKS`] ticks in games with slow ones.
const PATIENCE_US: u64 = 200_000;
const PATIENCE_TICKS: u64 = 2;

/// The presses since the last tick was made.
#[derive(Debug)]
pub(crate) struct PressLatch {
    /// Buttons that this tick's input is to have, whether or not they are still held.
    pressed: u32,
    /// Buttons that have been held since the last tick was made: a button that stays down is no new press.
    held: u32,
    aim: Option<Vec2>,
    aim_in_view: Option<Vec2>,
    patience: Patience,
}

/// How long a press waits for a tick to count in.
#[derive(Debug)]
pub(crate) struct Patience {
    /// The time at which the last tick was made.
    ticked_us: u64,
    patience_us: u64,
}

impl Patience {
    /// The patience of a game with ticks of this length.
    pub(crate) fn new(tick_us: u64) -> Self {
        Self { ticked_us: 0, patience_us: PATIENCE_US.max(PATIENCE_TICKS * tick_us) }
    }

    /// Whether presses end here: a tick has taken them (`made`), or there was none for too long.
    pub(crate) const fn ends(&mut self, made: bool, now_us: u64) -> bool {
        if made {
            self.ticked_us = now_us;
        }
        made || now_us.saturating_sub(self.ticked_us) > self.patience_us
    }
}

impl PressLatch {
    /// A latch without presses, for a game with ticks of this length.
    pub(crate) fn new(tick_us: u64) -> Self {
        Self { pressed: 0, held: 0, aim: None, aim_in_view: None, patience: Patience::new(tick_us) }
    }

    /// The controls as they are now, together with the presses since the last tick.
    pub(crate) fn add(&mut self, pad: &Pad) -> Pad {
        self.held &= pad.buttons;
        let fresh = pad.buttons & !(self.held | self.pressed);
        if fresh != 0 {
            self.pressed |= fresh;
            // A key has no position, so it leaves the point of a finger's tap unchanged.
            (self.aim, self.aim_in_view) = (pad.aim.or(self.aim), pad.aim_in_view.or(self.aim_in_view));
        }
        let mut tapped = Pad { buttons: pad.buttons | self.pressed, ..*pad };
        // A lifted finger has no position any more, and a mouse may have moved on, so a tap keeps the point of its
        // press.
        if tapped.buttons != pad.buttons {
            (tapped.aim, tapped.aim_in_view) = (self.aim.or(pad.aim), self.aim_in_view.or(pad.aim_in_view));
        }
        tapped
    }

    /// Notes that the due ticks have been made with the result of the last [`PressLatch::add`]; `made` tells whether
    /// there were any.
    pub(crate) fn advanced(&mut self, pad: &Pad, made: bool, now_us: u64) {
        if self.patience.ends(made, now_us) {
            (self.pressed, self.held, self.aim, self.aim_in_view) = (0, pad.buttons, None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Option<Vec2> = Some(Vec2::ONE);
    const ELSEWHERE: Option<Vec2> = Some(Vec2::ZERO);
    const TICK_US: u64 = 20_000;
    const FRAME_US: u64 = 8_000;

    fn press_latch() -> PressLatch {
        PressLatch::new(TICK_US)
    }

    fn pad(buttons: u32, aim: Option<Vec2>) -> Pad {
        Pad { buttons, aim, aim_in_view: aim, ..Pad::default() }
    }

    #[test]
    fn a_press_between_two_ticks_counts_in_the_next_and_only_there() {
        let (mut press_latch, none) = (press_latch(), pad(0, None));
        press_latch.advanced(&none, true, 0);
        assert_eq!(press_latch.add(&pad(16, AT)), pad(16, AT));
        press_latch.advanced(&pad(16, AT), false, FRAME_US);
        assert_eq!(press_latch.add(&none), pad(16, AT), "the finger is gone, the tap is not");
        press_latch.advanced(&none, true, 2 * FRAME_US);
        assert_eq!(press_latch.add(&none), none);
    }

    #[test]
    fn a_tap_counts_where_it_was_pressed_even_if_the_pointer_moves_before_the_tick() {
        let mut mouse = press_latch();
        mouse.add(&pad(1, AT));
        assert_eq!(mouse.add(&pad(1, ELSEWHERE)), pad(1, ELSEWHERE), "a held button aims where the pointer is");
        assert_eq!(mouse.add(&pad(0, ELSEWHERE)), pad(1, AT));
        let mut finger = press_latch();
        finger.add(&pad(16, AT));
        assert_eq!(finger.add(&pad(4, None)), pad(20, AT), "a key points nowhere");
        assert_eq!(finger.add(&pad(0, None)), pad(20, AT));
    }

    #[test]
    fn the_release_of_a_held_button_is_never_late() {
        let (mut press_latch, none) = (press_latch(), pad(0, None));
        press_latch.add(&pad(1, AT));
        press_latch.advanced(&pad(1, AT), true, 0);
        assert_eq!(press_latch.add(&pad(1, AT)), pad(1, AT));
        assert_eq!(press_latch.add(&none), none);
    }

    #[test]
    fn a_held_button_counts_when_it_is_pressed_again() {
        let mut press_latch = press_latch();
        press_latch.advanced(&pad(1, None), true, 0);
        for (buttons, counted) in [(1, 1), (0, 0), (1, 1), (0, 1)] {
            assert_eq!(press_latch.add(&pad(buttons, None)).buttons, counted);
        }
    }

    #[test]
    fn two_buttons_tapped_one_after_the_other_both_count() {
        let mut press_latch = press_latch();
        for buttons in [1, 0, 4, 0] {
            press_latch.add(&pad(buttons, None));
        }
        assert_eq!(press_latch.add(&pad(0, None)).buttons, 5);
    }

    #[test]
    fn presses_are_discarded_while_no_ticks_are_made() {
        let (mut press_latch, none) = (press_latch(), pad(0, None));
        press_latch.advanced(&none, true, 1_000_000);
        // Twenty seconds without a connection, in which every button is pressed.
        for frame in 1..2_500 {
            let hands = if frame % 2 == 0 { pad(1 << (frame % 5), AT) } else { none };
            press_latch.add(&hands);
            press_latch.advanced(&hands, false, 1_000_000 + frame * FRAME_US);
        }
        assert_eq!(press_latch.add(&none), none);
        assert_eq!(press_latch.add(&pad(2, ELSEWHERE)), pad(2, ELSEWHERE), "a button that is held now counts");
    }

    #[test]
    fn a_tap_outlasts_a_slow_tick() {
        let (mut press_latch, none) = (PressLatch::new(1_000_000), pad(0, None));
        press_latch.advanced(&none, true, 0);
        press_latch.add(&pad(1, AT));
        for frame in 1..120 {
            press_latch.advanced(&none, false, frame * FRAME_US);
            assert_eq!(press_latch.add(&none), pad(1, AT));
        }
    }
}

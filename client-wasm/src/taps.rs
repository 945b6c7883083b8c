//! Presses that are over before a tick has seen them: each counts in the next tick, at the point where it was.

use tickwire::Pad;
use tickwire::math::Vec2;

/// What was pressed since the last tick was made.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// Buttons that this tick's input is to have, held still or not.
    pressed: u32,
    /// Buttons that were held when the last tick was made: holding on is no new press.
    held: u32,
    aim: Option<Vec2>,
    aim_in_view: Option<Vec2>,
}

impl Taps {
    /// What the hands do, and what they did since the last tick.
    pub(crate) fn add(&mut self, pad: &Pad) -> Pad {
        let fresh = pad.buttons & !self.held;
        if fresh != 0 {
            (self.pressed, self.aim, self.aim_in_view) = (self.pressed | fresh, pad.aim, pad.aim_in_view);
        }
        let mut tapped = Pad { buttons: pad.buttons | self.pressed, ..*pad };
        // A finger that is lifted points nowhere any more.
        if tapped.buttons != pad.buttons {
            (tapped.aim, tapped.aim_in_view) = (pad.aim.or(self.aim), pad.aim_in_view.or(self.aim_in_view));
        }
        tapped
    }

    /// A tick was made with what [`Taps::add`] gave last.
    pub(crate) fn tick(&mut self, pad: &Pad) {
        *self = Self { held: pad.buttons, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Option<Vec2> = Some(Vec2::ONE);

    fn pad(buttons: u32, aim: Option<Vec2>) -> Pad {
        Pad { buttons, aim, aim_in_view: aim, ..Pad::default() }
    }

    #[test]
    fn a_press_between_two_ticks_counts_in_the_next_and_only_there() {
        let (mut taps, none) = (Taps::default(), pad(0, None));
        taps.tick(&none);
        assert_eq!(taps.add(&pad(16, AT)), pad(16, AT));
        assert_eq!(taps.add(&none), pad(16, AT), "the finger is gone, the tap is not");
        taps.tick(&none);
        assert_eq!(taps.add(&none), none);
    }

    #[test]
    fn letting_go_of_what_was_held_is_never_late() {
        let (mut taps, none) = (Taps::default(), pad(0, None));
        taps.add(&pad(1, AT));
        taps.tick(&pad(1, AT));
        assert_eq!(taps.add(&pad(1, AT)), pad(1, AT));
        assert_eq!(taps.add(&none), none);
    }

    #[test]
    fn two_buttons_tapped_one_after_the_other_both_count() {
        let mut taps = Taps::default();
        for buttons in [1, 0, 4, 0] {
            taps.add(&pad(buttons, None));
        }
        assert_eq!(taps.add(&pad(0, None)).buttons, 5);
    }
}

//! The view of lockstep: the world at a moment between two frames, eased where a guess was wrong.

use crate::client::display::first_ids::ShownRows;
use crate::client::worlds::lockstep::{Frame, Lockstep};
use crate::game::Game;
use crate::tick::TickTime;
use crate::world::interpolation::blend;

impl<G: Game> Lockstep<G> {
    /// The world to show now; `None` before the first full state.
    pub(crate) fn view(&mut self, now_us: u64) -> Option<&G> {
        self.view_rows(now_us)?;
        self.merged.restore(&mut self.shown);
        Some(&self.shown)
    }

    /// The same world as rows.
    pub(crate) fn view_rows(&mut self, now_us: u64) -> Option<ShownRows<'_>> {
        if !self.ready {
            return None;
        }
        let elapsed_us = now_us.saturating_sub(self.shown_us);
        self.shown_us = now_us;
        self.corrections.fade(elapsed_us);
        self.moment = self.moment_at(now_us);
        let before = self.moment.tick();
        let at = self.place(before)?;
        let part = (self.moment - TickTime::from(before)) as f32;
        let after = self.frames.get(at + 1).unwrap_or(&self.frames[at]);
        blend(&self.schema, &self.frames[at].full_state.snapshot, &after.full_state.snapshot, part, &mut self.merged);
        self.corrections.apply(&self.schema, &mut self.merged);
        Some(ShownRows::of(&self.merged))
    }

    /// The moment that was shown last.
    pub(crate) const fn shown(&self) -> TickTime {
        self.moment
    }

    /// The moment to show, in ticks, within the frames that there are: at least a tick behind the player's own inputs,
    /// and as far ahead of the received tick inputs as may be guessed.
    fn moment_at(&self, now_us: u64) -> TickTime {
        let ahead = self.interpolation.shown() + f64::from(self.rollback_ticks_max());
        let wanted = match self.me {
            Some(_) => ahead.earlier(self.timing.tick_at(now_us) - 1.0),
            None => ahead,
        };
        let (oldest, newest) = (self.frames.front(), self.frames.back());
        let tick =
            |frame: Option<&Frame<G>>| frame.map_or_else(TickTime::default, |frame| frame.full_state.tick().into());
        // Time does not run backwards on a screen: after a pause of the server it waits until the server is there.
        let slack = f64::from(self.rollback_ticks_max().max(2));
        wanted.later(self.moment.earlier(wanted + slack)).earlier(tick(newest)).later(tick(oldest))
    }
}

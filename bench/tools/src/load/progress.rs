//! The progress bar: the phase of the run, and live numbers.

use super::Shared;
use super::crowd::Crowd;
use crate::table::grouped;
use indicatif::{ProgressBar, ProgressStyle};
use tickwire::Game;

/// Microseconds between two updates of the numbers.
const REFRESH_US: u64 = 250_000;

/// Shows how far a run is.
pub(super) struct Progress {
    bar: ProgressBar,
    clients: u64,
    shown_us: u64,
    arrived: u64,
}

impl Progress {
    /// A bar for a run of about `total_us`.
    pub(super) fn new(clients: u64, total_us: u64) -> Self {
        let bar = ProgressBar::new(total_us / 1_000);
        let style = ProgressStyle::with_template("  {prefix:<10}{wide_bar:.cyan/dim} {msg}")
            .expect("the template is a constant that is well-formed");
        bar.set_style(style.progress_chars("━╸─"));
        Self { bar, clients, shown_us: 0, arrived: 0 }
    }

    /// Shows the phase that the run is in now.
    pub(super) fn phase(&self, name: &'static str) {
        self.bar.set_prefix(name);
    }

    /// Shows the numbers when the next update of them is due.
    pub(super) fn refresh<G: Game>(&mut self, crowd: &Crowd<G>, shared: &Shared) {
        let now_us = shared.clock.now_us();
        let passed_us = now_us.saturating_sub(self.shown_us);
        if passed_us < REFRESH_US {
            return;
        }
        let arrived = shared.meter.borrow().arrived;
        let per_second = (arrived - self.arrived) * 1_000_000 / passed_us;
        (self.shown_us, self.arrived) = (now_us, arrived);
        let totals = crowd.totals();
        self.bar.set_position(now_us / 1_000);
        // Short enough for a terminal of 80 columns.
        self.bar.set_message(format!(
            "{}/{} up · {} ticks/s · {} agree, {} differ",
            crowd.up(),
            self.clients,
            grouped(per_second),
            grouped(totals.hashes_compared - totals.hash_mismatches),
            totals.hash_mismatches,
        ));
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

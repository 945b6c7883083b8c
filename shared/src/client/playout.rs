//! Playout: other players' worlds, shown as they were a moment ago, between two snapshots.
//!
//! The delay covers the spacing of snapshots and their jitter, and follows both; it is changed by playing a few
//! percent faster or slower, never by a jump unless far off.

use crate::Tick;
use crate::snapshot::Snapshot;
use alloc::collections::VecDeque;

/// Snapshots kept to show; a second at 30 Hz.
const KEPT: usize = 32;

/// The playout runs at most so much faster or slower than time.
const DILATION_MAX: f64 = 0.06;

/// Off by more than this (in ticks) the playout jumps.
const JUMP_TICKS: f64 = 10.0;

/// The buffer of received worlds, and the moment of it that is shown.
#[derive(Debug, Clone)]
pub struct Playout {
    tick_us: f64,
    kept: VecDeque<Snapshot>,
    /// Newest tick minus time of arrival in ticks, of the promptest snapshots.
    offset: f64,
    /// How much later than the promptest snapshots usually are, in ticks: mean and mean deviation.
    lateness: f64,
    deviation: f64,
    shown: f64,
    shown_at_us: u64,
    underruns: u64,
}

impl Playout {
    /// A playout for ticks of this length, in microseconds.
    #[must_use]
    pub const fn new(tick_us: f64) -> Self {
        Self {
            tick_us,
            kept: VecDeque::new(),
            offset: 0.0,
            lateness: 0.0,
            deviation: 0.0,
            shown: 0.0,
            shown_at_us: 0,
            underruns: 0,
        }
    }

    /// Forgets everything: another connection.
    pub fn reset(&mut self) {
        *self = Self { underruns: self.underruns, ..Self::new(self.tick_us) };
    }

    /// Takes in a snapshot that arrived now.
    pub fn push(&mut self, snapshot: &Snapshot, now_us: u64) {
        let observed = f64::from(snapshot.tick.0) - now_us as f64 / self.tick_us;
        if self.kept.is_empty() {
            (self.offset, self.lateness, self.deviation) = (observed, 0.0, 0.5);
            (self.shown, self.shown_at_us) = (f64::from(snapshot.tick.0) - 1.0, now_us);
        }
        // A prompter one moves the estimate at once, a later one slowly: clocks drift by far less.
        self.offset = if observed > self.offset { observed } else { self.offset + (observed - self.offset) * 0.002 };
        let late = self.offset - observed;
        self.deviation += (libm::fabs(late - self.lateness) - self.deviation) * 0.05;
        self.lateness += (late - self.lateness) * 0.05;
        let mut slot =
            if self.kept.len() >= KEPT { self.kept.pop_front().unwrap_or_default() } else { Snapshot::default() };
        slot.copy_from(snapshot);
        self.kept.push_back(slot);
    }

    /// Moves the shown moment on to `now_us`.
    pub fn advance(&mut self, now_us: u64) {
        let Some(newest) = self.kept.back().map(|snapshot| f64::from(snapshot.tick.0)) else { return };
        let elapsed = now_us.saturating_sub(self.shown_at_us) as f64 / self.tick_us;
        self.shown_at_us = now_us;
        let target = now_us as f64 / self.tick_us + self.offset - self.delay_ticks();
        let error = target - (self.shown + elapsed);
        if libm::fabs(error) > JUMP_TICKS {
            self.shown = target;
        } else {
            self.shown += elapsed * (1.0 + (error * 0.1).clamp(-DILATION_MAX, DILATION_MAX));
        }
        if self.shown > newest {
            // Nothing newer to show: stand still rather than guess.
            self.shown = newest;
            if elapsed > 0.0 {
                self.underruns += 1;
            }
        }
    }

    /// How far behind the promptest snapshot the shown moment should be, in ticks.
    #[must_use]
    pub fn delay_ticks(&self) -> f64 {
        1.0 + self.lateness + 3.0 * self.deviation
    }

    /// The moment that is shown, in ticks.
    #[must_use]
    pub const fn shown(&self) -> f64 {
        self.shown
    }

    /// Times at which there was nothing newer to show.
    #[must_use]
    pub const fn underruns(&self) -> u64 {
        self.underruns
    }

    /// The snapshots before and after the shown moment, and how far between them it is, 0 to 1.
    #[must_use]
    pub fn around(&self) -> Option<(&Snapshot, &Snapshot, f32)> {
        self.around_moment(self.shown)
    }

    /// The same for any moment, in ticks; of one that is not kept, the nearest that is.
    pub(crate) fn around_moment(&self, moment: f64) -> Option<(&Snapshot, &Snapshot, f32)> {
        let newest = self.kept.back()?;
        let after = self.kept.partition_point(|snapshot| f64::from(snapshot.tick.0) <= moment);
        let before = &self.kept[after.saturating_sub(1)];
        let after = self.kept.get(after).unwrap_or(newest);
        let span = f64::from(after.tick.0) - f64::from(before.tick.0);
        let part = if span > 0.0 { ((moment - f64::from(before.tick.0)) / span).clamp(0.0, 1.0) } else { 0.0 };
        Some((before, after, part as f32))
    }

    /// The newest snapshot.
    #[must_use]
    pub fn newest(&self) -> Option<&Snapshot> {
        self.kept.back()
    }

    /// The newest tick; 0 before the first snapshot.
    #[must_use]
    pub fn newest_tick(&self) -> Tick {
        self.newest().map_or(Tick(0), |snapshot| snapshot.tick)
    }

    /// Mean deviation of the snapshots' arrival, in microseconds.
    #[must_use]
    pub const fn jitter_us(&self) -> f64 {
        self.deviation * self.tick_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(jitter_us: u32, seconds: u64) -> (Playout, f64) {
        let tick_us = 33_333;
        let mut playout = Playout::new(f64::from(tick_us));
        let mut link =
            crate::link::Link::new(crate::link::LinkProfile { jitter_ms: jitter_us / 1000, ..Default::default() }, 5);
        let (mut longest, mut last) = (0.0_f64, f64::NAN);
        for now_us in (0..seconds * 1_000_000).step_by(4_000) {
            let tick = u32::try_from(now_us).unwrap() / tick_us;
            if now_us % u64::from(tick_us) < 4_000 {
                link.send(tick.to_le_bytes().to_vec(), now_us);
            }
            while let Some(message) = link.poll(now_us) {
                let tick = Tick(u32::from_le_bytes(message.try_into().unwrap()));
                playout.push(&Snapshot { tick, tables: alloc::vec::Vec::new() }, now_us);
            }
            playout.advance(now_us);
            if now_us > 3_000_000 {
                longest = longest.max(playout.shown() - last);
            }
            last = playout.shown();
        }
        (playout, longest)
    }

    #[test]
    fn the_shown_moment_moves_evenly_under_jitter() {
        for jitter_us in [0, 20_000, 60_000] {
            let (playout, longest) = play(jitter_us, 20);
            assert!(playout.underruns() <= 3, "{} underruns at {jitter_us} us", playout.underruns());
            // A frame of 4 ms is 0.12 ticks.
            assert!(longest < 0.14, "a step of {longest} ticks at {jitter_us} us");
            assert!(playout.delay_ticks() < 5.0);
        }
    }
}

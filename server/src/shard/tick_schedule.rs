//! The deadlines of ticks: their number per second is exactly the rate, for ever, however coarse the clock is.

use crate::limits::{DEBT_TICKS_MAX, PHASES};

const SECOND_NS: u128 = 1_000_000_000;

/// The deadlines of one rate and phase, in nanoseconds of the shard's clock.
///
/// Each deadline is computed from its number, so that rounding errors do not add up: the mean rate is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TickSchedule {
    rate_hz: u32,
    phase: u32,
    /// Number of the next tick since the clock's start.
    next: u64,
}

impl TickSchedule {
    /// Deadlines after `now_ns`, `phase` eighths of a period later than those of phase 0.
    pub(super) fn after(rate_hz: u32, phase: u32, now_ns: u64) -> Self {
        let mut schedule = Self { rate_hz, phase, next: 0 };
        schedule.next = schedule.passed(now_ns);
        schedule
    }

    pub(super) const fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub(super) const fn phase(&self) -> u32 {
        self.phase
    }

    /// The time at which the next tick is due.
    pub(super) fn deadline_ns(&self) -> u64 {
        let eighths = u128::from(self.next) * u128::from(PHASES) + u128::from(self.phase);
        let at_ns = (eighths * SECOND_NS).div_ceil(u128::from(self.rate_hz) * u128::from(PHASES));
        u64::try_from(at_ns).unwrap_or(u64::MAX)
    }

    /// The number of deadlines since the clock's start that are not later than `now_ns`.
    fn passed(&self, now_ns: u64) -> u64 {
        let eighths = u128::from(now_ns) * u128::from(self.rate_hz) * u128::from(PHASES) / SECOND_NS;
        let count = (eighths + u128::from(PHASES)).saturating_sub(u128::from(self.phase)) / u128::from(PHASES);
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Takes the next tick if it is due, and returns its deadline.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<u64> {
        let deadline_ns = self.deadline_ns();
        (deadline_ns <= now_ns).then(|| {
            self.next += 1;
            deadline_ns
        })
    }

    /// Drops ticks that are too many to catch up with, and returns how many.
    pub(super) fn drop_overdue_ticks(&mut self, now_ns: u64) -> u64 {
        let behind = self.passed(now_ns).saturating_sub(self.next);
        let dropped = behind.saturating_sub(DEBT_TICKS_MAX);
        self.next += dropped;
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_mean_rate_is_exact_for_every_rate_and_phase() {
        for rate_hz in 1..=240 {
            for phase in 0..PHASES {
                let start = 12_345_678_901;
                let mut schedule = TickSchedule::after(rate_hz, phase, start);
                let mut ticks = 0;
                while schedule.deadline_ns() <= start + 60 * SECOND {
                    let at = schedule.deadline_ns();
                    assert_eq!(
                        (schedule.drop_overdue_ticks(at), schedule.take(at)),
                        (0, Some(at)),
                        "{rate_hz} Hz, phase {phase}"
                    );
                    assert_eq!(schedule.take(at), None);
                    ticks += 1;
                }
                assert_eq!(ticks, 60 * rate_hz, "{rate_hz} Hz, phase {phase}");
            }
        }
    }

    #[test]
    fn nothing_is_due_before_its_deadline() {
        let mut schedule = TickSchedule::after(30, 3, 0);
        assert_eq!(schedule.deadline_ns(), 12_500_000);
        assert_eq!(schedule.take(12_499_999), None);
        assert_eq!(schedule.take(12_500_000), Some(12_500_000));
        assert_eq!(schedule.take(12_500_000), None);
        assert_eq!(schedule.deadline_ns(), 45_833_334);
    }

    #[test]
    fn phases_are_an_eighth_of_a_period_apart() {
        let mut deadlines: Vec<u64> =
            (0..PHASES).map(|phase| TickSchedule::after(60, phase, SECOND).deadline_ns()).collect();
        assert!(deadlines.iter().all(|at| *at > SECOND && *at <= SECOND + 16_666_667));
        deadlines.sort_unstable();
        assert!(deadlines.windows(2).all(|pair| pair[1] - pair[0] >= 2_083_333));
    }

    #[test]
    fn a_room_makes_up_for_a_short_debt_but_not_for_a_long_sleep() {
        let mut schedule = TickSchedule::after(100, 0, 0);
        let first = schedule.deadline_ns();
        let late = first + 40_000_000;
        assert_eq!(schedule.drop_overdue_ticks(late), 0);
        assert_eq!(std::iter::from_fn(|| schedule.take(late)).count(), 5);
        let later = first + 10 * SECOND;
        assert_eq!(schedule.drop_overdue_ticks(later), 991);
        assert_eq!(std::iter::from_fn(|| schedule.take(later)).count(), 5);
        assert_eq!(schedule.deadline_ns(), later + 10_000_000);
    }
}

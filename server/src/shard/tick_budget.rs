//! The tick budget of a room: whether the room takes too much of its shard's thread, and whether it has stopped to do
//! so.
//!
//! The measure is the CPU time of a turn. By the clock, turns take long on any host that has too much to do, and no
//! room is to blame for that. A thread's CPU time costs a system call, so it is only read for rooms that were slow by
//! the clock a moment ago. A step that waits for something goes unnoticed: the rules forbid it.
//!
//! Long turns fill a leaky bucket: a long turn adds its weight, and any other turn takes one off. A room that is over
//! its budget in every turn fills the bucket within a second at 30 Hz, and a room that stalls only now and then never
//! fills it. The way back takes longer, and longer each time, so that such a room does not move to and fro.

use crate::limits::{
    BUDGETS_PER_TICK, LONG_TURN_WEIGHT_MAX, LONG_TURNS_MAX, SLOW_LANE_SECONDS_MAX, SLOW_LANE_SECONDS_MIN,
    SUSPICION_SECONDS, TURN_BUDGETS_MAX,
};

/// The record of one room's turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TickBudget {
    rate_hz: u64,
    /// Nanoseconds that a turn has to stay below.
    turn_ns_max: u64,
    /// Turns that were too long, less those that were not; see [`LONG_TURNS_MAX`].
    long_turns: u64,
    /// Turns for which CPU time is still to be read.
    suspected_turns: u64,
    /// Consecutive turns after which the room was not slow.
    good_turns: u64,
    /// Times that the room was moved to the slow lane.
    moves: u32,
}

impl TickBudget {
    /// The budget of a room of this rate that has made no turn yet.
    pub(super) fn of(rate_hz: u32) -> Self {
        let rate_hz = u64::from(rate_hz);
        let turn_ns_max = 1_000_000_000 * TURN_BUDGETS_MAX / (rate_hz * BUDGETS_PER_TICK);
        Self { rate_hz, turn_ns_max, long_turns: 0, suspected_turns: 0, good_turns: 0, moves: 0 }
    }

    /// Nanoseconds that a turn has to stay below.
    pub(super) const fn turn_ns_max(&self) -> u64 {
        self.turn_ns_max
    }

    /// Whether the CPU time of the next turn is to be read.
    pub(super) const fn is_suspect(&self) -> bool {
        self.suspected_turns > 0
    }

    /// Takes over the time of a turn: by the clock, and by the CPU if that was read.
    pub(super) fn took(&mut self, turn_ns: u64, cpu_ns: Option<u64>) {
        let is_long = turn_ns >= self.turn_ns_max;
        self.suspected_turns = match is_long {
            true => SUSPICION_SECONDS * self.rate_hz,
            false => self.suspected_turns.saturating_sub(1),
        };
        let ran_ns = match cpu_ns {
            Some(cpu_ns) => cpu_ns,
            // Without CPU time it is not known whether the room was at fault.
            None if is_long => return,
            None => turn_ns,
        };
        self.long_turns = match ran_ns / self.turn_ns_max {
            0 => self.long_turns.saturating_sub(1),
            times => LONG_TURNS_MAX.min(self.long_turns + times.min(LONG_TURN_WEIGHT_MAX)),
        };
        self.good_turns = if self.is_slow() { 0 } else { self.good_turns + 1 };
    }

    /// Whether the room delays others so much that it has to move to the slow lane, where it cannot delay them.
    pub(super) const fn is_slow(&self) -> bool {
        self.long_turns >= LONG_TURNS_MAX
    }

    /// Whether the room has kept within its budget in the slow lane for so long that it may come back. Each time that a
    /// room had to move it stays away for twice as long, so that a room that is slow now and then does not move to and
    /// fro.
    pub(super) fn has_recovered(&self) -> bool {
        let doublings = self.moves.saturating_sub(1).min(u64::BITS - 1);
        let seconds = SLOW_LANE_SECONDS_MIN.saturating_mul(1 << doublings).min(SLOW_LANE_SECONDS_MAX);
        self.good_turns >= seconds * self.rate_hz
    }

    /// The room moves to the slow lane.
    pub(super) const fn moved_away(&mut self) {
        self.moves = self.moves.saturating_add(1);
        self.start_over();
    }

    /// Forgets the turns so far: the room has moved, has come back, or could not move.
    pub(super) const fn start_over(&mut self) {
        (self.long_turns, self.suspected_turns, self.good_turns) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 30;
    const SECOND_TURNS: u64 = RATE_HZ as u64;
    /// Well over the time that a turn may take, and well below it.
    const LONG_NS: u64 = 3_000_000;
    const SHORT_NS: u64 = 500_000;

    /// Makes turns the way a shard does until `until` holds, 30,000 at the most, and returns how many it took.
    fn turns_until(
        budget: &mut TickBudget,
        turn: impl Fn(u64) -> (u64, u64),
        until: impl Fn(&TickBudget) -> bool,
    ) -> Option<u64> {
        (0..30_000).find(|number| {
            let (turn_ns, cpu_ns) = turn(*number);
            budget.took(turn_ns, budget.is_suspect().then_some(cpu_ns));
            until(budget)
        })
    }

    #[test]
    fn a_room_that_runs_too_long_is_slow_within_a_second() {
        let mut budget = TickBudget::of(RATE_HZ);
        assert_eq!(turns_until(&mut budget, |_| (LONG_NS, LONG_NS), TickBudget::is_slow), Some(LONG_TURNS_MAX));
        let mut worse = TickBudget::of(RATE_HZ);
        let worst = |_| (100 * LONG_NS, 100 * LONG_NS);
        assert_eq!(turns_until(&mut worse, worst, TickBudget::is_slow), Some(LONG_TURNS_MAX / LONG_TURN_WEIGHT_MAX));
    }

    #[test]
    fn a_room_on_an_overloaded_host_is_not_slow() {
        let mut budget = TickBudget::of(RATE_HZ);
        assert_eq!(turns_until(&mut budget, |_| (100 * LONG_NS, SHORT_NS), TickBudget::is_slow), None);
        // Now and then the whole host stands still.
        let spikes = |turn: u64| (if turn.is_multiple_of(50) { 500 * LONG_NS } else { SHORT_NS }, SHORT_NS);
        assert_eq!(turns_until(&mut TickBudget::of(RATE_HZ), spikes, TickBudget::is_slow), None);
    }

    #[test]
    fn the_cpu_time_of_quick_rooms_is_not_read() {
        let mut budget = TickBudget::of(RATE_HZ);
        assert_eq!(turns_until(&mut budget, |_| (SHORT_NS, SHORT_NS), TickBudget::is_suspect), None);
        budget.took(LONG_NS, None);
        let cleared = turns_until(&mut budget, |_| (SHORT_NS, SHORT_NS), |budget| !budget.is_suspect());
        assert_eq!(cleared, Some(SUSPICION_SECONDS * SECOND_TURNS - 1));
    }

    #[test]
    fn a_room_that_is_much_too_slow_every_other_turn_is_slow_and_one_that_stalls_now_and_then_is_not() {
        let every = |period: u64| {
            move |turn: u64| {
                let ns = if turn.is_multiple_of(period) { 10 * LONG_NS } else { SHORT_NS };
                (ns, ns)
            }
        };
        let slow = |period| turns_until(&mut TickBudget::of(RATE_HZ), every(period), TickBudget::is_slow);
        assert!(slow(2).is_some_and(|turns| turns < 2 * SECOND_TURNS), "{:?}", slow(2));
        assert_eq!(slow(20), None);
    }

    #[test]
    fn a_room_comes_back_when_it_has_kept_within_its_budget_and_later_each_time() {
        let mut budget = TickBudget::of(RATE_HZ);
        let mut stays = Vec::new();
        for _ in 0..10 {
            budget.moved_away();
            assert!(!budget.has_recovered());
            // The load of the host meanwhile must not matter.
            let overloaded = |_| (100 * LONG_NS, SHORT_NS);
            stays.push(
                turns_until(&mut budget, overloaded, TickBudget::has_recovered).map(|turns| turns / SECOND_TURNS),
            );
            budget.start_over();
        }
        let expected = [5, 10, 20, 40, 80, 160, 320, 640, 640, 640].map(Some);
        assert_eq!(stays, expected);
    }

    #[test]
    fn a_room_that_stays_slow_does_not_come_back() {
        let mut budget = TickBudget::of(RATE_HZ);
        budget.moved_away();
        assert_eq!(turns_until(&mut budget, |_| (LONG_NS, LONG_NS), TickBudget::has_recovered), None);
        // The room is good for four seconds of five.
        let relapses = |turn: u64| {
            let ns = if turn % (5 * SECOND_TURNS) < SECOND_TURNS { 10 * LONG_NS } else { SHORT_NS };
            (ns, ns)
        };
        assert_eq!(turns_until(&mut budget, relapses, TickBudget::has_recovered), None);
    }
}

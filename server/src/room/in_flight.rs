//! Snapshots in flight: the snapshots that a member was sent and has not acknowledged. They are the measure of how far
//! the member is behind.
//!
//! A member is behind by the acknowledgements that it owes, not by the time since its last acknowledgement. After a
//! pause of the network a member acknowledges all snapshots that were sent before the pause. The member is then up to
//! date, although the tick that it acknowledges is long past.

use std::collections::VecDeque;
use tickwire::Tick;

/// The ticks of the snapshots that were sent and are not acknowledged, as runs of ticks at the room's usual distance.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    /// First and last tick of each run, oldest first. A member that keeps up has one run.
    runs: VecDeque<(Tick, Tick)>,
    /// Ticks from one message of the room to the next.
    step: u32,
}

impl InFlight {
    pub(super) const fn new(step: u32) -> Self {
        Self { runs: VecDeque::new(), step }
    }

    /// The snapshot of `tick` is sent.
    pub(super) fn push(&mut self, tick: Tick) {
        match self.runs.back_mut() {
            Some((_, last)) if *last + self.step == tick => *last = tick,
            _ => self.runs.push_back((tick, tick)),
        }
    }

    /// The snapshot of `tick` is acknowledged, and with it all older ones: the stream keeps the order.
    ///
    /// A client may claim any tick, so `tick` need not be one at which a snapshot was sent. The run that contains it is
    /// therefore cut by a whole number of steps: the rest of the run begins at the first snapshot after `tick`.
    pub(super) fn acknowledge(&mut self, tick: Tick) {
        while self.runs.pop_front_if(|(_, last)| *last <= tick).is_some() {}
        if let Some((first, _)) = self.runs.front_mut().filter(|(first, _)| *first <= tick) {
            let steps = u32::try_from(tick.since(*first)).unwrap_or(0) / self.step + 1;
            *first = *first + steps * self.step;
        }
    }

    /// Ticks that the snapshots in flight stand for. A gap between two runs does not count, because no snapshot was
    /// sent in it.
    pub(super) fn ticks(&self) -> i64 {
        self.runs.iter().map(|(first, last)| last.since(*first) + i64::from(self.step)).sum()
    }

    /// The oldest snapshot in flight.
    pub(super) fn oldest(&self) -> Option<Tick> {
        self.runs.front().map(|(first, _)| *first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_acknowledged_every_snapshot_is_not_behind_after_a_pause() {
        let mut flight = InFlight::new(1);
        (1..=30).for_each(|tick| flight.push(Tick(tick)));
        assert_eq!((flight.ticks(), flight.oldest()), (30, Some(Tick(1))));
        flight.acknowledge(Tick(12));
        assert_eq!((flight.ticks(), flight.oldest()), (18, Some(Tick(13))));
        // The acknowledgement of the other snapshots arrives after a pause.
        flight.acknowledge(Tick(30));
        assert_eq!((flight.ticks(), flight.oldest()), (0, None));
        flight.push(Tick(95));
        flight.push(Tick(96));
        assert_eq!((flight.ticks(), flight.oldest()), (2, Some(Tick(95))));
    }

    #[test]
    fn gaps_and_sparse_snapshots_count_only_the_snapshots_that_were_sent() {
        let mut flight = InFlight::new(2);
        [2, 4, 6, 20, 22].into_iter().for_each(|tick| flight.push(Tick(tick)));
        assert_eq!(flight.ticks(), 10);
        // An acknowledgement of a tick without a snapshot covers the snapshots before that tick.
        flight.acknowledge(Tick(5));
        assert_eq!((flight.ticks(), flight.oldest()), (6, Some(Tick(6))));
        flight.acknowledge(Tick(21));
        assert_eq!((flight.ticks(), flight.oldest()), (2, Some(Tick(22))));
        flight.acknowledge(Tick(1_000));
        assert_eq!(flight.oldest(), None);
    }
}

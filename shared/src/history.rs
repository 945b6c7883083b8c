//! The recent worlds of a room, one per tick: baselines of deltas, and what lag compensation looks back into.

use crate::Tick;
use crate::client::Moment;
use crate::limits::SNAPSHOT_HISTORY_LEN;
use crate::snapshot::Snapshot;
use crate::state::{Schema, State};
use alloc::collections::VecDeque;

/// The worlds of the last [`SNAPSHOT_HISTORY_LEN`] ticks, everything included; never empty.
///
/// A step may ask for the past, so these worlds are state: what a room goes on from holds them too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Oldest first, each a tick after the one before.
    kept: VecDeque<Snapshot>,
}

impl History {
    /// A history that begins with this world.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        let mut kept = VecDeque::with_capacity(SNAPSHOT_HISTORY_LEN);
        kept.push_back(first);
        Self { kept }
    }

    /// Rounds `world` to wire precision and keeps it as the next tick's; the oldest one goes, and lends its memory.
    pub fn push<S: State>(&mut self, schema: &Schema, world: &mut S) {
        let tick = self.newest().tick.next();
        let oldest = if self.kept.len() < SNAPSHOT_HISTORY_LEN { None } else { self.kept.pop_front() };
        let mut snapshot = oldest.unwrap_or_else(|| Snapshot::empty(schema));
        snapshot.capture(world, tick);
        self.kept.push_back(snapshot);
    }

    /// The newest world.
    #[must_use]
    pub fn newest(&self) -> &Snapshot {
        self.kept.back().expect("a history begins with a world")
    }

    /// The world after `tick`, if it is still kept.
    #[must_use]
    pub fn at(&self, tick: Tick) -> Option<&Snapshot> {
        let index = usize::try_from(tick.since(self.kept.front()?.tick)).ok()?;
        self.kept.get(index)
    }

    /// What a client showed at a moment, in ticks, which receives a snapshot every `every_ticks` ticks. Of a moment
    /// that is not kept, or not sent yet, it is the nearest that is.
    #[must_use]
    pub fn seen_at(&self, moment: f64, every_ticks: u32) -> Moment<'_> {
        let every = every_ticks.max(1);
        let newest = self.newest();
        let oldest = self.kept.front().map_or(0, |snapshot| snapshot.tick.0);
        let last = newest.tick.0 / every * every;
        // The cast keeps to the range of a tick, whatever the moment.
        let before = (moment as u32 / every * every).clamp(oldest.next_multiple_of(every).min(last), last);
        let after = before.checked_add(every).filter(|tick| *tick <= last).and_then(|tick| self.at(Tick(tick)));
        let earlier = before.checked_sub(every).and_then(|tick| self.at(Tick(tick)));
        Moment::between(earlier, self.at(Tick(before)).unwrap_or(newest), after, moment, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[derive(Clone, Default, crate::State)]
    struct World {
        #[state(range = 0..=1_000_000)]
        ticks: u32,
    }

    fn history(ticks: u32) -> History {
        let schema = Schema::of::<World>();
        let mut history = History::new(Snapshot::empty(&schema));
        for ticks in 1..=ticks {
            history.push(&schema, &mut World { ticks });
        }
        history
    }

    #[test]
    fn the_last_worlds_are_found_by_their_tick_and_no_others() {
        let history = history(40);
        let kept: Vec<u32> = (0..60).filter(|tick| history.at(Tick(*tick)).is_some()).collect();
        assert_eq!(kept, (25..=40).collect::<Vec<u32>>());
        assert!(kept.iter().all(|tick| history.at(Tick(*tick)).unwrap().tables[0].row(0) == [*tick]));
        assert_eq!(history.newest().tick, Tick(40));
    }

    #[test]
    fn any_moment_is_seen_between_the_snapshots_that_were_sent() {
        let seen = |ticks, moment, every| {
            let history = history(ticks);
            let Moment { earlier, before, after, part, beyond } = history.seen_at(moment, every);
            assert!(beyond == 0.0, "the room knows what came");
            let tick = |snapshot: Option<&Snapshot>| snapshot.map(|snapshot| snapshot.tick.0);
            (tick(earlier), before.tick.0, tick(after), part)
        };
        assert_eq!(seen(40, 35.25, 1), (Some(34), 35, Some(36), 0.25));
        assert_eq!(seen(40, 40.0, 1), (Some(39), 40, None, 0.0));
        assert_eq!(seen(40, 35.5, 3), (Some(30), 33, Some(36), (2.5_f64 / 3.0) as f32));
        // Not made yet, not sent yet, not kept any more, never was.
        assert_eq!(seen(40, 99.5, 1), (Some(39), 40, None, 0.0));
        assert_eq!(seen(40, 39.5, 3), (Some(36), 39, None, 0.0));
        assert_eq!(seen(40, 3.5, 1), (None, 25, Some(26), 0.0));
        assert_eq!(seen(40, 3.5, 3), (None, 27, Some(30), 0.0));
        assert_eq!(seen(2, -7.0, 1), (None, 0, Some(1), 0.0));
        assert_eq!(seen(40, 5.0, 100), (None, 40, None, 0.0));
        assert_eq!(seen(40, 1e30, 0), (Some(39), 40, None, 0.0));
    }
}

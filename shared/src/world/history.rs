//! The recent worlds of a room, one per tick: they are baselines of deltas, and lag compensation looks back into them.
//!
//! The newest two are there to be read, because every tick's delta is between them. The older ones are packed: a caller
//! that asks for one brings the memory to unpack it into.
//!
//! # Why the newest two worlds are not packed
//!
//! A room keeps 17 worlds, and most of them are rarely read: where a snapshot is sent each tick, a client that keeps up
//! receives the delta from the world before the newest to the newest, and a step looks back only when it must judge by
//! an old view. A packed world takes a third of the memory, so packing the older 15 leaves less than half of it. The
//! newest two are read in every tick, as the two ends of the delta and as the world that a player predicts from, and
//! unpacking a world costs a pass over all its leaves. To pack these two as well would save little, and cost that pass
//! in every tick. A world is packed when it becomes the third newest, and its snapshot is then the memory for the next
//! world. It is packed first: the code of a game may panic while its world is taken in, and no other world is lost then.
//!
//! # Why a caller brings the memory
//!
//! A history is state, which is cloned and compared, and an unpacked copy is not state. A caller may also need several
//! old worlds at once, such as those around a moment ([`InterpolationSample`]). So the memory ([`Recalled`]) belongs to
//! the caller.

mod packed;

use crate::game::Game;
use crate::limits::SNAPSHOT_HISTORY_LEN;
use crate::state::ALL_TABLES;
use crate::state::{Schema, State};
use crate::tick::{Tick, TickTime};
use crate::world::interpolation::InterpolationSample;
use crate::world::snapshot::Snapshot;
use alloc::collections::VecDeque;
use packed::Packed;

/// The worlds of the last [`SNAPSHOT_HISTORY_LEN`] ticks, or of two in lockstep, hidden fields included; never empty.
///
/// A step may look back into these worlds, so they are state: a checkpoint of a room holds them too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The older worlds, oldest first, each a tick after the one before; at most `packed_max`.
    packed: VecDeque<Packed>,
    packed_max: usize,
    /// The world before the newest; `None` while the newest is the first, and after a panic of the game, when that world is
    /// packed.
    last: Option<Snapshot>,
    newest: Snapshot,
}

/// The number of worlds that are not packed: the newest two.
const READY_LEN: usize = 2;

impl History {
    /// A history that begins with this world.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        let packed_max = SNAPSHOT_HISTORY_LEN - READY_LEN;
        Self { packed: VecDeque::with_capacity(packed_max), packed_max, last: None, newest: first }
    }

    /// The history that rooms of this game have, beginning with this world. In lockstep everyone sees the present, and
    /// nobody looks back.
    #[must_use]
    pub fn beginning_with<G: Game>(first: Snapshot) -> Self {
        if G::RULES.is_lockstep() { Self::of_the_present(first) } else { Self::new(first) }
    }

    /// A history that keeps the newest two worlds alone: for rooms in which everyone sees the present.
    #[must_use]
    pub const fn of_the_present(first: Snapshot) -> Self {
        Self { packed: VecDeque::new(), packed_max: 0, last: None, newest: first }
    }

    /// Rounds `world` to wire precision and keeps it as that of the next tick. The oldest world goes, and its memory is
    /// used again. If the code of the game panics meanwhile, all other worlds are still there.
    pub fn push<S: State>(&mut self, schema: &Schema, world: &mut S) {
        // The older of the two worlds is packed before its memory is used again: the next line runs code of the game, and
        // a world of which nothing is left but its memory could not be given to a caller any more.
        let mut snapshot = match self.last.take() {
            Some(third) => {
                self.pack(schema, &third);
                third
            }
            None => Snapshot::empty(schema),
        };
        snapshot.capture(world, self.newest.tick.next());
        self.last = Some(core::mem::replace(&mut self.newest, snapshot));
    }

    fn pack(&mut self, schema: &Schema, snapshot: &Snapshot) {
        if self.packed_max > 0 {
            let is_full = self.packed.len() == self.packed_max;
            let mut packed = if is_full { self.packed.pop_front() } else { None }.unwrap_or_default();
            packed.pack(schema, snapshot);
            self.packed.push_back(packed);
        }
    }

    /// The newest world.
    #[must_use]
    pub const fn newest(&self) -> &Snapshot {
        &self.newest
    }

    /// Whether a caller has to unpack the world after `tick`: it is kept, and it is not one of the newest two.
    #[must_use]
    pub fn is_packed(&self, tick: Tick) -> bool {
        self.holds(tick) && self.ready(tick).is_none()
    }

    /// Whether the world after `tick` is still kept.
    #[must_use]
    pub fn holds(&self, tick: Tick) -> bool {
        tick >= self.oldest() && tick <= self.newest.tick
    }

    /// The world after `tick`, if it is still kept; a packed world is unpacked into `recalled`.
    #[must_use]
    pub fn at<'a>(&'a self, schema: &Schema, tick: Tick, recalled: &'a mut Recalled) -> Option<&'a Snapshot> {
        if !self.holds(tick) {
            return None;
        }
        Some(self.ready(tick).unwrap_or_else(|| recalled.show(self, schema, tick, ALL_TABLES)))
    }

    /// The sample that a client showed at a moment, if it receives a snapshot every `every_ticks` ticks. For a moment
    /// that is not kept any more, or not sent yet, it is the nearest one that is. Only some tables are there: those
    /// whose bits are set in `tables`.
    #[must_use]
    pub(crate) fn seen_at<'a>(
        &'a self,
        schema: &Schema,
        moment: TickTime,
        every_ticks: u32,
        tables: u32,
        around: &'a mut Around,
    ) -> InterpolationSample<'a> {
        let every = every_ticks.max(1);
        let oldest = self.oldest().0;
        let last = self.newest.tick.0 / every * every;
        // `TickTime::tick` keeps even an absurd moment within the range of a tick.
        let before = (moment.tick().0 / every * every).clamp(oldest.next_multiple_of(every).min(last), last);
        let kept = |tick: &u32| self.holds(Tick(*tick));
        let after = before.checked_add(every).filter(|tick| *tick <= last).filter(kept);
        let earlier = before.checked_sub(every).filter(kept);
        // The three snapshots around a moment are neighbours, so each has a place of its own.
        let place = |tick: u32| tick as usize / every as usize % AROUND_LEN;
        for tick in [earlier, Some(before).filter(kept), after].into_iter().flatten() {
            if self.ready(Tick(tick)).is_none() {
                around.recalled[place(tick)].show(self, schema, Tick(tick), tables);
            }
        }
        let around = &*around;
        let find = |tick: u32| self.ready(Tick(tick)).unwrap_or_else(|| &around.recalled[place(tick)].snapshot);
        let before = if kept(&before) { find(before) } else { &self.newest };
        InterpolationSample::between(earlier.map(find), before, after.map(find), moment, 0.0)
    }

    /// The number of worlds before the newest, and whether the last of them is there to be read.
    pub(crate) fn older(&self) -> (usize, bool) {
        (self.packed.len() + usize::from(self.last.is_some()), self.last.is_some())
    }

    /// Puts the world of the tick before all others in front of them, packed or to be read; false if there is no place
    /// for it.
    pub(crate) fn prepend(&mut self, schema: &Schema, snapshot: &Snapshot, is_packed: bool) -> bool {
        debug_assert!(snapshot.tick.next() == self.oldest(), "the worlds of a history are of successive ticks");
        let has_place = if is_packed { self.packed.len() < self.packed_max } else { self.older().0 == 0 };
        if has_place && is_packed {
            let mut packed = Packed::default();
            packed.pack(schema, snapshot);
            self.packed.push_front(packed);
        } else if has_place {
            self.last = Some(snapshot.clone());
        }
        has_place
    }

    fn oldest(&self) -> Tick {
        let older = self.last.as_ref().map_or(self.newest.tick, |last| last.tick);
        self.packed.front().map_or(older, |packed| packed.tick)
    }

    /// The world of a tick, if it is one of those that are not packed.
    fn ready(&self, tick: Tick) -> Option<&Snapshot> {
        if tick == self.newest.tick { Some(&self.newest) } else { self.last.as_ref().filter(|last| last.tick == tick) }
    }
}

/// Memory to unpack a world of a [`History`] into. It remembers by its tick which world it holds, so it serves one
/// history only.
#[derive(Debug, Default)]
pub struct Recalled {
    snapshot: Snapshot,
    /// A bit per table that is unpacked, as it was at the snapshot's tick.
    ready: u32,
}

impl Recalled {
    /// Forgets the world that it holds and keeps the memory.
    pub const fn forget(&mut self) {
        self.ready = 0;
    }

    /// A packed world, with these tables unpacked.
    fn show(&mut self, history: &History, schema: &Schema, tick: Tick, tables: u32) -> &Snapshot {
        if self.snapshot.tick != tick {
            self.ready = 0;
        }
        let index = tick.since(history.oldest());
        let packed = usize::try_from(index).ok().and_then(|index| history.packed.get(index));
        packed.expect("a kept, unready world is packed").unpack(schema, tables & !self.ready, &mut self.snapshot);
        self.ready |= tables;
        &self.snapshot
    }
}

/// Worlds around a moment: the one before it, the one after it, and the one ahead of these two.
const AROUND_LEN: usize = 3;

/// Memory for the worlds around a moment.
#[derive(Debug, Default)]
pub(crate) struct Around {
    recalled: [Recalled; AROUND_LEN],
}

impl Around {
    /// Forgets the worlds that it holds and keeps the memory.
    pub(crate) fn forget(&mut self) {
        self.recalled.iter_mut().for_each(Recalled::forget);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[derive(Clone, Default, crate::state::State)]
    struct World {
        #[state(range = 0..=1_000_000)]
        ticks: u32,
    }

    fn history(schema: &Schema, ticks: u32) -> History {
        let mut history = History::new(Snapshot::empty(schema));
        for ticks in 1..=ticks {
            history.push(schema, &mut World { ticks });
        }
        history
    }

    #[test]
    fn the_last_worlds_are_found_by_their_tick_and_no_others() {
        let (schema, mut recalled) = (Schema::of::<World>(), Recalled::default());
        for ticks in 0..=40 {
            let history = history(&schema, ticks);
            recalled.forget();
            for tick in 0..60 {
                let is_kept = tick <= ticks && tick + SNAPSHOT_HISTORY_LEN as u32 > ticks;
                // The second time, the world is unpacked already.
                for _ in 0..2 {
                    let world = history.at(&schema, Tick(tick), &mut recalled);
                    assert_eq!(
                        world.map(|world| (world.tick, world.tables[0].row(0)[0])),
                        is_kept.then_some((Tick(tick), tick))
                    );
                }
                assert_eq!(history.holds(Tick(tick)), is_kept);
            }
            assert_eq!(history.newest().tick, Tick(ticks));
        }
    }

    /// A world whose code panics while it is taken in.
    #[derive(Clone)]
    struct Brittle(u32);

    impl State for Brittle {
        const WIDTH: usize = World::WIDTH;

        fn describe(fields: &mut crate::state::Fields<'_>) {
            World::describe(fields);
        }

        fn gather(&self, wire: &mut [u32]) {
            wire[0] = self.0;
            assert!(self.0 < 1_000, "this world is broken");
        }

        fn scatter(&mut self, wire: &[u32]) {
            self.0 = wire[0];
        }
    }

    #[test]
    fn a_panic_while_a_world_is_taken_in_leaves_every_other_world() {
        let (schema, kept) = (Schema::of::<World>(), SNAPSHOT_HISTORY_LEN as u32);
        for ticks in [0, 1, 2, 5, 17, 40] {
            let mut history = History::new(Snapshot::empty(&schema));
            let mut recalled = Recalled::default();
            (1..=ticks).for_each(|ticks| history.push(&schema, &mut World { ticks }));
            let push = core::panic::AssertUnwindSafe(|| history.push(&schema, &mut Brittle(1_000)));
            assert!(std::panic::catch_unwind(push).is_err());
            assert_eq!(history.newest().tick, Tick(ticks));
            history.push(&schema, &mut World { ticks: ticks + 1 });
            for tick in 0..=ticks + 1 {
                let world = history.at(&schema, Tick(tick), &mut recalled);
                let shown = world.map(|world| (world.tick, world.tables[0].row(0)[0]));
                let expected = (tick + kept > ticks + 1).then_some((Tick(tick), tick));
                assert_eq!(shown, expected, "tick {tick} after a panic in tick {}", ticks + 1);
            }
        }
    }

    #[test]
    fn a_panic_in_a_room_that_sees_the_present_leaves_the_newest_world() {
        let schema = Schema::of::<World>();
        let mut history = History::of_the_present(Snapshot::empty(&schema));
        (1..=5).for_each(|ticks| history.push(&schema, &mut World { ticks }));
        let push = core::panic::AssertUnwindSafe(|| history.push(&schema, &mut Brittle(1_000)));
        assert!(std::panic::catch_unwind(push).is_err());
        assert!(history.newest().tick == Tick(5) && history.holds(Tick(5)) && !history.holds(Tick(4)));
        history.push(&schema, &mut World { ticks: 6 });
        assert!(history.newest().tick == Tick(6) && history.holds(Tick(5)));
    }

    #[test]
    fn any_moment_is_seen_between_the_snapshots_that_were_sent() {
        let seen = |ticks, moment: f64, every| {
            let (schema, mut around) = (Schema::of::<World>(), Around::default());
            let history = history(&schema, ticks);
            let InterpolationSample { earlier, before, after, part, beyond, .. } =
                history.seen_at(&schema, TickTime(moment), every, ALL_TABLES, &mut around);
            for shown in [earlier, Some(before), after].into_iter().flatten() {
                assert_eq!(shown.tables[0].row(0), [shown.tick.0]);
            }
            assert!(beyond == 0.0, "a room never looks beyond its newest snapshot");
            let tick = |snapshot: Option<&Snapshot>| snapshot.map(|snapshot| snapshot.tick.0);
            (tick(earlier), before.tick.0, tick(after), part)
        };
        assert_eq!(seen(40, 35.25, 1), (Some(34), 35, Some(36), 0.25));
        assert_eq!(seen(40, 40.0, 1), (Some(39), 40, None, 0.0));
        assert_eq!(seen(40, 35.5, 3), (Some(30), 33, Some(36), (2.5_f64 / 3.0) as f32));
        // Moments that are not made yet, not sent yet, not kept any more, or that never were.
        assert_eq!(seen(40, 99.5, 1), (Some(39), 40, None, 0.0));
        assert_eq!(seen(40, 39.5, 3), (Some(36), 39, None, 0.0));
        assert_eq!(seen(40, 3.5, 1), (None, 24, Some(25), 0.0));
        assert_eq!(seen(40, 3.5, 3), (None, 24, Some(27), 0.0));
        assert_eq!(seen(2, -7.0, 1), (None, 0, Some(1), 0.0));
        assert_eq!(seen(40, 5.0, 100), (None, 40, None, 0.0));
        assert_eq!(seen(40, 1e30, 0), (Some(39), 40, None, 0.0));
        // Even in the oldest view of all, the snapshot before it is kept and says how fast things were.
        for every in 1..=4 {
            let rules = crate::game::Rules::new("rare", 240).mode(crate::game::Mode::Snapshot { every_ticks: every });
            let (every, oldest) = (u32::from(every), f64::from(rules.past_ticks_max()).min(255.0 / 16.0));
            for ticks in 40..60 {
                let (earlier, before, ..) = seen(ticks, f64::from(ticks + 1) - oldest, every);
                assert_eq!(earlier, Some(before - every), "{every} ticks apart, at {ticks}");
            }
        }
    }
}

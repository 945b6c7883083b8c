//! Interpolation: the world at a moment between two snapshots, or shortly after the newest.

use crate::state::{Leaf, LeafKind, Schema, TableSchema};
use crate::tick::{Tick, TickTime};
use crate::world::snapshot::{Rows, Snapshot};

/// A leaf that moves more than this part of its range from one tick to the next is not moved through:
/// something was put elsewhere.
const TELEPORT_PART: u32 = 8;

/// Where it is known how fast things were, less is enough: this part of the range and a few steps besides so many
/// times the last change.
const LEAP_PART: i64 = 32;
const LEAP_STEPS: i64 = 4;
const LEAP_TIMES: i64 = 4;

/// What is shown of others: a moment between two snapshots, or shortly after the newest.
#[derive(Debug, Clone, Copy)]
pub struct InterpolationSample<'a> {
    /// The one before `earlier`: beyond the newest it says how fast things were. A room, which knows what came, has none.
    pub earliest: Option<&'a Snapshot>,
    /// The one before `before`: says how fast things were.
    pub earlier: Option<&'a Snapshot>,
    /// The last one before the moment.
    pub before: &'a Snapshot,
    /// The first one after it; `None` beyond the newest.
    pub after: Option<&'a Snapshot>,
    /// How far from `before` to `after` the moment is, 0 to 1.
    pub part: f32,
    /// Ticks by which the moment is beyond `before`, when there is nothing after it.
    pub beyond: f32,
}

impl<'a> InterpolationSample<'a> {
    /// What is seen at `shown`, in ticks, of these snapshots; beyond the newest for so many ticks at the most.
    pub(crate) fn between(
        earlier: Option<&'a Snapshot>,
        before: &'a Snapshot,
        after: Option<&'a Snapshot>,
        shown: TickTime,
        beyond_ticks_max: f64,
    ) -> Self {
        let since = shown - TickTime::from(before.tick);
        match after {
            Some(after) => {
                let part = (since / after.tick.since(before.tick) as f64).clamp(0.0, 1.0) as f32;
                Self { earliest: None, earlier, before, after: Some(after), part, beyond: 0.0 }
            }
            None => {
                let beyond = within(since, 0.0, beyond_ticks_max) as f32;
                Self { earliest: None, earlier, before, after: None, part: 0.0, beyond }
            }
        }
    }
}

/// Like `f64::clamp` without its panic, whose message about bounds that are known only at run time would bring
/// the formatting of floats, 20 KB, into every page.
pub(crate) const fn within(value: f64, low: f64, high: f64) -> f64 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// The signed way from one value of a leaf to another; around the circle for turns.
pub(crate) fn difference(leaf: &Leaf, from: u32, to: u32) -> i64 {
    let straight = i64::from(to) - i64::from(from);
    match leaf.kind {
        LeafKind::Turn => {
            let circle = i64::from(leaf.max) + 1;
            // The directions of a circle are a power of two.
            ((straight + circle / 2) & (circle - 1)) - circle / 2
        }
        LeafKind::Number | LeafKind::Choice => straight,
    }
}

/// `value` moved by a fraction of steps, kept in range.
pub(crate) fn moved(leaf: &Leaf, value: u32, by: f32) -> u32 {
    let steps = libm::roundf(by) as i64;
    let sum = i64::from(value) + steps;
    let kept = match leaf.kind {
        LeafKind::Turn => sum & i64::from(leaf.max),
        LeafKind::Number | LeafKind::Choice => sum.clamp(0, i64::from(leaf.max)),
    };
    u32::try_from(kept).unwrap_or(value)
}

pub(crate) fn is_teleport(leaf: &Leaf, difference: i64) -> bool {
    leaf.kind == LeafKind::Number && difference.unsigned_abs() > u64::from(leaf.max / TELEPORT_PART)
}

/// Whether a smooth leaf was put elsewhere between two rows that are `ticks` apart. `earlier` says how fast it was
/// before: the row that came ahead of `from`, and by how many ticks.
fn leaps_at(
    table: &TableSchema,
    at: usize,
    earlier: Option<(&[u32], i64)>,
    (from, to): (&[u32], &[u32]),
    ticks: i64,
) -> bool {
    let leaf = &table.leaves[at];
    if from[at] == to[at] || leaf.kind != LeafKind::Number || table.is_of_rotation(at) {
        return false;
    }
    let way = difference(leaf, from[at], to[at]);
    let Some((earlier, before_ticks)) = earlier else { return is_teleport(leaf, way) };
    let last = difference(leaf, earlier[at], from[at]).abs() * ticks / before_ticks;
    way.abs() > LEAP_TIMES * last + (i64::from(leaf.max) / LEAP_PART + LEAP_STEPS) * ticks
}

/// Fills `out` with `from` moved by a part of the way to `to`, smooth leaves only.
fn glide(table: &TableSchema, from: &[u32], (start, end): (&[u32], &[u32]), part: f32, out: &mut [u32]) {
    out.copy_from_slice(from);
    for at in table.smooth.iter().copied().filter(|at| start[*at] != end[*at]) {
        let leaf = &table.leaves[at];
        if leaf.kind != LeafKind::Choice && !table.is_replaced(at, start, end) {
            out[at] = moved(leaf, from[at], difference(leaf, start[at], end[at]) as f32 * part);
        }
    }
}

/// How a row moves: from one place to another, by a part of the way, and what says whether it leaps there.
#[derive(Clone, Copy)]
pub(crate) struct MotionSegment<'a> {
    pub(crate) ends: (&'a [u32], &'a [u32]),
    /// Ticks from one end to the other.
    pub(crate) ticks: i64,
    /// The row ahead of the first end, and by how many ticks.
    pub(crate) earlier: Option<(&'a [u32], i64)>,
    pub(crate) part: f32,
}

impl<'a> MotionSegment<'a> {
    /// The way of the row at `index` of `moment.before`; `None` when it rests, or nothing says where it goes.
    pub(crate) fn of(number: usize, index: usize, moment: &InterpolationSample<'a>) -> Option<Self> {
        let before = moment.before;
        let (id, from) = (before.tables[number].ids[index], before.tables[number].row(index));
        let find = |snapshot: &'a Snapshot| Some((snapshot.tables.get(number)?.find_near(index, id)?, snapshot.tick));
        let since = |earlier: Option<&'a Snapshot>, tick: Tick| {
            earlier.and_then(find).map(|(row, earlier)| (row, tick.since(earlier).max(1)))
        };
        if let Some(after) = moment.after {
            let to = find(after).map_or(from, |(row, _)| row);
            // What rests needs no more work, and most things rest.
            let ticks = (to != from).then(|| after.tick.since(before.tick).max(1))?;
            return Some(Self {
                ends: (from, to),
                ticks,
                earlier: since(moment.earlier, before.tick),
                part: moment.part,
            });
        }
        // Beyond the newest everything goes on as it did last.
        let last = moment.earlier?;
        let (start, ticks) = since(Some(last), before.tick).filter(|(start, _)| *start != from)?;
        let earlier = since(moment.earliest, last.tick);
        Some(Self { ends: (start, from), ticks, earlier, part: moment.beyond / ticks as f32 })
    }

    /// Whether anything smooth of a row leaps, or of one field of it.
    pub(crate) fn leaps(&self, table: &TableSchema, field: Option<&str>) -> bool {
        let counts = |at: usize| field.is_none_or(|field| table.leaves[at].field() == field);
        table.smooth.iter().any(|at| self.leaps_at(table, *at) && counts(*at))
    }

    pub(crate) fn leaps_at(&self, table: &TableSchema, at: usize) -> bool {
        leaps_at(table, at, self.earlier, self.ends, self.ticks)
    }
}

/// Fills `out` with a row of `moment.before` as it is at the moment.
pub(crate) fn play_row(
    table: &TableSchema,
    number: usize,
    index: usize,
    moment: &InterpolationSample<'_>,
    out: &mut [u32],
) {
    let from = moment.before.tables[number].row(index);
    let segment = MotionSegment::of(number, index, moment);
    // What is put elsewhere is here until then, and rests there.
    let glides = |segment: &MotionSegment<'_>| number == 0 || !segment.leaps(table, None);
    let Some(segment) = segment.filter(glides) else { return out.copy_from_slice(from) };
    glide(table, from, segment.ends, segment.part, out);
    // A rotation is not spun on beyond the newest: its parts alone make no sense.
    let (start, end) = if moment.after.is_some() { segment.ends } else { (from, from) };
    table.blend_joint(start, end, segment.part, out);
    if number == 0 {
        // The world's own fields are not one thing: each of them leaps, or does not, for itself.
        for at in table.smooth.iter().copied().filter(|at| segment.leaps_at(table, *at)) {
            out[at] = from[at];
        }
    }
}

/// Fills `out` with the world at `part` (0 to 1) of the way from one snapshot to the next: the rows of `before`,
/// smooth fields moved.
pub fn blend(schema: &Schema, before: &Snapshot, after: &Snapshot, part: f32, out: &mut Snapshot) {
    let moment = InterpolationSample { earliest: None, earlier: None, before, after: Some(after), part, beyond: 0.0 };
    out.copy_from(before);
    for (number, table) in schema.tables.iter().enumerate() {
        play_rows(table, number, &moment, &mut out.tables[number]);
    }
}

/// Fills `out` with the rows of one table as they are at the moment.
pub(crate) fn play_rows(table: &TableSchema, number: usize, moment: &InterpolationSample<'_>, out: &mut Rows) {
    out.copy_from(&moment.before.tables[number]);
    for index in 0..out.ids.len() {
        play_row(table, number, index, moment, out.row_mut(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::InterpolationBuffer;
    use crate::state::State;
    use crate::table::Table;
    use alloc::vec::Vec;

    #[derive(State, Clone, Default)]
    struct World {
        things: Table<Thing>,
    }

    #[derive(State, Clone, Default)]
    struct Thing {
        #[state(range = 0.0..=1600.0, step = 0.0625, smooth)]
        x: f32,
        #[state(range = 0.0..=1600.0, step = 0.0625, smooth)]
        y: f32,
    }

    /// One thing at these places, a tick after the other.
    fn snapshots(places: &[(f32, f32)]) -> Vec<Snapshot> {
        let schema = Schema::of::<World>();
        let mut world = World::default();
        let id = world.things.insert(Thing::default());
        let capture = |(tick, (x, y)): (u32, &(f32, f32))| {
            *world.things.get_mut(id).unwrap() = Thing { x: *x, y: *y };
            let mut snapshot = Snapshot::empty(&schema);
            snapshot.capture(&mut world, Tick(tick));
            snapshot
        };
        (0..).zip(places).map(capture).collect()
    }

    /// Where the thing is shown: between the last two places, or so many ticks beyond the last.
    fn shown(places: &[(f32, f32)], part: f32, beyond: f32) -> (f32, f32) {
        let (schema, all) = (Schema::of::<World>(), snapshots(places));
        let mut newest_first = all.iter().rev();
        let after = if beyond > 0.0 { None } else { newest_first.next() };
        let before = newest_first.next().expect("a test has two places at the least");
        let (earlier, earliest) = (newest_first.next(), newest_first.next());
        let moment = InterpolationSample { earliest, earlier, before, after, part, beyond };
        let mut row = [0; 2];
        play_row(&schema.tables[1], 1, 0, &moment, &mut row);
        (row[0] as f32 / 16.0, row[1] as f32 / 16.0)
    }

    #[test]
    fn what_moves_is_shown_between_two_snapshots() {
        assert_eq!(shown(&[(100.0, 50.0), (110.0, 50.0), (120.0, 54.0)], 0.5, 0.0), (115.0, 52.0));
        assert_eq!(shown(&[(100.0, 50.0), (100.0, 50.0), (116.0, 50.0)], 0.25, 0.0), (104.0, 50.0), "from rest");
        assert_eq!(shown(&[(100.0, 50.0), (160.0, 50.0), (60.0, 50.0)], 0.5, 0.0), (110.0, 50.0), "fast, and back");
    }

    #[test]
    fn what_is_put_elsewhere_is_not_moved_through_the_world() {
        let from_rest = shown(&[(100.0, 50.0), (100.0, 50.0), (190.0, 51.0)], 0.5, 0.0);
        assert_eq!(from_rest, (100.0, 50.0), "both axes wait for the next tick");
        assert_eq!(shown(&[(100.0, 50.0), (900.0, 51.0)], 0.5, 0.0), (100.0, 50.0), "new, and far away at once");
        assert_eq!(shown(&[(100.0, 50.0), (900.0, 51.0)], 0.0, 2.0), (900.0, 51.0), "and it rests there");
    }

    #[test]
    fn beyond_the_newest_snapshot_everything_goes_on_as_it_did() {
        assert_eq!(shown(&[(100.0, 50.0), (104.0, 50.0)], 0.0, 2.5), (114.0, 50.0));
        assert_eq!(shown(&[(1_590.0, 50.0), (1_598.0, 50.0)], 0.0, 3.0), (1_600.0, 50.0), "within its range");
        assert_eq!(shown(&[(100.0, 50.0), (160.0, 50.0), (220.0, 50.0)], 0.0, 2.0), (340.0, 50.0), "however fast");
    }

    #[test]
    fn what_was_put_elsewhere_right_before_the_newest_snapshot_rests_there() {
        // A twelfth of the range on one axis is too much for what lay still.
        let leap = 1_600.0 / 12.0;
        let places = [(100.0, 50.0), (100.0, 50.0), (100.0 + leap, 52.0)];
        let (schema, all) = (Schema::of::<World>(), snapshots(&places));
        let there = (all[2].tables[1].row(0)[0] as f32 / 16.0, 52.0);
        assert_eq!(shown(&places, 0.0, 3.0), there);
        // The same by the playout, which shows this where the next snapshot is late.
        let mut interpolation = InterpolationBuffer::new(33_333.0);
        all.iter().for_each(|snapshot| interpolation.push(snapshot, u64::from(snapshot.tick.0) * 33_333));
        let moment = interpolation.sample_at(TickTime(5.0)).expect("there are snapshots");
        assert!(moment.after.is_none() && moment.beyond > 2.0);
        let mut row = [0; 2];
        play_row(&schema.tables[1], 1, 0, &moment, &mut row);
        assert_eq!((row[0] as f32 / 16.0, row[1] as f32 / 16.0), there);
    }
}

//! Interpolation: the world at a moment between two snapshots, or shortly after the newest.
//!
//! # Why others are shown between two snapshots
//!
//! A client draws more often than snapshots arrive, and they arrive unevenly. It cannot predict the players whose
//! inputs it does not have. So it shows their rows as they were a moment ago, where the snapshots before and after the
//! moment are known: each smooth leaf is on the straight way between two values that it really had, and nothing that
//! was shown has to be taken back. The price is delay. A room makes up for it by lag compensation
//! ([`rewind`](super::rewind)): it rebuilds the shown world from the snapshots that it sent and the age of the player's
//! view. Both sides call the functions of this module, which take the wire integers of snapshots, so an aim that is
//! right on screen is right in the room too.
//!
//! When the next snapshot is late, a row goes on as it moved last, for a short while: that guess is usually better than
//! a picture that stands still. The client bounds the while, and a room never guesses, because it has every snapshot.
//!
//! # Leaps
//!
//! A thing that was put elsewhere (a respawn, a portal) must not be drawn on its way there. It would be seen in places
//! where it never was, such as inside walls, and lag compensation would let a shot hit it there. No field says that a
//! thing leaped, so a leap is recognized by its distance, from one of two limits:
//!
//! * If the snapshot before the two is known and has the row, so is the row's speed. A leaf leaps when its way is
//!   longer than four times the last way, plus a 32nd of its range and four steps per tick. The factor lets fast things
//!   accelerate, turn round or bounce. The 32nd lets a thing at rest start to move. The four steps are for leaves of so
//!   few values that a 32nd of their range is less than one or two steps.
//! * If the row is new, or that snapshot is not known, nothing says how fast the row was. The limit must then leave
//!   room for fast things: an eighth of the range.
//!
//! A row is one thing, so it leaps with all its leaves as soon as one of them does: half of a leap would show a place
//! where nothing ever was. It waits in the old place until the tick of the leap. A row that leaped right before the
//! newest snapshot rests in the new place, because the way of the leap says nothing about its speed. Only numbers leap.
//! A turn takes the shorter way around the circle, which is never far, and the leaves of a rotation mean nothing alone.

use crate::state::{Leaf, LeafKind, Schema, TableSchema};
use crate::tick::{Tick, TickTime};
use crate::world::snapshot::{Rows, Snapshot};

/// Without a known speed, a leaf leaps if it moves by more than this part of its range (an eighth) from one snapshot to
/// the next: something was put elsewhere, and is not shown on its way.
const TELEPORT_PART: u32 = 8;

/// With a known speed, a shorter way is a leap: this part of the range and a few steps, both per tick, in addition to
/// so many times the last change.
const LEAP_PART: i64 = 32;
const LEAP_STEPS: i64 = 4;
const LEAP_TIMES: i64 = 4;

/// The moment at which others are shown, and the snapshots around it: between two of them, or shortly after the newest.
#[derive(Debug, Clone, Copy)]
pub struct InterpolationSample<'a> {
    /// The snapshot before `earlier`: beyond the newest snapshot it says how fast things were. A room has none, because
    /// it never looks beyond its newest snapshot.
    pub earliest: Option<&'a Snapshot>,
    /// The snapshot before `before`: it says how fast things were.
    pub earlier: Option<&'a Snapshot>,
    /// The last snapshot that is not after the moment.
    pub before: &'a Snapshot,
    /// The first snapshot after the moment; `None` beyond the newest.
    pub after: Option<&'a Snapshot>,
    /// How far from `before` to `after` the moment is, 0 to 1.
    pub part: f32,
    /// Ticks by which the moment is beyond `before`, if no snapshot is after it; otherwise 0.
    pub beyond: f32,
}

impl<'a> InterpolationSample<'a> {
    /// The sample of these snapshots at the moment `shown`. Beyond the newest snapshot the moment goes no further than
    /// `beyond_ticks_max` ticks.
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

/// Like `f64::clamp`, without its panic. The message of that panic prints bounds that are known only at run time, and
/// would bring the formatting of floats, 20 KB, into every page.
pub(crate) const fn within(value: f64, low: f64, high: f64) -> f64 {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// The signed way from one value of a leaf to another, in steps; for a turn, the shorter way around the circle.
pub(crate) fn difference(leaf: &Leaf, from: u32, to: u32) -> i64 {
    let straight = i64::from(to) - i64::from(from);
    match leaf.kind {
        LeafKind::Turn => {
            let circle = i64::from(leaf.max) + 1;
            // The number of directions of a circle is a power of two, so a mask wraps the sum around.
            ((straight + circle / 2) & (circle - 1)) - circle / 2
        }
        LeafKind::Number | LeafKind::Choice => straight,
    }
}

/// `value` moved by so many steps, rounded to whole ones. A number stays within its range, and a turn goes around.
pub(crate) fn moved(leaf: &Leaf, value: u32, by: f32) -> u32 {
    let steps = libm::roundf(by) as i64;
    let sum = i64::from(value) + steps;
    let kept = match leaf.kind {
        LeafKind::Turn => sum & i64::from(leaf.max),
        LeafKind::Number | LeafKind::Choice => sum.clamp(0, i64::from(leaf.max)),
    };
    u32::try_from(kept).unwrap_or(value)
}

/// Whether a leaf that moves so far leaps, when nothing is known of its speed.
pub(crate) fn is_teleport(leaf: &Leaf, difference: i64) -> bool {
    leaf.kind == LeafKind::Number && difference.unsigned_abs() > u64::from(leaf.max / TELEPORT_PART)
}

/// Whether a smooth leaf leaps between two rows that are `ticks` apart. `earlier` says how fast the leaf was before: it
/// is the row ahead of `from`, and the ticks from the one to the other.
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

/// Fills `out` with `from`, its smooth leaves moved by a part of the way from `start` to `end`. Beyond the newest
/// snapshot `from` is the end itself, and the way is gone once more.
fn glide(table: &TableSchema, from: &[u32], (start, end): (&[u32], &[u32]), part: f32, out: &mut [u32]) {
    out.copy_from_slice(from);
    for at in table.smooth.iter().copied().filter(|at| start[*at] != end[*at]) {
        let leaf = &table.leaves[at];
        if leaf.kind != LeafKind::Choice && !table.is_replaced(at, start, end) {
            out[at] = moved(leaf, from[at], difference(leaf, start[at], end[at]) as f32 * part);
        }
    }
}

/// The way of a row from one snapshot to another, the part of it that is gone, and the speed before it, by which a leap
/// is recognized.
#[derive(Clone, Copy)]
pub(crate) struct MotionSegment<'a> {
    pub(crate) ends: (&'a [u32], &'a [u32]),
    /// Ticks from one end to the other.
    pub(crate) ticks: i64,
    /// The row in the snapshot ahead of the first end, and the ticks from there to the first end.
    pub(crate) earlier: Option<(&'a [u32], i64)>,
    pub(crate) part: f32,
}

impl<'a> MotionSegment<'a> {
    /// The way of the row at `index` of `moment.before`; `None` for a row that rests, and for one that is in too few
    /// snapshots to have a way.
    pub(crate) fn of(number: usize, index: usize, moment: &InterpolationSample<'a>) -> Option<Self> {
        let before = moment.before;
        let (id, from) = (before.tables[number].ids[index], before.tables[number].row(index));
        let find = |snapshot: &'a Snapshot| Some((snapshot.tables.get(number)?.find_near(index, id)?, snapshot.tick));
        let since = |earlier: Option<&'a Snapshot>, tick: Tick| {
            earlier.and_then(find).map(|(row, earlier)| (row, tick.since(earlier).max(1)))
        };
        if let Some(after) = moment.after {
            let to = find(after).map_or(from, |(row, _)| row);
            // A row that rests needs no more work, and most rows rest.
            let ticks = (to != from).then(|| after.tick.since(before.tick).max(1))?;
            return Some(Self {
                ends: (from, to),
                ticks,
                earlier: since(moment.earlier, before.tick),
                part: moment.part,
            });
        }
        // Beyond the newest snapshot a row goes on as it moved last.
        let last = moment.earlier?;
        let (start, ticks) = since(Some(last), before.tick).filter(|(start, _)| *start != from)?;
        let earlier = since(moment.earliest, last.tick);
        Some(Self { ends: (start, from), ticks, earlier, part: moment.beyond / ticks as f32 })
    }

    /// Whether any smooth leaf of the row leaps, or any smooth leaf of one of its fields.
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
    // A row that leaps is not moved. Until the tick of the leap it is in the old place, and beyond the newest snapshot
    // it rests in the new one: `from` is the right one of the two in both cases.
    let glides = |segment: &MotionSegment<'_>| number == 0 || !segment.leaps(table, None);
    let Some(segment) = segment.filter(glides) else { return out.copy_from_slice(from) };
    glide(table, from, segment.ends, segment.part, out);
    // A rotation is not spun on beyond the newest snapshot, because its leaves, moved on one by one, make no sense.
    let (start, end) = if moment.after.is_some() { segment.ends } else { (from, from) };
    table.blend_joint(start, end, segment.part, out);
    if number == 0 {
        // The fields of the world's own row are not one thing, so each of them leaps, or does not, for itself.
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

    /// The snapshots of one thing that is at these places, one tick after the other.
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

    /// The place at which the thing is shown: between the last two places, or so many ticks beyond the last.
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
    fn a_moving_thing_is_shown_between_two_snapshots() {
        assert_eq!(shown(&[(100.0, 50.0), (110.0, 50.0), (120.0, 54.0)], 0.5, 0.0), (115.0, 52.0));
        assert_eq!(shown(&[(100.0, 50.0), (100.0, 50.0), (116.0, 50.0)], 0.25, 0.0), (104.0, 50.0), "from rest");
        assert_eq!(shown(&[(100.0, 50.0), (160.0, 50.0), (60.0, 50.0)], 0.5, 0.0), (110.0, 50.0), "fast, and back");
    }

    #[test]
    fn a_thing_that_leaps_is_not_moved_through_the_world() {
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
    fn a_thing_that_leaped_right_before_the_newest_snapshot_rests_there() {
        // A twelfth of the range on one axis is too much for a thing that lay still.
        let leap = 1_600.0 / 12.0;
        let places = [(100.0, 50.0), (100.0, 50.0), (100.0 + leap, 52.0)];
        let (schema, all) = (Schema::of::<World>(), snapshots(&places));
        let there = (all[2].tables[1].row(0)[0] as f32 / 16.0, 52.0);
        assert_eq!(shown(&places, 0.0, 3.0), there);
        // The interpolation buffer gives the same where the next snapshot is late.
        let mut interpolation = InterpolationBuffer::new(33_333.0, 1);
        all.iter().for_each(|snapshot| interpolation.push(snapshot, u64::from(snapshot.tick.0) * 33_333));
        let moment = interpolation.sample_at(TickTime(5.0)).expect("there are snapshots");
        assert!(moment.after.is_none() && moment.beyond > 2.0);
        let mut row = [0; 2];
        play_row(&schema.tables[1], 1, 0, &moment, &mut row);
        assert_eq!((row[0] as f32 / 16.0, row[1] as f32 / 16.0), there);
    }
}

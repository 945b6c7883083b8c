//! The view: one world out of two, own rows from prediction and the rest from playout.

use super::playout::{Moment, Playout};
use super::predict::Predicted;
use crate::snapshot::{Rows, Snapshot};
use crate::state::{Leaf, LeafKind, Schema, TableSchema};
use crate::{RowId, Seat, Tick};

/// A leaf that moves more than this part of its range from one tick to the next is not moved through:
/// something was put elsewhere.
const TELEPORT_PART: u32 = 8;

/// Where it is known how fast things were, less is enough: this part of the range and a few steps besides so many
/// times the last change.
const LEAP_PART: i64 = 32;
const LEAP_STEPS: i64 = 4;
const LEAP_TIMES: i64 = 4;

/// Whose row this is, as a leaf says it.
const fn owner_value(seat: Option<Seat>) -> u32 {
    match seat {
        Some(seat) => seat.number() as u32 + 1,
        None => u32::MAX,
    }
}

/// Whether this client shows a row as it predicts it.
pub(crate) fn predicts_row(table: &TableSchema, row: &[u32], me: Option<Seat>) -> bool {
    table.marks.predict || table.owner.is_some_and(|owner| row[owner] == owner_value(me))
}

/// Whether this client shows a leaf of a row as it predicts it.
pub(crate) fn predicts_leaf(leaf: &Leaf, row: &[u32], me: Option<Seat>) -> bool {
    leaf.marks.predict || leaf.owner.is_some_and(|owner| row[owner] == owner_value(me))
}

/// The signed way from one value of a leaf to another; around the circle for turns.
pub(super) fn difference(leaf: &Leaf, from: u32, to: u32) -> i64 {
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
pub(super) fn moved(leaf: &Leaf, value: u32, by: f32) -> u32 {
    let steps = libm::roundf(by) as i64;
    let sum = i64::from(value) + steps;
    let kept = match leaf.kind {
        LeafKind::Turn => sum & i64::from(leaf.max),
        LeafKind::Number | LeafKind::Choice => sum.clamp(0, i64::from(leaf.max)),
    };
    u32::try_from(kept).unwrap_or(value)
}

pub(super) fn is_teleport(leaf: &Leaf, difference: i64) -> bool {
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
struct Course<'a> {
    ends: (&'a [u32], &'a [u32]),
    /// Ticks from one end to the other.
    ticks: i64,
    /// The row ahead of the first end, and by how many ticks.
    earlier: Option<(&'a [u32], i64)>,
    part: f32,
}

impl<'a> Course<'a> {
    /// The way of the row at `index` of `moment.before`; `None` when it rests, or nothing says where it goes.
    fn of(number: usize, index: usize, moment: &Moment<'a>) -> Option<Self> {
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
    fn leaps(&self, table: &TableSchema, field: Option<&str>) -> bool {
        let counts = |at: usize| field.is_none_or(|field| table.leaves[at].field() == field);
        table.smooth.iter().any(|at| self.leaps_at(table, *at) && counts(*at))
    }

    fn leaps_at(&self, table: &TableSchema, at: usize) -> bool {
        leaps_at(table, at, self.earlier, self.ends, self.ticks)
    }
}

/// Fills `out` with a row of `moment.before` as it is at the moment.
fn play_row(table: &TableSchema, number: usize, index: usize, moment: &Moment<'_>, out: &mut [u32]) {
    let from = moment.before.tables[number].row(index);
    let course = Course::of(number, index, moment);
    // What is put elsewhere is here until then, and rests there.
    let glides = |course: &Course<'_>| number == 0 || !course.leaps(table, None);
    let Some(course) = course.filter(glides) else { return out.copy_from_slice(from) };
    glide(table, from, course.ends, course.part, out);
    // A rotation is not spun on beyond the newest: its parts alone make no sense.
    let (start, end) = if moment.after.is_some() { course.ends } else { (from, from) };
    table.blend_joint(start, end, course.part, out);
    if number == 0 {
        // The world's own fields are not one thing: each of them leaps, or does not, for itself.
        for at in table.smooth.iter().copied().filter(|at| course.leaps_at(table, *at)) {
            out[at] = from[at];
        }
    }
}

/// A row of ours that came out otherwise than predicted.
pub(super) struct Corrected<'a> {
    pub(super) number: usize,
    pub(super) id: RowId,
    pub(super) was: &'a [u32],
    pub(super) is: &'a [u32],
}

impl Corrected<'_> {
    /// Whether a smooth leaf is far off because it was put elsewhere: itself or another axis of the same place is too far
    /// off for anything, or far for a tick, and the snapshots after the tick `since` say that it leapt.
    pub(super) fn is_elsewhere(&self, table: &TableSchema, at: usize, playout: &Playout, since: Tick) -> bool {
        let field = Some(table.leaves[at].field());
        // Without a word about how fast it was, only what is too far for anything leaps.
        let course = |earlier| Course { ends: (self.was, self.is), ticks: 1, earlier, part: 0.0 };
        let (unheard_of, as_from_rest) = (course(None), course(Some((self.was, 1))));
        if table.is_of_rotation(at) {
            // Its parts mean nothing alone.
            return false;
        }
        if unheard_of.leaps(table, field) {
            return true;
        }
        let leapt = |tick: u32| {
            let moment = playout.moment_at(f64::from(tick)).filter(|moment| moment.before.tick == Tick(tick))?;
            let index = moment.before.tables[self.number].ids.binary_search(&self.id).ok()?;
            Some(Course::of(self.number, index, &moment)?.leaps(table, field))
        };
        as_from_rest.leaps(table, field) && (since.0..playout.newest_tick().0).any(|tick| leapt(tick) == Some(true))
    }
}

/// Fills `out` with the world at `part` (0 to 1) of the way from one snapshot to the next: the rows of `before`,
/// smooth fields moved.
pub fn blend(schema: &Schema, before: &Snapshot, after: &Snapshot, part: f32, out: &mut Snapshot) {
    let moment = Moment { earliest: None, earlier: None, before, after: Some(after), part, beyond: 0.0 };
    out.copy_from(before);
    for (number, table) in schema.tables.iter().enumerate() {
        play_rows(table, number, &moment, &mut out.tables[number]);
    }
}

/// Fills `out` with the rows of one table as they are at the moment.
pub(crate) fn play_rows(table: &TableSchema, number: usize, moment: &Moment<'_>, out: &mut Rows) {
    out.copy_from(&moment.before.tables[number]);
    for index in 0..out.ids.len() {
        play_row(table, number, index, moment, out.row_mut(index));
    }
}

/// Fills `out` with what the player in `me` is to see.
pub(super) fn compose(
    schema: &Schema,
    me: Option<Seat>,
    played: &Moment<'_>,
    predicted: &Predicted,
    out: &mut Snapshot,
) {
    out.tick = predicted.now.tick;
    out.tables.resize_with(schema.tables.len(), Rows::default);
    for (number, table) in schema.tables.iter().enumerate() {
        let rows = &mut out.tables[number];
        rows.width = table.leaves.len();
        rows.clear();
        let mut merge = Merge { number, table, me, played, predicted, rows };
        if number == 0 { merge.root() } else { merge.rows() }
    }
}

struct Merge<'a> {
    number: usize,
    table: &'a TableSchema,
    me: Option<Seat>,
    played: &'a Moment<'a>,
    predicted: &'a Predicted,
    rows: &'a mut Rows,
}

impl Merge<'_> {
    fn root(&mut self) {
        self.push(0);
        self.predicted_leaves();
    }

    /// Own rows as predicted, the others as played, in slot order.
    fn rows(&mut self) {
        let before = &self.played.before.tables[self.number];
        let now = &self.predicted.now.tables[self.number];
        let (mut b, mut n) = (0, 0);
        loop {
            while b < before.ids.len() && predicts_row(self.table, before.row(b), self.me) {
                b += 1;
            }
            while n < now.ids.len() && !predicts_row(self.table, now.row(n), self.me) {
                n += 1;
            }
            let (theirs, ours) = (before.ids.get(b), now.ids.get(n));
            match (theirs, ours) {
                (None, None) => return,
                (Some(theirs), ours) if ours.is_none_or(|ours| theirs.slot < ours.slot) => {
                    self.push(b);
                    b += 1;
                }
                (theirs, Some(ours)) => {
                    b += usize::from(theirs.is_some_and(|theirs| theirs.slot == ours.slot));
                    self.rows.push(*ours).copy_from_slice(now.row(n));
                    self.ease(n);
                    n += 1;
                }
                (Some(_), None) => unreachable!("a row without a partner was handled above"),
            }
        }
    }

    /// A row as it is played.
    fn push(&mut self, index: usize) {
        let (table, number, moment) = (self.table, self.number, self.played);
        self.rows.push(moment.before.tables[number].ids[index]);
        play_row(table, number, index, moment, self.last());
    }

    fn last(&mut self) -> &mut [u32] {
        let start = self.rows.wire.len() - self.rows.width;
        &mut self.rows.wire[start..]
    }

    /// In the root row each leaf goes its own way: some are mine, some everybody's, some another player's.
    fn predicted_leaves(&mut self) {
        let now = self.predicted.now.tables[self.number].row(0);
        for (index, leaf) in self.table.leaves.iter().enumerate() {
            if predicts_leaf(leaf, now, self.me) {
                self.last()[index] = now[index];
            }
        }
        self.ease(0);
    }

    /// Moves predicted leaves on towards the next tick, and by what is left of a correction: those of the root row that
    /// are predicted, and all of another.
    fn ease(&mut self, index: usize) {
        let (predicted, number, table, me) = (self.predicted, self.number, self.table, self.me);
        let predicts = |leaf: &Leaf, row: &[u32]| number > 0 || predicts_leaf(leaf, row, me);
        let now = &predicted.now.tables[number];
        let (id, row) = (now.ids[index], now.row(index));
        let next = predicted.ahead.tables[number].find_near(index, id).unwrap_or(row);
        if next == row && !predicted.is_corrected() {
            // It is where it stays.
            return;
        }
        let earlier = predicted.before.tables[number].find_near(index, id).map(|earlier| (earlier, 1));
        let course = Course { ends: (row, next), ticks: 1, earlier, part: predicted.part };
        let leaps = number > 0 && course.leaps(table, None);
        for at in table.smooth.iter().copied() {
            let leaf = &table.leaves[at];
            if !predicts(leaf, row) {
                continue;
            }
            let stays = leaps || course.leaps_at(table, at) || table.is_replaced(at, row, next);
            let way = if stays { 0.0 } else { difference(leaf, row[at], next[at]) as f32 * course.part };
            let eased = way + predicted.offset(number, id, at);
            self.last()[at] = moved(leaf, row[at], eased);
        }
        let part = if leaps { 0.0 } else { course.part };
        for first in table.smooth_rotations().filter(|first| predicts(&table.leaves[*first], row)) {
            let turned = table.rotation_between(first, row, next, part);
            for (at, (leaf, value)) in (first..).zip(table.leaves[first..].iter().zip(turned)) {
                // Corrections are relative to a component: they end where another becomes the largest.
                let offset = if turned[0] == row[first] { predicted.offset(number, id, at) } else { 0.0 };
                self.last()[at] = moved(leaf, value, offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{State, Table, Tick};
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
        let moment = Moment { earliest, earlier, before, after, part, beyond };
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
        let mut playout = Playout::new(33_333.0);
        all.iter().for_each(|snapshot| playout.push(snapshot, u64::from(snapshot.tick.0) * 33_333));
        let moment = playout.moment_at(5.0).expect("there are snapshots");
        assert!(moment.after.is_none() && moment.beyond > 2.0);
        let mut row = [0; 2];
        play_row(&schema.tables[1], 1, 0, &moment, &mut row);
        assert_eq!((row[0] as f32 / 16.0, row[1] as f32 / 16.0), there);
    }
}

//! The view: one world out of two, own rows from prediction and the rest from playout.

use super::predict::Predicted;
use crate::Seat;
use crate::snapshot::{Rows, Snapshot};
use crate::state::{Leaf, LeafKind, Schema, TableSchema};

/// A leaf that moves more than this part of its range from one tick to the next is not moved through:
/// something was put elsewhere.
const TELEPORT_PART: u32 = 8;

/// The others' world: two snapshots and how far between them the shown moment is.
pub(super) struct Played<'a> {
    pub(super) before: &'a Snapshot,
    pub(super) after: &'a Snapshot,
    pub(super) part: f32,
}

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
            (straight + circle / 2).rem_euclid(circle) - circle / 2
        }
        LeafKind::Number | LeafKind::Choice => straight,
    }
}

/// `value` moved by a fraction of steps, kept in range.
fn moved(leaf: &Leaf, value: u32, by: f32) -> u32 {
    let steps = libm::roundf(by) as i64;
    let sum = i64::from(value) + steps;
    let kept = match leaf.kind {
        LeafKind::Turn => sum.rem_euclid(i64::from(leaf.max) + 1),
        LeafKind::Number | LeafKind::Choice => sum.clamp(0, i64::from(leaf.max)),
    };
    u32::try_from(kept).unwrap_or(value)
}

pub(super) fn is_teleport(leaf: &Leaf, difference: i64) -> bool {
    leaf.kind == LeafKind::Number && difference.unsigned_abs() > u64::from(leaf.max / TELEPORT_PART)
}

/// A leaf between two ticks.
fn between(leaf: &Leaf, from: u32, to: u32, part: f32) -> u32 {
    if from == to || !leaf.marks.smooth {
        return from;
    }
    let way = difference(leaf, from, to);
    if is_teleport(leaf, way) { from } else { moved(leaf, from, way as f32 * part) }
}

fn blend_row(table: &TableSchema, from: &[u32], to: Option<&[u32]>, part: f32, out: &mut [u32]) {
    let to = to.unwrap_or(from);
    for ((out, leaf), (from, to)) in out.iter_mut().zip(&table.leaves).zip(from.iter().zip(to)) {
        *out = between(leaf, *from, *to, part);
    }
    table.blend_joint(from, to, part, out);
}

/// Fills `out` with the world at `part` (0 to 1) of the way from one snapshot to the next: the rows of `before`,
/// smooth fields moved.
pub fn blend(schema: &Schema, before: &Snapshot, after: &Snapshot, part: f32, out: &mut Snapshot) {
    out.copy_from(before);
    for (number, table) in schema.tables.iter().enumerate() {
        let rows = &mut out.tables[number];
        for (index, id) in before.tables[number].ids.iter().enumerate() {
            let row = &mut rows.wire[index * rows.width..(index + 1) * rows.width];
            blend_row(table, before.tables[number].row(index), after.tables[number].find(*id), part, row);
        }
    }
}

/// Fills `out` with what the player in `me` is to see.
pub(super) fn compose(
    schema: &Schema,
    me: Option<Seat>,
    played: &Played<'_>,
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
    played: &'a Played<'a>,
    predicted: &'a Predicted,
    rows: &'a mut Rows,
}

impl Merge<'_> {
    fn root(&mut self) {
        self.push(0, self.played.before.tables[0].row(0), |merge, row| merge.predicted_leaves(row));
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
                    self.push(b, before.row(b), |merge, row| merge.played_row(b, row));
                    b += 1;
                }
                (theirs, Some(ours)) => {
                    b += usize::from(theirs.is_some_and(|theirs| theirs.slot == ours.slot));
                    self.rows.push(*ours).copy_from_slice(now.row(n));
                    self.ease(n, |_, _| true);
                    n += 1;
                }
                (Some(_), None) => unreachable!("a row without a partner was handled above"),
            }
        }
    }

    fn push(&mut self, index: usize, row: &[u32], fill: impl FnOnce(&mut Self, &[u32])) {
        let id = self.played.before.tables[self.number].ids[index];
        self.rows.push(id);
        self.played_row(index, row);
        fill(self, row);
    }

    fn last(&mut self) -> &mut [u32] {
        let start = self.rows.wire.len() - self.rows.width;
        &mut self.rows.wire[start..]
    }

    fn played_row(&mut self, index: usize, from: &[u32]) {
        let id = self.played.before.tables[self.number].ids[index];
        let to = self.played.after.tables[self.number].find(id);
        let (table, part) = (self.table, self.played.part);
        blend_row(table, from, to, part, self.last());
    }

    /// In the root row each leaf goes its own way: some are mine, some everybody's, some another player's.
    fn predicted_leaves(&mut self, _: &[u32]) {
        let now = self.predicted.now.tables[self.number].row(0);
        for (index, leaf) in self.table.leaves.iter().enumerate() {
            if predicts_leaf(leaf, now, self.me) {
                self.last()[index] = now[index];
            }
        }
        let me = self.me;
        self.ease(0, |leaf, row| predicts_leaf(leaf, row, me));
    }

    /// Moves predicted leaves on towards the next tick, and by what is left of a correction.
    fn ease(&mut self, index: usize, predicts: impl Fn(&Leaf, &[u32]) -> bool) {
        let (predicted, number, table) = (self.predicted, self.number, self.table);
        let now = &predicted.now.tables[number];
        let (id, row) = (now.ids[index], now.row(index));
        let next = predicted.ahead.tables[number].find(id).unwrap_or(row);
        for (at, leaf) in table.leaves.iter().enumerate() {
            if !leaf.marks.smooth || !predicts(leaf, row) {
                continue;
            }
            let way = difference(leaf, row[at], next[at]);
            let stays = is_teleport(leaf, way) || table.is_replaced(at, row, next);
            let way = if stays { 0.0 } else { way as f32 * predicted.part };
            let eased = way + predicted.offset(number, id, at);
            self.last()[at] = moved(leaf, row[at], eased);
        }
        for first in table.smooth_rotations().filter(|first| predicts(&table.leaves[*first], row)) {
            let turned = table.rotation_between(first, row, next, predicted.part);
            for (at, (leaf, value)) in (first..).zip(table.leaves[first..].iter().zip(turned)) {
                // Corrections are relative to a component: they end where another becomes the largest.
                let offset = if turned[0] == row[first] { predicted.offset(number, id, at) } else { 0.0 };
                self.last()[at] = moved(leaf, value, offset);
            }
        }
    }
}

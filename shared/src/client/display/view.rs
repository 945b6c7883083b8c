//! The view: one world out of two, own rows from prediction and the rest from playout.

use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::predictor::Predicted;
use crate::id::{RowId, Seat};
use crate::state::{Leaf, Schema, TableSchema};
use crate::tick::Tick;
use crate::world::interpolation::{InterpolationSample, MotionSegment, difference, moved, play_row};
use crate::world::merge::{predicts_leaf, predicts_row};
use crate::world::snapshot::{Rows, Snapshot};

/// A row of ours that came out otherwise than predicted.
pub(crate) struct Corrected<'a> {
    pub(crate) number: usize,
    pub(crate) id: RowId,
    pub(crate) was: &'a [u32],
    pub(crate) is: &'a [u32],
}

impl Corrected<'_> {
    /// Whether a smooth leaf is far off because it was put elsewhere: itself or another axis of the same place is too far
    /// off for anything, or far for a tick, and the snapshots after the tick `since` say that it leapt.
    pub(crate) fn is_elsewhere(
        &self,
        table: &TableSchema,
        at: usize,
        interpolation: &InterpolationBuffer,
        since: Tick,
    ) -> bool {
        let field = Some(table.leaves[at].field());
        // Without a word about how fast it was, only what is too far for anything leaps.
        let segment = |earlier| MotionSegment { ends: (self.was, self.is), ticks: 1, earlier, part: 0.0 };
        let (unheard_of, as_from_rest) = (segment(None), segment(Some((self.was, 1))));
        if table.is_of_rotation(at) {
            // Its parts mean nothing alone.
            return false;
        }
        if unheard_of.leaps(table, field) {
            return true;
        }
        let leapt = |tick: u32| {
            let moment = interpolation.moment_at(f64::from(tick)).filter(|moment| moment.before.tick == Tick(tick))?;
            let index = moment.before.tables[self.number].ids.binary_search(&self.id).ok()?;
            Some(MotionSegment::of(self.number, index, &moment)?.leaps(table, field))
        };
        as_from_rest.leaps(table, field)
            && (since.0..interpolation.newest_tick().0).any(|tick| leapt(tick) == Some(true))
    }
}

/// Fills `out` with what the player in `me` is to see.
pub(crate) fn compose(
    schema: &Schema,
    me: Option<Seat>,
    played: &InterpolationSample<'_>,
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
    played: &'a InterpolationSample<'a>,
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
        let segment = MotionSegment { ends: (row, next), ticks: 1, earlier, part: predicted.part };
        let leaps = number > 0 && segment.leaps(table, None);
        for at in table.smooth.iter().copied() {
            let leaf = &table.leaves[at];
            if !predicts(leaf, row) {
                continue;
            }
            let stays = leaps || segment.leaps_at(table, at) || table.is_replaced(at, row, next);
            let way = if stays { 0.0 } else { difference(leaf, row[at], next[at]) as f32 * segment.part };
            let eased = way + predicted.offset(number, id, at);
            self.last()[at] = moved(leaf, row[at], eased);
        }
        let part = if leaps { 0.0 } else { segment.part };
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

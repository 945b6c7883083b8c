//! The view: one world out of two, own rows from prediction and the rest from interpolation.
//!
//! Own rows are shown between the newest predicted tick and the one after it (if the input stays as it is), moved by
//! what is left of corrections. Looking one tick ahead instead of interpolating one tick back makes own things answer a
//! tick earlier; when the input changes, it costs a fraction of a tick's movement.
//!
//! A leap is not shown as movement: a leaf that jumps farther than it could have moved stays where it is until the tick
//! in which it is elsewhere. All leaves of a row wait together, because half a teleport is a place where nothing was.

use crate::client::prediction::predictor::Predicted;
use crate::id::Seat;
use crate::state::{Leaf, Schema, TableSchema};
use crate::world::interpolation::{InterpolationSample, MotionSegment, difference, moved, play_row};
use crate::world::merge::{Layer, merge_predicted, predicts_leaf};
use crate::world::snapshot::{Rows, Snapshot};

/// Fills `out` with what the player in `me` is to see: others as `sample` has them, own things as predicted.
pub(crate) fn compose(
    schema: &Schema,
    me: Option<Seat>,
    sample: &InterpolationSample<'_>,
    predicted: &Predicted,
    out: &mut Snapshot,
) {
    out.tick = predicted.now.tick;
    out.tables.resize_with(schema.tables.len(), Rows::default);
    for (number, table) in schema.tables.iter().enumerate() {
        let easing = Easing { number, table, me, predicted };
        let (own, others) = (&predicted.now.tables[number], &sample.before.tables[number]);
        let rows = &mut out.tables[number];
        merge_predicted(table, me, own, others, rows, |layer, row| match layer {
            Layer::Other(index) => play_row(table, number, index, sample, row),
            Layer::Own(index) => {
                row.copy_from_slice(own.row(index));
                easing.ease(index, row);
            }
        });
        if number == 0 {
            easing.ease(0, rows.row_mut(0));
        }
    }
}

/// How the predicted rows of a table are shown.
struct Easing<'a> {
    number: usize,
    table: &'a TableSchema,
    me: Option<Seat>,
    predicted: &'a Predicted,
}

impl Easing<'_> {
    /// Moves the predicted leaves of a row on towards the next tick, and by what is left of a correction: those of the
    /// world's own row that are predicted, and all of another.
    fn ease(&self, index: usize, out: &mut [u32]) {
        let Self { number, table, me, predicted } = *self;
        let predicts = |leaf: &Leaf, row: &[u32]| number > 0 || predicts_leaf(leaf, row, me);
        let now = &predicted.now.tables[number];
        let (id, row) = (now.ids[index], now.row(index));
        let next = predicted.ahead.tables[number].find_near(index, id).unwrap_or(row);
        if next == row && predicted.corrections.is_empty() {
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
            out[at] = moved(leaf, row[at], way + predicted.corrections.offset(number, id, at));
        }
        let part = if leaps { 0.0 } else { segment.part };
        for first in table.smooth_rotations().filter(|first| predicts(&table.leaves[*first], row)) {
            let turned = table.rotation_between(first, row, next, part);
            for (at, (leaf, value)) in (first..).zip(table.leaves[first..].iter().zip(turned)) {
                // Corrections are relative to a component: they end where another becomes the largest.
                let is_same = turned[0] == row[first];
                let offset = if is_same { predicted.corrections.offset(number, id, at) } else { 0.0 };
                out[at] = moved(leaf, value, offset);
            }
        }
    }
}

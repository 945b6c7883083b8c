//! Own rows over others: which rows and leaves a player's machine predicts, and what the player sees therefore.

use crate::id::Seat;
use crate::state::{Leaf, TableSchema};
use crate::world::snapshot::Rows;
use core::cmp::Ordering;

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

/// Where a row of a merged table comes from, by its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// What the player's own machine predicts.
    Own(usize),
    /// What is shown of others.
    Other(usize),
}

/// Fills `out` with a table as the player in `me` sees it: the rows that they predict as they are in `own`, the rest as
/// they are in `others`, in slot order. In the world's own row each leaf goes its own way. `fill` is given each row's
/// origin and place.
///
/// This is the one place that says what a player sees: the screen is made by it, and the server judges shots by it.
pub(crate) fn merge_predicted(
    table: &TableSchema,
    me: Option<Seat>,
    own: &Rows,
    others: &Rows,
    out: &mut Rows,
    mut fill: impl FnMut(Layer, &mut [u32]),
) {
    out.clear();
    out.width = table.leaves.len();
    if table.name.is_empty() {
        let row = out.push(others.ids[0]);
        fill(Layer::Other(0), row);
        let now = own.row(0);
        let predicted = |(index, _): &(usize, &mut u32)| predicts_leaf(&table.leaves[*index], now, me);
        return row.iter_mut().enumerate().filter(predicted).for_each(|(index, value)| *value = now[index]);
    }
    let predicts = |rows: &Rows, index: usize| predicts_row(table, rows.row(index), me);
    let mut mine = (0..own.ids.len()).filter(|index| predicts(own, *index)).peekable();
    let mut theirs = (0..others.ids.len()).filter(|index| !predicts(others, *index)).peekable();
    loop {
        let order = match (mine.peek(), theirs.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(mine), Some(theirs)) => own.ids[*mine].slot.cmp(&others.ids[*theirs].slot),
        };
        // In a slot that has changed hands, the own row is the newer one.
        let other = if order.is_lt() { None } else { theirs.next() };
        let (id, layer) = match (if order.is_gt() { None } else { mine.next() }, other) {
            (Some(index), _) => (own.ids[index], Layer::Own(index)),
            (None, Some(index)) => (others.ids[index], Layer::Other(index)),
            (None, None) => return,
        };
        fill(layer, out.push(id));
    }
}

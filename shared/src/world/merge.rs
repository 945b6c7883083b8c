//! Which rows and leaves a player's own machine predicts.

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

/// Fills `out` with a table as the player in `me` saw it: what they predict as it is in `newest`, the rest as it was
/// `played`.
pub(crate) fn merge_predicted(table: &TableSchema, me: Seat, newest: &Rows, played: &Rows, out: &mut Rows) {
    if table.name.is_empty() {
        out.copy_from(played);
        let now = newest.row(0);
        let predicted = |(index, _): &(usize, &mut u32)| predicts_leaf(&table.leaves[*index], now, Some(me));
        out.wire.iter_mut().enumerate().filter(predicted).for_each(|(index, value)| *value = now[index]);
    } else if table.marks.predict {
        out.copy_from(newest);
    } else if table.owner.is_some() {
        merge(table, me, newest, played, out);
    } else {
        out.copy_from(played);
    }
}

/// Own rows as they are in `newest`, the others as they are in `shown`, in slot order.
fn merge(table: &TableSchema, me: Seat, newest: &Rows, shown: &Rows, out: &mut Rows) {
    let mine = |rows: &Rows, index: usize| predicts_row(table, rows.row(index), Some(me));
    let own = || (0..newest.ids.len()).filter(|index| mine(newest, *index));
    let replaced = || (0..shown.ids.len()).filter(|index| mine(shown, *index));
    if own().map(|index| newest.ids[index]).eq(replaced().map(|index| shown.ids[index])) {
        // Mostly none of them came or went.
        out.copy_from(shown);
        own().zip(replaced()).for_each(|(now, then)| out.row_mut(then).copy_from_slice(newest.row(now)));
        return;
    }
    out.clear();
    out.width = shown.width;
    let mut own = own().peekable();
    let mut others = (0..shown.ids.len()).filter(|index| !mine(shown, *index)).peekable();
    loop {
        let order = match (own.peek(), others.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(own), Some(other)) => newest.ids[*own].slot.cmp(&shown.ids[*other].slot),
        };
        // In a slot that has changed hands, the own row is the newer one.
        let other = if order.is_lt() { None } else { others.next() };
        let (rows, index) = match (if order.is_gt() { None } else { own.next() }, other) {
            (Some(index), _) => (newest, index),
            (None, Some(index)) => (shown, index),
            (None, None) => return,
        };
        out.push(rows.ids[index]).copy_from_slice(rows.row(index));
    }
}

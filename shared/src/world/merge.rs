//! The merge of own rows with the rows of others: it decides which rows and leaves a player sees as predicted.
//!
//! # Why there is one function for it
//!
//! A client draws its picture from two worlds: its prediction of the present, and the interpolated world of a moment
//! ago. A room that judges a shot must take the same rows from the same side. If the two sides ever chose differently,
//! a shot that is aimed well on screen would miss in the room, and no test of either side alone would show it. So both
//! call [`merge_predicted`], and differ only in how they fill a row: the client eases and moves it, and the room copies
//! it.
//!
//! # Leaves that are predicted apart from their row
//!
//! A row may have fields that every client predicts, and structs with an owner of their own, and so has the world's own
//! row. The other leaves of such a row are shown as they were a moment ago, and these leaves as they are in the present,
//! if the row is still there.
//!
//! # Rows that are in both worlds, or in neither
//!
//! Ownership is read from the row itself, on each side from the row of that side: from a predicted row in the present,
//! from any other row at the moment of the view. A thing that the player has just taken therefore appears on both
//! sides, as an own row and as another's, and the own row wins. A thing that the player has just given away appears on
//! neither side until the shown moment reaches the change. In a slot that went to a new row meanwhile, the own row wins
//! as well, because it is from the later world.

use crate::id::Seat;
use crate::state::{Leaf, Schema, TableSchema, Visibility};
use crate::world::snapshot::{Rows, Snapshot};
use core::cmp::Ordering;

/// The value of an owner leaf that stands for this seat; for a spectator, a value that no owner leaf has.
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

/// Whether a row belongs to a player other than this client's.
pub(crate) fn belongs_to_other(table: &TableSchema, row: &[u32], me: Option<Seat>) -> bool {
    // The world's own row belongs to nobody as a whole.
    let owner = table.owner.filter(|_| !table.name.is_empty());
    owner.is_some_and(|owner| row[owner] != 0 && row[owner] != owner_value(me))
}

/// Whether this client receives a leaf of a row that it sees.
pub(crate) fn receives_leaf(leaf: &Leaf, row: &[u32], me: Option<Seat>) -> bool {
    match leaf.marks.visibility {
        Visibility::All => true,
        Visibility::Owner => leaf.owner.is_some_and(|owner| row[owner] == owner_value(me)),
        Visibility::Server => false,
    }
}

/// The part of a room's world that this client holds, put into `out`: the rows and leaves that it receives. All other
/// leaves are zero.
pub(crate) fn receive_world(schema: &Schema, me: Option<Seat>, world: &Snapshot, out: &mut Snapshot) {
    out.tick = world.tick;
    for (number, table) in schema.tables.iter().enumerate() {
        let (from, kept) = (&world.tables[number], &mut out.tables[number]);
        kept.clear();
        for (index, id) in from.ids.iter().enumerate() {
            let row = from.row(index);
            let receives = |leaf: &Leaf| receives_leaf(leaf, row, me);
            // The world's own row is there for everyone.
            if number == 0 || table.leaves.iter().any(receives) {
                let leaves = table.leaves.iter().zip(row).zip(kept.push(*id));
                leaves.filter(|((leaf, _), _)| receives(leaf)).for_each(|((_, value), out)| *out = *value);
            }
        }
    }
}

/// Whether this client shows a leaf of a row as it predicts it, and is told the truth by the next snapshot. The world's
/// own row is not predicted as a whole.
#[inline]
pub(crate) fn shows_predicted(table: &TableSchema, leaf: &Leaf, row: &[u32], me: Option<Seat>) -> bool {
    let of_row = !table.name.is_empty() && predicts_row(table, row, me);
    (of_row || predicts_leaf(leaf, row, me)) && receives_leaf(leaf, row, me)
}

/// Whether a client may predict a leaf in a row that it does not predict as a whole: the leaf of a field with `predict`, or
/// of a struct that has an owner of its own. The world's own row belongs to nobody as a whole.
fn is_apart(table: &TableSchema, leaf: &Leaf) -> bool {
    let of_row = table.owner.filter(|_| !table.name.is_empty());
    leaf.marks.predict || (leaf.owner.is_some() && leaf.owner != of_row)
}

/// Whether a table has leaves that a client may predict apart from their row.
pub(crate) fn has_leaves_apart(table: &TableSchema) -> bool {
    table.leaves.iter().any(|leaf| is_apart(table, leaf))
}

/// The world that a row of a merged table comes from, and the row's index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The world of the present, as the player's own machine predicts it.
    Own(usize),
    /// The world in which others are shown, as it was a moment ago.
    Other(usize),
    /// The world of the present for some leaves of the row that was just filled from the other world: these leaves are
    /// in place already.
    Leaves(usize),
}

/// Fills `out` with a table as the player in `me` sees it, in slot order: the rows that the player predicts as they are
/// in `own`, and the rest as they are in `others`, but for the leaves that are predicted apart from their row. `fill` is
/// given the origin of each row and the place to fill.
///
/// This is the one place that decides what a player sees: the screen is made by it, and the server judges shots by it.
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
    let has_leaves_apart = has_leaves_apart(table);
    // The world's own row is never predicted as a whole.
    let predicts = |rows: &Rows, index: usize| !table.name.is_empty() && predicts_row(table, rows.row(index), me);
    let mut mine = (0..own.ids.len()).filter(|index| predicts(own, *index)).peekable();
    let mut theirs = (0..others.ids.len()).filter(|index| !predicts(others, *index)).peekable();
    loop {
        let order = match (mine.peek(), theirs.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(mine), Some(theirs)) => own.ids[*mine].slot.cmp(&others.ids[*theirs].slot),
        };
        // If both worlds have a row for the slot, it has changed hands, and the own row is the newer one.
        let other = if order.is_lt() { None } else { theirs.next() };
        let (id, layer) = match (if order.is_gt() { None } else { mine.next() }, other) {
            (Some(index), _) => (own.ids[index], Layer::Own(index)),
            (None, Some(index)) => (others.ids[index], Layer::Other(index)),
            (None, None) => return,
        };
        let row = out.push(id);
        fill(layer, row);
        if has_leaves_apart
            && let Layer::Other(_) = layer
            && let Ok(index) = own.ids.binary_search(&id)
        {
            lay_leaves(table, me, own.row(index), row);
            fill(Layer::Leaves(index), row);
        }
    }
}

/// Puts the leaves that are predicted apart from their row into the row, as they are in the present.
fn lay_leaves(table: &TableSchema, me: Option<Seat>, now: &[u32], row: &mut [u32]) {
    for (at, leaf) in table.leaves.iter().enumerate().filter(|(_, leaf)| is_apart(table, leaf)) {
        if predicts_leaf(leaf, now, me) {
            row[at] = now[at];
        }
    }
}

//! Spawn adoption: which predicted row became which row of the server, so that a shot appears at once and never twice.
//!
//! A predicted row has an id of its own, by the tick in which it came to be. When the server's row comes, under the
//! server's id, the two are one: matched by table, owner and order of creation. So are two predictions of one spawn, a
//! tick or two apart, when an input came late.
//!
//! # Why rows are matched at all
//!
//! A client cannot know the id that the server will give to a spawn: the id names a free slot of the table, and no
//! snapshot shows which slots are free. It cannot guess the slot either, because another player's row may take it
//! meanwhile. So a predicted row takes a slot from a range of its own, and its slot and generation name the tick and
//! the order of the spawn: each replay of the same spawn gives the same id. The server does not say which prediction a
//! row belongs to; that would cost bytes in every new row.
//!
//! # How rows are matched
//!
//! Two predictions of the same tick are compared: the last one and the one that was just replayed from a newer
//! snapshot. A row that is in the last one alone, under a predicted id, is *gone*. An own row that is in the new one
//! alone looks for the gone row that is nearest in time, among those of its table and owner; of two that are equally
//! near, the older one is taken, because most spawns are confirmed in the order in which they were made. Before that,
//! rows are matched that are the same in every field, as they are after a right prediction: a room draws the slots of
//! hidden rows, and then the order of their ids is not that of the spawns.
//!
//! The time of a row under a predicted id is in its id. The time of a row of the server is known only as a span: it was
//! not in the snapshot that the last prediction started from, and it is in the snapshot that the new one starts from.
//! The distance of a prediction from it is the distance from that span, and 0 within.
//!
//! A row that was in the snapshot before is never a spawn, even if the last prediction did not have it: the client
//! had predicted its end, and the server disagrees. A gone row without a match was *refused*: the server's world has no
//! such spawn, and the prediction was wrong.
//!
//! A wrong match does little harm. The world is the replayed one in any case; a match only decides from
//! where a row is eased on screen, under which id a page sees it, and whether the prediction counts as wrong.

use crate::id::{RowId, Seat};
use crate::state::{Schema, TableSchema};
use crate::tick::Tick;
use crate::world::merge::predicts_row;
use crate::world::snapshot::{Rows, Snapshot};
use alloc::vec::Vec;

/// Ticks by which a spawn may be later or earlier than predicted; beyond them it is taken for another spawn.
const SHIFT_TICKS_MAX: i64 = 8;

/// The own rows of the snapshot that a prediction starts from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    pub(crate) tick: Tick,
    /// Table and id, in order.
    pub(crate) rows: Vec<(usize, RowId)>,
}

impl Base {
    /// Remembers the own rows of `world`.
    pub(crate) fn remember(&mut self, schema: &Schema, me: Option<Seat>, world: &Snapshot) {
        self.tick = world.tick;
        self.rows.clear();
        for (number, (table, rows)) in schema.tables.iter().zip(&world.tables).enumerate().skip(1) {
            let mine = (0..rows.ids.len()).filter(|index| predicts_row(table, rows.row(*index), me));
            self.rows.extend(mine.map(|index| (number, rows.ids[index])));
        }
    }
}

/// The outcome for the predicted rows of one table.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// Index of each predicted row that was matched, and the id that it has now.
    pub(crate) pairs: Vec<(usize, RowId)>,
    /// Whether a predicted row was refused: the new prediction has no row for it.
    pub(crate) refused: bool,
}

impl Adopted {
    /// The predicted row that became the one with this id.
    pub(crate) fn parent(&self, id: RowId) -> Option<usize> {
        self.pairs.iter().find(|(_, known)| *known == id).map(|(index, _)| *index)
    }
}

/// Matches the rows of the last prediction that are gone with the rows of the new prediction that were not in the last
/// one. The last prediction starts from the first of the two `bases`, the new one from the tick of the second.
pub(crate) fn adopt(
    (number, table): (usize, &TableSchema),
    me: Option<Seat>,
    (old, new): (&Rows, &Rows),
    bases: (&Base, Tick),
) -> Adopted {
    let mut adopted = Adopted::default();
    let near = bases.1;
    let gone = |index: &usize| old.ids[*index].predicted_in(near).is_some() && new.find(old.ids[*index]).is_none();
    let mut gone: Vec<usize> = (0..old.ids.len()).filter(gone).collect();
    if gone.is_empty() {
        return adopted;
    }
    let owner = |row: &[u32]| table.owner.map(|owner| row[owner]);
    for turn in 0..2 * new.ids.len() {
        let (is_equal, index) = (turn < new.ids.len(), turn % new.ids.len());
        let (id, row) = (new.ids[index], new.row(index));
        // A row that was in the last base, and was predicted to be gone by now, comes from no predicted spawn.
        let known = |(table, known): &(usize, RowId)| (*table, known.slot).cmp(&(number, id.slot));
        let at = bases.0.rows.binary_search_by(known);
        let is_old = old.find(id).is_some() || at.is_ok_and(|at| bases.0.rows[at].1 == id);
        if is_old || !predicts_row(table, row, me) || adopted.parent(id).is_some() {
            continue;
        }
        let shift = |at: &usize| {
            let tick = old.ids[gone[*at]].predicted_in(near)?;
            let shift = match id.predicted_in(near) {
                Some(predicted) => predicted.since(tick).abs(),
                // The server made the row at some tick after the last base, and not after the new one.
                None => (bases.0.tick.next().since(tick)).max(tick.since(bases.1)).max(0),
            };
            let was = old.row(gone[*at]);
            let fits = owner(was) == owner(row) && (was == row || !is_equal);
            (shift <= SHIFT_TICKS_MAX && fits).then_some(shift)
        };
        let nearest = (0..gone.len()).filter_map(|at| Some((shift(&at)?, at))).min();
        if let Some((_, at)) = nearest {
            adopted.pairs.push((gone.remove(at), id));
        }
    }
    adopted.refused = !gone.is_empty();
    adopted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{State, Table};

    #[derive(State, Clone, Default)]
    struct World {
        shots: Table<Shot>,
    }

    #[derive(State, Clone, Default)]
    struct Shot {
        #[state(owner)]
        seat: Option<Seat>,
        at: u8,
    }

    /// Rows of seat 0 with these ids, in slot order, and these places.
    fn rows(rows: &[(RowId, u32)]) -> Rows {
        let mut found = Rows::new(2);
        rows.iter().for_each(|(id, at)| found.push(*id).copy_from_slice(&[1, *at]));
        found
    }

    /// The ids that the predicted rows of `old` have in `new`, of which the server made those that are not predicted.
    fn adopted(old: &[(RowId, u32)], new: &[(RowId, u32)]) -> Vec<(usize, RowId)> {
        let (schema, base) = (Schema::of::<World>(), Base { tick: Tick(4), rows: Vec::new() });
        let found = adopt((1, &schema.tables[1]), Seat::new(0), (&rows(old), &rows(new)), (&base, Tick(6)));
        assert!(!found.refused);
        found.pairs
    }

    fn predicted(tick: u32) -> RowId {
        RowId::provisional(Tick(tick), 0).expect("it is the first of its tick")
    }

    const fn made(slot: u16) -> RowId {
        RowId { slot, generation: 9 }
    }

    #[test]
    fn a_row_adopts_the_prediction_that_equals_it_in_whatever_order_ids_were_drawn() {
        let old = [(predicted(5), 50), (predicted(6), 60)];
        assert_eq!(adopted(&old, &[(made(2), 60), (made(8), 50)]), [(1, made(2)), (0, made(8))]);
        assert_eq!(adopted(&old, &[(made(2), 50), (made(8), 60)]), [(0, made(2)), (1, made(8))]);
        // The first row is not as predicted, and must leave the other one its prediction.
        assert_eq!(adopted(&old, &[(made(2), 7), (made(8), 50)]), [(0, made(8)), (1, made(2))]);
    }

    #[test]
    fn predictions_that_equal_nothing_are_adopted_in_the_order_of_their_spawns() {
        let old = [(predicted(5), 50), (predicted(6), 60)];
        assert_eq!(adopted(&old, &[(made(2), 51), (made(8), 61)]), [(0, made(2)), (1, made(8))]);
    }
}

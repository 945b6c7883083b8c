//! Which predicted spawn became which row: so that a shot appears at once and never twice.
//!
//! A predicted row has an id of its own, by the tick in which it came to be. When the server's row comes, under the
//! server's id, the two are one: matched by table, owner and order of creation. So are two predictions of what is
//! one spawn, a tick or two apart, when an input came late.

use crate::id::{RowId, Seat};
use crate::state::{Schema, State, TableSchema, TableVisitor};
use crate::table::Table;
use crate::tick::Tick;
use crate::world::merge::predicts_row;
use crate::world::snapshot::{Rows, Snapshot};
use alloc::vec::Vec;

/// A spawn that comes later or earlier than predicted by more ticks is another one.
const SHIFT_TICKS_MAX: i64 = 8;

/// Tells every table which tick is predicted next.
pub(crate) struct Provision(pub(crate) Tick);

impl TableVisitor for Provision {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        table.predict(self.0);
    }
}

/// What is ours in the world that a prediction starts from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    pub(crate) tick: Tick,
    /// Table and id, in order.
    pub(crate) rows: Vec<(usize, RowId)>,
}

impl Base {
    pub(crate) fn remember(&mut self, schema: &Schema, me: Option<Seat>, world: &Snapshot) {
        self.tick = world.tick;
        self.rows.clear();
        for (number, (table, rows)) in schema.tables.iter().zip(&world.tables).enumerate().skip(1) {
            let mine = (0..rows.ids.len()).filter(|index| predicts_row(table, rows.row(*index), me));
            self.rows.extend(mine.map(|index| (number, rows.ids[index])));
        }
    }
}

/// What became of one table's predicted rows.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// Index of the predicted row, and the id that it has now.
    pub(crate) pairs: Vec<(usize, RowId)>,
    /// Whether a predicted row came to nothing.
    pub(crate) refused: bool,
}

impl Adopted {
    /// The predicted row that became the one with this id.
    pub(crate) fn parent(&self, id: RowId) -> Option<usize> {
        self.pairs.iter().find(|(_, known)| *known == id).map(|(index, _)| *index)
    }
}

/// Matches rows of the last prediction that are gone with rows of the new one that were not there. The new one
/// starts from the tick of the second of the two `bases`, the last one from the first.
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
    for (index, id) in new.ids.iter().enumerate() {
        let row = new.row(index);
        // A row that was there before, and was predicted to be gone by now, is nobody's child.
        let known = |(table, known): &(usize, RowId)| (*table, known.slot).cmp(&(number, id.slot));
        let at = bases.0.rows.binary_search_by(known);
        let is_old = old.find(*id).is_some() || at.is_ok_and(|at| bases.0.rows[at].1 == *id);
        if is_old || !predicts_row(table, row, me) {
            continue;
        }
        let shift = |at: &usize| {
            let tick = old.ids[gone[*at]].predicted_in(near)?;
            let shift = match id.predicted_in(near) {
                Some(predicted) => predicted.since(tick).abs(),
                // New on the server at some tick after the last base.
                None => (bases.0.tick.next().since(tick)).max(tick.since(bases.1)).max(0),
            };
            (shift <= SHIFT_TICKS_MAX && owner(old.row(gone[*at])) == owner(row)).then_some(shift)
        };
        let nearest = (0..gone.len()).filter_map(|at| Some((shift(&at)?, at))).min();
        if let Some((_, at)) = nearest {
            adopted.pairs.push((gone.remove(at), *id));
        }
    }
    adopted.refused = !gone.is_empty();
    adopted
}

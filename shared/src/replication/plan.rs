//! The plan of a topic: what its coder must know of each table, flat and in the order of coding.
//!
//! Every decision of the coder has a context, a place of its own in one long row of chances; the plan says which.

use crate::state::{Group, Leaf, LeafKind, Motion, Schema, Slide, TableSchema};
use crate::wire::Chance;
use crate::world::snapshot::Topic;
use alloc::vec::Vec;
use core::ops::Range;

/// Contexts of whether a row is as expected: owned or not, after one that was or was not.
const ROW_CHANGED_CONTEXTS: usize = 4;

/// Contexts of whether what does not drive a row is as expected: when what drives it is, and when it is not.
const REST_CHANGED_CONTEXTS: usize = 2;

/// The contexts of a row as such.
const ROW_CONTEXTS: usize = ROW_CHANGED_CONTEXTS + REST_CHANGED_CONTEXTS;

/// Bits of counts, gaps and generations.
pub(super) const COUNT_BITS: u32 = 16;

/// Choices among at most so many bits' worth are learnt value by value.
const TREE_BITS_MAX: u32 = 3;

/// The context of a leaf that differs from what was expected; the ones after it say how.
const LEAF_CHANGED: usize = 0;
/// The context of a new row's leaf that differs from the last new row's.
pub(super) const LEAF_FRESH: usize = 1;
/// The first of the contexts that say how a leaf differs.
pub(super) const LEAF_VALUE: usize = 2;

/// How a leaf that is not what was expected is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It has two values: it is the other one.
    Toggle,
    /// One of a few values.
    Tree,
    /// One of many values that are not near each other.
    Raw,
    /// How far off it is.
    Residual,
}

/// One leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafPlan {
    pub(super) leaf: usize,
    pub(super) max: u32,
    pub(super) bits: u32,
    pub(super) kind: LeafKind,
    pub(super) motion: Motion,
    pub(super) form: Form,
    pub(super) contexts: usize,
    /// Whether it is the first leaf that the topic shows of a field that a function moves: all are moved with it.
    pub(super) leads: bool,
}

/// What matters of a leaf in rows that are as expected, which are most of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct StableMask {
    /// Its factor in the hash of the row; 0 when the topic does not show it.
    pub(super) key: u64,
    /// The bits in which it must not have changed: all if it stays, none if others move it or it is not shown.
    pub(super) stays: u32,
}

/// A leaf that another one moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlidePlan {
    pub(super) leaf: usize,
    pub(super) slide: Slide,
    /// The bits in which two places must agree to be the same.
    pub(super) wraps: u64,
    pub(super) max: u32,
    pub(super) kind: LeafKind,
}

/// One table.
#[derive(Debug, Clone)]
pub(super) struct TablePlan {
    pub(super) number: usize,
    pub(super) leaves: Vec<LeafPlan>,
    /// How many of the first leaves drive others. Where there are any, what changes in a row is mostly these, and
    /// what the rest is like is asked at once.
    pub(super) drivers: usize,
    /// Per leaf of the row, what the coder asks of it in every row.
    pub(super) stable_masks: Vec<StableMask>,
    /// The leaves that others move.
    pub(super) slides: Vec<SlidePlan>,
    pub(super) groups: Vec<Group>,
    /// The leaf that says whose the row is, if the topic shows it: owned rows behave differently.
    pub(super) owner: Option<usize>,
    /// Whether rows have leaves that the coder would see and the topic may not show, or not to everyone.
    pub(super) hides: bool,
    /// The first of the row's contexts.
    rows: usize,
}

impl TablePlan {
    /// The context of a row that is not as expected. Neighbours are alike, and so are rows of players.
    #[inline]
    pub(super) const fn row_changed(&self, owned: bool, last_changed: bool) -> usize {
        self.rows + (((owned as usize) << 1) | last_changed as usize)
    }

    /// The context of the leaves after the drivers, any of which may not be as expected.
    #[inline]
    pub(super) const fn rest_changed(&self, drivers_changed: bool) -> usize {
        self.rows + ROW_CHANGED_CONTEXTS + drivers_changed as usize
    }

    /// The contexts of the number of new rows, of the gap before one, and of its generation.
    pub(super) const fn fresh_counts(&self) -> [usize; 3] {
        let first = self.rows + ROW_CONTEXTS;
        [first, first + number_contexts(COUNT_BITS), first + 2 * number_contexts(COUNT_BITS)]
    }
}

/// Numbers below this are told in a fixed number of decisions, the others by how much larger they are. A loop whose end
/// depends on the number costs more than its decisions do: no processor foresees where it ends.
pub(super) const LARGE: u32 = (1 << SMALL_BITS) - 1;

/// How many decisions these are.
pub(super) const SMALL_BITS: u32 = 3;

/// Contexts of a number of so many bits: which small one it is, or by how much it is larger.
pub(super) const fn number_contexts(bits: u32) -> usize {
    LARGE as usize + bits as usize + mantissa_contexts(bits)
}

const fn mantissa_contexts(bits: u32) -> usize {
    mantissa_tree(bits + 1).0
}

/// Where the contexts of the bits after a number's leading one start, and of how many of these bits there are any:
/// short ones are learnt whole, of long ones the highest two bits.
pub(super) const fn mantissa_tree(length: u32) -> (usize, u32) {
    match length {
        0 | 1 => (0, length),
        2 => (1, 2),
        3 => (4, 3),
        _ => (11 + 3 * (length as usize - 4), 2),
    }
}

impl LeafPlan {
    fn of(index: usize, leaf: &Leaf, contexts: usize) -> Self {
        let form = match leaf.kind {
            _ if leaf.max <= 1 => Form::Toggle,
            LeafKind::Choice if leaf.bits <= TREE_BITS_MAX => Form::Tree,
            LeafKind::Choice => Form::Raw,
            LeafKind::Number | LeafKind::Turn => Form::Residual,
        };
        let Leaf { max, bits, kind, motion, .. } = *leaf;
        Self { leaf: index, max, bits, kind, motion, form, contexts, leads: false }
    }

    fn slide(&self) -> Option<SlidePlan> {
        let Motion::By(slide) = self.motion else { return None };
        let wraps = match self.kind {
            LeafKind::Turn => u64::from(self.max),
            LeafKind::Number | LeafKind::Choice => u64::MAX,
        };
        Some(SlidePlan { leaf: self.leaf, slide, wraps, max: self.max, kind: self.kind })
    }

    fn context_count(&self) -> usize {
        LEAF_VALUE
            + match self.form {
                Form::Toggle | Form::Raw => 0,
                Form::Tree => 1 << self.bits,
                // A sign, then how far.
                Form::Residual => 1 + number_contexts(self.bits),
            }
    }

    pub(super) const fn changed(&self) -> usize {
        self.contexts + LEAF_CHANGED
    }
}

/// What a context's decisions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Whether a row is as expected.
    Row,
    /// Which rows are new, and whether what does not drive a row is as expected.
    Rows,
    /// Whether a leaf of a disturbed row is as expected.
    Leaf(usize),
    /// What a leaf is.
    Value(usize),
}

/// What encoders and mirrors of a world must know of its shape, flat and in the order of coding: made once, and
/// shared by all rooms of a game.
#[derive(Debug, Clone)]
pub struct Plan {
    room: Vec<TablePlan>,
    seat: Vec<TablePlan>,
    /// Contexts of the room's topic; those of seats' topics follow.
    room_contexts: usize,
    /// What chances are before anything was learnt.
    pub(super) untrained: Vec<Chance>,
}

impl Plan {
    /// The plan of worlds of this shape.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        let mut plan = Self { room: Vec::new(), seat: Vec::new(), room_contexts: 0, untrained: Vec::new() };
        plan.room = plan.tables(schema, |table| &table.public, false);
        plan.room_contexts = plan.untrained.len();
        plan.seat = plan.tables(schema, |table| &table.private, true);
        plan
    }

    fn tables(&mut self, schema: &Schema, leaves: fn(&TableSchema) -> &[usize], is_own: bool) -> Vec<TablePlan> {
        let tables = schema.tables.iter().enumerate().filter(|(_, table)| !leaves(table).is_empty());
        tables.map(|(number, table)| self.table(number, table, leaves(table), is_own)).collect()
    }

    fn table(&mut self, number: usize, table: &TableSchema, order: &[usize], is_own: bool) -> TablePlan {
        let rows = self.untrained.len();
        self.add(ROW_CONTEXTS, Chance::of_no(30_000));
        self.add(3 * number_contexts(COUNT_BITS), Chance::EVEN);
        let mut leaves: Vec<LeafPlan> = order.iter().map(|index| self.leaf(*index, &table.leaves[*index])).collect();
        for place in 0..leaves.len() {
            let (before, rest) = leaves.split_at_mut(place);
            let plan = &mut rest[0];
            plan.leads = matches!(plan.motion, Motion::With(_)) && before.iter().all(|past| past.motion != plan.motion);
        }
        let mut stable_masks = alloc::vec![StableMask { key: 0, stays: 0 }; table.leaves.len()];
        for plan in &leaves {
            let stays = if plan.motion == Motion::Hold { u32::MAX } else { 0 };
            stable_masks[plan.leaf] = StableMask { key: table.keys[plan.leaf], stays };
        }
        let slides = leaves.iter().filter_map(LeafPlan::slide).collect();
        let is_whole = order.len() == table.leaves.len();
        let owner = table.owner.filter(|owner| order.contains(owner));
        let groups = if leaves.iter().any(|plan| plan.leads) { table.groups.clone() } else { Vec::new() };
        let hides = is_own || (!groups.is_empty() && !is_whole);
        let drives = |plan: &&LeafPlan| plan.motion == Motion::Hold && table.drives(plan.leaf);
        let drivers = leaves.iter().take_while(drives).count();
        TablePlan { number, leaves, drivers, stable_masks, slides, groups, owner, hides, rows }
    }

    fn leaf(&mut self, index: usize, leaf: &Leaf) -> LeafPlan {
        let plan = LeafPlan::of(index, leaf, self.untrained.len());
        self.add(LEAF_VALUE, Chance::of_no(24_000));
        self.add(plan.context_count() - LEAF_VALUE, Chance::EVEN);
        plan
    }

    fn add(&mut self, count: usize, chance: Chance) {
        self.untrained.extend(core::iter::repeat_n(chance, count));
    }

    /// Per context the table that it belongs to, and what it is about. Not kept: only who looks for bytes asks.
    pub(super) fn about(&self) -> Vec<(usize, About)> {
        let mut all = Vec::with_capacity(self.untrained.len());
        for table in self.room.iter().chain(&self.seat) {
            let mut add = |count, about| all.extend(core::iter::repeat_n((table.number, about), count));
            add(ROW_CHANGED_CONTEXTS, About::Row);
            add(REST_CHANGED_CONTEXTS + 3 * number_contexts(COUNT_BITS), About::Rows);
            for plan in &table.leaves {
                add(1, About::Leaf(plan.leaf));
                add(plan.context_count() - 1, About::Value(plan.leaf));
            }
        }
        all
    }

    /// The tables that a topic shows anything of.
    pub(super) fn of_topic(&self, topic: Topic) -> &[TablePlan] {
        match topic {
            Topic::Room => &self.room,
            Topic::Seat(_) => &self.seat,
        }
    }

    /// The contexts of a topic.
    pub(super) fn contexts(&self, topic: Topic) -> Range<usize> {
        match topic {
            Topic::Room => 0..self.room_contexts,
            Topic::Seat(_) => self.room_contexts..self.untrained.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contexts_of_numbers_do_not_overlap() {
        for length in 1..32 {
            let (start, depth) = mantissa_tree(length);
            assert_eq!(start + (1 << depth) - 1, mantissa_tree(length + 1).0, "{length} bits");
        }
    }
}

//! The plan of a topic: everything that its coder must know of each table, flat and in the order of coding.
//!
//! Every decision of the coder has a context, a place of its own in one long row of chances; the plan says which.
//!
//! A range coder spends on a decision as many bits as it is surprising, by the chance that both ends hold for it. One
//! chance for all decisions would be right on average and wrong everywhere: a row that rests and a row that a player
//! steers differ from their expectation at very different rates. So the chance is chosen by facts that both ends know
//! before the decision: the topic, the table, the leaf, whether the row has an owner, and how some decisions before it
//! fell. There are no more contexts than that, because each must be learnt from decisions of its own, and its prior be
//! published.

use crate::state::{Group, Leaf, LeafKind, Motion, Schema, Slide, TableSchema};
use crate::wire::Chance;
use crate::world::snapshot::Topic;
use alloc::vec::Vec;
use core::ops::Range;

/// Contexts of the decision whether a row is as expected: owned or not, after a row that was or was not.
const ROW_CHANGED_CONTEXTS: usize = 4;

/// Contexts of the decision whether the leaves that do not drive a row are as expected: one for when those that drive
/// it are, and one for when they are not.
const REST_CHANGED_CONTEXTS: usize = 2;

/// The contexts of a row as a whole.
const ROW_CONTEXTS: usize = ROW_CHANGED_CONTEXTS + REST_CHANGED_CONTEXTS;

/// Bits of counts, gaps and generations.
pub(super) const COUNT_BITS: u32 = 16;

/// Choices of at most so many bits are learnt value by value.
const TREE_BITS_MAX: u32 = 3;

/// The context of the decision whether a leaf differs from the expected value; the contexts after it say how.
const LEAF_CHANGED: usize = 0;
/// The context of the decision whether a leaf of a new row differs from that of the last new row.
pub(super) const LEAF_FRESH: usize = 1;
/// The first of the contexts that say how a leaf differs.
pub(super) const LEAF_VALUE: usize = 2;

/// The form in which a leaf is coded that differs from the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The leaf has two values: it has the other one.
    Toggle,
    /// The leaf has one of a few values.
    Tree,
    /// The leaf has one of many values that have no order.
    Raw,
    /// The distance from the expected value.
    Residual,
}

/// The plan of one leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafPlan {
    pub(super) leaf: usize,
    pub(super) max: u32,
    pub(super) bits: u32,
    pub(super) kind: LeafKind,
    pub(super) motion: Motion,
    pub(super) form: Form,
    pub(super) contexts: usize,
    /// Whether it is the first leaf that the topic shows of a field that a function moves: all of the field is moved
    /// with it.
    pub(super) leads: bool,
}

/// The part of a leaf's plan that matters in rows that are as expected, which are most of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct StableMask {
    /// The leaf's factor in the hash of the row; 0 when the topic does not show it.
    pub(super) key: u64,
    /// The bits in which the leaf must not have changed: all if it stays, none if others move it or it is not shown.
    pub(super) stays: u32,
}

/// The plan of a leaf that another one moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlidePlan {
    pub(super) leaf: usize,
    pub(super) slide: Slide,
    /// The bits in which two places must agree to be the same: all of them, or those of a circle.
    pub(super) wraps: u64,
    pub(super) max: u32,
    pub(super) kind: LeafKind,
}

/// The plan of one table.
#[derive(Debug, Clone)]
pub(super) struct TablePlan {
    pub(super) number: usize,
    pub(super) leaves: Vec<LeafPlan>,
    /// How many of the first leaves drive others. Where there are any, the changes of a row are mostly in these, and
    /// one decision covers all the other leaves.
    pub(super) drivers: usize,
    /// Per leaf of the row, the mask that the coder applies to it in every row.
    pub(super) stable_masks: Vec<StableMask>,
    /// The leaves that others move.
    pub(super) slides: Vec<SlidePlan>,
    pub(super) groups: Vec<Group>,
    /// The leaf that names the owner of the row, if the topic shows it: owned rows behave differently.
    pub(super) owner: Option<usize>,
    /// Whether rows have leaves that the coder would see and that the topic may not show, or not to everyone.
    pub(super) hides: bool,
    /// The first of the contexts of the table's rows.
    rows: usize,
}

impl TablePlan {
    /// The context of the decision whether a row is as expected. Rows that are neighbours are alike, and so are rows of
    /// players.
    #[inline]
    pub(super) const fn row_changed(&self, owned: bool, last_changed: bool) -> usize {
        self.rows + (((owned as usize) << 1) | last_changed as usize)
    }

    /// The context of the decision whether any of the leaves after the drivers differs.
    #[inline]
    pub(super) const fn rest_changed(&self, drivers_changed: bool) -> usize {
        self.rows + ROW_CHANGED_CONTEXTS + drivers_changed as usize
    }

    /// The first contexts of three numbers: that of new rows, the gap before one, and its generation.
    pub(super) const fn fresh_counts(&self) -> [usize; 3] {
        let first = self.rows + ROW_CONTEXTS;
        [first, first + number_contexts(COUNT_BITS), first + 2 * number_contexts(COUNT_BITS)]
    }
}

/// Numbers below this are coded in a fixed number of decisions, the others by how much larger they are. A loop with an
/// end that depends on the number costs more than its decisions do: no processor foresees where it ends.
pub(super) const LARGE: u32 = (1 << SMALL_BITS) - 1;

/// The number of these decisions.
pub(super) const SMALL_BITS: u32 = 3;

/// How many contexts a number of so many bits has: for the small numbers, and for how much larger a large one is.
pub(super) const fn number_contexts(bits: u32) -> usize {
    LARGE as usize + bits as usize + mantissa_contexts(bits)
}

const fn mantissa_contexts(bits: u32) -> usize {
    mantissa_tree(bits + 1).0
}

/// Where the contexts of the bits after a number's leading one start, and how many of these bits have any. Short
/// numbers are learnt whole, of long ones the highest two bits.
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
                // A sign, then the distance.
                Form::Residual => 1 + number_contexts(self.bits),
            }
    }

    pub(super) const fn changed(&self) -> usize {
        self.contexts + LEAF_CHANGED
    }
}

/// The subject of a context's decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Whether a row is as expected.
    Row,
    /// Which rows are new, and whether the leaves that do not drive a row are as expected.
    Rows,
    /// Whether a leaf of a disturbed row is as expected.
    Leaf(usize),
    /// The value of a leaf.
    Value(usize),
}

/// The plans of all topics of a world, as encoders and replicas need them: made once, and shared by all rooms of a
/// game.
#[derive(Debug, Clone)]
pub struct Plan {
    room: Vec<TablePlan>,
    seat: Vec<TablePlan>,
    /// The number of contexts of the room's topic; those of the seats' topics follow.
    room_contexts: usize,
    /// The chances before anything has been learnt.
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
        // Guesses for the time before the first priors. Most rows are undisturbed: at 30,000 of 32,768 such a row costs
        // an eighth of a bit, and one that differs three and a half. Nothing is known of counts, signs and distances
        // before a game is played: they start even.
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
        // A row that differs does so in few of its leaves: about three of four are still as expected, or in a new row
        // as in the last new one.
        self.add(LEAF_VALUE, Chance::of_no(24_000));
        self.add(plan.context_count() - LEAF_VALUE, Chance::EVEN);
        plan
    }

    fn add(&mut self, count: usize, chance: Chance) {
        self.untrained.extend(core::iter::repeat_n(chance, count));
    }

    /// Per context the table that it belongs to, and its subject. It is not kept, because only a cost report asks.
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

    /// The plans of the tables of which a topic shows any leaf.
    pub(super) fn of_topic(&self, topic: Topic) -> &[TablePlan] {
        match topic {
            Topic::Room => &self.room,
            Topic::Seat(_) => &self.seat,
        }
    }

    /// The range of a topic's contexts.
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

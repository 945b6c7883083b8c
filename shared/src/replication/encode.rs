//! Encoding: the rows of a section between two snapshots, encoded once for all clients that see them.

use super::SectionHead;
use super::coder::{Decisions, Scratch, Writer, put_count};
use super::cost::CostReport;
use super::plan::{Plan, TablePlan};
use super::priors::{ContextStats, Priors};
use crate::hash;
use crate::leak::{Leak, is_planted};
use crate::state::{Schema, TableSchema};
use crate::wire::{Chance, RangeEncoder};
use crate::world::snapshot::{Rows, Snapshot, Topic};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// The number of sections of a topic between two snapshots, either of which may hold the highest row. Rows that are not
/// in the topic do not count: their number is hidden from its receivers.
#[must_use]
pub fn section_count(schema: &Schema, topic: Topic, base: Option<&Snapshot>, now: &Snapshot) -> u32 {
    let sections = schema.tables.iter().enumerate().filter(|(_, table)| !topic.leaves(table).is_empty());
    let sections = sections.map(|(number, table)| {
        let last_slot = |snapshot: &Snapshot| {
            let rows = &snapshot.tables[number];
            let seen = (0..rows.ids.len())
                .rev()
                .find(|index| topic.has_row(table, rows.row(*index)) || is_planted(Leak::SectionsOfAllRows));
            seen.map_or(0, |index| rows.ids[index].slot)
        };
        let slot = last_slot(now).max(base.map_or(0, last_slot));
        u32::from(slot / table.slots_per_section) + 1
    });
    sections.max().unwrap_or(0)
}

/// A section, and the two snapshots that it leads between.
#[derive(Debug, Clone, Copy)]
struct Between<'a> {
    schema: &'a Schema,
    topic: Topic,
    index: u32,
    base: Option<&'a Snapshot>,
    now: &'a Snapshot,
}

/// Encodes the sections of one room, and learns the priors from them.
#[derive(Debug, Clone)]
pub struct Encoder {
    plan: Arc<Plan>,
    priors: Priors,
    context_stats: ContextStats,
    chances: Vec<Chance>,
    rows: RowScratch,
}

impl Encoder {
    /// An encoder that has learnt nothing yet, for worlds of this shape.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        Self::with_plan(schema, Arc::new(Plan::of(schema)))
    }

    /// The same with a plan of that schema, which other encoders and replicas share.
    #[must_use]
    pub fn with_plan(schema: &Schema, plan: Arc<Plan>) -> Self {
        let (priors, context_stats) = (Priors::untrained(&plan), ContextStats::new(&plan));
        Self { priors, context_stats, chances: plan.untrained.clone(), rows: RowScratch::new(schema), plan }
    }

    /// Appends all sections of a topic to `out`: the deltas from `base` (older than `now`) to `now`, or keyframes
    /// without it. With `to_end` the last section is the last of its message. Gives the topic's hash.
    pub fn encode(
        &mut self,
        schema: &Schema,
        topic: Topic,
        base: Option<&Snapshot>,
        now: &Snapshot,
        to_end: bool,
        out: &mut Vec<u8>,
    ) -> u32 {
        let count = section_count(schema, topic, base, now);
        (0..count).fold(0, |hash, index| {
            let between = Between { schema, topic, index, base, now };
            hash.wrapping_add(self.section(between, to_end && index + 1 == count, out))
        })
    }

    fn section(&mut self, between: Between<'_>, to_end: bool, out: &mut Vec<u8>) -> u32 {
        let Between { topic, index, base, now, .. } = between;
        let age = base.map_or(0, |base| now.tick.since(base.tick));
        let age = u32::try_from(age).expect("a baseline is older than the snapshot that is built on it");
        // The hash is known only when all rows have been visited.
        let mut head = SectionHead { topic, index, age, rows_hash: 0, to_end, body: &[] };
        head.encode(out);
        let start = out.len();
        self.restart(topic);
        let mut writer = Writer { coder: RangeEncoder::new(out), chances: &mut self.chances };
        let rows_hash = put_section(between, self.plan.of_topic(topic), &mut self.rows, &mut writer);
        writer.coder.finish();
        head.rows_hash = rows_hash;
        head.patch_hash(start, out);
        if !to_end {
            SectionHead::insert_length(start, out);
        }
        rows_hash
    }

    /// Puts the chances back to the priors: every section starts from them.
    fn restart(&mut self, topic: Topic) {
        let contexts = self.plan.contexts(topic);
        self.chances[contexts.clone()].copy_from_slice(&self.priors.chances[contexts]);
    }

    /// Counts how the decisions of a topic's sections fall, for [`Encoder::train`].
    pub fn learn(&mut self, schema: &Schema, topic: Topic, base: &Snapshot, now: &Snapshot) {
        for index in 0..section_count(schema, topic, Some(base), now) {
            let between = Between { schema, topic, index, base: Some(base), now };
            put_section(between, self.plan.of_topic(topic), &mut self.rows, &mut self.context_stats);
        }
        self.context_stats.end_snapshot();
    }

    /// Replaces the priors by the learnt ones, if that pays within the next `snapshots`; gives whether it did. From
    /// then on only a client that holds the output of [`Encoder::put_priors`] can read the sections.
    pub fn train(&mut self, snapshots: u32) -> bool {
        self.context_stats.train(&mut self.priors, snapshots)
    }

    /// Appends the priors as they are published.
    pub fn put_priors(&self, out: &mut Vec<u8>) {
        self.priors.encode(out);
    }

    /// Adds the cost of a topic's sections to `cost`, leaf by leaf.
    pub fn account(&mut self, schema: &Schema, topic: Topic, base: &Snapshot, now: &Snapshot, cost: &mut CostReport) {
        for index in 0..section_count(schema, topic, Some(base), now) {
            if !cost.never_restarts {
                self.restart(topic);
            }
            let between = Between { schema, topic, index, base: Some(base), now };
            let mut clerk = cost.open(&self.plan, &mut self.chances);
            put_section(between, self.plan.of_topic(topic), &mut self.rows, &mut clerk);
        }
    }
}

/// Memory for rows in the form in which the topic shows them.
#[derive(Debug, Clone)]
struct RowScratch {
    was: Vec<u32>,
    now: Vec<u32>,
    last: Vec<u32>,
    coder: Scratch,
}

impl RowScratch {
    fn new(schema: &Schema) -> Self {
        let coder = Scratch::for_rows_of(schema);
        let row = coder.expected.clone();
        Self { was: row.clone(), now: row.clone(), last: row, coder }
    }
}

/// Puts the rows of a section, and gives the sum of their hashes.
fn put_section(between: Between<'_>, plans: &[TablePlan], rows: &mut RowScratch, out: &mut impl Decisions) -> u32 {
    let Between { schema, topic, index, base, now } = between;
    let ticks = base.map_or(0, |base| now.tick.since(base.tick));
    let ticks = u32::try_from(ticks).unwrap_or(0);
    plans.iter().fold(0, |hash, plan| {
        let table = &schema.tables[plan.number];
        let span = Span { topic, plan, table, index, ticks };
        let (base, now) = (base.map(|base| &base.tables[plan.number]), &now.tables[plan.number]);
        hash.wrapping_add(span.put(base, now, rows, out))
    })
}

/// The part of one table that a section covers.
struct Span<'a> {
    topic: Topic,
    plan: &'a TablePlan,
    table: &'a TableSchema,
    index: u32,
    ticks: u32,
}

impl Span<'_> {
    /// The rows of the section in a snapshot; the root's row belongs to section 0.
    fn rows(&self, rows: &Rows) -> Range<usize> {
        rows.in_section(self.table, self.index)
    }

    fn seen(&self, rows: &Rows, index: usize) -> bool {
        self.topic.has_row(self.table, rows.row(index))
    }

    /// The sum of the hashes of the section's rows in the snapshot `now`.
    fn hash(&self, now: &Rows) -> u32 {
        let hash = |index: usize| {
            let (row, leaves) = (now.row(index), self.plan.leaves.iter());
            let value = |leaf| self.topic.value(self.table, row, leaf);
            let values = leaves.map(|plan| (self.plan.stable_masks[plan.leaf].key, value(plan.leaf)));
            hash::narrow(hash::row(now.ids[index], values))
        };
        let is_covered = |index: &usize| self.seen(now, *index) || is_planted(Leak::HashOfAllRows);
        self.rows(now).filter(is_covered).map(hash).fold(0, u32::wrapping_add)
    }

    /// Puts the rows, and gives the sum of their hashes.
    fn put(&self, base: Option<&Rows>, now: &Rows, rows: &mut RowScratch, out: &mut impl Decisions) -> u32 {
        if self.plan.number == 0 {
            if self.index == 0 {
                self.put_root(base, now, rows, out);
            }
            return self.hash(now);
        }
        if let Some(base) = base {
            // In most ticks the rows are the same as before, and nothing of them is hidden.
            let (was, is) = (self.rows(base), self.rows(now));
            if self.topic == Topic::Room && self.plan.groups.is_empty() && base.ids[was.clone()] == now.ids[is.clone()]
            {
                let hash = self.put_same(base, was, now, is, rows, out);
                put_count(out, self.plan.fresh_counts()[0], 0);
                return hash;
            }
            self.put_kept(base, now, rows, out);
        }
        self.put_fresh(base, now, rows, out);
        self.hash(now)
    }

    /// Puts the rows of the baseline when all of them are still there, and no others; gives the sum of their hashes.
    fn put_same(
        &self,
        base: &Rows,
        was: Range<usize>,
        now: &Rows,
        is: Range<usize>,
        rows: &mut RowScratch,
        out: &mut impl Decisions,
    ) -> u32 {
        let width = now.width;
        let ids = &now.ids[is.clone()];
        let was = base.wire[was.start * width..was.end * width].chunks_exact(width);
        let now = now.wire[is.start * width..is.end * width].chunks_exact(width);
        let (mut hash, mut last_changed) = (0_u32, false);
        for ((id, was), now) in ids.iter().zip(was).zip(now) {
            let (is_expected, sum) = self.plan.expect_and_sum(was, now, self.ticks, &mut rows.coder);
            hash = hash.wrapping_add(hash::narrow(hash::row_of_sum(*id, sum)));
            out.decide(self.plan.row_changed(self.owned(was), last_changed), !is_expected);
            last_changed = !is_expected;
            if last_changed {
                self.plan.put_row(&rows.coder.expected, now, out);
            }
        }
        hash
    }

    /// Puts the root's row. It always exists: a keyframe codes it as a new one.
    fn put_root(&self, base: Option<&Rows>, now: &Rows, rows: &mut RowScratch, out: &mut impl Decisions) {
        if let Some(base) = base {
            self.put_moved(base.row(0), now.row(0), false, rows, out);
        } else {
            rows.last.fill(0);
            self.plan.put_fresh(&rows.last, self.shown(now.row(0), &mut rows.now), out);
        }
    }

    /// A row as the topic shows it: leaves that the topic hides are zero, as they are on the client.
    fn shown<'r>(&self, row: &'r [u32], scratch: &'r mut [u32]) -> &'r [u32] {
        if !self.plan.hides {
            return row;
        }
        let scratch = &mut scratch[..row.len()];
        scratch.fill(0);
        for plan in &self.plan.leaves {
            scratch[plan.leaf] = self.topic.value(self.table, row, plan.leaf);
        }
        scratch
    }

    /// Puts a row that is still there, and gives whether it differs from the expectation.
    fn put_moved(
        &self,
        was: &[u32],
        now: &[u32],
        last_changed: bool,
        rows: &mut RowScratch,
        out: &mut impl Decisions,
    ) -> bool {
        let RowScratch { was: was_shown, now: now_shown, coder, .. } = rows;
        let (was, now) = (self.shown(was, was_shown), self.shown(now, now_shown));
        let is_changed = !self.plan.expect(was, now, self.ticks, coder);
        out.decide(self.plan.row_changed(self.owned(was), last_changed), is_changed);
        if is_changed {
            self.plan.put_row(&coder.expected, now, out);
        }
        is_changed
    }

    fn owned(&self, was: &[u32]) -> bool {
        self.plan.owner.is_some_and(|owner| was[owner] != 0)
    }

    /// Puts the rows of the baseline, in slot order.
    fn put_kept(&self, base: &Rows, now: &Rows, rows: &mut RowScratch, out: &mut impl Decisions) {
        let (mut next, mut last_changed) = (self.rows(now), false);
        for index in self.rows(base) {
            if !self.seen(base, index) {
                continue;
            }
            let (id, was) = (base.ids[index], base.row(index));
            while next.start < next.end && now.ids[next.start].slot < id.slot {
                next.start += 1;
            }
            let place = next.start;
            let is_there = place < next.end && now.ids[place] == id && self.seen(now, place);
            if is_there {
                last_changed = self.put_moved(was, now.row(place), last_changed, rows, out);
            } else {
                let was = self.shown(was, &mut rows.was);
                out.decide(self.plan.row_changed(self.owned(was), last_changed), true);
                self.plan.put_gone(was, out);
                last_changed = true;
            }
        }
    }

    /// Puts the rows that are not in the baseline, in slot order.
    fn put_fresh(&self, base: Option<&Rows>, now: &Rows, rows: &mut RowScratch, out: &mut impl Decisions) {
        let [count, gap, generation] = self.plan.fresh_counts();
        let span = self.rows(now);
        let known = |index: usize| {
            base.is_some_and(|base| {
                let at = base.ids.partition_point(|id| id.slot < now.ids[index].slot);
                base.ids.get(at) == Some(&now.ids[index]) && self.seen(base, at)
            })
        };
        let fresh = || span.clone().filter(|index| self.seen(now, *index) && !known(*index));
        put_count(out, count, u32::try_from(fresh().count()).unwrap_or(u32::MAX));
        let mut next_slot = self.index * u32::from(self.table.slots_per_section);
        rows.last.fill(0);
        for index in fresh() {
            let id = now.ids[index];
            put_count(out, gap, u32::from(id.slot) - next_slot);
            put_count(out, generation, u32::from(id.generation));
            let row = self.shown(now.row(index), &mut rows.now);
            self.plan.put_fresh(&rows.last, row, out);
            rows.last[..row.len()].copy_from_slice(row);
            next_slot = u32::from(id.slot) + 1;
        }
    }
}

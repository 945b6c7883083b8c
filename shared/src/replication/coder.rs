//! The coder of leaves: the difference between the expected and the real value, decision by decision.
//!
//! The two directions match line by line: a change to one needs the same change to the other.
//!
//! The encoder and the decoder hold the same chances without sending any. Each learns from a decision after it is
//! coded, by the same rule and in the same order, so that both always agree on the chance of the next one. This is also
//! why a context may depend only on values that the decoder knows by then: the baseline, and the decisions before.

use super::plan::{COUNT_BITS, Form, LARGE, LEAF_FRESH, LEAF_VALUE, LeafPlan, SMALL_BITS, TablePlan, mantissa_tree};
use crate::hash;
use crate::id::RowId;
use crate::state::{LeafKind, Motion, Schema};
use crate::wire::{Chance, DecodeError, RangeDecoder, RangeEncoder};
use alloc::vec::Vec;

/// The sink of decisions: the wire, a count of them, or a price list.
pub(super) trait Decisions {
    /// Takes a decision in a context.
    fn decide(&mut self, context: usize, yes: bool);

    /// Takes a number of `bits` bits from which nothing is learnt.
    fn raw(&mut self, context: usize, value: u32, bits: u32);
}

/// Writes decisions to the wire, and learns from them.
pub(super) struct Writer<'a, 'b> {
    pub(super) coder: RangeEncoder<'a>,
    pub(super) chances: &'b mut [Chance],
}

// Inlined into the code that decides, so that the coder's state stays in registers from one decision to the next.
impl Decisions for Writer<'_, '_> {
    #[inline(always)]
    fn decide(&mut self, context: usize, yes: bool) {
        let chance = &mut self.chances[context];
        self.coder.put(yes, *chance);
        chance.learn(yes);
    }

    fn raw(&mut self, _: usize, value: u32, bits: u32) {
        self.coder.put_raw(value, bits);
    }
}

/// Reads decisions from the wire, and learns from them.
pub(super) struct Reader<'a, 'b> {
    pub(super) coder: RangeDecoder<'a>,
    pub(super) chances: &'b mut [Chance],
}

impl Reader<'_, '_> {
    #[inline(always)]
    pub(super) fn decide(&mut self, context: usize) -> bool {
        let chance = &mut self.chances[context];
        let yes = self.coder.take(*chance);
        chance.learn(yes);
        yes
    }
}

/// Puts a number of at most `bits` bits; small numbers are cheap.
///
/// Three decisions in a tree tell the small numbers apart, one chance per node. A tree can learn any distribution over
/// 0 to 6, such as that of a counter that always moves by two, where a fixed code would assume one.
#[inline]
fn put_number(out: &mut impl Decisions, contexts: usize, bits: u32, number: u32) {
    let small = number.min(LARGE);
    let mut node = 1;
    for place in (0..SMALL_BITS).rev() {
        let yes = (small >> place) & 1 == 1;
        out.decide(contexts + node - 1, yes);
        node = node * 2 + usize::from(yes);
    }
    if small == LARGE {
        put_large(out, contexts + LARGE as usize, bits, number - LARGE);
    }
}

/// Puts the excess of a number over the small ones (after Elias' gamma code, its decisions learnt).
///
/// The length of the excess comes first, in unary: it is the magnitude, and a leaf whose errors are mostly of one
/// magnitude learns to code it for little. The two or three bits behind the leading one are learnt as well, because a
/// smooth distribution still falls within one magnitude. The bits below are almost evenly spread, so that chances for
/// them would need contexts and priors and save nothing: they are raw.
fn put_large(out: &mut impl Decisions, contexts: usize, bits: u32, excess: u32) {
    let value = u64::from(excess) + 1;
    let length = value.ilog2();
    (0..length).for_each(|place| out.decide(contexts + place as usize, true));
    if length < bits {
        out.decide(contexts + length as usize, false);
    }
    let (tree, depth) = mantissa_tree(length);
    let first = contexts + bits as usize + tree;
    let mut node = 1;
    for place in (length - depth..length).rev() {
        let yes = (value >> place) & 1 == 1;
        out.decide(first + node - 1, yes);
        node = node * 2 + usize::from(yes);
    }
    let rest = length - depth;
    if rest > 0 {
        out.raw(contexts, (value & ((1 << rest) - 1)) as u32, rest);
    }
}

#[inline(always)]
fn take_number(reader: &mut Reader<'_, '_>, contexts: usize, bits: u32) -> u32 {
    let mut node = 1;
    for _ in 0..SMALL_BITS {
        node = node * 2 + usize::from(reader.decide(contexts + node - 1));
    }
    let small = node as u32 - (1 << SMALL_BITS);
    if small < LARGE { small } else { take_large(reader, contexts + LARGE as usize, bits).wrapping_add(LARGE) }
}

#[inline(always)]
fn take_large(reader: &mut Reader<'_, '_>, contexts: usize, bits: u32) -> u32 {
    let mut length = 0;
    while length < bits && reader.decide(contexts + length as usize) {
        length += 1;
    }
    let (tree, depth) = mantissa_tree(length);
    let first = contexts + bits as usize + tree;
    let mut node = 1;
    for _ in 0..depth {
        node = node * 2 + usize::from(reader.decide(first + node - 1));
    }
    let rest = length - depth;
    let tail = if rest > 0 { reader.coder.take_raw(rest) } else { 0 };
    let value = (node as u64) << rest | u64::from(tail);
    // The value is at most 2^32, less the one that was added. A forged one may be more, and wraps.
    (value - 1) as u32
}

/// Puts a count, a gap or a generation.
pub(super) fn put_count(out: &mut impl Decisions, contexts: usize, count: u32) {
    put_number(out, contexts, COUNT_BITS, count);
}

pub(super) fn take_count(reader: &mut Reader<'_, '_>, contexts: usize) -> u32 {
    take_number(reader, contexts, COUNT_BITS)
}

impl LeafPlan {
    /// Puts a leaf of a row that is not as expected, and gives whether the leaf differs.
    #[inline]
    fn put(&self, expected: u32, now: u32, out: &mut impl Decisions) -> bool {
        out.decide(self.changed(), now != expected);
        if now == expected {
            return false;
        }
        let contexts = self.contexts + LEAF_VALUE;
        match self.form {
            Form::Toggle => {}
            Form::Tree => {
                let mut node = 1;
                for place in (0..self.bits).rev() {
                    let yes = (now >> place) & 1 == 1;
                    out.decide(contexts + node, yes);
                    node = node * 2 + usize::from(yes);
                }
            }
            Form::Raw => out.raw(contexts, now, self.bits),
            Form::Residual => {
                let off = self.off(expected, now);
                out.decide(contexts, off < 0);
                put_number(out, contexts + 1, self.bits, (off.unsigned_abs() - 1) as u32);
            }
        }
        true
    }

    #[inline(always)]
    fn take(&self, expected: u32, reader: &mut Reader<'_, '_>) -> Result<u32, DecodeError> {
        if !reader.decide(self.changed()) {
            return Ok(expected);
        }
        let contexts = self.contexts + LEAF_VALUE;
        match self.form {
            Form::Toggle => Ok(self.max - expected),
            Form::Tree => {
                let mut node = 1;
                for _ in 0..self.bits {
                    node = node * 2 + usize::from(reader.decide(contexts + node));
                }
                self.check(i64::from(node as u32 - (1 << self.bits)))
            }
            Form::Raw => self.check(i64::from(reader.coder.take_raw(self.bits))),
            Form::Residual => {
                let is_less = reader.decide(contexts);
                let way = i64::from(take_number(reader, contexts + 1, self.bits)) + 1;
                let now = i64::from(expected) + if is_less { -way } else { way };
                match self.kind {
                    LeafKind::Turn => Ok((now & i64::from(self.max)) as u32),
                    LeafKind::Number | LeafKind::Choice => self.check(now),
                }
            }
        }
    }

    fn check(&self, value: i64) -> Result<u32, DecodeError> {
        match u32::try_from(value) {
            Ok(value) if value <= self.max => Ok(value),
            _ => Err(DecodeError::OutOfRange { value: value.unsigned_abs(), max: u64::from(self.max) }),
        }
    }

    /// The signed distance from the expected value to the real one; around a circle, the shorter of both ways.
    #[inline]
    fn off(&self, expected: u32, now: u32) -> i64 {
        let straight = i64::from(now) - i64::from(expected);
        match self.kind {
            LeafKind::Turn => {
                let circle = i64::from(self.max) + 1;
                let around = straight & i64::from(self.max);
                if around > circle / 2 { around - circle } else { around }
            }
            LeafKind::Number | LeafKind::Choice => straight,
        }
    }

    /// The expected value of the leaf. `row` holds the part of the present row that is known. Leaves that a function
    /// moves are left to the caller.
    #[inline]
    fn expected(&self, was: &[u32], row: &[u32], ticks: u32) -> u32 {
        match self.motion {
            Motion::Hold | Motion::With(_) => was[self.leaf],
            Motion::By(slide) => slide.moved(self.max, self.kind, was[self.leaf], row[slide.by], ticks),
        }
    }
}

/// Memory for the rows of a table that is being coded, each as wide as the widest row.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    /// The row as it would be if nothing had disturbed it.
    pub(super) expected: Vec<u32>,
    was: Vec<u32>,
    so_far: Vec<u32>,
    before: Vec<u32>,
}

impl Scratch {
    pub(super) fn for_rows_of(schema: &Schema) -> Self {
        let width = schema.tables.iter().map(|table| table.leaves.len()).max().unwrap_or(0);
        let row = || alloc::vec![0; width];
        Self { expected: row(), was: row(), so_far: row(), before: row() }
    }
}

impl TablePlan {
    /// Whether a row is where an undisturbed one is `ticks` later. If it is not, `expected` holds that place
    /// afterwards.
    #[inline]
    pub(super) fn expect(&self, was: &[u32], now: &[u32], ticks: u32, scratch: &mut Scratch) -> bool {
        if !self.groups.is_empty() {
            return self.expect_with_groups(was, now, ticks, scratch);
        }
        let leaves = was.iter().zip(now).zip(&self.stable_masks);
        let changed =
            leaves.fold(0, |changed, ((was, now), stable_masks)| changed | ((was ^ now) & stable_masks.stays));
        self.expect_moved(changed, was, now, ticks, scratch)
    }

    /// The same, together with the sum that the row's hash is made of; for a table without groups.
    #[inline]
    pub(super) fn expect_and_sum(&self, was: &[u32], now: &[u32], ticks: u32, scratch: &mut Scratch) -> (bool, u64) {
        let (mut changed, mut sum) = (0, 0_u64);
        for ((was, now), stable_masks) in was.iter().zip(now).zip(&self.stable_masks) {
            changed |= (was ^ now) & stable_masks.stays;
            sum = sum.wrapping_add(stable_masks.key.wrapping_mul(u64::from(*now)));
        }
        (self.expect_moved(changed, was, now, ticks, scratch), sum)
    }

    /// `changed` is not 0 when a leaf differs that should have stayed.
    #[inline]
    fn expect_moved(&self, changed: u32, was: &[u32], now: &[u32], ticks: u32, scratch: &mut Scratch) -> bool {
        // Both rows have one shape: the checks of all accesses below become one.
        let (was, now) = (&was[..now.len()], &now[..was.len()]);
        let off = self.slides.iter().fold(u64::from(changed), |off, plan| {
            off | plan.slide.off(plan.wraps, was[plan.leaf], now[plan.slide.by], ticks, now[plan.leaf])
        });
        off == 0 || self.expect_exactly(was, now, ticks, scratch)
    }

    /// The exact check. A leaf that met the end of its range is still where it was expected.
    fn expect_exactly(&self, was: &[u32], now: &[u32], ticks: u32, scratch: &mut Scratch) -> bool {
        let mut undisturbed = true;
        for plan in &self.leaves {
            let place = plan.expected(was, now, ticks);
            scratch.expected[plan.leaf] = place;
            undisturbed &= place == now[plan.leaf];
        }
        undisturbed
    }

    fn expect_with_groups(&self, was: &[u32], now: &[u32], ticks: u32, scratch: &mut Scratch) -> bool {
        scratch.so_far[..was.len()].copy_from_slice(was);
        for plan in &self.leaves {
            let Scratch { expected, so_far, before, .. } = scratch;
            self.expect_leaf(plan, was, so_far, ticks, before, expected);
            so_far[plan.leaf] = now[plan.leaf];
        }
        self.leaves.iter().all(|plan| scratch.expected[plan.leaf] == now[plan.leaf])
    }

    fn expect_leaf(
        &self,
        plan: &LeafPlan,
        was: &[u32],
        so_far: &[u32],
        ticks: u32,
        before: &mut [u32],
        expected: &mut [u32],
    ) {
        match plan.motion {
            // The field's other leaves come later, and their expected values are known by then.
            Motion::With(_) if !plan.leads => {}
            Motion::With(group) => self.groups[group].moved(was, so_far, ticks, before, expected),
            Motion::Hold | Motion::By(_) => expected[plan.leaf] = plan.expected(was, so_far, ticks),
        }
    }

    /// The hash of a row, from its wire integers.
    #[inline]
    pub(super) fn hash(&self, id: RowId, row: &[u32]) -> u32 {
        hash::narrow(hash::row(
            id,
            self.stable_masks.iter().zip(row).map(|(stable_masks, value)| (stable_masks.key, *value)),
        ))
    }

    /// Puts a row that is not as expected: first the leaves that drive others, then whether any other leaf differs, and
    /// then these.
    ///
    /// A row mostly differs because a leaf that drives others does: a player steers, and the velocity changes while the
    /// place stays where the new velocity puts it. One decision then says that all the rest is as expected, instead of
    /// one per leaf.
    pub(super) fn put_row(&self, expected: &[u32], now: &[u32], out: &mut impl Decisions) {
        let (drivers, rest) = self.leaves.split_at(self.drivers);
        if !drivers.is_empty() {
            let put = |changed: bool, plan: &LeafPlan| plan.put(expected[plan.leaf], now[plan.leaf], out) | changed;
            let drivers_changed = drivers.iter().fold(false, put);
            let rest_changed = rest.iter().any(|plan| expected[plan.leaf] != now[plan.leaf]);
            out.decide(self.rest_changed(drivers_changed), rest_changed);
            if !rest_changed {
                return;
            }
        }
        for plan in rest {
            plan.put(expected[plan.leaf], now[plan.leaf], out);
        }
    }

    /// Puts a row that is gone: it is not as expected, and no leaf of it differs. No row of the present has this form,
    /// so that a removal needs no decision of its own, which every other row that differs would pay for.
    pub(super) fn put_gone(&self, row: &[u32], out: &mut impl Decisions) {
        self.put_row(row, row, out);
    }

    /// Moves on a row that is as expected; `row` comes as it was.
    #[inline]
    pub(super) fn move_row(&self, ticks: u32, row: &mut [u32], scratch: &mut Scratch) {
        if self.groups.is_empty() {
            for plan in &self.slides {
                row[plan.leaf] = plan.slide.moved(plan.max, plan.kind, row[plan.leaf], row[plan.slide.by], ticks);
            }
        } else {
            let Scratch { expected, was, before, .. } = scratch;
            was[..row.len()].copy_from_slice(row);
            for plan in &self.leaves {
                self.expect_leaf(plan, was, row, ticks, before, expected);
                row[plan.leaf] = expected[plan.leaf];
            }
        }
    }

    /// Moves on a row that is not as expected; `row` comes as it was. Gives whether any leaf of it differed.
    pub(super) fn take_row(
        &self,
        ticks: u32,
        row: &mut [u32],
        scratch: &mut Scratch,
        reader: &mut Reader<'_, '_>,
    ) -> Result<bool, DecodeError> {
        // A copy that only this function has access to stays in registers: in WebAssembly that saves a quarter of the
        // time.
        let kept = &mut reader.coder;
        let mut reader = Reader { coder: kept.clone(), chances: reader.chances };
        let moves_as_one = !self.groups.is_empty();
        if moves_as_one {
            scratch.was[..row.len()].copy_from_slice(row);
        }
        let mut expect = |plan: &LeafPlan, row: &[u32]| {
            if !moves_as_one {
                return plan.expected(row, row, ticks);
            }
            let Scratch { expected, was, before, .. } = scratch;
            self.expect_leaf(plan, was, row, ticks, before, expected);
            expected[plan.leaf]
        };
        let (mut asks, mut is_changed) = (true, false);
        for (place, plan) in self.leaves.iter().enumerate() {
            if place == self.drivers && place > 0 {
                asks = reader.decide(self.rest_changed(is_changed));
            }
            let expected = expect(plan, row);
            row[plan.leaf] = if asks { plan.take(expected, &mut reader)? } else { expected };
            is_changed |= row[plan.leaf] != expected;
        }
        *kept = reader.coder;
        Ok(is_changed)
    }

    /// Puts a row that is not in the baseline; `last` is the new row before it.
    pub(super) fn put_fresh(&self, last: &[u32], now: &[u32], out: &mut impl Decisions) {
        for plan in &self.leaves {
            let (last, now) = (last[plan.leaf], now[plan.leaf]);
            out.decide(plan.contexts + LEAF_FRESH, now != last);
            if now != last {
                out.raw(plan.contexts, now, plan.bits);
            }
        }
    }

    /// Reads a row that is not in the baseline; `row` comes as the new row before it.
    pub(super) fn take_fresh(&self, row: &mut [u32], reader: &mut Reader<'_, '_>) -> Result<(), DecodeError> {
        for plan in &self.leaves {
            if reader.decide(plan.contexts + LEAF_FRESH) {
                row[plan.leaf] = plan.check(i64::from(reader.coder.take_raw(plan.bits)))?;
            }
        }
        Ok(())
    }
}

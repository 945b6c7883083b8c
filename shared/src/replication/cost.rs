//! The cost report: the price of each field on the wire, for authors who want to know where their bytes go.

use super::coder::Decisions;
use super::plan::{About, Plan};
use super::priors::cost;
use crate::wire::Chance;
use alloc::vec::Vec;

/// The cost of one leaf, or of the rows of a table as such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The table's number in the schema.
    pub table: usize,
    /// The leaf's number in its row. `None` stands for the decisions about which rows are new or disturbed; a row that
    /// is gone is a disturbed one of which no leaf differs.
    pub leaf: Option<usize>,
    /// Bits in all.
    pub bits: f64,
    /// How many times the leaf or row was not as expected.
    pub surprises: u64,
}

/// The costs of any number of snapshots, added up.
#[derive(Debug, Clone, Default)]
pub struct CostReport {
    /// Prices as if chances never restarted, as in a stream of which no receiver may skip a part.
    pub never_restarts: bool,
    /// The subject of each context; empty before the first section.
    about: Vec<(usize, About)>,
    lines: Vec<Line>,
    /// Rows that were coded, per table.
    rows: Vec<u64>,
}

impl CostReport {
    /// Bits in all.
    #[must_use]
    pub fn bits(&self) -> f64 {
        self.lines.iter().map(|line| line.bits).sum()
    }

    /// The lines, in no particular order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Rows of a table that were coded, undisturbed ones included.
    #[must_use]
    pub fn rows(&self, table: usize) -> u64 {
        self.rows.get(table).copied().unwrap_or(0)
    }

    pub(super) fn open<'a>(&'a mut self, plan: &Plan, chances: &'a mut [Chance]) -> CostEstimator<'a> {
        if self.about.is_empty() {
            self.about = plan.about();
        }
        CostEstimator { cost: self, chances }
    }

    fn line(&mut self, table: usize, leaf: Option<usize>) -> &mut Line {
        let known = self.lines.iter().position(|line| (line.table, line.leaf) == (table, leaf));
        let place = known.unwrap_or_else(|| {
            self.lines.push(Line { table, leaf, bits: 0.0, surprises: 0 });
            self.lines.len() - 1
        });
        &mut self.lines[place]
    }
}

/// Prices decisions as the coder would code them.
pub(super) struct CostEstimator<'a> {
    cost: &'a mut CostReport,
    chances: &'a mut [Chance],
}

impl CostEstimator<'_> {
    fn add(&mut self, context: usize, bits: f64, is_surprise: bool) {
        let (table, about) = self.cost.about[context];
        let leaf = match about {
            About::Row | About::Rows => None,
            About::Leaf(leaf) | About::Value(leaf) => Some(leaf),
        };
        if about == About::Row {
            self.cost.rows.resize(self.cost.rows.len().max(table + 1), 0);
            self.cost.rows[table] += 1;
        }
        let line = self.cost.line(table, leaf);
        line.bits += bits;
        line.surprises += u64::from(is_surprise);
    }
}

impl Decisions for CostEstimator<'_> {
    fn decide(&mut self, context: usize, yes: bool) {
        let chance = &mut self.chances[context];
        let bits = cost(*chance, u32::from(!yes), u32::from(yes));
        chance.learn(yes);
        let is_surprise = yes && matches!(self.cost.about[context].1, About::Row | About::Leaf(_));
        self.add(context, f64::from(bits), is_surprise);
    }

    fn raw(&mut self, context: usize, _: u32, bits: u32) {
        self.add(context, f64::from(bits), false);
    }
}

//! The rows of a section: first the baseline's rows, moved on and corrected, then the new rows.

use super::chances::{About, Decisions, OfLeaf, Published, Telling};
use super::head::row_hash;
use super::motion::{run, slid};
use super::{is_driver, leaves};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use tickwire::limits::ROWS_MAX;
use tickwire::state::{Leaf, LeafKind, Motion, Schema};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) generation: u16,
    pub(super) wire: Vec<u32>,
}

/// Rows by table and slot.
pub(super) type Tables = BTreeMap<usize, BTreeMap<u16, Row>>;

/// The place of a section in its topic, and the baseline that it starts from.
pub(super) struct Section<'a> {
    pub(super) schema: &'a Schema,
    pub(super) own: bool,
    pub(super) index: u32,
    pub(super) ticks: u32,
    pub(super) base: Option<&'a Tables>,
}

impl Section<'_> {
    pub(super) fn decode(&self, published: &Published, body: &[u8]) -> Option<Tables> {
        let mut decisions = Decisions::new(body, published, self.own)?;
        let mut tables = Tables::new();
        for (number, table) in self.schema.tables.iter().enumerate() {
            if leaves(table, self.own).is_empty() || (number == 0 && self.index > 0) {
                continue;
            }
            decisions.table = number;
            let mut rows = self.kept(number, &mut decisions)?;
            if number > 0 {
                self.add_new(number, &mut decisions, &mut rows)?;
            } else if self.base.is_none() {
                let wire = self.new_row(0, &vec![0; table.leaves.len()], &mut decisions)?;
                rows.insert(0, Row { generation: 0, wire });
            }
            tables.insert(number, rows);
        }
        decisions.is_read_up().then_some(tables)
    }

    fn slots(&self, table: usize) -> RangeInclusive<u32> {
        let slots = u32::from(self.schema.tables[table].slots_per_section);
        self.index * slots..=((self.index + 1) * slots - 1).min(u32::from(ROWS_MAX))
    }

    fn kept(&self, number: usize, decisions: &mut Decisions<'_>) -> Option<BTreeMap<u16, Row>> {
        let mut rows = BTreeMap::new();
        let Some(base) = self.base.and_then(|base| base.get(&number)) else { return Some(rows) };
        let table = &self.schema.tables[number];
        let owner = table.owner.filter(|owner| leaves(table, self.own).contains(owner));
        let mut last_differs = false;
        for (slot, was) in base.iter().filter(|(slot, _)| self.slots(number).contains(&u32::from(**slot))) {
            let owned = owner.is_some_and(|owner| was.wire[owner] > 0);
            last_differs = decisions.decide(About::RowDiffers { owned, last_differs });
            let (wire, something_differs) = self.moved(number, &was.wire, last_differs, decisions)?;
            match (last_differs, something_differs) {
                // A row that is not as expected, and in which nothing differs, is gone. The root's row is never gone.
                (true, false) if number == 0 => return None,
                (true, false) => {}
                _ => {
                    rows.insert(*slot, Row { generation: was.generation, wire });
                }
            }
        }
        Some(rows)
    }

    /// A row of the baseline at the section's tick, and whether any leaf in it is not where it was expected.
    ///
    /// The drivers are read first, and one more decision says whether any of the remaining leaves differs. A body that
    /// was pushed has a new velocity and is where that velocity takes it, so that most of its leaves need no decision.
    fn moved(
        &self,
        number: usize,
        was: &[u32],
        differs: bool,
        decisions: &mut Decisions<'_>,
    ) -> Option<(Vec<u32>, bool)> {
        let table = &self.schema.tables[number];
        let (mut something_differs, mut asks) = (false, differs);
        let mut drives = true;
        let mut now = was.to_vec();
        // A function's field is moved as a whole, when the first of its leaves is due.
        let mut moved: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (order, leaf) in leaves(table, self.own).into_iter().enumerate() {
            if drives && !is_driver(table, leaf) {
                drives = false;
                if order > 0 && differs {
                    asks = decisions.decide(About::RestDiffers { drivers_differ: something_differs });
                }
            }
            let place = match table.leaves[leaf].motion {
                Motion::Hold => was[leaf],
                Motion::By(slide) => slid(table, leaf, slide.by, was[leaf], now[slide.by], self.ticks),
                Motion::With(group) => {
                    let field = moved.entry(group);
                    let field = field.or_insert_with(|| run(&table.groups[group], was, &now, self.ticks));
                    field[leaf - table.groups[group].field.start]
                }
            };
            now[leaf] = if asks { corrected(&table.leaves[leaf], leaf, place, decisions)? } else { place };
            something_differs |= now[leaf] != place;
        }
        Some((now, something_differs))
    }

    fn add_new(&self, number: usize, decisions: &mut Decisions<'_>, rows: &mut BTreeMap<u16, Row>) -> Option<()> {
        let table = &self.schema.tables[number];
        let count = decisions.count(About::NewRows);
        if count > u32::from(table.slots_per_section) {
            return None;
        }
        let (mut next_slot, mut last) = (*self.slots(number).start(), vec![0; table.leaves.len()]);
        for _ in 0..count {
            let slot = next_slot + decisions.count(About::Gap);
            if slot > *self.slots(number).end() {
                return None;
            }
            let generation = u16::try_from(decisions.count(About::Generation)).ok()?;
            let wire = self.new_row(number, &last, decisions)?;
            last.clone_from(&wire);
            if rows.insert(u16::try_from(slot).ok()?, Row { generation, wire }).is_some() {
                return None;
            }
            next_slot = slot + 1;
        }
        Some(())
    }

    /// A new row, which is coded as the difference from the new row before it: rows that appear together are alike.
    fn new_row(&self, number: usize, last: &[u32], decisions: &mut Decisions<'_>) -> Option<Vec<u32>> {
        let (table, mut row) = (&self.schema.tables[number], last.to_vec());
        for leaf in leaves(table, self.own) {
            let shape = &table.leaves[leaf];
            if decisions.of_leaf(leaf, OfLeaf::DiffersFromLastNew) {
                row[leaf] = within(shape, i64::from(decisions.plain(shape.bits)))?;
            }
        }
        Some(row)
    }
}

/// The value of a leaf in a row that is not as expected.
fn corrected(shape: &Leaf, leaf: usize, expected: u32, decisions: &mut Decisions<'_>) -> Option<u32> {
    if !decisions.of_leaf(leaf, OfLeaf::Differs) {
        return Some(expected);
    }
    match Telling::of(shape) {
        Telling::TheOther => Some(shape.max - expected),
        Telling::Choice => {
            let mut bits = 0;
            for known in 0..shape.bits {
                bits = bits * 2 + u32::from(decisions.of_leaf(leaf, OfLeaf::Choice { known, bits }));
            }
            within(shape, i64::from(bits))
        }
        Telling::Plain => within(shape, i64::from(decisions.plain(shape.bits))),
        Telling::Way => {
            let is_less = decisions.of_leaf(leaf, OfLeaf::IsLess);
            let way = 1 + i64::from(decisions.number(shape.bits, |digit| About::Leaf(leaf, OfLeaf::Way(digit))));
            let now = i64::from(expected) + if is_less { -way } else { way };
            let turns = shape.kind == LeafKind::Turn;
            within(shape, if turns { now.rem_euclid(i64::from(shape.max) + 1) } else { now })
        }
    }
}

fn within(shape: &Leaf, value: i64) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value <= shape.max)
}

/// The sum of the hashes of all rows, which does not depend on their order.
pub(super) fn hash_of(schema: &Schema, tables: &Tables) -> u32 {
    let mut sum = 0_u32;
    for (number, rows) in tables {
        for (slot, row) in rows {
            let values = schema.tables[*number].keys.iter().copied().zip(row.wire.iter().copied());
            sum = sum.wrapping_add(row_hash(*slot, row.generation, values));
        }
    }
    sum
}

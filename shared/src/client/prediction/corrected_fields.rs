//! Corrected fields: which fields of the game came out otherwise than predicted, how often and how far.
//!
//! An author who sees corrections all the time needs the field that is at fault. Each snapshot is compared twice:
//!
//! * **At its own tick**, with a forecast: the tick after the last snapshot, as the client played it from that snapshot.
//!   A field that is wrong here was computed from something that the client did not have. Even a field that the client
//!   gets wrong in the same way each time is noticed, although it never jumps on screen.
//! * **At the tick that is predicted**, with the last prediction of that tick. This is the correction that is eased on
//!   screen, and it includes errors that follow from others.
//!
//! A field counts once per snapshot, with the larger of its errors. Only leaves that the client receives count, because
//! the prediction of any other leaf is never shown. In lockstep the server sends no worlds, so a prediction is compared
//! when a rollback has made its tick again.
//!
//! The code is marked `inline` so that a page compiles it as it compiles the game: for size, and not for speed as the
//! rest of this crate. Counting allocates only for a field that is wrong for the first time, and for more rows than ever
//! before.

use crate::id::Seat;
use crate::state::{Leaf, LeafKind, Schema, TableSchema};
use crate::tick::Tick;
use crate::world::diff::path_of_field;
use crate::world::interpolation::difference;
use crate::world::merge::{belongs_to_other, has_leaves_apart, predicts_row, shows_predicted};
use crate::world::snapshot::Snapshot;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Fields that are counted at the most; further ones are left out. In a world that is wrong all over, the first ones
/// say enough.
const FIELDS_MAX: usize = 64;

/// The percentage of a field's changes that must be wrong before the field counts as unpredictable.
const UNPREDICTABLE_PERCENT: u64 = 75;

/// The percentage of snapshots in which an unpredictable field is wrong at least. A field that is wrong less often
/// mostly depends on the others' inputs, as a hit does.
const UNPREDICTABLE_SNAPSHOTS_PERCENT: u64 = 10;

/// The bit of a rank that puts unpredictable fields first.
const UNPREDICTABLE_RANK: u64 = 1 << 63;

/// Changes before a field is judged.
const CHANGES_MIN: u64 = 20;

/// How often and how far the prediction of one field was wrong, in one session.
///
/// It prints as `ships.shown: 5.4 units in 80 % of snapshots`.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectedField {
    /// The field's path in the world, such as `ships.shown`; all axes of a vector are one field.
    pub field: String,
    /// Snapshots in which the field came out otherwise than predicted.
    pub snapshots: u64,
    /// Snapshots that were compared, in lockstep all that were received.
    pub of: u64,
    /// The mean error in these `snapshots`, in the game's units (radians for an angle); 0 for a field without units,
    /// such as a flag or a rotation. A snapshot counts with its worst row.
    pub units_mean: f32,
    /// The largest error, in the game's units.
    pub units_max: f32,
    /// How often the field changed from one snapshot to the next since it was first wrong: on the server or in the
    /// forecast, in rows that belong to the player or to nobody. 0 in lockstep.
    pub changes: u64,
    /// The changes that the forecast had wrong.
    pub wrong_changes: u64,
}

impl CorrectedField {
    /// Whether the forecast is wrong nearly each time that the field changes, and often: the server computes the field
    /// from something that this client does not have.
    #[must_use]
    pub const fn is_unpredictable(&self) -> bool {
        self.changes >= CHANGES_MIN
            && self.wrong_changes * 100 >= self.changes * UNPREDICTABLE_PERCENT
            && self.snapshots * 100 >= self.of * UNPREDICTABLE_SNAPSHOTS_PERCENT
    }

    /// Adds the numbers of the same field in another session.
    pub fn add(&mut self, other: &Self) {
        let sum = |field: &Self| f64::from(field.units_mean) * field.snapshots as f64;
        let units_sum = sum(self) + sum(other);
        self.snapshots += other.snapshots;
        self.of += other.of;
        self.units_mean = mean(units_sum, self.snapshots);
        self.units_max = crate::math::max(self.units_max, other.units_max);
        self.changes += other.changes;
        self.wrong_changes += other.wrong_changes;
    }

    /// The place of the field in a list of the worst, which begins with the highest rank: unpredictable fields come
    /// first, because errors of others may follow from theirs, and then the fields that are wrong most often.
    #[must_use]
    #[inline]
    pub const fn rank(&self) -> u64 {
        self.snapshots | if self.is_unpredictable() { UNPREDICTABLE_RANK } else { 0 }
    }
}

impl fmt::Display for CorrectedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.field)?;
        // Two digits say enough of a mean.
        match self.units_mean {
            0.0 => {}
            units if units < 0.095 => write!(f, "{units:.3} units ")?,
            units if units < 0.95 => write!(f, "{units:.2} units ")?,
            units if units < 9.5 => write!(f, "{units:.1} units ")?,
            units => write!(f, "{units:.0} units ")?,
        }
        match self.snapshots * 100 / self.of.max(1) {
            0 => f.write_str("in under 1 % of snapshots")?,
            percent => write!(f, "in {percent} % of snapshots")?,
        }
        if self.is_unpredictable() { f.write_str(": computed on the server only?") } else { Ok(()) }
    }
}

fn mean(sum: f64, count: u64) -> f32 {
    (sum / count.max(1) as f64) as f32
}

/// The counts of one session.
#[derive(Debug, Clone, Default)]
pub(crate) struct CorrectedFields {
    counts: Counts,
    /// The predicted rows of the tick for which the next snapshot is expected.
    forecast: Snapshot,
}

impl CorrectedFields {
    /// Begins the comparisons of a snapshot.
    pub(crate) const fn begin(&mut self) {
        self.counts.of += 1;
    }

    /// Keeps the prediction of a tick, to be compared with the snapshot of that tick.
    #[inline]
    pub(crate) fn expect(&mut self, world: &Snapshot) {
        self.forecast.copy_from(world);
    }

    /// Forgets the forecast, because the next snapshot belongs to another connection.
    pub(crate) const fn forget(&mut self) {
        // No snapshot is of the time before the first tick.
        self.forecast.tick = Tick(0);
    }

    /// Compares the snapshot `is` with the forecast of its tick, if there is one. `last` is the snapshot from which the
    /// forecast was made.
    #[inline]
    pub(crate) fn compare(&mut self, schema: &Schema, me: Option<Seat>, last: Option<&Snapshot>, is: &Snapshot) {
        let Self { counts, forecast } = self;
        if forecast.tick != is.tick {
            return;
        }
        for ((number, table), forecast) in schema.tables.iter().enumerate().zip(&forecast.tables) {
            let (rows, last) = (&is.tables[number], last.map(|last| &last.tables[number]));
            let has_apart = has_leaves_apart(table);
            for (index, id) in rows.ids.iter().enumerate() {
                let is = rows.row(index);
                if !has_apart && (number == 0 || !predicts_row(table, is, me)) {
                    continue;
                }
                // A row that only one of them has is the matter of spawn adoption.
                let Some(was) = forecast.find_near(index, *id) else { continue };
                if was != is {
                    counts.add_row((number, table), (was, is), &|leaf| shows_predicted(table, leaf, is, me));
                }
                if !belongs_to_other(table, is, me)
                    && let Some(before) = last.and_then(|last| last.find_near(index, *id))
                {
                    counts.add_changes(number, before, (was, is));
                }
            }
        }
    }

    /// Counts a row that came out otherwise than predicted; `counts` says of a leaf whether it was predicted and shown.
    #[inline]
    pub(crate) fn add_row(
        &mut self,
        table: (usize, &TableSchema),
        (was, is): (&[u32], &[u32]),
        counts: &dyn Fn(&Leaf) -> bool,
    ) {
        self.counts.add_row(table, (was, is), counts);
    }

    /// The fields, the worst first.
    #[inline]
    pub(crate) fn fields(&self, schema: &Schema) -> Vec<CorrectedField> {
        let mut fields = Vec::<CorrectedField>::new();
        for count in &self.counts.list {
            fields.push(count.field(schema, self.counts.of));
            // The sort of the standard library would bring 6 KB into every page.
            let mut place = fields.len() - 1;
            while place > 0 && fields[place - 1].rank() < fields[place].rank() {
                fields.swap(place - 1, place);
                place -= 1;
            }
        }
        fields
    }
}

/// The fields that were wrong so far.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// Snapshots so far; the number of the current one.
    of: u64,
    /// Sorted by table and first leaf.
    list: Vec<Count>,
}

/// The counts of one field.
#[derive(Debug, Clone)]
struct Count {
    table: usize,
    /// The leaves of the field.
    leaves: Range<usize>,
    snapshots: u64,
    /// The number of the newest snapshot in which the field was wrong, and its error there.
    newest: (u64, f32),
    units_sum: f64,
    units_max: f32,
    changes: u64,
    wrong_changes: u64,
}

impl Counts {
    #[inline]
    fn add_row(
        &mut self,
        (number, table): (usize, &TableSchema),
        (was, is): (&[u32], &[u32]),
        counts: &dyn Fn(&Leaf) -> bool,
    ) {
        let (mut field, mut squares) = (0..0, 0.0);
        for (at, leaf) in table.leaves.iter().enumerate() {
            if was[at] == is[at] || !counts(leaf) {
                continue;
            }
            if !field.contains(&at) {
                (field, squares) = (table.leaves_of_field(at), 0.0);
            }
            if leaf.kind != LeafKind::Choice && !table.is_of_rotation(field.start) {
                let units = difference(leaf, is[at], was[at]) as f32 * leaf.unit;
                squares += units * units;
            }
            self.add(number, &field, libm::sqrtf(squares));
        }
    }

    /// Counts an error of a field, which may be one of several in this snapshot.
    #[inline]
    fn add(&mut self, table: usize, leaves: &Range<usize>, units: f32) {
        let place = self.list.binary_search_by(|count| (count.table, count.leaves.start).cmp(&(table, leaves.start)));
        let place = match place {
            Ok(place) => place,
            Err(_) if self.list.len() == FIELDS_MAX => return,
            Err(place) => {
                self.list.insert(place, Count::new(table, leaves.clone()));
                place
            }
        };
        self.list[place].add(self.of, units);
    }

    /// Counts the changes of the known fields in a row: `before` in the last snapshot, `was` in the forecast, and `is`
    /// in the new snapshot.
    #[inline]
    fn add_changes(&mut self, table: usize, before: &[u32], (was, is): (&[u32], &[u32])) {
        for count in self.list.iter_mut().filter(|count| count.table == table) {
            let leaves = count.leaves.clone();
            let (before, was, is) = (&before[leaves.clone()], &was[leaves.clone()], &is[leaves]);
            count.changes += u64::from(was != before || is != before);
            count.wrong_changes += u64::from(was != is);
        }
    }
}

impl Count {
    const fn new(table: usize, leaves: Range<usize>) -> Self {
        let (newest, units_sum, units_max) = ((0, 0.0), 0.0, 0.0);
        Self { table, leaves, snapshots: 0, newest, units_sum, units_max, changes: 0, wrong_changes: 0 }
    }

    #[inline]
    fn add(&mut self, snapshot: u64, units: f32) {
        if self.newest.0 != snapshot {
            self.snapshots += 1;
            self.newest = (snapshot, 0.0);
        }
        if units > self.newest.1 {
            self.units_sum += f64::from(units - self.newest.1);
            self.newest.1 = units;
            self.units_max = crate::math::max(self.units_max, units);
        }
    }

    #[inline]
    fn field(&self, schema: &Schema, of: u64) -> CorrectedField {
        CorrectedField {
            field: path_of_field(schema, self.table, self.leaves.start),
            snapshots: self.snapshots,
            of,
            units_mean: mean(self.units_sum, self.snapshots),
            units_max: self.units_max,
            changes: self.changes,
            wrong_changes: self.wrong_changes,
        }
    }
}

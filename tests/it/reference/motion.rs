//! The expected places of undisturbed rows, computed from the schema's units.

use tickwire::state::{Group, LeafKind, Motion, Schema, TableSchema};
use tickwire::world::snapshot::Snapshot;

/// The number of parts of a step; a speed is rounded to such a part.
const PARTS: f64 = 65_536.0;

/// The expected leaves of a field that a function moves. `now` is the row as far as it has been decoded.
pub(super) fn run(group: &Group, was: &[u32], now: &[u32], ticks: u32) -> Vec<u32> {
    let (mut before, mut field) = (was[group.row.clone()].to_vec(), was[group.field.clone()].to_vec());
    let start = group.field.start - group.row.start;
    for _ in 0..ticks {
        (group.advance)(&before, &now[group.row.clone()], &mut field);
        before[start..start + field.len()].copy_from_slice(&field);
    }
    field
}

/// The expected value of a leaf that had the value `was`, and that the leaf `by` moves, whose value is `speed` by now.
pub(super) fn slid(table: &TableSchema, leaf: usize, by: usize, was: u32, speed: u32, ticks: u32) -> u32 {
    let (leaf, by) = (&table.leaves[leaf], &table.leaves[by]);
    let parts = |value: f64| i128::from((value * (PARTS / f64::from(leaf.unit))).round() as i64);
    // The sum wraps at 64 bits, as the product's does. No sensible speed comes near that bound, but both decoders have
    // to agree on the others too.
    let wrap = |value: i128| i128::from(value as i64);
    let speed = wrap(parts(by.min) + parts(f64::from(by.unit)) * i128::from(speed) + 32_768).div_euclid(65_536);
    let now = wrap(i128::from(was) + speed * i128::from(ticks));
    let max = i128::from(leaf.max);
    let now = if leaf.kind == LeafKind::Turn { now.rem_euclid(max + 1) } else { now.clamp(0, max) };
    u32::try_from(now).expect("a leaf's value is within its range")
}

/// The world `ticks` ticks later if nothing disturbs it.
pub(crate) fn undisturbed(schema: &Schema, world: &Snapshot, ticks: u32) -> Snapshot {
    let mut next = world.clone();
    next.tick = world.tick + ticks;
    for (number, table) in schema.tables.iter().enumerate() {
        let width = world.tables[number].width;
        for row in next.tables[number].wire.chunks_exact_mut(width) {
            let was = row.to_vec();
            for leaf in 0..width {
                match table.leaves[leaf].motion {
                    Motion::Hold => {}
                    Motion::By(slide) => row[leaf] = slid(table, leaf, slide.by, was[leaf], row[slide.by], ticks),
                    Motion::With(group) => {
                        let group = &table.groups[group];
                        row[leaf] = run(group, &was, row, ticks)[leaf - group.field.start];
                    }
                }
            }
        }
    }
    next
}

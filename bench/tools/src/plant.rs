//! Planted corruptions: one field of one client's world is damaged, to test whether the damage is noticed and healed.

use tickwire::client::Session;
use tickwire::state::Schema;
use tickwire::world::diff::path;
use tickwire::{Game, Rng, Tick};

/// Attempts at the most to find a leaf that the client holds and that can be damaged.
const TRIES_MAX: u32 = 1_000;

/// A field that was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The tick of the damaged world.
    pub tick: Tick,
    /// The damaged field, as autopsies name it.
    pub path: String,
}

/// Gives a random field of a random row that the client holds another value; `None` when the client holds no rows.
pub fn plant<G: Game>(session: &mut Session<G>, dice: &mut Rng) -> Option<Planted> {
    let schema = Schema::of::<G>();
    let mut below = |bound: usize| dice.below(u32::try_from(bound).unwrap_or(u32::MAX)) as usize;
    for _ in 0..TRIES_MAX {
        let world = session.confirmed();
        let table = below(world.tables.len());
        let rows = world.tables.get(table)?;
        if rows.ids.is_empty() || rows.width == 0 {
            continue;
        }
        let (index, leaf) = (below(rows.ids.len()), below(rows.width));
        let (row, old) = (rows.ids[index], rows.row(index)[leaf]);
        let values = (schema.tables[table].leaves[leaf].max as usize).saturating_add(1);
        let value = u32::try_from(below(values)).ok().filter(|value| *value != old);
        if let Some(tick) = value.and_then(|value| session.damage(table, row, leaf, value)) {
            return Some(Planted { tick, path: path(&schema, table, row, Some(leaf)) });
        }
    }
    None
}

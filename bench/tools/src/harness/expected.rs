//! The world that a player may see, computed in the slow and plain way, to judge sections, topics and deltas.

use tickwire::Seat;
use tickwire::state::{Schema, Visibility};
use tickwire::world::snapshot::{Rows, Snapshot};

/// The part of a world that the player in `seat` may hold; everything else is zero or absent.
pub fn visible_world(schema: &Schema, world: &Snapshot, seat: Seat) -> Snapshot {
    let mut visible = Snapshot::empty(schema);
    visible.tick = world.tick;
    for (number, table) in schema.tables.iter().enumerate() {
        let mut rows = Rows::new(table.leaves.len());
        for (index, id) in world.tables[number].ids.iter().enumerate() {
            let row = world.tables[number].row(index);
            let shows = |leaf: usize| {
                let leaf = &table.leaves[leaf];
                let mine = leaf.owner.is_some_and(|owner| row[owner] == u32::from(seat.number()) + 1);
                match leaf.marks.visibility {
                    Visibility::All => true,
                    Visibility::Owner => mine,
                    Visibility::Server => false,
                }
            };
            // The root row always exists; a player holds another row if any of its fields is visible to that player.
            if number == 0 || (0..row.len()).any(shows) {
                let out = rows.push(*id);
                (0..row.len()).filter(|leaf| shows(*leaf)).for_each(|leaf| out[leaf] = row[leaf]);
            }
        }
        visible.tables[number] = rows;
    }
    visible
}

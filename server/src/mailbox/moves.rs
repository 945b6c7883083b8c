//! The messages between the net thread and the shards for rooms that move to another node.

use crate::journal::Frozen;
use tickwire::Tick;

/// The copy of a room that was taken out of its shard.
pub(crate) struct TakenOut {
    /// Its newest tick, of which everybody has been told.
    pub(crate) tick: Tick,
    /// The hash of its world.
    pub(crate) hash: u32,
    /// The room with its header.
    pub(crate) copy: Box<dyn Frozen>,
}

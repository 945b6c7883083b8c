//! The lobby: the rooms that exist, their codes and shards, who may enter them, and the choice of a room for a quick
//! match.
//!
//! The lobby lives on the net thread alone and knows rooms from the shards' reports; it holds no socket and no clock.

mod code;
mod directory;
mod door;

pub use code::{CODE_ALPHABET, Code};
pub(crate) use directory::{Directory, DirectoryLimits, NoRoomLeft, Place, RoomEntry, Wanted};
pub(crate) use door::{Door, Look, look};

/// The identity of a room inside the server, never given twice. Codes are for people, and a code rests after its room
/// has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RoomId(pub(crate) u64);

impl RoomId {
    /// The identity of no room.
    pub(crate) const NOWHERE: Self = Self(u64::MAX);
}

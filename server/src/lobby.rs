//! The lobby: the rooms that exist, their codes and shards, and the choice of a room for a quick match.
//!
//! The lobby lives on the net thread alone and knows rooms from the shards' reports; it holds no socket and no clock.

mod code;
mod directory;

pub use code::{CODE_ALPHABET, Code};
pub(crate) use directory::{Directory, DirectoryLimits, NoRoomLeft, Place, RoomEntry, Wanted};

/// The identity of a room inside the server, never given twice. Codes are for people, and a code rests after its room
/// has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RoomId(pub(crate) u64);

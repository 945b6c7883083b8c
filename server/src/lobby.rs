//! The lobby: which rooms there are, under which codes, on which shards, and who is sent where.
//!
//! It lives on the net thread alone and knows rooms from the shards' reports; it holds no socket and no clock.

mod code;
mod directory;

pub use code::{CODE_ALPHABET, Code};
pub(crate) use directory::{Directory, Place, RoomEntry, Wanted};

/// A room's name inside the server, never given twice. Codes are for people, and rest after use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RoomId(pub(crate) u64);

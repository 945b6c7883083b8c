//! Bounds of the work on faults: autopsies of desyncs, and the measures of a room against panics.

/// Fields that an autopsy names; a client whose world differs in more fields starts over from a keyframe.
pub const AUTOPSY_DIFFERENCES_MAX: usize = 64;

/// Inputs that an autopsy lists.
pub const AUTOPSY_INPUTS_MAX: usize = 512;

/// Bytes of the full state and the tick inputs from which an autopsy can be replayed; when there are more, the autopsy
/// has no replay.
pub const AUTOPSY_REPLAY_BYTES_MAX: usize = 131_072;

/// Autopsies that may wait in a room until they are written; further ones are lost.
pub const AUTOPSIES_WAITING_MAX: usize = 8;

/// Autopsies that a server writes; later ones are dropped. The first autopsies are the ones that show the cause.
pub const AUTOPSIES_MAX: usize = 1_000;

/// Names that are tried for an autopsy, each with another number. A name is taken only if an earlier server has written
/// an autopsy of the same second, room and tick.
pub const AUTOPSY_NAMES_MAX: usize = 16;

/// Autopsies that one room writes; later ones are dropped. One bad build differs again and again.
pub const AUTOPSIES_PER_ROOM_MAX: usize = 4;

/// Autopsies of clients of one address that a server writes per hour; later ones are dropped, so that one address does not
/// use up [`AUTOPSIES_MAX`] before the next real difference.
pub const AUTOPSIES_PER_HOUR: u32 = 16;

/// Reports on failed rooms of one game that a server writes per hour; later ones are dropped. Rooms of a game that fails
/// again and again are opened again and again, and would use up [`AUTOPSIES_MAX`] before the first failure of another one.
pub const ROOM_FAILURES_PER_HOUR: u32 = 16;

/// Seconds of ticks, within a minute, that a room makes with neutral inputs after panics of its game; with more it ends
/// (1011). The actions of players have no effect in such a tick, so a game with too many of them is not played any
/// more.
pub const NEUTRAL_SECONDS_PER_MINUTE_MAX: u32 = 5;

/// Seconds after which a room tells its game again of somebody who has left, when the game has panicked on that. They
/// double each time, up to the second number. Meanwhile the seat stays empty, and no bot comes.
pub const SETTLE_SECONDS: (u32, u32) = (1, 64);

/// Seconds between two lines in the log about panics that a room has survived; the second one counts those in between.
pub const UNDONE_LINE_SECONDS: u32 = 1;

/// Seconds within which a second panic outside of a tick ends a room (1011). After the first one everything that was
/// sent is forgotten and made anew.
pub const START_OVER_SECONDS: u64 = 60;

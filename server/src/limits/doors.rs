//! Bounds of the doors of rooms: secrets, players who may not come back, and players who have to go.

use std::ops::RangeInclusive;

/// Wrong secrets of private rooms that a server looks at per second, from all addresses; further ones are refused (429,
/// and 4006 in a hello). Each costs an Argon2id, about 20 ms of a core.
pub const SECRET_GUESSES_PER_SECOND: u32 = 10;

/// Passwords of rooms that are hashed at the same time: each takes 19 MiB of memory.
pub const PASSWORD_HASHES_AT_ONCE: usize = 2;

/// Passwords of rooms that may wait to be hashed; further ones are refused (503, and 1013 in a hello).
pub const PASSWORD_HASHES_WAITING_MAX: usize = 64;

/// Seconds for which a player whom the owner has kicked may not come back into the room.
pub const KICKED_SECONDS: u32 = 60;

/// Players and addresses that a room keeps out at the same time; with one more the oldest may come back.
pub const KEPT_OUT_MAX: usize = 64;

/// Seconds for which a room goes on with spectators alone; after that they are closed (4003), and the room ends like any
/// that is empty.
pub const SPECTATORS_ALONE_SECONDS: u32 = 300;

/// Default of the setting for the minutes for which the input of a player may stay the same (4012).
pub const AFK_MINUTES: u32 = 10;

/// Range of that setting; 0 for no limit.
pub const AFK: RangeInclusive<usize> = 0..=1_440;

/// Default of the setting for the seconds for which a quick match waits for people before bots take the free seats.
pub const FILL_SECONDS: u32 = 2;

/// Range of that setting.
pub const FILL: RangeInclusive<usize> = 0..=600;

/// Seconds from one match that the owner of a room starts to the next: a world takes its time to make.
pub const MATCH_STARTS_SECONDS: u32 = 2;

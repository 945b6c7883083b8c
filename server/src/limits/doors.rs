//! Bounds of the doors of rooms: secrets, and who may not come back.

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

//! Limits of the things that are kept of rooms, and of the time in which they go on after a start.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Default of the setting for the time after which the disk has what was written, in milliseconds.
pub const SYNC_MS: u32 = 25;

/// Rooms whose ticks are written to the journal together.
pub const COMMIT_ROOMS: usize = 16;

/// Default of the setting for the seconds in the game after which a room is kept whole again at the latest.
pub const WORLD_SECONDS_MAX: u32 = 10;

/// Range of that setting.
pub const WORLD_SECONDS: RangeInclusive<usize> = 5..=3_600;

/// The longest time between two rooms of a shard that are kept whole; it is shorter where they are many.
pub const CHECKPOINT_PAUSE: Duration = Duration::from_micros(31_250);

/// Time for which a start waits for the short match of a game by which changed rules are found.
pub const BEHAVIOUR_MAX: Duration = Duration::from_secs(2);

/// Time for which a failed write is told at least, from the last one on.
pub const JOURNAL_TROUBLE_TOLD: Duration = Duration::from_secs(10);

/// Memory of earlier checkpoints that a shard keeps for later ones.
pub const CHECKPOINT_SPARES_MAX: usize = 4;

/// Default of the setting for the milliseconds that the ticks since the newest checkpoints of a shard's rooms may take to
/// be played again.
pub const REPLAY_MS_MAX: u32 = 800;

/// Range of that setting. A room that is made again is no thread that stands still, and rooms are not written whole all
/// the time.
pub const REPLAY_MS: RangeInclusive<usize> = 100..=3_000;

/// Time for which a room that was made again waits for its players. A client gives up an attempt to connect after 3 s.
pub const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Time for which it waits for the others once the first is back.
pub const PAUSE_AFTER_FIRST: Duration = Duration::from_secs(2);

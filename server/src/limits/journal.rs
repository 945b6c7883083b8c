//! Bounds of the journal: how much of a disk it takes, how far it may be behind, and how often it tries again.

use std::time::Duration;

/// Bytes of a segment, the file that a log consists of.
pub(crate) const JOURNAL_SEGMENT_BYTES: u64 = 16 << 20;

/// Default of the setting for the bytes of all segments together.
pub(crate) const JOURNAL_BYTES: u64 = 4 << 30;

/// Bytes of the file that gives the journal about a minute when the disk is full.
pub(crate) const JOURNAL_RESERVE_BYTES: u64 = 64 << 20;

/// Default of the setting for the time by which a disk may be behind the journal.
pub(crate) const JOURNAL_SYNC_INTERVAL: Duration = Duration::from_millis(super::SYNC_MS as u64);

/// Milliseconds from a failure to the next segment that a log is offered.
pub(crate) const JOURNAL_RETRY_MS: u64 = 1_000;

/// Milliseconds from one look for segments that nobody needs any more to the next one.
pub(crate) const JOURNAL_CARE_MS: u64 = 1_000;

/// Milliseconds after the last failure until the reserve is made again.
pub(crate) const JOURNAL_RESERVE_RETRY_MS: u64 = 60_000;

/// Segments that lie ready for any log, beside the one that each log has before it needs it.
pub(crate) const JOURNAL_SPARES: usize = 2;

/// Bytes of a page of memory. After each sync a log begins a new page, for it might wait for the disk in the old one.
pub(crate) const JOURNAL_PAGE_BYTES: u64 = 4_096;

/// Bytes that are written to a new file at once. The keeper syncs the logs between two of these pieces.
pub(crate) const JOURNAL_PIECE_BYTES: usize = 1 << 20;

/// Bytes of one write to a new file. A file system may keep a write together in memory as one large page, and then each
/// small write into it and each sync goes through all of its blocks.
pub(crate) const JOURNAL_FILL_BYTES: usize = 16 << 10;

/// Checkpoints that may wait for the keeper, and notices that may wait for a shard.
pub(crate) const CHECKPOINTS_WAITING_MAX: usize = 256;

/// Bytes of checkpoints after which they are written. Several small ones share a write and a sync.
pub(crate) const CHECKPOINT_BATCH_BYTES: usize = 256 << 10;

/// Rooms that are asked for a checkpoint in one look for segments that nobody needs any more.
pub(crate) const CHECKPOINTS_ASKED_MAX: usize = 32;

/// Time for which the keeper may work on one thing. A disk that takes this long for a sync is out of order.
pub(crate) const KEEPER_STALL_MAX: Duration = Duration::from_secs(60);

/// Time within which bad ends of processes count as a loop, and for which a process that follows on one notes every tick
/// that it is about to make.
pub(crate) const CRASH_WINDOW: Duration = Duration::from_millis(CRASH_WINDOW_MS);

/// The same in milliseconds.
pub(crate) const CRASH_WINDOW_MS: u64 = 60_000;

/// The longest time from the end of a process to the start of the next one for which they are still a loop: a supervisor
/// waits longer before each start.
pub(crate) const RESTART_DELAY_MAX_MS: u64 = 600_000;

/// Rooms under suspicion at the most. At a bad end each shard and each slow lane works on one room.
pub(crate) const SUSPECTS_MAX: usize = 512;

/// Time after a start in which a client that comes back to a room that was set aside is told that the room has failed.
/// Later it is told that there is no such room, after which clients do not try again.
pub(crate) const SET_ASIDE_TOLD: Duration = Duration::from_secs(30);

const _: () = assert!(JOURNAL_SEGMENT_BYTES.is_multiple_of(JOURNAL_PIECE_BYTES as u64), "segments are whole pieces");

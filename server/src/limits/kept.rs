//! Limits of the things that the whole server keeps over its end, besides its rooms.

use std::time::Duration;

/// Changes after which everything that is kept is written anew as one piece.
pub(crate) const KEPT_CHANGES_MAX: usize = 1_000;

/// Time after which it is written anew at the latest, if anything has changed.
pub(crate) const KEPT_WORLD_INTERVAL: Duration = Duration::from_secs(10);

/// Bytes of the messages in topics that are kept; beyond them the oldest are forgotten.
pub(crate) const KEPT_LINES_BYTES_MAX: usize = 2 << 20;

/// Receipts of all players together that are kept.
pub(crate) const KEPT_RECEIPTS_MAX: usize = 32_768;

/// Players that are muted. Beyond them those whose mute ends first speak again after a start.
pub(crate) const KEPT_MUTES_MAX: usize = 10_000;

/// Players that others have blocked, all together. Further ones are heard again after a start.
pub(crate) const KEPT_BLOCKS_MAX: usize = 20_000;

/// Bytes of the events that wait for all endpoints of webhooks together, when they outlive the process. An event for two
/// endpoints counts twice.
pub(crate) const KEPT_OUTBOX_BYTES_MAX: usize = 4 << 20;

/// Bytes of the events that are part of what is kept and wait for the disk.
pub(crate) const KEPT_HELD_BYTES_MAX: usize = 512 << 10;

/// Bytes of the events that wait for their turn before that. Further ones wait in the channel, and are lost when that is
/// full.
pub(crate) const KEPT_TOLD_BYTES_MAX: usize = 3 << 20;

/// Milliseconds that an event waits for the log that it is written in. Then it is written to another one: a log with which
/// the disk has failed does not say so before its next write.
pub(crate) const KEPT_SYNC_MS_MAX: u64 = 2_000;

/// Rooms whose events are counted over a start.
pub(crate) const KEPT_ROOMS_MAX: usize = 16_384;

/// Bytes of the players whose leaving is yet to be told.
pub(crate) const KEPT_PLAYERS_BYTES_MAX: usize = 1 << 20;

/// Bytes of one change at the most.
pub(crate) const KEPT_CHANGE_BYTES_MAX: usize = 65_536;

/// Bytes of everything that is kept.
pub(crate) const KEPT_BYTES_IN_ALL_MAX: usize = 15 << 20;

const _: () = assert!(KEPT_BYTES_IN_ALL_MAX < super::JOURNAL_SEGMENT_BYTES as usize, "it fits into a segment");

//! Planted bugs: mistakes in the keeping of rooms that a test can switch on, to prove that it would notice them.
//!
//! Without the feature `planted-bugs` no bug can be planted, and every question for one is a constant. With it a bug is
//! planted for one thread. No program that players or operators run has the feature; only tests ask for it.

/// One mistake by which a room that outlives its process would come back wrong, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The record of a tick does not say how old a view of others the players had.
    AgeNotRecorded,
    /// The world of a room is kept without the last actions, from which the next record tells the differences.
    LastActionsNotKept,
    /// The world of a room is kept without the recent worlds that a shot may look back into.
    RecentWorldsNotKept,
    /// The hash of a full state does not cover the random numbers.
    HashWithoutGenerator,
    /// The hash of a full state does not cover the slots of its tables.
    HashWithoutFreeSlots,
    /// A kept seat has no digest of its player's token.
    TokenDigestLost,
    /// A kept seat has no digest of the token that its player may still have, when the newest one has not arrived.
    OldTokenDigestLost,
    /// The seat of a player who is away when the room is kept is free afterwards.
    AwaySeatLost,
    /// A room forgets its owner, its lock and its bans.
    OwnerLost,
    /// A record does not say that the occupants of the seats have changed.
    ChangeOfSeatsNotRecorded,
    /// A tick is sent before it is written.
    SentBeforeWritten,
    /// The checksum of a batch does not cover as many bytes as the batch is long, but its head alone. A checksum that lacks
    /// nothing but the number would be no bug: a body of another length has another sum.
    ChecksumWithoutLength,
    /// The checksum of a batch does not cover its place in the segment.
    ChecksumWithoutPlace,
    /// A former life of a file is not told from the present one.
    StaleSegment,
    /// Missing writes between two files of a log are not told.
    MissingWritesUntold,
    /// The tick from which a room has gone on after a start counts for nothing.
    RevivedTickIgnored,
    /// The end of a room is forgotten before the rest of the room.
    EndForgotten,
    /// A segment of ticks is freed as soon as its rooms have a checkpoint, however old it is.
    SegmentFreedEarly,
    /// The newest segment of a log is freed like any other one, so that nothing tells how much of the log was there.
    LastSegmentFreed,
    /// Outputs are told that the disk has what was only written.
    WatermarkAhead,
}

#[cfg(feature = "planted-bugs")]
mod planted {
    extern crate std as host;

    use super::Bug;
    use core::cell::Cell;

    host::thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug, or none, in the code that this thread runs.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    impl Bug {
        /// Whether this bug is planted.
        #[must_use]
        pub fn is_planted(self) -> bool {
            PLANTED.get() == Some(self)
        }
    }
}

#[cfg(feature = "planted-bugs")]
pub use planted::plant;

#[cfg(not(feature = "planted-bugs"))]
impl Bug {
    /// Whether this bug is planted: never in a build without the feature.
    #[must_use]
    pub const fn is_planted(self) -> bool {
        false
    }
}

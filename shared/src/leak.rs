//! Planted leaks: switches by which hidden things show, so that a test can prove that it would notice.
//!
//! Without the feature `planted-leaks` no leak can be planted, and every question for one is a constant. With it a leak
//! is planted for the rooms of one thread. No program has the feature; only tests ask for it.

/// One thing by which a message tells a seat of something that the seat may not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// New rows take the lowest free slot of the whole table, and generations count from 0.
    LowestSlots,
    /// All seats draw slots from one pool.
    OnePool,
    /// The draws of all pools are counted together.
    CommonDraws,
    /// The generations that slots begin with count the slots of all pools.
    CountedGenerations,
    /// The limit of events counts those of all audiences.
    CommonEventLimit,
    /// Everyone receives the events of every seat.
    EventsForAll,
    /// A message says that it has events when anyone has.
    EventsAnnounced,
    /// The dice of one audience come from those of all.
    CommonDice,
    /// The priors learn from the topics of single seats.
    PriorsOfSeats,
    /// The number of sections counts rows that the topic does not show.
    SectionsOfAllRows,
    /// The hash of a section covers rows that the topic does not show.
    HashOfAllRows,
    /// The rows of others are in a seat's topic, without their values.
    RowsOfOthers,
    /// The private leaves of others are in a seat's topic.
    LeavesOfOthers,
    /// The answer to a dispute has the hashes of hidden rows.
    DisputedRowsOfOthers,
    /// A message says that inputs are missing when anyone's are.
    StarvedSeats,
}

impl Leak {
    /// All leaks.
    pub const ALL: [Self; 15] = [
        Self::LowestSlots,
        Self::OnePool,
        Self::CommonDraws,
        Self::CountedGenerations,
        Self::CommonEventLimit,
        Self::EventsForAll,
        Self::EventsAnnounced,
        Self::CommonDice,
        Self::PriorsOfSeats,
        Self::SectionsOfAllRows,
        Self::HashOfAllRows,
        Self::RowsOfOthers,
        Self::LeavesOfOthers,
        Self::DisputedRowsOfOthers,
        Self::StarvedSeats,
    ];
}

#[cfg(feature = "planted-leaks")]
mod planted {
    extern crate std as host;

    use super::Leak;
    use core::cell::Cell;

    host::thread_local! {
        static PLANTED: Cell<Option<Leak>> = const { Cell::new(None) };
    }

    /// Plants a leak, or none, for the rooms of this thread.
    pub fn plant(leak: Option<Leak>) {
        PLANTED.set(leak);
    }

    /// Whether this leak is planted.
    #[must_use]
    pub fn is_planted(leak: Leak) -> bool {
        PLANTED.get() == Some(leak)
    }
}

#[cfg(feature = "planted-leaks")]
pub use planted::{is_planted, plant};

/// Whether this leak is planted: never in a build without the feature.
#[cfg(not(feature = "planted-leaks"))]
#[must_use]
pub const fn is_planted(_: Leak) -> bool {
    false
}

//! Whether the server wants new players: the answer of `/readyz`, and the reasons against.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// A reason for which the server takes no new players at the moment. The words are those of `/readyz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The server stops.
    Draining,
    /// There are as many rooms as there may be.
    Rooms,
    /// The process uses as much memory as it may.
    Memory,
    /// No shard has time for another room.
    Work,
    /// Rooms that an earlier process has kept are still to be made again.
    Recovering,
    /// The events of rooms cannot be written to the journal.
    Journal,
    /// Other nodes do not know of this one yet.
    Nodes,
}

impl Reason {
    /// Every reason, in the order in which `/readyz` names them.
    const ALL: [Self; 7] =
        [Self::Draining, Self::Recovering, Self::Nodes, Self::Journal, Self::Rooms, Self::Memory, Self::Work];

    /// The name of the reason, for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Rooms => "rooms",
            Self::Memory => "memory",
            Self::Work => "work",
            Self::Recovering => "recovering",
            Self::Journal => "journal",
            Self::Nodes => "nodes",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Draining => "draining: the server stops, or an operator drains it",
            Self::Rooms => "full: there are as many rooms as there may be",
            Self::Memory => "full: the process uses as much memory as it may",
            Self::Work => "full: no shard has time for another room",
            Self::Recovering => "recovering: rooms of an earlier process are being made again",
            Self::Journal => "journal: what happens in rooms cannot be written to the data folder",
            Self::Nodes => "nodes: the other nodes do not know of this one yet",
        })
    }
}

/// The reasons that hold at the moment. Any thread may set or clear one.
#[derive(Debug, Default)]
pub(crate) struct Readiness(AtomicU8);

impl Readiness {
    /// A reason holds from now on, or does not.
    pub(crate) fn hold(&self, reason: Reason, holds: bool) {
        match holds {
            true => self.0.fetch_or(reason.bit(), Ordering::Relaxed),
            false => self.0.fetch_and(!reason.bit(), Ordering::Relaxed),
        };
    }

    /// The reasons that hold; the server is ready when there is none.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = Reason> + use<> {
        let bits = self.0.load(Ordering::Relaxed);
        Reason::ALL.into_iter().filter(move |reason| bits & reason.bit() != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_until_a_reason_is_set() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons().count(), 0);
        readiness.hold(Reason::Draining, true);
        readiness.hold(Reason::Draining, true);
        assert_eq!(readiness.reasons().collect::<Vec<_>>(), [Reason::Draining]);
        assert!(Reason::Draining.to_string().starts_with("draining"));
        readiness.hold(Reason::Memory, true);
        assert_eq!(readiness.reasons().count(), 2);
        readiness.hold(Reason::Memory, false);
        readiness.hold(Reason::Work, false);
        assert_eq!(readiness.reasons().collect::<Vec<_>>(), [Reason::Draining]);
    }
}

//! A room in numbers: its state now, and the events that it has counted.

use super::{GameCall, Room};
use tickwire::{Game, Tick};

/// A room in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The newest tick.
    pub tick: Tick,
    /// Seats taken by people, including those whose connection is lost.
    pub players: u8,
    /// Seats taken by bots, which the server plays.
    pub bots: u8,
    /// Seats in which nobody is and which nobody gets for now, because the game does not know yet that they were left.
    pub unsettled: u8,
    /// Seats in all.
    pub seats: u8,
    /// Whether newcomers are refused.
    pub is_locked: bool,
}

/// The counters of a room, counted since they were last taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Inputs that arrived after their tick.
    pub late_inputs: u64,
    /// Inputs for ticks too far ahead.
    pub early_inputs: u64,
    /// Inputs for a tick that already had one.
    pub duplicate_inputs: u64,
    /// Ticks for which a connected player had no input in time.
    pub starved_ticks: u64,
    /// Predictions that clients had to correct, as they say.
    pub corrections: u64,
    /// Snapshots that were not written because the member was behind, or because too many others had baselines of their
    /// own.
    pub superseded_snapshots: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Snapshots among them that were keyframes.
    pub keyframes: u64,
    /// Encodings of the room's sections; fewer than snapshots where members share them.
    pub encodings: u64,
    /// Worlds of older baselines that had to be unpacked.
    pub unpacked_worlds: u64,
    /// Inputs whose claimed view was older than the member's acknowledgements allow, and was shortened.
    pub clamped_views: u64,
    /// Acknowledged hashes that were compared.
    pub hashes_compared: u64,
    /// Hashes among them that differed.
    pub hash_mismatches: u64,
    /// Disputes that members have sent: claims that their worlds differ.
    pub disputes_claimed: u64,
    /// Differences among them that were confirmed: the member has named rows that are not the room's.
    pub desyncs: u64,
    /// Desyncs among them that were settled by correcting single leaves.
    pub desyncs_healed: u64,
    /// Connections of clients that were built from other sources than the server.
    pub other_builds: u64,
    /// Ticks that were undone and made again, by the call of the game that has panicked: in the order of
    /// [`GameCall::CAUSES`](super::GameCall::CAUSES).
    pub ticks_undone: [u64; GameCall::CAUSES.len()],
    /// Choices of bots in which the game has panicked.
    pub bot_panics: u64,
    /// Messages for the room's topics on which the game has panicked.
    pub publish_panics: u64,
}

impl<G: Game> Room<G> {
    /// The room in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (players, bots) = self.roster.count();
        let is_locked = self.ownership.state().1;
        let unsettled = self.roster.unsettled.count();
        Summary { tick: self.tick, players, bots, unsettled, seats: G::RULES.seats, is_locked }
    }

    /// Takes the counters and resets them to zero.
    pub fn take_counters(&mut self) -> Counters {
        core::mem::take(&mut self.counters)
    }
}

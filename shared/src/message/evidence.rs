//! Evidence: what client and server say to find out where their worlds differ. [`desync`](crate::desync) is about
//! what they make of it.

use super::{CLIENT_EVIDENCE, SERVER_EVIDENCE, control_message};
use crate::limits::{CONTROL_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use crate::tick::Tick;
use crate::wire::DecodeError;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

/// Rows that a testimony tells of at the most: where more differ, a keyframe is as good.
pub const ROW_DUMP_ROWS_MAX: usize = 48;

/// Ticks that a dispute may go back; further ones start over from a keyframe.
pub const DISPUTED_TICKS_MAX: usize = 256;

/// What a client says about a difference.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientEvidence {
    /// The worlds differ, or a delta did not fit.
    Dispute {
        /// The newest tick in question.
        tick: Tick,
        /// Of the client's whole worlds, one per tick, up to that one; the first is of the last that both agreed on.
        /// Empty for snapshots: they are compared one by one.
        hashes: Vec<u32>,
    },
    /// The rows of the client that differ from what an inquiry said.
    RowDump(RowDump),
}

/// What the server says about a difference.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ServerEvidence {
    /// What the client should have had at the first tick that differs.
    RowHashes {
        /// That tick.
        tick: Tick,
        /// Per table, the root first, the hash of the row in each slot; 0 without a row.
        rows: Vec<Vec<u32>>,
    },
    /// What is to be set right.
    Correction {
        /// In the world of which tick.
        tick: Tick,
        /// The leaves and their values.
        leaves: Vec<LeafClaim>,
    },
}

/// The rows of a client that differ.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RowDump {
    /// In the world of which tick.
    pub tick: Tick,
    /// The client's [`BUILD`].
    pub build: String,
    /// What the client's build makes of the game: its [`behaviour_hash`].
    pub behaviour_hash: u64,
    /// What the client has where the hashes differ.
    pub rows: Vec<RowClaim>,
    /// Whether more rows differ than are told.
    pub more: bool,
}

/// What somebody has in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RowClaim {
    /// Index of the table in the schema.
    pub table: u8,
    /// The slot.
    pub slot: u16,
    /// Generation and wire integers of the row that is there.
    pub row: Option<(u16, Vec<u32>)>,
}

/// What a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LeafClaim {
    /// Index of the table in the schema.
    pub table: u8,
    /// Slot of the row.
    pub slot: u16,
    /// Index of the leaf in the row.
    pub leaf: u16,
    /// Its wire integer.
    pub value: u32,
}

control_message! {
    ClientEvidence = CLIENT_EVIDENCE, CONTROL_BYTES_MAX;
    ServerEvidence = SERVER_EVIDENCE, SERVER_MESSAGE_BYTES_MAX;
}

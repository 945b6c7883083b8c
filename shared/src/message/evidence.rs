//! Evidence: the messages by which client and server find out where their worlds differ. [`desync`](crate::desync)
//! holds the steps that use them.

use super::{CLIENT_EVIDENCE, SERVER_EVIDENCE, control_message};
use crate::limits::{CONTROL_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use crate::tick::Tick;
use crate::wire::DecodeError;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

/// Rows of one row dump at the most: where more rows differ, a keyframe is as good.
pub const ROW_DUMP_ROWS_MAX: usize = 48;

/// Ticks that a dispute may go back at the most; a client that would go further back starts over from a keyframe.
pub const DISPUTED_TICKS_MAX: usize = 256;

/// The client's messages about a difference.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientEvidence {
    /// The worlds differ, or a delta did not fit.
    Dispute {
        /// The newest tick that is disputed.
        tick: Tick,
        /// The hashes of the client's full states, one per tick, up to that tick; the first is that of the last tick on
        /// which both agreed. Empty in snapshot mode: snapshots are compared one by one.
        hashes: Vec<u32>,
    },
    /// The client's rows that differ from the row hashes.
    RowDump(RowDump),
}

/// The server's messages about a difference.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ServerEvidence {
    /// The hashes of the rows that the client should have had at the first tick that differs.
    RowHashes {
        /// The first tick that differs.
        tick: Tick,
        /// Per table, the root first, the hash of the row in each slot; 0 for a slot without a row.
        rows: Vec<Vec<u32>>,
    },
    /// The leaves that the client must correct.
    Correction {
        /// The tick of the world in which they are corrected.
        tick: Tick,
        /// The leaves and their values.
        leaves: Vec<LeafClaim>,
    },
}

/// The row dump: the rows of a client that differ.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RowDump {
    /// The tick of the world that the rows are from.
    pub tick: Tick,
    /// The client's [`BUILD`](crate::determinism::behaviour::BUILD).
    pub build: String,
    /// The [`behaviour_hash`](crate::determinism::behaviour::behaviour_hash) of the client's build: the hash of a
    /// short, fixed match.
    pub behaviour_hash: u64,
    /// The client's rows in the slots whose hashes differ.
    pub rows: Vec<RowClaim>,
    /// Whether more rows differ than are listed.
    pub more: bool,
}

/// The row that a client claims to have in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RowClaim {
    /// Index of the table in the schema.
    pub table: u8,
    /// The slot.
    pub slot: u16,
    /// Generation and wire integers of the row that is there; `None` for an empty slot.
    pub row: Option<(u16, Vec<u32>)>,
}

/// The value of a leaf.
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

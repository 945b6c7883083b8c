//! Several nodes that are one service: which node has which room, and where the nodes are.
//!
//! ```text
//! node ── claims, lease ──▶ registry ── changes ──▶ replica of every node ──▶ look-ups
//! ```
//!
//! A node is a process with its own rooms. The registry has a claim for each room and a lease for each node. Each node
//! follows it and keeps a replica, so that a look-up never leaves the node. There are two registries: one inside of a
//! process, which is the usual one, and one in NATS.
//!
//! Guarantees: no two nodes have rooms of one code, and what a registry or another node says is never trusted to be well
//! formed. A registry that is away stops no room; only new rooms need it.

mod claim;
pub(crate) mod hail;
mod in_process;
mod key_file;
mod nats;
mod placement;
mod registry;
#[cfg(test)]
mod registry_cases;
mod replica;

pub(crate) use claim::{NodeId, NodeLease, Revision, RoomClaim};
pub use in_process::Nodes;
pub use key_file::PeerKeyError;
pub(crate) use key_file::read_keys;
pub use nats::NatsFault;
pub(crate) use nats::{NatsSettings, NatsThread};
pub(crate) use placement::{LOAD_FULL, in_order, load_of};
pub(crate) use registry::{AnyRegistry, Change, Registry, Write, WriteFault};
pub(crate) use replica::{Replica, Whereabouts};

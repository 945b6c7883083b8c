//! A registry: the one place where claims and leases are, and where each of them changes only as expected.

use super::claim::{NodeId, NodeLease, Revision, RoomClaim, Unreadable};
use super::in_process::Nodes;
use super::nats::Nats;
use crate::lobby::Code;
use std::future::Future;
use thiserror::Error;
use tokio::sync::mpsc::Receiver;

/// A change to the claim of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// The first claim of a code that is free.
    Create(RoomClaim),
    /// Another claim in place of the one with this revision.
    Change(Revision, RoomClaim),
    /// No claim in place of the one with this revision.
    Remove(Revision),
}

/// The reason for which a write has not been done, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum WriteFault {
    /// Something else is there: another claim, a code that rests, or a later revision.
    #[error("something else is registered there")]
    Stale,
    /// There was no answer: the write may have been done.
    #[error("the registry did not answer")]
    Unknown,
    /// The registry is away, and nothing was sent to it.
    #[error("the registry is away")]
    Away,
}

/// The things that a registry has at a place: nothing, a record, or bytes that are none.
pub(crate) type Record<T> = Option<Result<T, Unreadable>>;

/// A record of a registry, with the revision that it has had since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The claim of a room.
    Room(Code, Revision, Record<RoomClaim>),
    /// The lease of a node.
    Node(NodeId, Revision, Record<NodeLease>),
    /// Everything that was there at the beginning has been told.
    Synced,
}

/// A registry. Both implementations pass the cases of `registry/tests.rs`.
///
/// A removed claim leaves its code resting for a while: whoever is given a new code reaches no room that an old invitation
/// leads to.
pub(crate) trait Registry {
    /// Changes the claim of a room; gives the revision of the change.
    fn write_room(&self, code: Code, write: Write) -> impl Future<Output = Result<Revision, WriteFault>>;

    /// The claim of a room as the registry has it now. It is as new as every write that was answered before.
    fn read_room(&self, code: Code) -> impl Future<Output = Result<Option<(Revision, Record<RoomClaim>)>, WriteFault>>;

    /// Writes the lease of a node in place of the one with this revision, or as the first one.
    fn renew(
        &self,
        node: NodeId,
        lease: NodeLease,
        last: Option<Revision>,
    ) -> impl Future<Output = Result<Revision, WriteFault>>;

    /// Everything that is there, then [`Change::Synced`], then the changes in order per key; a watcher that lags may be told
    /// the newest record of a key alone. What is gone may be told as gone. The end of the channel says that changes may be
    /// missing: then the caller begins again.
    fn watch(&self) -> impl Future<Output = Result<Receiver<Change>, WriteFault>>;
}

/// The registry of a server.
#[derive(Debug, Clone)]
pub(crate) enum AnyRegistry {
    /// One inside of the process.
    InProcess(Nodes),
    /// One in NATS.
    Nats(Nats),
}

impl AnyRegistry {
    /// Whether it answers at the moment, as far as is known.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::InProcess(_) => true,
            Self::Nats(nats) => nats.is_connected(),
        }
    }

    /// Keys that name nothing, counted each time that they are read.
    pub(crate) fn bad_keys(&self) -> u64 {
        match self {
            Self::InProcess(_) => 0,
            Self::Nats(nats) => nats.bad_keys(),
        }
    }
}

impl Registry for AnyRegistry {
    async fn write_room(&self, code: Code, write: Write) -> Result<Revision, WriteFault> {
        match self {
            Self::InProcess(nodes) => nodes.write_room(code, write).await,
            Self::Nats(nats) => nats.write_room(code, write).await,
        }
    }

    async fn read_room(&self, code: Code) -> Result<Option<(Revision, Record<RoomClaim>)>, WriteFault> {
        match self {
            Self::InProcess(nodes) => nodes.read_room(code).await,
            Self::Nats(nats) => nats.read_room(code).await,
        }
    }

    async fn renew(&self, node: NodeId, lease: NodeLease, last: Option<Revision>) -> Result<Revision, WriteFault> {
        match self {
            Self::InProcess(nodes) => nodes.renew(node, lease, last).await,
            Self::Nats(nats) => nats.renew(node, lease, last).await,
        }
    }

    async fn watch(&self) -> Result<Receiver<Change>, WriteFault> {
        match self {
            Self::InProcess(nodes) => nodes.watch().await,
            Self::Nats(nats) => nats.watch().await,
        }
    }
}

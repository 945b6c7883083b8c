//! Rooms that move to another node while people play in them: at the end of this one, or when an operator wishes it.
//!
//! ```text
//! this node                                                 the other node
//! take the room out between two ticks ── Take, the room ──▶ make it again; it waits for its players
//!                                                           change the claim: the room is its own, in a new epoch
//! close its connections (4010)        ◀────── Taken ──────
//! players come back ──────────────────────────────────────▶ the room ticks when they are there
//! ```
//!
//! The claim decides. A move that is refused, or that breaks off before the claim has changed, leaves the room where it was.
//! When the answer is lost, this node changes the claim itself, which only one of both can do.

use super::Net;
use super::elsewhere::{PeerFault, dial, nonce, read_answer};
use crate::cluster::hail::{Answer, AnswerKey, CHALLENGE_BYTES, Challenge, Hail, ROOM_MOVE_BYTES_MAX, Request, Take};
use crate::cluster::{NodeId, Registry, Revision, RoomClaim, Write, WriteFault, in_order};
use crate::config::is_private;
use crate::limits::{
    MOVE_ALL_MAX, MOVE_DECIDE_PAUSE, MOVE_MAX, MOVE_TICK_MAX, MOVES_MAX, NODES_ASKED_MAX, PEER_DIAL_MAX,
};
use crate::lobby::{Code, Place};
use crate::mailbox::{Command, TakenOut};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::rc::Rc;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, spawn_blocking, spawn_local};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The reason for which a room has not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotMoved {
    /// There is no such room, or its code is not this node's.
    #[error("the room is not here")]
    NotHere,
    /// The room has not come to the end of a tick in time, or is too large.
    #[error("the room cannot be copied")]
    NotCopied,
    /// No other node takes it.
    #[error("no other node takes the room")]
    Refused,
}

/// The reason for which another node does not have a room.
#[derive(Debug, Error)]
enum NotTaken {
    /// The node does not take it.
    #[error("it does not take the room")]
    Refused,
    #[error(transparent)]
    Unreached(PeerFault),
    /// The node has the bytes of the room, and has not said what has become of them.
    #[error("it has not said whether it has taken the room: {0}")]
    Unclear(PeerFault),
}

/// Whose room it is that another node may have taken.
enum Settled {
    /// This node's, by a claim that it has just written.
    Here(Revision, RoomClaim),
    /// Another node's.
    There(Revision, RoomClaim),
    /// Nobody's: the registry has lost it. This node claims it anew.
    Nobodys,
    /// The registry does not answer.
    Unknown,
}

/// The order to move all rooms away.
#[derive(Debug)]
pub(crate) struct LeaveOrder {
    /// Dropped when all rooms have moved that could.
    pub(crate) done: std::sync::mpsc::Sender<()>,
}

/// A room that was taken out of its shard. When this is dropped it goes on there, unless it has moved.
struct Out {
    net: Rc<Net>,
    code: Code,
    place: Place,
    has_moved: bool,
}

impl Drop for Out {
    fn drop(&mut self) {
        self.net.membership.under_way.borrow_mut().remove(&self.code);
        let (room, detours) = (self.place.room, 0);
        let command = match self.has_moved {
            true => Command::SendAway { room, detours },
            false => Command::PutBack { room, detours },
        };
        self.net.insist(self.place, command);
    }
}

/// Moves all rooms away when that is ordered, as far as other nodes take them.
pub(super) async fn leave(net: Rc<Net>, order: oneshot::Receiver<LeaveOrder>) {
    if let Ok(LeaveOrder { done }) = order.await {
        move_all(&net).await;
        drop(done);
    }
}

/// Moves all rooms to other nodes, many at a time. A room that no node takes stays.
pub(super) async fn move_all(net: &Rc<Net>) {
    let until = Instant::now() + MOVE_ALL_MAX;
    // The second one waits for the first, and moves what that has left over.
    let Ok(_moving) = timeout_at(until, net.membership.moving_all.lock()).await else { return };
    if net.setup.peers.is_none() || net.setup.journal.is_none() || net.others().is_empty() {
        return;
    }
    // No room begins at a node that others are asked to relieve.
    net.is_draining.set(true);
    let mut codes: Vec<Code> = net.directory.borrow().all().map(|entry| entry.code).collect();
    let (mut moves, mut moved, mut left) = (JoinSet::new(), 0_u32, 0_u32);
    loop {
        while moves.len() < MOVES_MAX
            && Instant::now() < until
            && let Some(code) = codes.pop()
        {
            let net = Rc::clone(net);
            moves.spawn_local(async move { net.move_room(code, until).await });
        }
        match moves.join_next().await {
            Some(Ok(Ok(_))) => moved += 1,
            Some(_) => left += 1,
            None => break,
        }
    }
    left = left.saturating_add(u32::try_from(codes.len()).unwrap_or(u32::MAX));
    tracing::info!(moved, left, "rooms have moved to other nodes");
}

impl Net {
    /// Moves a room to a node that has space. After `until` no further node is asked.
    ///
    /// # Errors
    /// When the room stays.
    async fn move_room(self: &Rc<Self>, code: Code, until: Instant) -> Result<NodeId, NotMoved> {
        let (own, registry) = (self.setup.node.node, &self.setup.node.registry);
        let claim = self.membership.replica.borrow().claim(code).filter(|(_, claim)| claim.owner == own);
        let place = self.directory.borrow().find(code).map(|entry| entry.place);
        let (Some((mut revision, mut claim)), Some(place)) = (claim, place) else { return Err(NotMoved::NotHere) };
        let targets = self.targets(code);
        if targets.is_empty() || !registry.is_there() || !self.membership.under_way.borrow_mut().insert(code) {
            return Err(NotMoved::Refused);
        }
        let mut out = Out { net: Rc::clone(self), code, place, has_moved: false };
        let (take, room) = self.copy_of(code, place).await.ok_or(NotMoved::NotCopied)?;
        for (node, at) in targets {
            if Instant::now() >= until {
                break;
            }
            let take = Take { epoch: claim.epoch.saturating_add(1), revision: revision.0, ..take };
            let handed = timeout(MOVE_MAX, self.hand_over_room((node, at), &take, &room)).await;
            let fault = match handed.unwrap_or(Err(NotTaken::Unclear(PeerFault::Late))) {
                Ok(taken) => {
                    let boot = self.membership.replica.borrow().lease(node).and_then(|(_, lease)| lease.ok());
                    let boot = boot.map_or(0, |lease| lease.boot);
                    self.note_moved(&mut out, taken, RoomClaim { owner: node, epoch: take.epoch, boot });
                    return Ok(node);
                }
                Err(fault) => fault,
            };
            self.setup.metrics.nodes.moves_failed.increment(1);
            tracing::warn!(room = place.room.0, node = node.short(), %fault, "a room has not moved");
            if let NotTaken::Unclear(_) = fault {
                match self.settle(code, revision, claim).await {
                    Settled::Here(written, own) => (revision, claim) = (written, own),
                    Settled::There(written, there) => {
                        self.note_moved(&mut out, written, there);
                        return Ok(there.owner);
                    }
                    Settled::Nobodys => break,
                    Settled::Unknown => {
                        self.settle_later(code, place, revision, claim);
                        break;
                    }
                }
            }
        }
        Err(NotMoved::Refused)
    }

    /// A room is another node's: from now on its players are carried there.
    fn note_moved(&self, out: &mut Out, revision: Revision, claim: RoomClaim) {
        self.note_write(out.code, revision, Some(claim));
        self.close_room(out.place.room);
        self.setup.metrics.nodes.rooms_moved_out.increment(1);
        out.has_moved = true;
    }

    /// The nodes that may take a room, in the order in which they are asked.
    fn targets(&self, code: Code) -> Vec<(NodeId, SocketAddr)> {
        let replica = self.membership.replica.borrow();
        let open = replica.open_nodes(self.setup.build, self.setup.clock.now_us());
        let open: Vec<_> = open.filter(|(node, _)| *node != self.setup.node.node).collect();
        let ordered = in_order(&code.to_string(), open.iter().map(|(node, lease)| (*node, lease.load)));
        let address = |node: NodeId| open.iter().find(|(open, _)| *open == node).and_then(|(_, lease)| lease.peer);
        let reached = ordered.into_iter().filter_map(|node| Some((node, address(node)?)));
        reached.filter(|(_, address)| is_private(address.ip())).take(NODES_ASKED_MAX).collect()
    }

    /// Takes a room out of its shard, and makes bytes of it.
    async fn copy_of(&self, code: Code, place: Place) -> Option<(Take, Vec<u8>)> {
        let (answer, taken) = oneshot::channel();
        self.command(place, Command::TakeOut { room: place.room, answer, detours: 0 }).ok()?;
        let TakenOut { tick, hash, mut copy } = timeout(MOVE_TICK_MAX, taken).await.ok()?.ok()?;
        // The bytes of a large world take a while, and this thread has all players that come.
        let encoded = spawn_blocking(move || {
            let mut room = Vec::new();
            copy.encode(&mut room).ok()?;
            let digest = Sha256::digest(&room).into();
            Some((room, digest))
        });
        let (room, digest) = encoded.await.ok()??;
        let len = u32::try_from(room.len()).ok().filter(|len| *len as usize <= ROOM_MOVE_BYTES_MAX)?;
        let take =
            Take { code: code.bytes(), epoch: 0, revision: 0, tick: tick.0.into(), hash: hash.into(), len, digest };
        Some((take, room))
    }

    /// Gives another node a room; it has it when this is right, and its claim has this revision.
    async fn hand_over_room(
        &self,
        (node, at): (NodeId, SocketAddr),
        take: &Take,
        room: &[u8],
    ) -> Result<Revision, NotTaken> {
        let (mut tcp, key) = self.offer(node, at, take).await?;
        let answered = async {
            tcp.write_all(room).await?;
            let (head, body) = read_answer(&mut tcp).await?;
            Ok::<_, PeerFault>(key.open(head, &body)?)
        };
        match answered.await {
            Ok(Answer::Taken { revision }) => Ok(Revision(revision)),
            // Also a node that does not want the room any more may have written a claim that is still under way.
            Ok(_) => Err(NotTaken::Unclear(PeerFault::Passed)),
            Err(fault) => Err(NotTaken::Unclear(fault)),
        }
    }

    /// Asks another node whether it takes a room.
    async fn offer(&self, node: NodeId, at: SocketAddr, take: &Take) -> Result<(TcpStream, AnswerKey), NotTaken> {
        let Some(peers) = &self.setup.peers else { return Err(NotTaken::Refused) };
        let hail = Hail { from: self.setup.node.node.0, to: node.0, request: Request::Take(*take) };
        let offered = async {
            let mut tcp = timeout(PEER_DIAL_MAX, dial(at)).await.map_err(|_| PeerFault::Late)??;
            let mut challenge = [0; CHALLENGE_BYTES];
            tcp.read_exact(&mut challenge).await?;
            let sealed = hail.seal(&peers.keys, &Challenge::decode(&challenge)?, nonce())?;
            tcp.write_all(&sealed.bytes.0).await?;
            let (head, body) = read_answer(&mut tcp).await?;
            let (answer, key) = sealed.answer.open_first(head, &body)?;
            Ok::<_, PeerFault>((tcp, answer, key))
        };
        match offered.await {
            Ok((tcp, Answer::Send, key)) => Ok((tcp, key)),
            Ok(_) => Err(NotTaken::Refused),
            Err(fault) => Err(NotTaken::Unreached(fault)),
        }
    }

    /// Goes on with finding out whose room it is, while the room goes on here.
    fn settle_later(self: &Rc<Self>, code: Code, place: Place, revision: Revision, claim: RoomClaim) {
        let net = Rc::clone(self);
        drop(spawn_local(async move {
            loop {
                match net.settle(code, revision, claim).await {
                    Settled::Here(..) | Settled::Nobodys => return,
                    Settled::There(written, there) => {
                        net.note_write(code, written, Some(there));
                        return net.leave_to_another(place);
                    }
                    Settled::Unknown => {}
                }
            }
        }));
    }

    /// Finds out whose room it is that another node may have taken: this node changes its claim, and only one of both can.
    async fn settle(&self, code: Code, revision: Revision, claim: RoomClaim) -> Settled {
        let own = RoomClaim { epoch: claim.epoch.saturating_add(1), boot: self.setup.node.boot, ..claim };
        let registry = &self.setup.node.registry;
        let until = Instant::now() + MOVE_MAX;
        loop {
            match registry.write_room(code, Write::Change(revision, own)).await {
                Ok(written) => {
                    self.note_write(code, written, Some(own));
                    return Settled::Here(written, own);
                }
                Err(WriteFault::Stale | WriteFault::Unknown) => match registry.read_room(code).await {
                    Ok(Some((written, _))) if written == revision => {}
                    Ok(Some((written, Some(Ok(there))))) if there.owner == own.owner => {
                        self.note_write(code, written, Some(there));
                        return Settled::Here(written, there);
                    }
                    Ok(Some((written, Some(Ok(there))))) => return Settled::There(written, there),
                    Ok(_) => return Settled::Nobodys,
                    Err(_) => {}
                },
                Err(WriteFault::Away) => {}
            }
            if timeout_at(until, sleep(MOVE_DECIDE_PAUSE)).await.is_err() {
                return Settled::Unknown;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{AnyRegistry, Nodes};
    use crate::config::Config;

    fn node(nodes: &Nodes, number: u8) -> Rc<Net> {
        let mut net = Net::without_shards(Config::on_free_ports());
        net.setup.node.registry = AnyRegistry::InProcess(nodes.clone());
        net.setup.node.node = NodeId([number; 16]);
        Rc::new(net)
    }

    #[test]
    fn a_room_of_which_nobody_has_heard_is_that_node_s_whose_claim_was_written_first() {
        let nodes = Nodes::default();
        let (here, there) = (node(&nodes, 1), node(&nodes, 2));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (taken, kept) = (Code::random(), Code::random());
            for code in [taken, kept] {
                here.claim(code).await.unwrap();
            }
            let claim = |code| here.membership.replica.borrow().claim(code).unwrap();
            let (revision, own) = claim(taken);
            let written = there.write_claim(taken, Some(revision), 2).await.unwrap();
            let settled = here.settle(taken, revision, own).await;
            assert!(matches!(settled, Settled::There(at, claim) if at == written && claim.owner == NodeId([2; 16])));
            let (revision, own) = claim(kept);
            let Settled::Here(at, again) = here.settle(kept, revision, own).await else { panic!("it is here") };
            assert_eq!((again.owner, again.epoch), (NodeId([1; 16]), 2));
            assert_eq!(claim(kept), (at, again));
            let late = there.write_claim(kept, Some(revision), 2).await;
            assert_eq!(late, Err(WriteFault::Stale), "a write that was under way does nothing any more");
        });
    }
}

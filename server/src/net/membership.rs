//! The node among others: its lease, the claims of its rooms, and what it knows of other nodes.
//!
//! A new room is claimed before it is made, so that no two nodes have rooms of one code. Everything else mends itself: a
//! look every two seconds claims rooms that have no claim, for they outlived their process or the registry forgot them,
//! and removes claims that have no room.

use super::Net;
use crate::cluster::{
    AnyRegistry, Change, NodeId, NodeLease, Registry, Replica, Revision, RoomClaim, Write, WriteFault,
};
use crate::limits::{CLAIM_MAX, LEASE_RENEW, LEAVE_MAX, ORPHAN_MIN, WATCH_RETRY};
use crate::lobby::Code;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// The place of this server among nodes.
#[derive(Debug)]
pub(crate) struct NodeSetup {
    pub(crate) registry: AnyRegistry,
    pub(crate) node: NodeId,
    /// A random number of this process.
    pub(crate) boot: u64,
    /// The address for other nodes, if they may come.
    pub(crate) peer: Option<SocketAddr>,
    /// Set when another process has the identity of this node.
    pub(crate) is_doubled: Arc<AtomicBool>,
}

impl NodeSetup {
    /// A node without others.
    #[cfg(test)]
    pub(super) fn alone() -> Self {
        let registry = AnyRegistry::InProcess(crate::cluster::Nodes::default());
        Self { registry, node: NodeId([1; 16]), boot: 1, peer: None, is_doubled: Arc::default() }
    }
}

/// The state of the node among others.
#[derive(Debug, Default)]
pub(super) struct Membership {
    pub(super) replica: RefCell<Replica>,
    /// Codes whose rooms have ended.
    ended: RefCell<Vec<Code>>,
    /// Notified when there is something to do before the next look.
    hurry: Notify,
    /// When the log last told of a node that does not answer.
    pub(super) peer_warned_us: Cell<Option<u64>>,
    /// Whether lease and claims are to be looked at now.
    is_due: Cell<bool>,
    /// Own claims without a room, and when they were first seen; and rooms whose codes others have claimed.
    orphans: RefCell<BTreeMap<Code, u64>>,
    disputed: RefCell<BTreeSet<Code>>,
}

impl Membership {
    /// The room with this code has ended.
    pub(super) fn release(&self, code: Code) {
        self.ended.borrow_mut().push(code);
        self.hurry.notify_one();
    }
}

/// The lease of this node, as it was written last.
#[derive(Debug, Default)]
struct OwnLease {
    beat: u64,
    last: Option<Revision>,
    /// Whether the last renewal met another revision than the one that was expected.
    is_stale: bool,
    /// The lease of an earlier process as it was seen last, since when it is so, and how often it has changed.
    found: Option<(Revision, u64, u32)>,
}

/// Follows the registry for as long as the server runs.
pub(super) async fn follow(net: Rc<Net>) {
    let mut pause = WATCH_RETRY.start;
    loop {
        if let Ok(mut changes) = net.setup.node.registry.watch().await {
            net.membership.replica.borrow_mut().begin();
            while let Some(change) = changes.recv().await {
                net.membership.replica.borrow_mut().apply(change, net.setup.clock.now_us());
                if change == Change::Synced {
                    pause = WATCH_RETRY.start;
                    net.membership.is_due.set(true);
                    net.membership.hurry.notify_one();
                }
            }
        }
        net.membership.replica.borrow_mut().lose(net.setup.clock.now_us());
        sleep(pause).await;
        // Nothing is asked for while the registry is away.
        let is_there = net.setup.node.registry.is_there();
        pause = if is_there { (2 * pause).min(WATCH_RETRY.end) } else { WATCH_RETRY.start };
    }
}

/// Keeps lease and claims as they have to be, for as long as the server runs.
pub(super) async fn keep(net: Rc<Net>) {
    let mut own = OwnLease::default();
    let mut look_at = Instant::now();
    loop {
        // Writes have a part of the time to the next renewal; what is left over is seen again.
        let _ = timeout(LEASE_RENEW / 4, net.release_ended()).await;
        if net.membership.is_due.take() || Instant::now() >= look_at {
            look_at = Instant::now() + LEASE_RENEW;
            let is_own = net.membership.replica.borrow().is_synced() && net.renew(&mut own).await;
            if is_own {
                let _ = timeout(LEASE_RENEW / 2, net.reconcile()).await;
            }
            net.note_nodes();
        }
        let _ = timeout_at(look_at, net.membership.hurry.notified()).await;
    }
}

/// Gives the codes of all rooms back at the end of a server whose rooms end with it.
pub(super) async fn leave(net: &Net) {
    if net.setup.journal.is_some() {
        return;
    }
    let claims: Vec<Code> =
        net.membership.replica.borrow().claims_of(net.setup.node.node).map(|(code, ..)| code).collect();
    let remove_all = async {
        for code in claims {
            net.unclaim(code).await;
        }
    };
    // The claims of a node that does not come back lead nowhere.
    let _ = timeout(LEAVE_MAX, remove_all).await;
}

/// Whether another process writes the lease of this node: it has done so after this one, or it goes on with it.
fn is_doubled(own: &OwnLease, newest: Option<Revision>) -> bool {
    // A dead process's last renewal may be told late, once.
    let goes_on = own.found.is_some_and(|(revision, _, changes)| newest > Some(revision) && changes > 0);
    if own.beat > 0 { newest > own.last } else { goes_on }
}

impl Net {
    /// Claims a code for a room of this node.
    ///
    /// # Errors
    /// When somebody else has it, it rests, or the registry does not answer.
    pub(super) async fn claim(&self, code: Code) -> Result<(), WriteFault> {
        self.write_claim(code, None, 1).await
    }

    /// Claims a room that an earlier process of this node had claimed, as one of this process.
    async fn claim_again(&self, code: Code, revision: Revision, epoch: u32) -> Result<(), WriteFault> {
        self.write_claim(code, Some(revision), epoch.saturating_add(1)).await
    }

    async fn write_claim(&self, code: Code, at: Option<Revision>, epoch: u32) -> Result<(), WriteFault> {
        let NodeSetup { registry, node, boot, .. } = &self.setup.node;
        let claim = RoomClaim { owner: *node, epoch, boot: *boot };
        let write = at.map_or(Write::Create(claim), |at| Write::Change(at, claim));
        let revision = match registry.write_room(code, write).await {
            Ok(revision) => revision,
            // The answer was lost; the claim tells by its process whose it is.
            Err(WriteFault::Unknown) => match registry.read_room(code).await {
                Ok(Some((revision, Some(Ok(there))))) if there == claim => revision,
                // It may still be done.
                Ok(None | Some((_, None))) => return Err(WriteFault::Unknown),
                Ok(Some(_)) => return Err(WriteFault::Stale),
                Err(fault) => return Err(fault),
            },
            Err(fault) => return Err(fault),
        };
        self.note_write(code, revision, Some(claim));
        self.membership.disputed.borrow_mut().remove(&code);
        Ok(())
    }

    /// Removes the claim of a code, if this node has it; says whether the registry has answered.
    async fn unclaim(&self, code: Code) -> bool {
        let known = self.membership.replica.borrow().claim(code);
        let Some((revision, _)) = known.filter(|(_, claim)| claim.owner == self.setup.node.node) else { return true };
        // What does not succeed is seen at the next look.
        match self.setup.node.registry.write_room(code, Write::Remove(revision)).await {
            Ok(removed) => self.note_write(code, removed, None),
            Err(fault) => return fault == WriteFault::Stale,
        }
        true
    }

    pub(super) fn note_write(&self, code: Code, revision: Revision, claim: Option<RoomClaim>) {
        self.membership.replica.borrow_mut().wrote(code, revision, claim, self.setup.clock.now_us());
    }

    async fn release_ended(&self) {
        loop {
            let Some(code) = self.membership.ended.borrow_mut().pop() else { return };
            if self.directory.borrow().find(code).is_none() {
                self.unclaim(code).await;
            }
        }
    }

    /// Renews the lease of this node, and says whether it is this process's.
    async fn renew(&self, own: &mut OwnLease) -> bool {
        let setup = &self.setup.node;
        let there = self.membership.replica.borrow().lease(setup.node);
        // Garbage is nobody's.
        let is_foreign = there.is_some_and(|(_, lease)| lease.is_ok_and(|lease| lease.boot != setup.boot));
        let newest = there.map(|(revision, _)| revision);
        if is_foreign && is_doubled(own, newest) {
            setup.is_doubled.store(true, Ordering::Relaxed);
            return false;
        }
        if own.beat == 0 && is_foreign && !self.has_waited(own, newest) {
            return false;
        }
        // The lease of an earlier process; or the answer to a renewal was lost; or the registry has lost the lease.
        if own.beat == 0 || own.is_stale || newest > own.last {
            own.last = newest;
        }
        let lease = NodeLease { boot: setup.boot, peer: setup.peer, build: self.setup.build, beat: own.beat + 1 };
        match setup.registry.renew(setup.node, lease, own.last).await {
            Ok(revision) => (own.beat, own.last, own.is_stale) = (lease.beat, Some(revision), false),
            Err(fault) => own.is_stale = fault == WriteFault::Stale,
        }
        own.beat > 0 && !own.is_stale
    }

    /// Whether the lease of another process has stayed as it is for so long that the process is gone.
    fn has_waited(&self, own: &mut OwnLease, newest: Option<Revision>) -> bool {
        let now_us = self.setup.clock.now_us();
        let seen = newest.unwrap_or(Revision(0));
        let (revision, since_us, changes) = own.found.unwrap_or((seen, now_us, 0));
        let has_changed = seen > revision;
        let since_us = if has_changed { now_us } else { since_us };
        own.found = Some((seen.max(revision), since_us, changes + u32::from(has_changed)));
        u128::from(now_us.saturating_sub(since_us)) >= (2 * LEASE_RENEW).as_micros()
    }

    /// Claims rooms without a claim of this process, and removes claims without a room.
    async fn reconcile(&self) {
        for (code, revision, epoch) in self.outdated() {
            // One that is stale is seen again with a newer revision.
            if let Err(WriteFault::Unknown | WriteFault::Away) = self.claim_again(code, revision, epoch).await {
                return;
            }
        }
        for code in self.unclaimed() {
            match self.claim(code).await {
                Ok(()) => {}
                Err(WriteFault::Stale) => self.note_dispute(code),
                // The registry is asked again at the next look.
                Err(WriteFault::Unknown | WriteFault::Away) => return,
            }
        }
        for code in self.orphaned() {
            if !self.unclaim(code).await {
                return;
            }
        }
    }

    /// Claims of an earlier process of this node, for rooms that go on here.
    fn outdated(&self) -> Vec<(Code, Revision, u32)> {
        let (directory, replica) = (self.directory.borrow(), self.membership.replica.borrow());
        let NodeSetup { node, boot, .. } = &self.setup.node;
        let earlier = replica.claims_of(*node).filter(|(_, _, claim)| claim.boot != *boot);
        let here = earlier.filter(|(code, ..)| directory.find(*code).is_some());
        here.map(|(code, revision, claim)| (code, revision, claim.epoch)).collect()
    }

    /// Rooms that nobody has claimed. Those of a node that does not answer are its own.
    fn unclaimed(&self) -> Vec<Code> {
        let (directory, replica) = (self.directory.borrow(), self.membership.replica.borrow());
        let (now_us, own) = (self.setup.clock.now_us(), self.setup.node.node);
        let claim_max_us = u64::try_from(CLAIM_MAX.as_micros()).unwrap_or(u64::MAX);
        let (mut unclaimed, mut disputed) = (Vec::new(), Vec::new());
        // A younger room is being claimed.
        for entry in directory.all().filter(|entry| now_us.saturating_sub(entry.opened_us) > claim_max_us) {
            match replica.claim(entry.code) {
                None => unclaimed.push(entry.code),
                Some((_, claim)) if claim.owner != own => disputed.push(entry.code),
                Some(_) => _ = self.membership.disputed.borrow_mut().remove(&entry.code),
            }
        }
        drop(directory);
        disputed.into_iter().for_each(|code| self.note_dispute(code));
        unclaimed
    }

    /// Own claims that have had no room for a while: a young one may be of a room that is being made.
    fn orphaned(&self) -> Vec<Code> {
        let (directory, replica) = (self.directory.borrow(), self.membership.replica.borrow());
        let now_us = self.setup.clock.now_us();
        let is_gone =
            |code: &Code| directory.find(*code).is_none() && directory.find_set_aside(*code, now_us).is_none();
        let gone = replica.claims_of(self.setup.node.node).map(|(code, ..)| code).filter(is_gone);
        let gone: BTreeSet<Code> = gone.collect();
        let mut orphans = self.membership.orphans.borrow_mut();
        orphans.retain(|code, _| gone.contains(code));
        gone.iter().for_each(|code| _ = orphans.entry(*code).or_insert(now_us));
        let is_old = |since_us: u64| u128::from(now_us.saturating_sub(since_us)) >= ORPHAN_MIN.as_micros();
        orphans.iter().filter(|(_, since_us)| is_old(**since_us)).map(|(code, _)| *code).collect()
    }

    /// A room whose code somebody else has claimed plays on for those who are at this node. It is told once.
    fn note_dispute(&self, code: Code) {
        let Some(room) = self.directory.borrow().find(code).map(|entry| entry.place.room.0) else { return };
        if self.membership.disputed.borrow_mut().insert(code) {
            tracing::error!(room, "the code of room {room} belongs to another node, or it rests");
        }
    }

    fn note_nodes(&self) {
        self.membership.disputed.borrow_mut().retain(|code| self.directory.borrow().find(*code).is_some());
        let (rooms, nodes, left_out) = self.membership.replica.borrow().counts(self.setup.clock.now_us());
        let metrics = &self.setup.metrics.nodes;
        // Floats round none of these counts.
        metrics.registry_is_there.set(f64::from(u8::from(self.setup.node.registry.is_there())));
        metrics.nodes.set(nodes as f64);
        metrics.claims.set(rooms as f64);
        metrics.claims_disputed.set(self.membership.disputed.borrow().len() as f64);
        metrics.records_left_out.absolute(left_out);
        metrics.bad_keys.absolute(self.setup.node.registry.bad_keys());
    }
}

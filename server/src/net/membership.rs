//! The node among others: its lease, the claims of its rooms, and what it knows of other nodes.
//!
//! A new room is claimed before it is made, so that no two nodes have rooms of one code. Everything else mends itself: a
//! look every two seconds claims rooms that have no claim, for they outlived their process or the registry forgot them,
//! and removes claims that have no room.

use super::Net;
use crate::cluster::hail::Answer;
use crate::cluster::{
    AnyRegistry, Change, LOAD_FULL, NodeId, NodeLease, Registry, Replica, Revision, RoomClaim, Write, WriteFault,
    load_of,
};
use crate::limits::{CLAIM_MAX, LEASE_LIVE, LEASE_RENEW, LEAVE_MAX, MOVE_DECIDE_PAUSE, ORPHAN_MIN, WATCH_RETRY};
use crate::lobby::{Code, Place};
use crate::mailbox::{Command, ShardLink};
use crate::readiness::Reason;
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
    /// Own claims without a room, and when they were first seen; and rooms whose codes rest.
    orphans: RefCell<BTreeMap<Code, u64>>,
    disputed: RefCell<BTreeSet<Code>>,
    /// Codes of rooms that are on their way to another node or from one: their claims change at any moment.
    pub(super) under_way: RefCell<BTreeSet<Code>>,
    /// Whether the claims of rooms are known, or were waited for in vain: until then nobody knows whose the rooms of an
    /// earlier process are.
    pub(super) knows_claims: Cell<bool>,
    /// Whether the lease says that this process has ended.
    has_left: Cell<bool>,
    /// Held while all rooms move to other nodes.
    pub(super) moving_all: tokio::sync::Mutex<()>,
    /// The epochs of this node's claims, as it has written them.
    epochs: RefCell<BTreeMap<Code, u32>>,
}

impl Membership {
    /// The room with this code has ended.
    pub(super) fn release(&self, code: Code) {
        self.ended.borrow_mut().push(code);
        self.epochs.borrow_mut().remove(&code);
        self.hurry.notify_one();
    }
}

/// The lease of this node, as it was written last.
#[derive(Debug, Default)]
struct OwnLease {
    beat: u64,
    load: u8,
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
    let patience = look_at + LEASE_LIVE;
    let trust = if net.setup.peers.is_some() { look_at + 2 * LEASE_RENEW } else { look_at };
    loop {
        // Writes have a part of the time to the next renewal; what is left over is seen again.
        let _ = timeout(LEASE_RENEW / 4, net.release_ended()).await;
        if net.membership.is_due.take() || Instant::now() >= look_at {
            look_at = Instant::now() + LEASE_RENEW;
            let is_own = net.membership.replica.borrow().is_synced() && net.renew(&mut own).await;
            if net.membership.replica.borrow().is_synced() || Instant::now() >= trust {
                net.membership.knows_claims.set(true);
            }
            // One that cannot reach the registry for long serves the rooms that it has.
            if is_own || Instant::now() >= patience {
                net.setup.readiness.hold(Reason::Nodes, false);
            }
            if is_own {
                let _ = timeout(LEASE_RENEW / 2, net.reconcile()).await;
            }
            net.note_nodes();
        }
        let _ = timeout_at(look_at, net.membership.hurry.notified()).await;
    }
}

/// Says goodbye at the end of a server, and gives the codes of all rooms back that end with it.
pub(super) async fn leave(net: &Net) {
    // Another process of this node need not wait, and no other node for this one.
    let _ = timeout(LEAVE_MAX, net.end_lease()).await;
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
        self.write_claim(code, None, 1).await.map(drop)
    }

    /// Claims a room that an earlier process of this node had claimed, as one of this process.
    async fn claim_again(&self, code: Code, revision: Revision, epoch: u32) -> Result<(), WriteFault> {
        self.write_claim(code, Some(revision), epoch.saturating_add(1)).await.map(drop)
    }

    /// Claims a code that is free, or in place of the claim with this revision; gives the revision of the new one.
    pub(super) async fn write_claim(
        &self,
        code: Code,
        at: Option<Revision>,
        epoch: u32,
    ) -> Result<Revision, WriteFault> {
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
                Ok(Some((revision, _))) if Some(revision) == at => return Err(WriteFault::Unknown),
                Ok(Some(_)) => return Err(WriteFault::Stale),
                // Whatever the second question meets, the first one was sent.
                Err(_) => return Err(WriteFault::Unknown),
            },
            Err(fault) => return Err(fault),
        };
        self.note_write(code, revision, Some(claim));
        self.membership.disputed.borrow_mut().remove(&code);
        Ok(revision)
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

    /// Notes what the registry has of a code, before the watch tells of it.
    pub(super) fn note_write(&self, code: Code, revision: Revision, claim: Option<RoomClaim>) {
        if let Some(own) = claim.filter(|claim| claim.owner == self.setup.node.node) {
            self.membership.epochs.borrow_mut().insert(code, own.epoch);
        }
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
        if self.membership.has_left.get() {
            return false;
        }
        let there = self.membership.replica.borrow().lease(setup.node);
        // Garbage is nobody's.
        let is_anothers = |lease: NodeLease| lease.boot != setup.boot && !lease.has_ended;
        let is_foreign = there.is_some_and(|(_, lease)| lease.is_ok_and(is_anothers));
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
        let load = self.load(own.load);
        let (boot, peer, build) = (setup.boot, setup.peer, self.setup.build);
        let lease = NodeLease { boot, peer, build, beat: own.beat + 1, load, has_ended: false };
        match setup.registry.renew(setup.node, lease, own.last).await {
            Ok(revision) => {
                (own.beat, own.load, own.last, own.is_stale) = (lease.beat, load, Some(revision), false);
                // Others learn of it from the registry; this node goes by the same lease as they do.
                let change = Change::Node(setup.node, revision, Some(Ok(lease)));
                self.membership.replica.borrow_mut().apply(change, self.setup.clock.now_us());
            }
            Err(fault) => own.is_stale = fault == WriteFault::Stale,
        }
        own.beat > 0 && !own.is_stale
    }

    /// Writes a last lease, which says that this process has ended.
    async fn end_lease(&self) {
        self.membership.has_left.set(true);
        let NodeSetup { registry, node, boot, .. } = &self.setup.node;
        // A renewal may be under way at the first time. What is lost is seen by the silence of the node.
        for _ in 0..2 {
            let lease = self.membership.replica.borrow().lease(*node);
            let own = lease.and_then(|(revision, lease)| Some((revision, lease.ok()?)));
            let Some((revision, lease)) = own.filter(|(_, lease)| lease.boot == *boot) else { return };
            if registry.renew(*node, NodeLease { has_ended: true, ..lease }, Some(revision)).await.is_ok() {
                return;
            }
            sleep(MOVE_DECIDE_PAUSE).await;
        }
    }

    /// The load of this node, which has told `before` last.
    fn load(&self, before: u8) -> u8 {
        let mut reasons = self.setup.readiness.reasons().filter(|reason| *reason != Reason::Nodes);
        if self.is_draining.get() || reasons.next().is_some() {
            return LOAD_FULL;
        }
        let config = self.config();
        let rooms = self.directory.borrow().totals().0 * 100 / config.rooms_max.max(1);
        let shards = u32::try_from(self.setup.shards.len()).unwrap_or(u32::MAX).max(1);
        let work: u32 = self.setup.shards.iter().map(ShardLink::load_percent).sum();
        let work = work / shards * 100 / config.load_percent_max.max(1);
        load_of(work.max(u32::try_from(rooms).unwrap_or(u32::MAX)), before)
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
        for (code, place) in self.foreign() {
            if let Err(WriteFault::Unknown | WriteFault::Away) = self.look_at_foreign(code, place).await {
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
        let now_us = self.setup.clock.now_us();
        let claim_max_us = u64::try_from(CLAIM_MAX.as_micros()).unwrap_or(u64::MAX);
        // A younger room is being claimed.
        let is_old = |opened_us: u64| now_us.saturating_sub(opened_us) > claim_max_us;
        let is_free = |code: Code| replica.claim(code).is_none() && !self.membership.under_way.borrow().contains(&code);
        let free = directory.all().filter(|entry| is_old(entry.opened_us) && is_free(entry.code));
        free.map(|entry| entry.code).collect()
    }

    /// Rooms whose claims are those of other nodes.
    fn foreign(&self) -> Vec<(Code, Place)> {
        let (directory, replica) = (self.directory.borrow(), self.membership.replica.borrow());
        let (own, under_way) = (self.setup.node.node, self.membership.under_way.borrow());
        let is_foreign = |code: Code| replica.claim(code).is_some_and(|(_, claim)| claim.owner != own);
        let foreign = directory.all().filter(|entry| is_foreign(entry.code) && !under_way.contains(&entry.code));
        foreign.map(|entry| (entry.code, entry.place)).collect()
    }

    /// Looks at a room whose claim is another node's: it has moved there, or the registry has lost what it had, and this
    /// node was the last to have the room.
    async fn look_at_foreign(&self, code: Code, place: Place) -> Result<(), WriteFault> {
        let read = self.setup.node.registry.read_room(code).await?;
        let Some((revision, Some(Ok(claim)))) = read else { return Ok(()) };
        self.note_write(code, revision, Some(claim));
        let last = self.membership.epochs.borrow().get(&code).copied();
        match last {
            _ if claim.owner == self.setup.node.node => Ok(()),
            Some(last) if claim.epoch <= last => self.claim_again(code, revision, last).await,
            Some(_) => {
                self.leave_to_another(place);
                Ok(())
            }
            // This process knows nothing of the claims before it: the other node knows whether it has the room.
            None => match self.ask_whether_there(code, claim.owner).await {
                Some(true) => {
                    self.leave_to_another(place);
                    Ok(())
                }
                Some(false) => self.claim_again(code, revision, claim.epoch).await,
                None => Ok(()),
            },
        }
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

    /// Whether another node has a room; nothing when it does not answer.
    async fn ask_whether_there(&self, code: Code, owner: NodeId) -> Option<bool> {
        let (_, at) = self.others().into_iter().find(|(node, _)| *node == owner)?;
        let answer = self.ask_to_look((owner, at), None, code, None).await.ok()?;
        Some(answer != Answer::NotHere)
    }

    /// The claim of a room is another node's: the room has moved there, and what is here is what it was before.
    pub(super) fn leave_to_another(&self, place: Place) {
        tracing::warn!(room = place.room.0, "room {} belongs to another node, and ends here", place.room.0);
        self.close_room(place.room);
        self.insist(place, Command::SendAway { room: place.room, detours: 0 });
    }

    /// A room whose code rests plays on for those who are at this node. It is told once.
    fn note_dispute(&self, code: Code) {
        let Some(room) = self.directory.borrow().find(code).map(|entry| entry.place.room.0) else { return };
        if self.membership.disputed.borrow_mut().insert(code) {
            tracing::error!(room, "the code of room {room} rests, and nobody finds the room from another node");
        }
    }

    fn note_nodes(&self) {
        let is_claimed = |code: Code| self.membership.replica.borrow().claim(code).is_some();
        self.membership
            .disputed
            .borrow_mut()
            .retain(|code| !is_claimed(*code) && self.directory.borrow().find(*code).is_some());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Nodes;
    use crate::config::Config;
    use crate::limits::STALL_MAX;
    use crate::lobby::{Directory, DirectoryLimits, Door, Wanted};
    use crate::threads::ThreadHealth;
    use std::sync::mpsc;

    /// A node with a shard that somebody else listens for, and a room.
    fn node(nodes: &Nodes, number: u8) -> (Net, Code, mpsc::Receiver<Command>) {
        let mut net = Net::without_shards(Config::on_free_ports());
        net.setup.node.registry = AnyRegistry::InProcess(nodes.clone());
        net.setup.node.node = NodeId([number; 16]);
        let (send, commands) = mpsc::channel();
        let health = ThreadHealth::new("shard", STALL_MAX);
        net.setup.shards = vec![ShardLink::new(move |command, _| send.send(command).is_ok(), Arc::default(), health)];
        let limits = DirectoryLimits { rooms_max: 9, reservations_per_origin_max: 1 };
        net.directory = Directory::new(1, limits).into();
        let wanted = Wanted { game: 0, seats: 2, public: false, quick_match: false, door: Door::Open };
        let code = net.directory.borrow_mut().open(wanted, |_| true, 0).unwrap().code;
        (net, code, commands)
    }

    #[test]
    fn a_room_ends_where_a_newer_claim_is_another_node_s_and_an_older_claim_is_written_anew() {
        let nodes = Nodes::default();
        let (here, code, commands) = node(&nodes, 1);
        let (there, ..) = node(&nodes, 2);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            here.claim(code).await.unwrap();
            assert!(here.foreign().is_empty());
            let revision = |net: &Net| net.membership.replica.borrow().claim(code).map(|(revision, _)| revision);
            // The registry has forgotten that the room came here: the claim is that of its earlier node again.
            here.membership.epochs.borrow_mut().insert(code, 7);
            let older = there.write_claim(code, revision(&here), 6).await.unwrap();
            here.note_write(code, older, there.membership.replica.borrow().claim(code).map(|(_, claim)| claim));
            let [(foreign, place)] = here.foreign()[..] else { panic!("one room") };
            assert_eq!(foreign, code);
            here.look_at_foreign(code, place).await.unwrap();
            assert!(here.foreign().is_empty() && here.directory.borrow().find(code).is_some());
            assert_eq!(here.membership.replica.borrow().claim(code).unwrap().1.epoch, 8);
            // The room has moved.
            let newer = there.write_claim(code, revision(&here), 9).await.unwrap();
            here.note_write(code, newer, there.membership.replica.borrow().claim(code).map(|(_, claim)| claim));
            here.membership.under_way.borrow_mut().insert(code);
            assert!(here.foreign().is_empty(), "what is under way is nobody else's yet");
            here.membership.under_way.borrow_mut().clear();
            here.look_at_foreign(code, place).await.unwrap();
            assert!(here.directory.borrow().find(code).is_none());
            assert!(matches!(commands.try_recv(), Ok(Command::SendAway { room, .. }) if room == place.room));
        });
    }
}

//! The registry inside of a process: what a server without NATS uses, and several servers of one process together.

use super::claim::{NodeId, NodeLease, Revision, RoomClaim};
use super::registry::{Change, Record, Registry, Write, WriteFault};
use crate::limits::{CODE_REST, REGISTRY_CHANGES_MAX};
use crate::lobby::Code;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The servers of one process that are one service: a room of any of them can be entered at each of them.
///
/// Each [`Server`](crate::Server) is among some nodes; by default it is alone. The value is a handle, and clones of it are
/// the same nodes. Servers of several processes are one service over NATS.
///
/// ```
/// use tickwire_server::{Config, Nodes, Server};
///
/// let nodes = Nodes::default();
/// let servers = [(); 2].map(|()| Server::new(Config::default()).among(&nodes));
/// # drop(servers);
/// ```
#[derive(Clone, Default)]
pub struct Nodes(Arc<Mutex<State>>);

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("Nodes").field("nodes", &state.nodes.len()).field("rooms", &state.rooms.len()).finish()
    }
}

struct State {
    last: Revision,
    rooms: BTreeMap<Code, (Revision, RoomClaim)>,
    nodes: BTreeMap<NodeId, (Revision, NodeLease)>,
    /// Codes whose claims were removed, and when; the earliest first.
    resting: VecDeque<(Instant, Code)>,
    gone: BTreeMap<Code, Revision>,
    rest: Duration,
    watchers: Vec<Sender<Change>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            last: Revision(0),
            rooms: BTreeMap::new(),
            nodes: BTreeMap::new(),
            resting: VecDeque::new(),
            gone: BTreeMap::new(),
            rest: CODE_REST,
            watchers: Vec::new(),
        }
    }
}

impl State {
    fn next(&mut self) -> Revision {
        self.last.0 += 1;
        self.last
    }

    /// Tells everybody who watches. A watcher that is too far behind begins again.
    fn tell(&mut self, change: Change) {
        self.watchers.retain(|watcher| watcher.try_send(change).is_ok());
    }

    fn wake_codes(&mut self) {
        while let Some((_, code)) = self.resting.pop_front_if(|(since, _)| since.elapsed() >= self.rest) {
            self.gone.remove(&code);
        }
    }

    fn write(&mut self, code: Code, write: Write) -> Result<Revision, WriteFault> {
        self.wake_codes();
        let there = self.rooms.get(&code).map(|(revision, _)| *revision);
        let (expected, claim) = match write {
            Write::Create(claim) => (None, Some(claim)),
            Write::Change(revision, claim) => (Some(revision), Some(claim)),
            Write::Remove(revision) => (Some(revision), None),
        };
        if there != expected || self.gone.contains_key(&code) {
            return Err(WriteFault::Stale);
        }
        let revision = self.next();
        match claim {
            Some(claim) => drop(self.rooms.insert(code, (revision, claim))),
            None => {
                self.rooms.remove(&code);
                self.gone.insert(code, revision);
                self.resting.push_back((Instant::now(), code));
            }
        }
        self.tell(Change::Room(code, revision, claim.map(Ok)));
        Ok(revision)
    }

    fn renew(&mut self, node: NodeId, lease: NodeLease, last: Option<Revision>) -> Result<Revision, WriteFault> {
        if self.nodes.get(&node).map(|(revision, _)| *revision) != last {
            return Err(WriteFault::Stale);
        }
        let revision = self.next();
        self.nodes.insert(node, (revision, lease));
        self.tell(Change::Node(node, revision, Some(Ok(lease))));
        Ok(revision)
    }

    fn watch(&mut self) -> Receiver<Change> {
        let rooms = self.rooms.iter().map(|(code, (revision, claim))| Change::Room(*code, *revision, Some(Ok(*claim))));
        let nodes = self.nodes.iter().map(|(node, (revision, lease))| Change::Node(*node, *revision, Some(Ok(*lease))));
        let first: Vec<Change> = rooms.chain(nodes).chain([Change::Synced]).collect();
        let (watcher, changes) = channel(first.len() + REGISTRY_CHANGES_MAX);
        for change in first {
            watcher.try_send(change).expect("the channel was made for them");
        }
        self.watchers.push(watcher);
        changes
    }
}

impl Registry for Nodes {
    async fn write_room(&self, code: Code, write: Write) -> Result<Revision, WriteFault> {
        self.0.lock().write(code, write)
    }

    async fn read_room(&self, code: Code) -> Result<Option<(Revision, Record<RoomClaim>)>, WriteFault> {
        let state = self.0.lock();
        let there = state.rooms.get(&code).map(|(revision, claim)| (*revision, Some(Ok(*claim))));
        Ok(there.or_else(|| state.gone.get(&code).map(|revision| (*revision, None))))
    }

    async fn renew(&self, node: NodeId, lease: NodeLease, last: Option<Revision>) -> Result<Revision, WriteFault> {
        self.0.lock().renew(node, lease, last)
    }

    async fn watch(&self) -> Result<Receiver<Change>, WriteFault> {
        Ok(self.0.lock().watch())
    }
}

#[cfg(test)]
impl Nodes {
    /// Nodes whose removed codes rest for so long.
    pub(crate) fn resting(rest: Duration) -> Self {
        Self(Arc::new(Mutex::new(State { rest, ..State::default() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::registry_cases;
    use tokio::task::LocalSet;

    #[test]
    fn the_registry_of_a_process_passes_the_cases_of_every_registry() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, registry_cases::pass(async |rest| Nodes::resting(rest)));
    }
}

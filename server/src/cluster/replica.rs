//! A node's copy of the registry, in which look-ups are done. It takes changes and the time as arguments.

use super::claim::{NodeId, NodeLease, Revision, RoomClaim, Unreadable};
use super::placement::LOAD_FULL;
use super::registry::{Change, Record};
use crate::limits::{LEASE_LIVE, REGISTRY_NODES_MAX, REGISTRY_ROOMS_MAX};
use crate::lobby::Code;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;

/// Where a room is, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// Nobody has claimed the code.
    Nowhere,
    /// A node has it that others reach at this address.
    At(NodeId, SocketAddr),
    /// A node has it that cannot be reached now: it has not been heard of for a while, or it takes no connections of others,
    /// or it is of a later version.
    Away(NodeId),
    /// The code is claimed in words of a later version.
    Unreadable,
}

/// A record as it was told last.
#[derive(Debug, Clone, Copy)]
struct Known<T> {
    revision: Revision,
    record: Result<T, Unreadable>,
    /// When it changed last, by the clock of this node: no clock of another node counts.
    changed_us: u64,
    /// The watch that has told it.
    watch: u64,
}

/// The records of one kind.
#[derive(Debug)]
struct Records<K, T> {
    known: BTreeMap<K, Known<T>>,
    /// Counts the watches. Records of an earlier one count until the new one has told everything.
    watch: u64,
    records_max: usize,
    /// Records that there was no space for.
    left_out: u64,
}

impl<K: Copy + Ord, T> Records<K, T> {
    const fn new(records_max: usize) -> Self {
        Self { known: BTreeMap::new(), watch: 0, records_max, left_out: 0 }
    }

    /// Takes a record, or its end.
    fn take(&mut self, key: K, revision: Revision, record: Record<T>, now_us: u64) {
        let watch = self.watch;
        // Another watch counts anew: the registry may have lost what it had.
        let is_old = |known: &Known<T>| known.watch == watch && known.revision >= revision;
        match (self.known.entry(key), record) {
            (Entry::Occupied(known), _) if is_old(known.get()) => {}
            (Entry::Occupied(mut known), Some(record)) => {
                known.insert(Known { revision, record, changed_us: now_us, watch });
            }
            (Entry::Occupied(known), None) => drop(known.remove()),
            (Entry::Vacant(place), Some(record)) => {
                place.insert(Known { revision, record, changed_us: now_us, watch });
                if self.known.len() > self.records_max {
                    self.leave_out();
                }
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    /// Leaves out the record that has not changed for longest: the lease of a node that is gone, or the oldest claim.
    fn leave_out(&mut self) {
        let oldest = self.known.iter().min_by_key(|(_, known)| known.changed_us).map(|(key, _)| *key);
        oldest.into_iter().for_each(|key| _ = self.known.remove(&key));
        self.left_out += 1;
    }

    /// The watch has told everything.
    fn forget_untold(&mut self) {
        self.known.retain(|_, known| known.watch == self.watch);
    }
}

/// The copy.
#[derive(Debug)]
pub(crate) struct Replica {
    rooms: Records<Code, RoomClaim>,
    nodes: Records<NodeId, NodeLease>,
    is_synced: bool,
    /// When the watch was lost; nobody is silent who cannot be heard.
    lost_us: Option<u64>,
}

impl Default for Replica {
    fn default() -> Self {
        let (rooms, nodes) = (Records::new(REGISTRY_ROOMS_MAX), Records::new(REGISTRY_NODES_MAX));
        Self { rooms, nodes, is_synced: false, lost_us: None }
    }
}

impl Replica {
    /// A new watch begins: it tells everything again.
    pub(crate) const fn begin(&mut self) {
        self.rooms.watch += 1;
        self.nodes.watch += 1;
    }

    /// The watch has ended.
    pub(crate) fn lose(&mut self, now_us: u64) {
        self.lost_us.get_or_insert(now_us);
    }

    /// Takes a change.
    pub(crate) fn apply(&mut self, change: Change, now_us: u64) {
        match change {
            Change::Room(code, revision, record) => self.rooms.take(code, revision, record, now_us),
            Change::Node(node, revision, record) => self.nodes.take(node, revision, record, now_us),
            Change::Synced => {
                self.rooms.forget_untold();
                self.nodes.forget_untold();
                // Each node has the time from here on to be heard of.
                self.nodes.known.values_mut().for_each(|node| node.changed_us = now_us);
                (self.is_synced, self.lost_us) = (true, None);
            }
        }
    }

    /// Notes a write of this node at once: its own watch tells of it later.
    pub(crate) fn wrote(&mut self, code: Code, revision: Revision, claim: Option<RoomClaim>, now_us: u64) {
        self.rooms.take(code, revision, claim.map(Ok), now_us);
    }

    /// Where the room with a code is.
    pub(crate) fn whereabouts(&self, code: Code, now_us: u64) -> Whereabouts {
        let Some(room) = self.rooms.known.get(&code) else { return Whereabouts::Nowhere };
        let Ok(RoomClaim { owner, .. }) = room.record else { return Whereabouts::Unreadable };
        let node = self.nodes.known.get(&owner).filter(|node| self.is_live(node, now_us));
        match node.and_then(|node| node.record.ok()?.peer) {
            Some(address) => Whereabouts::At(owner, address),
            None => Whereabouts::Away(owner),
        }
    }

    /// The claim of a code, if it is known and can be read.
    pub(crate) fn claim(&self, code: Code) -> Option<(Revision, RoomClaim)> {
        let room = self.rooms.known.get(&code)?;
        Some((room.revision, room.record.ok()?))
    }

    /// The claims of a node.
    pub(crate) fn claims_of(&self, node: NodeId) -> impl Iterator<Item = (Code, Revision, RoomClaim)> {
        let own = move |(code, room): (&Code, &Known<RoomClaim>)| Some((*code, room.revision, room.record.ok()?));
        self.rooms.known.iter().filter_map(own).filter(move |(_, _, claim)| claim.owner == node)
    }

    /// The lease of a node, if there is one.
    pub(crate) fn lease(&self, node: NodeId) -> Option<(Revision, Result<NodeLease, Unreadable>)> {
        let seen = self.nodes.known.get(&node)?;
        Some((seen.revision, seen.record))
    }

    /// The nodes of a build that live and take new rooms.
    pub(crate) fn open_nodes(&self, build: u64, now_us: u64) -> impl Iterator<Item = (NodeId, NodeLease)> {
        let is_open = move |lease: &NodeLease| lease.build == build && lease.load < LOAD_FULL;
        self.live_nodes(now_us).filter(move |(_, lease)| is_open(lease))
    }

    /// The nodes that live.
    pub(crate) fn live_nodes(&self, now_us: u64) -> impl Iterator<Item = (NodeId, NodeLease)> {
        let live = self.nodes.known.iter().filter(move |(_, node)| self.is_live(node, now_us));
        live.filter_map(|(id, node)| Some((*id, node.record.ok()?)))
    }

    /// Whether a node has renewed its lease lately.
    fn is_live(&self, node: &Known<NodeLease>, now_us: u64) -> bool {
        if node.record.is_ok_and(|lease| lease.has_ended) {
            return false;
        }
        let heard_us = self.lost_us.map_or(now_us, |lost_us| lost_us.min(now_us));
        u128::from(heard_us.saturating_sub(node.changed_us)) < LEASE_LIVE.as_micros()
    }

    /// Whether everything has been told once.
    pub(crate) const fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Claimed codes, nodes that live, and records that there was no space for.
    pub(crate) fn counts(&self, now_us: u64) -> (usize, usize, u64) {
        let live = self.nodes.known.values().filter(|node| self.is_live(node, now_us)).count();
        (self.rooms.known.len(), live, self.rooms.left_out + self.nodes.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([1; 16]);
    const OTHER: NodeId = NodeId([2; 16]);
    const LIVE_US: u64 = LEASE_LIVE.as_micros() as u64;

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    fn claim(owner: NodeId, epoch: u32) -> RoomClaim {
        RoomClaim { owner, epoch, boot: 7 }
    }

    fn lease(port: u16, beat: u64) -> NodeLease {
        NodeLease { boot: 1, peer: Some(([127, 0, 0, 1], port).into()), build: 0, beat, load: 0, has_ended: false }
    }

    fn room(text: &str, revision: u64, claim: Option<RoomClaim>) -> Change {
        Change::Room(code(text), Revision(revision), claim.map(Ok))
    }

    fn node(node: NodeId, revision: u64, lease: Option<NodeLease>) -> Change {
        Change::Node(node, Revision(revision), lease.map(Ok))
    }

    fn replica(changes: &[Change]) -> Replica {
        let mut replica = Replica::default();
        replica.begin();
        changes.iter().for_each(|change| replica.apply(*change, 0));
        replica
    }

    #[test]
    fn a_room_is_at_its_owner_for_as_long_as_that_renews_its_lease() {
        let first = [room("C4FK9T", 1, Some(claim(NODE, 1))), node(NODE, 2, Some(lease(7, 1)))];
        let mut replica = replica(&first);
        assert!(!replica.is_synced());
        replica.apply(Change::Synced, 0);
        assert!(replica.is_synced());
        let at = Whereabouts::At(NODE, ([127, 0, 0, 1], 7).into());
        assert_eq!(replica.whereabouts(code("C4FK9T"), LIVE_US - 1), at);
        assert_eq!(replica.whereabouts(code("C4FK9T"), LIVE_US), Whereabouts::Away(NODE));
        assert_eq!(replica.whereabouts(code("C4FK9V"), 0), Whereabouts::Nowhere);
        replica.apply(node(NODE, 3, Some(lease(7, 2))), LIVE_US);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 2 * LIVE_US - 1), at);
        assert_eq!(replica.counts(2 * LIVE_US - 1), (1, 1, 0));
        // The same lease told again is no sign of life.
        replica.apply(node(NODE, 3, Some(lease(7, 2))), 2 * LIVE_US);
        assert_eq!(replica.counts(2 * LIVE_US), (1, 0, 0));
        let hidden = NodeLease { peer: None, ..lease(7, 3) };
        replica.apply(node(NODE, 4, Some(hidden)), 2 * LIVE_US);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 2 * LIVE_US), Whereabouts::Away(NODE));
    }

    #[test]
    fn rooms_are_made_at_nodes_of_the_build_that_live_and_have_space() {
        let later = NodeId([3; 16]);
        let mut replica = replica(&[
            node(NODE, 1, Some(lease(7, 1))),
            node(OTHER, 2, Some(NodeLease { load: LOAD_FULL, ..lease(8, 1) })),
            node(later, 3, Some(NodeLease { build: 5, ..lease(9, 1) })),
            Change::Synced,
        ]);
        let open = |replica: &Replica, build, now_us| {
            replica.open_nodes(build, now_us).map(|(node, _)| node).collect::<Vec<_>>()
        };
        assert_eq!((open(&replica, 0, 0), open(&replica, 5, 0)), (vec![NODE], vec![later]));
        assert_eq!(open(&replica, 0, LIVE_US), [], "it is silent");
        replica.apply(node(OTHER, 4, Some(lease(8, 2))), LIVE_US);
        assert_eq!(open(&replica, 0, LIVE_US), [OTHER]);
        replica.apply(node(OTHER, 5, Some(NodeLease { has_ended: true, ..lease(8, 3) })), LIVE_US);
        assert_eq!(open(&replica, 0, LIVE_US), [], "it has said goodbye");
        assert_eq!(replica.live_nodes(LIVE_US - 1).count(), 2);
    }

    #[test]
    fn an_earlier_revision_changes_nothing() {
        let mut replica = replica(&[room("C4FK9T", 5, Some(claim(NODE, 1))), node(NODE, 6, Some(lease(7, 1)))]);
        for earlier in [room("C4FK9T", 4, Some(claim(OTHER, 1))), room("C4FK9T", 5, None), node(NODE, 6, None)] {
            replica.apply(earlier, 0);
        }
        assert_eq!(replica.claim(code("C4FK9T")), Some((Revision(5), claim(NODE, 1))));
        assert_eq!(replica.lease(NODE), Some((Revision(6), Ok(lease(7, 1)))));
        replica.apply(room("C4FK9T", 7, Some(claim(OTHER, 2))), 0);
        assert_eq!(replica.claims_of(OTHER).count(), 1);
        assert_eq!(replica.claims_of(NODE).count(), 0);
        replica.apply(room("C4FK9T", 8, None), 0);
        replica.apply(node(NODE, 9, None), 0);
        assert_eq!((replica.claim(code("C4FK9T")), replica.lease(NODE)), (None, None));
    }

    #[test]
    fn a_new_watch_takes_nothing_away_before_it_has_told_everything() {
        let mut replica = replica(&[
            room("C4FK9T", 1, Some(claim(NODE, 1))),
            room("C4FK9V", 2, Some(claim(NODE, 1))),
            node(NODE, 3, Some(lease(7, 1))),
            node(OTHER, 4, Some(lease(8, 1))),
            Change::Synced,
        ]);
        replica.begin();
        replica.apply(room("C4FK9T", 1, Some(claim(NODE, 1))), 0);
        replica.apply(node(OTHER, 4, Some(lease(8, 1))), 0);
        assert!(replica.claim(code("C4FK9V")).is_some() && replica.is_synced());
        replica.apply(Change::Synced, 0);
        assert!(replica.claim(code("C4FK9V")).is_none() && replica.lease(NODE).is_none());
        assert!(replica.claim(code("C4FK9T")).is_some() && replica.lease(OTHER).is_some());
    }

    #[test]
    fn a_registry_that_has_lost_what_it_had_is_believed() {
        let mut replica = replica(&[
            room("C4FK9T", 500, Some(claim(NODE, 1))),
            room("C4FK9V", 501, Some(claim(NODE, 1))),
            node(NODE, 502, Some(lease(7, 90))),
            Change::Synced,
        ]);
        replica.begin();
        replica.apply(room("C4FK9T", 3, Some(claim(OTHER, 2))), 0);
        replica.apply(room("C4FK9V", 4, None), 0);
        replica.apply(node(NODE, 5, Some(lease(8, 1))), 0);
        replica.apply(Change::Synced, 0);
        assert_eq!(replica.claim(code("C4FK9T")), Some((Revision(3), claim(OTHER, 2))));
        assert_eq!(replica.claim(code("C4FK9V")), None);
        assert_eq!(replica.lease(NODE), Some((Revision(5), Ok(lease(8, 1)))));
    }

    #[test]
    fn nobody_falls_silent_while_the_registry_is_away() {
        let mut replica =
            replica(&[room("C4FK9T", 1, Some(claim(NODE, 1))), node(NODE, 2, Some(lease(7, 1))), Change::Synced]);
        let at = Whereabouts::At(NODE, ([127, 0, 0, 1], 7).into());
        replica.lose(LIVE_US - 1);
        replica.lose(2 * LIVE_US);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 100 * LIVE_US), at);
        replica.begin();
        replica.apply(room("C4FK9T", 1, Some(claim(NODE, 1))), 100 * LIVE_US);
        replica.apply(node(NODE, 2, Some(lease(7, 1))), 100 * LIVE_US);
        replica.apply(Change::Synced, 100 * LIVE_US);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 101 * LIVE_US - 1), at);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 101 * LIVE_US), Whereabouts::Away(NODE));
    }

    #[test]
    fn a_write_of_ones_own_counts_at_once_and_is_not_undone_by_the_watch() {
        let mut replica = replica(&[Change::Synced]);
        replica.wrote(code("C4FK9T"), Revision(3), Some(claim(NODE, 1)), 0);
        assert_eq!(replica.claims_of(NODE).count(), 1);
        replica.wrote(code("C4FK9T"), Revision(4), None, 0);
        replica.apply(room("C4FK9T", 4, None), 0);
        assert_eq!(replica.claims_of(NODE).count(), 0);
    }

    #[test]
    fn a_claim_of_a_later_version_takes_its_code_and_garbage_of_a_node_is_no_address() {
        let later = Change::Room(code("C4FK9T"), Revision(1), Some(Err(Unreadable::Later)));
        let garbage = Change::Node(NODE, Revision(2), Some(Err(Unreadable::Garbage)));
        let replica = replica(&[later, garbage, room("C4FK9V", 3, Some(claim(NODE, 1)))]);
        assert_eq!(replica.whereabouts(code("C4FK9T"), 0), Whereabouts::Unreadable);
        assert_eq!(replica.whereabouts(code("C4FK9V"), 0), Whereabouts::Away(NODE));
    }

    #[test]
    fn a_registry_without_end_costs_memory_with_one() {
        let mut replica = replica(&[]);
        for number in 0..REGISTRY_NODES_MAX as u128 + 2 {
            let id = NodeId(number.to_be_bytes());
            replica.apply(node(id, 1, Some(lease(7, 1))), 0);
        }
        let codes = std::iter::repeat_with(Code::random).take(REGISTRY_ROOMS_MAX + 500);
        codes.for_each(|code| replica.apply(Change::Room(code, Revision(1), Some(Ok(claim(NODE, 1)))), 0));
        let (rooms, nodes, left_out) = replica.counts(0);
        assert_eq!((rooms, nodes), (REGISTRY_ROOMS_MAX, REGISTRY_NODES_MAX));
        assert!(left_out >= 2);
    }
}

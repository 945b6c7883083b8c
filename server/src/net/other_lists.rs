//! The public rooms of other nodes: each node tells its own to those that ask, and asks the others in turns. So the list of
//! rooms and the live lists of lobbies are those of the whole service, at most a few seconds old.

use super::Net;
use super::room_list::Listed;
use super::room_requests::Granted;
use crate::cluster::NodeId;
use crate::cluster::hail::{ApiAnswer, Call};
use crate::config::is_private;
use crate::limits::{LIST_KEPT, LISTS_INTERVAL, LISTS_PASS, ROOMS_TOLD_MAX};
use crate::lobby::{Code, RoomId};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What this node knows of the lists of others, and of its own.
#[derive(Debug, Default)]
pub(super) struct OtherLists {
    of_nodes: RefCell<BTreeMap<NodeId, List>>,
    /// Counts the changes of the own list, from a number that no other process began with.
    version: Cell<u64>,
}

/// The list of a node.
#[derive(Debug, Clone, Default)]
struct List {
    version: u64,
    rooms: Vec<Listed>,
    /// When the node last told it.
    told_us: u64,
}

/// The list of a node as it travels.
#[derive(Debug, Serialize, Deserialize)]
struct ToldList<'a> {
    version: u64,
    #[serde(borrow)]
    rooms: Vec<ToldRoom<'a>>,
}

/// A room of it.
#[derive(Debug, Serialize, Deserialize)]
struct ToldRoom<'a> {
    code: &'a str,
    game: &'a str,
    players: u8,
    seats: u8,
    number: u64,
}

/// Bytes are no list of rooms, or no version of one.
#[derive(Debug)]
pub(super) struct NoList;

/// Asks other nodes for their lists for as long as the server runs.
pub(super) async fn follow(net: Rc<Net>) {
    if net.setup.peers.is_none() {
        return;
    }
    net.other_lists.version.set(net.setup.node.boot);
    let mut turn = 0;
    loop {
        sleep(LISTS_INTERVAL).await;
        let others = net.others();
        let mut asked = JoinSet::new();
        for (node, at) in others.iter().cycle().skip(turn).take(LISTS_PASS.min(others.len())).copied() {
            let net = Rc::clone(&net);
            asked.spawn_local(async move { net.ask_for_list(node, at).await });
        }
        turn = (turn + LISTS_PASS) % others.len().max(1);
        while asked.join_next().await.is_some() {}
        net.forget_lists();
    }
}

impl Net {
    /// The own list has changed.
    pub(super) fn note_list(&self) {
        self.other_lists.version.set(self.other_lists.version.get().wrapping_add(1));
    }

    /// The public rooms of other nodes.
    pub(super) fn listed_elsewhere(&self) -> Vec<Listed> {
        let (lists, replica) = (self.other_lists.of_nodes.borrow(), self.membership.replica.borrow());
        // A room that has moved may still be on the list of the node that it has left.
        let is_there = |node: NodeId, code: Code| replica.claim(code).is_none_or(|(_, claim)| claim.owner == node);
        let of_node = |(node, list): (&NodeId, &List)| {
            let node = *node;
            list.rooms.iter().filter(|room| is_there(node, room.code)).copied().collect::<Vec<_>>()
        };
        lists.iter().flat_map(of_node).collect()
    }

    /// Other nodes that live and can be reached, of this build: the games of another one may be others.
    pub(super) fn others(&self) -> Vec<(NodeId, SocketAddr)> {
        let replica = self.membership.replica.borrow();
        let live = replica.live_nodes(self.setup.clock.now_us());
        let others = live.filter(|(node, lease)| *node != self.setup.node.node && lease.build == self.setup.build);
        others
            .filter_map(|(node, lease)| Some((node, lease.peer.filter(|address| is_private(address.ip()))?)))
            .collect()
    }

    /// Tells the own list to a node that knows this version of it.
    ///
    /// # Errors
    /// When the bytes are no version.
    pub(super) fn tell_list(&self, known: &[u8]) -> Result<Granted, NoList> {
        let known: u64 = serde_json::from_slice(known).map_err(|_| NoList)?;
        let version = self.other_lists.version.get();
        if known == version {
            return Ok((StatusCode::NO_CONTENT, Vec::new()));
        }
        let mut rooms = self.listed_here();
        rooms.truncate(ROOMS_TOLD_MAX);
        let codes: Vec<String> = rooms.iter().map(|room| room.code.to_string()).collect();
        let told = rooms.iter().zip(&codes).map(|(room, code)| ToldRoom {
            code,
            game: self.setup.games[room.game].rules.name,
            players: room.players,
            seats: room.seats,
            number: room.number.0,
        });
        let list = ToldList { version, rooms: told.collect() };
        Ok((StatusCode::OK, serde_json::to_vec(&list).expect("a list of rooms is plain data")))
    }

    async fn ask_for_list(&self, node: NodeId, at: SocketAddr) {
        let known = self.other_lists.of_nodes.borrow().get(&node).map_or(0, |list| list.version);
        let told = self.ask_to_grant((node, at), None, Call::List, known.to_string().as_bytes()).await;
        let Ok(ApiAnswer { status, body, .. }) = told else { return };
        let now_us = self.setup.clock.now_us();
        match status {
            204 => {
                self.other_lists.of_nodes.borrow_mut().entry(node).and_modify(|list| list.told_us = now_us);
            }
            200 => match self.read_list(&body.0) {
                Ok((version, rooms)) => {
                    let list = List { version, rooms, told_us: now_us };
                    self.other_lists.of_nodes.borrow_mut().insert(node, list);
                    self.others_changed.set(true);
                }
                Err(NoList) => tracing::debug!(node = node.short(), "a list of another node cannot be read"),
            },
            _ => {}
        }
    }

    /// Reads the list of another node. Rooms of games that this node does not have are left out.
    fn read_list(&self, bytes: &[u8]) -> Result<(u64, Vec<Listed>), NoList> {
        let ToldList { version, rooms } = serde_json::from_slice(bytes).map_err(|_| NoList)?;
        let listed = |room: &ToldRoom<'_>| {
            let (code, (game, _)) = (Code::parse(room.code)?, self.game(room.game)?);
            let (players, seats, number) = (room.players, room.seats, RoomId(room.number));
            Some(Listed { players, number, code, game, seats })
        };
        Ok((version, rooms.iter().take(ROOMS_TOLD_MAX).filter_map(listed).collect()))
    }

    /// Leaves out the lists of nodes that do not tell them any more.
    fn forget_lists(&self) {
        let now_us = self.setup.clock.now_us();
        let is_kept = |list: &List| u128::from(now_us.saturating_sub(list.told_us)) < LIST_KEPT.as_micros();
        let mut lists = self.other_lists.of_nodes.borrow_mut();
        let before = lists.len();
        lists.retain(|_, list| is_kept(list));
        if lists.len() < before {
            self.others_changed.set(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::hail::PEER_BODY_BYTES_MAX;
    use crate::config::Config;
    use crate::games::OfferedGame;
    use crate::lobby::{Directory, DirectoryLimits, Door, Wanted};
    use crate::room::Summary;
    use tickwire_games::Paddles;

    fn node_with_rooms(rooms: usize) -> Net {
        let mut net = Net::without_shards(Config::on_free_ports());
        net.setup.games.push(OfferedGame::of::<Paddles>());
        net.other_lists.version.set(7);
        let limits = DirectoryLimits { rooms_max: rooms, reservations_per_origin_max: 1 };
        *net.directory.borrow_mut() = Directory::new(1, limits);
        for number in 0..rooms {
            let wanted = Wanted { game: 0, seats: 2, public: true, quick_match: false, door: Door::Open };
            let mut directory = net.directory.borrow_mut();
            let room = directory.open(wanted, |_| true, 0).unwrap().place.room;
            let players = if number % 2 == 0 { 1 } else { 2 };
            directory.update(room, Summary { players, ..Summary::default() }, 0);
        }
        net
    }

    #[test]
    fn a_list_that_was_told_is_read_and_one_that_is_known_is_not_told_again() {
        let net = node_with_rooms(3);
        let (status, told) = net.tell_list(b"0").unwrap();
        assert_eq!(status, StatusCode::OK);
        let (version, rooms) = net.read_list(&told).unwrap();
        assert_eq!((version, rooms), (7, net.listed_here()));
        assert_eq!(net.tell_list(b"7").unwrap(), (StatusCode::NO_CONTENT, Vec::new()));
        net.note_list();
        assert_eq!(net.tell_list(b"7").unwrap().0, StatusCode::OK);
        assert!(net.tell_list(b"").is_err() && net.tell_list(b"-1").is_err());
    }

    #[test]
    fn half_a_list_is_none_and_no_list_is_longer_than_an_answer() {
        let net = node_with_rooms(3);
        let told = net.tell_list(b"0").unwrap().1;
        (0..told.len()).for_each(|end| assert!(net.read_list(&told[..end]).is_err(), "{end}"));
        let unknown = br#"{"version":1,"rooms":[{"code":"C4FK9T","game":"chess","players":1,"seats":2,"number":1}]}"#;
        assert_eq!(net.read_list(unknown).unwrap(), (1, Vec::new()));
        let long = node_with_rooms(ROOMS_TOLD_MAX + 1).tell_list(b"0").unwrap().1;
        assert!(long.len() < PEER_BODY_BYTES_MAX / 2, "{}", long.len());
        assert!(net.read_list(&long).unwrap().1.iter().all(|room| room.players > 0));
        assert_eq!(net.read_list(&long).unwrap().1.len(), ROOMS_TOLD_MAX);
    }
}

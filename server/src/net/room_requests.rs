//! Requests for rooms: `POST /api/rooms` for a new one, and `POST /api/match` for one with strangers in it.
//!
//! The node that is asked looks at the request, and at the limits of its sender. Then it is granted here or at
//! another node of the service. A quick match goes to the first node in the order of its game, whichever node was asked, so
//! that people meet; a new room is made here for as long as there is space. A node that has none is passed over.

use super::Net;
use super::answer::{Answer, Refusal, json_text};
use super::api::{admit, busy_hashing, offered, parse_json, read_body, take, take_room, view};
use super::drain::stopping;
use super::elsewhere::PeerFault;
use super::new_rooms::open;
use super::operation::Budget;
use super::peer::Peer;
use super::problem::Problem;
use crate::cluster::hail::{ApiAnswer, Call};
use crate::cluster::{NodeId, in_order};
use crate::config::is_private;
use crate::games::OfferedGame;
use crate::limits::{AVOIDED_ROOMS_MAX, MATCH_WAIT_MAX, NODES_ASKED_MAX, ROOM_RETRY_SECONDS};
use crate::lobby::{Code, Door, RoomEntry, Wanted};
use crate::mailbox::origin_of;
use crate::websocket::address::AddressKey;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tickwire::message::control::SecretText;
use tokio::time::timeout;

/// The way on when the body of a request for a room is not understood.
const WISH: &str = "send JSON such as {\"game\":\"paddles\"}";

/// Body of `POST /api/rooms`. It has no `Debug`, because a log must not show the password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRoom {
    game: String,
    /// Whether the room is listed.
    #[serde(default)]
    public: bool,
    /// Whether the room is private, with an invitation that the server makes.
    #[serde(default)]
    private: bool,
    /// The password of a private room. Any JSON is taken here, because an error that serde makes repeats a value.
    #[serde(default)]
    password: Value,
    /// The game's own options.
    #[serde(default)]
    options: Value,
}

/// Body of `POST /api/match`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindMatch {
    game: String,
    /// Codes of rooms that the caller does not want, such as those of the same browser's other tabs.
    #[serde(default)]
    avoid: Vec<String>,
}
/// A room that was found or made: the status of the answer, and the room as JSON.
pub(super) type Granted = (StatusCode, Vec<u8>);

/// The node that grants a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granter {
    Here,
    There(NodeId, SocketAddr),
}

/// `POST /api/rooms`: a new room.
pub(super) async fn create(net: &Net, request: Request<Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    let address = admit(net, &request, peer)?;
    let body = read_body(net, request).await?;
    let wish = NewRoom::parse(net, &body)?;
    take_room(net, address)?;
    let mut granters = net.granters(wish.game.rules.name);
    granters.retain(|granter| *granter != Granter::Here);
    // Its maker is here, and most likely those who come with the maker.
    granters.insert(0, Granter::Here);
    let (status, view) = granted(net, Call::Create, &body, address, granters).await?;
    Ok(json_text(status, view))
}

/// `POST /api/match`: a room with people in it, or a new one that bots will fill.
pub(super) async fn find_match(net: &Net, request: Request<Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    let address = admit(net, &request, peer)?;
    let body = read_body(net, request).await?;
    let wish = QuickMatch::parse(net, &body)?;
    take(net, Budget::Matches, Problem::TooManyMatches, address, "too many matches were asked for from this address")?;
    let granters = net.granters(wish.game.rules.name);
    let (status, view) = granted(net, Call::Match, &body, address, granters).await?;
    Ok(json_text(status, view))
}

/// Has the first node grant a request that can.
async fn granted(
    net: &Net,
    call: Call,
    body: &Bytes,
    address: Option<AddressKey>,
    mut granters: Vec<Granter>,
) -> Result<Granted, Refusal> {
    granters.truncate(NODES_ASKED_MAX);
    // A node that reaches no other one is on its own.
    if !granters.contains(&Granter::Here) {
        granters.push(Granter::Here);
    }
    let mut refusal = Refusal::later(Problem::Full, "no node has space for another room", ROOM_RETRY_SECONDS);
    for granter in granters {
        let granted = match granter {
            Granter::Here => grant(net, call, body, address).await,
            Granter::There(node, at) => granted_there(net, (node, at), call, body, address).await,
        };
        match granted {
            Err(passed) if passed.problem.status() == StatusCode::SERVICE_UNAVAILABLE => refusal = passed,
            decided => return decided,
        }
    }
    Err(refusal)
}

/// Grants a request at this node, for a client at this address.
pub(super) async fn grant(net: &Net, call: Call, body: &[u8], address: Option<AddressKey>) -> Result<Granted, Refusal> {
    if net.drain.code().is_some() {
        return Err(stopping());
    }
    match call {
        Call::Create => NewRoom::parse(net, body)?.make(net).await,
        Call::Match => QuickMatch::parse(net, body)?.find(net, address).await,
        Call::List => net.tell_list(body).map_err(|_| Refusal::new(Problem::BadBody, "no version of a list", WISH)),
    }
}

/// Has another node grant a request.
async fn granted_there(
    net: &Net,
    at: (NodeId, SocketAddr),
    call: Call,
    body: &Bytes,
    address: Option<AddressKey>,
) -> Result<Granted, Refusal> {
    let passed = || Refusal::later(Problem::Full, "the node for the room does not answer", ROOM_RETRY_SECONDS);
    net.setup.metrics.nodes.requests_passed_on.increment(1);
    let told: Result<ApiAnswer, PeerFault> = net.ask_to_grant(at, address, call, body).await;
    let ApiAnswer { status, seconds, body } = told.map_err(|_| passed())?;
    match StatusCode::from_u16(status) {
        Ok(status) if status.is_success() => Ok((status, body.0)),
        Ok(StatusCode::TOO_MANY_REQUESTS) => {
            Err(Refusal::later(Problem::TooManyRooms, "too many rooms were created from this address", seconds.into()))
        }
        // What is wrong for that node may be right for this one.
        _ => Err(passed()),
    }
}

impl Net {
    /// The nodes that may grant a request for a room of a game, in the order of the game.
    fn granters(&self, game: &str) -> Vec<Granter> {
        let own = self.setup.node.node;
        if self.setup.peers.is_none() {
            return vec![Granter::Here];
        }
        let replica = self.membership.replica.borrow();
        let open: BTreeMap<NodeId, _> = replica.open_nodes(self.setup.build, self.setup.clock.now_us()).collect();
        let loads = open.iter().map(|(node, lease)| (*node, lease.load));
        let granter = |node: NodeId| match open.get(&node)?.peer {
            _ if node == own => Some(Granter::Here),
            Some(address) if is_private(address.ip()) => Some(Granter::There(node, address)),
            _ => None,
        };
        in_order(game, loads).into_iter().filter_map(granter).collect()
    }
}

/// A request for a new room.
struct NewRoom<'a> {
    index: usize,
    game: &'a OfferedGame,
    wish: CreateRoom,
    password: Option<SecretText>,
}

impl<'a> NewRoom<'a> {
    fn parse(net: &'a Net, body: &[u8]) -> Result<Self, Refusal> {
        let wish: CreateRoom = parse_json(body, WISH)?;
        let (index, game) = offered(net, &wish.game)?;
        (game.check)(&wish.options).map_err(|error| {
            let error = format!("these are not options of {}: {error}", wish.game);
            Refusal::new(Problem::BadOptions, error, "leave \"options\" out for the default ones")
        })?;
        let password = wished_password(&wish)?;
        Ok(Self { index, game, wish, password })
    }

    async fn make(self, net: &Net) -> Result<Granted, Refusal> {
        let Self { index, game, wish, password } = self;
        let (door, invitation) = match password {
            Some(password) => (net.doorkeeper.lock_with(password).await.map_err(|_| busy_hashing())?, None),
            None if wish.private => {
                let (door, invitation) = Door::with_invitation();
                (Some(door), Some(invitation.0))
            }
            None => (Some(Door::Open), None),
        };
        let door = door.ok_or_else(bad_password)?;
        let wanted = Wanted { game: index, seats: game.rules.seats, public: wish.public, quick_match: false, door };
        let code = open(net, game, wanted, wish.options, 0, &BTreeMap::new()).await?;
        shown(net, code, StatusCode::CREATED, invitation)
    }
}

/// The password that the maker of a room wishes for, if it goes with the rest of the request.
fn wished_password(wish: &CreateRoom) -> Result<Option<SecretText>, Refusal> {
    let refused = |error: &str, help| Err(Refusal::new(Problem::BadBody, error, help));
    if wish.public && (wish.private || !wish.password.is_null()) {
        let help = "leave out \"public\", or leave out \"private\" and \"password\"";
        return refused("a room cannot be both public and private", help);
    }
    if wish.private && !wish.password.is_null() {
        let help = "send \"private\" for an invitation, or \"password\" for a password";
        return refused("a room has either an invitation or a password", help);
    }
    match &wish.password {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(SecretText(text.clone()))),
        _ => Err(bad_password()),
    }
}

fn bad_password() -> Refusal {
    let error = "this is not the password of a room";
    Refusal::new(Problem::BadBody, error, "send a text of 1 to 128 bytes in \"password\"")
}

/// A request for a match with strangers.
struct QuickMatch<'a> {
    index: usize,
    game: &'a OfferedGame,
    avoid: Vec<Code>,
}

impl<'a> QuickMatch<'a> {
    fn parse(net: &'a Net, body: &[u8]) -> Result<Self, Refusal> {
        let wish: FindMatch = parse_json(body, WISH)?;
        let (index, game) = offered(net, &wish.game)?;
        Ok(Self { index, game, avoid: avoided(&wish.avoid)? })
    }

    async fn find(self, net: &Net, address: Option<AddressKey>) -> Result<Granted, Refusal> {
        let Self { index, game, avoid } = self;
        // One after another: people who come while a room is made for somebody else meet in that room.
        let Ok(_matching) = timeout(MATCH_WAIT_MAX, net.matching.lock()).await else {
            return Err(Refusal::later(Problem::Full, "too many people ask for a match", ROOM_RETRY_SECONDS));
        };
        if let Some(code) = existing_match(net, index, &avoid, address) {
            return shown(net, code, StatusCode::OK, None);
        }
        if !avoid.is_empty() {
            // A caller that avoids every room makes rooms.
            take_room(net, address)?;
        }
        let (seats, door) = (game.rules.matched, Door::Open);
        let wanted = Wanted { game: index, seats, public: true, quick_match: true, door };
        let code = open(net, game, wanted, Value::Null, game.rules.bots, &BTreeMap::new()).await?;
        net.directory.borrow_mut().reserve(code, origin_of(address), net.setup.clock.now_us());
        shown(net, code, StatusCode::OK, None)
    }
}

/// A match that waits for people and suits the caller, in which a seat is kept from now on.
fn existing_match(net: &Net, game: usize, avoid: &[Code], address: Option<AddressKey>) -> Option<Code> {
    if net.is_draining.get() {
        return None;
    }
    net.take_in_reports();
    let now_us = net.setup.clock.now_us();
    let waits = net.diverged.borrow();
    // A room that the caller may not come back to yet would refuse it, and keep a seat for nobody.
    let avoids = |entry: &RoomEntry| avoid.contains(&entry.code) || waits.must_wait(entry.place.room, address, now_us);
    net.directory.borrow_mut().join_match(game, origin_of(address), avoids, now_us).map(|entry| entry.code)
}

/// The room that was found or made.
fn shown(net: &Net, code: Code, status: StatusCode, invite: Option<String>) -> Result<Granted, Refusal> {
    let directory = net.directory.borrow();
    // The shard of a room that is not there has failed in this very moment, and the server ends.
    let entry = directory.find(code).ok_or_else(stopping)?;
    let view = view(net, entry).with_invite(invite);
    Ok((status, serde_json::to_vec(&view).expect("a view of a room is plain data")))
}

/// The rooms that a quick match is not to lead to.
fn avoided(codes: &[String]) -> Result<Vec<Code>, Refusal> {
    let bad = |error: String| {
        let help = "name the codes of at most 16 rooms in \"avoid\", or leave it out";
        Refusal::new(Problem::BadBody, error, help)
    };
    if codes.len() > AVOIDED_ROOMS_MAX {
        return Err(bad(format!("\"avoid\" has {} codes, more than {AVOIDED_ROOMS_MAX}", codes.len())));
    }
    let parse = |(index, code): (usize, &String)| {
        Code::parse(code).ok_or_else(|| bad(format!("entry {index} of \"avoid\" is not the code of a room")))
    };
    codes.iter().enumerate().map(parse).collect()
}

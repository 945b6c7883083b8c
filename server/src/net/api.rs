//! The API under `/api`: rooms by code, the list of public ones, quick matches.

use super::Net;
use super::answer::{Answer, Refusal, json};
use super::doorkeeper::Shut;
use super::drain::stopping;
use super::elsewhere;
use super::forwarded::limited_address;
use super::handshake::{check_origin, check_reader};
use super::operation::Budget;
use super::peer::Peer;
use super::percent::decoded;
use super::problem::Problem;
use crate::chronicle::Chronicle;
use crate::cluster::WriteFault;
use crate::config::Config;
use crate::games::{OfferedGame, RoomPlan};
use crate::limits::{
    AVOIDED_ROOMS_MAX, CLAIM_MAX, CLAIM_TRIES, GAME_NAME_SHOWN_BYTES_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_BODY_TIMEOUT,
    ROOM_MAKING_MAX, ROOM_RETRY_SECONDS,
};
use crate::lobby::{Code, Door, NoRoomLeft, Place, RoomEntry, Wanted};
use crate::mailbox::origin_of;
use crate::maker::{Making, NotMade};
use crate::room::{RoomLimits, RoomSetup};
use crate::room_header::RoomHeader;
use crate::webhooks::event::{EventError, RoomSerial};
use crate::websocket::address::AddressKey;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{AUTHORIZATION, EXPECT, HeaderMap};
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use tickwire::Seat;
use tickwire::message::control::SecretText;
use tickwire::message::topics::PlayerId;

/// The way on when the body of a request for a room is not understood.
const WISH: &str = "send JSON such as {\"game\":\"paddles\"}";

/// The way on when a request shows no good ticket.
const TICKET_HELP: &str = "send the header Authorization: Bearer TICKET, with a ticket of your backend that is valid and \
                           was not used; the request does not use it up, so the player enters the room with the same one";

/// The header that carries the secret of a private room, percent-encoded like a part of an address.
const SECRET_HEADER: &str = "room-secret";

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

/// A room as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct RoomView<'a> {
    code: String,
    game: &'a str,
    players: u8,
    seats: u8,
    /// The invitation of a private room, which its maker is told and nobody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<String>,
}

pub(super) fn view<'a>(net: &'a Net, entry: &RoomEntry) -> RoomView<'a> {
    let game = net.setup.games[entry.wanted.game].rules.name;
    RoomView { code: entry.code.to_string(), game, players: entry.players, seats: entry.wanted.seats, invite: None }
}

/// `GET /api/rooms/{code}`: one room, for a client that knows its code, and its secret if it has one.
pub(super) async fn show(net: &Net, code: &str, headers: &HeaderMap, peer: Peer) -> Result<Answer, Refusal> {
    check_reader(net, headers)?;
    let address = limited_address(net, peer, headers);
    if let Some(seconds) = net.lookup_quota.borrow().wait_seconds(address, net.setup.clock.now_us()) {
        return Err(too_many_codes(net, seconds));
    }
    let code = Code::parse(code);
    if let Some(code) = code
        && let Some(place) = net.elsewhere(code, address, &net.lookup_quota).await
    {
        return elsewhere::show(net, code, place, address, secret_of(headers)).await;
    }
    let door = code.and_then(|code| net.directory.borrow().find(code).map(|entry| entry.wanted.door));
    let opened = net.open_door(door, secret_of(headers).as_ref(), &net.lookup_quota, address).await;
    opened.map_err(|shut| match shut {
        Shut::Wrong => no_room(),
        Shut::Guesses(seconds) => too_many_codes(net, seconds),
        Shut::Busy => busy_hashing(),
    })?;
    let directory = net.directory.borrow();
    code.and_then(|code| directory.find(code)).map(|entry| json(StatusCode::OK, &view(net, entry))).ok_or_else(no_room)
}

pub(super) fn no_room() -> Refusal {
    Refusal::new(Problem::NoRoom, "no such room", "check the code with the person who sent it")
}

/// The refusal of an address that has looked in vain too often.
pub(super) fn too_many_codes(net: &Net, seconds: u64) -> Refusal {
    too_many(net, Problem::TooManyCodes, "too many codes without a room were tried", seconds)
}

pub(super) fn busy_hashing() -> Refusal {
    Refusal::later(Problem::Busy, "too many passwords are being checked", 1)
}

/// The secret in the header of a request. A value that cannot be read counts as a wrong secret.
fn secret_of(headers: &HeaderMap) -> Option<SecretText> {
    let secret = decoded(headers.get(SECRET_HEADER)?.as_bytes());
    Some(SecretText(String::from_utf8(secret).unwrap_or_default()))
}

/// `POST /api/rooms`: a new room.
pub(super) async fn create(net: &Net, request: Request<Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    let address = admit(net, &request, peer)?;
    let wish: CreateRoom = read_json(net, request, WISH).await?;
    let (index, game) = offered(net, &wish.game)?;
    (game.check)(&wish.options).map_err(|error| {
        let error = format!("these are not options of {}: {error}", wish.game);
        Refusal::new(Problem::BadOptions, error, "leave \"options\" out for the default ones")
    })?;
    let password = wished_password(&wish)?;
    take_room(net, address)?;
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

/// The password that the maker of a room wishes for, if it goes with the rest of the wish.
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

/// `POST /api/match`: a room with people in it, or a new one that bots will fill.
pub(super) async fn find_match(net: &Net, request: Request<Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    let address = admit(net, &request, peer)?;
    let wish: FindMatch = read_json(net, request, WISH).await?;
    let (index, game) = offered(net, &wish.game)?;
    let avoid = avoided(&wish.avoid)?;
    take(net, Budget::Matches, Problem::TooManyMatches, address, "too many matches were asked for from this address")?;
    // One after another: people who come while a room is made for somebody else meet in that room.
    let _matching = net.matching.lock().await;
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

/// The answer that shows a room.
fn shown(net: &Net, code: Code, status: StatusCode, invite: Option<String>) -> Result<Answer, Refusal> {
    let directory = net.directory.borrow();
    match directory.find(code) {
        Some(entry) => Ok(json(status, &RoomView { invite, ..view(net, entry) })),
        // The shard of the room has failed in this very moment, and the server ends.
        None => Err(stopping()),
    }
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

/// A room that is in the directory and is not made yet. Dropped, it leaves the directory: the room was refused, or the
/// client hung up, which drops the request wherever it waits. A room that is made all the same ends by itself.
struct Unmade<'a> {
    net: &'a Net,
    code: Code,
    place: Place,
    is_made: bool,
}

impl<'a> Unmade<'a> {
    fn enter(net: &'a Net, wanted: Wanted) -> Result<Self, NoRoomLeft> {
        let mut directory = net.directory.borrow_mut();
        let entry = directory.open(wanted, |shard| net.has_time(shard), net.setup.clock.now_us())?;
        net.open_topics(entry);
        Ok(Self { net, code: entry.code, place: entry.place, is_made: false })
    }

    /// The room exists: it stays in the directory until its shard says otherwise.
    fn made(mut self) -> Code {
        self.is_made = true;
        self.code
    }
}

impl Drop for Unmade<'_> {
    fn drop(&mut self) {
        if !self.is_made {
            self.net.close_room(self.place.room);
        }
    }
}

/// Enters a room into the directory, under a code that no other node has.
async fn claimed(net: &Net, wanted: Wanted) -> Result<Unmade<'_>, Refusal> {
    let later = |error: &str| Refusal::later(Problem::Full, error, ROOM_RETRY_SECONDS);
    let claiming = async {
        for _ in 0..CLAIM_TRIES {
            let entry = Unmade::enter(net, wanted).map_err(|full| later(&full.to_string()))?;
            match net.claim(entry.code).await {
                Ok(()) => return Ok(entry),
                // Another node has the code, or it rests.
                Err(WriteFault::Stale) => {}
                Err(WriteFault::Unknown | WriteFault::Away) => break,
            }
        }
        Err(later("no room can be registered at the moment"))
    };
    let claimed = tokio::time::timeout(CLAIM_MAX, claiming).await;
    claimed.unwrap_or_else(|_| Err(later("no room can be registered at the moment")))
}

/// Enters a room into the directory, and waits until the room is made. Bots fill so many of its seats; those of a match
/// are for these players.
pub(super) async fn open(
    net: &Net,
    game: &OfferedGame,
    wanted: Wanted,
    options: Value,
    bots: u8,
    seats: &BTreeMap<Seat, PlayerId>,
) -> Result<Code, Refusal> {
    let later = |error: &str| Refusal::later(Problem::Full, error, ROOM_RETRY_SECONDS);
    if net.is_draining.get() {
        return Err(stopping());
    }
    let entry = claimed(net, wanted).await?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system has random numbers");
    let limits = room_limits(&net.config(), wanted.public, game.rules.seats);
    let build = net.setup.build;
    // Strangers have nobody among them who could decide for the others.
    let has_owner = !wanted.quick_match && !matches!(wanted.door, Door::Match);
    let setup = RoomSetup { secret: secret.into(), bots, has_owner, limits, build };
    let plan = RoomPlan { setup, options };
    let chronicle = chronicle(net, &entry, game.rules.name);
    let header = || RoomHeader::new(entry.code, game, &wanted, &plan).for_match(seats).to_bytes();
    let header = net.setup.journal.is_some().then(header);
    let making = net.setup.orders.make(entry.place, Making { game: game.clone(), plan, chronicle, header });
    let made = tokio::time::timeout(ROOM_MAKING_MAX, making).await;
    match made {
        Ok(Ok(())) => Ok(entry.made()),
        Ok(Err(NotMade::Gone)) => Err(stopping()),
        Ok(Err(error)) => Err(later(&error.to_string())),
        Err(_) => Err(later("the room takes too long to make")),
    }
}

/// The chronicle of a room, where somebody wants to hear it.
fn chronicle(net: &Net, room: &Unmade<'_>, game: &str) -> Option<Chronicle> {
    let feed = net.setup.webhooks.as_ref()?.feed(RoomSerial(room.place.room.0), &room.code.to_string(), game);
    let failed = |error: &EventError| tracing::error!(%error, "a room is missing from the webhooks");
    feed.inspect_err(failed).ok().map(Chronicle::open)
}

/// The limits of a room with so many seats.
pub(super) fn room_limits(config: &Config, is_listed: bool, seats: u8) -> RoomLimits {
    let of_address = if is_listed { config.seats_per_address_listed } else { config.seats_per_address_unlisted };
    RoomLimits {
        seats_per_origin_max: of_address.of_room(seats),
        spectators_max: config.spectators_max,
        spectators_per_origin_max: config.spectators_per_address,
        afk_minutes: config.afk_minutes,
        comebacks_per_minute_max: config.comebacks_per_seat_per_minute,
        examined_disputes_per_origin_max: config.examined_disputes_per_address,
        disputes_per_origin_max: config.disputes_per_address,
        fill_seconds: config.fill_seconds,
    }
}

/// Takes a room out of the rooms that the address may create.
fn take_room(net: &Net, address: Option<AddressKey>) -> Result<(), Refusal> {
    take(net, Budget::Rooms, Problem::TooManyRooms, address, "too many rooms were created from this address")
}

fn take(net: &Net, budget: Budget, problem: Problem, address: Option<AddressKey>, error: &str) -> Result<(), Refusal> {
    let taken = budget.quota(net).borrow_mut().take(address, net.setup.clock.now_us());
    taken.map_err(|seconds| too_many(net, problem, error, seconds))
}

fn too_many(net: &Net, problem: Problem, error: &str, seconds: u64) -> Refusal {
    net.setup.metrics.rate_limited.increment(1);
    Refusal::later(problem, error, seconds)
}

/// The address that a request counts for, if a page of an allowed origin or no page at all sent it.
fn admit(net: &Net, request: &Request<Incoming>, peer: Peer) -> Result<Option<AddressKey>, Refusal> {
    check_origin(net, request.headers())?;
    if !net.setup.gate.knows(bearer(request.headers())) {
        return Err(Refusal::new(Problem::NoTicket, "a room is made for players with a ticket", TICKET_HELP));
    }
    Ok(limited_address(net, peer, request.headers()))
}

/// The ticket in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, ticket) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| ticket.trim())
}

/// The game of this name, together with its index.
pub(super) fn offered<'a>(net: &'a Net, name: &str) -> Result<(usize, &'a OfferedGame), Refusal> {
    net.game(name).ok_or_else(|| {
        if net.setup.withheld.contains(&name) {
            let error = format!("{name} is a benchmark game, which this server does not offer");
            let help = "the operator offers it with --benchmark-games, TICKWIRE_BENCHMARK_GAMES=true or \
                        benchmark_games = true in the file";
            return Refusal::new(Problem::NoGame, error, help);
        }
        let games: Vec<_> = net.setup.games.iter().map(|game| game.rules.name).collect();
        let name = &name[..name.floor_char_boundary(GAME_NAME_SHOWN_BYTES_MAX)];
        let error = format!("this server has no game {name}; it has {}", games.join(", "));
        Refusal::new(Problem::NoGame, error, "name one of its games, or start the server whose main! has this game")
    })
}

/// Reads the wish of a request that begins something; on a server that stops nothing begins any more.
pub(super) async fn read_json<T: DeserializeOwned>(
    net: &Net,
    request: Request<Incoming>,
    help: &'static str,
) -> Result<T, Refusal> {
    let mut guest = net.drain.guest();
    let body = tokio::select! {
        biased;
        _ = guest.stopped() => return Err(stopping()),
        body = read_body(request) => body?,
    };
    serde_json::from_slice(&body).map_err(|error| {
        let error = format!("the body is not the JSON that this request needs: {error}");
        Refusal::new(Problem::BadBody, error, help)
    })
}

async fn read_body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(Problem::LargeBody, "the body is too large", "send at most 4096 bytes");
    // A client that asks first has not sent the body. It is told to as soon as the body is waited for.
    let announced = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
    if request.headers().contains_key(EXPECT) && announced > REQUEST_BODY_BYTES_MAX {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), REQUEST_BODY_BYTES_MAX).collect();
    match tokio::time::timeout(REQUEST_BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(Problem::BadBody, "the body broke off", "send it again")),
        Err(_) => Err(Refusal::new(Problem::SlowBody, "the body took too long", "send it at once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STALL_MAX;
    use crate::lobby::{Directory, DirectoryLimits};
    use crate::mailbox::ShardLink;
    use crate::maker::Orders;
    use crate::threads::ThreadHealth;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;
    use tickwire_games::Paddles;

    #[test]
    fn a_client_that_hangs_up_while_its_room_is_made_leaves_nothing_in_the_directory() {
        let (order, _orders) = mpsc::sync_channel(1);
        let mut net = Net::without_shards(Config::on_free_ports());
        let health = ThreadHealth::new("shard", STALL_MAX);
        net.setup.shards = vec![ShardLink::new(|_, _| true, Arc::default(), health)];
        net.setup.orders = Orders::new(order);
        let limits = DirectoryLimits { rooms_max: 1, reservations_per_origin_max: 1 };
        net.directory = Directory::new(1, limits).into();
        let wanted = Wanted { game: 0, seats: 2, public: false, quick_match: false, door: Door::Open };
        let game = OfferedGame::of::<Paddles>();
        let none = BTreeMap::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // The room is never made, and the request is dropped meanwhile.
            let asked = open(&net, &game, wanted, Value::Null, 0, &none);
            assert!(tokio::time::timeout(Duration::from_millis(10), asked).await.is_err());
        });
        assert_eq!(net.directory.borrow().totals().0, 0);
    }
}

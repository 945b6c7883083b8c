//! The API under `/api`: a room by its code, and what all requests have in common.

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
use crate::games::OfferedGame;
use crate::limits::{GAME_NAME_SHOWN_BYTES_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_BODY_TIMEOUT};
use crate::lobby::{Code, RoomEntry};
use crate::websocket::address::AddressKey;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{AUTHORIZATION, EXPECT, HeaderMap};
use hyper::{Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tickwire::message::control::SecretText;

/// The way on when a request shows no good ticket.
const TICKET_HELP: &str = "send the header Authorization: Bearer TICKET, with a ticket of your backend that is valid and \
                           was not used; the request does not use it up, so the player enters the room with the same one";

/// The header that carries the secret of a private room, percent-encoded like a part of an address.
const SECRET_HEADER: &str = "room-secret";

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

impl<'a> RoomView<'a> {
    pub(super) fn new(code: Code, game: &'a str, players: u8, seats: u8) -> Self {
        Self { code: code.to_string(), game, players, seats, invite: None }
    }

    /// The same for the maker of the room.
    pub(super) fn with_invite(self, invite: Option<String>) -> Self {
        Self { invite, ..self }
    }
}

pub(super) fn view<'a>(net: &'a Net, entry: &RoomEntry) -> RoomView<'a> {
    let game = net.setup.games[entry.wanted.game].rules.name;
    RoomView::new(entry.code, game, entry.players, entry.wanted.seats)
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

/// Takes a room out of the rooms that the address may create.
pub(super) fn take_room(net: &Net, address: Option<AddressKey>) -> Result<(), Refusal> {
    take(net, Budget::Rooms, Problem::TooManyRooms, address, "too many rooms were created from this address")
}

pub(super) fn take(
    net: &Net,
    budget: Budget,
    problem: Problem,
    address: Option<AddressKey>,
    error: &str,
) -> Result<(), Refusal> {
    let taken = budget.quota(net).borrow_mut().take(address, net.setup.clock.now_us());
    taken.map_err(|seconds| too_many(net, problem, error, seconds))
}

pub(super) fn too_many(net: &Net, problem: Problem, error: &str, seconds: u64) -> Refusal {
    net.setup.metrics.rate_limited.increment(1);
    Refusal::later(problem, error, seconds)
}

/// The address that a request counts for, if a page of an allowed origin or no page at all sent it.
pub(super) fn admit(net: &Net, request: &Request<Incoming>, peer: Peer) -> Result<Option<AddressKey>, Refusal> {
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
    parse_json(&read_body(net, request).await?, help)
}

/// The JSON in the body of a request.
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8], help: &'static str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let error = format!("the body is not the JSON that this request needs: {error}");
        Refusal::new(Problem::BadBody, error, help)
    })
}

/// Reads the body of a request that begins something; on a server that stops nothing begins any more.
pub(super) async fn read_body(net: &Net, request: Request<Incoming>) -> Result<Bytes, Refusal> {
    let mut guest = net.drain.guest();
    tokio::select! {
        biased;
        _ = guest.stopped() => Err(stopping()),
        body = whole_body(request) => body,
    }
}

async fn whole_body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
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

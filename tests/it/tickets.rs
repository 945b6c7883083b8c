//! Tickets over real sockets: the players who come in with each, once, and the fate of players who have none.

use crate::serving::{Serving, serve};
use crate::socket::{Event, Socket, binary, create_room, hello};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tickwire::message::WELCOME;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire_games::Arena;
use tickwire_server::identity::{MintedKey, TicketClaims, TicketRole, mint, new_key};
use tickwire_server::{Auth, Config, FileSetting, Running, Server};

pub(crate) const SERVICES: &str = "sesame-0123456789";

/// The time that a server takes to notice a new file of keys, and some more.
const PATIENCE: Duration = Duration::from_secs(10);

/// The keys of a studio and the files that its server reads; they are removed with the value.
pub(crate) struct Studio {
    pub(crate) key: MintedKey,
    keys: PathBuf,
    token: PathBuf,
    minted: std::cell::Cell<u32>,
}

impl Studio {
    pub(crate) fn new(name: &str) -> Self {
        let path = |what| std::env::temp_dir().join(format!("tickwire-{what}-{name}-{}", std::process::id()));
        let (keys, token) = (path("ticket-keys"), path("services-token"));
        let key = new_key("login-1").expect("a name of a key");
        fs::write(&keys, &key.public_line).expect("a file");
        fs::write(&token, SERVICES).expect("a file");
        fs::set_permissions(&token, Permissions::from_mode(0o600)).expect("its permissions");
        Self { key, keys, token, minted: 0.into() }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            auth: Auth::Ticket,
            ticket_keys: FileSetting::At(self.keys.clone()),
            topics_token_file: FileSetting::At(self.token.clone()),
            ..Config::on_free_ports()
        }
    }

    /// The options of a program that reads these files.
    pub(crate) fn options(&self) -> [String; 6] {
        let path = |path: &PathBuf| path.to_str().expect("a path is text").to_owned();
        let [auth, ticket, keys, token] =
            ["--auth", "ticket", "--ticket-keys", "--topics-token-file"].map(str::to_owned);
        [auth, ticket, keys, path(&self.keys), token, path(&self.token)]
    }

    fn start(&self) -> (Running, SocketAddr, SocketAddr) {
        let server = Server::new(self.config()).game::<Arena>().start().expect("a server on free ports");
        let (players, operators) = (server.address(), server.admin_address().expect("a port"));
        (server, players, operators)
    }

    /// A ticket that begins so many seconds from now.
    pub(crate) fn ticket_at(&self, claims: &TicketClaims, from_s: i64) -> String {
        self.minted.set(self.minted.get() + 1);
        mint(&self.key.secret, claims, 60, now_s().saturating_add_signed(from_s), &self.minted.get().to_string())
            .expect("claims that keep the rules")
    }

    pub(crate) fn ticket(&self, identity: &str) -> String {
        self.ticket_at(&claims(identity), 0)
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = (fs::remove_file(&self.keys), fs::remove_file(&self.token));
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

pub(crate) fn claims(identity: &str) -> TicketClaims {
    TicketClaims { identity: identity.into(), ..TicketClaims::default() }
}

/// Sends a request with this header; gives status and body.
pub(crate) fn ask(address: SocketAddr, request: &str, bearer: Option<&str>, body: &Value) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let (body, bearer) = (body.to_string(), bearer.map(|token| format!("Authorization: Bearer {token}\r\n")));
    let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}", body.len());
    let request = format!("{head}\r\n{}\r\n{body}", bearer.unwrap_or_default());
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    (answer[9..12].parse().expect("a status"), answer)
}

/// A room that somebody with a ticket has made; gives its code.
pub(crate) fn room(studio: &Studio, address: SocketAddr) -> String {
    let ticket = studio.ticket("maker");
    let (status, answer) = ask(address, "POST /api/rooms", Some(&ticket), &json!({ "game": "arena" }));
    assert_eq!(status, 201, "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    body["code"].as_str().expect("a code").to_owned()
}

/// Enters a room with a ticket: the welcome, or the code of the refusal.
pub(crate) fn enter(address: SocketAddr, code: &str, ticket: Option<String>) -> Result<(Welcome, Socket), u16> {
    knock(address, &Hello { ticket: ticket.map(SecretText), ..hello::<Arena>(code) })
}

fn knock(address: SocketAddr, hello: &Hello) -> Result<(Welcome, Socket), u16> {
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello.encode()));
    match socket.next() {
        Event::Message(message) if message.first() == Some(&WELCOME) => {
            Ok((Welcome::decode(&message).expect("a welcome"), socket))
        }
        Event::Close(code) => Err(code),
        other => panic!("{other:?}"),
    }
}

/// The code with which a connection is closed within a second; `None` for one that stays open.
fn closes_with(socket: &mut Socket) -> Option<u16> {
    let end = Instant::now() + Duration::from_secs(1);
    loop {
        match socket.poll(end)? {
            Event::Close(code) => return Some(code),
            Event::End => panic!("the connection ended without a code"),
            _ => {}
        }
    }
}

#[test]
fn a_ticket_lets_its_player_in_once_and_its_claims_are_what_others_see() {
    let studio = Studio::new("once");
    let (_running, address, _) = studio.start();
    let code = room(&studio, address);
    assert_eq!(enter(address, &code, None).err(), Some(4001), "nobody comes in without a ticket");
    let ada = studio.ticket_at(&TicketClaims { name: Some("Ada L.".into()), ..claims("ada") }, 0);
    let (welcome, _socket) = enter(address, &code, Some(ada.clone())).expect("a seat");
    assert_eq!(welcome.players.iter().map(|player| &*player.name).collect::<Vec<_>>(), ["Ada L."]);
    assert_eq!(enter(address, &code, Some(ada)).err(), Some(4002), "a ticket is good once");
    // The token of the seat leads back to it, without a ticket, and no other token does.
    let back = Hello { resume: Some(welcome.resume), ..hello::<Arena>(&code) };
    let (again, _socket) = knock(address, &back).expect("the seat");
    assert_eq!((again.seat, again.resumed), (welcome.seat, true));
    assert_eq!(knock(address, &Hello { resume: Some([9; 16]), ..back }).err(), Some(4001));
    let watcher = studio.ticket_at(&TicketClaims { role: TicketRole::Spectator, ..claims("eve") }, 0);
    assert_eq!(enter(address, &code, Some(watcher)).expect("a place").0.seat, None, "a spectator has no seat");
}

#[test]
fn tickets_that_are_not_good_are_refused_each_for_its_reason_and_are_not_used_up() {
    let studio = Studio::new("bad");
    let (_running, address, _) = studio.start();
    let (code, elsewhere) = (room(&studio, address), room(&studio, address));
    let stranger = new_key("login-1").expect("a name of a key");
    let other = new_key("login-2").expect("a name of a key");
    let by = |key: &MintedKey| mint(&key.secret, &claims("ada"), 60, now_s(), "1").expect("a ticket");
    let bound = TicketClaims { room: Some(code.clone()), ..claims("ada") };
    for (ticket, expected, why) in [
        (studio.ticket_at(&claims("ada"), -200), 4001, "it has expired"),
        (studio.ticket_at(&claims("ada"), 200), 4001, "it is not valid yet"),
        (by(&stranger), 4001, "another key has signed it"),
        (by(&other), 4001, "the key is not known"),
        ("v4.public.AAAA".into(), 4001, "it is cut"),
        (String::new(), 4001, "it is empty"),
        ("x".repeat(1_100), 4001, "it is too long"),
    ] {
        assert_eq!(enter(address, &code, Some(ticket)).err(), Some(expected), "{why}");
    }
    let ticket = studio.ticket_at(&bound, 0);
    assert_eq!(enter(address, &elsewhere, Some(ticket.clone())).err(), Some(4001), "it is for another room");
    assert_eq!(enter(address, "222222", Some(ticket.clone())).err(), Some(4003), "there is no such room");
    // One bit in every eighth byte; the unit tests flip all of them.
    for at in (0..ticket.len()).step_by(8) {
        let mut flipped = ticket.clone().into_bytes();
        flipped[at] ^= 1;
        let flipped = String::from_utf8(flipped).expect("ASCII");
        assert_eq!(enter(address, &code, Some(flipped)).err(), Some(4001), "bit 0 of byte {at}");
    }
    assert!(enter(address, &code, Some(ticket)).is_ok(), "none of this has used it up");
}

#[test]
fn two_hundred_joins_of_one_identity_have_one_seat() {
    let studio = Studio::new("storm");
    let (_running, address, _) = studio.start();
    let code = room(&studio, address);
    let joins: Vec<_> = (0..200)
        .map(|_| {
            let (code, ticket) = (code.clone(), studio.ticket("ada"));
            std::thread::spawn(move || enter(address, &code, Some(ticket)))
        })
        .collect();
    let mut seats: Vec<_> = joins.into_iter().map(|join| join.join().expect("no panic")).collect();
    // Too many at once may be told to wait; nobody else is refused.
    assert!(seats.iter().all(|outcome| matches!(outcome, Ok(_) | Err(4006))));
    seats.retain(Result::is_ok);
    let mut open = 0;
    for (welcome, mut socket) in seats.into_iter().flatten() {
        assert_eq!(welcome.seat.map(|seat| seat.number()), Some(0));
        assert!(welcome.players.len() == 1, "{:?}", welcome.players);
        open += u32::from(closes_with(&mut socket) != Some(4005));
    }
    assert_eq!(open, 1, "the newest connection has the seat, and all others are superseded");
}

#[test]
fn rooms_are_made_for_players_with_tickets_which_that_does_not_use_up() {
    let studio = Studio::new("http");
    let (_running, address, _) = studio.start();
    let ticket = studio.ticket("ada");
    for path in ["POST /api/rooms", "POST /api/match"] {
        for bearer in [None, Some("v4.public.AAAA"), Some("")] {
            let (status, answer) = ask(address, path, bearer, &json!({ "game": "arena" }));
            assert!(status == 401 && answer.contains("Bearer TICKET"), "{answer}");
        }
        let (status, answer) = ask(address, path, Some(&ticket), &json!({ "game": "arena" }));
        assert!(status == 201 || status == 200, "{answer}");
    }
    let code = room(&studio, address);
    assert!(enter(address, &code, Some(ticket.clone())).is_ok());
    assert_eq!(ask(address, "POST /api/rooms", Some(&ticket), &json!({ "game": "arena" })).0, 401, "it is used up");
}

#[test]
fn somebody_without_a_ticket_hears_the_lobby_and_neither_speaks_nor_listens_in_rooms() {
    let studio = Studio::new("guest");
    let (_running, address, _) = studio.start();
    let code = room(&studio, address);
    let mut guest = Socket::open_json(address);
    let chat = "lobby/arena/chat";
    guest.say(&json!({ "op": "hello", "name": "Ada", "key": "0".repeat(32) }));
    guest.wait_for("you");
    for topic in ["lobby/arena", chat, "announce"] {
        guest.say(&json!({ "op": "subscribe", "topic": topic }));
        assert_eq!(guest.wait_for("granted")["may_publish"], false, "{topic}");
    }
    guest.say(&json!({ "op": "subscribe", "topic": format!("room/{code}") }));
    assert_eq!(guest.wait_for("refused")["why"], "no_topic");
    guest.say(&json!({ "op": "publish", "topic": chat, "seq": 1, "body": "hi" }));
    assert_eq!(guest.wait_for("receipt")["why"], "no_topic");
    let ticket = studio.ticket_at(&TicketClaims { name: Some("Ada L.".into()), ..claims("ada") }, 0);
    let enter = |ticket: &str| {
        let mut player = Socket::open_json(address);
        player.say(&json!({ "op": "hello", "name": "Somebody", "ticket": ticket }));
        player
    };
    let mut player = enter(&ticket);
    player.say(&json!({ "op": "publish", "topic": chat, "seq": 1, "body": "good evening" }));
    assert!(player.wait_for("receipt")["id"].is_string());
    assert_eq!(guest.wait_for("message")["from"]["name"], "Ada L.");
    assert_eq!(enter(&ticket).next(), Event::Close(4002), "each connection uses one up");
}

#[test]
fn keys_are_read_again_when_their_file_changes_and_bad_ones_change_nothing() {
    let studio = Studio::new("rotation");
    let (_running, address, _) = studio.start();
    let code = room(&studio, address);
    let next = new_key("login-2").expect("a name of a key");
    let of_next = |jti: &str| mint(&next.secret, &claims("grace"), 60, now_s(), jti).expect("a ticket");
    assert_eq!(enter(address, &code, Some(of_next("1"))).err(), Some(4001));
    fs::write(&studio.keys, "this is no key").expect("a file");
    assert!(enter(address, &code, Some(studio.ticket("ada"))).is_ok(), "the old keys are in force");
    fs::write(&studio.keys, format!("{}\n{}", studio.key.public_line, next.public_line)).expect("a file");
    wait_until("the second key is known", || enter(address, &code, Some(of_next(&counter()))).is_ok());
    assert!(enter(address, &code, Some(studio.ticket("bob"))).is_ok(), "both keys are good");
    fs::write(&studio.keys, &next.public_line).expect("a file");
    wait_until("the first key is forgotten", || enter(address, &code, Some(studio.ticket("cay"))).err() == Some(4001));
}

/// A number that no other call gives.
fn counter() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(100);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_identity_whose_tickets_are_revoked_is_out_everywhere_and_stays_out() {
    let studio = Studio::new("revoked");
    let (_running, address, operators) = studio.start();
    let codes = [room(&studio, address), room(&studio, address)];
    let kept = studio.ticket("ada");
    let mut seats = codes.each_ref().map(|code| enter(address, code, Some(studio.ticket("ada"))).expect("a seat").1);
    let (_, mut other) = enter(address, &codes[0], Some(studio.ticket("bob"))).expect("a seat");
    let watcher = studio.ticket_at(&TicketClaims { role: TicketRole::Spectator, ..claims("ada") }, 0);
    let (_, mut watcher) = enter(address, &codes[0], Some(watcher)).expect("a place");
    let mut visitor = Socket::open_json(address);
    visitor.say(&json!({ "op": "hello", "ticket": studio.ticket("ada") }));
    visitor.wait_for("you");
    let revoke = |bearer| ask(operators, "POST /identities/revoke", bearer, &json!({ "identity": "ada" })).0;
    assert_eq!(revoke(None), 401);
    assert_eq!(revoke(Some(SERVICES)), 204);
    for socket in seats.iter_mut().chain([&mut watcher, &mut visitor]) {
        assert_eq!(closes_with(socket), Some(4001));
    }
    assert_eq!(enter(address, &codes[1], Some(kept)).err(), Some(4001));
    assert_eq!(closes_with(&mut other), None, "others stay");
}

#[test]
fn no_token_is_in_a_log_a_metric_or_an_error_and_sighup_reads_the_keys_again() {
    let studio = Studio::new("quiet");
    let log = studio.keys.with_extension("log");
    let mut command = serve("127.0.0.1:0");
    command.args(["--auth", "ticket", "--log", "trace", "--ticket-keys"]).arg(&studio.keys);
    command.stderr(fs::File::create(&log).expect("a file"));
    let mut serving = Serving::start_by(&mut command);
    let address = serving.address();
    let code = room(&studio, address);
    let tickets = [studio.ticket("ada"), studio.ticket("ada"), studio.ticket_at(&claims("ada"), -900)];
    for ticket in &tickets {
        let _ = enter(address, &code, Some(ticket.clone()));
        let _ = enter(address, &code, Some(ticket.clone()));
        let (_, answer) = ask(address, "POST /api/rooms", Some(ticket), &json!({ "game": "arena" }));
        assert!(!answer.contains(ticket) && !answer.contains(&ticket[10..40]), "{answer}");
    }
    serving.signal("HUP");
    let again = || fs::read_to_string(&log).expect("the log").contains("the keys of tickets were read again");
    wait_until("the log says that the keys were read", again);
    serving.signal("INT");
    serving.wait();
    let said = fs::read_to_string(&log).expect("the log");
    fs::remove_file(&log).expect("the log is there");
    for ticket in &tickets {
        for part in ticket.split('.').filter(|part| part.len() > 20) {
            assert!(!said.contains(&part[..20]), "a part of a ticket is in the log");
        }
    }
    assert!(said.contains("a ticket was refused"), "{said}");
}

#[test]
fn settings_of_tickets_that_do_not_fit_together_end_the_start_with_what_to_do() {
    let studio = Studio::new("settings");
    let missing = studio.keys.with_extension("missing");
    let keys = studio.keys.to_str().expect("a path");
    for (arguments, expected) in [
        (vec!["--auth", "ticket"], "--ticket-keys"),
        (vec!["--ticket-keys", keys], "--auth ticket"),
        (vec!["--auth", "ticket", "--ticket-keys", missing.to_str().expect("a path")], "missing"),
        (vec!["--auth", "password"], "open"),
    ] {
        let mut command = serve("127.0.0.1:0");
        let output = command.args(&arguments).stderr(std::process::Stdio::piped()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    }
    // A server without tickets takes players as before.
    let open = Server::new(Config::on_free_ports()).game::<Arena>().start().expect("a server");
    let code = create_room(open.address(), "arena");
    assert!(enter(open.address(), &code, Some("any".into())).is_ok());
}

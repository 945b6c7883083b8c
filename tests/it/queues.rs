//! Queues over real sockets: strangers and parties get a match, the seats in it are theirs, and nobody else gets in.

use crate::socket::{Event, Socket, api, binary, hello};
use crate::tickets::{Studio, claims};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::link::LinkProfile;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire::message::topics::PlayerKey;
use tickwire_games::{Arena, Paddles};
use tickwire_server::identity::TicketClaims;
use tickwire_server::{Config, Running, Server};
use tickwire_tools::load::{Plan, run};

fn start() -> (Running, SocketAddr) {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().game::<Arena>();
    let running = server.start().expect("a free port");
    let address = running.address();
    (running, address)
}

/// A page in the lobby, with the key of its player.
struct Page {
    socket: Socket,
    key: PlayerKey,
    player: Value,
}

impl Page {
    fn open(address: SocketAddr, number: u8) -> Self {
        let key = PlayerKey([number; 16]);
        let mut socket = Socket::open_json(address);
        let hex: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        socket.say(&json!({ "op": "hello", "name": format!("P{number}"), "key": hex }));
        let player = socket.wait_for("you")["player"].clone();
        Self { socket, key, player }
    }

    fn say(&mut self, message: &Value) {
        self.socket.say(message);
    }

    fn queue(&mut self, game: &str) -> Value {
        self.say(&json!({ "op": "queue", "game": game }));
        self.socket.wait_for("queued")
    }

    fn matched(&mut self) -> Match {
        let told = self.socket.wait_for("matched");
        let seat = u8::try_from(told["seat"].as_u64().expect("a seat")).expect("a small number");
        Match { code: told["code"].as_str().expect("a code").to_owned(), seat, told }
    }
}

/// A match as a page is told of it.
struct Match {
    code: String,
    seat: u8,
    told: Value,
}

/// Says hello to a room; gives the welcome or the code of the close.
fn try_enter(address: SocketAddr, hello: &Hello) -> (Socket, Result<Welcome, u16>) {
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello.encode()));
    let outcome = match socket.next() {
        Event::Message(message) => Ok(Welcome::decode(&message).expect("a welcome")),
        Event::Close(code) => Err(code),
        other => panic!("{other:?}"),
    };
    (socket, outcome)
}

fn of<G: Game>(code: &str, key: PlayerKey) -> Hello {
    Hello { player: Some(key), ..hello::<G>(code) }
}

#[test]
fn two_strangers_meet_in_a_room_that_is_theirs_alone() {
    let (_running, address) = start();
    let (mut ada, mut ben) = (Page::open(address, 1), Page::open(address, 2));
    let queued = ada.queue("paddles");
    assert_eq!((&queued["queue"], &queued["place"], &queued["of"]), (&json!("duel"), &json!(1), &json!(1)));
    ben.queue("paddles");
    let (one, other) = (ada.matched(), ben.matched());
    assert_eq!(one.code, other.code);
    assert_eq!((one.seat, other.seat), (0, 1));
    assert_eq!((&one.told["game"], &one.told["bots"]), (&json!("paddles"), &json!(0)));
    // A stranger has no use for the code.
    let stranger = of::<Paddles>(&one.code, PlayerKey([9; 16]));
    let secret = Some(SecretText("sesame".into()));
    let (watcher, guesser) = (Hello { watches: true, ..stranger.clone() }, Hello { secret, ..stranger.clone() });
    for hello in [&stranger, &watcher, &guesser, &hello::<Paddles>(&one.code)] {
        assert_eq!(try_enter(address, hello).1.err(), Some(4003), "{hello:?}");
    }
    assert_eq!(api(address, "GET", &format!("/api/rooms/{}", one.code), "").0, 404);
    assert_eq!(api(address, "GET", "/api/rooms", "").1, json!([]));
    // Each has its own seat, in any order, and comes back to it from another connection.
    let (mut second, welcome) = try_enter(address, &of::<Paddles>(&one.code, ben.key));
    assert_eq!(welcome.expect("a seat").seat.map(tickwire::Seat::number), Some(1));
    let (_first, welcome) = try_enter(address, &of::<Paddles>(&one.code, ada.key));
    assert_eq!(welcome.expect("a seat").seat.map(tickwire::Seat::number), Some(0));
    let (_again, welcome) = try_enter(address, &of::<Paddles>(&one.code, ben.key));
    let welcome = welcome.expect("the same seat");
    assert_eq!((welcome.seat.map(tickwire::Seat::number), welcome.resumed), (Some(1), true));
    assert_eq!(second.close_code(), Some(4005), "one seat, and the newest connection has it");
}

#[test]
fn a_slow_page_finds_its_seat_and_one_that_loads_again_is_told_of_it_again() {
    let (_running, address) = start();
    let (mut ada, mut ben) = (Page::open(address, 1), Page::open(address, 2));
    ada.queue("paddles");
    ben.queue("paddles");
    let first = ada.matched();
    let (_socket, entered) = try_enter(address, &of::<Paddles>(&ben.matched().code, ben.key));
    entered.expect("a seat");
    drop(ada);
    let begun = Instant::now();
    let (again, told) = loop {
        let mut again = Page::open(address, 1);
        let told = again.matched();
        assert_eq!((&told.code, told.seat), (&first.code, first.seat));
        let hold_ms = told.told["hold_ms"].as_u64().expect("a time");
        assert!(hold_ms <= 45_000 && begun.elapsed() < Duration::from_secs(20), "{hold_ms}");
        if hold_ms < 43_000 {
            break (again, told);
        }
    };
    let (_socket, entered) = try_enter(address, &of::<Paddles>(&told.code, again.key));
    assert_eq!(entered.expect("a seat").seat.map(tickwire::Seat::number), Some(0));
}

#[test]
fn a_party_of_two_and_a_third_play_together_and_a_late_one_joins_their_match() {
    let (_running, address) = start();
    let mut pages: Vec<Page> = (1..=4).map(|number| Page::open(address, number)).collect();
    pages[0].say(&json!({ "op": "party" }));
    let party = pages[0].socket.wait_for("party");
    pages[1].say(&json!({ "op": "party", "party": party["party"] }));
    for page in &mut pages[..2] {
        let party = page.socket.wait_for("party");
        assert_eq!(party["members"].as_array().map(Vec::len), Some(2));
        assert_eq!(party["members"][1]["name"], "P2");
    }
    let leader = pages[0].player.clone();
    pages[1].say(&json!({ "op": "queue", "game": "arena" }));
    assert_eq!(pages[1].socket.wait_for("not_queued")["why"], "not_leader");
    assert_eq!(party["leader"], leader);
    pages[0].queue("arena");
    assert_eq!(pages[1].socket.wait_for("queued")["of"], 1, "both wait as one");
    pages[2].queue("arena");
    // The rules of the queue: fewer than eight play once the window is open, or with bots.
    let matches: Vec<Match> = pages[..3].iter_mut().map(Page::matched).collect();
    assert!(matches.iter().all(|other| other.code == matches[0].code));
    let seats: Vec<_> = matches.iter().map(|told| told.seat).collect();
    assert_eq!(seats.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{seats:?}");
    let _players: Vec<_> = pages[..3]
        .iter()
        .zip(&matches)
        .map(|(page, told)| {
            let (socket, entered) = try_enter(address, &of::<Arena>(&told.code, page.key));
            assert_eq!(entered.expect("a seat").seat.map(tickwire::Seat::number), Some(told.seat));
            socket
        })
        .collect();
    let begun = Instant::now();
    pages[3].queue("arena");
    let late = pages[3].matched();
    assert_eq!(late.code, matches[0].code, "a running match takes the next one");
    assert!(!seats.contains(&late.seat) && begun.elapsed() < Duration::from_secs(5));
    let (_socket, entered) = try_enter(address, &of::<Arena>(&late.code, pages[3].key));
    assert_eq!(entered.expect("a seat").seat.map(tickwire::Seat::number), Some(late.seat));
}

#[test]
fn who_leaves_the_queue_or_loses_the_connection_is_out_and_its_party_is_told() {
    let (_running, address) = start();
    let mut pages: Vec<Page> = (1..=3).map(|number| Page::open(address, number)).collect();
    pages[0].say(&json!({ "op": "party" }));
    let code = pages[0].socket.wait_for("party")["party"].clone();
    pages[1].say(&json!({ "op": "party", "party": code }));
    pages[1].socket.wait_for("party");
    pages[0].queue("arena");
    pages[1].say(&json!({ "op": "unqueue" }));
    for page in &mut pages[..2] {
        assert_eq!(page.socket.wait_for("unqueued")["why"], "asked");
    }
    pages[0].queue("arena");
    let lost = pages.remove(1).player;
    let told = pages[0].socket.wait_for("unqueued");
    assert_eq!((&told["why"], &told["player"]), (&json!("lost"), &lost));
    // Nobody waits any more.
    assert_eq!(pages[1].queue("arena")["of"], 1);
    pages[1].say(&json!({ "op": "party", "party": "NOSUCHCODE" }));
    assert_eq!(pages[1].socket.wait_for("no_party")["why"], "unknown");
    pages[1].say(&json!({ "op": "leave_party" }));
    pages[1].say(&json!({ "op": "queue", "game": "chess" }));
    assert_eq!(pages[1].socket.wait_for("not_queued")["why"], "no_queue");
}

#[test]
fn one_who_waits_alone_gets_bots_after_the_time_that_the_game_says() {
    let (_running, address) = start();
    let mut ada = Page::open(address, 1);
    let begun = Instant::now();
    ada.queue("paddles");
    let told = loop {
        // A read waits for a few seconds at the most.
        if let Some(Event::Text(text)) = ada.socket.poll(begun + Duration::from_secs(30)) {
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message["op"] == "matched" {
                break message;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(29), "bots have come");
    };
    assert!(begun.elapsed() >= Duration::from_millis(19_900), "{:?}", begun.elapsed());
    assert_eq!((&told["bots"], &told["seat"]), (&json!(1), &json!(0)));
    let code = told["code"].as_str().expect("a code");
    let (_socket, entered) = try_enter(address, &of::<Paddles>(code, ada.key));
    assert_eq!(entered.expect("a seat").seat.map(tickwire::Seat::number), Some(0));
}

#[test]
fn nobody_waits_without_a_name_to_find_it_by() {
    let (_running, address) = start();
    let mut socket = Socket::open_json(address);
    socket.say(&json!({ "op": "queue", "game": "paddles" }));
    assert_eq!(socket.wait_for("not_queued")["why"], "nobody");
    socket.say(&json!({ "op": "party" }));
    assert_eq!(socket.wait_for("not_queued")["why"], "nobody");
}

#[test]
fn with_tickets_the_identity_has_the_seat_and_the_rating_chooses_the_opponent() {
    let studio = Studio::new("queues");
    let server = Server::new(studio.config()).game::<Paddles>().start().expect("a server on free ports");
    let address = server.address();
    let page = |identity: &str, rating: Option<u16>| {
        let mut socket = Socket::open_json(address);
        let ticket = studio.ticket_at(&TicketClaims { rating, ..claims(identity) }, 0);
        socket.say(&json!({ "op": "hello", "ticket": ticket }));
        socket.wait_for("you");
        socket.say(&json!({ "op": "queue", "game": "paddles" }));
        socket.wait_for("queued");
        socket
    };
    let mut guest = Socket::open_json(address);
    guest.say(&json!({ "op": "hello" }));
    guest.say(&json!({ "op": "queue", "game": "paddles" }));
    assert_eq!(guest.wait_for("not_queued")["why"], "nobody", "a guest plays nothing");
    let (mut weak, mut strong) = (page("weak", Some(1_000)), page("strong", Some(2_000)));
    let mut even = page("even", Some(1_050));
    let (one, other) = (weak.wait_for("matched"), even.wait_for("matched"));
    assert_eq!(one["code"], other["code"], "the nearest two play");
    assert!(strong.drain().iter().all(|event| !format!("{event:?}").contains("matched")));
    let code = one["code"].as_str().expect("a code");
    let with = |identity: &str| Hello { ticket: Some(SecretText(studio.ticket(identity))), ..hello::<Paddles>(code) };
    assert_eq!(try_enter(address, &with("strong")).1.err(), Some(4003));
    let (_socket, entered) = try_enter(address, &with("weak"));
    assert_eq!(entered.expect("a seat").seat.map(tickwire::Seat::number), one["seat"].as_u64().map(|seat| seat as u8));
}

#[test]
fn bots_wait_in_parties_with_tickets_and_play_in_the_rooms_of_their_matches() {
    let studio = Studio::new("queue-bots");
    let key = std::env::temp_dir().join(format!("tickwire-queue-bots-{}.key", std::process::id()));
    std::fs::write(&key, studio.key.secret.to_line()).expect("a file");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("its permissions");
    let server = Server::new(studio.config()).game::<Arena>().start().expect("a server on free ports");
    let plan = Plan {
        secure: None,
        address: server.address(),
        server_pid: None,
        rooms: 2,
        options: Value::Null,
        players: 8,
        seconds: 2,
        thin: false,
        slow_readers: 0,
        never_readers: 0,
        corruptions: 0,
        topic: None,
        queue: Some(String::new()),
        party: 4,
        ticket_key: Some(key.clone()),
        link: LinkProfile::default(),
        seed: 1,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, run::<Arena>(&plan));
    std::fs::remove_file(key).expect("it is there");
    let (report, _) = outcome.expect("all bots have a match");
    assert_eq!(report.queue.map(|waits| waits.matches), Some(2));
    assert_eq!((report.hash_mismatches, report.disconnects), (0, 0));
}

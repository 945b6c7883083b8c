//! The real server over real sockets: the answers that a hostile or unlucky peer receives, and that no other player
//! notices that peer.

use crate::player::{Player, Witness};
use crate::socket::{Event, Socket, api, binary, create_room, frame, hello, http};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tickwire::input::{InputCodec, InputFrame};
use tickwire::limits::CLIENT_MESSAGE_BYTES_MAX;
use tickwire::message::SNAPSHOT;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, Hello, Welcome};
use tickwire::message::evidence::ClientEvidence;
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step, Tick};
use tickwire_games::{Arena, Paddles};
use tickwire_server::cli::{Incident, explain};
use tickwire_server::room::Autopsy;
use tickwire_server::{AutopsyFolder, Config, Running, Server};
use tickwire_tools::plant::plant;

/// A game whose step panics when a player asks for it: in one tick, or from then on.
#[derive(State, Clone, Default)]
struct Fuse {
    ticks: u32,
    is_burning: bool,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Match {
    #[input(once)]
    lit: bool,
    #[input(once)]
    burns: bool,
}

impl Game for Fuse {
    type Input = Match;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("fuse", 60);
    fn new((): &()) -> Self {
        Self::default()
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.ticks += 1;
        assert!(!self.is_burning, "planted: the room burns");
        assert!(!tick.seats().any(|seat| tick.input(seat).lit), "planted: the room was asked to fail");
        self.is_burning = tick.seats().any(|seat| tick.input(seat).burns);
    }
}

pub(crate) fn start() -> (Running, SocketAddr) {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().game::<Arena>();
    let running = server.start().expect("a free port");
    let address = running.address();
    (running, address)
}

/// A server with a room in which a witness plays. The witness must not notice anything that the test does.
fn start_watched() -> (Running, SocketAddr, Witness) {
    let (running, address) = start();
    let code = create_room(address, "paddles");
    let witness = Witness::watch::<Paddles>(address, &code);
    (running, address, witness)
}

/// The close code that a player in a room receives after these bytes.
fn code_after(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let (mut socket, _) = Socket::enter::<Arena>(address, &create_room(address, "arena"));
    socket.send(bytes);
    socket.close_code()
}

/// The close code that a peer receives after these bytes when it has not sent a hello.
fn code_before_hello(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut socket = Socket::open(address);
    socket.send(bytes);
    socket.close_code()
}

/// The inputs of the three ticks from tick 3 on, as a message.
fn inputs() -> Vec<u8> {
    let mut message = Vec::new();
    let mut frame = InputFrame::one(Tick(3), Default::default(), None, false);
    frame.count = 3;
    InputCodec::<<Arena as Game>::Input>::new().encode(&frame, &mut message);
    message
}

#[test]
fn a_bad_frame_or_message_ends_its_connection_with_the_close_code_of_its_fault() {
    let (_running, address, witness) = start_watched();
    let message = inputs();
    let unmasked = [&[0x82, u8::try_from(message.len()).unwrap()], &message[..]].concat();
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("a message cut short", binary(&message[..message.len() - 1]), 4000),
        ("a message with something after it", binary(&[&message[..], &[0]].concat()), 4000),
        ("an empty message", binary(&[]), 4000),
        ("a message of no known kind", binary(&[0x7f, 1, 2, 3]), 4000),
        ("a server's message", binary(&[0x82, 1, 2, 3]), 4000),
        ("a second hello", binary(&hello::<Arena>("C4FK9T").encode()), 4000),
        ("a text frame", frame(0x81, b"hello"), 1003),
        ("an unmasked frame", unmasked, 1002),
        ("a reserved bit", frame(0xc2, &message), 1002),
        ("a reserved opcode", frame(0x83, &message), 1002),
        ("a continuation of nothing", frame(0x80, &message), 1002),
        ("a ping in fragments", frame(0x09, b"ping"), 1002),
        ("a frame over the limit, by its head alone", vec![0x82, 0x80 | 126, 8, 1], 1009),
        ("sixteen exabytes, by its head alone", [&[0x82, 0xff][..], &[0x7f; 8]].concat(), 1009),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(code_after(address, &bytes), Some(expected), "{what}");
    }
    let part = [0; CLIENT_MESSAGE_BYTES_MAX / 2];
    let fragments = [frame(0x02, &part), frame(0x00, &part), frame(0x80, &part)].concat();
    assert_eq!(code_after(address, &fragments), Some(1009), "fragments that add up");
    let empty = [frame(0x02, &[]), frame(0x00, &[]).repeat(20)].concat();
    assert_eq!(code_after(address, &empty), Some(1009), "fragments without end");
    assert_eq!(code_after(address, &frame(0x89, b"ping").repeat(100)), Some(1008), "a flood of pings");
    witness.finish();
}

#[test]
fn a_refused_peer_receives_the_close_code_of_the_reason() {
    let (_running, address, witness) = start_watched();
    let code = create_room(address, "paddles");
    let refusal = |hello: Hello| code_before_hello(address, &binary(&hello.encode()));
    let good = hello::<Paddles>(&code);
    assert_eq!(refusal(hello::<Paddles>("ZZZZZZ")), Some(4003), "no such room");
    assert_eq!(refusal(hello::<Paddles>("")), Some(4003), "a game and no code");
    assert_eq!(refusal(hello::<Arena>(&code)), Some(4003), "a room of another game");
    assert_eq!(refusal(Hello { protocol: 99, ..good.clone() }), Some(4009), "another protocol");
    assert_eq!(refusal(Hello { fingerprint: 1, ..good.clone() }), Some(4009), "another build of the game");
    let seated: Vec<Socket> = (0..2).map(|_| Socket::enter::<Paddles>(address, &code).0).collect();
    assert_eq!(refusal(good.clone()), Some(4004), "the third player of two seats");
    let cut = good.encode();
    assert_eq!(code_before_hello(address, &binary(&cut[..cut.len() - 1])), Some(4000));
    assert_eq!(code_before_hello(address, &binary(&inputs())), Some(4000), "inputs before a hello");
    assert_eq!(code_before_hello(address, &frame(0x81, b"hello")), Some(1003));
    drop(seated);
    witness.finish();
}

#[test]
fn a_room_code_in_any_case_or_spacing_is_accepted_and_a_hello_may_come_with_the_request() {
    let (_running, address) = start();
    let code = create_room(address, "paddles");
    let sloppy = format!(" {}-{} ", code[..3].to_lowercase(), &code[3..]);
    let mut socket = Socket::open_with(address, &binary(&hello::<Paddles>(&sloppy).encode()));
    assert_eq!(socket.welcome().seat, Some(Seat::default()));
    socket.send(&binary(&ClientControl::Leave.encode()));
    assert_eq!(socket.close_code(), Some(1000), "a leave message is answered by a close frame");
}

#[test]
fn a_peer_that_sends_no_hello_is_closed() {
    let (_running, address) = start();
    let asked = Instant::now();
    let mut socket = Socket::open(address);
    assert_eq!(socket.close_code(), Some(4008));
    assert!((2.0..4.5).contains(&asked.elapsed().as_secs_f64()), "after {:?}", asked.elapsed());
}

#[test]
fn the_newest_connection_takes_the_seat_over() {
    let (_running, address) = start();
    let code = create_room(address, "paddles");
    let (mut first, welcome) = Socket::enter::<Paddles>(address, &code);
    let mut second = Socket::open(address);
    second.send(&binary(&Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) }.encode()));
    let again = second.welcome();
    assert_eq!((again.seat, again.resumed), (welcome.seat, true));
    assert_ne!(again.resume, welcome.resume, "the resume token is a new one");
    assert_eq!(first.close_code(), Some(4005));
}

#[test]
fn ten_thousand_random_frames_end_their_connections_and_nothing_else() {
    const CONNECTIONS: u32 = 250;
    const FRAMES: u32 = 40;
    let (_running, address, witness) = start_watched();
    let mut dice = Rng::new(7);
    let mut by_code = std::collections::BTreeMap::<Option<u16>, u32>::new();
    for connection in 0..CONNECTIONS {
        let mut socket = match connection % 2 {
            0 => Socket::open(address),
            // Each connection has a room of its own, because a room holds the seat of a player that is lost.
            _ => Socket::enter::<Arena>(address, &create_room(address, "arena")).0,
        };
        let mut bytes = Vec::new();
        for _ in 0..FRAMES {
            let longest = if dice.one_in(4) { 2_000 } else { 60 };
            let length = usize::try_from(dice.below(longest)).unwrap();
            let payload: Vec<u8> = (0..length).map(|_| dice.next_u32().to_le_bytes()[0]).collect();
            // Mostly binary frames, so that messages are reached and not only heads.
            let first = if dice.one_in(3) { dice.next_u32().to_le_bytes()[0] } else { 0x82 };
            bytes.extend(frame(first, &payload));
        }
        socket.send(&bytes);
        *by_code.entry(socket.close_code()).or_default() += 1;
    }
    let stated = |code: &u16| CloseCode::from_number(*code).is_some() || (3000..5000).contains(code);
    assert!(by_code.keys().all(|code| code.as_ref().is_some_and(stated)), "{by_code:?}");
    assert!(by_code.len() >= 3, "the frames are bad in several ways: {by_code:?}");
    witness.finish();
}

/// An input of this game for a tick.
fn strike(tick: Tick, input: Match) -> Vec<u8> {
    let mut message = Vec::new();
    InputCodec::<Match>::new().encode(&InputFrame::one(tick, input, None, false), &mut message);
    binary(&message)
}

/// The tick of the next snapshot, which is one byte.
fn next_tick(socket: &mut Socket) -> u8 {
    loop {
        match socket.next() {
            Event::Message(message) if message[0] >= SNAPSHOT => return message[1],
            Event::Message(_) => {}
            _ => panic!("the connection was closed"),
        }
    }
}

#[test]
fn a_panic_in_a_step_is_undone_and_one_that_stays_closes_that_room_only_and_is_reported() {
    let folder = std::env::temp_dir().join(format!("tickwire-failures-{}", std::process::id()));
    let config = Config { autopsies: AutopsyFolder::At(folder.clone()), ..Config::on_free_ports() };
    let running = Server::new(config).game::<Paddles>().game::<Fuse>().start().expect("a free port");
    let address = running.address();
    let witness = Witness::watch::<Paddles>(address, &create_room(address, "paddles"));
    let code = create_room(address, "fuse");
    let (mut first, welcome) = Socket::enter::<Fuse>(address, &code);
    let (mut second, _) = Socket::enter::<Fuse>(address, &code);
    first.send(&strike(welcome.tick + 10, Match { lit: true, burns: false }));
    let before = next_tick(&mut second);
    let ticks: Vec<u8> = (0..50).map(|_| next_tick(&mut second)).collect();
    assert!((1..).zip(&ticks).all(|(more, tick)| *tick == before + more), "{ticks:?}");
    let metrics = || http(running.admin_address().expect("on a free port"), "GET", "/metrics", "").1;
    let undone = r#"tickwire_ticks_undone_total{cause="step"} 1"#;
    // A room hands over its counts once a second.
    let asked = Instant::now();
    while !metrics().lines().any(|line| line == undone) {
        assert!(asked.elapsed() < Duration::from_secs(5), "the tick is not counted: {}", metrics());
    }
    // It may come late by now, but a command counts all the same.
    first.send(&strike(Tick(u32::from(before) + 60), Match { lit: false, burns: true }));
    assert_eq!((first.close_code(), second.close_code()), (Some(1011), Some(1011)));
    // The lobby hears of the end of the room a moment after the players, and the report is written then.
    let asked = Instant::now();
    let files = || std::fs::read_dir(&folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    while api(address, "GET", &format!("/api/rooms/{code}"), "").0 != 404 || files().is_empty() {
        assert!(asked.elapsed() < Duration::from_secs(5), "the room is still listed, or there is no report");
    }
    assert_eq!(code_before_hello(address, &binary(&hello::<Fuse>(&code).encode())), Some(4003));
    assert!(metrics().lines().any(|line| line == "tickwire_room_panics_total 1"), "{}", metrics());
    let text = std::fs::read(files()[0].path()).expect("the report can be read");
    let incident = Incident::read(&text).expect("the report is complete");
    let words = incident.explain::<Fuse>().expect("the report is of this build");
    assert!(words.contains("planted: the room burns") && words.contains("the same panic"), "{words}");
    assert!(!words.contains("NO PANIC") && !words.contains("ANOTHER PANIC"), "{words}");
    witness.finish();
    std::fs::remove_dir_all(folder).expect("the folder belongs to this test");
}

#[test]
fn a_client_that_never_reads_is_closed_and_slows_no_other() {
    let (_running, address) = start();
    let code = create_room(address, "arena");
    let (mut deaf, _) = Socket::enter::<Arena>(address, &code);
    let mut player = Player::<Arena>::join(address, &code);
    player.play_for(Duration::from_millis(7_500));
    player.assert_undisturbed();
    assert_eq!(deaf.close_code(), Some(4007), "its acknowledgements lagged too far behind");
}

#[test]
fn ticks_come_at_their_rate() {
    let (_running, address) = start();
    let mut player = Player::<Paddles>::join(address, &create_room(address, "paddles"));
    // One late snapshot at either end spoils a look on a busy machine.
    let rates: Vec<f64> = (0..3)
        .map(|_| {
            let from = player.snapshots.len() + 10;
            player.play_for(Duration::from_secs(5));
            let ((first, then), (last, now)) = (player.snapshots[from], *player.snapshots.last().expect("many"));
            f64::from(last.0 - first.0) / (now - then).as_secs_f64()
        })
        .take_while(|rate| (rate - 60.0).abs() >= 0.6)
        .collect();
    player.assert_undisturbed();
    assert!(rates.len() < 3, "{rates:?} ticks a second");
}

#[test]
fn the_api_opens_lists_and_finds_rooms_and_refuses_bad_requests() {
    let (running, address) = start();
    let (status, room) = api(address, "POST", "/api/rooms", r#"{"game":"paddles"}"#);
    assert_eq!((status, &room["game"], &room["seats"]), (201, &json!("paddles"), &json!(2)));
    let code = room["code"].as_str().expect("a code");
    assert_eq!(code.len(), 6);
    assert!(code.chars().all(|letter| "23456789CDFGHJKMNPQRTVWX".contains(letter)), "{code}");
    let (status, same) = api(address, "GET", &format!("/api/rooms/{}", code.to_lowercase()), "");
    assert_eq!((status, &same["code"], &same["game"]), (200, &json!(code), &json!("paddles")));
    let (status, missing) = api(address, "GET", "/api/rooms/CCCCCC", "");
    assert!(status == 404 && missing["detail"].is_string(), "{missing}");
    assert_eq!(api(address, "POST", "/api/rooms", r#"{"game":"chess"}"#).0, 404);
    for body in ["", "{", "[]", r#"{"game":7}"#] {
        assert_eq!(api(address, "POST", "/api/rooms", body).0, 400, "{body:?}");
    }
    assert_eq!(http(address, "POST", "/api/rooms", &" ".repeat(100_000)).0, 413);
    let (status, found) = api(address, "POST", "/api/match", r#"{"game":"arena"}"#);
    assert_eq!((status, &found["game"]), (200, &json!("arena")));
    let (status, again) = api(address, "POST", "/api/match", r#"{"game":"arena"}"#);
    assert_eq!((status, &again["code"]), (200, &found["code"]), "both requests lead to the same match");
    let (_seated, _) = Socket::enter::<Arena>(address, found["code"].as_str().expect("a code"));
    assert!(api(address, "GET", "/api/rooms", "").1.is_array());
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http(address, "GET", path, "").0, 200, "{path}");
    }
    assert_eq!(http(address, "GET", "/metrics", "").0, 404, "metrics are not for players");
    let admin = running.admin_address().expect("on a free port");
    let (status, metrics) = http(admin, "GET", "/metrics", "");
    assert!(status == 200 && metrics.contains("tickwire_"), "{metrics}");
    assert!(!metrics.contains(code), "no code, name or address is a label");
}

/// Sends the head of a request as it is; gives the status and everything that came.
fn answer_to(address: SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

/// A request for `/healthz` with this many headers, two of which are `Host` and `Connection`.
fn head_with(headers: usize, more: &str) -> String {
    let fillers: String = (2..headers).map(|number| format!("x-{number}: 1\r\n")).collect();
    format!("GET /healthz HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n{fillers}{more}\r\n")
}

#[test]
fn the_head_of_a_request_is_bounded_by_the_settings() {
    let (_running, address) = start();
    assert_eq!(answer_to(address, &head_with(100, "")).0, 200);
    assert_eq!(answer_to(address, &head_with(101, "")).0, 431);
    let cookie = |bytes: usize| format!("cookie: {}\r\n", "c".repeat(bytes));
    assert_eq!(answer_to(address, &head_with(2, &cookie(30_000))).0, 200);
    // No byte more than the limit: bytes that the server does not read reset the connection, and its answer is lost.
    assert_eq!(answer_to(address, &head_with(2, &cookie(40_000))[..32_768]).0, 431);
    let config = Config { request_headers_max: 40, request_head_bytes_max: 50_000, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Arena>().start().expect("a free port");
    assert_eq!(answer_to(running.address(), &head_with(40, &cookie(40_000)).replacen("x-2: 1\r\n", "", 1)).0, 200);
    assert_eq!(answer_to(running.address(), &head_with(41, "")).0, 431);
    for config in [
        Config { request_headers_max: 0, ..Config::on_free_ports() },
        Config { request_head_bytes_max: 8_191, ..Config::on_free_ports() },
    ] {
        assert!(Server::new(config).start().is_err(), "a limit out of its range");
    }
}

#[test]
fn a_slash_at_the_end_of_a_path_makes_no_difference_to_the_api() {
    let (_running, address) = start();
    let code = create_room(address, "paddles");
    for path in ["/api/rooms/", "/healthz/", "/readyz/", &format!("/api/rooms/{code}/"), "/"] {
        assert_eq!(http(address, "GET", path, "").0, 200, "{path}");
    }
    assert_eq!(api(address, "GET", "/api/rooms/", ""), api(address, "GET", "/api/rooms", ""));
    assert_eq!(api(address, "POST", "/api/rooms/", r#"{"game":"arena"}"#).0, 201);
    assert_eq!(api(address, "POST", "/api/match/", r#"{"game":"arena"}"#).0, 200);
    assert_eq!(http(address, "PUT", "/api/rooms/", "").0, 405);
    for path in ["/api/", "/api/rooms//", "/index.html/"] {
        assert_eq!(http(address, "GET", path, "").0, 404, "{path}");
    }
}

#[test]
fn a_page_whose_origin_is_not_the_host_learns_both_values_and_the_way_out() {
    let (_running, address) = start();
    let head = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nOrigin: https://play.example\r\nConnection: close\r\n\r\n";
    let (status, answer) = answer_to(address, head);
    assert_eq!(status, 403);
    for word in ["https://play.example", "127.0.0.1:8080", "proxy_set_header Host $http_host", "--origin"] {
        assert!(answer.contains(word), "{word} is not in {answer}");
    }
}

/// The close code of a client that disputes its world until the server closes it.
pub(crate) fn diverge(socket: &mut Socket, welcome: &Welcome) -> Option<u16> {
    let dispute = ClientEvidence::Dispute { tick: welcome.tick, hashes: vec![1, 2] };
    socket.send(&binary(&dispute.encode()).repeat(3));
    socket.close_code()
}

/// Comes back to a room until it is let in; gives the connection and the number of refusals before.
pub(crate) fn come_back(address: SocketAddr, hello: &Hello) -> (Socket, Welcome, u32) {
    let end = Instant::now() + Duration::from_secs(20);
    let mut refusals = 0;
    while Instant::now() < end {
        let mut socket = Socket::open(address);
        socket.send(&binary(&hello.encode()));
        match socket.next() {
            Event::Message(message) => return (socket, Welcome::decode(&message).expect("a welcome"), refusals),
            Event::Close(4006) => refusals += 1,
            other => panic!("{other:?}"),
        }
    }
    panic!("the client was never let in again");
}

#[test]
fn a_client_whose_world_keeps_differing_waits_longer_each_time_before_it_may_come_back() {
    let (_running, address) = start();
    let (code, other) = (create_room(address, "paddles"), create_room(address, "paddles"));
    let (mut socket, mut welcome) = Socket::enter::<Paddles>(address, &code);
    for wait_s in [1.0, 2.0] {
        let before = Instant::now();
        assert_eq!(diverge(&mut socket, &welcome), Some(4011));
        let closed = Instant::now();
        let refused = code_before_hello(address, &binary(&hello::<Paddles>(&code).encode()));
        // A busy machine may ask when the wait is over.
        assert!(refused == Some(4006) || closed.elapsed().as_secs_f64() > wait_s, "{refused:?}: it waits");
        if wait_s < 1.5 {
            drop(Socket::enter::<Paddles>(address, &other));
        }
        let resumed = Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) };
        let refusals;
        (socket, welcome, refusals) = come_back(address, &resumed);
        let (at_least_s, at_most_s) = (before.elapsed().as_secs_f64(), closed.elapsed().as_secs_f64());
        assert!((refusals > 0 || refused.is_none()) && at_least_s >= wait_s, "{at_least_s} s instead of {wait_s}");
        assert!(at_most_s < wait_s + 5.0, "{at_most_s} s instead of {wait_s}");
    }
}

#[test]
fn a_client_that_floods_the_server_with_inputs_is_closed() {
    let (_running, address, witness) = start_watched();
    let (mut socket, welcome) = Socket::enter::<Arena>(address, &create_room(address, "arena"));
    let mut message = Vec::new();
    let frame = InputFrame::one(welcome.tick + 2, Default::default(), None, false);
    InputCodec::<<Arena as Game>::Input>::new().encode(&frame, &mut message);
    let flood = binary(&message).repeat(100);
    let mut code = None;
    for _ in 0..100 {
        socket.send(&flood);
        while let Some(event) = socket.poll(Instant::now()) {
            match event {
                Event::Close(closed) => code = code.or(Some(closed)),
                Event::End => code = code.or(Some(1006)),
                _ => {}
            }
            if code.is_some() {
                break;
            }
        }
        if code.is_some() {
            break;
        }
    }
    assert_eq!(code.or_else(|| socket.close_code()), Some(4006));
    witness.finish();
}

#[test]
fn a_client_whose_world_differs_is_repaired_and_leaves_an_autopsy() {
    let folder = std::env::temp_dir().join(format!("tickwire-autopsies-{}", std::process::id()));
    let config = Config { autopsies: AutopsyFolder::At(folder.clone()), ..Config::on_free_ports() };
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    let address = running.address();
    let mut player = Player::<Paddles>::join(address, &create_room(address, "paddles"));
    player.play_for(Duration::from_secs(1));
    let planted = plant(&mut player.session, &mut Rng::new(4)).expect("a world has fields");
    assert!(player.play_until(|player| player.session.stats().desyncs_healed == 1), "{planted:?} was repaired");
    let files = || std::fs::read_dir(&folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    assert!(player.play_until(|_| !files().is_empty()), "an autopsy is written");
    player.play_for(Duration::from_millis(500));
    assert_eq!((player.closed, player.session.stats().keyframes), (None, 1), "the client plays on");
    let autopsy: Autopsy =
        serde_json::from_slice(&std::fs::read(files()[0].path()).unwrap()).expect("the autopsy is complete");
    let words = explain::<Paddles>(&autopsy).expect("the autopsy is of this build");
    assert!(words.contains(&planted.path), "{words}");
    assert!(["as the server says", "damaged afterwards"].iter().any(|verdict| words.contains(verdict)), "{words}");
    assert_eq!(autopsy.tick, planted.tick.0);
    std::fs::remove_dir_all(folder).expect("the folder belongs to this test");
}

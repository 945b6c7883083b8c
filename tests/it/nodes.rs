//! Several servers of one process that are one service: a room of any of them is entered at each of them.

use crate::player::Player;
use crate::private_rooms::{create, encoded, look_up};
use crate::socket::{Event, Socket, api, binary, create_room, hello, metric};
use crate::token_file::TokenFile;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, FileSetting, Nodes, OptionalListen, Running, Server};

const DEADLINE: Duration = Duration::from_secs(20);

/// A key of nodes.
pub(crate) const KEY: &str = "0123456789-of-the-nodes-of-a-test";

/// Nodes with a key each.
struct Service {
    servers: Vec<Running>,
    _keys: Vec<TokenFile>,
}

impl Service {
    fn start(name: &str, keys: &[&str]) -> Self {
        let nodes = Nodes::default();
        let file = |(index, key): (usize, &&str)| TokenFile::new(&format!("{name}-{index}"), key);
        let keys: Vec<TokenFile> = keys.iter().enumerate().map(file).collect();
        let server = |key: &TokenFile| {
            let config = Config {
                peer_listen: OptionalListen(Some("127.0.0.1:0".parse().expect("an address"))),
                peer_key: FileSetting::At(key.0.clone()),
                secret_guesses_per_second: 1_000,
                ..Config::on_free_ports()
            };
            Server::new(config).game::<Paddles>().game::<Arena>().among(&nodes).start().expect("a free port")
        };
        Self { servers: keys.iter().map(server).collect(), _keys: keys }
    }

    fn address(&self, node: usize) -> SocketAddr {
        self.servers[node].address()
    }

    /// Waits until a node knows where a room of another one is.
    fn wait_for(&self, node: usize, code: &str) {
        wait_for_room(self.address(node), code);
    }
}

/// Waits until a room is found at an address.
pub(crate) fn wait_for_room(address: SocketAddr, code: &str) {
    let start = Instant::now();
    while api(address, "GET", &format!("/api/rooms/{code}"), "").0 != 200 {
        assert!(start.elapsed() < DEADLINE, "the room was never found");
    }
}

fn say_hello(address: SocketAddr, hello: &Hello) -> (Socket, Event) {
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello.encode()));
    let answer = socket.next();
    (socket, answer)
}

fn welcomed(answer: &Event) -> Welcome {
    let Event::Message(message) = answer else { panic!("a welcome and not {answer:?}") };
    Welcome::decode(message).expect("a welcome")
}

#[test]
fn a_room_of_one_node_is_shown_and_played_at_another_one() {
    let service = Service::start("played", &[KEY, KEY]);
    let (here, there) = (service.address(0), service.address(1));
    let arena = create_room(here, "arena");
    service.wait_for(1, &arena);
    let shown = |address| api(address, "GET", &format!("/api/rooms/{arena}"), "").1;
    assert_eq!(shown(there), shown(here));
    let mut near = Player::<Arena>::join(here, &arena);
    let mut far = Player::<Arena>::join(there, &arena);
    for player in [&mut near, &mut far] {
        assert!(player.play_until(|player| player.snapshots.len() > 60), "{:?}", player.closed);
    }
    far.play_for(Duration::from_millis(300));
    assert_eq!((near.closed, far.closed), (None, None));
    assert_eq!(shown(there)["players"], 2, "both are in one room");
    assert_eq!(metric(&service.servers[1], "tickwire_tunnels "), 1.0);
    assert_eq!(metric(&service.servers[0], "tickwire_players_carried_in_total "), 1.0);
    assert!(metric(&service.servers[1], "tickwire_tunnel_bytes_total{way=\"down\"} ") > 1_000.0);
    // A room in lockstep too, whose players hear each other.
    let duel = create_room(there, "paddles");
    service.wait_for(0, &duel);
    let mut player = Player::<Paddles>::join(here, &duel);
    assert!(player.play_until(|player| player.session.seat().is_some()), "{:?}", player.closed);
}

#[test]
fn a_seat_is_resumed_through_another_node_and_close_codes_come_through() {
    let service = Service::start("resumed", &[KEY, KEY]);
    let (here, there) = (service.address(0), service.address(1));
    let code = create_room(here, "paddles");
    service.wait_for(1, &code);
    let (first, answer) = say_hello(there, &hello::<Paddles>(&code));
    let welcome = welcomed(&answer);
    drop(first);
    let resumed = Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) };
    let (mut near, answer) = say_hello(here, &resumed);
    let again = welcomed(&answer);
    assert_eq!(again.seat, welcome.seat, "the seat is there at the node of the room");
    let resumed = Hello { resume: Some(again.resume), ..hello::<Paddles>(&code) };
    let (_far, answer) = say_hello(there, &resumed);
    assert_eq!(welcomed(&answer).seat, welcome.seat, "and through the other node");
    assert_eq!(near.close_code(), Some(CloseCode::Superseded.number()), "the newer connection has taken it over");
    let (_second, answer) = say_hello(there, &hello::<Paddles>(&code));
    welcomed(&answer);
    // Another game, and another version of it.
    let (_, answer) = say_hello(there, &hello::<Arena>(&code));
    assert!(matches!(answer, Event::Close(4003)), "{answer:?}");
    let other = Hello { fingerprint: 7, ..hello::<Paddles>(&code) };
    let (_, answer) = say_hello(there, &other);
    assert!(matches!(answer, Event::Close(4009)), "{answer:?}");
    let (_, answer) = say_hello(there, &hello::<Paddles>("CCCCCC"));
    assert!(matches!(answer, Event::Close(4003)), "nobody has this room: {answer:?}");
}

#[test]
fn a_private_room_of_another_node_opens_for_its_secret_alone() {
    let service = Service::start("private", &[KEY, KEY]);
    let (here, there) = (service.address(0), service.address(1));
    let (code, _) = create(here, json!({ "password": "sesame" }));
    let header = |secret: &str| format!("Room-Secret: {}\r\n", encoded(secret));
    let start = Instant::now();
    while look_up(there, &code, &header("sesame")).0 != 200 {
        assert!(start.elapsed() < DEADLINE, "the room was never found");
    }
    assert_eq!(look_up(there, &code, &header("wrong")), look_up(here, &code, &header("wrong")));
    assert_eq!(look_up(there, &code, ""), look_up(here, &code, ""));
    let with = |secret: &str| Hello { secret: Some(SecretText(secret.into())), ..hello::<Arena>(&code) };
    welcomed(&say_hello(there, &with("sesame")).1);
    let (_, answer) = say_hello(there, &with("wrong"));
    assert!(matches!(answer, Event::Close(4003)), "{answer:?}");
}

#[test]
fn the_end_of_a_node_looks_like_no_room_that_does_not_exist() {
    let mut service = Service::start("ended", &[KEY, KEY]);
    let there = service.address(1);
    let code = create_room(service.address(0), "paddles");
    service.wait_for(1, &code);
    let (mut far, answer) = say_hello(there, &hello::<Paddles>(&code));
    welcomed(&answer);
    service.servers.remove(0).stop(CloseCode::Restart);
    let mut closed = None;
    while let Some(event) = far.poll(Instant::now() + DEADLINE) {
        match event {
            Event::Close(code) => closed = Some(code),
            Event::End => break,
            _ => {}
        }
    }
    assert_eq!(closed, Some(CloseCode::Restart.number()), "the room's own close frame comes through");
    // The server had no folder: its rooms are gone, and their codes are given back.
    let start = Instant::now();
    while api(there, "GET", &format!("/api/rooms/{code}"), "").0 != 404 {
        assert!(start.elapsed() < DEADLINE, "the code was never given back");
    }
}

#[test]
fn a_node_with_another_key_is_refused_and_its_players_come_back_later() {
    let service = Service::start("keys", &[KEY, "another-key-that-no-node-has-before"]);
    let (here, there) = (service.address(0), service.address(1));
    let code = create_room(here, "paddles");
    let path = format!("/api/rooms/{code}");
    let start = Instant::now();
    while api(there, "GET", &path, "").0 != 503 {
        assert!(start.elapsed() < DEADLINE, "the other node was never asked");
    }
    let (_, answer) = say_hello(there, &hello::<Paddles>(&code));
    assert!(matches!(answer, Event::Close(1012)), "it may come back: {answer:?}");
    assert!(metric(&service.servers[0], "tickwire_hails_refused_total ") >= 1.0);
    assert!(metric(&service.servers[1], "tickwire_peers_failed_total ") >= 1.0);
    welcomed(&say_hello(here, &hello::<Paddles>(&code)).1);
}

#[test]
fn strangers_at_the_port_for_nodes_are_let_go_and_disturb_nobody() {
    let service = Service::start("strangers", &[KEY, KEY]);
    let (here, there) = (service.address(0), service.address(1));
    let peer = service.servers[0].peer_address().expect("a listener for nodes");
    let code = create_room(here, "paddles");
    service.wait_for(1, &code);
    let connect = || TcpStream::connect(peer).expect("it listens");
    let silent: Vec<TcpStream> = (0..40).map(|_| connect()).collect();
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 200], &[1; 70_000]] {
        let mut stream = connect();
        let _ = stream.write_all(junk);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() <= 36, "nothing but the challenge is said: {}", said.len());
    }
    welcomed(&say_hello(there, &hello::<Paddles>(&code)).1);
    for mut stream in silent {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("it is closed");
        assert_eq!(said.len(), 36);
    }
}

#[test]
fn nodes_without_a_port_for_each_other_keep_their_codes_apart() {
    let nodes = Nodes::default();
    let start = || Server::new(Config::on_free_ports()).game::<Paddles>().among(&nodes).start().expect("a free port");
    let (one, other) = (start(), start());
    let code = create_room(one.address(), "paddles");
    let began = Instant::now();
    while api(other.address(), "GET", &format!("/api/rooms/{code}"), "").0 != 503 {
        assert!(began.elapsed() < DEADLINE, "the other node knows that the code is taken");
    }
}

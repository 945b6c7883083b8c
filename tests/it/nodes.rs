//! Several servers of one process that are one service: a room of any of them is entered at each of them.

use crate::player::Player;
use crate::private_rooms::{create, encoded, look_up};
use crate::socket::{Event, Socket, api, binary, create_room, hello, metric};
use crate::token_file::TokenFile;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, FileSetting, Nodes, OptionalListen, Running, Server};

const DEADLINE: Duration = Duration::from_secs(20);

/// A key of nodes.
pub(crate) const KEY: &str = "0123456789-of-the-nodes-of-a-test";

/// Nodes with a key each.
pub(crate) struct Service {
    pub(crate) servers: Vec<Running>,
    keys: Vec<TokenFile>,
    nodes: Nodes,
}

impl Service {
    fn start(name: &str, keys: &[&str]) -> Self {
        Self::start_with(name, keys, |_, config| config)
    }

    /// Nodes of which each has settings of its own.
    pub(crate) fn start_with(name: &str, keys: &[&str], configure: impl Fn(usize, Config) -> Config) -> Self {
        let file = |(index, key): (usize, &&str)| TokenFile::new(&format!("{name}-{index}"), key);
        let keys: Vec<TokenFile> = keys.iter().enumerate().map(file).collect();
        let mut service = Self { servers: Vec::new(), keys, nodes: Nodes::default() };
        for index in 0..service.keys.len() {
            let server = service.server(configure(index, service.config(index)));
            service.servers.push(server);
        }
        service
    }

    /// A further node on a data folder.
    pub(crate) fn join(&self, data: &Path) -> Running {
        self.server(Config { data: FileSetting::At(data.into()), ..self.config(0) })
    }

    fn config(&self, key: usize) -> Config {
        Config {
            peer_listen: OptionalListen(Some("127.0.0.1:0".parse().expect("an address"))),
            peer_key: FileSetting::At(self.keys[key].0.clone()),
            secret_guesses_per_second: 1_000,
            ..Config::on_free_ports()
        }
    }

    fn server(&self, config: Config) -> Running {
        Server::new(config).game::<Paddles>().game::<Arena>().among(&self.nodes).start().expect("a free port")
    }

    /// Waits until all nodes know of each other.
    pub(crate) fn wait_for_all(&self) {
        let start = Instant::now();
        let all = self.servers.len() as f64;
        while self.servers.iter().any(|server| metric(server, "tickwire_nodes ") < all) {
            assert!(start.elapsed() < DEADLINE, "the nodes never found each other");
        }
    }

    /// Requests for rooms that each node has passed on.
    fn passed_on(&self) -> Vec<f64> {
        self.servers.iter().map(|server| metric(server, "tickwire_requests_passed_on_total ")).collect()
    }

    pub(crate) fn address(&self, node: usize) -> SocketAddr {
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

pub(crate) fn say_hello(address: SocketAddr, hello: &Hello) -> (Socket, Event) {
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello.encode()));
    let answer = socket.next();
    (socket, answer)
}

pub(crate) fn welcomed(answer: &Event) -> Welcome {
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

/// The code of a room that was made or found.
fn code_of((status, room): (u16, Value)) -> String {
    assert!(matches!(status, 200 | 201), "{status}: {room}");
    room["code"].as_str().expect("a code").to_owned()
}

fn ask_for(address: SocketAddr, path: &str, game: &str) -> (u16, Value) {
    api(address, "POST", path, &json!({ "game": game }).to_string())
}

#[test]
fn strangers_meet_whichever_node_they_ask() {
    let service = Service::start("matched", &[KEY, KEY, KEY]);
    service.wait_for_all();
    for game in ["arena", "paddles"] {
        let codes: Vec<String> =
            (0..2).map(|node| code_of(ask_for(service.address(node), "/api/match", game))).collect();
        assert_eq!(codes[0], codes[1], "two who ask two nodes for {game} are in one room");
    }
    assert!(service.passed_on().iter().sum::<f64>() >= 2.0, "one node of two has asked the other one");
    let code = code_of(ask_for(service.address(2), "/api/match", "arena"));
    let mut players: Vec<_> = (0..3).map(|node| Player::<Arena>::join(service.address(node), &code)).collect();
    for player in &mut players {
        assert!(player.play_until(|player| player.snapshots.len() > 20), "{:?}", player.closed);
    }
    assert_eq!(api(service.address(0), "GET", &format!("/api/rooms/{code}"), "").1["players"], 3);
}

#[test]
fn a_room_is_made_at_the_node_that_is_asked_and_elsewhere_when_that_is_full() {
    let service = Service::start_with("placed", &[KEY, KEY], |_, config| Config { rooms_max: 1, ..config });
    service.wait_for_all();
    let here = service.address(0);
    let make = || ask_for(here, "/api/rooms", "paddles");
    code_of(make());
    assert_eq!(service.passed_on(), [0.0, 0.0]);
    let second = code_of(make());
    assert_eq!(service.passed_on(), [1.0, 0.0]);
    welcomed(&say_hello(here, &hello::<Paddles>(&second)).1);
    assert_eq!(make().0, 503, "no node has space left");
    assert_eq!(ask_for(here, "/api/match", "arena").0, 503);
    let bad = api(here, "POST", "/api/rooms", &json!({ "game": "paddles", "options": 7 }).to_string());
    assert_eq!(bad.0, 400, "what is wrong is said at once: {}", bad.1);
}

#[test]
fn a_private_room_that_is_made_at_another_node_gives_its_invitation_to_its_maker() {
    let rooms_max = |node, config| Config { rooms_max: 1 + node, ..config };
    let service = Service::start_with("invited", &[KEY, KEY], rooms_max);
    service.wait_for_all();
    let here = service.address(0);
    code_of(ask_for(here, "/api/rooms", "arena"));
    let (code, room) = create(here, json!({ "private": true }));
    assert_eq!(service.passed_on(), [1.0, 0.0]);
    let invitation = SecretText(room["invite"].as_str().expect("an invitation").to_owned());
    welcomed(&say_hello(here, &Hello { secret: Some(invitation), ..hello::<Arena>(&code) }).1);
    let (_, answer) = say_hello(here, &hello::<Arena>(&code));
    assert!(matches!(answer, Event::Close(4003)), "{answer:?}");
}

#[test]
fn the_list_of_rooms_is_that_of_the_whole_service() {
    let service = Service::start("listed", &[KEY, KEY]);
    service.wait_for_all();
    let public = |node| {
        let wish = json!({ "game": "arena", "public": true }).to_string();
        code_of(api(service.address(node), "POST", "/api/rooms", &wish))
    };
    let rooms = [public(0), public(1)];
    let join = |(node, code): (usize, &String)| Player::<Arena>::join(service.address(node), code);
    let mut players: Vec<_> = rooms.iter().enumerate().map(join).collect();
    let listed = |node: usize| {
        let (_, list) = api(service.address(node), "GET", "/api/rooms?game=arena", "");
        list.as_array().expect("a list").iter().map(|room| room["code"].clone()).collect::<Vec<_>>()
    };
    let start = Instant::now();
    while (0..2).any(|node| rooms.iter().any(|code| !listed(node).contains(&json!(code)))) {
        assert!(start.elapsed() < DEADLINE, "the rooms are never listed everywhere");
        players.iter_mut().for_each(|player| player.play_for(Duration::from_millis(50)));
    }
    assert_eq!(listed(0), listed(1), "in the same order");
    let (_, page) = api(service.address(1), "GET", "/api/rooms?limit=1", "");
    assert_eq!(page.as_array().map(Vec::len), Some(1));
    drop(players);
    while (0..2).any(|node| !listed(node).is_empty()) {
        assert!(start.elapsed() < 3 * DEADLINE, "rooms without people stay listed");
    }
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

//! Several processes that are one service over a real NATS, which `cargo verify` installs; elsewhere these tests do
//! nothing without one.

use crate::nodes::{KEY, wait_for_room};
use crate::player::Player;
use crate::serving::{Serving, serve, serve_with};
use crate::socket::{Event, Socket, api, binary, hello, http};
use crate::token_file::TokenFile;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tickwire::message::control::{Hello, Welcome};
use tickwire_games::Paddles;

const DEADLINE: Duration = Duration::from_secs(60);

/// A server of NATS and the folders of a service; everything is removed with it.
struct Service {
    folder: PathBuf,
    key: TokenFile,
    port: u16,
    nats: Option<Child>,
}

impl Service {
    /// Starts NATS; gives nothing where there is none.
    fn start(name: &str) -> Option<Self> {
        let is_there = std::env::var_os("TICKWIRE_NATS_SERVER").is_some()
            || Command::new("nats-server").arg("--version").output().is_ok();
        if !is_there {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("tickwire-service-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut service = Self { folder, key: TokenFile::new(&format!("service-{name}"), KEY), port, nats: None };
        service.start_nats();
        Some(service)
    }

    fn start_nats(&mut self) {
        let program = std::env::var_os("TICKWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let mut command = Command::new(program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(self.folder.join("nats"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.nats = Some(command.spawn().expect("nats-server starts"));
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < DEADLINE, "NATS never listens");
        }
    }

    fn stop_nats(&mut self) {
        let mut nats = self.nats.take().expect("it runs");
        nats.kill().expect("it runs");
        nats.wait().expect("it ends");
    }

    /// Starts a node with a folder of its own.
    fn node(&self, name: &str, listen: &str) -> Serving {
        Serving::start_by(&mut self.command(name, listen))
    }

    fn command(&self, name: &str, listen: &str) -> Command {
        let mut command = serve_with(listen, "127.0.0.1:0");
        command.args(["--nats", &format!("nats://127.0.0.1:{}", self.port), "--peer-listen", "127.0.0.1:0"]);
        command.arg("--peer-key").arg(&self.key.0).arg("--data").arg(self.folder.join(name));
        command
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut nats) = self.nats.take() {
            let _ = nats.kill();
            let _ = nats.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a room once NATS is ready for it.
fn create_room(address: SocketAddr) -> String {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < DEADLINE, "no room begins");
        match api(address, "POST", "/api/rooms", r#"{"game":"paddles"}"#) {
            (201, answer) => return answer["code"].as_str().expect("a code").to_owned(),
            (status, answer) => assert_eq!(status, 503, "{answer}"),
        }
    }
}

/// Says hello until somebody lets the player in; each refusal has to be one after which a client comes back.
fn come_in(address: SocketAddr, hello: &Hello) -> (Socket, Welcome) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < DEADLINE, "the player was never let in");
        let mut socket = Socket::open(address);
        socket.send(&binary(&hello.encode()));
        match socket.next() {
            Event::Message(message) => return (socket, Welcome::decode(&message).expect("a welcome")),
            Event::Close(1012 | 1013 | 4006) | Event::End => {}
            other => panic!("the client would give up: {other:?}"),
        }
    }
}

#[test]
fn a_room_outlives_the_kill_of_its_node_for_players_at_another_one() {
    let Some(service) = Service::start("kill") else { return };
    let owner = service.node("owner", "127.0.0.1:0");
    let relay = service.node("relay", "127.0.0.1:0");
    let code = create_room(owner.address());
    wait_for_room(relay.address(), &code);
    let (mut far, welcome) = come_in(relay.address(), &hello::<Paddles>(&code));
    let listen = owner.address().to_string();
    owner.signal("KILL");
    drop(owner);
    let start = Instant::now();
    while !matches!(far.next(), Event::End) {
        assert!(start.elapsed() < DEADLINE, "the connection ends with its room's node");
    }
    let resumed = Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) };
    let mut refused = Socket::open(relay.address());
    refused.send(&binary(&resumed.encode()));
    let answer = refused.next();
    assert!(matches!(answer, Event::Close(1012)), "its node is away: {answer:?}");
    let owner = service.node("owner", &listen);
    let (_far, again) = come_in(relay.address(), &resumed);
    assert_eq!(again.seat, welcome.seat, "the seat is there again");
    let (_near, other) = come_in(owner.address(), &hello::<Paddles>(&code));
    assert_ne!(other.seat, again.seat);
    // A relay that has just begun knows nothing yet, and tells nobody that there is no such room.
    let listen = relay.address().to_string();
    relay.signal("KILL");
    drop(relay);
    let relay = service.node("relay", &listen);
    come_in(relay.address(), &Hello { resume: Some(again.resume), ..hello::<Paddles>(&code) });
}

/// Waits until a node knows of so many.
fn wait_for_nodes(node: &Serving, count: f64) {
    let start = Instant::now();
    let nodes = || {
        let (_, text) = http(node.admin().expect("a port for operators"), "GET", "/metrics", "");
        text.lines().find_map(|line| line.strip_prefix("tickwire_nodes ")?.parse::<f64>().ok())
    };
    while nodes() != Some(count) {
        assert!(start.elapsed() < DEADLINE, "the nodes never find each other");
    }
}

#[test]
fn a_restart_of_one_node_after_the_other_loses_no_room() {
    let Some(service) = Service::start("rolling") else { return };
    let mut nodes = ["one", "other"].map(|name| Some(service.node(name, "127.0.0.1:0")));
    let address = |node: &Option<Serving>| node.as_ref().expect("it runs").address();
    nodes.iter().flatten().for_each(|node| wait_for_nodes(node, 2.0));
    let code = create_room(address(&nodes[0]));
    let mut player = Player::<Paddles>::join(address(&nodes[0]), &code);
    assert!(player.play_until(|player| player.session.seat().is_some()), "{:?}", player.closed);
    let seat = player.session.seat();
    for (stopping, names) in [(0, ["one", "other"]), (1, ["other", "one"])] {
        let staying = address(&nodes[1 - stopping]);
        let mut node = nodes[stopping].take().expect("it runs");
        let listen = node.address().to_string();
        node.signal("TERM");
        assert!(!player.play_until(|_| false), "its room moves");
        assert_eq!(player.closed, Some(4010), "from {} to {}", names[0], names[1]);
        let since = Instant::now();
        assert!(player.come_back(staying));
        let (tick, hashes) = (player.session.predicted_tick(), player.session.stats().hashes_compared);
        let goes_on = |player: &Player<Paddles>| {
            player.session.predicted_tick() > tick + 30 && player.session.stats().hashes_compared > hashes
        };
        assert!(player.play_until(goes_on), "{:?}", player.closed);
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        assert!(node.wait().success());
        nodes[stopping] = Some(service.node(names[0], &listen));
        // As a deploy does: the next one is stopped when this one is ready.
        let admin = nodes[stopping].as_ref().and_then(Serving::admin).expect("a port for operators");
        while http(admin, "GET", "/readyz", "").0 != 200 {
            player.play_for(Duration::from_millis(100));
            assert!(since.elapsed() < DEADLINE, "{} never is ready again", names[0]);
        }
        nodes.iter().flatten().for_each(|node| wait_for_nodes(node, 2.0));
    }
    assert_eq!(player.session.seat(), seat);
    let stats = player.session.stats();
    assert_eq!((stats.hash_mismatches, stats.decode_errors), (0, 0));
}

#[test]
fn a_code_is_found_at_another_node_the_moment_that_it_is_made() {
    let Some(service) = Service::start("young") else { return };
    let (one, other) = (service.node("one", "127.0.0.1:0"), service.node("other", "127.0.0.1:0"));
    // Once they know of each other, so that nothing but the code is new.
    wait_for_room(other.address(), &create_room(one.address()));
    for _ in 0..5 {
        let (code, start) = (create_room(one.address()), Instant::now());
        loop {
            assert!(start.elapsed() < DEADLINE, "the room is never found");
            match api(other.address(), "GET", &format!("/api/rooms/{code}"), "") {
                (200, _) => break,
                // A slow machine may say that it cannot tell, but not that there is no such room.
                (status, answer) => assert_eq!(status, 503, "{answer}"),
            }
        }
    }
}

#[test]
fn without_nats_rooms_go_on_and_are_found_and_none_begins() {
    let Some(mut service) = Service::start("away") else { return };
    let (one, other) = (service.node("one", "127.0.0.1:0"), service.node("other", "127.0.0.1:0"));
    let code = create_room(one.address());
    wait_for_room(other.address(), &code);
    let (_near, _) = come_in(one.address(), &hello::<Paddles>(&code));
    service.stop_nats();
    let begin = || api(one.address(), "POST", "/api/rooms", r#"{"game":"paddles"}"#);
    let start = Instant::now();
    while begin().0 != 503 {
        assert!(start.elapsed() < DEADLINE, "a room begins that nobody has registered");
    }
    let (_far, _) = come_in(other.address(), &hello::<Paddles>(&code));
    service.start_nats();
    let later = create_room(one.address());
    wait_for_room(other.address(), &later);
    wait_for_room(other.address(), &code);
}

#[test]
fn a_node_over_nats_needs_a_folder_and_a_way_for_others() {
    let refused = |arguments: &[&str], words: &str| {
        let output = serve("127.0.0.1:0").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words), "{words} is not in {told}");
    };
    let nats = ["--nats", "nats://127.0.0.1:4"];
    refused(&nats, "nats needs data");
    refused(&nats, "nats needs peer_listen");
    refused(&["--peer-listen", "127.0.0.1:0"], "peer_listen needs peer_key");
    refused(&["--nats", "nats://user:secret@127.0.0.1:4"], "contains no user and no password");
    refused(&["--peer-listen", "0.0.0.0:7000"], "peer_address");
    refused(&["--peer-listen", "192.0.2.7:7000"], "private network");
}

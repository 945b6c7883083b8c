//! Webhooks of a real server: the events that the studio is told about a room, from its opening to its end.

use crate::socket::{Socket, api, binary, create_room, hello, http};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tickwire::message::close::CloseCode;
use tickwire::message::control::ClientControl;
use tickwire::{Game, Input, Leave, Rules, Seat, State, Step};
use tickwire_server::{Config, FileSetting, Running, Server};

/// The time that an event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// A game whose match ends with a result ten ticks after its first player has come.
#[derive(State, Clone, Default)]
struct Bout {
    ticks: u8,
    /// Whether the second player has come.
    is_crowded: bool,
    /// Whether each further tick panics.
    falls: bool,
}

#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
struct Nod {
    nods: bool,
}

#[derive(serde::Serialize)]
struct Outcome {
    winner: Seat,
    words: &'static str,
}

impl Game for Bout {
    type Input = Nod;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("bout", 60).seats(2);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.is_crowded |= seat.index() == 1;
    }

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        assert!(!self.falls, "planted: the second player is one too many");
        self.falls = self.is_crowded;
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks == 10 {
            let winner = Seat::new(0).expect("a seat");
            tick.finish(&Outcome { winner, words: "</script>" });
        }
    }
}

/// A service of the studio: it answers each request with this status, and keeps what was posted.
pub(crate) struct Studio {
    address: SocketAddr,
    pub(crate) posted: Receiver<(String, Value)>,
    pub(crate) file: PathBuf,
    status: Arc<AtomicU16>,
}

impl Studio {
    pub(crate) fn open(name: &str, status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (sender, posted) = channel();
        let status = Arc::new(AtomicU16::new(status));
        let said = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (sender, said) = (sender.clone(), Arc::clone(&said));
                std::thread::spawn(move || serve(stream, &sender, &said));
            }
        });
        let file = std::env::temp_dir().join(format!("tickwire-hooks-{name}-{}", std::process::id()));
        let line = format!("http://{address}/hook whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        fs::write(&file, line).expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its permissions");
        Self { address, posted, file, status }
    }

    /// Answers with another status from here on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn server(&self) -> Running {
        let webhooks_file = FileSetting::At(self.file.clone());
        let server = Server::new(Config { webhooks_file, ..Config::on_free_ports() }).game::<Bout>();
        server.start().expect("a server on free ports")
    }

    /// The next event, which has to be of this type.
    pub(crate) fn next(&self, kind: &str) -> Value {
        let (head, event) = self.posted.recv_timeout(PATIENCE).expect("an event arrives");
        assert_eq!(event["type"], kind, "{event}");
        let header = |name: &str| head.to_lowercase().contains(&format!("{name}: "));
        assert!(["webhook-id", "webhook-timestamp", "webhook-signature"].into_iter().all(header), "{head}");
        assert!(head.contains(event["id"].as_str().expect("an id")), "the id is in the header too: {head}");
        event
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, posted: &Sender<(String, Value)>, status: &AtomicU16) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.expect("a length")];
        reader.read_exact(&mut body).expect("a body");
        let status = status.load(Ordering::Relaxed);
        let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
        // A server that was killed meanwhile has heard nothing.
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
        let _ = posted.send((head, serde_json::from_slice(&body).expect("JSON")));
    }
}

#[test]
fn the_studio_hears_of_a_room_from_its_opening_to_its_end_in_order() {
    let studio = Studio::open("order", 204);
    let server = studio.server();
    let code = create_room(server.address(), "bout");
    let (mut ada, welcome) = Socket::enter::<Bout>(server.address(), &code);
    let events = [studio.next("room.opened"), studio.next("player.joined"), studio.next("match.result")];
    ada.send(&binary(&ClientControl::Leave.encode()));
    let left = studio.next("player.left");
    for (event, order) in events.iter().chain([&left]).zip(1..) {
        assert_eq!((&event["room"], &event["game"], &event["order"]), (&json!(code), &json!("bout"), &json!(order)));
        assert!(event["at_ms"].as_u64().is_some_and(|at_ms| at_ms > 1_700_000_000_000), "{event}");
    }
    let [_, joined, result] = &events;
    assert_eq!(result["result"], json!({ "winner": 0, "words": "</script>" }));
    assert_eq!((&joined["player"], &left["reason"]), (&left["player"], &json!("left")));
    assert_eq!(joined["player"]["name"], welcome.players[0].name);
    server.stop(CloseCode::Away);
    let closed = studio.next("room.closed");
    assert_eq!((&closed["reason"], &closed["order"]), (&json!("stopped"), &json!(5)));
}

#[test]
fn a_room_whose_game_fails_says_so() {
    let studio = Studio::open("failed", 204);
    let server = studio.server();
    let code = create_room(server.address(), "bout");
    let _ada = Socket::enter::<Bout>(server.address(), &code);
    for kind in ["room.opened", "player.joined", "match.result"] {
        studio.next(kind);
    }
    // A tick that has failed tells nothing else: nobody knows how far it came.
    let mut bob = Socket::open(server.address());
    bob.send(&binary(&hello::<Bout>(&code).encode()));
    studio.next("player.joined");
    assert_eq!(studio.next("room.closed")["reason"], "failed");
}

#[test]
fn a_dead_endpoint_harms_no_player_and_is_counted() {
    let studio = Studio::open("dead", 500);
    let server = studio.server();
    let operators = server.admin_address().expect("a port");
    for _ in 0..20 {
        let code = create_room(server.address(), "bout");
        let _player = Socket::enter::<Bout>(server.address(), &code);
    }
    studio.next("room.opened");
    let (status, _) = api(server.address(), "GET", "/api/rooms", "");
    assert_eq!(status, 200);
    let metrics = || http(operators, "GET", "/metrics", "").1;
    let end = std::time::Instant::now() + PATIENCE;
    while !metrics().lines().any(|line| line == "tickwire_webhook_endpoints_paused 1") {
        assert!(std::time::Instant::now() < end, "{}", metrics());
        std::thread::yield_now();
    }
    assert!(metrics().contains("tickwire_webhooks_total{outcome=\"retried\"}"), "{}", metrics());
    assert_ne!(studio.address.port(), 0);
}

//! The end of a server: it is not ready, answers what is under way, tells its players, and ends in time.

use crate::player::Player;
use crate::serving::{Serving, serve};
use crate::socket::{Event, Socket, binary, create_room, hello, http};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire::{Game, Leave, Rules, Seat, State, Step};
use tickwire_games::Paddles;
use tickwire_server::{Config, Server};

/// A game with a step that does not end before [`ENOUGH`] is set, or half a minute has passed.
#[derive(State, Clone, Default)]
struct Endless;

static BEGUN: AtomicBool = AtomicBool::new(false);
static ENOUGH: AtomicBool = AtomicBool::new(false);

impl Game for Endless {
    type Input = ();
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("endless", 60);
    fn new((): &()) -> Self {
        Self
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, _: &mut Step<'_, Self>) {
        BEGUN.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        while !ENOUGH.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
    }
}

/// The end of a stop is waited for at most this long; it takes a second at the most.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A connection with a request of which the last byte is missing.
fn begin(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(STOP_MAX)).expect("a timeout above zero");
    stream.write_all(&request.as_bytes()[..request.len() - 1]).expect("the request is sent");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.to_lowercase()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn post(path: &str) -> String {
    let body = r#"{"game":"paddles"}"#;
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Whether everything of an answer is as it has to be: the status and the words.
fn assert_answer(answer: &str, status: &str, words: &[&str]) {
    assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{status} is expected: {answer:?}");
    assert!(words.iter().all(|word| answer.contains(word)), "{words:?} are expected: {answer}");
}

#[test]
fn a_server_that_stops_is_not_ready_begins_nothing_and_answers_what_is_under_way() {
    let mut serving = Serving::start();
    let address = serving.address();
    let code = create_room(address, "paddles");
    // Parts of requests hold the server for a second.
    let [health, ready, room] =
        ["/healthz", "/readyz", &*format!("/api/rooms/{code}")].map(|path| begin(address, &get(path)));
    let [create, quick] = ["/api/rooms", "/api/match"].map(|path| begin(address, &post(path)));
    let (mut socket, _) = Socket::enter::<Paddles>(address, &code);
    let mut greeting = Socket::open(address);
    assert_eq!(http(address, "GET", "/readyz", ""), (200, "ok\n".into()));
    serving.signal("TERM");
    assert_eq!(socket.close_code(), Some(1012), "the player is told");
    assert_eq!(greeting.close_code(), Some(1012), "and so is a player that has not said hello");
    let finish = |mut stream: TcpStream| {
        stream.write_all(b"\n").expect("the server still reads");
        answer(stream)
    };
    assert_answer(&finish(health), "200", &["ok"]);
    assert_answer(&finish(ready), "503", &["draining", "retry-after: "]);
    assert_answer(&finish(room), "200", &[&code.to_lowercase()]);
    for stream in [create, quick] {
        assert_answer(&answer(stream), "503", &["the server is stopping", "retry-after: "]);
    }
    drop(socket);
    assert_eq!(serving.wait().code(), Some(0));
    assert!(TcpStream::connect(address).is_err(), "the listener is closed");
}

#[test]
fn new_connections_are_answered_on_both_listeners_while_a_server_stops() {
    let running = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a free port");
    let (address, admin) = (running.address(), running.admin_address().expect("on a free port"));
    assert_eq!(http(admin, "GET", "/readyz", "").0, 200);
    let (mut socket, _) = Socket::enter::<Paddles>(address, &create_room(address, "paddles"));
    let held = begin(address, &get("/healthz"));
    let stopping = std::thread::spawn(move || running.stop(CloseCode::Away));
    assert_eq!(socket.close_code(), Some(1001));
    for address in [address, admin] {
        let (status, words) = http(address, "GET", "/readyz", "");
        assert!(status == 503 && words.starts_with("draining"), "{status} {words}");
        assert_eq!(http(address, "GET", "/healthz", "").0, 200);
    }
    drop((socket, held));
    stopping.join().expect("the server stops");
}

#[test]
fn a_server_without_connections_stops_at_once() {
    let time = || {
        let running = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a free port");
        create_room(running.address(), "paddles");
        let asked = Instant::now();
        running.stop(CloseCode::Away);
        asked.elapsed()
    };
    assert!((0..5).any(|_| time() < DRAINED), "it waits for somebody");
}

#[test]
fn peers_that_never_close_hold_a_server_for_a_bounded_time() {
    let mut serving = Serving::start();
    let address = serving.address();
    let (_player, _) = Socket::enter::<Paddles>(address, &create_room(address, "paddles"));
    let _kept = [Socket::open(address), Socket::open(address)];
    let _begun = [begin(address, &get("/")), begin(address, "GET / HTTP/1.1\r\n")];
    let _idle = TcpStream::connect(address).expect("the server listens");
    let asked = Instant::now();
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
    assert!(asked.elapsed() < STOP_MAX, "after {:?}", asked.elapsed());
}

/// Less than the time for which a server waits for its connections; a busy machine spoils a try.
const DRAINED: Duration = Duration::from_millis(900);

#[test]
fn a_second_signal_ends_the_server_at_once_with_the_same_goodbyes() {
    assert!((0..5).any(|_| time_of_two_signals() < DRAINED), "the second signal changes nothing");
}

/// The time in which a server ends that gets a second signal.
fn time_of_two_signals() -> Duration {
    let mut serving = Serving::start();
    let address = serving.address();
    let code = create_room(address, "paddles");
    let mut players = [(); 2].map(|()| Socket::enter::<Paddles>(address, &code).0);
    let mut greeting = Socket::open(address);
    let _held = begin(address, &get("/healthz"));
    let asked = Instant::now();
    serving.signal("TERM");
    // The sockets stay open after their close frames, so that the server waits for them.
    assert!(players.iter_mut().chain([&mut greeting]).all(|socket| socket.close_code() == Some(1012)));
    serving.signal("INT");
    assert_eq!(serving.wait().code(), Some(0));
    let took = asked.elapsed();
    assert!(players.iter_mut().all(|socket| socket.drain().iter().all(|event| *event == Event::End)));
    took
}

#[test]
fn a_step_that_never_ends_does_not_keep_a_server_that_stops() {
    let running = Server::new(Config::on_free_ports()).game::<Endless>().start().expect("a free port");
    let address = running.address();
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello::<Endless>(&create_room(address, "endless")).encode()));
    let asked = Instant::now();
    while !BEGUN.load(Ordering::Relaxed) && asked.elapsed() < STOP_MAX {
        std::thread::yield_now();
    }
    assert!(BEGUN.load(Ordering::Relaxed), "the step has begun");
    let asked = Instant::now();
    running.stop(CloseCode::Away);
    ENOUGH.store(true, Ordering::Relaxed);
    assert!(asked.elapsed() < Duration::from_secs(20), "after {:?}", asked.elapsed());
}

#[test]
fn a_hangup_ends_neither_the_server_nor_a_game() {
    let log = std::env::temp_dir().join(format!("tickwire-hangup-{}.log", std::process::id()));
    let file = std::fs::File::create(&log).expect("a file for the log");
    let mut serving = Serving::start_by(serve("127.0.0.1:0").stderr(file));
    let mut player = Player::<Paddles>::join(serving.address(), &create_room(serving.address(), "paddles"));
    serving.signal("HUP");
    let seen = player.snapshots.len();
    assert!(player.play_until(|player| player.snapshots.len() > seen + 20), "the game goes on");
    assert_eq!(http(serving.address(), "GET", "/readyz", "").0, 200);
    serving.signal("TERM");
    player.play_until(|_| false);
    assert_eq!(player.closed, Some(1012));
    assert_eq!(serving.wait().code(), Some(0));
    let words = std::fs::read_to_string(&log).expect("the log");
    assert!(words.contains("SIGHUP: no setting has changed"), "{words}");
    std::fs::remove_file(log).expect("the log belongs to this test");
}

//! The log of a real server: a line for each who comes, goes or is refused; hostile names; floods; and a log that
//! nobody reads.

use crate::player::Player;
use crate::serving::{Serving, program};
use crate::settings::Place;
use crate::socket::{Request, Socket, binary, create_room, frame, hello, http};
use crate::tickets::wait_until;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tickwire_games::Paddles;

/// Requests that a hostile client makes.
const REFUSALS: usize = 10_000;

/// A name that would forge a line and change a terminal.
const HOSTILE: &str = "eve\n2026 INFO\u{1b}[2J\u{9b}\u{202e}\"}";

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--autopsies", "off"]);
    command.args(words).stdin(Stdio::null());
    command
}

/// The value of a series of metrics.
fn metric(operators: SocketAddr, series: &str) -> u64 {
    let (_, metrics) = http(operators, "GET", "/metrics", "");
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or(0)
}

/// Asks for so many things that are not there, over few connections.
fn be_refused(address: SocketAddr, count: usize) {
    const BUNCH: usize = 100;
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(BUNCH);
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout above zero");
    for _ in 0..count / BUNCH {
        stream.write_all(request.as_bytes()).expect("the requests are sent");
        let (mut answers, mut piece) = (Vec::new(), [0; 65_536]);
        let count = |bytes: &[u8]| bytes.windows(13).filter(|at| *at == b"HTTP/1.1 404 ").count();
        // The last answer may still be on its way when its head is there; the next bunch begins with its rest.
        while count(&answers) < BUNCH {
            let read = stream.read(&mut piece).expect("answers");
            assert!(read > 0, "the server goes on answering");
            answers.extend_from_slice(&piece[..read]);
        }
    }
}

/// Comes with a hostile name, goes, and is refused in two ways.
fn visit(address: SocketAddr) {
    let code = create_room(address, "paddles");
    let mut socket = Socket::open(address);
    let mut greeting = hello::<Paddles>(&code);
    greeting.name = HOSTILE.into();
    socket.send(&binary(&greeting.encode()));
    socket.welcome();
    socket.send(&frame(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(socket.close_code(), Some(1000));
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello::<Paddles>("222222").encode()));
    assert!(socket.close_code().is_some());
    let lost = Request::new("GET", "/nothing").headers("X-Request-Id: report-77\r\n").send(address);
    assert_eq!(lost.status, 404);
}

#[test]
fn whoever_comes_goes_or_is_refused_has_a_line_with_the_reason_and_the_class_of_the_address() {
    let place = Place::new("lines");
    let log = place.0.join("log");
    let mut command = command(&["--log", "debug", "--log-format", "json"]);
    let mut serving = Serving::start_by(command.stderr(File::create(&log).expect("a file")));
    visit(serving.address());
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
    let log = fs::read_to_string(&log).expect("the log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let find = |message: &str| {
        let found = lines.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("{message} is not in\n{log}"))
    };
    let joined = find("a player has joined");
    assert_eq!((&joined["level"], &joined["seat"], &joined["from"]), (&"INFO".into(), &0.into(), &"loopback".into()));
    let name = joined["name"].as_str().expect("a name");
    assert!(name.contains("eve") && !name.contains(char::is_control), "{name:?}");
    let left = find("a client has closed its connection");
    assert_eq!((&left["room"], &left["seat"], &left["code"]), (&joined["room"], &0.into(), &1000.into()));
    assert!(left["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{left}");
    let refused = find("a connection was refused");
    assert_eq!((&refused["level"], &refused["code"]), (&"DEBUG".into(), &4003.into()));
    let request = find("a request was refused");
    assert_eq!((&request["request"], &request["status"]), (&"report-77".into(), &404.into()));
    for line in [joined, left, refused, request] {
        assert_eq!(line["from"], "loopback", "{line}");
    }
    assert!(!log.contains("127.0.0.1:") || log.matches("127.0.0.1:").count() <= 2, "only the start has addresses");
}

#[test]
fn a_hostile_name_neither_forges_a_line_of_text_nor_changes_a_terminal() {
    let place = Place::new("text");
    let log = place.0.join("log");
    let mut command = command(&["--log", "tickwire_server=debug"]);
    let mut serving = Serving::start_by(command.stderr(File::create(&log).expect("a file")));
    visit(serving.address());
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
    let log = fs::read_to_string(&log).expect("the log");
    assert!(log.contains("a player has joined"), "{log}");
    for line in log.lines() {
        assert!(line.starts_with("20") && line.contains('Z') || line.starts_with("    "), "{line:?}");
        assert!(!line.contains(|at: char| at.is_control() || at == '\u{202e}'), "{line:?}");
    }
}

#[test]
fn ten_thousand_refusals_do_not_fill_a_disk_and_all_of_them_are_accounted_for() {
    let place = Place::new("flood");
    let log = place.0.join("log");
    let mut command = command(&["--log", "debug", "--log-format", "json", "--log-lines-per-second", "25"]);
    let mut serving = Serving::start_by(command.stderr(File::create(&log).expect("a file")));
    let start = Instant::now();
    be_refused(serving.address(), REFUSALS);
    let seconds = usize::try_from(start.elapsed().as_secs()).expect("a short test") + 2;
    let operators = serving.admin().expect("a listener for operators");
    let missing = || metric(operators, "tickwire_log_lines_missing_total{reason=\"flood\"}");
    wait_until("the metrics have them", || missing() >= (REFUSALS - 25 * (seconds + 1)) as u64);
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
    let log = fs::read_to_string(&log).expect("the log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let written = lines.iter().filter(|line| line["message"] == "a request was refused").count();
    let told = lines.iter().filter(|line| line["kind"] == "a request was refused");
    let left_out: u64 = told.map(|line| line["left_out"].as_u64().expect("a number")).sum();
    assert!(written <= 25 * (seconds + 1), "{written} lines in {seconds} s");
    assert_eq!(written as u64 + left_out, REFUSALS as u64);
}

#[test]
fn a_log_that_nobody_reads_stalls_no_room_and_no_end() {
    let mut command = command(&["--log", "debug", "--log-lines-per-second", "1000000"]);
    // Nobody reads the pipe until the server has ended.
    let mut serving = Serving::start_by(command.stderr(Stdio::piped()));
    let operators = serving.admin().expect("a listener for operators");
    be_refused(serving.address(), 2 * REFUSALS);
    let lost = || metric(operators, "tickwire_log_lines_missing_total{reason=\"blocked\"}");
    wait_until("the pipe and the queue are full", || lost() > 0);
    // The rooms have something to say too: people come and go.
    let before = lost();
    visit(serving.address());
    let mut player = Player::<Paddles>::join(serving.address(), &create_room(serving.address(), "paddles"));
    assert!(player.play_until(|player| player.snapshots.len() > 120), "ticks go on");
    wait_until("the lines of rooms are counted as well", || lost() > before);
    serving.signal("TERM");
    player.play_until(|_| false);
    assert_eq!((player.closed, serving.wait().code()), (Some(1012), Some(0)));
}

#[test]
fn the_last_line_says_why_a_start_has_failed() {
    let place = Place::new("last-words");
    let log = place.0.join("log");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = taken.local_addr().expect("an address").to_string();
    let mut command = Command::new(program());
    command.args(["serve", "--listen", &listen, "--admin-listen", "0"]).stderr(File::create(&log).expect("a file"));
    assert_eq!(command.status().expect("the program starts").code(), Some(1));
    let log = fs::read_to_string(&log).expect("the log");
    assert!(log.lines().last().is_some_and(|line| line.starts_with("tickwire: cannot listen on")), "{log}");
}

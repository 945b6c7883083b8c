//! A room that ends its process, or never ends a tick, over the real server: it is found and set aside, and the room
//! beside it goes on each time, with its world and its player.
//!
//! The server is this very program, started once more: so its game needs no place among those of the demo.

use crate::serving::Serving;
use crate::socket::{Event, Socket, binary, create_room_with, hello, http, neutral_input};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio, abort};
use std::thread;
use std::time::{Duration, Instant};
use tickwire::input::{InputCodec, InputFrame};
use tickwire::message::SNAPSHOT;
use tickwire::message::control::{Hello, Welcome};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;
use tickwire::{Game, Input, Leave, Rules, Seat, State, Step, Tick};
use tickwire_games::Paddles;
use tickwire_server::{Config, FileSetting, Server, Signals};

/// The variable with the data folder of the server that this program is to be.
const DATA: &str = "TICKWIRE_TEST_QUARANTINE_DATA";

/// A game with ways to take the whole process with it.
#[derive(State, Clone, Default)]
struct Deadly {
    ticks: u32,
    /// The tick that ends the process; 0 for none.
    aborts_at: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeadlyOptions {
    aborts_at: u32,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Press {
    /// Its step never ends.
    hangs: bool,
}

impl Game for Deadly {
    type Input = Press;
    type Event = ();
    type Options = DeadlyOptions;
    const RULES: Rules = Rules::new("deadly", 30);

    fn new(options: &DeadlyOptions) -> Self {
        Self { ticks: 0, aborts_at: options.aborts_at }
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, step: &mut Step<'_, Self>) {
        self.ticks += 1;
        if self.ticks == self.aborts_at {
            abort();
        }
        while Seat::first(Self::RULES.seats).any(|seat| step.input(seat).hangs) {
            thread::yield_now();
        }
    }
}

/// Is the server of the tests below when they start this program for that; otherwise it has nothing to do.
#[test]
fn the_server_of_these_tests() {
    let Some(data) = env::var_os(DATA) else { return };
    let signals = Signals::listen().expect("signals can be taken over");
    // Both rooms are on one thread: where one of them hangs, the other one is late with it.
    let config = Config { data: FileSetting::At(data.into()), shards: 1, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Paddles>().game::<Deadly>().start().expect("free ports");
    let admin = running.admin_address().expect("a listener for operators");
    let _ = writeln!(io::stdout(), "http://{}/, operators: http://{admin}/", running.address());
    let ended = running.run_until_signal(signals);
    // A thread that hangs is left behind, and ends with the process.
    std::process::exit(i32::from(ended.is_err()));
}

/// A data folder, which is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("tickwire-quarantine-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn serve(&self) -> Serving {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.args(["--exact", "quarantine::the_server_of_these_tests", "--nocapture", "--test-threads", "1"]);
        Serving::start_by(command.env(DATA, &self.0).stdin(Stdio::null()).stderr(Stdio::null()))
    }

    /// The files of rooms that were set aside.
    fn set_aside(&self) -> usize {
        fs::read_dir(self.0.join("quarantine")).map_or(0, Iterator::count)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Somebody in a room, over several processes.
struct Guest {
    code: String,
    socket: Socket,
    welcome: Welcome,
    last: Tick,
}

impl Guest {
    fn enter<G: Game>(server: &Serving, code: String) -> Self {
        let (mut socket, welcome) = Socket::enter::<G>(server.address(), &code);
        // Without a message of theirs a room does not hold the seat.
        socket.send(&binary(&neutral_input::<G>()));
        Self { code, socket, last: welcome.tick, welcome }
    }

    fn create<G: Game>(server: &Serving, options: &serde_json::Value) -> Self {
        Self::enter::<G>(server, create_room_with(server.address(), G::RULES.name, options))
    }

    /// Knocks at the room with the token of the seat.
    fn knock<G: Game>(&self, server: &Serving) -> Socket {
        let mut socket = Socket::open(server.address());
        let resume = Some(self.welcome.resume);
        socket.send(&binary(&Hello { resume, ..hello::<G>(&self.code) }.encode()));
        socket
    }

    /// Comes back to the seat, in a world that is no older than the one that was seen last.
    fn come_back<G: Game>(&mut self, server: &Serving) {
        self.socket.drain().into_iter().for_each(|event| _ = self.see(&event));
        self.socket = self.knock::<G>(server);
        let welcome = self.socket.welcome();
        assert!(welcome.resumed && welcome.seat == self.welcome.seat, "{welcome:?} after {:?}", self.welcome);
        assert!(welcome.tick >= self.last, "tick {} after tick {}", welcome.tick, self.last);
        (self.last, self.welcome) = (welcome.tick, welcome);
        self.socket.send(&binary(&neutral_input::<G>()));
    }

    /// Notes the tick of a snapshot; says whether it is one.
    fn see(&mut self, event: &Event) -> bool {
        let Event::Message(message) = event else { return false };
        let is_snapshot = message[0] >= SNAPSHOT;
        if is_snapshot {
            self.last = SnapshotHead::decode(&mut Reader::new(message), self.last).expect("a head").tick;
        }
        is_snapshot
    }

    /// Sees so many further snapshots, of those of a second at the most: it acknowledges none.
    fn watch(&mut self, count: usize) {
        for _ in 0..count {
            loop {
                let event = self.socket.next();
                assert!(!matches!(event, Event::Close(_) | Event::End), "{event:?} after tick {}", self.last);
                if self.see(&event) {
                    break;
                }
            }
        }
    }
}

/// The value of a metric.
fn metric(server: &Serving, name: &str) -> Option<f64> {
    let (_, metrics) = http(server.admin().expect("a listener"), "GET", "/metrics", "");
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[test]
fn a_room_that_ends_the_process_three_times_within_a_minute_is_set_aside_and_its_neighbour_goes_on() {
    let data = Folder::new("abort");
    let mut server = data.serve();
    let begun = Instant::now();
    let mut neighbour = Guest::create::<Paddles>(&server, &json!(null));
    neighbour.watch(5);
    // It is the world that is deadly, and no input of a player.
    let deadly = Guest::create::<Deadly>(&server, &json!({ "aborts_at": 60 }));
    let mut knocking = Vec::new();
    for crash in 1..=3 {
        assert_eq!(server.wait().code(), None, "crash {crash} is no orderly end");
        server = data.serve();
        neighbour.come_back::<Paddles>(&server);
        if crash < 3 {
            neighbour.watch(5);
            assert_eq!(data.set_aside(), 0, "after crash {crash} it gets another chance");
            // The tick with which the seat would be given back ends the process.
            knocking.push(deadly.knock::<Deadly>(&server));
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(deadly.knock::<Deadly>(&server).close_code(), Some(1011), "its people learn that the room has failed");
    assert_eq!(metric(&server, "tickwire_rooms_quarantined_total"), Some(1.0));
    assert_eq!(data.set_aside(), 1, "the remains of the room are kept");
    neighbour.watch(20);
    // After an orderly end nothing is left of it.
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let server = data.serve();
    neighbour.come_back::<Paddles>(&server);
    neighbour.watch(5);
    assert_eq!(metric(&server, "tickwire_rooms_revived_total"), Some(1.0));
    assert_eq!(metric(&server, "tickwire_rooms_lost_total"), Some(0.0));
}

#[test]
fn an_input_whose_step_never_ends_costs_its_room_a_second_of_inputs_and_the_neighbour_a_pause() {
    let data = Folder::new("hang");
    let mut server = data.serve();
    let mut neighbour = Guest::create::<Paddles>(&server, &json!(null));
    let mut deadly = Guest::create::<Deadly>(&server, &json!({}));
    deadly.watch(10);
    let hang = |socket: &mut Socket, tick: Tick| {
        let (mut message, frame) = (Vec::new(), InputFrame::one(tick, Press { hangs: true }, None, false));
        InputCodec::<Press>::new().encode(&frame, &mut message);
        socket.send(&binary(&message));
    };
    hang(&mut deadly.socket, deadly.last + 6);
    assert_eq!(server.wait().code(), Some(1), "the watchdog ends the process");
    server = data.serve();
    neighbour.come_back::<Paddles>(&server);
    deadly.come_back::<Deadly>(&server);
    // The client sends again what was not executed.
    (1..10).for_each(|tick| hang(&mut deadly.socket, deadly.last + tick));
    deadly.watch(20);
    // A connection that acknowledges nothing sees a second. Another one sees the ticks in which inputs count again.
    deadly.come_back::<Deadly>(&server);
    deadly.watch(20);
    neighbour.watch(20);
    assert_eq!((metric(&server, "tickwire_rooms_quarantined_total"), data.set_aside()), (Some(0.0), 0));
}

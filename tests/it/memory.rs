//! Memory of the server's process: a bounded amount for each player, and none for a player that has left.

use crate::serving::{Serving, serve};
use crate::socket::{Event, Socket, binary, create_room, create_room_with};
use std::time::Instant;
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::limits::SNAPSHOT_HISTORY_LEN;
use tickwire::message::SNAPSHOT;
use tickwire::message::control::ClientControl;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;
use tickwire::{Game, Tick};
use tickwire_games::Crowd;

/// User-space memory for one player, with its share of a room of eight seats and a hundred entities.
const PLAYING_BYTES_MAX: u64 = 10_000;

/// Memory for each player that has come and gone: less than any part of a connection or a room takes, so that a single
/// part that is kept would be noticed.
const LEFT_BYTES_MAX: u64 = 100;

/// A client in a room of crowd that reads everything and acknowledges it.
struct Guest {
    socket: Socket,
    newest: Tick,
}

impl Guest {
    fn enter(server: &Serving, code: &str) -> Self {
        let (socket, welcome) = Socket::enter::<Crowd>(server.address(), code);
        Self { socket, newest: welcome.tick }
    }

    /// Reads the messages that have come, and acknowledges the newest snapshot when there was a new one.
    fn play(&mut self) {
        let known = self.newest;
        for event in self.socket.drain() {
            match event {
                Event::Message(message) if message.first().is_some_and(|kind| *kind >= SNAPSHOT) => {
                    self.newest =
                        SnapshotHead::decode(&mut Reader::new(&message), self.newest).expect("a snapshot").tick;
                }
                Event::Message(_) | Event::Other(_) => {}
                end => panic!("no guest is closed: {end:?}"),
            }
        }
        if self.newest == known {
            return;
        }
        // The acknowledged tick is so old that the room remembers no hash of it, so that the false hash is not noticed.
        let old = u32::try_from(SNAPSHOT_HISTORY_LEN).expect("a few") + 4;
        let ack = Ack { tick: Tick(self.newest.0.saturating_sub(old)), hash: 0 };
        let mut message = Vec::new();
        let frame = InputFrame::one(self.newest + 3, Default::default(), Some(ack), false);
        InputCodec::<<Crowd as Game>::Input>::new().encode(&frame, &mut message);
        self.socket.send(&binary(&message));
    }
}

/// Memory that is in use and belongs to no file: the memory that the program itself needs.
fn anonymous_bytes(server: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map_or(0, |kib: u64| kib * 1_024)
}

/// Fills rooms of crowd up to `wanted` guests, and plays for a second and a half.
fn fill(server: &Serving, guests: &mut Vec<Guest>, wanted: usize) {
    let mut code = String::new();
    while guests.len() < wanted {
        if guests.len().is_multiple_of(usize::from(Crowd::RULES.seats)) {
            code = create_room_with(
                server.address(),
                "crowd",
                &serde_json::json!({ "entities": 100, "motion": "erratic" }),
            );
            // The server would close the guests that are already here if they acknowledged nothing while others come.
            guests.iter_mut().for_each(Guest::play);
        }
        guests.push(Guest::enter(server, &code));
    }
    // Long enough for the rooms' histories to be full.
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 1.5 {
        guests.iter_mut().for_each(Guest::play);
    }
}

#[test]
fn a_player_costs_ten_kilobytes_at_most() {
    let server = Serving::start_by(serve("127.0.0.1:0").arg("--benchmark-games"));
    let mut guests = Vec::new();
    fill(&server, &mut guests, 80);
    let (few, bytes) = (guests.len() as u64, anonymous_bytes(&server));
    // Many, because the system hands out memory in large pieces, and tables of the whole server grow by doubling.
    fill(&server, &mut guests, 800);
    let each = anonymous_bytes(&server).saturating_sub(bytes) / (guests.len() as u64 - few);
    assert!(each > 0 && each <= PLAYING_BYTES_MAX, "{each} bytes for each player");
}

#[test]
fn a_player_that_has_left_costs_no_memory() {
    const ROOMS: u64 = 8;
    const ROUNDS: u64 = 30;
    let server = Serving::start_by(serve("127.0.0.1:0").arg("--benchmark-games"));
    let codes: Vec<String> = (0..ROOMS).map(|_| create_room(server.address(), "crowd")).collect();
    let come_and_go = || {
        for _ in 0..ROUNDS {
            let seats = codes.iter().flat_map(|code| [code; 8]);
            let mut guests: Vec<Guest> = seats.map(|code| Guest::enter(&server, code)).collect();
            guests.iter_mut().for_each(|guest| guest.socket.send(&binary(&ClientControl::Leave.encode())));
            for mut guest in guests {
                assert_eq!(guest.socket.close_code(), Some(1000));
            }
        }
    };
    come_and_go();
    let before = anonymous_bytes(&server);
    come_and_go();
    let left = anonymous_bytes(&server).saturating_sub(before) / (8 * ROOMS * ROUNDS);
    assert!(left <= LEFT_BYTES_MAX, "{left} bytes are kept for each player that has left");
}

//! Readers that stop: few bytes wait for such a reader, its connection is closed, and no other player notices.

use crate::player::Player;
use crate::socket::{Event, Socket, binary, create_room_with, hello, metric};
use serde_json::json;
use socket2::{Domain, Socket as RawSocket, Type};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::limits::SNAPSHOT_HISTORY_LEN;
use tickwire::{Game, Tick};
use tickwire_games::Crowd;
use tickwire_server::limits::{LAG_SECONDS_MAX, WRITE_STALL_MAX};
use tickwire_server::{Config, Running, Server};

/// Bytes that may wait for a reader that stops, in the kernel and in the server together.
const QUEUED_BYTES_MAX: usize = 65_536;

/// The smallest receive buffer that the kernel allows: a few snapshots fill it.
const TINY_BUFFER_BYTES: usize = 2_304;

/// A server, the code of a room with the largest snapshots that the games have, and a player that receives all of them.
fn start() -> (Running, String, Player<Crowd>) {
    let server = Server::new(Config::on_free_ports()).game::<Crowd>().start().expect("a free port");
    let code = create_room_with(server.address(), "crowd", &json!({ "motion": "erratic" }));
    let mut player = Player::join(server.address(), &code);
    assert!(player.play_until(|player| player.snapshots.len() > 10), "the player plays");
    (server, code, player)
}

/// A client with a tiny receive buffer. It has sent its hello and received the welcome, and reads no more.
fn deaf(address: SocketAddr, code: &str) -> Socket {
    let raw = RawSocket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    raw.set_recv_buffer_size(TINY_BUFFER_BYTES).expect("a socket option");
    raw.set_tcp_nodelay(true).expect("a socket option");
    raw.connect(&address.into()).expect("the server listens");
    let mut socket = Socket::upgrade(raw.into(), address, &[]);
    socket.send(&binary(&hello::<Crowd>(code).encode()));
    socket.welcome();
    socket
}

/// An input of a client that claims to have received all snapshots but those of about the last second.
fn claim(newest: Tick) -> Vec<u8> {
    // The acknowledged tick is so old that the room remembers no hash of it, so that the false hash is not noticed.
    let acked = Tick(newest.0.saturating_sub(u32::try_from(SNAPSHOT_HISTORY_LEN).expect("a few") + 4));
    let mut message = Vec::new();
    let frame = InputFrame::one(newest + 2, Default::default(), Some(Ack { tick: acked, hash: 0 }), false);
    InputCodec::<<Crowd as Game>::Input>::new().encode(&frame, &mut message);
    binary(&message)
}

/// Plays on until the server has closed a connection with 4007; gives the time that it took.
fn time_until_closed(server: &Running, player: &mut Player<Crowd>, mut meanwhile: impl FnMut(Tick)) -> Duration {
    let start = Instant::now();
    loop {
        player.play_for(Duration::from_millis(200));
        meanwhile(player.snapshots.last().expect("many").0);
        if metric(server, "tickwire_ws_close_total{code=\"4007\",side=\"server\"}") > 0.0 {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no connection is closed with 4007");
    }
}

/// Reads everything that was kept for a reader until the connection ends; gives the number of bytes, and the close code
/// if one came.
fn leftovers(socket: &mut Socket) -> (usize, Option<u16>) {
    let mut bytes = 0;
    loop {
        match socket.next() {
            Event::Message(message) => bytes += message.len(),
            Event::Text(_) | Event::Other(_) => {}
            Event::Close(code) => return (bytes, Some(code)),
            Event::End => return (bytes, None),
        }
    }
}

#[test]
fn a_client_that_stops_reading_costs_little_and_is_closed_by_its_lag() {
    let (server, code, mut player) = start();
    let mut deaf = deaf(server.address(), &code);
    let time = time_until_closed(&server, &mut player, |_| {});
    let lag = Duration::from_secs(u64::from(LAG_SECONDS_MAX));
    assert!(time > lag - Duration::from_secs(1) && time < lag + Duration::from_secs(5), "closed after {time:?}");
    let (bytes, _) = leftovers(&mut deaf);
    assert!(bytes > 0 && bytes <= QUEUED_BYTES_MAX, "{bytes} bytes were kept");
    player.assert_undisturbed();
}

#[test]
fn a_client_that_acknowledges_without_reading_is_closed_when_its_bytes_stay_with_the_server() {
    let (server, code, mut player) = start();
    let mut deaf = deaf(server.address(), &code);
    let mut silent_since = None;
    let time = time_until_closed(&server, &mut player, |newest| {
        silent_since.get_or_insert_with(Instant::now);
        deaf.send(&claim(newest));
    });
    // The buffers fill up before anything else happens; from that moment on nothing leaves the server, and the time
    // limit for a stalled write begins.
    assert!(time > WRITE_STALL_MAX && time < WRITE_STALL_MAX + Duration::from_secs(15), "closed after {time:?}");
    assert!(metric(&server, "tickwire_writes_incomplete_total") > 0.0, "the client's bytes did not leave");
    let (bytes, _) = leftovers(&mut deaf);
    assert!(bytes > 0 && bytes <= QUEUED_BYTES_MAX, "{bytes} bytes were kept");
    player.assert_undisturbed();
}

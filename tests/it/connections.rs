//! Many connections at once over real sockets: those that say nothing or only load pages keep nobody from playing, and
//! one that has to make room is told so.

use crate::socket::{Socket, binary, create_room, hello, http, metric};
use rustix::process::{Resource, getrlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use tickwire_games::Paddles;
use tickwire_server::limits::{
    DESCRIPTORS_PER_QUEUED, PAGE_CONNECTIONS_MAX, PENDING_CONNECTIONS_MAX, PENDING_CONNECTIONS_PER_ADDRESS_MAX,
};
use tickwire_server::{Config, Running, Server};

/// Connections beyond those that the server keeps of a kind.
const MORE: u32 = 100;

/// As many connections of a kind as the server keeps, which are fewer when the process may have few file descriptors,
/// and [`MORE`] of them.
fn too_many(kept_max: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    kept_max.min(usize::try_from(descriptors / DESCRIPTORS_PER_QUEUED).unwrap_or(usize::MAX)) + MORE as usize
}

/// Longer than any of the server's own time limits but that for a whole connection.
const DEADLINE: Duration = Duration::from_secs(20);

fn start_with(config: Config) -> (Running, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn start() -> (Running, SocketAddr) {
    start_with(Config::on_free_ports())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
    stream
}

/// Everything that comes until the connection ends.
fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the server ends the connection without a reset");
    text
}

/// The time of a join beside thousands of connections, all of which the server has to accept before. One that has to wait
/// until they have ended takes longer.
const JOIN_MAX: Duration = Duration::from_secs(4);

/// How long a player needs from the first byte to the welcome.
fn time_to_join(address: SocketAddr) -> Duration {
    let asked = Instant::now();
    let code = create_room(address, "paddles");
    let _ = Socket::enter::<Paddles>(address, &code);
    asked.elapsed()
}

/// Whether an answer is the one of a connection that had to make room.
fn is_busy(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: ") && answer.ends_with('}')
}

#[test]
fn a_player_joins_at_once_while_thousands_of_connections_say_nothing_or_have_loaded_a_page() {
    let (running, address) = start();
    // One after the other, because each of them takes thousands of file descriptors.
    crowd_with_silent_connections(&running, address);
    crowd_with_page_loads(&running, address);
}

fn crowd_with_silent_connections(running: &Running, address: SocketAddr) {
    let mut silent: Vec<_> = (0..too_many(PENDING_CONNECTIONS_MAX)).map(|_| connect(address)).collect();
    let took = time_to_join(address);
    assert!(took < JOIN_MAX, "a join took {took:?}");
    let oldest = rest(silent.swap_remove(0));
    assert!(is_busy(&oldest), "the oldest connection makes room and is told: {oldest:?}");
    assert!(metric(running, "tickwire_connections_refused_total{reason=\"pending\"}") >= f64::from(MORE));
    assert_eq!(metric(running, "tickwire_connections_refused_total{reason=\"pages\"}"), 0.0);
}

fn crowd_with_page_loads(running: &Running, address: SocketAddr) {
    let mut idle: Vec<_> = (0..too_many(PAGE_CONNECTIONS_MAX))
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server listens");
            stream
        })
        .collect();
    let took = time_to_join(address);
    assert!(took < JOIN_MAX, "a join took {took:?}");
    let oldest = rest(idle.swap_remove(0));
    assert!(oldest.starts_with("HTTP/1.1 200 ") && oldest.ends_with("ok\n"), "{oldest:?}");
    assert!(metric(running, "tickwire_connections_refused_total{reason=\"pages\"}") >= f64::from(MORE));
}

#[test]
fn the_oldest_connection_of_a_crowded_address_that_has_not_sent_its_hello_makes_room() {
    let (running, address) = start();
    let code = create_room(address, "paddles");
    let header = |last: u8| format!("X-Forwarded-For: 198.51.100.{last}\r\n");
    let mut other = Socket::open_from(address, &header(8));
    let mut crowd: Vec<_> =
        (0..=PENDING_CONNECTIONS_PER_ADDRESS_MAX).map(|_| Socket::open_from(address, &header(7))).collect();
    assert_eq!(crowd[0].close_code(), Some(1013));
    let newest = crowd.last_mut().expect("there are many");
    newest.send(&binary(&hello::<Paddles>(&code).encode()));
    newest.welcome();
    other.send(&binary(&hello::<Paddles>(&code).encode()));
    other.welcome();
    assert_eq!(metric(&running, "tickwire_connections_refused_total{reason=\"pending_of_address\"}"), 1.0);
}

/// An address of this machine that is not a loopback address, if the machine has one.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // This sends nothing; the system only chooses the address that it would send from.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn an_address_with_many_idle_connections_still_loads_the_page_and_the_idle_ones_are_told() {
    // Loopback peers are exempt from limits per address, so a machine without a network cannot show this.
    let Some(own) = own_address() else { return };
    let (running, address) =
        start_with(Config { listen: SocketAddr::new(own, 0).into(), behind_proxy: true, ..Config::on_free_ports() });
    let mut idle: Vec<_> = (0..2 * PENDING_CONNECTIONS_PER_ADDRESS_MAX).map(|_| connect(address)).collect();
    assert_eq!(http(address, "GET", "/healthz", "").0, 200);
    for stream in idle.drain(..PENDING_CONNECTIONS_PER_ADDRESS_MAX) {
        let answer = rest(stream);
        assert!(is_busy(&answer), "{answer:?}");
    }
    let told = metric(&running, "tickwire_connections_refused_total{reason=\"pending_of_address\"}");
    assert!(told >= 20.0, "{told}");
    let loading: Vec<_> = (0..2 * PENDING_CONNECTIONS_PER_ADDRESS_MAX)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server listens");
            stream.read_exact(&mut [0; 15]).expect("an answer");
            stream
        })
        .collect();
    let more = metric(&running, "tickwire_connections_refused_total{reason=\"pending_of_address\"}");
    assert_eq!(more, told, "forty connections that have loaded a page are not pending: no idle one had to go");
    drop(loading);
}

#[test]
fn a_peer_that_reads_nothing_is_closed_long_before_the_longest_life_of_a_connection() {
    let (_running, address) = start();
    let mut deaf = connect(address);
    deaf.set_nonblocking(true).expect("a socket option");
    let requests = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let begun = Instant::now();
    loop {
        match deaf.write(&requests) {
            Ok(_) => {}
            // The server reads no further while its answers are not read.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(begun.elapsed() < 2 * DEADLINE, "the connection is still open");
        assert_eq!(http(address, "GET", "/healthz", "").0, 200);
    }
}

#[test]
fn a_head_that_does_not_end_is_closed() {
    let (_running, address) = start();
    let mut slow = connect(address);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").expect("the server listens");
    assert_eq!(rest(slow), "");
}

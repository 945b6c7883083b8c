//! Tests of the thread of tunnels, with sockets of this machine.

use super::*;
use crate::limits::{STALL_MAX, TUNNEL_READS_MAX, WRITE_STALL_MAX};
use crate::mailbox::TunnelLink;
use crate::socket::Socket;
use crate::websocket::address::{AddressKey, ConnectionCounts, Counted};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Time that no step of a test needs, on a busy machine either.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of the small buffers of the kernel, which doubles them.
const SMALL: usize = 4_096;

/// The thread, from outside.
struct Thread {
    link: TunnelLink,
    metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Thread {
    fn start() -> Self {
        let ((link, inbox), (stop, stopped)) = (TunnelLink::new(), oneshot::channel());
        let metrics = Arc::new(Metrics::new());
        let health = ThreadHealth::new("tunnel", STALL_MAX);
        let setup = TunnelSetup { inbox, stop: stopped, metrics: Arc::clone(&metrics), health };
        let thread = thread::spawn(|| run(setup));
        Self { link, metrics, stop: Some(stop), thread: Some(thread) }
    }

    /// Opens a tunnel; gives the sockets of the player and of the other node.
    fn open(&self) -> (TcpStream, TcpStream) {
        let ((client, client_inside), (peer, peer_inside)) = (pair(), pair());
        self.carry(Socket::plain(client_inside), peer_inside, exempt());
        (client, peer)
    }

    fn carry(&self, client: Socket, peer: TcpStream, counted: Counted) {
        let carry = NewTunnel { client, peer: Socket::plain(peer), counted };
        assert!(self.link.carry(Box::new(carry)).is_ok(), "there is a place");
    }

    fn has_metric(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|one| one == line)
    }

    /// Stops the thread, and gives the time that it took.
    fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        drop(self.stop.take());
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("it does not panic").expect("it has a runtime");
        begun.elapsed()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

/// A connection that limits exempt.
fn exempt() -> Counted {
    ConnectionCounts::new(1).count(None).expect("it has no limit")
}

/// The ends of a connection outside and inside of the server.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ready(outside, listener.accept().unwrap().0)
}

/// A connection with small buffers of the kernel; the end that connects is the second one.
fn small_pair() -> (TcpStream, TcpStream) {
    let small = |tcp: &SockRef<'_>| {
        tcp.set_recv_buffer_size(SMALL).unwrap();
        tcp.set_send_buffer_size(SMALL).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // A socket that is accepted has the buffers of its listener.
    small(&SockRef::from(&listener));
    let dialled = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    small(&SockRef::from(&dialled));
    dialled.connect(&SockAddr::from(listener.local_addr().unwrap())).unwrap();
    ready(listener.accept().unwrap().0, dialled.into())
}

fn ready(outside: TcpStream, inside: TcpStream) -> (TcpStream, TcpStream) {
    inside.set_nonblocking(true).unwrap();
    [&outside, &inside].iter().for_each(|tcp| tcp.set_nodelay(true).unwrap());
    outside.set_read_timeout(Some(PATIENCE)).unwrap();
    (outside, inside)
}

/// So many bytes of a pattern in which no piece looks like another one near by.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn read(tcp: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    tcp.read_exact(&mut bytes).unwrap();
    bytes
}

/// Everything up to the end of a connection, whether it was closed or reset.
fn read_to_end(tcp: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = tcp.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

/// Writes until nothing more is taken, and gives the number of bytes that were.
fn write_until_full(tcp: &mut TcpStream, bytes: &[u8]) -> usize {
    tcp.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut count = 0;
    while count < bytes.len() {
        match tcp.write(&bytes[count..]) {
            Ok(taken) => count += taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    count
}

#[test]
fn bytes_go_both_ways_in_order() {
    let thread = Thread::start();
    let (mut client, mut peer) = thread.open();
    let bytes = pattern(1 << 20);
    let (up, down) = (bytes.clone(), bytes.clone());
    let (mut client_out, mut peer_out) = (client.try_clone().unwrap(), peer.try_clone().unwrap());
    let writers = [thread::spawn(move || client_out.write_all(&up)), thread::spawn(move || peer_out.write_all(&down))];
    assert!(read(&mut peer, bytes.len()) == bytes);
    assert!(read(&mut client, bytes.len()) == bytes);
    writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
    assert!(thread.has_metric("tickwire_tunnels 1") && thread.has_metric("tickwire_tunnels_total 1"));
    for way in ["up", "down"] {
        let line = format!("tickwire_tunnel_bytes_total{{way=\"{way}\"}} {}", bytes.len());
        assert!(thread.has_metric(&line), "{way}");
    }
    drop(client);
    assert_eq!(read_to_end(&mut peer), b"");
    drop(peer);
    until("the tunnel is gone", || thread.link.count() == 0);
    assert!(thread.has_metric("tickwire_tunnels 0") && thread.has_metric("tickwire_tunnels_total 1"));
}

#[test]
fn the_last_bytes_of_either_side_arrive_before_its_end() {
    let thread = Thread::start();
    let bytes = pattern(100_000);
    for client_ends in [true, false] {
        let (client, peer) = thread.open();
        let (mut ending, mut other) = if client_ends { (client, peer) } else { (peer, client) };
        ending.write_all(&bytes).unwrap();
        ending.shutdown(Shutdown::Write).unwrap();
        assert!(read_to_end(&mut other) == bytes);
        // A close frame is answered, and the answer still arrives.
        other.write_all(b"answer").unwrap();
        drop(other);
        assert_eq!(read_to_end(&mut ending), b"answer");
    }
    until("the tunnels are gone", || thread.link.count() == 0);
}

#[test]
fn the_last_bytes_of_a_node_arrive_at_a_player_that_goes_on_sending() {
    let thread = Thread::start();
    loop {
        let (mut client, mut peer) = thread.open();
        peer.write_all(&pattern(50_000)).unwrap();
        let begun = Instant::now();
        // The node is gone, and answers input with a reset.
        drop(peer);
        let mut are_taken = true;
        while are_taken && begun.elapsed() < CLOSE_DRAIN / 10 {
            are_taken = client.write_all(b"input").is_ok();
            thread::yield_now();
        }
        let mut bytes = Vec::new();
        let read = client.read_to_end(&mut bytes);
        // On a machine that stands still for so long, the time of the tunnel is over.
        if begun.elapsed() < CLOSE_DRAIN / 2 {
            assert!(are_taken && read.is_ok() && bytes == pattern(50_000), "{read:?}: no reset reaches the player");
            return;
        }
    }
}

#[test]
fn a_player_that_never_closes_is_closed_soon_and_may_come_back_at_once() {
    let thread = Thread::start();
    let mut counts = ConnectionCounts::new(1);
    let address = Some(AddressKey::from_number(7));
    let ((mut client, client_inside), (peer, peer_inside)) = (pair(), pair());
    let counted = counts.count(address).unwrap();
    thread.carry(Socket::plain(client_inside), peer_inside, counted);
    assert!(counts.count(address).is_none());
    drop(peer);
    assert_eq!(read_to_end(&mut client), b"");
    until("the player may come back", || counts.count(address).is_some());
    until("the tunnel is gone", || thread.link.count() == 0);
    drop(client);
}

#[test]
fn a_reset_of_either_side_ends_the_other() {
    let thread = Thread::start();
    for client_ends in [true, false] {
        let (client, peer) = thread.open();
        let (ending, mut other) = if client_ends { (client, peer) } else { (peer, client) };
        SockRef::from(&ending).set_linger(Some(Duration::ZERO)).unwrap();
        drop(ending);
        assert_eq!(read_to_end(&mut other), b"");
    }
    until("the tunnels are gone", || thread.link.count() == 0);
}

#[test]
fn a_player_that_does_not_read_stops_the_node_from_writing() {
    let thread = Thread::start();
    let ((mut client, client_inside), (mut peer, peer_inside)) = (small_pair(), small_pair());
    let send_bytes = |tcp: &TcpStream| SockRef::from(tcp).send_buffer_size().unwrap();
    let receive_bytes = |tcp: &TcpStream| SockRef::from(tcp).recv_buffer_size().unwrap();
    let from_peer = send_bytes(&peer) + receive_bytes(&peer_inside);
    let kernel_bytes_max = from_peer + send_bytes(&client_inside) + receive_bytes(&client);
    thread.carry(Socket::plain(client_inside), peer_inside, exempt());
    let bytes = pattern(1 << 20);
    let count = write_until_full(&mut peer, &bytes);
    assert!(
        count <= kernel_bytes_max + TUNNEL_BUFFER_DOWN_BYTES,
        "{count} bytes wait, {kernel_bytes_max} in the kernel"
    );
    // The other direction goes on.
    client.write_all(b"input").unwrap();
    assert_eq!(read(&mut peer, 5), b"input");
    assert!(read(&mut client, count) == bytes[..count], "nothing is lost");
}

#[test]
fn a_player_that_takes_nothing_for_too_long_is_closed() {
    let thread = Thread::start();
    let ((client, client_inside), (mut peer, peer_inside)) = (small_pair(), small_pair());
    thread.carry(Socket::plain(client_inside), peer_inside, exempt());
    let begun = Instant::now();
    write_until_full(&mut peer, &pattern(1 << 20));
    until("the tunnel is gone", || thread.link.count() == 0);
    assert!(begun.elapsed() >= WRITE_STALL_MAX);
    drop(client);
}

#[test]
fn hundreds_of_tunnels_carry_at_once() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let mut thread = Thread::start();
    let mut tunnels: Vec<_> = (0..200).map(|_| thread.open()).collect();
    for round in 0..10 {
        for (index, (client, peer)) in tunnels.iter_mut().enumerate() {
            client.write_all(&[index as u8, round]).unwrap();
            peer.write_all(&[round, index as u8]).unwrap();
        }
        for (index, (client, peer)) in tunnels.iter_mut().enumerate() {
            assert_eq!(read(peer, 2), [index as u8, round]);
            assert_eq!(read(client, 2), [round, index as u8]);
        }
    }
    assert_eq!(thread.link.count(), 200);
    assert!(thread.has_metric("tickwire_tunnels 200"));
    assert!(thread.stop() < Duration::from_secs(1), "a stop waits for nobody");
    for (client, peer) in &mut tunnels {
        assert_eq!((read_to_end(client), read_to_end(peer)), (Vec::new(), Vec::new()));
    }
    assert_eq!(thread.link.count(), 0);
    assert!(thread.has_metric("tickwire_tunnels 0"));
    let ((_client, client_inside), (_peer, peer_inside)) = (pair(), pair());
    let [client, peer] = [client_inside, peer_inside].map(Socket::plain);
    let late = NewTunnel { client, peer, counted: exempt() };
    assert!(thread.link.carry(Box::new(late)).is_err(), "the thread has ended");
}

#[test]
fn a_tunnel_with_much_to_do_gives_others_their_turn() {
    const BYTES: usize = 2 * TUNNEL_BUFFER_UP_BYTES * TUNNEL_READS_MAX as usize;
    let ((mut client, client_inside), (mut peer, peer_inside)) = (pair(), pair());
    SockRef::from(&peer_inside).set_send_buffer_size(2 * BYTES).unwrap();
    client.write_all(&pattern(BYTES)).unwrap();
    until("everything has arrived", || client_inside.peek(&mut [0; BYTES]).is_ok_and(|count| count == BYTES));
    let shared = Shared { metrics: Arc::new(Metrics::new()), space: RefCell::new(vec![0; 16_384].into()) };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let [client, peer] = [client_inside, peer_inside].map(|tcp| Socket::plain(tcp).into_stream().unwrap());
        client.tcp().readable().await.unwrap();
        peer.tcp().writable().await.unwrap();
        let mut tunnel = Tunnel::new(&shared, client, peer);
        for turn in 1..=2 {
            let advance = |context: &mut Context<'_>| {
                tunnel.advance(context);
                Poll::Ready(())
            };
            poll_fn(advance).await;
            let line = format!("tickwire_tunnel_bytes_total{{way=\"up\"}} {}", BYTES / 2 * turn);
            assert!(shared.metrics.render().lines().any(|one| one == line), "{line}");
        }
    });
    assert!(read(&mut peer, BYTES) == pattern(BYTES));
}

/// A certificate of this test for TLS, for both sides.
fn tls() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = || Arc::new(ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    (Arc::new(server), Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
}

#[test]
fn a_player_under_tls_gets_its_bytes_and_the_end() {
    let (server, client) = tls();
    let ((outside, inside), (mut peer, peer_inside)) = (pair(), pair());
    let bytes = pattern(1 << 20);
    let expected = bytes.clone();
    let player = thread::spawn(move || {
        let session = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(session, outside);
        // The first bytes come right behind the handshake, and are decrypted on the thread of the handshake.
        stream.write_all(b"input").unwrap();
        assert!(read(&mut stream, expected.len()) == expected);
        stream.write_all(&expected).unwrap();
        let mut rest = Vec::new();
        // Without the alert that says so, rustls calls the end unexpected.
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let mut stream = Stream::secure(tokio::net::TcpStream::from_std(inside).unwrap(), server).unwrap();
        timeout(PATIENCE, stream.shake_hands()).await.unwrap().unwrap();
        stream.into_socket().unwrap()
    });
    let thread = Thread::start();
    thread.carry(client, peer_inside, exempt());
    assert_eq!(read(&mut peer, 5), b"input");
    peer.write_all(&bytes).unwrap();
    assert!(read(&mut peer, bytes.len()) == bytes);
    peer.write_all(b"the last").unwrap();
    drop(peer);
    assert_eq!(player.join().unwrap(), b"the last");
    until("the tunnel is gone", || thread.link.count() == 0);
}

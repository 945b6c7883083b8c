//! The server behind nginx and HAProxy of Debian, with the files of `server/deploy`; and the PROXY protocol byte by byte.
//!
//! Tests change nothing in those files but addresses and places of files, and lines that the files themselves offer for a
//! change. A client of its own address comes from an address of 127.0.0.0/8.

use crate::connections::own_address;
use crate::player::Player;
use crate::proxy::{DEADLINE, NGINX, Proxy, changed, debian};
use crate::socket::{Event, Socket, api, binary, create_room, hello, http};
use socket2::{Domain, Socket as RawSocket, Type};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use tickwire_games::{Arena, Paddles};
use tickwire_server::limits::{FAILED_LOOKUPS_PER_MINUTE, PENDING_CONNECTIONS_PER_ADDRESS_MAX};
use tickwire_server::{Config, Running, SeatLimit, Server};

const HAPROXY: &str = include_str!("../../server/deploy/haproxy.cfg");

/// Players that are more than one address may have in rooms by default.
const MANY: usize = 70;

/// A line of HAProxy's file, and the one that it offers for the PROXY protocol.
const PLAIN: &str = "    server one 127.0.0.1:8080 check\n";
const PROXY_V2: &str = "    # server one 127.0.0.1:8080 send-proxy-v2 check check-send-proxy\n";

fn start(config: Config) -> (Running, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().game::<Arena>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

/// HAProxy with this text as its file.
fn haproxy(text: &str, server: SocketAddr) -> Proxy {
    Proxy::start("haproxy", |folder, address| {
        let text = changed(text, "bind :80\n", &format!("bind {address}\n"));
        let text = changed(&text, " one 127.0.0.1:8080 ", &format!(" one {server} "));
        fs::write(folder.join("haproxy.cfg"), text).expect("a file");
        let mut command = Command::new(debian("haproxy"));
        command.args(["-db", "-f"]).arg(folder.join("haproxy.cfg"));
        command
    })
}

/// HAProxy's file with the PROXY protocol instead of the plain line.
fn haproxy_with(send: &str) -> String {
    let offered = changed(PROXY_V2, "    # server", "    server");
    changed(&changed(HAPROXY, PLAIN, ""), PROXY_V2, &changed(&offered, "send-proxy-v2", send))
}

/// A connection from this address of the loopback network.
fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = RawSocket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    socket.bind(&from.into()).expect("every address of the network is this machine's");
    socket.connect(&to.into()).expect("it listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
    stream
}

/// The status of a look-up of a code with these headers over this connection.
fn look_up(mut stream: TcpStream, base: &str, headers: &str) -> u16 {
    let request =
        format!("GET {base}/api/rooms/CCCCCC HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    status(&rest(stream))
}

/// Everything that comes until the connection ends. The end may be a reset when the peer has not read everything.
fn rest(mut stream: TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            // A read with a timeout may be interrupted.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the connection does not end: {error}"),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The answer to a request over a connection that stays open; its body ends with a brace.
fn refusal(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("a status: {answer:?}"))
}

/// Uses up the look-ups of the client that `look_up` stands for.
fn use_up(mut look_up: impl FnMut() -> u16) {
    let statuses: Vec<u16> = (0..=FAILED_LOOKUPS_PER_MINUTE).map(|_| look_up()).collect();
    let (last, before) = statuses.split_last().expect("there are some");
    assert!(before.iter().all(|status| *status == 404) && *last == 429, "{statuses:?}");
}

/// A player takes a seat and sees the game move.
fn play(address: SocketAddr, base: &str) {
    let (status, room) = api(address, "POST", &format!("{base}/api/rooms"), r#"{"game":"paddles"}"#);
    assert_eq!(status, 201, "{room}");
    let code = room["code"].as_str().expect("a code");
    let mut player = Player::<Paddles>::join_below(address, base, code);
    assert!(player.play_until(|player| player.snapshots.len() > 30), "closed with {:?}", player.closed);
}

/// Players in rooms of at most half of the seats each, who stay connected; those who are refused end with a code.
fn many(address: SocketAddr, rooms_at: SocketAddr, headers: impl Fn(usize) -> String) -> Vec<Result<Socket, u16>> {
    let rooms: Vec<String> = (0..3).map(|_| create_room(rooms_at, "arena")).collect();
    let enter = |number: usize| {
        let mut socket = Socket::open_from(address, &headers(number));
        socket.send(&binary(&hello::<Arena>(&rooms[number % rooms.len()]).encode()));
        match socket.next() {
            Event::Message(_) => Ok(socket),
            Event::Close(code) => Err(code),
            other => panic!("{other:?}"),
        }
    };
    (0..MANY).map(enter).collect()
}

fn refusals(players: &[Result<Socket, u16>]) -> Vec<u16> {
    players.iter().filter_map(|player| player.as_ref().err().copied()).collect()
}

#[test]
fn the_page_the_api_and_the_game_are_below_a_path_behind_nginx() {
    let base_path = "/play".parse().expect("a path");
    let (_running, server) = start(Config { base_path, ..Config::on_free_ports() });
    let proxy = Proxy::nginx(&changed(NGINX, "location / {", "location /play {"), server);
    for (path, status) in [("/play", 308), ("/play/", 200), ("/play/api/rooms", 200), ("/", 404), ("/api/rooms", 404)] {
        assert_eq!(http(proxy.address, "GET", path, "").0, status, "{path}");
    }
    play(proxy.address, "/play");
}

#[test]
fn a_game_is_played_through_every_proxy() {
    let (_running, server) = start(Config::on_free_ports());
    play(Proxy::nginx(NGINX, server).address, "");
    play(haproxy(HAPROXY, server).address, "");
    let (_running, server) = start(Config { proxy_protocol: true, ..Config::on_free_ports() });
    for version in ["send-proxy", "send-proxy-v2"] {
        play(haproxy(&haproxy_with(version), server).address, "");
    }
}

#[test]
fn a_client_of_a_proxy_cannot_make_itself_another_one() {
    let trusted = || "127.0.0.1".parse().expect("a network");
    let (_running, server) = start(Config { trusted_proxies: trusted(), ..Config::on_free_ports() });
    for proxy in [Proxy::nginx(NGINX, server), haproxy(HAPROXY, server)] {
        // The two proxies count clients together, so each has clients of its own here.
        let (first, second) = if proxy.folder.to_string_lossy().contains("nginx") { (2, 3) } else { (4, 5) };
        let mut number = 0;
        use_up(|| {
            number += 1;
            let forged = format!("X-Forwarded-For: 203.0.113.{number}\r\nX-Real-IP: 203.0.113.{number}\r\n");
            look_up(connect_from(first, proxy.address), "", &format!("{forged}Forwarded: for=203.0.113.{number}\r\n"))
        });
        assert_eq!(look_up(connect_from(second, proxy.address), "", ""), 404, "another client");
    }
}

#[test]
fn a_forged_header_of_a_peer_that_is_not_trusted_changes_nothing() {
    let trusted_proxies = "127.0.0.1, 10.0.0.0/8".parse().expect("networks");
    let (_running, server) = start(Config { trusted_proxies, ..Config::on_free_ports() });
    // A program of this machine is exempt while it names nobody.
    let mut number = 0;
    use_up(|| {
        number += 1;
        look_up(connect_from(9, server), "", &format!("X-Forwarded-For: 203.0.113.{number}\r\n"))
    });
    let as_proxy = |client: &str| look_up(connect_from(1, server), "", &format!("X-Forwarded-For: {client}\r\n"));
    assert_eq!(as_proxy("203.0.113.1"), 404, "none of the forged clients has asked for anything");
    assert_eq!(as_proxy("127.0.0.9"), 429, "the peer has");
    assert_eq!(as_proxy("203.0.113.9, 127.0.0.9, 10.1.1.1"), 429, "through two proxies");
}

#[test]
fn seventy_clients_of_a_proxy_have_limits_of_their_own() {
    let (running, server) = start(Config::on_free_ports());
    let proxy = Proxy::nginx(NGINX, server);
    let client = |number: usize| format!("X-Forwarded-For: 198.51.100.{}\r\n", number + 1);
    let players = many(proxy.address, server, client);
    assert_eq!(refusals(&players), [] as [u16; 0]);
    for number in 0..MANY {
        use_up(|| look_up(TcpStream::connect(proxy.address).expect("it listens"), "", &client(number)));
    }
    drop(players);
    // By default one address has no more than 64 connections in rooms, of all proxies together.
    let crowd = many(proxy.address, server, |_| client(200));
    assert!(refusals(&crowd).len() >= MANY - 64, "{:?}", refusals(&crowd));
    drop(running);
}

#[test]
fn seventy_clients_of_one_address_play_when_the_settings_say_so() {
    let (_running, server) = start(Config {
        seated_connections_per_address: 100,
        joins_per_address_burst: 100,
        seats_per_address_unlisted: SeatLimit::Seats(std::num::NonZeroU8::MAX),
        ..Config::on_free_ports()
    });
    let proxy = Proxy::nginx(NGINX, server);
    let mut players = many(proxy.address, server, |_| "X-Forwarded-For: 198.51.100.7\r\n".to_owned());
    assert_eq!(refusals(&players), [] as [u16; 0]);
    for player in players.iter_mut().flatten() {
        assert!(matches!(player.next(), Event::Message(_)), "the game goes on");
    }
}

#[test]
fn the_proxy_protocol_names_the_client_in_both_versions() {
    for version in ["send-proxy", "send-proxy-v2"] {
        let trusted_proxies = "127.0.0.1".parse().expect("a network");
        let (_running, server) = start(Config { trusted_proxies, proxy_protocol: true, ..Config::on_free_ports() });
        let proxy = haproxy(&haproxy_with(version), server);
        use_up(|| look_up(connect_from(2, proxy.address), "", "X-Forwarded-For: 203.0.113.1\r\n"));
        assert_eq!(look_up(connect_from(3, proxy.address), "", ""), 404, "{version}: another client");
        let (_, ready) = http_with_header(server, b"PROXY UNKNOWN\r\n", "/readyz");
        assert!(ready.starts_with("HTTP/1.1 200 "), "{version}: a connection of the proxy itself: {ready}");
    }
}

/// Sends a header and a request over one connection from 127.0.0.1; gives the status and the whole answer.
fn http_with_header(server: SocketAddr, header: &[u8], path: &str) -> (u16, String) {
    let mut stream = connect_from(1, server);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(&[header, request.as_bytes()].concat()).expect("the request is sent");
    let answer = rest(stream);
    (status(&answer), answer)
}

/// A header of version 2 with this command, family and payload.
fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short header").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, payload].concat()
}

const CLIENT_V1: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.1 51234 8080\r\n";
const CLIENT_V2: [u8; 12] = [198, 51, 100, 7, 192, 0, 2, 1, 200, 34, 31, 144];

fn with_proxy_protocol() -> (Running, SocketAddr) {
    let trusted_proxies = "127.0.0.1".parse().expect("a network");
    start(Config { trusted_proxies, proxy_protocol: true, ..Config::on_free_ports() })
}

#[test]
fn every_truncation_of_a_header_ends_its_connection_alone() {
    let (_running, server) = with_proxy_protocol();
    for header in [CLIENT_V1.to_vec(), v2(0x21, 0x11, &CLIENT_V2)] {
        for end in 0..header.len() {
            let mut stream = connect_from(1, server);
            stream.write_all(&header[..end]).expect("the bytes are sent");
            stream.shutdown(Shutdown::Write).expect("the connection is there");
            assert_eq!(rest(stream), "", "{end} bytes of {header:?}");
        }
        assert_eq!(http_with_header(server, &header, "/healthz").0, 200);
    }
}

#[test]
fn a_header_in_pieces_is_read_and_a_malformed_or_missing_one_is_refused_with_the_way_on() {
    let (_running, server) = with_proxy_protocol();
    let mut slow = connect_from(1, server);
    slow.set_nodelay(true).expect("a socket option");
    for byte in CLIENT_V1.iter().chain(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") {
        slow.write_all(&[*byte]).expect("the byte is sent");
    }
    assert_eq!(status(&rest(slow)), 200);
    let long_v1 = [&b"PROXY UNKNOWN "[..], &[b'a'; 200], b"\r\n"].concat();
    for header in [
        b"".to_vec(),
        b"PROXY TCP4 198.51.100.7\r\n".to_vec(),
        b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(),
        long_v1,
        v2(0x31, 0x11, &CLIENT_V2),
        v2(0x21, 0x11, &CLIENT_V2[..11]),
        v2(0x21, 0x11, &[0; 60_000]),
    ] {
        let (status, answer) = http_with_header(server, &header, "/healthz");
        assert!(status == 400 && answer.contains("send-proxy-v2") && answer.contains("PROXY protocol"), "{answer}");
    }
    let mut endless = connect_from(1, server);
    endless.write_all(b"PROXY TCP4 ").expect("the bytes are sent");
    let answer = rest(endless);
    assert!(status(&answer) == 400 && answer.contains("in time"), "{answer}");
}

#[test]
fn a_header_is_taken_from_nobody_but_trusted_proxies() {
    let (_running, server) = with_proxy_protocol();
    let from_other = |bytes: &[u8]| {
        let mut stream = connect_from(9, server);
        stream.write_all(bytes).expect("the bytes are sent");
        status(&rest(stream))
    };
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(from_other(request), 200, "a client beside the proxy");
    assert_eq!(from_other(&[CLIENT_V1, request].concat()), 400);
    assert_eq!(from_other(&[&v2(0x21, 0x11, &CLIENT_V2), &request[..]].concat()), 400);
    let (_running, plain) = start(Config::on_free_ports());
    assert_eq!(http_with_header(plain, CLIENT_V1, "/healthz").0, 400, "the operator has not switched it on");
}

#[test]
fn a_proxy_without_its_lines_is_told_which_ones_are_missing() {
    let (_running, server) = start(Config::on_free_ports());
    let page = "Origin: http://localhost\r\n";
    let handshake = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\n{page}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: tickwire.1\r\n\r\n"
    );
    for (line, status, words) in [
        ("proxy_set_header Upgrade $http_upgrade;", "400", "proxy_set_header Upgrade $http_upgrade"),
        ("proxy_http_version 1.1;", "400", "proxy_http_version 1.1"),
        ("proxy_set_header Host $http_host;", "403", "proxy_set_header Host $http_host"),
    ] {
        let proxy = Proxy::nginx(&changed(NGINX, line, ""), server);
        let mut stream = TcpStream::connect(proxy.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
        stream.write_all(handshake.as_bytes()).expect("the request is sent");
        let answer = refusal(stream);
        assert!(answer.contains(&format!(" {status} ")) && answer.contains(words), "without {line}: {answer}");
    }
}

#[test]
fn the_connections_of_a_proxy_on_another_address_are_those_of_many_clients() {
    // Loopback peers are exempt from limits per address, so a machine without a network cannot show this.
    let Some(own) = own_address() else { return };
    let trusted_proxies = own.to_string().parse().expect("a network");
    let listen = SocketAddr::new(own, 0).into();
    let (_running, server) = start(Config { listen, trusted_proxies, ..Config::on_free_ports() });
    let connect = || TcpStream::connect(server).expect("the server listens");
    let silent: Vec<TcpStream> = (0..3 * PENDING_CONNECTIONS_PER_ADDRESS_MAX).map(|_| connect()).collect();
    let client = |last: u8| look_up(connect(), "", &format!("X-Forwarded-For: 198.51.100.{last}\r\n"));
    use_up(|| client(7));
    assert_eq!(client(8), 404, "each client has limits of its own");
    for mut stream in silent {
        stream.set_nonblocking(true).expect("a socket option");
        assert!(stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is still open");
    }
}

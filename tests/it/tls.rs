//! TLS of the server's own: players, pages and operators under it, certificates that are swapped, and words for peers that
//! cannot come in.

use crate::socket::{Event, Reply, Socket, binary, create_room, hello, http, metric};
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tickwire::message::SUBPROTOCOL;
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, FileSetting, Running, Server};
use tickwire_tools::load::Bystander;
use tickwire_tools::wire::{OwnCertificate, Trust, Wire, relay};
use tokio::sync::oneshot;

/// Rooms of eight players whose certificate is swapped under them.
const ROOMS: u64 = 13;

/// Longer than the server looks away from its files.
const RELOADED_WITHIN: Duration = Duration::from_secs(10);

fn start(certificate: &OwnCertificate, change: impl FnOnce(Config) -> Config) -> (Running, SocketAddr) {
    let config = Config {
        tls_cert: FileSetting::At(certificate.certificate()),
        tls_key: FileSetting::At(certificate.key()),
        ..Config::on_free_ports()
    };
    let running = Server::new(change(config)).game::<Paddles>().game::<Arena>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn own() -> (OwnCertificate, Trust) {
    let certificate = OwnCertificate::make().expect("a folder for temporary files");
    let trust = certificate.trust().expect("a certificate");
    (certificate, trust)
}

fn over(address: SocketAddr, trust: &Trust) -> Wire {
    let tcp = TcpStream::connect(address).expect("the server listens");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    Wire::over(tcp, Some(trust)).expect("a session")
}

/// Asks for something under TLS.
fn ask(address: SocketAddr, trust: &Trust, request: &str) -> Reply {
    let mut wire = over(address, trust);
    wire.write_all(request.as_bytes()).expect("the request is sent");
    Reply::read(wire)
}

fn get(address: SocketAddr, trust: &Trust, path: &str) -> Reply {
    ask(address, trust, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

fn room(address: SocketAddr, trust: &Trust, game: &str) -> String {
    let body = format!("{{\"game\":\"{game}\"}}");
    let head = "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    let reply = ask(address, trust, &format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()["code"].as_str().expect("a code").to_owned()
}

/// Takes a seat under TLS.
fn enter(address: SocketAddr, trust: &Trust, code: &str) -> Socket {
    let mut socket = Socket::open_secure(address, trust, SUBPROTOCOL);
    socket.send(&binary(&hello::<Arena>(code).encode()));
    socket.welcome();
    socket
}

/// A relay for players who speak no TLS; it ends with the sender.
fn relayed(server: SocketAddr, trust: Trust) -> (SocketAddr, oneshot::Sender<()>) {
    let ((ready, address), (stop, stopped)) = (mpsc::channel(), oneshot::channel());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            ready.send(relay(server, &trust).await.expect("a free port")).expect("the test waits");
            // The sender is dropped at the end of the test.
            let _ = stopped.await;
        });
    });
    (address.recv().expect("the relay listens"), stop)
}

#[test]
fn sessions_play_in_both_modes_under_tls() {
    let (certificate, trust) = own();
    let (running, address) = start(&certificate, |config| config);
    let (players, _relay) = relayed(address, trust.clone());
    let codes = ["arena", "paddles"].map(|game| room(address, &trust, game));
    let arena = Bystander::join::<Arena>(players, &codes[..1], 4, 3).expect("the players come in");
    let paddles = Bystander::join::<Paddles>(players, &codes[1..], 2, 5).expect("the players come in");
    let end = Instant::now() + Duration::from_secs(30);
    for crowd in [&arena, &paddles] {
        crowd.mark().expect("the players play");
        let fared = || crowd.fared().expect("the players play");
        while fared().hashes_compared < 60 && Instant::now() < end {
            thread::yield_now();
        }
        let fared = fared();
        assert!(fared.hashes_compared >= 60 && fared.hash_mismatches == 0, "{fared:?}");
    }
    assert!(metric(&running, "tickwire_tls_handshakes_total{outcome=\"done\"}") >= 6.0);
}

#[test]
fn pages_and_topics_are_served_under_tls_with_the_headers_for_it() {
    let (certificate, trust) = own();
    let portal = vec!["https://portal.example".parse().expect("an origin")];
    let (running, address) = start(&certificate, |config| Config { frame_ancestors: portal, ..config });
    let reply = get(address, &trust, "/api/rooms");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("strict-transport-security").as_deref(), Some("max-age=15768000"));
    assert_eq!(reply.header("referrer-policy").as_deref(), Some("same-origin"));
    let policy = reply.header("content-security-policy");
    assert_eq!(policy.as_deref(), Some("frame-ancestors 'self' https://portal.example"));
    let mut visitor = Socket::open_secure(address, &trust, "tickwire.json.1");
    visitor.say(&serde_json::json!({ "op": "subscribe", "topic": "lobby/arena" }));
    assert_eq!(visitor.wait_for("granted")["topic"], "lobby/arena");
    // On loopback, operators need none.
    let admin = running.admin_address().expect("a free port");
    assert_eq!(http(admin, "GET", "/readyz", "").0, 200);
    assert!(metric(&running, "tickwire_tls_certificate_expires_seconds") > 1.8e9);
}

#[test]
fn a_certificate_is_swapped_under_a_hundred_players_and_none_of_them_notices() {
    let (certificate, trust) = own();
    // A client that has been here before would show its ticket, and look at no certificate.
    let stranger = certificate.trust().expect("a certificate");
    let (_running, address) = start(&certificate, |config| config);
    let (players, _relay) = relayed(address, trust.clone());
    let codes: Vec<String> = (0..ROOMS).map(|_| room(address, &trust, "arena")).collect();
    let crowd = Bystander::join::<Arena>(players, &codes, 8, 9).expect("the players come in");
    certificate.renew().expect("the folder is there");
    let renewed = certificate.trust().expect("a certificate");
    let end = Instant::now() + RELOADED_WITHIN;
    while renewed.check(address).is_err() {
        assert!(Instant::now() < end, "the new certificate is not shown");
        thread::yield_now();
    }
    assert!(stranger.check(address).is_err(), "the old one is shown no more");
    let fared = || crowd.fared().expect("the players play");
    let swapped = fared();
    while fared().snapshots < swapped.snapshots + 60 * swapped.players {
        assert!(end.elapsed() < RELOADED_WITHIN, "the players hear little: {:?}", fared());
        thread::yield_now();
    }
    // A client that had lost its connection would not trust the new certificate and stay away.
    let fared = fared();
    assert_eq!((fared.players, fared.up, fared.disconnects), (8 * ROOMS, 8 * ROOMS, 0), "{fared:?}");
    let mut late = enter(address, &renewed, &room(address, &renewed, "arena"));
    assert!(matches!(late.next(), Event::Message(_)));
}

#[test]
fn plain_http_on_the_port_of_tls_is_told_so() {
    let (certificate, _) = own();
    let (running, address) = start(&certificate, |config| config);
    let (status, body) = http(address, "GET", "/", "");
    assert_eq!(status, 400, "{body}");
    for word in ["urn:tickwire:problem:no-tls", "this port speaks TLS", "https://"] {
        assert!(body.contains(word), "{word} is not in {body}");
    }
    assert_eq!(metric(&running, "tickwire_tls_handshakes_total{outcome=\"plain\"}"), 1.0);
}

/// Writes a file for its owner alone.
fn write(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("a new file");
    file.write_all(text.as_bytes()).expect("the file is written");
}

#[test]
fn a_client_learns_why_it_does_not_trust_a_certificate() {
    let (certificate, _) = own();
    let (_running, address) = start(&certificate, |config| config);
    let other = Trust::of_file(&certificate.certificate(), "other.example").expect("a name");
    let words = format!("{:#}", other.check(address).expect_err("another name"));
    assert!(words.contains("not valid for name") && words.contains("localhost"), "{words}");
    let words = format!("{:#}", Trust::of_browsers("localhost").expect("a name").check(address).expect_err("unknown"));
    assert!(words.contains("UnknownIssuer") || words.contains("unknown issuer"), "{words}");

    let folder = std::env::temp_dir().join(format!("tickwire-expired-{}", std::process::id()));
    fs::create_dir(&folder).expect("the name is free");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2010, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().expect("random numbers");
    let (cert_path, key_path): (PathBuf, PathBuf) = (folder.join("cert.pem"), folder.join("key.pem"));
    write(&cert_path, &params.self_signed(&key).expect("a certificate").pem());
    write(&key_path, &key.serialize_pem());
    let config = Config {
        tls_cert: FileSetting::At(cert_path.clone()),
        tls_key: FileSetting::At(key_path),
        ..Config::on_free_ports()
    };
    let expired = Server::new(config).game::<Arena>().start().expect("an old certificate is said in the log");
    let trust = Trust::of_file(&cert_path, "localhost").expect("a certificate");
    let words = format!("{:#}", trust.check(expired.address()).expect_err("its time is over"));
    fs::remove_dir_all(folder).expect("the folder is there");
    assert!(words.contains("expired"), "{words}");
}

#[test]
fn a_handshake_that_stops_half_way_is_given_up_and_others_come_in_meanwhile() {
    let (certificate, trust) = own();
    let (running, address) = start(&certificate, |config| config);
    let mut slow = TcpStream::connect(address).expect("the server listens");
    slow.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    // The head of a record whose content never comes.
    slow.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).expect("the server listens");
    let begun = Instant::now();
    assert_eq!(get(address, &trust, "/api/rooms").status, 200);
    let _ = slow.read_to_end(&mut Vec::new());
    assert!((4..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(metric(&running, "tickwire_tls_handshakes_total{outcome=\"late\"}"), 1.0);
    let mut bad = TcpStream::connect(address).expect("the server listens");
    bad.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    bad.write_all(&[0x16, 0x03, 0x01, 0x00, 0x04, 0x0f, 0, 0, 0]).expect("the server listens");
    let mut alert = Vec::new();
    let _ = bad.read_to_end(&mut alert);
    assert_eq!(alert.first(), Some(&0x15), "an alert says that this is no handshake");
}

#[test]
fn an_open_address_without_tls_is_refused_with_the_ways_to_have_it() {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into();
    let open = Config { listen, ..Config::on_free_ports() };
    let refused = |config: Config| Server::new(config).game::<Arena>().start().map(drop);
    let error = refused(open.clone()).expect_err("nothing would be encrypted");
    let words = error.to_string();
    for word in ["listen is 0.0.0.0", "--tls-cert", "--behind-proxy", "--trusted-proxies", "--lan"] {
        assert!(words.contains(word), "{word} is not in {words}");
    }
    let admin = Config { admin_listen: "0.0.0.0:0".parse().expect("an address"), ..Config::on_free_ports() };
    assert!(refused(admin).expect_err("open").to_string().contains("admin_listen is 0.0.0.0"));
    assert!(refused(Config { lan: true, ..open.clone() }).is_ok());
    assert!(refused(Config { tls_self_signed: true, ..open }).is_ok());
}

#[test]
fn a_server_of_private_networks_takes_in_nobody_from_the_internet() {
    let config = Config { lan: true, proxy_protocol: true, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Arena>().start().expect("a free port");
    let from = |client: &str| {
        let mut stream = TcpStream::connect(running.address()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
        let header = format!("PROXY TCP4 {client} 10.0.0.1 5000 80\r\n");
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all((header + request).as_bytes()).expect("the request is sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(from("192.168.1.20").starts_with("HTTP/1.1 200"));
    assert_eq!(from("198.51.100.7"), "");
}

#[test]
fn a_room_over_plain_sockets_is_entered_as_before() {
    let running = Server::new(Config::on_free_ports()).game::<Arena>().start().expect("a free port");
    let (mut socket, _) = Socket::enter::<Arena>(running.address(), &create_room(running.address(), "arena"));
    assert!(matches!(socket.next(), Event::Message(_)));
    assert!(!running.has_tls());
}

#[test]
fn the_first_answer_after_a_handshake_waits_for_no_acknowledgement() {
    let (certificate, trust) = own();
    let (_running, address) = start(&certificate, |config| config);
    let took = |_| {
        let asked = Instant::now();
        assert_eq!(get(address, &trust, "/healthz").status, 200);
        asked.elapsed()
    };
    // The delay of a kernel is 40 ms; the fastest of many says what the server adds.
    assert!((0..200).any(|number| took(number) < Duration::from_millis(30)), "not one of many is quick");
}

//! Pages from elsewhere over real sockets: other origins, pages without an origin, a server below a path, and what a
//! proxy is told that rewrites the request.

use crate::socket::{Socket, api, http};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tickwire_games::Paddles;
use tickwire_server::{Config, Running, Server};

const CLUB: &str = "https://club.example";

fn start(config: Config) -> (Running, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn with_club() -> (Running, SocketAddr) {
    start(Config { origins: vec![CLUB.parse().expect("an origin")], ..Config::on_free_ports() })
}

/// An answer: its status, its head in lower case, and its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().filter_map(|line| line.split_once(": ")).filter(|(of, _)| *of == name);
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} is there twice: {}", self.head);
        value
    }

    /// Whether a page of this origin may read the answer.
    fn is_for(&self, origin: &str) -> bool {
        self.header("access-control-allow-origin") == Some(origin)
    }
}

/// The answer to a request with these headers, each of which ends with its line.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n\
         {body}"
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

fn of(origin: &str) -> String {
    format!("Origin: {origin}\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n")
}

/// The question of a browser whether a page of this origin may send a request.
fn preflight(address: SocketAddr, path: &str, origin: &str, method: &str) -> Answer {
    let headers = format!(
        "{}Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: content-type\r\n",
        of(origin)
    );
    ask(address, "OPTIONS", path, &headers, "")
}

#[test]
fn a_browser_is_told_that_a_page_of_an_allowed_origin_may_use_the_api() {
    let (_running, address) = with_club();
    for (path, methods) in [
        ("/api/rooms", "get, post"),
        ("/api/match", "post"),
        ("/api/rooms/CCCCCC", "get"),
        ("/api/topics.schema.json", "get"),
        ("/api/openapi.json", "get"),
    ] {
        let allowed = preflight(address, path, CLUB, "POST");
        assert_eq!((allowed.status, allowed.header("vary")), (204, Some("origin")), "{}", allowed.head);
        assert!(allowed.is_for(CLUB), "{}", allowed.head);
        assert_eq!(allowed.header("access-control-allow-methods"), Some(methods));
        assert_eq!(
            allowed.header("access-control-allow-headers"),
            Some("content-type, authorization, room-secret, x-request-id")
        );
        assert!(allowed.header("access-control-max-age").is_some_and(|age| age.parse::<u32>().is_ok()));
    }
    for origin in ["https://evil.example", "https://club.example.evil", "http://club.example", "null"] {
        let refused = preflight(address, "/api/rooms", origin, "POST");
        assert_eq!(refused.status, 403, "{origin}");
        assert!(!refused.head.contains("access-control"), "{}", refused.head);
        assert_eq!(refused.header("vary"), Some("origin"));
    }
    let plain = ask(address, "OPTIONS", "/api/rooms", &of(CLUB), "");
    let allow = Some("get, head, post, options");
    assert_eq!((plain.status, plain.header("allow")), (204, allow), "no question about another request");
}

#[test]
fn a_page_of_an_allowed_origin_reads_answers_and_refusals() {
    let (_running, address) = with_club();
    let created = ask(address, "POST", "/api/rooms", &of(CLUB), r#"{"game":"paddles"}"#);
    assert_eq!((created.status, created.is_for(CLUB)), (201, true), "{}", created.head);
    let readable = "retry-after, link, x-total-count, x-request-id, ratelimit, ratelimit-policy";
    assert_eq!(created.header("access-control-expose-headers"), Some(readable));
    for (method, path, body, status) in [
        ("GET", "/api/rooms", "", 200),
        ("GET", "/api/rooms?page=0", "", 400),
        ("GET", "/api/rooms/CCCCCC", "", 404),
        ("GET", "/api/nothing", "", 404),
        ("DELETE", "/api/rooms", "", 405),
        ("POST", "/api/rooms", "{", 400),
        ("POST", "/api/match", r#"{"game":"chess"}"#, 404),
    ] {
        let answer = ask(address, method, path, &of(CLUB), body);
        assert_eq!((answer.status, answer.is_for(CLUB)), (status, true), "{method} {path}: {}", answer.head);
        assert_eq!(answer.header("vary"), Some("origin"), "{method} {path}");
        let foreign = ask(address, method, path, &of("https://evil.example"), body);
        assert!(!foreign.head.contains("access-control"), "{method} {path}: {}", foreign.head);
        let own = ask(address, method, path, "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", body);
        assert_eq!(own.status, status, "{method} {path}");
        assert!(!own.head.contains("access-control"), "{method} {path}: {}", own.head);
    }
    // An image of the same page is sent without an origin, and its page could not read it anyway.
    assert_eq!(ask(address, "GET", "/api/rooms", "Sec-Fetch-Site: cross-site\r\n", "").status, 403);
}

#[test]
fn a_page_of_an_allowed_origin_that_asks_too_often_reads_when_it_may_ask_again() {
    let (_running, address) = with_club();
    let headers = format!("{}X-Forwarded-For: 198.51.100.7\r\n", of(CLUB));
    let refused = (0..50).map(|_| ask(address, "GET", "/api/rooms/CCCCCC", &headers, "")).find(|it| it.status == 429);
    let refused = refused.expect("a limit");
    assert!(refused.is_for(CLUB) && refused.header("retry-after").is_some(), "{}", refused.head);
    assert!(refused.header("access-control-expose-headers").is_some_and(|names| names.contains("retry-after")));
}

#[test]
fn pages_without_an_origin_are_admitted_only_when_the_operator_says_so() {
    let (_running, address) = with_club();
    let refused = ask(address, "GET", "/api/rooms", &of("null"), "");
    assert_eq!((refused.status, refused.is_for("null")), (403, false), "{}", refused.head);
    assert!(refused.body.contains("--allow-null-origin"), "{}", refused.body);
    let (_running, address) = start(Config { allow_null_origin: true, ..Config::on_free_ports() });
    let admitted = ask(address, "GET", "/api/rooms", &of("null"), "");
    assert_eq!((admitted.status, admitted.is_for("null")), (200, true), "{}", admitted.head);
    assert_eq!(preflight(address, "/api/match", "null", "POST").status, 204);
    assert_eq!(ask(address, "GET", "/api/rooms", &of("https://evil.example"), "").status, 403);
    let _ = Socket::open_from(address, "Origin: null\r\n");
}

#[test]
fn every_page_may_load_files_and_none_of_them_names_an_origin() {
    let (_running, address) = with_club();
    // Without a built page the server says so in its place.
    for headers in [String::new(), of("null"), of("https://evil.example")] {
        let page = ask(address, "GET", "/", &headers, "");
        assert_eq!((page.status, page.is_for("*")), (200, true), "{}", page.head);
        assert_eq!(page.header("cross-origin-resource-policy"), Some("cross-origin"));
    }
}

#[test]
fn a_server_below_a_path_has_its_checks_of_health_at_the_root() {
    let base_path = "/games/play/".parse().expect("a path");
    let (_running, address) = start(Config { base_path, ..Config::on_free_ports() });
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/games/play/", 200),
        ("/games/play/api/rooms", 200),
        ("/games/play/nothing.js", 404),
        ("/", 404),
        ("/api/rooms", 404),
        ("/games/player/", 404),
    ] {
        let answer = ask(address, "GET", path, "", "");
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(status == 200 || answer.body.contains("/games/play/"), "{path}: {}", answer.body);
    }
    for (asked, location) in [("/games/play", "/games/play/"), ("/games/play?game=arena", "/games/play/?game=arena")] {
        let moved = ask(address, "GET", asked, "", "");
        assert_eq!((moved.status, moved.header("location")), (308, Some(location)));
    }
    let (status, room) = api(address, "POST", "/games/play/api/rooms", r#"{"game":"paddles"}"#);
    assert_eq!(status, 201, "{room}");
    let _ = Socket::open_below(address, "/games/play", "");
    assert_eq!(http(address, "GET", "/ws", "").0, 404);
}

#[test]
fn a_request_that_lost_its_upgrade_on_the_way_names_the_lines_that_a_proxy_needs() {
    let (_running, address) = with_club();
    let handshake = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let refused = ask(address, "GET", "/ws", handshake, "");
    assert_eq!(refused.status, 400);
    for word in ["lost its Upgrade", "proxy_set_header Upgrade $http_upgrade", "HAProxy", "Caddy", "server/deploy"] {
        assert!(refused.body.contains(word), "{word}: {}", refused.body);
    }
    let visited = ask(address, "GET", "/ws", "", "");
    assert!(visited.status == 400 && visited.body.contains("WebSocket connections only"), "{}", visited.body);
    let rewritten = ask(address, "GET", "/ws", "Origin: https://play.example\r\n", "");
    assert_eq!(rewritten.status, 403);
    for word in ["https://play.example", "localhost", "proxy_set_header Host $http_host", "--origin"] {
        assert!(rewritten.body.contains(word), "{word}: {}", rewritten.body);
    }
}

//! Requests over real sockets: malformed ones, those for a host that is not this server, and the list of rooms.

use crate::socket::{Event, Socket, api, binary, create_room, hello, http};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tickwire_games::{Arena, Paddles};
use tickwire_server::limits::ROOMS_LISTED_MAX;
use tickwire_server::{Config, Running, Server};

/// The headers of an upgrade besides `Host`.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tickwire.1\r\n";

fn start_with(config: Config) -> (Running, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().game::<Arena>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn start() -> (Running, SocketAddr) {
    start_with(Config::on_free_ports())
}

/// Sends bytes in these pieces, and gives the beginning of what comes back: the heads of all answers up to the first
/// that ends the connection or upgrades it.
fn answers(address: SocketAddr, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    for piece in pieces {
        stream.write_all(piece.as_bytes()).expect("the request is sent");
    }
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    while !answer.starts_with(b"HTTP/1.1 101 ") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of the answers to these bytes.
fn statuses(address: SocketAddr, pieces: &[&str]) -> Vec<u16> {
    let answers = answers(address, pieces);
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.map(|head| head[..3].parse().expect("a status")).collect()
}

#[test]
fn a_request_without_one_valid_host_is_malformed() {
    let (_running, address) = start();
    for host in ["", "Host:\r\n", "Host: a b\r\n", "Host: localhost\r\nHost: localhost\r\n", "Host: u@localhost\r\n"] {
        for (path, more) in [("/ws", UPGRADE), ("/healthz", "Connection: close\r\n")] {
            let request = format!("GET {path} HTTP/1.1\r\n{host}{more}\r\n");
            assert_eq!(statuses(address, &[&request]), [400], "{request:?}");
        }
    }
    assert!(answers(address, &["GET /healthz HTTP/1.0\r\n\r\n"]).starts_with("HTTP/1.0 200 "));
}

#[test]
fn an_upgrade_with_a_body_is_malformed() {
    let (_running, address) = start();
    for (body, status) in [("Content-Length: 0\r\n\r\n", 101), ("\r\n", 101)] {
        let request = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{body}");
        assert_eq!(statuses(address, &[&request]), [status], "{request:?}");
    }
    for body in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        let request = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{body}");
        assert_eq!(statuses(address, &[&request]), [400], "{request:?}");
    }
}

#[test]
fn a_body_whose_length_is_stated_twice_is_malformed() {
    let (_running, address) = start();
    let body = r#"{"game":"arena"}"#;
    let (length, chunked) =
        (format!("Content-Length: {}\r\n", body.len()), "Transfer-Encoding: chunked\r\n".to_owned());
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let status = |headers: &str, body: &str| {
        let head = format!("POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        statuses(address, &[&head, body])
    };
    assert_eq!(status(&length, body), [201]);
    assert_eq!(status(&chunked, &chunk), [201]);
    for (one, other, body) in [(&length, &chunked, &*chunk), (&chunked, &length, &chunk), (&length, &length, body)] {
        assert_eq!(status(&format!("{one}{other}"), body), [400], "{one}{other}");
    }
}

#[test]
fn a_line_that_ends_without_a_carriage_return_is_malformed_in_every_head_of_a_connection() {
    let (_running, address) = start();
    let good = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let post = "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n\n\n\n\n";
    for bad in [
        "GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n",
        "GET /healthz HTTP/1.1\nHost: localhost\n\n",
        "\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        assert_eq!(statuses(address, &[bad]), [400], "{bad:?}");
        let (one, other) = bad.split_at(bad.len() / 2);
        assert_eq!(statuses(address, &[one, other]), [400], "{bad:?} in two pieces");
        assert_eq!(statuses(address, &[&format!("{good}{post}{bad}")]), [200, 400, 400], "{bad:?} after a body");
    }
}

#[test]
fn frames_in_the_same_segment_as_the_request_may_have_any_bytes() {
    let (_running, address) = start();
    let code = create_room(address, "paddles");
    let mut first = hello::<Paddles>(&code);
    first.name = "\n\n\r\n\n".into();
    let mut socket = Socket::open_with(address, &binary(&first.encode()));
    socket.welcome();
}

#[test]
fn a_page_whose_name_leads_to_this_machine_is_refused() {
    let (running, address) = start();
    let rebound = "Host: evil.example:8080\r\nOrigin: http://evil.example:8080\r\n";
    for (path, more) in [("/ws", UPGRADE), ("/api/rooms", "Connection: close\r\n"), ("/", "Connection: close\r\n")] {
        let answer = answers(address, &[&format!("GET {path} HTTP/1.1\r\n{rebound}{more}\r\n")]);
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        assert!(answer.contains("--host") && answer.contains("evil.example"), "{answer}");
    }
    let admin = running.admin_address().expect("on a free port");
    let metrics = format!("GET /metrics HTTP/1.1\r\n{rebound}Connection: close\r\n\r\n");
    assert_eq!(statuses(admin, &[&metrics]), [421]);
    let proxied = format!("GET /ws HTTP/1.1\r\n{rebound}X-Forwarded-For: 198.51.100.7\r\n{UPGRADE}\r\n");
    assert_eq!(statuses(address, &[&proxied]), [101], "a proxy on this machine passes on the name that it has");
}

#[test]
fn a_list_of_hosts_and_allowed_origins_name_the_server() {
    let hosts = vec!["play.example".parse().expect("a host")];
    let origins = vec!["https://club.example".parse().expect("an origin")];
    let (_running, address) = start_with(Config { hosts, origins, ..Config::on_free_ports() });
    for (host, status) in [("play.example", 101), ("club.example", 101), ("localhost", 101), ("evil.example", 421)] {
        for more in ["", "X-Forwarded-For: 198.51.100.7\r\n"] {
            let request = format!("GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{more}{UPGRADE}\r\n");
            assert_eq!(statuses(address, &[&request]), [status], "{request}");
        }
    }
}

/// The list of rooms with this query: the codes, the count of all rooms, and the link to the next page.
fn list(address: SocketAddr, query: &str) -> (Vec<String>, usize, Option<String>) {
    let request = format!("GET /api/rooms{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = answers(address, &[&request]);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let rooms: Vec<Value> = serde_json::from_str(body).expect("a list");
    let codes = rooms.iter().map(|room| room["code"].as_str().expect("a code").to_owned()).collect();
    let total = value("x-total-count: ").and_then(|total| total.parse().ok()).expect("a count");
    (codes, total, value("link: "))
}

/// Creates a room in which this many people play.
fn room_with(address: SocketAddr, game: &str, public: bool, people: usize) -> (String, Vec<Socket>) {
    let wish = json!({ "game": game, "public": public }).to_string();
    let code = api(address, "POST", "/api/rooms", &wish).1["code"].as_str().expect("a code").to_owned();
    let enter = |_| match game {
        "paddles" => Socket::enter::<Paddles>(address, &code).0,
        _ => Socket::enter::<Arena>(address, &code).0,
    };
    let people = (0..people).map(enter).collect();
    (code, people)
}

/// Waits until the lobby has heard how many people are in the rooms.
fn wait_for_people(address: SocketAddr, code: &str, people: usize) {
    let room = format!("/api/rooms/{code}");
    let asked = std::time::Instant::now();
    while api(address, "GET", &room, "").1["players"] != people {
        assert!(asked.elapsed().as_secs() < 10, "the lobby has not heard of the people in {code}");
    }
}

#[test]
fn the_list_has_the_fullest_rooms_first_and_no_empty_or_unlisted_one() {
    let (_running, address) = start();
    for _ in 0..ROOMS_LISTED_MAX {
        room_with(address, "arena", true, 0);
    }
    let rooms: Vec<_> =
        [("arena", true, 1), ("paddles", true, 2), ("arena", false, 3), ("arena", true, 3), ("arena", true, 1)]
            .map(|(game, public, people)| (room_with(address, game, public, people), people))
            .into_iter()
            .collect();
    for ((code, _), people) in &rooms {
        wait_for_people(address, code, *people);
    }
    let code = |index: usize| rooms[index].0.0.clone();
    let expected = vec![code(3), code(1), code(4), code(0)];
    assert_eq!(list(address, ""), (expected.clone(), 4, None), "of two with one player the newer is first");
    assert_eq!(list(address, "?page=1"), (expected, 4, None));
    assert_eq!(list(address, "?game=arena"), (vec![code(3), code(4), code(0)], 3, None));
    assert_eq!(list(address, "?game=paddles&page=2"), (vec![], 1, None), "a page behind the last one is empty");
    assert_eq!(list(address, "?free=1"), (vec![code(3), code(4), code(0)], 3, None), "a full duel is left out");
    assert_eq!(list(address, "?free=1&game=paddles"), (vec![], 0, None));
    for (query, status) in
        [("?free=0", 400), ("?page=0", 400), ("?page=x", 400), ("?sort=name", 400), ("?game=chess", 404)]
    {
        let (found, refusal) = api(address, "GET", &format!("/api/rooms{query}"), "");
        assert_eq!(found, status, "{query}: {refusal}");
        assert!(refusal["type"].is_string() && refusal["detail"].is_string(), "{refusal}");
    }
}

#[test]
fn a_long_list_comes_in_pages_that_have_every_room_once() {
    let (_running, address) = start();
    let rooms: Vec<_> = (0..ROOMS_LISTED_MAX + 5).map(|_| room_with(address, "paddles", true, 1)).collect();
    for (code, _) in &rooms {
        wait_for_people(address, code, 1);
    }
    let mut codes: Vec<_> = rooms.iter().map(|(code, _)| code.clone()).collect();
    codes.sort();
    let (first, total, next) = list(address, "?page=1");
    assert_eq!((first.len(), total), (ROOMS_LISTED_MAX, rooms.len()));
    assert_eq!(next.as_deref(), Some("</api/rooms?page=2>; rel=\"next\""));
    let (second, total, next) = list(address, "?page=2");
    assert_eq!((second.len(), total, next), (5, rooms.len(), None));
    let mut listed = [first, second].concat();
    listed.sort();
    assert_eq!(listed, codes);
    for limit in ["", "&limit=40", "&limit=1"] {
        let (mut listed, mut query) = (Vec::new(), format!("?free=1{limit}"));
        loop {
            let (page, total, next) = list(address, &query);
            assert_eq!(total, rooms.len());
            listed.extend(page);
            let Some(next) = next else { break };
            query = next_query(&next);
            assert!(query.starts_with(&format!("?free=1{limit}&after=")), "{query}");
        }
        listed.sort();
        assert_eq!(listed, codes, "{limit}");
    }
}

/// The query of the page that a link leads to.
fn next_query(link: &str) -> String {
    let path = link.strip_prefix("</api/rooms").and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    path.expect("a link to the next page").to_owned()
}

#[test]
fn a_walk_by_cursors_meets_every_room_once_that_stays_as_it_is_while_others_come_and_go() {
    let (_running, address) = start();
    let room = |people: usize| {
        let (code, sockets) = room_with(address, "arena", true, people);
        wait_for_people(address, &code, people);
        (code, sockets)
    };
    let mut rooms: Vec<_> = [2, 2, 2, 1, 1, 1].map(room).into();
    let (first, _, next) = list(address, "?limit=2");
    assert_eq!(first, [rooms[2].0.clone(), rooms[1].0.clone()]);
    // The last room of the page ends, another comes in front of the next page, and one behind all.
    let (gone, sockets) = rooms.remove(1);
    drop(sockets);
    let asked = std::time::Instant::now();
    while list(address, "").0.contains(&gone) {
        assert!(asked.elapsed().as_secs() < 10, "the lobby has not heard that {gone} is empty");
    }
    let front = room(3);
    let (second, _, next) = list(address, &next_query(&next.expect("another page")));
    assert_eq!(second, [rooms[0].0.clone(), rooms[4].0.clone()], "{} is not listed again", front.0);
    let (third, _, next) = list(address, &next_query(&next.expect("another page")));
    assert_eq!((third, next), (vec![rooms[3].0.clone(), rooms[2].0.clone()], None));
}

#[test]
fn rooms_are_filtered_by_the_seats_that_are_free() {
    let (_running, address) = start();
    let (duel, _one) = room_with(address, "paddles", true, 1);
    let (arena, _other) = room_with(address, "arena", true, 1);
    for code in [&duel, &arena] {
        wait_for_people(address, code, 1);
    }
    assert_eq!(list(address, "?free=1").0, [arena.clone(), duel]);
    assert_eq!(list(address, "?free=2").0, [arena], "a party of two");
    assert_eq!(list(address, "?free=64").0, [""; 0]);
}

#[test]
fn a_refused_upgrade_does_not_leave_the_connection_open_for_further_requests() {
    let (_running, address) = start();
    let refused = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\n{}\r\n", UPGRADE.replace("13", "12"));
    let second = "GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n";
    assert_eq!(statuses(address, &[&format!("{refused}{second}")]), [426]);
    let chunked =
        "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(statuses(address, &[&format!("{chunked}{second}")]), [400]);
    assert_eq!(http(address, "GET", "/healthz", "").0, 200);
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello::<Arena>("CCCCCC").encode()));
    assert_eq!(socket.next(), Event::Close(4003));
}

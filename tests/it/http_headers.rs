//! The parts of every answer of the HTTP API beside its body: the id of the request, budgets, encodings, and the methods of
//! its path.

use crate::serving::{Serving, serve};
use crate::socket::{Reply, Request, create_room};
use crate::token_file::TokenFile;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use tickwire_games::Paddles;
use tickwire_server::limits::{MATCHES_PER_MINUTE, REQUEST_ID_CHARS_MAX, ROOMS_PER_HOUR};
use tickwire_server::{Config, FileSetting, Running, Server};

const TOKEN: &str = "sesame-0123456789";

const FORWARDED: &str = "X-Forwarded-For: 198.51.100.7\r\n";

fn start() -> (Running, SocketAddr, SocketAddr) {
    start_with(Config::on_free_ports())
}

fn start_with(config: Config) -> (Running, SocketAddr, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().start().expect("free ports");
    let (players, operators) = (running.address(), running.admin_address().expect("on a free port"));
    (running, players, operators)
}

fn get(address: SocketAddr, path: &str, headers: &str) -> Reply {
    Request::new("GET", path).headers(headers).send(address)
}

#[test]
fn an_answer_has_the_id_of_its_request_or_a_new_one() {
    let (_running, players, operators) = start();
    let longest = "x".repeat(REQUEST_ID_CHARS_MAX);
    for (address, path) in
        [(players, "/api/rooms"), (players, "/api/rooms/CCCCCC"), (players, "/healthz"), (operators, "/metrics")]
    {
        for id in ["4f9c1f0e-7b1c-4d7e-8a52-0a3f5c2b9d11", &longest] {
            let reply = get(address, path, &format!("X-Request-Id: {id}\r\n"));
            assert_eq!(reply.header("x-request-id").as_deref(), Some(id), "{path}");
        }
        for id in [&*format!("{longest}x"), "a b", "<script>", "\"", "a\r\nX-Request-Id: b"] {
            let made = get(address, path, &format!("X-Request-Id: {id}\r\n")).header("x-request-id").expect("an id");
            assert!(made.len() == 16 && made != id, "{id:?}: {made}");
        }
    }
    let nothing = get(operators, "/nothing", "X-Request-Id: 7\r\n");
    assert_eq!((nothing.status, &nothing.json()["request_id"]), (404, &"7".into()));
    assert_eq!(nothing.json()["type"], "urn:tickwire:problem:no-path");
    assert_eq!(get(players, "/", "X-Request-Id: 7\r\n").header("x-request-id"), None, "a page may be kept for all");
}

#[test]
fn a_refusal_is_in_the_log_with_the_id_of_its_request_and_without_its_path() {
    let log = TokenFile::new("request-log", "");
    let mut command = serve("127.0.0.1:0");
    command.args(["--log", "debug"]).stderr(fs::File::create(&log.0).expect("a file"));
    let mut serving = Serving::start_by(&mut command);
    let reply = get(serving.address(), "/api/rooms/CCCCC2", "X-Request-Id: report-17\r\n");
    assert_eq!(reply.status, 404);
    serving.signal("INT");
    serving.wait();
    let said = fs::read_to_string(&log.0).expect("the log");
    let line = said.lines().find(|line| line.contains("report-17")).expect("a line with the id");
    assert!(["getRoom", "404", "no-room"].iter().all(|word| line.contains(word)), "{line}");
    assert!(!said.contains("CCCCC2"), "{said}");
}

/// The number after a name such as `r=` in the list of budgets that a header has.
fn numbers(header: &str, name: &str) -> Vec<u64> {
    let of = |entry: &str| entry.split(';').find_map(|part| part.strip_prefix(name)?.parse().ok());
    header.split(", ").map(|entry| of(entry).unwrap_or_else(|| panic!("{name} in {header}"))).collect()
}

#[test]
fn an_address_is_told_its_budgets_and_the_wait_when_one_is_used_up() {
    let (_running, players, _) = start();
    let create = Request::new("POST", "/api/rooms").body(r#"{"game":"paddles"}"#);
    let exempt = create.send(players);
    assert_eq!((exempt.header("ratelimit"), exempt.header("ratelimit-policy")), (None, None), "this machine has none");
    for left in (0..u64::from(ROOMS_PER_HOUR)).rev() {
        let reply = create.clone().headers(FORWARDED).send(players);
        assert_eq!(reply.status, 201);
        let policy = format!("\"rooms\";q={ROOMS_PER_HOUR};w=3600");
        assert_eq!(reply.header("ratelimit-policy"), Some(policy));
        assert_eq!(numbers(&reply.header("ratelimit").expect("a budget"), "r="), [left]);
    }
    let refused = create.headers(FORWARDED).send(players);
    assert_eq!((refused.status, &refused.json()["type"]), (429, &"urn:tickwire:problem:too-many-rooms".into()));
    let limit = refused.header("ratelimit").expect("a budget");
    assert_eq!(numbers(&limit, "r="), [0]);
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("a wait");
    let told = numbers(&limit, "t=")[0];
    assert!(wait.abs_diff(told) <= 1, "{wait} and {told}");
    let found = Request::new("POST", "/api/match").body(r#"{"game":"paddles"}"#).headers(FORWARDED).send(players);
    let policy = format!("\"matches\";q={MATCHES_PER_MINUTE};w=60, \"rooms\";q={ROOMS_PER_HOUR};w=3600");
    assert_eq!((found.status, found.header("ratelimit-policy")), (200, Some(policy)));
    let left = numbers(&found.header("ratelimit").expect("budgets"), "r=");
    assert_eq!(left, [u64::from(MATCHES_PER_MINUTE) - 1, 0]);
    let (before, after) = (
        get(players, "/api/rooms/CCCCCC", FORWARDED),
        get(players, &format!("/api/rooms/{}", room_of(&found)), FORWARDED),
    );
    let lookups = |reply: &Reply| numbers(&reply.header("ratelimit").expect("a budget"), "r=")[0];
    assert_eq!((before.status, after.status, lookups(&before)), (404, 200, lookups(&after)), "a room costs nothing");
}

fn room_of(reply: &Reply) -> String {
    reply.json()["code"].as_str().expect("a code").to_owned()
}

fn gunzip(reply: &Reply) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&*reply.bytes).read_to_end(&mut plain).expect("gzip");
    plain
}

#[test]
fn json_of_some_length_is_compressed_for_clients_that_take_gzip() {
    let (_running, players, _) = start();
    for path in ["/api/openapi.json", "/api/topics.schema.json"] {
        let plain = get(players, path, "");
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
        assert_eq!(plain.header("vary").as_deref(), Some("accept-encoding, origin"));
        for accept in ["gzip", "br, GZIP;q=0.2", "gzip;q=1.0, *;q=0"] {
            let packed = get(players, path, &format!("Accept-Encoding: {accept}\r\n"));
            assert_eq!(packed.header("content-encoding").as_deref(), Some("gzip"), "{accept}");
            assert_eq!(packed.header("vary").as_deref(), Some("accept-encoding, origin"));
            assert!(packed.bytes.len() * 3 < plain.bytes.len(), "{} of {}", packed.bytes.len(), plain.bytes.len());
            assert_eq!(gunzip(&packed), plain.bytes);
            let head = Request::new("HEAD", path).headers("Accept-Encoding: gzip\r\n").send(players);
            assert_eq!(head.header("content-length"), packed.header("content-length"));
            assert_eq!((head.header("content-encoding"), head.bytes.len()), (packed.header("content-encoding"), 0));
        }
        for accept in ["gzip;q=0", "gzip; q=0.0, br", "br", "identity"] {
            let plain = get(players, path, &format!("Accept-Encoding: {accept}\r\n"));
            assert_eq!(plain.header("content-encoding"), None, "{accept}");
        }
    }
    let code = create_room(players, "paddles");
    for path in ["/api/rooms", "/api/rooms/CCCCCC", &format!("/api/rooms/{code}"), "/healthz"] {
        let short = get(players, path, "Accept-Encoding: gzip\r\n");
        assert_eq!(short.header("content-encoding"), None, "{path} is one packet either way");
    }
}

/// The path with an example in the place of each parameter.
fn example(path: &str) -> String {
    path.replace("{code}", "CCCCCC").replace("{topic}", "announce").replace("{player}", "0123456789abcdef")
}

#[test]
fn every_path_allows_the_methods_that_are_described_and_says_so_to_others() {
    let token = TokenFile::new("methods", TOKEN);
    let config = Config { topics_token_file: FileSetting::At(token.0.clone()), ..Config::on_free_ports() };
    let (_running, players, operators) = start_with(config);
    let document = get(players, "/api/openapi.json", "").json();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    for (path, item) in document["paths"].as_object().expect("paths") {
        let has = |method: &str| item[method.to_lowercase()].is_object();
        let has_head = has("GET") && path != "/ws";
        let servers = item["servers"].as_array().map_or(0, Vec::len);
        let of_operators = item["servers"].to_string().contains("{operators}");
        let addresses =
            if servers == 2 { vec![players, operators] } else { vec![if of_operators { operators } else { players }] };
        for address in addresses {
            let ask = |method: &str| Request::new(method, &example(path)).headers(&bearer).send(address);
            let options = ask("OPTIONS");
            let allow = options.header("allow").expect("its methods");
            assert_eq!((options.status, &*options.body), (204, ""), "{path}");
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
                let is_allowed = has(method) || method == "HEAD" && has_head;
                assert_eq!(allow.split(", ").any(|one| one == method), is_allowed, "{method} {path}: {allow}");
                let reply = ask(method);
                assert_eq!(reply.status == 405, !is_allowed, "{method} {path}: {}", reply.head);
                if !is_allowed {
                    assert_eq!(reply.header("allow").as_ref(), Some(&allow), "{method} {path}");
                    assert!(method == "HEAD" || reply.json()["type"] == "urn:tickwire:problem:wrong-method");
                }
            }
            if has_head {
                let (read, head) = (ask("GET"), ask("HEAD"));
                assert_eq!((head.status, &*head.body), (read.status, ""), "{path}");
                assert_eq!(head.header("content-type"), read.header("content-type"), "{path}");
            }
        }
    }
    for (address, path) in
        [(players, "/api/nothing"), (players, "/api/"), (players, "/metrics.html"), (operators, "/x")]
    {
        let reply = get(address, path, "");
        let problem: Value = reply.json();
        assert_eq!((reply.status, &problem["type"]), (404, &"urn:tickwire:problem:no-path".into()), "{path}");
        assert_eq!((&problem["instance"], problem["detail"].is_string()), (&path.into(), true), "{path}");
    }
}

#[test]
fn the_name_of_a_topic_may_have_its_slashes_escaped() {
    let token = TokenFile::new("escaped", TOKEN);
    let config = Config { topics_token_file: FileSetting::At(token.0.clone()), ..Config::on_free_ports() };
    let (_running, _, operators) = start_with(config);
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    for (topic, status) in [
        ("lobby/paddles/chat", 201),
        ("lobby%2Fpaddles%2fchat", 201),
        ("lobby%252Fpaddles%252Fchat", 404),
        ("%FF", 404),
    ] {
        let request = Request::new("POST", &format!("/topics/{topic}")).headers(&bearer).body(r#"{"body":"hi"}"#);
        assert_eq!(request.send(operators).status, status, "{topic}");
    }
}

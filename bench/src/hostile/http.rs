//! Rows about HTTP: heads, bodies, addresses behind proxies, and which paths there are.

use super::row::{Cases, Needs, Outcome, Row};
use super::socket::{PATIENCE, Peer, Reply, UPGRADE, request};
use super::target::{Target, Walk, forwarded};
use anyhow::{Context, Result};
use std::net::{IpAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire::message::control::Hello;
use tickwire_games::Arena;

pub(super) const ROWS: &[Row] = &[
    Row::new(
        "S4",
        "200 heads and 20 bodies, a byte at a time",
        "closed or 408 within 6.5 s; others join at once",
        slow,
    )
    .waits(),
    Row::new("S5", "heads of 80 KB and 1 MB, 1,100 headers", "431 or the end, within 0.5 s each", header_bombs),
    Row::new("S27", "the operators' paths on the players' port", "404", operators_paths).needs(Needs::Metrics),
    Row::new("F5", "addresses in every form in which proxies name them", "each address has its own limits", addresses),
    Row::new(
        "F5/proxies",
        "forged headers of a stranger; two proxies in a row",
        "429; the client's own limit",
        foreign_proxies,
    )
    .apart(),
    Row::new("F5/PROXY", "PROXY headers, also malformed, long and missing ones", "own limits; 400", proxy_headers)
        .apart(),
    Row::new(
        "F6",
        "40 idle connections of one address, then a page from it",
        "the page, or 503 with Retry-After",
        idle,
    )
    .apart(),
    Row::new("F7", "4,200 connections that say nothing, then a join", "in or 503 with Retry-After within 1 s", silent)
        .apart(),
    Row::new("F29", "a body of 99,999 bytes, with and without Expect", "413 before the body", expect),
    Row::new("F46", "a slash at the end; 33 headers; a cookie of 9 KB", "as without", long_ways),
];

/// Heads that arrive byte by byte at the same time.
const SLOW_HEADS: usize = 200;

/// Bodies that do.
const SLOW_BODIES: usize = 20;

/// The server's own time limit for a head is 5 s; so much later every slow peer must be gone.
const SLOW_MAX: Duration = Duration::from_millis(6_500);

/// A client that has nothing to do with an attack must be in its room after this time.
const JOIN_MAX: Duration = Duration::from_secs(1);

/// Connections that say nothing: more than a server has places for.
const SILENT: usize = 4_200;

fn slow(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    let body = request("POST", "/api/match", &host, &[("Content-Length", "400")]);
    let connect = |first: &str| -> Result<Peer> {
        let mut peer = walk.target.connect()?;
        peer.send(first.as_bytes());
        Ok(peer)
    };
    let mut heads = (0..SLOW_HEADS).map(|_| connect("G")).collect::<Result<Vec<_>>>()?;
    let mut bodies = (0..SLOW_BODIES).map(|_| connect(&body)).collect::<Result<Vec<_>>>()?;
    let (code, started) = (walk.target.room::<Arena>()?, Instant::now());
    let (mut joins_max, mut cases) = (Duration::ZERO, Cases::default());
    while started.elapsed() < SLOW_MAX {
        for peer in heads.iter_mut().chain(&mut bodies) {
            peer.send(b"x");
        }
        let asked = Instant::now();
        let entry = walk.target.join::<Arena>(&code, None);
        cases.check("a join meanwhile", entry.is_in(), entry);
        joins_max = joins_max.max(asked.elapsed());
        sleep(Duration::from_millis(800));
    }
    cases.check("the slowest join", joins_max < JOIN_MAX, format!("{joins_max:?}"));
    let open = |peer: &mut Peer| peer.reply(Duration::from_millis(1)) == Reply::Waiting;
    let open_heads = heads.iter_mut().filter_map(|peer| open(peer).then_some(())).count();
    cases.check("slow heads", open_heads == 0, format!("{open_heads} still open"));
    let open_bodies = bodies.iter_mut().filter_map(|peer| open(peer).then_some(())).count();
    cases.check("slow bodies", open_bodies == 0, format!("{open_bodies} still open"));
    Ok(cases.outcome())
}

fn header_bombs(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    // Twice the usual limit: a reader may take what comes in one piece with the limit.
    let long = "x".repeat(80_000);
    let bomb = "a,".repeat(500_000);
    let many = (0..1_100).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    let upgrade = |name, value| request("GET", "/ws", &host, &[&UPGRADE[..], &[(name, value)]].concat());
    let bombs = [
        ("a head of 80 KB", upgrade("X-Long", &long)),
        ("a cookie of 80 KB", upgrade("Cookie", &long)),
        ("1 MB of subprotocols", upgrade("Sec-WebSocket-Protocol", &bomb)),
        ("a path of 80 KB", request("GET", &format!("/{long}"), &host, &[])),
        ("1,100 headers", request("GET", "/healthz", &host, &[]).replacen("\r\n", &format!("\r\n{many}"), 1)),
    ];
    let mut cases = Cases::default();
    for (name, text) in bombs {
        let asked = Instant::now();
        let reply = walk.target.send(text.as_bytes());
        let took = asked.elapsed();
        let refused = matches!(reply.status(), 400 | 414 | 431) || reply == Reply::Silence;
        cases.check(name, refused && took < Duration::from_millis(500), format!("{reply} after {took:?}"));
    }
    Ok(cases.outcome())
}

fn operators_paths(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let paths = ["/metrics", "/metrics/", "/admin", "/admin/", "/admin/rooms", "/debug", "/debug/pprof", "/dashboard"];
    for path in paths.into_iter().chain(["/..%2fmetrics", "//metrics", "/autopsies", "/api/metrics", "/api/admin"]) {
        let reply = walk.target.get(path, &[]);
        // A page for players may answer an unknown path with itself.
        let tells = reply.body().contains("tickwire_");
        cases.check(path, !tells && matches!(reply.status(), 400 | 404 | 405), reply);
    }
    cases.check("metrics for operators", walk.target.metrics()?.contains("tickwire_rooms"), "no metrics");
    Ok(cases.outcome())
}

fn addresses(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let (a, b) = (walk.stranger(), walk.stranger());
    let v6 = |stranger: &str, rest: &str| format!("[2001:db8:{}::1]{rest}", stranger.rsplit('.').next().unwrap_or("1"));
    let forms: [(&str, [String; 2]); 6] = [
        ("X-Forwarded-For", [a.clone(), b.clone()]),
        ("X-Forwarded-For", [walk.stranger(), walk.stranger()].map(|ip| format!("{ip}:443"))),
        ("X-Forwarded-For", [v6(&a, ""), v6(&b, "")]),
        ("X-Forwarded-For", [walk.stranger(), walk.stranger()].map(|ip| v6(&ip, ":443"))),
        ("Forwarded", [walk.stranger(), walk.stranger()].map(|ip| format!("for={ip};proto=https"))),
        ("Forwarded", [walk.stranger(), walk.stranger()].map(|ip| format!("for=\"{}\"", v6(&ip, ":443")))),
    ];
    for (name, [guesser, other]) in forms {
        let guess = |from: &str| walk.target.get("/api/rooms/QQQQQQ", &[(name, from)]);
        let limited = (0..12).map(|_| guess(&guesser)).filter(|reply| reply.status() == 429).count();
        cases.check(format!("{name}: {guesser}, 12 guesses"), limited > 0, "never 429");
        let reply = guess(&other);
        cases.check(format!("{name}: {other}, its first guess"), reply.status() == 404, reply);
    }
    Ok(cases.outcome())
}

/// The status of guesses over connections that begin with these bytes: the first one, and the thirteenth.
fn guesses(target: &Target, header: &str, headers: &[(&str, &str)]) -> [u16; 2] {
    let guess = header.to_owned() + &request("GET", "/api/rooms/QQQQQQ", &target.address.to_string(), headers);
    let first = target.send(guess.as_bytes()).status();
    (0..11).for_each(|_| drop(target.send(guess.as_bytes())));
    [first, target.send(guess.as_bytes()).status()]
}

fn foreign_proxies(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&["--trusted-proxies", "192.0.2.0/24"])?;
    let mut cases = Cases::default();
    let forged = |last: usize| format!("203.0.113.{last}");
    let ask = |last: usize| own.target.get("/api/rooms/QQQQQQ", &[("X-Forwarded-For", &*forged(last))]);
    let limited = (1..=20).map(ask).filter(|reply| reply.status() == 429).count();
    cases.check("20 forged addresses", limited > 0, "never 429: each was a client of its own");
    let own = walk.serve(&["--trusted-proxies", "127.0.0.1,192.0.2.0/24"])?;
    let through_two = guesses(&own.target, "", &[("X-Forwarded-For", "203.0.113.9, 198.51.100.7, 192.0.2.1")]);
    let other = guesses(&own.target, "", &[("X-Forwarded-For", "203.0.113.9, 198.51.100.8, 192.0.2.1")]);
    cases.check(
        "two proxies in a row",
        through_two == [404, 429] && other[0] == 404,
        format!("{through_two:?} {other:?}"),
    );
    Ok(cases.outcome())
}

fn proxy_headers(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&["--proxy-protocol"])?;
    let mut cases = Cases::default();
    let client = |last: u8| format!("PROXY TCP4 198.51.100.{last} 127.0.0.1 51234 8080\r\n");
    let (first, second) = (guesses(&own.target, &client(7), &[]), guesses(&own.target, &client(8), &[]));
    cases.check("two clients", first == [404, 429] && second == [404, 429], format!("{first:?} {second:?}"));
    let forged = guesses(&own.target, &client(7), &[("X-Forwarded-For", "203.0.113.9")]);
    cases.check("a client that forges a header", forged[0] == 429, format!("{forged:?}"));
    let long = format!("PROXY UNKNOWN {}\r\n", "a".repeat(200));
    for (name, header) in
        [("none", ""), ("half", "PROXY TCP4\r\n"), ("long", &long), ("v2", "\r\n\r\n\0\r\nQUIT\n!\u{11}AAAA")]
    {
        let text = header.to_owned() + &request("GET", "/healthz", &own.target.address.to_string(), &[]);
        let reply = own.target.send(text.as_bytes());
        cases.check(format!("header: {name}"), reply.status() == 400, reply);
    }
    let plain = client(9) + &request("GET", "/healthz", &walk.target.address.to_string(), &[]);
    let reply = walk.target.send(plain.as_bytes());
    cases.check("a header that nobody asked for", reply.status() == 400, reply);
    Ok(cases.outcome())
}

/// An address of this machine that is not a loopback address, so that limits per address apply to it.
fn own_address() -> Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // Nothing is sent: the kernel only chooses the way.
    socket.connect("192.0.2.1:9").context("this machine has no address besides loopback")?;
    Ok(socket.local_addr()?.ip())
}

fn idle(walk: &Walk) -> Result<Outcome> {
    let ip = own_address()?;
    let own = walk.serve_on(&format!("{ip}:0"), &["--behind-proxy"])?;
    let connections: Vec<_> = (0..40).filter_map(|_| own.target.connect().ok()).collect();
    let mut cases = Cases::default();
    cases.check("connections", connections.len() == 40, connections.len());
    sleep(Duration::from_millis(200));
    for path in ["/healthz", "/api/rooms", "/"] {
        let reply = own.target.get(path, &[]);
        cases.check(format!("GET {path}"), reply.status() > 0 && (reply.status() < 500 || reply.is_busy()), reply);
    }
    Ok(cases.outcome())
}

fn silent(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let code = own.target.room::<Arena>()?;
    let mut connections = Vec::new();
    for _ in 0..SILENT {
        match own.target.connect() {
            Ok(peer) => connections.push(peer),
            Err(_) => break,
        }
    }
    let mut cases = Cases::default();
    for name in ["a join", "another join"] {
        let asked = Instant::now();
        let entry = own.target.enter(&Hello::of::<Arena>(&code, "honest"), None);
        let took = asked.elapsed();
        let answered = entry.is_in() || entry.is_turned_away();
        cases.check(name, answered && took < JOIN_MAX, format!("{entry} after {took:?}"));
    }
    let asked = Instant::now();
    let reply = own.target.get("/healthz", &[]);
    let answered = reply.status() == 200 || reply.is_busy();
    cases.check("a GET", answered && asked.elapsed() < JOIN_MAX, format!("{reply} after {:?}", asked.elapsed()));
    Ok(cases.outcome())
}

fn expect(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    let mut cases = Cases::default();
    // A client that does not ask first has sent some of the body before it hears of the refusal.
    for (more, sent) in [(&[("Expect", "100-continue")][..], 0), (&[], 10_000)] {
        let headers = [&[("Content-Type", "application/json"), ("Content-Length", "99999")][..], more].concat();
        let mut peer = walk.target.connect()?;
        peer.send((request("POST", "/api/rooms", &host, &headers) + &"x".repeat(sent)).as_bytes());
        let reply = peer.reply(Duration::from_secs(2));
        cases.check(format!("99,999 bytes, {more:?}"), reply.status() == 413, reply);
    }
    let body = format!("{{\"game\":\"arena\",\"x\":\"{}\"}}", "x".repeat(99_999));
    let reply = walk.target.ask("POST", "/api/rooms", &body, &[]);
    // The server may close before it has read the body; then the answer can be lost.
    cases.check("the whole body at once", reply.status() == 413 || reply == Reply::Silence, reply);
    Ok(cases.outcome())
}

fn long_ways(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let code = walk.target.room::<Arena>()?;
    for path in ["/api/rooms".to_owned(), format!("/api/rooms/{code}"), "/healthz".into(), "/readyz".into()] {
        let (plain, slash) = (walk.target.get(&path, &[]), walk.target.get(&format!("{path}/"), &[]));
        cases.check(format!("{path}/"), plain.status() == slash.status(), format!("{plain} and {slash}"));
    }
    let names: Vec<String> = (0..33).map(|number| format!("X-Edge-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
    let reply = walk.target.get("/healthz", &headers);
    cases.check("33 headers", reply.status() == 200, reply);
    let cookie = "x".repeat(9_000);
    let reply = walk.target.get("/healthz", &[("Cookie", &cookie)]);
    cases.check("a cookie of 9 KB", reply.status() == 200, reply);
    let from = walk.stranger();
    let reply = walk.target.get(&format!("/api/rooms/{code}"), &forwarded(Some(&from)));
    cases.check("a room behind a proxy", reply.status() == 200, reply);
    let mut peer = walk.target.ask_upgrade(Some(&from))?;
    let reply = peer.reply(PATIENCE);
    cases.check("an upgrade behind a proxy", reply.status() == 101, reply);
    Ok(cases.outcome())
}

//! Rows about the WebSocket handshake: the page that asks, the host that is asked, and the form of the request.

use super::row::{Cases, Outcome, Row};
use super::socket::{PATIENCE, Reply, UPGRADE, request};
use super::target::Walk;
use anyhow::Result;

pub(super) const ROWS: &[Row] = &[
    Row::new("S1", "20 origins of other sites, null and look-alikes among them", "403 before 101", origins),
    Row::new("S6", "30 requests for an upgrade, each with one mistake", "400, 405, 426 or 505, never 101", upgrades),
    Row::new("F16", "no Host, bad Hosts, an upgrade with a body, two lengths, bare LF", "400", malformed),
    Row::new("F16/hosts", "a page whose own name leads to this server", "403 or 421; listed hosts pass", hosts).apart(),
    Row::new("F42", "a proxy that passes another Host on", "403 that names Origin, Host and the way out", proxied_host),
];

/// The answer to an upgrade with these headers besides `Host`.
fn ask(walk: &Walk, host: &str, headers: &[(&str, &str)]) -> Reply {
    walk.target.send(request("GET", "/ws", host, headers).as_bytes())
}

fn origins(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    let port = walk.target.address.port();
    let other_port = if port == 1 { 2 } else { port - 1 };
    let foreign = [
        "null".into(),
        "https://evil.example".into(),
        format!("http://{host}.evil.example"),
        format!("http://evil{host}"),
        format!("http://{host}:{port}"),
        format!("http://{}:{other_port}", walk.target.address.ip()),
        format!("http://{}", walk.target.address.ip()),
        format!("http://{host}/"),
        format!("http://{host}/path"),
        format!("http://user@{host}"),
        format!("http://evil.example/http://{host}"),
        format!("http://http://{host}"),
        format!("ftp://{host}"),
        format!("file://{host}"),
        format!("chrome-extension://{host}"),
        format!("//{host}"),
        host.clone(),
        "http://".into(),
        "*".into(),
        format!("http://{host} http://evil.example"),
    ];
    let mut cases = Cases::default();
    for origin in &foreign {
        let reply = ask(walk, &host, &[&UPGRADE[..], &[("Origin", origin)]].concat());
        cases.check(origin, matches!(reply.status(), 400 | 403), reply);
    }
    let own = format!("http://{host}");
    let twice = [&UPGRADE[..], &[("Origin", &*own), ("Origin", "https://evil.example")]].concat();
    let reply = ask(walk, &host, &twice);
    cases.check("two origins", matches!(reply.status(), 400 | 403), reply);
    for origin in [&*own, &*own.to_uppercase().replace("HTTP", "http")] {
        let reply = ask(walk, &host, &[&UPGRADE[..], &[("Origin", origin)]].concat());
        cases.check(format!("the page's own, {origin}"), reply.status() == 101, reply);
    }
    let post = walk.target.ask("POST", "/api/rooms", "{\"game\":\"arena\"}", &[("Origin", "https://evil.example")]);
    cases.check("POST from another site", post.status() == 403, post);
    Ok(cases.outcome())
}

/// The headers of an upgrade with one of them changed, or left out for an empty name.
fn with<'a>(name: &str, value: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let changed = |(key, old): (&'static str, &'static str)| -> Option<(&'static str, &'a str)> {
        if key == name { value.map(|value| (key, value)) } else { Some((key, old)) }
    };
    UPGRADE.into_iter().filter_map(changed).collect()
}

fn upgrades(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    let mut cases = Cases::default();
    let changes = [
        ("Connection", None),
        ("Connection", Some("keep-alive")),
        ("Connection", Some("")),
        ("Connection", Some("Upgraded")),
        ("Upgrade", None),
        ("Upgrade", Some("h2c")),
        ("Upgrade", Some("websocketx")),
        ("Upgrade", Some("")),
        ("Sec-WebSocket-Version", None),
        ("Sec-WebSocket-Version", Some("8")),
        ("Sec-WebSocket-Version", Some("13, 8")),
        ("Sec-WebSocket-Version", Some("013")),
        ("Sec-WebSocket-Version", Some("")),
        ("Sec-WebSocket-Key", None),
        ("Sec-WebSocket-Key", Some("")),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ")),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZSBhbmQ=")),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25j!!==")),
        ("Sec-WebSocket-Protocol", None),
        ("Sec-WebSocket-Protocol", Some("tickwire.2")),
        ("Sec-WebSocket-Protocol", Some("tickwire.10")),
    ];
    for (name, value) in changes {
        let reply = ask(walk, &host, &with(name, value));
        cases.check(format!("{name}: {value:?}"), matches!(reply.status(), 400 | 426), reply);
    }
    for (name, value) in &UPGRADE[2..4] {
        let reply = ask(walk, &host, &[&UPGRADE[..], &[(name, value)]].concat());
        cases.check(format!("{name} twice"), matches!(reply.status(), 400 | 426), reply);
    }
    let plain = request("GET", "/ws", &host, &UPGRADE);
    let others = [
        ("HTTP/1.0", plain.replace("HTTP/1.1", "HTTP/1.0")),
        ("HTTP/2.0", plain.replace("HTTP/1.1", "HTTP/2.0")),
        ("HTTP/9.9", plain.replace("HTTP/1.1", "HTTP/9.9")),
        ("POST", plain.replace("GET", "POST")),
        ("PUT", plain.replace("GET", "PUT")),
        ("HEAD", plain.replace("GET", "HEAD")),
        ("lower case get", plain.replace("GET", "get")),
        ("another path", plain.replace("/ws", "/api/rooms")),
    ];
    for (name, text) in others {
        let reply = walk.target.send(text.as_bytes());
        cases.check(name, reply.status() != 101, reply);
    }
    let reply = ask(walk, &host, &with("Sec-WebSocket-Version", Some("8")));
    cases.check("version 8", reply.status() == 426, &reply);
    let reply = ask(walk, &host, &UPGRADE);
    cases.check("no mistake", reply.status() == 101, reply);
    Ok(cases.outcome())
}

fn malformed(walk: &Walk) -> Result<Outcome> {
    let host = walk.target.address.to_string();
    let good = request("GET", "/ws", &host, &UPGRADE);
    let host_line = format!("Host: {host}\r\n");
    let post = |headers: &str, body: &str| {
        format!("POST /api/match HTTP/1.1\r\n{host_line}Content-Type: application/json\r\n{headers}\r\n{body}")
    };
    let json = "{\"game\":\"arena\"}";
    let attempts = [
        ("no Host", good.replace(&host_line, "")),
        ("an empty Host", good.replace(&host_line, "Host: \r\n")),
        ("two Hosts", good.replace(&host_line, &format!("{host_line}{host_line}"))),
        ("a Host with a space", good.replace(&host_line, "Host: a b\r\n")),
        ("a Host with a path", good.replace(&host_line, "Host: a.example/x\r\n")),
        ("a Host with a user", good.replace(&host_line, &format!("Host: u@{host}\r\n"))),
        ("a Host with a bad port", good.replace(&host_line, "Host: 127.0.0.1:port\r\n")),
        ("no Host, plain GET", "GET /healthz HTTP/1.1\r\n\r\n".into()),
        ("no Host, POST", post(&format!("Content-Length: {}\r\n", json.len()), json).replace(&host_line, "")),
        ("an upgrade with a length", good.replace(&host_line, &format!("{host_line}Content-Length: 5\r\n")) + "hello"),
        (
            "an upgrade in chunks",
            good.replace(&host_line, &format!("{host_line}Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n",
        ),
        (
            "a length and chunks",
            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &format!("10\r\n{json}\r\n0\r\n\r\n")),
        ),
        ("two lengths", post("Content-Length: 16\r\nContent-Length: 17\r\n", json)),
        ("bare LF", good.replace("\r\n", "\n")),
        ("bare LF, plain GET", format!("GET /healthz HTTP/1.1\nHost: {host}\n\n")),
        ("a space before the colon", good.replace("Host:", "Host :")),
    ];
    let mut cases = Cases::default();
    for (name, text) in attempts {
        let reply = walk.target.send(text.as_bytes());
        cases.check(name, reply.status() == 400, reply);
    }
    let reply = walk.target.send(good.as_bytes());
    cases.check("no mistake", reply.status() == 101, reply);
    Ok(cases.outcome())
}

fn hosts(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&["--host", "play.example"])?;
    let address = own.target.address.to_string();
    let port = own.target.address.port();
    let mut cases = Cases::default();
    let ask = |host: &str| {
        let origin = format!("http://{host}");
        own.target.send(request("GET", "/ws", host, &[&UPGRADE[..], &[("Origin", &*origin)]].concat()).as_bytes())
    };
    for host in ["evil.example", "play.example.evil.example", "evilplay.example"] {
        let reply = ask(host);
        cases.check(format!("Origin and Host {host}"), matches!(reply.status(), 403 | 421), reply);
        let reply = own.target.send(request("GET", "/api/rooms", host, &[]).as_bytes());
        cases.check(format!("GET from {host}"), matches!(reply.status(), 403 | 421), reply);
    }
    for host in ["play.example", "PLAY.example", &address, &format!("localhost:{port}")] {
        let reply = ask(host);
        cases.check(format!("Origin and Host {host}"), reply.status() == 101, reply);
    }
    Ok(cases.outcome())
}

fn proxied_host(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let headers = [&UPGRADE[..], &[("Origin", "https://play.example")]].concat();
    let reply = ask(walk, &walk.target.address.to_string(), &headers);
    let names_all = ["https://play.example", &walk.target.address.to_string(), "Host"]
        .iter()
        .all(|word| reply.body().contains(word));
    cases.check("the answer's words", reply.status() == 403 && names_all, format!("{reply} {}", reply.body()));
    let mut peer = walk.target.connect()?;
    peer.send(request("GET", "/healthz", &walk.target.address.to_string(), &[]).as_bytes());
    let reply = peer.reply(PATIENCE);
    cases.check("a request without an origin", reply.status() == 200, reply);
    Ok(cases.outcome())
}

//! The WebSocket handshake: the checks of a request, and the switch from HTTP to frames.
//!
//! Browsers show a refusal here only as a failed connection, so every refusal that a player has to understand is a
//! close code after the switch. The server never agrees to an extension.

use super::Net;
use super::answer::{Answer, Refusal};
use super::forwarded::limited_address;
use super::hello::{Caller, greet, receive_visitor};
use super::peer::Peer;
use super::problem::Problem;
use crate::limits::ORIGIN_WARNINGS_PER_MINUTE;
use crate::mailbox::Form;
use crate::websocket::rate::Quota;
use fastwebsockets::upgrade::UpgradeFut;
use http_body_util::Full;
use hyper::header::{
    CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Version};
use std::rc::Rc;
use tickwire::message::{JSON_SUBPROTOCOL, SUBPROTOCOL};
use tokio::task::spawn_local;

/// The way on when a page is refused.
const ORIGIN_HELP: &str = "a proxy in front of the server has to pass on the Host header (nginx: proxy_set_header Host \
                           $http_host; HAProxy and Caddy do so unless they are told otherwise); to allow pages of \
                           another origin, the operator names it with --origin, TICKWIRE_ORIGINS or origins in the file";

/// The way on when a page without an origin is refused.
const NULL_HELP: &str = "pages in a sandboxed frame and those that are opened from a file have no origin; the operator \
                         admits them with --allow-null-origin, TICKWIRE_ALLOW_NULL_ORIGIN or allow_null_origin in the \
                         file";

/// The way on when a proxy has dropped the upgrade of a connection.
const UPGRADE_HELP: &str = "the proxy in front of the server has to pass on the upgrade; nginx: proxy_http_version 1.1; \
                            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; \
                            HAProxy: mode http, without http-request del-header Upgrade; Caddy: reverse_proxy, without \
                            header_up; whole files are in server/deploy";

/// The header in which a browser says how the page of a request is related to the server.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers `GET /ws`; on success the connection goes on in a task of its own.
pub(super) fn answer(net: &Rc<Net>, request: Request<hyper::body::Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    check(net, &request)?;
    let form = check_subprotocol(request.headers())?;
    let address = limited_address(net, peer, request.headers());
    let (mut answer, upgrade) = switch(request)?;
    let caller = Caller::new(net, address);
    let subprotocol = match form {
        Form::Binary => {
            spawn_local(greet(Rc::clone(net), upgrade, caller));
            SUBPROTOCOL
        }
        Form::Json => {
            spawn_local(receive_visitor(Rc::clone(net), upgrade, caller, false));
            JSON_SUBPROTOCOL
        }
    };
    answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    Ok(answer)
}

/// Answers `GET /ws` on the operators' listener, where topics of operators may be heard and no room may be entered.
pub(super) fn answer_operator(
    net: &Rc<Net>,
    request: Request<hyper::body::Incoming>,
    peer: Peer,
) -> Result<Answer, Refusal> {
    check(net, &request)?;
    if check_subprotocol(request.headers())? != Form::Json {
        let help = "offer tickwire.json.1 in Sec-WebSocket-Protocol";
        return Err(bad("this listener has topics as JSON only", help));
    }
    let (mut answer, upgrade) = switch(request)?;
    let address = peer.connection_key(net);
    let caller = Caller::new(net, address);
    spawn_local(receive_visitor(Rc::clone(net), upgrade, caller, true));
    answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(JSON_SUBPROTOCOL));
    Ok(answer)
}

/// Checks everything in a request but the subprotocol.
pub(super) fn check<B>(net: &Net, request: &Request<B>) -> Result<(), Refusal> {
    check_origin(net, request.headers())?;
    check_upgrade(request).inspect_err(|_| warn_of_dropped_upgrade(net, request))
}

/// The answer to a request that was checked, and the connection that goes on after the answer.
pub(super) fn switch(mut request: Request<hyper::body::Incoming>) -> Result<(Answer, UpgradeFut), Refusal> {
    let (answer, upgrade) = fastwebsockets::upgrade::upgrade(&mut request)
        .map_err(|_| bad("the request is not a WebSocket handshake", "send what RFC 6455 asks for"))?;
    Ok((answer.map(|_| Full::default()), upgrade))
}

fn bad(error: &str, help: &'static str) -> Refusal {
    Refusal::new(Problem::BadHandshake, error, help)
}

/// The value of a header that may be there only once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let twice = || Refusal::new(Problem::BadHeader, "a header is there twice or is not text", "send it once");
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().map_err(|_| twice())).transpose()?;
    if values.next().is_some() { Err(twice()) } else { Ok(first) }
}

/// Refuses pages of other sites, which must not use their visitors' browsers to connect here. A program sends no
/// origin, or any that it likes: this protects visitors, not the server.
pub(super) fn check_origin(net: &Net, headers: &HeaderMap) -> Result<(), Refusal> {
    let (origin, host) = (single(headers, ORIGIN)?, single(headers, HOST)?);
    let Some(origin) = origin else { return Ok(()) };
    if is_own(origin, host) || net.config().admits_origin(origin) {
        return Ok(());
    }
    net.setup.metrics.origins_rejected.increment(1);
    // Both headers are the peer's words and may be long.
    let [origin, host] = [origin, host.unwrap_or("(none)")].map(|value| value.chars().take(128).collect::<String>());
    let mut warnings = net.origin_warnings.get();
    if warnings.take(Quota::per_minute(ORIGIN_WARNINGS_PER_MINUTE), net.setup.clock.now_us()) {
        tracing::warn!(origin, host, "a page was refused, because its Origin is not the Host of its request");
    }
    net.origin_warnings.set(warnings);
    let error = format!(
        "the page is from the origin {origin}, but its request is for the host {host}; \
         only pages of the same host may connect"
    );
    let help = if origin == "null" { NULL_HELP } else { ORIGIN_HELP };
    Err(Refusal::new(Problem::ForeignPage, error, help))
}

/// Refuses pages of other sites that only read. A browser sends no origin with some of their requests, such as those
/// for images, but newer ones say for every request whether the page is another site's.
pub(super) fn check_reader(net: &Net, headers: &HeaderMap) -> Result<(), Refusal> {
    check_origin(net, headers)?;
    let is_foreign =
        headers.get(SEC_FETCH_SITE).is_some_and(|site| !matches!(site.as_bytes(), b"none" | b"same-origin"));
    if is_foreign && !headers.contains_key(ORIGIN) {
        net.setup.metrics.origins_rejected.increment(1);
        let help = "to allow pages of another origin, the operator names it with --origin; they use fetch()";
        return Err(Refusal::new(Problem::ForeignPage, "a page of another site may not read this", help));
    }
    Ok(())
}

/// Whether the page came from the host that it now connects to.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| host.is_some_and(|host| !host.is_empty() && authority.eq_ignore_ascii_case(host)))
}

/// Whether a client has asked for a WebSocket, and a program on the way has dropped the upgrade: the headers of an
/// upgrade are for the next program alone, and those of the WebSocket are not.
fn is_dropped<B>(request: &Request<B>) -> bool {
    let upgrades = request.version() == Version::HTTP_11 && request.headers().contains_key(UPGRADE);
    !upgrades && request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

/// Says once in the log that a proxy drops upgrades: a browser does not show the refusal.
fn warn_of_dropped_upgrade<B>(net: &Net, request: &Request<B>) {
    if is_dropped(request) && !net.upgrade_warned.replace(true) {
        tracing::warn!("a WebSocket was refused, because a proxy has dropped its upgrade; {UPGRADE_HELP}");
    }
}

fn check_upgrade<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    if is_dropped(request) {
        let error = "the request has lost its Upgrade header or HTTP/1.1 on the way, so it opens no WebSocket";
        return Err(bad(error, UPGRADE_HELP));
    }
    if request.version() != Version::HTTP_11 || !fastwebsockets::upgrade::is_upgrade_request(request) {
        let help = "connect with a WebSocket, over HTTP/1.1; a proxy on the way has to pass on Upgrade and Connection";
        return Err(bad("this address accepts WebSocket connections only", help));
    }
    let has_length = headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0");
    if has_length || headers.contains_key(TRANSFER_ENCODING) {
        // Another program on the way may take the first frames for the body.
        return Err(bad("a WebSocket handshake has no body", "send no body"));
    }
    if single(headers, SEC_WEBSOCKET_VERSION)? != Some("13") {
        let help = "use version 13 of the protocol";
        return Err(Refusal::new(Problem::WebSocketVersion, "this version of WebSocket is not supported", help));
    }
    // A key is sixteen bytes in base64: 22 characters and two of padding.
    let is_key = |key: &str| {
        let digits = key.strip_suffix("==").unwrap_or("");
        digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    if single(headers, SEC_WEBSOCKET_KEY)?.is_some_and(is_key) {
        Ok(())
    } else {
        Err(bad("the WebSocket key is missing or malformed", "send 16 random bytes in base64"))
    }
}

/// The form of the messages: that of the first subprotocol which the client offers and the server has.
fn check_subprotocol(headers: &HeaderMap) -> Result<Form, Refusal> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let names = offered.flat_map(|list| list.split(',')).map(str::trim);
    let known = names.filter_map(|name| match name {
        SUBPROTOCOL => Some(Form::Binary),
        JSON_SUBPROTOCOL => Some(Form::Json),
        _ => None,
    });
    let help = "offer tickwire.1 in Sec-WebSocket-Protocol, or tickwire.json.1 for topics as JSON";
    known.into_iter().next().ok_or_else(|| bad("the subprotocol is not offered", help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::io::Read;
    use std::sync::Arc;

    #[test]
    fn only_a_page_of_the_very_same_host_is_own() {
        let own = [
            ("http://play.example", "play.example"),
            ("https://play.example", "play.example"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("https://Play.Example", "play.example"),
        ];
        for (origin, host) in own {
            assert!(is_own(origin, Some(host)), "{origin} at {host}");
        }
        let foreign = [
            ("null", "play.example"),
            ("", ""),
            ("http://", ""),
            ("file://", "play.example"),
            ("ftp://play.example", "play.example"),
            ("https://play.example.evil", "play.example"),
            ("https://evilplay.example", "play.example"),
            ("https://play.example:444", "play.example"),
            ("https://play.example", "play.example:444"),
            ("https://play.example/", "play.example"),
            ("https://evil@play.example", "play.example"),
            ("https://evil/https://play.example", "play.example"),
            ("play.example", "play.example"),
            ("https://https://play.example", "play.example"),
        ];
        for (origin, host) in foreign {
            assert!(!is_own(origin, Some(host)), "{origin} at {host}");
        }
        assert!(!is_own("http://play.example", None));
    }

    #[test]
    fn a_refused_origin_is_logged_with_the_host_and_the_log_is_bounded() {
        let net = Net::without_shards(Config::on_free_ports());
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://play.example"));
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8080"));
        let (mut log, writer) = std::io::pipe().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(writer)).finish();
        tracing::subscriber::with_default(subscriber, || {
            assert!((0..100).all(|_| check_origin(&net, &headers).is_err()));
        });
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!((1..=11).contains(&lines.len()), "{text}");
        for word in ["WARN", "https://play.example", "127.0.0.1:8080"] {
            assert!(lines[0].contains(word), "{word} is not in {}", lines[0]);
        }
    }

    #[test]
    fn an_upgrade_request_has_to_follow_the_rfc_exactly() {
        let request = |change: &dyn Fn(&mut Request<()>)| {
            let mut request = Request::builder()
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .body(())
                .unwrap();
            change(&mut request);
            check_upgrade(&request).is_ok()
        };
        assert!(request(&|_| {}));
        assert!(!request(&|request| *request.version_mut() = Version::HTTP_10));
        for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
            assert!(!request(&|request| drop(request.headers_mut().remove(name))), "without {name}");
        }
        for (name, value) in [
            ("sec-websocket-version", "13"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            let twice = |request: &mut Request<()>| {
                request.headers_mut().append(name, HeaderValue::from_static(value));
            };
            assert!(!request(&twice), "{name} twice");
        }
        for (name, value, is_fine) in
            [("content-length", "0", true), ("content-length", "1", false), ("transfer-encoding", "chunked", false)]
        {
            let with_body = |request: &mut Request<()>| {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            };
            assert_eq!(request(&with_body), is_fine, "{name}: {value}");
        }
        for key in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ=="] {
            let other = |request: &mut Request<()>| {
                request.headers_mut().insert("sec-websocket-key", HeaderValue::from_static(key));
            };
            assert!(!request(&other), "key {key:?}");
        }
    }

    #[test]
    fn the_subprotocol_may_be_one_of_several() {
        let mut headers = HeaderMap::new();
        assert!(check_subprotocol(&headers).is_err());
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("tickwire.10, chat"));
        assert!(check_subprotocol(&headers).is_err());
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("other ,tickwire.1"));
        assert_eq!(check_subprotocol(&headers).ok(), Some(Form::Binary));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat, tickwire.json.1, tickwire.1"));
        assert_eq!(check_subprotocol(&headers).ok(), Some(Form::Json), "the client's order counts");
    }
}

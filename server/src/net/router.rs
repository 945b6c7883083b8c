//! HTTP/1.1: one connection, its requests, and the route of each of them.

use super::answer::{Answer, Refusal, end_connection};
use super::drain::Guest;
#[cfg(feature = "conformance")]
use super::echo;
use super::evictions::{Phase, QueuePlace};
use super::farewell::{busy, say_last};
use super::forwarded::warn_of_useless_headers;
use super::handshake::check_reader;
use super::head_guard::ends_connection;
use super::hosts::check_host;
use super::http_stream::HttpStream;
use super::{Net, api, handshake, health, page, room_list};
use crate::config::Config;
use crate::limits::{
    CLOSE_DRAIN, DRAIN_GRACE, HTTP_CONNECTION_TIMEOUT, NOT_SENT_LOW_WATER_BYTES, REQUEST_HEAD_TIMEOUT,
};
use crate::websocket::address::AddressKey;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The HTTP server of hyper with our limits. Its header timeout works only with a timer.
pub(super) fn builder(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(config.request_head_bytes_max)
        .max_headers(config.request_headers_max);
    builder
}

/// The stage of a connection that is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No request is complete yet, or the last one is not answered yet.
    Asking,
    /// The last request is answered. The answer may still be on its way.
    Answered,
}

/// A connection that is not upgraded, as its requests see it.
struct HttpConnection {
    net: Rc<Net>,
    peer: IpAddr,
    stage: Cell<Stage>,
    place: RefCell<QueuePlace>,
    /// Notified when the connection has to make room for another.
    evicted: Rc<Notify>,
}

/// Serves a connection until it ends, becomes a WebSocket or has to make room for another.
pub(super) async fn serve(net: Rc<Net>, stream: TcpStream, peer: IpAddr) {
    // Without this the kernel would take much more than the peer reads, and a peer that reads nothing would not show.
    if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(NOT_SENT_LOW_WATER_BYTES) {
        return tracing::debug!(%error, "a socket was closed before its first request");
    }
    let builder = builder(&net.setup.config);
    let connection = Rc::new(HttpConnection::new(Rc::clone(&net), peer));
    let service = {
        let connection = Rc::clone(&connection);
        service_fn(move |request| Rc::clone(&connection).respond(request))
    };
    let mut guest = net.drain.guest();
    let mut http = builder.serve_connection(TokioIo::new(HttpStream::new(stream)), service).with_upgrades();
    tokio::select! {
        biased;
        // A fault of the peer ends its connection only.
        _ = &mut http => return,
        () = connection.evicted.notified() => {}
        () = sleep(HTTP_CONNECTION_TIMEOUT) => {}
        () = stopped(&mut guest) => {
            // The request that is under way is answered; the net thread waits for that, but not for ever.
            Pin::new(&mut http).graceful_shutdown();
            return drop(http.await);
        }
    }
    match connection.stage.get() {
        Stage::Answered => {
            Pin::new(&mut http).graceful_shutdown();
            let _ = timeout(CLOSE_DRAIN, http).await;
        }
        Stage::Asking => {
            let Some(parts) = http.into_parts() else { return };
            say_last(&net, parts.io.into_inner().into_inner(), busy().as_bytes()).await;
        }
    }
}

/// Waits until the server stops, and then for a moment: a request may be on its way.
async fn stopped(guest: &mut Guest) {
    guest.stopped().await;
    sleep(DRAIN_GRACE).await;
}

impl HttpConnection {
    fn new(net: Rc<Net>, peer: IpAddr) -> Self {
        let evicted = Rc::new(Notify::new());
        let place = RefCell::new(net.queue(Phase::Pending, peer_address(peer), &evicted));
        Self { net, peer, stage: Cell::new(Stage::Asking), place, evicted }
    }

    async fn respond(self: Rc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        self.stage.set(Stage::Asking);
        self.place.replace(self.net.queue(Phase::Page, peer_address(self.peer), &self.evicted));
        let is_last = ends_connection(request.headers());
        let mut answer = route(&self.net, request, self.peer).await;
        if is_last {
            end_connection(&mut answer);
        }
        self.net.setup.metrics.answered(answer.status().as_u16());
        self.stage.set(Stage::Answered);
        Ok(answer)
    }
}

/// The address of a peer for the limits on connections; `None` for this machine, on which a proxy may be.
fn peer_address(peer: IpAddr) -> Option<AddressKey> {
    (!peer.to_canonical().is_loopback()).then(|| AddressKey::of(peer))
}

async fn route(net: &Rc<Net>, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let outcome = match check_host(net, &request, net.setup.address, peer) {
        Ok(()) => answer(net, request, peer).await,
        Err(refusal) => Err(refusal),
    };
    outcome.unwrap_or_else(|refusal| refusal.answer(&method, &path))
}

async fn answer(net: &Rc<Net>, request: Request<Incoming>, peer: IpAddr) -> Result<Answer, Refusal> {
    warn_of_useless_headers(net, peer, request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reads = method == Method::GET || method == Method::HEAD;
    // A slash at the end makes no difference to a route. Names of files are taken as they are.
    match path.strip_suffix('/').unwrap_or(&path) {
        "/ws" if method == Method::GET => handshake::answer(net, request, peer),
        #[cfg(feature = "conformance")]
        "/autobahn" if method == Method::GET => echo::answer(net, request),
        "/api/rooms" if reads => {
            check_reader(net, request.headers())?;
            room_list::list(net, request.uri().query())
        }
        "/api/rooms" if method == Method::POST => api::create(net, request, peer).await,
        "/api/match" if method == Method::POST => api::find_match(net, request, peer).await,
        "/healthz" if reads => Ok(health::healthz()),
        "/readyz" if reads => Ok(health::readyz(&net.setup.readiness)),
        "/api/rooms" => Err(Refusal::method("GET, POST")),
        "/api/match" => Err(Refusal::method("POST")),
        "/ws" => Err(Refusal::method("GET")),
        other => match other.strip_prefix("/api/rooms/") {
            Some(code) if reads => api::show(net, code, request.headers(), peer),
            None if reads && !path.starts_with("/api/") => page::answer(&path, request.headers()),
            None if path.starts_with("/api/") => {
                Err(Refusal::not_found("no such API", "GET /api/rooms lists public rooms"))
            }
            _ => Err(Refusal::method("GET, HEAD")),
        },
    }
}

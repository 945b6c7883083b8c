//! HTTP/1.1: one connection, its requests, and the route of each of them.

use super::answer::{Answer, Refusal, bare, end_connection, json_text};
use super::asked::{Asked, options};
use super::drain::Guest;
#[cfg(feature = "conformance")]
use super::echo;
use super::evictions::{Phase, QueuePlace};
use super::farewell::{busy, say_last};
use super::forwarded::{limited_address, warn_of_useless_headers};
use super::handshake::check_reader;
use super::head_guard::ends_connection;
use super::hosts::check_host;
use super::http_stream::HttpStream;
use super::operation::{Port, Route, Task};
use super::peer::Peer;
use super::problem::Problem;
use super::{Net, api, budgets, cross_origin, handshake, health, proxy_header, room_list, room_requests, secure};
use crate::config::{BasePath, Config};
use crate::limits::{
    CLOSE_DRAIN, DRAIN_GRACE, HTTP_CONNECTION_TIMEOUT, NOT_SENT_LOW_WATER_BYTES, REQUEST_HEAD_TIMEOUT,
};
use crate::topics::json::SCHEMA;
use hyper::body::Incoming;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
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

/// For half a year a browser calls this host under TLS only. Names below it are their owner's affair.
const HSTS: &str = "max-age=15768000";

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
    peer: Peer,
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
    let Some((stream, peer)) = identify(&net, stream, peer).await else { return };
    if !net.takes_in(peer.address) {
        return;
    }
    // In a box, as above.
    let secured = Box::pin(secure::accept(&net, stream, peer)).await;
    let Some(stream) = secured else { return };
    let builder = builder(&net.config());
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

/// The peer of a connection: the one that its proxy names first, if proxies do so. `None` when the connection has ended.
async fn identify(net: &Rc<Net>, stream: TcpStream, address: IpAddr) -> Option<(TcpStream, Peer)> {
    let peer = Peer::of_socket(address);
    if net.config().proxy_protocol && peer.is_trusted(net) {
        // In a box, because its buffer would make the task of every connection larger.
        return Box::pin(proxy_header::read(net, stream, address)).await;
    }
    Some((stream, peer))
}

/// Waits until the server stops, and then for a moment: a request may be on its way.
pub(super) async fn stopped(guest: &mut Guest) {
    guest.stopped().await;
    sleep(DRAIN_GRACE).await;
}

impl HttpConnection {
    fn new(net: Rc<Net>, peer: Peer) -> Self {
        let evicted = Rc::new(Notify::new());
        let place = RefCell::new(net.queue(Phase::Pending, peer.connection_key(&net), &evicted));
        Self { net, peer, stage: Cell::new(Stage::Asking), place, evicted }
    }

    async fn respond(self: Rc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        self.stage.set(Stage::Asking);
        self.place.replace(self.net.queue(Phase::Page, self.peer.connection_key(&self.net), &self.evicted));
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

async fn route(net: &Rc<Net>, request: Request<Incoming>, peer: Peer) -> Answer {
    let address = limited_address(net, peer, request.headers());
    let asked = Asked::of(&request, address);
    let origin = request.headers().get(ORIGIN).cloned();
    let config = net.config();
    let place = Place::of(&config.base_path, &asked.path);
    let route = place.route();
    let budgets = route.and_then(|route| route.operation(&asked.method)).map_or(&[][..], |operation| operation.budgets);
    let outcome = match check_host(net, &request, net.setup.address, peer) {
        Ok(()) => answer(net, request, peer, place).await,
        Err(refusal) => Err(refusal),
    };
    let mut answer = asked.answer(net, route, outcome).await;
    budgets::tell(net, budgets, address, &mut answer);
    protect(net, &mut answer);
    if matches!(place, Place::Below(path) if path.starts_with("/api/") || path == "/ws") {
        cross_origin::share(net, origin.as_ref(), &mut answer);
    }
    answer
}

/// Adds what every answer tells a browser: to come back under TLS only, to tell other sites nothing of this one's
/// addresses, and which sites may show it in a frame.
fn protect(net: &Net, answer: &mut Answer) {
    let headers = answer.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if net.setup.tls.as_ref().is_some_and(|tls| !tls.is_self_signed()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    if let Some(policy) = &net.frame_policy {
        headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
}

/// The place that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// A check of health, which is at the root whatever the path of the server is.
    Health(&'a str),
    /// The path of the server without the slash at its end.
    Base,
    /// This path below the path of the server.
    Below(&'a str),
    Outside,
}

impl<'a> Place<'a> {
    fn of(base: &BasePath, path: &'a str) -> Self {
        match (path.strip_suffix('/').unwrap_or(path), base.strip(path)) {
            (health @ ("/healthz" | "/readyz"), _) => Self::Health(health),
            (_, Some("")) if !base.is_root() => Self::Base,
            (_, Some(below)) => Self::Below(below),
            (_, None) => Self::Outside,
        }
    }

    /// The route of the API, for a place that has one.
    fn route(self) -> Option<Route<'a>> {
        match self {
            Self::Health(path) => Route::of(Port::Players, path),
            // A slash at the end makes no difference to a route. Names of files are taken as they are.
            Self::Below(path) => {
                Route::of(Port::Players, path.strip_suffix('/').unwrap_or(path)).filter(|route| !route.is_at_the_root())
            }
            Self::Base | Self::Outside => None,
        }
    }
}

async fn answer(net: &Rc<Net>, request: Request<Incoming>, peer: Peer, place: Place<'_>) -> Result<Answer, Refusal> {
    warn_of_useless_headers(net, peer, request.headers());
    #[cfg(feature = "conformance")]
    if matches!(place, Place::Below("/autobahn")) && request.method() == Method::GET {
        return echo::answer(net, request);
    }
    let base = &net.config().base_path;
    match (place, place.route()) {
        (_, Some(route)) => answer_api(net, request, peer, route).await,
        (Place::Base, None) => Ok(redirect(base, request.uri().query())),
        (Place::Below(path), None) => answer_page(net, &request, path),
        (Place::Outside | Place::Health(_), None) => {
            Err(Refusal::new(Problem::NoPath, "nothing is here", format!("the page is at {base}/")))
        }
    }
}

async fn answer_api(
    net: &Rc<Net>,
    request: Request<Incoming>,
    peer: Peer,
    route: Route<'_>,
) -> Result<Answer, Refusal> {
    let headers = request.headers();
    if request.method() == Method::OPTIONS {
        return if cross_origin::is_preflight(headers) {
            cross_origin::answer_preflight(net, headers, &route.methods())
        } else {
            Ok(options(&route.allow()))
        };
    }
    let operation = route.operation(request.method()).ok_or_else(|| Refusal::method(route.allow()))?;
    match operation.task {
        Task::ListRooms => {
            check_reader(net, headers)?;
            room_list::list(net, request.uri().query())
        }
        Task::CreateRoom => room_requests::create(net, request, peer).await,
        Task::GetRoom => api::show(net, route.parameter, headers, peer).await,
        Task::FindMatch => room_requests::find_match(net, request, peer).await,
        Task::GetOpenApi => {
            check_reader(net, headers)?;
            Ok(json_text(StatusCode::OK, net.document.clone()))
        }
        Task::GetTopicsSchema => {
            check_reader(net, headers)?;
            Ok(json_text(StatusCode::OK, SCHEMA))
        }
        Task::OpenSocket => handshake::answer(net, request, peer),
        Task::CheckHealth => Ok(health::healthz()),
        Task::CheckReadiness => Ok(health::readyz(&net.setup.readiness)),
        // The table gives these no place on the players' port.
        Task::ReadMetrics
        | Task::PublishMessage
        | Task::MutePlayer
        | Task::RevokeIdentity
        | Task::Announce
        | Task::KickPlayer
        | Task::BanPlayer
        | Task::LockRoom
        | Task::CloseRoom
        | Task::DrainServer
        | Task::ReadAudit => Err(no_api()),
    }
}

/// Answers a request for a file of the page.
fn answer_page(net: &Net, request: &Request<Incoming>, path: &str) -> Result<Answer, Refusal> {
    if path.starts_with("/api/") {
        return Err(no_api());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refusal::method("GET, HEAD"));
    }
    let page = net.setup.page.answer(&net.config().base_path, path, request.headers());
    page.map(cross_origin::share_file)
}

fn no_api() -> Refusal {
    Refusal::new(Problem::NoPath, "no such API", "GET /api/openapi.json describes what there is")
}

/// Sends a request for the path of the server to the page: its relative addresses need the slash.
fn redirect(base: &BasePath, query: Option<&str>) -> Answer {
    let mut answer = bare(StatusCode::PERMANENT_REDIRECT);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    if let Ok(location) = HeaderValue::try_from(format!("{base}/{query}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_at_the_root_and_everything_else_below_the_path_of_the_server() {
        let (root, play) = (BasePath::default(), "/play".parse().unwrap());
        for (base, path, place) in [
            (&root, "/", Place::Below("/")),
            (&root, "/ws", Place::Below("/ws")),
            (&root, "/healthz/", Place::Health("/healthz")),
            // Requests of OPTIONS and CONNECT may have no path at all.
            (&root, "*", Place::Below("*")),
            (&root, "", Place::Below("")),
            (&play, "/readyz", Place::Health("/readyz")),
            (&play, "/play", Place::Base),
            (&play, "/play/", Place::Below("/")),
            (&play, "/play/api/rooms", Place::Below("/api/rooms")),
            (&play, "/play/readyz", Place::Below("/readyz")),
            (&play, "/", Place::Outside),
            (&play, "/api/rooms", Place::Outside),
            (&play, "/playground/", Place::Outside),
        ] {
            assert_eq!(Place::of(base, path), place, "{path} at {base}");
        }
    }
}

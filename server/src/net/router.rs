//! HTTP/1.1: one connection, its requests, and the route of each of them.

use super::answer::{Answer, Refusal};
use super::{Net, api, drain, handshake, health, page};
use crate::config::Config;
use crate::limits::REQUEST_HEAD_TIMEOUT;
use crate::websocket::address::Counted;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

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

/// Serves a connection until it ends or becomes a WebSocket.
pub(super) async fn serve(net: Rc<Net>, stream: TcpStream, peer: IpAddr, counted: Rc<Counted>) {
    let own = Rc::clone(&net);
    let service = service_fn(move |request| {
        let (net, counted) = (Rc::clone(&net), Rc::clone(&counted));
        async move {
            let answer = route(&net, request, peer, counted).await;
            net.setup.metrics.answered(answer.status().as_u16());
            Ok::<_, Infallible>(answer)
        }
    });
    drain::serve(&own, stream, service).await;
}

async fn route(net: &Rc<Net>, request: Request<Incoming>, peer: IpAddr, counted: Rc<Counted>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reads = method == Method::GET || method == Method::HEAD;
    // A slash at the end makes no difference to a route. Names of files are taken as they are.
    let outcome = match path.strip_suffix('/').unwrap_or(&path) {
        "/ws" if method == Method::GET => handshake::answer(net, request, peer, counted),
        "/api/rooms" if reads => Ok(api::list(net)),
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
    };
    outcome.unwrap_or_else(|refusal| refusal.answer(&method, &path))
}

//! HTTP/1.1: one connection, its requests, and where each of them goes.

use super::{Net, api, handshake, page};
use crate::limits::{HTTP_CONNECTION_TIMEOUT, REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_TIMEOUT, REQUEST_HEADERS_MAX};
use crate::net::address::Counted;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Every answer is whole from the start.
pub(super) type Answer = Response<Full<Bytes>>;

/// hyper with our limits. Its header timeout works only with a timer.
pub(super) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .max_headers(REQUEST_HEADERS_MAX);
    builder
}

/// Serves a connection until it ends or becomes a WebSocket.
pub(super) async fn serve(net: Rc<Net>, stream: TcpStream, peer: IpAddr, counted: Rc<Counted>) {
    let service = service_fn(move |request| {
        let (net, counted) = (Rc::clone(&net), Rc::clone(&counted));
        async move {
            let answer = route(&net, request, peer, counted).await;
            net.setup.metrics.answered(answer.status().as_u16());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = builder().serve_connection(TokioIo::new(stream), service).with_upgrades();
    // Whatever the peer did wrong ends its connection only.
    let _ = tokio::time::timeout(HTTP_CONNECTION_TIMEOUT, connection).await;
}

async fn route(net: &Rc<Net>, request: Request<Incoming>, peer: IpAddr, counted: Rc<Counted>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reads = method == Method::GET || method == Method::HEAD;
    let outcome = match path.as_str() {
        "/ws" if method == Method::GET => handshake::answer(net, request, peer, counted),
        "/api/rooms" if reads => Ok(api::list(net)),
        "/api/rooms" if method == Method::POST => api::create(net, request, peer).await,
        "/api/match" if method == Method::POST => api::find_match(net, request, peer).await,
        "/healthz" | "/readyz" if reads => Ok(plain(StatusCode::OK, "ok\n")),
        "/api/rooms" => Err(Refusal::method("GET, POST")),
        "/api/match" => Err(Refusal::method("POST")),
        "/ws" => Err(Refusal::method("GET")),
        _ => match path.strip_prefix("/api/rooms/") {
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

/// Why a request is not done, for whoever has to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
    help: &'static str,
    retry_seconds: Option<u64>,
    allow: Option<&'static str>,
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    error: &'a str,
    #[serde(rename = "where")]
    at: String,
    help: &'a str,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, help: &'static str) -> Self {
        Self { status, error: error.into(), help, retry_seconds: None, allow: None }
    }

    pub(super) fn not_found(error: impl Into<String>, help: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, help)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let refusal =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here", "see the Allow header");
        Self { allow: Some(allow), ..refusal }
    }

    /// Not now: again after so many seconds.
    pub(super) fn later(status: StatusCode, error: &str, retry_seconds: u64) -> Self {
        let refusal = Self::new(status, error, "try again after the seconds in Retry-After");
        Self { retry_seconds: Some(retry_seconds), ..refusal }
    }

    fn answer(&self, method: &Method, path: &str) -> Answer {
        // A path can be long and anything; what is needed of it fits here.
        let path: String = path.chars().take(64).collect();
        let body = RefusalBody { error: &self.error, at: format!("{method} {path}"), help: self.help };
        let mut answer = json(self.status, &body);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        answer
    }
}

/// An answer without a body.
pub(super) fn bare(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

/// An answer of plain text that is never kept.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    with_type(status, text.into(), "text/plain; charset=utf-8")
}

/// An answer of JSON that is never kept.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).expect("answers are plain data");
    with_type(status, body.into(), "application/json")
}

fn with_type(status: StatusCode, body: Bytes, content_type: &'static str) -> Answer {
    let mut answer = bare(status);
    *answer.body_mut() = Full::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

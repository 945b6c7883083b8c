//! Answers to HTTP requests, and refusals that say how to correct the request.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use std::borrow::Cow;

/// An answer to a request: its body is complete from the start.
pub(super) type Answer = Response<Full<Bytes>>;

/// The reason why a request is refused, for a developer who has to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
    help: Cow<'static, str>,
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
    pub(super) fn new(status: StatusCode, error: impl Into<String>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: error.into(), help: help.into(), retry_seconds: None, allow: None }
    }

    pub(super) fn not_found(error: impl Into<String>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, help)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let refusal =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here", "see the Allow header");
        Self { allow: Some(allow), ..refusal }
    }

    /// A refusal for now: the client may try again after `retry_seconds`.
    pub(super) fn later(status: StatusCode, error: &str, retry_seconds: u64) -> Self {
        let refusal = Self::new(status, error, "try again after the seconds in Retry-After");
        Self { retry_seconds: Some(retry_seconds), ..refusal }
    }

    pub(super) fn answer(&self, method: &Method, path: &str) -> Answer {
        // A path can be long and have any characters; as much of it as a reader needs fits here.
        let path: String = path.chars().take(64).collect();
        let body = RefusalBody { error: &self.error, at: format!("{method} {path}"), help: &self.help };
        let mut answer = json(self.status, &body);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        answer
    }
}

/// Makes an answer the last one of its connection, unless it has made the connection a WebSocket.
pub(super) fn end_connection(answer: &mut Answer) {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// An answer without a body.
pub(super) fn bare(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

/// An answer of plain text that a cache never keeps.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    with_type(status, text.into(), "text/plain; charset=utf-8")
}

/// An answer of JSON that a cache never keeps.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).expect("answers are plain data that JSON can hold");
    json_text(status, body)
}

/// The same of text that is JSON already.
pub(super) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    with_type(status, text.into(), "application/json")
}

fn with_type(status: StatusCode, body: Bytes, content_type: &'static str) -> Answer {
    let mut answer = bare(status);
    *answer.body_mut() = Full::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

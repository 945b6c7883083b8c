//! Answers to HTTP requests, and refusals that say how to correct the request: problem details of RFC 9457.

use super::problem::Problem;
use super::request_id::RequestId;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::borrow::Cow;

/// The type of the body of a refusal.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// The type of the body of every other answer of the API.
pub(super) const JSON_TYPE: &str = "application/json";

/// Bytes of a request's path that a problem repeats.
const PATH_SHOWN_BYTES_MAX: usize = 64;

/// An answer to a request: its body is complete from the start.
pub(super) type Answer = Response<Full<Bytes>>;

/// The reason why a request is refused, for a developer who has to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    error: String,
    help: Cow<'static, str>,
    retry_seconds: Option<u64>,
    allow: Option<String>,
}

/// The body of a refusal: the members of RFC 9457, and the id of the request.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    /// The mistake and the way on, in one text: generic clients show this one alone.
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
}

impl Refusal {
    pub(super) fn new(problem: Problem, error: impl Into<String>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { problem, error: error.into(), help: help.into(), retry_seconds: None, allow: None }
    }

    /// The refusal of a method that is none of those in `allow`.
    pub(super) fn method(allow: impl Into<String>) -> Self {
        let allow = allow.into();
        let help = format!("use one of {allow}");
        Self { allow: Some(allow), ..Self::new(Problem::WrongMethod, "this method is not allowed here", help) }
    }

    /// A refusal for now: the client may try again after `retry_seconds`.
    pub(super) fn later(problem: Problem, error: &str, retry_seconds: u64) -> Self {
        let refusal = Self::new(problem, error, "try again after the seconds in Retry-After");
        Self { retry_seconds: Some(retry_seconds), ..refusal }
    }

    /// The seconds after which the client may try again, where that is of use.
    pub(super) const fn retry_seconds(&self) -> Option<u64> {
        self.retry_seconds
    }

    /// The problem as JSON; `path` is that of the request, if one was read.
    pub(super) fn to_json(&self, path: Option<&str>, id: &RequestId) -> Vec<u8> {
        let details = ProblemDetails {
            kind: self.problem.uri(),
            title: self.problem.title(),
            status: self.problem.status().as_u16(),
            detail: format!("{}: {}", self.error, self.help),
            instance: path.map(shown),
            request_id: id.as_str(),
        };
        serde_json::to_vec(&details).expect("problems are plain data that JSON can hold")
    }

    pub(super) fn answer(&self, path: &str, id: &RequestId) -> Answer {
        let status = self.problem.status();
        let mut answer = with_type(status, self.to_json(Some(path), id).into(), PROBLEM_TYPE);
        let headers = answer.headers_mut();
        if let Some(seconds) = self.retry_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        answer
    }
}

/// As much of a path as a reader needs: it can be long. It is cut in front of an escape rather than within one.
fn shown(path: &str) -> &str {
    let shown = &path[..path.floor_char_boundary(PATH_SHOWN_BYTES_MAX)];
    let is_whole = shown.len() == path.len();
    match shown.rfind('%') {
        Some(at) if !is_whole && at + 3 > shown.len() => &shown[..at],
        _ => shown,
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
    with_type(status, text.into(), JSON_TYPE)
}

fn with_type(status: StatusCode, body: Bytes, content_type: &'static str) -> Answer {
    let mut answer = bare(status);
    *answer.body_mut() = Full::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_to_do_and_repeats_a_bounded_part_of_the_path() {
        let id = RequestId::made();
        let refusal = Refusal::new(Problem::NoRoom, "no \"such\" room", "check the code");
        let of = |path: &str| serde_json::from_slice::<Value>(&refusal.to_json(Some(path), &id)).unwrap();
        let problem = of("/api/rooms/C4FK9T");
        assert_eq!(problem["type"], "urn:tickwire:problem:no-room");
        assert_eq!((&problem["title"], &problem["status"]), (&"There is no such room".into(), &404.into()));
        assert_eq!(problem["detail"], "no \"such\" room: check the code");
        assert_eq!((&problem["instance"], &problem["request_id"]), (&"/api/rooms/C4FK9T".into(), &id.as_str().into()));
        let long = format!("/{}%C3%A9/more", "x".repeat(60));
        assert_eq!(of(&long)["instance"], format!("/{}%C3", "x".repeat(60)), "an escape is whole");
        assert_eq!(of(&"/%41".repeat(40))["instance"].as_str().map(str::len), Some(64));
        assert_eq!(of(&format!("/{}%41x", "x".repeat(61)))["instance"], format!("/{}", "x".repeat(61)));
        assert!(serde_json::from_slice::<Value>(&refusal.to_json(None, &id)).unwrap().get("instance").is_none());
    }

    #[test]
    fn a_method_that_is_refused_is_told_the_others() {
        let answer = Refusal::method("GET, HEAD").answer("/", &RequestId::made());
        assert_eq!((answer.status().as_u16(), &answer.headers()[ALLOW]), (405, &HeaderValue::from_static("GET, HEAD")));
        assert_eq!(answer.headers()[CONTENT_TYPE], PROBLEM_TYPE);
    }
}

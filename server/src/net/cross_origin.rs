//! Pages of other origins: the questions that a browser asks before it lets them read an answer (CORS).
//!
//! A browser shows the answer of a request to a page of another origin only when the answer names that origin. Refusals
//! name it too, so that a page can tell its player the reason. A page that is not allowed gets no such header.

use super::Net;
use super::answer::{Answer, Refusal, bare};
use super::handshake::check_origin;
use crate::limits::PREFLIGHT_SECONDS;
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};

/// The header by which a page of any origin may show an answer in itself.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The headers that a page of an allowed origin may send.
const REQUEST_HEADERS: &str = "content-type, authorization, room-secret, x-request-id";

/// The headers of an answer that such a page may read.
const ANSWER_HEADERS: &str = "retry-after, link, x-total-count, x-request-id, ratelimit, ratelimit-policy";

/// Whether a request asks whether a page may send another one.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers such a question about a path with these methods.
pub(super) fn answer_preflight(net: &Net, headers: &HeaderMap, methods: &str) -> Result<Answer, Refusal> {
    check_origin(net, headers)?;
    let mut answer = bare(StatusCode::NO_CONTENT);
    let out = answer.headers_mut();
    if let Ok(methods) = HeaderValue::from_str(methods) {
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    out.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
    out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_SECONDS));
    Ok(answer)
}

/// Lets a page of an allowed origin read an answer of the API. `origin` is the header of its request.
pub(super) fn share(net: &Net, origin: Option<&HeaderValue>, answer: &mut Answer) {
    let out = answer.headers_mut();
    // A cache must not give the answer for one origin to another, whichever of the two is allowed.
    out.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return };
    if origin.to_str().is_ok_and(|origin| net.config().admits_origin(origin)) {
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
    }
}

/// Lets every page load a file: files are the same for everybody, and a page in a sandboxed frame has no origin.
pub(super) fn share_file(mut answer: Answer) -> Answer {
    let out = answer.headers_mut();
    out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    out.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    answer
}

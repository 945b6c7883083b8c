//! The files of the operators' dashboard, which are in the program. They have no secrets in them: the data that the
//! page shows comes over its socket.

use super::answer::{Answer, Refusal};
use super::page::Page;
use super::problem::Problem;
use crate::config::BasePath;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request};
use rust_embed::RustEmbed;

/// The path of the page; its files are below [`FILES`].
const PAGE: &str = "/";

/// The path below which the files of the page are.
const FILES: &str = "/dashboard/";

/// Scripts and styles of the page alone, which nobody may frame and which sends nothing elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

#[derive(RustEmbed)]
#[folder = "dashboard"]
struct Files;

/// Answers a request for a file of the dashboard; `None` when the path is none of its own.
pub(super) fn answer<B>(request: &Request<B>) -> Option<Result<Answer, Refusal>> {
    let path = request.uri().path();
    let name = if path == PAGE { "" } else { path.strip_prefix(FILES)? };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(Err(Refusal::method("GET, HEAD")));
    }
    Some(file(path, name, request.headers()))
}

fn file(path: &str, name: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let no_file = || Refusal::new(Problem::NoPath, "no such file", "the dashboard is at /");
    let is_served = path == PAGE || [".js", ".css", ".svg"].iter().any(|ending| name.ends_with(ending));
    if !is_served {
        return Err(no_file());
    }
    let mut answer = Page::BuiltIn(Files::get).answer(&BasePath::default(), name, headers).map_err(|_| no_file())?;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(answer)
}

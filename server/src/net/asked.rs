//! The way from the outcome of a request to its answer, the same on both ports: the problem of a refusal, the id of the
//! request, compression, and a line in the log for a refused request.

use super::Net;
use super::answer::{Answer, Refusal, bare};
use super::compression::compress;
use super::operation::{Operation, Route};
use super::page::accepts;
use super::problem::Problem;
use super::request_id::{REQUEST_ID, RequestId};
use crate::limits::FAILURES_LOGGED_PER_MINUTE;
use crate::websocket::address::{AddressClass, AddressKey};
use crate::websocket::rate::Quota;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};

/// The parts of a request that its answer needs.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) method: Method,
    pub(super) path: String,
    takes_gzip: bool,
    /// Where the request comes from, as far as the log says it.
    from: AddressClass,
}

impl Asked {
    /// The parts of a request from this address, `None` for one that limits exempt.
    pub(super) fn of<B>(request: &Request<B>, address: Option<AddressKey>) -> Self {
        Self {
            id: RequestId::of(request.headers()),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            takes_gzip: accepts(request.headers(), "gzip"),
            from: AddressClass::of(address),
        }
    }

    /// The answer to the request; `route` is that of the API which it was for, if it was for one.
    pub(super) async fn answer(&self, net: &Net, route: Option<Route<'_>>, outcome: Result<Answer, Refusal>) -> Answer {
        let operation = route.and_then(|route| route.operation(&self.method));
        let mut answer = match outcome {
            Ok(answer) => compress(net, self.takes_gzip, answer).await,
            Err(refusal) => {
                net.refusals.count(refusal.problem);
                self.note(net, operation, refusal.problem);
                refusal.answer(&self.path, &self.id)
            }
        };
        let is_refusal = answer.status().is_client_error() || answer.status().is_server_error();
        // Files of the page may be kept for ever and for everybody, so an answer with one of them has no id.
        if route.is_some() || is_refusal {
            answer.headers_mut().insert(REQUEST_ID, self.id.to_header());
        }
        answer
    }

    /// Notes a refusal in the log. The path may have the code of a room in it, and stays out.
    fn note(&self, net: &Net, operation: Option<&Operation>, problem: Problem) {
        let (id, name) = (self.id.as_str(), operation.map_or("none", |operation| operation.id));
        debug_assert!(
            operation.is_none_or(|operation| operation.problems().any(|known| known == problem)),
            "the table of operations has the problem {problem:?} of {name}"
        );
        let (status, problem, from) = (problem.status(), problem.slug(), self.from);
        let number = status.as_u16();
        let mut logged = net.failures_logged.get();
        let is_failure = status.is_server_error();
        if is_failure && logged.take(Quota::per_minute(FAILURES_LOGGED_PER_MINUTE), net.setup.clock.now_us()) {
            tracing::warn!(request = id, operation = name, status = number, problem, %from, "a request has failed");
        } else {
            tracing::debug!(request = id, operation = name, status = number, problem, %from, "a request was refused");
        }
        net.failures_logged.set(logged);
    }
}

/// The answer to the question for the methods of a path.
pub(super) fn options(allow: &str) -> Answer {
    let mut answer = bare(StatusCode::NO_CONTENT);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}

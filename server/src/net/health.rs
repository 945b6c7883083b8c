//! The answers to health checks, the same for players and for operators.

use super::answer::{Answer, plain};
use crate::limits::STOPPING_RETRY_SECONDS;
use crate::readiness::Readiness;
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

/// `/healthz`: the net thread lives, or there would be no answer.
pub(super) fn healthz() -> Answer {
    plain(StatusCode::OK, "ok\n")
}

/// `/readyz`: whether the server wants new players, and each reason against on a line of its own.
pub(super) fn readyz(readiness: &Readiness) -> Answer {
    let reasons: String = readiness.reasons().map(|reason| format!("{reason}\n")).collect();
    if reasons.is_empty() {
        return plain(StatusCode::OK, "ok\n");
    }
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, reasons);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(STOPPING_RETRY_SECONDS));
    answer
}

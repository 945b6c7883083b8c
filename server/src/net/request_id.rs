//! The id of a request: that of the client or of a proxy on the way, or one of the server's own.
//!
//! It is in the answer, in the problem and in the log, so that a player's report leads to the line of an operator.

use crate::limits::REQUEST_ID_CHARS_MAX;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The header with the id, in requests and in answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An id of visible characters which mean nothing in a log, a text of JSON or a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// The id that the headers bring when it is there once and well-formed; otherwise one that nobody has had before.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(REQUEST_ID).iter();
        let first = values.next().and_then(|value| value.to_str().ok()).filter(|id| is_id(id));
        match (first, values.next()) {
            (Some(id), None) => Self(id.to_owned()),
            _ => Self::made(),
        }
    }

    /// 64 random bits: they say neither how many requests there were nor when.
    pub(super) fn made() -> Self {
        let mut bits = [0; 8];
        getrandom::fill(&mut bits).expect("the operating system has random numbers");
        Self(format!("{:016x}", u64::from_le_bytes(bits)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("an id has visible characters of ASCII alone")
    }
}

fn is_id(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:=+/".contains(&byte);
    (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers).0
    }

    #[test]
    fn an_id_that_is_well_formed_and_there_once_is_taken_over_and_any_other_is_replaced() {
        let longest = "x".repeat(REQUEST_ID_CHARS_MAX);
        for id in ["1", "4f9c1f0e-7b1c-4d7e-8a52-0a3f5c2b9d11", "Root=1:a+b/c~d_e.", &longest] {
            assert_eq!(id_of(&[id.as_bytes()]), id);
        }
        let too_long = "x".repeat(REQUEST_ID_CHARS_MAX + 1);
        for id in ["", " ", "a b", "a\"b", "a{b", "a%0ab", "<b>", "é", &too_long] {
            let made = id_of(&[id.as_bytes()]);
            assert!(made.len() == 16 && made != id_of(&[id.as_bytes()]), "{id:?}: {made}");
        }
        assert_eq!(id_of(&[b"one", b"two"]).len(), 16, "two ids are none");
        assert_eq!(id_of(&[]).len(), 16);
    }
}

//! The result of a match, for the studio that runs the server.

use alloc::string::String;
#[cfg(not(target_family = "wasm"))]
use {crate::limits::RESULT_BYTES_MAX, alloc::format, alloc::string::ToString, serde::Serialize};

/// The result of a match, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchResult(String);

impl MatchResult {
    /// The result that a game has given. Something that JSON cannot say, or not within [`RESULT_BYTES_MAX`] bytes, is
    /// replaced by an object with the one field `error`: a match that was played is not to end without any word.
    #[cfg(not(target_family = "wasm"))]
    #[must_use]
    pub fn of(result: &impl Serialize) -> Self {
        let error = match serde_json::to_string(result) {
            Ok(json) if json.len() <= RESULT_BYTES_MAX => return Self(json),
            Ok(json) => format!("the result has {} bytes as JSON, more than {RESULT_BYTES_MAX}", json.len()),
            Err(error) => format!("the result is not JSON: {error}"),
        };
        Self(serde_json::json!({ "error": error }).to_string())
    }

    /// The JSON: at most [`RESULT_BYTES_MAX`](crate::limits::RESULT_BYTES_MAX) bytes.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn a_result_that_cannot_be_told_says_why() {
        assert_eq!(MatchResult::of(&[3, 1]).json(), "[3,1]");
        let longest = MatchResult::of(&"r".repeat(RESULT_BYTES_MAX - 2));
        assert_eq!(longest.json().len(), RESULT_BYTES_MAX);
        let long = MatchResult::of(&"r".repeat(RESULT_BYTES_MAX));
        assert_eq!(long.json(), r#"{"error":"the result has 2050 bytes as JSON, more than 2048"}"#);
        let keyed = MatchResult::of(&BTreeMap::from([((1, 2), 3)]));
        assert!(keyed.json().starts_with(r#"{"error":"the result is not JSON: "#), "{}", keyed.json());
    }
}

//! The description of the HTTP API, OpenAPI 3.1, as `GET /api/openapi.json` gives it.
//!
//! `openapi.json` has what is written by hand: words, schemas, examples and the answers of success. Everything that the
//! code knows is added here from the place that decides it: the problems of each operation with their statuses and
//! headers, limits, patterns, the version, and the path of the server. A test holds the result against a server.

use super::operation::{OPERATIONS, Operation};
use super::problem::Problem;
use super::services::MUTE_MINUTES_MAX;
use crate::config::BasePath;
use crate::limits::{AVOIDED_ROOMS_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_ID_CHARS_MAX, ROOMS_LISTED_MAX};
use crate::lobby::CODE_ALPHABET;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tickwire::limits::{ROOM_CODE_LEN, ROOM_SECRET_BYTES_MAX, SEATS_MAX, TOPIC_MESSAGE_BYTES_MAX};

/// The part that is written by hand. A text such as `"=LIMIT"` stands for a number of the code.
const TEMPLATE: &str = include_str!("openapi.json");

/// The status of a request whose head is too large, and the words for it: it is refused before it is a request.
const HEAD_TOO_LARGE: (&str, &str) =
    ("431", "The head of the request has too many headers or too many bytes; the answer has no body.");

/// The description for a server at this path.
pub(super) fn document(base: &BasePath) -> Bytes {
    let mut document = filled();
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    let url = json!(if base.is_root() { "/".to_owned() } else { base.to_string() });
    document["paths"]["/ws"]["servers"][0]["url"] = url.clone();
    document["servers"][0]["url"] = url;
    document["components"]["schemas"]["ProblemType"]["enum"] = Problem::ALL.map(Problem::uri).to_vec().into();
    for operation in &OPERATIONS {
        let described = &mut document["paths"][operation.path][operation.method.as_str().to_lowercase()];
        let responses = described["responses"].as_object_mut();
        complete(responses.expect("the template describes the success of every operation"), operation);
    }
    Bytes::from(document.to_string())
}

/// The template with the numbers of the code.
fn filled() -> Value {
    let code_pattern =
        format!("\"^[{}]{{{ROOM_CODE_LEN}}}$\"", str::from_utf8(CODE_ALPHABET).expect("letters and digits"));
    let values: [(&str, String); 8] = [
        ("AVOIDED_ROOMS_MAX", AVOIDED_ROOMS_MAX.to_string()),
        ("CODE_PATTERN", code_pattern),
        ("MUTE_MINUTES_MAX", MUTE_MINUTES_MAX.to_string()),
        ("REQUEST_ID_CHARS_MAX", REQUEST_ID_CHARS_MAX.to_string()),
        ("ROOMS_LISTED_MAX", ROOMS_LISTED_MAX.to_string()),
        ("ROOM_SECRET_BYTES_MAX", ROOM_SECRET_BYTES_MAX.to_string()),
        ("SEATS_MAX", SEATS_MAX.to_string()),
        ("TOPIC_MESSAGE_BYTES_MAX", TOPIC_MESSAGE_BYTES_MAX.to_string()),
    ];
    let put = |text: String, (name, value): &(&str, String)| text.replace(&format!("\"={name}\""), value);
    let text = values.iter().fold(TEMPLATE.to_owned(), put);
    let text = text.replace("{REQUEST_BODY_BYTES_MAX}", &REQUEST_BODY_BYTES_MAX.to_string());
    serde_json::from_str(&text).expect("the description of the API is JSON")
}

/// Completes the answers of an operation.
fn complete(responses: &mut Map<String, Value>, operation: &Operation) {
    let mut by_status = BTreeMap::<u16, Vec<Problem>>::new();
    for problem in operation.problems() {
        by_status.entry(problem.status().as_u16()).or_default().push(problem);
    }
    for (status, problems) in by_status {
        responses.insert(status.to_string(), refusal(operation, status, &problems));
    }
    let (status, words) = HEAD_TOO_LARGE;
    for (_, response) in responses.iter_mut() {
        let headers = header_map(response);
        headers.insert("X-Request-Id".to_owned(), header("RequestId"));
        if !operation.budgets.is_empty() {
            headers.insert("RateLimit".to_owned(), header("RateLimit"));
            headers.insert("RateLimit-Policy".to_owned(), header("RateLimitPolicy"));
        }
    }
    responses.insert(status.to_owned(), json!({ "description": words }));
}

/// The answer with a status that means one of these problems.
fn refusal(operation: &Operation, status: u16, problems: &[Problem]) -> Value {
    let meaning = |problem: &Problem| format!("* `{}`: {}", problem.slug(), problem.title());
    let example = |problem: &Problem| {
        let value = json!({
            "type": problem.uri(),
            "title": problem.title(),
            "status": status,
            "detail": "what is wrong with this request: what to do about it",
            "instance": operation.path.replace(['{', '}'], ""),
            "request_id": "4f9c1f0e7b1c4d7e",
        });
        (problem.slug().to_owned(), json!({ "value": value }))
    };
    let mut response = json!({
        "description": problems.iter().map(meaning).collect::<Vec<_>>().join("\n"),
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "examples": problems.iter().map(example).collect::<Map<_, _>>(),
        } },
    });
    let headers = header_map(&mut response);
    match status {
        401 => headers.insert("WWW-Authenticate".to_owned(), header("Authenticate")),
        426 => headers.insert("Sec-WebSocket-Version".to_owned(), header("WebSocketVersion")),
        429 | 503 => headers.insert("Retry-After".to_owned(), header("RetryAfter")),
        _ => None,
    };
    response
}

fn header_map(response: &mut Value) -> &mut Map<String, Value> {
    let headers = &mut response["headers"];
    if headers.is_null() {
        *headers = json!({});
    }
    headers.as_object_mut().expect("headers are an object")
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn described(base: &str) -> Value {
        serde_json::from_slice(&document(&base.parse().unwrap())).unwrap()
    }

    #[test]
    fn every_operation_of_the_router_is_described_and_no_other_one() {
        let document = described("/");
        let mut found = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "servers") {
                found.insert((
                    path.clone(),
                    method.to_uppercase(),
                    operation["operationId"].as_str().map(str::to_owned),
                ));
            }
        }
        let routed =
            OPERATIONS.iter().map(|one| (one.path.to_owned(), one.method.to_string(), Some(one.id.to_owned())));
        assert_eq!(found, routed.collect());
    }

    #[test]
    fn nothing_of_the_template_is_left_over_and_every_reference_leads_somewhere() {
        let document = described("/");
        let text = document.to_string();
        assert!(!text.contains("\"=") && !text.contains("_MAX"), "a number is missing");
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(references.len() > 10);
        for reference in &references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
        for (kind, parts) in document["components"].as_object().unwrap() {
            for name in parts.as_object().unwrap().keys() {
                let is_used = kind == "securitySchemes" || references.contains(&*format!("/components/{kind}/{name}"));
                assert!(is_used, "{kind}/{name} is described and never used");
            }
        }
    }

    #[test]
    fn the_description_names_the_path_of_the_server() {
        assert_eq!(described("/")["servers"][0]["url"], "/");
        assert_eq!(described("/play")["servers"][0]["url"], "/play");
    }
}

//! The published JSON Schema of `tickwire.json.1` against the code: messages of the server are valid, the schema's
//! examples are understood, and wrong messages are refused by both.

use crate::socket::{api, http};
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tickwire::Seat;
use tickwire::limits::SEATS_MAX;
use tickwire::message::topics::{Author, PlayerId, Receipt, ServerTopic, TopicRefusal};
use tickwire_games::Paddles;
use tickwire_server::topics::json::{
    JsonMessage, JsonOperator, JsonRequest, News, NoParty, NotQueued, PartyMember, SCHEMA, Unqueued, write,
};
use tickwire_server::{Config, Server};

const PLAYER: PlayerId = PlayerId([255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

/// The schema, compiled for the messages of one direction.
struct Direction {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Direction {
    fn new(name: &str) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource("mem:schema", schema()).expect("a schema");
        let index = compiler.compile(&format!("mem:schema#/$defs/{name}"), &mut schemas).expect("a valid schema");
        Self { schemas, index }
    }

    fn admits(&self, message: &Value) -> bool {
        self.schemas.validate(message, self.index).is_ok()
    }
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("JSON")
}

/// The examples in the schema of all messages of one direction.
fn examples(direction: &str) -> Vec<Value> {
    let schema = schema();
    let kinds = schema["$defs"][direction]["oneOf"].as_array().expect("a list").iter();
    let of_kind = |kind: &Value| {
        let name = kind["$ref"].as_str().and_then(|name| name.rsplit('/').next()).expect("a name");
        let examples = schema["$defs"][name]["examples"].as_array().cloned().unwrap_or_default();
        assert!(!examples.is_empty(), "{name} has an example");
        examples
    };
    kinds.flat_map(of_kind).collect()
}

/// Every message that a server can send, with values at the ends of their ranges.
fn messages() -> Vec<String> {
    let script = "</script>\u{2028}\"\\\u{1}😀";
    let author = |name: &str| Some(Author { player: PLAYER, name: name.into() });
    let (number, topic) = (0, || "lobby/paddles".to_owned());
    let message = |key: &str, from, id, body: &str| ServerTopic::Message {
        number,
        id,
        key: key.into(),
        from,
        at_ms: 1_764_400_000_000,
        body: body.into(),
    };
    let mut all = vec![
        message("", author(script), u64::MAX, script),
        message(script, None, 0, ""),
        ServerTopic::Gap { number, from: 0, to: u64::MAX },
        ServerTopic::Marked { number, player: PLAYER, delivered: u64::MAX, read: 0 },
        ServerTopic::Ended { number },
        ServerTopic::Granted { number, topic: topic(), newest: 0, may_publish: false, bytes_max: u16::MAX },
        ServerTopic::Receipt { seq: (1 << 53) - 1, receipt: Receipt::Taken { id: 1, kept: false } },
        ServerTopic::You { player: PlayerId([0; 10]), name: script.into() },
    ];
    for refusal in TopicRefusal::ALL {
        all.push(ServerTopic::Refused { topic: topic(), refusal, wait_ms: u32::MAX });
        all.push(ServerTopic::Receipt { seq: 0, receipt: Receipt::Refused { refusal, wait_ms: 0 } });
    }
    let mut texts: Vec<String> = all.iter().map(|message| write("room/C4FK9T", message)).collect();
    texts.push(JsonMessage::Error { what: script, help: script }.to_text());
    let operator = Some(JsonOperator { name: script, role: "act" });
    texts.push(JsonMessage::You { player: PLAYER, name: script, operator }.to_text());
    texts.extend(news(script).iter().map(News::to_text));
    texts
}

/// Every message about matches.
fn news(script: &str) -> Vec<News> {
    let (game, queue, player) = ("arena", "skirmish", Some(PLAYER));
    let seat = Seat::new(SEATS_MAX - 1).expect("a seat");
    let members = vec![PartyMember { player: PLAYER, name: script.into() }; 16];
    let mut all = vec![
        News::Queued { game, queue, place: u32::MAX, of: u32::MAX, estimate_ms: Some(600_000) },
        News::Queued { game, queue, place: 1, of: 1, estimate_ms: None },
        News::Matched { game, queue, code: "C4FK9T".into(), seat, bots: SEATS_MAX - 1, hold_ms: 45_000 },
        News::Party { party: "K7DQ2M9FXC".into(), leader: PLAYER, members },
    ];
    for why in [Unqueued::Asked, Unqueued::Lost, Unqueued::Replaced, Unqueued::Party, Unqueued::NoRoom] {
        all.extend([News::Unqueued { why, player }, News::Unqueued { why, player: None }]);
    }
    use NotQueued::{Full, NoQueue, Nobody, NotLeader, PartyTooLarge, Rate};
    all.extend([Full, NoQueue, Nobody, NotLeader, PartyTooLarge, Rate].map(|why| News::NotQueued { why }));
    let none = [NoParty::Left, NoParty::Replaced, NoParty::Unknown, NoParty::Full];
    all.extend(none.map(|why| News::NoParty { why }));
    all
}

/// The names of the fields of a message, and its `op`.
fn shape(message: &Value) -> (String, BTreeSet<String>) {
    let fields = message.as_object().expect("an object").keys().cloned().collect();
    (message["op"].as_str().expect("an op").to_owned(), fields)
}

#[test]
fn every_message_of_the_server_is_valid_and_no_other_kind_is_described() {
    let server = Direction::new("server");
    let messages: Vec<Value> = messages().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    for message in &messages {
        assert!(server.admits(message), "{message}");
    }
    let written: BTreeSet<_> = messages.iter().map(shape).collect();
    for example in examples("server") {
        assert!(server.admits(&example), "{example}");
        assert!(written.contains(&shape(&example)) || example["op"] == "message", "{example} is never written");
    }
}

#[test]
fn every_example_of_a_request_is_valid_and_understood() {
    let client = Direction::new("client");
    for example in examples("client") {
        assert!(client.admits(&example), "{example}");
        let parsed = JsonRequest::parse(&example.to_string());
        assert!(parsed.is_ok(), "{example}: {parsed:?}");
    }
}

#[test]
fn what_is_wrong_is_refused_by_schema_and_server_alike() {
    let client = Direction::new("client");
    let mut count = 0;
    for example in examples("client") {
        let fields = example.as_object().expect("an object");
        let mut wrong = Vec::new();
        for (field, value) in fields {
            let mut change = |to: Value| {
                let mut changed = example.clone();
                changed[field] = to;
                wrong.push(changed);
            };
            change(Value::Null);
            change(json!({}));
            change(json!([value]));
            change(if value.is_string() { json!(7) } else { json!("7") });
            match field.as_str() {
                "op" => change(json!("shout")),
                "topic" => ["", &"x".repeat(65)].map(|topic| change(json!(topic))).into_iter().collect(),
                "id" | "after" => {
                    ["", "07", "-7", "7.0", "0x7", " 7"].map(|id| change(json!(id))).into_iter().collect()
                }
                "seq" => [json!(-1), json!(1.5), json!(1_u64 << 53)].map(change).into_iter().collect(),
                "body" => change(json!("x".repeat(1_537))),
                "key" => {
                    ["", "0", &"g".repeat(32), &"0".repeat(33)].map(|key| change(json!(key))).into_iter().collect()
                }
                "player" => ["", "Ada", "000000000000000i"].map(|id| change(json!(id))).into_iter().collect(),
                "name" => change(json!("x".repeat(97))),
                "ticket" => change(json!("x".repeat(1_281))),
                "game" | "queue" | "party" => change(json!("x".repeat(65))),
                _ => {}
            }
            let mut without = example.clone();
            without.as_object_mut().expect("an object").remove(field);
            if !["after", "name", "key", "ticket", "queue", "party"].contains(&field.as_str()) {
                wrong.push(without);
            }
        }
        let mut more = example.clone();
        more["more"] = json!(1);
        wrong.push(more);
        for message in wrong {
            count += 1;
            assert!(!client.admits(&message), "the schema admits {message}");
            assert!(JsonRequest::parse(&message.to_string()).is_err(), "the server understands {message}");
        }
    }
    for message in [json!(null), json!([]), json!({}), json!("hello"), json!(["leave", "announce"])] {
        assert!(!client.admits(&message) && JsonRequest::parse(&message.to_string()).is_err(), "{message}");
    }
    assert!(count > 100, "only {count} wrong messages were tried");
}

#[test]
fn the_server_gives_its_schema() {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a free port");
    let (status, given) = api(server.address(), "GET", "/api/topics.schema.json", "");
    assert_eq!((status, given), (200, schema()));
    assert_eq!(http(server.address(), "POST", "/api/topics.schema.json", "").0, 405);
}

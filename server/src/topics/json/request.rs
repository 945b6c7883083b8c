//! The requests of a client: from JSON text to values that are in their ranges.

use crate::limits::JSON_MESSAGE_BYTES_MAX;
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use tickwire::limits::{NAME_BYTES_MAX, TICKET_BYTES_MAX, TOPIC_BYTES_MAX, TOPIC_MESSAGE_BYTES_MAX};
use tickwire::message::control::SecretText;
use tickwire::message::topics::{PlayerId, PlayerKey};

/// The greatest number of a publication: numbers above are not exact in JavaScript.
const SEQ_MAX: u64 = (1 << 53) - 1;

/// Bytes of the name of a game or a queue, and of the code of a party.
const MATCH_NAME_BYTES_MAX: usize = 64;

/// Bytes of a parser's words that a fault repeats: they may have words of the client in them.
const WORDS_BYTES_MAX: usize = 200;

/// A request of a client. Texts are as the client sent them: the hub decides about names of topics and permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonRequest {
    /// The client gives its name and key, before anything else.
    Hello {
        /// The name for others; `None` when the client names none.
        name: Option<String>,
        /// The secret of the player; `None` for a new player.
        key: Option<PlayerKey>,
        /// The ticket of the player, where tickets are needed.
        ticket: Option<SecretText>,
        /// The token of an operator, on the operators' port.
        token: Option<SecretText>,
    },
    /// The client wants to hear a topic.
    Subscribe {
        /// The name of the topic.
        topic: String,
        /// The id of the last message that the client has.
        after: Option<u64>,
    },
    /// The client hears a topic no longer.
    Leave {
        /// The name of the topic.
        topic: String,
    },
    /// The client says something.
    Publish {
        /// The name of the topic.
        topic: String,
        /// The client's own number for the message, at most 2⁵³-1.
        seq: u64,
        /// The text, at most [`TOPIC_MESSAGE_BYTES_MAX`] bytes; a topic may allow fewer.
        body: String,
    },
    /// The client has received, and with `read` its player has also seen, the messages up to an id.
    Mark {
        /// The name of the topic.
        topic: String,
        /// The id.
        id: u64,
        /// Whether the messages were also seen.
        read: bool,
    },
    /// The player wants a match, or a party to play with.
    Match(Ask),
    /// The player wants to hear nothing from another one, or wants to hear it again.
    Block {
        /// The other player.
        player: PlayerId,
        /// Whether the other player is blocked from now on.
        blocked: bool,
    },
}

/// A wish of a player who wants a match, or a party to play with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To enter a queue, together with its party.
    Queue {
        /// The name of the game.
        game: String,
        /// The name of the queue; `None` for the first one of the game.
        queue: Option<String>,
    },
    /// To leave the queue.
    Unqueue,
    /// To join the party with this code; `None` for a new party.
    Party {
        /// The code.
        party: Option<String>,
    },
    /// To leave the party.
    LeaveParty,
}

/// The reason for which a text is not a request.
#[derive(Debug, Error)]
pub enum JsonFault {
    /// The text is too long.
    #[error("the message has {bytes} bytes, more than {JSON_MESSAGE_BYTES_MAX}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// The text is something else than an object.
    #[error("the message is not a JSON object")]
    NoObject,
    /// The text is not JSON, or has an op, a field or a type that no request has.
    #[error("the message is not understood: {}", beginning(.0))]
    Malformed(serde_json::Error),
    /// A field is empty.
    #[error("{field} is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A field is too long.
    #[error("{field} has {bytes} bytes, more than {bytes_max}")]
    Long {
        /// The field.
        field: &'static str,
        /// Its bytes.
        bytes: usize,
        /// The bytes that it may have.
        bytes_max: usize,
    },
    /// An id is not a decimal number of 64 bits.
    #[error("{field} is not an id of a message")]
    Id {
        /// The field.
        field: &'static str,
    },
    /// The number of a publication is too great.
    #[error("seq is {seq}, more than 2^53-1")]
    Seq {
        /// The number.
        seq: u64,
    },
    /// The key is not one.
    #[error("key is not 32 hexadecimal digits")]
    Key,
    /// The id of a player is not one.
    #[error("player is not the id of a player")]
    Player,
}

impl JsonFault {
    /// The way on, for the author of the client.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "send shorter messages",
            Self::NoObject | Self::Malformed(_) => {
                "send an object such as {\"op\":\"subscribe\",\"topic\":\"lobby/paddles/chat\"}; \
                 GET /api/topics.schema.json describes all of them"
            }
            Self::Empty { .. } => "name a topic such as lobby/paddles/chat",
            Self::Long { .. } => "send less; granted says how much a topic allows",
            Self::Id { .. } => "send the id as a string of digits, as it was in the message",
            Self::Seq { .. } => "count publications from a number below 2^53",
            Self::Key => "send 16 random bytes as 32 hexadecimal digits, or leave the key out",
            Self::Player => "send the id of a player as it was in you or in from",
        }
    }
}

/// The beginning of a parser's words.
fn beginning(error: &serde_json::Error) -> String {
    let mut words = error.to_string();
    words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
    words
}

/// A request with the types of JSON, before its values are checked.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Raw {
    Hello {
        #[serde(default, deserialize_with = "present")]
        name: Option<String>,
        #[serde(default, deserialize_with = "present")]
        key: Option<String>,
        #[serde(default, deserialize_with = "present")]
        ticket: Option<String>,
        #[serde(default, deserialize_with = "present")]
        token: Option<String>,
    },
    Subscribe {
        topic: String,
        #[serde(default, deserialize_with = "present")]
        after: Option<String>,
    },
    Leave {
        topic: String,
    },
    Publish {
        topic: String,
        seq: u64,
        body: String,
    },
    Read {
        topic: String,
        id: String,
    },
    Delivered {
        topic: String,
        id: String,
    },
    Block {
        player: String,
        blocked: bool,
    },
    Queue {
        game: String,
        #[serde(default, deserialize_with = "present")]
        queue: Option<String>,
    },
    Unqueue {},
    Party {
        #[serde(default, deserialize_with = "present")]
        party: Option<String>,
    },
    LeaveParty {},
}

/// A field that may be missing, and is a text when it is there: `null` is none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl JsonRequest {
    /// Parses a text.
    ///
    /// # Errors
    /// When the text is not exactly one request, or a value is out of its range.
    pub fn parse(text: &str) -> Result<Self, JsonFault> {
        if text.len() > JSON_MESSAGE_BYTES_MAX {
            return Err(JsonFault::TooLong { bytes: text.len() });
        }
        // serde would take an array of the values too.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(JsonFault::NoObject);
        }
        Self::check(serde_json::from_str(text).map_err(JsonFault::Malformed)?)
    }

    fn check(raw: Raw) -> Result<Self, JsonFault> {
        Ok(match raw {
            Raw::Hello { name, key, ticket, token } => Self::Hello {
                name: name.map(|name| short("name", name, NAME_BYTES_MAX)).transpose()?,
                key: key.as_deref().map(parse_key).transpose()?,
                ticket: ticket.map(|ticket| short("ticket", ticket, TICKET_BYTES_MAX).map(SecretText)).transpose()?,
                token: token.map(|token| short("token", token, TICKET_BYTES_MAX).map(SecretText)).transpose()?,
            },
            Raw::Subscribe { topic, after } => Self::Subscribe {
                topic: check_topic(topic)?,
                after: after.as_deref().map(|id| parse_id("after", id)).transpose()?,
            },
            Raw::Leave { topic } => Self::Leave { topic: check_topic(topic)? },
            Raw::Publish { seq, .. } if seq > SEQ_MAX => return Err(JsonFault::Seq { seq }),
            Raw::Publish { topic, seq, body } => {
                Self::Publish { topic: check_topic(topic)?, seq, body: short("body", body, TOPIC_MESSAGE_BYTES_MAX)? }
            }
            Raw::Read { topic, id } => Self::Mark { topic: check_topic(topic)?, id: parse_id("id", &id)?, read: true },
            Raw::Delivered { topic, id } => {
                Self::Mark { topic: check_topic(topic)?, id: parse_id("id", &id)?, read: false }
            }
            Raw::Block { player, blocked } => {
                Self::Block { player: player.parse().map_err(|_| JsonFault::Player)?, blocked }
            }
            Raw::Queue { game, queue } => Self::Match(Ask::Queue {
                game: short("game", game, MATCH_NAME_BYTES_MAX)?,
                queue: queue.map(|queue| short("queue", queue, MATCH_NAME_BYTES_MAX)).transpose()?,
            }),
            Raw::Unqueue {} => Self::Match(Ask::Unqueue),
            Raw::Party { party } => {
                let party = party.map(|party| short("party", party, MATCH_NAME_BYTES_MAX)).transpose()?;
                Self::Match(Ask::Party { party })
            }
            Raw::LeaveParty {} => Self::Match(Ask::LeaveParty),
        })
    }
}

fn short(field: &'static str, text: String, bytes_max: usize) -> Result<String, JsonFault> {
    if text.len() <= bytes_max { Ok(text) } else { Err(JsonFault::Long { field, bytes: text.len(), bytes_max }) }
}

fn check_topic(topic: String) -> Result<String, JsonFault> {
    if topic.is_empty() { Err(JsonFault::Empty { field: "topic" }) } else { short("topic", topic, TOPIC_BYTES_MAX) }
}

/// An id in the one form that the server writes: no sign, and no zero in front.
fn parse_id(field: &'static str, text: &str) -> Result<u64, JsonFault> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let id = if is_plain { text.parse().ok() } else { None };
    id.ok_or(JsonFault::Id { field })
}

fn parse_key(text: &str) -> Result<PlayerKey, JsonFault> {
    // A sign would pass for a digit of the number.
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
    key.map(|key| PlayerKey(key.to_be_bytes())).ok_or(JsonFault::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tickwire::limits::CHAT_BYTES_MAX;

    const PLAYER: PlayerId = PlayerId([255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    /// Every request, as text and as value.
    fn requests() -> Vec<(String, JsonRequest)> {
        let chat = || "lobby/paddles/chat".to_owned();
        let key = PlayerKey([0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        vec![
            (r#"{"op":"hello"}"#.into(), JsonRequest::Hello { name: None, key: None, ticket: None, token: None }),
            (
                r#"{"op":"hello","name":"Ada","key":"A00102030405060708090a0b0c0d0e0f"}"#.into(),
                JsonRequest::Hello { name: Some("Ada".into()), key: Some(key), ticket: None, token: None },
            ),
            (
                r#"{"op":"subscribe","topic":"lobby/paddles/chat"}"#.into(),
                JsonRequest::Subscribe { topic: chat(), after: None },
            ),
            (
                r#" { "after" : "18446744073709551615", "topic":"lobby/paddles/chat" , "op":"subscribe"} "#.into(),
                JsonRequest::Subscribe { topic: chat(), after: Some(u64::MAX) },
            ),
            (r#"{"op":"leave","topic":"lobby/paddles/chat"}"#.into(), JsonRequest::Leave { topic: chat() }),
            (
                r#"{"op":"publish","topic":"lobby/paddles/chat","seq":9007199254740991,"body":"good game"}"#.into(),
                JsonRequest::Publish { topic: chat(), seq: SEQ_MAX, body: "good game".into() },
            ),
            (
                r#"{"op":"read","topic":"lobby/paddles/chat","id":"0"}"#.into(),
                JsonRequest::Mark { topic: chat(), id: 0, read: true },
            ),
            (
                r#"{"op":"delivered","topic":"lobby/paddles/chat","id":"1152921504606846976"}"#.into(),
                JsonRequest::Mark { topic: chat(), id: 1 << 60, read: false },
            ),
            (
                format!(r#"{{"op":"block","player":"{PLAYER}","blocked":true}}"#),
                JsonRequest::Block { player: PLAYER, blocked: true },
            ),
        ]
    }

    #[test]
    fn every_request_is_understood_and_every_truncation_of_it_is_a_fault() {
        for (text, request) in requests() {
            assert_eq!(JsonRequest::parse(&text).ok(), Some(request), "{text}");
            let whole = text.trim_end();
            assert!((0..whole.len()).all(|cut| JsonRequest::parse(&whole[..cut]).is_err()), "{text}");
            assert!(JsonRequest::parse(&format!("{text}x")).is_err() && JsonRequest::parse(&text.repeat(2)).is_err());
        }
    }

    #[test]
    fn each_field_of_a_request_is_of_one_type_and_there_once() {
        for (text, request) in requests() {
            let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
            for (field, value) in whole.as_object().unwrap() {
                let others =
                    [json!(null), json!(1), json!(-1), json!(1.5), json!("x"), json!(true), json!([]), json!({})];
                for other in others {
                    let mut changed = whole.clone();
                    changed[field] = other.clone();
                    let parsed = JsonRequest::parse(&changed.to_string());
                    // Another text may be as good: a name, a topic, a body. So may another number, and another bool.
                    let is_same_kind = std::mem::discriminant(&other) == std::mem::discriminant(value);
                    assert!(parsed.is_err() || is_same_kind, "{changed} is {parsed:?} and not {request:?}");
                }
                let mut without = whole.clone();
                without.as_object_mut().unwrap().remove(field);
                let is_optional = ["name", "key", "after"].contains(&&**field);
                assert_eq!(JsonRequest::parse(&without.to_string()).is_ok(), is_optional, "{without}");
                let twice = format!("{{{:?}:{value},{}", field, &text.trim_start()[1..]);
                assert!(JsonRequest::parse(&twice).is_err(), "{twice}");
            }
            let more = format!(r#"{{"colour":1,{}"#, &text.trim_start()[1..]);
            assert!(JsonRequest::parse(&more).is_err(), "{more}");
        }
    }

    #[test]
    fn a_value_out_of_its_range_is_named() {
        let publish = |seq: &str, body: &str| format!(r#"{{"op":"publish","topic":"a","seq":{seq},"body":"{body}"}}"#);
        let topic = |topic: &str| format!(r#"{{"op":"leave","topic":"{topic}"}}"#);
        let after = |id: &str| format!(r#"{{"op":"subscribe","topic":"a","after":"{id}"}}"#);
        let key = |key: &str| format!(r#"{{"op":"hello","key":"{key}"}}"#);
        let cases = [
            (publish("9007199254740992", ""), "seq is 9007199254740992"),
            (publish("1e3", ""), "floating point"),
            (publish("-1", ""), "integer"),
            (publish("18446744073709551616", ""), "not understood"),
            (publish("1", &"é".repeat(769)), "body has 1538 bytes, more than 1536"),
            (topic(""), "topic is empty"),
            (topic(&"é".repeat(33)), "topic has 66 bytes, more than 64"),
            (after(""), "after is not an id"),
            (after("18446744073709551616"), "after is not an id"),
            (after("007"), "after is not an id"),
            (after("+7"), "after is not an id"),
            (after("7 "), "after is not an id"),
            (after("٧"), "after is not an id"),
            (r#"{"op":"read","topic":"a","id":"1e3"}"#.into(), "id is not an id"),
            (key(&"0".repeat(31)), "key is not 32"),
            (key(&format!("+{}", "0".repeat(31))), "key is not 32"),
            (key(&"é".repeat(16)), "key is not 32"),
            (format!(r#"{{"op":"hello","name":"{}"}}"#, "a".repeat(97)), "name has 97 bytes, more than 96"),
            (r#"{"op":"block","player":"Ada","blocked":true}"#.into(), "player is not"),
            (r#"{"op":"shout","topic":"a"}"#.into(), "shout"),
            (r#"{"op":"leave","topic":"a","loud":true}"#.into(), "loud"),
            (r#"["leave",{"topic":"a"}]"#.into(), "not a JSON object"),
            (r#"["leave","a"]"#.into(), "not a JSON object"),
            (String::new(), "not a JSON object"),
            (" ".repeat(JSON_MESSAGE_BYTES_MAX + 1), "more than 8192"),
        ];
        for (text, expected) in cases {
            let fault = JsonRequest::parse(&text).unwrap_err();
            assert!(fault.to_string().contains(expected), "{text}: {fault}");
            assert!(!fault.help().is_empty());
        }
    }

    #[test]
    fn words_of_a_client_in_a_fault_are_bounded_and_never_cut_within_a_letter() {
        for letter in ["a", "é", "€"] {
            let fault = JsonRequest::parse(&format!(r#"{{"op":"{}"}}"#, letter.repeat(2_000))).unwrap_err();
            assert!(fault.to_string().len() <= WORDS_BYTES_MAX + 40, "{fault}");
        }
    }

    #[test]
    fn escapes_are_read_as_the_text_that_they_stand_for() {
        let body = |text: &str| match JsonRequest::parse(text) {
            Ok(JsonRequest::Publish { body, .. }) => Some(body),
            _ => None,
        };
        let escaped = r#"{"op":"publish","topic":"a","seq":1,"body":"\u003c\/script>\u2028\"\\\u0001\ud83d\ude00"}"#;
        assert_eq!(body(escaped).as_deref(), Some("</script>\u{2028}\"\\\u{1}😀"));
        for wrong in [r"\ud83d", r"\ude00", r"\x41", "\u{1}", "\n"] {
            assert_eq!(body(&format!(r#"{{"op":"publish","topic":"a","seq":1,"body":"{wrong}"}}"#)), None, "{wrong:?}");
        }
        // A line of chat of the greatest length fits, even when each of its characters is escaped.
        let longest = format!(
            r#"{{"op":"publish","topic":"{}","seq":1,"body":"{}"}}"#,
            "a".repeat(64),
            r"\u0001".repeat(CHAT_BYTES_MAX)
        );
        assert_eq!(body(&longest).map(|body| body.len()), Some(CHAT_BYTES_MAX));
    }
}

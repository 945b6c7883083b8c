//! The messages of the server: from values to JSON text.

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use std::fmt::Display;
use std::io;
use tickwire::message::topics::{Author, PlayerId, Receipt, ServerTopic, TopicRefusal};

/// A message of the server. Its texts are borrowed, and every message about a topic names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum JsonMessage<'a> {
    /// The player that the client is for others.
    You {
        /// The player.
        #[serde(serialize_with = "text")]
        player: PlayerId,
        /// The name, cleaned by the server.
        name: &'a str,
        /// What the client may do on the operators' port.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<JsonOperator<'a>>,
    },
    /// The client hears a topic from now on.
    Granted {
        /// The topic.
        topic: &'a str,
        /// The id of the newest message.
        #[serde(serialize_with = "text")]
        newest: u64,
        /// Whether the client may publish.
        may_publish: bool,
        /// Bytes of a message of the topic.
        bytes_max: u16,
    },
    /// The client may not hear a topic.
    Refused {
        /// The topic.
        topic: &'a str,
        /// The reason.
        #[serde(serialize_with = "name")]
        why: TopicRefusal,
        /// Milliseconds after which it is worth trying again; 0 when it is not.
        wait_ms: u32,
    },
    /// Something was said.
    Message {
        /// The topic.
        topic: &'a str,
        /// The id.
        #[serde(serialize_with = "text")]
        id: u64,
        /// The key whose newest message this is, in a topic with keys; empty otherwise.
        #[serde(skip_serializing_if = "str::is_empty")]
        key: &'a str,
        /// The player; `None` for the server and for services.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<JsonFrom<'a>>,
        /// The time at which the server received it, in milliseconds since 1970.
        at_ms: u64,
        /// The text.
        body: &'a str,
    },
    /// Messages were lost on the way, or are not kept any more.
    Gap {
        /// The topic.
        topic: &'a str,
        /// The first id that is missing.
        #[serde(serialize_with = "text")]
        from: u64,
        /// The last id that is missing.
        #[serde(serialize_with = "text")]
        to: u64,
    },
    /// The server has the client's message.
    #[serde(rename = "receipt")]
    Taken {
        /// The client's number for it.
        seq: u64,
        /// Its id.
        #[serde(serialize_with = "text")]
        id: u64,
        /// Whether it is kept for those who come later.
        kept: bool,
    },
    /// The server does not have the client's message.
    #[serde(rename = "receipt")]
    NotTaken {
        /// The client's number for it.
        seq: u64,
        /// The reason.
        #[serde(serialize_with = "name")]
        why: TopicRefusal,
        /// Milliseconds after which it is worth trying again; 0 when it is not.
        wait_ms: u32,
    },
    /// A subscriber has received, and seen, the messages up to these ids.
    #[serde(rename = "read")]
    Marked {
        /// The topic.
        topic: &'a str,
        /// The subscriber.
        #[serde(serialize_with = "text")]
        player: PlayerId,
        /// The last message that its client has received.
        #[serde(serialize_with = "text")]
        delivered: u64,
        /// The last message that the player has seen; 0 for none.
        #[serde(serialize_with = "text")]
        read: u64,
    },
    /// The topic is no more, or the client may not hear it any longer.
    Ended {
        /// The topic.
        topic: &'a str,
    },
    /// The client's message was not understood; the connection closes.
    Error {
        /// The fault.
        what: &'a str,
        /// The way on.
        help: &'a str,
    },
}

/// The player who has said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JsonFrom<'a> {
    /// The player.
    #[serde(serialize_with = "text")]
    pub player: PlayerId,
    /// The name that the player had then, cleaned by the server.
    pub name: &'a str,
}

fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field by reference")]
fn name<S: Serializer>(refusal: &TopicRefusal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(refusal.name())
}

/// Somebody on the operators' port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JsonOperator<'a> {
    /// The name of the operator.
    pub name: &'a str,
    /// The role: `look` or `act`.
    pub role: &'a str,
}

impl<'a> JsonMessage<'a> {
    /// The message that says the same as a binary one. `topic` is the name of the topic that it is about; a message that
    /// has its own name, or is about none, does not look at it.
    #[must_use]
    pub fn of(message: &'a ServerTopic, topic: &'a str) -> Self {
        match message {
            ServerTopic::Message { id, key, from, at_ms, body, .. } => {
                Self::Message { topic, id: *id, key, from: from.as_ref().map(JsonFrom::of), at_ms: *at_ms, body }
            }
            ServerTopic::Gap { from, to, .. } => Self::Gap { topic, from: *from, to: *to },
            ServerTopic::Marked { player, delivered, read, .. } => {
                Self::Marked { topic, player: *player, delivered: *delivered, read: *read }
            }
            ServerTopic::Ended { .. } => Self::Ended { topic },
            ServerTopic::Granted { topic, newest, may_publish, bytes_max, .. } => {
                Self::Granted { topic, newest: *newest, may_publish: *may_publish, bytes_max: *bytes_max }
            }
            ServerTopic::Refused { topic, refusal, wait_ms } => {
                Self::Refused { topic, why: *refusal, wait_ms: *wait_ms }
            }
            ServerTopic::Receipt { seq, receipt: Receipt::Taken { id, kept } } => {
                Self::Taken { seq: *seq, id: *id, kept: *kept }
            }
            ServerTopic::Receipt { seq, receipt: Receipt::Refused { refusal, wait_ms } } => {
                Self::NotTaken { seq: *seq, why: *refusal, wait_ms: *wait_ms }
            }
            ServerTopic::You { player, name } => Self::You { player: *player, name, operator: None },
        }
    }

    /// The message as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, Inert);
        self.serialize(&mut serializer).expect("the message is plain data that JSON can hold");
        String::from_utf8(out).expect("JSON is text")
    }
}

impl<'a> JsonFrom<'a> {
    /// The same of a binary message.
    #[must_use]
    pub fn of(author: &'a Author) -> Self {
        Self { player: author.player, name: &author.name }
    }
}

/// JSON that stays inert wherever it is put: the characters by which a script element would end, an element would begin
/// or a line of a script would break are escaped.
struct Inert;

const fn is_active(character: char) -> bool {
    matches!(character, '<' | '>' | '&' | '\u{7f}' | '\u{2028}' | '\u{2029}')
}

impl Formatter for Inert {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, active)) = rest.char_indices().find(|(_, character)| is_active(*character)) {
            write!(writer, "{}\\u{:04x}", &rest[..at], u32::from(active))?;
            rest = &rest[at + active.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PLAYER: PlayerId = PlayerId([255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    /// The text of a message about the topic `announce`, parsed again.
    fn written(message: &ServerTopic) -> Value {
        serde_json::from_str(&crate::topics::json::write("announce", message)).unwrap()
    }

    #[test]
    fn each_message_names_its_topic_and_has_its_ids_as_strings() {
        let player = PLAYER.to_string();
        let from = Some(Author { player: PLAYER, name: "Ada".into() });
        let (key, body, topic) = (String::new(), String::from("hi"), String::from("lobby/arena"));
        let (number, id) = (3, u64::MAX);
        let cases = [
            (
                ServerTopic::Message {
                    number,
                    id,
                    key: key.clone(),
                    from,
                    at_ms: 1_700_000_000_000,
                    body: body.clone(),
                },
                json!({"op": "message", "topic": "announce", "id": "18446744073709551615",
                    "from": {"player": player, "name": "Ada"}, "at_ms": 1_700_000_000_000_u64, "body": "hi"}),
            ),
            (
                ServerTopic::Message { number, id: 1, key: "C4FK9T".into(), from: None, at_ms: 0, body: key },
                json!({"op": "message", "topic": "announce", "id": "1", "key": "C4FK9T", "at_ms": 0, "body": ""}),
            ),
            (
                ServerTopic::Gap { number, from: 7, to: 9 },
                json!({"op": "gap", "topic": "announce", "from": "7", "to": "9"}),
            ),
            (
                ServerTopic::Marked { number, player: PLAYER, delivered: 9, read: 0 },
                json!({"op": "read", "topic": "announce", "player": player, "delivered": "9", "read": "0"}),
            ),
            (ServerTopic::Ended { number }, json!({"op": "ended", "topic": "announce"})),
            (
                ServerTopic::Granted { number, topic: topic.clone(), newest: 0, may_publish: true, bytes_max: 512 },
                json!({"op": "granted", "topic": "lobby/arena", "newest": "0", "may_publish": true, "bytes_max": 512}),
            ),
            (
                ServerTopic::Refused { topic, refusal: TopicRefusal::NoTopic, wait_ms: 0 },
                json!({"op": "refused", "topic": "lobby/arena", "why": "no_topic", "wait_ms": 0}),
            ),
            (
                ServerTopic::Receipt { seq: 9, receipt: Receipt::Taken { id: 4, kept: true } },
                json!({"op": "receipt", "seq": 9, "id": "4", "kept": true}),
            ),
            (
                ServerTopic::Receipt {
                    seq: 9,
                    receipt: Receipt::Refused { refusal: TopicRefusal::Rate, wait_ms: 500 },
                },
                json!({"op": "receipt", "seq": 9, "why": "rate", "wait_ms": 500}),
            ),
            (ServerTopic::You { player: PLAYER, name: body }, json!({"op": "you", "player": player, "name": "hi"})),
        ];
        for (message, expected) in cases {
            assert_eq!(written(&message), expected, "{message:?}");
        }
        let error = JsonMessage::Error { what: "a", help: "b" }.to_text();
        assert_eq!(error, r#"{"op":"error","what":"a","help":"b"}"#);
    }

    #[test]
    fn script_in_a_body_or_a_name_is_text_and_stays_text_inside_of_a_page() {
        let script = "</script><img src=x onerror=alert(1)>&\u{2028}\u{2029}\"\\\u{0}\u{1f}\u{7f}\r\n😀";
        let from = Some(JsonFrom { player: PLAYER, name: script });
        let message = JsonMessage::Message { topic: script, id: 1, key: script, from, at_ms: 0, body: script };
        let text = message.to_text();
        let active = |character: char| is_active(character) || character.is_control();
        assert!(!text.contains(active), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        for field in [&read["body"], &read["key"], &read["topic"], &read["from"]["name"]] {
            assert_eq!(field, script);
        }
    }
}

//! The subprotocol `tickwire.json.1`: topics and matchmaking as JSON text, for pages, bots and services without a game's module.
//!
//! ```text
//! text → JsonRequest::parse → JsonRequest      ServerTopic → write → text      News → to_text → text
//! ```
//!
//! Parsing is total and strict: a text gives a request whose values are in their ranges, or a [`JsonFault`] with the way
//! on. Both directions name topics by name, and ids are strings, because they pass the integers of JavaScript. The
//! published description of both is [`SCHEMA`]; a test holds it against this code.

mod message;
mod news;
mod request;

pub use message::{JsonFrom, JsonMessage, JsonOperator};
pub use news::{News, NewsKind, NoParty, NotQueued, PartyMember, Unqueued};
pub use request::{Ask, JsonFault, JsonRequest};
use tickwire::message::topics::ServerTopic;

/// A message of the server as text; `topic` is the name of the topic that it is about, if it is about one.
#[must_use]
pub fn write(topic: &str, message: &ServerTopic) -> String {
    JsonMessage::of(message, topic).to_text()
}

/// The JSON Schema of both directions, as `GET /api/topics.schema.json` gives it.
pub const SCHEMA: &str = include_str!("json/topics.schema.json");

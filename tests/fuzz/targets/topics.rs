//! Messages about topics of both subprotocols: any bytes, and any text. A binary message means the same when it is
//! written and read again. A request of JSON is in its ranges, and JSON of a server is inert.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickwire::limits::{TOPIC_BYTES_MAX, TOPIC_MESSAGE_BYTES_MAX};
use tickwire::message::topics::{ClientTopic, ServerTopic};
use tickwire_server::topics::json::{JsonMessage, JsonRequest, write};

/// The text of a server's message, which no page may take for more than text.
fn check_text(text: &str) {
    assert!(!text.contains(|c: char| c.is_ascii_control() || "<>&\u{2028}\u{2029}".contains(c)), "{text}");
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = ClientTopic::decode(bytes) {
        assert_eq!(ClientTopic::decode(&message.encode()), Ok(message));
    }
    if let Ok(message) = ServerTopic::decode(bytes) {
        check_text(&write("lobby/paddles/chat", &message));
        assert_eq!(ServerTopic::decode(&message.encode()), Ok(message));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match JsonRequest::parse(text) {
        Ok(JsonRequest::Publish { topic, seq, body }) => {
            assert!(!topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX && body.len() <= TOPIC_MESSAGE_BYTES_MAX);
            assert!(seq < 1 << 53);
        }
        Ok(_) => {}
        Err(fault) => {
            let what = fault.to_string();
            assert!(what.len() < 400 && !fault.help().is_empty());
            check_text(&JsonMessage::Error { what: &what, help: fault.help() }.to_text());
        }
    }
});

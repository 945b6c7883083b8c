//! Topics for pages: calls of the page in, and news out in the words of the protocol as JSON (`tickwire.json.1`).
//!
//! Ids are texts, because they do not fit into the numbers of JavaScript.

use crate::json::quote;
use tickwire::client::{TopicNews, Topics};
use tickwire::message::topics::{Author, PlayerId, Receipt, ServerTopic};

/// The work of [`Client::topic`](crate::client::Client::topic), with its result.
pub(crate) fn call(topics: &mut Topics, op: u8, topic: &str, text: &str) -> u64 {
    let id = || text.parse::<u64>().ok();
    match op {
        0 => match id() {
            Some(after) => topics.subscribe_after(topic, after),
            None => topics.subscribe(topic),
        },
        1 => topics.leave(topic),
        2 => return topics.publish(topic, text),
        3 => topics.read(topic, id().unwrap_or(0)),
        4 => return topic.parse().is_ok_and(|player| topics.block(player, !text.is_empty())).into(),
        _ => {}
    }
    0
}

/// News in the form that the page takes, `{op, topic, ..}`.
pub(crate) fn words(news: &TopicNews) -> String {
    let mut words = Words(String::from("{"));
    words.text("op", op(&news.message));
    if !news.topic.is_empty() {
        words.text("topic", &news.topic);
    }
    match &news.message {
        ServerTopic::You { player, name } => words.player(player, name),
        ServerTopic::Granted { newest, may_publish, bytes_max, .. } => {
            words.id("newest", *newest);
            words.raw("may_publish", if *may_publish { "true" } else { "false" });
            words.number("bytes_max", (*bytes_max).into());
        }
        ServerTopic::Message { id, key, from, at_ms, body, .. } => {
            words.id("id", *id);
            if !key.is_empty() {
                words.text("key", key);
            }
            if let Some(Author { player, name }) = from {
                let mut author = Words(String::from("{"));
                author.player(player, name);
                words.raw("from", &author.end());
            }
            words.number("at_ms", *at_ms);
            words.text("body", body);
        }
        ServerTopic::Gap { from, to, .. } => {
            words.id("from", *from);
            words.id("to", *to);
        }
        ServerTopic::Marked { player, delivered, read, .. } => {
            words.text("player", &player.to_string());
            words.id("delivered", *delivered);
            words.id("read", *read);
        }
        ServerTopic::Receipt { seq, receipt } => {
            words.number("seq", *seq);
            words.receipt(*receipt);
        }
        ServerTopic::Refused { refusal, wait_ms, .. } => {
            words.receipt(Receipt::Refused { refusal: *refusal, wait_ms: *wait_ms })
        }
        ServerTopic::Ended { .. } => {}
    }
    words.end()
}

const fn op(message: &ServerTopic) -> &'static str {
    match message {
        ServerTopic::Message { .. } => "message",
        ServerTopic::Gap { .. } => "gap",
        ServerTopic::Marked { .. } => "read",
        ServerTopic::Ended { .. } => "ended",
        ServerTopic::Granted { .. } => "granted",
        ServerTopic::Refused { .. } => "refused",
        ServerTopic::Receipt { .. } => "receipt",
        ServerTopic::You { .. } => "you",
    }
}

/// The text of an object, without its end. A tree of values would be three times as much code, and so would functions
/// that are inlined.
struct Words(String);

impl Words {
    #[inline(never)]
    fn raw(&mut self, name: &str, value: &str) {
        let comma = if self.0.len() > 1 { ",\"" } else { "\"" };
        [comma, name, "\":", value].into_iter().for_each(|part| self.0.push_str(part));
    }

    #[inline(never)]
    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, "");
        // A text takes everything that is written to it.
        _ = quote(value, &mut self.0);
    }

    #[inline(never)]
    fn number(&mut self, name: &str, value: u64) {
        self.raw(name, &value.to_string());
    }

    #[inline(never)]
    fn id(&mut self, name: &str, value: u64) {
        self.text(name, &value.to_string());
    }

    #[inline(never)]
    fn player(&mut self, player: &PlayerId, name: &str) {
        self.text("player", &player.to_string());
        self.text("name", name);
    }

    #[inline(never)]
    fn receipt(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Taken { id, kept } => {
                self.id("id", id);
                self.raw("kept", if kept { "true" } else { "false" });
            }
            Receipt::Refused { refusal, wait_ms } => {
                self.text("why", refusal.name());
                self.number("wait_ms", wait_ms.into());
            }
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

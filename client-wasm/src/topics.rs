//! Topics for pages: calls of the page in, and news out in the words of the protocol as JSON (`tickwire.json.1`).
//!
//! Ids are texts, because they do not fit into the numbers of JavaScript.

use crate::json::Object;
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
    let mut json = Object::new();
    json.text("op", op(&news.message));
    if !news.topic.is_empty() {
        json.text("topic", &news.topic);
    }
    match &news.message {
        ServerTopic::You { player, name } => put_player(&mut json, player, name),
        ServerTopic::Granted { newest, may_publish, bytes_max, .. } => {
            put_id(&mut json, "newest", *newest);
            json.flag("may_publish", *may_publish);
            json.number("bytes_max", (*bytes_max).into());
        }
        ServerTopic::Message { id, key, from, at_ms, body, .. } => {
            put_id(&mut json, "id", *id);
            if !key.is_empty() {
                json.text("key", key);
            }
            if let Some(Author { player, name }) = from {
                let mut author = Object::new();
                put_player(&mut author, player, name);
                json.raw("from", &author.end());
            }
            json.number("at_ms", *at_ms);
            json.text("body", body);
        }
        ServerTopic::Gap { from, to, .. } => {
            put_id(&mut json, "from", *from);
            put_id(&mut json, "to", *to);
        }
        ServerTopic::Marked { player, delivered, read, .. } => {
            json.text("player", &player.to_string());
            put_id(&mut json, "delivered", *delivered);
            put_id(&mut json, "read", *read);
        }
        ServerTopic::Receipt { seq, receipt } => {
            json.number("seq", *seq);
            put_receipt(&mut json, *receipt);
        }
        ServerTopic::Refused { refusal, wait_ms, .. } => {
            put_receipt(&mut json, Receipt::Refused { refusal: *refusal, wait_ms: *wait_ms })
        }
        ServerTopic::Ended { .. } => {}
    }
    json.end()
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

fn put_player(json: &mut Object, player: &PlayerId, name: &str) {
    json.text("player", &player.to_string());
    json.text("name", name);
}

fn put_receipt(json: &mut Object, receipt: Receipt) {
    match receipt {
        Receipt::Taken { id, kept } => {
            put_id(json, "id", id);
            json.flag("kept", kept);
        }
        Receipt::Refused { refusal, wait_ms } => {
            json.text("why", refusal.name());
            json.number("wait_ms", wait_ms.into());
        }
    }
}

#[inline(never)]
fn put_id(json: &mut Object, name: &str, id: u64) {
    json.text(name, &id.to_string());
}

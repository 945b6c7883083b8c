//! Publications: whether they are allowed now, how they are cleaned, and their receipts.

use super::{Hub, Identity, Refused};
use crate::limits::ORIGINS_MAX;
use crate::names::{clean_chat, is_cut};
use crate::room::Origin;
use crate::topics::policy::{self, Keeps, Policy, Role};
use crate::topics::presence::State;
use crate::topics::topic::Form;
use crate::topics::{ClientId, Output, TopicId, TopicName, Verdict};
use crate::websocket::rate::KeyedQuota;
use std::collections::BTreeMap;
use std::sync::Arc;
use tickwire::limits::TEXT_BYTES_MAX;
use tickwire::message::topics::{Author, Receipt, ServerTopic, TopicRefusal};

/// A message before it has an id.
#[derive(Debug)]
pub(super) struct Saying {
    key: String,
    from: Option<Author>,
    body: String,
    is_for_game: bool,
}

impl Saying {
    /// The news that the server itself tells, about something with this key.
    pub(super) const fn of_server(key: String, body: String) -> Self {
        Self { key, from: None, body, is_for_game: false }
    }
}

impl Hub {
    /// Takes in the publications of a client, once for each of its numbers.
    pub(super) fn receive(&mut self, client: ClientId, name: &str, seq: u64, body: &str, now_ms: u64) -> Receipt {
        let player = self.clients[client].identity.player;
        if let Some(receipt) = self.players.find(player).and_then(|state| state.receipt(seq)) {
            return receipt;
        }
        match self.accept(client, name, body, now_ms) {
            Ok(receipt) => {
                if let Some(state) = self.players.find(player) {
                    state.remember(seq, receipt);
                }
                self.keep_receipt(client, seq, receipt, now_ms);
                receipt
            }
            Err(Refused { refusal, wait_ms }) => Receipt::Refused { refusal, wait_ms },
        }
    }

    fn accept(&mut self, client: ClientId, name: &str, body: &str, now_ms: u64) -> Result<Receipt, Refused> {
        let (topic, policy, role) = self.find(client, name, now_ms)?;
        if !policy.may_publish(role) {
            return Err(TopicRefusal::NoTopic.into());
        }
        self.check_player(client, &topic, &policy, now_ms)?;
        if let TopicName::Presence(code) = topic {
            let state = State::parse(body).ok_or(TopicRefusal::Text)?;
            self.show(client, code, state, now_ms);
            let newest = self.by_name.get(&TopicName::Presence(code)).map_or(self.base, |id| self.topics[*id].newest);
            return Ok(Receipt::Taken { id: newest, kept: true });
        }
        let body = self.clean(client, &policy, body)?;
        let from = Some(self.author(client, topic.room()));
        let id = self.topic(topic, policy, now_ms);
        if !self.topics[id].usage.take(policy::TOPIC, now_ms * 1_000) {
            return Err(Refused::for_ms(TopicRefusal::Busy, 1_000));
        }
        let saying = Saying { key: String::new(), from, body, is_for_game: policy.heard.contains(&role) };
        Ok(self.say(id, saying, now_ms))
    }

    /// Whether a player may say something in a topic now: it is not muted, not blocked by the one it speaks to, and
    /// neither the player nor its address has spoken too often.
    fn check_player(
        &mut self,
        client: ClientId,
        topic: &TopicName,
        policy: &Policy,
        now_ms: u64,
    ) -> Result<(), Refused> {
        let Identity { player, origin, .. } = self.clients[client].identity;
        if let TopicName::Player(other) = topic {
            // Only somebody who was here lately has a topic: otherwise anybody could make any number of them.
            let state = self.players.find(*other).ok_or(TopicRefusal::NoTopic)?;
            if state.has_blocked(player) {
                return Err(TopicRefusal::Blocked.into());
            }
        }
        let kind = topic.kind();
        let wait = |wait_ms| Refused::for_ms(TopicRefusal::Rate, wait_ms);
        if let Some(state) = self.players.find(player) {
            if state.is_muted(now_ms) {
                return Err(TopicRefusal::Muted.into());
            }
            state.take(kind, policy.rate, now_ms * 1_000).map_or(Ok(()), |wait_ms| Err(wait(wait_ms)))?;
        }
        if origin == Origin::EXEMPT {
            return Ok(());
        }
        let quota = policy.rate.times(self.limits.publishers_per_origin);
        let quotas = self.rates.entry(kind).or_insert_with(|| KeyedQuota::new(quota, ORIGINS_MAX));
        quotas.take(Some(origin), now_ms * 1_000).map_err(|seconds| wait(seconds * 1_000))
    }

    /// The text as others see it.
    fn clean(&self, client: ClientId, policy: &Policy, body: &str) -> Result<String, Refused> {
        if body.len() > policy.bytes_max.max(if policy.is_chat { TEXT_BYTES_MAX } else { 0 }) {
            return Err(TopicRefusal::Text.into());
        }
        let text = if policy.is_chat { clean_chat(body) } else { body.to_owned() };
        if text.is_empty() {
            return Err(TopicRefusal::Text.into());
        }
        match self.filter.filter(|_| policy.is_chat) {
            None => Ok(text),
            Some(filter) => match filter(&self.clients[client].identity.name, &text) {
                Verdict::Pass => Ok(text),
                Verdict::Replace(other) => Ok(other),
                Verdict::Refuse => Err(TopicRefusal::Text.into()),
            },
        }
    }

    /// Publishes as a service or as the server.
    ///
    /// # Errors
    /// The reason for which the message is refused.
    pub fn publish(
        &mut self,
        name: &str,
        by: Role,
        key: &str,
        body: &str,
        now_ms: u64,
    ) -> Result<Receipt, TopicRefusal> {
        let topic = TopicName::parse(name).ok_or(TopicRefusal::NoTopic)?;
        let policy = self.policy(&topic).ok_or(TopicRefusal::NoTopic)?;
        if !policy.may_publish(by) {
            return Err(TopicRefusal::NoTopic);
        }
        // A program is told that its text is too long: nobody would see that it was cut.
        let is_long = body.len() > policy.bytes_max || policy.is_chat && is_cut(body);
        let body = if policy.is_chat { clean_chat(body) } else { body.to_owned() };
        let needs_text = !matches!(policy.keeps, Keeps::Newest { .. });
        if is_long || body.is_empty() && needs_text {
            return Err(TopicRefusal::Text);
        }
        if let TopicName::Player(id) = &topic {
            self.players.find(*id).ok_or(TopicRefusal::NoTopic)?;
        }
        let id = self.topic(topic, policy, now_ms);
        let saying = Saying { key: key.to_owned(), from: None, body, is_for_game: policy.heard.contains(&by) };
        Ok(self.say(id, saying, now_ms))
    }

    pub(super) fn say(&mut self, id: TopicId, saying: Saying, now_ms: u64) -> Receipt {
        let Saying { key, from, body, is_for_game } = saying;
        let may_keep = self.kept_bytes < self.limits.kept_bytes_max;
        let message = ServerTopic::Message { number: 0, id: 0, key, from, at_ms: now_ms, body };
        let topic = &mut self.topics[id];
        let (delivery, kept, more) =
            topic.add(id, message, may_keep, Form { is_for_game, with_json: self.json_clients > 0 });
        self.kept_bytes = self.kept_bytes.saturating_add_signed(more);
        self.keep_line(id, &delivery, kept);
        self.broker.publish(delivery);
        self.drain_broker();
        Receipt::Taken { id: self.topics[id].newest, kept }
    }

    fn drain_broker(&mut self) {
        while let Some(delivery) = self.broker.poll() {
            let topic = delivery.topic.filter(|topic| self.topics.contains_key(*topic));
            if let Some(code) = topic.and_then(|topic| self.topics[topic].name.room()).filter(|_| delivery.is_for_game)
            {
                self.output.push_back(Output::Game { code, delivery: Arc::clone(&delivery) });
            }
            if let Some(topic) = topic.filter(|topic| !self.topics[*topic].subscribers.is_empty()) {
                self.output.push_back(Output::Topic { topic, delivery });
            }
        }
    }

    /// The public rooms of a game, as the lobby shows them: code and JSON. Only changes are published.
    pub fn list(&mut self, game: &str, rooms: &[(String, String)], now_ms: u64) {
        let topic = TopicName::Lobby(game.into());
        let Some(policy) = self.policy(&topic) else { return };
        let id = self.topic(topic, policy, now_ms);
        let known: BTreeMap<String, String> =
            self.topics[id].keys().map(|(key, body)| (key.to_owned(), body.to_owned())).collect();
        let is_listed = |key: &String| rooms.iter().any(|(code, _)| code == key);
        for key in known.keys().filter(|key| !is_listed(key)) {
            self.say(id, Saying::of_server(key.clone(), String::new()), now_ms);
        }
        for (code, body) in rooms.iter().filter(|(code, body)| known.get(code) != Some(body)) {
            self.say(id, Saying::of_server(code.clone(), body.clone()), now_ms);
        }
    }
}

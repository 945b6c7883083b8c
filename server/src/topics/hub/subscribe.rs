//! Subscriptions: the topic of a name, the roles of its hearers, and the messages that a subscriber has missed.

use super::{Hub, Identity, Refused};
use crate::room::Origin;
use crate::topics::policy::{Policy, Role};
use crate::topics::topic::Topic;
use crate::topics::{ClientId, Delivery, Output, TopicId, TopicName};
use std::sync::Arc;
use tickwire::limits::{TOPIC_BYTES_MAX, TOPICS_HEARD_MAX};
use tickwire::message::topics::{ServerTopic, TopicNumber, TopicRefusal};

impl Hub {
    /// The topic that a client names, and the client's role there.
    pub(super) fn find(
        &mut self,
        client: ClientId,
        name: &str,
        now_ms: u64,
    ) -> Result<(TopicName, Policy, Role), Refused> {
        let Identity { origin, room, .. } = &self.clients[client].identity;
        let guesser = Some(*origin).filter(|origin| *origin != Origin::EXEMPT);
        let topic = if name.len() > TOPIC_BYTES_MAX { None } else { TopicName::parse(name) };
        let topic = topic.ok_or(TopicRefusal::NoTopic)?;
        // A client that names the code of another room may be guessing it.
        let guesses = topic.room().is_some_and(|code| room.is_none_or(|(own, _)| own != code));
        if guesses && let Some(seconds) = self.guesses.wait_seconds(guesser, now_ms * 1_000) {
            return Err(Refused::for_ms(TopicRefusal::Rate, seconds * 1_000));
        }
        let is_private = |code| self.rooms.get(&code).is_some_and(|room| room.is_private);
        let is_hidden = guesses && topic.room().is_some_and(is_private);
        let Some(policy) = self.policy(&topic).filter(|_| !is_hidden) else {
            if guesses {
                let _ = self.guesses.take(guesser, now_ms * 1_000);
            }
            return Err(TopicRefusal::NoTopic.into());
        };
        let role = self.role(&self.clients[client].identity, &topic);
        Ok((topic, policy, role))
    }

    /// The policy of a topic; `None` when there is no such room, game or topic of a game.
    pub(super) fn policy(&self, topic: &TopicName) -> Option<Policy> {
        let own = match (topic.room(), topic) {
            (Some(code), _) => self.games[self.rooms.get(&code)?.game].own,
            (None, TopicName::Lobby(game) | TopicName::LobbyChat(game)) => {
                self.games.iter().find(|known| known.game == &**game)?.own
            }
            _ => &[],
        };
        Policy::of(topic, own)
    }

    /// The role of a client at a topic. A client that names the code of a room that is not
    /// private knows it, as a spectator would.
    fn role(&self, identity: &Identity, topic: &TopicName) -> Role {
        match topic {
            _ if identity.is_guest => Role::Guest,
            TopicName::Player(id) if *id == identity.player => Role::Owner,
            other if other.room().is_some() => Role::Member,
            _ => Role::Anyone,
        }
    }

    pub(super) fn subscribe(&mut self, client: ClientId, name: &str, after: Option<u64>, now_ms: u64) {
        if let Err(Refused { refusal, wait_ms }) = self.try_subscribe(client, name, after, now_ms) {
            let topic = name[..name.floor_char_boundary(TOPIC_BYTES_MAX)].into();
            self.tell(client, ServerTopic::Refused { topic, refusal, wait_ms });
        }
    }

    fn try_subscribe(&mut self, client: ClientId, name: &str, after: Option<u64>, now_ms: u64) -> Result<(), Refused> {
        let (topic, policy, role) = self.find(client, name, now_ms)?;
        if !policy.may_subscribe(role) {
            return Err(TopicRefusal::NoTopic.into());
        }
        let id = self.topic(topic, policy, now_ms);
        Ok(self.grant(client, id, policy.may_publish(role), after)?)
    }

    fn grant(
        &mut self,
        client: ClientId,
        id: TopicId,
        may_publish: bool,
        after: Option<u64>,
    ) -> Result<(), TopicRefusal> {
        let state = &mut self.clients[client];
        let place = state.number_of(id).or_else(|| state.heard.iter().position(Option::is_none));
        let place = place.unwrap_or(state.heard.len());
        let number = TopicNumber::try_from(place).map_err(|_| TopicRefusal::TooMany)?;
        if place >= TOPICS_HEARD_MAX {
            return Err(TopicRefusal::TooMany);
        }
        if place == state.heard.len() {
            state.heard.push(None);
        }
        state.heard[place] = Some(id);
        let topic = &mut self.topics[id];
        topic.subscribers.insert(client);
        let missed = topic.missed(after);
        let message = ServerTopic::Granted {
            number,
            topic: (*topic.text).into(),
            newest: topic.newest,
            may_publish,
            bytes_max: u16::try_from(topic.policy.bytes_max).unwrap_or(u16::MAX),
        };
        let mut granted = Delivery::new(Some(id), &topic.text, message);
        (granted.next, granted.keyed) = (missed.next, topic.is_keyed());
        let text = Arc::clone(&topic.text);
        let marks: Vec<_> = topic.marks.iter().map(|(player, marks)| marks.of(*player)).collect();
        let to_client = |delivery| Output::Client { client, delivery };
        self.output.push_back(to_client(Arc::new(granted)));
        if let Some((from, to)) = missed.gap {
            let gap = Delivery::new(Some(id), &text, ServerTopic::Gap { number, from, to });
            self.output.push_back(to_client(Arc::new(gap)));
        }
        self.output.extend(missed.messages.into_iter().map(to_client));
        let marks = marks.into_iter().map(|mark| Arc::new(Delivery::new(Some(id), &text, mark)));
        self.output.extend(marks.map(to_client));
        Ok(())
    }

    /// The topic of a name, which begins if need be.
    pub(super) fn topic(&mut self, name: TopicName, policy: Policy, now_ms: u64) -> TopicId {
        if let Some(id) = self.by_name.get(&name) {
            return *id;
        }
        let id = self.begin(name.clone(), policy, self.base);
        if let TopicName::Presence(code) = name {
            self.show_all(code, now_ms);
        }
        id
    }

    /// Begins a topic that is not there.
    pub(super) fn begin(&mut self, name: TopicName, policy: Policy, base: u64) -> TopicId {
        let id = self.topics.insert(Topic::new(name.clone(), policy, base));
        self.broker.subscribe(&self.topics[id].text);
        self.by_name.insert(name, id);
        id
    }

    pub(super) fn unsubscribe(&mut self, client: ClientId, number: TopicNumber) {
        let Some(id) = self.clients[client].topic(number) else { return };
        self.clients[client].heard[usize::from(number)] = None;
        let Some(topic) = self.topics.get_mut(id) else { return };
        topic.subscribers.remove(&client);
        let text = Arc::clone(&topic.text);
        let ended = Delivery::new(Some(id), &text, ServerTopic::Ended { number });
        self.output.push_back(Output::Client { client, delivery: Arc::new(ended) });
        self.end_if_unused(id);
    }

    /// The number that a client has for the topic of this name.
    #[must_use]
    pub fn number_of(&self, client: ClientId, name: &str) -> Option<TopicNumber> {
        let topic = self.by_name.get(&TopicName::parse(name)?)?;
        TopicNumber::try_from(self.clients.get(client)?.number_of(*topic)?).ok()
    }
}

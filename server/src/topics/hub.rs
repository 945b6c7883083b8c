//! The hub: the subscribers of topics, the order of messages, and the messages that are kept. It has no socket, clock or thread.
//!
//! ```text
//! enter, handle, publish, open_room, list → Hub → poll: Output for one client, or for all subscribers of a topic
//! ```

mod keeping;
mod people;
mod publish;
mod subscribe;

use super::broker::{Broker, LocalBroker};
use super::players::Players;
use super::presence::{Presence, State};
use super::topic::Topic;
use super::{ChatFilter, ClientId, Delivery, Output, TopicId, TopicName};
use crate::limits::{KEPT_BYTES_MAX, MARKS_MS, ORIGINS_MAX, PUBLISHERS_PER_ADDRESS, TOPIC_GUESSES_PER_MINUTE};
use crate::lobby::Code;
use crate::room::Origin;
use crate::websocket::rate::{KeyedQuota, Quota};
use keeping::Keeping;
use slotmap::SlotMap;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tickwire::message::topics::{ClientTopic, PlayerId, ServerTopic, TopicNumber, TopicRefusal};
use tickwire::{OwnTopic, Seat};

/// A game, as far as topics are concerned.
#[derive(Debug, Clone, Copy)]
pub struct GameTopics {
    /// The name of the game.
    pub game: &'static str,
    /// The topics that its rooms have beside those of every room.
    pub own: &'static [OwnTopic],
}

/// The identity of a client.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The player.
    pub player: PlayerId,
    /// Whether the player has a key, and so can come back as the same one.
    pub may_return: bool,
    /// Whether nobody vouches for the player, where somebody has to.
    pub is_guest: bool,
    /// The name that others see.
    pub name: String,
    /// The room that the client is a member of, and its seat there.
    pub room: Option<(Code, Option<Seat>)>,
    /// Whether the client reads JSON.
    pub reads_json: bool,
    /// Where the connection comes from.
    pub origin: Origin,
}

impl Identity {
    /// Whether the client plays in a room.
    fn has_seat_in(&self, room: Code) -> bool {
        self.room.is_some_and(|(own, seat)| own == room && seat.is_some())
    }
}

/// The way in which a client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It has left for good.
    Left,
    /// Its connection is lost, and it may come back.
    Lost,
}

#[derive(Debug)]
struct Client {
    identity: Identity,
    /// The topics that the client hears, at the place of their numbers.
    heard: Vec<Option<TopicId>>,
    /// The rooms in which the client is shown.
    shown: Vec<Code>,
    /// Whether the client was told the name that others see.
    knows_itself: bool,
}

impl Client {
    fn topic(&self, number: TopicNumber) -> Option<TopicId> {
        *self.heard.get(usize::from(number))?
    }

    fn number_of(&self, topic: TopicId) -> Option<usize> {
        self.heard.iter().position(|heard| *heard == Some(topic))
    }
}

/// A refusal, and the milliseconds after which it is worth trying again; 0 when it is not.
#[derive(Debug, Clone, Copy)]
struct Refused {
    refusal: TopicRefusal,
    wait_ms: u32,
}

impl Refused {
    fn for_ms(refusal: TopicRefusal, wait_ms: u64) -> Self {
        Self { refusal, wait_ms: u32::try_from(wait_ms).unwrap_or(u32::MAX) }
    }
}

impl From<TopicRefusal> for Refused {
    fn from(refusal: TopicRefusal) -> Self {
        Self { refusal, wait_ms: 0 }
    }
}

/// A room that is open, with its game.
#[derive(Debug, Clone, Copy)]
struct OpenRoom {
    game: usize,
    /// Whether the topics of the room are those of its members alone.
    is_private: bool,
}

/// The limits of a hub that depend on where its server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubLimits {
    /// Bytes of all messages that are kept. Default: [`KEPT_BYTES_MAX`].
    pub kept_bytes_max: usize,
    /// Players who may share one origin when they write. Default: [`PUBLISHERS_PER_ADDRESS`].
    pub publishers_per_origin: u32,
    /// Codes of rooms that one origin may try in vain per minute. Default: [`TOPIC_GUESSES_PER_MINUTE`].
    pub guesses_per_minute: u32,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            kept_bytes_max: KEPT_BYTES_MAX,
            publishers_per_origin: PUBLISHERS_PER_ADDRESS,
            guesses_per_minute: TOPIC_GUESSES_PER_MINUTE,
        }
    }
}

/// The hub.
pub struct Hub {
    limits: HubLimits,
    games: Vec<GameTopics>,
    filter: Option<ChatFilter>,
    /// The id before the first message of each topic that begins now: larger than all ids of an earlier hub, and of a
    /// topic that has ended.
    base: u64,
    topics: SlotMap<TopicId, Topic>,
    by_name: BTreeMap<TopicName, TopicId>,
    clients: SlotMap<ClientId, Client>,
    players: Players,
    rooms: BTreeMap<Code, OpenRoom>,
    presence: Presence,
    rates: BTreeMap<u8, KeyedQuota<Origin>>,
    guesses: KeyedQuota<Origin>,
    broker: Box<dyn Broker>,
    output: VecDeque<Output>,
    kept_bytes: usize,
    marks_told_ms: u64,
    /// Clients that read JSON.
    json_clients: usize,
    keeping: Keeping,
}

impl Hub {
    /// A hub for these games that starts at this time. Ids go on from the time, so that they are larger than those of a
    /// hub that ran before: a message a millisecond for every second that it ran would not reach them.
    #[must_use]
    pub fn new(games: Vec<GameTopics>, filter: Option<ChatFilter>, now_ms: u64) -> Self {
        let limits = HubLimits::default();
        Self {
            limits,
            games,
            filter,
            base: now_ms << 20,
            topics: SlotMap::with_key(),
            by_name: BTreeMap::new(),
            clients: SlotMap::with_key(),
            players: Players::default(),
            rooms: BTreeMap::new(),
            presence: Presence::default(),
            rates: BTreeMap::new(),
            guesses: KeyedQuota::new(Quota::per_minute(limits.guesses_per_minute), ORIGINS_MAX),
            broker: Box::new(LocalBroker::default()),
            output: VecDeque::new(),
            kept_bytes: 0,
            marks_told_ms: now_ms,
            json_clients: 0,
            keeping: Keeping::default(),
        }
    }

    /// The same hub with other limits, before anybody is there.
    #[must_use]
    pub fn limited(mut self, limits: HubLimits) -> Self {
        self.guesses.set(Quota::per_minute(limits.guesses_per_minute), ORIGINS_MAX);
        Self { limits, ..self }
    }

    /// A room has been opened; the topics of a private one are there for its members and for nobody else.
    pub fn open_room(&mut self, code: Code, game: usize, is_private: bool) {
        self.rooms.insert(code, OpenRoom { game, is_private });
        self.go_on_in(code);
    }

    /// The player behind a client.
    #[must_use]
    pub fn player_of(&self, client: ClientId) -> Option<PlayerId> {
        self.clients.get(client).map(|client| client.identity.player)
    }

    /// The seat of a client in its room.
    #[must_use]
    pub fn seat_of(&self, client: ClientId) -> Option<Seat> {
        self.clients.get(client)?.identity.room?.1
    }

    /// The name of a client, as others see it.
    #[must_use]
    pub fn name_of(&self, client: ClientId) -> Option<&str> {
        self.clients.get(client).map(|client| client.identity.name.as_str())
    }

    /// A room has ended, and with it its topics.
    pub fn close_room(&mut self, code: Code) {
        self.rooms.remove(&code);
        self.presence.forget_room(code);
        let ended: Vec<_> =
            self.by_name.iter().filter(|(name, _)| name.room() == Some(code)).map(|(_, id)| *id).collect();
        ended.into_iter().for_each(|topic| self.end(topic));
    }

    fn end(&mut self, id: TopicId) {
        let Some(topic) = self.topics.remove(id) else { return };
        // The topic may begin again, and a subscriber of before come back to it: ids go on.
        self.base = self.base.max(topic.newest);
        self.by_name.remove(&topic.name);
        self.keep_end(&topic);
        self.broker.leave(&topic.text);
        self.kept_bytes -= topic.kept_bytes();
        for client in &topic.subscribers {
            let Some(state) = self.clients.get_mut(*client) else { continue };
            if let Some(place) = state.number_of(id) {
                state.heard[place] = None;
            }
        }
        let delivery = Delivery::new(Some(id), &topic.text, ServerTopic::Ended { number: 0 });
        self.output.push_back(Output::Topic { topic: id, delivery: Arc::new(delivery) });
        self.output.push_back(Output::Over { topic: id });
    }

    /// A client comes. The first message about topics that it receives names its own player; a member of a room
    /// receives it when it asks for anything.
    pub fn enter(&mut self, identity: Identity, now_ms: u64) -> ClientId {
        let (player, name) = (identity.player, identity.name.clone());
        if let Some(forgotten) = self.players.come(player, identity.may_return) {
            self.keep_forgotten(forgotten);
        }
        self.json_clients += usize::from(identity.reads_json);
        let visits = identity.room.is_none();
        let client =
            self.clients.insert(Client { identity, heard: Vec::new(), shown: Vec::new(), knows_itself: visits });
        if visits {
            self.tell(client, ServerTopic::You { player, name });
        }
        if let Some((code, _)) = self.clients[client].identity.room
            && self.by_name.contains_key(&TopicName::Presence(code))
        {
            self.show(client, code, State::Here, now_ms);
        }
        client
    }

    /// A client is gone.
    pub fn leave(&mut self, id: ClientId, how: Farewell, now_ms: u64) {
        let Some(client) = self.clients.remove(id) else { return };
        for topic in client.heard.iter().flatten() {
            if let Some(topic) = self.topics.get_mut(*topic) {
                topic.subscribers.remove(&id);
            }
        }
        self.players.go(client.identity.player, now_ms);
        self.json_clients -= usize::from(client.identity.reads_json);
        for code in client.shown {
            if let Some(change) = self.presence.leave(id, code, how == Farewell::Lost, now_ms) {
                self.publish_presence(code, change, now_ms);
            }
        }
        client.heard.into_iter().flatten().for_each(|topic| self.end_if_unused(topic));
    }

    /// Ends a topic that nobody hears and of which nothing is kept. A room's topics last as long as the room.
    fn end_if_unused(&mut self, id: TopicId) {
        let is_unused = |topic: &Topic| topic.subscribers.is_empty() && topic.is_empty() && topic.name.room().is_none();
        if self.topics.get(id).is_some_and(is_unused) {
            self.end(id);
        }
    }

    /// Takes in a message of a client.
    pub fn handle(&mut self, client: ClientId, message: ClientTopic, now_ms: u64) {
        let Some(state) = self.clients.get_mut(client) else { return };
        if !std::mem::replace(&mut state.knows_itself, true) {
            let (player, name) = (state.identity.player, state.identity.name.clone());
            self.tell(client, ServerTopic::You { player, name });
        }
        match message {
            ClientTopic::Subscribe { topic, after } => self.subscribe(client, &topic, after, now_ms),
            ClientTopic::Leave { number } => self.unsubscribe(client, number),
            ClientTopic::Publish { topic, seq, body } => {
                let receipt = self.receive(client, &topic, seq, &body, now_ms);
                self.tell(client, ServerTopic::Receipt { seq, receipt });
            }
            ClientTopic::Mark { number, id, read } => self.mark(client, number, id, read),
            ClientTopic::Block { player, blocked } => {
                let own = self.clients[client].identity.player;
                if self.players.find(own).is_some_and(|state| state.block(player, blocked)) {
                    self.keep_block(client, player, blocked);
                }
            }
        }
    }

    /// Does the work that is due: old messages and players are forgotten, marks are told, states of presence end. It is to be
    /// called several times a second.
    pub fn advance(&mut self, now_ms: u64) {
        for (code, change) in self.presence.expire(now_ms) {
            self.publish_presence(code, change, now_ms);
        }
        if now_ms < self.marks_told_ms + MARKS_MS {
            return;
        }
        self.marks_told_ms = now_ms;
        for player in self.players.forget_old(now_ms) {
            self.keep_forgotten(player);
            let topic = self.by_name.get(&TopicName::Player(player)).copied();
            topic.into_iter().for_each(|topic| self.end(topic));
        }
        self.guesses.forget_untouched(now_ms * 1_000);
        self.rates.values_mut().for_each(|quota| quota.forget_untouched(now_ms * 1_000));
        for (id, topic) in &mut self.topics {
            self.kept_bytes -= topic.forget_old(now_ms);
            if topic.words_left > 0 && !topic.subscribers.is_empty() {
                topic.words_left -= 1;
                let delivery = Arc::new(Delivery::word_of(id, &topic.text, topic.newest));
                self.output.push_back(Output::Topic { topic: id, delivery });
            }
            for player in std::mem::take(&mut topic.marked) {
                let marks = topic.marks[&player];
                let delivery = Arc::new(Delivery::new(Some(id), &topic.text, marks.of(player)));
                self.output.push_back(Output::Topic { topic: id, delivery });
            }
        }
        let all: Vec<TopicId> = self.topics.keys().collect();
        all.into_iter().for_each(|id| self.end_if_unused(id));
    }

    fn tell(&mut self, client: ClientId, message: ServerTopic) {
        self.output.push_back(Output::Client { client, delivery: Arc::new(Delivery::answer(message)) });
    }

    /// The next thing to deliver.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Bytes of the messages that are kept.
    #[must_use]
    pub const fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }
}

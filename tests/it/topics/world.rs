//! A hub with its clients in simulated time: connections carry bytes with delay, and lose what is on its way when they
//! break.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tickwire::Rng;
use tickwire::client::Topics;
use tickwire::message::topics::{ClientTopic, PlayerId, PlayerKey, Receipt, ServerTopic};
use tickwire_server::lobby::Code;
use tickwire_server::room::Origin;
use tickwire_server::topics::{ClientId, Farewell, GameTopics, Hub, Identity, Lane, Output, player_id};

/// Milliseconds of one step of the world.
const STEP_MS: u64 = 50;

/// The topic of the storms.
const CODE: &str = "C4FK9T";

/// A connection that is open.
struct Connection {
    id: ClientId,
    lane: Lane,
    up: VecDeque<(u64, Vec<u8>)>,
    down: VecDeque<(u64, Vec<u8>)>,
    /// Messages that the client reads in one step: none for a dead reader.
    reads: usize,
}

/// A client with all that it was told.
pub(super) struct Client {
    pub(super) player: PlayerId,
    topics: Topics,
    connection: Option<Connection>,
    dials_at_ms: u64,
    /// The ids and texts of its messages, in the order in which they came.
    pub(super) messages: Vec<(u64, String)>,
    pub(super) gaps: Vec<(u64, u64)>,
    /// The messages and gaps of the topic in the order in which they came: ranges of ids.
    pub(super) course: Vec<(u64, u64)>,
    first: Option<u64>,
    said: BTreeMap<u64, String>,
    pub(super) receipts: BTreeMap<u64, Receipt>,
}

impl Client {
    pub(super) fn heard(&self) -> usize {
        self.messages.len()
    }
}

/// A hub and its clients.
pub(super) struct World {
    rng: Rng,
    hub: Hub,
    pub(super) now_ms: u64,
    pub(super) clients: Vec<Client>,
    /// The truth: every message that a hub has delivered, by id.
    log: BTreeMap<u64, String>,
    pub(super) reconnects: u64,
    pub(super) restarts: u64,
    /// Texts that were on their way when a server ended: nobody can know whether it had them.
    in_doubt: BTreeSet<String>,
    texts: u64,
}

fn hub(now_ms: u64) -> Hub {
    let mut hub = Hub::new(vec![GameTopics { game: "paddles", own: &[] }], None, now_ms);
    hub.open_room(Code::parse(CODE).unwrap(), 0, false);
    hub
}

impl World {
    /// A world with so many clients, of which the first never loses its connection: it is the witness.
    pub(super) fn new(seed: u64, clients: u8) -> Self {
        let now_ms = 1_700_000_000_000;
        let mut world = Self {
            rng: Rng::new(seed),
            hub: hub(now_ms),
            now_ms,
            clients: Vec::new(),
            log: BTreeMap::new(),
            reconnects: 0,
            restarts: 0,
            in_doubt: BTreeSet::new(),
            texts: 0,
        };
        for number in 0..clients {
            let player = player_id(PlayerKey([number; 16]));
            let mut topics = Topics::new(1 + u64::from(number) * 1_000_000);
            topics.subscribe(&topic());
            world.clients.push(Client {
                player,
                topics,
                connection: None,
                dials_at_ms: 0,
                messages: Vec::new(),
                gaps: Vec::new(),
                course: Vec::new(),
                first: None,
                said: BTreeMap::new(),
                receipts: BTreeMap::new(),
            });
        }
        world
    }

    fn one_in(&mut self, chances: u32) -> bool {
        self.rng.next_u32().is_multiple_of(chances)
    }

    /// So many steps in which clients speak, break off and read slowly; with `restart_steps`, the server starts again
    /// about that often.
    pub(super) fn storm(&mut self, steps: u32, restart_steps: u32) {
        for step in 0..steps {
            if restart_steps > 0 && (step + 1).is_multiple_of(restart_steps) {
                self.restart();
            }
            for index in 0..self.clients.len() {
                if self.one_in(12) {
                    self.say(index);
                }
                if index > 0 && self.one_in(60) {
                    self.break_off(index);
                }
                if index > 0 && self.one_in(40) {
                    let reads = [0, 0, 1, 2, 50][self.rng.next_u32() as usize % 5];
                    self.clients[index].connection.iter_mut().for_each(|connection| connection.reads = reads);
                }
            }
            self.step();
        }
    }

    fn say(&mut self, index: usize) {
        self.texts += 1;
        let text = format!("text {} of {index}", self.texts);
        let client = &mut self.clients[index];
        let seq = client.topics.publish(&topic(), &text);
        client.said.insert(seq, text);
    }

    fn break_off(&mut self, index: usize) {
        let wait_ms = u64::from(self.rng.next_u32() % 4_000);
        let now_ms = self.now_ms;
        let client = &mut self.clients[index];
        let Some(connection) = client.connection.take() else { return };
        client.topics.handle_closed();
        client.dials_at_ms = now_ms + wait_ms;
        self.hub.leave(connection.id, Farewell::Lost, now_ms);
        self.reconnects += 1;
    }

    fn restart(&mut self) {
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            let unanswered = client.said.iter().filter(|(seq, _)| !client.receipts.contains_key(*seq));
            self.in_doubt.extend(unanswered.map(|(_, text)| text.clone()));
            if client.connection.take().is_some() {
                client.topics.handle_closed();
                client.dials_at_ms = self.now_ms + 500;
            }
        }
        self.now_ms += 1_000;
        self.hub = hub(self.now_ms);
        self.restarts += 1;
    }

    /// Runs until everything is delivered: all connections hold, and everybody reads.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_200 {
            self.clients.iter_mut().filter_map(|client| client.connection.as_mut()).for_each(|open| open.reads = 50);
            self.step();
        }
    }

    fn step(&mut self) {
        self.now_ms += STEP_MS;
        for index in 0..self.clients.len() {
            if self.clients[index].connection.is_none() && self.clients[index].dials_at_ms <= self.now_ms {
                self.dial(index);
            }
            self.move_up(index);
        }
        self.hub.advance(self.now_ms);
        self.deliver();
        (0..self.clients.len()).for_each(|index| self.move_down(index));
    }

    fn dial(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let seat = None;
        let identity = Identity {
            player: client.player,
            may_return: true,
            is_guest: false,
            name: format!("client {index}"),
            room: Some((Code::parse(CODE).unwrap(), seat)),
            reads_json: false,
            origin: Origin::EXEMPT,
        };
        let id = self.hub.enter(identity, self.now_ms);
        let (up, down) = (VecDeque::new(), VecDeque::new());
        client.connection = Some(Connection { id, lane: Lane::default(), up, down, reads: 50 });
        client.topics.handle_opened();
    }

    /// Bytes of a client move to the server.
    fn move_up(&mut self, index: usize) {
        let delay_ms = u64::from(self.rng.next_u32() % 200);
        let now_ms = self.now_ms;
        let client = &mut self.clients[index];
        client.topics.advance(now_ms * 1_000);
        let Some(connection) = &mut client.connection else { return };
        while let Some(message) = client.topics.poll_transmit() {
            let due_ms = connection.up.back().map_or(0, |(due_ms, _)| *due_ms).max(now_ms + delay_ms);
            connection.up.push_back((due_ms, message));
        }
        while let Some((_, message)) = connection.up.pop_front_if(|(due_ms, _)| *due_ms <= now_ms) {
            self.hub.handle(connection.id, ClientTopic::decode(&message).unwrap(), now_ms);
        }
    }

    /// The hub's output moves into lanes. A shard that has too much to do loses some of it.
    fn deliver(&mut self) {
        while let Some(output) = self.hub.poll() {
            match output {
                Output::Client { client, delivery } => {
                    let mut open = self.clients.iter_mut().filter_map(|client| client.connection.as_mut());
                    open.find(|open| open.id == client).into_iter().for_each(|open| open.lane.push(&delivery));
                }
                Output::Topic { delivery, .. } => {
                    if let ServerTopic::Message { id, key, body, .. } = &delivery.message
                        && key.is_empty()
                    {
                        assert_eq!(self.log.insert(*id, body.clone()), None, "an id was given twice");
                    }
                    for client in &mut self.clients[1..] {
                        let is_lost = self.rng.next_u32().is_multiple_of(50);
                        client.connection.iter_mut().filter(|_| !is_lost).for_each(|open| open.lane.push(&delivery));
                    }
                    self.clients[0].connection.iter_mut().for_each(|open| open.lane.push(&delivery));
                }
                Output::Over { .. } | Output::Game { .. } => {}
            }
        }
    }

    /// Bytes of the server move to a client.
    fn move_down(&mut self, index: usize) {
        let delay_ms = u64::from(self.rng.next_u32() % 200);
        let now_ms = self.now_ms;
        let client = &mut self.clients[index];
        if let Some(connection) = &mut client.connection {
            for _ in 0..connection.reads {
                let Some(item) = connection.lane.poll() else { break };
                let mut message = Vec::new();
                item.put(&mut message);
                let due_ms = connection.down.back().map_or(0, |(due_ms, _)| *due_ms).max(now_ms + delay_ms);
                connection.down.push_back((due_ms, message));
            }
            while let Some((_, message)) = connection.down.pop_front_if(|(due_ms, _)| *due_ms <= now_ms) {
                client.topics.handle(&message, now_ms * 1_000).unwrap();
            }
        }
        client.hear();
    }

    /// Holds everything that clients were told against the truth.
    pub(super) fn check(&self) {
        for (index, client) in self.clients.iter().enumerate() {
            client.check_course(index, &self.log);
            client.check_receipts(index, &self.log, &self.in_doubt);
        }
        let mut seen = BTreeSet::new();
        for text in self.log.values() {
            assert!(seen.insert(text) || self.in_doubt.contains(text), "{text} was said twice");
        }
    }
}

fn topic() -> String {
    format!("room/{CODE}")
}

impl Client {
    fn hear(&mut self) {
        while let Some(news) = self.topics.poll() {
            match news.message {
                ServerTopic::Granted { newest, .. } => {
                    self.first.get_or_insert(newest);
                }
                ServerTopic::Message { id, body, .. } => {
                    self.messages.push((id, body));
                    self.course.push((id, id));
                }
                ServerTopic::Gap { from, to, .. } => {
                    self.gaps.push((from, to));
                    self.course.push((from, to));
                }
                ServerTopic::Receipt { seq, receipt } => {
                    assert_eq!(self.receipts.insert(seq, receipt), None, "one receipt for each message");
                }
                _ => {}
            }
        }
    }

    /// Ids came in order and once, with the texts that they have, and all that is missing was said.
    fn check_course(&self, index: usize, log: &BTreeMap<u64, String>) {
        let mut next = 0;
        for (from, to) in &self.course {
            assert!(from <= to && *from >= next, "client {index}: {from} to {to} after {next}");
            assert!(next == 0 || *from == next, "client {index}: {next} to {from} is missing and was not said");
            next = to + 1;
        }
        for (id, text) in &self.messages {
            assert_eq!(log.get(id), Some(text), "client {index}: message {id}");
        }
        let newest = log.last_key_value().map_or(0, |(id, _)| *id);
        assert_eq!(next, newest + 1, "client {index} has not come to the end");
    }

    /// Each message has a receipt, and each receipt is true.
    fn check_receipts(&self, index: usize, log: &BTreeMap<u64, String>, in_doubt: &BTreeSet<String>) {
        for (seq, text) in &self.said {
            match self.receipts.get(seq) {
                Some(Receipt::Taken { id, .. }) => {
                    assert_eq!(log.get(id), Some(text), "client {index}: receipt of {seq}")
                }
                Some(Receipt::Refused { .. }) => {
                    let was_said = log.values().any(|said| said == text);
                    assert!(!was_said || in_doubt.contains(text), "client {index}: {text} was refused and said");
                }
                None => panic!("client {index}: {text} has no receipt"),
            }
        }
    }
}

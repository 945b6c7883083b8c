//! The thread of topics: it owns the hub, and the sockets of everybody who hears topics without being in a room.
//!
//! ```text
//! shard: message of a member ─┐                        ┌→ shard: lane of each member
//! net: orders, visitors ──────┴→ Hub (sans-IO) → routes ┴→ lane of each visitor → socket
//! ```
//!
//! A shard is told once per message, however many of its members hear the topic. Nobody waits for this
//! thread: a shard that finds its inbox full refuses the message.

mod briefings;
mod news_box;
mod routes;
mod visitor;

use crate::clock::{Clock, unix_ms};
use crate::gate::Gate;
use crate::kept::KeptLog;
use crate::limits::{CLOSE_DRAIN, HUB_PASS, SHARD_BACKLOG_MAX};
use crate::lobby::{Code, Place, RoomId};
use crate::mailbox::{Command, FromShard, Listeners, MemberAt, ShardLink, TopicsOrder, Undelivered};
use crate::matchmaking::{GameQueue, MatchOrder, Matchmaking, Output as Matched};
use crate::metrics::Metrics;
use crate::operators::Console;
use crate::threads::{ThreadHealth, give_way};
use crate::topics::policy::Role;
use crate::topics::{ChatFilter, ClientId, Delivery, Farewell, GameTopics, Hub, HubLimits, Lane, Output, TopicId};
use briefings::{BriefBox, Briefings};
use news_box::NewsBox;
use routes::Routes;
use slotmap::SecondaryMap;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use tickwire::message::close::CloseCode;
use tickwire::message::topics::{PlayerId, ServerTopic};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{Notify, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until, timeout};

/// The niceness of the thread: on a busy host it gives way to shards.
const NICENESS: i32 = 5;

/// The channels and shared values that the thread receives at its start.
pub(crate) struct ExchangeSetup {
    pub(crate) games: Vec<GameTopics>,
    pub(crate) filter: Option<ChatFilter>,
    pub(crate) hub_limits: HubLimits,
    pub(crate) visitors_max: usize,
    pub(crate) queues: Vec<GameQueue>,
    pub(crate) matches: Sender<MatchOrder>,
    pub(crate) gate: Arc<Gate>,
    /// The place where messages outlive the process.
    pub(crate) kept: Option<Arc<KeptLog>>,
    pub(crate) members: Receiver<(usize, FromShard)>,
    pub(crate) orders: Receiver<TopicsOrder>,
    pub(crate) shards: Vec<ShardLink>,
    pub(crate) console: Arc<Console>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) health: Arc<ThreadHealth>,
}

/// Where a client is.
#[derive(Debug, Clone)]
enum Position {
    /// In a room of a shard.
    Room(usize, MemberAt),
    /// A visitor, with its lane.
    Visit(Rc<Stall>),
}

/// The place of a visitor: the messages and the news for it, and the bell that wakes its task.
#[derive(Debug, Default)]
struct Stall {
    lane: RefCell<Lane>,
    news: RefCell<NewsBox>,
    briefs: RefCell<BriefBox>,
    bell: Notify,
    /// Whether the visitor has to go (4001).
    is_expelled: Cell<bool>,
}

/// A shard, and the messages that it could not take at once.
struct ShardQueue {
    link: ShardLink,
    backlog: VecDeque<(Listeners, Arc<Delivery>)>,
}

impl ShardQueue {
    fn tell(&mut self, to: Listeners, delivery: Arc<Delivery>) {
        self.flush();
        if !self.backlog.is_empty() || !self.try_tell(to, &delivery) {
            if self.backlog.len() >= SHARD_BACKLOG_MAX {
                // The oldest are lost, and the ids of those that follow say so.
                self.backlog.pop_front();
            }
            self.backlog.push_back((to, delivery));
        }
    }

    /// Whether the shard has taken it, or never will.
    fn try_tell(&self, to: Listeners, delivery: &Arc<Delivery>) -> bool {
        let tell = Command::Tell { to, delivery: Arc::clone(delivery), detours: 0 };
        self.link.send(tell) != Err(Undelivered::Full)
    }

    fn flush(&mut self) {
        while let Some((to, delivery)) = self.backlog.front() {
            if !self.try_tell(*to, delivery) {
                return;
            }
            self.backlog.pop_front();
        }
    }
}

/// The state of the thread.
struct Exchange {
    hub: Hub,
    matchmaking: Matchmaking,
    match_orders: Sender<MatchOrder>,
    gate: Arc<Gate>,
    kept: Option<Arc<KeptLog>>,
    places: SecondaryMap<ClientId, Position>,
    rooms: BTreeMap<Code, Place>,
    members: BTreeMap<MemberAt, ClientId>,
    routes: Routes,
    shards: Vec<ShardQueue>,
    console: Arc<Console>,
    briefings: Briefings,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// The time at which the clock stood at zero, in milliseconds since 1970.
    started_ms: u64,
    stop: watch::Sender<Option<CloseCode>>,
    visitors: usize,
    visitors_max: usize,
}

/// The state, as the tasks of the thread share it: no task keeps it over a wait.
struct Shared(RefCell<Exchange>);

impl Shared {
    fn get(&self) -> RefMut<'_, Exchange> {
        self.0.borrow_mut()
    }
}

/// Runs until an order stops the thread and all visitors are gone.
pub(crate) fn run(setup: ExchangeSetup) -> std::io::Result<()> {
    give_way(NICENESS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let ExchangeSetup {
            games, filter, queues, matches, gate, kept, shards, console, metrics, clock, health, ..
        } = setup;
        let now_ms = unix_ms();
        let mut hub = Hub::new(games, filter, now_ms).limited(setup.hub_limits);
        if let Some(kept) = &kept {
            hub = kept.read(|kept| hub.go_on_from(&kept.topics, now_ms));
        }
        let (mut members, mut orders) = (setup.members, setup.orders);
        let exchange = Rc::new(Shared(RefCell::new(Exchange {
            hub,
            matchmaking: Matchmaking::new(queues),
            match_orders: matches,
            gate,
            kept,
            started_ms: unix_ms().saturating_sub(clock.now_us() / 1_000),
            places: SecondaryMap::new(),
            rooms: BTreeMap::new(),
            members: BTreeMap::new(),
            routes: Routes::default(),
            shards: shards.into_iter().map(|link| ShardQueue { link, backlog: VecDeque::new() }).collect(),
            console,
            briefings: Briefings::default(),
            metrics,
            clock,
            stop: watch::Sender::new(None),
            visitors: 0,
            visitors_max: setup.visitors_max,
        })));
        let mut pass_at = Instant::now() + HUB_PASS;
        loop {
            tokio::select! {
                biased;
                // A room is opened before anybody enters it: so orders come before messages of members.
                order = orders.recv() => match order {
                    Some(TopicsOrder::Stop(code)) => break stop(&exchange, code).await,
                    Some(TopicsOrder::Visit(new)) => drop(spawn_local(visitor::serve(Rc::clone(&exchange), *new))),
                    Some(order) => exchange.get().obey(order),
                    None => break stop(&exchange, CloseCode::Away).await,
                },
                () = sleep_until(pass_at) => {
                    pass_at = Instant::now() + HUB_PASS;
                    health.works();
                    exchange.get().pass();
                }
                told = members.recv() => match told {
                    Some((shard, told)) => exchange.get().hear_member(shard, told),
                    // All shards have ended; the order to stop follows.
                    None => sleep_until(pass_at).await,
                },
            }
        }
        Ok(())
    })
}

/// Tells all visitors that the server stops, and waits until they are gone, for a moment at the most.
async fn stop(exchange: &Shared, code: CloseCode) {
    let stop = exchange.get().stop.clone();
    stop.send_replace(Some(code));
    let _ = timeout(CLOSE_DRAIN, stop.closed()).await;
}

impl Exchange {
    /// Milliseconds since 1970. The clock of the machine is read once, because somebody may set it back, and rates would
    /// then stand still for as long.
    fn now_ms(&self) -> u64 {
        self.started_ms + self.clock.now_us() / 1_000
    }

    fn obey(&mut self, order: TopicsOrder) {
        let now_ms = self.now_ms();
        match order {
            TopicsOrder::OpenRoom { code, place, game, is_private } => {
                self.hub.open_room(code, game, is_private);
                self.rooms.insert(code, place);
            }
            TopicsOrder::CloseRoom { room, code } => self.close_room(room, code, now_ms),
            TopicsOrder::List { game, rooms } => self.hub.list(game, &rooms, now_ms),
            TopicsOrder::Publish(publication, answer) => {
                let receipt = self.hub.publish(&publication.topic, publication.by, "", &publication.body, now_ms);
                self.keep();
                // A publisher that has given up waiting does not need the receipt.
                answer.map(|answer| answer.send(receipt));
            }
            TopicsOrder::Mute { player, minutes, done } => {
                let until_ms = if minutes == 0 { 0 } else { now_ms + u64::from(minutes) * 60_000 };
                self.hub.mute(player, until_ms, now_ms);
                self.keep();
                // A service that has given up waiting does not need to know.
                let _ = done.send(());
            }
            TopicsOrder::Expel { player } => self.expel(player),
            TopicsOrder::Recovered => self.hub.end_lost_rooms(),
            TopicsOrder::Brief { topic, body } => self.tell_operators(topic, &body),
            TopicsOrder::OperatorsChanged => self.ring_operators(),
            TopicsOrder::MatchMade { id, room } => self.matchmaking.made(id, room, now_ms),
            TopicsOrder::SeatsGiven { room, seats } => self.matchmaking.invited(room, seats, now_ms),
            // The loop above takes these two.
            TopicsOrder::Visit(_) | TopicsOrder::Stop(_) => {}
        }
        self.deliver();
    }

    /// Ends a room. A message that one of its members is gone may have been lost with the room.
    fn close_room(&mut self, room: RoomId, code: Code, now_ms: u64) {
        let members: Vec<_> = self.members.keys().filter(|at| at.room == room).copied().collect();
        members.into_iter().for_each(|at| self.member_gone(at, Farewell::Left, now_ms));
        self.hub.close_room(code);
        self.rooms.remove(&code);
        self.end_briefings_of(code);
        self.matchmaking.room_closed(room);
    }

    fn hear_member(&mut self, shard: usize, told: FromShard) {
        let now_ms = self.now_ms();
        match told {
            FromShard::Entered(at, identity) => {
                if let Some((_, Some(seat))) = identity.room {
                    self.matchmaking.entered(at.room, seat, identity.player);
                }
                let client = self.hub.enter(*identity, now_ms);
                self.places.insert(client, Position::Room(shard, at));
                self.members.insert(at, client);
            }
            FromShard::Message(at, message) => {
                if let Some(client) = self.members.get(&at) {
                    self.hub.handle(*client, message, now_ms);
                }
            }
            FromShard::Gone(at, how) => self.member_gone(at, how, now_ms),
            FromShard::Said { code, topic, body } => {
                let name = format!("room/{code}/{topic}");
                if let Err(refusal) = self.hub.publish(&name, Role::Server, "", &body, now_ms) {
                    tracing::debug!(topic, ?refusal, "a message of a game was refused");
                }
            }
        }
        self.deliver();
    }

    /// Has the connections of a player without a room closed.
    fn expel(&self, player: PlayerId) {
        for (client, position) in &self.places {
            if let Position::Visit(stall) = position
                && self.hub.player_of(client) == Some(player)
            {
                stall.is_expelled.set(true);
                stall.bell.notify_one();
            }
        }
    }

    fn member_gone(&mut self, at: MemberAt, how: Farewell, now_ms: u64) {
        if let Some(client) = self.members.remove(&at) {
            if let Some(seat) = self.hub.seat_of(client) {
                self.matchmaking.left(at.room, seat, how, now_ms);
            }
            self.gone(client, how, now_ms);
        }
    }

    fn gone(&mut self, client: ClientId, how: Farewell, now_ms: u64) {
        if let Some(player) = self.hub.player_of(client) {
            self.matchmaking.gone(client, player);
        }
        let at = self.room_of(client);
        self.routes.forget_client(client, at);
        self.forget_operator(client);
        self.places.remove(client);
        self.hub.leave(client, how, now_ms);
    }

    /// The shard and the room that a client is in.
    fn room_of(&self, client: ClientId) -> Option<(usize, RoomId)> {
        match self.places.get(client)? {
            Position::Room(shard, at) => Some((*shard, at.room)),
            Position::Visit(_) => None,
        }
    }

    fn pass(&mut self) {
        let now_ms = self.now_ms();
        self.hub.advance(now_ms);
        self.matchmaking.advance(now_ms);
        self.shards.iter_mut().for_each(ShardQueue::flush);
        self.deliver();
        self.metrics.live.set_visitors(self.visitors);
        // The conversion is lossless: far fewer bytes are kept than a float would round.
        self.metrics.topic_bytes.set(self.hub.kept_bytes() as f64);
    }

    /// Keeps what was said, before anybody is told of it.
    fn keep(&mut self) {
        if let Some(kept) = &self.kept {
            let changes = self.hub.take_kept();
            if !changes.is_empty()
                && let Err(error) = kept.keep(changes)
            {
                tracing::debug!(%error, "something that was said is not kept yet");
            }
        }
    }

    /// Delivers everything that the hub has for others.
    fn deliver(&mut self) {
        self.keep();
        while let Some(output) = self.hub.poll() {
            match output {
                Output::Client { client, delivery } => self.tell_client(client, delivery),
                Output::Topic { topic, delivery } => self.tell_topic(topic, &delivery),
                Output::Game { code, delivery } => {
                    if let Some(place) = self.rooms.get(&code) {
                        self.shards[place.shard].tell(Listeners::Game(place.room), delivery);
                    }
                }
                Output::Over { topic } => self.routes.forget_topic(topic),
            }
        }
        while let Some(output) = self.matchmaking.poll() {
            self.carry_out(output);
        }
    }

    /// Tells the news of a match to its clients, and has rooms of matches made.
    fn carry_out(&mut self, output: Matched) {
        let order = match output {
            Matched::News { client, news } => {
                if let Some(Position::Visit(stall)) = self.places.get(client) {
                    stall.news.borrow_mut().put(&news);
                    stall.bell.notify_one();
                }
                return;
            }
            Matched::Order(order) => order,
        };
        let now_ms = self.now_ms();
        match self.match_orders.try_send(order).map_err(TrySendError::into_inner) {
            Ok(()) => {}
            Err(MatchOrder::Make { id, .. }) => self.matchmaking.made(id, None, now_ms),
            Err(MatchOrder::Invite { seats, .. }) => self.matchmaking.invited(None, seats, now_ms),
        }
    }

    fn tell_client(&mut self, client: ClientId, delivery: Arc<Delivery>) {
        self.note_route(client, &delivery);
        match self.places.get(client) {
            Some(Position::Room(shard, at)) => {
                self.shards[*shard].tell(Listeners::Member(at.room, at.member), delivery);
            }
            Some(Position::Visit(stall)) => {
                stall.lane.borrow_mut().push(&delivery);
                stall.bell.notify_one();
            }
            None => {}
        }
    }

    /// Notes that a client begins or ceases to hear a topic.
    fn note_route(&mut self, client: ClientId, delivery: &Delivery) {
        let Some(topic) = delivery.topic else { return };
        let at = self.room_of(client);
        match delivery.message {
            ServerTopic::Granted { .. } => self.routes.add(topic, client, at),
            ServerTopic::Ended { .. } => self.routes.remove(topic, client, at),
            _ => {}
        }
    }

    fn tell_topic(&mut self, topic: TopicId, delivery: &Arc<Delivery>) {
        let Some(route) = self.routes.get(topic) else { return };
        for (shard, rooms) in &route.shards {
            let mut rooms = rooms.keys();
            let to = match (rooms.next(), rooms.next()) {
                (Some(room), None) => Listeners::Room(*room),
                _ => Listeners::All,
            };
            self.shards[*shard].tell(to, Arc::clone(delivery));
        }
        for client in &route.visitors {
            if let Some(Position::Visit(stall)) = self.places.get(*client) {
                stall.lane.borrow_mut().push(delivery);
                stall.bell.notify_one();
            }
        }
    }
}

//! The net thread: it accepts connections, answers HTTP, and hands players over to the shards.
//!
//! It has one current-thread runtime, and its state is one `Net` that no other thread sees. Shards receive commands and
//! send reports.

mod admin;
mod answer;
mod api;
mod asked;
mod autopsies;
mod budgets;
mod compression;
mod cross_origin;
mod diverged;
mod doorkeeper;
mod drain;
#[cfg(feature = "conformance")]
mod echo;
mod evictions;
mod farewell;
mod forwarded;
mod handshake;
mod head_guard;
mod health;
mod hello;
mod hosts;
mod http_stream;
mod live;
mod matches;
mod openapi;
mod operation;
mod page;
mod peer;
mod percent;
mod problem;
mod proxy_header;
mod request_id;
mod room_list;
mod room_search;
mod router;
mod services;

use crate::clock::Clock;
use crate::config::Config;
use crate::games::OfferedGame;
use crate::gate::Gate;
use crate::limits::ACCEPT_PAUSE;
use crate::lobby::{Directory, DirectoryLimits, Place, RoomId};
use crate::mailbox::{Command, MatchOrder, Report, ShardLink, TopicsLink, TopicsOrder, Undelivered};
use crate::maker::Orders;
use crate::memory::resident_bytes;
use crate::metrics::Metrics;
use crate::own_folder::OwnFolder;
use crate::readiness::{Readiness, Reason};
use crate::service_token::ServiceToken;
use crate::threads::ThreadHealth;
use crate::topics::json::SCHEMA;
use crate::webhooks::feed::Webhooks;
use crate::websocket::address::{AddressKey, ConnectionCounts};
use crate::websocket::rate::{AddressQuota, KeyedQuota, Quota, Usage};
use autopsies::Autopsies;
use compression::Gzipped;
use diverged::DivergedWaits;
use doorkeeper::Doorkeeper;
use drain::Drain;
use evictions::Evictions;
use forwarded::ForwardingWarnings;
use hyper::body::Bytes;
pub(crate) use page::Page;
pub use page::{PageError, PageFile};
use rustix::process::{Resource, getrlimit};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tickwire::message::close::CloseCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

/// Time between two looks through the old entries of limits and the resting codes.
const CHORES_INTERVAL: Duration = Duration::from_secs(1);

/// The configuration and the links that the net thread receives at its start.
pub(crate) struct NetSetup {
    pub(crate) config: Config,
    /// The address of the players' listener, and that of the operators' one.
    pub(crate) address: IpAddr,
    pub(crate) admin_address: Option<IpAddr>,
    pub(crate) games: Vec<OfferedGame>,
    /// Names of games that the server would offer with another setting.
    pub(crate) withheld: Vec<&'static str>,
    /// The id of the sources that the server was built from; 0 when it is not known.
    pub(crate) build: u64,
    pub(crate) shards: Vec<ShardLink>,
    pub(crate) orders: Orders,
    pub(crate) topics: TopicsLink,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) readiness: Arc<Readiness>,
    /// The page that people play on.
    pub(crate) page: Page,
    /// The folder for autopsies, if any are to be written.
    pub(crate) autopsies: Option<OwnFolder>,
    /// The token of services, if there are to be any.
    pub(crate) token: Option<ServiceToken>,
    /// Who may come in.
    pub(crate) gate: Arc<Gate>,
    /// The way to the studio's services, if there are to be any.
    pub(crate) webhooks: Option<Webhooks>,
}

/// The sockets and channels of the net thread.
pub(crate) struct NetIo {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) admin: Option<std::net::TcpListener>,
    pub(crate) reports: Receiver<Report>,
    /// The orders of those who wait for matches.
    pub(crate) matches: Receiver<MatchOrder>,
    /// Resolves when the server stops.
    pub(crate) stop: oneshot::Receiver<StopOrder>,
}

/// The order to stop.
#[derive(Debug)]
pub(crate) struct StopOrder {
    /// The close code for players.
    pub(crate) code: CloseCode,
    /// Dropped when the net thread sends nothing to shards any more.
    pub(crate) begun: mpsc::Sender<()>,
    /// Resolves when the net thread is to wait for nobody.
    pub(crate) hurry: oneshot::Receiver<()>,
}

/// The state of the net thread.
struct Net {
    setup: NetSetup,
    directory: RefCell<Directory>,
    /// Connections that are not in a room.
    evictions: RefCell<Evictions>,
    /// Connections in rooms.
    seated: RefCell<ConnectionCounts>,
    room_quota: RefCell<AddressQuota>,
    match_quota: RefCell<AddressQuota>,
    /// Codes without a room in requests. Pages of other sites may cause some of these.
    lookup_quota: RefCell<AddressQuota>,
    /// Codes without a room in hellos.
    guess_quota: RefCell<AddressQuota>,
    /// The look at the doors of private rooms.
    doorkeeper: Doorkeeper,
    /// Hellos for a room from one address.
    join_quota: RefCell<KeyedQuota<(RoomId, AddressKey)>>,
    autopsy_quota: RefCell<AddressQuota>,
    /// Requests that have failed and are in the log.
    failures_logged: Cell<Usage>,
    /// The description of the HTTP API.
    document: Bytes,
    /// Answers that are kept compressed.
    gzipped: Gzipped,
    /// Warnings about origins that were refused.
    origin_warnings: Cell<Usage>,
    /// Whether a host that was refused is already in the log.
    host_warned: Cell<bool>,
    /// Whether an upgrade that a proxy dropped is already in the log.
    upgrade_warned: Cell<bool>,
    /// Whether a connection without its header of the PROXY protocol is already in the log.
    proxy_header_warned: Cell<bool>,
    forwarding_warnings: ForwardingWarnings,
    /// Clients that were closed because their worlds keep differing, and have to wait before they come back.
    diverged: RefCell<DivergedWaits>,
    autopsies: Autopsies,
    drain: Drain,
    /// Whether the public rooms have changed since they were last published.
    lists_changed: Cell<bool>,
    reports: RefCell<Receiver<Report>>,
    /// Held while a quick match is chosen or made, so that two people who come at once meet.
    matching: tokio::sync::Mutex<()>,
}

/// Runs until the server stops. `ready` is called when connections are accepted.
///
/// # Errors
/// When the runtime or a listener cannot be set up.
pub(crate) fn run(setup: NetSetup, io: NetIo, health: Arc<ThreadHealth>, ready: impl FnOnce()) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let net = Rc::new(Net::new(setup, io.reports));
        spawn_local(accept(Rc::clone(&net), TcpListener::from_std(io.listener)?));
        if let Some(admin) = io.admin {
            spawn_local(admin::accept(Rc::clone(&net), TcpListener::from_std(admin)?));
        }
        let shards = spawn_local(hear_shards(Rc::clone(&net)));
        spawn_local(do_chores(Rc::clone(&net), health));
        spawn_local(live::publish(Rc::clone(&net)));
        spawn_local(matches::serve(Rc::clone(&net), io.matches));
        ready();
        // An error means that the sender was dropped: then nobody waits for anything any more.
        if let Ok(order) = io.stop.await {
            net.setup.topics.order(TopicsOrder::Stop(order.code));
            drain::drain(&net, order, shards).await;
        }
        Ok(())
    })
}

async fn accept(net: Rc<Net>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(spawn_local(router::serve(Rc::clone(&net), stream, peer.ip()))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                net.free_descriptor();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for reports of shards until no shard can send one any more.
async fn hear_shards(net: Rc<Net>) {
    while let Some(report) = poll_fn(|context| net.reports.borrow_mut().poll_recv(context)).await {
        net.take_in(report);
    }
}

async fn do_chores(net: Rc<Net>, health: Arc<ThreadHealth>) {
    loop {
        health.works();
        tokio::time::sleep(CHORES_INTERVAL).await;
        let now_us = net.setup.clock.now_us();
        net.directory.borrow_mut().wake_codes(now_us);
        net.seated.borrow_mut().forget_absent();
        for quota in [&net.room_quota, &net.match_quota, &net.lookup_quota, &net.guess_quota, &net.autopsy_quota] {
            quota.borrow_mut().forget_untouched(now_us);
        }
        net.join_quota.borrow_mut().forget_untouched(now_us);
        net.diverged.borrow_mut().forget_old(now_us);
        net.setup.gate.reload(false);
        if let Some(webhooks) = &net.setup.webhooks {
            net.setup.metrics.note_webhooks(webhooks.metrics());
        }
        net.note_readiness();
    }
}

impl Net {
    fn new(setup: NetSetup, reports: Receiver<Report>) -> Self {
        let config = &setup.config;
        let document = openapi::document(&config.base_path);
        let quota = |quota| RefCell::new(AddressQuota::new(quota, config.addresses_max));
        let lookups = Quota::per_minute(config.failed_lookups_per_address_per_minute);
        let joins = Quota::new(config.joins_per_address_per_minute, 60_000_000, config.joins_per_address_burst);
        let wait_max = Duration::from_secs(config.diverged_wait_seconds_max.into());
        let limits = DirectoryLimits {
            rooms_max: config.rooms_max,
            reservations_per_origin_max: config.reservations_per_address,
        };
        Self {
            directory: RefCell::new(Directory::new(setup.shards.len(), limits)),
            evictions: RefCell::new(Evictions::new(config, getrlimit(Resource::Nofile).current)),
            seated: RefCell::new(ConnectionCounts::new(config.seated_connections_per_address)),
            room_quota: quota(Quota::per_hour(config.rooms_per_address_per_hour)),
            match_quota: quota(Quota::per_minute(config.matches_per_address_per_minute)),
            autopsy_quota: quota(Quota::per_hour(config.autopsies_per_address_per_hour)),
            lookup_quota: quota(lookups),
            guess_quota: quota(lookups),
            doorkeeper: Doorkeeper::new(config.secret_guesses_per_second),
            join_quota: RefCell::new(KeyedQuota::new(joins, config.addresses_max)),
            failures_logged: Cell::default(),
            gzipped: Gzipped::of_constants([document.clone(), Bytes::from_static(SCHEMA.as_bytes())]),
            document,
            origin_warnings: Cell::default(),
            host_warned: Cell::default(),
            upgrade_warned: Cell::default(),
            proxy_header_warned: Cell::default(),
            forwarding_warnings: ForwardingWarnings::default(),
            diverged: RefCell::new(DivergedWaits::new(config.addresses_max, wait_max)),
            autopsies: Autopsies::new(setup.autopsies.clone(), config.autopsies_max),
            drain: Drain::default(),
            lists_changed: Cell::new(true),
            reports: RefCell::new(reports),
            matching: tokio::sync::Mutex::default(),
            setup,
        }
    }

    /// Takes in the reports that have arrived, before something is decided by them: the task that waits for reports may
    /// come later.
    fn take_in_reports(&self) {
        while let Ok(report) = { self.reports.borrow_mut().try_recv() } {
            self.take_in(report);
        }
    }

    fn take_in(&self, report: Report) {
        let now_us = self.setup.clock.now_us();
        match report {
            Report::Room { room, summary } => {
                self.directory.borrow_mut().update(room, summary, now_us);
                self.lists_changed.set(true);
            }
            Report::Gone { room } => self.close_room(room),
            Report::Diverged { room, address, token } => {
                return self.diverged.borrow_mut().closed(room, address, token, now_us);
            }
            Report::Failed { room, failure } => {
                drop(self.autopsies.keep_failure(room, failure));
                return;
            }
            Report::Differed { room, autopsy } => {
                let address = autopsy.origin.number().map(AddressKey::from_number);
                if self.autopsy_quota.borrow_mut().take(address, now_us).is_ok() {
                    // An autopsy is written on a thread of its own; nothing waits for it.
                    drop(self.autopsies.keep(room, autopsy));
                }
                return;
            }
        }
        let (rooms, players, bots) = self.directory.borrow().totals();
        let metrics = &self.setup.metrics;
        // The conversion is lossless: there are never so many rooms that a float would round them.
        metrics.rooms.set(rooms as f64);
        metrics.players.set(f64::from(players));
        metrics.bots.set(f64::from(bots));
    }

    /// The game of this name, together with its index.
    fn game(&self, name: &str) -> Option<(usize, &OfferedGame)> {
        self.setup.games.iter().enumerate().find(|(_, game)| game.rules.name == name)
    }

    /// Sends a command to a shard.
    fn command(&self, place: Place, command: Command) -> Result<(), Undelivered> {
        self.setup.shards[place.shard].send(command)
    }

    /// Whether a shard lives and has time for another room.
    fn has_time(&self, shard: usize) -> bool {
        self.setup.shards[shard].has_time(self.setup.config.load_percent_max)
    }

    /// Notes whether the server takes in further rooms.
    fn note_readiness(&self) {
        let readiness = &self.setup.readiness;
        readiness.hold(Reason::Rooms, self.directory.borrow().is_full());
        readiness.hold(Reason::Memory, resident_bytes() >= self.setup.config.memory_bytes_max);
        readiness.hold(Reason::Work, !(0..self.setup.shards.len()).any(|shard| self.has_time(shard)));
    }
}

#[cfg(test)]
impl Net {
    /// The state of a net thread without games and shards, whose functions are called directly.
    fn without_shards(config: Config) -> Self {
        let setup = NetSetup {
            config,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            admin_address: None,
            games: Vec::new(),
            withheld: Vec::new(),
            build: 0,
            shards: Vec::new(),
            orders: Orders::new(mpsc::sync_channel(1).0),
            topics: TopicsLink { send: tokio::sync::mpsc::channel(1).0, heard: Arc::default() },
            metrics: Arc::new(Metrics::new()),
            clock: Clock::start(),
            readiness: Arc::default(),
            page: Page::BuiltIn(|_| None),
            autopsies: None,
            token: None,
            gate: Arc::new(Gate::Open),
            webhooks: None,
        };
        Self::new(setup, tokio::sync::mpsc::channel(1).1)
    }
}

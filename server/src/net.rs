//! The net thread: it accepts connections, answers HTTP, and hands players over to the shards.
//!
//! It has one current-thread runtime, and its state is one `Net` that no other thread sees. Shards receive commands and
//! send reports.

mod admin;
mod answer;
mod api;
mod arrivals;
mod asked;
mod autopsies;
mod budgets;
mod compression;
mod cross_origin;
mod dashboard;
mod diverged;
mod doorkeeper;
mod drain;
#[cfg(feature = "conformance")]
mod echo;
mod elsewhere;
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
mod membership;
mod moves;
mod new_rooms;
mod openapi;
mod operation;
mod operators;
mod other_lists;
mod overview;
mod page;
mod peer;
mod peer_port;
mod percent;
mod problem;
mod proxy_header;
mod recovery;
mod refusals;
mod request_id;
mod room_list;
mod room_requests;
mod room_search;
mod router;
mod secure;
mod services;
mod settings;
mod watched;

use crate::clock::Clock;
use crate::config::Config;
use crate::games::OfferedGame;
use crate::gate::Gate;
use crate::journal::{Found, JournalTrouble, KeeperHandle};
use crate::kept::KeptLog;
use crate::limits::ACCEPT_PAUSE;
use crate::lobby::{Directory, Place, RoomId};
use crate::logging::{Log, Missing};
use crate::mailbox::{Command, MatchOrder, Recovery, Report, ShardLink, TopicsLink, TopicsOrder, Undelivered};
use crate::maker::Orders;
use crate::memory::resident_bytes;
use crate::metrics::Metrics;
use crate::operators::Console;
use crate::own_folder::OwnFolder;
use crate::readiness::{Readiness, Reason};
use crate::threads::ThreadHealth;
use crate::tls::Tls;
use crate::topics::json::SCHEMA;
use crate::webhooks::feed::Webhooks;
use crate::websocket::address::{AddressClass, AddressKey, ConnectionCounts};
use crate::websocket::rate::{AddressQuota, KeyedQuota, Usage};
use arrivals::Arrivals;
use autopsies::Autopsies;
use compression::Gzipped;
use diverged::DivergedWaits;
use doorkeeper::Doorkeeper;
use drain::Drain;
pub(crate) use elsewhere::PeerSetup;
use evictions::Evictions;
use forwarded::ForwardingWarnings;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use membership::Membership;
pub(crate) use membership::NodeSetup;
pub(crate) use moves::LeaveOrder;
use other_lists::OtherLists;
pub(crate) use page::Page;
pub use page::{PageError, PageFile};
use refusals::Refusals;
pub(crate) use settings::LiveSettings;
use settings::Rates;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tickwire::message::close::CloseCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use watched::Watched;

/// Time between two looks through the old entries of limits and the resting codes.
const CHORES_INTERVAL: Duration = Duration::from_secs(1);

/// The configuration and the links that the net thread receives at its start.
pub(crate) struct NetSetup {
    /// The settings, and news of them.
    pub(crate) settings: watch::Receiver<LiveSettings>,
    /// The log of the program, if the server knows it.
    pub(crate) log: Option<Log>,
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
    /// The rule that decides who may come in.
    pub(crate) gate: Arc<Gate>,
    /// TLS of the server's own, if there is to be any.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The way to the studio's services, if there are to be any.
    pub(crate) webhooks: Option<Webhooks>,
    /// The operators, and the things that they are shown.
    pub(crate) console: Arc<Console>,
    /// The journal, if one is kept.
    pub(crate) journal: Option<KeeperHandle>,
    /// The state of the whole server that is kept there.
    pub(crate) kept: Option<Arc<KeptLog>>,
    /// The rooms that are still to be made again.
    pub(crate) recovery: Recovery,
    /// The place of this server among nodes.
    pub(crate) node: NodeSetup,
    /// The way to other nodes, if there may be any.
    pub(crate) peers: Option<PeerSetup>,
}

/// The sockets and channels of the net thread.
pub(crate) struct NetIo {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) admin: Option<std::net::TcpListener>,
    pub(crate) peer: Option<std::net::TcpListener>,
    pub(crate) reports: Receiver<Report>,
    /// The orders of those who wait for matches.
    pub(crate) matches: Receiver<MatchOrder>,
    /// Resolves when the rooms are to move to other nodes.
    pub(crate) leave: oneshot::Receiver<LeaveOrder>,
    /// Resolves when the server stops.
    pub(crate) stop: oneshot::Receiver<StopOrder>,
    /// The rooms of an earlier process, where they were found, and the number of the first room of this one.
    pub(crate) found: Option<(Found, Arc<Path>, u64)>,
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
    /// The settings in force.
    live: RefCell<LiveSettings>,
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
    /// Requests that were refused.
    refusals: Refusals,
    /// Requests that have failed and are in the log.
    failures_logged: Cell<Usage>,
    /// The description of the HTTP API.
    document: Bytes,
    /// The sites that may show pages in a frame; `None` when all may.
    frame_policy: Option<HeaderValue>,
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
    /// Whether a stranger to a server of private networks is already in the log.
    stranger_warned: Cell<bool>,
    forwarding_warnings: ForwardingWarnings,
    /// Clients that were closed because their worlds keep differing, and have to wait before they come back.
    diverged: RefCell<DivergedWaits>,
    journal_trouble: RefCell<JournalTrouble>,
    autopsies: Autopsies,
    drain: Drain,
    /// Whether an operator has ordered that no room begins any more.
    is_draining: Cell<bool>,
    membership: Membership,
    /// The things that operators look at.
    watched: RefCell<Watched>,
    /// Whether the public rooms have changed since they were last published.
    lists_changed: Cell<bool>,
    others_changed: Cell<bool>,
    other_lists: OtherLists,
    arrivals: Arrivals,
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
        net.setup.readiness.hold(Reason::Nodes, net.setup.peers.is_some());
        if let Some((found, folder, first_room)) = io.found {
            net.directory.borrow_mut().number_from(first_room);
            net.recover(found, &folder);
        }
        spawn_local(accept(Rc::clone(&net), TcpListener::from_std(io.listener)?));
        if let Some(admin) = io.admin {
            spawn_local(admin::accept(Rc::clone(&net), TcpListener::from_std(admin)?));
        }
        if let Some(peer) = io.peer {
            spawn_local(peer_port::accept(Rc::clone(&net), TcpListener::from_std(peer)?));
        }
        let shards = spawn_local(hear_shards(Rc::clone(&net)));
        spawn_local(do_chores(Rc::clone(&net), health));
        spawn_local(live::publish(Rc::clone(&net)));
        spawn_local(watched::serve(Rc::clone(&net)));
        spawn_local(matches::serve(Rc::clone(&net), io.matches));
        spawn_local(settings::follow(Rc::clone(&net)));
        spawn_local(membership::follow(Rc::clone(&net)));
        spawn_local(membership::keep(Rc::clone(&net)));
        spawn_local(other_lists::follow(Rc::clone(&net)));
        spawn_local(moves::leave(Rc::clone(&net), io.leave));
        ready();
        // An error means that the sender was dropped: then nobody waits for anything any more.
        if let Ok(order) = io.stop.await {
            net.setup.topics.order(TopicsOrder::Stop(order.code));
            drain::drain(&net, order, shards).await;
            membership::leave(&net).await;
        }
        Ok(())
    })
}

async fn accept(net: Rc<Net>, listener: TcpListener) {
    loop {
        net.wait_for_place().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                spawn_local(router::serve(Rc::clone(&net), stream, peer.ip()));
                // It takes its place before the next one is accepted.
                tokio::task::yield_now().await;
            }
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
    net.note_readiness();
    let mut reading = net.setup.console.access.reading();
    loop {
        health.works();
        if let Some(tls) = &net.setup.tls {
            tls.reload(false);
            net.setup.metrics.note_certificate(tls.expires_unix_s());
        }
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
        if let Some(kept) = &net.setup.kept {
            kept.care(now_us);
        }
        net.setup.console.access.reload(false);
        // SIGHUP has the file read again too.
        if reading != net.setup.console.access.reading() {
            reading = net.setup.console.access.reading();
            net.setup.topics.order(TopicsOrder::OperatorsChanged);
        }
        if let Some(webhooks) = &net.setup.webhooks {
            net.setup.metrics.note_webhooks(webhooks.metrics());
        }
        if let Some(log) = &net.setup.log {
            let Missing { left_out, lost } = log.missing();
            net.setup.metrics.note_log(left_out, lost);
        }
        net.note_readiness();
    }
}

impl Net {
    fn new(setup: NetSetup, reports: Receiver<Report>) -> Self {
        let live = setup.settings.borrow().clone();
        let config = Arc::clone(&live.config);
        let (document, rates) = (openapi::document(&config.base_path), Rates::of(&config));
        let quota = |quota| RefCell::new(AddressQuota::new(quota, config.addresses_max));
        Self {
            directory: RefCell::new(Directory::new(setup.shards.len(), settings::directory_limits(&config))),
            evictions: RefCell::new(settings::evictions(&config)),
            seated: RefCell::new(ConnectionCounts::new(config.seated_connections_per_address)),
            room_quota: quota(rates.rooms),
            match_quota: quota(rates.matches),
            autopsy_quota: quota(rates.autopsies),
            lookup_quota: quota(rates.lookups),
            guess_quota: quota(rates.lookups),
            doorkeeper: Doorkeeper::new(config.secret_guesses_per_second),
            join_quota: RefCell::new(KeyedQuota::new(rates.joins, config.addresses_max)),
            refusals: Refusals::new(&setup.metrics),
            failures_logged: Cell::default(),
            frame_policy: frame_policy(&config),
            gzipped: Gzipped::of_constants([document.clone(), Bytes::from_static(SCHEMA.as_bytes())]),
            document,
            origin_warnings: Cell::default(),
            host_warned: Cell::default(),
            upgrade_warned: Cell::default(),
            proxy_header_warned: Cell::default(),
            stranger_warned: Cell::default(),
            forwarding_warnings: ForwardingWarnings::default(),
            diverged: RefCell::new(DivergedWaits::new(config.addresses_max, rates.diverged_wait_max)),
            journal_trouble: RefCell::default(),
            autopsies: Autopsies::new(setup.autopsies.clone(), config.autopsies_max),
            drain: Drain::default(),
            is_draining: Cell::new(false),
            membership: Membership::default(),
            watched: RefCell::default(),
            lists_changed: Cell::new(true),
            others_changed: Cell::default(),
            other_lists: OtherLists::default(),
            arrivals: Arrivals::default(),
            reports: RefCell::new(reports),
            matching: tokio::sync::Mutex::default(),
            live: RefCell::new(live),
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
                drop(self.autopsies.keep_failure(room, failure, now_us));
                return;
            }
            Report::Differed { room, autopsy } => {
                let address = autopsy.origin.number().map(AddressKey::from_number);
                if self.autopsy_quota.borrow_mut().take(address, now_us).is_ok() {
                    self.keep_autopsy(room, autopsy);
                }
                return;
            }
            Report::Numbers(numbers) => return self.take_numbers(numbers),
            Report::Seats(seen) => return self.take_seats(&seen),
            Report::Picture(picture) => return self.take_picture(&picture),
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

    /// Whether an address may connect; a stranger to a server of private networks is named once in the log.
    fn takes_in(&self, address: IpAddr) -> bool {
        let class = AddressClass::of(Some(AddressKey::of(address)));
        let takes_in = !self.config().lan || class.is_private();
        if !takes_in && !self.stranger_warned.replace(true) {
            tracing::warn!(from = %class, "a connection from the internet was closed, because of --lan");
        }
        takes_in
    }

    /// Sends a command to a shard.
    fn command(&self, place: Place, command: Command) -> Result<(), Undelivered> {
        self.setup.shards[place.shard].send(command)
    }

    /// The same for a command that a room waits for.
    fn insist(&self, place: Place, command: Command) {
        self.setup.shards[place.shard].insist(command);
    }

    /// Whether a shard lives and has time for another room.
    fn has_time(&self, shard: usize) -> bool {
        self.setup.shards[shard].has_time(self.config().load_percent_max)
    }

    /// Notes whether the server takes in further rooms.
    fn note_readiness(&self) {
        let readiness = &self.setup.readiness;
        self.note_journal();
        readiness.hold(Reason::Rooms, self.directory.borrow().is_full());
        readiness.hold(Reason::Memory, resident_bytes() >= self.config().memory_bytes_max);
        readiness.hold(Reason::Work, !(0..self.setup.shards.len()).any(|shard| self.has_time(shard)));
        let metrics = &self.setup.metrics;
        metrics.ready.set(f64::from(u8::from(readiness.reasons().next().is_none())));
        // A float rounds the bytes of a machine's memory by less than a page.
        metrics.memory_max.set(self.config().memory_bytes_max as f64);
    }
}

/// The header that names the sites which may show pages in a frame.
fn frame_policy(config: &Config) -> Option<HeaderValue> {
    let sites: String = config.frame_ancestors.iter().map(|origin| format!(" {origin}")).collect();
    // An origin is text of ASCII.
    (!sites.is_empty()).then(|| HeaderValue::try_from(format!("frame-ancestors 'self'{sites}")).ok()).flatten()
}

#[cfg(test)]
impl Net {
    /// The state of a net thread without games and shards; its functions are called directly.
    fn without_shards(config: Config) -> Self {
        use crate::operators::Access;
        let settings = watch::channel(LiveSettings { config: Arc::new(config), token: None }).1;
        let setup = NetSetup {
            settings,
            log: None,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            admin_address: None,
            games: Vec::new(),
            withheld: Vec::new(),
            build: 0,
            shards: Vec::new(),
            orders: Orders::new(mpsc::sync_channel(1).0),
            topics: TopicsLink { send: tokio::sync::mpsc::channel(1).0 },
            metrics: Arc::new(Metrics::new()),
            clock: Clock::start(),
            readiness: Arc::default(),
            page: Page::BuiltIn(|_| None),
            autopsies: None,
            gate: Arc::new(Gate::Open),
            tls: None,
            webhooks: None,
            console: Arc::new(Console::new(Access::open(None, true).expect("no file is read"))),
            journal: None,
            kept: None,
            recovery: Recovery::default(),
            node: NodeSetup::alone(),
            peers: None,
        };
        Self::new(setup, tokio::sync::mpsc::channel(1).1)
    }
}

//! Starting and stopping: listeners, threads, signals.

mod files;
mod listening;
mod reloading;
mod signals;
mod stopping;

use crate::clock::Clock;
use crate::config::{Config, ConfigFaults, ListenAddress, SettingsSource};
use crate::exchange::{self, ExchangeSetup};
use crate::games::{OfferedGame, OptionsFault};
use crate::gate::{Gate, GateError};
use crate::limits::{
    FILE_DESCRIPTORS, ROOMS_WAITING_MAX, SLOW_LANE_STALL_MAX, STALL_MAX, TOPICS_INBOX_MAX, TOPICS_ORDERS_MAX,
};
use crate::logging::Log;
use crate::mailbox::{FromShard, Report, ShardLink, TopicsInbox, TopicsLink};
use crate::maker::{Maker, Orders};
use crate::matchmaking::GameQueue;
use crate::metrics::Metrics;
use crate::net::{self, LiveSettings, NetIo, NetSetup, Page, PageError, PageFile, StopOrder};
use crate::own_folder::FolderError;
use crate::readiness::Readiness;
use crate::service_token::{ServiceToken, TokenError};
use crate::shard::{Shard, ShardCommand, ShardSetup};
use crate::threads::{Load, Supervisor, ThreadFault, ThreadHealth};
use crate::topics::{ChatFilter, GameTopics, HubLimits};
use crate::webhooks;
use crate::webhooks::feed::Webhooks;
use crate::webhooks::file::WebhookFileError;
use crate::webhooks::sender::{WebhookSender, WebhookSetup, prepare};
use files::prepare_autopsies;
pub(crate) use files::{FileUse, file_faults};
pub use listening::Attempts;
use listening::listen;
use reloading::Reloading;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
pub use signals::Signals;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use thiserror::Error;
use tickwire::Game;
use tokio::sync::{oneshot, watch};

/// Reports of shards that may wait for the net thread. A shard makes a report that does not fit again later, unless it
/// is an autopsy or a client that differed: that one is lost.
const REPORTS_MAX: usize = 4_096;

/// A server before it runs: its configuration and its games.
#[derive(Debug)]
pub struct Server {
    config: Config,
    games: Vec<OfferedGame>,
    /// The names of benchmark games, which the configuration does not offer.
    withheld: Vec<&'static str>,
    /// The page in the program.
    page: PageFile,
    /// The id of the sources that the server was built from; 0 when it is not known.
    build: u64,
    /// Looks at each line of chat.
    chat_filter: Option<ChatFilter>,
    /// Where the configuration comes from.
    source: Option<SettingsSource>,
    /// The log of the program.
    log: Option<Log>,
}

/// The reason for which a server could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The server cannot listen on an address; another program may use it.
    #[error("cannot listen on {address} ({attempts})")]
    Listen {
        /// The address, or the name that stands for several.
        address: ListenAddress,
        /// The addresses that were tried, with the reasons that the system gave.
        attempts: Attempts,
    },
    /// The name of a host stands for no address.
    #[error("cannot find the address of {address}")]
    Name {
        /// The name with its port.
        address: ListenAddress,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The configuration is one that no server can have.
    #[error(transparent)]
    Config(#[from] ConfigFaults),
    /// The folder that is set for the page has none.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The folder that is set for autopsies cannot be used.
    #[error("autopsies cannot be written")]
    Autopsies(#[from] FolderError),
    /// The file that is set for the token of services cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The settings of tickets do not fit together, or their keys cannot be used.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The endpoints of webhooks cannot be used.
    #[error(transparent)]
    Webhooks(#[from] WebhookFileError),
    /// The system refused a thread, or the registration of the signals.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// The net thread could not be set up, for example because the process may open no further file.
    #[error("the net thread cannot be set up")]
    Net(#[source] io::Error),
}

/// The reason for which a server did not run until it was told to stop.
#[derive(Debug, Error)]
pub enum RunError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// One of its threads failed.
    #[error(transparent)]
    Fault(#[from] ThreadFault),
}

impl Server {
    /// A server without games.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            games: Vec::new(),
            withheld: Vec::new(),
            page: |_| None,
            build: 0,
            chat_filter: None,
            source: None,
            log: None,
        }
    }

    /// The same server with a page that is in the program: the function gives the file of a name. A folder in the
    /// configuration comes before it.
    #[must_use]
    pub const fn page(mut self, page: PageFile) -> Self {
        self.page = page;
        self
    }

    /// The same server with one more game.
    ///
    /// # Panics
    /// When the server already has a game of this name, and when a queue has options that the game does not take.
    #[must_use]
    pub fn game<G: Game>(mut self) -> Self {
        let name = G::RULES.name;
        assert!(self.games.iter().all(|game| game.rules.name != name), "two games are named {name}");
        let game = OfferedGame::of::<G>();
        for queue in G::RULES.queues.iter().filter(|queue| !queue.options.is_empty()) {
            let options = serde_json::from_str(queue.options).map_err(OptionsFault::from);
            let fault = options.and_then(|options| (game.check)(&options)).err();
            assert!(fault.is_none(), "queue {} of {name} has options that are none: {fault:?}", queue.name);
        }
        self.games.push(game);
        self
    }

    /// The same server with one more game, if the configuration offers benchmark games. A player who asks for the game
    /// otherwise learns which setting offers it.
    ///
    /// # Panics
    /// When the server already has a game of this name.
    #[must_use]
    pub fn benchmark_game<G: Game>(mut self) -> Self {
        if self.config.benchmark_games {
            return self.game::<G>();
        }
        self.withheld.push(G::RULES.name);
        self
    }

    /// The same server, built from the sources with this id. Each welcome tells the id, and a page that knows its own
    /// can tell whether it was built from the same sources. Default: 0, which is not known.
    #[must_use]
    pub const fn build_id(mut self, build: u64) -> Self {
        self.build = build;
        self
    }

    /// The same server with a filter of words, which each line of chat and each announcement of a player passes before
    /// others see it.
    #[must_use]
    pub const fn chat_filter(mut self, filter: ChatFilter) -> Self {
        self.chat_filter = Some(filter);
        self
    }

    /// The same server with the place that its configuration comes from, which SIGHUP has read again. Without it,
    /// SIGHUP has the keys and tokens read again.
    #[must_use]
    pub fn settings_from(mut self, source: SettingsSource) -> Self {
        self.source = Some(source);
        self
    }

    /// The same server with the log of the program: the server counts the lines that are missing in it, and SIGHUP
    /// changes its filter.
    #[must_use]
    pub fn log(mut self, log: Log) -> Self {
        self.log = Some(log);
        self
    }

    /// Runs until SIGINT or SIGTERM, then stops as [`Running::run_until_signal`] does.
    ///
    /// # Errors
    /// When the server cannot start, or when one of its threads fails.
    pub fn run(self) -> Result<(), RunError> {
        let signals = Signals::listen()?;
        Ok(self.start()?.run_until_signal(signals)?)
    }

    /// Starts the server's threads and returns.
    ///
    /// # Errors
    /// When an address is taken, a thread cannot be started, or a setting cannot be used.
    pub fn start(self) -> Result<Running, StartError> {
        self.config.check()?;
        let page = Page::open(self.page, &self.config.page)?;
        let autopsies = prepare_autopsies(&self.config.autopsies)?;
        let token = self.config.topics_token_file.path().map(ServiceToken::read).transpose()?;
        let gate = Arc::new(Gate::new(self.config.auth, self.config.ticket_keys.path())?);
        let (webhooks, sender) = prepare_webhooks(&self.config)?.unzip();
        raise_descriptor_limit();
        let (listener, address) = listen(&self.config.listen)?;
        let (admin, admin_address) = self.config.admin_listen.0.as_ref().map(listen).transpose()?.unzip();
        let (metrics, clock, readiness) = (Arc::new(Metrics::new()), Clock::start(), Arc::new(Readiness::default()));
        let (report, reports) = tokio::sync::mpsc::channel(REPORTS_MAX);
        let (stop, stopped) = oneshot::channel();
        let Self { config, games, withheld, build, chat_filter, source, log, .. } = self;
        let config = Arc::new(config);
        let (live, settings) = watch::channel(LiveSettings { config: Arc::clone(&config), token });
        // If a thread does not start, `running` is dropped, which ends the threads that did start.
        let reloading = Reloading { source, log: log.clone(), gate: Arc::clone(&gate), live };
        let mut running = Running::new((address, admin_address), stop, &readiness, reloading);
        sender.map(|sender| running.start_webhooks(sender)).transpose()?;
        let (member, members) = tokio::sync::mpsc::channel(TOPICS_INBOX_MAX);
        let seed = ShardSeed::new(&config, report, member, &metrics, clock);
        let shards: Vec<_> =
            (0..config.shards).map(|index| running.start_shard(index, &seed)).collect::<io::Result<_>>()?;
        drop(seed);
        let (order, orders) = tokio::sync::mpsc::channel(TOPICS_ORDERS_MAX);
        let topics = TopicsLink { send: order, heard: Arc::default() };
        let (match_order, match_orders) = tokio::sync::mpsc::channel(ROOMS_WAITING_MAX);
        running.start_exchange(ExchangeSetup {
            games: topics_of(&games),
            filter: chat_filter,
            hub_limits: hub_limits(&config),
            visitors_max: config.visitors_max,
            queues: queues_of(&games),
            matches: match_order,
            gate: Arc::clone(&gate),
            members,
            orders,
            shards: shards.clone(),
            heard: Arc::clone(&topics.heard),
            metrics: Arc::clone(&metrics),
            clock,
            health: ThreadHealth::new("topics", STALL_MAX),
        })?;
        let orders = running.start_maker(&shards, config.memory_bytes_max)?;
        let setup = NetSetup {
            settings,
            log,
            address: address.ip(),
            admin_address: admin_address.map(|address| address.ip()),
            games,
            withheld,
            build,
            shards,
            orders,
            topics,
            metrics,
            clock,
            readiness,
            page,
            autopsies,
            gate,
            webhooks,
        };
        running.start_net(setup, NetIo { listener, admin, reports, matches: match_orders, stop: stopped })?;
        tracing::info!(%address, ?admin_address, "listening");
        Ok(running)
    }
}

/// The topics of all games.
fn topics_of(games: &[OfferedGame]) -> Vec<GameTopics> {
    games.iter().map(|game| GameTopics { game: game.rules.name, own: game.rules.topics }).collect()
}

/// The limits of topics.
const fn hub_limits(config: &Config) -> HubLimits {
    HubLimits {
        kept_bytes_max: config.topic_bytes_max,
        publishers_per_origin: config.publishers_per_address,
        guesses_per_minute: config.topic_guesses_per_address_per_minute,
    }
}

/// The queues of all games.
fn queues_of(games: &[OfferedGame]) -> Vec<GameQueue> {
    let of_game = |(game, offered): (usize, &OfferedGame)| {
        let name = offered.rules.name;
        offered.rules.queues.iter().map(move |rules| GameQueue { game, name, rules: *rules })
    };
    games.iter().enumerate().flat_map(of_game).collect()
}

/// The part of a shard's setup that is the same for all shards.
struct ShardSeed<'a> {
    reports: tokio::sync::mpsc::Sender<Report>,
    members: tokio::sync::mpsc::Sender<(usize, FromShard)>,
    metrics: &'a Arc<Metrics>,
    clock: Clock,
    load_percent_max: u32,
}

impl<'a> ShardSeed<'a> {
    const fn new(
        config: &Config,
        reports: tokio::sync::mpsc::Sender<Report>,
        members: tokio::sync::mpsc::Sender<(usize, FromShard)>,
        metrics: &'a Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self { reports, members, metrics, clock, load_percent_max: config.load_percent_max }
    }
}

/// Each player needs a file descriptor, and the usual limit of a process is 1,024.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILE_DESCRIPTORS, |maximum| maximum.min(FILE_DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of file descriptors could not be raised");
        }
    }
}

/// A server that runs. Dropping the value stops the server.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    shards: Vec<mpsc::Sender<ShardCommand>>,
    stop: Option<oneshot::Sender<StopOrder>>,
    threads: Vec<JoinHandle<()>>,
    supervisor: Supervisor,
    readiness: Arc<Readiness>,
    reloading: Reloading,
    /// The thread of webhooks, and the order to it to stop. The server goes on without it.
    webhooks: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// The way of events to the studio's services, if the settings name any.
fn prepare_webhooks(config: &Config) -> Result<Option<(Webhooks, WebhookSender)>, WebhookFileError> {
    let Some(path) = config.webhooks_file.path() else { return Ok(None) };
    let endpoints = webhooks::file::read(path)?;
    let mut process = [0; 8];
    getrandom::fill(&mut process).expect("the operating system has random numbers");
    let setup = WebhookSetup::new(endpoints, u64::from_le_bytes(process));
    prepare(setup).map(Some).map_err(|error| WebhookFileError::Setup { reason: error.to_string() })
}

impl Running {
    /// A server without threads, at these addresses of players and of operators.
    fn new(
        (address, admin_address): (SocketAddr, Option<SocketAddr>),
        stop: oneshot::Sender<StopOrder>,
        readiness: &Arc<Readiness>,
        reloading: Reloading,
    ) -> Self {
        Self {
            address,
            admin_address,
            shards: Vec::new(),
            stop: Some(stop),
            threads: Vec::new(),
            supervisor: Supervisor::default(),
            readiness: Arc::clone(readiness),
            reloading,
            webhooks: None,
        }
    }

    /// Starts a shard.
    fn start_shard(&mut self, index: usize, seed: &ShardSeed<'_>) -> io::Result<ShardLink> {
        let (home, inbox) = mpsc::channel();
        self.shards.push(home.clone());
        let health = ThreadHealth::new(format!("shard-{index}"), STALL_MAX);
        let lane_health = ThreadHealth::new(format!("shard-{index}-slow"), SLOW_LANE_STALL_MAX);
        self.supervisor.watch(&lane_health);
        let load = Arc::new(Load::default());
        let setup = ShardSetup {
            inbox,
            home: home.clone(),
            reports: seed.reports.clone(),
            topics: TopicsInbox::new(index, seed.members.clone()),
            metrics: Arc::clone(seed.metrics),
            clock: seed.clock,
            is_slow_lane: false,
            health: Arc::clone(&health),
            lane_health,
            load: Arc::clone(&load),
            load_percent_max: seed.load_percent_max,
        };
        self.start_thread(Arc::clone(&health), move || Shard::new(setup).run())?;
        let send = move |command, place| home.send(ShardCommand::Net(command, Some(place))).is_ok();
        Ok(ShardLink::new(send, load, health))
    }

    /// Starts the thread that makes rooms.
    fn start_maker(&mut self, shards: &[ShardLink], memory_bytes_max: u64) -> io::Result<Orders> {
        let (order, orders) = mpsc::sync_channel(ROOMS_WAITING_MAX);
        let health = ThreadHealth::new("maker", STALL_MAX);
        let maker = Maker { orders, shards: shards.to_vec(), memory_bytes_max, health: Arc::clone(&health) };
        self.start_thread(health, move || maker.run())?;
        Ok(Orders::new(order))
    }

    /// Starts the thread of topics.
    fn start_exchange(&mut self, setup: ExchangeSetup) -> io::Result<()> {
        self.start_thread(Arc::clone(&setup.health), move || {
            if let Err(error) = exchange::run(setup) {
                tracing::error!(%error, "the thread of topics has ended");
            }
        })
    }

    /// Starts the thread of webhooks. Nobody watches it: a server plays on when it has ended.
    fn start_webhooks(&mut self, sender: WebhookSender) -> io::Result<()> {
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            if let Err(error) = sender.run(stopped) {
                tracing::error!(%error, "the thread of webhooks has ended");
            }
        };
        self.webhooks = Some((stop, Builder::new().name("webhooks".into()).spawn(work)?));
        Ok(())
    }

    /// Starts the net thread, and waits until it accepts connections.
    fn start_net(&mut self, setup: NetSetup, io: NetIo) -> Result<(), StartError> {
        let health = ThreadHealth::new("net", STALL_MAX);
        let (ready, is_ready) = mpsc::channel();
        let notes = Arc::clone(&health);
        self.start_thread(health, move || {
            let failed = ready.clone();
            if let Err(error) = net::run(setup, io, notes, move || drop(ready.send(Ok(())))) {
                tracing::error!(%error, "the net thread has ended");
                // After the start nobody waits for the error: the supervisor sees that the thread has ended.
                let _ = failed.send(Err(error));
            }
        })?;
        let gone = || Err(io::Error::other("the net thread has ended"));
        is_ready.recv().unwrap_or_else(|_| gone()).map_err(StartError::Net)
    }

    fn start_thread(&mut self, health: Arc<ThreadHealth>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = health.spawn(work)?;
        self.supervisor.watch(&health);
        self.threads.push(thread);
        Ok(())
    }

    /// The address that players connect to, with the port that was really taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the admin listener, with the port that was really taken; `None` when there is no such listener.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }
}

//! Starting and stopping: listeners, threads, signals.

mod data;
mod files;
mod listening;
mod reloading;
mod sd_notify;
mod signals;
mod starting;
mod stopping;
mod watch;

use crate::clock::Clock;
use crate::cluster::{NatsFault, NatsThread, Nodes, PeerKeyError};
use crate::config::{Config, ConfigFaults, Exposed, ListenAddress, SettingsSource};
use crate::exchange::ExchangeSetup;
use crate::games::{OfferedGame, OptionsFault};
use crate::gate::GateError;
use crate::journal::{Folder, FolderFault, KeeperThread};
use crate::limits::{FILE_DESCRIPTORS, ROOMS_WAITING_MAX, STALL_MAX, TOPICS_INBOX_MAX, TOPICS_ORDERS_MAX};
use crate::logging::Log;
use crate::mailbox::{Recovery, TopicsLink};
use crate::metrics::Metrics;
use crate::net::{LeaveOrder, NetIo, NetSetup, PageError, PageFile, StopOrder};
use crate::operators::OperatorsFileError;
use crate::own_folder::FolderError;
use crate::readiness::Readiness;
use crate::service_token::TokenError;
use crate::shard::ShardCommand;
use crate::threads::{Supervisor, ThreadFault, ThreadHealth};
use crate::tls::TlsError;
use crate::topics::ChatFilter;
use crate::webhooks::file::WebhookFileError;
use data::{DataFolder, StartedJournal};
pub(crate) use files::{FileUse, file_faults};
use files::{Files, open_console};
pub use listening::Attempts;
use listening::Listeners;
use reloading::Reloading;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
pub use signals::Signals;
use starting::{ShardSeed, hub_limits_of, queues_of, topics_of, with_behaviour};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use thiserror::Error;
use tickwire::{Game, Stage};
use tokio::sync::mpsc::channel;
use tokio::sync::oneshot;

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
    /// The nodes that it is one of.
    nodes: Option<Nodes>,
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
    /// The file that is set for operators cannot be used.
    #[error(transparent)]
    Operators(#[from] OperatorsFileError),
    /// The settings of tickets do not fit together, or their keys cannot be used.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The keys by which nodes know each other cannot be used.
    #[error(transparent)]
    PeerKey(#[from] PeerKeyError),
    /// This NATS cannot be the registry of nodes.
    #[error(transparent)]
    Nats(#[from] NatsFault),
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Everybody could reach the server, and nothing between it and its players would be encrypted.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] FolderFault),
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
            nodes: None,
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
    pub fn game<G: Game>(self) -> Self {
        self.offer(OfferedGame::of::<G>())
    }

    /// The same server with one more game; operators see its worlds on the dashboard as its stage draws them.
    ///
    /// # Panics
    /// As [`Server::game`].
    #[must_use]
    pub fn stage_game<G: Stage>(self) -> Self {
        self.offer(OfferedGame::drawn::<G>())
    }

    fn offer(mut self, game: OfferedGame) -> Self {
        let name = game.rules.name;
        assert!(self.games.iter().all(|game| game.rules.name != name), "two games are named {name}");
        for queue in game.rules.queues.iter().filter(|queue| !queue.options.is_empty()) {
            let options = serde_json::from_str(queue.options).map_err(OptionsFault::from);
            let fault = options.and_then(|options| (game.check)(&options)).err();
            assert!(fault.is_none(), "queue {} of {name} has options that are none: {fault:?}", queue.name);
        }
        self.games.push(game);
        self
    }

    /// The games that the server would offer.
    pub(crate) fn into_games(self) -> Vec<OfferedGame> {
        self.games
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

    /// The same server as one of several in this process that are one service: no code is that of two rooms, and a room of
    /// any of them can be entered at each of them that has a listener for nodes. By default a server is alone.
    #[must_use]
    pub fn among(mut self, nodes: &Nodes) -> Self {
        self.nodes = Some(nodes.clone());
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
        let mut files = Files::open(&self.config, self.page)?;
        raise_descriptor_limit();
        let Listeners { listener, address, admin, admin_address, peer, peer_address } = Listeners::bind(&self.config)?;
        let kept = DataFolder::open(&self.config)?;
        let console = open_console(&self.config, admin_address)?;
        let (metrics, clock, readiness) = (Arc::new(Metrics::new()), Clock::start(), Arc::new(Readiness::default()));
        let ((report, reports), (stop, stopped)) = (channel(REPORTS_MAX), oneshot::channel());
        let Self { config, games, withheld, build, chat_filter, source, log, nodes, .. } = self;
        let config = Arc::new(config);
        // If a thread does not start, `running` is dropped, which ends the threads that did start.
        let (reloading, settings) = files.reloading(&config, source, log.clone(), &console);
        let mut running = Running::before_threads((address, admin_address), stop, Arc::clone(&readiness), reloading);
        let StartedJournal { found, keeper: journal, kept } = running.start_journal(kept, &config, &files.gate)?;
        let webhooks = running.start_webhooks(files.webhooks, kept.as_ref())?;
        let ((member, members), (order, orders)) = (channel(TOPICS_INBOX_MAX), channel(TOPICS_ORDERS_MAX));
        let seed = ShardSeed::new(&config, report, member, &metrics, clock, journal.clone());
        let shards = running.start_shards(config.shards, seed)?;
        let (match_order, match_orders) = channel(ROOMS_WAITING_MAX);
        running.start_exchange(ExchangeSetup {
            games: topics_of(&games),
            filter: chat_filter,
            hub_limits: hub_limits_of(&config),
            visitors_max: config.visitors_max,
            queues: queues_of(&games),
            matches: match_order,
            gate: Arc::clone(&files.gate),
            kept: kept.clone(),
            members,
            orders,
            shards: shards.clone(),
            console: Arc::clone(&console),
            metrics: Arc::clone(&metrics),
            clock,
            health: ThreadHealth::new("topics", STALL_MAX),
        })?;
        running.peer_address = peer_address;
        let node = running.node_among(nodes, &config)?;
        let peers = running.start_tunnels(files.peer_keys, &metrics)?;
        let setup = NetSetup {
            settings,
            log,
            address: address.ip(),
            admin_address: admin_address.map(|address| address.ip()),
            games: if journal.is_some() { with_behaviour(games) } else { games },
            withheld,
            build,
            orders: running.start_maker(&shards, config.memory_bytes_max, journal.as_ref())?,
            shards,
            topics: TopicsLink { send: order },
            metrics,
            clock,
            readiness: Arc::clone(&readiness),
            page: files.page,
            autopsies: files.autopsies,
            gate: files.gate,
            tls: files.tls,
            webhooks,
            console,
            journal,
            kept,
            recovery: Recovery::new(&readiness),
            node,
            peers,
        };
        let leave = running.leaving();
        let io = NetIo { listener, admin, peer, reports, matches: match_orders, leave, stop: stopped, found };
        running.start_net(setup, io)?;
        tracing::info!(%address, ?admin_address, "listening");
        Ok(running)
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
    peer_address: Option<SocketAddr>,
    shards: Vec<mpsc::Sender<ShardCommand>>,
    /// The order to move the rooms away.
    leave: Option<oneshot::Sender<LeaveOrder>>,
    stop: Option<oneshot::Sender<StopOrder>>,
    threads: Vec<JoinHandle<()>>,
    supervisor: Supervisor,
    readiness: Arc<Readiness>,
    has_tls: bool,
    reloading: Reloading,
    /// The thread of webhooks, and the order to it to stop. The server goes on without it.
    webhooks: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    /// The thread that works with NATS, if nodes find each other there.
    nats: Option<NatsThread>,
    /// The order to the thread of tunnels to stop.
    tunnels: Option<oneshot::Sender<()>>,
    /// The thread of the journal, if one is kept, and the folder that is locked for as long as it is here.
    keeper: Option<KeeperThread>,
    folder: Option<Folder>,
    /// Whether a thread has failed: the end is a bad one then.
    has_failed: bool,
}

impl Running {
    /// A server whose threads are still to be started.
    fn before_threads(
        (address, admin_address): (SocketAddr, Option<SocketAddr>),
        stop: oneshot::Sender<StopOrder>,
        readiness: Arc<Readiness>,
        reloading: Reloading,
    ) -> Self {
        let has_tls = reloading.tls.is_some();
        let (shards, threads, supervisor) = (Vec::new(), Vec::new(), Supervisor::default());
        let stop = Some(stop);
        Self {
            address,
            admin_address,
            peer_address: None,
            shards,
            leave: None,
            stop,
            threads,
            supervisor,
            readiness,
            has_tls,
            reloading,
            webhooks: None,
            nats: None,
            tunnels: None,
            keeper: None,
            folder: None,
            has_failed: false,
        }
    }

    /// The order to move the rooms away, as the net thread receives it.
    fn leaving(&mut self) -> oneshot::Receiver<LeaveOrder> {
        let (leave, ordered) = oneshot::channel();
        self.leave = Some(leave);
        ordered
    }

    /// Whether the server speaks TLS itself; on a listener of operators that is on loopback it never does.
    #[must_use]
    pub const fn has_tls(&self) -> bool {
        self.has_tls
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

    /// The address under which other nodes reach this one; `None` when they do not.
    #[must_use]
    pub const fn peer_address(&self) -> Option<SocketAddr> {
        self.peer_address
    }
}

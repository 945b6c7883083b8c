//! Starting and stopping: listeners, threads, signals.

use crate::clock::Clock;
use crate::config::Config;
use crate::games::OfferedGame;
use crate::limits::{
    FILE_DESCRIPTORS, LISTEN_BACKLOG, REQUEST_HEAD_BYTES, REQUEST_HEADERS, ROOMS_WAITING_MAX, SHARDS_MAX,
    SLOW_LANE_STALL_MAX, STALL_MAX, STOP_MAX, SUPERVISOR_INTERVAL,
};
use crate::mailbox::{Command, Report, ShardLink};
use crate::maker::{Maker, Orders};
use crate::metrics::Metrics;
use crate::net::{self, NetIo, NetSetup};
use crate::shard::{Shard, ShardCommand, ShardSetup};
use crate::threads::{Load, Supervisor, ThreadFault, ThreadHealth};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use thiserror::Error;
use tickwire::Game;
use tickwire::message::close::CloseCode;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Reports of shards that may wait for the net thread. A shard makes a report that does not fit again later, unless it
/// is an autopsy or a client that differed: that one is lost.
const REPORTS_MAX: usize = 4_096;

/// A server before it runs: its configuration and its games.
#[derive(Debug)]
pub struct Server {
    config: Config,
    games: Vec<OfferedGame>,
}

/// The reason for which a server could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The server cannot listen on an address; another program may use it.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The number of shards is not 1 to 256.
    #[error("a server has 1 to {SHARDS_MAX} shards, not {0}")]
    Shards(usize),
    /// The limit of headers per request is out of its range.
    #[error("request_headers_max has to be {low} to {high}, not {0}", low = REQUEST_HEADERS.start(), high = REQUEST_HEADERS.end())]
    RequestHeaders(usize),
    /// The limit of bytes of a request's head is out of its range.
    #[error("request_head_bytes_max has to be {low} to {high}, not {0}", low = REQUEST_HEAD_BYTES.start(), high = REQUEST_HEAD_BYTES.end())]
    RequestHeadBytes(usize),
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
        Self { config, games: Vec::new() }
    }

    /// The same server with one more game.
    ///
    /// # Panics
    /// When the server already has a game of this name.
    #[must_use]
    pub fn game<G: Game>(mut self) -> Self {
        let name = G::RULES.name;
        assert!(self.games.iter().all(|game| game.rules.name != name), "two games are named {name}");
        self.games.push(OfferedGame::of::<G>());
        self
    }

    /// Runs until SIGINT or SIGTERM, then closes all connections with the code for that signal.
    ///
    /// # Errors
    /// When the server cannot start, or when one of its threads fails.
    pub fn run(self) -> Result<(), RunError> {
        let signals = Signals::listen()?;
        Ok(self.start()?.run_until(signals)?)
    }

    /// Starts the server's threads and returns.
    ///
    /// # Errors
    /// When an address is taken, a thread cannot be started, or a number in the configuration is out of its range.
    pub fn start(self) -> Result<Running, StartError> {
        if !(1..=SHARDS_MAX).contains(&self.config.shards) {
            return Err(StartError::Shards(self.config.shards));
        }
        if !REQUEST_HEADERS.contains(&self.config.request_headers_max) {
            return Err(StartError::RequestHeaders(self.config.request_headers_max));
        }
        if !REQUEST_HEAD_BYTES.contains(&self.config.request_head_bytes_max) {
            return Err(StartError::RequestHeadBytes(self.config.request_head_bytes_max));
        }
        raise_descriptor_limit();
        let (listener, address) = listen(self.config.listen)?;
        let admin = self.config.admin_listen.map(listen).transpose()?;
        let (admin, admin_address) = admin.unzip();
        let (metrics, clock) = (Arc::new(Metrics::new()), Clock::start());
        let (report, reports) = tokio::sync::mpsc::channel(REPORTS_MAX);
        let (stop, stopped) = oneshot::channel();
        // If a thread does not start, `running` is dropped, which ends the threads that did start.
        let mut running = Running {
            address,
            admin_address,
            shards: Vec::new(),
            stop: Some(stop),
            threads: Vec::new(),
            supervisor: Supervisor::default(),
        };
        let seed =
            ShardSeed { reports: report, metrics: &metrics, clock, load_percent_max: self.config.load_percent_max };
        let links: Vec<_> =
            (0..self.config.shards).map(|index| running.start_shard(index, &seed)).collect::<Result<_, _>>()?;
        let (shards, states): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        let orders = running.start_maker(&shards, self.config.memory_bytes_max)?;
        let setup = NetSetup { config: self.config, games: self.games, shards, states, orders, metrics, clock };
        running.start_net(setup, NetIo { listener, admin, reports, stop: stopped })?;
        tracing::info!(%address, ?admin_address, "listening");
        Ok(running)
    }
}

/// What every shard starts with.
struct ShardSeed<'a> {
    reports: tokio::sync::mpsc::Sender<Report>,
    metrics: &'a Arc<Metrics>,
    clock: Clock,
    load_percent_max: u32,
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Sockets of an earlier run may still be closing, and they must not block the port. A second server on the port
        // is refused all the same.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source| StartError::Listen { address, source })
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

/// Waits for the signals that end a server.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes over the signals. A program must do this before anything outside can know that the server runs: until then
    /// a signal ends the process at once.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        drop(entered);
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Waits for a signal and returns the close code for the players. After SIGINT it says that the server goes away;
    /// after SIGTERM it says that the server restarts and that players may come back in a moment.
    fn wait(mut self, supervisor: &mut Supervisor) -> Result<CloseCode, ThreadFault> {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = self.interrupt.recv() => return Ok(CloseCode::Away),
                    _ = self.terminate.recv() => return Ok(CloseCode::Restart),
                    () = tokio::time::sleep(SUPERVISOR_INTERVAL) => supervisor.look()?,
                }
            }
        })
    }
}

/// A server that runs. Dropping the value stops the server.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    shards: Vec<mpsc::Sender<ShardCommand>>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<(Arc<ThreadHealth>, JoinHandle<()>)>,
    supervisor: Supervisor,
}

impl Running {
    /// Starts a shard, and returns its link, its load and its health.
    fn start_shard(
        &mut self,
        index: usize,
        seed: &ShardSeed<'_>,
    ) -> io::Result<(ShardLink, (Arc<Load>, Arc<ThreadHealth>))> {
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
        Ok((ShardLink::new(send), (load, health)))
    }

    /// Starts the thread that makes rooms.
    fn start_maker(&mut self, shards: &[ShardLink], memory_bytes_max: u64) -> io::Result<Orders> {
        let (order, orders) = mpsc::sync_channel(ROOMS_WAITING_MAX);
        let health = ThreadHealth::new("maker", STALL_MAX);
        let maker = Maker { orders, shards: shards.to_vec(), memory_bytes_max, health: Arc::clone(&health) };
        self.start_thread(health, move || maker.run())?;
        Ok(Orders::new(order))
    }

    /// Starts the net thread, and waits until it accepts connections.
    fn start_net(&mut self, setup: NetSetup, io: NetIo) -> Result<(), StartError> {
        let health = ThreadHealth::new("net", STALL_MAX);
        let (ready, is_ready) = mpsc::channel();
        let notes = Arc::clone(&health);
        self.start_thread(health, move || {
            let failed = ready.clone();
            if let Err(error) = net::run(setup, io, notes, move || drop(ready.send(Ok(())))) {
                // After the start nobody waits for the error: the supervisor sees that the thread has ended.
                tracing::error!(%error, "the net thread has ended");
                let _ = failed.send(Err(error));
            }
        })?;
        let gone = || Err(io::Error::other("the net thread has ended"));
        is_ready.recv().unwrap_or_else(|_| gone()).map_err(StartError::Net)
    }

    fn start_thread(&mut self, health: Arc<ThreadHealth>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = health.spawn(work)?;
        self.supervisor.watch(&health);
        self.threads.push((health, thread));
        Ok(())
    }

    /// Runs until a signal says to stop, then closes all connections with the code for that signal.
    ///
    /// # Errors
    /// When a thread fails before. Players are told to come back, as far as threads are left that can tell them, and
    /// the process is to end with an exit code other than 0.
    pub fn run_until(mut self, signals: Signals) -> Result<(), ThreadFault> {
        let outcome = signals.wait(&mut self.supervisor);
        match &outcome {
            Ok(code) => tracing::info!(code = code.number(), "stopping"),
            Err(fault) => tracing::error!(%fault, "the server has failed and ends"),
        }
        self.end(*outcome.as_ref().unwrap_or(&CloseCode::Restart));
        outcome.map(drop)
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

    /// Closes all connections with `code` and waits until all threads have ended, two seconds at the most.
    pub fn stop(mut self, code: CloseCode) {
        self.end(code);
    }

    fn end(&mut self, code: CloseCode) {
        // The net thread stops first, so that it accepts no further connection. A connection that is on its way
        // meanwhile is refused by its shard, or finds no shard.
        self.stop.take();
        for shard in &self.shards {
            // A shard that has already ended needs no command.
            let _ = shard.send(Command::Stop(code).into());
        }
        let deadline = Instant::now() + STOP_MAX;
        for (health, thread) in self.threads.drain(..) {
            while !health.has_ended() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            if !health.has_ended() {
                // It cannot be stopped from outside. The process takes it along when it ends.
                tracing::error!(thread = health.name(), "a thread does not end");
            } else if thread.join().is_err() {
                tracing::error!(thread = health.name(), "a thread has panicked");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(CloseCode::Away);
    }
}

//! The net thread: it accepts connections, answers HTTP, and hands players over to the shards.
//!
//! It has one current-thread runtime, and its state is one `Net` that no other thread sees. Shards receive commands and
//! send reports.

mod admin;
mod answer;
mod api;
mod autopsies;
mod diverged;
mod drain;
mod forwarded;
mod handshake;
mod health;
mod hello;
mod page;
mod router;

use crate::clock::Clock;
use crate::config::Config;
use crate::games::OfferedGame;
use crate::limits::{
    ACCEPT_PAUSE, FAILED_LOOKUPS_PER_MINUTE, MATCHES_PER_MINUTE, PENDING_CONNECTIONS_MAX,
    PENDING_CONNECTIONS_PER_ADDRESS_MAX, ROOMS_PER_HOUR, SEATED_CONNECTIONS_PER_ADDRESS_MAX,
};
use crate::lobby::{Directory, Place};
use crate::mailbox::{Command, Report, ShardLink, Undelivered};
use crate::maker::Orders;
use crate::memory::resident_bytes;
use crate::metrics::Metrics;
use crate::own_folder::OwnFolder;
use crate::readiness::{Readiness, Reason};
use crate::threads::{Load, ThreadHealth};
use crate::websocket::address::{AddressKey, ConnectionCounts};
use crate::websocket::rate::{AddressQuota, Quota, Usage};
use autopsies::Autopsies;
use diverged::DivergedWaits;
use drain::Drain;
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tickwire::message::close::CloseCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};

/// Time between two looks through the old entries of limits and the resting codes.
const CHORES_INTERVAL: Duration = Duration::from_secs(1);

/// The configuration and the links that the net thread receives at its start.
pub(crate) struct NetSetup {
    pub(crate) config: Config,
    pub(crate) games: Vec<OfferedGame>,
    /// Names of games that the server would offer with another setting.
    pub(crate) withheld: Vec<&'static str>,
    pub(crate) shards: Vec<ShardLink>,
    /// How busy each shard is, and whether it lives.
    pub(crate) states: Vec<(Arc<Load>, Arc<ThreadHealth>)>,
    pub(crate) orders: Orders,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) readiness: Arc<Readiness>,
    /// The folder for autopsies, if any are to be written.
    pub(crate) autopsies: Option<OwnFolder>,
}

/// The sockets and channels of the net thread.
pub(crate) struct NetIo {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) admin: Option<std::net::TcpListener>,
    pub(crate) reports: Receiver<Report>,
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
    /// Connections that are not in a room yet.
    pending: RefCell<ConnectionCounts>,
    /// Connections in rooms.
    seated: RefCell<ConnectionCounts>,
    room_quota: RefCell<AddressQuota>,
    match_quota: RefCell<AddressQuota>,
    lookup_quota: RefCell<AddressQuota>,
    /// Warnings about origins that were refused.
    origin_warnings: Cell<Usage>,
    /// Clients that were closed because their worlds keep differing, and have to wait before they come back.
    diverged: RefCell<DivergedWaits>,
    autopsies: Autopsies,
    drain: Drain,
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
        let net = Rc::new(Net::new(setup));
        spawn_local(accept(Rc::clone(&net), TcpListener::from_std(io.listener)?));
        if let Some(admin) = io.admin {
            spawn_local(admin::accept(Rc::clone(&net), TcpListener::from_std(admin)?));
        }
        let shards = spawn_local(hear_shards(Rc::clone(&net), io.reports));
        spawn_local(do_chores(Rc::clone(&net), health));
        ready();
        // An error means that the sender was dropped: then nobody waits for anything any more.
        if let Ok(order) = io.stop.await {
            drain::drain(&net, order, shards).await;
        }
        Ok(())
    })
}

async fn accept(net: Rc<Net>, listener: TcpListener) {
    loop {
        if net.pending.borrow().all() >= PENDING_CONNECTIONS_MAX {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, peer)) => net.welcome(stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn hear_shards(net: Rc<Net>, mut reports: Receiver<Report>) {
    while let Some(report) = reports.recv().await {
        let now_us = net.setup.clock.now_us();
        let mut directory = net.directory.borrow_mut();
        match report {
            Report::Room { room, summary } => directory.update(room, summary, now_us),
            Report::Gone { room } => directory.close(room, now_us),
            Report::Diverged { room, address } => {
                net.diverged.borrow_mut().closed(room, address, now_us);
                continue;
            }
            Report::Differed { room, autopsy } => {
                // An autopsy is written on a thread of its own; nothing waits for it.
                drop(net.autopsies.keep(room, autopsy));
                continue;
            }
        }
        let (rooms, players, bots) = directory.totals();
        let metrics = &net.setup.metrics;
        // The conversion is lossless: there are never so many rooms that a float would round them.
        metrics.rooms.set(rooms as f64);
        metrics.players.set(f64::from(players));
        metrics.bots.set(f64::from(bots));
    }
}

async fn do_chores(net: Rc<Net>, health: Arc<ThreadHealth>) {
    loop {
        health.works();
        tokio::time::sleep(CHORES_INTERVAL).await;
        let now_us = net.setup.clock.now_us();
        net.directory.borrow_mut().wake_codes(now_us);
        for counts in [&net.pending, &net.seated] {
            counts.borrow_mut().forget_absent();
        }
        for quota in [&net.room_quota, &net.match_quota, &net.lookup_quota] {
            quota.borrow_mut().forget_untouched(now_us);
        }
        net.diverged.borrow_mut().forget_old(now_us);
        net.note_readiness();
    }
}

impl Net {
    fn new(setup: NetSetup) -> Self {
        let quota = |quota| RefCell::new(AddressQuota::new(quota));
        Self {
            directory: RefCell::new(Directory::new(setup.shards.len())),
            pending: RefCell::new(ConnectionCounts::new(PENDING_CONNECTIONS_PER_ADDRESS_MAX)),
            seated: RefCell::new(ConnectionCounts::new(SEATED_CONNECTIONS_PER_ADDRESS_MAX)),
            room_quota: quota(Quota::per_hour(ROOMS_PER_HOUR)),
            match_quota: quota(Quota::per_minute(MATCHES_PER_MINUTE)),
            lookup_quota: quota(Quota::per_minute(FAILED_LOOKUPS_PER_MINUTE)),
            origin_warnings: Cell::default(),
            diverged: RefCell::default(),
            autopsies: Autopsies::new(setup.autopsies.clone()),
            drain: Drain::default(),
            matching: tokio::sync::Mutex::default(),
            setup,
        }
    }

    /// Serves a new connection, unless its address has too many.
    fn welcome(self: &Rc<Self>, stream: TcpStream, peer: IpAddr) {
        let limited = (!peer.to_canonical().is_loopback()).then(|| AddressKey::of(peer));
        match self.pending.borrow_mut().count(limited) {
            Some(counted) => {
                spawn_local(router::serve(Rc::clone(self), stream, peer, Rc::new(counted)));
            }
            None => self.setup.metrics.rate_limited.increment(1),
        }
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
        let (load, health) = &self.setup.states[shard];
        !health.has_ended() && load.percent() < self.setup.config.load_percent_max
    }

    /// Notes whether the server takes in further rooms.
    fn note_readiness(&self) {
        let readiness = &self.setup.readiness;
        readiness.hold(Reason::Rooms, self.directory.borrow().is_full());
        readiness.hold(Reason::Memory, resident_bytes() >= self.setup.config.memory_bytes_max);
        readiness.hold(Reason::Work, !(0..self.setup.states.len()).any(|shard| self.has_time(shard)));
    }
}

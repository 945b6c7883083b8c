//! The threads of a server, started one after the other, and the things that they are given.

use super::{Running, StartError};
use crate::clock::Clock;
use crate::cluster::hail::PeerKeys;
use crate::cluster::{AnyRegistry, NatsSettings, NatsThread, NodeId, Nodes};
use crate::config::{Config, NatsSetting};
use crate::exchange::{self, ExchangeSetup};
use crate::game_panic;
use crate::games::OfferedGame;
use crate::journal::{JournalWriter, KeeperHandle};
use crate::kept::KeptLog;
use crate::limits::{BEHAVIOUR_MAX, CODE_REST, NATS_START_MAX, ROOMS_WAITING_MAX, SLOW_LANE_STALL_MAX, STALL_MAX};
use crate::mailbox::{FromShard, Report, ShardLink, TopicsInbox, TunnelLink};
use crate::maker::{Maker, Orders};
use crate::matchmaking::GameQueue;
use crate::metrics::Metrics;
use crate::net::{self, NetIo, NetSetup, NodeSetup, PeerSetup};
use crate::shard::{Shard, ShardCommand, ShardSetup};
use crate::threads::{Load, ThreadFault, ThreadHealth};
use crate::topics::{GameTopics, HubLimits};
use crate::tunnel::{self, TunnelSetup};
use crate::webhooks::feed::Webhooks;
use crate::webhooks::sender::WebhookSender;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Builder;
use tokio::sync::oneshot;

/// The topics of all games.
pub(super) fn topics_of(games: &[OfferedGame]) -> Vec<GameTopics> {
    games.iter().map(|game| GameTopics { game: game.rules.name, own: game.rules.topics }).collect()
}

/// The games with their behaviour, which the headers of kept rooms have. Each game is played in a thread of its own, which is
/// left behind when the match does not end.
pub(super) fn with_behaviour(mut games: Vec<OfferedGame>) -> Vec<OfferedGame> {
    for game in &mut games {
        let (told, behaviour) = mpsc::channel();
        let play = game.play;
        let playing = Builder::new().name("behaviour".into()).spawn(move || told.send(game_panic::catch(play)));
        let name = game.rules.name;
        match playing.ok().and_then(|_| behaviour.recv_timeout(BEHAVIOUR_MAX).ok()) {
            Some(Ok(behaviour)) => game.behaviour = behaviour,
            Some(Err(panic)) => {
                tracing::warn!(
                    "in a short match of bots `{name}` panics: changes of its rules will not be told: {panic}"
                );
            }
            None => {
                tracing::warn!("a short match of bots of `{name}` does not end: changes of its rules will not be told")
            }
        }
    }
    games
}

/// The bounds of topics.
pub(super) const fn hub_limits_of(config: &Config) -> HubLimits {
    HubLimits {
        kept_bytes_max: config.topic_bytes_max,
        publishers_per_origin: config.publishers_per_address,
        guesses_per_minute: config.topic_guesses_per_address_per_minute,
    }
}

/// The queues of all games.
pub(super) fn queues_of(games: &[OfferedGame]) -> Vec<GameQueue> {
    let of_game = |(game, offered): (usize, &OfferedGame)| {
        let name = offered.rules.name;
        offered.rules.queues.iter().map(move |rules| GameQueue { game, name, rules: *rules })
    };
    games.iter().enumerate().flat_map(of_game).collect()
}

/// The part of a shard's setup that is the same for all shards.
pub(super) struct ShardSeed<'a> {
    reports: tokio::sync::mpsc::Sender<Report>,
    members: tokio::sync::mpsc::Sender<(usize, FromShard)>,
    metrics: &'a Arc<Metrics>,
    clock: Clock,
    load_percent_max: u32,
    journal: Option<KeeperHandle>,
}

impl<'a> ShardSeed<'a> {
    pub(super) fn new(
        config: &Config,
        reports: tokio::sync::mpsc::Sender<Report>,
        members: tokio::sync::mpsc::Sender<(usize, FromShard)>,
        metrics: &'a Arc<Metrics>,
        clock: Clock,
        journal: Option<KeeperHandle>,
    ) -> Self {
        Self { reports, members, metrics, clock, load_percent_max: config.load_percent_max, journal }
    }
}

impl Running {
    /// Starts the shards.
    pub(super) fn start_shards(&mut self, count: usize, seed: ShardSeed<'_>) -> io::Result<Vec<ShardLink>> {
        (0..count).map(|index| self.start_shard(index, &seed)).collect()
    }

    /// Starts a shard.
    fn start_shard(&mut self, index: usize, seed: &ShardSeed<'_>) -> io::Result<ShardLink> {
        let (home, inbox) = mpsc::channel();
        self.shards.push(home.clone());
        let health = ThreadHealth::new(format!("shard-{index}"), STALL_MAX);
        let lane_health = ThreadHealth::new(format!("shard-{index}-slow"), SLOW_LANE_STALL_MAX);
        self.supervisor.watch(&lane_health);
        if let Some(folder) = &self.folder {
            [&health, &lane_health].into_iter().for_each(|thread| folder.watch(thread));
        }
        let load = Arc::new(Load::default());
        let numbers = seed.metrics.enter_shard(index, false, &load);
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
            numbers,
            load_percent_max: seed.load_percent_max,
            journal: seed.journal.clone(),
        };
        self.start_thread(Arc::clone(&health), move || Shard::new(setup).run())?;
        let send = move |command, place| home.send(ShardCommand::Net(command, Some(place))).is_ok();
        Ok(ShardLink::new(send, load, health))
    }

    /// Starts the thread that makes rooms.
    pub(super) fn start_maker(
        &mut self,
        shards: &[ShardLink],
        memory_bytes_max: u64,
        journal: Option<&KeeperHandle>,
    ) -> io::Result<Orders> {
        let (order, orders) = mpsc::sync_channel(ROOMS_WAITING_MAX);
        let health = ThreadHealth::new("maker", STALL_MAX);
        let journal = journal.map(JournalWriter::new);
        let maker = Maker { orders, shards: shards.to_vec(), memory_bytes_max, health: Arc::clone(&health), journal };
        self.start_thread(health, move || maker.run())?;
        Ok(Orders::new(order))
    }

    /// Starts the thread of topics.
    pub(super) fn start_exchange(&mut self, setup: ExchangeSetup) -> io::Result<()> {
        self.start_thread(Arc::clone(&setup.health), move || {
            if let Err(error) = exchange::run(setup) {
                tracing::error!(%error, "the thread of topics has ended");
            }
        })
    }

    /// Starts the thread of webhooks, if there are any; gives the way to it. Nobody watches it: a server plays on when it
    /// has ended. With a log, events are kept there before they are sent.
    pub(super) fn start_webhooks(
        &mut self,
        prepared: Option<(Webhooks, WebhookSender)>,
        kept: Option<&Arc<KeptLog>>,
    ) -> io::Result<Option<Webhooks>> {
        let Some((mut webhooks, mut sender)) = prepared else {
            // Players come and go from here on without anybody being told.
            kept.into_iter().for_each(|kept| kept.retain_rooms(|_| false));
            return Ok(None);
        };
        if let Some(log) = kept {
            webhooks = webhooks.kept_in(log, &mut sender);
        }
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            if let Err(error) = sender.run(stopped) {
                tracing::error!(%error, "the thread of webhooks has ended");
            }
        };
        self.webhooks = Some((stop, Builder::new().name("webhooks".into()).spawn(work)?));
        Ok(Some(webhooks))
    }

    /// Starts the thread that carries players to other nodes, if there are keys by which nodes know each other.
    pub(super) fn start_tunnels(
        &mut self,
        keys: Option<PeerKeys>,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Option<PeerSetup>> {
        let Some(keys) = keys else { return Ok(None) };
        let (tunnels, inbox) = TunnelLink::new();
        let (stop, stopped) = oneshot::channel();
        let health = ThreadHealth::new("tunnels", STALL_MAX);
        let setup = TunnelSetup { inbox, stop: stopped, metrics: Arc::clone(metrics), health: Arc::clone(&health) };
        self.start_thread(health, move || {
            if let Err(error) = tunnel::run(setup) {
                tracing::error!(%error, "the thread of tunnels has ended");
            }
        })?;
        self.tunnels = Some(stop);
        Ok(Some(PeerSetup { keys, tunnels }))
    }

    /// The place of this server among nodes. The one with the data folder of an earlier process is the same node.
    ///
    /// # Errors
    /// When a NATS is there that cannot be a registry. One that is away is waited for while rooms play.
    pub(super) fn node_among(&mut self, nodes: Option<Nodes>, config: &Config) -> Result<NodeSetup, StartError> {
        let mut boot = [0; 8];
        getrandom::fill(&mut boot).expect("the operating system has random numbers");
        let node = self.folder.as_ref().map_or_else(NodeId::random, |folder| NodeId(folder.node()));
        let is_doubled = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&is_doubled);
        self.supervisor.end_when(ThreadFault::Doubled, move || watched.load(Ordering::Relaxed));
        let registry = match &config.nats {
            NatsSetting::Off => AnyRegistry::InProcess(nodes.unwrap_or_default()),
            NatsSetting::At(addresses) => {
                let (addresses, service) = (addresses.clone(), config.service.clone());
                let nats = NatsThread::start(NatsSettings { addresses, service, rest: CODE_REST })?;
                if !nats.wait_for_nats(NATS_START_MAX)? {
                    tracing::warn!("NATS does not answer: rooms go on, and no new one begins before it does");
                }
                let registry = AnyRegistry::Nats(nats.registry());
                self.nats = Some(nats);
                registry
            }
        };
        Ok(NodeSetup { registry, node, boot: u64::from_le_bytes(boot), peer: self.peer_address, is_doubled })
    }

    /// Starts the net thread, and waits until it accepts connections.
    pub(super) fn start_net(&mut self, setup: NetSetup, io: NetIo) -> Result<(), StartError> {
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
}

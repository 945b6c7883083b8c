//! Our server and a bare loop with equally many clients: one of them is measured while the other one rests.

use super::bare::BareLoop;
use super::journal::{alone, commits};
use super::paused::Pausable;
use super::report::{Report, Round, Side, median};
use super::rhythm::lateness::Buckets;
use super::{Hosted, ROUND_SECONDS, SHARD_NAME};
use crate::lean::rooms::{Scene, join};
use crate::lean::{Bare, Load, Talk, Tally};
use crate::pinning::{MEASURED_CORE, Threads};
use crate::precise::now_ns;
use anyhow::{Context, Result, bail};
use tickwire::Game;
use tickwire_games::Crowd;
use tickwire_tools::accounting::rss_bytes;
use tickwire_tools::http::{Upgraded, connect};
use tickwire_tools::wire::Wire;

const SECOND_NS: u64 = 1_000_000_000;

/// Time from the moment when a side goes on to the start of its measurement.
const ROUND_WARM_UP_NS: u64 = SECOND_NS / 2;

/// Time from the moment when every client is in a room to the moment when bytes are taken as typical.
const WARM_UP_NS: u64 = 2 * SECOND_NS;

/// Every client must have a snapshot this long after the last one has connected.
const UP_NS_MAX: u64 = 10 * SECOND_NS;

/// A side: its clients, and the threads whose time counts.
struct Contender {
    load: Load,
    threads: Threads,
    total: Tally,
}

impl Contender {
    fn new(load: Load, threads: Threads) -> Self {
        Self { load, threads, total: Tally::default() }
    }

    /// Lets the side, which has just gone on, come to its usual pace.
    fn warm_up(&mut self) {
        self.load.play(ROUND_WARM_UP_NS);
    }

    /// Measures the side, which has warmed up.
    fn measure(&mut self, clients: u32) -> Result<Side> {
        let before = self.threads.times()?;
        let tally = self.load.measure(u64::from(ROUND_SECONDS) * SECOND_NS);
        let times = self.threads.times()?.since(before);
        self.load.rest();
        if let Some(end) = self.load.first_end() {
            bail!("{end}");
        }
        self.total.add(&tally);
        Ok(Side {
            cpu_us: times.ran_ns as f64 / 1_000.0 / tally.snapshots as f64,
            delivered: tally.delivered_part(clients, Crowd::RULES.tick_rate_hz),
            waited: times.waited_ns as f64 / times.ran_ns as f64,
        })
    }

    fn late_p99_ms(&self) -> f64 {
        self.load.lateness_us().spread_ms().p99
    }
}

/// Bytes of a message on the wire, frame heads included.
#[derive(Debug, Clone, Copy)]
struct WireBytes {
    snapshot: usize,
    input: usize,
}

/// Both sides for one number of clients.
pub(super) struct Pair {
    hosted: Hosted,
    server: Pausable,
    ours: Contender,
    bare: BareLoop,
    floor: Contender,
    wire_bytes: WireBytes,
    /// The commits of the rounds, where our server keeps a journal.
    commits: Buckets,
    generator: Threads,
    /// Time of the rounds, and the part of it for which the generator was on its core.
    rounds_ns: u64,
    generator_ns: u64,
    rounds: Vec<Round>,
}

impl Pair {
    /// Connects all clients to both sides; both sides rest afterwards. Once a client has a snapshot from our server,
    /// the shard's thread is known to have set its name, and can be found by it.
    pub(super) fn start(hosted: Hosted, scene: &Scene, generator: Threads) -> Result<Self> {
        let Hosted { clients, address, pid, .. } = hosted;
        let server = Pausable::new(pid)?;
        let mut load = Load::new(clients, Crowd::RULES.tick_rate_hz)?;
        join(&mut load, address, hosted.trust.as_ref(), scene, clients, u64::from(clients))?;
        load.play_until_up(UP_NS_MAX)?;
        Threads::named(pid, SHARD_NAME)?.pin(MEASURED_CORE)?;
        let mut ours = Contender::new(load, Threads::of(pid)?);
        ours.load.play(WARM_UP_NS);
        let typical = ours.load.measure(SECOND_NS);
        let snapshot = typical.wire_bytes_per_snapshot().round() as usize;
        let wire_bytes = WireBytes { snapshot, input: typical.wire_bytes_per_input().round() as usize };
        ours.load.rest();
        server.pause()?;
        let (bare, load) = start_bare(clients, wire_bytes)?;
        let floor = Contender::new(load, Threads::named(std::process::id(), &bare.thread_name())?);
        let (commits, rounds_ns, generator_ns, rounds) = (Buckets::default(), 0, 0, Vec::new());
        Ok(Self { hosted, server, ours, bare, floor, wire_bytes, commits, generator, rounds_ns, generator_ns, rounds })
    }

    pub(super) const fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// Measures both sides, ours first or last.
    pub(super) fn round(&mut self, ours_first: bool) -> Result<Round> {
        let (started_ns, busy_before) = (now_ns(), self.generator.times()?);
        let round = if ours_first {
            let ours = self.measure_ours()?;
            Round { ours, floor: self.measure_floor()? }
        } else {
            let floor = self.measure_floor()?;
            Round { floor, ours: self.measure_ours()? }
        };
        self.rounds_ns += now_ns() - started_ns;
        self.generator_ns += self.generator.times()?.since(busy_before).ran_ns;
        self.rounds.push(round);
        Ok(round)
    }

    fn measure_ours(&mut self) -> Result<Side> {
        self.server.resume()?;
        self.ours.warm_up();
        // The commits of ticks that the server missed and now makes up for are not of the round.
        let before = self.hosted.journal.map(commits).transpose()?;
        let side = self.ours.measure(self.hosted.clients).context("our server")?;
        if let (Some(metrics), Some(before)) = (self.hosted.journal, before) {
            self.commits.add(&commits(metrics)?.since(&before));
        }
        self.server.pause().map(|()| side)
    }

    fn measure_floor(&mut self) -> Result<Side> {
        self.bare.go();
        self.floor.warm_up();
        let side = self.floor.measure(self.hosted.clients).context("the bare loop");
        self.bare.rest();
        side
    }

    /// Ends the bare loop, lets the server go on, and gives the report.
    pub(super) fn finish(self, scene: &Scene) -> Result<Report> {
        let ours_rss_bytes = rss_bytes(self.hosted.pid)?;
        let Self { hosted: Hosted { clients, trust, journal, .. }, ours, floor, wire_bytes, commits, rounds, .. } =
            self;
        let ours_cpu_us = median(rounds.iter().map(|round| round.ours.cpu_us));
        let floor_cpu_us = median(rounds.iter().map(|round| round.floor.cpu_us));
        let ratios = || rounds.iter().map(Round::ratio);
        let delivered = |side: &Contender| side.total.delivered_part(clients, Crowd::RULES.tick_rate_hz);
        let report = Report {
            clients,
            tls: trust.is_some(),
            journal: journal.map(|_| alone(&commits)),
            payload_bytes: ours.total.payload_bytes(),
            ours_cpu_us,
            floor_cpu_us,
            ratio: ours_cpu_us / floor_cpu_us,
            ratio_range: [ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)],
            motion: scene.motion.clone(),
            entities: scene.entities,
            seconds: u32::try_from(rounds.len()).unwrap_or(u32::MAX) * ROUND_SECONDS,
            wire_bytes_out: wire_bytes.snapshot,
            wire_bytes_in: wire_bytes.input,
            ours_delivered: delivered(&ours),
            floor_delivered: delivered(&floor),
            ours_rate_hz: ours.total.rate_hz(clients),
            floor_rate_hz: floor.total.rate_hz(clients),
            ours_interval_ms: ours.load.intervals_us().spread_ms(),
            floor_interval_ms: floor.load.intervals_us().spread_ms(),
            generator_late_p99_ms: ours.late_p99_ms().max(floor.late_p99_ms()),
            generator_busy: self.generator_ns as f64 / self.rounds_ns as f64,
            ours_rss_bytes,
            rounds,
        };
        self.bare.stop()?;
        Ok(report)
    }
}

/// The bare loop and all clients connected to it; it rests.
fn start_bare(clients: u32, wire_bytes: WireBytes) -> Result<(BareLoop, Load)> {
    let rate_hz = Crowd::RULES.tick_rate_hz;
    let bare = BareLoop::start(clients as usize, wire_bytes.snapshot, rate_hz)?;
    let mut load = Load::new(clients, rate_hz)?;
    for _ in 0..clients {
        let socket = Upgraded { stream: Wire::Plain(connect(bare.address())?), unread: Vec::new() };
        load.add(socket, Talk::Bare(Bare::new(wire_bytes.input)))?;
    }
    bare.go();
    load.play_until_up(UP_NS_MAX)?;
    Threads::named(std::process::id(), &bare.thread_name())?.pin(MEASURED_CORE)?;
    bare.rest();
    Ok((bare, load))
}

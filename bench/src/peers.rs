//! Our server and Colyseus with the same game, the same clients and the same generator, in turn.
//!
//! ```text
//! round: start a server → pin it → rooms of eight fill up → warm-up → measure → stop it, then the other server
//! ```
//!
//! Rounds of both sides alternate, so that any other load on the machine affects both. Each round is a fresh process.
//! CPU time is that of all threads of the process.

pub mod capacity;
mod colyseus;
mod matchmake;
mod page;
mod report;

pub use colyseus::{MOTIONS, check, install};
pub use page::page;
pub use report::{Comparison, Measured, Ratio, Side, render};

use crate::lean::rooms::{JOIN_GAP_NS, SEATS, Scene, join, seed_of};
use crate::lean::{Colyseus, Load, Talk};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, own_times, pin_this_thread};
use crate::precise::{now_ns, tighten_timers};
use anyhow::{Context, Result, ensure};
use report::Round;
use std::net::SocketAddr;
use tickwire::Game;
use tickwire_games::Crowd;
use tickwire_tools::accounting::{CpuTimes, rss_bytes};
use tickwire_tools::http;
use tickwire_tools::server_process::ServerProcess;
use tokio::task::spawn_blocking;

/// Every client must be in a room this long after the last one has connected.
const JOIN_NS_MAX: u64 = 15_000_000_000;

/// Time that is played before the measurement: caches, compilers and buffers settle.
const WARM_UP_NS: u64 = 3_000_000_000;

/// A load that both servers are measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// The workload's name in the report.
    pub name: &'static str,
    /// Entities in each room besides players.
    pub entities: u16,
    /// How the entities move: one of [`MOTIONS`].
    pub motion: &'static str,
}

/// All workloads that are compared.
pub const WORKLOADS: [Workload; 3] = [
    Workload { name: "heavy-steady", entities: 100, motion: "steady" },
    Workload { name: "heavy-erratic", entities: 100, motion: "erratic" },
    Workload { name: "light", entities: 0, motion: "still" },
];

impl Workload {
    fn scene(self) -> Scene {
        Scene { motion: self.motion.into(), entities: self.entities.into() }
    }
}

/// The sizes and lengths of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Numbers of clients, each a multiple of the seats of a room.
    pub clients: Vec<u32>,
    /// Seconds that count, per round and server.
    pub seconds: u32,
    /// Turns that each server has per workload and number of clients.
    pub rounds: u32,
}

/// One round of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    workload: Workload,
    clients: u32,
    seconds: u32,
    /// The seed of the players' dice.
    seed: u64,
}

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contestant {
    Ours,
    Colyseus,
}

/// Makes both servers play `workload` in turn, with every number of clients in each round. Needs a runtime; [`install`]
/// must have succeeded before.
///
/// # Errors
/// When a server does not start or end as it should, or when not every client gets into a room.
pub async fn compare(workload: Workload, plan: &Plan, mut progress: impl FnMut(&str)) -> Result<Vec<Comparison>> {
    let full = |clients: &u32| *clients > 0 && clients.is_multiple_of(SEATS);
    ensure!(plan.clients.iter().all(full), "rooms have {SEATS} players each");
    let mut measured: Vec<_> =
        plan.clients.iter().map(|clients| (*clients, Measured::default(), Measured::default())).collect();
    for number in 1..=plan.rounds {
        for (clients, ours, colyseus) in &mut measured {
            let turn = Turn { workload, clients: *clients, seconds: plan.seconds, seed: u64::from(number) };
            for (contestant, measured) in [(Contestant::Ours, ours), (Contestant::Colyseus, colyseus)] {
                let Turn { workload: Workload { name, .. }, clients, .. } = turn;
                progress(&format!("{name}, {clients} clients, round {number} of {}: {contestant:?}", plan.rounds));
                let round = play_round(contestant, turn).await;
                measured.add(&round.with_context(|| format!("{name}, {clients} clients, {contestant:?}"))?);
            }
        }
    }
    let comparison = |(clients, ours, colyseus): &(u32, Measured, Measured)| {
        Comparison::new(workload.name, *clients, ours, colyseus)
    };
    Ok(measured.iter().map(comparison).collect())
}

async fn play_round(contestant: Contestant, turn: Turn) -> Result<Round> {
    let Workload { entities, motion, .. } = turn.workload;
    let server = match contestant {
        Contestant::Ours => ServerProcess::start(&crate::server()).await?,
        Contestant::Colyseus => colyseus::start(entities, motion).await?,
    };
    let (pid, address) = (server.pid(), server.address());
    // A thread that starts later inherits the core of the thread that starts it.
    Threads::of(pid)?.pin(MEASURED_CORE)?;
    // The load blocks its thread; this one goes on reading the server's output.
    let round = spawn_blocking(move || {
        pin_this_thread(GENERATOR_CORE)?;
        tighten_timers();
        let mut load = Load::new(turn.clients, Crowd::RULES.tick_rate_hz)?;
        match contestant {
            Contestant::Ours => join(&mut load, address, None, &turn.workload.scene(), turn.clients, turn.seed)?,
            Contestant::Colyseus => join_colyseus(&mut load, address, turn)?,
        }
        measure(load, pid, turn)
    });
    let round = round.await??;
    server.stop().await?;
    Ok(round)
}

fn join_colyseus(load: &mut Load, address: SocketAddr, turn: Turn) -> Result<()> {
    for room in 0..turn.clients / SEATS {
        load.play(JOIN_GAP_NS);
        for (seat, path) in (0..).zip(matchmake::fill_room(address, SEATS)?) {
            let socket = http::upgrade(address, None, &path, None)?;
            load.add(socket, Talk::Colyseus(Colyseus::new(seed_of(turn.seed, room * SEATS + seat))))?;
        }
    }
    Ok(())
}

fn measure(mut load: Load, pid: u32, turn: Turn) -> Result<Round> {
    load.play_until_up(JOIN_NS_MAX)?;
    load.play(WARM_UP_NS);
    let (before, own_before, started_ns) = (CpuTimes::of(pid)?, own_times()?, now_ns());
    let tally = load.measure(u64::from(turn.seconds) * 1_000_000_000);
    let own_ns = own_times()?.since(own_before).ran_ns;
    let cpu_us: f64 = CpuTimes::of(pid)?.since(&before).values().sum();
    Ok(Round {
        tally,
        intervals_us: load.intervals_us().clone(),
        lateness_us: load.lateness_us().clone(),
        generator_busy: own_ns as f64 / (now_ns() - started_ns) as f64,
        cpu_us,
        rss_bytes: rss_bytes(pid)?,
        lost: load.first_end(),
    })
}

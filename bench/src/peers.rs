//! Our server and Colyseus with the same game, the same clients and the same generator, in turn.
//!
//! ```text
//! round: start a server → pin it → rooms of eight fill up → warm-up → measure → stop it, then the other server
//! ```
//!
//! Rounds of both sides alternate, so that whatever else the machine does falls on both. Each round is a fresh
//! process. CPU time is that of all threads of the process.

mod colyseus;
mod matchmake;
mod ours;
mod report;

pub use colyseus::{MOTIONS, check, install};
pub use report::{Comparison, Measured, Ratio, Side, render};

use crate::accounting::{CpuTimes, rss_bytes};
use crate::lean::{Colyseus, Load, Talk, Thin, http};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, pin_this_thread};
use crate::precise::tighten_timers;
use crate::server_process::ServerProcess;
use anyhow::{Context, Result, ensure};
use report::Round;
use std::net::SocketAddr;
use std::rc::Rc;
use tickwire::message::SUBPROTOCOL;
use tokio::task::spawn_blocking;

/// Players in every room.
pub const SEATS: u32 = 8;

/// Of the game, on both servers.
const TICK_RATE_HZ: u32 = 30;

/// Played after each room that is filled, so that those who are in do not wait for all others.
const JOIN_GAP_NS: u64 = 2_000_000;

/// Everyone has to be in a room so soon after the last one was let in.
const JOIN_NS_MAX: u64 = 15_000_000_000;

/// Played before it counts: caches, compilers and buffers settle.
const WARM_UP_NS: u64 = 3_000_000_000;

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Its name in the report.
    pub name: &'static str,
    /// Entities in each room besides players.
    pub entities: u16,
    /// How they move: one of [`MOTIONS`].
    pub motion: &'static str,
}

/// All that is compared.
pub const WORKLOADS: [Workload; 3] = [
    Workload { name: "heavy-steady", entities: 100, motion: "steady" },
    Workload { name: "heavy-erratic", entities: 100, motion: "erratic" },
    Workload { name: "light", entities: 0, motion: "still" },
];

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Clients, a multiple of [`SEATS`].
    pub clients: u32,
    /// Seconds that count, per round and server.
    pub seconds: u32,
    /// Turns that each server has per workload.
    pub rounds: u32,
}

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contestant {
    Ours,
    Colyseus,
}

/// Has both servers play `workload` in turn. Needs a runtime; [`install`] has to have been done.
///
/// # Errors
/// When a server does not start or end as it should, or not everyone gets into a room.
pub async fn compare(workload: Workload, plan: Plan, mut progress: impl FnMut(&str)) -> Result<Comparison> {
    ensure!(plan.clients > 0 && plan.clients.is_multiple_of(SEATS), "rooms have {SEATS} players each");
    let (mut ours, mut colyseus) = (Measured::default(), Measured::default());
    for number in 1..=plan.rounds {
        for (contestant, measured) in [(Contestant::Ours, &mut ours), (Contestant::Colyseus, &mut colyseus)] {
            progress(&format!("{}, round {number} of {}: {contestant:?}", workload.name, plan.rounds));
            let round = play_round(contestant, workload, plan, number).await;
            measured.add(&round.with_context(|| format!("{}, {contestant:?}", workload.name))?);
        }
    }
    Ok(Comparison::new(workload.name, plan.clients, &ours, &colyseus))
}

async fn play_round(contestant: Contestant, workload: Workload, plan: Plan, number: u32) -> Result<Round> {
    let server = match contestant {
        Contestant::Ours => ServerProcess::start().await?,
        Contestant::Colyseus => colyseus::start(workload.entities, workload.motion).await?,
    };
    let (pid, address) = (server.pid(), server.address());
    // Threads that start later have the core of the one that starts them.
    Threads::of(pid)?.pin(MEASURED_CORE)?;
    // The load blocks its thread; this one goes on reading what the server says.
    let round = spawn_blocking(move || {
        pin_this_thread(GENERATOR_CORE)?;
        tighten_timers();
        let mut load = Load::new(plan.clients, TICK_RATE_HZ)?;
        let seed = u64::from(number);
        match contestant {
            Contestant::Ours => join_ours(&mut load, address, workload, plan, seed)?,
            Contestant::Colyseus => join_colyseus(&mut load, address, plan, seed)?,
        }
        measure(load, pid, plan)
    });
    let round = round.await??;
    server.stop().await?;
    Ok(round)
}

fn join_ours(load: &mut Load, address: SocketAddr, workload: Workload, plan: Plan, seed: u64) -> Result<()> {
    let kind = Rc::default();
    for room in 0..plan.clients / SEATS {
        let code = ours::create_room(address, workload)?;
        for seat in 0..SEATS {
            let thin = Thin::new(Rc::clone(&kind), &code, seed_of(seed, room, seat));
            let socket = http::upgrade(address, "/ws", Some(SUBPROTOCOL))?;
            load.add(socket, Talk::Tickwire(Box::new(thin)))?;
        }
        load.play(JOIN_GAP_NS);
    }
    Ok(())
}

fn join_colyseus(load: &mut Load, address: SocketAddr, plan: Plan, seed: u64) -> Result<()> {
    for room in 0..plan.clients / SEATS {
        for (seat, path) in (0..).zip(matchmake::fill_room(address, SEATS)?) {
            let socket = http::upgrade(address, &path, None)?;
            load.add(socket, Talk::Colyseus(Colyseus::new(seed_of(seed, room, seat))))?;
        }
        load.play(JOIN_GAP_NS);
    }
    Ok(())
}

/// Both servers' players of a place in a round have the same dice.
fn seed_of(round: u64, room: u32, seat: u32) -> u64 {
    (round << 32) + u64::from(room * SEATS + seat)
}

fn measure(mut load: Load, pid: u32, plan: Plan) -> Result<Round> {
    let all_up = load.play_until_up(JOIN_NS_MAX);
    let end = load.first_end().unwrap_or_default();
    ensure!(all_up, "only {} of {} clients got into their rooms; {end}", load.up(), plan.clients);
    load.play(WARM_UP_NS);
    let before = CpuTimes::of(pid)?;
    let tally = load.measure(u64::from(plan.seconds) * 1_000_000_000);
    let cpu_us: f64 = CpuTimes::of(pid)?.since(&before).values().sum();
    Ok(Round {
        tally,
        intervals_us: load.intervals_us().clone(),
        lateness_us: load.lateness_us().clone(),
        cpu_us,
        rss_bytes: rss_bytes(pid)?,
        lost: load.first_end(),
    })
}

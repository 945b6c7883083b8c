//! How many clients one process of each server holds: growing numbers of them until a bound is broken, then between.
//!
//! A number is held when its clients get their snapshots at the rate and with the intervals that were asked for.
//! Both servers take a step in turn, each with a fresh process. What breaks a bound while the generator itself is
//! at its end says nothing about the server: the result is then "at least". So is one that no step has broken.

mod page;
mod report;
mod search;

pub use page::page;
pub use report::{Held, Report, Step, Verdict};

use super::{Contestant, Turn, Workload, play_round};
use crate::lean::CLIENTS_MAX;
use crate::lean::rooms::SEATS;
use anyhow::{Context, Result};
use search::Search;
use tickwire::Game;
use tickwire_games::Crowd;

/// Snapshots that a client gets in a second, at the least.
const RATE_HZ_MIN: f64 = 29.9;

/// A server that does not reach [`RATE_HZ_MIN`] with one full room may lose so much against what it does there.
const RATE_LOST_HZ_MAX: f64 = 0.1;

/// One in a hundred intervals may be longer: two ticks.
pub const INTERVAL_P99_MS_MAX: f64 = 2_000.0 / Crowd::RULES.tick_rate_hz as f64;

/// The first number of clients after one full room.
const FIRST_CLIENTS: u32 = 200;

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What is played.
    pub workload: Workload,
    /// Seconds that count, per step.
    pub seconds: u32,
}

/// One server's way up.
struct Climber {
    contestant: Contestant,
    rate_hz_min: f64,
    search: Search,
    steps: Vec<Step>,
}

/// Finds out what both servers hold. Needs a runtime; [`super::install`] has to have been done.
///
/// # Errors
/// When a server does not serve one full room.
pub async fn measure(plan: Plan, mut progress: impl FnMut(&str)) -> Result<Report> {
    let mut ours = Climber::start(Contestant::Ours, plan).await?;
    let mut colyseus = Climber::start(Contestant::Colyseus, plan).await?;
    loop {
        let mut is_over = true;
        for climber in [&mut ours, &mut colyseus] {
            let contestant = climber.contestant;
            if let Some(step) = climber.climb(plan).await {
                progress(&format!("{}, {contestant:?}: {step}", plan.workload.name));
                is_over = false;
            }
        }
        if is_over {
            return Ok(Report::new(plan.workload.name, ours.held(), colyseus.held()));
        }
    }
}

impl Climber {
    /// A server's rate with one full room, which decides what is asked of it.
    async fn start(contestant: Contestant, plan: Plan) -> Result<Self> {
        let round = play_round(contestant, turn(plan, SEATS)).await;
        let rate_hz = round.with_context(|| format!("{contestant:?}, one room"))?.tally.rate_hz(SEATS);
        let rate_hz_min = RATE_HZ_MIN.min(rate_hz - RATE_LOST_HZ_MAX);
        let search = Search::new(FIRST_CLIENTS, CLIENTS_MAX - CLIENTS_MAX % SEATS, SEATS);
        Ok(Self { contestant, rate_hz_min, search, steps: Vec::new() })
    }

    /// Tries the next number of clients, if there is one.
    async fn climb(&mut self, plan: Plan) -> Option<&Step> {
        let clients = self.search.next()?;
        let step = match play_round(self.contestant, turn(plan, clients)).await {
            Ok(round) => Step::of(&round, clients, self.rate_hz_min),
            Err(error) => Step::broken(clients, format!("{error:#}")),
        };
        self.search.tell(clients, step.verdict);
        self.steps.push(step);
        self.steps.last()
    }

    fn held(self) -> Held {
        Held {
            clients: self.search.held(),
            is_at_least: self.search.is_at_least(),
            rate_hz_min: self.rate_hz_min,
            steps: self.steps,
        }
    }
}

fn turn(plan: Plan, clients: u32) -> Turn {
    Turn { workload: plan.workload, clients, seconds: plan.seconds, seed: u64::from(clients) }
}

//! The number of clients that one process of each server holds: the number grows until a bound is broken, and the
//! search goes on between the last two numbers.
//!
//! A number is held when its clients receive their snapshots at the required rate and intervals. Both servers take a
//! step in turn, each with a fresh process. A bound that breaks while the generator itself is at its end is no evidence
//! about the server: the result is then "at least". The result is "at least" too when no step has broken a bound.

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

/// Snapshots that a client receives in a second, at the least.
const RATE_HZ_MIN: f64 = 29.9;

/// A server that does not reach [`RATE_HZ_MIN`] with one full room may fall below its own rate there by this much.
const RATE_LOST_HZ_MAX: f64 = 0.1;

/// One in a hundred intervals may be longer than this: two ticks.
pub const INTERVAL_P99_MS_MAX: f64 = 2_000.0 / Crowd::RULES.tick_rate_hz as f64;

/// The first number of clients after one full room.
const FIRST_CLIENTS: u32 = 200;

/// The workload to search with, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The workload that is played.
    pub workload: Workload,
    /// Seconds that count, per step.
    pub seconds: u32,
}

/// One server's search.
struct Climber {
    contestant: Contestant,
    rate_hz_min: f64,
    search: Search,
    steps: Vec<Step>,
}

/// Searches the numbers of clients that both servers hold. Needs a runtime; [`super::install`] must have succeeded
/// before.
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
    /// Measures a server's rate with one full room, which decides the rate that is required of it.
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

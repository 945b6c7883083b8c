//! Honest players on a thread of their own: they play while something else happens, and report how they fared.
//!
//! Each of them is a full client session over a socket, played by the game's own bot policy, as in the load test. The
//! thread is asked from outside and answers between two turns.

use super::crowd::{Crowd, JOIN_GAP_US, bots, in_rooms};
use super::lives::{Lives, ScoreOf};
use super::run::TURN;
use super::tickets::Tickets;
use super::{Clock, Plan, Shared};
use crate::measure::{Distribution, Meter};
use anyhow::{Context, Result, anyhow, ensure};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::link::LinkProfile;
use tokio::time::MissedTickBehavior;

/// Every player must have a snapshot after this time at the latest.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The thread must answer within this time, a rest not counted.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval at which a caller looks whether every player has joined.
const JOIN_POLL: Duration = Duration::from_millis(20);

/// How the players fared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fared {
    /// Players.
    pub players: u64,
    /// Players that are in their room and have a snapshot of it.
    pub up: u64,
    /// Hashes that were compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// Messages that could not be decoded.
    pub decode_errors: u64,
    /// Connections that ended without a player's wish, failed attempts included.
    pub disconnects: u64,
    /// Snapshots that arrived.
    pub snapshots: u64,
    /// Ticks that the server made without an input of a player.
    pub starved_ticks: u64,
    /// The 99th percentile of the time from one snapshot to the next since the last mark, in milliseconds, while intervals counted.
    pub interval_p99_ms: f64,
    /// The largest input lead among the players at the moment, in ticks.
    pub lead_ticks_max: i8,
    /// The first error, in words.
    pub first_fault: Option<String>,
}

/// An order to the thread.
enum Order {
    Tell(Sender<Fared>),
    TellLives(Sender<Vec<Vec<Lives>>>),
    TellPlaying(Instant, Sender<u64>),
    Mark,
    Count(bool),
    Rest(Duration),
}

/// The players of each room, and how they play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Players {
    /// Players in each room.
    pub each: u32,
    /// Only the first player of each room is a full client; the others read no more than the heads of snapshots.
    pub thin: bool,
    /// Names, policies and retries follow from it.
    pub seed: u64,
}

/// The players of one game; they leave when the value is dropped.
#[derive(Debug)]
pub struct Bystander {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Bystander {
    /// Lets so many players of `G` join each of the rooms with these codes, and waits until all of them play.
    ///
    /// # Errors
    /// When not every player gets into its room in time.
    pub fn join<G: Game>(address: SocketAddr, codes: &[String], players: u32, seed: u64) -> Result<Self> {
        Self::start::<G>(address, codes, Players { each: players, thin: false, seed }, None)
    }

    /// The same, and records the lives of every player, for [`lives`](Self::lives). Such players come back by
    /// themselves when their server has gone and is there again.
    ///
    /// # Errors
    /// When not every player gets into its room in time.
    pub fn join_watched<G: Game>(
        address: SocketAddr,
        codes: &[String],
        players: Players,
        score_of: ScoreOf<G>,
    ) -> Result<Self> {
        Self::start::<G>(address, codes, players, Some(score_of))
    }

    fn start<G: Game>(
        address: SocketAddr,
        codes: &[String],
        players: Players,
        score_of: Option<ScoreOf<G>>,
    ) -> Result<Self> {
        let plan = Plan {
            secure: None,
            address,
            server_pid: None,
            rooms: u32::try_from(codes.len()).unwrap_or(u32::MAX),
            options: serde_json::Value::Null,
            players: players.each,
            seconds: 1,
            thin: players.thin,
            slow_readers: 0,
            never_readers: 0,
            corruptions: 0,
            topic: None,
            queue: None,
            party: 1,
            ticket_key: None,
            link: LinkProfile::default(),
            seed: players.seed,
        };
        let (orders, inbox) = channel();
        let spread = Duration::from_micros(JOIN_GAP_US * u64::from(plan.rooms) * u64::from(plan.players));
        let codes = codes.to_vec();
        let play = move || play::<G>(&codes, &plan, score_of, &inbox);
        let thread = Builder::new().name("bystander".into()).spawn(play)?;
        let bystander = Self { orders: Some(orders), thread: Some(thread) };
        bystander.wait_until_up(2 * spread + JOIN_TIMEOUT)?;
        Ok(bystander)
    }

    fn wait_until_up(&self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        loop {
            let fared = self.fared()?;
            if fared.up == fared.players {
                return Ok(());
            }
            let (up, players) = (fared.up, fared.players);
            let fault = fared.first_fault.unwrap_or_default();
            ensure!(Instant::now() < end, "only {up} of {players} honest players got into their rooms: {fault}");
            sleep(JOIN_POLL);
        }
    }

    /// How the players have fared until now.
    ///
    /// # Errors
    /// When their thread has ended or does not answer.
    pub fn fared(&self) -> Result<Fared> {
        self.ask(Order::Tell)
    }

    /// The lives of each watched player until now, room by room.
    ///
    /// # Errors
    /// When their thread has ended or does not answer.
    pub fn lives(&self) -> Result<Vec<Vec<Lives>>> {
        self.ask(Order::TellLives)
    }

    /// Watched players that have been told of a tick since this moment, over a connection that began after it and is
    /// open.
    ///
    /// # Errors
    /// When their thread has ended or does not answer.
    pub fn play_since(&self, moment: Instant) -> Result<u64> {
        self.ask(|answer| Order::TellPlaying(moment, answer))
    }

    fn ask<T>(&self, order: impl FnOnce(Sender<T>) -> Order) -> Result<T> {
        let (answer, told) = channel();
        self.order(order(answer))?;
        match told.recv_timeout(ANSWER_TIMEOUT) {
            Ok(told) => Ok(told),
            Err(RecvTimeoutError::Timeout) => Err(anyhow!("the honest players do not answer")),
            Err(RecvTimeoutError::Disconnected) => Err(anyhow!("the honest players have ended")),
        }
    }

    /// Intervals count from now on.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn mark(&self) -> Result<()> {
        self.order(Order::Mark)
    }

    /// Intervals count from now on, or not, besides those that were counted before.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn count_intervals(&self, counts: bool) -> Result<()> {
        self.order(Order::Count(counts))
    }

    /// Lets all players stand still for this time, as pages do that get no time from their browser.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn rest(&self, time: Duration) -> Result<()> {
        self.order(Order::Rest(time))
    }

    fn order(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().context("the honest players have left")?;
        orders.send(order).map_err(|_| anyhow!("the honest players have ended"))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.orders = None;
        // An error of the thread was already met by the question that got no answer.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Plays until the orders end.
fn play<G: Game>(codes: &[String], plan: &Plan, score_of: Option<ScoreOf<G>>, inbox: &Receiver<Order>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let meter = RefCell::new(Meter::default());
    let shared = Rc::new(Shared { clock: Clock(Instant::now()), address: plan.address, meter });
    let bots = bots(plan);
    let rooms = in_rooms(codes.to_vec(), &bots, plan);
    let crowd = Crowd::<G>::new(rooms, plan, &Tickets::none(), shared.clone(), 0)?;
    score_of.into_iter().for_each(|score_of| crowd.watch(&bots, score_of));
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while obey(inbox, &crowd, &shared) {
            turns.tick().await;
            crowd.turn().await;
        }
        crowd.leave();
        crowd.turn().await;
    });
    Ok(())
}

/// Follows the orders that have come; false when there will be no more.
fn obey<G: Game>(inbox: &Receiver<Order>, crowd: &Crowd<G>, shared: &Shared) -> bool {
    loop {
        match inbox.try_recv() {
            Ok(Order::Tell(answer)) => drop(answer.send(fared(crowd, shared))),
            Ok(Order::TellLives(answer)) => drop(answer.send(crowd.lives())),
            Ok(Order::TellPlaying(moment, answer)) => drop(answer.send(crowd.play_since(moment))),
            Ok(Order::Mark) => {
                let mut meter = shared.meter.borrow_mut();
                meter.window_us = shared.clock.now_us()..u64::MAX;
                meter.intervals_us = Distribution::default();
            }
            Ok(Order::Count(counts)) => {
                let start_us = if counts { shared.clock.now_us() } else { u64::MAX };
                shared.meter.borrow_mut().window_us = start_us..u64::MAX;
            }
            // The whole thread stands still: nothing is read meanwhile either.
            Ok(Order::Rest(time)) => sleep(time),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

fn fared<G: Game>(crowd: &Crowd<G>, shared: &Shared) -> Fared {
    let (totals, meter) = (crowd.totals(), shared.meter.borrow());
    Fared {
        players: crowd.count(),
        up: crowd.up(),
        hashes_compared: totals.hashes_compared,
        hash_mismatches: totals.hash_mismatches,
        decode_errors: meter.decode_errors,
        disconnects: meter.disconnects.values().sum(),
        snapshots: totals.deltas.1 + totals.keyframes.1,
        starved_ticks: totals.starved_ticks,
        interval_p99_ms: meter.intervals_us.spread_ms().p99,
        lead_ticks_max: crowd.lead_ticks_max(),
        first_fault: meter.first_fault.clone(),
    }
}

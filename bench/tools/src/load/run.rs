//! A run: join, warm up, measure, wait for stragglers, leave. Each part is bounded in time.

use super::crowd::{Crowd, bots, in_rooms};
use super::lobby::create_room;
use super::progress::Progress;
use super::queue::find_matches;
use super::slow::{Found, SlowCrowd};
use super::tickets::Tickets;
use super::{Clock, Plan, Shared};
use crate::accounting::{CpuTimes, rss_bytes};
use crate::measure::{Beside, Meter, Totals};
use crate::report::Report;
use crate::report::corruptions::Corruptions;
use crate::report::queue::QueueWaits;
use crate::report::slow::SlowReaders;
use crate::report::topic::Topic;
use crate::table::Asides;
use anyhow::{Result, ensure};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tickwire::link::LinkProfile;
use tickwire::message::close::CloseCode;
use tickwire::{Game, Rng};
use tokio::time::MissedTickBehavior;

/// The interval at which the driver looks for due work; the runtime's timers are no finer.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// Every client must be in a room this long after the last one started to join.
const JOIN_US_MAX: u64 = 15_000_000;

/// Time from the moment when every client is there to the start of the measurement: clocks settle in it.
const WARM_UP_US: u64 = 2_000_000;

/// After the measured seconds, the server may still answer inputs that were due in them.
const STRAGGLERS_US: u64 = 500_000;

/// Slow readers stay, and stay away, for at least this long at a time: the server needs a few seconds to give up
/// clients that never read.
const SLOW_TURN_US_MIN: u64 = 14_000_000;

/// Seconds that a run with slow readers takes at the least: a turn without them and a turn with them.
pub const SLOW_SECONDS_MIN: u32 = 28;

const _: () = assert!(SLOW_SECONDS_MIN as u64 * 1_000_000 >= 2 * SLOW_TURN_US_MIN);

/// Between two turns intervals count for neither: slow readers that leave must be gone before the next turn counts.
const SLOW_GAP_US: u64 = 500_000;

/// Every client must have left after this time at the latest.
const LEAVE_US_MAX: u64 = 2_000_000;

/// Plays `plan` and gives the report. Needs a `LocalSet`.
///
/// # Errors
/// When the rooms cannot be created, or when not every client gets into its room.
pub async fn run<G: Game>(plan: &Plan) -> Result<(Report, Asides)> {
    ensure!(
        plan.players >= 1 && plan.rooms >= 1 && plan.seconds >= 1,
        "the run needs at least one player, one room and one second"
    );
    let (mut codes, tickets) = (Vec::new(), Tickets::new(plan.ticket_key.as_deref())?);
    let (rooms, waits) = if plan.queue.is_some() {
        let (rooms, waits) = find_matches(G::RULES.name, bots(plan), plan, &tickets).await?;
        (rooms, Some(waits))
    } else {
        for _ in 0..plan.rooms {
            let ticket = tickets.mint("rooms")?;
            codes.push(create_room(plan.address, G::RULES.name, &plan.options, ticket.as_deref()).await?);
        }
        (in_rooms(codes.clone(), &bots(plan), plan), None)
    };
    let meter = RefCell::new(Meter::default());
    let shared = Rc::new(Shared { clock: Clock(Instant::now()), address: plan.address, meter });
    let crowd = Crowd::<G>::new(rooms, plan, &tickets, shared.clone(), 0)?;
    let clients = u64::from(plan.rooms) * u64::from(plan.players);
    let total_us = crowd.join_us() + WARM_UP_US + u64::from(plan.seconds) * 1_000_000 + STRAGGLERS_US;
    let progress = Progress::new(clients, total_us);
    let has_slow = plan.slow_readers + plan.never_readers > 0;
    let slow = has_slow.then(|| SlowCrowd::start::<G>(&codes, plan, shared.clock)).transpose()?;
    let mut run = Run { plan, crowd, shared, progress, clients, slow, planted: 0, waits };
    let outcome = run.play().await;
    run.progress.clear();
    outcome.map(|measured| run.report(&measured))
}

/// The error for a server whose game or protocol is not the one of the bots.
const OTHER_BUILD: &str = "the server was built from another version of the game or of Tickwire, and refuses the bots \
    (close code 4009): build both from the same sources, or leave out --url and --server-program, so that the server is \
    built first";

struct Run<'a, G: Game> {
    plan: &'a Plan,
    crowd: Crowd<G>,
    shared: Rc<Shared>,
    progress: Progress,
    clients: u64,
    slow: Option<SlowCrowd>,
    /// Fields that were damaged.
    planted: u64,
    /// How long the bots have waited for their matches.
    waits: Option<QueueWaits>,
}

/// Counters at the ends of the measured seconds.
struct Measured {
    before: Totals,
    after: Totals,
    cpu: Option<(CpuTimes, CpuTimes)>,
    generator_cpu: (CpuTimes, CpuTimes),
    rss_bytes: Option<u64>,
    slow: Option<Found>,
}

impl<G: Game> Run<'_, G> {
    async fn play(&mut self) -> Result<Measured> {
        self.join().await?;
        self.progress.phase("warm-up");
        self.until(self.shared.clock.now_us() + WARM_UP_US, |_| false).await;
        let measured = self.measure().await?;
        self.progress.phase("leaving");
        self.until(self.shared.clock.now_us() + STRAGGLERS_US, |_| false).await;
        self.crowd.settle();
        self.crowd.leave();
        let clients = self.clients;
        self.until(self.shared.clock.now_us() + LEAVE_US_MAX, |crowd| crowd.gone() == clients).await;
        Ok(measured)
    }

    async fn join(&mut self) -> Result<()> {
        self.progress.phase("joining");
        let clients = self.clients;
        let deadline_us = self.shared.clock.now_us() + self.crowd.join_us() + JOIN_US_MAX;
        let shared = Rc::clone(&self.shared);
        // A client that is refused for its version is refused for good.
        let refused = || shared.meter.borrow().disconnects.contains_key(&CloseCode::Version.number());
        let all_up = self.until(deadline_us, |crowd| crowd.up() == clients || refused()).await;
        ensure!(!refused(), OTHER_BUILD);
        let up = self.crowd.up();
        let fault = self.shared.meter.borrow().first_fault.clone().unwrap_or_default();
        ensure!(all_up, "only {up} of {clients} clients got into their rooms: {fault}");
        Ok(())
    }

    async fn measure(&mut self) -> Result<Measured> {
        self.progress.phase("measuring");
        let cpu_times = |pid: Option<u32>| pid.map(CpuTimes::of).transpose();
        let (server, own) = (self.plan.server_pid, std::process::id());
        let start_us = self.shared.clock.now_us();
        let end_us = start_us + u64::from(self.plan.seconds) * 1_000_000;
        let (before, cpu_before, own_before) = (self.crowd.totals(), cpu_times(server)?, CpuTimes::of(own)?);
        self.shared.meter.borrow_mut().window_us = start_us..end_us;
        if let Some(slow) = self.slow.take() {
            self.take_turns(&slow, start_us, end_us).await;
            self.slow = Some(slow);
        }
        self.plant(start_us, end_us).await;
        self.until(end_us, |_| false).await;
        let slow = self.slow.take().map(SlowCrowd::finish).transpose()?;
        // A server that is gone by now shows as lost connections.
        let (cpu_after, rss_bytes) = (cpu_times(server).ok().flatten(), server.and_then(|pid| rss_bytes(pid).ok()));
        let (after, own_after) = (self.crowd.totals(), CpuTimes::of(own)?);
        let (cpu, generator_cpu) = (cpu_before.zip(cpu_after), (own_before, own_after));
        Ok(Measured { before, after, cpu, generator_cpu, rss_bytes, slow })
    }

    /// Damages a field of some client's world at regular intervals.
    async fn plant(&mut self, start_us: u64, end_us: u64) {
        let (count, mut dice) = (u64::from(self.plan.corruptions), Rng::new(self.plan.seed));
        for number in 0..count {
            // The interval after the last damage leaves time for the server to notice it.
            self.until(start_us + (end_us - start_us) * number / (count + 1), |_| false).await;
            self.planted += u64::from(self.crowd.plant(number, &mut dice));
        }
    }

    /// Slow readers stay away and join in turns, as often as the measured time allows.
    async fn take_turns(&mut self, slow: &SlowCrowd, start_us: u64, end_us: u64) {
        let turns = ((end_us - start_us) / (2 * SLOW_TURN_US_MIN)).max(1);
        let turn_us = (end_us - start_us) / (2 * turns);
        for number in 0..2 * turns {
            let is_with = number % 2 == 1;
            if is_with {
                slow.come();
            }
            self.shared.meter.borrow_mut().beside = Some(if is_with { Beside::SlowReaders } else { Beside::Nobody });
            self.until(start_us + (number + 1) * turn_us - SLOW_GAP_US, |_| false).await;
            self.shared.meter.borrow_mut().beside = None;
            if is_with {
                slow.go();
            }
            self.until(start_us + (number + 1) * turn_us, |_| false).await;
        }
    }

    fn slow_readers(&self, found: &Found, meter: &Meter) -> SlowReaders {
        let mut never_closes = BTreeMap::new();
        found.never.iter().flatten().for_each(|closed| *never_closes.entry(closed.code).or_default() += 1);
        let after_us = found.never.iter().flatten().map(|closed| closed.after_us).max().unwrap_or(0);
        let (read_bytes, read_us) = found.slow_read;
        SlowReaders {
            slow: self.plan.slow_readers,
            slow_bytes_per_s: ratio(read_bytes * 1_000_000, read_us),
            slow_closes: found.slow_closes.clone(),
            never: self.plan.never_readers,
            never_connections: u32::try_from(found.never.len()).unwrap_or(u32::MAX),
            never_closes,
            never_closed_after_s_max: after_us as f64 / 1e6,
            queue_samples: found.queue_samples,
            queued_bytes_max: found.queued_bytes_max,
            without_interval_ms: meter.beside_us[Beside::Nobody as usize].spread_ms(),
            with_interval_ms: meter.beside_us[Beside::SlowReaders as usize].spread_ms(),
        }
    }

    /// Plays on until `done` or until the time is over; says whether it was `done`.
    async fn until(&mut self, deadline_us: u64, done: impl Fn(&Crowd<G>) -> bool) -> bool {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.shared.clock.now_us() < deadline_us {
            turns.tick().await;
            self.crowd.turn().await;
            self.progress.refresh(&self.crowd, &self.shared);
            if done(&self.crowd) {
                return true;
            }
        }
        false
    }

    fn report(&self, measured: &Measured) -> (Report, Asides) {
        let meter = self.shared.meter.borrow();
        let Measured { before, after, cpu, generator_cpu, rss_bytes, slow } = measured;
        // Hashes and errors count over the whole run, and so include those that arrive after the window.
        let whole = self.crowd.totals();
        let seconds = f64::from(self.plan.seconds);
        let server_cpu_us = cpu.as_ref().map(|(before, after)| after.since(before));
        let cpu_us = server_cpu_us.as_ref().map(|threads| threads.values().sum::<f64>());
        let per_second = u64::from(G::RULES.tick_rate_hz / G::RULES.message_ticks());
        let deltas = (after.deltas.0 - before.deltas.0, after.deltas.1 - before.deltas.1);
        let report = Report {
            clients: self.plan.rooms * self.plan.players,
            rooms: self.plan.rooms,
            seconds: self.plan.seconds,
            ticks_expected: per_second * u64::from(self.plan.seconds) * self.clients,
            ticks_delivered: meter.delivered,
            rate_hz: meter.rate_hz(),
            rate_hz_meant: per_second as f64,
            thin: self.plan.thin,
            hashes_compared: whole.hashes_compared,
            hash_mismatches: whole.hash_mismatches,
            decode_errors: meter.decode_errors,
            disconnects: meter.disconnects.values().sum(),
            bytes_per_client_per_s: ratio(after.bytes_in - before.bytes_in, self.clients) / seconds,
            bytes_per_snapshot: ratio(deltas.0, deltas.1),
            keyframe_bytes: ratio(whole.keyframes.0, whole.keyframes.1),
            tick_interval_ms: meter.intervals_us.spread_ms(),
            input_to_snapshot_ms: meter.inputs_us.spread_ms(),
            correction_units: meter.correction_units(),
            rollback_ticks: meter.rollback_ticks(),
            input_lead_ticks: meter.input_lead_ticks(),
            starved_ticks: after.starved_ticks - before.starved_ticks,
            interpolation_underruns: after.underruns - before.underruns,
            server_cpu_us_per_client_tick: cpu_us.map(|cpu_us| cpu_us / meter.delivered.max(1) as f64),
            server_rss_bytes: *rss_bytes,
            seed: self.plan.seed,
            slow_readers: slow.as_ref().map(|found| self.slow_readers(found, &meter)),
            corrected_fields: self.crowd.corrected_fields(),
            corruptions: (self.plan.corruptions > 0).then_some(Corruptions {
                planted: self.planted,
                noticed: whole.desyncs.0,
                healed: whole.desyncs.1,
            }),
            queue: self.waits.clone(),
            topic: self.plan.topic.as_ref().map(|topic| {
                let messages = after.topic.since(before.topic).messages;
                Topic::new(topic, whole.topic, ratio(messages, self.clients) / seconds)
            }),
        };
        let asides = Asides {
            title: self.title(),
            server_cpu_us: server_cpu_us.unwrap_or_default(),
            generator_cpu_us: generator_cpu.1.since(&generator_cpu.0).values().sum(),
            generator_late_p99_ms: meter.lateness_us.spread_ms().p99,
            disconnects: meter.disconnects.clone(),
            first_fault: meter.first_fault.clone(),
        };
        (report, asides)
    }

    fn title(&self) -> String {
        let Plan { rooms, players, seconds, thin, link, seed, .. } = self.plan;
        let kind = if *thin { ", thin but one per room" } else { "" };
        let mut title = format!(
            "{} at {} Hz · {rooms} rooms × {players} players{kind} · {seconds} s · seed {seed}",
            G::RULES.name,
            G::RULES.tick_rate_hz
        );
        if *link != LinkProfile::default() {
            title += &format!(" · link {link}");
        }
        title
    }
}

/// A mean; 0 when nothing was counted.
fn ratio(sum: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

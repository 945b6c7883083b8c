//! A shard: one thread that owns its rooms and their sockets, and makes their ticks on time.
//!
//! ```text
//! wait for the next deadline → due rooms: read each socket, tick, write each socket → closing sockets → reports
//! ```
//!
//! Nothing in a tick waits: sockets are non-blocking, nothing is locked, other threads are heard of between ticks
//! through the inbox. A panic inside a room ends that room.

mod closing;
mod connection;
mod hosted;
mod pace;
mod seated;

pub(crate) use hosted::{OfferedGame, RoomPlan};
pub(crate) use seated::Arrival;

use crate::clock::Clock;
use crate::limits::{CATCH_UP_TICKS_MAX, PHASE_ROOMS, PHASES};
use crate::lobby::RoomId;
use crate::metrics::Metrics;
use crate::room::Summary;
use closing::Closing;
use connection::Turn;
use pace::Pace;
use seated::{SeatedRoom, refuse};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::Duration;
use tickwire::message::CloseCode;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Closing sockets are looked after so often when there is no tick.
const CLOSING_STEP: Duration = Duration::from_millis(10);

/// What the net thread tells a shard.
pub(crate) enum Command {
    /// A room is to be made.
    Open { room: RoomId, game: OfferedGame, plan: RoomPlan },
    /// Somebody comes.
    Enter { room: RoomId, arrival: Box<Arrival> },
    /// All connections are to be closed, then the thread ends.
    Stop(CloseCode),
}

/// What a shard tells the net thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Report {
    /// Who is in a room.
    Room { room: RoomId, summary: Summary },
    /// A room is gone.
    Gone { room: RoomId },
}

/// What a shard is given at its start.
pub(crate) struct ShardSetup {
    pub(crate) inbox: Receiver<Command>,
    pub(crate) reports: Sender<Report>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

/// Rooms that tick together.
struct Beat {
    pace: Pace,
    rooms: Vec<SeatedRoom>,
}

/// One shard.
pub(crate) struct Shard {
    setup: ShardSetup,
    beats: Vec<Beat>,
    closing: Vec<Closing>,
    /// Rooms whose end was not reported yet.
    gone: Vec<RoomId>,
    lead: Vec<u8>,
    scratch: Vec<u8>,
    /// Why everything is being closed, when it is.
    stopping: Option<CloseCode>,
}

impl Shard {
    pub(crate) fn new(setup: ShardSetup) -> Self {
        Self {
            setup,
            beats: Vec::new(),
            closing: Vec::new(),
            gone: Vec::new(),
            lead: Vec::new(),
            scratch: vec![0; 4_096],
            stopping: None,
        }
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        // The kernel's default slack would make every tick up to 50 us late.
        if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::warn!(%error, "ticks will be less precise");
        }
        while !(self.stopping.is_some() && self.closing.is_empty()) {
            self.hear();
            self.tick_due_rooms();
            self.look_after_closing();
            self.report_gone();
        }
    }

    /// Waits for the next deadline, and does what it is told in the meantime.
    fn hear(&mut self) {
        loop {
            let command = match self.next_wake_ns() {
                Some(at_ns) => self.setup.inbox.recv_timeout(self.setup.clock.until(at_ns)),
                None => self.setup.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match command {
                Ok(Command::Open { room, game, plan }) => self.open(room, game, &plan),
                Ok(Command::Enter { room, arrival }) => self.enter(room, *arrival),
                Ok(Command::Stop(code)) => return self.stop(code),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) if self.stopping.is_some() => return sleep(CLOSING_STEP),
                Err(RecvTimeoutError::Disconnected) => return self.stop(CloseCode::Away),
            }
            // A stream of commands must not keep a tick waiting.
            if self.next_wake_ns().is_some_and(|at_ns| at_ns <= self.setup.clock.now_ns()) {
                return;
            }
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        let ticks = self.beats.iter().filter(|beat| !beat.rooms.is_empty()).map(|beat| beat.pace.deadline_ns());
        let chores = !self.closing.is_empty() || !self.gone.is_empty();
        let step_ns = u64::try_from(CLOSING_STEP.as_nanos()).unwrap_or(u64::MAX);
        ticks.chain(chores.then(|| self.setup.clock.now_ns() + step_ns)).min()
    }

    fn tick_due_rooms(&mut self) {
        let Self { setup, closing, lead, gone, .. } = self;
        for beat in self.beats.iter_mut().filter(|beat| !beat.rooms.is_empty()) {
            let now_ns = setup.clock.now_ns();
            let dropped = beat.pace.forgive(now_ns);
            setup.metrics.ticks_dropped.increment(dropped * beat.rooms.len() as u64);
            for _ in 0..CATCH_UP_TICKS_MAX {
                let Some(deadline_ns) = beat.pace.take(now_ns) else { break };
                for room in &mut beat.rooms {
                    setup.tick(room, deadline_ns, lead, closing);
                }
            }
            gone.extend(beat.rooms.extract_if(.., |room| room.failed || room.is_over()).map(|room| room.id));
        }
    }

    fn open(&mut self, id: RoomId, game: OfferedGame, plan: &RoomPlan) {
        let made = catch_unwind(AssertUnwindSafe(|| (game.make)(plan)));
        let Ok(Ok(room)) = made else {
            tracing::error!(game = game.rules.name, "a room could not be made");
            self.setup.metrics.room_panics.increment(u64::from(made.is_err()));
            return self.gone.push(id);
        };
        let rate_hz = game.rules.tick_rate_hz;
        let now_ns = self.setup.clock.now_ns();
        let rooms_at =
            |phase| self.beats.iter().find(|beat| beat.is(rate_hz, phase)).map_or(0, |beat| beat.rooms.len());
        // A wake-up costs more than a small room: a phase is filled before the next is opened.
        let has_place = |phase: &u32| rooms_at(*phase) < PHASE_ROOMS;
        let emptiest = || (0..PHASES).min_by_key(|phase| rooms_at(*phase));
        let phase = (0..PHASES).find(has_place).or_else(emptiest).unwrap_or(0);
        let index = self.beats.iter().position(|beat| beat.is(rate_hz, phase)).unwrap_or_else(|| {
            self.beats.push(Beat { pace: Pace::after(rate_hz, phase, now_ns), rooms: Vec::new() });
            self.beats.len() - 1
        });
        let beat = &mut self.beats[index];
        if beat.rooms.is_empty() {
            // Nobody missed the ticks of a beat without rooms.
            beat.pace = Pace::after(rate_hz, phase, now_ns);
        }
        beat.rooms.push(SeatedRoom::new(id, rate_hz, room));
    }

    fn enter(&mut self, id: RoomId, arrival: Arrival) {
        let Self { setup, closing, lead, .. } = self;
        let turn = &mut Turn { now_us: setup.clock.now_us(), metrics: &setup.metrics, lead };
        let mut rooms = self.beats.iter_mut().flat_map(|beat| &mut beat.rooms);
        match rooms.find(|room| room.id == id && !room.failed) {
            Some(room) => room.guarded(turn, closing, |room, turn, closing| room.enter(arrival, turn, closing)),
            // It ended while this one was on the way.
            None => {
                let code = self.stopping.unwrap_or(CloseCode::NoRoom);
                refuse(arrival.stream, arrival.counted, code, turn, closing);
            }
        }
    }

    fn stop(&mut self, code: CloseCode) {
        let Self { setup, closing, lead, .. } = self;
        let turn = &Turn { now_us: setup.clock.now_us(), metrics: &setup.metrics, lead };
        for room in self.beats.iter_mut().flat_map(|beat| &mut beat.rooms) {
            room.close(code, turn, closing);
        }
        self.beats.clear();
        self.stopping = Some(code);
    }

    fn look_after_closing(&mut self) {
        let now_us = self.setup.clock.now_us();
        self.closing.retain_mut(|closing| closing.step(now_us, &mut self.scratch));
    }

    /// Tells the net thread which rooms are gone; what its queue does not take now is told later.
    fn report_gone(&mut self) {
        let reports = &self.setup.reports;
        self.gone.retain(|room| matches!(reports.try_send(Report::Gone { room: *room }), Err(TrySendError::Full(_))));
    }
}

impl ShardSetup {
    /// One tick of one room, and what the directory has to know of it.
    fn tick(&self, room: &mut SeatedRoom, deadline_ns: u64, lead: &mut Vec<u8>, closing: &mut Vec<Closing>) {
        let start_ns = self.clock.now_ns();
        let turn = &mut Turn { now_us: start_ns / 1_000, metrics: &self.metrics, lead };
        room.guarded(turn, closing, SeatedRoom::turn);
        self.metrics.ticked(Duration::from_nanos(start_ns.saturating_sub(deadline_ns)));
        self.metrics.turn.record(Duration::from_nanos(self.clock.now_ns().saturating_sub(start_ns)));
        if let Some(summary) = room.news()
            && self.reports.try_send(Report::Room { room: room.id, summary }).is_ok()
        {
            room.reported = summary;
        }
    }
}

impl Beat {
    const fn is(&self, rate_hz: u32, phase: u32) -> bool {
        self.pace.rate_hz() == rate_hz && self.pace.phase() == phase
    }
}

#[cfg(test)]
mod tests;

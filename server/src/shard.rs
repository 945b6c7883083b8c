//! A shard: one thread that owns its rooms and their sockets, and makes their ticks on time.
//!
//! ```text
//! wait for the next deadline → due rooms: read each socket, tick, write each socket → closing sockets → reports
//! ```
//!
//! Nothing in a tick waits: sockets are non-blocking, nothing is locked, other threads are heard of between ticks
//! through the inbox. A panic inside a room ends that room. A room that takes too much of the thread is moved to the
//! shard's slow lane, where it delays nobody, and comes back when it has behaved for long enough.

mod closing;
mod connection;
mod room_handle;
mod slow_lane;
mod tick_budget;
mod tick_schedule;

use crate::clock::{Clock, thread_cpu_ns};
use crate::games::{OfferedGame, RoomPlan};
use crate::limits::{CATCH_UP_TICKS_MAX, DETOURS_MAX, PHASE_ROOMS, PHASES};
use crate::lobby::RoomId;
use crate::mailbox::{Command, NewConnection, Report};
use crate::metrics::{Metrics, Tally};
use closing::Closing;
use connection::TickContext;
use room_handle::{RoomHandle, refuse};
use slow_lane::SlowLane;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::Duration;
use tick_schedule::TickSchedule;
use tickwire::message::close::CloseCode;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Closing sockets are looked after so often when there is no tick.
const CLOSING_STEP: Duration = Duration::from_millis(10);

/// What a shard is told.
pub(crate) enum ShardCommand {
    /// By the net thread.
    Net(Command),
    /// A room comes from the shard whose slow lane this is, or back from the slow lane.
    Adopt(Box<RoomHandle>),
}

impl From<Command> for ShardCommand {
    fn from(command: Command) -> Self {
        Self::Net(command)
    }
}

/// What a shard is given at its start.
pub(crate) struct ShardSetup {
    pub(crate) inbox: Receiver<ShardCommand>,
    /// Where the shard is told of rooms that come back; its slow lane has the same.
    pub(crate) home: mpsc::Sender<ShardCommand>,
    pub(crate) reports: Sender<Report>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    /// Whether it is the slow lane of another shard.
    pub(crate) is_slow_lane: bool,
}

/// Rooms that tick together.
struct PhaseGroup {
    schedule: TickSchedule,
    rooms: Vec<RoomHandle>,
}

/// What the rooms of a shard use in turn.
#[derive(Default)]
struct Scratch {
    received: Vec<u8>,
    write_buffer: Vec<u8>,
    tally: Tally,
}

/// One shard.
pub(crate) struct Shard {
    setup: ShardSetup,
    groups: Vec<PhaseGroup>,
    closing: Vec<Closing>,
    /// Rooms whose end was not reported yet.
    gone: Vec<RoomId>,
    scratch: Scratch,
    drain_buffer: Vec<u8>,
    /// Why everything is being closed, when it is.
    stopping: Option<CloseCode>,
    /// Where slow rooms have gone, if any has.
    slow_lane: Option<SlowLane>,
}

impl Shard {
    pub(crate) fn new(setup: ShardSetup) -> Self {
        Self {
            setup,
            groups: Vec::new(),
            closing: Vec::new(),
            gone: Vec::new(),
            scratch: Scratch::default(),
            drain_buffer: vec![0; 4_096],
            stopping: None,
            slow_lane: None,
        }
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        // The kernel's default slack would make every tick up to 50 us late.
        if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::warn!(%error, "ticks will be less precise");
        }
        loop {
            while !(self.stopping.is_some() && self.closing.is_empty()) {
                self.wait_for_commands();
                self.tick_due_rooms();
                self.setup.metrics.take_over(&mut self.scratch.tally);
                self.look_after_closing();
                self.report_gone();
            }
            self.slow_lane.take().into_iter().for_each(SlowLane::join);
            // Who was on the way here, a room from the slow lane among them, is told as well.
            while let Ok(command) = self.setup.inbox.try_recv() {
                self.handle_command(command);
            }
            if self.closing.is_empty() {
                return;
            }
        }
    }

    /// Waits for the next deadline, and does what it is told in the meantime.
    fn wait_for_commands(&mut self) {
        loop {
            let command = match self.next_wake_ns() {
                Some(at_ns) => self.setup.inbox.recv_timeout(self.setup.clock.until(at_ns)),
                None => self.setup.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match command {
                Ok(command) => self.handle_command(command),
                Err(RecvTimeoutError::Timeout) => return,
                // A slow lane whose shard is gone; a shard holds a sender to its own inbox.
                Err(RecvTimeoutError::Disconnected) if self.stopping.is_some() => return sleep(CLOSING_STEP),
                Err(RecvTimeoutError::Disconnected) => return self.stop(CloseCode::Away),
            }
            // A stream of commands must not keep a tick waiting.
            let is_due = || self.next_wake_ns().is_some_and(|at_ns| at_ns <= self.setup.clock.now_ns());
            if self.stopping.is_some() || is_due() {
                return;
            }
        }
    }

    fn handle_command(&mut self, command: ShardCommand) {
        let command = match command {
            ShardCommand::Adopt(room) => return self.adopt(*room),
            ShardCommand::Net(command) => command,
        };
        match command {
            // Who would enter it is told why everything is closed.
            Command::Open { .. } if self.stopping.is_some() => {}
            Command::Open { room, game, plan } => self.open(room, game, &plan),
            Command::Enter { room, arrival, detours } => self.enter(room, arrival, detours),
            Command::Stop(code) => self.stop(code),
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        let ticks =
            self.groups.iter().filter(|group| !group.rooms.is_empty()).map(|group| group.schedule.deadline_ns());
        let chores = !self.closing.is_empty() || !self.gone.is_empty();
        let step_ns = u64::try_from(CLOSING_STEP.as_nanos()).unwrap_or(u64::MAX);
        ticks.chain(chores.then(|| self.setup.clock.now_ns() + step_ns)).min()
    }

    fn tick_due_rooms(&mut self) {
        let Self { setup, closing, scratch, gone, .. } = self;
        let mut moving = Vec::new();
        for group in self.groups.iter_mut().filter(|group| !group.rooms.is_empty()) {
            let now_ns = setup.clock.now_ns();
            let dropped = group.schedule.drop_overdue_ticks(now_ns);
            setup.metrics.ticks_dropped.increment(dropped * group.rooms.len() as u64);
            for _ in 0..CATCH_UP_TICKS_MAX {
                let Some(deadline_ns) = group.schedule.take(now_ns) else { break };
                setup.begin(deadline_ns, scratch);
                for room in &mut group.rooms {
                    setup.tick(room, deadline_ns, scratch, closing);
                }
            }
            gone.extend(group.rooms.extract_if(.., |room| room.failed || room.is_over()).map(|room| room.id));
            moving.extend(group.rooms.extract_if(.., |room| setup.is_elsewhere(room)));
        }
        match self.setup.is_slow_lane {
            true => moving.into_iter().for_each(|room| self.give_back(room)),
            false => moving.into_iter().for_each(|room| self.move_to_slow_lane(room)),
        }
    }

    /// Gives a room that is not slow any more back to the shard whose lane this is.
    fn give_back(&self, mut room: RoomHandle) {
        tracing::info!(room = room.id.0, "a room is not slow any more");
        self.setup.metrics.rooms_recovered.increment(1);
        room.budget.start_over();
        // The shard waits for its lane before it ends, so it hears of it.
        let _ = self.setup.home.send(ShardCommand::Adopt(Box::new(room)));
    }

    /// Moves a room to where it delays nobody; without a thread for that it stays.
    fn move_to_slow_lane(&mut self, mut room: RoomHandle) {
        if self.slow_lane.is_none() {
            match SlowLane::start(&self.setup) {
                Ok(lane) => self.slow_lane = Some(lane),
                Err(error) => tracing::warn!(%error, "a slow room delays others"),
            }
        }
        match &self.slow_lane {
            Some(lane) => {
                tracing::warn!(room = room.id.0, "a room is too slow for its shard");
                self.setup.metrics.rooms_slow.increment(1);
                room.budget.moved_away();
                lane.take(room);
            }
            None => {
                room.budget.start_over();
                self.seat(room);
            }
        }
    }

    fn open(&mut self, id: RoomId, game: OfferedGame, plan: &RoomPlan) {
        let made = catch_unwind(AssertUnwindSafe(|| (game.make)(plan)));
        let Ok(Ok(room)) = made else {
            tracing::error!(game = game.rules.name, "a room could not be made");
            self.setup.metrics.room_panics.increment(u64::from(made.is_err()));
            return self.gone.push(id);
        };
        self.seat(RoomHandle::new(id, game.rules.tick_rate_hz, room));
    }

    /// Takes over a room with its sockets.
    fn adopt(&mut self, mut room: RoomHandle) {
        let Some(code) = self.stopping else { return self.seat(room) };
        let Self { setup, closing, scratch, .. } = self;
        room.close(code, &setup.context(setup.clock.now_ns(), scratch), closing);
    }

    /// Gives a room its place among the beats.
    fn seat(&mut self, room: RoomHandle) {
        let rate_hz = room.rate_hz;
        let now_ns = self.setup.clock.now_ns();
        let rooms_at =
            |phase| self.groups.iter().find(|group| group.is(rate_hz, phase)).map_or(0, |group| group.rooms.len());
        // A wake-up costs more than a small room: a phase is filled before the next is opened.
        let has_place = |phase: &u32| rooms_at(*phase) < PHASE_ROOMS;
        let emptiest = || (0..PHASES).min_by_key(|phase| rooms_at(*phase));
        let phase = (0..PHASES).find(has_place).or_else(emptiest).unwrap_or(0);
        let index = self.groups.iter().position(|group| group.is(rate_hz, phase)).unwrap_or_else(|| {
            self.groups.push(PhaseGroup { schedule: TickSchedule::after(rate_hz, phase, now_ns), rooms: Vec::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        if group.rooms.is_empty() {
            // Nobody missed the ticks of a beat without rooms.
            group.schedule = TickSchedule::after(rate_hz, phase, now_ns);
        }
        group.rooms.push(room);
    }

    /// Lets somebody into their room, wherever it is.
    fn enter(&mut self, id: RoomId, arrival: Box<NewConnection>, detours: u8) {
        let Self { setup, closing, scratch, slow_lane, stopping, .. } = self;
        let context = &mut setup.context(setup.clock.now_ns(), scratch);
        let mut rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms);
        if let Some(room) = rooms.find(|room| room.id == id && !room.failed) {
            return room.guarded(context, closing, |room, context, closing| room.enter(*arrival, context, closing));
        }
        match slow_lane {
            _ if stopping.is_some() => {}
            // It may be on its way home: whoever follows finds it there.
            _ if setup.is_slow_lane => {
                let _ = setup.home.send(Command::Enter { room: id, arrival, detours }.into());
                return;
            }
            Some(lane) if detours < DETOURS_MAX => return lane.enter(id, arrival, detours + 1),
            _ => {}
        }
        // It ended while this one was on the way.
        let code = stopping.unwrap_or(CloseCode::NoRoom);
        refuse(arrival.stream, arrival.counted, code, context, closing);
    }

    fn stop(&mut self, code: CloseCode) {
        let Self { setup, closing, scratch, .. } = self;
        let context = &setup.context(setup.clock.now_ns(), scratch);
        for room in self.groups.iter_mut().flat_map(|group| &mut group.rooms) {
            room.close(code, context, closing);
        }
        self.groups.clear();
        if let Some(lane) = &self.slow_lane {
            lane.stop(code);
        }
        self.stopping = Some(code);
    }

    fn look_after_closing(&mut self) {
        let now_us = self.setup.clock.now_us();
        self.closing.retain_mut(|closing| closing.step(now_us, &mut self.drain_buffer));
    }

    /// Tells the net thread which rooms are gone; what its queue does not take now is told later.
    fn report_gone(&mut self) {
        let reports = &self.setup.reports;
        self.gone.retain(|room| matches!(reports.try_send(Report::Gone { room: *room }), Err(TrySendError::Full(_))));
    }
}

impl ShardSetup {
    fn context<'a>(&'a self, now_ns: u64, scratch: &'a mut Scratch) -> TickContext<'a> {
        let Scratch { received, write_buffer, tally } = scratch;
        TickContext { now_us: now_ns / 1_000, metrics: &self.metrics, tally, received, write_buffer }
    }

    /// The rooms of a phase begin their tick.
    fn begin(&self, deadline_ns: u64, scratch: &mut Scratch) {
        if !self.is_slow_lane {
            scratch.tally.began(self.clock.now_ns().saturating_sub(deadline_ns));
        }
    }

    /// Whether a room that is here belongs to the slow lane, or one that is there does not any more.
    fn is_elsewhere(&self, room: &RoomHandle) -> bool {
        if self.is_slow_lane { room.budget.has_recovered() } else { room.budget.is_slow() }
    }

    /// One tick of one room, and what the directory has to know of it.
    fn tick(&self, room: &mut RoomHandle, deadline_ns: u64, scratch: &mut Scratch, closing: &mut Vec<Closing>) {
        let start_ns = self.clock.now_ns();
        let cpu_start_ns = room.budget.is_suspect().then(thread_cpu_ns);
        room.guarded(&mut self.context(start_ns, scratch), closing, RoomHandle::context);
        let turn_ns = self.clock.now_ns().saturating_sub(start_ns);
        room.budget.took(turn_ns, cpu_start_ns.map(|start_ns| thread_cpu_ns().saturating_sub(start_ns)));
        scratch.tally.ticked(start_ns.saturating_sub(deadline_ns), turn_ns, self.is_slow_lane);
        if let Some(summary) = room.news()
            && self.reports.try_send(Report::Room { room: room.id, summary }).is_ok()
        {
            room.reported = summary;
        }
        while let Some(autopsy) = room.poll_autopsy() {
            // One that the queue does not take is lost: the next incident says the same.
            let _ = self.reports.try_send(Report::Differed { room: room.id, autopsy: Box::new(autopsy) });
        }
    }
}

impl PhaseGroup {
    const fn is(&self, rate_hz: u32, phase: u32) -> bool {
        self.schedule.rate_hz() == rate_hz && self.schedule.phase() == phase
    }
}

#[cfg(test)]
mod tests;

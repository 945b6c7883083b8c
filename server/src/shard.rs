//! A shard: one thread that owns its rooms and their sockets, and makes their ticks on time.
//!
//! ```text
//! wait for the next deadline → due rooms: simulate, commit, send → closing sockets → reports
//! ```
//!
//! Nothing in a tick waits: sockets are non-blocking, nothing is locked, and messages from other threads are read from
//! the inbox between ticks. A panic inside a room is undone, or ends that room. A room that takes too much of the thread is moved to
//! the shard's slow lane, where it delays no room of the shard, and comes back when it has kept within its budget for
//! long enough.

mod closing;
mod commit;
mod connection;
mod empty_rooms;
mod ended;
mod load_meter;
mod moving;
mod notices;
mod pause;
mod reviving;
mod room_gauge;
mod room_handle;
mod slow_lane;
mod tick_budget;
mod tick_schedule;
mod watching;

use crate::clock::Clock;
use crate::games::MadeRoom;
use crate::journal::{JournalWriter, KeeperHandle};
use crate::limits::{CATCH_UP_TICKS_MAX, COMMANDS_PER_PASS_MAX, DETOURS_MAX, PHASE_ROOMS, PHASES};
use crate::lobby::RoomId;
use crate::mailbox::{Command, InboxPlace, Listeners, NewConnection, Report, TopicsInbox};
use crate::metrics::{Metrics, ShardNumbers, Tally};
use crate::threads::{Load, ThreadHealth};
use crate::topics::Delivery;
use closing::Closing;
use connection::TickContext;
use empty_rooms::EmptyRooms;
use ended::Ended;
use load_meter::LoadMeter;
use moving::Moving;
use reviving::Reviving;
use room_handle::{RoomHandle, refuse};
use slow_lane::SlowLane;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::Duration;
use tick_schedule::TickSchedule;
use tickwire::message::close::CloseCode;
use tickwire::message::topics::PlayerId;
use tokio::sync::mpsc::Sender;
use watching::Watching;

/// Time after which closing sockets are looked after when no tick is due before.
const CLOSING_STEP: Duration = Duration::from_millis(10);

/// A message to a shard.
pub(crate) enum ShardCommand {
    /// A command of another module, with its place among those that wait when it comes from another thread.
    Net(Command, Option<InboxPlace>),
    /// A room comes from the shard whose slow lane this is, or back from the slow lane.
    Adopt(Box<RoomHandle>),
}

impl From<Command> for ShardCommand {
    fn from(command: Command) -> Self {
        Self::Net(command, None)
    }
}

/// The channels and shared values that a shard receives at its start.
pub(crate) struct ShardSetup {
    pub(crate) inbox: Receiver<ShardCommand>,
    /// The sender to the shard's own inbox, over which rooms come back to it; its slow lane has a clone.
    pub(crate) home: mpsc::Sender<ShardCommand>,
    pub(crate) reports: Sender<Report>,
    pub(crate) topics: TopicsInbox,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    /// Whether this is the slow lane of another shard.
    pub(crate) is_slow_lane: bool,
    pub(crate) health: Arc<ThreadHealth>,
    /// The health of the slow lane, which the shard starts when it needs one.
    pub(crate) lane_health: Arc<ThreadHealth>,
    pub(crate) load: Arc<Load>,
    /// The numbers that the dashboard shows of the shard.
    pub(crate) numbers: Arc<ShardNumbers>,
    /// Percent of a core from which on the shard wakes no empty room.
    pub(crate) load_percent_max: u32,
    /// The journal, if one is kept.
    pub(crate) journal: Option<KeeperHandle>,
}

/// Rooms that tick together.
struct PhaseGroup {
    schedule: TickSchedule,
    rooms: Vec<RoomHandle>,
}

/// Memory and counts that the rooms of a shard use in turn.
#[derive(Default)]
struct Scratch {
    received: Vec<u8>,
    write_buffer: Vec<u8>,
    topic_message: Vec<u8>,
    tally: Tally,
}

/// One shard.
pub(crate) struct Shard {
    setup: ShardSetup,
    groups: Vec<PhaseGroup>,
    empty_rooms: EmptyRooms,
    closing: Vec<Closing>,
    gone: Ended,
    scratch: Scratch,
    drain_buffer: Vec<u8>,
    /// The code with which all connections are closed, once the shard stops.
    stopping: Option<CloseCode>,
    /// The slow lane, once a room had to move there.
    slow_lane: Option<SlowLane>,
    load_meter: LoadMeter,
    watching: Watching,
    journal: Option<JournalWriter>,
    /// Whether the last turn to be kept whole was that of the room that was kept longest ago.
    keeps_oldest: bool,
    reviving: Reviving,
    moving: Moving,
}

impl Shard {
    pub(crate) fn new(setup: ShardSetup) -> Self {
        Self {
            load_meter: LoadMeter::new(Arc::clone(&setup.load)),
            watching: Watching::default(),
            journal: setup.journal.as_ref().map(JournalWriter::new),
            keeps_oldest: false,
            reviving: Reviving::default(),
            moving: Moving::default(),
            setup,
            groups: Vec::new(),
            empty_rooms: EmptyRooms::default(),
            closing: Vec::new(),
            gone: Ended::default(),
            scratch: Scratch::default(),
            drain_buffer: vec![0; 4_096],
            stopping: None,
            slow_lane: None,
        }
    }

    /// Runs until a command stops the shard and all its connections are closed.
    pub(crate) fn run(mut self) {
        // The kernel's default timer slack would make every tick up to 50 us late.
        if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::warn!(%error, "ticks will be less precise");
        }
        loop {
            while !(self.stopping.is_some() && self.closing.is_empty()) {
                self.wait_for_commands();
                self.revive_next();
                self.tick_due_rooms();
                self.take_out_ordered();
                self.keep_rooms();
                self.setup.metrics.take_over(&mut self.scratch.tally, &self.setup.numbers);
                self.setup.numbers.set_rooms(self.groups.iter().map(|group| group.rooms.len()).sum());
                self.report_watched();
                self.load_meter.measure(self.setup.clock);
                self.empty_rooms.end(self.setup.clock.now_ns(), &mut self.gone);
                // The end of a room is written before its players learn of it.
                self.gone.report(self.journal.as_mut(), &self.setup.reports);
                self.commit_rest();
                self.look_after_closing();
            }
            self.slow_lane.take().into_iter().for_each(SlowLane::join);
            // Connections that were on their way here are closed with the code as well, and so are those of a room that
            // comes back from the slow lane.
            while let Ok(command) = self.setup.inbox.try_recv() {
                self.handle_command(command);
            }
            // The ends of rooms that have gone to other nodes are among these commands.
            self.gone.report(self.journal.as_mut(), &self.setup.reports);
            self.commit_rest();
            if self.closing.is_empty() {
                return;
            }
        }
    }

    /// Waits for the next deadline, and handles the commands that arrive in the meantime. A shard that is late handles
    /// a bunch of commands all the same: one command per tick would make a storm of connections wait for seconds.
    fn wait_for_commands(&mut self) {
        for handled in 1.. {
            let ShardSetup { inbox, clock, health, .. } = &self.setup;
            let command = health.rests(|| match self.next_wake_ns() {
                Some(at_ns) => inbox.recv_timeout(clock.until(at_ns)),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            });
            match command {
                Ok(command) => self.handle_command(command),
                Err(RecvTimeoutError::Timeout) => return,
                // Only a slow lane whose shard has ended gets here: a shard holds a sender to its own inbox. While its
                // last sockets close the lane sleeps, because a disconnected inbox does not wait.
                Err(RecvTimeoutError::Disconnected) if self.stopping.is_some() => return sleep(CLOSING_STEP),
                Err(RecvTimeoutError::Disconnected) => return self.stop(CloseCode::Away),
            }
            // A stream of commands must not keep a tick waiting for long.
            let is_due = || self.next_wake_ns().is_some_and(|at_ns| at_ns <= self.setup.clock.now_ns());
            if self.stopping.is_some() || handled >= COMMANDS_PER_PASS_MAX && is_due() {
                return;
            }
        }
    }

    fn handle_command(&mut self, command: ShardCommand) {
        let command = match command {
            ShardCommand::Adopt(room) => return self.adopt(*room),
            ShardCommand::Net(command, place) => {
                drop(place);
                command
            }
        };
        match command {
            // The room is not run. A connection that is to enter it is closed with the code of the stop.
            Command::Open { .. } if self.stopping.is_some() => {}
            Command::Open { room, made } => self.open(room, *made),
            Command::Revive(_) if self.stopping.is_some() => {}
            Command::Revive(rooms) => self.reviving.put(rooms),
            Command::Forget(rooms) => {
                rooms.into_iter().for_each(|(room, chronicle)| self.gone.put_lost(room, chronicle));
            }
            Command::Enter { room, arrival, detours } => self.enter(room, arrival, detours),
            Command::Tell { to, delivery, detours } => self.tell(to, &delivery, detours),
            Command::Expel { player, detours } => self.expel(player, detours),
            Command::Work { room, work, answer, detours } => self.work(room, work, answer, detours),
            // The room stays, and is kept for a later process.
            Command::TakeOut { .. } if self.stopping.is_some() => {}
            Command::Arrive { .. } if self.stopping.is_some() => {}
            Command::Arrive { room, code, made } => self.arrive(room, code, *made),
            Command::TakeOut { room, answer, detours } => self.take_out(room, answer, detours),
            Command::PutBack { room, detours } => self.put_back(room, detours),
            Command::SendAway { room, detours } => self.send_away(room, detours),
            Command::Watch(watch) => self.watch(&watch),
            Command::Stop(code) => self.stop(code),
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        if !self.reviving.is_empty() {
            return Some(0);
        }
        let ticks =
            self.groups.iter().filter(|group| !group.rooms.is_empty()).map(|group| group.schedule.deadline_ns());
        let chores = !self.closing.is_empty() || !self.gone.is_empty();
        let step_ns = u64::try_from(CLOSING_STEP.as_nanos()).unwrap_or(u64::MAX);
        let chore_ns = chores.then(|| self.setup.clock.now_ns() + step_ns);
        ticks.chain(chore_ns).chain(self.empty_rooms.next_end_ns()).chain(self.load_meter.next_ns()).min()
    }

    fn tick_due_rooms(&mut self) {
        let Self { setup, journal, closing, scratch, gone, empty_rooms, .. } = self;
        let mut moving = Vec::new();
        for group in self.groups.iter_mut().filter(|group| !group.rooms.is_empty()) {
            let now_ns = setup.clock.now_ns();
            let dropped = group.schedule.drop_overdue_ticks(now_ns);
            setup.metrics.ticks_dropped.increment(dropped * group.rooms.len() as u64);
            for _ in 0..CATCH_UP_TICKS_MAX {
                let Some(deadline_ns) = group.schedule.take(now_ns) else { break };
                setup.begin(deadline_ns, scratch);
                group.tick(setup, journal.as_mut(), deadline_ns, scratch, closing);
            }
            group.rooms.extract_if(.., |room| room.failed).for_each(|room| gone.put(room));
            for mut room in group.rooms.extract_if(.., |room| room.is_empty()) {
                if let Some(journal) = journal {
                    room.keep(journal);
                }
                empty_rooms.put(room);
            }
            moving.extend(group.rooms.extract_if(.., |room| setup.is_elsewhere(room)));
        }
        match self.setup.is_slow_lane {
            true => moving.into_iter().for_each(|room| self.give_back(room)),
            false => moving.into_iter().for_each(|room| self.move_to_slow_lane(room)),
        }
    }

    /// Takes in a room that was made. It begins to tick when somebody enters.
    fn open(&mut self, id: RoomId, made: MadeRoom) {
        self.empty_rooms.put(RoomHandle::new(id, made, self.setup.clock.now_ns()));
    }

    /// Takes over a room with its sockets.
    fn adopt(&mut self, mut room: RoomHandle) {
        // Gaps in another log say nothing of those in this one.
        room.kept.gaps = u32::MAX;
        let Some(code) = self.stopping else { return self.seat(room) };
        let Self { setup, journal, closing, scratch, .. } = self;
        room.close(code, &setup.context(setup.clock.now_ns(), scratch), closing);
        room.stop(journal.as_mut());
        journal.iter_mut().for_each(JournalWriter::hand_in_last);
    }

    /// Gives a room its place in a phase group.
    fn seat(&mut self, room: RoomHandle) {
        let rate_hz = room.rate_hz;
        let now_ns = self.setup.clock.now_ns();
        let rooms_at =
            |phase| self.groups.iter().find(|group| group.is(rate_hz, phase)).map_or(0, |group| group.rooms.len());
        // A wake-up costs more than the tick of a small room, so a phase is filled before the next one is opened.
        let has_place = |phase: &u32| rooms_at(*phase) < PHASE_ROOMS;
        let emptiest = || (0..PHASES).min_by_key(|phase| rooms_at(*phase));
        let phase = (0..PHASES).find(has_place).or_else(emptiest).unwrap_or(0);
        let index = self.groups.iter().position(|group| group.is(rate_hz, phase)).unwrap_or_else(|| {
            self.groups.push(PhaseGroup { schedule: TickSchedule::after(rate_hz, phase, now_ns), rooms: Vec::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        if group.rooms.is_empty() {
            // A group without rooms owes no ticks, so its schedule starts over.
            group.schedule = TickSchedule::after(rate_hz, phase, now_ns);
        }
        group.rooms.push(room);
    }

    /// Lets a connection into its room, on whichever thread the room is.
    fn enter(&mut self, id: RoomId, arrival: Box<NewConnection>, detours: u8) {
        self.revive_room(id);
        let Some(arrival) = self.refuse_while_moving(id, arrival) else { return };
        if self.empty_rooms.has(id) {
            if self.setup.load.percent() >= self.setup.load_percent_max {
                let Self { setup, closing, scratch, .. } = self;
                let context = &setup.context(setup.clock.now_ns(), scratch);
                return refuse(id, arrival.socket, arrival.counted, CloseCode::Overloaded, context, closing);
            }
            self.empty_rooms.take(id).into_iter().for_each(|room| self.seat(room));
        }
        let Self { setup, closing, scratch, slow_lane, stopping, .. } = self;
        let context = &mut setup.context(setup.clock.now_ns(), scratch);
        let mut rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms);
        if let Some(room) = rooms.find(|room| room.id == id && !room.failed) {
            room.guarded(context, closing, |room, context, closing| room.enter(*arrival, context, closing));
            return setup.report_diverged(room);
        }
        match slow_lane {
            _ if stopping.is_some() => {}
            // The room may be on its way back to the shard. The connection is sent after it and finds it there.
            _ if setup.is_slow_lane => {
                let _ = setup.home.send(Command::Enter { room: id, arrival, detours }.into());
                return;
            }
            Some(lane) if detours < DETOURS_MAX => return lane.enter(id, arrival, detours + 1),
            _ => {}
        }
        // The room ended while the connection was on its way.
        let code = stopping.or(arrival.only_by_token).unwrap_or(CloseCode::NoRoom);
        refuse(id, arrival.socket, arrival.counted, code, context, closing);
    }

    /// Tells members about a topic, on whichever thread their room is.
    fn tell(&mut self, to: Listeners, delivery: &Arc<Delivery>, detours: u8) {
        let (room, member) = match to {
            Listeners::Member(room, member) => (Some(room), Some(member)),
            Listeners::Room(room) | Listeners::Game(room) => (Some(room), None),
            Listeners::All => (None, None),
        };
        room.into_iter().for_each(|room| self.revive_room(room));
        let mut rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms).filter(|room| !room.failed);
        match room {
            None => rooms.for_each(|room| room.tell(None, delivery)),
            Some(id) => {
                if let Some(room) = rooms.find(|room| room.id == id) {
                    if matches!(to, Listeners::Game(_)) {
                        return room.tell_game(delivery);
                    }
                    return room.tell(member, delivery);
                }
            }
        }
        // The room may be on the slow lane, or on its way back from there.
        let tell = |detours| Command::Tell { to, delivery: Arc::clone(delivery), detours }.into();
        match &self.slow_lane {
            _ if self.setup.is_slow_lane && room.is_some() && detours < DETOURS_MAX => {
                let _ = self.setup.home.send(tell(detours));
            }
            Some(lane) if detours < DETOURS_MAX => lane.send(tell(detours + 1)),
            _ => {}
        }
    }

    /// Closes the connections of a player, here and on the slow lane.
    fn expel(&mut self, player: PlayerId, detours: u8) {
        while !self.reviving.is_empty() {
            self.revive_next();
        }
        let rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms).filter(|room| !room.failed);
        rooms.chain(self.moving.taken()).for_each(|room| room.expel(player));
        if let Some(lane) = self.slow_lane.as_ref().filter(|_| detours < DETOURS_MAX) {
            lane.send(Command::Expel { player, detours: detours + 1 }.into());
        }
    }

    /// Closes all connections; the second time it waits for none of them any more.
    fn stop(&mut self, code: CloseCode) {
        if self.stopping.is_some() {
            self.look_after_closing();
            self.closing.clear();
        }
        self.put_all_back();
        for group in &mut self.groups {
            // They have ended, and do not go on in a later process.
            group.rooms.extract_if(.., |room| room.failed).for_each(|room| self.gone.put(room));
        }
        let Self { setup, closing, scratch, .. } = self;
        let context = &setup.context(setup.clock.now_ns(), scratch);
        // Everybody is told first: to copy all rooms takes a while.
        self.groups.iter_mut().flat_map(|group| &mut group.rooms).for_each(|room| room.close(code, context, closing));
        if let Some(lane) = &self.slow_lane {
            lane.stop(code);
        }
        for mut room in self.groups.drain(..).flat_map(|group| group.rooms) {
            room.stop(self.journal.as_mut());
        }
        self.empty_rooms.all().for_each(|room| room.stop(self.journal.as_mut()));
        self.journal.iter_mut().for_each(JournalWriter::hand_in_last);
        self.reviving.clear();
        self.empty_rooms.clear();
        self.stopping = Some(code);
    }

    fn look_after_closing(&mut self) {
        let now_us = self.setup.clock.now_us();
        self.closing.retain_mut(|closing| closing.step(now_us, &mut self.drain_buffer));
    }
}

impl ShardSetup {
    fn context<'a>(&'a self, now_ns: u64, scratch: &'a mut Scratch) -> TickContext<'a> {
        let Scratch { received, write_buffer, topic_message, tally } = scratch;
        let (now_us, metrics, topics) = (now_ns / 1_000, &*self.metrics, &self.topics);
        TickContext { now_us, metrics, topics, tally, received, write_buffer, topic_message }
    }

    /// Counts how late the rooms of a phase begin their tick; a slow lane is left out.
    fn begin(&self, deadline_ns: u64, scratch: &mut Scratch) {
        if !self.is_slow_lane {
            scratch.tally.began(self.clock.now_ns().saturating_sub(deadline_ns));
        }
    }

    /// Whether a room of this shard belongs to its slow lane, or a room of this slow lane belongs to its shard again.
    fn is_elsewhere(&self, room: &RoomHandle) -> bool {
        if self.is_slow_lane { room.budget.has_recovered() } else { room.budget.is_slow() }
    }

    /// Reports the clients that were closed because their worlds keep differing.
    fn report_diverged(&self, room: &mut RoomHandle) {
        for (address, token) in room.diverged.drain(..) {
            // A report that the queue does not take is lost: the client may come back without a wait this time.
            let _ = self.reports.try_send(Report::Diverged { room: room.id, address, token });
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

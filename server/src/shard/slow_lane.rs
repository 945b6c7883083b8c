//! The slow lane of a shard: a thread of its own for rooms that take too much of their ticks.
//!
//! Nothing interrupts a step, so a slow room makes all others of its shard late. It is moved, with its sockets, to a
//! thread that the kernel can interrupt and that gives way to shards. There the room ticks as fast as it can; the ticks
//! that it cannot make are dropped and counted. Rooms of the lane delay each other and no room of a shard, except for
//! the delay by the first long turns before the move. A room that has kept within its budget for long enough comes
//! back, with everything in it. A connection that looks for it in the lane meanwhile is sent after it.

use super::room_handle::RoomHandle;
use super::{Shard, ShardCommand, ShardSetup};
use crate::limits::SLOW_LANE_NICENESS;
use crate::lobby::RoomId;
use crate::mailbox::{Command, NewConnection};
use crate::threads::{Load, ThreadHealth, give_way};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tickwire::message::close::CloseCode;

/// The lane's thread; it ends after [`SlowLane::stop`].
pub(super) struct SlowLane {
    commands: Sender<ShardCommand>,
    thread: JoinHandle<()>,
}

impl SlowLane {
    /// Starts the lane of the shard that runs on this thread.
    pub(super) fn start(shard: &ShardSetup) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let (reports, metrics, clock) = (shard.reports.clone(), Arc::clone(&shard.metrics), shard.clock);
        let home = shard.home.clone();
        let health = Arc::clone(&shard.lane_health);
        let load = Arc::new(Load::default());
        let numbers = metrics.enter_shard(shard.numbers.shard, true, &load);
        let setup = ShardSetup {
            inbox,
            home,
            reports,
            topics: shard.topics.clone(),
            metrics,
            clock,
            is_slow_lane: true,
            health: Arc::clone(&health),
            // A lane has no lane.
            lane_health: ThreadHealth::new("", Duration::MAX),
            load,
            numbers,
            load_percent_max: shard.load_percent_max,
            journal: shard.journal.clone(),
        };
        let thread = health.spawn(move || {
            give_way(SLOW_LANE_NICENESS);
            Shard::new(setup).run();
        })?;
        Ok(Self { commands, thread })
    }

    // The lane runs until it is stopped, so it receives every command that is sent before the stop.

    pub(super) fn take(&self, room: RoomHandle) {
        let _ = self.commands.send(ShardCommand::Adopt(Box::new(room)));
    }

    pub(super) fn enter(&self, room: RoomId, arrival: Box<NewConnection>, detours: u8) {
        self.send(Command::Enter { room, arrival, detours }.into());
    }

    pub(super) fn send(&self, command: ShardCommand) {
        let _ = self.commands.send(command);
    }

    pub(super) fn stop(&self, code: CloseCode) {
        let _ = self.commands.send(Command::Stop(code).into());
    }

    /// Waits until everything in the lane has ended, which takes at least as long as the longest of its steps.
    pub(super) fn join(self) {
        // A lane whose inbox is disconnected ends.
        drop(self.commands);
        if self.thread.join().is_err() {
            tracing::error!("a slow lane has panicked");
        }
    }
}

impl Shard {
    /// Gives a room that is not slow any more back to the shard whose lane this is.
    pub(super) fn give_back(&self, mut room: RoomHandle) {
        tracing::info!(room = room.id.0, "a room is not slow any more and moves back to its shard");
        self.setup.metrics.rooms_recovered.increment(1);
        room.budget.start_over();
        // The shard waits for its lane before it ends, so it still receives the room.
        let _ = self.setup.home.send(ShardCommand::Adopt(Box::new(room)));
    }

    /// Moves a room to the slow lane, where it delays no room of the shard. Without a thread for the lane the room
    /// stays.
    pub(super) fn move_to_slow_lane(&mut self, mut room: RoomHandle) {
        if self.slow_lane.is_none() {
            match SlowLane::start(&self.setup) {
                Ok(lane) => {
                    lane.send(Command::Watch(Arc::clone(&self.watching.watch)).into());
                    self.slow_lane = Some(lane);
                }
                Err(error) => tracing::warn!(%error, "the slow lane cannot be started and a slow room delays others"),
            }
        }
        match &self.slow_lane {
            Some(lane) => {
                tracing::warn!(room = room.id.0, "a room is too slow for its shard and moves to the slow lane");
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
}

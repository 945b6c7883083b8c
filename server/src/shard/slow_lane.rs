//! The slow lane of a shard: a thread of its own for rooms that take too much of their ticks.
//!
//! Nothing interrupts a step, so a slow room makes all others of its shard late. It is moved, sockets and all, to a
//! thread that the kernel can interrupt and that gives way to shards. There it goes as fast as it can; the ticks that
//! it cannot make are dropped and counted. Rooms of the lane delay each other and nobody else, but for what the first
//! long turns have cost before the move. A room that has behaved for long enough comes back, with everything in it; who
//! looks for it in the lane meanwhile is sent after it.

use super::room_handle::RoomHandle;
use super::{Shard, ShardCommand, ShardSetup};
use crate::limits::SLOW_LANE_NICENESS;
use crate::lobby::RoomId;
use crate::mailbox::{Command, NewConnection};
use rustix::process::{getpriority_process, setpriority_process};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Builder, JoinHandle};
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
        let setup = ShardSetup { inbox, home, reports, metrics, clock, is_slow_lane: true };
        let name = format!("{}-slow", thread::current().name().unwrap_or("shard"));
        let thread = Builder::new().name(name).spawn(move || {
            give_way();
            Shard::new(setup).run();
        })?;
        Ok(Self { commands, thread })
    }

    // The lane lives until it is told to stop: what it is told before is heard.

    pub(super) fn take(&self, room: RoomHandle) {
        let _ = self.commands.send(ShardCommand::Adopt(Box::new(room)));
    }

    pub(super) fn enter(&self, room: RoomId, arrival: Box<NewConnection>, detours: u8) {
        let _ = self.commands.send(Command::Enter { room, arrival, detours }.into());
    }

    pub(super) fn stop(&self, code: CloseCode) {
        let _ = self.commands.send(Command::Stop(code).into());
    }

    /// Waits until everything in it has ended, for the longest of its steps at least.
    pub(super) fn join(self) {
        // A lane whose shard is gone ends.
        drop(self.commands);
        if self.thread.join().is_err() {
            tracing::error!("a slow lane has panicked");
        }
    }
}

/// On Linux the niceness is that of the calling thread.
fn give_way() {
    let lowered = getpriority_process(None).and_then(|own| setpriority_process(None, own + SLOW_LANE_NICENESS));
    if let Err(error) = lowered {
        tracing::warn!(%error, "slow rooms will compete with others for the cores");
    }
}

//! The keeper's thread, and how other threads talk to it.

use super::{Checkpoint, Frozen, Keeper, Notice};
use crate::clock::unix_ms;
use crate::journal::log::Log;
use crate::journal::numbering::Numbering;
use crate::journal::{CheckpointPace, JournalError, JournalFigures, JournalGauges};
use crate::limits::{CHECKPOINTS_WAITING_MAX, KEEPER_STALL_MAX};
use crate::lobby::RoomId;
use crate::threads::{ThreadHealth, give_way};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tickwire::tick::Tick;

/// How far the keeper stands back behind the shards.
const NICENESS: i32 = 5;

enum Request {
    NewLog(SyncSender<Log>),
    Desk(SyncSender<Notice>),
    Checkpoint(Checkpoint),
    Stop,
}

/// The way to the keeper. Each thread has its own.
#[derive(Debug, Clone)]
pub(crate) struct KeeperHandle {
    requests: SyncSender<Request>,
    /// The way of the checkpoints that shards leave behind when the server stops.
    last: Sender<Checkpoint>,
    gauges: Arc<JournalGauges>,
    numbering: Arc<Numbering>,
    pace: CheckpointPace,
}

impl KeeperHandle {
    /// When rooms are to be kept whole.
    pub(crate) const fn pace(&self) -> CheckpointPace {
        self.pace
    }

    /// A log for this thread. It waits until the first segment is ready; a log without one is degraded from its first
    /// commit on, until the disk gives one.
    pub(crate) fn new_log(&self) -> Log {
        let (reply, answer) = sync_channel(1);
        let asked = self.requests.send(Request::NewLog(reply)).ok();
        // A keeper that has ended supervises nothing any more, and the server is about to end too.
        asked.and_then(|()| answer.recv().ok()).unwrap_or_else(|| Log::new().0)
    }

    /// The numbers of the things of the whole server.
    pub(in crate::journal) const fn numbering(&self) -> &Arc<Numbering> {
        &self.numbering
    }

    /// The figures of the keeper's last turn.
    pub(crate) fn figures(&self) -> JournalFigures {
        self.gauges.figures()
    }

    /// Puts a room that comes from elsewhere on the disk, and says whether it is there. It waits for the disk.
    pub(crate) fn put(&self, room: RoomId, tick: Tick, world: Vec<u8>) -> bool {
        let (back, notices) = sync_channel(1);
        let checkpoint = Checkpoint { room, tick, frozen: Box::new(World(world)), back };
        let is_asked = self.requests.send(Request::Checkpoint(checkpoint)).is_ok();
        // The keeper gives every checkpoint back, and a keeper that has ended drops it.
        is_asked && matches!(notices.recv(), Ok(Notice::Done { outcome: Ok(()), .. }))
    }

    /// A desk for a shard, where checkpoints are handed in.
    pub(crate) fn desk(&self) -> CheckpointDesk {
        let (back, notices) = sync_channel(CHECKPOINTS_WAITING_MAX);
        // The same as above.
        let _ = self.requests.send(Request::Desk(back.clone()));
        CheckpointDesk { requests: self.requests.clone(), last: self.last.clone(), back, notices }
    }
}

/// A room as bytes, with its header.
struct World(Vec<u8>);

impl Frozen for World {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

/// Where a shard hands checkpoints in, and gets the used boxes back.
pub(crate) struct CheckpointDesk {
    requests: SyncSender<Request>,
    last: Sender<Checkpoint>,
    back: SyncSender<Notice>,
    notices: Receiver<Notice>,
}

impl CheckpointDesk {
    /// Hands a checkpoint in. It never waits.
    ///
    /// # Errors
    /// The box, when too many checkpoints wait.
    pub(crate) fn checkpoint(&self, room: RoomId, tick: Tick, frozen: Box<dyn Frozen>) -> Result<(), Box<dyn Frozen>> {
        let checkpoint = Checkpoint { room, tick, frozen, back: self.back.clone() };
        match self.requests.try_send(Request::Checkpoint(checkpoint)) {
            Err(TrySendError::Full(Request::Checkpoint(it)) | TrySendError::Disconnected(Request::Checkpoint(it))) => {
                Err(it.frozen)
            }
            _ => Ok(()),
        }
    }

    /// The same for the last checkpoints of a shard, however many they are and however slow the disk is.
    pub(crate) fn last_checkpoints(&self, rooms: impl Iterator<Item = (RoomId, Tick, Box<dyn Frozen>)>) {
        for (room, tick, frozen) in rooms {
            // A keeper that has ended keeps nothing any more.
            let _ = self.last.send(Checkpoint { room, tick, frozen, back: self.back.clone() });
        }
    }

    /// The next notice of the keeper, if there is one.
    pub(crate) fn notice(&self) -> Option<Notice> {
        self.notices.try_recv().ok()
    }
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct KeeperThread {
    health: Arc<ThreadHealth>,
    handle: KeeperHandle,
    thread: JoinHandle<()>,
}

impl KeeperThread {
    /// Starts the thread, which syncs at this interval.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(mut keeper: Keeper, interval: Duration) -> io::Result<Self> {
        let (requests, inbox) = sync_channel(CHECKPOINTS_WAITING_MAX);
        let health = ThreadHealth::new("journal", KEEPER_STALL_MAX);
        let (own, gauges, pace) = (Arc::clone(&health), keeper.figures(), keeper.settings.pace);
        let (last, left) = channel();
        let thread = health.spawn(move || {
            give_way(NICENESS);
            run(&mut keeper, &inbox, &left, interval, &own);
        })?;
        Ok(Self { health, handle: KeeperHandle { requests, last, gauges, numbering: Arc::default(), pace }, thread })
    }

    /// The notes of the thread, for the supervisor.
    pub(crate) fn health(&self) -> &Arc<ThreadHealth> {
        &self.health
    }

    pub(crate) fn handle(&self) -> KeeperHandle {
        self.handle.clone()
    }

    /// Ends the thread after everything that was handed in is on the disk; says whether it has ended well.
    pub(crate) fn stop(self) -> bool {
        let _ = self.handle.requests.send(Request::Stop);
        let has_ended = self.thread.join().is_ok();
        if !has_ended {
            tracing::error!("the thread of the journal has panicked");
        }
        has_ended
    }
}

fn run(
    keeper: &mut Keeper,
    inbox: &Receiver<Request>,
    last: &Receiver<Checkpoint>,
    interval: Duration,
    health: &ThreadHealth,
) {
    let start = Instant::now();
    let now_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut next = start;
    let (mut goes_on, mut has_waited) = (true, false);
    while goes_on {
        let wait = next.saturating_duration_since(Instant::now());
        let mut request = match health.rests(|| inbox.recv_timeout(wait)) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        // All of them before the turn: a checkpoint of a room is written before the end of the room is read.
        while let Some(it) = request {
            goes_on &= take(keeper, it, now_ms());
            request = inbox.try_recv().ok();
        }
        if Instant::now() >= next {
            let respite = keeper.respite(unix_ms(), interval);
            // Once at the most: the clock of the wall may be set back.
            if !has_waited && !respite.is_zero() {
                (next, has_waited) = (Instant::now() + respite, true);
                continue;
            }
            // The interval counts from the beginning of a turn: a slow disk is not made slower by a pause.
            (next, has_waited) = (Instant::now() + interval, false);
            last.try_iter().for_each(|checkpoint| keeper.checkpoint(checkpoint));
            keeper.turn(unix_ms(), now_ms());
        }
    }
    // The threads of rooms have ended.
    last.try_iter().for_each(|checkpoint| keeper.checkpoint(checkpoint));
    keeper.finish(unix_ms(), now_ms());
}

/// Does as it was asked, and says whether the keeper goes on.
fn take(keeper: &mut Keeper, request: Request, now_ms: u64) -> bool {
    match request {
        Request::NewLog(reply) => {
            let log = keeper.new_log(unix_ms(), now_ms);
            // A thread that does not wait any more drops its log, and its segment comes back.
            let _ = reply.send(log);
        }
        Request::Desk(desk) => keeper.add_desk(desk),
        Request::Checkpoint(checkpoint) => keeper.checkpoint(checkpoint),
        Request::Stop => return false,
    }
    true
}

//! A small server on a journal, and the truth about its rooms to compare with.
//!
//! A room's state is a number that each tick's body changes. So a room that is found with a wrong world, a wrong tick or
//! a tick too few has another number.

use super::Dice;
use super::memory_disk::{Loss, MemoryDisk};
use crate::journal::batch::{Batch, EntryKind};
use crate::journal::keeper::{Checkpoint, Frozen, Identity, Keeper, Notice};
use crate::journal::log::{Log, Synced};
use crate::journal::{Found, FoundRoom, JournalError, JournalSettings, RoomVerdict};
use crate::lobby::RoomId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tickwire::tick::Tick;

pub(super) const SEGMENT_BYTES: u64 = 4096 * 2;

pub(super) fn settings() -> JournalSettings {
    JournalSettings {
        bytes_max: 400 * SEGMENT_BYTES,
        sync_interval: Duration::from_millis(25),
        segment_bytes: SEGMENT_BYTES,
        reserve_bytes: 2 * SEGMENT_BYTES,
        ..JournalSettings::default()
    }
}

/// A room's state at a tick.
struct State(u64, usize);

impl Frozen for State {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        out.extend_from_slice(&self.0.to_le_bytes());
        out.resize(out.len() + self.1, 0xaa);
        Ok(())
    }
}

/// The facts that are true of a room.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    /// The state after each tick; the first is that of tick 0.
    pub(super) states: Vec<u64>,
    pub(super) is_closed: bool,
    /// The ticks that are on the disk for certain.
    pub(super) synced: usize,
    /// Whether its beginning and its end are on the disk.
    pub(super) is_open_synced: bool,
    pub(super) is_closed_synced: bool,
    /// The position of its last entry in its log.
    position: u64,
    log: usize,
}

impl Truth {
    fn last(&self) -> Tick {
        Tick(u32::try_from(self.states.len() - 1).unwrap())
    }
}

fn stepped(state: u64, body: &[u8]) -> u64 {
    Dice(state ^ u64::from_le_bytes(body.try_into().unwrap())).next()
}

/// The state of a room that was found.
pub(super) fn state_of(found: &FoundRoom) -> u64 {
    let world = found.world.as_ref().map_or(0, |(_, body)| u64::from_le_bytes(body[..8].try_into().unwrap()));
    found.ticks.iter().fold(world, |state, (_, body)| stepped(state, body))
}

/// A server with a few logs.
pub(super) struct Server {
    pub(super) disk: Arc<MemoryDisk>,
    pub(super) keeper: Keeper,
    pub(super) logs: Vec<Log>,
    batch: Batch,
    back: SyncSender<Notice>,
    pub(super) notices: Receiver<Notice>,
    pub(super) rooms: BTreeMap<RoomId, Truth>,
    /// Rooms that a checkpoint is wanted of.
    pub(super) wanted: BTreeSet<RoomId>,
    pub(super) now_ms: u64,
    incarnation: u64,
    next_room: u64,
    world_bytes: usize,
}

impl Server {
    /// The first server of a disk.
    pub(super) fn start(disk: MemoryDisk, logs: usize) -> Self {
        Self::on(disk, logs, 1, Found::default())
    }

    fn on(disk: MemoryDisk, logs: usize, incarnation: u64, mut found: Found) -> Self {
        let disk = Arc::new(disk);
        let identity = Identity { node: [7; 16], incarnation, seed: incarnation << 32 };
        let mut keeper = Keeper::new(disk.clone(), identity, &mut found, settings());
        let (back, notices) = sync_channel(1_000);
        keeper.add_desk(back.clone());
        keeper.turn(0, 0);
        let logs = (0..logs).map(|_| keeper.new_log(0, 0)).collect();
        let (rooms, wanted, batch) = (BTreeMap::new(), BTreeSet::new(), Batch::new());
        let (now_ms, next_room, world_bytes) = (0, 1, 100);
        Self { disk, keeper, logs, batch, back, notices, rooms, wanted, now_ms, incarnation, next_room, world_bytes }
    }

    pub(super) fn open(&mut self, log: usize) -> RoomId {
        let room = RoomId(self.next_room);
        self.next_room += 1;
        self.batch.put(EntryKind::Room, room, Tick(0), |body| body.push(9));
        let is_written = self.commit(log);
        let truth = Truth { states: vec![0], position: self.logs[log].position(), log, ..Truth::default() };
        if is_written {
            self.rooms.insert(room, truth);
        }
        room
    }

    fn commit(&mut self, log: usize) -> bool {
        self.logs[log].commit(&mut self.batch, self.now_ms).is_ok()
    }

    /// The rooms make a tick, in one batch. A tick that is not written is made all the same.
    pub(super) fn tick(&mut self, rooms: &[RoomId], log: usize, dice: &mut Dice) -> bool {
        for room in rooms {
            let Some(truth) = self.rooms.get_mut(room).filter(|truth| !truth.is_closed) else { continue };
            let body = dice.next().to_le_bytes();
            truth.states.push(stepped(*truth.states.last().unwrap(), &body));
            self.batch.put(EntryKind::Tick, *room, truth.last(), |out| out.extend_from_slice(&body));
        }
        let is_written = self.commit(log);
        for room in rooms {
            if let Some(truth) = self.rooms.get_mut(room).filter(|truth| !truth.is_closed && is_written) {
                (truth.position, truth.log) = (self.logs[log].position(), log);
            }
        }
        is_written
    }

    pub(super) fn checkpoint(&mut self, room: RoomId) {
        let Some(truth) = self.rooms.get(&room).filter(|truth| !truth.is_closed) else { return };
        let frozen = Box::new(State(*truth.states.last().unwrap(), self.world_bytes));
        self.keeper.checkpoint(Checkpoint { room, tick: truth.last(), frozen, back: self.back.clone() });
    }

    pub(super) fn close(&mut self, room: RoomId, log: usize) {
        let Some(truth) = self.rooms.get_mut(&room).filter(|truth| !truth.is_closed) else { return };
        self.batch.put(EntryKind::Closed, room, truth.last(), |_| ());
        if self.logs[log].commit(&mut self.batch, self.now_ms).is_ok() {
            truth.is_closed = true;
            (truth.position, truth.log) = (self.logs[log].position(), log);
        }
    }

    /// Time passes, and the keeper has its turn.
    pub(super) fn turn(&mut self, ms: u64) {
        self.now_ms += ms;
        self.keeper.turn(self.now_ms, self.now_ms);
        self.ask_watermarks();
        while let Ok(notice) = self.notices.try_recv() {
            match notice {
                Notice::Done { outcome: Ok(()), .. } => {}
                Notice::Done { room, .. } | Notice::Wanted { room, .. } => drop(self.wanted.insert(room)),
            }
        }
    }

    /// Outputs go out for which the disk has what they tell of: it holds from now on.
    fn ask_watermarks(&mut self) {
        for truth in self.rooms.values_mut() {
            if self.logs[truth.log].watermark().covers(truth.position) == Synced::Yes {
                truth.synced = truth.states.len();
                (truth.is_open_synced, truth.is_closed_synced) = (true, truth.is_closed);
            }
        }
    }

    /// As a shard does: rooms of a log that goes on after a loss get checkpoints, and so do rooms that are asked for.
    pub(super) fn care(&mut self) {
        let has_recovered = self.logs.iter_mut().fold(false, |any, log| log.take_recovery() | any);
        let wanted = std::mem::take(&mut self.wanted);
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms.into_iter().filter(|room| has_recovered || wanted.contains(room)) {
            self.checkpoint(room);
        }
    }

    /// Compares what the next process would find with the truth. Everything that is certain has to be there.
    pub(super) fn check(&self, found: &Found, loss: Loss) {
        for (room, truth) in &self.rooms {
            let is_closed = found.closed.iter().any(|(closed, _)| closed == room);
            let it = found.rooms.iter().find(|found| found.room == *room);
            let must_be_closed = if loss == Loss::Process { truth.is_closed } else { truth.is_closed_synced };
            if truth.is_closed {
                // A closed room may be forgotten; it may be back only if its end is lost.
                assert!(!must_be_closed || it.is_none(), "{room:?} is back: {it:?}");
            } else {
                assert!(!is_closed, "{room:?} was not closed");
                let must_be = loss == Loss::Process || truth.is_open_synced;
                assert!(!must_be || it.is_some(), "{room:?} is lost: {truth:?}");
            }
            let Some(it) = it else { continue };
            let last = usize::try_from(it.last().0).unwrap();
            let least = if loss == Loss::Process { truth.states.len() } else { truth.synced.max(1) } - 1;
            if let RoomVerdict::Quarantined = it.verdict {
                // Power has taken its beginning with the end of one log, and left a tick in another one.
                assert!(!truth.is_open_synced && loss != Loss::Process, "{it:?} {truth:?}");
                continue;
            }
            assert!(last >= least && last < truth.states.len(), "{room:?} is at {last}, not {least}: {it:?}");
            assert_eq!(state_of(it), truth.states[last], "{room:?} at {last}");
            // A room's ticks may be in several logs, of which power takes the end of one.
            if loss == Loss::Process {
                assert_eq!(it.verdict, RoomVerdict::Whole, "{room:?}");
            }
        }
        for it in &found.rooms {
            assert!(self.rooms.contains_key(&it.room) || loss != Loss::Process, "{it:?} is invented");
        }
    }

    /// The process dies, and the next one goes on with the things that it finds.
    pub(super) fn crash(mut self, loss: Loss, dice: &mut Dice) -> Self {
        self.ask_watermarks();
        let disk = self.disk.after(loss, dice);
        let found = Found::read(&disk).unwrap();
        self.check(&found, loss);
        self.go_on(disk, found, dice)
    }

    /// The next process, on a disk where this was found.
    pub(super) fn go_on(self, disk: MemoryDisk, found: Found, dice: &mut Dice) -> Self {
        let revived: Vec<FoundRoom> = found.rooms.clone();
        let mut next = Self::on(disk, self.logs.len(), self.incarnation + 1, found);
        (next.next_room, next.now_ms) = (self.next_room, self.now_ms);
        for it in revived {
            let log = dice.below(next.logs.len());
            let Some(truth) = self.rooms.get(&it.room).filter(|_| it.header.is_some() || it.world.is_some()) else {
                // Nobody needs a room that cannot go on; its end frees its segments.
                next.batch.put(EntryKind::Closed, it.room, it.last(), |_| ());
                assert!(next.commit(log));
                continue;
            };
            let mut truth = Truth { is_closed: false, is_closed_synced: false, ..truth.clone() };
            truth.states.truncate(usize::try_from(it.last().0).unwrap() + 1);
            truth.synced = truth.states.len();
            next.batch.put(EntryKind::Revived, it.room, it.last(), |_| ());
            assert!(next.commit(log));
            (truth.position, truth.log) = (next.logs[log].position(), log);
            truth.is_open_synced = true;
            next.rooms.insert(it.room, truth);
        }
        next
    }
}

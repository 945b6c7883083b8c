//! The keeper: the thread that does for all logs what may wait for the disk.
//!
//! It syncs what the logs have written, hands them fresh segments ahead of time, writes checkpoints, and frees the
//! segments that nobody needs any more. A failed sync is never tried again on the same file: the log gets a fresh
//! segment, and its rooms begin it with checkpoints. [`Keeper::turn`] is one round of it all, and takes the time as an
//! argument.

mod retention;
mod stock;
mod thread;

pub(crate) use retention::{Contents, Fate, Retained};
pub(crate) use thread::{CheckpointDesk, KeeperHandle, KeeperThread};

use super::batch::{Batch, EntryKind};
use super::disk::Disk;
use super::log::{Log, LogState, Synced};
use super::revival::Found;
use super::segment::{LogKind, SEGMENT_HEAD_BYTES, Segment, SegmentHead};
use super::{JournalError, JournalFigures, JournalGauges, JournalSettings};
use crate::limits::{CHECKPOINT_BATCH_BYTES, CHECKPOINTS_ASKED_MAX, JOURNAL_CARE_MS, JOURNAL_RETRY_MS};
use crate::lobby::RoomId;
use retention::Retention;
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;
use stock::Stock;
use tickwire::bug::Bug;
use tickwire::tick::Tick;

/// A room at a tick, copied by its shard. The keeper makes bytes of it.
pub(crate) trait Frozen: Any + Send {
    /// Appends header, checkpoint and state.
    ///
    /// # Errors
    /// When no bytes can be made of it; what was appended is of no use then.
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError>;
}

/// A checkpoint that waits to be written.
pub(crate) struct Checkpoint {
    pub(crate) room: RoomId,
    pub(crate) tick: Tick,
    pub(crate) frozen: Box<dyn Frozen>,
    /// Where the box goes afterwards.
    pub(crate) back: SyncSender<Notice>,
}

impl Checkpoint {
    /// Gives the box back. A shard that is gone, or does not read its notices, makes another one.
    fn ends(self, outcome: Result<(), JournalError>) {
        let Self { room, tick, frozen, back } = self;
        let _ = back.try_send(Notice::Done { room, tick, frozen, outcome });
    }
}

/// The news that the keeper has for a shard.
pub(crate) enum Notice {
    /// A checkpoint is on the disk, or it is not; the box can be used again.
    Done { room: RoomId, tick: Tick, frozen: Box<dyn Frozen>, outcome: Result<(), JournalError> },
    /// The room's newest checkpoint keeps a segment from being freed: another one is wanted. A shard without this room
    /// has nothing to do. `is_tight` says that the journal has used half of its space.
    Wanted { room: RoomId, is_tight: bool },
}

/// The identity of this process among all that have used the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) node: [u8; 16],
    /// The number of this start of a server on the folder.
    pub(crate) incarnation: u64,
    /// Random bits for the salts of segments.
    pub(crate) seed: u64,
}

/// A log as the keeper sees it.
struct Slot {
    kind: LogKind,
    shard: u32,
    next_number: u32,
    state: Arc<LogState>,
    supply: SyncSender<Arc<Segment>>,
    /// The segments that the log writes or will write, and those that are not synced yet; in order.
    segments: Vec<Arc<Segment>>,
    failures: u64,
    /// No segment is offered before this time.
    retry_ms: u64,
}

/// The work of the keeper's thread.
pub(crate) struct Keeper {
    settings: JournalSettings,
    identity: Identity,
    stock: Stock,
    retention: Retention,
    /// The log of worlds is the first.
    slots: Vec<Slot>,
    worlds: Log,
    desks: Vec<SyncSender<Notice>>,
    batch: Batch,
    waiting: Vec<Checkpoint>,
    salts: u64,
    next_shard: u32,
    care_ms: u64,
    /// When the last sync of all logs began that succeeded.
    synced_ms: u64,
    figures: JournalFigures,
    shown: Arc<JournalGauges>,
}

impl Keeper {
    /// A keeper of the segments that were found.
    pub(crate) fn new(disk: Arc<dyn Disk>, identity: Identity, found: &mut Found, settings: JournalSettings) -> Self {
        let stock = Stock::new(disk, settings.segment_bytes, settings.reserve_bytes);
        let closed = found.closed.iter().map(|(room, _)| *room).collect();
        let retention = Retention::new(identity.incarnation, std::mem::take(&mut found.segments), closed);
        let (worlds, state, supply) = Log::new();
        let mut keeper = Self {
            settings,
            identity,
            stock,
            retention,
            slots: Vec::new(),
            worlds,
            desks: Vec::new(),
            batch: Batch::new(),
            waiting: Vec::new(),
            salts: 0,
            next_shard: 0,
            care_ms: 0,
            synced_ms: 0,
            figures: JournalFigures::default(),
            shown: Arc::default(),
        };
        keeper.add_slot(LogKind::Worlds, 0, state, supply);
        keeper
    }

    /// The figures, which are new after each turn.
    pub(crate) fn figures(&self) -> Arc<JournalGauges> {
        Arc::clone(&self.shown)
    }

    /// A log for one more thread, with a segment to begin with if the disk allows it.
    pub(crate) fn new_log(&mut self, wall_ms: u64, now_ms: u64) -> Log {
        let (log, state, supply) = Log::new();
        let shard = self.next_shard;
        self.next_shard += 1;
        self.add_slot(LogKind::Ticks, shard, state, supply);
        self.supply(self.slots.len() - 1, wall_ms, now_ms);
        log
    }

    /// A shard that may be asked for checkpoints.
    pub(crate) fn add_desk(&mut self, desk: SyncSender<Notice>) {
        self.desks.push(desk);
    }

    /// Takes a checkpoint, which the next turn writes.
    pub(crate) fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.waiting.push(checkpoint);
    }

    /// One round: syncs, checkpoints, segments for the logs, and now and then a look for those that nobody needs.
    pub(crate) fn turn(&mut self, wall_ms: u64, now_ms: u64) {
        self.sync(wall_ms, now_ms);
        self.supply_all(wall_ms, now_ms);
        self.write_checkpoints(wall_ms, now_ms);
        if now_ms >= self.care_ms {
            self.care_ms = now_ms + JOURNAL_CARE_MS;
            self.care();
        }
        let may_grow = self.may_grow();
        self.stock.work(now_ms, may_grow);
        self.supply_all(wall_ms, now_ms);
        self.show();
    }

    /// The last round: everything that waits is written and synced.
    pub(crate) fn finish(&mut self, wall_ms: u64, now_ms: u64) {
        self.turn(wall_ms, now_ms);
        self.sync(wall_ms, now_ms);
    }

    /// The time by which the next turn can be put off, so that the oldest of the bytes that the disk does not have waits
    /// for no longer than `interval`. What is written meanwhile shares the sync: rooms at 30 Hz have one per tick.
    pub(crate) fn respite(&self, wall_ms: u64, interval: Duration) -> Duration {
        let age = self.age_ms(wall_ms).map(Duration::from_millis);
        age.map_or(Duration::ZERO, |age| interval.saturating_sub(age))
    }

    /// How long the oldest of the bytes has been written that the disk does not have.
    fn age_ms(&self, wall_ms: u64) -> Option<u64> {
        let segments = self.slots.iter().flat_map(|slot| &slot.segments);
        segments.filter_map(|segment| segment.news_ms()).min().map(|news_ms| wall_ms.saturating_sub(news_ms))
    }

    fn add_slot(&mut self, kind: LogKind, shard: u32, state: Arc<LogState>, supply: SyncSender<Arc<Segment>>) {
        let (segments, next_number) = (Vec::new(), 0);
        self.slots.push(Slot { kind, shard, next_number, state, supply, segments, failures: 0, retry_ms: 0 });
    }

    fn sync(&mut self, wall_ms: u64, now_ms: u64) {
        let age_ms = self.age_ms(wall_ms);
        let mut is_synced = true;
        for at in 0..self.slots.len() {
            is_synced &= self.sync_slot(at, wall_ms, now_ms);
        }
        // A log that has ended gives its last segments to the retention, and is forgotten.
        self.slots.retain(|slot| !(slot.state.has_ended() && slot.segments.is_empty()));
        let since_ms = now_ms.saturating_sub(self.synced_ms);
        // Nothing waits for longer than since the last sync, also when the clock of the wall is put on.
        self.figures.unsynced_ms = if is_synced { age_ms.unwrap_or(0).min(since_ms) } else { since_ms };
        if is_synced {
            self.synced_ms = now_ms;
        }
    }

    /// Syncs a log, oldest segment first, and says whether the disk has taken what was written before.
    fn sync_slot(&mut self, at: usize, wall_ms: u64, now_ms: u64) -> bool {
        let slot = &mut self.slots[at];
        let mut is_full = slot.state.take_full();
        let failures = slot.state.failures();
        if failures > slot.failures {
            self.figures.write_failures += failures - slot.failures;
            slot.failures = failures;
            slot.retry_ms = slot.retry_ms.max(now_ms + JOURNAL_RETRY_MS);
            let (kind, shard) = (slot.kind, slot.shard);
            tracing::error!(?kind, shard, "the disk did not take a write of the journal: ticks are missing in it");
        }
        if slot.state.has_ended() {
            slot.segments.iter().for_each(|segment| segment.seal());
        }
        let mut done = 0;
        for segment in &slot.segments {
            // Read before the sync: a log that writes and goes on meanwhile has left something unsynced behind.
            let is_sealed = segment.is_sealed();
            if segment.has_news() {
                match segment.sync(wall_ms) {
                    Ok(()) => self.figures.syncs += 1,
                    Err(error) => {
                        self.figures.sync_failures += 1;
                        slot.retry_ms = now_ms + JOURNAL_RETRY_MS;
                        is_full |= error.kind() == io::ErrorKind::StorageFull;
                        tracing::error!(path = segment.head.path(), %error, "the disk did not take the journal");
                    }
                }
            }
            match segment.is_bad() {
                // The log leaves it with its next commit; only then is it known how much is lost.
                true if !is_sealed => break,
                true => slot.state.set_lost(segment.position(segment.used())),
                false => slot.state.set_synced(segment.position(segment.synced())),
            }
            if !is_sealed {
                break;
            }
            done += 1;
        }
        slot.segments.drain(..done);
        let is_synced = slot.segments.iter().all(|segment| !segment.is_bad());
        if is_full {
            self.stock.give_up_reserve(now_ms);
        }
        is_synced
    }

    fn supply_all(&mut self, wall_ms: u64, now_ms: u64) {
        for at in 0..self.slots.len() {
            self.supply(at, wall_ms, now_ms);
        }
    }

    /// Gives a log its next segment, if it has none to go on with.
    fn supply(&mut self, at: usize, wall_ms: u64, now_ms: u64) {
        let (may_grow, may_have) = (self.may_grow(), self.may_have(self.slots[at].kind));
        let slot = &mut self.slots[at];
        let has_next = slot.segments.iter().any(|segment| !segment.has_begun());
        if has_next || now_ms < slot.retry_ms || slot.state.has_ended() {
            return;
        }
        self.salts += u64::from(!Bug::StaleSegment.is_planted());
        let salt = mixed(self.identity.seed.wrapping_add(self.salts));
        let Identity { node, incarnation, .. } = self.identity;
        let (kind, shard, number) = (slot.kind, slot.shard, slot.next_number);
        let head = SegmentHead { kind, shard, number, node, incarnation, salt, wall_ms };
        // Whether it works or not: a number is never used twice.
        slot.next_number += 1;
        let quota = || Err(io::ErrorKind::QuotaExceeded.into());
        match if may_have { self.stock.prepare(head, now_ms, may_grow) } else { quota() } {
            Ok(segment) => {
                let segment = Arc::new(segment);
                self.retention.add(&segment);
                slot.segments.push(Arc::clone(&segment));
                // There is space for one, and the log had none; a log that is gone has no use for it.
                let _ = slot.supply.try_send(segment);
            }
            Err(error) => {
                slot.retry_ms = now_ms + JOURNAL_RETRY_MS;
                self.figures.prepare_failures += 1;
                tracing::warn!(path = head.path(), %error, "the journal gets no further segment");
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.retention.count() as u64 * self.settings.segment_bytes + self.stock.bytes()
    }

    /// Whether a further file is within the limit.
    fn may_grow(&self) -> bool {
        self.bytes() + self.settings.segment_bytes <= self.settings.bytes_max
    }

    /// Whether a further segment of a kind is within the limit. Ticks leave space for two segments of worlds: without
    /// checkpoints no segment would ever be freed again.
    fn may_have(&self, kind: LogKind) -> bool {
        let more = if kind == LogKind::Ticks { 3 } else { 1 };
        (self.retention.count() as u64 + more) * self.settings.segment_bytes <= self.settings.bytes_max
    }

    fn write_checkpoints(&mut self, wall_ms: u64, now_ms: u64) {
        while !self.waiting.is_empty() {
            let count = self.encode_some();
            self.supply(0, wall_ms, now_ms);
            let outcome = self.write_worlds(wall_ms, now_ms);
            let segment = self.worlds.segment_number().unwrap_or(0);
            for checkpoint in self.waiting.drain(..count) {
                if outcome.is_ok() {
                    self.retention.set_safe(checkpoint.room, checkpoint.tick, segment);
                    self.figures.checkpoints += 1;
                } else {
                    self.figures.checkpoint_failures += 1;
                }
                checkpoint.ends(outcome);
            }
        }
        // It is told to the shards as the outcome of each checkpoint.
        self.worlds.take_recovery();
    }

    /// Puts the first of the waiting checkpoints into the batch, and says how many they are. Those that no bytes can be made
    /// of are given back.
    fn encode_some(&mut self) -> usize {
        let bytes_max = self.settings.segment_bytes - SEGMENT_HEAD_BYTES as u64;
        let enough = (CHECKPOINT_BATCH_BYTES as u64).min(bytes_max / 2);
        let mut at = 0;
        while let Some(Checkpoint { room, tick, frozen, .. }) = self.waiting.get_mut(at) {
            let (before, mut encoded) = (self.batch.len(), Ok(()));
            self.batch.put(EntryKind::World, *room, *tick, |out| encoded = frozen.encode(out));
            if encoded.is_err() {
                self.batch.cut(before);
                self.figures.checkpoint_failures += 1;
                self.waiting.remove(at).ends(encoded);
                continue;
            }
            let bytes = self.batch.len() as u64;
            if bytes > bytes_max && at > 0 {
                // It is too large for any segment together with others, and these must not fail because of it.
                self.batch.cut(before);
                return at;
            }
            if bytes >= enough {
                return at + 1;
            }
            at += 1;
        }
        at
    }

    /// Writes the batch to the log of worlds, and waits for the disk.
    fn write_worlds(&mut self, wall_ms: u64, now_ms: u64) -> Result<(), JournalError> {
        self.worlds.commit(&mut self.batch, wall_ms)?;
        self.sync_slot(0, wall_ms, now_ms);
        let is_synced = self.worlds.watermark().covers(self.worlds.position()) == Synced::Yes;
        if is_synced { Ok(()) } else { Err(JournalError::Sync) }
    }

    /// Frees the segments that nobody needs, and asks for the checkpoints that would free more.
    fn care(&mut self) {
        self.retention.read();
        while let Some((path, fate)) = self.retention.dispensable() {
            let done = match fate {
                Fate::Recycle => self.stock.recycle(path),
                Fate::Remove => self.stock.discard(path),
                Fate::Quarantine => self.stock.set_aside(path),
            };
            if let Err(error) = done {
                // It stays a segment: to forget it while its file is there would bring closed rooms back.
                tracing::warn!(path, %error, "a segment of the journal cannot be freed");
                self.figures.prepare_failures += 1;
                break;
            }
            self.figures.retired += 1;
            self.retention.forget_dispensable();
        }
        let is_tight = self.bytes() > self.settings.bytes_max / 2;
        for room in self.retention.blocking(CHECKPOINTS_ASKED_MAX, is_tight) {
            // A desk that is full reads nothing now; it is asked again the next time.
            let wanted = || Notice::Wanted { room, is_tight };
            self.desks.retain(|desk| !matches!(desk.try_send(wanted()), Err(TrySendError::Disconnected(_))));
        }
    }

    fn show(&mut self) {
        self.figures.bytes = self.bytes();
        self.figures.segments = self.retention.count() as u64;
        // A log that has a fresh segment goes on with its next batch, whenever that is.
        let waits = |slot: &Slot| slot.segments.iter().any(|segment| !segment.has_begun());
        let is_degraded = |slot: &&Slot| slot.state.is_degraded() && !waits(slot);
        self.figures.degraded_logs = self.slots.iter().filter(is_degraded).count() as u64;
        self.figures.has_reserve = self.stock.has_reserve();
        self.shown.show(&self.figures);
    }
}

/// Spreads the bits of a number over all bits, each number to another one (the finalizer of splitmix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

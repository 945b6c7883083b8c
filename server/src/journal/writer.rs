//! The means by which a shard, its slow lane and the maker of rooms write: a log of their own, and the way of whole
//! rooms to the keeper.

use super::batch::{Batch, EntryKind};
use super::keeper::{CheckpointDesk, Frozen, KeeperHandle, Notice};
use super::log::{Log, Synced};
use super::numbering::{BatchPromise, KeptPlace, Numbering};
use super::revival::SERVER;
use super::{CheckpointPace, JournalError};
use crate::clock::unix_ms;
use crate::limits::{CHECKPOINT_PAUSE, CHECKPOINT_SPARES_MAX};
use crate::lobby::RoomId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tickwire::Tick;

/// A log with its batch, for one thread.
pub(crate) struct JournalWriter {
    log: Log,
    batch: Batch,
    desk: CheckpointDesk,
    /// Memory of earlier checkpoints.
    spares: Vec<Box<dyn Frozen>>,
    /// Rooms that are to be kept whole soon, the first at the front.
    wanted: VecDeque<RoomId>,
    /// Rooms that end with the process.
    last: Vec<(RoomId, Tick, Box<dyn Frozen>)>,
    /// Rooms whose end is in the batch, and those whose end the disk may not have yet, each with its position in the log;
    /// `None` for an end that could not be written.
    ending: Vec<RoomId>,
    ended: Vec<(RoomId, Option<u64>)>,
    /// Rooms that do not fit into a segment, or that no bytes can be made of: to ask for them again would be of no use.
    hopeless: BTreeSet<RoomId>,
    /// Those of them for which segments cannot be freed.
    given_up: Vec<RoomId>,
    /// The time from which on the next room may be kept whole.
    next_ns: u64,
    /// Gaps so far: times that the log went on after batches were lost.
    gaps: u32,
    numbering: Arc<Numbering>,
    pace: CheckpointPace,
    /// The promise to those who wait for entries of the batch.
    promise: Option<BatchPromise>,
}

impl JournalWriter {
    /// A writer for the thread that calls.
    pub(crate) fn new(keeper: &KeeperHandle) -> Self {
        Self {
            log: keeper.new_log(),
            batch: Batch::new(),
            desk: keeper.desk(),
            spares: Vec::new(),
            wanted: VecDeque::new(),
            last: Vec::new(),
            ending: Vec::new(),
            ended: Vec::new(),
            hopeless: BTreeSet::new(),
            given_up: Vec::new(),
            next_ns: 0,
            gaps: 0,
            numbering: Arc::clone(keeper.numbering()),
            pace: keeper.pace(),
            promise: None,
        }
    }

    /// Notes that a room was opened, and writes it at once with what was noted before.
    pub(crate) fn opened(&mut self, room: RoomId, header: &[u8]) {
        self.batch.put(EntryKind::Room, room, Tick(0), |out| out.extend_from_slice(header));
        self.commit();
    }

    /// Notes that a room was not opened after all, and writes it at once.
    pub(crate) fn never_opened(&mut self, room: RoomId) {
        self.closed(room);
        self.commit();
    }

    /// Notes one tick of a room; `put` appends its record.
    ///
    /// # Errors
    /// That of `put`; then nothing is noted.
    pub(crate) fn tick<E>(
        &mut self,
        room: RoomId,
        tick: Tick,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (before, mut done) = (self.batch.len(), Ok(()));
        self.batch.put(EntryKind::Tick, room, tick, |out| done = put(out));
        if done.is_err() {
            self.batch.cut(before);
        }
        done
    }

    /// Notes something of the whole server, which is written together with everything that is noted by then, or not at
    /// all. Gives its place; `None` when there is no number for it.
    pub(crate) fn kept(&mut self, body: &[u8]) -> Option<KeptPlace> {
        let number = self.numbering.next()?;
        self.batch.put(EntryKind::Kept, SERVER, Tick(number), |out| out.extend_from_slice(body));
        let promise = self.promise.get_or_insert_with(BatchPromise::new);
        Some(promise.place(number, &self.numbering, self.log.watermark()))
    }

    /// Notes that a room goes on after this tick: entries that an earlier process had written beyond it do not count.
    pub(crate) fn revived(&mut self, room: RoomId, tick: Tick) {
        self.batch.put(EntryKind::Revived, room, tick, |_| {});
    }

    /// Notes that a room has ended.
    pub(crate) fn closed(&mut self, room: RoomId) {
        self.hopeless.remove(&room);
        self.batch.put(EntryKind::Closed, room, Tick(0), |_| {});
        self.ending.push(room);
    }

    /// Writes what was noted. When it cannot be written, it is lost: the keeper says so, and rooms are kept whole as soon
    /// as the disk takes them.
    pub(crate) fn commit(&mut self) {
        if !self.ended.is_empty() {
            self.end_again();
        }
        let written = self.log.commit(&mut self.batch, unix_ms());
        // The log counts the failures of the disk, and the keeper tells of them.
        if let Err(error @ JournalError::TooLarge { .. }) = written {
            tracing::error!(%error, "ticks are missing in the journal");
        }
        let position = written.ok().map(|()| self.log.position());
        self.promise.take().into_iter().for_each(|promise| promise.settle(position));
        self.ended.extend(self.ending.drain(..).map(|room| (room, position)));
        self.gaps += u32::from(self.log.take_recovery());
    }

    /// Notes the ends of rooms again that the disk has not taken: no room is left by which they would be told.
    fn end_again(&mut self) {
        let watermark = self.log.watermark();
        let is_lost =
            |position: Option<u64>| position.is_none_or(|position| watermark.covers(position) == Synced::Lost);
        let lost: Vec<RoomId> =
            self.ended.extract_if(.., |(_, position)| is_lost(*position)).map(|(room, _)| room).collect();
        lost.into_iter().for_each(|room| self.closed(room));
        self.ended.retain(|(_, position)| position.is_some_and(|position| watermark.covers(position) != Synced::Yes));
    }

    /// When rooms are to be kept whole.
    pub(crate) const fn pace(&self) -> CheckpointPace {
        self.pace
    }

    /// Gaps so far. Ticks are missing behind what was kept of a room before the last of them.
    pub(crate) const fn gaps(&self) -> u32 {
        self.gaps
    }

    /// Whether a room may be kept whole now, when the shard has so many: not too many of them are at a time, and each has
    /// its turn within the longest age.
    pub(crate) fn may_keep(&mut self, rooms: usize, now_ns: u64) -> bool {
        if now_ns < self.next_ns {
            return false;
        }
        self.hear();
        let pause = CHECKPOINT_PAUSE.min(self.pace.age_max / u32::try_from(rooms.max(1)).unwrap_or(u32::MAX));
        self.next_ns = now_ns + u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        true
    }

    /// A room that is to be kept whole first.
    pub(crate) fn wanted(&self) -> Option<RoomId> {
        self.wanted.front().copied()
    }

    /// The room cannot be kept whole as it is. It is tried again when that would free a segment.
    pub(crate) fn give_up_hope(&mut self, room: RoomId) {
        let id = room.0;
        if self.hopeless.insert(room) {
            tracing::error!(
                room = id,
                "room {id} cannot be kept whole: its ticks are kept until the journal has used half of its space"
            );
        }
    }

    /// Whether it is of no use to keep the room whole.
    pub(crate) fn is_hopeless(&self, room: RoomId) -> bool {
        self.hopeless.contains(&room)
    }

    /// A room that cannot be kept whole, and whose ticks would fill the journal.
    pub(crate) fn take_given_up(&mut self) -> Option<RoomId> {
        self.given_up.pop()
    }

    /// Memory of an earlier checkpoint.
    pub(crate) fn spare(&mut self) -> Option<Box<dyn Frozen>> {
        self.spares.pop()
    }

    /// Has a room kept whole. It is asked for again when that comes to nothing.
    pub(crate) fn keep(&mut self, room: RoomId, tick: Tick, frozen: Box<dyn Frozen>) {
        self.forget(room);
        if let Err(frozen) = self.desk.checkpoint(room, tick, frozen) {
            self.take_back(frozen);
            self.want(room);
        }
    }

    /// The same for a room that ends with the process; see [`JournalWriter::hand_in_last`].
    pub(crate) fn keep_last(&mut self, room: RoomId, tick: Tick, frozen: Box<dyn Frozen>) {
        self.last.push((room, tick, frozen));
    }

    /// Hands the last rooms over to the keeper, all at once: no thread of rooms waits for a slow disk.
    pub(crate) fn hand_in_last(&mut self) {
        self.desk.last_checkpoints(self.last.drain(..));
    }

    /// A room that is not here cannot be kept from here.
    pub(crate) fn forget(&mut self, room: RoomId) {
        self.wanted.retain(|wanted| *wanted != room);
    }

    fn want(&mut self, room: RoomId) {
        if !self.wanted.contains(&room) {
            self.wanted.push_back(room);
        }
    }

    fn take_back(&mut self, frozen: Box<dyn Frozen>) {
        if self.spares.len() < CHECKPOINT_SPARES_MAX {
            self.spares.push(frozen);
        }
    }

    fn hear(&mut self) {
        while let Some(notice) = self.desk.notice() {
            match notice {
                Notice::Done { room, tick, frozen, outcome } => {
                    self.take_back(frozen);
                    match outcome {
                        Ok(()) => _ = self.hopeless.remove(&room),
                        Err(error @ (JournalError::TooLarge { .. } | JournalError::Encode)) => {
                            tracing::warn!(room = room.0, %tick, %error, "a room is not kept whole");
                            self.give_up_hope(room);
                        }
                        Err(error) => {
                            tracing::debug!(room = room.0, %tick, %error, "a room could not be kept whole, and is tried again");
                            self.want(room);
                        }
                    }
                }
                Notice::Wanted { room, is_tight: true } if self.hopeless.contains(&room) => self.given_up.push(room),
                Notice::Wanted { room, .. } => self.want(room),
            }
        }
    }
}

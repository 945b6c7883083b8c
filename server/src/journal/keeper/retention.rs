//! Which segments are still needed, and by which rooms.
//!
//! A segment of ticks goes when each room in it is closed or has a checkpoint on the disk at or after its last tick in
//! it. A segment of worlds goes when each room in it is closed or has a checkpoint in a later one. A segment of an older
//! incarnation goes when each room in it is closed or has a checkpoint of this incarnation. The segment that tells the
//! end of a room goes after all others that name the room, for without it the room would come back.
//!
//! The newest written segment of each log of ticks stays for as long as the process lives, whoever needs it: it tells a
//! later process until when ticks of this log may have been freed. Without it a world that is damaged afterwards would
//! be missed by nobody.

use crate::journal::batch::{Entry, EntryKind, Stretch};
use crate::journal::disk;
use crate::journal::segment::{LogKind, SEGMENT_HEAD_BYTES, Segment, SegmentHead};
use crate::lobby::RoomId;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use tickwire::bug::Bug;
use tickwire::tick::Tick;

/// The things that a segment holds of a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    /// The last tick that an entry names.
    last: Tick,
    tells_end: bool,
}

/// The things that a segment holds, room by room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    rooms: BTreeMap<RoomId, Part>,
}

impl Contents {
    /// Counts an entry of the segment.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        let part = self.rooms.entry(entry.room).or_default();
        part.last = part.last.max(entry.tick);
        part.tells_end |= entry.kind == EntryKind::Closed;
    }
}

/// The fate of the file of a segment that nobody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Another segment.
    Recycle,
    /// Nothing: the disk has failed on it.
    Remove,
    /// It is moved aside, because a part of it could not be read.
    Quarantine,
}

/// A segment that is on the disk.
#[derive(Debug)]
pub(crate) struct Retained {
    pub(crate) path: String,
    pub(crate) kind: LogKind,
    pub(crate) incarnation: u64,
    pub(crate) shard: u32,
    pub(crate) number: u32,
    pub(crate) contents: Contents,
    pub(crate) fate: Fate,
    /// The segment while a log of this process may write it, and how far it has been read.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    segment: Arc<Segment>,
    read: u64,
    seq: Option<u64>,
}

impl Retained {
    /// A segment that an earlier process has left.
    pub(crate) fn found(head: &SegmentHead, path: String, contents: Contents, fate: Fate) -> Self {
        let SegmentHead { kind, incarnation, shard, number, .. } = *head;
        Self { path, kind, incarnation, shard, number, contents, fate, open: None }
    }

    /// A segment that a log is about to write.
    pub(super) fn fresh(segment: &Arc<Segment>) -> Self {
        let mut retained = Self::found(&segment.head, segment.head.path(), Contents::default(), Fate::Recycle);
        retained.open = Some(Open { segment: Arc::clone(segment), read: SEGMENT_HEAD_BYTES as u64, seq: None });
        retained
    }

    /// Whether the disk has anything of it for certain.
    fn is_written(&self) -> bool {
        self.fate != Fate::Remove && !self.contents.rooms.is_empty()
    }

    /// Reads what has been written since the last time. It is read back from the file: a count that goes by memory
    /// alone would not notice a file that differs.
    ///
    /// # Errors
    /// When the file cannot be read; it is read again the next time.
    fn read(&mut self, closed: &mut BTreeSet<RoomId>) -> io::Result<()> {
        let Some(open) = self.open.as_mut().filter(|_| self.fate == Fate::Recycle) else { return Ok(()) };
        // The end of a bad segment is as far as memory goes; the disk may have less, and so it ends no room.
        let (is_sealed, is_bad) = (open.segment.is_sealed(), open.segment.is_bad());
        let end = if is_bad && is_sealed { open.segment.used() } else { open.segment.synced() };
        if end > open.read {
            let mut bytes = vec![0; usize::try_from(end - open.read).unwrap_or(0)];
            disk::read_full(&*open.segment.file, &mut bytes, open.read)?;
            let stretch = Stretch { head: open.segment.head, from: open.read, bytes: &bytes };
            let mut at = open.read;
            while let Some(batch) = stretch.next(at, open.seq) {
                for entry in batch.entries() {
                    self.contents.add(&entry);
                    if entry.kind == EntryKind::Closed && !is_bad {
                        closed.insert(entry.room);
                    }
                }
                (at, open.seq) = (batch.end(), batch.seq.checked_add(1));
            }
            if at != end {
                // It stays for as long as this process runs, for nobody knows which rooms need it.
                self.fate = Fate::Quarantine;
                return Err(io::ErrorKind::InvalidData.into());
            }
            open.read = at;
        }
        if is_sealed && open.read == open.segment.used() {
            if open.segment.has_failed() {
                self.fate = Fate::Remove;
            }
            self.open = None;
        }
        Ok(())
    }
}

/// The newest checkpoint of a room that this process has put on the disk.
#[derive(Debug, Clone, Copy)]
struct SafeWorld {
    tick: Tick,
    segment: u32,
}

/// All segments, and the facts that make them dispensable.
#[derive(Debug)]
pub(super) struct Retention {
    incarnation: u64,
    /// In the order of their beginning.
    segments: Vec<Retained>,
    safe: BTreeMap<RoomId, SafeWorld>,
    closed: BTreeSet<RoomId>,
}

impl Retention {
    pub(super) fn new(incarnation: u64, segments: Vec<Retained>, closed: BTreeSet<RoomId>) -> Self {
        Self { incarnation, segments, safe: BTreeMap::new(), closed }
    }

    pub(super) fn add(&mut self, segment: &Arc<Segment>) {
        self.segments.push(Retained::fresh(segment));
    }

    pub(super) fn count(&self) -> usize {
        self.segments.len()
    }

    /// A checkpoint of the room is on the disk.
    pub(super) fn set_safe(&mut self, room: RoomId, tick: Tick, segment: u32) {
        let safe = self.safe.entry(room).or_insert(SafeWorld { tick, segment });
        if tick >= safe.tick {
            *safe = SafeWorld { tick, segment };
        }
    }

    /// Reads what is new in the segments that are being written.
    pub(super) fn read(&mut self) {
        for retained in &mut self.segments {
            if let Err(error) = retained.read(&mut self.closed) {
                tracing::warn!(path = retained.path, %error, "a segment of the journal cannot be read");
            }
        }
    }

    /// A segment that nobody needs, and the fate of its file.
    pub(super) fn dispensable(&self) -> Option<(&str, Fate)> {
        let at = (0..self.segments.len()).find(|at| self.is_dispensable(*at))?;
        Some((&self.segments[at].path, self.segments[at].fate))
    }

    /// The segment that [`dispensable`](Self::dispensable) names is gone.
    pub(super) fn forget_dispensable(&mut self) {
        let Some(at) = (0..self.segments.len()).find(|at| self.is_dispensable(*at)) else { return };
        let gone = self.segments.remove(at);
        for room in gone.contents.rooms.keys() {
            // A closed room that no segment names will never be asked for again.
            let is_named = self.segments.iter().any(|segment| segment.contents.rooms.contains_key(room));
            if !is_named && self.closed.remove(room) {
                self.safe.remove(room);
            }
        }
    }

    fn is_dispensable(&self, at: usize) -> bool {
        let segment = &self.segments[at];
        let is_over = segment.open.is_none() && (Bug::LastSegmentFreed.is_planted() || !self.is_last(segment));
        is_over && segment.contents.rooms.iter().all(|(room, part)| self.is_free(at, *room, part))
    }

    /// Whether a segment of ticks is the newest one of a log of this process that the disk has something of.
    fn is_last(&self, segment: &Retained) -> bool {
        let is_later = |other: &Retained| {
            let log = |it: &Retained| (it.kind, it.incarnation, it.shard);
            log(other) == log(segment) && other.number > segment.number && other.is_written()
        };
        let is_own = segment.kind == LogKind::Ticks && segment.incarnation == self.incarnation;
        is_own && segment.is_written() && !self.segments.iter().any(is_later)
    }

    /// Whether a room does not need a segment any more.
    fn is_free(&self, at: usize, room: RoomId, part: &Part) -> bool {
        let segment = &self.segments[at];
        if self.closed.contains(&room) {
            let names = |other: &Retained| other.contents.rooms.contains_key(&room);
            return !part.tells_end
                || Bug::EndForgotten.is_planted()
                || !self.segments.iter().enumerate().any(|(other, it)| other != at && names(it));
        }
        let Some(safe) = self.safe.get(&room).filter(|_| !part.tells_end) else { return false };
        let is_older = segment.incarnation < self.incarnation;
        is_older
            || match segment.kind {
                LogKind::Ticks => part.last <= safe.tick || Bug::SegmentFreedEarly.is_planted(),
                LogKind::Worlds => segment.number < safe.segment,
            }
    }

    /// The rooms that a new checkpoint would free old segments of, oldest first, at most `count`. `is_tight` says that
    /// segments of ticks are to go as well.
    pub(super) fn blocking(&self, count: usize, is_tight: bool) -> Vec<RoomId> {
        let complete = |kind| {
            let may_go = |segment: &Retained| segment.open.is_none() && !self.is_last(segment);
            move |at: &usize| self.segments[*at].kind == kind && may_go(&self.segments[*at])
        };
        let worlds: Vec<usize> = (0..self.segments.len()).filter(complete(LogKind::Worlds)).collect();
        let ticks = (0..self.segments.len()).find(complete(LogKind::Ticks)).filter(|_| is_tight);
        // One complete segment of worlds is allowed: it may have been sealed a moment ago.
        let oldest = worlds.first().copied().filter(|_| worlds.len() > 1);
        let mut rooms = Vec::new();
        for at in oldest.into_iter().chain(ticks) {
            let parts = self.segments[at].contents.rooms.iter();
            rooms.extend(parts.filter(|(room, part)| !self.is_free(at, **room, part)).map(|(room, _)| *room));
        }
        rooms.retain(|room| !self.closed.contains(room));
        rooms.truncate(count);
        rooms
    }
}

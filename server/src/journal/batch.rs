//! Entries, the batches that hold them, and the scanner that finds batches in any bytes.
//!
//! ```text
//! batch  24 B  mark u32 (from the salt)  len u32  crc32 u32  seq u64  wall u32 (ms after the segment's)  then len bytes
//! entry        length varint  kind u8  room u64  tick u32  body
//! ```
//!
//! All numbers are little endian. A batch is all or nothing: its checksum covers the salt of its segment, its place in it
//! and all of it. So a batch of a file's former life, a batch at another place and half a batch are all no batches.
//! The scanner never panics, and allocates nothing from a length that it reads.

use super::segment::{SEGMENT_HEAD_BYTES, SegmentHead};
use crate::limits::JOURNAL_PAGE_BYTES;
use crate::lobby::RoomId;
use tickwire::bug::Bug;
use tickwire::tick::Tick;
use tickwire::wire::{Reader, put_varint};

/// Bytes of the head of a batch.
pub(crate) const BATCH_HEAD_BYTES: usize = 24;

/// Bytes of an entry before its body, without its length.
const ENTRY_HEAD_BYTES: usize = 13;

/// The kind of thing that an entry tells of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The room was opened, and its ticks begin after the entry's; the body is its header.
    Room = 1,
    /// One tick with the changes in the room.
    Tick = 2,
    /// A life of the room begins after this tick: ticks above it from older incarnations do not count.
    Revived = 3,
    /// The room has ended.
    Closed = 4,
    /// A checkpoint of the room.
    World = 5,
    /// Something of the whole server: the room is 0, and the tick is a number that grows. A world of room 0 stands for
    /// all that was kept up to its number.
    Kept = 6,
}

impl EntryKind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Room, Self::Tick, Self::Revived, Self::Closed, Self::World, Self::Kept]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Entries that are written together. The buffer is reused, with space for the head in front.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// A batch without entries.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BATCH_HEAD_BYTES] }
    }

    /// Adds an entry with the body that `body` appends.
    pub(crate) fn put(&mut self, kind: EntryKind, room: RoomId, tick: Tick, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.push(kind as u8);
        self.bytes.extend_from_slice(&room.0.to_le_bytes());
        self.bytes.extend_from_slice(&tick.0.to_le_bytes());
        body(&mut self.bytes);
        let end = self.bytes.len();
        // The length is known only now: it goes to the end, and from there in front of its entry.
        put_varint(&mut self.bytes, u32::try_from(end - start).expect("a body is far below 4 GiB"));
        let count = self.bytes.len() - end;
        self.bytes[start..].rotate_right(count);
    }

    /// Whether there are no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == BATCH_HEAD_BYTES
    }

    /// Bytes of the batch with its head.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes all entries out.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(BATCH_HEAD_BYTES);
    }

    /// Takes out what was put since the batch had this length.
    pub(super) fn cut(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Fills in the head for this place of a segment, and gives the bytes to be written there.
    pub(crate) fn seal(&mut self, head: &SegmentHead, at: u64, seq: u64, wall_ms: u64) -> &[u8] {
        let (front, body) = self.bytes.split_at_mut(BATCH_HEAD_BYTES);
        let len = u32::try_from(body.len()).expect("a batch is shorter than a segment");
        let wall = u32::try_from(wall_ms.saturating_sub(head.wall_ms)).unwrap_or(u32::MAX);
        front[..4].copy_from_slice(&head.mark().to_le_bytes());
        front[4..8].copy_from_slice(&len.to_le_bytes());
        front[8..12].copy_from_slice(&checksum(head.salt, at, [len, wall], seq, body).to_le_bytes());
        front[12..20].copy_from_slice(&seq.to_le_bytes());
        front[20..].copy_from_slice(&wall.to_le_bytes());
        &self.bytes
    }
}

/// The checksum of a batch.
fn checksum(salt: u64, at: u64, [len, wall]: [u32; 2], seq: u64, body: &[u8]) -> u32 {
    let at = if Bug::ChecksumWithoutPlace.is_planted() { 0 } else { at };
    let body = if Bug::ChecksumWithoutLength.is_planted() { &[] } else { body };
    let mut front = [0; 32];
    front[..8].copy_from_slice(&salt.to_le_bytes());
    front[8..16].copy_from_slice(&at.to_le_bytes());
    front[16..24].copy_from_slice(&seq.to_le_bytes());
    front[24..28].copy_from_slice(&len.to_le_bytes());
    front[28..].copy_from_slice(&wall.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&front);
    hasher.update(body);
    hasher.finalize()
}

/// One entry of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: EntryKind,
    pub(crate) room: RoomId,
    pub(crate) tick: Tick,
    pub(crate) body: &'a [u8],
}

/// A batch that was found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchView<'a> {
    /// The place of its head in the segment.
    pub(crate) at: u64,
    pub(crate) seq: u64,
    /// When it was written, in milliseconds of the wall clock.
    pub(crate) wall_ms: u64,
    body: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The place after the batch.
    pub(crate) fn end(&self) -> u64 {
        self.at + (BATCH_HEAD_BYTES + self.body.len()) as u64
    }

    /// The entries in order, as far as they can be read.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut reader = Reader::new(self.body);
        std::iter::from_fn(move || {
            let len = reader.varint().ok()?;
            let bytes = reader.slice(usize::try_from(len).ok()?).ok()?;
            let (front, body) = bytes.split_at_checked(ENTRY_HEAD_BYTES)?;
            let kind = EntryKind::of(front[0])?;
            let room = RoomId(u64::from_le_bytes(front[1..9].try_into().ok()?));
            let tick = Tick(u32::from_le_bytes(front[9..].try_into().ok()?));
            Some(Entry { kind, room, tick, body })
        })
    }
}

/// Bytes of a segment from a place on, in which batches are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub(crate) head: SegmentHead,
    /// The place of the first byte in the segment.
    pub(crate) from: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Stretch<'a> {
    /// The whole batch at this place.
    fn batch_at(&self, at: u64) -> Option<BatchView<'a>> {
        let rest = self.bytes.get(usize::try_from(at.checked_sub(self.from)?).ok()?..)?;
        let (front, rest) = rest.split_at_checked(BATCH_HEAD_BYTES)?;
        let number = |at: usize| front[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        if number(0)? != self.head.mark() {
            return None;
        }
        let (len, wall) = (number(4)?, number(20)?);
        let seq = u64::from_le_bytes(front[12..20].try_into().ok()?);
        let body = rest.get(..usize::try_from(len).ok()?)?;
        let wall_ms = self.head.wall_ms.saturating_add(wall.into());
        let is_whole = checksum(self.head.salt, at, [len, wall], seq, body) == number(8)?;
        is_whole.then_some(BatchView { at, seq, wall_ms, body })
    }

    /// The batch with this number, after the one that ends at this place: right there or on the next page. Without a
    /// number it is the first one of the segment, which is always right there.
    pub(crate) fn next(&self, at: u64, seq: Option<u64>) -> Option<BatchView<'a>> {
        let here = self.batch_at(at);
        let Some(seq) = seq else { return here };
        let fits = |batch: &BatchView<'_>| batch.seq == seq;
        here.filter(fits).or_else(|| self.batch_at(at.next_multiple_of(JOURNAL_PAGE_BYTES)).filter(fits))
    }

    /// The first whole batch from this place on, wherever it begins.
    fn search(&self, at: u64) -> Option<BatchView<'a>> {
        let mark = self.head.mark().to_le_bytes();
        let start = usize::try_from(at.checked_sub(self.from)?).ok()?;
        let windows = self.bytes.get(start..)?.windows(mark.len());
        let mut places = windows.enumerate().filter(|(_, window)| *window == mark);
        places.find_map(|(offset, _)| self.batch_at(at + offset as u64))
    }

    /// Whether a batch has begun at this place, whole or not. A mark with one wrong bit counts.
    fn begins(&self, at: u64) -> bool {
        let start = at.checked_sub(self.from).and_then(|start| usize::try_from(start).ok());
        let rest = start.and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let found = rest.first_chunk().map(|mark| u32::from_le_bytes(*mark));
        found.is_some_and(|found| (found ^ self.head.mark()).count_ones() <= 1)
    }
}

/// A place of a segment from which on nothing can be read, although batches follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) at: u64,
    pub(crate) goes_on_at: u64,
}

/// How a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every batch is whole, up to a clean end.
    Whole,
    /// The rest from this place on is a batch that was not written to its end. Nothing follows; it is cut.
    Torn { at: u64 },
    /// Batches follow after a part that cannot be read: the first such part. This is no tear, and nothing is cut.
    Damaged(Gap),
}

/// The batches of a segment.
#[derive(Debug)]
pub(crate) struct Scanned<'a> {
    pub(crate) head: SegmentHead,
    /// The whole batches in order, those after a gap too.
    pub(crate) batches: Vec<BatchView<'a>>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) verdict: Verdict,
}

/// Finds the batches of a segment; `None` when its head cannot be read.
pub(crate) fn scan(segment: &[u8]) -> Option<Scanned<'_>> {
    let head = SegmentHead::decode(segment)?;
    let stretch = Stretch { head, from: 0, bytes: segment };
    let (mut batches, mut gaps): (Vec<BatchView<'_>>, Vec<Gap>) = (Vec::new(), Vec::new());
    let (mut at, mut seq) = (SEGMENT_HEAD_BYTES as u64, None);
    loop {
        let batch = stretch.next(at, seq).or_else(|| {
            let found = stretch.search(at)?;
            gaps.push(Gap { at, goes_on_at: found.at });
            Some(found)
        });
        let Some(batch) = batch else { break };
        (at, seq) = (batch.end(), batch.seq.checked_add(1));
        batches.push(batch);
    }
    let torn = [at, at.next_multiple_of(JOURNAL_PAGE_BYTES)].into_iter().find(|at| stretch.begins(*at));
    let verdict = match (gaps.first(), torn) {
        (Some(gap), _) => Verdict::Damaged(*gap),
        (None, Some(at)) => Verdict::Torn { at },
        (None, None) => Verdict::Whole,
    };
    Some(Scanned { head, batches, gaps, verdict })
}

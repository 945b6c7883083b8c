//! A segment: the file that a log is writing, and the head that names its owner.
//!
//! ```text
//! head  64 B  "TWJ1"  format u16  kind u8  0 u8  shard u32  number u32  node [16]  incarnation u64  salt u64  wall_ms u64
//!             0 u32  crc32 u32
//! ```
//!
//! A file lives more than once, and each life has another salt. So what a former life has left in a file is never taken
//! for a part of the present one.

use super::disk::DiskFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of the head of a segment.
pub(crate) const SEGMENT_HEAD_BYTES: usize = 64;

/// The version of the formats of the journal.
pub(crate) const FORMAT: u16 = 1;

const MAGIC: [u8; 4] = *b"TWJ1";

/// The things that the logs of a kind hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogKind {
    /// Ticks of the rooms of one shard.
    Ticks = 1,
    /// Checkpoints of all rooms.
    Worlds = 2,
}

/// The content of the head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) kind: LogKind,
    /// The number of the log among those of its kind and incarnation.
    pub(crate) shard: u32,
    /// The number of the segment in its log.
    pub(crate) number: u32,
    pub(crate) node: [u8; 16],
    pub(crate) incarnation: u64,
    pub(crate) salt: u64,
    /// When the segment was prepared, in milliseconds of the wall clock. The times of batches count from here.
    pub(crate) wall_ms: u64,
}

impl SegmentHead {
    /// The first four bytes of each batch.
    pub(crate) fn mark(&self) -> u32 {
        let bytes = self.salt.to_le_bytes();
        let (low, high) = bytes.split_at(4);
        // Never zero: a file that was zeroed has no marks.
        low.iter().zip(high).fold(0, |mark, (low, high)| mark << 8 | u32::from(low ^ high)) | 1
    }

    /// The path of the segment in the data folder.
    pub(crate) fn path(&self) -> String {
        match self.kind {
            LogKind::Ticks => format!("ticks/{}-{}-{}.log", self.incarnation, self.shard, self.number),
            LogKind::Worlds => format!("worlds/{}-{}.log", self.incarnation, self.number),
        }
    }

    /// The head as bytes.
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[6] = self.kind as u8;
        bytes[8..12].copy_from_slice(&self.shard.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.node);
        bytes[32..40].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.salt.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.wall_ms.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The head at the beginning of a segment; `None` when it is damaged or of another format.
    pub(crate) fn decode(segment: &[u8]) -> Option<Self> {
        let bytes = segment.get(..SEGMENT_HEAD_BYTES)?;
        let half = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let full = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let is_ours = bytes[..4] == MAGIC && bytes[4..6] == FORMAT.to_le_bytes();
        if !is_ours || crc32fast::hash(&bytes[..60]) != half(60)? {
            return None;
        }
        let kind = [LogKind::Ticks, LogKind::Worlds].into_iter().find(|kind| *kind as u8 == bytes[6])?;
        let node = bytes[16..32].try_into().ok()?;
        let (shard, number) = (half(8)?, half(12)?);
        Some(Self { kind, shard, number, node, incarnation: full(32)?, salt: full(40)?, wall_ms: full(48)? })
    }
}

/// A segment of a log that is open. The log writes it, and the keeper syncs and reads it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) head: SegmentHead,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Bytes of the file.
    pub(crate) len: u64,
    /// The bytes that the log had written before this segment.
    base: AtomicU64,
    used: AtomicU64,
    synced: AtomicU64,
    /// When the first of the bytes was written that are not synced, by the wall clock.
    news_ms: AtomicU64,
    has_begun: AtomicBool,
    is_sealed: AtomicBool,
    has_failed: AtomicBool,
    is_bad: AtomicBool,
}

impl Segment {
    /// A segment whose head is written and durable.
    pub(crate) fn new(head: SegmentHead, file: Arc<dyn DiskFile>, len: u64) -> Self {
        let start = SEGMENT_HEAD_BYTES as u64;
        let [has_begun, is_sealed, has_failed, is_bad] = [false; 4].map(AtomicBool::new);
        let [base, news_ms] = [0; 2].map(AtomicU64::new);
        let [used, synced] = [start; 2].map(AtomicU64::new);
        Self { head, file, len, base, used, synced, news_ms, has_begun, is_sealed, has_failed, is_bad }
    }

    /// The log begins to write here, after this many bytes.
    pub(crate) fn begin(&self, position: u64) {
        self.base.store(position, Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Release);
    }

    /// The log has written up to this place.
    pub(crate) fn written(&self, used: u64, wall_ms: u64) {
        if self.synced() == self.used() {
            self.news_ms.store(wall_ms, Ordering::Relaxed);
        }
        self.used.store(used, Ordering::Release);
    }

    /// The log writes nothing more here.
    pub(crate) fn seal(&self) {
        self.is_sealed.store(true, Ordering::Release);
    }

    /// A write has failed; the log writes nothing more here.
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
        self.seal();
    }

    /// Whether a write or a sync has failed, so that the file is not to be used again.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.is_bad()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.is_sealed.load(Ordering::Acquire)
    }

    /// Whether a sync has failed. Nobody knows what the disk holds then: nothing more is written here, and nobody
    /// syncs it again, for a second sync would succeed without having written anything.
    pub(crate) fn is_bad(&self) -> bool {
        self.is_bad.load(Ordering::Acquire)
    }

    /// The place up to which the log has written.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// The place up to which the disk has it.
    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// The bytes of the log at this place of the segment.
    pub(crate) fn position(&self, at: u64) -> u64 {
        self.base.load(Ordering::Relaxed) + (at - SEGMENT_HEAD_BYTES as u64)
    }

    /// Whether something was written that is not on the disk.
    pub(crate) fn has_news(&self) -> bool {
        !self.is_bad() && self.synced() < self.used()
    }

    /// When the first of the bytes was written that are not on the disk, by the wall clock; it may have been later.
    pub(crate) fn news_ms(&self) -> Option<u64> {
        self.has_news().then(|| self.news_ms.load(Ordering::Relaxed))
    }

    /// Syncs what is written.
    ///
    /// # Errors
    /// When the disk fails; the segment is bad from then on.
    pub(crate) fn sync(&self, wall_ms: u64) -> std::io::Result<()> {
        let used = self.used();
        match self.file.sync() {
            Ok(()) => {
                self.synced.store(used, Ordering::Release);
                if self.used() != used {
                    self.news_ms.store(wall_ms, Ordering::Relaxed);
                }
            }
            Err(error) => {
                self.is_bad.store(true, Ordering::Release);
                return Err(error);
            }
        }
        Ok(())
    }
}

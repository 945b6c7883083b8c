//! The stock: files that are ready to become segments, and the reserve for a full disk.
//!
//! A file is zeroed before its first use, and used again afterwards. Then a commit changes no metadata of the file
//! system, and a sync writes pages alone. The files lie in `spare/` under numbers; their bytes are nobody's.

use crate::journal::disk::{self, Disk, DiskFile};
use crate::journal::segment::{Segment, SegmentHead};
use crate::limits::{JOURNAL_FILL_BYTES, JOURNAL_PIECE_BYTES, JOURNAL_RESERVE_RETRY_MS, JOURNAL_SPARES};
use std::io;
use std::sync::Arc;

/// The file that is deleted when the disk is full.
const RESERVE: &str = "spare/reserve";

/// A file that is being zeroed, piece by piece.
#[derive(Debug)]
struct Making {
    path: String,
    file: Arc<dyn DiskFile>,
    zeroed: u64,
}

/// Files for segments.
#[derive(Debug)]
pub(super) struct Stock {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    reserve_bytes: u64,
    spares: Vec<String>,
    making: Option<Making>,
    /// The reserve while it is zeroed.
    saving: Option<Making>,
    has_reserve: bool,
    next: u64,
    /// When something failed for the last time.
    failed_ms: Option<u64>,
    zeroes: Vec<u8>,
}

impl Stock {
    /// The stock that an earlier process has left.
    pub(super) fn new(disk: Arc<dyn Disk>, segment_bytes: u64, reserve_bytes: u64) -> Self {
        let mut spares = Vec::new();
        let (mut next, mut has_reserve) = (0, false);
        // A folder that cannot be read is an empty stock: the first file that is made will say why.
        for (name, bytes) in disk.list("spare").unwrap_or_default() {
            let path = format!("spare/{name}");
            next = next.max(name.trim_end_matches(".log").parse().map_or(0, |number: u64| number + 1));
            match path == RESERVE {
                true if bytes == reserve_bytes => has_reserve = true,
                false if bytes == segment_bytes => spares.push(path),
                _ => drop(disk.remove(&path)),
            }
        }
        let piece = JOURNAL_PIECE_BYTES.min(usize::try_from(segment_bytes).unwrap_or(JOURNAL_PIECE_BYTES));
        let (making, saving, failed_ms) = (None, None, None);
        let zeroes = vec![0; piece];
        Self { disk, segment_bytes, reserve_bytes, spares, making, saving, has_reserve, next, failed_ms, zeroes }
    }

    /// Bytes of the files, without the reserve.
    pub(super) fn bytes(&self) -> u64 {
        (self.spares.len() + usize::from(self.making.is_some())) as u64 * self.segment_bytes
    }

    pub(super) fn has_reserve(&self) -> bool {
        self.has_reserve
    }

    /// Works a little on the files that are missing; `may_grow` says whether another segment is within the limit.
    pub(super) fn work(&mut self, now_ms: u64, may_grow: bool) {
        let worked = if self.making.is_some() || self.spares.len() < JOURNAL_SPARES && may_grow {
            self.make_piece()
        } else {
            self.save_piece(now_ms)
        };
        if let Err(error) = worked {
            self.failed(&error, now_ms);
        }
    }

    /// Prepares a segment: when it comes back, its head and its name are durable.
    pub(super) fn prepare(&mut self, head: SegmentHead, now_ms: u64, may_grow: bool) -> io::Result<Segment> {
        let prepared = self.try_prepare(head, may_grow);
        prepared.inspect_err(|error| self.failed(error, now_ms))
    }

    fn try_prepare(&mut self, head: SegmentHead, may_grow: bool) -> io::Result<Segment> {
        while self.spares.is_empty() {
            if self.making.is_none() && !may_grow {
                return Err(io::ErrorKind::QuotaExceeded.into());
            }
            self.make_piece()?;
        }
        let spare = self.spares.pop().ok_or(io::ErrorKind::NotFound)?;
        // The file is no spare any more, even if a step fails from here on: a file that fails once is not used again.
        let name = head.path();
        let opened = self.open(&spare, &head).and_then(|file| self.disk.rename(&spare, &name).map(|()| file));
        if opened.is_err() {
            let _ = self.disk.remove(&spare);
        }
        Ok(Segment::new(head, opened?, self.segment_bytes))
    }

    /// Opens a spare file and writes its head.
    fn open(&mut self, spare: &str, head: &SegmentHead) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(spare, false)?;
        // A write to a part of a page that is not in memory waits until the page is read: all are read ahead.
        let mut piece = std::mem::take(&mut self.zeroes);
        let piece_bytes = piece.len();
        let read = (0..self.segment_bytes)
            .step_by(piece_bytes)
            .try_for_each(|at| disk::read_full(&*file, &mut piece, at).map(|()| piece.resize(piece_bytes, 0)));
        piece.clear();
        piece.resize(piece_bytes, 0);
        self.zeroes = piece;
        read?;
        disk::write_all(&*file, &head.encode(), 0)?;
        file.sync()?;
        Ok(file)
    }

    /// Takes a file back that is no segment any more.
    pub(super) fn recycle(&mut self, path: &str) -> io::Result<()> {
        if self.spares.len() > JOURNAL_SPARES {
            return self.disk.remove(path);
        }
        let spare = self.next_path();
        self.disk.rename(path, &spare)?;
        self.spares.push(spare);
        Ok(())
    }

    /// Removes a file that failed.
    pub(super) fn discard(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    /// Moves a file out of the way that holds something unreadable.
    pub(super) fn set_aside(&self, path: &str) -> io::Result<()> {
        self.disk.rename(path, &format!("quarantine/{}", path.replace('/', "-")))
    }

    fn next_path(&mut self) -> String {
        self.next += 1;
        format!("spare/{}.log", self.next)
    }

    fn make_piece(&mut self) -> io::Result<()> {
        let mut making = match self.making.take() {
            Some(making) => making,
            None => {
                let path = self.next_path();
                Making { file: self.disk.open(&path, true)?, path, zeroed: 0 }
            }
        };
        if let Err(error) = making.zero(&self.zeroes, self.segment_bytes) {
            let _ = self.disk.remove(&making.path);
            return Err(error);
        }
        if making.zeroed == self.segment_bytes {
            self.spares.push(making.path);
        } else {
            self.making = Some(making);
        }
        Ok(())
    }

    fn save_piece(&mut self, now_ms: u64) -> io::Result<()> {
        let is_calm = self.failed_ms.is_none_or(|failed| now_ms >= failed + JOURNAL_RESERVE_RETRY_MS);
        if self.has_reserve || self.reserve_bytes == 0 || !is_calm {
            return Ok(());
        }
        let mut saving = match self.saving.take() {
            Some(saving) => saving,
            None => Making { file: self.disk.open(RESERVE, true)?, path: RESERVE.into(), zeroed: 0 },
        };
        if let Err(error) = saving.zero(&self.zeroes, self.reserve_bytes) {
            let _ = self.disk.remove(RESERVE);
            return Err(error);
        }
        self.has_reserve = saving.zeroed == self.reserve_bytes;
        self.saving = (!self.has_reserve).then_some(saving);
        Ok(())
    }

    /// Gives the reserve up when the disk is full.
    fn failed(&mut self, error: &io::Error, now_ms: u64) {
        self.failed_ms = Some(now_ms);
        if error.kind() == io::ErrorKind::StorageFull {
            self.give_up_reserve(now_ms);
        }
    }

    /// Deletes the reserve, so that there is space for about a minute.
    pub(super) fn give_up_reserve(&mut self, now_ms: u64) {
        self.failed_ms = Some(now_ms);
        if self.saving.take().is_some() || self.has_reserve {
            self.has_reserve = false;
            let _ = self.disk.remove(RESERVE);
            tracing::error!("the disk of the journal is full; its reserve is given up");
        }
    }
}

impl Making {
    /// Zeroes the next piece and syncs it, so that no sync is long.
    fn zero(&mut self, zeroes: &[u8], bytes: u64) -> io::Result<()> {
        let rest = usize::try_from(bytes - self.zeroed).unwrap_or(usize::MAX);
        let piece = &zeroes[..zeroes.len().min(rest)];
        for part in piece.chunks(JOURNAL_FILL_BYTES) {
            disk::write_all(&*self.file, part, self.zeroed)?;
            self.zeroed += part.len() as u64;
        }
        self.file.sync()
    }
}

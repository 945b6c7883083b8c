//! The data folder: its owner, the process that uses it, and how often a server has started on it.
//!
//! ```text
//! DIR/lock   2 × 64 B  "TWJL"  format u16  0 u16  incarnation u64  node [16]  zeroes  crc32 u32
//! ```
//!
//! The lock file is locked by the process that uses the folder. It is written in two halves by turns, so that a loss of
//! power leaves one of them whole. Nothing else is touched before the new incarnation is on the disk.

use super::JournalSettings;
use super::disk::RealDisk;
use super::keeper::{Identity, Keeper, KeeperThread};
use super::revival::Found;
use super::segment::FORMAT;
use super::suspects::{LastEnd, NOTES, Notebook, note_good_end};
use crate::clock::unix_ms;
use crate::own_folder::{FolderError, OwnFolder};
use crate::threads::ThreadHealth;
use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

const MAGIC: [u8; 4] = *b"TWJL";

/// Bytes of a half of the lock file.
const HALF_BYTES: usize = 64;

/// Permissions of the lock file.
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// Why a folder cannot be used. No room in it was changed.
#[derive(Debug, Error)]
pub enum FolderFault {
    /// The folder is not the server's alone, or it cannot be written to.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Another process uses it.
    #[error("the data folder {} is in use by another server", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The lock file is a link.
    #[error("{} is a link; the data folder has to hold its files itself", path.display())]
    Link {
        /// The lock file.
        path: PathBuf,
    },
    /// A newer server has written it.
    #[error("the data folder {} has format {format}, and this server knows formats up to {FORMAT}", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        format: u16,
    },
    /// The file system takes no writes.
    #[error("the data folder {} is read-only", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// The lock file holds something else.
    #[error("{} is not the lock file of a data folder, or it is damaged", path.display())]
    Foreign {
        /// The lock file.
        path: PathBuf,
    },
    /// The system failed.
    #[error("the data folder {} cannot be read or written", path.display())]
    Disk {
        /// The folder.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
}

/// A data folder that this process alone uses, until the value is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(super) identity: Identity,
    /// Whether the process before this one came to a bad end.
    pub(super) is_careful: bool,
    /// The lock is held for as long as the file is open.
    _lock: File,
}

impl Folder {
    /// The identity of the node that the folder belongs to, over all its processes.
    pub(crate) const fn node(&self) -> [u8; 16] {
        self.identity.node
    }

    /// Opens a folder, which is made if it is missing, and reads what is in it.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Found), FolderFault> {
        let own = OwnFolder::prepare(dir).map_err(|error| read_only(dir, error))?;
        let path = own.path().to_owned();
        let disk_fault = |source| FolderFault::Disk { path: path.clone(), source };
        let lock = lock(&path)?;
        let last = last_start(&lock, &path)?;
        for part in ["ticks", "worlds", "spare", "quarantine", NOTES] {
            OwnFolder::prepare(&path.join(part))?;
        }
        let (mut node, mut seed) = ([0; 16], [0; 8]);
        getrandom::fill(&mut node)
            .and_then(|()| getrandom::fill(&mut seed))
            .map_err(|error| disk_fault(error.into()))?;
        let mut identity = Identity { node, incarnation: 1, seed: u64::from_le_bytes(seed) };
        if let Some((incarnation, node)) = last {
            (identity.incarnation, identity.node) = (incarnation + 1, node);
        }
        let disk = RealDisk::new(&path);
        let named = super::revival::newest_incarnation(&disk).map_err(disk_fault)?;
        // Files that are newer than the lock file says were brought here by hand; their names are taken all the same.
        identity.incarnation = identity.incarnation.max(named.saturating_add(1));
        write_start(&lock, &identity).and_then(|()| sync_names(&path)).map_err(disk_fault)?;
        let mut found = Found::read(&disk).map_err(disk_fault)?;
        let is_careful = last.is_some_and(|(incarnation, _)| suspect(&disk, incarnation, &mut found));
        Ok((Self { path, identity, is_careful, _lock: lock }, found))
    }

    /// Whether a server could use the folder now. A folder that is missing is made, as a server would do, and the folder is
    /// locked for a moment; nothing else changes.
    ///
    /// # Errors
    /// The reason why it could not.
    pub(crate) fn check(dir: &Path) -> Result<(), FolderFault> {
        let own = OwnFolder::prepare(dir).map_err(|error| read_only(dir, error))?;
        let lock = lock(own.path())?;
        last_start(&lock, own.path()).map(drop)
    }

    /// Has a thread note the rooms that it works on, for the case that the process comes to a bad end.
    pub(crate) fn watch(&self, thread: &ThreadHealth) {
        let notebook = Notebook::open(&RealDisk::new(&self.path), thread.name(), self.identity.incarnation);
        match notebook {
            Ok(notebook) => thread.keep_notes(self.is_careful, move |note| {
                if let Err(error) = notebook.put(note) {
                    // A room that ends the process may not be found then. Ticks go on.
                    tracing::debug!(%error, "a note on the room at work is lost");
                }
            }),
            Err(error) => tracing::warn!(%error, "a room that ends the process will not be found"),
        }
    }

    /// Notes that the process ends as it was told to.
    pub(crate) fn note_good_end(&self) {
        if let Err(error) = note_good_end(&RealDisk::new(&self.path), self.identity.incarnation) {
            tracing::warn!(%error, "the next start will take this for a crash");
        }
    }

    /// The number of this start of a server on the folder.
    pub(crate) fn incarnation(&self) -> u64 {
        self.identity.incarnation
    }

    /// Starts the keeper of this folder.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn keep(&self, found: &mut Found, settings: JournalSettings) -> io::Result<KeeperThread> {
        let keeper = Keeper::new(Arc::new(RealDisk::new(&self.path)), self.identity, found, settings);
        KeeperThread::start(keeper, settings.sync_interval)
    }
}

/// Notes the measures against the rooms that were at work at the end of the last process; says whether it was a bad end.
fn suspect(disk: &RealDisk, incarnation: u64, found: &mut Found) -> bool {
    let end = match LastEnd::read(disk, incarnation) {
        Ok(end) => end,
        Err(error) => {
            tracing::warn!(%error, "it is not known how the last process has ended");
            LastEnd::default()
        }
    };
    let is_there = |room| found.rooms.iter().any(|found| found.room == room);
    found.suspects = end.measures(disk, is_there, unix_ms());
    !end.is_good
}

/// A folder that cannot be made or written to because its file system takes no writes.
fn read_only(dir: &Path, error: FolderError) -> FolderFault {
    match &error {
        FolderError::Make { source, .. } | FolderError::Access { source, .. }
            if source.kind() == io::ErrorKind::ReadOnlyFilesystem =>
        {
            FolderFault::ReadOnly { path: dir.to_owned() }
        }
        _ => FolderFault::Folder(error),
    }
}

/// Opens the lock file and locks it.
fn lock(folder: &Path) -> Result<File, FolderFault> {
    let path = folder.join("lock");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::open(&path, flags, FILE_MODE).map_err(|error| match error {
        Errno::LOOP => FolderFault::Link { path },
        Errno::ROFS => FolderFault::ReadOnly { path: folder.to_owned() },
        error => FolderFault::Disk { path: folder.to_owned(), source: error.into() },
    })?;
    match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file.into()),
        Err(Errno::WOULDBLOCK) => Err(FolderFault::Locked { path: folder.to_owned() }),
        Err(error) => Err(FolderFault::Disk { path: folder.to_owned(), source: error.into() }),
    }
}

/// The incarnation and the node of the last start; `None` in a new folder.
fn last_start(lock: &File, folder: &Path) -> Result<Option<(u64, [u8; 16])>, FolderFault> {
    let mut bytes = vec![0; 2 * HALF_BYTES];
    let read = lock.read_at(&mut bytes, 0).map_err(|source| FolderFault::Disk { path: folder.to_owned(), source })?;
    let mut last = None;
    for half in bytes.chunks_exact(HALF_BYTES) {
        let Some((format, incarnation, node)) = decode_half(half) else { continue };
        if format > FORMAT {
            return Err(FolderFault::Newer { path: folder.to_owned(), format });
        }
        last = last.max(Some((incarnation, node)));
    }
    // A first start that was killed has left half a half at most, beside zeroes.
    if last.is_none() && read > 0 && bytes.iter().any(|byte| *byte != 0) {
        return Err(FolderFault::Foreign { path: folder.join("lock") });
    }
    Ok(last)
}

/// Format, incarnation and node of a half of the lock file; `None` when it is not whole.
fn decode_half(half: &[u8]) -> Option<(u16, u64, [u8; 16])> {
    let crc = u32::from_le_bytes(half[60..64].try_into().ok()?);
    let is_ours = half[..4] == MAGIC && crc32fast::hash(&half[..60]) == crc;
    let format = u16::from_le_bytes(half[4..6].try_into().ok()?);
    let incarnation = u64::from_le_bytes(half[8..16].try_into().ok()?);
    is_ours.then_some((format, incarnation, half[16..32].try_into().ok()?))
}

/// Writes this start into the half that does not hold the last one.
fn write_start(lock: &File, identity: &Identity) -> io::Result<()> {
    let half = encode_half(FORMAT, identity);
    lock.write_all_at(&half, identity.incarnation % 2 * HALF_BYTES as u64)?;
    lock.sync_all()
}

/// Makes the names in the folder durable, and its own name as far as that is ours to do.
fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // A parent that this user may not read was not made by this process.
        let _ = File::open(parent).and_then(|parent| parent.sync_all());
    }
    Ok(())
}

fn encode_half(format: u16, identity: &Identity) -> [u8; HALF_BYTES] {
    let mut half = [0; HALF_BYTES];
    half[..4].copy_from_slice(&MAGIC);
    half[4..6].copy_from_slice(&format.to_le_bytes());
    half[8..16].copy_from_slice(&identity.incarnation.to_le_bytes());
    half[16..32].copy_from_slice(&identity.node);
    let crc = crc32fast::hash(&half[..60]);
    half[60..].copy_from_slice(&crc.to_le_bytes());
    half
}

/// A lock file of another format.
#[cfg(test)]
pub(super) fn with_format(format: u16, incarnation: u64) -> Vec<u8> {
    encode_half(format, &Identity { node: [0; 16], incarnation, seed: 0 }).to_vec()
}

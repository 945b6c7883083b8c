//! A look at a data folder that changes nothing in it, also while a server uses it.

use super::disk::{Disk, DiskFile, list_files};
use super::folder::FolderFault;
use super::revival::Found;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads what is in a folder. Files that cannot be understood stay where they are.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn look(dir: &Path) -> Result<Found, FolderFault> {
    let fault = |source| FolderFault::Disk { path: dir.to_owned(), source };
    Found::read(&Looking { root: dir.to_owned() }).map_err(fault)
}

#[derive(Debug)]
struct Looking {
    root: PathBuf,
}

impl Disk for Looking {
    fn open(&self, path: &str, _: bool) -> io::Result<Arc<dyn DiskFile>> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.root.join(path))?;
        Ok(Arc::new(Seen(file)))
    }

    /// A file that would be moved aside stays.
    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        list_files(&self.root.join(folder))
    }
}

#[derive(Debug)]
struct Seen(File);

impl DiskFile for Seen {
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The entries of each write to the logs of threads that is in a folder: the room of each, and whether it is the room's
/// end.
#[cfg(test)]
pub(crate) fn batches(dir: &Path) -> Vec<Vec<(crate::lobby::RoomId, bool)>> {
    use super::batch::{Entry, EntryKind};
    let files = list_files(&dir.join("ticks")).unwrap();
    let of_file = |(name, _): &(String, u64)| {
        // A file that is gone by now was freed: nobody needs what it held.
        let bytes = std::fs::read(dir.join("ticks").join(name)).unwrap_or_default();
        if bytes.is_empty() {
            return Vec::new();
        }
        let scanned = super::batch::scan(&bytes).unwrap();
        let part = |entry: Entry<'_>| (entry.room, entry.kind == EntryKind::Closed);
        scanned.batches.iter().map(|batch| batch.entries().map(part).collect()).collect::<Vec<Vec<_>>>()
    };
    files.iter().flat_map(of_file).collect()
}

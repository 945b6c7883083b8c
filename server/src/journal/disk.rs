//! The only place of the journal that opens, writes, syncs, renames, removes and lists files.
//!
//! Paths are relative to the data folder, with `/` between folder and name. A rename and a removal are durable when the
//! call returns; a write is durable after a sync of its file.

use rustix::fs::OFlags;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Permissions of a file of the journal: its owner's alone.
const FILE_MODE: u32 = 0o600;

/// A folder with files.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file to read and write; a missing one is made if `makes` says so.
    fn open(&self, path: &str, makes: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// The names and bytes of the files in a folder, in the order of their names.
    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>>;
}

/// An open file. Threads share it: one writes, another one syncs.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes at a place, and gives the number of bytes that were written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Reads from a place, and gives the number of bytes that were read.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize>;

    /// Waits until everything that was written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Writes all of the bytes at a place, in one call if the disk takes them at once.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads from a place until the buffer is full or the file ends, and shortens the buffer to the bytes that were read.
pub(crate) fn read_full(file: &dyn DiskFile, bytes: &mut Vec<u8>, at: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(())
}

/// A folder of the machine.
#[derive(Debug)]
pub(crate) struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the names in the folder of this path durable.
    fn sync_folder(&self, path: &str) -> io::Result<()> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        File::open(self.root.join(folder))?.sync_all()
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str, makes: bool) -> io::Result<Arc<dyn DiskFile>> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(makes).mode(FILE_MODE).custom_flags(flags);
        Ok(Arc::new(RealFile(options.open(self.root.join(path))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))?;
        // The new name first: a file with two names is found twice, a file without a name is lost.
        self.sync_folder(to)?;
        self.sync_folder(from)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))?;
        self.sync_folder(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        list_files(&self.root.join(folder))
    }
}

/// The names and bytes of the files in a folder, in the order of their names.
pub(super) fn list_files(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Nothing that the journal writes is a link or has a name that is no text.
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.file_type()?.is_file()) {
            found.push((name, entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

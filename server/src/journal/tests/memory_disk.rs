//! A disk in memory. It counts its calls, fails at those that it is told to, and can lose what was not synced.

use super::Dice;
use crate::journal::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The disk is full: writes and new files fail.
    Full,
    /// Everything fails.
    Broken,
    /// A write writes half, and then nothing.
    Short,
    /// A sync fails, and the bytes that it was to sync are lost.
    Sync,
}

#[derive(Debug, Clone, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    calls: usize,
    plan: Option<(Range<usize>, Fault)>,
}

impl Inner {
    /// The fault of this call.
    fn call(&mut self) -> Option<Fault> {
        self.calls += 1;
        self.plan.as_ref().filter(|(calls, _)| calls.contains(&(self.calls - 1))).map(|(_, fault)| *fault)
    }
}

#[derive(Debug, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct MemoryFile {
    content: Arc<Mutex<Content>>,
    disk: Arc<Mutex<Inner>>,
}

/// The bytes that are lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing that was written.
    Process,
    /// The bytes that were not synced, from some place on.
    Tail,
    /// Any pages that were not synced; others may hold garbage.
    Pages,
}

fn broken() -> io::Error {
    io::Error::other("broken")
}

impl MemoryDisk {
    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// These calls fail.
    pub(super) fn fail(&self, calls: Range<usize>, fault: Fault) {
        self.0.lock().unwrap().plan = Some((calls, fault));
    }

    /// The disk as the next process finds it.
    pub(super) fn after(&self, loss: Loss, dice: &mut Dice) -> Self {
        let mut files = BTreeMap::new();
        for (path, content) in &self.0.lock().unwrap().files {
            let mut bytes = content.lock().unwrap().clone();
            bytes.current = match loss {
                Loss::Process => bytes.current,
                Loss::Tail => tail_lost(&bytes, dice),
                Loss::Pages => pages_lost(&bytes, dice),
            };
            bytes.durable.clone_from(&bytes.current);
            files.insert(path.clone(), Arc::new(Mutex::new(bytes)));
        }
        Self(Arc::new(Mutex::new(Inner { files, ..Inner::default() })))
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &str) -> Vec<u8> {
        self.0.lock().unwrap().files[path].lock().unwrap().current.clone()
    }

    /// Puts a file there.
    pub(super) fn put(&self, path: &str, bytes: Vec<u8>) {
        let content = Content { durable: bytes.clone(), current: bytes };
        self.0.lock().unwrap().files.insert(path.into(), Arc::new(Mutex::new(content)));
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().files.keys().cloned().collect()
    }
}

/// The current bytes up to a random place, and the durable ones after it.
fn tail_lost(content: &Content, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = content.durable.clone();
    bytes.resize(content.current.len(), 0);
    let differs = (0..bytes.len()).find(|at| bytes[*at] != content.current[*at]);
    if let Some(first) = differs {
        let cut = first + dice.below(bytes.len() - first + 1);
        bytes[..cut].copy_from_slice(&content.current[..cut]);
    }
    bytes
}

/// Of each page that was not synced, the durable bytes, the current ones, or garbage among them.
fn pages_lost(content: &Content, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = content.durable.clone();
    bytes.resize(content.current.len(), 0);
    for (old, new) in bytes.chunks_mut(512).zip(content.current.chunks(512)) {
        if old == new {
            continue;
        }
        let (choice, at) = (dice.below(3), dice.below(old.len()));
        // Bytes that were synced stay: a garbled byte is one of those that were being written.
        let is_new = old[at] != new[at];
        if choice > 0 {
            old.copy_from_slice(new);
        }
        if choice == 2 && is_new {
            old[at] ^= 1 << dice.below(8);
        }
    }
    bytes
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str, makes: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.0.lock().unwrap();
        match inner.call() {
            Some(Fault::Broken) => return Err(broken()),
            Some(Fault::Full) if makes => return Err(io::ErrorKind::StorageFull.into()),
            _ => {}
        }
        if makes {
            inner.files.entry(path.into()).or_default();
        }
        let content = Arc::clone(inner.files.get(path).ok_or(io::ErrorKind::NotFound)?);
        Ok(Arc::new(MemoryFile { content, disk: Arc::clone(&self.0) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        if inner.call() == Some(Fault::Broken) {
            return Err(broken());
        }
        let file = inner.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.files.insert(to.into(), file);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        if inner.call() == Some(Fault::Broken) {
            return Err(broken());
        }
        inner.files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let mut inner = self.0.lock().unwrap();
        if inner.call() == Some(Fault::Broken) {
            return Err(broken());
        }
        let named = |path: &String| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let bytes = |content: &Arc<Mutex<Content>>| content.lock().unwrap().current.len() as u64;
        Ok(inner.files.iter().filter_map(|(path, content)| Some((named(path)?, bytes(content)))).collect())
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let fault = self.disk.lock().unwrap().call();
        let count = match fault {
            Some(Fault::Broken) => return Err(broken()),
            Some(Fault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Short) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let at = usize::try_from(at).unwrap();
        let mut content = self.content.lock().unwrap();
        let len = content.current.len().max(at + count);
        content.current.resize(len, 0);
        content.current[at..at + count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        if self.disk.lock().unwrap().call() == Some(Fault::Broken) {
            return Err(broken());
        }
        let content = self.content.lock().unwrap();
        let rest = content.current.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        let fault = self.disk.lock().unwrap().call();
        let mut content = self.content.lock().unwrap();
        if matches!(fault, Some(Fault::Broken | Fault::Sync)) {
            // A real one marks the pages as clean, so that a second sync succeeds: it must not be what counts.
            return Err(broken());
        }
        content.durable = content.current.clone();
        Ok(())
    }
}

//! A disk in memory that holds the writes of one thread until they are let through, and a keeper's thread on it.

use super::Dice;
use super::memory_disk::{Loss, MemoryDisk};
use crate::journal::disk::{Disk, DiskFile};
use crate::journal::keeper::{Identity, Keeper, KeeperThread};
use crate::journal::{Found, FoundRoom, JournalSettings};
use crate::lobby::RoomId;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Longer than a thread takes to come to its next write.
const PATIENCE: Duration = Duration::from_secs(30);

/// The thread whose writes are held, whether one of them waits, and how many may pass.
#[derive(Debug, Default)]
struct Hold {
    thread: Option<ThreadId>,
    waits: bool,
    passes: u32,
}

#[derive(Debug, Default)]
struct Gate {
    hold: Mutex<Hold>,
    has_changed: Condvar,
}

impl Gate {
    fn change(&self, change: impl FnOnce(&mut Hold)) {
        change(&mut self.hold.lock().unwrap());
        self.has_changed.notify_all();
    }

    /// Waits until the calling thread may write.
    fn pass(&self) {
        let is_mine = |hold: &Hold| hold.thread == Some(thread::current().id());
        let mut hold = self.hold.lock().unwrap();
        if !is_mine(&hold) {
            return;
        }
        hold.waits = true;
        self.has_changed.notify_all();
        let mut hold = self.has_changed.wait_while(hold, |hold| is_mine(hold) && hold.passes == 0).unwrap();
        hold.passes = hold.passes.saturating_sub(1);
    }
}

/// The disk.
#[derive(Debug, Default)]
pub(crate) struct HeldDisk {
    disk: MemoryDisk,
    gate: Arc<Gate>,
}

impl HeldDisk {
    /// The thread of a keeper on this disk.
    pub(crate) fn keep(self: &Arc<Self>) -> KeeperThread {
        let identity = Identity { node: [7; 16], incarnation: 1, seed: 1 };
        let (bytes_max, segment_bytes, reserve_bytes) = (64 << 20, 1 << 20, 0);
        let settings = JournalSettings { bytes_max, segment_bytes, reserve_bytes, ..JournalSettings::default() };
        let disk: Arc<dyn Disk> = Arc::<Self>::clone(self);
        let keeper = Keeper::new(disk, identity, &mut Found::default(), settings);
        KeeperThread::start(keeper, settings.sync_interval).unwrap()
    }

    /// Holds the writes of this thread from now on.
    pub(crate) fn hold(&self, thread: ThreadId) {
        self.gate.change(|hold| *hold = Hold { thread: Some(thread), waits: false, passes: 0 });
    }

    /// Waits until the thread is at a write.
    pub(crate) fn wait_for_write(&self) {
        let hold = self.gate.hold.lock().unwrap();
        let (hold, _) = self.gate.has_changed.wait_timeout_while(hold, PATIENCE, |hold| !hold.waits).unwrap();
        assert!(hold.waits, "the thread writes nothing");
    }

    /// Lets the write through that waits, and holds the next one.
    pub(crate) fn let_one_through(&self) {
        self.gate.change(|hold| (hold.waits, hold.passes) = (false, 1));
    }

    /// Holds nothing any more.
    pub(crate) fn release(&self) {
        self.gate.change(|hold| hold.thread = None);
    }

    /// What the next process would find of a room, if this one were killed now.
    pub(crate) fn find(&self, room: RoomId) -> FoundRoom {
        let found = Found::read(&self.disk.after(Loss::Process, &mut Dice(0))).unwrap();
        found.rooms.into_iter().find(|found| found.room == room).expect("the room is written before its first tick")
    }
}

impl Disk for HeldDisk {
    fn open(&self, path: &str, makes: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(HeldFile { file: self.disk.open(path, makes)?, gate: Arc::clone(&self.gate) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        self.disk.list(folder)
    }
}

#[derive(Debug)]
struct HeldFile {
    file: Arc<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl DiskFile for HeldFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.gate.pass();
        self.file.write_at(bytes, at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

//! The server's threads: how they start, and whether they go on.
//!
//! A thread notes when it begins to work and when it rests. The supervisor looks at these notes from outside and finds
//! a thread that has ended, and a thread that works on the same thing for ever. It counts its own looks and not the
//! time: when the whole host stands still the supervisor stands still as well, and no thread is to blame.
//!
//! A thread also notes which room it works on, so that a room that holds its thread for ever, or ends the process, has a
//! name.

use crate::limits::{CRASH_WINDOW, SUPERVISOR_INTERVAL};
use rustix::process::{getpriority_process, setpriority_process};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use thiserror::Error;

/// A thread that the server cannot do without has failed. The process is to end: its players are told to come back, and
/// the program that started the server starts it again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ThreadFault {
    /// The thread has ended, most likely by a panic.
    #[error("the thread {0} has ended")]
    Ended(String),
    /// The thread has worked on one thing for too long, most likely in an endless step of a game.
    #[error("the thread {name} has stood still for {seconds} s")]
    Stalled {
        /// The name of the thread.
        name: String,
        /// The seconds after which it counts as stalled.
        seconds: u64,
    },
    /// The disk does not take the journal, and the settings say that the server is to stop then.
    #[error("the disk does not take the journal, and on_journal_failure is `stop`")]
    Journal,
    /// Another process has the identity of this node.
    #[error("another process has the identity of this node: one of the two data folders is a copy")]
    Doubled,
}

/// A note for a later process: the room that a thread works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkNote {
    /// None.
    Idle,
    /// It is about to make a tick of this room.
    Tick(u64),
    /// It stands still in this room.
    Stalled(u64),
}

/// Where notes for a later process go.
struct Notebook {
    keep: Box<dyn Fn(WorkNote) + Send + Sync>,
    has_stalled: Mutex<bool>,
}

impl Notebook {
    /// Keeps a note. A stall is the last one: the step may still end while the process does.
    fn put(&self, note: WorkNote) {
        let mut has_stalled = self.has_stalled.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_stalled {
            *has_stalled = matches!(note, WorkNote::Stalled(_));
            (self.keep)(note);
        }
    }
}

impl fmt::Debug for Notebook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Notebook").finish_non_exhaustive()
    }
}

/// The notes of one thread about itself.
#[derive(Debug)]
pub(crate) struct ThreadHealth {
    name: String,
    /// The longest time for which the thread may work without a note.
    stall_max: Duration,
    /// The number of notes; odd while the thread works, even while it rests.
    notes: AtomicU64,
    ended: AtomicBool,
    /// The room that it works on, plus one; 0 for none.
    room: AtomicU64,
    notebook: OnceLock<Notebook>,
    /// Whether each tick goes into the notebook.
    is_careful: AtomicBool,
}

/// The thread works on a room until this is dropped.
pub(crate) struct InRoom<'a>(&'a ThreadHealth);

impl Drop for InRoom<'_> {
    fn drop(&mut self) {
        self.0.room.store(0, Ordering::Relaxed);
    }
}

/// The thread makes a tick, which is in the notebook, until this is dropped.
pub(crate) struct InTick<'a>(&'a Notebook);

impl Drop for InTick<'_> {
    fn drop(&mut self) {
        self.0.put(WorkNote::Idle);
    }
}

impl ThreadHealth {
    /// Notes of a thread that has not started.
    pub(crate) fn new(name: impl Into<String>, stall_max: Duration) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            stall_max,
            notes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            room: AtomicU64::new(0),
            notebook: OnceLock::new(),
            is_careful: AtomicBool::new(false),
        })
    }

    /// The name of the thread.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Has notes for a later process go to `keep`: that of a stall, and those of all ticks while the process is careful.
    /// Only the first call counts.
    pub(crate) fn keep_notes(&self, is_careful: bool, keep: impl Fn(WorkNote) + Send + Sync + 'static) {
        let notebook = Notebook { keep: Box::new(keep), has_stalled: Mutex::new(false) };
        if self.notebook.set(notebook).is_ok() {
            self.is_careful.store(is_careful, Ordering::Relaxed);
        }
    }

    /// The thread works on this room.
    pub(crate) fn in_room(&self, room: u64) -> InRoom<'_> {
        self.room.store(room.wrapping_add(1), Ordering::Relaxed);
        InRoom(self)
    }

    /// The thread is about to make a tick of this room, which may end the process.
    pub(crate) fn in_tick(&self, room: u64) -> Option<InTick<'_>> {
        if !self.is_careful.load(Ordering::Relaxed) {
            return None;
        }
        let notebook = self.notebook.get()?;
        notebook.put(WorkNote::Tick(room));
        Some(InTick(notebook))
    }

    /// Notes that the thread stands still, and names its room.
    fn note_stall(&self) {
        let Some(room) = self.room.load(Ordering::Relaxed).checked_sub(1) else { return };
        tracing::error!(room, "the thread {} stands still in room {room}", self.name);
        if let Some(notebook) = self.notebook.get() {
            notebook.put(WorkNote::Stalled(room));
        }
    }

    /// Starts the thread.
    pub(crate) fn spawn(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        let ends = Ends(Arc::clone(self));
        Builder::new().name(self.name.clone()).spawn(move || {
            // Dropped last, also when the work panics.
            let _ends = ends;
            work();
        })
    }

    /// The thread works on something new.
    pub(crate) fn works(&self) {
        let notes = self.notes.load(Ordering::Relaxed);
        self.notes.store((notes + 1) | 1, Ordering::Relaxed);
    }

    /// Waits in `wait`, which may take as long as it likes.
    pub(crate) fn rests<T>(&self, wait: impl FnOnce() -> T) -> T {
        let notes = self.notes.load(Ordering::Relaxed);
        self.notes.store((notes | 1) + 1, Ordering::Relaxed);
        let waited = wait();
        self.works();
        waited
    }

    /// Whether the thread has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// Notes the end of its thread when it is dropped.
struct Ends(Arc<ThreadHealth>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// Looks after threads from outside.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    watched: Vec<Watched>,
    conditions: Vec<Condition>,
    looks: u32,
}

/// A condition on which the server ends.
struct Condition {
    fault: ThreadFault,
    holds: Box<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Condition").field(&self.fault).finish()
    }
}

#[derive(Debug)]
struct Watched {
    health: Arc<ThreadHealth>,
    /// The notes at the last look, and the number of looks since they changed.
    notes: u64,
    looks: u32,
}

impl Supervisor {
    /// Has the server end with this fault when a condition holds.
    pub(crate) fn end_when(&mut self, fault: ThreadFault, holds: impl Fn() -> bool + Send + Sync + 'static) {
        self.conditions.push(Condition { fault, holds: Box::new(holds) });
    }

    pub(crate) fn watch(&mut self, health: &Arc<ThreadHealth>) {
        self.watched.push(Watched { health: Arc::clone(health), notes: 0, looks: 0 });
    }

    /// The name of a thread that has worked on the same thing for so long that it may be stuck, at the last look: a
    /// quarter of the time after which it has failed.
    pub(crate) fn standing_still(&self) -> Option<&str> {
        let stands = |watched: &&Watched| SUPERVISOR_INTERVAL * watched.looks > watched.health.stall_max / 4;
        self.watched.iter().find(stands).map(|watched| &*watched.health.name)
    }

    /// Looks at every thread. It is to be called every [`SUPERVISOR_INTERVAL`].
    ///
    /// # Errors
    /// The first thread that has ended, or has stood still for too long.
    pub(crate) fn look(&mut self) -> Result<(), ThreadFault> {
        self.looks = self.looks.saturating_add(1);
        if SUPERVISOR_INTERVAL * self.looks > CRASH_WINDOW {
            self.watched.iter().for_each(|watched| watched.health.is_careful.store(false, Ordering::Relaxed));
        }
        if let Some(met) = self.conditions.iter().find(|condition| (condition.holds)()) {
            return Err(met.fault.clone());
        }
        self.watched.iter_mut().try_for_each(Watched::look)
    }
}

impl Watched {
    fn look(&mut self) -> Result<(), ThreadFault> {
        let name = || self.health.name.clone();
        if self.health.has_ended() {
            return Err(ThreadFault::Ended(name()));
        }
        let notes = self.health.notes.load(Ordering::Relaxed);
        let works_on_the_same = notes == self.notes && !notes.is_multiple_of(2);
        self.looks = if works_on_the_same { self.looks + 1 } else { 0 };
        self.notes = notes;
        let stall_max = self.health.stall_max;
        if SUPERVISOR_INTERVAL * self.looks >= stall_max {
            self.health.note_stall();
            return Err(ThreadFault::Stalled { name: name(), seconds: stall_max.as_secs() });
        }
        Ok(())
    }
}

/// The part of a core that a thread uses, in percent, as it was when last measured.
#[derive(Debug, Default)]
pub(crate) struct Load {
    percent: AtomicU32,
}

impl Load {
    pub(crate) fn percent(&self) -> u32 {
        self.percent.load(Ordering::Relaxed)
    }

    /// The thread has run for `cpu_ns` of the last `elapsed_ns` nanoseconds.
    pub(crate) fn set(&self, cpu_ns: u64, elapsed_ns: u64) {
        let percent = u128::from(cpu_ns) * 100 / u128::from(elapsed_ns.max(1));
        self.percent.store(u32::try_from(percent).unwrap_or(100), Ordering::Relaxed);
    }
}

/// Raises the niceness of the calling thread by `niceness`: on a host whose cores are busy, the thread gives way to
/// shards. On Linux the niceness belongs to a thread and not to the process.
pub(crate) fn give_way(niceness: i32) {
    let lowered = getpriority_process(None).and_then(|own| setpriority_process(None, own + niceness));
    if let Err(error) = lowered {
        tracing::warn!(%error, "a thread beside the shards competes with them for the cores");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(3);
    const LOOKS: u32 = (STALL.as_millis() / SUPERVISOR_INTERVAL.as_millis()) as u32;

    fn watched() -> (Arc<ThreadHealth>, Supervisor) {
        let (health, mut supervisor) = (ThreadHealth::new("shard-0", STALL), Supervisor::default());
        supervisor.watch(&health);
        (health, supervisor)
    }

    #[test]
    fn a_thread_that_rests_or_goes_on_is_well() {
        let (health, mut supervisor) = watched();
        health.rests(|| (0..10 * LOOKS).for_each(|_| assert_eq!(supervisor.look(), Ok(()))));
        for _ in 0..10 * LOOKS {
            health.works();
            assert_eq!(supervisor.look(), Ok(()));
        }
    }

    #[test]
    fn a_thread_that_works_on_one_thing_for_too_long_is_found() {
        let (health, mut supervisor) = watched();
        health.works();
        assert!((0..LOOKS).all(|_| supervisor.look().is_ok()));
        let stalled = ThreadFault::Stalled { name: "shard-0".into(), seconds: 3 };
        assert_eq!(supervisor.look(), Err(stalled));
    }

    /// A thread whose notes are gathered.
    fn noted(is_careful: bool) -> (Arc<ThreadHealth>, Supervisor, Arc<Mutex<Vec<WorkNote>>>) {
        let ((health, supervisor), notes) = (watched(), Arc::<Mutex<Vec<WorkNote>>>::default());
        let gathered = Arc::clone(&notes);
        health.keep_notes(is_careful, move |note| gathered.lock().unwrap().push(note));
        (health, supervisor, notes)
    }

    #[test]
    fn the_room_in_which_a_thread_stands_still_is_noted() {
        let (health, mut supervisor, notes) = noted(false);
        drop(health.in_room(3));
        health.works();
        let _in_room = health.in_room(0);
        while supervisor.look().is_ok() {
            assert!(notes.lock().unwrap().is_empty());
        }
        assert_eq!(*notes.lock().unwrap(), [WorkNote::Stalled(0)]);
    }

    #[test]
    fn a_stall_is_the_last_note_of_its_thread() {
        let (health, mut supervisor, notes) = noted(true);
        health.works();
        let (_in_room, in_tick) = (health.in_room(4), health.in_tick(4));
        while supervisor.look().is_ok() {}
        drop(in_tick);
        drop(health.in_tick(5));
        assert_eq!(
            *notes.lock().unwrap(),
            [WorkNote::Tick(4), WorkNote::Stalled(4)],
            "no step that ends late undoes it"
        );
    }

    #[test]
    fn every_tick_is_noted_while_the_process_is_careful_and_none_later() {
        let (health, mut supervisor, notes) = noted(true);
        let in_tick = health.in_tick(5);
        assert_eq!(*notes.lock().unwrap(), [WorkNote::Tick(5)]);
        while health.is_careful.load(Ordering::Relaxed) {
            health.works();
            assert_eq!(supervisor.look(), Ok(()));
        }
        drop(in_tick);
        assert_eq!(*notes.lock().unwrap(), [WorkNote::Tick(5), WorkNote::Idle], "a tick that has begun ends");
        assert!(health.in_tick(6).is_none());
    }

    #[test]
    fn a_thread_that_panics_is_found() {
        let (health, mut supervisor) = watched();
        let thread = health.spawn(|| assert!(std::hint::black_box(false), "on purpose")).unwrap();
        assert!(thread.join().is_err());
        assert_eq!(supervisor.look(), Err(ThreadFault::Ended("shard-0".into())));
    }
}

//! The end of a server: the order to its threads, and the wait for them.
//!
//! The wait has a bound. One thread cannot interrupt another one, so a game whose step never ends would keep the process
//! for ever; its thread is left behind, and ends with the process.

use super::sd_notify::Notifier;
use super::watch::Watch;
use super::{Running, Signals};
use crate::limits::{HURRIED_STOP_MAX, MOVE_ALL_MAX, MOVE_MAX, STOP_MAX, STOP_ORDER_MAX, WORLDS_STOP_MAX};
use crate::mailbox::Command;
use crate::net::{LeaveOrder, StopOrder};
use crate::readiness::Reason;
use crate::shard::ShardCommand;
use crate::threads::ThreadFault;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tokio::sync::oneshot;

/// An event that a wait is ended or shortened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopEvent {
    /// The work of this name has ended, done or in a panic.
    Ended { work: &'static str, is_done: bool },
    /// The server is to end at once.
    Hurried,
}

/// Tells the end of work when it is dropped.
struct EndOfWork {
    name: &'static str,
    event: Sender<StopEvent>,
    is_done: bool,
}

impl Drop for EndOfWork {
    fn drop(&mut self) {
        // Nobody receives it when it was too long.
        let _ = self.event.send(StopEvent::Ended { work: self.name, is_done: self.is_done });
    }
}

/// The waits of a stop, one after another.
struct Waits {
    event: Sender<StopEvent>,
    events: Receiver<StopEvent>,
    begun: Instant,
    is_hurried: bool,
}

impl Waits {
    fn begin() -> Self {
        let (event, events) = mpsc::channel();
        Self { event, events, begun: Instant::now(), is_hurried: false }
    }

    /// Does work in a thread of its own, which is left behind when it takes too long; says whether it has ended well in time.
    /// After a second signal it has [`HURRIED_STOP_MAX`].
    fn ends_in(&mut self, time: Duration, name: &'static str, work: impl FnOnce() -> bool + Send + 'static) -> bool {
        let end = EndOfWork { name, event: self.event.clone(), is_done: false };
        let working = Builder::new().name(name.into()).spawn(move || {
            let mut end = end;
            end.is_done = work();
        });
        if let Err(error) = working {
            tracing::error!(%error, "the server ends without waiting for the thread {name}");
            return false;
        }
        let mut until = Instant::now() + if self.is_hurried { HURRIED_STOP_MAX } else { time };
        loop {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(StopEvent::Ended { work, is_done }) if work == name => return is_done,
                // Other work that was given up.
                Ok(StopEvent::Ended { .. }) => {}
                Ok(StopEvent::Hurried) => {
                    self.is_hurried = true;
                    until = until.min(Instant::now() + HURRIED_STOP_MAX);
                }
                Err(_) => return false,
            }
        }
    }

    /// What is left of the time that the disk has for the worlds.
    fn rest(&self) -> Duration {
        WORLDS_STOP_MAX.saturating_sub(self.begun.elapsed())
    }
}

impl Running {
    /// Closes all connections with `code`, answers the requests that are under way, and waits until all threads have
    /// ended: two seconds at the most, and not at all when nobody is connected. Only a step of a game that takes longer
    /// makes it last longer, up to five seconds, and a disk that is slow to take the worlds of a journal, up to 25.
    ///
    /// A node of several that has a data folder has moved its rooms to the others before, as far as they take them: 20
    /// seconds at the most.
    pub fn stop(mut self, code: CloseCode) {
        self.move_rooms_away(&mut Waits::begin());
        self.end(code);
    }

    /// Waits for SIGINT or SIGTERM, then stops with the close code for that signal. A second signal ends the server
    /// without waiting for anybody: everyone has been told by then.
    ///
    /// # Errors
    /// When a thread fails before. Players are told to come back, as far as threads are left that can tell them, and
    /// the process is to end with an exit code other than 0.
    pub fn run_until_signal(mut self, mut signals: Signals) -> Result<(), ThreadFault> {
        let notifier = Notifier::of_environment();
        let watch = Watch::begin(&mut self.supervisor, Arc::clone(&self.readiness), notifier);
        let code = signals.wait(watch, || self.reloading.reload()).inspect_err(|fault| {
            tracing::error!(%fault, "the server has failed and ends");
            self.has_failed = true;
            self.end(CloseCode::Restart);
        })?;
        let mut waits = Waits::begin();
        let (ended, end) = oneshot::channel();
        let (hurry, to_hurry) = oneshot::channel();
        let (shards, hurried) = (self.shards.clone(), waits.event.clone());
        let watch = move || {
            if signals.wait_until(end) {
                tracing::info!("stopping at once");
                drop(hurry);
                tell(&shards, code);
                // Nobody receives it when the server has ended meanwhile.
                let _ = hurried.send(StopEvent::Hurried);
            }
        };
        let watching = Builder::new().name("signals".into()).spawn(watch);
        if let Err(error) = &watching {
            tracing::warn!(%error, "a second signal will not be noticed");
        }
        self.move_rooms_away(&mut waits);
        // The disk has as much time after the moves as without them.
        waits.begun = Instant::now();
        self.order(code, to_hurry);
        self.wait(waits);
        drop(ended);
        watching.into_iter().for_each(|thread| _ = join([thread].into()));
        Ok(())
    }

    /// The same as [`Running::stop`] for a value that is still needed.
    pub(super) fn end(&mut self, code: CloseCode) {
        let waits = Waits::begin();
        let (_hurry, to_hurry) = oneshot::channel();
        self.order(code, to_hurry);
        self.wait(waits);
    }

    /// Has the rooms move to other nodes, and waits until they have.
    fn move_rooms_away(&mut self, waits: &mut Waits) {
        self.readiness.hold(Reason::Draining, true);
        let Some(leave) = self.leave.take() else { return };
        let (done, moved) = mpsc::channel();
        if leave.send(LeaveOrder { done }).is_ok() {
            // Nobody sends anything: the other half is dropped.
            let _ = waits.ends_in(MOVE_ALL_MAX + 2 * MOVE_MAX, "moves", move || moved.recv().is_err());
        }
    }

    /// Orders all threads to stop. When `hurry` resolves, the net thread waits for nobody any more.
    fn order(&mut self, code: CloseCode, hurry: oneshot::Receiver<()>) {
        self.readiness.hold(Reason::Draining, true);
        let Some(stop) = self.stop.take() else { return };
        let (begun, begin) = mpsc::channel();
        if stop.send(StopOrder { code, begun, hurry }).is_ok() {
            // The net thread stops sending to the shards first, so that no connection is on its way to a shard that has
            // ended. It drops its end of the channel then.
            let _ = begin.recv_timeout(STOP_ORDER_MAX);
        }
        tell(&self.shards, code);
        drop(self.tunnels.take());
    }

    /// Waits until all threads have ended, each kind of them for its time.
    fn wait(&mut self, mut waits: Waits) {
        let threads = std::mem::take(&mut self.threads);
        let mut have_ended = threads.is_empty() || waits.ends_in(STOP_MAX, "stop", || join(threads));
        if !have_ended {
            tracing::error!("a thread has failed, or is left behind because a step of a game takes too long");
        }
        // The rooms have told their ends by now, and the thread sends for two seconds more.
        if let Some((stop, thread)) = self.webhooks.take() {
            let _ = stop.send(());
            if !waits.ends_in(STOP_MAX, "webhooks-stop", || join([thread].into())) {
                tracing::error!("the disk does not take the events of webhooks in time, and some may be lost");
                have_ended = false;
            }
        }
        // The net thread has given its codes back.
        if let Some(nats) = self.nats.take() {
            let _ = waits.ends_in(STOP_MAX, "cluster-stop", move || {
                nats.stop();
                true
            });
        }
        // Nobody writes to the journal any more: a disk that hangs must not keep the process.
        let Some(keeper) = self.keeper.take() else { return };
        if !waits.ends_in(waits.rest(), "journal-stop", || keeper.stop()) {
            tracing::error!("the disk does not take the journal in time, and its last writes may be lost");
        } else if let Some(folder) = self.folder.as_ref().filter(|_| have_ended && !self.has_failed) {
            // The next process learns that everything has ended as it should.
            folder.note_good_end();
        }
    }
}

/// Waits for threads, and says whether all have ended well.
fn join(threads: Vec<JoinHandle<()>>) -> bool {
    let mut are_well = true;
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread has panicked");
            are_well = false;
        }
    }
    are_well
}

/// Tells the shards to stop, or to wait no longer if they have been told before.
fn tell(shards: &[Sender<ShardCommand>], code: CloseCode) {
    for shard in shards {
        // A shard that has already ended needs no command.
        let _ = shard.send(Command::Stop(code).into());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(CloseCode::Away);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that ends when its sender is dropped.
    fn endless() -> (Sender<()>, impl FnOnce() -> bool + Send + 'static) {
        let (holds, held) = mpsc::channel();
        (holds, move || held.recv().is_err())
    }

    #[test]
    fn work_that_takes_too_long_is_left_behind_and_its_late_end_is_none_of_other_work() {
        let mut waits = Waits::begin();
        let (holds, work) = endless();
        assert!(!waits.ends_in(Duration::from_millis(5), "slow", work));
        drop(holds);
        let (holds, work) = endless();
        assert!(!waits.ends_in(Duration::from_millis(50), "other", work), "it has not ended");
        assert!(waits.ends_in(STOP_MAX, "short", || true));
        drop(holds);
    }

    #[test]
    fn work_that_panics_is_not_waited_for_and_not_done() {
        let start = Instant::now();
        assert!(!Waits::begin().ends_in(Duration::from_secs(60), "bad", || {
            assert!(std::hint::black_box(false));
            true
        }));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn after_a_second_signal_no_work_is_waited_for_as_long_as_before() {
        let (mut waits, start) = (Waits::begin(), Instant::now());
        waits.event.send(StopEvent::Hurried).unwrap();
        let held = [(); 2].map(|()| {
            let (holds, work) = endless();
            assert!(!waits.ends_in(Duration::from_secs(60), "endless", work));
            holds
        });
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(waits.rest() <= WORLDS_STOP_MAX - 2 * HURRIED_STOP_MAX, "what others took is not there for the disk");
        drop(held);
    }
}

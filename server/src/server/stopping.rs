//! The end of a server: the order to its threads, and the wait for them.
//!
//! The wait has a bound. One thread cannot interrupt another one, so a game whose step never ends would keep the process
//! for ever; its thread is left behind, and ends with the process.

use super::sd_notify::Notifier;
use super::watch::Watch;
use super::{Running, Signals};
use crate::limits::{HURRIED_STOP_MAX, STOP_MAX, STOP_ORDER_MAX};
use crate::mailbox::Command;
use crate::net::StopOrder;
use crate::readiness::Reason;
use crate::shard::ShardCommand;
use crate::threads::ThreadFault;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use tickwire::message::close::CloseCode;
use tokio::sync::oneshot;

/// An event that the wait for the threads is ended or shortened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopEvent {
    /// All threads have ended.
    Ended,
    /// The server is to end at once.
    Hurried,
}

impl Running {
    /// Closes all connections with `code`, answers the requests that are under way, and waits until all threads have
    /// ended: two seconds at the most, and not at all when nobody is connected. Only a step of a game that takes longer
    /// makes it last longer, up to five seconds.
    pub fn stop(mut self, code: CloseCode) {
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
        let (event, events) = mpsc::channel();
        let (ended, end) = oneshot::channel();
        let (shards, hurry, hurried) = (self.shards.clone(), self.order(code), event.clone());
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
        self.wait(event, &events);
        drop(ended);
        watching.into_iter().for_each(|thread| join([thread].into()));
        Ok(())
    }

    /// The same as [`Running::stop`] for a value that is still needed.
    pub(super) fn end(&mut self, code: CloseCode) {
        let _hurry = self.order(code);
        let (event, events) = mpsc::channel();
        self.wait(event, &events);
    }

    /// Orders all threads to stop. When the value is dropped, the net thread waits for nobody any more.
    fn order(&mut self, code: CloseCode) -> Option<oneshot::Sender<()>> {
        self.readiness.hold(Reason::Draining, true);
        let stop = self.stop.take()?;
        let (hurry, hurried) = oneshot::channel();
        let (begun, begin) = mpsc::channel();
        if stop.send(StopOrder { code, begun, hurry: hurried }).is_ok() {
            // The net thread stops sending to the shards first, so that no connection is on its way to a shard that has
            // ended. It drops its end of the channel then.
            let _ = begin.recv_timeout(STOP_ORDER_MAX);
        }
        tell(&self.shards, code);
        Some(hurry)
    }

    /// Waits until all threads have ended, or too long.
    fn wait(&mut self, event: Sender<StopEvent>, events: &Receiver<StopEvent>) {
        let threads = std::mem::take(&mut self.threads);
        if threads.is_empty() {
            return self.stop_keeper(true);
        }
        let waiting = Builder::new().name("stop".into()).spawn(move || {
            join(threads);
            // Nobody receives it when it was too long.
            let _ = event.send(StopEvent::Ended);
        });
        if let Err(error) = waiting {
            tracing::error!(%error, "the server ends without waiting for its threads");
            return self.stop_keeper(false);
        }
        let mut next = events.recv_timeout(STOP_MAX);
        if next == Ok(StopEvent::Hurried) {
            next = events.recv_timeout(HURRIED_STOP_MAX);
        }
        if next == Err(RecvTimeoutError::Timeout) {
            tracing::error!("a thread has not ended in time and is left behind: a step of a game takes too long");
        }
        // The rooms have told their ends by now, and the thread sends for two seconds more.
        if let Some((stop, thread)) = self.webhooks.take() {
            let _ = stop.send(());
            if !ends_in_time("webhooks-stop", || join([thread].into())) {
                tracing::error!("the disk does not take the events of webhooks in time, and some may be lost");
                next = Err(RecvTimeoutError::Timeout);
            }
        }
        // Nobody writes to the journal any more.
        self.stop_keeper(next != Err(RecvTimeoutError::Timeout));
    }
}

impl Running {
    /// Waits until the disk has the journal, or too long: a disk that hangs must not keep the process. When everything has
    /// ended as it should, the next process learns so.
    fn stop_keeper(&mut self, have_ended: bool) {
        let Some(keeper) = self.keeper.take() else { return };
        if !ends_in_time("journal-stop", || keeper.stop()) {
            tracing::error!("the disk does not take the journal in time, and its last writes may be lost");
        } else if let Some(folder) = self.folder.as_ref().filter(|_| have_ended && !self.has_failed) {
            folder.note_good_end();
        }
    }
}

/// Does work that waits for the disk in a thread of its own; says whether it ends before [`STOP_MAX`].
fn ends_in_time(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    let (event, ended) = mpsc::channel();
    let working = Builder::new().name(name.into()).spawn(move || {
        work();
        // Nobody receives it when it was too long.
        let _ = event.send(());
    });
    working.is_ok() && ended.recv_timeout(STOP_MAX).is_ok()
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread has panicked");
        }
    }
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

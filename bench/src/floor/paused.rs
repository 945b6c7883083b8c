//! A server that stands still while the other side is measured: it costs nothing then and keeps its clients.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process that runs when it is told to, and for good when this is dropped.
#[derive(Debug)]
pub struct Pausable(Pid);

impl Pausable {
    /// A running process.
    ///
    /// # Errors
    /// For a number that is no process id.
    pub fn new(pid: u32) -> Result<Self> {
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(Self).context("a process id is positive")
    }

    /// Stops it where it is.
    ///
    /// # Errors
    /// When it may not be signalled.
    pub fn pause(&self) -> Result<()> {
        kill_process(self.0, Signal::STOP).context("the server cannot be paused")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it may not be signalled.
    pub fn resume(&self) -> Result<()> {
        kill_process(self.0, Signal::CONT).context("the server cannot go on")
    }
}

impl Drop for Pausable {
    fn drop(&mut self) {
        // Stopped it could not even be asked to end. If it is gone, nothing is left to do.
        let _ = self.resume();
    }
}

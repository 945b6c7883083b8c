//! A server that stands still while the other side is measured: it then costs nothing and keeps its clients.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process that can be paused and resumed; it runs on for good when this is dropped.
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

    /// Stops the process where it is.
    ///
    /// # Errors
    /// When this process may not signal it.
    pub fn pause(&self) -> Result<()> {
        kill_process(self.0, Signal::STOP).context("the server cannot be paused")
    }

    /// Lets the process go on.
    ///
    /// # Errors
    /// When this process may not signal it.
    pub fn resume(&self) -> Result<()> {
        kill_process(self.0, Signal::CONT).context("the server cannot go on")
    }
}

impl Drop for Pausable {
    fn drop(&mut self) {
        // A stopped process could not even be asked to end. If the process is gone, nothing is left to do.
        let _ = self.resume();
    }
}

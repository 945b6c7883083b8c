//! The signals that end a server, and the one that does not.

use super::StartError;
use super::watch::Watch;
use crate::limits::SUPERVISOR_INTERVAL;
use crate::threads::ThreadFault;
use std::time::Instant;
use tickwire::message::close::CloseCode;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Waits for the signals that end a server.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    received: Received,
}

#[derive(Debug)]
struct Received {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes over the signals. A program must do this before anything outside can know that the server runs: until then
    /// a signal ends the process at once.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let received = Received {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        drop(entered);
        Ok(Self { runtime, received })
    }

    /// Waits for a signal and returns the close code for the players. After SIGINT it says that the server goes away;
    /// after SIGTERM it says that the server restarts and that players may come back in a moment. SIGHUP has
    /// what can be read again read again by `reload`; the end of a terminal session must not end the games of others.
    ///
    /// # Errors
    /// When the supervisor finds a thread that has failed.
    pub(super) fn wait(&mut self, mut watch: Watch<'_>, reload: impl Fn()) -> Result<CloseCode, ThreadFault> {
        let code = self.runtime.block_on(async {
            loop {
                tokio::select! {
                    order = self.received.next() => match order {
                        Order::Stop(code) => return Ok(code),
                        Order::Reload => watch.reload(&reload),
                    },
                    () = tokio::time::sleep(SUPERVISOR_INTERVAL) => watch.look(Instant::now())?,
                }
            }
        })?;
        watch.stop();
        tracing::info!(code = code.number(), "stopping");
        Ok(code)
    }

    /// Waits for another signal; false when the server has `ended` before one came.
    pub(super) fn wait_until(&mut self, ended: oneshot::Receiver<()>) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.received.stop() => true,
                _ = ended => false,
            }
        })
    }
}

/// The order that a signal gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Stop(CloseCode),
    Reload,
}

impl Received {
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.interrupt.recv() => Order::Stop(CloseCode::Away),
            _ = self.terminate.recv() => Order::Stop(CloseCode::Restart),
            _ = self.hangup.recv() => Order::Reload,
        }
    }

    /// Waits for a signal that ends the server.
    async fn stop(&mut self) {
        while self.next().await == Order::Reload {}
    }
}

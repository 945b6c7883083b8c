//! The look at the server's threads and its readiness, and the word of it to the service manager.

use super::sd_notify::Notifier;
use crate::readiness::Readiness;
use crate::threads::{Supervisor, ThreadFault};
use std::sync::Arc;
use std::time::Instant;

/// The words for a server that takes in players.
const READY: &str = "ready: players are taken in";

/// Looks after the server on behalf of its service manager.
pub(super) struct Watch<'a> {
    supervisor: &'a mut Supervisor,
    readiness: Arc<Readiness>,
    notifier: Notifier,
}

impl<'a> Watch<'a> {
    /// The watch over a server that accepts connections from now on.
    pub(super) fn begin(supervisor: &'a mut Supervisor, readiness: Arc<Readiness>, mut notifier: Notifier) -> Self {
        notifier.ready(&status_of(&readiness));
        Self { supervisor, readiness, notifier }
    }

    /// Looks at all threads and at the readiness. A sign of life goes out only while every thread works.
    ///
    /// # Errors
    /// The first thread that has failed. The service manager has been told then.
    pub(super) fn look(&mut self, now: Instant) -> Result<(), ThreadFault> {
        self.supervisor.look().inspect_err(|fault| self.notifier.stopping(&format!("failed: {fault}")))?;
        match self.supervisor.standing_still() {
            Some(name) => self.notifier.status(&format!("the thread {name} stands still")),
            None => {
                self.notifier.status(&status_of(&self.readiness));
                self.notifier.alive(now);
            }
        }
        Ok(())
    }

    /// Has the settings read again that can be.
    pub(super) fn reload(&mut self, reload: impl FnOnce()) {
        self.notifier.reloading();
        reload();
        self.notifier.ready(&status_of(&self.readiness));
    }

    /// The server has been told to stop.
    pub(super) fn stop(mut self) {
        self.notifier.stopping("stopping: players are told to come back, requests under way are answered");
    }
}

/// The readiness in one line.
fn status_of(readiness: &Readiness) -> String {
    let reasons: Vec<String> = readiness.reasons().map(|reason| reason.to_string()).collect();
    if reasons.is_empty() { READY.into() } else { reasons.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::super::sd_notify::tests::{manager, received};
    use super::*;
    use crate::limits::{STALL_MAX, SUPERVISOR_INTERVAL};
    use crate::readiness::Reason;
    use crate::threads::ThreadHealth;

    #[test]
    fn a_thread_that_stands_still_stops_the_signs_of_life_long_before_it_has_failed() {
        let (shard, net) = (ThreadHealth::new("shard-0", STALL_MAX), ThreadHealth::new("net", STALL_MAX));
        let mut supervisor = Supervisor::default();
        supervisor.watch(&shard);
        supervisor.watch(&net);
        let (manager, notifier) = manager("stalled");
        let mut watch = Watch::begin(&mut supervisor, Arc::default(), notifier);
        let mut now = Instant::now();
        let mut look = |watch: &mut Watch<'_>| {
            net.works();
            now += SUPERVISOR_INTERVAL;
            watch.look(now)
        };
        assert_eq!(received(&manager), ["READY=1\nSTATUS=ready: players are taken in"]);
        for _ in 0..40 {
            shard.works();
            assert_eq!(look(&mut watch), Ok(()));
        }
        // Ten seconds of a watchdog that waits for four.
        assert_eq!(received(&manager), ["WATCHDOG=1"; 10]);
        // From here on the shard works on the same thing, as in an endless step of a game.
        let last = "STATUS=the thread shard-0 stands still";
        let mut said = Vec::new();
        for _ in 0..STALL_MAX.div_duration_f64(SUPERVISOR_INTERVAL) as u32 - 1 {
            assert_eq!(look(&mut watch), Ok(()));
            said.extend(received(&manager));
        }
        let signs = said.iter().take_while(|message| *message == "WATCHDOG=1").count();
        assert!(signs <= 3 && said[signs..] == [last], "{said:?}");
        assert!(look(&mut watch).is_err());
        let end = "STOPPING=1\nSTATUS=failed: the thread shard-0 has stood still for 10 s";
        assert_eq!(received(&manager), [end]);
    }

    #[test]
    fn the_manager_shows_why_no_players_are_taken_in_and_hears_of_a_reload() {
        let mut supervisor = Supervisor::default();
        let (manager, notifier) = manager("shown");
        let readiness: Arc<Readiness> = Arc::default();
        let mut watch = Watch::begin(&mut supervisor, Arc::clone(&readiness), notifier);
        readiness.hold(Reason::Memory, true);
        let now = Instant::now();
        assert_eq!(watch.look(now), Ok(()));
        assert_eq!(watch.look(now), Ok(()));
        let mut said = received(&manager);
        assert_eq!(said.split_off(1), ["STATUS=full: the process uses as much memory as it may", "WATCHDOG=1"]);
        let mut reloaded = false;
        watch.reload(|| reloaded = true);
        assert!(reloaded);
        let said = received(&manager);
        assert!(said[0].starts_with("RELOADING=1") && said[1].starts_with("READY=1"), "{said:?}");
        watch.stop();
        assert!(received(&manager)[0].starts_with("STOPPING=1"));
    }
}

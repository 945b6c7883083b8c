//! How much of a core a shard uses, measured once a second.

use crate::clock::{Clock, thread_cpu_ns};
use crate::threads::Load;
use std::sync::Arc;

/// Nanoseconds between two measurements.
const INTERVAL_NS: u64 = 1_000_000_000;

/// Measures the thread that calls it.
#[derive(Debug)]
pub(super) struct LoadMeter {
    load: Arc<Load>,
    measured_ns: u64,
    cpu_ns: u64,
}

impl LoadMeter {
    pub(super) const fn new(load: Arc<Load>) -> Self {
        Self { load, measured_ns: 0, cpu_ns: 0 }
    }

    /// Measures, if the last measurement is a second old.
    pub(super) fn measure(&mut self, clock: Clock) {
        let now_ns = clock.now_ns();
        let elapsed_ns = now_ns - self.measured_ns;
        if elapsed_ns < INTERVAL_NS {
            return;
        }
        let cpu_ns = thread_cpu_ns();
        self.load.set(cpu_ns.saturating_sub(self.cpu_ns), elapsed_ns);
        (self.measured_ns, self.cpu_ns) = (now_ns, cpu_ns);
    }

    /// The time of the next measurement. A shard that rests needs none, once it is known that it does.
    pub(super) fn next_ns(&self) -> Option<u64> {
        (self.load.percent() > 0).then_some(self.measured_ns + INTERVAL_NS)
    }
}

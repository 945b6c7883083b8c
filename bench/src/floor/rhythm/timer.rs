//! A thread that only sleeps until one deadline after the other, and notes how late it woke.

use crate::pinning::{MEASURED_CORE, Times, own_times, pin_this_thread};
use crate::precise::{due_ns, now_ns, sleep_until, tighten_timers};
use anyhow::{Context, Result};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use tickwire_tools::measure::Distribution;

/// The measurement of one turn: how late the thread woke, in nanoseconds, and its CPU times.
type Slept = (Distribution, Times);

/// The handle of the thread; the thread ends when this is dropped.
pub(super) struct BareTimer {
    turns: Sender<u64>,
    found: Receiver<Result<Slept>>,
}

impl BareTimer {
    /// A thread on the measured core that wakes this many times a second when it is its turn.
    pub(super) fn start(rate_hz: u64) -> Result<Self> {
        let ((turns, told), (tell, found)) = (channel(), channel());
        Builder::new().name("bare-timer".into()).spawn(move || {
            let ready = pin_this_thread(MEASURED_CORE);
            tighten_timers();
            for length_ns in told {
                let slept = ready
                    .as_ref()
                    .map_or_else(|error| Err(anyhow::anyhow!("{error:#}")), |()| sleep(rate_hz, length_ns));
                if tell.send(slept).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { turns, found })
    }

    /// Makes the thread sleep and wake for this long.
    pub(super) fn measure(&self, length_ns: u64) -> Result<Slept> {
        self.turns.send(length_ns).context("the timer has ended")?;
        self.found.recv().context("the timer has ended")?
    }
}

fn sleep(rate_hz: u64, length_ns: u64) -> Result<Slept> {
    let start_ns = now_ns();
    let end_ns = start_ns + length_ns;
    let (mut late_ns, before) = (Distribution::default(), own_times()?);
    for number in 1.. {
        let at_ns = due_ns(start_ns, number, rate_hz);
        if at_ns > end_ns {
            break;
        }
        sleep_until(at_ns);
        late_ns.record(now_ns().saturating_sub(at_ns));
    }
    Ok((late_ns, own_times()?.since(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_wakes_at_every_deadline_and_never_too_early() {
        let timer = BareTimer::start(1_000).unwrap();
        for _ in 0..2 {
            let (late_ns, times) = timer.measure(50_000_000).unwrap();
            assert_eq!(late_ns.count(), 50);
            assert!(late_ns.quantile(0.5) > 0 && times.ran_ns > 0);
        }
    }
}

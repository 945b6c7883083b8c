//! The input clock: which tick the client should be making inputs for.
//!
//! Inputs should arrive just before the server needs them. Each snapshot says how many ticks early the newest
//! input was; the clock keeps the worst of the last second at one tick early by running a few percent faster or
//! slower (the time dilation of Overwatch, GDC 2017), and jumps only when it is far off.

use crate::Tick;

/// Ticks early that the worst input of the last second should be.
const LEAD_TARGET_TICKS: f64 = 1.0;

/// The clock runs at most so much faster or slower.
const DILATION_MAX: f64 = 0.05;

/// Off by more than this the clock jumps: dilation would take too long.
const JUMP_TICKS: f64 = 6.0;

/// Observations within which the worst is looked for.
const WINDOW_US: u64 = 1_000_000;

/// Which tick the client makes inputs for, as a function of local time.
#[derive(Debug, Clone)]
pub struct InputClock {
    tick_us: f64,
    base_us: u64,
    base_tick: f64,
    rate: f64,
    /// The worst lead of the window that is running, and of the one before.
    worst: [f64; 2],
    window_end_us: u64,
    /// Observations before this were on their way when the clock last jumped.
    settled_us: u64,
    /// The newest input that was observed: seen again, it says nothing new.
    observed: Tick,
}

impl InputClock {
    /// A clock for ticks of this length, in microseconds.
    #[must_use]
    pub const fn new(tick_us: f64) -> Self {
        let worst = [f64::INFINITY; 2];
        Self {
            tick_us,
            base_us: 0,
            base_tick: 0.0,
            rate: 1.0,
            worst,
            window_end_us: 0,
            settled_us: 0,
            observed: Tick(0),
        }
    }

    /// Sets the clock to `tick` now. `round_trip_us` is how long the effect takes to show.
    pub fn set(&mut self, tick: f64, now_us: u64, round_trip_us: u64) {
        (self.base_us, self.base_tick, self.rate) = (now_us, tick, 1.0);
        self.worst = [f64::INFINITY; 2];
        self.window_end_us = now_us + WINDOW_US;
        self.settled_us = now_us + round_trip_us;
    }

    /// The tick, with its fraction, that it is now.
    #[must_use]
    pub fn tick_at(&self, now_us: u64) -> f64 {
        let elapsed_us = now_us.saturating_sub(self.base_us);
        self.base_tick + elapsed_us as f64 * self.rate / self.tick_us
    }

    /// The local time at which it is `tick`, in microseconds: [`tick_at`](Self::tick_at) the other way round.
    #[must_use]
    pub fn time_of(&self, tick: Tick) -> u64 {
        let ahead_us = (f64::from(tick.0) - self.base_tick) * self.tick_us / self.rate;
        self.base_us.saturating_add_signed(ahead_us as i64)
    }

    /// Learns that in the snapshot of tick `at` the newest input was the one for tick `newest`.
    pub fn observe(&mut self, newest: Tick, at: Tick, now_us: u64, round_trip_us: u64) {
        let is_news = newest > self.observed;
        self.observed = self.observed.max(newest);
        if !is_news || now_us < self.settled_us {
            return;
        }
        let lead = newest.since(at) as f64;
        if now_us >= self.window_end_us {
            self.worst = [f64::INFINITY, self.worst[0]];
            self.window_end_us = now_us + WINDOW_US;
        }
        self.worst[0] = if lead < self.worst[0] { lead } else { self.worst[0] };
        let worst = if self.worst[1] < self.worst[0] { self.worst[1] } else { self.worst[0] };
        let behind = LEAD_TARGET_TICKS - worst;
        let tick = self.tick_at(now_us);
        if !(-2.0 * JUMP_TICKS..=JUMP_TICKS).contains(&behind) {
            self.set(tick + behind, now_us, round_trip_us);
            return;
        }
        (self.base_us, self.base_tick) = (now_us, tick);
        // Late inputs are lost play: catch up fast. Early ones only add delay: give back slowly.
        let wanted = if behind > 0.0 { behind * 0.02 } else { behind * 0.005 };
        self.rate = 1.0 + wanted.clamp(-DILATION_MAX, DILATION_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the clock against a server for some seconds and gives the leads of the last second.
    fn run(start_tick: f64, delay_us: u64, jitter_us: u64, seconds: u64) -> alloc::vec::Vec<i8> {
        let tick_us = 33_333_u64;
        let mut clock = InputClock::new(tick_us as f64);
        clock.set(start_tick, 0, 2 * delay_us);
        let mut dice = crate::Rng::new(3);
        let (mut sent, mut leads) = (alloc::collections::VecDeque::new(), alloc::vec::Vec::new());
        let (mut newest, mut made) = (-1_i64, start_tick as i64);
        let mut back = alloc::collections::VecDeque::new();
        for now_us in (0..seconds * 1_000_000).step_by(1_000) {
            while (clock.tick_at(now_us) as i64) > made {
                made += 1;
                let jitter = u64::from(dice.below(u32::try_from(jitter_us).unwrap() + 1));
                sent.push_back((now_us + delay_us + jitter, made));
            }
            if now_us % tick_us < 1_000 {
                let tick = i64::try_from(now_us / tick_us).unwrap();
                while sent.front().is_some_and(|(at, _)| *at <= now_us) {
                    newest = newest.max(sent.pop_front().unwrap().1);
                }
                if newest >= 0 {
                    let lead = i8::try_from((newest - tick).clamp(-127, 127)).unwrap();
                    back.push_back((now_us + delay_us, lead, u32::try_from(tick).unwrap()));
                }
            }
            while back.front().is_some_and(|(at, ..)| *at <= now_us) {
                let (_, lead, tick) = back.pop_front().unwrap();
                clock.observe(Tick(tick).offset(i64::from(lead)), Tick(tick), now_us, 2 * delay_us);
                if now_us > (seconds - 1) * 1_000_000 {
                    leads.push(lead);
                }
            }
        }
        leads
    }

    #[test]
    fn inputs_settle_a_tick_or_two_early_wherever_the_clock_started() {
        for (start, delay_us, jitter_us) in
            [(0.0, 10_000, 0), (0.0, 150_000, 0), (40.0, 50_000, 30_000), (3.0, 50_000, 60_000)]
        {
            let leads = run(start, delay_us, jitter_us, 20);
            assert!(leads.len() > 25);
            let (least, most) = (*leads.iter().min().unwrap(), *leads.iter().max().unwrap());
            assert!(least >= 0, "inputs came late: {leads:?} from {start}");
            assert!(most <= 6, "inputs came too early: {leads:?} from {start}");
        }
    }
}

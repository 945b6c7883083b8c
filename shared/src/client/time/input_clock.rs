//! The input clock: which tick the client should be making inputs for.
//!
//! Inputs should arrive just before the server needs them. Each snapshot says how many ticks early the newest input was
//! when the tick of the snapshot was made: the input lead. The clock looks at the last 5 seconds and keeps all but a
//! few percent of the ticks supplied, stalls included as far as running ahead can help at all. It gets there by running
//! a few percent faster or slower (the time dilation of Overwatch, GDC 2017), and jumps only when it is far off.
//!
//! # The control law
//!
//! The controlled value is the lead of the worst input that still counts. It should be 0.75 ticks, and `behind` is the
//! difference, positive for a clock that is late. Per tick, a clock that is late gains 2 % of `behind`, and one that is
//! early gives back 1 % of it, within a bound of 5 % of a tick. Such a proportional law lets the error die down
//! exponentially, with a time constant of 50 ticks for a late clock and of 100 ticks for an early one; from 2.5 ticks
//! behind on, or 5 ticks ahead, the rate is at its bound. The late clock is faster because a late input is lost play,
//! while an early one costs no more than delay.
//!
//! **Why the worst and not the mean.** Jitter has a long tail: a mean lead of one tick says nothing about the one input
//! in twenty that came too late. The worst lead of a window decides whether the ticks were supplied. It also gives the
//! law its memory: late inputs raise the lead within a second or two, and keep it up until they have left the window.
//!
//! **Why the law does not swing.** A change of the clock shows in the leads only a round trip later, and a controller
//! that waits for its effect overshoots. An observation is therefore kept as the lead *minus* the clock's own offset:
//! how early the input would have been for a clock that shows 0 at time 0. The present offset is added again when the
//! worst one is judged, so each step of the clock counts at once, for old observations as well as new ones. The offset
//! of an observation is the one at its arrival, not the one at which its input was made. Dilation changes it by at most
//! 5 % of a round trip in between; a jump changes it by all of the jump, and so observations that were on their way
//! during a jump are left out.
//!
//! **Which inputs may be late.** Two kinds are not provided for. One in a hundred observations may starve, because the
//! last percent would cost the most delay. And a stall that would need a lead of more than 250 ms is left to end by
//! itself, unless such stalls make up more than one second of the window: that is not a stall any more but a longer way
//! to the server. Whether a stall is that long shows only as it goes on, and by then its first observations have
//! already been counted. They are *unproven* until the next input arrives, and are taken out again if the stall turns
//! out too long.

use crate::tick::{Tick, TickTime};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Part of the observations that may be of late inputs: to supply the last of the ticks too would cost the player more
/// delay than these ticks are worth.
const STARVED_PART: f64 = 0.01;

/// Lead that the worst of the other inputs should have, in ticks: a reserve for the next jitter.
const LEAD_TARGET_TICKS: f64 = 0.75;

/// Longest lead that stalls are provided for with, in microseconds.
const PROVIDED_US: f64 = 250_000.0;

/// Longer stalls are provided for after all if they make up more than this of the window, in microseconds: then the way
/// to the server has become longer.
const STALLED_US_MAX: f64 = 1_000_000.0;

/// Part by which the clock runs faster or slower at the most.
const DILATION_MAX: f64 = 0.05;

/// The clock jumps when it is behind by more ticks than this, because dilation would take too long. Ahead it may be by
/// twice as many.
const JUMP_TICKS: f64 = 8.0;

/// Observations after which the first guess is compared with what came, and how many ticks too far ahead it may be. Too
/// far behind it may be half as many.
const FIRST_OBSERVATIONS: usize = 5;
const FIRST_JUMP_TICKS: f64 = 2.0;

/// Length of the window of observations, in microseconds.
const WINDOW_US: u64 = 5_000_000;

/// Observations that the window holds at the most; only games above 60 Hz make more of them in 5 seconds.
const OBSERVATIONS_MAX: usize = 300;

/// The tick that a client makes inputs for, as a function of local time: a straight line, from a base at a rate.
#[derive(Debug, Clone)]
pub struct InputClock {
    tick_us: f64,
    base_us: u64,
    base_tick: TickTime,
    rate: f64,
    /// The time of each observation, and how many ticks early its input would have been for a clock that shows 0 at
    /// time 0.
    observations: VecDeque<(u64, f64)>,
    /// The same leads in ascending order. Each is put in its place as it comes and goes, because the code of a sort
    /// would be 10 KB of every page.
    sorted: Vec<f64>,
    /// Observations before this time were on their way when the clock last jumped.
    settled_us: u64,
    /// Inputs for ticks before this one were made before the clock last jumped.
    settled_tick: TickTime,
    /// The newest input that was observed, and its lead in ticks.
    newest: (Tick, f64),
    /// The number of the last observations that belong to a stall which may turn out too long to be provided for.
    unproven: usize,
    /// Whether the guess that the clock was first set by is yet to be compared with what came.
    is_fresh: bool,
}

impl InputClock {
    /// A clock for ticks of this length, in microseconds.
    #[must_use]
    pub const fn new(tick_us: f64) -> Self {
        Self {
            tick_us,
            base_us: 0,
            base_tick: TickTime(0.0),
            rate: 1.0,
            observations: VecDeque::new(),
            sorted: Vec::new(),
            settled_us: 0,
            settled_tick: TickTime(0.0),
            newest: (Tick(0), 0.0),
            unproven: 0,
            is_fresh: true,
        }
    }

    /// The length of a tick, in microseconds.
    pub(crate) const fn tick_us(&self) -> f64 {
        self.tick_us
    }

    /// Inputs up to this one were made before the clock was set, and say nothing of it.
    pub(crate) fn forget_until(&mut self, made: Tick) {
        self.settled_tick = self.settled_tick.later(made.next().into());
    }

    /// There was a pause: inputs that were made before now say nothing of the connection as it is.
    pub(crate) fn forget_before(&mut self, now_us: u64) {
        let tick = self.tick_at(now_us);
        self.settled_tick = self.settled_tick.later(tick);
    }

    /// The server's time stood still for so many ticks: the clock jumps back by as many, and goes on as if nothing had
    /// happened. Of an input that was made before, every lead that was observed would have been longer by as many.
    pub(crate) fn shift_back(&mut self, ticks: f64) {
        self.base_tick = self.base_tick - ticks;
        self.settled_tick = self.settled_tick - ticks;
        self.observations.iter_mut().for_each(|(_, early)| *early += ticks);
        self.sorted.iter_mut().for_each(|early| *early += ticks);
    }

    /// Sets the clock to `tick` now. `round_trip_us` is the time until the effect shows in the observations.
    pub fn set(&mut self, tick: TickTime, now_us: u64, round_trip_us: u64) {
        (self.base_us, self.base_tick, self.rate) = (now_us, tick, 1.0);
        self.observations.clear();
        self.sorted.clear();
        self.unproven = 0;
        (self.settled_us, self.settled_tick) = (now_us + round_trip_us, tick);
    }

    /// The tick, with its fraction, that the clock shows now.
    #[must_use]
    pub fn tick_at(&self, now_us: u64) -> TickTime {
        let elapsed_us = now_us.saturating_sub(self.base_us);
        self.base_tick + elapsed_us as f64 * self.rate / self.tick_us
    }

    /// The local time at which the clock shows `tick`, in microseconds: the inverse of [`tick_at`](Self::tick_at).
    #[must_use]
    pub fn time_of(&self, tick: Tick) -> u64 {
        let ahead_us = (TickTime::from(tick) - self.base_tick) * self.tick_us / self.rate;
        self.base_us.saturating_add_signed(ahead_us as i64)
    }

    /// Learns that in the snapshot of tick `at` the newest input was the one for tick `newest`.
    pub fn observe(&mut self, newest: Tick, at: Tick, now_us: u64, round_trip_us: u64) {
        let lead = newest.since(at) as f64;
        let is_news = newest > self.newest.0;
        if is_news {
            self.newest = (newest, lead);
        }
        let provided = PROVIDED_US / self.tick_us;
        // Without a newer input the lead shrinks from tick to tick. When it has shrunk for longer than is provided for,
        // no lead would have helped: the connection is in a tunnel, or this client itself was asleep.
        if !is_news && self.newest.1 - lead > provided {
            for _ in 0..core::mem::take(&mut self.unproven) {
                let last = self.observations.pop_back();
                self.forget(last);
            }
            return;
        }
        if is_news {
            self.unproven = 0;
        }
        // An input for a tick that the clock has yet to show was made before the clock jumped back. An input for a tick
        // before the jump was made before it, or too late.
        let known = self.settled_tick..=self.tick_at(now_us);
        if now_us < self.settled_us || !known.contains(&TickTime::from(newest)) {
            return;
        }
        self.unproven += usize::from(!is_news);
        let offset = self.tick_at(now_us) - TickTime(now_us as f64 / self.tick_us);
        self.remember(now_us, lead - offset);
        let behind = LEAD_TARGET_TICKS - (self.worst(provided) + offset);
        let tick = self.tick_at(now_us);
        // The first guess is by the time that the welcome took. Where that was wrong, inputs would come late, or early and
        // take effect late, until the clock has slid to its place: it jumps instead, once.
        let is_guess_known = self.is_fresh && self.observations.len() >= FIRST_OBSERVATIONS;
        self.is_fresh &= !is_guess_known;
        let is_far = !(-2.0 * JUMP_TICKS..=JUMP_TICKS).contains(&behind);
        if is_far || is_guess_known && !(-FIRST_JUMP_TICKS..=FIRST_JUMP_TICKS / 2.0).contains(&behind) {
            self.set(tick + behind, now_us, round_trip_us);
            return;
        }
        (self.base_us, self.base_tick) = (now_us, tick);
        // A late input is lost play, so the clock catches up fast. An early one only adds delay: that is given back
        // slowly.
        let wanted = if behind > 0.0 { behind * 0.02 } else { behind * 0.01 };
        self.rate = 1.0 + wanted.clamp(-DILATION_MAX, DILATION_MAX);
    }

    fn remember(&mut self, now_us: u64, early: f64) {
        let is_old = |(at_us, _): &(u64, f64)| now_us.saturating_sub(*at_us) > WINDOW_US;
        while self.observations.len() >= OBSERVATIONS_MAX || self.observations.front().is_some_and(is_old) {
            let first = self.observations.pop_front();
            self.forget(first);
        }
        self.observations.push_back((now_us, early));
        let place = self.sorted.partition_point(|known| *known < early);
        self.sorted.insert(place, early);
    }

    fn forget(&mut self, observation: Option<(u64, f64)>) {
        let place = observation.and_then(|(_, early)| self.sorted.iter().position(|known| *known == early));
        if let Some(place) = place {
            self.sorted.remove(place);
        }
    }

    /// The number of observations that may belong to stalls which are not provided for.
    fn stalled_max(&self) -> usize {
        let known_us = |observation: Option<&(u64, f64)>| observation.map_or(0, |(at_us, _)| *at_us);
        let span_us = known_us(self.observations.back()).saturating_sub(known_us(self.observations.front())) as f64;
        let part = if span_us > STALLED_US_MAX { STALLED_US_MAX / span_us } else { 1.0 };
        (self.observations.len() as f64 * part) as usize
    }

    /// The worst lead of the inputs, apart from those that may be late.
    fn worst(&self, provided: f64) -> f64 {
        let best = self.sorted.last().copied().unwrap_or(0.0);
        let helpless = self.sorted.partition_point(|early| best - early > provided).min(self.stalled_max());
        let may_starve = (self.sorted.len() as f64 * STARVED_PART) as usize;
        self.sorted.get(helpless + may_starve).copied().unwrap_or(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, LinkProfile};

    /// The record of a clock that ran against a server.
    #[derive(Default)]
    struct Run {
        /// Each tick's lead and the clock's rate.
        leads: Vec<(i64, f64)>,
        /// The times, in seconds, at which the clock advanced by more or less than its rate allows.
        jumps: Vec<f64>,
    }

    impl Run {
        /// The leads from one second to another, in order.
        fn sorted(&self, from_seconds: usize, to_seconds: usize) -> Vec<i64> {
            let mut leads: Vec<i64> =
                self.leads[30 * from_seconds..30 * to_seconds].iter().map(|(lead, _)| *lead).collect();
            leads.sort_unstable();
            leads
        }

        /// The number of jumps after so many seconds.
        fn jumps_after(&self, seconds: f64) -> usize {
            self.jumps.iter().filter(|at| **at > seconds).count()
        }
    }

    /// Runs the clock against a server for some seconds, with inputs over a link; gives each tick's lead and the
    /// clock's rate.
    fn run(start_tick: f64, profile: LinkProfile, seconds: u64) -> Vec<(i64, f64)> {
        run_over(start_tick, &[(0, profile)], seconds).leads
    }

    /// The same over links that replace each other, each from a second on.
    fn run_over(start_tick: f64, links: &[(u64, LinkProfile)], seconds: u64) -> Run {
        let tick_us = 33_333_u64;
        let delay_at = |profile: LinkProfile| u64::from(profile.latency_ms) * 500;
        let mut delay_us = delay_at(links[0].1);
        let mut clock = InputClock::new(tick_us as f64);
        clock.set(TickTime(start_tick), 0, 2 * delay_us);
        let (mut up, mut back, mut run) = (Link::new(links[0].1, 3), VecDeque::new(), Run::default());
        let (mut newest, mut made, mut shown) = (Tick(0), start_tick as u32, TickTime(start_tick));
        for now_us in (0..seconds * 1_000_000).step_by(1_000) {
            if let Some((_, profile)) = links.iter().find(|(second, _)| second * 1_000_000 == now_us) {
                up.set_profile(*profile);
                delay_us = delay_at(*profile);
            }
            let step = (clock.tick_at(now_us) - shown) * tick_us as f64 / 1_000.0;
            shown = clock.tick_at(now_us);
            if now_us > 0 && !(0.9499..=1.0501).contains(&step) {
                run.jumps.push(now_us as f64 / 1e6);
            }
            while clock.tick_at(now_us).tick().0 > made {
                made += 1;
                up.send(made.to_le_bytes().to_vec(), now_us);
            }
            if now_us % tick_us < 1_000 {
                while let Some(message) = up.poll(now_us) {
                    newest = newest.max(Tick(u32::from_le_bytes(message.try_into().unwrap())));
                }
                let tick = Tick(u32::try_from(now_us / tick_us).unwrap());
                if newest > Tick(0) {
                    back.push_back((now_us + delay_us, tick, newest));
                }
                run.leads.push((newest.since(tick), clock.rate));
            }
            while let Some((_, tick, newest)) = back.pop_front_if(|(at, ..)| *at <= now_us) {
                clock.observe(newest, tick, now_us, 2 * delay_us);
            }
        }
        run
    }

    fn link(latency_ms: u32, jitter_ms: u32, stall_percent: u32) -> LinkProfile {
        LinkProfile { latency_ms, jitter_ms, stall_percent, ..LinkProfile::default() }
    }

    /// Percent of the ticks after some seconds for which no input came in time.
    fn starved(leads: &[(i64, f64)], after_seconds: usize) -> usize {
        let settled = &leads[30 * after_seconds..];
        100 * settled.iter().filter(|(lead, _)| *lead < 0).count() / settled.len()
    }

    #[test]
    fn inputs_settle_a_tick_or_two_early_wherever_the_clock_started() {
        for (start, link) in
            [(0.0, link(20, 0, 0)), (0.0, link(300, 0, 0)), (40.0, link(100, 30, 0)), (3.0, link(100, 60, 0))]
        {
            let leads = run(start, link, 30);
            assert!(starved(&leads, 5) <= 1, "{} % starved from {start} over {link}", starved(&leads, 5));
            let most = leads[20 * 30..].iter().map(|(lead, _)| *lead).max().unwrap();
            assert!(most <= 4, "inputs came {most} ticks early from {start} over {link}");
        }
    }

    #[test]
    fn stalls_are_provided_for_within_seconds_and_tunnels_are_not() {
        let leads = run(3.0, link(100, 30, 2), 120);
        assert!(starved(&leads, 10) <= 2, "{} % starved", starved(&leads, 10));
        assert!(leads.iter().all(|(lead, _)| *lead <= 10));
        let tunnels = LinkProfile { gap_ms: 1_500, gap_every_ms: 10_000, ..link(60, 5, 0) };
        let mut usual: Vec<i64> = run(3.0, tunnels, 120).into_iter().map(|(lead, _)| lead).collect();
        usual.sort_unstable();
        assert!((0..=3).contains(&usual[usual.len() / 2]), "{} ticks early", usual[usual.len() / 2]);
    }

    #[test]
    fn time_is_stretched_by_a_few_percent_at_most() {
        let rates = run(3.0, link(100, 60, 3), 60);
        assert!(rates.iter().all(|(_, rate)| (0.95..=1.05).contains(rate)));
        assert!(rates.iter().any(|(_, rate)| *rate > 1.02), "the clock catches up");
    }

    #[test]
    fn the_clock_never_jumps_over_jitter_and_stalls() {
        for link in [link(20, 0, 0), link(100, 30, 0), link(100, 60, 2), link(60, 20, 3), link(300, 80, 1)] {
            let run = run_over(3.0, &[(0, link)], 120);
            assert_eq!(run.jumps_after(5.0), 0, "over {link}: {:?}", run.jumps);
        }
    }

    #[test]
    fn the_clock_jumps_once_when_it_is_far_off() {
        // The way to the server grows by 20 ticks, and shrinks again.
        let (near, far) = (link(100, 10, 0), link(100 + 1_333, 10, 0));
        let run = run_over(3.0, &[(0, near), (20, far), (60, near)], 100);
        for (changed, end) in [(20, 60), (60, 100)] {
            let jumps: Vec<f64> =
                run.jumps.iter().copied().filter(|at| (f64::from(changed)..f64::from(end)).contains(at)).collect();
            assert_eq!(jumps.len(), 1, "after {changed} s: {jumps:?}");
            let late = run.sorted(changed as usize + 4, end as usize).into_iter().filter(|lead| *lead < 0).count();
            assert!(late <= 12, "{late} ticks starved from 4 s after the change on");
        }
        // At 5 ticks the clock only runs faster.
        let run = run_over(3.0, &[(0, near), (20, link(100 + 333, 10, 0))], 60);
        assert_eq!(run.jumps_after(5.0), 0, "{:?}", run.jumps);
        assert!(run.sorted(27, 60)[9] >= 0, "the clock has caught up after 7 s");
    }

    #[test]
    fn the_lead_rises_within_seconds_when_a_link_gets_worse_and_falls_back_when_it_gets_better() {
        let (good, bad) = (link(100, 0, 0), link(100, 90, 0));
        let run = run_over(3.0, &[(0, good), (20, bad), (60, good)], 100);
        let starved = |from, to| 100 * run.sorted(from, to).partition_point(|lead| *lead < 0) / (30 * (to - from));
        let median = |from, to| run.sorted(from, to)[15 * (to - from)];
        assert_eq!(starved(10, 20), 0);
        assert!(starved(20, 22) > 5, "{} % starved at first", starved(20, 22));
        assert!(starved(25, 60) <= 1, "{} % starved from 5 s after the change on", starved(25, 60));
        assert!(median(25, 60) > median(10, 20), "a worse link takes a longer lead");
        assert_eq!(median(72, 100), median(10, 20), "12 s after the change back");
        assert_eq!(run.jumps_after(5.0), 0, "{:?}", run.jumps);
    }

    #[test]
    fn a_wrong_first_guess_is_mended_within_a_second() {
        for start in [0.0, 3.0, 6.0, 12.0] {
            let leads: Vec<i64> = run(start, link(60, 5, 0), 3).into_iter().map(|(lead, _)| lead).collect();
            assert!(leads[40..].iter().all(|lead| (0..=3).contains(lead)), "started at {start}: {leads:?}");
        }
    }

    #[test]
    fn a_pause_of_the_server_puts_the_clock_back_by_as_much_and_leaves_the_lead_as_it_was() {
        let (tick_us, trip_us) = (33_333_u64, 60_000);
        let mut clock = InputClock::new(tick_us as f64);
        clock.set(TickTime(4.0), 0, trip_us);
        let play = |clock: &mut InputClock, from: u32, until: u32, still: u64| {
            for tick in from..until {
                let now_us = (u64::from(tick) + still) * tick_us;
                let newest = clock.tick_at(now_us - now_us.min(trip_us)).tick();
                clock.observe(newest, Tick(tick), now_us, trip_us);
            }
        };
        play(&mut clock, 1, 300, 0);
        let ahead = clock.tick_at(300 * tick_us) - TickTime(300.0);
        clock.shift_back(30.0);
        let after = clock.tick_at(330 * tick_us) - TickTime(300.0);
        assert!((after - ahead).abs() < 0.1, "ahead by {after} ticks, before by {ahead}");
        play(&mut clock, 300, 330, 30);
        let later = clock.tick_at(360 * tick_us) - TickTime(330.0);
        assert!((later - ahead).abs() < 1.0, "ahead by {later} ticks a second later, before by {ahead}");
    }
}

//! The interpolation buffer: the rows of others, shown as they were a moment ago, between two snapshots.
//!
//! The delay is the smallest one with which, over the last minute, next to no moment would have lacked a snapshot;
//! so it follows the spacing of snapshots, their jitter and their stalls. It is changed by playing a few percent
//! faster or slower, and by more only when far off. A gap that the delay does not cover is bridged: for a short while
//! the world is shown as it would be if everything went on as it did last.
//!
//! # The delay rule
//!
//! Each arrival says with which delay the picture would have lacked nothing until then. A snapshot is later than the
//! promptest ones by some ticks (`late`), and until it arrives the shown moment must not pass the snapshot before it:
//! the needed delay is `late` plus the ticks between the two. With any shorter delay the picture would have lacked one
//! for the difference, but for no longer than the time since the last arrival. Summed up over the arrivals of a minute,
//! this is the time that a given delay would have left without a snapshot. The rule takes the least delay that keeps
//! the sum within two budgets: 0.2 % of the time may be shown beyond the newest snapshot, and 0.03 % may stand still
//! because even that guess has ended.
//!
//! Time is counted, not snapshots. A stall that holds back seven snapshots is one interruption for the eye, and it
//! counts as one: the six that arrive together with the first have waited for nothing. A rule by mean and deviation of
//! the lateness would not do, as stalls are rare and long: they hardly move the deviation, and a multiple of it that
//! covered them would be far too much for a link with jitter alone.
//!
//! An arrival that no permitted delay would have helped is left out, because a tunnel says nothing about the delay that
//! the link needs when it works. All others are remembered for a minute, so the delay rises with the first bad stall
//! and falls only a minute after the last one: a delay that changed with every stall would cost more than it saves, as
//! each change plays the world of others faster or slower.

use crate::client::time::AfterPause;
use crate::tick::{Tick, TickTime};
use crate::world::interpolation::{InterpolationSample, within};
use crate::world::snapshot::Snapshot;
use alloc::collections::VecDeque;

/// Snapshots kept to show; a second at 30 Hz.
const KEPT: usize = 32;

/// Part by which the shown moment runs faster or slower than time at the most.
const DILATION_MAX: f64 = 0.06;

/// When the shown moment is behind by more than this (in ticks), as after a tunnel, it runs up to twice as fast: a
/// second of haste is less strange than others who are shown far in the past.
const HASTE_TICKS: f64 = 3.0;

/// When the shown moment is off by more than this (in ticks), it jumps.
const JUMP_TICKS: f64 = 16.0;

/// How far beyond the newest snapshot the world is shown at the most, in microseconds.
const BEYOND_US_MAX: f64 = 120_000.0;

/// Arrivals that the delay is judged by at the most; a minute at 30 Hz.
const ARRIVALS: usize = 1_800;

/// Arrivals after which the delay is judged again.
const JUDGED_ARRIVALS: u32 = 8;

/// The part of the time that may be shown beyond the newest snapshot, and the part in which the picture may stand
/// still.
///
/// Jitter and stalls that come again and again are covered, a hiccup in twenty seconds is guessed through: to cover
/// that too, players on such a link would see everything by half as much later.
const BEYOND_PART: f64 = 0.002;
const STILL_PART: f64 = 0.0003;

/// Delays are multiples of this part of a tick.
const DELAY_STEP_TICKS: f64 = 0.25;

/// The longest delay, in microseconds: a player on a worse link is better served by a picture that stops at times.
/// Above 90 Hz the bound is as many ticks as the kept snapshots hold.
const DELAY_US_MAX: f64 = 300_000.0;
const DELAY_TICKS_MAX: f64 = (KEPT - 4) as f64;

/// A snapshot's arrival, in ticks.
#[derive(Debug, Clone, Copy)]
struct SnapshotArrival {
    /// The delay with which no moment before it would have lacked a snapshot.
    needed: f32,
    /// Time since the arrival before.
    waited: f32,
}

/// So long without a snapshot is a pause, in ticks and in microseconds at the least: afterwards the server's time may
/// have moved on differently.
const PAUSE_TICKS: f64 = 8.0;
const PAUSE_US: f64 = 200_000.0;

/// After a pause, the promptest snapshots are known once none has come prompter for so many ticks, and microseconds at
/// the least.
const SETTLED_TICKS: f64 = 4.0;
const SETTLED_US: f64 = 130_000.0;

/// The server's time stood still in a pause if they are later than those before it by more than this, in ticks.
const SHIFT_TICKS: f64 = 1.5;

/// The promptness of the snapshots since a pause.
#[derive(Debug, Clone, Copy)]
struct Settling {
    /// Newest tick minus time of arrival in ticks, of the promptest.
    offset: f64,
    /// What it was when it last rose by half a tick, and when that was.
    risen: f64,
    risen_us: u64,
}

/// The buffer of received snapshots, and the moment between them that is shown.
#[derive(Debug, Clone)]
pub struct InterpolationBuffer {
    tick_us: f64,
    /// Ticks from one snapshot to the next.
    every_ticks: f64,
    kept: VecDeque<Snapshot>,
    /// Tick minus time of arrival in ticks, of the promptest snapshots.
    offset: f64,
    /// How much later than the promptest the snapshots usually are, in ticks: mean and mean deviation.
    lateness: f64,
    deviation: f64,
    arrived_us: u64,
    arrivals: VecDeque<SnapshotArrival>,
    unjudged: u32,
    delay: f64,
    shown: TickTime,
    shown_at_us: u64,
    underruns: u64,
    stood_still: u64,
    /// Set after a pause, until the promptness of snapshots is known again.
    settling: Option<Settling>,
    /// Whether the shown moment waits for a target that a pause has put back.
    waits: bool,
    /// Ticks for which the server's time stood still, until it was asked for.
    stood_still_ticks: Option<f64>,
}

impl InterpolationBuffer {
    /// A buffer for ticks of this length, in microseconds, and a snapshot every so many ticks.
    #[must_use]
    pub const fn new(tick_us: f64, every_ticks: u32) -> Self {
        Self {
            tick_us,
            every_ticks: every_ticks as f64,
            kept: VecDeque::new(),
            offset: 0.0,
            lateness: 0.0,
            deviation: 0.0,
            arrived_us: 0,
            arrivals: VecDeque::new(),
            unjudged: 0,
            delay: 2.0,
            shown: TickTime(0.0),
            shown_at_us: 0,
            underruns: 0,
            stood_still: 0,
            settling: None,
            waits: false,
            stood_still_ticks: None,
        }
    }

    /// Forgets the snapshots, for another connection. The arrivals, and with them the delay, stay.
    pub fn reset(&mut self) {
        self.kept.clear();
        (self.settling, self.waits, self.stood_still_ticks) = (None, false, None);
    }

    /// Takes in a snapshot that arrived now.
    pub fn push(&mut self, snapshot: &Snapshot, now_us: u64) {
        let observed = f64::from(snapshot.tick.0) - now_us as f64 / self.tick_us;
        match self.kept.back().map(|newest| newest.tick) {
            None => {
                (self.offset, self.lateness, self.deviation) = (observed, 0.0, 0.5);
                (self.shown, self.shown_at_us) = (TickTime::from(snapshot.tick) - self.delay, now_us);
            }
            Some(newest) => self.judge(snapshot.tick, newest, observed, now_us),
        }
        self.arrived_us = now_us;
        let mut slot =
            if self.kept.len() >= KEPT { self.kept.pop_front().unwrap_or_default() } else { Snapshot::default() };
        slot.copy_from(snapshot);
        self.kept.push_back(slot);
    }

    /// Looks at a snapshot after a pause: true while it is not known whether the server's time stood still. Snapshots
    /// that were on their way come all at once, each prompter than the one before; then they come evenly, as promptly as
    /// before the pause, or later by the ticks that the server has given up.
    fn settle_after_pause(&mut self, observed: f64, now_us: u64) -> bool {
        let waited_us = now_us.saturating_sub(self.arrived_us) as f64;
        let spacing_us = self.every_ticks * self.tick_us;
        if waited_us > most([PAUSE_TICKS * self.tick_us, PAUSE_US, 2.5 * spacing_us]) {
            self.settling = Some(Settling { offset: observed, risen: observed, risen_us: now_us });
        }
        let Some(after) = &mut self.settling else { return false };
        // Many small steps count as a rise too: a slow link delivers what has waited little by little.
        if observed > after.risen + 0.5 {
            (after.risen, after.risen_us) = (observed, now_us);
        }
        after.offset = if observed > after.offset { observed } else { after.offset };
        // On a link with jitter hardly any snapshot is as prompt as the promptest.
        if after.offset > self.offset - SHIFT_TICKS - self.lateness - 2.0 * self.deviation {
            self.settling = None;
            return false;
        }
        let settled_us = most([SETTLED_TICKS * self.tick_us, SETTLED_US, 2.0 * spacing_us]);
        if now_us.saturating_sub(after.risen_us) as f64 > settled_us {
            self.stood_still_ticks = Some(self.offset - after.offset);
            self.offset = after.offset;
            (self.settling, self.waits) = (None, true);
            return false;
        }
        true
    }

    /// The facts that are known of a pause before the newest snapshot; that the server's time stood still is said once.
    pub(crate) fn after_pause(&mut self) -> AfterPause {
        match self.stood_still_ticks.take() {
            Some(ticks) => AfterPause::StoodStill { ticks },
            None if self.settling.is_some() => AfterPause::Open,
            None => AfterPause::Past,
        }
    }

    /// Learns from an arrival how late snapshots are, and which delay they need.
    fn judge(&mut self, tick: Tick, newest: Tick, observed: f64, now_us: u64) {
        if self.settle_after_pause(observed, now_us) {
            return;
        }
        // A prompter snapshot moves the estimate at once, a later one slowly: clocks drift by far less.
        self.offset = if observed > self.offset { observed } else { self.offset + (observed - self.offset) * 0.002 };
        let late = self.offset - observed;
        self.deviation += (libm::fabs(late - self.lateness) - self.deviation) * 0.05;
        self.lateness += (late - self.lateness) * 0.05;
        let needed = (late + tick.since(newest) as f64) as f32;
        if f64::from(needed) > self.delay_ticks_max() + self.beyond_ticks_max() {
            // No delay would have helped: the connection was in a tunnel, or this client was asleep.
            return;
        }
        if self.arrivals.len() >= ARRIVALS {
            self.arrivals.pop_front();
        }
        let waited = (now_us.saturating_sub(self.arrived_us) as f64 / self.tick_us) as f32;
        self.arrivals.push_back(SnapshotArrival { needed, waited });
        self.unjudged += 1;
        // An arrival so late that the picture stood still is judged at once.
        if self.unjudged >= JUDGED_ARRIVALS || f64::from(needed) > self.delay + self.beyond_ticks_max() {
            self.unjudged = 0;
            self.delay = self.least_delay();
        }
    }

    /// The smallest delay that would have been good enough for the arrivals that are remembered.
    fn least_delay(&self) -> f64 {
        let waited: f64 = self.arrivals.iter().map(|arrival| f64::from(arrival.waited)).sum();
        let lacked = |delay: f64| {
            let lacked =
                |arrival: &SnapshotArrival| within(f64::from(arrival.needed) - delay, 0.0, f64::from(arrival.waited));
            self.arrivals.iter().map(lacked).sum::<f64>()
        };
        let is_enough = |delay: f64| {
            lacked(delay) <= BEYOND_PART * waited && lacked(delay + self.beyond_ticks_max()) <= STILL_PART * waited
        };
        // Both parts only shrink as the delay grows, so the least delay is found by halving.
        let (mut low, mut high) = (0_u32, (self.delay_ticks_max() / DELAY_STEP_TICKS) as u32);
        while low < high {
            let middle = u32::midpoint(low, high);
            if is_enough(1.0 + f64::from(middle) * DELAY_STEP_TICKS) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        1.0 + f64::from(high) * DELAY_STEP_TICKS
    }

    fn delay_ticks_max(&self) -> f64 {
        within(DELAY_US_MAX / self.tick_us, 1.0, DELAY_TICKS_MAX)
    }

    fn beyond_ticks_max(&self) -> f64 {
        BEYOND_US_MAX / self.tick_us
    }

    /// Moves the shown moment on to `now_us`.
    pub fn advance(&mut self, now_us: u64) {
        let Some(newest) = self.kept.back().map(|snapshot| TickTime::from(snapshot.tick)) else { return };
        let elapsed = now_us.saturating_sub(self.shown_at_us) as f64 / self.tick_us;
        self.shown_at_us = now_us;
        let target = TickTime(now_us as f64 / self.tick_us + self.offset - self.delay);
        let error = target - (self.shown + elapsed);
        self.waits &= error < 0.0;
        if libm::fabs(error) > JUMP_TICKS && !self.waits {
            self.shown = target;
        } else if !self.waits {
            let fastest = if error > HASTE_TICKS { 1.0 } else { DILATION_MAX };
            self.shown = self.shown + elapsed * (1.0 + within(error * 0.1, -DILATION_MAX, fastest));
        }
        if elapsed > 0.0 && self.shown > newest {
            self.underruns += 1;
        }
        let farthest = newest + self.beyond_ticks_max();
        if self.shown > farthest {
            // Further on the guess would be wrong more often than right, so the picture stands still.
            self.shown = farthest;
            self.stood_still += u64::from(elapsed > 0.0);
        }
    }

    /// How far behind the promptest snapshot the shown moment should be, in ticks.
    #[must_use]
    pub const fn delay_ticks(&self) -> f64 {
        self.delay
    }

    /// The moment that is shown, in ticks. It is a little beyond the newest snapshot when the next one is late.
    #[must_use]
    pub const fn shown(&self) -> TickTime {
        self.shown
    }

    /// Animation frames for which there was no snapshot to interpolate to: others were shown as they would be if
    /// everything went on, or stood still.
    #[must_use]
    pub const fn underruns(&self) -> u64 {
        self.underruns
    }

    /// The [`underruns`](Self::underruns) in which others stood still, because the newest snapshot was too old to go on
    /// from.
    #[must_use]
    pub const fn stood_still(&self) -> u64 {
        self.stood_still
    }

    /// The shown moment and the snapshots around it.
    #[must_use]
    pub fn sample(&self) -> Option<InterpolationSample<'_>> {
        self.sample_at(self.shown)
    }

    /// The sample at any moment, in ticks; for a moment before the kept snapshots, the oldest one.
    pub(crate) fn sample_at(&self, shown: TickTime) -> Option<InterpolationSample<'_>> {
        let after = self.kept.partition_point(|snapshot| TickTime::from(snapshot.tick) <= shown);
        let index = after.saturating_sub(1);
        let back = |by| index.checked_sub(by).map(|index| &self.kept[index]);
        let (before, after) = (self.kept.get(index)?, self.kept.get(index + 1));
        let moment = InterpolationSample::between(back(1), before, after, shown, self.beyond_ticks_max());
        Some(InterpolationSample { earliest: back(2), ..moment })
    }

    /// The snapshot of this tick, if it is kept.
    pub(crate) fn snapshot_of(&self, tick: Tick) -> Option<&Snapshot> {
        (0..self.kept.len()).rev().map(|place| &self.kept[place]).find(|snapshot| snapshot.tick == tick)
    }

    /// The newest snapshot.
    #[must_use]
    pub fn newest(&self) -> Option<&Snapshot> {
        self.kept.back()
    }

    /// The newest tick; 0 before the first snapshot.
    #[must_use]
    pub fn newest_tick(&self) -> Tick {
        self.newest().map_or(Tick(0), |snapshot| snapshot.tick)
    }

    /// Mean deviation of the snapshots' arrival, in microseconds.
    #[must_use]
    pub const fn jitter_us(&self) -> f64 {
        self.deviation * self.tick_us
    }
}

/// The greatest of three numbers.
fn most([a, b, c]: [f64; 3]) -> f64 {
    let of_two = if a > b { a } else { b };
    if of_two > c { of_two } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link, LinkProfile};
    use alloc::vec::Vec;

    const AT_FIRST_US: u64 = 5_000_000;

    /// Plays frames of 4 ms. Besides the buffer it gives the longest step of the shown moment, in ticks, and the part
    /// of the frames that were guessed, both after the buffer has settled.
    fn play(profile: LinkProfile, seconds: u64) -> (InterpolationBuffer, f64, f64) {
        let tick_us = 33_333;
        let mut interpolation = InterpolationBuffer::new(f64::from(tick_us), 1);
        let mut link = Link::new(profile, 5);
        let (mut longest, mut last, mut at_first) = (0.0_f64, TickTime(f64::NAN), 0);
        for now_us in (0..seconds * 1_000_000).step_by(4_000) {
            let tick = u32::try_from(now_us).unwrap() / tick_us;
            if now_us % u64::from(tick_us) < 4_000 {
                link.send(tick.to_le_bytes().to_vec(), now_us);
            }
            while let Some(message) = link.poll(now_us) {
                let tick = Tick(u32::from_le_bytes(message.try_into().unwrap()));
                interpolation.push(&Snapshot { tick, tables: Vec::new() }, now_us);
            }
            interpolation.advance(now_us);
            if now_us > AT_FIRST_US {
                longest = longest.max(interpolation.shown() - last);
            } else {
                at_first = interpolation.underruns();
            }
            last = interpolation.shown();
        }
        let guessed =
            (interpolation.underruns() - at_first) as f64 / ((seconds * 1_000_000 - AT_FIRST_US) / 4_000) as f64;
        (interpolation, longest, guessed)
    }

    #[test]
    fn the_shown_moment_moves_evenly_under_jitter() {
        for jitter_ms in [0, 20, 60] {
            let (interpolation, longest, guessed) = play(LinkProfile { jitter_ms, ..LinkProfile::default() }, 20);
            assert!(interpolation.stood_still() <= 3, "{} of 5,000 frames stood still", interpolation.stood_still());
            assert!(guessed < 0.001, "a part of {guessed} guessed at {jitter_ms} ms");
            // A frame of 4 ms is 0.12 ticks.
            assert!(longest < 0.14, "a step of {longest} ticks at {jitter_ms} ms");
            assert!(interpolation.delay_ticks() < 5.0);
        }
    }

    #[test]
    fn stalls_are_bridged_and_no_delay_is_wasted_on_tunnels() {
        let stalls = LinkProfile { jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
        let (interpolation, _, guessed) = play(stalls, 120);
        assert!(
            interpolation.stood_still() * 1_000 < 30_000,
            "{} of 30,000 frames stood still",
            interpolation.stood_still()
        );
        assert!(guessed < 0.001, "a part of {guessed} was guessed");
        assert!((4.0..12.0).contains(&interpolation.delay_ticks()), "{} ticks", interpolation.delay_ticks());
        let tunnels = LinkProfile { jitter_ms: 10, gap_ms: 3_000, gap_every_ms: 10_000, ..LinkProfile::default() };
        let (interpolation, ..) = play(tunnels, 60);
        assert!(interpolation.delay_ticks() < 4.0, "{} ticks", interpolation.delay_ticks());
        assert!(interpolation.stood_still() > 0, "no snapshot came for seconds, and the buffer reports it");
    }

    /// What is told of a pause of 30 ticks in a game with a snapshot every so many ticks: each answer, in the snapshots
    /// after it. Either the network stands still and what was sent comes later, so many snapshots in the time of two, or
    /// the server stands still and goes on with the next tick.
    fn after_a_pause(server_stands_still: bool, every_ticks: u32, pace: usize) -> Vec<AfterPause> {
        let tick_us = 33_333_u64;
        let mut interpolation = InterpolationBuffer::new(tick_us as f64, every_ticks);
        let (mut answers, mut waiting, mut tick, mut credit) = (Vec::new(), VecDeque::new(), Tick(0), 0);
        let pause = 90..120;
        for number in 0..400 {
            let (is_pause, now_us) = (pause.contains(&number), number * tick_us);
            if !(is_pause && server_stands_still) {
                tick = tick.next();
                waiting.extend(tick.0.is_multiple_of(every_ticks).then_some(tick));
            }
            if is_pause {
                continue;
            }
            credit = (credit + pace).min(2 * pace);
            while credit >= 2
                && let Some(tick) = waiting.pop_front()
            {
                credit -= 2;
                interpolation.push(&Snapshot { tick, tables: Vec::new() }, now_us);
                if number > pause.end {
                    answers.push(interpolation.after_pause());
                }
            }
            interpolation.advance(now_us);
        }
        answers
    }

    #[test]
    fn a_pause_of_the_network_is_over_when_the_messages_are_as_prompt_as_before() {
        // All that waited at once; twice as fast as usual; a little faster than usual, over a slow link.
        for pace in [100, 4, 3] {
            let answers = after_a_pause(false, 1, pace);
            assert!(answers.iter().all(|answer| !matches!(answer, AfterPause::StoodStill { .. })), "{answers:?}");
            assert!(answers[100..].iter().all(|answer| *answer == AfterPause::Past), "{answers:?}");
        }
    }

    #[test]
    fn that_the_servers_time_stood_still_is_said_once_and_soon() {
        let answers = after_a_pause(true, 1, 100);
        let said: Vec<_> = (0..).zip(&answers).filter(|(_, answer)| **answer != AfterPause::Past).collect();
        let told = said.iter().filter(|(_, answer)| matches!(answer, AfterPause::StoodStill { .. })).count();
        assert_eq!(told, 1, "{answers:?}");
        let (at, AfterPause::StoodStill { ticks }) = said[said.len() - 1] else { panic!("{answers:?}") };
        assert!(at < 10, "after {at} snapshots");
        assert!((ticks - 30.0).abs() < 1.5, "the server stood still for 30 ticks, said were {ticks}");
    }

    #[test]
    fn a_game_of_sparse_snapshots_is_not_paused_between_them_and_learns_of_a_pause_of_the_server() {
        let answers = after_a_pause(true, 10, 100);
        let said = answers.iter().filter(|answer| matches!(answer, AfterPause::StoodStill { .. })).count();
        assert_eq!(said, 1, "{answers:?}");
        assert_eq!(answers.last(), Some(&AfterPause::Past), "{answers:?}");
    }
}

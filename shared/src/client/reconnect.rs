//! Reconnect: the policy of connecting and reconnecting, for pages and bots alike.
//!
//! The first retry comes at once, that is within half a second of the loss, or of the moment at which the client is
//! reachable (online and visible) again. While the seat is held, later retries come within a second; afterwards, and
//! when the server has too much to do, after one to five seconds at random, so that a thousand clients do not come
//! together. A refusal that would only be repeated, or two tabs that compete
//! for a seat, are not retried.

use crate::message::close::CloseCode;
use crate::rng::Rng;

/// Silence after which the client takes the connection for dead, in microseconds. A room sends a message every tick, or
/// every few ticks.
pub const SILENCE_US_MAX: u64 = 6_000_000;

/// Latest time of the first retry, in microseconds after the loss; its delay is drawn from the first half of this.
const FIRST_RETRY_US: u32 = 500_000;

/// Shortest and longest delay of later retries while a seat is held for the player, in microseconds: the moment at which
/// a network is back announces itself to nobody.
const QUICK_RETRY_US: (u32, u32) = (200_000, 700_000);

/// A lost seat is held for about this long, in microseconds.
const SEAT_HELD_US: u64 = 30_000_000;

/// Shortest and longest delay of retries otherwise, in microseconds.
const RETRY_US: (u32, u32) = (1_000_000, 5_000_000);

/// An attempt that is not welcomed after this time is given up, in microseconds; the second and third after twice and
/// four times that, for links on which a handshake takes so long.
const ATTEMPT_US_MAX: u64 = 3_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A connection is to be opened at this time.
    Waiting {
        until_us: u64,
    },
    Dialling,
    Open,
    GivenUp,
}

/// Whether and when a connection is to be opened.
#[derive(Debug, Clone)]
pub struct Reconnect {
    state: State,
    failures: u32,
    /// When the last connection that had been welcomed was lost.
    lost_us: Option<u64>,
    reachable: bool,
    dice: Rng,
}

impl Reconnect {
    /// A policy that opens the first connection at once; the seed spreads the retries.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: State::Waiting { until_us: 0 },
            failures: 0,
            lost_us: None,
            reachable: true,
            dice: Rng::new(seed),
        }
    }

    /// Whether a connection is to be opened now: true once for every connection.
    pub fn poll(&mut self, now_us: u64) -> bool {
        match self.state {
            State::Waiting { until_us } if self.reachable && now_us >= until_us => {
                self.state = State::Dialling;
                true
            }
            _ => false,
        }
    }

    /// Reports that the server has welcomed the client.
    pub const fn welcomed(&mut self) {
        (self.state, self.failures) = (State::Open, 0);
    }

    /// Reports that the connection is closed, with its close code (1006 and unknown codes are lost connections). Gives
    /// the code when another attempt would be of no use.
    pub fn closed(&mut self, code: u16, now_us: u64) -> Option<CloseCode> {
        let known = CloseCode::from_number(code);
        if let Some(code) = known.filter(|code| !code.may_retry()) {
            self.state = State::GivenUp;
            return Some(code);
        }
        if self.state == State::Open {
            self.lost_us = Some(now_us);
        }
        let is_held = self.lost_us.is_some_and(|lost_us| now_us.saturating_sub(lost_us) < SEAT_HELD_US);
        // The server says that it has too much to do, a thousand clients that come back, or too much of this client.
        let is_crowded = matches!(known, Some(CloseCode::Overloaded | CloseCode::Rate));
        let (low, high) = match self.failures {
            _ if is_crowded => RETRY_US,
            0 => (0, FIRST_RETRY_US / 2),
            _ if is_held => QUICK_RETRY_US,
            _ => RETRY_US,
        };
        self.failures += 1;
        let delay_us = low + self.dice.below(high - low);
        self.state = State::Waiting { until_us: now_us + u64::from(delay_us) };
        None
    }

    /// Reports whether the device is online and the page visible. A client that becomes reachable starts over with the
    /// quick retry.
    pub fn set_reachable(&mut self, reachable: bool, now_us: u64) {
        if reachable && !self.reachable {
            self.failures = 0;
            if let State::Waiting { until_us } = &mut self.state {
                *until_us = now_us + u64::from(self.dice.below(FIRST_RETRY_US / 2));
            }
        }
        self.reachable = reachable;
    }

    /// How long the attempt that is under way may take until the welcome, in microseconds; `None` without one.
    #[must_use]
    pub fn attempt_us_max(&self) -> Option<u64> {
        (self.state == State::Dialling).then(|| ATTEMPT_US_MAX << self.failures.saturating_sub(1).min(2))
    }

    /// Attempts since the last welcome that failed.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the device is online and the page visible.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        self.reachable
    }

    /// Whether a connection is up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether no connection will be opened any more.
    #[must_use]
    pub fn has_given_up(&self) -> bool {
        self.state == State::GivenUp
    }

    /// Opens no more connections: the player leaves.
    pub const fn give_up(&mut self) {
        self.state = State::GivenUp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time of the next attempt after `now_us`, in steps of 10 ms.
    fn next_dial(dial: &mut Reconnect, now_us: u64) -> Option<u64> {
        (now_us..now_us + 10_000_000).step_by(10_000).find(|at| dial.poll(*at))
    }

    #[test]
    fn the_first_retry_is_quick_and_later_ones_are_spread() {
        let mut dial = Reconnect::new(1);
        assert!(dial.poll(0));
        dial.welcomed();
        assert_eq!(dial.closed(1006, 1_000_000), None);
        let first = next_dial(&mut dial, 1_000_000).unwrap();
        assert!(first <= 1_500_000);
        let mut at = first;
        // While the seat is held, a network that is back is noticed soon; later on the attempts are spread.
        for (pause_us, low_us, high_us) in [(0, 200_000, 700_000), (SEAT_HELD_US, 1_000_000, 5_000_000)] {
            at += pause_us;
            for _ in 0..5 {
                dial.closed(1006, at);
                let next = next_dial(&mut dial, at).unwrap();
                assert!((low_us - 10_000..=high_us + 10_000).contains(&(next - at)), "{}", next - at);
                at = next;
            }
        }
    }

    #[test]
    fn refusals_and_seats_taken_by_another_tab_are_not_retried() {
        for code in [4001, 4002, 4003, 4004, 4005, 4009] {
            let mut dial = Reconnect::new(1);
            dial.poll(0);
            assert_eq!(dial.closed(code, 0), CloseCode::from_number(code));
            assert_eq!(next_dial(&mut dial, 0), None);
        }
        for code in [1001, 1006, 1012, 1013, 4007, 4008, 4011, 2999] {
            let mut dial = Reconnect::new(1);
            dial.poll(0);
            assert_eq!(dial.closed(code, 0), None);
            assert!(next_dial(&mut dial, 0).is_some(), "{code}");
        }
    }

    #[test]
    fn an_unreachable_client_waits_and_reconnects_soon_after_it_is_reachable() {
        let mut dial = Reconnect::new(1);
        dial.poll(0);
        dial.set_reachable(false, 0);
        dial.closed(1006, 0);
        dial.closed(1006, 0);
        assert_eq!(next_dial(&mut dial, 0), None);
        dial.set_reachable(true, 20_000_000);
        assert!(next_dial(&mut dial, 20_000_000).unwrap() <= 20_500_000);
    }
}

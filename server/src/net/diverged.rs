//! The waits of clients that were closed because their worlds keep differing (4011).
//!
//! A client of another build would come back at once and differ again, and every return costs the room a keyframe and
//! disputes. So each such close doubles the time for which its address may not enter the same room. Connections from
//! this machine, which other limits exempt, wait like those of one address. An address may stand for many players: a player
//! with another token than those of the closed connections comes back to its seat at once.

use crate::limits::{DIVERGED_MEMORY, DIVERGED_TOKENS_MAX, DIVERGED_WAIT_MIN};
use crate::lobby::RoomId;
use crate::websocket::address::AddressKey;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tickwire::message::control::ResumeToken;

/// The closes of one address in one room.
#[derive(Debug, Clone, Default)]
struct Closes {
    count: u32,
    last_us: u64,
    /// The tokens with which the newest of the closed clients can come back to their seats.
    tokens: VecDeque<ResumeToken>,
}

/// The rooms that addresses may not enter for a while.
#[derive(Debug)]
pub(super) struct DivergedWaits {
    /// Addresses and rooms that are remembered.
    addresses_max: usize,
    wait_max: Duration,
    closes: BTreeMap<(RoomId, Option<AddressKey>), Closes>,
}

impl DivergedWaits {
    pub(super) const fn new(addresses_max: usize, wait_max: Duration) -> Self {
        Self { addresses_max, wait_max, closes: BTreeMap::new() }
    }

    /// Sets how many addresses are remembered, and the longest wait.
    pub(super) const fn set(&mut self, addresses_max: usize, wait_max: Duration) {
        (self.addresses_max, self.wait_max) = (addresses_max, wait_max);
    }

    /// Counts a close. When too many addresses are remembered to take in another, it is not counted.
    pub(super) fn closed(&mut self, room: RoomId, address: Option<AddressKey>, token: ResumeToken, now_us: u64) {
        if self.closes.len() >= self.addresses_max && !self.closes.contains_key(&(room, address)) {
            return;
        }
        let closes = self.closes.entry((room, address)).or_default();
        (closes.count, closes.last_us) = (closes.count.saturating_add(1), now_us);
        if closes.tokens.len() >= DIVERGED_TOKENS_MAX {
            closes.tokens.pop_front();
        }
        closes.tokens.push_back(token);
    }

    /// Whether this address may not enter the room yet.
    pub(super) fn must_wait(&self, room: RoomId, address: Option<AddressKey>, now_us: u64) -> bool {
        let wait =
            |closes: &Closes| now_us < closes.last_us.saturating_add(micros(wait_after(closes.count, self.wait_max)));
        self.closes.get(&(room, address)).is_some_and(wait)
    }

    /// Whether a client with this token may not enter the room yet.
    pub(super) fn must_wait_with(
        &self,
        room: RoomId,
        address: Option<AddressKey>,
        token: ResumeToken,
        now_us: u64,
    ) -> bool {
        let is_closed = |closes: &Closes| closes.tokens.contains(&token);
        self.must_wait(room, address, now_us) && self.closes.get(&(room, address)).is_some_and(is_closed)
    }

    /// Drops the closes that do not count any more.
    pub(super) fn forget_old(&mut self, now_us: u64) {
        self.closes.retain(|_, closes| now_us < closes.last_us.saturating_add(micros(DIVERGED_MEMORY)));
    }
}

/// The wait after this many closes.
fn wait_after(count: u32, wait_max: Duration) -> Duration {
    DIVERGED_WAIT_MIN.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1))).min(wait_max)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ADDRESSES_MAX, DIVERGED_WAIT_SECONDS_MAX};
    use std::net::{IpAddr, Ipv4Addr};

    const SECOND_US: u64 = 1_000_000;
    const ROOM: RoomId = RoomId(7);
    const TOKEN: ResumeToken = [7; 16];

    fn remembered() -> DivergedWaits {
        DivergedWaits::new(ADDRESSES_MAX, Duration::from_secs(DIVERGED_WAIT_SECONDS_MAX.into()))
    }

    fn address(last: u8) -> Option<AddressKey> {
        Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))))
    }

    #[test]
    fn the_wait_of_a_client_that_keeps_differing_doubles_up_to_twenty_seconds() {
        let (mut waits, mut now_us) = (remembered(), 0);
        for seconds in [1, 2, 4, 8, 16, 20, 20] {
            waits.closed(ROOM, address(1), TOKEN, now_us);
            now_us += seconds * SECOND_US;
            assert!(waits.must_wait(ROOM, address(1), now_us - 1), "{seconds} s");
            assert!(!waits.must_wait(ROOM, address(1), now_us), "{seconds} s");
            waits.forget_old(now_us);
        }
    }

    #[test]
    fn another_address_or_another_room_does_not_wait() {
        let mut waits = remembered();
        waits.closed(ROOM, address(1), TOKEN, 0);
        assert!(waits.must_wait(ROOM, address(1), 0));
        assert!(!waits.must_wait(ROOM, address(2), 0));
        assert!(!waits.must_wait(ROOM, None, 0));
        assert!(!waits.must_wait(RoomId(8), address(1), 0));
    }

    #[test]
    fn closes_are_forgotten_after_five_minutes_and_bounded_in_number() {
        let mut waits = remembered();
        waits.closed(ROOM, address(1), TOKEN, 0);
        waits.closed(ROOM, address(1), TOKEN, SECOND_US);
        waits.forget_old(301 * SECOND_US);
        assert!(waits.closes.is_empty());
        waits.closed(ROOM, address(1), TOKEN, 301 * SECOND_US);
        assert!(!waits.must_wait(ROOM, address(1), 302 * SECOND_US), "the count starts over");
        for room in 0..=ADDRESSES_MAX as u64 {
            waits.closed(RoomId(room), None, TOKEN, 0);
        }
        assert_eq!(waits.closes.len(), ADDRESSES_MAX);
    }

    #[test]
    fn another_player_of_the_address_does_not_wait_with_a_token() {
        let mut waits = remembered();
        for number in 1..=u8::try_from(DIVERGED_TOKENS_MAX + 1).unwrap() {
            waits.closed(ROOM, address(1), [number; 16], 0);
        }
        let must_wait = |number: u8| waits.must_wait_with(ROOM, address(1), [number; 16], 1);
        assert!(!must_wait(0) && !must_wait(1), "the oldest token is forgotten");
        assert!((2..=u8::try_from(DIVERGED_TOKENS_MAX + 1).unwrap()).all(must_wait));
        assert!(!waits.must_wait_with(ROOM, address(1), [2; 16], 300 * SECOND_US), "the wait is over");
    }
}

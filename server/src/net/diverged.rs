//! The waits of clients that were closed because their worlds keep differing (4011).
//!
//! A client of another build would come back at once and differ again, and every return costs the room a keyframe and
//! disputes. So each such close doubles the time for which its address may not enter the same room. Connections from
//! this machine, which other limits exempt, wait like those of one address.

use crate::limits::{ADDRESSES_MAX, DIVERGED_MEMORY, DIVERGED_WAIT_MAX, DIVERGED_WAIT_MIN};
use crate::lobby::RoomId;
use crate::websocket::address::AddressKey;
use std::collections::BTreeMap;
use std::time::Duration;

/// The closes of one address in one room.
#[derive(Debug, Clone, Copy)]
struct Closes {
    count: u32,
    last_us: u64,
}

/// The rooms that addresses may not enter for a while.
#[derive(Debug, Default)]
pub(super) struct DivergedWaits {
    closes: BTreeMap<(RoomId, Option<AddressKey>), Closes>,
}

impl DivergedWaits {
    /// Counts a close. When too many addresses are remembered to take in another, it is not counted.
    pub(super) fn closed(&mut self, room: RoomId, address: Option<AddressKey>, now_us: u64) {
        if self.closes.len() >= ADDRESSES_MAX && !self.closes.contains_key(&(room, address)) {
            return;
        }
        let closes = self.closes.entry((room, address)).or_insert(Closes { count: 0, last_us: now_us });
        *closes = Closes { count: closes.count.saturating_add(1), last_us: now_us };
    }

    /// Whether this address may not enter the room yet.
    pub(super) fn must_wait(&self, room: RoomId, address: Option<AddressKey>, now_us: u64) -> bool {
        let wait = |closes: &Closes| now_us < closes.last_us.saturating_add(micros(wait_after(closes.count)));
        self.closes.get(&(room, address)).is_some_and(wait)
    }

    /// Drops the closes that do not count any more.
    pub(super) fn forget_old(&mut self, now_us: u64) {
        self.closes.retain(|_, closes| now_us < closes.last_us.saturating_add(micros(DIVERGED_MEMORY)));
    }
}

/// The wait after this many closes.
fn wait_after(count: u32) -> Duration {
    DIVERGED_WAIT_MIN.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1))).min(DIVERGED_WAIT_MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const SECOND_US: u64 = 1_000_000;
    const ROOM: RoomId = RoomId(7);

    fn address(last: u8) -> Option<AddressKey> {
        Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))))
    }

    #[test]
    fn the_wait_of_a_client_that_keeps_differing_doubles_up_to_twenty_seconds() {
        let (mut waits, mut now_us) = (DivergedWaits::default(), 0);
        for seconds in [1, 2, 4, 8, 16, 20, 20] {
            waits.closed(ROOM, address(1), now_us);
            now_us += seconds * SECOND_US;
            assert!(waits.must_wait(ROOM, address(1), now_us - 1), "{seconds} s");
            assert!(!waits.must_wait(ROOM, address(1), now_us), "{seconds} s");
            waits.forget_old(now_us);
        }
    }

    #[test]
    fn another_address_or_another_room_does_not_wait() {
        let mut waits = DivergedWaits::default();
        waits.closed(ROOM, address(1), 0);
        assert!(waits.must_wait(ROOM, address(1), 0));
        assert!(!waits.must_wait(ROOM, address(2), 0));
        assert!(!waits.must_wait(ROOM, None, 0));
        assert!(!waits.must_wait(RoomId(8), address(1), 0));
    }

    #[test]
    fn closes_are_forgotten_after_five_minutes_and_bounded_in_number() {
        let mut waits = DivergedWaits::default();
        waits.closed(ROOM, address(1), 0);
        waits.closed(ROOM, address(1), SECOND_US);
        waits.forget_old(301 * SECOND_US);
        assert!(waits.closes.is_empty());
        waits.closed(ROOM, address(1), 301 * SECOND_US);
        assert!(!waits.must_wait(ROOM, address(1), 302 * SECOND_US), "the count starts over");
        for room in 0..=ADDRESSES_MAX as u64 {
            waits.closed(RoomId(room), None, 0);
        }
        assert_eq!(waits.closes.len(), ADDRESSES_MAX);
    }
}

//! The claims of members that their worlds differ, counted per origin and per room.
//!
//! A dispute costs the room far more than its sender: row hashes of the whole world, and in lockstep ticks that are
//! played again. An honest client differs rarely, and a keyframe repairs it as well. So a room examines a limited number
//! of disputes; a claim beyond that gets a keyframe. Only an origin that goes on claiming is closed (4011). The count
//! is of the origin and not of the connection: a client that leaves and comes back goes on where it was.

use super::origin::Origin;
use super::room_limits::RoomLimits;
use super::tick_limits::TickLimits;
use crate::limits::{DISPUTE_ORIGINS_MAX, ROOM_DISPUTES_EXAMINED_MAX};
use std::collections::BTreeMap;
use tickwire::Tick;
use tickwire::message::close::CloseCode;

/// The answer of the room to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Response {
    /// It looks for the difference.
    Examine,
    /// It sends a keyframe and looks for nothing.
    Keyframe,
}

/// Claims since a tick.
#[derive(Debug, Clone, Copy)]
struct Count {
    since: Tick,
    claims: u32,
}

impl Count {
    /// Counts one more claim and returns the number of claims in the window, which starts over when it is over.
    fn add(&mut self, now: Tick, window_ticks: u32) -> u32 {
        if now.since(self.since) >= i64::from(window_ticks) {
            *self = Self { since: now, claims: 0 };
        }
        self.claims = self.claims.saturating_add(1);
        self.claims
    }
}

/// The claims of all members of a room.
#[derive(Debug, Default)]
pub(super) struct Claims {
    origins: BTreeMap<Origin, Count>,
    /// Disputes that were examined in the room, in the window that is running.
    examined: Option<Count>,
}

impl Claims {
    /// Counts a claim of a member from `origin`.
    ///
    /// # Errors
    /// [`CloseCode::Diverged`] when the origin claims far more often than an honest client differs.
    pub(super) fn count(
        &mut self,
        origin: Origin,
        now: Tick,
        (limits, of_room): (&TickLimits, &RoomLimits),
    ) -> Result<Response, CloseCode> {
        let of_origin = self.count_origin(origin, now, limits.claims_ticks);
        if of_origin.is_some_and(|claims| claims > of_room.disputes_per_origin_max) {
            return Err(CloseCode::Diverged);
        }
        let is_examined = |claims| claims <= of_room.examined_disputes_per_origin_max;
        if !of_origin.is_some_and(is_examined) && origin != Origin::EXEMPT {
            return Ok(Response::Keyframe);
        }
        let examined = self.examined.get_or_insert(Count { since: now, claims: 0 });
        let is_within = examined.add(now, limits.minute_ticks) <= ROOM_DISPUTES_EXAMINED_MAX;
        Ok(if is_within { Response::Examine } else { Response::Keyframe })
    }

    /// The claims of this origin in its window; `None` when it is exempt, or when too many others are remembered.
    fn count_origin(&mut self, origin: Origin, now: Tick, window_ticks: u32) -> Option<u32> {
        origin.number()?;
        if self.origins.len() >= DISPUTE_ORIGINS_MAX {
            self.origins.retain(|_, count| now.since(count.since) < i64::from(window_ticks));
        }
        if self.origins.len() >= DISPUTE_ORIGINS_MAX && !self.origins.contains_key(&origin) {
            return None;
        }
        Some(self.origins.entry(origin).or_insert(Count { since: now, claims: 0 }).add(now, window_ticks))
    }
}

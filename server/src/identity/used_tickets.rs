//! Single use: the tickets that have let a player in, until they would be refused as expired anyway.
//!
//! A ticket is never forgotten early: when the memory is full, new tickets are refused. The memory is that of one
//! process; with a data folder the gate keeps each use there, and a later process begins with them.

use super::fingerprint::{FINGERPRINT_LEN, fingerprint};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

/// Tickets that are remembered at the most: 1,100 joins per second with tickets of 60 seconds, in 8 MB.
pub const USED_TICKETS_MAX: usize = 100_000;

/// A ticket among all tickets: the same id under another key is another ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId([u8; FINGERPRINT_LEN]);

impl TicketId {
    /// The ticket that this key has signed with this `jti`. The key itself counts and not the name that a key ring has
    /// for it: a key that gets another name must not make its used tickets new.
    pub(super) fn new(public_key: &[u8], jti: &str) -> Self {
        Self(fingerprint("ticket", &[public_key, jti.as_bytes()]))
    }

    /// The ticket with these bytes, as a log has kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; FINGERPRINT_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes for a log. They tell nothing about the player, and let nobody in.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; FINGERPRINT_LEN] {
        self.0
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({:032x})", u128::from_be_bytes(self.0))
    }
}

/// The reason for which a ticket cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UseError {
    /// The ticket was used before.
    #[error("the ticket was used before")]
    Used,
    /// Tickets of that age are forgotten already, so nobody knows whether this one was used.
    #[error("tickets that end at {forget_at_s} are forgotten already")]
    Forgotten {
        /// Unix seconds until which the ticket had to be remembered.
        forget_at_s: u64,
    },
    /// As many tickets as possible are remembered.
    #[error("{USED_TICKETS_MAX} used tickets are remembered, and none of them may be forgotten yet")]
    Busy,
}

/// The tickets that were used.
#[derive(Debug, Default)]
pub struct UsedTickets {
    forget_at_s: BTreeMap<TicketId, u64>,
    /// The same tickets, those that are forgotten first at the front.
    by_end: BTreeSet<(u64, TicketId)>,
    /// The latest end of all forgotten tickets, in unix seconds. A clock that was set back makes those valid again.
    forgotten_until_s: u64,
}

impl UsedTickets {
    /// A memory without tickets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses a ticket, which is then remembered until the unix time `forget_at_s`.
    ///
    /// # Errors
    /// When the ticket was used before, ended before one that is forgotten, or when the memory is full. Nothing has
    /// changed then.
    pub fn use_once(&mut self, ticket: TicketId, forget_at_s: u64) -> Result<(), UseError> {
        if self.forget_at_s.contains_key(&ticket) {
            return Err(UseError::Used);
        }
        if forget_at_s <= self.forgotten_until_s {
            return Err(UseError::Forgotten { forget_at_s });
        }
        if self.forget_at_s.len() >= USED_TICKETS_MAX {
            return Err(UseError::Busy);
        }
        self.forget_at_s.insert(ticket, forget_at_s);
        self.by_end.insert((forget_at_s, ticket));
        Ok(())
    }

    /// Remembers a ticket that an earlier process has let somebody in with.
    pub(crate) fn restore(&mut self, ticket: TicketId, forget_at_s: u64) {
        if self.forget_at_s.len() < USED_TICKETS_MAX && self.forget_at_s.insert(ticket, forget_at_s).is_none() {
            self.by_end.insert((forget_at_s, ticket));
        }
    }

    /// Whether a ticket was used and is not forgotten.
    #[must_use]
    pub fn has(&self, ticket: TicketId) -> bool {
        self.forget_at_s.contains_key(&ticket)
    }

    /// Forgets the tickets that have ended by the unix time `now_s`.
    pub fn advance(&mut self, now_s: u64) {
        while let Some(&(end_s, ticket)) = self.by_end.first().filter(|(end_s, _)| *end_s <= now_s) {
            self.by_end.pop_first();
            self.forget_at_s.remove(&ticket);
            self.forgotten_until_s = self.forgotten_until_s.max(end_s);
        }
    }

    /// Tickets that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.forget_at_s.len()
    }

    /// Whether no ticket is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forget_at_s.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: usize) -> TicketId {
        TicketId::new(b"key", &number.to_string())
    }

    #[test]
    fn a_ticket_is_used_once_until_it_is_forgotten() {
        let mut used = UsedTickets::new();
        assert_eq!(used.use_once(ticket(1), 100), Ok(()));
        used.advance(99);
        assert_eq!(used.use_once(ticket(1), 100), Err(UseError::Used));
        // The end that is named the second time changes nothing.
        assert_eq!(used.use_once(ticket(1), 500), Err(UseError::Used));
        used.advance(100);
        assert!(used.is_empty() && used.by_end.is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_used_ticket_new() {
        let mut used = UsedTickets::new();
        assert_eq!(used.use_once(ticket(1), 100), Ok(()));
        used.advance(1_000_000);
        assert_eq!(used.use_once(ticket(1), 100), Err(UseError::Forgotten { forget_at_s: 100 }));
        // Only the ends of tickets that were seen count: a clock that ran far ahead for a moment locks nobody out.
        assert_eq!(used.use_once(ticket(2), 101), Ok(()));
    }

    #[test]
    fn a_full_memory_refuses_new_tickets_and_forgets_none() {
        let mut used = UsedTickets::new();
        for number in 0..USED_TICKETS_MAX {
            assert_eq!(used.use_once(ticket(number), 100 + number as u64 % 7), Ok(()));
        }
        assert_eq!(used.len(), USED_TICKETS_MAX);
        assert_eq!(used.use_once(ticket(USED_TICKETS_MAX), 200), Err(UseError::Busy));
        for number in (0..USED_TICKETS_MAX).step_by(997) {
            assert_eq!(used.use_once(ticket(number), 200), Err(UseError::Used));
        }
        used.advance(99);
        assert_eq!(used.use_once(ticket(USED_TICKETS_MAX), 200), Err(UseError::Busy));
        used.advance(100);
        assert_eq!(used.len(), USED_TICKETS_MAX - USED_TICKETS_MAX.div_ceil(7));
        assert_eq!(used.use_once(ticket(USED_TICKETS_MAX), 200), Ok(()));
        used.advance(200);
        assert!(used.is_empty() && used.by_end.is_empty());
    }

    #[test]
    fn the_same_id_under_another_key_is_another_ticket() {
        let mut used = UsedTickets::new();
        for key in [b"one", b"two"] {
            assert_eq!(used.use_once(TicketId::new(key, "a"), 100), Ok(()));
        }
        let again = TicketId::from_bytes(TicketId::new(b"one", "a").to_bytes());
        assert_eq!(used.use_once(again, 100), Err(UseError::Used));
    }
}

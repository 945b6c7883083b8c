//! Revocations: identities whose earlier tickets are refused, because the player was banned or logged out.
//!
//! Sessions ask again while they last: a session that began with a revoked ticket ends at its next check. A revocation
//! is kept as long as the longest session, and never forgotten early: when the memory is full, the next one is an
//! error that the operator has to hear of. The memory is that of one process; with a data
//! folder the gate keeps each revocation there.

use super::fingerprint::{FINGERPRINT_LEN, fingerprint};
use super::ticket::{CLOCK_LEEWAY_S, TICKET_LIFETIME_S_MAX};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Seconds for which a revocation is kept: the longest session.
pub const REVOCATION_AGE_S: u64 = 12 * 3_600;

const _: () = assert!(
    REVOCATION_AGE_S >= TICKET_LIFETIME_S_MAX + 2 * CLOCK_LEEWAY_S,
    "a ticket must not outlive the revocation that it falls under"
);

/// Identities that are remembered at the most, in 8 MB.
pub const REVOCATIONS_MAX: usize = 100_000;

/// The reason for which an identity cannot be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// As many identities as possible are revoked.
    #[error("{REVOCATIONS_MAX} identities are revoked already; the oldest revocation ends within 12 hours")]
    Full,
    /// The time is too far ahead. A ban is the backend's to keep: it mints no more tickets.
    #[error("tickets can be revoked up to now, and not up to {revoked_at_s}")]
    Ahead {
        /// The time, in unix seconds.
        revoked_at_s: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Revocation {
    /// Tickets that were issued at this time or before are refused, in unix seconds.
    revoked_at_s: u64,
    forget_at_s: u64,
}

/// The identities whose earlier tickets are refused.
#[derive(Debug, Default)]
pub struct Revocations {
    revoked: BTreeMap<[u8; FINGERPRINT_LEN], Revocation>,
    /// The same identities, those that are forgotten first at the front.
    by_end: BTreeSet<(u64, [u8; FINGERPRINT_LEN])>,
}

impl Revocations {
    /// No revocations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses all tickets of this identity that were issued at the unix time `revoked_at_s` or before. That may be up
    /// to [`CLOCK_LEEWAY_S`] after `now_s`, for backends whose clock is ahead. A revocation never takes back a later
    /// one.
    ///
    /// # Errors
    /// When the time is too far ahead, or when too many identities are revoked. Nothing has changed then.
    pub fn revoke(&mut self, identity: &str, revoked_at_s: u64, now_s: u64) -> Result<(), RevocationError> {
        if revoked_at_s > now_s.saturating_add(CLOCK_LEEWAY_S) {
            return Err(RevocationError::Ahead { revoked_at_s });
        }
        self.advance(now_s);
        let key = key(identity);
        let known = self.revoked.get(&key).copied();
        if known.is_none() && self.revoked.len() >= REVOCATIONS_MAX {
            return Err(RevocationError::Full);
        }
        let new = Revocation {
            revoked_at_s: known.map_or(revoked_at_s, |known| known.revoked_at_s.max(revoked_at_s)),
            // A clock that was set back must not shorten what is kept.
            forget_at_s: known.map_or(0, |known| known.forget_at_s).max(now_s.saturating_add(REVOCATION_AGE_S)),
        };
        if let Some(known) = known {
            self.by_end.remove(&(known.forget_at_s, key));
        }
        self.revoked.insert(key, new);
        self.by_end.insert((new.forget_at_s, key));
        Ok(())
    }

    /// The fingerprint of a revoked identity, the time up to which its tickets are refused, and the end of that.
    pub(crate) fn of(&self, identity: &str) -> Option<([u8; FINGERPRINT_LEN], u64, u64)> {
        let key = key(identity);
        let revocation = self.revoked.get(&key)?;
        Some((key, revocation.revoked_at_s, revocation.forget_at_s))
    }

    /// Takes in a revocation of an earlier process.
    pub(crate) fn restore(&mut self, identity: [u8; FINGERPRINT_LEN], revoked_at_s: u64, forget_at_s: u64) {
        let revocation = Revocation { revoked_at_s, forget_at_s };
        if self.revoked.len() < REVOCATIONS_MAX && self.revoked.insert(identity, revocation).is_none() {
            self.by_end.insert((forget_at_s, identity));
        }
    }

    /// Whether a ticket of this identity that was issued at the unix time `issued_at_s` is refused.
    #[must_use]
    pub fn refuses(&self, identity: &str, issued_at_s: u64) -> bool {
        self.revoked.get(&key(identity)).is_some_and(|revocation| issued_at_s <= revocation.revoked_at_s)
    }

    /// Forgets the revocations that have ended by the unix time `now_s`.
    pub fn advance(&mut self, now_s: u64) {
        while let Some(&(_, key)) = self.by_end.first().filter(|(end_s, _)| *end_s <= now_s) {
            self.by_end.pop_first();
            self.revoked.remove(&key);
        }
    }

    /// Identities that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether no identity is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }
}

fn key(identity: &str) -> [u8; FINGERPRINT_LEN] {
    fingerprint("identity", &[identity.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_000_000;

    #[test]
    fn tickets_up_to_the_revocation_are_refused_and_later_ones_are_not() {
        let mut revocations = Revocations::new();
        assert_eq!(revocations.revoke("ada", NOW_S, NOW_S), Ok(()));
        for (identity, issued_at_s, is_refused) in
            [("ada", 0, true), ("ada", NOW_S, true), ("ada", NOW_S + 1, false), ("Ada", NOW_S, false), ("", 0, false)]
        {
            assert_eq!(revocations.refuses(identity, issued_at_s), is_refused, "{identity} {issued_at_s}");
        }
    }

    #[test]
    fn a_revocation_lasts_as_long_as_the_longest_session() {
        let mut revocations = Revocations::new();
        assert_eq!(revocations.revoke("ada", NOW_S, NOW_S), Ok(()));
        revocations.advance(NOW_S + REVOCATION_AGE_S - 1);
        assert!(revocations.refuses("ada", NOW_S));
        revocations.advance(NOW_S + REVOCATION_AGE_S);
        assert!(!revocations.refuses("ada", NOW_S));
        assert!(revocations.is_empty() && revocations.by_end.is_empty());
    }

    #[test]
    fn a_second_revocation_lasts_from_its_own_time_and_takes_nothing_back() {
        let mut revocations = Revocations::new();
        assert_eq!(revocations.revoke("ada", NOW_S, NOW_S), Ok(()));
        assert_eq!(revocations.revoke("ada", NOW_S - 50, NOW_S + 100), Ok(()));
        assert_eq!(revocations.revoke("ada", 0, 0), Ok(()));
        assert_eq!((revocations.len(), revocations.by_end.len()), (1, 1));
        revocations.advance(NOW_S + REVOCATION_AGE_S + 99);
        assert!(revocations.refuses("ada", NOW_S) && !revocations.refuses("ada", NOW_S + 1));
    }

    #[test]
    fn the_future_cannot_be_revoked() {
        let mut revocations = Revocations::new();
        let ahead_s = NOW_S + CLOCK_LEEWAY_S + 1;
        let refused = Err(RevocationError::Ahead { revoked_at_s: ahead_s });
        assert_eq!(revocations.revoke("ada", ahead_s, NOW_S), refused);
        assert!(revocations.is_empty());
        assert_eq!(revocations.revoke("ada", ahead_s - 1, NOW_S), Ok(()));
    }

    #[test]
    fn too_many_revocations_are_an_error_and_forget_none() {
        let mut revocations = Revocations::new();
        for number in 0..REVOCATIONS_MAX {
            assert_eq!(revocations.revoke(&number.to_string(), NOW_S, NOW_S), Ok(()));
        }
        assert_eq!(revocations.revoke("one more", NOW_S, NOW_S + 1), Err(RevocationError::Full));
        assert_eq!(revocations.revoke("0", NOW_S, NOW_S + 1), Ok(()));
        assert_eq!((revocations.len(), revocations.by_end.len()), (REVOCATIONS_MAX, REVOCATIONS_MAX));
        assert_eq!(revocations.revoke("one more", NOW_S, NOW_S + REVOCATION_AGE_S), Ok(()));
        assert_eq!(revocations.len(), 2, "only the one that was renewed and the new one are left");
    }
}

//! Rate limits: a token bucket without a clock (GCRA), alone or one per address.
//!
//! Unlike a ready-made limiter it can be asked without being used: a look-up of a code is refused when earlier ones
//! have failed too often, but a look-up that finds its room costs nothing.

use super::address::AddressKey;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of uses per period, and a number of uses at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Microseconds after which one more is allowed.
    interval_us: u64,
    /// Uses that are allowed at once after a quiet time.
    burst: u32,
}

impl Quota {
    /// `count` per `period_us` in the long run, `burst` at once.
    ///
    /// # Panics
    /// For a `count` of 0.
    #[must_use]
    pub const fn new(count: u32, period_us: u64, burst: u32) -> Self {
        assert!(count > 0, "a rate of 0 per period allows nothing");
        Self { interval_us: period_us / count as u64, burst }
    }

    /// The same quota `factor` times over.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { interval_us: self.interval_us / factor as u64, burst: self.burst * factor }
    }

    /// `count` per second.
    #[must_use]
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self::new(count, 1_000_000, burst)
    }

    /// `count` per minute, all of them at once if need be.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self::new(count, 60_000_000, count)
    }

    /// `count` per hour, all of them at once if need be.
    #[must_use]
    pub const fn per_hour(count: u32) -> Self {
        Self::new(count, 3_600_000_000, count)
    }
}

/// The usage of a quota as one number: the time at which the quota will be untouched again.
///
/// Every use moves that time ahead by one interval. A use is refused while the time is further ahead than the burst
/// allows, so that no count has to be refilled as time passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    untouched_at_us: u64,
}

impl Usage {
    /// Microseconds until one more use is allowed; `None` when it is allowed now.
    #[must_use]
    pub fn wait_us(&self, quota: Quota, now_us: u64) -> Option<u64> {
        let slack_us = quota.interval_us.saturating_mul(u64::from(quota.burst.saturating_sub(1)));
        let wait_us = self.untouched_at_us.saturating_sub(now_us.saturating_add(slack_us));
        (wait_us > 0).then_some(wait_us)
    }

    /// Takes one use; false when none is left.
    pub fn take(&mut self, quota: Quota, now_us: u64) -> bool {
        let allowed = self.wait_us(quota, now_us).is_none();
        if allowed {
            self.untouched_at_us = self.untouched_at_us.max(now_us).saturating_add(quota.interval_us);
        }
        allowed
    }

    /// Gives back a use that was taken.
    pub fn give_back(&mut self, quota: Quota) {
        self.untouched_at_us = self.untouched_at_us.saturating_sub(quota.interval_us);
    }
}

/// The usage of a quota that several threads share.
#[derive(Debug, Default)]
pub(crate) struct SharedUsage(AtomicU64);

impl SharedUsage {
    /// Takes one use; false when none is left.
    pub(crate) fn take(&self, quota: Quota, now_us: u64) -> bool {
        let take = |untouched_at_us| {
            let mut usage = Usage { untouched_at_us };
            usage.take(quota, now_us).then_some(usage.untouched_at_us)
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// A quota of one key, as its owner may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaState {
    /// Uses that are allowed at once after a quiet time.
    pub(crate) burst: u32,
    /// Seconds of quiet after which all of them are allowed again.
    pub(crate) window_seconds: u64,
    /// Uses that are allowed now.
    pub(crate) left: u32,
    /// Seconds until all are allowed again; with nothing left, until one more is.
    pub(crate) reset_seconds: u64,
}

/// A quota for each key, such as an address, or an address in a room.
#[derive(Debug)]
pub(crate) struct KeyedQuota<K> {
    quota: Quota,
    /// Keys whose usage is remembered.
    keys_max: usize,
    usage: BTreeMap<K, Usage>,
}

/// A quota for each address.
pub(crate) type AddressQuota = KeyedQuota<AddressKey>;

impl<K: Ord + Copy> KeyedQuota<K> {
    pub(crate) const fn new(quota: Quota, keys_max: usize) -> Self {
        Self { quota, keys_max, usage: BTreeMap::new() }
    }

    /// Sets the quota and the number of keys for everything that follows. The part that was used stays used.
    pub(crate) const fn set(&mut self, quota: Quota, keys_max: usize) {
        (self.quota, self.keys_max) = (quota, keys_max);
    }

    /// Whole seconds until this key is allowed one more use; `None` when it is allowed now. An exempt key is passed as
    /// `None`.
    pub(crate) fn wait_seconds(&self, key: Option<K>, now_us: u64) -> Option<u64> {
        let wait_us = self.usage.get(&key?)?.wait_us(self.quota, now_us)?;
        Some(wait_us.div_ceil(1_000_000))
    }

    /// The state of this key's quota.
    pub(crate) fn state(&self, key: K, now_us: u64) -> QuotaState {
        let Quota { interval_us, burst } = self.quota;
        let usage = self.usage.get(&key).copied().unwrap_or_default();
        let ahead_us = usage.untouched_at_us.saturating_sub(now_us);
        // A quota that is faster than the clock counts as untouched.
        let used = ahead_us.div_ceil(interval_us.max(1));
        let left = burst.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
        let reset_us = if left > 0 { ahead_us } else { usage.wait_us(self.quota, now_us).unwrap_or(0) };
        QuotaState {
            burst,
            window_seconds: interval_us.saturating_mul(burst.into()).div_ceil(1_000_000),
            left,
            reset_seconds: reset_us.div_ceil(1_000_000),
        }
    }

    /// Takes one use of this key's quota.
    ///
    /// # Errors
    /// Whole seconds until one more use is allowed; 1 when too many keys are remembered to take in another.
    pub(crate) fn take(&mut self, key: Option<K>, now_us: u64) -> Result<(), u64> {
        let Some(key) = key else { return Ok(()) };
        if self.usage.len() >= self.keys_max && !self.usage.contains_key(&key) {
            self.forget_untouched(now_us);
            if self.usage.len() >= self.keys_max {
                return Err(1);
            }
        }
        if self.usage.entry(key).or_default().take(self.quota, now_us) {
            Ok(())
        } else {
            Err(self.wait_seconds(Some(key), now_us).unwrap_or(1))
        }
    }

    /// Gives back a use of this key's quota.
    pub(crate) fn give_back(&mut self, key: Option<K>) {
        if let Some(usage) = key.and_then(|key| self.usage.get_mut(&key)) {
            usage.give_back(self.quota);
        }
    }

    /// Drops entries whose quota is untouched again: they hold no information.
    pub(crate) fn forget_untouched(&mut self, now_us: u64) {
        self.usage.retain(|_, usage| usage.untouched_at_us > now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const SECOND_US: u64 = 1_000_000;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (quota, mut usage) = (Quota::per_second(10, 20), Usage::default());
        let passed = (0..100).filter(|_| usage.take(quota, SECOND_US)).count();
        assert_eq!(passed, 20);
        assert_eq!(usage.wait_us(quota, SECOND_US), Some(100_000));
        let passed = (0..200).filter(|step| usage.take(quota, SECOND_US + step * 10_000)).count();
        assert_eq!(passed, 19, "two seconds later another twenty, less the one at the end");
    }

    #[test]
    fn asking_costs_nothing_and_exempt_addresses_are_never_refused() {
        let mut quota = AddressQuota::new(Quota::per_minute(2), 8);
        let key = AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)));
        assert!((0..50).all(|_| quota.wait_seconds(Some(key), 0).is_none()));
        assert_eq!(quota.take(Some(key), 0), Ok(()));
        assert_eq!(quota.take(Some(key), 0), Ok(()));
        assert_eq!(quota.take(Some(key), 0), Err(30));
        assert_eq!(quota.wait_seconds(Some(key), 0), Some(30));
        assert!((0..50).all(|_| quota.take(None, 0).is_ok()));
        quota.forget_untouched(61 * SECOND_US);
        assert!(quota.usage.is_empty());
    }

    #[test]
    fn a_state_says_what_is_left_and_when_there_is_more() {
        let mut quota = AddressQuota::new(Quota::per_minute(3), 8);
        let key = AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)));
        let left = |quota: &AddressQuota, now_us| {
            let state = quota.state(key, now_us);
            assert_eq!((state.burst, state.window_seconds), (3, 60));
            (state.left, state.reset_seconds)
        };
        assert_eq!(left(&quota, 5), (3, 0));
        for expected in [(2, 20), (1, 40), (0, 20)] {
            assert_eq!(quota.take(Some(key), 0), Ok(()));
            assert_eq!(left(&quota, 0), expected);
        }
        assert_eq!(quota.take(Some(key), 0), Err(20), "it is the time that a refusal names");
        assert_eq!(left(&quota, 19 * SECOND_US + 1), (0, 1));
        assert_eq!(left(&quota, 20 * SECOND_US), (1, 40));
        assert_eq!(left(&quota, 60 * SECOND_US), (3, 0));
    }
}

//! Time and sleep to the microsecond, for threads that must not be late.

use rustix::io::Errno;
use rustix::thread::{clock_nanosleep_absolute, set_current_timer_slack};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::num::NonZeroU64;

const SECOND_NS: u64 = 1_000_000_000;

/// The monotonic clock in nanoseconds, the same for all threads and processes of the machine.
#[must_use]
pub fn now_ns() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    let positive = |part: i64| u64::try_from(part).expect("the monotonic clock counts from the start of the machine");
    positive(tv_sec) * SECOND_NS + positive(tv_nsec)
}

/// Makes the kernel wake this thread at the requested time, instead of up to 50 us later.
pub fn tighten_timers() {
    // Where this is not allowed, ticks are less precise, which the intervals show.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// Sleeps until `at_ns` of [`now_ns`]; returns at once when that time is over.
///
/// # Panics
/// When there is no monotonic clock.
pub fn sleep_until(at_ns: u64) {
    let part = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let request = Timespec { tv_sec: part(at_ns / SECOND_NS), tv_nsec: part(at_ns % SECOND_NS) };
    while let Err(error) = clock_nanosleep_absolute(ClockId::Monotonic, &request) {
        assert!(error == Errno::INTR, "the monotonic clock can be slept on");
    }
}

/// The due time of event `number`, where events happen `rate_hz` times a second from `start_ns` on. Rounding errors do
/// not add up: the mean rate is exact.
#[must_use]
pub fn due_ns(start_ns: u64, number: u64, rate_hz: u64) -> u64 {
    let since_ns = (u128::from(number) * u128::from(SECOND_NS)).div_ceil(u128::from(rate_hz));
    start_ns.saturating_add(u64::try_from(since_ns).unwrap_or(u64::MAX))
}

/// The number of the first event that is due after `now_ns`: the inverse of [`due_ns`].
#[must_use]
pub fn next_number(start_ns: u64, now_ns: u64, rate_hz: u64) -> u64 {
    let since_ns = u128::from(now_ns.saturating_sub(start_ns));
    if now_ns < start_ns {
        return 0;
    }
    u64::try_from(since_ns * u128::from(rate_hz) / u128::from(SECOND_NS) + 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_do_not_divide_a_second_are_exact_over_an_hour() {
        for rate_hz in [30, 60_000, 7] {
            assert_eq!(due_ns(5, rate_hz * 3_600, rate_hz), 5 + 3_600 * SECOND_NS);
        }
    }

    #[test]
    fn the_next_number_is_that_of_the_first_event_that_is_not_due_yet() {
        for rate_hz in [1, 7, 30, 2_400, 60_000] {
            for now_ns in [7, 100, 101, 33_333_433, 1_000_000_099, 1_000_000_100, 7_777_777_777] {
                let next = next_number(100, now_ns, rate_hz);
                assert!(due_ns(100, next, rate_hz) > now_ns, "{rate_hz} Hz at {now_ns}");
                assert!(next == 0 || due_ns(100, next - 1, rate_hz) <= now_ns, "{rate_hz} Hz at {now_ns}");
            }
        }
    }

    #[test]
    fn a_sleep_ends_after_its_time_and_a_sleep_until_the_past_ends_at_once() {
        let at_ns = now_ns() + 2_000_000;
        sleep_until(at_ns);
        assert!(now_ns() >= at_ns);
        sleep_until(1);
    }
}

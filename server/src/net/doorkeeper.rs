//! The look at the door of a room, under the limits on guessing.
//!
//! A private room and a room that does not exist have one answer. A guess is counted before it is looked at, per address
//! and, when it brings a secret, in total; a right password gives its guess back. An invitation that is right is not
//! counted, because nobody guesses 128 bits.

use super::Net;
use crate::limits::{PASSWORD_HASHES_AT_ONCE, PASSWORD_HASHES_WAITING_MAX};
use crate::lobby::{Door, Look, look};
use crate::websocket::address::AddressKey;
use crate::websocket::rate::{AddressQuota, Quota, Usage};
use std::cell::{Cell, RefCell};
use tickwire::message::control::SecretText;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

/// The reason for which a door stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shut {
    /// There is no such room, or the secret is not that of the room.
    Wrong,
    /// Too many guesses were made; seconds until a further one is allowed.
    Guesses(u64),
    /// Too many passwords wait to be hashed.
    Busy,
}

/// The hashing of passwords, a few at a time, and the guesses of everybody.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    hashing: Semaphore,
    waiting: Cell<usize>,
    quota: Cell<Quota>,
    guesses: Cell<Usage>,
}

/// Counts as a password that waits, until it is dropped.
struct Waiting<'a>(&'a Cell<usize>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Doorkeeper {
    pub(super) fn new(guesses_per_second: u32) -> Self {
        Self {
            hashing: Semaphore::new(PASSWORD_HASHES_AT_ONCE),
            waiting: Cell::new(0),
            quota: Cell::new(Self::quota(guesses_per_second)),
            guesses: Cell::default(),
        }
    }

    fn quota(guesses_per_second: u32) -> Quota {
        Quota::per_second(guesses_per_second, guesses_per_second)
    }

    /// Sets how many guesses are looked at per second from now on.
    pub(super) fn set_rate(&self, guesses_per_second: u32) {
        self.quota.set(Self::quota(guesses_per_second));
    }

    /// Waits until a password may be hashed; `None` when too many wait already.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if self.waiting.get() >= PASSWORD_HASHES_WAITING_MAX {
            return None;
        }
        self.waiting.set(self.waiting.get() + 1);
        let _waiting = Waiting(&self.waiting);
        self.hashing.acquire().await.ok()
    }

    /// The door of a new room with this password. A password that is empty or too long makes none.
    pub(super) async fn lock_with(&self, password: SecretText) -> Result<Option<Door>, Shut> {
        let _turn = self.turn().await.ok_or(Shut::Busy)?;
        spawn_blocking(move || Door::with_password(&password)).await.map_err(|_| Shut::Busy)
    }
}

impl Net {
    /// Looks whether this secret opens a door; `None` for the door of a room that does not exist.
    ///
    /// # Errors
    /// The reason why it does not. It is the same for a room that does not exist, and comes as soon.
    pub(super) async fn open_door(
        &self,
        door: Option<Door>,
        secret: Option<&SecretText>,
        guesses: &RefCell<AddressQuota>,
        address: Option<AddressKey>,
    ) -> Result<(), Shut> {
        let now_us = || self.setup.clock.now_us();
        let (attempt, secret) = match (look(door, secret), secret) {
            (Look::Enter, _) => return Ok(()),
            (Look::Hash(attempt), Some(secret)) => (attempt, secret.clone()),
            _ => return Err(guesses.borrow_mut().take(address, now_us()).map_or_else(Shut::Guesses, |()| Shut::Wrong)),
        };
        if let Some(seconds) = guesses.borrow().wait_seconds(address, now_us()) {
            return Err(Shut::Guesses(seconds));
        }
        let keeper = &self.doorkeeper;
        let _turn = keeper.turn().await.ok_or(Shut::Busy)?;
        guesses.borrow_mut().take(address, now_us()).map_err(Shut::Guesses)?;
        let mut in_total = keeper.guesses.get();
        if !in_total.take(keeper.quota.get(), now_us()) {
            guesses.borrow_mut().give_back(address);
            return Err(Shut::Guesses(1));
        }
        keeper.guesses.set(in_total);
        let is_right = spawn_blocking(move || attempt.is_right(&secret)).await.map_err(|_| Shut::Busy)?;
        if !is_right {
            return Err(Shut::Wrong);
        }
        guesses.borrow_mut().give_back(address);
        let mut in_total = keeper.guesses.get();
        in_total.give_back(keeper.quota.get());
        keeper.guesses.set(in_total);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::net::{IpAddr, Ipv4Addr};
    use std::rc::Rc;
    use std::time::{Duration, Instant};
    use tokio::task::LocalSet;

    fn net() -> Net {
        Net::without_shards(Config { secret_guesses_per_second: 10, ..Config::on_free_ports() })
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, work)
    }

    fn address(number: u8) -> Option<AddressKey> {
        Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, number))))
    }

    #[test]
    fn ten_thousand_guesses_from_a_hundred_addresses_are_looked_at_within_the_budget() {
        let net = Rc::new(net());
        let door = Door::with_password(&SecretText("sesame".into()));
        let begun = Instant::now();
        let outcomes = run(async {
            let guess = |number: u32| {
                let net = Rc::clone(&net);
                tokio::task::spawn_local(async move {
                    let secret = SecretText(number.to_string());
                    net.open_door(door, Some(&secret), &net.guess_quota, address((number % 100) as u8)).await
                })
            };
            let mut outcomes = Vec::new();
            // As many at a time as wait for their turn.
            for first in (0..10_000).step_by(50) {
                let guesses: Vec<_> = (first..first + 50).map(guess).collect();
                for guess in guesses {
                    outcomes.push(guess.await.unwrap());
                }
            }
            outcomes
        });
        let budget = 10 + 10 * usize::try_from(begun.elapsed().as_secs() + 1).unwrap();
        let looked_at = outcomes.iter().filter(|outcome| **outcome == Err(Shut::Wrong)).count();
        assert!((10..=budget).contains(&looked_at), "{looked_at} of {budget}");
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Shut::Guesses(_)))).count();
        assert_eq!(looked_at + refused, 10_000);
    }

    #[test]
    fn right_secrets_use_up_no_guesses_and_a_right_invitation_passes_though_none_is_left() {
        let net = net();
        let password = SecretText("sesame".into());
        let door = Door::with_password(&password);
        let (invited, invitation) = Door::with_invitation();
        run(async {
            for _ in 0..25 {
                assert_eq!(net.open_door(door, Some(&password), &net.guess_quota, address(1)).await, Ok(()));
            }
            while net.open_door(None, Some(&password), &net.guess_quota, None).await == Err(Shut::Wrong) {}
            assert_eq!(net.open_door(Some(invited), Some(&invitation), &net.guess_quota, address(1)).await, Ok(()));
        });
    }

    #[test]
    fn passwords_that_wait_are_bounded_and_leave_no_trace_when_their_client_hangs_up() {
        let net = net();
        let secret = SecretText("sesame".into());
        run(async {
            let _both = net.doorkeeper.hashing.acquire_many(2).await.unwrap();
            for _ in 0..2 {
                let look = || net.open_door(None, Some(&secret), &net.guess_quota, None);
                let mut waiting: Vec<_> = (0..PASSWORD_HASHES_WAITING_MAX).map(|_| Box::pin(look())).collect();
                for look in &mut waiting {
                    assert!(tokio::time::timeout(Duration::ZERO, look).await.is_err());
                }
                assert_eq!(look().await, Err(Shut::Busy));
            }
        });
        assert_eq!(net.doorkeeper.waiting.get(), 0);
    }
}

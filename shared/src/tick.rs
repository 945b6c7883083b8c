//! Simulation time: a tick is one call of [`Game::step`](crate::game::Game::step).
//!
//! Ticks count from 0 at the creation of a room and never wrap: at 60 Hz a `u32` lasts 2.2 years.

use core::fmt;
use core::ops::{Add, Sub};

/// A moment of a room: how many steps its world has made since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u32);

impl Tick {
    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Ticks from `earlier` to this one; negative when `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }

    /// This tick moved by `ticks`, kept within the range of a tick.
    #[must_use]
    pub fn offset(self, ticks: i64) -> Self {
        let moved = (i64::from(self.0) + ticks).clamp(0, i64::from(u32::MAX));
        Self(u32::try_from(moved).unwrap_or(u32::MAX))
    }
}

impl Add<u32> for Tick {
    type Output = Self;
    fn add(self, ticks: u32) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

impl Sub<u32> for Tick {
    type Output = Self;
    fn sub(self, ticks: u32) -> Self {
        Self(self.0.saturating_sub(ticks))
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

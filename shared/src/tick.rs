//! Simulation time: a tick is one call of [`Game::step`](crate::game::Game::step).
//!
//! Ticks count from 0 at the creation of a room and never wrap: at 60 Hz a `u32` lasts 2.2 years.

use bincode::{Decode, Encode};
use core::fmt;
use core::ops::{Add, Sub};

/// A moment of a room: how many steps its world has made since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
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

/// A moment of a room, in ticks with their fraction: 7.25 is a quarter of the way from tick 7 to tick 8.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct TickTime(pub f64);

impl TickTime {
    /// The tick in which the moment lies, kept within the range of a tick; 0 for a moment that is no number.
    #[must_use]
    pub const fn tick(self) -> Tick {
        Tick(self.0 as u32)
    }

    /// The later of two moments.
    #[must_use]
    pub const fn later(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// The earlier of two moments.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl From<Tick> for TickTime {
    fn from(tick: Tick) -> Self {
        Self(f64::from(tick.0))
    }
}

impl Add<f64> for TickTime {
    type Output = Self;

    fn add(self, ticks: f64) -> Self {
        Self(self.0 + ticks)
    }
}

impl Sub<f64> for TickTime {
    type Output = Self;

    fn sub(self, ticks: f64) -> Self {
        Self(self.0 - ticks)
    }
}

impl Sub for TickTime {
    type Output = f64;

    /// Ticks from the other moment to this one.
    fn sub(self, other: Self) -> f64 {
        self.0 - other.0
    }
}

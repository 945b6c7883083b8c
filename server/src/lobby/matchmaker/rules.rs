//! The rules of a queue: the seats of a match, the window that widens, and the time after which bots fill up.
//!
//! Rules are checked once, when the matchmaker is made. Ratings are taken as they are given: how a game computes them,
//! and which mode counts for which rating, is left to the game.

use super::{BOTS_AFTER_MS_MAX, OPEN_AFTER_MS_MAX, SEATS_MAX};
use thiserror::Error;

/// The rules of one queue, for one mode of one game.
///
/// # The window
/// A group that waits has a window: the largest difference between its rating and that of another group that it may
/// play with. The window is `window_start` at first, widens by `window_per_second`, and reaches `window_max` after
/// [`QueueRules::open_after_ms`]. From then on the group is open: it plays with anybody who waits, nearest ratings first.
/// The window of the group that has waited longest decides for a match. Two other groups of the match can therefore
/// differ by up to twice the window.
///
/// # Defaults
/// [`QueueRules::free_for_all`] and [`QueueRules::teams`] choose values for ratings like Elo's, where 400 points are
/// odds of 10 to 1:
/// * `window_start` 100: the better side wins 64 of 100 games, which still feels even.
/// * `window_max` 400: beyond odds of 10 to 1 another point does not matter, and waiting no longer pays.
/// * `window_per_second` 10: the window is open after 30 seconds, about as long as people look at a queue before they
///   doubt that it works.
/// * `seats_min`: half of the seats in a free for all, since that is a game already; all seats with teams, since a team
///   that lacks a person loses.
/// * `bots_after_ms`: `None`, since the matchmaker cannot know whether a game has bots. A game that has them does well
///   with 60 seconds, twice the time after which the window is open.
/// * `backfill`: true, since a match that lacks people is bad for everyone in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRules {
    /// The number of the game.
    pub game: usize,
    /// The name of the mode.
    pub mode: String,
    /// People in a full match, 2 to [`SEATS_MAX`].
    pub seats: u8,
    /// People with whom a match starts without bots when its oldest group is open and no more people fit: 1 to `seats`.
    /// Such a match has people in two teams at least, unless the mode has a single team.
    pub seats_min: u8,
    /// People in a team; 1 is a free for all. It divides `seats`. A party that fits into a team is in one team, a
    /// larger one fills whole teams.
    pub team_size: u8,
    /// The window of a group that has just entered, in points of rating.
    pub window_start: u16,
    /// Points by which the window widens in a second. It may be 0 only where `window_start` is `window_max`.
    pub window_per_second: u16,
    /// The window at which a group becomes open. Where it is `window_start`, groups are open at once: ratings then
    /// choose between people and refuse nobody.
    pub window_max: u16,
    /// Milliseconds that a group waits before a match starts with bots in the seats that are left, however few people
    /// there are; `None` for a game without bots. At most [`BOTS_AFTER_MS_MAX`].
    pub bots_after_ms: Option<u64>,
    /// Whether running matches may take people from the queue.
    pub backfill: bool,
}

/// The reason for which rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// The number of seats is out of range.
    #[error("a match of {mode} has {seats} seats; it has to have 2 to {SEATS_MAX}")]
    Seats {
        /// The mode.
        mode: String,
        /// Its seats.
        seats: u8,
    },
    /// A match would start with nobody, or with more people than it has seats.
    #[error("a match of {mode} starts with {seats_min} people; it has to be 1 to {seats}")]
    SeatsMin {
        /// The mode.
        mode: String,
        /// The people with whom it starts.
        seats_min: u8,
        /// Its seats.
        seats: u8,
    },
    /// The seats are not a number of whole teams.
    #[error("{seats} seats of {mode} are no whole number of teams of {team_size}")]
    Teams {
        /// The mode.
        mode: String,
        /// Its seats.
        seats: u8,
        /// People in a team.
        team_size: u8,
    },
    /// The window never reaches its maximum, or takes too long to.
    #[error(
        "the window of {mode} does not widen from {start} to {max} by {per_second} a second within {} s",
        OPEN_AFTER_MS_MAX / 1_000
    )]
    Window {
        /// The mode.
        mode: String,
        /// The window at the start.
        start: u16,
        /// Points in a second.
        per_second: u16,
        /// The largest window.
        max: u16,
    },
    /// Bots come too late to be of use.
    #[error("bots of {mode} come after {after_ms} ms; {BOTS_AFTER_MS_MAX} ms is the longest time")]
    Bots {
        /// The mode.
        mode: String,
        /// The time.
        after_ms: u64,
    },
    /// Two queues are for the same mode of a game.
    #[error("two queues are for {mode} of game {game}")]
    Twice {
        /// The game.
        game: usize,
        /// The mode.
        mode: String,
    },
    /// There are too many queues.
    #[error("{queues} queues are too many; {} is the most", super::QUEUES_MAX)]
    TooMany {
        /// The number of queues.
        queues: usize,
    },
}

impl QueueRules {
    /// The defaults for a free for all with these seats.
    #[must_use]
    pub fn free_for_all(game: usize, mode: impl Into<String>, seats: u8) -> Self {
        Self {
            game,
            mode: mode.into(),
            seats,
            seats_min: seats.div_ceil(2).max(2).min(seats),
            team_size: 1,
            window_start: 100,
            window_per_second: 10,
            window_max: 400,
            bots_after_ms: None,
            backfill: true,
        }
    }

    /// The defaults for this many teams of this size. A number of seats beyond 255 becomes 255, which is refused later.
    #[must_use]
    pub fn teams(game: usize, mode: impl Into<String>, teams: u8, team_size: u8) -> Self {
        let seats = teams.saturating_mul(team_size);
        Self { team_size, seats_min: seats, ..Self::free_for_all(game, mode, seats) }
    }

    /// The same rules with bots that fill up after this time.
    #[must_use]
    pub fn with_bots_after_ms(self, after_ms: u64) -> Self {
        Self { bots_after_ms: Some(after_ms), ..self }
    }

    /// Milliseconds after which a group is open: the window has reached its maximum, and the group plays with anybody
    /// who waits. `u64::MAX` for a window that never gets there.
    #[must_use]
    pub fn open_after_ms(&self) -> u64 {
        let points = u64::from(self.window_max.saturating_sub(self.window_start));
        match (points, u64::from(self.window_per_second)) {
            (0, _) => 0,
            (_, 0) => u64::MAX,
            (points, per_second) => (points * 1_000).div_ceil(per_second),
        }
    }

    /// The window of a group that has waited this long; `None` when it is open.
    #[must_use]
    pub fn window(&self, waited_ms: u64) -> Option<u16> {
        if waited_ms >= self.open_after_ms() {
            return None;
        }
        let widened = waited_ms.saturating_mul(u64::from(self.window_per_second)) / 1_000;
        Some(self.window_start.saturating_add(u16::try_from(widened).unwrap_or(u16::MAX)).min(self.window_max))
    }

    /// Whether bots may fill the match of a group that has waited this long.
    pub(super) fn has_bots(&self, waited_ms: u64) -> bool {
        self.bots_after_ms.is_some_and(|after_ms| waited_ms >= after_ms)
    }

    /// Whether a group that has waited this long may start a match that is not full of people.
    pub(super) fn is_due(&self, waited_ms: u64) -> bool {
        self.has_bots(waited_ms) || self.window(waited_ms).is_none()
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// For the first rule that cannot be used.
    pub(super) fn check(&self) -> Result<(), RulesError> {
        let (mode, seats) = (self.mode.clone(), self.seats);
        if !(2..=SEATS_MAX).contains(&seats) {
            return Err(RulesError::Seats { mode, seats });
        }
        if !(1..=seats).contains(&self.seats_min) {
            return Err(RulesError::SeatsMin { mode, seats_min: self.seats_min, seats });
        }
        if self.team_size == 0 || !seats.is_multiple_of(self.team_size) {
            return Err(RulesError::Teams { mode, seats, team_size: self.team_size });
        }
        if self.window_start > self.window_max || self.open_after_ms() > OPEN_AFTER_MS_MAX {
            let (start, per_second, max) = (self.window_start, self.window_per_second, self.window_max);
            return Err(RulesError::Window { mode, start, per_second, max });
        }
        match self.bots_after_ms {
            Some(after_ms) if after_ms > BOTS_AFTER_MS_MAX => Err(RulesError::Bots { mode, after_ms }),
            _ => Ok(()),
        }
    }
}

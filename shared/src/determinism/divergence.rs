//! The result of a [`sync_test`](super::sync_test) that failed: which check, which tick, which field.

use crate::tick::Tick;
use crate::world::diff::{Named, Reading};
use alloc::string::String;
use core::fmt;

/// A way to catch a game that disagrees with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Floats of the world are numbers after a step, before they are rounded.
    Numbers,
    /// Another instance that is given the same inputs does the same.
    Twin,
    /// The world is played on with other inputs, put back to its former state, and played again.
    Rollback,
    /// A world that was played elsewhere is made equal to this one from wire integers.
    Restore,
    /// The same through all bytes of a keyframe, into a world that was never played.
    Keyframe,
    /// A tick is undone half way, as a room does after a panic, and made again.
    Undo,
    /// The match was frozen at an earlier tick, and goes on from the bytes of that checkpoint, as after a restart of the
    /// server.
    Resume,
}

impl Check {
    /// The usual cause when this check alone complains.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Numbers => "a division by zero, a root of something negative, a vector of no length normalized",
            Self::Twin => "the order of a hash map, an address, a clock, or other state outside of the world",
            Self::Rollback => "state outside of the world: a `static` or a `thread_local`",
            Self::Restore => "a field that `scatter` leaves as it was, or one that has no leaf at all",
            Self::Keyframe | Self::Undo | Self::Resume => {
                "a field that has its `Default` value after a restore: it has no leaf, or is not scattered"
            }
        }
    }
}

impl Check {
    /// The way out when this check alone complains.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Numbers => {
                "follow the field back through `step`, and handle the case before it divides, takes a root or normalizes \
                 (`normalize_or_zero`)"
            }
            Self::Twin => {
                "take order from a `Vec`, a `BTreeMap` or a `Table`, chance from `Step::rng`, time from `Step::now`, and \
                 all else from the world and its inputs"
            }
            Self::Rollback => "make what `step` remembers a field of the world; with `only = server` no client sees it",
            Self::Restore | Self::Keyframe | Self::Undo | Self::Resume => {
                "derive `State`; where it is written by hand, `describe`, `gather` and `scatter` must treat every field \
                 that `step` reads, in one order, and within the range that is described"
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Numbers => "a float is no number",
            Self::Twin => "another instance that was given the same inputs differs",
            Self::Rollback => "a tick that is played again after a rollback differs",
            Self::Restore => "a world that is restored from wire integers over another one differs",
            Self::Keyframe => "a world that is restored from a keyframe's bytes differs",
            Self::Undo => "a tick that is made again after it was undone half way differs",
            Self::Resume => "a match that goes on from the bytes of a checkpoint differs",
        })
    }
}

/// The first moment at which a game disagreed with itself, and where.
///
/// It prints as a few lines for the author who has to mend it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "{game}: {check}\n  {} seed {seed}: {}\n{}  often: {}\n  to do: {}",
    When(*tick), Phrase(*check, path, expected, found), More(*others), self.hint(), check.advice()
)]
pub struct Divergence {
    /// The game's name.
    pub game: &'static str,
    /// The seed from which the game was played.
    pub seed: u64,
    /// The first tick that came out differently. For a restore that is wrong before any tick is played, it is the tick
    /// that was restored.
    pub tick: Tick,
    /// The check that noticed.
    pub check: Check,
    /// The path of the first difference, such as `ships[3#1].velocity.x`; `events`, when only they differ.
    pub path: String,
    /// Its value when the tick was played the first time.
    pub expected: Reading,
    /// The value that the check found.
    pub found: Reading,
    /// How many other differences there are in that tick.
    pub others: usize,
}

impl Divergence {
    pub(super) fn of(game: &'static str, seed: u64, tick: Tick, check: Check, what: Named, others: usize) -> Self {
        let Named { path, here: expected, there: found } = what;
        Self { game, seed, tick, check, path, expected, found, others }
    }

    /// The usual cause.
    const fn hint(&self) -> &'static str {
        match self.expected {
            Reading::Error => "a wire form that is written by hand, and writes more than it describes",
            _ => self.check.hint(),
        }
    }
}

struct When(Tick);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Tick(0) => f.write_str("before the first tick (`new`) of"),
            tick => write!(f, "tick {tick} of"),
        }
    }
}

struct Phrase<'a>(Check, &'a str, &'a Reading, &'a Reading);

impl fmt::Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(check, path, expected, found) = *self;
        // The other instance is not later than the first one.
        let (was, and, now) = match check {
            Check::Twin => ("is", " in the one and", "in the other"),
            _ => ("was", ", and is", "now"),
        };
        match (expected, found) {
            (_, Reading::NotANumber) => write!(f, "{path} is NaN"),
            // The path says why the keyframe or the checkpoint cannot be read.
            (Reading::Error, _) => f.write_str(path),
            (Reading::Events(one), Reading::Events(other)) if one == other => {
                write!(f, "the {one} events of the step are others {now}")
            }
            (Reading::Events(one), Reading::Events(other)) => {
                write!(f, "the number of the step's events {was} {one}{and} {other} {now}")
            }
            (Reading::Random { seed, drawn: one }, Reading::Random { seed: same, drawn: other }) if seed == same => {
                write!(f, "the number of random numbers that were drawn {was} {one}{and} {other} {now}")
            }
            _ => write!(f, "{path} {was} {expected}{and} {found} {now}"),
        }
    }
}

struct More(usize);

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => writeln!(f, "  and one more difference"),
            others => writeln!(f, "  and {others} more differences"),
        }
    }
}

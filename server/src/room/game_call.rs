//! The call of the game that a room is making: a room that has panicked is named with it.

use super::Room;
use std::fmt;
use tickwire::world::roster::RosterChange;
use tickwire::{Game, Seat, Tick};

/// A call of one of the game's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GameCall {
    /// [`Game::new`], for a match that begins anew.
    New,
    /// [`Game::join`].
    Join(Seat),
    /// [`Game::leave`].
    Leave(Seat),
    /// [`Game::hear`], for a message in this topic.
    Hear(&'static str),
    /// [`Game::bot`].
    Bot(Seat),
    /// [`Game::step`].
    Step,
    /// [`Game::publish`].
    Publish,
}

impl GameCall {
    /// The calls by which a tick may come to be undone, as words for metrics.
    pub const CAUSES: [&'static str; 5] = ["new", "join", "leave", "hear", "step"];

    /// The place of the call among [`GameCall::CAUSES`]. The others undo no tick, and count as a step.
    pub(super) const fn cause(self) -> usize {
        match self {
            Self::New => 0,
            Self::Join(_) => 1,
            Self::Leave(_) => 2,
            Self::Hear(_) => 3,
            Self::Bot(_) | Self::Step | Self::Publish => 4,
        }
    }
}

impl From<&RosterChange> for GameCall {
    fn from(change: &RosterChange) -> Self {
        match change {
            RosterChange::Joined(seat) => Self::Join(*seat),
            RosterChange::Left(seat, _) => Self::Leave(*seat),
        }
    }
}

impl fmt::Display for GameCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("`new`"),
            Self::Join(seat) => write!(f, "`join` of seat {seat}"),
            Self::Leave(seat) => write!(f, "`leave` of seat {seat}"),
            Self::Hear(topic) => write!(f, "`hear` of a message in `{topic}`"),
            Self::Bot(seat) => write!(f, "`bot` of seat {seat}"),
            Self::Step => f.write_str("`step`"),
            Self::Publish => f.write_str("`publish`"),
        }
    }
}

impl<G: Game> Room<G> {
    /// The game's name, the tick that the room has begun last, and the call of the game that is being made. After a
    /// panic it is the call that has panicked; `None` when the room's own code has.
    #[must_use]
    pub const fn at_work(&self) -> (&'static str, Tick, Option<GameCall>) {
        (G::RULES.name, self.tick, self.call)
    }
}

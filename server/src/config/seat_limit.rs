//! The seats of a room that one address may have, as an operator sets them.

use crate::limits::SEATS_PER_ADDRESS_MIN;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;
use thiserror::Error;

/// The seats of a room that people from one address may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrWord", into = "NumberOrWord")]
pub enum SeatLimit {
    /// All seats but one, and two at the least: two friends behind one router can always play each other.
    AllButOne,
    /// So many seats.
    Seats(NonZeroU8),
}

/// The text or the number is no limit of seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the seats of one address are a number from 1 to 255, or all-but-one")]
pub struct SeatLimitError;

impl SeatLimit {
    /// The limit for a room with so many seats.
    #[must_use]
    pub fn of_room(self, seats: u8) -> u8 {
        match self {
            Self::AllButOne => seats.saturating_sub(1).max(SEATS_PER_ADDRESS_MIN),
            Self::Seats(seats) => seats.get(),
        }
    }
}

/// A limit as it is in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum NumberOrWord {
    Number(u64),
    Word(String),
}

impl TryFrom<NumberOrWord> for SeatLimit {
    type Error = SeatLimitError;

    fn try_from(value: NumberOrWord) -> Result<Self, SeatLimitError> {
        match value {
            NumberOrWord::Word(word) => word.parse(),
            NumberOrWord::Number(number) => number.to_string().parse(),
        }
    }
}

impl From<SeatLimit> for NumberOrWord {
    fn from(limit: SeatLimit) -> Self {
        match limit {
            SeatLimit::AllButOne => Self::Word(limit.to_string()),
            SeatLimit::Seats(seats) => Self::Number(seats.get().into()),
        }
    }
}

impl FromStr for SeatLimit {
    type Err = SeatLimitError;

    fn from_str(text: &str) -> Result<Self, SeatLimitError> {
        match text {
            "all-but-one" => Ok(Self::AllButOne),
            _ => text.parse().map(Self::Seats).map_err(|_| SeatLimitError),
        }
    }
}

impl fmt::Display for SeatLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllButOne => out.write_str("all-but-one"),
            Self::Seats(seats) => seats.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_all_seats_but_one() {
        assert_eq!("all-but-one".parse(), Ok(SeatLimit::AllButOne));
        assert_eq!("4".parse::<SeatLimit>().map(|limit| limit.to_string()), Ok("4".into()));
        for wrong in ["0", "-1", "256", "", "all"] {
            assert_eq!(wrong.parse::<SeatLimit>(), Err(SeatLimitError), "{wrong:?}");
        }
        let limits = [1, 2, 3, 8, 64].map(|seats| SeatLimit::AllButOne.of_room(seats));
        assert_eq!(limits, [2, 2, 2, 7, 63]);
    }
}

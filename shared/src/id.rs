//! Names of things on the wire: seats of a room and rows of a table.

use crate::limits::SEATS_MAX;
use core::fmt;

/// A player's place in a room, counted from 0.
///
/// A seat belongs to one player from joining to leaving, through lost connections and reloads; the game
/// knows players by nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seat(u8);

impl Seat {
    /// The seat at `index`, or `None` at [`SEATS_MAX`] and above.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < SEATS_MAX { Some(Self(index)) } else { None }
    }

    /// The seat's place, `0..SEATS_MAX`: for arrays with an entry per seat.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The seat as it travels: one byte, `0..SEATS_MAX`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The first `count` seats, in order.
    pub fn first(count: u8) -> impl Iterator<Item = Self> + Clone {
        (0..count.min(SEATS_MAX)).map(Self)
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row of a [`Table`](crate::Table): a slot and how often that slot was taken before.
///
/// Two rows that ever lived in a table differ in one of the two (until a generation wraps after 65,536
/// rows in the same slot), so an id kept by the game never names a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowId {
    /// Place in the table; ids sort by it. `0..ROWS_MAX`, or above for a row predicted by a client.
    pub slot: u16,
    /// How many rows lived in this slot before, modulo 65,536.
    pub generation: u16,
}

impl RowId {
    /// Both parts in one number, unique in a table.
    #[must_use]
    pub const fn packed(self) -> u32 {
        ((self.generation as u32) << 16) | self.slot as u32
    }
}

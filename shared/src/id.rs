//! Ids: the names of things on the wire, which are the seats of a room and the rows of a table.

use crate::limits::{ROWS_MAX, SEATS_MAX};
use crate::tick::Tick;
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::EncodeError;
use bincode::{Decode, Encode};
use core::fmt;
use serde::Serialize;

/// The new rows of one tick and table that a client predicts, and the ticks until their ids come again (with another
/// generation). Together they fill the slots above [`ROWS_MAX`].
const PREDICTED_ROWS: u32 = 64;
const PREDICTED_TICKS: u32 = 512;
const _: () = assert!(PREDICTED_ROWS * PREDICTED_TICKS == u16::MAX as u32 - ROWS_MAX as u32, "one id for each slot");

/// A player's place in a room, counted from 0.
///
/// A seat belongs to one player from joining to leaving, through lost connections and reloads. The game knows players
/// by nothing else.
///
/// In the JSON of a result it is its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Seat(u8);

impl Seat {
    /// The seat at `index`, or `None` at [`SEATS_MAX`] and above.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < SEATS_MAX { Some(Self(index)) } else { None }
    }

    /// The seat's index, `0..SEATS_MAX`: for arrays with an entry per seat.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The seat as it travels: one byte, `0..SEATS_MAX`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The first `count` seats, in ascending order.
    pub fn first(count: u8) -> impl Iterator<Item = Self> + Clone {
        (0..count.min(SEATS_MAX)).map(Self)
    }
}

impl Encode for Seat {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<Context> Decode<Context> for Seat {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        let number = u8::decode(decoder)?;
        Self::new(number).ok_or(bincode::error::DecodeError::Other("a number that is no seat"))
    }
}

bincode::impl_borrow_decode!(Seat);

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a row of a [`Table`](crate::table::Table): a slot, and how often that slot was taken before.
///
/// Two rows that ever lived in a table differ in one of the two (until a generation wraps after 65,536 rows in the same
/// slot), so an id that the game keeps never names another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowId {
    /// Place in the table, by which ids are sorted: `0..=ROWS_MAX`, or above for a row that a client predicts.
    pub slot: u16,
    /// How many rows lived in this slot before this one, modulo 65,536.
    pub generation: u16,
}

impl RowId {
    /// The id of the `order`th row that a client predicts to be new in `tick`; `None` for more than fit.
    ///
    /// The id follows from the tick and the order alone, so that the same spawn has the same id in every replay.
    pub(crate) fn provisional(tick: Tick, order: u16) -> Option<Self> {
        let slot = (tick.0 % PREDICTED_TICKS) * PREDICTED_ROWS + u32::from(order);
        let generation = (tick.0 / PREDICTED_TICKS) % (1 << 16);
        let is_known = u32::from(order) < PREDICTED_ROWS - 1;
        is_known.then(|| Self { slot: ROWS_MAX + 1 + slot as u16, generation: generation as u16 })
    }

    /// The tick in which a client predicted the row to be new, given a tick not far from it; `None` for a row of the
    /// server.
    pub(crate) fn predicted_in(self, near: Tick) -> Option<Tick> {
        let block = u32::from(self.slot.checked_sub(ROWS_MAX + 1)?) / PREDICTED_ROWS;
        let cycle = PREDICTED_TICKS << 16;
        let tick = u32::from(self.generation) * PREDICTED_TICKS + block;
        Some(Tick(near.0 - near.0 % cycle + tick))
    }

    /// Both parts in one number, unique in a table.
    #[must_use]
    pub const fn packed(self) -> u32 {
        ((self.generation as u32) << 16) | self.slot as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicted_row_is_known_by_its_tick() {
        for tick in [0, 1, 511, 512, 33_554_431, 33_554_432, 4_000_000_000] {
            let ids: alloc::vec::Vec<RowId> =
                (0..63).filter_map(|order| RowId::provisional(Tick(tick), order)).collect();
            assert_eq!(ids.len(), 63);
            assert!(ids.iter().all(|id| id.slot > ROWS_MAX && id.predicted_in(Tick(tick)) == Some(Tick(tick))));
            assert!(ids.is_sorted_by(|one, other| one.slot < other.slot));
            assert_eq!(RowId::provisional(Tick(tick), 63), None, "the last slot names nothing");
        }
        assert_eq!(RowId { slot: ROWS_MAX, generation: 3 }.predicted_in(Tick(9)), None);
    }
}

//! The messages between the net thread and the shards for operators: the things that they look at, and their orders.

use crate::lobby::RoomId;
use crate::room::{Attendance, NotDone, OperatorOrder, SeatFigures};
use std::collections::BTreeSet;
use tickwire::Tick;

/// The rooms that operators look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Whether all rooms are to be counted once a second.
    pub(crate) counts: bool,
    /// The rooms whose seats are looked at.
    pub(crate) seats: BTreeSet<RoomId>,
    /// The rooms whose worlds are drawn.
    pub(crate) scenes: BTreeSet<RoomId>,
}

impl Watch {
    /// Whether nobody looks at anything.
    pub(crate) fn is_idle(&self) -> bool {
        !self.counts && self.seats.is_empty() && self.scenes.is_empty()
    }
}

/// Something that an operator wants done to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomWork {
    /// An order that the room carries out.
    Order(OperatorOrder),
    /// The room is to end.
    Close,
}

/// The outcome of such an order: the name of the player that it was about. `None` when the shard has no such room.
pub(crate) type Carried = Option<Result<Option<String>, NotDone>>;

/// A room in numbers, of the last second unless they say something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoomNumbers {
    pub(crate) room: RoomId,
    pub(crate) is_slow_lane: bool,
    pub(crate) rate_hz: u32,
    pub(crate) connections: usize,
    pub(crate) attendance: Attendance,
    /// Microseconds that turns of the room took: the median, and the longest but for one in a hundred.
    pub(crate) turn_p50_us: u32,
    pub(crate) turn_p99_us: u32,
    /// Microseconds that a turn may take before the room counts as slow.
    pub(crate) turn_us_max: u32,
    pub(crate) late_inputs: u64,
    pub(crate) starved_ticks: u64,
    pub(crate) superseded: u64,
    pub(crate) bytes_out: u64,
    /// Confirmed differences in the last minute.
    pub(crate) desyncs: u64,
    /// In the last minute: connections that were closed because they sent too much, and messages that were refused.
    pub(crate) flood: u64,
}

/// A room with its seats.
#[derive(Debug)]
pub(crate) struct SeatsSeen {
    pub(crate) numbers: RoomNumbers,
    pub(crate) seats: Vec<SeatFigures>,
}

/// The world of a room as its game draws it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) room: RoomId,
    pub(crate) tick: Tick,
    pub(crate) drawn: Drawn,
}

/// A picture, or the reason for which there is none.
#[derive(Debug)]
pub(crate) enum Drawn {
    /// The commands and the texts of the scene.
    Scene(Vec<f32>, Vec<String>),
    /// The picture is too large.
    TooLarge,
    /// The game has no stage, or its stage has failed.
    None,
}

//! The lines of the log about players who come to a room and go: one for each, with the reason, and never an address.

use super::connection::{Connection, End};
use crate::lobby::RoomId;
use crate::room::Entered;
use crate::websocket::address::{AddressClass, AddressKey};
use tickwire::Seat;
use tickwire::message::close::CloseCode;

/// The number of a seat, for a log; a spectator has none.
fn number(seat: Option<Seat>) -> Option<u8> {
    seat.map(Seat::number)
}

/// Somebody has entered a room.
pub(super) fn joined(room: RoomId, entered: &Entered, address: Option<AddressKey>) {
    let (seat, name, from) = (number(entered.seat), entered.name.as_str(), AddressClass::of(address));
    let room = room.0;
    // Lines of one place are bounded together.
    match (entered.seat, entered.resumed) {
        (None, _) => tracing::info!(room, name, %from, "a spectator has come"),
        (Some(_), false) => tracing::info!(room, seat, name, %from, "a player has joined"),
        (Some(_), true) => tracing::info!(room, seat, name, %from, "a player has come back"),
    }
}

/// A connection has left its room.
pub(super) fn left(connection: &Connection) {
    let (room, seat) = (connection.at.room.0, number(connection.seat));
    let from = AddressClass::of(connection.counted.address);
    match connection.end {
        None | Some(End::Lost) => tracing::info!(room, seat, %from, "a connection is lost"),
        // Everybody goes when the server stops, and the line about that says it once.
        Some(End::Close(code @ (CloseCode::Away | CloseCode::Restart))) => {
            tracing::debug!(room, seat, %from, code = code.number(), reason = code.reason(), "a connection was closed");
        }
        Some(End::Close(code)) => {
            tracing::info!(room, seat, %from, code = code.number(), reason = code.reason(), "a connection was closed");
        }
        Some(End::ClosedByClient(code)) => {
            // A client may send any number; its reason is not kept.
            let reason = code.and_then(CloseCode::from_number).map_or("none of ours", CloseCode::reason);
            tracing::info!(room, seat, %from, code, reason, "a client has closed its connection");
        }
    }
}

/// A connection was not let into a room.
pub(super) fn refused(room: RoomId, address: Option<AddressKey>, code: CloseCode) {
    let from = AddressClass::of(address);
    tracing::debug!(room = room.0, %from, code = code.number(), reason = code.reason(), "a connection was refused");
}

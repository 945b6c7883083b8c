//! Seats in rooms of Colyseus, reserved as its SDK reserves them: one client creates a room, the others join it.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::net::SocketAddr;
use tickwire_tools::http::post_json;

/// A seat that is kept for a while.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    room_id: String,
    process_id: String,
    session_id: String,
}

impl Reservation {
    fn path(&self) -> String {
        format!("/{}/{}?sessionId={}", self.process_id, self.room_id, self.session_id)
    }
}

/// Creates a room of their own for `players` players; gives the path at which each of them opens its WebSocket. They
/// have 15 seconds for that.
///
/// # Errors
/// When the server refuses or takes too long.
pub(super) fn fill_room(address: SocketAddr, players: u32) -> Result<Vec<String>> {
    let first = reserve(address, "create/crowd")?;
    let join = format!("joinById/{}", first.room_id);
    let mut paths = vec![first.path()];
    for _ in 1..players {
        let seat = reserve(address, &join)?;
        ensure!(seat.room_id == first.room_id, "the players got into different rooms");
        paths.push(seat.path());
    }
    Ok(paths)
}

fn reserve(address: SocketAddr, wish: &str) -> Result<Reservation> {
    let answer = post_json(address, None, &format!("/matchmake/{wish}"), "{}")?;
    serde_json::from_str(&answer).with_context(|| format!("{answer} names no seat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_has_the_path_to_connect_to() {
        let answer = r#"{"name":"crowd","sessionId":"WgC","roomId":"afn","processId":"H0u"}"#;
        let reservation: Reservation = serde_json::from_str(answer).unwrap();
        assert_eq!(reservation.path(), "/H0u/afn?sessionId=WgC");
    }
}

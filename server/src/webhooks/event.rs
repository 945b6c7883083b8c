//! The events of a room, and their JSON. Every text in them is bounded, so that a body is never longer than
//! [`BODY_BYTES_MAX`].
//!
//! ```json
//! {"id":"evt_00c0ffee00c0ffee_7_3","type":"player.left","at_ms":1796000000000,"room":"BCDFGH","game":"arena","order":3,
//!  "missed":1,"player":{"id":"9f86d081","name":"Ada","seat":0},"reason":"left"}
//! ```
//!
//! `order` counts the events of a room from 1. `missed` is left out when it is 0; otherwise so many events of the room,
//! right before this one, were lost or given up (one that was given up may have arrived all the same): `order` is always that of the event before, plus `missed`, plus 1.

use crate::kept::{EventKey, EventKind, KeptEvent, KeptPlayer};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tickwire::MatchResult;
use tickwire::limits::RESULT_BYTES_MAX;

/// Bytes of a body at the most.
pub(crate) const BODY_BYTES_MAX: usize = 4_096;

/// Bytes of a room's code at the most.
pub(crate) const CODE_BYTES_MAX: usize = 32;

/// Bytes of a game's name at the most.
pub(crate) const GAME_BYTES_MAX: usize = 64;

/// Bytes of a player's id at the most.
pub(crate) const PLAYER_ID_BYTES_MAX: usize = 64;

/// Bytes of a player's name at the most.
pub(crate) const PLAYER_NAME_BYTES_MAX: usize = 128;

/// Bytes of a reason at the most.
pub(crate) const REASON_BYTES_MAX: usize = 32;

/// Bytes of a body besides the texts above at the most: names of fields, punctuation, five numbers and the id.
const FRAME_BYTES_MAX: usize = 384;

/// Bytes that JSON makes of one byte at the most: `\u0000`.
const ESCAPE_LEN_MAX: usize = 6;

const _: () = {
    let room = (CODE_BYTES_MAX + GAME_BYTES_MAX) * ESCAPE_LEN_MAX + FRAME_BYTES_MAX;
    let player = (PLAYER_ID_BYTES_MAX + PLAYER_NAME_BYTES_MAX + REASON_BYTES_MAX) * ESCAPE_LEN_MAX;
    assert!(room + player <= BODY_BYTES_MAX, "a body has room for the longest player");
    assert!(room + RESULT_BYTES_MAX <= BODY_BYTES_MAX, "a body has room for the longest result");
};

/// Bytes that an event takes in memory besides its texts: structures, and its share of the trees that lead to it.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// The reason for which something cannot be part of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EventError {
    /// A text is too long.
    #[error("{field} has {len} bytes, and {max} are allowed")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its bytes.
        len: usize,
        /// The bytes that are allowed.
        max: usize,
    },
}

/// A text, unless it is too long.
pub(super) const fn bounded<'a>(field: &'static str, text: &'a str, max: usize) -> Result<&'a str, EventError> {
    if text.len() > max {
        return Err(EventError::TooLong { field, len: text.len(), max });
    }
    Ok(text)
}

/// The number of a room among all rooms of this process. Unlike a code, it is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomSerial(pub(crate) u64);

/// A reason, as a word of the protocol: `left`, `lost`, `empty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason {
    bytes: [u8; REASON_BYTES_MAX],
    len: usize,
}

impl Reason {
    /// A reason.
    ///
    /// # Panics
    /// When it has more than [`REASON_BYTES_MAX`] bytes. A constant finds that out while it is compiled.
    #[must_use]
    pub(crate) const fn new(word: &'static str) -> Self {
        let word = word.as_bytes();
        assert!(word.len() <= REASON_BYTES_MAX, "a reason is a word and not a text");
        let mut bytes = [0; REASON_BYTES_MAX];
        let (place, _) = bytes.split_at_mut(word.len());
        place.copy_from_slice(word);
        Self { bytes, len: word.len() }
    }

    /// The reason of an event that an earlier process has kept; `None` for a word that is none.
    fn kept(word: &str) -> Option<Self> {
        let mut bytes = [0; REASON_BYTES_MAX];
        bytes.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
        Some(Self { bytes, len: word.len() })
    }

    fn word(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("a reason was made of text")
    }
}

/// A player of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Participant {
    id: Box<str>,
    name: Box<str>,
    seat: u16,
}

impl Participant {
    /// A player with its id, the name that others see, and its seat.
    ///
    /// # Errors
    /// When the id or the name is too long.
    pub(crate) fn new(id: &str, name: &str, seat: u16) -> Result<Self, EventError> {
        let id = bounded("the player's id", id, PLAYER_ID_BYTES_MAX)?;
        let name = bounded("the player's name", name, PLAYER_NAME_BYTES_MAX)?;
        Ok(Self { id: id.into(), name: name.into(), seat })
    }

    /// The player that an earlier process has kept; `None` when it is none of this version.
    pub(super) fn of(kept: &KeptPlayer) -> Option<Self> {
        Self::new(&kept.id, &kept.name, kept.seat).ok()
    }

    /// The number of the seat.
    pub(crate) const fn seat(&self) -> u16 {
        self.seat
    }
}

/// An event of a room.
#[derive(Debug, Clone)]
pub(crate) enum RoomEvent {
    /// The room has been opened.
    RoomOpened,
    /// The room has been closed: its last event.
    RoomClosed {
        /// The reason.
        reason: Reason,
    },
    /// A player has joined.
    PlayerJoined {
        /// The player.
        player: Participant,
    },
    /// A player has left.
    PlayerLeft {
        /// The player.
        player: Participant,
        /// The reason.
        reason: Reason,
    },
    /// A match has ended.
    MatchEnded {
        /// Its result.
        result: MatchResult,
    },
}

impl RoomEvent {
    /// The type of the event, as receivers see it.
    #[must_use]
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::RoomOpened => "room.opened",
            Self::RoomClosed { .. } => "room.closed",
            Self::PlayerJoined { .. } => "player.joined",
            Self::PlayerLeft { .. } => "player.left",
            Self::MatchEnded { .. } => "match.result",
        }
    }

    const fn player(&self) -> Option<&Participant> {
        match self {
            Self::PlayerJoined { player } | Self::PlayerLeft { player, .. } => Some(player),
            _ => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::RoomClosed { reason } | Self::PlayerLeft { reason, .. } => Some(reason.word()),
            _ => None,
        }
    }

    /// The result, which is JSON as it is.
    fn result(&self) -> Option<&RawValue> {
        match self {
            Self::MatchEnded { result } => {
                Some(serde_json::from_str(result.json()).expect("the result of a match is JSON"))
            }
            _ => None,
        }
    }
}

/// An event with its place among those of its room. Only a [`RoomFeed`](super::feed::RoomFeed) makes it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// A random number of the process, so that ids of two processes differ.
    pub(super) process: u64,
    pub(super) serial: RoomSerial,
    pub(super) room: Arc<str>,
    pub(super) game: Arc<str>,
    pub(super) order: u64,
    /// Events right before this one that never reached the outbox.
    pub(super) missed: u64,
    pub(super) at_ms: u64,
    pub(crate) event: RoomEvent,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    at_ms: u64,
    room: &'a str,
    game: &'a str,
    order: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<&'a Participant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
}

impl Event {
    /// The idempotency key. It has no full stop in it and nothing that a player has chosen: a signature over
    /// `id.timestamp.body` could be read in two ways otherwise.
    #[must_use]
    pub(crate) fn id(&self) -> String {
        format!("evt_{:016x}_{}_{}", self.process, self.serial.0, self.order)
    }

    /// The JSON, with the number of events right before this one that the receiver misses.
    #[must_use]
    pub(crate) fn body(&self, missed: u64) -> Vec<u8> {
        let body = Body {
            id: &self.id(),
            kind: self.event.name(),
            at_ms: self.at_ms,
            room: &self.room,
            game: &self.game,
            order: self.order,
            missed: (missed > 0).then_some(missed),
            player: self.event.player(),
            reason: self.event.reason(),
            result: self.event.result(),
        };
        serde_json::to_vec(&body).expect("texts and numbers always have a JSON")
    }

    /// The key that makes the event one among all.
    pub(super) const fn key(&self) -> EventKey {
        EventKey { process: self.process, room: self.serial.0, order: self.order }
    }

    /// The event as it is kept for these endpoints.
    pub(super) fn kept(&self, endpoints: &[u64]) -> KeptEvent {
        let person = |player: &Participant| {
            let (id, name) = (player.id.to_string(), player.name.to_string());
            KeptPlayer { id, name, seat: player.seat }
        };
        let kind = match &self.event {
            RoomEvent::RoomOpened => EventKind::Opened,
            RoomEvent::RoomClosed { reason } => EventKind::Closed { reason: reason.word().into() },
            RoomEvent::PlayerJoined { player } => EventKind::Joined(person(player)),
            RoomEvent::PlayerLeft { player, reason } => EventKind::Left(person(player), reason.word().into()),
            RoomEvent::MatchEnded { result } => EventKind::Ended { result: result.json().into() },
        };
        let waiting = endpoints.iter().map(|endpoint| (*endpoint, self.missed)).collect::<BTreeMap<_, _>>();
        let (code, game) = (self.room.to_string(), self.game.to_string());
        KeptEvent { key: self.key(), code, game, at_ms: self.at_ms, kind, waiting }
    }

    /// The event that an earlier process has kept; `None` when it is none of this version.
    pub(super) fn of(kept: &KeptEvent) -> Option<Self> {
        let person = Participant::of;
        let event = match &kept.kind {
            EventKind::Opened => RoomEvent::RoomOpened,
            EventKind::Closed { reason } => RoomEvent::RoomClosed { reason: Reason::kept(reason)? },
            EventKind::Joined(player) => RoomEvent::PlayerJoined { player: person(player)? },
            EventKind::Left(player, reason) => {
                RoomEvent::PlayerLeft { player: person(player)?, reason: Reason::kept(reason)? }
            }
            EventKind::Ended { result } => {
                let result: &RawValue = serde_json::from_str(result).ok()?;
                RoomEvent::MatchEnded { result: MatchResult::of(&result) }
            }
        };
        let room = bounded("the room's code", &kept.code, CODE_BYTES_MAX).ok()?.into();
        let game = bounded("the game's name", &kept.game, GAME_BYTES_MAX).ok()?.into();
        let EventKey { process, room: serial, order } = kept.key;
        // How many each endpoint misses is with the endpoint.
        let (serial, missed, at_ms) = (RoomSerial(serial), 0, kept.at_ms);
        Some(Self { process, serial, room, game, order, missed, at_ms, event })
    }

    /// Whether no event of the room follows.
    pub(super) const fn is_last(&self) -> bool {
        matches!(self.event, RoomEvent::RoomClosed { .. })
    }

    /// Bytes that the event takes while it waits, or slightly more.
    pub(super) fn bytes(&self) -> usize {
        let player = self.event.player().map_or(0, |player| player.id.len() + player.name.len());
        let result = self.event.result().map_or(0, |result| result.get().len());
        EVENT_OVERHEAD_BYTES + player + result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    fn event(event: RoomEvent) -> Event {
        let (room, game) = ("BCDFGH".into(), "arena".into());
        Event {
            process: 0xc0ffee,
            serial: RoomSerial(7),
            room,
            game,
            order: 3,
            missed: 0,
            at_ms: 1_796_000_000_000,
            event,
        }
    }

    fn json_of(event: &Event, missed: u64) -> Value {
        serde_json::from_slice(&event.body(missed)).unwrap()
    }

    #[test]
    fn each_kind_of_event_has_its_own_fields() {
        let player = Participant::new("9f86d081", "Ada", 0).unwrap();
        let reason = Reason::new("left");
        let result = MatchResult::of(&json!({ "winner": "9f86d081", "scores": [3, 1] }));
        let told = json!({ "id": "9f86d081", "name": "Ada", "seat": 0 });
        for (kind, own) in [
            (RoomEvent::RoomOpened, json!({ "type": "room.opened" })),
            (RoomEvent::RoomClosed { reason }, json!({ "type": "room.closed", "reason": "left" })),
            (RoomEvent::PlayerJoined { player: player.clone() }, json!({ "type": "player.joined", "player": told })),
            (
                RoomEvent::PlayerLeft { player, reason },
                json!({ "type": "player.left", "player": told, "reason": "left" }),
            ),
            (
                RoomEvent::MatchEnded { result },
                json!({ "type": "match.result", "result": { "winner": "9f86d081", "scores": [3, 1] } }),
            ),
        ] {
            let mut expected = json!({
                "id": "evt_0000000000c0ffee_7_3", "at_ms": 1_796_000_000_000_u64, "room": "BCDFGH", "game": "arena", "order": 3,
            });
            expected.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            let event = event(kind);
            assert_eq!(json_of(&event, 0), expected);
            expected["missed"] = json!(2);
            assert_eq!(json_of(&event, 2), expected);
        }
    }

    #[test]
    fn the_longest_event_of_each_kind_fits_into_a_body() {
        let text = |len: usize| "\0".repeat(len);
        const REASON: Reason = Reason::new("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let player = Participant::new(&text(PLAYER_ID_BYTES_MAX), &text(PLAYER_NAME_BYTES_MAX), u16::MAX).unwrap();
        let result = MatchResult::of(&json!("r".repeat(RESULT_BYTES_MAX - 2)));
        for kind in [RoomEvent::PlayerLeft { player, reason: REASON }, RoomEvent::MatchEnded { result }] {
            let mut event = event(kind);
            (event.process, event.serial, event.order, event.at_ms) =
                (u64::MAX, RoomSerial(u64::MAX), u64::MAX, u64::MAX);
            (event.room, event.game) = (text(CODE_BYTES_MAX).into(), text(GAME_BYTES_MAX).into());
            let body = event.body(u64::MAX);
            assert!(body.len() > 2_000 && body.len() <= BODY_BYTES_MAX, "{}", body.len());
            assert!(event.bytes() >= EVENT_OVERHEAD_BYTES + PLAYER_ID_BYTES_MAX, "{}", event.bytes());
        }
    }

    #[test]
    fn texts_that_are_too_long_are_refused_and_a_result_takes_its_bytes() {
        let long = "n".repeat(PLAYER_NAME_BYTES_MAX + 1);
        let error = Participant::new("9f86d081", &long, 0).unwrap_err();
        assert_eq!(error.to_string(), "the player's name has 129 bytes, and 128 are allowed");
        assert!(Participant::new(&long, "Ada", 0).is_err());
        let zeros = MatchResult::of(&json!(vec![0; RESULT_BYTES_MAX / 2 - 1]));
        assert!(event(RoomEvent::MatchEnded { result: zeros }).bytes() <= EVENT_OVERHEAD_BYTES + RESULT_BYTES_MAX);
    }

    #[test]
    fn an_event_that_is_kept_comes_back_with_the_same_id_and_body() {
        let player = Participant::new("9f86d081", "Ada", 3).unwrap();
        let reason = Reason::new("left");
        let result = MatchResult::of(&json!({ "b": [1.50, 2], "a": "\u{7f}" }));
        for kind in [
            RoomEvent::RoomOpened,
            RoomEvent::RoomClosed { reason },
            RoomEvent::PlayerJoined { player: player.clone() },
            RoomEvent::PlayerLeft { player, reason },
            RoomEvent::MatchEnded { result },
        ] {
            let event = Event { missed: 4, ..event(kind) };
            let kept = event.kept(&[8, 9]);
            assert_eq!(kept.waiting, [(8, 4), (9, 4)].into());
            let back = Event::of(&kept).unwrap();
            assert_eq!((back.id(), back.body(2), back.key()), (event.id(), event.body(2), event.key()));
        }
        let long = RoomEvent::RoomClosed { reason };
        let mut kept = event(long).kept(&[1]);
        kept.kind = EventKind::Closed { reason: "r".repeat(REASON_BYTES_MAX + 1) };
        assert!(Event::of(&kept).is_none());
        kept.kind = EventKind::Ended { result: "{".into() };
        assert!(Event::of(&kept).is_none());
    }

    #[test]
    fn a_players_name_cannot_break_out_of_the_json() {
        let name = "\",\"type\":\"match.result\"}\u{2028}\n";
        let event = event(RoomEvent::PlayerJoined { player: Participant::new("1", name, 1).unwrap() });
        let json = json_of(&event, 0);
        assert_eq!((json["player"]["name"].as_str(), json["type"].as_str()), (Some(name), Some("player.joined")));
        assert!(!event.id().contains('.'));
    }
}

//! TicketClaims: the things that a backend says about a player, and the rules that they keep.
//!
//! The rules are in the table of [`TicketClaims`]. Whether a room exists is not known here, and neither is whether the times
//! are right now.

use super::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tickwire::limits::{NAME_BYTES_MAX, ROOM_CODE_LEN};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Bytes of an identity and of the id of a ticket at the most.
pub const IDENTITY_BYTES_MAX: usize = 64;

/// The part that a player has in a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TicketRole {
    /// Takes a seat.
    #[default]
    Player,
    /// Watches.
    Spectator,
    /// Takes a seat and owns the room.
    Host,
}

impl TicketRole {
    /// The role of this name, as tickets and the command line have it; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "player" => Some(Self::Player),
            "spectator" => Some(Self::Spectator),
            "host" => Some(Self::Host),
            _ => None,
        }
    }
}

/// The claims of a ticket beside its id and its times.
///
/// | claim | JSON | rule |
/// | --- | --- | --- |
/// | `sub` | string | identity: printable characters, 1 to 64 bytes |
/// | `name` | string, optional | display name: no control characters, 1 to 96 bytes |
/// | `room` | string, optional | room code: 6 characters of `A` to `Z` and `2` to `9` |
/// | `role` | string, optional | `player` (default), `spectator` or `host` |
/// | `rating` | integer, optional | points in queues: 0 to 65,535 |
/// | `jti` | string | id of the ticket: printable characters, 1 to 64 bytes |
/// | `iat`, `exp` | string | RFC 3339 |
/// | `nbf` | string, optional | RFC 3339 |
///
/// `null` counts as absent, other claims are ignored, and a claim that is there twice makes the payload malformed. A
/// printable character is any but those that control a terminal, are invisible, turn the direction of the text or end
/// the line.
///
/// The fields are open to a backend that fills them in: [`mint`](super::mint()) refuses those that break a rule. The
/// claims of a [`Ticket`](super::Ticket) keep all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketClaims {
    /// The player: printable characters, 1 to [`IDENTITY_BYTES_MAX`] bytes.
    pub identity: String,
    /// The display name: 1 to [`NAME_BYTES_MAX`] bytes without control characters. The server still cleans it, as it does with names that players choose.
    pub name: Option<String>,
    /// The code of the only room that the ticket is for: 6 characters of `A` to `Z` and `2` to `9`.
    pub room: Option<String>,
    /// The part in the room.
    pub role: TicketRole,
    /// The points by which queues compare players.
    pub rating: Option<u16>,
}

/// A claim that is missing, has another type, or breaks its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadClaim(pub(super) &'static str);

/// The payload of a token that is read: any type of value, so that an error can name the claim.
#[derive(Debug, Deserialize)]
pub(super) struct ReadPayload {
    sub: Option<Value>,
    name: Option<Value>,
    room: Option<Value>,
    role: Option<Value>,
    rating: Option<Value>,
    jti: Option<Value>,
    iat: Option<Value>,
    nbf: Option<Value>,
    exp: Option<Value>,
}

/// The payload of a token that is written.
#[derive(Debug, Serialize)]
struct WrittenPayload<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    role: TicketRole,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<u16>,
    jti: &'a str,
    iat: String,
    exp: String,
}

/// All claims of a payload. Each keeps its rule; whether the times are right now is left to the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) claims: TicketClaims,
    pub(super) jti: String,
    pub(super) issued_at_s: u64,
    pub(super) not_before_s: Option<u64>,
    pub(super) expires_at_s: u64,
}

impl Payload {
    /// The claims that were read, when each of them keeps its rule.
    pub(super) fn parse(read: ReadPayload) -> Result<Self, BadClaim> {
        let role = match text("role", read.role)? {
            Some(name) => TicketRole::parse(&name).ok_or(BadClaim("role"))?,
            None => TicketRole::default(),
        };
        let claims = TicketClaims {
            identity: text("sub", read.sub)?.ok_or(BadClaim("sub"))?,
            name: text("name", read.name)?,
            room: text("room", read.room)?,
            role,
            rating: points("rating", read.rating)?,
        };
        let payload = Self {
            claims,
            jti: text("jti", read.jti)?.ok_or(BadClaim("jti"))?,
            issued_at_s: moment("iat", read.iat)?.ok_or(BadClaim("iat"))?,
            not_before_s: moment("nbf", read.nbf)?,
            expires_at_s: moment("exp", read.exp)?.ok_or(BadClaim("exp"))?,
        };
        payload.check()?;
        Ok(payload)
    }

    /// The JSON of these claims, when each of them keeps its rule. `not_before_s` is left out.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, BadClaim> {
        self.check()?;
        let written = WrittenPayload {
            sub: &self.claims.identity,
            name: self.claims.name.as_deref(),
            room: self.claims.room.as_deref(),
            role: self.claims.role,
            rating: self.claims.rating,
            jti: &self.jti,
            iat: timestamp::format(self.issued_at_s).ok_or(BadClaim("iat"))?,
            exp: timestamp::format(self.expires_at_s).ok_or(BadClaim("exp"))?,
        };
        Ok(serde_json::to_vec(&written).expect("strings and numbers can be written as JSON"))
    }

    fn check(&self) -> Result<(), BadClaim> {
        let claims = &self.claims;
        let is_absent_or = |claim: &Option<String>, rule: fn(&str) -> bool| claim.as_deref().is_none_or(rule);
        for (claim, holds) in [
            ("sub", is_printable(&claims.identity)),
            ("name", is_absent_or(&claims.name, is_name)),
            ("room", is_absent_or(&claims.room, is_room_code)),
            ("jti", is_printable(&self.jti)),
            ("exp", self.expires_at_s > self.issued_at_s),
        ] {
            if !holds {
                return Err(BadClaim(claim));
            }
        }
        Ok(())
    }
}

/// The text of a claim; `None` when it is absent.
fn text(claim: &'static str, value: Option<Value>) -> Result<Option<String>, BadClaim> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadClaim(claim)),
    }
}

/// The points of a claim; `None` when it is absent.
fn points(claim: &'static str, value: Option<Value>) -> Result<Option<u16>, BadClaim> {
    let read = |value: Value| value.as_u64().and_then(|points| points.try_into().ok()).ok_or(BadClaim(claim));
    value.map(read).transpose()
}

/// The unix seconds of a claim; `None` when it is absent.
fn moment(claim: &'static str, value: Option<Value>) -> Result<Option<u64>, BadClaim> {
    text(claim, value)?.map(|text| timestamp::parse(&text).ok_or(BadClaim(claim))).transpose()
}

fn is_room_code(text: &str) -> bool {
    text.len() == ROOM_CODE_LEN && text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'9'))
}

/// Whether a text can be a display name. Joiners are invisible, and yet they are a part of names: of a family, and of
/// scripts that join letters.
fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether a text is an identity or the id of a ticket, so that it may stand in a line of a log: no character controls a
/// terminal, is invisible, turns the direction of the text or ends the line.
fn is_printable(text: &str) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, Surrogate};
    let is_shown = |character: char| {
        !matches!(character.general_category(), Control | Format | LineSeparator | ParagraphSeparator | Surrogate)
    };
    (1..=IDENTITY_BYTES_MAX).contains(&text.len()) && text.chars().all(is_shown)
}

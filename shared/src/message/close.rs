//! Close codes: the reason for which a connection ended, and whether a client may reconnect.

use alloc::format;
use alloc::string::String;

/// The reason for which a connection was closed, as the WebSocket close code gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// 1000: the player left.
    Normal = 1000,
    /// 1001: the server goes away.
    Away = 1001,
    /// 1002: the peer sent frames that the WebSocket protocol forbids.
    Protocol = 1002,
    /// 1003: the peer sent a text message; all messages here are binary.
    Text = 1003,
    /// 1007: the peer sent text that is not UTF-8, such as a close reason.
    Encoding = 1007,
    /// 1008: the peer did something that the server does not allow, such as a flood of pings.
    Policy = 1008,
    /// 1009: the peer sent a message over the limit.
    TooBig = 1009,
    /// 1011: the room failed.
    RoomFailed = 1011,
    /// 1012: the server restarts; the client may come back in a moment.
    Restart = 1012,
    /// 1013: the server has too much to do; the client may come back later.
    Overloaded = 1013,
    /// 4000: the client sent a message that no client of this version sends.
    Malformed = 4000,
    /// 4001: the player's claim of an identity was not believed.
    Auth = 4001,
    /// 4002: a ticket was used twice.
    TicketReplayed = 4002,
    /// 4003: there is no such room, or the player is not allowed in it. Both have one code on purpose.
    NoRoom = 4003,
    /// 4004: all seats are taken, or the owner has locked the room.
    Full = 4004,
    /// 4005: a newer connection has taken over the seat.
    Superseded = 4005,
    /// 4006: the client sent too many messages, or came back too soon.
    Rate = 4006,
    /// 4007: the client could not keep up.
    TooSlow = 4007,
    /// 4008: the client sent nothing for too long.
    Silent = 4008,
    /// 4009: client and server are not of the same version.
    Version = 4009,
    /// 4010: the room is somewhere else now.
    Moved = 4010,
    /// 4011: the client's world keeps differing from the server's.
    Diverged = 4011,
    /// 4012: the owner of the room has removed the player, or the room has, because the player did nothing for long.
    Removed = 4012,
}

impl CloseCode {
    const ALL: [Self; 23] = [
        Self::Normal,
        Self::Away,
        Self::Protocol,
        Self::Text,
        Self::Encoding,
        Self::Policy,
        Self::TooBig,
        Self::RoomFailed,
        Self::Restart,
        Self::Overloaded,
        Self::Malformed,
        Self::Auth,
        Self::TicketReplayed,
        Self::NoRoom,
        Self::Full,
        Self::Superseded,
        Self::Rate,
        Self::TooSlow,
        Self::Silent,
        Self::Version,
        Self::Moved,
        Self::Diverged,
        Self::Removed,
    ];

    /// The code as it travels.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The close code with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The reason that travels with the code: a constant, at most [`REASON_BYTES_MAX`]. Only
    /// [`version_reason`] says more.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "bye",
            Self::Away => "the server is going away",
            Self::Protocol => "WebSocket protocol error",
            Self::Text => "messages are binary",
            Self::Encoding => "text is not UTF-8",
            Self::Policy => "not allowed",
            Self::TooBig => "message too big",
            Self::RoomFailed => "the room failed",
            Self::Restart => "the server restarts",
            Self::Overloaded => "the server has too much to do",
            Self::Malformed => "malformed message",
            Self::Auth => "not authenticated",
            Self::TicketReplayed => "ticket was used before",
            Self::NoRoom => "no such room",
            Self::Full => "the room is full",
            Self::Superseded => "the seat is played from somewhere else",
            Self::Rate => "too many messages",
            Self::TooSlow => "the connection is too slow",
            Self::Silent => "nothing was heard for too long",
            Self::Version => "client and server versions differ",
            Self::Moved => "the room has moved",
            Self::Diverged => "the worlds keep differing",
            Self::Removed => "removed by the owner of the room, or for doing nothing",
        }
    }

    /// Whether a client may reconnect by itself. It may not when it would meet the same refusal, or compete with
    /// another tab.
    #[must_use]
    pub const fn may_retry(self) -> bool {
        !matches!(
            self,
            Self::Normal
                | Self::Auth
                | Self::TicketReplayed
                | Self::NoRoom
                | Self::Full
                | Self::Superseded
                | Self::Version
                | Self::Removed
        )
    }
}

/// Bytes of a reason at the most: a frame that closes has 125, two of them for the code.
pub const REASON_BYTES_MAX: usize = 123;

/// The reason with which a server closes a client whose game has another fingerprint: it ends with the server's own.
#[must_use]
pub fn version_reason(fingerprint: u64) -> String {
    format!("{}, the server's game is {fingerprint:016x}", CloseCode::Version.reason())
}

/// The fingerprint at the end of such a reason.
#[must_use]
pub fn fingerprint_in(reason: &str) -> Option<u64> {
    let (_, digits) = reason.rsplit_once(' ')?;
    if digits.len() == 16 { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_returns_from_the_reason_and_no_other_text_is_one() {
        for fingerprint in [0, 0x0b, u64::MAX] {
            let reason = version_reason(fingerprint);
            assert!(reason.len() <= REASON_BYTES_MAX, "{reason}");
            assert_eq!(fingerprint_in(&reason), Some(fingerprint));
        }
        for other in ["", " ", "is 0b", "is 000000000000000g", "is 00000000000000000", CloseCode::Version.reason()] {
            assert_eq!(fingerprint_in(other), None, "{other}");
        }
    }

    #[test]
    fn close_codes_return_by_number() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert!(code.reason().len() <= REASON_BYTES_MAX);
        }
        assert_eq!(CloseCode::from_number(1005), None);
    }
}

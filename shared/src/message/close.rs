//! Close codes: why a connection ended, and what follows from it.

/// Why a connection was closed, as the WebSocket close code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// 1000: the player left.
    Normal = 1000,
    /// 1001: the server says goodbye.
    Away = 1001,
    /// 1002: frames that the WebSocket protocol forbids.
    Protocol = 1002,
    /// 1003: a text message; everything here is binary.
    Text = 1003,
    /// 1007: a close reason that is not UTF-8.
    Encoding = 1007,
    /// 1008: something the server does not allow, such as floods of pings.
    Policy = 1008,
    /// 1009: a message over the limit.
    TooBig = 1009,
    /// 1011: the room failed.
    RoomFailed = 1011,
    /// 1012: the server restarts; come back in a moment.
    Restart = 1012,
    /// 1013: the server has too much to do; come back later.
    Overloaded = 1013,
    /// 4000: a message that no client of this version sends.
    Malformed = 4000,
    /// 4001: who the player claims to be was not believed.
    Auth = 4001,
    /// 4002: a ticket was used twice.
    TicketReplayed = 4002,
    /// 4003: there is no such room, or the player is not allowed in it. One code on purpose.
    NoRoom = 4003,
    /// 4004: all seats are taken.
    Full = 4004,
    /// 4005: a newer connection has taken over the seat.
    Superseded = 4005,
    /// 4006: too many messages.
    Rate = 4006,
    /// 4007: the client could not keep up.
    TooSlow = 4007,
    /// 4008: the client said nothing for too long.
    Silent = 4008,
    /// 4009: client and server are not of the same version.
    Version = 4009,
    /// 4010: the room is somewhere else now.
    Moved = 4010,
    /// 4011: the client's world keeps differing from the server's.
    Diverged = 4011,
}

impl CloseCode {
    const ALL: [Self; 22] = [
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

    /// The reason that travels with the code: a constant, at most 123 bytes.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "bye",
            Self::Away => "the server is going away",
            Self::Protocol => "WebSocket protocol error",
            Self::Text => "messages are binary",
            Self::Encoding => "close reason is not UTF-8",
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
        }
    }

    /// Whether a client may dial again by itself: not when it would meet the same refusal, or fight another tab.
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
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_return_by_number() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert!(code.reason().len() <= 123);
        }
        assert_eq!(CloseCode::from_number(1005), None);
    }
}

//! Messages: what a WebSocket binary message of subprotocol `tickwire.1` holds.
//!
//! The first byte is the kind. Control messages (hello, welcome, roster, chat) are `bincode` behind this one
//! module; input frames ([`input`](crate::input)) and snapshots are bit-packed. Decoding is total: any bytes give
//! a value or a [`DecodeError`].
//!
//! ```text
//! client  0x01 hello      bincode          server  0x81 welcome   bincode
//!         0x02 input      input::Frame             0x82 control   bincode
//!         0x03 control    bincode                  0x83 evidence  bincode
//!         0x04 evidence   bincode                  0xc0 snapshot  SnapshotHead, priors, events, sections;
//!                                                                 in lockstep: SnapshotHead, then see lockstep
//! ```

use crate::dispute::{ClientEvidence, ServerEvidence};
use crate::limits::{CHAT_CHARS_MAX, CONTROL_BYTES_MAX, NAME_CHARS_MAX, SERVER_MESSAGE_BYTES_MAX};
use crate::wire::{DecodeError, Reader, put_varint};
use crate::{Seat, Tick};
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};

/// The WebSocket subprotocol that both sides name in the handshake.
pub const SUBPROTOCOL: &str = "tickwire.1";

/// Changes with every change of the messages' layout, or of what their bytes mean.
pub const PROTOCOL_VERSION: u16 = 3;

/// First byte of a [`Hello`].
pub const HELLO: u8 = 0x01;
/// First byte of an input frame.
pub const INPUT: u8 = 0x02;
/// First byte of a [`ClientControl`].
pub const CLIENT_CONTROL: u8 = 0x03;
/// First byte of a [`ClientEvidence`].
pub const CLIENT_EVIDENCE: u8 = 0x04;
/// First byte of a [`Welcome`].
pub const WELCOME: u8 = 0x81;
/// First byte of a [`ServerControl`].
pub const SERVER_CONTROL: u8 = 0x82;
/// First byte of a [`ServerEvidence`].
pub const SERVER_EVIDENCE: u8 = 0x83;
/// Least first byte of a snapshot: its lower six bits are flags.
pub const SNAPSHOT: u8 = 0xc0;

/// Lets a player back into the seat; secret, and another one after each use.
pub type ResumeToken = [u8; 16];

/// The first message of a connection: who wants to play what, where.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// The game's name.
    pub game: String,
    /// Fingerprints of the game's world and input: both sides must be built from the same game.
    pub fingerprint: u64,
    /// The room's code.
    pub code: String,
    /// The player's name, cut to [`NAME_CHARS_MAX`] characters by the server.
    pub name: String,
    /// From the last welcome, to get the same seat back.
    pub resume: Option<ResumeToken>,
    /// The newest tick that is known of the room in lockstep: what came after it is enough.
    pub known: Option<u32>,
    /// Whether the player only watches, without a seat.
    pub watches: bool,
}

impl Hello {
    /// The hello of this build of `G`, from somebody who is new and wants to play.
    #[must_use]
    pub fn of<G: crate::Game>(code: &str, name: &str) -> Self {
        Self {
            protocol: PROTOCOL_VERSION,
            game: G::RULES.name.into(),
            fingerprint: fingerprint::<G>(),
            code: code.into(),
            name: name.into(),
            resume: None,
            known: None,
            watches: false,
        }
    }
}

/// The answer to a hello that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The player's seat; `None` for a spectator.
    pub seat: Option<u8>,
    /// The newest tick of the room.
    pub tick: u32,
    /// For coming back after the connection was lost.
    pub resume: ResumeToken,
    /// Whether the seat was this player's before.
    pub resumed: bool,
    /// Everyone in the room, this player included.
    pub players: Vec<Player>,
}

/// A player as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Player {
    /// The seat.
    pub seat: u8,
    /// The name, cleaned by the server.
    pub name: String,
    /// Whether the server plays.
    pub bot: bool,
    /// Whether the connection is lost at the moment.
    pub away: bool,
}

/// What a player says besides inputs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientControl {
    /// A line to everyone in the room.
    Chat(String),
    /// The player leaves for good: the seat is free at once.
    Leave,
}

/// What a room tells its players besides snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ServerControl {
    /// Somebody joined, came back or lost the connection.
    Player(Player),
    /// Somebody's seat is free now.
    Left {
        /// The seat.
        seat: u8,
    },
    /// Somebody said something.
    Chat {
        /// Who.
        seat: u8,
        /// What, at most [`CHAT_CHARS_MAX`] characters.
        text: String,
    },
}

fn encode<T: Encode>(kind: u8, message: &T) -> Vec<u8> {
    let config = bincode::config::standard();
    let body = bincode::encode_to_vec(message, config).expect("control messages are plain data");
    let mut out = Vec::with_capacity(1 + body.len());
    out.push(kind);
    out.extend_from_slice(&body);
    out
}

fn decode<T: Decode<()>, const BYTES_MAX: usize>(kind: u8, message: &[u8]) -> Result<T, DecodeError> {
    let (first, body) = message.split_first().ok_or(DecodeError::Truncated { needed: 1, remaining: 0 })?;
    if *first != kind {
        return Err(DecodeError::UnknownKind(*first));
    }
    // The limit also bounds what a claimed length can allocate.
    let config = bincode::config::standard().with_limit::<BYTES_MAX>();
    let (value, read) = bincode::decode_from_slice(body, config).map_err(|_| DecodeError::Control)?;
    if read == body.len() { Ok(value) } else { Err(DecodeError::Trailing(body.len() - read)) }
}

macro_rules! control_message {
    ($($message:ty = $kind:expr, $bytes_max:expr);* $(;)?) => {$(
        impl $message {
            /// The message as it travels, kind byte first.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode($kind, self)
            }

            /// Reads a message, kind byte included.
            ///
            /// # Errors
            /// [`DecodeError`] for anything that [`Self::encode`] does not write.
            pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
                decode::<_, { $bytes_max }>($kind, message)
            }
        }
    )*};
}
control_message! {
    Hello = HELLO, CONTROL_BYTES_MAX;
    Welcome = WELCOME, CONTROL_BYTES_MAX;
    ClientControl = CLIENT_CONTROL, CONTROL_BYTES_MAX;
    ServerControl = SERVER_CONTROL, CONTROL_BYTES_MAX;
    ClientEvidence = CLIENT_EVIDENCE, CONTROL_BYTES_MAX;
    ServerEvidence = SERVER_EVIDENCE, SERVER_MESSAGE_BYTES_MAX;
}

/// A name without control characters and outer spaces, cut to [`NAME_CHARS_MAX`]; "player" when nothing is left.
#[must_use]
pub fn clean_name(name: &str) -> String {
    let cleaned = clean_text(name, NAME_CHARS_MAX);
    if cleaned.is_empty() { "player".into() } else { cleaned }
}

/// A chat line without control characters and outer spaces, cut to [`CHAT_CHARS_MAX`].
#[must_use]
pub fn clean_chat(text: &str) -> String {
    clean_text(text, CHAT_CHARS_MAX)
}

fn clean_text(text: &str, chars_max: usize) -> String {
    // Direction overrides and joiners would let a name redraw its neighbours.
    let printable = |c: &char| {
        !c.is_control()
            && !matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let visible: String = text.chars().filter(printable).collect();
    visible.trim().chars().take(chars_max).collect::<String>().trim_end().into()
}

/// The head of a snapshot: the few bytes that are each client's own.
///
/// ```text
/// kind    u8      0xc0 and flags: bit 0: this client's input for the tick was missing; bit 1: events follow;
///                 bit 2: the tick is told in full; bit 3: priors follow; bit 4: no input has come yet
/// tick    u8      its lowest bits, to be completed from the last one; with bit 2 a varint, all of it
/// lead    i8      ticks from this one to the newest input received (without bit 4)
/// priors  varint length, then as many bytes, for the sections of this message and later ones   (with bit 3)
/// ```
///
/// `lead` is acknowledgement and timing in one: an input for tick `tick + lead` has come, and it came that
/// many ticks before it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHead<'a> {
    /// The tick whose state the snapshot is.
    pub tick: Tick,
    /// Whether the tick was made without an input from this client.
    pub starved: bool,
    /// Whether events precede the sections.
    pub has_events: bool,
    /// Ticks by which the newest input is ahead of `tick`, kept within ±127; `None` before the first.
    pub lead: Option<i8>,
    /// What sections are coded with from now on; `None` while it stays as it is.
    pub priors: Option<&'a [u8]>,
}

const STARVED: u8 = 1;
const EVENTS_FOLLOW: u8 = 1 << 1;
const FULL_TICK: u8 = 1 << 2;
const PRIORS_FOLLOW: u8 = 1 << 3;
const NO_LEAD: u8 = 1 << 4;

impl<'a> SnapshotHead<'a> {
    /// Appends the head for a client that knows the tick `last`; a keyframe's names its tick in full.
    pub fn encode(&self, last: Option<Tick>, out: &mut Vec<u8>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let is_near = last.is_some_and(|last| (1..=i64::from(u8::MAX)).contains(&self.tick.since(last)));
        out.push(
            SNAPSHOT
                | flag(self.starved, STARVED)
                | flag(self.has_events, EVENTS_FOLLOW)
                | flag(!is_near, FULL_TICK)
                | flag(self.priors.is_some(), PRIORS_FOLLOW)
                | flag(self.lead.is_none(), NO_LEAD),
        );
        if is_near {
            let [low, ..] = self.tick.0.to_le_bytes();
            out.push(low);
        } else {
            put_varint(out, self.tick.0);
        }
        out.extend(self.lead.map(|lead| lead.to_le_bytes()[0]));
        if let Some(priors) = self.priors {
            put_varint(out, u32::try_from(priors.len()).expect("priors are a few hundred bytes"));
            out.extend_from_slice(priors);
        }
    }

    /// Reads the head, kind byte included; `last` is the tick of the last one, anything before the first.
    ///
    /// # Errors
    /// [`DecodeError`] for a truncated head, another kind, or unknown flags.
    pub fn decode(reader: &mut Reader<'a>, last: Tick) -> Result<Self, DecodeError> {
        let kind = reader.u8()?;
        let flags = kind.wrapping_sub(SNAPSHOT);
        if kind < SNAPSHOT || flags >= 1 << 5 {
            return Err(DecodeError::UnknownKind(kind));
        }
        let tick = if flags & FULL_TICK == 0 {
            let [low, ..] = last.0.to_le_bytes();
            last + u32::from(reader.u8()?.wrapping_sub(low))
        } else {
            Tick(reader.varint()?)
        };
        let lead = if flags & NO_LEAD == 0 { Some(i8::from_le_bytes([reader.u8()?])) } else { None };
        let priors = if flags & PRIORS_FOLLOW == 0 {
            None
        } else {
            let length = reader.varint()?;
            Some(reader.slice(length as usize)?)
        };
        Ok(Self { tick, starved: flags & STARVED != 0, has_events: flags & EVENTS_FOLLOW != 0, lead, priors })
    }
}

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

/// The part of a [`Hello`] that says whether both sides were built from the same game.
#[must_use]
pub fn fingerprint<G: crate::Game>() -> u64 {
    let schemas = [
        crate::state::Schema::of::<G>(),
        crate::state::Schema::of::<G::Input>(),
        crate::state::Schema::of::<G::Event>(),
    ];
    let mut hash = crate::hash::Mix::new(u64::from(PROTOCOL_VERSION));
    hash.bytes(G::RULES.name.as_bytes());
    hash.add(G::RULES.tick_rate_hz);
    for schema in schemas {
        hash.bytes(&schema.fingerprint.to_le_bytes());
    }
    hash.wide()
}

/// The player's seat in a welcome, checked.
///
/// # Errors
/// [`DecodeError::OutOfRange`] for a number that is no seat.
pub fn seat(number: u8) -> Result<Seat, DecodeError> {
    let max = u64::from(crate::limits::SEATS_MAX - 1);
    Seat::new(number).ok_or_else(|| DecodeError::OutOfRange { value: u64::from(number), max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            game: "paddles".into(),
            fingerprint: 7,
            code: "C4FK9T".into(),
            name: "Ada".into(),
            resume: Some([3; 16]),
            known: Some(900),
            watches: false,
        }
    }

    #[test]
    fn control_messages_return_and_every_truncation_is_an_error() {
        let message = hello().encode();
        assert_eq!(Hello::decode(&message), Ok(hello()));
        for cut in 0..message.len() {
            assert!(Hello::decode(&message[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = message;
        longer.push(0);
        assert_eq!(Hello::decode(&longer), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn a_claimed_length_is_refused_before_it_is_allocated() {
        // A string of 2^63 bytes in a message of twelve.
        let mut message = alloc::vec![CLIENT_CONTROL, 0, 253];
        message.extend_from_slice(&(1_u64 << 63).to_le_bytes());
        assert_eq!(ClientControl::decode(&message), Err(DecodeError::Control));
    }

    #[test]
    fn heads_return_at_both_ends_of_the_lead() {
        for (lead, last) in [(None, 69_999), (Some(-127), 69_745), (Some(0), 69_744), (Some(127), 70_000)] {
            for priors in [None, Some(&[1, 2, 3][..])] {
                let head = SnapshotHead { tick: Tick(70_000), starved: true, has_events: false, lead, priors };
                let mut out = Vec::new();
                head.encode(Some(Tick(last)), &mut out);
                assert_eq!(SnapshotHead::decode(&mut Reader::new(&out), Tick(last)), Ok(head));
                for cut in 0..out.len() {
                    assert!(SnapshotHead::decode(&mut Reader::new(&out[..cut]), Tick(last)).is_err());
                }
            }
        }
        assert!(SnapshotHead::decode(&mut Reader::new(&[0xe0, 1, 1]), Tick(0)).is_err(), "an unknown flag");
    }

    #[test]
    fn names_lose_what_could_disturb_others() {
        assert_eq!(clean_name("  Ada\u{1b}[31m\n "), "Ada[31m");
        assert_eq!(clean_name("\u{202e}evil"), "evil");
        assert_eq!(clean_name("\t"), "player");
        assert_eq!(clean_name("a name that is much too long"), "a name that is m");
    }

    #[test]
    fn close_codes_return_by_number() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert!(code.reason().len() <= 123);
        }
        assert_eq!(CloseCode::from_number(1005), None);
    }
}

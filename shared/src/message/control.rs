//! Control messages: hello, welcome and roster, each a plain value in `bincode` behind its kind byte.

use super::topics::PlayerKey;
use super::{CLIENT_CONTROL, HELLO, PROTOCOL_VERSION, RECORDING_VERSION, SERVER_CONTROL, WELCOME, control_message};
use crate::game::{Game, Mode};
use crate::hash::Mix;
use crate::id::Seat;
use crate::limits::{CONTROL_BYTES_MAX, HELLO_NAME_BYTES_MAX, SNAPSHOT_HISTORY_LEN, TEXT_BYTES_MAX};
use crate::state::Schema;
use crate::tick::Tick;
use crate::wire::DecodeError;
use alloc::string::String;
use alloc::vec::Vec;
use bincode::{Decode, Encode};
use core::fmt;

/// The token that lets a player back into the seat. It is secret, and replaced by another one after each use.
pub type ResumeToken = [u8; 16];

/// A text that no log shows: a ticket, or the invitation or the password of a private room. Everybody who knows it may
/// enter.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    /// Without the text: a log must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The first message of a connection: the player's name, the game, the room, and the seat to come back to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// The name of the game.
    pub game: String,
    /// The [`fingerprint`] of the game: both sides must be built from the same game.
    pub fingerprint: u64,
    /// The room's code.
    pub code: String,
    /// The player's name, at most [`HELLO_NAME_BYTES_MAX`] bytes. The server cleans and shortens it.
    pub name: String,
    /// The token from the last welcome, to get the same seat back.
    pub resume: Option<ResumeToken>,
    /// The newest tick of the room that the client knows, in lockstep: the room sends only the ticks after it.
    pub known: Option<Tick>,
    /// Whether the player is a spectator, without a seat.
    pub watches: bool,
    /// The id of the sources that the client's module was built from; 0 when it is not known. It is no condition: the
    /// fingerprint does not cover the code of the rules, and a client of other rules may play.
    pub build: u64,
    /// The secret with which the player is known over connections and rooms; without it the player is somebody new.
    pub player: Option<PlayerKey>,
    /// The ticket that says who the player is, made by the studio's backend: at most
    /// [`TICKET_BYTES_MAX`](crate::limits::TICKET_BYTES_MAX) bytes.
    pub ticket: Option<SecretText>,
    /// The secret of a private room, its invitation or its password: at most
    /// [`ROOM_SECRET_BYTES_MAX`](crate::limits::ROOM_SECRET_BYTES_MAX) bytes.
    pub secret: Option<SecretText>,
}

impl Hello {
    /// The hello of this build of `G`, for a new player who wants a seat.
    #[must_use]
    pub fn of<G: Game>(code: &str, name: &str) -> Self {
        Self {
            protocol: PROTOCOL_VERSION,
            game: G::RULES.name.into(),
            fingerprint: fingerprint::<G>(),
            code: code.into(),
            name: cut(name, HELLO_NAME_BYTES_MAX).into(),
            resume: None,
            known: None,
            watches: false,
            build: 0,
            player: None,
            ticket: None,
            secret: None,
        }
    }

    /// The hello of a connection that hears topics and is in no room.
    #[must_use]
    pub fn without_room(name: &str) -> Self {
        Self {
            protocol: PROTOCOL_VERSION,
            game: String::new(),
            fingerprint: 0,
            code: String::new(),
            name: cut(name, HELLO_NAME_BYTES_MAX).into(),
            resume: None,
            known: None,
            watches: false,
            build: 0,
            player: None,
            ticket: None,
            secret: None,
        }
    }
}

/// The answer to a hello that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The player's seat; `None` for a spectator.
    pub seat: Option<Seat>,
    /// The newest tick of the room.
    pub tick: Tick,
    /// The token with which the client reconnects after it has lost the connection.
    pub resume: ResumeToken,
    /// Whether the player got back the seat that they had before.
    pub resumed: bool,
    /// The newest tick of an input that the room has received from a player who is back: inputs that were made for later
    /// ticks are to be sent again.
    pub newest_input: Option<Tick>,
    /// Everyone in the room, this player included.
    pub players: Vec<Player>,
    /// The id of the sources that the server was built from; 0 when it is not known.
    pub build: u64,
}

/// Whether two ids of builds are known, and differ.
#[must_use]
pub const fn builds_differ(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && one != other
}

/// A player as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Player {
    /// The seat.
    pub seat: Seat,
    /// The name, cleaned by the server: at most [`NAME_BYTES_MAX`](crate::limits::NAME_BYTES_MAX) bytes.
    pub name: String,
    /// Whether a bot sits in the seat, so that the server plays.
    pub bot: bool,
    /// Whether the connection is lost at the moment.
    pub away: bool,
}

/// The control messages of a client.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientControl {
    /// The player leaves for good: the seat is free at once.
    Leave,
    /// The owner of the room lets nobody else in from now on, or everybody again. A room obeys this and the orders below
    /// when they come from its owner, and leaves them alone otherwise.
    Lock(bool),
    /// The player in this seat has to leave, and may not come back for a minute.
    Kick(Seat),
    /// The player in this seat has to leave, and may not come back while the room lasts.
    Ban(Seat),
    /// The player in this seat owns the room from now on.
    HandOver(Seat),
    /// A match begins anew, with these options: JSON of the game's options, empty for the default ones, at most
    /// [`OPTIONS_BYTES_MAX`](crate::limits::OPTIONS_BYTES_MAX) bytes. Everybody stays in their seats.
    Start(String),
    /// The predictions of this client were wrong and were corrected so often since its last such message.
    Corrected(u16),
}

/// The control messages of a room.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ServerControl {
    /// A player joined, came back or lost the connection.
    Player(Player),
    /// The seat of a player is free now.
    Left {
        /// The seat.
        seat: Seat,
    },
    /// The owner of the room and whether it is locked: to a newcomer, and to everybody on a change. A room that has no
    /// owner at any time, such as a quick match, sends none.
    Room {
        /// The seat of the owner; `None` while there is no player in the room.
        owner: Option<Seat>,
        /// Whether newcomers are refused (4004).
        locked: bool,
        /// Matches that the owner has started, modulo 2^16.
        matches: u16,
    },
    /// The match that this member wanted to start has not begun.
    NotStarted {
        /// The mistake in its options.
        fault: String,
    },
}

/// The start of a text that is not longer than a client may send.
#[must_use]
pub fn cut_text(text: &str) -> &str {
    cut(text, TEXT_BYTES_MAX)
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

control_message! {
    Hello = HELLO, CONTROL_BYTES_MAX;
    Welcome = WELCOME, CONTROL_BYTES_MAX;
    ClientControl = CLIENT_CONTROL, CONTROL_BYTES_MAX;
    ServerControl = SERVER_CONTROL, CONTROL_BYTES_MAX;
}

/// The part of a [`Hello`] that says whether both sides were built from the same game, and speak the same protocol.
#[must_use]
pub fn fingerprint<G: Game>() -> u64 {
    let mut hash = Mix::new(u64::from(PROTOCOL_VERSION));
    hash.bytes(&game_fingerprint::<G>().to_le_bytes());
    hash.wide()
}

/// The part of a [`fingerprint`] that is the game's alone: whether the bytes of a kept room mean the same to another
/// build. A new version of the protocol leaves it as it is.
#[must_use]
pub fn game_fingerprint<G: Game>() -> u64 {
    let schemas = [Schema::of::<G>(), Schema::of::<G::Input>(), Schema::of::<G::Event>()];
    let mut hash = Mix::new(u64::from(RECORDING_VERSION));
    hash.bytes(G::RULES.name.as_bytes());
    // Besides the types, the fingerprint covers the rules that change how bytes are coded, or to which world a recorded
    // tick leads.
    let (mode, mode_ticks) = match G::RULES.mode {
        Mode::Snapshot { every_ticks } => (0, every_ticks),
        Mode::Lockstep { rollback_ticks_max } => (1, rollback_ticks_max),
    };
    let history_ticks = u32::try_from(SNAPSHOT_HISTORY_LEN).unwrap_or(u32::MAX);
    for number in [
        G::RULES.tick_rate_hz,
        u32::from(G::RULES.seats),
        mode,
        u32::from(mode_ticks),
        G::RULES.past_ticks_max(),
        history_ticks,
    ] {
        hash.add(number);
    }
    for (place, topic) in (0_u32..).zip(G::RULES.topics).filter(|(_, topic)| topic.is_heard) {
        hash.add(place);
        hash.bytes(topic.name.as_bytes());
    }
    for schema in schemas {
        hash.bytes(&schema.fingerprint.to_le_bytes());
    }
    hash.wide()
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
            known: Some(Tick(900)),
            watches: false,
            build: u64::MAX,
            player: Some(PlayerKey([7; 16])),
            ticket: Some(SecretText("v4.public.".into())),
            secret: Some(SecretText("sesame".into())),
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
    fn a_hello_in_a_log_shows_neither_ticket_nor_secret() {
        assert!(hello().encode().windows(6).any(|bytes| bytes == b"sesame"));
        let shown = alloc::format!("{:?} {:#?}", hello(), hello());
        assert!(!shown.contains("sesame") && !shown.contains("v4.public"), "{shown}");
    }

    #[test]
    fn builds_differ_only_when_both_are_known() {
        assert!(builds_differ(1, 2));
        assert!(![(1, 1), (0, 1), (1, 0), (0, 0)].into_iter().any(|(one, other)| builds_differ(one, other)));
    }

    #[test]
    fn a_claimed_length_is_refused_before_it_is_allocated() {
        // The name of a game that claims 2^63 bytes in a message of eleven.
        let mut message = alloc::vec![HELLO, 0, 253];
        message.extend_from_slice(&(1_u64 << 63).to_le_bytes());
        assert_eq!(Hello::decode(&message), Err(DecodeError::Control));
    }

    #[test]
    fn a_client_cuts_texts_that_do_not_fit_into_a_message() {
        assert_eq!(cut_text("Ada"), "Ada");
        // The last place is in the middle of a character.
        let long = alloc::format!("x{}", "\u{1f980}".repeat(TEXT_BYTES_MAX));
        assert_eq!(cut_text(&long).len(), TEXT_BYTES_MAX - 3);
        let hello = Hello { name: cut_text(&long).into(), ..hello() };
        assert!(hello.encode().len() <= crate::limits::CLIENT_MESSAGE_BYTES_MAX);
    }
}

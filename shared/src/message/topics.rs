//! Topics: messages beside the game, such as chat, presence and lists of rooms.
//!
//! A client subscribes to a topic by its name and is granted a number, which later messages name instead. Ids grow by
//! one from each message of a topic to the next, so that a client that names the last id it has receives exactly what
//! it has missed. Lost messages are said with a gap.
//!
//! The messages are plain values behind their kind byte, in the bytes of `bincode`. The number of a topic is always the
//! third byte: a server writes one message for all of its subscribers, and changes that byte for each of them.

mod codec;

use super::CLIENT_TOPIC;
use crate::limits::{TOPIC_BYTES_MAX, TOPIC_MESSAGE_BYTES_MAX};
use alloc::string::String;
use bincode::{Decode, Encode};
use core::fmt::{self, Write as _};
use core::str::FromStr;

/// The place of a topic's number in an encoded message that has one.
pub const NUMBER_AT: usize = 2;

/// The number of a topic among those of a connection: it is granted with the subscription.
pub type TopicNumber = u8;

/// The secret of a player: everybody who knows it speaks as that player. The server shows others only the [`PlayerId`] that
/// follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PlayerKey(pub [u8; 16]);

impl fmt::Debug for PlayerKey {
    /// Without the bytes: a log must not show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlayerKey(..)")
    }
}

/// A player as everybody may know it: the same over connections, rooms and restarts, as long as the player keeps its
/// key. As text it is 16 characters of `0-9` and `a-z`, without the letters `i`, `l`, `o` and `u`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PlayerId(pub [u8; 10]);

/// Characters of a [`PlayerId`] as text, five bits each.
const ID_TEXT_LEN: usize = 16;
const ID_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl fmt::Display for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        (0..ID_TEXT_LEN).rev().try_for_each(|place| {
            let index = (bits >> (5 * place)) as usize & 31;
            f.write_char(char::from(ID_ALPHABET[index]))
        })
    }
}

impl fmt::Debug for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlayerId({self})")
    }
}

/// The text is not the id of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPlayerId;

impl FromStr for PlayerId {
    type Err = NoPlayerId;

    fn from_str(text: &str) -> Result<Self, NoPlayerId> {
        if text.len() != ID_TEXT_LEN {
            return Err(NoPlayerId);
        }
        let bits = text.bytes().try_fold(0_u128, |bits, byte| {
            let digit = ID_ALPHABET.iter().position(|known| *known == byte)?;
            Some(bits << 5 | digit as u128)
        });
        let bytes = bits.ok_or(NoPlayerId)?.to_be_bytes();
        let mut id = [0; 10];
        id.copy_from_slice(&bytes[6..]);
        Ok(Self(id))
    }
}

/// The messages of a client about topics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Encode, Decode))]
pub enum ClientTopic {
    /// The client wants to hear a topic.
    Subscribe {
        /// The name, at most [`TOPIC_BYTES_MAX`] bytes.
        topic: String,
        /// The id of the last message that the client has; `None` when it has none, and wants all that is kept.
        after: Option<u64>,
    },
    /// The client hears a topic no longer.
    Leave {
        /// The number of the topic.
        number: TopicNumber,
    },
    /// The client says something. It need not hear the topic itself.
    Publish {
        /// The name of the topic.
        topic: String,
        /// The client's own number for the message, never used twice. Publishing again with the same number gives the
        /// same receipt, so a client that lost its connection sends again all that has no receipt.
        seq: u64,
        /// The text, at most as long as the topic allows.
        body: String,
    },
    /// The client has received, and with `read` its player has also seen, the messages up to an id.
    Mark {
        /// The number of the topic.
        number: TopicNumber,
        /// The id.
        id: u64,
        /// Whether the messages were also seen.
        read: bool,
    },
    /// The player wants to hear nothing from another one any more, or wants to hear it again.
    Block {
        /// The other player.
        player: PlayerId,
        /// Whether the other player is blocked from now on.
        blocked: bool,
    },
}

/// The player who has said something.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Encode, Decode))]
pub struct Author {
    /// The player.
    pub player: PlayerId,
    /// The name that the player had then, cleaned by the server.
    pub name: String,
}

/// The reason for which a subscription or a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(Encode, Decode))]
pub enum TopicRefusal {
    /// There is no such topic, or the client may not do this with it. Both are one reason on purpose.
    NoTopic,
    /// The client says too much in too little time.
    Rate,
    /// The text is too long, or shows nothing.
    Text,
    /// An operator has muted the player.
    Muted,
    /// The player that the message is for does not want it.
    Blocked,
    /// The client hears as many topics as one client may.
    TooMany,
    /// The server has too much to do.
    Busy,
}

impl TopicRefusal {
    /// All reasons.
    pub const ALL: [Self; 7] =
        [Self::NoTopic, Self::Rate, Self::Text, Self::Muted, Self::Blocked, Self::TooMany, Self::Busy];

    /// The name of the reason in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTopic => "no_topic",
            Self::Rate => "rate",
            Self::Text => "text",
            Self::Muted => "muted",
            Self::Blocked => "blocked",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
        }
    }
}

/// The answer to a message of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Encode, Decode))]
pub enum Receipt {
    /// The server has the message, and will deliver it to everybody who hears the topic.
    Taken {
        /// The id of the message in its topic.
        id: u64,
        /// Whether the message is kept for those who come later.
        kept: bool,
    },
    /// The server does not have the message.
    Refused {
        /// The reason.
        refusal: TopicRefusal,
        /// Milliseconds after which it is worth trying again; 0 when it is not.
        wait_ms: u32,
    },
}

/// The messages of a server about topics.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Encode, Decode))]
pub enum ServerTopic {
    /// Something was said.
    Message {
        /// The number of the topic.
        number: TopicNumber,
        /// The id: one more than that of the message before.
        id: u64,
        /// The key, in a topic that keeps only the newest message of each key: the message takes the place of the last
        /// one. Empty otherwise.
        key: String,
        /// The author; `None` for the server and for services.
        from: Option<Author>,
        /// The time at which the server received it, in milliseconds since 1970.
        at_ms: u64,
        /// The text. In a topic with keys, an empty text says that the key is gone.
        body: String,
    },
    /// Messages were lost on the way, or are not kept any more.
    Gap {
        /// The number of the topic.
        number: TopicNumber,
        /// The first id that is missing.
        from: u64,
        /// The last id that is missing.
        to: u64,
    },
    /// A subscriber has received, and seen, the messages up to these ids.
    Marked {
        /// The number of the topic.
        number: TopicNumber,
        /// The subscriber.
        player: PlayerId,
        /// The last message that its client has received.
        delivered: u64,
        /// The last message that the player has seen; 0 for none.
        read: u64,
    },
    /// The topic is no more, or the client may not hear it any longer.
    Ended {
        /// The number of the topic, which is free again.
        number: TopicNumber,
    },
    /// The client hears a topic from now on. The kept messages of it follow.
    Granted {
        /// The number with which later messages name the topic.
        number: TopicNumber,
        /// The name of the topic.
        topic: String,
        /// The id of the newest message; the one before the first when there is none.
        newest: u64,
        /// Whether the client may publish to the topic.
        may_publish: bool,
        /// Bytes of a message of the topic.
        bytes_max: u16,
    },
    /// The client may not hear a topic.
    Refused {
        /// The name of the topic.
        topic: String,
        /// The reason.
        refusal: TopicRefusal,
        /// Milliseconds after which it is worth trying again; 0 when it is not.
        wait_ms: u32,
    },
    /// The answer to a message of the client.
    Receipt {
        /// The client's own number of the message.
        seq: u64,
        /// The answer.
        receipt: Receipt,
    },
    /// The client as others know it. It is the first message about topics.
    You {
        /// The player.
        player: PlayerId,
        /// The name, cleaned by the server.
        name: String,
    },
}

impl ClientTopic {
    /// Whether a message is one about topics, by its first byte.
    #[must_use]
    pub fn is_one(message: &[u8]) -> bool {
        message.first() == Some(&CLIENT_TOPIC)
    }
}

impl ServerTopic {
    /// The number of the topic that the message is about, if it names a number.
    #[must_use]
    pub const fn number(&self) -> Option<TopicNumber> {
        match self {
            Self::Message { number, .. }
            | Self::Gap { number, .. }
            | Self::Marked { number, .. }
            | Self::Ended { number }
            | Self::Granted { number, .. } => Some(*number),
            Self::Refused { .. } | Self::Receipt { .. } | Self::You { .. } => None,
        }
    }
}

const _: () = assert!(TOPIC_BYTES_MAX < TOPIC_MESSAGE_BYTES_MAX, "a name is shorter than a message");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SERVER_TOPIC;
    use crate::wire::DecodeError;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    const PLAYER: PlayerId = PlayerId([255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    fn client_messages() -> Vec<ClientTopic> {
        vec![
            ClientTopic::Subscribe { topic: "room/C4FK9T".into(), after: None },
            ClientTopic::Subscribe { topic: "lobby/paddles".into(), after: Some(u64::MAX) },
            ClientTopic::Leave { number: 250 },
            ClientTopic::Publish { topic: "room/C4FK9T".into(), seq: 1 << 40, body: "good game".into() },
            ClientTopic::Mark { number: 3, id: 1 << 60, read: true },
            ClientTopic::Block { player: PLAYER, blocked: true },
        ]
    }

    fn server_messages() -> Vec<ServerTopic> {
        let author = Author { player: PLAYER, name: "Ada".into() };
        vec![
            ServerTopic::Message {
                number: 251,
                id: 1 << 60,
                key: "a".into(),
                from: Some(author),
                at_ms: 1 << 41,
                body: "hi".into(),
            },
            ServerTopic::Message { number: 0, id: 1, key: "".into(), from: None, at_ms: 0, body: "".into() },
            ServerTopic::Gap { number: 251, from: 7, to: 9 },
            ServerTopic::Marked { number: 251, player: PLAYER, delivered: 9, read: 0 },
            ServerTopic::Ended { number: 251 },
            ServerTopic::Granted {
                number: 251,
                topic: "announce".into(),
                newest: 0,
                may_publish: false,
                bytes_max: 512,
            },
            ServerTopic::Refused { topic: "announce".into(), refusal: TopicRefusal::Rate, wait_ms: 500 },
            ServerTopic::Receipt { seq: 9, receipt: Receipt::Taken { id: 4, kept: true } },
            ServerTopic::Receipt { seq: 9, receipt: Receipt::Refused { refusal: TopicRefusal::Busy, wait_ms: 1 } },
            ServerTopic::You { player: PLAYER, name: "Ada".into() },
        ]
    }

    #[test]
    fn messages_return_and_every_truncation_is_an_error() {
        for message in client_messages() {
            let bytes = message.encode();
            assert_eq!(ClientTopic::decode(&bytes), Ok(message));
            assert!((0..bytes.len()).all(|cut| ClientTopic::decode(&bytes[..cut]).is_err()));
        }
        for message in server_messages() {
            let bytes = message.encode();
            assert_eq!(ServerTopic::decode(&bytes).as_ref(), Ok(&message));
            assert!((0..bytes.len()).all(|cut| ServerTopic::decode(&bytes[..cut]).is_err()), "{message:?}");
        }
    }

    #[test]
    fn the_bytes_are_those_of_bincode() {
        let numbers = [0, 250, 251, 0xffff, 0x1_0000, 0xffff_ffff, 1 << 32, u64::MAX];
        let gaps = numbers.map(|number| ServerTopic::Gap { number: 7, from: number, to: u64::MAX - number });
        for message in server_messages().into_iter().chain(gaps) {
            let bytes = crate::message::encode(SERVER_TOPIC, &message);
            assert_eq!(message.encode(), bytes, "{message:?}");
            assert_eq!(ServerTopic::decode(&bytes), Ok(message));
        }
        for message in client_messages() {
            assert_eq!(message.encode(), crate::message::encode(CLIENT_TOPIC, &message));
        }
    }

    #[test]
    fn only_the_shortest_form_of_a_message_is_one() {
        let gap = |rest: &[u8]| ServerTopic::decode(&[&[SERVER_TOPIC, 1, 7], rest].concat());
        assert!(gap(&[1, 2]).is_ok());
        let wrong: [&[u8]; 7] = [
            &[1, 2, 0],
            &[1, 251, 250, 0],
            &[1, 252, 0xff, 0xff, 0, 0],
            &[1, 253, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            &[1, 254, 0],
            &[255, 1],
            &[1],
        ];
        assert!(wrong.iter().all(|rest| gap(rest) == Err(DecodeError::Control)));
        // A text that claims 2^63 bytes, one that is no UTF-8, and reasons and flags that do not exist.
        let refused = |rest: &[u8]| ServerTopic::decode(&[&[SERVER_TOPIC, 5], rest].concat());
        assert!(refused(&[1, b'x', 6, 0]).is_ok());
        let wrong: [&[u8]; 4] = [&[253, 0, 0, 0, 0, 0, 0, 0, 128], &[1, 0xff, 0, 0], &[1, b'x', 7, 0], &[1, b'x']];
        assert!(wrong.iter().all(|rest| refused(rest) == Err(DecodeError::Control)));
        let wait = [&[1, b'x', 1, 253][..], &(1_u64 << 32).to_le_bytes()].concat();
        assert_eq!(refused(&wait), Err(DecodeError::Control), "too many milliseconds");
        assert_eq!(ServerTopic::decode(&[SERVER_TOPIC, 6, 1, 0, 1, 2]), Err(DecodeError::Control));
        assert_eq!(ServerTopic::decode(&[SERVER_TOPIC, 8]), Err(DecodeError::Control));
        assert_eq!(ClientTopic::decode(&[SERVER_TOPIC, 1, 7]), Err(DecodeError::UnknownKind(SERVER_TOPIC)));
        let long = ServerTopic::Ended { number: 1 }.encode().into_iter().chain([0; 4_000]).collect::<Vec<_>>();
        assert_eq!(ServerTopic::decode(&long), Err(DecodeError::Control));
    }

    #[test]
    fn the_number_of_a_topic_is_the_third_byte_of_a_message() {
        // A number of 251 or more would take three bytes if it were coded as other numbers are.
        for message in server_messages().into_iter().filter(|message| message.number() == Some(251)) {
            let mut bytes = message.encode();
            assert_eq!(bytes[NUMBER_AT], 251, "{message:?}");
            bytes[NUMBER_AT] = 3;
            assert_eq!(ServerTopic::decode(&bytes).unwrap().number(), Some(3));
        }
    }

    #[test]
    fn an_id_returns_from_its_text_and_no_other_text_is_one() {
        for id in [PLAYER, PlayerId([0; 10]), PlayerId([255; 10])] {
            let text = id.to_string();
            assert_eq!((text.len(), text.parse()), (16, Ok(id)));
        }
        for other in
            ["", "000000000000000", "00000000000000000", "000000000000000i", "000000000000000A", "é00000000000000"]
        {
            assert_eq!(other.parse::<PlayerId>(), Err(NoPlayerId), "{other}");
        }
    }
}

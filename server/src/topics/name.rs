//! Names of topics, and the topics that they stand for.

use crate::lobby::Code;
use std::fmt;
use tickwire::message::topics::PlayerId;

/// The topic that a name stands for. Each name that can be parsed has exactly one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicName {
    /// `room/CODE`: the chat of a room.
    Room(Code),
    /// `room/CODE/presence`: the people in a room, and their states.
    Presence(Code),
    /// `room/CODE/NAME`: a topic that the room's game declares.
    Own(Code, Box<str>),
    /// `lobby/GAME`: the public rooms of a game.
    Lobby(Box<str>),
    /// `lobby/GAME/chat`: the chat of a game's lobby.
    LobbyChat(Box<str>),
    /// `player/ID`: messages for one player alone.
    Player(PlayerId),
    /// `announce`: messages for everybody.
    Announce,
}

impl TopicName {
    /// The topic with this name; `None` when there can be no such topic.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let topic = match *parts {
            ["announce"] => Self::Announce,
            ["player", id] => Self::Player(id.parse().ok()?),
            ["lobby", game] => Self::Lobby(word(game)?),
            ["lobby", game, "chat"] => Self::LobbyChat(word(game)?),
            ["room", code] => Self::Room(Code::parse(code)?),
            ["room", code, "presence"] => Self::Presence(Code::parse(code)?),
            ["room", code, own] => Self::Own(Code::parse(code)?, word(own)?),
            _ => return None,
        };
        // A code may be typed in several ways, a name of a topic may not.
        (topic.to_string() == name).then_some(topic)
    }

    /// A number for each kind of topic: the rates of kinds are counted apart.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Room(_) => 0,
            Self::Presence(_) => 1,
            Self::Own(..) => 2,
            Self::Lobby(_) => 3,
            Self::LobbyChat(_) => 4,
            Self::Player(_) => 5,
            Self::Announce => 6,
        }
    }

    /// The code of the room that the topic belongs to.
    #[must_use]
    pub const fn room(&self) -> Option<Code> {
        match self {
            Self::Room(code) | Self::Presence(code) | Self::Own(code, _) => Some(*code),
            _ => None,
        }
    }
}

/// A name of a game, or of a topic of its own.
fn word(text: &str) -> Option<Box<str>> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (!text.is_empty() && text.bytes().all(is_plain)).then(|| text.into())
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(code) => write!(f, "room/{code}"),
            Self::Presence(code) => write!(f, "room/{code}/presence"),
            Self::Own(code, name) => write!(f, "room/{code}/{name}"),
            Self::Lobby(game) => write!(f, "lobby/{game}"),
            Self::LobbyChat(game) => write!(f, "lobby/{game}/chat"),
            Self::Player(id) => write!(f, "player/{id}"),
            Self::Announce => f.write_str("announce"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_returns_from_its_topic_and_has_one_spelling() {
        let id = "0123456789abcdef";
        for name in [
            "announce",
            &format!("player/{id}"),
            "lobby/paddles",
            "lobby/my-game_2/chat",
            "room/C4FK9T",
            "room/C4FK9T/presence",
            "room/C4FK9T/pings",
        ] {
            assert_eq!(TopicName::parse(name).map(|topic| topic.to_string()).as_deref(), Some(name));
        }
        for name in [
            "",
            "/",
            "announce/",
            "room",
            "room/",
            "room/c4fk9t",
            "room/C4F-K9T",
            "room/C4FK9",
            "room/C4FK9T/",
            "room/C4FK9T/presence/",
            "room/C4FK9T/Pings",
            "room/C4FK9T/a/b",
            "lobby",
            "lobby/",
            "lobby/Paddles",
            "lobby/paddles/talk",
            "lobby/../x",
            "player/",
            "player/0123456789ABCDEF",
            "admin",
            "admin/",
            "admin/x",
            "admin/overview",
        ] {
            assert_eq!(TopicName::parse(name), None, "{name:?}");
        }
    }
}

//! The names of the topics that operators hear.

use crate::lobby::Code;
use std::fmt;

/// A topic of the dashboard. Each name that can be parsed has exactly one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AdminTopic {
    /// `admin/overview`: the server in numbers.
    Overview,
    /// `admin/history`: the last hour.
    History,
    /// `admin/rooms`: the rooms, the worst first.
    Rooms,
    /// `admin/audit`: the actions of operators.
    Audit,
    /// `admin/room/CODE`: a room with its seats.
    Room(Code),
    /// `admin/room/CODE/scene`: the world of a room as its game draws it.
    Scene(Code),
}

impl AdminTopic {
    /// The topic with this name; `None` when operators have no such topic.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_prefix("admin/")?.split('/').collect();
        let topic = match *parts {
            ["overview"] => Self::Overview,
            ["history"] => Self::History,
            ["rooms"] => Self::Rooms,
            ["audit"] => Self::Audit,
            ["room", code] => Self::Room(Code::parse(code)?),
            ["room", code, "scene"] => Self::Scene(Code::parse(code)?),
            _ => return None,
        };
        // A code may be typed in several ways, a name of a topic may not.
        (topic.to_string() == name).then_some(topic)
    }

    /// The code of the room that the topic is about.
    pub(crate) const fn room(self) -> Option<Code> {
        match self {
            Self::Room(code) | Self::Scene(code) => Some(code),
            _ => None,
        }
    }
}

impl fmt::Display for AdminTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overview => f.write_str("admin/overview"),
            Self::History => f.write_str("admin/history"),
            Self::Rooms => f.write_str("admin/rooms"),
            Self::Audit => f.write_str("admin/audit"),
            Self::Room(code) => write!(f, "admin/room/{code}"),
            Self::Scene(code) => write!(f, "admin/room/{code}/scene"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_returns_from_its_topic_and_has_one_spelling() {
        for name in [
            "admin/overview",
            "admin/history",
            "admin/rooms",
            "admin/audit",
            "admin/room/C4FK9T",
            "admin/room/C4FK9T/scene",
        ] {
            assert_eq!(AdminTopic::parse(name).map(|topic| topic.to_string()).as_deref(), Some(name));
        }
        for name in [
            "",
            "admin",
            "admin/",
            "admin/metrics",
            "admin/rooms/",
            "admin/room",
            "admin/room/c4fk9t",
            "admin/room/C4F-K9T",
            "admin/room/C4FK9T/",
            "admin/room/C4FK9T/scene/x",
            "room/C4FK9T",
        ] {
            assert_eq!(AdminTopic::parse(name), None, "{name:?}");
        }
    }
}

//! The protocols that lean clients speak: one variant per server that is measured.

use super::colyseus::Colyseus;
use super::thin::Thin;
use anyhow::Result;
use tickwire::message::control::Hello;
use tickwire::wire::DecodeError;
use tickwire_tools::frame::INPUT_HEAD_BYTES;
use tickwire_tools::topic_ear::TopicEar;

/// The kind of a message from the server, as far as counting cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The state of a tick.
    Snapshot {
        /// Whether the snapshot is complete in itself: such snapshots are listed apart.
        is_keyframe: bool,
    },
    /// Any message that needs no answer.
    Other,
    /// Any message that needs an answer at once; the answer was written.
    Answer,
}

/// One client's side of a protocol, without a socket or a clock.
#[derive(Debug)]
pub enum Talk {
    /// With our server.
    Tickwire(Box<Thin>),
    /// With our server, about one topic alone: such a client is in no room.
    Visitor(Box<TopicEar>),
    /// With Colyseus.
    Colyseus(Colyseus),
    /// With the bare loop.
    Bare(Bare),
}

impl Talk {
    /// Appends the client's first message; false when the client waits for the server.
    pub(super) fn greet(&self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.greet(message),
            Self::Visitor(_) => message.extend_from_slice(&Hello::without_room("Lean").encode()),
            Self::Colyseus(_) | Self::Bare(_) => return false,
        }
        true
    }

    /// Reads a message, and appends the answer if the message needs one.
    pub(super) fn hear(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<Heard> {
        match self {
            Self::Tickwire(thin) => Ok(thin.hear(message, answer)?),
            Self::Visitor(ear) => Ok(hear_topic(ear, message, answer)?),
            Self::Colyseus(client) => Ok(client.hear(message, answer)?),
            Self::Bare(_) => Ok(Heard::Snapshot { is_keyframe: false }),
        }
    }

    /// Appends the wish of a client of a room to hear a topic; false for any other client.
    pub(super) fn listen(&mut self, topic: &str, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.listen(topic, message),
            Self::Visitor(_) | Self::Colyseus(_) | Self::Bare(_) => return false,
        }
        true
    }

    /// The topic that the client hears, if it hears one.
    pub(super) fn ear(&self) -> Option<&TopicEar> {
        match self {
            Self::Tickwire(thin) => thin.ear.as_ref(),
            Self::Visitor(ear) => Some(ear),
            Self::Colyseus(_) | Self::Bare(_) => None,
        }
    }

    /// Whether a client of a room receives snapshots of it.
    pub(super) const fn has_room(&self) -> bool {
        !matches!(self, Self::Visitor(_))
    }

    /// Appends the input of a tick; false when it is too early for one.
    pub(super) fn input(&mut self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::Tickwire(thin) => thin.input(message),
            Self::Visitor(_) => false,
            Self::Colyseus(client) => client.input(message),
            Self::Bare(bare) => {
                message.resize(bare.input_bytes, 0);
                true
            }
        }
    }
}

/// Hears a message about topics, and appends the answer if it needs one.
pub(super) fn hear_topic(ear: &mut TopicEar, message: &[u8], answer: &mut Vec<u8>) -> Result<Heard, DecodeError> {
    let Some(wish) = ear.hear(message)? else { return Ok(Heard::Other) };
    answer.extend_from_slice(&wish.encode());
    Ok(Heard::Answer)
}

/// A client of the bare loop: its messages have a length and no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bare {
    input_bytes: usize,
}

impl Bare {
    /// A client whose inputs have this many bytes on the wire, heads included; at least 6.
    #[must_use]
    pub const fn new(input_wire_bytes: usize) -> Self {
        Self { input_bytes: input_wire_bytes.saturating_sub(INPUT_HEAD_BYTES) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lean::ThinKind;
    use std::rc::Rc;
    use tickwire::message::topics::{ClientTopic, PlayerId, ServerTopic};

    fn hear(talk: &mut Talk, message: &ServerTopic) -> (Heard, Vec<u8>) {
        let mut answer = Vec::new();
        (talk.hear(&message.encode(), &mut answer).unwrap(), answer)
    }

    fn granted() -> ServerTopic {
        ServerTopic::Granted { number: 0, topic: "announce".into(), newest: 7, may_publish: false, bytes_max: 512 }
    }

    #[test]
    fn a_visitor_says_hello_without_a_room_and_subscribes_when_the_server_knows_it() {
        let (mut visitor, mut hello) = (Talk::Visitor(Box::new(TopicEar::new("announce"))), Vec::new());
        assert!(visitor.greet(&mut hello));
        assert_eq!(Hello::decode(&hello).unwrap().code, "");
        let (heard, wish) = hear(&mut visitor, &ServerTopic::You { player: PlayerId([0; 10]), name: "Lean".into() });
        let subscribe = ClientTopic::Subscribe { topic: "announce".into(), after: None };
        assert_eq!((heard, ClientTopic::decode(&wish)), (Heard::Answer, Ok(subscribe)));
        assert_eq!(hear(&mut visitor, &granted()), (Heard::Other, Vec::new()));
        assert!(visitor.ear().is_some_and(TopicEar::is_granted) && !visitor.has_room());
        assert!(!visitor.input(&mut Vec::new()));
    }

    #[test]
    fn a_player_subscribes_when_it_is_told_to_and_ignores_topics_before() {
        let mut player = Talk::Tickwire(Box::new(Thin::new(Rc::<ThinKind>::default(), "C4FK9T", 7)));
        assert_eq!(hear(&mut player, &granted()), (Heard::Other, Vec::new()));
        assert!(player.ear().is_none());
        let mut wish = Vec::new();
        assert!(player.listen("announce", &mut wish) && ClientTopic::decode(&wish).is_ok());
        hear(&mut player, &granted());
        assert!(player.ear().is_some_and(TopicEar::is_granted) && player.has_room());
        assert!(!Talk::Bare(Bare::new(20)).listen("announce", &mut wish));
    }
}

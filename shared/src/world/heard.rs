//! Messages of services that a room's game hears. They are among the causes of a tick.

use crate::game::{Game, OwnTopic};
use crate::limits::TOPIC_MESSAGE_BYTES_MAX;
use alloc::boxed::Box;
use alloc::string::String;

/// Messages that a game hears before one tick at the most; further ones wait for the next.
pub const HEARD_PER_TICK_MAX: usize = 4;

/// A message in one of the topics that a game hears, see [`OwnTopic::heard_by_game`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The place of the topic in [`Rules::topics`](crate::Rules::topics).
    topic: u8,
    body: Box<str>,
}

impl Heard {
    /// A message in the topic of this name; `None` when the game hears no such topic or the text is too long for it.
    #[must_use]
    pub fn new<G: Game>(topic: &str, body: impl Into<String>) -> Option<Self> {
        let body = body.into();
        let place = G::RULES.topics.iter().position(|own| own.is_heard && own.name == topic)?;
        let is_long = body.len() > usize::from(G::RULES.topics[place].bytes_max);
        if is_long { None } else { Some(Self { topic: u8::try_from(place).ok()?, body: body.into() }) }
    }

    /// The message with these parts, as a client receives it; `None` when no topic has such a text.
    pub(crate) fn from_parts(topic: u8, body: String) -> Option<Self> {
        (body.len() <= TOPIC_MESSAGE_BYTES_MAX / 2).then(|| Self { topic, body: body.into() })
    }

    /// The place of the topic in [`Rules::topics`](crate::Rules::topics), and the text.
    pub(crate) const fn parts(&self) -> (u8, &str) {
        (self.topic, &self.body)
    }

    /// The topic, if the game has it.
    #[must_use]
    pub fn topic<G: Game>(&self) -> Option<&'static OwnTopic> {
        G::RULES.topics.get(usize::from(self.topic))
    }

    /// The text.
    #[must_use]
    pub const fn body(&self) -> &str {
        &self.body
    }

    /// Tells the game, before the step of the tick in which it happens.
    pub fn apply<G: Game>(&self, world: &mut G) {
        if let Some(topic) = self.topic::<G>() {
            world.hear(topic.name, &self.body);
        }
    }
}

//! The talk beside the game, over the same connection.

use super::Session;
use crate::client::topics::Topics;
use crate::game::Game;
use crate::message::control::cut_text;
use alloc::string::String;

impl<G: Game> Session<G> {
    /// Says a line in the chat of the room, the topic `room/CODE`, and gives the number of its receipt. To hear the
    /// chat a client subscribes to the topic.
    pub fn chat(&mut self, text: &str) -> u64 {
        let topic = self.chat_topic();
        self.topics.publish(&topic, cut_text(text))
    }

    /// The topic of the room's chat. A code may be typed in several ways, and the name of a topic may not.
    #[must_use]
    pub fn chat_topic(&self) -> String {
        let letters = self.hello.code.chars().filter(|letter| !matches!(letter, ' ' | '-'));
        "room/".chars().chain(letters.map(|letter| letter.to_ascii_uppercase())).collect()
    }

    /// The topics beside the game: the client's subscriptions and messages.
    #[must_use]
    pub const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The same, to subscribe and to publish, and to be polled for news.
    pub const fn topics_mut(&mut self) -> &mut Topics {
        &mut self.topics
    }
}

//! A scene: the players' inputs in a game whose feel is measured, without the game's type.

use super::{Feel, Size, measure};
use crate::harness::Client;
use tickwire::Game;
use tickwire::link::LinkProfile;

/// The hands of one room's players: called with a player's index after each of the player's frames, to decide on the
/// input. A player whose [`Client::hands`] stay empty is played by the game's own bot.
pub type Hands<G> = Box<dyn FnMut(usize, &mut Client<G>)>;

/// Plays the scene over a link: profile, link, size and seed.
type Play = Box<dyn Fn(&str, LinkProfile, Size, u64) -> Feel + Send + Sync>;

/// A scene of one game.
pub struct Scene {
    name: &'static str,
    play: Play,
}

impl Scene {
    /// The scene in which the game's own bots play.
    #[must_use]
    pub fn bots<G: Game>(name: &'static str) -> Self {
        Self::steered::<G>(name, |_, _| Box::new(|_, _| {}))
    }

    /// A scene with hands of its own, which are made for each room from a seed and the number of players.
    #[must_use]
    pub fn steered<G: Game>(name: &'static str, hands: fn(u64, u32) -> Hands<G>) -> Self {
        let play = move |profile: &str, link, size, seed| measure::<G>((profile, name), link, size, seed, &hands);
        Self { name, play: Box::new(play) }
    }

    /// The same scene, after which more is measured over the same link: it is added to the results.
    #[must_use]
    pub fn followed_by(self, more: fn(&mut Feel, LinkProfile, Size, u64)) -> Self {
        let Self { name, play } = self;
        let play = move |profile: &str, link, size, seed| {
            let mut feel = play(profile, link, size, seed);
            more(&mut feel, link, size, seed);
            feel
        };
        Self { name, play: Box::new(play) }
    }

    /// The scene's name in tables and reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Plays the scene over one kind of link.
    #[must_use]
    pub fn measure(&self, profile: &str, link: LinkProfile, size: Size, seed: u64) -> Feel {
        (self.play)(profile, link, size, seed)
    }
}

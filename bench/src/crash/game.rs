//! The games that can be played through a crash, without their types.

use anyhow::Result;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tickwire::{Game, Seat, Stage};
use tickwire_tools::load::{Bystander, Players};

/// A game without its type.
#[derive(Debug, Clone)]
pub struct Played {
    /// Its name.
    pub name: &'static str,
    /// Seats of a room.
    pub seats: u32,
    /// The options of the rooms; `null` for the game's own.
    pub(super) options: Value,
    /// Whether no score becomes smaller while these rooms are played.
    pub(super) scores_only_grow: bool,
    /// Lets bots join rooms with these codes, and records their lives.
    pub(super) join: fn(SocketAddr, &[String], Players) -> Result<Bystander>,
}

impl Played {
    /// A game that people see: its figures have scores.
    fn of<G: Stage>() -> Self {
        // Only arena has rounds that can be made longer than a run: the scores of the other games begin anew meanwhile.
        let is_arena = G::RULES.name == tickwire_games::Arena::RULES.name;
        let long_round = json!({ "goal": 1_000, "seconds": 3_600 });
        Self {
            options: if is_arena { long_round } else { Value::Null },
            scores_only_grow: is_arena,
            join: |address, codes, players| {
                let score_of = |world: &G, seat: Seat| world.figure(seat).map(|figure| figure.score);
                Bystander::join_watched::<G>(address, codes, players, score_of)
            },
            ..Self::without_scores::<G>()
        }
    }

    /// A game that exists to be measured.
    fn without_scores<G: Game>() -> Self {
        Self {
            name: G::RULES.name,
            seats: u32::from(G::RULES.seats),
            options: Value::Null,
            scores_only_grow: false,
            join: |address, codes, players| Bystander::join_watched::<G>(address, codes, players, |_, _| None),
        }
    }
}

/// All demo games.
#[must_use]
pub fn games() -> Vec<Played> {
    macro_rules! seen {
        ($($game:ty),*) => { [$(Played::of::<$game>()),*] };
    }
    macro_rules! measured {
        ($($game:ty),*) => { [$(Played::without_scores::<$game>()),*] };
    }
    let seen = tickwire_games::for_each_page_game!(seen);
    seen.into_iter().chain(tickwire_games::for_each_benchmark_game!(measured)).collect()
}

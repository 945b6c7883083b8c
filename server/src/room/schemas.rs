//! The schemas of a game: everything that its rooms have in common, made once and shared by them.

use std::fmt;
use std::sync::Arc;
use tickwire::input::InputCodec;
use tickwire::message::control::fingerprint;
use tickwire::recording::record::RecordCodec;
use tickwire::replication::Plan;
use tickwire::state::Schema;
use tickwire::{Game, Scene, Stage};

/// Everything that the rooms of a game need to know of its types. Clones share the schemas.
pub struct GameSchemas<G: Game> {
    pub(super) world: Arc<Schema>,
    pub(super) plan: Arc<Plan>,
    pub(super) events: Arc<Schema>,
    pub(super) inputs: InputCodec<G::Input>,
    /// The layout of records for a journal.
    pub(super) records: Arc<RecordCodec<G>>,
    pub(super) fingerprint: u64,
    /// Draws a world for somebody who has no seat; `None` for a game that cannot be drawn.
    pub(super) draw: Option<fn(&G, &mut Scene)>,
}

impl<G: Game> fmt::Debug for GameSchemas<G> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("GameSchemas").field("game", &G::RULES.name).finish_non_exhaustive()
    }
}

impl<G: Game> GameSchemas<G> {
    /// The schemas of this game.
    #[must_use]
    pub fn new() -> Self {
        let world = Arc::new(Schema::of::<G>());
        Self {
            plan: Arc::new(Plan::of(&world)),
            world,
            events: Arc::new(Schema::of::<G::Event>()),
            inputs: InputCodec::new(),
            records: Arc::new(RecordCodec::new()),
            fingerprint: fingerprint::<G>(),
            draw: None,
        }
    }

    /// The same schemas for rooms whose worlds the operators see as the game's own stage draws them.
    #[must_use]
    pub fn drawn(mut self) -> Self
    where
        G: Stage,
    {
        self.draw = Some(|game, scene| game.draw(None, scene));
        self
    }
}

impl<G: Game> Default for GameSchemas<G> {
    fn default() -> Self {
        Self::new()
    }
}

impl<G: Game> Clone for GameSchemas<G> {
    fn clone(&self) -> Self {
        let (world, plan, events) = (Arc::clone(&self.world), Arc::clone(&self.plan), Arc::clone(&self.events));
        let (inputs, records) = (self.inputs.clone(), Arc::clone(&self.records));
        Self { world, plan, events, inputs, records, fingerprint: self.fingerprint, draw: self.draw }
    }
}

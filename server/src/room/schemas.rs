//! The schemas of a game: everything that its rooms have in common, made once and shared by them.

use std::sync::Arc;
use tickwire::Game;
use tickwire::input::InputCodec;
use tickwire::message::control::fingerprint;
use tickwire::replication::Plan;
use tickwire::state::Schema;

/// Everything that the rooms of a game need to know of its types. Clones share the schemas.
#[derive(Debug)]
pub struct GameSchemas<G: Game> {
    pub(super) world: Arc<Schema>,
    pub(super) plan: Arc<Plan>,
    pub(super) events: Arc<Schema>,
    pub(super) inputs: InputCodec<G::Input>,
    pub(super) fingerprint: u64,
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
            fingerprint: fingerprint::<G>(),
        }
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
        Self { world, plan, events, inputs: self.inputs.clone(), fingerprint: self.fingerprint }
    }
}

//! The undoing of a tick that has come to nothing, because the code of the game has panicked half way.
//!
//! A world that a panic has left half changed cannot be mended, so it is made anew from the last one. The rows of that
//! one are in the history as wire integers already. Kept for each tick is therefore only the rest that a full state has:
//! the generations and the hidden free slots of the tables, and the place of the random numbers. After a warm-up that
//! takes no memory. A world that a new match has replaced is put aside until the tick is made.

use crate::game::Game;
use crate::rng::Rng;
use crate::state::{State, TableVisitor};
use crate::table::Table;
use crate::table::hidden::HiddenSlots;
use crate::world::simulation::Checkpoint;
use alloc::vec::Vec;

/// All that the last world has besides its rows, and that world itself while a new match takes its place.
pub(super) struct Undo<G: Game> {
    /// One per table after the root; the first `tables` are valid, the others keep their memory.
    slots: Vec<TableSlots>,
    tables: usize,
    rng: Rng,
    /// The state before a new match, which begins in the tick.
    pub(super) before: Option<Checkpoint<G>>,
}

/// The slots of one table.
#[derive(Default)]
struct TableSlots {
    generations: Vec<u16>,
    hidden: Option<HiddenSlots>,
}

impl<G: Game> Default for Undo<G> {
    fn default() -> Self {
        Self { slots: Vec::new(), tables: 0, rng: Rng::new(0), before: None }
    }
}

impl<G: Game> Undo<G> {
    /// Keeps what is not in the history, before the game may change anything.
    pub(super) fn keep(&mut self, state: &mut Checkpoint<G>) {
        self.rng.clone_from(&state.rng);
        self.before = None;
        self.tables = 0;
        state.world.tables(&mut Keep(self));
    }

    /// The state as it was when it was kept; `state` is the part that the tick has left of it.
    pub(super) fn restore(&mut self, state: &mut Checkpoint<G>) {
        if let Some(before) = self.before.take() {
            *state = before;
            return;
        }
        // A fresh world has no field in which the panic could have left anything.
        let mut world = G::default();
        state.history.newest().restore(&mut world);
        world.tables(&mut Restore(self.slots[..self.tables].iter()));
        state.world = world;
        state.rng.clone_from(&self.rng);
    }
}

struct Keep<'a, G: Game>(&'a mut Undo<G>);

impl<G: Game> TableVisitor for Keep<'_, G> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let Undo { slots, tables, .. } = &mut *self.0;
        if slots.len() == *tables {
            slots.push(TableSlots::default());
        }
        let TableSlots { generations, hidden } = &mut slots[*tables];
        *tables += 1;
        generations.clear();
        generations.extend_from_slice(table.slots());
        match (hidden, table.hidden_slots()) {
            (Some(kept), Some(hidden)) => kept.clone_from(hidden),
            (kept, hidden) => *kept = hidden.cloned(),
        }
    }
}

struct Restore<'a>(core::slice::Iter<'a, TableSlots>);

impl TableVisitor for Restore<'_> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let TableSlots { generations, hidden } = self.0.next().expect("a world shows the same tables each time");
        table.restore_slots(generations, hidden.as_ref());
    }
}

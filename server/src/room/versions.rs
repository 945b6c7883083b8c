//! A room that goes on in a build whose game has other fields: its newest world is read by the names of its fields.
//!
//! The ticks after that world are not played again, because their inputs may mean something else now. A server that is
//! stopped in order keeps a world of every room at its end, so there are none.

use super::kept::{FrozenParts, Kept, ReviveError};
use super::state::RoomState;
use super::{GameSchemas, Room, RoomSetup};
use std::fmt;
use std::sync::Arc;
use tickwire::input::Action;
use tickwire::recording::by_names::Differences;
use tickwire::recording::describe::{Description, GameDescription};
use tickwire::recording::record::LastActions;
use tickwire::state::Schema;
use tickwire::world::simulation::{Checkpoint, Simulation};
use tickwire::{Game, Seat};

/// The changes of a room in a build whose game has other fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomChanges {
    /// The fields that are not as they were.
    pub fields: Differences,
    /// The ticks that were made after the world from which the room goes on, and are lost.
    pub ticks_lost: usize,
    /// People and bots whose seats the game does not have any more.
    pub players_gone: usize,
    /// Whether the inputs have other fields too: until the next ones come, everybody does nothing.
    pub inputs_neutral: bool,
}

impl fmt::Display for RoomChanges {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fields, ticks_lost, players_gone, inputs_neutral } = self;
        write!(out, "{fields}")?;
        if *inputs_neutral {
            out.write_str("; the inputs have other fields too, so everybody does nothing until the next ones come")?;
        }
        if *players_gone > 0 {
            write!(out, "; {players_gone} of its players had seats that the game does not have any more")?;
        }
        match ticks_lost {
            0 => Ok(()),
            ticks => write!(out, "; it goes on {ticks} ticks earlier, as they were made with the former fields"),
        }
    }
}

impl<G: Game> Room<G> {
    /// A room that goes on from the bytes that a build kept of it when its game had the shape `was`. Nobody is
    /// connected; the seats wait for their players.
    ///
    /// # Errors
    /// When no world was kept of the room, or it cannot be read.
    pub fn revive_by_names(
        schemas: &GameSchemas<G>,
        setup: RoomSetup,
        options: &G::Options,
        kept: Kept<'_>,
        was: &GameDescription,
    ) -> Result<(Self, RoomChanges), ReviveError> {
        let parts = FrozenParts::of(kept.world.ok_or(ReviveError::Young)?).map_err(ReviveError::World)?;
        let mut room = Self::with_schemas(schemas, setup, options);
        let (checkpoint, fields) =
            Checkpoint::read_by_names(&was.world, parts.checkpoint, &schemas.world, &room.secret)?;
        let (state, players_gone) = RoomState::decode_fitting::<G>(parts.state)?;
        let inputs_neutral = was.input != Description::of(&Schema::of::<G::Input>());
        let last = if inputs_neutral {
            state.playing().iter().map(|seat| (seat, Action::default())).collect()
        } else {
            let last = schemas.records.take_last(parts.actions).map_err(ReviveError::World)?;
            last.iter().filter(|(seat, _)| seat.index() < usize::from(G::RULES.seats)).collect()
        };
        let last: Vec<(Seat, Action<G::Input>)> = last;
        room.simulation = Simulation::resume_sharing(Arc::clone(&schemas.world), checkpoint);
        room.go_on(&LastActions::of(&last), state);
        room.settle_owner(None);
        Ok((room, RoomChanges { fields, ticks_lost: kept.ticks.len(), players_gone, inputs_neutral }))
    }
}

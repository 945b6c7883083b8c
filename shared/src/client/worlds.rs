//! The world of a session's room, in the mode of the game.
//!
//! Of the modules here, `snapshots` and `held_snapshots` serve snapshot mode alone, and `lockstep` serves lockstep
//! alone.

mod held_snapshots;
pub(crate) mod lockstep;
pub(crate) mod snapshots;

use crate::client::display::first_ids::ShownRows;
use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::corrected_fields::CorrectedField;
use crate::client::prediction::events::EventUpdate;
use crate::client::stats::Stats;
use crate::client::worlds::lockstep::Lockstep;
use crate::client::worlds::snapshots::Snapshots;
use crate::game::Game;
use crate::id::{RowId, Seat};
use crate::message::evidence::ServerEvidence;
use crate::tick::{Tick, TickTime};
use crate::wire::DecodeError;
use crate::world::snapshot::Snapshot;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The facts that a welcome tells of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    /// The player's seat; `None` for a spectator.
    pub(crate) seat: Option<Seat>,
    /// The newest tick of the room.
    pub(crate) tick: Tick,
    /// Microseconds from the hello to the welcome.
    pub(crate) waited_us: u64,
    /// The newest input of this player that the room has received, over whatever connection, or tick 0 if it has received
    /// none; `None` for a new player.
    pub(crate) newest_input: Option<Tick>,
}

/// The world of a session in either mode.
pub(crate) enum Worlds<G: Game> {
    Snapshots(Box<Snapshots<G>>),
    Lockstep(Box<Lockstep<G>>),
}

/// Does the same in either mode. The rules are constants, so a page has the code of its game's own mode alone.
macro_rules! either {
    ($worlds:expr, $world:ident => $answer:expr) => {
        match $worlds {
            Worlds::Snapshots($world) if !G::RULES.is_lockstep() => $answer,
            Worlds::Lockstep($world) if G::RULES.is_lockstep() => $answer,
            _ => unreachable!("a game has one mode"),
        }
    };
}

impl<G: Game> Worlds<G> {
    pub(crate) fn new() -> Self {
        if G::RULES.is_lockstep() {
            Self::Lockstep(Box::new(Lockstep::new()))
        } else {
            Self::Snapshots(Box::new(Snapshots::new()))
        }
    }

    /// Starts on another connection: the player has `seat`, the room was at `tick`, and the welcome came `waited_us`
    /// after the hello.
    pub(crate) fn start(&mut self, begin: Begin, now_us: u64) {
        either!(self, world => world.start(begin, now_us));
    }

    /// The newest tick that the server need not send again; `None` in snapshot mode, and for a client that needs
    /// a keyframe.
    pub(crate) fn known(&self) -> Option<Tick> {
        match self {
            Self::Lockstep(lockstep) if G::RULES.is_lockstep() => lockstep.known(),
            _ => None,
        }
    }

    /// Replaces the seats that are taken, each with whether a bot sits in it.
    pub(crate) fn set_seats(&mut self, taken: impl Iterator<Item = (Seat, bool)>) {
        match self {
            Self::Snapshots(snapshots) if !G::RULES.is_lockstep() => snapshots.set_seats(taken),
            // In lockstep the roster is part of the tick inputs.
            _ => {}
        }
    }

    pub(crate) fn set_hidden(&mut self, hidden: bool) {
        either!(self, world => world.set_hidden(hidden));
    }

    pub(crate) fn ask_for_keyframe(&mut self) {
        either!(self, world => world.ask_for_keyframe());
    }

    pub(crate) fn handle(&mut self, message: &[u8], now_us: u64, stats: &mut Stats) -> Result<(), DecodeError> {
        either!(self, world => world.handle(message, now_us, stats))
    }

    /// Takes in a message of the server about a difference.
    pub(crate) fn handle_evidence(&mut self, evidence: ServerEvidence, now_us: u64, stats: &mut Stats) {
        match self {
            Self::Snapshots(world) if !G::RULES.is_lockstep() => world.handle_evidence(evidence, now_us, stats),
            Self::Lockstep(world) if G::RULES.is_lockstep() => world.handle_evidence(evidence, stats),
            _ => unreachable!("a game has one mode"),
        }
    }

    /// Damages a leaf of the newest confirmed world and gives its tick.
    pub(crate) fn damage(&mut self, table: usize, row: RowId, leaf: usize, value: u32) -> Option<Tick> {
        either!(self, world => world.damage(table, row, leaf, value))
    }

    /// Sets the player's input, with commands for the next tick alone or with none.
    pub(crate) fn push_input(&mut self, input: G::Input, is_command: bool) {
        either!(self, world => world.push_input(input, is_command));
    }

    pub(crate) fn advance(&mut self, now_us: u64, outbox: &mut VecDeque<Vec<u8>>, stats: &mut Stats) {
        either!(self, world => world.advance(now_us, outbox, stats));
    }

    pub(crate) fn view(&mut self, now_us: u64) -> Option<&G> {
        either!(self, world => world.view(now_us))
    }

    /// The world to show now as rows.
    pub(crate) fn view_rows(&mut self, now_us: u64) -> Option<ShownRows<'_>> {
        either!(self, world => world.view_rows(now_us))
    }

    /// The moment at which others are shown.
    pub(crate) fn shown(&self) -> TickTime {
        either!(self, world => world.shown())
    }

    pub(crate) fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        either!(self, world => world.poll_event())
    }

    pub(crate) fn corrected_fields(&self) -> Vec<CorrectedField> {
        either!(self, world => world.corrected_fields())
    }

    pub(crate) fn confirmed(&self) -> &Snapshot {
        either!(self, world => world.confirmed())
    }

    pub(crate) fn predicted_tick(&self) -> Tick {
        either!(self, world => world.predicted_tick())
    }

    pub(crate) fn input_due_us(&self, tick: Tick) -> u64 {
        either!(self, world => world.input_due_us(tick))
    }

    pub(crate) fn interpolation(&self) -> &InterpolationBuffer {
        either!(self, world => world.interpolation())
    }
}

//! What a session knows of its room's world, in the mode of the game.

mod held_snapshots;
pub(crate) mod lockstep;
pub(crate) mod snapshots;

use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::events::EventUpdate;
use crate::client::stats::Stats;
use crate::client::worlds::lockstep::Lockstep;
use crate::client::worlds::snapshots::Snapshots;
use crate::game::Game;
use crate::id::{RowId, Seat};
use crate::message::evidence::ServerEvidence;
use crate::tick::Tick;
use crate::wire::DecodeError;
use crate::world::snapshot::Snapshot;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub(crate) enum Worlds<G: Game> {
    Snapshots(Box<Snapshots<G>>),
    Lockstep(Box<Lockstep<G>>),
}

/// The same for either mode. The rules are constants: a page has the code of the game's own mode alone.
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

    /// Another connection: `seat` is ours, the room was at `tick`, and dialling took `waited_us`.
    pub(crate) fn start(&mut self, seat: Option<Seat>, tick: Tick, waited_us: u64, now_us: u64) {
        either!(self, world => world.start(seat, tick, waited_us, now_us));
    }

    /// The newest tick that the server need not tell again.
    pub(crate) fn known(&self) -> Option<Tick> {
        match self {
            Self::Lockstep(lockstep) if G::RULES.is_lockstep() => lockstep.known(),
            _ => None,
        }
    }

    /// The seats that are taken, and whether by bots.
    pub(crate) fn set_seats(&mut self, taken: impl Iterator<Item = (Seat, bool)>) {
        match self {
            Self::Snapshots(snapshots) if !G::RULES.is_lockstep() => snapshots.set_seats(taken),
            // In lockstep that is part of what is played.
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

    /// Takes in what the server says of a difference.
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

    pub(crate) fn push_input(&mut self, input: G::Input) {
        either!(self, world => world.push_input(input));
    }

    pub(crate) fn advance(&mut self, now_us: u64, outbox: &mut VecDeque<Vec<u8>>, stats: &mut Stats) {
        either!(self, world => world.advance(now_us, outbox, stats));
    }

    pub(crate) fn view(&mut self, now_us: u64) -> Option<&G> {
        either!(self, world => world.view(now_us))
    }

    pub(crate) fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        either!(self, world => world.poll_event())
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

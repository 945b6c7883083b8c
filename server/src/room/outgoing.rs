//! What members are told after a tick: snapshots, or everyone's inputs, as the game's rules say.

use super::Counters;
use super::lockstep::Lockstep;
use super::members::Member;
use super::replication::{Replication, SnapshotFrame};
use tickwire::simulation::{Simulation, TickRecord};
use tickwire::{Game, Tick};

pub(super) enum Outgoing<G: Game> {
    Snapshots(Box<Replication<G>>),
    Lockstep(Lockstep<G>),
}

impl<G: Game> Outgoing<G> {
    /// Nothing sent yet. `stagger` spreads what rooms do rarely over time.
    pub(super) fn new(simulation: &mut Simulation<G>, stagger: u32) -> Self {
        if G::RULES.is_lockstep() {
            Self::Lockstep(Lockstep::new(simulation))
        } else {
            Self::Snapshots(Box::new(Replication::new(simulation, stagger)))
        }
    }

    /// Takes over what happened in the tick that the simulation has just made.
    pub(super) fn push(&mut self, simulation: &mut Simulation<G>, record: &TickRecord<G>, counters: &mut Counters) {
        match self {
            Self::Snapshots(replication) => replication.push(record.tick, &record.events),
            Self::Lockstep(lockstep) => lockstep.push(simulation, record, counters),
        }
    }

    /// The tick whose world a client has hashed that acknowledges `tick`, and the hash that it should have found.
    pub(super) fn hash_at(&self, tick: Tick) -> Option<(Tick, u32)> {
        match self {
            Self::Snapshots(replication) => Some((tick, replication.room_hash(tick)?)),
            Self::Lockstep(lockstep) => lockstep.hash_at(tick),
        }
    }

    /// What there is to tell a member: marks it as written.
    pub(super) fn frame(
        &mut self,
        simulation: &Simulation<G>,
        member: &mut Member,
        newest: Option<Tick>,
        counters: &mut Counters,
    ) -> SnapshotFrame<'_> {
        match self {
            Self::Snapshots(replication) => replication.frame(simulation, member, newest, counters),
            Self::Lockstep(lockstep) => lockstep.frame(simulation, member, newest, counters),
        }
    }
}

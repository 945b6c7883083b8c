//! The messages for members after a tick: snapshots, or tick inputs, as the game's rules say.

use super::Counters;
use super::GameSchemas;
use super::autopsy::Findings;
use super::disputes::Open;
use super::lockstep::Lockstep;
use super::members::Member;
use super::replication::{Replication, SnapshotFrame};
use super::search::{Progress, Search};
use crate::limits::REPLAYED_TICKS_PER_TICK_MAX;
use tickwire::desync::visible;
use tickwire::lockstep::LastInputs;
use tickwire::world::history::Recalled;
use tickwire::world::simulation::{Simulation, TickRecord};
use tickwire::{Game, Seat, Tick};

pub(super) enum Outgoing<G: Game> {
    Snapshots(Box<Replication<G>>),
    Lockstep(Box<Lockstep<G>>),
}

impl<G: Game> Outgoing<G> {
    /// The state before anything is sent. `stagger` differs between rooms, so that their rare work is spread over time.
    pub(super) fn new(
        schemas: &GameSchemas<G>,
        simulation: &mut Simulation<G>,
        stagger: u32,
        last_inputs: LastInputs<G::Input>,
    ) -> Self {
        if G::RULES.is_lockstep() {
            Self::Lockstep(Box::new(Lockstep::new(simulation, last_inputs)))
        } else {
            Self::Snapshots(Box::new(Replication::new(schemas, stagger, simulation.tick())))
        }
    }

    /// Takes over the record of the tick that the simulation has just made.
    pub(super) fn push(&mut self, simulation: &mut Simulation<G>, record: &TickRecord<G>, counters: &mut Counters) {
        match self {
            Self::Snapshots(replication) => replication.push(record.tick, &record.events),
            Self::Lockstep(lockstep) => lockstep.push(simulation, record, counters),
        }
    }

    /// Takes over the newest tick, which was made before there was anything to be sent.
    pub(super) fn show_newest(&mut self, record: &TickRecord<G>) {
        if let Self::Snapshots(replication) = self {
            replication.push(record.tick, &record.events);
        }
    }

    /// The tick whose world a client has hashed when it acknowledges `tick`, and the hash that the client should have
    /// computed. `None` when the room does not have that hash.
    pub(super) fn hash_at(&self, tick: Tick) -> Option<(Tick, u32)> {
        match self {
            Self::Snapshots(replication) => Some((tick, replication.room_hash(tick)?)),
            Self::Lockstep(lockstep) => lockstep.hash_at(tick),
        }
    }

    /// Begins to look for the first tick at which a member's world differs, for a dispute about `tick`.
    ///
    /// In snapshot mode that tick is `tick` itself: a client of that mode does not compute the world from inputs, so
    /// there is no earlier tick to look for.
    pub(super) fn search(
        &self,
        simulation: &Simulation<G>,
        seat: Option<Seat>,
        tick: Tick,
        hashes: Vec<u32>,
    ) -> Progress<G> {
        match self {
            Self::Snapshots(_) => {
                let (schema, mut recalled) = (simulation.schema(), Recalled::default());
                let Some(world) = simulation.history().at(schema, tick, &mut recalled) else {
                    return Progress::Nothing;
                };
                let (noticed, inputs) = (simulation.tick(), Vec::new());
                let findings = Findings { tick, noticed, inputs, replay: None };
                Progress::Found(Box::new(Open::new(visible(schema, world, seat), findings)))
            }
            Self::Lockstep(lockstep) => {
                let search = lockstep.search(simulation, tick, hashes);
                search.map_or(Progress::Nothing, |search| Progress::Searching(Box::new(search)))
            }
        }
    }

    /// Goes on with a search, by a bounded number of ticks.
    pub(super) fn search_on(&self, simulation: &Simulation<G>, search: Box<Search<G>>) -> Progress<G> {
        match self {
            Self::Snapshots(_) => Progress::Nothing,
            Self::Lockstep(lockstep) => {
                search.advance(lockstep.codec(), simulation.schema(), REPLAYED_TICKS_PER_TICK_MAX)
            }
        }
    }

    /// The message for a member, which counts as written. `None` when the member has to wait until the next tick.
    pub(super) fn frame(
        &mut self,
        simulation: &Simulation<G>,
        member: &mut Member,
        newest: Option<Tick>,
        counters: &mut Counters,
    ) -> Option<SnapshotFrame<'_>> {
        match self {
            Self::Snapshots(replication) => replication.frame(simulation, member, newest, counters),
            Self::Lockstep(lockstep) => Some(lockstep.frame(simulation, member, newest, counters)),
        }
    }
}

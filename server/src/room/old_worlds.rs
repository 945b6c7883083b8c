//! The worlds of old baselines, unpacked from the history: each at most once per tick, however many members need it.
//!
//! A member that missed a tick has an older baseline than the others, and its delta starts from a world that is packed.
//! Members choose their baselines by what they acknowledge, so the work must not grow with their number: the worlds of
//! all old baselines of a tick are kept until the tick is over. There are no more of them than the history has ticks.

use super::Counters;
use tickwire::world::history::Recalled;
use tickwire::world::simulation::Simulation;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Tick};

/// Worlds whose memory is kept from one tick to the next: an ordinary tick needs no more.
const KEPT_WORLDS: usize = 2;

/// The old worlds that were unpacked in this tick.
#[derive(Debug, Default)]
pub(super) struct OldWorlds {
    /// The first `used` are valid, the rest keep their memory.
    worlds: Vec<(Tick, Recalled)>,
    used: usize,
    /// For worlds that are not packed: no memory is needed for them.
    unpacked: Recalled,
}

impl OldWorlds {
    /// Forgets all worlds, at the beginning of a tick.
    pub(super) fn forget(&mut self) {
        self.worlds.truncate(KEPT_WORLDS);
        self.worlds.iter_mut().for_each(|(_, recalled)| recalled.forget());
        self.used = 0;
    }

    /// The world after `tick`, if the simulation still keeps it.
    pub(super) fn at<'a, G: Game>(
        &'a mut self,
        simulation: &'a Simulation<G>,
        tick: Tick,
        counters: &mut Counters,
    ) -> Option<&'a Snapshot> {
        let (schema, history) = (simulation.schema(), simulation.history());
        if !history.is_packed(tick) {
            return history.at(schema, tick, &mut self.unpacked);
        }
        let known = self.worlds[..self.used].iter().position(|(known, _)| *known == tick);
        let index = known.unwrap_or_else(|| {
            if self.worlds.len() == self.used {
                self.worlds.push((tick, Recalled::default()));
            }
            self.worlds[self.used].0 = tick;
            self.used += 1;
            counters.unpacked_worlds += 1;
            self.used - 1
        });
        history.at(schema, tick, &mut self.worlds[index].1)
    }
}

//! The search for the first tick at which the world of a lockstep client differs: ticks are played again, a few in each
//! tick of the room.
//!
//! A dispute may reach back for seconds, and to play those ticks at once would take as long as dozens of ordinary ones.
//! A search therefore holds everything that it needs, so that it can go on in a later tick, and says so when it has not
//! come to an end.

use super::autopsy::{Findings, hex, inputs_of};
use super::disputes::Open;
use tickwire::lockstep::{Replay, Start, TickInputs, TickInputsCodec};
use tickwire::state::Schema;
use tickwire::{Game, Tick};

/// The state of a search.
pub(super) enum Progress<G: Game> {
    /// No tick differs, or the room does not keep those ticks any more.
    Nothing,
    /// The search has found the first tick that differs.
    Found(Box<Open>),
    /// The search has to go on in the next tick.
    Searching(Box<Search<G>>),
}

/// The claim of a client about its last ticks: one hash of its full state per tick.
#[derive(Debug)]
pub(super) struct ClaimedHashes {
    /// The tick of the first hash.
    pub(super) first: Tick,
    /// The newest tick that is disputed.
    pub(super) last: Tick,
    pub(super) hashes: Vec<u32>,
}

/// A search that is under way.
pub(super) struct Search<G: Game> {
    claim: ClaimedHashes,
    known_ticks: Vec<TickInputs<G::Input>>,
    replay: Replay<G>,
    /// The state before the last tick that was played: the replay of an autopsy begins there.
    before: Start<G::Input>,
    played: usize,
}

impl<G: Game> Search<G> {
    /// A search that starts from `start`, which is not later than the first claimed hash, and plays `known_ticks`.
    pub(super) fn new(claim: ClaimedHashes, start: &Start<G::Input>, known_ticks: Vec<TickInputs<G::Input>>) -> Self {
        let replay = Replay::new(&start.full_state);
        Self { claim, known_ticks, replay, before: start.clone(), played: 0 }
    }

    /// Goes on with the search for `ticks_max` ticks at the most.
    pub(super) fn advance(
        mut self: Box<Self>,
        codec: &TickInputsCodec<G::Input>,
        schema: &Schema,
        ticks_max: u32,
    ) -> Progress<G> {
        for _ in 0..ticks_max {
            // The start may be older than the first hash: the ticks in between have no claim and are only played. A tick
            // past the last hash ends the search without a difference.
            let now = self.replay.full_state().tick();
            let index = usize::try_from(now.since(self.claim.first)).ok();
            match index.map(|index| self.claim.hashes.get(index)) {
                Some(None) => return Progress::Nothing,
                Some(Some(claimed)) if *claimed != self.replay.hash() => {
                    return Progress::Found(Box::new(self.finish(codec, schema)));
                }
                _ => {}
            }
            if self.play().is_none() {
                return Progress::Nothing;
            }
        }
        Progress::Searching(self)
    }

    /// Plays the next tick; `None` when there is no further one.
    fn play(&mut self) -> Option<()> {
        let tick_inputs = self.known_ticks.get(self.played)?;
        self.before.full_state.copy_from(self.replay.full_state());
        if let Some(last) = self.played.checked_sub(1) {
            self.before.last_inputs = self.known_ticks[last].last_inputs;
        }
        self.replay.play(tick_inputs);
        self.played += 1;
        Some(())
    }

    fn finish(self, codec: &TickInputsCodec<G::Input>, schema: &Schema) -> Open {
        let mut message = Vec::new();
        codec.put_start(schema, &self.before, &mut message);
        if let Some(last) = self.played.checked_sub(1) {
            codec.put(&self.before.last_inputs, &self.known_ticks[last], &mut message);
        }
        let findings = Findings {
            tick: self.replay.full_state().tick(),
            noticed: self.claim.last,
            inputs: inputs_of::<G>(&self.known_ticks[..self.played]),
            replay: hex(&message),
        };
        Open::new(self.replay.full_state().snapshot.clone(), findings)
    }
}

//! Resumed equals gone on: a match that is frozen at any tick and goes on from the bytes of its checkpoint has the same
//! worlds, events and hits as the match that was never stopped, from the recorded causes of each tick.

use tickwire::determinism::Playthrough;
use tickwire::recording::record::{LastActions, RecordCodec};
use tickwire::world::full_state::FullState;
use tickwire::world::simulation::{Checkpoint, ReplayError, Simulation, TickRecord};
use tickwire::{Game, Rng};

/// Matches of each game; in a long run, twice as many times `TICKWIRE_SEEDS`.
const SEEDS: u64 = 10;

/// Ticks that are compared after the freeze.
const TICKS: u32 = 300;

fn seeds() -> u64 {
    let factor = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    if factor > 1 { 2 * factor * SEEDS } else { SEEDS }
}

/// A match between bots and dice, who come and go and see old views, with what a server would write of it.
struct Recorded<G: Game> {
    play: Playthrough<G>,
    codec: RecordCodec<G>,
    last: LastActions<G::Input>,
}

impl<G: Game> Recorded<G> {
    fn new(seed: u64) -> Self {
        Self { play: Playthrough::new(seed, false), codec: RecordCodec::new(), last: LastActions::default() }
    }

    /// Plays a tick and gives its record.
    fn advance(&mut self) -> Vec<u8> {
        self.play.advance();
        let (simulation, turn) = (self.play.simulation(), self.play.turn());
        let record = TickRecord {
            tick: simulation.tick(),
            roster: turn.roster.clone(),
            heard: turn.heard.clone(),
            actions: turn.actions.clone(),
            ..TickRecord::empty()
        };
        let (hash, mut bytes) = (self.full_state().hash(simulation.schema()), Vec::new());
        self.codec.put(&mut self.last, &record, hash, &mut bytes);
        bytes
    }

    fn full_state(&self) -> FullState {
        FullState::of(self.play.simulation().checkpoint())
    }
}

/// Freezes a match at a random tick and goes on in two ways.
fn assert_goes_on<G: Game>(seed: u64) {
    let mut recorded = Recorded::<G>::new(seed);
    let frozen_at = Rng::new(seed ^ 0xf0e1).below(200);
    (0..frozen_at).for_each(|_| _ = recorded.advance());
    let name = G::RULES.name;
    let (mut kept, mut bytes) = (recorded.play.simulation().checkpoint().clone(), Vec::new());
    let schema = recorded.play.simulation().schema().clone();
    kept.encode(&schema, &mut bytes);
    let read = Checkpoint::<G>::decode(&schema, &bytes).expect("a checkpoint that was just written");
    assert!(read.history == kept.history, "{name}, seed {seed}: the recent worlds are others");
    let (mut last, mut last_bytes) = (LastActions::default(), Vec::new());
    recorded.codec.put_last(&recorded.last, &mut last_bytes);
    last.clone_from(&recorded.codec.take_last(&last_bytes).expect("actions that were just written"));
    let (mut gone_on, mut resumed) = (Simulation::resume(kept), Simulation::resume(read));
    let (mut events, mut again) = (Vec::new(), Vec::new());
    for _ in 0..TICKS {
        let bytes = recorded.advance();
        let tick = gone_on.tick().next();
        let causes = recorded.codec.take(&mut last, tick, &bytes).expect("a record that was just written");
        assert!(causes.actions == recorded.play.turn().actions, "{name}, seed {seed}: other actions in tick {tick}");
        assert_eq!(gone_on.play(&causes, &mut events), Ok(()), "{name}, seed {seed}");
        assert_eq!(resumed.play(&causes, &mut again), Ok(()), "{name}, seed {seed}, frozen at {frozen_at}");
        assert!(again == events, "{name}, seed {seed}: other events in tick {tick}");
        let full_state = FullState::of(resumed.checkpoint());
        assert!(full_state == recorded.full_state(), "{name}, seed {seed}: another world after tick {tick}");
    }
    assert!(resumed.checkpoint().history == gone_on.checkpoint().history);
}

macro_rules! go_on {
    ($($game:ty),*) => { $((0..seeds()).for_each(assert_goes_on::<$game>);)* };
}

#[test]
fn a_match_from_the_bytes_of_a_checkpoint_goes_on_as_the_one_that_never_stopped() {
    tickwire_games::for_each_game!(go_on);
}

#[test]
fn a_replay_that_loses_an_action_is_noticed_in_that_tick() {
    type Arena = tickwire_games::Arena;
    let (mut noticed, seed) = (0, 3);
    let mut recorded = Recorded::<Arena>::new(seed);
    let mut replay = Simulation::<Arena>::new(seed, &<Arena as Game>::Options::default());
    let mut last = LastActions::default();
    for _ in 0..600 {
        let bytes = recorded.advance();
        let tick = recorded.play.simulation().tick();
        let causes = recorded.codec.take(&mut last, tick, &bytes).expect("a record that was just written");
        let mut other = causes.clone();
        other.actions.pop();
        let mut without = Simulation::resume(replay.checkpoint().clone());
        noticed += u32::from(matches!(without.play(&other, &mut Vec::new()), Err(ReplayError::FullHash { .. })));
        assert_eq!(replay.play(&causes, &mut Vec::new()), Ok(()));
    }
    assert!(noticed > 500, "{noticed}");
}

#[test]
fn a_checkpoint_is_not_much_larger_than_its_full_state() {
    fn measure<G: Game>() {
        let mut recorded = Recorded::<G>::new(1);
        let (mut all, mut states) = (0, 0);
        for tick in 1..=600 {
            recorded.advance();
            if tick % 30 == 0 {
                let simulation = recorded.play.simulation();
                let (mut bytes, mut full_state) = (Vec::new(), Vec::new());
                simulation.checkpoint().clone().encode(simulation.schema(), &mut bytes);
                recorded.full_state().encode(simulation.schema(), &mut full_state);
                (all, states) = (all + bytes.len(), states + full_state.len());
            }
        }
        assert!(all < 4 * states, "{}: {all} bytes for {states}", G::RULES.name);
    }
    macro_rules! measure {
        ($($game:ty),*) => { $(measure::<$game>();)* };
    }
    tickwire_games::for_each_game!(measure);
}

//! Checkpoints: any bytes, and good ones with a few bytes changed, of a game with old worlds and of one in
//! lockstep. What is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickwire::Game;
use tickwire::determinism::Playthrough;
use tickwire::state::Schema;
use tickwire::world::simulation::Checkpoint;
use tickwire_games::{Arena, Paddles};

static GOOD: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [good::<Arena>(), good::<Paddles>()]);

fn good<G: Game>() -> Vec<u8> {
    let mut play = Playthrough::<G>::new(1, false);
    (0..200).for_each(|_| _ = play.advance());
    let mut bytes = Vec::new();
    play.simulation().checkpoint().clone().encode(play.simulation().schema(), &mut bytes);
    bytes
}

fn try_it<G: Game>(bytes: &[u8]) {
    let schema = Schema::of::<G>();
    if let Ok(mut checkpoint) = Checkpoint::<G>::decode(&schema, bytes) {
        let mut again = Vec::new();
        checkpoint.encode(&schema, &mut again);
        let twice = Checkpoint::<G>::decode(&schema, &again).expect("a checkpoint that was just written");
        assert!(twice.history == checkpoint.history && twice.rng == checkpoint.rng);
    }
}

/// One input of the fuzzer: which good checkpoint is changed where, by which masks, and made-up bytes.
type Input<'a> = (bool, Vec<(u16, u8)>, &'a [u8]);

fuzz_target!(|input: Input<'_>| {
    let (is_lockstep, changes, made_up) = input;
    try_it::<Arena>(made_up);
    try_it::<Paddles>(made_up);
    let mut bytes = GOOD[usize::from(is_lockstep)].clone();
    for (place, mask) in &changes {
        let place = usize::from(*place) % bytes.len();
        bytes[place] ^= mask;
    }
    if is_lockstep { try_it::<Paddles>(&bytes) } else { try_it::<Arena>(&bytes) }
});

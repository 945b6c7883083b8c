//! One hash per tick of a game played by dice: to compare machines, builds and hosts.

use crate::limits::SEATS_MAX;
use crate::snapshot::Snapshot;
use crate::state::Schema;
use crate::{Game, Rng, Seat, Step, Tick};
use alloc::vec::Vec;

/// Plays `ticks` ticks with bots and random inputs and gives the full hash of the world after each.
///
/// With `rollbacks`, the world is set aside every few ticks, played on with other inputs, and put back: what
/// a rollback forgets to restore then shows as a different hash.
#[must_use]
pub fn hashes<G: Game>(seed: u64, ticks: u32, rollbacks: bool) -> Vec<u64> {
    let schema = Schema::of::<G>();
    let mut snapshot = Snapshot::empty(&schema);
    let mut world = G::new(&G::Options::default());
    let (mut rng, mut dice) = (Rng::new(seed), Rng::new(seed ^ 0xd1ce));
    let seats: Vec<Seat> = Seat::first(G::RULES.seats).collect();
    seats.iter().for_each(|seat| world.join(*seat));
    let mut hashes = Vec::new();
    for tick in (1..=ticks).map(Tick) {
        if rollbacks && dice.one_in(5) {
            let (kept_world, kept_rng) = (world.clone(), rng.clone());
            // Dice of its own, so that runs with and without rollbacks agree.
            let mut detour = Rng::new(dice.clone().next_u64());
            for ahead in 0..detour.below(8) {
                play(&mut world, &seats, tick + ahead, &mut rng, &mut detour);
                snapshot.capture(&mut world, tick + ahead);
            }
            (world, rng) = (kept_world, kept_rng);
        } else if !rollbacks {
            dice.one_in(5);
        }
        play(&mut world, &seats, tick, &mut rng, &mut dice);
        snapshot.capture(&mut world, tick);
        hashes.push(snapshot.hash(&schema));
    }
    hashes
}

fn play<G: Game>(world: &mut G, seats: &[Seat], tick: Tick, rng: &mut Rng, dice: &mut Rng) {
    let mut inputs = [None; SEATS_MAX as usize];
    for seat in seats {
        inputs[seat.index()] = Some(world.bot(*seat, dice));
    }
    let mut events = Vec::new();
    world.step(&mut Step::new(tick, &inputs, rng, &mut events));
}

//! One hash per tick of a game played by dice: to compare machines, builds and hosts.

use crate::input::{Action, ViewAge};
use crate::simulation::{RosterChange, Simulation};
use crate::{Game, Rng, Seat};
use alloc::vec::Vec;

/// Plays `ticks` ticks with bots and random inputs and gives the full hash of the world after each.
///
/// With `rollbacks`, the world is set aside every few ticks, played on with other inputs, and put back: what
/// a rollback forgets to restore then shows as a different hash.
#[must_use]
pub fn hashes<G: Game>(seed: u64, ticks: u32, rollbacks: bool) -> Vec<u64> {
    let mut simulation = Simulation::<G>::new(seed, &G::Options::default());
    let mut dice = Rng::new(seed ^ 0xd1ce);
    let seats: Vec<Seat> = Seat::first(G::RULES.seats).collect();
    seats.iter().for_each(|seat| simulation.tell(&[RosterChange::Joined(*seat)]));
    let mut hashes = Vec::new();
    for _ in 0..ticks {
        if rollbacks && dice.one_in(5) {
            let kept = simulation.checkpoint().clone();
            // Dice of its own, so that runs with and without rollbacks agree.
            let mut detour = Rng::new(dice.clone().next_u64());
            for _ in 0..detour.below(8) {
                play(&mut simulation, &seats, &mut detour);
            }
            simulation = Simulation::resume(kept);
        } else if !rollbacks {
            dice.one_in(5);
        }
        play(&mut simulation, &seats, &mut dice);
        hashes.push(simulation.hash());
    }
    hashes
}

/// One tick of bots, whose views are of any age.
fn play<G: Game>(simulation: &mut Simulation<G>, seats: &[Seat], dice: &mut Rng) {
    let act = |seat: &Seat| {
        let input = simulation.world().bot(*seat, dice);
        let [parts, ..] = dice.next_u32().to_le_bytes();
        (*seat, Action { input, age: ViewAge::from_parts(parts) })
    };
    let actions: Vec<(Seat, Action<G::Input>)> = seats.iter().map(act).collect();
    simulation.step(&actions, &mut Vec::new());
}

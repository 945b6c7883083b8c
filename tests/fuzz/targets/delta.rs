//! Sections on a client: any bytes, and good sections with a few bytes changed, with any priors, over baselines of any
//! age, of a game whose rows stay and of a game whose rows move. An error leaves the replica as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickwire::replication::{Encoder, Replica};
use tickwire::state::Schema;
use tickwire::world::bot_match::BotMatch;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Game, Rng, Tick};
use tickwire_games::{Arena, Crowd};

/// The greatest age of a baseline in this target, in ticks.
const AGE_MAX: usize = 15;

/// The end of a match among bots, with the keyframes and deltas that lead there.
struct Played {
    schema: Schema,
    priors: Vec<u8>,
    last: Tick,
    /// By the age of the baseline, from 1 on: the baseline's tick, its keyframe, and the delta from it. Both are coded
    /// with priors.
    steps: Vec<(Tick, Vec<u8>, Vec<u8>)>,
}

static PLAYED: [LazyLock<Played>; 2] = [LazyLock::new(Played::of::<Arena>), LazyLock::new(Played::of::<Crowd>)];

impl Played {
    fn of<G: Game>() -> Self {
        let mut bots = BotMatch::<G>::new(&Default::default(), 8, Rng::new(1), Rng::new(2));
        let mut snapshots = Vec::new();
        for _ in 0..200 {
            bots.step();
            snapshots.push(bots.newest().clone());
        }
        let (schema, seats) = (bots.schema().clone(), bots.seats());
        let (mut encoder, mut priors) = (Encoder::new(&schema), Vec::new());
        for pair in snapshots[100..].windows(2) {
            encoder.learn(&schema, Topic::Room, &pair[0], &pair[1]);
            encoder.learn(&schema, Topic::Seat(seats[0]), &pair[0], &pair[1]);
        }
        assert!(encoder.train(10_000), "a hundred ticks teach something");
        encoder.put_priors(&mut priors);
        let mut encode = |base: Option<&Snapshot>, now: &Snapshot| {
            let mut bytes = Vec::new();
            encoder.encode(&schema, Topic::Room, base, now, !schema.has_private, &mut bytes);
            if schema.has_private {
                encoder.encode(&schema, Topic::Seat(seats[0]), base, now, true, &mut bytes);
            }
            bytes
        };
        let [past @ .., now] = &snapshots[..] else { unreachable!("200 ticks were played") };
        let bases = past.iter().rev().take(AGE_MAX);
        let steps = bases.map(|base| (base.tick, encode(None, base), encode(Some(base), now))).collect();
        Self { priors, last: now.tick, steps, schema }
    }

    fn try_it(&self, replica: &mut Replica, tick: Tick, bytes: &[u8]) {
        let before = replica.world().clone();
        if replica.apply(&self.schema, tick, bytes).is_err() {
            assert_eq!(replica.world(), &before);
        }
    }
}

/// One input of the fuzzer: the game, the age of the baseline, the changes, whether they change the priors, and made-up
/// bytes.
type Input<'a> = (bool, u8, Vec<(u16, u8)>, bool, &'a [u8]);

fuzz_target!(|input: Input<'_>| {
    let (moves, age, changes, of_priors, made_up) = input;
    let played = &*PLAYED[usize::from(moves)];
    let (base, keyframe, delta) = &played.steps[usize::from(age) % AGE_MAX];
    let change = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        for (at, mask) in &changes {
            let at = usize::from(*at) % bytes.len();
            bytes[at] ^= mask;
        }
        bytes
    };
    let mut replica = Replica::empty(&played.schema);
    // Made-up priors make other bytes decodable than good priors do, so the decoder is tried with both.
    let _ = replica.set_priors(made_up);
    played.try_it(&mut replica, Tick(1), made_up);
    played.try_it(&mut replica, Tick(2), delta);
    replica = Replica::empty(&played.schema);
    replica.set_priors(&played.priors).expect("good priors");
    replica.apply(&played.schema, *base, keyframe).expect("a good keyframe");
    if of_priors {
        let _ = replica.set_priors(&change(&played.priors));
    }
    played.try_it(&mut replica, played.last, &if of_priors { delta.clone() } else { change(delta) });
    played.try_it(&mut replica, played.last + 1 + u32::from(age), made_up);
});

//! Sections on a client: any bytes, and good ones with a few bytes changed; an error leaves the mirror as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickwire::past::{Past, Rewound};
use tickwire::section::{Encoder, Mirror};
use tickwire::snapshot::{Snapshot, Topic};
use tickwire::state::Schema;
use tickwire::{Game, Rng, Seat, Step, Tick};
use tickwire_games::Arena;

struct Played {
    schema: Schema,
    keyframe: (Tick, Vec<u8>),
    delta: (Tick, Vec<u8>),
}

/// Two ticks of a match among bots.
static PLAYED: LazyLock<Played> = LazyLock::new(|| {
    let schema = Schema::of::<Arena>();
    let (mut world, mut rng, mut dice) = (Arena::new(&Default::default()), Rng::new(1), Rng::new(2));
    let seats: Vec<Seat> = Seat::first(8).collect();
    seats.iter().for_each(|seat| world.join(*seat));
    let mut rewound = Rewound::default();
    let mut snapshots = vec![Snapshot::empty(&schema)];
    for tick in (1..=200).map(Tick) {
        let mut inputs = [None; 64];
        seats.iter().for_each(|seat| inputs[seat.index()] = Some(world.bot(*seat, &mut dice)));
        let past = Past::present(&schema, &snapshots[snapshots.len() - 1], &mut rewound);
        world.step(&mut Step::new(tick, &inputs, &mut rng, &mut Vec::new()).with_past(past));
        let mut snapshot = Snapshot::empty(&schema);
        snapshot.capture(&mut world, tick);
        snapshots.push(snapshot);
    }
    let [.., base, now] = &snapshots[..] else { unreachable!("200 ticks were played") };
    let encode = |base: Option<&Snapshot>, now: &Snapshot| {
        let mut bytes = Vec::new();
        Encoder::new(&schema).encode(&schema, Topic::Room, base, now, true, &mut bytes);
        (now.tick, bytes)
    };
    let (keyframe, delta) = (encode(None, base), encode(Some(base), now));
    Played { schema, keyframe, delta }
});

fn try_it(mirror: &mut Mirror, tick: Tick, bytes: &[u8]) {
    let before = mirror.world().clone();
    if mirror.apply(&PLAYED.schema, tick, bytes).is_err() {
        assert_eq!(mirror.world(), &before);
    }
}

fuzz_target!(|input: (Vec<(u16, u8)>, &[u8])| {
    let (changes, made_up) = input;
    let Played { schema, keyframe, delta } = &*PLAYED;
    let mut mirror = Mirror::empty(schema);
    try_it(&mut mirror, Tick(1), made_up);
    mirror = Mirror::empty(schema);
    mirror.apply(schema, keyframe.0, &keyframe.1).expect("a good keyframe");
    let mut damaged = delta.1.clone();
    for (at, mask) in changes {
        let at = usize::from(at) % damaged.len();
        damaged[at] ^= mask;
    }
    try_it(&mut mirror, delta.0, &damaged);
    try_it(&mut mirror, delta.0 + 1, made_up);
});

//! The cost of a tick of swarm in each machine that plays it: the step alone, and with rounding to the wire and hash.
//!
//! The measurement is in the midst of a round, with all armies fighting; in lockstep a client pays this cost once per
//! tick and again for each tick that it takes back.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tickwire::state::Schema;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Rng, Seat, Step, Tick};
use tickwire_games::Swarm;
use tickwire_games::swarm::Options;

/// Ticks before the measurement: by then armies have met and fight for the wells.
const WARM_UP_TICKS: u32 = 600;

/// A swarm that goes on from one measurement to the next.
struct Round {
    world: Swarm,
    snapshot: Snapshot,
    schema: Schema,
    rng: Rng,
    dice: Rng,
}

/// The time that the pieces of a tick took.
#[derive(Default)]
struct Spent {
    step: Duration,
    capture: Duration,
    hash: Duration,
}

impl Round {
    fn new(units: u16) -> Self {
        let schema = Schema::of::<Swarm>();
        let mut world = Swarm::new(&Options { units });
        Seat::first(4).for_each(|seat| world.join(seat));
        let (rng, dice) = (Rng::new(1), Rng::new(2));
        let mut round = Self { world, snapshot: Snapshot::empty(&schema), schema, rng, dice };
        for _ in 0..WARM_UP_TICKS {
            round.tick();
        }
        round
    }

    fn tick(&mut self) -> Spent {
        let mut inputs = [None; Swarm::RULES.seats as usize];
        for seat in Seat::first(4) {
            inputs[seat.index()] = Some(self.world.bot(seat, &mut self.dice));
        }
        let tick = Tick(self.snapshot.tick.0 + 1);
        let mut events = Vec::new();
        let start = Instant::now();
        self.world.step(&mut Step::new(tick, &inputs, &mut self.rng, &mut events));
        let stepped = Instant::now();
        self.snapshot.capture(&mut self.world, tick);
        let captured = Instant::now();
        black_box(self.snapshot.hash(&self.schema));
        Spent { step: stepped - start, capture: captured - stepped, hash: captured.elapsed() }
    }
}

fn ticks(criterion: &mut Criterion) {
    for units in [500, 2_000, 4_000] {
        let mut round = Round::new(units);
        let mut measure = |name: &str, piece: fn(&Spent) -> Duration| {
            criterion.bench_function(&format!("swarm/{units} {name}"), |bencher| {
                bencher.iter_custom(|ticks| (0..ticks).map(|_| piece(&round.tick())).sum());
            });
        };
        measure("step", |spent| spent.step);
        measure("capture", |spent| spent.capture);
        measure("hash", |spent| spent.hash);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1_000))
}

criterion_group! {
    name = benches;
    config = short();
    targets = ticks
}
criterion_main!(benches);

//! The cost of a delta, over many rooms: one room's data alone would train the branch predictor and look twice too
//! fast.
//!
//! `cargo bench -p tickwire-bench --bench codec`. Each iteration is the next tick of one room, of 300 rooms in turn;
//! the priors are those that rooms publish after their first seconds. The plan is the game's: rooms share it.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickwire::replication::{Encoder, Plan, Replica};
use tickwire::state::Schema;
use tickwire::world::bot_match::BotMatch;
use tickwire::world::snapshot::Topic;
use tickwire::{Game, Rng};
use tickwire_games::Crowd;

/// Rooms, each with its own seed.
const ROOMS: u64 = 300;

/// Ticks before the measurement, and the interval of the ticks that the encoder learns from.
const WARM_UP_TICKS: u32 = 130;
const SAMPLE_TICKS: u32 = 8;

/// One room's encoder, and the replica of one member.
struct Pair<G: Game> {
    bots: BotMatch<G>,
    encoder: Encoder,
    replica: Replica,
    bytes: Vec<u8>,
}

/// The time that the two halves of one tick took.
struct Turn {
    encode: Duration,
    apply: Duration,
}

impl<G: Game> Pair<G> {
    fn new(schema: &Schema, plan: &Arc<Plan>, options: &G::Options, seed: u64) -> Self {
        let bots = BotMatch::new(options, G::RULES.seats, Rng::new(seed), Rng::new(!seed));
        let encoder = Encoder::with_plan(schema, Arc::clone(plan));
        let replica = Replica::with_plan(schema, Arc::clone(plan));
        let mut pair = Self { bots, encoder, replica, bytes: Vec::new() };
        pair.bots.step();
        pair.bytes.clear();
        pair.encoder.encode(schema, Topic::Room, None, pair.bots.newest(), true, &mut pair.bytes);
        pair.replica.apply(schema, pair.bots.newest().tick, &pair.bytes).expect("a keyframe");
        for tick in 0..WARM_UP_TICKS {
            pair.turn(schema);
            if tick % SAMPLE_TICKS == 0 {
                pair.encoder.learn(schema, Topic::Room, pair.bots.before(), pair.bots.newest());
            }
        }
        if pair.encoder.train(30 * G::RULES.tick_rate_hz) {
            let mut priors = Vec::new();
            pair.encoder.put_priors(&mut priors);
            pair.replica.set_priors(&priors).expect("priors");
        }
        pair
    }

    fn turn(&mut self, schema: &Schema) -> Turn {
        self.bots.step();
        self.bytes.clear();
        let start = Instant::now();
        black_box(self.encoder.encode(
            schema,
            Topic::Room,
            Some(self.bots.before()),
            self.bots.newest(),
            true,
            &mut self.bytes,
        ));
        let encode = start.elapsed();
        let start = Instant::now();
        black_box(self.replica.apply(schema, self.bots.newest().tick, &self.bytes).expect("a delta"));
        Turn { encode, apply: start.elapsed() }
    }
}

fn measure<G: Game>(criterion: &mut Criterion, label: &str, options: &G::Options) {
    let schema = Schema::of::<G>();
    let plan = Arc::new(Plan::of(&schema));
    let mut pairs: Vec<Pair<G>> = (0..ROOMS).map(|seed| Pair::new(&schema, &plan, options, seed)).collect();
    piece(criterion, &format!("{label} encode"), &schema, &mut pairs, |turn| turn.encode);
    piece(criterion, &format!("{label} apply"), &schema, &mut pairs, |turn| turn.apply);
}

fn piece<G: Game>(
    criterion: &mut Criterion,
    label: &str,
    schema: &Schema,
    pairs: &mut [Pair<G>],
    duration: fn(&Turn) -> Duration,
) {
    criterion.bench_function(label, |bencher| {
        bencher.iter_custom(|turns| {
            let turns = usize::try_from(turns).expect("a few thousand");
            let rooms = (0..pairs.len()).cycle().take(turns);
            rooms.map(|room| duration(&pairs[room].turn(schema))).sum()
        });
    });
}

fn codec(criterion: &mut Criterion) {
    for motion in ["steady", "erratic", "still"] {
        let options = serde_json::from_value(serde_json::json!({ "motion": motion })).expect("crowd's options");
        measure::<Crowd>(criterion, &format!("crowd/8+100 {motion}"), &options);
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1_500))
}

criterion_group! {
    name = benches;
    config = short();
    targets = codec
}
criterion_main!(benches);

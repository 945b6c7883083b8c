//! The cost of a message of a topic for each of its subscribers: from the hub, through a lane, to the bytes of a frame.
//!
//! All times are those of one delivery: one message for one subscriber. [`DELIVERY_MAX`] is promised for hub and lanes
//! together where many hear a topic, and the bench fails when even the best sample took longer.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::message::topics::{ClientTopic, PlayerKey};
use tickwire_games::Crowd;
use tickwire_server::room::Origin;
use tickwire_server::topics::policy::Role;
use tickwire_server::topics::{Delivery, GameTopics, Hub, Identity, Lane, Output, player_id};
use tickwire_server::websocket::frame::put_message;

/// Numbers of subscribers that are measured.
const SUBSCRIBERS: [usize; 3] = [1, 100, 2_000];

/// The topic that is measured, and one more that everybody hears, as players hear the chat of their room.
const TOPICS: [&str; 2] = ["announce", "lobby/crowd/chat"];

/// A line of chat of the usual length.
const BODY: &str = "The cup begins in ten minutes: bring a friend, a snack and a good connection.";

/// The time that one delivery may take.
const DELIVERY_MAX: Duration = Duration::from_nanos(300);

/// With fewer subscribers the hub's own work for a message, which is done once, is a large part.
const MANY: usize = 100;

/// Milliseconds between two messages: a busy topic has 50 a second.
const MESSAGE_MS: u64 = 20;

/// The time that one message took.
#[derive(Default)]
struct Spent {
    /// In the hub: policy, id, the messages that are kept.
    hub: Duration,
    /// Into all lanes.
    push: Duration,
    /// Out of all lanes, into bytes with the heads of frames.
    write: Duration,
}

impl Spent {
    fn all(&self) -> Duration {
        self.hub + self.push + self.write
    }
}

/// A hub, and the lane of each subscriber.
struct Crowded {
    hub: Hub,
    lanes: Vec<Lane>,
    message: Vec<u8>,
    bytes: Vec<u8>,
    now_ms: u64,
}

impl Crowded {
    fn new(subscribers: usize) -> Self {
        let games = vec![GameTopics { game: Crowd::RULES.name, own: &[] }];
        let mut crowded = Self {
            hub: Hub::new(games, None, 1_000),
            lanes: Vec::new(),
            message: Vec::new(),
            bytes: Vec::new(),
            now_ms: 1_000,
        };
        (0..subscribers).for_each(|number| crowded.enter(number));
        crowded
    }

    fn enter(&mut self, number: usize) {
        let key = PlayerKey((number as u128).to_le_bytes());
        let identity = Identity {
            player: player_id(key),
            may_return: true,
            is_guest: false,
            name: format!("Ada {number}"),
            room: None,
            reads_json: false,
            origin: Origin::EXEMPT,
        };
        let client = self.hub.enter(identity, self.now_ms);
        for topic in TOPICS {
            self.hub.handle(client, ClientTopic::Subscribe { topic: topic.into(), after: None }, self.now_ms);
        }
        let mut lane = Lane::default();
        while let Some(output) = self.hub.poll() {
            if let Output::Client { delivery, .. } = output {
                lane.push(&delivery);
            }
        }
        while lane.poll().is_some() {}
        self.lanes.push(lane);
    }

    /// Publishes one message and takes it to the bytes of every subscriber.
    fn say(&mut self) -> Spent {
        self.now_ms += MESSAGE_MS;
        if self.now_ms.is_multiple_of(1_000) {
            self.hub.advance(self.now_ms);
        }
        let start = Instant::now();
        let said = self.hub.publish(TOPICS[0], Role::Service, "", BODY, self.now_ms);
        let delivery = self.poll_topic();
        let hub = start.elapsed();
        assert!(said.is_ok(), "a service may announce");
        let push = timed(|| self.lanes.iter_mut().for_each(|lane| lane.push(&delivery)));
        let write = timed(|| self.write());
        Spent { hub, push, write }
    }

    fn poll_topic(&mut self) -> Arc<Delivery> {
        match self.hub.poll() {
            Some(Output::Topic { delivery, .. }) => delivery,
            other => unreachable!("a message for all subscribers, not {other:?}"),
        }
    }

    /// Writes the lanes as connections do in a tick, one after the other into the same buffer.
    fn write(&mut self) {
        for lane in &mut self.lanes {
            self.bytes.clear();
            while let Some(item) = lane.poll() {
                self.message.clear();
                item.put(&mut self.message);
                put_message(&mut self.bytes, &self.message);
            }
            assert!(self.bytes.len() > BODY.len(), "every subscriber receives the message");
            black_box(&self.bytes);
        }
    }
}

fn timed(piece: impl FnOnce()) -> Duration {
    let start = Instant::now();
    piece();
    start.elapsed()
}

/// The time of this many deliveries.
fn deliver(crowded: &mut Crowded, deliveries: u64, piece: fn(&Spent) -> Duration) -> Duration {
    let subscribers = crowded.lanes.len() as u64;
    let messages = deliveries.div_ceil(subscribers);
    let spent: Duration = (0..messages).map(|_| piece(&crowded.say())).sum();
    spent.mul_f64(deliveries as f64 / (messages * subscribers) as f64)
}

/// Measures one piece of deliveries, and gives the time of one in the best sample.
fn measure(criterion: &mut Criterion, piece: &str, crowded: &mut Crowded, of: fn(&Spent) -> Duration) -> Duration {
    let (mut best, name) = (Duration::MAX, format!("topics/{} {piece}", crowded.lanes.len()));
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|deliveries| {
            let spent = deliver(crowded, deliveries, of);
            best = best.min(spent.div_f64(deliveries as f64));
            spent
        });
    });
    best
}

fn deliveries(criterion: &mut Criterion) {
    for subscribers in SUBSCRIBERS {
        let mut crowded = Crowded::new(subscribers);
        measure(criterion, "hub", &mut crowded, |spent| spent.hub);
        measure(criterion, "into the lane", &mut crowded, |spent| spent.push);
        measure(criterion, "out of the lane", &mut crowded, |spent| spent.write);
        let best = measure(criterion, "delivery", &mut crowded, Spent::all);
        // A name filter of the command line may have left the measurement out.
        let is_broken = subscribers >= MANY && best != Duration::MAX && best > DELIVERY_MAX;
        assert!(!is_broken, "a delivery to {subscribers} takes {best:?}, not {DELIVERY_MAX:?} at the most");
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
    targets = deliveries
}
criterion_main!(benches);

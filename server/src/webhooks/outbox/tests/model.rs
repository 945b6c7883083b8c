//! The outbox against endpoints that fail in all ways, from seeds.

use super::super::super::event::RoomEvent;
use super::super::{Health, Outbox, OutboxCounts, OutboxSettings, Outcome};
use super::{Place, Posting, place, refused, told};
use std::collections::{BTreeMap, BTreeSet};

/// The longest event that these tests make.
const BYTES: usize = 512;

/// A small generator, apart from that of the outbox.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self((seed * 64 + stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..8).for_each(|_| _ = random.below(2));
        random
    }
}

/// The way in which a model endpoint behaves for a time.
#[derive(Clone, Copy)]
enum Mood {
    Good,
    Status(u16),
    Throttle(u64),
    /// It takes the event, and its answer never arrives.
    TakesInSilence,
    Hangs,
    Refuses,
}

/// An endpoint of the model.
struct Model {
    random: Random,
    moods: Vec<(u64, Mood)>,
    received: BTreeSet<(u64, u64)>,
    /// The last order of each room that was taken, and that was attempted.
    taken: BTreeMap<u64, u64>,
    attempted: BTreeMap<u64, u64>,
    under_way: BTreeSet<u64>,
    twice: u64,
}

/// The time after which all endpoints of the model are good.
const CALM_MS: u64 = 60_000;

impl Model {
    fn new(seed: u64, endpoint: u64) -> Self {
        let (mut random, mut at_ms, mut moods) = (Random::new(seed, endpoint + 1), 0, Vec::new());
        while endpoint > 0 && at_ms < CALM_MS {
            let mood = match random.below(8) {
                0 | 1 => Mood::Good,
                2 => Mood::Status([500, 502, 404, 400, 301][random.below(5) as usize]),
                3 => Mood::Throttle(random.below(20_000)),
                4 => Mood::TakesInSilence,
                5 => Mood::Hangs,
                _ => Mood::Refuses,
            };
            at_ms += 500 + random.below(15_000);
            moods.push((at_ms.min(CALM_MS), mood));
        }
        moods.push((u64::MAX, Mood::Good));
        let (received, taken, attempted) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self { random, moods, received, taken, attempted, under_way: BTreeSet::new(), twice: 0 }
    }

    /// The outcome of an attempt, and the time after which it is known.
    fn attempt(&mut self, (room, order, _): Place, number: u32, now_ms: u64) -> (u64, Outcome) {
        assert!(self.under_way.insert(room), "one request of a room at a time");
        let before = self.attempted.insert(room, order).unwrap_or(0);
        assert!(order > before || order == before && number > 1, "an earlier event never comes after a later one");
        assert!(self.taken.get(&room).is_none_or(|taken| order > *taken), "an event that was taken is not sent again");
        let mood = self.moods.iter().find(|(until_ms, _)| now_ms < *until_ms).unwrap().1;
        let delay_ms = 5 + self.random.below(45);
        if matches!(mood, Mood::Good | Mood::TakesInSilence) {
            self.twice += u64::from(!self.received.insert((room, order)));
        }
        match mood {
            Mood::Good => (delay_ms, Outcome::Taken),
            Mood::Status(status) => (delay_ms, refused(status)),
            Mood::Throttle(ms) => (delay_ms, Outcome::Refused { status: 429, retry_after_ms: Some(ms) }),
            Mood::TakesInSilence | Mood::Hangs => (1_000, Outcome::Failed),
            Mood::Refuses => (1, Outcome::Failed),
        }
    }

    fn answered(&mut self, (room, order, missed): Place, outcome: Outcome) {
        assert!(self.under_way.remove(&room));
        if outcome == Outcome::Taken {
            let before = self.taken.insert(room, order).unwrap_or(0);
            assert_eq!(order, before + missed + 1, "room {room}: all losses are told");
        }
    }
}

fn model_settings() -> OutboxSettings {
    OutboxSettings {
        in_flight_max: 4,
        events_max: 120,
        bytes_max: 100 * BYTES,
        bytes_in_all_max: 150 * BYTES,
        backoff_ms: 100,
        backoff_ms_max: 5_000,
        retry_after_ms_max: 8_000,
        age_ms_max: 40_000,
        failures_max: 6,
        failures_before_pause: 3,
    }
}

/// The attempts at the first endpoint, the counts, the events that were pushed, and those that arrived twice.
struct Played {
    first: Vec<(u64, String, u32)>,
    counts: OutboxCounts,
    pushed: u64,
    arrived: u64,
    twice: u64,
}

/// Plays a script of events against so many endpoints, of which the first one is always good.
fn play(seed: u64, endpoints: u64) -> Played {
    let mut script = Random::new(seed, 0);
    let mut outbox = Outbox::new(endpoints as usize, model_settings(), seed);
    let mut models: Vec<_> = (0..endpoints).map(|endpoint| Model::new(seed, endpoint)).collect();
    let mut orders = vec![(0_u64, 0_u64); 2 + script.below(12) as usize];
    let mut under_way: BTreeMap<(u64, u64), (Posting, Place, Outcome)> = BTreeMap::new();
    let (mut now_ms, mut next_event_ms, mut pushed, mut first, mut attempts) = (0, 0, 0, Vec::new(), 0);
    loop {
        let next = [
            outbox.wake_at_ms(),
            under_way.keys().next().map(|(at_ms, _)| *at_ms),
            (next_event_ms < CALM_MS).then_some(next_event_ms),
        ];
        let Some(at_ms) = next.into_iter().flatten().min() else { break };
        now_ms = now_ms.max(at_ms);
        if next_event_ms < CALM_MS && next_event_ms <= now_ms {
            let room = script.below(orders.len() as u64);
            let (order, missed) = &mut orders[room as usize];
            *order += 1;
            if script.below(30) == 0 {
                *missed += 1;
            } else {
                outbox.push(told(room, *order, std::mem::take(missed), RoomEvent::RoomOpened), now_ms);
                pushed += 1;
            }
            next_event_ms += script.below(400);
        }
        while let Some(entry) = under_way.first_entry().filter(|entry| entry.key().0 <= now_ms) {
            let (delivery, place, outcome) = entry.remove();
            models[delivery.endpoint.0].answered(place, outcome);
            outbox.answered(delivery, outcome, now_ms);
        }
        while let Some(delivery) = outbox.poll(now_ms) {
            let endpoint = delivery.endpoint.0;
            if endpoint == 0 {
                first.push((now_ms, delivery.id.clone(), delivery.attempt));
            }
            let is_paused = outbox.health(delivery.endpoint) != Health::Up;
            let place = place(&delivery);
            let (delay_ms, outcome) = models[endpoint].attempt(place, delivery.attempt, now_ms);
            assert!(models[endpoint].under_way.len() <= if is_paused { 1 } else { 4 });
            attempts += 1;
            under_way.insert((now_ms + delay_ms, attempts), (delivery, place, outcome));
        }
        if attempts % 8 == 0 {
            outbox.endpoints.iter().for_each(|queue| queue.assert_consistent(&outbox.shared));
        }
        assert!(now_ms < 10 * CALM_MS && attempts < 50_000, "seed {seed} comes to no end");
    }
    assert_eq!(outbox.waiting(), 0, "seed {seed}");
    let (arrived, twice) =
        (models.iter().map(|model| model.received.len() as u64).sum(), models.iter().map(|model| model.twice).sum());
    Played { first, counts: outbox.counts(), pushed, arrived, twice }
}

#[test]
fn each_event_arrives_in_order_or_is_counted_whatever_endpoints_do() {
    let (mut retried, mut failed, mut lost, mut twice) = (0, 0, 0, 0);
    for seed in 0..300 {
        let played = play(seed, 4);
        let OutboxCounts { sent, failed: given_up, lost: no_place, .. } = played.counts;
        assert_eq!(sent + given_up + no_place, played.pushed * 4, "seed {seed}: each event is counted once");
        assert!(played.arrived >= sent, "seed {seed}: what counts as sent has arrived");
        assert!(played.arrived <= sent + given_up, "seed {seed}: and what has arrived was sent");
        assert_eq!(played.first.len() as u64, played.pushed, "seed {seed}: a good endpoint receives each event once");
        (retried, failed) = (retried + played.counts.retried, failed + given_up);
        (lost, twice) = (lost + no_place, twice + played.twice);
    }
    assert!(retried > 1_000 && failed > 1_000 && lost > 1_000 && twice > 100, "{retried} {failed} {lost} {twice}");
}

#[test]
fn a_dead_endpoint_delays_no_other_by_a_millisecond() {
    for seed in 0..40 {
        assert_eq!(play(seed, 1).first, play(seed, 4).first, "seed {seed}");
    }
}

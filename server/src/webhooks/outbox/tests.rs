//! The rules of the outbox, one by one.

mod model;

use super::super::event::{Reason, RoomEvent};
use super::*;
use crate::kept::{Change, KeptEvent, KeptState};
use serde_json::Value;
use std::collections::BTreeSet;

const HOUR_MS: u64 = 60 * 60 * 1_000;

fn event(room: u64, order: u64) -> Event {
    told(room, order, 0, RoomEvent::RoomOpened)
}

fn told(room: u64, order: u64, missed: u64, event: RoomEvent) -> Event {
    let (code, game) = (format!("ROOM{room}").into(), "arena".into());
    Event { process: 1, serial: RoomSerial(room), room: code, game, order, missed, at_ms: 0, event }
}

fn closed(room: u64, order: u64) -> Event {
    told(room, order, 0, RoomEvent::RoomClosed { reason: Reason::new("empty") })
}

/// Room, order and missed of a delivery.
type Place = (u64, u64, u64);

fn place(delivery: &Posting) -> Place {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(body["id"], delivery.id.as_str());
    (delivery.room.0, body["order"].as_u64().unwrap(), body["missed"].as_u64().unwrap_or(0))
}

fn polled(outbox: &mut Outbox, now_ms: u64) -> Vec<Posting> {
    std::iter::from_fn(|| outbox.poll(now_ms)).collect()
}

fn places(deliveries: &[Posting]) -> Vec<Place> {
    deliveries.iter().map(place).collect()
}

fn refused(status: u16) -> Outcome {
    Outcome::Refused { status, retry_after_ms: None }
}

/// Lets the outbox send until it has nothing left or `until_ms` has passed; each attempt takes 20 ms. Returns the time,
/// the place and the number of each attempt.
fn run(
    outbox: &mut Outbox,
    mut now_ms: u64,
    until_ms: u64,
    mut answer: impl FnMut(u64, Place) -> Outcome,
) -> Vec<(u64, Place, u32)> {
    let mut attempts = Vec::new();
    while let Some(at_ms) = outbox.wake_at_ms().filter(|at_ms| *at_ms < until_ms) {
        now_ms = now_ms.max(at_ms);
        let under_way = polled(outbox, now_ms);
        attempts.extend(under_way.iter().map(|delivery| (now_ms, place(delivery), delivery.attempt)));
        now_ms += 20;
        for delivery in under_way {
            let outcome = answer(now_ms, place(&delivery));
            outbox.answered(delivery, outcome, now_ms);
        }
        outbox.endpoints[0].assert_consistent(&outbox.shared);
        assert!(attempts.len() < 100_000, "the outbox spins");
    }
    attempts
}

#[test]
fn a_room_waits_for_its_earlier_events_and_other_rooms_do_not() {
    let mut outbox = Outbox::new(1, OutboxSettings { in_flight_max: 3, ..OutboxSettings::default() }, 1);
    for (room, order) in [(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (4, 1)] {
        outbox.push(event(room, order), 0);
    }
    let mut under_way = polled(&mut outbox, 0);
    assert_eq!(places(&under_way), [(1, 1, 0), (2, 1, 0), (3, 1, 0)], "one of each room, and three at a time");
    assert_eq!(outbox.wake_at_ms(), None);
    outbox.answered(under_way.remove(0), refused(500), 10);
    let next = polled(&mut outbox, 10);
    assert_eq!(places(&next), [(4, 1, 0)], "the room that failed waits");
    under_way.into_iter().chain(next).for_each(|delivery| outbox.answered(delivery, Outcome::Taken, 20));
    let at_ms = outbox.wake_at_ms().unwrap();
    assert!((510..=1_010).contains(&at_ms), "{at_ms}");
    assert!(outbox.poll(at_ms - 1).is_none());
    let again = outbox.poll(at_ms).unwrap();
    assert_eq!((place(&again), again.attempt), ((1, 1, 0), 2));
    outbox.answered(again, Outcome::Taken, at_ms);
    assert_eq!(places(&polled(&mut outbox, at_ms)), [(1, 2, 0)]);
    assert_eq!(outbox.counts(), OutboxCounts { sent: 4, retried: 1, failed: 0, lost: 0 });
}

#[test]
fn waits_double_up_to_the_longest_and_are_spread() {
    let mut backoff = Backoff { start_ms: 1_000, ms_max: 300_000, state: 7 };
    for failures in [1, 2, 3, 9, 10, 60, u32::MAX] {
        let full_ms = 1_000_u64.saturating_mul(1 << (failures - 1).min(40)).min(300_000);
        let waits: BTreeSet<_> = (0..200).map(|_| backoff.wait_ms(failures)).collect();
        assert!(waits.first() >= Some(&(full_ms / 2)) && waits.last() <= Some(&full_ms), "{failures}");
        assert!(waits.len() > 100, "{failures}");
    }
}

#[test]
fn an_endpoint_that_is_gone_is_sent_nothing_more_and_not_found_is_tried_again() {
    let mut outbox = Outbox::new(2, OutboxSettings::default(), 1);
    (1..=3).for_each(|room| outbox.push(event(room, 1), 0));
    outbox.push(event(1, 2), 0);
    for delivery in polled(&mut outbox, 0) {
        let status = if delivery.endpoint == EndpointId(0) { 410 } else { 404 };
        outbox.answered(delivery, refused(status), 10);
    }
    assert_eq!((outbox.health(EndpointId(0)), outbox.health(EndpointId(1))), (Health::Gone, Health::Up));
    assert_eq!(outbox.counts(), OutboxCounts { failed: 4, ..OutboxCounts::default() });
    outbox.push(event(4, 1), 20);
    assert_eq!((outbox.counts().lost, outbox.waiting()), (1, 5));
    let later = polled(&mut outbox, 2_000);
    assert!(later.len() == 4 && later.iter().all(|delivery| delivery.endpoint == EndpointId(1)));
    outbox.endpoints.iter().for_each(|queue| queue.assert_consistent(&outbox.shared));
}

#[test]
fn a_wait_that_an_endpoint_asks_for_holds_all_rooms_within_bounds() {
    for (status, asked_ms, expected_ms) in [
        (429, Some(60_000), 60_000..=60_000),
        (503, Some(60_000), 60_000..=60_000),
        (502, Some(60_000), 60_000..=60_000),
        (504, Some(1), 500..=1_000),
        (501, Some(60_000), 0..=0),
        (505, Some(60_000), 0..=0),
        (429, Some(u64::MAX), HOUR_MS..=HOUR_MS),
        (429, Some(0), 500..=1_000),
        (429, None, 500..=1_000),
        (503, None, 0..=0),
        (500, Some(60_000), 0..=0),
    ] {
        let mut outbox = Outbox::new(1, OutboxSettings { in_flight_max: 1, ..OutboxSettings::default() }, 1);
        (1..=2).for_each(|room| outbox.push(event(room, 1), 0));
        let delivery = outbox.poll(0).unwrap();
        outbox.answered(delivery, Outcome::Refused { status, retry_after_ms: asked_ms }, 100);
        let wait_ms = outbox.wake_at_ms().unwrap().max(100) - 100;
        assert!(expected_ms.contains(&wait_ms), "{status} {asked_ms:?}: {wait_ms}");
        assert!(wait_ms == 0 || outbox.poll(99 + wait_ms).is_none());
        assert_eq!(place(&outbox.poll(100 + wait_ms).unwrap()).0, 2, "the room that waits since longer is next");
    }
}

#[test]
fn an_event_at_fault_is_given_up_and_the_next_one_of_its_room_tells_so() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 3);
    (1..=3).for_each(|order| outbox.push(event(1, order), 0));
    // Another room has something to tell every second: the endpoint is known to be up.
    let (mut attempts, mut other) = (Vec::new(), 0);
    for second in 0..3_600 {
        other += 1;
        outbox.push(event(2, other), second * 1_000);
        let answer = |_, (room, order, _)| if (room, order) == (1, 2) { refused(400) } else { Outcome::Taken };
        attempts.extend(run(&mut outbox, second * 1_000, (second + 1) * 1_000, answer));
    }
    let of_one: Vec<_> = attempts.iter().filter(|(_, (room, ..), _)| *room == 1).map(|(_, place, _)| *place).collect();
    let failures_max = outbox.shared.settings.failures_max as usize;
    assert_eq!((of_one[0], of_one[1]), ((1, 1, 0), (1, 2, 0)));
    assert_eq!(of_one.len(), 2 + failures_max, "nothing is sent after giving up but what follows");
    assert_eq!(of_one.last(), Some(&(1, 3, 1)));
    assert_eq!(outbox.counts().failed, 1);
    assert_eq!(outbox.counts().sent, 3_600 + 2);
}

#[test]
fn an_outage_of_twenty_hours_loses_nothing_and_costs_next_to_nothing() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    (0..300).for_each(|step| outbox.push(event(step % 100, step / 100 + 1), step));
    let back_ms = 20 * HOUR_MS;
    let answer = |now_ms, _| if now_ms < back_ms { Outcome::Failed } else { Outcome::Taken };
    let attempts = run(&mut outbox, 300, 21 * HOUR_MS, answer);
    let in_vain = attempts.iter().filter(|(at_ms, ..)| at_ms + 20 < back_ms).count();
    assert!(in_vain < 20 * 12 * 2 + 20, "{in_vain} attempts in vain");
    assert_eq!(outbox.counts(), OutboxCounts { sent: 300, retried: in_vain as u64, failed: 0, lost: 0 });
    let last_ms = attempts.last().unwrap().0;
    assert!(last_ms < back_ms + 10 * 60 * 1_000, "{last_ms}");
    assert_eq!(outbox.health(EndpointId(0)), Health::Up);
}

#[test]
fn a_single_event_outlasts_an_outage_and_a_throttled_one_outlasts_throttling() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    outbox.push(event(1, 1), 0);
    let answer = |now_ms, _| if now_ms < 20 * HOUR_MS { refused(500) } else { Outcome::Taken };
    let attempts = run(&mut outbox, 0, 21 * HOUR_MS, answer);
    assert!(attempts.len() > 240 && attempts.len() < 600, "{} attempts", attempts.len());
    assert_eq!((outbox.counts().sent, outbox.counts().failed), (1, 0));

    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    outbox.push(event(1, 1), 0);
    let (mut throttled, mut other) = (0, 0);
    for second in 0..2 * 3_600 {
        other += 1;
        outbox.push(event(2, other), second * 1_000);
        let answer = |_, (room, ..): Place| if room == 1 { refused(429) } else { Outcome::Taken };
        let attempts = run(&mut outbox, second * 1_000, (second + 1) * 1_000, answer);
        throttled += attempts.iter().filter(|(_, (room, ..), _)| *room == 1).count();
    }
    assert!(throttled > 20, "{throttled}");
    assert_eq!((outbox.counts().failed, outbox.waiting()), (0, 1));
}

#[test]
fn only_failures_in_a_row_pause_an_endpoint() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    for room in 0..100 {
        outbox.push(event(room, 1), room);
        let delivery = outbox.poll(room).unwrap();
        outbox.answered(delivery, if room % 5 == 4 { Outcome::Taken } else { Outcome::Failed }, room);
        assert_eq!(outbox.health(EndpointId(0)), Health::Up, "{room}");
    }
    for room in 100..105 {
        assert_eq!(outbox.health(EndpointId(0)), Health::Up);
        outbox.push(event(room, 1), room);
        let delivery = outbox.poll(room).unwrap();
        outbox.answered(delivery, Outcome::Failed, room);
    }
    assert_eq!(outbox.health(EndpointId(0)), Health::Paused { probes: 0 });
}

#[test]
fn events_that_are_too_old_are_given_up_without_an_attempt() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    (0..50).for_each(|room| outbox.push(event(room, 1), 0));
    (0..50).for_each(|room| outbox.push(event(room, 2), 20 * HOUR_MS));
    let back_ms = 30 * HOUR_MS;
    let answer = |now_ms, _| if now_ms < back_ms { Outcome::Failed } else { Outcome::Taken };
    let attempts = run(&mut outbox, 0, 31 * HOUR_MS, answer);
    let too_late = |(at_ms, (_, order, _), _): &(u64, Place, u32)| *order == 1 && *at_ms > 24 * HOUR_MS;
    assert!(!attempts.iter().any(too_late));
    assert_eq!(outbox.counts().failed, 50);
    assert_eq!(outbox.counts().sent, 50);
    let taken: BTreeSet<_> =
        attempts.iter().filter(|(at_ms, ..)| *at_ms >= back_ms).map(|(_, place, _)| *place).collect();
    assert_eq!(taken, (0..50).map(|room| (room, 2, 1)).collect(), "each tells that the first one is missing");
}

#[test]
fn an_event_at_fault_does_not_keep_an_endpoint_paused() {
    let mut outbox = Outbox::new(1, OutboxSettings::default(), 5);
    outbox.push(event(1, 1), 0);
    let answer = |_, (room, ..): Place| if room == 1 { refused(500) } else { Outcome::Taken };
    run(&mut outbox, 0, 2 * HOUR_MS, answer);
    assert!(matches!(outbox.health(EndpointId(0)), Health::Paused { .. }));
    let now_ms = 2 * HOUR_MS;
    (2..200).for_each(|room| outbox.push(event(room, 1), now_ms));
    let attempts = run(&mut outbox, now_ms, now_ms + 11 * 60 * 1_000, answer);
    let last_ms = attempts.iter().filter(|(_, (room, ..), _)| *room != 1).map(|(at_ms, ..)| *at_ms).max().unwrap();
    assert!(last_ms < now_ms + 5 * 60 * 1_000 + 1_000, "the next probe is another room: {}", last_ms - now_ms);
    assert_eq!(outbox.counts().sent, 198);
}

#[test]
fn a_room_that_floods_loses_its_own_events_and_its_last_one_tells_so() {
    let mut outbox = Outbox::new(1, OutboxSettings { events_max: 20, ..OutboxSettings::default() }, 5);
    (1..=2).for_each(|order| (2..=5).for_each(|room| outbox.push(event(room, order), 0)));
    (1..=100).for_each(|order| outbox.push(event(1, order), 0));
    outbox.push(closed(1, 101), 0);
    // A quiet room finds its place at the cost of the one that floods, and the closing is still told.
    outbox.push(event(6, 1), 0);
    assert_eq!((outbox.waiting(), outbox.counts().lost), (20, 101 + 9 - 20));
    let attempts = run(&mut outbox, 0, HOUR_MS, |_, _| Outcome::Taken);
    let of = |room| {
        attempts.iter().filter(move |(_, place, _)| place.0 == room).map(|(_, (_, order, missed), _)| (*order, *missed))
    };
    (2..=5).for_each(|room| assert!(of(room).eq([(1, 0), (2, 0)])));
    assert!(of(6).eq([(1, 0)]));
    assert!(of(1).eq((1..=10).map(|order| (order, 0)).chain([(101, 90)])));
}

#[test]
fn an_event_under_way_is_never_replaced_and_a_loss_without_successor_is_told_later() {
    let mut outbox = Outbox::new(1, OutboxSettings { events_max: 1, ..OutboxSettings::default() }, 5);
    outbox.push(event(1, 1), 0);
    let first = outbox.poll(0).unwrap();
    (2..=5).for_each(|order| outbox.push(event(1, order), 0));
    outbox.answered(first, refused(500), 10);
    let again = outbox.poll(2_000).unwrap();
    assert_eq!((place(&again), again.attempt), ((1, 1, 0), 2));
    outbox.answered(again, Outcome::Taken, 2_000);
    assert_eq!((outbox.waiting(), outbox.counts().lost), (0, 4));
    outbox.push(event(1, 6), 3_000);
    assert_eq!(place(&outbox.poll(3_000).unwrap()), (1, 6, 4));
    outbox.endpoints[0].assert_consistent(&outbox.shared);
}

#[test]
fn a_new_room_takes_no_place_from_rooms_that_have_as_few_events() {
    let mut outbox = Outbox::new(1, OutboxSettings { events_max: 3, ..OutboxSettings::default() }, 5);
    [1, 7, 9, 5, 8].into_iter().for_each(|room| outbox.push(event(room, 1), 0));
    outbox.push(closed(8, 2), 0);
    assert_eq!(places(&polled(&mut outbox, 0)), [(1, 1, 0), (7, 1, 0), (9, 1, 0)]);
    assert_eq!(outbox.counts().lost, 3);
    let untold: Vec<_> = outbox.endpoints[0].untold().collect();
    assert_eq!(untold, [(RoomSerial(5), 1)], "a room that has closed has nothing to tell any more");
}

#[test]
fn losses_of_rooms_that_never_close_are_forgotten_in_the_end() {
    let mut outbox = Outbox::new(1, OutboxSettings { events_max: 1, ..OutboxSettings::default() }, 5);
    outbox.push(event(0, 1), 0);
    for room in 1..100 {
        outbox.push(event(room, 1), 0);
        outbox.endpoints[0].assert_consistent(&outbox.shared);
    }
    assert_eq!((outbox.waiting(), outbox.counts().lost), (1, 99));
}

#[test]
fn what_is_kept_of_an_outbox_is_what_waits_in_it() {
    for seed in 0..200 {
        let (events_max, bytes_in_all_max) = (6, if seed % 2 == 0 { 9 * 512 } else { usize::MAX });
        let bounds = OutboxSettings { events_max, bytes_in_all_max, ..OutboxSettings::default() };
        let settings = OutboxSettings { failures_max: 2, in_flight_max: 3, ..bounds };
        let (mut outbox, mut kept) = (Outbox::new(2, settings, seed), KeptState::default());
        outbox.note_changes();
        let mut dice = Backoff { start_ms: 0, ms_max: 0, state: seed };
        let (mut orders, mut under_way, mut now_ms) = ([0; 3], Vec::new(), 0);
        for _ in 0..300 {
            now_ms += dice.random() % 3_000;
            match dice.random() % 4 {
                0 | 1 => {
                    let room = dice.random() % 3;
                    orders[room as usize] += 1;
                    let event = event(room, orders[room as usize]);
                    kept.apply(Change::Event(event.kept(&[0, 1])));
                    outbox.push(event, now_ms);
                }
                2 => under_way.extend(outbox.poll(now_ms)),
                _ => {
                    let outcome = match dice.random() % 8 {
                        0 if seed % 8 == 0 => refused(410),
                        0..4 => Outcome::Failed,
                        _ => Outcome::Taken,
                    };
                    under_way.pop().into_iter().for_each(|posting| outbox.answered(posting, outcome, now_ms));
                }
            }
            for OutboxChange { endpoint, event, missed } in outbox.take_changes() {
                let endpoint = endpoint.0 as u64;
                kept.apply(match missed {
                    Some(missed) => Change::Missed { event, endpoint, missed },
                    None => Change::Done { event, endpoint },
                });
            }
            for (index, queue) in outbox.endpoints.iter().enumerate() {
                let of_endpoint = |event: &KeptEvent| Some((event.key, *event.waiting.get(&(index as u64))?));
                let expected: BTreeSet<_> = queue.waiting().collect();
                assert_eq!(kept.outbox.events().filter_map(of_endpoint).collect::<BTreeSet<_>>(), expected, "{seed}");
            }
        }
    }
}

#[test]
fn all_endpoints_together_are_bounded_and_the_one_that_takes_nothing_loses_its_oldest() {
    let settings = OutboxSettings { bytes_in_all_max: 6 * 512, in_flight_max: 1, ..OutboxSettings::default() };
    let mut outbox = Outbox::new(2, settings, 1);
    // The second endpoint takes all events, and the first one none.
    for order in 1..=20 {
        outbox.push(event(order % 4, order.div_ceil(4)), order);
        while let Some(posting) = outbox.poll(order) {
            let outcome = if posting.endpoint == EndpointId(1) { Outcome::Taken } else { refused(500) };
            outbox.answered(posting, outcome, order);
        }
        outbox.endpoints.iter().for_each(|queue| queue.assert_consistent(&outbox.shared));
        assert!(outbox.endpoints.iter().map(EndpointQueue::bytes).sum::<usize>() <= 6 * 512);
    }
    assert_eq!((outbox.counts().sent, outbox.endpoints[1].len()), (20, 0));
    let left: Vec<_> = outbox.endpoints[0].waiting().map(|(key, missed)| (key.room, key.order, missed)).collect();
    let OutboxCounts { failed, lost, .. } = outbox.counts();
    assert_eq!((failed + lost) as usize + left.len(), 20);
    // The newest events are left, and the first one of each room tells what is missing before it.
    assert_eq!(left, [(0, 4, 3), (0, 5, 0), (1, 5, 4), (2, 5, 4), (3, 5, 4)]);
}

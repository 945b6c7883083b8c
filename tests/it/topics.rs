//! Topics: the real hub and lanes with the real clients, over connections that break, readers that are slow or dead, and
//! servers that start again.

mod over_the_wire;
mod permissions;
mod world;

use world::{Client, World};

/// Seeds of the storms in a normal run; `TOPIC_SEEDS` sets another number.
const SEEDS: u64 = 40;

fn seeds() -> u64 {
    std::env::var("TOPIC_SEEDS").ok().map_or(SEEDS, |count| count.parse().unwrap())
}

#[test]
fn ids_come_in_order_and_once_and_gaps_are_said_in_reconnect_storms() {
    let (mut messages, mut gaps, mut reconnects) = (0, 0, 0);
    for seed in 0..seeds() {
        let mut world = World::new(seed, 5);
        world.storm(1_200, 0);
        world.settle();
        world.check();
        messages += world.clients.iter().map(Client::heard).sum::<usize>();
        gaps += world.clients.iter().map(|client| client.gaps.len()).sum::<usize>();
        reconnects += world.reconnects;
    }
    assert!(messages > 1_000 && gaps > 10 && reconnects > 500, "{messages} {gaps} {reconnects}");
}

#[test]
fn a_server_that_starts_again_goes_on_with_greater_ids_and_says_the_gap() {
    let mut restarts = 0;
    for seed in 0..seeds() {
        let mut world = World::new(1_000_000 + seed, 4);
        world.storm(1_200, 300);
        world.settle();
        world.check();
        restarts += world.restarts;
    }
    assert!(restarts >= 2 * seeds(), "{restarts}");
}

//! The options of rooms over the real server: a game refuses what it cannot have before anything is made.

use crate::socket::{api, create_room_with};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tickwire::{Game, Leave, OptionsError, Rules, Seat, State, Step};
use tickwire_games::{Arena, Crowd, Paddles, Swarm, Tumble};
use tickwire_server::{Config, Running, Server};

/// A game that is picky about its options, and whose world must never be made of bad ones.
#[derive(State, Clone, Default)]
struct Picky {
    size: u32,
}

#[derive(Serialize, Deserialize, Clone, Default)]
struct Size {
    size: u32,
}

impl Game for Picky {
    type Input = ();
    type Event = ();
    type Options = Size;
    const RULES: Rules = Rules::new("picky", 10);
    fn check(options: &Size) -> Result<(), OptionsError> {
        assert!(options.size != 13, "planted: a fault of the game in its check");
        OptionsError::unless("size", options.size, 0..=9)
    }
    fn new(options: &Size) -> Self {
        Self { size: options.size }
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, _: &mut Step<'_, Self>) {}
}

fn start(benchmark_games: bool) -> (Running, SocketAddr) {
    let server = Server::new(Config { benchmark_games, ..Config::on_free_ports() });
    let server = server.game::<Paddles>().game::<Arena>().game::<Swarm>().game::<Picky>();
    let running = server.benchmark_game::<Crowd>().benchmark_game::<Tumble>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn wish(address: SocketAddr, game: &str, options: Value) -> (u16, Value) {
    api(address, "POST", "/api/rooms", &json!({ "game": game, "options": options }).to_string())
}

#[test]
fn options_out_of_a_games_bounds_are_refused_with_the_bounds() {
    let (_running, address) = start(true);
    for (game, options, expected) in [
        ("tumble", json!({ "bodies": 4_001 }), "bodies has to be 0 to 4000, not 4001"),
        ("tumble", json!({ "bodies": 65_535 }), "bodies has to be 0 to 4000, not 65535"),
        ("crowd", json!({ "entities": 10_001 }), "entities has to be 0 to 10000, not 10001"),
        ("swarm", json!({ "units": 4_001 }), "units has to be 500 to 4000, not 4001"),
        ("swarm", json!({ "units": 1 }), "units has to be 500 to 4000, not 1"),
        ("arena", json!({ "players": 65 }), "players has to be 2 to 64, not 65"),
        ("arena", json!({ "entities": 1_001 }), "entities has to be 12 to 1000, not 1001"),
        ("arena", json!({ "entities": 70_000 }), "options of arena"),
        ("picky", json!({ "size": 10 }), "size has to be 0 to 9, not 10"),
        ("picky", json!({ "size": 13 }), "could not judge"),
        ("picky", json!("small"), "options of picky"),
    ] {
        let (status, refused) = wish(address, game, options);
        assert_eq!(status, 400, "{refused}");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(expected)), "{refused}");
    }
    for (game, options) in [
        ("tumble", json!({ "bodies": 0 })),
        ("crowd", json!({ "entities": 0 })),
        ("swarm", json!({ "units": 4_000 })),
        ("arena", json!({ "players": 64, "teams": 4, "entities": 1_000, "goal": 1_000, "seconds": 3_600 })),
        ("picky", json!({ "size": 9 })),
        ("paddles", Value::Null),
    ] {
        create_room_with(address, game, &options);
    }
}

#[test]
fn benchmark_games_are_offered_on_request_alone_and_the_refusal_names_the_setting() {
    let (_running, address) = start(false);
    for (method, game) in [("rooms", "crowd"), ("rooms", "tumble"), ("match", "crowd"), ("match", "tumble")] {
        let (status, refused) = api(address, "POST", &format!("/api/{method}"), &json!({ "game": game }).to_string());
        assert_eq!(status, 404, "{refused}");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("--benchmark-games")), "{refused}");
    }
    let (status, refused) = wish(address, "chess", Value::Null);
    assert_eq!(status, 404);
    let says = "this server has no game chess; it has paddles, arena, swarm, picky: ";
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.starts_with(says)), "{refused}");
}

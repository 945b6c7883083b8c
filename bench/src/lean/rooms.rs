//! Rooms of `crowd` full of lean clients, on our own server.

use super::{Load, Talk, Thin};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;
use tickwire::Game;
use tickwire::message::SUBPROTOCOL;
use tickwire_games::Crowd;
use tickwire_tools::http::{post_json, upgrade};
use tickwire_tools::topic_ear::TopicEar;
use tickwire_tools::wire::Trust;

/// Players in every room.
pub const SEATS: u32 = Crowd::RULES.seats as u32;

/// Time that is played after each room that is filled, so that its clients do not wait for all others.
pub const JOIN_GAP_NS: u64 = 2_000_000;

/// The motion in a room besides that of its players.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// How the entities move: `steady`, `erratic` or `still`.
    pub motion: String,
    /// Entities per room.
    pub entities: u32,
}

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

/// Fills new rooms with this many clients, under TLS where `trust` names authorities to trust; the last room may stay
/// half empty. Clients that are already in play on.
///
/// # Errors
/// When the server refuses a room or a connection, or takes too long.
pub fn join(
    load: &mut Load,
    address: SocketAddr,
    trust: Option<&Trust>,
    scene: &Scene,
    clients: u32,
    seed: u64,
) -> Result<()> {
    let kind = Rc::default();
    let mut code = String::new();
    for number in 0..clients {
        if number % SEATS == 0 {
            load.play(JOIN_GAP_NS);
            code = create_room(address, trust, scene)?;
        }
        let thin = Thin::new(Rc::clone(&kind), &code, seed_of(seed, number));
        load.add(upgrade(address, trust, "/ws", Some(SUBPROTOCOL))?, Talk::Tickwire(Box::new(thin)))?;
    }
    Ok(())
}

/// Lets so many clients hear a topic without being in a room. Clients that are already in play on.
///
/// # Errors
/// When the server refuses a connection, or takes too long.
pub fn visit(load: &mut Load, address: SocketAddr, visitors: u32, topic: &str) -> Result<()> {
    for number in 0..visitors {
        if number % SEATS == 0 {
            load.play(JOIN_GAP_NS);
        }
        load.add(upgrade(address, None, "/ws", Some(SUBPROTOCOL))?, Talk::Visitor(Box::new(TopicEar::new(topic))))?;
    }
    Ok(())
}

/// The seed for the dice of a client: on every server the client with this number has the same.
#[must_use]
pub const fn seed_of(seed: u64, number: u32) -> u64 {
    (seed << 32) + number as u64
}

/// Creates a room as the page creates it, and gives its code.
fn create_room(address: SocketAddr, trust: Option<&Trust>, scene: &Scene) -> Result<String> {
    let options = json!({ "entities": scene.entities, "motion": scene.motion });
    let wish = json!({ "game": Crowd::RULES.name, "options": options });
    let answer = post_json(address, trust, "/api/rooms", &wish.to_string())?;
    let created: Created = serde_json::from_str(&answer).with_context(|| format!("{answer} names no room"))?;
    Ok(created.code)
}

//! Rooms for the matches that queues have made, and the seats in them.

use super::Net;
use super::new_rooms::open;
use crate::lobby::{Code, Door, RoomId, Wanted};
use crate::mailbox::{MatchOrder, TopicsOrder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;
use tickwire::message::topics::PlayerId;
use tickwire::{QueueRules, Seat};
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_local;

/// Carries out orders until nobody can give any.
pub(super) async fn serve(net: Rc<Net>, mut orders: Receiver<MatchOrder>) {
    while let Some(order) = orders.recv().await {
        match order {
            MatchOrder::Make { id, game, rules, seats, with_bots } => {
                let net = Rc::clone(&net);
                drop(spawn_local(async move {
                    let room = make(&net, game, &rules, &seats, with_bots).await;
                    net.setup.topics.order(TopicsOrder::MatchMade { id, room });
                }));
            }
            MatchOrder::Invite { code, seats } => {
                let room = net.directory.borrow_mut().give_seats(code, &seats);
                net.setup.topics.order(TopicsOrder::SeatsGiven { room, seats });
            }
        }
    }
}

async fn make(
    net: &Net,
    game: usize,
    rules: &QueueRules,
    seats: &BTreeMap<Seat, PlayerId>,
    with_bots: bool,
) -> Option<(RoomId, Code)> {
    let offered = &net.setup.games[game];
    // The rules were looked at when the server began.
    let options = if rules.options.is_empty() { Value::Null } else { serde_json::from_str(rules.options).ok()? };
    let bots = if with_bots { rules.seats } else { 0 };
    let wanted = Wanted { game, seats: rules.seats, public: false, quick_match: false, door: Door::Match };
    let code = match open(net, offered, wanted, options, bots, seats).await {
        Ok(code) => code,
        Err(refusal) => {
            tracing::warn!(?refusal, game = offered.rules.name, queue = rules.name, "a match has no room");
            return None;
        }
    };
    net.directory.borrow_mut().give_seats(code, seats).map(|room| (room, code))
}

//! The messages of the net thread for topics: which rooms there are, and the server in numbers for operators.

use super::Net;
use super::api::view;
use crate::limits::{LIST_INTERVAL, LOBBY_ROOMS_MAX};
use crate::lobby::{RoomEntry, RoomId};
use crate::mailbox::{Publication, TopicsOrder};
use crate::memory::resident_bytes;
use crate::topics::policy::Role;
use serde_json::json;
use std::cmp::Reverse;
use std::rc::Rc;
use tokio::time::sleep;

/// The topic of the server in numbers.
const METRICS: &str = "admin/metrics";

/// Passes of the live lists from one message of the server in numbers to the next.
const METRICS_PASSES: u32 = 2;

/// Publishes the live lists of lobbies when they have changed, and the server in numbers when somebody hears it.
pub(super) async fn publish(net: Rc<Net>) {
    for pass in 0_u32.. {
        sleep(LIST_INTERVAL).await;
        if net.lists_changed.replace(false) {
            net.publish_lists();
        }
        if pass % METRICS_PASSES == 0 && net.setup.topics.is_heard(METRICS) {
            net.publish_numbers();
        }
    }
}

/// The order in which rooms are listed: those with the most people first, and then the newest.
pub(super) fn by_people(entry: &&RoomEntry) -> Reverse<(u8, RoomId)> {
    Reverse((entry.players, entry.place.room))
}

impl Net {
    /// A room is in the directory from now on: its topics may begin before anybody enters it.
    pub(super) fn open_topics(&self, entry: &RoomEntry) {
        let (code, place, game) = (entry.code, entry.place, entry.wanted.game);
        let is_private = !entry.wanted.door.is_open();
        self.setup.topics.order(TopicsOrder::OpenRoom { code, place, game, is_private });
    }

    /// Takes a room out of the directory, and ends its topics.
    pub(super) fn close_room(&self, room: RoomId) {
        if let Some(code) = self.directory.borrow_mut().close(room, self.setup.clock.now_us()) {
            self.setup.topics.order(TopicsOrder::CloseRoom { room, code });
            self.lists_changed.set(true);
        }
    }

    fn publish_lists(&self) {
        let directory = self.directory.borrow();
        for (index, game) in self.setup.games.iter().enumerate() {
            let is_wanted = |entry: &&RoomEntry| entry.players > 0 && entry.wanted.game == index;
            let mut rooms: Vec<&RoomEntry> = directory.public().filter(is_wanted).collect();
            rooms.sort_unstable_by_key(by_people);
            rooms.truncate(LOBBY_ROOMS_MAX);
            let rooms = rooms.into_iter().map(|entry| {
                let body = serde_json::to_string(&view(self, entry)).expect("a view of a room is plain data");
                (entry.code.to_string(), body)
            });
            self.setup.topics.order(TopicsOrder::List { game: game.rules.name, rooms: rooms.collect() });
        }
    }

    fn publish_numbers(&self) {
        let (rooms, players, bots) = self.directory.borrow().totals();
        let shards: Vec<u32> = self.setup.shards.iter().map(|shard| shard.load_percent()).collect();
        let body = json!({
            "rooms": rooms, "players": players, "bots": bots, "memory_bytes": resident_bytes(),
            "shard_load_percent": shards,
        });
        let publication = Publication { topic: METRICS.into(), by: Role::Server, body: body.to_string() };
        self.setup.topics.order(TopicsOrder::Publish(publication, None));
    }
}

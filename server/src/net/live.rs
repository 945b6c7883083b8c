//! The messages of the net thread for topics: which rooms there are.

use super::Net;
use super::api::view;
use crate::limits::{LIST_INTERVAL, LOBBY_ROOMS_MAX};
use crate::lobby::{RoomEntry, RoomId};
use crate::mailbox::TopicsOrder;
use std::cmp::Reverse;
use std::rc::Rc;
use tokio::time::sleep;

/// Publishes the live lists of lobbies when they have changed.
pub(super) async fn publish(net: Rc<Net>) {
    loop {
        sleep(LIST_INTERVAL).await;
        if net.lists_changed.replace(false) {
            net.publish_lists();
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
            self.membership.release(code);
            self.lists_changed.set(true);
        }
        self.watched.borrow_mut().forget(room);
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
}

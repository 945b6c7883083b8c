//! The messages of the net thread for topics: which rooms there are.

use super::Net;
use crate::limits::{LIST_INTERVAL, LOBBY_ROOMS_MAX};
use crate::lobby::{RoomEntry, RoomId};
use crate::mailbox::TopicsOrder;
use std::rc::Rc;
use tokio::time::sleep;

/// Publishes the live lists of lobbies when they have changed.
pub(super) async fn publish(net: Rc<Net>) {
    loop {
        sleep(LIST_INTERVAL).await;
        let is_own = net.lists_changed.replace(false);
        if is_own {
            net.note_list();
        }
        if is_own | net.others_changed.replace(false) {
            net.publish_lists();
        }
    }
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
        let listed = self.listed();
        for (index, game) in self.setup.games.iter().enumerate() {
            let rooms = listed.iter().filter(|room| room.game == index).take(LOBBY_ROOMS_MAX);
            let rooms = rooms.map(|room| {
                let body = serde_json::to_string(&self.shown(room)).expect("a view of a room is plain data");
                (room.code.to_string(), body)
            });
            self.setup.topics.order(TopicsOrder::List { game: game.rules.name, rooms: rooms.collect() });
        }
    }
}

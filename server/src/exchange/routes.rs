//! Routes: for each topic, the shards and visitors that have subscribers of it.

use crate::lobby::RoomId;
use crate::topics::{ClientId, TopicId};
use slotmap::SecondaryMap;
use std::collections::{BTreeMap, BTreeSet};

/// The subscribers of one topic.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// For each shard, its rooms with subscribers, and how many there are.
    pub(super) shards: BTreeMap<usize, BTreeMap<RoomId, u32>>,
    pub(super) visitors: BTreeSet<ClientId>,
}

/// The routes of all topics.
#[derive(Debug, Default)]
pub(super) struct Routes {
    of_topic: SecondaryMap<TopicId, Route>,
    /// The topics of each client.
    of_client: SecondaryMap<ClientId, BTreeSet<TopicId>>,
}

impl Routes {
    pub(super) fn get(&self, topic: TopicId) -> Option<&Route> {
        self.of_topic.get(topic)
    }

    /// A client hears a topic; `at` is its shard and room, if it is in one.
    pub(super) fn add(&mut self, topic: TopicId, client: ClientId, at: Option<(usize, RoomId)>) {
        let Some(of_client) = self.of_client.entry(client).map(|entry| entry.or_default()) else { return };
        if !of_client.insert(topic) {
            return;
        }
        let Some(route) = self.of_topic.entry(topic).map(|entry| entry.or_default()) else { return };
        match at {
            Some((shard, room)) => *route.shards.entry(shard).or_default().entry(room).or_default() += 1,
            None => {
                route.visitors.insert(client);
            }
        }
    }

    /// A client hears a topic no longer.
    pub(super) fn remove(&mut self, topic: TopicId, client: ClientId, at: Option<(usize, RoomId)>) {
        if !self.of_client.get_mut(client).is_some_and(|topics| topics.remove(&topic)) {
            return;
        }
        let Some(route) = self.of_topic.get_mut(topic) else { return };
        let Some((shard, room)) = at else {
            route.visitors.remove(&client);
            return;
        };
        if let Some(rooms) = route.shards.get_mut(&shard) {
            if let Some(count) = rooms.get_mut(&room) {
                *count -= 1;
            }
            rooms.retain(|_, count| *count > 0);
            if rooms.is_empty() {
                route.shards.remove(&shard);
            }
        }
    }

    /// A client is gone.
    pub(super) fn forget_client(&mut self, client: ClientId, at: Option<(usize, RoomId)>) {
        let topics = self.of_client.get(client).cloned().unwrap_or_default();
        topics.into_iter().for_each(|topic| self.remove(topic, client, at));
        self.of_client.remove(client);
    }

    /// A topic is over.
    pub(super) fn forget_topic(&mut self, topic: TopicId) {
        let Some(route) = self.of_topic.remove(topic) else { return };
        for client in route.visitors {
            if let Some(topics) = self.of_client.get_mut(client) {
                topics.remove(&topic);
            }
        }
    }
}

//! People: presence in rooms, delivered and read marks, and muted players.

use super::publish::Saying;
use super::{Client, Hub, Identity};
use crate::limits::MARKS_MAX;
use crate::lobby::Code;
use crate::names::distinct_name;
use crate::topics::presence::{Change, State};
use crate::topics::{ClientId, TopicName};
use tickwire::limits::TOPICS_HEARD_MAX;
use tickwire::message::topics::{Author, PlayerId, TopicNumber};

impl Hub {
    /// Shows in a room what a client is at. Somebody who only knows the code of the room has no seat there.
    pub(super) fn show(&mut self, id: ClientId, code: Code, state: State, now_ms: u64) {
        if !self.rooms.contains_key(&code) {
            return;
        }
        let client = &mut self.clients[id];
        if client.shown.len() >= TOPICS_HEARD_MAX && !client.shown.contains(&code) {
            return;
        }
        if !client.shown.contains(&code) {
            client.shown.push(code);
        }
        let seat = client.identity.room.filter(|(own, _)| *own == code).and_then(|(_, seat)| seat);
        let author = self.author(id, Some(code));
        if let Some(change) = self.presence.show(id, code, seat, author, state, now_ms) {
            self.publish_presence(code, change, now_ms);
        }
    }

    /// A client as others see it in a room, or elsewhere. The room has given a name of its own to each of its players;
    /// somebody who is only there to watch or to talk must not pass for one of them.
    pub(super) fn author(&self, id: ClientId, code: Option<Code>) -> Author {
        let Identity { player, name, .. } = &self.clients[id].identity;
        let name = match code {
            Some(code) if !self.clients[id].identity.has_seat_in(code) => {
                let seated = self.clients.values().map(|client| &client.identity);
                let seated = seated.filter(|other| other.player != *player && other.has_seat_in(code));
                distinct_name(name, seated.map(|other| &*other.name))
            }
            _ => name.clone(),
        };
        Author { player: *player, name }
    }

    /// Shows everybody who is in a room already, when somebody begins to hear of them: until then nothing is kept for
    /// it.
    pub(super) fn show_all(&mut self, code: Code, now_ms: u64) {
        let is_there = |client: &Client| client.identity.room.is_some_and(|(own, _)| own == code);
        let people: Vec<_> = self.clients.iter().filter(|(_, client)| is_there(client)).map(|(id, _)| id).collect();
        people.into_iter().for_each(|id| self.show(id, code, State::Here, now_ms));
    }

    pub(super) fn publish_presence(&mut self, code: Code, (key, body): Change, now_ms: u64) {
        if let Some(id) = self.by_name.get(&TopicName::Presence(code)) {
            self.say(*id, Saying::of_server(key, body), now_ms);
        }
    }

    /// Notes what a subscriber has received or seen. The others are told at most once a second.
    pub(super) fn mark(&mut self, client: ClientId, number: TopicNumber, id: u64, read: bool) {
        let Some(topic) = self.clients[client].topic(number) else { return };
        let player = self.clients[client].identity.player;
        let Some(topic) = self.topics.get_mut(topic).filter(|topic| topic.policy.has_marks) else { return };
        if topic.marks.len() >= MARKS_MAX && !topic.marks.contains_key(&player) {
            return;
        }
        let marks = topic.marks.entry(player).or_default();
        let id = id.min(topic.newest);
        let before = *marks;
        marks.delivered = marks.delivered.max(id);
        if read {
            marks.read = marks.read.max(id);
        }
        if *marks != before {
            topic.marked.insert(player);
        }
    }

    /// Mutes a player until a time; 0 ends that.
    pub fn mute(&mut self, player: PlayerId, until_ms: u64, now_ms: u64) {
        self.players.mute(player, until_ms, now_ms);
        self.keep_mute(player, until_ms);
    }
}

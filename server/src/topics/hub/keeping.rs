//! Topics that outlive the process: the changes to be kept for each message, and how a hub goes on from them.
//!
//! A message is kept in the form in which it was told, under its id; ids of a topic go on behind it. The topics of a room
//! wait until the room is there again. Mutes go on, and so do the blocks of players who can come back. Presence, lists of
//! rooms and marks begin anew.

use super::{Hub, Identity};
use crate::kept::{Change, KeptLine, KeptReceipt, KeptTopic, KeptTopics, Said};
use crate::lobby::Code;
use crate::topics::policy::{Keeps, Policy};
use crate::topics::topic::Topic;
use crate::topics::{ClientId, Delivery, TopicId, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use tickwire::message::topics::{Author, PlayerId, Receipt, ServerTopic};

/// The changes that a hub has for the journal.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Whether anything is kept at all.
    is_on: bool,
    changes: Vec<Change>,
    /// Topics of rooms that have yet to be made again.
    rooms: BTreeMap<Code, Vec<(TopicName, KeptTopic)>>,
    /// Players of whom blocks are kept.
    blockers: BTreeSet<PlayerId>,
}

impl Hub {
    /// The same hub with the topics that an earlier process has kept, before anybody is there. From here on
    /// [`Hub::take_kept`] has the changes to be kept.
    pub(crate) fn go_on_from(mut self, kept: &KeptTopics, now_ms: u64) -> Self {
        self.keeping.is_on = true;
        // A clock that was set back must not give an id twice.
        self.base = self.base.max(kept.newest);
        for KeptReceipt { player, seq, id, kept, .. } in &kept.receipts {
            if let Some(state) = self.players.restore(*player, now_ms) {
                state.remember(*seq, Receipt::Taken { id: *id, kept: *kept });
            }
        }
        for (player, until_ms) in &kept.people.mutes {
            self.players.mute(*player, *until_ms, now_ms);
        }
        for (player, others) in &kept.people.blocks {
            match self.players.restore(*player, now_ms) {
                Some(state) => {
                    for other in others {
                        state.block(*other, true);
                    }
                }
                None => self.keeping.changes.push(Change::PlayerForgotten { player: *player }),
            }
        }
        self.keeping.blockers = kept.people.blocks.keys().copied().collect();
        for (text, topic) in &kept.by_name {
            let Some(name) = TopicName::parse(text) else { continue };
            match name.room() {
                Some(code) => self.keeping.rooms.entry(code).or_default().push((name, topic.clone())),
                None => self.take_back(name, topic, now_ms),
            }
        }
        self
    }

    /// The topics of a room go on when the room does.
    pub(super) fn go_on_in(&mut self, code: Code) {
        for (name, topic) in self.keeping.rooms.remove(&code).unwrap_or_default() {
            self.take_back(name, &topic, self.marks_told_ms);
        }
    }

    /// All rooms of an earlier process are there again, or never will be.
    pub(crate) fn end_lost_rooms(&mut self) {
        for (name, _) in std::mem::take(&mut self.keeping.rooms).into_values().flatten() {
            self.keeping.changes.push(Change::TopicEnded { topic: name.to_string() });
        }
    }

    /// The changes to be kept before anything else is told.
    pub(crate) fn take_kept(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.keeping.changes)
    }

    fn take_back(&mut self, name: TopicName, kept: &KeptTopic, now_ms: u64) {
        // A game that is not offered any more, or has another topic now.
        let Some(policy) = self.policy(&name) else { return };
        let Some((lines_max, kept_ms)) = bounds(&policy) else { return };
        if self.by_name.contains_key(&name) {
            return;
        }
        if let TopicName::Player(player) = &name {
            self.players.restore(*player, now_ms);
        }
        let id = self.begin(name, policy, kept.base);
        self.topics[id].newest = kept.newest.max(kept.base);
        // The policy may be stricter than that of the process in which they were said.
        let is_kept = |line: &&KeptLine| line.at_ms.saturating_add(kept_ms) > now_ms;
        let lines = kept.lines.values().filter(is_kept).collect::<Vec<_>>();
        let surplus = lines.len().saturating_sub(usize::try_from(lines_max).unwrap_or(usize::MAX));
        for KeptLine { id: number, from, at_ms, body } in lines.into_iter().skip(surplus) {
            let from = from.clone().map(|(player, name)| Author { player, name });
            let (at_ms, body) = (*at_ms, body.clone());
            let message = ServerTopic::Message { number: 0, id: *number, key: String::new(), from, at_ms, body };
            self.kept_bytes += self.topics[id].take_back(id, message);
        }
    }

    /// Notes a message. A topic that keeps nothing begins anew in a later process, with higher ids.
    pub(super) fn keep_line(&mut self, id: TopicId, delivery: &Delivery, is_kept: bool) {
        let topic = &self.topics[id];
        let Some((lines_max, kept_ms)) = bounds(&topic.policy).filter(|_| self.keeping.is_on) else { return };
        let ServerTopic::Message { id, from, at_ms, body, .. } = &delivery.message else { return };
        let from = from.as_ref().map(|author| (author.player, author.name.clone()));
        let line = is_kept.then(|| KeptLine { id: *id, from, at_ms: *at_ms, body: body.clone() });
        let said = Said { topic: (*topic.text).into(), base: topic.base, id: *id, line, lines_max, kept_ms };
        self.keeping.changes.push(Change::Said(said));
    }

    /// Notes the receipt of a player who can come back and ask for it.
    pub(super) fn keep_receipt(&mut self, client: ClientId, seq: u64, receipt: Receipt, now_ms: u64) {
        let identity = &self.clients[client].identity;
        if let (Receipt::Taken { id, kept }, true, true) = (receipt, self.keeping.is_on, identity.may_return) {
            let receipt = KeptReceipt { player: identity.player, seq, id, kept, at_ms: now_ms };
            self.keeping.changes.push(Change::Receipt(receipt));
        }
    }

    pub(super) fn keep_mute(&mut self, player: PlayerId, until_ms: u64) {
        if self.keeping.is_on {
            self.keeping.changes.push(Change::Muted { player, until_ms });
        }
    }

    /// Notes a block of a player who can come back.
    pub(super) fn keep_block(&mut self, client: ClientId, other: PlayerId, blocked: bool) {
        let Identity { player, may_return, .. } = self.clients[client].identity;
        if self.keeping.is_on && may_return {
            self.keeping.blockers.insert(player);
            self.keeping.changes.push(Change::Blocked { player, other, blocked });
        }
    }

    /// Notes that a player is not known any more.
    pub(super) fn keep_forgotten(&mut self, player: PlayerId) {
        if self.keeping.blockers.remove(&player) {
            self.keeping.changes.push(Change::PlayerForgotten { player });
        }
    }

    /// Notes the end of a topic of which anything may be kept.
    pub(super) fn keep_end(&mut self, topic: &Topic) {
        if self.keeping.is_on && bounds(&topic.policy).is_some() {
            self.keeping.changes.push(Change::TopicEnded { topic: (*topic.text).into() });
        }
    }
}

/// Messages that a topic keeps, and the milliseconds for which it does; `None` for one that keeps none, or the newest of
/// each key, which the server tells anew.
fn bounds(policy: &Policy) -> Option<(u64, u64)> {
    match policy.keeps {
        Keeps::Last { count, ms } => (count > 0).then_some((count as u64, ms)),
        Keeps::Newest { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::GameTopics;
    use super::*;
    use crate::kept::KeptState;
    use crate::limits::{CHAT_KEPT_MAX, CHAT_KEPT_MS, NEWS_KEPT_MS, PLAYER_FORGOTTEN_MS};
    use crate::room::Origin;
    use crate::topics::{Farewell, Output};
    use tickwire::message::topics::ClientTopic;

    const START_MS: u64 = 1_000_000;

    fn hub(kept: &KeptState, now_ms: u64) -> Hub {
        let games = vec![GameTopics { game: "arena", own: &[] }];
        Hub::new(games, None, now_ms).go_on_from(&kept.topics, now_ms)
    }

    const ADA: PlayerId = PlayerId([7; 10]);
    const EVE: PlayerId = PlayerId([8; 10]);

    fn enter(hub: &mut Hub, player: PlayerId, may_return: bool, now_ms: u64) -> ClientId {
        let (name, origin) = ("ada".to_owned(), Origin::EXEMPT);
        let identity = Identity { player, may_return, is_guest: false, name, room: None, reads_json: false, origin };
        hub.enter(identity, now_ms)
    }

    /// Somebody with a key says something; gives the id of the receipt.
    fn say(hub: &mut Hub, topic: &str, seq: u64, now_ms: u64) -> u64 {
        let client = enter(hub, ADA, true, now_ms);
        hub.handle(client, ClientTopic::Publish { topic: topic.into(), seq, body: "hello".into() }, now_ms);
        let receipt = |output| match output {
            Output::Client { delivery, .. } => match delivery.message {
                ServerTopic::Receipt { receipt: Receipt::Taken { id, .. }, .. } => Some(id),
                _ => None,
            },
            _ => None,
        };
        std::iter::from_fn(|| hub.poll()).find_map(receipt).expect("a receipt")
    }

    fn keep(hub: &mut Hub, kept: &mut KeptState) {
        hub.take_kept().into_iter().for_each(|change| kept.apply(change));
    }

    fn room(number: u8) -> Code {
        Code::parse(["C4FK9T", "222222"][usize::from(number)]).expect("a code")
    }

    #[test]
    fn ids_go_on_although_the_clock_was_set_back() {
        let mut kept = KeptState::default();
        let mut ids = Vec::new();
        for (start, back_ms) in [0, 60_000, 120_000].into_iter().enumerate() {
            let mut hub = hub(&kept, START_MS - back_ms);
            for seq in 0..=start as u64 {
                let id = say(&mut hub, "lobby/arena/chat", seq, START_MS - back_ms + 5_000 * seq);
                assert_eq!(ids.get(seq as usize).unwrap_or(&id), &id, "the same number has the same receipt");
                ids.resize((seq as usize + 1).max(ids.len()), id);
            }
            keep(&mut hub, &mut kept);
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn the_lines_of_a_room_wait_for_it_and_go_when_it_does_not_come() {
        let mut kept = KeptState::default();
        let mut first = hub(&kept, START_MS);
        let topics = [0, 1].map(|number| format!("room/{}", room(number)));
        for (number, topic) in (0..).zip(&topics) {
            first.open_room(room(number), 0, false);
            say(&mut first, topic, number.into(), START_MS);
        }
        keep(&mut first, &mut kept);
        assert_eq!(kept.topics.by_name.len(), 2);
        let mut second = hub(&kept, START_MS + 1_000);
        assert_eq!(second.kept_bytes(), 0);
        second.open_room(room(0), 0, false);
        let bytes = second.kept_bytes();
        assert!(bytes > 0);
        second.end_lost_rooms();
        // Another room by the same code has nothing of the one before.
        second.open_room(room(1), 0, false);
        assert_eq!(second.kept_bytes(), bytes);
        keep(&mut second, &mut kept);
        assert_eq!(kept.topics.by_name.keys().collect::<Vec<_>>(), [&topics[0]]);
        second.close_room(room(0));
        keep(&mut second, &mut kept);
        assert!(kept.topics.by_name.is_empty());
    }

    #[test]
    fn lines_that_come_back_heed_the_policy_of_today() {
        let mut kept = KeptState::default();
        let count = CHAT_KEPT_MAX as u64 + 6;
        for id in 1..=count {
            // The first three are too old now. In the former process a chat kept more lines for a longer time.
            let at_ms = if id <= 3 { START_MS } else { START_MS + CHAT_KEPT_MS };
            let line = Some(KeptLine { id, from: None, at_ms, body: id.to_string() });
            let (lines_max, kept_ms) = (1_000, 10 * CHAT_KEPT_MS);
            let said = |topic: &str, line| Said { topic: topic.into(), base: 0, id, line, lines_max, kept_ms };
            if id <= 5 {
                kept.apply(Change::Said(said("announce", line.clone())));
            }
            kept.apply(Change::Said(said("lobby/arena/chat", line)));
        }
        let mut hub = hub(&kept, START_MS + CHAT_KEPT_MS);
        let client = enter(&mut hub, ADA, true, START_MS);
        hub.handle(client, ClientTopic::Subscribe { topic: "lobby/arena/chat".into(), after: None }, START_MS);
        let id_of = |output| match output {
            Output::Client { delivery, .. } => match delivery.message {
                ServerTopic::Message { id, .. } => Some(id),
                _ => None,
            },
            _ => None,
        };
        let told: Vec<u64> = std::iter::from_fn(|| hub.poll()).filter_map(id_of).collect();
        assert_eq!(told, (count - CHAT_KEPT_MAX as u64 + 1..=count).collect::<Vec<_>>());
        let mut fewer = kept;
        fewer.apply(Change::TopicEnded { topic: "lobby/arena/chat".into() });
        let young = fewer.topics.by_name.get_mut("announce").expect("a topic");
        young.lines.values_mut().for_each(|line| line.at_ms = 0);
        let hub = self::hub(&fewer, START_MS + NEWS_KEPT_MS);
        assert_eq!(hub.kept_bytes(), 0, "all of them are too old");
    }

    #[test]
    fn only_the_end_of_a_topic_of_which_something_may_be_kept_is_noted() {
        let mut hub = hub(&KeptState::default(), START_MS);
        for topic in ["lobby/arena", "lobby/arena/chat"] {
            let client = enter(&mut hub, ADA, true, START_MS);
            hub.handle(client, ClientTopic::Subscribe { topic: topic.into(), after: None }, START_MS);
            hub.leave(client, Farewell::Left, START_MS);
        }
        assert_eq!(hub.take_kept(), [Change::TopicEnded { topic: "lobby/arena/chat".into() }]);
    }

    #[test]
    fn mutes_and_blocks_go_on_until_they_end_or_their_player_is_forgotten() {
        let mut kept = KeptState::default();
        let mut first = hub(&kept, START_MS);
        let clients = [(ADA, true), (PlayerId([9; 10]), false)].map(|(player, may_return)| {
            let client = enter(&mut first, player, may_return, START_MS);
            first.handle(client, ClientTopic::Block { player: EVE, blocked: true }, START_MS);
            client
        });
        first.mute(EVE, START_MS + 60_000, START_MS);
        keep(&mut first, &mut kept);
        assert_eq!(kept.topics.people.blocks, [(ADA, [EVE].into())].into(), "the other one comes as somebody else");
        let mut second = hub(&kept, START_MS + 1_000);
        assert!(second.players.find(ADA).is_some_and(|ada| ada.has_blocked(EVE)));
        assert!(second.players.find(EVE).is_some_and(|eve| eve.is_muted(START_MS + 59_999)));
        second.mute(EVE, 0, START_MS + 1_000);
        keep(&mut second, &mut kept);
        assert!(kept.topics.people.mutes.is_empty());
        clients.into_iter().for_each(|client| first.leave(client, Farewell::Left, START_MS));
        first.advance(START_MS + PLAYER_FORGOTTEN_MS + 60_000);
        keep(&mut first, &mut kept);
        assert!(kept.topics.people.blocks.is_empty());
    }

    #[test]
    fn without_a_data_folder_nothing_is_noted() {
        let mut hub = Hub::new(vec![GameTopics { game: "arena", own: &[] }], None, START_MS);
        say(&mut hub, "lobby/arena/chat", 1, START_MS);
        assert!(hub.take_kept().is_empty());
    }
}

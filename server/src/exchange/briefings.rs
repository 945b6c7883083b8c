//! The topics of the dashboard: the operators who hear each of them, and the messages that wait to be written to one.
//!
//! Of a topic only the newest message waits, because an older one is of no use; actions of operators and rows of the last
//! hour are different from each other and all wait, up to as many actions as are kept.

use super::{Exchange, Position};
use crate::limits::{AUDIT_KEPT_MAX, ROOMS_WATCHED_MAX, SCENES_MAX};
use crate::lobby::Code;
use crate::operators::AdminTopic;
use crate::topics::ClientId;
use crate::topics::json::JsonMessage;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tickwire::message::topics::TopicRefusal;

/// The texts that wait to be written to one operator, the oldest topic first.
#[derive(Debug, Default)]
pub(super) struct BriefBox(VecDeque<(AdminTopic, Arc<str>)>);

impl BriefBox {
    fn put(&mut self, topic: AdminTopic, text: Arc<str>) {
        // Rows of the last hour follow the whole table, and lines each other.
        let is_kept = matches!(topic, AdminTopic::Audit | AdminTopic::History);
        if !is_kept {
            // In the place of the older one: behind the others a topic that is replaced often would never be written.
            if let Some((_, waiting)) = self.0.iter_mut().find(|(waiting, _)| *waiting == topic) {
                *waiting = text;
                return;
            }
        } else if self.0.iter().filter(|(waiting, _)| *waiting == topic).count() >= AUDIT_KEPT_MAX
            && let Some(oldest) = self.0.iter().position(|(waiting, _)| *waiting == topic)
        {
            self.0.remove(oldest);
        }
        self.0.push_back((topic, text));
    }

    /// The next text to write.
    pub(super) fn take(&mut self) -> Option<Arc<str>> {
        self.0.pop_front().map(|(_, text)| text)
    }

    fn forget(&mut self, topic: AdminTopic) {
        self.0.retain(|(waiting, _)| *waiting != topic);
    }
}

/// The operators who hear the topics of the dashboard.
#[derive(Debug, Default)]
pub(super) struct Briefings {
    hearers: BTreeMap<AdminTopic, BTreeSet<ClientId>>,
    /// The ids of all messages grow by one, for any topic.
    newest: u64,
}

impl Briefings {
    /// The topics that somebody hears.
    fn heard(&self) -> BTreeSet<AdminTopic> {
        self.hearers.keys().copied().collect()
    }

    /// Whether one topic more may be heard: pictures of worlds and looks at seats cost the shards something.
    fn has_place(&self, topic: AdminTopic) -> bool {
        let count = |is_kind: fn(&AdminTopic) -> bool| self.hearers.keys().filter(|other| is_kind(other)).count();
        self.hearers.contains_key(&topic)
            || match topic {
                AdminTopic::Scene(_) => count(|other| matches!(other, AdminTopic::Scene(_))) < SCENES_MAX,
                AdminTopic::Room(_) => count(|other| matches!(other, AdminTopic::Room(_))) < ROOMS_WATCHED_MAX,
                _ => true,
            }
    }

    fn leave(&mut self, topic: AdminTopic, client: ClientId) -> bool {
        let Some(hearers) = self.hearers.get_mut(&topic) else { return false };
        let was = hearers.remove(&client);
        if hearers.is_empty() {
            self.hearers.remove(&topic);
        }
        was
    }

    /// The text of a message.
    fn text(&mut self, topic: AdminTopic, body: &str, at_ms: u64) -> Arc<str> {
        self.newest += 1;
        let (name, id) = (topic.to_string(), self.newest);
        JsonMessage::Message { topic: &name, id, key: "", from: None, at_ms, body }.to_text().into()
    }
}

impl Exchange {
    /// An operator wants to hear a topic; gives the answer. The messages that are kept follow it.
    pub(super) fn brief(&mut self, client: ClientId, name: &str) -> String {
        let refused = |why| JsonMessage::Refused { topic: name, why, wait_ms: 0 }.to_text();
        let Some(topic) = AdminTopic::parse(name) else { return refused(TopicRefusal::NoTopic) };
        if topic.room().is_some_and(|code| !self.rooms.contains_key(&code)) {
            return refused(TopicRefusal::NoTopic);
        }
        if !self.briefings.has_place(topic) {
            return refused(TopicRefusal::TooMany);
        }
        self.briefings.hearers.entry(topic).or_default().insert(client);
        let newest = self.briefings.newest;
        let kept: Vec<Arc<str>> = match topic {
            AdminTopic::History => vec![self.console.history.lock().all().into()],
            AdminTopic::Audit => self.console.audit.lock().lines().cloned().collect(),
            _ => Vec::new(),
        };
        for body in kept {
            self.tell_operator(client, topic, &body);
        }
        self.console.set_heard(self.briefings.heard());
        JsonMessage::Granted { topic: name, newest, may_publish: false, bytes_max: u16::MAX }.to_text()
    }

    fn tell_operator(&mut self, client: ClientId, topic: AdminTopic, body: &str) {
        let text = self.briefings.text(topic, body, self.now_ms());
        self.put_brief(client, topic, text);
    }

    fn put_brief(&self, client: ClientId, topic: AdminTopic, text: Arc<str>) {
        if let Some(Position::Visit(stall)) = self.places.get(client) {
            stall.briefs.borrow_mut().put(topic, text);
            stall.bell.notify_one();
        }
    }

    /// An operator hears a topic no longer; gives the answer, if it has heard it.
    pub(super) fn end_briefing(&mut self, client: ClientId, name: &str) -> Option<String> {
        let topic = AdminTopic::parse(name)?;
        let was = self.briefings.leave(topic, client);
        self.console.set_heard(self.briefings.heard());
        if let Some(Position::Visit(stall)) = self.places.get(client) {
            stall.briefs.borrow_mut().forget(topic);
        }
        was.then(|| JsonMessage::Ended { topic: name }.to_text())
    }

    /// Tells those who hear a topic of the dashboard.
    pub(super) fn tell_operators(&mut self, topic: AdminTopic, body: &str) {
        if !self.briefings.hearers.contains_key(&topic) {
            return;
        }
        let text = self.briefings.text(topic, body, self.now_ms());
        for client in &self.briefings.hearers[&topic] {
            self.put_brief(*client, topic, Arc::clone(&text));
        }
    }

    /// A client is gone: it hears nothing any more.
    pub(super) fn forget_operator(&mut self, client: ClientId) {
        for topic in self.briefings.heard() {
            self.briefings.leave(topic, client);
        }
        self.console.set_heard(self.briefings.heard());
    }

    /// A room has ended, and with it the topics about it.
    pub(super) fn end_briefings_of(&mut self, code: Code) {
        for topic in [AdminTopic::Room(code), AdminTopic::Scene(code)] {
            let text: Arc<str> = JsonMessage::Ended { topic: &topic.to_string() }.to_text().into();
            for client in self.briefings.hearers.remove(&topic).unwrap_or_default() {
                self.put_brief(client, topic, Arc::clone(&text));
            }
        }
        self.console.set_heard(self.briefings.heard());
    }

    /// The file of operators was read again: operators who are in it no longer notice that when their bell rings.
    pub(super) fn ring_operators(&self) {
        for (_, position) in &self.places {
            if let Position::Visit(stall) = position {
                stall.bell.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_message_of_a_topic_waits_and_all_actions_do() {
        let mut briefs = BriefBox::default();
        briefs.put(AdminTopic::Rooms, "old".into());
        (0..150).for_each(|number: u32| briefs.put(AdminTopic::Audit, number.to_string().into()));
        briefs.put(AdminTopic::Rooms, "new".into());
        let waiting: Vec<_> = std::iter::from_fn(|| briefs.take()).collect();
        assert_eq!((waiting.len(), &*waiting[0], &*waiting[1]), (AUDIT_KEPT_MAX + 1, "new", "50"));
        for text in ["table", "row", "row"] {
            briefs.put(AdminTopic::History, text.into());
        }
        assert_eq!(std::iter::from_fn(|| briefs.take()).count(), 3, "a row does not take the place of the table");
    }

    #[test]
    fn only_so_many_worlds_are_watched_at_the_same_time() {
        let mut briefings = Briefings::default();
        let code = |number: u8| Code::parse(&format!("C4FK9{}", char::from(b'2' + number))).unwrap();
        for number in 0..u8::try_from(SCENES_MAX).unwrap() {
            assert!(briefings.has_place(AdminTopic::Scene(code(number))));
            briefings.hearers.entry(AdminTopic::Scene(code(number))).or_default().insert(ClientId::default());
        }
        let one_more = AdminTopic::Scene(code(7));
        assert!(!briefings.has_place(one_more) && briefings.has_place(AdminTopic::Room(code(7))));
        assert!(briefings.has_place(AdminTopic::Scene(code(0))), "a world that is watched already costs no more");
        assert!(briefings.leave(AdminTopic::Scene(code(0)), ClientId::default()));
        assert!(briefings.has_place(one_more));
    }
}

//! Topics of a client against messages that a server sends, one behaviour a test; reconnect storms are in `storm`.

mod session;
mod storm;

use super::publications::UNANSWERED_MAX;
use super::*;
use alloc::format;
use alloc::vec;

const ADA: PlayerId = PlayerId([1; 10]);
const BOB: PlayerId = PlayerId([2; 10]);
const CHAT: &str = "room/C4FK9T";
const SECOND_US: u64 = 1_000_000;

/// Everything that the client sends now.
fn sent(topics: &mut Topics) -> Vec<ClientTopic> {
    core::iter::from_fn(|| topics.poll_transmit()).map(|bytes| ClientTopic::decode(&bytes).unwrap()).collect()
}

fn news(topics: &mut Topics) -> Vec<ServerTopic> {
    core::iter::from_fn(|| topics.poll()).map(|news| news.message).collect()
}

fn give(topics: &mut Topics, message: &ServerTopic, now_us: u64) {
    topics.handle(&message.encode(), now_us).unwrap();
}

fn granted(topic: &str, number: TopicNumber, newest: u64) -> ServerTopic {
    ServerTopic::Granted { number, topic: topic.into(), newest, may_publish: true, bytes_max: 512 }
}

fn message(number: TopicNumber, id: u64, key: &str, from: Option<PlayerId>) -> ServerTopic {
    let from = from.map(|player| crate::message::topics::Author { player, name: "Bob".into() });
    ServerTopic::Message { number, id, key: key.into(), from, at_ms: 7, body: format!("text {id}") }
}

fn said(number: TopicNumber, id: u64) -> ServerTopic {
    message(number, id, "", Some(BOB))
}

fn refused(seq: u64, refusal: TopicRefusal, wait_ms: u32) -> ServerTopic {
    ServerTopic::Receipt { seq, receipt: Receipt::Refused { refusal, wait_ms } }
}

fn subscribe(topic: &str, after: Option<u64>) -> ClientTopic {
    ClientTopic::Subscribe { topic: topic.into(), after }
}

fn publish(topic: &str, seq: u64, body: &str) -> ClientTopic {
    ClientTopic::Publish { topic: topic.into(), seq, body: body.into() }
}

/// A client of Ada that hears one topic by number 3; its newest message is the one before `next`.
fn listener(topic: &str, next: u64) -> Topics {
    let mut topics = Topics::new(100);
    topics.subscribe(topic);
    reopen(&mut topics, topic, next);
    topics
}

/// A new connection, on which the topic is granted.
fn reopen(topics: &mut Topics, topic: &str, next: u64) {
    topics.handle_opened();
    give(topics, &ServerTopic::You { player: ADA, name: "Ada".into() }, 0);
    sent(topics);
    give(topics, &granted(topic, 3, next - 1), 0);
    news(topics);
}

/// The ids of messages, and of gaps as their first and last id.
fn told(topics: &mut Topics) -> Vec<(u64, u64)> {
    let range = |news| match news {
        ServerTopic::Message { id, .. } => (id, id),
        ServerTopic::Gap { from, to, .. } => (from, to),
        other => panic!("{other:?}"),
    };
    news(topics).into_iter().map(range).collect()
}

#[test]
fn a_subscription_outlives_its_connection_and_goes_on_after_the_last_message() {
    let mut topics = Topics::new(1);
    topics.subscribe(CHAT);
    assert!(sent(&mut topics).is_empty(), "nothing is sent without a connection");
    for (after, next) in [(None, 5), (Some(6), 7), (Some(8), 9)] {
        topics.handle_opened();
        assert_eq!(sent(&mut topics), [subscribe(CHAT, after)]);
        give(&mut topics, &granted(CHAT, 3, next - 1), 0);
        assert!(matches!(news(&mut topics)[..], [ServerTopic::Granted { .. }]));
        (next..next + 2).for_each(|id| give(&mut topics, &said(3, id), 0));
        assert_eq!(told(&mut topics), [(next, next), (next + 1, next + 1)]);
        topics.handle_closed();
    }
    let mut later = Topics::new(1);
    later.subscribe_after(CHAT, 77);
    later.subscribe(CHAT);
    later.handle_opened();
    assert_eq!(sent(&mut later), [subscribe(CHAT, Some(77))]);
}

#[test]
fn a_repeated_message_is_counted_and_never_told_again() {
    let mut topics = listener(CHAT, 5);
    for id in [5, 6, 5, 6, 6, 7] {
        give(&mut topics, &said(3, id), 0);
    }
    assert_eq!(told(&mut topics), [(5, 5), (6, 6), (7, 7)]);
    assert_eq!(topics.stats(), TopicStats { repeated: 3, ..TopicStats::default() });
}

#[test]
fn a_gap_is_told_by_the_server_or_else_by_the_ids() {
    let mut topics = listener(CHAT, 5);
    give(&mut topics, &said(3, 8), 0);
    give(&mut topics, &ServerTopic::Gap { number: 3, from: 7, to: 12 }, 0);
    give(&mut topics, &ServerTopic::Gap { number: 3, from: 11, to: 12 }, 0);
    give(&mut topics, &said(3, 13), 0);
    give(&mut topics, &ServerTopic::Gap { number: 3, from: 14, to: u64::MAX }, 0);
    give(&mut topics, &ServerTopic::Gap { number: 3, from: 14, to: u64::MAX }, 0);
    give(&mut topics, &said(3, u64::MAX), 0);
    assert_eq!(told(&mut topics), [(5, 7), (8, 8), (9, 12), (13, 13), (14, u64::MAX)]);
    assert_eq!(topics.stats(), TopicStats { repeated: 1, untold_gaps: 1, ..TopicStats::default() });
}

#[test]
fn a_client_without_a_message_still_notices_that_it_missed_some() {
    let mut topics = listener(CHAT, 5);
    reopen(&mut topics, CHAT, 9);
    give(&mut topics, &said(3, 9), 0);
    assert_eq!(told(&mut topics), [(5, 8), (9, 9)]);
}

#[test]
fn kept_messages_come_before_the_newest_one_without_a_gap() {
    let mut topics = listener(CHAT, 9);
    (6..10).for_each(|id| give(&mut topics, &said(3, id), 0));
    assert_eq!(told(&mut topics), [(6, 6), (7, 7), (8, 8), (9, 9)]);
}

#[test]
fn a_topic_that_began_anew_is_heard_from_its_start() {
    let mut topics = listener(CHAT, 500);
    give(&mut topics, &said(3, 500), 0);
    topics.read(CHAT, 500);
    reopen(&mut topics, CHAT, 2);
    news(&mut topics);
    give(&mut topics, &said(3, 1), 0);
    give(&mut topics, &said(3, 2), 0);
    assert_eq!(told(&mut topics), [(1, 1), (2, 2)]);
    topics.advance(SECOND_US);
    assert_eq!(sent(&mut topics), [ClientTopic::Mark { number: 3, id: 2, read: false }], "old marks are forgotten");
}

#[test]
fn a_topic_with_keys_is_asked_for_as_a_whole() {
    let mut topics = listener("lobby/paddles", 5);
    for (id, key) in [(5, "a"), (9, "b"), (7, "c"), (9, "b")] {
        give(&mut topics, &message(3, id, key, None), 0);
    }
    assert_eq!(told(&mut topics), [(5, 5), (9, 9), (7, 7), (9, 9)], "ids of keys have no gaps");
    topics.handle_opened();
    assert_eq!(sent(&mut topics), [subscribe("lobby/paddles", None)], "keys may have gone meanwhile");
    give(&mut topics, &granted("lobby/paddles", 3, 9), 0);
    topics.subscribe("lobby/paddles");
    topics.subscribe("lobby/paddles");
    let expected = [ClientTopic::Leave { number: 3 }, subscribe("lobby/paddles", None)];
    assert_eq!(sent(&mut topics), expected, "a caller that has lost a key asks again");
}

#[test]
fn a_message_is_sent_with_the_same_number_until_its_receipt_comes() {
    let mut topics = Topics::new(100);
    assert_eq!(topics.publish(CHAT, "one"), 100);
    assert_eq!(topics.publish("announce", "two"), 101);
    for _ in 0..2 {
        topics.handle_opened();
        assert_eq!(sent(&mut topics), [publish(CHAT, 100, "one"), publish("announce", 101, "two")]);
        assert!(sent(&mut topics).is_empty(), "once for each connection");
    }
    let receipt = Receipt::Taken { id: 9, kept: true };
    give(&mut topics, &ServerTopic::Receipt { seq: 100, receipt }, 0);
    give(&mut topics, &ServerTopic::Receipt { seq: 100, receipt }, 0);
    assert_eq!(news(&mut topics), [ServerTopic::Receipt { seq: 100, receipt }], "once for each message");
    topics.handle_opened();
    assert_eq!(sent(&mut topics), [publish("announce", 101, "two")]);
    assert_eq!(topics.unanswered(), 1);
}

#[test]
fn a_message_refused_for_its_rate_waits_and_those_behind_it_do_not_overtake_it() {
    let mut topics = listener(CHAT, 1);
    topics.publish(CHAT, "one");
    sent(&mut topics);
    give(&mut topics, &refused(100, TopicRefusal::Rate, 500), 0);
    topics.publish(CHAT, "two");
    topics.publish("player/x", "three");
    topics.advance(499_999);
    assert_eq!(sent(&mut topics), [publish("player/x", 102, "three")]);
    topics.advance(500_000);
    assert_eq!(sent(&mut topics), [publish(CHAT, 100, "one"), publish(CHAT, 101, "two")]);
    assert!(news(&mut topics).is_empty());
}

#[test]
fn a_message_is_refused_for_good_after_some_tries_or_when_waiting_does_not_help() {
    let mut topics = listener(CHAT, 1);
    topics.publish(CHAT, "one");
    let mut tries = 0;
    while news(&mut topics).is_empty() {
        tries += sent(&mut topics).len();
        give(&mut topics, &refused(100, TopicRefusal::Busy, 1_000), 0);
        let waits_until_us = topics.now_us + SECOND_US;
        topics.advance(waits_until_us);
    }
    assert_eq!(tries, REFUSALS_MAX as usize + 1);
    let refusals = [(TopicRefusal::Muted, 500), (TopicRefusal::Rate, 0), (TopicRefusal::Rate, WAIT_MS_MAX + 1)];
    for (refusal, wait_ms) in refusals {
        let seq = topics.publish(CHAT, "again");
        sent(&mut topics);
        give(&mut topics, &refused(seq, refusal, wait_ms), 0);
        let receipt = Receipt::Refused { refusal, wait_ms };
        assert_eq!(news(&mut topics), [ServerTopic::Receipt { seq, receipt }]);
    }
}

#[test]
fn a_subscription_waits_as_it_is_told_or_ends_with_its_refusal() {
    let mut topics = Topics::new(1);
    topics.subscribe(CHAT);
    topics.handle_opened();
    sent(&mut topics);
    let refusal = |refusal, wait_ms| ServerTopic::Refused { topic: CHAT.into(), refusal, wait_ms };
    give(&mut topics, &refusal(TopicRefusal::Busy, 1_000), 0);
    assert!(sent(&mut topics).is_empty() && news(&mut topics).is_empty());
    topics.advance(SECOND_US);
    assert_eq!(sent(&mut topics), [subscribe(CHAT, None)]);
    give(&mut topics, &refusal(TopicRefusal::NoTopic, 0), 0);
    let expected = ServerTopic::Refused { topic: CHAT.into(), refusal: TopicRefusal::NoTopic, wait_ms: 0 };
    assert_eq!(news(&mut topics), [expected]);
    topics.handle_opened();
    assert!(sent(&mut topics).is_empty());
}

#[test]
fn a_topic_that_is_left_is_heard_no_more_even_before_it_was_granted() {
    let mut topics = listener(CHAT, 5);
    topics.leave(CHAT);
    topics.subscribe("announce");
    give(&mut topics, &said(3, 5), 0);
    assert_eq!(sent(&mut topics), [ClientTopic::Leave { number: 3 }, subscribe("announce", None)]);
    topics.leave("announce");
    topics.leave("announce");
    assert!(sent(&mut topics).is_empty(), "the number is not known yet");
    give(&mut topics, &granted("announce", 4, 0), 0);
    assert_eq!(sent(&mut topics), [ClientTopic::Leave { number: 4 }]);
    give(&mut topics, &said(4, 1), 0);
    assert!(news(&mut topics).is_empty());
}

#[test]
fn a_topic_that_is_left_and_wanted_again_is_asked_for_once() {
    let mut topics = Topics::new(1);
    topics.handle_opened();
    topics.subscribe(CHAT);
    topics.leave(CHAT);
    assert!(sent(&mut topics).is_empty(), "both have cancelled each other");
    topics.subscribe(CHAT);
    assert_eq!(sent(&mut topics), [subscribe(CHAT, None)]);
    topics.leave(CHAT);
    topics.subscribe(CHAT);
    give(&mut topics, &granted(CHAT, 3, 4), 0);
    assert!(matches!(news(&mut topics)[..], [ServerTopic::Granted { .. }]));
    topics.leave(CHAT);
    topics.subscribe(CHAT);
    assert_eq!(sent(&mut topics), [ClientTopic::Leave { number: 3 }, subscribe(CHAT, None)]);
    topics.leave(CHAT);
    topics.handle_opened();
    assert!(sent(&mut topics).is_empty(), "a topic that was left does not come back with a connection");
}

#[test]
fn a_topic_that_has_ended_is_told_once_and_not_asked_for_again() {
    let mut topics = listener(CHAT, 5);
    give(&mut topics, &ServerTopic::Ended { number: 3 }, 0);
    give(&mut topics, &ServerTopic::Ended { number: 3 }, 0);
    assert_eq!(news(&mut topics), [ServerTopic::Ended { number: 3 }]);
    topics.handle_opened();
    assert!(sent(&mut topics).is_empty());
}

#[test]
fn marks_name_the_newest_message_at_most_once_a_second_and_again_on_another_connection() {
    let mark = |id, read| ClientTopic::Mark { number: 3, id, read };
    let mut topics = listener(CHAT, 1);
    let mut marks = Vec::new();
    for id in 1..=40 {
        let now_us = id * SECOND_US / 10;
        give(&mut topics, &said(3, id), now_us);
        marks.extend(sent(&mut topics));
    }
    assert_eq!(marks, [mark(1, false), mark(11, false), mark(21, false), mark(31, false)]);
    topics.read(CHAT, u64::MAX);
    assert_eq!(sent(&mut topics), [mark(40, true)], "what was seen was also received, and no more than that");
    topics.advance(9 * SECOND_US);
    topics.read(CHAT, 12);
    topics.read("announce", 12);
    assert!(sent(&mut topics).is_empty(), "marks never go back");
    reopen(&mut topics, CHAT, 41);
    topics.advance(9 * SECOND_US);
    assert_eq!(sent(&mut topics), [mark(40, true)], "the first one may be lost");
}

#[test]
fn own_messages_and_topics_without_marks_have_no_marks() {
    let mut topics = listener(CHAT, 1);
    give(&mut topics, &message(3, 1, "", Some(ADA)), 0);
    assert!(sent(&mut topics).is_empty());
    for topic in ["announce", "room/C4FK9T/presence", "lobby/paddles/chat"] {
        let mut topics = listener(topic, 1);
        give(&mut topics, &said(3, 1), 0);
        assert!(sent(&mut topics).is_empty(), "{topic}");
    }
    let mut topics = listener("player/0000000000000000", 1);
    give(&mut topics, &message(3, 1, "", None), 0);
    assert_eq!(sent(&mut topics), [ClientTopic::Mark { number: 3, id: 1, read: false }]);
}

#[test]
fn marks_of_others_are_told_with_the_name_of_their_topic() {
    let mut topics = listener(CHAT, 5);
    let marked = |number| ServerTopic::Marked { number, player: BOB, delivered: 4, read: 2 };
    give(&mut topics, &marked(3), 0);
    give(&mut topics, &marked(4), 0);
    assert_eq!(topics.poll(), Some(TopicNews { topic: CHAT.into(), message: marked(3) }));
    assert_eq!(topics.poll(), None);
}

#[test]
fn a_blocked_player_is_not_heard_and_the_server_is_told_first_on_each_connection() {
    let mut topics = listener(CHAT, 5);
    assert!(topics.block(BOB, true) && topics.block(BOB, true));
    assert_eq!(sent(&mut topics), [ClientTopic::Block { player: BOB, blocked: true }], "once");
    give(&mut topics, &said(3, 5), 0);
    give(&mut topics, &message(3, 9, "", Some(ADA)), 0);
    assert_eq!(told(&mut topics), [(9, 9)], "what the server leaves out is no gap");
    topics.handle_opened();
    let expected = [ClientTopic::Block { player: BOB, blocked: true }, subscribe(CHAT, Some(9))];
    assert_eq!(sent(&mut topics), expected);
    give(&mut topics, &granted(CHAT, 3, 9), 0);
    news(&mut topics);
    assert!(topics.block(BOB, false) && topics.block(BOB, false));
    assert_eq!(sent(&mut topics), [ClientTopic::Block { player: BOB, blocked: false }]);
    give(&mut topics, &said(3, 10), 0);
    assert_eq!(told(&mut topics), [(10, 10)]);
    topics.handle_opened();
    assert_eq!(sent(&mut topics), [subscribe(CHAT, Some(10))]);
}

#[test]
fn a_number_belongs_to_the_topic_that_it_was_granted_for_last() {
    let mut topics = listener(CHAT, 5);
    topics.subscribe("announce");
    sent(&mut topics);
    give(&mut topics, &granted("announce", 3, 0), 0);
    news(&mut topics);
    give(&mut topics, &said(3, 1), 0);
    let topic = topics.poll().map(|news| news.topic);
    assert_eq!(topic.as_deref(), Some("announce"));
}

#[test]
fn everything_that_a_client_remembers_is_bounded() {
    let mut topics = Topics::new(1);
    (0..=TOPICS_HEARD_MAX).for_each(|number| topics.subscribe(&format!("room/{number}")));
    topics.subscribe(&"x".repeat(TOPIC_BYTES_MAX + 1));
    assert_eq!(news(&mut topics).len(), 2, "one topic too many, and one whose name is too long");
    (0..=UNANSWERED_MAX).for_each(|_| _ = topics.publish(CHAT, "hi"));
    topics.publish(CHAT, &"x".repeat(10_000));
    assert_eq!((topics.unanswered(), news(&mut topics).len()), (UNANSWERED_MAX, 2));
    let players = (0..).map(|number| PlayerId([number; 10]));
    assert_eq!(players.take_while(|player| topics.block(*player, true)).count(), BLOCKED_MAX);
    let mut topics = listener(CHAT, 1);
    (1..2_000).for_each(|id| give(&mut topics, &said(3, id), 0));
    let first = news(&mut topics);
    assert_eq!(first.len(), NEWS_MAX - 1);
    give(&mut topics, &said(3, 2_000), 0);
    assert_eq!(told(&mut topics), [(NEWS_MAX as u64, 1_999), (2_000, 2_000)], "what found no place is a gap");
}

#[test]
fn a_damaged_message_changes_nothing() {
    let mut topics = listener(CHAT, 5);
    let bytes = said(3, 5).encode();
    assert!((0..bytes.len()).all(|cut| topics.handle(&bytes[..cut], 0).is_err()));
    assert!(topics.poll().is_none());
    give(&mut topics, &said(3, 5), 0);
    assert_eq!(told(&mut topics), vec![(5, 5)]);
}

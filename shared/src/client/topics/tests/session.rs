//! Topics of a player's session, and of a client without a room.

use super::*;
use crate::client::{Notice, Session, TopicClient};
use crate::game::{Game, Leave, Rules, Step};
use crate::id::Seat;
use crate::message::close::CloseCode;
use crate::message::control::{ClientControl, Hello, Welcome};
use crate::message::topics::PlayerKey;
use crate::message::{CLIENT_TOPIC, HELLO, INPUT};
use crate::state::State;
use crate::tick::Tick;

const KEY: PlayerKey = PlayerKey([7; 16]);

#[derive(State, Clone, Default)]
struct Duel {
    score: u8,
}

impl Game for Duel {
    type Input = ();
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("duel", 10);

    fn new((): &()) -> Self {
        Self::default()
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, _: &mut Step<'_, Self>) {}
}

fn welcome() -> Vec<u8> {
    let (seat, resume, tick) = (Seat::new(0), [1; 16], Tick(9));
    Welcome { seat, tick, resume, resumed: false, newest_input: None, players: Vec::new(), build: 0 }.encode()
}

/// The messages that a session sends now, without its inputs.
fn transmitted(session: &mut Session<Duel>) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| session.poll_transmit()).filter(|message| message.first() != Some(&INPUT)).collect()
}

fn connect(session: &mut Session<Duel>, now_us: u64) -> Hello {
    assert!((now_us..now_us + SECOND_US).step_by(1_000).any(|at_us| session.poll_dial(at_us)));
    session.handle_opened(now_us);
    let sent = transmitted(session);
    assert_eq!(sent.len(), 1, "nothing but the hello leaves before the welcome");
    Hello::decode(&sent[0]).unwrap()
}

#[test]
fn a_line_of_chat_waits_for_the_welcome_and_outlives_a_lost_connection() {
    let mut session = Session::<Duel>::new(" c4f-k9t", "Ada", None, 1);
    session.set_player(KEY, 40);
    assert_eq!(session.chat("hi"), 40);
    for now_us in [0, 5 * SECOND_US] {
        assert_eq!(connect(&mut session, now_us).player, Some(KEY));
        session.handle_frame(&welcome(), now_us).unwrap();
        assert_eq!(transmitted(&mut session), [publish(CHAT, 40, "hi").encode()]);
        session.handle_closed(1006, now_us);
        assert!(transmitted(&mut session).is_empty());
    }
    connect(&mut session, 10 * SECOND_US);
    session.handle_frame(&welcome(), 10 * SECOND_US).unwrap();
    transmitted(&mut session);
    let receipt = Receipt::Taken { id: 1, kept: true };
    session.handle_frame(&ServerTopic::Receipt { seq: 40, receipt }.encode(), 10 * SECOND_US).unwrap();
    assert_eq!(news(session.topics_mut()), [ServerTopic::Receipt { seq: 40, receipt }]);
    session.handle_closed(1006, 10 * SECOND_US);
    connect(&mut session, 15 * SECOND_US);
    session.handle_frame(&welcome(), 15 * SECOND_US).unwrap();
    assert!(transmitted(&mut session).is_empty());
}

#[test]
fn a_session_hears_topics_and_sends_again_when_it_has_waited() {
    let mut session = Session::<Duel>::new("C4FK9T", "Ada", None, 1);
    session.topics_mut().subscribe(CHAT);
    assert_eq!(connect(&mut session, 0).player, None);
    session.handle_frame(&welcome(), 0).unwrap();
    assert_eq!(transmitted(&mut session), [subscribe(CHAT, None).encode()]);
    session.handle_frame(&granted(CHAT, 3, 0).encode(), 0).unwrap();
    session.handle_frame(&said(3, 1).encode(), 0).unwrap();
    assert_eq!(news(session.topics_mut()).len(), 2);
    let seq = session.chat("hi");
    transmitted(&mut session);
    session.handle_frame(&refused(seq, TopicRefusal::Rate, 500).encode(), 0).unwrap();
    session.advance(400_000);
    assert!(transmitted(&mut session).is_empty());
    session.advance(500_000);
    assert_eq!(transmitted(&mut session), [publish(CHAT, seq, "hi").encode()]);
    session.handle_closed(1006, 500_000);
    session.chat("nobody hears this yet");
    assert!(transmitted(&mut session).is_empty());
}

#[test]
fn what_a_player_says_last_leaves_before_the_goodbye() {
    let mut session = Session::<Duel>::new("C4FK9T", "Ada", None, 1);
    connect(&mut session, 0);
    session.handle_frame(&welcome(), 0).unwrap();
    session.chat("good game");
    session.leave();
    session.chat("too late");
    assert_eq!(session.poll_close(0), None, "the last messages are to be sent first");
    let expected = [publish(CHAT, 0, "good game").encode(), ClientControl::Leave.encode()];
    assert_eq!(transmitted(&mut session), expected);
    assert_eq!(session.poll_close(0), Some(CloseCode::Normal));
}

#[test]
fn a_damaged_message_of_a_topic_is_counted_and_the_session_goes_on() {
    let mut session = Session::<Duel>::new("C4FK9T", "Ada", None, 1);
    connect(&mut session, 0);
    session.handle_frame(&welcome(), 0).unwrap();
    let bytes = granted(CHAT, 3, 0).encode();
    assert!(session.handle_frame(&bytes[..bytes.len() - 1], 0).is_err());
    assert_eq!(session.stats().decode_errors, 1);
    assert!(matches!(session.poll_notice(), Some(Notice::Welcome { .. })) && session.is_connected());
}

/// Opens the connection that the client asks for within ten seconds, and gives the first message on it.
fn open(client: &mut TopicClient, now_us: u64) -> (u64, Vec<u8>) {
    let dialled = (now_us..now_us + 10 * SECOND_US).step_by(10_000).find(|at_us| client.poll_dial(*at_us));
    let now_us = dialled.expect("the client dials");
    client.handle_opened(now_us);
    let hello = client.poll_transmit(now_us).expect("a hello");
    assert_eq!(client.poll_transmit(now_us), None, "topics wait for the server's first message");
    (now_us, hello)
}

fn you() -> Vec<u8> {
    ServerTopic::You { player: ADA, name: "Ada".into() }.encode()
}

#[test]
fn a_client_without_a_room_says_hello_and_goes_on_after_each_lost_connection() {
    let mut client = TopicClient::new("Ada", KEY, 9, 1);
    client.topics_mut().subscribe("announce");
    client.topics_mut().publish("lobby/duel/chat", "hi");
    let mut now_us = 0;
    for _ in 0..3 {
        let (opened_us, hello) = open(&mut client, now_us);
        now_us = opened_us;
        let hello = Hello::decode(&hello).unwrap();
        assert_eq!((hello.code.as_str(), hello.player, hello.name.as_str()), ("", Some(KEY), "Ada"));
        assert!(!client.is_connected());
        client.handle_frame(&you(), now_us).unwrap();
        assert!(client.is_connected() && client.topics().you() == Some(ADA));
        let sent: Vec<_> = core::iter::from_fn(|| client.poll_transmit(now_us)).collect();
        assert_eq!(sent, [subscribe("announce", None).encode(), publish("lobby/duel/chat", 9, "hi").encode()]);
        client.handle_closed(1012, now_us);
        assert!(!client.is_connected() && client.refusal().is_none());
    }
}

#[test]
fn a_client_without_a_room_pings_in_time_and_notices_a_silent_server() {
    let mut client = TopicClient::new("Ada", KEY, 9, 1);
    let (opened_us, _) = open(&mut client, 0);
    client.handle_frame(&you(), opened_us).unwrap();
    let mut pings = Vec::new();
    for second in 1..=90 {
        let now_us = opened_us + second * SECOND_US;
        if client.poll_ping(now_us) {
            pings.push(second);
            client.handle_alive(now_us);
        }
        assert_eq!(client.poll_close(now_us), None);
    }
    assert_eq!(pings, [20, 40, 60, 80]);
    let silent_us = (91..200).map(|second| opened_us + second * SECOND_US).find(|now_us| {
        client.poll_ping(*now_us);
        client.poll_close(*now_us) == Some(CloseCode::Silent)
    });
    assert_eq!(silent_us, Some(opened_us + 126 * SECOND_US));
    client.handle_closed(CloseCode::Silent.number(), opened_us);
    open(&mut client, opened_us + 126 * SECOND_US);
}

#[test]
fn an_attempt_without_an_answer_is_given_up_and_a_refusal_is_final() {
    let mut client = TopicClient::new("Ada", KEY, 9, 1);
    let (opened_us, _) = open(&mut client, 0);
    assert_eq!(client.poll_close(opened_us + SECOND_US), None);
    assert_eq!(client.poll_close(opened_us + 10 * SECOND_US), Some(CloseCode::Silent));
    assert_eq!(client.poll_close(opened_us + 10 * SECOND_US), None, "once for each connection");
    client.handle_closed(CloseCode::Silent.number(), opened_us + 10 * SECOND_US);
    let (opened_us, first) = open(&mut client, opened_us + 10 * SECOND_US);
    assert_eq!(first.first(), Some(&HELLO));
    client.handle_closed(CloseCode::Version.number(), opened_us);
    assert_eq!(client.refusal(), Some(CloseCode::Version));
    assert!((0..60).all(|second| !client.poll_dial(opened_us + second * SECOND_US)));
    assert!(client.handle_frame(&[CLIENT_TOPIC], opened_us).is_err());
}

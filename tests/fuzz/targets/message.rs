//! Messages of both directions: any bytes to a room and to a client session that hears topics, with ticks and frames in
//! between.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickwire::Game;
use tickwire::client::Session;
use tickwire::message::SERVER_TOPIC;
use tickwire::message::control::{ClientControl, Hello, ServerControl, Welcome};
use tickwire::message::topics::{ClientTopic, ServerTopic};
use tickwire_games::Arena;
use tickwire_server::room::{Room, SnapshotPoll};

fuzz_target!(|messages: Vec<Vec<u8>>| {
    let mut room = Room::<Arena>::new(1, &<Arena as Game>::Options::default(), false);
    let hello = Hello::of::<Arena>("C4FK9T", "fuzz");
    let entered = room.enter(&hello, [1; 16]).expect("an empty room");
    let mut session = Session::<Arena>::new("C4FK9T", "fuzz", None, 1);
    session.poll_dial(0);
    session.handle_opened(0);
    let _ = session.handle_frame(&entered.welcome, 0);
    session.topics_mut().subscribe("room/C4FK9T");
    session.topics_mut().subscribe("announce");
    session.chat("hi");
    let mut now_us = 0;
    for message in &messages {
        now_us += 33_333;
        if let Ok(hello) = Hello::decode(message) {
            assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }
        if let Ok(control) = ClientControl::decode(message) {
            assert_eq!(ClientControl::decode(&control.encode()), Ok(control));
        }
        if let Ok(control) = ServerControl::decode(message) {
            assert_eq!(ServerControl::decode(&control.encode()), Ok(control));
        }
        if let Ok(welcome) = Welcome::decode(message) {
            assert_eq!(Welcome::decode(&welcome.encode()), Ok(welcome));
        }
        if let Ok(topic) = ClientTopic::decode(message) {
            assert_eq!(ClientTopic::decode(&topic.encode()), Ok(topic));
        }
        if let Ok(topic) = ServerTopic::decode(message) {
            assert_eq!(ServerTopic::decode(&topic.encode()), Ok(topic));
        }
        let _ = room.receive(entered.member, message);
        room.tick();
        if let SnapshotPoll::Frame(frame) = room.poll_snapshot(entered.member) {
            let _ = session.handle_frame(&[frame.head, frame.shared, frame.own].concat(), now_us);
        }
        let _ = session.handle_frame(message, now_us);
        // Few inputs begin with the kind byte by themselves.
        let _ = session.handle_frame(&[&[SERVER_TOPIC], message.as_slice()].concat(), now_us);
        session.advance(now_us);
        session.view(now_us);
        while session.poll_transmit().is_some() {}
        while session.topics_mut().poll().is_some() {}
    }
});

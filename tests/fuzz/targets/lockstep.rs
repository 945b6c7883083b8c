//! Lockstep: real messages with single bytes changed, and any bytes, to a room and to a client that plays in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickwire::client::Session;
use tickwire::message::control::Hello;
use tickwire::message::evidence::{ClientEvidence, ServerEvidence};
use tickwire::state::Schema;
use tickwire::world::full_state::FullState;
use tickwire_games::Paddles;
use tickwire_server::room::{Room, SnapshotPoll};

/// The mischief of one tick: a byte of the server's message is changed, or room and client receive made-up bytes.
type Mischief = (u8, u16, u8, Vec<u8>);

fuzz_target!(|ticks: Vec<Mischief>| {
    let schema = Schema::of::<Paddles>();
    let mut room = Room::<Paddles>::new(1, &(), false);
    let entered = room.enter(&Hello::of::<Paddles>("C4FK9T", "fuzz"), [1; 16]).expect("an empty room");
    let mut session = Session::<Paddles>::new("C4FK9T", "fuzz", None, 1);
    session.poll_dial(0);
    session.handle_opened(0);
    let _ = session.handle_frame(&entered.welcome, 0);
    let mut now_us = 0;
    for (what, place, byte, made_up) in ticks.iter().take(600) {
        now_us += 16_667;
        if let Ok(full_state) = FullState::decode(&schema, made_up) {
            let mut again = Vec::new();
            full_state.encode(&schema, &mut again);
            assert_eq!(&again, made_up);
        }
        if let Ok(evidence) = ClientEvidence::decode(made_up) {
            assert_eq!(ClientEvidence::decode(&evidence.encode()), Ok(evidence));
        }
        if let Ok(evidence) = ServerEvidence::decode(made_up) {
            assert_eq!(ServerEvidence::decode(&evidence.encode()), Ok(evidence));
        }
        if what & 1 != 0 {
            let _ = room.receive(entered.member, made_up);
            let _ = session.handle_frame(made_up, now_us);
        }
        room.tick();
        while let Some(message) = room.poll_message(entered.member) {
            let _ = session.handle_frame(&message, now_us);
        }
        if let SnapshotPoll::Frame(frame) = room.poll_snapshot(entered.member) {
            let mut message = [frame.head, frame.shared, frame.own].concat();
            if what & 2 != 0 {
                let place = usize::from(*place) % message.len();
                message[place] = *byte;
            }
            let _ = session.handle_frame(&message, now_us);
        }
        session.advance(now_us);
        session.view(now_us);
        while let Some(message) = session.poll_transmit() {
            let _ = room.receive(entered.member, &message);
        }
        while room.poll_autopsy().is_some() {}
    }
});

//! Messages that were cut, damaged or made up: a decoder gives an error or a value for each, and an error changes
//! nothing.

use crate::harness::visible_world;
use crate::zoo::{Control, Zoo, any_successor, any_world};
use proptest::prelude::*;
use tickwire::client::Session;
use tickwire::input::{Ack, InputCodec, InputFrame, ViewAge};
use tickwire::limits::{CLIENT_MESSAGE_BYTES_MAX, NAME_BYTES_MAX, SEATS_MAX, TEXT_BYTES_MAX, TOPIC_BYTES_MAX};
use tickwire::message::PROTOCOL_VERSION;
use tickwire::message::control::{ClientControl, Hello, Player, ServerControl, Welcome, fingerprint};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::message::topics::{Author, ClientTopic, PlayerId, Receipt, ServerTopic};
use tickwire::replication::{Encoder, Replica};
use tickwire::state::Schema;
use tickwire::wire::{DecodeError, Reader};
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Rng, Seat, Tick};
use tickwire_server::room::{MemberId, Room, SnapshotPoll};

fn hello() -> Hello {
    Hello { resume: Some([7; 16]), known: Some(Tick(700)), build: 0xb0b, ..Hello::of::<Zoo>("C4FK9T", "Ada") }
}

fn player(number: u8) -> Player {
    Player { seat: seat(number), name: "Ada".into(), bot: false, away: false }
}

fn welcome() -> Welcome {
    Welcome {
        seat: Some(seat(1)),
        tick: Tick(700),
        resume: [9; 16],
        resumed: false,
        newest_input: Some(Tick(690)),
        players: vec![player(0), player(1)],
        build: 0xada,
    }
}

fn input_frame() -> Vec<u8> {
    let (mut dice, codec) = (Rng::new(3), InputCodec::new());
    let ack = Some(Ack { tick: Tick(0), hash: 0 });
    let mut frame =
        InputFrame::one(Tick(2), codec.quantize(tickwire::Game::bot(&Zoo::default(), seat(0), &mut dice)), ack, false);
    frame.count = 3;
    frame.ages = std::array::from_fn(|index| ViewAge::from_parts([7, 0, 250][index % 3]));
    let mut message = Vec::new();
    codec.encode(&frame, &mut message);
    message
}

fn seat(number: u8) -> Seat {
    Seat::new(number).expect("a seat")
}

/// Every message a client sends after its hello.
fn client_messages() -> Vec<Vec<u8>> {
    let start = ClientControl::Start(r#"{"teams":3}"#.into());
    vec![input_frame(), ClientControl::Leave.encode(), start.encode()]
}

/// Every message a room sends, snapshots with and without a baseline among them, in order.
fn server_messages() -> Vec<Vec<u8>> {
    let mut room = Room::<Zoo>::new(1, &(), false);
    let member = enter(&mut room);
    let mut messages = vec![welcome().encode()];
    let owned = ServerControl::Room { owner: Some(seat(2)), locked: true, matches: 300 };
    let fault = ServerControl::NotStarted { fault: "teams is 9, and has to be 2 to 4".into() };
    let controls = [ServerControl::Player(player(2)), ServerControl::Left { seat: seat(2) }, owned, fault];
    messages.extend(controls.iter().map(ServerControl::encode));
    messages.extend(server_topics().iter().map(ServerTopic::encode));
    for _ in 0..3 {
        room.receive(member, &input_frame()).expect("a good message");
        room.tick();
        let SnapshotPoll::Frame(frame) = room.poll_snapshot(member) else { panic!("a snapshot is due") };
        messages.push([frame.head, frame.shared, frame.own].concat());
    }
    messages
}

/// What a server says about topics to a session that has asked for `announce`.
fn server_topics() -> [ServerTopic; 6] {
    let (number, player) = (3, PlayerId([1; 10]));
    let from = Some(Author { player, name: "Ada".into() });
    let (topic, bytes_max, may_publish) = ("announce".into(), 512, false);
    [
        ServerTopic::You { player, name: "Ada".into() },
        ServerTopic::Granted { number, topic, newest: 7, may_publish, bytes_max },
        ServerTopic::Message { number, id: 8, key: "".into(), from, at_ms: 1 << 41, body: "hi".into() },
        ServerTopic::Gap { number, from: 9, to: 11 },
        ServerTopic::Marked { number, player, delivered: 8, read: 7 },
        ServerTopic::Receipt { seq: 0, receipt: Receipt::Taken { id: 12, kept: true } },
    ]
}

/// A member that has sent an input: the room holds the seat of such a member when it is lost.
fn enter(room: &mut Room<Zoo>) -> MemberId {
    let member = room.enter(&Hello { resume: None, ..hello() }, [1; 16]).expect("there is room").member;
    room.receive(member, &input_frame()).expect("a good message");
    member
}

/// Calls `try_it` with every truncation and every flip of one bit.
fn damage(message: &[u8], mut try_it: impl FnMut(&[u8])) {
    for cut in 0..message.len() {
        try_it(&message[..cut]);
    }
    let mut flipped = message.to_vec();
    for bit in 0..message.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        try_it(&flipped);
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    flipped.push(0);
    try_it(&flipped);
}

#[test]
fn a_damaged_control_message_is_refused_or_is_a_value_that_can_be_encoded_again() {
    fn check<M: std::fmt::Debug + PartialEq>(
        message: &M,
        bytes: &[u8],
        encode: fn(&M) -> Vec<u8>,
        decode: fn(&[u8]) -> Result<M, DecodeError>,
    ) {
        assert_eq!(decode(bytes).as_ref(), Ok(message));
        damage(bytes, |damaged| {
            if let Ok(other) = decode(damaged) {
                assert_eq!(decode(&encode(&other)), Ok(other), "a decoded value can be encoded again");
            }
        });
    }
    check(&hello(), &hello().encode(), Hello::encode, Hello::decode);
    check(&welcome(), &welcome().encode(), Welcome::encode, Welcome::decode);
    check(&ClientControl::Leave, &ClientControl::Leave.encode(), ClientControl::encode, ClientControl::decode);
    let room = ServerControl::Room { owner: None, locked: false, matches: u16::MAX };
    let fault = ServerControl::NotStarted { fault: "no options".into() };
    for control in [ServerControl::Player(player(3)), ServerControl::Left { seat: seat(3) }, room, fault] {
        check(&control, &control.encode(), ServerControl::encode, ServerControl::decode);
    }
    for topic in server_topics() {
        check(&topic, &topic.encode(), ServerTopic::encode, ServerTopic::decode);
    }
    for topic in [
        ClientTopic::Subscribe { topic: "announce".into(), after: Some(7) },
        ClientTopic::Publish { topic: "room/C4FK9T".into(), seq: 1 << 40, body: "hi, all".into() },
        ClientTopic::Mark { number: 3, id: 8, read: true },
        ClientTopic::Block { player: PlayerId([2; 10]), blocked: true },
        ClientTopic::Leave { number: 3 },
    ] {
        check(&topic, &topic.encode(), ClientTopic::encode, ClientTopic::decode);
    }
}

#[test]
fn the_longest_messages_of_a_client_and_a_full_room_are_within_their_bounds() {
    let widest = "\u{1f980}";
    let longest =
        Hello { name: widest.repeat(TEXT_BYTES_MAX / widest.len()), fingerprint: u64::MAX, build: u64::MAX, ..hello() }
            .encode();
    assert!(longest.len() <= CLIENT_MESSAGE_BYTES_MAX);
    assert!(Hello::decode(&longest).is_ok());
    let (topic, body) = ("x".repeat(TOPIC_BYTES_MAX), widest.repeat(TEXT_BYTES_MAX / widest.len()));
    let chat = ClientTopic::Publish { topic, seq: u64::MAX, body };
    assert!(chat.encode().len() <= CLIENT_MESSAGE_BYTES_MAX);
    assert_eq!(ClientTopic::decode(&chat.encode()), Ok(chat));
    let name = widest.repeat(NAME_BYTES_MAX / widest.len());
    let players = (0..SEATS_MAX).map(|seat| Player { name: name.clone(), ..player(seat) }).collect();
    let full = Welcome { tick: Tick(u32::MAX), players, build: u64::MAX, ..welcome() };
    assert_eq!(Welcome::decode(&full.encode()), Ok(full), "a full room with the longest names");
}

#[test]
fn a_damaged_client_message_closes_its_member_at_most_and_changes_no_world() {
    for message in client_messages() {
        damage(&message, |damaged| {
            let (mut room, mut other) = (Room::<Zoo>::new(1, &(), false), Room::<Zoo>::new(1, &(), false));
            let (member, twin) = (enter(&mut room), enter(&mut other));
            let outcome = room.receive(member, damaged);
            let is_input = damaged.first() == Some(&tickwire::message::INPUT);
            if outcome.is_err() {
                room.lost(member);
                other.lost(twin);
            }
            room.tick();
            other.tick();
            let (hash, expected) = (room.world_hash(), other.world_hash());
            // A damaged input that still decodes may be played, and a damaged message that decodes as a leave empties a
            // seat.
            if outcome.is_err() && !is_goodbye(damaged) || outcome.is_ok() && !is_input {
                assert_eq!(hash, expected, "{damaged:02x?} gave {outcome:?}");
            }
        });
    }
}

fn is_goodbye(message: &[u8]) -> bool {
    ClientControl::decode(message) == Ok(ClientControl::Leave)
}

#[test]
fn a_damaged_hello_enters_the_room_only_if_it_still_names_the_same_game() {
    let message = hello().encode();
    damage(&message, |damaged| {
        let Ok(hello) = Hello::decode(damaged) else { return };
        let mut room = Room::<Zoo>::new(1, &(), false);
        let entered = room.enter(&hello, [1; 16]).is_ok();
        let same = (PROTOCOL_VERSION, "zoo", fingerprint::<Zoo>());
        assert_eq!(entered, (hello.protocol, &*hello.game, hello.fingerprint) == same);
        assert_eq!(room.summary().players, u8::from(entered && !hello.watches));
    });
}

#[test]
fn a_damaged_server_message_that_is_refused_leaves_the_confirmed_world_as_it_was() {
    let messages = server_messages();
    for (position, message) in messages.iter().enumerate() {
        damage(message, |damaged| {
            let mut session = session_after(&messages[..position]);
            let before = session.confirmed().clone();
            let outcome = session.handle_frame(damaged, 5_000);
            if outcome.is_err() {
                assert_eq!(session.confirmed(), &before, "{damaged:02x?}");
            }
            // The session has to live on after the damage, whether it refused the message or not: the next message must
            // not make it panic.
            session.advance(60_000);
            session.view(60_000);
            let _ = messages.get(position + 1).map(|next| session.handle_frame(next, 70_000));
            session.advance(120_000);
        });
    }
}

/// A session that has received these messages.
fn session_after(messages: &[Vec<u8>]) -> Session<Zoo> {
    let mut session = Session::new("C4FK9T", "Ada", None, 1);
    session.topics_mut().subscribe("announce");
    assert!(session.poll_dial(0));
    session.handle_opened(0);
    for message in messages {
        session.handle_frame(message, 1_000).expect("these are good");
    }
    session
}

/// A world and its successor, each with the sections that lead to it for seat 0.
fn two_worlds(seed: u64) -> [(Snapshot, Vec<u8>); 2] {
    let (schema, mut dice) = (Schema::of::<Zoo>(), Rng::new(seed));
    let first = any_world(&mut dice);
    let second = any_successor(&first, &mut dice);
    let encode = |base: Option<&Snapshot>, now: &Snapshot| {
        let mut bytes = Vec::new();
        for topic in [Topic::Room, Topic::Seat(seat(0))] {
            Encoder::new(&schema).encode(&schema, topic, base, now, topic != Topic::Room, &mut bytes);
        }
        bytes
    };
    let (keyframe, delta) = (encode(None, &first), encode(Some(&first), &second));
    [(first, keyframe), (second, delta)]
}

#[test]
fn a_damaged_section_never_leads_to_another_world() {
    let schema = Schema::of::<Zoo>();
    for seed in 0..6 {
        let [(first, keyframe), (second, delta)] = two_worlds(seed);
        let empty = Replica::empty(&schema);
        let mut keyed = empty.clone();
        keyed.apply(&schema, first.tick, &keyframe).expect("a good keyframe");
        for (replica, world, bytes) in [(&empty, &first, &keyframe), (&keyed, &second, &delta)] {
            let expected = visible_world(&schema, world, seat(0));
            damage(bytes, |damaged| {
                let mut changed = replica.clone();
                match changed.apply(&schema, world.tick, damaged) {
                    Err(_) => assert_eq!(changed.world(), replica.world(), "all or nothing"),
                    Ok(_) => assert_eq!(changed.world(), &expected, "{damaged:02x?}"),
                }
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn made_up_messages_are_errors_or_values(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_usize..7) {
        let kinds = [0x01, 0x02, 0x03, 0x81, 0x82, 0xc0, 0xcf];
        let mut message = vec![kinds[kind]];
        message.extend_from_slice(&bytes);
        let _ = Hello::decode(&message);
        let _ = InputCodec::<Control>::new().decode(&message);
        let _ = SnapshotHead::decode(&mut Reader::new(&message), Tick(7));
        let mut room = Room::<Zoo>::new(1, &(), false);
        let member = enter(&mut room);
        let _ = room.receive(member, &message);
        room.tick();
        let mut session = session_after(&[welcome().encode()]);
        let _ = session.handle_frame(&message, 9_000);
        session.advance(200_000);
        let (schema, mut replica) = (Schema::of::<Zoo>(), Replica::empty(&Schema::of::<Zoo>()));
        let before = replica.world().clone();
        if replica.apply(&schema, Tick(1), &bytes).is_err() {
            prop_assert_eq!(replica.world(), &before);
        }
    }
}

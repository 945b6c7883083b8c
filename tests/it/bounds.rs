//! The harm that one address, one member or one room can do to others: nothing that they notice.

use crate::player::{Player, Witness};
use crate::socket::{Socket, api, binary, create_room, hello, metric, neutral_input};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, Hello, ServerControl};
use tickwire::{Game, Input, Leave, Rules, Seat, State, Step};
use tickwire_games::{Arena, Paddles};
use tickwire_server::room::{GameSchemas, MemberId, Origin, Room, RoomLimits, RoomSetup, SnapshotPoll};
use tickwire_server::{Config, Running, Server, Signals, ThreadFault};

/// A game that misbehaves as its options say.
#[derive(State, Clone, Default)]
struct Rogue {
    ticks: u32,
    hangs: bool,
}

/// The ways in which [`Rogue`] misbehaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RogueOptions {
    /// Milliseconds that it takes to make a world.
    making_ms: u64,
    /// Whether making a world panics.
    panics: bool,
    /// Whether a step never ends.
    hangs: bool,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Nothing {
    none: bool,
}

/// Lets a step that never ends come to an end after all, so that the test's process can go on.
static RELEASED: AtomicBool = AtomicBool::new(false);

impl Game for Rogue {
    type Input = Nothing;
    type Event = ();
    type Options = RogueOptions;
    const RULES: Rules = Rules::new("rogue", 30);

    fn new(options: &RogueOptions) -> Self {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(options.making_ms) {
            thread::yield_now();
        }
        assert!(!options.panics, "planted: no world can be made");
        Self { ticks: 0, hangs: options.hangs }
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, _: &mut Step<'_, Self>) {
        self.ticks += 1;
        while self.hangs && !RELEASED.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}

fn start_with(config: Config) -> (Running, SocketAddr) {
    let server = Server::new(config).game::<Paddles>().game::<Arena>().game::<Rogue>();
    let running = server.start().expect("a free port");
    let address = running.address();
    (running, address)
}

fn start() -> (Running, SocketAddr) {
    start_with(Config::on_free_ports())
}

/// The status of a request for a room with these options.
fn create(address: SocketAddr, game: &str, options: &str) -> u16 {
    api(address, "POST", "/api/rooms", &format!("{{\"game\":\"{game}\",\"options\":{options}}}")).0
}

fn enter(room: &mut Room<Arena>, name: &str, number: u8) -> MemberId {
    let hello = Hello { name: name.into(), ..hello::<Arena>("222222") };
    room.enter(&hello, [number; 16]).expect("a free seat").member
}

fn messages(room: &mut Room<Arena>, member: MemberId) -> Vec<ServerControl> {
    std::iter::from_fn(|| room.poll_message(member))
        .map(|message| ServerControl::decode(&message).expect("a control message"))
        .collect()
}

#[test]
fn people_who_come_and_go_in_a_flood_close_nobody() {
    let (_running, address) = start();
    let code = create_room(address, "arena");
    let witness = Witness::watch::<Arena>(address, &code);
    for _ in 0..3 {
        let mut visitors: Vec<_> = (0..60).map(|_| Socket::open(address)).collect();
        let visit = [binary(&hello::<Arena>(&code).encode()), binary(&ClientControl::Leave.encode())].concat();
        visitors.iter_mut().for_each(|visitor| visitor.send(&visit));
        visitors.iter_mut().for_each(|visitor| assert_eq!(visitor.close_code(), Some(1000)));
    }
    witness.finish();
}

/// A hello of somebody else, from another address.
fn come(room: &mut Room<Arena>, number: u8, from: u64, watches: bool) -> Result<MemberId, CloseCode> {
    let hello = Hello { watches, ..hello::<Arena>("222222") };
    room.enter_from(&hello, [number; 16], Origin::of(from)).map(|entered| entered.member)
}

fn room_for(seats_per_origin_max: u8) -> Room<Arena> {
    let limits = RoomLimits { seats_per_origin_max, ..RoomLimits::default() };
    let setup = RoomSetup { secret: 1.into(), bots: 0, has_owner: false, limits, build: 0 };
    Room::with_schemas(&GameSchemas::new(), setup, &Default::default())
}

#[test]
fn one_address_has_so_many_seats_held_ones_included_and_leaves_the_others_to_others() {
    let mut room = room_for(4);
    let members: Vec<_> = (0..4).map(|number| come(&mut room, number, 7, false).expect("a seat")).collect();
    assert_eq!(come(&mut room, 9, 7, false), Err(CloseCode::Full));
    let acknowledged = neutral_input::<Arena>();
    members.iter().for_each(|member| room.receive(*member, &acknowledged).expect("an input"));
    members.iter().for_each(|member| room.lost(*member));
    room.tick();
    assert_eq!(come(&mut room, 9, 7, false), Err(CloseCode::Full), "the seats are held");
    assert!(come(&mut room, 10, 8, false).is_ok(), "another address has seats of its own");
    let resumed = Hello { resume: Some([0; 16]), ..hello::<Arena>("222222") };
    let back = room.enter_from(&resumed, [20; 16], Origin::of(7)).expect("its own seat").member;
    assert!(room.receive(back, &ClientControl::Leave.encode()).is_err(), "it leaves");
    assert!(come(&mut room, 11, 7, false).is_ok(), "a seat that was left counts no more");
    assert!((0..8).all(|number| enter_exempt(&mut room, number + 30)), "this machine is exempt");
}

fn enter_exempt(room: &mut Room<Arena>, number: u8) -> bool {
    room.enter(&hello::<Arena>("222222"), [number; 16]).is_ok()
}

#[test]
fn one_address_does_not_take_all_places_of_spectators() {
    let mut room = room_for(4);
    assert!((0..16).all(|number| come(&mut room, number, 7, true).is_ok()));
    assert_eq!(come(&mut room, 16, 7, true), Err(CloseCode::Full));
    assert!(come(&mut room, 17, 8, true).is_ok());
}

#[test]
fn a_player_who_comes_back_again_and_again_has_to_wait() {
    let mut room = room_for(4);
    let mut token = [1; 16];
    let entered = room.enter_from(&hello::<Arena>("222222"), token, Origin::of(7)).expect("a seat");
    room.receive(entered.member, &neutral_input::<Arena>()).expect("an input");
    for number in 2..32 {
        let resumed = Hello { resume: Some(token), ..hello::<Arena>("222222") };
        token = [number; 16];
        assert!(room.enter_from(&resumed, token, Origin::of(7)).is_ok(), "time {number}");
    }
    let resumed = Hello { resume: Some(token), ..hello::<Arena>("222222") };
    assert_eq!(room.enter_from(&resumed, [40; 16], Origin::of(7)).err(), Some(CloseCode::Rate));
    (0..61 * Arena::RULES.tick_rate_hz).for_each(|_| _ = room.tick());
    let late = room.enter_from(&resumed, [41; 16], Origin::of(7));
    assert!(late.is_ok(), "a minute later: {late:?}");
}

#[test]
fn one_address_enters_a_room_only_so_often() {
    let (_running, address) = start();
    let code = create_room(address, "arena");
    let witness = Witness::watch::<Arena>(address, &code);
    let visit = [binary(&hello::<Arena>(&code).encode()), binary(&ClientControl::Leave.encode())].concat();
    let codes: Vec<_> = (0..40)
        .map(|_| {
            let mut socket = Socket::open_from(address, "X-Forwarded-For: 198.51.100.7\r\n");
            socket.send(&visit);
            socket.close_code()
        })
        .collect();
    let entered = codes.iter().filter(|code| **code == Some(1000)).count();
    let refused = codes.iter().filter(|code| **code == Some(4006)).count();
    assert!((24..32).contains(&entered) && entered + refused == 40, "{codes:?}");
    let mut other = Socket::open_from(address, "X-Forwarded-For: 198.51.100.8\r\n");
    other.send(&visit);
    assert_eq!(other.close_code(), Some(1000), "another address may enter");
    witness.finish();
}

#[test]
fn a_member_that_reads_nothing_is_told_who_is_in_which_seat_now_and_not_the_way_there() {
    let mut room = Room::<Arena>::new(1, &Default::default(), false);
    let slow = enter(&mut room, "slow", 1);
    for visit in 0..500_u32 {
        let guest = enter(&mut room, &format!("guest {visit}"), 2);
        assert!(room.receive(guest, &ClientControl::Leave.encode()).is_err(), "it leaves");
    }
    enter(&mut room, "last", 2);
    room.tick();
    let told = messages(&mut room, slow);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(matches!(&told[0], ServerControl::Player(player) if player.name == "last"), "{told:?}");
    assert!(!matches!(room.poll_snapshot(slow), SnapshotPoll::Close(_)), "nothing of this was its own fault");
}

#[test]
fn rooms_in_which_nobody_is_do_not_tick() {
    let (running, address) = start();
    for _ in 0..50 {
        assert_eq!(create(address, "arena", "null"), 201);
    }
    let mut player = Player::<Arena>::join(address, &create_room(address, "arena"));
    assert!(player.play_until(|player| player.snapshots.len() >= 60), "two seconds pass");
    let ticks = metric(&running, "tickwire_ticks_total");
    assert!((60.0..120.0).contains(&ticks), "{ticks} ticks, where one room in which somebody is has made 60");
}

#[test]
fn a_server_without_memory_left_makes_no_room_and_says_so() {
    let (_running, address) = start_with(Config { memory_bytes_max: 1, ..Config::on_free_ports() });
    assert_eq!(create(address, "arena", "null"), 503);
    assert_eq!(api(address, "POST", "/api/match", r#"{"game":"arena"}"#).0, 503);
    let (_, rooms) = api(address, "GET", "/api/rooms", "");
    assert_eq!(rooms.as_array().map(Vec::len), Some(0), "{rooms}");
}

#[test]
fn a_world_that_takes_long_to_make_delays_no_tick_and_one_that_cannot_be_made_is_an_error() {
    let (_running, address) = start();
    let witness = Witness::watch::<Paddles>(address, &create_room(address, "paddles"));
    let asked = Instant::now();
    assert_eq!(create(address, "rogue", r#"{"making_ms":1500}"#), 201, "it takes its time");
    assert!(asked.elapsed() >= Duration::from_millis(1500), "the room is there when the answer is");
    assert_eq!(create(address, "rogue", r#"{"panics":true}"#), 503);
    assert_eq!(create(address, "rogue", r#"{"making_ms":7000}"#), 503, "it takes too long");
    witness.finish();
}

#[test]
fn two_people_who_look_for_a_match_at_once_meet_while_its_room_is_made() {
    let (_running, address) = start();
    let codes: Vec<_> = thread::scope(|scope| {
        let ask = || api(address, "POST", "/api/match", r#"{"game":"paddles"}"#).1["code"].to_string();
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    let rooms: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(rooms.len(), 2, "four people, two to a room: {codes:?}");
}

#[test]
fn a_step_that_never_ends_ends_the_server_with_the_name_of_the_thread() {
    let (running, address) = start();
    let (_, room) = api(address, "POST", "/api/rooms", r#"{"game":"rogue","options":{"hangs":true}}"#);
    let code = room["code"].as_str().expect("a code").to_owned();
    let mut socket = Socket::open(address);
    socket.send(&binary(&hello::<Rogue>(&code).encode()));
    socket.welcome();
    let signals = Signals::listen().expect("signals can be taken over");
    let stalled = ThreadFault::Stalled { name: "shard-0".into(), seconds: 10 };
    assert_eq!(running.run_until_signal(signals), Err(stalled));
    RELEASED.store(true, Ordering::Relaxed);
}

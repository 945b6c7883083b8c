//! A shard with real sockets: entering, ticking, closing, and rooms that panic.

mod fragile;
mod moving;
mod places;
mod studio;
mod survival;
mod written_first;

use super::*;
use crate::games::{OfferedGame, RoomPlan};
use crate::limits::{EMPTY_ROOM_MAX, LOAD_PERCENT_MAX, STALL_MAX};
use crate::room::{Entrant, RoomLimits, RoomSetup, Summary};
use crate::socket::Socket;
use crate::topics::player_id;
use crate::websocket::address::ConnectionCounts;
use crate::websocket::frame::{FrameLimits, FrameReader, put_message};
use fragile::{CRACKING, Fragile, HARD, LOUD, Poke, UNREADABLE};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;
use tickwire::Tick;
use tickwire::input::{InputCodec, InputFrame};
use tickwire::message::control::{Hello, Welcome};
use tickwire::message::topics::PlayerKey;
use tickwire::message::{SNAPSHOT, WELCOME};

/// A shard on its thread, or the slow lane of one.
struct Running {
    commands: mpsc::Sender<ShardCommand>,
    reports: tokio::sync::mpsc::Receiver<Report>,
    metrics: Arc<Metrics>,
    thread: JoinHandle<()>,
}

fn run() -> Running {
    let (commands, inbox) = mpsc::channel();
    run_with(commands.clone(), commands, inbox, false)
}

fn run_with(
    commands: mpsc::Sender<ShardCommand>,
    home: mpsc::Sender<ShardCommand>,
    inbox: Receiver<ShardCommand>,
    is_slow_lane: bool,
) -> Running {
    let (setup, reports) = setup(home, inbox, is_slow_lane);
    start(commands, setup, reports, |setup| Shard::new(setup).run())
}

/// Has `work` run the shard on a thread of its own.
fn start(
    commands: mpsc::Sender<ShardCommand>,
    setup: ShardSetup,
    reports: tokio::sync::mpsc::Receiver<Report>,
    work: impl FnOnce(ShardSetup) + Send + 'static,
) -> Running {
    let metrics = Arc::clone(&setup.metrics);
    Running { commands, reports, metrics, thread: std::thread::spawn(move || work(setup)) }
}

fn setup(
    home: mpsc::Sender<ShardCommand>,
    inbox: Receiver<ShardCommand>,
    is_slow_lane: bool,
) -> (ShardSetup, tokio::sync::mpsc::Receiver<Report>) {
    let (reports, receiver) = tokio::sync::mpsc::channel(64);
    let (metrics, load) = (Arc::new(Metrics::new()), Arc::new(Load::default()));
    let setup = ShardSetup {
        topics: TopicsInbox::new(0, tokio::sync::mpsc::channel(64).0),
        inbox,
        home,
        reports,
        numbers: metrics.enter_shard(0, is_slow_lane, &load),
        metrics,
        clock: Clock::start(),
        is_slow_lane,
        health: ThreadHealth::new("shard", STALL_MAX),
        lane_health: ThreadHealth::new("lane", STALL_MAX),
        load,
        load_percent_max: LOAD_PERCENT_MAX,
        journal: None,
    };
    (setup, receiver)
}

fn made(seed: u64) -> MadeRoom {
    let offered = OfferedGame::of::<Fragile>();
    let setup = RoomSetup {
        secret: seed.into(),
        bots: 0,
        has_owner: false,
        limits: RoomLimits { seats_per_origin_max: 2, ..RoomLimits::default() },
        build: 0,
    };
    let plan = RoomPlan { setup, options: serde_json::Value::Null };
    MadeRoom {
        rate_hz: offered.rules.tick_rate_hz,
        room: (offered.make)(&plan).unwrap(),
        chronicle: None,
        header: None,
    }
}

impl Running {
    fn open(&self, room: RoomId) {
        self.commands.send(Command::Open { room, made: Box::new(made(room.0)) }.into()).unwrap();
    }

    /// A player's end of a connection to a room.
    fn enter(&self, room: RoomId) -> TcpStream {
        let (player, arrival) = arrival();
        self.let_in(room, arrival);
        player
    }

    fn let_in(&self, room: RoomId, arrival: Box<NewConnection>) {
        self.commands.send(Command::Enter { room, arrival, detours: 0 }.into()).unwrap();
    }

    fn stop(self, code: CloseCode) {
        self.commands.send(Command::Stop(code).into()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Both ends of a connection of a player that is about to enter.
fn arrival() -> (TcpStream, Box<NewConnection>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let player = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = listener.accept().unwrap().0;
    stream.set_nonblocking(true).unwrap();
    let hello = Hello::of::<Fragile>("222222", "Ada");
    let counted = ConnectionCounts::new(1).count(None).unwrap();
    let reader = FrameReader::new(FrameLimits::CLIENT);
    (
        player,
        Box::new(NewConnection {
            socket: Socket::plain(stream),
            reader,
            hello,
            token: [1; 16],
            only_by_token: None,
            entrant: Entrant::default(),
            identity: None,
            guest: player_id(PlayerKey([1; 16])),
            counted,
        }),
    )
}

/// The next message, or the code of a close frame. Messages here are short.
fn receive(player: &mut TcpStream) -> Result<Vec<u8>, u16> {
    let mut head = [0; 2];
    player.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1])];
    player.read_exact(&mut payload).unwrap();
    if head[0] == 0x88 { Err(u16::from_be_bytes([payload[0], payload[1]])) } else { Ok(payload) }
}

fn close_code(player: &mut TcpStream) -> u16 {
    loop {
        if let Err(code) = receive(player) {
            return code;
        }
    }
}

fn poke(player: &mut TcpStream, tick: Tick, poke: Poke) {
    player.write_all(&poke_frame(tick, poke)).unwrap();
}

fn poke_frame(tick: Tick, poke: Poke) -> Vec<u8> {
    let (mut message, mut frame) = (Vec::new(), Vec::new());
    let input = InputFrame::one(tick, poke, None, false);
    InputCodec::new().encode(&input, &mut message);
    put_message(&mut frame, &message);
    // A mask of zeros makes the frame a masked one and leaves its bytes as they are.
    frame[1] |= 0x80;
    frame.splice(2..2, [0; 4]);
    frame
}

#[test]
fn a_member_receives_a_welcome_and_every_tick() {
    let shard = run();
    shard.open(RoomId(1));
    let mut player = shard.enter(RoomId(1));
    assert_eq!(receive(&mut player).map(|message| message[0]), Ok(WELCOME));
    let ticks: Vec<u8> = (0..20)
        .map(|_| receive(&mut player).unwrap())
        .map(|snapshot| {
            assert!(snapshot[0] >= SNAPSHOT);
            snapshot[1]
        })
        .collect();
    assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ticks:?}");
    shard.stop(CloseCode::Restart);
    assert_eq!(close_code(&mut player), CloseCode::Restart.number());
}

#[test]
fn a_panic_that_no_attempt_avoids_ends_its_room_and_no_other_and_is_reported() {
    let mut shard = run();
    shard.open(RoomId(1));
    shard.open(RoomId(2));
    let (mut careless, mut careful) = (shard.enter(RoomId(1)), shard.enter(RoomId(2)));
    let mut beside = shard.enter(RoomId(1));
    receive(&mut careless).unwrap();
    receive(&mut careful).unwrap();
    // The step of an even tick survives it.
    poke(&mut careless, Tick(20), CRACKING);
    assert_eq!(close_code(&mut careless), CloseCode::RoomFailed.number());
    assert_eq!(close_code(&mut beside), CloseCode::RoomFailed.number());
    drop((careless, beside));
    let mut failure = None;
    loop {
        match shard.reports.blocking_recv().expect("a report") {
            Report::Failed { room: RoomId(1), failure: report } => failure = Some(report),
            Report::Gone { room: RoomId(1) } => break,
            _ => {}
        }
    }
    let failure = failure.expect("a room that fails is reported before it is gone");
    // The poke comes in time for tick 20, unless the machine is busy.
    assert!(failure.game == "fragile" && failure.tick % 2 == 1 && failure.tick >= 21, "{}", failure.tick);
    let played = failure.replay::<Fragile>().expect("the tick can be played again");
    assert_eq!(played, failure.panics.iter().cloned().map(Some).collect::<Vec<_>>(), "and panics in the same way");
    assert!((0..30).all(|_| receive(&mut careful).is_ok()));
    assert_eq!(close_code(&mut shard.enter(RoomId(1))), CloseCode::NoRoom.number());
    drop(careful);
    shard.stop(CloseCode::Away);
}

/// The next snapshots, each with its tick in the second byte, and whether it is a keyframe.
fn snapshots(player: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut ticks = Vec::new();
    while ticks.len() < count {
        let message = receive(player).expect("the connection stays");
        if message[0] >= SNAPSHOT {
            ticks.push(message[1]);
        }
    }
    ticks
}

#[test]
fn a_panic_in_a_step_or_in_a_message_closes_nobody_and_no_tick_is_missing() {
    for evil in [HARD, UNREADABLE, LOUD[0]] {
        let shard = run();
        shard.open(RoomId(1));
        shard.open(RoomId(2));
        let mut players = [shard.enter(RoomId(1)), shard.enter(RoomId(1)), shard.enter(RoomId(2))];
        players.iter_mut().for_each(|player| drop(receive(player).unwrap()));
        poke(&mut players[0], Tick(20), evil);
        // The room is the same one: its ticks go on without a hole for all but the member whose message could not be
        // made in time.
        for (index, player) in players.iter_mut().enumerate() {
            let ticks = snapshots(player, 60);
            let holes = ticks.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
            assert!(holes <= usize::from(evil == LOUD[0] && index < 2), "player {index}, {evil:?}: {ticks:?}");
        }
        let expected = if evil == HARD {
            r#"tickwire_ticks_undone_total{cause="step"}"#
        } else {
            "tickwire_rooms_started_over_total"
        };
        let counted =
            |name: &str| shard.metrics.render().lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
        // A room hands over its counts once a second.
        let asked = Instant::now();
        while !counted(expected) {
            assert!(asked.elapsed() < Duration::from_secs(20), "{evil:?} is not counted");
            std::thread::yield_now();
        }
        assert!(!counted("tickwire_room_panics_total"), "{evil:?}");
        drop(players);
        shard.stop(CloseCode::Away);
    }
}

#[test]
fn a_panic_in_a_message_that_came_with_the_hello_leaves_a_member_with_a_connection() {
    let shard = run();
    shard.open(RoomId(1));
    let (mut player, mut arrival) = arrival();
    let bytes = poke_frame(Tick(20), UNREADABLE);
    arrival.reader.space()[..bytes.len()].copy_from_slice(&bytes);
    arrival.reader.filled(bytes.len());
    shard.let_in(RoomId(1), arrival);
    assert_eq!(receive(&mut player).map(|message| message[0]), Ok(WELCOME));
    snapshots(&mut player, 20);
    let text = shard.metrics.render();
    assert!(text.contains("tickwire_rooms_started_over_total 1\n"), "the message is one that panics");
    shard.stop(CloseCode::Restart);
    assert_eq!(close_code(&mut player), CloseCode::Restart.number());
}

#[test]
fn a_second_panic_outside_of_ticks_within_a_minute_ends_the_room_and_is_reported() {
    for evils in [[UNREADABLE; 2], LOUD] {
        let mut shard = run();
        shard.open(RoomId(1));
        let mut player = shard.enter(RoomId(1));
        receive(&mut player).unwrap();
        poke(&mut player, Tick(20), evils[0]);
        snapshots(&mut player, 40);
        poke(&mut player, Tick(60), evils[1]);
        assert_eq!(close_code(&mut player), CloseCode::RoomFailed.number());
        drop(player);
        loop {
            if let Report::Failed { room: RoomId(1), failure } = shard.reports.blocking_recv().expect("a report") {
                assert!(failure.panics[0].attempt.is_none() && failure.world.is_some(), "{failure:?}");
                break;
            }
        }
        shard.stop(CloseCode::Away);
    }
}

/// A log that a test can read.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_in_a_game_is_told_once_with_game_room_tick_function_and_place() {
    let log = Log::default();
    let writer = log.clone();
    let logger = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
    // With one subscriber alone `tracing` asks the thread that first comes to a line whether anybody wants it, and the
    // thread of another test has no subscriber.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let (commands, inbox) = mpsc::channel();
    let (setup, reports) = setup(commands.clone(), inbox, false);
    let work = move |setup| tracing::subscriber::with_default(logger, || Shard::new(setup).run());
    let shard = start(commands, setup, reports, work);
    shard.open(RoomId(7));
    let mut player = shard.enter(RoomId(7));
    receive(&mut player).unwrap();
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    poke(&mut player, Tick(30), HARD);
    snapshots(&mut player, 31);
    poke(&mut player, Tick(60), CRACKING);
    assert_eq!(close_code(&mut player), CloseCode::RoomFailed.number());
    shard.stop(CloseCode::Away);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("ERROR")).collect();
    let [survived, ended] = told[..] else { panic!("one line for each: {told:?}") };
    let in_tick = |line: &str| -> u32 {
        let rest = line.split_once("the game `fragile` has panicked in `step`, in tick ").expect("a panic").1;
        rest.split_once(" of room 7. ").expect("a room").0.parse().expect("a tick")
    };
    let begin = "The tick is made again with neutral inputs, and the room goes on: poked too hard (";
    assert!(survived.contains(begin) && in_tick(survived) >= 30, "{survived}");
    // The poke was held for a few ticks.
    let begin = "The room is closed (1011), its players are told, and other rooms go on (";
    assert!(in_tick(ended) % 2 == 1 && in_tick(ended) > in_tick(survived), "{ended}");
    assert!(ended.contains(begin) && ended.contains(" more were survived before): it is cracked ("), "{ended}");
    // With RUST_BACKTRACE a backtrace follows, and the number of the room after it.
    assert!(survived.contains("fragile.rs:") && text.contains("room=7"), "{text}");
}

//! Rooms that are taken out, that go on, that leave, and that are made again at another shard.

use super::survival::{OpenFolder, ROOM, Temporary, next_tick, open_written, plan, written_by};
use super::*;
use crate::lobby::Code;
use crate::mailbox::TakenOut;
use crate::room::Kept;
use crate::room_header::take_header;
use tickwire::message::close::CloseCode;
use tokio::sync::oneshot;

/// Longer than a tick, in which nothing may come.
const SILENCE: Duration = Duration::from_millis(150);

impl Running {
    fn take_out(&self) -> TakenOut {
        let (answer, taken) = oneshot::channel();
        self.commands.send(Command::TakeOut { room: ROOM, answer, detours: 0 }.into()).unwrap();
        taken.blocking_recv().expect("the room is taken out")
    }
}

fn bytes(taken: &mut TakenOut) -> Vec<u8> {
    let mut world = Vec::new();
    taken.copy.encode(&mut world).unwrap();
    world
}

/// The room as another node makes it.
fn made_again(world: &[u8]) -> MadeRoom {
    let (game, plan) = plan();
    let (header, rest) = take_header(world).unwrap();
    let room = (game.revive)(&plan, Kept { world: Some(rest), ticks: &[] }, None).unwrap().room;
    MadeRoom { rate_hz: game.rules.tick_rate_hz, room, chronicle: None, header: Some(header.into()) }
}

/// Whether nothing comes for a while.
fn is_silent(player: &TcpStream) -> bool {
    player.set_read_timeout(Some(SILENCE)).unwrap();
    let silent = player.peek(&mut [0]).is_err();
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    silent
}

#[test]
fn a_room_that_is_taken_out_waits_and_goes_on_or_leaves_with_all_that_was_said() {
    let folder = Temporary::new("out");
    let (data, _) = OpenFolder::open(&folder.0);
    let mut shard = written_by(&data);
    open_written(&shard, &data.keeper.handle());
    let mut player = shard.enter(ROOM);
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(receive(&mut player).unwrap()[0], WELCOME);
    let mut tick = Tick(0);
    for _ in 0..5 {
        tick = next_tick(&mut player, tick);
    }
    let taken = shard.take_out();
    while tick < taken.tick {
        tick = next_tick(&mut player, tick);
    }
    assert_eq!(tick, taken.tick, "the player knows the last tick of the copy, and no later one");
    assert!(is_silent(&player));
    let mut late = shard.enter(ROOM);
    assert_eq!(
        close_code(&mut late),
        CloseCode::Moved.number(),
        "it comes back, and finds the room where that is then"
    );
    shard.commands.send(Command::PutBack { room: ROOM, detours: 0 }.into()).unwrap();
    assert!(next_tick(&mut player, tick) > tick);
    let mut taken = shard.take_out();
    shard.commands.send(Command::SendAway { room: ROOM, detours: 0 }.into()).unwrap();
    assert_eq!(close_code(&mut player), CloseCode::Moved.number());
    let gone = std::iter::from_fn(|| shard.reports.blocking_recv())
        .any(|report| matches!(report, Report::Gone { room: ROOM }));
    assert!(gone, "the directory learns that it is not here any more");

    let elsewhere = Temporary::new("elsewhere");
    let (data, _) = OpenFolder::open(&elsewhere.0);
    let other = written_by(&data);
    let world = bytes(&mut taken);
    assert!(data.keeper.handle().put(ROOM, taken.tick, world.clone()));
    let kept = crate::journal::look(&elsewhere.0).unwrap();
    assert_eq!(kept.rooms.iter().map(|room| (room.room, room.last())).collect::<Vec<_>>(), [(ROOM, taken.tick)]);
    let mut made = made_again(&world);
    assert_eq!(made.room.full_hash(), taken.hash);
    let code = Code::parse("222222").unwrap();
    other.commands.send(Command::Arrive { room: ROOM, code, made: Box::new(made) }.into()).unwrap();
    let (mut again, mut arrival) = arrival();
    again.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    (arrival.hello.resume, arrival.token) = (Some([1; 16]), [2; 16]);
    other.let_in(ROOM, arrival);
    let welcome = Welcome::decode(&receive(&mut again).unwrap()).unwrap();
    assert!(welcome.resumed && welcome.tick >= taken.tick, "{welcome:?}");
    let tick = next_tick(&mut again, taken.tick);
    assert!(tick > taken.tick);
    let kept = crate::journal::look(&elsewhere.0).unwrap();
    assert!(kept.rooms.iter().any(|room| room.room == ROOM && room.last() >= tick), "a kill now loses no tick");
    other.stop(CloseCode::Restart);
    shard.stop(CloseCode::Restart);
}

#[test]
fn a_stop_closes_a_room_that_was_taken_out_and_keeps_it() {
    let folder = Temporary::new("kept-out");
    let (data, _) = OpenFolder::open(&folder.0);
    let shard = written_by(&data);
    open_written(&shard, &data.keeper.handle());
    let mut player = shard.enter(ROOM);
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    receive(&mut player).unwrap();
    let last = shard.take_out().tick;
    shard.commands.send(Command::Stop(CloseCode::Restart).into()).unwrap();
    assert_eq!(close_code(&mut player), CloseCode::Restart.number());
    shard.stop(CloseCode::Restart);
    assert!(data.keeper.stop());
    let found = crate::journal::look(&folder.0).unwrap();
    let room = found.rooms.iter().find(|room| room.room == ROOM).expect("the room is kept");
    assert!(room.last() >= last);
}

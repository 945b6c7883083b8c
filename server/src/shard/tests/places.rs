//! Where rooms and connections are: shards, their slow lanes, and rooms in which nobody is.

use super::*;

#[test]
fn a_connection_whose_room_has_left_the_slow_lane_is_sent_after_it() {
    let ((home, heard_at_home), (to_lane, inbox)) = (mpsc::channel(), mpsc::channel());
    let lane = run_with(to_lane, home, inbox, true);
    let mut player = lane.enter(RoomId(1));
    let Ok(sent_back) = heard_at_home.recv() else { panic!("the connection is not sent back to the shard") };
    assert!(matches!(sent_back, ShardCommand::Net(Command::Enter { room: RoomId(1), .. }, None)));
    let shard = run();
    shard.open(RoomId(1));
    shard.commands.send(sent_back).unwrap();
    assert_eq!(receive(&mut player).map(|message| message[0]), Ok(WELCOME));
    lane.stop(CloseCode::Away);
    shard.stop(CloseCode::Away);
}

#[test]
fn a_connection_for_a_room_that_is_nowhere_is_refused_in_the_end() {
    let (commands, inbox) = mpsc::channel();
    let (setup, reports) = setup(commands.clone(), inbox, false);
    let shard = start(commands, setup, reports, |setup| {
        let mut shard = Shard::new(setup);
        shard.slow_lane = Some(SlowLane::start(&shard.setup).unwrap());
        shard.run();
    });
    assert_eq!(close_code(&mut shard.enter(RoomId(1))), CloseCode::NoRoom.number());
    shard.stop(CloseCode::Away);
}

#[test]
fn a_shard_that_stops_opens_no_room() {
    let shard = run();
    // One connection still has to be closed, which takes a while.
    shard.open(RoomId(1));
    let mut player = shard.enter(RoomId(1));
    receive(&mut player).unwrap();
    shard.commands.send(Command::Stop(CloseCode::Restart).into()).unwrap();
    shard.open(RoomId(2));
    let mut late = shard.enter(RoomId(2));
    assert_eq!(close_code(&mut late), CloseCode::Restart.number());
    assert_eq!(close_code(&mut player), CloseCode::Restart.number());
    drop((player, late));
    shard.thread.join().unwrap();
}

#[test]
fn a_room_that_comes_back_to_a_shard_that_stops_closes_its_connections() {
    let (commands, inbox) = mpsc::channel();
    let mut room = RoomHandle::new(RoomId(1), made(1), 0);
    let (metrics, mut scratch, mut closing) = (Metrics::new(), Scratch::default(), Vec::new());
    let (mut player, arrival) = arrival();
    let Scratch { received, write_buffer, topic_message, tally } = &mut scratch;
    let topics = TopicsInbox::new(0, tokio::sync::mpsc::channel(64).0);
    room.enter(
        *arrival,
        &mut TickContext {
            now_us: 0,
            metrics: &metrics,
            topics: &topics,
            tally,
            received,
            write_buffer,
            topic_message,
        },
        &mut closing,
    );
    let holder = commands.clone();
    commands.send(Command::Stop(CloseCode::Restart).into()).unwrap();
    commands.send(ShardCommand::Adopt(Box::new(room))).unwrap();
    let shard = run_with(commands, holder, inbox, false);
    shard.thread.join().unwrap();
    assert_eq!(close_code(&mut player), CloseCode::Restart.number());
}

#[test]
fn a_room_without_people_does_not_tick_and_goes_on_where_it_was() {
    let mut shard = run();
    shard.open(RoomId(1));
    let mut first = shard.enter(RoomId(1));
    let welcome = |player: &mut TcpStream| Welcome::decode(&receive(player).unwrap()).unwrap();
    assert_eq!(welcome(&mut first).tick, Tick(0), "the room has waited for its first player");
    (0..5).for_each(|_| drop(receive(&mut first)));
    // It has never sent a message, so that its seat is not held.
    drop(first);
    let left = loop {
        if let Some(Report::Room { summary: Summary { players: 0, tick, .. }, .. }) = shard.reports.blocking_recv() {
            break tick;
        }
    };
    // Another room shows that time passes: 30 of its ticks take a quarter of a second.
    shard.open(RoomId(2));
    let mut beside = shard.enter(RoomId(2));
    (0..31).for_each(|_| drop(receive(&mut beside)));
    let came = welcome(&mut shard.enter(RoomId(1))).tick;
    assert!(came.since(left) < 12, "{} ticks of 120 a second were made for nobody", came.since(left));
    shard.stop(CloseCode::Away);
}

#[test]
fn a_busy_shard_wakes_no_room_and_lets_people_into_those_that_tick() {
    let (commands, inbox) = mpsc::channel();
    let (setup, reports) = setup(commands.clone(), inbox, false);
    let load = Arc::clone(&setup.load);
    let shard = start(commands, setup, reports, |setup| Shard::new(setup).run());
    shard.open(RoomId(1));
    shard.open(RoomId(2));
    let mut first = shard.enter(RoomId(1));
    receive(&mut first).unwrap();
    load.set(95, 100);
    assert_eq!(close_code(&mut shard.enter(RoomId(2))), CloseCode::Overloaded.number());
    assert_eq!(receive(&mut shard.enter(RoomId(1))).map(|message| message[0]), Ok(WELCOME));
    shard.stop(CloseCode::Away);
}

#[test]
fn a_shard_that_is_late_handles_a_bunch_of_commands_before_its_next_tick() {
    let (commands, inbox) = mpsc::channel();
    let (setup, _reports) = setup(commands.clone(), inbox, false);
    let mut shard = Shard::new(setup);
    // A room that ticks, so that a tick is due.
    shard.seat(RoomHandle::new(RoomId(1), made(1), 0));
    while shard.next_wake_ns().is_none_or(|at_ns| at_ns > shard.setup.clock.now_ns()) {
        std::thread::yield_now();
    }
    let count = u64::from(COMMANDS_PER_PASS_MAX);
    (2..2 + 2 * count)
        .for_each(|id| commands.send(Command::Open { room: RoomId(id), made: Box::new(made(id)) }.into()).unwrap());
    shard.wait_for_commands();
    let opened = (2..2 + 2 * count).filter(|id| shard.empty_rooms.has(RoomId(*id))).count();
    assert_eq!(opened as u64, count);
}

#[test]
fn an_empty_room_ends_by_the_clock_and_a_visit_that_is_refused_does_not_renew_it() {
    let minute_ns = u64::try_from(EMPTY_ROOM_MAX.as_nanos()).unwrap();
    let (mut rooms, mut gone) = (EmptyRooms::default(), Ended::default());
    for (id, since_ns) in [(1, 5), (2, 3), (3, 9)] {
        rooms.put(RoomHandle::new(RoomId(id), made(id), since_ns));
    }
    assert_eq!(rooms.next_end_ns(), Some(minute_ns + 3));
    let mut visited = rooms.take(RoomId(2)).unwrap();
    visited.note_people(minute_ns);
    rooms.put(visited);
    rooms.end(minute_ns + 2, &mut gone);
    assert!(gone.is_empty());
    rooms.end(minute_ns + 5, &mut gone);
    assert_eq!(gone.rooms(), [RoomId(2), RoomId(1)]);
    assert_eq!(rooms.next_end_ns(), Some(minute_ns + 9));
}

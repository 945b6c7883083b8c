//! Random histories over several incarnations: no room needs a segment that is freed.

use super::Dice;
use super::memory_disk::{Loss, MemoryDisk};
use super::model::Server;
use crate::journal::{Found, RoomVerdict};
use crate::lobby::RoomId;

/// The events that one history has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    retired: u64,
    checkpoints: u64,
    wanted: usize,
}

/// Plays one history.
pub(super) fn play(seed: u64, losses: &[Loss], seen: &mut Seen) {
    let mut dice = Dice(seed);
    let mut server = Server::start(MemoryDisk::default(), 3);
    for step in 0..1_500 {
        let live: Vec<RoomId> = server.rooms.iter().filter(|(_, it)| !it.is_closed).map(|(room, _)| *room).collect();
        let log = dice.below(3);
        match dice.below(100) {
            0..3 => drop(server.open(log)),
            3..5 if !live.is_empty() => server.close(live[dice.below(live.len())], log),
            5..12 if !live.is_empty() => server.checkpoint(live[dice.below(live.len())]),
            12..40 => server.turn(25),
            40..45 => {
                server.turn(1_000);
                seen.wanted += server.wanted.len();
                server.care();
            }
            45..46 if step > 50 => {
                let figures = server.keeper.figures().figures();
                (seen.retired, seen.checkpoints) =
                    (seen.retired + figures.retired, seen.checkpoints + figures.checkpoints);
                server = server.crash(losses[dice.below(losses.len())], &mut dice);
            }
            _ => {
                let rooms: Vec<RoomId> = live.into_iter().filter(|_| dice.below(3) > 0).take(8).collect();
                server.tick(&rooms, log, &mut dice);
            }
        }
    }
    server.crash(losses[0], &mut dice);
}

#[test]
fn a_room_is_found_as_the_last_commit_left_it_after_any_history_of_kills() {
    let mut seen = Seen::default();
    (0..40).for_each(|seed| play(seed, &[Loss::Process], &mut seen));
    assert!(seen.retired > 500 && seen.checkpoints > 1_000 && seen.wanted > 100, "{seen:?}");
}

#[test]
fn nothing_that_was_synced_is_lost_with_the_power() {
    let mut seen = Seen::default();
    (100..130).for_each(|seed| play(seed, &[Loss::Tail], &mut seen));
    (200..230).for_each(|seed| play(seed, &[Loss::Pages, Loss::Process, Loss::Tail], &mut seen));
    assert!(seen.retired > 500, "{seen:?}");
}

#[test]
fn a_room_that_rests_is_asked_for_checkpoints_and_holds_few_segments() {
    let mut dice = Dice(5);
    let mut server = Server::start(MemoryDisk::default(), 2);
    let resting = server.open(0);
    server.tick(&[resting], 0, &mut dice);
    server.checkpoint(resting);
    let busy: Vec<RoomId> = (0..8).map(|_| server.open(1)).collect();
    let mut was_asked = false;
    for round in 0..4_000 {
        server.tick(&busy, 1, &mut dice);
        server.turn(25);
        was_asked |= server.wanted.contains(&resting);
        server.care();
        if round % 10 == 0 {
            server.checkpoint(busy[round / 10 % 8]);
        }
    }
    let figures = server.keeper.figures().figures();
    assert!(was_asked && figures.retired > 50 && figures.segments < 80, "{figures:?}");
    server.crash(Loss::Process, &mut dice);
}

#[test]
fn a_damaged_file_is_kept_until_its_rooms_are_safe_and_then_moved_aside() {
    let mut dice = Dice(6);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let room = server.open(0);
    assert!((0..20).all(|_| server.tick(&[room], 0, &mut dice)));
    let disk = server.disk.after(Loss::Process, &mut dice);
    let mut bytes = disk.bytes("ticks/1-0-0.log");
    bytes[300] ^= 1;
    disk.put("ticks/1-0-0.log", bytes.clone());
    let found = Found::read(&disk).unwrap();
    assert_eq!(found.damaged.len(), 1);
    assert!(matches!(found.rooms[0].verdict, RoomVerdict::RolledBack { ticks: 14..19 }), "{:?}", found.rooms);
    let mut next = server.go_on(disk, found, &mut dice);
    (0..5).for_each(|_| next.turn(1_000));
    assert_eq!(next.disk.bytes("ticks/1-0-0.log"), bytes);
    next.checkpoint(room);
    (0..2).for_each(|_| next.turn(1_000));
    assert!(!next.disk.paths().contains(&"ticks/1-0-0.log".into()));
    assert_eq!(next.disk.bytes("quarantine/ticks-1-0-0.log"), bytes);
    next.crash(Loss::Process, &mut dice);
}

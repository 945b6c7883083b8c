//! Worlds that are damaged after ticks were freed for them: no room goes back without a word.

use super::Dice;
use super::memory_disk::{Loss, MemoryDisk};
use super::model::{Server, state_of};
use crate::journal::batch::scan;
use crate::journal::{Found, RoomVerdict};
use crate::lobby::RoomId;

/// Rooms that move between two logs, and rest, and are kept whole; then the server stops well or badly.
fn stopped(dice: &mut Dice) -> (Server, MemoryDisk) {
    let mut server = Server::start(MemoryDisk::default(), 2);
    let mut homes: Vec<(RoomId, usize)> = (0..5).map(|room| (server.open(room % 2), room % 2)).collect();
    // A room that cannot be kept whole keeps its segments, and those of another log may all go.
    let hopeless = dice.below(10);
    for _ in 0..100 + dice.below(200) {
        for log in 0..2 {
            let moves: Vec<RoomId> = homes.iter().filter(|(_, home)| *home == log).map(|(room, _)| *room).collect();
            server.now_ms += 1 + dice.below(20) as u64;
            assert!(server.tick(&moves, log, dice));
        }
        match dice.below(12) {
            // Log 2 is that of rooms that rest.
            0..2 => homes[dice.below(5)].1 = dice.below(3),
            2..4 => keep(&mut server, &homes[dice.below(5)..][..1], hopeless),
            4..8 => server.turn(25),
            8 => {
                server.turn(1_000);
                let wanted = std::mem::take(&mut server.wanted);
                homes
                    .iter()
                    .filter(|(room, _)| wanted.contains(room))
                    .for_each(|home| keep(&mut server, &[*home], hopeless));
            }
            _ => {}
        }
        if dice.below(150) == 0 {
            server = server.crash(Loss::Process, dice);
        }
    }
    if dice.below(3) > 0 {
        keep(&mut server, &homes, hopeless);
        // Threads end before the keeper does, whose last turns free what nobody needs any more.
        drop(server.logs.drain(..));
        for _ in 0..3 {
            server.now_ms += 1_000;
            server.keeper.turn(server.now_ms, server.now_ms);
        }
        server.keeper.finish(server.now_ms, server.now_ms);
    }
    let disk = server.disk.after(Loss::Process, dice);
    (server, disk)
}

/// Keeps rooms whole, but for one.
fn keep(server: &mut Server, rooms: &[(RoomId, usize)], hopeless: usize) {
    let rooms = rooms.iter().filter(|(room, _)| room.0 != hopeless as u64);
    rooms.for_each(|(room, _)| server.checkpoint(*room));
}

/// One bit of what was written to a log of worlds.
fn damage(disk: &MemoryDisk, dice: &mut Dice) -> Option<String> {
    let paths: Vec<String> = disk.paths().into_iter().filter(|path| path.starts_with("worlds/")).collect();
    let written = |path: &String| scan(&disk.bytes(path)).and_then(|it| it.batches.last().map(|last| last.end()));
    let files: Vec<(String, u64)> =
        paths.into_iter().filter_map(|path| Some((path.clone(), written(&path)?))).collect();
    if files.is_empty() {
        return None;
    }
    let (path, end) = files[dice.below(files.len())].clone();
    let mut bytes = disk.bytes(&path);
    let end = usize::try_from(end).unwrap();
    // Mostly the newest ones, for which ticks were freed.
    let from = if dice.below(4) > 0 { end.saturating_sub(600) } else { 0 };
    bytes[from + dice.below(end - from)] ^= 1 << dice.below(8);
    disk.put(&path, bytes);
    Some(path)
}

/// One history, and one damaged world.
pub(super) fn play(seed: u64) {
    let mut dice = Dice(seed);
    let (server, disk) = stopped(&mut dice);
    let Some(path) = damage(&disk, &mut dice) else { return };
    let found = Found::read(&disk).unwrap();
    let is_told = !found.damaged.is_empty() || !found.torn.is_empty();
    for (room, truth) in &server.rooms {
        let Some(it) = found.rooms.iter().find(|it| it.room == *room) else {
            assert!(is_told, "seed {seed}, {path}: {room:?} is lost without a word");
            continue;
        };
        if it.verdict == RoomVerdict::Quarantined {
            assert!(is_told, "seed {seed}, {path}: {room:?} is set aside without a word");
            continue;
        }
        let last = usize::try_from(it.last().0).unwrap();
        assert_eq!(state_of(it), truth.states[last], "seed {seed}, {path}: {room:?} at {last}");
        let is_all = last + 1 == truth.states.len();
        let is_whole = it.verdict == RoomVerdict::Whole;
        assert!(is_all || !is_whole, "seed {seed}, {path}: {room:?} is back at {last} without a word: {truth:?}");
    }
}

#[test]
fn no_room_goes_back_without_a_word_after_a_damaged_world() {
    (0..500).for_each(play);
}

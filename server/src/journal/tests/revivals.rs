//! From segments to rooms: lives, gaps and damage.

use super::Dice;
use super::memory_disk::{Loss, MemoryDisk};
use crate::journal::batch::{Batch, EntryKind};
use crate::journal::revival::{Damage, SERVER};
use crate::journal::segment::{LogKind, SegmentHead};
use crate::journal::{Found, FoundRoom, RoomVerdict};
use crate::lobby::RoomId;
use tickwire::tick::Tick;

use EntryKind::{Closed, Kept, Revived, Room, Tick as Ticked, World};

const ROOM: RoomId = RoomId(9);

/// An entry of [`ROOM`]; the body is a word about where it comes from. What is kept of the server begins with `server`.
type Written<'a> = (EntryKind, u32, &'a str);

/// Writes a segment with one batch per entry, from this number on, a millisecond each; worlds are written later.
fn segment(disk: &MemoryDisk, log: LogKind, [incarnation, shard, number, seq]: [u32; 4], entries: &[Written<'_>]) {
    let salt = u64::from(incarnation << 16 | shard << 8 | number) + 1_000;
    let node = [1; 16];
    let head = SegmentHead { kind: log, shard, number, node, incarnation: incarnation.into(), salt, wall_ms: 50 };
    let mut bytes = head.encode().to_vec();
    let mut batch = Batch::new();
    for (offset, (kind, tick, word)) in entries.iter().enumerate() {
        let room = if *kind == Kept || word.starts_with("server") { SERVER } else { ROOM };
        let (seq, late_ms) = (u64::from(seq) + offset as u64, if log == LogKind::Worlds { 100 } else { 0 });
        batch.put(*kind, room, Tick(*tick), |body| body.extend_from_slice(word.as_bytes()));
        let at = bytes.len() as u64;
        bytes.extend_from_slice(batch.seal(&head, at, seq, 60 + seq + late_ms));
        batch.clear();
    }
    bytes.resize(4_096, 0);
    disk.put(&head.path(), bytes);
}

fn ticks(disk: &MemoryDisk, place: [u32; 4], entries: &[Written<'_>]) {
    segment(disk, LogKind::Ticks, place, entries);
}

fn worlds(disk: &MemoryDisk, incarnation: u32, entries: &[Written<'_>]) {
    segment(disk, LogKind::Worlds, [incarnation, 0, 0, 0], entries);
}

fn room(disk: &MemoryDisk) -> FoundRoom {
    let found = Found::read(disk).unwrap();
    assert_eq!(found.rooms.len(), 1, "{found:?}");
    found.rooms.into_iter().next().unwrap()
}

/// The words of world and ticks, the verdict, and the last tick.
fn outcome(disk: &MemoryDisk) -> (String, RoomVerdict, u32) {
    told(&room(disk))
}

fn told(room: &FoundRoom) -> (String, RoomVerdict, u32) {
    let bodies = room.world.iter().chain(&room.ticks).map(|(_, body)| String::from_utf8_lossy(body).into_owned());
    (bodies.collect::<Vec<_>>().join(" "), room.verdict, room.last().0)
}

#[test]
fn ticks_of_several_logs_are_one_room() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, "head"), (Ticked, 1, "a"), (Ticked, 4, "d")]);
    ticks(&disk, [1, 1, 0, 0], &[(Ticked, 2, "b"), (Ticked, 3, "c")]);
    assert_eq!(outcome(&disk), ("a b c d".into(), RoomVerdict::Whole, 4));
    assert_eq!(room(&disk).header.as_deref(), Some(&b"head"[..]));
    worlds(&disk, 1, &[(World, 1, "A"), (World, 3, "C")]);
    assert_eq!(outcome(&disk), ("C d".into(), RoomVerdict::Whole, 4));
}

#[test]
fn the_tenth_segment_of_a_log_comes_after_the_ninth() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 9, 0], &[(Room, 0, ""), (Ticked, 1, "a")]);
    ticks(&disk, [1, 0, 10, 2], &[(Ticked, 2, "b")]);
    let found = Found::read(&disk).unwrap();
    assert_eq!((found.damaged.len(), found.torn.len()), (0, 0), "{found:?}");
    assert_eq!(outcome(&disk), ("a b".into(), RoomVerdict::Whole, 2));
}

#[test]
fn a_life_that_began_earlier_drops_what_older_ones_hold_above() {
    let disk = MemoryDisk::default();
    ticks(
        &disk,
        [1, 0, 0, 0],
        &[(Room, 0, ""), (Ticked, 1, "a"), (Ticked, 2, "b"), (Ticked, 3, "x"), (Ticked, 4, "x")],
    );
    ticks(&disk, [2, 0, 0, 0], &[(Revived, 2, ""), (Ticked, 3, "c")]);
    assert_eq!(outcome(&disk), ("a b c".into(), RoomVerdict::Whole, 3));
    // A world of a dropped tick does not count, one of the newer life does.
    worlds(&disk, 1, &[(World, 1, "A"), (World, 4, "X")]);
    assert_eq!(outcome(&disk), ("A b c".into(), RoomVerdict::Whole, 3));
    worlds(&disk, 2, &[(World, 3, "C")]);
    assert_eq!(outcome(&disk), ("C".into(), RoomVerdict::Whole, 3));
    // A third life, from before both of them.
    ticks(&disk, [3, 0, 0, 0], &[(Revived, 1, ""), (Ticked, 2, "B")]);
    assert_eq!(outcome(&disk), ("A B".into(), RoomVerdict::Whole, 2));
}

#[test]
fn a_life_without_its_beginning_is_told_and_not_guessed() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, ""), (Ticked, 1, "a"), (Ticked, 2, "b")]);
    // The life may have begun at tick 1, and then this tick 2 would be followed by a stranger.
    ticks(&disk, [2, 0, 0, 0], &[(Ticked, 3, "c")]);
    assert_eq!(outcome(&disk), ("a b".into(), RoomVerdict::RolledBack { ticks: 1 }, 2));
    ticks(&disk, [2, 0, 0, 0], &[(Revived, 3, ""), (Ticked, 4, "d")]);
    assert_eq!(outcome(&disk), ("a b".into(), RoomVerdict::RolledBack { ticks: 2 }, 2));
    // Its own world is a beginning too.
    worlds(&disk, 2, &[(World, 3, "C")]);
    assert_eq!(outcome(&disk), ("C d".into(), RoomVerdict::Whole, 4));
}

#[test]
fn a_missing_tick_ends_the_room_unless_a_world_is_after_it() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, ""), (Ticked, 1, "a"), (Ticked, 3, "c"), (Ticked, 4, "d")]);
    assert_eq!(outcome(&disk), ("a".into(), RoomVerdict::RolledBack { ticks: 3 }, 1));
    worlds(&disk, 1, &[(World, 3, "C")]);
    assert_eq!(outcome(&disk), ("C d".into(), RoomVerdict::Whole, 4));
}

#[test]
fn two_ticks_that_differ_end_the_room_before_them() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, ""), (Ticked, 1, "a"), (Ticked, 2, "b"), (Ticked, 3, "c")]);
    ticks(&disk, [1, 1, 0, 0], &[(Ticked, 1, "a"), (Ticked, 2, "x")]);
    assert_eq!(outcome(&disk), ("a".into(), RoomVerdict::RolledBack { ticks: 2 }, 1));
}

#[test]
fn a_room_without_a_beginning_is_quarantined_and_a_closed_one_is_gone() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Ticked, 7, "a")]);
    assert!(matches!(outcome(&disk).1, RoomVerdict::Quarantined));
    ticks(&disk, [2, 0, 0, 0], &[(Closed, 7, "")]);
    let found = Found::read(&disk).unwrap();
    assert_eq!((found.rooms.len(), found.closed), (0, vec![(ROOM, 60)]));
}

#[test]
fn what_was_kept_comes_back_after_its_newest_world() {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Kept, 1, "a"), (Kept, 4, "d")]);
    ticks(&disk, [2, 1, 0, 0], &[(Kept, 7, "g")]);
    let words = |found: &Found| found.kept.iter().map(|(tick, _)| tick.0).collect::<Vec<_>>();
    let found = Found::read(&disk).unwrap();
    assert_eq!((words(&found), found.kept_world), (vec![1, 4, 7], None));
}

/// One room with a world and ticks in two segments, and another log that nothing happens to.
fn two_segments() -> MemoryDisk {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, "head"), (Ticked, 1, "a"), (Ticked, 2, "b"), (Ticked, 3, "c")]);
    ticks(&disk, [1, 0, 1, 4], &[(Ticked, 4, "d"), (Ticked, 5, "e")]);
    disk
}

#[test]
fn every_flipped_bit_is_a_prefix_or_is_told() {
    for path in ["ticks/1-0-0.log", "ticks/1-0-1.log"] {
        let whole = two_segments().bytes(path);
        for at in 0..400 {
            for bit in 0..8 {
                let disk = two_segments();
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                disk.put(path, bytes);
                let found = Found::read(&disk).unwrap();
                let Some(room) = found.rooms.first() else {
                    assert!(!found.damaged.is_empty(), "{path} {at}: a room is lost without a word");
                    continue;
                };
                let words: String = room.ticks.iter().map(|(_, body)| String::from_utf8_lossy(body)).collect();
                assert!("abcde".starts_with(&words), "{path} {at}: {words}");
                let is_last = path == "ticks/1-0-1.log" && words == "abcd";
                let is_told = room.verdict != RoomVerdict::Whole && !found.damaged.is_empty();
                assert!(words == "abcde" || is_last || is_told, "{path} {at}: {words} {found:?}");
            }
        }
    }
}

/// A room that has stood still since a world for which the segment with its last ticks was freed.
fn freed_for_a_world(later: &[Written<'_>]) -> MemoryDisk {
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, "head"), (Ticked, 1, "a"), (Ticked, 2, "b"), (Ticked, 3, "c")]);
    ticks(&disk, [1, 0, 2, 10], &[(Kept, 1, "k")]);
    worlds(&disk, 1, &[&[(World, 2, "B"), (World, 9, "I")], later].concat());
    // The next segments lie ready.
    ticks(&disk, [1, 0, 3, 0], &[]);
    segment(&disk, LogKind::Worlds, [1, 0, 1, 0], &[]);
    disk
}

#[test]
fn every_flipped_bit_of_a_world_for_which_ticks_were_freed_is_told() {
    for later in [&[][..], &[(World, 1, "server")]] {
        let whole = freed_for_a_world(later).bytes("worlds/1-0.log");
        for at in 0..400 {
            for bit in 0..8 {
                let disk = freed_for_a_world(later);
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                disk.put("worlds/1-0.log", bytes);
                let found = Found::read(&disk).unwrap();
                let (words, verdict, last) = told(&found.rooms[0]);
                // A torn write may have been another world of this room, as far as anybody can know.
                let is_told = !found.torn.is_empty() && verdict == RoomVerdict::EndsInDamage;
                let is_whole = words == "I" && last == 9 && (verdict == RoomVerdict::Whole || is_told);
                let is_older = ["B c", "a b c"].contains(&&*words) && verdict == RoomVerdict::EndsInDamage;
                assert!(is_whole || is_older, "{at}: {words} {verdict:?}");
                assert!(is_whole || !found.damaged.is_empty() || !found.torn.is_empty(), "{at}: without a word");
            }
        }
    }
}

#[test]
fn a_room_that_has_gone_on_since_a_damaged_world_is_whole() {
    let disk = freed_for_a_world(&[(World, 1, "server")]);
    ticks(&disk, [1, 0, 1, 4], &[(Ticked, 4, "d"), (Ticked, 5, "e"), (Ticked, 6, "f"), (Ticked, 7, "g")]);
    ticks(&disk, [1, 0, 2, 8], &[(Ticked, 8, "h"), (Ticked, 9, "i"), (Ticked, 10, "j")]);
    let mut bytes = disk.bytes("worlds/1-0.log");
    bytes[130] ^= 1;
    disk.put("worlds/1-0.log", bytes);
    assert_eq!(outcome(&disk), ("B c d e f g h i j".into(), RoomVerdict::Whole, 10));
    assert_eq!(Found::read(&disk).unwrap().damaged.len(), 1);
}

#[test]
fn a_torn_world_accuses_no_room_whose_ticks_are_all_there_and_none_of_a_later_process() {
    let torn = |disk: &MemoryDisk| {
        let mut bytes = disk.bytes("worlds/1-0.log");
        bytes[130] ^= 1;
        disk.put("worlds/1-0.log", bytes);
    };
    // Nothing was freed.
    let disk = MemoryDisk::default();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, "head"), (Ticked, 1, "a"), (Ticked, 2, "b"), (Ticked, 3, "c")]);
    worlds(&disk, 1, &[(World, 2, "B"), (World, 3, "C")]);
    torn(&disk);
    assert_eq!(outcome(&disk), ("B c".into(), RoomVerdict::Whole, 3));
    // Something was, and a later process has gone on with what it found.
    let disk = freed_for_a_world(&[]);
    torn(&disk);
    assert_eq!(outcome(&disk).1, RoomVerdict::EndsInDamage);
    ticks(&disk, [2, 0, 0, 200], &[(Revived, 3, ""), (Ticked, 4, "d")]);
    assert_eq!(outcome(&disk), ("B c d".into(), RoomVerdict::Whole, 4));
}

#[test]
fn a_lost_end_of_a_segment_or_a_lost_segment_is_no_tear() {
    // The last tick of the first segment is torn, but the log goes on in the next one.
    let disk = two_segments();
    ticks(&disk, [1, 0, 0, 0], &[(Room, 0, "head"), (Ticked, 1, "a"), (Ticked, 2, "b")]);
    let found = Found::read(&disk).unwrap();
    assert_eq!(found.damaged, [Damage::Missing { path: "ticks/1-0-1.log".into(), batches: 1 }]);
    assert_eq!(outcome(&disk), ("a b".into(), RoomVerdict::RolledBack { ticks: 3 }, 2));

    // The head of the second one is damaged: it is moved aside, and the room says that it may have gone on.
    let disk = two_segments();
    let mut bytes = disk.bytes("ticks/1-0-1.log");
    bytes[20] ^= 1;
    disk.put("ticks/1-0-1.log", bytes.clone());
    let found = Found::read(&disk).unwrap();
    assert_eq!(found.damaged, [Damage::Head { path: "ticks/1-0-1.log".into() }]);
    assert_eq!((found.rooms[0].last(), found.rooms[0].verdict), (Tick(3), RoomVerdict::EndsInDamage));
    assert_eq!(disk.bytes("quarantine/ticks-1-0-1.log"), bytes);
}

#[test]
fn damage_that_may_have_held_the_last_ticks_is_told() {
    let disk = MemoryDisk::default();
    let other = RoomId(77);
    let head =
        SegmentHead { kind: LogKind::Ticks, shard: 0, number: 0, node: [1; 16], incarnation: 1, salt: 5, wall_ms: 0 };
    let mut bytes = head.encode().to_vec();
    let mut batch = Batch::new();
    let mut places = Vec::new();
    for (seq, (kind, room, tick)) in
        [(Room, ROOM, 0), (Room, other, 0), (Ticked, ROOM, 1), (Ticked, ROOM, 2), (Ticked, other, 1)].iter().enumerate()
    {
        batch.put(*kind, *room, Tick(*tick), |_| ());
        places.push(bytes.len());
        let at = bytes.len() as u64;
        bytes.extend_from_slice(batch.seal(&head, at, seq as u64, 0));
        batch.clear();
    }
    bytes[places[3] + 10] ^= 1;
    disk.put(&head.path(), bytes.clone());
    let found = Found::read(&disk).unwrap();
    let verdicts: Vec<_> = found.rooms.iter().map(|room| (room.room, room.last().0, room.verdict)).collect();
    assert_eq!(verdicts, [(ROOM, 1, RoomVerdict::EndsInDamage), (other, 1, RoomVerdict::Whole)]);
    assert_eq!(disk.bytes(&head.path()), bytes, "a damaged file is not touched");
}

#[test]
fn any_mixture_of_bytes_is_read_without_a_panic() {
    let mut dice = Dice(21);
    for _ in 0..2_000 {
        let disk = two_segments();
        worlds(&disk, 1, &[(World, 2, "B")]);
        ticks(&disk, [2, 0, 0, 0], &[(Revived, 4, ""), (Ticked, 5, "E")]);
        for path in disk.paths() {
            let mut bytes = disk.bytes(&path);
            for _ in 0..dice.below(4) {
                let at = dice.below(300);
                bytes[at] = dice.next() as u8;
            }
            bytes.truncate(dice.below(bytes.len() * 2));
            disk.put(&path, bytes);
        }
        for room in Found::read(&disk.after(Loss::Process, &mut dice)).unwrap().rooms {
            let base = room.world.as_ref().map_or(room.start, |(tick, _)| *tick);
            assert!(room.ticks.iter().zip(1..).all(|((tick, _), number)| *tick == base + number));
        }
    }
}

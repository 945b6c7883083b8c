//! A disk that fails at each of its calls in turn.

use super::Dice;
use super::memory_disk::{Fault, Loss, MemoryDisk};
use super::model::{SEGMENT_BYTES, Server, settings, state_of};
use crate::journal::batch::{Batch, EntryKind};
use crate::journal::keeper::{Checkpoint, Frozen, Notice};
use crate::journal::log::Synced;
use crate::journal::{Found, JournalError, JournalTrouble, RoomVerdict};
use crate::lobby::RoomId;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tickwire::tick::Tick;

/// Plays a while; then the disk is well again, and the logs have time to recover. Says how many commits were lost.
fn play(server: &mut Server, dice: &mut Dice) -> usize {
    let mut rooms: Vec<RoomId> = (0..6).map(|room| server.open(room % 2)).collect();
    let mut lost = 0;
    for step in 0..40 {
        for log in 0..2 {
            let own: Vec<RoomId> = rooms.iter().copied().filter(|room| room.0 % 2 == log as u64).collect();
            lost += usize::from(!server.tick(&own, log, dice));
        }
        server.turn(25);
        server.care();
        if step % 7 == 0 {
            server.checkpoint(rooms[step % rooms.len()]);
        }
        if step == 20 {
            server.close(rooms.remove(0), 0);
        }
    }
    lost
}

/// Everything that was found is a prefix of the truth, and the missing part is told.
fn assert_prefix(server: &Server, found: &Found) {
    for it in &found.rooms {
        let Some(truth) = server.rooms.get(&it.room) else { continue };
        let last = usize::try_from(it.last().0).unwrap();
        if !matches!(it.verdict, RoomVerdict::Quarantined) {
            assert!(last < truth.states.len(), "{it:?}");
            assert_eq!(state_of(it), truth.states[last], "{it:?} {truth:?}");
        }
    }
}

fn fails_at(calls: std::ops::Range<usize>, fault: Fault) {
    let mut dice = Dice(3);
    let disk = MemoryDisk::default();
    disk.fail(calls.clone(), fault);
    let mut server = Server::start(disk, 2);
    let lost = play(&mut server, &mut dice);
    let halfway = server.disk.after(Loss::Process, &mut dice);
    halfway.fail(0..0, fault);
    assert_prefix(&server, &Found::read(&halfway).unwrap());

    server.disk.fail(0..0, fault);
    let rooms: Vec<RoomId> = server.rooms.keys().copied().collect();
    for _ in 0..60 {
        for log in 0..2 {
            let own: Vec<RoomId> = rooms.iter().copied().filter(|room| room.0 % 2 == log as u64).collect();
            server.tick(&own, log, &mut dice);
        }
        server.turn(25);
        server.care();
    }
    // Without rooms there were no commits, and without a commit a log stays degraded.
    let _ = [server.open(0), server.open(1)];
    server.turn(25);
    assert!(server.logs.iter().all(|log| !log.is_degraded()), "{calls:?} {fault:?}");
    let figures = server.keeper.figures().figures();
    assert_eq!(figures.degraded_logs, 0, "{calls:?} {fault:?}: {figures:?}");
    assert!(lost == 0 || figures.write_failures + figures.prepare_failures + figures.sync_failures > 0, "{figures:?}");
    // All rooms are back where they are, for those of a log that lost something have had checkpoints since.
    let found = Found::read(&server.disk.after(Loss::Process, &mut dice)).unwrap();
    server.check(&found, Loss::Process);
}

#[test]
fn a_disk_that_fails_at_any_call_costs_no_room() {
    let mut server = Server::start(MemoryDisk::default(), 2);
    assert_eq!(play(&mut server, &mut Dice(3)), 0);
    let calls = server.disk.calls();
    assert!(calls > 200);
    for fault in [Fault::Full, Fault::Broken, Fault::Short, Fault::Sync] {
        for call in 0..calls {
            fails_at(call..call + 1, fault);
        }
        for call in (0..calls).step_by(17) {
            fails_at(call..call + 40, fault);
        }
    }
}

#[test]
fn a_failed_write_makes_the_log_degraded_until_a_fresh_segment_takes_a_batch() {
    let mut dice = Dice(1);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let room = server.open(0);
    server.turn(25);
    server.disk.fail(0..usize::MAX, Fault::Full);
    // The segment in use and the one that lies ready fail; then there is none.
    for _ in 0..3 {
        assert!(!server.tick(&[room], 0, &mut dice));
        assert!(server.logs[0].is_degraded() && !server.logs[0].take_recovery());
    }
    server.turn(25);
    assert_eq!(server.keeper.figures().figures().degraded_logs, 1);
    server.disk.fail(0..0, Fault::Full);
    server.turn(25);
    assert!(!server.tick(&[room], 0, &mut dice), "the next segment comes after a second");
    server.turn(1_000);
    assert!(server.tick(&[room], 0, &mut dice));
    assert!(!server.logs[0].is_degraded());
    assert!(server.logs[0].take_recovery() && !server.logs[0].take_recovery(), "it is said once");
    // Without a checkpoint the room is at its last whole tick, and that is told.
    let found = Found::read(&server.disk.after(Loss::Process, &mut dice)).unwrap();
    assert_eq!(found.rooms[0].last(), Tick(0));
    assert_eq!(found.rooms[0].verdict, RoomVerdict::RolledBack { ticks: 5 });
    server.checkpoint(room);
    server.turn(25);
    server.check(&Found::read(&server.disk.after(Loss::Process, &mut dice)).unwrap(), Loss::Process);
}

#[test]
fn one_failed_write_is_told_until_the_rooms_behind_the_gap_are_kept_whole() {
    const TOLD: Duration = Duration::from_secs(10);
    let (mut dice, mut trouble) = (Dice(1), JournalTrouble::default());
    let mut server = Server::start(MemoryDisk::default(), 1);
    let room = server.open(0);
    server.turn(25);
    let figures = server.keeper.figures().figures();
    assert!(!trouble.note(&figures, TOLD, 0) && !figures.has_failed());
    let call = server.disk.calls();
    server.disk.fail(call..call + 1, Fault::Broken);
    assert!(!server.tick(&[room], 0, &mut dice));
    server.turn(25);
    let figures = server.keeper.figures().figures();
    assert_eq!((figures.write_failures, figures.degraded_logs), (1, 0), "the next segment lies ready");
    assert!(figures.has_failed(), "a server that is to stop at a failure does");
    assert!(trouble.note(&figures, TOLD, 5) && trouble.note(&figures, TOLD, 10_000_004));
    assert!(!trouble.note(&figures, TOLD, 10_000_005));
}

#[test]
fn a_failed_sync_is_not_tried_again_and_the_watermark_tells_the_loss() {
    let mut dice = Dice(2);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let room = server.open(0);
    server.turn(25);
    assert!(server.tick(&[room], 0, &mut dice));
    let (watermark, position) = (server.logs[0].watermark(), server.logs[0].position());
    assert_eq!(watermark.covers(position), Synced::NotYet);
    let call = server.disk.calls();
    server.disk.fail(call..call + 1, Fault::Sync);
    server.turn(25);
    server.turn(25);
    assert_eq!(server.keeper.figures().figures().sync_failures, 1, "the second turn left the file alone");
    assert_eq!(watermark.covers(position), Synced::NotYet, "nobody has said yet how much is lost");
    assert!(server.tick(&[room], 0, &mut dice), "the log goes on in another segment");
    assert!(server.logs[0].take_recovery(), "its rooms need checkpoints");
    server.turn(25);
    assert_eq!(watermark.covers(position), Synced::Lost);
    assert_eq!(watermark.covers(server.logs[0].position()), Synced::Yes);
}

#[test]
fn a_sync_waits_for_more_to_share_it_and_no_longer_than_its_interval() {
    const INTERVAL: Duration = Duration::from_millis(25);
    let mut dice = Dice(3);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let respite = |server: &Server| server.keeper.respite(server.now_ms, INTERVAL).as_millis();
    let room = server.open(0);
    server.turn(25);
    assert_eq!(respite(&server), 0, "nothing waits");
    server.now_ms += 8;
    for (ms, rest) in [(0, 25), (10, 15), (15, 0), (30, 0)] {
        server.now_ms += ms;
        assert!(server.tick(&[room], 0, &mut dice));
        assert_eq!(respite(&server), rest, "counted from the first write");
    }
    server.turn(0);
    assert_eq!(server.keeper.figures().figures().unsynced_ms, 55);
    server.turn(25);
    assert_eq!(server.keeper.figures().figures().unsynced_ms, 0);
}

#[test]
fn the_reserve_is_given_up_when_the_disk_is_full_and_made_again_later() {
    let mut server = Server::start(MemoryDisk::default(), 1);
    (0..20).for_each(|_| server.turn(25));
    assert!(server.keeper.figures().figures().has_reserve);
    assert!(server.disk.paths().contains(&"spare/reserve".into()));
    server.disk.fail(0..usize::MAX, Fault::Full);
    let mut dice = Dice(1);
    let room = server.open(0);
    for _ in 0..10 {
        server.tick(&[room], 0, &mut dice);
        server.turn(1_000);
    }
    assert!(!server.keeper.figures().figures().has_reserve);
    assert!(!server.disk.paths().contains(&"spare/reserve".into()));
    server.disk.fail(0..0, Fault::Full);
    (0..100).for_each(|_| server.turn(1_000));
    assert!(server.keeper.figures().figures().has_reserve);
}

#[test]
fn the_journal_stays_within_its_bytes_and_checkpoints_have_space_until_the_end() {
    let mut dice = Dice(9);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let room = server.open(0);
    let mut was_refused = false;
    // Nobody answers the keeper, so that nothing can be freed.
    for _ in 0..60_000 {
        was_refused |= !server.tick(&[room; 1], 0, &mut dice);
        if server.now_ms.is_multiple_of(4) {
            server.turn(25);
        }
        server.now_ms += 1;
        assert!(server.keeper.figures().figures().bytes <= settings().bytes_max);
        if was_refused {
            break;
        }
    }
    assert!(was_refused && server.logs[0].is_degraded());
    server.checkpoint(room);
    server.turn(25);
    assert_eq!(server.keeper.figures().figures().checkpoints, 1);
    (0..5).for_each(|_| server.turn(1_000));
    assert!(server.tick(&[room], 0, &mut dice), "the checkpoint has freed segments");
}

#[test]
fn a_batch_larger_than_a_segment_is_a_gap_and_no_fault_of_the_disk() {
    let mut server = Server::start(MemoryDisk::default(), 1);
    let mut batch = Batch::new();
    batch.put(EntryKind::Tick, RoomId(1), Tick(1), |body| body.resize(usize::try_from(SEGMENT_BYTES).unwrap(), 0));
    assert!(server.logs[0].commit(&mut batch, 0).is_err());
    assert!(batch.is_empty() && !server.logs[0].is_degraded() && server.logs[0].take_recovery());
    let room = server.open(0);
    assert!(server.rooms.contains_key(&room) && !server.logs[0].take_recovery());
}

/// A room that no bytes can be made of, after it has begun to be written.
struct Broken;

impl Frozen for Broken {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        out.extend_from_slice(b"half");
        Err(JournalError::Encode)
    }
}

#[test]
fn a_room_that_no_bytes_can_be_made_of_is_given_back_and_the_others_are_kept() {
    let mut dice = Dice(5);
    let mut server = Server::start(MemoryDisk::default(), 1);
    let rooms: Vec<RoomId> = (0..3).map(|_| server.open(0)).collect();
    assert!(server.tick(&rooms, 0, &mut dice));
    let (back, notices) = sync_channel(8);
    server.checkpoint(rooms[0]);
    let frozen = Box::new(Broken);
    server.keeper.checkpoint(Checkpoint { room: rooms[1], tick: Tick(1), frozen, back });
    server.checkpoint(rooms[2]);
    server.turn(25);
    let Notice::Done { room, outcome, .. } = notices.try_recv().unwrap() else { panic!("a wish") };
    assert_eq!((room, outcome), (rooms[1], Err(JournalError::Encode)));
    let figures = server.keeper.figures().figures();
    assert_eq!((figures.checkpoints, figures.checkpoint_failures, figures.degraded_logs), (2, 1, 0));
    let found = Found::read(&server.disk.after(Loss::Process, &mut dice)).unwrap();
    server.check(&found, Loss::Process);
    let worlds: Vec<_> = found.rooms.iter().map(|room| (room.room, room.world.is_some())).collect();
    assert_eq!(worlds, [(rooms[0], true), (rooms[1], false), (rooms[2], true)]);
}

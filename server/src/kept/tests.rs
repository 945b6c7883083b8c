//! The log of everything that is kept, on real files, with other threads that write beside it.

use super::topics::KeptLine;
use super::*;
use crate::journal::{Folder, Found, JournalSettings, JournalWriter, KeeperThread, look};
use crate::limits::{
    KEPT_BLOCKS_MAX, KEPT_BYTES_IN_ALL_MAX, KEPT_HELD_BYTES_MAX, KEPT_LINES_BYTES_MAX, KEPT_MUTES_MAX,
    KEPT_OUTBOX_BYTES_MAX, KEPT_PLAYERS_BYTES_MAX, KEPT_RECEIPTS_MAX, KEPT_ROOMS_MAX,
};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickwire::message::topics::PlayerId;
use tickwire::tick::Tick;

/// A folder that is removed in the end.
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-kept-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A data folder as a server has it open, with the log.
pub(crate) struct Process {
    pub(crate) log: Arc<KeptLog>,
    keeper: KeeperThread,
    _folder: Folder,
}

impl Process {
    pub(crate) fn start(path: &Path) -> Self {
        let (folder, mut found) = Folder::open(path).unwrap();
        let (bytes_max, segment_bytes, reserve_bytes) = (64 << 20, 1 << 20, 0);
        let sync_interval = Duration::from_millis(5);
        let settings =
            JournalSettings { bytes_max, segment_bytes, reserve_bytes, sync_interval, ..JournalSettings::default() };
        let keeper = folder.keep(&mut found, settings).unwrap();
        let log = KeptLog::open(&keeper.handle(), found.kept_world.as_ref(), &found.kept, path).unwrap();
        Self { log: Arc::new(log), keeper, _folder: folder }
    }

    /// The means of another thread.
    pub(crate) fn writer(&self) -> JournalWriter {
        JournalWriter::new(&self.keeper.handle())
    }

    /// The means of a thread whose log nobody syncs any more, and that does not say so.
    pub(crate) fn silent_writer(path: &Path) -> JournalWriter {
        let Self { log, keeper, _folder } = Self::start(path);
        let writer = JournalWriter::new(&keeper.handle());
        drop(log);
        keeper.stop();
        writer
    }

    /// The log after its keeper has ended: no disk takes anything.
    pub(crate) fn without_disk(path: &Path) -> Arc<KeptLog> {
        let Self { log, keeper, _folder } = Self::start(path);
        drop(log);
        let handle = keeper.handle();
        keeper.stop();
        Arc::new(KeptLog::open(&handle, None, &[], path).unwrap())
    }
}

fn event(room: u64, order: u64, kind: EventKind) -> Change {
    let key = EventKey { process: 1, room, order };
    let (code, game, waiting) = ("BCDFGH".into(), "arena".into(), [(8, 0)].into());
    Change::Event(KeptEvent { key, code, game, at_ms: 5, kind, waiting })
}

fn said(topic: &str, id: u64, body: &str) -> Change {
    let line = KeptLine { id, from: Some((PlayerId([1; 10]), "ada".into())), at_ms: unix_ms(), body: body.into() };
    Change::Said(Said { topic: topic.into(), base: 10, id, line: Some(line), lines_max: 64, kept_ms: 600_000 })
}

/// Looks at the folder until something is there, as a kill at that moment leaves it.
fn wait_for<T>(path: &Path, mut there: impl FnMut(&Found) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(there) = look(path).ok().and_then(|found| there(&found)) {
            return there;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::yield_now();
    }
}

fn numbers(found: &Found) -> (Option<u32>, Vec<u32>) {
    (found.kept_world.as_ref().map(|(number, _)| number.0), found.kept.iter().map(|(number, _)| number.0).collect())
}

fn state_of(found: &Found) -> KeptState {
    let (state, faults) = found_state(found.kept_world.as_ref(), &found.kept);
    assert_eq!(faults, 0);
    state
}

#[test]
fn an_event_on_its_way_from_a_shard_outlives_the_piece_that_is_written_meanwhile() {
    let data = Temporary::new("meanwhile");
    let process = Process::start(&data.0);
    let (log, mut shard) = (&process.log, process.writer());
    let change = event(2, 1, EventKind::Opened);
    let place = shard.kept(&change.encode()).unwrap();
    log.keep([said("announce", 11, "hello")]).unwrap();
    assert_eq!(numbers(&look(&data.0).unwrap()), (None, vec![2]), "the event is not written yet");
    let mut now_us = 0;
    let mut care = || {
        now_us += 60_000_000;
        log.care(now_us);
    };
    care();
    let found = wait_for(&data.0, |found| found.kept_world.is_some().then(|| numbers(found)));
    assert_eq!(found, (Some(0), vec![2]), "the piece stands for nothing behind the event");
    shard.commit();
    let found = look(&data.0).unwrap();
    assert_eq!(numbers(&found), (Some(0), vec![1, 2]));
    let state = state_of(&found);
    assert_eq!(state.outbox.events().count(), 1);
    assert_eq!(state.topics.by_name["announce"].lines.len(), 1, "the line is in the piece, and is not said twice");
    log.take_in(change, &place);
    care();
    let found = wait_for(&data.0, |found| {
        let numbers = numbers(found);
        (numbers.0 == Some(2)).then(|| (numbers.1, state_of(found)))
    });
    assert_eq!(found.0, [0_u32; 0]);
    assert_eq!(found.1, log.read(Clone::clone));
}

#[test]
fn a_part_that_cannot_be_read_is_set_aside_and_all_others_count() {
    let data = Temporary::new("aside");
    fs::create_dir(&data.0).unwrap();
    fs::set_permissions(&data.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let (folder, mut found) = Folder::open(&data.0).unwrap();
    let keeper = folder.keep(&mut found, JournalSettings { reserve_bytes: 0, ..JournalSettings::default() }).unwrap();
    let used = Change::Used { ticket: [3; 16], forget_at_s: u64::MAX };
    let world = (Tick(5), b"\x63a piece of another version".to_vec());
    let entries = [(Tick(6), used.encode()), (Tick(9), b"\x01half a chan".to_vec())];
    let log = KeptLog::open(&keeper.handle(), Some(&world), &entries, &data.0).unwrap();
    assert_eq!(log.read(|state| state.tickets.keys().copied().collect::<Vec<_>>()), [[3; 16]]);
    let aside = fs::read(data.0.join("quarantine/server-9.log")).unwrap();
    for part in [&*world.1, &*entries[0].1, &*entries[1].1] {
        assert!(aside.windows(part.len()).any(|window| window == part), "{}", String::from_utf8_lossy(part));
    }
    log.keep([used]).unwrap();
    assert_eq!(numbers(&look(&data.0).unwrap()), (None, vec![10]), "no number is given twice");
    // Where the copy cannot be written nothing may take the place of what is there.
    assert!(KeptLog::open(&keeper.handle(), Some(&world), &[], &data.0.join("nowhere")).is_err());
    keeper.stop();
}

#[test]
fn a_change_that_no_disk_takes_counts_and_says_so() {
    let data = Temporary::new("no-disk");
    let log = Process::without_disk(&data.0);
    assert!(log.keep([Change::Used { ticket: [3; 16], forget_at_s: u64::MAX }]).is_err());
    assert_eq!(log.read(|state| state.tickets.len()), 1);
}

#[test]
fn the_fullest_state_fits_into_its_piece() {
    let mut state = KeptState::default();
    let ticket = |number: u32| {
        let mut ticket = [0; 16];
        ticket[..4].copy_from_slice(&number.to_le_bytes());
        ticket
    };
    let player = |number: u32| PlayerId(*ticket(number).first_chunk().unwrap());
    for number in 0..100_000 {
        state.tickets.insert(ticket(number), u64::MAX);
        let revocation = KeptRevocation { revoked_at_s: 1, forget_at_s: u64::MAX };
        state.revocations.insert(ticket(number), revocation);
    }
    for number in 0..u32::try_from(KEPT_LINES_BYTES_MAX).unwrap() / 100 {
        state.apply(said(&format!("player/{number:016}"), 11, "x"));
    }
    for number in 0..u32::try_from(KEPT_RECEIPTS_MAX).unwrap() {
        let (player, seq) = (player(number), number.into());
        state.apply(Change::Receipt(KeptReceipt { player, seq, id: 1, kept: true, at_ms: unix_ms() }));
    }
    for number in 0..u32::try_from(KEPT_MUTES_MAX + 10).unwrap() {
        state.apply(Change::Muted { player: player(number), until_ms: u64::MAX });
    }
    for number in 0..u32::try_from(KEPT_BLOCKS_MAX + 10).unwrap() {
        state.apply(Change::Blocked { player: player(number), other: player(0), blocked: true });
    }
    assert_eq!((state.topics.people.mutes.len(), state.topics.people.blocks.len()), (KEPT_MUTES_MAX, KEPT_BLOCKS_MAX));
    let before = {
        let mut all = Vec::new();
        state.encode(&mut all);
        all.len()
    };
    for room in 0..u64::try_from(KEPT_ROOMS_MAX + 10).unwrap() {
        let player = KeptPlayer { id: "i".repeat(32), name: "n".repeat(32), seat: 0 };
        let Change::Event(joined) = event(room, 1, EventKind::Joined(player)) else { unreachable!() };
        state.apply(Change::Event(KeptEvent { waiting: [].into(), ..joined }));
    }
    let mut all = Vec::new();
    state.encode(&mut all);
    let bytes = all.len() - before;
    assert!(bytes <= KEPT_PLAYERS_BYTES_MAX + 24 * KEPT_ROOMS_MAX + 8, "{bytes}");
    assert!(
        state.rooms.get(KEPT_ROOMS_MAX as u64 - 1).is_some_and(|room| room.order == 1),
        "beyond the bound of players"
    );
    assert!(state.rooms.get(KEPT_ROOMS_MAX as u64).is_none());
    // The longest result, and the bytes that an event is counted with.
    let result = "r".repeat(2_048);
    for room in 0..(KEPT_OUTBOX_BYTES_MAX + KEPT_HELD_BYTES_MAX) as u64 / (512 + 2_048) {
        state.outbox.push(match event(room, 1, EventKind::Ended { result: result.clone() }) {
            Change::Event(event) => event,
            _ => unreachable!(),
        });
    }
    all.clear();
    state.encode(&mut all);
    assert!(all.len() <= KEPT_BYTES_IN_ALL_MAX, "{} bytes", all.len());
    assert!(all.len() > KEPT_BYTES_IN_ALL_MAX / 2, "{} bytes", all.len());
    assert!(KeptState::decode(&all).is_ok_and(|decoded| decoded == state));
}

//! Real files: the lock, the versions, and a journal that two processes use one after the other.

use crate::journal::batch::{Batch, EntryKind};
use crate::journal::folder::with_format;
use crate::journal::keeper::Notice;
use crate::journal::log::Synced;
use crate::journal::{Folder, FolderFault, Frozen, JournalError, JournalSettings, JournalWriter, Measure, RoomVerdict};
use crate::lobby::RoomId;
use crate::threads::ThreadHealth;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::thread::yield_now;
use std::time::{Duration, Instant};
use tickwire::tick::Tick;

/// A folder that is removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings() -> JournalSettings {
    let (bytes_max, segment_bytes, reserve_bytes) = (64 << 20, 1 << 20, 1 << 20);
    JournalSettings {
        bytes_max,
        sync_interval: Duration::from_millis(5),
        segment_bytes,
        reserve_bytes,
        ..JournalSettings::default()
    }
}

struct World(Vec<u8>);

impl Frozen for World {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

/// Waits until something is there.
fn wait<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(there) = poll() {
            return there;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never came");
        yield_now();
    }
}

#[test]
fn a_room_goes_on_in_the_next_process() {
    let dir = Temporary::new("goes-on");
    let room = RoomId(1 << 40);
    {
        let (folder, mut found) = Folder::open(&dir.0).unwrap();
        assert_eq!((&*folder.path, folder.incarnation(), found.rooms.len()), (&*dir.0, 1, 0));
        let keeper = folder.keep(&mut found, settings()).unwrap();
        let (mut log, desk) = (keeper.handle().new_log(), keeper.handle().desk());
        let mut batch = Batch::new();
        batch.put(EntryKind::Room, room, Tick(0), |body| body.extend_from_slice(b"head"));
        // Enough for several segments.
        for tick in 1..=4_000 {
            batch.put(EntryKind::Tick, room, Tick(tick), |body| body.resize(1_000, 1));
            wait(|| (!log.is_degraded()).then_some(()));
            log.commit(&mut batch, 1_000).unwrap();
            if tick % 500 == 0 {
                wait(|| (log.watermark().covers(log.position()) == Synced::Yes).then_some(()));
            }
        }
        assert!(desk.checkpoint(room, Tick(3_990), Box::new(World(vec![3; 300_000]))).is_ok());
        let Notice::Done { tick, outcome, mut frozen, .. } = wait(|| desk.notice()) else { panic!("nobody asked") };
        assert_eq!((tick, outcome), (Tick(3_990), Ok(())));
        let mut again = Vec::new();
        frozen.encode(&mut again).unwrap();
        assert_eq!(again.len(), 300_000, "the box comes back for the next checkpoint");
        assert!(!keeper.health().has_ended());
        wait(|| (keeper.handle().figures().retired > 0).then_some(()));
        keeper.stop();
    }
    let (folder, found) = Folder::open(&dir.0).unwrap();
    assert_eq!(folder.incarnation(), 2);
    let it = &found.rooms[0];
    assert_eq!((it.room, it.last(), it.verdict), (room, Tick(4_000), RoomVerdict::Whole));
    assert_eq!(it.world.as_ref().map(|(tick, body)| (*tick, body.len())), Some((Tick(3_990), 300_000)));
    assert_eq!((found.torn.len(), found.damaged.len(), it.ticks.len()), (0, 0, 10));
    let mode = |path: &str| fs::metadata(dir.0.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("ticks"), mode("lock")), (0o700, 0o700, 0o600));
}

#[test]
fn a_check_refuses_what_a_start_would_and_changes_nothing() {
    let dir = Temporary::new("check");
    Folder::check(&dir.0).unwrap();
    assert_eq!(Folder::open(&dir.0).unwrap().0.incarnation(), 1, "a check is no start");
    let (server, _) = Folder::open(&dir.0).unwrap();
    assert!(matches!(Folder::check(&dir.0), Err(FolderFault::Locked { .. })));
    drop(server);
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Folder::check(&dir.0), Err(FolderFault::Folder(_))));
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(dir.0.join("lock"), with_format(9, 4)).unwrap();
    assert!(matches!(Folder::check(&dir.0), Err(FolderFault::Newer { format: 9, .. })));
}

#[test]
fn a_process_is_careful_after_a_bad_end_and_knows_the_room_that_was_at_work() {
    let (dir, room) = (Temporary::new("careful"), RoomId(1 << 32));
    let thread = |name: &str| ThreadHealth::new(name, Duration::from_secs(1));
    {
        let (folder, mut found) = Folder::open(&dir.0).unwrap();
        assert!(!folder.is_careful && found.suspects.is_empty(), "nothing came before");
        let keeper = folder.keep(&mut found, settings()).unwrap();
        let mut log = keeper.handle().new_log();
        let mut batch = Batch::new();
        batch.put(EntryKind::Room, room, Tick(0), |body| body.extend_from_slice(b"head"));
        log.commit(&mut batch, 1_000).unwrap();
        keeper.stop();
        let shard = thread("shard-0");
        folder.watch(&shard);
        assert!(shard.in_tick(room.0).is_none());
    }
    let measures = [vec![], vec![(room, Measure::SkipInputs)], vec![(room, Measure::SetAside)]];
    for (crash, expected) in measures.into_iter().enumerate() {
        let (folder, found) = Folder::open(&dir.0).unwrap();
        assert!(folder.is_careful);
        assert_eq!(found.suspects, expected, "after crash {}", crash + 1);
        let (shard, other) = (thread("shard-0"), thread("shard-1"));
        [&shard, &other].into_iter().for_each(|thread| folder.watch(thread));
        assert!(other.in_tick(room.0 + 1).is_some(), "a tick that ends well");
        // The process ends in this tick.
        std::mem::forget(shard.in_tick(room.0));
    }
    let (folder, _) = Folder::open(&dir.0).unwrap();
    folder.note_good_end();
    drop(folder);
    assert!(!Folder::open(&dir.0).unwrap().0.is_careful);
}

#[test]
fn a_folder_has_one_server_at_a_time() {
    let dir = Temporary::new("locked");
    let first = Folder::open(&dir.0).unwrap();
    let error = Folder::open(&dir.0).unwrap_err();
    assert!(matches!(error, FolderFault::Locked { .. }), "{error}");
    assert!(error.to_string().ends_with("is in use by another server"));
    drop(first);
    let (second, _) = Folder::open(&dir.0).unwrap();
    assert_eq!(second.incarnation(), 2, "the refused one is no start");
    let node = second.identity.node;
    drop(second);
    assert_eq!(Folder::open(&dir.0).unwrap().0.identity.node, node);
}

#[test]
fn a_folder_of_a_newer_format_stays_as_it_is() {
    let dir = Temporary::new("newer");
    drop(Folder::open(&dir.0).unwrap());
    let lock = dir.0.join("lock");
    let newer = with_format(7, 1);
    fs::write(&lock, &newer).unwrap();
    let error = Folder::open(&dir.0).unwrap_err();
    assert!(matches!(error, FolderFault::Newer { format: 7, .. }), "{error}");
    assert_eq!(fs::read(&lock).unwrap(), newer);
    fs::write(&lock, b"something of somebody else").unwrap();
    assert!(matches!(Folder::open(&dir.0).unwrap_err(), FolderFault::Foreign { .. }));
}

#[test]
fn half_a_lock_file_is_enough() {
    let dir = Temporary::new("half");
    drop(Folder::open(&dir.0).unwrap());
    drop(Folder::open(&dir.0).unwrap());
    let lock = dir.0.join("lock");
    let mut bytes = fs::read(&lock).unwrap();
    // The second start is in the first half.
    bytes[10] ^= 0xff;
    fs::write(&lock, bytes).unwrap();
    assert_eq!(Folder::open(&dir.0).unwrap().0.incarnation(), 2);
}

#[test]
fn no_link_is_followed_and_no_shared_folder_is_used() {
    let (dir, other) = (Temporary::new("link"), Temporary::new("link-target"));
    drop(Folder::open(&other.0).unwrap());
    symlink(&other.0, &dir.0).unwrap();
    assert!(matches!(Folder::open(&dir.0).unwrap_err(), FolderFault::Folder(_)));
    fs::remove_file(&dir.0).unwrap();
    drop(Folder::open(&dir.0).unwrap());
    fs::remove_file(dir.0.join("lock")).unwrap();
    symlink(other.0.join("lock"), dir.0.join("lock")).unwrap();
    assert!(matches!(Folder::open(&dir.0).unwrap_err(), FolderFault::Link { .. }));
    fs::set_permissions(&other.0, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Folder::open(&other.0).unwrap_err(), FolderFault::Folder(_)));
}

const ROOM: RoomId = RoomId(1 << 32);

/// A room that no bytes can be made of.
struct Broken;

impl Frozen for Broken {
    fn encode(&mut self, _: &mut Vec<u8>) -> Result<(), JournalError> {
        Err(JournalError::Encode)
    }
}

#[test]
fn a_room_that_cannot_be_kept_whole_is_given_up_before_its_ticks_fill_the_journal() {
    let dir = Temporary::new("given-up");
    let (folder, mut found) = Folder::open(&dir.0).unwrap();
    let keeper =
        folder.keep(&mut found, JournalSettings { bytes_max: 32 << 20, reserve_bytes: 0, ..settings() }).unwrap();
    let mut writer = JournalWriter::new(&keeper.handle());
    writer.opened(ROOM, b"head");
    writer.keep(ROOM, Tick(0), Box::new(Broken));
    let long = |out: &mut Vec<u8>| {
        out.resize(out.len() + 100_000, 7);
        Ok::<(), ()>(())
    };
    let (mut now_ns, mut tick) = (0, Tick(0));
    let given_up = wait(|| {
        now_ns += 1_000_000_000;
        // More than half of the journal, so that segments are to be freed.
        if keeper.handle().figures().bytes < 18 << 20 {
            tick = tick.next();
            writer.tick(ROOM, tick, long).unwrap();
            writer.commit();
        }
        writer.may_keep(1, now_ns);
        writer.take_given_up()
    });
    assert!(given_up == ROOM && writer.is_hopeless(ROOM));
    writer.closed(ROOM);
    // Its ticks are freed, and there is space for those of others.
    wait(|| {
        writer.commit();
        let figures = keeper.handle().figures();
        (figures.bytes < 8 << 20 && figures.degraded_logs == 0).then_some(())
    });
    drop(writer);
    keeper.stop();
}

//! Shards with a journal: all that a player has received is written, and a room goes on from a copy of the folder as a
//! kill at that moment leaves it. That nothing is sent before it is written is shown in `written_first`.

use super::fragile::{SLOW_STEP, SLOWING, UNIQUE};
use super::*;
use crate::journal::{
    CheckpointPace, Folder, FoundRoom, JournalSettings, KeeperHandle, KeeperThread, RoomVerdict, look,
};
use crate::lobby::{Code, Door, Wanted};
use crate::mailbox::{Recovery, Revival};
use crate::room_header::{GameChange, RoomHeader, take_header};
use std::fs;
use std::path::{Path, PathBuf};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;

pub(super) const ROOM: RoomId = RoomId(7);

/// A folder that is removed in the end.
pub(super) struct Temporary(pub(super) PathBuf);

impl Temporary {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-shard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A data folder as a process has it open.
pub(super) struct OpenFolder {
    _folder: Folder,
    pub(super) keeper: KeeperThread,
}

impl OpenFolder {
    pub(super) fn open(path: &Path) -> (Self, Vec<FoundRoom>) {
        Self::at_pace(path, CheckpointPace::default())
    }

    fn at_pace(path: &Path, pace: CheckpointPace) -> (Self, Vec<FoundRoom>) {
        let (folder, mut found) = Folder::open(path).unwrap();
        let (bytes_max, segment_bytes, reserve_bytes) = (64 << 20, 1 << 20, 0);
        let settings = JournalSettings { bytes_max, segment_bytes, reserve_bytes, pace, ..JournalSettings::default() };
        let keeper = folder.keep(&mut found, settings).unwrap();
        (Self { _folder: folder, keeper }, found.rooms)
    }
}

pub(super) fn plan() -> (OfferedGame, RoomPlan) {
    let limits = RoomLimits { seats_per_origin_max: 2, ..RoomLimits::default() };
    let setup = RoomSetup { secret: 7.into(), bots: 0, has_owner: false, limits, build: 0 };
    (OfferedGame::of::<Fragile>(), RoomPlan { setup, options: serde_json::Value::Null })
}

/// A shard that writes to this folder.
pub(super) fn written_by(data: &OpenFolder) -> Running {
    let (commands, inbox) = mpsc::channel();
    let (mut setup, reports) = setup(commands.clone(), inbox, false);
    setup.journal = Some(data.keeper.handle());
    start(commands, setup, reports, |setup| Shard::new(setup).run())
}

/// Opens the room as the maker of rooms does.
pub(super) fn open_written(shard: &Running, keeper: &KeeperHandle) {
    let (game, plan) = plan();
    let wanted = Wanted { game: 0, seats: 2, public: false, quick_match: false, door: Door::Open };
    let header = RoomHeader::new(Code::parse("222222").unwrap(), &game, &wanted, &plan).to_bytes();
    JournalWriter::new(keeper).opened(ROOM, &header);
    let made = MadeRoom { header: Some(header), ..made(7) };
    shard.commands.send(Command::Open { room: ROOM, made: Box::new(made) }.into()).unwrap();
}

/// The tick of the next snapshot.
pub(super) fn next_tick(player: &mut TcpStream, last: Tick) -> Tick {
    loop {
        let message = receive(player).unwrap();
        if message[0] >= SNAPSHOT {
            return SnapshotHead::decode(&mut Reader::new(&message), last).unwrap().tick;
        }
    }
}

/// The folder that a kill now would leave. A copy may have half a write at its end, as a kill may.
fn copy(from: &Path, to: &Path) {
    for part in ["", "ticks", "worlds", "spare", "quarantine"] {
        fs::create_dir_all(to.join(part)).unwrap();
        fs::set_permissions(to.join(part), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
}

#[test]
fn whatever_a_player_has_received_is_written_and_a_later_process_goes_on_from_it() {
    let (now, later) = (Temporary::new("now"), Temporary::new("later"));
    let (data, _) = OpenFolder::open(&now.0);
    let shard = written_by(&data);
    open_written(&shard, &data.keeper.handle());
    let mut player = shard.enter(ROOM);
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let welcome = receive(&mut player).unwrap();
    assert_eq!(welcome[0], WELCOME);
    let seat = Welcome::decode(&welcome).unwrap().seat;
    let mut tick = Tick(0);
    for _ in 0..40 {
        tick = next_tick(&mut player, tick);
        let found = look(&now.0).unwrap();
        let room = found.rooms.iter().find(|room| room.room == ROOM).expect("the room is written with its first tick");
        assert!(room.last() >= tick, "tick {tick} was sent, and {} is written", room.last());
    }
    poke(&mut player, tick, HARD);
    tick = next_tick(&mut player, tick);
    copy(&now.0, &later.0);

    let (data, rooms) = OpenFolder::open(&later.0);
    let [found] = <[_; 1]>::try_from(rooms).unwrap_or_else(|rooms| panic!("one room: {rooms:?}"));
    assert!(found.last() >= tick);
    let survivor = written_by(&data);
    let of_world = found.world.as_ref().map(|(_, world)| take_header(world).unwrap().0.to_vec());
    let header = of_world.or(found.header).expect("a header");
    let (game, plan) = plan();
    let recovery = Recovery::default();
    let revival = Revival {
        room: ROOM,
        code: Code::parse("222222").unwrap(),
        game,
        plan,
        header: header.into(),
        change: GameChange::None,
        world: found.world,
        ticks: found.ticks,
        chronicle: None,
        expected: recovery.expect(),
        folder: later.0.as_path().into(),
        skips_inputs: false,
    };
    survivor.commands.send(Command::Revive(vec![revival]).into()).unwrap();
    let (mut again, mut arrival) = arrival();
    again.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    (arrival.hello.resume, arrival.token) = (Some([1; 16]), [2; 16]);
    survivor.let_in(ROOM, arrival);
    let welcome = Welcome::decode(&receive(&mut again).unwrap()).unwrap();
    assert!(welcome.resumed && welcome.seat == seat && welcome.tick >= tick, "{welcome:?} after tick {tick}");
    assert!(next_tick(&mut again, tick) > tick);
    assert!(!recovery.is_under_way());
    survivor.stop(CloseCode::Restart);
    shard.stop(CloseCode::Restart);
}

/// Plays in a shard that writes at this pace, after a poke; gives the room as a later process finds it, and the last tick
/// that its player has received, once so many ticks were made and it is as `is_enough` says.
fn played(
    name: &str,
    pace: CheckpointPace,
    pokes: Poke,
    ticks: u32,
    is_enough: impl Fn(&FoundRoom) -> bool,
) -> (FoundRoom, Tick) {
    let folder = Temporary::new(name);
    let (data, _) = OpenFolder::at_pace(&folder.0, pace);
    let shard = written_by(&data);
    open_written(&shard, &data.keeper.handle());
    let mut player = shard.enter(ROOM);
    player.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(receive(&mut player).unwrap()[0], WELCOME);
    let start = next_tick(&mut player, Tick(0));
    poke(&mut player, Tick(start.0 + 2), pokes);
    let (mut tick, end) = (start, Instant::now() + Duration::from_secs(30));
    loop {
        tick = next_tick(&mut player, tick);
        if tick.0 < start.0 + ticks {
            continue;
        }
        let found = look(&folder.0).unwrap().rooms.into_iter().find(|room| room.room == ROOM).expect("it is written");
        if is_enough(&found) {
            shard.stop(CloseCode::Restart);
            return (found, tick);
        }
        assert!(Instant::now() < end, "at {tick}: {} ticks after {:?}", found.ticks.len(), found.world.map(|it| it.0));
    }
}

#[test]
fn the_ticks_after_the_newest_whole_world_take_no_longer_to_be_played_again_than_is_set() {
    const TICKS: u32 = 120;
    let age_max = Duration::from_secs(3_600);
    let pace = |replay_max| CheckpointPace { replay_max, age_max };
    // A room has its turn every 31 ms, and the keeper takes a moment.
    let is_short = |found: &FoundRoom| found.world.as_ref().is_some_and(|_| found.ticks.len() < 60);
    played("often", pace(SLOW_STEP * 30), SLOWING, TICKS, is_short);
    let (found, _) = played("seldom", pace(Duration::from_secs(60)), SLOWING, TICKS, |_| true);
    assert!(found.world.is_none() && found.ticks.len() >= 110, "{} ticks", found.ticks.len());
}

#[test]
fn a_room_whose_world_cannot_be_copied_plays_on_and_is_kept_by_its_ticks() {
    let pace = CheckpointPace { age_max: Duration::from_millis(1), ..CheckpointPace::default() };
    let (found, tick) = played("unique", pace, UNIQUE, 120, |found| found.ticks.len() > 100);
    assert_eq!(found.verdict, RoomVerdict::Whole);
    assert!(found.last() >= tick, "{tick} was sent, and {} is written", found.last());
}

//! Nothing leaves a room before it is written: a disk holds the writes of the shard, and players listen meanwhile.

use super::survival::{ROOM, open_written, plan};
use super::*;
use crate::journal::FoundRoom;
use crate::journal::tests::held_disk::HeldDisk;
use crate::room::{GameSchemas, Kept, Room};
use crate::room_header::take_header;
use tickwire::bug::{Bug, plant};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;

/// How long players listen for something that must not come.
const SILENCE: Duration = Duration::from_millis(60);

/// The token of the player who enters while the writes of the shard are held.
const TOKEN: [u8; 16] = [2; 16];

/// A player's end of a connection, and the things that it has been sent.
struct Listener {
    stream: TcpStream,
    is_welcome: bool,
    tick: Tick,
}

impl Listener {
    fn new(stream: TcpStream) -> Self {
        Self { stream, is_welcome: false, tick: Tick(0) }
    }

    /// Takes the next message, if one comes within this time.
    fn listen(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        if self.stream.peek(&mut [0]).is_err() {
            return false;
        }
        self.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let message = receive(&mut self.stream).expect("the connection stays");
        self.is_welcome |= message[0] == WELCOME;
        if message[0] >= SNAPSHOT {
            self.tick = SnapshotHead::decode(&mut Reader::new(&message), self.tick).unwrap().tick;
        }
        true
    }

    /// Takes everything that has been sent.
    fn listen_to_all(&mut self) {
        while self.listen(SILENCE) {}
    }

    /// Takes messages until the next tick has come.
    fn listen_to_tick(&mut self) {
        let before = self.tick;
        while self.tick == before {
            assert!(self.listen(Duration::from_secs(30)), "no tick comes after {before}");
        }
    }
}

/// The room that a later process makes from what was found.
fn revived(found: &FoundRoom) -> Room<Fragile> {
    let world = found.world.as_ref().map(|(_, world)| take_header(world).unwrap().1);
    let kept = Kept { world, ticks: &found.ticks };
    Room::revive(&GameSchemas::new(), plan().1.setup, &Default::default(), kept).unwrap().room
}

/// Plays on a disk that holds each write of the shard for a while. Says which promise is broken, if one is.
fn broken_promise(bug: Option<Bug>) -> Option<&'static str> {
    let disk = Arc::new(HeldDisk::default());
    let keeper = disk.keep();
    let (commands, inbox) = mpsc::channel();
    let (mut setup, reports) = setup(commands.clone(), inbox, false);
    setup.journal = Some(keeper.handle());
    let shard = start(commands, setup, reports, move |setup| {
        plant(bug);
        Shard::new(setup).run();
    });
    open_written(&shard, &keeper.handle());
    let mut player = Listener::new(shard.enter(ROOM));
    (0..10).for_each(|_| player.listen_to_tick());

    disk.hold(shard.thread.thread().id());
    disk.wait_for_write();
    let (stream, mut arrival) = arrival();
    arrival.token = TOKEN;
    shard.let_in(ROOM, arrival);
    let (mut newcomer, mut broken) = (Listener::new(stream), None);
    for _ in 0..6 {
        player.listen_to_all();
        newcomer.listen_to_all();
        let found = disk.find(ROOM);
        if player.tick.max(newcomer.tick) > found.last() {
            broken = broken.or(Some("a tick was sent that is not written"));
        }
        if newcomer.is_welcome && !revived(&found).has_token(TOKEN) {
            broken = broken.or(Some("a welcome was sent whose token is not written"));
        }
        disk.let_one_through();
        disk.wait_for_write();
    }
    disk.release();
    player.listen_to_tick();
    newcomer.listen_to_tick();
    assert!(newcomer.is_welcome);
    shard.stop(CloseCode::Restart);
    keeper.stop();
    broken
}

#[test]
fn neither_a_tick_nor_a_welcome_leaves_a_shard_while_its_write_is_held() {
    assert_eq!(broken_promise(None), None);
}

#[test]
fn a_shard_that_sends_before_it_writes_is_found() {
    assert_eq!(broken_promise(Some(Bug::SentBeforeWritten)), Some("a tick was sent that is not written"));
}

//! The events for the studio, as a shard writes them to its journal.

use super::*;
use crate::chronicle::{Chronicle, end};
use crate::journal::{Folder, JournalSettings, JournalWriter, batches};
use crate::mailbox::RoomWork;
use crate::webhooks::event::RoomSerial;
use crate::webhooks::feed::Webhooks;
use tokio::sync::oneshot;

const ROOM: RoomId = RoomId(7);
const LOST: RoomId = RoomId(8);

#[test]
fn each_event_is_in_the_write_of_its_cause() {
    let path = std::env::temp_dir().join(format!("tickwire-shard-studio-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let (folder, mut found) = Folder::open(&path).unwrap();
    let (segment_bytes, reserve_bytes) = (1 << 20, 0);
    let settings = JournalSettings { segment_bytes, reserve_bytes, ..JournalSettings::default() };
    let handle = folder.keep(&mut found, settings).unwrap().handle();
    let (webhooks, mut inbox) = Webhooks::to_test_kept(&handle, &path);
    let (commands, shard_inbox) = mpsc::channel();
    let (mut setup, reports) = setup(commands.clone(), shard_inbox, false);
    setup.journal = Some(handle.clone());
    let shard = start(commands, setup, reports, |setup| Shard::new(setup).run());
    let mut told = || inbox.blocking_recv().unwrap().event.event.name();

    // As the maker of rooms opens one.
    let mut chronicle = Chronicle::open(webhooks.feed(RoomSerial(ROOM.0), "222222", "fragile").unwrap());
    let mut maker = JournalWriter::new(&handle);
    chronicle.write(&mut maker);
    maker.opened(ROOM, b"header");
    let made = MadeRoom { header: Some(Arc::from(*b"header")), chronicle: Some(chronicle), ..made(7) };
    shard.commands.send(Command::Open { room: ROOM, made: Box::new(made) }.into()).unwrap();
    let mut player = shard.enter(ROOM);
    assert_eq!(receive(&mut player).map(|message| message[0]), Ok(WELCOME));
    assert_eq!((told(), told()), ("room.opened", "player.joined"));
    let (answer, done) = oneshot::channel();
    shard.commands.send(Command::Work { room: ROOM, work: RoomWork::Close, answer, detours: 0 }.into()).unwrap();
    assert_eq!(done.blocking_recv().unwrap(), Some(Ok(None)));
    assert_eq!(told(), "room.closed");
    // A room of an earlier process that does not go on.
    let mut chronicle = Chronicle::go_on(webhooks.feed(RoomSerial(LOST.0), "333333", "fragile").unwrap());
    chronicle.ends_with(end::FAILED);
    shard.commands.send(Command::Forget(vec![(LOST, Some(chronicle))]).into()).unwrap();
    assert_eq!(told(), "room.closed");
    shard.stop(CloseCode::Restart);

    // The number of the server's pseudo-room is 0.
    let of_server = |batch: &Vec<(RoomId, bool)>| batch.contains(&(RoomId(0), false));
    let written = batches(&path);
    let with_events: Vec<_> = written.iter().filter(|batch| of_server(batch)).collect();
    assert_eq!(with_events.len(), 4, "{with_events:?}");
    let count = |part| with_events.iter().filter(|batch| batch.contains(&part)).count();
    assert!(
        with_events.iter().all(|batch| batch.iter().any(|(room, _)| [ROOM, LOST].contains(room))),
        "{with_events:?}"
    );
    assert_eq!(
        (count((ROOM, true)), count((LOST, true))),
        (1, 1),
        "an end is told with its last entry: {with_events:?}"
    );
    let _ = std::fs::remove_dir_all(&path);
}

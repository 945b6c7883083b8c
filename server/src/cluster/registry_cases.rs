//! The cases that every registry passes. Each begins with an empty registry, and takes the time for which codes rest.

use super::claim::{NodeId, NodeLease, Revision, RoomClaim};
use super::registry::{Change, Record, Registry, Write, WriteFault};
use crate::lobby::Code;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

/// The longest time that a case waits for something.
const SOON: Duration = Duration::from_secs(20);

/// A rest that outlasts every test.
const LONG: Duration = Duration::from_secs(3_600);

/// Goes through all cases, on a runtime with a clock and inside of a [`tokio::task::LocalSet`]. `make` gives an empty
/// registry whose codes rest for the given time.
pub(super) async fn pass<R: Registry + Clone + 'static>(make: impl AsyncFn(Duration) -> R) {
    a_code_is_created_once(make(LONG).await).await;
    one_of_many_racers_gets_a_code(make(LONG).await).await;
    stale_revisions_change_nothing(make(LONG).await).await;
    a_removed_claim_reads_as_gone(make(LONG).await).await;
    a_removed_code_rests(make(LONG).await).await;
    a_removed_code_is_free_after_its_rest(make(Duration::from_millis(300)).await).await;
    a_code_without_a_rest_is_free_at_once(make(Duration::ZERO).await).await;
    a_write_is_read_at_once(make(LONG).await).await;
    a_lease_is_renewed_by_its_newest_revision(make(LONG).await).await;
    a_watch_tells_everything_and_then_each_change(make(LONG).await).await;
    an_empty_registry_is_synced_at_once(make(LONG).await).await;
    a_burst_reaches_all_watchers_in_order(make(Duration::ZERO).await).await;
    a_slow_watcher_misses_nothing_unnoticed(make(LONG).await).await;
    a_watcher_that_leaves_harms_nobody(make(LONG).await).await;
    cancelled_calls_harm_nothing(make(LONG).await).await;
}

pub(super) fn claim(boot: u64) -> RoomClaim {
    RoomClaim { owner: NodeId([7; 16]), epoch: 1, boot }
}

pub(super) fn lease(beat: u64) -> NodeLease {
    NodeLease { boot: 1, peer: "127.0.0.1:7000".parse().ok(), build: 2, beat, load: 1, has_ended: false }
}

pub(super) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(SOON, work).await.expect("it takes no long time")
}

async fn create<R: Registry>(registry: &R, code: Code, boot: u64) -> Revision {
    soon(registry.write_room(code, Write::Create(claim(boot)))).await.expect("the code is free")
}

async fn write<R: Registry>(registry: &R, code: Code, write: Write) -> Result<Revision, WriteFault> {
    soon(registry.write_room(code, write)).await
}

async fn read<R: Registry>(registry: &R, code: Code) -> Option<(Revision, Record<RoomClaim>)> {
    soon(registry.read_room(code)).await.expect("the registry is there")
}

/// Reads a watch until everything that was there is told.
pub(super) async fn snapshot(changes: &mut Receiver<Change>) -> Vec<Change> {
    let mut told = Vec::new();
    loop {
        match soon(changes.recv()).await.expect("the watch goes on") {
            Change::Synced => return told,
            change => told.push(change),
        }
    }
}

/// Everything in a snapshot that is not gone.
pub(super) async fn present(changes: &mut Receiver<Change>) -> Vec<Change> {
    let is_there = |change: &Change| !matches!(change, Change::Room(_, _, None) | Change::Node(_, _, None));
    snapshot(changes).await.into_iter().filter(is_there).collect()
}

async fn next(changes: &mut Receiver<Change>) -> Change {
    soon(changes.recv()).await.expect("the watch goes on")
}

async fn a_code_is_created_once<R: Registry>(registry: R) {
    let code = Code::random();
    let revision = create(&registry, code, 1).await;
    assert_eq!(write(&registry, code, Write::Create(claim(2))).await, Err(WriteFault::Stale));
    assert_eq!(
        write(&registry, code, Write::Create(claim(1))).await,
        Err(WriteFault::Stale),
        "not even the same claim"
    );
    assert_eq!(read(&registry, code).await, Some((revision, Some(Ok(claim(1))))));
    assert_ne!(create(&registry, Code::random(), 3).await, revision, "another code is another place");
}

async fn one_of_many_racers_gets_a_code<R: Registry + Clone + 'static>(registry: R) {
    for _ in 0..8 {
        let code = Code::random();
        let mut racers = JoinSet::new();
        for boot in 0..16 {
            let registry = registry.clone();
            racers.spawn_local(async move { (boot, write(&registry, code, Write::Create(claim(boot))).await) });
        }
        let ended = soon(racers.join_all()).await;
        let won: Vec<_> = ended.iter().filter_map(|(boot, end)| end.ok().map(|revision| (*boot, revision))).collect();
        let [(boot, revision)] = won[..] else { panic!("{} have won", won.len()) };
        assert_eq!(ended.iter().filter(|(_, end)| *end == Err(WriteFault::Stale)).count(), 15);
        assert_eq!(read(&registry, code).await, Some((revision, Some(Ok(claim(boot))))));
    }
}

async fn stale_revisions_change_nothing<R: Registry>(registry: R) {
    let code = Code::random();
    for at in [0, 1, u64::MAX].map(Revision) {
        assert_eq!(
            write(&registry, code, Write::Change(at, claim(9))).await,
            Err(WriteFault::Stale),
            "nothing is there"
        );
        assert_eq!(write(&registry, code, Write::Remove(at)).await, Err(WriteFault::Stale), "nothing is there");
    }
    assert_eq!(read(&registry, code).await, None);
    let first = create(&registry, code, 1).await;
    let second = write(&registry, code, Write::Change(first, claim(2))).await.expect("the revision is the newest");
    assert!(second > first);
    for at in [Revision(0), first, Revision(second.0 + 1), Revision(u64::MAX)] {
        assert_eq!(write(&registry, code, Write::Change(at, claim(9))).await, Err(WriteFault::Stale));
        assert_eq!(write(&registry, code, Write::Remove(at)).await, Err(WriteFault::Stale));
    }
    assert_eq!(read(&registry, code).await, Some((second, Some(Ok(claim(2))))));
    let removed = write(&registry, code, Write::Remove(second)).await.expect("the revision is the newest");
    assert!(removed > second);
    assert_eq!(write(&registry, code, Write::Change(second, claim(9))).await, Err(WriteFault::Stale));
    assert_eq!(write(&registry, code, Write::Remove(second)).await, Err(WriteFault::Stale));
}

async fn a_removed_claim_reads_as_gone<R: Registry>(registry: R) {
    let code = Code::random();
    assert_eq!(read(&registry, code).await, None);
    let created = create(&registry, code, 1).await;
    let removed = write(&registry, code, Write::Remove(created)).await.expect("the claim is there");
    assert_eq!(read(&registry, code).await, Some((removed, None)));
}

async fn a_removed_code_rests<R: Registry>(registry: R) {
    let code = Code::random();
    let created = create(&registry, code, 1).await;
    let removed = write(&registry, code, Write::Remove(created)).await.expect("the claim is there");
    assert_eq!(write(&registry, code, Write::Create(claim(2))).await, Err(WriteFault::Stale));
    assert_eq!(read(&registry, code).await, Some((removed, None)));
}

async fn a_removed_code_is_free_after_its_rest<R: Registry>(registry: R) {
    let code = Code::random();
    let created = create(&registry, code, 1).await;
    let since = Instant::now();
    write(&registry, code, Write::Remove(created)).await.expect("the claim is there");
    let again = soon(async {
        loop {
            match registry.write_room(code, Write::Create(claim(2))).await {
                Ok(revision) => return revision,
                Err(fault) => assert_eq!(fault, WriteFault::Stale),
            }
            yield_now().await;
        }
    });
    let again = again.await;
    assert!(since.elapsed() >= Duration::from_millis(300), "it has rested");
    assert_eq!(read(&registry, code).await, Some((again, Some(Ok(claim(2))))));
}

async fn a_code_without_a_rest_is_free_at_once<R: Registry + Clone + 'static>(registry: R) {
    let code = Code::random();
    let created = create(&registry, code, 1).await;
    write(&registry, code, Write::Remove(created)).await.expect("the claim is there");
    let mut racers = JoinSet::new();
    for boot in 0..16 {
        let registry = registry.clone();
        racers.spawn_local(async move { write(&registry, code, Write::Create(claim(boot))).await });
    }
    let ended = soon(racers.join_all()).await;
    assert_eq!(ended.iter().filter(|end| end.is_ok()).count(), 1, "also a code that was used goes to one");
    assert_eq!(ended.iter().filter(|end| **end == Err(WriteFault::Stale)).count(), 15);
}

async fn a_write_is_read_at_once<R: Registry>(registry: R) {
    let code = Code::random();
    let mut revision = create(&registry, code, 0).await;
    for boot in 1..100 {
        revision = write(&registry, code, Write::Change(revision, claim(boot))).await.expect("the newest revision");
        assert_eq!(read(&registry, code).await, Some((revision, Some(Ok(claim(boot))))));
    }
}

async fn a_lease_is_renewed_by_its_newest_revision<R: Registry>(registry: R) {
    let (node, other) = (NodeId::random(), NodeId::random());
    let renew = |node, beat, last| soon(registry.renew(node, lease(beat), last));
    assert_eq!(renew(node, 0, Some(Revision(1))).await, Err(WriteFault::Stale), "there is none yet");
    let first = renew(node, 1, None).await.expect("there is none yet");
    assert_eq!(renew(node, 9, None).await, Err(WriteFault::Stale), "another process has it");
    let second = renew(node, 2, Some(first)).await.expect("the revision is the newest");
    assert_eq!(renew(node, 9, Some(first)).await, Err(WriteFault::Stale), "it was renewed by another process");
    let apart = renew(other, 3, None).await.expect("another node has a lease of its own");
    let mut watch = soon(registry.watch()).await.expect("the registry is there");
    let mut leases = present(&mut watch).await;
    leases.sort_by_key(|change| if let Change::Node(_, revision, _) = change { revision.0 } else { 0 });
    let expected = [Change::Node(node, second, Some(Ok(lease(2)))), Change::Node(other, apart, Some(Ok(lease(3))))];
    assert_eq!(leases.len(), 2);
    assert!(expected.iter().all(|lease| leases.contains(lease)), "{leases:?}");
}

async fn a_watch_tells_everything_and_then_each_change<R: Registry>(registry: R) {
    let (code, kept) = (Code::random(), Code::random());
    let first = create(&registry, code, 1).await;
    let second = write(&registry, code, Write::Change(first, claim(2))).await.expect("the newest revision");
    let kept_since = create(&registry, kept, 3).await;
    let gone = Code::random();
    let gone_since = create(&registry, gone, 4).await;
    write(&registry, gone, Write::Remove(gone_since)).await.expect("the newest revision");
    let node = NodeId::random();
    let lease_since = soon(registry.renew(node, lease(1), None)).await.expect("there is none yet");

    let mut watch = soon(registry.watch()).await.expect("the registry is there");
    let told = present(&mut watch).await;
    let there = [
        Change::Room(code, second, Some(Ok(claim(2)))),
        Change::Room(kept, kept_since, Some(Ok(claim(3)))),
        Change::Node(node, lease_since, Some(Ok(lease(1)))),
    ];
    assert_eq!(told.len(), there.len(), "{told:?}");
    assert!(there.iter().all(|change| told.contains(change)), "{told:?}");

    let third = write(&registry, code, Write::Change(second, claim(5))).await.expect("the newest revision");
    assert_eq!(next(&mut watch).await, Change::Room(code, third, Some(Ok(claim(5)))));
    let removed = write(&registry, code, Write::Remove(third)).await.expect("the newest revision");
    assert_eq!(next(&mut watch).await, Change::Room(code, removed, None));
    let renewed = soon(registry.renew(node, lease(2), Some(lease_since))).await.expect("the newest revision");
    assert_eq!(next(&mut watch).await, Change::Node(node, renewed, Some(Ok(lease(2)))));
    let new = Code::random();
    let created = create(&registry, new, 6).await;
    assert_eq!(next(&mut watch).await, Change::Room(new, created, Some(Ok(claim(6)))));
}

async fn an_empty_registry_is_synced_at_once<R: Registry>(registry: R) {
    let mut watch = soon(registry.watch()).await.expect("the registry is there");
    assert_eq!(next(&mut watch).await, Change::Synced);
    let code = Code::random();
    let created = create(&registry, code, 1).await;
    assert_eq!(next(&mut watch).await, Change::Room(code, created, Some(Ok(claim(1)))), "Synced comes once");
}

/// What a watcher knows when it has heard of the last code: revisions by code.
async fn learnt_until(watch: &mut Receiver<Change>, last: Code) -> BTreeMap<Code, (Revision, Record<RoomClaim>)> {
    let mut learnt = BTreeMap::new();
    loop {
        match next(watch).await {
            Change::Room(code, revision, record) => {
                let before = learnt.insert(code, (revision, record));
                assert!(
                    before.is_none_or(|(before, _)| before < revision),
                    "the changes of a code come in their order"
                );
                if code == last {
                    return learnt;
                }
            }
            Change::Node(..) => panic!("there are no nodes"),
            Change::Synced => {}
        }
    }
}

/// Creates, changes and removes codes, with many calls at once; gives the last state of each.
async fn burst<R: Registry + Clone + 'static>(registry: &R) -> BTreeMap<Code, (Revision, Record<RoomClaim>)> {
    let mut writers = JoinSet::new();
    for writer in 0..20 {
        let registry = registry.clone();
        writers.spawn_local(async move {
            let code = Code::random();
            let mut at = create(&registry, code, 0).await;
            for boot in 1..20 {
                at = write(&registry, code, Write::Change(at, claim(boot))).await.expect("the newest revision");
            }
            if writer % 2 == 0 {
                return (code, (at, Some(Ok(claim(19)))));
            }
            (code, (write(&registry, code, Write::Remove(at)).await.expect("the newest revision"), None))
        });
    }
    soon(writers.join_all()).await.into_iter().collect()
}

async fn a_burst_reaches_all_watchers_in_order<R: Registry + Clone + 'static>(registry: R) {
    let watches = [registry.watch().await, registry.watch().await].map(|watch| watch.expect("the registry is there"));
    let last = Code::random();
    let mut watchers = JoinSet::new();
    for mut watch in watches {
        watchers.spawn_local(async move { learnt_until(&mut watch, last).await });
    }
    let mut written = burst(&registry).await;
    written.insert(last, (create(&registry, last, 1).await, Some(Ok(claim(1)))));
    for learnt in soon(watchers.join_all()).await {
        assert_eq!(learnt, written);
    }
}

async fn a_slow_watcher_misses_nothing_unnoticed<R: Registry + Clone + 'static>(registry: R) {
    let mut watch = soon(registry.watch()).await.expect("the registry is there");
    let (mut written, mut learnt) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..4 {
        written.extend(burst(&registry).await);
    }
    for boot in 0..1_000 {
        let code = Code::random();
        written.insert(code, (create(&registry, code, boot).await, Some(Ok(claim(boot)))));
    }
    while learnt != written {
        // A registry may also end the watch of a slow caller.
        let Some(change) = soon(watch.recv()).await else { return };
        if let Change::Room(code, revision, record) = change {
            let before = learnt.insert(code, (revision, record));
            assert!(before.is_none_or(|(before, _)| before < revision), "the changes of a code come in their order");
        }
    }
}

async fn a_watcher_that_leaves_harms_nobody<R: Registry>(registry: R) {
    let code = Code::random();
    let created = create(&registry, code, 1).await;
    let mut stays = soon(registry.watch()).await.expect("the registry is there");
    for _ in 0..20 {
        drop(soon(registry.watch()).await.expect("the registry is there"));
    }
    assert_eq!(present(&mut stays).await, [Change::Room(code, created, Some(Ok(claim(1))))]);
    let changed = write(&registry, code, Write::Change(created, claim(2))).await.expect("the newest revision");
    assert_eq!(next(&mut stays).await, Change::Room(code, changed, Some(Ok(claim(2)))));
}

/// Polls a call once, and gives it up.
async fn give_up<T>(call: impl Future<Output = T>) {
    let mut call = pin!(call);
    poll_fn(|cx| {
        let _ = call.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

async fn cancelled_calls_harm_nothing<R: Registry>(registry: R) {
    let code = Code::random();
    let node = NodeId::random();
    for _ in 0..20 {
        give_up(registry.write_room(code, Write::Create(claim(1)))).await;
        give_up(registry.read_room(code)).await;
        give_up(registry.renew(node, lease(1), None)).await;
        give_up(registry.watch()).await;
    }
    // The cancelled claim may be there or not; one of both is, and stays.
    let second = write(&registry, code, Write::Create(claim(2))).await;
    assert!(matches!(second, Ok(_) | Err(WriteFault::Stale)), "{second:?}");
    let (revision, record) = read(&registry, code).await.expect("one of both is there");
    assert_eq!(record, Some(Ok(claim(if second.is_ok() { 2 } else { 1 }))));
    assert_eq!(write(&registry, code, Write::Change(revision, claim(3))).await.map(|at| at > revision), Ok(true));
    let mut watch = soon(registry.watch()).await.expect("the registry is there");
    let told = present(&mut watch).await;
    assert!(
        told.iter()
            .any(|change| matches!(change, Change::Room(room, _, Some(Ok(is))) if *room == code && *is == claim(3)))
    );
}

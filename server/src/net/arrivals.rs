//! Rooms that come from another node. Each is made again and put on the disk before its claim is changed, so that no end of
//! this process loses it; and nobody finds it here before the claim says that it is this node's.

use super::Net;
use super::elsewhere::PeerFault;
use super::new_rooms::room_limits;
use super::peer_port::say;
use crate::cluster::hail::{Answer, AnswerKey, Take};
use crate::cluster::{Registry, Revision, RoomClaim, WriteFault};
use crate::game_panic;
use crate::games::{MadeRoom, OfferedGame, RoomPlan};
use crate::limits::{ARRIVAL_MAX, ARRIVALS_MIB_MAX, LEASE_RENEW, MOVE_DECIDE_PAUSE, MOVE_MAX};
use crate::lobby::{Code, RoomId, Wanted};
use crate::mailbox::Command;
use crate::room::Kept;
use crate::room_header::{GameChange, RoomHeader, take_header};
use std::rc::Rc;
use std::sync::Arc;
use tickwire::Tick;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

/// The memory for rooms that are on their way here, in MiB.
#[derive(Debug)]
pub(super) struct Arrivals(Semaphore);

impl Default for Arrivals {
    fn default() -> Self {
        Self(Semaphore::new(ARRIVALS_MIB_MAX as usize))
    }
}

/// Looks at a claim that does not change, after which the node that has given the room away is no more.
const LATE_LOOKS: u32 = 60;

/// A room of another node, as far as its header tells.
struct Described {
    code: Code,
    wanted: Wanted,
    parsed: RoomHeader,
    header: Arc<[u8]>,
}

/// A room that is on this node's disk, and may never become its own. Dropped, it has ended there.
struct OnDisk<'a> {
    net: &'a Net,
    room: RoomId,
    code: Code,
    /// Whether nobody else's claim can make it this node's any more.
    is_over: bool,
}

impl Drop for OnDisk<'_> {
    fn drop(&mut self) {
        self.net.membership.under_way.borrow_mut().remove(&self.code);
        if let Some(shard) = self.net.setup.shards.first().filter(|_| self.is_over) {
            shard.insist(Command::Forget(vec![(self.room, None)]));
        }
    }
}

/// Takes a room from another node, if there is space for it.
///
/// # Errors
/// When the other node does not send the room that it has promised, or does not hear the answer.
pub(super) async fn take_in(net: &Rc<Net>, mut tcp: TcpStream, key: AnswerKey, take: Take) -> Result<(), PeerFault> {
    let mebibytes = take.len.div_ceil(1 << 20).max(1);
    let space = net.arrivals.0.try_acquire_many(mebibytes).ok().filter(|_| net.takes_rooms());
    let Some(_space) = space else { return say(&mut tcp, key, &Answer::Busy).await };
    let (first, key) = key.seal_first(&Answer::Send)?;
    tcp.write_all(&first).await?;
    let mut room = vec![0; take.len as usize];
    timeout(MOVE_MAX, tcp.read_exact(&mut room)).await.map_err(|_| PeerFault::Late)??;
    let taken = net.take_room_in(&take, room).await;
    let answer = taken.map_or(Answer::Busy, |revision| Answer::Taken { revision: revision.0 });
    say(&mut tcp, key, &answer).await
}

impl Net {
    /// Whether there is space for another room.
    fn takes_rooms(&self) -> bool {
        let ends = self.is_draining.get() || self.drain.code().is_some();
        let is_ready = self.setup.readiness.reasons().next().is_none();
        let has_time = || (0..self.setup.shards.len()).any(|shard| self.has_time(shard));
        self.setup.journal.is_some() && !ends && is_ready && !self.directory.borrow().is_full() && has_time()
    }

    /// Makes a room again, and makes it this node's; gives the revision of its claim.
    async fn take_room_in(&self, take: &Take, world: Vec<u8>) -> Option<Revision> {
        let until = Instant::now() + ARRIVAL_MAX;
        let tick = Tick(u32::try_from(take.tick).ok()?);
        let (described, plan) = self.describe(take, &world)?;
        let code = described.code;
        if self.has_room(code) || !self.membership.under_way.borrow_mut().insert(code) {
            return None;
        }
        let room = self.directory.borrow_mut().next_id();
        let mut on_disk = OnDisk { net: self, room, code, is_over: true };
        let (game, hash) = (self.setup.games[described.wanted.game].clone(), take.hash);
        let keeper = self.setup.journal.clone()?;
        let whole = *take;
        let made = spawn_blocking(move || {
            if !whole.matches(&world) {
                return None;
            }
            let made = made_again(&game, &plan, &world, hash).inspect_err(|why| {
                tracing::error!("a room of another node cannot go on here: {why}");
            });
            made.ok().filter(|_| keeper.put(room, tick, world))
        });
        let mut made = timeout(ARRIVAL_MAX, made).await.ok()?.ok()??;
        // When this process ends meanwhile, a later one looks whose the room is.
        on_disk.is_over = false;
        let Some(revision) = self.claim_arrival(code, take, until).await else {
            on_disk.is_over = true;
            return None;
        };
        made.header = Some(Arc::clone(&described.header));
        self.arrive(room, described, made);
        tracing::debug!(room = room.0, %tick, "a room of another node goes on here");
        Some(revision)
    }

    /// Reads the header of a room, and gives the plan by which it is made again.
    fn describe(&self, take: &Take, world: &[u8]) -> Option<(Described, RoomPlan)> {
        let header: Arc<[u8]> = Arc::from(take_header(world).ok()?.0);
        let parsed = RoomHeader::parse(&header).ok()?;
        let wanted = parsed.wanted(&self.setup.games).ok()?;
        let code = parsed.code().ok().filter(|code| code.bytes() == take.code)?;
        let game = &self.setup.games[wanted.game];
        // Nodes of one build have the same games. Where no build is known, a room of another one is left to its own.
        if parsed.change_of(game).ok()? != GameChange::None {
            return None;
        }
        let plan = parsed.plan(room_limits(&self.config(), wanted.public, game.rules.seats), self.setup.build);
        Some((Described { code, wanted, parsed, header }, plan))
    }

    /// A room is this node's: from now on it is found here.
    fn arrive(&self, room: RoomId, described: Described, mut made: MadeRoom) {
        let Described { code, wanted, parsed, .. } = described;
        made.chronicle = self.chronicle_of(room, &parsed);
        let place = {
            let mut directory = self.directory.borrow_mut();
            let Some(entry) = directory.adopt(room, code, wanted, self.setup.clock.now_us()) else { return };
            self.open_topics(entry);
            entry.place
        };
        let seats = parsed.match_seats();
        if !seats.is_empty() {
            self.directory.borrow_mut().give_seats(code, &seats);
        }
        self.setup.metrics.nodes.rooms_moved_in.increment(1);
        self.insist(place, Command::Arrive { room, code, made: Box::new(made) });
    }

    /// Makes a claim of another node this node's; gives nothing when the other node has changed it meanwhile, or does not
    /// wait any more. An answer that is lost is looked for until there is one: the room may be this node's by then.
    async fn claim_arrival(&self, code: Code, take: &Take, until: Instant) -> Option<Revision> {
        let (own, before) = (&self.setup.node, Revision(take.revision));
        let is_own = |claim: &RoomClaim| (claim.owner, claim.boot, claim.epoch) == (own.node, own.boot, take.epoch);
        let (mut is_sent, mut unchanged) = (false, 0);
        loop {
            // The other node writes a claim too, as soon as it can. One that does not for so long is no more.
            if Instant::now() < until || unchanged >= LATE_LOOKS {
                match self.write_claim(code, Some(before), take.epoch).await {
                    Ok(revision) => return Some(revision),
                    Err(WriteFault::Away) if !is_sent => return None,
                    Err(WriteFault::Stale | WriteFault::Unknown | WriteFault::Away) => is_sent = true,
                }
            }
            match own.registry.read_room(code).await {
                Ok(Some((revision, Some(Ok(there))))) if is_own(&there) => {
                    self.note_write(code, revision, Some(there));
                    return Some(revision);
                }
                // A write may still be under way. The other node makes one of its own now, and then one of both is done.
                Ok(Some((revision, _))) if revision == before => unchanged += 1,
                Ok(_) => return None,
                Err(_) => {}
            }
            sleep(if Instant::now() < until { MOVE_DECIDE_PAUSE } else { LEASE_RENEW }).await;
        }
    }
}

/// Makes a room again from its bytes, whose world has this hash.
fn made_again(game: &OfferedGame, plan: &RoomPlan, world: &[u8], hash: u64) -> Result<MadeRoom, String> {
    let (_, rest) = take_header(world).map_err(|fault| fault.to_string())?;
    let kept = Kept { world: Some(rest), ticks: &[] };
    let revived = game_panic::catch(|| (game.revive)(plan, kept, None));
    let mut room = revived.map_err(|panic| panic.to_string())?.map_err(|fault| fault.to_string())?.room;
    if u64::from(room.full_hash()) != hash {
        return Err("its world is not the one that it was".into());
    }
    Ok(MadeRoom { rate_hz: game.rules.tick_rate_hz, room, chronicle: None, header: None })
}

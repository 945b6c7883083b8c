//! Rooms that begin at this node: entered into the directory, claimed, and made.

use super::Net;
use super::answer::Refusal;
use super::drain::stopping;
use super::problem::Problem;
use crate::chronicle::Chronicle;
use crate::cluster::WriteFault;
use crate::config::Config;
use crate::games::{OfferedGame, RoomPlan};
use crate::limits::{CLAIM_MAX, CLAIM_TRIES, ROOM_MAKING_MAX, ROOM_RETRY_SECONDS};
use crate::lobby::{Code, Door, NoRoomLeft, Place, Wanted};
use crate::maker::{Making, NotMade};
use crate::room::{RoomLimits, RoomSetup};
use crate::room_header::RoomHeader;
use crate::webhooks::event::{EventError, RoomSerial};
use serde_json::Value;
use std::collections::BTreeMap;
use tickwire::Seat;
use tickwire::message::topics::PlayerId;

/// A room that is in the directory and is not made yet. Dropped, it leaves the directory: the room was refused, or the
/// client hung up, which drops the request wherever it waits. A room that is made all the same ends by itself.
struct Unmade<'a> {
    net: &'a Net,
    code: Code,
    place: Place,
    is_made: bool,
}

impl<'a> Unmade<'a> {
    fn enter(net: &'a Net, wanted: Wanted) -> Result<Self, NoRoomLeft> {
        let mut directory = net.directory.borrow_mut();
        let entry = directory.open(wanted, |shard| net.has_time(shard), net.setup.clock.now_us())?;
        net.open_topics(entry);
        Ok(Self { net, code: entry.code, place: entry.place, is_made: false })
    }

    /// The room exists: it stays in the directory until its shard says otherwise.
    fn made(mut self) -> Code {
        self.is_made = true;
        self.code
    }
}

impl Drop for Unmade<'_> {
    fn drop(&mut self) {
        if !self.is_made {
            self.net.close_room(self.place.room);
        }
    }
}

/// Enters a room into the directory, under a code that no other node has.
async fn claimed(net: &Net, wanted: Wanted) -> Result<Unmade<'_>, Refusal> {
    let later = |error: &str| Refusal::later(Problem::Full, error, ROOM_RETRY_SECONDS);
    let claiming = async {
        for _ in 0..CLAIM_TRIES {
            let entry = Unmade::enter(net, wanted).map_err(|full| later(&full.to_string()))?;
            match net.claim(entry.code).await {
                Ok(()) => return Ok(entry),
                // Another node has the code, or it rests.
                Err(WriteFault::Stale) => {}
                Err(WriteFault::Unknown | WriteFault::Away) => break,
            }
        }
        Err(later("no room can be registered at the moment"))
    };
    let claimed = tokio::time::timeout(CLAIM_MAX, claiming).await;
    claimed.unwrap_or_else(|_| Err(later("no room can be registered at the moment")))
}

/// Enters a room into the directory, and waits until the room is made. Bots fill so many of its seats; those of a match
/// are for these players.
pub(super) async fn open(
    net: &Net,
    game: &OfferedGame,
    wanted: Wanted,
    options: Value,
    bots: u8,
    seats: &BTreeMap<Seat, PlayerId>,
) -> Result<Code, Refusal> {
    let later = |error: &str| Refusal::later(Problem::Full, error, ROOM_RETRY_SECONDS);
    if net.is_draining.get() {
        return Err(stopping());
    }
    let entry = claimed(net, wanted).await?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system has random numbers");
    let limits = room_limits(&net.config(), wanted.public, game.rules.seats);
    let build = net.setup.build;
    // Strangers have nobody among them who could decide for the others.
    let has_owner = !wanted.quick_match && !matches!(wanted.door, Door::Match);
    let setup = RoomSetup { secret: secret.into(), bots, has_owner, limits, build };
    let plan = RoomPlan { setup, options };
    let chronicle = chronicle(net, &entry, game.rules.name);
    let header = || RoomHeader::new(entry.code, game, &wanted, &plan).for_match(seats).to_bytes();
    let header = net.setup.journal.is_some().then(header);
    let making = net.setup.orders.make(entry.place, Making { game: game.clone(), plan, chronicle, header });
    let made = tokio::time::timeout(ROOM_MAKING_MAX, making).await;
    match made {
        Ok(Ok(())) => Ok(entry.made()),
        Ok(Err(NotMade::Gone)) => Err(stopping()),
        Ok(Err(error)) => Err(later(&error.to_string())),
        Err(_) => Err(later("the room takes too long to make")),
    }
}

/// The chronicle of a room, where somebody wants to hear it.
fn chronicle(net: &Net, room: &Unmade<'_>, game: &str) -> Option<Chronicle> {
    let feed = net.setup.webhooks.as_ref()?.feed(RoomSerial(room.place.room.0), &room.code.to_string(), game);
    let failed = |error: &EventError| tracing::error!(%error, "a room is missing from the webhooks");
    feed.inspect_err(failed).ok().map(Chronicle::open)
}

/// The limits of a room with so many seats.
pub(super) fn room_limits(config: &Config, is_listed: bool, seats: u8) -> RoomLimits {
    let of_address = if is_listed { config.seats_per_address_listed } else { config.seats_per_address_unlisted };
    RoomLimits {
        seats_per_origin_max: of_address.of_room(seats),
        spectators_max: config.spectators_max,
        spectators_per_origin_max: config.spectators_per_address,
        afk_minutes: config.afk_minutes,
        comebacks_per_minute_max: config.comebacks_per_seat_per_minute,
        examined_disputes_per_origin_max: config.examined_disputes_per_address,
        disputes_per_origin_max: config.disputes_per_address,
        fill_seconds: config.fill_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STALL_MAX;
    use crate::lobby::{Directory, DirectoryLimits};
    use crate::mailbox::ShardLink;
    use crate::maker::Orders;
    use crate::threads::ThreadHealth;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;
    use tickwire_games::Paddles;

    #[test]
    fn a_client_that_hangs_up_while_its_room_is_made_leaves_nothing_in_the_directory() {
        let (order, _orders) = mpsc::sync_channel(1);
        let mut net = Net::without_shards(Config::on_free_ports());
        let health = ThreadHealth::new("shard", STALL_MAX);
        net.setup.shards = vec![ShardLink::new(|_, _| true, Arc::default(), health)];
        net.setup.orders = Orders::new(order);
        let limits = DirectoryLimits { rooms_max: 1, reservations_per_origin_max: 1 };
        net.directory = Directory::new(1, limits).into();
        let wanted = Wanted { game: 0, seats: 2, public: false, quick_match: false, door: Door::Open };
        let game = OfferedGame::of::<Paddles>();
        let none = BTreeMap::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // The room is never made, and the request is dropped meanwhile.
            let asked = open(&net, &game, wanted, Value::Null, 0, &none);
            assert!(tokio::time::timeout(Duration::from_millis(10), asked).await.is_err());
        });
        assert_eq!(net.directory.borrow().totals().0, 0);
    }
}

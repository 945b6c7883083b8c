//! The rooms of an earlier process, as the net thread takes them in: before it accepts the first connection, so that
//! nobody who comes back early is told that there is no such room.
//!
//! A room that cannot go on is named in the log, its remains stay in the data folder, and no other room is
//! affected. So is a room in whose ticks processes have ended again and again; those who come back to it are told that
//! the room has failed.

use super::Net;
use super::new_rooms::room_limits;
use crate::chronicle::{Chronicle, end};
use crate::journal::{Found, FoundRoom, Measure, Remains, RoomVerdict};
use crate::limits::{CHECKPOINT_PAUSE, JOURNAL_TROUBLE_TOLD, SET_ASIDE_TOLD};
use crate::lobby::RoomId;
use crate::mailbox::{Command, Revival, TopicsOrder};
use crate::readiness::Reason;
use crate::room_header::{GameChange, HeaderFault, RoomHeader, take_header};
use crate::webhooks::event::RoomSerial;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;
use tickwire::wire::DecodeError;

/// The reason for which a room of an earlier process does not go on.
#[derive(Debug, Error)]
enum NotRevived {
    #[error("its newest world cannot be read: {0}")]
    World(#[from] DecodeError),
    #[error(transparent)]
    Header(#[from] HeaderFault),
    #[error("a room with its code is there already")]
    Taken,
    #[error("processes have ended in its ticks again and again, and other rooms were interrupted with it")]
    Quarantined,
    #[error("neither a whole world of it is left nor its beginning")]
    Nothing,
}

impl Net {
    /// Takes in the rooms that were found, and has their shards make them again.
    pub(super) fn recover(&self, found: Found, folder: &Arc<Path>) {
        let now_us = self.setup.clock.now_us();
        let mut of_shard: Vec<Vec<Revival>> = self.setup.shards.iter().map(|_| Vec::new()).collect();
        let (mut rooms, mut lost, mut ended) = (0, 0, Vec::new());
        // Of two rooms with one code the newer one has it: the end of the other one is lost.
        for mut room in found.rooms.into_iter().rev() {
            let id = room.room;
            let measure = found.suspects.iter().find(|(suspect, _)| *suspect == id).map(|(_, measure)| *measure);
            match self.adopt(&mut room, measure, folder, now_us) {
                Ok((shard, revival)) => {
                    of_shard[shard].push(revival);
                    rooms += 1;
                }
                Err(fault) => {
                    tracing::error!(room = id.0, "room {} does not go on: {fault}", id.0);
                    self.setup.metrics.journal.rooms_lost.increment(1);
                    lost += 1;
                    match remains_of(&room).set_aside(folder) {
                        Ok(()) => ended.push((id, self.end_of(&room))),
                        Err(error) => tracing::error!(room = id.0, %error, "it cannot be set aside"),
                    }
                }
            }
        }
        if rooms + lost > 0 {
            tracing::info!(rooms, lost, "rooms of an earlier process go on");
        }
        self.setup.topics.order(TopicsOrder::Recovered);
        if let Some(shard) = self.setup.shards.first() {
            let _ = shard.send(Command::Forget(ended));
        }
        for (shard, revivals) in self.setup.shards.iter().zip(of_shard) {
            // A shard that has just begun has space for a command.
            let _ = shard.send(Command::Revive(revivals));
        }
    }

    /// Notes how the journal is.
    pub(super) fn note_journal(&self) {
        let Some(keeper) = &self.setup.journal else { return };
        let figures = keeper.figures();
        // The rooms of a shard are kept whole one after another.
        let rooms = u32::try_from(self.directory.borrow().totals().0).unwrap_or(u32::MAX);
        let told = JOURNAL_TROUBLE_TOLD.max(keeper.pace().age_max.min(CHECKPOINT_PAUSE.saturating_mul(rooms)));
        let is_degraded = self.journal_trouble.borrow_mut().note(&figures, told, self.setup.clock.now_us());
        self.setup.readiness.hold(Reason::Journal, is_degraded);
        let journal = &self.setup.metrics.journal;
        journal.degraded.set(f64::from(u8::from(is_degraded)));
        // Floats round neither of them: a day has 86 million milliseconds, and a disk fewer bytes than 2^53.
        journal.unsynced.set(figures.unsynced_ms as f64 / 1_000.0);
        journal.bytes.set(figures.bytes as f64);
        let failures =
            [figures.write_failures, figures.sync_failures, figures.prepare_failures, figures.checkpoint_failures];
        journal.failures.iter().zip(failures).for_each(|(counter, count)| counter.absolute(count));
    }

    /// Enters a room into the directory; gives its shard and the parts that the shard makes the room from, which it takes
    /// out of `found`.
    fn adopt(
        &self,
        found: &mut FoundRoom,
        measure: Option<Measure>,
        folder: &Arc<Path>,
        now_us: u64,
    ) -> Result<(usize, Revival), NotRevived> {
        let FoundRoom { room, header, world, ticks, verdict, .. } = found;
        let room = *room;
        note_verdict(room, *verdict)?;
        let header = match (&*world, header) {
            (Some((_, checkpoint)), _) => take_header(checkpoint)?.0,
            (None, Some(header)) => header,
            (None, None) => return Err(NotRevived::Nothing),
        };
        let parsed = RoomHeader::parse(header)?;
        let (wanted, code) = (parsed.wanted(&self.setup.games)?, parsed.code()?);
        if measure == Some(Measure::SetAside) {
            let told_us = u64::try_from(SET_ASIDE_TOLD.as_micros()).unwrap_or(u64::MAX);
            self.directory.borrow_mut().set_aside(code, wanted, now_us, told_us);
            self.setup.metrics.journal.rooms_quarantined.increment(1);
            return Err(NotRevived::Quarantined);
        }
        let game = self.setup.games[wanted.game].clone();
        let change = parsed.change_of(&game)?;
        let limits = room_limits(&self.config(), wanted.public, game.rules.seats);
        let plan = parsed.plan(limits, self.setup.build);
        let shard = {
            let mut directory = self.directory.borrow_mut();
            let entry = directory.adopt(room, code, wanted, now_us).ok_or(NotRevived::Taken)?;
            self.open_topics(entry);
            entry.place.shard
        };
        let seats = parsed.match_seats();
        if !seats.is_empty() {
            self.directory.borrow_mut().give_seats(code, &seats);
        }
        let chronicle = self.chronicle_of(room, &parsed);
        let header = match change {
            GameChange::None => Arc::from(header),
            GameChange::Rules | GameChange::Fields(_) => parsed.renewed(&game, self.setup.build).to_bytes(),
        };
        let skips_inputs = measure == Some(Measure::SkipInputs);
        if skips_inputs {
            note_suspicion(room);
        }
        let (folder, expected) = (Arc::clone(folder), self.setup.recovery.expect());
        let (world, ticks) = (world.take(), std::mem::take(ticks));
        let revival =
            Revival { room, code, game, plan, header, change, world, ticks, chronicle, expected, folder, skips_inputs };
        Ok((shard, revival))
    }

    /// The chronicle of a room that does not go on, if its header can be read.
    fn end_of(&self, found: &FoundRoom) -> Option<Chronicle> {
        let of_world = found.world.as_ref().and_then(|(_, world)| take_header(world).ok()).map(|(header, _)| header);
        let parsed = RoomHeader::parse(of_world.or(found.header.as_deref())?).ok()?;
        let mut chronicle = self.chronicle_of(found.room, &parsed)?;
        chronicle.ends_with(end::FAILED);
        Some(chronicle)
    }

    /// The chronicle of a room that an earlier process or another node has kept, if a studio wants to hear of it.
    pub(super) fn chronicle_of(&self, room: RoomId, header: &RoomHeader) -> Option<Chronicle> {
        let webhooks = self.setup.webhooks.as_ref()?;
        let feed = webhooks.feed(RoomSerial(room.0), &header.code_text(), &header.game_text());
        feed.ok().map(Chronicle::go_on)
    }
}

/// The parts of a room from which it could go on. Ticks without a beginning are no such part.
fn remains_of(found: &FoundRoom) -> Remains<'_> {
    let FoundRoom { room, header, world, ticks, .. } = found;
    let world = world.as_ref().map(|(tick, world)| (*tick, &**world));
    Remains { room: *room, header: header.as_deref(), world, ticks }
}

/// Says in the log that a room is under suspicion.
fn note_suspicion(RoomId(room): RoomId) {
    tracing::warn!(
        room,
        "the last process ended while room {room} was at work: the room goes on, for a second without the inputs of its players"
    );
}

/// Says in the log what is missing of a room.
fn note_verdict(room: RoomId, verdict: RoomVerdict) -> Result<(), NotRevived> {
    let id = room.0;
    match verdict {
        RoomVerdict::Whole => {}
        RoomVerdict::RolledBack { ticks } => {
            tracing::warn!(room = id, "room {id} has lost its last {ticks} ticks: a part of the journal is missing");
        }
        RoomVerdict::EndsInDamage => {
            tracing::warn!(room = id, "room {id} may have lost its last ticks: the journal is damaged behind them");
        }
        RoomVerdict::Quarantined => return Err(NotRevived::Nothing),
    }
    Ok(())
}

//! The things that a journal is given of a room: the record of each tick, and now and then the whole room.

use super::RoomHandle;
use crate::chronicle::{Chronicle, end};
use crate::game_panic;
use crate::games::DynFrozen;
use crate::journal::{Frozen, JournalError, JournalWriter};
use crate::lobby::{Code, RoomId};
use crate::mailbox::TakenOut;
use crate::room::Summary;
use crate::room_header::put_header;
use crate::shard::pause::Pause;
use std::any::Any;
use std::sync::Arc;
use tickwire::Tick;

/// A room after a tick with its header: a checkpoint.
pub(crate) struct FrozenRoom {
    id: RoomId,
    header: Arc<[u8]>,
    room: Box<dyn DynFrozen>,
}

impl Frozen for FrozenRoom {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        put_header(&self.header, out);
        // A panic would end the keeper, and with it the server.
        game_panic::catch(|| self.room.encode(out)).map_err(|panic| {
            tracing::error!(room = self.id.0, "the bytes of a world cannot be made: {}", panic.brief());
            JournalError::Encode
        })
    }
}

/// The newest whole copy of a room that the journal has.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::shard) struct KeptWhole {
    /// The time that it would take to play the ticks since then.
    pub(in crate::shard) debt_ns: u64,
    /// The time in the game since then. Of a process that stood still no room has grown old.
    pub(in crate::shard) age_ns: u64,
    /// The gaps in the log until then.
    pub(in crate::shard) gaps: u32,
}

impl RoomHandle {
    /// Appends the record of the tick that was made, before anything of it is sent, and with it the events for the studio.
    /// The options of a match are told by code of the game: if that panics, the room fails.
    pub(in crate::shard) fn record(&mut self, journal: &mut JournalWriter) {
        if self.failed || self.pause.is_some() {
            return;
        }
        let (id, tick) = (self.id, self.tick());
        if self.is_kept() {
            let room = &mut self.room;
            if let Err(panic) = journal.tick(id, tick, |out| game_panic::catch(|| room.put_record(out))) {
                return self.fail_in_record(&panic);
            }
        }
        self.chronicle.as_mut().into_iter().for_each(|chronicle| chronicle.write(journal));
    }

    /// Notes the time that the tick took: it would take as long to play it again.
    pub(in crate::shard) fn owe(&mut self, tick_ns: u64) {
        self.kept.debt_ns += tick_ns;
        if self.pause.is_none() {
            self.kept.age_ns = self.kept.age_ns.saturating_add(1_000_000_000 / u64::from(self.rate_hz));
        }
    }

    /// Hands over the whole room, from which a later process goes on.
    pub(in crate::shard) fn keep(&mut self, journal: &mut JournalWriter) {
        self.kept = KeptWhole { debt_ns: 0, age_ns: 0, gaps: journal.gaps() };
        // Whatever comes of it, others have their turn.
        journal.forget(self.id);
        match self.freeze(journal.spare()) {
            Some(frozen) => journal.keep(self.id, self.tick(), frozen),
            None if self.is_kept() => journal.give_up_hope(self.id),
            None => {}
        }
    }

    /// Whether a later process is to go on with the room.
    const fn is_kept(&self) -> bool {
        self.header.is_some() && !self.failed
    }

    /// The room for another node.
    pub(in crate::shard) fn copy(&mut self) -> Option<TakenOut> {
        let copy = self.freeze(None)?;
        Some(TakenOut { tick: self.tick(), hash: self.room.full_hash(), copy })
    }

    /// The room as it is, in the memory of an earlier checkpoint if there is any.
    fn freeze(&mut self, spare: Option<Box<dyn Frozen>>) -> Option<Box<FrozenRoom>> {
        let header = self.header.as_ref().filter(|_| !self.failed)?;
        let memory: Option<Box<dyn Any>> = spare.map(|spare| spare as Box<dyn Any>);
        let memory = memory.and_then(|memory| memory.downcast::<FrozenRoom>().ok()).map(|memory| memory.room);
        match game_panic::catch(|| self.room.freeze(memory)) {
            Ok(room) => Some(Box::new(FrozenRoom { id: self.id, header: Arc::clone(header), room })),
            Err(panic) => {
                // Its ticks are in the log all the same.
                tracing::error!(
                    room = self.id.0,
                    "the game has panicked while its world was copied: {}",
                    panic.brief()
                );
                None
            }
        }
    }

    /// The room cannot be kept whole, and the journal has no more space for its ticks: it plays on, and no later process knows
    /// it.
    pub(in crate::shard) fn give_up(&mut self, journal: &mut JournalWriter) {
        let id = self.id.0;
        tracing::error!(room = id, "room {id} is not kept any more: it plays on, and ends with this process");
        self.header = None;
        journal.closed(self.id);
    }

    /// The server stops: the room is kept as it is, or ends with it.
    pub(in crate::shard) fn stop(&mut self, journal: Option<&mut JournalWriter>) {
        match journal {
            Some(journal) if self.is_kept() => {
                if let Some(frozen) = self.freeze(journal.spare()) {
                    journal.keep_last(self.id, self.tick(), frozen);
                }
                self.chronicle.take().into_iter().for_each(Chronicle::survive);
            }
            _ => self.ends_with(end::STOPPED),
        }
    }

    /// The room was made again in so many nanoseconds.
    pub(in crate::shard) fn revived(&mut self, code: Code, now_ns: u64, took_ns: u64) {
        self.code = Some(code);
        // The directory has yet to learn who is there.
        self.reported = Summary::default();
        // The shard keeps this room before others, so that the next process need not play its ticks again.
        self.kept = KeptWhole { debt_ns: took_ns, age_ns: u64::MAX, gaps: u32::MAX };
        self.ends_with(end::EMPTY);
        if self.room.missing() > 0 {
            self.pause = Some(Pause::beginning_at(now_ns));
        }
    }

    /// The newest tick.
    pub(in crate::shard) fn tick(&self) -> Tick {
        self.room.summary().tick
    }

    pub(in crate::shard) fn has_people(&self) -> bool {
        self.room.has_people()
    }
}

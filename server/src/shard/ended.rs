//! Rooms that have ended: their ends go into the journal, and then the net thread learns of them.

use super::room_handle::RoomHandle;
use crate::chronicle::Chronicle;
use crate::journal::JournalWriter;
use crate::lobby::RoomId;
use crate::mailbox::Report;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// The rooms that still have to be reported.
#[derive(Default)]
pub(super) struct Ended {
    rooms: Vec<RoomId>,
    /// Of these, the first ones whose end is in the journal.
    written: usize,
    /// The chronicles of the others.
    chronicles: Vec<Chronicle>,
}

impl Ended {
    /// Takes in a room, which is no more.
    pub(super) fn put(&mut self, room: RoomHandle) {
        self.rooms.push(room.id);
        self.chronicles.extend(room.into_chronicle());
    }

    /// Takes in a room that could not be made again.
    pub(super) fn put_lost(&mut self, room: RoomId, chronicle: Option<Chronicle>) {
        self.rooms.push(room);
        self.chronicles.extend(chronicle);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Reports the rooms to the net thread, after their ends are noted. A report that the queue does not take now is sent
    /// later.
    pub(super) fn report(&mut self, journal: Option<&mut JournalWriter>, reports: &Sender<Report>) {
        if let Some(journal) = journal {
            // With the last entry of its room: a room that goes on has no end that was told.
            self.chronicles.drain(..).for_each(|chronicle| chronicle.end_in(journal));
            self.rooms[self.written..].iter().for_each(|room| journal.closed(*room));
        }
        self.chronicles.clear();
        self.rooms.retain(|room| matches!(reports.try_send(Report::Gone { room: *room }), Err(TrySendError::Full(_))));
        self.written = self.rooms.len();
    }

    #[cfg(test)]
    pub(super) fn rooms(&self) -> &[RoomId] {
        &self.rooms
    }
}

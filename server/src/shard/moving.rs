//! Rooms that move to another node. A room is taken out between two ticks, when its members have been told everything, and
//! waits here until the other node has it or it goes on. Its connections wait with it, and nothing is read from them.

use super::Shard;
use super::room_handle::RoomHandle;
use super::room_handle::refuse;
use crate::games::MadeRoom;
use crate::limits::DETOURS_MAX;
use crate::lobby::{Code, RoomId};
use crate::mailbox::{Command, NewConnection, TakenOut};
use std::collections::BTreeMap;
use tickwire::message::close::CloseCode;
use tokio::sync::oneshot;

/// The rooms that are to move, and those that wait.
#[derive(Default)]
pub(super) struct Moving {
    ordered: BTreeMap<RoomId, oneshot::Sender<TakenOut>>,
    taken: BTreeMap<RoomId, RoomHandle>,
}

impl Moving {
    /// The rooms that wait.
    pub(super) fn taken(&mut self) -> impl Iterator<Item = &mut RoomHandle> {
        self.taken.values_mut()
    }
}

impl Shard {
    /// Takes a room out as soon as it can be, on whichever thread it is.
    pub(super) fn take_out(&mut self, id: RoomId, answer: oneshot::Sender<TakenOut>, detours: u8) {
        self.revive_room(id);
        let is_here = self.empty_rooms.has(id) || self.rooms().any(|room| room.id == id && !room.failed);
        if is_here {
            self.moving.ordered.insert(id, answer);
            self.take_out_ordered();
        } else {
            self.pass_on(detours, |detours| Command::TakeOut { room: id, answer, detours });
        }
    }

    /// Takes out the rooms that have said everything. A room that is not here any more is left to those who wait for it.
    pub(super) fn take_out_ordered(&mut self) {
        let Self { moving: Moving { ordered, .. }, groups, empty_rooms, .. } = self;
        if ordered.is_empty() {
            return;
        }
        ordered.retain(|_, answer| !answer.is_closed());
        let mut rooms: Vec<RoomHandle> = ordered.keys().filter_map(|id| empty_rooms.take(*id)).collect();
        for group in groups {
            rooms.extend(group.rooms.extract_if(.., |room| ordered.contains_key(&room.id) && room.has_said_all()));
        }
        for mut room in rooms {
            let answer = self.moving.ordered.remove(&room.id);
            let is_taken = room.copy().zip(answer).is_some_and(|(copy, answer)| answer.send(copy).is_ok());
            match is_taken {
                true => _ = self.moving.taken.insert(room.id, room),
                false => self.place(room),
            }
        }
    }

    /// Has a room go on that was taken out.
    pub(super) fn put_back(&mut self, id: RoomId, detours: u8) {
        self.moving.ordered.remove(&id);
        match self.moving.taken.remove(&id) {
            Some(room) => self.place(room),
            None => self.pass_on(detours, |detours| Command::PutBack { room: id, detours }),
        }
    }

    /// Has all rooms go on that were taken out.
    pub(super) fn put_all_back(&mut self) {
        let Moving { taken, .. } = std::mem::take(&mut self.moving);
        taken.into_values().for_each(|room| self.place(room));
    }

    /// A room is another node's from now on: its members are sent there.
    pub(super) fn send_away(&mut self, id: RoomId, detours: u8) {
        let taken = self.moving.taken.remove(&id).or_else(|| self.empty_rooms.take(id));
        let in_group =
            || self.groups.iter_mut().find_map(|group| group.rooms.extract_if(.., |room| room.id == id).next());
        match taken.or_else(in_group) {
            Some(mut room) => {
                let Self { setup, closing, scratch, .. } = self;
                room.leave(&setup.context(setup.clock.now_ns(), scratch), closing);
                self.gone.put(room);
            }
            // It was kept for the next process, which is not to go on with it.
            None if self.stopping.is_some() => self.gone.put_lost(id, None),
            None => self.pass_on(detours, |detours| Command::SendAway { room: id, detours }),
        }
    }

    /// Closes a connection whose room is on its way; gives it back when the room is not.
    pub(super) fn refuse_while_moving(
        &mut self,
        id: RoomId,
        arrival: Box<NewConnection>,
    ) -> Option<Box<NewConnection>> {
        if !self.moving.taken.contains_key(&id) {
            return Some(arrival);
        }
        let Self { setup, closing, scratch, .. } = self;
        let context = &setup.context(setup.clock.now_ns(), scratch);
        refuse(id, arrival.socket, arrival.counted, CloseCode::Moved, context, closing);
        None
    }

    /// Takes in a room of another node. It waits for its players.
    pub(super) fn arrive(&mut self, id: RoomId, code: Code, made: MadeRoom) {
        let now_ns = self.setup.clock.now_ns();
        let mut room = RoomHandle::new(id, made, now_ns);
        room.revived(code, now_ns, 0);
        if let Some(journal) = &mut self.journal {
            // It is written with the first tick, before anything of that is sent; the journal has the world before it.
            journal.revived(id, room.tick());
        }
        self.place(room);
    }

    fn place(&mut self, room: RoomHandle) {
        match room.has_people() || !room.is_empty() {
            true => self.seat(room),
            false => self.empty_rooms.put(room),
        }
    }

    fn rooms(&self) -> impl Iterator<Item = &RoomHandle> {
        self.groups.iter().flat_map(|group| &group.rooms)
    }

    /// The room may be on the slow lane, or on its way back from there.
    fn pass_on(&self, detours: u8, command: impl FnOnce(u8) -> Command) {
        match &self.slow_lane {
            _ if self.setup.is_slow_lane && detours < DETOURS_MAX => {
                let _ = self.setup.home.send(command(detours).into());
            }
            Some(lane) if detours < DETOURS_MAX => lane.send(command(detours + 1).into()),
            _ => {}
        }
    }
}

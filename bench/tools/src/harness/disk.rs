//! A server that is killed, in the harness: the records that it has written of its room, and the room that goes on from
//! them.
//!
//! The order of a tick is that of a shard with a journal: simulate, write the record, send. A kill may come anywhere in
//! between; a record that was written is there afterwards, and everything else is not.

use super::Play;
use tickwire::world::full_state::FullState;
use tickwire::{Game, Tick};
use tickwire_server::room::{Kept, Revived, Room, RoomLimits, RoomSetup};

/// The place in a tick at which the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The tick is made, and no word of it is written.
    BeforeWrite,
    /// The tick is written, and this many clients have been sent it.
    AfterSends(usize),
}

/// Longest time for which a room that was made again waits for its players, and that for the others after the first.
const PAUSE_US: u64 = 4_000_000;

/// The records that were written of a room.
#[derive(Debug, Default)]
pub struct WrittenRoom {
    world: Option<Vec<u8>>,
    ticks: Vec<(Tick, Vec<u8>)>,
    /// A world is written after this many ticks.
    pub world_every: u32,
    /// The newest tick that any client was sent something of.
    pub sent: Tick,
    /// The kill that is to come with the next tick, and the milliseconds until the server is back.
    pub(super) kill: Option<(Kill, u32)>,
    /// Kills so far.
    pub kills: u32,
    /// Bytes of all records.
    pub record_bytes: u64,
    pub(super) waits_until_us: u64,
}

impl WrittenRoom {
    /// A disk in which a world is written every so many ticks.
    #[must_use]
    pub fn new(world_every: u32) -> Self {
        Self { world_every, ..Self::default() }
    }

    /// Writes what the last tick was made from.
    pub(super) fn write<G: Game>(&mut self, room: &mut Room<G>) {
        let (tick, mut record) = (room.summary().tick, Vec::new());
        room.put_record(&mut record);
        self.record_bytes += record.len() as u64;
        self.ticks.push((tick, record));
        if tick.0.is_multiple_of(self.world_every) {
            let mut world = Vec::new();
            room.freeze().encode(&mut world);
            self.world = Some(world);
            self.ticks.clear();
        }
    }

    /// The records that were written of the room.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept { world: self.world.as_deref(), ticks: &self.ticks }
    }

    /// The room that a later process makes from these records.
    fn revive<G: Game>(&self, seed: u64) -> Room<G> {
        let setup =
            RoomSetup { secret: seed.into(), bots: 0, has_owner: false, limits: RoomLimits::default(), build: 0 };
        let schemas = tickwire_server::room::GameSchemas::new();
        let revived = Room::revive(&schemas, setup, &G::Options::default(), self.kept());
        let Revived { mut room, differs_at, .. } = revived.expect("a room goes on from what was written of it");
        assert_eq!(differs_at, None, "the ticks come out as they did");
        room.begin_records();
        room
    }
}

impl<G: Game> Play<G> {
    /// The same play with a server that writes down what happens, and that can be killed.
    pub fn with_disk(mut self, world_every: u32) -> Self {
        self.room.begin_records();
        self.disk = Some(WrittenRoom::new(world_every));
        self
    }

    /// Kills the server in its next tick; it is back after some milliseconds.
    pub fn kill(&mut self, kill: Kill, milliseconds: u32) {
        let disk = self.disk.as_mut().expect("the server writes down what happens");
        disk.kill = Some((kill, milliseconds));
    }

    /// Everything that is not written is gone. The room goes on from the rest, and it is the room of `expected`.
    pub(super) fn die(&mut self, milliseconds: u32, expected: &FullState) {
        let disk = self.disk.as_mut().expect("the server writes down what happens");
        let room: Room<G> = disk.revive(self.room_seed);
        assert!(room.summary().tick >= disk.sent, "clients know of tick {:?} of {:?}", disk.sent, room.summary());
        assert_eq!(&FullState::of(room.checkpoint()), expected, "the room goes on from where it was");
        (disk.kill, disk.kills) = (None, disk.kills + 1);
        self.asleep_until_us = self.now_us + u64::from(milliseconds) * 1_000;
        disk.waits_until_us = self.asleep_until_us + PAUSE_US;
        self.room = room;
        self.welcomes.clear();
        for index in 0..self.clients.len() {
            self.clients[index].member = None;
            self.cut(index);
        }
    }

    /// Whether the room still waits for players who were there.
    pub(super) fn waits(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| self.now_us < disk.waits_until_us) && self.room.missing() > 0
    }
}

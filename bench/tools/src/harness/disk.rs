//! A server that is killed, in the harness: the records that it has written of its room, and the room that goes on from
//! them.
//!
//! The order of a tick is that of a shard with a journal: simulate, write the record, send. A kill may come anywhere in
//! between; a record that was written is there afterwards, and everything else is not.

use super::Play;
use tickwire::message::close::CloseCode;
use tickwire::message::control::Hello;
use tickwire::state::Schema;
use tickwire::world::full_state::FullState;
use tickwire::{Game, Seat, Tick};
use tickwire_server::room::{GameSchemas, Kept, OperatorOrder, Origin, Revived, Room, RoomLimits, RoomSetup, SeatKind};

/// The place in a tick at which the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The tick is made, and no word of it is written.
    BeforeWrite,
    /// The tick is written, and this many clients have been sent it; after none of them not even a welcome is sent.
    AfterSends(usize),
}

/// Longest time for which a room that was made again waits for its players, and that for the others after the first.
const PAUSE_US: u64 = 4_000_000;

/// The place that somebody comes from who is not let in.
const BANNED: u64 = 99;

/// The people of a room, who hold over a kill as its world does: per seat whether a person or a bot is in it, the name,
/// the place that it comes from, and whether it owns the room.
type People = Vec<(Seat, SeatKind, String, Option<Origin>, bool)>;

/// The people of a room; a person who is away is one of them.
fn people_of<G: Game>(room: &Room<G>) -> People {
    let seats = room.seat_figures().into_iter();
    let kind = |kind| if kind == SeatKind::Away { SeatKind::Person } else { kind };
    seats.map(|it| (it.seat, kind(it.kind), it.name, it.origin, it.is_owner)).collect()
}

/// Asserts that the hash in a record tells a full state from those with other random numbers or other slots: from each of
/// them a room would go on in another way.
fn assert_hash_tells(state: &FullState, schema: &Schema) {
    let hash = state.hash(schema);
    let mut other = state.clone();
    other.rng.next_u32();
    assert_ne!(other.hash(schema), hash, "the hash covers the random numbers");
    for table in 0..state.slots.len() {
        let mut other = state.clone();
        other.slots[table].push(0);
        assert_ne!(other.hash(schema), hash, "the hash covers the slots of table {table}");
    }
}

/// The way in which the rooms of this harness are set up that are written.
fn setup(seed: u64) -> RoomSetup {
    RoomSetup { secret: seed.into(), bots: 0, has_owner: true, limits: RoomLimits::default(), build: 0 }
}

/// Somebody who is banned knocks.
fn knock<G: Game>(room: &mut Room<G>) -> Result<Option<Seat>, CloseCode> {
    let entered = room.enter_from(&Hello::of::<G>("CODE42", "banned"), [9; 16], Origin::of(BANNED))?;
    Ok(entered.seat)
}

/// The records that were written of a room.
#[derive(Debug, Default)]
pub struct WrittenRoom {
    world: Option<Vec<u8>>,
    ticks: Vec<(Tick, Vec<u8>)>,
    /// The people of the room at the last write.
    people: People,
    /// The number of them who were connected.
    connected: usize,
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
        self.people = people_of(room);
        self.connected = room.seat_figures().iter().filter(|it| it.kind == SeatKind::Person).count();
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
        // A room knows by itself whether it has an owner.
        let setup = RoomSetup { has_owner: false, ..setup(seed) };
        let revived = Room::revive(&GameSchemas::new(), setup, &G::Options::default(), self.kept());
        let Revived { mut room, differs_at, .. } = revived.expect("a room goes on from what was written of it");
        assert_eq!(differs_at, None, "the ticks come out as they did");
        room.begin_records();
        room
    }
}

impl<G: Game> Play<G> {
    /// The same play with a server that writes down what happens, and that can be killed. The room has an owner, and
    /// somebody is banned from it. Nobody may have entered it yet.
    pub fn with_disk(mut self, world_every: u32) -> Self {
        self.room = Room::with_schemas(&GameSchemas::new(), setup(self.room_seed), &G::Options::default());
        let seat = knock(&mut self.room).ok().flatten().expect("the room is empty");
        self.room.carry_out(OperatorOrder::Ban(seat)).expect("somebody is in the seat");
        self.room.begin_records();
        self.disk = Some(WrittenRoom::new(world_every));
        self
    }

    /// Kills the server in its next tick; it is back after some milliseconds.
    pub fn kill(&mut self, kill: Kill, milliseconds: u32) {
        let disk = self.disk.as_mut().expect("the server writes down what happens");
        disk.kill = Some((kill, milliseconds));
    }

    /// Everything that is not written is gone. The room goes on from the rest, and it is the room of `expected`, with the
    /// people of the last write.
    pub(super) fn die(&mut self, milliseconds: u32, expected: &FullState) {
        let disk = self.disk.as_mut().expect("the server writes down what happens");
        let mut room: Room<G> = disk.revive(self.room_seed);
        assert!(room.summary().tick >= disk.sent, "clients know of tick {:?} of {:?}", disk.sent, room.summary());
        assert_eq!(&FullState::of(room.checkpoint()), expected, "the room goes on from where it was");
        assert_eq!(people_of(&room), disk.people, "everybody keeps seat, name and rights");
        assert_eq!(room.missing(), disk.connected, "the room waits for those who were there, and for nobody else");
        assert_eq!(knock(&mut room), Err(CloseCode::NoRoom), "a ban holds");
        assert_hash_tells(expected, room.schema());
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

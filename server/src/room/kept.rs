//! A room that outlives its process: the bytes that a journal keeps of it, and how it goes on from them.
//!
//! ```text
//! tick       varint length, record of the causes; then the room's state, if it is not that of the tick before
//! world      varint length, checkpoint; varint length, last actions; the room's state
//! actions    those of the tick, see [`LastActions`]
//! ```
//!
//! A record is appended in every tick, before anything of that tick is sent. From a world and the records after it the
//! room is made again, exactly as it was, but for its connections: their players are away, and come back with their
//! tokens.

use super::idleness::Idle;
use super::lockstep::neutral;
use super::outgoing::Outgoing;
use super::seat_meter::SeatMeter;
use super::state::{RoomState, StateError};
use super::{GameSchemas, Room, RoomSetup};
use std::sync::Arc;
use thiserror::Error;
use tickwire::bug::Bug;
use tickwire::input::buffer::InputBuffer;
use tickwire::recording::by_names::ByNamesError;
use tickwire::recording::record::LastActions;
use tickwire::rng::Purpose;
use tickwire::wire::{DecodeError, Reader, put_varint};
use tickwire::world::simulation::{Checkpoint, ReplayError, Simulation};
use tickwire::{Game, Seat, Tick};

/// Bytes of the memory for the record of a tick, which grows when one is larger.
const RECORD_BYTES: usize = 2_048;

/// The things that the journal already has of a room.
pub(super) struct Recorded<G: Game> {
    /// The actions of the last record: the next one has the differences from these.
    last: LastActions<G::Input>,
    /// `None` when the next record is to have the state in any case.
    state: Option<RoomState>,
    /// The changes that the seats had had when they were compared with the state.
    seat_changes: u64,
    /// The bytes of one record; its memory is used in every tick.
    record: Vec<u8>,
}

/// A room as it was after a tick, to be kept while the room goes on.
pub struct Frozen<G: Game> {
    schemas: GameSchemas<G>,
    checkpoint: Checkpoint<G>,
    last: LastActions<G::Input>,
    state: RoomState,
}

/// The reason for which a room cannot go on from the bytes that were kept of it.
#[derive(Debug, Error)]
pub enum ReviveError {
    /// The world cannot be read.
    #[error("its world cannot be read: {0}")]
    World(DecodeError),
    /// The record of a tick cannot be read.
    #[error("the record of tick {tick} cannot be read: {fault}")]
    Record {
        /// The tick.
        tick: Tick,
        /// The fault of the record.
        fault: DecodeError,
    },
    /// The state of the room cannot be read.
    #[error("{0}")]
    State(String),
    /// A record does not follow the one before.
    #[error("{0}")]
    Gap(ReplayError),
    /// The world is that of another build, and cannot be read by the names of its fields.
    #[error("its world cannot be read by the names of its fields: {0}")]
    Names(#[from] ByNamesError),
    /// The game has other fields than when the room was kept, and no world of it was kept yet.
    #[error("its game has other fields now, and the room was so young that no world of it is there to go on from")]
    Young,
}

impl From<StateError> for ReviveError {
    fn from(error: StateError) -> Self {
        Self::State(error.to_string())
    }
}

/// A room that was made again.
pub struct Revived<G: Game> {
    /// The room.
    pub room: Room<G>,
    /// The ticks that were played again.
    pub replayed: u32,
    /// The first tick whose world is not the recorded one, if the game's code is another one since.
    pub differs_at: Option<Tick>,
}

/// The bytes that are kept of a room.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// The newest world, as [`Frozen::encode`] wrote it; `None` for a room of which only the beginning is kept.
    pub world: Option<&'a [u8]>,
    /// The records of the ticks after it, without a gap.
    pub ticks: &'a [(Tick, Vec<u8>)],
}

impl<G: Game> Frozen<G> {
    /// Appends the room.
    pub fn encode(&mut self, out: &mut Vec<u8>) {
        let mut part = Vec::new();
        self.checkpoint.encode(&self.schemas.world, &mut part);
        put_part(&part, out);
        part.clear();
        let last = if Bug::LastActionsNotKept.is_planted() { LastActions::default() } else { self.last };
        self.schemas.records.put_last(&last, &mut part);
        put_part(&part, out);
        self.state.encode(out);
    }
}

fn put_part(part: &[u8], out: &mut Vec<u8>) {
    put_varint(out, u32::try_from(part.len()).expect("a world is far below 4 GiB"));
    out.extend_from_slice(part);
}

/// The parts of a room that [`Frozen::encode`] has written.
pub(super) struct FrozenParts<'a> {
    pub(super) checkpoint: &'a [u8],
    pub(super) actions: &'a [u8],
    pub(super) state: &'a [u8],
}

impl<'a> FrozenParts<'a> {
    pub(super) fn of(world: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(world);
        let (checkpoint, actions) = (take_part(&mut reader)?, take_part(&mut reader)?);
        Ok(Self { checkpoint, actions, state: reader.slice(reader.remaining())? })
    }
}

fn take_part<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = reader.varint()?;
    reader.slice(length as usize)
}

impl<G: Game> Room<G> {
    /// Has the room keep what it needs for [`Room::put_record`].
    pub fn begin_records(&mut self) {
        let last = LastActions::of(&self.record.actions);
        // Room for a record that is larger than usual: a warm tick allocates nothing.
        let record = Vec::with_capacity(RECORD_BYTES);
        self.recorded = Some(Box::new(Recorded { last, state: None, seat_changes: 0, record }));
    }

    /// Appends what the last tick was made from, and the state of the room if it has changed. Nothing of the tick may be
    /// sent before these bytes are kept. A room that keeps no records appends nothing.
    pub fn put_record(&mut self, out: &mut Vec<u8>) {
        let Some(mut recorded) = self.recorded.take() else { return };
        let hash = self.simulation.full_hash();
        recorded.record.clear();
        self.schemas.records.put(&mut recorded.last, &self.record, hash, &mut recorded.record);
        put_part(&recorded.record, out);
        let is_known =
            |state| Bug::ChangeOfSeatsNotRecorded.is_planted() || self.is_in_state(state, recorded.seat_changes);
        if !recorded.state.as_ref().is_some_and(is_known) {
            let state = self.state();
            state.encode(out);
            recorded.state = Some(state);
        }
        recorded.seat_changes = self.roster.seats.changes();
        self.recorded = Some(recorded);
    }

    /// The hash of the world.
    pub(crate) fn full_hash(&mut self) -> u32 {
        self.simulation.full_hash()
    }

    /// The room after its last tick.
    pub fn freeze(&mut self) -> Frozen<G> {
        let (schemas, checkpoint) = (self.schemas.clone(), self.simulation.checkpoint().clone());
        Frozen { schemas, checkpoint, last: self.last_actions(), state: self.state() }
    }

    /// The same in the memory of an earlier one.
    pub fn freeze_into(&mut self, frozen: &mut Frozen<G>) {
        frozen.checkpoint.clone_from(self.simulation.checkpoint());
        (frozen.last, frozen.state) = (self.last_actions(), self.state());
    }

    /// The actions of the last record. The state in a checkpoint may be newer than that of its tick's record: the next
    /// record says it again.
    fn last_actions(&mut self) -> LastActions<G::Input> {
        self.recorded.iter_mut().for_each(|recorded| recorded.state = None);
        self.recorded.as_ref().map(|recorded| recorded.last).unwrap_or_default()
    }

    /// A room that goes on from the bytes that were kept of it. Nobody is connected; the seats wait for their players.
    ///
    /// Records of another version of the game's code are played by the present one: the same inputs under the new rules
    /// are nearer to the world that players saw than an older world.
    ///
    /// # Errors
    /// When something that was kept cannot be read, or does not belong to the game.
    pub fn revive(
        schemas: &GameSchemas<G>,
        setup: RoomSetup,
        options: &G::Options,
        kept: Kept<'_>,
    ) -> Result<Revived<G>, ReviveError> {
        let mut room = Self::with_schemas(schemas, setup, options);
        let (mut last, mut state) = (LastActions::default(), room.state());
        if let Some(world) = kept.world {
            let parts = FrozenParts::of(world).map_err(ReviveError::World)?;
            let checkpoint = Checkpoint::decode(&schemas.world, parts.checkpoint).map_err(ReviveError::World)?;
            last = schemas.records.take_last(parts.actions).map_err(ReviveError::World)?;
            state = RoomState::decode::<G>(parts.state)?;
            room.simulation = Simulation::resume_sharing(Arc::clone(&schemas.world), checkpoint);
        }
        let (mut events, mut differs_at) = (Vec::new(), None);
        for (tick, bytes) in kept.ticks {
            let of_tick = |fault| ReviveError::Record { tick: *tick, fault };
            let mut reader = Reader::new(bytes);
            let record = take_part(&mut reader).map_err(of_tick)?;
            let causes = schemas.records.take(&mut last, *tick, record).map_err(of_tick)?;
            if reader.remaining() > 0 {
                state = RoomState::decode::<G>(reader.slice(reader.remaining()).map_err(of_tick)?)?;
            }
            events.clear();
            match room.simulation.play(&causes, &mut events) {
                Err(error @ ReplayError::Gap { .. }) => return Err(ReviveError::Gap(error)),
                Err(_) => differs_at = differs_at.or(Some(*tick)),
                Ok(()) => {}
            }
        }
        room.go_on(&last, state);
        // Nobody has the world before the first tick.
        room.common = Some(differs_at.map_or(room.tick, |tick| Tick(tick.0.saturating_sub(1))));
        let replayed = u32::try_from(kept.ticks.len()).unwrap_or(u32::MAX);
        Ok(Revived { room, replayed, differs_at })
    }

    /// Takes the place of the room that has ended after the simulation's last tick.
    pub(super) fn go_on(&mut self, last: &LastActions<G::Input>, state: RoomState) {
        self.tick = self.simulation.tick();
        self.last_player = self.tick;
        self.record.tick = self.tick;
        self.record.actions.extend(last.iter());
        self.restore_state(state);
        let mut last_inputs = neutral(self.playing.iter());
        last.iter().for_each(|(seat, action)| last_inputs.set(seat, action.input));
        let stagger = self.secret.rng(Purpose::Stagger, 0, 0).next_u32();
        self.outgoing = Outgoing::new(&self.schemas, &mut self.simulation, stagger, last_inputs);
        self.outgoing.show_newest(&self.record);
        self.meters = vec![SeatMeter::beginning_at(self.tick); usize::from(G::RULES.seats)];
        self.buffers = vec![InputBuffer::default(); usize::from(G::RULES.seats)];
        for (seat, action) in last.iter() {
            self.buffers[seat.index()] = InputBuffer::after(self.tick, action);
            self.idle[seat.index()] = Idle::new(self.tick);
            self.idle[seat.index()].note(action.input, self.tick);
        }
    }

    /// Makes the ticks of the next second without the inputs of players. The room was at work when a process came to a bad
    /// end, and the inputs of that tick may be why: clients send them again. A key is held for several ticks, so that to
    /// leave out a single one would not do.
    pub fn skip_inputs(&mut self) {
        self.neutral_until = self.tick + G::RULES.tick_rate_hz;
    }

    /// Seats whose players were connected when the room ended and have not come back.
    #[must_use]
    pub fn missing(&self) -> usize {
        let is_missing = |seat: &Seat| self.roster.is_away_since(*seat, self.tick);
        Seat::first(G::RULES.seats).filter(is_missing).count()
    }
}

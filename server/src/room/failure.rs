//! The report on a room that has failed, from which its last tick can be played again and comes to the same panic.
//!
//! It is written beside the autopsies, within the same bounds, when every way to make a tick has come to nothing, when too
//! many ticks were undone, or after a second panic outside of a tick. It has the world before the tick with all that is
//! hidden in it, and the secret of the room, which has ended: it is for the operator and the game's author.

use super::attempts::Attempt;
use super::autopsy::{TickInput, hex, inputs_of, unhex};
use super::roster::SeatSet;
use super::{Checkpoint, GameCall, Room};
use crate::game_panic::{self, GamePanic};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tickwire::determinism::behaviour::BUILD;
use tickwire::input::{Action, ViewAge};
use tickwire::lockstep::{LastInputs, TickInputs, TickInputsCodec};
use tickwire::message::control::fingerprint;
use tickwire::state::Schema;
use tickwire::wire::{DecodeError, Reader};
use tickwire::world::full_state::FullState;
use tickwire::world::history::History;
use tickwire::world::roster::RosterChange;
use tickwire::world::simulation::{Restart, TickRecord};
use tickwire::{Game, Seat, Tick};

/// The version of the layout of [`RoomFailure`]: it changes with the layout.
pub const FAILURE_FORMAT: u32 = 1;

/// A panic that ended an attempt to make a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCall {
    /// The causes that the tick was to be made from; `None` for a panic outside of a tick.
    pub attempt: Option<Attempt>,
    /// The call of the game, such as `` `step` ``.
    pub call: String,
    /// The message of the panic.
    pub message: String,
    /// File, line and column.
    pub place: Option<String>,
}

impl FailedCall {
    pub(super) fn new(attempt: Attempt, call: GameCall, panic: &GamePanic) -> Self {
        Self::of(Some(attempt), call.to_string(), panic)
    }

    fn of(attempt: Option<Attempt>, call: String, panic: &GamePanic) -> Self {
        let (message, place) = panic.parts();
        Self { attempt, call, message: message.into(), place: place.map(Into::into) }
    }
}

/// A match that was to begin in the tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMatch {
    /// Its options, as JSON.
    pub options: Value,
    /// The seats that were to join it.
    pub seats: Vec<u8>,
}

/// The report on a room that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFailure {
    /// [`FAILURE_FORMAT`].
    pub format: u32,
    /// The game's name.
    pub game: String,
    /// Fingerprint of the game's world, input and events, in hexadecimal.
    pub fingerprint: String,
    /// The build of the server.
    pub build: String,
    /// The tick that could not be made.
    pub tick: u32,
    /// The panics, one per attempt, in their order.
    pub panics: Vec<FailedCall>,
    /// The seats that were taken before the tick.
    pub taken: Vec<u8>,
    /// The match that was to begin in it.
    pub new_match: Option<NewMatch>,
    /// The inputs of the first attempt, to be read.
    pub inputs: Vec<TickInput>,
    /// The seats whose players saw an older world, with its age in sixteenths of a tick.
    pub views: Vec<(u8, u8)>,
    /// Comings and goings, the messages that the game was to hear, and the inputs of the first attempt: the body of a
    /// tick in a lockstep message, in hexadecimal. `None` when it is too long, and for a panic outside of a tick.
    pub causes: Option<String>,
    /// The full state before the tick, in hexadecimal; `None` when it is too long.
    pub world: Option<String>,
}

/// The reason for which the tick of a failed room cannot be played again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayFault {
    /// The report was written by another version of the server.
    #[error("the report has format {found}, and this program reads format {FAILURE_FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// The game has other fields than the one that failed.
    #[error("this build of the game has fingerprint {here}, and the one that failed has {there}")]
    Fingerprint {
        /// That of this program's game.
        here: String,
        /// That of the report.
        there: String,
    },
    /// There was no place for the world or the inputs, or the panic was outside of a tick.
    #[error("the report has no tick that could be played again")]
    NoTick,
    /// A part of it is not hexadecimal.
    #[error("the report has bytes that are not hexadecimal")]
    Digits,
    /// A part of it cannot be read.
    #[error("the report has a world or inputs that cannot be read")]
    Decode(#[from] DecodeError),
    /// The options of the new match are not those of the game.
    #[error("the report has options that the game does not know")]
    Options,
    /// It names a seat that no game has.
    #[error("the report names a seat that does not exist")]
    Seat,
}

impl<G: Game> Room<G> {
    /// Whether the room has failed, and makes no further tick.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The report on the room, once, after it has failed; `None` when the game has panicked on that too.
    pub fn poll_failure(&mut self) -> Option<Box<RoomFailure>> {
        self.failure.take()
    }

    /// Ends the room because of a panic outside of a tick.
    pub(crate) fn fail(&mut self, panic: &GamePanic) {
        let call = self.call.take().map_or_else(|| "outside of a tick".into(), |call| call.to_string());
        self.has_failed = true;
        let panics = vec![FailedCall::of(None, call, panic)];
        self.failure = game_panic::catch(|| self.failure_of(None, panics)).ok().map(Box::new);
    }

    /// Ends the room because the tick of these causes cannot be made.
    pub(super) fn fail_with(&mut self, causes: &TickRecord<G>, panics: Vec<FailedCall>) {
        self.has_failed = true;
        // The game's own code is asked for its world, and may panic once more.
        self.failure = game_panic::catch(|| self.failure_of(Some(causes), panics)).ok().map(Box::new);
    }

    fn failure_of(&self, causes: Option<&TickRecord<G>>, panics: Vec<FailedCall>) -> RoomFailure {
        let mut world = Vec::new();
        FullState::of(self.simulation.checkpoint()).encode(self.simulation.schema(), &mut world);
        let restart = causes.and_then(|causes| causes.restart.as_ref());
        let tick_inputs = causes.map(|causes| tick_inputs_of(causes, self.playing));
        let views = causes.into_iter().flat_map(|causes| &causes.actions);
        RoomFailure {
            format: FAILURE_FORMAT,
            game: G::RULES.name.into(),
            fingerprint: format!("{:016x}", self.schemas.fingerprint),
            build: BUILD.into(),
            tick: self.tick.0,
            panics,
            taken: self.playing.iter().map(Seat::number).collect(),
            new_match: restart.map(|Restart { options, seats }| NewMatch {
                options: serde_json::to_value(options).unwrap_or_default(),
                seats: seats.iter().map(|seat| seat.number()).collect(),
            }),
            inputs: tick_inputs
                .as_ref()
                .map_or_else(Vec::new, |(_, inputs)| inputs_of::<G>(std::slice::from_ref(inputs))),
            views: views
                .filter(|(_, action)| !action.age.is_none())
                .map(|(seat, action)| (seat.number(), action.age.parts()))
                .collect(),
            causes: tick_inputs.and_then(|(before, inputs)| {
                let mut bytes = Vec::new();
                codec::<G>().put(&before, &inputs, &mut bytes);
                hex(&bytes)
            }),
            world: hex(&world),
        }
    }
}

fn codec<G: Game>() -> TickInputsCodec<G::Input> {
    TickInputsCodec::new(G::RULES.hash_ticks())
}

/// Everyone's neutral inputs before the tick of a record, and those in it.
fn tick_inputs_of<G: Game>(record: &TickRecord<G>, playing: SeatSet) -> (LastInputs<G::Input>, TickInputs<G::Input>) {
    let mut before = LastInputs::default();
    match &record.restart {
        Some(restart) => restart.seats.iter().for_each(|seat| before.change(RosterChange::Joined(*seat))),
        None => playing.iter().for_each(|seat| before.change(RosterChange::Joined(seat))),
    }
    let mut last_inputs = before;
    record.roster.iter().for_each(|change| last_inputs.change(*change));
    record.actions.iter().for_each(|(seat, action)| last_inputs.set(*seat, action.input));
    let (tick, roster, heard) = (record.tick, record.roster.clone(), record.heard.clone());
    // There is no world after the tick that could be hashed.
    let hash = codec::<G>().has_hash(tick).then_some(0);
    (before, TickInputs { tick, roster, heard, last_inputs, hash })
}

impl RoomFailure {
    /// Plays the tick again in every way in which it was tried, and gives the panics; an attempt that does not panic here
    /// gives `None`. Shots are judged by the world before the tick alone, as older worlds are not in the report.
    ///
    /// # Errors
    /// [`ReplayFault`] when there is nothing to play, or when it is of another game or build.
    pub fn replay<G: Game>(&self) -> Result<Vec<Option<FailedCall>>, ReplayFault> {
        let here = format!("{:016x}", fingerprint::<G>());
        if self.format != FAILURE_FORMAT {
            return Err(ReplayFault::Format { found: self.format });
        }
        if self.fingerprint != here {
            return Err(ReplayFault::Fingerprint { here, there: self.fingerprint.clone() });
        }
        let mut room = Room::<G>::new(0, &G::Options::default(), false);
        room.simulation.rewind(self.checkpoint()?);
        self.seats(&self.taken)?.into_iter().for_each(|seat| room.playing.insert(seat));
        room.tick = Tick(self.tick);
        room.record = self.record()?;
        let (mut found, mut failed) = (Vec::new(), GameCall::Step);
        for attempt in self.panics.iter().filter_map(|failed| failed.attempt) {
            room.do_without(attempt, failed);
            room.simulation.begin_tick();
            let panic = game_panic::catch(|| room.attempt(attempt)).err();
            let call = room.call.take().unwrap_or(GameCall::Step);
            failed = call;
            let is_over = panic.is_none();
            found.push(panic.map(|panic| FailedCall::new(attempt, call, &panic)));
            if is_over || game_panic::catch(|| room.simulation.undo_tick()).is_err() {
                break;
            }
        }
        Ok(found)
    }

    fn checkpoint<G: Game>(&self) -> Result<Checkpoint<G>, ReplayFault> {
        let world = self.world.as_ref().ok_or(ReplayFault::NoTick)?;
        let bytes = unhex(world).ok_or(ReplayFault::Digits)?;
        let full_state = FullState::decode_kept(&Schema::of::<G>(), &bytes)?;
        let mut world = G::default();
        let rng = full_state.restore(&mut world);
        Ok(Checkpoint { world, rng, history: History::beginning_with::<G>(full_state.snapshot) })
    }

    fn record<G: Game>(&self) -> Result<TickRecord<G>, ReplayFault> {
        let causes = self.causes.as_ref().ok_or(ReplayFault::NoTick)?;
        let bytes = unhex(causes).ok_or(ReplayFault::Digits)?;
        let restart = self.new_match.as_ref().map(|begun| self.restart::<G>(begun)).transpose()?;
        let seats = match &restart {
            Some(restart) => restart.seats.clone(),
            None => self.seats(&self.taken)?,
        };
        let mut before = LastInputs::default();
        seats.iter().for_each(|seat| before.change(RosterChange::Joined(*seat)));
        let tick = Tick(self.tick);
        let last = Tick(self.tick.checked_sub(1).ok_or(ReplayFault::NoTick)?);
        let received = codec::<G>().decode(&Schema::of::<G>(), Some((last, &before)), tick, Reader::new(&bytes))?;
        let inputs = received.known_ticks.into_iter().next().ok_or(ReplayFault::NoTick)?;
        let age_of = |seat: Seat| self.views.iter().find(|(of, _)| *of == seat.number());
        let actions = inputs.last_inputs.iter().map(|(seat, input)| {
            let age = age_of(seat).map_or(ViewAge::NONE, |(_, parts)| ViewAge::from_parts(*parts));
            (seat, Action { input, age })
        });
        let actions = actions.collect();
        Ok(TickRecord { tick, restart, roster: inputs.roster, heard: inputs.heard, actions, ..TickRecord::empty() })
    }

    fn restart<G: Game>(&self, begun: &NewMatch) -> Result<Restart<G>, ReplayFault> {
        let options = G::Options::deserialize(&begun.options).map_err(|_| ReplayFault::Options)?;
        Ok(Restart { options, seats: self.seats(&begun.seats)? })
    }

    fn seats(&self, numbers: &[u8]) -> Result<Vec<Seat>, ReplayFault> {
        numbers.iter().map(|number| Seat::new(*number).ok_or(ReplayFault::Seat)).collect()
    }
}

//! The state of a room besides its simulation: the occupant of each seat, the owner, and the people who may not come
//! in. With the simulation's checkpoint it is all that a room goes on from after its process has ended.
//!
//! Connections are no part of it, and neither are the messages that members were sent: members come back over new
//! connections, and get keyframes. Tokens are there as digests.
//!
//! ```text
//! state   version u8 = 1, then `bincode` of the fields below in their order
//! ```

use super::origin::Origin;
use super::ownership::Ownership;
use super::roster::{Comebacks, Occupant, Roster, SeatSet};
use super::token_digest::TokenDigest;
use super::unsettled::Unsettled;
use super::{Room, RosterChange};
use crate::versioned::{self, Unreadable};
use bincode::{Decode, Encode};
use tickwire::bug::Bug;
use tickwire::message::topics::PlayerId;
use tickwire::world::roster::BOT_NAMES;
use tickwire::{Game, Leave, Seat, Tick};

const VERSION: u8 = 1;

/// The bytes that a state may take at most: 64 seats with the longest names, and everybody who is kept out.
const BYTES_MAX: usize = 65_536;

/// The state of a room besides its simulation, after a tick.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(super) struct RoomState {
    seats: Vec<SeatState>,
    /// The changes of which the game has yet to be told.
    changes: Vec<RosterChange>,
    arrivals: u64,
    first_came: Option<Tick>,
    /// The seats that are taken for the game.
    playing: SeatSet,
    unsettled: Vec<(Seat, Leave)>,
    /// The tick at which the owner has last started a match.
    restarted: Option<Tick>,
    ownership: Ownership,
}

/// A seat and its occupant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
enum SeatState {
    Free,
    /// The place of the bot's name in [`BOT_NAMES`].
    Bot(u8),
    Person {
        name: String,
        /// The tick at which the connection was lost; `None` while there is one.
        away_since: Option<Tick>,
        token: TokenDigest,
        old_token: Option<TokenDigest>,
        origin: Origin,
        player: Option<PlayerId>,
        arrival: u64,
        leaves_at: Option<Tick>,
        confirmed: bool,
    },
}

/// The reason for which bytes are no state of a room.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// The bytes are no state of this version.
    #[error("the room's state cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// A seat is named that the state does not have.
    #[error("the room's state names seats that it does not have")]
    Names,
    /// The room has another number of seats.
    #[error("the room's state has {found} seats, and the game has {seats}")]
    Seats {
        /// Seats in the bytes.
        found: usize,
        /// Seats of the game.
        seats: u8,
    },
}

impl RoomState {
    /// Appends the state.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        versioned::encode(VERSION, self, out);
    }

    /// Reads a state to the end of `bytes`.
    pub(super) fn decode<G: Game>(bytes: &[u8]) -> Result<Self, StateError> {
        let state = Self::decode_any(bytes)?;
        let (found, seats) = (state.seats.len(), G::RULES.seats);
        if found == usize::from(seats) { Ok(state) } else { Err(StateError::Seats { found, seats }) }
    }

    /// Reads a state of a build in which the game may have had another number of seats. New seats are free. An occupant
    /// whose seat is gone is in the room no more; the second value counts these people and bots.
    pub(super) fn decode_fitting<G: Game>(bytes: &[u8]) -> Result<(Self, usize), StateError> {
        let (mut state, seats) = (Self::decode_any(bytes)?, usize::from(G::RULES.seats));
        let gone = state.seats.iter().skip(seats).filter(|seat| **seat != SeatState::Free).count();
        state.seats.resize(seats, SeatState::Free);
        let is_there = |seat: Seat| seat.index() < seats;
        state.changes.retain(|change| match change {
            RosterChange::Joined(seat) | RosterChange::Left(seat, _) => is_there(*seat),
        });
        state.unsettled.retain(|(seat, _)| is_there(*seat));
        state.playing.iter().filter(|seat| !is_there(*seat)).for_each(|seat| state.playing.remove(seat));
        state.ownership.forget_seats_from(seats);
        Ok((state, gone))
    }

    /// The seats that are taken for the game.
    pub(super) const fn playing(&self) -> SeatSet {
        self.playing
    }

    /// Reads the state of a room with any number of seats.
    fn decode_any(bytes: &[u8]) -> Result<Self, StateError> {
        let state: Self = versioned::decode::<_, BYTES_MAX>(VERSION, bytes)?;
        let found = state.seats.len();
        let has_seat = |seat: Seat| seat.index() < found;
        let changes = state.changes.iter().all(|change| match change {
            RosterChange::Joined(seat) | RosterChange::Left(seat, _) => has_seat(*seat),
        });
        let unsettled = state.unsettled.iter().all(|(seat, _)| has_seat(*seat));
        let others = state.playing.iter().chain(state.ownership.state().0).all(has_seat);
        if changes && unsettled && others { Ok(state) } else { Err(StateError::Names) }
    }
}

impl SeatState {
    fn of(occupant: &Occupant) -> Self {
        match occupant {
            Occupant::Person { member: None, .. } if Bug::AwaySeatLost.is_planted() => Self::Free,
            Occupant::Free => Self::Free,
            Occupant::Bot { name } => Self::Bot(bot_number(name)),
            Occupant::Person {
                name,
                member,
                away_since,
                token,
                old_token,
                origin,
                player,
                arrival,
                leaves_at,
                confirmed,
                comebacks: _,
            } => Self::Person {
                name: name.clone(),
                away_since: member.is_none().then_some(*away_since),
                token: if Bug::TokenDigestLost.is_planted() { TokenDigest::of([0; 16]) } else { *token },
                old_token: old_token.filter(|_| !Bug::OldTokenDigestLost.is_planted()),
                origin: *origin,
                player: *player,
                arrival: *arrival,
                leaves_at: *leaves_at,
                confirmed: *confirmed,
            },
        }
    }

    /// Whether this is the state that [`SeatState::of`] gives, found without making it: it is asked in every tick.
    fn is_of(&self, occupant: &Occupant) -> bool {
        match (self, occupant) {
            (Self::Free, Occupant::Free) => true,
            (Self::Bot(number), Occupant::Bot { name }) => BOT_NAMES.get(usize::from(*number)) == Some(name),
            (
                Self::Person { name, away_since, token, old_token, origin, player, arrival, leaves_at, confirmed },
                Occupant::Person {
                    name: name_now,
                    member,
                    away_since: since_now,
                    token: token_now,
                    old_token: old_now,
                    origin: origin_now,
                    player: player_now,
                    arrival: arrival_now,
                    leaves_at: leaves_now,
                    confirmed: confirmed_now,
                    comebacks: _,
                },
            ) => {
                let away_now = member.is_none().then_some(*since_now);
                (away_since, token, old_token) == (&away_now, token_now, old_now)
                    && (origin, player, arrival) == (origin_now, player_now, arrival_now)
                    && (leaves_at, confirmed, name) == (leaves_now, confirmed_now, name_now)
            }
            _ => false,
        }
    }

    /// The occupant after the process has ended at this tick: nobody is connected.
    fn into_occupant(self, now: Tick) -> Occupant {
        match self {
            Self::Free => Occupant::Free,
            Self::Bot(number) => Occupant::Bot { name: BOT_NAMES[usize::from(number) % BOT_NAMES.len()] },
            Self::Person { name, away_since, token, old_token, origin, player, arrival, leaves_at, confirmed } => {
                Occupant::Person {
                    name,
                    member: None,
                    away_since: away_since.unwrap_or(now),
                    token,
                    old_token,
                    origin,
                    player,
                    arrival,
                    leaves_at,
                    comebacks: Comebacks::default(),
                    confirmed,
                }
            }
        }
    }
}

fn bot_number(name: &str) -> u8 {
    let place = BOT_NAMES.iter().position(|known| *known == name);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

impl Roster {
    /// Puts everybody back into their seats; nobody is connected.
    fn restore(&mut self, state: RoomState, now: Tick) {
        self.seats.set(state.seats.into_iter().map(|seat| seat.into_occupant(now)).collect());
        self.changes = state.changes;
        (self.arrivals, self.first_came) = (state.arrivals, state.first_came);
        self.unsettled = Unsettled::of(state.unsettled);
    }
}

impl<G: Game> Room<G> {
    /// Whether `state` is that of the room now. Its seats are when they have had so many changes.
    pub(super) fn is_in_state(&self, state: &RoomState, seat_changes: u64) -> bool {
        let Roster { seats, changes, arrivals, first_came, unsettled, .. } = &self.roster;
        let mut occupied = state.seats.iter().zip(&**seats);
        (seat_changes == seats.changes() || occupied.all(|(state, occupant)| state.is_of(occupant)))
            && (&state.changes, state.arrivals, state.first_came) == (changes, *arrivals, *first_came)
            && (state.playing, &*state.unsettled, state.restarted) == (self.playing, unsettled.left(), self.restarted)
            && state.ownership == self.ownership
    }

    /// The state of the room besides its simulation.
    pub(super) fn state(&self) -> RoomState {
        let Roster { seats, changes, arrivals, first_came, unsettled, .. } = &self.roster;
        RoomState {
            seats: seats.iter().map(SeatState::of).collect(),
            changes: changes.clone(),
            arrivals: *arrivals,
            first_came: *first_came,
            playing: self.playing,
            unsettled: unsettled.left().to_vec(),
            restarted: self.restarted,
            ownership: self.ownership.clone(),
        }
    }

    /// Goes on from a state, of the tick that the simulation is at.
    pub(super) fn restore_state(&mut self, state: RoomState) {
        self.playing = state.playing;
        self.restarted = state.restarted;
        self.ownership = if Bug::OwnerLost.is_planted() { Ownership::default() } else { state.ownership.clone() };
        self.roster.restore(state, self.tick);
    }
}

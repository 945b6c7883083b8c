//! The way into a room: it decides who gets which seat, which clients may watch, and which are refused.

use super::idleness::Idle;
use super::members::{Member, MemberId};
use super::origin::Origin;
use super::roster::Newcomer;
use super::seat_meter::SeatMeter;
use super::view_bound::ViewBound;
use super::{Entrant, Room};
use crate::names::clean_name;
use tickwire::input::buffer::InputBuffer;
use tickwire::message::PROTOCOL_VERSION;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken, Welcome, builds_differ};
use tickwire::message::topics::PlayerId;
use tickwire::{Game, Seat, Tick};

/// A hello that was accepted.
#[derive(Debug)]
pub struct Entered {
    /// The new member.
    pub member: MemberId,
    /// The first message for the new member.
    pub welcome: Vec<u8>,
    /// The member whose seat the new one took over; the connection of that member is to be closed with 4005.
    pub superseded: Option<MemberId>,
    /// The seat; `None` for a spectator.
    pub seat: Option<Seat>,
    /// The name that others see.
    pub name: String,
    /// The player in the seat, if it is known over connections.
    pub player: Option<PlayerId>,
    /// Whether the player had the seat before.
    pub resumed: bool,
}

impl<G: Game> Room<G> {
    /// Whether a player has this token, with which it can come back to its seat.
    #[must_use]
    pub fn has_token(&self, token: ResumeToken) -> bool {
        self.roster.seat_of(token).is_some()
    }

    /// Admits a player or a spectator. A player gets the seat that the token in its hello names, otherwise a free seat,
    /// otherwise the seat of a bot; a spectator needs no seat. `token` must be fresh and random: the player can reclaim
    /// its seat with it once.
    ///
    /// # Errors
    /// The close code with the reason for the refusal.
    pub fn enter(&mut self, hello: &Hello, token: ResumeToken) -> Result<Entered, CloseCode> {
        self.enter_from(hello, token, Origin::EXEMPT)
    }

    /// The same as [`Room::enter`], for somebody that limits apply to. A player whom a ticket names has one seat in the
    /// room: its newest connection gets that seat, and an older one is superseded.
    ///
    /// # Errors
    /// The close code with the reason for the refusal.
    pub fn enter_from(
        &mut self,
        hello: &Hello,
        token: ResumeToken,
        entrant: impl Into<Entrant>,
    ) -> Result<Entered, CloseCode> {
        let entrant = entrant.into();
        let origin = entrant.origin;
        if hello.protocol != PROTOCOL_VERSION || hello.fingerprint != self.schemas.fingerprint {
            return Err(CloseCode::Version);
        }
        if hello.game != G::RULES.name {
            return Err(CloseCode::NoRoom);
        }
        let now = (self.tick, self.limits.minute_ticks);
        let resume = |old| self.roster.resume(old, token, origin, now);
        let resumed = match hello.resume.map(resume).transpose()?.flatten() {
            None if !hello.watches => self.roster.resume_as(&entrant, token, now)?,
            resumed => resumed,
        };
        if resumed.is_none() {
            self.ownership.check(&entrant, hello.watches, self.tick)?;
        }
        let seat = match resumed {
            None if hello.watches => {
                self.check_spectators(origin)?;
                None
            }
            None => {
                let newcomer = Newcomer { name: &hello.name, entrant, token, now: self.tick };
                Some(self.roster.take_seat(&newcomer).ok_or(CloseCode::Full)?)
            }
            resumed => resumed,
        };
        let mut state = Member::new(seat, &entrant, self.tick, &self.limits);
        // A lockstep client that reconnects still has the world of its last tick. It receives the tick inputs since
        // then instead of a keyframe.
        if let Some(known) = hello.known.filter(|known| G::RULES.is_lockstep() && self.is_of_this_room(*known, seat)) {
            (state.baseline, state.events_sent) = (Some(known), known);
        }
        state.room_changed = self.ownership.is_owned();
        let member = self.members.insert(state);
        let superseded = seat.and_then(|seat| self.roster.seat_member(seat, member));
        if let Some(old) = superseded {
            self.members.remove(old);
            self.drop_dispute(old);
        }
        if let Some(seat) = seat {
            self.view_bounds[seat.index()].reconnect();
        }
        if let Some(seat) = seat.filter(|_| resumed.is_none()) {
            self.buffers.resize(usize::from(G::RULES.seats), InputBuffer::default());
            self.buffers[seat.index()] = InputBuffer::default();
            self.idle[seat.index()] = Idle::new(self.tick);
            // A room in which nobody has been has none: thousands of rooms may wait for their players.
            self.meters.resize(usize::from(G::RULES.seats), SeatMeter::default());
            self.meters[seat.index()] = SeatMeter::beginning_at(self.tick);
            self.view_bounds[seat.index()] = ViewBound::default();
        }
        let players = self.roster.players();
        if let Some(seat) = seat {
            self.announce(seat, Some(member));
            self.settle_owner(Some(seat).filter(|_| entrant.is_host()));
        }
        let (tick, resumed) = (self.tick, resumed.is_some());
        let newest_input = seat.filter(|_| resumed).and_then(|seat| self.buffers[seat.index()].newest());
        self.counters.other_builds += u64::from(builds_differ(hello.build, self.build));
        let welcome = Welcome { seat, tick, resume: token, resumed, newest_input, players, build: self.build }.encode();
        let name = seat.and_then(|seat| self.roster.name_of(seat)).unwrap_or_else(|| clean_name(&hello.name));
        let player = seat.map_or(entrant.player, |seat| self.roster.player_of(seat));
        Ok(Entered { member, welcome, superseded, seat, name, player, resumed })
    }

    /// Whether the world of a client's newest tick is one of this room's. A room that an earlier process has kept may have
    /// lost ticks, or play them in another way: then whoever was there before starts over.
    fn is_of_this_room(&self, known: Tick, seat: Option<Seat>) -> bool {
        let is_met = seat.is_some_and(|seat| self.met.contains(seat));
        known <= self.tick && self.common.is_none_or(|common| is_met || known <= common)
    }

    fn check_spectators(&self, from: Origin) -> Result<(), CloseCode> {
        let spectators = || self.members.values().filter(|member| member.seat.is_none());
        let of_origin = || spectators().filter(|member| member.origin == from).count();
        let is_full = spectators().count() >= self.room_limits.spectators_max;
        let has_enough = || of_origin() >= self.room_limits.spectators_per_origin_max;
        if is_full || from != Origin::EXEMPT && has_enough() { Err(CloseCode::Full) } else { Ok(()) }
    }
}

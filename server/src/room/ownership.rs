//! The owner of a room: the choice of it, its rights, and the players who may not come back.
//!
//! The first player with a seat owns the room, or a host whom a ticket names. When the seat of the owner becomes free,
//! the player who has been there longest owns the room. Orders of anybody else are left alone: a page may have sent them
//! before it knew that its player owns the room no more.

use super::members::MemberId;
use super::origin::Origin;
use super::roster::Occupant;
use super::{Entrant, Room};
use crate::limits::KEPT_OUT_MAX;
use bincode::{Decode, Encode};
use std::collections::VecDeque;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, ServerControl};
use tickwire::message::topics::PlayerId;
use tickwire::{Game, Leave, Seat, Tick};

/// Somebody who may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct KeptOut {
    whom: Whom,
    /// The tick from which on the person may; `None` for one who may not until the room ends.
    until: Option<Tick>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
enum Whom {
    Player(PlayerId),
    Origin(Origin),
}

/// The owner of a room and its orders that last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(super) struct Ownership {
    /// Whether the room can have an owner.
    is_owned: bool,
    owner: Option<Seat>,
    is_locked: bool,
    /// Matches that owners have started.
    matches: u16,
    /// The newest ones at the back.
    kept_out: VecDeque<KeptOut>,
}

impl Ownership {
    pub(super) fn new(is_owned: bool) -> Self {
        Self { is_owned, ..Self::default() }
    }

    /// Whether members are told of an owner.
    pub(super) const fn is_owned(&self) -> bool {
        self.is_owned
    }

    /// Checks whether somebody without a seat may come in. A host may always.
    pub(super) fn check(&self, entrant: &Entrant, watches: bool, now: Tick) -> Result<(), CloseCode> {
        if self.is_owned && entrant.is_host() {
            return Ok(());
        }
        let is_meant = |whom: Whom| match whom {
            Whom::Player(player) => entrant.player == Some(player),
            Whom::Origin(origin) => entrant.origin == origin,
        };
        if self.kept_out.iter().any(|kept| is_meant(kept.whom) && kept.until.is_none_or(|until| now < until)) {
            return Err(CloseCode::NoRoom);
        }
        if self.is_locked && !watches { Err(CloseCode::Full) } else { Ok(()) }
    }

    /// Keeps somebody out until this tick. An origin that is exempt from limits stands for nobody.
    fn keep_out(&mut self, player: Option<PlayerId>, origin: Origin, until: Option<Tick>, now: Tick) {
        let of_origin = Some(Whom::Origin(origin)).filter(|_| origin != Origin::EXEMPT);
        let Some(whom) = player.map(Whom::Player).or(of_origin) else { return };
        self.kept_out.retain(|kept| kept.whom != whom && kept.until.is_none_or(|until| now < until));
        if self.kept_out.len() >= KEPT_OUT_MAX {
            self.kept_out.pop_front();
        }
        self.kept_out.push_back(KeptOut { whom, until });
    }

    /// The seat of the owner, and whether the room is locked.
    pub(super) const fn state(&self) -> (Option<Seat>, bool) {
        (self.owner, self.is_locked)
    }

    pub(super) const fn announcement(&self) -> ServerControl {
        ServerControl::Room { owner: self.owner, locked: self.is_locked, matches: self.matches }
    }

    /// The game has only so many seats now: a room whose owner had another one finds its owner anew.
    pub(super) fn forget_seats_from(&mut self, seats: usize) {
        self.owner = self.owner.filter(|seat| seat.index() < seats);
    }

    /// Counts one more match.
    pub(super) const fn count_match(&mut self) {
        self.matches = self.matches.wrapping_add(1);
    }
}

impl<G: Game> Room<G> {
    /// Carries out an order of a member, if it is the owner.
    pub(super) fn obey(&mut self, by: MemberId, order: &ClientControl) {
        let own = self.members[by].seat;
        let Some(own) = own.filter(|_| own == self.ownership.owner) else { return };
        match *order {
            ClientControl::Leave | ClientControl::Corrected(_) => {}
            ClientControl::Lock(is_locked) => self.set_room(Some(own), is_locked),
            ClientControl::Kick(seat) | ClientControl::Ban(seat) if seat == own => {}
            ClientControl::Kick(seat) => drop(self.throw_out(seat, Some(self.tick + self.limits.kicked_ticks))),
            ClientControl::Ban(seat) => drop(self.throw_out(seat, None)),
            ClientControl::HandOver(seat) if self.roster.is_person(seat) => {
                self.set_room(Some(seat), self.ownership.is_locked);
            }
            ClientControl::HandOver(_) => {}
            ClientControl::Start(ref options) => self.order_match(by, options),
        }
    }

    /// Frees a seat, and keeps a person out until this tick. Gives the name of the one who had it.
    pub(super) fn throw_out(&mut self, seat: Seat, until: Option<Tick>) -> Option<String> {
        let name = self.roster.name_of(seat)?;
        match self.roster.occupant(seat) {
            None | Some(Occupant::Free) => {}
            Some(Occupant::Bot { .. }) => self.free(seat, Leave::Removed),
            Some(&Occupant::Person { player, origin, .. }) => {
                self.ownership.keep_out(player, origin, until, self.tick);
                self.dismiss(seat, CloseCode::Removed);
            }
        }
        Some(name)
    }

    /// Locks the room, or takes its lock off, with any owner or none; false when that changes nothing.
    pub(super) fn lock(&mut self, is_locked: bool) -> bool {
        let changes = self.ownership.is_locked != is_locked;
        self.set_room(self.ownership.owner, is_locked);
        changes
    }

    /// Finds the owner anew after somebody has come or gone; `host` is the seat of a host who has come.
    pub(super) fn settle_owner(&mut self, host: Option<Seat>) {
        if self.ownership.is_owned {
            let stays = self.ownership.owner.filter(|seat| self.roster.is_person(*seat));
            let owner = host.or(stays).or_else(|| self.roster.longest_there());
            // A lock without anybody who could take it off would keep everybody out.
            self.set_room(owner, self.ownership.is_locked && owner.is_some());
        }
    }

    /// Sets owner and lock, and has everybody told of a change.
    fn set_room(&mut self, owner: Option<Seat>, is_locked: bool) {
        if (owner, is_locked) != (self.ownership.owner, self.ownership.is_locked) {
            (self.ownership.owner, self.ownership.is_locked) = (owner, is_locked);
            self.members.values_mut().for_each(|member| member.room_changed = true);
        }
    }
}

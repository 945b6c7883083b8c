//! Members that the room itself dismisses: their connections are to be closed.

use super::Room;
use super::members::{Member, MemberId};
use tickwire::message::close::CloseCode;
use tickwire::message::topics::PlayerId;
use tickwire::{Game, Leave, Seat};

impl<G: Game> Room<G> {
    /// Takes the seats of a player away, and lets it watch no more: its connections are to be closed.
    pub fn expel(&mut self, player: PlayerId) {
        let seats = self.roster.iter().map(|(seat, _)| seat);
        let seats: Vec<_> = seats.filter(|seat| self.roster.player_of(*seat) == Some(player)).collect();
        seats.into_iter().for_each(|seat| self.dismiss(seat, CloseCode::Auth));
        let watches = |member: &Member| member.seat.is_none() && member.player == Some(player);
        let spectators: Vec<_> = self.members.iter().filter(|(_, member)| watches(member)).map(|(id, _)| id).collect();
        for member in spectators {
            self.drop_dispute(member);
            self.members.remove(member);
            self.dismissed.push((member, CloseCode::Auth));
        }
    }

    /// Frees the seat of a person; the connection is to be closed with this code.
    pub(super) fn dismiss(&mut self, seat: Seat, code: CloseCode) {
        if let Some(member) = self.roster.member_of(seat) {
            self.dismissed.push((member, code));
            self.drop_dispute(member);
            self.members.remove(member);
        }
        self.free(seat, Leave::Removed);
    }

    /// Why a connection's member is in the room no more. What it had sent before its end may still come to be read.
    pub(super) fn why_gone(&self, member: MemberId) -> CloseCode {
        let dismissed = self.dismissed.iter().find(|(dismissed, _)| *dismissed == member);
        dismissed.map_or(CloseCode::Superseded, |(_, code)| *code)
    }

    /// A connection that is to be closed because the room has dismissed its member, and the code.
    pub fn poll_dismissed(&mut self) -> Option<(MemberId, CloseCode)> {
        self.dismissed.pop()
    }
}

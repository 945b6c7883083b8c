//! The room of a hello: by its code, under the limits on guessing and on coming back.

use super::Net;
use super::doorkeeper::Shut;
use super::hello::Caller;
use crate::lobby::{Code, Door, Place, RoomId};
use tickwire::Seat;
use tickwire::message::close::CloseCode;
use tickwire::message::control::Hello;

/// A room that a client may try to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomFound {
    pub(super) place: Place,
    /// The index of its game.
    pub(super) game: usize,
    /// Given when only a client that has a seat in the room may enter: the code for all others. Its address has used up
    /// a limit, or it has not brought the secret of the room, and a resume token shows that it may enter all the same.
    /// Only the room knows its tokens.
    pub(super) only_by_token: Option<CloseCode>,
    /// The seat that is kept for the player, in a match.
    pub(super) seat: Option<Seat>,
}

impl Shut {
    const fn close_code(self) -> CloseCode {
        match self {
            Self::Wrong => CloseCode::NoRoom,
            Self::Guesses(_) => CloseCode::Rate,
            Self::Busy => CloseCode::Overloaded,
        }
    }
}

impl Net {
    /// Finds the room that a hello asks for. A room that does not exist, a room of another game and a private room whose
    /// secret the hello does not have all have the same answer.
    ///
    /// # Errors
    /// The code with which the connection is to be closed.
    pub(super) async fn find_room(&self, caller: &Caller, hello: &Hello) -> Result<RoomFound, CloseCode> {
        self.take_in_reports();
        let address = caller.address;
        let set_aside = self.set_aside_door(hello);
        let door = self.room_of(hello).map(|(.., door)| door).or(set_aside);
        let seat = self.seat_in_match(hello, door);
        let opened = match seat {
            Some(_) => Ok(()),
            None => self.open_door(door, hello.secret.as_ref(), &self.guess_quota, address).await,
        };
        // The room may have ended meanwhile.
        let found = self.room_of(hello).map(|(game, place, _)| (game, place));
        match (opened.map_err(Shut::close_code), hello.resume, found) {
            // The room has gone while its door was looked at, and is at another node now.
            (_, _, None) if door.is_some() && self.is_elsewhere(hello) => Err(CloseCode::Moved),
            (Err(code), None, _) => Err(code),
            // A token is shown to a shard even if there is no room: the answer has to come from there either way.
            (Err(code), Some(_), None) => self.nowhere(hello, code).ok_or(code),
            (Ok(()), _, None) if set_aside.is_some() => Err(CloseCode::RoomFailed),
            (Ok(()), _, None) => Err(CloseCode::NoRoom),
            (opened, _, Some(found)) => {
                self.come_in(caller, hello, found, opened.err()).map(|found| RoomFound { seat, ..found })
            }
        }
    }

    /// The seat that the player of a hello has in the match of a room. Who the player is takes time to find out, so it is
    /// asked for every room that is not open to everybody, whether there is one or not.
    fn seat_in_match(&self, hello: &Hello, door: Option<Door>) -> Option<Seat> {
        if door.is_some_and(|door| door.is_open()) {
            return None;
        }
        let player = self.setup.gate.player_of(hello)?;
        self.directory.borrow().find(Code::parse(&hello.code)?)?.seat_in_match(player)
    }

    /// The room that was found, for a client within its limits.
    fn come_in(
        &self,
        caller: &Caller,
        hello: &Hello,
        (game, place): (usize, Place),
        shut: Option<CloseCode>,
    ) -> Result<RoomFound, CloseCode> {
        let (address, now_us) = (caller.address, self.setup.clock.now_us());
        let diverged = self.diverged.borrow();
        let join = self.join_quota.borrow_mut().take(address.map(|key| (place.room, key)), now_us);
        let is_limited = join.is_err()
            || caller.is_out_of_guesses
            || self.guess_quota.borrow().wait_seconds(address, now_us).is_some()
            || diverged.must_wait(place.room, address, now_us);
        let only_by_token = shut.or_else(|| is_limited.then_some(CloseCode::Rate));
        let may_pass = hello.resume.is_some_and(|token| !diverged.must_wait_with(place.room, address, token, now_us));
        match only_by_token {
            Some(_) if !may_pass => Err(CloseCode::Rate),
            only_by_token => Ok(RoomFound { place, game, only_by_token, seat: None }),
        }
    }

    /// The door of a room that was set aside at the start: whoever might enter the room learns that it has failed.
    fn set_aside_door(&self, hello: &Hello) -> Option<Door> {
        let directory = self.directory.borrow();
        let wanted = directory.find_set_aside(Code::parse(&hello.code)?, self.setup.clock.now_us())?;
        (self.setup.games[wanted.game].rules.name == hello.game).then_some(wanted.door)
    }

    /// The place of a room that does not exist, on a shard that will say so.
    fn nowhere(&self, hello: &Hello, code: CloseCode) -> Option<RoomFound> {
        let (game, _) = self.game(&hello.game)?;
        let sum = hello.code.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let shard = sum.checked_rem(self.setup.shards.len())?;
        Some(RoomFound { place: Place { room: RoomId::NOWHERE, shard }, game, only_by_token: Some(code), seat: None })
    }

    fn is_elsewhere(&self, hello: &Hello) -> bool {
        Code::parse(&hello.code).is_some_and(|code| self.known_elsewhere(code).is_some())
    }

    fn room_of(&self, hello: &Hello) -> Option<(usize, Place, Door)> {
        let directory = self.directory.borrow();
        let entry = directory.find(Code::parse(&hello.code)?)?;
        let game = entry.wanted.game;
        (self.setup.games[game].rules.name == hello.game).then_some((game, entry.place, entry.wanted.door))
    }
}

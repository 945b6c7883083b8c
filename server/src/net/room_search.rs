//! The room of a hello: by its code, under the limits on guessing and on coming back.

use super::Net;
use crate::lobby::{Code, Place};
use crate::websocket::address::AddressKey;
use tickwire::message::close::CloseCode;
use tickwire::message::control::Hello;

/// A room that a client may try to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoomFound {
    pub(super) place: Place,
    /// The index of its game.
    pub(super) game: usize,
    /// Whether only a client that has a seat in the room may enter: its address has used up a limit, and a resume token
    /// shows that the client is none of those that have used it up. Only the room knows its tokens.
    pub(super) only_by_token: bool,
}

impl Net {
    /// Finds the room that a hello asks for. A room that does not exist and a room of another game have the same answer.
    ///
    /// # Errors
    /// The code with which the connection is to be closed.
    pub(super) fn find_room(&self, address: Option<AddressKey>, hello: &Hello) -> Result<RoomFound, CloseCode> {
        self.take_in_reports();
        let now_us = self.setup.clock.now_us();
        let mut guesses = self.guess_quota.borrow_mut();
        let Some((game, place)) = self.place_of(hello) else {
            return Err(guesses.take(address, now_us).map_or(CloseCode::Rate, |()| CloseCode::NoRoom));
        };
        let diverged = self.diverged.borrow();
        let join = self.join_quota.borrow_mut().take(address.map(|key| (place.room, key)), now_us);
        let only_by_token = join.is_err()
            || guesses.wait_seconds(address, now_us).is_some()
            || diverged.must_wait(place.room, address, now_us);
        let may_pass = hello.resume.is_some_and(|token| !diverged.must_wait_with(place.room, address, token, now_us));
        if only_by_token && !may_pass { Err(CloseCode::Rate) } else { Ok(RoomFound { place, game, only_by_token }) }
    }

    fn place_of(&self, hello: &Hello) -> Option<(usize, Place)> {
        let directory = self.directory.borrow();
        let entry = directory.find(Code::parse(&hello.code)?)?;
        let game = entry.wanted.game;
        (self.setup.games[game].rules.name == hello.game).then_some((game, entry.place))
    }
}

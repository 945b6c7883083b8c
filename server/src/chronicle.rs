//! The events that a room tells the studio: its opening, the players who come and go, the results of its matches, its
//! end.
//!
//! The chronicle of a room exists before the room, and outlives it: so a room that could not be made has its end told
//! too. Without endpoints there is none, and a tick has nothing to do for it.
//!
//! With a journal the events of a tick are written together with it, and the end of a room together with its last entry.

use crate::clock::unix_ms;
use crate::journal::JournalWriter;
use crate::room::RosterChange;
use crate::webhooks::event::{Participant, Reason, RoomEvent};
use crate::webhooks::feed::RoomFeed;
use std::collections::{BTreeMap, VecDeque};
use tickwire::{Leave, MatchResult, Seat};

/// The reasons for which a room ends.
pub(crate) mod end {
    use super::Reason;

    /// It could not be made.
    pub(crate) const NOT_MADE: Reason = Reason::new("not_made");
    /// Nobody was there.
    pub(crate) const EMPTY: Reason = Reason::new("empty");
    /// The game has panicked.
    pub(crate) const FAILED: Reason = Reason::new("failed");
    /// An operator has closed it.
    pub(crate) const CLOSED: Reason = Reason::new("closed");
    /// The server stops.
    pub(crate) const STOPPED: Reason = Reason::new("stopped");
}

/// The chronicle of a room.
#[derive(Debug)]
pub(crate) struct Chronicle {
    feed: RoomFeed,
    /// Players that the game is told of with the next tick, in this order.
    arriving: VecDeque<(Seat, Participant)>,
    people: BTreeMap<Seat, Participant>,
    /// The reason that is told when the room ends; `None` for a room that outlives the process.
    end: Option<Reason>,
}

impl Chronicle {
    /// The chronicle of a room that is about to be made.
    pub(crate) fn open(mut feed: RoomFeed) -> Self {
        feed.tell(RoomEvent::RoomOpened, unix_ms());
        Self { feed, arriving: VecDeque::new(), people: BTreeMap::new(), end: Some(end::NOT_MADE) }
    }

    /// Sets the reason that is told when the room ends from here on.
    pub(crate) const fn ends_with(&mut self, end: Reason) {
        self.end = Some(end);
    }

    /// The room goes on in a later process, and nothing is told.
    pub(crate) fn survive(mut self) {
        self.end = None;
    }

    /// The chronicle of a room that an earlier process has kept, and the players who were in it. Until the room is made
    /// again, its end is not told.
    pub(crate) fn go_on(mut feed: RoomFeed) -> Self {
        let seated = |player: Participant| Some((Seat::new(player.seat().try_into().ok()?)?, player));
        let people = feed.go_on().into_iter().filter_map(seated).collect();
        Self { feed, arriving: VecDeque::new(), people, end: None }
    }

    /// Adds what was told to the next write of the journal.
    pub(crate) fn write(&mut self, journal: &mut JournalWriter) {
        self.feed.write(journal);
    }

    /// Tells the end of the room, with the next write of the journal.
    pub(crate) fn end_in(mut self, journal: &mut JournalWriter) {
        self.tell_end();
        self.feed.write(journal);
    }

    fn tell_end(&mut self) {
        if let Some(reason) = self.end.take() {
            self.feed.tell(RoomEvent::RoomClosed { reason }, unix_ms());
        }
    }

    /// Notes a player who has taken a seat.
    pub(crate) fn arrives(&mut self, seat: Seat, id: &str, name: &str) {
        match Participant::new(id, name, seat.number().into()) {
            Ok(player) => self.arriving.push_back((seat, player)),
            Err(error) => tracing::error!(%error, "a player is missing from the webhooks"),
        }
    }

    /// Tells what has happened in a tick. Players that the game was not told of by now never came, unless they are among
    /// the changes that wait for the next tick.
    pub(crate) fn tick(&mut self, roster: &[RosterChange], results: &[MatchResult], waiting: &[RosterChange]) {
        for change in roster {
            match *change {
                RosterChange::Joined(seat) => self.joined(seat),
                RosterChange::Left(seat, why) => self.left(seat, why),
            }
        }
        self.arriving.retain(|(seat, _)| waiting.contains(&RosterChange::Joined(*seat)));
        for result in results {
            self.feed.tell(RoomEvent::MatchEnded { result: result.clone() }, unix_ms());
        }
    }

    /// A bot arrives without a word, and so does its seat here.
    fn joined(&mut self, seat: Seat) {
        if let Some((_, player)) = self.arriving.pop_front_if(|(arriving, _)| *arriving == seat) {
            // Somebody is still known there only if ticks of an earlier process are lost.
            self.left(seat, Leave::Lost);
            self.feed.tell(RoomEvent::PlayerJoined { player: player.clone() }, unix_ms());
            self.people.insert(seat, player);
        }
    }

    /// Tells that somebody has left, if that is not known already.
    pub(crate) fn left(&mut self, seat: Seat, why: Leave) {
        let reason = match why {
            Leave::Quit => const { Reason::new("left") },
            Leave::Lost => const { Reason::new("lost") },
            Leave::Removed => const { Reason::new("removed") },
        };
        if let Some(player) = self.people.remove(&seat) {
            self.feed.tell(RoomEvent::PlayerLeft { player, reason }, unix_ms());
        }
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        self.tell_end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::event::RoomSerial;
    use crate::webhooks::feed::Webhooks;

    #[test]
    fn players_who_are_put_off_arrive_later_and_those_whom_the_game_cannot_let_go_have_left() {
        let (webhooks, mut inbox) = Webhooks::to_test();
        let mut chronicle = Chronicle::open(webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap());
        let mut told = || {
            let events = std::iter::from_fn(|| inbox.try_recv().ok());
            events.map(|told| told.event.event.name()).collect::<Vec<_>>()
        };
        let [first, second] = [0, 1].map(|number| Seat::new(number).unwrap());
        chronicle.arrives(first, "ada", "Ada");
        chronicle.arrives(second, "bob", "Bob");
        // The game does not let the first one in, and learns of the second one later.
        chronicle.tick(&[], &[], &[RosterChange::Joined(second)]);
        assert_eq!(told(), ["room.opened"]);
        chronicle.tick(&[RosterChange::Joined(second)], &[], &[]);
        assert_eq!(told(), ["player.joined"]);
        chronicle.left(second, Leave::Quit);
        chronicle.left(second, Leave::Quit);
        chronicle.tick(&[RosterChange::Left(second, Leave::Quit)], &[], &[]);
        assert_eq!(told(), ["player.left"], "once");
    }
}

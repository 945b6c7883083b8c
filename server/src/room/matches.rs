//! Matches that the owner of a room starts: the world begins anew, with options of the owner's choice.
//!
//! Until then people play what the room began with: they come together, try the controls, and nobody waits before an
//! empty screen. A start makes the world from its options and seats everybody who is there; the next thing that a member
//! is sent is a keyframe, because nothing that it holds is of use any more.

use super::Room;
use super::members::MemberId;
use super::outgoing::Outgoing;
use crate::limits::MATCH_STARTS_SECONDS;
use tickwire::message::control::ServerControl;
use tickwire::world::roster::RosterChange;
use tickwire::world::simulation::Restart;
use tickwire::{Game, Seat, Tick};

/// The words for an owner who starts one match after the other.
const TOO_SOON: &str = "the last match has just begun";

impl<G: Game> Room<G> {
    /// Has a match begin with the next tick, if the options are some of the game; the member is told if they are not.
    pub(super) fn order_match(&mut self, by: MemberId, options: &str) {
        let pause = i64::from(MATCH_STARTS_SECONDS * G::RULES.tick_rate_hz);
        let is_soon = self.restarted.is_some_and(|last| self.tick.since(last) < pause);
        let wanted = if is_soon { Err(TOO_SOON.to_owned()) } else { read_options::<G>(options) };
        match wanted {
            Ok(options) => (self.restart, self.restarted_by) = (Some(options), Some(by)),
            Err(fault) => self.members[by].answer(ServerControl::NotStarted { fault }.encode()),
        }
    }

    /// The match that was ordered, if one was. The comings and goings of this tick are in the record already.
    pub(super) fn next_match(&mut self) -> Option<Restart<G>> {
        self.restart.take().map(|options| Restart { options, seats: self.seats_before_changes() })
    }

    /// A match has begun with the tick that was made: from now on members are sent its world.
    pub(super) fn begin_anew(&mut self, fresh: Outgoing<G>) {
        self.outgoing = fresh;
        self.disputes.start_over();
        self.restarted = Some(self.tick);
        self.ownership.count_match();
        self.roster.unsettled.forget();
        let before = Tick(self.tick.0 - 1);
        for member in self.members.values_mut() {
            member.begin_anew(before);
        }
    }

    /// The seats that were taken before the changes of this tick.
    fn seats_before_changes(&self) -> Vec<Seat> {
        let mut seats: Vec<Seat> = self.roster.taken().collect();
        for change in self.record.roster.iter().rev() {
            match change {
                RosterChange::Joined(seat) => seats.retain(|taken| taken != seat),
                RosterChange::Left(seat, _) => seats.push(*seat),
            }
        }
        seats.sort_unstable();
        seats
    }
}

/// The options in a text, if the game takes them.
fn read_options<G: Game>(text: &str) -> Result<G::Options, String> {
    let options = if text.is_empty() { Ok(G::Options::default()) } else { serde_json::from_str(text) };
    let options: G::Options = options.map_err(|error| error.to_string())?;
    G::check(&options).map_err(|error| error.to_string())?;
    Ok(options)
}

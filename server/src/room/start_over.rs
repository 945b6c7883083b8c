//! The steps of a room after a panic outside of a tick, in the encoding or the receiving of a message: its world is
//! whole, so all that was made from it for members is made anew.

use super::Room;
use super::lockstep::neutral;
use super::outgoing::Outgoing;
use tickwire::rng::Purpose;
use tickwire::{Game, Seat};

impl<G: Game> Room<G> {
    /// Forgets everything that members were sent: each of them starts over from a keyframe, and is told again who is in
    /// which seat. False when the panic has left a tick half made in the room's own code: nothing can be said of such a
    /// room, and it is to be ended.
    pub fn start_over(&mut self) -> bool {
        self.call = None;
        if self.has_failed || self.simulation.tick() != self.tick {
            return false;
        }
        let stagger = self.secret.rng(Purpose::Stagger, 0, 0).next_u32();
        self.outgoing = Outgoing::new(&self.schemas, &mut self.simulation, stagger, neutral(self.playing.iter()));
        self.outgoing.show_newest(&self.record);
        self.disputes.start_over();
        for member in self.members.values_mut() {
            member.start_over(self.tick);
            Seat::first(G::RULES.seats).for_each(|seat| member.changed_seats.insert(seat));
        }
        true
    }
}

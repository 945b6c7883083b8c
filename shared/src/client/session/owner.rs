//! The owner of the room: its seat, and its orders.

use super::Session;
use crate::client::notice::Notice;
use crate::game::Game;
use crate::id::Seat;
use crate::limits::OPTIONS_BYTES_MAX;
use crate::message::control::ClientControl;

impl<G: Game> Session<G> {
    /// The seat of the room's owner; `None` without one, as in a quick match.
    #[must_use]
    pub const fn owner(&self) -> Option<Seat> {
        self.owner
    }

    /// Whether the owner has locked the room: newcomers are refused.
    #[must_use]
    pub const fn locked(&self) -> bool {
        self.locked
    }

    /// The room has said who owns it, whether it is locked, and how many matches were started in it.
    pub(super) fn hear_of_room(&mut self, owner: Option<Seat>, locked: bool, matches: u16) {
        (self.owner, self.locked) = (owner, locked);
        self.notices.push_back(Notice::Room { owner, locked });
        if self.matches.replace(matches).is_some_and(|before| before != matches) {
            self.notices.push_back(Notice::Started);
        }
    }

    /// Lets nobody else into the room from now on, or everybody again. The room obeys this, and the orders below, when
    /// they come from its owner.
    pub fn lock(&mut self, locked: bool) {
        self.order(&ClientControl::Lock(locked));
    }

    /// Removes the player in this seat; the player may not come back for a minute.
    pub fn kick(&mut self, seat: Seat) {
        self.order(&ClientControl::Kick(seat));
    }

    /// Removes the player in this seat; the player may not come back while the room lasts.
    pub fn ban(&mut self, seat: Seat) {
        self.order(&ClientControl::Ban(seat));
    }

    /// Makes the player in this seat the owner of the room.
    pub fn hand_over(&mut self, seat: Seat) {
        self.order(&ClientControl::HandOver(seat));
    }

    /// Starts a match anew with these options: JSON of the game's options, empty for the default ones. A longer text than
    /// a room takes is cut, and no options any more.
    pub fn start_match(&mut self, options: &str) {
        let options = &options[..options.floor_char_boundary(OPTIONS_BYTES_MAX)];
        self.order(&ClientControl::Start(options.into()));
    }

    /// Sends one of the orders above. An order that is given while the connection is lost is not sent: the room may be
    /// somebody else's by then.
    pub fn order(&mut self, order: &ClientControl) {
        if self.dial.is_open() {
            self.outbox.push_back(order.encode());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Leave, Rules, Step};
    use crate::message::control::{ServerControl, Welcome};
    use crate::tick::Tick;

    #[derive(crate::State, Clone, Default)]
    struct Duel {
        score: u8,
    }

    impl Game for Duel {
        type Input = ();
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("duel", 10);

        fn new((): &()) -> Self {
            Self::default()
        }
        fn join(&mut self, _: Seat) {}
        fn leave(&mut self, _: Seat, _: Leave) {}
        fn step(&mut self, _: &mut Step<'_, Self>) {}
    }

    #[test]
    fn a_session_knows_the_owner_and_sends_no_order_over_a_connection_that_is_lost() {
        let mut session = Session::<Duel>::new("C4FK9T", "Ada", None, 1);
        let seat = Seat::new(1);
        assert!(session.poll_dial(0));
        session.handle_opened(0);
        let (tick, resume, players) = (Tick(1), [1; 16], alloc::vec::Vec::new());
        let welcome = Welcome { seat, tick, resume, resumed: false, newest_input: None, players, build: 0 };
        session.handle_frame(&welcome.encode(), 0).unwrap();
        assert_eq!((session.owner(), session.locked()), (None, false));
        session.handle_frame(&ServerControl::Room { owner: seat, locked: true, matches: 0 }.encode(), 0).unwrap();
        assert_eq!((session.owner(), session.locked()), (seat, true));
        let notices: alloc::vec::Vec<_> = core::iter::from_fn(|| session.poll_notice()).collect();
        assert_eq!(notices[1..], [Notice::Room { owner: seat, locked: true }]);
        let mut sent = |order: fn(&mut Session<Duel>)| {
            while session.poll_transmit().is_some() {}
            order(&mut session);
            session.poll_transmit().map(|bytes| ClientControl::decode(&bytes).unwrap())
        };
        assert_eq!(sent(|session| session.lock(true)), Some(ClientControl::Lock(true)));
        assert_eq!(sent(|session| session.kick(Seat::default())), Some(ClientControl::Kick(Seat::default())));
        assert_eq!(sent(|session| session.ban(Seat::default())), Some(ClientControl::Ban(Seat::default())));
        assert_eq!(sent(|session| session.hand_over(Seat::default())), Some(ClientControl::HandOver(Seat::default())));
        assert_eq!(sent(|session| session.handle_closed(1012, 1)), None);
        assert_eq!(sent(|session| session.kick(Seat::default())), None);
    }
}

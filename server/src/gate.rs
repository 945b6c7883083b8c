//! The gate: it decides who may come in. With `auth = "open"` everybody may, under any name; with `auth = "ticket"`
//! players whom the studio's backend vouches for.
//!
//! The net thread asks it for players of rooms and for requests, the thread of topics for connections without a room.
//! No tick touches it. A ticket that was refused is not used up.

use crate::clock::unix_s;
use crate::config::Auth;
use crate::identity::{
    CLOCK_LEEWAY_S, KeyRing, KeyRingFileError, Revocations, Ticket, TicketError, TicketId, TicketRole, UsedTickets,
    read_ticket,
};
use crate::kept::{Change, KeptLog, KeptRevocation, NotKept};
use crate::lobby::Code;
use crate::player_key::known_or_random;
use crate::room::{Admitted, Entrant, Origin};
use crate::secret_file::{Stamp, stamp};
use crate::topics::{identity_id, player_id};
use parking_lot::Mutex;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, SecretText};
use tickwire::message::topics::{PlayerId, PlayerKey};

/// Seconds that a player may stay with one ticket, over all connections: a backend that has changed its mind about
/// somebody is asked again within this time.
pub(crate) const SESSION_S_MAX: u32 = 12 * 3_600;

/// The settings name no gate that can be.
#[derive(Debug, Error)]
pub enum GateError {
    /// Tickets are needed, and there are no keys.
    #[error(
        "tickets cannot be checked without keys; name the file of their public keys with --ticket-keys (the subcommand \
         `mint --new-key FILE` makes a pair of keys)"
    )]
    NoKeys,
    /// There are keys for tickets that nobody needs.
    #[error("there are keys of tickets that nobody needs; say --auth ticket, or leave --ticket-keys out")]
    NoTickets,
    /// The file with the keys cannot be used.
    #[error("the keys of tickets cannot be used")]
    Keys(#[from] KeyRingFileError),
}

/// An identity whose tickets are refused from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoked {
    pub(crate) player: PlayerId,
    /// Whether a later process knows of it, where anything is kept.
    pub(crate) kept: Result<(), NotKept>,
}

/// The rule that decides who may come in.
pub(crate) enum Gate {
    /// Everybody, under any name.
    Open,
    /// People with tickets.
    Tickets(Box<TicketGate>),
}

/// The keys of tickets, and the tickets that are good no more.
pub(crate) struct TicketGate {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    ring: KeyRing,
    /// The length and the time of the file when it was last looked at.
    seen: Option<Stamp>,
    used: UsedTickets,
    revoked: Revocations,
    /// Where used tickets and revocations outlive the process.
    kept: Option<Arc<KeptLog>>,
}

/// A player who may try to enter a room.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) entrant: Entrant,
    /// The identity in the ticket.
    pub(crate) identity: Option<Box<str>>,
    /// Whether only the token of a seat lets the player in: it has brought no ticket.
    pub(crate) only_by_token: bool,
}

/// Somebody without a room.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) player: PlayerId,
    /// The name in the ticket.
    pub(crate) name: Option<String>,
    /// Whether the same player may come again.
    pub(crate) may_return: bool,
    /// Whether nobody vouches for it, where somebody has to.
    pub(crate) is_guest: bool,
    /// The rating in the ticket.
    pub(crate) rating: Option<u16>,
}

impl Gate {
    /// The gate of these settings.
    ///
    /// # Errors
    /// When keys are missing, are not needed, or cannot be used.
    pub(crate) fn new(auth: Auth, keys: Option<&Path>) -> Result<Self, GateError> {
        match (auth, keys) {
            (Auth::Open, None) => Ok(Self::Open),
            (Auth::Open, Some(_)) => Err(GateError::NoTickets),
            (Auth::Ticket, None) => Err(GateError::NoKeys),
            (Auth::Ticket, Some(path)) => {
                let state = State {
                    seen: stamp(path),
                    ring: KeyRing::read(path)?,
                    used: UsedTickets::new(),
                    revoked: Revocations::new(),
                    kept: None,
                };
                Ok(Self::Tickets(Box::new(TicketGate { path: path.to_owned(), state: Mutex::new(state) })))
            }
        }
    }

    /// Goes on from the tickets and revocations of an earlier process, and keeps those to come.
    pub(crate) fn keep_in(&self, log: &Arc<KeptLog>) {
        let Self::Tickets(tickets) = self else { return };
        let mut state = tickets.state.lock();
        log.read(|kept| {
            for (ticket, forget_at_s) in &kept.tickets {
                state.used.restore(TicketId::from_bytes(*ticket), *forget_at_s);
            }
            for (identity, KeptRevocation { revoked_at_s, forget_at_s }) in &kept.revocations {
                state.revoked.restore(*identity, *revoked_at_s, *forget_at_s);
            }
        });
        state.kept = Some(Arc::clone(log));
    }

    /// Whether players need tickets.
    pub(crate) const fn needs_tickets(&self) -> bool {
        matches!(self, Self::Tickets(_))
    }

    /// Judges the hello of a player at a room of so many ticks a second, and writes into the hello what the ticket says
    /// instead: the name, and that it only watches.
    ///
    /// # Errors
    /// The code with which the connection is to be closed.
    pub(crate) fn pass(&self, hello: &mut Hello, origin: Origin, tick_rate_hz: u32) -> Result<Pass, CloseCode> {
        let Self::Tickets(tickets) = self else {
            let entrant = Entrant { origin, player: hello.player.map(player_id), ..Entrant::default() };
            return Ok(Pass { entrant, identity: None, only_by_token: false });
        };
        let Some(token) = hello.ticket.take() else {
            // The room knows the player by the token of its seat.
            return match hello.resume {
                Some(_) => Ok(Pass { entrant: origin.into(), identity: None, only_by_token: true }),
                None => Err(CloseCode::Auth),
            };
        };
        let ticket = tickets.use_up(&token.0, Code::parse(&hello.code))?;
        if let Some(name) = ticket.name() {
            name.clone_into(&mut hello.name);
        }
        hello.watches |= ticket.role() == TicketRole::Spectator;
        let stay_ticks = SESSION_S_MAX.saturating_mul(tick_rate_hz);
        let admitted = Some(Admitted { stay_ticks, is_host: ticket.role() == TicketRole::Host });
        let entrant = Entrant { origin, player: Some(identity_id(ticket.identity())), admitted, seat: None };
        Ok(Pass { entrant, identity: Some(ticket.identity().into()), only_by_token: false })
    }

    /// The player behind a hello, if it shows who that is. A ticket is not used up by this.
    pub(crate) fn player_of(&self, hello: &Hello) -> Option<PlayerId> {
        match self {
            Self::Open => hello.player.map(player_id),
            Self::Tickets(tickets) => tickets.identity_of(&hello.ticket.as_ref()?.0),
        }
    }

    /// Judges somebody without a room that hears topics. Without a ticket it may listen where tickets are needed.
    ///
    /// # Errors
    /// The code with which the connection is to be closed.
    pub(crate) fn visit(&self, key: Option<PlayerKey>, ticket: Option<&SecretText>) -> Result<Visit, CloseCode> {
        let anybody = |is_guest, key| Visit {
            player: player_id(known_or_random(key)),
            name: None,
            may_return: key.is_some(),
            is_guest,
            rating: None,
        };
        match (self, ticket) {
            (Self::Open, _) => Ok(anybody(false, key)),
            (Self::Tickets(_), None) => Ok(anybody(true, None)),
            (Self::Tickets(tickets), Some(token)) => {
                let ticket = tickets.use_up(&token.0, None)?;
                let (player, name) = (identity_id(ticket.identity()), ticket.name().map(str::to_owned));
                Ok(Visit { player, name, may_return: true, is_guest: false, rating: ticket.rating() })
            }
        }
    }

    /// Whether a request shows a ticket that is good now; it is not used up. Everybody is good where no tickets are
    /// needed.
    pub(crate) fn knows(&self, ticket: Option<&str>) -> bool {
        match self {
            Self::Open => true,
            Self::Tickets(tickets) => ticket.is_some_and(|token| tickets.is_good(token)),
        }
    }

    /// Reads the keys again if their file has changed, or in any case. Keys that cannot be used change nothing.
    pub(crate) fn reload(&self, in_any_case: bool) {
        if let Self::Tickets(tickets) = self {
            tickets.reload(in_any_case);
        }
    }

    /// Refuses all tickets of an identity that were issued before now; `None` when there is no place for that.
    pub(crate) fn revoke(&self, identity: &str) -> Option<Revoked> {
        let Self::Tickets(tickets) = self else { return None };
        let now_s = unix_s();
        // The clock of the backend may be ahead: a ticket of this moment must not look newer than the order.
        let mut state = tickets.state.lock();
        if let Err(error) = state.revoked.revoke(identity, now_s + CLOCK_LEEWAY_S, now_s) {
            tracing::error!(%error, "tickets could not be revoked");
            return None;
        }
        let mut kept = Ok(());
        if let (Some(log), Some((identity, revoked_at_s, forget_at_s))) = (&state.kept, state.revoked.of(identity)) {
            let revocation = KeptRevocation { revoked_at_s, forget_at_s };
            kept = log.keep([Change::Revoked { identity, revocation }]);
        }
        Some(Revoked { player: identity_id(identity), kept })
    }
}

impl fmt::Debug for Gate {
    /// Without keys and tickets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.needs_tickets() { "Gate(tickets)" } else { "Gate(open)" })
    }
}

impl TicketGate {
    /// The ticket of a token, which is used up by this. `room` is the one that its bearer wants to enter.
    fn use_up(&self, token: &str, room: Option<Code>) -> Result<Ticket, CloseCode> {
        let (now_s, mut state) = (unix_s(), self.state.lock());
        let refused = |error: TicketError| {
            tracing::debug!(%error, "a ticket was refused");
            match error {
                TicketError::Used => CloseCode::TicketReplayed,
                TicketError::Busy => CloseCode::Overloaded,
                _ => CloseCode::Auth,
            }
        };
        let ticket = read_ticket(token, &state.ring, now_s).map_err(refused)?;
        let is_elsewhere = ticket.room().is_some_and(|only| room.is_none() || Code::parse(only) != room);
        if is_elsewhere || state.revoked.refuses(ticket.identity(), ticket.issued_at_s()) {
            return Err(CloseCode::Auth);
        }
        ticket.use_up(&mut state.used, now_s).map_err(refused)?;
        if let Some(log) = &state.kept {
            // Before anybody is let in by it: a player that has seen a welcome has used up the ticket for good.
            let (ticket, forget_at_s) = (ticket.id().to_bytes(), ticket.forget_at_s());
            // A disk that takes nothing keeps nobody out: the journal tells of it, and the ticket is used up for now.
            if let Err(error) = log.keep([Change::Used { ticket, forget_at_s }]) {
                tracing::debug!(%error, "the use of a ticket is not kept yet");
            }
        }
        Ok(ticket)
    }

    fn is_good(&self, token: &str) -> bool {
        self.identity_of(token).is_some()
    }

    /// The player of a ticket that is good now.
    fn identity_of(&self, token: &str) -> Option<PlayerId> {
        let (now_s, state) = (unix_s(), self.state.lock());
        let ticket = read_ticket(token, &state.ring, now_s).ok()?;
        let is_good = !state.used.has(ticket.id()) && !state.revoked.refuses(ticket.identity(), ticket.issued_at_s());
        is_good.then(|| identity_id(ticket.identity()))
    }

    fn reload(&self, in_any_case: bool) {
        let found = stamp(&self.path);
        let mut state = self.state.lock();
        state.revoked.advance(unix_s());
        if state.seen == found && !in_any_case {
            return;
        }
        state.seen = found;
        match KeyRing::read(&self.path) {
            Ok(ring) => {
                let keys: Vec<&str> = ring.ids().collect();
                tracing::info!(?keys, "the keys of tickets were read again");
                state.ring = ring;
            }
            Err(error) => tracing::error!(%error, "the keys of tickets stay as they were"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::new_key;
    use crate::kept::tests::{Process, Temporary};
    use std::fs;

    #[test]
    fn a_revocation_that_no_disk_takes_counts_and_is_not_called_done() {
        let data = Temporary::new("revoked");
        let log = Process::without_disk(&data.0);
        let keys = data.0.join("keys");
        fs::write(&keys, new_key("login-1").unwrap().public_line).unwrap();
        let gate = Gate::new(Auth::Ticket, Some(&keys)).unwrap();
        assert!(gate.revoke("ada").is_some_and(|revoked| revoked.kept.is_ok()), "without a log nothing is promised");
        gate.keep_in(&log);
        assert!(gate.revoke("eve").is_some_and(|revoked| revoked.kept.is_err()));
        let Gate::Tickets(tickets) = &gate else { unreachable!() };
        assert!(tickets.state.lock().revoked.refuses("eve", unix_s()));
    }
}

//! Identity: which player a client is, as the studio's backend vouches for it.
//!
//! A backend mints a ticket for a player, the client hands it to the server, and the server lets the player in once.
//!
//! ```text
//! token → read_ticket (KeyRing, the time) → Revocations::refuses → Ticket::use_up (UsedTickets) → the player is in
//! ```
//!
//! Nothing here has a clock, socket or thread. Files are read where the name says so: [`KeyRing::read`],
//! [`SecretKey::read`] and [`mint_command`]. What a session may do after it was let in is the lobby's and the room's
//! concern.

mod claims;
mod fingerprint;
mod key_ring;
mod mint;
pub mod mint_command;
mod revocations;
mod ticket;
mod timestamp;
mod used_tickets;

pub use claims::{IDENTITY_BYTES_MAX, TicketClaims, TicketRole};
pub use key_ring::{KEY_ID_LEN_MAX, KEY_RING_BYTES_MAX, KEYS_MAX, KeyRing, KeyRingError, KeyRingFileError};
pub use mint::{MintError, MintedKey, SecretKey, SecretKeyError, TICKET_LIFETIME_S_DEFAULT, mint, new_key};
pub use revocations::{REVOCATION_AGE_S, REVOCATIONS_MAX, RevocationError, Revocations};
pub use ticket::{CLOCK_LEEWAY_S, IMPLICIT_ASSERTION, TICKET_LIFETIME_S_MAX, Ticket, TicketError, read_ticket};
pub use used_tickets::{TicketId, USED_TICKETS_MAX, UseError, UsedTickets};

#[cfg(test)]
use ticket::check;

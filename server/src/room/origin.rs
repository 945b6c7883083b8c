//! The origin of a member: whom the room holds responsible for it, over all connections.

use bincode::{Decode, Encode};
use std::fmt;

/// Where the connection of a member comes from, as far as a room has to know: connections of one network address have
/// equal origins.
///
/// A limit that counted connections alone would begin anew with each of them. A room therefore counts made-up disputes
/// per origin. It names no address: the owner of the room chooses the number, and the room only compares it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Origin(Option<u64>);

impl Origin {
    /// The connection is exempt from limits per origin, such as one from the machine of the server itself.
    pub const EXEMPT: Self = Self(None);

    /// The origin with this number. Different origins must have different numbers.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        Self(Some(number))
    }

    /// The number of the origin; `None` when it is exempt from limits.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        self.0
    }
}

impl fmt::Debug for Origin {
    /// Without the number, which may be an address and must not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Origin(..)" } else { "Origin(exempt)" })
    }
}

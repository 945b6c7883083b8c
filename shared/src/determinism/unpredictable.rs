//! A field that a client shows as it predicts it, and can never predict.

use alloc::string::String;
use core::fmt;

/// The knowledge that a client lacks to predict a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The room's random numbers: with them, a client predicts the field.
    RandomNumbers,
    /// A hidden field: with the room's random numbers, a client is as wrong as without them.
    HiddenField,
    /// One or the other, at different times.
    Either,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RandomNumbers => "the room's random numbers, which only the server has",
            Self::HiddenField => "a hidden field (`only = server`, or `only = owner` of another player)",
            Self::Either => "what only the server knows (a hidden field, or the room's random numbers)",
        })
    }
}

/// A field that a client shows as it predicts it, although it depends on things that the client does not have.
///
/// It prints as a line for the author: the field, its share of wrong changes, the cause, and the ways out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpredictable {
    /// The field's path in the world, such as `ships.shown`; all axes of a vector are one field.
    pub field: String,
    /// How often the field of a row changed in a tick, on the server or in the prediction.
    pub changes: u32,
    /// The changes that the prediction had wrong, although it had the right world before the tick and all inputs.
    pub differs: u32,
    /// The cause.
    pub depends_on: Unknown,
}

impl fmt::Display for Unpredictable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, changes, differs, depends_on } = self;
        let percent = u64::from(*differs) * 100 / u64::from((*changes).max(1));
        write!(
            f,
            "{field}: differs in {percent} % of the ticks in which it changes: it depends on {depends_on}; compute it \
             from what its owner sees, keep it where no client predicts it (in a row without `owner` and `predict`), or \
             mark it `only = server`"
        )
    }
}

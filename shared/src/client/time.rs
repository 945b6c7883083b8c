//! Time of a session: which tick the inputs are for, and how long the way to the server is.

pub(crate) mod input_clock;
pub(crate) mod round_trip;

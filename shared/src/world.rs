//! The world of a room: as wire integers, over time, between ticks, and as somebody saw it.

pub mod bot_match;
pub mod diff;
pub mod full_state;
pub mod history;
pub mod interpolation;
pub(crate) mod merge;
pub mod rewind;
pub mod roster;
pub mod simulation;
pub mod snapshot;
pub mod stepper;

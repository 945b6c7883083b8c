//! The world of a room: as wire integers, over time, between two ticks, and as a player saw it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`snapshot`] | the world of one tick as wire integers, and the topics that say which part of it a client may see |
//! | [`full_state`] | a snapshot with the free slots and the random numbers, and its bytes |
//! | [`history`] | the recent worlds of a room |
//! | [`interpolation`] | the world at a moment between two snapshots |
//! | `merge` | a player's own rows over the rows of others |
//! | `hidden_rows` | the tables whose ids a room draws by its secret |
//! | [`rewind`] | lag compensation: the world as a player saw it |
//! | [`roster`], [`heard`], [`stepper`] | the causes of a tick, and the tick itself |
//! | [`simulation`] | a room's world with everything that its next tick depends on; checkpoints and replay |
//! | `undo` | a tick that is undone, because the code of the game has panicked in it |
//! | [`bot_match`] | a match between bots, without a network |
//! | [`diff`] | where two worlds differ: table, row, field, both values |
//!
//! **The world is what is on the wire.** After each step the world is rounded to its wire integers
//! ([`Snapshot::capture`](snapshot::Snapshot::capture)), so it keeps nothing that a message, a hash or a checkpoint
//! would lose.

pub mod bot_match;
pub mod diff;
pub mod full_state;
pub mod heard;
pub(crate) mod hidden_rows;
pub mod history;
pub mod interpolation;
pub(crate) mod merge;
pub mod rewind;
pub mod roster;
pub mod simulation;
pub mod snapshot;
pub mod stepper;
pub(crate) mod undo;

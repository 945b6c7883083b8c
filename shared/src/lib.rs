//! Tickwire keeps the state of a multiplayer game the same on every screen.
//!
//! This crate is what server, browser client, bots and tests share. It names no socket, clock, thread or
//! runtime: time is a tick or a number of microseconds handed in, output is data handed out.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`game`], [`stage`] | what a game author writes: [`Game`], and [`Stage`] to show it |
//! | [`state`], [`Table`] | state as wire integers, its schema, the codecs behind the derives |
//! | [`snapshot`], [`section`] | the world of one tick; deltas between two, encoded once for all who see them |
//! | [`history`], [`past`] | the recent worlds, and lag compensation: one of them as a player saw it |
//! | [`simulation`] | a room's world with all that its next tick depends on; checkpoints and replay |
//! | [`full_state`] | a world with its free slots and random numbers: what lockstep starts from |
//! | [`lockstep`] | what everyone did in a tick, for clients that play the whole game |
//! | [`input`], [`input_buffer`] | a player's inputs on the wire and in the room |
//! | [`message`], [`wire`] | messages, close codes, checked readers and writers |
//! | [`client`] | the client session: clock, prediction, reconciliation, interpolation, redialling |
//! | [`dispute`] | how two machines find out that they differ, and agree again |
//! | [`link`] | a model of a bad network, for tests, bots and the page |
//! | [`determinism`] | [`sync_test`](determinism::sync_test), which hunts for what makes two machines disagree |
//! | [`difference`] | where two worlds differ: table, row, field, both values |
#![no_std]

extern crate alloc;
// Derived code and doc tests say `::tickwire`, inside this crate too.
extern crate self as tickwire;

pub mod client;
pub mod desync;
pub mod determinism;
pub mod game;
pub mod hash;
pub mod id;
pub mod input;
pub mod limits;
pub mod link;
pub mod lockstep;
pub mod math;
pub mod message;
pub mod replication;
pub mod rng;
pub mod stage;
pub mod state;
pub mod table;
pub mod tick;
pub mod wire;
pub mod world;

pub use game::{Game, Leave, Mode, Rules, Step, To};
pub use id::{RowId, Seat};
pub use rng::Rng;
pub use stage::{Align, Burst, Color, Figure, Pad, Scene, Sparks, Stage, Tone, Wave};
pub use state::{Event, Input, State};
pub use table::Table;
pub use tick::Tick;

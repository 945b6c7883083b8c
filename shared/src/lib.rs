//! Tickwire keeps the state of a multiplayer game the same on every screen.
//!
//! This crate is the part that server, browser client, bots and tests share. It names no socket, clock, thread or
//! runtime: time is a tick or a number of microseconds handed in, output is data handed out.
//!
//! # The world is what is on the wire
//!
//! A game is written with floats, options and tables, but its world holds nothing that the wire cannot carry. After
//! each step the world is rounded to wire integers and read back from them, and the next step starts from the rounded
//! values. So a snapshot, a hash, a checkpoint and a client (in the fields that it may see) all have the same world,
//! bit for bit. A difference between two machines is a bug, never a rounding.
//!
//! # Modules
//!
//! The modules in the order of their layers: each imports earlier ones only. The table of directions in
//! `tests/it/architecture.rs` says which ones, and fails with the import that breaks it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`limits`] | every bound of the wire and of the client: name, unit, reason |
//! | [`math`] | float functions that give the same bits natively and in WASM |
//! | [`rng`] | the room's random numbers |
//! | [`tick`] | simulation time: ticks, and moments between them |
//! | [`wire`] | checked readers and writers of bytes and bits, and the range coder |
//! | [`id`] | the names of seats and rows |
//! | [`hash`] | the hash of wire integers, summed over rows |
//! | [`link`] | a model of a bad network, for tests, bots and the page |
//! | [`table`] | [`Table`]: rows by generational id |
//! | [`state`] | state as wire integers, its schema, the codecs behind the derives |
//! | [`game`] | [`Game`], the one trait that the author of a game must write; its rules and the context of a step |
//! | [`stage`] | [`Stage`], which shows a game and turns keys and fingers into its input |
//! | [`message`] | the messages of a connection: hello, welcome, control, evidence, heads; close codes |
//! | [`input`] | a player's inputs on the wire, and in the room until their tick comes |
//! | [`world`] | the world over time: snapshots, history, interpolation, lag compensation, simulation, replay |
//! | [`replication`] | deltas between two snapshots, in sections that are encoded once for all who see them |
//! | [`lockstep`] | the inputs of all players in each tick, for clients that play the whole game |
//! | [`recording`] | the causes of a match, and the state that it goes on from, as bytes that a server keeps |
//! | [`determinism`] | [`sync_test`](determinism::sync_test), which hunts for the causes of disagreeing machines |
//! | [`testing`] | [`Play`](testing::Play) and [`assert_deterministic`](testing::assert_deterministic), for an author's own tests |
//! | [`desync`] | the steps by which two machines find out where they differ, and agree again |
//! | [`client`] | the client session: clock, prediction, reconciliation, interpolation, reconnecting |
//!
//! # Recording
//!
//! A match is recorded as its causes. In each tick a [`RecordCodec`] writes what it was made from, in a byte when nothing
//! has changed, and a hash of the [`FullState`] after it. Now and then a [`Checkpoint`] is written whole. A program
//! that reads the newest checkpoint and plays the records after it ([`Simulation::play`]) has the match as it was, bit
//! for bit, and knows it by the hashes.
//!
//! # Glossary
//!
//! The words of the field, as this code uses them. Words of the server alone are explained here too, without a link.
//!
//! **Time and players**
//!
//! | word | meaning |
//! | --- | --- |
//! | tick | one call of [`Game::step`], and its number: a [`Tick`] |
//! | [`TickTime`] | a moment in ticks with their fraction; 7.25 is a quarter of the way from tick 7 to tick 8 |
//! | room | one match: a world, its seats and its members |
//! | seat | a place in a room, for a person or a bot: a [`Seat`] |
//! | member | a connected client of a room, with a seat or as a spectator |
//! | spectator | a member that watches, without a seat |
//! | roster | the players of a room; a [`RosterChange`] says that one joined or left |
//! | [`LinkProfile`] | the effects of a modelled network: delay, jitter, stalls, gaps and rate |
//!
//! **State**
//!
//! | word | meaning |
//! | --- | --- |
//! | leaf | one field as one wire integer, a `u32` with a bound of its own |
//! | row | all leaves of one value: of a thing in a table, or of the world's own fields (the root row) |
//! | [`Schema`] | the names, bounds and marks of all leaves of a world, table by table |
//! | [`Snapshot`] | the world of one tick as rows of wire integers |
//! | [`FullState`] | a snapshot with the free slots and the random numbers: lockstep and replays start from it |
//! | [`Checkpoint`] | all of a simulation's state: the world, the random numbers and the recent worlds |
//! | [`History`] | the recent worlds of a room, as baselines and for lag compensation |
//! | [`TickRecord`] | everything that happened in one tick: enough to make the tick once more |
//! | [`Replay`] | a match in lockstep that is played once more, from a full state and tick inputs |
//! | event | a thing that happens at a tick and is not state, such as a shot that is heard: see [`Step::emit`] |
//!
//! **Replication**
//!
//! | word | meaning |
//! | --- | --- |
//! | [`Topic`] | a part of the world by the clients that may see it: the room's, or that of one seat |
//! | section | a range of slots in a topic; the unit that is encoded, hashed and shared between receivers |
//! | baseline | the older snapshot that a delta starts from: the last one that was sent to the receiver |
//! | delta | the differences of a newer snapshot from the expectation that both ends compute from the baseline |
//! | keyframe | a section or message that needs no baseline; in lockstep, a full state with everyone's last inputs |
//! | [`Replica`] | the receiver's copy of the world, to which deltas are applied |
//! | [`Priors`] | the chances from which the coding of every section starts; the room learns and publishes them |
//! | epoch | the number of times that a room has published priors; a member of an older epoch is sent the newest |
//! | [`Ack`] | the newest snapshot that a client received, and the client's hash of it, which the room compares |
//! | send window | how far snapshots may be ahead of a member's ack; beyond it the room waits |
//!
//! **Inputs**
//!
//! | word | meaning |
//! | --- | --- |
//! | [`InputFrame`] | the message with a player's inputs for one or more ticks, and with the ack |
//! | [`InputBuffer`] | the inputs of one seat that wait in the room for their ticks |
//! | input lead | the ticks by which a client's newest input is ahead of the room's tick |
//! | [`InputClock`] | decides which tick a client makes inputs for, so that the input lead stays small and positive |
//! | [`Action`] | an input, with the age of the view that the player had of others: the [`ViewAge`] |
//!
//! **The client's picture**
//!
//! | word | meaning |
//! | --- | --- |
//! | prediction | a client plays its own rows ahead of the server, with inputs that the server has not confirmed |
//! | reconciliation | each snapshot restarts the prediction from the server's world and replays the later inputs |
//! | rollback | a return to an earlier tick, because the ticks after it were played with wrong guesses |
//! | correction | the difference that a replay makes to a prediction, eased on screen; or see desync |
//! | spawn adoption | the match of a predicted new row with the row that the server made of the same spawn |
//! | [`EventUpdate`] | news of an event: it happened, or it was predicted and is cancelled |
//! | `EventTracker` | the predicted events that were reported and are not confirmed yet |
//! | interpolation | others are shown as they were a moment ago, between two snapshots |
//! | [`InterpolationBuffer`] | the received snapshots, and the moment between them at which others are shown |
//! | [`InterpolationSample`] | that moment: two snapshots, and how far it is from one to the other |
//! | `MotionSegment` | the way of one row from one snapshot to another, and the speed before it |
//! | leap | a movement too far for the speed of a thing: a teleport, not shown as movement |
//! | `ViewContext` | how a player sees others while a tick is predicted |
//! | [`LagCompensation`] | the world as a player saw it when they acted: a step judges by it, see [`Step::past`] |
//! | [`RewindCache`] | memory for those worlds, so that each is rebuilt once per tick |
//! | [`Reconnect`] | the policy of connecting, and of connecting again after a loss |
//!
//! **Lockstep and desync**
//!
//! | word | meaning |
//! | --- | --- |
//! | lockstep | every client plays the whole game, from everyone's inputs: [`Mode::Lockstep`] |
//! | [`TickInputs`] | the changes of the roster and everyone's inputs in one tick, with a hash in some ticks |
//! | [`LastInputs`] | the last input of each seat: tick inputs are sent as differences from it |
//! | behaviour hash | the hash of a short, fixed match, by which builds are compared: [`behaviour_hash`] |
//! | desync | two machines have different worlds for the same tick |
//! | dispute | the client's message that its world differs: a [`ClientEvidence::Dispute`] |
//! | [`RowHashes`] | the server's answer to a dispute: a hash per row of the first tick that differs |
//! | [`RowDump`] | the client's answer to row hashes: its rows that differ |
//! | [`Correction`] | the end of a dispute: the leaves that the client must change, with their values |
//! | `HeldSnapshots` | a delta that did not fit and those after it, which wait for a correction |
//! | autopsy | our word for a desync report: the server writes it for people to read and to run again |
//!
//! [`TickTime`]: tick::TickTime
//! [`RosterChange`]: world::roster::RosterChange
//! [`LinkProfile`]: link::LinkProfile
//! [`Schema`]: state::Schema
//! [`Snapshot`]: world::snapshot::Snapshot
//! [`FullState`]: world::full_state::FullState
//! [`Checkpoint`]: world::simulation::Checkpoint
//! [`History`]: world::history::History
//! [`TickRecord`]: world::simulation::TickRecord
//! [`RecordCodec`]: recording::record::RecordCodec
//! [`Simulation::play`]: world::simulation::Simulation::play
//! [`Replay`]: lockstep::Replay
//! [`Topic`]: world::snapshot::Topic
//! [`Replica`]: replication::Replica
//! [`Priors`]: replication::Priors
//! [`Ack`]: input::Ack
//! [`InputFrame`]: input::InputFrame
//! [`InputBuffer`]: input::buffer::InputBuffer
//! [`InputClock`]: client::InputClock
//! [`Action`]: input::Action
//! [`ViewAge`]: input::ViewAge
//! [`EventUpdate`]: client::EventUpdate
//! [`InterpolationBuffer`]: client::InterpolationBuffer
//! [`InterpolationSample`]: world::interpolation::InterpolationSample
//! [`LagCompensation`]: game::LagCompensation
//! [`RewindCache`]: world::rewind::RewindCache
//! [`Reconnect`]: client::Reconnect
//! [`TickInputs`]: lockstep::TickInputs
//! [`LastInputs`]: lockstep::LastInputs
//! [`behaviour_hash`]: determinism::behaviour::behaviour_hash
//! [`ClientEvidence::Dispute`]: message::evidence::ClientEvidence::Dispute
//! [`RowHashes`]: message::evidence::ServerEvidence::RowHashes
//! [`RowDump`]: message::evidence::RowDump
//! [`Correction`]: message::evidence::ServerEvidence::Correction
#![no_std]

extern crate alloc;
// Derived code and doc tests say `::tickwire`, also inside this crate.
extern crate self as tickwire;

pub mod bug;
pub mod client;
pub mod desync;
pub mod determinism;
pub mod game;
pub mod hash;
pub mod id;
pub mod input;
pub mod leak;
pub mod limits;
pub mod link;
pub mod lockstep;
pub mod math;
pub mod message;
pub mod recording;
pub mod replication;
pub mod rng;
pub mod stage;
pub mod state;
pub mod table;
pub mod testing;
pub mod tick;
pub mod wire;
pub mod world;

pub use game::{
    Game, Leave, MatchResult, Mode, OptionsError, OwnTopic, Publication, Publishers, QueueRules, Rules, Step, To,
};
pub use id::{RowId, Seat};
pub use rng::Rng;
pub use stage::{Align, Burst, Color, Figure, Pad, Scene, Sparks, Stage, Tone, Wave};
pub use state::{Event, Input, State};
pub use table::Table;
pub use tick::Tick;

/// The page of the package in a registry: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../CRATE.md")]
struct CratePage;

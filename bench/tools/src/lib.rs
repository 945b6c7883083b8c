//! The tools with which an author measures a game: load test, bytes, determinism and feel.
//!
//! A program of one line has all of them, for one game or for several:
//!
//! ```no_run
//! # use tickwire_games::Arena as MyGame;
//! tickwire_tools::main!(MyGame);
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`cli`] | the program behind [`main!`]: its subcommands, and the games that it knows |
//! | [`load`] | bots: real client sessions with each game's own policy, over real sockets |
//! | [`bytes`] | the cost of each field of a game on the wire, and budgets for it |
//! | [`determinism`] | a game natively, in node and in browsers, tick by tick |
//! | [`harness`], [`feel`] | sessions in simulated time; how a game feels over every kind of link |
//! | [`measure`] | histograms, and the meter that clients report to |
//! | [`report`], [`table`] | the result: for machines with the promises it is held to, and for people |
//! | [`browser`] | headless browsers of three engines, each driven by its own driver |
//! | [`server_process`] | builds, starts and ends a server to be measured |
//! | [`frame`], [`http`], [`heads`] | the little of WebSocket, HTTP and snapshots that a thin client reads |
//! | [`wire`] | connections of clients in the clear or under TLS, and the authorities that they trust |
//! | [`topic_ear`] | what one subscriber of a topic hears: messages, gaps, doubles |
//! | [`plant`] | damages a field of a client's world, to see whether that is noticed |
//! | [`accounting`], [`descriptors`] | CPU time and memory as the kernel counts them; how many sockets a process may have |
//! | [`options`] | options of rooms as the command line names them |
//!
//! No game is inside: a game comes from the program that calls [`main!`]. Time is microseconds since the start of a run.
//! A latency is measured from the time at which an event was due, not from the later time at which a busy generator came
//! to it.

pub mod accounting;
pub mod browser;
pub mod bytes;
pub mod cli;
pub mod descriptors;
pub mod determinism;
pub mod feel;
pub mod frame;
pub mod harness;
pub mod heads;
pub mod http;
pub mod load;
pub mod measure;
mod nearest;
pub mod options;
pub mod plant;
pub mod report;
pub mod server_process;
pub mod table;
pub mod topic_ear;
pub mod wire;

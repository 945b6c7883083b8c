//! The measurements of Tickwire itself. The programs that measure any game are in [`tickwire_tools`].
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`crash`] | a server that is killed in the middle of matches, and started again |
//! | [`hostile`] | attacks over raw sockets, with honest players beside them |
//! | [`feel`] | the scenes of arena that `cargo feel` plays, and their bounds |
//! | [`floor`] | our server beside a bare loop with the same clients, bytes and inputs |
//! | [`topics`] | the price of a busy topic for those who play beside it |
//! | [`peers`] | our server beside Colyseus with the same game, clients and inputs |
//! | [`memory`] | the cost of a connection in our server's memory |
//! | [`lean`] | the load generator for comparisons: nothing but sockets, frames and counts |
//! | [`page`], [`figure`] | the result as one HTML file, and the curves in it |
//! | [`data_folder`] | where a server that is measured keeps its data |
//! | [`pinning`] | which core a thread has |
//! | [`precise`] | time and sleep to the microsecond |
//!
//! Time is microseconds since the start of a run. A latency is measured from the time at which an event was due, not
//! from the later time at which a busy generator came to it.

use tickwire_tools::server_process::ServerSource;

pub mod crash;
pub mod data_folder;
pub mod feel;
pub mod figure;
pub mod floor;
pub mod hostile;
pub mod lean;
pub mod memory;
pub mod page;
pub mod peers;
pub mod pinning;
pub mod precise;
pub mod topics;

/// The folder of the package whose server is measured.
pub const SERVER_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/demo");

/// The server that is measured: the release build of the demo games' server.
#[must_use]
pub fn server() -> ServerSource {
    ServerSource::Package(SERVER_FOLDER.into())
}

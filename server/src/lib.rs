//! The authoritative server: rooms by code, ticks on time, WebSockets and HTTP.
//!
//! ```text
//! net thread   HTTP, handshake, hello → lobby: code → shard
//! maker thread new rooms → shard
//! shard thread socket → frame → Room (tick) → snapshot → socket
//! ```
//!
//! * [`room`] has no sockets, clocks or threads.
//! * A shard owns its rooms and their sockets; a tick takes no lock and waits for nothing.
//! * A peer's fault ends the connection of that peer; a fault of the server in a room ends that room.
//!
//! ```no_run
//! use tickwire_games::{Arena, Paddles};
//! use tickwire_server::{Config, Server};
//!
//! Server::new(Config::default()).game::<Paddles>().game::<Arena>().run()?;
//! # Ok::<(), tickwire_server::RunError>(())
//! ```

mod clock;
mod config;
mod games;
pub mod limits;
pub mod lobby;
mod mailbox;
mod maker;
mod memory;
mod metrics;
mod net;
mod own_folder;
mod readiness;
pub mod room;
mod server;
mod shard;
mod threads;
pub mod websocket;

pub use config::{
    AddressError, AdminListen, AutopsyFolder, BasePath, BasePathError, Config, FileError, HostName, HostNameError,
    ListenAddress, LogFilter, LogFilterError, Nearest, Network, NetworkError, PageOrigin, PageOriginError, RangeError,
    SeatLimit, SeatLimitError, Settings, TrustedProxies, VariableError, check_variables,
};
pub use own_folder::FolderError;
pub use server::{Attempts, RunError, Running, Server, Signals, StartError};
pub use threads::ThreadFault;

//! The authoritative server: rooms by code, ticks on time, WebSockets and HTTP.
//!
//! ```text
//! net thread   HTTP, handshake, hello → lobby: code → shard
//! maker thread new rooms → shard
//! shard thread socket → frame → Room (tick) → snapshot → socket
//! topics       what is said beside the game: Hub → lanes of connections
//! tunnel       socket of a player ↔ node of the room
//! ```
//!
//! * [`room`] has no sockets, clocks or threads.
//! * A shard owns its rooms and their sockets; a tick takes no lock and waits for nothing.
//! * A peer's fault ends the connection of that peer; a fault of the server in a room ends that room.
//!
//! A program with a game is one line, `tickwire_server::main!(MyGame);`, see [`main!`]. The same by hand:
//!
//! ```no_run
//! use tickwire_games::{Arena, Paddles};
//! use tickwire_server::{Config, Server};
//!
//! Server::new(Config::default()).game::<Paddles>().game::<Arena>().run()?;
//! # Ok::<(), tickwire_server::RunError>(())
//! ```

mod chronicle;
pub mod cli;
mod clock;
mod cluster;
mod config;
mod exchange;
mod game_panic;
mod games;
mod gate;
pub mod identity;
mod journal;
mod kept;
pub mod limits;
pub mod lobby;
mod logging;
mod mailbox;
mod maker;
mod matchmaking;
mod memory;
mod metrics;
mod names;
mod net;
mod operators;
mod own_folder;
mod player_key;
mod readiness;
pub mod room;
mod room_header;
mod secret_file;
mod server;
mod service_token;
mod shard;
mod socket;
mod threads;
mod tls;
pub mod topics;
mod tunnel;
mod versioned;
mod webhooks;
pub mod websocket;

#[doc(hidden)]
pub use cluster::hail::read_peer_bytes;
pub use cluster::{NatsFault, Nodes, PeerKeyError};
pub use config::{
    AddressError, Auth, AuthError, AutopsyFolder, BasePath, BasePathError, Change, Config, ConfigFault, ConfigFaults,
    Exposed, Faults, FileError, FileFault, FileSetting, HostName, HostNameError, JournalFailure, JournalFailureError,
    ListenAddress, LogFilter, LogFilterError, LogFormat, LogFormatError, NatsAddressError, NatsAddresses, NatsSetting,
    Nearest, Network, NetworkError, OptionalListen, PageFolder, PageOrigin, PageOriginError, RangeError, SeatLimit,
    SeatLimitError, ServiceName, ServiceNameError, SettingFault, SettingOrigin, Settings, SettingsError,
    SettingsSource, TrustedProxies, VariableError, check_variables,
};
pub use gate::GateError;
pub use journal::FolderFault;
#[doc(hidden)]
pub use journal::scan_damaged;
pub use logging::Log;
pub use net::{PageError, PageFile};
pub use operators::{OperatorLineFault, OperatorsFileError, RecentLines};
pub use own_folder::FolderError;
pub use secret_file::SecretFileError;
pub use server::{Attempts, RunError, Running, Server, Signals, StartError};
pub use service_token::TokenError;
pub use threads::ThreadFault;
pub use tls::TlsError;
pub use webhooks::file::WebhookFileError;

/// The page of the package in a registry: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../CRATE.md")]
struct CratePage;

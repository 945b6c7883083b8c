//! The settings of an operator: command line over environment over file over default.
//!
//! [`Config`] and [`Settings`] come from one list, the call of `settings!` below: a line of it is a field of both, an
//! option of the command line, a variable of the environment and a key in the file.

mod addresses;
mod autopsy_folder;
mod environment;
mod file;
mod host_name;
mod log_filter;
mod nearest;
mod seat_limit;

use crate::limits::{LOAD_PERCENT_MAX, REQUEST_HEAD_BYTES, REQUEST_HEADERS, SEATS_PER_ADDRESS_LISTED, SHARDS_MAX};
use crate::memory::default_budget_bytes;
pub use addresses::{AddressError, AdminListen, ListenAddress};
pub use autopsy_folder::AutopsyFolder;
use clap::Args;
use clap::builder::BoolishValueParser;
pub use environment::{VariableError, check_variables};
pub use file::FileError;
pub(crate) use host_name::Host;
pub use host_name::{HostName, HostNameError};
pub use log_filter::{LogFilter, LogFilterError};
pub use nearest::Nearest;
pub use seat_limit::{SeatLimit, SeatLimitError};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use thiserror::Error;

/// Makes [`Config`] and [`Settings`] of one list: documentation, name, type, default, and the arguments of clap.
macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ty = $default:expr, option($($option:tt)*);)*) => {
        /// The configuration of a server.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: $kind,)*
        }

        /// Settings, each of which may be missing: those of a configuration file, or those of the command line and the
        /// environment.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Args)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $doc])* #[arg($($option)*)] pub $name: Option<$kind>,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Settings {
            /// The names of all settings, as keys in the file.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// These settings; those of `fallback` stand in where a setting is missing.
            #[must_use]
            pub fn or(self, fallback: Self) -> Self {
                Self { $($name: self.$name.or(fallback.$name),)* }
            }

            /// The configuration, with the default for every setting that is missing.
            #[must_use]
            pub fn into_config(self) -> Config {
                let default = Config::default();
                Config { $($name: self.$name.unwrap_or(default.$name),)* }
            }
        }
    };
}

settings! {
    /// Address that players connect to; port 0 stands for any free one. Of a name such as localhost the first address
    /// that the server can have is taken. Default: 127.0.0.1:8080.
    listen: ListenAddress = ListenAddress::loopback(8080),
        option(long, env = "TICKWIRE_LISTEN", value_name = "ADDRESS:PORT");

    /// Address that serves operators: metrics and health. 0 or off for no such listener; port 0 stands for any free
    /// one. Default: 127.0.0.1:9090.
    admin_listen: AdminListen = AdminListen(Some(ListenAddress::loopback(9090))),
        option(long, env = "TICKWIRE_ADMIN_LISTEN", value_name = "ADDRESS:PORT");

    /// Threads that own rooms, 1 to 256. Default: one per core.
    shards: usize = std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        option(long, env = "TICKWIRE_SHARDS", value_name = "N");

    /// Another origin whose pages may connect, scheme and port included, such as `https://play.example`; repeatable.
    /// Default: none but the server's own.
    origins: Vec<String> = Vec::new(),
        option(long = "origin", env = "TICKWIRE_ORIGINS", value_name = "ORIGIN", value_delimiter = ',');

    /// Name under which the server may be called, without port, such as play.example, besides localhost, addresses in
    /// figures and the hosts of origins; repeatable. Default: none, which allows every name behind a proxy and on an
    /// address that is not loopback.
    hosts: Vec<HostName> = Vec::new(),
        option(long = "host", env = "TICKWIRE_HOSTS", value_name = "NAME", value_delimiter = ',');

    /// Folder for autopsies, the reports on clients whose worlds differ from the server's, or off. It has to belong to
    /// the server's user, and nobody else may write to it. Default: tickwire/autopsies among the user's state files.
    autopsies: AutopsyFolder = AutopsyFolder::Default,
        option(long, env = "TICKWIRE_AUTOPSIES", value_name = "FOLDER");

    /// Whether to offer the games that exist to be measured. One room of them can take a whole core. Default: false.
    benchmark_games: bool = false,
        option(
            long, env = "TICKWIRE_BENCHMARK_GAMES", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// Seats that people from one address may have in a listed room or a quick match, held seats included: 1 to 255, or
    /// all-but-one. Default: 4.
    seats_per_address_listed: SeatLimit = SeatLimit::Seats(SEATS_PER_ADDRESS_LISTED),
        option(long, env = "TICKWIRE_SEATS_PER_ADDRESS_LISTED", value_name = "N");

    /// The same in a room that is entered by an unlisted code: its players were invited, and friends may be behind one
    /// router. Default: all-but-one.
    seats_per_address_unlisted: SeatLimit = SeatLimit::AllButOne,
        option(long, env = "TICKWIRE_SEATS_PER_ADDRESS_UNLISTED", value_name = "N");

    /// Bytes of memory that the process may use before it makes no further room; requests for one are then answered
    /// with 503. Default: half of the memory of the machine, or of the control group in which the server runs.
    memory_bytes_max: u64 = default_budget_bytes(),
        option(long, env = "TICKWIRE_MEMORY_BYTES_MAX", value_name = "BYTES");

    /// Percent of a core that a shard may use before it takes in no further room, 1 to 100. Default: 80.
    load_percent_max: u32 = LOAD_PERCENT_MAX,
        option(long, env = "TICKWIRE_LOAD_PERCENT_MAX", value_name = "PERCENT");

    /// Headers that a request may have, 32 to 1000; a request with more is answered with 431. Default: 100.
    request_headers_max: usize = 100,
        option(long, env = "TICKWIRE_REQUEST_HEADERS_MAX", value_name = "N");

    /// Bytes that the head of a request may have, 8192 to 1048576; a larger head is answered with 431. A browser may
    /// send the cookies of a whole domain. Default: 32768.
    request_head_bytes_max: usize = 32_768,
        option(long, env = "TICKWIRE_REQUEST_HEAD_BYTES_MAX", value_name = "BYTES");

    /// Filter for the log of the program: error, warn, info, debug, trace or off, or such levels by module, as in
    /// warn,tickwire_server=debug. Default: info.
    log: LogFilter = LogFilter::default(),
        option(long, env = "TICKWIRE_LOG", value_name = "FILTER");
}

/// A number in the configuration is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{name} has to be {low} to {high}, not {value}", low = range.0, high = range.1)]
pub struct RangeError {
    name: &'static str,
    value: usize,
    range: (usize, usize),
}

impl Config {
    /// Free ports of the loopback address and one shard: for tests and load tests, of which several may run at once.
    /// No autopsies are written.
    #[must_use]
    pub fn on_free_ports() -> Self {
        Self {
            listen: ListenAddress::loopback(0),
            admin_listen: AdminListen(Some(ListenAddress::loopback(0))),
            shards: 1,
            autopsies: AutopsyFolder::Off,
            ..Self::default()
        }
    }

    /// Checks the numbers that have a range.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), RangeError> {
        within("shards", self.shards, &(1..=SHARDS_MAX))?;
        within("load_percent_max", self.load_percent_max as usize, &(1..=100))?;
        within("request_headers_max", self.request_headers_max, &REQUEST_HEADERS)?;
        within("request_head_bytes_max", self.request_head_bytes_max, &REQUEST_HEAD_BYTES)
    }
}

fn within(name: &'static str, value: usize, range: &RangeInclusive<usize>) -> Result<(), RangeError> {
    if range.contains(&value) { Ok(()) } else { Err(RangeError { name, value, range: (*range.start(), *range.end()) }) }
}

#[cfg(test)]
mod tests;

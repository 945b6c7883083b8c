//! The settings of an operator: command line over environment over file over default.

use crate::limits::LOAD_PERCENT_MAX;
use crate::memory::default_budget_bytes;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;

/// The configuration of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address that players connect to. Default 127.0.0.1:8080; port 0 stands for any free one.
    pub listen: SocketAddr,
    /// The address of the admin listener, which serves metrics; `None` for no such listener. Default 127.0.0.1:9090;
    /// port 0 stands for any free one.
    pub admin_listen: Option<SocketAddr>,
    /// Shard threads, which own the rooms: 1 to 256. Default: one per core.
    pub shards: usize,
    /// Origins (`https://play.example`) whose pages may connect, besides the server's own. Default: none.
    pub origins: Vec<String>,
    /// Folder for autopsies, the reports on clients whose worlds differ from the server's; `None` to write none.
    /// Default: `tickwire-autopsies` in the system's folder for temporary files.
    pub autopsies: Option<PathBuf>,
    /// Headers of a request; a request with more is answered with 431. 32 to 1,000, default 100.
    pub request_headers_max: usize,
    /// Bytes of a request's head; a larger head is answered with 431. 8,192 to 1,048,576, default 32,768: a browser may
    /// send the cookies of a whole domain.
    pub request_head_bytes_max: usize,
    /// Bytes of memory that the process may use before it makes no further room. Default: half of the memory of the
    /// machine, or of the control group in which the server runs.
    pub memory_bytes_max: u64,
    /// Percent of a core that a shard may use before it takes in no further room, 1 to 100. Default 80.
    pub load_percent_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))),
            shards: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            origins: Vec::new(),
            autopsies: Some(std::env::temp_dir().join("tickwire-autopsies")),
            request_headers_max: 100,
            request_head_bytes_max: 32_768,
            memory_bytes_max: default_budget_bytes(),
            load_percent_max: LOAD_PERCENT_MAX,
        }
    }
}

impl Config {
    /// Free ports of the loopback address and one shard: for tests and load tests, of which several may run at once.
    #[must_use]
    pub fn on_free_ports() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen: any, admin_listen: Some(any), shards: 1, autopsies: None, ..Self::default() }
    }
}

/// The address of the admin listener: `0` or `off` stands for no listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AdminListen(pub Option<SocketAddr>);

impl FromStr for AdminListen {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "0" | "off") { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

impl TryFrom<String> for AdminListen {
    type Error = std::net::AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The folder of autopsies: `off` stands for none, so that no autopsy is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct AutopsyFolder(pub Option<PathBuf>);

impl From<String> for AutopsyFolder {
    fn from(text: String) -> Self {
        Self((text != "off").then(|| text.into()))
    }
}

/// Settings, each of which may be missing: those of a configuration file, or those of the command line and the
/// environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// [`Config::admin_listen`].
    pub admin_listen: Option<AdminListen>,
    /// [`Config::shards`].
    pub shards: Option<usize>,
    /// [`Config::origins`].
    pub origins: Option<Vec<String>>,
    /// [`Config::autopsies`].
    pub autopsies: Option<AutopsyFolder>,
    /// [`Config::request_headers_max`].
    pub request_headers_max: Option<usize>,
    /// [`Config::request_head_bytes_max`].
    pub request_head_bytes_max: Option<usize>,
}

/// The reason for which a configuration file could not be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: std::io::Error,
    },
    /// The file is not TOML, or it names a setting that does not exist.
    #[error("{} is not a configuration", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place in the file and the reason.
        source: Box<toml::de::Error>,
    },
}

impl Settings {
    /// The settings of a TOML file.
    ///
    /// # Errors
    /// When the file cannot be read, or has an unknown setting or an invalid value.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| ConfigError::Parse { path, source: Box::new(error) }),
            Err(source) => Err(ConfigError::Read { path, source }),
        }
    }

    /// These settings; those of `fallback` stand in where a setting is missing.
    #[must_use]
    pub fn or(self, fallback: Self) -> Self {
        Self {
            listen: self.listen.or(fallback.listen),
            admin_listen: self.admin_listen.or(fallback.admin_listen),
            shards: self.shards.or(fallback.shards),
            origins: self.origins.or(fallback.origins),
            autopsies: self.autopsies.or(fallback.autopsies),
            request_headers_max: self.request_headers_max.or(fallback.request_headers_max),
            request_head_bytes_max: self.request_head_bytes_max.or(fallback.request_head_bytes_max),
        }
    }

    /// The configuration, with the default for every setting that is missing.
    #[must_use]
    pub fn into_config(self) -> Config {
        let default = Config::default();
        Config {
            listen: self.listen.unwrap_or(default.listen),
            admin_listen: self.admin_listen.map_or(default.admin_listen, |admin| admin.0),
            shards: self.shards.unwrap_or(default.shards),
            origins: self.origins.unwrap_or(default.origins),
            autopsies: self.autopsies.map_or(default.autopsies, |folder| folder.0),
            request_headers_max: self.request_headers_max.unwrap_or(default.request_headers_max),
            request_head_bytes_max: self.request_head_bytes_max.unwrap_or(default.request_head_bytes_max),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_command_line_wins_over_the_file() {
        let file: Settings = toml::from_str("listen = \"0.0.0.0:80\"\nadmin_listen = \"off\"\nshards = 3").unwrap();
        let command_line = Settings { shards: Some(1), ..Settings::default() };
        let config = command_line.or(file).into_config();
        assert_eq!(config.listen, SocketAddr::from(([0, 0, 0, 0], 80)));
        assert_eq!((config.admin_listen, config.shards), (None, 1));
    }

    #[test]
    fn the_limits_of_a_request_head_are_settings_with_defaults() {
        let config = Settings::default().into_config();
        assert_eq!((config.request_headers_max, config.request_head_bytes_max), (100, 32_768));
        let file: Settings = toml::from_str("request_headers_max = 40\nrequest_head_bytes_max = 9000").unwrap();
        let command_line = Settings { request_headers_max: Some(50), ..Settings::default() };
        let config = command_line.or(file).into_config();
        assert_eq!((config.request_headers_max, config.request_head_bytes_max), (50, 9_000));
    }

    #[test]
    fn a_misspelt_or_invalid_setting_is_an_error() {
        assert!(toml::from_str::<Settings>("lissten = \"0.0.0.0:80\"").is_err());
        assert!(toml::from_str::<Settings>("listen = \"somewhere\"").is_err());
    }

    #[test]
    fn the_admin_listener_can_be_off() {
        assert_eq!("0".parse(), Ok(AdminListen(None)));
        assert_eq!("off".parse(), Ok(AdminListen(None)));
        assert!("127.0.0.1:0".parse::<AdminListen>().is_ok_and(|admin| admin.0.is_some()));
        assert!("9090".parse::<AdminListen>().is_err());
    }
}

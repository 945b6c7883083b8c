//! The check of a configuration by itself: the ranges of its numbers, and the pairs of settings that do not fit.
//!
//! All faults are found, and not only the first: an operator mends a file once. Files that settings name are not looked
//! at here.

use super::exposure::is_private;
use super::{Config, Exposed, FileSetting, ListenAddress, NatsSetting, TrustedProxies};
use crate::limits::{
    ADDRESSES, AFK, CONNECTIONS, DIVERGED_WAIT_SECONDS, FILL, KEPT_BYTES, PER_ADDRESS, REPLAY_MS, REQUEST_HEAD_BYTES,
    REQUEST_HEADERS, ROOMS, SHARDS_MAX, SPECTATORS, WORLD_SECONDS,
};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use thiserror::Error;

/// A number in the configuration is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{name} has to be {low} to {high}, not {value}", low = range.0, high = range.1)]
pub struct RangeError {
    name: &'static str,
    value: usize,
    range: (usize, usize),
}

/// A setting that no server can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigFault {
    /// A number is out of its range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Players and operators are to be served on one address.
    #[error("listen and admin_listen are the same address; players and operators need two")]
    SameAddress,
    /// Proxies are to begin with a header, and no peer is a proxy.
    #[error("proxy_protocol is on and trusted_proxies is none, so that no header would be believed")]
    NoProxies,
    /// Other nodes are to come, and nothing would tell them from strangers.
    #[error("peer_listen needs peer_key, a file with the key by which nodes know each other")]
    NoPeerKey,
    /// A node of several has no identity that outlives its process.
    #[error("nats needs data, a folder by which a node is known again after a restart")]
    NatsWithoutData,
    /// Other nodes have no way to the rooms here.
    #[error("nats needs peer_listen, where other nodes bring players whose rooms are here")]
    NatsWithoutPeers,
    /// Other nodes cannot reach a listener at every address under that address.
    #[error(
        "peer_listen is at every address of this machine; peer_address has to say under which one other nodes reach it"
    )]
    NoPeerAddress,
    /// The internet would reach what nodes say to each other.
    #[error("{setting} has to be an address of this machine or of a private network, because nodes do not encrypt")]
    PublicPeer {
        /// The setting.
        setting: &'static str,
    },
    /// Everybody could reach the server, and nothing between it and its players would be encrypted.
    #[error(transparent)]
    Exposed(#[from] Exposed),
}

/// Several faults at once, in the order in which they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults<E>(Vec<E>);

/// The faults of a configuration.
pub type ConfigFaults = Faults<ConfigFault>;

impl<E> Faults<E> {
    /// Nothing when the list is empty.
    ///
    /// # Errors
    /// The faults, when there are any.
    pub fn check(faults: Vec<E>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }

    /// The faults.
    #[must_use]
    pub fn list(&self) -> &[E] {
        &self.0
    }
}

impl<E: fmt::Display> fmt::Display for Faults<E> {
    /// One fault in its own words, and several in a line each.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(out);
        }
        write!(out, "{} faults", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(out, "\n  {fault}"))
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Faults<E> {}

impl Config {
    /// Checks the numbers that have a range, and the settings that have to fit together.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        Faults::check(self.faults())
    }

    /// Checks that nodes may talk to each other at an address.
    ///
    /// # Errors
    /// When the internet reaches it.
    pub(crate) fn check_peer(setting: &'static str, address: SocketAddr) -> Result<(), ConfigFault> {
        // At every address there is a peer_address, which is checked instead.
        let is_private = address.ip().is_unspecified() || is_private(address.ip());
        if is_private { Ok(()) } else { Err(ConfigFault::PublicPeer { setting }) }
    }

    /// The faults of the settings about other nodes.
    fn find_peer_faults(&self, faults: &mut Vec<ConfigFault>) {
        if self.nats != NatsSetting::Off && self.data == FileSetting::Off {
            faults.push(ConfigFault::NatsWithoutData);
        }
        if self.nats != NatsSetting::Off && self.peer_listen.0.is_none() {
            faults.push(ConfigFault::NatsWithoutPeers);
        }
        let Some(listen) = &self.peer_listen.0 else { return };
        if self.peer_key == FileSetting::Off {
            faults.push(ConfigFault::NoPeerKey);
        }
        let taken = [Some(&self.listen), self.admin_listen.0.as_ref()];
        if !listen.has_any_port() && taken.contains(&Some(listen)) {
            faults.push(ConfigFault::SameAddress);
        }
        // A name is looked up when the server starts, and its address is checked then.
        let every = listen.in_figures().is_some_and(|address| address.ip().is_unspecified());
        if every && self.peer_address.0.is_none() {
            faults.push(ConfigFault::NoPeerAddress);
        }
        let own = listen.in_figures().filter(|_| !every);
        let told = self.peer_address.0.as_ref().and_then(ListenAddress::in_figures);
        for (setting, address) in [("peer_listen", own), ("peer_address", told)] {
            faults.extend(address.and_then(|address| Self::check_peer(setting, address).err()));
        }
    }

    /// All that [`Config::check`] finds.
    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let ranged = self.ranged();
        let counts = self.counts().map(|(name, value)| (name, value, PER_ADDRESS));
        let ranges = ranged.into_iter().chain(counts).filter_map(|(name, value, range)| within(name, value, &range));
        let mut faults: Vec<_> = ranges.map(ConfigFault::Range).collect();
        if self.admin_listen.0.as_ref().is_some_and(|admin| *admin == self.listen && !admin.has_any_port()) {
            faults.push(ConfigFault::SameAddress);
        }
        self.find_peer_faults(&mut faults);
        if self.proxy_protocol && self.trusted_proxies == TrustedProxies::none() {
            faults.push(ConfigFault::NoProxies);
        }
        let listeners = [("listen", Some(&self.listen)), ("admin_listen", self.admin_listen.0.as_ref())];
        for (setting, listen) in listeners {
            // A name is looked up when the server starts, and its address is checked then.
            let exposed = listen.and_then(ListenAddress::in_figures).map(|at| self.check_exposure(setting, at));
            faults.extend(exposed.and_then(Result::err).map(ConfigFault::Exposed));
        }
        faults
    }

    /// The numbers with ranges of their own.
    fn ranged(&self) -> [(&'static str, usize, RangeInclusive<usize>); 17] {
        [
            ("shards", self.shards, 1..=SHARDS_MAX),
            ("load_percent_max", self.load_percent_max as usize, 1..=100),
            ("journal_replay_ms_max", self.journal_replay_ms_max as usize, REPLAY_MS),
            ("journal_world_seconds_max", self.journal_world_seconds_max as usize, WORLD_SECONDS),
            ("request_headers_max", self.request_headers_max, REQUEST_HEADERS),
            ("request_head_bytes_max", self.request_head_bytes_max, REQUEST_HEAD_BYTES),
            ("rooms_max", self.rooms_max, ROOMS),
            ("spectators_max", self.spectators_max, SPECTATORS),
            ("spectators_per_address", self.spectators_per_address, SPECTATORS),
            ("afk_minutes", self.afk_minutes as usize, AFK),
            ("diverged_wait_seconds_max", self.diverged_wait_seconds_max as usize, DIVERGED_WAIT_SECONDS),
            ("pending_connections_max", self.pending_connections_max, CONNECTIONS),
            ("page_connections_max", self.page_connections_max, CONNECTIONS),
            ("addresses_max", self.addresses_max, ADDRESSES),
            ("visitors_max", self.visitors_max, CONNECTIONS),
            ("topic_bytes_max", self.topic_bytes_max, KEPT_BYTES),
            ("fill_seconds", self.fill_seconds as usize, FILL),
        ]
    }

    /// The counts that have no range but the common one.
    const fn counts(&self) -> [(&'static str, usize); 18] {
        [
            ("reservations_per_address", self.reservations_per_address),
            ("joins_per_address_per_minute", self.joins_per_address_per_minute as usize),
            ("joins_per_address_burst", self.joins_per_address_burst as usize),
            ("comebacks_per_seat_per_minute", self.comebacks_per_seat_per_minute as usize),
            ("rooms_per_address_per_hour", self.rooms_per_address_per_hour as usize),
            ("matches_per_address_per_minute", self.matches_per_address_per_minute as usize),
            ("failed_lookups_per_address_per_minute", self.failed_lookups_per_address_per_minute as usize),
            ("secret_guesses_per_second", self.secret_guesses_per_second as usize),
            ("examined_disputes_per_address", self.examined_disputes_per_address as usize),
            ("disputes_per_address", self.disputes_per_address as usize),
            ("autopsies_per_address_per_hour", self.autopsies_per_address_per_hour as usize),
            ("autopsies_max", self.autopsies_max),
            ("seated_connections_per_address", self.seated_connections_per_address as usize),
            ("pending_connections_per_address", self.pending_connections_per_address),
            ("page_connections_per_address", self.page_connections_per_address),
            ("publishers_per_address", self.publishers_per_address as usize),
            ("topic_guesses_per_address_per_minute", self.topic_guesses_per_address_per_minute as usize),
            ("log_lines_per_second", self.log_lines_per_second as usize),
        ]
    }
}

fn within(name: &'static str, value: usize, range: &RangeInclusive<usize>) -> Option<RangeError> {
    (!range.contains(&value)).then_some(RangeError { name, value, range: (*range.start(), *range.end()) })
}

//! The settings as the net thread has them: one snapshot, which is replaced whole when an operator has them read again.

use super::{Evictions, Net};
use crate::config::Config;
use crate::lobby::DirectoryLimits;
use crate::service_token::ServiceToken;
use crate::websocket::rate::Quota;
use rustix::process::{Resource, getrlimit};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The settings in force, with the token of services that one of them names.
#[derive(Debug, Clone)]
pub(crate) struct LiveSettings {
    pub(crate) config: Arc<Config>,
    /// The token of services, if there are to be any.
    pub(crate) token: Option<ServiceToken>,
}

/// The rates that settings give, in the form in which they are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) rooms: Quota,
    pub(super) matches: Quota,
    pub(super) lookups: Quota,
    pub(super) autopsies: Quota,
    pub(super) joins: Quota,
    pub(super) diverged_wait_max: Duration,
}

impl Rates {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            rooms: Quota::per_hour(config.rooms_per_address_per_hour),
            matches: Quota::per_minute(config.matches_per_address_per_minute),
            lookups: Quota::per_minute(config.failed_lookups_per_address_per_minute),
            autopsies: Quota::per_hour(config.autopsies_per_address_per_hour),
            joins: Quota::new(config.joins_per_address_per_minute, 60_000_000, config.joins_per_address_burst),
            diverged_wait_max: Duration::from_secs(config.diverged_wait_seconds_max.into()),
        }
    }
}

pub(super) const fn directory_limits(config: &Config) -> DirectoryLimits {
    DirectoryLimits { rooms_max: config.rooms_max, reservations_per_origin_max: config.reservations_per_address }
}

/// Takes over the settings whenever there are new ones.
pub(super) async fn follow(net: Rc<Net>) {
    let mut settings = net.setup.settings.clone();
    while settings.changed().await.is_ok() {
        let new = settings.borrow_and_update().clone();
        net.take_over(new);
    }
}

impl Net {
    /// The settings in force. Those that can change in a running server are read when they are used.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.borrow().config)
    }

    /// Takes over new settings. A part of a limit that has been used up under the old ones stays used up.
    fn take_over(&self, new: LiveSettings) {
        let config = Arc::clone(&new.config);
        let rates = Rates::of(&config);
        self.directory.borrow_mut().set_limits(directory_limits(&config));
        self.evictions.borrow_mut().set_limits(&config, getrlimit(Resource::Nofile).current);
        self.seated.borrow_mut().set_max(config.seated_connections_per_address);
        for (quota, rate) in [
            (&self.room_quota, rates.rooms),
            (&self.match_quota, rates.matches),
            (&self.lookup_quota, rates.lookups),
            (&self.guess_quota, rates.lookups),
            (&self.autopsy_quota, rates.autopsies),
        ] {
            quota.borrow_mut().set(rate, config.addresses_max);
        }
        self.join_quota.borrow_mut().set(rates.joins, config.addresses_max);
        self.doorkeeper.set_rate(config.secret_guesses_per_second);
        self.diverged.borrow_mut().set(config.addresses_max, rates.diverged_wait_max);
        self.autopsies.set_max(config.autopsies_max);
        self.live.replace(new);
    }
}

/// The queues of connections that are in no room, for this process.
pub(super) fn evictions(config: &Config) -> Evictions {
    Evictions::new(config, getrlimit(Resource::Nofile).current)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SeatLimit;
    use crate::websocket::address::AddressKey;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn new_settings_count_at_once_and_what_was_used_stays_used() {
        let net = Net::without_shards(Config { rooms_per_address_per_hour: 2, ..Config::on_free_ports() });
        let address = Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))));
        let take = || net.room_quota.borrow_mut().take(address, 0).is_ok();
        assert_eq!([take(), take(), take()], [true, true, false]);
        let config = Config {
            rooms_per_address_per_hour: 4,
            rooms_max: 0,
            seated_connections_per_address: 1,
            seats_per_address_unlisted: SeatLimit::AllButOne,
            origins: vec!["https://play.example".parse().unwrap()],
            ..Config::on_free_ports()
        };
        net.take_over(LiveSettings { config: Arc::new(config), token: None });
        // Two of the four are used up: each counts for half an hour of the old quota, which is two of the new one.
        assert!(!take() && net.room_quota.borrow_mut().take(address, 1_800_000_000).is_ok());
        assert!(net.directory.borrow().is_full());
        let first = net.seated.borrow_mut().count(address);
        assert!(first.is_some() && net.seated.borrow_mut().count(address).is_none());
        assert!(net.config().admits_origin("https://play.example"));
    }
}

//! Addresses as limits see them; and counts of connections that release themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The key of limits per address: an IPv4 address, or the /64 network of an IPv6 one, because a client with one address
/// of such a network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AddressKey(u64);

impl AddressKey {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // No client connects from a network 0:0:.., so the keys of the two kinds cannot meet.
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self(network(v6)),
        }
    }

    /// The key with this number.
    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The key as a number.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

fn network(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d].iter().fold(0, |bits, segment| (bits << 16) | u64::from(*segment))
}

/// The words of the log and the dashboard for an address: they never have the address itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressClass {
    /// This machine.
    Loopback,
    /// A network that is not reached from the internet.
    Private,
    PublicV4,
    PublicV6,
}

impl AddressClass {
    /// The class of an address; one that is exempt from limits is this machine's.
    pub(crate) fn of(address: Option<AddressKey>) -> Self {
        let Some(AddressKey(number)) = address else { return Self::Loopback };
        if let Ok(v4) = u32::try_from(number) {
            let v4 = Ipv4Addr::from_bits(v4);
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            return match v4 {
                // The key of ::1 is that of 0.0.0.0.
                _ if v4.is_loopback() || v4.is_unspecified() => Self::Loopback,
                _ if v4.is_private() || v4.is_link_local() || is_shared => Self::Private,
                _ => Self::PublicV4,
            };
        }
        let v6 = Ipv6Addr::from_bits(u128::from(number) << 64);
        if v6.is_unique_local() || v6.is_unicast_link_local() { Self::Private } else { Self::PublicV6 }
    }
}

impl AddressClass {
    /// Whether the internet does not reach the address.
    pub(crate) const fn is_private(self) -> bool {
        matches!(self, Self::Loopback | Self::Private)
    }

    /// The class in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::PublicV4 => "public v4",
            Self::PublicV6 => "public v6",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.words())
    }
}

/// Counts of connections, one per address.
#[derive(Debug)]
pub(crate) struct ConnectionCounts {
    per_address_max: u32,
    per_address: BTreeMap<AddressKey, Arc<AtomicU32>>,
}

/// One connection in the counts. It leaves them when it is dropped, on any thread.
#[derive(Debug)]
pub(crate) struct Counted {
    /// The address of the connection; `None` when it is exempt from limits.
    pub(crate) address: Option<AddressKey>,
    count: Option<Arc<AtomicU32>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = &self.count {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl ConnectionCounts {
    pub(crate) fn new(per_address_max: u32) -> Self {
        Self { per_address_max, per_address: BTreeMap::new() }
    }

    /// Sets how many connections an address may have from now on. Those that are there stay.
    pub(crate) const fn set_max(&mut self, per_address_max: u32) {
        self.per_address_max = per_address_max;
    }

    /// Counts a connection; `None` when its address has too many. A connection of an exempt address is not counted.
    pub(crate) fn count(&mut self, address: Option<AddressKey>) -> Option<Counted> {
        let Some(key) = address else { return Some(Counted { address, count: None }) };
        let count = self.per_address.entry(key).or_default();
        if count.load(Ordering::Relaxed) >= self.per_address_max {
            return None;
        }
        count.fetch_add(1, Ordering::Relaxed);
        Some(Counted { address, count: Some(Arc::clone(count)) })
    }

    /// Drops addresses without connections.
    pub(crate) fn forget_absent(&mut self) {
        self.per_address.retain(|_, count| count.load(Ordering::Relaxed) > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_mapped_ipv4_is_ipv4() {
        assert_eq!(AddressKey::of(ip("2001:db8:1:2:3::4")), AddressKey::of(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(AddressKey::of(ip("2001:db8:1:2::1")), AddressKey::of(ip("2001:db8:1:3::1")));
        assert_eq!(AddressKey::of(ip("::ffff:192.0.2.7")), AddressKey::of(ip("192.0.2.7")));
    }

    #[test]
    fn an_address_is_told_by_its_class() {
        for (text, expected) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("10.1.2.3", "private"),
            ("172.31.0.1", "private"),
            ("192.168.1.1", "private"),
            ("169.254.7.7", "private"),
            ("100.64.0.1", "private"),
            ("::ffff:192.168.1.1", "private"),
            ("fd00::1", "private"),
            ("fe80::1", "private"),
            ("172.32.0.1", "public v4"),
            ("100.128.0.1", "public v4"),
            ("203.0.113.9", "public v4"),
            ("2001:db8::1", "public v6"),
        ] {
            assert_eq!(AddressClass::of(Some(AddressKey::of(ip(text)))).to_string(), expected, "{text}");
        }
        assert_eq!(AddressClass::of(None), AddressClass::Loopback);
    }

    #[test]
    fn counts_release_themselves() {
        let mut counts = ConnectionCounts::new(2);
        let key = Some(AddressKey::of(ip("192.0.2.7")));
        let first = counts.count(key);
        let second = counts.count(key);
        assert!(first.is_some() && second.is_some() && counts.count(key).is_none());
        assert!((0..5).all(|_| counts.count(None).is_some()), "an exempt address has no limit");
        drop(first);
        assert!(counts.count(key).is_some());
        drop(second);
        counts.forget_absent();
        assert_eq!(counts.per_address.len(), 0);
    }
}

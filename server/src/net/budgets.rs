//! The headers that tell a client its budgets: `RateLimit-Policy` and `RateLimit`, as structured fields of the draft
//! `draft-ietf-httpapi-ratelimit-headers`.
//!
//! ```text
//! RateLimit-Policy: "rooms";q=10;w=3600       ten rooms in an hour
//! RateLimit: "rooms";r=7;t=1080               seven more now, and all ten after 1,080 seconds
//! ```
//!
//! With nothing left, `t` is the time until one more is allowed, as in `Retry-After`. A client that limits exempt has no
//! budgets, and is told none.

use super::Net;
use super::answer::Answer;
use super::operation::Budget;
use crate::websocket::address::AddressKey;
use crate::websocket::rate::QuotaState;
use hyper::header::{HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the headers about these budgets to an answer, as they are after the request.
pub(super) fn tell(net: &Net, budgets: &[Budget], address: Option<AddressKey>, answer: &mut Answer) {
    let Some(address) = address.filter(|_| !budgets.is_empty()) else { return };
    let now_us = net.setup.clock.now_us();
    let states: Vec<_> =
        budgets.iter().map(|budget| (budget.name(), budget.quota(net).borrow().state(address, now_us))).collect();
    let list = |item: fn(&(&str, QuotaState)) -> String| states.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|(name, state)| format!("\"{name}\";q={};w={}", state.burst, state.window_seconds));
    let limit = list(|(name, state)| format!("\"{name}\";r={};t={}", state.left, state.reset_seconds));
    for (header, value) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(header, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn an_address_is_told_what_is_left_and_an_exempt_one_nothing() {
        let net = Net::without_shards(Config { rooms_per_address_per_hour: 4, ..Config::on_free_ports() });
        let address = Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))));
        let told = |budgets: &[Budget], address| {
            let mut answer = Answer::default();
            tell(&net, budgets, address, &mut answer);
            [POLICY, LIMIT].map(|name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()))
        };
        let words = |policy: &str, limit: &str| [policy, limit].map(|text| Some(text.to_owned()));
        assert_eq!(told(&[Budget::Rooms], address), words("\"rooms\";q=4;w=3600", "\"rooms\";r=4;t=0"));
        for left in (0..4).rev() {
            assert_eq!(net.room_quota.borrow_mut().take(address, net.setup.clock.now_us()), Ok(()));
            let [_, limit] = told(&[Budget::Rooms], address);
            assert!(limit.unwrap().starts_with(&format!("\"rooms\";r={left};t=")));
        }
        let both = told(&[Budget::Matches, Budget::Rooms], address);
        let both = words("\"matches\";q=20;w=60, \"rooms\";q=4;w=3600", "\"matches\";r=20;t=0, \"rooms\";r=0;t=900")
            .into_iter()
            .zip(both);
        both.for_each(|(expected, found)| assert_eq!(found, expected));
        assert_eq!(told(&[Budget::Rooms], None), [None, None]);
        assert_eq!(told(&[], address), [None, None]);
    }
}

//! The host that a request is for: the checks of the `Host` header.
//!
//! A page of another site can have its own name lead to this machine (DNS rebinding). Its `Origin` and its `Host` are
//! then the same, so the check of the origin does not notice it. An address in figures cannot be rebound, and a name
//! that the operator has not given is refused where no stranger has business: on a loopback address without a proxy.

use super::Net;
use super::answer::Refusal;
use super::forwarded::is_forwarded;
use super::peer::Peer;
use super::problem::Problem;
use crate::config::{Host, HostName, PageOrigin};
use hyper::header::HOST;
use hyper::{Request, Version};
use std::net::IpAddr;

/// Refuses a request without one valid `Host`, and a request for a host that is none of this server's. `listen` is the
/// address that the request came to.
pub(super) fn check_host<B>(net: &Net, request: &Request<B>, listen: IpAddr, peer: Peer) -> Result<(), Refusal> {
    check_name(net, request, || !listen.to_canonical().is_loopback() || is_forwarded(net, peer, request.headers()))
}

/// The same for the operators' port, which no proxy has a reason to forward: a page could write the headers of one.
pub(super) fn check_operators_host<B>(net: &Net, request: &Request<B>, listen: IpAddr) -> Result<(), Refusal> {
    check_name(net, request, || !listen.to_canonical().is_loopback())
}

fn check_name<B>(net: &Net, request: &Request<B>, is_exposed: impl FnOnce() -> bool) -> Result<(), Refusal> {
    let Some(Host::Name(name)) = host_of(request)? else { return Ok(()) };
    if is_own(net, &name, is_exposed) {
        return Ok(());
    }
    if !net.host_warned.replace(true) {
        tracing::warn!(host = %name, "a request was refused, because its Host is not a name of this server; see --host");
    }
    let error = format!("this server is not called {name}");
    let help = "the operator names the hosts of the server with --host, TICKWIRE_HOSTS or hosts in the file; a proxy in \
                front of it has to pass on the Host header (nginx: proxy_set_header Host $http_host)";
    Err(Refusal::new(Problem::WrongHost, error, help))
}

/// Whether a name is one of the server's: every machine has `localhost`, and a name that the operator allows as an
/// origin is a name of the server too. Without a list, `is_exposed` says whether any name will do.
fn is_own(net: &Net, name: &HostName, is_exposed: impl FnOnce() -> bool) -> bool {
    let config = net.config();
    let is_origin = |origin: &PageOrigin| matches!(origin.host(), Some(Host::Name(of)) if of == *name);
    name.is_loopback()
        || config.hosts.contains(name)
        || config.origins.iter().any(is_origin)
        || config.hosts.is_empty() && is_exposed()
}

/// The host that a request names; `None` for a request of HTTP/1.0, which may name none.
fn host_of<B>(request: &Request<B>) -> Result<Option<Host>, Refusal> {
    let bad = || Refusal::new(Problem::BadHost, "the Host header is missing or malformed", "send one Host");
    let mut values = request.headers().get_all(HOST).iter();
    let first = match values.next() {
        None if request.version() == Version::HTTP_10 => return Ok(None),
        first => first.and_then(|value| value.to_str().ok()).ok_or_else(bad)?,
    };
    // A target with a host of its own would win over the header at one program and lose at another.
    let differs = request.uri().authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(first));
    if values.next().is_some() || differs {
        return Err(bad());
    }
    Host::of_authority(first).ok_or_else(bad).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const LOCAL_PEER: Peer = Peer::of_socket(LOCAL);
    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    fn net(hosts: &[&str], origins: &[&str]) -> Net {
        let hosts = hosts.iter().map(|name| name.parse().unwrap()).collect();
        let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        Net::without_shards(Config { hosts, origins, ..Config::on_free_ports() })
    }

    fn request(host: &str, more: &[(&str, &str)]) -> Request<()> {
        let builder = Request::builder().header(HOST, host);
        more.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
    }

    #[test]
    fn a_server_for_this_machine_has_no_other_name_unless_a_proxy_is_in_front() {
        let net = net(&[], &["https://club.example:444"]);
        let passes =
            |host: &str, more: &[(&str, &str)]| check_host(&net, &request(host, more), LOCAL, LOCAL_PEER).is_ok();
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.0.2.7", "a.localhost", "club.example"] {
            assert!(passes(host, &[]), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
            assert!(!passes(host, &[]), "{host}");
            assert!(passes(host, &[("x-forwarded-for", "198.51.100.7")]), "{host} behind a proxy");
        }
        assert!(check_host(&net, &request("play.example", &[]), ANY, LOCAL_PEER).is_ok(), "it is there for others");
    }

    #[test]
    fn the_operators_port_believes_no_header_of_a_proxy() {
        let net = net(&[], &[]);
        let forwarded = request("evil.example", &[("x-forwarded-for", "198.51.100.7")]);
        assert!(check_operators_host(&net, &forwarded, LOCAL).is_err());
        assert!(check_operators_host(&net, &request("localhost:9090", &[]), LOCAL).is_ok());
        assert!(check_operators_host(&net, &request("metrics.example", &[]), ANY).is_ok(), "it is there for others");
    }

    #[test]
    fn a_list_of_hosts_holds_everywhere() {
        let net = net(&["play.example"], &[]);
        let proxied = &[("x-forwarded-for", "198.51.100.7")][..];
        for listen in [LOCAL, ANY] {
            let passes = |host: &str| check_host(&net, &request(host, proxied), listen, LOCAL_PEER).is_ok();
            assert!(["play.example", "PLAY.EXAMPLE.:80", "localhost", "192.0.2.7"].into_iter().all(passes));
            assert!(!["evil.example", "a.play.example"].into_iter().any(passes));
        }
    }

    #[test]
    fn a_request_names_one_valid_host() {
        assert!(host_of(&request("a", &[])).is_ok());
        for more in [&[("host", "a")][..], &[("host", "")]] {
            assert!(host_of(&request("a", more)).is_err(), "twice");
        }
        for host in ["", " ", "a b", "a@b", "a,b", "a:99999"] {
            assert!(host_of(&request(host, &[])).is_err(), "{host:?}");
        }
        let without = |version| Request::builder().version(version).body(()).unwrap();
        assert!(host_of(&without(Version::HTTP_11)).is_err());
        assert_eq!(host_of(&without(Version::HTTP_10)), Ok(None), "checks of proxies send none");
        let to = |target: &str| Request::builder().uri(target).header(HOST, "a:80").body(()).unwrap();
        assert!(host_of(&to("http://A:80/")).is_ok() && host_of(&to("http://b:80/")).is_err());
    }
}

//! `health`: asks a server that runs whether it wants players. A container has no other program to ask with.

use crate::config::{Config, ListenAddress};
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;

/// Time for the whole question. Container runtimes and probes give a check a few seconds.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 4_096;

/// The path that says whether a server wants players.
const PATH: &str = "/readyz";

/// The options of `health` beside those of `serve`.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// Address to ask, such as `http://127.0.0.1:9090/readyz`, or one without a path. By default the operators' port of
    /// the settings, or the players' one where that is off.
    #[arg(long, value_name = "URL")]
    url: Option<Uri>,
}

/// The reason for which a server does not count as healthy.
#[derive(Debug, Error)]
pub(super) enum HealthError {
    /// The address is not one of HTTP with a host.
    #[error("{0} is not an address to ask, such as http://127.0.0.1:9090/readyz")]
    Address(Uri),
    /// Only the players' port is there, and it speaks TLS or waits for the header of a proxy.
    #[error("the players' port wants TLS or a PROXY header; let the server have an operators' port on loopback")]
    PlayersOnly,
    /// The operators' port is on an address at which even this machine has to speak TLS.
    #[error("the operators' port speaks TLS there; let it be on loopback or on all addresses, such as 0.0.0.0:9090")]
    OperatorsTls,
    /// The settings let the system choose the port.
    #[error("the settings have port 0, which stands for any free one; name the address with --url")]
    AnyPort,
    /// Nothing listens there, or the connection broke off.
    #[error("no answer from {address}")]
    Connect {
        /// The address.
        address: Uri,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The answer is not HTTP.
    #[error("no answer of HTTP from {address}")]
    Http {
        /// The address.
        address: Uri,
        /// The reason.
        source: hyper::Error,
    },
    /// The answer takes too long.
    #[error("no answer from {0} within {seconds} s", seconds = TIMEOUT.as_secs())]
    Late(Uri),
    /// The server wants no players now, or is another server.
    #[error("{address} answers {status}: {reasons}")]
    NotReady {
        /// The address.
        address: Uri,
        /// The status.
        status: StatusCode,
        /// The body in one line.
        reasons: String,
    },
}

/// Asks the server of these settings, or the one of the question; gives the address that answered.
///
/// # Errors
/// When the server is not ready, or not there.
pub(super) fn ask(question: &Question, config: &Config) -> Result<Uri, HealthError> {
    let address = match &question.url {
        Some(url) => with_path(url)?,
        None => address_of(config)?,
    };
    let failed = |source| HealthError::Connect { address: address.clone(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let late = |_| HealthError::Late(address.clone());
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, request(&address)).await }).map_err(late)??;
    Ok(address)
}

/// An address of HTTP, with the path of the check when it has none.
fn with_path(url: &Uri) -> Result<Uri, HealthError> {
    let bad = || HealthError::Address(url.clone());
    let authority = url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or_else(bad)?;
    let path = if url.path() == "/" { PATH } else { url.path() };
    Uri::builder().scheme("http").authority(authority.clone()).path_and_query(path).build().map_err(|_| bad())
}

/// Whether a listener is reached by the loopback address.
fn is_of_this_machine(address: &SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

/// The address of the operators' port, which speaks plain HTTP to this machine whatever the players' one needs.
fn address_of(config: &Config) -> Result<Uri, HealthError> {
    let is_plain_here =
        |listen: &ListenAddress| listen.resolve().is_ok_and(|found| found.iter().all(is_of_this_machine));
    match &config.admin_listen.0 {
        None if config.has_tls() || config.proxy_protocol => return Err(HealthError::PlayersOnly),
        Some(listen) if config.has_tls() && !is_plain_here(listen) => return Err(HealthError::OperatorsTls),
        _ => {}
    }
    let listen = config.admin_listen.0.as_ref().unwrap_or(&config.listen);
    let text = reachable(listen);
    let bad = || HealthError::Address(Uri::default());
    let authority: Authority = text.parse().map_err(|_| bad())?;
    if authority.port_u16() == Some(0) {
        return Err(HealthError::AnyPort);
    }
    Uri::builder().scheme("http").authority(authority).path_and_query(PATH).build().map_err(|_| bad())
}

/// The address at which a server that listens on this one is reached from its own machine.
fn reachable(listen: &ListenAddress) -> String {
    let text = listen.to_string();
    let Ok(address) = text.parse::<SocketAddr>() else { return text };
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}

async fn request(address: &Uri) -> Result<(), HealthError> {
    let authority = address.authority().ok_or_else(|| HealthError::Address(address.clone()))?;
    let connect = |source| HealthError::Connect { address: address.clone(), source };
    let http = |source| HealthError::Http { address: address.clone(), source };
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let path = address.path_and_query().map_or(PATH, |path| path.as_str());
    let request = Request::get(path).header(HOST, authority.as_str()).body(Empty::<Bytes>::new());
    let request = request.map_err(|_| HealthError::Address(address.clone()))?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(http)?;
        let status = answer.status();
        // A body that breaks off or never ends says less, and the status has said enough.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
    };
    let (status, body) = tokio::select! {
        answer = answer => answer?,
        // The connection drives the request, and ends before it only by a fault.
        Err(error) = connection => return Err(http(error)),
    };
    if status == StatusCode::OK {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&body);
    let reasons: Vec<&str> = body.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(HealthError::NotReady { address: address.clone(), status, reasons: reasons.join("; ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OptionalListen;

    fn asked(listen: &str, admin: &str) -> String {
        let admin_listen: OptionalListen = admin.parse().unwrap();
        let config = Config { listen: listen.parse().unwrap(), admin_listen, ..Config::default() };
        address_of(&config).map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn the_settings_name_the_port_to_ask() {
        assert_eq!(asked("0.0.0.0:8080", "127.0.0.1:9090"), "http://127.0.0.1:9090/readyz");
        assert_eq!(asked("0.0.0.0:8080", "0.0.0.0:9090"), "http://127.0.0.1:9090/readyz");
        assert_eq!(asked("0.0.0.0:8080", "off"), "http://127.0.0.1:8080/readyz");
        assert_eq!(asked("[::]:8080", "off"), "http://[::1]:8080/readyz");
        assert_eq!(asked("127.0.0.1:8080", "localhost:9090"), "http://localhost:9090/readyz");
        assert!(asked("127.0.0.1:8080", "127.0.0.1:0").contains("--url"));
    }

    #[test]
    fn an_address_may_leave_its_path_out_and_has_to_be_one_of_http() {
        let with = |url: &str| with_path(&url.parse().unwrap()).map_err(|error| error.to_string());
        assert_eq!(with("http://play.example:9090").unwrap(), "http://play.example:9090/readyz");
        assert_eq!(with("http://play.example/healthz").unwrap(), "http://play.example/healthz");
        for url in ["https://play.example", "/readyz", "play.example:9090"] {
            assert!(with(url).unwrap_err().contains("such as http://"), "{url}");
        }
    }
}

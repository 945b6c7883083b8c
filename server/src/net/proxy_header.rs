//! The header of the PROXY protocol, in which a proxy names its client before the first byte of the client.
//!
//! The header is read only from trusted proxies, and only when the operator has switched it on: then it is missing on no
//! connection of theirs. Exactly the bytes of the header are taken from the socket, so that HTTP begins where it ends.

use super::Net;
use super::evictions::Phase;
use super::farewell::{busy, malformed, say_last};
use super::peer::Peer;
use super::problem::Problem;
use super::router::stopped;
use crate::limits::{PROXY_HEADER_BYTES_MAX, PROXY_HEADER_TIMEOUT};
use crate::socket::Stream;
use ppp::{v1, v2};
use std::net::IpAddr;
use std::rc::Rc;
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Bytes of the longest header of version 1, its line end included.
const V1_BYTES_MAX: usize = 107;

/// Bytes of a header of version 2 before its addresses.
const V2_HEAD_BYTES: usize = 16;

/// The byte of version 2 for a connection that the proxy has made for itself, such as a check of health.
const V2_LOCAL: u8 = 0x20;

/// The reason for which the beginning of a connection is no header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum HeaderError {
    /// The connection begins with something else.
    #[error("it begins with other bytes")]
    Missing,
    /// The header is longer than any proxy makes it.
    #[error("the header is longer than {max} bytes")]
    TooLong { max: usize },
    /// The header has another form than the protocol.
    #[error("the header is malformed")]
    Malformed,
}

/// The ends of a connection without a header.
enum NoHeader {
    /// The peer has closed the connection, or the server stops.
    Gone,
    /// The header did not come in time.
    Late,
    /// The connection had to make room for another.
    Evicted,
    /// The connection does not begin with a header.
    Wrong(HeaderError),
}

/// Reads the header of a proxy's connection; gives the socket with the peer that the header names. Without a header the
/// connection ends, and `None` is given.
pub(super) async fn read(net: &Rc<Net>, mut stream: TcpStream, proxy: IpAddr) -> Option<(TcpStream, Peer)> {
    let evicted = Rc::new(Notify::new());
    let place = net.queue(Phase::Pending, None, &evicted);
    let mut guest = net.drain.guest();
    let read = tokio::select! {
        biased;
        () = stopped(&mut guest) => Err(NoHeader::Gone),
        () = evicted.notified() => Err(NoHeader::Evicted),
        read = timeout(PROXY_HEADER_TIMEOUT, read_header(&mut stream)) => read.unwrap_or(Err(NoHeader::Late)),
    };
    drop(place);
    let last = match read {
        Ok(client) => return Some((stream, client.map_or_else(|| Peer::of_socket(proxy), Peer::named))),
        Err(NoHeader::Gone) => return None,
        Err(NoHeader::Evicted) => busy(),
        Err(NoHeader::Late) => {
            warn(net, proxy, "the header did not come in time");
            net.refusals.count(Problem::BadProxyHeader);
            malformed("the header of the PROXY protocol did not come in time", HELP)
        }
        Err(NoHeader::Wrong(error)) => {
            warn(net, proxy, &error.to_string());
            net.refusals.count(Problem::BadProxyHeader);
            malformed(&format!("the connection has to begin with a header of the PROXY protocol: {error}"), HELP)
        }
    };
    say_last(net, Stream::plain(stream), last.as_bytes()).await;
    None
}

/// The way on for an operator.
const HELP: &str = "let the proxy send the header (HAProxy: send-proxy-v2, nginx: proxy_protocol on in a stream), take \
                    the peer out of --trusted-proxies, or leave --proxy-protocol out";

fn warn(net: &Net, proxy: IpAddr, error: &str) {
    if !net.proxy_header_warned.replace(true) {
        tracing::warn!(%proxy, error, "a connection of a trusted proxy was refused; see --proxy-protocol");
    }
}

/// Takes the header from the socket; gives the client that it names.
async fn read_header(stream: &mut TcpStream) -> Result<Option<IpAddr>, NoHeader> {
    let (mut bytes, mut held) = ([0; PROXY_HEADER_BYTES_MAX], 0);
    loop {
        let seen = held + stream.peek(&mut bytes[held..]).await.map_err(|_| NoHeader::Gone)?;
        if seen == held {
            return Err(NoHeader::Gone);
        }
        let length = length(&bytes[..seen]).map_err(NoHeader::Wrong)?;
        let taken = length.unwrap_or(seen);
        stream.read_exact(&mut bytes[held..taken]).await.map_err(|_| NoHeader::Gone)?;
        held = taken;
        if length.is_some() {
            return client(&bytes[..held]).map_err(NoHeader::Wrong);
        }
    }
}

/// The bytes of the header at the beginning of these bytes; `None` while it is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, HeaderError> {
    if begins(bytes, v2::PROTOCOL_PREFIX) {
        let Some([high, low]) = bytes.get(V2_HEAD_BYTES - 2..V2_HEAD_BYTES) else { return Ok(None) };
        let length = V2_HEAD_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
        let is_long = length > PROXY_HEADER_BYTES_MAX;
        return if is_long { Err(TOO_LONG) } else { Ok((length <= bytes.len()).then_some(length)) };
    }
    if !begins(bytes, b"PROXY ") {
        return Err(HeaderError::Missing);
    }
    let line = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    match line.windows(2).position(|end| end == b"\r\n") {
        Some(at) => Ok(Some(at + 2)),
        None if line.len() == V1_BYTES_MAX => Err(HeaderError::TooLong { max: V1_BYTES_MAX }),
        None => Ok(None),
    }
}

const TOO_LONG: HeaderError = HeaderError::TooLong { max: PROXY_HEADER_BYTES_MAX };

/// Whether bytes begin with a mark, or are the beginning of it.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    let common = bytes.len().min(mark.len());
    bytes[..common] == mark[..common]
}

/// The client that a whole header names. `None` when it names none: then the address of the socket stands.
fn client(header: &[u8]) -> Result<Option<IpAddr>, HeaderError> {
    if !header.starts_with(v2::PROTOCOL_PREFIX) {
        let parsed = v1::Header::try_from(header).map_err(|_| HeaderError::Malformed)?;
        return Ok(match parsed.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        });
    }
    // The rest of such a header has no meaning.
    if header.get(v2::PROTOCOL_PREFIX.len()) == Some(&V2_LOCAL) {
        return Ok(None);
    }
    let parsed = v2::Header::try_from(header).map_err(|_| HeaderError::Malformed)?;
    Ok(match parsed.addresses {
        v2::Addresses::IPv4(addresses) => Some(addresses.source_address.into()),
        v2::Addresses::IPv6(addresses) => Some(addresses.source_address.into()),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::Rng;

    const V1: &[u8] = b"PROXY TCP4 198.51.100.7 192.0.2.1 51234 8080\r\n";

    /// A header of version 2 with this command, family and payload.
    fn v2_header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[command, family], &length, payload].concat()
    }

    fn v2_of_client() -> Vec<u8> {
        v2_header(0x21, 0x11, &[198, 51, 100, 7, 192, 0, 2, 1, 200, 34, 31, 144, 4, 0, 1, 0])
    }

    /// The length of the header at the beginning of these bytes, and the client that it names.
    fn read(bytes: &[u8]) -> Result<Option<(usize, Option<IpAddr>)>, HeaderError> {
        length(bytes)?.map(|length| Ok((length, client(&bytes[..length])?))).transpose()
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn both_versions_name_the_client_and_nothing_of_the_request_is_taken() {
        let v6: Vec<u8> = [[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]; 2].concat();
        for (header, client) in [
            (V1.to_vec(), ip("198.51.100.7")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n".to_vec(), ip("2001:db8::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN 198.51.100.7 192.0.2.1 1 2\r\n".to_vec(), None),
            (v2_of_client(), ip("198.51.100.7")),
            (v2_header(0x21, 0x21, &[&v6[..], &[0, 1, 0, 2]].concat()), ip("2001:db8::1")),
            (v2_header(0x21, 0x00, &[]), None),
            (v2_header(0x21, 0x31, &[7; 216]), None),
            (v2_header(0x20, 0x00, &[]), None),
            (v2_header(0x20, 0x11, &[198, 51]), None),
        ] {
            let with_request = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(read(&with_request), Ok(Some((header.len(), client))), "{header:?}");
        }
    }

    #[test]
    fn every_truncation_waits_for_the_rest() {
        for header in [V1.to_vec(), v2_of_client(), b"PROXY UNKNOWN\r\n".to_vec()] {
            for end in 0..header.len() {
                assert_eq!(read(&header[..end]), Ok(None), "{end} bytes of {header:?}");
            }
        }
    }

    #[test]
    fn another_beginning_is_refused_at_its_first_byte_and_a_long_header_at_its_length() {
        for bytes in ["GET / HTTP/1.1\r\n", "P\r", "proxy TCP4", "PROXYTCP4", "\r\n\r\nGET", "\0"] {
            assert_eq!(read(bytes.as_bytes()), Err(HeaderError::Missing), "{bytes:?}");
        }
        let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'a'; 200]].concat();
        assert_eq!(read(&endless), Err(HeaderError::TooLong { max: V1_BYTES_MAX }));
        assert_eq!(read(&endless[..V1_BYTES_MAX - 1]), Ok(None));
        assert_eq!(read(&v2_header(0x21, 0x11, &[0; 5_000])[..V2_HEAD_BYTES]), Err(TOO_LONG));
    }

    #[test]
    fn a_malformed_header_is_refused() {
        let v1 = ["TCP4 198.51.100.7 192.0.2.1 51234", "TCP4 2001:db8::1 ::1 1 2", "TCP5 1.2.3.4 1.2.3.4 1 2", "TCP4"];
        let v1 = v1.map(|rest| format!("PROXY {rest}\r\n").into_bytes());
        let v2 = [(0x11, 0x11, 12), (0x22, 0x11, 12), (0x21, 0x41, 12), (0x21, 0x13, 12), (0x21, 0x11, 11)];
        let v2 = v2.map(|(command, family, bytes)| v2_header(command, family, &vec![1; bytes]));
        for header in v1.into_iter().chain(v2) {
            assert_eq!(read(&header), Err(HeaderError::Malformed), "{header:?}");
        }
    }

    #[test]
    fn ten_thousand_damaged_headers_are_read_without_a_panic_and_within_their_bounds() {
        let mut dice = Rng::new(16);
        for whole in [V1.to_vec(), v2_of_client()] {
            for _ in 0..5_000 {
                let mut bytes = whole.clone();
                for _ in 0..=dice.below(4) {
                    let at = usize::try_from(dice.below(u32::try_from(bytes.len()).unwrap())).unwrap();
                    bytes[at] = u8::try_from(dice.below(256)).unwrap();
                }
                if let Ok(Some((length, _))) = read(&bytes) {
                    assert!(length <= bytes.len());
                }
            }
        }
    }
}

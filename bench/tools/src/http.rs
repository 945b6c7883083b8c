//! The little HTTP that a lean client needs before it exchanges frames. It blocks: nothing is measured yet.

use crate::wire::{Trust, Wire};
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tickwire::message::SUBPROTOCOL;

/// A server must answer within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer at the most.
const ANSWER_BYTES_MAX: usize = 65_536;

/// A WebSocket right after its handshake.
#[derive(Debug)]
pub struct Upgraded {
    /// The connection, still blocking.
    pub stream: Wire,
    /// Bytes that the server sent right after its answer.
    pub unread: Vec<u8>,
}

/// Connects without delaying small writes, and with a timeout for every read and write.
///
/// # Errors
/// When no server listens.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)
        .with_context(|| format!("no server listens on {address}"))?;
    set_patience(&stream)?;
    Ok(stream)
}

fn set_patience(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(())
}

/// Posts JSON and gives the body of the answer; under TLS where `trust` names authorities to trust.
///
/// # Errors
/// When the answer is not a success, or when no answer arrives in time.
pub fn post_json(address: SocketAddr, trust: Option<&Trust>, path: &str, body: &str) -> Result<String> {
    let mut stream = Wire::over(connect(address)?, trust)?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    read_answer(stream, path)
}

/// Fetches a page's text.
///
/// # Errors
/// When the answer is not a success, or when no answer arrives in time.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    read_answer(stream, path)
}

fn read_answer(mut stream: impl Read, path: &str) -> Result<String> {
    let (head, mut answer) = read_head(&mut stream)?;
    let most = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    stream.take(most).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ensure!(matches!(status(&head), Some(200..=299)), "{path}: {} {answer}", head.lines().next().unwrap_or_default());
    Ok(answer)
}

/// Opens a WebSocket, under TLS where `trust` names authorities to trust. The server's answer to the key is not
/// checked: the key is no secret, and the server is our own.
///
/// # Errors
/// When the server does not switch to frames, or does not do so in time.
pub fn upgrade(address: SocketAddr, trust: Option<&Trust>, path: &str, subprotocol: Option<&str>) -> Result<Upgraded> {
    upgrade_stream(Wire::over(connect(address)?, trust)?, address, path, subprotocol)
}

/// Opens a WebSocket of our server over a connection that is open already.
///
/// # Errors
/// When the server does not switch to frames, or does not do so in time.
pub fn upgrade_over(stream: TcpStream, address: SocketAddr, trust: Option<&Trust>) -> Result<Upgraded> {
    set_patience(&stream)?;
    upgrade_stream(Wire::over(stream, trust)?, address, "/ws", Some(SUBPROTOCOL))
}

fn upgrade_stream(mut stream: Wire, address: SocketAddr, path: &str, subprotocol: Option<&str>) -> Result<Upgraded> {
    let protocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
    )?;
    let (head, unread) = read_head(&mut stream)?;
    ensure!(status(&head) == Some(101), "no upgrade: {}", head.lines().next().unwrap_or_default());
    Ok(Upgraded { stream, unread })
}

/// Reads to the end of the head; gives the head and the bytes that followed in the same segment.
fn read_head(stream: &mut impl Read) -> Result<(String, Vec<u8>)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
    while bytes.len() < ANSWER_BYTES_MAX {
        let count = stream.read(&mut piece).context("the server did not answer")?;
        ensure!(count > 0, "the server ended the connection");
        bytes.extend_from_slice(&piece[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
    }
    bail!("the answer's head does not end")
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_came_with_the_answer_are_kept() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x82\x01x";
        let (head, unread) = read_head(&mut &answer[..]).unwrap();
        assert_eq!((status(&head), &unread[..]), (Some(101), &b"\x82\x01x"[..]));
        assert!(read_head(&mut &answer[..40]).is_err());
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        assert!(read_head(&mut std::io::repeat(b'x')).is_err());
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        assert_eq!(status("HTTP/1.1 404 Not Found\r\n"), Some(404));
        assert_eq!(status("HTTP/1.1 "), None);
        assert_eq!(status("hello"), None);
    }
}

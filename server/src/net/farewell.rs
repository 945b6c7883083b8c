//! The last bytes of a connection: they have to arrive, and the peer has to be let go all the same.

use super::Net;
use super::evictions::Phase;
use crate::limits::{BUSY_RETRY_SECONDS, CLOSE_DRAIN, DISCARDED_BYTES_MAX};
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Writes the last bytes and waits for the peer to close. A peer that neither reads nor closes is dropped soon, and at
/// once when too many others are leaving.
pub(super) async fn say_last(net: &Rc<Net>, mut stream: TcpStream, last: &[u8]) {
    let crowded = Rc::new(Notify::new());
    let _place = net.queue(Phase::Leaving, None, &crowded);
    tokio::select! {
        biased;
        // The kernel takes a few bytes at once, so even a connection that has to go at once has been told.
        _ = write_and_drain(&mut stream, last) => {}
        () = crowded.notified() => {}
        () = tokio::time::sleep(CLOSE_DRAIN) => {}
    }
}

/// Writes the last bytes and discards the input that still arrives: unread input would reset the connection, and the
/// reset would make the peer lose the bytes.
async fn write_and_drain(stream: &mut TcpStream, last: &[u8]) -> std::io::Result<()> {
    stream.write_all(last).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 4_096];
    let mut left = DISCARDED_BYTES_MAX;
    while left > 0 {
        match stream.read(&mut ignored).await? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

/// The whole answer to a connection that has to make room for others before it has had an answer.
pub(super) fn busy() -> String {
    let status = format!("503 Service Unavailable\r\nretry-after: {BUSY_RETRY_SECONDS}");
    whole(&status, "the server has too many open connections", "try again after the seconds in Retry-After")
}

/// The whole answer to a connection that does not begin as it has to.
pub(super) fn malformed(error: &str, help: &str) -> String {
    whole("400 Bad Request", error, help)
}

/// A refusal with its status line, for a connection of which no request was read. The words have no quotes.
fn whole(status: &str, error: &str, help: &str) -> String {
    let body = format!(r#"{{"error":"{error}","where":"","help":"{help}"}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncache-control: no-store\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

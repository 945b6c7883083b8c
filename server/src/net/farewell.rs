//! The last bytes of a connection: they have to arrive, and the peer has to be let go all the same.

use super::Net;
use super::answer::{PROBLEM_TYPE, Refusal};
use super::evictions::Phase;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::limits::{BUSY_RETRY_SECONDS, CLOSE_DRAIN, DISCARDED_BYTES_MAX};
use crate::socket::Stream;
use std::rc::Rc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

/// Writes the last bytes and waits for the peer to close. A peer that neither reads nor closes is dropped soon, and at
/// once when too many others are leaving.
pub(super) async fn say_last(net: &Rc<Net>, mut stream: Stream, last: &[u8]) {
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
async fn write_and_drain(stream: &mut Stream, last: &[u8]) -> std::io::Result<()> {
    stream.write_all(last).await?;
    stream.shutdown().await?;
    stream.drain(DISCARDED_BYTES_MAX).await
}

/// The whole answer to a connection that has to make room for others before it has had an answer.
pub(super) fn busy() -> String {
    let error = "the server has too many open connections";
    whole(&Refusal::later(Problem::TooManyConnections, error, BUSY_RETRY_SECONDS.into()))
}

/// The whole answer to a connection that does not begin as it has to.
pub(super) fn malformed(error: &str, help: &'static str) -> String {
    whole(&Refusal::new(Problem::BadProxyHeader, error, help))
}

/// The whole answer to a connection that speaks HTTP where TLS is spoken.
pub(super) fn plain_http() -> String {
    let help = "write https:// instead of http://, and wss:// instead of ws://";
    whole(&Refusal::new(Problem::NoTls, "this port speaks TLS, and the connection does not", help))
}

/// A refusal with its head, for a connection of which no request was read.
fn whole(refusal: &Refusal) -> String {
    let id = RequestId::made();
    let body = String::from_utf8(refusal.to_json(None, &id)).expect("JSON is UTF-8");
    let retry = refusal.retry_seconds().map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let (status, length, id) = (refusal.problem.status(), body.len(), id.as_str());
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncache-control: no-store\r\nx-request-id: {id}\r\n{retry}\
         content-type: {PROBLEM_TYPE}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

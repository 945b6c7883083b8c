//! A service that publishes to a topic at a steady rate, over the operators' listener as any service does.
//!
//! It has a thread of its own beside the load generator, on the same core. A message is due at a fixed time, so
//! that slow answers delay none but the next one.

use crate::pinning::{GENERATOR_CORE, pin_this_thread};
use crate::precise::{due_ns, now_ns};
use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// An answer must come within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A message, and the server to publish it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The address of the operators' listener.
    pub(super) admin: SocketAddr,
    /// The token of services.
    pub(super) token: String,
    /// The name of the topic.
    pub(super) topic: String,
    /// The text.
    pub(super) body: String,
    /// Messages in a second.
    pub(super) per_second: u32,
}

/// A service that is publishing; it ends when this is dropped.
pub(super) struct Publisher {
    thread: Option<JoinHandle<Result<u64>>>,
    /// Dropped to end the service.
    going: Option<Sender<()>>,
}

impl Publisher {
    /// Begins to publish.
    pub(super) fn start(notice: Notice) -> Result<Self> {
        let (going, over) = channel();
        let thread = Builder::new().name("publisher".into()).spawn(move || {
            pin_this_thread(GENERATOR_CORE)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(publish(&notice, &over)).context("the publisher")
        })?;
        Ok(Self { thread: Some(thread), going: Some(going) })
    }

    /// Ends, and gives the number of messages that the server has taken.
    pub(super) fn finish(mut self) -> Result<u64> {
        drop(self.going.take());
        let thread = self.thread.take().context("the publisher ends once")?;
        thread.join().map_err(|_| anyhow!("the publisher has panicked"))?
    }
}

async fn publish(notice: &Notice, over: &Receiver<()>) -> Result<u64> {
    let stream = TcpStream::connect(notice.admin).await.context("no operators' listener")?;
    stream.set_nodelay(true)?;
    let (mut requests, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with the runtime, or with an error that the next request shows.
    tokio::spawn(connection);
    let (start_ns, mut taken) = (now_ns(), 0);
    while over.try_recv() == Err(TryRecvError::Empty) {
        let due_ns = due_ns(start_ns, taken, u64::from(notice.per_second));
        sleep(Duration::from_nanos(due_ns.saturating_sub(now_ns()))).await;
        timeout(ANSWER_TIMEOUT, say(&mut requests, notice)).await.context("the server gave no answer")??;
        taken += 1;
    }
    Ok(taken)
}

/// Publishes one message.
async fn say(requests: &mut SendRequest<Full<Bytes>>, notice: &Notice) -> Result<()> {
    let request = Request::post(format!("/topics/{}", notice.topic))
        .header(HOST, notice.admin.to_string())
        .header(AUTHORIZATION, format!("Bearer {}", notice.token))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(json!({ "body": notice.body }).to_string()))?;
    requests.ready().await?;
    let answer = requests.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != StatusCode::CREATED {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    ensure!(!body.is_empty(), "the answer names no message");
    Ok(())
}

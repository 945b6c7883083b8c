//! Stopping, as the net thread sees it: the requests and handshakes that are under way are answered, new ones too, but
//! nothing new begins.
//!
//! The listener stays open meanwhile, so that health checks read why the server is not ready. A connection without a
//! request closes after a moment. When everything is answered and the shards have ended, the thread ends.

use super::answer::{Answer, Refusal};
use super::http_stream::HttpStream;
use super::problem::Problem;
use super::router::builder;
use super::{Net, StopOrder};
use crate::limits::{DRAIN_GRACE, DRAIN_MAX, HTTP_CONNECTION_TIMEOUT, STOPPING_RETRY_SECONDS};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::pin;
use tickwire::message::close::CloseCode;
use tokio::sync::watch;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// The stop of the net thread, as its tasks learn of it.
#[derive(Debug, Default)]
pub(super) struct Drain(watch::Sender<Option<CloseCode>>);

/// A task that the net thread waits for when it stops.
#[derive(Debug)]
pub(super) struct Guest(watch::Receiver<Option<CloseCode>>);

impl Drain {
    /// The close code for players, when the server stops.
    pub(super) fn code(&self) -> Option<CloseCode> {
        *self.0.borrow()
    }

    /// Counts a task among those that the net thread waits for, until the value is dropped.
    pub(super) fn guest(&self) -> Guest {
        Guest(self.0.subscribe())
    }
}

impl Guest {
    /// Waits until the server stops; gives the close code for players.
    pub(super) async fn stopped(&mut self) -> CloseCode {
        let stopped = self.0.wait_for(Option::is_some).await.ok().and_then(|code| *code);
        // The sender lives as long as the net thread, and its tasks end with it.
        stopped.unwrap_or(CloseCode::Away)
    }
}

/// Stops as ordered: returns when the shards have ended and all guests are gone, after [`DRAIN_MAX`] at the latest.
pub(super) async fn drain(net: &Net, order: StopOrder, shards: JoinHandle<()>) {
    net.drain.0.send_replace(Some(order.code));
    // Its guests say goodbye before anything can hurry them.
    yield_now().await;
    // From now on no command goes to a shard. The thread that has ordered the stop waits for this.
    drop(order.begun);
    let finished = async {
        // The task has ended when no shard can send a report any more.
        let _ = shards.await;
        net.drain.0.closed().await;
    };
    tokio::select! {
        _ = timeout(DRAIN_MAX, finished) => {}
        _ = order.hurry => {}
    }
}

/// The refusal of a request that would begin something.
pub(super) fn stopping() -> Refusal {
    Refusal::later(Problem::Stopping, "the server is stopping", STOPPING_RETRY_SECONDS)
}

/// Answers the requests of a connection until it ends or becomes a WebSocket.
pub(super) async fn serve<S>(net: &Net, stream: HttpStream, service: S)
where
    S: Service<Request<Incoming>, Response = Answer, Error = Infallible>,
{
    let mut guest = net.drain.guest();
    let connection = builder(&net.config()).serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let served = async {
        let stopped = async {
            guest.stopped().await;
            // A request may be on its way.
            sleep(DRAIN_GRACE).await;
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopped => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    };
    // A fault of the peer ends its connection only.
    let _ = timeout(HTTP_CONNECTION_TIMEOUT, served).await;
}

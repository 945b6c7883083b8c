//! The thread of tunnels: it carries the connections of players whose rooms are on other nodes.
//!
//! ```text
//! player ── socket ─┐ up:   hello, inputs            ┌─ socket ── node of the room
//!                   └ down: snapshots, close frames ─┘
//! ```
//!
//! A tunnel moves bytes and knows no frames. It reads from one side only when the other side has taken everything before,
//! so that a slow player slows the room's connection down, and no more than one read of each direction waits here. When
//! one side ends, the other one gets what is in flight; then both are closed. When the thread stops, the tunnels end
//! without a close frame: nobody knows here where a frame would begin.

mod way;

use crate::limits::{CLOSE_DRAIN, TUNNEL_BUFFER_DOWN_BYTES, TUNNEL_BUFFER_UP_BYTES, TUNNELS_PASS};
use crate::mailbox::{NewTunnel, TunnelPlace, TunnelsInbox};
use crate::metrics::{Metrics, TunnelWay};
use crate::socket::Stream;
use crate::threads::ThreadHealth;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};
use way::Way;

/// The channels and shared values that the thread receives at its start.
pub(crate) struct TunnelSetup {
    pub(crate) inbox: TunnelsInbox,
    /// The thread ends when the other half is used or dropped.
    pub(crate) stop: oneshot::Receiver<()>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<ThreadHealth>,
}

/// The things that all tunnels of the thread use.
struct Shared {
    metrics: Arc<Metrics>,
    /// The place into which bytes are read. Those that a socket does not take at once are copied from here, so that a
    /// tunnel where nothing waits needs no memory for it.
    space: RefCell<Box<[u8]>>,
}

/// Runs until the thread is to stop; all tunnels end then.
///
/// # Errors
/// When the system has no means for a runtime.
pub(crate) fn run(setup: TunnelSetup) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(take_in(setup));
    // The tunnels are tasks of the runtime, and their sockets are closed with it.
    drop(runtime);
    Ok(())
}

/// Opens tunnels until the thread is to stop.
async fn take_in(setup: TunnelSetup) {
    let TunnelSetup { mut inbox, mut stop, metrics, health } = setup;
    let space = vec![0; TUNNEL_BUFFER_UP_BYTES.max(TUNNEL_BUFFER_DOWN_BYTES)].into_boxed_slice();
    let shared = Rc::new(Shared { metrics, space: RefCell::new(space) });
    let mut pass_at = Instant::now();
    // Tunnels go on when the net thread has ended: the order to stop follows.
    let mut may_come = true;
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => return,
            () = sleep_until(pass_at) => {
                pass_at = Instant::now() + TUNNELS_PASS;
                health.works();
            }
            new = inbox.recv(), if may_come => match new {
                Some((carry, place)) => drop(spawn_local(serve(Rc::clone(&shared), carry, place))),
                None => may_come = false,
            },
        }
    }
}

/// A tunnel in the metrics; it leaves them when it is dropped.
struct Shown<'a>(&'a Metrics);

impl<'a> Shown<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.tunnels.opened.increment(1);
        metrics.tunnels.open.increment(1.0);
        Self(metrics)
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.tunnels.open.decrement(1.0);
    }
}

/// Carries a connection until it ends.
async fn serve(shared: Rc<Shared>, carry: Box<NewTunnel>, place: TunnelPlace) {
    let NewTunnel { client, peer, counted } = *carry;
    let _shown = Shown::new(&shared.metrics);
    match client.into_stream().and_then(|client| Ok((client, peer.into_stream()?))) {
        Ok((client, peer)) => {
            let mut tunnel = Tunnel::new(&shared, client, peer);
            poll_fn(|context| tunnel.poll_first_end(context)).await;
            // A player who comes back at once is not counted twice.
            drop(counted);
            let _ = timeout(CLOSE_DRAIN, poll_fn(|context| tunnel.poll_end(context))).await;
        }
        Err(error) => tracing::debug!(%error, "a tunnel could not be opened"),
    }
    // Its sockets are closed by now.
    drop(place);
}

/// The two sockets of a tunnel, and how far each direction is.
struct Tunnel<'a> {
    shared: &'a Shared,
    client: Stream,
    peer: Stream,
    up: Way,
    down: Way,
}

impl<'a> Tunnel<'a> {
    fn new(shared: &'a Shared, client: Stream, peer: Stream) -> Self {
        let up = Way::new(TunnelWay::Up, TUNNEL_BUFFER_UP_BYTES);
        let down = Way::new(TunnelWay::Down, TUNNEL_BUFFER_DOWN_BYTES);
        Self { shared, client, peer, up, down }
    }

    /// Moves bytes both ways as far as possible.
    fn advance(&mut self, context: &mut Context<'_>) {
        let Self { shared, client, peer, up, down } = self;
        let mut space = shared.space.borrow_mut();
        // In this order: a read from the player may leave an answer of TLS, which the second line sends.
        up.advance(client, peer, &mut space, &shared.metrics.tunnels, context);
        down.advance(peer, client, &mut space, &shared.metrics.tunnels, context);
    }

    /// Resolves when a direction carries nothing more.
    fn poll_first_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.advance(context);
        if self.up.carries() && self.down.carries() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Resolves when both directions have ended.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.advance(context);
        if self.up.has_ended() && self.down.has_ended() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests;

//! The registry of several nodes, in a NATS server with JetStream.
//!
//! ```text
//! Nats (any thread) ── bounded orders ──► thread: buckets ──► NATS
//!        ▲  ◄───── answer, at most 2 s ─────┘ │
//!        └────── bounded changes ◄── watch ◄──┘
//! ```
//!
//! All work with NATS is done on a thread of its own: TLS, JSON and the first thousands of records cost no other thread
//! anything. While NATS is away, orders are refused at once, and the thread goes on trying; a NATS that is not good enough
//! counts as away, and the reason can be asked for.
//!
//! A write is sent once. When its answer is lost nobody knows whether it was done, and it may still be done a little later:
//! the caller looks again. A bucket keeps one record a key, so that a watch that lags gets the newest record alone.

mod buckets;
mod following;
mod link;
#[cfg(test)]
mod tests;

use super::claim::{NodeId, NodeLease, Revision, RoomClaim, encode};
use super::registry::{Change, Record, Registry, Write, WriteFault};
use crate::config::{NatsAddresses, ServiceName};
use crate::lobby::Code;
use buckets::Buckets;
use following::Following;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// The settings of a registry over NATS.
#[derive(Debug, Clone)]
pub(crate) struct NatsSettings {
    pub(crate) addresses: NatsAddresses,
    pub(crate) service: ServiceName,
    /// The time for which the code of a removed claim rests.
    pub(crate) rest: Duration,
}

/// The time after which an order without an answer has an unknown end.
const ORDER_LIMIT: Duration = Duration::from_secs(2);

/// Orders that wait for the thread.
const ORDERS_MAX: usize = 1_024;

/// Orders that the thread works on.
const IN_HAND_MAX: usize = 1_024;

/// The reason for which a NATS is no registry. It stays until another connection shows a better one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NatsFault {
    /// The server is before the version that keeps its promises in replicated streams.
    #[error("NATS {version} loses writes to streams with {replicas} replicas: 2.10.19 or later is needed")]
    TooOld {
        /// The version that the server names.
        version: String,
        /// The replicas of the stream.
        replicas: usize,
    },
    /// There is a stream with the name of a bucket that is none.
    #[error("the stream {stream} of NATS is for other subjects than those of the bucket")]
    OtherSubjects {
        /// The name of the stream.
        stream: String,
    },
}

/// The state of the connection to NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    /// There is none, or its buckets are not open yet.
    Away,
    /// It is up and its buckets are open; the number counts the connections.
    Ready(u64),
    /// This NATS is not good enough.
    Refused(NatsFault),
}

/// Counts keys in the buckets that name nothing.
#[derive(Debug, Default)]
struct BadKeys(AtomicU64);

impl BadKeys {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where the answer to an order goes.
type Answer<T> = oneshot::Sender<Result<T, WriteFault>>;

/// An order to the thread.
#[derive(Debug)]
enum Order {
    Write(Code, Write, Answer<Revision>),
    Read(Code, Answer<Option<(Revision, Record<RoomClaim>)>>),
    Renew(NodeId, NodeLease, Option<Revision>, Answer<Revision>),
    Watch(Answer<mpsc::Receiver<Change>>),
}

/// The handle of a registry over NATS. All its copies are the same registry.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    orders: mpsc::Sender<(Instant, Order)>,
    link: watch::Receiver<Link>,
    bad_keys: Arc<BadKeys>,
}

impl Nats {
    /// Whether NATS is there and its buckets are open.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(*self.link.borrow(), Link::Ready(_))
    }

    /// The reason for which this NATS is no registry, if it has been found to be none.
    pub(crate) fn fault(&self) -> Option<NatsFault> {
        match &*self.link.borrow() {
            Link::Refused(fault) => Some(fault.clone()),
            Link::Away | Link::Ready(_) => None,
        }
    }

    /// Records whose key names no room and no node, counted each time that they are read.
    pub(crate) fn bad_keys(&self) -> u64 {
        self.bad_keys.0.load(Ordering::Relaxed)
    }

    /// Gives an order, and waits for its answer. Whoever stops waiting does not stop the work.
    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, WriteFault> {
        if !self.is_connected() {
            return Err(WriteFault::Away);
        }
        let (answer, answered) = oneshot::channel();
        let deadline = Instant::now() + ORDER_LIMIT;
        self.orders.try_send((deadline, order(answer))).map_err(|_| WriteFault::Away)?;
        answered.await.unwrap_or(Err(WriteFault::Unknown))
    }
}

impl Registry for Nats {
    async fn write_room(&self, code: Code, write: Write) -> Result<Revision, WriteFault> {
        self.ask(|answer| Order::Write(code, write, answer)).await
    }

    async fn read_room(&self, code: Code) -> Result<Option<(Revision, Record<RoomClaim>)>, WriteFault> {
        self.ask(|answer| Order::Read(code, answer)).await
    }

    async fn renew(&self, node: NodeId, lease: NodeLease, last: Option<Revision>) -> Result<Revision, WriteFault> {
        self.ask(|answer| Order::Renew(node, lease, last, answer)).await
    }

    async fn watch(&self) -> Result<mpsc::Receiver<Change>, WriteFault> {
        self.ask(Order::Watch).await
    }
}

/// The thread that works with NATS. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct NatsThread {
    nats: Nats,
    first_word: Mutex<std::sync::mpsc::Receiver<()>>,
    /// Dropping it stops the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl NatsThread {
    /// Starts the thread. NATS may be away: that shows by [`Self::wait_for_nats`] and by the answers to orders.
    ///
    /// # Errors
    /// When the operating system has no thread or no runtime for it.
    pub(crate) fn start(settings: NatsSettings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (links, link) = watch::channel(Link::Away);
        let (heard, first_word) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let nats = Nats { orders, link, bad_keys: Arc::default() };
        let bad_keys = Arc::clone(&nats.bad_keys);
        let work = move || {
            runtime.block_on(async {
                let mut link = links.subscribe();
                let notes_first_word = async {
                    drop(link.wait_for(|link| *link != Link::Away).await);
                    drop(heard);
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    _ = stopped => {}
                    () = work_with_nats(&settings, inbox, &links, bad_keys) => {}
                    () = notes_first_word => {}
                }
                links.send_replace(Link::Away);
            });
            // A name that is being resolved must not hold the end of the process.
            runtime.shutdown_background();
        };
        let thread = Builder::new().name("cluster".into()).spawn(work)?;
        Ok(Self { nats, first_word: Mutex::new(first_word), stop: Some(stop), thread: Some(thread) })
    }

    /// A handle of the registry.
    pub(crate) fn registry(&self) -> Nats {
        self.nats.clone()
    }

    /// Blocks until NATS is there, for at most `limit`, and says whether it is.
    ///
    /// # Errors
    /// When this NATS is no registry: waiting does not change it.
    pub(crate) fn wait_for_nats(&self, limit: Duration) -> Result<bool, NatsFault> {
        // Nothing is ever sent: the thread drops its half at the first word of NATS.
        let _ = self.first_word.lock().recv_timeout(limit);
        self.nats.fault().map_or_else(|| Ok(self.nats.is_connected()), Err)
    }

    /// Stops the thread, and waits for its end. Orders without an answer end as [`WriteFault::Unknown`].
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that works with NATS has panicked");
        }
    }
}

impl Drop for NatsThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// Connects to NATS, keeps the connection, and works on orders.
async fn work_with_nats(
    settings: &NatsSettings,
    mut inbox: mpsc::Receiver<(Instant, Order)>,
    links: &watch::Sender<Link>,
    bad_keys: Arc<BadKeys>,
) {
    let (client, events) = link::connect(&settings.addresses).await;
    let desk = Arc::new(OrderWork {
        buckets: Buckets::new(client, &settings.service),
        rest: settings.rest,
        link: links.subscribe(),
        bad_keys,
    });
    let mut in_hand = JoinSet::new();
    let take_orders = async {
        loop {
            tokio::select! {
                Some(_) = in_hand.join_next() => {}
                order = inbox.recv(), if in_hand.len() < IN_HAND_MAX => match order {
                    Some((deadline, order)) => drop(in_hand.spawn(Arc::clone(&desk).carry_out(deadline, order))),
                    None => return,
                },
            }
        }
    };
    tokio::join!(take_orders, link::keep(&desk.buckets, events, links));
}

/// The thing that orders are carried out with.
struct OrderWork {
    buckets: Buckets,
    rest: Duration,
    link: watch::Receiver<Link>,
    bad_keys: Arc<BadKeys>,
}

impl OrderWork {
    async fn carry_out(self: Arc<Self>, deadline: Instant, order: Order) {
        match order {
            Order::Write(code, write, answer) => {
                self.answer(deadline, answer, self.write(&code.to_string(), write)).await;
            }
            Order::Read(code, answer) => self.answer(deadline, answer, self.read(&code.to_string())).await,
            Order::Renew(node, lease, last, answer) => {
                self.answer(deadline, answer, self.renew(&node.to_string(), &lease, last)).await;
            }
            Order::Watch(answer) => self.answer(deadline, answer, self.watch()).await,
        }
    }

    /// Does the work of an order within its time.
    async fn answer<T>(&self, deadline: Instant, answer: Answer<T>, work: impl Future<Output = Result<T, WriteFault>>) {
        if answer.is_closed() {
            return;
        }
        let done = match &*self.link.borrow() {
            // The client would keep the order and send it when nobody expects it any more.
            Link::Away | Link::Refused(_) => Some(Err(WriteFault::Away)),
            Link::Ready(_) => None,
        };
        let done = match done {
            Some(done) => done,
            None => timeout_at(deadline.into(), work).await.unwrap_or(Err(WriteFault::Unknown)),
        };
        drop(answer.send(done));
    }

    async fn write(&self, key: &str, write: Write) -> Result<Revision, WriteFault> {
        let rooms = &self.buckets.rooms;
        match write {
            Write::Create(claim) => rooms.create(key, encode(&claim), self.rest).await,
            Write::Change(at, claim) => rooms.change(key, at, encode(&claim)).await,
            Write::Remove(at) => rooms.remove(key, at).await,
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Revision, Record<RoomClaim>)>, WriteFault> {
        let last = self.buckets.rooms.last(key).await?;
        Ok(last.map(|last| (Revision(last.sequence), following::record(Some(&last.headers), &last.payload))))
    }

    async fn renew(&self, key: &str, lease: &NodeLease, last: Option<Revision>) -> Result<Revision, WriteFault> {
        let nodes = &self.buckets.nodes;
        match last {
            Some(last) => nodes.change(key, last, encode(lease)).await,
            // A lease that an operator has removed is free at once: a node has one name for ever.
            None => nodes.create(key, encode(lease), Duration::ZERO).await,
        }
    }

    async fn watch(&self) -> Result<mpsc::Receiver<Change>, WriteFault> {
        let link = self.link.borrow().clone();
        let (following, changes) =
            Following::begin(&self.buckets, Arc::clone(&self.bad_keys)).await.map_err(|error| {
                tracing::debug!(%error, "a watch of the registry does not begin");
                WriteFault::Unknown
            })?;
        tokio::spawn(following.run(self.link.clone(), link));
        Ok(changes)
    }
}

//! Clients that hardly read, or not at all, in the rooms of clients that play: they join and leave in turns, on a
//! thread of their own.
//!
//! Each plays like any other client for a second, then reads a fixed number of bytes a second or none, and goes on
//! sending inputs as long as a client would. The bytes that wait for it wait in the server's send queue, because its
//! own receive buffer is tiny. A slow reader that the server closes reconnects as clients do, but a client that never
//! reads does not: its test ends with that close.

pub(super) mod queues;
mod reader;

use super::{Clock, Plan};
use crate::report::slow::Closed;
use anyhow::{Context, Result, bail};
use queues::Queues;
use reader::Reader;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tickwire::{Game, Rng};

/// Time between two looks at the sockets.
const STEP: Duration = Duration::from_millis(10);

/// Time between two looks at the server's queues, in microseconds.
const SAMPLE_US: u64 = 100_000;

/// Bytes that a slow reader reads in a second.
pub(super) const SLOW_BYTES_PER_S: u32 = 1_024;

/// An order to the thread of the slow readers.
enum Order {
    Come,
    Go,
}

/// All slow readers together.
pub(super) struct SlowCrowd {
    orders: Sender<Order>,
    thread: JoinHandle<Result<Found>>,
}

/// The measurements of the slow readers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Looks at the server's queue for one of them.
    pub(super) queue_samples: u64,
    /// The most bytes that waited in the server for any of them.
    pub(super) queued_bytes_max: u64,
    /// Connections of slow readers that the server closed, by code.
    pub(super) slow_closes: BTreeMap<u16, u32>,
    /// Bytes that the slow readers read while they were slow, and the sum of the times in which they were slow, in
    /// microseconds.
    pub(super) slow_read: (u64, u64),
    /// Connections of clients that never read, with the close where the server closed them.
    pub(super) never: Vec<Option<Closed>>,
}

impl SlowCrowd {
    /// A crowd for the rooms with these codes; none of its clients has joined yet.
    pub(super) fn start<G: Game>(codes: &[String], plan: &Plan, clock: Clock) -> Result<Self> {
        let (orders, inbox) = channel();
        let codes = codes.to_vec();
        let (address, trust) =
            plan.secure.clone().map_or((plan.address, None), |(server, trust)| (server, Some(trust)));
        let (slow, never, seed) = (plan.slow_readers, plan.never_readers, plan.seed);
        let thread = Builder::new().name("slow-readers".into()).spawn(move || {
            let mut dice = Rng::new(!seed);
            let paces = std::iter::repeat_n(0, never as usize)
                .chain(std::iter::repeat_n(SLOW_BYTES_PER_S, slow as usize))
                .zip(codes.iter().cycle());
            let reader =
                |(pace, code): (u32, &String)| Reader::<G>::new(code, pace, dice.next_u64(), address, trust.clone());
            let readers = paces.map(reader).collect();
            let queues = Queues::of(address)?;
            Troop { readers, queues, clock, sampled_us: 0, found: Found::default() }.run(&inbox)
        })?;
        Ok(Self { orders, thread })
    }

    /// Makes the slow readers join.
    pub(super) fn come(&self) {
        // A thread that has ended says why at the end.
        let _ = self.orders.send(Order::Come);
    }

    /// Makes the slow readers leave.
    pub(super) fn go(&self) {
        let _ = self.orders.send(Order::Go);
    }

    /// Ends the thread, and gives the measurements. The slow readers have left before.
    pub(super) fn finish(self) -> Result<Found> {
        drop(self.orders);
        self.thread.join().unwrap_or_else(|_| bail!("the slow readers have panicked")).context("the slow readers")
    }
}

/// State of the thread.
struct Troop<G: Game> {
    readers: Vec<Reader<G>>,
    queues: Queues,
    clock: Clock,
    sampled_us: u64,
    found: Found,
}

impl<G: Game> Troop<G> {
    fn run(mut self, inbox: &Receiver<Order>) -> Result<Found> {
        loop {
            let now_us = self.clock.now_us();
            match inbox.recv_timeout(STEP) {
                Ok(Order::Come) => self.readers.iter_mut().for_each(|reader| reader.come(now_us)),
                Ok(Order::Go) => self.readers.iter_mut().for_each(|reader| reader.go(now_us, &mut self.found)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.found),
            }
            let now_us = self.clock.now_us();
            for reader in &mut self.readers {
                reader.step(now_us, &mut self.found)?;
            }
            if now_us >= self.sampled_us + SAMPLE_US && self.readers.iter().any(Reader::is_connected) {
                self.sampled_us = now_us;
                self.sample(now_us)?;
            }
        }
    }

    /// Looks at the server's ends of all connections.
    fn sample(&mut self, now_us: u64) -> Result<()> {
        let ends = self.queues.by_port()?;
        for reader in &mut self.readers {
            let Some(port) = reader.port() else { continue };
            match ends.get(&port) {
                Some(queued_bytes) => {
                    self.found.queue_samples += 1;
                    self.found.queued_bytes_max = self.found.queued_bytes_max.max(*queued_bytes);
                }
                None => reader.server_closed(now_us),
            }
        }
        Ok(())
    }
}

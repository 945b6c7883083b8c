//! The bare loop: the cost of a tick that consists of the kernel's work alone.
//!
//! ```text
//! sleep to the deadline → per socket: one read that does not wait, one write that does not wait
//! ```
//!
//! One thread, no epoll, no game, no encoding, no parsing, and the same prebuilt frame for every client; a socket is
//! read and written one right after the other, while it is warm in the caches. All ticks of a second are at the same
//! time for all clients, because waking up more often would only cost more. The loop is meant to be hard to beat.

use crate::precise::{due_ns, next_number, now_ns, sleep_until, tighten_timers};
use anyhow::{Context, Result, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tickwire_tools::frame::blank_frame;

/// Every client must have connected within this time.
const CONNECT_NS_MAX: u64 = 30_000_000_000;

/// Interval at which a resting loop checks whether it may go on; nothing is measured then.
const REST: Duration = Duration::from_millis(5);

/// Bytes that one read accepts at the most.
const READ_BYTES: usize = 4_096;

const RESTING: u8 = 0;
const TICKING: u8 = 1;
const STOPPED: u8 = 2;

/// A loop on a thread of its own. Dropping it ends the thread.
#[derive(Debug)]
pub struct BareLoop {
    address: SocketAddr,
    state: Arc<AtomicU8>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl BareLoop {
    /// A resting loop that waits for `clients` connections and will send each a frame of `frame_bytes` per tick.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(clients: usize, frame_bytes: usize, rate_hz: u32) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(AtomicU8::new(RESTING));
        let heard = Arc::clone(&state);
        let thread = Builder::new().name(thread_name(address)).spawn(move || {
            tighten_timers();
            let streams = accept(&listener, clients, &heard)?;
            let frame = blank_frame(frame_bytes);
            Ticking { streams, frame, rate_hz: u64::from(rate_hz), received: vec![0; READ_BYTES] }.run(&heard)
        })?;
        Ok(Self { address, state, thread: Some(thread) })
    }

    /// The address on which the loop listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the loop's thread, for CPU accounting: no other loop of this process has it.
    #[must_use]
    pub fn thread_name(&self) -> String {
        thread_name(self.address)
    }

    /// Lets the loop tick.
    pub fn go(&self) {
        self.state.store(TICKING, Ordering::Release);
    }

    /// Lets the loop rest after the current tick.
    pub fn rest(&self) {
        self.state.store(RESTING, Ordering::Release);
    }

    /// Ends the loop.
    ///
    /// # Errors
    /// The error that ended the loop early.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.state.store(STOPPED, Ordering::Release);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| bail!("the bare loop has panicked")).context("the bare loop has ended")
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        // A caller that needs the loop's error calls `stop`.
        let _ = self.end();
    }
}

fn thread_name(address: SocketAddr) -> String {
    format!("bare-{}", address.port())
}

fn accept(listener: &TcpListener, clients: usize, state: &AtomicU8) -> Result<Vec<TcpStream>> {
    listener.set_nonblocking(true)?;
    let deadline_ns = now_ns() + CONNECT_NS_MAX;
    let mut streams = Vec::with_capacity(clients);
    while streams.len() < clients {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                streams.push(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let is_late = now_ns() > deadline_ns || state.load(Ordering::Acquire) == STOPPED;
                ensure!(!is_late, "only {} of {clients} clients connected", streams.len());
                sleep_until(now_ns() + 200_000);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(streams)
}

/// All data that the loop touches.
struct Ticking {
    streams: Vec<TcpStream>,
    frame: Vec<u8>,
    rate_hz: u64,
    received: Vec<u8>,
}

impl Ticking {
    fn run(mut self, state: &AtomicU8) -> Result<()> {
        let start_ns = now_ns();
        let mut number = 0;
        loop {
            match state.load(Ordering::Acquire) {
                STOPPED => return Ok(()),
                TICKING => {}
                _ => {
                    std::thread::sleep(REST);
                    number = next_number(start_ns, now_ns(), self.rate_hz);
                    continue;
                }
            }
            sleep_until(due_ns(start_ns, number, self.rate_hz));
            number += 1;
            self.tick()?;
        }
    }

    fn tick(&mut self) -> Result<()> {
        for stream in &mut self.streams {
            match stream.read(&mut self.received) {
                Ok(0) => bail!("a client hung up"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            let count = stream.write(&self.frame).context("a client does not read")?;
            ensure!(count == self.frame.len(), "a client reads too slowly");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_gets_a_frame_per_tick_while_it_is_not_resting() {
        let bare = BareLoop::start(3, 200, 200).unwrap();
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(bare.address()).unwrap()).collect();
        bare.go();
        let mut received = vec![0; 2_000];
        for client in &mut clients {
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client.write_all(&[1; 20]).unwrap();
            client.read_exact(&mut received).unwrap();
            assert!(received.chunks(200).all(|frame| frame == blank_frame(200)));
        }
        bare.rest();
        bare.go();
        clients[0].read_exact(&mut received).unwrap();
        bare.stop().unwrap();
    }

    #[test]
    fn a_client_that_hangs_up_is_an_error_and_not_a_cheaper_tick() {
        let bare = BareLoop::start(2, 100, 500).unwrap();
        let staying = TcpStream::connect(bare.address()).unwrap();
        drop(TcpStream::connect(bare.address()).unwrap());
        bare.go();
        while !bare.thread.as_ref().unwrap().is_finished() {
            std::thread::yield_now();
        }
        assert!(bare.stop().is_err());
        drop(staying);
    }

    #[test]
    fn a_loop_that_waits_for_clients_can_be_ended() {
        drop(BareLoop::start(2, 100, 30).unwrap());
    }
}

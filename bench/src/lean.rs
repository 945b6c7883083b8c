//! A load generator that costs little and disturbs less: one thread, one read and one write per client and tick.
//!
//! ```text
//! step: sleep a moment → epoll, without waiting in it → read the frames that arrived → inputs that are due → write
//! them
//! ```
//!
//! The thread never waits inside of epoll: waking it would be work of the sending process, and so of the server that is
//! measured. Arrival times are therefore only as exact as [`STEP_NS`]. Every client has its own fixed times for inputs,
//! spread evenly over the tick, independent of the server: a slow server does not get less to do.
//!
//! A [`Talk`] is the protocol that a client speaks; frames, sockets, schedule and counting are the same for all
//! protocols. Nothing is simulated, compared or predicted here: `cargo bots` does that.

mod client;
mod colyseus;
pub mod rooms;
mod talk;
mod tally;
mod thin;

pub use colyseus::Colyseus;
pub use talk::{Bare, Heard, Talk};
pub use tally::Tally;
pub use thin::{Thin, ThinKind};

use crate::precise::{due_ns, next_number, now_ns, sleep_until};
use anyhow::{Context, Result, ensure};
use client::Client;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::time::Timespec;
use tickwire_tools::http::Upgraded;
use tickwire_tools::measure::Distribution;
use tickwire_tools::topic_ear::TopicCounts;

/// Time between two looks at the sockets by default, in nanoseconds; arrival times are exact to this.
pub const STEP_NS: u64 = 250_000;

/// Sockets that one look can report; the next look reports any further ones.
const EVENTS_MAX: usize = 1_024;

/// Bytes that one read accepts at the most.
const READ_BYTES: usize = 65_536;

/// Clients that subscribe at once, and the time that is played after them: thousands at once would be a measurement of
/// its own.
const LISTEN_CLIENTS: usize = 50;
const LISTEN_GAP_NS: u64 = 10_000_000;

/// Clients of one load at the most.
pub const CLIENTS_MAX: u32 = 16_384;

/// All clients of one server.
pub struct Load {
    epoll: OwnedFd,
    events: Vec<Event>,
    clients: Vec<Client>,
    /// Clients that the load will have: their inputs share the tick evenly from the start.
    expected: u32,
    rate_hz: u32,
    start_ns: u64,
    step_ns: u64,
    /// Number of the next input of any client since the start.
    next_input: u64,
    is_measuring: bool,
    tally: Tally,
    intervals_us: Distribution,
    lateness_us: Distribution,
    scratch: Vec<u8>,
}

impl Load {
    /// A load before its first client.
    ///
    /// # Errors
    /// When the kernel gives no epoll, or when the load would have no client or too many.
    pub fn new(clients: u32, rate_hz: u32) -> Result<Self> {
        ensure!((1..=CLIENTS_MAX).contains(&clients), "a load has 1 to {CLIENTS_MAX} clients");
        ensure!((1..=1_000).contains(&rate_hz), "a rate is 1 to 1000 Hz");
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC).context("no epoll")?,
            events: Vec::with_capacity(EVENTS_MAX),
            clients: Vec::new(),
            expected: clients,
            rate_hz,
            start_ns: now_ns(),
            step_ns: STEP_NS,
            next_input: 0,
            is_measuring: false,
            tally: Tally::default(),
            intervals_us: Distribution::default(),
            lateness_us: Distribution::default(),
            scratch: vec![0; READ_BYTES],
        })
    }

    /// The same load with another time between two looks at the sockets: a shorter one costs more, and finds smaller
    /// differences of arrival times.
    #[must_use]
    pub fn looking_every(self, step_ns: u64) -> Self {
        Self { step_ns, ..self }
    }

    /// Announces that the load will have more clients than were expected, this many in all.
    ///
    /// # Errors
    /// When they are fewer than before, or too many.
    pub fn expect(&mut self, clients: u32) -> Result<()> {
        ensure!((self.expected..=CLIENTS_MAX).contains(&clients), "a load grows up to {CLIENTS_MAX} clients");
        self.expected = clients;
        Ok(())
    }

    /// One more client on an open connection.
    ///
    /// # Errors
    /// When the socket cannot be watched, or when all expected clients are there already.
    pub fn add(&mut self, socket: Upgraded, talk: Talk) -> Result<()> {
        ensure!((self.clients.len() as u64) < u64::from(self.expected), "all expected clients are there already");
        socket.stream.tcp().set_nonblocking(true)?;
        let token = EventData::new_u64(self.clients.len() as u64);
        epoll::add(&self.epoll, socket.stream.tcp(), token, EventFlags::IN | EventFlags::ET)?;
        let mut client = Client::new(socket.stream, talk);
        client.take_in(&socket.unread, now_ns() / 1_000, &mut Tally::default(), None);
        client.greet();
        self.clients.push(client);
        Ok(())
    }

    /// Clients that have received a snapshot, and the topic that they hear, and are still connected.
    #[must_use]
    pub fn up(&self) -> u32 {
        u32::try_from(self.clients.iter().filter(|client| client.is_up()).count()).unwrap_or(u32::MAX)
    }

    /// The reason for which the first connection ended, if any has ended.
    #[must_use]
    pub fn first_end(&self) -> Option<String> {
        let ended = self.clients.iter().filter(|client| client.end().is_some());
        let (count, first) = (ended.clone().count(), ended.filter_map(Client::end).next()?);
        Some(format!("{count} connections ended, the first one because {first}"))
    }

    /// Lets this many clients subscribe to a topic beside their rooms, a few at a time.
    pub fn listen(&mut self, clients: u32, topic: &str) {
        let clients = (clients as usize).min(self.clients.len());
        for first in (0..clients).step_by(LISTEN_CLIENTS) {
            let last = (first + LISTEN_CLIENTS).min(clients);
            self.clients[first..last].iter_mut().for_each(|client| client.listen(topic));
            self.play(LISTEN_GAP_NS);
        }
    }

    /// The messages of topics that all clients together have heard in the whole time, measured or not.
    #[must_use]
    pub fn heard(&self) -> TopicCounts {
        let mut sum = TopicCounts::default();
        self.clients.iter().filter_map(Client::ear).for_each(|ear| sum += ear.counts());
        sum
    }

    /// Takes the times from one snapshot to the next of the same client that were measured since the last call, in
    /// microseconds.
    pub fn take_intervals_us(&mut self) -> Distribution {
        std::mem::take(&mut self.intervals_us)
    }

    /// Times from one snapshot to the next of the same client in the whole measurement, in microseconds.
    #[must_use]
    pub const fn intervals_us(&self) -> &Distribution {
        &self.intervals_us
    }

    /// How late inputs were sent in the whole measurement, in microseconds: above a few milliseconds the generator
    /// measures itself.
    #[must_use]
    pub const fn lateness_us(&self) -> &Distribution {
        &self.lateness_us
    }

    /// Plays for this long without counting.
    pub fn play(&mut self, length_ns: u64) {
        self.is_measuring = false;
        self.pump(now_ns() + length_ns);
    }

    /// Plays until every client that was added has a snapshot, and the topic that it hears.
    ///
    /// # Errors
    /// When the time is over before that.
    pub fn play_until_up(&mut self, most_ns: u64) -> Result<()> {
        let deadline_ns = now_ns() + most_ns;
        let added = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        while self.up() < added && now_ns() < deadline_ns {
            self.play(20 * STEP_NS);
        }
        let up = self.up();
        let end = self.first_end().map(|end| format!("; {end}")).unwrap_or_default();
        ensure!(up == added, "only {up} of {added} clients have a snapshot{end}");
        Ok(())
    }

    /// Plays for this long and gives the counts of that time.
    pub fn measure(&mut self, length_ns: u64) -> Tally {
        self.tally = Tally::default();
        self.is_measuring = true;
        let start_ns = now_ns();
        self.pump(start_ns + length_ns);
        self.is_measuring = false;
        self.tally.elapsed_ns = now_ns() - start_ns;
        self.tally
    }

    /// Discards the arrival times of the last snapshots: the server rests from here on, and its pause is no interval.
    pub fn rest(&mut self) {
        self.clients.iter_mut().for_each(Client::forget_arrival);
    }

    fn pump(&mut self, end_ns: u64) {
        // Inputs that were due while this loop did not run are skipped, not sent late.
        self.next_input = self.next_input.max(next_number(self.start_ns, now_ns(), self.inputs_hz()));
        let mut wake_ns = now_ns();
        while wake_ns < end_ns {
            self.read_all();
            self.write_due();
            wake_ns = (wake_ns + self.step_ns).max(now_ns());
            sleep_until(wake_ns);
        }
    }

    /// Reads every socket that has bytes to read.
    fn read_all(&mut self) {
        loop {
            self.events.clear();
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            // When a signal interrupts a look, the next one reports the same sockets.
            let count = epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&at_once)).unwrap_or(0);
            let now_us = now_ns() / 1_000;
            for event in &self.events {
                let Ok(index) = usize::try_from(event.data.u64()) else { continue };
                let Some(client) = self.clients.get_mut(index) else { continue };
                let intervals_us = self.is_measuring.then_some(&mut self.intervals_us);
                client.read(&mut self.scratch, now_us, &mut self.tally, intervals_us);
            }
            if count < EVENTS_MAX {
                return;
            }
        }
    }

    /// Sends the inputs that are due.
    fn write_due(&mut self) {
        let now_ns = now_ns();
        let (inputs_hz, clients) = (self.inputs_hz(), u64::from(self.expected));
        loop {
            let at_ns = due_ns(self.start_ns, self.next_input, inputs_hz);
            if at_ns > now_ns {
                return;
            }
            let index = usize::try_from(self.next_input % clients).unwrap_or(usize::MAX);
            self.next_input += 1;
            let Some(client) = self.clients.get_mut(index) else { continue };
            client.play(&mut self.tally);
            if self.is_measuring {
                self.lateness_us.record((now_ns - at_ns) / 1_000);
            }
        }
    }

    fn inputs_hz(&self) -> u64 {
        u64::from(self.rate_hz) * u64::from(self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use tickwire_tools::wire::Wire;
    use tickwire_tools::{frame, http};

    #[test]
    fn snapshots_are_counted_and_inputs_keep_their_rate() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut load = Load::new(2, 100).unwrap();
        let mut peers = Vec::new();
        for _ in 0..2 {
            let stream = http::connect(listener.local_addr().unwrap()).unwrap();
            load.add(Upgraded { stream: Wire::Plain(stream), unread: Vec::new() }, Talk::Bare(Bare::new(20))).unwrap();
            peers.push(listener.accept().unwrap().0);
        }
        assert!(
            load.add(
                Upgraded { stream: Wire::Plain(peers[0].try_clone().unwrap()), unread: Vec::new() },
                Talk::Bare(Bare::new(20))
            )
            .is_err()
        );
        for peer in &mut peers {
            // The first frame is complete; the second half of the other comes later.
            peer.write_all(&frame::blank_frame(300)).unwrap();
            peer.write_all(&frame::blank_frame(300)[..100]).unwrap();
        }
        load.play_until_up(5_000_000_000).unwrap();
        peers.iter_mut().for_each(|peer| peer.write_all(&frame::blank_frame(300)[100..]).unwrap());
        let tally = load.measure(100_000_000);
        assert_eq!((tally.snapshots, tally.wire_bytes_in, tally.delta_bytes), (2, 600, 592));
        assert_eq!(load.intervals_us().count(), 2);
        // A busy machine may make inputs late, and late ones are still sent.
        assert!((15..=30).contains(&tally.inputs), "{} inputs in a tenth of a second", tally.inputs);
        let sent = tally.wire_bytes_out;
        assert_eq!(sent, tally.inputs * 20);
        let mut received = vec![0; 20];
        peers[0].read_exact(&mut received).unwrap();
        drop(peers);
        load.play(5_000_000);
        assert_eq!(load.up(), 0);
        assert!(load.first_end().is_some());
    }
}

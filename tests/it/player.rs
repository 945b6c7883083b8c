//! A player over a real socket: the client session in real time, with inputs from the game's own bot.

use crate::socket::{Event, Socket};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tickwire::client::{LinkState, Session};
use tickwire::message::SNAPSHOT;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;
use tickwire::{Game, Rng, Tick};

/// The time between two frames: about as often does a page draw.
const FRAME: Duration = Duration::from_millis(8);

/// A player's session and connection.
pub(crate) struct Player<G: Game> {
    pub(crate) session: Session<G>,
    /// Ticks of the snapshots that came, and the times at which they came.
    pub(crate) snapshots: Vec<(Tick, Instant)>,
    /// The close code that ended the connection.
    pub(crate) closed: Option<u16>,
    socket: Socket,
    dice: Rng,
    start: Instant,
    decided: Tick,
}

impl<G: Game> Player<G> {
    /// Connects; the session sends its hello in the first frame.
    pub(crate) fn join(address: SocketAddr, code: &str) -> Self {
        Self::join_below(address, "", code)
    }

    /// The same on a server below a path such as `/play`.
    pub(crate) fn join_below(address: SocketAddr, base: &str, code: &str) -> Self {
        let mut session = Session::new(code, "witness", None, 1);
        assert!(session.poll_dial(0));
        let socket = Socket::open_below(address, base, "");
        session.handle_opened(0);
        let (snapshots, start) = (Vec::new(), Instant::now());
        Self { session, snapshots, closed: None, socket, dice: Rng::new(1), start, decided: Tick(0) }
    }

    /// Comes back as its session says after a close, at this address; false when the session gives up.
    pub(crate) fn come_back(&mut self, address: SocketAddr) -> bool {
        let code = self.closed.take().expect("a connection that was closed");
        self.session.handle_closed(code, self.now_us());
        while !self.session.poll_dial(self.now_us()) {
            if self.session.link_state(self.now_us()) == LinkState::Over {
                return false;
            }
            thread::yield_now();
        }
        self.socket = Socket::open(address);
        self.session.handle_opened(self.now_us());
        true
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).expect("a short test")
    }

    /// Plays until `until` holds, for 30 seconds at the most; false when it never held.
    pub(crate) fn play_until(&mut self, until: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if until(self) {
                return true;
            }
            self.frame();
            if self.closed.is_some() {
                return until(self);
            }
        }
        false
    }

    /// Plays for this long.
    pub(crate) fn play_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.play_until(|_| Instant::now() >= end);
    }

    fn frame(&mut self) {
        let end = Instant::now() + FRAME;
        while let Some(event) = self.socket.poll(end) {
            match event {
                Event::Message(message) => self.receive(&message),
                Event::Text(_) | Event::Other(_) => {}
                Event::Close(code) => self.closed = Some(code),
                Event::End => self.closed = self.closed.or(Some(1006)),
            }
            if self.closed.is_some() {
                return;
            }
        }
        self.decide();
        let now_us = self.now_us();
        self.session.advance(now_us);
        while let Some(message) = self.session.poll_transmit() {
            self.socket.send(&crate::socket::binary(&message));
        }
    }

    fn receive(&mut self, message: &[u8]) {
        if message.first().is_some_and(|kind| *kind >= SNAPSHOT) {
            let last = self.snapshots.last().map_or(Tick(0), |(tick, _)| *tick);
            let head = SnapshotHead::decode(&mut Reader::new(message), last).expect("a snapshot");
            self.snapshots.push((head.tick, Instant::now()));
        }
        let now_us = self.now_us();
        self.session.handle_frame(message, now_us).expect("a good message");
    }

    fn decide(&mut self) {
        let (tick, now_us) = (self.session.predicted_tick(), self.now_us());
        let Some(seat) = self.session.seat().filter(|_| tick != self.decided) else { return };
        self.decided = tick;
        if let Some(world) = self.session.view(now_us) {
            let input = world.bot(seat, &mut self.dice);
            self.session.push_input(input);
        }
    }

    /// The time from the first snapshot to the last.
    pub(crate) fn span(&self) -> Duration {
        let ends = self.snapshots.first().zip(self.snapshots.last());
        ends.map_or(Duration::ZERO, |(first, last)| last.1.duration_since(first.1))
    }

    /// Asserts that a snapshot came for every tick, that hashes were compared, and that nothing was ever wrong.
    pub(crate) fn assert_undisturbed(&self) {
        assert_eq!(self.closed, None, "the player's connection was never closed");
        assert!(self.snapshots.len() > 20, "only {} snapshots came", self.snapshots.len());
        let gaps: Vec<_> = self.snapshots.windows(2).filter(|pair| pair[1].0.since(pair[0].0) != 1).collect();
        assert!(gaps.is_empty(), "snapshots are missing: {gaps:?}");
        let stats = self.session.stats();
        assert!(stats.hashes_compared > 0);
        assert_eq!((stats.hash_mismatches, stats.decode_errors), (0, 0));
    }
}

/// A player on a thread of its own, in a room where nothing happens to it: it must not notice anything that goes on in
/// other rooms.
pub(crate) struct Witness {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Witness {
    /// Joins a room, and plays on until [`Witness::finish`].
    pub(crate) fn watch<G: Game>(address: SocketAddr, code: &str) -> Self {
        let (stop, code) = (Arc::new(AtomicBool::new(false)), code.to_owned());
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut player = Player::<G>::join(address, &code);
            assert!(player.play_until(|player| player.snapshots.len() > 30), "the witness plays");
            while !stopped.load(Ordering::Relaxed) && player.closed.is_none() {
                player.frame();
            }
            player.assert_undisturbed();
        });
        Self { stop, thread }
    }

    /// Ends the witness's play, and fails if the witness noticed anything.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.thread.join().is_ok(), "the witness noticed something");
    }
}

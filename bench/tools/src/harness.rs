//! The seeded session harness: the real room, real client sessions, and links between them, in simulated time.
//!
//! Tests use it to judge, and `cargo feel` uses it to measure. One seed decides everything: the same seed gives the
//! same run on every machine. There is no socket and no clock; a minute of play takes a few hundred milliseconds.

mod client;
mod disk;
mod expected;

pub use client::Client;
pub use disk::{Kill, WrittenRoom};
pub use expected::visible_world;
use tickwire::link::LinkProfile;
use tickwire::message::close::CloseCode;
use tickwire::world::full_state::FullState;
use tickwire::{Game, Rng, To};
use tickwire_server::limits::{CATCH_UP_TICKS_MAX, DEBT_TICKS_MAX};
use tickwire_server::room::{Autopsy, Counters, Room, SnapshotPoll, TickRecord};

/// Simulated time moves in steps of this many microseconds.
const STEP_US: u64 = 1_000;

/// The side that stands still in a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing passes between one player and the server.
    Network,
    /// One player's device does nothing: its page is busy, or it sleeps.
    Device,
    /// The server does nothing: its machine stands still or is moved.
    Server,
}

impl Pause {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Network, Self::Device, Self::Server];
}

/// One room with its players.
pub struct Play<G: Game> {
    /// The room itself, for tests that need more of it than the harness offers.
    pub room: Room<G>,
    /// The players, in the order in which they joined.
    pub clients: Vec<Client<G>>,
    /// Sums of the room's counters until now.
    pub counters: Counters,
    /// The seed that the room was created with.
    pub room_seed: u64,
    /// The events that the newest tick emitted.
    pub events: Vec<(To, G::Event)>,
    /// The records of all ticks since `keeps_records` was set.
    pub records: Vec<TickRecord<G>>,
    /// The room's autopsies of clients whose worlds differed.
    pub autopsies: Vec<Autopsy>,
    /// Whether ticks are recorded.
    pub keeps_records: bool,
    dice: Rng,
    now_us: u64,
    /// Ticks that were due until now, those that the server could not make among them.
    ticks: u64,
    /// Until when the server stands still.
    asleep_until_us: u64,
    /// The records that the server writes down, if it does.
    pub disk: Option<WrittenRoom>,
    /// Welcomes that leave with the next tick, once it is written.
    welcomes: Vec<(usize, Vec<u8>)>,
}

impl<G: Game> Play<G> {
    /// A room with this many players behind links of this kind.
    pub fn new(seed: u64, players: usize, profile: LinkProfile) -> Self {
        let mut dice = Rng::new(seed);
        let room_seed = dice.next_u64();
        let mut play = Self {
            room: Room::new(room_seed, &G::Options::default(), false),
            clients: Vec::new(),
            counters: Counters::default(),
            room_seed,
            events: Vec::new(),
            records: Vec::new(),
            autopsies: Vec::new(),
            keeps_records: false,
            dice,
            now_us: 0,
            ticks: 0,
            asleep_until_us: 0,
            disk: None,
            welcomes: Vec::new(),
        };
        for _ in 0..players {
            play.join(profile);
        }
        play
    }

    /// Adds a player; gives the player's index.
    pub fn join(&mut self, profile: LinkProfile) -> usize {
        let seed = self.dice.next_u64();
        self.clients.push(Client::new(seed, profile));
        self.clients.len() - 1
    }

    /// Adds a spectator; gives the spectator's index.
    pub fn watch(&mut self, profile: LinkProfile) -> usize {
        let seed = self.dice.next_u64();
        self.clients.push(Client::new(seed, profile).watching());
        self.clients.len() - 1
    }

    /// Runs for this many ticks.
    pub fn run_ticks(&mut self, ticks: u32) {
        self.watch_ticks(ticks, |_, _, _| {});
    }

    /// Runs for this many ticks and calls `watch` for every frame of every player as it is to be drawn: index, client,
    /// time.
    pub fn watch_ticks(&mut self, ticks: u32, mut watch: impl FnMut(usize, &mut Client<G>, u64)) {
        let end = self.ticks + u64::from(ticks);
        while self.ticks < end {
            self.step(&mut watch);
        }
    }

    /// The same for this many milliseconds, in which a server that stands still makes no tick.
    pub fn watch_milliseconds(&mut self, milliseconds: u32, mut watch: impl FnMut(usize, &mut Client<G>, u64)) {
        let end_us = self.now_us + u64::from(milliseconds) * 1_000;
        while self.now_us < end_us {
            self.step(&mut watch);
        }
    }

    /// One step of simulated time: the ticks that are due, and every player.
    fn step(&mut self, watch: &mut impl FnMut(usize, &mut Client<G>, u64)) {
        self.now_us += STEP_US;
        if self.now_us >= self.asleep_until_us {
            self.tick_when_due();
        }
        for (index, client) in self.clients.iter_mut().enumerate() {
            if client.run(self.now_us) {
                watch(index, client, self.now_us);
            }
        }
    }

    /// Runs for this many seconds of the game's rate.
    pub fn run_seconds(&mut self, seconds: u32) {
        self.run_ticks(seconds * G::RULES.tick_rate_hz);
    }

    /// The work of a shard when its schedule says so. Like a shard, it gives up overdue ticks that are too many to make.
    fn tick_when_due(&mut self) {
        let due = self.now_us * u64::from(G::RULES.tick_rate_hz) / 1_000_000;
        self.ticks += due.saturating_sub(self.ticks).saturating_sub(DEBT_TICKS_MAX);
        for _ in 0..CATCH_UP_TICKS_MAX {
            if self.ticks < due {
                self.tick();
            }
        }
    }

    /// The work of a shard for a room: read every connection, make the tick, write to every connection.
    fn tick(&mut self) {
        self.ticks += 1;
        let waits = self.waits();
        for index in 0..self.clients.len() {
            // While the room waits for its players, it hears of them and not from them.
            if !waits || self.clients[index].member.is_none() {
                self.read(index);
            }
        }
        if waits && self.waits() {
            return;
        }
        let kill = self.disk.as_ref().and_then(|disk| disk.kill);
        let before = kill.map(|_| FullState::of(self.room.checkpoint()));
        let record = self.room.tick();
        self.events.clone_from(&record.events);
        if self.keeps_records {
            self.records.push(record.clone());
        }
        if let (Some((Kill::BeforeWrite, milliseconds)), Some(before)) = (kill, before) {
            return self.die(milliseconds, &before);
        }
        if let Some(disk) = &mut self.disk {
            disk.write(&mut self.room);
        }
        if let Some((Kill::AfterSends(0), milliseconds)) = kill {
            let after = FullState::of(self.room.checkpoint());
            return self.die(milliseconds, &after);
        }
        for (index, welcome) in std::mem::take(&mut self.welcomes) {
            self.clients[index].send(welcome, self.now_us);
        }
        while let Some((member, code)) = self.room.poll_dismissed() {
            if let Some(index) = self.clients.iter().position(|client| client.member == Some(member)) {
                self.close(index, code);
            }
        }
        for index in 0..self.clients.len() {
            self.write(index);
            if let Some((Kill::AfterSends(sends), milliseconds)) = kill
                && index + 1 == sends.min(self.clients.len())
            {
                let after = FullState::of(self.room.checkpoint());
                return self.die(milliseconds, &after);
            }
        }
        self.autopsies.extend(std::iter::from_fn(|| self.room.poll_autopsy()));
        add(&mut self.counters, &self.room.take_counters());
    }

    fn read(&mut self, index: usize) {
        if self.clients[index].poll_hung_up() {
            self.lose(index);
        }
        while let Some(message) = self.clients[index].poll_server(self.now_us) {
            let outcome = match self.clients[index].member {
                Some(member) => self.room.receive(member, &message),
                None => self.enter(index, &message),
            };
            if let Err(code) = outcome {
                self.close(index, code);
                return;
            }
        }
    }

    fn enter(&mut self, index: usize, message: &[u8]) -> Result<(), CloseCode> {
        let hello = tickwire::message::control::Hello::decode(message).map_err(|_| CloseCode::Malformed)?;
        let token = std::array::from_fn(|_| self.dice.next_u32().to_le_bytes()[0]);
        let entered = self.room.enter(&hello, token)?;
        if let Some(old) =
            self.clients.iter().position(|client| client.member == entered.superseded && client.member.is_some())
        {
            self.close(old, CloseCode::Superseded);
        }
        self.clients[index].member = Some(entered.member);
        match self.disk {
            Some(_) => self.welcomes.push((index, entered.welcome)),
            None => self.clients[index].send(entered.welcome, self.now_us),
        }
        Ok(())
    }

    fn write(&mut self, index: usize) {
        let Some(member) = self.clients[index].member else { return };
        while let Some(message) = self.room.poll_message(member) {
            self.clients[index].send(message, self.now_us);
        }
        let mut bytes = Vec::new();
        match self.room.poll_snapshot(member) {
            SnapshotPoll::Frame(frame) => {
                for part in [frame.head, frame.shared, frame.own] {
                    bytes.extend_from_slice(part);
                }
            }
            SnapshotPoll::Wait => return,
            SnapshotPoll::Close(code) => return self.close(index, code),
        }
        self.clients[index].send(bytes, self.now_us);
        if let Some(disk) = &mut self.disk {
            disk.sent = self.room.summary().tick;
        }
    }

    fn lose(&mut self, index: usize) {
        if let Some(member) = self.clients[index].member.take() {
            self.room.lost(member);
        }
    }

    fn close(&mut self, index: usize, code: CloseCode) {
        self.lose(index);
        self.clients[index].close(code, self.now_us);
    }

    /// Cuts a player's connection without a goodbye; messages on their way are lost.
    pub fn cut(&mut self, index: usize) {
        self.clients[index].cut(self.now_us);
    }

    /// Sets whether a player's device is online and its page visible; a session that is not reachable does not
    /// reconnect.
    pub fn set_reachable(&mut self, index: usize, reachable: bool) {
        self.clients[index].session.set_reachable(reachable, self.now_us);
    }

    /// Lets nothing pass to or from a player for this many milliseconds.
    pub fn stall(&mut self, index: usize, milliseconds: u32) {
        let until_us = self.now_us + u64::from(milliseconds) * 1_000;
        self.clients[index].stall(until_us);
    }

    /// Lets something stand still for this many milliseconds, from now on; a server for all players.
    pub fn pause(&mut self, kind: Pause, index: usize, milliseconds: u32) {
        let until_us = self.now_us + u64::from(milliseconds) * 1_000;
        match kind {
            Pause::Network => self.stall(index, milliseconds),
            Pause::Device => self.clients[index].asleep_until_us = until_us,
            Pause::Server => self.asleep_until_us = until_us,
        }
    }

    /// Simulated time, in microseconds.
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Makes all links perfect and waits until all messages on their way have arrived.
    pub fn heal(&mut self) {
        for client in &mut self.clients {
            client.heal();
        }
        self.run_seconds(8);
    }

    /// Asserts that every client holds exactly the part of the room's newest world that it may see, and that no hash
    /// ever differed and no message was malformed.
    pub fn assert_converged(&mut self) {
        self.assert_same_worlds();
        self.assert_sound();
    }

    /// Asserts that every client holds exactly the part of the room's newest world that it may see.
    pub fn assert_same_worlds(&mut self) {
        // In lockstep a client plays the newest tick only when it is due to be shown.
        self.clients.iter_mut().for_each(|client| client.session.advance(self.now_us));
        assert!(!self.clients.is_empty(), "a session without players shows nothing");
        for (index, client) in self.clients.iter().enumerate() {
            let session = &client.session;
            let seat = session.seat().expect("every client was welcomed");
            assert!(session.is_connected(), "client {index} is connected");
            let newest = self.room.newest();
            let expected =
                if G::RULES.is_lockstep() { newest.clone() } else { visible_world(self.room.schema(), newest, seat) };
            assert_eq!(session.confirmed(), &expected, "client {index} holds exactly the world that it may see");
        }
    }

    /// Asserts that no hash ever differed and no message was malformed, on either side.
    pub fn assert_sound(&self) {
        for (index, client) in self.clients.iter().enumerate() {
            let stats = client.session.stats();
            assert_eq!(stats.hash_mismatches, 0, "client {index}");
            assert_eq!(stats.decode_errors, 0, "client {index}");
            assert!(stats.hashes_compared > 0, "client {index} compared hashes");
        }
        assert_eq!(self.counters.hash_mismatches, 0, "the server saw the same hashes");
        assert!(self.counters.hashes_compared > 0, "the server compared hashes");
    }
}

fn add(sum: &mut Counters, more: &Counters) {
    sum.late_inputs += more.late_inputs;
    sum.starved_ticks += more.starved_ticks;
    sum.superseded_snapshots += more.superseded_snapshots;
    sum.snapshots += more.snapshots;
    sum.keyframes += more.keyframes;
    sum.encodings += more.encodings;
    sum.unpacked_worlds += more.unpacked_worlds;
    sum.clamped_views += more.clamped_views;
    sum.disputes_claimed += more.disputes_claimed;
    sum.hashes_compared += more.hashes_compared;
    sum.hash_mismatches += more.hash_mismatches;
    sum.desyncs += more.desyncs;
    sum.desyncs_healed += more.desyncs_healed;
    sum.bot_panics += more.bot_panics;
    sum.ticks_undone.iter_mut().zip(more.ticks_undone).for_each(|(sum, more)| *sum += more);
}

//! The recording of the messages of real rooms: with it, neither a room nor an encoder runs beside the measured code.

use anyhow::{Context, Result, bail};
use serde_json::json;
use std::collections::VecDeque;
use tickwire::input::{Action, ViewAge};
use tickwire::message::control::Hello;
use tickwire::replication::Encoder;
use tickwire::world::roster::RosterChange;
use tickwire::world::simulation::Simulation;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Game, Rng, Seat};
use tickwire_games::arena::Options as ArenaOptions;
use tickwire_games::{Arena, Crowd};
use tickwire_server::room::{MemberId, Room, SnapshotPoll};
use tickwire_wasm_bench::recording::{put_bytes, put_count};
use tickwire_wasm_bench::replay::Guest;

/// Rooms of `crowd`, each with its own seed, and the ticks that are recorded of each.
const ROOMS: u64 = 300;
const TICKS: usize = 60;

/// Ticks of `crowd` before the recording, and the interval of those that the priors are learnt from.
const WARM_UP_TICKS: u32 = 130;
const SAMPLE_TICKS: u32 = 8;

/// The size of the arena, and the wanted depth of its replays.
const PLAYERS: u8 = 16;
const ENTITIES: u16 = 300;
const DEPTH_TICKS: u32 = 15;

/// Turns of arena before the recording: by then all players have joined, clocks have settled, and shots fly.
const WARM_UP_TURNS: u32 = 400;

/// Turns that the search for a depth may take per step, and its steps.
const SETTLE_TURNS: u32 = 200;
const SETTLE_STEPS: u32 = 16;

/// Turns of the wanted depth.
const MEASURED_TURNS: u32 = 240;

/// Records all that is measured.
pub(crate) fn all(seed: u64) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for motion in ["steady", "erratic"] {
        let options = serde_json::from_value(json!({ "motion": motion })).context("crowd knows its motions")?;
        crowd(&options, seed, &mut out);
    }
    Fight::new(seed)?.record(&mut out)?;
    Ok(out)
}

fn crowd(options: &<Crowd as Game>::Options, seed: u64, out: &mut Vec<u8>) {
    let mut dice = Rng::new(seed);
    put_count(out, ROOMS as usize);
    put_count(out, TICKS);
    for _ in 0..ROOMS {
        let mut room = Crowded::new(options, dice.next_u64());
        room.warm_up();
        room.record(out);
    }
}

/// A room of `crowd`, with the encoder that its members share.
struct Crowded {
    simulation: Simulation<Crowd>,
    encoder: Encoder,
    base: Snapshot,
    dice: Rng,
    seats: Vec<Seat>,
}

impl Crowded {
    fn new(options: &<Crowd as Game>::Options, seed: u64) -> Self {
        let mut simulation = Simulation::new(seed, options);
        let seats: Vec<Seat> = Seat::first(Crowd::RULES.seats).collect();
        seats.iter().for_each(|seat| simulation.tell(&[RosterChange::Joined(*seat)]));
        let (encoder, base) = (Encoder::new(simulation.schema()), Snapshot::empty(simulation.schema()));
        Self { simulation, encoder, base, dice: Rng::new(!seed), seats }
    }

    fn step(&mut self) {
        let Self { simulation, base, dice, seats, .. } = self;
        base.copy_from(simulation.history().newest());
        let act = |seat: &Seat| (*seat, Action { input: simulation.world().bot(*seat, dice), age: ViewAge::default() });
        let actions: Vec<_> = seats.iter().map(act).collect();
        simulation.step(&actions, &mut Vec::new());
    }

    fn warm_up(&mut self) {
        for tick in 0..WARM_UP_TICKS {
            self.step();
            if tick % SAMPLE_TICKS == 0 {
                let Self { simulation, encoder, base, .. } = self;
                encoder.learn(simulation.schema(), Topic::Room, base, simulation.history().newest());
            }
        }
        self.encoder.train(30 * Crowd::RULES.tick_rate_hz);
    }

    fn record(&mut self, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        self.encoder.put_priors(&mut bytes);
        put_bytes(out, &bytes);
        put_count(out, self.simulation.tick().0 as usize);
        self.put(false, out);
        for _ in 0..TICKS {
            self.step();
            self.put(true, out);
        }
    }

    /// Appends the newest tick as it would be sent: as the delta from the tick before, or as a keyframe.
    fn put(&mut self, is_delta: bool, out: &mut Vec<u8>) {
        let (Self { simulation, encoder, base, .. }, mut bytes) = (self, Vec::new());
        let now = simulation.history().newest();
        encoder.encode(simulation.schema(), Topic::Room, is_delta.then_some(&*base), now, true, &mut bytes);
        put_bytes(out, &bytes);
    }
}

/// A room of arena with its players; the messages to the first player are recorded.
struct Fight {
    room: Room<Arena>,
    guests: Vec<Seated>,
    welcome: Vec<u8>,
    turns: Vec<Heard>,
    /// Turns that a snapshot takes to the players.
    delay_turns: usize,
}

struct Seated {
    member: MemberId,
    guest: Guest,
    on_the_way: VecDeque<Vec<u8>>,
}

/// The messages that the first player received in one turn.
#[derive(Default)]
struct Heard {
    control: Vec<Vec<u8>>,
    snapshots: Vec<Vec<u8>>,
}

impl Fight {
    fn new(seed: u64) -> Result<Self> {
        let options = ArenaOptions { players: PLAYERS, entities: ENTITIES, ..ArenaOptions::default() };
        let mut room = Room::new(seed, &options, false);
        let (mut guests, mut welcome) = (Vec::new(), Vec::new());
        for number in 0..PLAYERS {
            let mut guest = Guest::new(number);
            let hello = guest.session.poll_transmit().context("a session that is connected says hello")?;
            let entered = room
                .enter(&Hello::decode(&hello)?, [number; 16])
                .ok()
                .context("the room has a seat for every guest")?;
            guest.session.handle_frame(&entered.welcome, 0)?;
            guests.push(Seated { member: entered.member, guest, on_the_way: VecDeque::new() });
            if number == 0 {
                welcome = entered.welcome;
            }
        }
        Ok(Self { room, guests, welcome, turns: Vec::new(), delay_turns: 1 })
    }

    fn record(mut self, out: &mut Vec<u8>) -> Result<()> {
        for _ in 0..WARM_UP_TURNS {
            self.turn()?;
        }
        self.settle()?;
        for _ in 0..MEASURED_TURNS {
            self.turn()?;
        }
        put_count(out, DEPTH_TICKS as usize);
        put_bytes(out, &self.welcome);
        put_count(out, self.turns.len());
        for Heard { control, snapshots } in &self.turns {
            for messages in [control, snapshots] {
                put_count(out, messages.len());
                messages.iter().for_each(|message| put_bytes(out, message));
            }
        }
        Ok(())
    }

    /// Delays snapshots until replays have the wanted depth.
    fn settle(&mut self) -> Result<()> {
        for _ in 0..SETTLE_STEPS {
            for _ in 0..SETTLE_TURNS {
                self.turn()?;
            }
            // A turn of delay is about a tick of depth, but input clocks need turns to settle: so the search goes on.
            let off = i64::from(DEPTH_TICKS) - i64::from(self.guests[0].guest.depth_ticks());
            if off == 0 {
                return Ok(());
            }
            let delay = i64::try_from(self.delay_turns).context("a delay is a few turns")? + off;
            self.delay_turns = usize::try_from(delay.max(0)).context("a delay is not negative")?;
        }
        bail!("no delay gives replays of {DEPTH_TICKS} ticks");
    }

    fn turn(&mut self) -> Result<()> {
        let mut heard = Heard::default();
        let now_us = (self.turns.len() as u64 + 1) * Arena::RULES.tick_us();
        for (number, Seated { member, guest, .. }) in self.guests.iter_mut().enumerate() {
            guest.play(now_us);
            while let Some(message) = guest.session.poll_transmit() {
                let taken = self.room.receive(*member, &message);
                taken.ok().context("a room accepts a session's messages")?;
            }
            while guest.session.poll_event().is_some() {}
            while let Some(message) = self.room.poll_message(*member) {
                guest.session.handle_frame(&message, now_us)?;
                if number == 0 {
                    heard.control.push(message);
                }
            }
        }
        self.room.tick();
        for (number, Seated { member, guest, on_the_way }) in self.guests.iter_mut().enumerate() {
            if let SnapshotPoll::Frame(frame) = self.room.poll_snapshot(*member) {
                on_the_way.push_back([frame.head, frame.shared, frame.own].concat());
            }
            while on_the_way.len() > self.delay_turns {
                let snapshot = on_the_way.pop_front().unwrap_or_default();
                guest.receive(&snapshot, now_us)?;
                if number == 0 {
                    heard.snapshots.push(snapshot);
                }
            }
        }
        self.turns.push(heard);
        Ok(())
    }
}

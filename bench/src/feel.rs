//! How the game feels over every kind of link: real rooms and sessions in simulated time, from seeds.
//!
//! ```text
//! profile × scene → Play (room, sessions, links) → every frame and snapshot → Feel → table, JSON, plots
//! ```
//!
//! [`browser`] measures the same in a real browser, in real time.
//!
//! Two scenes are played. In the open, players only fly: every correction there is caused by the network alone. In
//! battle the game's own bots fight: a client cannot predict that its own ship is hit or killed.
//!
//! Over one of the links, [`PAUSED_LINK`], pauses are played as well: [`PAUSES`], in games that send snapshots and in
//! games that run in lockstep.

mod bounds;
pub mod browser;
mod pauses;
mod plot;
mod scene;
mod table;

pub use pauses::{PAUSED_LINK, PAUSES, PauseFeel, PauseProfile};
pub use plot::{html, svg};
pub use scene::Scene;
pub use table::render;

use crate::harness::Play;
use crate::measure::Distribution;
use crate::report::Extent;
use serde::Serialize;
use tickwire::client::Session;
use tickwire::link::LinkProfile;
use tickwire::tick::TickTime;
use tickwire::{Game, Rng, Tick};
use tickwire_games::Arena;

/// The link whose feel is promised, in simulated time and in a browser.
pub const BAD: (&str, LinkProfile) = (
    "bad",
    LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, gap_ms: 0, gap_every_ms: 0, bytes_per_s: 0 },
);

/// Corrections are kept in thousandths of the game's unit.
const CORRECTION_STEPS: f64 = 1_000.0;

/// Warm-up in seconds, which is not measured: after it, clients have adapted to the rarer events of a link.
const WARM_UP_SECONDS: u32 = 10;

/// A point of the traces is the mean of this many milliseconds.
const TRACE_MS: u32 = 500;

/// Rooms of each pause and game for each room of a profile: a room with a pause is short, and gives one value.
const PAUSES_PER_ROOM: u32 = 4;

/// Rooms of a profile below which pauses are not played: there would be too few values for bounds.
const PAUSED_ROOMS_MIN: u32 = 4;

/// Rooms, players and seconds per profile and scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rooms, each from its own seed.
    pub rooms: u32,
    /// Players in each.
    pub players: u32,
    /// Seconds that are measured in each.
    pub seconds: u32,
}

/// The results for one profile and scene.
#[derive(Debug, Clone, Serialize)]
pub struct Feel {
    /// The profile's name.
    pub profile: String,
    /// The name of the scene.
    pub scene: &'static str,
    /// Clients that played, over all rooms.
    pub clients: u32,
    /// Seconds that were measured in each room.
    pub seconds: u32,
    /// Distance by which predictions of own rows were off before smoothing, in the game's unit, per snapshot.
    pub correction_units: Extent<f64>,
    /// Ticks replayed per snapshot.
    pub rollback_ticks: Extent<u64>,
    /// How early inputs arrived, in ticks; negative for late ones.
    pub input_lead_ticks: f64,
    /// Percent of ticks that the server made without the player's input.
    pub starved_percent: f64,
    /// Time by which others were shown behind the newest tick of the server, in milliseconds.
    pub view_delay_ms: f64,
    /// Percent of frames that showed others beyond the newest snapshot, because there was no newer one to interpolate
    /// to.
    pub underrun_percent: f64,
    /// Percent of frames in which others stood still because no newer snapshot had arrived for too long.
    pub still_percent: f64,
    /// Frames that were drawn.
    pub frames: u64,
    /// Section hashes compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// The raw correction that this part of snapshots does not exceed, in the game's unit: (part, units).
    #[serde(skip)]
    pub correction_curve: Vec<(f64, f64)>,
    /// Over the measured seconds of the first client: (seconds, ticks that inputs came early, view delay in
    /// milliseconds).
    #[serde(skip)]
    pub trace: Vec<(f64, f64, f64)>,
    /// The results of pauses over this link; empty for all links but [`PAUSED_LINK`], in battle, and
    /// in a run with few rooms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseFeel>,
}

/// Plays one scene over one kind of link.
#[must_use]
pub fn measure(profile: &str, link: LinkProfile, scene: Scene, size: Size, seed: u64) -> Feel {
    let mut sums = Sums::default();
    let mut dice = Rng::new(seed);
    for room in 0..size.rooms {
        play(link, scene, size, dice.next_u64(), &mut sums, room == 0);
    }
    let mut feel = sums.feel(profile, scene, size);
    if profile == PAUSED_LINK && scene == Scene::Open && size.rooms >= PAUSED_ROOMS_MIN {
        feel.pauses = pauses::measure(link, PAUSES_PER_ROOM * size.rooms, seed);
    }
    feel
}

fn play(link: LinkProfile, scene: Scene, size: Size, seed: u64, sums: &mut Sums, is_traced: bool) {
    let rate_hz = Arena::RULES.tick_rate_hz;
    let mut hands = scene::Hands::new(scene, seed, size.players);
    let mut play: Play<Arena> = Play::new(seed, size.players as usize, link);
    play.watch_ticks(WARM_UP_SECONDS * rate_hz, |index, client, _| hands.steer(index, client));
    let mut watchers: Vec<Watcher> = play.clients.iter().map(|client| Watcher::new(&client.session)).collect();
    watchers[0].is_traced = is_traced;
    let start_us = u64::from(WARM_UP_SECONDS) * 1_000_000;
    play.watch_ticks(size.seconds * rate_hz, |index, client, now_us| {
        hands.steer(index, client);
        let server_tick = (now_us as f64) * f64::from(rate_hz) / 1e6;
        watchers[index].frame(&mut client.session, now_us, start_us, server_tick, sums);
    });
    for (watcher, client) in watchers.iter().zip(&play.clients) {
        watcher.finish(&client.session, sums);
    }
    sums.mismatches += play.counters.hash_mismatches;
}

/// The counters of one client when the measurement began.
struct Watcher {
    snapshots: u64,
    starved: u64,
    stood_still: u64,
    underruns: u64,
    is_traced: bool,
    part: TracePart,
}

/// Sums of one point of the traces.
#[derive(Default)]
struct TracePart {
    index: u64,
    frames: f64,
    lead_ticks: f64,
    delay_ms: f64,
}

impl Watcher {
    fn new(session: &Session<Arena>) -> Self {
        let (stats, interpolation) = (session.stats(), session.interpolation());
        Self {
            snapshots: stats.snapshots,
            starved: stats.starved_ticks,
            stood_still: interpolation.stood_still(),
            underruns: interpolation.underruns(),
            is_traced: false,
            part: TracePart::default(),
        }
    }

    fn frame(&mut self, session: &mut Session<Arena>, now_us: u64, start_us: u64, server_tick: f64, sums: &mut Sums) {
        session.view(now_us);
        while session.poll_event().is_some() {}
        sums.frames += 1;
        let delay_ms =
            (TickTime(server_tick) - session.interpolation().shown()) * 1_000.0 / f64::from(Arena::RULES.tick_rate_hz);
        sums.delay_ms += delay_ms;
        let stats = session.stats();
        if stats.snapshots > self.snapshots {
            self.snapshots = stats.snapshots;
            sums.corrections.record((f64::from(stats.correction_units) * CORRECTION_STEPS).round() as u64);
            sums.rollbacks.record(u64::from(stats.rollback_ticks));
            sums.leads += f64::from(stats.input_lead_ticks);
            sums.leads_counted += 1.0;
        }
        if self.is_traced {
            let index = (now_us - start_us) / (u64::from(TRACE_MS) * 1_000);
            if index != self.part.index {
                sums.trace.extend(self.part.point());
                self.part = TracePart { index, ..TracePart::default() };
            }
            self.part.frames += 1.0;
            self.part.lead_ticks += f64::from(stats.input_lead_ticks);
            self.part.delay_ms += delay_ms;
        }
    }

    fn finish(&self, session: &Session<Arena>, sums: &mut Sums) {
        let (stats, interpolation) = (session.stats(), session.interpolation());
        sums.starved += stats.starved_ticks - self.starved;
        sums.stood_still += interpolation.stood_still() - self.stood_still;
        sums.underruns += interpolation.underruns() - self.underruns;
        sums.hashes += stats.hashes_compared + stats.hash_mismatches;
        sums.mismatches += stats.hash_mismatches + stats.decode_errors;
        sums.newest = sums.newest.max(interpolation.newest_tick());
    }
}

impl TracePart {
    fn point(&self) -> Option<(f64, f64, f64)> {
        let seconds = (self.index as f64 + 0.5) * f64::from(TRACE_MS) / 1_000.0;
        (self.frames > 0.0).then(|| (seconds, self.lead_ticks / self.frames, self.delay_ms / self.frames))
    }
}

#[derive(Default)]
struct Sums {
    corrections: Distribution,
    rollbacks: Distribution,
    leads: f64,
    leads_counted: f64,
    starved: u64,
    frames: u64,
    delay_ms: f64,
    stood_still: u64,
    underruns: u64,
    hashes: u64,
    mismatches: u64,
    newest: Tick,
    trace: Vec<(f64, f64, f64)>,
}

impl Sums {
    fn feel(self, profile: &str, scene: Scene, size: Size) -> Feel {
        let units = |steps: u64| steps as f64 / CORRECTION_STEPS;
        let Extent { p50, p99, max } = self.corrections.extent();
        let clients = size.rooms * size.players;
        let ticks = f64::from(clients) * f64::from(size.seconds * Arena::RULES.tick_rate_hz);
        let percent = |count: u64, of: f64| if of > 0.0 { 100.0 * count as f64 / of } else { 0.0 };
        let frames = self.frames as f64;
        // Below these quantiles corrections are zero.
        let parts = (0..=200).map(|step| 0.98 + 0.02 * f64::from(step) / 200.0);
        Feel {
            profile: profile.to_owned(),
            scene: scene.name(),
            clients,
            seconds: size.seconds,
            correction_units: Extent { p50: units(p50), p99: units(p99), max: units(max) },
            rollback_ticks: self.rollbacks.extent(),
            input_lead_ticks: self.leads / self.leads_counted.max(1.0),
            starved_percent: percent(self.starved, ticks),
            view_delay_ms: self.delay_ms / frames.max(1.0),
            underrun_percent: percent(self.underruns, frames),
            still_percent: percent(self.stood_still, frames),
            frames: self.frames,
            hashes_compared: self.hashes,
            hash_mismatches: self.mismatches,
            correction_curve: parts.map(|part| (part, units(self.corrections.quantile(part)))).collect(),
            trace: self.trace,
            pauses: Vec::new(),
        }
    }
}

//! How the game feels over every kind of link: real rooms and sessions in simulated time, from seeds.
//!
//! ```text
//! profile × scene → Play (room, sessions, links) → every frame and snapshot → Feel → table, JSON, plots
//! ```
//!
//! In every game the game's own bots play. A game may have further scenes, bounds for the results, and a way to be
//! played in a browser: a [`FeelPlan`] has them.

mod pauses;
mod plan;
mod plot;
mod scene;
mod table;

pub use pauses::{PAUSED_LINK, PAUSES, PauseFeel, PauseProfile, measure as measure_pauses};
pub use plan::{BrowserRun, FeelPlan};
pub use plot::{html, svg};
pub use scene::{Hands, Scene};
pub use table::render;

use crate::harness::Play;
use crate::measure::Distribution;
use crate::report::Extent;
use serde::Serialize;
use tickwire::client::Session;
use tickwire::link::LinkProfile;
use tickwire::tick::TickTime;
use tickwire::{Game, Rng, Tick};

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
    /// The results of pauses over this link, for games whose plan has pauses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseFeel>,
}

impl Feel {
    /// The checks that fail in any game: hashes must agree, and some must have been compared.
    #[must_use]
    pub fn disagreements(&self) -> Vec<String> {
        let place = format!("{}, {}", self.profile, self.scene);
        let mismatches = (self.hash_mismatches > 0).then(|| format!("{place}: {} hashes differ", self.hash_mismatches));
        let nothing = (self.hashes_compared == 0).then(|| format!("{place}: nothing was compared with the server"));
        mismatches.into_iter().chain(nothing).collect()
    }
}

/// Plays one scene of `G` over one kind of link.
fn measure<G: Game>(
    (profile, scene): (&str, &'static str),
    link: LinkProfile,
    size: Size,
    seed: u64,
    hands: &dyn Fn(u64, u32) -> Hands<G>,
) -> Feel {
    let mut sums = Sums::default();
    let mut dice = Rng::new(seed);
    for room in 0..size.rooms {
        let room_seed = dice.next_u64();
        play(link, size, room_seed, &mut hands(room_seed, size.players), &mut sums, room == 0);
    }
    sums.feel((profile, scene), size, G::RULES.tick_rate_hz)
}

fn play<G: Game>(link: LinkProfile, size: Size, seed: u64, hands: &mut Hands<G>, sums: &mut Sums, is_traced: bool) {
    let rate_hz = G::RULES.tick_rate_hz;
    let mut play: Play<G> = Play::new(seed, size.players as usize, link);
    play.watch_ticks(WARM_UP_SECONDS * rate_hz, |index, client, _| hands(index, client));
    let mut watchers: Vec<Watcher> = play.clients.iter().map(|client| Watcher::new(&client.session)).collect();
    watchers[0].is_traced = is_traced;
    let start_us = u64::from(WARM_UP_SECONDS) * 1_000_000;
    play.watch_ticks(size.seconds * rate_hz, |index, client, now_us| {
        hands(index, client);
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
    fn new<G: Game>(session: &Session<G>) -> Self {
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

    fn frame<G: Game>(
        &mut self,
        session: &mut Session<G>,
        now_us: u64,
        start_us: u64,
        server_tick: f64,
        sums: &mut Sums,
    ) {
        session.view(now_us);
        while session.poll_event().is_some() {}
        sums.frames += 1;
        let delay_ms =
            (TickTime(server_tick) - session.interpolation().shown()) * 1_000.0 / f64::from(G::RULES.tick_rate_hz);
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

    fn finish<G: Game>(&self, session: &Session<G>, sums: &mut Sums) {
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
    fn feel(self, (profile, scene): (&str, &'static str), size: Size, rate_hz: u32) -> Feel {
        let units = |steps: u64| steps as f64 / CORRECTION_STEPS;
        let Extent { p50, p99, max } = self.corrections.extent();
        let clients = size.rooms * size.players;
        let ticks = f64::from(clients) * f64::from(size.seconds * rate_hz);
        let percent = |count: u64, of: f64| if of > 0.0 { 100.0 * count as f64 / of } else { 0.0 };
        let frames = self.frames as f64;
        // Below these quantiles corrections are zero.
        let parts = (0..=200).map(|step| 0.98 + 0.02 * f64::from(step) / 200.0);
        Feel {
            profile: profile.to_owned(),
            scene,
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

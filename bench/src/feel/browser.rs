//! How the game feels in a real browser: arena's page in headless Chromium, the real server, and the page's own model
//! of a bad network between the two.
//!
//! The first part measures keys: in one new room after the other, where the ship rests, a key goes down, and the frames
//! are counted until the ship is seen to move. In the second part the ship flies in open space for minutes, and every
//! frame is examined.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tickwire::link::LinkProfile;
use tickwire_tools::browser::{Browser, Device, Engine};
use tickwire_tools::feel::{BAD, BrowserRun};
use tickwire_tools::measure::Distribution;
use tickwire_tools::report::Extent;
use tickwire_tools::server_process::{ServerProcess, ServerSource};
use tokio::time::sleep;

/// The script that examines the page from within.
const PROBE: &str = include_str!("probe.js");

/// A key that has not moved the ship after this many frames never will.
const FRAMES_MAX: u32 = 60;

/// Keys pressed in each room: one per axis, because a ship that has moved along an axis drifts along it for ever.
const KEYS: [(&str, &str); 2] = [("ArrowRight", "x"), ("ArrowDown", "y")];

/// Ticks after which a new ship flies, and clocks have settled.
const SETTLED_TICKS: u32 = 90;

/// Ticks after which the page has adapted to the rarer events of the link.
const KNOWN_TICKS: u32 = 300;

/// Bound for the slowest wait: until a room is there and its clocks have settled.
const READY_MS: u32 = 20_000;

/// Corrections are kept in thousandths of the game's unit.
const CORRECTION_STEPS: f64 = 1_000.0;

/// Bound for the 99th percentile of corrections: half a ship's length, in units.
const CORRECTION_UNITS_MAX: f64 = 12.0;

/// Percent of frames in which there may be no snapshot to interpolate to.
const UNDERRUN_PERCENT_MAX: f64 = 0.1;

/// The number of keys and the time of flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sitting {
    /// Keys that are pressed to see when the ship moves.
    pub presses: u32,
    /// Seconds of flying.
    pub seconds: u32,
}

/// The results that a player would see.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Frames from a key to the ship's motion, key by key; 1 is the very next frame, 0 is never.
    pub frames_to_move: Vec<u32>,
    /// Frames that were drawn while flying.
    pub frames: u64,
    /// The longest time of a frame, in milliseconds: a browser that was held up shows in every other result.
    pub frame_ms_max: f64,
    /// Snapshots that arrived while flying.
    pub snapshots: u64,
    /// Distance by which predictions of the own ship were off before smoothing, per snapshot: the largest of the 150 ms
    /// before each snapshot, and so never less than the real one.
    pub correction_units: Extent<f64>,
    /// Percent of frames that showed others beyond the newest snapshot, because there was no newer one to interpolate
    /// to.
    pub underrun_percent: f64,
    /// Percent of frames in which others stood still because no newer snapshot had arrived for too long.
    pub still_percent: f64,
    /// Ticks that the server made without the player's input.
    pub starved_ticks: u64,
    /// The round trip at the end, in milliseconds.
    pub rtt_ms: f64,
    /// Section hashes compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed, and messages that could not be decoded.
    pub hash_mismatches: u64,
}

/// The counts of the probe.
#[derive(Debug, Deserialize)]
struct Flown {
    frames: u64,
    frame_ms_max: f64,
    snapshots: u64,
    corrections: Vec<f64>,
    underruns: u64,
    stood_still: u64,
    starved_ticks: u64,
    hashes_compared: u64,
    hash_mismatches: u64,
    rtt_ms: f64,
}

/// Builds the page and the server, plays there, and prints the results.
///
/// # Errors
/// When page or server cannot be built, or when the page does not play.
pub async fn play(run: &BrowserRun) -> Result<ExitCode> {
    let server = ServerProcess::start(&ServerSource::Program(build()?)).await?;
    let link = run.link.unwrap_or(BAD.1);
    let seen = watch(server.address(), link, Sitting { presses: run.presses, seconds: run.seconds }).await?;
    server.stop().await?;
    if let Some(path) = &run.json {
        let json = serde_json::to_string_pretty(&json!({ "link": link.to_string(), "seen": seen }))? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    write!(stdout().lock(), "\n  {link}, {} s in headless Chromium\n\n{}", run.seconds, seen.render())?;
    Ok(if seen.broken().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the server with its page inside, and gives its path.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut bundle = Command::new(cargo);
    bundle.args(["run", "--release", "--quiet", "-p", "cargo-tickwire", "--manifest-path"]).arg(&manifest);
    bundle.args(["--", "-p", "tickwire-demo", "build", "--manifest-path"]).arg(&manifest).stderr(Stdio::inherit());
    let output = bundle.output().context("cargo does not start")?;
    ensure!(output.status.success(), "page and server cannot be built");
    Ok(String::from_utf8(output.stdout).context("a path in words")?.trim_end().into())
}

/// Plays in a browser, over a link of this kind, on the server at `address`.
///
/// # Errors
/// When there is no browser, or when the page does not play.
pub async fn watch(address: SocketAddr, link: LinkProfile, sitting: Sitting) -> Result<Seen> {
    let LinkProfile { latency_ms, jitter_ms, stall_percent, .. } = link;
    let url = format!(
        "http://{address}/?game=arena&latency_ms={latency_ms}&jitter_ms={jitter_ms}&stall_percent={stall_percent}"
    );
    let browser = Browser::start(Engine::Chromium, Device::default()).await?;
    let mut frames_to_move = Vec::new();
    enter(&browser, &url).await?;
    while frames_to_move.len() < sitting.presses as usize {
        for (code, axis) in KEYS {
            let frames = browser.settle(&format!("window.probe.press('{code}', '{axis}', {FRAMES_MAX})")).await?;
            frames_to_move.push(u32::try_from(frames.as_u64().context("a count of frames")?)?);
        }
        enter(&browser, &url).await?;
    }
    pass(&browser, KNOWN_TICKS).await?;
    let flown = fly(&browser, sitting.seconds).await?;
    browser.close().await;
    Ok(Seen::of(frames_to_move, &flown))
}

/// Puts the player into a new room that no other client has joined, and waits until the ship flies.
async fn enter(browser: &Browser, url: &str) -> Result<()> {
    // The browser would not reload the page for an address that differs in its fragment alone.
    browser.visit("about:blank").await?;
    browser.visit(url).await?;
    until(browser, "window.tickwire?.ready").await?;
    browser.eval("document.querySelector('[data-testid=create-room]').click()").await?;
    until(browser, "window.tickwire.stats().own").await?;
    pass(browser, SETTLED_TICKS).await?;
    browser.client.execute(PROBE, Vec::new()).await.context("the probe does not run")?;
    Ok(())
}

/// Waits for this many ticks of the server.
async fn pass(browser: &Browser, ticks: u32) -> Result<()> {
    let tick = browser.eval("window.tickwire.stats().tick").await?;
    until(browser, &format!("window.tickwire.stats().tick > {tick} + {ticks}")).await
}

async fn until(browser: &Browser, condition: &str) -> Result<()> {
    let look = format!(
        "new Promise((done) => {{ const end = performance.now() + {READY_MS}; (function look() {{ \
         if ({condition}) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 20); \
         }})(); }})"
    );
    ensure!(browser.settle(&look).await? == true, "this never came true in the page: {condition}");
    Ok(())
}

async fn fly(browser: &Browser, seconds: u32) -> Result<Flown> {
    browser.eval(&format!("window.probe.fly({seconds} * 1000)")).await?;
    sleep(Duration::from_secs(u64::from(seconds))).await;
    until(browser, "window.probe.flown").await?;
    let flown = browser.eval("window.probe.flown").await?;
    serde_json::from_value(flown.clone()).with_context(|| format!("the probe says {flown}"))
}

impl Seen {
    fn of(frames_to_move: Vec<u32>, flown: &Flown) -> Self {
        let mut corrections = Distribution::default();
        flown.corrections.iter().for_each(|units| corrections.record((units * CORRECTION_STEPS).round() as u64));
        let Extent { p50, p99, max } = corrections.extent();
        let units = |steps: u64| steps as f64 / CORRECTION_STEPS;
        let percent = |frames: u64| 100.0 * frames as f64 / flown.frames.max(1) as f64;
        Self {
            frames_to_move,
            frames: flown.frames,
            frame_ms_max: flown.frame_ms_max,
            snapshots: flown.snapshots,
            correction_units: Extent { p50: units(p50), p99: units(p99), max: units(max) },
            underrun_percent: percent(flown.underruns),
            still_percent: percent(flown.stood_still),
            starved_ticks: flown.starved_ticks,
            rtt_ms: flown.rtt_ms,
            hashes_compared: flown.hashes_compared,
            hash_mismatches: flown.hash_mismatches,
        }
    }

    /// The promises that were not kept.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let Extent { p50, p99, .. } = self.correction_units;
        let late = self.frames_to_move.iter().filter(|frames| **frames != 1).count();
        let keys = self.frames_to_move.len();
        let promises = [
            (keys > 0 && late == 0, format!("{late} of {keys} keys did not move the ship in the very next frame")),
            (p50 == 0.0, format!("the usual correction is {p50} units")),
            (p99 < CORRECTION_UNITS_MAX, format!("one correction in a hundred is above {p99} units")),
            (
                self.frames > 0 && self.underrun_percent < UNDERRUN_PERCENT_MAX,
                format!("others were guessed in {:.3} % of {} frames", self.underrun_percent, self.frames),
            ),
            (
                self.hashes_compared > 0 && self.hash_mismatches == 0,
                format!("{} of {} hashes differ", self.hash_mismatches, self.hashes_compared),
            ),
        ];
        promises.into_iter().filter(|(kept, _)| !kept).map(|(_, words)| words).collect()
    }

    /// The results in lines, with the promises that were not kept.
    #[must_use]
    pub fn render(&self) -> String {
        let (keys, next) =
            (self.frames_to_move.len(), self.frames_to_move.iter().filter(|frames| **frames == 1).count());
        let Extent { p50, p99, max } = self.correction_units;
        let mut out = String::new();
        let lines = [
            ("key to motion", format!("{next} of {keys} keys moved the ship in the very next frame")),
            (
                "raw correction",
                format!("p50 {p50:.2}, p99 {p99:.2}, max {max:.2} units in {} snapshots", self.snapshots),
            ),
            (
                "others",
                format!(
                    "guessed in {:.3} %, standing still in {:.3} % of {} frames",
                    self.underrun_percent, self.still_percent, self.frames
                ),
            ),
            ("inputs", format!("{} ticks without one, round trip {:.0} ms", self.starved_ticks, self.rtt_ms)),
            ("hashes", format!("{} compared, {} differ", self.hashes_compared, self.hash_mismatches)),
            ("longest frame", format!("{:.0} ms", self.frame_ms_max)),
        ];
        for (what, found) in lines {
            writeln!(out, "  {what:<16}{found}").expect("writing to a string cannot fail");
        }
        let broken = self.broken();
        broken.iter().for_each(|words| out += &format!("  ✗ {words}\n"));
        if broken.is_empty() {
            out += "  ✓ as promised\n";
        }
        out
    }
}

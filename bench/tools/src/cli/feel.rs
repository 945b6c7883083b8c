//! `feel`: plays a game over every kind of link in simulated time, or in a real browser, and reports how it felt.

use crate::feel::{BAD, BrowserRun, Feel, FeelPlan, Size, html, render, svg};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use tickwire::Rules;
use tickwire::link::{LinkProfile, PROFILES};

/// Players in each room, in a game with so many seats.
const PLAYERS: u32 = 6;

/// The options of the measurement.
#[derive(Debug, Args)]
pub struct Options {
    /// Rooms per profile and scene.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rooms: u32,
    /// Players in each room; by default six, or as many as there are seats.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    players: Option<u32>,
    /// Seconds of play that are measured in each room.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Measures only this profile.
    #[arg(long)]
    profile: Option<String>,
    /// A link of your own instead of the profiles: round trip, jitter and percent of stalls.
    #[arg(long, num_args = 3, value_names = ["LATENCY_MS", "JITTER_MS", "STALL_PERCENT"], conflicts_with = "profile")]
    link: Option<Vec<u32>>,
    /// Plays alone in headless Chromium and in real time instead, in a game that has a scene for that, and checks the
    /// results against promises.
    #[arg(long, conflicts_with_all = ["rooms", "players", "profile", "seed", "svg", "html"])]
    browser: bool,
    /// Keys that are pressed in the browser to measure when the own figure moves.
    #[arg(long, default_value_t = 20, requires = "browser", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    presses: u32,
    /// Seed of the run; everything in simulated time follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the results to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the curves to this file.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Writes a page with the results and the curves to this file.
    #[arg(long)]
    html: Option<PathBuf>,
}

/// Plays, prints and writes the results, and checks them.
///
/// # Errors
/// When the options do not fit the game, and when results cannot be written.
pub fn run(args: &Options, rules: &Rules, plan: &FeelPlan) -> Result<ExitCode> {
    if args.browser {
        let Some(play) = plan.browser else { bail!("{} has no scene for a browser", rules.name) };
        let (link, json) = (own_link(args), args.json.clone());
        let run = BrowserRun { link, presses: args.presses, seconds: args.seconds, json };
        return play(&run);
    }
    let seats = u32::from(rules.seats);
    let players = args.players.unwrap_or_else(|| PLAYERS.min(seats));
    ensure!(players <= seats, "a room of {} has {seats} seats", rules.name);
    let size = Size { rooms: args.rooms, players, seconds: args.seconds };
    show(args, plan, &play(args, plan, size)?)
}

fn show(args: &Options, plan: &FeelPlan, feels: &[Feel]) -> Result<ExitCode> {
    if let Some(path) = &args.json {
        let json = json!({ "seed": args.seed, "feels": feels });
        write(path, &(serde_json::to_string_pretty(&json)? + "\n"))?;
    }
    if let Some(path) = &args.svg {
        write(path, &svg(feels)?)?;
    }
    if let Some(path) = &args.html {
        write(path, &html(feels)?)?;
    }
    let compared: u64 = feels.iter().map(|feel| feel.hashes_compared).sum();
    let broken: Vec<String> = feels.iter().flat_map(plan.broken).collect();
    let mut out = stdout().lock();
    writeln!(out, "\n{}", render(feels))?;
    for words in &broken {
        writeln!(out, "  ✗ {words}")?;
    }
    if !broken.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "  ✓ as promised; {compared} hashes compared, all agree")?;
    Ok(ExitCode::SUCCESS)
}

/// Plays every profile and scene, as many at a time as there are cores.
fn play(args: &Options, plan: &FeelPlan, size: Size) -> Result<Vec<Feel>> {
    let links = links(args)?;
    let mut jobs: Vec<_> = links
        .iter()
        .flat_map(|(name, link)| plan.scenes.iter().map(|scene| (name.as_str(), *link, scene)))
        .enumerate()
        .collect();
    jobs.reverse();
    let (count, jobs, done) = (jobs.len(), Mutex::new(jobs), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = jobs.lock().expect("no worker fails while it takes a job").pop();
            let Some((number, (name, link, scene))) = next else { return };
            let feel = scene.measure(name, link, size, args.seed);
            done.lock().expect("no worker fails while it stores a result").push((number, feel));
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores.min(count)).for_each(|_| drop(scope.spawn(work)));
    });
    let mut done = done.into_inner().context("a worker failed")?;
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, feel)| feel).collect())
}

/// The links between players and server, with their names.
fn links(args: &Options) -> Result<Vec<(String, LinkProfile)>> {
    if let Some(link) = own_link(args) {
        return Ok(vec![("own".into(), link)]);
    }
    let mut links: Vec<_> = PROFILES.iter().chain([&BAD]).map(|(name, link)| ((*name).to_owned(), *link)).collect();
    if let Some(name) = &args.profile {
        let names: Vec<&str> = links.iter().map(|(name, _)| name.as_str()).collect();
        let unknown = format!("there is no profile {name}; there are {}", names.join(", "));
        links.retain(|(known, _)| known == name);
        ensure!(!links.is_empty(), unknown);
    }
    Ok(links)
}

fn own_link(args: &Options) -> Option<LinkProfile> {
    let [latency_ms, jitter_ms, stall_percent] = args.link.as_deref()?.try_into().ok()?;
    Some(LinkProfile { latency_ms, jitter_ms, stall_percent, ..LinkProfile::default() })
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

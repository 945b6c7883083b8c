//! `cargo feel`: plays arena over every kind of link in simulated time, or in a real browser, and reports how it felt.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;
use tickwire::link::{LinkProfile, PROFILES};
use tickwire_bench::feel::browser::{Sitting, watch};
use tickwire_bench::feel::{BAD, Feel, Scene, Size, html, measure, render, svg};
use tickwire_bench::server_process::ServerProcess;

/// Plays arena over every kind of link, in simulated time and from a seed, and reports how it felt.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo feel --")]
struct Args {
    /// Rooms per profile and scene.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rooms: u32,
    /// Players in each room.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=16))]
    players: u32,
    /// Seconds of play that are measured in each room.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Measures only this profile.
    #[arg(long)]
    profile: Option<String>,
    /// A link of your own instead of the profiles: round trip, jitter and percent of stalls.
    #[arg(long, num_args = 3, value_names = ["LATENCY_MS", "JITTER_MS", "STALL_PERCENT"], conflicts_with = "profile")]
    link: Option<Vec<u32>>,
    /// Plays alone in open space in headless Chromium and in real time instead, and checks the results against
    /// promises.
    #[arg(long, conflicts_with_all = ["rooms", "players", "profile", "seed", "svg", "html"])]
    browser: bool,
    /// Keys that are pressed in the browser to measure when the ship moves.
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

fn main() -> ExitCode {
    match feel(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the error cannot be shown.
            let _ = writeln!(stderr(), "feel: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn feel(args: &Args) -> Result<ExitCode> {
    if args.browser {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(in_browser(args));
    }
    let feels = play(args)?;
    if let Some(path) = &args.json {
        let json = json!({ "seed": args.seed, "feels": feels });
        write(path, &(serde_json::to_string_pretty(&json)? + "\n"))?;
    }
    if let Some(path) = &args.svg {
        write(path, &svg(&feels)?)?;
    }
    if let Some(path) = &args.html {
        write(path, &html(&feels)?)?;
    }
    let compared: u64 = feels.iter().map(|feel| feel.hashes_compared).sum();
    let broken: Vec<String> = feels.iter().flat_map(Feel::broken).collect();
    let mut out = stdout().lock();
    writeln!(out, "\n{}", render(&feels))?;
    for words in &broken {
        writeln!(out, "  ✗ {words}")?;
    }
    if !broken.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "  ✓ within the bounds of each profile; {compared} hashes compared, all agree")?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the page and the server, and plays there.
async fn in_browser(args: &Args) -> Result<ExitCode> {
    build_page()?;
    let server = ServerProcess::start().await?;
    let link = own_link(args).unwrap_or(BAD.1);
    let sitting = Sitting { presses: args.presses, seconds: args.seconds };
    let seen = watch(server.address(), link, sitting).await?;
    server.stop().await?;
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&json!({ "link": link.to_string(), "seen": seen }))? + "\n"))?;
    }
    write!(stdout().lock(), "\n  {link}, {} s in headless Chromium\n\n{}", args.seconds, seen.render())?;
    Ok(if seen.broken().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The page is built first, because the server takes it into its program when it is built.
fn build_page() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut bundle = Command::new(cargo);
    bundle.args(["run", "--release", "--quiet", "-p", "tickwire-bundle", "--manifest-path"]).arg(manifest);
    let status = bundle.args(["--", "build"]).status().context("cargo does not start")?;
    ensure!(status.success(), "the page cannot be built");
    Ok(())
}

/// Plays every profile and scene, as many at a time as there are cores.
fn play(args: &Args) -> Result<Vec<Feel>> {
    let size = Size { rooms: args.rooms, players: args.players, seconds: args.seconds };
    let links = links(args)?;
    let mut jobs: Vec<_> = links
        .iter()
        .flat_map(|(name, link)| Scene::ALL.map(|scene| (name.as_str(), *link, scene)))
        .enumerate()
        .collect();
    jobs.reverse();
    let (count, jobs, done) = (jobs.len(), Mutex::new(jobs), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = jobs.lock().expect("no worker fails while it takes a job").pop();
            let Some((number, (name, link, scene))) = next else { return };
            let feel = measure(name, link, scene, size, args.seed);
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
fn links(args: &Args) -> Result<Vec<(String, LinkProfile)>> {
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

fn own_link(args: &Args) -> Option<LinkProfile> {
    let [latency_ms, jitter_ms, stall_percent] = args.link.as_deref()?.try_into().ok()?;
    Some(LinkProfile { latency_ms, jitter_ms, stall_percent, ..LinkProfile::default() })
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

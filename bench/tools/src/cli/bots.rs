//! `bots`: fills rooms with bots, measures the snapshots that they receive, and holds the server to its promises.

use super::Origin;
use crate::descriptors;
use crate::load::{Plan, SLOW_SECONDS_MIN, run as play};
use crate::options::{game_options, room_option};
use crate::report::Report;
use crate::server_process::{ServerProcess, ServerSource};
use crate::table::{Asides, render};
use crate::wire::{OwnCertificate, Trust, relay};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Write as _, stdout};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tickwire::Game;
use tickwire::link::{LinkProfile, PROFILES};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

/// Seconds between two corruptions of one client, so that the server does not give up that client.
const CORRUPTION_SECONDS: u32 = 30;

/// The options of the load test.
#[derive(Debug, Args)]
pub struct Options {
    /// Rooms to create.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    rooms: u32,
    /// Options of the rooms, such as motion=erratic,entities=100.
    #[arg(long, value_delimiter = ',', value_parser = room_option, value_name = "KEY=VALUE")]
    options: Vec<(String, Value)>,
    /// Players in each room; by default all seats.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    players: Option<u32>,
    /// Seconds to measure, after joining and two seconds of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Writes the report to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A running server, ws://host:port or wss://host:port; without it the package's server is built in release mode and started.
    #[arg(long)]
    url: Option<String>,
    /// Trusts the certificates in this file, in PEM form, instead of those that browsers trust.
    #[arg(long, value_name = "FILE", requires = "url")]
    tls_ca: Option<PathBuf>,
    /// Starts the server with a certificate that is made for the run, and plays under TLS.
    #[arg(long, conflicts_with = "url")]
    tls: bool,
    /// The program of a server that is built already, to be started instead.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    server_program: Option<PathBuf>,
    /// The running server's process, for its CPU time and memory.
    #[arg(long, requires = "url")]
    server_pid: Option<u32>,
    /// Bots read only heads and count bytes, except one full client per room.
    #[arg(long)]
    thin: bool,
    /// Additional clients, spread over the rooms, that read 1 KiB a second. They join and leave in turns of at least 14
    /// s; the others' intervals are measured with and without them.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    slow_readers: u32,
    /// Additional clients that never read.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    never_readers: u32,
    /// Fields of clients' worlds that are damaged, spread over the time: each must be noticed and healed.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    corruptions: u32,
    /// A topic that every bot hears, such as announce, lobby/arena or room/CODE/presence; CODE stands for the code of
    /// the bot's own room.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The file of the secret key that signs the bots' tickets, for a server that asks for them; `mint --new-key` of the
    /// server's program makes one.
    #[arg(long, value_name = "FILE", requires = "url", conflicts_with_all = ["slow_readers", "never_readers"])]
    ticket_key: Option<PathBuf>,
    /// The bots wait in this queue of the game, or in its first one when none is named, and play in the rooms of their
    /// matches; no rooms are created.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    #[arg(conflicts_with_all = ["options", "slow_readers", "never_readers"])]
    queue: Option<String>,
    /// Bots in a party, which wait together.
    #[arg(long, default_value_t = 1, requires = "queue", value_parser = clap::value_parser!(u32).range(1..=16))]
    party: u32,
    /// Round trip of each client's link, half each way.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    latency_ms: u32,
    /// Each message is delayed by up to this much more.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    jitter_ms: u32,
    /// Percent of messages that start a hold of 200 ms.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    stall_percent: u32,
    /// A typical link: lan, home, 4g-train, hotel or satellite.
    #[arg(long, conflicts_with_all = ["latency_ms", "jitter_ms", "stall_percent"])]
    profile: Option<String>,
    /// Seed of the run; names, policies and links follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the load test.
///
/// # Errors
/// When the options do not fit the game, when there is no server, and when the bots do not get into their rooms.
pub fn run<G: Game>(args: &Options, origin: &Origin) -> Result<ExitCode> {
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            outcome = bots::<G>(args, origin) => outcome,
            // A server of ours is killed when `bots` is dropped.
            signal = stopped() => signal.and_then(|()| bail!("stopped by a signal")),
        }
    })
}

async fn stopped() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn bots<G: Game>(args: &Options, origin: &Origin) -> Result<ExitCode> {
    let players = players::<G>(args)?;
    if !args.options.is_empty() {
        game_options::<G>(&args.options)?;
    }
    let Started { process: own, address, trust, _certificate } = server(args, origin).await?;
    let server_pid = own.as_ref().map(ServerProcess::pid).or(args.server_pid);
    let plan = plan(args, address, trust, server_pid, players).await?;
    let (report, asides) = play::<G>(&plan).await?;
    let mut broken = report.broken_promises();
    if let Some(server) = own
        && let Err(error) = server.stop().await
    {
        broken.push(format!("{error:#}"));
    }
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    print(&report, &asides, &broken)?;
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server of a run.
struct Started {
    /// Its process; `None` when it ran before.
    process: Option<ServerProcess>,
    address: SocketAddr,
    /// The authorities that its clients trust, where it speaks TLS.
    trust: Option<Trust>,
    _certificate: Option<OwnCertificate>,
}

async fn server(args: &Options, origin: &Origin) -> Result<Started> {
    if let Some(url) = &args.url {
        let (address, trust) = place_of(url, args.tls_ca.as_deref())?;
        trust.as_ref().map_or(Ok(()), |trust| trust.check(address))?;
        return Ok(Started { process: None, address, trust, _certificate: None });
    }
    let source = args.server_program.clone().map_or_else(|| origin.server(), ServerSource::Program);
    let certificate = if args.tls { Some(OwnCertificate::make()?) } else { None };
    let options: Vec<_> = certificate.iter().flat_map(OwnCertificate::options).collect();
    let options: Vec<&OsStr> = options.iter().map(OsString::as_os_str).collect();
    let process = ServerProcess::start_with(&source, &options).await?;
    let trust = certificate.as_ref().map(OwnCertificate::trust).transpose()?;
    Ok(Started { address: process.address(), process: Some(process), trust, _certificate: certificate })
}

/// The players of each room, after a look at the bounds that the game has.
fn players<G: Game>(args: &Options) -> Result<u32> {
    let seats = u32::from(G::RULES.seats);
    let players = args.players.unwrap_or(seats);
    ensure!(players <= seats, "a room of {} has {seats} seats", G::RULES.name);
    let slow = args.slow_readers + args.never_readers;
    ensure!(
        players + slow.div_ceil(args.rooms) <= seats,
        "{slow} slow readers and {players} players in each of {} rooms are more than the {seats} seats of a room",
        args.rooms
    );
    ensure!(
        slow == 0 || args.seconds >= SLOW_SECONDS_MIN,
        "with slow readers, --seconds is {SLOW_SECONDS_MIN} or more"
    );
    let whole = if args.thin { args.rooms } else { args.rooms * players };
    ensure!(
        args.corruptions <= whole * (args.seconds / CORRUPTION_SECONDS).max(1),
        "a client is closed when its world differs too often: at most one corruption per client and {CORRUPTION_SECONDS} s"
    );
    ensure!(
        args.queue.is_none() || !G::RULES.queues.is_empty(),
        "{} has no queue: a game says in Rules::queues how people meet",
        G::RULES.name
    );
    ensure!(
        !args.thin || !G::RULES.is_lockstep(),
        "--thin is not possible in lockstep: every client needs the whole world"
    );
    Ok(players)
}

async fn plan(
    args: &Options,
    server: SocketAddr,
    trust: Option<Trust>,
    server_pid: Option<u32>,
    players: u32,
) -> Result<Plan> {
    let address = match &trust {
        None => server,
        Some(trust) => relay(server, trust).await?,
    };
    Ok(Plan {
        address,
        secure: trust.map(|trust| (server, trust)),
        server_pid,
        rooms: args.rooms,
        options: if args.options.is_empty() { Value::Null } else { args.options.iter().cloned().collect() },
        players,
        seconds: args.seconds,
        thin: args.thin,
        slow_readers: args.slow_readers,
        never_readers: args.never_readers,
        corruptions: args.corruptions,
        topic: args.topic.clone(),
        queue: args.queue.clone(),
        party: args.party,
        ticket_key: args.ticket_key.clone(),
        link: link(args)?,
        seed: args.seed,
    })
}

/// The link between the bots and the server.
fn link(args: &Options) -> Result<LinkProfile> {
    let Options { latency_ms, jitter_ms, stall_percent, ref profile, .. } = *args;
    let Some(name) = profile else {
        return Ok(LinkProfile { latency_ms, jitter_ms, stall_percent, ..LinkProfile::default() });
    };
    let names: Vec<&str> = PROFILES.iter().map(|(name, _)| *name).collect();
    LinkProfile::named(name).with_context(|| format!("there is no profile {name}; there are {}", names.join(", ")))
}

/// The address in a `ws://` or `wss://` URL, and the authorities to trust there.
fn place_of(url: &str, authorities: Option<&Path>) -> Result<(SocketAddr, Option<Trust>)> {
    let (scheme, place) = url.split_once("://").context("--url is ws://host:port or wss://host:port")?;
    ensure!(matches!(scheme, "ws" | "wss"), "--url is ws://host:port or wss://host:port");
    let (place, path) = place.split_once('/').unwrap_or((place, ""));
    ensure!(path.is_empty() || path == "ws", "--url is {scheme}://host:port, without a path");
    ensure!(
        scheme == "wss" || authorities.is_none(),
        "--tls-ca is for a server with TLS, whose --url begins with wss://"
    );
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']']);
    let trust = match (scheme, authorities) {
        ("ws", _) => None,
        (_, Some(path)) => Some(Trust::of_file(path, host)?),
        (_, None) => Some(Trust::of_browsers(host)?),
    };
    let mut found = place.to_socket_addrs().with_context(|| format!("{place} is not host:port"))?;
    Ok((found.next().with_context(|| format!("{place} has no address"))?, trust))
}

fn print(report: &Report, asides: &Asides, broken: &[String]) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "\n{}", render(report, asides))?;
    for promise in broken {
        writeln!(out, "  ✗ {promise}")?;
    }
    if broken.is_empty() {
        let beside = report.slow_readers.as_ref().map_or("", |_| ", slow readers within their bounds");
        writeln!(out, "  ✓ ticks delivered, hashes agree, no connection lost{beside}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn room_options_are_numbers_or_words() {
        let args = Program::try_parse_from(["bots", "--options", "motion=erratic,entities=100"]).unwrap();
        let options: Value = args.options.options.into_iter().collect();
        assert_eq!(options, serde_json::json!({ "motion": "erratic", "entities": 100 }));
        assert!(Program::try_parse_from(["bots", "--options", "motion"]).is_err());
    }
}

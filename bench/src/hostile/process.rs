//! Rows that need a server of their own: signals, settings, limits of the process, and budgets of work and memory.

use super::member::Member;
use super::row::{Cases, Needs, Outcome, Row, in_words, is_unharmed};
use super::socket::{End, PATIENCE, Peer, Reply, request};
use super::target::{Own, Target, Walk};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire_games::{Arena, Paddles, Swarm, Tumble};
use tickwire_tools::load::Bystander;
use tokio::process::Command;

pub(super) const ROWS: &[Row] = &[
    own("F3", "a benchmark room of 4,000 boxes; ten large rooms with nobody in them", "404; no work", empty_rooms),
    own("F4", "4,200 rooms at once", "503 with Retry-After, not ready, below 512 MiB", room_flood),
    own("F8", "a limit of 12 open files", "an error and an exit code other than 0", no_files),
    own("F11", "SIGTERM during a request and a game; SIGHUP", "answered, 1012, exit 0 in 8 s; still there", stops),
    own(
        "F29/settings",
        "words of settings: wrong, mistyped, and plain ones in a file",
        "an error that says it; works",
        settings,
    ),
    own("F36", "the server stands still for 1 s", "an input lead of at most 6 ticks 1.2 s later", lead_after_a_stop),
    own("R9", "the server stands still for 3 s", "same connections, equal hashes", long_stop),
    own("R13", "three rooms of 4,000 boxes with a player each", "p99 of others moves by at most 5 ms", slow_rooms),
    own("R25", "more connections than the server has files for", "no busy loop, players play on", files_used_up),
    Row::new("F35", "a page stands still for 3 s", "snapshots within 1 s over the same connection", page_rests).waits(),
    Row::new("S31", "60 rooms, names and addresses, then the metrics", "at most 2,000 series, none names them", labels)
        .needs(Needs::Metrics),
];

const fn own(id: &'static str, tried: &'static str, want: &'static str, run: fn(&Walk) -> Result<Outcome>) -> Row {
    Row::new(id, tried, want, run).apart()
}

/// The share of a core that rooms without people may take together.
const IDLE_CPU_MAX: f64 = 0.15;

/// Memory of a server that refuses further rooms.
const ROOMS_BYTES_MAX: u64 = 512 << 20;

/// Rooms that are asked for.
const ROOMS_ASKED: usize = 4_200;

/// A flood of requests ends after this time.
const FLOOD_MAX: Duration = Duration::from_secs(10);

/// A server that was asked to end must have ended after this time.
const STOP_MAX: Duration = Duration::from_secs(8);

/// The input lead that a client may have soon after a stop, in ticks.
const LEAD_TICKS_MAX: i8 = 6;

/// Stops after one of which the lead has to be as short as that.
const TRIALS: u32 = 3;

/// The time that slow rooms may add to the p99 of others' intervals, in milliseconds.
const NEIGHBOUR_MS_MAX: f64 = 5.0;

fn signal(own: &Own, signal: Signal) -> Result<()> {
    let pid = i32::try_from(own.process.pid()).ok().and_then(Pid::from_raw).context("a process id is positive")?;
    Ok(kill_process(pid, signal)?)
}

/// Options of a tumble with as many boxes as there can be.
fn boxes() -> Value {
    json!({ "bodies": 4_000 })
}

fn empty_rooms(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let mut cases = Cases::default();
    for game in [Tumble::RULES.name, "crowd"] {
        let options = if game == "crowd" { Value::Null } else { boxes() };
        let reply = own.target.ask_room(game, false, &options, None);
        cases.check(format!("a room of {game}"), matches!(reply.status(), 400 | 404), reply);
    }
    let units = json!({ "units": 4_000 });
    let made = (0..10).filter(|_| own.target.ask_room("swarm", false, &units, None).status() == 201).count();
    sleep(Duration::from_millis(500));
    let share = own.target.cpu_share(Duration::from_secs(2))?;
    cases.check(format!("{made} empty rooms"), share <= IDLE_CPU_MAX, format!("{:.0} % of a core", 100.0 * share));
    Ok(cases.outcome())
}

/// Asks for rooms over one connection until the server refuses; gives the number of rooms, and the refusal.
fn ask_for_rooms(target: &Target) -> Result<(usize, Option<Reply>)> {
    let body = json!({ "game": "arena" }).to_string();
    let length = body.len().to_string();
    let headers = [("Content-Type", "application/json"), ("Content-Length", &*length)];
    let text = request("POST", "/api/rooms", &target.address.to_string(), &headers) + &body;
    let (mut peer, mut made, started) = (target.connect()?, 0, Instant::now());
    while made < ROOMS_ASKED && started.elapsed() < FLOOD_MAX {
        peer.send(text.as_bytes());
        match peer.reply(PATIENCE) {
            Reply::Answer(answer) if answer.status == 201 => made += 1,
            other => return Ok((made, Some(other))),
        }
    }
    Ok((made, None))
}

fn room_flood(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let code = own.target.room::<Arena>()?;
    let honest = own.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let (made, refusal) = ask_for_rooms(&own.target)?;
    let words = refusal.as_ref().map_or_else(|| "no refusal".into(), Reply::to_string);
    cases.check("the refusal", refusal.as_ref().is_some_and(Reply::is_busy), format!("{words} after {made} rooms"));
    sleep(Duration::from_millis(500));
    let rss = own.target.rss_bytes()?;
    cases.check("memory", rss <= ROOMS_BYTES_MAX, format!("{} MiB with {made} rooms", rss >> 20));
    let share = own.target.cpu_share(Duration::from_secs(1))?;
    cases.check("CPU", share <= 2.0 * IDLE_CPU_MAX, format!("{:.0} % of a core", 100.0 * share));
    let ready = own.target.get("/readyz", &[]);
    cases.check("/readyz when full", ready.status() == 503, ready);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

/// Starts a server with so few files, by a shell that lowers the limit first.
fn with_files(walk: &Walk, files: u32) -> Result<Command> {
    let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(walk.program()?);
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--shards", "1"]);
    Ok(command)
}

fn no_files(walk: &Walk) -> Result<Outcome> {
    let started = walk.spawn(&mut with_files(walk, 12)?);
    let mut own = match started {
        Ok(own) => own,
        Err(error) => {
            let words = format!("{error:#}");
            return Ok(Outcome::new(words.contains("without listening"), first_line(&words)));
        }
    };
    let code = walk.ended(&mut own, Duration::from_secs(3))?;
    let failed = code.is_some_and(|status| !status.success());
    let reply = own.target.get("/healthz", &[]);
    Ok(Outcome::new(failed, format!("it says that it listens, then: {code:?}, a request: {reply}")))
}

fn first_line(words: &str) -> String {
    words.lines().last().unwrap_or_default().chars().take(120).collect()
}

fn stops(walk: &Walk) -> Result<Outcome> {
    let mut own = walk.serve(&[])?;
    let mut cases = Cases::default();
    let code = own.target.room::<Arena>()?;
    let mut member = Member::<Arena>::join(&own.target, &code, None)?;
    member.play_fair(Duration::from_millis(300));
    let body = json!({ "game": "arena" }).to_string();
    let length = body.len().to_string();
    let head = request("POST", "/api/rooms", &own.target.address.to_string(), &[("Content-Length", &length)]);
    let mut post = own.target.connect()?;
    post.send((head + &body[..5]).as_bytes());
    sleep(Duration::from_millis(200));
    let asked = Instant::now();
    signal(&own, Signal::TERM)?;
    sleep(Duration::from_millis(150));
    let ready = own.target.get("/readyz", &[]);
    cases.check("/readyz", ready.status() == 503, ready);
    post.send(&body.as_bytes()[5..]);
    let reply = post.reply(Duration::from_secs(4));
    cases.check("the request", matches!(reply.status(), 201 | 503), reply);
    let end = member.play_fair(Duration::from_secs(4));
    cases.check("the player", end == Some(End::Code(1012)), format!("{end:?}"));
    let status = walk.ended(&mut own, STOP_MAX.saturating_sub(asked.elapsed()))?;
    cases.check("the process", status.is_some_and(|status| status.success()), format!("{status:?}"));

    let mut own = walk.serve(&[])?;
    signal(&own, Signal::HUP)?;
    let status = walk.ended(&mut own, Duration::from_millis(700))?;
    cases.check("SIGHUP", status.is_none(), format!("{status:?}"));
    Ok(cases.outcome())
}

fn settings(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let mut refused = |name: &str, command: &mut Command, word: &str| {
        let words = walk.spawn(command).err().map(|error| format!("{error:#}"));
        let told = words.as_ref().is_some_and(|words| words.contains(word));
        cases.check(name, told, words.map_or_else(|| "it starts".into(), |words| first_line(&words)));
    };
    let command = |listen: &str| -> Result<Command> {
        let mut command = Command::new(walk.program()?);
        command.args(["serve", "--listen", listen, "--shards", "1"]);
        Ok(command)
    };
    let free = ["--admin-listen", "127.0.0.1:0"];
    refused("--log loud", command("127.0.0.1:0")?.args(free).args(["--log", "loud"]), "loud");
    let mut mistyped = command("127.0.0.1:0")?;
    refused("TICKWIRE_LISTN", mistyped.args(free).env("TICKWIRE_LISTN", "127.0.0.1:1"), "TICKWIRE_LISTEN");
    let started = walk.spawn(command("localhost:0")?.args(free));
    cases.check(
        "localhost:0",
        started.is_ok(),
        started.err().map_or(String::new(), |error| first_line(&format!("{error:#}"))),
    );
    let file = std::env::temp_dir().join(format!("tickwire-hostile-{}.toml", std::process::id()));
    for line in ["log = \"warn\"", "admin_listen = 0", "listen = \"localhost:0\""] {
        fs::write(&file, format!("{line}\n"))?;
        let mut command = Command::new(walk.program()?);
        command.args(["serve", "--shards", "1", "--config"]).arg(&file);
        if !line.starts_with("listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !line.starts_with("admin_listen") {
            command.args(free);
        }
        let started = walk.spawn(&mut command);
        cases.check(
            line,
            started.is_ok(),
            started.err().map_or(String::new(), |error| first_line(&format!("{error:#}"))),
        );
    }
    fs::remove_file(&file)?;
    Ok(cases.outcome())
}

/// One honest player of each kind of game.
fn three_games(target: &Target) -> Result<[Bystander; 3]> {
    let (arena, paddles, swarm) = (target.room::<Arena>()?, target.room::<Paddles>()?, target.room::<Swarm>()?);
    Ok([target.honest::<Arena>(&arena, 1)?, target.honest::<Paddles>(&paddles, 1)?, target.honest::<Swarm>(&swarm, 1)?])
}

/// Stops the server for this long.
fn stand_still(own: &Own, time: Duration) -> Result<()> {
    signal(own, Signal::STOP)?;
    sleep(time);
    signal(own, Signal::CONT)
}

fn lead_after_a_stop(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let players = three_games(&own.target)?;
    sleep(Duration::from_secs(2));
    let mut cases = Cases::default();
    for trial in 1..=TRIALS {
        stand_still(&own, Duration::from_secs(1))?;
        sleep(Duration::from_millis(1_200));
        let fared = players.iter().map(Bystander::fared).collect::<Result<Vec<_>>>()?;
        let is_good = fared.iter().all(|fared| fared.lead_ticks_max <= LEAD_TICKS_MAX);
        // Clients provide with a lead for stalls of a busy machine too, for five seconds; what the stop does comes each time.
        if !is_good && trial < TRIALS {
            sleep(Duration::from_secs(6));
            continue;
        }
        for (game, fared) in ["arena", "paddles", "swarm"].iter().zip(&fared) {
            cases.check(game, fared.lead_ticks_max <= LEAD_TICKS_MAX, format!("{} ticks", fared.lead_ticks_max));
            cases.check(format!("{game}, its player"), is_unharmed(fared), in_words(fared));
        }
        break;
    }
    Ok(cases.outcome())
}

fn long_stop(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let players = three_games(&own.target)?;
    sleep(Duration::from_secs(1));
    stand_still(&own, Duration::from_secs(3))?;
    sleep(Duration::from_millis(500));
    let mut cases = Cases::default();
    for (game, player) in ["arena", "paddles", "swarm"].iter().zip(&players) {
        let before = player.fared()?;
        sleep(Duration::from_secs(1));
        let fared = player.fared()?;
        cases.check(format!("{game}, its player"), is_unharmed(&fared), in_words(&fared));
        let snapshots = fared.snapshots - before.snapshots;
        cases.check(format!("{game}, a second of play"), snapshots >= 10, format!("{snapshots} snapshots"));
    }
    Ok(cases.outcome())
}

fn slow_rooms(walk: &Walk) -> Result<Outcome> {
    // A server that has no such setting has the benchmark's games in any case.
    let own = walk.serve(&["--benchmark-games"]).or_else(|_| walk.serve(&[]))?;
    let code = own.target.room::<Arena>()?;
    let honest = own.target.honest::<Arena>(&code, 4)?;
    let window_ms = || -> Result<f64> {
        honest.mark()?;
        sleep(Duration::from_secs(2));
        Ok(honest.fared()?.interval_p99_ms)
    };
    sleep(Duration::from_secs(1));
    let quiet_ms = window_ms()?.max(window_ms()?);
    let mut cases = Cases::default();
    let mut members = Vec::new();
    for number in 0..3 {
        let reply = own.target.ask_room(Tumble::RULES.name, false, &boxes(), None);
        // A server may also refuse a room that costs more than it has left.
        let refused = reply.is_busy() || reply.status() == 400;
        cases.check(format!("slow room {number}"), refused || reply.status() == 201, &reply);
        if reply.status() == 201 {
            members.push(Member::<Tumble>::join(&own.target, &super::target::code(&reply)?, None)?);
        }
    }
    sleep(Duration::from_secs(1));
    // A machine that is busy for a moment spoils one window; slow rooms spoil each.
    let mut slow_ms = window_ms()?;
    for _ in 0..4 {
        if slow_ms - quiet_ms > NEIGHBOUR_MS_MAX {
            slow_ms = slow_ms.min(window_ms()?);
        }
    }
    let moved_ms = slow_ms - quiet_ms;
    let came = format!("{slow_ms:.1} ms, {quiet_ms:.1} ms before, {} slow rooms", members.len());
    cases.check("p99 of an arena", moved_ms <= NEIGHBOUR_MS_MAX, came);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn files_used_up(walk: &Walk) -> Result<Outcome> {
    let own = walk.spawn(&mut with_files(walk, 64)?)?;
    let code = own.target.room::<Arena>()?;
    let honest = own.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let idle: Vec<Peer> = (0..120).filter_map(|_| own.target.connect().ok()).collect();
    let share = own.target.cpu_share(Duration::from_secs(2))?;
    cases.check("CPU", share < 0.3, format!("{:.0} % of a core with {} connections", 100.0 * share, idle.len()));
    cases.check_honest(&honest)?;
    drop(idle);
    sleep(Duration::from_millis(500));
    let entry = own.target.join::<Arena>(&code, None);
    cases.check("a join when they are gone", entry.is_in(), entry);
    Ok(cases.outcome())
}

fn page_rests(walk: &Walk) -> Result<Outcome> {
    let players = three_games(&walk.target)?;
    sleep(Duration::from_secs(1));
    players.iter().try_for_each(|player| player.rest(Duration::from_secs(3)))?;
    sleep(Duration::from_millis(3_100));
    let before = players.iter().map(Bystander::fared).collect::<Result<Vec<_>>>()?;
    sleep(Duration::from_secs(1));
    let mut cases = Cases::default();
    for ((game, player), before) in ["arena", "paddles", "swarm"].iter().zip(&players).zip(before) {
        let fared = player.fared()?;
        cases.check(format!("{game}, its player"), is_unharmed(&fared), in_words(&fared));
        let snapshots = fared.snapshots - before.snapshots;
        cases.check(format!("{game}, a second of play"), snapshots >= 10, format!("{snapshots} snapshots"));
    }
    Ok(cases.outcome())
}

fn labels(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let (from, name) = (walk.stranger(), "zqxjname");
    let codes = (0..60).map(|_| walk.target.room::<Paddles>()).collect::<Result<Vec<_>>>()?;
    let hello = tickwire::message::control::Hello::of::<Paddles>(&codes[0], name);
    let entry = walk.target.enter(&hello, Some(&from));
    cases.check("a player", entry.is_in(), &entry);
    sleep(Duration::from_millis(300));
    let text = walk.target.metrics()?;
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    cases.check("series", (1..=2_000).contains(&series), series);
    for word in codes.iter().map(String::as_str).chain([name, &from]) {
        cases.check(word, !text.contains(word), "is in the metrics");
    }
    Ok(cases.outcome())
}

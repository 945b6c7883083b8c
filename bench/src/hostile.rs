//! The hostile walk: attacks over raw sockets against a server in which honest players play.
//!
//! Each row is one attack with the right answer, named as in the lists of threats (S), faults of operation (R) and
//! faults that were found (F). Rows share a server, in which a bystander plays in rooms that no row attacks; rows about
//! one room watch further honest members in that room. Rows about signals, settings and budgets start a server of their
//! own. Every flood is bounded in count and time.
//!
//! A loopback peer is exempt from limits per address. A row that needs a foreign address names one in
//! `X-Forwarded-For`, which a server believes of a loopback peer by default.
//!
//! | not here | the reason |
//! | --- | --- |
//! | S2, S17, S26, F10 | they need identities and tickets, twelve hours, or another user of the machine |
//! | S13, F25 to F28, F32, F33 | they are about values within a game or a client, which no frame shows |
//! | S24, F17, F18, F20 | a leak shows in the comparison of two rooms that differ in one secret |
//! | F12, F37 to F41, F43, F44, F47, F48 | they are about pages, and need a browser |
//! | F19, F34 | which event is left out, and which ship is hit, can be seen in the room's world only |
//! | F31 | eight members on eight old snapshots cost the server less than 1 % of a core, as much as on the newest |
//! | F22 | a room keeps one world per member at the most, which is less than the allocator keeps for itself |
//! | F23, R19, R20 | a panic has to be planted in the server |
//! | R12 | the clock of the machine has to be set |
//! | R1 to R8, R16 to R18, R21 to R23 | they are about a journal, several nodes, or hours |

mod evidence;
mod floods;
mod framing;
mod handshake;
mod http;
mod member;
mod process;
mod report;
mod rooms;
mod row;
mod socket;
mod target;
mod tickets;
mod topics;

pub use report::{BystanderReport, LATE_MS_MAX, Report, RowReport, Skipped, line};
pub use row::{Needs, Row};

use anyhow::{Result, ensure};
use row::Outcome;
use rustix::process::{getpriority_process, setpriority_process};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use target::{Target, Walk};
use tickwire_games::{Arena, Paddles};
use tickwire_tools::load::{Bystander, Fared};
use tickwire_tools::server_process::ServerProcess;
use tickwire_tools::wire::OwnCertificate;
use tokio::process::Command;
use tokio::runtime::Handle;

/// Time for which clocks settle before the bystander's intervals count.
const SETTLE: Duration = Duration::from_secs(2);

/// Time for which the bystander's intervals are measured before the first attack.
const QUIET: Duration = Duration::from_secs(5);

/// Niceness of the attacks above that of the bystander.
const NICENESS: i32 = 10;

/// Players of the bystander in an arena.
const ARENA_PLAYERS: u32 = 4;

/// The server to attack, and the rows to try.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The address of a server that runs already; otherwise the walk starts one.
    pub against: Option<SocketAddr>,
    /// The address of the metrics of that server.
    pub admin: Option<SocketAddr>,
    /// The program of the server; by default the release build of this workspace.
    pub program: Option<PathBuf>,
    /// Whether the servers that are started speak TLS, and the attacks too.
    pub tls: bool,
    /// Ids of the rows to try; all of them when there are none.
    pub only: Vec<String>,
    /// Milliseconds that the attacks may add to the 99th percentile of the bystander's intervals.
    pub late_ms_max: f64,
}

/// An event of the walk, for those who watch it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The bystander plays, and is measured for this long before the first attack.
    Quiet(Duration),
    /// A row begins.
    Begins(&'static Row),
    /// A row has ended.
    Ended(&'a RowReport),
}

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    let rooms = [rooms::ROWS, floods::ROWS, evidence::ROWS, tickets::ROWS, topics::ROWS];
    [framing::ROWS, handshake::ROWS, http::ROWS].into_iter().chain(rooms).chain([process::ROWS]).flatten()
}

/// Tries the rows of the plan, and tells `tell` of each event.
///
/// # Errors
/// When there is no server to attack, when the bystander cannot play in it, or when the plan names an unknown row.
pub fn walk(plan: &Plan, runtime: &Handle, mut tell: impl FnMut(Event<'_>)) -> Result<Report> {
    for id in &plan.only {
        ensure!(rows().any(|row| row.id == id), "there is no row {id}; --list shows all");
    }
    let started = Instant::now();
    let certificate = if plan.tls { Some(OwnCertificate::make()?) } else { None };
    let (target, program, _process) = server(plan, certificate.as_ref(), runtime)?;
    let walk = Walk::new(target, program, certificate, runtime.clone());
    let bystander = Crowd::join(&walk)?;
    sleep(SETTLE);
    bystander.mark()?;
    tell(Event::Quiet(QUIET));
    sleep(QUIET);
    let quiet = bystander.fared()?;
    bystander.mark()?;
    let chosen = |row: &&Row| plan.only.is_empty() || plan.only.iter().any(|id| id == row.id);
    let (possible, impossible): (Vec<_>, Vec<_>) = rows().filter(chosen).partition(|row| reason(&walk, row).is_none());
    let skip = |row: &Row| Some(Skipped { id: row.id, why: reason(&walk, row)? });
    let skipped = impossible.into_iter().filter_map(skip).collect();
    give_way();
    let rows = try_all(&walk, &possible, &bystander, &mut tell)?;
    let bystander = BystanderReport::new(&quiet, &bystander.fared()?, plan.late_ms_max);
    Ok(Report { rows, skipped, bystander, seconds: started.elapsed().as_secs_f64() })
}

/// Lowers the priority of this thread and of those that it starts: attackers have machines of their own, and here they
/// would take the cores from the server and the bystander. Where that is not allowed, the walk measures itself a bit.
fn give_way() {
    let _ = getpriority_process(None).and_then(|own| setpriority_process(None, own + NICENESS));
}

/// The server to attack: a server that runs, or a server that is started and ends with the returned process.
fn server(
    plan: &Plan,
    certificate: Option<&OwnCertificate>,
    runtime: &Handle,
) -> Result<(Target, Option<PathBuf>, Option<ServerProcess>)> {
    if let Some(address) = plan.against {
        let target = Target { address, trust: None, players: address, admin: plan.admin, pid: None };
        return Ok((target, None, None));
    }
    let program = match &plan.program {
        Some(program) => program.clone(),
        None => runtime.block_on(crate::server().program())?,
    };
    let mut command = Command::new(&program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--shards", "1"]);
    command.args(certificate.iter().flat_map(|own| own.options()));
    let process = runtime.block_on(ServerProcess::spawn(&mut command))?;
    let target = Target::of(&process, certificate.map(OwnCertificate::trust).transpose()?, runtime)?;
    Ok((target, Some(program), Some(process)))
}

/// The reason why a row cannot be tried.
fn reason(walk: &Walk, row: &Row) -> Option<&'static str> {
    match row.needs {
        Needs::Metrics if walk.target.admin.is_none() => Some("the address of the metrics is not known"),
        Needs::Process if walk.target.pid.is_none() || walk.program.is_none() => {
            Some("the server's process is not this walk's own")
        }
        _ if walk.speaks_tls() => match row.id {
            "F5/PROXY" => Some("the header of a proxy comes before TLS, with which these peers begin"),
            "R25" => Some("a connection that makes room for others during its handshake cannot be told so"),
            _ => None,
        },
        _ => None,
    }
}

/// Tries all rows; those that mostly wait run beside the others.
///
/// A row with a server of its own takes the cores from the server that is watched, so that intervals do not count
/// meanwhile.
fn try_all(
    walk: &Walk,
    rows: &[&'static Row],
    bystander: &Crowd,
    tell: &mut impl FnMut(Event<'_>),
) -> Result<Vec<RowReport>> {
    let mut done = Vec::new();
    scope(|threads| -> Result<()> {
        let waiting = rows.iter().filter(|row| row.waits);
        let waiting: Vec<_> = waiting.map(|row| threads.spawn(|| try_row(walk, row))).collect();
        for row in rows.iter().filter(|row| !row.waits) {
            tell(Event::Begins(row));
            bystander.count_intervals(!row.apart)?;
            let report = try_row(walk, row);
            tell(Event::Ended(&report));
            done.push(report);
        }
        bystander.count_intervals(true)?;
        for thread in waiting {
            let report = thread.join().expect("a row catches its own errors");
            tell(Event::Ended(&report));
            done.push(report);
        }
        Ok(())
    })?;
    done.sort_by_key(|report| rows.iter().position(|row| row.id == report.id));
    Ok(done)
}

fn try_row(walk: &Walk, row: &'static Row) -> RowReport {
    let started = Instant::now();
    let outcome = (row.run)(walk).unwrap_or_else(|error| Outcome::new(false, format!("{error:#}")));
    RowReport {
        id: row.id,
        ok: outcome.ok,
        tried: row.tried,
        came: outcome.came,
        want: row.want,
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// The bystander: players of a lockstep game and of a game with snapshots, in rooms that no row attacks.
#[derive(Debug)]
struct Crowd {
    paddles: Bystander,
    arena: Bystander,
}

impl Crowd {
    fn join(walk: &Walk) -> Result<Self> {
        let (paddles, arena) = (walk.target.room::<Paddles>()?, walk.target.room::<Arena>()?);
        Ok(Self {
            paddles: walk.target.honest::<Paddles>(&paddles, 2)?,
            arena: walk.target.honest::<Arena>(&arena, ARENA_PLAYERS)?,
        })
    }

    fn mark(&self) -> Result<()> {
        self.paddles.mark()?;
        self.arena.mark()
    }

    fn count_intervals(&self, counts: bool) -> Result<()> {
        self.paddles.count_intervals(counts)?;
        self.arena.count_intervals(counts)
    }

    fn fared(&self) -> Result<[Fared; 2]> {
        Ok([self.paddles.fared()?, self.arena.fared()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_an_id_of_its_own() {
        let ids: BTreeSet<_> = rows().map(|row| row.id).collect();
        assert_eq!(ids.len(), rows().count());
        assert!(ids.iter().all(|id| id.starts_with(['S', 'R', 'F'])));
    }

    #[test]
    fn an_unknown_row_is_refused_before_a_server_is_started() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plan = Plan { only: vec!["Z9".into()], program: Some("no-such-program".into()), ..Plan::default() };
        let error = walk(&plan, runtime.handle(), |_| {}).unwrap_err();
        assert!(error.to_string().contains("Z9"), "{error:#}");
    }
}

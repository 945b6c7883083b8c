//! The cost of a playing connection in our server's memory: the slope over growing numbers of connections, so that the
//! memory of a server without clients does not count.
//!
//! The anonymous memory of the process is counted, as the kernel finds it page by page. The buffers of sockets belong
//! to the kernel and are not in it.

use crate::figure::{Curve, Figure, Ink};
use crate::lean::Load;
use crate::lean::rooms::{Scene, join};
use crate::page::{Page, Section};
use crate::precise::tighten_timers;
use anyhow::{Result, bail};
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use tickwire::Game;
use tickwire_games::Crowd;
use tickwire_tools::accounting::{rss_bytes, user_bytes};
use tickwire_tools::table::grouped;
use tickwire_tools::wire::Trust;

/// The numbers of connections at which memory is read.
pub const CONNECTIONS: [u32; 4] = [500, 1_000, 2_000, 4_000];

/// Bytes that a playing connection may take, its share of a room included.
pub const BYTES_PER_CONNECTION_MAX: f64 = 10_000.0;

const SECOND_NS: u64 = 1_000_000_000;

/// Every client must have a snapshot this long after the last one has connected.
const UP_NS_MAX: u64 = 10 * SECOND_NS;

/// Time that is played before memory is read: by then histories of snapshots are full, and buffers have grown to their
/// size.
const SETTLE_NS: u64 = 3 * SECOND_NS;

/// The game and the server whose memory is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The motion and the entities of the rooms.
    pub scene: Scene,
    /// The address on which our server listens.
    pub address: SocketAddr,
    /// The authorities that the clients trust, where the server speaks TLS.
    pub trust: Option<Trust>,
    /// The server's process.
    pub server_pid: u32,
}

/// Memory with this many connections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Playing connections.
    pub connections: u32,
    /// Anonymous memory of the process.
    pub user_bytes: u64,
    /// All resident memory, the program included.
    pub rss_bytes: u64,
}

impl fmt::Display for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, user_bytes, rss_bytes } = self;
        write!(
            out,
            "{connections:>6} connections{:>9.2} MiB of its own{:>9.2} MiB resident",
            mib(*user_bytes),
            mib(*rss_bytes)
        )
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// How the entities moved.
    pub motion: String,
    /// Entities per room besides eight players.
    pub entities: u32,
    /// The measurements, one per number of connections.
    pub points: Vec<Point>,
    /// The slope of the line that is nearest to all points.
    pub bytes_per_connection: f64,
    /// The promised bound.
    pub bytes_per_connection_max: f64,
}

/// Fills the server and reads its memory at each of [`CONNECTIONS`]; calls `tell` with each point.
///
/// # Errors
/// When clients cannot connect or are lost, or when memory cannot be read.
pub fn run(plan: &Plan, mut tell: impl FnMut(&Point)) -> Result<Report> {
    tighten_timers();
    let mut load = Load::new(CONNECTIONS[CONNECTIONS.len() - 1], Crowd::RULES.tick_rate_hz)?;
    let (mut points, mut joined) = (Vec::new(), 0);
    for connections in CONNECTIONS {
        join(&mut load, plan.address, plan.trust.as_ref(), &plan.scene, connections - joined, u64::from(connections))?;
        joined = connections;
        load.play_until_up(UP_NS_MAX)?;
        load.play(SETTLE_NS);
        if let Some(end) = load.first_end() {
            bail!("{end}");
        }
        let (user_bytes, rss_bytes) = (user_bytes(plan.server_pid)?, rss_bytes(plan.server_pid)?);
        points.push(Point { connections, user_bytes, rss_bytes });
        points.last().into_iter().for_each(&mut tell);
    }
    Ok(Report {
        motion: plan.scene.motion.clone(),
        entities: plan.scene.entities,
        bytes_per_connection: slope(&points),
        bytes_per_connection_max: BYTES_PER_CONNECTION_MAX,
        points,
    })
}

/// Bytes per connection, by least squares.
fn slope(points: &[Point]) -> f64 {
    let count = points.len() as f64;
    let mean = |value: fn(&Point) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (connections, bytes) = (|point: &Point| f64::from(point.connections), |point: &Point| point.user_bytes as f64);
    let (middle, height) = (mean(connections), mean(bytes));
    let rise: f64 = points.iter().map(|point| (connections(point) - middle) * (bytes(point) - height)).sum();
    let run: f64 = points.iter().map(|point| (connections(point) - middle).powi(2)).sum();
    rise / run
}

impl Report {
    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (found, most) = (self.bytes_per_connection, self.bytes_per_connection_max);
        match found {
            found if !found.is_finite() || found <= 0.0 => vec!["memory does not grow: nothing was measured".into()],
            found if found > most => vec![format!("a connection takes {found:.0} bytes, not {most:.0} at the most")],
            _ => Vec::new(),
        }
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let (found, most) = (self.bytes_per_connection, self.bytes_per_connection_max);
        writeln!(out, "  crowd, {} · {} entities a room of eight", self.motion, self.entities)
            .and_then(|()| writeln!(out, "  {found:.0} bytes of its own memory per connection, {most:.0} promised"))
            .expect("writing to a string cannot fail");
        out
    }
}

/// Lays out a report as a page.
#[must_use]
pub fn page(report: &Report) -> Page {
    let points = &report.points;
    let curve = |name: &str, ink: Ink, bytes: fn(&Point) -> u64| {
        Curve::new(name, ink, points.iter().map(|point| (point.connections, mib(bytes(point)))))
    };
    let curves = vec![
        curve("its own", Ink::Ours, |point| point.user_bytes),
        curve("resident", Ink::Other, |point| point.rss_bytes),
    ];
    let head = ["connections", "its own, bytes", "resident, bytes"].map(String::from).to_vec();
    let row = |point: &Point| vec![point.connections.to_string(), grouped(point.user_bytes), grouped(point.rss_bytes)];
    let tile = |bytes: f64, label: &str| (grouped(bytes.max(0.0).round() as u64), label.to_owned());
    Page {
        title: "Tickwire: memory per connection".into(),
        lead: format!(
            "The benchmark game ({}, 8 players and {} entities a room) with more and more playing connections.",
            report.motion, report.entities
        ),
        sections: vec![Section {
            heading: "Memory of the server".into(),
            tiles: vec![
                tile(report.bytes_per_connection, "bytes per connection: the slope"),
                tile(report.bytes_per_connection_max, "bytes at the most were promised"),
            ],
            figures: vec![Figure::new("Memory over connections, MiB", curves).evenly()],
            table: std::iter::once(head).chain(points.iter().map(row)).collect(),
            faults: report.faults(),
            doubts: Vec::new(),
        }],
        notes: vec![
            "Its own: anonymous memory of the process, as the kernel counts it page by page (smaps_rollup). A \
             connection's share of its room is in it, the kernel's buffers of its socket are not."
                .into(),
        ],
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(bytes_per_connection: u64) -> Report {
        let point = |connections: u32| Point {
            connections,
            user_bytes: (5 << 20) + u64::from(connections) * bytes_per_connection,
            rss_bytes: 20 << 20,
        };
        let points = CONNECTIONS.map(point).to_vec();
        let (motion, slope) = ("steady".into(), slope(&points));
        let bytes_per_connection_max = BYTES_PER_CONNECTION_MAX;
        Report { motion, entities: 100, bytes_per_connection: slope, bytes_per_connection_max, points }
    }

    #[test]
    fn the_memory_of_a_server_without_clients_is_not_in_the_slope() {
        assert!((report(8_000).bytes_per_connection - 8_000.0).abs() < 1e-6);
        assert!(report(8_000).faults().is_empty());
    }

    #[test]
    fn a_connection_over_its_bound_and_memory_that_does_not_grow_are_faults() {
        assert_eq!(report(10_300).faults(), ["a connection takes 10300 bytes, not 10000 at the most"]);
        assert_eq!(report(0).faults().len(), 1);
    }

    #[test]
    fn the_page_shows_the_slope_and_every_point() {
        let html = page(&report(8_000)).html().unwrap();
        assert!(html.contains("8,000") && html.matches("<tr>").count() == 5);
    }
}

//! The report of `cargo floor` as a page.

use super::report::Report;
use crate::figure::{Curve, Figure, Ink};
use crate::page::{Page, Section};
use tickwire::Game;
use tickwire_games::Crowd;

/// The cost that simulation, encoding and the rest of our code may add to the kernel's, as a ratio of the whole to the
/// kernel's.
const RATIO_MEANT: f64 = 1.25;

/// Lays out the reports of a run; there is at least one.
#[must_use]
pub fn page(reports: &[Report]) -> Page {
    let played = reports.first().map(|report| (report.motion.as_str(), report.entities, report.seconds));
    let (motion, entities, seconds) = played.unwrap_or_default();
    Page {
        title: "Tickwire at the floor".into(),
        lead: format!(
            "The real server with the benchmark game ({motion}, 8 players and {entities} entities a room, {} Hz), and a \
             bare loop that only receives and sends the same bytes, in turns in one run: {seconds} s each.",
            Crowd::RULES.tick_rate_hz
        ),
        sections: vec![Section {
            heading: "Cost of a client and tick".into(),
            tiles: reports.iter().map(tile).collect(),
            figures: figures(reports),
            table: table(reports),
            faults: reports.iter().flat_map(Report::faults).collect(),
            doubts: reports.iter().flat_map(Report::doubts).collect(),
        }],
        notes: vec![
            "CPU is the kernel's account of the threads (schedstat), one core for the measured side and one for the \
             load generator; medians over rounds of two seconds. The ratio is what simulation, encoding and the rest \
             of our code cost on top of the kernel."
                .into(),
            "Bytes are WebSocket payload with the head, keyframes apart; positions and velocities in 1/32 unit, angle \
             and spin in 1024 steps. The bare loop sends as many."
                .into(),
        ],
    }
}

fn tile(report: &Report) -> (String, String) {
    (format!("{:.2}", report.ratio), format!("ours over the bare loop, {} clients", report.clients))
}

fn figures(reports: &[Report]) -> Vec<Figure> {
    let curve = |name: &str, ink: Ink, value: fn(&Report) -> f64| {
        Curve::new(name, ink, reports.iter().map(|report| (report.clients, value(report))))
    };
    let both = |ours: fn(&Report) -> f64, floor: fn(&Report) -> f64| {
        vec![curve("ours", Ink::Ours, ours), curve("bare loop", Ink::Other, floor)]
    };
    let rate_hz = f64::from(Crowd::RULES.tick_rate_hz);
    vec![
        Figure::new("CPU per client-tick, µs", both(|report| report.ours_cpu_us, |report| report.floor_cpu_us)),
        Figure::new("Ours over the bare loop", vec![curve("ratio", Ink::Ours, |report| report.ratio)])
            .marked(RATIO_MEANT, "meant"),
        Figure::new("Rate, Hz", both(|report| report.ours_rate_hz, |report| report.floor_rate_hz))
            .marked(rate_hz, "meant")
            .close_up(1.0),
        Figure::new(
            "Interval, p99, ms",
            both(|report| report.ours_interval_ms.p99, |report| report.floor_interval_ms.p99),
        )
        .marked(1_000.0 / rate_hz, "a tick")
        .close_up(1.0),
        Figure::new("Bytes per snapshot", vec![curve("both", Ink::Ours, |report| report.payload_bytes)]),
    ]
}

fn table(reports: &[Report]) -> Vec<Vec<String>> {
    let head = [
        "clients",
        "ours, µs",
        "bare loop, µs",
        "ratio",
        "ratios of rounds",
        "bytes",
        "rate, Hz",
        "p99, ms",
        "bare loop, p99",
        "memory, MiB",
        "generator late, ms",
        "generator busy",
    ];
    let row = |report: &Report| {
        let [least, most] = report.ratio_range;
        vec![
            report.clients.to_string(),
            format!("{:.2}", report.ours_cpu_us),
            format!("{:.2}", report.floor_cpu_us),
            format!("{:.3}", report.ratio),
            format!("{least:.2} to {most:.2}"),
            format!("{:.1}", report.payload_bytes),
            format!("{:.2}", report.ours_rate_hz),
            format!("{:.2}", report.ours_interval_ms.p99),
            format!("{:.2}", report.floor_interval_ms.p99),
            format!("{:.1}", report.ours_rss_bytes as f64 / f64::from(1 << 20)),
            format!("{:.2}", report.generator_late_p99_ms),
            format!("{:.0} %", 100.0 * report.generator_busy),
        ]
    };
    std::iter::once(head.map(String::from).to_vec()).chain(reports.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::report::tests::report;

    #[test]
    fn every_number_of_clients_has_its_ratio_and_its_row() {
        let more = Report { clients: 2_000, ratio: 1.5, ours_delivered: 0.5, ..report() };
        let html = page(&[report(), more]).html().unwrap();
        for words in ["1.20", "1.50", "ours over the bare loop, 2000 clients", "2000 clients: our server delivered"] {
            assert!(html.contains(words), "{words} is not in the page");
        }
        assert_eq!(html.matches("<tr>").count(), 3);
    }
}

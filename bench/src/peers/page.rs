//! The report of `cargo peers` as a page.

use super::report::{Comparison, Side};
use crate::figure::{Curve, Figure, Ink};
use crate::page::{Page, Section};
use tickwire::Game;
use tickwire_games::Crowd;

/// Explains how both sides' numbers are encoded.
pub(super) const QUANTIZATION: &str = "Bytes are WebSocket payload with the head, keyframes apart. Ours: x, y and velocity in 1/32 unit, angle and spin \
     in 1024 steps, hp 8 bits, and a hash. Colyseus: x, y and angle as f32 and hp as u8, without velocity.";

/// Explains how CPU time is counted.
pub(super) const ACCOUNTING: &str = "CPU is the kernel's account of all threads of the server's process (schedstat), per snapshot that a client received. \
     The server has one core and the load generator another one, everything on loopback.";

/// Lays out the comparisons, a section for each workload.
#[must_use]
pub fn page(comparisons: &[Comparison]) -> Page {
    let mut workloads: Vec<&str> = comparisons.iter().map(|comparison| comparison.workload.as_str()).collect();
    workloads.dedup();
    let of = |workload: &str| -> Vec<&Comparison> {
        comparisons.iter().filter(|comparison| comparison.workload == workload).collect()
    };
    Page {
        title: "Tickwire and Colyseus".into(),
        lead: format!(
            "The same benchmark game on both servers, rooms of {} players at {} Hz, one load generator for both, in \
             turns in one run.",
            Crowd::RULES.seats,
            Crowd::RULES.tick_rate_hz
        ),
        sections: workloads.into_iter().map(|workload| section(workload, &of(workload))).collect(),
        notes: [ACCOUNTING, QUANTIZATION].map(String::from).to_vec(),
    }
}

fn section(workload: &str, comparisons: &[&Comparison]) -> Section {
    let last = comparisons.last();
    let tile = |ratio: f64, label: &str, clients: u32| {
        (format!("{ratio:.2}"), format!("{label}: ours over theirs, {clients} clients"))
    };
    let tiles = |comparison: &&&Comparison| {
        let (ratio, clients) = (comparison.ratio, comparison.clients);
        let ratios =
            [(ratio.cpu, "CPU"), (ratio.bytes, "bytes"), (ratio.p99_ms, "p99 interval"), (ratio.rss, "memory")];
        ratios.map(|(ratio, label)| tile(ratio, label, clients)).to_vec()
    };
    Section {
        heading: workload.into(),
        tiles: last.as_ref().map(tiles).unwrap_or_default(),
        figures: figures(comparisons),
        table: table(comparisons),
        faults: comparisons.iter().flat_map(|comparison| comparison.faults()).collect(),
        doubts: comparisons.iter().flat_map(|comparison| comparison.doubts()).collect(),
    }
}

fn figures(comparisons: &[&Comparison]) -> Vec<Figure> {
    let both = |value: fn(&Side) -> f64| {
        let curve = |name, ink, side: fn(&Comparison) -> &Side| {
            Curve::new(name, ink, comparisons.iter().map(|comparison| (comparison.clients, value(side(comparison)))))
        };
        vec![
            curve("ours", Ink::Ours, |comparison| &comparison.ours),
            curve("Colyseus", Ink::Other, |comparison| &comparison.colyseus),
        ]
    };
    let rate_hz = f64::from(Crowd::RULES.tick_rate_hz);
    vec![
        Figure::new("CPU per client-tick, µs", both(|side| side.cpu_us_per_client_tick)),
        Figure::new("Rate, Hz", both(|side| side.rate_hz)).marked(rate_hz, "meant").close_up(1.0),
        Figure::new("Interval, p99, ms", both(|side| side.interval_ms.p99)).marked(1_000.0 / rate_hz, "a tick"),
        Figure::new("Bytes per snapshot", both(|side| side.bytes_per_snapshot)),
        Figure::new("Memory, MiB resident", both(|side| side.rss_bytes as f64 / f64::from(1 << 20))),
    ]
}

fn table(comparisons: &[&Comparison]) -> Vec<Vec<String>> {
    let head = [
        "",
        "CPU, µs",
        "bytes",
        "rate, Hz",
        "p50, ms",
        "p99, ms",
        "p99.9, ms",
        "MiB",
        "generator late, ms",
        "generator busy",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for comparison in comparisons {
        let sides = [("ours", &comparison.ours), ("Colyseus", &comparison.colyseus)];
        let generator = comparison.generator_late_p99_ms.into_iter().zip(comparison.generator_busy);
        for ((name, side), (late_ms, busy)) in sides.into_iter().zip(generator) {
            let mut row = vec![format!("{name}, {} clients", comparison.clients)];
            row.extend(cells(side));
            row.extend([format!("{late_ms:.2}"), format!("{:.0} %", 100.0 * busy)]);
            rows.push(row);
        }
    }
    rows
}

fn cells(side: &Side) -> [String; 7] {
    [
        format!("{:.2}", side.cpu_us_per_client_tick),
        format!("{:.1}", side.bytes_per_snapshot),
        format!("{:.2}", side.rate_hz),
        format!("{:.2}", side.interval_ms.p50),
        format!("{:.2}", side.interval_ms.p99),
        format!("{:.2}", side.interval_ms.p999),
        format!("{:.1}", side.rss_bytes as f64 / f64::from(1 << 20)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::report::tests::measured;

    #[test]
    fn every_workload_has_its_section_with_both_sides_of_every_number_of_clients() {
        let (ours, theirs) = (measured(240, 2_400, 960.0), measured(240, 24_000, 9_600.0));
        let of = |workload: &str, clients| Comparison::new(workload, clients, &ours, &theirs);
        let html = page(&[of("heavy", 8), of("heavy", 80), of("light", 8)]).html().unwrap();
        assert_eq!((html.matches("<section>").count(), html.matches("<svg ").count()), (2, 10));
        for words in ["Colyseus, 80 clients", "0.10", "without velocity"] {
            assert!(html.contains(words), "{words} is not in the page");
        }
    }
}

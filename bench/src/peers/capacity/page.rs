//! The numbers of clients that both servers hold, as a page.

use super::INTERVAL_P99_MS_MAX;
use super::report::{Held, RATIO_MIN, Report, Step};
use crate::figure::{Curve, Figure, Ink};
use crate::page::{Page, Section};
use crate::peers::page::{ACCOUNTING, QUANTIZATION};

/// Lays out the reports, a section for each workload.
#[must_use]
pub fn page(reports: &[Report]) -> Page {
    Page {
        title: "How many clients one process holds: Tickwire and Colyseus".into(),
        lead: format!(
            "The same benchmark game on both servers, with more and more clients until snapshots come more slowly than \
             asked for, or one in a hundred intervals is longer than {INTERVAL_P99_MS_MAX:.1} ms."
        ),
        sections: reports.iter().map(section).collect(),
        notes: [
            "\"At least\": the load generator reached its limit before the server did.",
            "A server that does not reach 29.9 Hz with one room is held to its own rate there, less 0.1 Hz.",
            ACCOUNTING,
            QUANTIZATION,
        ]
        .map(String::from)
        .to_vec(),
    }
}

fn section(report: &Report) -> Section {
    let both = |value: fn(&Step) -> f64| {
        let curve = |name, ink, held: &Held| {
            let steps = held.steps.iter().filter(|step| step.rate_hz > 0.0);
            Curve::new(name, ink, steps.map(|step| (step.clients, value(step))))
        };
        vec![curve("ours", Ink::Ours, &report.ours), curve("Colyseus", Ink::Other, &report.colyseus)]
    };
    let asked_hz = report.ours.rate_hz_min;
    Section {
        heading: report.workload.clone(),
        tiles: vec![
            (report.ratio_words(), format!("times as many clients; {RATIO_MIN} are promised")),
            (report.ours.words(), "clients on one shard of ours".into()),
            (report.colyseus.words(), "clients on one process of Colyseus".into()),
        ],
        figures: vec![
            Figure::new("Rate, Hz", both(|step| step.rate_hz)).marked(asked_hz, "asked for").close_up(1.0),
            Figure::new("Interval, p99, ms", both(|step| step.interval_p99_ms)).marked(INTERVAL_P99_MS_MAX, "bound"),
            Figure::new("Server, % of its core", both(|step| 100.0 * step.server_busy)),
            Figure::new("Load generator, % of its core", both(|step| 100.0 * step.generator_busy)),
        ],
        table: table(report),
        faults: report.faults(),
        doubts: Vec::new(),
    }
}

fn table(report: &Report) -> Vec<Vec<String>> {
    let head = ["", "", "rate, Hz", "p99, ms", "server busy", "generator busy", "generator late, ms"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (name, held) in [("ours", &report.ours), ("Colyseus", &report.colyseus)] {
        rows.extend(held.steps.iter().map(|step| {
            vec![
                format!("{name}, {} clients", step.clients),
                format!("{:?}", step.verdict).to_lowercase(),
                format!("{:.2}", step.rate_hz),
                format!("{:.1}", step.interval_p99_ms),
                format!("{:.0} %", 100.0 * step.server_busy),
                format!("{:.0} %", 100.0 * step.generator_busy),
                format!("{:.2}", step.generator_late_p99_ms),
            ]
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn the_page_shows_the_numbers_that_both_hold_and_every_step() {
        let html = page(&[report(4_000, 800)]).html().unwrap();
        for words in [">5.00<", ">4000<", ">800<", "Colyseus, 800 clients", "holds"] {
            assert!(html.contains(words), "{words} is not in the page");
        }
    }
}

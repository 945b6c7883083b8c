//! The report of `cargo floor -- --rhythm` as a page.

use super::report::{LATER_US_MAX, Lateness, Report, Round};
use crate::figure::{Curve, Figure, Ink};
use crate::page::{Page, Section};

/// Lays out a report as a page.
#[must_use]
pub fn page(report: &Report) -> Page {
    let Report { clients, rooms, seconds, motion, entities, rate_hz_meant, .. } = report;
    Page {
        title: "Tickwire: the rhythm".into(),
        lead: format!(
            "The real server with the benchmark game ({motion}, {clients} clients in {rooms} rooms of 8 players and \
             {entities} entities, {rate_hz_meant} Hz), and a thread that only sleeps until as many deadlines, in turns on \
             the same core in one run: {seconds} s each."
        ),
        sections: vec![Section {
            heading: "How exactly ticks begin".into(),
            tiles: vec![
                (format!("{:.4}", report.rate_hz), "ticks a second".into()),
                (format!("{:.0} µs", report.ours_late_us.p99), "the shard's lateness, p99".into()),
                (format!("{:.0} µs", report.timer_late_us.p99), "the bare timer's".into()),
                (format!("{:.0} %", 100.0 * report.shard_busy), "use of the shard's core".into()),
            ],
            figures: vec![Figure::new("Lateness, p99, µs, by round", curves(&report.rounds)).evenly()],
            table: table(report),
            faults: report.faults(),
            doubts: report.doubts(),
        }],
        notes: vec![
            format!(
                "The rate is the mean of all gaps between two snapshots of a client. Lateness of the shard is its own \
                 account: the time from a phase's due time to its start. At most {LATER_US_MAX} µs more than the bare \
                 timer's are promised. Rooms of a phase follow one after another."
            ),
            "The server's buckets are ten to a decade; values are taken as spread evenly over theirs.".into(),
        ],
    }
}

fn curves(rounds: &[Round]) -> Vec<Curve> {
    let curve = |name: &str, ink: Ink, late: fn(&Round) -> Lateness| {
        Curve::new(name, ink, (1..).zip(rounds).map(|(number, round)| (number, late(round).p99)))
    };
    vec![
        curve("ours", Ink::Ours, |round| round.ours_late_us),
        curve("bare timer", Ink::Other, |round| round.timer_late_us),
    ]
}

fn table(report: &Report) -> Vec<Vec<String>> {
    let row = |name: &str, late: Lateness| {
        let cells = [late.p50, late.p99, late.p999].map(|us| format!("{us:.1}"));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    vec![
        ["late by, µs", "p50", "p99", "p99.9"].map(String::from).to_vec(),
        row("the shard", report.ours_late_us),
        row("a bare timer", report.timer_late_us),
        row("rooms in turn", report.room_late_us),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::rhythm::report::tests::report;

    #[test]
    fn the_page_shows_both_figures_of_the_promise() {
        let html = page(&report()).html().unwrap();
        for words in ["30.0002", "110 µs", "90 µs", "52 %", "<svg "] {
            assert!(html.contains(words), "{words} is not in the page");
        }
        assert_eq!(html.matches("<tr>").count(), 4);
    }
}

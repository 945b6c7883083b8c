//! The report as text for people.

use crate::report::corruptions::Corruptions;
use crate::report::queue::QueueWaits;
use crate::report::slow::{CLOSED_SECONDS_MAX, QUEUED_BYTES_MAX, SHIFT_MS_MAX, SlowReaders};
use crate::report::topic::Topic;
use crate::report::{GENERATOR_LATE_MS, Report, Spread};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of the table that are not in the report.
#[derive(Debug, Clone, Default)]
pub struct Asides {
    /// The game and how it was played, for the first line.
    pub title: String,
    /// Microseconds on a CPU in the measured seconds, by thread of the server.
    pub server_cpu_us: BTreeMap<String, f64>,
    /// Microseconds that the generator itself was on a CPU in the measured seconds.
    pub generator_cpu_us: f64,
    /// How late the generator itself was, in milliseconds: one input in a hundred was later.
    pub generator_late_p99_ms: f64,
    /// Connections that ended, by close code.
    pub disconnects: BTreeMap<u16, u64>,
    /// The first error of the run.
    pub first_fault: Option<String>,
}

/// Lays out the report in lines.
#[must_use]
pub fn render(report: &Report, asides: &Asides) -> String {
    let mut out = format!("  {}\n\n", asides.title);
    let mut line = |label: &str, words: String| {
        writeln!(out, "  {label:<17}{words}").expect("writing to a string cannot fail");
    };
    let part = 100.0 * report.delivered_part();
    line(
        "delivered",
        format!(
            "{} of {} ticks, {part:.2} %, at {:.2} Hz",
            grouped(report.ticks_delivered),
            grouped(report.ticks_expected),
            report.rate_hz
        ),
    );
    line(
        "agreement",
        format!(
            "{} hashes compared, {} differ; {} decode errors, {} disconnects\n",
            grouped(report.hashes_compared),
            report.hash_mismatches,
            report.decode_errors,
            report.disconnects
        ),
    );
    if let Some(Corruptions { planted, noticed, healed }) = report.corruptions {
        line("corruptions", format!("{planted} fields damaged, {noticed} noticed, {healed} healed\n"));
    }
    line("", format!("{:>9}{:>9}{:>9}", "p50", "p99", "p99.9"));
    line("tick interval", spread(&report.tick_interval_ms));
    line("input to snapshot", spread(&report.input_to_snapshot_ms));
    line("", format!("{:>9}{:>9}{:>9}", "p50", "p99", "max"));
    let (units, ticks) = (&report.correction_units, &report.rollback_ticks);
    line("correction", format!("{:>9.3}{:>9.3}{:>9.3}  units", units.p50, units.p99, units.max));
    line("rollback", format!("{:>9}{:>9}{:>9}  ticks\n", ticks.p50, ticks.p99, ticks.max));
    line(
        "inputs",
        format!(
            "{:.2} ticks early, {} starved; {} interpolation underruns",
            report.input_lead_ticks, report.starved_ticks, report.interpolation_underruns
        ),
    );
    line(
        "traffic",
        format!(
            "{:.1} kB/s per client; {:.1} B per snapshot, {:.0} B per keyframe",
            report.bytes_per_client_per_s / 1_000.0,
            report.bytes_per_snapshot,
            report.keyframe_bytes
        ),
    );
    report.topic.iter().for_each(|heard| topic_line(heard, &mut line));
    report.queue.iter().for_each(|waits| queue_line(waits, &mut line));
    for (index, field) in report.corrected_fields.iter().filter(|field| field.is_notable()).enumerate() {
        line(if index == 0 { "corrected fields" } else { "" }, field.words.clone());
    }
    report.slow_readers.iter().for_each(|found| slow_lines(found, &mut line));
    server_lines(report, asides, &mut line);
    out
}

fn queue_line(waits: &QueueWaits, line: &mut impl FnMut(&str, String)) {
    let QueueWaits { wait_ms, matches, seconds, .. } = waits;
    let (p50, p99) = (wait_ms.p50 / 1_000.0, wait_ms.p99 / 1_000.0);
    line("queue", format!("{matches} matches in {seconds:.1} s; waits of {p50:.1} s p50, {p99:.1} s p99"));
}

fn topic_line(heard: &Topic, line: &mut impl FnMut(&str, String)) {
    let Topic { topic, messages, messages_per_client_per_s, missed, lost, doubles, .. } = heard;
    let messages = grouped(*messages);
    line(
        "topic",
        format!(
            "{topic}: {messages_per_client_per_s:.1} messages/s per client, {messages} in all; {missed} missed, {lost} \
             lost without a gap, {doubles} doubles"
        ),
    );
}

fn slow_lines(found: &SlowReaders, line: &mut impl FnMut(&str, String)) {
    let closes = |closes: &BTreeMap<u16, u32>| {
        let words: Vec<String> = closes.iter().map(|(code, count)| format!("{count} with {code}")).collect();
        if words.is_empty() { "none".into() } else { words.join(", ") }
    };
    let (slow, never) = (found.slow, found.never);
    let (queued, queued_max) = (grouped(found.queued_bytes_max), grouped(QUEUED_BYTES_MAX));
    line("slow readers", format!("{queued} bytes waited for one at the most; {queued_max} promised"));
    let bytes = found.slow_bytes_per_s;
    line("", format!("  {slow} read {bytes:.0} B/s; closed: {}", closes(&found.slow_closes)));
    let (connections, closed) = (found.never_connections, closes(&found.never_closes));
    line("", format!("  {never} never read, {connections} connections; closed: {closed}"));
    let (after_s, limit_s) = (found.never_closed_after_s_max, found.closed_after_limit_s());
    line(
        "",
        format!(
            "  closed at most {after_s:.1} s after they stopped, {limit_s:.1} s after the lag limit; \
             {CLOSED_SECONDS_MAX} s promised"
        ),
    );
    line("others beside", spread(&found.with_interval_ms));
    line("others alone", spread(&found.without_interval_ms));
    line("", format!("  their p99 moves by {:.2} ms; less than {SHIFT_MS_MAX} ms promised\n", found.shift_ms()));
}

fn server_lines(report: &Report, asides: &Asides, line: &mut impl FnMut(&str, String)) {
    match (report.server_cpu_us_per_client_tick, report.server_rss_bytes) {
        (Some(cpu_us), Some(rss)) => {
            let mib = rss as f64 / f64::from(1 << 20);
            line("server", format!("{cpu_us:.2} µs CPU per client-tick, {mib:.1} MiB resident"));
        }
        _ => line("server", "not accounted: its process is not known (--server-pid)".into()),
    }
    let ticks = report.ticks_delivered as f64;
    let seconds_us = f64::from(report.seconds) * 1e6;
    for (thread, cpu_us) in asides.server_cpu_us.iter().filter(|(_, cpu_us)| **cpu_us > seconds_us / 1e4) {
        line("", format!("  {thread}: {:.2} µs, {:.1} % of a core", cpu_us / ticks, 100.0 * cpu_us / seconds_us));
    }
    let late = asides.generator_late_p99_ms;
    let doubt = if late > GENERATOR_LATE_MS { ": latencies are partly its own" } else { "" };
    let busy = 100.0 * asides.generator_cpu_us / seconds_us;
    line("generator", format!("{late:.1} ms late at p99, {busy:.1} % of a core{doubt}"));
    if !asides.disconnects.is_empty() {
        let codes: Vec<String> =
            asides.disconnects.iter().map(|(code, count)| format!("{count} with code {code}")).collect();
        line("lost", codes.join(", "));
    }
    if let Some(fault) = &asides.first_fault {
        line("first fault", fault.clone());
    }
}

fn spread(spread: &Spread) -> String {
    format!("{:>9.2}{:>9.2}{:>9.2}  ms", spread.p50, spread.p99, spread.p999)
}

/// A number with commas between its thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let mut out = String::from(&digits[..head]);
    for start in (head..digits.len()).step_by(3) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&digits[start..start + 3]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::corrections::Corrections;
    use crate::report::tests::report;
    use crate::topic_ear::TopicCounts;

    #[test]
    fn commas_separate_thousands() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (143_990, "143,990"), (1_234_567, "1,234,567")];
        cases.into_iter().for_each(|(number, text)| assert_eq!(grouped(number), text));
    }

    #[test]
    fn the_table_shows_deliveries_and_errors() {
        let asides = Asides {
            title: "arena".into(),
            server_cpu_us: [("shard-0".into(), 2_000_000.0), ("idle".into(), 3.0)].into(),
            disconnects: [(4007, 2)].into(),
            first_fault: Some("a connection attempt failed".into()),
            ..Asides::default()
        };
        let table = render(&report(), &asides);
        for words in [
            "143,990 of 144,000 ticks, 99.99 %",
            "shard-0: 13.89 µs",
            "2 with code 4007",
            "a connection attempt failed",
        ] {
            assert!(table.contains(words), "{words} is not in\n{table}");
        }
        assert!(!table.contains("idle"), "idle threads are left out");
    }

    #[test]
    fn the_table_names_the_fields_that_clients_predict_wrong() {
        let field = |words: &str, snapshots| Corrections {
            field: "ships.shown".into(),
            snapshots,
            of: 100,
            units_mean: 5.4,
            units_max: 9.0,
            unpredictable: false,
            words: words.into(),
        };
        let wrong = Report {
            corrected_fields: vec![field("ships.shown: often", 80), field("ships.at: now and then", 1)],
            ..report()
        };
        let table = render(&wrong, &Asides::default());
        assert!(
            table.contains("  corrected fields ships.shown: often\n                   ships.at: now and then\n"),
            "{table}"
        );
        let rarely = Report { corrected_fields: vec![field("ships.hp: rarely", 0)], ..report() };
        assert!(!render(&rarely, &Asides::default()).contains("corrected fields"));
    }

    #[test]
    fn the_table_says_what_was_heard_of_a_topic() {
        let counts = TopicCounts { messages: 4_000, missed: 2, ..TopicCounts::default() };
        let heard = Report { topic: Some(Topic::new("announce", counts, 49.9)), ..report() };
        let words = "topic            announce: 49.9 messages/s per client, 4,000 in all; 2 missed, 0 lost";
        assert!(render(&heard, &Asides::default()).contains(words));
        assert!(!render(&report(), &Asides::default()).contains("announce"));
    }

    #[test]
    fn an_unknown_server_process_is_not_accounted() {
        let unknown = Report { server_cpu_us_per_client_tick: None, server_rss_bytes: None, ..report() };
        assert!(render(&unknown, &Asides::default()).contains("not accounted"));
    }
}

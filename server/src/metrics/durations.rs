//! Durations by bucket: plain integers on the thread that counts, atomics where they are shown.
//!
//! The exporter's own histogram keeps every value until the values are summed up for a reader, which allocates.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets in nanoseconds, ten to a decade; longer durations are counted in one more.
const BOUNDS_NS: [u64; 38] = [
    10_000, 12_500, 16_000, 20_000, 25_000, 31_500, 40_000, 50_000, 63_000, 80_000, 100_000, 125_000, 160_000, 200_000,
    250_000, 315_000, 400_000, 500_000, 630_000, 800_000, 1_000_000, 1_250_000, 1_600_000, 2_000_000, 2_500_000,
    3_150_000, 4_000_000, 5_000_000, 6_300_000, 8_000_000, 10_000_000, 12_500_000, 16_000_000, 20_000_000, 25_000_000,
    31_500_000, 40_000_000, 50_000_000,
];

const SECOND_NS: f64 = 1e9;

/// Durations of one shard since they were last handed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Durations {
    counts: [u64; BOUNDS_NS.len() + 1],
    sum_ns: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; BOUNDS_NS.len() + 1], sum_ns: 0 }
    }
}

impl Durations {
    pub(super) fn add(&mut self, ns: u64) {
        self.counts[BOUNDS_NS.partition_point(|bound_ns| *bound_ns < ns)] += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// All durations so far, of all shards.
#[derive(Debug)]
pub(super) struct DurationsMetric {
    name: &'static str,
    words: &'static str,
    counts: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

impl DurationsMetric {
    pub(super) fn new(name: &'static str, words: &'static str) -> Self {
        Self { name, words, counts: [const { AtomicU64::new(0) }; BOUNDS_NS.len() + 1], sum_ns: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, durations: &Durations) {
        for (counter, count) in self.counts.iter().zip(durations.counts).filter(|(_, count)| *count > 0) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(durations.sum_ns, Ordering::Relaxed);
    }

    /// Appends the histogram in the text format of Prometheus.
    pub(super) fn render(&self, out: &mut String) {
        let (name, mut so_far) = (self.name, 0);
        let bounds = BOUNDS_NS.iter().map(|bound_ns| (*bound_ns as f64 / SECOND_NS).to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} histogram", self.words);
        for (bound, count) in bounds.chain(["+Inf".into()]).zip(&self.counts) {
            // The buckets of a Prometheus histogram are cumulative: each one includes all durations up to its bound.
            so_far += count.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {so_far}");
        }
        let sum = self.sum_ns.load(Ordering::Relaxed) as f64 / SECOND_NS;
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {so_far}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_the_shorter_durations_too() {
        let (metric, mut durations) = (DurationsMetric::new("t", "Words."), Durations::default());
        for ns in [0, 50_000, 50_001, 20_000_000, 90_000_000] {
            durations.add(ns);
        }
        assert_eq!(durations.count(), 5);
        metric.add(&durations);
        let mut out = String::new();
        metric.render(&mut out);
        for line in [
            "# HELP t Words.",
            "t_bucket{le=\"0.00005\"} 2",
            "t_bucket{le=\"0.0001\"} 3",
            "t_bucket{le=\"0.02\"} 4",
            "t_bucket{le=\"0.05\"} 4",
            "t_bucket{le=\"+Inf\"} 5",
            "t_sum 0.110100001",
            "t_count 5",
        ] {
            assert!(out.lines().any(|found| found == line), "{line} is missing in\n{out}");
        }
    }
}

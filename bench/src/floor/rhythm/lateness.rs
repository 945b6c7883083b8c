//! How late an event happened, as a server's metrics tell it: counts by bucket.

use super::report::Lateness;
use anyhow::{Context, Result, ensure};

/// Counts by bucket, from the shortest on. An empty set of buckets stands for a metric that was not read yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Buckets {
    /// Upper bounds in microseconds; the last one is infinite.
    bounds_us: Vec<f64>,
    counts: Vec<u64>,
}

impl Buckets {
    /// The histogram of this name, in seconds.
    pub(crate) fn in_metrics(metrics: &str, name: &str) -> Result<Self> {
        let start = format!("{name}_bucket{{le=\"");
        let (mut buckets, mut before) = (Self::default(), 0);
        for line in metrics.lines().filter_map(|line| line.strip_prefix(&start)) {
            let read = || {
                let (bound, count) = line.split_once("\"} ")?;
                let bound_s = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
                Some((bound_s * 1e6, count.parse::<u64>().ok()?))
            };
            let (bound_us, so_far) = read().with_context(|| format!("{name} has a bucket {line}"))?;
            buckets.bounds_us.push(bound_us);
            buckets.counts.push(so_far.checked_sub(before).with_context(|| format!("{name} does not add up"))?);
            before = so_far;
        }
        ensure!(!buckets.counts.is_empty(), "the server's metrics have no {name}");
        Ok(buckets)
    }

    /// The counts that were added since `earlier`.
    pub(crate) fn since(mut self, earlier: &Self) -> Self {
        self.counts.iter_mut().zip(&earlier.counts).for_each(|(count, before)| *count = count.saturating_sub(*before));
        self
    }

    /// Adds the counts of another time.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.clone_from(other);
        } else {
            self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The spread, as if the values of a bucket were spread evenly over it.
    pub(crate) fn lateness(&self) -> Lateness {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| self.quantile_us(part));
        Lateness { p50, p99, p999 }
    }

    /// The value that this part of all values does not exceed; infinite when it is over the last bound.
    fn quantile_us(&self, part: f64) -> f64 {
        let wanted = part * self.count() as f64;
        let (mut below, mut from_us) = (0.0, 0.0);
        for (to_us, count) in self.bounds_us.iter().zip(&self.counts) {
            let count = *count as f64;
            if below + count >= wanted && count > 0.0 {
                return from_us + (to_us - from_us) * (wanted - below) / count;
            }
            (below, from_us) = (below + count, *to_us);
        }
        f64::NAN
    }
}

/// The value of a counter without labels.
pub(crate) fn count_of(metrics: &str, name: &str) -> Result<u64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.with_context(|| format!("the server's metrics have no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# TYPE late histogram\nlate_bucket{le=\"0.00005\"} 10\nlate_bucket{le=\"0.0001\"} 90\n\
                           late_bucket{le=\"+Inf\"} 100\nlate_sum 1\nlate_count 100\ndropped_total 7\nlater_bucket{le=\"1\"} 5\n";

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        let buckets = Buckets::in_metrics(METRICS, "late").unwrap();
        assert_eq!((buckets.count(), buckets.counts.len()), (100, 3));
        for (part, expected) in [(0.05, 25.0), (0.1, 50.0), (0.5, 75.0), (0.9, 100.0)] {
            let found = buckets.quantile_us(part);
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        assert_eq!(buckets.quantile_us(0.99), f64::INFINITY);
        assert!(Buckets::default().quantile_us(0.5).is_nan());
    }

    #[test]
    fn earlier_counts_are_subtracted() {
        let later = METRICS.replace("} 90", "} 91").replace("} 100", "} 101");
        let mut both =
            Buckets::in_metrics(&later, "late").unwrap().since(&Buckets::in_metrics(METRICS, "late").unwrap());
        assert_eq!(both.counts, [0, 1, 0]);
        both.add(&Buckets::in_metrics(METRICS, "late").unwrap());
        assert_eq!(both.counts, [10, 81, 10]);
        let mut none = Buckets::default();
        none.add(&both);
        assert_eq!(none, both);
    }

    #[test]
    fn metrics_that_are_not_there_are_an_error() {
        assert_eq!(count_of(METRICS, "dropped_total").unwrap(), 7);
        assert!(count_of(METRICS, "dropped").is_err() && Buckets::in_metrics(METRICS, "early").is_err());
        assert!(Buckets::in_metrics("late_bucket{le=\"1\"} 5\nlate_bucket{le=\"2\"} 4\n", "late").is_err());
    }
}

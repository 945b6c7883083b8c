//! The measurements, and the promises that they are held to.

use serde::Serialize;
use std::fmt::{self, Write as _};
use tickwire_wasm_bench::Findings;

/// Applying a delta in WebAssembly takes at most this many times as long as natively.
const APPLY_RATIO_MAX: f64 = 1.5;

/// A replay in Chromium takes at most this long, 99 times of 100, in microseconds.
const REPLAY_US_MAX: f64 = 2_000.0;

/// The host that the code ran on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Host {
    Native,
    Node,
    Chromium,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Node => "node",
            Self::Chromium => "Chromium",
        })
    }
}

/// The costs on one host, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Cost {
    host: Host,
    /// Applying a delta of `crowd`, over 300 rooms in turn.
    apply_steady_us: f64,
    apply_erratic_us: f64,
    /// Replaying 15 ticks of arena with 16 ships and 300 entities.
    replay_us: Quantiles,
    replays: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Cost {
    fn of(host: Host, found: &Findings) -> Self {
        Self {
            host,
            apply_steady_us: mean(&found.steady_us),
            apply_erratic_us: mean(&found.erratic_us),
            replay_us: Quantiles::of(&found.replay_us),
            replays: found.replay_us.len(),
        }
    }
}

impl Quantiles {
    /// The quantiles; not a number when there are no values, which breaks every promise.
    fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted.get((part * (sorted.len().max(1) - 1) as f64).ceil() as usize).copied();
        let at = |part: f64| at(part).unwrap_or(f64::NAN);
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The costs of all hosts, and the promises that they break.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) hosts: Vec<Cost>,
    pub(crate) broken: Vec<String>,
}

impl Verdict {
    /// The verdict on the native run and the others.
    pub(crate) fn of(found: &[(Host, Findings); 3]) -> Self {
        let hosts: Vec<Cost> = found.iter().map(|(host, found)| Cost::of(*host, found)).collect();
        let (native, mut broken) = (hosts[0], Vec::new());
        let mut hold = |value: f64, max: f64, what: &str, host: Host, unit: &str| {
            // A value that is not a number breaks the promise too.
            if value.is_nan() || value > max {
                broken.push(format!("{what} in {host}: {value:.2}{unit}, at most {max}{unit} were promised"));
            }
        };
        for cost in &hosts[1..] {
            let steady = cost.apply_steady_us / native.apply_steady_us;
            let erratic = cost.apply_erratic_us / native.apply_erratic_us;
            hold(steady, APPLY_RATIO_MAX, "apply, steady", cost.host, " times native");
            hold(erratic, APPLY_RATIO_MAX, "apply, erratic", cost.host, " times native");
            hold(cost.replay_us.p99, REPLAY_US_MAX, "replay of 15 ticks", cost.host, " µs");
        }
        Self { hosts, broken }
    }

    /// A table, and the promises that were not kept.
    pub(crate) fn render(&self) -> String {
        let mut out = format!(
            "  {:<10}│{:>24} │{:>24} │{:>34}\n  {:<10}│{:>12}{:>12} │{:>12}{:>12} │{:>10}{:>12}{:>12}\n",
            "",
            "apply crowd, steady",
            "apply crowd, erratic",
            "replay 15 ticks of arena, 16 + 300",
            "",
            "µs",
            "× native",
            "µs",
            "× native",
            "p50 µs",
            "p99 µs",
            "max µs"
        );
        let native = self.hosts[0];
        for cost in &self.hosts {
            let Quantiles { p50, p99, max } = cost.replay_us;
            let (steady, erratic) = (cost.apply_steady_us, cost.apply_erratic_us);
            writeln!(
                out,
                "  {:<10}│{steady:>12.2}{:>12.2} │{erratic:>12.2}{:>12.2} │{p50:>10.0}{p99:>12.0}{max:>12.0}",
                cost.host,
                steady / native.apply_steady_us,
                erratic / native.apply_erratic_us
            )
            .expect("writing to a string cannot fail");
        }
        out.push('\n');
        if self.broken.is_empty() {
            let replays = native.replays;
            let line = format!(
                "  ✓ apply in WebAssembly within {APPLY_RATIO_MAX} times native, {replays} replays in under {REPLAY_US_MAX} µs\n"
            );
            out.push_str(&line);
        }
        self.broken.iter().for_each(|broken| out.push_str(&format!("  ✗ {broken}\n")));
        out
    }
}

//! The counts of refused requests, by the kind of the problem.

use super::problem::Problem;
use crate::metrics::Metrics;
use metrics::Counter;

/// One counter for each kind.
pub(super) struct Refusals([Counter; Problem::ALL.len()]);

impl Refusals {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(metrics.refused_requests(Problem::ALL.map(Problem::slug)))
    }

    pub(super) fn count(&self, problem: Problem) {
        // The kinds are listed in the order of their numbers, which a test of them holds.
        self.0[problem as usize].increment(1);
    }
}

//! Priors: the chances that every section starts from. The room learns them and publishes them to its clients.
//!
//! A section must be readable by every client that holds its baseline, so no section may lean on chances that another
//! section taught. Instead the room publishes the chances that all sections together taught it: about five bits a
//! context, with the first keyframe and again when learning more has paid for it. Messages come in order, so a client
//! always holds the priors that its next section was coded with.
//!
//! Without priors every section would begin from guesses, and most of a section is over before its chances have
//! adapted: the delta of a small world has a few dozen decisions, and a chance moves a 32nd of the way with each.

use super::coder::Decisions;
use super::plan::Plan;
use crate::wire::{Chance, DecodeError, RangeDecoder, RangeEncoder};
use alloc::vec::Vec;
use core::num::NonZeroU8;

/// Bits of a published chance: an index into [`LEVELS`].
const LEVEL_BITS: u32 = 5;

/// The chances that can be published: "no" in so many of 32,768 cases. They are 0.45 apart in log odds, half of them on
/// each side of even.
///
/// The steps are even in log odds because the price of a wrong chance depends on them: near certainty a small absolute
/// error costs much, near even it costs nothing. A chance between two levels is off by at most 0.225, which costs less
/// than a hundredth of a bit per decision. Finer levels would not save the bits that they take.
const LEVELS: [u16; 1 << LEVEL_BITS] = [
    31, 48, 75, 118, 184, 288, 450, 700, 1084, 1669, 2544, 3821, 5620, 8031, 11055, 14549, 18219, 21713, 24737, 27148,
    28947, 30224, 31099, 31684, 32068, 32318, 32480, 32584, 32650, 32693, 32720, 32737,
];

/// Decisions of a context that must have been counted before its chance is worth publishing. Fewer say little about the
/// next ones, and rarely save the five bits of a level.
const SEEN_MIN: u32 = 8;

/// The chances that sections start from, and the levels by which they are published.
#[derive(Debug, Clone)]
pub struct Priors {
    pub(super) chances: Vec<Chance>,
    /// Levels that are published, plus one; a context that is not trained has `None`, which takes no memory of its own.
    levels: Vec<Option<NonZeroU8>>,
}

impl Priors {
    pub(super) fn untrained(plan: &Plan) -> Self {
        Self { chances: plan.untrained.clone(), levels: alloc::vec![None; plan.untrained.len()] }
    }

    /// Appends the priors as they are published: per context whether it is trained, with a chance of its own, then the
    /// bits of its level.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut coder = RangeEncoder::new(out);
        let mut trained = Chance::EVEN;
        for level in &self.levels {
            coder.put(level.is_some(), trained);
            trained.learn(level.is_some());
            if let Some(level) = level {
                coder.put_raw(u32::from(level.get() - 1), LEVEL_BITS);
            }
        }
        coder.finish();
    }

    /// Reads priors that were published.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no priors of this plan.
    pub(super) fn decode(plan: &Plan, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut priors = Self::untrained(plan);
        let mut coder = RangeDecoder::new(bytes)?;
        let mut trained = Chance::EVEN;
        for place in 0..priors.levels.len() {
            let is_trained = coder.take(trained);
            trained.learn(is_trained);
            if is_trained {
                priors.set(place, coder.take_raw(LEVEL_BITS) as u8);
            }
        }
        coder.finish()?;
        Ok(priors)
    }

    fn set(&mut self, place: usize, level: u8) {
        self.levels[place] = NonZeroU8::new(level + 1);
        self.chances[place] = Chance::of_no(LEVELS[usize::from(level)]);
    }
}

/// How often the decisions of each context fell which way.
#[derive(Debug, Clone)]
pub(super) struct ContextStats {
    counts: Vec<[u32; 2]>,
    snapshots: u32,
}

impl ContextStats {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { counts: alloc::vec![[0; 2]; plan.untrained.len()], snapshots: 0 }
    }

    /// Counts another snapshot.
    pub(super) const fn end_snapshot(&mut self) {
        self.snapshots += 1;
    }

    /// Replaces the priors by those that would have suited the counted decisions, if that pays; gives whether it did.
    /// `snapshots` are expected until the next time. Afterwards the decisions that were counted so far count half.
    ///
    /// It pays if the bits that the new chances would have saved per counted snapshot, times the snapshots to come,
    /// exceed the bits that publishing them takes. Halving the counts makes the room forget: a game that has moved on
    /// to another phase is learnt anew, and one that has not keeps its statistics.
    pub(super) fn train(&mut self, priors: &mut Priors, snapshots: u32) -> bool {
        let (mut saved_bits, mut trained) = (0.0, 0.0);
        for (place, [no, yes]) in self.counts.iter().copied().enumerate() {
            if no + yes >= SEEN_MIN {
                let level = LEVELS[usize::from(nearest_level(no, yes))];
                saved_bits += cost(priors.chances[place], no, yes) - cost(Chance::of_no(level), no, yes);
                trained += 1.0;
            } else if priors.levels[place].is_some() {
                trained += 1.0;
            }
        }
        let price_bits = priors.levels.len() as f32 + trained * LEVEL_BITS as f32;
        let pays = saved_bits * snapshots as f32 > price_bits * self.snapshots as f32;
        for (place, counts) in self.counts.iter_mut().enumerate() {
            let [no, yes] = *counts;
            // The level is worked out once more: training is rare, and memory for the levels would be there all the
            // time, in every room.
            if pays && no + yes >= SEEN_MIN {
                priors.set(place, nearest_level(no, yes));
            }
            *counts = [no / 2, yes / 2];
        }
        self.snapshots /= 2;
        pays
    }
}

impl Decisions for ContextStats {
    #[inline]
    fn decide(&mut self, context: usize, yes: bool) {
        let count = &mut self.counts[context][usize::from(yes)];
        *count = count.saturating_add(1);
    }

    fn raw(&mut self, _: usize, _: u32, _: u32) {}
}

/// The cost of `no` and `yes` decisions at a chance, in bits.
pub(super) fn cost(chance: Chance, no: u32, yes: u32) -> f32 {
    let no_part = f32::from(chance.no()) / 32_768.0;
    -(no as f32 * libm::log2f(no_part) + yes as f32 * libm::log2f(1.0 - no_part))
}

fn nearest_level(no: u32, yes: u32) -> u8 {
    // No number of cases is enough to be certain: the 0.4 stand for cases of both kinds that have not been seen yet.
    let cases = (no as f32 + 0.4) / ((no + yes) as f32 + 0.8) * 32_768.0;
    let above = LEVELS.partition_point(|level| f32::from(*level) < cases);
    let levels = above.saturating_sub(1)..=above.min(LEVELS.len() - 1);
    let price = |level: &usize| cost(Chance::of_no(LEVELS[*level]), no, yes);
    let best = levels.min_by(|a, b| price(a).total_cmp(&price(b)));
    best.and_then(|level| u8::try_from(level).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_the_nearest_to_itself() {
        for (level, no) in LEVELS.into_iter().enumerate() {
            let no = u32::from(no) * 10;
            assert_eq!(usize::from(nearest_level(no, 327_680 - no)), level);
        }
    }
}

//! The room's random numbers: seeded, the same natively and in WASM.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;
use rand_pcg::rand_core::SeedableRng as _;

/// A small, fast generator (PCG-XSH-RR, O'Neill 2014) whose numbers depend on its seed alone.
///
/// The room's own generator is never sent to clients in snapshot mode, since it would leak what is hidden: random
/// numbers in a client's prediction are guesses, which the next snapshot corrects. In lockstep the generator is part of
/// the state that everyone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng {
    seed: u64,
    /// How many numbers of 32 bits the generator has given out.
    drawn: u64,
    pcg: Pcg32,
}

impl Rng {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, pcg: Pcg32::seed_from_u64(seed) }
    }

    /// The generator of this seed after it has given out `drawn` numbers of 32 bits.
    #[must_use]
    pub fn at(seed: u64, drawn: u64) -> Self {
        let mut rng = Self::new(seed);
        rng.pcg.advance(drawn);
        rng.drawn = drawn;
        rng
    }

    /// The arguments from which [`Rng::at`] makes the same generator: the seed, and how many numbers of 32 bits it has
    /// given out.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        (self.seed, self.drawn)
    }

    /// Any `u32`, evenly.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        self.pcg.next_u32()
    }

    /// Any `u64`, evenly.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(2);
        self.pcg.next_u64()
    }

    /// A number in `0..bound`; 0 for a bound of 0. The bias is below `bound` / 2³².
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(self.next_u32()) * u64::from(bound);
        u32::try_from(wide >> 32).unwrap_or(0)
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u32::try_from(i64::from(high) - i64::from(low)).unwrap_or(0);
        low.wrapping_add_unsigned(self.below(span.saturating_add(1)))
    }

    /// A number in `0.0..1.0`, on a grid of 2⁻²⁴.
    #[inline]
    pub fn unit(&mut self) -> f32 {
        // 24 bits fit a float's mantissa: the conversion and the product are exact.
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number in `low..high`.
    #[inline]
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + self.unit() * (high - low)
    }

    /// True with a chance of one in `n`; always true for 0 and 1.
    #[inline]
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b, mut c) = (Rng::new(1), Rng::new(1), Rng::new(2));
        let first: [u32; 4] = core::array::from_fn(|_| a.next_u32());
        assert_eq!(first, core::array::from_fn(|_| b.next_u32()));
        assert_ne!(first, core::array::from_fn(|_| c.next_u32()));
    }

    #[test]
    fn a_generator_goes_on_from_its_place() {
        let mut rng = Rng::new(9);
        for draws in 0..40 {
            let (seed, drawn) = rng.place();
            assert_eq!(Rng::at(seed, drawn), rng, "after {draws} draws");
            _ = if draws % 3 == 0 { rng.next_u64() } else { rng.next_u32().into() };
        }
    }

    #[test]
    fn ranges_are_kept_and_reached() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            let n = rng.between(-2, 2);
            assert!((-2..=2).contains(&n));
            seen[usize::try_from(n + 2).unwrap()] = true;
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.between(3, 3), 3);
    }
}

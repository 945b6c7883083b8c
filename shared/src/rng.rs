//! Random numbers: seeded, the same natively and in WASM.
//!
//! There are two kinds. A generator from a seed is small and fast, and a few of its numbers give away the rest. A
//! generator from the room's [`Secret`] tells nothing: a room in snapshot mode draws all its numbers from it.

mod secret;

pub use secret::{Purpose, Secret};

use crate::leak::{Leak, is_planted};
use chacha20::ChaCha8Rng;
use chacha20::rand_core::Rng as _;
use chacha20::rand_core::SeedableRng as _;
use core::fmt;
use rand_pcg::Pcg32;

/// The numbers that a generator from a secret makes at a time.
const BLOCK_WORDS: usize = 16;

/// A generator whose numbers depend on its seed, or on its secret and stream, alone.
///
/// The room's own generator is never sent to clients in snapshot mode, since it would leak what is hidden: random
/// numbers in a client's prediction are guesses, which the next snapshot corrects. In lockstep the generator is part of
/// the state that everyone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng(Source);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Seeded(Seeded),
    Keyed(Keyed),
}

/// PCG-XSH-RR (O'Neill 2014) from a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seeded {
    seed: u64,
    /// How many numbers of 32 bits the generator has given out.
    drawn: u64,
    pcg: Pcg32,
}

/// A stream of ChaCha8 from a secret.
#[derive(Clone)]
struct Keyed {
    secret: Secret,
    stream: u64,
    /// How many numbers of 32 bits the generator has given out.
    drawn: u64,
    /// The numbers of the block that `drawn` is in, unless it is at the start of one.
    block: [u32; BLOCK_WORDS],
    /// [`fill`], which only a room names: a page, which has no secret, need not contain the cipher.
    fill: Fill,
}

/// Makes the block of this number in a stream.
type Fill = fn(&Secret, u64, u64, &mut [u32; BLOCK_WORDS]);

fn fill(secret: &Secret, stream: u64, block: u64, words: &mut [u32; BLOCK_WORDS]) {
    let mut chacha = ChaCha8Rng::from_seed(*secret.bytes());
    chacha.set_stream(stream);
    chacha.set_block_pos(block);
    words.fill_with(|| chacha.next_u32());
}

/// The block follows from the rest, and is filled only when a number of it is drawn.
impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        (&self.secret, self.stream, self.drawn) == (&other.secret, other.stream, other.drawn)
    }
}

impl Eq for Keyed {}

/// The numbers of the block do not print themselves, and no more does the secret.
impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("stream", &self.stream).field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

impl Seeded {
    fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, pcg: Pcg32::seed_from_u64(seed) }
    }
}

impl Keyed {
    /// Another stream of the same secret, from its start.
    fn stream(&self, stream: u64) -> Self {
        Self { secret: self.secret.clone(), stream, drawn: 0, block: [0; BLOCK_WORDS], fill: self.fill }
    }

    #[inline(never)]
    fn next_u32(&mut self) -> u32 {
        let place = (self.drawn % BLOCK_WORDS as u64) as usize;
        if place == 0 {
            (self.fill)(&self.secret, self.stream, self.drawn / BLOCK_WORDS as u64, &mut self.block);
        }
        self.drawn = self.drawn.wrapping_add(1);
        self.block[place]
    }
}

impl Rng {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    #[inline(never)]
    pub fn new(seed: u64) -> Self {
        Self(Source::Seeded(Seeded::new(seed)))
    }

    /// The generator of this seed after it has given out `drawn` numbers of 32 bits.
    #[must_use]
    pub fn at(seed: u64, drawn: u64) -> Self {
        let mut seeded = Seeded::new(seed);
        seeded.pcg.advance(drawn);
        seeded.drawn = drawn;
        Self(Source::Seeded(seeded))
    }

    /// The stream of this number after it has given out `drawn` numbers of 32 bits.
    fn of_secret(secret: Secret, stream: u64, drawn: u64) -> Self {
        let mut block = [0; BLOCK_WORDS];
        if !drawn.is_multiple_of(BLOCK_WORDS as u64) {
            fill(&secret, stream, drawn / BLOCK_WORDS as u64, &mut block);
        }
        Self(Source::Keyed(Keyed { secret, stream, drawn, block, fill }))
    }

    /// The random numbers of the step at `when`, after `drawn` numbers of 32 bits.
    pub(crate) fn of_step(secret: Secret, when: u32, drawn: u64) -> Self {
        Self::of_secret(secret, Purpose::Step.stream(0, when), drawn)
    }

    /// The place of the generator: its seed or the number of its stream, and how many numbers of 32 bits it has given
    /// out. From the place of a seeded generator [`Rng::at`] makes the same one.
    #[must_use]
    pub const fn place(&self) -> (u64, u64) {
        match &self.0 {
            Source::Seeded(seeded) => (seeded.seed, seeded.drawn),
            Source::Keyed(keyed) => (keyed.stream, keyed.drawn),
        }
    }

    /// The secret that the generator draws from; `None` for one from a seed.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        match &self.0 {
            Source::Seeded(_) => None,
            Source::Keyed(keyed) => Some(&keyed.secret),
        }
    }

    /// Goes on with the room's stream of the step at `when`. A generator from a seed goes on as it is: its numbers
    /// depend on all that were drawn before, which everyone knows in lockstep.
    pub(crate) fn begin_step(&mut self, when: u32) {
        if let Source::Keyed(keyed) = &self.0 {
            *self = Self(Source::Keyed(keyed.stream(Purpose::Step.stream(0, when))));
        }
    }

    /// A generator for one audience in the step that this generator was made for, the `call`th of that audience. Its
    /// numbers say nothing about those of this generator. A generator from a seed has no secret and spends numbers of
    /// its own instead.
    pub(crate) fn for_audience(&mut self, audience: u8, call: u16) -> Self {
        match &self.0 {
            Source::Keyed(_) if is_planted(Leak::CommonDice) => Self::new(self.next_u64()),
            Source::Seeded(_) => Self::new(self.next_u64()),
            Source::Keyed(keyed) => {
                let (who, when) = (u32::from(call) << 8 | u32::from(audience), keyed.stream as u32);
                Self(Source::Keyed(keyed.stream(Purpose::Hidden.stream(who, when))))
            }
        }
    }

    /// Any `u32`, evenly.
    #[inline(never)]
    pub fn next_u32(&mut self) -> u32 {
        match &mut self.0 {
            Source::Seeded(seeded) => {
                seeded.drawn = seeded.drawn.wrapping_add(1);
                seeded.pcg.next_u32()
            }
            Source::Keyed(keyed) => keyed.next_u32(),
        }
    }

    /// Any `u64`, evenly.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        u64::from(self.next_u32()) << 32 | low
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
    fn a_generator_from_a_secret_goes_on_from_its_place() {
        let secret = Secret::from(9);
        let mut rng = secret.rng(Purpose::Step, 0, 3);
        for draws in 0..40 {
            let (stream, drawn) = rng.place();
            let mut again = Rng::of_secret(secret.clone(), stream, drawn);
            assert_eq!(again, rng, "after {draws} draws");
            assert_eq!(again.next_u32(), rng.next_u32(), "after {draws} draws");
        }
    }

    #[test]
    fn draws_for_one_audience_shift_no_others() {
        let secret = Secret::from(4);
        let mut rng = secret.rng(Purpose::Step, 0, 3);
        let (mut plain, mut mine, mut more) = (rng.clone(), rng.for_audience(1, 0), rng.for_audience(1, 1));
        assert_ne!(mine.next_u64(), more.next_u64());
        rng.for_audience(2, 0).next_u64();
        assert_eq!(rng.next_u64(), plain.next_u64());
        assert_eq!(rng.for_audience(1, 0).next_u64(), plain.for_audience(1, 0).next_u64());
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

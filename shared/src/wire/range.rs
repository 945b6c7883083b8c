//! An adaptive binary range coder: a decision takes as many bits as it is surprising.
//!
//! After G. N. N. Martin's range encoding (1979) with binary decisions as in LZMA; 64 bits of state, written out 32 at
//! a time. The bytes after the last one read as zeros, and a body never ends in a zero byte: if all decisions fell the
//! way that was expected, they take no byte at all. No code here branches on a decision: a processor cannot foresee a
//! decision that costs bits either.
//!
//! The encoder holds an interval of numbers, from `low` on and `range` long, and each decision keeps one part of it.
//! "No" has the lower part, as large as its chance; "yes" has the rest. A likely decision keeps most of the interval,
//! and any number of the last interval tells all decisions. The interval's top half is written out when it can no
//! longer change, but for a carry.

use super::DecodeError;
use alloc::vec::Vec;

/// Bits of a probability: with 15 of them certainty, 32,768, still fits a `u16`.
const PROBABILITY_BITS: u32 = 15;
const CERTAIN: u16 = 1 << PROBABILITY_BITS;

/// How fast a probability follows the decisions: by a 32nd of the way.
///
/// The rate weighs haste against calm. A section starts from priors and may be only a few dozen decisions long, so that
/// a chance must move within it: at a 32nd the decisions before the last 22 count for half. A faster rate would pay
/// more often for one surprise, because the chance would then expect another.
const RATE: u32 = 5;

/// The upper 32 bits of the state are written out when less than this is left of the range.
const RENORM: u64 = 1 << 32;

/// The most bits that are coded at once without a probability.
const RAW_BITS_MAX: u32 = 16;

/// The chance that a decision is "no", learnt from the decisions before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u16);

impl Chance {
    /// Both decisions are equally likely.
    pub const EVEN: Self = Self(CERTAIN / 2);

    /// "No" in so many of 32,768 cases, kept away from certainty.
    ///
    /// A certain decision would leave its opposite no part of the range, and the opposite could not be coded. The
    /// bounds are those at which learning ends by itself: below 32 a 32nd of the way is less than one.
    #[must_use]
    pub const fn of_no(cases: u16) -> Self {
        let least = (1 << RATE) - 1;
        let most = CERTAIN - least;
        Self(if cases < least {
            least
        } else if cases > most {
            most
        } else {
            cases
        })
    }

    /// In how many of 32,768 cases the decision is "no".
    #[must_use]
    pub const fn no(self) -> u16 {
        self.0
    }

    /// Learns from one decision. Both steps are computed and a mask keeps one of them: a branch would be foreseen as
    /// badly as the decision itself.
    #[inline]
    pub fn learn(&mut self, yes: bool) {
        let towards_no = CERTAIN.wrapping_sub(self.0) >> RATE;
        let towards_yes = self.0 >> RATE;
        let if_yes = u16::from(yes).wrapping_neg();
        self.0 = self.0.wrapping_add(towards_no & !if_yes).wrapping_sub(towards_yes & if_yes);
    }
}

/// Writes decisions into a buffer, which the caller owns and reuses.
#[derive(Debug)]
pub struct RangeEncoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    low: u64,
    range: u64,
}

impl<'a> RangeEncoder<'a> {
    /// An encoder that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, low: 0, range: u64::MAX }
    }

    /// Appends a decision, at the price that follows from `chance`.
    #[inline]
    pub fn put(&mut self, yes: bool, chance: Chance) {
        let no = (self.range >> PROBABILITY_BITS).wrapping_mul(u64::from(chance.0));
        let if_yes = u64::from(yes).wrapping_neg();
        self.add(no & if_yes);
        self.range = no ^ ((self.range.wrapping_sub(no) ^ no) & if_yes);
        self.renorm();
    }

    /// Appends the lowest `bits` (at most 32) bits of `value` as they are.
    pub fn put_raw(&mut self, value: u32, bits: u32) {
        if bits > RAW_BITS_MAX {
            self.put_even(value >> RAW_BITS_MAX, bits.wrapping_sub(RAW_BITS_MAX));
            self.put_even(value & 0xffff, RAW_BITS_MAX);
        } else {
            self.put_even(value, bits);
        }
    }

    fn put_even(&mut self, value: u32, bits: u32) {
        debug_assert!(bits <= RAW_BITS_MAX && value >> bits == 0, "a value fits its bits");
        self.range >>= bits;
        self.add(self.range.wrapping_mul(u64::from(value)));
        self.renorm();
    }

    #[inline]
    fn add(&mut self, part: u64) {
        let (low, carry) = self.low.overflowing_add(part);
        self.low = low;
        if carry {
            carry_into(self.written());
        }
    }

    #[inline]
    fn renorm(&mut self) {
        if self.range < RENORM {
            let [a, b, c, d, ..] = self.low.to_be_bytes();
            self.out.extend_from_slice(&[a, b, c, d]);
            self.low <<= 32;
            self.range <<= 32;
        }
    }

    fn written(&mut self) -> &mut [u8] {
        self.out.get_mut(self.start..).unwrap_or_default()
    }

    /// Ends with as few bytes as tell the decisions apart from all others.
    pub fn finish(mut self) {
        let end = shortest(self.low, self.range);
        if end < self.low {
            carry_into(self.written());
        }
        self.out.extend_from_slice(&end.to_be_bytes());
        while self.out.len() > self.start && self.out.last() == Some(&0) {
            self.out.pop();
        }
    }
}

/// Carries one into the bytes that have been written. It is not a method: once a coder's address is known elsewhere, it
/// cannot stay in registers.
#[cold]
fn carry_into(written: &mut [u8]) {
    for byte in written.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return;
        }
    }
}

/// The number, within `range` from `low` on and around the end of 64 bits, that takes the fewest bytes.
fn shortest(low: u64, range: u64) -> u64 {
    let with = |bytes: u32| {
        let rest = u64::MAX.checked_shr(bytes.wrapping_mul(8)).unwrap_or(0);
        low.wrapping_add(rest) & !rest
    };
    (0..8).map(with).find(|end| end.wrapping_sub(low) < range).unwrap_or(low)
}

/// Reads the decisions that a [`RangeEncoder`] wrote.
#[derive(Debug, Clone)]
pub struct RangeDecoder<'a> {
    rest: &'a [u8],
    /// The last eight bytes that were read.
    window: u64,
    /// How far the value is above the low end of the interval.
    code: u64,
    range: u64,
}

impl<'a> RangeDecoder<'a> {
    /// A decoder of the decisions in `body`.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] for a last byte of zero: no encoder writes it.
    pub fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        if body.last() == Some(&0) {
            return Err(DecodeError::Trailing(1));
        }
        let mut decoder = Self { rest: body, window: 0, code: 0, range: u64::MAX };
        decoder.window = (u64::from(decoder.word()) << 32) | u64::from(decoder.word());
        decoder.code = decoder.window;
        Ok(decoder)
    }

    #[inline]
    fn word(&mut self) -> u32 {
        if let Some((word, rest)) = self.rest.split_first_chunk() {
            self.rest = rest;
            return u32::from_be_bytes(*word);
        }
        let mut word = [0; 4];
        word.iter_mut().zip(self.rest).for_each(|(to, from)| *to = *from);
        self.rest = &[];
        u32::from_be_bytes(word)
    }

    #[inline]
    fn renorm(&mut self) {
        if self.range < RENORM {
            let word = u64::from(self.word());
            self.window = (self.window << 32) | word;
            self.code = (self.code << 32) | word;
            self.range <<= 32;
        }
    }

    /// The next decision.
    #[inline]
    pub fn take(&mut self, chance: Chance) -> bool {
        let no = (self.range >> PROBABILITY_BITS).wrapping_mul(u64::from(chance.0));
        let yes = self.code >= no;
        let if_yes = u64::from(yes).wrapping_neg();
        self.code = self.code.wrapping_sub(no & if_yes);
        self.range = no ^ ((self.range.wrapping_sub(no) ^ no) & if_yes);
        self.renorm();
        yes
    }

    /// The next `bits` (at most 32) bits as a number.
    #[inline(always)]
    pub fn take_raw(&mut self, bits: u32) -> u32 {
        if bits > RAW_BITS_MAX {
            let high = self.take_even(bits.wrapping_sub(RAW_BITS_MAX));
            return (high << RAW_BITS_MAX) | self.take_even(RAW_BITS_MAX);
        }
        self.take_even(bits)
    }

    #[inline(always)]
    fn take_even(&mut self, bits: u32) -> u32 {
        self.range >>= bits;
        let most = (1_u64 << bits).wrapping_sub(1);
        // Bytes that no encoder wrote may point above the range. The range is never zero.
        let value = self.code.checked_div(self.range).unwrap_or(0).min(most);
        self.code = self.code.wrapping_sub(value.wrapping_mul(self.range));
        self.renorm();
        u32::try_from(value).unwrap_or(u32::MAX)
    }

    /// Ends the decisions.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] when the bytes are not the ones with which the encoder ends: decisions have one
    /// encoding, and bytes that belong to something else are not swallowed.
    pub fn finish(self) -> Result<(), DecodeError> {
        let end = shortest(self.window.wrapping_sub(self.code), self.range);
        if self.rest.is_empty() && self.window == end { Ok(()) } else { Err(DecodeError::Trailing(self.rest.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A run of decisions of every kind, each with the chance that both sides have learnt by then.
    fn run(seed: u64, mut decide: impl FnMut(Option<(bool, Chance)>, Option<(u32, u32)>)) {
        let mut dice = Rng::new(seed);
        let mut chances = [Chance::EVEN; 4];
        let odds = [2, 3, 50, 5_000].map(|odds| odds + dice.below(10));
        for _ in 0..dice.below(4_000) {
            let kind = dice.below(5) as usize;
            if let (Some(chance), Some(odds)) = (chances.get_mut(kind), odds.get(kind)) {
                let yes = dice.one_in(*odds);
                decide(Some((yes, *chance)), None);
                chance.learn(yes);
            } else {
                let bits = dice.below(33);
                let value = u32::try_from(dice.next_u64() & ((1_u64 << bits) - 1)).unwrap();
                decide(None, Some((value, bits)));
            }
        }
    }

    #[test]
    fn decisions_return() {
        for seed in 0..300 {
            let mut out = alloc::vec![7];
            let mut encoder = RangeEncoder::new(&mut out);
            run(seed, |decision, raw| {
                decision.into_iter().for_each(|(yes, chance)| encoder.put(yes, chance));
                raw.into_iter().for_each(|(value, bits)| encoder.put_raw(value, bits));
            });
            encoder.finish();
            let mut decoder = RangeDecoder::new(&out[1..]).unwrap();
            run(seed, |decision, raw| {
                decision.into_iter().for_each(|(yes, chance)| assert_eq!(decoder.take(chance), yes));
                raw.into_iter().for_each(|(value, bits)| assert_eq!(decoder.take_raw(bits), value));
            });
            assert_eq!(decoder.finish(), Ok(()));
        }
    }

    #[test]
    fn expected_decisions_take_no_byte_and_carries_run_through() {
        let mut out = Vec::new();
        let mut encoder = RangeEncoder::new(&mut out);
        (0..500).for_each(|_| encoder.put(false, Chance::of_no(32_000)));
        encoder.finish();
        assert!(out.is_empty());
        // The high end of every interval: each further step may carry through all bytes before.
        for length in 1..200 {
            let mut out = Vec::new();
            let mut encoder = RangeEncoder::new(&mut out);
            (0..length).for_each(|_| encoder.put(true, Chance::of_no(600)));
            encoder.finish();
            let mut decoder = RangeDecoder::new(&out).unwrap();
            assert!((0..length).all(|_| decoder.take(Chance::of_no(600))), "{length} decisions");
        }
    }

    #[test]
    fn a_rare_decision_costs_what_it_should() {
        let mut dice = Rng::new(1);
        let (mut out, mut chance) = (Vec::new(), Chance::EVEN);
        let mut encoder = RangeEncoder::new(&mut out);
        for _ in 0..100_000 {
            let yes = dice.one_in(100);
            encoder.put(yes, chance);
            chance.learn(yes);
        }
        encoder.finish();
        // Entropy: 0.0808 bits each, 1,010 bytes.
        assert!((1_000..1_250).contains(&out.len()), "{} bytes", out.len());
    }

    #[test]
    fn decisions_have_one_encoding() {
        for seed in 0..200 {
            let mut out = Vec::new();
            let mut encoder = RangeEncoder::new(&mut out);
            run(seed, |decision, _| decision.into_iter().for_each(|(yes, chance)| encoder.put(yes, chance)));
            encoder.finish();
            for end in [&[1][..], &[0, 0, 7], &[1, 2, 3, 4, 5, 6, 7, 8, 9]] {
                let longer = [&out[..], end].concat();
                let mut decoder = RangeDecoder::new(&longer).unwrap();
                let mut same = true;
                run(seed, |decision, _| {
                    decision.into_iter().for_each(|(yes, chance)| same &= decoder.take(chance) == yes);
                });
                assert!(!same || decoder.finish().is_err(), "{end:?} swallowed");
            }
        }
    }

    #[test]
    fn any_bytes_give_decisions() {
        let mut dice = Rng::new(5);
        for _ in 0..2_000 {
            let bytes: Vec<u8> =
                (0..dice.below(40)).map(|_| if dice.one_in(3) { 255 } else { dice.below(256) as u8 }).collect();
            let Ok(mut decoder) = RangeDecoder::new(&bytes) else { continue };
            let mut chance = Chance::EVEN;
            for _ in 0..300 {
                let yes = decoder.take(chance);
                chance.learn(yes);
                let bits = dice.below(33);
                assert!(u64::from(decoder.take_raw(bits)) < 1 << bits);
            }
        }
    }
}

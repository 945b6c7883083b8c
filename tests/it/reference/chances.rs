//! Decisions: the context of each, its chance, and the way in which it is read from the bytes.
//!
//! A body is a sequence of decisions between "no" and "yes". The chance of a decision is learnt from the earlier
//! decisions in the same context, so that a decision that comes out as usual takes a small part of a bit. Encoder and
//! decoder learn the same from the same decisions, and therefore never exchange a chance, but for the priors: a section
//! is too short to learn much by itself, so that each section starts from chances that the room has published.

use super::leaves;
use std::collections::BTreeMap;
use tickwire::state::{Leaf, LeafKind, Schema};

/// A chance is counted in this many cases.
const CASES: u32 = 32_768;

/// The number of cases in which a decision is "no" before anything was learnt.
const EVEN: u32 = 16_384;
const ROW_IS_AS_EXPECTED: u32 = 30_000;
const LEAF_IS_AS_EXPECTED: u32 = 24_000;

/// The width of counts, gaps and generations.
const COUNT_BITS: u32 = 16;

/// The context of a decision. Each context has a chance of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Context {
    pub(super) own: bool,
    pub(super) table: usize,
    pub(super) about: About,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    RowDiffers { owned: bool, last_differs: bool },
    RestDiffers { drivers_differ: bool },
    NewRows(Digit),
    Gap(Digit),
    Generation(Digit),
    Leaf(usize, OfLeaf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OfLeaf {
    Differs,
    DiffersFromLastNew,
    /// The next bit of a choice, the highest first; `known` of them were read, and `bits` is their value.
    Choice {
        known: u32,
        bits: u32,
    },
    IsLess,
    Way(Digit),
}

/// A part of a number. A number below seven is coded in three bits of its own. A larger number n escapes to an
/// Elias-gamma code of n − 6: the length of the code, then the bits behind its leading one.
///
/// The bits of a small number form a tree with a chance at each node, which can learn any distribution over the small
/// numbers. Of a large number the length and the two or three highest bits behind the leading one are learnt as well.
/// The bits below are spread almost evenly, so that chances for them would save nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digit {
    /// The next of the three bits of a small number, of which `known` were read; the value seven is the escape.
    Small { known: u32, bits: u32 },
    /// Whether the number has more than this many bits behind its leading one.
    IsLonger(u32),
    /// The next of the `length` bits behind the leading one, of which `known` were read.
    Bit { length: u32, known: u32, bits: u32 },
}

/// The way in which the new value of a leaf that differs is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    TheOther,
    Choice,
    Plain,
    Way,
}

impl Telling {
    pub(super) fn of(leaf: &Leaf) -> Self {
        match leaf.kind {
            _ if leaf.max <= 1 => Self::TheOther,
            LeafKind::Choice if leaf.bits <= 3 => Self::Choice,
            LeafKind::Choice => Self::Plain,
            LeafKind::Number | LeafKind::Turn => Self::Way,
        }
    }
}

/// The number of bits behind a number's leading one that have chances; the lower bits are coded without.
const fn learnt_bits(length: u32) -> u32 {
    if length <= 3 { length } else { 2 }
}

fn untrained(about: About) -> u32 {
    match about {
        About::RowDiffers { .. } | About::RestDiffers { .. } => ROW_IS_AS_EXPECTED,
        About::Leaf(_, OfLeaf::Differs | OfLeaf::DiffersFromLastNew) => LEAF_IS_AS_EXPECTED,
        _ => EVEN,
    }
}

/// Chances that the room has published.
#[derive(Debug, Clone, Default)]
pub(super) struct Published(BTreeMap<Context, u32>);

impl Published {
    /// Reads for each context a decision, whether the context has a level, and if so the level in five bits.
    pub(super) fn decode(schema: &Schema, bytes: &[u8]) -> Option<Self> {
        let (mut published, mut bits) = (BTreeMap::new(), Bits::new(bytes)?);
        let mut is_trained = EVEN;
        for context in published_order(schema) {
            if bits.decide(&mut is_trained) {
                let level = f64::from(bits.plain(5));
                // Levels are 0.45 apart in log odds, and symmetric around even chances.
                let no = f64::from(CASES) / (1.0 + (0.45 * (15.5 - level)).exp());
                context.and_then(|context| published.insert(context, no.round() as u32));
            }
        }
        bits.is_read_up().then_some(Self(published))
    }
}

/// All contexts in the order in which they are published. A place in that order without a context is `None`.
fn published_order(schema: &Schema) -> Vec<Option<Context>> {
    let mut order = Vec::new();
    for own in [false, true] {
        for (number, table) in schema.tables.iter().enumerate() {
            let leaves = leaves(table, own);
            if leaves.is_empty() {
                continue;
            }
            let mut add = |about| order.push(Some(Context { own, table: number, about }));
            for owned in [false, true] {
                [false, true].into_iter().for_each(|last_differs| add(About::RowDiffers { owned, last_differs }));
            }
            [false, true].into_iter().for_each(|drivers_differ| add(About::RestDiffers { drivers_differ }));
            for number in [About::NewRows, About::Gap, About::Generation] {
                digits(COUNT_BITS).into_iter().for_each(|digit| add(number(digit)));
            }
            for leaf in leaves {
                let about = of_leaf(&table.leaves[leaf])
                    .into_iter()
                    .map(|about| about.map(|about| Context { own, table: number, about: About::Leaf(leaf, about) }));
                order.extend(about);
            }
        }
    }
    order
}

fn of_leaf(leaf: &Leaf) -> Vec<Option<OfLeaf>> {
    let mut order = vec![Some(OfLeaf::Differs), Some(OfLeaf::DiffersFromLastNew)];
    match Telling::of(leaf) {
        Telling::TheOther | Telling::Plain => {}
        Telling::Choice => {
            // The tree's nodes are counted from 1, so that place 0 is empty.
            order.push(None);
            for known in 0..leaf.bits {
                order.extend((0..1 << known).map(|bits| Some(OfLeaf::Choice { known, bits })));
            }
        }
        Telling::Way => {
            order.push(Some(OfLeaf::IsLess));
            order.extend(digits(leaf.bits).into_iter().map(|digit| Some(OfLeaf::Way(digit))));
        }
    }
    order
}

/// The contexts of a number of `bits` bits, in the order in which they are published.
fn digits(bits: u32) -> Vec<Digit> {
    let mut order = Vec::new();
    for known in 0..3 {
        order.extend((0..1 << known).map(|bits| Digit::Small { known, bits }));
    }
    order.extend((0..bits).map(Digit::IsLonger));
    for length in 1..=bits {
        for known in 0..learnt_bits(length) {
            order.extend((0..1 << known).map(|bits| Digit::Bit { length, known, bits }));
        }
    }
    order
}

/// The decisions of one section's body.
pub(super) struct Decisions<'a> {
    bits: Bits<'a>,
    chances: BTreeMap<Context, u32>,
    own: bool,
    /// The table that is being read.
    pub(super) table: usize,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(body: &'a [u8], published: &Published, own: bool) -> Option<Self> {
        Some(Self { bits: Bits::new(body)?, chances: published.0.clone(), own, table: 0 })
    }

    pub(super) fn decide(&mut self, about: About) -> bool {
        let context = Context { own: self.own, table: self.table, about };
        self.bits.decide(self.chances.entry(context).or_insert_with(|| untrained(about)))
    }

    pub(super) fn of_leaf(&mut self, leaf: usize, about: OfLeaf) -> bool {
        self.decide(About::Leaf(leaf, about))
    }

    /// Reads a number of at most `bits` bits. A number n of seven and more is coded as n − 6: its length, then its
    /// bits. The code is n − 6 and not n − 7, so that it is at least 1 and has a leading one. A number that is too
    /// large wraps at 32 bits.
    pub(super) fn number(&mut self, bits: u32, about: impl Fn(Digit) -> About) -> u32 {
        let mut small = 0;
        for known in 0..3 {
            small = small * 2 + u32::from(self.decide(about(Digit::Small { known, bits: small })));
        }
        if small < 7 {
            return small;
        }
        let mut length = 0;
        while length < bits && self.decide(about(Digit::IsLonger(length))) {
            length += 1;
        }
        let mut value = 1_u64;
        for known in 0..learnt_bits(length) {
            let bits = u32::try_from(value - (1 << known)).expect("at most 3 bits");
            value = value * 2 + u64::from(self.decide(about(Digit::Bit { length, known, bits })));
        }
        let plain = length - learnt_bits(length);
        let value = (value << plain) + u64::from(self.plain(plain));
        ((value - 1 + 7) % (1 << 32)) as u32
    }

    pub(super) fn count(&mut self, about: impl Fn(Digit) -> About) -> u32 {
        self.number(COUNT_BITS, about)
    }

    /// Reads bits that have no chances; more than 16 bits come in two parts, the higher part first.
    pub(super) fn plain(&mut self, bits: u32) -> u32 {
        let high = if bits > 16 { self.bits.plain(bits - 16) << 16 } else { 0 };
        high + self.bits.plain(bits.min(16))
    }

    pub(super) fn is_read_up(&self) -> bool {
        self.bits.is_read_up()
    }
}

/// The range decoder. It follows the encoder's own interval and compares it with the bytes as they are.
///
/// The encoder holds an interval of numbers, and each decision keeps one part of it: "no" the lower part, which is as
/// large as its chance, "yes" the rest. Any number of the last interval therefore stands for all decisions, and the
/// bytes are such a number. The product's decoder keeps only the distance of that number above the interval; this one
/// keeps the interval itself, so that the two have little arithmetic in common.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The number of words of 32 bits that the interval has left behind.
    words: usize,
    low: u128,
    range: u128,
}

const WORD: u128 = 1 << 32;
const WHOLE: u128 = 1 << 64;

impl<'a> Bits<'a> {
    /// Refuses bytes that end in a zero: the bytes after the end read as zeros, so an encoder leaves such a byte out.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.last() != Some(&0)).then_some(Self { bytes, words: 0, low: 0, range: WHOLE - 1 })
    }

    /// The distance of the bytes above the low end of the interval.
    fn above(&self) -> u128 {
        let byte = |place: usize| u128::from(self.bytes.get(4 * self.words + place).copied().unwrap_or(0));
        let value = (0..8).fold(0, |value, place| value * 256 + byte(place));
        (value + WHOLE - self.low) % WHOLE
    }

    fn narrow(&mut self, skipped: u128, range: u128) {
        (self.low, self.range) = ((self.low + skipped) % WHOLE, range);
        if self.range < WORD {
            self.words += 1;
            (self.low, self.range) = (self.low * WORD % WHOLE, self.range * WORD);
        }
    }

    /// Reads a decision that is "no" in `no` of all cases. The chance moves a 32nd of the way towards the outcome.
    fn decide(&mut self, no: &mut u32) -> bool {
        let part = self.range / u128::from(CASES) * u128::from(*no);
        let yes = self.above() >= part;
        if yes {
            self.narrow(part, self.range - part);
            *no -= *no / 32;
        } else {
            self.narrow(0, part);
            *no += (CASES - *no) / 32;
        }
        yes
    }

    /// Reads at most 16 bits whose values are all equally likely. Bytes above the interval read as the largest value.
    fn plain(&mut self, bits: u32) -> u32 {
        let part = self.range / (1 << bits);
        let value = (self.above() / part).min((1 << bits) - 1);
        self.narrow(part * value, part);
        u32::try_from(value).expect("at most 16 bits")
    }

    /// Whether the bytes are the fewest that lead into the interval: of all numbers in it, the number with the most
    /// zeros at its end. Without this check several messages would stand for the same decisions.
    fn is_read_up(&self) -> bool {
        let units = (0..=8).rev().map(|zeros| 256_u128.pow(zeros));
        let roundest = units.map(|unit| self.low.div_ceil(unit) * unit).find(|end| end - self.low < self.range);
        let value = (self.low + self.above()) % WHOLE;
        self.bytes.len() <= 4 * (self.words + 2) && roundest.is_some_and(|end| end % WHOLE == value)
    }
}

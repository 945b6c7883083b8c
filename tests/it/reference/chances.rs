//! Decisions: what each is about, how likely it is, and how it is read from the bytes.

use super::leaves;
use std::collections::BTreeMap;
use tickwire::state::{Leaf, LeafKind, Schema};

/// Chances are counted in so many cases.
const CASES: u32 = 32_768;

/// "No" in so many cases, before anything was learnt.
const EVEN: u32 = 16_384;
const ROW_IS_AS_EXPECTED: u32 = 30_000;
const LEAF_IS_AS_EXPECTED: u32 = 24_000;

/// Bits of counts, gaps and generations.
const COUNT_BITS: u32 = 16;

/// What a decision is about. Each has a chance of its own.
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
    /// The next bit of a choice, highest first, `known` of which were read.
    Choice {
        known: u32,
        bits: u32,
    },
    IsLess,
    Way(Digit),
}

/// Part of a number: which small one it is; of larger ones by how much they are, one having been added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digit {
    /// The next of the three bits of a small number, of which `known` were read; seven is not small.
    Small { known: u32, bits: u32 },
    /// Whether it has more bits than this behind its leading one.
    IsLonger(u32),
    /// The next of the bits behind the leading one, of which it has `length`, and `known` were read.
    Bit { length: u32, known: u32, bits: u32 },
}

/// How a leaf that differs says what it is.
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

/// Of the bits behind a number's leading one, how many have chances.
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
    /// Per context a decision, whether there is a level, then the level in five bits.
    pub(super) fn decode(schema: &Schema, bytes: &[u8]) -> Option<Self> {
        let (mut published, mut bits) = (BTreeMap::new(), Bits::new(bytes)?);
        let mut is_trained = EVEN;
        for context in published_order(schema) {
            if bits.decide(&mut is_trained) {
                let level = f64::from(bits.plain(5));
                // Levels are 0.45 apart in log odds, and even around even chances.
                let no = f64::from(CASES) / (1.0 + (0.45 * (15.5 - level)).exp());
                context.and_then(|context| published.insert(context, no.round() as u32));
            }
        }
        bits.is_read_up().then_some(Self(published))
    }
}

/// All contexts in the order in which they are published. A place that nothing is learnt at is `None`.
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
            // The tree's nodes count from 1.
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

/// The contexts of a number of so many bits.
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

    /// A number of at most so many bits. Of seven and more it says how much more: how long that is, then its bits. One
    /// was added to it, so that it has a leading one. Too large ones wrap at 32 bits.
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

    /// So many bits that nothing is learnt of; more than 16 in two parts, the higher ones first.
    pub(super) fn plain(&mut self, bits: u32) -> u32 {
        let high = if bits > 16 { self.bits.plain(bits - 16) << 16 } else { 0 };
        high + self.bits.plain(bits.min(16))
    }

    pub(super) fn is_read_up(&self) -> bool {
        self.bits.is_read_up()
    }
}

/// The range decoder. It follows the encoder's own interval and compares it with the bytes as they are.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Words of 32 bits that the interval has left behind.
    words: usize,
    low: u128,
    range: u128,
}

const WORD: u128 = 1 << 32;
const WHOLE: u128 = 1 << 64;

impl<'a> Bits<'a> {
    /// Nobody writes a zero at the end: what follows the end reads as zeros.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.last() != Some(&0)).then_some(Self { bytes, words: 0, low: 0, range: WHOLE - 1 })
    }

    /// How far the bytes are above the low end of the interval.
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

    /// A decision that is "no" in `no` of all cases; the chance goes a 32nd of the way towards what it was.
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

    /// At most 16 bits, all values alike. What is above the interval reads as the largest.
    fn plain(&mut self, bits: u32) -> u32 {
        let part = self.range / (1 << bits);
        let value = (self.above() / part).min((1 << bits) - 1);
        self.narrow(part * value, part);
        u32::try_from(value).expect("at most 16 bits")
    }

    /// Whether the bytes are the fewest that lead into the interval: of all numbers in it, the one with the most
    /// zeros at its end.
    fn is_read_up(&self) -> bool {
        let units = (0..=8).rev().map(|zeros| 256_u128.pow(zeros));
        let roundest = units.map(|unit| self.low.div_ceil(unit) * unit).find(|end| end - self.low < self.range);
        let value = (self.low + self.above()) % WHOLE;
        self.bytes.len() <= 4 * (self.words + 2) && roundest.is_some_and(|end| end % WHOLE == value)
    }
}

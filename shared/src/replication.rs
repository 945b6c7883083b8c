//! Sections: the unit of sharing, of the byte budget and of baselines.
//!
//! A section is a topic, split by slot range; section `n` of a topic spans, in each table, slots
//! `n * slots_per_section` and up. Its bytes depend only on the two snapshots they lead between, so they are encoded
//! once for all who need them:
//!
//! ```text
//! head      u8      bit 0: 0 the room, 1 the receiver's own seat; bit 1: the body reaches to the message's end;
//!                   bits 2-3: age 0 (a keyframe), 1, or 2 for a varint; bits 4-7: index, 15 for a varint
//! index     varint  which slot range                  (with index 15)
//! age       varint  ticks back to the baseline        (with age 2)
//! hash      u32     of the section's rows after the delta, and of topic and index
//! length    varint  bytes of the body                 (without bit 1)
//! body      range-coded decisions, see below
//! ```
//!
//! **Predict, then correct.** Both ends first move each row of the baseline as its fields say it moves
//! ([`Motion`](crate::state::Motion)), and only what is different is told: per table, per row of the baseline whether
//! it is as expected, and per leaf how it differs; then the rows that are new. Leaves that move others come first, so
//! that a place is expected from the *new* velocity. Decisions are range-coded with chances that adapt
//! within the section and start from [`Priors`], so that any section can be read alone.
//!
//! ```text
//! section   per table that the topic shows leaves of; in sections after the first without the root:
//! kept      per row of the baseline in slot order, none in a keyframe:
//!             differs    (owned or not; whether the last row differed)
//!             of a row that differs: per leaf that stays and moves others whether it differs, then how;
//!             rest       (whether one of these did) whether any other leaf differs, if there were such leaves;
//!             per other leaf, if one does or there is no such decision: whether it differs, then how
//!           A row that differs, and every leaf of which is where it was expected, is gone; the root's row never is.
//! new       number of rows; per row in slot order: gap since the last new slot, generation, then per leaf:
//!             whether it differs from the last new row's (zeros at first); if so, all its bits
//!           The root's row has no gap and generation, and is new in a keyframe only.
//! ```
//!
//! Leaves come in the order of [`TableSchema::public`](crate::state::TableSchema) or `private`: first those that stay
//! and move others in the same order, then the others that stay. A leaf that
//! differs is told by what it is: of two values nothing more; of a choice of up to 3 bits its bits, highest first,
//! learnt as a tree; of a longer choice its bits; of a number whether it is less than was expected, and how far off it
//! is, less one. A turn goes the short way around, and around its end.
//!
//! Numbers, and counts, gaps and generations of 16 bits, are told by three bits, highest first, learnt as a tree; all
//! three set say seven and more. By how much more has one added, and is told by its length and the bits behind the
//! leading one: the length in unary, the first 3 of up to 3 bits and the first 2 of more as a tree with chances, one
//! tree per length, the rest as they are. What exceeds 32 bits wraps.
//!
//! Contexts are as many as there are such decisions, for each topic, table and leaf. Rows start at 30,000 of 32,768
//! for "as expected", a leaf's two first decisions at 24,000, others at even chances; each decision takes its chance
//! a 32nd of the way along. The order in which they are published is that of `Plan`: room, then seats; per table
//! `differs` (owned counts two, the last one counts one), `rest` (if none did, if one did), the three numbers, then per
//! leaf whether it differs, whether a new one does, and its value: for a tree an unused place and its nodes by depth;
//! for a distance the sign and a number, which is first the small ones' tree, then the large ones' lengths, then their
//! trees.
//!
//! Decoding is all or nothing: on an error the mirror is what it was before.

mod coder;
mod cost;
mod decode;
mod encode;
mod head;
mod plan;
mod priors;
mod replica;

pub use cost::{CostReport, Line};
pub use encode::{Encoder, section_count};
pub use head::SectionHead;
pub use plan::Plan;
pub use priors::Priors;
pub use replica::Replica;

use crate::hash;
use crate::world::snapshot::Topic;

/// Added to the hash of a section's rows on the wire: an empty section must not pass for another one.
fn salt(topic: Topic, index: u32) -> u32 {
    let mut mix = hash::Mix::new(match topic {
        Topic::Room => 0,
        Topic::Seat(_) => 1,
    });
    mix.add(index);
    hash::narrow(mix.wide())
}

//! Replication: the deltas between two snapshots, section by section.
//!
//! A section is the unit that is encoded, hashed and shared between receivers. It is the part of a topic that lies in
//! one range of slots, where a topic is that of the room or that of one seat. Section `n` of a topic spans, in each
//! table, the slots from `n * slots_per_section` on. Its bytes depend only on the two snapshots that it leads between,
//! so they are encoded once for all clients that need them:
//!
//! ```text
//! head      u8      bit 0: 0 the room, 1 the receiver's own seat; bit 1: the body reaches to the message's end;
//!                   bits 2-3: age 0 (a keyframe), 1, or 2 for a varint; bits 4-7: index, 15 for a varint
//! index     varint  which range of slots              (with index 15)
//! age       varint  ticks back to the baseline        (with age 2)
//! hash      u32     of the section's rows after the delta, and of topic and index
//! length    varint  bytes of the body                 (without bit 1)
//! body      range-coded decisions, see below
//! ```
//!
//! **Predict, then correct.** Both ends first move each row of the baseline by the rules of its fields
//! ([`Motion`](crate::state::Motion)), and the section holds only the differences from that expectation. It says, per
//! table, for each row of the baseline whether it is as expected, and for each leaf of a row that differs how it
//! differs; the new rows follow. Leaves that move others come first, so that a place is expected from the *new*
//! velocity. Decisions are range-coded with chances that adapt within the section and start from [`Priors`], so that
//! any section can be read alone.
//!
//! ```text
//! section   per table of which the topic shows leaves; in sections after the first without the root:
//! kept      per row of the baseline in slot order, none in a keyframe:
//!             differs    (owned or not; whether the last row differed)
//!             of a row that differs: per leaf that stays and moves others whether it differs, then how;
//!             rest       (whether one of these did) whether any other leaf differs, if there were such leaves;
//!             per other leaf, if one does or there is no such decision: whether it differs, then how
//!           A row that differs, but every leaf of which is as expected, has been removed; the root's row never is.
//! new       number of rows; per row in slot order: gap since the last new slot, generation, then per leaf:
//!             whether it differs from the last new row's (zeros at first); if so, all its bits
//!           The root's row has no gap and generation, and is new in a keyframe only.
//! ```
//!
//! Leaves come in the order of [`TableSchema::public`](crate::state::TableSchema) or `private`: first those that stay
//! and move others, then the others that stay, then those that move, each in the order of declaration. The form in
//! which a leaf that differs is coded depends on its kind. A leaf of two values needs nothing more. A choice of up to 3
//! bits is coded by its bits, highest first, each with a chance, as a tree; a longer choice by its bits as they are. A
//! number is coded by whether it is less than expected, and by its distance from the expected value, less one. A turn
//! takes the short way around, past its end where that is shorter.
//!
//! A distance, and a count, gap or generation of 16 bits, is a number `n` that is coded so that small numbers are
//! cheap. Three decisions, highest bit first, form a tree and give `n` up to 6; all three set mean 7 or more. Values
//! from 7 on escape to an Elias-gamma code of `n` − 6: the length in unary, then the bits behind the leading one. Of
//! these bits the first 3 of up to 3, and the first 2 of more, are a tree with chances, one tree per length; the rest
//! are raw. A value that exceeds 32 bits wraps.
//!
//! Every such decision has a context, a chance of its own, for each topic, table and leaf. Decisions about rows start
//! at 30,000 of 32,768 for "as expected", the first two decisions of a leaf at 24,000, all others at even chances; each
//! decision moves its chance a 32nd of the way. Priors are published in the order of [`Plan`]: the room's topic, then
//! the seats'. Per table this is `differs` (owned counts two, the last one counts one), `rest` (if none did, if one
//! did), and the three numbers. Per leaf it is whether the leaf differs, whether a new row's does, and the value: for a
//! tree an unused place and its nodes by depth; for a distance the sign and a number, which is first the tree of the
//! small ones, then the lengths of the large ones, then their trees.
//!
//! Decoding is all or nothing: an error leaves the replica unchanged.

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

/// The number that is added to the hash of a section's rows on the wire: an empty section must not pass for another
/// one.
fn salt(topic: Topic, index: u32) -> u32 {
    let mut mix = hash::Mix::new(match topic {
        Topic::Room => 0,
        Topic::Seat(_) => 1,
    });
    mix.add(index);
    hash::narrow(mix.wide())
}

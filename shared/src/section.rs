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
//! it is as expected, or gone, and per leaf how it differs; then the rows that are new. Leaves that move others come
//! first, so that a place is expected from the *new* velocity. Decisions are range-coded with chances that adapt
//! within the section and start from [`Priors`], so that any section can be read alone.
//!
//! Decoding is all or nothing: on an error the mirror is what it was before.

mod bill;
mod coder;
mod decode;
mod encode;
mod head;
mod mirror;
mod plan;
mod priors;

pub use bill::{Bill, Line};
pub use encode::{Encoder, section_count};
pub use head::SectionHead;
pub use mirror::Mirror;
pub use priors::Priors;

use crate::hash;
use crate::snapshot::Topic;

/// Added to the hash of a section's rows on the wire: an empty section must not pass for another one.
fn salt(topic: Topic, index: u32) -> u32 {
    let mut mix = hash::Mix::new(match topic {
        Topic::Room => 0,
        Topic::Seat(_) => 1,
    });
    mix.add(index);
    hash::narrow(mix.wide())
}

//! Recordings: the causes of a match, and the state that it can go on from, as bytes that a server keeps.
//!
//! A room is a function of its causes, so a recording holds causes and not worlds: [`record`] writes one tick's in a
//! byte or a few. From a [`checkpoint`], which has all of a simulation's state, the records after it make the same worlds
//! again, bit for bit; each has a hash of the full state by which this is checked.
//!
//! The bytes stay where they were written: a checkpoint has the room's secret and all that is hidden. Reading them is
//! total all the same, because files are damaged: any bytes give a value or a
//! [`DecodeError`](crate::wire::DecodeError), and nothing is allocated from a length that is only claimed. No page has
//! any of this code.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`record`] | the causes of one tick as bits, and playing them |
//! | [`checkpoint`] | a simulation's state as bytes |
//! | [`describe`] | the shape of a game as plain data, to be kept beside its worlds |
//! | [`by_names`] | a checkpoint of an earlier build, read by the names of its fields |
//! | `older` | the recent worlds of a checkpoint, each as its differences from the foretold one |

// A page reads no worlds of other builds.
#[cfg(not(target_family = "wasm"))]
pub mod by_names;
pub mod checkpoint;
#[cfg(not(target_family = "wasm"))]
pub mod describe;
mod older;
// The options of a match are JSON, which a page never writes.
#[cfg(not(target_family = "wasm"))]
pub mod record;

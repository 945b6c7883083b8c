//! Webhooks: events of rooms, posted to the studio's own services.
//!
//! ```text
//! room → RoomFeed ─ bounded channel → thread: Outbox (sans-IO) → sign → POST ┐
//!                                         ↑ answered ←── status, silence ←───┘
//! ```
//!
//! An event is sent at least once, and carries the same id on every attempt; the events of a room arrive in order. A room
//! never waits: an event that finds no place is lost, counted, and the next event of its room says how many are missing.
//! Requests are signed as Standard Webhooks 1.0.0 says (<https://www.standardwebhooks.com>).
//!
//! The outbox is in memory: events that wait when the process ends are lost and counted. With a data folder they outlive
//! it: an event is kept together with its cause, sent once the disk has it, and forgotten when its endpoints have taken it.

pub(crate) mod event;
pub(crate) mod feed;
pub(crate) mod file;
pub(crate) mod outbox;
pub(crate) mod sender;
pub(crate) mod signature;
pub(crate) mod url;

//! Load generators, and the measurements that they take.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`load`] | bots: real client sessions with each game's own policy, over real sockets |
//! | [`hostile`] | attacks over raw sockets, with honest players beside them |
//! | [`browser`] | headless Chromium, for measurements that only a browser can make |
//! | [`bytes`] | the cost of each field of a game on the wire |
//! | [`floor`] | our server beside a bare loop with the same clients, bytes and inputs |
//! | [`peers`] | our server beside Colyseus with the same game, clients and inputs |
//! | [`memory`] | the cost of a connection in our server's memory |
//! | [`lean`] | the load generator for comparisons: nothing but sockets, frames and counts |
//! | [`harness`], [`feel`] | sessions in simulated time; how the game feels over every kind of link |
//! | [`measure`] | histograms, and the meter that clients report to |
//! | [`report`], [`table`] | the result: for machines with the promises it is held to, and for people |
//! | [`page`], [`figure`] | the result as one HTML file, and the curves in it |
//! | [`heads`] | the parts of a snapshot that a client without a world can read |
//! | [`accounting`], [`pinning`] | CPU time and memory as the kernel counts them; which core a thread has |
//! | [`descriptors`] | how many sockets a process may have |
//! | [`precise`] | time and sleep to the microsecond |
//! | [`options`] | options of rooms as the command line names them |
//! | [`server_process`] | builds, starts and ends a server to be measured |
//!
//! Time is microseconds since the start of a run. A latency is measured from the time at which an event was due, not
//! from the later time at which a busy generator came to it.

pub mod accounting;
pub mod autopsy;
pub mod browser;
pub mod bytes;
pub mod descriptors;
pub mod feel;
pub mod figure;
pub mod floor;
pub mod harness;
pub mod heads;
pub mod hostile;
pub mod lean;
pub mod load;
pub mod measure;
pub mod memory;
pub mod options;
pub mod page;
pub mod peers;
pub mod pinning;
pub mod plant;
pub mod precise;
pub mod report;
pub mod server_process;
pub mod table;

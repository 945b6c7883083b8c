//! Load generators and what they measure.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`load`] | bots: real client sessions with each game's own policy, over real sockets |
//! | [`browser`] | headless Chromium, for what only a browser can tell |
//! | [`bytes`] | what each field of a game costs on the wire |
//! | [`floor`] | our server beside a bare loop with the same clients, bytes and inputs |
//! | [`peers`] | our server beside Colyseus with the same game, clients and inputs |
//! | [`memory`] | what a connection costs our server in memory |
//! | [`lean`] | the load generator for comparisons: nothing but sockets, frames and counts |
//! | [`harness`], [`feel`] | sessions in simulated time; how the game feels over every kind of link |
//! | [`measure`] | histograms, and the meter that clients report to |
//! | [`report`], [`table`] | the result: for machines with the promises it is held to, and for people |
//! | [`page`], [`figure`] | the result as one HTML file, and the curves in it |
//! | [`heads`] | what a client that knows no world reads of a snapshot |
//! | [`accounting`], [`pinning`] | CPU time and memory as the kernel counts them; which core a thread has |
//! | [`descriptors`] | how many sockets a process may have |
//! | [`precise`] | time and sleep to the microsecond |
//! | [`options`] | options of rooms as the command line names them |
//! | [`server_process`] | builds, starts and ends a server to be measured |
//!
//! Time is microseconds since the start of a run. Latencies are measured from when something was due, not from
//! when a busy generator came to do it.

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

//! Load generators and what they measure.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`load`] | bots: real client sessions with each game's own policy, over real sockets |
//! | [`measure`] | histograms, and the meter that clients report to |
//! | [`report`], [`table`] | the result: for machines with the promises it is held to, and for people |
//! | [`accounting`] | CPU time and memory of a process as the kernel counts them |
//! | [`server_process`] | builds, starts and ends a server to be measured |
//!
//! Time is microseconds since the start of a run. Latencies are measured from when something was due, not from
//! when a busy generator came to do it.

pub mod accounting;
pub mod load;
pub mod measure;
pub mod report;
pub mod server_process;
pub mod table;

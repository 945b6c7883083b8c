//! WebSocket, below net and shard: frames, how often something may be done, and whose connection it is. No socket.

pub(crate) mod address;
pub mod frame;
pub mod rate;

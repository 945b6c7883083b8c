//! WebSocket, below net and shard: frames, rate limits, and addresses as limits see them. Nothing here holds a socket.

pub(crate) mod address;
pub mod frame;
pub mod rate;

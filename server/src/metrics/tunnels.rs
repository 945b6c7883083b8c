//! The metrics of the connections that are carried to rooms of other nodes.

use metrics::{Counter, Gauge, counter, gauge};

/// The way of bytes through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TunnelWay {
    /// From the player to the room.
    Up,
    /// From the room to the player.
    Down,
}

/// The numbers that a server counts of its tunnels.
pub(crate) struct TunnelMetrics {
    /// Tunnels.
    pub(crate) open: Gauge,
    /// Tunnels that were opened.
    pub(crate) opened: Counter,
    bytes: [Counter; 2],
}

impl TunnelMetrics {
    pub(super) fn register() -> Self {
        Self {
            open: gauge!("tickwire_tunnels"),
            opened: counter!("tickwire_tunnels_total"),
            bytes: ["up", "down"].map(|way| counter!("tickwire_tunnel_bytes_total", "way" => way)),
        }
    }

    /// Counts bytes that have come out of one side of a tunnel.
    pub(crate) fn carried(&self, way: TunnelWay, bytes: usize) {
        self.bytes[way as usize].increment(bytes as u64);
    }
}

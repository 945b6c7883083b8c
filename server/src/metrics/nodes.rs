//! The metrics of the nodes that are one service, as this node knows them.

use metrics::{Counter, Gauge, counter, gauge};

/// The numbers that a server counts of the nodes.
pub(crate) struct NodeMetrics {
    /// Nodes that have renewed their lease lately, this one included.
    pub(crate) nodes: Gauge,
    /// Codes that are claimed, by any node.
    pub(crate) claims: Gauge,
    /// Rooms of this node whose codes belong to another one.
    pub(crate) claims_disputed: Gauge,
    /// Whether the registry of nodes answers: 1, or 0.
    pub(crate) registry_is_there: Gauge,
    /// Keys in the registry that name neither a room nor a node.
    pub(crate) bad_keys: Counter,
    /// Records of the registry that this node has no space for.
    pub(crate) records_left_out: Counter,
    /// Players whom other nodes have carried here.
    pub(crate) players_carried_in: Counter,
    /// Rooms that have moved to other nodes, and rooms of other nodes that have come here.
    pub(crate) rooms_moved_out: Counter,
    pub(crate) rooms_moved_in: Counter,
    /// Times that another node did not take a room.
    pub(crate) moves_failed: Counter,
    /// Requests for rooms that another node was asked to grant.
    pub(crate) requests_passed_on: Counter,
    /// Times that another node could not be asked for a room of its own.
    pub(crate) peers_failed: Counter,
    /// Connections to the port for nodes that were no node's.
    pub(crate) hails_refused: Counter,
}

impl NodeMetrics {
    pub(super) fn register() -> Self {
        Self {
            nodes: gauge!("tickwire_nodes"),
            claims: gauge!("tickwire_claims"),
            claims_disputed: gauge!("tickwire_claims_disputed"),
            registry_is_there: gauge!("tickwire_registry_connected"),
            bad_keys: counter!("tickwire_registry_bad_keys_total"),
            records_left_out: counter!("tickwire_registry_records_left_out_total"),
            players_carried_in: counter!("tickwire_players_carried_in_total"),
            rooms_moved_out: counter!("tickwire_rooms_moved_out_total"),
            rooms_moved_in: counter!("tickwire_rooms_moved_in_total"),
            moves_failed: counter!("tickwire_moves_failed_total"),
            requests_passed_on: counter!("tickwire_requests_passed_on_total"),
            peers_failed: counter!("tickwire_peers_failed_total"),
            hails_refused: counter!("tickwire_hails_refused_total"),
        }
    }
}

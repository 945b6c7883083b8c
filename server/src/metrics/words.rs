//! The words and units of the metrics, by which dashboards and people read them.

use metrics::{Unit, describe_counter, describe_gauge};

/// Every counter, with its words. Its name says what is counted.
const COUNTERS: [(&str, &str); 53] = [
    ("tickwire_bytes_in_total", "Bytes read from the sockets of players."),
    ("tickwire_bytes_out_total", "Bytes written to the sockets of players."),
    ("tickwire_connections_lost_total", "Connections that ended without a close code."),
    ("tickwire_connections_refused_total", "Connections that were closed to make room for others."),
    ("tickwire_desyncs_healed_total", "Differences that were settled by setting single fields right."),
    ("tickwire_desyncs_total", "Differences of worlds that the rows of a client have confirmed."),
    ("tickwire_disputes_claimed_total", "Differences that clients have claimed."),
    ("tickwire_encodings_total", "Encodings of a snapshot, each for all clients on one baseline."),
    ("tickwire_hails_refused_total", "Connections to the port for nodes that were no node's of this service."),
    ("tickwire_hash_mismatches_total", "Hashes of clients that were not the server's."),
    ("tickwire_hashes_compared_total", "Hashes of clients that were compared with the server's."),
    ("tickwire_http_requests_total", "Requests on the players' port, by the class of the answer's status."),
    ("tickwire_inputs_dropped_total", "Inputs that were of no use: too late, too early, or received before."),
    ("tickwire_journal_failures_total", "Failures of the disk, by what it did not take."),
    ("tickwire_keyframes_total", "Snapshots that were sent whole."),
    ("tickwire_log_lines_missing_total", "Lines that are not in the log, by reason."),
    ("tickwire_messages_in_total", "Messages from players."),
    ("tickwire_origins_rejected_total", "Sockets that pages of other origins asked for."),
    ("tickwire_other_builds_total", "Connections of pages that were built from other sources."),
    ("tickwire_peers_failed_total", "Times that another node could not be asked for a room of its own."),
    ("tickwire_players_carried_in_total", "Players whom other nodes have carried here."),
    ("tickwire_rate_limited_total", "Requests over a budget of their address."),
    ("tickwire_registry_bad_keys_total", "Keys in the registry of nodes that name neither a room nor a node."),
    ("tickwire_registry_records_left_out_total", "Records of the registry that this node has no space for."),
    ("tickwire_refusals_total", "Refusals: of requests by problem, of hellos by close code."),
    ("tickwire_room_panics_total", "Rooms that a panic of their game has ended."),
    ("tickwire_ticks_undone_total", "Ticks that were undone after a panic of a game and made again with less."),
    ("tickwire_calls_skipped_total", "Choices of bots and messages for topics that a panic of a game has left out."),
    ("tickwire_rooms_started_over_total", "Times that a room's members started over after a panic outside of a tick."),
    (
        "tickwire_rooms_diverged_total",
        "Rooms that go on although their game plays ticks or a short match of bots in another way than before.",
    ),
    ("tickwire_rooms_lost_total", "Rooms that could not go on after a start."),
    ("tickwire_moves_failed_total", "Times that another node did not take a room."),
    ("tickwire_rooms_moved_in_total", "Rooms of other nodes that have moved here."),
    ("tickwire_rooms_moved_out_total", "Rooms that have moved to other nodes."),
    ("tickwire_rooms_quarantined_total", "Of these, rooms in whose ticks processes had ended again and again."),
    ("tickwire_rooms_revived_total", "Rooms that have gone on after a start."),
    ("tickwire_rooms_recovered_total", "Rooms that came back from a slow lane."),
    ("tickwire_rooms_slow_total", "Rooms that were moved to a slow lane."),
    ("tickwire_snapshots_superseded_total", "Snapshots that a newer one replaced before they were sent."),
    ("tickwire_snapshots_total", "Snapshots that were sent."),
    ("tickwire_starved_ticks_total", "Ticks of a seat without an input of their own."),
    ("tickwire_ticks_dropped_total", "Ticks that a room was too far behind to make."),
    ("tickwire_ticks_total", "Ticks of all rooms."),
    ("tickwire_tls_handshakes_total", "Handshakes of TLS, by outcome."),
    ("tickwire_topic_messages_lost_total", "Messages of topics that slow readers have lost."),
    (
        "tickwire_tunnel_bytes_total",
        "Bytes that were carried between players and other nodes, by the way that they went.",
    ),
    ("tickwire_tunnels_total", "Connections of players that were carried to rooms of other nodes."),
    ("tickwire_views_clamped_total", "Inputs whose view of others was older than is believed."),
    ("tickwire_webhooks_total", "Attempts to deliver an event to a service, by outcome."),
    ("tickwire_requests_passed_on_total", "Requests for rooms that another node was asked to grant."),
    ("tickwire_worlds_unpacked_total", "Worlds of the past that were unpacked to look into a difference."),
    ("tickwire_writes_incomplete_total", "Writes of which the kernel has not taken all bytes at once."),
    ("tickwire_ws_close_total", "WebSockets that were closed, by close code and by the side that closed."),
];

/// Every gauge, with its unit and its words.
const GAUGES: [(&str, Unit, &str); 18] = [
    ("tickwire_claims", Unit::Count, "Codes of rooms that are claimed, by any node."),
    ("tickwire_claims_disputed", Unit::Count, "Rooms of this node whose codes belong to another one."),
    ("tickwire_connections", Unit::Count, "Connections in rooms."),
    ("tickwire_journal_bytes", Unit::Bytes, "Size of the files of the journal."),
    ("tickwire_journal_degraded", Unit::Count, "Whether rooms go on without being written: 1, or 0."),
    ("tickwire_journal_unsynced_seconds", Unit::Seconds, "Age of the oldest record that is not on the disk."),
    ("tickwire_memory_max_bytes", Unit::Bytes, "Resident memory from which on no room is made."),
    ("tickwire_nodes", Unit::Count, "Nodes that live, this one included."),
    ("tickwire_players", Unit::Count, "Players in rooms: people and bots."),
    ("tickwire_ready", Unit::Count, "Whether new players are taken in: 1, or 0."),
    ("tickwire_registry_connected", Unit::Count, "Whether the registry of nodes answers: 1, or 0."),
    ("tickwire_rooms", Unit::Count, "Rooms."),
    ("tickwire_tls_certificate_expires_seconds", Unit::Seconds, "Seconds since 1970 at which the certificate expires."),
    ("tickwire_topic_bytes", Unit::Bytes, "Size of the messages of topics that are kept."),
    ("tickwire_tunnels", Unit::Count, "Connections of players that are carried to rooms of other nodes."),
    ("tickwire_visitors", Unit::Count, "Connections without a room."),
    ("tickwire_webhook_endpoints_paused", Unit::Count, "Services that get no events, because they fail."),
    ("tickwire_webhooks_waiting", Unit::Count, "Events that wait for a service."),
];

/// Has the words shown by the recorder of the moment.
pub(super) fn describe() {
    for (name, words) in COUNTERS {
        let unit = if name.contains("_bytes_") { Unit::Bytes } else { Unit::Count };
        describe_counter!(name, unit, words);
    }
    for (name, unit, words) in GAUGES {
        describe_gauge!(name, unit, words);
    }
}

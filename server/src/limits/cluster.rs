//! Bounds of several nodes that are one service.

use super::{FILE_DESCRIPTORS, ROOM_MAKING_MAX, STALL_MAX};
use std::time::Duration;

/// Claims of rooms that a node knows of.
pub(crate) const REGISTRY_ROOMS_MAX: usize = 262_144;

/// Nodes that a node knows of.
pub(crate) const REGISTRY_NODES_MAX: usize = 256;

/// Changes of the registry that wait for a node; a node that is further behind begins again.
pub(crate) const REGISTRY_CHANGES_MAX: usize = 4_096;

/// Time from one renewal of a node's lease to the next one, and from one look for claims and rooms that do not belong
/// together to the next one.
pub(crate) const LEASE_RENEW: Duration = Duration::from_secs(2);

/// Time after the last renewal for which a node counts as alive.
pub(crate) const LEASE_LIVE: Duration = Duration::from_secs(15);

const _: () = assert!(LEASE_LIVE.as_secs() >= 5 * LEASE_RENEW.as_secs(), "a few renewals may fail");

/// Time that a room may take to be claimed. A room that is older and has no claim has lost it.
pub(crate) const CLAIM_MAX: Duration = Duration::from_millis(2_500);

/// Age of a claim without a room from which on nobody makes that room any more.
pub(crate) const ORPHAN_MIN: Duration = Duration::from_secs(10);

const _: () = assert!(ORPHAN_MIN.as_secs() > CLAIM_MAX.as_secs() + 5, "a room is claimed, and then made");

/// Time between two lines in the log about other nodes that do not answer.
pub(crate) const PEER_WARNING_MIN: Duration = Duration::from_secs(60);

/// Codes that are tried for a new room. A quarter of a million rooms take one code in seven hundred.
pub(crate) const CLAIM_TRIES: usize = 8;

/// Time from the loss of a watch to the next one, at the least and at the most.
pub(crate) const WATCH_RETRY: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(30);

/// Time in which another node has to take a connection.
pub(crate) const PEER_DIAL_MAX: Duration = Duration::from_secs(1);

/// Time in which a node has to say what it wants, or has to answer.
pub(crate) const PEER_ANSWER_MAX: Duration = Duration::from_secs(2);

/// Nodes that are asked for one room, one after another.
pub(crate) const NODES_ASKED_MAX: usize = 4;

/// Time in which another node has to grant a request for a room: it claims the room and makes it.
pub(crate) const GRANT_MAX: Duration = Duration::from_secs(8);
const _: () = assert!(GRANT_MAX.as_millis() > CLAIM_MAX.as_millis() + ROOM_MAKING_MAX.as_millis());

/// Public rooms that a node tells others of, those with the most people first.
pub(crate) const ROOMS_TOLD_MAX: usize = 400;

/// Time from one question for the rooms of another node to the next one.
pub(crate) const LISTS_INTERVAL: Duration = Duration::from_secs(1);

/// Nodes that are asked for their rooms at a time; more of them take turns.
pub(crate) const LISTS_PASS: usize = 8;

/// Time for which the rooms of a node are listed that does not tell them any more.
pub(crate) const LIST_KEPT: Duration = Duration::from_secs(10);

/// Time that a quick match waits for those before it.
pub(crate) const MATCH_WAIT_MAX: Duration = Duration::from_secs(4);

/// Rooms that move to other nodes at a time.
pub(crate) const MOVES_MAX: usize = 64;

/// Time in which a room has to come to the end of a tick, so that it can move.
pub(crate) const MOVE_TICK_MAX: Duration = Duration::from_secs(1);

/// Time in which another node has to take a room over, and then the same time to find out whether it has.
pub(crate) const MOVE_MAX: Duration = Duration::from_secs(5);

/// Time from one look for what has become of a room to the next one.
pub(crate) const MOVE_DECIDE_PAUSE: Duration = Duration::from_millis(100);

/// Time for which a node that stops moves its rooms away. Those that are left over are kept in its data folder.
pub(crate) const MOVE_ALL_MAX: Duration = Duration::from_secs(10);

/// Time in which a room that comes from another node has to be made again and to be on the disk, and the time for which
/// its claim is written.
pub(crate) const ARRIVAL_MAX: Duration = Duration::from_millis(2_400);
const _: () =
    assert!(ARRIVAL_MAX.as_millis() * 2 < MOVE_MAX.as_millis(), "the other node learns what has become of it");

/// Memory for rooms that are on their way here, in MiB.
pub(crate) const ARRIVALS_MIB_MAX: u32 = 256;

/// Time without a word after which the kernel asks whether the other node is there, and time between two questions.
pub(crate) const PEER_KEEPALIVE: Duration = Duration::from_secs(5);

/// Connections of nodes that have not yet said what they want.
pub(crate) const PEER_PENDING_MAX: usize = 64;

/// Bytes that the kernel keeps of a player's room until the relay has read them: what waits there is stale.
pub(crate) const PEER_RECEIVE_BUFFER_BYTES: u32 = 16_384;

/// Bytes of the file with the keys of nodes.
pub(crate) const PEER_KEY_FILE_BYTES_MAX: usize = 1_024;

/// Time that a start waits for NATS. Later the node goes on trying.
pub(crate) const NATS_START_MAX: Duration = Duration::from_secs(5);

/// Time that a server takes at its end to give the codes of its rooms back.
pub(crate) const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Tunnels of a node at the same time; the player of a further one is refused (1013).
pub(crate) const TUNNELS_MAX: usize = 4_096;
const _: () =
    assert!(TUNNELS_MAX as u64 * 2 <= FILE_DESCRIPTORS / 8, "a tunnel is two sockets, and players need the rest");

/// Tunnels that may wait for their thread: as many as there may be, because all players of a node that has started again
/// come at once.
pub(crate) const TUNNELS_INBOX_MAX: usize = TUNNELS_MAX;

/// Bytes of a player that a tunnel reads at once. It reads no more before the other node's socket has taken them.
pub(crate) const TUNNEL_BUFFER_UP_BYTES: usize = 4_096;

/// Bytes of the other node that a tunnel reads at once. It reads no more before the player's socket has taken them:
/// snapshots that wait here are stale, and the room does not notice.
pub(crate) const TUNNEL_BUFFER_DOWN_BYTES: usize = 16_384;
const _: () = assert!(TUNNEL_BUFFER_DOWN_BYTES <= 16_384, "the bytes fit into one record of TLS");

/// Reads of one direction of a tunnel after which other tunnels have their turn.
pub(crate) const TUNNEL_READS_MAX: u32 = 8;

/// Time from one note of the thread of tunnels about itself to the next one.
pub(crate) const TUNNELS_PASS: Duration = Duration::from_millis(500);
const _: () = assert!(TUNNELS_PASS.as_millis() * 8 <= STALL_MAX.as_millis(), "a thread that rests is never suspected");

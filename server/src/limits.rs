//! Every bound of the server in one place: name, unit, reason. Bounds of messages are in [`tickwire::limits`].

use std::time::Duration;
use tickwire::limits::CLIENT_MESSAGE_BYTES_MAX;

/// Bytes of a request's head; more is answered with 431. The least that hyper accepts.
pub const REQUEST_HEAD_BYTES_MAX: usize = 8_192;

/// Headers of a request; more is answered with 431.
pub const REQUEST_HEADERS_MAX: usize = 32;

/// A request's head has to be complete after so long, an idle connection is closed after so long.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a request's body; more is answered with 413.
pub const REQUEST_BODY_BYTES_MAX: usize = 4_096;

/// A request's body has to be complete after so long (408).
pub const REQUEST_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is not upgraded ends after so long, however busy: a reader that crawls does not stay.
pub const HTTP_CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);

/// Connections that are not in a room yet; further ones wait in the kernel's backlog.
pub const PENDING_CONNECTIONS_MAX: u32 = 4_096;

/// Connections of one address that are not in a room yet; further ones are closed at once.
pub const PENDING_CONNECTIONS_PER_ADDRESS_MAX: u32 = 20;

/// Connections of one address in rooms; further ones are refused (1013).
pub const SEATED_CONNECTIONS_PER_ADDRESS_MAX: u32 = 64;

/// Connections that the kernel keeps while nobody accepts them.
pub const LISTEN_BACKLOG: i32 = 1_024;

/// Pause after a failed accept: the usual reason is that the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The hello has to come so soon after the upgrade (4008).
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(3);

/// After a close frame, input is drained for so long: a reset would eat the code.
pub const CLOSE_DRAIN: Duration = Duration::from_secs(1);

/// Frames that one message may be cut into (1009): empty ones cost the sender almost nothing.
pub const FRAGMENTS_MAX: u32 = 16;

/// Payload of a control frame in bytes, by RFC 6455 (1002).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Control frames a client may send per second in the long run (1008).
pub const CONTROL_FRAMES_PER_SECOND: u32 = 10;

/// Control frames that may come at once.
pub const CONTROL_FRAMES_BURST: u32 = 20;

/// Read buffer of a connection in bytes: what one tick takes in of it at the most.
pub const READ_BUFFER_BYTES: usize = 4_096;

/// Messages besides the snapshot that one write carries, in bytes; the rest follows with the next tick.
pub const CONTROL_WRITE_BYTES_MAX: usize = 32_768;

/// A connection whose bytes have not left after so long is closed (4007).
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(5);

/// The kernel's send buffer per connection in bytes: it hides what is stale, so it is small.
pub const SEND_BUFFER_BYTES: usize = 65_536;

/// Bytes that the kernel accepts ahead of what it has sent.
pub const NOT_SENT_LOW_WATER_BYTES: u32 = 16_384;

/// A peer that acknowledges nothing on the TCP level for so long is gone.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Rooms of a server; further ones are refused (503).
pub const ROOMS_MAX: usize = 4_096;

/// Public rooms in one list.
pub const ROOMS_LISTED_MAX: usize = 100;

/// Rooms that one address may create per hour (429).
pub const ROOMS_PER_HOUR: u32 = 10;

/// Quick matches that one address may ask for per minute (429).
pub const MATCHES_PER_MINUTE: u32 = 20;

/// Codes without a room that one address may ask for per minute (429, and 4006 in a hello).
pub const FAILED_LOOKUPS_PER_MINUTE: u32 = 10;

/// Addresses whose use is remembered per limit; the memory of a flood from many is bounded by it.
pub const ADDRESSES_MAX: usize = 65_536;

/// A room's code stays unused for so long after the room is gone: an old link must not lead to strangers.
pub const CODE_REST: Duration = Duration::from_secs(3_600);

/// A seat of a quick match is kept so long for whoever was sent there.
pub const SEAT_RESERVATION: Duration = Duration::from_secs(5);

/// A lost player's seat is held for so long.
pub const HELD_SEAT_SECONDS: u32 = 30;

/// Snapshots may be so far ahead of what a member acknowledged; then they wait.
pub const SEND_WINDOW_SECONDS: u32 = 1;

/// A member whose acknowledgements lag by more is closed (4007).
pub const LAG_SECONDS_MAX: u32 = 5;

/// A member that says nothing for longer is closed (4008).
pub const SILENCE_SECONDS_MAX: u32 = 15;

/// A quick match waits so long for people before bots fill up.
pub const FILL_SECONDS: u32 = 2;

/// A room without anybody goes after so long.
pub const EMPTY_SECONDS: u32 = 60;

/// Messages a member may send per tick in the long run, in halves.
pub const MESSAGES_PER_TICK_HALVES: i64 = 3;

/// Messages that may come at once after a stalled connection recovers, in seconds' worth of ticks.
pub const MESSAGE_BURST_SECONDS: u32 = 10;

/// What a room has learnt of its bytes is published so soon at the first.
pub const PRIORS_FIRST_SECONDS: u32 = 4;

/// And so often after that, if it pays.
pub const PRIORS_SECONDS: u32 = 30;

/// Ticks of a lockstep room that are kept as they were sent, in seconds: who missed more starts from a whole world.
pub const MISSED_SECONDS_MAX: u32 = 6;

/// Whole worlds of a lockstep room that are kept, in seconds: newcomers start there, and differences are looked for.
pub const KEYFRAME_SECONDS: u32 = 2;

/// Spectators of a room; further ones are told that it is full (4004).
pub const SPECTATORS_MAX: usize = 64;

/// Fields that an autopsy names; a client in whose world more differs starts over.
pub const AUTOPSY_DIFFERENCES_MAX: usize = 64;

/// Inputs that an autopsy lists.
pub const AUTOPSY_INPUTS_MAX: usize = 512;

/// Bytes of the world that an autopsy can be run again from; of a larger one it has none.
pub const AUTOPSY_REPLAY_BYTES_MAX: usize = 131_072;

/// Autopsies that wait in a room to be written.
pub const AUTOPSIES_WAITING_MAX: usize = 8;

/// Autopsies that a server writes; it is the first ones that say why.
pub const AUTOPSIES_MAX: usize = 1_000;

/// Keyframes a member may ask for per second.
pub const KEYFRAMES_PER_SECOND: u32 = 2;

/// Acknowledged hashes in a row that may differ before a client that says nothing of it starts over from a keyframe.
pub const UNDISPUTED_MAX: u32 = 8;

/// Differing worlds within a minute after which a member is closed (4011).
pub const MISMATCHES_PER_MINUTE_MAX: u32 = 3;

/// Messages besides snapshots that wait for a member; one more closes it (4007).
pub const MEMBER_MESSAGES_MAX: usize = 64;

/// Phases over which rooms of one rate are spread.
pub const PHASES: u32 = 8;

/// Rooms that a phase holds before the next one is opened: about a millisecond of work.
pub const PHASE_ROOMS: usize = 16;

/// Ticks a room makes at once when it is late.
pub const CATCH_UP_TICKS_MAX: u32 = 2;

/// Ticks a room may be behind; what is beyond is dropped and counted.
pub const DEBT_TICKS_MAX: u64 = 5;

/// Rooms that fill a shard, by its phases: a room's budget is its tick's period over so many, at 30 Hz 260 us.
pub const BUDGETS_PER_TICK: u64 = PHASES as u64 * PHASE_ROOMS as u64;

/// Budgets that a room's turn may take; it delays whoever is due meanwhile by that. At 30 Hz 2.1 ms.
pub const TURN_BUDGETS_MAX: u64 = 8;

/// Turns that may be too long before the room has to leave its shard for the slow lane. One that is n times too long
/// counts n times, up to [`LONG_TURN_WEIGHT_MAX`]; one that is not too long takes one off.
pub const LONG_TURNS_MAX: u64 = 30;

/// What one turn counts at the most: a machine that stands still for a moment is not the room's fault.
pub const LONG_TURN_WEIGHT_MAX: u64 = 10;

/// For so long after a turn that was long by the clock, a room's turns are measured in CPU time.
pub const SUSPICION_SECONDS: u64 = 1;

/// A room in the slow lane comes back after so many seconds' worth of turns without being slow; each time that it has
/// to go again they are doubled, up to [`SLOW_LANE_SECONDS_MAX`].
pub const SLOW_LANE_SECONDS_MIN: u64 = 5;

/// A room that behaves comes back after so long, however often it had to go: eleven minutes.
pub const SLOW_LANE_SECONDS_MAX: u64 = 640;

/// Who looks for a room is sent to the slow lane so many times: it may leave again while they are on the way.
pub const DETOURS_MAX: u8 = 3;

/// How much a slow lane gives way to shards where the cores are busy: niceness above that of the process.
pub const SLOW_LANE_NICENESS: i32 = 10;

/// Shard threads at the most.
pub const SHARDS_MAX: usize = 256;

/// File descriptors that are asked for at the start, if the hard limit allows.
pub const FILE_DESCRIPTORS: u64 = 65_536;

const _: () = assert!(
    READ_BUFFER_BYTES >= CLIENT_MESSAGE_BYTES_MAX + 14,
    "the largest message fits into the read buffer with its frame head"
);
const _: () = assert!(CATCH_UP_TICKS_MAX as u64 <= DEBT_TICKS_MAX, "a debt is worked off in steps");
const _: () = assert!(LONG_TURN_WEIGHT_MAX < LONG_TURNS_MAX, "one long turn condemns no room");
const _: () = assert!(SLOW_LANE_SECONDS_MIN <= SLOW_LANE_SECONDS_MAX, "a stay is doubled up to the longest");
const _: () = assert!(LAG_SECONDS_MAX < MISSED_SECONDS_MAX, "who is not given up misses nothing");
const _: () = assert!(SEND_WINDOW_SECONDS < LAG_SECONDS_MAX, "snapshots wait before the member is given up");
const _: () = assert!(LAG_SECONDS_MAX < SILENCE_SECONDS_MAX, "a member that acknowledges nothing is slow first");

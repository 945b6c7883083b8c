//! Every bound of the server in one place: name, unit, reason. Bounds of messages are in [`tickwire::limits`].
//!
//! A bound that depends on where a server stands (per address, rooms, memory) is the default of a setting; the list is in
//! [`Config`](crate::Config).

mod api;
mod cluster;
mod doors;
mod faults;
mod journal;
mod keeping;
mod kept;
mod log;
mod topics;

pub use api::*;
pub(crate) use cluster::*;
pub use doors::*;
pub use faults::*;
pub(crate) use journal::*;
pub use keeping::*;
pub(crate) use kept::*;
pub use log::*;
use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;
use tickwire::limits::CLIENT_MESSAGE_BYTES_MAX;
pub use topics::*;

/// Range of the setting for the bytes of a request's head. Its lower end is the smallest limit that hyper accepts; its
/// upper end bounds the memory that pending connections take.
pub const REQUEST_HEAD_BYTES: RangeInclusive<usize> = 8_192..=1_048_576;

/// Range of the setting for the headers of a request. Browsers and proxies together send up to about thirty.
pub const REQUEST_HEADERS: RangeInclusive<usize> = 32..=1_000;

/// Range of the settings that count something of one address, and of a few other counts.
pub const PER_ADDRESS: RangeInclusive<usize> = 1..=1_000_000;

/// Range of the setting for the rooms of a server.
pub const ROOMS: RangeInclusive<usize> = 1..=65_536;

/// Range of the settings for the spectators of a room.
pub const SPECTATORS: RangeInclusive<usize> = 0..=1_024;

/// Range of the settings for the connections of all addresses that are not in rooms. With fewer, a few silent peers
/// would keep everybody out.
pub const CONNECTIONS: RangeInclusive<usize> = 16..=1_000_000;

/// Range of the setting for the addresses whose usage is remembered.
pub const ADDRESSES: RangeInclusive<usize> = 256..=16_777_216;

/// Bytes of a header of the PROXY protocol. The addresses take at most 232 bytes; the rest is for fields such as the names
/// of certificates.
pub const PROXY_HEADER_BYTES_MAX: usize = 4_096;

/// Time within which the header of the PROXY protocol has to be complete.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(3);

/// Seconds for which a browser may remember that a page of another origin is allowed to send a request.
pub const PREFLIGHT_SECONDS: u64 = 7_200;

/// Time within which a request's head has to be complete. An idle connection is closed after the same time.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a request's body; a larger body is answered with 413.
pub const REQUEST_BODY_BYTES_MAX: usize = 4_096;

/// Time within which a request's body has to be complete; a slower request is answered with 408.
pub const REQUEST_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which the kernel may take no byte of an answer, because the peer reads nothing; then the connection is
/// closed.
pub const HTTP_WRITE_STALL_MAX: Duration = Duration::from_secs(5);

/// Lifetime of a connection that is not upgraded, however busy it is: a peer that reads a little now and then must not
/// hold its connection for ever.
pub const HTTP_CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);

/// Time for which a server that stops waits for requests, handshakes and shards. Health checks read meanwhile that the
/// server is not ready.
pub const DRAIN_MAX: Duration = Duration::from_secs(1);

/// Time for which a connection without a request stays open when the server stops: a request may be on its way.
pub const DRAIN_GRACE: Duration = Duration::from_millis(100);

/// Time within which the net thread has to take notice of the order to stop, before the shards are stopped all the same.
pub const STOP_ORDER_MAX: Duration = Duration::from_millis(500);

/// Time for which a server that stops waits for its threads. It passes only when a step of a game takes that long.
pub const STOP_MAX: Duration = Duration::from_secs(5);

/// The same after a second signal.
pub const HURRIED_STOP_MAX: Duration = Duration::from_millis(500);

/// Time after the order to stop within which the disk has to take the worlds of all rooms, where a journal is kept. What
/// supervises the server has to wait for longer before it kills it.
pub const WORLDS_STOP_MAX: Duration = Duration::from_secs(25);

/// Seconds after which a client may try again what a server that stops has refused (503): the next one is up by then.
pub const STOPPING_RETRY_SECONDS: u64 = 5;

/// Connections that have not made a request yet, or are upgraded and have not sent their hello. When there are more, the
/// oldest one makes room, unless it has just come ([`PENDING_MIN`]): before its first request it is answered with 503, after the upgrade it is closed with 1013.
pub const PENDING_CONNECTIONS_MAX: usize = 4_096;

/// No connection makes room for one of another address before it has had this long, or as much less as fewer of them may
/// be pending: an honest one needs less. Meanwhile further ones wait in the kernel's queue. After a restart all players
/// come at once, and to be refused would cost them seconds.
pub const PENDING_MIN: Duration = Duration::from_millis(250);

/// Time until the net thread looks again whether it may accept a connection.
pub const PENDING_PAUSE: Duration = Duration::from_millis(5);

/// Such connections of one address. When there are more, the oldest one of that address makes room.
pub const PENDING_CONNECTIONS_PER_ADDRESS_MAX: usize = 20;

/// Connections that have made requests and are not upgraded. When there are more, the one whose last request is the
/// oldest is closed. Connections that only load pages are bounded apart from pending ones, so that they never keep a
/// player out.
pub const PAGE_CONNECTIONS_MAX: usize = 4_096;

/// Such connections of one address: a browser opens up to six, and an address may stand for many players.
pub const PAGE_CONNECTIONS_PER_ADDRESS_MAX: usize = 256;

/// Connections that have their last bytes and are about to end. When there are more, the oldest one is
/// dropped.
pub const LEAVING_CONNECTIONS_MAX: usize = 1_024;

/// File descriptors of the process for each connection that one of the three queues above may hold: together they take
/// at most three eighths of all descriptors, and the rest is left to players.
pub const DESCRIPTORS_PER_QUEUED: u64 = 8;

/// Seconds after which a connection that had to make room may be tried again.
pub const BUSY_RETRY_SECONDS: u32 = 2;

/// Bytes of input that are discarded after the last bytes of a connection that is not in a room. Unread input would make
/// the kernel reset the connection.
pub const DISCARDED_BYTES_MAX: usize = 262_144;

/// Connections of one address in rooms; further ones are refused (1013).
pub const SEATED_CONNECTIONS_PER_ADDRESS_MAX: u32 = 64;

/// Connections that the kernel keeps until the net thread accepts them: as many as may be pending. After a restart all
/// clients come at once, and one that finds no place hears nothing for a second, until it has asked again.
pub const LISTEN_BACKLOG: i32 = 4_096;
const _: () = assert!(LISTEN_BACKLOG as usize == PENDING_CONNECTIONS_MAX);

/// Pause after a failed accept. The usual reason is that the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A peer has to finish the handshake of TLS within this time.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time after the upgrade within which the hello has to arrive (4008).
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(3);

/// Time for which input is read and discarded after a close frame. Unread input would make the kernel reset the
/// connection, and a reset would make the peer lose the close code.
pub const CLOSE_DRAIN: Duration = Duration::from_secs(1);

/// Frames into which one message may be cut (1009). The limit in bytes does not stop empty frames, and a sender can
/// make empty frames at almost no cost.
pub const FRAGMENTS_MAX: u32 = 16;

/// Bytes of a message to the echo of the feature `conformance`: the largest of the suite.
pub const ECHO_MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Fragments of a message to the echo of the feature `conformance`: the suite cuts its largest message into pieces of
/// 64 bytes.
pub const ECHO_FRAGMENTS_MAX: u32 = 65_536;

/// Bytes of a control frame's payload, by RFC 6455 (1002).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Control frames that a client may send per second in the long run (1008).
pub const CONTROL_FRAMES_PER_SECOND: u32 = 10;

/// Control frames that a client may send at once.
pub const CONTROL_FRAMES_BURST: u32 = 20;

/// Read buffer of a connection in bytes: a tick reads no more than this from one connection, apart from the bytes that
/// came with its handshake.
pub const READ_BUFFER_BYTES: usize = 4_096;

/// Bytes of messages besides the snapshot after which a write takes no further message; the other messages follow with
/// the next tick.
pub const CONTROL_WRITE_BYTES_MAX: usize = 32_768;

/// Time after which a connection is closed if the kernel has still not taken all bytes of a write (4007).
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(5);

/// The kernel's send buffer per connection in bytes. It is small, because snapshots that wait in it become stale and
/// the server does not notice.
pub const SEND_BUFFER_BYTES: usize = 65_536;

/// Unsent bytes of a connection up to which the kernel accepts more.
pub const NOT_SENT_LOW_WATER_BYTES: u32 = 16_384;

/// Time without any acknowledgement on the TCP level after which a peer counts as gone.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Rooms of a server; further ones are refused (503).
pub const ROOMS_MAX: usize = 4_096;

/// Public rooms on one page of their list.
pub const ROOMS_LISTED_MAX: usize = 100;

/// Rooms that one address may create per hour (429).
pub const ROOMS_PER_HOUR: u32 = 10;

/// Quick matches that one address may ask for per minute (429).
pub const MATCHES_PER_MINUTE: u32 = 20;

/// Codes without a room that one address may ask for per minute, in requests (429) and in hellos (4006) apart. This
/// bounds the guessing of codes.
pub const FAILED_LOOKUPS_PER_MINUTE: u32 = 10;

/// Times per minute that one address may enter one room in the long run (4006). A player who comes back with a resume
/// token passes all the same. Every entrance costs the room a keyframe, and the game a `join` and a `leave`.
pub const JOINS_PER_MINUTE: u32 = 30;

/// Times that one address may enter one room at once: a class behind one router comes together.
pub const JOINS_BURST: u32 = 24;

/// Rooms' codes that the caller of a quick match may name as those that it does not want (400).
pub const AVOIDED_ROOMS_MAX: usize = 16;

/// Bytes of the name of an unknown game that the refusal repeats.
pub const GAME_NAME_SHOWN_BYTES_MAX: usize = 64;

/// Refusals of a foreign origin that are logged at once, and then per minute. Every page of a misconfigured site is refused, and the log
/// must not grow with its visitors.
pub const ORIGIN_WARNINGS_PER_MINUTE: u32 = 10;

/// Time after a client was closed with 4011 for which its address may not enter that room again (4006). Each further
/// 4011 doubles the time. The first one is short, because an honest client may differ once.
pub const DIVERGED_WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest of these times. It is shorter than a seat is held, so that nobody loses a seat by waiting: an address may
/// stand for many players.
pub const DIVERGED_WAIT_SECONDS_MAX: u32 = 20;

/// Range of the setting for the longest of these times.
pub const DIVERGED_WAIT_SECONDS: RangeInclusive<usize> = 1..=24;
const _: () = assert!(*DIVERGED_WAIT_SECONDS.end() + 5 < HELD_SEAT_SECONDS as usize, "a wait costs nobody a held seat");

/// Time after the last 4011 of an address in a room after which the earlier ones do not count any more.
pub const DIVERGED_MEMORY: Duration = Duration::from_secs(300);

/// Clients of one address and room that were closed with 4011 and have tokens that are remembered: these have to wait,
/// and other players of the address come back to their seats at once.
pub const DIVERGED_TOKENS_MAX: usize = 8;

/// Addresses whose usage is remembered per limit. This bounds the memory that a flood from many addresses takes.
pub const ADDRESSES_MAX: usize = 65_536;

/// Time for which a room's code stays unused after the room has ended: an old link must not lead to the room of
/// strangers.
pub const CODE_REST: Duration = Duration::from_secs(3_600);

/// Time for which a quick match keeps a seat for a player that was sent there. Over a slow link a page may need several
/// seconds for its files and its handshake.
pub const SEAT_RESERVATION: Duration = Duration::from_secs(15);

/// Seats that quick matches keep for one address at the same time. Friends behind one router may look for matches
/// together, and one address must not keep the seats of all matches.
pub const RESERVATIONS_PER_ADDRESS_MAX: usize = 4;

/// Seconds for which the seat of a player whose connection is lost is held.
pub const HELD_SEAT_SECONDS: u32 = 30;

/// Seconds' worth of snapshots that a member may have in flight, which are sent and not acknowledged; further ones
/// wait.
pub const SEND_WINDOW_SECONDS: u32 = 1;

/// Age in seconds that the oldest snapshot in flight may reach; a member whose oldest one is older is closed (4007).
pub const LAG_SECONDS_MAX: u32 = 5;

/// Seconds for which a member may send nothing; after that it is closed (4008).
pub const SILENCE_SECONDS_MAX: u32 = 15;

/// Time for which a room continues while nobody is in it, held seats included; after that the room ends.
pub const EMPTY_ROOM_MAX: Duration = Duration::from_secs(60);

/// Messages that a member may send per tick in the long run, in halves of a message.
pub const MESSAGES_PER_TICK_HALVES: i64 = 3;

/// Messages that may arrive at once after a stalled connection recovers, in seconds' worth of ticks with one message
/// each.
pub const MESSAGE_BURST_SECONDS: u32 = 10;

/// Seconds after which a room first publishes the priors that it has learnt from its messages.
pub const PRIORS_FIRST_SECONDS: u32 = 4;

/// Seconds between later publications of priors, each of which is made only if it pays for its bytes.
pub const PRIORS_SECONDS: u32 = 30;

/// Seconds' worth of ticks that a lockstep room keeps as they were sent: a member that missed more than these starts
/// from a keyframe.
pub const MISSED_SECONDS_MAX: u32 = 6;

/// Seconds' worth of keyframes that a lockstep room keeps: new members start from the newest one, and the search for a
/// difference starts from one of them.
pub const KEYFRAME_SECONDS: u32 = 2;

/// Spectators of a room; a further one is refused because the room is full (4004).
pub const SPECTATORS_MAX: usize = 64;

/// Graphemes of a player's name, as others see it. People count a grapheme as one character.
pub const NAME_GRAPHEMES_MAX: usize = 16;

/// Graphemes of a line of chat, as others see it.
pub const CHAT_GRAPHEMES_MAX: usize = 200;

/// Marks above and below one letter of a name or a line of chat; further ones are left out. Vietnamese, Thai, Arabic
/// and Hebrew need two, and Hindi needs three. Unicode's report 39 calls more than four suspicious, but four already
/// reach the line above.
pub const MARKS_PER_LETTER_MAX: usize = 3;

/// Spectators of a room from one address; a further one is refused as if the room was full (4004).
pub const SPECTATORS_PER_ADDRESS_MAX: usize = 16;

/// Times per minute that a player may come back into the seat (4006). Each time costs the room a keyframe.
pub const COMEBACKS_PER_MINUTE_MAX: u32 = 30;

/// Default of the setting for the seats that one address may have in a listed room or a quick match, held seats
/// included (4004).
pub const SEATS_PER_ADDRESS_LISTED: NonZeroU8 = NonZeroU8::new(4).expect("four is not zero");

/// Seats that one address may have in any room: two friends behind one router can always play each other.
pub const SEATS_PER_ADDRESS_MIN: u8 = 2;

/// Keyframes that a member is granted per second.
pub const KEYFRAMES_PER_SECOND: u32 = 2;

/// Bytes of keyframes that a member can have saved up: its deltas before pay for no more than these. The bound is a few
/// keyframes of the largest demo game.
pub const KEYFRAME_SAVINGS_BYTES_MAX: i64 = 262_144;

/// Seconds for which a keyframe may be on its way to a member; a member that asks for another one before is not heard. The
/// time covers the slowest links.
pub const KEYFRAME_PATIENCE_SECONDS: u32 = 2;

/// Snapshots over which the lags of a player's acknowledgements are remembered at the least: more than a client remembers
/// the lateness of snapshots for.
pub const VIEW_LAGS_MESSAGES: u32 = 2_400;

/// Seconds after the first acknowledgement of a connection in which a player's clock may still be catching up: its client
/// makes several ticks at once.
pub const VIEW_SETTLE_SECONDS: u32 = 1;

/// Milliseconds by which a player's view may be older than the snapshots that the player has acknowledged, besides the
/// lateness of messages: the time to the next picture, and the least delay of the interpolation buffer.
pub const VIEW_SLACK_MS: u32 = 100;

/// Ticks that a room plays again per tick of its own, to find the first one at which a client differs. An honest dispute
/// reaches back for half a second, so it is found within a fraction of a second.
pub const REPLAYED_TICKS_PER_TICK_MAX: u32 = 4;

/// Disputes of a room that wait for a row dump at the same time; further ones wait in line. Each holds a world.
pub const OPEN_DISPUTES_MAX: usize = 8;

/// Seconds within which a member has to answer row hashes with a row dump; then it gets a keyframe instead.
pub const DISPUTE_ANSWER_SECONDS_MAX: u32 = 5;

/// Seconds for which the disputes of one origin are counted together, over all of its connections to a room.
pub const CLAIMS_SECONDS: u32 = 300;

/// Disputes of one origin, within [`CLAIMS_SECONDS`], in which a room looks for the difference; in further ones it sends a
/// keyframe at once. Several friends behind one router are one origin.
pub const ORIGIN_DISPUTES_EXAMINED_MAX: u32 = 8;

/// Disputes of one origin within [`CLAIMS_SECONDS`]; with one more the member is closed (4011).
pub const ORIGIN_DISPUTES_MAX: u32 = 24;

/// Disputes per minute in which a room looks for the difference; in further ones it sends a keyframe at once.
pub const ROOM_DISPUTES_EXAMINED_MAX: u32 = 16;

/// Origins whose disputes a room remembers; the disputes of others get keyframes meanwhile.
pub const DISPUTE_ORIGINS_MAX: usize = 128;

/// Acknowledged hashes in a row that may differ before a client that does not dispute them itself starts over from a
/// keyframe.
pub const UNDISPUTED_MAX: u32 = 8;

/// Differences within a minute at which a member is closed, because its world keeps differing (4011).
pub const MISMATCHES_PER_MINUTE_MAX: u32 = 3;

/// Answers to messages of a member that may wait for it; one more closes the member (4007).
pub const MEMBER_MESSAGES_MAX: usize = 64;

/// Phases over which the rooms of one tick rate are spread, so that their ticks are not all due at the same time.
pub const PHASES: u32 = 8;

/// Rooms that a phase holds before the next phase is opened: about a millisecond of work.
pub const PHASE_ROOMS: usize = 16;

/// Ticks that a late room makes at once. The rest of its debt waits for the next turns, so that other rooms are not
/// delayed for long.
pub const CATCH_UP_TICKS_MAX: u32 = 2;

/// Ticks that a room may be behind; ticks beyond that are dropped and counted.
pub const DEBT_TICKS_MAX: u64 = 5;

/// Rooms that fill a shard: as many as its phases hold. The tick budget of a room is the period of its ticks divided by
/// this number, at 30 Hz 260 us.
pub const BUDGETS_PER_TICK: u64 = PHASES as u64 * PHASE_ROOMS as u64;

/// Tick budgets that a room's turn may take. A turn delays the rooms that are due meanwhile by as long as it takes, at
/// 30 Hz by up to 2.1 ms.
pub const TURN_BUDGETS_MAX: u64 = 8;

/// Turns that may be too long before the room has to leave its shard for the slow lane. A turn that is n times too long
/// counts n times, up to [`LONG_TURN_WEIGHT_MAX`]; a turn that is not too long takes one off the count.
pub const LONG_TURNS_MAX: u64 = 30;

/// The largest weight of one long turn: the room is not at fault when the whole host stands still for a moment.
pub const LONG_TURN_WEIGHT_MAX: u64 = 10;

/// Seconds for which a room's turns are measured in CPU time after a turn that was long by the clock. The measurement
/// costs a system call, so rooms without long turns go without it.
pub const SUSPICION_SECONDS: u64 = 1;

/// Seconds' worth of turns without being slow after which a room returns from the slow lane to its shard. Each further
/// move to the lane doubles this time, up to [`SLOW_LANE_SECONDS_MAX`].
pub const SLOW_LANE_SECONDS_MIN: u64 = 5;

/// The longest of these times, however often the room had to move: eleven minutes.
pub const SLOW_LANE_SECONDS_MAX: u64 = 640;

/// Times that a joining connection is redirected from a shard to its slow lane at the most. The room may leave the lane
/// again while the connection is on its way, so one redirection is not always enough.
pub const DETOURS_MAX: u8 = 3;

/// Niceness of a slow lane above that of the process: on a host whose cores are busy, a slow lane gives way to shards.
pub const SLOW_LANE_NICENESS: i32 = 10;

/// Commands that may wait for a shard; further connections and rooms are refused. As many connections as may be pending
/// find a place: after a restart they all come while the shard makes its rooms again, and one that is refused comes back
/// seconds later.
pub const SHARD_INBOX_MAX: usize = PENDING_CONNECTIONS_MAX;

/// Commands that a shard that is late handles before the next tick. A connection that enters takes about 30 us.
pub const COMMANDS_PER_PASS_MAX: u32 = 32;

/// Rooms that may wait to be made; further ones are refused (503).
pub const ROOMS_WAITING_MAX: usize = 1_024;

/// Time within which a room has to be made; a request that waits for longer is answered with 503.
pub const ROOM_MAKING_MAX: Duration = Duration::from_secs(5);

/// Seconds after which a client may ask again for a room that could not be made.
pub const ROOM_RETRY_SECONDS: u64 = 10;

/// Default of the setting for the part of a core that a shard may use before it takes in no further room, in percent.
/// Above it the rooms that are there would begin to be late.
pub const LOAD_PERCENT_MAX: u32 = 80;

/// Time between two looks at the server's threads.
pub const SUPERVISOR_INTERVAL: Duration = Duration::from_millis(250);

/// Time for which a thread may work on one thing before the process ends. No tick takes so long but an endless one.
pub const STALL_MAX: Duration = Duration::from_secs(10);

/// The same for a slow lane, which is made for rooms that take their time.
pub const SLOW_LANE_STALL_MAX: Duration = Duration::from_secs(30);

/// The largest number of shard threads of a server.
pub const SHARDS_MAX: usize = 256;

/// File descriptors that the server asks for at its start, as far as the hard limit allows.
pub const FILE_DESCRIPTORS: u64 = 65_536;

const _: () = assert!(
    READ_BUFFER_BYTES >= CLIENT_MESSAGE_BYTES_MAX + 14,
    "the largest message fits into the read buffer with its frame head"
);
const _: () =
    assert!(SEAT_RESERVATION.as_secs() < EMPTY_ROOM_MAX.as_secs(), "the room still exists when the player arrives");
const _: () =
    assert!((*DIVERGED_WAIT_SECONDS.end() as u64) < DIVERGED_MEMORY.as_secs(), "a wait ends before it is forgotten");
const _: () =
    assert!(DRAIN_GRACE.as_millis() < DRAIN_MAX.as_millis(), "a connection is closed before the wait is over");
const _: () = assert!(
    ORIGIN_DISPUTES_EXAMINED_MAX >= 4 && ORIGIN_DISPUTES_MAX > ORIGIN_DISPUTES_EXAMINED_MAX,
    "four friends behind one router each get their first difference examined"
);
const _: () =
    assert!(DISPUTE_ANSWER_SECONDS_MAX < SILENCE_SECONDS_MAX, "a silent member's dispute ends before it does");
const _: () = assert!(DRAIN_MAX.as_secs() + CLOSE_DRAIN.as_secs() < STOP_MAX.as_secs(), "connections are waited for");
const _: () = assert!(CATCH_UP_TICKS_MAX as u64 <= DEBT_TICKS_MAX, "a late room works off its debt in steps");
const _: () = assert!(LONG_TURN_WEIGHT_MAX < LONG_TURNS_MAX, "one long turn alone moves no room to the slow lane");
const _: () = assert!(SLOW_LANE_SECONDS_MIN <= SLOW_LANE_SECONDS_MAX, "a stay is doubled up to the longest one");
const _: () = assert!(LAG_SECONDS_MAX < MISSED_SECONDS_MAX, "every tick that a member can miss is still kept");
const _: () = assert!(SEND_WINDOW_SECONDS < LAG_SECONDS_MAX, "snapshots wait before the member is closed as too slow");
const _: () = assert!(LAG_SECONDS_MAX < SILENCE_SECONDS_MAX, "a member without acknowledgements is too slow first");

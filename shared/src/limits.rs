//! Every bound of the wire and of the client in one place: name, unit, reason.
//!
//! The server's own bounds (sockets, rates, queues) are in its `limits.rs`.

/// Seats of a room at the most; a seat travels as 6 bits.
pub const SEATS_MAX: u8 = 64;

/// The highest slot of an ordinary row of a table; the slots above are for rows that a client predicts.
pub const ROWS_MAX: u16 = 0x7fff;

/// Wire integers of one row at the most; the bound keeps a change mask and the stack buffers of the codec small.
pub const ROW_WIDTH_MAX: usize = 256;

/// Tables of one game at the most, the root row included.
pub const TABLES_MAX: usize = 32;

/// Snapshots kept on the server: as baselines of deltas, and to judge shots by. The oldest view of a game at 30 Hz,
/// [`PAST_MS_MAX`] ago, lies after the second of them; the first says how fast things moved there.
pub const SNAPSHOT_HISTORY_LEN: usize = 17;

/// The age, in milliseconds, of the oldest world by which a player's input is judged (`Step::past`). No player is hit
/// for longer than this after they reached cover. It is enough for a round trip of 150 ms with stalls of 200 ms on both
/// ways, which the input lead and the interpolation delay cover; a view over a good link is a third as old, and judged
/// as such. A client that claims an older view is given this age. Above 30 Hz the bound is as much as the history
/// holds, see `Rules::past_ticks_max`.
pub const PAST_MS_MAX: u32 = 530;

/// Encodings of each section that are kept per tick: against the last tick, against two older ones, and the keyframe. A
/// client on any other baseline is deferred by one tick, and then always served.
pub const SECTION_ENCODINGS_MAX: usize = 4;

/// Bytes near which the keyframe of a section is kept, by the choice of how many slots a section spans. Deltas are some
/// ten to a thousand times smaller: with smaller sections the six bytes of a section's head would be most of them.
pub const SECTION_KEYFRAME_BYTES: usize = 16_384;

/// Sections of one snapshot that a client accepts at the most.
pub const SECTIONS_MAX: usize = 4_096;

/// Bytes of one message to the server at the most. The largest is a row dump.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 2_048;

/// Bytes of one message to a client at the most: a keyframe of a large world.
pub const SERVER_MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of memory that the decoding of one control message may claim. The largest message is the welcome to a room of
/// 64 long names.
pub const CONTROL_BYTES_MAX: usize = 16_384;

/// Bytes of the name of a topic.
pub const TOPIC_BYTES_MAX: usize = 64;

/// Bytes of a message of a topic, at the most: the text of chat with its author, and a room of a list.
pub const TOPIC_MESSAGE_BYTES_MAX: usize = 1_536;

/// Topics that one connection may hear at the same time.
pub const TOPICS_HEARD_MAX: usize = 16;

/// Ticks by which a client's inputs may be ahead of the server's tick; inputs further ahead are dropped and counted.
pub const INPUT_LEAD_TICKS_MAX: u32 = 32;

/// Ticks for which a missing input is replaced by the last one; after that it is neutral.
pub const INPUT_HOLD_TICKS: u32 = 6;

/// Ticks that a client predicts ahead of the newest snapshot at the most; beyond them it waits.
pub const PREDICTION_TICKS_MAX: u32 = 30;

/// Ticks that one call of `advance` simulates at the most: a tab that slept catches up over several frames.
pub const ADVANCE_TICKS_MAX: u32 = 8;

/// Hashes of the full state that are sent per second in lockstep: how soon a difference is noticed.
pub const HASHES_PER_SECOND: u32 = 4;

/// Ticks of inputs that one message carries at the most, in lockstep; a client that missed more receives a full state.
pub const TICKS_PER_MESSAGE_MAX: u32 = 1_536;

/// Events of one tick and one audience (everyone, or one seat) that are kept and sent; if a game emits more, the last
/// ones are dropped.
pub const EVENTS_PER_TICK_MAX: usize = 64;

/// Events of one tick that one player receives at the most: those for everyone, and those for its seat.
pub const EVENTS_HEARD_PER_TICK_MAX: usize = 2 * EVENTS_PER_TICK_MAX;

/// Ticks of events that a snapshot carries at the most when earlier snapshots were left out.
pub const EVENT_TICKS_MAX: u32 = 8;

/// Bytes of a player's name, as others receive it: thirty letters of an Indian script, or three families of emoji.
pub const NAME_BYTES_MAX: usize = 96;

/// Bytes of a line of chat, as others receive it.
pub const CHAT_BYTES_MAX: usize = 800;

/// Bytes of a name or a line of chat that a client sends; a client cuts a longer text. It is more than others receive,
/// because the server leaves out invisible characters and cuts between graphemes.
pub const TEXT_BYTES_MAX: usize = 1_536;

/// Characters of a room code.
pub const ROOM_CODE_LEN: usize = 6;

/// Bytes of the result of a match, as JSON.
pub const RESULT_BYTES_MAX: usize = 2_048;

/// Matches that one tick of a room can end; further results are dropped.
pub const RESULTS_PER_TICK_MAX: usize = 4;

/// Bytes of the name in a hello, which has room for a ticket beside it.
pub const HELLO_NAME_BYTES_MAX: usize = 384;

/// Bytes of the options with which the owner of a room starts a match.
pub const OPTIONS_BYTES_MAX: usize = 1_024;

/// Bytes of a ticket, the proof of a player's identity. The longest claims fit, when a backend does not write characters
/// as `\u…` escapes.
pub const TICKET_BYTES_MAX: usize = 1_280;

/// Bytes of the secret of a private room: an invitation or a password.
pub const ROOM_SECRET_BYTES_MAX: usize = 128;

const _: () = assert!(SEATS_MAX <= 64, "a seat travels as 6 bits");
const _: () = assert!(ROWS_MAX < u16::MAX / 2 + 1, "half of the slots are for predicted rows");
const _: () = assert!(TEXT_BYTES_MAX + 256 <= CLIENT_MESSAGE_BYTES_MAX, "the longest text fits into a message");
const _: () = assert!(
    HELLO_NAME_BYTES_MAX + TICKET_BYTES_MAX + ROOM_SECRET_BYTES_MAX + 256 <= CLIENT_MESSAGE_BYTES_MAX,
    "the longest hello fits into a message"
);
const _: () =
    assert!(NAME_BYTES_MAX <= HELLO_NAME_BYTES_MAX && CHAT_BYTES_MAX <= TEXT_BYTES_MAX, "a client cuts no good text");
const _: () = assert!(EVENT_TICKS_MAX as usize <= SNAPSHOT_HISTORY_LEN, "events are kept beside snapshots");

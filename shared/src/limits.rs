//! Every bound of the wire and of the client in one place: name, unit, reason.
//!
//! The server's own (sockets, rates, queues) are in its `limits.rs`.

/// Seats a room can have at the most; a seat travels as 6 bits.
pub const SEATS_MAX: u8 = 64;

/// Rows a table can hold; slots above are for rows that a client predicted itself.
pub const ROWS_MAX: u16 = 0x7fff;

/// Wire integers of one row; keeps a change mask and the stack buffers of the codec small.
pub const ROW_WIDTH_MAX: usize = 256;

/// Tables of one game, the root row included.
pub const TABLES_MAX: usize = 32;

/// Snapshots kept on the server: as baselines of deltas, and to judge shots by. The oldest view of a game at 30 Hz,
/// [`PAST_MS_MAX`] ago, lies after the second of them; the first says how fast things were there.
pub const SNAPSHOT_HISTORY_LEN: usize = 17;

/// How old, in milliseconds, the world may be by which a player's input is judged (`Step::past`). Nobody is hit
/// longer after they reached cover. Enough for a round trip of 150 ms with stalls of 200 ms on both ways, which input
/// lead and playout delay cover; a view over a good link is a third as old, and judged as such. Who says that they
/// saw something older is shown this. Above 30 Hz it is what the history holds, see `Rules::past_ticks_max`.
pub const PAST_MS_MAX: u32 = 530;

/// Encodings kept per section and tick: against the last tick, two older ones, and the keyframe. Who starts from yet
/// another one waits a tick, and is then served in any case.
pub const SECTION_ENCODINGS_MAX: usize = 4;

/// A keyframe of a section is kept near this size, by choosing how many slots a section spans. Deltas are some ten to
/// a thousand times smaller: below this the six bytes of a section's head would be most of them.
pub const SECTION_KEYFRAME_BYTES: usize = 16_384;

/// Sections of one snapshot that a client accepts.
pub const SECTIONS_MAX: usize = 4_096;

/// Bytes of one message to the server. The largest is a testimony of rows that differ.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 2_048;

/// Bytes of one message to a client: a keyframe of a large world.
pub const SERVER_MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Memory that decoding one control message may claim. The largest is the welcome to a room of 64 long names.
pub const CONTROL_BYTES_MAX: usize = 16_384;

/// Inputs a client may send ahead of the server's tick; earlier ones are dropped and counted.
pub const INPUT_LEAD_TICKS_MAX: u32 = 32;

/// Ticks for which a missing input is taken to be the last one; after that it is neutral.
pub const INPUT_HOLD_TICKS: u32 = 6;

/// Ticks a client predicts ahead of the newest snapshot at the most; beyond it waits.
pub const PREDICTION_TICKS_MAX: u32 = 30;

/// Ticks one call of `advance` simulates at the most: a tab that slept catches up over several frames.
pub const ADVANCE_TICKS_MAX: u32 = 8;

/// Hashes of the whole world that travel per second in lockstep: how soon a difference is noticed.
pub const HASHES_PER_SECOND: u32 = 4;

/// Ticks whose inputs one message carries at the most, in lockstep; who missed more gets a whole world.
pub const TICKS_PER_MESSAGE_MAX: u32 = 1_536;

/// Events of one tick that are kept and sent; a game that emits more loses the last ones.
pub const EVENTS_PER_TICK_MAX: usize = 64;

/// Ticks whose events a snapshot carries at the most when earlier snapshots were left out.
pub const EVENT_TICKS_MAX: u32 = 8;

/// Characters of a player's name.
pub const NAME_CHARS_MAX: usize = 16;

/// Characters of a chat line.
pub const CHAT_CHARS_MAX: usize = 200;

/// Characters of a room code.
pub const ROOM_CODE_LEN: usize = 6;

const _: () = assert!(SEATS_MAX <= 64, "a seat travels as 6 bits");
const _: () = assert!(ROWS_MAX < u16::MAX / 2 + 1, "half of the slots are for predicted rows");
const _: () = assert!(EVENT_TICKS_MAX as usize <= SNAPSHOT_HISTORY_LEN, "events are kept beside snapshots");

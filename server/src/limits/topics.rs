//! The limits of topics, of the dashboard, and of connections without a room.

use super::HELD_SEAT_SECONDS;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Bytes of one message of a client in JSON. A text of 1,280 bytes fits however its characters are escaped.
pub const JSON_MESSAGE_BYTES_MAX: usize = 8_192;

/// Messages of topics that may wait for one connection; one more replaces the oldest, and a gap says so.
pub const LANE_MESSAGES_MAX: usize = 128;

/// Bytes of those messages, shared ones counted in full.
pub const LANE_BYTES_MAX: usize = 49_152;

/// Bytes of topics that one tick writes to a connection at the most; the rest follows with the next ticks.
pub const LANE_WRITE_BYTES_MAX: usize = 4_096;

/// Lines that a chat keeps for those who come later.
pub const CHAT_KEPT_MAX: usize = 64;

/// Milliseconds for which it keeps each of them.
pub const CHAT_KEPT_MS: u64 = 600_000;

/// Announcements that are kept.
pub const NEWS_KEPT_MAX: usize = 16;

/// Milliseconds for which announcements and messages for one player are kept: a day.
pub const NEWS_KEPT_MS: u64 = 86_400_000;

/// Rooms of a game that the live list of its lobby has, those with the most people first. The others are in the list of
/// the HTTP API.
pub const LOBBY_ROOMS_MAX: usize = 64;

/// Default of the setting for the bytes of all messages that are kept; while there are more, new ones are delivered but
/// not kept.
pub const KEPT_BYTES_MAX: usize = 32 << 20;

/// Range of that setting.
pub const KEPT_BYTES: RangeInclusive<usize> = 0..=1 << 30;

/// Default of the setting for how many players may share one address: it may publish as often as so many of them.
pub const PUBLISHERS_PER_ADDRESS: u32 = 5;

/// Addresses whose rates are remembered for each kind of topic.
pub const ORIGINS_MAX: usize = 16_384;

/// Default of the setting for the codes of rooms that one address may try in vain, per minute.
pub const TOPIC_GUESSES_PER_MINUTE: u32 = 20;

/// Receipts that are remembered for each player, so that publishing again gives the same receipt.
pub const RECEIPTS_REMEMBERED_MAX: usize = 128;

/// Players that are remembered; beyond that the one who has been away for the longest time is forgotten.
pub const PLAYERS_KNOWN_MAX: usize = 20_000;

/// Milliseconds after which a player without a connection is forgotten: a day.
pub const PLAYER_FORGOTTEN_MS: u64 = 86_400_000;

/// Messages for one shard that may wait while it has too much to do; beyond that they are lost, and gaps say so.
pub const SHARD_BACKLOG_MAX: usize = 4_096;

/// Messages of members that may wait for the thread of topics; beyond that they are refused.
pub const TOPICS_INBOX_MAX: usize = 4_096;

/// Orders of the net thread that may wait for the thread of topics: far more than a thread that lives leaves waiting.
pub const TOPICS_ORDERS_MAX: usize = 65_536;

/// Default of the setting for the connections without a room.
pub const VISITORS_MAX: usize = 8_192;

/// Time after which a connection without a room is closed if nothing was heard of it (4008).
pub const VISITOR_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Time from one ping to a connection without a room to the next.
pub const VISITOR_PING_INTERVAL: Duration = Duration::from_secs(20);

/// Bytes that one write to a connection without a room has at the most.
pub const VISITOR_WRITE_BYTES_MAX: usize = 16_384;

/// Time from one pass of the hub to the next, in which old messages are forgotten and marks are told.
pub const HUB_PASS: Duration = Duration::from_millis(250);

/// Time from one look at the rooms for the live lists of lobbies to the next.
pub const LIST_INTERVAL: Duration = Duration::from_millis(500);

/// Players that one player may block.
pub const BLOCKED_MAX: usize = 64;

/// Subscribers of one topic whose marks are told.
pub const MARKS_MAX: usize = 128;

/// Milliseconds from one telling of marks to the next.
pub const MARKS_MS: u64 = 1_000;

/// Milliseconds for which somebody is shown as typing after the last sign of it.
pub const TYPING_SHOWN_MS: u64 = 5_000;

/// Milliseconds for which somebody whose connection is lost is shown as away: as long as the seat is held.
pub const AWAY_SHOWN_MS: u64 = HELD_SEAT_SECONDS as u64 * 1_000;

/// Worlds of rooms that are drawn for the dashboard at the same time, in the whole server.
pub const SCENES_MAX: usize = 4;

/// Rooms whose seats are shown on the dashboard at the same time, in the whole server.
pub const ROOMS_WATCHED_MAX: usize = 16;

/// Milliseconds from one picture of a world to the next: eight a second.
pub const SCENE_INTERVAL_MS: u64 = 125;

/// Milliseconds from one look at the seats of a watched room to the next.
pub const SEATS_INTERVAL_MS: u64 = 500;

/// Milliseconds from one count of rooms to the next.
pub const NUMBERS_INTERVAL_MS: u64 = 1_000;

/// Numbers that the picture of a world may have; a larger one is left out.
pub const SCENE_NUMBERS_MAX: usize = 16_000;

/// Bytes that the texts of a picture may have together.
pub const SCENE_TEXT_BYTES_MAX: usize = 16_384;

/// Rooms that the dashboard lists, the worst first.
pub const ROOMS_SHOWN_MAX: usize = 200;

/// Rows of the last hour.
pub const HISTORY_ROWS_MAX: usize = 360;

/// Seconds that a row of the last hour stands for.
pub const HISTORY_STEP_S: u64 = 10;

/// Actions of operators that are kept.
pub const AUDIT_KEPT_MAX: usize = 100;

/// Refused actions among them: strangers must not push out what was done.
pub const AUDIT_REFUSED_KEPT_MAX: usize = 40;

/// Refused actions that are written down in a minute, those of operators and those of strangers apart; the others are
/// counted.
pub const AUDIT_REFUSED_PER_MINUTE: u32 = 30;

/// Autopsies of a room that the dashboard shows.
pub const AUTOPSIES_SHOWN_MAX: usize = 8;

/// Lines of the log that are kept for the dashboard, of all rooms together.
pub const LOG_LINES_KEPT_MAX: usize = 2_000;

/// Lines of the log that the dashboard shows of one room.
pub const LOG_LINES_SHOWN_MAX: usize = 50;

/// Characters of a line of the log that are kept.
pub const LOG_LINE_CHARS_MAX: usize = 400;

/// Operators in the file of operators.
pub const OPERATORS_MAX: usize = 64;

/// Time after which a shard that has not carried out an action counts as too busy.
pub const ACTION_MAX: Duration = Duration::from_secs(3);

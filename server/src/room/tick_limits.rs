//! The time limits of a room, converted to its own ticks.

use crate::limits::{
    CLAIMS_SECONDS, DISPUTE_ANSWER_SECONDS_MAX, HELD_SEAT_SECONDS, KEYFRAME_PATIENCE_SECONDS, KEYFRAMES_PER_SECOND,
    KICKED_SECONDS, LAG_SECONDS_MAX, MESSAGE_BURST_SECONDS, SEND_WINDOW_SECONDS, SILENCE_SECONDS_MAX,
    SPECTATORS_ALONE_SECONDS, VIEW_LAGS_MESSAGES, VIEW_SETTLE_SECONDS, VIEW_SLACK_MS,
};
use tickwire::Rules;

/// The limits in ticks, for a room of one tick rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct TickLimits {
    /// Ticks from one message of the room to the next.
    pub(super) message_ticks: u32,
    /// [`HELD_SEAT_SECONDS`] in ticks.
    pub(super) held_seat_ticks: u32,
    /// [`SEND_WINDOW_SECONDS`] in ticks.
    pub(super) send_ticks: u32,
    /// [`LAG_SECONDS_MAX`] in ticks.
    pub(super) lag_ticks: u32,
    /// [`SILENCE_SECONDS_MAX`] in ticks.
    pub(super) silence_ticks: u32,
    /// The seconds for which a quick match waits for people, in ticks.
    pub(super) fill_ticks: u32,
    /// [`MESSAGE_BURST_SECONDS`] in messages, of which a client sends one per tick.
    pub(super) message_burst: i64,
    /// Ticks from one keyframe that a member asked for to the next one that it may ask for.
    pub(super) keyframe_ticks: u32,
    /// [`KEYFRAME_PATIENCE_SECONDS`] in ticks.
    pub(super) keyframe_patience_ticks: u32,
    /// [`DISPUTE_ANSWER_SECONDS_MAX`] in ticks.
    pub(super) dispute_answer_ticks: u32,
    /// [`CLAIMS_SECONDS`] in ticks.
    pub(super) claims_ticks: u32,
    /// Ticks in which a client receives [`VIEW_LAGS_MESSAGES`] snapshots.
    pub(super) lags_window_ticks: u32,
    /// [`VIEW_SLACK_MS`] in ticks, and the ticks from one message to the next.
    pub(super) view_slack_ticks: u32,
    /// [`VIEW_SETTLE_SECONDS`] in ticks.
    pub(super) view_settle_ticks: u32,
    /// [`SPECTATORS_ALONE_SECONDS`] in ticks.
    pub(super) spectators_alone_ticks: u32,
    /// [`KICKED_SECONDS`] in ticks.
    pub(super) kicked_ticks: u32,
    /// Ticks that the room makes in a minute.
    pub(super) minute_ticks: u32,
}

impl TickLimits {
    /// The limits of a room with these rules, in which bots take the free seats of a quick match after `fill_seconds`.
    #[must_use]
    pub(super) const fn of(rules: &Rules, fill_seconds: u32) -> Self {
        let tick_rate_hz = rules.tick_rate_hz;
        Self {
            message_ticks: rules.message_ticks(),
            held_seat_ticks: HELD_SEAT_SECONDS * tick_rate_hz,
            send_ticks: SEND_WINDOW_SECONDS * tick_rate_hz,
            lag_ticks: LAG_SECONDS_MAX * tick_rate_hz,
            silence_ticks: SILENCE_SECONDS_MAX * tick_rate_hz,
            fill_ticks: fill_seconds * tick_rate_hz,
            message_burst: (MESSAGE_BURST_SECONDS * tick_rate_hz) as i64,
            keyframe_ticks: tick_rate_hz / KEYFRAMES_PER_SECOND,
            keyframe_patience_ticks: KEYFRAME_PATIENCE_SECONDS * tick_rate_hz,
            dispute_answer_ticks: DISPUTE_ANSWER_SECONDS_MAX * tick_rate_hz,
            claims_ticks: CLAIMS_SECONDS * tick_rate_hz,
            lags_window_ticks: VIEW_LAGS_MESSAGES * rules.message_ticks(),
            view_slack_ticks: (VIEW_SLACK_MS * tick_rate_hz).div_ceil(1_000) + rules.message_ticks(),
            view_settle_ticks: VIEW_SETTLE_SECONDS * tick_rate_hz,
            spectators_alone_ticks: SPECTATORS_ALONE_SECONDS * tick_rate_hz,
            kicked_ticks: KICKED_SECONDS * tick_rate_hz,
            minute_ticks: 60 * tick_rate_hz,
        }
    }
}

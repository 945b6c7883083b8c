//! The room's time limits in its own ticks.

use crate::limits::{
    EMPTY_SECONDS, FILL_SECONDS, HELD_SEAT_SECONDS, KEYFRAMES_PER_SECOND, LAG_SECONDS_MAX, MESSAGE_BURST_SECONDS,
    SEND_WINDOW_SECONDS, SILENCE_SECONDS_MAX,
};

/// The limits in ticks, for a room of some rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct TickLimits {
    /// [`HELD_SEAT_SECONDS`].
    pub(super) held_seat_ticks: u32,
    /// [`SEND_WINDOW_SECONDS`].
    pub(super) send_ticks: u32,
    /// [`LAG_SECONDS_MAX`].
    pub(super) lag_ticks: u32,
    /// [`SILENCE_SECONDS_MAX`].
    pub(super) silence_ticks: u32,
    /// [`FILL_SECONDS`].
    pub(super) fill_ticks: u32,
    /// [`EMPTY_SECONDS`].
    pub(super) empty_ticks: u32,
    /// [`MESSAGE_BURST_SECONDS`], in messages.
    pub(super) message_burst: i64,
    /// Ticks between two keyframes that were asked for.
    pub(super) keyframe_ticks: u32,
    /// Ticks of a minute.
    pub(super) minute_ticks: u32,
    /// Ticks between two lines of chat.
    pub(super) chat_ticks: u32,
}

impl TickLimits {
    /// The limits at so many ticks a second.
    #[must_use]
    pub(super) fn at(tick_rate_hz: u32) -> Self {
        Self {
            held_seat_ticks: HELD_SEAT_SECONDS * tick_rate_hz,
            send_ticks: SEND_WINDOW_SECONDS * tick_rate_hz,
            lag_ticks: LAG_SECONDS_MAX * tick_rate_hz,
            silence_ticks: SILENCE_SECONDS_MAX * tick_rate_hz,
            fill_ticks: FILL_SECONDS * tick_rate_hz,
            empty_ticks: EMPTY_SECONDS * tick_rate_hz,
            message_burst: i64::from(MESSAGE_BURST_SECONDS * tick_rate_hz),
            keyframe_ticks: tick_rate_hz / KEYFRAMES_PER_SECOND,
            minute_ticks: 60 * tick_rate_hz,
            chat_ticks: tick_rate_hz / 2,
        }
    }
}

//! The limits of a room that depend on where its server stands: how many people one origin may stand for, and how long
//! people take to come.

use crate::limits::{
    AFK_MINUTES, COMEBACKS_PER_MINUTE_MAX, FILL_SECONDS, ORIGIN_DISPUTES_EXAMINED_MAX, ORIGIN_DISPUTES_MAX,
    SPECTATORS_MAX, SPECTATORS_PER_ADDRESS_MAX,
};

/// The limits of one room, per origin and in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLimits {
    /// Seats that people of one origin may have, held ones included. Default: 255, which is every seat of any game.
    pub seats_per_origin_max: u8,
    /// Spectators of the room. Default: [`SPECTATORS_MAX`].
    pub spectators_max: usize,
    /// Spectators from one origin. Default: [`SPECTATORS_PER_ADDRESS_MAX`].
    pub spectators_per_origin_max: usize,
    /// Minutes for which the input of a player may stay the same while others are in the room; 0 for no limit. Default:
    /// [`AFK_MINUTES`].
    pub afk_minutes: u32,
    /// Times per minute that a player may come back into the seat. Default: [`COMEBACKS_PER_MINUTE_MAX`].
    pub comebacks_per_minute_max: u32,
    /// Disputes of one origin in which the room looks for the difference. Default: [`ORIGIN_DISPUTES_EXAMINED_MAX`].
    pub examined_disputes_per_origin_max: u32,
    /// Disputes of one origin; with one more the member is closed. Default: [`ORIGIN_DISPUTES_MAX`].
    pub disputes_per_origin_max: u32,
    /// Seconds for which a quick match waits for people before bots take the free seats. Default: [`FILL_SECONDS`].
    pub fill_seconds: u32,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            seats_per_origin_max: u8::MAX,
            spectators_max: SPECTATORS_MAX,
            spectators_per_origin_max: SPECTATORS_PER_ADDRESS_MAX,
            afk_minutes: AFK_MINUTES,
            comebacks_per_minute_max: COMEBACKS_PER_MINUTE_MAX,
            examined_disputes_per_origin_max: ORIGIN_DISPUTES_EXAMINED_MAX,
            disputes_per_origin_max: ORIGIN_DISPUTES_MAX,
            fill_seconds: FILL_SECONDS,
        }
    }
}

//! The orders of the thread of topics, where people wait for matches, to the net thread, where rooms are made.

use crate::lobby::Code;
use crate::matchmaking::MatchId;
use std::collections::BTreeMap;
use tickwire::message::topics::PlayerId;
use tickwire::{QueueRules, Seat};
use tokio::sync::mpsc::Sender;

/// An order of seats for the players of a match.
#[derive(Debug)]
pub(crate) enum MatchOrder {
    /// A room is to be made. [`TopicsOrder::MatchMade`](super::TopicsOrder::MatchMade) answers.
    Make {
        id: MatchId,
        /// Index of the game.
        game: usize,
        rules: QueueRules,
        seats: BTreeMap<Seat, PlayerId>,
        with_bots: bool,
    },
    /// Seats of a running match go to these players. [`TopicsOrder::SeatsGiven`](super::TopicsOrder::SeatsGiven) answers.
    Invite { code: Code, seats: BTreeMap<Seat, PlayerId> },
}

/// The way of these orders.
pub(crate) type MatchOrders = Sender<MatchOrder>;

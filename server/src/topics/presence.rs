//! Presence: the people in a room, and their states.

use super::ClientId;
use crate::limits::{AWAY_SHOWN_MS, TYPING_SHOWN_MS};
use crate::lobby::Code;
use serde_json::json;
use std::collections::BTreeMap;
use tickwire::Seat;
use tickwire::message::topics::Author;

/// The state of somebody in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Here,
    Typing,
    Away,
}

impl State {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "here" => Self::Here,
            "typing" => Self::Typing,
            "away" => Self::Away,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Typing => "typing",
            Self::Away => "away",
        }
    }
}

/// Somebody in a room.
#[derive(Debug)]
struct Present {
    /// The newest connection of the seat or player.
    client: ClientId,
    seat: Option<Seat>,
    author: Author,
    state: State,
    /// The connection is lost, and the seat is held for a while.
    is_lost: bool,
    /// The time at which the state ends by itself.
    until_ms: Option<u64>,
}

impl Present {
    fn body(&self) -> String {
        let Author { player, name } = &self.author;
        let seat = self.seat.map(Seat::number);
        json!({ "player": player.to_string(), "name": name, "seat": seat, "state": self.state.word() }).to_string()
    }
}

/// A key of the topic, and its new text; an empty text when somebody is gone.
pub(super) type Change = (String, String);

/// Everybody in every room.
#[derive(Debug, Default)]
pub(super) struct Presence {
    rooms: BTreeMap<Code, BTreeMap<String, Present>>,
}

impl Presence {
    /// Shows what a client is at. `None` when nothing has changed.
    pub(super) fn show(
        &mut self,
        client: ClientId,
        room: Code,
        seat: Option<Seat>,
        author: Author,
        state: State,
        now_ms: u64,
    ) -> Option<Change> {
        let key = seat.map_or_else(|| author.player.to_string(), |seat| format!("seat-{}", seat.number()));
        let until_ms = (state == State::Typing).then_some(now_ms + TYPING_SHOWN_MS);
        let new = Present { client, seat, author, state, is_lost: false, until_ms };
        let body = new.body();
        let old = self.rooms.entry(room).or_default().insert(key.clone(), new);
        (old.is_none_or(|old| old.body() != body)).then_some((key, body))
    }

    /// A client has gone. A seat whose connection is lost is away for as long as it may be held; a newer connection that has
    /// taken over its place stays.
    pub(super) fn leave(&mut self, client: ClientId, room: Code, is_lost: bool, now_ms: u64) -> Option<Change> {
        let people = self.rooms.get_mut(&room)?;
        let (key, present) = people.iter_mut().find(|(_, present)| present.client == client)?;
        let key = key.clone();
        if is_lost && present.seat.is_some() {
            (present.is_lost, present.state, present.until_ms) = (true, State::Away, Some(now_ms + AWAY_SHOWN_MS));
            return Some((key, present.body()));
        }
        people.remove(&key);
        Some((key, String::new()))
    }

    /// Ends the states that last for a while only.
    pub(super) fn expire(&mut self, now_ms: u64) -> Vec<(Code, Change)> {
        let mut changes = Vec::new();
        for (code, people) in &mut self.rooms {
            let over =
                people.extract_if(.., |_, present| present.is_lost && present.until_ms.is_some_and(|at| at <= now_ms));
            changes.extend(over.map(|(key, _)| (*code, (key, String::new()))));
            for (key, present) in
                people.iter_mut().filter(|(_, present)| present.until_ms.is_some_and(|at| at <= now_ms))
            {
                (present.state, present.until_ms) = (State::Here, None);
                changes.push((*code, (key.clone(), present.body())));
            }
        }
        changes
    }

    pub(super) fn forget_room(&mut self, room: Code) {
        self.rooms.remove(&room);
    }
}

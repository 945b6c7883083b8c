//! The things that operators look at: the net thread has shards watch them, and makes messages of the shards' reports.
//!
//! ```text
//! topics that are heard → Watch → shards → Numbers, Seats, Picture → JSON → thread of topics
//! ```

use super::Net;
use super::overview::Totals;
use crate::clock::unix_ms;
use crate::limits::{AUTOPSIES_SHOWN_MAX, HISTORY_STEP_S, LOG_LINES_SHOWN_MAX, ROOMS_SHOWN_MAX};
use crate::lobby::{Code, RoomEntry, RoomId};
use crate::mailbox::{Command, Drawn, Picture, RoomNumbers, SeatsSeen, ShardLink, TopicsOrder, Watch};
use crate::operators::{AdminTopic, LogLine, recent_lines};
use crate::room::{Autopsy, FieldDifference, Origin, SeatFigures, SeatKind};
use crate::websocket::address::{AddressClass, AddressKey};
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

/// Microseconds after which the numbers of a room are out of date: it has fallen asleep.
const NUMBERS_US_MAX: u64 = 2_500_000;

/// The state of the things that operators look at.
#[derive(Debug)]
pub(super) struct Watched {
    /// The rooms that the shards were told to watch; `None` when one of them may not know it.
    told: Option<Watch>,
    /// The time since which all shards are to report the numbers of their rooms.
    counts_since_us: Option<u64>,
    /// When the seats of a room were last told, in microseconds.
    seats_told: BTreeMap<RoomId, u64>,
    /// The newest numbers of each room, and when they came.
    numbers: BTreeMap<RoomId, (RoomNumbers, u64)>,
    /// The last autopsies of each room. The tasks that write them add the names of the files.
    autopsies: Rc<RefCell<BTreeMap<RoomId, VecDeque<AutopsyNote>>>>,
}

/// An autopsy as the dashboard shows it: the first field that differed.
#[derive(Debug, Clone, Serialize)]
struct AutopsyNote {
    at_ms: u64,
    tick: u32,
    seat: Option<u8>,
    field: String,
    server: String,
    client: String,
    file: Option<String>,
}

impl AutopsyNote {
    fn of(autopsy: &Autopsy) -> Self {
        let first = autopsy.differences.first();
        let value = |of: fn(&FieldDifference) -> &String| first.map(of).cloned().unwrap_or_default();
        Self {
            at_ms: unix_ms(),
            tick: autopsy.tick,
            seat: autopsy.seat,
            field: value(|difference| &difference.path),
            server: value(|difference| &difference.server),
            client: value(|difference| &difference.client),
            file: None,
        }
    }
}

/// How a room is. The worse comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Slow,
    Desync,
    Flood,
    Lagging,
    Ok,
}

impl State {
    fn of(numbers: &RoomNumbers) -> Self {
        // A member that keeps up has each snapshot; a fourth of one member's is far more than a hiccup.
        let lags = numbers.superseded * 4 >= u64::from(numbers.rate_hz).max(4);
        match numbers {
            // By its usual turn: any room has a long one when the machine is busy.
            _ if numbers.is_slow_lane || numbers.turn_p50_us >= numbers.turn_us_max => Self::Slow,
            _ if numbers.desyncs > 0 => Self::Desync,
            _ if numbers.flood > 0 => Self::Flood,
            _ if lags => Self::Lagging,
            _ => Self::Ok,
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        // A shard that was told nothing watches nothing.
        let told = Some(Watch::default());
        Self {
            told,
            counts_since_us: None,
            seats_told: BTreeMap::new(),
            numbers: BTreeMap::new(),
            autopsies: Rc::default(),
        }
    }
}

impl Watched {
    /// Spectators and connections of all rooms.
    pub(super) fn people(&self) -> (u64, u64) {
        let add = |(spectators, connections): (u64, u64), (numbers, _): &(RoomNumbers, u64)| {
            (spectators + numbers.attendance.spectators as u64, connections + numbers.connections as u64)
        };
        self.numbers.values().fold((0, 0), add)
    }

    /// A room has ended.
    pub(super) fn forget(&mut self, room: RoomId) {
        self.numbers.remove(&room);
        self.seats_told.remove(&room);
        self.autopsies.borrow_mut().remove(&room);
    }
}

/// Collects numbers once a second, and tells operators what they hear.
pub(super) async fn serve(net: Rc<Net>) {
    let second = Duration::from_secs(1);
    let mut next = Instant::now() + second;
    let (mut earlier, mut row_before) = (Totals::now(&net), Totals::now(&net));
    let mut seconds = 0_u64;
    loop {
        tokio::select! {
            () = net.setup.console.changed() => net.watch(),
            () = sleep_until(next) => {
                // After a pause of the host the seconds that were missed are not made up for.
                next = (next + second).max(Instant::now());
                seconds += 1;
                net.watch();
                let now = Totals::now(&net);
                if seconds.is_multiple_of(HISTORY_STEP_S) {
                    let row = net.history_row(&now, &row_before);
                    let told = net.setup.console.history.lock().push(row);
                    net.brief(AdminTopic::History, told);
                    row_before = now.clone();
                }
                net.tell_second(&now, &earlier);
                earlier = now;
            }
        }
    }
}

impl Net {
    fn brief(&self, topic: AdminTopic, body: String) {
        if self.setup.console.is_heard(topic) {
            self.setup.topics.order(TopicsOrder::Brief { topic, body: body.into() });
        }
    }

    fn tell_second(&self, now: &Totals, earlier: &Totals) {
        let longest_us: Vec<_> = self.setup.metrics.shards.lock().iter().map(|shard| shard.take_longest_us()).collect();
        if self.setup.console.is_heard(AdminTopic::Overview) {
            self.brief(AdminTopic::Overview, self.overview(now, earlier, &longest_us));
        }
        if self.setup.console.is_heard(AdminTopic::Rooms) {
            self.brief(AdminTopic::Rooms, self.rooms_text());
        }
        for code in self.setup.console.heard().into_iter().filter_map(|topic| match topic {
            AdminTopic::Room(code) => Some(code),
            _ => None,
        }) {
            self.tell_sleeping_room(code);
        }
    }

    /// Tells operators about a room that does not tick, because nobody is in it: its shard says nothing about it.
    fn tell_sleeping_room(&self, code: Code) {
        let directory = self.directory.borrow();
        let Some(entry) = directory.find(code) else { return };
        let told_us = self.watched.borrow().seats_told.get(&entry.place.room).copied().unwrap_or(0);
        if entry.players == 0 && self.setup.clock.now_us().saturating_sub(told_us) >= NUMBERS_US_MAX {
            self.brief(AdminTopic::Room(code), self.room_text(entry, None, &[]));
        }
    }

    /// The text of `admin/room/CODE`.
    fn room_text(&self, entry: &RoomEntry, numbers: Option<&RoomNumbers>, seats: &[SeatFigures]) -> String {
        let (room, watched) = (entry.place.room, self.watched.borrow());
        let notes = watched.autopsies.borrow();
        let autopsies: Vec<_> = notes.get(&room).into_iter().flatten().collect();
        let log: Vec<LogLine> = recent_lines().of_room(room.0, LOG_LINES_SHOWN_MAX);
        json!({
            "room": self.room_value(entry, numbers),
            "seats": seats.iter().map(seat_value).collect::<Vec<_>>(),
            "spectators": numbers.map_or(0, |numbers| numbers.attendance.spectators),
            "autopsies": autopsies,
            "log": log,
        })
        .to_string()
    }

    /// Has the shards watch what is heard, when that has changed.
    fn watch(&self) {
        let heard = self.setup.console.heard();
        let room_of = |code: Code| self.directory.borrow().find(code).map(|entry| entry.place.room);
        let mut watch = Watch::default();
        for topic in heard {
            match topic {
                AdminTopic::Overview | AdminTopic::Rooms => watch.counts = true,
                AdminTopic::Room(code) => watch.seats.extend(room_of(code)),
                AdminTopic::Scene(code) => watch.scenes.extend(room_of(code)),
                AdminTopic::History | AdminTopic::Audit => {}
            }
        }
        let mut watched = self.watched.borrow_mut();
        let now_us = self.setup.clock.now_us();
        let counts = watch.counts;
        watched.numbers.retain(|_, (_, at_us)| counts && now_us.saturating_sub(*at_us) < NUMBERS_US_MAX);
        watched.seats_told.retain(|room, _| watch.seats.contains(room));
        if watched.told.as_ref() == Some(&watch) {
            return;
        }
        let shared = Arc::new(watch.clone());
        // A shard that is too busy to be told is told a second later, and the others at once.
        let tell = |shard: &&ShardLink| shard.send(Command::Watch(Arc::clone(&shared))).is_err();
        let missed = self.setup.shards.iter().filter(tell).count();
        watched.counts_since_us = match (counts, watched.counts_since_us) {
            (false, _) => None,
            (true, since_us) => since_us.or(Some(now_us)),
        };
        watched.told = (missed == 0).then_some(watch);
    }

    /// Takes in the numbers of a shard.
    pub(super) fn take_numbers(&self, numbers: Vec<RoomNumbers>) {
        let now_us = self.setup.clock.now_us();
        let mut watched = self.watched.borrow_mut();
        watched.numbers.extend(numbers.into_iter().map(|numbers| (numbers.room, (numbers, now_us))));
    }

    /// Tells operators about the seats of a room.
    pub(super) fn take_seats(&self, seen: &SeatsSeen) {
        let directory = self.directory.borrow();
        let Some(entry) = directory.find_room(seen.numbers.room) else { return };
        self.watched.borrow_mut().seats_told.insert(seen.numbers.room, self.setup.clock.now_us());
        self.brief(AdminTopic::Room(entry.code), self.room_text(entry, Some(&seen.numbers), &seen.seats));
    }

    /// Tells operators how the world of a room looks.
    pub(super) fn take_picture(&self, picture: &Picture) {
        let directory = self.directory.borrow();
        let Some(entry) = directory.find_room(picture.room) else { return };
        self.brief(AdminTopic::Scene(entry.code), picture_text(picture));
    }

    /// Writes an autopsy, and keeps its first field for those who look at the room.
    pub(super) fn keep_autopsy(&self, room: RoomId, autopsy: Box<Autopsy>) {
        let notes = Rc::clone(&self.watched.borrow().autopsies);
        let tick = autopsy.tick;
        {
            let mut notes = notes.borrow_mut();
            let of_room = notes.entry(room).or_default();
            while of_room.len() >= AUTOPSIES_SHOWN_MAX {
                of_room.pop_front();
            }
            of_room.push_back(AutopsyNote::of(&autopsy));
        }
        // It is written on a thread of its own; nothing waits for it.
        if let Some(writing) = self.autopsies.keep(room, autopsy) {
            spawn_local(async move {
                let Ok(Some(file)) = writing.await else { return };
                let mut notes = notes.borrow_mut();
                let mut of_tick = notes.get_mut(&room).into_iter().flatten().filter(|note| note.tick == tick);
                if let Some(note) = of_tick.rfind(|note| note.file.is_none()) {
                    note.file = Some(file);
                }
            });
        }
    }

    fn rooms_text(&self) -> String {
        let (directory, watched) = (self.directory.borrow(), self.watched.borrow());
        let numbers = |entry: &RoomEntry| watched.numbers.get(&entry.place.room).map(|(numbers, _)| numbers);
        let rank = |entry: &&RoomEntry| {
            let found = numbers(entry);
            let (state, turn_us) = (self.state_of(entry, found), found.map_or(0, |numbers| numbers.turn_p99_us));
            (state, Reverse(entry.players), Reverse(turn_us), entry.place.room)
        };
        let mut rooms: Vec<&RoomEntry> = directory.all().collect();
        rooms.sort_by_cached_key(rank);
        let omitted = rooms.len().saturating_sub(ROOMS_SHOWN_MAX);
        rooms.truncate(ROOMS_SHOWN_MAX);
        let rooms: Vec<Value> = rooms.into_iter().map(|entry| self.room_value(entry, numbers(entry))).collect();
        json!({ "rooms": rooms, "omitted": omitted }).to_string()
    }

    /// The state of a room. Without numbers it sleeps when nobody is in it; otherwise its shard stands still.
    fn state_of(&self, entry: &RoomEntry, numbers: Option<&RoomNumbers>) -> State {
        let now_us = self.setup.clock.now_us();
        let since_us = self.watched.borrow().counts_since_us.map(|since_us| since_us.max(entry.opened_us));
        let is_silent = || since_us.is_some_and(|since_us| now_us.saturating_sub(since_us) >= NUMBERS_US_MAX);
        match numbers {
            Some(numbers) => State::of(numbers),
            None if entry.players > 0 && is_silent() => State::Slow,
            None => State::Ok,
        }
    }

    /// A room as operators see it. A room in which nobody is has no numbers.
    fn room_value(&self, entry: &RoomEntry, numbers: Option<&RoomNumbers>) -> Value {
        let rules = &self.setup.games[entry.wanted.game].rules;
        let state = self.state_of(entry, numbers);
        let of = |value: fn(&RoomNumbers) -> u64| numbers.map_or(0, value);
        let age_us = self.setup.clock.now_us().saturating_sub(entry.opened_us);
        json!({
            "code": entry.code.to_string(), "game": rules.name, "shard": entry.place.shard,
            "is_slow_lane": numbers.is_some_and(|numbers| numbers.is_slow_lane), "age_s": age_us / 1_000_000,
            "tick": of(|numbers| numbers.attendance.tick.0.into()), "rate_hz": rules.tick_rate_hz,
            "players": entry.players, "bots": entry.bots, "seats": rules.seats,
            "spectators": of(|numbers| numbers.attendance.spectators as u64),
            "private": !entry.wanted.door.is_open(),
            "locked": numbers.map_or(entry.is_locked, |numbers| numbers.attendance.is_locked),
            "turn_us": {
                "p50": of(|numbers| numbers.turn_p50_us.into()), "p99": of(|numbers| numbers.turn_p99_us.into()),
            },
            "late_inputs_s": of(|numbers| numbers.late_inputs), "starved_s": of(|numbers| numbers.starved_ticks),
            "bytes_out_s": of(|numbers| numbers.bytes_out), "desyncs": of(|numbers| numbers.desyncs),
            "superseded_s": of(|numbers| numbers.superseded), "flood": of(|numbers| numbers.flood), "state": state,
        })
    }
}

fn seat_value(figures: &SeatFigures) -> Value {
    let kind = match figures.kind {
        SeatKind::Free => "free",
        SeatKind::Bot => "bot",
        SeatKind::Person => "person",
        SeatKind::Away => "away",
    };
    json!({
        "seat": figures.seat.number(), "name": figures.name, "kind": kind, "rtt_ms": figures.round_trip_ms,
        "jitter_ms": figures.jitter_ms, "lead_ticks": figures.lead_ticks, "corrections": figures.corrections,
        "late": figures.late_inputs, "starved": figures.starved_ticks, "unacked": figures.unacked_ticks,
        "owner": figures.is_owner, "address": figures.origin.map(address_class),
    })
}

/// The kind of address that somebody comes from, without the address.
fn address_class(origin: Origin) -> &'static str {
    origin.number().map_or("exempt", |number| AddressClass::of(Some(AddressKey::from_number(number))).words())
}

fn picture_text(picture: &Picture) -> String {
    let tick = picture.tick.0;
    match &picture.drawn {
        Drawn::None => json!({ "tick": tick, "commands": null }).to_string(),
        Drawn::TooLarge => json!({ "tick": tick, "commands": null, "too_large": true }).to_string(),
        Drawn::Scene(commands, texts) => {
            let mut out = format!("{{\"tick\":{tick},\"commands\":[");
            for (place, number) in commands.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                put_number(&mut out, *number);
            }
            let texts = serde_json::to_string(texts).expect("texts are JSON");
            // Writing to a string cannot fail.
            let _ = write!(out, "],\"texts\":{texts}}}");
            out
        }
    }
}

/// Appends a number with three digits after the point at the most; JSON has no number for a value that is not finite.
fn put_number(out: &mut String, number: f32) {
    let rounded = (f64::from(number) * 1_000.0).round() / 1_000.0;
    // Adding zero turns a negative zero into the other one.
    let rounded = if rounded.is_finite() { rounded + 0.0 } else { 0.0 };
    let _ = write!(out, "{rounded}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Attendance;
    use tickwire::Tick;

    fn numbers() -> RoomNumbers {
        RoomNumbers {
            room: RoomId(1),
            is_slow_lane: false,
            rate_hz: 30,
            connections: 2,
            attendance: Attendance::default(),
            turn_p50_us: 50,
            turn_p99_us: 100,
            turn_us_max: 2_000,
            late_inputs: 3,
            starved_ticks: 1,
            superseded: 2,
            bytes_out: 9_000,
            desyncs: 0,
            flood: 0,
        }
    }

    #[test]
    fn a_room_is_named_for_the_worst_that_is_wrong_with_it() {
        assert_eq!(State::of(&numbers()), State::Ok);
        assert_eq!(State::of(&RoomNumbers { superseded: 8, ..numbers() }), State::Lagging);
        assert_eq!(State::of(&RoomNumbers { superseded: 30, flood: 1, ..numbers() }), State::Flood);
        assert_eq!(State::of(&RoomNumbers { desyncs: 1, flood: 1, ..numbers() }), State::Desync);
        assert_eq!(State::of(&RoomNumbers { desyncs: 1, turn_p50_us: 2_000, ..numbers() }), State::Slow);
        assert_eq!(State::of(&RoomNumbers { turn_p99_us: 9_000, ..numbers() }), State::Ok);
        assert_eq!(State::of(&RoomNumbers { is_slow_lane: true, ..numbers() }), State::Slow);
        assert!(State::Slow < State::Desync && State::Lagging < State::Ok);
    }

    #[test]
    fn a_picture_is_json_with_rounded_numbers_whatever_the_game_draws() {
        let commands = vec![0.0, -0.0, 12.5, 0.123_45, -7.0, f32::NAN, f32::INFINITY, 16_777_215.0];
        let drawn = Drawn::Scene(commands, vec!["\"Ada\"</script>".into()]);
        let text = picture_text(&Picture { room: RoomId(1), tick: Tick(7), drawn });
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["commands"], json!([0, 0, 12.5, 0.123, -7, 0, 0, 16_777_215]));
        assert_eq!((&value["tick"], &value["texts"][0]), (&json!(7), &json!("\"Ada\"</script>")));
        let none = picture_text(&Picture { room: RoomId(1), tick: Tick(7), drawn: Drawn::TooLarge });
        assert_eq!(none, r#"{"commands":null,"tick":7,"too_large":true}"#);
    }
}

//! The lives of a bot: the ticks that it received over each of its connections, so that those after a restart of the
//! server can be compared with those before it.
//!
//! A life begins with a welcome and ends with the connection. Of the ticks in it the first ones and the last ones are
//! kept, and the scores at both ends. A thin bot has no world, and so no scores.

use super::bot_client::BotClient;
use crate::heads::section_heads;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tickwire::message::WELCOME;
use tickwire::message::control::Welcome;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;
use tickwire::{Game, Seat, Tick};

/// Lives that are kept of each bot, the newest ones.
const LIVES_KEPT: usize = 4;

/// Ticks that are kept of each end of a life.
const TICKS_KEPT: usize = 8;

/// The points of a seat in a world; `None` for a seat without any.
pub type ScoreOf<G> = fn(&G, Seat) -> Option<i32>;

/// A snapshot or the inputs of a tick, when they had been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTick {
    /// The tick.
    pub tick: Tick,
    /// When it arrived.
    pub at: Instant,
    /// The hash of the rows that everybody in the room may see; `None` in lockstep.
    pub rows_hash: Option<u32>,
}

/// The record of one connection of a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// When the welcome arrived.
    pub welcomed: Instant,
    /// Whether the welcome gave the bot its seat back.
    pub resumed: bool,
    /// The bot's seat.
    pub seat: Option<Seat>,
    /// Seats and names of everyone in the room, as the welcome said.
    pub found: Vec<(Seat, String)>,
    /// The same at the end of the life, or now; a thin bot knows no more than the welcome.
    pub left: Vec<(Seat, String)>,
    /// The first ticks.
    pub first: Vec<SeenTick>,
    /// The last ticks, the newest one last.
    pub last: VecDeque<SeenTick>,
    /// The scores in the first world that the bot saw.
    pub scores_found: Vec<(Seat, i32)>,
    /// The scores in the last world.
    pub scores_left: Vec<(Seat, i32)>,
    /// Hashes that were compared with the server's.
    pub hashes_compared: u64,
    /// When the connection ended; `None` while it is open.
    pub ended: Option<Instant>,
}

impl Life {
    fn new(welcome: Welcome, now: Instant) -> Self {
        let found: Vec<_> = welcome.players.into_iter().map(|player| (player.seat, player.name)).collect();
        Self {
            welcomed: now,
            resumed: welcome.resumed,
            seat: welcome.seat,
            left: found.clone(),
            found,
            first: Vec::new(),
            last: VecDeque::new(),
            scores_found: Vec::new(),
            scores_left: Vec::new(),
            hashes_compared: 0,
            ended: None,
        }
    }

    /// The newest tick that the bot was told of.
    #[must_use]
    pub fn newest(&self) -> Option<Tick> {
        self.last.back().map(|arrival| arrival.tick)
    }

    fn arrived(&mut self, arrival: SeenTick) {
        if self.first.len() < TICKS_KEPT {
            self.first.push(arrival);
        }
        if self.last.len() == TICKS_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(arrival);
    }
}

/// A bot and its newest lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lives {
    /// The bot's name.
    pub name: String,
    /// Whether the bot has a world, and compares its hashes with the server's.
    pub has_world: bool,
    /// The lives, the newest one last.
    pub lives: Vec<Life>,
}

/// Notes down the lives of one bot.
pub(super) struct Witness<G: Game> {
    name: String,
    score_of: ScoreOf<G>,
    /// The start of the run, from which its microseconds count.
    started: Instant,
    lives: VecDeque<Life>,
    /// Hashes that had been compared before the newest life.
    compared_before: u64,
}

impl<G: Game> Witness<G> {
    pub(super) fn new(name: String, score_of: ScoreOf<G>, started: Instant) -> Self {
        Self { name, score_of, started, lives: VecDeque::new(), compared_before: 0 }
    }

    fn open_life(&mut self) -> Option<&mut Life> {
        self.lives.back_mut().filter(|life| life.ended.is_none())
    }

    /// Whether the bot has been told of a tick since this moment, over a connection that began after it and is open.
    pub(super) fn plays_since(&self, moment: Instant) -> bool {
        self.lives.back().is_some_and(|life| life.welcomed > moment && life.ended.is_none() && !life.first.is_empty())
    }

    /// Notes a message that the bot has taken in, and the tick that it told of.
    pub(super) fn heard(&mut self, message: &[u8], tick: Option<Tick>, client: &BotClient<G>, now_us: u64) {
        let now = self.started + Duration::from_micros(now_us);
        if let Some(tick) = tick {
            let arrival = SeenTick { tick, at: now, rows_hash: rows_hash::<G>(message) };
            self.open_life().into_iter().for_each(|life| life.arrived(arrival));
        } else if message.first() == Some(&WELCOME)
            && let Ok(welcome) = Welcome::decode(message)
        {
            if self.lives.len() == LIVES_KEPT {
                self.lives.pop_front();
            }
            self.lives.push_back(Life::new(welcome, now));
            self.compared_before = client.stats().hashes_compared;
        }
    }

    /// Notes the scores of a life that has just begun; the bot has made the ticks that were due.
    pub(super) fn look(&mut self, client: &mut BotClient<G>, now_us: u64) {
        let score_of = self.score_of;
        let Some(life) = self.open_life().filter(|life| life.scores_found.is_empty() && !life.first.is_empty()) else {
            return;
        };
        life.scores_found = scores(client, score_of, now_us);
    }

    /// Notes the end of the connection, if one was open.
    pub(super) fn closed(&mut self, client: &mut BotClient<G>, now_us: u64) {
        self.bring_up_to_date(client, now_us);
        let now = self.started + Duration::from_micros(now_us);
        self.open_life().into_iter().for_each(|life| life.ended = Some(now));
    }

    /// The bot's newest lives until now.
    pub(super) fn tell(&mut self, client: &mut BotClient<G>, now_us: u64) -> Lives {
        self.bring_up_to_date(client, now_us);
        let has_world = matches!(client, BotClient::Full(_));
        Lives { name: self.name.clone(), has_world, lives: self.lives.iter().cloned().collect() }
    }

    fn bring_up_to_date(&mut self, client: &mut BotClient<G>, now_us: u64) {
        let (score_of, before) = (self.score_of, self.compared_before);
        let Some(life) = self.open_life() else { return };
        life.hashes_compared = client.stats().hashes_compared - before;
        if let BotClient::Full(bot) = client {
            life.left = bot.session.players().map(|player| (player.seat, player.name.clone())).collect();
        }
        let scores = scores(client, score_of, now_us);
        if !scores.is_empty() {
            life.scores_left = scores;
        }
    }
}

/// The scores in the world that a bot sees now; none when it sees none.
fn scores<G: Game>(client: &mut BotClient<G>, score_of: ScoreOf<G>, now_us: u64) -> Vec<(Seat, i32)> {
    let BotClient::Full(bot) = client else { return Vec::new() };
    let seats: Vec<Seat> = bot.session.players().map(|player| player.seat).collect();
    let Some(world) = bot.session.view(now_us) else { return Vec::new() };
    seats.into_iter().filter_map(|seat| Some((seat, score_of(world, seat)?))).collect()
}

/// The hash of the rows that everybody in the room may see, as a snapshot's heads say it.
fn rows_hash<G: Game>(message: &[u8]) -> Option<u32> {
    if G::RULES.is_lockstep() {
        return None;
    }
    let mut reader = Reader::new(message);
    // Only the tick depends on the head before this one, and the tick is known.
    let head = SnapshotHead::decode(&mut reader, Tick(0)).ok()?;
    section_heads(&mut reader, head.has_events).ok().map(|heads| heads.room_hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Bot;
    use crate::load::thin::ThinBot;
    use tickwire_games::Arena;

    fn welcome(resumed: bool) -> Vec<u8> {
        let welcome = Welcome {
            seat: Seat::new(3),
            tick: Tick(70),
            resume: [7; 16],
            resumed,
            newest_input: None,
            players: Vec::new(),
            build: 0,
        };
        welcome.encode()
    }

    #[test]
    fn a_life_goes_from_a_welcome_to_the_end_of_its_connection_and_keeps_both_ends() {
        let bot = Bot { name: "Ada".into(), seed: 1, key: None };
        let mut client = BotClient::Thin(Box::new(ThinBot::<Arena>::new("CODE", &bot, None, None)), Default::default());
        let started = Instant::now();
        let mut witness = Witness::<Arena>::new(bot.name, |_, _| None, started);
        witness.heard(&welcome(false), None, &client, 1_000);
        assert!(!witness.plays_since(started), "a welcome is not a tick");
        for tick in 71..=100 {
            witness.heard(&[], Some(Tick(tick)), &client, u64::from(tick) * 1_000);
        }
        assert!(witness.plays_since(started) && !witness.plays_since(started + Duration::from_secs(1)));
        witness.closed(&mut client, 200_000);
        assert!(!witness.plays_since(started), "the connection is over");
        // An attempt that fails is no life, and does not move the end of the one before it.
        witness.closed(&mut client, 300_000);
        witness.heard(&welcome(true), None, &client, 400_000);
        let told = witness.tell(&mut client, 500_000);
        let [before, after] = &told.lives[..] else { panic!("two lives, not {told:?}") };
        let ticks = |arrivals: &[SeenTick]| arrivals.iter().map(|arrival| arrival.tick.0).collect::<Vec<_>>();
        assert_eq!(ticks(&before.first), (71..=78).collect::<Vec<_>>());
        assert_eq!(ticks(before.last.as_slices().0), (93..=100).collect::<Vec<_>>());
        assert_eq!((before.newest(), before.seat, before.resumed), (Some(Tick(100)), Seat::new(3), false));
        assert_eq!(before.ended, Some(started + Duration::from_millis(200)));
        assert_eq!((after.newest(), after.resumed, after.ended), (None, true, None));
    }
}

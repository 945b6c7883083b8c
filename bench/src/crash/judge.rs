//! Compares the ticks that bots received after a kill with those that they had received before it.
//!
//! The life of a bot before the kill is the newest one that began before it, and the life afterwards the first one that
//! began after it and has a tick. A room counts as one: no member may be told of a world that is older than the newest one that any
//! member had been told of, and no tick may be told twice with different rows.

use super::server::RoomCounts;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;
use tickwire::{Seat, Tick};
use tickwire_tools::load::{Life, Lives, SeenTick};

/// A kill, and the restart after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    /// When the server was killed.
    pub(super) at: Instant,
    /// When the next server was ready.
    pub(super) ready: Instant,
    /// Whether scores only grow in this game.
    pub(super) compares_scores: bool,
}

/// A promise that was broken in a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The number of the room, from 0.
    pub room: usize,
    /// The name of the bot, where it is about one.
    pub bot: Option<String>,
    /// The kind of violation.
    pub what: Broken,
}

/// The ways in which a promise can be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The bot was not welcomed, or told of no tick.
    NotBack,
    /// The bot is another player now.
    NotResumed,
    /// The bot came back into another seat.
    Seat(Option<Seat>, Option<Seat>),
    /// The bot was told of a world older than one that a member had seen.
    TicksLost {
        /// The newest tick that a member had been told of.
        seen: Tick,
        /// The first tick that the bot was told of afterwards.
        first: Tick,
    },
    /// Two members were told of the same tick with different rows.
    ToldTwice(Tick),
    /// A score is smaller than it was.
    Score {
        /// The seat.
        seat: Seat,
        /// The last score before the kill.
        before: i32,
        /// The first score after it.
        after: i32,
    },
    /// Seats or names of the members have changed.
    Members,
    /// The bot has a world, and compared none of its hashes.
    NothingCompared,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "room {}", self.room + 1)?;
        if let Some(bot) = &self.bot {
            write!(out, ", {bot}")?;
        }
        let seat = |seat: Option<Seat>| seat.map_or_else(|| "no seat".into(), |seat| format!("seat {seat}"));
        match &self.what {
            Broken::NotBack => write!(out, ": did not come back"),
            Broken::NotResumed => write!(out, ": came back as somebody else"),
            Broken::Seat(before, after) => write!(out, ": came back to {}, not {}", seat(*after), seat(*before)),
            Broken::TicksLost { seen, first } => {
                write!(out, ": was told of tick {} after tick {} had been seen", first.0, seen.0)
            }
            Broken::ToldTwice(tick) => write!(out, ": tick {} was told twice, with different rows", tick.0),
            Broken::Score { seat, before, after } => {
                write!(out, ": the score of seat {seat} went from {before} back to {after}")
            }
            Broken::Members => write!(out, ": seats or names of the members have changed"),
            Broken::NothingCompared => write!(out, ": compared no hash"),
        }
    }
}

/// The outcome of one kill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// Rooms into which no bot came back.
    pub rooms_lost: u32,
    /// The most ticks by which a room had been set back.
    pub ticks_lost: u32,
    /// Microseconds from the kill to the first new tick that a bot was told of, bot by bot.
    pub back_us: Vec<u64>,
    /// The same room by room: to the first new tick that any bot was told of.
    pub ticking_us: Vec<u64>,
    /// Microseconds from the kill until the next server was ready.
    pub ready_us: u64,
    /// Hashes that bots compared since they are back.
    pub hashes_compared: u64,
    /// Scores that were held against those before the kill.
    pub scores_compared: u64,
    /// Connections that were lost once more, although the server ran.
    pub dropped: u64,
    /// The rooms as the server's metrics count them.
    pub counts: RoomCounts,
}

/// Judges the lives of bots, room by room.
pub(super) fn judge(rooms: &[Vec<Lives>], kill: &Kill) -> Trial {
    let mut trial = Trial { ready_us: since(kill.at, kill.ready), ..Trial::default() };
    for (number, bots) in rooms.iter().enumerate() {
        judge_room(number, bots, kill, &mut trial);
    }
    trial
}

/// A bot's lives on both sides of the kill.
struct Sides<'a> {
    before: &'a Life,
    after: &'a Life,
    /// The first tick of the life afterwards.
    first: SeenTick,
}

fn judge_room(room: usize, bots: &[Lives], kill: &Kill, trial: &mut Trial) {
    let mut broken = Vec::new();
    let mut report = |bot: Option<&Lives>, what| {
        broken.push(Violation { room, bot: bot.map(|bot| bot.name.clone()), what });
    };
    let befores = bots.iter().filter_map(|bot| before(bot, kill));
    let seen = befores.clone().filter_map(Life::newest).max().unwrap_or_default();
    let mut told: BTreeMap<Tick, u32> = BTreeMap::new();
    befores.flat_map(|life| &life.last).for_each(|arrival| note(&mut told, arrival));
    let (mut ticking_us, mut is_back) = (None::<u64>, false);
    for bot in bots {
        let Some(Sides { before, after, first }) = sides(bot, kill) else {
            report(Some(bot), Broken::NotBack);
            continue;
        };
        is_back |= after.resumed;
        if !after.resumed {
            report(Some(bot), Broken::NotResumed);
        }
        if before.seat != after.seat {
            report(Some(bot), Broken::Seat(before.seat, after.seat));
        }
        if first.tick < seen {
            trial.ticks_lost = trial.ticks_lost.max(seen.0 - first.tick.0);
            report(Some(bot), Broken::TicksLost { seen, first: first.tick });
        }
        let is_other = |arrival: &&SeenTick| {
            arrival.rows_hash.is_some_and(|hash| told.get(&arrival.tick).is_some_and(|known| *known != hash))
        };
        if let Some(other) = after.first.iter().find(is_other) {
            report(Some(bot), Broken::ToldTwice(other.tick));
        }
        after.first.iter().for_each(|arrival| note(&mut told, arrival));
        if let Some(new) = after.first.iter().find(|arrival| arrival.tick > seen) {
            let back_us = since(kill.at, new.at);
            trial.back_us.push(back_us);
            ticking_us = Some(ticking_us.map_or(back_us, |least| least.min(back_us)));
        }
        if bot.has_world {
            judge_world(before, after, kill, trial).into_iter().for_each(|what| report(Some(bot), what));
        }
        trial.dropped += bot.lives.iter().filter(|life| life.welcomed > kill.at && life.ended.is_some()).count() as u64;
    }
    trial.rooms_lost += u32::from(!is_back);
    trial.ticking_us.extend(ticking_us);
    trial.violations.append(&mut broken);
}

/// The promises about the world that a bot sees.
fn judge_world(before: &Life, after: &Life, kill: &Kill, trial: &mut Trial) -> Vec<Broken> {
    let mut broken = Vec::new();
    trial.hashes_compared += after.hashes_compared;
    if after.hashes_compared == 0 {
        broken.push(Broken::NothingCompared);
    }
    if before.left != after.found {
        broken.push(Broken::Members);
    }
    if kill.compares_scores {
        let found: BTreeMap<Seat, i32> = after.scores_found.iter().copied().collect();
        for &(seat, before) in &before.scores_left {
            let Some(&after) = found.get(&seat) else { continue };
            trial.scores_compared += 1;
            if after < before {
                broken.push(Broken::Score { seat, before, after });
            }
        }
    }
    broken
}

/// The life that the kill ended.
fn before<'a>(bot: &'a Lives, kill: &Kill) -> Option<&'a Life> {
    bot.lives.iter().rfind(|life| life.welcomed <= kill.at)
}

fn sides<'a>(bot: &'a Lives, kill: &Kill) -> Option<Sides<'a>> {
    let mut afters = bot.lives.iter().filter(|life| life.welcomed > kill.at);
    let (after, first) = afters.find_map(|life| Some((life, *life.first.first()?)))?;
    Some(Sides { before: before(bot, kill)?, after, first })
}

fn note(told: &mut BTreeMap<Tick, u32>, arrival: &SeenTick) {
    if let Some(hash) = arrival.rows_hash {
        told.entry(arrival.tick).or_insert(hash);
    }
}

fn since(earlier: Instant, later: Instant) -> u64 {
    u64::try_from(later.saturating_duration_since(earlier).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seat(number: u8) -> Seat {
        Seat::new(number).unwrap()
    }

    /// A bot that saw ticks up to 100 before the kill, and ticks from `first` on after it.
    fn bot(name: &str, kill: &Kill, first: u32) -> Lives {
        let at = |ms: u64| kill.at + Duration::from_millis(ms);
        let arrival = |tick, ms| SeenTick { tick: Tick(tick), at: at(ms), rows_hash: Some(tick * 7) };
        let members = vec![(seat(0), "Ada".to_owned()), (seat(1), "Bea".to_owned())];
        let before = Life {
            welcomed: kill.at - Duration::from_secs(9),
            resumed: false,
            seat: Some(seat(1)),
            found: Vec::new(),
            left: members.clone(),
            first: Vec::new(),
            last: (95..=100).map(|tick| arrival(tick, 0)).collect(),
            scores_found: Vec::new(),
            scores_left: vec![(seat(0), 4), (seat(1), 2)],
            hashes_compared: 50,
            ended: Some(at(1)),
        };
        let after = Life {
            welcomed: at(600),
            resumed: true,
            found: members,
            first: (first..first + 3).zip(601..).map(|(tick, ms)| arrival(tick, ms)).collect(),
            scores_found: vec![(seat(0), 4), (seat(1), 3)],
            hashes_compared: 12,
            ended: None,
            ..before.clone()
        };
        Lives { name: name.into(), has_world: true, lives: vec![before, after] }
    }

    fn kill() -> Kill {
        let at = Instant::now() + Duration::from_secs(60);
        Kill { at, ready: at + Duration::from_millis(200), compares_scores: true }
    }

    /// The broken promises when the lives of the second of two bots are changed.
    fn broken(change: impl FnOnce(&mut Lives)) -> Vec<Broken> {
        let kill = kill();
        let mut other = bot("Bea", &kill, 101);
        change(&mut other);
        let trial = judge(&[vec![bot("Ada", &kill, 101), other]], &kill);
        trial.violations.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn a_match_that_goes_on_breaks_no_promise_and_has_its_times() {
        let kill = kill();
        let trial = judge(&[vec![bot("Ada", &kill, 101), bot("Bea", &kill, 100)]], &kill);
        assert_eq!((&trial.violations[..], trial.rooms_lost, trial.ticks_lost), (&[][..], 0, 0));
        // Tick 100 is not new: it had been seen.
        assert_eq!((&trial.back_us[..], &trial.ticking_us[..]), (&[601_000, 602_000][..], &[601_000][..]));
        assert_eq!((trial.ready_us, trial.hashes_compared, trial.scores_compared), (200_000, 24, 4));
    }

    #[test]
    fn a_world_older_than_one_that_any_member_saw_is_a_violation() {
        let kill = kill();
        let (ada, mut bea) = (bot("Ada", &kill, 98), bot("Bea", &kill, 101));
        bea.lives[0].last.truncate(2);
        let trial = judge(&[vec![ada, bea]], &kill);
        let lost = Broken::TicksLost { seen: Tick(100), first: Tick(98) };
        assert_eq!(trial.violations, [Violation { room: 0, bot: Some("Ada".into()), what: lost }]);
        assert_eq!(
            (trial.ticks_lost, trial.violations[0].to_string()),
            (2, "room 1, Ada: was told of tick 98 after tick 100 had been seen".into())
        );
    }

    #[test]
    fn a_tick_that_is_made_anew_with_other_rows_is_a_violation() {
        let again = |lives: &mut Lives| {
            lives.lives[1].first[0] = SeenTick { tick: Tick(100), rows_hash: Some(1), ..lives.lives[1].first[0] };
        };
        assert_eq!(broken(again), [Broken::ToldTwice(Tick(100))]);
        assert_eq!(broken(|lives| lives.lives[1].first[1].rows_hash = Some(1)), [Broken::ToldTwice(Tick(102))]);
    }

    #[test]
    fn another_seat_a_smaller_score_and_other_members_are_violations() {
        assert_eq!(broken(|lives| lives.lives[1].resumed = false), [Broken::NotResumed]);
        assert_eq!(broken(|lives| lives.lives[1].seat = None), [Broken::Seat(Some(seat(1)), None)]);
        let score = Broken::Score { seat: seat(0), before: 4, after: 0 };
        assert_eq!(broken(|lives| lives.lives[1].scores_found[0].1 = 0), [score]);
        assert_eq!(broken(|lives| drop(lives.lives[1].found.pop())), [Broken::Members]);
        assert_eq!(broken(|lives| lives.lives[1].hashes_compared = 0), [Broken::NothingCompared]);
    }

    #[test]
    fn a_room_into_which_nobody_comes_back_is_lost() {
        assert_eq!(broken(|lives| drop(lives.lives.pop())), [Broken::NotBack]);
        assert_eq!(broken(|lives| lives.lives[1].first.clear()), [Broken::NotBack]);
        let again = |lives: &mut Lives| {
            let mut silent = lives.lives[1].clone();
            (silent.first, silent.resumed) = (Vec::new(), false);
            lives.lives.insert(1, silent);
        };
        assert_eq!(broken(again), [], "a connection that was lost before its first tick is no life afterwards");
        let kill = kill();
        let mut gone = bot("Ada", &kill, 101);
        gone.lives.pop();
        let trial = judge(&[vec![gone], vec![bot("Bea", &kill, 101)]], &kill);
        assert_eq!((trial.rooms_lost, trial.violations.len(), trial.ticking_us.len()), (1, 1, 1));
    }
}

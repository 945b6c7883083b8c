//! Arena: two teams of ships with inertia, cover to hide behind, guns that run dry, and rounds that a team wins.
//!
//! Every object is a row of a table. A client predicts its player's own ship and shots, drifting debris and pick-ups;
//! it shows other ships as they were a moment ago. Predicting those as well from a guess of their pilots' next inputs
//! (`Game::last_input`) made no fewer corrections. Hidden information is hidden on the wire: the charge that a gun has
//! left, the rest of a boost and the place where a wreck will come back are sent to the owner of the ship alone, so
//! that no modified client can show them either. A client does not predict facts that only the server knows: the server
//! alone has a `Round::referee`, which counts kills and ends rounds.
//!
//! Read this file first: it holds the world and the order of a tick. Read next `ship` and `shot` (motion and hits),
//! `field` (rocks, debris and pick-ups) and `round` (score and winner). The other modules stand alone: `grid` finds
//! neighbours, `pilot` plays the bots, `stage` draws the picture.

mod field;
mod grid;
mod pilot;
mod round;
mod ship;
mod shot;
mod stage;

use core::ops::RangeInclusive;
use field::Ground;
use serde::{Deserialize, Serialize};
use tickwire::math::{self, Vec2};
use tickwire::{Event, Game, Input, Leave, Mode, OptionsError, QueueRules, Rng, Rules, Seat, State, Step, Table, To};

const TEAMS_MAX: u8 = 4;
/// Rocks, pick-ups and debris of one field at the most.
const ENTITIES_MAX: u16 = 1_000;

const SHIP_RADIUS: f32 = 12.0;
/// The bound of the wire's range along each axis. An engine alone reaches 9.55, the rest is room for the push of hits.
const SHIP_SPEED_MAX: f32 = 16.0;
const HP_MAX: u8 = 100;
const PLATES_MAX: u8 = 3;
const CHARGE_MAX: u8 = 90;
const RELOAD_TICKS: u8 = 5;
const FLASH_TICKS: u8 = 5;
const RAPID_TICKS: u8 = 240;
const SHOT_SPEED: f32 = 15.0;
const SHOT_TICKS: u8 = 26;
const CHUNK_HP: u8 = 2;

/// A new ship flies under a shield for this long, or until its first shot.
const SHIELD_TICKS: f32 = 45.0;
const REBIRTH_TICKS: f32 = SHIELD_TICKS + 60.0;
const JOIN_TICKS: f32 = SHIELD_TICKS + 18.0;
/// The distance at which a shot or a blast is still heard.
const EARSHOT: f32 = 420.0;
/// A ship nearer than this is seen through anything, and a ship farther away than [`SIGHT`] is not seen at all.
const RADAR: f32 = 150.0;
const SIGHT: f32 = 700.0;

/// The world. Lengths are in units, y points down, and objects bounce off the walls; speeds are in units per tick, at
/// 30 ticks a second.
#[derive(State, Clone, Default)]
pub struct Arena {
    /// The vector from the upper left corner to the lower right one.
    #[state(range = 0.0..=4095.0, step = 1.0)]
    size: Vec2,
    /// The clock and the score.
    round: Round,
    /// One ship for each seat that is taken.
    ships: Table<Ship>,
    /// The shots in flight.
    shots: Table<Shot>,
    /// The cover: rocks stay where they are.
    rocks: Table<Rock>,
    /// Drifting stones.
    #[state(predict)]
    debris: Table<Chunk>,
    /// Pick-ups, and the places where they will be.
    #[state(predict)]
    items: Table<Item>,
    ground: Ground,
}

/// A round, and the pause after it.
#[derive(State, Clone, Default)]
struct Round {
    /// The number of teams.
    #[state(range = 2..=TEAMS_MAX)]
    teams: u8,
    /// The number of kills that wins a round; when the time is up, the highest score wins.
    goal: u16,
    /// The length of a round, in seconds.
    #[state(only = server)]
    seconds: u16,
    /// Whether the round goes on, or how it ended.
    phase: Phase,
    /// Seconds until the phase ends.
    left_seconds: u16,
    /// The kills of each team in this round.
    scores: [u16; TEAMS_MAX as usize],
    /// Only the server has a referee: a client never decides that a player is dead or that a team has won.
    #[state(only = server)]
    referee: bool,
}

/// A round, or the pause after one.
#[derive(State, Clone, Copy, Default, PartialEq, Debug)]
enum Phase {
    /// The round goes on.
    #[default]
    Play,
    /// A team won.
    Won {
        /// The number of the team.
        #[state(range = 0..=3)]
        team: u8,
    },
    /// Nobody won.
    Drawn,
}

/// A player's ship: a circle of radius 12.
#[derive(State, Clone, Default)]
struct Ship {
    /// The player who flies it.
    #[state(owner)]
    seat: Option<Seat>,
    /// The number of its team.
    #[state(range = 0..=3)]
    team: u8,
    /// Units per tick.
    #[state(range = -SHIP_SPEED_MAX..=SHIP_SPEED_MAX, step = 0.015625, moved_with = ship::coast)]
    velocity: Vec2,
    /// Its middle.
    #[state(range = 0.0..=4095.9375, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// The direction in which it points and shoots: 0 is right, a quarter turn is down.
    #[state(angle, bits = 10, smooth)]
    nose: f32,
    /// The direction in which the engine pushes; its flames are drawn from this.
    #[state(range = -1.0..=1.0, step = 0.0625)]
    push: Vec2,
    /// Hit points: a ship without any is destroyed.
    #[state(range = 0..=HP_MAX)]
    hp: u8,
    /// The number of hits that the armour still absorbs.
    #[state(range = 0..=PLATES_MAX)]
    plates: u8,
    /// The player's kills in this round.
    score: u16,
    /// Above 45 ([`SHIELD_TICKS`]) the ship is away, above 0 it is shielded. Fractions appear on screen only, between
    /// two ticks.
    #[state(range = 0.0..=128.0, step = 0.125, smooth, moved_with = ship::count_down)]
    rebirth_ticks: f32,
    /// Counts down after a hit.
    #[state(range = 0..=FLASH_TICKS)]
    flash_ticks: u8,
    /// The charge that the gun has left: an enemy has to guess it.
    #[state(range = 0..=CHARGE_MAX, only = owner, moved_with = ship::recharge)]
    charge: u8,
    /// Ticks until the gun can fire again.
    #[state(range = 0..=RELOAD_TICKS, only = owner, moved_with = ship::reload)]
    reload_ticks: u8,
    /// Ticks for which the gun still fires faster.
    #[state(range = 0..=RAPID_TICKS, only = owner)]
    rapid_ticks: u8,
    /// The place where a wreck comes back, sent to its owner alone, so that no enemy can lie in wait there.
    #[state(range = 0.0..=4095.0, step = 1.0, only = owner)]
    home: Option<Vec2>,
}

/// A shot in flight.
#[derive(State, Clone, Default)]
struct Shot {
    /// The player who shot it.
    #[state(owner)]
    seat: Option<Seat>,
    /// The number of the team that it does no harm to.
    #[state(range = 0..=3)]
    team: u8,
    /// Its place.
    #[state(range = 0.0..=4095.9375, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// Units per tick.
    #[state(range = -32.0..=32.0, step = 0.015625)]
    velocity: Vec2,
    /// Ticks until it is spent.
    #[state(range = 0..=SHOT_TICKS, moved_with = shot::age)]
    life_ticks: u8,
}

/// Cover: a rock stops ships and shots, and blocks sight.
#[derive(State, Clone, Default)]
struct Rock {
    /// Its middle.
    #[state(range = 0.0..=4095.0, step = 1.0)]
    at: Vec2,
    /// Its size.
    #[state(range = 16.0..=143.0, step = 1.0)]
    radius: f32,
}

/// A drifting stone: it stops ships and shots until it bursts, and it comes back after a while.
#[derive(State, Clone, Default)]
struct Chunk {
    /// Its middle.
    #[state(range = 0.0..=4095.9375, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// Units per tick.
    #[state(range = -2.0..=2.0, step = 0.0625)]
    velocity: Vec2,
    /// 0 while the stone is away and nothing can meet it.
    #[state(range = 0..=CHUNK_HP)]
    hp: u8,
    /// Ticks until it comes back.
    #[state(only = server)]
    wait_ticks: u16,
}

/// A pick-up, and the place where the next one will be.
#[derive(State, Clone, Default)]
struct Item {
    /// Its middle.
    #[state(range = 0.0..=4095.0, step = 1.0)]
    at: Vec2,
    /// The effect of the pick-up that is there, or of the next one.
    gift: Gift,
    /// Whether the pick-up is there.
    is_there: bool,
    /// Ticks until the next one is there.
    #[state(only = server)]
    wait_ticks: u16,
}

/// The effect of a pick-up. The effects take turns, so that no dice decide which one comes next.
#[derive(State, Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Gift {
    /// Hit points.
    #[default]
    Repair,
    /// A gun that fires faster for a while.
    Rapid,
    /// Plates that absorb hits.
    Armour,
}

/// The options that a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The number of players that the field is large enough for, 2 to 64. More players may join, but the field gets
    /// crowded.
    pub players: u8,
    /// The number of teams, 2 to 4.
    pub teams: u8,
    /// The number of rocks, pick-ups and stones of debris together, 12 to 1,000.
    pub entities: u16,
    /// The number of kills that wins a round, 1 to 1,000.
    pub goal: u16,
    /// The length of a round in seconds, 10 to 3,600.
    pub seconds: u16,
}

impl Options {
    const PLAYERS: RangeInclusive<u8> = 2..=64;
    const TEAMS: RangeInclusive<u8> = 2..=TEAMS_MAX;
    const ENTITIES: RangeInclusive<u16> = 12..=ENTITIES_MAX;
    const GOAL: RangeInclusive<u16> = 1..=1_000;
    const SECONDS: RangeInclusive<u16> = 10..=3_600;

    /// The same options with the bound for each value beyond it: a world that is made without a check is valid, too.
    fn bounded(self) -> Self {
        fn within<T: Copy + Ord>(value: T, bounds: &RangeInclusive<T>) -> T {
            value.clamp(*bounds.start(), *bounds.end())
        }
        Self {
            players: within(self.players, &Self::PLAYERS),
            teams: within(self.teams, &Self::TEAMS),
            entities: within(self.entities, &Self::ENTITIES),
            goal: within(self.goal, &Self::GOAL),
            seconds: within(self.seconds, &Self::SECONDS),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { players: 8, teams: 2, entities: 24, goal: 20, seconds: 240 }
    }
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Helm {
    /// The direction of the thrust, and without `aim` also that of the nose.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// The place that the nose is to point at.
    #[input(range = -400.0..=4496.0, step = 2.0)]
    pub aim: Option<Vec2>,
    /// Shoot as soon as the gun can.
    pub fire: bool,
}

/// An event that is heard, or seen as an explosion; each player receives their own side of it.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub struct ArenaEvent {
    /// The kind of the event.
    pub what: What,
    /// The seat of the player that it happened to.
    pub who: Option<Seat>,
    /// The place of the event, if it is not the place of `who`.
    #[event(range = 0.0..=4096.0, step = 16.0)]
    pub at: Vec2,
}

/// The kinds of [`ArenaEvent`]s.
#[derive(State, Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum What {
    /// You shot.
    #[default]
    Shot,
    /// Another player near you shot.
    FarShot,
    /// You hit a ship.
    Hit,
    /// You were hit.
    Hurt,
    /// A ship near you was hit.
    FarHit,
    /// You destroyed a ship.
    Kill,
    /// You were destroyed.
    Death,
    /// A ship near you was destroyed.
    Blast,
    /// You are back.
    Spawn,
    /// A shot met a rock or a stone near you.
    Chip,
    /// A stone near you burst.
    Crumble,
    /// You picked up a repair.
    Repair,
    /// You picked up faster fire.
    Rapid,
    /// You picked up armour.
    Armour,
    /// The round is over.
    Over,
    /// A round begins.
    Begin,
}

impl Game for Arena {
    type Input = Helm;
    type Event = ArenaEvent;
    type Options = Options;
    const RULES: Rules = Rules::new("arena", 30)
        .seats(64)
        .matched(12)
        .bots(8)
        .mode(Mode::Snapshot { every_ticks: 1 })
        .queues(&[QueueRules::free_for_all("skirmish", 8).seats_min(2).window(100, 60, 400).bots_after_ms(20_000)]);

    fn check(options: &Options) -> Result<(), OptionsError> {
        OptionsError::unless("players", options.players, Options::PLAYERS)?;
        OptionsError::unless("teams", options.teams, Options::TEAMS)?;
        OptionsError::unless("entities", options.entities, Options::ENTITIES)?;
        OptionsError::unless("goal", options.goal, Options::GOAL)?;
        OptionsError::unless("seconds", options.seconds, Options::SECONDS)
    }

    fn new(options: &Options) -> Self {
        let options = options.bounded();
        let mut arena = Self { round: Round::new(&options), ..Self::default() };
        arena.lay_out(&options);
        arena
    }

    fn join(&mut self, seat: Seat) {
        let team = self.weakest_team();
        let ship = Ship { seat: Some(seat), team, at: self.size / 2.0, rebirth_ticks: JOIN_TICKS, ..Ship::default() };
        self.ships.insert(ship);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.ships.retain(|_, ship| ship.seat != Some(seat));
        self.shots.retain(|_, shot| shot.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.keep_time(tick);
        self.choose_homes(tick.rng());
        let mut ground = core::mem::take(&mut self.ground);
        ground.survey_rocks(&self.rocks);
        self.drift_debris(&mut ground);
        self.fly_ships(&ground, tick);
        ground.survey_ships(&self.ships);
        self.hand_out_items(&ground, tick);
        self.fly_shots(&ground, tick);
        self.fire_guns(tick);
        self.ground = ground;
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Helm {
        pilot::steer(self, me, dice)
    }
}

impl Arena {
    fn fly_ships(&mut self, ground: &Ground, tick: &mut Step<'_, Self>) {
        for ship in self.ships.values_mut() {
            if let Some(seat) = ship.seat {
                ship.live(seat, self.size, ground, tick);
            }
        }
    }

    fn fly_shots(&mut self, ground: &Ground, tick: &mut Step<'_, Self>) {
        let mut shots = core::mem::take(&mut self.shots);
        shots.retain(|_, shot| shot.fly(self, ground, tick));
        self.shots = shots;
    }

    /// Guns fire last in a tick: when a tick has more events than can be sent, the sounds of distant guns are lost
    /// first.
    fn fire_guns(&mut self, tick: &mut Step<'_, Self>) {
        if self.round.is_over() {
            return;
        }
        for ship in self.ships.values() {
            if ship.shoots(tick) {
                self.shots.insert(ship.shot());
                tell(&self.ships, tick, ship.seat, ship.at, &[(ship.seat, What::Shot)], What::FarShot);
            }
        }
        for ship in self.ships.values_mut().filter(|ship| ship.shoots(tick)) {
            ship.recoil();
        }
    }

    /// The team that a new player joins: the smallest one, and among equally small ones the one with fewer kills.
    fn weakest_team(&self) -> u8 {
        let strength = |team: &u8| {
            let members = self.ships.values().filter(|ship| ship.team == *team).count();
            (members, self.round.scores[usize::from(*team)])
        };
        (0..self.round.teams).min_by_key(strength).unwrap_or(0)
    }

    fn ship(&self, seat: Seat) -> Option<&Ship> {
        self.ships.values().find(|ship| ship.seat == Some(seat))
    }

    /// Whether this ship is on the radar of that team: it is near one of the team's ships, or in plain sight of one.
    fn sees(&self, team: u8, target: &Ship) -> bool {
        let sees = |ship: &Ship| {
            let distance = (ship.at - target.at).length();
            distance < RADAR || distance < SIGHT && self.is_clear(ship.at, target.at, 0.0)
        };
        target.team == team || self.ships.values().any(|ship| ship.team == team && ship.is_flying() && sees(ship))
    }

    /// Whether no rock comes nearer than `room` to the straight line between two points.
    fn is_clear(&self, from: Vec2, to: Vec2, room: f32) -> bool {
        self.rocks.values().all(|rock| distance(rock.at, from, to) > rock.radius + room)
    }
}

/// Sends an event about `who` at `at`: the players in `concerned` receive their own kind of it, and all other players
/// within earshot receive `others`.
fn tell(
    ships: &Table<Ship>,
    tick: &mut Step<'_, Arena>,
    who: Option<Seat>,
    at: Vec2,
    concerned: &[(Option<Seat>, What)],
    others: What,
) {
    // Each client knows best itself where it shows a ship, so an event about a ship carries no place.
    let place = if who.is_some() { Vec2::ZERO } else { at };
    for ship in ships.values() {
        let Some(seat) = ship.seat else { continue };
        let own = concerned.iter().find(|(concerned, _)| *concerned == Some(seat));
        if own.is_some() || (ship.at - at).length_squared() < EARSHOT * EARSHOT {
            let what = own.map_or(others, |(_, what)| *what);
            tick.emit(To::Seat(seat), ArenaEvent { what, who, at: place });
        }
    }
}

/// The distance between `point` and the straight line between two points.
fn distance(point: Vec2, from: Vec2, to: Vec2) -> f32 {
    (point - from - (to - from) * nearest_part(point, from, to)).length()
}

/// The part of the straight line between two points, 0 to 1, at which it comes nearest to `point`.
fn nearest_part(point: Vec2, from: Vec2, to: Vec2) -> f32 {
    let way = to - from;
    math::clamp((point - from).dot(way) / math::max(way.length_squared(), 0.01), 0.0, 1.0)
}

#[cfg(test)]
mod tests;

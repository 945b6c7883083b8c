//! Lag compensation in a real game: the arena's shots fly, its ships have inertia and its rocks are cover.
//!
//! Two players duel over links, through the room and their sessions. The judge reads pictures by the names of their
//! fields, the shooter's pictures and the room's, and knows no more of the arena than the sizes and speeds of bodies.

use crate::harness::{Client, Play};
use std::collections::{BTreeMap, BTreeSet};
use tickwire::link::LinkProfile;
use tickwire::math::{self, Vec2, vec2};
use tickwire::state::Schema;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Rng, Seat, Tick, To};
use tickwire_games::Arena;
use tickwire_games::arena::{Helm, What};

const SHIP_RADIUS: f32 = 12.0;
const SHOT_RADIUS: f32 = 2.0;
const CHUNK_RADIUS: f32 = 13.0;
const SHOT_SPEED: f32 = 15.0;
const SHIP_SPEED: f32 = 9.6;
const SHOT_TICKS: u32 = 26;
/// A ship is away for as long as it has more than this many ticks left until its shield ends.
const SHIELD_TICKS: f32 = 45.0;
/// The shooter shoots at a target that is nearer than this.
const RANGE: f32 = 300.0;

/// A ship, a shot, or an obstacle.
#[derive(Debug, Clone, Copy)]
struct Body {
    /// The owner: 0 for none, otherwise one more than the seat.
    owner: u32,
    at: Vec2,
    velocity: Vec2,
    /// The ticks that a shot has left.
    life_ticks: u32,
    /// The radius of a stone.
    radius: f32,
}

/// A duel as one picture shows it.
#[derive(Debug, Default)]
struct Sight {
    size: Vec2,
    /// The ships that fly; a ship that is away is left out.
    ships: Vec<Body>,
    shots: Vec<Body>,
    rocks: Vec<Body>,
    debris: Vec<Body>,
}

impl Body {
    fn in_ticks(&self, ticks: f32) -> Vec2 {
        self.at + self.velocity * ticks
    }
}

impl Sight {
    fn of_world(schema: &Schema, world: &Arena) -> Self {
        let mut picture = Snapshot::empty(schema);
        picture.capture(&mut world.clone(), Tick(0));
        Self::of(schema, &picture)
    }

    fn of(schema: &Schema, picture: &Snapshot) -> Self {
        let table = |name: &str| bodies(schema, picture, name);
        let size = numbers(schema, picture, "", "size.x").zip(numbers(schema, picture, "", "size.y")).next();
        let away_ticks = numbers(schema, picture, "ships", "rebirth_ticks");
        let ships = table("ships").zip(away_ticks).filter(|(_, ticks)| *ticks <= SHIELD_TICKS).map(|(ship, _)| ship);
        let hp = numbers(schema, picture, "debris", "hp");
        let debris = table("debris").zip(hp).filter(|(_, hp)| *hp > 0.0);
        Self {
            size: size.map_or(Vec2::ZERO, |(x, y)| vec2(x, y)),
            ships: ships.collect(),
            shots: table("shots").collect(),
            rocks: table("rocks").collect(),
            debris: debris.map(|(chunk, _)| Body { radius: CHUNK_RADIUS, ..chunk }).collect(),
        }
    }

    fn ship(&self, seat: Seat) -> Option<&Body> {
        self.ships.iter().find(|ship| ship.owner == owner(seat))
    }

    /// The ship of the player in the other seat.
    fn other(&self, seat: Seat) -> Option<&Body> {
        self.ships.iter().find(|ship| ship.owner != owner(seat))
    }

    /// A seat's shots in a picture of tick `now`, by the tick in which they were fired.
    fn shots(&self, seat: Seat, now: u32) -> impl Iterator<Item = (u32, &Body)> {
        let mine = self.shots.iter().filter(move |shot| shot.owner == owner(seat));
        mine.map(move |shot| (now + shot.life_ticks - SHOT_TICKS, shot))
    }

    /// The stone that lies nearer than `room` to the straight way between two points, if one does.
    fn stone(&self, from: Vec2, to: Vec2, room: f32) -> Option<&Body> {
        let stones = self.rocks.iter().chain(&self.debris);
        stones.into_iter().find(|stone| nearest(from - stone.at, to - stone.at) < stone.radius + room)
    }

    /// The stick that steers a ship to a place and stops it there, past rocks and not through them.
    fn way(&self, ship: &Body, goal: Vec2) -> Vec2 {
        let room = 2.0 * SHIP_RADIUS;
        let ahead = ship.at + math::limit_length(goal - ship.at, 150.0);
        let is_near = |rock: &&Body| nearest(ship.at - rock.at, ahead - rock.at) < rock.radius + room;
        let goal = self.rocks.iter().find(is_near).map_or(goal, |rock| {
            let off = math::limit_length(ship.at - rock.at, 1.0);
            let aside = vec2(-off.y, off.x);
            let aside = if aside.dot(goal - ship.at) < 0.0 { -aside } else { aside };
            rock.at + (aside * 2.0 + off) * (rock.radius + room)
        });
        math::limit_length((goal - ship.at) * 0.03 - ship.velocity * 0.3, 1.0)
    }
}

const fn owner(seat: Seat) -> u32 {
    seat.number() as u32 + 1
}

/// Half of the angle under which a circle is seen from a distance.
fn half_angle(radius: f32, distance: f32) -> f32 {
    math::atan2(radius, math::sqrt(math::max(distance * distance - radius * radius, 0.01)))
}

/// The least distance of the straight way between two points from the origin.
fn nearest(from: Vec2, to: Vec2) -> f32 {
    let way = to - from;
    let part = math::clamp(-from.dot(way) / math::max(way.length_squared(), 0.01), 0.0, 1.0);
    (from + way * part).length()
}

/// A field of every row of a table, in the game's own unit; 0 everywhere if the rows have no such field.
fn numbers(schema: &Schema, picture: &Snapshot, table: &str, path: &str) -> std::vec::IntoIter<f32> {
    let number = schema.tables.iter().position(|known| known.name == table).expect("the arena has this table");
    let (leaves, rows) = (&schema.tables[number].leaves, &picture.tables[number]);
    let at = leaves.iter().position(|leaf| leaf.path == path);
    let value = |row| at.map_or(0.0, |at| leaves[at].min as f32 + rows.row(row)[at] as f32 * leaves[at].unit);
    (0..rows.ids.len()).map(value).collect::<Vec<f32>>().into_iter()
}

fn bodies(schema: &Schema, picture: &Snapshot, table: &str) -> std::vec::IntoIter<Body> {
    let number = schema.tables.iter().position(|known| known.name == table).expect("the arena has this table");
    let (owner, rows) = (schema.tables[number].owner, &picture.tables[number]);
    let field = |path: &str| numbers(schema, picture, table, path);
    let mut places = field("at.x").zip(field("at.y"));
    let mut motions = field("velocity.x").zip(field("velocity.y"));
    let (mut lives, mut radii) = (field("life_ticks"), field("radius"));
    let body = |row| {
        let ((x, y), (across, down)) = (places.next()?, motions.next()?);
        Some(Body {
            owner: owner.map_or(0, |owner| rows.row(row)[owner]),
            at: vec2(x, y),
            velocity: vec2(across, down),
            life_ticks: lives.next()? as u32,
            radius: radii.next()?,
        })
    };
    (0..rows.ids.len()).map_while(body).collect::<Vec<Body>>().into_iter()
}

/// The way in which a shot passed the target on the shooter's screen.
#[derive(Debug, Clone, Copy)]
struct Pass {
    nearest: f32,
    /// The tick on screen when the shot was nearest.
    tick: u32,
}

/// The player that shoots at the target on its screen, and how its shots passed the target there.
#[derive(Default)]
struct Shooter {
    /// Each shot that the last frame showed, by the tick in which it was fired: its place and motion, and the place of
    /// the target.
    seen: BTreeMap<u32, (Vec2, Vec2, Vec2)>,
    passes: BTreeMap<u32, Pass>,
    /// The last frame.
    last: Sight,
}

impl Shooter {
    /// Compares a frame with the one before.
    fn watch(&mut self, sight: &Sight, me: Seat, tick: u32) {
        let before = std::mem::take(&mut self.seen);
        let Some(target) = sight.other(me) else { return };
        for (fired, shot) in sight.shots(me, tick) {
            if let Some((at, _, target_at)) = before.get(&fired) {
                self.pass(fired, nearest(*at - *target_at, shot.at - target.at), tick);
            }
            self.seen.insert(fired, (shot.at, shot.velocity, target.at));
        }
        // A shot that ends in a tick stands still on screen for as long as that tick is on its way, so its last way has
        // to be computed. A stone that it hits may burst at the end of the tick, so the stones are those of the last
        // frame.
        for (fired, (at, velocity, target_at)) in before {
            let end = at + velocity;
            if !self.seen.contains_key(&fired) && self.last.stone(at, end, SHOT_RADIUS).is_none() {
                self.pass(fired, nearest(at - target_at, end - target.at), tick);
            }
        }
    }

    fn pass(&mut self, fired: u32, nearest: f32, tick: u32) {
        let pass = self.passes.entry(fired).or_insert(Pass { nearest, tick });
        if nearest < pass.nearest {
            *pass = Pass { nearest, tick };
        }
    }

    /// Comes near and shoots at the place where the target will be if it goes on as the picture shows.
    fn hunt(sight: &Sight, ship: &Body, target: &Body) -> Helm {
        let mut aim = target.at;
        for _ in 0..3 {
            let flight_ticks = (aim - ship.at).length() / SHOT_SPEED;
            aim = target.in_ticks(flight_ticks) - ship.velocity * flight_ticks;
        }
        let is_clear = sight.stone(ship.at, aim, SHOT_RADIUS + 1.0).is_none();
        let far = (aim - ship.at).length();
        let goal = if is_clear && far < 0.7 * RANGE { ship.at } else { target.at };
        Helm { stick: sight.way(ship, goal), aim: Some(aim), fire: is_clear && far < RANGE }
    }

    /// Stays at a post, and shoots through a gap when the target is about to pass that gap.
    fn lurk(sight: &Sight, ship: &Body, target: Option<&Body>, (post, gap): (Vec2, Vec2)) -> Helm {
        let flight_ticks = (gap - ship.at).length() / SHOT_SPEED;
        // The target gains speed as it comes, so a wide margin is left.
        let passes = target.is_some_and(|target| (target.in_ticks(flight_ticks) - gap).length() < 4.0 * SHIP_RADIUS);
        let fire = passes && (post - ship.at).length() < SHIP_RADIUS;
        Helm { stick: sight.way(ship, post), aim: Some(gap), fire }
    }

    fn steer(sight: &Sight, me: Seat, lair: Option<(Vec2, Vec2)>) -> Helm {
        match (sight.ship(me), sight.other(me), lair) {
            (Some(ship), target, Some(lair)) => Self::lurk(sight, ship, target, lair),
            (Some(ship), Some(target), None) => Self::hunt(sight, ship, target),
            _ => Helm::default(),
        }
    }
}

/// The player that flies to and fro, and does not shoot back.
struct Target {
    dice: Rng,
    side: f32,
    /// The place at which the target's ship came back last.
    home: Option<Vec2>,
    /// The two places between which the target runs; without them it strafes at home.
    run: Option<[Vec2; 2]>,
}

impl Target {
    fn steer(&mut self, sight: &Sight, me: Seat) -> Helm {
        let Some(ship) = sight.ship(me) else {
            (self.home, self.side) = (None, 1.0);
            return Helm::default();
        };
        let home = *self.home.get_or_insert(ship.at);
        let stick = match (self.run, sight.other(me)) {
            (Some(run), _) => {
                let goal = run[usize::from(self.side > 0.0)];
                let off = goal - ship.at;
                if off.length() > 2.0 * RANGE { sight.way(ship, goal) } else { math::limit_length(off, 1.0) }
            }
            (None, Some(enemy)) if (enemy.at - ship.at).length() < RANGE => {
                let way = math::limit_length(enemy.at - ship.at, 1.0);
                let (aside, off) = (vec2(-way.y, way.x), ship.at - home);
                let strays = off.length() > 90.0 && off.dot(aside * self.side) > 0.0;
                self.side = if strays { -self.side } else { self.side };
                aside * self.side
            }
            (None, _) => sight.way(ship, home),
        };
        Helm { stick, ..Helm::default() }
    }

    /// Decides whether the target turns round; called once in a tick.
    fn decide(&mut self, sight: &Sight, me: Seat) {
        let arrived = self.run.zip(sight.ship(me)).map(|(run, ship)| {
            let goal = run[usize::from(self.side > 0.0)];
            (goal - ship.at).length() < 30.0
        });
        if arrived.unwrap_or_else(|| self.dice.one_in(14)) {
            self.side = -self.side;
        }
    }
}

/// Two players in an arena: the first shoots over the link under test, and the second is the target over a good link.
struct Duel {
    play: Play<Arena>,
    schema: Schema,
    shooter: Shooter,
    target: Target,
    /// The shooter's post and the gap that it shoots through; without them it hunts.
    lair: Option<(Vec2, Vec2)>,
    /// The shooter's shots that the room's newest world has, by the tick in which they were fired.
    in_flight: BTreeSet<u32>,
    /// The shots that hit, by the tick in which they were fired.
    hits: BTreeSet<u32>,
    /// Ticks in which the target was away at the end.
    away: BTreeSet<u32>,
    /// How long the target has been behind a rock, and in the next field the longest such time at which it was hit.
    covered_ticks: u32,
    hit_covered_ticks: u32,
}

impl Duel {
    fn new(seed: u64, link: LinkProfile) -> Self {
        let mut play: Play<Arena> = Play::new(seed, 1, link);
        play.join(LinkProfile::default());
        let target = Target { dice: Rng::new(seed), side: 1.0, home: None, run: None };
        Self {
            play,
            schema: Schema::of::<Arena>(),
            shooter: Shooter::default(),
            target,
            lair: None,
            in_flight: BTreeSet::new(),
            hits: BTreeSet::new(),
            away: BTreeSet::new(),
            covered_ticks: 0,
            hit_covered_ticks: 0,
        }
    }

    fn seat(&self, index: usize) -> Option<Seat> {
        self.play.clients[index].session.seat()
    }

    fn run_seconds(&mut self, seconds: u32) {
        for _ in 0..seconds * Arena::RULES.tick_rate_hz {
            self.tick();
        }
        self.play.assert_sound();
    }

    fn tick(&mut self) {
        let Self { play, schema, shooter, target, lair, .. } = self;
        play.watch_ticks(1, |index, client: &mut Client<Arena>, now_us| {
            let Some(world) = client.session.view(now_us) else { return };
            let sight = Sight::of_world(schema, world);
            let Some(me) = client.session.seat() else { return };
            if index == 0 {
                shooter.watch(&sight, me, client.session.predicted_tick().0);
                client.hands = Some(Shooter::steer(&sight, me, *lair));
                shooter.last = sight;
            } else {
                client.hands = Some(target.steer(&sight, me));
            }
        });
        self.judge();
    }

    /// Notes the hits, the target's absence and its cover in the room's newest tick.
    fn judge(&mut self) {
        let (Some(shooter), Some(target)) = (self.seat(0), self.seat(1)) else { return };
        let newest = self.play.room.newest();
        let (now, sight) = (newest.tick.0, Sight::of(&self.schema, newest));
        self.target.decide(&sight, target);
        let in_flight: BTreeSet<u32> = sight.shots(shooter, now).map(|(fired, _)| fired).collect();
        let is_hit = |(to, event): &(To, tickwire_games::arena::ArenaEvent)| {
            *to == To::Seat(shooter) && matches!(event.what, What::Hit | What::Kill)
        };
        if self.play.events.iter().any(is_hit) {
            self.hits.extend(self.in_flight.difference(&in_flight));
            self.hit_covered_ticks = self.hit_covered_ticks.max(self.covered_ticks);
        }
        self.in_flight = in_flight;
        match sight.ship(target) {
            None => drop(self.away.insert(now)),
            Some(ship) => {
                let is_covered = sight.ship(shooter).is_some_and(|eye| sight.covers(eye.at, ship.at));
                self.covered_ticks = if is_covered { self.covered_ticks + 1 } else { 0 };
            }
        }
    }

    /// Compares the shots that met the target on the shooter's screen with the hits in the room.
    fn score(&self, score: &mut Score) {
        let judged = |(_, pass): &(&u32, &Pass)| pass.tick < self.play.room.newest().tick.0;
        for (fired, pass) in self.shooter.passes.iter().filter(judged) {
            let is_hit = self.hits.contains(fired);
            match pass.nearest < SHIP_RADIUS {
                true if is_hit => score.hits += 1,
                // The shooter sees a destroyed ship fly on for as long as its view is old.
                true if self.away.contains(&pass.tick) => {
                    let gone = (0..=pass.tick).find(|back| !self.away.contains(&(pass.tick - back)));
                    score.gone_ticks_max = score.gone_ticks_max.max(gone.unwrap_or(u32::MAX));
                }
                true => score.lost += 1,
                false if is_hit && pass.nearest < SHIP_RADIUS + SHOT_RADIUS + SHIP_SPEED => score.grazed += 1,
                false => score.unseen += usize::from(is_hit),
            }
        }
    }
}

/// The outcome of the shots that met their target on the shooter's screen, and of the others.
#[derive(Debug, Default)]
struct Score {
    hits: usize,
    lost: usize,
    /// The longest time that a target had been gone when a shot still met it on the shooter's screen.
    gone_ticks_max: u32,
    /// Hits of shots that passed so near that a hit depends on the moment within a tick.
    grazed: usize,
    /// Hits of shots that passed farther away on the shooter's screen.
    unseen: usize,
}

impl Sight {
    /// Whether a rock hides the whole ship from a point.
    fn covers(&self, eye: Vec2, ship: Vec2) -> bool {
        let off = ship - eye;
        let reach = half_angle(SHIP_RADIUS + SHOT_RADIUS, off.length());
        self.rocks.iter().any(|rock| {
            let way = rock.at - eye;
            let turn = math::turn_between(math::angle_of(way), math::angle_of(off)).abs();
            way.length() < off.length() && turn + reach < half_angle(rock.radius, way.length())
        })
    }

    /// A post for the shooter, the gap where the target's run is in the open for the last time, and the run, which ends
    /// in the shadow of a rock.
    fn hideout(&self) -> ((Vec2, Vec2), [Vec2; 2]) {
        let margin = Vec2::splat(4.0 * SHIP_RADIUS);
        let inside = |at: &Vec2| at.cmpgt(margin).all() && at.cmplt(self.size - margin).all();
        let is_clear = |from: Vec2, to: Vec2, room: f32| {
            self.rocks.iter().all(|rock| nearest(from - rock.at, to - rock.at) > rock.radius + room)
        };
        let places = self.rocks.iter().flat_map(|rock| {
            (0..64_u8).map(|turn| {
                let way = math::heading(f32::from(turn) * math::TURN / 64.0);
                let (post, hidden) = (rock.at - way * (rock.radius + 90.0), rock.at + way * (rock.radius + 40.0));
                let open = hidden + vec2(-way.y, way.x) * (2.0 * rock.radius + 110.0);
                (rock.radius, post, [open, hidden])
            })
        });
        let good = places.filter(|(_, post, [open, hidden])| {
            let room = 2.0 * SHIP_RADIUS;
            [post, open, hidden].into_iter().all(inside)
                && is_clear(*post, *open, room)
                && is_clear(*open, *hidden, room)
        });
        let best = good.min_by(|one, other| one.0.total_cmp(&other.0));
        let (_, post, run) = best.expect("there is a rock to hide behind");
        let steps = (0..=100_u8).map(|step| run[0].lerp(run[1], f32::from(step) / 100.0));
        let gap = steps.take_while(|at| is_clear(post, *at, SHIP_RADIUS / 2.0)).last();
        ((post, gap.expect("the run begins in the open")), run)
    }
}

/// A duel in the open, for a minute from each of two seeds.
fn duel(link: LinkProfile) -> Score {
    let mut score = Score::default();
    for seed in 0..2 {
        let mut duel = Duel::new(seed + u64::from(link.latency_ms), link);
        duel.run_seconds(60);
        duel.score(&mut score);
    }
    score
}

#[test]
fn a_shot_that_meets_a_ship_on_the_shooters_screen_hits() {
    let links = (0..=150).rev().step_by(25).map(|latency_ms| LinkProfile { latency_ms, ..LinkProfile::default() });
    let stalling = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    for link in links.chain([stalling]) {
        let score = duel(link);
        let Score { hits, lost, gone_ticks_max, grazed, unseen } = score;
        assert!(hits >= 40, "over {link}: {score:?}");
        assert!(hits * 100 >= (hits + lost) * 95, "over {link}: {score:?}");
        assert!(unseen * 20 <= hits + grazed, "over {link}: {score:?}");
        assert!(gone_ticks_max <= Arena::RULES.past_ticks_max(), "over {link}: {score:?}");
    }
}

#[test]
fn a_ship_behind_a_rock_is_hit_for_no_longer_than_the_rewind_window() {
    let mut worst = 0;
    for latency_ms in (0..=600).step_by(50) {
        let link = LinkProfile { latency_ms, jitter_ms: 20, ..LinkProfile::default() };
        let mut duel = Duel::new(u64::from(latency_ms), link);
        let (lair, run) = Sight::of(&duel.schema, duel.play.room.newest()).hideout();
        (duel.lair, duel.target.run) = (Some(lair), Some(run));
        duel.run_seconds(60);
        let (covered_ticks, hits) = (duel.hit_covered_ticks, duel.hits.len());
        assert!(covered_ticks <= Arena::RULES.past_ticks_max(), "{covered_ticks} at {latency_ms} ms");
        // A shooter whose view is older than the window aims at a target that has long been covered.
        assert!(hits >= 10 || latency_ms > 450, "{hits} hits at {latency_ms} ms");
        worst = worst.max(covered_ticks);
    }
    assert!(worst > 10, "no ship was hit behind a rock: {worst}");
}

//! Arena: ships with inertia, a few rocks for cover, and guns that run dry.
//!
//! Everything that flies is a row of a table. A player's own ship and shots are predicted, the others are shown
//! as they were a moment ago. What is hidden is hidden on the wire: how much charge a gun has left and where a
//! wreck will come back is known to its owner and to nobody else, whatever they do to their client. And each
//! ear hears its own noise of the same shot. `pilot` flies the bots, `stage` draws.

mod pilot;
mod stage;

use tickwire::math::{self, Vec2, vec2};
use tickwire::{Event, Game, Input, Leave, Mode, Rng, Rules, Seat, State, Step, Table, To};

/// The world, in units; y points down. Its walls bounce.
const WORLD: Vec2 = vec2(1600.0, 1000.0);

/// Cover: stops ships and shots.
struct Rock {
    at: Vec2,
    radius: f32,
}

const ROCKS: [Rock; 9] = [
    Rock { at: vec2(800.0, 500.0), radius: 84.0 },
    Rock { at: vec2(330.0, 270.0), radius: 58.0 },
    Rock { at: vec2(1290.0, 250.0), radius: 66.0 },
    Rock { at: vec2(290.0, 740.0), radius: 70.0 },
    Rock { at: vec2(1260.0, 770.0), radius: 54.0 },
    Rock { at: vec2(790.0, 160.0), radius: 38.0 },
    Rock { at: vec2(820.0, 850.0), radius: 44.0 },
    Rock { at: vec2(540.0, 520.0), radius: 28.0 },
    Rock { at: vec2(1080.0, 460.0), radius: 32.0 },
];

const SHIP_RADIUS: f32 = 12.0;
const HP_MAX: u8 = 100;
const SHOT_DAMAGE: u8 = 20;
/// A kill repairs its winner by this much.
const KILL_REPAIR: u8 = 40;

// Speeds are units per tick, at 30 ticks a second.
const THRUST: f32 = 0.45;
const DRAG: f32 = 0.955;
const BOUNCE: f32 = 0.55;
/// Radians per tick.
const TURN_MAX: f32 = 0.22;
const SHOT_SPEED: f32 = 15.0;
const SHOT_TICKS: u8 = 26;
/// The part of a shot's speed that its victim takes over.
const SHOT_PUSH: f32 = 0.08;

const CHARGE_MAX: u8 = 90;
const SHOT_CHARGE: u8 = 15;
const RELOAD_TICKS: u8 = 5;
const FLASH_TICKS: u8 = 5;

/// A new ship flies under a shield for so long, or until its first shot.
const SHIELD_TICKS: f32 = 45.0;
const REBIRTH_TICKS: f32 = SHIELD_TICKS + 60.0;
const JOIN_TICKS: f32 = SHIELD_TICKS + 18.0;
/// How far away a shot or a blast is heard.
const EARSHOT: f32 = 420.0;

/// The world.
#[derive(State, Clone, Default)]
pub struct Arena {
    /// One for each seat that is taken.
    ships: Table<Ship>,
    shots: Table<Shot>,
}

#[derive(State, Clone, Default)]
struct Ship {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0.0..=1600.0, step = 0.0625, smooth)]
    at: Vec2,
    #[state(range = -16.0..=16.0, step = 0.015625)]
    velocity: Vec2,
    #[state(angle, bits = 10, smooth)]
    nose: f32,
    /// Where the engine pushes; for its flames.
    #[state(range = -1.0..=1.0, step = 0.25)]
    push: Vec2,
    #[state(range = 0..=HP_MAX)]
    hp: u8,
    score: u16,
    /// A wreck above [`SHIELD_TICKS`], shielded above 0. The fractions are only ever seen on screen, between
    /// two ticks.
    #[state(range = 0.0..=128.0, step = 0.125, smooth)]
    rebirth_ticks: f32,
    /// Counts down after a hit.
    #[state(range = 0..=FLASH_TICKS)]
    flash_ticks: u8,
    /// What the gun has left: an enemy has to guess.
    #[state(range = 0..=CHARGE_MAX, only = owner)]
    charge: u8,
    #[state(range = 0..=RELOAD_TICKS, only = owner)]
    reload_ticks: u8,
    /// Where a wreck comes back, so that nobody else can lie in wait there.
    #[state(range = 0.0..=1600.0, step = 1.0, only = owner)]
    home: Option<Vec2>,
}

#[derive(State, Clone, Default)]
struct Shot {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0.0..=1600.0, step = 0.0625, smooth)]
    at: Vec2,
    #[state(range = -32.0..=32.0, step = 0.015625)]
    velocity: Vec2,
    #[state(range = 0..=SHOT_TICKS)]
    life_ticks: u8,
}

/// What a player does in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Helm {
    /// Where to thrust, and without `aim` where to point the nose.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// Point the nose here.
    #[input(range = -400.0..=2000.0, step = 2.0)]
    pub aim: Option<Vec2>,
    /// Shoot as soon as the gun can.
    pub fire: bool,
}

/// What is heard; each player hears their own side of it.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Sound {
    /// You shot.
    Shot,
    /// Somebody near you shot.
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
}

impl Game for Arena {
    type Input = Helm;
    type Event = Sound;
    type Options = ();
    const RULES: Rules = Rules::new("arena", 30).seats(16).bots(6).mode(Mode::Snapshot { every_ticks: 1 });

    fn new(_: &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        let ship = Ship { seat: Some(seat), at: WORLD / 2.0, rebirth_ticks: JOIN_TICKS, ..Ship::default() };
        self.ships.insert(ship);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.ships.retain(|_, ship| ship.seat != Some(seat));
        self.shots.retain(|_, shot| shot.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.choose_homes(tick.rng());
        let Self { ships, shots } = self;
        for ship in ships.values_mut() {
            if let Some(seat) = ship.seat {
                ship.live(seat, tick);
            }
        }
        for ship in ships.values() {
            if ship.shoots(tick) {
                shots.insert(ship.shot());
                tell(ships, tick, ship.at, &[(ship.seat, Sound::Shot)], Sound::FarShot);
            }
        }
        for ship in ships.values_mut().filter(|ship| ship.shoots(tick)) {
            ship.recoil();
        }
        shots.retain(|_, shot| shot.fly(ships, tick));
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Helm {
        pilot::steer(self, me, dice)
    }
}

impl Arena {
    /// Chooses where each new wreck comes back. Long before it does: a client's dice fall differently, and so
    /// it has heard from the server by then.
    fn choose_homes(&mut self, dice: &mut Rng) {
        loop {
            let homeless = self.ships.values().position(|ship| !ship.is_flying() && ship.home.is_none());
            let Some(index) = homeless else { return };
            let home = self.lonely_place(dice);
            self.ships.values_mut().nth(index).into_iter().for_each(|ship| ship.home = Some(home));
        }
    }

    /// Of a few places that no rock covers, the one that is farthest from every ship.
    fn lonely_place(&self, dice: &mut Rng) -> Vec2 {
        let (mut best, mut loneliest) = (vec2(WORLD.x / 2.0, 300.0), -1.0);
        for _ in 0..8 {
            let at = vec2(dice.range(60.0, WORLD.x - 60.0), dice.range(60.0, WORLD.y - 60.0));
            let is_free = ROCKS.iter().all(|rock| (rock.at - at).length() > rock.radius + 3.0 * SHIP_RADIUS);
            let places = self.ships.values().map(|ship| ship.home.unwrap_or(ship.at));
            let lonely = places.fold(WORLD.x, |nearest, place| math::min(nearest, (place - at).length()));
            if is_free && lonely > loneliest {
                (best, loneliest) = (at, lonely);
            }
        }
        best
    }

    fn ship(&self, seat: Seat) -> Option<&Ship> {
        self.ships.values().find(|ship| ship.seat == Some(seat))
    }
}

impl Ship {
    const fn is_flying(&self) -> bool {
        self.rebirth_ticks <= SHIELD_TICKS
    }

    const fn is_shielded(&self) -> bool {
        self.is_flying() && self.rebirth_ticks > 0.0
    }

    /// One tick of everything but the gun.
    fn live(&mut self, seat: Seat, tick: &mut Step<'_, Arena>) {
        self.flash_ticks = self.flash_ticks.saturating_sub(1);
        self.reload_ticks = self.reload_ticks.saturating_sub(1);
        self.charge = (self.charge + 1).min(CHARGE_MAX);
        self.rebirth_ticks = math::max(self.rebirth_ticks - 1.0, 0.0);
        if self.rebirth_ticks == SHIELD_TICKS {
            self.at = self.home.take().unwrap_or(self.at);
            (self.hp, self.charge, self.velocity) = (HP_MAX, CHARGE_MAX, Vec2::ZERO);
            tick.emit(To::Seat(seat), Sound::Spawn);
        }
        if self.is_flying() {
            self.steer(tick.input(seat));
            self.drift();
        }
    }

    fn steer(&mut self, helm: Helm) {
        self.push = math::limit_length(helm.stick, 1.0);
        self.velocity = (self.velocity + self.push * THRUST) * DRAG;
        let ahead = helm.aim.map_or(self.push, |aim| aim - self.at);
        if ahead.length_squared() > 0.01 {
            self.nose += math::clamp(math::turn_between(self.nose, math::angle_of(ahead)), -TURN_MAX, TURN_MAX);
        }
    }

    fn drift(&mut self) {
        self.at += self.velocity;
        for rock in &ROCKS {
            let (away, reach) = (self.at - rock.at, rock.radius + SHIP_RADIUS);
            let distance = away.length();
            if distance < reach {
                let normal = if distance > 0.0 { away / distance } else { Vec2::X };
                self.at = rock.at + normal * reach;
                let inward = math::min(self.velocity.dot(normal), 0.0);
                self.velocity -= normal * inward * (1.0 + BOUNCE);
            }
        }
        bounce(&mut self.at.x, &mut self.velocity.x, WORLD.x);
        bounce(&mut self.at.y, &mut self.velocity.y, WORLD.y);
    }

    fn shoots(&self, tick: &Step<'_, Arena>) -> bool {
        let wants = self.seat.is_some_and(|seat| tick.input(seat).fire);
        wants && self.is_flying() && self.reload_ticks == 0 && self.charge >= SHOT_CHARGE
    }

    /// The shot that leaves the gun now; it takes the ship's own motion along.
    fn shot(&self) -> Shot {
        let way = math::heading(self.nose);
        let velocity = way * SHOT_SPEED + self.velocity;
        Shot { seat: self.seat, at: self.at + way * SHIP_RADIUS, velocity, life_ticks: SHOT_TICKS }
    }

    /// What a shot costs, the shield included.
    fn recoil(&mut self) {
        self.charge = self.charge.saturating_sub(SHOT_CHARGE);
        self.reload_ticks = RELOAD_TICKS;
        self.rebirth_ticks = 0.0;
    }

    /// Takes a hit, and says whether it was the last.
    fn suffer(&mut self, velocity: Vec2) -> bool {
        if self.is_shielded() {
            return false;
        }
        self.hp = self.hp.saturating_sub(SHOT_DAMAGE);
        self.flash_ticks = FLASH_TICKS;
        self.velocity += velocity * SHOT_PUSH;
        if self.hp > 0 {
            return false;
        }
        (self.rebirth_ticks, self.home) = (REBIRTH_TICKS, None);
        (self.velocity, self.push) = (Vec2::ZERO, Vec2::ZERO);
        true
    }
}

impl Shot {
    /// Moves on; false when it hit something or is spent.
    fn fly(&mut self, ships: &mut Table<Ship>, tick: &mut Step<'_, Arena>) -> bool {
        let from = self.at;
        self.at += self.velocity;
        self.life_ticks = self.life_ticks.saturating_sub(1);
        let met = |ship: &&mut Ship| {
            ship.is_flying() && ship.seat != self.seat && distance(ship.at, from, self.at) < SHIP_RADIUS + 2.0
        };
        let victim = ships.values_mut().find(met);
        if let Some(victim) = victim {
            let (at, seat) = (victim.at, victim.seat);
            if victim.suffer(self.velocity) {
                self.win(ships);
                tell(ships, tick, at, &[(self.seat, Sound::Kill), (seat, Sound::Death)], Sound::Blast);
            } else {
                tell(ships, tick, at, &[(self.seat, Sound::Hit), (seat, Sound::Hurt)], Sound::FarHit);
            }
            return false;
        }
        let inside = self.at.x > 0.0 && self.at.x < WORLD.x && self.at.y > 0.0 && self.at.y < WORLD.y;
        inside && self.life_ticks > 0 && is_clear(from, self.at, 0.0)
    }

    /// Rewards whoever shot it for a kill; a wreck's last shot repairs nothing.
    fn win(&self, ships: &mut Table<Ship>) {
        for winner in ships.values_mut().filter(|ship| ship.seat == self.seat) {
            winner.score = winner.score.saturating_add(1);
            if winner.is_flying() {
                winner.hp = (winner.hp + KILL_REPAIR).min(HP_MAX);
            }
        }
    }
}

/// Tells those concerned, and everyone else within earshot of `at`.
fn tell(ships: &Table<Ship>, tick: &mut Step<'_, Arena>, at: Vec2, concerned: &[(Option<Seat>, Sound)], others: Sound) {
    for ship in ships.values() {
        let Some(seat) = ship.seat else { continue };
        let own = concerned.iter().find(|(concerned, _)| *concerned == Some(seat));
        if let Some((_, sound)) = own {
            tick.emit(To::Seat(seat), *sound);
        } else if (ship.at - at).length() < EARSHOT {
            tick.emit(To::Seat(seat), others);
        }
    }
}

/// Keeps a ship off the walls on one axis.
fn bounce(at: &mut f32, velocity: &mut f32, size: f32) {
    let inside = math::clamp(*at, SHIP_RADIUS, size - SHIP_RADIUS);
    if inside != *at {
        let inward = if *at < inside { 1.0 } else { -1.0 };
        (*at, *velocity) = (inside, inward * velocity.abs() * BOUNCE);
    }
}

/// How near the straight way between two points comes to `point`.
fn distance(point: Vec2, from: Vec2, to: Vec2) -> f32 {
    let way = to - from;
    let part = (point - from).dot(way) / math::max(way.length_squared(), 0.01);
    (point - from - way * math::clamp(part, 0.0, 1.0)).length()
}

/// Whether no rock comes nearer than `room` to the straight way between two points.
fn is_clear(from: Vec2, to: Vec2, room: f32) -> bool {
    ROCKS.iter().all(|rock| distance(rock.at, from, to) > rock.radius + room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::{Play, assert_deterministic};
    use std::vec::Vec;
    use tickwire::Tick;
    use tickwire::snapshot::Snapshot;
    use tickwire::state::Schema;

    const MINUTE: u32 = 60 * Arena::RULES.tick_rate_hz;

    fn count(play: &Play<Arena>, wanted: Sound) -> u32 {
        play.events.iter().map(|(_, sound)| u32::from(*sound == wanted)).sum()
    }

    fn assert_valid(world: &Arena) {
        for ship in world.ships.values() {
            let room = vec2(SHIP_RADIUS, SHIP_RADIUS);
            assert!(ship.at.cmpge(room).all() && ship.at.cmple(WORLD - room).all(), "a ship at {}", ship.at);
            assert!(ship.velocity.length() < 16.0, "a ship as fast as {}", ship.velocity);
            let inside = |rock: &&Rock| (rock.at - ship.at).length() < rock.radius + SHIP_RADIUS - 0.5;
            assert!(!ship.is_flying() || ROCKS.iter().find(inside).is_none(), "a ship in a rock at {}", ship.at);
            assert!(ship.is_flying() == (ship.hp > 0), "{} hp, {} ticks", ship.hp, ship.rebirth_ticks);
        }
        for shot in world.shots.values() {
            assert!(shot.at.cmpge(Vec2::ZERO).all() && shot.at.cmple(WORLD).all(), "a shot at {}", shot.at);
            assert!(shot.life_ticks > 0);
        }
    }

    #[test]
    fn every_run_gives_the_same_worlds() {
        assert_deterministic::<Arena>();
    }

    #[test]
    fn bots_hit_and_kill_within_a_minute_and_come_back() {
        for seed in 0..5 {
            let mut play = Play::<Arena>::new(6, seed);
            let [mut shots, mut hits, mut kills, mut spawns] = [0; 4];
            for _ in 0..MINUTE {
                play.bots();
                assert_valid(&play.world);
                shots += count(&play, Sound::Shot);
                hits += count(&play, Sound::Hit);
                kills += count(&play, Sound::Kill);
                spawns += count(&play, Sound::Spawn);
            }
            assert!(shots > 100 && hits > 30 && kills > 5, "{shots} shots, {hits} hits, {kills} kills");
            assert!(spawns >= 6 + kills / 2, "{spawns} spawns after {kills} kills");
            let scores: u32 = play.world.ships.values().map(|ship| u32::from(ship.score)).sum();
            assert_eq!(scores, kills);
        }
    }

    #[test]
    fn bots_find_a_ship_that_hides_and_leave_others_a_chance() {
        let mut play = Play::<Arena>::new(6, 77);
        let mut deaths = 0;
        let me = play.seats[0];
        for _ in 0..2 * MINUTE {
            play.tick(|world, seat, dice| if seat == me { Helm::default() } else { world.bot(seat, dice) });
            deaths += play.events.iter().filter(|heard| **heard == (To::Seat(me), Sound::Death)).count();
        }
        assert!((2..30).contains(&deaths), "{deaths} deaths in two minutes of doing nothing");
    }

    #[test]
    fn any_input_leaves_the_world_valid() {
        for seed in 0..6 {
            let mut play = Play::<Arena>::new(16, seed);
            let mut held = [Helm::default(); 16];
            for _ in 0..2_000 {
                play.tick(|_, seat, dice| {
                    if dice.one_in(10) {
                        let stick = vec2(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0));
                        let aim = dice.one_in(2).then(|| vec2(dice.range(-400.0, 2000.0), dice.range(-400.0, 2000.0)));
                        held[seat.index()] = Helm { stick, aim, fire: !dice.one_in(3) };
                    }
                    held[seat.index()]
                });
                assert_valid(&play.world);
            }
        }
    }

    #[test]
    fn a_client_that_sees_only_its_own_secrets_moves_its_ship_as_the_server_does() {
        let mut play = Play::<Arena>::new(8, 21);
        let mut compared = 0;
        for now in 0..2 * MINUTE {
            let me = play.seats[now as usize % play.seats.len()];
            let mut client = play.world.clone();
            for other in client.ships.values_mut().filter(|ship| ship.seat != Some(me)) {
                (other.charge, other.reload_ticks, other.home) = (0, 0, None);
            }
            let mut inputs = [Some(Helm::default()); 8];
            play.tick(|world, seat, dice| {
                let helm = world.bot(seat, dice);
                if seat == me {
                    inputs[me.index()] = Some(helm);
                }
                helm
            });
            client.step(&mut Step::new(Tick(now), &inputs, &mut Rng::new(now.into()), &mut Vec::new()));
            Snapshot::empty(&Schema::of::<Arena>()).capture(&mut client, Tick(now));
            let [here, there] = [&client, &play.world].map(|world| world.ship(me).unwrap());
            // A shot that was fired in this very tick at point-blank range is the one thing it cannot know.
            if here.is_flying() && here.hp == there.hp && !here.is_shielded() {
                assert_eq!((here.at, here.velocity, here.nose), (there.at, there.velocity, there.nose));
                assert_eq!((here.charge, here.reload_ticks), (there.charge, there.reload_ticks));
                compared += 1;
            }
        }
        assert!(compared > MINUTE, "only {compared} ticks in flight");
    }

    #[test]
    fn a_gun_runs_dry_and_recovers() {
        let mut play = Play::<Arena>::new(1, 5);
        let mut shots = [0; 20];
        for second in &mut shots {
            for _ in 0..Arena::RULES.tick_rate_hz {
                play.tick(|_, _, _| Helm { fire: true, ..Helm::default() });
                *second += count(&play, Sound::Shot);
            }
        }
        assert!(shots[1] >= 5, "{shots:?}");
        assert!((1..=3).contains(&shots[19]), "{shots:?}");
    }

    #[test]
    fn a_leaver_takes_ship_and_shots_along() {
        let mut play = Play::<Arena>::new(2, 5);
        for _ in 0..90 {
            play.tick(|_, _, _| Helm { fire: true, ..Helm::default() });
        }
        let (gone, stays) = (play.seats[0], play.seats[1]);
        assert!(play.world.shots.values().any(|shot| shot.seat == Some(gone)));
        play.world.leave(gone, Leave::Quit);
        assert!(play.world.ship(gone).is_none() && play.world.ship(stays).is_some());
        assert!(play.world.shots.values().all(|shot| shot.seat == Some(stays)));
    }

    #[test]
    fn a_world_of_strangers_rows_is_stepped_without_a_fault() {
        let mut play = Play::<Arena>::new(2, 5);
        let nobodys = Ship { at: ROCKS[0].at, nose: f32::NAN, ..Ship::default() };
        play.world.ships.insert(nobodys);
        play.world.shots.insert(Shot { at: WORLD, velocity: Vec2::splat(f32::NAN), ..Shot::default() });
        for _ in 0..200 {
            play.bots();
        }
        assert!(play.world.ships.values().all(|ship| ship.nose.is_finite() && ship.at.is_finite()));
    }
}

//! The rules that players of the arena can rely on, with bots or dice at the controls.

use super::field::CHUNK_RADIUS;
use super::*;
use std::string::ToString;
use std::vec::Vec;
use tickwire::Tick;
use tickwire::input::{InputCodec, ViewAge};
use tickwire::math::vec2;
use tickwire::state::Schema;
use tickwire::testing::{Play, assert_deterministic, assert_predictable};
use tickwire::world::history::History;
use tickwire::world::rewind::{ClientViews, RewindCache, RoomViews};
use tickwire::world::snapshot::Snapshot;

const MINUTE: u32 = 60 * Arena::RULES.tick_rate_hz;
const LARGE: Options = Options { players: 64, teams: 4, entities: 1_000, goal: 200, seconds: 600 };

fn count(play: &Play<Arena>, wanted: What) -> u32 {
    play.events.iter().map(|(_, happening)| u32::from(happening.what == wanted)).sum()
}

fn assert_valid(world: &Arena) {
    for ship in world.ships.values() {
        let room = Vec2::splat(SHIP_RADIUS);
        assert!(ship.at.cmpge(room).all() && ship.at.cmple(world.size - room).all(), "a ship at {}", ship.at);
        assert!(ship.velocity.length() < 16.0, "a ship as fast as {}", ship.velocity);
        let deep = |rock: &&Rock| (rock.at - ship.at).length() < rock.radius + SHIP_RADIUS - 0.5;
        assert!(!ship.is_flying() || world.rocks.values().find(deep).is_none(), "a ship in a rock at {}", ship.at);
        assert!(!ship.is_flying() || ship.hp > 0, "{} hp, {} ticks", ship.hp, ship.rebirth_ticks);
        assert!(ship.is_flying() || ship.home.is_some() || ship.hp == 0);
        assert!(ship.team < world.round.teams);
    }
    for shot in world.shots.values() {
        assert!(shot.at.cmpge(Vec2::ZERO).all() && shot.at.cmple(world.size).all(), "a shot at {}", shot.at);
        assert!(shot.life_ticks > 0);
    }
    for chunk in world.debris.values() {
        assert!(chunk.at.cmpge(Vec2::ZERO).all() && chunk.at.cmple(world.size).all(), "debris at {}", chunk.at);
    }
}

/// Two ships of two teams at rest, `distance` apart on a line without anything in between; the first faces the other.
fn duel(distance: f32) -> Play<Arena> {
    let mut play = Play::<Arena>::new(2, 1);
    play.world.rocks.retain(|_, _| false);
    play.world.debris.retain(|_, _| false);
    play.world.items.retain(|_, _| false);
    for (ship, x) in play.world.ships.values_mut().zip([400.0, 400.0 + distance]) {
        (ship.at, ship.hp, ship.charge, ship.rebirth_ticks) = (vec2(x, 500.0), HP_MAX, CHARGE_MAX, 0.0);
    }
    play
}

/// The first ship fires and the second does nothing; returns the number of hits in `ticks` ticks.
fn fire(play: &mut Play<Arena>, ticks: u32) -> u32 {
    let me = play.seats[0];
    (0..ticks)
        .map(|_| {
            play.tick(|_, seat, _| Helm { fire: seat == me, ..Helm::default() });
            count(play, What::Hit)
        })
        .sum()
}

fn other(play: &mut Play<Arena>) -> &mut Ship {
    play.world.ships.values_mut().nth(1).unwrap()
}

#[test]
fn every_run_gives_the_same_worlds() {
    assert_deterministic::<Arena>();
    assert_predictable::<Arena>();
}

#[test]
fn bots_fight_pick_things_up_and_end_rounds() {
    for seed in 0..4 {
        let mut play = Play::<Arena>::new(8, seed);
        let [mut shots, mut hits, mut kills, mut spawns, mut gifts, mut rounds] = [0; 6];
        for _ in 0..5 * MINUTE {
            play.bots();
            assert_valid(&play.world);
            shots += count(&play, What::Shot);
            hits += count(&play, What::Hit);
            kills += count(&play, What::Kill);
            spawns += count(&play, What::Spawn);
            gifts += count(&play, What::Repair) + count(&play, What::Rapid) + count(&play, What::Armour);
            rounds += count(&play, What::Begin);
        }
        assert!(shots > 500 && hits > 150 && kills > 20, "{shots} shots, {hits} hits, {kills} kills");
        assert!(spawns >= 8 + kills / 2, "{spawns} spawns after {kills} kills");
        assert!(gifts >= 10, "{gifts} pick-ups");
        assert!((1..=5).contains(&rounds), "{rounds} rounds in five minutes");
    }
}

#[test]
fn bots_find_a_ship_that_hides_and_leave_others_a_chance() {
    let mut play = Play::<Arena>::new(6, 77);
    let mut deaths = 0;
    let me = play.seats[0];
    for _ in 0..2 * MINUTE {
        play.tick(|world, seat, dice| if seat == me { Helm::default() } else { world.bot(seat, dice) });
        let death = |(to, happening): &&(To, ArenaEvent)| *to == To::Seat(me) && happening.what == What::Death;
        deaths += play.events.iter().filter(death).count();
    }
    assert!((2..30).contains(&deaths), "{deaths} deaths in two minutes of doing nothing");
}

#[test]
fn any_input_leaves_the_world_valid() {
    for (seed, options) in [(0, Options::default()), (1, Options::default()), (2, LARGE)] {
        let mut play = Play::with(Arena::new(&options), 24, seed);
        let mut held = [Helm::default(); 24];
        for _ in 0..2_000 {
            play.tick(|_, seat, dice| {
                if dice.one_in(10) {
                    let stick = vec2(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0));
                    let aim = dice.one_in(2).then(|| vec2(dice.range(-400.0, 4496.0), dice.range(-400.0, 4496.0)));
                    held[seat.index()] = Helm { stick, aim, fire: !dice.one_in(3) };
                }
                held[seat.index()]
            });
            assert_valid(&play.world);
        }
    }
}

#[test]
fn a_large_room_holds_what_its_options_say() {
    let mut play = Play::with(Arena::new(&LARGE), 64, 5);
    let (mut kills, mut shots_max) = (0, 0);
    for _ in 0..MINUTE {
        play.bots();
        assert_valid(&play.world);
        kills += count(&play, What::Kill);
        shots_max = shots_max.max(play.world.shots.len());
    }
    let Arena { rocks, debris, items, ships, .. } = &play.world;
    assert_eq!((ships.len(), rocks.len() + debris.len() + items.len()), (64, 1_000));
    assert!(rocks.len() > 40 && items.len() > 20, "{} rocks, {} pick-ups", rocks.len(), items.len());
    assert!(kills > 20 && shots_max > 20, "{kills} kills, {shots_max} shots at once");
    for team in 0..4 {
        assert_eq!(ships.values().filter(|ship| ship.team == team).count(), 16);
    }
}

#[test]
fn each_option_has_bounds_and_the_bounds_are_told() {
    assert_eq!((Arena::check(&Options::default()), Arena::check(&LARGE)), (Ok(()), Ok(())));
    let usual = Options::default();
    for (options, expected) in [
        (Options { players: 65, ..usual }, "players has to be 2 to 64, not 65"),
        (Options { teams: 1, ..usual }, "teams has to be 2 to 4, not 1"),
        (Options { entities: 1_001, ..usual }, "entities has to be 12 to 1000, not 1001"),
        (Options { goal: 0, ..usual }, "goal has to be 1 to 1000, not 0"),
        (Options { seconds: 3_601, ..usual }, "seconds has to be 10 to 3600, not 3601"),
    ] {
        let refused = Arena::check(&options).map_err(|error| error.to_string());
        assert_eq!(refused, Err(expected.to_string()));
    }
}

#[test]
fn options_beyond_their_bounds_still_make_a_field() {
    let extremes = [
        Options { players: 0, teams: 0, entities: 0, goal: 0, seconds: 0 },
        Options { players: 255, teams: 255, entities: u16::MAX, goal: u16::MAX, seconds: u16::MAX },
    ];
    for options in extremes {
        let mut play = Play::with(Arena::new(&options), 6, 3);
        for _ in 0..300 {
            play.bots();
            assert_valid(&play.world);
        }
        assert!((2..=TEAMS_MAX).contains(&play.world.round.teams));
    }
}

#[test]
fn shots_hit_enemies_and_pass_through_friends() {
    let mut play = duel(120.0);
    assert!(fire(&mut play, 30) >= 3);
    assert!(other(&mut play).hp < HP_MAX);
    let mut play = duel(120.0);
    other(&mut play).team = 0;
    assert_eq!(fire(&mut play, 30), 0);
    assert_eq!(other(&mut play).hp, HP_MAX);
}

#[test]
fn cover_stops_shots_and_sight() {
    let mut play = duel(300.0);
    play.world.rocks.insert(Rock { at: vec2(550.0, 500.0), radius: 40.0 });
    assert!(fire(&mut play, 60) == 0 && count(&play, What::Hurt) == 0);
    let sees = |play: &Play<Arena>| play.world.sees(0, play.world.ships.values().nth(1).unwrap());
    assert!(!sees(&play), "behind a rock");
    other(&mut play).at.y = 700.0;
    assert!(sees(&play), "beside it");
    other(&mut play).at = vec2(400.0 + RADAR - 1.0, 500.0);
    assert!(sees(&play), "within the radar's reach");
    let me = play.seats[0];
    play.world.rocks.retain(|_, _| false);
    other(&mut play).at = vec2(400.0 + SIGHT + 1.0, 500.0);
    assert!(!sees(&play), "too far away");
    let friend = Ship { at: vec2(400.0 + SIGHT - 100.0, 500.0), hp: HP_MAX, ..Ship::default() };
    play.world.ships.insert(friend);
    assert!(sees(&play), "seen by a friend");
    assert!(play.world.ship(me).is_some());
}

#[test]
fn a_ship_that_fled_at_full_speed_is_hit_where_its_shooter_saw_it() {
    let schema = Schema::of::<Arena>();
    // The ship flees in every direction, and from a place in every part of the grid's cells.
    for n in 0..64_u8 {
        let mut play = duel(100.0);
        let start = vec2(420.0 + f32::from(n) * 8.0, 380.0 + f32::from(n % 7) * 40.0);
        let way = math::heading(f32::from(n) * 2.4);
        let [me, them] = [play.seats[0], play.seats[1]];
        let mut history = History::new(Snapshot::empty(&schema));
        let ages = [ViewAge::from_parts(u8::MAX).at_most(Arena::RULES.past_ticks_max())];
        other(&mut play).at = start;
        let (mut events, mut rng, mut rewind_cache) = (Vec::new(), Rng::new(1), RewindCache::default());
        let (last, mut seen) = (Arena::RULES.past_ticks_max() + 1, start);
        for tick in 1..=last {
            // Hits push the ship on in every tick.
            other(&mut play).velocity = way * (SHIP_SPEED_MAX / math::max(way.x.abs(), way.y.abs()));
            if tick == last {
                // The shot grazes the tail of the ship.
                let off = vec2(way.x.signum() * SHIP_RADIUS, SHOT_SPEED / 2.0);
                let (at, velocity) = (seen - off, vec2(0.0, SHOT_SPEED));
                play.world.shots.insert(Shot { seat: Some(me), team: 0, at, velocity, life_ticks: 9 });
            }
            let mut inputs = [Some(Helm::default()); 2];
            inputs[them.index()] = Some(Helm { stick: way, ..Helm::default() });
            events.clear();
            let mut past = RoomViews::new(&schema, &history, &ages, 1, &mut rewind_cache);
            play.world.step(&mut Step::new(Tick(tick), &inputs, &mut rng, &mut events).with_past(&mut past));
            history.push(&schema, &mut play.world);
            seen = if tick == 1 { other(&mut play).at } else { seen };
        }
        let far = (other(&mut play).at - seen).length();
        let is_hit = events.iter().any(|(to, event): &(To, ArenaEvent)| *to == To::Seat(me) && event.what == What::Hit);
        assert!(is_hit, "{far} units from where it was seen, on its way {way} from {seen}");
    }
}

#[test]
fn debris_takes_shots_bursts_and_comes_back() {
    let mut play = duel(200.0);
    let chunk = Chunk { at: vec2(450.0, 500.0), velocity: Vec2::ZERO, hp: CHUNK_HP, wait_ticks: 0 };
    play.world.debris.insert(chunk);
    let me = play.seats[0];
    let mut crumbled = 0;
    for _ in 0..10 {
        play.tick(|_, seat, _| Helm { fire: seat == me, ..Helm::default() });
        crumbled += count(&play, What::Crumble);
        assert_eq!(other(&mut play).hp, HP_MAX);
    }
    assert!(crumbled > 0, "the stone burst");
    assert!(fire(&mut play, 20) > 0, "the way is free");
    let gone = (0..900).find(|_| {
        play.tick(|_, _, _| Helm::default());
        play.world.debris.values().all(|chunk| chunk.hp > 0)
    });
    assert!(gone.is_some_and(|ticks| ticks > 200), "{gone:?}");
}

#[test]
fn a_pick_up_helps_once_and_comes_back_as_another() {
    let mut play = duel(300.0);
    let at = vec2(700.0, 520.0 - CHUNK_RADIUS);
    play.world.items.insert(Item { at, gift: Gift::Repair, is_there: true, wait_ticks: 0 });
    other(&mut play).hp = 30;
    let mut gifts = Vec::new();
    for _ in 0..1_500 {
        play.tick(|_, _, _| Helm::default());
        let seat = play.seats[1];
        gifts.extend(play.events.iter().filter(|(to, _)| *to == To::Seat(seat)).map(|(_, event)| event.what));
    }
    assert_eq!(gifts[..4], [What::Repair, What::Rapid, What::Armour, What::Repair]);
    assert_eq!((other(&mut play).hp, other(&mut play).plates), (HP_MAX, PLATES_MAX));
}

#[test]
fn armour_takes_hits_and_a_fast_gun_fires_more() {
    let mut play = duel(120.0);
    other(&mut play).plates = 2;
    let mut hits = 0;
    while hits < 2 {
        hits += fire(&mut play, 1);
    }
    assert_eq!((other(&mut play).hp, other(&mut play).plates), (HP_MAX, 0));
    let shots = |rapid_ticks| {
        let mut play = duel(900.0);
        play.world.ships.values_mut().for_each(|ship| ship.rapid_ticks = rapid_ticks);
        (0..60).map(|_| (fire(&mut play, 1), count(&play, What::Shot)).1).sum::<u32>()
    };
    assert!(shots(RAPID_TICKS) > shots(0) * 3 / 2, "{} and {}", shots(RAPID_TICKS), shots(0));
}

#[test]
fn a_round_ends_at_the_goal_or_in_time_and_the_next_one_starts_at_home() {
    for by_time in [false, true] {
        let mut play = duel(300.0);
        let round = &mut play.world.round;
        round.scores = [3, 7, 0, 0];
        if by_time {
            round.left_seconds = 1
        } else {
            round.goal = 7
        }
        let mut over = 0;
        while over == 0 {
            play.tick(|_, _, _| Helm::default());
            over = count(&play, What::Over);
        }
        assert_eq!(play.world.round.phase, Phase::Won { team: 1 });
        assert_eq!(fire(&mut play, 30), 0, "guns rest in the pause after a round");
        let mut begun = 0;
        for _ in 0..8 * 30 {
            play.tick(|_, _, _| Helm::default());
            begun += count(&play, What::Begin);
            if begun == 1 {
                break;
            }
        }
        let Arena { round, ships, size, .. } = &play.world;
        assert_eq!((begun, round.phase, round.scores), (1, Phase::Play, [0; 4]));
        assert!(ships.values().all(|ship| ship.is_flying() && ship.hp == HP_MAX));
        assert!(
            ships.values().all(|ship| (ship.at.x < size.x / 2.0) == (ship.team == 0)),
            "each ship is on its own side"
        );
    }
}

#[test]
fn equal_scores_are_a_draw_and_a_late_kill_counts_no_more() {
    let mut play = duel(300.0);
    (play.world.round.scores, play.world.round.left_seconds) = ([4, 4, 0, 0], 1);
    for _ in 0..40 {
        play.tick(|_, _, _| Helm::default());
    }
    assert_eq!(play.world.round.phase, Phase::Drawn);
    play.world.round.count_kill(0);
    assert_eq!(play.world.round.scores, [4, 4, 0, 0]);
}

#[test]
fn a_new_player_helps_the_weaker_team_and_flies_within_two_seconds() {
    let mut play = Play::<Arena>::new(5, 9);
    assert_eq!(play.world.ships.values().filter(|ship| ship.team == 0).count(), 3);
    play.world.leave(play.seats[1], Leave::Quit);
    play.world.leave(play.seats[3], Leave::Lost);
    for seat in Seat::first(8).skip(5) {
        play.world.join(seat);
        assert_eq!(play.world.ship(seat).unwrap().team, 1);
    }
    for _ in 0..60 {
        play.tick(|_, _, _| Helm::default());
    }
    assert!(play.world.ships.values().all(Ship::is_flying));
}

#[test]
fn a_client_that_sees_only_its_own_secrets_moves_its_ship_as_the_server_does() {
    let mut play = Play::<Arena>::new(8, 21);
    let mut compared = 0;
    for now in 0..3 * MINUTE {
        let me = play.seats[now as usize % play.seats.len()];
        let mut client = play.world.clone();
        for other in client.ships.values_mut().filter(|ship| ship.seat != Some(me)) {
            (other.charge, other.reload_ticks, other.rapid_ticks, other.home) = (0, 0, 0, None);
        }
        client.debris.values_mut().for_each(|chunk| chunk.wait_ticks = 0);
        client.items.values_mut().for_each(|item| item.wait_ticks = 0);
        (client.round.referee, client.round.seconds) = (false, 0);
        let phase = client.round.phase;
        let mut inputs = [Some(Helm::default()); 8];
        play.tick(|world, seat, dice| {
            let helm = world.bot(seat, dice);
            if seat == me {
                inputs[me.index()] = Some(InputCodec::new().quantize(helm));
            }
            helm
        });
        let schema = Schema::of::<Arena>();
        let (mut snapshot, mut rewind_cache) = (Snapshot::empty(&schema), RewindCache::default());
        snapshot.capture(&mut client, Tick(now));
        let (mut rng, mut events) = (Rng::new(now.into()), Vec::new());
        let mut past = ClientViews::of_the_present(&schema, &snapshot, &mut rewind_cache);
        client.step(&mut Step::new(Tick(now + 1), &inputs, &mut rng, &mut events).with_past(&mut past));
        snapshot.capture(&mut client, Tick(now + 1));
        let [here, there] = [&client, &play.world].map(|world| world.ship(me).unwrap());
        // A client cannot know the shots that others fire. It cannot know either that a hit was the last one, or that a
        // stone came back in the way.
        if here.is_flying() && there.is_flying() && here.hp == there.hp && here.plates == there.plates {
            assert_eq!((here.at, here.velocity, here.nose), (there.at, there.velocity, there.nose));
            assert_eq!((here.charge, here.reload_ticks), (there.charge, there.reload_ticks));
            compared += 1;
        }
        assert_eq!(client.round.phase, phase, "only the server ends rounds");
    }
    assert!(compared > 2 * MINUTE, "only {compared} ticks in flight");
}

#[test]
fn a_gun_runs_dry_and_recovers() {
    let mut play = duel(900.0);
    let mut shots = [0; 20];
    for second in &mut shots {
        for _ in 0..Arena::RULES.tick_rate_hz {
            fire(&mut play, 1);
            *second += count(&play, What::Shot);
        }
    }
    assert!(shots[0] >= 5, "{shots:?}");
    assert!((1..=3).contains(&shots[19]), "{shots:?}");
}

#[test]
fn a_player_that_leaves_takes_ship_and_shots_along() {
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
fn a_world_of_arbitrary_rows_is_stepped_without_a_fault() {
    let mut play = Play::<Arena>::new(2, 5);
    let middle = play.world.size / 2.0;
    play.world.ships.insert(Ship { at: middle, nose: f32::NAN, ..Ship::default() });
    play.world.shots.insert(Shot { at: play.world.size, velocity: Vec2::splat(f32::NAN), ..Shot::default() });
    play.world.debris.insert(Chunk { at: Vec2::splat(f32::NAN), hp: 1, ..Chunk::default() });
    for _ in 0..200 {
        play.bots();
    }
    assert!(play.world.ships.values().all(|ship| ship.nose.is_finite() && ship.at.is_finite()));
    let mut nothing = Arena::default();
    nothing.step(&mut Step::new(Tick(30), &[], &mut Rng::new(1), &mut Vec::new()));
}

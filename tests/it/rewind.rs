//! Lag compensation: a shot that met its target on the shooter's screen hits, within bounds, and a replay gives the
//! same hits.

use crate::gallery::{Gallery, InGallery, Shot, Trigger};
use crate::harness::Play;
use tickwire::client::EventUpdate;
use tickwire::input::{Ack, InputCodec, InputFrame, ViewAge};
use tickwire::limits::{PAST_MS_MAX, SNAPSHOT_HISTORY_LEN};
use tickwire::link::LinkProfile;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, Hello};
use tickwire::world::history::{History, Recalled};
use tickwire::world::simulation::{Checkpoint, ReplayError, Simulation, TickRecord};
use tickwire::{Game, Leave, Mode, Rng, Rules, Seat, State, Step, Tick};
use tickwire_games::{Arena, Paddles};
use tickwire_server::room::{MemberId, Room, RosterChange};

/// The gallery with a snapshot in every third tick.
#[derive(State, Clone, Default)]
struct SparseGallery {
    gallery: Gallery,
}

impl InGallery for SparseGallery {
    fn gallery(&self) -> &Gallery {
        &self.gallery
    }
}

impl Game for SparseGallery {
    type Input = Trigger;
    type Event = Shot;
    type Options = ();
    const RULES: Rules = Rules::new("sparse-gallery", 30).seats(8).mode(Mode::Snapshot { every_ticks: 3 });

    fn new(options: &()) -> Self {
        Self { gallery: Gallery::new(options) }
    }

    fn join(&mut self, seat: Seat) {
        self.gallery.join(seat);
    }

    fn leave(&mut self, seat: Seat, why: Leave) {
        self.gallery.leave(seat, why);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.gallery.play(tick);
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Trigger {
        self.gallery.bot(me, dice)
    }
}

/// The shots of the marksmen in half a minute.
struct Score {
    hits: usize,
    misses: usize,
    /// How many events of their own shots the marksmen's clients reported: one for each shot that was predicted right.
    heard: usize,
    /// The greatest age of the marksmen's views.
    age_ticks_max: f64,
    /// The longest time that a runner had been behind cover when it was hit.
    hit_covered_ticks: u8,
}

/// Lets two marksmen shoot at the runners on their screens, after ten seconds in which their clocks settle.
fn shoot(seed: u64, latency_ms: u32, jitter_ms: u32) -> Score {
    shoot_over::<Gallery>(seed, LinkProfile { latency_ms, jitter_ms, ..LinkProfile::default() })
}

fn shoot_over<G: InGallery>(seed: u64, link: LinkProfile) -> Score {
    let mut play: Play<G> = Play::new(seed, 2, link);
    play.keeps_records = true;
    play.run_seconds(10);
    let settled = play.records.len();
    play.clients.iter_mut().for_each(|client| while client.session.poll_event().is_some() {});
    let mut heard = 0;
    for _ in 0..30 * G::RULES.tick_rate_hz {
        play.run_ticks(1);
        for client in &mut play.clients {
            let me = client.session.seat();
            let own = |event: &Shot| matches!(event, Shot::Hit(seat, _) | Shot::Missed(seat, _) if Some(*seat) == me);
            let happened = |update| match update {
                EventUpdate::Happened { event, .. } => Some(event),
                EventUpdate::Cancelled { .. } => None,
            };
            let happenings = std::iter::from_fn(|| client.session.poll_event());
            heard += happenings.filter_map(happened).filter(own).count();
        }
    }
    play.assert_sound();
    let records = &play.records[settled..];
    let shots: Vec<Shot> = records.iter().flat_map(|record| &record.events).map(|(_, shot)| *shot).collect();
    let hits = shots.iter().filter(|shot| matches!(shot, Shot::Hit(..))).count();
    let ages = records.iter().flat_map(|record| &record.actions).map(|(_, action)| action.age.parts());
    let runners = play.room.checkpoint().world.gallery().runners.values();
    let hit_covered_ticks = runners.map(|runner| runner.hit_covered_ticks).max().unwrap_or(0);
    let age_ticks_max = f64::from(ages.max().unwrap_or(0)) / 16.0;
    Score { hits, misses: shots.len() - hits, heard, age_ticks_max, hit_covered_ticks }
}

#[test]
fn a_shot_that_met_its_target_on_the_shooters_screen_hits() {
    for latency_ms in (0..=150).step_by(25) {
        for jitter_ms in [0, 20] {
            let score = shoot(u64::from(latency_ms), latency_ms, jitter_ms);
            let Score { hits, misses, heard, age_ticks_max, .. } = score;
            assert!(hits > 200, "{hits} hits at {latency_ms} ms");
            assert!(misses * 100 <= hits, "{misses} of {} shots missed at {latency_ms} ms", hits + misses);
            // A client reports its own shots when it predicts them. Of a few shots it reports a second outcome, because
            // the first was predicted wrong.
            assert!(
                heard.abs_diff(hits + misses) * 50 <= hits,
                "{heard} events of {} shots at {latency_ms} ms",
                hits + misses
            );
            let least = f64::from(latency_ms * Gallery::RULES.tick_rate_hz) / 1_000.0;
            assert!(age_ticks_max > least, "a view of {age_ticks_max} ticks at {latency_ms} ms");
        }
    }
}

#[test]
fn a_stalling_link_makes_views_older_and_no_shot_miss() {
    for (latency_ms, jitter_ms, stall_percent) in [(100, 30, 2), (150, 20, 2), (90, 40, 1), (70, 60, 2)] {
        let link = LinkProfile { latency_ms, jitter_ms, stall_percent, ..LinkProfile::default() };
        let Score { hits, misses, age_ticks_max, .. } = shoot_over::<Gallery>(u64::from(latency_ms), link);
        assert!(hits > 200, "{hits} hits over {link}");
        assert!(misses * 100 <= hits, "{misses} of {} shots missed over {link}", hits + misses);
        assert!(age_ticks_max > 11.0, "a view of {age_ticks_max} ticks over {link}: stalls made it no older");
    }
}

#[test]
fn a_runner_that_is_shown_between_two_sparse_snapshots_is_hit_too() {
    for (latency_ms, jitter_ms) in [(0, 0), (50, 20), (100, 0), (150, 20)] {
        let link = LinkProfile { latency_ms, jitter_ms, ..LinkProfile::default() };
        let Score { hits, misses, age_ticks_max, .. } = shoot_over::<SparseGallery>(u64::from(latency_ms), link);
        assert!(hits > 200, "{hits} hits over {link}");
        assert!(misses * 100 <= hits, "{misses} of {} shots missed over {link}", hits + misses);
        let least = 3.0 + f64::from(latency_ms * SparseGallery::RULES.tick_rate_hz) / 1_000.0;
        assert!(age_ticks_max > least, "a view of {age_ticks_max} ticks over {link}");
    }
}

#[test]
fn a_runner_behind_cover_is_hit_for_no_longer_than_the_rewind_window() {
    let window_ticks = Gallery::RULES.past_ticks_max();
    assert_eq!(window_ticks, (PAST_MS_MAX * Gallery::RULES.tick_rate_hz).div_ceil(1_000));
    let mut worst = 0;
    for latency_ms in (0..=300).step_by(20) {
        let score = shoot(u64::from(latency_ms) + 1_000, latency_ms, 20);
        assert!(u32::from(score.hit_covered_ticks) <= window_ticks, "{} at {latency_ms} ms", score.hit_covered_ticks);
        assert!(score.age_ticks_max <= f64::from(window_ticks), "{} at {latency_ms} ms", score.age_ticks_max);
        worst = worst.max(score.hit_covered_ticks);
    }
    assert!(worst > 2, "no runner was hit behind cover at all: {worst}");
}

fn enter(room: &mut Room<Gallery>, number: u8) -> MemberId {
    let hello = Hello::of::<Gallery>("C4FK9T", "hostile");
    room.enter(&hello, [number; 16]).expect("a free seat").member
}

/// A shot at the place where a runner was `back` ticks before the newest one.
fn aim_at(room: &Room<Gallery>, back: u32, dice: &mut Rng) -> Trigger {
    let (history, newest) = (&room.checkpoint().history, room.newest());
    let mut recalled = Recalled::default();
    let world = history.at(room.schema(), newest.tick - back, &mut recalled).unwrap_or(newest);
    let lane = u8::try_from(dice.below(3)).expect("there are few lanes");
    let mut gallery = Gallery::default();
    world.restore(&mut gallery);
    let runner = gallery.runners.values().find(|runner| runner.lane == lane);
    Trigger { fire: true, lane, at: runner.expect("a runner in each lane").x }
}

/// The same for a random number of ticks.
fn aim(room: &Room<Gallery>, dice: &mut Rng) -> Trigger {
    let back = dice.below(16);
    aim_at(room, back, dice)
}

/// The records of a room in which players come and go, and send inputs for any tick and with views of any age.
fn hostile_records(seed: u64, ticks: u32) -> Vec<TickRecord<Gallery>> {
    let (mut dice, codec) = (Rng::new(seed), InputCodec::<Trigger>::new());
    let mut room = Room::new(seed, &(), false);
    let mut members: Vec<MemberId> = (0..4).map(|number| enter(&mut room, number)).collect();
    let mut records = Vec::new();
    for tick in (1..=ticks).map(Tick) {
        for member in &members {
            // A view is believed as far as acknowledgements allow it: these look like those of a very bad link.
            let ack = Ack { tick: tick - 1 - tick.0 * 7 % 16, hash: 0 };
            let mut frame = InputFrame::one(tick, Trigger::default(), Some(ack), false);
            frame.count = 1 + usize::try_from(dice.below(8)).expect("at most 8");
            frame.tick = tick.offset(i64::from(dice.between(-12, 12)));
            for (input, age) in frame.inputs.iter_mut().zip(&mut frame.ages).take(frame.count) {
                *input = codec.quantize(aim(&room, &mut dice));
                let [parts, ..] = dice.next_u32().to_le_bytes();
                *age = ViewAge::from_parts(parts);
            }
            if let Some(back) = dice.one_in(2).then(|| dice.below(16)) {
                // In every second frame the claimed view fits the shot: it is the next tick's input, aimed in the world
                // `back` ticks before the newest.
                frame.tick = tick;
                frame.inputs[0] = codec.quantize(aim_at(&room, back, &mut dice));
                frame.ages[0] = ViewAge::from_ticks(f64::from(back + 1));
            }
            let mut message = Vec::new();
            codec.encode(&frame, &mut message);
            room.receive(*member, &message).expect("views of any age are good");
        }
        records.push(room.tick().clone());
        if dice.one_in(40) {
            let goodbye = room.receive(members.remove(0), &ClientControl::Leave.encode());
            assert_eq!(goodbye, Err(CloseCode::Normal));
            members.push(enter(&mut room, 9));
        }
    }
    records
}

/// The simulation after the records, replayed from `simulation` on.
fn replay<G: Game>(mut simulation: Simulation<G>, records: &[TickRecord<G>]) -> Result<Simulation<G>, ReplayError> {
    records.iter().try_for_each(|record| simulation.replay(record))?;
    Ok(simulation)
}

fn hits(records: &[TickRecord<Gallery>]) -> usize {
    let events = records.iter().flat_map(|record| &record.events);
    events.filter(|(_, shot)| matches!(shot, Shot::Hit(..))).count()
}

#[test]
fn a_replayed_room_gives_the_same_hits_for_any_views_that_its_players_claimed() {
    for seed in 0..20 {
        let records = hostile_records(seed, 300);
        assert!(hits(&records) > 20, "{} hits", hits(&records));
        let ages = || records.iter().flat_map(|record| &record.actions).map(|(_, action)| action.age);
        let window = ViewAge::from_parts(u8::MAX).at_most(Gallery::RULES.past_ticks_max());
        assert!(ages().all(|age| age <= window), "a view's age is clamped before it is recorded");
        assert!(ages().any(|age| age == window) && ages().any(|age| age.is_none() || age.parts() < 16));
        let replayed = replay(Simulation::new(seed, &()), &records).expect("the same hits");
        assert_eq!(replayed.tick(), Tick(300));
    }
}

#[test]
fn a_replay_notices_a_view_that_was_changed() {
    let records = hostile_records(3, 150);
    let is_hit = |record: &&TickRecord<Gallery>| hits(std::slice::from_ref(*record)) > 0;
    let (mut changed, mut noticed) = (0, 0);
    for hit in records.iter().filter(is_hit) {
        let mut records = records.clone();
        for (_, action) in &mut records[usize::try_from(hit.tick.0).expect("a short room") - 1].actions {
            action.age = ViewAge::from_parts(if action.age.parts() < 90 { 170 } else { 20 });
        }
        changed += 1;
        match replay(Simulation::new(3, &()), &records).err() {
            Some(ReplayError::Hash { tick, .. } | ReplayError::Events { tick }) => {
                assert_eq!(tick, hit.tick, "noticed at once");
                noticed += 1;
            }
            // A runner that stands still is hit in a view of any age.
            None => {}
            Some(gap) => panic!("{gap}"),
        }
    }
    assert!(noticed * 2 > changed, "{noticed} of {changed} changes were noticed");
    let gap = replay(Simulation::new(3, &()), &records[1..]).err();
    assert_eq!(gap, Some(ReplayError::Gap { expected: Tick(1), found: Tick(2) }));
}

#[test]
fn a_simulation_from_a_checkpoint_gives_the_same_hits_and_needs_its_history_for_that() {
    for seed in 0..8 {
        let records = hostile_records(seed, 200);
        let (before, after) = records.split_at(100);
        let checkpoint = replay(Simulation::new(seed, &()), before).expect("the same hits").checkpoint().clone();
        assert!(replay(Simulation::resume(checkpoint.clone()), after).is_ok());
        let newest = checkpoint.history.newest().clone();
        let forgetful = Checkpoint { history: History::new(newest), ..checkpoint };
        assert!(replay(Simulation::resume(forgetful), after).is_err(), "these shots looked back beyond the checkpoint");
    }
}

/// Replays sessions over bad links, with a cut connection and a player that leaves; gives the records.
fn assert_replays<G: Game>(seed: u64, players: usize) -> Vec<TickRecord<G>> {
    let link = LinkProfile { latency_ms: 90, jitter_ms: 40, stall_percent: 2, ..LinkProfile::default() };
    let mut play: Play<G> = Play::new(seed, players, link);
    play.keeps_records = true;
    play.run_seconds(8);
    play.cut(0);
    play.run_seconds(4);
    play.clients[1].session.leave();
    play.run_seconds(8);
    let simulation = Simulation::new(play.room_seed, &G::Options::default());
    let replayed = replay(simulation, &play.records).expect("the same worlds and events");
    assert_eq!(replayed.history().newest(), play.room.newest());
    play.records
}

#[test]
fn a_replay_of_sessions_over_bad_links_gives_the_same_worlds_and_events() {
    for seed in 0..4 {
        assert_replays::<Paddles>(seed, 2);
        assert_replays::<Arena>(seed, 6);
        let records = assert_replays::<Gallery>(seed, 5);
        let has_left = |record: &TickRecord<Gallery>| {
            record.roster.iter().any(|change| matches!(change, RosterChange::Left(_, Leave::Quit)))
        };
        assert!(hits(&records) > 50 && records.iter().any(has_left));
    }
}

#[test]
fn a_game_that_never_looks_back_records_no_view_ages() {
    fn ages<G: Game>() -> usize {
        let mut play: Play<G> = Play::new(1, 2, LinkProfile::default());
        play.keeps_records = true;
        play.run_seconds(10);
        let actions = play.records.iter().flat_map(|record| &record.actions);
        actions.filter(|(_, action)| !action.age.is_none()).count()
    }
    assert_eq!(ages::<Paddles>(), 0);
    assert!(ages::<Gallery>() > 100);
    assert!(ages::<Arena>() > 100, "its bots shoot");
}

#[test]
fn the_rewind_window_is_within_the_history_at_any_rate() {
    for rate_hz in 1..=240 {
        let ticks = Rules::new("any", rate_hz).past_ticks_max();
        assert!(ticks >= 1 && ticks < u32::try_from(SNAPSHOT_HISTORY_LEN).expect("a short history"));
        let oldest = ViewAge::from_parts(u8::MAX).at_most(ticks);
        assert!(f64::from(oldest.parts()) <= f64::from(ticks) * 16.0);
    }
}

//! Mispredictions by script: how large they are measured, how they are eased on screen, and which of them are never
//! eased.

use crate::harness::{Client, Play};
use glam::{Quat, Vec2, vec2};
use tickwire::link::LinkProfile;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Input, Leave, Mode, Rules, Seat, State, Step, Table, Tick};

/// The time in which a correction is eased to 1/e of its size, about a third.
const EASE_US: f32 = 80_000.0;

/// The script: the tick of each move, the vector by which every puck is moved in the step of that tick, and whether the
/// clients know of the move.
const SCRIPT: [(u32, Vec2, bool); 3] = [
    (SHOVED, vec2(24.0, 18.0), false),
    // A twelfth of the range is far for one tick: it is a leap for a puck that rests or moves slowly. It is less than
    // the eighth of the range that is a teleport after any motion, so that the client has to look at the puck's speed.
    (PUT_ELSEWHERE, vec2(134.0, -20.0), true),
    (PUT_ELSEWHERE_UNKNOWN, vec2(134.0, 20.0), false),
];
const SETTLED: u32 = 90;
const SHOVED: u32 = 150;
const PUT_ELSEWHERE: u32 = 240;
const PUT_ELSEWHERE_UNKNOWN: u32 = 330;

/// The distance by which the shove moves a puck: 24 by 18.
const SHOVED_UNITS: f32 = 30.0;

/// Pucks that rest but for the script.
#[derive(State, Clone, Default)]
struct Pucks {
    #[state(only = server)]
    is_server: bool,
    pucks: Table<Puck>,
}

#[derive(State, Clone, Default)]
struct Puck {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0..=1600, step = 0.0625, smooth)]
    at: Vec2,
    /// This field and the next one leap when the puck is shoved, which says nothing about the puck's place.
    #[state(range = 0..=128, step = 0.125, smooth)]
    dazed_ticks: f32,
    #[state(rotation, smooth)]
    facing: Quat,
}

#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
struct Nudge {
    #[input(range = -64..=64)]
    x: i8,
}

impl Game for Pucks {
    type Input = Nudge;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("pucks", 30);

    fn new((): &()) -> Self {
        Self { is_server: true, ..Self::default() }
    }

    fn join(&mut self, seat: Seat) {
        let at = vec2(100.0, 100.0 + 400.0 * f32::from(seat.number()));
        self.pucks.insert(Puck { seat: Some(seat), at, ..Puck::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.pucks.retain(|_, puck| puck.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.slide(tick);
    }
}

impl Pucks {
    fn slide<G: Game<Input = Nudge>>(&mut self, tick: &Step<'_, G>) {
        let now = tick.now();
        let is_server = self.is_server;
        let moves = SCRIPT.iter().filter(|(at, _, is_known)| Tick(*at) == now && (*is_known || is_server));
        let by: Vec2 = moves.map(|(_, by, _)| *by).sum();
        for puck in self.pucks.values_mut() {
            let nudge = puck.seat.map_or(0.0, |seat| f32::from(tick.input(seat).x));
            puck.at += by + vec2(nudge, 0.0);
            if now == Tick(SHOVED) && is_server {
                (puck.dazed_ticks, puck.facing) = (100.0, Quat::from_rotation_z(3.0));
            }
        }
    }
}

/// The same game with a snapshot in every third tick.
#[derive(State, Clone, Default)]
struct SparsePucks {
    pucks: Pucks,
}

impl Game for SparsePucks {
    type Input = Nudge;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("sparse-pucks", 30).mode(Mode::Snapshot { every_ticks: 3 });

    fn new(options: &()) -> Self {
        Self { pucks: Pucks::new(options) }
    }

    fn join(&mut self, seat: Seat) {
        self.pucks.join(seat);
    }

    fn leave(&mut self, seat: Seat, why: Leave) {
        self.pucks.leave(seat, why);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.pucks.slide(tick);
    }
}

/// The place of a seat's puck in a world.
fn place(world: &Pucks, seat: Seat) -> Option<Vec2> {
    world.pucks.values().find(|puck| puck.seat == Some(seat)).map(|puck| puck.at)
}

/// The places that one player was shown in a frame, and the state that its client knew then.
#[derive(Debug, Clone, Copy)]
struct Frame {
    now_us: u64,
    /// The tick of the newest snapshot that the client has received.
    confirmed: Tick,
    confirmed_own: Vec2,
    own: Vec2,
    other: Vec2,
    rollbacks: u64,
    correction_units: f32,
}

fn frame(client: &mut Client<Pucks>, now_us: u64) -> Option<Frame> {
    let me = client.session.seat()?;
    let other = Seat::new(1 - me.number())?;
    let newest: Snapshot = client.session.confirmed().clone();
    let mut world = Pucks::default();
    newest.restore(&mut world);
    let confirmed_own = place(&world, me)?;
    let stats = client.session.stats();
    let (rollbacks, correction_units) = (stats.rollbacks, stats.correction_units_max);
    let view = client.session.view(now_us)?;
    let (own, other) = (place(view, me)?, place(view, other)?);
    Some(Frame { now_us, confirmed: newest.tick, confirmed_own, own, other, rollbacks, correction_units })
}

/// Every frame that one of two players saw, over a link of 100 ms, while both pucks are nudged alike.
fn frames(nudge: i8) -> Vec<Frame> {
    let mut play: Play<Pucks> = Play::new(5, 2, LinkProfile { latency_ms: 100, ..LinkProfile::default() });
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge::default()));
    play.run_ticks(SETTLED);
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge { x: nudge }));
    let starved = |play: &Play<Pucks>| play.clients[0].session.stats().starved_ticks;
    let (at_first, mut frames) = (starved(&play), Vec::new());
    play.watch_ticks(PUT_ELSEWHERE_UNKNOWN + 60 - SETTLED, |index, client, now_us| {
        frames.extend((index == 0).then(|| frame(client, now_us)).flatten());
    });
    assert_eq!(starved(&play), at_first, "every input came in time: nothing but the script is unforeseen");
    play.heal();
    play.assert_converged();
    frames
}

/// The frames in which the newest confirmed tick is at least `from` and before `to`.
fn between(frames: &[Frame], from: u32, to: u32) -> &[Frame] {
    let at = |tick| frames.partition_point(|frame| frame.confirmed < Tick(tick));
    &frames[at(from)..at(to)]
}

#[test]
fn a_correction_is_measured_before_easing_and_eased_on_screen_alone() {
    let frames = frames(0);
    let (old, new) = (vec2(100.0, 100.0), vec2(124.0, 118.0));
    let before = between(&frames, SHOVED - 60, SHOVED);
    assert!(before.iter().all(|frame| frame.own == old && frame.confirmed_own == old));
    assert!(before.iter().all(|frame| (frame.rollbacks, frame.correction_units) == (0, 0.0)), "foreseen so far");

    let after = between(&frames, SHOVED, PUT_ELSEWHERE - 30);
    assert!(after.iter().all(|frame| frame.confirmed_own == new), "the confirmed world is moved at once");
    assert!(after.iter().all(|frame| frame.rollbacks == 1), "one correction");
    assert!(after.iter().all(|frame| frame.correction_units == SHOVED_UNITS), "the raw error: {:?}", after[0]);
    assert_eq!(after[0].own, old, "the first frame still shows the old place");
    for frame in after {
        let elapsed_us = (frame.now_us - after[0].now_us) as f32;
        let (left, expected) = (new.distance(frame.own), SHOVED_UNITS * (-elapsed_us / EASE_US).exp());
        assert!((left - expected).abs() <= 0.125, "{left} left after {elapsed_us} us: {expected} expected");
        assert!(elapsed_us < 3.0 * EASE_US || left < SHOVED_UNITS / 20.0, "next to nothing is left: {left}");
        assert!(elapsed_us < 8.0 * EASE_US || frame.own == new, "nothing is left");
    }
    let distances: Vec<f32> = after.iter().map(|frame| new.distance(frame.own)).collect();
    assert!(
        distances.is_sorted_by(|before, after| before >= after),
        "the puck on screen only comes nearer: {distances:?}"
    );
}

#[test]
fn a_teleported_puck_is_shown_in_one_place_or_the_other_whether_or_not_its_client_foresaw_it() {
    for nudge in [0, 1, 4] {
        let frames = frames(nudge);
        for at in [PUT_ELSEWHERE, PUT_ELSEWHERE_UNKNOWN] {
            let around = between(&frames, at - 12, at + 12);
            // Every step on screen is a frame's nudge or the whole leap, on both axes at once: a puck between the two
            // places, or in one of them on one axis alone, would be where it never was.
            let steps = |of: fn(&Frame) -> Vec2| {
                let steps: Vec<Vec2> = around.windows(2).map(|pair| of(&pair[1]) - of(&pair[0])).collect();
                let (leaps, others): (Vec<Vec2>, Vec<Vec2>) = steps.iter().partition(|step| step.x >= 130.0);
                assert!(leaps.len() == 1 && leaps[0].y.abs() == 20.0, "{steps:?} at {at}");
                let most = f32::from(nudge);
                assert!(others.iter().all(|step| step.x <= most && step.y == 0.0), "{steps:?} at {at}");
            };
            steps(|frame| frame.own);
            steps(|frame| frame.other);
            let rollbacks = around[around.len() - 1].rollbacks - around[0].rollbacks;
            assert_eq!(
                rollbacks,
                u64::from(at == PUT_ELSEWHERE_UNKNOWN),
                "a rollback corrects the teleport that was not foreseen"
            );
            let mut units = around.iter().map(|frame| frame.correction_units);
            assert!(units.all(|units| units == SHOVED_UNITS), "a teleport does not count as a correction");
        }
    }
}

#[test]
fn a_players_own_puck_glides_at_any_speed() {
    // 60 units in a tick are more than the part of the range that is a leap from rest, and the client shows the motion
    // before any snapshot has it.
    let nudge = 60;
    let mut play: Play<Pucks> = Play::new(5, 2, LinkProfile { latency_ms: 100, ..LinkProfile::default() });
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge::default()));
    play.run_ticks(SETTLED);
    play.clients[0].hands = Some(Nudge { x: nudge });
    let mut places = Vec::new();
    play.watch_ticks(16, |index, client, now_us| {
        places.extend((index == 0).then(|| frame(client, now_us)).flatten().map(|frame| frame.own.x));
    });
    // The first ticks, in which the puck starts, are left out. A frame is nearly half a tick.
    let steps: Vec<f32> = places[8..].windows(2).map(|pair| (pair[1] - pair[0]) / f32::from(nudge)).collect();
    assert!(steps.len() > 20 && steps.iter().all(|step| (0.4..=0.56).contains(step)), "uneven: {steps:?}");
}

#[test]
fn a_client_with_a_snapshot_every_third_tick_shows_its_own_puck_at_once_and_others_moving_evenly() {
    for jitter_ms in [0, 30] {
        let link = LinkProfile { latency_ms: 100, jitter_ms, ..LinkProfile::default() };
        let mut play: Play<SparsePucks> = Play::new(6, 2, link);
        play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge { x: 2 }));
        play.run_ticks(SETTLED);
        let before = play.clients[0].session.stats().clone();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        play.watch_ticks(SHOVED - 6 - SETTLED, |index, client, now_us| {
            let (true, Some(me)) = (index == 0, client.session.seat()) else { return };
            let ahead = client.session.predicted_tick().since(client.session.confirmed().tick);
            let view = client.session.view(now_us).expect("the game is on");
            let at = |seat| place(&view.pucks, seat).expect("both are here").x;
            own.push((at(me), ahead));
            others.push(at(Seat::new(1 - me.number()).expect("the other seat")));
        });
        let stats = play.clients[0].session.stats();
        assert_eq!(
            stats.snapshots - before.snapshots,
            u64::from(SHOVED - 6 - SETTLED) / 3,
            "a snapshot in every third tick"
        );
        assert_eq!((stats.rollbacks, stats.correction_units_max), (before.rollbacks, before.correction_units_max));
        assert!(own.iter().all(|(_, ahead)| *ahead >= 3), "own inputs are shown before the server has them: {own:?}");
        // Two units a tick, of which a frame is nearly a half.
        let steps = |places: &[f32]| places.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
        let own: Vec<f32> = own.iter().map(|(at, _)| *at).collect();
        for steps in [steps(&own), steps(&others)] {
            assert!(steps.iter().all(|step| (0.8..=1.2).contains(step)), "uneven: {steps:?}");
        }
        let interpolation = play.clients[0].session.interpolation();
        assert!(interpolation.delay_ticks() >= 3.0, "there are three ticks between two snapshots");
        play.heal();
        while !play.room.newest().tick.0.is_multiple_of(3) {
            play.run_ticks(1);
        }
        play.assert_converged();
    }
}

/// Players who fire two shots a tick while their input is not neutral, seen by nobody but themselves.
#[derive(State, Clone, Default)]
struct Volley {
    /// The ticks of the world: something that everyone sees.
    ticks: u32,
    #[state(only = owner)]
    shots: Table<Bolt>,
}

#[derive(State, Clone, Default)]
struct Bolt {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -1024..=1024, step = 0.5, smooth)]
    at: f32,
    /// One shot of a tick flies to the left, and one to the right.
    #[state(range = -8..=8)]
    speed: i8,
    flies_ticks: u8,
}

impl Game for Volley {
    type Input = Nudge;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("volley", 30);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.shots.retain(|_, shot| shot.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.ticks += 1;
        self.shots.retain(|_, shot| {
            shot.at += f32::from(shot.speed);
            shot.flies_ticks += 1;
            shot.flies_ticks < 20
        });
        for seat in tick.seats().filter(|seat| tick.input(*seat).x != 0) {
            for speed in [-8, 8] {
                self.shots.insert(Bolt { seat: Some(seat), at: 0.0, speed, flies_ticks: 0 });
            }
        }
    }
}

#[test]
fn own_spawns_under_secretly_drawn_ids_are_the_predicted_ones() {
    let mut play: Play<Volley> = Play::new(7, 2, LinkProfile { latency_ms: 100, ..LinkProfile::default() });
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge::default()));
    play.run_ticks(SETTLED);
    let before = play.clients[0].session.stats().clone();
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge { x: 1 }));
    let mut shown = 0;
    play.watch_ticks(90, |_, client, now_us| {
        let world = client.session.view(now_us).expect("the game is on");
        shown = shown.max(world.shots.len());
    });
    let stats = play.clients[0].session.stats();
    assert_eq!((stats.rollbacks, stats.correction_units_max), (before.rollbacks, before.correction_units_max));
    assert_eq!(shown, 40, "each shot is shown once, from the tick of its input on");
    play.clients.iter_mut().for_each(|client| client.hands = Some(Nudge::default()));
    play.heal();
    play.assert_converged();
}

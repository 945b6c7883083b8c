//! The rhythm of ticks over real sockets: the mean rate is exact, and a room that is too slow disturbs no other room
//! for as long as it is slow.
//!
//! These tests measure time on a machine that is shared. A late tick may be the server's fault or the machine's, so a
//! look at the server compares it with a thread that only sleeps to the same number of deadlines at the same time: the
//! server may be late in a fixed part of its ticks, and in a multiple of the part in which that thread is late.

use crate::player::Player;
use crate::socket::{Event, Socket, binary, create_room, create_room_with, metric, neutral_input};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tickwire::message::{SERVER_CONTROL, SNAPSHOT};
use tickwire::{Game, Input, Leave, Rules, Seat, State, Step, Tick};
use tickwire_bench::precise::{due_ns, now_ns, sleep_until, tighten_timers};
use tickwire_games::Crowd;
use tickwire_server::limits::{BUDGETS_PER_TICK, SLOW_LANE_SECONDS_MIN};
use tickwire_server::{Config, Running, Server};

const RATE_HZ: u32 = 30;
const TICK_US: u64 = 1_000_000 / RATE_HZ as u64;

/// The greatest number of looks at the rhythm: the machine is shared and spoils some of them.
const LOOKS: usize = 8;

/// The number of looks that have to be good: a single good look may be luck.
const GOOD_LOOKS: usize = 2;

/// How late one in ten snapshots may be while other tests use the cores. Beside a room that takes ten ticks of time for
/// each tick, and is not moved away, most snapshots are 100 ms late.
const LATE_S_MAX: f64 = 0.020;

/// Rooms beside the one that is too slow: enough ticks for one in a hundred of them to mean something.
const QUIET_ROOMS: usize = 64;

/// The part of all ticks on a shard that may begin 5 ms late.
const LATE_PART_MAX: f64 = 0.01;

/// How many times as often as a thread that only sleeps a shard may be 5 ms late. It is more than one, because a thread
/// that has nothing to do is woken sooner than any other.
const LATE_PER_SLEEPER_MAX: f64 = 3.0;

/// The part of all ticks that may be late at the most, even where that thread is late more often. A machine that leaves
/// less time than that shows nothing about the server.
const LATE_PART_SPOILT_MAX: f64 = 0.1;

/// The delay from which on a tick counts as late.
const LATE_NS: u64 = 5_000_000;

/// Deadlines per second of the thread that only sleeps: as many as a shard has.
const SLEEPER_HZ: u64 = 240;

/// The duration of one look.
const LOOK: Duration = Duration::from_secs(3);

/// The metrics of rooms that were moved to a slow lane, and of rooms that came back.
const SLOW: &str = "tickwire_rooms_slow_total";
const RECOVERED: &str = "tickwire_rooms_recovered_total";

/// The lock of a test that burns a core: one such test runs at a time.
static BURNING: Mutex<()> = Mutex::new(());

/// A game whose step takes as long as its options say. This breaks the rules for games, and the server has to cope with
/// it.
#[derive(State, Clone, Default)]
struct Glutton {
    #[state(only = server)]
    step_us: u32,
    /// The tick from which on a step takes no time; 0 for none.
    #[state(only = server)]
    full_at: u32,
    /// The tick that takes as long as `stall_us` says.
    #[state(only = server)]
    stall_at: u32,
    #[state(only = server)]
    stall_us: u32,
    steps: u32,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Appetite {
    step_us: u32,
    full_at: u32,
    stall_at: u32,
    stall_us: u32,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Nothing {
    nothing: bool,
}

impl Game for Glutton {
    type Input = Nothing;
    type Event = ();
    type Options = Appetite;
    const RULES: Rules = Rules::new("glutton", RATE_HZ);
    fn new(appetite: &Appetite) -> Self {
        let Appetite { step_us, full_at, stall_at, stall_us } = *appetite;
        Self { step_us, full_at, stall_at, stall_us, steps: 0 }
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.steps += 1;
        if self.stall_us > 0 && tick.now() == Tick(self.stall_at) {
            let end = Instant::now() + Duration::from_micros(u64::from(self.stall_us));
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        // The loop counts CPU time: other threads on the machine must not make the step use any less of it.
        if self.step_us > 0 && (self.full_at == 0 || tick.now() < Tick(self.full_at)) {
            let end = cpu_time() + Duration::from_micros(u64::from(self.step_us));
            while cpu_time() < end {}
        }
    }
}

/// The CPU time that this thread has had.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a time since the thread's start")
}

fn is_snapshot(event: &Event) -> bool {
    matches!(event, Event::Message(message) if message.first().is_some_and(|kind| *kind >= SNAPSHOT))
}

fn start() -> Running {
    Server::new(Config::on_free_ports()).game::<Crowd>().game::<Glutton>().start().expect("a free port")
}

/// A player of a quiet room on the same shard as everything else.
fn player_beside(server: &Running) -> Player<Crowd> {
    let mut player = Player::join(server.address(), &create_room(server.address(), "crowd"));
    assert!(player.play_until(|player| player.snapshots.len() > 10), "the player plays");
    player
}

/// The lateness of snapshots in seconds, sorted; the earliest snapshot says which time counts as on time.
fn lateness(snapshots: &[(Tick, Instant)]) -> Vec<f64> {
    let (first, start) = snapshots[0];
    let late = |(tick, at): &(Tick, Instant)| {
        at.duration_since(start).as_secs_f64() - f64::from(tick.0 - first.0) / f64::from(RATE_HZ)
    };
    let mut all: Vec<f64> = snapshots.iter().map(late).collect();
    all.sort_by(f64::total_cmp);
    let earliest = all[0];
    all.iter().map(|late| late - earliest).collect()
}

/// The ticks that rooms outside of the slow lane have begun, and how many of them were not [`LATE_NS`] late.
#[derive(Clone, Copy)]
struct Begun {
    all: f64,
    in_time: f64,
}

impl Begun {
    fn at(server: &Running) -> Self {
        let in_time = metric(server, "tickwire_tick_late_seconds_bucket{le=\"0.005\"}");
        Self { all: metric(server, "tickwire_tick_late_seconds_count"), in_time }
    }

    /// The part of the ticks since `earlier` that was late.
    fn late_since(self, earlier: Self) -> f64 {
        let all = self.all - earlier.all;
        assert!(all > 100.0, "rooms make their ticks");
        // The two metrics were not read at the same moment, so the part in time may come out above one.
        (1.0 - (self.in_time - earlier.in_time) / all).max(0.0)
    }
}

/// The findings of one look.
#[derive(Debug)]
struct Look {
    /// The part of all ticks that the server has begun late, by its own metrics.
    late_part: f64,
    /// The part of its deadlines at which a thread that only sleeps was late during the look.
    sleeper_late_part: f64,
    /// The lateness that one in ten snapshots exceeded, in seconds.
    late_p90_s: f64,
}

impl Look {
    fn at(server: &Running, player: &mut Player<Crowd>) -> Self {
        let (seen, before) = (player.snapshots.len(), Begun::at(server));
        let sleeper = thread::spawn(sleeper_late_part);
        player.play_for(LOOK);
        let late_part = Begun::at(server).late_since(before);
        let late = lateness(&player.snapshots[seen..]);
        let sleeper_late_part = sleeper.join().expect("it only sleeps");
        Self { late_part, sleeper_late_part, late_p90_s: late[late.len() * 90 / 100] }
    }

    fn is_good(&self) -> bool {
        // On a machine with time to spare the bound is the server's promise: 99 of 100 ticks are not 5 ms late.
        let late_part_max = LATE_PART_MAX + LATE_PER_SLEEPER_MAX * self.sleeper_late_part;
        let late_part_max = late_part_max.min(LATE_PART_SPOILT_MAX);
        self.late_part <= late_part_max && self.late_p90_s < LATE_S_MAX
    }
}

/// Sleeps until each of its deadlines for as long as a look takes; gives the part of them at which the thread was late.
fn sleeper_late_part() -> f64 {
    tighten_timers();
    let (start_ns, count) = (now_ns(), SLEEPER_HZ * LOOK.as_secs());
    let is_late = |number: &u64| {
        let at_ns = due_ns(start_ns, *number, SLEEPER_HZ);
        sleep_until(at_ns);
        now_ns() >= at_ns + LATE_NS
    };
    (1..=count).filter(is_late).count() as f64 / count as f64
}

/// Looks at the server and at a player until enough looks were good; fails when too many were bad.
fn assert_in_time(server: &Running, player: &mut Player<Crowd>, quiet: &[String]) {
    let (mut good, mut bad) = (0, Vec::new());
    while good < GOOD_LOOKS {
        // A seat is held for the time of ten looks.
        if (good + bad.len()) % 4 == 0 {
            quiet.iter().for_each(|code| hold_seat::<Crowd>(server, code));
        }
        let look = Look::at(server, player);
        if look.is_good() {
            good += 1;
        } else {
            bad.push(look);
        }
        assert!(bad.len() <= LOOKS - GOOD_LOOKS, "ticks begin late: {bad:?}");
    }
}

/// Plays until a metric has reached a value.
fn play_until_metric<G: Game>(server: &Running, player: &mut Player<G>, series: &str, value: f64) {
    for _ in 0..200 {
        if metric(server, series) >= value {
            return;
        }
        player.play_for(Duration::from_millis(100));
    }
    panic!("{series} did not reach {value}");
}

/// Rooms that do almost nothing, on the same shard as everything else.
fn open_quiet_rooms(server: &Running) -> Vec<String> {
    let empty = json!({ "entities": 0 });
    let codes: Vec<_> = (0..QUIET_ROOMS).map(|_| create_room_with(server.address(), "crowd", &empty)).collect();
    codes.iter().for_each(|code| hold_seat::<Crowd>(server, code));
    codes
}

/// Has a room tick for half a minute: somebody takes a seat, plays for a tick and is gone, and the seat is held.
fn hold_seat<G: Game>(server: &Running, code: &str) {
    let (mut socket, _) = Socket::enter::<G>(server.address(), code);
    socket.send(&binary(&neutral_input::<G>()));
}

/// Whether a snapshot comes next, besides words about the room and who is in it.
fn brings_snapshot(socket: &mut Socket) -> bool {
    loop {
        match socket.next() {
            Event::Message(message) if message.first() == Some(&SERVER_CONTROL) => {}
            other => return is_snapshot(&other),
        }
    }
}

/// The rate of these ticks, in hertz.
fn rate_of(snapshots: &[(Tick, Instant)]) -> f64 {
    // A snapshot may come late and never early, so the earliest snapshots of many show how the ticks themselves move.
    let start = snapshots[0].1;
    let earliest = |part: &[(Tick, Instant)]| {
        let off = |(tick, at): &(Tick, Instant)| {
            at.duration_since(start).as_secs_f64() - f64::from(tick.0) / f64::from(RATE_HZ)
        };
        part.iter().map(off).fold(f64::INFINITY, f64::min)
    };
    let third = snapshots.len() / 3;
    assert!(third > 60, "{} snapshots came", snapshots.len());
    let drift = earliest(&snapshots[2 * third..]) - earliest(&snapshots[..third]);
    // The drift lies between the middle of the first third and the middle of the last, give or take a third.
    let seconds = f64::from(RATE_HZ).recip() * f64::from(u32::try_from(2 * third).expect("a few hundred"));
    f64::from(RATE_HZ) * (1.0 - drift / seconds)
}

#[test]
fn the_mean_rate_of_a_rooms_ticks_is_exact() {
    let server = start();
    let mut player = player_beside(&server);
    // A machine that stands still for a moment costs a room ticks and spoils a look; a wrong rate is one in each.
    let rates: Vec<f64> = (0..4)
        .map(|_| {
            let from = player.snapshots.len();
            player.play_for(Duration::from_secs(8));
            rate_of(&player.snapshots[from..])
        })
        .take_while(|rate_hz| (rate_hz - f64::from(RATE_HZ)).abs() >= 0.01)
        .collect();
    assert!(rates.len() < 4, "{rates:?} ticks a second");
}

#[test]
fn a_room_that_takes_ten_times_its_tick_budget_delays_no_other_and_stays_in_the_slow_lane() {
    let _burning = BURNING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start();
    let step_us = 10 * TICK_US / BUDGETS_PER_TICK;
    let code = create_room_with(server.address(), "glutton", &json!({ "step_us": step_us }));
    hold_seat::<Glutton>(&server, &code);
    let quiet = open_quiet_rooms(&server);
    let mut player = player_beside(&server);
    play_until_metric(&server, &mut player, SLOW, 1.0);
    let moved = Instant::now();
    assert_in_time(&server, &mut player, &quiet);
    // This is longer than the time for which a room has to keep to its budget before it comes back.
    assert!(player.play_until(|_| moved.elapsed().as_secs() > SLOW_LANE_SECONDS_MIN + 1), "no player is closed");
    assert_eq!((metric(&server, SLOW), metric(&server, RECOVERED)), (1.0, 0.0), "the room stays in the slow lane");
    // All rooms drop ticks when the machine stands still; a room that cannot make its ticks drops them all the time.
    let dropped = || metric(&server, "tickwire_ticks_dropped_total");
    let drops: Vec<f64> = (0..4)
        .map(|_| {
            let before = dropped();
            player.play_for(Duration::from_secs(2));
            dropped() - before
        })
        .take_while(|dropped| *dropped >= 10.0)
        .collect();
    assert!(drops.len() < 4, "the room makes its ticks there, but for {drops:?}");
}

#[test]
fn a_room_that_takes_ten_times_its_tick_delays_no_other_for_long() {
    let _burning = BURNING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start();
    let quiet = open_quiet_rooms(&server);
    let mut player = player_beside(&server);
    let before = Begun::at(&server);
    let code = create_room_with(server.address(), "glutton", &json!({ "step_us": 10 * TICK_US }));
    let (mut inside, _) = Socket::enter::<Glutton>(server.address(), &code);
    play_until_metric(&server, &mut player, SLOW, 1.0);
    // The lateness before the room was moved shows the purpose of the slow lane.
    let late_part = Begun::at(&server).late_since(before);
    assert!(late_part > 10.0 * LATE_PART_MAX, "{late_part} of the ticks were late beside a room that stops the shard");
    assert_in_time(&server, &mut player, &quiet);
    assert_eq!(metric(&server, SLOW), 1.0);
    assert!(metric(&server, "tickwire_ticks_dropped_total") > 30.0, "overdue ticks are dropped");
    // The room goes on as fast as it can, and its code still leads to it.
    let (mut late, _) = Socket::enter::<Glutton>(server.address(), &code);
    for socket in [&mut inside, &mut late] {
        assert!((0..3).all(|_| brings_snapshot(socket)));
    }
}

#[test]
fn a_room_that_was_slow_for_a_while_comes_back_with_everyone_in_it() {
    let _burning = BURNING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start();
    let step_us = 10 * TICK_US / BUDGETS_PER_TICK;
    let code = create_room_with(server.address(), "glutton", &json!({ "step_us": step_us, "full_at": 90 }));
    let mut player = Player::<Glutton>::join(server.address(), &code);
    play_until_metric(&server, &mut player, SLOW, 1.0);
    let moved = Instant::now();
    play_until_metric(&server, &mut player, RECOVERED, 1.0);
    let away = moved.elapsed().as_secs();
    assert!(away >= SLOW_LANE_SECONDS_MIN, "the room came back after {away} s");
    let on_shard = || metric(&server, "tickwire_tick_late_seconds_count");
    let (seen, ticks) = (player.snapshots.len(), on_shard());
    player.play_for(Duration::from_secs(2));
    assert!(player.snapshots.len() > seen + 30 && on_shard() > ticks + 30.0, "the room makes its ticks on the shard");
    assert_eq!(metric(&server, SLOW), 1.0, "the room stays there");
    player.assert_undisturbed();
    let (mut late, _) = Socket::enter::<Glutton>(server.address(), &code);
    assert!(brings_snapshot(&mut late), "the room's code leads to it");
}

#[test]
fn a_shard_catches_up_five_ticks_after_a_long_stall_and_drops_the_rest() {
    // A machine that stands still as well spoils a look.
    let wrong: Vec<String> = (0..3).map_while(|_| after_a_stall().err()).collect();
    assert!(wrong.len() < 3, "{wrong:#?}");
}

/// A stall of twenty ticks; the error says what was wrong after it.
fn after_a_stall() -> Result<(), String> {
    let server = start();
    // The stall is twenty ticks long, and begins after all players have come.
    let stall = json!({ "stall_at": 90, "stall_us": 20 * TICK_US });
    let code = create_room_with(server.address(), "glutton", &stall);
    hold_seat::<Glutton>(&server, &code);
    let mut player = player_beside(&server);
    player.play_for(Duration::from_secs(4));
    player.assert_undisturbed();
    let late = lateness(&player.snapshots);
    let lost = (late[late.len() - 1] * f64::from(RATE_HZ)).round();
    let (ran, wall) = (player.snapshots.last().expect("many").0.since(player.snapshots[0].0), player.span());
    let behind = wall.as_secs_f64() * f64::from(RATE_HZ) - f64::from(i32::try_from(ran).expect("a few hundred"));
    let dropped = metric(&server, "tickwire_ticks_dropped_total");
    // Fifteen of the twenty are dropped, and five are caught up.
    let is_right = (14.0..=21.0).contains(&lost) && (12.0..=18.0).contains(&behind) && dropped >= 12.0;
    let words = || format!("{lost} ticks were late or lost, {behind} dropped, and {dropped} counted");
    is_right.then_some(()).ok_or_else(words)
}

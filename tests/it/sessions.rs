//! Sessions over bad networks: after any stalls and cuts, all clients and the room end with the same world.

use crate::events::{Salute, Trigger};
use crate::harness::Play;
use tickwire::client::EventUpdate;
use tickwire::limits::ADVANCE_TICKS_MAX;
use tickwire::link::LinkProfile;
use tickwire::math::vec2;
use tickwire::state::Schema;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Rng, Seat, Tick, To};
use tickwire_games::arena::{ArenaEvent, Helm, What};
use tickwire_games::{Arena, Paddles};
use tickwire_server::room::TickRecord;

/// The seeds of a test: `count` of them, times `TICKWIRE_SEEDS` in a long run.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    let factor = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1_u64);
    0..count * factor
}

/// A link such as people have; now and then it is a bad one.
pub(crate) fn profile(dice: &mut Rng) -> LinkProfile {
    LinkProfile {
        latency_ms: dice.below(250),
        jitter_ms: dice.below(80),
        stall_percent: dice.below(4),
        ..LinkProfile::default()
    }
}

#[test]
fn players_on_perfect_links_see_the_same_world() {
    let mut play: Play<Paddles> = Play::new(1, 2, LinkProfile::default());
    play.run_seconds(5);
    play.assert_converged();
    assert!(play.counters.keyframes <= 2, "one keyframe each: {:?}", play.counters);
    assert!(play.counters.snapshots > 500, "both players received their snapshots: {:?}", play.counters);
    assert!(play.counters.encodings <= play.counters.snapshots / 2 + 4, "one encoding for both: {:?}", play.counters);
}

#[test]
fn worlds_converge_over_hundreds_of_seeds_with_stalls_and_cuts() {
    for seed in seeds(150) {
        let mut dice = Rng::new(seed ^ 0x5eed);
        let mut play: Play<Paddles> = Play::new(seed, 2, profile(&mut dice));
        chaos(&mut play, &mut dice);
    }
    for seed in seeds(100) {
        let mut dice = Rng::new(seed ^ 0xa12e);
        let players = dice.between(2, 6);
        let mut play: Play<Arena> = Play::new(seed, usize::try_from(players).unwrap(), profile(&mut dice));
        chaos(&mut play, &mut dice);
    }
}

/// A few seconds of play in which links stall and break; after them the links are repaired, and all must converge.
pub(crate) fn chaos<G: tickwire::Game>(play: &mut Play<G>, dice: &mut Rng) {
    for _ in 0..6 {
        play.run_ticks(dice.below(40) + 1);
        let victim = dice.below(u32::try_from(play.clients.len()).unwrap());
        match dice.below(4) {
            0 => play.cut(usize::try_from(victim).unwrap()),
            1 => play.stall(usize::try_from(victim).unwrap(), dice.below(2_000)),
            _ => {}
        }
    }
    play.heal();
    play.assert_converged();
}

#[test]
fn a_client_that_stalls_for_a_second_converges() {
    let mut play: Play<Arena> = Play::new(7, 3, LinkProfile { latency_ms: 60, ..LinkProfile::default() });
    play.run_seconds(2);
    play.stall(1, 1_000);
    play.run_seconds(3);
    play.heal();
    play.assert_converged();
    assert!(play.clients.iter().all(|client| client.session.stats().welcomes == 1), "no client had to reconnect");
}

#[test]
fn a_client_whose_connection_is_cut_comes_back_to_the_same_seat() {
    let mut play: Play<Arena> = Play::new(3, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    play.run_seconds(2);
    let seat = play.clients[1].session.seat();
    play.cut(1);
    play.run_seconds(1);
    assert_eq!(play.clients[1].session.stats().welcomes, 2, "the client is back within a second");
    assert_eq!(play.clients[1].session.seat(), seat);
    play.heal();
    play.assert_converged();
}

#[test]
fn a_client_whose_welcomes_are_lost_still_gets_its_seat_back() {
    let mut play: Play<Paddles> = Play::new(4, 2, LinkProfile { latency_ms: 200, ..LinkProfile::default() });
    play.run_seconds(2);
    let seat = play.clients[0].session.seat();
    for _ in 0..3 {
        play.cut(0);
        // The next cut comes when the hello has arrived and the welcome, with the next token, is on its way: the client
        // never learns that token.
        while play.clients[0].member.is_none() {
            play.run_ticks(1);
        }
    }
    play.heal();
    assert_eq!(play.clients[0].session.seat(), seat);
    play.assert_converged();
}

#[test]
fn a_client_that_stops_acknowledging_is_closed_and_slows_no_other() {
    let mut play: Play<Arena> = Play::new(5, 3, LinkProfile::default());
    play.run_seconds(2);
    play.clients[0].is_mute = true;
    let before = play.clients[1].session.stats().snapshots;
    play.run_ticks(180);
    assert_eq!(play.clients[0].closes, [4007]);
    assert_eq!(play.clients[1].session.stats().snapshots - before, 180, "a snapshot in every tick");
    assert!(play.counters.superseded_snapshots > 90, "snapshots waited instead of being queued");
    play.clients[0].is_mute = false;
    // The hello of its first reconnect was lost while it was mute: it gives up waiting for the answer, and reconnects
    // once more.
    play.run_seconds(8);
    play.heal();
    play.assert_converged();
}

#[test]
fn the_held_seat_of_a_lost_player_is_freed_in_the_end() {
    let mut play: Play<Paddles> = Play::new(6, 2, LinkProfile::default());
    play.run_seconds(1);
    assert_eq!(play.room.summary().players, 2);
    play.clients[1].session.leave();
    play.run_seconds(1);
    assert_eq!(play.room.summary().players, 1, "a leave message frees the seat at once");
    play.clients[0].session.set_reachable(false, 0);
    play.cut(0);
    play.run_seconds(29);
    assert_eq!(play.room.summary().players, 1, "a lost player's seat is held");
    play.run_seconds(2);
    assert_eq!(play.room.summary().players, 0);
}

#[test]
fn a_player_without_a_free_seat_is_refused_and_does_not_try_again() {
    let mut play: Play<Paddles> = Play::new(8, 3, LinkProfile::default());
    play.run_seconds(10);
    let refused: Vec<&[u16]> =
        play.clients.iter().map(|client| &client.closes[..]).filter(|closes| !closes.is_empty()).collect();
    assert_eq!(refused, [[4004]]);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut play: Play<Arena> = Play::new(
            seed,
            4,
            LinkProfile { latency_ms: 80, jitter_ms: 40, stall_percent: 2, ..LinkProfile::default() },
        );
        play.run_seconds(5);
        (play.room.newest().clone(), play.counters)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11).0, run(12).0);
}

#[test]
fn the_inputs_of_a_client_on_a_steady_link_come_in_time() {
    let mut play: Play<Paddles> = Play::new(9, 2, LinkProfile { latency_ms: 120, ..LinkProfile::default() });
    play.run_seconds(20);
    for client in &play.clients {
        let stats = client.session.stats();
        assert!(stats.starved_ticks < 120, "the input clock settles: {stats:?}");
        assert!(stats.input_lead_ticks >= 0, "inputs come in time: {stats:?}");
    }
}

/// A player's own shots in a picture: `(x, y)` in wire steps, and the ticks that each shot has left to live.
fn own_shots(schema: &Schema, picture: &Snapshot, seat: Seat) -> Vec<(i64, i64, i64)> {
    let number = schema.tables.iter().position(|table| table.name == "shots").expect("arena has shots");
    let table = &schema.tables[number];
    let leaf = |name: &str| table.leaves.iter().position(|leaf| leaf.path == name).expect("a shot has a place");
    let (owner, x, y) = (table.owner.expect("a shot has an owner"), leaf("at.x"), leaf("at.y"));
    let life = leaf("life_ticks");
    let rows = &picture.tables[number];
    (0..rows.ids.len())
        .map(|index| rows.row(index))
        .filter(|row| row[owner] == u32::from(seat.number()) + 1)
        .map(|row| (i64::from(row[x]), i64::from(row[y]), i64::from(row[life])))
        .collect()
}

#[test]
fn a_shot_appears_at_once_and_never_twice() {
    // Steps of the wire integer: a shot flies at most 31 units a tick, and a frame is half a tick.
    let (near, units) = (
        |one: &(i64, i64, i64), other: &(i64, i64, i64), reach: i64| {
            (one.0 - other.0).abs() <= reach && (one.1 - other.1).abs() <= reach
        },
        16,
    );
    let schema = Schema::of::<Arena>();
    let link = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    for seed in seeds(4) {
        let mut play: Play<Arena> = Play::new(seed, 3, link);
        let mut pictures: Vec<Snapshot> = (0..3).map(|_| Snapshot::empty(&schema)).collect();
        let mut before: Vec<Vec<(i64, i64, i64)>> = vec![Vec::new(); 3];
        let (mut shots, mut frames, mut twins, mut lost, mut heard, mut unseen) = (0, 0, 0, 0, 0, 0);
        play.run_seconds(4);
        play.watch_ticks(40 * 30, |index, client, now_us| {
            let Some(seat) = client.session.seat() else { return };
            let Some(world) = client.session.view(now_us) else { return };
            pictures[index].capture(&mut world.clone(), Tick(0));
            let now = own_shots(&schema, &pictures[index], seat);
            frames += 1;
            while let Some(update) = client.session.poll_event() {
                if matches!(update, EventUpdate::Happened { event: ArenaEvent { what: What::Shot, .. }, .. }) {
                    heard += 1;
                    unseen += usize::from(now.is_empty());
                }
            }
            // A gun takes three ticks to load at the least: two shots of nearly the same age are one shot, drawn twice.
            twins +=
                (1..now.len()).filter(|at| now[..*at].iter().any(|other| (now[*at].2 - other.2).abs() < 3)).count();
            shots += now.iter().filter(|shot| !before[index].iter().any(|old| near(shot, old, 40 * units))).count();
            lost += usize::from(now.len() + 1 < before[index].len());
            before[index] = now;
        });
        // Now and then the bots of a seed lose sight of each other for the rest of the time.
        assert!(shots > 40, "{shots} shots in {frames} frames");
        // At point-blank range a shot hits in the tick in which it is fired.
        assert!(unseen * 8 < heard, "{unseen} of {heard} shots were reported before they were shown");
        assert_eq!(twins, 0, "of {shots} shots in {frames} frames");
        assert!(lost * 1_000 < frames, "{lost} of {frames} frames lost several shots at once");
    }
}

/// A game of two gunners over a link of 100 ms. Both have fired as fast as they can for three seconds.
fn firing() -> Play<Salute> {
    let mut play: Play<Salute> = Play::new(2, 2, LinkProfile { latency_ms: 100, ..LinkProfile::default() });
    play.clients.iter_mut().for_each(|client| client.hands = Some(Trigger { fire: true }));
    play.run_seconds(3);
    play.keeps_records = true;
    play
}

#[test]
fn a_hidden_page_goes_on_receiving_and_sends_neutral_inputs() {
    let mut play = firing();
    let me = play.clients[0].session.seat().expect("a player");
    play.clients[0].set_hidden(true);
    let (hidden_ticks, before) = (20 * 30, play.clients[0].session.stats().clone());
    play.run_ticks(hidden_ticks);
    let stats = play.clients[0].session.stats();
    assert_eq!(play.clients[0].closes, [0; 0], "it acknowledged its snapshots");
    assert_eq!(stats.snapshots - before.snapshots, u64::from(hidden_ticks), "and so a snapshot came in every tick");
    assert!(stats.starved_ticks - before.starved_ticks < 10, "its inputs go on: {stats:?}");
    assert_eq!(play.counters.superseded_snapshots, 0);
    // The inputs that the client made before it was hidden are under way for some ticks.
    let fires = |seat, records: &[TickRecord<Salute>]| {
        let actions = records.iter().flat_map(|record| &record.actions);
        actions.filter(|(by, action)| *by == seat && action.input.fire).count()
    };
    assert_eq!(fires(me, &play.records[12..]), 0, "no key is held on the hidden page");
    assert!(
        fires(Seat::new(1 - me.number()).expect("a seat"), &play.records[12..]) > 500,
        "the other player goes on firing"
    );

    play.clients[0].set_hidden(false);
    play.records.clear();
    play.run_seconds(1);
    assert!(fires(me, &play.records) >= 20, "the shown page fires again at once");
    play.heal();
    play.assert_converged();
}

#[test]
fn a_page_that_slept_catches_up_a_few_ticks_per_frame() {
    // The server is half a second away: many ticks are due at once.
    let mut play: Play<Arena> = Play::new(3, 2, LinkProfile { latency_ms: 500, ..LinkProfile::default() });
    play.run_seconds(5);
    for _ in 0..3 {
        play.clients[0].is_asleep = true;
        play.run_ticks(40);
        play.clients[0].is_asleep = false;
        let (mut inputs, mut made, mut ahead) = (play.clients[0].session.stats().inputs, Vec::new(), Vec::new());
        play.watch_ticks(20, |index, client, _| {
            if index == 0 {
                made.push(client.session.stats().inputs - inputs);
                inputs += made[made.len() - 1];
                ahead.push(client.session.predicted_tick().since(client.session.confirmed().tick));
            }
        });
        let max = u64::from(ADVANCE_TICKS_MAX);
        assert!(made.iter().all(|made| *made <= max), "{made:?} inputs in the first frames");
        assert_eq!(made[0], max, "much was due: {made:?}");
        // While the client slept the room held snapshots back: the client predicts from an old snapshot at first.
        assert!(ahead[4] >= 14 && ahead[ahead.len() - 1] >= 14, "as far ahead as before, soon: {ahead:?}");
        play.run_seconds(5);
    }
    play.heal();
    play.assert_converged();
}

#[test]
fn others_are_shown_later_when_the_link_gets_worse_and_sooner_when_it_gets_better() {
    let link =
        |jitter_ms, stall_percent| LinkProfile { latency_ms: 60, jitter_ms, stall_percent, ..LinkProfile::default() };
    let mut play: Play<Salute> = Play::new(4, 2, link(5, 0));
    let state = |play: &Play<Salute>| {
        let interpolation = play.clients[0].session.interpolation();
        (interpolation.delay_ticks(), interpolation.underruns())
    };
    play.run_seconds(20);
    let (good_ticks, _) = state(&play);
    play.clients.iter_mut().for_each(|client| client.set_link(link(90, 1)));
    play.run_seconds(5);
    let (bad_ticks, at_first) = state(&play);
    assert!(bad_ticks > good_ticks + 1.5, "within 5 s: from {good_ticks} to {bad_ticks} ticks");
    play.run_seconds(40);
    let (_, then) = state(&play);
    // A page draws 62 frames a second.
    assert!((then - at_first) * 100 < 40 * 62, "{} frames were guessed later on", then - at_first);
    play.clients.iter_mut().for_each(|client| client.set_link(link(5, 0)));
    // The client remembers the link of the last minute.
    play.run_seconds(65);
    let (again_ticks, _) = state(&play);
    assert!(again_ticks <= good_ticks + 0.5, "from {good_ticks} over {bad_ticks} to {again_ticks} ticks");
}

#[test]
fn a_key_press_moves_the_players_own_ship_in_the_next_frame() {
    let link = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    let schema = Schema::of::<Arena>();
    let mut moved = 0;
    for seed in seeds(20) {
        let mut play: Play<Arena> = Play::new(seed, 2, link);
        play.clients.iter_mut().for_each(|client| client.hands = Some(Helm::default()));
        // A new ship is a wreck for a while; then it lies still until a key is pressed.
        play.run_seconds(8);
        let mut picture = Snapshot::empty(&schema);
        let (mut frame, mut rest) = (0, Vec::new());
        play.watch_ticks(4, |index, client, now_us| {
            if index > 0 || frame > 1 {
                return;
            }
            frame += 1;
            if frame == 1 {
                let world = client.session.view(now_us).expect("the game is on");
                picture.capture(&mut world.clone(), Tick(0));
                rest = own_ship(&schema, &picture, client.session.seat());
                client.hands = Some(Helm { stick: vec2(1.0, 0.0), ..Helm::default() });
                client.session.push_input(client.hands.expect("just set"));
                return;
            }
            let world = client.session.view(now_us).expect("the game is on");
            picture.capture(&mut world.clone(), Tick(0));
            moved += usize::from(own_ship(&schema, &picture, client.session.seat()) != rest);
        });
        assert_eq!(frame, 2);
    }
    assert_eq!(moved, 20, "the ship moves in the first frame after the key went down");
}

/// The drawn fields of a player's own ship: its place and its heading.
fn own_ship(schema: &Schema, picture: &Snapshot, seat: Option<Seat>) -> Vec<u32> {
    let number = schema.tables.iter().position(|table| table.name == "ships").expect("arena has ships");
    let (table, rows) = (&schema.tables[number], &picture.tables[number]);
    let (owner, seat) = (table.owner.expect("a ship has an owner"), seat.expect("a player has a seat"));
    let mine = (0..rows.ids.len()).find(|index| rows.row(*index)[owner] == u32::from(seat.number()) + 1);
    let row = rows.row(mine.expect("a player has a ship"));
    table.leaves.iter().zip(row).filter(|(leaf, _)| leaf.marks.smooth).map(|(_, value)| *value).collect()
}

#[test]
fn an_event_is_reported_at_most_once_and_cancelled_when_it_did_not_happen() {
    let link = LinkProfile { latency_ms: 120, jitter_ms: 40, stall_percent: 3, ..LinkProfile::default() };
    let (mut told, mut cancelled, mut happened) = (0_usize, 0_usize, 0_usize);
    for seed in seeds(4) {
        let mut play: Play<Arena> = Play::new(seed, 4, link);
        play.run_seconds(3);
        for client in &mut play.clients {
            while client.session.poll_event().is_some() {}
        }
        let mut open: Vec<Vec<(u32, ArenaEvent)>> = vec![Vec::new(); 4];
        let mut shots: Vec<u32> = vec![0; 4];
        for tick in 0..60 * 30 {
            play.run_ticks(1);
            for (index, client) in play.clients.iter_mut().enumerate() {
                while let Some(update) = client.session.poll_event() {
                    match update {
                        EventUpdate::Happened { id, event } => {
                            told += 1;
                            assert!(open[index].iter().all(|(known, _)| *known != id), "each event has its own number");
                            open[index].push((id, event));
                        }
                        EventUpdate::Cancelled { id, event } => {
                            cancelled += 1;
                            match open[index].iter().position(|known| *known == (id, event)) {
                                Some(at) => drop(open[index].remove(at)),
                                None => assert!(tick < 30, "a cancelled event was reported before"),
                            }
                        }
                    }
                }
            }
            for (to, event) in &play.events {
                if let (To::Seat(seat), ArenaEvent { what: What::Shot, .. }) = (to, event) {
                    let mine = play.clients.iter().position(|client| client.session.seat() == Some(*seat));
                    mine.into_iter().for_each(|index| shots[index] += 1);
                }
            }
        }
        for (open, shots) in open.iter().zip(shots) {
            let heard = open.iter().filter(|(_, event)| event.what == What::Shot).count();
            let real = usize::try_from(shots).unwrap();
            happened += real;
            // The last shots may still be on their way, in either direction.
            assert!(heard.abs_diff(real) <= 3, "{heard} shots were reported and {real} fired");
        }
    }
    assert!(happened > 200 && told > happened, "{told} events were reported, {happened} shots fired");
    assert!(cancelled > 0, "late inputs make some predictions wrong: {told} events were reported");
}

//! Rooms that outlive their build: a match of one version of a game goes on in another one that has other fields.

use crate::harness::Play;
use crate::sessions::{profile, seeds};
use crate::settings::Place;
use crate::socket::{Socket, binary, create_room, hello, metric, neutral_input};
use std::path::Path;
use tickwire::client::Session;
use tickwire::message::control::{Hello, Welcome, fingerprint};
use tickwire::recording::describe::GameDescription;
use tickwire::world::full_state::FullState;
use tickwire::{Game, Rng, Seat};
use tickwire_server::room::{GameSchemas, Kept, ReviveError, Revived, Room, RoomChanges, RoomLimits, RoomSetup};
use tickwire_server::{Config, FileSetting, Server};

/// The game as it was first. A point is worth so much.
macro_rules! first_version {
    ($mode:expr, $point:expr) => {
        use tickwire::{Game, Input, Leave, Mode, Rng, Rules, Seat, State, Step, Table};

        #[derive(State, Clone, Default)]
        pub(crate) struct Regatta {
            #[state(range = 0..=20_000)]
            pub(crate) ticks: u32,
            pub(crate) wind: u8,
            pub(crate) boats: Table<Boat>,
        }

        #[derive(State, Clone, Default)]
        pub(crate) struct Boat {
            #[state(owner)]
            pub(crate) seat: Option<Seat>,
            #[state(range = 0..=1_000)]
            pub(crate) x: u16,
            pub(crate) score: u32,
            pub(crate) colour: u8,
        }

        #[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
        pub(crate) struct Helm {
            #[input(range = 0..=9)]
            pub(crate) oar: u8,
        }

        impl Game for Regatta {
            type Input = Helm;
            type Event = ();
            type Options = ();
            const RULES: Rules = Rules::new("regatta", 30).seats(3).mode($mode);

            fn new((): &()) -> Self {
                Self::default()
            }

            fn join(&mut self, seat: Seat) {
                self.boats.insert(Boat { seat: Some(seat), x: 0, score: 0, colour: 3 });
            }

            fn leave(&mut self, seat: Seat, _: Leave) {
                self.boats.retain(|_, boat| boat.seat != Some(seat));
            }

            fn step(&mut self, tick: &mut Step<'_, Self>) {
                self.ticks += 1;
                self.wind = tick.rng().below(256) as u8;
                for boat in self.boats.values_mut() {
                    let oar = boat.seat.map_or(0, |seat| tick.input(seat).oar);
                    boat.x = (boat.x + u16::from(oar)) % 1_001;
                    boat.score += if oar > 4 { $point } else { 0 };
                }
            }

            fn bot(&self, _: Seat, dice: &mut Rng) -> Helm {
                Helm { oar: dice.below(10) as u8 }
            }
        }
    };
}

/// The game as it is later: fields have come, gone, and have other names and ranges, and there is one more seat.
macro_rules! second_version {
    ($mode:expr) => {
        use super::first::Helm;
        use tickwire::{Game, Leave, Mode, Rng, Rules, Seat, State, Step, Table};

        #[derive(State, Clone, Default)]
        pub(crate) struct Regatta {
            pub(crate) buoys: Table<Buoy>,
            #[state(range = 0..=1_000_000)]
            pub(crate) ticks: u32,
            pub(crate) boats: Table<Boat>,
            pub(crate) gusts: u32,
        }

        #[derive(State, Clone, Default)]
        pub(crate) struct Buoy {
            pub(crate) x: u16,
        }

        #[derive(State, Clone)]
        pub(crate) struct Boat {
            pub(crate) score: u32,
            #[state(owner)]
            pub(crate) seat: Option<Seat>,
            #[state(range = -4_000..=4_000)]
            pub(crate) x: i16,
            pub(crate) paint: u8,
        }

        impl Default for Boat {
            fn default() -> Self {
                Self { score: 0, seat: None, x: 0, paint: 9 }
            }
        }

        impl Game for Regatta {
            type Input = Helm;
            type Event = ();
            type Options = ();
            const RULES: Rules = Rules::new("regatta", 30).seats(4).mode($mode);

            fn new((): &()) -> Self {
                Self::default()
            }

            fn join(&mut self, seat: Seat) {
                self.boats.insert(Boat { seat: Some(seat), ..Boat::default() });
            }

            fn leave(&mut self, seat: Seat, _: Leave) {
                self.boats.retain(|_, boat| boat.seat != Some(seat));
            }

            fn step(&mut self, tick: &mut Step<'_, Self>) {
                self.ticks += 1;
                self.gusts = self.gusts.wrapping_add(tick.rng().below(9));
                let x = self.ticks as u16;
                self.buoys.retain(|_, buoy| x.wrapping_sub(buoy.x) < 20);
                self.buoys.insert(Buoy { x });
                for boat in self.boats.values_mut() {
                    let oar = boat.seat.map_or(0, |seat| tick.input(seat).oar);
                    boat.x = (boat.x + i16::from(oar)) % 4_000;
                    boat.score += u32::from(oar > 6);
                }
            }

            fn bot(&self, _: Seat, dice: &mut Rng) -> Helm {
                Helm { oar: dice.below(10) as u8 }
            }
        }
    };
}

mod first {
    first_version!(Mode::Snapshot { every_ticks: 1 }, 1);
}

/// The first version with other rules, and the same fields.
mod generous {
    first_version!(Mode::Snapshot { every_ticks: 1 }, 5);
}

mod first_in_lockstep {
    first_version!(Mode::Lockstep { rollback_ticks_max: 8 }, 1);
}

mod second {
    second_version!(Mode::Snapshot { every_ticks: 1 });
}

mod second_in_lockstep {
    second_version!(Mode::Lockstep { rollback_ticks_max: 8 });
}

/// The game for two, with other inputs.
mod smaller {
    use super::first::Boat;
    use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step, Table};

    #[derive(State, Clone, Default)]
    pub(crate) struct Regatta {
        pub(crate) boats: Table<Boat>,
        /// The oars of the newest tick.
        pub(crate) oars: [u8; 2],
    }

    #[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
    pub(crate) struct Helm {
        #[input(range = 0..=99)]
        pub(crate) oar: u8,
    }

    impl Game for Regatta {
        type Input = Helm;
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("regatta", 30).seats(2);

        fn new((): &()) -> Self {
            Self::default()
        }

        fn join(&mut self, seat: Seat) {
            self.boats.insert(Boat { seat: Some(seat), ..Boat::default() });
        }

        fn leave(&mut self, seat: Seat, _: Leave) {
            self.boats.retain(|_, boat| boat.seat != Some(seat));
        }

        fn step(&mut self, tick: &mut Step<'_, Self>) {
            for seat in tick.seats() {
                self.oars[seat.index()] = tick.input(seat).oar;
            }
        }

        fn bot(&self, _: Seat, dice: &mut Rng) -> Helm {
            Helm { oar: dice.below(100) as u8 }
        }
    }
}

fn setup(seed: u64) -> RoomSetup {
    RoomSetup { secret: seed.into(), bots: 0, has_owner: true, limits: RoomLimits::default(), build: 0 }
}

/// A match of three in the first version, over bad links. A world of it is written every 50 ticks.
fn played<G: Game>(seed: u64) -> Play<G> {
    let link = profile(&mut Rng::new(seed));
    let mut play: Play<G> = Play::new(seed, 3, link).with_disk(50);
    play.run_seconds(4);
    play.run_ticks(seed as u32 * 7 % 45);
    assert!(play.clients.iter().all(|client| client.session.seat().is_some()));
    play
}

/// The room that a build with the game `N` makes from the bytes that a build with the game `G` has kept.
fn revived<G: Game, N: Game<Options = ()>>(seed: u64, kept: Kept<'_>) -> Result<(Room<N>, RoomChanges), ReviveError> {
    assert_ne!(fingerprint::<G>(), fingerprint::<N>());
    let was = serde_json::to_string(&GameDescription::of::<G>()).expect("plain data");
    let was = serde_json::from_str(&was).expect("what was just written");
    Room::revive_by_names(&GameSchemas::new(), setup(seed), &(), kept, &was)
}

/// The same room after it was kept in full, as when a server is stopped in order.
fn handed_over<G: Game, N: Game<Options = ()>>(play: &mut Play<G>) -> (Room<N>, RoomChanges) {
    let mut world = Vec::new();
    play.room.freeze().encode(&mut world);
    let kept = Kept { world: Some(&world), ticks: &[] };
    revived::<G, N>(play.room_seed, kept).expect("a room goes on")
}

/// The players of `play` come back to a room with the page of another build, and `newcomers` come for the first time.
fn come_back<G: Game, N: Game>(play: &Play<G>, room: Room<N>, newcomers: usize) -> Play<N> {
    let link = profile(&mut Rng::new(play.room_seed));
    let mut again: Play<N> = Play::new(!play.room_seed, 0, link);
    again.room = room;
    let seats = usize::from(N::RULES.seats);
    for client in play.clients.iter().filter(|client| client.session.seat().is_some_and(|seat| seat.index() < seats)) {
        let index = again.join(link);
        let token = client.session.resume_token();
        again.clients[index].session = Session::new("CODE42", "tester", token, index as u64);
    }
    (0..newcomers).for_each(|_| _ = again.join(link));
    again.run_seconds(6);
    again.heal();
    again.assert_converged();
    let back = play
        .clients
        .iter()
        .map(|client| client.session.seat())
        .filter(|seat| seat.is_some_and(|seat| seat.index() < seats));
    let now: Vec<Option<Seat>> = again.clients.iter().map(|client| client.session.seat()).collect();
    assert_eq!(now[..now.len() - newcomers], back.collect::<Vec<_>>(), "everybody is back in their seats");
    again
}

macro_rules! goes_on {
    ($first:ident, $second:ident, $seed:expr) => {{
        let mut play = played::<$first::Regatta>($seed);
        let (room, changes) = handed_over::<_, $second::Regatta>(&mut play);
        assert_eq!(room.summary().tick, play.room.summary().tick, "no tick is lost");
        let (was, is) = (&play.room.checkpoint().world, &room.checkpoint().world);
        assert_eq!((is.ticks, is.gusts, is.buoys.len()), (was.ticks, 0, 0));
        assert_eq!(is.boats.len(), 3);
        for ((id, is), (old_id, was)) in is.boats.iter().zip(was.boats.iter()) {
            assert_eq!((id, is.seat, is.score, i32::from(is.x)), (old_id, was.seat, was.score, i32::from(was.x)));
            assert_eq!(is.paint, 9, "a field with another name is a new one");
            assert!(was.x > 0 && was.score > 0 && was.colour == 3);
        }
        let fields = "converted: ticks, boats.x; new: gusts, buoys, boats.paint; gone: wind, boats.colour";
        assert_eq!(changes.to_string(), fields);
        assert_eq!((changes.ticks_lost, changes.players_gone, changes.inputs_neutral), (0, 0, false));
        let mut again = come_back(&play, room, 1);
        assert!(again.clients[3].session.seat() == Seat::new(3), "the new seat is free");
        let world = again.room.checkpoint().world.clone();
        assert!(world.boats.len() == 4 && world.buoys.len() == 20 && world.ticks > was.ticks);
        // From now on the room is kept in its new form.
        let mut kept = Vec::new();
        again.room.freeze().encode(&mut kept);
        let kept = Kept { world: Some(&kept), ticks: &[] };
        let Revived { room, .. } =
            Room::<$second::Regatta>::revive(&GameSchemas::new(), setup(play.room_seed), &(), kept).expect("a room");
        assert!(FullState::of(room.checkpoint()) == FullState::of(again.room.checkpoint()));
    }};
}

#[test]
fn a_match_goes_on_in_a_build_with_other_fields() {
    for seed in seeds(6) {
        goes_on!(first, second, seed);
        goes_on!(first_in_lockstep, second_in_lockstep, seed);
    }
}

#[test]
fn a_room_may_be_kept_in_its_new_form_before_its_next_tick() {
    let mut play = played::<first::Regatta>(3);
    let (mut room, _) = handed_over::<_, second::Regatta>(&mut play);
    room.begin_records();
    let mut kept = Vec::new();
    room.freeze().encode(&mut kept);
    let kept = Kept { world: Some(&kept), ticks: &[] };
    let again = Room::<second::Regatta>::revive(&GameSchemas::new(), setup(play.room_seed), &(), kept).expect("a room");
    assert!(FullState::of(again.room.checkpoint()) == FullState::of(room.checkpoint()));
    assert_eq!((again.room.missing(), again.replayed), (3, 0));
}

#[test]
fn ticks_after_the_newest_world_are_not_played_with_other_fields() {
    for seed in seeds(6) {
        let play = played::<first::Regatta>(seed);
        let kept = play.disk.as_ref().expect("it is written").kept();
        let (room, changes) = revived::<first::Regatta, second::Regatta>(play.room_seed, kept).expect("a room");
        let (now, last) = (room.summary().tick, play.room.summary().tick);
        assert_eq!((now.0 % 50, changes.ticks_lost), (0, (last.0 - now.0) as usize));
        if changes.ticks_lost > 0 {
            let text = changes.to_string();
            assert!(text.contains(&format!("{} ticks earlier", changes.ticks_lost)), "{text}");
        }
        come_back(&play, room, 0);
    }
}

#[test]
fn who_had_a_seat_that_is_gone_is_in_the_room_no_more() {
    let mut play = played::<first::Regatta>(5);
    let (mut room, changes) = handed_over::<_, smaller::Regatta>(&mut play);
    assert_eq!((changes.players_gone, changes.inputs_neutral, room.missing()), (1, true, 2));
    let boats = &room.checkpoint().world.boats;
    assert!(
        boats.len() == 3 && boats.values().all(|boat| boat.score > 0),
        "what it leaves behind is the game's business"
    );
    room.tick();
    assert_eq!(room.checkpoint().world.oars, [0, 0], "inputs of another form say nothing");
    let again = come_back(&play, room, 0);
    assert_eq!(again.clients.len(), 2);
    assert!(again.room.checkpoint().world.oars != [0, 0]);
}

#[test]
fn a_room_without_a_world_needs_the_fields_of_its_records() {
    let kept = Kept { world: None, ticks: &[] };
    let young = revived::<first::Regatta, second::Regatta>(1, kept).err();
    assert!(matches!(young, Some(ReviveError::Young)), "{young:?}");
}

#[test]
fn a_damaged_room_of_another_build_is_an_error() {
    let mut play = played::<first::Regatta>(7);
    let (mut world, mut dice) = (Vec::new(), Rng::new(7));
    play.room.freeze().encode(&mut world);
    for cut in 0..world.len() {
        let kept = Kept { world: Some(&world[..cut]), ticks: &[] };
        assert!(revived::<first::Regatta, second::Regatta>(1, kept).is_err(), "cut at {cut}");
    }
    for _ in 0..2_000 {
        let mut damaged = world.clone();
        for _ in 0..=dice.below(3) {
            let place = dice.below(damaged.len() as u32) as usize;
            damaged[place] = dice.next_u32() as u8;
        }
        let kept = Kept { world: Some(&damaged), ticks: &[] };
        // The state of the room has no hash of its own: its bytes may name somebody else, and are within their bounds.
        if let Ok((mut room, _)) = revived::<first::Regatta, smaller::Regatta>(1, kept) {
            room.tick();
        }
    }
}

#[test]
fn ticks_under_other_rules_are_played_with_the_same_inputs_and_it_is_said() {
    assert_eq!(fingerprint::<first::Regatta>(), fingerprint::<generous::Regatta>(), "the fields are the same");
    for seed in seeds(6).map(|seed| seed + 1) {
        let play = played::<first::Regatta>(seed);
        let kept = play.disk.as_ref().expect("it is written").kept();
        let first = kept.ticks.first().map(|(tick, _)| *tick);
        let revived = Room::<generous::Regatta>::revive(&GameSchemas::new(), setup(play.room_seed), &(), kept);
        let Revived { room, replayed, differs_at } = revived.expect("a room goes on");
        assert_eq!((room.summary().tick, replayed as usize), (play.room.summary().tick, kept.ticks.len()));
        assert!(differs_at >= first && differs_at.is_some() == (replayed > 0), "{differs_at:?}, first {first:?}");
        let (was, is) = (&play.room.checkpoint().world, &room.checkpoint().world);
        let place = |x: u16, score: u32, was: u32| (x, score.saturating_sub(was) > 0);
        for (is, was) in is.boats.values().zip(was.boats.values()) {
            assert_eq!(place(is.x, is.score, was.score), (was.x, replayed > 0), "the same strokes, and other points");
        }
        come_back(&play, room, 0);
    }
}

/// A server with a game on a folder of data, for as long as it takes to play a few ticks. The player of the last one comes
/// back.
fn serve<G: Game>(data: &Path, last: Option<(&str, &Welcome)>) -> (String, Welcome) {
    serve_changed::<G>(data, last, false)
}

/// The same; `are_changed` tells whether it is to be said that the rules of the game have changed.
fn serve_changed<G: Game>(data: &Path, last: Option<(&str, &Welcome)>, are_changed: bool) -> (String, Welcome) {
    let config = Config { data: FileSetting::At(data.into()), ..Config::on_free_ports() };
    let server = Server::new(config).game::<G>().start().expect("a free port");
    let code = last.map_or_else(|| create_room(server.address(), "regatta"), |(code, _)| code.into());
    let mut socket = Socket::open(server.address());
    let resume = last.map(|(_, welcome)| welcome.resume);
    socket.send(&binary(&Hello { resume, ..hello::<G>(&code) }.encode()));
    let welcome = socket.welcome();
    if let Some((_, last)) = last {
        assert!(welcome.resumed && welcome.seat == last.seat && welcome.tick > last.tick, "{welcome:?} after {last:?}");
        assert_eq!(metric(&server, "tickwire_rooms_revived_total"), 1.0);
        assert_eq!(metric(&server, "tickwire_rooms_lost_total"), 0.0);
        assert_eq!(metric(&server, "tickwire_rooms_diverged_total"), f64::from(u8::from(are_changed)));
    }
    // Without a message of theirs the room would not wait for a player whose connection is lost.
    socket.send(&binary(&neutral_input::<G>()));
    (0..10).for_each(|_| _ = socket.next());
    (code, welcome)
}

#[test]
fn servers_of_several_builds_go_on_with_each_others_rooms() {
    let place = Place::new("versions");
    let data = place.0.join("data");
    let (code, welcome) = serve::<first::Regatta>(&data, None);
    let (_, welcome) = serve::<second::Regatta>(&data, Some((&code, &welcome)));
    // The bytes that the last one has kept of the room are in its own form, and say so.
    let (_, welcome) = serve::<second::Regatta>(&data, Some((&code, &welcome)));
    let (_, welcome) = serve::<smaller::Regatta>(&data, Some((&code, &welcome)));
    let (_, welcome) = serve::<first::Regatta>(&data, Some((&code, &welcome)));
    // The last server has stopped with a world of the room, so that there is no tick to compare. It is told once.
    let (_, welcome) = serve_changed::<generous::Regatta>(&data, Some((&code, &welcome)), true);
    serve::<generous::Regatta>(&data, Some((&code, &welcome)));
}

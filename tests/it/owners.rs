//! The owner of a room: the choice of it, and the effect of its orders, through the real room.

use crate::socket::{hello, neutral_input};
use tickwire::input::{InputCodec, InputFrame};
use tickwire::message::SERVER_CONTROL;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, Hello, ServerControl};
use tickwire::message::topics::PlayerId;
use tickwire::world::roster::RosterChange;
use tickwire::{Game, Leave, Pad, Seat, Stage};
use tickwire_games::{Arena, Paddles};
use tickwire_server::limits::{AFK_MINUTES, KEPT_OUT_MAX, KICKED_SECONDS};
use tickwire_server::room::{
    Admitted, Entered, Entrant, GameSchemas, MemberId, Origin, Room, RoomLimits, RoomSetup, SnapshotPoll,
};

fn room_with(fill_with_bots: bool, has_owner: bool) -> Room<Arena> {
    let limits = RoomLimits { seats_per_origin_max: 32, ..RoomLimits::default() };
    let bots = if fill_with_bots { Arena::RULES.bots } else { 0 };
    let setup = RoomSetup { secret: 1.into(), bots, has_owner, limits, build: 0 };
    Room::with_schemas(&GameSchemas::new(), setup, &Default::default())
}

fn room() -> Room<Arena> {
    room_with(false, true)
}

/// Somebody with an address and a key of its own.
fn person(number: u8) -> Entrant {
    Entrant { player: Some(PlayerId([number; 10])), ..Origin::of(number.into()).into() }
}

fn try_enter(room: &mut Room<Arena>, who: Entrant, token: u8) -> Result<Entered, CloseCode> {
    let entered = room.enter_from(&hello::<Arena>("222222"), [token; 16], who)?;
    room.receive(entered.member, &neutral_input::<Arena>())?;
    Ok(entered)
}

fn enter(room: &mut Room<Arena>, number: u8) -> Entered {
    try_enter(room, person(number), number).expect("a seat")
}

fn watch(room: &mut Room<Arena>, who: Entrant) -> Result<Entered, CloseCode> {
    room.enter_from(&Hello { watches: true, ..hello::<Arena>("222222") }, [200; 16], who)
}

fn seat_of(entered: &Entered) -> Seat {
    entered.seat.expect("a seat")
}

fn order(room: &mut Room<Arena>, by: &Entered, order: &ClientControl) {
    room.receive(by.member, &order.encode()).expect("an order ends nobody's connection");
}

/// The messages about the owner that wait for a member.
fn told(room: &mut Room<Arena>, member: MemberId) -> Vec<(Option<u8>, bool)> {
    let messages = std::iter::from_fn(|| room.poll_message(member));
    let control = messages.filter(|message| message[0] == SERVER_CONTROL);
    let read = |message: Vec<u8>| match ServerControl::decode(&message).expect("a control message") {
        ServerControl::Room { owner, locked, .. } => Some((owner.map(Seat::number), locked)),
        _ => None,
    };
    control.filter_map(read).collect()
}

fn seconds(room: &mut Room<Arena>, seconds: u32, present: &[MemberId]) {
    for _ in 0..seconds * Arena::RULES.tick_rate_hz {
        room.tick();
        for member in present {
            room.receive(*member, &neutral_input::<Arena>()).expect("still there");
        }
    }
}

#[test]
fn the_first_player_owns_the_room_and_then_whoever_was_there_longest() {
    let mut room = room();
    let watcher = watch(&mut room, person(9)).expect("a place").member;
    assert_eq!(told(&mut room, watcher), [(None, false)], "a spectator owns nothing");
    let [first, second, third] = [1, 2, 3].map(|number| enter(&mut room, number));
    assert_eq!(told(&mut room, first.member), [(Some(0), false)]);
    assert_eq!(told(&mut room, third.member), [(Some(0), false)], "a newcomer is told after the welcome");
    assert_eq!(told(&mut room, watcher), [(Some(0), false)], "everybody is told of a change, the newest state once");
    room.receive(first.member, &ClientControl::Leave.encode()).expect_err("gone");
    // The free seat has the lowest number, and its next player is the newest.
    let fourth = enter(&mut room, 4);
    assert_eq!(seat_of(&fourth), seat_of(&first));
    assert_eq!(told(&mut room, third.member), [(Some(1), false)]);
    room.lost(second.member);
    assert_eq!(told(&mut room, third.member), [], "a seat that is held still owns");
    seconds(&mut room, 31, &[third.member, fourth.member]);
    assert_eq!(told(&mut room, third.member), [(Some(2), false)]);
    assert_eq!(told(&mut room, fourth.member), [(Some(2), false)]);
}

#[test]
fn a_host_owns_the_room_and_a_quick_match_has_no_owner() {
    let admitted = Some(Admitted { stay_ticks: 10_000, is_host: true });
    let mut room = room();
    let first = enter(&mut room, 1);
    order(&mut room, &first, &ClientControl::Lock(true));
    let host = try_enter(&mut room, Entrant { admitted, ..person(2) }, 2).expect("a host passes the lock");
    assert_eq!(told(&mut room, first.member), [(host.seat.map(Seat::number), true)]);
    let mut quick = room_with(true, false);
    let host = try_enter(&mut quick, Entrant { admitted, ..person(2) }, 2).expect("a seat");
    let other = enter(&mut quick, 3);
    order(&mut quick, &host, &ClientControl::Kick(seat_of(&other)));
    order(&mut quick, &host, &ClientControl::Lock(true));
    assert_eq!((told(&mut quick, host.member), quick.summary().players), (vec![], 2));
    enter(&mut quick, 4);
}

#[test]
fn nobody_but_the_owner_is_obeyed_and_a_free_seat_is_nothing() {
    let mut room = room();
    let [owner, other] = [1, 2].map(|number| enter(&mut room, number));
    let watcher = watch(&mut room, person(9)).expect("a place");
    let free = Seat::new(63).expect("a seat");
    for seat in [seat_of(&owner), seat_of(&other), free] {
        for by in [&other, &watcher] {
            order(&mut room, by, &ClientControl::Kick(seat));
            order(&mut room, by, &ClientControl::Ban(seat));
            order(&mut room, by, &ClientControl::HandOver(seat));
            order(&mut room, by, &ClientControl::Lock(true));
        }
    }
    for nothing in [ClientControl::Kick(free), ClientControl::Ban(seat_of(&owner)), ClientControl::HandOver(free)] {
        order(&mut room, &owner, &nothing);
    }
    assert_eq!((room.summary().players, room.poll_dismissed()), (2, None));
    assert_eq!(told(&mut room, other.member), [(Some(0), false)]);
    order(&mut room, &owner, &ClientControl::HandOver(seat_of(&other)));
    order(&mut room, &owner, &ClientControl::Kick(seat_of(&other)));
    assert_eq!(told(&mut room, owner.member), [(Some(1), false)]);
    assert_eq!(room.summary().players, 2, "the one that has handed over is obeyed no more");
}

#[test]
fn a_seat_that_the_game_does_not_have_is_nothing() {
    let limits = RoomLimits::default();
    let setup = RoomSetup { secret: 1.into(), bots: 0, has_owner: true, limits, build: 0 };
    let mut room = Room::<Paddles>::with_schemas(&GameSchemas::new(), setup, &Default::default());
    let owner = room.enter_from(&hello::<Paddles>("222222"), [1; 16], person(1)).expect("a seat");
    let beyond = Seat::new(63).expect("a seat");
    for order in [ClientControl::Kick(beyond), ClientControl::Ban(beyond), ClientControl::HandOver(beyond)] {
        assert_eq!(room.receive(owner.member, &order.encode()), Ok(()));
    }
    assert_eq!((room.summary().players, room.tick().roster.len()), (1, 1));
}

#[test]
fn a_kicked_player_is_gone_with_4012_and_may_not_come_back_for_a_minute() {
    let mut room = room();
    let [owner, other] = [1, 2].map(|number| enter(&mut room, number));
    room.tick();
    order(&mut room, &owner, &ClientControl::Kick(seat_of(&other)));
    assert_eq!(room.poll_dismissed(), Some((other.member, CloseCode::Removed)));
    assert_eq!(room.poll_dismissed(), None);
    assert_eq!(room.tick().roster, [RosterChange::Left(seat_of(&other), Leave::Removed)]);
    assert!(!room.has_token([2; 16]), "its tokens die");
    assert!(matches!(room.poll_snapshot(other.member), SnapshotPoll::Close(_)));
    let resumed = Hello { resume: Some([2; 16]), ..hello::<Arena>("222222") };
    assert_eq!(room.enter_from(&resumed, [9; 16], person(2)).map(|_| ()), Err(CloseCode::NoRoom));
    assert_eq!(watch(&mut room, person(2)).map(|_| ()), Err(CloseCode::NoRoom));
    // It is the player that is kept out, and not all who share the address.
    let roommate = Entrant { player: Some(PlayerId([3; 10])), ..person(2) };
    try_enter(&mut room, roommate, 3).expect("a seat");
    seconds(&mut room, KICKED_SECONDS - 1, &[owner.member]);
    assert_eq!(try_enter(&mut room, person(2), 4).map(|_| ()), Err(CloseCode::NoRoom));
    seconds(&mut room, 2, &[owner.member]);
    try_enter(&mut room, person(2), 5).expect("a minute later");
}

#[test]
fn a_player_without_a_key_is_kept_out_by_its_address_and_this_machine_is_not() {
    let mut room = room();
    let owner = enter(&mut room, 1);
    let nameless = Entrant::from(Origin::of(2));
    let other = try_enter(&mut room, nameless, 2).expect("a seat");
    order(&mut room, &owner, &ClientControl::Kick(seat_of(&other)));
    assert_eq!(try_enter(&mut room, nameless, 3).map(|_| ()), Err(CloseCode::NoRoom));
    try_enter(&mut room, Origin::of(3).into(), 4).expect("another address");
    let near = try_enter(&mut room, Entrant::default(), 5).expect("a seat");
    order(&mut room, &owner, &ClientControl::Ban(seat_of(&near)));
    try_enter(&mut room, Entrant::default(), 6).expect("an exempt address stands for nobody");
}

#[test]
fn a_banned_player_stays_out_and_the_list_of_them_is_bounded() {
    let mut room = room();
    let owner = enter(&mut room, 1);
    let banned = |room: &mut Room<Arena>, number: u8| {
        let other = enter(room, number);
        order(room, &owner, &ClientControl::Ban(seat_of(&other)));
    };
    banned(&mut room, 2);
    seconds(&mut room, 10 * KICKED_SECONDS, &[owner.member]);
    assert_eq!(try_enter(&mut room, person(2), 9).map(|_| ()), Err(CloseCode::NoRoom));
    for number in 3..u8::try_from(KEPT_OUT_MAX + 3).expect("a small number") {
        banned(&mut room, number);
    }
    enter(&mut room, 2);
    assert_eq!(try_enter(&mut room, person(3), 9).map(|_| ()), Err(CloseCode::NoRoom));
}

#[test]
fn a_locked_room_refuses_newcomers_but_not_those_who_come_back_nor_spectators() {
    let mut room = room();
    let [owner, other] = [1, 2].map(|number| enter(&mut room, number));
    order(&mut room, &owner, &ClientControl::Lock(true));
    assert_eq!(told(&mut room, other.member), [(Some(0), true)]);
    assert_eq!(try_enter(&mut room, person(3), 3).map(|_| ()), Err(CloseCode::Full));
    watch(&mut room, person(4)).expect("a spectator");
    room.lost(other.member);
    let resumed = Hello { resume: Some([2; 16]), ..hello::<Arena>("222222") };
    let back = room.enter_from(&resumed, [5; 16], person(2)).expect("the seat");
    assert_eq!((back.seat, told(&mut room, back.member)), (other.seat, vec![(Some(0), true)]));
    order(&mut room, &owner, &ClientControl::Lock(false));
    enter(&mut room, 3);
}

#[test]
fn a_lock_ends_with_the_last_player_because_nobody_could_take_it_off() {
    let mut room = room();
    let owner = enter(&mut room, 1);
    let watcher = watch(&mut room, person(4)).expect("a spectator");
    order(&mut room, &owner, &ClientControl::Lock(true));
    room.receive(owner.member, &ClientControl::Leave.encode()).expect_err("gone");
    assert_eq!(told(&mut room, watcher.member), [(None, false)]);
    enter(&mut room, 2);
    assert_eq!(told(&mut room, watcher.member), [(Some(0), false)]);
}

#[test]
fn an_owner_that_turns_the_lock_for_ever_costs_others_one_message() {
    let mut room = room();
    let [owner, other] = [1, 2].map(|number| enter(&mut room, number));
    told(&mut room, other.member);
    for turn in 0..200 {
        order(&mut room, &owner, &ClientControl::Lock(turn % 2 == 0));
    }
    order(&mut room, &owner, &ClientControl::Lock(true));
    assert_eq!(told(&mut room, other.member), [(Some(0), true)]);
}

#[test]
fn a_bot_that_is_kicked_makes_room_and_another_one_comes_where_rooms_fill_with_bots() {
    let mut room = room_with(true, true);
    let owner = enter(&mut room, 1);
    seconds(&mut room, 5, &[owner.member]);
    let bots = room.summary().bots;
    assert!(bots > 0, "the room is filled");
    order(&mut room, &owner, &ClientControl::Ban(Seat::new(1).expect("a seat")));
    assert_eq!((room.summary().bots, room.poll_dismissed()), (bots - 1, None));
    room.tick();
    assert_eq!(room.summary().bots, bots, "the next tick seats another one");
}

/// Ticks the room for so many minutes; each of these members sends its input, another one in every second, or none.
fn minutes(room: &mut Room<Arena>, minutes: u32, active: &[MemberId], idle: &[MemberId]) {
    let codec = InputCodec::<<Arena as Game>::Input>::new();
    for number in 0..minutes * 60 * Arena::RULES.tick_rate_hz {
        let tick = room.tick().tick;
        for member in active {
            let input = Arena::controls(&Pad { buttons: u32::from(number % 60 < 30), ..Pad::default() });
            let mut message = Vec::new();
            codec.encode(&InputFrame::one(tick + 2, input, None, false), &mut message);
            room.receive(*member, &message).expect("a player that plays stays");
        }
        for member in idle {
            let _ = room.receive(*member, &neutral_input::<Arena>());
        }
    }
}

#[test]
fn a_player_who_does_nothing_for_ten_minutes_is_removed_and_one_who_plays_is_not() {
    let mut room = room();
    let [active, idle] = [1, 2].map(|number| enter(&mut room, number));
    minutes(&mut room, AFK_MINUTES, &[active.member], &[idle.member]);
    assert_eq!((room.summary().players, room.poll_dismissed()), (2, None));
    minutes(&mut room, 1, &[active.member], &[idle.member]);
    assert_eq!((room.summary().players, room.poll_dismissed()), (1, Some((idle.member, CloseCode::Removed))));
    // It is no punishment: the player may come back at once.
    enter(&mut room, 2);
}

#[test]
fn a_player_who_is_alone_may_do_nothing_and_of_two_one_stays() {
    let mut alone = room_with(true, true);
    let only = enter(&mut alone, 1);
    minutes(&mut alone, 2 * AFK_MINUTES, &[], &[only.member]);
    assert!(alone.summary().players == 1 && alone.summary().bots > 0 && alone.poll_dismissed().is_none());
    let mut room = room();
    let [first, second] = [1, 2].map(|number| enter(&mut room, number));
    minutes(&mut room, 2 * AFK_MINUTES, &[], &[first.member, second.member]);
    assert_eq!(room.summary().players, 1);
}

#[test]
fn spectators_are_closed_when_no_player_has_been_there_for_five_minutes() {
    let mut room = room();
    let watcher = watch(&mut room, person(9)).expect("a place").member;
    minutes(&mut room, 4, &[], &[watcher]);
    let other = enter(&mut room, 2);
    seconds(&mut room, 2, &[watcher, other.member]);
    room.receive(other.member, &ClientControl::Leave.encode()).expect_err("gone");
    minutes(&mut room, 4, &[], &[watcher]);
    assert!(room.has_people() && room.poll_dismissed().is_none());
    minutes(&mut room, 2, &[], &[watcher]);
    assert_eq!((room.has_people(), room.poll_dismissed()), (false, Some((watcher, CloseCode::NoRoom))));
}

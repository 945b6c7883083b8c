//! Players whom tickets name: one seat each, for as long as they may stay.

use crate::socket::{hello, neutral_input};
use tickwire::Game;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, Welcome};
use tickwire::message::topics::PlayerId;
use tickwire_games::Arena;
use tickwire_server::room::{Admitted, Entered, Entrant, GameSchemas, Origin, Room, RoomLimits, RoomSetup};

fn room() -> Room<Arena> {
    let limits = RoomLimits { seats_per_origin_max: 3, ..RoomLimits::default() };
    let setup = RoomSetup { secret: 1.into(), bots: 0, has_owner: false, limits, build: 0 };
    Room::with_schemas(&GameSchemas::new(), setup, &Default::default())
}

/// A player with a ticket, from an address of its own.
fn named(number: u8, stay_ticks: u32) -> Entrant {
    let admitted = Some(Admitted { stay_ticks, is_host: false });
    Entrant { origin: Origin::of(number.into()), player: Some(PlayerId([number; 10])), admitted, seat: None }
}

fn enter(room: &mut Room<Arena>, entrant: Entrant, token: u8) -> Result<Entered, CloseCode> {
    let entered = room.enter_from(&hello::<Arena>("222222"), [token; 16], entrant)?;
    room.receive(entered.member, &neutral_input::<Arena>())?;
    Ok(entered)
}

#[test]
fn an_identity_has_one_seat_and_its_newest_connection_has_it() {
    let mut room = room();
    let first = enter(&mut room, named(1, 1_000), 1).expect("a seat");
    let other = enter(&mut room, named(2, 1_000), 2).expect("a seat");
    assert_ne!(first.seat, other.seat);
    let mut newest = first.member;
    // A second place is taken with another address: it is the identity that counts.
    for number in 3..23 {
        let elsewhere = Entrant { origin: Origin::of(9), ..named(1, 1_000) };
        let again = enter(&mut room, elsewhere, number).expect("the same seat");
        assert_eq!((again.seat, again.superseded), (first.seat, Some(newest)));
        assert!(Welcome::decode(&again.welcome).expect("a welcome").resumed);
        assert_eq!(room.receive(newest, &neutral_input::<Arena>()), Err(CloseCode::Superseded));
        newest = again.member;
    }
    assert_eq!(room.summary().players, 2);
    // The tokens of the older connections have died with them.
    let stolen = Hello { resume: Some([1; 16]), ..hello::<Arena>("222222") };
    let thief = room.enter_from(&stolen, [30; 16], Origin::of(30)).expect("another seat");
    assert_ne!(thief.seat, first.seat);
}

#[test]
fn a_player_without_a_ticket_never_gets_the_seat_of_one_by_its_key() {
    let mut room = room();
    let first = enter(&mut room, named(1, 1_000), 1).expect("a seat");
    let claimed = Entrant { admitted: None, ..named(1, 1_000) };
    let other = enter(&mut room, claimed, 2).expect("a seat");
    assert_ne!(first.seat, other.seat, "a key is not a ticket");
    // Two windows of one browser have one key and two seats.
    let third = enter(&mut room, claimed, 3).expect("a seat");
    assert!(third.superseded.is_none() && third.seat != other.seat);
}

#[test]
fn a_seat_that_is_held_waits_for_its_identity_though_it_has_lost_the_token() {
    let mut room = room();
    let first = enter(&mut room, named(1, 10_000), 1).expect("a seat");
    room.lost(first.member);
    (0..60).for_each(|_| _ = room.tick());
    let back = enter(&mut room, named(1, 10_000), 2).expect("the seat");
    assert_eq!((back.seat, back.superseded, back.player), (first.seat, None, Some(PlayerId([1; 10]))));
}

#[test]
fn a_player_stays_as_long_as_the_ticket_says_over_all_connections() {
    let mut room = room();
    let stay = 10 * Arena::RULES.tick_rate_hz;
    let first = enter(&mut room, named(1, stay), 1).expect("a seat");
    enter(&mut room, named(2, u32::MAX / 2), 2).expect("a seat");
    (0..stay / 2).for_each(|_| _ = room.tick());
    // A token leads back to the seat, and not to more time.
    let resumed = Hello { resume: Some([1; 16]), ..hello::<Arena>("222222") };
    let back = room.enter_from(&resumed, [3; 16], Origin::of(1)).expect("the seat");
    assert_eq!((back.seat, back.player), (first.seat, Some(PlayerId([1; 10]))));
    (0..stay / 2 - 1).for_each(|_| _ = room.tick());
    assert_eq!(room.poll_dismissed(), None);
    room.tick();
    assert_eq!(room.poll_dismissed(), Some((back.member, CloseCode::Auth)));
    assert_eq!((room.poll_dismissed(), room.summary().players), (None, 1));
    let late = Hello { resume: Some([3; 16]), ..hello::<Arena>("222222") };
    assert!(
        !room.has_token([3; 16])
            && room.enter_from(&late, [4; 16], Origin::of(1)).is_ok_and(|late| late.player.is_none())
    );
}

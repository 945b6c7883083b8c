//! Quick matches over real sockets: which room a person is led to, and who is there.

use crate::player::Player;
use crate::server::{come_back, diverge, start};
use crate::socket::{Socket, api, hello};
use serde_json::json;
use std::time::{Duration, Instant};
use tickwire::message::control::Hello;
use tickwire_games::{Arena, Paddles};

#[test]
fn a_quick_match_leads_to_none_of_the_rooms_that_the_caller_avoids() {
    let (_running, address) = start();
    let found = |avoid: &[&str]| {
        let wish = json!({ "game": "arena", "avoid": avoid });
        let (status, room) = api(address, "POST", "/api/match", &wish.to_string());
        assert_eq!(status, 200, "{room}");
        room["code"].as_str().expect("a code").to_owned()
    };
    let first = found(&[]);
    assert_eq!(found(&["CCCCCC"]), first, "a room that does not exist may be avoided");
    let second = found(&[&first]);
    assert_ne!(second, first);
    let third = found(&[&second, &first.to_lowercase()]);
    assert!(third != first && third != second);
    assert_eq!(found(&["CCCCCC"; 16]).len(), 6);
    for avoid in [json!("CCCCCC"), json!(["nonsense"]), json!([7]), json!(vec!["CCCCCC"; 17])] {
        let (status, refused) =
            api(address, "POST", "/api/match", &json!({ "game": "arena", "avoid": avoid }).to_string());
        assert_eq!(status, 400, "{refused}");
        assert!(refused["detail"].is_string(), "{refused}");
    }
    assert_eq!(api(address, "POST", "/api/match", r#"{"game":"arena","avoids":[]}"#).0, 400, "an unknown field");
}

#[test]
fn a_quick_match_does_not_lead_back_to_a_room_that_the_caller_has_to_wait_for() {
    let (_running, address) = start();
    let matched = || {
        let (status, found) = api(address, "POST", "/api/match", r#"{"game":"arena"}"#);
        assert_eq!(status, 200, "{found}");
        found["code"].as_str().expect("a code").to_owned()
    };
    let code = matched();
    let (_stays, _) = Socket::enter::<Arena>(address, &code);
    assert_eq!(matched(), code, "the room has a person and free seats");
    let (mut socket, mut welcome) = Socket::enter::<Arena>(address, &code);
    // A busy machine may take longer to ask than the wait lasts. The wait doubles each time.
    let led_elsewhere = [1, 2, 4, 8].into_iter().any(|wait_s| {
        assert_eq!(diverge(&mut socket, &welcome), Some(4011));
        let closed = Instant::now();
        if matched() != code {
            return true;
        }
        assert!(closed.elapsed() >= Duration::from_secs(wait_s), "the caller still has to wait");
        (socket, welcome, _) = come_back(address, &Hello { resume: Some(welcome.resume), ..hello::<Arena>(&code) });
        false
    });
    assert!(led_elsewhere);
}

#[test]
fn a_quick_match_has_an_opponent_within_three_seconds() {
    let time = |game: &str| {
        // In the room of an earlier try bots sit already.
        let (_running, address) = start();
        let (_, found) = api(address, "POST", "/api/match", &format!("{{\"game\":\"{game}\"}}"));
        let code = found["code"].as_str().expect("a code");
        let asked = Instant::now();
        let opponent = match game {
            "paddles" => {
                Player::<Paddles>::join(address, code).play_until(|player| player.session.players().count() > 1)
            }
            _ => Player::<Arena>::join(address, code).play_until(|player| player.session.players().count() > 1),
        };
        assert!(opponent, "{game}: no opponent");
        asked.elapsed()
    };
    for game in ["paddles", "arena"] {
        // A busy machine spoils a try.
        assert!((0..3).any(|_| time(game) < Duration::from_secs(3)), "{game}");
    }
}

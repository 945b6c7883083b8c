//! Builds: server and client tell each other the sources that they were built from, and play all the same. Games of
//! other types do not fit, and their author is told which ones.

use crate::socket::{Event, Socket, binary, create_room, hello, http, metric};
use std::time::{Duration, Instant};
use tickwire::client::{Notice, Session, refusal_words};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, fingerprint};
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, Running, Server};

/// The id of a build of the tests' server.
const BUILD: u64 = 0xfedc_ba98_7654_3210;

fn start(build: u64) -> Running {
    Server::new(Config::on_free_ports()).build_id(build).game::<Paddles>().start().expect("a free port")
}

/// The notices of a session of this build after its first welcome.
fn notices(server: &Running, build: u64) -> Vec<Notice> {
    let code = create_room(server.address(), "paddles");
    let mut session = Session::<Paddles>::new(&code, "Ada", None, 1);
    session.set_build(build);
    assert!(session.poll_dial(0));
    session.handle_opened(0);
    let mut socket = Socket::open(server.address());
    while let Some(message) = session.poll_transmit() {
        socket.send(&binary(&message));
    }
    let Event::Message(welcome) = socket.next() else { panic!("a welcome is the first message") };
    session.handle_frame(&welcome, 1).expect("a welcome");
    assert!(session.is_connected(), "another build is no reason to refuse anybody");
    std::iter::from_fn(|| session.poll_notice()).collect()
}

#[test]
fn a_client_of_another_build_plays_and_is_told() {
    let server = start(BUILD);
    let welcome = || Notice::Welcome { resumed: false };
    assert_eq!(notices(&server, BUILD), [welcome()], "the same build");
    assert_eq!(notices(&server, 0), [welcome()], "a client that does not know its build");
    assert_eq!(notices(&server, BUILD + 1), [welcome(), Notice::OldBuild { server: BUILD }]);
    assert_eq!(notices(&start(0), BUILD), [welcome()], "a server that does not know its build");
}

#[test]
fn operators_see_how_many_connections_are_of_another_build() {
    let server = start(BUILD);
    let code = create_room(server.address(), "paddles");
    let enter = |build| {
        let mut socket = Socket::open(server.address());
        socket.send(&binary(&Hello { build, ..hello::<Paddles>(&code) }.encode()));
        assert_eq!(socket.welcome().build, BUILD);
        socket
    };
    let _players = [enter(BUILD), enter(7)];
    let asked = Instant::now();
    // A room hands over its counters once a second.
    while metric(&server, "tickwire_other_builds_total") != 1.0 {
        assert!(asked.elapsed() < Duration::from_secs(20), "the metric is never one");
    }
}

#[test]
fn a_game_of_other_types_is_refused_with_the_fingerprints_that_its_author_has_to_compare() {
    let server = start(BUILD);
    let code = create_room(server.address(), "paddles");
    let mut socket = Socket::open(server.address());
    socket.send(&binary(&Hello { fingerprint: 1, ..hello::<Paddles>(&code) }.encode()));
    assert_eq!(socket.close_code(), Some(CloseCode::Version.number()));
    let words = refusal_words::<Paddles>(CloseCode::Version, &socket.close_reason);
    let theirs = format!("the server has {:016x})", fingerprint::<Paddles>());
    assert!(
        words.contains("`paddles`") && words.contains(&theirs) && words.contains("`cargo tickwire build`"),
        "{words}"
    );
}

#[test]
fn a_game_that_the_server_does_not_have_is_named_with_those_that_it_has() {
    let server = start(BUILD);
    let wish = serde_json::json!({ "game": <Arena as tickwire::Game>::RULES.name }).to_string();
    let (status, answer) = http(server.address(), "POST", "/api/match", &wish);
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    let says = "this server has no game arena; it has paddles: name one of its games, or start the server whose main! \
                has this game";
    assert_eq!((status, &answer["detail"]), (404, &says.into()));
    let long = serde_json::json!({ "game": "é".repeat(500) }).to_string();
    let (status, answer) = http(server.address(), "POST", "/api/rooms", &long);
    assert!(status == 404 && answer.len() < 400, "{answer}");
}

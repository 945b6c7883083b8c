//! Private rooms over real sockets: people with the secret come in, and to all others there is no such room.

use crate::serving::{Serving, serve};
use crate::socket::{Event, Socket, api, binary, create_room, hello, neutral_input};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire_games::Arena;
use tickwire_server::limits::FAILED_LOOKUPS_PER_MINUTE;
use tickwire_server::{Config, Running, Server};

const PASSWORD: &str = "caf\u{e9} 100% sesame";

fn start() -> (Running, SocketAddr) {
    let config = Config { secret_guesses_per_second: 1_000, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Arena>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

/// Makes a private room; gives its code and what the answer has besides.
pub(crate) fn create(address: SocketAddr, wish: Value) -> (String, Value) {
    let mut body = json!({ "game": "arena" });
    body.as_object_mut().expect("an object").extend(wish.as_object().expect("an object").clone());
    let (status, answer) = api(address, "POST", "/api/rooms", &body.to_string());
    assert_eq!(status, 201, "{answer}");
    (answer["code"].as_str().expect("a code").to_owned(), answer)
}

/// The percent-encoded form of a secret, with every byte encoded.
pub(crate) fn encoded(secret: &str) -> String {
    secret.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asks for a room with these headers; gives status and body.
pub(crate) fn look_up(address: SocketAddr, code: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    // The id of the request is in the answer, and is the one thing in which answers may differ.
    let usual = "Host: localhost\r\nConnection: close\r\nX-Request-Id: 7\r\n";
    let request = format!("GET /api/rooms/{code} HTTP/1.1\r\n{usual}{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.replace(code, "CODE"))
}

fn with(code: &str, secret: Option<&str>) -> Hello {
    Hello { secret: secret.map(|secret| SecretText(secret.into())), ..hello::<Arena>(code) }
}

/// Says hello with these headers: the welcome, or the close code with its reason.
fn enter(address: SocketAddr, headers: &str, hello: &Hello) -> (Socket, Result<Welcome, (u16, String)>) {
    let mut socket = Socket::open_from(address, headers);
    socket.send(&binary(&hello.encode()));
    let outcome = match socket.next() {
        Event::Message(message) => Ok(Welcome::decode(&message).expect("a welcome")),
        Event::Close(code) => Err((code, socket.close_reason.clone())),
        other => panic!("{other:?}"),
    };
    (socket, outcome)
}

fn refusal(address: SocketAddr, headers: &str, hello: &Hello) -> Option<(u16, String)> {
    enter(address, headers, hello).1.err()
}

#[test]
fn a_private_room_is_not_there_for_anybody_without_its_secret() {
    let (_running, address) = start();
    let (invited, answer) = create(address, json!({ "private": true }));
    let invitation = answer["invite"].as_str().expect("an invitation").to_owned();
    assert_eq!(invitation.len(), 22);
    let (locked, answer) = create(address, json!({ "password": PASSWORD }));
    assert!(answer.get("invite").is_none() && !answer.to_string().contains("sesame"), "{answer}");
    let nowhere = (4003, "no such room".to_owned());
    for (code, secret) in [(&invited, &*invitation), (&locked, PASSWORD)] {
        let header = format!("Room-Secret: {}\r\n", encoded(secret));
        let (status, body) = look_up(address, code, &header);
        assert!(status == 200 && !body.contains("invite") && !body.contains(secret), "{status} {body}");
        let (_player, welcome) = enter(address, "", &with(code, Some(secret)));
        assert!(welcome.is_ok_and(|welcome| welcome.seat.is_some()));
        let watching = Hello { watches: true, ..with(code, Some(secret)) };
        assert_eq!(refusal(address, "", &watching), None);
        for wrong in [None, Some(""), Some("sesame"), Some(PASSWORD), Some(&*invitation)] {
            if wrong == Some(secret) {
                continue;
            }
            let header = wrong.map(|wrong| format!("Room-Secret: {}\r\n", encoded(wrong))).unwrap_or_default();
            let missing = look_up(address, "CCCCCC", &header);
            assert_eq!((look_up(address, code, &header), missing.0), (missing, 404), "{wrong:?}");
            assert_eq!(refusal(address, "", &with(code, wrong)), Some(nowhere.clone()), "{wrong:?}");
            assert_eq!(refusal(address, "", &with("CCCCCC", wrong)), Some(nowhere.clone()), "{wrong:?}");
            let other_game = Hello { fingerprint: 7, ..with(code, wrong) };
            assert_eq!(refusal(address, "", &other_game), Some(nowhere.clone()), "{wrong:?}");
        }
    }
    let (_, list) = api(address, "GET", "/api/rooms", "");
    assert_eq!(list["rooms"].as_array().or_else(|| list.as_array()).map(Vec::len), Some(0), "{list}");
    // A secret for a room that needs none is no fault.
    assert_eq!(refusal(address, "", &with(&create_room(address, "arena"), Some("sesame"))), None);
}

#[test]
fn wishes_that_do_not_fit_together_are_refused_and_no_password_is_repeated() {
    let (_running, address) = start();
    for (wish, says) in [
        (json!({ "public": true, "private": true }), "both public and private"),
        (json!({ "public": true, "password": "hunter2hunter2" }), "both public and private"),
        (json!({ "private": true, "password": "hunter2hunter2" }), "either an invitation or a password"),
        (json!({ "password": "" }), "not the password of a room"),
        (json!({ "password": "hunter2".repeat(19) }), "not the password of a room"),
        (json!({ "password": 770_077 }), "not the password of a room"),
        (json!({ "password": ["hunter2"] }), "not the password of a room"),
    ] {
        let mut body = json!({ "game": "arena" });
        body.as_object_mut().expect("an object").extend(wish.as_object().expect("an object").clone());
        let (status, answer) = api(address, "POST", "/api/rooms", &body.to_string());
        assert!(status == 400 && answer["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{answer}");
        assert!(!answer.to_string().contains("hunter2") && !answer.to_string().contains("770"), "{answer}");
    }
    create(address, json!({ "password": "x".repeat(128) }));
}

#[test]
fn a_player_comes_back_to_a_private_room_with_a_token_alone() {
    let (_running, address) = start();
    let (code, _) = create(address, json!({ "password": PASSWORD }));
    let (mut player, welcome) = enter(address, "", &with(&code, Some(PASSWORD)));
    let welcome = welcome.expect("a welcome");
    player.send(&binary(&neutral_input::<Arena>()));
    let resume = |code: &str, token, secret| Hello { resume: Some(token), ..with(code, secret) };
    for secret in [None, Some("wrong")] {
        let made_up = [&code, "CCCCCC"].map(|code| refusal(address, "", &resume(code, [7; 16], secret)));
        assert_eq!(made_up, [(); 2].map(|()| Some((4003, "no such room".to_owned()))), "{secret:?}");
        let other_game = Hello { fingerprint: 7, ..resume(&code, [7; 16], secret) };
        assert_eq!(refusal(address, "", &other_game).map(|refusal| refusal.0), Some(4003));
    }
    let (mut back, again) = enter(address, "", &resume(&code, welcome.resume, None));
    let again = again.expect("a welcome");
    assert!(again.resumed && again.seat == welcome.seat);
    assert_eq!(player.close_code(), Some(4005));
    back.send(&binary(&neutral_input::<Arena>()));
    // A token of a seat that is gone does no harm beside the right secret.
    assert_eq!(refusal(address, "", &resume(&code, [7; 16], Some(PASSWORD))), None);
}

#[test]
fn wrong_secrets_count_as_guesses_of_their_address_and_of_all() {
    let config = Config { secret_guesses_per_second: 1, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Arena>().start().expect("a free port");
    let address = running.address();
    let (code, _) = create(address, json!({ "password": PASSWORD }));
    let (invited, answer) = create(address, json!({ "private": true }));
    let one = "X-Forwarded-For: 198.51.100.1\r\n";
    for _ in 0..FAILED_LOOKUPS_PER_MINUTE {
        assert_eq!(refusal(address, one, &with(&code, None)).map(|refusal| refusal.0), Some(4003));
    }
    assert_eq!(refusal(address, one, &with(&code, Some("wrong"))).map(|refusal| refusal.0), Some(4006));
    let in_time = (0..20).any(|last| {
        let begun = Instant::now();
        let other = format!("X-Forwarded-For: 198.51.100.{}\r\n", last + 2);
        let [first, second] = [(); 2].map(|()| refusal(address, &other, &with(&code, Some("wrong"))));
        let [first, second] = [first, second].map(|refusal| refusal.map(|refusal| refusal.0));
        let invited = refusal(address, &other, &with(&invited, answer["invite"].as_str()));
        assert_eq!(invited, None, "a right invitation is no guess");
        begun.elapsed().as_millis() < 1_000 && (first, second) == (Some(4003), Some(4006))
    });
    assert!(in_time, "the second guess of a second is not looked at");
}

#[test]
fn no_secret_is_in_the_log_at_its_highest_level() {
    let path = std::env::temp_dir().join(format!("tickwire-log-{}", std::process::id()));
    let mut command = serve("127.0.0.1:0");
    command.env("TICKWIRE_LOG", "trace").stderr(File::create(&path).expect("a file"));
    let mut serving = Serving::start_by(&mut command);
    let address = serving.address();
    let (code, _) = create(address, json!({ "password": "sesame-right" }));
    let (invited, answer) = create(address, json!({ "private": true }));
    let invitation = answer["invite"].as_str().expect("an invitation").to_owned();
    for (code, secret) in [(&code, "sesame-right"), (&code, "sesame-wrong"), (&invited, &invitation)] {
        look_up(address, code, &format!("Room-Secret: {}\r\n", encoded(secret)));
        look_up(address, code, &format!("Room-Secret: {secret}\r\n"));
        let (mut player, welcome) = enter(address, "", &with(code, Some(secret)));
        player.send(&binary(&neutral_input::<Arena>()));
        let resume = welcome.ok().map(|welcome| welcome.resume);
        refusal(address, "", &Hello { resume, ..with(code, Some(secret)) });
    }
    api(address, "POST", "/api/rooms", r#"{"game":"arena","password":"sesame-malformed""#);
    serving.signal("TERM");
    serving.wait();
    let log = fs::read_to_string(&path).expect("text");
    fs::remove_file(&path).expect("the file is there");
    assert!(!log.is_empty(), "the log is there");
    for secret in ["sesame", &invitation, &encoded("sesame"), &encoded(&invitation)] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

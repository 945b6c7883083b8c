//! Services on the operators' port: the token in its file, publications and mutes.

use crate::player::Player;
use crate::serving::{Serving, serve};
use crate::socket::{Event, Socket, create_room, http};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tickwire::state::Schema;
use tickwire_games::Paddles;
use tickwire_server::{Config, FileSetting, Running, Server};

const TOKEN: &str = "sesame-0123456789";

/// A token in a file of its own, which is removed with the value.
struct Token(PathBuf);

impl Token {
    fn file(name: &str, content: &str, mode: u32) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-services-{name}-{}", std::process::id()));
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its permissions");
        Self(path)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn start(token: Option<&Token>) -> (Running, SocketAddr) {
    let topics_token_file = token.map_or(FileSetting::Off, |token| FileSetting::At(token.0.clone()));
    let server = Server::new(Config { topics_token_file, ..Config::on_free_ports() }).game::<Paddles>();
    let running = server.start().expect("a free port");
    let operators = running.admin_address().expect("on a free port");
    (running, operators)
}

/// Sends a request with these header lines; gives the whole answer.
fn ask(address: SocketAddr, request: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    (answer[9..12].parse().expect("a status"), answer)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn without_a_token_in_the_settings_no_request_of_a_service_passes_and_the_answer_says_what_to_set() {
    let (_running, operators) = start(None);
    for path in ["POST /topics/announce", "POST /players/0123456789abcdef/mute", "GET /topics/announce"] {
        let (status, answer) = ask(operators, path, &bearer(TOKEN), r#"{"body":"hi"}"#);
        assert_eq!(status, 403, "{answer}");
        assert!(answer.contains("--topics-token-file"), "{answer}");
    }
}

#[test]
fn a_request_of_a_service_needs_the_very_token() {
    let token = Token::file("very", &format!("{TOKEN}\n"), 0o600);
    let (running, operators) = start(Some(&token));
    let basic = format!("Authorization: Basic {TOKEN}\r\n");
    for headers in ["", &basic, &bearer("sesame-0123456788"), &bearer("sesame"), &(bearer(TOKEN) + &bearer(TOKEN))] {
        let (status, answer) = ask(operators, "POST /topics/announce", headers, r#"{"body":"hi"}"#);
        assert_eq!(status, 401, "{headers}: {answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: bearer") && !answer.contains(TOKEN), "{answer}");
    }
    let (status, answer) = ask(operators, "POST /topics/announce", &bearer(TOKEN), r#"{"body":"hi"}"#);
    assert_eq!(status, 201, "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert!(body["id"].as_str().is_some_and(|id| id.parse::<u64>().is_ok()) && body["kept"] == true, "{body}");
    assert_eq!(
        http(running.address(), "POST", "/topics/announce", r#"{"body":"hi"}"#).0,
        405,
        "players see no such path"
    );
}

#[test]
fn what_a_service_may_not_say_is_refused_with_the_reason() {
    let token = Token::file("refused", TOKEN, 0o600);
    let (_running, operators) = start(Some(&token));
    let long = format!("{{\"body\":\"{}\"}}", "x".repeat(1_000));
    let mute = |player: &str| format!("POST /players/{player}/mute");
    for (request, body, status) in [
        ("POST /topics/lobby/paddles/chat", r#"{"body":"good evening"}"#, 201),
        ("POST /topics/lobby/paddles", r#"{"body":"{}"}"#, 404),
        ("POST /topics/lobby/chess/chat", r#"{"body":"hi"}"#, 404),
        ("POST /topics/admin/overview", r#"{"body":"hi"}"#, 404),
        ("POST /topics/", r#"{"body":"hi"}"#, 404),
        ("POST /topics/announce", r#"{"body":""}"#, 400),
        ("POST /topics/announce", &long, 400),
        ("POST /topics/announce", r#"{"body":"hi","loud":true}"#, 400),
        ("POST /topics/announce", "hi", 400),
        ("GET /topics/announce", "", 405),
        (&mute("0123456789abcdef"), r#"{"minutes":10}"#, 204),
        (&mute("0123456789abcdef"), r#"{"minutes":0}"#, 204),
        (&mute("0123456789abcdef"), r#"{"minutes":-1}"#, 400),
        (&mute("0123456789abcdef"), r#"{"minutes":525601}"#, 400),
        (&mute("Ada"), r#"{"minutes":10}"#, 404),
        ("POST /players/0123456789abcdef/kick", "{}", 404),
    ] {
        let (found, answer) = ask(operators, request, &bearer(TOKEN), body);
        assert_eq!(found, status, "{request} {body}: {answer}");
    }
}

#[test]
fn what_a_service_announces_reaches_those_who_listen_and_a_muted_player_is_told_so() {
    let token = Token::file("heard", TOKEN, 0o600);
    let (running, operators) = start(Some(&token));
    let mut player = Socket::open_json(running.address());
    player.say(&json!({ "op": "subscribe", "topic": "announce" }));
    player.wait_for("granted");
    let script = "</script><b>noon</b>";
    let (status, _) = ask(operators, "POST /topics/announce", &bearer(TOKEN), &json!({ "body": script }).to_string());
    assert_eq!(status, 201);
    let message = player.wait_for("message");
    assert_eq!(message["body"], script, "script is text");
    assert!(message["from"].is_null(), "a service is no player");
    let mut loud = Socket::open_json(running.address());
    loud.say(&json!({ "op": "hello", "name": "Ada", "key": "0".repeat(32) }));
    let id = loud.wait_for("you")["player"].as_str().expect("an id").to_owned();
    let mut say = |seq: u32| {
        loud.say(&json!({ "op": "publish", "topic": "lobby/paddles/chat", "seq": seq, "body": "hi" }));
        loud.wait_for("receipt")
    };
    assert!(say(1)["id"].is_string());
    for (minutes, why) in [(10, json!("muted")), (0, Value::Null)] {
        let request = format!("POST /players/{id}/mute");
        let (status, _) = ask(operators, &request, &bearer(TOKEN), &json!({ "minutes": minutes }).to_string());
        assert_eq!((status, &say(2 + minutes)["why"]), (204, &why));
    }
}

#[test]
fn what_a_service_says_to_the_game_of_a_room_changes_its_world_for_every_player_alike() {
    let token = Token::file("wind", TOKEN, 0o600);
    let (running, operators) = start(Some(&token));
    let code = create_room(running.address(), "paddles");
    let mut players = [0, 1].map(|_| Player::<Paddles>::join(running.address(), &code));
    let wind = format!("POST /topics/room/{code}/wind");
    let mut follower = Socket::open_json(running.address());
    follower.say(&json!({ "op": "subscribe", "topic": format!("room/{code}/wind") }));
    assert_eq!(follower.wait_for("granted")["may_publish"], false, "players steer by their inputs");
    // The value of a field of the root as this player's machine has computed it, as a wire integer.
    let leaves = &Schema::of::<Paddles>().tables[0].leaves;
    let value = |player: &Player<Paddles>, path: &str| {
        let leaf = leaves.iter().position(|leaf| leaf.path == path).expect("a field of the world");
        player.session.confirmed().tables[0].wire.get(leaf).copied().unwrap_or_default()
    };
    // A serve flies down at 1.2 units a tick at the most, and no early hit makes it as steep as the wind does. Zero is
    // in the middle of the range, 8 units are 512 steps.
    let is_blown = |player: &Player<Paddles>| value(player, "ball.velocity.y") >= 512 + 3 * 64;
    for _ in 0..200 {
        assert_eq!(ask(operators, &wind, &bearer(TOKEN), r#"{"body":"down"}"#).0, 201);
        players.iter_mut().for_each(|player| player.play_for(Duration::from_millis(40)));
        if players.iter().all(is_blown) {
            break;
        }
    }
    for player in &players {
        assert!(is_blown(player) && value(player, "ball.rally") < 3, "{:?}", player.session.confirmed());
    }
    assert_eq!(follower.wait_for("message")["body"], "down");
    for player in &mut players {
        assert!(player.play_until(|player| player.session.stats().hashes_compared > 5));
        assert_eq!(player.session.stats().hash_mismatches, 0);
    }
}

#[test]
fn json_that_is_malformed_is_explained_before_the_connection_closes() {
    let (running, _) = start(None);
    let mut player = Socket::open_json(running.address());
    player.say(&json!({ "op": "shout", "topic": "<script>" }));
    let error = player.wait_for("error");
    assert!(error["what"].as_str().is_some_and(|what| what.contains("shout")), "{error}");
    assert!(error["help"].as_str().is_some_and(|help| help.contains("/api/topics.schema.json")), "{error}");
    assert_eq!(player.next(), Event::Close(4000));
}

#[test]
fn a_token_file_that_cannot_be_used_ends_the_start_without_its_content() {
    for (name, content, mode, expected) in [
        ("open", "a-hidden-word-of-some-length", 0o644, "chmod 600"),
        ("short", "short-hidden", 0o600, "12 characters"),
        ("spaces", "hidden words in a row", 0o600, "other characters"),
    ] {
        let token = Token::file(name, content, mode);
        let mut command = serve("127.0.0.1:0");
        let started = command.arg("--topics-token-file").arg(&token.0).stdout(Stdio::null()).stderr(Stdio::piped());
        let output = started.output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && said.contains(token.0.to_str().expect("a path")), "{said}");
        assert!(!said.contains("hidden"), "{said}");
    }
    let missing = serve("127.0.0.1:0").args(["--topics-token-file", "no-such-file"]).stderr(Stdio::piped()).output();
    let missing = missing.expect("the program starts");
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(missing.status.code() == Some(2) && said.contains("no-such-file"), "{said}");
}

#[test]
fn the_token_is_in_no_log_and_not_in_the_printed_settings() {
    let token = Token::file("log", TOKEN, 0o600);
    let log = Token::file("the-log", "", 0o600);
    let mut command = serve("127.0.0.1:0");
    command.arg("--topics-token-file").arg(&token.0).args(["--log", "trace"]);
    command.stderr(fs::File::create(&log.0).expect("a file"));
    let mut serving = Serving::start_by(&mut command);
    serving.signal("INT");
    serving.wait();
    let said = fs::read_to_string(&log.0).expect("the log");
    assert!(said.contains("listening") && !said.contains(TOKEN), "{said}");
}

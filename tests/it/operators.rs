//! Operators: their right to look and to act, their orders to rooms over real sockets, and the dashboard's view of
//! rooms in trouble.

mod page;

use crate::player::Player;
use crate::socket::{Request, Socket, binary, create_room, hello, http, neutral_input};
use crate::token_file::TokenFile;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step};
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, FileSetting, OptionalListen, Running, Server};
use tickwire_tools::plant::plant;

const LOOK: &str = "looking-0123456789";
const ACT: &str = "acting-0123456789";

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// The actions, each as a path below a room's code and a body; paths without a room have no braces.
const ACTIONS: [(&str, &str); 6] = [
    ("/admin/announce", r#"{"text":"Back at noon"}"#),
    ("/admin/rooms/{code}/kick", r#"{"seat":0}"#),
    ("/admin/rooms/{code}/ban", r#"{"seat":0}"#),
    ("/admin/rooms/{code}/lock", r#"{"locked":true}"#),
    ("/admin/rooms/{code}/close", "{}"),
    ("/admin/drain", "{}"),
];

/// The headers of an upgrade to the protocol of players.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tickwire.1\r\n";

/// A server with operators.
struct Place {
    server: Running,
    file: TokenFile,
}

impl Place {
    fn open(name: &str) -> Self {
        let file = TokenFile::new(&format!("operators-{name}"), &format!("look bob {LOOK}\nact ada {ACT}\n"));
        let config = Config { operators_file: FileSetting::At(file.0.clone()), ..Config::on_free_ports() };
        let server = Server::new(config).stage_game::<Paddles>().stage_game::<Arena>().game::<Sluggish>();
        Self { server: server.start().expect("free ports"), file }
    }

    fn operators(&self) -> SocketAddr {
        operators(&self.server)
    }

    fn act(&self, token: &str, path: &str, body: &str) -> (u16, Value) {
        let reply = Request::new("POST", path).headers(&bearer(token)).body(body).send(self.operators());
        (reply.status, serde_json::from_str(&reply.body).unwrap_or_default())
    }

    fn audit(&self) -> Vec<Value> {
        let reply = Request::new("GET", "/admin/audit").headers(&bearer(LOOK)).send(self.operators());
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["actions"].as_array().expect("a list").clone()
    }

    /// The socket of an operator who hears these topics.
    fn hear(&self, token: &str, topics: &[&str]) -> Socket {
        let mut socket = Socket::open_json(self.operators());
        socket.say(&json!({ "op": "hello", "token": token }));
        assert!(socket.wait_for("you")["operator"]["role"].is_string());
        for topic in topics {
            socket.say(&json!({ "op": "subscribe", "topic": topic }));
            assert_eq!(socket.wait_for("granted")["topic"], *topic);
        }
        socket
    }
}

fn operators(server: &Running) -> SocketAddr {
    server.admin_address().expect("on a free port")
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The body of the next message of a topic.
fn next_of(socket: &mut Socket, topic: &str) -> Value {
    loop {
        let message = socket.wait_for("message");
        if message["topic"] == topic {
            return serde_json::from_str(message["body"].as_str().expect("a text")).expect("JSON");
        }
    }
}

/// Waits for a message of a topic of which this holds.
fn wait_until(socket: &mut Socket, topic: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let body = next_of(socket, topic);
        if holds(&body) {
            return body;
        }
        assert!(Instant::now() < end, "it never came: {body}");
    }
}

fn room<'a>(rooms: &'a Value, code: &str) -> Option<&'a Value> {
    rooms["rooms"].as_array().expect("a list").iter().find(|room| room["code"] == code)
}

#[test]
fn no_action_passes_without_the_token_of_somebody_who_may_act_and_every_attempt_is_written_down() {
    let place = Place::open("routes");
    let code = create_room(place.server.address(), "paddles");
    let (_player, _) = Socket::enter::<Paddles>(place.server.address(), &code);
    let attempts = [
        (String::new(), 401, "no-operator", ""),
        (bearer("acting-012345678"), 401, "no-operator", ""),
        (bearer(ACT) + &bearer(ACT), 401, "no-operator", ""),
        (format!("Cookie: token={ACT}\r\n"), 401, "no-operator", ""),
        (bearer(LOOK), 403, "looks-only", "bob"),
    ];
    for (path, body) in ACTIONS {
        let path = path.replace("{code}", &code);
        for (headers, status, problem, operator) in &attempts {
            let reply = Request::new("POST", &path).headers(headers).body(body).send(place.operators());
            assert_eq!(reply.status, *status, "{path} {headers}: {}", reply.body);
            assert!(reply.json()["type"].as_str().is_some_and(|kind| kind.ends_with(problem)), "{}", reply.body);
            assert!(!reply.body.contains(ACT) && !reply.body.contains(LOOK), "{}", reply.body);
            let newest = &place.audit()[0];
            assert_eq!((&newest["outcome"], &newest["operator"]), (&json!("refused"), &json!(operator)), "{newest}");
            assert_eq!(newest["request_id"], json!(reply.header("x-request-id")));
        }
        let foreign = Request::new("POST", &path).headers(&bearer(ACT)).headers("Origin: https://evil.example\r\n");
        assert_eq!(foreign.body(body).send(place.operators()).status, 403, "{path}");
        let (status, _) = http(place.server.address(), "POST", &path, body);
        assert_eq!(status, 405, "players see no such path: {path}");
    }
    let by_address = Request::new("POST", &format!("/admin/drain?token={ACT}")).body("{}").send(place.operators());
    assert_eq!(by_address.status, 401, "a token in an address is none");
    let without = Request::new("GET", "/admin/audit").send(place.operators());
    assert_eq!(without.status, 401, "{}", without.body);
}

#[test]
fn actions_do_what_they_say_and_are_in_the_audit_log() {
    let place = Place::open("actions");
    let address = place.server.address();
    let code = create_room(address, "paddles");
    let mut live = place.hear(LOOK, &["admin/audit"]);
    let mut listener = Socket::open_json(address);
    listener.say(&json!({ "op": "subscribe", "topic": "announce" }));
    listener.wait_for("granted");
    let of = |action: &str| format!("/admin/rooms/{code}/{action}");
    let done = |path: &str, body: &str| place.act(ACT, path, body).0;

    assert_eq!(done("/admin/announce", r#"{"text":"Back at <noon>"}"#), 204);
    assert_eq!(listener.wait_for("message")["body"], "Back at <noon>");
    let line = next_of(&mut live, "admin/audit");
    assert_eq!((&line["action"], &line["detail"]), (&json!("announce"), &json!("Back at <noon>")));

    let (mut kicked, _) = Socket::enter::<Paddles>(address, &code);
    assert_eq!(done(&of("kick"), r#"{"seat":0}"#), 204);
    assert_eq!(kicked.close_code(), Some(CloseCode::Removed.number()));
    let line = next_of(&mut live, "admin/audit");
    assert_eq!((&line["name"], &line["seat"], &line["room"]), (&json!("tester"), &json!(0), &json!(code)));
    assert_eq!(done(&of("kick"), r#"{"seat":0}"#), 409, "nobody is there any more");
    assert_eq!(done(&of("kick"), r#"{"seat":200}"#), 409);

    let (mut banned, _) = Socket::enter::<Paddles>(address, &code);
    assert_eq!(done(&of("ban"), r#"{"seat":0}"#), 204);
    assert_eq!(banned.close_code(), Some(CloseCode::Removed.number()));

    assert_eq!(done(&of("lock"), r#"{"locked":true}"#), 204);
    assert_eq!(done(&of("lock"), r#"{"locked":true}"#), 409);
    let mut outside = Socket::open(address);
    outside.send(&binary(&hello::<Paddles>(&code).encode()));
    assert_eq!(outside.close_code(), Some(CloseCode::Full.number()));
    assert_eq!(done(&of("lock"), r#"{"locked":false}"#), 204);
    let (mut inside, _) = Socket::enter::<Paddles>(address, &code);

    assert_eq!(done(&of("close"), "{}"), 204);
    assert_eq!(inside.close_code(), Some(CloseCode::NoRoom.number()));
    assert_eq!(done(&of("close"), "{}"), 404, "the room is gone");
    assert_eq!(done("/admin/rooms/CCCCCC/kick", r#"{"seat":0}"#), 404);

    let (status, help) = place.act(ACT, "/admin/drain", "{}");
    assert!(status == 200 && help["help"].as_str().is_some_and(|help| help.contains("SIGTERM")), "{help}");
    assert_eq!(http(address, "POST", "/api/rooms", r#"{"game":"paddles"}"#).0, 503);
    assert_eq!(http(address, "POST", "/api/match", r#"{"game":"paddles"}"#).0, 503);
    let (status, reasons) = http(address, "GET", "/readyz", "");
    assert!(status == 503 && reasons.contains("draining"), "{reasons}");
    assert_eq!(done("/admin/drain", "{}"), 409);

    let log: Vec<(String, String)> = place
        .audit()
        .iter()
        .map(|line| {
            let word = |field: &str| line[field].as_str().expect("a text").to_owned();
            (word("action"), word("outcome"))
        })
        .collect();
    let of = |action: &str, outcome: &str| log.iter().filter(|line| (&*line.0, &*line.1) == (action, outcome)).count();
    for (action, done, refused) in
        [("announce", 1, 0), ("kick", 1, 3), ("ban", 1, 0), ("lock", 2, 1), ("close", 1, 1), ("drain", 1, 1)]
    {
        assert_eq!((of(action, "done"), of(action, "refused")), (done, refused), "{action}: {log:?}");
    }
    assert_eq!(log[0], ("drain".to_owned(), "refused".to_owned()), "the newest comes first");
}

#[test]
fn without_a_file_this_machine_looks_and_nobody_acts() {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("free ports");
    let code = create_room(server.address(), "paddles");
    for (path, body) in ACTIONS {
        for headers in [String::new(), bearer(ACT)] {
            let path = path.replace("{code}", &code);
            let reply = Request::new("POST", &path).headers(&headers).body(body).send(operators(&server));
            assert!(reply.status == 403 && reply.body.contains("--operators-file"), "{path}: {}", reply.body);
        }
    }
    let mut socket = Socket::open_json(operators(&server));
    socket.say(&json!({ "op": "hello" }));
    assert_eq!(socket.wait_for("you")["operator"], json!({ "name": "anybody", "role": "look" }));
    socket.say(&json!({ "op": "subscribe", "topic": "admin/overview" }));
    assert_eq!(socket.wait_for("granted")["may_publish"], false);
    assert_eq!(next_of(&mut socket, "admin/overview")["rooms"], 1);
    assert_eq!(Request::new("GET", "/admin/audit").send(operators(&server)).status, 200);
    // A program that opens the socket and says no hello is anybody too.
    let mut quiet = Socket::open_json(operators(&server));
    quiet.say(&json!({ "op": "subscribe", "topic": "admin/rooms" }));
    assert_eq!(quiet.wait_for("granted")["topic"], "admin/rooms");
    quiet.say(&json!({ "op": "publish", "topic": "announce", "seq": 1, "body": "hi" }));
    assert_eq!(quiet.wait_for("receipt")["why"], "no_topic", "announcements are actions");
    let reply = Request::new("GET", "/ws").headers(UPGRADE).send(operators(&server));
    assert!(reply.status == 400 && reply.body.contains("offer tickwire.json.1"), "a game is played elsewhere");
}

#[test]
fn on_an_open_listener_without_a_file_nobody_looks() {
    let admin = OptionalListen(Some("0.0.0.0:0".parse().expect("an address")));
    let server = Server::new(Config { admin_listen: admin, lan: true, ..Config::on_free_ports() });
    let server = server.game::<Paddles>().start().expect("free ports");
    let address = SocketAddr::from(([127, 0, 0, 1], operators(&server).port()));
    assert_eq!(Request::new("GET", "/admin/audit").send(address).status, 403);
    let mut socket = Socket::open_json(address);
    socket.say(&json!({ "op": "hello" }));
    assert!(socket.wait_for("error")["help"].as_str().is_some_and(|help| help.contains("--operators-file")));
    assert_eq!(socket.close_code(), Some(CloseCode::Auth.number()));
}

#[test]
fn a_socket_needs_a_token_of_the_file_and_loses_its_place_with_it() {
    let place = Place::open("socket");
    for first in [
        json!({ "op": "hello" }),
        json!({ "op": "hello", "token": "looking-0123456788" }),
        json!({ "op": "subscribe", "topic": "admin/overview" }),
    ] {
        let mut socket = Socket::open_json(place.operators());
        socket.say(&first);
        let error = socket.wait_for("error");
        assert!(error["what"].as_str().is_some_and(|what| what.contains("token")), "{error}");
        assert_eq!(socket.close_code(), Some(CloseCode::Auth.number()), "{first}");
    }
    // Players have no such topics, with a token neither.
    let mut player = Socket::open_json(place.server.address());
    player.say(&json!({ "op": "subscribe", "topic": "admin/overview" }));
    assert_eq!(player.wait_for("refused")["why"], "no_topic");
    let mut player = Socket::open_json(place.server.address());
    player.say(&json!({ "op": "hello", "token": ACT }));
    assert!(player.wait_for("error")["what"].as_str().is_some_and(|what| what.contains("operators' port")));

    let mut ada = Socket::open_json(place.operators());
    ada.say(&json!({ "op": "hello", "token": ACT }));
    assert_eq!(ada.wait_for("you")["operator"], json!({ "name": "ada", "role": "act" }));
    let mut bob = place.hear(LOOK, &["admin/overview"]);
    for (topic, why) in [("admin/room/CCCCCC", "no_topic"), ("admin/metrics", "no_topic"), ("admin/x", "no_topic")] {
        bob.say(&json!({ "op": "subscribe", "topic": topic }));
        assert_eq!(bob.wait_for("refused")["why"], why, "{topic}");
    }
    // The file is read again, and says that bob is an operator no more.
    std::fs::write(&place.file.0, format!("act ada {ACT}\n")).expect("the file");
    assert_eq!(bob.close_code(), Some(CloseCode::Auth.number()));
    ada.say(&json!({ "op": "subscribe", "topic": "admin/overview" }));
    assert_eq!(ada.wait_for("granted")["topic"], "admin/overview", "ada stays");
}

#[test]
fn the_overview_and_the_rooms_have_what_the_contract_says() {
    let place = Place::open("overview");
    let code = create_room(place.server.address(), "paddles");
    let mut player = Player::<Paddles>::join(place.server.address(), &code);
    let mut socket = place.hear(LOOK, &["admin/overview", "admin/rooms", "admin/history"]);
    let history = next_of(&mut socket, "admin/history");
    assert_eq!((&history["step_s"], history["columns"].as_array().map(Vec::len)), (&json!(10), Some(16)));
    player.play_for(Duration::from_millis(2_500));
    let counted = |shard: &Value| -> u64 {
        shard["late_counts"].as_array().expect("a list").iter().filter_map(Value::as_u64).sum()
    };
    // A room ticks 60 times a second; the first second that is told may have begun before it.
    let overview = wait_until(&mut socket, "admin/overview", |body| {
        let shards = body["shards"].as_array().expect("a list");
        body["players"] == 1 && body["connections"] == 2 && shards.iter().map(counted).sum::<u64>() > 10
    });
    for field in ["at_ms", "cpu_percent", "bytes_in_s", "bytes_out_s", "ticks_s", "visitors"] {
        assert!(overview[field].is_u64(), "{field}: {overview}");
    }
    assert!(overview["memory"]["bytes"].as_u64() > Some(1_000_000) && overview["memory"]["bytes_max"].is_u64());
    assert_eq!((&overview["server"]["ready"], &overview["server"]["reasons"]), (&json!(true), &json!([])));
    let shards = overview["shards"].as_array().expect("a list");
    let columns = overview["late_bounds_us"].as_array().map(|bounds| bounds.len() + 1);
    for shard in shards {
        assert_eq!(shard["late_counts"].as_array().map(Vec::len), columns, "{shard}");
        for field in ["turn_us", "late_us"] {
            let [p50, p99, max] = ["p50", "p99", "max"].map(|name| shard[field][name].as_u64().expect("a number"));
            assert!(p50 <= p99 && p99 <= max, "{shard}");
        }
    }
    player.play_for(Duration::from_millis(1_200));
    let rooms = wait_until(&mut socket, "admin/rooms", |body| {
        room(body, &code).is_some_and(|room| room["tick"].as_u64() > Some(10) && room["bytes_out_s"] != 0)
    });
    let shown = room(&rooms, &code).expect("the room");
    assert_eq!((&shown["game"], &shown["players"], &shown["state"]), (&json!("paddles"), &json!(1), &json!("ok")));
    assert!(shown["turn_us"]["p99"].as_u64() > Some(0) && shown["private"] == false, "{shown}");
}

#[test]
fn a_room_that_is_looked_at_shows_its_seats_and_its_world() {
    let place = Place::open("room");
    let code = create_room(place.server.address(), "paddles");
    let mut player = Player::<Paddles>::join(place.server.address(), &code);
    let (seats, scene) = (format!("admin/room/{code}"), format!("admin/room/{code}/scene"));
    assert!(player.play_until(|player| player.snapshots.len() > 60));
    let mut socket = place.hear(LOOK, &[&seats, &scene]);
    player.play_for(Duration::from_millis(1_500));
    let body = next_of(&mut socket, &seats);
    let seat = &body["seats"][0];
    assert_eq!((&seat["kind"], &seat["name"], &seat["owner"]), (&json!("person"), &json!("witness"), &json!(true)));
    assert!(
        seat["rtt_ms"].as_u64().is_some_and(|ms| ms < 2_000)
            && seat["lead_ticks"].is_i64()
            && seat["jitter_ms"].is_u64(),
        "{seat}"
    );
    assert_eq!((&seat["address"], &seat["corrections"]), (&json!("exempt"), &json!(0)));
    assert_eq!((&body["seats"][1]["kind"], &body["room"]["code"]), (&json!("free"), &json!(code)));
    assert_eq!((&body["autopsies"], &body["spectators"]), (&json!([]), &json!(0)));
    // About eight pictures a second come, each of a later tick than the one before.
    let pictures: Vec<Value> = (0..4).map(|_| next_of(&mut socket, &scene)).collect();
    for picture in &pictures {
        assert!(picture["commands"].as_array().is_some_and(|commands| commands.len() > 20), "{picture}");
    }
    let ticks: Vec<u64> = pictures.iter().filter_map(|picture| picture["tick"].as_u64()).collect();
    assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
    let texts = pictures[0]["texts"].as_array().expect("a list");
    assert!(texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains("witness"))), "{texts:?}");
    // The room ends, and so do the topics about it.
    assert_eq!(place.act(ACT, &format!("/admin/rooms/{code}/close"), "{}").0, 204);
    assert!(socket.wait_for("ended")["topic"].as_str().is_some_and(|topic| topic.contains(&code)));
}

#[test]
fn a_game_without_a_stage_is_not_drawn_and_only_so_many_worlds_are() {
    let place = Place::open("scenes");
    let scene = |code: &str| format!("admin/room/{code}/scene");
    let bare = create_room(place.server.address(), "sluggish");
    let (mut player, _) = Socket::enter::<Sluggish>(place.server.address(), &bare);
    player.send(&binary(&neutral_input::<Sluggish>()));
    let mut socket = place.hear(LOOK, &[&scene(&bare)]);
    assert_eq!(next_of(&mut socket, &scene(&bare))["commands"], Value::Null);
    let codes: Vec<String> = (0..4).map(|_| create_room(place.server.address(), "paddles")).collect();
    for (number, code) in codes.iter().enumerate() {
        socket.say(&json!({ "op": "subscribe", "topic": scene(code) }));
        let op = if number < 3 { "granted" } else { "refused" };
        assert_eq!(socket.wait_for(op)["topic"], scene(code), "four worlds in all");
    }
    socket.say(&json!({ "op": "leave", "topic": scene(&codes[0]) }));
    assert_eq!(socket.wait_for("ended")["topic"], scene(&codes[0]));
    socket.say(&json!({ "op": "subscribe", "topic": scene(&codes[3]) }));
    assert_eq!(socket.wait_for("granted")["topic"], scene(&codes[3]));
}

/// A game whose steps take longer than they may.
#[derive(State, Clone, Default)]
struct Sluggish {
    steps: u32,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Nothing {
    nothing: bool,
}

impl Game for Sluggish {
    type Input = Nothing;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("sluggish", 60);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, _: &mut Step<'_, Self>) {
        self.steps += 1;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(4) {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn a_slow_room_a_desync_and_a_flood_show_as_what_they_are() {
    let place = Place::open("states");
    let address = place.server.address();
    let mut socket = place.hear(LOOK, &["admin/rooms"]);
    let [slow, flooded] = ["sluggish", "arena"].map(|game| create_room(address, game));
    let (mut member, _) = Socket::enter::<Sluggish>(address, &slow);
    member.send(&binary(&neutral_input::<Sluggish>()));
    let (mut flood, _) = Socket::enter::<Arena>(address, &flooded);
    (0..2_000).for_each(|_| flood.send(&binary(&neutral_input::<Arena>())));
    assert_eq!(flood.close_code(), Some(CloseCode::Rate.number()));
    // Somebody else keeps the room awake.
    let (mut honest, _) = Socket::enter::<Arena>(address, &flooded);
    honest.send(&binary(&neutral_input::<Arena>()));

    let differing = create_room(address, "paddles");
    let mut player = Player::<Paddles>::join(address, &differing);
    assert!(player.play_until(|player| player.snapshots.len() > 30));
    plant(&mut player.session, &mut Rng::new(4)).expect("a world has fields");
    assert!(player.play_until(|player| player.session.stats().desyncs_healed == 1), "the desync is healed");
    let is = |body: &Value, code: &str, state: &str| room(body, code).is_some_and(|room| room["state"] == state);
    player.play_for(Duration::from_millis(1_500));
    let rooms = wait_until(&mut socket, "admin/rooms", |body| {
        is(body, &slow, "slow") && is(body, &differing, "desync") && is(body, &flooded, "flood")
    });
    let order: Vec<&Value> = rooms["rooms"].as_array().expect("a list").iter().map(|room| &room["code"]).collect();
    assert_eq!(order, [&json!(slow), &json!(differing), &json!(flooded)], "the worst comes first");
    let mut looking = place.hear(LOOK, &[&format!("admin/room/{differing}")]);
    player.play_for(Duration::from_millis(1_000));
    let body = next_of(&mut looking, &format!("admin/room/{differing}"));
    let autopsy = &body["autopsies"][0];
    assert!(autopsy["field"].as_str().is_some_and(|field| !field.is_empty()), "{body}");
    assert_ne!(autopsy["server"], autopsy["client"]);
}

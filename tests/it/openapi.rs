//! The description of the HTTP API against a real server: every status that is described is provoked, and every answer
//! is as it is described.

use crate::socket::{Reply, Request, Socket, api, create_room};
use crate::token_file::TokenFile;
use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tickwire::message::close::CloseCode;
use tickwire_games::Paddles;
use tickwire_server::identity::{TicketClaims, mint, new_key};
use tickwire_server::limits::{AVOIDED_ROOMS_MAX, REQUEST_BODY_BYTES_MAX, ROOMS_LISTED_MAX};
use tickwire_server::{Auth, Config, FileSetting, Running, Server};

const TOKEN: &str = "sesame-0123456789";

/// An operator who may act, and one who may look.
const OPERATORS: &str = "act ada acting-0123456789\nlook bob looking-0123456789\n";

/// An address that limits apply to, as a proxy on this machine names it.
const FORWARDED: &str = "X-Forwarded-For: 198.51.100.7\r\n";

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tickwire.json.1\r\n";

/// The headers of both.
const ACTING: &str = "Authorization: Bearer acting-0123456789\r\n";
const LOOKING: &str = "Authorization: Bearer looking-0123456789\r\n";

/// The actions of operators.
const ACTIONS: [&str; 6] = ["announce", "kickPlayer", "banPlayer", "lockRoom", "closeRoom", "drainServer"];

/// The statuses that are described and that no test over a socket brings about, with the reason.
const NOT_PROVOKED: [(&str, u16, &str); 2] = [
    ("getRoom", 503, "64 passwords have to wait; a unit test of the doorkeeper makes them wait"),
    ("publishMessage", 429, "services have no rate in a topic of the server; a unit test has the status"),
];

/// The description, with objects that admit no property but those that it names.
struct Document(Value);

impl Document {
    fn of(address: SocketAddr) -> Self {
        let (status, mut document) = api(address, "GET", "/api/openapi.json", "");
        assert_eq!(status, 200);
        for (_, schema) in document["components"]["schemas"].as_object_mut().expect("schemas") {
            if schema["type"] == "object" {
                schema["additionalProperties"] = false.into();
            }
        }
        Self(document)
    }

    /// Every operation: its id, path and method.
    fn operations(&self) -> BTreeMap<String, (String, String)> {
        let mut found = BTreeMap::new();
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path").iter().filter(|(name, _)| *name != "servers") {
                let id = operation["operationId"].as_str().expect("an id").to_owned();
                assert!(found.insert(id, (path.clone(), method.clone())).is_none(), "ids are unique");
            }
        }
        found
    }

    /// Where in the document an answer of an operation is described.
    fn response_at(&self, id: &str, status: u16) -> String {
        let (path, method) = &self.operations()[id];
        format!("/paths/{}/{method}/responses/{status}", escaped(path))
    }

    fn statuses(&self, id: &str) -> BTreeSet<u16> {
        let (path, method) = &self.operations()[id];
        let responses = self.0["paths"][path][method]["responses"].as_object().expect("responses");
        responses.keys().map(|status| status.parse().expect("a status")).collect()
    }

    /// A description that may stand elsewhere, and its place.
    fn resolved(&self, at: String) -> (String, &Value) {
        let value = self.0.pointer(&at).unwrap_or_else(|| panic!("{at} is not described"));
        match value["$ref"].as_str() {
            Some(reference) => self.resolved(reference.trim_start_matches('#').to_owned()),
            None => (at, value),
        }
    }

    /// Fails unless the schema at this place admits the value.
    fn check_value(&self, at: &str, value: &Value) {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource("mem:api", self.0.clone()).expect("a document");
        let index = compiler.compile(&format!("mem:api#{}", at.replace('{', "%7B").replace('}', "%7D")), &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{at}: {error}"));
        if let Err(error) = schemas.validate(value, index) {
            panic!("{value} is not as described at {at}: {error}");
        }
    }

    /// Fails unless an answer is as it is described.
    fn check(&self, id: &str, reply: &Reply) {
        let status = reply.status;
        let (at, response) = self.resolved(self.response_at(id, status));
        let headers = response["headers"].as_object().into_iter().flatten();
        for (name, _) in headers {
            let (at, header) = self.resolved(format!("{at}/headers/{}", escaped(name)));
            match reply.header(name) {
                None => assert!(header["required"] != true, "{id} {status} has no {name}: {}", reply.head),
                Some(text) if header["schema"]["type"] == "integer" => {
                    self.check_value(&format!("{at}/schema"), &json!(text.parse::<u64>().expect("a number")));
                }
                Some(text) => self.check_value(&format!("{at}/schema"), &json!(text)),
            }
        }
        let Some(content) = response["content"].as_object() else {
            return assert_eq!(reply.body, "", "{id} {status} has a body that is not described");
        };
        let kind = reply.header("content-type").unwrap_or_default();
        let (name, described) =
            content.iter().find(|(name, _)| kind.split(';').next() == Some(name)).unwrap_or_else(|| {
                panic!("{id} {status} is {kind:?}, and described as {:?}", content.keys().collect::<Vec<_>>())
            });
        if !name.ends_with("json") {
            return;
        }
        let body: Value = serde_json::from_str(&reply.body).expect("JSON");
        self.check_value(&format!("{at}/content/{}/schema", escaped(name)), &body);
        if kind == "application/problem+json" {
            assert_eq!((&body["status"], &body["request_id"]), (&status.into(), &reply.header("x-request-id").into()));
            let mut known = described["examples"].as_object().expect("examples").values();
            assert!(known.any(|known| known["value"]["type"] == body["type"]), "{id} {status}: {body}");
        }
    }
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The servers that between them give every answer, and the files that they read.
struct Servers {
    open: Running,
    /// It has its only room already, and no token for services.
    full: Running,
    /// It asks players for tickets.
    gated: Running,
    ticket: String,
    /// It drains.
    drained: Running,
    _files: (TokenFile, TokenFile, TokenFile),
}

impl Servers {
    /// Starts them; the name tells the files of one test from those of another.
    fn start(name: &str) -> Self {
        let token = TokenFile::new(&format!("openapi-{name}"), TOKEN);
        let key = new_key("login-1").expect("a name of a key");
        let keys = TokenFile::new(&format!("openapi-{name}-keys"), &key.public_line);
        let at = |file: &TokenFile| FileSetting::At(PathBuf::from(&file.0));
        let operators = TokenFile::new(&format!("openapi-{name}-operators"), OPERATORS);
        let open = Config { topics_token_file: at(&token), operators_file: at(&operators), ..Config::on_free_ports() };
        let full = Config { rooms_max: 1, ..Config::on_free_ports() };
        let gated = Config { auth: Auth::Ticket, ticket_keys: at(&keys), ..open.clone() };
        let drained = open.clone();
        let [open, full, gated, drained] = [open, full, gated, drained]
            .map(|config| Server::new(config).game::<Paddles>().start().expect("free ports"));
        create_room(full.address(), "paddles");
        let claims = TicketClaims { identity: "ada".into(), ..TicketClaims::default() };
        let now_s = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs();
        let ticket = mint(&key.secret, &claims, 60, now_s, "1").expect("claims that keep the rules");
        Self { open, full, gated, drained, ticket, _files: (token, keys, operators) }
    }
}

/// The address of the operators' port.
fn operators(server: &Running) -> SocketAddr {
    server.admin_address().expect("on a free port")
}

/// A request that succeeds, for each operation.
fn good_request(id: &str, servers: &Servers) -> (SocketAddr, Request) {
    let (players, services) = (servers.open.address(), operators(&servers.open));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let get = |path: &str| Request::new("GET", path);
    let post = |path: &str, body: &str| Request::new("POST", path).body(body);
    let act = |path: &str, body: &str| post(path, body).headers(ACTING);
    // A new room each time, with somebody in its first seat.
    let of_room = |action: &str| {
        let code = create_room(players, "paddles");
        let (seated, _) = Socket::enter::<Paddles>(players, &code);
        std::mem::forget(seated);
        format!("/admin/rooms/{code}/{action}")
    };
    match id {
        "listRooms" => (players, get("/api/rooms?game=paddles&free=1&limit=5")),
        "createRoom" => (players, post("/api/rooms", r#"{"game":"paddles"}"#)),
        "getRoom" => (players, get(&format!("/api/rooms/{}", create_room(players, "paddles")))),
        "findMatch" => (players, post("/api/match", r#"{"game":"paddles"}"#)),
        "getOpenApi" => (players, get("/api/openapi.json")),
        "getTopicsSchema" => (players, get("/api/topics.schema.json")),
        "openSocket" => (players, get("/ws").headers(UPGRADE)),
        "checkHealth" => (players, get("/healthz")),
        "checkReadiness" => (services, get("/readyz")),
        "readMetrics" => (services, get("/metrics")),
        "publishMessage" => (services, post("/topics/announce", r#"{"body":"hi"}"#).headers(&bearer)),
        "mutePlayer" => (services, post("/players/0123456789abcdef/mute", r#"{"minutes":1}"#).headers(&bearer)),
        "revokeIdentity" => {
            (operators(&servers.gated), post("/identities/revoke", r#"{"identity":"bob"}"#).headers(&bearer))
        }
        "announce" => (services, act("/admin/announce", r#"{"text":"hi"}"#)),
        "kickPlayer" => (services, act(&of_room("kick"), r#"{"seat":0}"#)),
        "banPlayer" => (services, act(&of_room("ban"), r#"{"seat":0}"#)),
        "lockRoom" => (services, act(&of_room("lock"), r#"{"locked":true}"#)),
        "closeRoom" => (services, act(&of_room("close"), "{}")),
        "drainServer" => (operators(&servers.drained), act("/admin/drain", "{}")),
        "readAudit" => (services, get("/admin/audit").headers(LOOKING)),
        other => panic!("{other} is described, and no test knows it"),
    }
}

/// The answers that every operation of its kind can give: those about the host, the head, the origin and the body.
fn usual_replies(id: &str, method: &str, servers: &Servers) -> Vec<Reply> {
    let (address, good) = good_request(id, servers);
    let with = |headers: &str| good.clone().headers(headers).send(address);
    let mut replies = vec![
        good.send(address),
        with("Host: localhost\r\n"),
        good.clone().host("evil.example").send(address),
        with(&"Filler: 1\r\n".repeat(120)),
    ];
    let asks_for_origin = ACTIONS.contains(&id) || id == "readAudit";
    if address == servers.open.address() && !matches!(id, "checkHealth" | "checkReadiness") || asks_for_origin {
        replies.push(with("Origin: https://evil.example\r\n"));
        replies.push(with("Origin: http://localhost\r\nOrigin: http://localhost\r\n"));
    }
    if method == "post" {
        let held = good.begin(address);
        for body in ["", "{", "[]", r#"{"more":1}"#, &"x".repeat(REQUEST_BODY_BYTES_MAX + 1)] {
            replies.push(good.clone().body(body).send(address));
        }
        replies.push(Reply::read(held));
    }
    replies
}

/// The other answers of an operation.
fn special_replies(id: &str, servers: &Servers) -> Vec<Reply> {
    let (address, good) = good_request(id, servers);
    let path = |path: &str| Request::new(&good.method, path);
    let plain = Request::new(&good.method, &good.path).body(&good.body);
    let until = |wanted: u16, request: &Request| {
        let mut replies = (0..100).map(|_| request.send(address));
        replies.find(|reply| reply.status == wanted).unwrap_or_else(|| panic!("{id} never gives {wanted}"))
    };
    let body = |body: Value| good.clone().body(&body.to_string()).send(address);
    let (gated, full) = (servers.gated.address(), servers.full.address());
    match id {
        "listRooms" => ["?game=chess", "?free=0", "?page=1&after=01C4FK9T01", "?after=01C4FK9Tff", "?page=7"]
            .map(|query| path(&format!("/api/rooms{query}")).send(address))
            .into(),
        "createRoom" => vec![
            plain.send(gated),
            plain.clone().headers(&format!("Authorization: Bearer {}\r\n", servers.ticket)).send(gated),
            plain.send(full),
            until(429, &plain.headers(FORWARDED)),
            body(json!({ "game": "chess" })),
            body(json!({ "game": "paddles", "options": [1] })),
            body(json!({ "game": "paddles", "private": true })),
            body(json!({ "game": "paddles", "password": "correct horse" })),
            body(json!({ "game": "paddles", "password": "" })),
            body(json!({ "game": "paddles", "public": true, "private": true })),
        ],
        "getRoom" => {
            vec![path("/api/rooms/CCCCCC").send(address), until(429, &path("/api/rooms/CCCCCC").headers(FORWARDED))]
        }
        "findMatch" => vec![
            plain.send(gated),
            plain.send(full),
            until(429, &plain.headers(FORWARDED)),
            body(json!({ "game": "chess" })),
            body(json!({ "game": "paddles", "avoid": ["C"] })),
            body(json!({ "game": "paddles", "avoid": vec!["CCCCCC"; AVOIDED_ROOMS_MAX + 1] })),
        ],
        "openSocket" => vec![
            Request::new("GET", "/ws").headers(&UPGRADE.replace("13", "12")).send(address),
            Request::new("GET", "/ws").send(address),
            good.send(operators(&servers.open)),
            Request::new("GET", "/ws").headers(&UPGRADE.replace("json.1", "1")).send(operators(&servers.open)),
        ],
        "checkReadiness" => {
            let (asked, mut reply) = (Instant::now(), good.send(full));
            while reply.status == 200 && asked.elapsed() < Duration::from_secs(20) {
                reply = good.send(full);
            }
            vec![reply]
        }
        "publishMessage" | "mutePlayer" | "revokeIdentity" => {
            let mut replies = vec![plain.send(address), good.send(operators(&servers.full))];
            let other = match id {
                "publishMessage" => path("/topics/nothing").body(r#"{"body":"hi"}"#),
                "mutePlayer" => path("/players/Ada/mute").body(r#"{"minutes":1}"#),
                _ => path("/identities/revoke").body(r#"{"identity":"ada"}"#),
            };
            replies.push(other.headers(&good.headers).send(operators(&servers.open)));
            replies
        }
        "announce" | "kickPlayer" | "banPlayer" | "lockRoom" | "closeRoom" | "drainServer" => {
            action_replies(id, &good, address, servers)
        }
        "readAudit" => vec![plain.send(address), good.send(operators(&servers.full))],
        _ => Vec::new(),
    }
}

/// The other answers of an action of operators.
fn action_replies(id: &str, good: &Request, address: SocketAddr, servers: &Servers) -> Vec<Reply> {
    let path = |path: &str| Request::new(&good.method, path);
    let denied = denied(address, good, servers);
    let more = match id {
        "announce" => {
            let long = json!({ "text": "x".repeat(2_000) });
            vec![good.clone().body(&long.to_string()).send(address)]
        }
        "kickPlayer" | "banPlayer" => {
            let nobody = good.clone().body(r#"{"seat":1}"#).send(address);
            let nowhere = path("/admin/rooms/CCCCCC/kick").headers(ACTING).body(r#"{"seat":0}"#).send(address);
            vec![nobody, nowhere]
        }
        // The good request was sent before, and changes nothing any more.
        _ => {
            let nowhere = path("/admin/rooms/CCCCCC/lock").headers(ACTING).body(r#"{"locked":true}"#);
            let nowhere = (id == "lockRoom").then(|| nowhere.send(address));
            [good.send(address), good.send(address)].into_iter().chain(nowhere).collect()
        }
    };
    [denied, more].concat()
}

/// The answers to an action of somebody who is no operator, of one who may only look, and of anybody on a server without
/// a file of operators.
fn denied(address: SocketAddr, good: &Request, servers: &Servers) -> Vec<Reply> {
    let plain = Request::new(&good.method, &good.path).body(&good.body);
    vec![plain.send(address), plain.headers(LOOKING).send(address), good.send(operators(&servers.full))]
}

#[test]
fn every_described_status_is_given_and_every_answer_is_as_it_is_described() {
    let servers = Servers::start("statuses");
    let document = Document::of(servers.open.address());
    let operations = document.operations();
    let mut seen: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    // Bodies that never come are waited for at the same time.
    let replies: Vec<(&str, Vec<Reply>)> = std::thread::scope(|scope| {
        let ask = |(id, (_, method)): (&'static str, &(String, String))| {
            let method = method.clone();
            let servers = &servers;
            scope.spawn(move || (id, [usual_replies(id, &method, servers), special_replies(id, servers)].concat()))
        };
        let asked: Vec<_> = operations.iter().map(|(id, of)| ask((String::leak(id.clone()), of))).collect();
        asked.into_iter().map(|thread| thread.join().expect("every answer comes")).collect()
    });
    for (id, replies) in &replies {
        for reply in replies {
            document.check(id, reply);
            seen.entry(id).or_default().insert(reply.status);
        }
    }
    for (id, status) in stopped(&servers, &document) {
        seen.entry(id).or_default().insert(status);
    }
    for id in operations.keys() {
        let reasons = NOT_PROVOKED.iter().filter(|(of, ..)| of == id).map(|(_, status, _)| *status);
        let found: BTreeSet<u16> = seen[&**id].iter().copied().chain(reasons).collect();
        assert_eq!(found, document.statuses(id), "{id}");
    }
}

/// The answers to requests of services that are under way when their server stops.
fn stopped(servers: &Servers, document: &Document) -> Vec<(&'static str, u16)> {
    let services = ["publishMessage", "mutePlayer", "revokeIdentity"];
    let ids: Vec<&str> = services.into_iter().chain(ACTIONS).collect();
    let stopping = Server::new(Config {
        topics_token_file: FileSetting::At(PathBuf::from(&servers._files.0.0)),
        operators_file: FileSetting::At(PathBuf::from(&servers._files.2.0)),
        ..Config::on_free_ports()
    });
    let stopping = stopping.game::<Paddles>().start().expect("free ports");
    let address = operators(&stopping);
    let held: Vec<_> = ids.iter().map(|id| good_request(id, servers).1.begin(address)).collect();
    let stop = std::thread::spawn(move || stopping.stop(CloseCode::Away));
    let replies: Vec<Reply> = held.into_iter().map(Reply::read).collect();
    stop.join().expect("the server stops");
    for (id, reply) in ids.iter().zip(&replies) {
        document.check(id, reply);
    }
    ids.into_iter().zip(replies.iter().map(|reply| reply.status)).collect()
}

#[test]
fn examples_of_bodies_are_what_the_server_takes_and_gives() {
    let servers = Servers::start("examples");
    let document = Document::of(servers.open.address());
    let mut count = 0;
    for (id, (path, method)) in document.operations() {
        let at = format!("/paths/{}/{method}", escaped(&path));
        let operation = document.0.pointer(&at).expect("an operation");
        let contents = [operation["requestBody"].clone()];
        let contents = contents.iter().chain(operation["responses"].as_object().expect("responses").values());
        for example in contents.flat_map(|body| body["content"].as_object().into_iter().flatten()).flat_map(examples) {
            count += 1;
            assert!(!example.1.is_null(), "{id}");
            document.check_schema(&example.0, &example.1);
        }
        let bodies = operation["requestBody"]["content"]["application/json"].clone();
        let (address, good) = good_request(&id, &servers);
        for (_, example) in examples((&"application/json".to_owned(), &bodies)) {
            let reply = good.clone().body(&example.to_string()).send(address);
            assert!((200..300).contains(&reply.status), "{id} {example}: {}", reply.body);
        }
    }
    assert!(count > 40, "{count}");
    let limits = &document.0["paths"]["/api/rooms"]["get"]["parameters"][2]["schema"];
    assert_eq!((&limits["maximum"], &limits["default"]), (&ROOMS_LISTED_MAX.into(), &ROOMS_LISTED_MAX.into()));
}

/// The examples of one type of content, each with its schema.
fn examples((_, content): (&String, &Value)) -> Vec<(Value, Value)> {
    let many = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
    let one = content.get("example").into_iter();
    one.chain(many).map(|example| (content["schema"].clone(), example.clone())).collect()
}

impl Document {
    /// Fails unless a schema, which may refer to others of the document, admits the value.
    fn check_schema(&self, schema: &Value, value: &Value) {
        let mut with = self.0.clone();
        with["components"]["schemas"]["Checked"] = schema.clone();
        Self(with).check_value("/components/schemas/Checked", value);
    }
}

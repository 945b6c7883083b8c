//! The words of an operator: the answer of the program to settings that it cannot use, and the ways to set one.

use crate::serving::{Serving, program, serve};
use crate::socket::{Socket, hello, http, metric};
use crate::tickets::wait_until;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tickwire::Game;
use tickwire::message::topics::Receipt;
use tickwire_games::Paddles;
use tickwire_server::room::{GameSchemas, Room, RoomLimits, RoomSetup};
use tickwire_server::topics::policy::Role;
use tickwire_server::topics::{GameTopics, Hub, HubLimits};
use tickwire_server::{Config, Server};

/// A folder for the files of one test, which is removed with the value.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-settings-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("the name is free");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.0.join(name), text).expect("a file");
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with these words, which are expected to end it at once.
fn said(words: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(program()).args(words).envs(variables.iter().copied()).output().expect("the program starts")
}

/// Asserts that the program does not start, with the exit code for settings and these words.
fn assert_refused(output: &Output, words: &[&str]) {
    assert_ends(output, 2, words);
}

/// Asserts that the program does not start, with this exit code and these words.
fn assert_ends(output: &Output, code: i32, words: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(words.iter().all(|word| error.contains(word)), "{words:?} are expected: {error}");
}

pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().expect("the folder for temporary files has a plain name")
}

#[test]
fn a_setting_that_cannot_be_used_ends_the_program_with_its_name_and_the_way_on() {
    let place = Place::new("refused");
    let serve = |words: &[&str]| said(&[&["serve"], words].concat(), &[]);
    assert_refused(&serve(&["--log", "loud"]), &["loud", "error, warn, info, debug, trace or off"]);
    assert_refused(&serve(&["--lisen", "localhost:0"]), &["--listen"]);
    assert_refused(&serve(&["--shards", "0"]), &["shards has to be 1 to 256, not 0"]);
    for origin in ["*", "play.example", "https://play.example/", "https://play.example/game", "null"] {
        assert_refused(&serve(&["--origin", origin]), &[origin, "such as https://play.example"]);
    }
    assert_refused(&serve(&["--base-path", "play"]), &["\"play\"", "such as /play"]);
    assert_refused(&serve(&["--trusted-proxies", "10.0.0.0/8,proxy"]), &["\"proxy\"", "such as 10.0.0.0/8"]);
    assert_refused(&serve(&["--rooms-max", "0"]), &["rooms_max has to be 1 to 65536, not 0"]);
    // A name that is found later, and a port that is free later, are no faults of the settings.
    assert_ends(&serve(&["--listen", "nowhere.invalid:0"]), 1, &["cannot find the address of nowhere.invalid:0"]);
    let misspelt = [("TICKWIRE_LISTN", "127.0.0.1:0")];
    assert_refused(&said(&["serve"], &misspelt), &["TICKWIRE_LISTN", "did you mean TICKWIRE_LISTEN?"]);
    assert_refused(&said(&["serve"], &[("TICKWIRE_LOG", "loud")]), &["loud", "debug"]);
    for (text, expected) in [
        ("lissten = 1", "did you mean listen?"),
        ("log = \"loud\"", "debug, trace or off"),
        ("shards = 300", "shards has to be 1 to 256, not 300"),
    ] {
        let file = place.file("wrong.toml", text);
        assert_refused(&serve(&["--config", utf8(&file)]), &[expected]);
        assert_refused(&said(&["config", "check", utf8(&file)], &[]), &[expected]);
    }
    assert_refused(&said(&["config", "check", utf8(&place.0.join("absent"))], &[]), &["cannot read"]);
}

#[test]
fn a_file_may_have_every_setting_and_is_checked_and_printed_without_a_server() {
    let place = Place::new("file");
    let text = "listen = \"localhost:0\"\nadmin_listen = 0\nshards = 1\norigins = [\"https://play.example\"]\n\
                allow_null_origin = true\nhosts = [\"play.example\"]\nbase_path = \"/play\"\n\
                trusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]\nproxy_protocol = true\n\
                tls_cert = \"off\"\ntls_key = \"off\"\ntls_self_signed = false\nbehind_proxy = false\nlan = false\n\
                frame_ancestors = []\npage = \"built-in\"\nautopsies = \"off\"\n\
                data = \"off\"\njournal_bytes_max = 1000000000\nsync_ms = 30\njournal_replay_ms_max = 400\njournal_world_seconds_max = 5\non_journal_failure = \"stop\"\n\
                nats = \"off\"\nservice = \"tw-staging\"\npeer_listen = \"off\"\npeer_address = \"off\"\npeer_key = \"off\"\n\
                topics_token_file = \"off\"\noperators_file = \"off\"\nauth = \"open\"\nticket_keys = \"off\"\nwebhooks_file = \"off\"\n\
                benchmark_games = true\n\
                seats_per_address_listed = 3\nseats_per_address_unlisted = \"all-but-one\"\nspectators_max = 20\n\
                spectators_per_address = 0\nreservations_per_address = 5\njoins_per_address_per_minute = 40\n\
                joins_per_address_burst = 30\ncomebacks_per_seat_per_minute = 20\nrooms_per_address_per_hour = 11\n\
                matches_per_address_per_minute = 21\nfailed_lookups_per_address_per_minute = 12\n\
                afk_minutes = 7\nsecret_guesses_per_second = 13\n\
                examined_disputes_per_address = 9\ndisputes_per_address = 25\ndiverged_wait_seconds_max = 10\n\
                autopsies_per_address_per_hour = 17\nautopsies_max = 500\nseated_connections_per_address = 65\n\
                pending_connections_per_address = 22\npending_connections_max = 1000\n\
                page_connections_per_address = 100\npage_connections_max = 2000\naddresses_max = 1024\n\
                rooms_max = 100\nmemory_bytes_max = 8000000000\nload_percent_max = 70\nrequest_headers_max = 40\n\
                request_head_bytes_max = 9000\nvisitors_max = 500\ntopic_bytes_max = 1000000\n\
                publishers_per_address = 6\ntopic_guesses_per_address_per_minute = 18\nfill_seconds = 4\n\
                log_format = \"text\"\nlog_lines_per_second = 60\nlog = \"debug\"\n";
    let file = place.file("tickwire.toml", text);
    let checked = said(&["config", "check", utf8(&file)], &[("TICKWIRE_LISTN", "only serve looks at it")]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
    let log = place.0.join("log");
    let mut command = Command::new(program());
    command.args(["serve", "--config", utf8(&file)]).stderr(File::create(&log).expect("a file"));
    let mut serving = Serving::start_by(command.env("TICKWIRE_SEEDS", "5"));
    let (status, _) = http(serving.address(), "POST", "/play/api/rooms", r#"{"game":"crowd"}"#);
    assert_eq!(status, 201, "benchmark games are on, and the line of the server names no admin listener");
    serving.signal("INT");
    assert_eq!(serving.wait().code(), Some(0));
    assert!(fs::read_to_string(log).expect("the log").contains("listening"), "the log is on");
    let words = ["serve", "--config", utf8(&file), "--shards", "2", "--print-config"];
    let printed = said(&words, &[("TICKWIRE_LOG", "warn")]);
    let printed = String::from_utf8(printed.stdout).expect("text");
    let from_file = |line: &str| match line.split_once(' ') {
        Some(("shards", _)) => "shards = 2 # command line\n".to_owned(),
        Some(("log", _)) => "log = \"warn\" # environment variable TICKWIRE_LOG\n".to_owned(),
        Some(("admin_listen", _)) => format!("admin_listen = \"off\" # file {}\n", utf8(&file)),
        _ => format!("{line} # file {}\n", utf8(&file)),
    };
    assert_eq!(printed, text.lines().map(from_file).collect::<String>());
    let again = place.file("again.toml", &printed);
    let printed = said(&["serve", "--config", utf8(&again), "--print-config"], &[]);
    let values = |text: &str| text.lines().map(|line| line.split(" # ").next().map(str::to_owned)).collect::<Vec<_>>();
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert_eq!(values(&printed), values(&fs::read_to_string(&again).expect("the file")));
}

#[test]
fn a_server_listens_on_the_first_address_of_a_name_that_it_can_have() {
    let all: Vec<SocketAddr> = "localhost:0".to_socket_addrs().expect("this host has a name").collect();
    let config = Config { listen: "localhost:0".parse().expect("an address"), ..Config::on_free_ports() };
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    assert!(all.iter().any(|address| address.ip() == running.address().ip()), "{}", running.address());
    assert_eq!(http(running.address(), "GET", "/healthz", "").0, 200);
    // A port of which every address is taken: the error names them all.
    let first = TcpListener::bind("localhost:0").expect("a free port");
    let port = first.local_addr().expect("an address").port();
    let others: Vec<_> = all.iter().map(|address| TcpListener::bind((address.ip(), port))).collect();
    let listen = format!("localhost:{port}");
    let refused = serve(&listen).stderr(std::process::Stdio::piped()).output().expect("the program starts");
    let addresses: Vec<String> = all.iter().map(|address| SocketAddr::new(address.ip(), port).to_string()).collect();
    assert_ends(&refused, 1, &[&[&*listen][..], &addresses.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    drop(others);
}

#[test]
fn a_folder_of_autopsies_that_is_not_the_servers_own_is_named_at_the_start() {
    let place = Place::new("autopsies");
    let (link, shared) = (place.0.join("link"), place.0.join("shared"));
    fs::create_dir(place.0.join("elsewhere")).expect("a folder");
    symlink(place.0.join("elsewhere"), &link).expect("a link");
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("our own folder");
    let file = place.file("file", "");
    for (folder, word) in [(&link, "is a link"), (&shared, "chmod 700"), (&file, "is a link or a file")] {
        let refused = said(&["serve", "--listen", "127.0.0.1:0", "--autopsies", utf8(folder)], &[]);
        assert_refused(&refused, &["autopsies cannot be written", utf8(folder), word]);
    }
    // A folder that nobody has asked for is no reason not to play.
    let log = place.0.join("log");
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "0"]).env("XDG_STATE_HOME", &file);
    let mut serving = Serving::start_by(command.stderr(File::create(&log).expect("a file")));
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
    let words = fs::read_to_string(log).expect("the log");
    assert!(words.contains("WARN") && words.contains("no autopsies are written"), "{words}");
}

#[test]
fn the_default_folder_of_autopsies_is_the_users_own_and_closed_to_others() {
    let place = Place::new("default");
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "0"]).env("XDG_STATE_HOME", &place.0);
    let mut serving = Serving::start_by(command.stderr(std::process::Stdio::null()));
    let folder = fs::metadata(place.0.join("tickwire/autopsies")).expect("the folder is made at the start");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&folder.permissions()) & 0o777, 0o700);
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), Some(0));
}

/// The first bytes of the answer to a request whose body waits for the server.
fn first_answer(address: SocketAddr, length: usize, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout above zero");
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut bytes = [0; 1_024];
    let count = stream.read(&mut bytes).expect("an answer");
    let first = String::from_utf8_lossy(&bytes[..count]).into_owned();
    if first.starts_with("HTTP/1.1 100 ") {
        stream.write_all(body.as_bytes()).expect("the body is sent");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("an answer");
        return first + &rest;
    }
    first
}

#[test]
fn a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent() {
    let running = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a free port");
    let refused = first_answer(running.address(), 99_999, "");
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    let body = r#"{"game":"paddles"}"#;
    let accepted = first_answer(running.address(), body.len(), body);
    assert!(accepted.starts_with("HTTP/1.1 100 ") && accepted.contains("HTTP/1.1 201 "), "{accepted}");
}

#[test]
fn bots_come_to_a_quick_match_after_as_many_seconds_as_are_set() {
    for fill_seconds in [0, 2, 5] {
        let limits = RoomLimits { fill_seconds, ..RoomLimits::default() };
        let setup = RoomSetup { secret: 1.into(), bots: Paddles::RULES.bots, has_owner: false, limits, build: 0 };
        let mut room = Room::<Paddles>::with_schemas(&GameSchemas::new(), setup, &());
        room.enter(&hello::<Paddles>("222222"), [1; 16]).expect("a free seat");
        let rate = Paddles::RULES.tick_rate_hz;
        let waited = (0..10 * rate).take_while(|_| {
            room.tick();
            room.summary().bots == 0
        });
        let (waited, due) = (u32::try_from(waited.count()).expect("few ticks"), fill_seconds * rate);
        assert!((due..=due + 2).contains(&waited), "{waited} ticks, and not {due}");
    }
}

#[test]
fn a_hub_keeps_as_much_as_is_set() {
    let games = || vec![GameTopics { game: "paddles", own: &[] }];
    let kept = |kept_bytes_max| {
        let limits = HubLimits { kept_bytes_max, ..HubLimits::default() };
        let mut hub = Hub::new(games(), None, 1).limited(limits);
        let mut say = || hub.publish("announce", Role::Service, "", "the same words again and again", 1);
        let taken = (0..10).map(|_| say()).filter(|taken| matches!(taken, Ok(Receipt::Taken { kept: true, .. })));
        taken.count()
    };
    assert_eq!((kept(0), kept(1), kept(1_000_000)), (0, 1, 10));
}

#[test]
fn connections_without_a_room_are_as_many_as_are_set() {
    let config = Config { visitors_max: 16, ..Config::on_free_ports() };
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    let refused = || metric(&running, "tickwire_ws_close_total{code=\"1013\",side=\"server\"}");
    let all: Vec<Socket> = (0..16).map(|_| Socket::open_json(running.address())).collect();
    wait_until("all have come", || metric(&running, "tickwire_visitors") >= 16.0);
    assert!(refused() < 1.0, "there is a place for each");
    let mut late = Socket::open_json(running.address());
    assert_eq!(late.close_code(), Some(1013));
    assert!(refused() >= 1.0);
    drop(all);
}

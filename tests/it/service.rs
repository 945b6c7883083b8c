//! The server as a service of a machine: the news for its service manager, its unit for systemd, and the check of
//! health by the program itself.

use crate::serving::{Serving, program, serve};
use std::fs;
use std::io::{Write as _, stderr};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tickwire_server::limits::{SLOW_LANE_STALL_MAX, STALL_MAX, STOP_MAX, WORLDS_STOP_MAX};
use tickwire_server::{Config, Running, Server};

/// Longer than any message takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// The unit for systemd.
const UNIT: &str = include_str!("../../server/deploy/tickwire.service");

/// A service manager with this socket.
struct ServiceManagerSocket(UnixDatagram);

impl ServiceManagerSocket {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
        Self(socket)
    }

    /// The next message, as its lines.
    fn next(&self) -> Vec<String> {
        let mut bytes = [0; 4_096];
        let count = self.0.recv(&mut bytes).expect("the server says something");
        String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect()
    }

    /// The messages up to the first one that begins with this line, that one included.
    fn until(&self, line: &str) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        while all.last().is_none_or(|last: &Vec<String>| last[0] != line) {
            all.push(self.next());
        }
        all
    }
}

/// Plays a whole life of a server that is told of a manager at this address.
fn live(manager: &ServiceManagerSocket, address: &str) {
    let mut command = serve("127.0.0.1:0");
    // A sign of life is due every quarter of a second.
    command.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", "1000000");
    let mut serving = Serving::start_by(&mut command);
    assert_eq!(manager.next()[0], "READY=1", "it is the first message");
    let begin = Instant::now();
    for _ in 0..8 {
        assert_eq!(manager.next(), ["WATCHDOG=1"], "all threads work");
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(1_000), "eight signs of life in {took:?} are too many");
    serving.signal("HUP");
    let reload = manager.until("READY=1");
    let reloading = reload.iter().find(|message| message[0] == "RELOADING=1").expect("before it is ready again");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    serving.signal("TERM");
    let end = manager.until("STOPPING=1");
    assert!(end.last().is_some_and(|last| last[1].starts_with("STATUS=stopping")), "{end:?}");
    assert_eq!(serving.wait().code(), Some(0));
}

#[test]
fn a_service_manager_hears_that_the_server_is_ready_alive_reloading_and_stopping() {
    let name = format!("tickwire-service-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a short name");
    live(&ServiceManagerSocket::new(UnixDatagram::bind_addr(&address).expect("a free name")), &format!("@{name}"));
    let path = std::env::temp_dir().join(&name);
    live(&ServiceManagerSocket::new(UnixDatagram::bind(&path).expect("a free path")), &path.to_string_lossy());
    fs::remove_file(path).expect("our own socket");
}

#[test]
fn the_watchdog_of_another_process_is_none_of_ours() {
    let name = format!("tickwire-inherited-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a short name");
    let manager = ServiceManagerSocket::new(UnixDatagram::bind_addr(&address).expect("a free name"));
    let mut command = serve("127.0.0.1:0");
    command.env("NOTIFY_SOCKET", format!("@{name}")).env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let mut serving = Serving::start_by(&mut command);
    assert_eq!(manager.next()[0], "READY=1");
    serving.signal("TERM");
    assert_eq!(manager.next()[0], "STOPPING=1", "without a sign of life before it");
    assert_eq!(serving.wait().code(), Some(0));
}

/// The value of a key in the unit.
fn unit(key: &str) -> &'static str {
    let mut values = UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.next().unwrap_or_else(|| panic!("the unit has {key}"))
}

fn seconds(key: &str) -> Duration {
    Duration::from_secs(unit(key).parse().expect("plain seconds"))
}

#[test]
fn the_times_of_the_unit_fit_those_of_the_server() {
    // The signs of life end after a quarter of the time in which a thread fails. The server's own end, which tells the
    // players, comes before that of the watchdog.
    for stall_max in [STALL_MAX, SLOW_LANE_STALL_MAX] {
        assert!(stall_max / 4 + seconds("WatchdogSec") > stall_max + STOP_MAX, "{stall_max:?}");
    }
    let moves = Duration::from_secs(20);
    assert!(seconds("TimeoutStopSec") > moves + WORLDS_STOP_MAX, "rooms move, and then the disk has its time");
    assert_eq!(unit("Type"), "notify");
    assert_eq!(unit("RestartPreventExitStatus"), "2", "the exit code for settings");
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_hardened() {
    let folder = std::env::temp_dir().join(format!("tickwire-unit-{}", std::process::id()));
    fs::create_dir(&folder).expect("the name is free");
    let file = folder.join("tickwire.service");
    let here = UNIT.replace("/usr/local/bin/tickwire", &program().to_string_lossy());
    fs::write(&file, here).expect("a file");
    let analyze = |words: &[&str]| Command::new("systemd-analyze").args(words).arg(&file).output();
    let Ok(verified) = analyze(&["verify", "--man=no"]) else {
        // Without standard error nobody learns it.
        let _ = writeln!(stderr(), "skipped: this machine has no systemd-analyze");
        return;
    };
    let words = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !words.contains("tickwire.service"), "{words}");
    // 0 is the most closed and 10 the most open; the threshold is ten times that.
    let graded = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]).expect("it is there");
    assert!(graded.status.success(), "{}", String::from_utf8_lossy(&graded.stdout));
    fs::remove_dir_all(folder).expect("our own folder");
}

/// The check of health with these words and variables.
fn health(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program());
    command.arg("health").args(words).envs(variables.iter().copied());
    command.output().expect("the program starts")
}

/// The one line that the check says.
fn line(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim_end().to_owned()
}

fn start(config: Config) -> Running {
    Server::new(config).game::<tickwire_games::Paddles>().start().expect("a free port")
}

/// A file of settings in a folder of its own.
fn settings(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tickwire-health-{name}-{}.toml", std::process::id()));
    fs::write(&path, text).expect("a file");
    path
}

#[test]
fn the_program_finds_the_server_of_its_settings_and_says_whether_it_is_ready() {
    let running = start(Config::on_free_ports());
    let (players, operators) = (running.address().to_string(), running.admin_address().expect("one").to_string());
    let by_variables = health(&[], &[("TICKWIRE_ADMIN_LISTEN", &operators)]);
    assert_eq!(by_variables.status.code(), Some(0), "{}", line(&by_variables));
    assert_eq!(line(&by_variables), format!("ready: http://{operators}/readyz"));
    // Without a port for operators the players' one is asked, and an address of all interfaces is this machine's.
    let port = running.address().port();
    let file = settings("file", &format!("listen = \"0.0.0.0:{port}\"\nadmin_listen = \"off\"\n"));
    let by_file = health(&["--config", &file.to_string_lossy()], &[]);
    assert_eq!(line(&by_file), format!("ready: http://127.0.0.1:{port}/readyz"));
    let by_variable = health(&[], &[("TICKWIRE_CONFIG", &file.to_string_lossy())]);
    assert_eq!((by_variable.status.code(), line(&by_variable)), (Some(0), line(&by_file)));
    let by_url = health(&["--url", &format!("http://{players}")], &[]);
    assert_eq!(line(&by_url), format!("ready: http://{players}/readyz"));
    fs::remove_file(file).expect("our own file");
}

#[test]
fn a_server_that_is_full_or_gone_or_another_one_is_not_healthy_and_one_line_says_why() {
    // No program fits into a byte, so the server is full from the start.
    let full = start(Config { memory_bytes_max: 1, ..Config::on_free_ports() });
    let url = format!("http://{}", full.address());
    let output = health(&["--url", &url], &[]);
    assert_eq!(output.status.code(), Some(1));
    let words = line(&output);
    assert!(words.contains("503") && words.contains("as much memory as it may"), "{words}");
    drop(full);
    let gone = health(&["--url", &url], &[]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(line(&gone).contains("Connection refused"), "{}", line(&gone));
    let other = start(Config::on_free_ports());
    let other = health(&["--url", &format!("http://{}/nothing", other.address())], &[]);
    assert!(other.status.code() == Some(1) && line(&other).contains("404"), "{}", line(&other));
    let absent = health(&["--config", "/nowhere/tickwire.toml"], &[]);
    assert!(absent.status.code() == Some(1) && line(&absent).contains("cannot read"), "{}", line(&absent));
    let any = health(&[], &[("TICKWIRE_ADMIN_LISTEN", "127.0.0.1:0")]);
    assert!(any.status.code() == Some(1) && line(&any).contains("--url"), "{}", line(&any));
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let begin = Instant::now();
    let output = health(&["--url", &format!("http://{}", silent.local_addr().expect("an address"))], &[]);
    assert!(output.status.code() == Some(1) && line(&output).contains("within 3 s"), "{}", line(&output));
    assert!(begin.elapsed() < DEADLINE);
}

#[test]
fn the_help_of_health_shows_its_own_options_alone() {
    let output = health(&["--help"], &[]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(words.contains("--url") && words.contains("--config"), "{words}");
    assert!(!words.contains("--shards") && words.lines().count() < 25, "{words}");
}

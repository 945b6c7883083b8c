//! The server's program: what it prints, how it ends.

use crate::player::Player;
use crate::socket::create_room;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;
use tickwire_games::Paddles;

/// The program, as it was built along with these tests.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let folder = own.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/it");
    let program = folder.join("tickwire");
    if !program.exists() {
        let build = ["build", "--quiet", "--workspace", "--bin", "tickwire"];
        let built = Command::new(env!("CARGO")).args(build).current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()), "the server compiles");
    }
    program
}

/// The server as a process of its own; ended with the test.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start() -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.trim().parse().ok());
        Self { child, address: address.unwrap_or_else(|| panic!("an address in {line:?}")) }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the server ends")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn signals_say_goodbye_to_players_and_end_the_server_well() {
    for (signal, code) in [("TERM", 1012), ("INT", 1001)] {
        let mut serving = Serving::start();
        let mut player = Player::<Paddles>::join(serving.address, &create_room(serving.address, "paddles"));
        assert!(player.play_until(|player| player.snapshots.len() > 10));
        let asked = Instant::now();
        serving.signal(signal);
        player.play_until(|_| false);
        assert_eq!(player.closed, Some(code), "SIG{signal}");
        assert_eq!(serving.wait().code(), Some(0), "SIG{signal}");
        assert!(asked.elapsed().as_secs() < 5, "SIG{signal} took {:?}", asked.elapsed());
    }
}

#[test]
fn a_second_server_on_the_same_port_says_so_and_ends() {
    let serving = Serving::start();
    let listen = serving.address.to_string();
    let second = Command::new(program()).args(["serve", "--listen", &listen, "--admin-listen", "0"]).output();
    let second = second.expect("the server starts");
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains(&listen), "the address is named");
}

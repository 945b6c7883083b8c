//! The server's program: the output that it prints, and how it ends.

use crate::player::Player;
use crate::serving::{Serving, program};
use crate::socket::create_room;
use std::process::Command;
use std::time::Instant;
use tickwire_games::Paddles;

#[test]
fn a_signal_closes_the_players_connections_and_ends_the_server_without_an_error() {
    for (signal, code) in [("TERM", 1012), ("INT", 1001)] {
        let mut serving = Serving::start();
        let mut player = Player::<Paddles>::join(serving.address(), &create_room(serving.address(), "paddles"));
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
fn a_second_server_on_the_same_port_names_the_address_and_exits_with_an_error() {
    let serving = Serving::start();
    let listen = serving.address().to_string();
    let second = Command::new(program()).args(["serve", "--listen", &listen, "--admin-listen", "0"]).output();
    let second = second.expect("the server starts");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains(&listen), "the address is named");
}

#[test]
fn a_server_that_may_not_open_its_files_says_so_and_does_not_claim_to_listen() {
    // Enough for its log and its signals, and too few for its listener or for the runtime of the net thread.
    for files in 9..13 {
        let script = format!("ulimit -n {files}; exec \"$0\" serve --listen 127.0.0.1:0 --admin-listen 0 --shards 1");
        let started = Command::new("sh").args(["-c", &script]).arg(program()).output().expect("a shell starts");
        let (said, code) = (String::from_utf8_lossy(&started.stdout).into_owned(), started.status.code());
        assert!(!said.contains("listening"), "{files} files: {said}");
        assert!(matches!(code, Some(1 | 2)), "{files} files: {code:?}");
        assert!(!started.stderr.is_empty(), "{files} files: the reason is named");
    }
}

//! Rooms that move to another node when theirs stops, while people play in them.

use crate::nodes::{KEY, Service, say_hello, wait_for_room, welcomed};
use crate::player::Player;
use crate::socket::{Event, api, create_room, hello, metric};
use crate::survival_kept::Folder;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::message::close::CloseCode;
use tickwire::message::control::Hello;
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, FileSetting};

/// Nodes with a data folder each.
struct Kept {
    service: Service,
    folders: Vec<Folder>,
}

impl Kept {
    fn start(name: &str, nodes: usize, configure: impl Fn(usize, Config) -> Config) -> Self {
        let folders: Vec<Folder> = (0..nodes).map(|node| Folder::new(&format!("{name}-{node}"))).collect();
        let keys = vec![KEY; nodes];
        let service = Service::start_with(name, &keys, |node, config| {
            configure(node, Config { data: FileSetting::At(folders[node].0.clone()), ..config })
        });
        service.wait_for_all();
        Self { service, folders }
    }

    /// Stops a node, which moves its rooms away.
    fn stop(&mut self, node: usize) {
        self.service.servers.remove(node).stop(CloseCode::Restart);
        self.folders.remove(node);
    }
}

/// Plays for a while, and then comes back to this address; gives the time without a snapshot.
fn follow<G: Game>(player: &mut Player<G>, address: std::net::SocketAddr) -> Duration {
    assert!(!player.play_until(|_| false), "the connection is closed when the room moves");
    assert_eq!(player.closed, Some(CloseCode::Moved.number()));
    let before = player.snapshots.len();
    let (tick, last) = player.snapshots[before - 1];
    assert!(player.come_back(address));
    assert!(player.play_until(|player| player.snapshots.len() > before + 30), "{:?}", player.closed);
    let (first, back) = player.snapshots[before];
    assert!(first > tick, "tick {first} comes after {tick}");
    let stats = player.session.stats();
    assert!(stats.hashes_compared > 0);
    assert_eq!((stats.hash_mismatches, stats.decode_errors), (0, 0));
    back.duration_since(last)
}

#[test]
fn the_rooms_of_a_node_that_stops_go_on_at_another_one() {
    let mut nodes = Kept::start("moved", 2, |_, config| config);
    let (here, there) = (nodes.service.address(0), nodes.service.address(1));
    let code = create_room(here, "arena");
    wait_for_room(there, &code);
    let mut near = Player::<Arena>::join(here, &code);
    let mut far = Player::<Arena>::join(there, &code);
    for player in [&mut near, &mut far] {
        assert!(player.play_until(|player| player.snapshots.len() > 60), "{:?}", player.closed);
    }
    let seats = [near.session.seat(), far.session.seat()];
    let followed = std::thread::scope(|scope| {
        let following = [&mut near, &mut far].map(|player| scope.spawn(move || follow(player, there)));
        nodes.stop(0);
        following.map(|thread| thread.join().expect("it follows its room"))
    });
    assert_eq!([near.session.seat(), far.session.seat()], seats, "everybody has the seat of before");
    assert!(followed.iter().all(|pause| *pause < Duration::from_secs(2)), "{followed:?}");
    let moved = &nodes.service.servers[0];
    assert_eq!(metric(moved, "tickwire_rooms_moved_in_total "), 1.0);
    assert_eq!(api(there, "GET", &format!("/api/rooms/{code}"), "").1["players"], 2);
}

#[test]
fn rooms_in_lockstep_and_empty_ones_and_private_ones_move_too() {
    let mut nodes = Kept::start("all", 2, |_, config| config);
    let (here, there) = (nodes.service.address(0), nodes.service.address(1));
    let (duel, empty) = (create_room(here, "paddles"), create_room(here, "paddles"));
    let mut player = Player::<Paddles>::join(here, &duel);
    assert!(player.play_until(|player| player.session.seat().is_some()), "{:?}", player.closed);
    let seat = player.session.seat();
    nodes.stop(0);
    for code in [&duel, &empty] {
        assert_eq!(api(there, "GET", &format!("/api/rooms/{code}"), "").0, 200);
    }
    welcomed(&say_hello(there, &hello::<Paddles>(&empty)).1);
    player.play_until(|_| false);
    assert!(player.come_back(there));
    assert!(player.play_until(|player| player.session.seat().is_some()), "{:?}", player.closed);
    assert_eq!(player.session.seat(), seat);
}

#[test]
fn a_room_that_no_node_takes_stays_and_goes_on_after_the_restart() {
    let full = |node, config| Config { rooms_max: if node == 1 { 1 } else { 9 }, ..config };
    let mut nodes = Kept::start("left", 2, full);
    let here = nodes.service.address(0);
    create_room(nodes.service.address(1), "paddles");
    let code = create_room(here, "paddles");
    let (socket, answer) = say_hello(here, &hello::<Paddles>(&code));
    let welcome = welcomed(&answer);
    drop(socket);
    let folder = nodes.folders.remove(0);
    nodes.service.servers.remove(0).stop(CloseCode::Restart);
    let config = Config { data: FileSetting::At(folder.0.clone()), ..Config::on_free_ports() };
    let again = tickwire_server::Server::new(config).game::<Paddles>().start().expect("a free port");
    let resumed = Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) };
    let start = Instant::now();
    let (_, answer) = say_hello(again.address(), &resumed);
    assert_eq!(welcomed(&answer).seat, welcome.seat, "after {:?}", start.elapsed());
    assert!(!matches!(answer, Event::Close(_)));
}

/// Copies a data folder as a crash at this moment leaves it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("a folder of our own");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            // A file may have been renamed meanwhile.
            false => _ = fs::copy(entry.path(), target),
        }
    }
}

#[test]
fn a_node_that_comes_back_with_a_room_that_has_moved_lets_it_go() {
    let mut nodes = Kept::start("stale", 2, |_, config| config);
    let (here, there) = (nodes.service.address(0), nodes.service.address(1));
    let code = create_room(here, "arena");
    let mut player = Player::<Arena>::join(here, &code);
    assert!(player.play_until(|player| player.snapshots.len() > 30), "{:?}", player.closed);
    // The folder as it was before the room moved: nothing in it says so.
    let stale = Folder::new("stale-copy");
    copy(&nodes.folders[0].0, &stale.0);
    nodes.stop(0);
    assert!(!player.play_until(|_| false));
    assert!(player.come_back(there));
    let before = player.snapshots.len();
    assert!(player.play_until(|player| player.snapshots.len() > before + 10), "{:?}", player.closed);
    let again = nodes.service.join(&stale.0);
    let start = Instant::now();
    while metric(&again, "tickwire_rooms_revived_total ") < 1.0 || metric(&again, "tickwire_nodes ") < 2.0 {
        assert!(start.elapsed() < Duration::from_secs(20), "the room of the folder was never made again");
        player.play_for(Duration::from_millis(50));
    }
    let mut late = Player::<Arena>::join(again.address(), &code);
    while late.session.seat().is_none() || metric(&again, "tickwire_tunnels ") < 1.0 {
        assert!(start.elapsed() < Duration::from_secs(30), "the player at the wrong node never finds the room");
        late.play_for(Duration::from_millis(50));
        player.play_for(Duration::from_millis(50));
        if late.closed.is_some() {
            assert!(late.come_back(again.address()), "{:?}", late.closed);
        }
    }
    assert_eq!(player.closed, None, "nobody at the node of the room has noticed anything");
    assert_eq!(api(there, "GET", &format!("/api/rooms/{code}"), "").1["players"], 2);
}

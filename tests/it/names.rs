//! Names and chat over real sockets: a hostile neighbour cannot hide, cover others or pass for them.

use crate::socket::{Event, Socket, binary, create_room};
use tickwire::Game;
use tickwire::message::SERVER_CONTROL;
use tickwire::message::control::{ClientControl, Hello, ServerControl};
use tickwire_games::Arena;
use tickwire_server::{Config, Server};

const FAMILY: &str = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";

/// The next control message of the room.
fn next_control(socket: &mut Socket) -> ServerControl {
    loop {
        match socket.next() {
            Event::Message(message) if message.first() == Some(&SERVER_CONTROL) => {
                return ServerControl::decode(&message).expect("a control message");
            }
            Event::Message(_) | Event::Other(_) => {}
            other => panic!("expected a control message, got {other:?}"),
        }
    }
}

fn enter(address: std::net::SocketAddr, code: &str, name: &str) -> (Socket, Vec<String>) {
    let mut socket = Socket::open(address);
    socket.send(&binary(&Hello::of::<Arena>(code, name).encode()));
    let players = socket.welcome().players;
    (socket, players.into_iter().map(|player| player.name).collect())
}

#[test]
fn a_neighbour_with_an_invisible_twin_of_a_name_is_told_apart_and_covers_nothing() {
    let server = Server::new(Config::on_free_ports()).game::<Arena>().start().expect("a server on free ports");
    let address = server.address();
    let code = create_room(address, Arena::RULES.name);
    let (mut alice, names) = enter(address, &code, "Alice");
    assert_eq!(names, ["Alice"]);
    let (mut twin, names) = enter(address, &code, "\u{2060}A\u{6c}i\u{441}e\u{3164}\u{e0041}");
    assert_eq!(names, ["Alice", "Ali\u{441}e 2"]);
    match next_control(&mut alice) {
        ServerControl::Player(player) => assert_eq!(player.name, "Ali\u{441}e 2"),
        other => panic!("expected the neighbour, got {other:?}"),
    }
    let marks: String = ('\u{300}'..='\u{30f}').collect();
    twin.send(&binary(&ClientControl::Chat(format!("\u{202e}x{marks}\u{2800} {FAMILY}")).encode()));
    match next_control(&mut alice) {
        ServerControl::Chat { text, .. } => assert_eq!(text, format!("x\u{300}\u{301}\u{302} {FAMILY}")),
        other => panic!("expected chat, got {other:?}"),
    }
}

//! Names and chat over real sockets: a hostile neighbour cannot hide, cover others or pass for them.

use crate::socket::{Event, Socket, binary, create_room};
use tickwire::Game;
use tickwire::message::control::{Hello, ServerControl};
use tickwire::message::topics::{ClientTopic, ServerTopic};
use tickwire::message::{SERVER_CONTROL, SERVER_TOPIC};
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

/// The next message about topics that is wanted.
fn next_topic<T>(socket: &mut Socket, wanted: impl Fn(&ServerTopic) -> Option<T>) -> T {
    loop {
        match socket.next() {
            Event::Message(message) if message.first() == Some(&SERVER_TOPIC) => {
                let message = ServerTopic::decode(&message).expect("a message about topics");
                if let Some(found) = wanted(&message) {
                    return found;
                }
            }
            Event::Message(_) | Event::Other(_) => {}
            other => panic!("expected a message about topics, got {other:?}"),
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
    let topic = format!("room/{code}");
    alice.send(&binary(&ClientTopic::Subscribe { topic: topic.clone(), after: None }.encode()));
    let is_granted = |message: &ServerTopic| matches!(message, ServerTopic::Granted { .. }).then_some(());
    next_topic(&mut alice, is_granted);
    let body = format!("\u{202e}x{marks}\u{2800} {FAMILY}");
    twin.send(&binary(&ClientTopic::Publish { topic, seq: 1, body }.encode()));
    let (name, body) = next_topic(&mut alice, |message| match message {
        ServerTopic::Message { from: Some(author), body, .. } => Some((author.name.clone(), body.clone())),
        _ => None,
    });
    assert_eq!((&*name, body), ("Ali\u{441}e 2", format!("x\u{300}\u{301}\u{302} {FAMILY}")));
}

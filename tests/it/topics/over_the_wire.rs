//! The same table over real sockets: visitors in JSON, members in binary, operators on their own port.

use crate::player::Player;
use crate::socket::{Event, Socket, binary, create_room, hello};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tickwire::Game;
use tickwire::message::SERVER_TOPIC;
use tickwire::message::control::Hello;
use tickwire::message::topics::{ClientTopic, PlayerKey, Receipt, ServerTopic};
use tickwire_games::Paddles;
use tickwire_server::topics::policy::{Policy, Role};
use tickwire_server::topics::{TopicName, player_id};
use tickwire_server::{Config, Running, Server};

const KEY: PlayerKey = PlayerKey([9; 16]);

/// The number of the next publication.
static NEXT_SEQ: AtomicU64 = AtomicU64::new(1);

/// One connection, in either form.
enum Caller {
    Visitor(Box<Socket>),
    Member(Box<Socket>),
}

impl Caller {
    /// A connection that has this role at the topics that concern it.
    fn of(role: Role, server: &Running, code: &str) -> Self {
        if role == Role::Member {
            let mut socket = Socket::open(server.address());
            // A spectator is a member too, and there is a place for each.
            socket.send(&binary(&Hello { watches: true, ..hello::<Paddles>(code) }.encode()));
            socket.welcome();
            return Self::Member(Box::new(socket));
        }
        let mut socket = Socket::open_json(server.address());
        let key: String = KEY.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let hello = match role {
            Role::Owner => json!({ "op": "hello", "name": "owner", "key": key }),
            _ => json!({ "op": "hello", "name": "somebody" }),
        };
        socket.say(&hello);
        socket.wait_for("you");
        Self::Visitor(Box::new(socket))
    }

    fn may_subscribe(&mut self, topic: &str) -> bool {
        match self {
            Self::Visitor(socket) => {
                socket.say(&json!({ "op": "subscribe", "topic": topic }));
                next_json(socket, &["granted", "refused"]) == "granted"
            }
            Self::Member(socket) => {
                socket.send(&binary(&ClientTopic::Subscribe { topic: topic.into(), after: None }.encode()));
                next_binary(socket, |message| match message {
                    ServerTopic::Granted { .. } => Some(true),
                    ServerTopic::Refused { .. } => Some(false),
                    _ => None,
                })
            }
        }
    }

    fn may_publish(&mut self, topic: &str) -> bool {
        // A number that the player has used before would have the receipt of before.
        let seq = NEXT_SEQ.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Visitor(socket) => {
                socket.say(&json!({ "op": "publish", "topic": topic, "seq": seq, "body": "here" }));
                socket.wait_for("receipt")["id"].is_string()
            }
            Self::Member(socket) => {
                socket.send(&binary(&ClientTopic::Publish { topic: topic.into(), seq, body: "here".into() }.encode()));
                next_binary(socket, |message| match message {
                    ServerTopic::Receipt { receipt, .. } => Some(matches!(receipt, Receipt::Taken { .. })),
                    _ => None,
                })
            }
        }
    }
}

/// The first of these answers that comes.
fn next_json(socket: &mut Socket, ops: &[&str]) -> String {
    loop {
        match socket.next() {
            Event::Text(text) => {
                let message: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let op = message["op"].as_str().expect("every message has an op");
                if ops.contains(&op) {
                    return op.to_owned();
                }
            }
            Event::Other(_) => {}
            other => panic!("expected one of {ops:?}, got {other:?}"),
        }
    }
}

fn next_binary(socket: &mut Socket, wanted: impl Fn(&ServerTopic) -> Option<bool>) -> bool {
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

/// The role that counts at a topic: a room's code is all that there is to know.
fn role_at(role: Role, topic: &TopicName) -> Role {
    match (role, topic) {
        (_, topic) if topic.room().is_some() => Role::Member,
        (Role::Owner, TopicName::Player(_)) => role,
        _ => Role::Anyone,
    }
}

#[test]
fn the_table_holds_over_the_wire_for_every_kind_role_and_operation() {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a server on free ports");
    let code = create_room(server.address(), "paddles");
    // A player has a topic from the time at which it is first seen.
    let _owner = Caller::of(Role::Owner, &server, &code);
    let (mut allowed, mut refused) = (0, 0);
    let room = |rest: &str| format!("room/{code}{rest}");
    let player = format!("player/{}", player_id(KEY));
    let names =
        [&room(""), &room("/presence"), &room("/points"), "lobby/paddles", "lobby/paddles/chat", &player, "announce"];
    for name in names {
        let topic = TopicName::parse(name).expect("a topic");
        let policy = Policy::of(&topic, Paddles::RULES.topics).expect("the game declares it");
        for role in [Role::Anyone, Role::Member, Role::Owner] {
            let at = role_at(role, &topic);
            let mut caller = Caller::of(role, &server, &code);
            assert_eq!(caller.may_subscribe(name), policy.may_subscribe(at), "{role:?} hears {name}");
            let publishes = caller.may_publish(name);
            assert_eq!(publishes, policy.may_publish(at), "{role:?} publishes to {name}");
            allowed += u32::from(publishes);
            refused += u32::from(!publishes);
        }
    }
    assert!(allowed > 8 && refused > 8, "{allowed} {refused}");
}

#[test]
fn a_game_says_in_its_own_topic_what_happens_to_whoever_follows_the_room() {
    let server = Server::new(Config::on_free_ports()).game::<Paddles>().start().expect("a server on free ports");
    let code = create_room(server.address(), "paddles");
    let mut follower = Socket::open_json(server.address());
    let topic = format!("room/{code}/points");
    follower.say(&json!({ "op": "subscribe", "topic": topic }));
    assert_eq!(follower.wait_for("granted")["may_publish"], false, "only the game itself says how it stands");
    // A player who does nothing loses the ball within seconds.
    let mut player = Player::<Paddles>::join(server.address(), &code);
    player.play_for(Duration::from_secs(8));
    let message = follower.wait_for("message");
    assert_eq!((&message["topic"], message["from"].is_null()), (&json!(topic), true));
    let body: serde_json::Value = serde_json::from_str(message["body"].as_str().expect("a text")).expect("JSON");
    assert!(body["score"].as_array().is_some_and(|score| score.len() == 2) && body["over"].is_boolean(), "{body}");
}

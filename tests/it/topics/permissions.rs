//! The table of the policy, tried for every kind of topic, every role and both operations.

use tickwire::message::topics::{ClientTopic, PlayerId, Receipt, ServerTopic, TopicRefusal};
use tickwire::{OwnTopic, Seat};
use tickwire_server::limits::{KEPT_BYTES_MAX, NEWS_KEPT_MS};
use tickwire_server::lobby::Code;
use tickwire_server::room::Origin;
use tickwire_server::topics::policy::{Policy, Role};
use tickwire_server::topics::{ClientId, GameTopics, Hub, Identity, Output, TopicName, Verdict};

const OWN: &[OwnTopic] =
    &[OwnTopic::new("pings"), OwnTopic::new("points").by_services(), OwnTopic::new("wind").heard_by_game()];
const CODE: &str = "C4FK9T";
const OWNER: PlayerId = PlayerId([7; 10]);
const NOW_MS: u64 = 1_700_000_000_000;

/// One topic of every kind; topics of a game by both of their publishers.
fn names() -> Vec<String> {
    let room = |rest| format!("room/{CODE}{rest}");
    let lobby = |rest| format!("lobby/paddles{rest}");
    vec![
        room(""),
        room("/presence"),
        room("/pings"),
        room("/points"),
        room("/wind"),
        lobby(""),
        lobby("/chat"),
        format!("player/{OWNER}"),
        "announce".into(),
    ]
}

fn hub() -> Hub {
    let mut hub = Hub::new(vec![GameTopics { game: "paddles", own: OWN }], None, NOW_MS);
    hub.open_room(Code::parse(CODE).unwrap(), 0, false);
    // The owner of a topic has been here.
    enter(&mut hub, Role::Owner);
    hub
}

/// A client that is this to the topics of the table.
fn enter(hub: &mut Hub, role: Role) -> ClientId {
    let identity = Identity {
        player: if role == Role::Owner { OWNER } else { PlayerId([1; 10]) },
        may_return: true,
        is_guest: false,
        name: "Ada".into(),
        room: (role == Role::Member).then(|| (Code::parse(CODE).unwrap(), Seat::new(0))),
        reads_json: false,
        origin: Origin::EXEMPT,
    };
    hub.enter(identity, NOW_MS)
}

fn answers(hub: &mut Hub, client: ClientId) -> Vec<ServerTopic> {
    let outputs = std::iter::from_fn(|| hub.poll());
    outputs
        .filter_map(|output| match output {
            Output::Client { client: to, delivery } if to == client => Some(delivery.message.clone()),
            _ => None,
        })
        .collect()
}

fn may_subscribe(role: Role, name: &str) -> bool {
    let mut hub = hub();
    let client = enter(&mut hub, role);
    hub.handle(client, ClientTopic::Subscribe { topic: name.into(), after: None }, NOW_MS);
    answers(&mut hub, client).iter().any(|answer| matches!(answer, ServerTopic::Granted { .. }))
}

fn may_publish(role: Role, name: &str) -> bool {
    let mut hub = hub();
    if matches!(role, Role::Service | Role::Operator | Role::Server) {
        return hub.publish(name, role, "", "here", NOW_MS).is_ok();
    }
    let client = enter(&mut hub, role);
    hub.handle(client, ClientTopic::Publish { topic: name.into(), seq: 1, body: "here".into() }, NOW_MS);
    let is_taken = |answer: &ServerTopic| matches!(answer, ServerTopic::Receipt { receipt: Receipt::Taken { .. }, .. });
    answers(&mut hub, client).iter().any(is_taken)
}

/// The role that counts at a topic: the code of a room is all that there is to know, and an owner is nobody special
/// elsewhere.
fn role_at(role: Role, topic: &TopicName) -> Role {
    match (role, topic) {
        (Role::Service | Role::Operator | Role::Server, _) => role,
        (_, topic) if topic.room().is_some() => Role::Member,
        (Role::Owner, TopicName::Player(_)) => role,
        _ => Role::Anyone,
    }
}

#[test]
fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let (mut allowed, mut refused) = (0, 0);
    for name in names() {
        let topic = TopicName::parse(&name).unwrap();
        let policy = Policy::of(&topic, OWN).unwrap();
        for role in Role::ALL {
            let at = role_at(role, &topic);
            let publishes = may_publish(role, &name);
            assert_eq!(publishes, policy.may_publish(at), "{role:?} publishes to {name}");
            // Services, operators who act and the server itself have no connection over which they would hear.
            let hears = !matches!(role, Role::Service | Role::Operator | Role::Server);
            if hears {
                assert_eq!(may_subscribe(role, &name), policy.may_subscribe(at), "{role:?} hears {name}");
            }
            allowed += u32::from(publishes);
            refused += u32::from(!publishes);
        }
    }
    assert!(allowed > 15 && refused > 15, "{allowed} {refused}");
}

#[test]
fn a_game_hears_what_services_say_in_the_topics_that_it_wants_to_hear_and_nothing_else() {
    for name in names() {
        for role in Role::ALL {
            let mut hub = hub();
            if matches!(role, Role::Service | Role::Operator | Role::Server) {
                let _ = hub.publish(&name, role, "", "here", NOW_MS);
            } else {
                let client = enter(&mut hub, role);
                hub.handle(client, ClientTopic::Publish { topic: name.clone(), seq: 1, body: "here".into() }, NOW_MS);
            }
            let heard = std::iter::from_fn(|| hub.poll()).any(|output| matches!(output, Output::Game { .. }));
            assert_eq!(heard, role == Role::Service && name.ends_with("/wind"), "{role:?} in {name}");
        }
    }
}

#[test]
fn a_room_that_is_not_there_and_a_topic_that_no_game_declares_are_refused_alike() {
    for name in ["room/K7M2QX", "room/K7M2QX/presence", "room/C4FK9T/other", "lobby/chess", "lobby/chess/chat", "x"] {
        assert!(!may_subscribe(Role::Anyone, name) && !may_publish(Role::Anyone, name), "{name}");
        assert!(!may_publish(Role::Server, name), "{name}");
    }
}

#[test]
fn the_topics_of_a_private_room_are_there_for_its_members_alone() {
    for name in names().iter().filter(|name| name.starts_with("room/")) {
        for role in [Role::Anyone, Role::Owner, Role::Member] {
            let mut hub = hub();
            hub.open_room(Code::parse(CODE).unwrap(), 0, true);
            let client = enter(&mut hub, role);
            answers(&mut hub, client);
            let mut ask = |topic: String| {
                hub.handle(client, ClientTopic::Subscribe { topic: topic.clone(), after: None }, NOW_MS);
                hub.handle(client, ClientTopic::Publish { topic, seq: 7, body: "here".into() }, NOW_MS);
                answers(&mut hub, client)
            };
            let answers = ask(name.clone());
            let is_granted = answers.iter().any(|answer| matches!(answer, ServerTopic::Granted { .. }));
            assert_eq!(is_granted, role == Role::Member, "{role:?} in {name}: {answers:?}");
            if !is_granted {
                let refused = ServerTopic::Refused { topic: name.clone(), refusal: TopicRefusal::NoTopic, wait_ms: 0 };
                let receipt = Receipt::Refused { refusal: TopicRefusal::NoTopic, wait_ms: 0 };
                assert_eq!(answers, [refused, ServerTopic::Receipt { seq: 7, receipt }], "{role:?} in {name}");
            }
        }
    }
}

/// The messages for a client that subscribes to a topic before another one speaks in it.
fn heard_from(hub: &mut Hub, hearer: ClientId, speaker: ClientId, topic: &str, body: &str) -> Vec<ServerTopic> {
    hub.handle(hearer, ClientTopic::Subscribe { topic: topic.into(), after: None }, NOW_MS);
    hub.handle(speaker, ClientTopic::Publish { topic: topic.into(), seq: 1, body: body.into() }, NOW_MS);
    let outputs = std::iter::from_fn(|| hub.poll());
    outputs
        .filter_map(|output| match output {
            Output::Topic { delivery, .. } => Some(delivery.message.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn who_only_knows_the_code_of_a_room_cannot_pass_for_one_of_its_players() {
    let mut hub = hub();
    let (ada, visitor) = (enter(&mut hub, Role::Member), enter(&mut hub, Role::Owner));
    let heard = heard_from(&mut hub, ada, visitor, &format!("room/{CODE}"), "I am Ada");
    let name = heard.iter().find_map(|message| match message {
        ServerTopic::Message { from: Some(author), .. } => Some(author.name.clone()),
        _ => None,
    });
    assert_eq!(name.as_deref(), Some("Ada 2"));
}

#[test]
fn a_muted_player_says_nothing_until_the_time_is_over() {
    let mut hub = hub();
    let client = enter(&mut hub, Role::Anyone);
    hub.mute(PlayerId([1; 10]), NOW_MS + 60_000, NOW_MS);
    let mut say = |seq, now_ms| {
        let body = "hello".into();
        hub.handle(client, ClientTopic::Publish { topic: "lobby/paddles/chat".into(), seq, body }, now_ms);
        match answers(&mut hub, client).pop() {
            Some(ServerTopic::Receipt { receipt, .. }) => receipt,
            other => panic!("expected a receipt, got {other:?}"),
        }
    };
    assert_eq!(say(1, NOW_MS), Receipt::Refused { refusal: TopicRefusal::Muted, wait_ms: 0 });
    assert!(matches!(say(1, NOW_MS + 60_000), Receipt::Taken { .. }));
}

#[test]
fn who_is_blocked_reaches_nobody_who_has_blocked_it() {
    let mut hub = hub();
    let (owner, other) = (enter(&mut hub, Role::Owner), enter(&mut hub, Role::Anyone));
    hub.handle(owner, ClientTopic::Block { player: PlayerId([1; 10]), blocked: true }, NOW_MS);
    hub.handle(other, ClientTopic::Publish { topic: format!("player/{OWNER}"), seq: 1, body: "hi".into() }, NOW_MS);
    let receipt =
        ServerTopic::Receipt { seq: 1, receipt: Receipt::Refused { refusal: TopicRefusal::Blocked, wait_ms: 0 } };
    assert_eq!(answers(&mut hub, other).last(), Some(&receipt));
}

#[test]
fn codes_cannot_be_guessed_by_subscribing() {
    let mut hub = hub();
    let identity = |player| Identity {
        player: PlayerId([player; 10]),
        may_return: false,
        is_guest: false,
        name: "guess".into(),
        room: None,
        reads_json: true,
        origin: Origin::of(7),
    };
    let mut asked = 0;
    for player in 0..5 {
        // Another connection from the same address does not begin anew.
        let client = hub.enter(identity(player), NOW_MS);
        for number in 0..20 {
            let topic = format!("room/C4FK9{}", ["2", "3", "4", "5"][number % 4]);
            hub.handle(client, ClientTopic::Subscribe { topic, after: None }, NOW_MS);
        }
        let refusals = answers(&mut hub, client);
        asked += refusals
            .iter()
            .filter(|answer| matches!(answer, ServerTopic::Refused { refusal: TopicRefusal::NoTopic, .. }))
            .count();
    }
    assert_eq!(asked, 20, "so many codes may be tried in a minute");
}

#[test]
fn a_filter_sees_each_line_of_chat_and_replaces_or_refuses_it() {
    let filter = |name: &str, line: &str| match line {
        "darn" => Verdict::Replace(format!("{name} is cross")),
        "worse" => Verdict::Refuse,
        _ => Verdict::Pass,
    };
    let mut hub = Hub::new(vec![GameTopics { game: "paddles", own: OWN }], Some(filter), NOW_MS);
    let (hearer, speaker) = (enter(&mut hub, Role::Owner), enter(&mut hub, Role::Anyone));
    let topic = "lobby/paddles/chat";
    hub.handle(hearer, ClientTopic::Subscribe { topic: topic.into(), after: None }, NOW_MS);
    let mut said = Vec::new();
    for (seq, body) in (1..).zip(["darn", "worse", "fine"]) {
        hub.handle(speaker, ClientTopic::Publish { topic: topic.into(), seq, body: body.into() }, NOW_MS);
        said.extend(std::iter::from_fn(|| hub.poll()).filter_map(|output| match output {
            Output::Topic { delivery, .. } => match &delivery.message {
                ServerTopic::Message { body, .. } => Some(body.clone()),
                _ => None,
            },
            _ => None,
        }));
    }
    assert_eq!(said, ["Ada is cross", "fine"]);
}

#[test]
fn kept_messages_are_bounded_and_one_that_is_not_kept_says_so() {
    let mut hub = Hub::new(vec![GameTopics { game: "paddles", own: OWN }], None, NOW_MS);
    let (body, mut unkept) = ("x".repeat(200), 0);
    let cut = hub.publish("announce", Role::Service, "", &"x".repeat(201), NOW_MS);
    assert_eq!(cut, Err(TopicRefusal::Text), "a program is told, because nobody would see that its text was cut");
    for number in 0_u32..3_000 {
        let mut player = [0; 10];
        player[..4].copy_from_slice(&number.to_le_bytes());
        let player = PlayerId(player);
        hub.enter(
            Identity {
                player,
                may_return: true,
                is_guest: false,
                name: "Ada".into(),
                room: None,
                reads_json: false,
                origin: Origin::EXEMPT,
            },
            NOW_MS,
        );
        for _ in 0..64 {
            let receipt = hub.publish(&format!("player/{player}"), Role::Service, "", &body, NOW_MS);
            unkept += u32::from(matches!(receipt, Ok(Receipt::Taken { kept: false, .. })));
        }
        while hub.poll().is_some() {}
    }
    assert!(unkept > 0 && hub.kept_bytes() < KEPT_BYTES_MAX + 1_024, "{unkept} {}", hub.kept_bytes());
    hub.advance(NOW_MS + NEWS_KEPT_MS);
    assert_eq!(hub.kept_bytes(), 0, "a day later");
}

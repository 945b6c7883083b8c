//! The things that the whole server keeps over its end: the real program is killed hard, and started again on its data
//! folder.

use crate::serving::{Serving, serve_with};
use crate::socket::{Socket, create_room, http};
use crate::tickets::{SERVICES, Studio, ask, enter, room};
use crate::webhooks::Studio as Receiver;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer than a server takes to deliver or to write anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A data folder, which is removed with the value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tickwire-kept-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    /// The command that starts a server on this folder.
    pub(crate) fn command(&self) -> Command {
        let mut command = serve_with("127.0.0.1:0", "127.0.0.1:0");
        command.arg("--data").arg(&self.0);
        command
    }

    /// A server on this folder with further options.
    pub(crate) fn serve(&self, options: &[&str]) -> Serving {
        Serving::start_by(self.command().args(options))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Kills a server, which has no time to do anything more.
pub(crate) fn kill(mut serving: Serving) {
    serving.signal("KILL");
    assert_eq!(serving.wait().code(), None, "it has not ended by itself");
}

#[test]
fn a_ticket_that_was_used_before_the_kill_is_refused_after_it_and_a_revoked_identity_stays_revoked() {
    let (data, studio) = (Folder::new("tickets"), Studio::new("kept"));
    let options = studio.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let serving = data.serve(&options);
    let code = room(&studio, serving.address());
    let [used, unused, revoked] = ["ada", "bob", "eve"].map(|identity| studio.ticket(identity));
    drop(enter(serving.address(), &code, Some(used.clone())).expect("a seat"));
    let operators = serving.admin().expect("a listener");
    let (status, answer) = ask(operators, "POST /identities/revoke", Some(SERVICES), &json!({ "identity": "eve" }));
    assert_eq!(status, 204, "{answer}");
    // The second start finds it as single entries, the third one as one piece.
    let mut serving = serving;
    for start in 2..4 {
        kill(serving);
        serving = data.serve(&options);
        let code = room(&studio, serving.address());
        let knock = |ticket: &String| enter(serving.address(), &code, Some(ticket.clone())).err();
        assert_eq!(knock(&used), Some(4002), "start {start}: it was used");
        assert_eq!(knock(&revoked), Some(4001), "start {start}: it was issued before the revocation");
        wait_for_world(&data, start);
    }
    let code = room(&studio, serving.address());
    drop(enter(serving.address(), &code, Some(unused)).expect("a seat for somebody else"));
}

/// Waits until the disk has everything that is kept as one piece of this start.
fn wait_for_world(data: &Folder, start: u32) {
    let end = Instant::now() + PATIENCE;
    let of_start = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with(&format!("{start}-"));
    // The kind of a world, room 0, a number, the version, and one ticket or more.
    let is_world = |bytes: &[u8]| {
        bytes.starts_with(&[5, 0, 0, 0, 0, 0, 0, 0, 0]) && bytes[13] == 1 && bytes[14] > 0 && bytes[15..22] == [0; 7]
    };
    let is_written = || {
        let files = fs::read_dir(data.0.join("worlds")).into_iter().flatten().flatten().filter(of_start);
        files.filter_map(|file| fs::read(file.path()).ok()).any(|bytes| bytes.windows(22).any(is_world))
    };
    while !is_written() {
        assert!(Instant::now() < end, "nothing was written");
        std::thread::yield_now();
    }
}

/// A visitor who is the same one after each start.
fn visitor(serving: &Serving) -> Socket {
    let mut socket = Socket::open_json(serving.address());
    socket.say(&json!({ "op": "hello", "name": "ada", "key": "07".repeat(16) }));
    socket.wait_for("you");
    socket
}

/// Publishes under a number; gives the id of the receipt.
fn publish(socket: &mut Socket, topic: &str, seq: u64, body: &str) -> u64 {
    socket.say(&json!({ "op": "publish", "topic": topic, "seq": seq, "body": body }));
    let receipt = socket.wait_for("receipt");
    let id = receipt["id"].as_str().and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| panic!("no id in {receipt}"))
}

/// The messages that a new subscriber of a topic is told first: the id and the text of each message.
fn told(serving: &Serving, topic: &str, count: usize) -> Vec<(u64, String)> {
    let mut socket = visitor(serving);
    socket.say(&json!({ "op": "subscribe", "topic": topic }));
    socket.wait_for("granted");
    let message = |message: Value| {
        let id = message["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        (id, message["body"].as_str().expect("a text").to_owned())
    };
    (0..count).map(|_| message(socket.wait_for("message"))).collect()
}

#[test]
fn a_line_of_chat_with_a_receipt_is_there_after_the_kill_and_its_number_gives_the_same_receipt() {
    let data = Folder::new("chat");
    let mut serving = data.serve(&[]);
    let code = create_room(serving.address(), "paddles");
    let topics = ["lobby/paddles/chat".to_owned(), format!("room/{code}")];
    let mut ids: [Vec<(u64, String)>; 2] = Default::default();
    for start in 0..3_u64 {
        let mut ada = visitor(&serving);
        for (number, topic) in topics.iter().enumerate() {
            let known = &mut ids[number];
            let seq = |start: u64| 100 * (number as u64 + 1) + start;
            for (before, (id, text)) in (0..start).zip(&*known) {
                assert_eq!(publish(&mut ada, topic, seq(before), text), *id, "the same receipt, start {start}");
            }
            let text = format!("line {start}");
            let id = publish(&mut ada, topic, seq(start), &text);
            assert!(known.last().is_none_or(|(last, _)| *last < id), "ids grow");
            known.push((id, text));
            // Ids go on where they were: nobody is told of a gap that is none.
            assert_eq!(id - known[0].0, start, "start {start}");
        }
        kill(serving);
        serving = data.serve(&[]);
        for (topic, known) in topics.iter().zip(&ids) {
            assert_eq!(&told(&serving, topic, known.len()), known, "{topic} after start {start}");
        }
    }
}

/// Waits until so many events were taken.
fn wait_for_sent(serving: &Serving, count: u32) {
    let end = Instant::now() + PATIENCE;
    let series = format!("tickwire_webhooks_total{{outcome=\"sent\"}} {count}");
    while !http(serving.admin().expect("a listener"), "GET", "/metrics", "").1.contains(&series) {
        assert!(Instant::now() < end, "not sent: {series}");
    }
}

#[test]
fn an_event_that_was_not_taken_before_the_kill_is_sent_again_after_it_and_one_that_was_taken_is_not() {
    let (data, studio) = (Folder::new("outbox"), Receiver::open("kept", 500));
    let options = ["--webhooks-file", studio.file.to_str().expect("a path is text")];
    let serving = data.serve(&options);
    let code = create_room(serving.address(), "paddles");
    let opened = studio.next("room.opened");
    kill(serving);
    studio.answer(204);
    while studio.posted.try_recv().is_ok() {}
    let serving = data.serve(&options);
    let again = studio.next("room.opened");
    assert_eq!((&again, &again["room"]), (&opened, &json!(code)), "the same event under the same id");
    wait_for_sent(&serving, 1);
    kill(serving);
    let serving = data.serve(&options);
    let other = create_room(serving.address(), "paddles");
    loop {
        let (_, event) = studio.posted.recv_timeout(PATIENCE).expect("an event arrives");
        assert_ne!(event["id"], opened["id"], "it was taken before");
        if event["room"] == json!(other) {
            break;
        }
    }
}

/// Waits until an event of this type about this player has come; gives it.
fn wait_for_player(receiver: &Receiver, kind: &str, player: &str) -> Value {
    let (_, event) = receiver.posted.recv_timeout(PATIENCE).expect("an event arrives");
    assert_eq!((&event["type"], &event["player"]["id"]), (&json!(kind), &json!(player)), "{event}");
    event
}

#[test]
fn a_player_who_does_not_come_back_has_left_and_the_events_of_the_room_are_numbered_on() {
    let (data, studio, receiver) = (Folder::new("left"), Studio::new("kept-left"), Receiver::open("kept-left", 204));
    let tickets = studio.options();
    let mut options: Vec<&str> = tickets.iter().map(String::as_str).collect();
    options.extend(["--webhooks-file", receiver.file.to_str().expect("a path is text")]);
    let serving = data.serve(&options);
    let code = room(&studio, serving.address());
    let (_, _ada) = enter(serving.address(), &code, Some(studio.ticket("ada"))).expect("a seat");
    assert_eq!(receiver.next("room.opened")["order"], json!(1));
    let joined = wait_for_player(&receiver, "player.joined", "ada");
    wait_for_sent(&serving, 2);
    kill(serving);
    let serving = data.serve(&options);
    let (_, _bob) = enter(serving.address(), &code, Some(studio.ticket("bob"))).expect("a seat");
    assert_eq!(wait_for_player(&receiver, "player.joined", "bob")["order"], json!(3));
    // Her seat is hers for a while; it is given up at once when she may not come back.
    let operators = serving.admin().expect("a listener");
    let (status, answer) = ask(operators, "POST /identities/revoke", Some(SERVICES), &json!({ "identity": "ada" }));
    assert_eq!(status, 204, "{answer}");
    let left = wait_for_player(&receiver, "player.left", "ada");
    assert_eq!((&left["player"], &left["order"]), (&joined["player"], &json!(4)), "{left}");
}

//! The receivers of the folder `examples`, as processes.

use super::super::{SigningSecret, sign};
use super::{PATIENCE, SECRET, Thread, setup, tell_all};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{SystemTime, UNIX_EPOCH};

/// A receiver of the examples, as a process.
struct Example {
    process: Child,
    lines: Receiver<String>,
}

impl Example {
    fn start(program: &str, file: &str, port: u16) -> Self {
        let file = format!("{}/examples/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.lines().count() <= 20, "{file} is short");
        let mut command = Command::new(program);
        command.args([&file, &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program of the example is there");
        writeln!(process.stdin.take().unwrap(), "{SECRET}").unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The status that a receiver answers a request with.
fn status_of(port: u16, timestamp_s: u64, signatures: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}", body.len());
    let own = format!("webhook-id: evt_1\r\nwebhook-timestamp: {timestamp_s}\r\nwebhook-signature: {signatures}");
    write!(stream, "{head}\r\n{own}\r\n\r\n{body}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_receivers_of_the_examples_accept_events_and_refuse_forged_ones() {
    for (program, file) in [("python3", "webhook_receiver.py"), ("node", "webhook_receiver.js")] {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        // The receiver needs a moment until it listens: the outbox tries again.
        let thread = Thread::start(setup(&[format!("http://127.0.0.1:{port}/")]));
        let example = Example::start(program, file, port);
        tell_all(&thread.webhooks, 7..8);
        let expected = ["room.opened", "player.joined", "match.result", "player.left", "room.closed"];
        for (event, order) in expected.into_iter().zip(1..) {
            let line = example.lines.recv_timeout(PATIENCE).expect("the receiver prints each event");
            assert_eq!(line, format!("{event} ROOM7 {order}"), "{program}");
        }
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (own, other) = (
            SigningSecret::parse(SECRET).unwrap(),
            SigningSecret::parse("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM1").unwrap(),
        );
        let body = r#"{"type":"room.opened","room":"FORGED","order":1}"#;
        let signed = |secret: &SigningSecret, at_s| sign(std::slice::from_ref(secret), "evt_1", at_s, body.as_bytes());
        let (good, wrong, old) = (signed(&own, now_s), signed(&other, now_s), signed(&own, now_s - 400));
        assert_eq!(status_of(port, now_s, &wrong, body), 401, "{program}: a wrong secret");
        assert_eq!(status_of(port, now_s, &good, &body.replace('1', "2")), 401, "{program}: a changed body");
        assert_eq!(status_of(port, now_s - 400, &old, body), 401, "{program}: an old time");
        assert_eq!(status_of(port, now_s, "", body), 401, "{program}: no signature");
        assert!(example.lines.try_recv().is_err(), "{program}");
        assert_eq!(status_of(port, now_s, &format!("{wrong} {good}"), body), 204, "{program}: the second one is good");
        assert_eq!(example.lines.recv_timeout(PATIENCE).as_deref(), Ok("room.opened FORGED 1"));
    }
}

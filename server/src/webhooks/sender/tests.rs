//! The thread of webhooks against servers that fail in all ways, over real sockets.

mod examples;
mod server;

use super::super::event::{Participant, Reason, RoomEvent, RoomSerial};
use super::*;
use crate::kept::tests::{Process, Temporary};
use crate::limits::KEPT_TOLD_BYTES_MAX;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use server::{BROKEN, NEVER, Received, Server, TAKEN};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::thread::JoinHandle;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER_SECRET: &str = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0";

/// The time after which a test has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread of webhooks.
struct Thread {
    webhooks: Webhooks,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    fn start(setup: WebhookSetup) -> Self {
        let (webhooks, sender) = prepare(setup).unwrap();
        let (stop, stops) = oneshot::channel();
        let thread = Some(std::thread::spawn(move || sender.run(stops).unwrap()));
        Self { webhooks, stop: Some(stop), thread }
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn metrics(&self) -> &WebhookMetrics {
        self.webhooks.metrics()
    }

    /// Lets other threads run until the condition holds.
    fn wait_until(&self, mut holds: impl FnMut(&WebhookMetrics) -> bool) {
        let start = Instant::now();
        while !holds(self.metrics()) {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.metrics());
            std::thread::yield_now();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Settings with short waits.
fn setup(urls: &[String]) -> WebhookSetup {
    let secrets = vec![SigningSecret::parse(SECRET).unwrap(), SigningSecret::parse(OTHER_SECRET).unwrap()];
    let endpoint =
        |url: &String| EndpointSetup { url: EndpointUrl::parse(url, false).unwrap(), secrets: secrets.clone() };
    let mut setup = WebhookSetup::new(urls.iter().map(endpoint).collect(), 0xc0ffee);
    (setup.outbox.backoff_ms, setup.outbox.backoff_ms_max) = (4, 40);
    setup.answer_wait_max = PATIENCE;
    setup.flush_max = Duration::from_millis(400);
    setup
}

fn url(server: &Server) -> String {
    format!("http://{}/hooks?of=studio", server.address)
}

/// Tells one event of each kind for each of so many rooms.
fn tell_all(webhooks: &Webhooks, rooms: std::ops::Range<u64>) {
    const LEFT: Reason = Reason::new("left");
    let player = Participant::new("9f86d081", "Ada \u{1f4a1}", 0).unwrap();
    for room in rooms {
        let mut feed = webhooks.feed(RoomSerial(room), &format!("ROOM{room}"), "arena").unwrap();
        feed.tell(RoomEvent::RoomOpened, 1);
        feed.tell(RoomEvent::PlayerJoined { player: player.clone() }, 2);
        feed.tell(RoomEvent::MatchEnded { result: tickwire::MatchResult::of(&json!({ "scores": [3, 1] })) }, 3);
        feed.tell(RoomEvent::PlayerLeft { player: player.clone(), reason: LEFT }, 4);
        feed.tell(RoomEvent::RoomClosed { reason: LEFT }, 5);
    }
}

/// The orders of each room, in the order in which they came first.
fn first_orders(received: &[Received]) -> BTreeMap<String, Vec<u64>> {
    let (mut orders, mut seen) = (BTreeMap::<_, Vec<_>>::new(), BTreeSet::new());
    for request in received {
        let json = request.json();
        assert_eq!(json["id"], request.id.as_str());
        if seen.insert(request.id.clone()) {
            orders.entry(json["room"].as_str().unwrap().to_owned()).or_default().push(json["order"].as_u64().unwrap());
        }
    }
    orders
}

#[test]
fn all_events_arrive_though_a_server_fails_hangs_and_goes_away() {
    let mut server = Server::start(BROKEN);
    let mut setup = setup(&[url(&server)]);
    setup.answer_wait_max = Duration::from_millis(250);
    let mut thread = Thread::start(setup);
    tell_all(&thread.webhooks, 0..4);
    let mut received: Vec<_> = (0..8).map(|_| server.next()).collect();
    server.answer(NEVER);
    received.extend((0..4).map(|_| server.next()));
    server.close();
    received.extend(server.received.try_iter());
    let retried = thread.metrics().retried.load(Ordering::Relaxed);
    thread.wait_until(|metrics| metrics.retried.load(Ordering::Relaxed) >= retried + 3);
    assert_eq!(thread.metrics().paused.load(Ordering::Relaxed), 1);
    assert_eq!(thread.metrics().sent.load(Ordering::Relaxed), 0);

    let server = Server::listen(server.address, TAKEN, None);
    let mut closed = 0;
    received.extend(server.until(|request| {
        closed += u64::from(request.json()["type"] == "room.closed");
        closed == 4
    }));
    thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) == 20);
    let rooms = (0..4).map(|room| (format!("ROOM{room}"), vec![1, 2, 3, 4, 5])).collect();
    assert_eq!(first_orders(&received), rooms);

    let mut bodies = BTreeMap::new();
    for request in &received {
        assert!(request.is_accepted_by(SECRET) && request.is_accepted_by(OTHER_SECRET));
        assert!(!request.is_accepted_by("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM1"), "a wrong secret");
        let changed = Received { body: [&request.body[..], b" "].concat(), ..request.clone() };
        assert!(!changed.is_accepted_by(SECRET), "a changed body");
        let renamed = Received { id: "evt_0000000000c0ffee_0_9".to_owned(), ..request.clone() };
        assert!(!renamed.is_accepted_by(SECRET), "another id");
        let later = Received { timestamp_s: request.timestamp_s + 1, ..request.clone() };
        assert!(!later.is_accepted_by(SECRET), "another time");
        assert_eq!(bodies.entry(&request.id).or_insert(&request.body), &&request.body, "the same on every attempt");
    }
    assert!(bodies.len() == 20 && received.len() > 20);
    thread.stop();
    let metrics = thread.metrics();
    assert_eq!(
        (
            metrics.lost.load(Ordering::Relaxed),
            metrics.failed.load(Ordering::Relaxed),
            metrics.waiting.load(Ordering::Relaxed)
        ),
        (0, 0, 0)
    );
    assert_eq!(metrics.paused.load(Ordering::Relaxed), 0);
}

#[test]
fn a_server_that_never_answers_harms_no_other() {
    let (dead, good) = (Server::start(NEVER), Server::start(TAKEN));
    let mut thread = Thread::start(setup(&[url(&dead), url(&good)]));
    tell_all(&thread.webhooks, 0..50);
    let received: Vec<_> = (0..250).map(|_| good.next()).collect();
    assert_eq!(first_orders(&received).values().filter(|orders| **orders == [1, 2, 3, 4, 5]).count(), 50);
    (0..8).for_each(|_| drop(dead.next()));
    assert!(dead.received.try_recv().is_err(), "eight requests at a time");
    thread.wait_until(|metrics| metrics.waiting.load(Ordering::Relaxed) == 250);
    let start = Instant::now();
    thread.stop();
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!(
        (thread.metrics().lost.load(Ordering::Relaxed), thread.metrics().sent.load(Ordering::Relaxed)),
        (250, 250)
    );
}

#[test]
fn events_of_the_last_moment_are_sent_before_the_thread_ends() {
    let server = Server::start(TAKEN);
    let mut setup = setup(&[url(&server)]);
    setup.flush_max = PATIENCE;
    let mut thread = Thread::start(setup);
    tell_all(&thread.webhooks, 0..10);
    thread.stop();
    assert_eq!(first_orders(&server.received.try_iter().collect::<Vec<_>>()).len(), 10);
    assert_eq!((thread.metrics().lost.load(Ordering::Relaxed), thread.metrics().sent.load(Ordering::Relaxed)), (0, 50));
    tell_all(&thread.webhooks, 10..11);
    assert_eq!(thread.metrics().lost.load(Ordering::Relaxed), 5, "the thread is gone, and rooms go on");
}

#[test]
fn the_end_does_not_wait_for_a_server_that_is_away() {
    let mut server = Server::start(TAKEN);
    let address = url(&server);
    server.close();
    let mut setup = setup(&[address]);
    (setup.outbox.backoff_ms, setup.outbox.backoff_ms_max, setup.flush_max) = (60_000, 60_000, PATIENCE);
    let mut thread = Thread::start(setup);
    tell_all(&thread.webhooks, 0..5);
    thread.wait_until(|metrics| metrics.paused.load(Ordering::Relaxed) == 1);
    let start = Instant::now();
    thread.stop();
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!(thread.metrics().lost.load(Ordering::Relaxed), 25);
}

#[test]
fn a_redirect_is_a_refusal_and_is_not_followed() {
    let elsewhere = Server::start(TAKEN);
    let moved =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", url(&elsewhere));
    let server = Server::start(&moved);
    let thread = Thread::start(setup(&[url(&server)]));
    tell_all(&thread.webhooks, 0..1);
    (0..3).for_each(|_| assert_eq!(server.next().json()["order"], 1));
    server.answer(TAKEN);
    thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) == 5);
    assert!(elsewhere.received.try_recv().is_err());
}

#[test]
fn an_endless_answer_is_cut_off_and_counts_by_its_status() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "a".repeat(100_000));
    let server = Server::start(&endless);
    let (thread, start) = (Thread::start(setup(&[url(&server)])), Instant::now());
    tell_all(&thread.webhooks, 0..2);
    thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) == 10);
    assert!(start.elapsed() < Duration::from_millis(2_400), "the rest of five answers in a row is not waited for");
    assert_eq!(thread.metrics().retried.load(Ordering::Relaxed), 0);
    // A head without end is no answer.
    server.answer(&format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(100_000)));
    tell_all(&thread.webhooks, 2..3);
    thread.wait_until(|metrics| metrics.retried.load(Ordering::Relaxed) >= 1);
    assert_eq!(thread.metrics().sent.load(Ordering::Relaxed), 10);
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let server = Server::start("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
    let mut setup = setup(&[url(&server)]);
    setup.outbox.retry_after_ms_max = 300;
    setup.outbox.in_flight_max = 1;
    let thread = Thread::start(setup);
    // Before the pause begins: a test that is late sees no shorter one.
    let start = Instant::now();
    tell_all(&thread.webhooks, 0..3);
    server.next();
    server.answer(TAKEN);
    server.next();
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[test]
fn tls_needs_a_certificate_that_is_trusted() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(cert.der()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.clone_key()).unwrap();
        let server = Server::listen((Ipv4Addr::LOCALHOST, 0).into(), TAKEN, Some(Arc::new(tls)));
        let at = |host: &str| format!("https://{host}:{}/hooks?of=studio", server.address.port());

        let mut trusting = setup(&[at("localhost")]);
        trusting.roots_pem = pem.clone().into_bytes();
        let thread = Thread::start(trusting.clone());
        tell_all(&thread.webhooks, 0..2);
        thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) == 10);
        assert!(server.received.try_iter().count() == 10 && thread.metrics().retried.load(Ordering::Relaxed) == 0);

        // An unknown authority, and a known one for another name.
        let mut elsewhere = setup(&[at("127.0.0.1")]);
        elsewhere.roots_pem = pem.clone().into_bytes();
        for mut distrusting in [setup(&[at("localhost")]), elsewhere] {
            distrusting.flush_max = Duration::ZERO;
            let thread = Thread::start(distrusting);
            tell_all(&thread.webhooks, 0..1);
            thread.wait_until(|metrics| metrics.retried.load(Ordering::Relaxed) >= 2);
            assert!(server.received.try_recv().is_err());
        }
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let one = setup(&["http://127.0.0.1:1/".to_owned()]);
    let with = |change: fn(&mut WebhookSetup)| {
        let mut setup = one.clone();
        change(&mut setup);
        prepare(setup).err().map(|error| error.to_string())
    };
    let endpoints = with(|setup| setup.endpoints = vec![setup.endpoints[0].clone(); ENDPOINTS_MAX + 1]);
    assert_eq!(endpoints.as_deref(), Some("9 endpoints are too many: 8 are allowed"));
    for secrets in [
        with(|setup| setup.endpoints[0].secrets.clear()),
        with(|setup| {
            let secrets = &mut setup.endpoints[0].secrets;
            secrets.extend_from_within(..);
        }),
    ] {
        assert!(secrets.unwrap().starts_with("http://127.0.0.1:1 has "));
    }
    for roots in
        [b"no certificate".to_vec(), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()]
    {
        let setup = WebhookSetup { roots_pem: roots, ..one.clone() };
        assert!(matches!(prepare(setup), Err(SetupError::Roots)));
    }
    assert!(!format!("{one:?}").contains("C2FV"));
}

#[test]
fn while_the_disk_takes_nothing_events_are_bounded_and_the_losses_are_told() {
    let mut server = Server::start(TAKEN);
    let data = Temporary::new("bounded");
    let process = Process::start(&data.0);
    let (webhooks, mut sender) = prepare(setup(&[url(&server)])).unwrap();
    let webhooks = webhooks.kept_in(&process.log, &mut sender);
    let (stop, stops) = oneshot::channel();
    let work = std::thread::spawn(move || sender.run(stops).unwrap());
    let mut thread = Thread { webhooks, stop: Some(stop), thread: Some(work) };
    let mut journal = process.writer();
    let (rooms, each) = (16, 500);
    let mut feeds: Vec<_> = (0..rooms)
        .map(|room| thread.webhooks.feed(RoomSerial(room), &format!("ROOM{room}"), "arena").unwrap())
        .collect();
    for at_ms in 0..each {
        for feed in &mut feeds {
            feed.tell(RoomEvent::RoomOpened, at_ms);
            feed.write(&mut journal);
        }
    }
    let lost = thread.metrics().lost.load(Ordering::Relaxed);
    let held_max = (KEPT_TOLD_BYTES_MAX / 512 + EVENTS_PER_PASS + CHANNEL_EVENTS_MAX) as u64;
    assert!(lost > 0, "events that nobody writes are bounded");
    assert!(lost + held_max >= rooms * each, "{lost} were lost, and no more than {held_max} may wait");
    assert_eq!(thread.metrics().sent.load(Ordering::Relaxed), 0, "nothing is written yet");
    journal.commit();
    thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) + lost == rooms * each);
    for feed in &mut feeds {
        feed.tell(RoomEvent::RoomOpened, each);
        feed.write(&mut journal);
    }
    journal.commit();
    thread.wait_until(|metrics| metrics.sent.load(Ordering::Relaxed) + lost == rooms * (each + 1));
    thread.stop();
    server.close();
    let mut last = BTreeMap::new();
    for json in server.received.try_iter().map(|request| request.json()) {
        let before = last.insert(json["room"].as_str().unwrap().to_owned(), json["order"].as_u64().unwrap());
        assert_eq!(json["order"], before.unwrap_or(0) + json["missed"].as_u64().unwrap_or(0) + 1, "{json}");
    }
    assert!(last.len() as u64 == rooms && last.values().all(|order| *order == each + 1));
    assert_eq!(process.log.read(|state| state.outbox.events().count()), 0, "all of them were taken");
}

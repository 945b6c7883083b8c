//! The registry against a real server of NATS, which `TICKWIRE_NATS_SERVER` names.

use super::super::claim::Unreadable;
use super::super::registry_cases::{self, claim, lease, present, snapshot, soon};
use super::*;
use async_nats::jetstream;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;
use tokio::task::{LocalSet, yield_now};

static SERVERS: AtomicU32 = AtomicU32::new(0);

/// The longest rest.
const LONG: Duration = Duration::from_secs(3_600);

/// Whether there is a server of NATS to test with. `cargo verify` sees to it; elsewhere the tests do nothing without one.
fn has_nats() -> bool {
    let is_named = std::env::var_os("TICKWIRE_NATS_SERVER").is_some();
    is_named || Command::new("nats-server").arg("--version").output().is_ok()
}

/// A server of NATS with a folder of its own.
struct NatsServer {
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl NatsServer {
    /// A port and a folder, and no server yet.
    fn away() -> Self {
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tickwire-nats-{}-{number}", std::process::id()));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, process: None }
    }

    fn start() -> Self {
        let mut server = Self::away();
        server.run();
        server
    }

    fn run(&mut self) {
        let program = std::env::var_os("TICKWIRE_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let mut command = Command::new(program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(&self.folder);
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(started.expect("nats-server is installed, or TICKWIRE_NATS_SERVER names it"));
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// A registry of its own in this server.
    fn registry(&self, service: &str, rest: Duration) -> NatsThread {
        let addresses = format!("nats://127.0.0.1:{}", self.port).parse().unwrap();
        NatsThread::start(NatsSettings { addresses, service: service.parse().unwrap(), rest }).unwrap()
    }

    /// A registry that is there.
    fn open(&self, service: &str, rest: Duration) -> NatsThread {
        let thread = self.registry(service, rest);
        assert_eq!(thread.wait_for_nats(Duration::from_secs(20)), Ok(true));
        thread
    }

    /// A client that may do everything.
    async fn client(&self) -> async_nats::Client {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(format!("nats://127.0.0.1:{}", self.port)).await.unwrap();
        soon(client.flush()).await.unwrap();
        client
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// Asks until the answer is good.
async fn until<T>(mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    soon(async {
        loop {
            if let Some(good) = answer().await {
                return good;
            }
            yield_now().await;
        }
    })
    .await
}

#[test]
fn nats_passes_the_cases_of_every_registry() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let threads = std::cell::RefCell::new(Vec::new());
    run(registry_cases::pass(async |rest| {
        let thread = server.open(&format!("case-{}", threads.borrow().len()), rest);
        let registry = thread.registry();
        threads.borrow_mut().push(thread);
        registry
    }));
}

#[test]
fn services_with_different_names_share_nothing() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let [live, again, staging] = ["tw", "tw", "tw-staging"].map(|service| server.open(service, LONG));
    let code = Code::random();
    run(async {
        let created = live.registry().write_room(code, Write::Create(claim(1))).await.unwrap();
        assert_eq!(again.registry().read_room(code).await, Ok(Some((created, Some(Ok(claim(1)))))));
        assert_eq!(staging.registry().read_room(code).await, Ok(None));
        staging.registry().write_room(code, Write::Create(claim(2))).await.unwrap();
    });
}

#[test]
fn the_buckets_are_made_for_reads_from_the_leader_and_one_record_a_key() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let _thread = server.open("tw", LONG);
    run(async {
        let context = jetstream::new(server.client().await);
        for name in ["rooms", "nodes"] {
            let stream = context.get_stream(format!("KV_tw_{name}")).await.unwrap();
            let config = &stream.cached_info().config;
            assert_eq!(config.subjects, [format!("$KV.tw_{name}.>")]);
            assert_eq!((config.max_messages_per_subject, config.num_replicas), (1, 1));
            assert!(!config.allow_direct && config.deny_delete && config.allow_rollup);
            assert!(config.max_age.is_zero());
        }
    });
}

#[test]
fn a_stream_that_is_there_is_used_when_its_subjects_are_right() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    run(async {
        let context = jetstream::new(server.client().await);
        let config = |name: &str, subject: &str| jetstream::stream::Config {
            name: name.into(),
            subjects: vec![subject.into()],
            max_messages_per_subject: 3,
            ..Default::default()
        };
        context.create_stream(config("KV_tw_rooms", "$KV.tw_rooms.>")).await.unwrap();
        context.create_stream(config("KV_bad_rooms", "rooms.>")).await.unwrap();
    });
    let thread = server.open("tw", LONG);
    assert!(run(thread.registry().write_room(Code::random(), Write::Create(claim(1)))).is_ok());
    let thread = server.registry("bad", LONG);
    let fault = NatsFault::OtherSubjects { stream: "KV_bad_rooms".into() };
    assert_eq!(thread.wait_for_nats(Duration::from_secs(20)), Err(fault.clone()));
    assert_eq!(thread.registry().fault(), Some(fault));
    assert_eq!(run(thread.registry().read_room(Code::random())), Err(WriteFault::Away));
}

#[test]
fn garbage_in_the_buckets_is_told_or_counted() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    let node = NodeId::random();
    let good = Code::random();
    run(async {
        let created = registry.write_room(good, Write::Create(claim(1))).await.unwrap();
        let client = server.client().await;
        let garbage: [Vec<u8>; 6] =
            [Vec::new(), b"{".to_vec(), vec![0xff; 300], b" ".repeat(600), br#"{"v":2}"#.to_vec(), encode(&lease(1))];
        let codes = garbage.each_ref().map(|_| Code::random());
        for (code, bytes) in codes.iter().zip(&garbage) {
            client.publish(format!("$KV.tw_rooms.{code}"), bytes.clone().into()).await.unwrap();
        }
        client.publish(format!("$KV.tw_nodes.{node}"), encode(&claim(1)).into()).await.unwrap();
        let bad_keys = ["c4fk9t", "C4FK9", "C4FK9T.x", "a", "*x", "ä", &"x".repeat(200), &node.to_string()];
        for key in bad_keys {
            client.publish(format!("$KV.tw_rooms.{key}"), encode(&claim(1)).into()).await.unwrap();
        }
        client.publish(format!("$KV.tw_nodes.{good}"), encode(&lease(1)).into()).await.unwrap();
        client.publish(format!("$KV.tw_rooms.{}", Code::random()), vec![b' '; 2_000].into()).await.unwrap();
        soon(client.flush()).await.unwrap();

        let unreadable = |bytes: &[u8]| if bytes == br#"{"v":2}"# { Unreadable::Later } else { Unreadable::Garbage };
        for (code, bytes) in codes.iter().zip(&garbage) {
            let (_, record) = until(async || registry.read_room(*code).await.unwrap()).await;
            assert_eq!(record, Some(Err(unreadable(bytes))));
            assert_eq!(registry.write_room(*code, Write::Create(claim(2))).await, Err(WriteFault::Stale));
        }
        until(async || stored(&client, "KV_tw_rooms", 15).await).await;
        until(async || stored(&client, "KV_tw_nodes", 2).await).await;
        let told = snapshot(&mut registry.watch().await.unwrap()).await;
        assert_eq!(told.len(), garbage.len() + 2, "{told:?}");
        assert!(told.contains(&Change::Room(good, created, Some(Ok(claim(1))))));
        let is_bad =
            |change: &&Change| matches!(change, Change::Room(_, _, Some(Err(_))) | Change::Node(_, _, Some(Err(_))));
        assert_eq!(told.iter().filter(is_bad).count(), garbage.len() + 1);
        assert_eq!(registry.bad_keys(), bad_keys.len() as u64 + 1);
    });
}

/// Whether a stream has this many messages.
async fn stored(client: &async_nats::Client, stream: &str, messages: u64) -> Option<()> {
    let stream = jetstream::new(client.clone()).get_stream(stream).await.unwrap();
    (stream.cached_info().state.messages == messages).then_some(())
}

#[test]
fn a_server_that_comes_late_is_no_error() {
    if !has_nats() {
        return;
    }
    let mut server = NatsServer::away();
    let thread = server.registry("tw", LONG);
    let registry = thread.registry();
    assert_eq!(thread.wait_for_nats(Duration::from_millis(100)), Ok(false));
    let code = Code::random();
    run(async {
        assert_eq!(registry.write_room(code, Write::Create(claim(1))).await, Err(WriteFault::Away));
        assert_eq!(registry.watch().await.err(), Some(WriteFault::Away));
        server.run();
        until(async || registry.write_room(code, Write::Create(claim(2))).await.ok()).await;
        let found = registry.read_room(code).await.unwrap();
        assert_eq!(found.map(|(_, record)| record), Some(Some(Ok(claim(2)))), "nothing refused is done later");
    });
}

#[test]
fn a_restart_of_the_server_ends_watches_and_loses_no_claim() {
    if !has_nats() {
        return;
    }
    let mut server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    let (code, node) = (Code::random(), NodeId::random());
    run(async {
        let created = registry.write_room(code, Write::Create(claim(1))).await.unwrap();
        let renewed = registry.renew(node, lease(1), None).await.unwrap();
        let mut read = registry.watch().await.unwrap();
        // Nobody reads this one while the server is away.
        let mut unread = registry.watch().await.unwrap();
        assert_eq!(present(&mut read).await.len(), 2);

        server.kill();
        let killed = Instant::now();
        assert_eq!(soon(read.recv()).await, None, "changes may be missing");
        assert!(killed.elapsed() < Duration::from_secs(5), "it does not wait for heartbeats that stay out");
        let fault = until(async || registry.write_room(Code::random(), Write::Create(claim(9))).await.err()).await;
        assert!(matches!(fault, WriteFault::Unknown | WriteFault::Away), "{fault:?}");
        until(async || (!registry.is_connected()).then_some(())).await;
        let begun = Instant::now();
        assert_eq!(registry.read_room(code).await, Err(WriteFault::Away));
        assert_eq!(registry.renew(node, lease(2), Some(renewed)).await, Err(WriteFault::Away));
        assert!(begun.elapsed() < Duration::from_millis(500), "nothing waits for a NATS that is away");

        server.run();
        let mut again = until(async || registry.watch().await.ok()).await;
        let told = present(&mut again).await;
        assert!(told.contains(&Change::Room(code, created, Some(Ok(claim(1))))), "{told:?}");
        assert!(told.contains(&Change::Node(node, renewed, Some(Ok(lease(1))))), "{told:?}");
        let changed = registry.write_room(code, Write::Change(created, claim(2))).await.unwrap();
        assert_eq!(soon(again.recv()).await, Some(Change::Room(code, changed, Some(Ok(claim(2))))));
        while soon(unread.recv()).await.is_some() {}
    });
}

#[test]
fn a_server_that_lost_its_store_gets_new_buckets() {
    if !has_nats() {
        return;
    }
    let mut server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    let code = Code::random();
    run(async {
        registry.write_room(code, Write::Create(claim(1))).await.unwrap();
        server.kill();
        std::fs::remove_dir_all(&server.folder).unwrap();
        until(async || (!registry.is_connected()).then_some(())).await;
        server.run();
        until(async || registry.write_room(code, Write::Create(claim(2))).await.ok()).await;
    });
}

#[test]
fn a_server_that_hangs_gives_unknown_answers_in_time() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    let process = server.process.as_ref().unwrap().id().to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &process]).status().unwrap().success());
    run(async {
        signal("-STOP");
        // The server may still answer while its threads stop one by one.
        let code = until(async || {
            let (code, begun) = (Code::random(), Instant::now());
            let fault = registry.write_room(code, Write::Create(claim(1))).await.err()?;
            assert_eq!(fault, WriteFault::Unknown);
            assert!(begun.elapsed() < 2 * ORDER_LIMIT);
            Some(code)
        })
        .await;
        signal("-CONT");
        let second = until(async || match registry.write_room(code, Write::Create(claim(2))).await {
            Err(WriteFault::Away | WriteFault::Unknown) => None,
            end => Some(end),
        });
        let second = second.await;
        let (_, record) = until(async || registry.read_room(code).await.ok()).await.expect("one of both is there");
        assert_eq!(record, Some(Ok(claim(if second.is_ok() { 2 } else { 1 }))), "the lost write was done, or was not");
    });
}

#[test]
fn a_consumer_that_the_server_ends_ends_its_watch() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    run(async {
        let mut watch = registry.watch().await.unwrap();
        assert_eq!(soon(watch.recv()).await, Some(Change::Synced));
        let context = jetstream::new(server.client().await);
        let stream = context.get_stream("KV_tw_rooms").await.unwrap();
        let mut names = stream.consumer_names();
        while let Some(name) = futures_util::StreamExt::next(&mut names).await {
            stream.delete_consumer(&name.unwrap()).await.unwrap();
        }
        assert_eq!(soon(watch.recv()).await, None);
    });
}

#[test]
fn watches_that_nobody_reads_leave_no_consumer_behind() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    run(async {
        let client = server.client().await;
        for _ in 0..10 {
            drop(registry.watch().await.unwrap());
        }
        until(async || {
            let stream = jetstream::new(client.clone()).get_stream("KV_tw_rooms").await.unwrap();
            (stream.cached_info().state.consumer_count == 0).then_some(())
        })
        .await;
    });
}

#[test]
fn a_stopped_thread_answers_nothing_more() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    run(async {
        let mut watch = registry.watch().await.unwrap();
        assert_eq!(soon(watch.recv()).await, Some(Change::Synced));
        thread.stop();
        assert_eq!(registry.read_room(Code::random()).await, Err(WriteFault::Away));
        assert_eq!(soon(watch.recv()).await, None);
    });
}

#[test]
fn a_removal_by_an_operator_frees_a_lease_and_lets_a_code_rest() {
    if !has_nats() {
        return;
    }
    let server = NatsServer::start();
    let thread = server.open("tw", LONG);
    let registry = thread.registry();
    let (code, node) = (Code::random(), NodeId::random());
    run(async {
        registry.write_room(code, Write::Create(claim(1))).await.unwrap();
        let renewed = registry.renew(node, lease(1), None).await.unwrap();
        let context = jetstream::new(server.client().await);
        for (subject, operation) in [(format!("$KV.tw_rooms.{code}"), "PURGE"), (format!("$KV.tw_nodes.{node}"), "DEL")]
        {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("KV-Operation", operation);
            headers.insert("Nats-Rollup", "sub");
            context.publish_with_headers(subject, headers, "".into()).await.unwrap().await.unwrap();
        }
        assert_eq!(registry.read_room(code).await.unwrap().map(|(_, record)| record), Some(None));
        assert_eq!(registry.write_room(code, Write::Create(claim(2))).await, Err(WriteFault::Stale));
        assert_eq!(registry.renew(node, lease(2), Some(renewed)).await, Err(WriteFault::Stale));
        let again = registry.renew(node, lease(3), None).await.unwrap();
        assert_eq!(registry.renew(node, lease(4), None).await, Err(WriteFault::Stale));
        assert!(registry.renew(node, lease(5), Some(again)).await.is_ok());
    });
}

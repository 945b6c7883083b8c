//! A game in a crate of its own, outside of this repository, as its author meets it: made from a template, played under
//! `dev`, changed, broken and mended, tested and built.
//!
//! One template runs with every `cargo verify`, the others with `--long`. cargo's target folder is that of this
//! repository, so that the crates below the game are compiled once.

use crate::files::{Folder, run, tool};
use crate::page::{Page, Screen};
use crate::serving::Serving;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tickwire::message::control::{Hello, Welcome};
use tickwire::message::{PROTOCOL_VERSION, SUBPROTOCOL, WELCOME};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;

/// The longest time for the first build of a game, with all crates below it.
const BUILD_LIMIT: Duration = Duration::from_secs(1_200);

/// The longest time from a change to the page that shows it: the promise is ten seconds, and this machine may be busy.
const CHANGE_LIMIT: Duration = Duration::from_secs(60);

/// The longest time for an answer of a server.
const PATIENCE: Duration = Duration::from_secs(20);

/// The programs of a game that was made by `cargo tickwire new`.
struct Author {
    /// A folder with a space and an umlaut in its name.
    root: PathBuf,
    _place: Folder,
}

impl Author {
    /// Makes a game from a template.
    fn new(template: &str) -> Self {
        let place = Folder::new();
        let home = place.path().join("eigenes Spiel ü");
        fs::create_dir(&home).expect("a folder");
        let name = format!("own-{template}");
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace");
        run(tool().current_dir(&home).args(["new", &name, "--template", template, "--path"]).arg(checkout));
        Self { root: home.join(name), _place: place }
    }

    /// `cargo tickwire …` in the folder of the game.
    fn tickwire(&self, arguments: &[&str]) -> Command {
        let mut command = tool();
        command.current_dir(&self.root).args(arguments).env("CARGO_TARGET_DIR", target());
        command
    }

    /// Puts `to` in the place of `from` in a file of the game, and gives the text that was there.
    fn change(&self, file: &str, from: &str, to: &str) -> String {
        let path = self.root.join(file);
        let before = fs::read_to_string(&path).expect("a file of the template");
        assert_eq!(before.matches(from).count(), 1, "{file} has `{from}` once");
        fs::write(&path, before.replace(from, to)).expect("a file");
        before
    }
}

/// The folder into which cargo builds this repository.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    own.ancestors().nth(3).expect("target/PROFILE/deps/NAME").to_owned()
}

/// `cargo tickwire dev`, which runs until the value is dropped.
struct Dev {
    child: Child,
    address: SocketAddr,
    lines: Receiver<String>,
}

impl Dev {
    /// With `keeps` matches go on over a build; without it each build begins anew.
    fn start(author: &Author, keeps: bool) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = author.tickwire(&["dev", "--port", &port.to_string()]);
        if !keeps {
            command.env("TICKWIRE_DATA", "off");
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("dev");
        let (sender, lines) = channel();
        for stream in [
            Box::new(child.stdout.take().expect("a pipe")) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().expect("a pipe")),
        ] {
            let sender = sender.clone();
            thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
            });
        }
        let dev = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), lines };
        dev.wait_for_line("http://127.0.0.1:", BUILD_LIMIT);
        dev
    }

    /// Waits until the program prints a line with these words.
    fn wait_for_line(&self, words: &str, limit: Duration) {
        let (until, mut seen) = (Instant::now() + limit, Vec::new());
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return;
            }
            seen.push(line);
        }
        panic!("no line with `{words}`: {seen:#?}");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It ends its server with it, which SIGKILL would not let it do.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &pid]).status();
        let _ = self.child.wait();
    }
}

/// Two people meet in a room of the game by its code.
async fn meet(address: SocketAddr) -> (Page, Page) {
    let (first, second) =
        tokio::join!(Page::open(address, "/", Screen::Desktop), Page::open(address, "/", Screen::Phone));
    first.picture("lobby").await;
    first.click("create-room").await;
    let code = first.wait_connected().await;
    second.fill("join-code", &code).await;
    second.click("join-room").await;
    assert_eq!(second.wait_connected().await, code);
    for page in [&first, &second] {
        page.wait_until("window.tickwire.stats().others.length === 1").await;
    }
    (first, second)
}

/// A change of a template that a page shows.
struct Change {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// True in the page before the change.
    before: &'static str,
    /// True in the page once the change is there, and never before.
    shown: &'static str,
}

async fn play_and_change(template: &str, change: &Change) {
    let author = Author::new(template);
    // A world that goes on would not show where a round begins.
    let dev = Dev::start(&author, false);
    let (first, second) = meet(dev.address).await;
    first.picture(template).await;
    second.picture(&format!("{template}-phone")).await;
    assert!(first.wait_for(change.before, CHANGE_LIMIT).await.is_some(), "{template}: the game is as it was made");
    assert!(first.wait_for(change.shown, Duration::from_millis(300)).await.is_none(), "not shown before the change");
    first.assert_sound().await;

    let begun = Instant::now();
    let text = author.change(change.file, change.from, change.to);
    assert!(first.wait_for(change.shown, CHANGE_LIMIT).await.is_some(), "{template}: the change is on the page");
    first.note(template, &format!("from a change to the page that shows it: {:.1} s", begun.elapsed().as_secs_f64()));
    // Both windows are in a match of the new build, and in the same one.
    let code = first.wait_connected().await;
    let together = format!("window.tickwire.stats().connected && window.tickwire.stats().code === '{code}'");
    assert!(second.wait_for(&together, CHANGE_LIMIT).await.is_some(), "{template}: both play on, together");

    author.change(change.file, change.to, "no Rust at all");
    let failed = "document.getElementById('tickwire-dev')?.innerText.includes('no Rust at all')";
    assert!(first.wait_for(failed, CHANGE_LIMIT).await.is_some(), "{template}: the page shows the compiler's words");
    first.picture(&format!("{template}-error")).await;
    fs::write(author.root.join(change.file), text).expect("a file");
    // The words are gone as soon as the next build begins; its end is the page that shows the text as it was.
    let mended = format!("!document.getElementById('tickwire-dev')?.innerText && ({})", change.before);
    assert!(first.wait_for(&mended, CHANGE_LIMIT).await.is_some(), "{template}: the good build is on the page");
    drop(dev);

    run(&mut author.tickwire(&["test"]));
    build_and_play(&author, template).await;
}

/// The program that an author gives to an operator: one file, with its page inside.
async fn build_and_play(author: &Author, template: &str) {
    run(&mut author.tickwire(&["build"]));
    let elsewhere = Folder::new();
    let program = elsewhere.path().join("server");
    fs::copy(target().join("release").join(format!("own-{template}")), &program).expect("the program");
    let mut command = Command::new(&program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--autopsies", "off"]);
    command.current_dir(elsewhere.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let serving = Serving::start_by(&mut command);
    let (first, second) = meet(serving.address()).await;
    for page in [&first, &second] {
        page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
        page.assert_sound().await;
    }
    assert_one_build(&first, serving.address()).await;
}

/// The fingerprint of the game and the build id in the script that a page has loaded.
const SCRIPT: &str = "(async () => {
    for (const { name } of performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'))) {
        const text = await (await fetch(name)).text();
        const [, print] = text.match(/fingerprint:\\s*[\"'`]([0-9a-f]{16})/) ?? [];
        const [, build] = text.match(/build:\\s*[\"'`]([0-9a-f]{16})/) ?? [];
        if (print) return [print, build ?? ''];
    }
})()";

/// The program and the page inside were built from the same sources, and both know it: by this an older page is noticed.
async fn assert_one_build(page: &Page, address: SocketAddr) {
    let found = page.settle(SCRIPT).await;
    let number = |index: usize| {
        let digits = found[index].as_str().unwrap_or_else(|| panic!("two ids in {found}"));
        u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("the page has both ids: {found}"))
    };
    let (fingerprint, build) = (number(0), number(1));
    let stats = page.stats().await;
    let (game, code) = (&stats["game"], stats["code"].as_str().expect("a code").to_owned());
    let hello = Hello {
        protocol: PROTOCOL_VERSION,
        game: game.as_str().expect("a page knows its game").to_owned(),
        fingerprint,
        code,
        name: "tester".to_owned(),
        resume: None,
        known: None,
        watches: true,
        build: 0,
        player: None,
        ticket: None,
        secret: None,
    };
    let mut request = format!("ws://{address}/ws").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let (mut socket, _) = tungstenite::client(request, stream).expect("a connection");
    socket.send(Message::binary(hello.encode())).expect("the server listens");
    let welcome = loop {
        match socket.read().expect("an answer") {
            Message::Binary(bytes) if bytes.first() == Some(&WELCOME) => break Welcome::decode(&bytes),
            Message::Close(why) => panic!("refused: {why:?}"),
            _ => {}
        }
    };
    assert_eq!(welcome.map(|welcome| welcome.build), Ok(build), "the server tells the build of its page");
}

#[tokio::test]
async fn a_game_from_a_template_is_played_changed_tested_and_built() {
    let change = Change {
        file: "src/lib.rs",
        from: "zip([-50.0, 50.0])",
        to: "zip([-20.0, 20.0])",
        before: "Math.abs(Math.abs(window.tickwire.stats().own.x) - 50) < 0.5",
        shown: "Math.abs(Math.abs(window.tickwire.stats().own.x) - 20) < 0.5",
    };
    play_and_change("duel", &change).await;
}

#[tokio::test]
async fn a_match_goes_on_in_the_next_build_also_when_the_world_has_another_field() {
    let author = Author::new("duel");
    let dev = Dev::start(&author, true);
    dev.wait_for_line("shown after", CHANGE_LIMIT);
    let (first, second) = meet(dev.address).await;
    let code = first.wait_connected().await;
    first.wait_until("window.tickwire.stats().tick > 300").await;
    let tick = &first.stats().await["tick"];
    author.change("src/lib.rs", "    pause_ticks: u8,\n}", "    pause_ticks: u8,\n    extra: u8,\n}");
    dev.wait_for_line("shown after", BUILD_LIMIT);
    // Another room would be at its first ticks.
    let goes_on = format!(
        "(({{ connected, code, tick, others }}) => connected && code === '{code}' && tick > {tick} && others.length === 1)\
         (window.tickwire.stats())"
    );
    for page in [&first, &second] {
        assert!(page.wait_for(&goes_on, CHANGE_LIMIT).await.is_some(), "the match goes on");
    }
    // It is a match of the new server: the one before would still have its folder.
    assert!(target().join("play").join(dev.address.port().to_string()).join("worlds").is_dir());
}

/// The other templates, in a long run alone: each is tested and built, and two people play it.
mod others {
    use super::{Author, build_and_play, run};

    async fn test_and_play(template: &str) {
        let author = Author::new(template);
        run(&mut author.tickwire(&["test"]));
        build_and_play(&author, template).await;
    }

    #[tokio::test]
    async fn arena() {
        test_and_play("arena").await;
    }

    #[tokio::test]
    async fn lockstep() {
        test_and_play("lockstep").await;
    }

    #[tokio::test]
    async fn three() {
        test_and_play("three").await;
    }
}

//! Builds: a page of another build than its server reloads once, and then plays with a warning. A page of other types
//! does not play, and says why.

use crate::files::{FileServer, Folder, bundle};
use crate::page::{Page, Screen};
use serde_json::json;
use std::fs;
use std::path::Path;
use tickwire::message::control::fingerprint;
use tickwire::{Game, Leave, Rules, Seat, State, Step};
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, Running, Server};

/// The builds of the page, and of its server.
const PAGE: &str = "00000000000000aa";
const SERVER: &str = "00000000000000bb";

/// Whether the warning is on the screen.
const WARNED: &str = "document.querySelector('[data-testid=old-build]').checkVisibility()";

/// A game of other types than the page's arena.
#[derive(State, Clone, Default)]
struct OtherArena {
    ticks: u32,
}

impl Game for OtherArena {
    type Input = ();
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("arena", 30);
    fn new((): &()) -> Self {
        Self::default()
    }
    fn join(&mut self, _: Seat) {}
    fn leave(&mut self, _: Seat, _: Leave) {}
    fn step(&mut self, _: &mut Step<'_, Self>) {
        self.ticks += 1;
    }
}

/// A server of a build, for pages of this origin.
fn serve(build: &str, origin: &str) -> Running {
    let origins = vec![origin.parse().expect("an origin")];
    let build = u64::from_str_radix(build, 16).expect("an id");
    let server = Server::new(Config { origins, ..Config::on_free_ports() }).build_id(build);
    server.game::<Paddles>().game::<Arena>().start().expect("a free port")
}

/// Makes the page for a server, and changes the scripts of its games.
fn make_site(folder: &Path, server: &Running, change: impl Fn(&str) -> String) {
    bundle(&["--static", folder.to_str().expect("a path"), "--server", &format!("ws://{}", server.address())]);
    let mut changed = 0;
    for file in fs::read_dir(folder).expect("the page") {
        let path = file.expect("a file").path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_some_and(|kind| kind == "js") && text.contains("fingerprint:\"") {
            fs::write(&path, change(&text)).expect("a file");
            changed += 1;
        }
    }
    assert!(changed >= 2, "the scripts of the games were found");
}

/// A script whose game was built from the sources with this id.
fn built_as(build: &str) -> impl Fn(&str) -> String {
    move |script| script.replace("fingerprint:\"", &format!("build:\"{build}\",fingerprint:\""))
}

#[tokio::test]
async fn a_page_of_another_build_reloads_once_and_then_plays_with_a_warning() {
    let folder = Folder::new();
    let files = FileServer::of(folder.path());
    let server = serve(SERVER, &files.origin());
    make_site(&folder.path().join("site"), &server, built_as(PAGE));
    let page = Page::blank(Screen::Desktop).await;
    page.visit(files.address(), "/site/?game=paddles").await;
    page.eval("(window.first = true)").await;
    page.click("create-room").await;
    page.wait_until(&format!("!window.first && {WARNED}")).await;
    let code = page.wait_connected().await;
    assert_eq!(page.eval("performance.getEntriesByType('navigation')[0].type").await, "reload");
    assert_eq!(page.eval("location.hash.slice(1)").await, code.as_str());
    assert_eq!(page.stats().await["seat"], 0, "the seat is that of before the reload");
    assert_eq!(page.stats().await["players"], 1);
    assert_eq!(page.eval("window.tickwire.session.oldBuild").await, SERVER);
    let words = page.eval("document.querySelector('[data-testid=old-build]').textContent").await;
    assert!(words.as_str().is_some_and(|words| words.contains("another version of this game")), "{words}");
    page.picture("old-build").await;
    page.eval("(window.second = true)").await;
    page.click("close-old-build").await;
    assert_eq!(page.eval(WARNED).await, false);
    page.let_tick(60).await;
    // A page that comes back to the same server does not reload again, and warns in each room.
    page.client.find(fantoccini::Locator::Css("#leave")).await.expect("the way out").click().await.expect("a click");
    page.click("create-room").await;
    page.wait_until(WARNED).await;
    page.wait_connected().await;
    assert_eq!(page.eval("window.second").await, true, "one reload for these two builds");
    let phone = Page::blank(Screen::Phone).await;
    phone.visit(files.address(), "/site/?game=paddles").await;
    let code = page.stats().await["code"].as_str().expect("a code").to_owned();
    phone.fill("join-code", &code).await;
    phone.click("join-room").await;
    phone.wait_until(WARNED).await;
    phone.wait_connected().await;
    // The court shows the name of the other player until the ball flies.
    for (here, there, picture) in [(&page, &phone, "names"), (&phone, &page, "names-phone")] {
        let name = there.eval("window.tickwire.session.name").await;
        here.wait_until(&format!("window.tickwire.client.texts().includes({name})")).await;
        here.picture(picture).await;
    }
    page.wait_until("window.tickwire.stats().hashes_compared > 20").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_page_of_the_server_s_build_plays_without_a_word() {
    let folder = Folder::new();
    let files = FileServer::of(folder.path());
    let server = serve(SERVER, &files.origin());
    make_site(&folder.path().join("site"), &server, built_as(SERVER));
    let page = Page::blank(Screen::Desktop).await;
    page.visit(files.address(), "/site/?game=paddles").await;
    page.eval("(window.first = true)").await;
    page.click("create-room").await;
    page.wait_connected().await;
    page.let_tick(60).await;
    assert_eq!(page.eval("window.first").await, true, "the page has not been loaded again");
    assert_eq!(page.eval(&format!("[{WARNED}, window.tickwire.session.oldBuild]")).await, json!([false, null]));
    page.wait_until("window.tickwire.stats().hashes_compared > 20").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_page_of_another_game_says_what_its_author_has_to_do() {
    let folder = Folder::new();
    let files = FileServer::of(folder.path());
    let config = Config { origins: vec![files.origin().parse().expect("an origin")], ..Config::on_free_ports() };
    let server = Server::new(config).game::<OtherArena>().start().expect("a free port");
    make_site(&folder.path().join("site"), &server, str::to_owned);
    let page = Page::blank(Screen::Desktop).await;
    page.visit(files.address(), "/site/?game=paddles").await;
    page.click("create-room").await;
    let said = page.wait_until("document.getElementById('trouble').textContent").await;
    let said = said.as_str().expect("words");
    assert!(said.starts_with("The server does not have this game.\nFor the game's author: "), "{said}");
    assert!(said.contains("this server has no game paddles; it has arena") && said.contains("main!"), "{said}");
    page.visit(files.address(), "/site/?game=arena").await;
    page.click("create-room").await;
    // The page reloads once before it says so.
    page.wait_until("document.getElementById('card').open && document.getElementById('card-title').textContent === 'This page is out of date'").await;
    let said = page.eval("document.getElementById('card-text').textContent").await;
    let said = said.as_str().expect("words");
    let [ours, theirs] = [fingerprint::<Arena>(), fingerprint::<OtherArena>()];
    let prints = format!("(fingerprint {ours:016x}, the server has {theirs:016x})");
    assert!(said.contains("the page's `arena`") && said.contains(&prints), "{said}");
    assert!(said.contains("build page and server together with `cargo tickwire build`"), "{said}");
    page.picture("other-game").await;
}

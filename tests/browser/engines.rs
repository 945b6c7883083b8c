//! The page in the engines of Firefox and Safari: it plays there as it does in Chromium, and in one room with it.

use crate::package::Site;
use crate::page::{Page, Screen};
use crate::serving::Serving;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tickwire_tools::browser::Engine;

/// A game, and how a new figure is moved in it.
struct Game {
    name: &'static str,
    is_lockstep: bool,
    /// The key that moves the figure, and the one that moves it back.
    keys: [Key; 2],
    axis: &'static str,
}

const GAMES: [Game; 3] = [
    Game { name: "paddles", is_lockstep: true, keys: [Key::Down, Key::Up], axis: "y" },
    Game { name: "arena", is_lockstep: false, keys: [Key::Right, Key::Left], axis: "x" },
    Game { name: "swarm", is_lockstep: true, keys: [Key::Right, Key::Left], axis: "x" },
];

/// Latency of the link, in milliseconds: a figure that moves sooner is predicted.
const LATENCY_MS: u32 = 150;

/// Hashes that each page compares in each game: in lockstep there is about one in a second.
const HASHES_MIN: u64 = 5;

/// The time that a page of a busy machine without a graphics card may take for anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// The time after which the lobby shows its pictures.
const PICTURED: Duration = Duration::from_secs(1);

/// Presses of a key, of which one has to move the figure before the server can have answered: a browser that is held up
/// for a moment draws the motion too late.
const PRESSES_MAX: usize = 5;

/// Notes, for the next key, the tick that the key counts for and the newest tick that has arrived when the own figure
/// has moved.
const WATCH: &str = "(() => {
    const { stats } = window.tickwire;
    window.moved = null;
    addEventListener('keydown', () => {
        const { own, predicted_tick } = stats();
        (function look() {
            const now = stats();
            const way = now.own && Math.hypot(now.own.x - own.x, now.own.y - own.y);
            if (way > 1) window.moved = { counted_for: predicted_tick, arrived: now.tick };
            else requestAnimationFrame(look);
        })();
    }, { once: true, capture: true });
    return true;
})()";

/// Moves the own figure by keys, until a motion was drawn before the server can have known of the key.
async fn assert_predicts(page: &Page, keys: [Key; 2]) {
    let engine = page.driver.engine();
    let mut seen = Vec::new();
    for key in keys.into_iter().cycle().take(PRESSES_MAX) {
        page.eval(WATCH).await;
        page.key(key, true).await;
        let moved = page.wait_for("window.moved", PATIENCE).await;
        page.key(key, false).await;
        let moved = moved.unwrap_or_else(|| panic!("a key moves the figure in {engine}"));
        if moved["arrived"].as_u64() < moved["counted_for"].as_u64() {
            return;
        }
        seen.push(moved);
    }
    panic!("{engine} does not predict: {seen:?}");
}

/// Moves the mover's figure, until the watcher's page shows the motion. In lockstep both show the same place then; in the
/// other mode the figure may drift on, and others see it where it was.
async fn assert_seen(mover: &Page, watcher: &Page, game: &Game) {
    let axis = game.axis;
    let before = watcher.wait_until("window.tickwire.stats().others[0]").await[axis].clone();
    assert_predicts(mover, game.keys).await;
    let moved = format!("Math.abs(window.tickwire.stats().others[0].{axis} - {before}) > 1");
    let [mover_name, watcher_name] = [mover, watcher].map(|page| page.driver.engine());
    assert!(watcher.wait_for(&moved, PATIENCE).await.is_some(), "{watcher_name} shows how {mover_name} moves");
    if game.is_lockstep {
        assert_same_place(mover, watcher, axis).await;
    }
}

/// Waits until both pages show the mover's figure at the very same place.
async fn assert_same_place(mover: &Page, watcher: &Page, axis: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let own = mover.stats().await["own"][axis].as_f64().unwrap_or(f64::NAN);
        let seen = watcher.stats().await["others"][0][axis].as_f64().unwrap_or(f64::NAN);
        if own.to_bits() == seen.to_bits() {
            return;
        }
        let [mover, watcher] = [mover, watcher].map(|page| page.driver.engine());
        assert!(Instant::now() < until, "{mover} shows {own}, {watcher} shows {seen}");
    }
}

/// Waits until the page has compared hashes, and asserts that nothing went wrong in it.
async fn assert_sound(page: &Page) {
    let engine = page.driver.engine();
    let compared = format!("window.tickwire.stats().hashes_compared >= {HASHES_MIN}");
    assert!(page.wait_for(&compared, PATIENCE).await.is_some(), "{engine}: {}", page.stats().await);
    let stats = page.stats().await;
    assert_eq!((&stats["mismatches"], &stats["decode_errors"]), (&json!(0), &json!(0)), "{engine}: {stats}");
    assert_eq!((&stats["desyncs"], &stats["welcomes"]), (&json!(0), &json!(1)), "{engine}: {stats}");
    let errors = page.console_errors().await;
    assert!(errors.is_empty(), "{engine}: {errors:#?}");
}

async fn wait_for_all(pages: [&Page; 2], expression: &str) {
    for page in pages {
        let is_true = page.wait_for(expression, PATIENCE).await.is_some();
        assert!(is_true, "never true in {}: {expression}", page.driver.engine());
    }
}

/// Plays each game in Chromium and another engine, in one room.
async fn play_together(engine: Engine) {
    let serving = Serving::start();
    let address = serving.address();
    let (host, guest) = tokio::join!(
        Page::open_in(Engine::Chromium, address, "/", Screen::Desktop),
        Page::open_in(engine, address, "/", Screen::Desktop)
    );
    guest.let_pass(PICTURED).await;
    guest.picture(&format!("lobby-{engine}")).await;
    for game in GAMES {
        let name = game.name;
        let path = format!("/?game={name}&latency_ms={LATENCY_MS}");
        for page in [&host, &guest] {
            // The browser would not load the page anew for an address that differs in its fragment alone. A page that is
            // left may have promises that Firefox breaks, and that is no error of a page in use.
            page.client.goto("about:blank").await.expect("another page");
            page.console_errors().await;
        }
        host.visit(address, &path).await;
        host.click("create-room").await;
        let code = host.wait_connected().await;
        guest.visit(address, &format!("{path}#{code}")).await;
        let pages = [&host, &guest];
        wait_for_all(pages, "window.tickwire.stats().own && window.tickwire.stats().others.length === 1").await;
        for (mover, watcher) in [(&guest, &host), (&host, &guest)] {
            assert_seen(mover, watcher, &game).await;
        }
        guest.picture(&format!("{name}-{engine}")).await;
        for page in pages {
            assert_sound(page).await;
        }
    }
    for page in [host, guest] {
        assert_errors_are_seen(&page).await;
        let folder = page.driver.folder().to_owned();
        drop(page);
        assert!(!folder.exists(), "{}", folder.display());
        assert_eq!(processes_with(&folder), [0_u32; 0], "a browser leaves no process behind");
    }
}

/// Asserts that an error of the page would have been seen.
async fn assert_errors_are_seen(page: &Page) {
    page.eval("(setTimeout(() => { throw new Error('planted'); }), true)").await;
    let until = Instant::now() + PATIENCE;
    while !page.console_errors().await.iter().any(|error| error.contains("planted")) {
        assert!(Instant::now() < until, "an error is lost in {}", page.driver.engine());
    }
}

/// The processes that have a folder in their arguments or their environment.
fn processes_with(folder: &Path) -> Vec<u32> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let names_folder = |path: PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        // A digit after the name would make it the folder of another browser.
        bytes.windows(folder.len() + 1).any(|part| part.starts_with(folder) && !part[folder.len()].is_ascii_digit())
    };
    let processes = fs::read_dir("/proc").expect("the list of processes").flatten();
    let found =
        processes.filter(|process| ["cmdline", "environ"].iter().any(|file| names_folder(process.path().join(file))));
    found.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect()
}

#[tokio::test]
async fn firefox_and_chromium_play_every_game_in_one_room() {
    play_together(Engine::Firefox).await;
}

#[tokio::test]
async fn webkit_and_chromium_play_every_game_in_one_room() {
    play_together(Engine::WebKit).await;
}

/// The middle of the stick on the screen.
async fn stick(page: &Page) -> (f64, f64) {
    let middle = "(({ x, y, width, height }) => [x + width / 2, y + height / 2])\
                  (document.getElementById('stick').getBoundingClientRect())";
    let middle = page.eval(middle).await;
    let length = |index: usize| middle[index].as_f64().expect("a number");
    (length(0), length(1))
}

/// Opens the page on a screen of a phone, plays arena there alone, and steers upwards by `steer`.
async fn play_on_a_phone(engine: Engine, steer: impl AsyncFn(&Page)) {
    let serving = Serving::start();
    let page = Page::open_in(engine, serving.address(), "/?game=arena", Screen::Phone).await;
    assert_eq!(page.eval("[innerWidth, innerHeight, devicePixelRatio]").await, json!([390, 844, 2]), "{engine}");
    let is_narrow = "document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(page.eval(is_narrow).await, Value::Bool(true), "the lobby fits into the width");
    page.click("create-room").await;
    page.wait_connected().await;
    assert_eq!(page.eval(is_narrow).await, Value::Bool(true), "the room fits into the width");
    page.wait_until("window.tickwire.stats().tick > 60").await;
    let before = page.stats().await["own"]["y"].clone();
    steer(&page).await;
    let moved = format!("Math.abs(window.tickwire.stats().own.y - {before}) > 10");
    assert!(page.wait_for(&moved, PATIENCE).await.is_some(), "{engine}: {}", page.stats().await);
    page.picture(&format!("arena-phone-{engine}")).await;
    assert_sound(&page).await;
}

#[tokio::test]
async fn a_finger_steers_in_firefox_on_a_phone() {
    play_on_a_phone(Engine::Firefox, async |page: &Page| {
        let stick = stick(page).await;
        page.drag(stick, (stick.0, stick.1 + 50.0)).await;
    })
    .await;
}

// WebKit's driver has no fingers on this platform.
#[tokio::test]
async fn the_page_fits_on_a_phone_in_webkit() {
    play_on_a_phone(Engine::WebKit, async |page: &Page| page.key(Key::Down, true).await).await;
}

#[tokio::test]
async fn the_package_plays_in_firefox_and_in_webkit() {
    let site = Site::with_canvas();
    for engine in [Engine::Firefox, Engine::WebKit] {
        let page = site.open_in(engine, "canvas.html", "").await;
        let plays = "window.session?.world()?.ships.count > 0 && window.session.stats().hashes_compared >= 5";
        assert!(page.wait_for(plays, PATIENCE).await.is_some(), "the package plays in {engine}");
        let x = "window.session.stats().own.x";
        let before = page.eval(x).await;
        page.key(Key::Right, true).await;
        let moved = page.wait_for(&format!("Math.abs({x} - {before}) > 1"), PATIENCE).await;
        page.key(Key::Right, false).await;
        assert!(moved.is_some(), "a key moves the ship in {engine}");
        assert_eq!(page.eval("window.session.stats().mismatches").await, 0, "{engine}");
    }
}

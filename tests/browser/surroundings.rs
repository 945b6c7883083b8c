//! What surrounds a page: its parts may not arrive, a frame may forbid it a device, and it may stay open for
//! a long time.

use crate::page::{Page, Screen};
use crate::relay::Relay;
use crate::serving::Serving;
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::time::Duration;

/// The page waits this long for its parts before it offers to reload, in milliseconds, and the test a little longer.
const BOOT_MS: f64 = 8_000.0;
const BOOT_PATIENCE: Duration = Duration::from_secs(15);

/// After three attempts the page takes the address for one without WebSocket.
const BLOCKED_PATIENCE: Duration = Duration::from_secs(25);

/// Whether the line with *Reload* can be seen.
const OFFERED: &str = "(() => { const line = document.getElementById('boot'); \
    return line.getBoundingClientRect().height > 0 && getComputedStyle(line).visibility === 'visible'; })()";

/// Rooms that one page enters, one after another, and those of them after which its memory has its size.
const ROOMS: usize = 40;
const ROOMS_WARM: usize = 9;

/// Bytes by which the module's memory may grow after that.
const GROWTH_BYTES_MAX: u64 = 256 * 1_024;

/// The bytes of the memory of the game that is being played.
const MEMORY: &str = "window.tickwire.memory.buffer.byteLength";

/// Counts the questions for gamepads and the exceptions, and tells the page that a gamepad was plugged in.
const WATCH_GAMEPADS: &str = "(() => { \
    [window.questions, window.refusals, window.failures] = [0, 0, []]; \
    addEventListener('error', ({ message }) => window.failures.push(message)); \
    addEventListener('unhandledrejection', ({ reason }) => window.failures.push(String(reason))); \
    const ask = navigator.getGamepads.bind(navigator); \
    navigator.getGamepads = () => { window.questions += 1; \
        try { return ask(); } catch (error) { window.refusals += 1; throw error; } }; \
    dispatchEvent(new Event('gamepadconnected')); return true; })()";

#[tokio::test]
async fn a_page_that_lacks_a_part_offers_to_reload_and_then_enters_the_room_of_its_link() {
    let serving = Serving::start();
    let host = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    host.click("create-room").await;
    let code = host.wait_connected().await;
    let page = Page::blank(Screen::Desktop).await;
    page.devtools("Network.enable", &json!({})).await;
    let part = "app";
    page.devtools("Network.setBlockedURLs", &json!({ "urls": [format!("*/{part}.*.js")] })).await;
    page.client.goto("about:blank").await.expect("another page");
    let link = format!("http://{}/?game=arena#{code}", serving.address());
    page.client.goto(&link).await.expect("the page loads");
    assert!(page.wait_for(OFFERED, BOOT_PATIENCE).await.is_some(), "without {part} the page offers to reload");
    let waited_ms = page.eval("performance.now()").await.as_f64().expect("a number");
    assert!(waited_ms > BOOT_MS - 500.0, "a slow network is given time: {waited_ms} ms");
    let is_dead = "[...document.querySelectorAll('#lobby button')].every(({ disabled }) => disabled)";
    assert_eq!(page.eval(is_dead).await, true, "a button that does nothing cannot be pressed");
    page.picture("part-missing").await;
    page.devtools("Network.setBlockedURLs", &json!({ "urls": [] })).await;
    let reload = page.client.find(Locator::Css("#boot a")).await.expect("the line has a link");
    reload.click().await.expect("the link can be clicked");
    assert_eq!(page.wait_connected().await, code, "the room of the link");
    assert_eq!(page.eval(OFFERED).await, false);
}

#[tokio::test]
async fn a_page_behind_a_proxy_without_websockets_says_so_and_goes_on_trying() {
    let serving = Serving::start();
    let relay = Relay::without_upgrades(serving.address()).await;
    let page = Page::open(relay.address(), "/?game=arena", Screen::Desktop).await;
    page.click("create-room").await;
    let said = "document.getElementById('banner').textContent.includes('does not carry WebSocket')";
    assert!(page.wait_for(said, BLOCKED_PATIENCE).await.is_some(), "the page names the proxy");
    page.picture("no-websocket").await;
    let count = "(() => { const Socket = window.WebSocket; window.dialed = 0; window.WebSocket = class extends Socket { \
                 constructor(...all) { super(...all); window.dialed += 1; } }; return true; })()";
    page.eval(count).await;
    page.wait_until("window.dialed > 0").await;
    let banner = page.eval("document.getElementById('banner').textContent").await;
    assert_eq!(page.eval(said).await, true, "the words stay: {banner}");
}

#[tokio::test]
async fn a_page_in_a_frame_that_forbids_gamepads_plays_without_an_exception() {
    let serving = Serving::start();
    let page = Page::blank(Screen::Desktop).await;
    let frame = format!(
        "document.body.innerHTML = `<iframe width=1200 height=700 allow=\"gamepad 'none'\" \
         src='http://{}/?game=arena'></iframe>`",
        serving.address()
    );
    let around = format!("http://{}/api/rooms", serving.address());
    page.client.goto(&around).await.expect("a page around the frame");
    page.eval(&frame).await;
    page.client.enter_frame(0).await.expect("the frame");
    page.wait_until("window.tickwire && window.tickwire.ready").await;
    page.eval(WATCH_GAMEPADS).await;
    page.click("create-room").await;
    page.wait_connected().await;
    page.let_tick(90).await;
    let before = page.stats().await["own"]["x"].clone();
    page.key(Key::Right, true).await;
    page.wait_until(&format!("window.tickwire.stats().own.x > {before} + 20")).await;
    page.key(Key::Right, false).await;
    page.let_tick(60).await;
    assert_eq!(page.eval("window.failures").await, json!([]));
    let asked = page.eval("[window.questions, window.refusals]").await;
    assert_eq!(asked, json!([0, 0]), "the page has asked once before, and asks no more after the refusal");
    let stats = page.stats().await;
    assert!(stats["hashes_compared"].as_u64() > Some(10) && stats["mismatches"] == 0, "{stats}");
    // The document around the frame is a list in JSON, which has no icon.
    let errors = page.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("favicon.ico")), "{errors:#?}");
}

#[tokio::test]
async fn the_memory_of_a_page_does_not_grow_with_the_rooms_that_it_enters() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/", Screen::Desktop).await;
    let mut bytes = Vec::new();
    let games = ["arena", "paddles", "swarm"];
    for game in games.into_iter().cycle().take(ROOMS) {
        page.eval(&format!("document.querySelector('#games input[value={game}]').click()")).await;
        page.click("create-room").await;
        page.wait_connected().await;
        page.let_tick(5).await;
        bytes.push(page.eval(MEMORY).await.as_u64().expect("a number"));
        page.eval("document.getElementById('leave').click()").await;
        page.wait_until("document.body.dataset.screen === 'lobby'").await;
    }
    page.note("memory", &format!("{bytes:?}"));
    // Each game has a memory of its own.
    for game in 0..games.len() {
        let of_game: Vec<u64> = bytes.iter().copied().skip(game).step_by(games.len()).collect();
        let (warm, last) = (of_game[ROOMS_WARM / games.len() - 1], of_game[of_game.len() - 1]);
        assert!(last <= warm + GROWTH_BYTES_MAX, "{}: from {warm} to {last} bytes: {bytes:?}", games[game]);
    }
    assert_eq!(page.eval("window.tickwire.client").await, Value::Null);
    let errors = page.console_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

//! Ways into a room, and the words that a player reads who does not get in.

use crate::page::{Page, Screen};
use crate::serving::{Serving, serve};
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use tickwire::{Game, Rules};
use tickwire_games::{Arena, Paddles};

/// A bot comes as an opponent within this many seconds of the game's own time: in the first two the room waits for
/// people.
const OPPONENT_SECONDS: u32 = 3;

/// Counts the snapshots until the first opponent is there, and looks at each message by itself.
const WATCH_FOR_OPPONENT: &str = "(() => { let playing = null; \
    Object.defineProperty(window.tickwire, 'client', { get: () => playing, set: (client) => { \
        playing = client; \
        if (!client) return; \
        const receive = client.receive.bind(client); \
        client.receive = (bytes, now) => { \
            receive(bytes, now); \
            const { snapshots, others } = JSON.parse(client.stats()); \
            if (others.length) [window.snapshotsUntilOpponent, client.receive] = [snapshots, receive]; \
        }; \
    } }); return true; })()";

/// Plays a quick match alone. An opponent has to come by the promised tick, and the count of snapshots tells that tick
/// even when a busy browser takes long to show it.
async fn quick_match<G: Game>(serving: &Serving, screen: Screen) -> Page {
    let Rules { name, tick_rate_hz, .. } = G::RULES;
    let page = Page::open(serving.address(), &format!("/?game={name}"), screen).await;
    page.eval(WATCH_FOR_OPPONENT).await;
    page.click("quick-match").await;
    page.wait_until("window.snapshotsUntilOpponent !== undefined").await;
    let snapshots = page.eval("window.snapshotsUntilOpponent").await;
    let bound = u64::from(OPPONENT_SECONDS * tick_rate_hz);
    assert!(snapshots.as_u64() < Some(bound), "{name}: an opponent came with snapshot {snapshots}");
    page
}

#[tokio::test]
async fn a_quick_match_has_an_opponent_at_once() {
    let serving = Serving::start();
    let paddles = quick_match::<Paddles>(&serving, Screen::Desktop).await;
    // A client compares four hashes a second in lockstep.
    paddles.wait_until("window.tickwire.stats().hashes_compared > 12").await;
    paddles.assert_sound().await;
    let arena = quick_match::<Arena>(&serving, Screen::Desktop).await;
    arena.wait_until("window.tickwire.stats().hashes_compared > 100").await;
    arena.picture("arena").await;
    arena.assert_sound().await;
}

/// The number of people that the server counts in a public room; `null` for a room that is not listed.
const COUNTED: &str = "fetch('/api/rooms').then((answer) => answer.json())\
    .then((rooms) => rooms.find(({ code }) => code === CODE)?.players ?? null)";

async fn people_in(page: &Page, code: &str) -> Value {
    page.settle(&COUNTED.replace("CODE", &format!("'{code}'"))).await
}

/// Scrolls to the list of rooms, as on a phone, where the button of the chat lies over the end of the page.
async fn scroll_to_rooms(page: &Page) {
    page.eval("(document.querySelector('#rooms li').scrollIntoView({ block: 'center' }), true)").await;
}

#[tokio::test]
async fn a_spectator_watches_a_public_match_from_the_lobby_and_its_player_notices_nothing() {
    let serving = Serving::start();
    let player = quick_match::<Paddles>(&serving, Screen::Desktop).await;
    let code = player.wait_connected().await;
    let watcher = Page::open(serving.address(), "/?game=arena", Screen::Phone).await;
    watcher.wait_until("document.querySelector('[data-testid=rooms] li span').textContent === '1 playing'").await;
    watcher.picture("rooms").await;
    scroll_to_rooms(&watcher).await;
    watcher.click("watch-public").await;
    watcher.wait_until("window.tickwire.stats().connected && window.tickwire.stats().others.length === 2").await;
    let stats = watcher.stats().await;
    assert_eq!((&stats["code"], &stats["seat"], &stats["players"]), (&json!(code), &Value::Null, &json!(2)), "{stats}");
    // The spectator sees the player's paddle move.
    for (key, way) in [(Key::Down, 1), (Key::Up, -1)] {
        let seen = "window.tickwire.stats().others.find(({ seat }) => seat === 0).y";
        let before = watcher.eval(seen).await;
        player.key(key, true).await;
        watcher.wait_until(&format!("({way}) * ({seen} - {before}) > 8")).await;
        player.key(key, false).await;
    }
    watcher.picture("watching-paddles").await;
    assert_eq!(people_in(&watcher, &code).await, 1, "a spectator takes no seat");
    // The other seat is therefore still free for a second player.
    let second = quick_match::<Paddles>(&serving, Screen::Desktop).await;
    assert_eq!(second.wait_connected().await, code);
    player.wait_until("!JSON.parse(window.tickwire.client.players()).some(({ bot }) => bot)").await;
    let stats = player.stats().await;
    assert_eq!((&stats["welcomes"], &stats["keyframes"], &stats["seat"]), (&json!(1), &json!(1), &json!(0)), "{stats}");
    watcher.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    for page in [&player, &watcher] {
        page.assert_sound().await;
    }
    // The lobby shows the match as full now, and the match can be watched all the same.
    watcher
        .client
        .find(Locator::Id("leave"))
        .await
        .expect("a button to leave")
        .click()
        .await
        .expect("the button can be clicked");
    watcher.wait_until("document.querySelector('[data-testid=rooms] li span').textContent === 'full'").await;
    assert_eq!(watcher.eval("document.querySelector('[data-testid=join-public]').hidden").await, true);
    scroll_to_rooms(&watcher).await;
    watcher.click("watch-public").await;
    watcher.wait_until("window.tickwire.stats().connected").await;
    // A spectator that wants to play is informed that there is no seat.
    watcher.click("play-here").await;
    watcher.wait_until("document.getElementById('card').open && document.body.innerText.includes('full')").await;
}

#[tokio::test]
async fn a_room_is_watched_and_joined_by_its_typed_code_with_the_keyboard_alone() {
    let serving = Serving::start();
    let player = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    player.click("create-room").await;
    let code = player.wait_connected().await;
    let watcher = Page::open(serving.address(), "/", Screen::Desktop).await;
    watcher.fill("join-code", &code).await;
    watcher.press_key(Key::Tab).await;
    watcher.press_key(Key::Enter).await;
    watcher.wait_until("window.tickwire.stats().connected && window.tickwire.stats().others.length === 1").await;
    assert_eq!(watcher.stats().await["seat"], Value::Null);
    // The room has a free seat: one key press on the focused button takes it.
    watcher.eval("document.getElementById('play').focus()").await;
    watcher.press_key(Key::Enter).await;
    watcher.wait_connected().await;
    player.wait_until("window.tickwire.stats().players === 2").await;
    player.assert_sound().await;
}

#[tokio::test]
async fn a_phone_plays_with_fingers() {
    let serving = Serving::start();
    let page = quick_match::<Arena>(&serving, Screen::Phone).await;
    page.wait_connected().await;
    let stick = page
        .wait_until(
            "(() => { const box = document.getElementById('stick').getBoundingClientRect();
               return box.width > 0 && [box.x + box.width / 2, box.y + box.height / 2, innerWidth, innerHeight]; })()",
        )
        .await;
    let numbers: Vec<f64> = stick.as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    let [x, y, width, height] = numbers[..] else { panic!("four numbers: {stick}") };
    assert!((0.0..width).contains(&x) && (0.0..height).contains(&y), "the stick is on the screen: {stick}");
    let before = page.stats().await["own"].clone();
    page.drag((x, y), (x + 45.0, y - 20.0)).await;
    let moved = format!(
        "Math.hypot(window.tickwire.stats().own.x - {}, window.tickwire.stats().own.y - {}) > 5",
        before["x"], before["y"]
    );
    page.wait_until(&moved).await;
    let wide = page.eval("document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(wide, false, "the page is not wider than the screen");
    page.picture("phone").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_room_of_a_game_that_the_page_does_not_have_is_explained() {
    let serving = Serving::start_by(serve("127.0.0.1:0").arg("--benchmark-games"));
    let page = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    let made = "fetch('/api/rooms', { method: 'POST', headers: { 'content-type': 'application/json' }, \
        body: '{\"game\":\"crowd\"}' }).then((answer) => answer.json())";
    let code = page.settle(made).await["code"].as_str().expect("a code").to_owned();
    page.fill("join-code", &code).await;
    page.click("join-room").await;
    page.wait_until("document.getElementById('trouble').textContent.includes('does not have the game')").await;
    assert_eq!(page.eval("document.body.dataset.screen").await, "lobby");
    assert_eq!(page.console_errors().await, Vec::<String>::new());
    page.click("create-room").await;
    page.wait_connected().await;
}

#[tokio::test]
async fn a_wrong_code_is_explained() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/", Screen::Desktop).await;
    page.fill("join-code", "CCC").await;
    page.click("join-room").await;
    page.wait_until("document.getElementById('trouble').textContent.includes('six')").await;
    page.fill("join-code", "CCC").await;
    page.click("join-room").await;
    page.wait_until("document.getElementById('trouble').textContent.includes('CCCCCC')").await;
    let link = Page::open(serving.address(), "/?game=paddles#CCCCCC", Screen::Phone).await;
    link.wait_until("document.body.innerText.includes('CCCCCC')").await;
}

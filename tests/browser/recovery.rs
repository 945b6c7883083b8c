//! Interruptions of a page: a browser stands still, a tab is hidden or duplicated, a phone is turned, and the server
//! goes away, or is killed and started again.

use crate::files::Folder;
use crate::page::{Page, Screen};
use crate::serving::{Serving, serve};
use fantoccini::key::Key;
use serde_json::Value;
use std::time::{Duration, Instant};
use tickwire::{Game, Rules};
use tickwire_games::{Arena, Paddles};

#[tokio::test]
async fn a_browser_that_stood_still_for_ten_seconds_is_back_in_its_seat_and_slowed_no_other() {
    let serving = Serving::start();
    let address = serving.address();
    let (sleeper, other) = tokio::join!(
        Page::open(address, "/?game=arena", Screen::Desktop),
        Page::open(address, "/?game=arena", Screen::Desktop)
    );
    sleeper.click("create-room").await;
    let code = sleeper.wait_connected().await;
    other.fill("join-code", &code).await;
    other.click("join-room").await;
    other.wait_connected().await;
    let seat = sleeper.stats().await["seat"].clone();
    let stopped = Instant::now();
    let ticks = other.stats().await["tick"].as_u64().expect("a number");
    sleeper.driver.signal_browser("STOP");
    let passed = format!("window.tickwire.stats().tick >= {}", ticks + 300);
    assert!(other.wait_for(&passed, Duration::from_secs(15)).await.is_some(), "the other player plays on at full rate");
    assert!(stopped.elapsed() > Duration::from_millis(9_500), "300 ticks at 30 Hz are ten seconds");
    sleeper.driver.signal_browser("CONT");
    let woken = Instant::now();
    let tick = other.stats().await["tick"].clone();
    let back = format!("window.tickwire.stats().connected && window.tickwire.stats().tick >= {tick}");
    sleeper.wait_until(&back).await;
    assert!(woken.elapsed() < Duration::from_secs(2), "the sleeper was back after {:?}", woken.elapsed());
    assert_eq!(sleeper.stats().await["seat"], seat);
    other.assert_sound().await;
    sleeper.assert_sound().await;
}

#[tokio::test]
async fn a_page_explains_that_its_server_went_away_and_its_room_closed() {
    let mut serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=paddles", Screen::Desktop).await;
    page.click("create-room").await;
    page.wait_connected().await;
    serving.signal("TERM");
    page.wait_until("!document.getElementById('banner').hidden && document.getElementById('banner').textContent").await;
    page.picture("reconnecting").await;
    let address = serving.address().to_string();
    assert_eq!(serving.wait().code(), Some(0));
    let _again = Serving::start_on(&address);
    page.wait_until("document.getElementById('card').open && document.body.innerText.includes('closed')").await;
}

/// A match is back on its players' pages this long after the new start of its server.
const BACK_MAX: Duration = Duration::from_secs(3);

/// A server that keeps its data in this folder.
fn serving_with_data(listen: &str, folder: &Folder) -> Serving {
    Serving::start_by(serve(listen).arg("--data").arg(folder.path().join("data")))
}

/// Seat, name and score of each player whom a page lists.
async fn listed(page: &Page) -> Vec<(u64, String, i64)> {
    let players =
        page.eval("JSON.parse(window.tickwire.client.players()).map(({ seat, name, score }) => [seat, name, score])");
    serde_json::from_value(players.await).expect("a list of players")
}

/// Waits until a page plays on after a restart that it saw from these figures; at the latest [`BACK_MAX`] after it.
async fn wait_until_back(page: &Page, before: &Value, started: Instant) {
    let back = format!(
        "window.tickwire.stats().connected && window.tickwire.stats().welcomes > {} && \
         window.tickwire.stats().tick > {} && window.tickwire.stats().others.length >= {}",
        before["welcomes"],
        before["tick"],
        before["others"].as_array().expect("a list").len()
    );
    let back = page.wait_for(&back, BACK_MAX.saturating_sub(started.elapsed())).await;
    assert!(back.is_some(), "from {before} to {}", page.stats().await);
}

/// Ends a server with a signal and starts it again; a match of two pages, in which somebody has scored, goes on.
async fn restart(serving: &mut Serving, signal: &str, folder: &Folder, pages: [&Page; 2]) {
    let address = serving.address();
    serving.signal(signal);
    serving.wait();
    let mut before = Vec::new();
    for page in pages {
        page.wait_until("!window.tickwire.stats().connected").await;
        before.push((page.stats().await, listed(page).await));
    }
    let started = Instant::now();
    *serving = serving_with_data(&address.to_string(), folder);
    let [first, second] = pages;
    tokio::join!(wait_until_back(first, &before[0].0, started), wait_until_back(second, &before[1].0, started));
    assert!(started.elapsed() < BACK_MAX, "both play again {:?} after {signal}", started.elapsed());
    for (page, (stats, players)) in pages.into_iter().zip(&before) {
        let (after, found) = (page.stats().await, listed(page).await);
        assert_eq!((&after["seat"], &after["code"]), (&stats["seat"], &stats["code"]));
        assert_eq!(found.len(), players.len(), "{players:?}, then {found:?}");
        for ((seat, name, score), (seat_after, name_after, score_after)) in players.iter().zip(&found) {
            assert_eq!((seat, name), (seat_after, name_after));
            assert!(score <= score_after, "{players:?}, then {found:?}");
        }
        let people = "JSON.parse(window.tickwire.client.players()).filter(({ bot }) => !bot)";
        page.wait_until(&format!("{people}.length === 2 && {people}.every(({{ connected }}) => connected)")).await;
        page.wait_until(&format!("window.tickwire.stats().hashes_compared > {} + 20", stats["hashes_compared"])).await;
        assert_eq!(page.stats().await["mismatches"], 0);
    }
}

/// A kill, and Ctrl-C as in the terminal of `cargo play`.
#[tokio::test]
async fn a_match_goes_on_in_two_browsers_after_its_server_was_killed_or_interrupted_and_started_again() {
    let folder = Folder::new();
    let mut serving = serving_with_data("127.0.0.1:0", &folder);
    let address = serving.address();
    let (first, second) =
        tokio::join!(Page::open(address, "/?game=arena", Screen::Desktop), Page::open(address, "/", Screen::Desktop));
    // Bots fill the room of a quick match, and fight: so there are scores to lose.
    first.click("quick-match").await;
    let code = first.wait_connected().await;
    second.fill("join-code", &code).await;
    second.click("join-room").await;
    assert_eq!(second.wait_connected().await, code);
    let scored = "JSON.parse(window.tickwire.client.players()).some(({ score }) => score > 0)";
    for page in [&first, &second] {
        assert!(page.wait_for(scored, Duration::from_secs(60)).await.is_some(), "a player scores");
        page.wait_until("window.tickwire.stats().others.length > 0").await;
    }
    for signal in ["KILL", "INT"] {
        restart(&mut serving, signal, &folder, [&first, &second]).await;
    }
}

/// Looks away from a room of game `G` and back, with a key still held.
async fn look_away<G: Game>(serving: &Serving) {
    let Rules { name, tick_rate_hz, .. } = G::RULES;
    let page = Page::open(serving.address(), &format!("/?game={name}"), Screen::Desktop).await;
    page.click("create-room").await;
    page.wait_connected().await;
    let ticks = |stats: &Value| stats["tick"].as_u64().expect("a number");
    let y = |stats: &Value| stats["own"]["y"].as_f64().expect("a number");
    // A ship of the arena appears two seconds after its player has joined.
    let joined = ticks(&page.stats().await) + u64::from(3 * tick_rate_hz);
    page.wait_until(&format!("window.tickwire.stats().tick > {joined}")).await;
    let game = page.client.window().await.expect("a window");
    let before = page.stats().await;
    let watch = "document.addEventListener('visibilitychange', () => { \
        if (!document.hidden || window.wasHidden) return; \
        [window.wasHidden, window.yWhenHidden] = [true, window.tickwire.stats().own.y]; })";
    page.eval(watch).await;
    // The key steers towards the wall that is farther away: a ship that goes on like this reaches it within seconds.
    let key = if y(&before) > 500.0 { Key::Up } else { Key::Down };
    page.key(key, true).await;
    let other = page.client.new_window(true).await.expect("another tab");
    page.client.switch_to_window(other.handle).await.expect("the other tab is shown");
    // The test waits by the other tab's clock, for as long as a player may look away without losing the connection.
    page.wait_for("performance.now() > 20000", Duration::from_secs(25)).await.expect("time passes");
    page.client.switch_to_window(game).await.expect("the game is shown again");
    let back = Instant::now();
    let caught_up = "window.tickwire.stats().connected && \
        window.tickwire.stats().predicted_tick - window.tickwire.stats().tick < 60 && !document.hidden";
    page.wait_until(caught_up).await;
    assert_eq!(page.eval("window.wasHidden === true").await, true, "the tab was hidden");
    assert!(back.elapsed() < Duration::from_secs(2), "{name}: caught up after {:?}", back.elapsed());
    let after = page.stats().await;
    let received = ticks(&after) - ticks(&before);
    assert!(received > u64::from(17 * tick_rate_hz), "snapshots were received meanwhile: {before}, then {after}");
    assert_eq!((&after["seat"], &after["welcomes"]), (&before["seat"], &before["welcomes"]), "the player never left");
    if name == Arena::RULES.name {
        let drifted = (y(&after) - page.eval("window.yWhenHidden").await.as_f64().expect("a number")).abs();
        // At full speed a ship without thrust comes to rest within 212 units.
        assert!(drifted < 250.0, "without steering the ship went {drifted} units from {before} to {after}");
    }
    page.key(key, false).await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_hidden_tab_stays_in_its_room_steers_nothing_and_catches_up() {
    let serving = Serving::start();
    tokio::join!(look_away::<Paddles>(&serving), look_away::<Arena>(&serving));
}

#[tokio::test]
async fn a_phone_that_is_turned_plays_on_in_its_seat() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=arena", Screen::Phone).await;
    page.click("create-room").await;
    page.wait_connected().await;
    let before = page.stats().await;
    for (width, height) in [(844, 390), (390, 844)] {
        page.turn(width, height).await;
        let turned = if width > height { "innerWidth > innerHeight" } else { "innerHeight > innerWidth" };
        page.wait_until(turned).await;
        let fits = "(() => { const game = document.getElementById('game').getBoundingClientRect(); \
            return Math.abs(game.width - innerWidth) < 2 && Math.abs(game.height - innerHeight) < 2; })()";
        page.wait_until(fits).await;
        let ticks = page.stats().await["tick"].as_u64().expect("a number");
        page.wait_until(&format!("window.tickwire.stats().tick > {}", ticks + 30)).await;
    }
    let after = page.stats().await;
    assert_eq!((&after["seat"], &after["welcomes"]), (&before["seat"], &before["welcomes"]), "the player never left");
    page.assert_sound().await;
}

/// Opens a room of game `G` in a second tab, with the resume token of the first tab's seat.
async fn duplicate_tab<G: Game>(serving: &Serving) {
    let path = format!("/?game={}", G::RULES.name);
    let page = Page::open(serving.address(), &path, Screen::Desktop).await;
    page.click("create-room").await;
    page.wait_connected().await;
    let (url, first) =
        (page.client.current_url().await.expect("an address"), page.client.window().await.expect("a tab"));
    // A duplicated tab takes the session storage of the other tab along, and with it the resume token of its seat.
    let kept = page.eval("JSON.stringify(Object.entries(sessionStorage))").await;
    let second = page.client.new_window(true).await.expect("another tab");
    page.client.switch_to_window(second.handle).await.expect("the other tab is shown");
    page.visit(serving.address(), &path).await;
    page.eval(&format!("JSON.parse({kept}).forEach(([key, value]) => sessionStorage.setItem(key, value))")).await;
    page.client.goto(url.as_str()).await.expect("the room's address");
    page.eval("location.reload()").await;
    page.wait_connected().await;
    let seat = page.stats().await["seat"].clone();
    page.client.switch_to_window(first).await.expect("the first tab is shown");
    page.wait_until("document.getElementById('card').open && !window.tickwire.stats().connected").await;
    // Two tabs that took the seat from each other would never come to rest.
    let rested = page.wait_for("window.tickwire.stats().connected", Duration::from_secs(6)).await;
    assert!(rested.is_none(), "the older tab stays away");
    assert_eq!(page.stats().await["seat"], seat);
}

#[tokio::test]
async fn the_newer_of_two_tabs_with_one_seat_plays_and_the_older_says_so() {
    let serving = Serving::start();
    tokio::join!(duplicate_tab::<Paddles>(&serving), duplicate_tab::<Arena>(&serving));
}

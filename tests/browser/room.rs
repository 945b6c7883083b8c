//! Two people in two browsers play in one room.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use fantoccini::key::Key;
use serde_json::Value;
use std::time::Duration;

/// The places at which a page shows its own paddle and the other player's.
async fn heights(page: &Page) -> (f64, f64) {
    let stats = page.stats().await;
    let height = |figure: &Value| figure["y"].as_f64().unwrap_or_else(|| panic!("a figure in {stats}"));
    (height(&stats["own"]), height(&stats["others"][0]))
}

/// Asserts that both pages show a player's paddle moving while the player holds a key.
async fn assert_seen_moving(mover: &Page, watcher: &Page) {
    for (key, way) in [(Key::Down, 1.0), (Key::Up, -1.0)] {
        let (before, seen_before) = (heights(mover).await.0, heights(watcher).await.1);
        mover.key(key, true).await;
        let own = format!("({way}) * (window.tickwire.stats().own.y - {before}) > 8");
        mover.wait_until(&own).await;
        let other = format!("({way}) * (window.tickwire.stats().others[0].y - {seen_before}) > 8");
        watcher.wait_until(&other).await;
        mover.key(key, false).await;
    }
}

/// The scores that a page lists, by seat.
async fn scores(page: &Page) -> Vec<u64> {
    let players = page.eval("JSON.parse(window.tickwire.client.players()).map(({ score }) => score)").await;
    players.as_array().expect("a list").iter().filter_map(Value::as_u64).collect()
}

#[tokio::test]
async fn two_browsers_play_in_a_room_by_its_code_and_a_third_finds_it_full() {
    let serving = Serving::start();
    let address = serving.address();
    let (first, second) =
        tokio::join!(Page::open(address, "/?game=paddles", Screen::Desktop), Page::open(address, "/", Screen::Desktop));
    first.picture("lobby").await;
    first.click("create-room").await;
    let code = first.wait_connected().await;
    assert_eq!(code.len(), 6, "{code}");
    second.fill("join-code", &code.to_lowercase()).await;
    second.click("join-room").await;
    assert_eq!(second.wait_connected().await, code);
    for page in [&first, &second] {
        page.wait_until("window.tickwire.stats().players === 2 && window.tickwire.stats().others.length === 1").await;
    }
    assert_seen_moving(&first, &second).await;
    assert_seen_moving(&second, &first).await;
    first.picture("paddles").await;

    let third = Page::open(address, &format!("/?game=paddles#{code}"), Screen::Desktop).await;
    third.wait_until("document.getElementById('card').open && document.body.innerText.includes('full')").await;
    third.picture("full").await;
    let errors = third.console_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");

    // A minute is long enough for a score, because neither player plays well.
    let scored = "JSON.parse(window.tickwire.client.players()).some(({ score }) => score > 0)";
    assert!(second.wait_for(scored, Duration::from_secs(60)).await.is_some(), "a player scores");
    let (seat, before) = (second.stats().await["seat"].clone(), scores(&second).await);
    second.client.refresh().await.expect("the page loads again");
    second.wait_connected().await;
    assert_eq!(second.stats().await["seat"], seat, "the player has the same seat after a reload");
    let after = scores(&second).await;
    assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{before:?}, then {after:?}");
    assert_eq!(first.stats().await["players"], 2);
    first.assert_sound().await;
    second.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    second.assert_sound().await;
}

#[tokio::test]
async fn a_link_leads_into_its_room_and_shows_a_new_player_the_controls() {
    let serving = Serving::start();
    let first = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    first.click("create-room").await;
    let code = first.wait_connected().await;
    let link = first.eval("location.pathname + location.search + location.hash").await;
    let link = link.as_str().expect("text");
    assert!(link.contains("game=arena") && link.ends_with(&format!("#{code}")), "{link}");
    let second = Page::open(serving.address(), link, Screen::Phone).await;
    assert_eq!(second.wait_connected().await, code);
    // A player that comes by a link has not seen the lobby: the page explains the controls, with mouse and keys on a
    // desktop and with the stick on a phone.
    for (page, word) in [(&first, "mouse"), (&second, "stick")] {
        page.wait_until(&format!("document.querySelector('[data-testid=howto]').innerText.includes('{word}')")).await;
    }
    first.key(Key::Up, true).await;
    first.wait_until("document.querySelector('[data-testid=howto]').hidden").await;
    first.key(Key::Up, false).await;
    first.wait_until("window.tickwire.stats().players === 2").await;
    second.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    second.assert_sound().await;

    let before = first.stats().await;
    first.client.refresh().await.expect("the page loads again");
    assert_eq!(first.wait_connected().await, code);
    let after = first.stats().await;
    assert_eq!(after["seat"], before["seat"], "the player has the same seat after a reload");
    assert_eq!(after["players"], 2);
    first.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    first.assert_sound().await;
}

#[tokio::test]
async fn a_page_on_a_bad_network_plays_on_without_errors() {
    let serving = Serving::start();
    let path = "/?game=arena&latency_ms=200&jitter_ms=60&stall_percent=2";
    let page = Page::open(serving.address(), path, Screen::Desktop).await;
    page.click("quick-match").await;
    page.wait_connected().await;
    page.key(Key::Up, true).await;
    page.wait_until("window.tickwire.stats().snapshots > 200").await;
    page.key(Key::Up, false).await;
    let stats = page.stats().await;
    let rtt_ms = stats["rtt_ms"].as_f64().expect("a number");
    assert!((180.0..600.0).contains(&rtt_ms), "the link is as bad as the test asked for: {stats}");
    page.assert_sound().await;
}

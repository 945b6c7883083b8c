//! Ways into a room, and words for those who do not get in.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use std::time::{Duration, Instant};

/// A quick match in a game, alone: an opponent comes within three seconds.
async fn quick_match(serving: &Serving, game: &str, screen: Screen) -> Page {
    let page = Page::open(serving.address(), &format!("/?game={game}"), screen).await;
    let asked = Instant::now();
    page.click("quick-match").await;
    page.wait_until("window.tickwire.stats().others.length > 0").await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{game}: an opponent came after {:?}", asked.elapsed());
    page
}

#[tokio::test]
async fn a_quick_match_has_an_opponent_at_once() {
    let serving = Serving::start();
    let paddles = quick_match(&serving, "paddles", Screen::Desktop).await;
    // In lockstep four a second.
    paddles.wait_until("window.tickwire.stats().hashes_compared > 12").await;
    paddles.assert_sound().await;
    let arena = quick_match(&serving, "arena", Screen::Desktop).await;
    arena.wait_until("window.tickwire.stats().hashes_compared > 100").await;
    arena.picture("arena").await;
    arena.assert_sound().await;
}

#[tokio::test]
async fn a_phone_plays_with_fingers() {
    let serving = Serving::start();
    let page = quick_match(&serving, "arena", Screen::Phone).await;
    page.wait_connected().await;
    let stick = page
        .wait_until(
            "(() => { const box = document.getElementById('stick').getBoundingClientRect();
               return box.width > 0 && [box.x + box.width / 2, box.y + box.height / 2, innerWidth, innerHeight]; })()",
        )
        .await;
    let numbers: Vec<f64> = stick.as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect();
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
    assert_eq!(wide, false, "nothing lies outside of the screen");
    page.picture("phone").await;
    page.assert_sound().await;
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

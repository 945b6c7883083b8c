//! Queues and parties with the buttons and links that people use: strangers meet, friends stay together.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use std::net::SocketAddr;

/// The words about the wait.
const WORDS: &str = "document.getElementById('queue-words').textContent";

/// The line under the lobby's controls.
const TROUBLE: &str = "document.getElementById('trouble').textContent";

async fn open(address: SocketAddr, path: &str, screen: Screen) -> Page {
    let page = Page::open(address, path, screen).await;
    page.wait_until("document.getElementById('fair').checkVisibility() && !document.getElementById('queue').disabled")
        .await;
    page
}

/// Starts the search.
async fn find(page: &Page) {
    page.click("queue").await;
    page.wait_until("document.getElementById('queue').textContent === 'Stop'").await;
}

#[tokio::test]
async fn three_windows_wait_two_of_them_as_a_party_and_all_meet_in_one_match() {
    let serving = Serving::start();
    let address = serving.address();
    let (first, second, third) = tokio::join!(
        open(address, "/?game=arena", Screen::Desktop),
        open(address, "/?game=arena", Screen::Phone),
        open(address, "/?game=arena", Screen::Desktop),
    );
    // The first one begins a party and copies the link, which leads the second one into it.
    first.click("party").await;
    first.wait_until("document.getElementById('party').textContent === 'Party of 1'").await;
    first.eval("(navigator.clipboard.writeText = async (text) => { window.copied = text; }, true)").await;
    first.click("party").await;
    first.click("menu-copy").await;
    let link = first.wait_until("window.copied").await;
    let link = link.as_str().expect("a link").to_owned();
    let (_, path) = link.split_once(&address.to_string()).expect("a link to this server");
    second.visit(address, path).await;
    for page in [&first, &second] {
        page.wait_until("document.getElementById('party').textContent === 'Party of 2'").await;
    }
    assert_eq!(second.eval("location.hash").await, "", "the code of the party does not stay in the address");
    // Only the one who began it starts the search, and the other one is told so.
    second.click("queue").await;
    second.wait_until(&format!("{TROUBLE}.includes('starts the search')")).await;
    find(&first).await;
    second.wait_until(&format!("{WORDS} === '1 of 1'")).await;
    second.picture("queue-phone").await;
    find(&third).await;
    third.wait_until(&format!("/^[12] of 2|playing/.test({WORDS}) || document.body.dataset.screen === 'room'")).await;
    let codes = tokio::join!(first.wait_connected(), second.wait_connected(), third.wait_connected());
    assert!(codes.0 == codes.1 && codes.1 == codes.2, "{codes:?}");
    first.wait_until("window.tickwire.stats().players >= 3").await;
    // A stranger with the code does not come in, and is told no more than of a room that is not there.
    let fourth = open(address, &format!("/?game=arena#{}", codes.0), Screen::Desktop).await;
    fourth.wait_until(&format!("{TROUBLE}.includes('{}')", codes.0)).await;
    // A reload brings the player back to its seat.
    third.eval("(location.reload(), true)").await;
    assert_eq!(third.wait_connected().await, codes.0);
}

#[tokio::test]
async fn a_search_can_be_stopped_and_another_window_of_the_same_player_takes_it_over() {
    let serving = Serving::start();
    let page = open(serving.address(), "/?game=paddles", Screen::Phone).await;
    find(&page).await;
    page.wait_until(&format!("{WORDS} === '1 of 1'")).await;
    page.click("queue").await;
    page.wait_until("document.getElementById('queue').textContent === 'Find'").await;
    assert_eq!(page.eval(WORDS).await, "against equals");
}

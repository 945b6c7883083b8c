//! Wishes of a player: the last of two presses counts, a match is one with somebody else, and an invitation is pasted
//! as a whole.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use fantoccini::Locator;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::{Value, json};

/// Notes every request for a room and every WebSocket of the page from now on.
const LISTEN: &str = "(() => { [window.asked, window.dialed] = [[], 0]; \
    const send = window.fetch, Socket = window.WebSocket; \
    window.fetch = (path, options) => { if (options?.body) window.asked.push(new URL(path, location).pathname); return send(path, options); }; \
    window.WebSocket = class extends Socket { constructor(...all) { super(...all); window.dialed += 1; } }; \
    return true; })()";

/// Presses one button, and another one so many milliseconds later.
async fn press_both(page: &Page, first: &str, last: &str, ms: u32) {
    let press = |id: &str| format!("document.querySelector('[data-testid={id}]').click()");
    page.eval(&format!("({}, setTimeout(() => {}, {ms}), true)", press(first), press(last))).await;
}

#[tokio::test]
async fn the_last_of_two_presses_counts_and_the_server_hears_of_no_other() {
    let serving = Serving::start();
    for (first, last, path) in
        [("quick-match", "create-room", "/api/rooms"), ("create-room", "quick-match", "/api/match")]
    {
        for ms in [0, 40] {
            let page = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
            page.eval(LISTEN).await;
            press_both(&page, first, last, ms).await;
            let code = page.wait_connected().await;
            page.let_tick(60).await;
            let stats = page.stats().await;
            assert_eq!((&stats["code"], &stats["welcomes"]), (&json!(code), &json!(1)), "{first}, {last}: {stats}");
            let seen = page.eval("[window.asked, window.dialed]").await;
            assert_eq!(seen, json!([[path], 1]), "{first}, then {last} after {ms} ms");
            page.assert_sound().await;
            page.client.close().await.expect("the browser closes");
        }
    }
}

#[tokio::test]
async fn a_match_whose_seat_is_taken_meanwhile_is_replaced_by_another_without_a_word() {
    let serving = Serving::start();
    let host = Page::open(serving.address(), "/?game=paddles", Screen::Desktop).await;
    host.click("create-room").await;
    let full = host.wait_connected().await;
    let guest = Page::open(serving.address(), &format!("/?game=paddles#{full}"), Screen::Desktop).await;
    assert_eq!(guest.wait_connected().await, full);
    let page = Page::open(serving.address(), "/?game=paddles", Screen::Desktop).await;
    // The first answer names a room in which both seats are taken by the time that the page comes.
    let mislead = format!(
        "(() => {{ const send = window.fetch; window.matches = 0; window.fetch = async (path, options) => {{ \
         const answer = await send(path, options); \
         if (new URL(path, location).pathname !== '/api/match' || window.matches++ > 0) return answer; \
         return Response.json({{ ...await answer.json(), code: '{full}' }}); }}; \
         window.cards = 0; new MutationObserver(() => {{ window.cards += document.body.innerText.includes('is full'); }}) \
         .observe(document.body, {{ subtree: true, childList: true, characterData: true, attributes: true }}); \
         return true; }})()"
    );
    page.eval(&mislead).await;
    page.click("quick-match").await;
    let code = page.wait_connected().await;
    assert_ne!(code, full);
    assert_eq!(page.eval("[window.matches, window.cards]").await, json!([2, 0]), "asked twice, and nothing was said");
    // In lockstep the whole world is compared once a second or so.
    page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_quick_match_is_not_one_with_another_tab_of_the_same_browser() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=paddles", Screen::Desktop).await;
    page.click("quick-match").await;
    let first = page.wait_connected().await;
    let other = page.client.new_window(true).await.expect("another tab");
    page.client.switch_to_window(other.handle).await.expect("the other tab is shown");
    page.visit(serving.address(), "/?game=paddles").await;
    page.click("quick-match").await;
    let second = page.wait_connected().await;
    assert_ne!(first, second, "a player is no opponent of their own");
    // A stranger is matched with one of the two all the same.
    let stranger = Page::open(serving.address(), "/?game=paddles", Screen::Desktop).await;
    stranger.click("quick-match").await;
    let third = stranger.wait_connected().await;
    assert!([first, second].contains(&third), "the stranger got a room of their own: {third}");
}

/// Presses a letter together with Ctrl.
async fn press_with_control(page: &Page, letter: char) {
    let control = char::from(Key::Control);
    let keys = KeyActions::new("keys".into())
        .then(KeyAction::Down { value: control })
        .then(KeyAction::Down { value: letter })
        .then(KeyAction::Up { value: letter })
        .then(KeyAction::Up { value: control });
    page.client.perform_actions(keys).await.expect("keys can be pressed");
}

/// Pastes what the clipboard holds into the field for codes, and joins; gives the code of the room, which is then left.
async fn paste_and_join(page: &Page) -> String {
    let field = page.client.find(Locator::Id("code")).await.expect("the field exists");
    field.clear().await.expect("the field can be emptied");
    field.click().await.expect("the field can be clicked");
    press_with_control(page, 'v').await;
    page.wait_until("document.getElementById('code').value").await;
    page.click("join-room").await;
    let code = page.wait_connected().await;
    page.eval("document.getElementById('leave').click()").await;
    page.wait_until("document.body.dataset.screen === 'lobby'").await;
    code
}

#[tokio::test]
async fn a_shared_invitation_is_pasted_as_a_whole_and_joins_its_room() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    page.click("create-room").await;
    let code = page.wait_connected().await;
    let share = page.client.find(Locator::Id("share")).await.expect("a button to share");
    // A browser that cannot share copies the link.
    page.eval("navigator.share = undefined").await;
    share.click().await.expect("the button can be clicked");
    page.wait_until("document.getElementById('toasts').innerText.includes('Link copied')").await;
    page.eval("navigator.share = async (shared) => { window.shared = shared; }").await;
    share.click().await.expect("the button can be clicked");
    let shared = page.wait_until("window.shared").await;
    let other = page.client.new_window(true).await.expect("another tab");
    page.client.switch_to_window(other.handle).await.expect("the other tab is shown");
    page.visit(serving.address(), "/").await;
    assert_eq!(paste_and_join(&page).await, code, "the link alone");
    let part = |name: &str| shared[name].as_str().unwrap_or_else(|| panic!("text: {shared}")).to_owned();
    let (title, text, url) = (part("title"), part("text"), part("url"));
    // Other programs put the parts of an invitation together in their own ways.
    let wholes = [text.clone(), format!("{text} {url}"), format!("{text}\n{url}"), format!("{title}\n{text}\n{url}\n")];
    for whole in wholes {
        let copy = format!(
            "(() => {{ const area = document.createElement('textarea'); area.value = {}; \
             document.body.prepend(area); area.select(); return area.id = 'copied'; }})()",
            Value::from(whole.as_str())
        );
        page.eval(&copy).await;
        press_with_control(&page, 'c').await;
        page.eval("document.getElementById('copied').remove()").await;
        assert_eq!(paste_and_join(&page).await, code, "{whole:?}");
    }
}

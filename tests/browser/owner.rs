//! Private rooms, and the owner of a room, with the buttons, keys and links that people use.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// The card that ends a visit.
const CARD: &str = "document.getElementById('card').open && document.getElementById('card').innerText";

/// The line under the lobby's controls.
const TROUBLE: &str = "document.getElementById('trouble').textContent";

async fn choose(page: &Page, access: &str) {
    let field = page.client.find(Locator::Id("access")).await.expect("a choice for new rooms");
    field.select_by_value(access).await.expect("the choice can be made");
}

/// What a page asked its server for, with the path and query of each request.
async fn requests(page: &Page) -> Vec<String> {
    let list = page.eval("performance.getEntriesByType('resource').map(({ name }) => name)").await;
    list.as_array().expect("a list").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Two people in a room of this page's game; gives its code.
async fn room_of_two(first: &Page, second: &Page) -> String {
    first.click("create-room").await;
    let code = first.wait_connected().await;
    second.fill("join-code", &code).await;
    second.click("join-room").await;
    second.wait_connected().await;
    for page in [first, second] {
        page.wait_until("window.tickwire.stats().players === 2 && window.tickwire.session.owner !== null").await;
    }
    code
}

async fn open_two(address: SocketAddr, screen: Screen) -> (Page, Page) {
    tokio::join!(Page::open(address, "/?game=arena", screen), Page::open(address, "/?game=arena", Screen::Desktop))
}

/// The time that a menu may take to open.
const MENU_WAIT: Duration = Duration::from_secs(2);

/// How often a menu is opened that does not come: somebody who comes or goes has the list of players drawn anew.
const TRIES: usize = 5;

/// Opens the menu at the name of another player, with the keyboard, and takes the entry.
async fn take(page: &Page, entry: &str) {
    let other = "document.querySelector('#players li:not(.me) button.who')";
    let shown = format!("document.querySelector('[data-testid={entry}]')");
    for _ in 0..TRIES {
        page.wait_until(&format!("{other} && ({other}.focus(), document.activeElement === {other})")).await;
        page.press_key(Key::Enter).await;
        if page.wait_for(&shown, MENU_WAIT).await.is_some() {
            return page.click(entry).await;
        }
        // Without the name in focus the key has opened the chat.
        page.press_key(Key::Escape).await;
    }
    panic!("the menu never had {entry}")
}

/// Opens the menu at one's own name, with a finger or the mouse, and takes the entry.
async fn take_own(page: &Page, entry: &str) {
    let shown = format!("document.querySelector('[data-testid={entry}]')");
    for _ in 0..TRIES {
        page.wait_until("document.querySelector('#players li.me button.who')").await;
        let name = page.client.find(Locator::Css("#players li.me button.who")).await;
        let tapped = if let Ok(name) = name { name.click().await.is_ok() } else { false };
        if tapped && page.wait_for(&shown, MENU_WAIT).await.is_some() {
            return page.click(entry).await;
        }
    }
    panic!("the menu never had {entry}")
}

#[tokio::test]
async fn a_link_with_an_invitation_leads_into_a_private_room_and_the_code_alone_does_not() {
    let serving = Serving::start();
    let address = serving.address();
    let first = Page::open(address, "/?game=arena", Screen::Desktop).await;
    choose(&first, "private").await;
    first.click("create-room").await;
    let code = first.wait_connected().await;
    let link = first.eval("location.pathname + location.search + location.hash").await;
    let link = link.as_str().expect("text").to_owned();
    let secret = link.split_once(&format!("#{code}.")).expect("the invitation is in the fragment").1.to_owned();
    assert_eq!(secret.len(), 22, "{link}");
    let second = Page::open(address, &link, Screen::Phone).await;
    assert_eq!(second.wait_connected().await, code);
    let third = Page::open(address, &format!("/?game=arena#{code}"), Screen::Desktop).await;
    third.wait_until(&format!("{TROUBLE} && !document.getElementById('locked').hidden")).await;
    let private = third.eval(TROUBLE).await.as_str().map(|words| words.replace(&code, "CODE"));
    third.client.find(Locator::Id("code")).await.expect("a field").clear().await.expect("it can be cleared");
    third.fill("join-code", "CCCCCC").await;
    third.click("join-room").await;
    third.wait_until(&format!("{TROUBLE}.includes('CCCCCC')")).await;
    let missing = third.eval(TROUBLE).await.as_str().map(|words| words.replace("CCCCCC", "CODE"));
    assert_eq!(private, missing, "a private room is told like one that is not there");
    // A link that is pasted into the field does as well.
    third.client.find(Locator::Id("code")).await.expect("a field").clear().await.expect("it can be cleared");
    third
        .eval(&format!(
            "(() => {{ const field = document.getElementById('code'); field.value = {}; \
         field.dispatchEvent(new Event('input')); return true; }})()",
            json!(format!("http://{address}{link}"))
        ))
        .await;
    third.click("join-room").await;
    assert_eq!(third.wait_connected().await, code);
    first.client.refresh().await.expect("the page loads again");
    first.wait_connected().await;
    assert_eq!(first.eval("location.pathname + location.search + location.hash").await, json!(link));
    for page in [&first, &second, &third] {
        assert!(requests(page).await.iter().all(|request| !request.contains(&secret)), "no request names the secret");
    }
    second.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    second.assert_sound().await;
    assert_eq!(
        first.settle("fetch('api/rooms').then((answer) => answer.json()).then((rooms) => rooms.length)").await,
        0
    );
}

#[tokio::test]
async fn a_password_opens_a_room_and_a_wrong_one_is_asked_again() {
    const PASSWORD: &str = "s\u{e9}same & 100%";
    let serving = Serving::start();
    let (first, second) = open_two(serving.address(), Screen::Phone).await;
    choose(&first, "password").await;
    first.click("create-room").await;
    first.wait_until(&format!("{TROUBLE} && document.activeElement.id === 'password'")).await;
    first.fill("password", PASSWORD).await;
    first.press_key(Key::Enter).await;
    let code = first.wait_connected().await;
    assert_eq!(first.eval("location.hash").await, json!(format!("#{code}")), "a password is in no address");
    second.fill("join-code", &code).await;
    second.press_key(Key::Enter).await;
    second.wait_until("document.activeElement.id === 'secret'").await;
    second.fill("join-secret", "wrong").await;
    second.press_key(Key::Enter).await;
    second.wait_until(&format!("!document.querySelector('#join [type=submit]').disabled && {TROUBLE}")).await;
    second.client.find(Locator::Id("secret")).await.expect("a field").clear().await.expect("it can be cleared");
    second.fill("join-secret", PASSWORD).await;
    second.press_key(Key::Enter).await;
    assert_eq!(second.wait_connected().await, code);
    second.client.refresh().await.expect("the page loads again");
    assert_eq!(second.wait_connected().await, code);
    for page in [&first, &second] {
        page.wait_until("window.tickwire.stats().players === 2").await;
        assert!(requests(page).await.iter().all(|request| !request.contains("same")), "no request names the password");
    }
}

#[tokio::test]
async fn the_owner_removes_a_player_who_is_told_so_and_does_not_come_back() {
    let serving = Serving::start();
    let (owner, other) = open_two(serving.address(), Screen::Desktop).await;
    let code = room_of_two(&owner, &other).await;
    let crowns =
        "[...document.querySelectorAll('#players li')].filter((row) => row.querySelector('.crown:not([hidden])'))";
    owner.wait_until(&format!("({crowns}).length === 1 && ({crowns})[0].classList.contains('me')")).await;
    other.wait_until(&format!("({crowns}).length === 1 && !({crowns})[0].classList.contains('me')")).await;
    other.wait_until("document.querySelector('[data-testid=lock]').hidden").await;
    // Orders of somebody who does not own the room change nothing.
    other.eval("(window.tickwire.session.kick(window.tickwire.session.owner), true)").await;
    owner.picture("owner").await;
    take(&owner, "menu-remove").await;
    other.wait_until(&format!("({CARD}).includes('removed')")).await;
    other.picture("removed").await;
    owner.wait_until("window.tickwire.stats().players === 1").await;
    other.visit(serving.address(), "/?game=arena").await;
    other.fill("join-code", &code).await;
    other.click("join-room").await;
    other.wait_until(&format!("({CARD}).includes('No room')")).await;
    assert_eq!(owner.stats().await["players"], 1);
    owner.assert_sound().await;
}

#[tokio::test]
async fn the_owner_locks_the_room_on_a_phone_and_hands_it_over() {
    let serving = Serving::start();
    let (owner, other) = open_two(serving.address(), Screen::Phone).await;
    let code = room_of_two(&owner, &other).await;
    take_own(&owner, "menu-lock").await;
    for page in [&owner, &other] {
        page.wait_until(
            "window.tickwire.session.locked && document.querySelector('#players').innerText.includes('locked')",
        )
        .await;
    }
    owner.picture("locked").await;
    let third = Page::open(serving.address(), &format!("/?game=arena#{code}"), Screen::Desktop).await;
    third.wait_until(&format!("({CARD}).includes('locked')")).await;
    other.client.refresh().await.expect("the page loads again");
    other.wait_connected().await;
    take_own(&owner, "menu-unlock").await;
    other.wait_until("window.tickwire.session.locked === false").await;
    take(&owner, "menu-make").await;
    other.wait_until("window.tickwire.session.owner === window.tickwire.stats().seat").await;
    // The button in the bar is there for the new owner, with the keyboard too.
    other.wait_until("!document.querySelector('[data-testid=lock]').hidden").await;
    other.eval("(document.querySelector('[data-testid=lock]').focus(), true)").await;
    other.press_key(Key::Enter).await;
    owner.wait_until("window.tickwire.session.locked").await;
    other.wait_until("document.querySelector('[data-testid=lock]').ariaPressed === 'true'").await;
    let errors: Vec<Value> = other.console_errors().await.into_iter().map(Into::into).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn the_owner_starts_a_match_with_options_and_a_wrong_one_is_explained_in_the_dialog() {
    let serving = Serving::start();
    let (first, second) = open_two(serving.address(), Screen::Phone).await;
    room_of_two(&first, &second).await;
    take_own(&first, "menu-start").await;
    first.wait_until("document.getElementById('match').open").await;
    let names = "[...document.querySelectorAll('#match input')].map(({ name }) => name)";
    assert_eq!(first.eval(names).await, json!(["players", "teams", "entities", "goal", "seconds"]));
    let teams = first.client.find(Locator::Css("[data-testid=option-teams]")).await.expect("a field");
    teams.clear().await.expect("it can be cleared");
    first.fill("option-teams", "9").await;
    first.picture("match-phone").await;
    first.click("match-start").await;
    first.wait_until("document.querySelector('#match [role=alert]').textContent.includes('teams')").await;
    teams.clear().await.expect("it can be cleared");
    first.fill("option-teams", "3").await;
    first.click("match-start").await;
    first.wait_until("!document.getElementById('match')").await;
    for page in [&first, &second] {
        page.wait_until("document.getElementById('toasts').textContent.includes('A new match has begun')").await;
    }
    // Both play on in the new world, which has the teams that were chosen.
    let now = "window.tickwire.stats().snapshots";
    let before = second.eval(now).await.as_u64().expect("a number");
    second.wait_until(&format!("{now} > {before} + 30 && window.tickwire.stats().players === 2")).await;
    let desyncs = "window.tickwire.stats().desyncs ?? 0";
    assert_eq!((first.eval(desyncs).await, second.eval(desyncs).await), (json!(0), json!(0)));
    first.assert_sound().await;
}

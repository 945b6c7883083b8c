//! Words beside the game: chat in rooms, in the lobby and to one person, and the list that changes by itself.

use crate::guest::Guest;
use crate::page::{Page, Screen};
use crate::relay::Relay;
use crate::serving::Serving;
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// The time for which a page is without a network.
const OFFLINE: Duration = Duration::from_secs(10);

/// The time that a page may take to be back afterwards, with all that it has missed.
const BACK: Duration = Duration::from_secs(30);

/// A text that does harm where it is taken for HTML.
const SCRIPT: &str = "<img src=x onerror='window.harmed=1'><script>window.harmed=1</script> & \"quotes\"";
const SCRIPT_NAME: &str = "<i onclick=x>Eve";

/// Notes each report of the Content-Security-Policy.
const COLLECT_REPORTS: &str = "(() => { window.reports = []; \
    addEventListener('securitypolicyviolation', ({ violatedDirective }) => window.reports.push(violatedDirective)); \
    return true; })()";

/// The lines of the open panel as people see them, with the state of one's own.
const LINES: &str = "[...document.querySelectorAll('[data-testid=chat-line]')].map((line) => \
    [line.dataset.state, line.querySelector('.who').textContent, line.querySelector('span').textContent])";

/// Opens the page under a name.
async fn open_as(name: &str, address: SocketAddr, path: &str, screen: Screen) -> Page {
    let page = Page::open(address, path, screen).await;
    page.eval(COLLECT_REPORTS).await;
    rename(&page, name).await;
    page.wait_until("!document.querySelector('[data-testid=lobby-chat-open]').hidden").await;
    page
}

async fn rename(page: &Page, name: &str) {
    let field = page.client.find(Locator::Id("name")).await.expect("a field for the name");
    field.clear().await.expect("the field can be cleared");
    field.send_keys(name).await.expect("the field takes keys");
    // The name is used a moment after the player has left the field.
    page.eval("document.getElementById('name').blur()").await;
    page.let_pass(Duration::from_secs(1)).await;
}

/// Two people in a room of paddles; gives its code.
async fn room_of_two(first: &Page, second: &Page) -> String {
    first.click("create-room").await;
    let code = first.wait_connected().await;
    join(second, &code).await;
    first.wait_until("window.tickwire.stats().players === 2").await;
    code
}

async fn join(page: &Page, code: &str) {
    page.fill("join-code", code).await;
    page.click("join-room").await;
    page.wait_until("window.tickwire.stats().connected").await;
}

async fn open_chat(page: &Page) {
    if page.eval("document.querySelector('[data-testid=chat]').hidden").await == json!(true) {
        page.click("chat-open").await;
    }
    page.wait_until("document.activeElement.id === 'chat-text'").await;
}

async fn say(page: &Page, text: &str) {
    page.fill("chat-input", text).await;
    page.press_key(Key::Enter).await;
}

/// Waits until the panel shows this text so many times: once.
async fn wait_for_line(page: &Page, text: &str) {
    let text = json!(text);
    page.wait_until(&format!("({LINES}).filter(([,, text]) => text === {text}).length === 1")).await;
}

/// Waits until one's own line has this state.
async fn wait_for_state(page: &Page, text: &str, state: &str) {
    let text = json!(text);
    page.wait_until(&format!("({LINES}).some(([state,, text]) => text === {text} && state === '{state}')")).await;
}

/// The texts of the open panel, in their order.
async fn texts(page: &Page) -> Vec<String> {
    let lines = page.eval(LINES).await;
    let text = |line: &Value| line[2].as_str().expect("a text").to_owned();
    lines.as_array().expect("a list").iter().map(text).collect()
}

/// An id or a mark of a message to the guest, as a number.
fn ids(message: &Value, field: &str) -> u64 {
    message[field].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// Asserts that people's words were text everywhere, and that the page did nothing that its policy forbids.
async fn assert_harmless(page: &Page) {
    let elements = "document.querySelectorAll(':is(#chat, #lines, #players, #menu, #rooms) \
        :is(img, script, [onclick], [onerror])').length";
    assert_eq!(page.eval(elements).await, 0);
    assert_eq!(page.eval("window.harmed ?? null").await, Value::Null);
    assert_eq!(page.eval("window.reports").await, json!([]));
    assert_eq!(page.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn two_people_chat_see_what_was_read_and_their_keys_stay_in_the_chat() {
    let serving = Serving::start();
    let (ada, bob) = tokio::join!(
        open_as("Ada", serving.address(), "/?game=paddles", Screen::Desktop),
        open_as("Bob", serving.address(), "/?game=paddles", Screen::Phone)
    );
    room_of_two(&ada, &bob).await;
    // Enter opens the chat, and from then on keys are text.
    ada.press_key(Key::Enter).await;
    ada.wait_until("document.activeElement.id === 'chat-text'").await;
    let before = ada.stats().await["own"]["y"].as_f64().expect("a place");
    for letter in ['s', 's', 'n', 'm', 'w'] {
        ada.type_key(letter).await;
    }
    ada.wait_until("document.getElementById('chat-text').value === 'ssnmw'").await;
    bob.wait_until("document.getElementById('players').innerText.includes('typing')").await;
    let after = ada.stats().await["own"]["y"].as_f64().expect("a place");
    assert!((after - before).abs() < 0.5, "the paddle stays where it was: {before}, then {after}");
    assert_eq!(ada.eval("document.getElementById('overlay').hidden").await, true);
    assert_eq!(ada.eval("document.getElementById('mute').ariaPressed").await, "false");
    say(&ada, " and hello").await;
    wait_for_state(&ada, "ssnmw and hello", "delivered").await;
    // The line shows over the other player's game, and the mark on the button says that it is new.
    bob.wait_until("document.querySelector('[data-testid=chat-fading]').innerText.includes('hello')").await;
    bob.wait_until("document.querySelector('[data-testid=chat-unread]').textContent === '1'").await;
    bob.picture("chat-fading").await;
    open_chat(&bob).await;
    wait_for_line(&bob, "ssnmw and hello").await;
    wait_for_state(&ada, "ssnmw and hello", "read").await;
    assert_eq!(bob.eval("document.querySelector('[data-testid=chat-unread]').hidden").await, true);
    say(&bob, "hello Ada").await;
    wait_for_line(&ada, "hello Ada").await;
    ada.picture("chat").await;
    bob.picture("chat-phone").await;
    // After Escape keys are the game's again.
    ada.press_key(Key::Escape).await;
    ada.wait_until("document.querySelector('[data-testid=chat]').hidden").await;
    let before = ada.stats().await["own"]["y"].as_f64().expect("a place");
    ada.key(Key::Down, true).await;
    ada.wait_until(&format!("Math.abs(window.tickwire.stats().own.y - {before}) > 5")).await;
    ada.key(Key::Down, false).await;
    for page in [&ada, &bob] {
        page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
        page.assert_sound().await;
    }
}

#[tokio::test]
async fn script_in_names_and_lines_is_text_and_the_policy_has_nothing_to_report() {
    let serving = Serving::start();
    let (eve, bob) = tokio::join!(
        open_as(SCRIPT_NAME, serving.address(), "/?game=paddles", Screen::Desktop),
        open_as("Bob", serving.address(), "/?game=paddles", Screen::Desktop)
    );
    // In the lobby, then over the game, in the room's chat and in its list of players.
    eve.click("lobby-chat-open").await;
    say(&eve, SCRIPT).await;
    wait_for_line(&eve, SCRIPT).await;
    bob.click("lobby-chat-open").await;
    wait_for_line(&bob, SCRIPT).await;
    for page in [&eve, &bob] {
        page.click("chat-close").await;
    }
    room_of_two(&eve, &bob).await;
    open_chat(&eve).await;
    say(&eve, SCRIPT).await;
    let shown = format!("document.querySelector('[data-testid=chat-fading]').textContent.includes({})", json!(SCRIPT));
    bob.wait_until(&shown).await;
    open_chat(&bob).await;
    wait_for_line(&bob, SCRIPT).await;
    let name = json!(SCRIPT_NAME);
    bob.wait_until(&format!("({LINES}).some(([, name]) => name === {name})")).await;
    bob.wait_until(&format!("document.getElementById('players').textContent.includes({name})")).await;
    bob.eval("document.querySelector('[data-testid=chat-name]:enabled').click()").await;
    bob.wait_until(&format!("document.querySelector('[data-testid=menu]').textContent.includes({name})")).await;
    for page in [&eve, &bob] {
        assert_harmless(page).await;
    }
}

#[tokio::test]
async fn after_ten_seconds_without_a_network_nothing_is_lost_or_doubled_and_a_late_one_reads_it_all() {
    let serving = Serving::start();
    let relay = Relay::start(serving.address()).await;
    let (ada, bob) = tokio::join!(
        open_as("Ada", serving.address(), "/?game=arena", Screen::Desktop),
        open_as("Bob", relay.address(), "/?game=arena", Screen::Desktop)
    );
    let code = room_of_two(&ada, &bob).await;
    for page in [&ada, &bob] {
        open_chat(page).await;
    }
    // A program takes part: it knows the code.
    let mut guest = Guest::enter(serving.address(), "Pi", &format!("room/{code}"));
    guest.wait_for(|message| message["op"] == "granted");
    say(&ada, "before").await;
    wait_for_line(&bob, "before").await;
    let before = guest.wait_for(|message| message["body"] == "before");
    guest.say("good evening");
    wait_for_line(&ada, "good evening").await;
    guest.order(&json!({ "read": true }));
    wait_for_state(&ada, "before", "read").await;
    let is_read = |mark: &Value| {
        mark["op"] == "read" && mark["player"] != before["from"]["player"] && ids(mark, "read") > ids(&before, "id")
    };
    guest.wait_for(is_read);
    relay.stand_still();
    guest.order(&json!({ "online": false }));
    guest.say("from Pi");
    for text in ["first", "second", "third"] {
        say(&ada, text).await;
        wait_for_state(&ada, text, "sent").await;
        ada.let_pass(Duration::from_secs(1)).await;
    }
    for text in ["from Bob", "and more"] {
        say(&bob, text).await;
        wait_for_state(&bob, text, "sending").await;
    }
    bob.let_pass(OFFLINE.saturating_sub(Duration::from_secs(3))).await;
    let first = ["before", "good evening", "first", "second", "third"];
    assert_eq!(texts(&ada).await, first);
    relay.go_on();
    let mut all = [&first[..], &["from Bob", "and more"]].concat();
    let has_all = format!("({LINES}).length === {}", all.len());
    for page in [&ada, &bob] {
        assert!(page.wait_for(&has_all, BACK).await.is_some(), "{:?}", texts(page).await);
    }
    bob.wait_for(&format!("!({LINES}).some(([state]) => state === 'sending')"), BACK).await.expect("all is sent");
    guest.order(&json!({ "online": true }));
    all.push("from Pi");
    for page in [&ada, &bob] {
        wait_for_line(page, "from Pi").await;
    }
    guest.wait_for(|message| message["body"] == "from Pi");
    let has_all = format!("({LINES}).length === {}", all.len());
    // A doubled line would come a moment later.
    ada.let_pass(Duration::from_secs(2)).await;
    for page in [&ada, &bob] {
        assert_eq!(texts(page).await, all);
        assert_eq!(page.eval("document.querySelectorAll('[data-testid=chat-gap]').length").await, 0);
    }
    assert_eq!(guest.texts(), all);
    let mut reader = Guest::enter(serving.address(), "Later", &format!("room/{code}"));
    reader.wait_for(|message| message["body"] == "from Pi");
    assert_eq!(reader.texts(), all);
    let late = open_as("Cay", serving.address(), "/?game=arena", Screen::Phone).await;
    join(&late, &code).await;
    open_chat(&late).await;
    late.wait_until(&has_all).await;
    assert_eq!(texts(&late).await, all);
    for page in [&ada, &late] {
        assert_harmless(page).await;
    }
}

#[tokio::test]
async fn a_player_writes_to_another_one_alone_who_can_block_it() {
    let serving = Serving::start();
    let (ada, bob) = tokio::join!(
        open_as("Ada", serving.address(), "/?game=paddles", Screen::Desktop),
        open_as("Bob", serving.address(), "/?game=paddles", Screen::Desktop)
    );
    for page in [&ada, &bob] {
        page.click("lobby-chat-open").await;
    }
    say(&bob, "anybody here?").await;
    wait_for_line(&ada, "anybody here?").await;
    let menu = "document.querySelector('[data-testid=chat-name]:enabled').click()";
    ada.eval(menu).await;
    ada.click("menu-message").await;
    say(&ada, "only for you").await;
    wait_for_state(&ada, "only for you", "sent").await;
    bob.wait_until("document.querySelector('[data-testid=chat-direct]')?.textContent.includes('1')").await;
    assert_eq!(texts(&bob).await, ["anybody here?"], "a direct message is in a tab of its own");
    bob.picture("direct").await;
    bob.click("chat-direct").await;
    wait_for_line(&bob, "only for you").await;
    // A new name connects again, and the next line is for the same person alone.
    rename(&ada, "Ada L").await;
    say(&ada, "still only you").await;
    wait_for_state(&ada, "still only you", "sent").await;
    wait_for_line(&bob, "still only you").await;
    assert_eq!(texts(&bob).await, ["only for you", "still only you"]);
    bob.eval(menu).await;
    bob.click("menu-block").await;
    bob.wait_until("document.querySelector('[data-testid=chat-blocked]').textContent === '1 blocked'").await;
    say(&ada, "are you there?").await;
    wait_for_state(&ada, "are you there?", "refused").await;
    assert!(ada.eval("document.getElementById('chat-log').innerText").await.to_string().contains("does not want"));
    // The block outlives the page, and ends by the same list.
    bob.client.refresh().await.expect("the page loads again");
    bob.wait_until("window.tickwire?.ready && !document.querySelector('[data-testid=lobby-chat-open]').hidden").await;
    bob.click("lobby-chat-open").await;
    bob.wait_until("document.querySelector('[data-testid=chat-blocked]').textContent === '1 blocked'").await;
    bob.click("chat-blocked").await;
    bob.click("menu-unblock").await;
    say(&ada, "and now?").await;
    wait_for_state(&ada, "and now?", "sent").await;
    bob.wait_until(
        "[...document.querySelectorAll('[data-testid=chat-direct]')].some((tab) => /Ada.*[1-9]/.test(tab.textContent))",
    )
    .await;
}

#[tokio::test]
async fn the_list_of_rooms_changes_without_a_question_and_its_filters_choose() {
    let serving = Serving::start();
    let watcher = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    watcher.wait_until("!document.querySelector('[data-testid=lobby-chat-open]').hidden").await;
    assert_eq!(watcher.eval("document.getElementById('rooms').hidden").await, true);
    let player = Page::open(serving.address(), "/?game=paddles", Screen::Phone).await;
    player.click("quick-match").await;
    player.wait_connected().await;
    let row = "document.querySelector('[data-testid=rooms] li span').textContent";
    watcher.wait_until(&format!("{row} === '1 playing'")).await;
    let second = Page::open(serving.address(), "/?game=paddles", Screen::Phone).await;
    second.click("quick-match").await;
    second.wait_connected().await;
    watcher.wait_until(&format!("{row} === 'full'")).await;
    for (filter, why) in [("filter-free", "the room is full"), ("filter-game", "the room is of another game")] {
        let change = format!("document.querySelector('[data-testid={filter}]').click()");
        watcher.eval(&change).await;
        watcher.wait_until("!document.querySelector('[data-testid=no-rooms]').hidden").await;
        assert_eq!(watcher.eval("document.querySelectorAll('[data-testid=rooms] li').length").await, 0, "{why}");
        watcher.eval(&change).await;
        watcher.wait_until(&format!("{row} === 'full'")).await;
    }
    for page in [player, second] {
        page.eval("document.getElementById('leave').click()").await;
    }
    watcher.wait_until("document.getElementById('rooms').hidden").await;
    let asked = "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/rooms')).length";
    assert_eq!(watcher.eval(asked).await, 0, "the list came by itself");
    assert_eq!(watcher.console_errors().await, Vec::<String>::new());
}

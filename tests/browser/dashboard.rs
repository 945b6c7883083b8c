//! The operators' dashboard against a real server: signing in, finding a room that needs a look, and acting on it, on both
//! screens and with the keyboard alone.

use crate::page::{Page, Screen};
use crate::serving::{Serving, serve_with};
use crate::token_file::TokenFile;
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tickwire::link::LinkProfile;
use tickwire_games::Arena;
use tickwire_tools::http::post_json;
use tickwire_tools::load::{Bystander, Plan, run};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

const LOOK: &str = "lou-looks-0123456789";
const ACT: &str = "ada-acts-0123456789";

/// Rooms of bots beside the one that a test is about.
const ROOMS: usize = 3;

/// The most presses of the Tab key from one place of the page to another.
const TABS_MAX: usize = 80;

/// A planted fault shows within this time: it is counted by the second.
const PLANT_PATIENCE: Duration = Duration::from_secs(40);

/// The routes of all actions.
const ACTIONS: [(&str, &str); 6] = [
    ("announce", "{\"text\":\"hi\"}"),
    ("rooms/CODE/kick", "{\"seat\":0}"),
    ("rooms/CODE/ban", "{\"seat\":0}"),
    ("rooms/CODE/lock", "{\"locked\":true}"),
    ("rooms/CODE/close", "{}"),
    ("drain", "{}"),
];

/// A server with a file of operators.
struct Operated {
    serving: Serving,
    _operators: TokenFile,
}

impl Operated {
    fn start(name: &str) -> Self {
        let operators = TokenFile::new(name, &format!("look lou {LOOK}\nact ada {ACT}\n"));
        let mut command = serve_with("127.0.0.1:0", "127.0.0.1:0");
        let serving = Serving::start_by(command.arg("--operators-file").arg(&operators.0));
        Self { serving, _operators: operators }
    }

    const fn players(&self) -> SocketAddr {
        self.serving.address()
    }

    /// The address of the dashboard.
    fn dashboard(&self) -> String {
        format!("http://{}/", self.serving.admin().expect("the operators' listener"))
    }

    /// Opens the dashboard, and signs in.
    async fn open(&self, screen: Screen, token: &str) -> Page {
        let page = Page::blank(screen).await;
        page.client.goto(&self.dashboard()).await.expect("the page loads");
        page.wait_until("document.getElementById('sign-in').open").await;
        sign_in(&page, token).await;
        page.wait_until("document.body.dataset.link === 'open' && !document.getElementById('sign-in').open").await;
        page
    }
}

async fn sign_in(page: &Page, token: &str) {
    page.wait_until("document.activeElement.id === 'token'").await;
    let field = page.client.find(Locator::Id("token")).await.expect("a field");
    field.send_keys(token).await.expect("it takes keys");
    page.press_key(Key::Enter).await;
}

/// Clicks an element, to which the page is scrolled first.
async fn press(page: &Page, css: &str) {
    let element = page.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
}

/// Confirms the question that an action asks.
async fn confirm(page: &Page) {
    page.wait_until("document.getElementById('ask').open").await;
    press(page, "#ask-yes").await;
    page.wait_until("!document.getElementById('ask').open").await;
}

fn text_of(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

/// Presses the Tab key until this element has the focus.
async fn tab_to(page: &Page, css: &str) {
    for _ in 0..TABS_MAX {
        page.press_key(Key::Tab).await;
        if page.eval(&format!("document.activeElement.matches({})", json!(css))).await == true {
            return;
        }
    }
    panic!("{css} cannot be reached with the Tab key")
}

/// The code of a new room of the arena.
fn new_room(players: SocketAddr) -> String {
    let made = post_json(players, None, "/api/rooms", "{\"game\":\"arena\"}").expect("a room");
    let room: Value = serde_json::from_str(&made).expect("JSON");
    room["code"].as_str().expect("a code").to_owned()
}

/// Rooms in which bots play as people do; gives their codes.
fn rooms_of_bots(operated: &Operated) -> (Vec<String>, Bystander) {
    let codes: Vec<String> = (0..ROOMS).map(|_| new_room(operated.players())).collect();
    let bots = Bystander::join::<Arena>(operated.players(), &codes, 2, 7).expect("bots play");
    (codes, bots)
}

/// Finds a room by its code, and opens it.
async fn open_room(page: &Page, code: &str) {
    page.wait_until(&format!("document.querySelectorAll('#rooms-table tbody tr').length >= {ROOMS}")).await;
    let field = page.client.find(Locator::Id("filter-text")).await.expect("a field");
    field.send_keys(code).await.expect("it takes keys");
    page.wait_until("document.querySelectorAll('#rooms-table tbody tr').length === 1").await;
    press(page, &format!("[data-code='{code}'] a")).await;
    let seated = "[...document.querySelectorAll('#seats [data-kind=person]')].length > 0";
    page.wait_until(&format!("!document.getElementById('room').hidden && {seated}")).await;
}

async fn assert_no_errors(page: &Page) {
    let errors = page.console_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

async fn finds_and_acts(screen: Screen, name: &str) {
    let operated = Operated::start(name);
    let (_, _bots) = rooms_of_bots(&operated);
    let player = Page::open(operated.players(), "/?game=arena", Screen::Desktop).await;
    player.click("create-room").await;
    let code = player.wait_connected().await;
    let page = operated.open(screen, ACT).await;
    // Whether all is well is for a machine to say that has nothing else to do.
    page.wait_until("document.querySelectorAll('#rooms-table tbody tr').length >= 4").await;
    page.picture(name).await;
    open_room(&page, &code).await;
    let painted = "(() => { const canvas = document.getElementById('stage'); \
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); \
        return new Set(new Uint32Array(data.buffer)).size > 8; })()";
    page.wait_until(painted).await;
    let tick = page.eval(&text_of("room-facts")).await;
    page.wait_until(&format!("{} !== {tick}", text_of("room-facts"))).await;
    page.wait_until("document.querySelector('#seats [data-kind=person]').textContent.includes(' ms')").await;
    page.picture(&format!("{name}-room")).await;
    let wide = page.eval("document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(wide, false, "the page is not wider than the screen");

    press(&page, "#room-lock").await;
    confirm(&page).await;
    page.wait_until(&format!("{} === 'Unlock…'", text_of("room-lock"))).await;
    player.wait_until("window.tickwire.session.locked").await;
    let kick = page.eval("document.querySelector('#seats [data-kind=person] button').id").await;
    press(&page, &format!("#{}", kick.as_str().expect("an id"))).await;
    page.wait_until("document.getElementById('ask').open && document.activeElement.id === 'ask-no'").await;
    page.picture(&format!("{name}-kick")).await;
    confirm(&page).await;
    player.wait_until("document.getElementById('card').open && document.body.innerText.includes('removed')").await;
    page.wait_until(&format!("/ada kicked .+ in {code}/.test({})", text_of("audit"))).await;
    page.press_key(Key::Escape).await;
    page.wait_until("document.getElementById('room').hidden && location.hash === ''").await;

    // An announcement reaches the lobby too.
    player.visit(operated.players(), "/").await;
    press(&page, "#announce").await;
    page.wait_until("document.activeElement.id === 'ask-text'").await;
    let words = "A pause <b>at ten</b>";
    page.client.find(Locator::Id("ask-text")).await.expect("a field").send_keys(words).await.expect("it takes keys");
    confirm(&page).await;
    player.wait_until(&format!("{}.includes({})", text_of("announcement"), json!(words))).await;
    page.wait_until(&format!("{}.includes({})", text_of("audit"), json!(words))).await;

    // A room that nobody is in is opened by its code, and closed; by itself it would end a little later.
    let empty = new_room(operated.players());
    page.eval(&format!("(location.hash = '{empty}', true)")).await;
    page.wait_until("!document.getElementById('room-end').hidden").await;
    press(&page, "#room-end").await;
    confirm(&page).await;
    page.wait_until(&format!("{}.includes('has closed')", text_of("room-code"))).await;
    page.wait_until(&format!("{}.includes('ada closed {empty}')", text_of("audit"))).await;
    let gone = format!("fetch('/api/rooms/{empty}').then(({{ status }}) => status)");
    assert_eq!(player.settle(&gone).await, 404, "the room is closed");
    assert_no_errors(&page).await;
}

#[tokio::test]
async fn an_operator_finds_a_room_and_acts_on_it_at_a_desk() {
    finds_and_acts(Screen::Desktop, "dashboard").await;
}

#[tokio::test]
async fn an_operator_finds_a_room_and_acts_on_it_on_a_phone() {
    finds_and_acts(Screen::Phone, "dashboard-phone").await;
}

#[tokio::test]
async fn nobody_acts_without_a_token_whose_role_allows_it() {
    let operated = Operated::start("dashboard-roles");
    let (codes, _bots) = rooms_of_bots(&operated);
    let code = &codes[1];
    let page = Page::blank(Screen::Desktop).await;
    page.client.goto(&operated.dashboard()).await.expect("the page loads");
    sign_in(&page, "a-token-of-nobody-at-all").await;
    page.wait_until("document.getElementById('sign-in').open && document.querySelector('#sign-trouble.trouble')").await;
    assert_eq!(page.eval(&format!("{}.length > 10", text_of("sign-trouble"))).await, true, "the server says why");
    assert_eq!(page.eval("document.querySelectorAll('#rooms-table tbody tr').length").await, 0, "nothing is shown");
    sign_in(&page, LOOK).await;
    page.wait_until(&format!("{} === 'lou, may look'", text_of("who"))).await;
    open_room(&page, code).await;
    let buttons =
        "[...document.querySelectorAll('#announce, #drain, #room-lock, #room-end, #seats td button:not([hidden])')]";
    assert_eq!(page.eval(&format!("{buttons}.length >= 6")).await, true);
    let reasoned = format!(
        "{buttons}.every((button) => button.ariaDisabled === 'true' && button.title.includes('may look') \
         && button.getAttribute('aria-describedby') === 'role-why')"
    );
    assert_eq!(page.eval(&reasoned).await, true, "each says why it cannot be used");
    press(&page, "#room-end").await;
    page.wait_until(&format!("{}.includes('may look')", text_of("toast"))).await;
    assert_eq!(page.eval("document.getElementById('ask').open").await, false);
    assert_no_errors(&page).await;

    // The server does not go by the page's word. `Authorization` is left out, or has another token.
    for (token, status) in [("", 401), ("Bearer a-token-of-nobody-at-all", 401), (&format!("Bearer {LOOK}"), 403)] {
        for (route, body) in ACTIONS {
            let route = route.replace("CODE", code);
            let headers = json!({ "content-type": "application/json", "authorization": token });
            let asked = format!(
                "fetch('/admin/{route}', {{ method: 'POST', body: {}, headers: Object.entries({headers}).filter(([, value]) => value) }})\
                 .then(({{ status }}) => status)",
                json!(body)
            );
            assert_eq!(page.settle(&asked).await, status, "{route} with {token:?}");
        }
    }
    page.wait_until("!document.getElementById('room').hidden && document.querySelector('#seats [data-kind=person]')")
        .await;
    let kept = page.eval("[localStorage.length, document.cookie, location.href]").await;
    assert_eq!(kept, json!([0, "", format!("{}#{code}", operated.dashboard())]), "the token is in none of them");
    let addresses = page.eval("performance.getEntriesByType('resource').map(({ name }) => name).join()").await;
    assert!(!addresses.as_str().expect("text").contains(LOOK), "no request names the token in its address");
    press(&page, "#sign").await;
    page.wait_until("document.getElementById('sign-in').open && sessionStorage.length === 0").await;
}

#[tokio::test]
async fn the_dashboard_needs_no_mouse() {
    let operated = Operated::start("dashboard-keys");
    let (codes, _bots) = rooms_of_bots(&operated);
    let code = &codes[1];
    let page = operated.open(Screen::Desktop, ACT).await;
    page.wait_until(&format!("document.querySelectorAll('#rooms-table tbody tr').length >= {ROOMS}")).await;
    tab_to(&page, "#filter-text").await;
    for letter in code.chars() {
        page.type_key(letter).await;
    }
    tab_to(&page, &format!("[data-code='{code}'] a")).await;
    let outlined = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert_eq!(page.eval(outlined).await, true, "the focus can be seen");
    page.press_key(Key::Enter).await;
    page.wait_until("document.activeElement.id === 'room-code' && document.querySelector('#seats [data-kind=person]')")
        .await;
    tab_to(&page, "#seats [data-kind=person] button").await;
    page.press_key(Key::Enter).await;
    page.wait_until("document.getElementById('ask').open").await;
    page.press_key(Key::Escape).await;
    page.wait_until("!document.getElementById('ask').open && !document.getElementById('room').hidden").await;
    assert_eq!(page.eval(&text_of("audit")).await, "", "nothing was done");
    page.press_key(Key::Enter).await;
    page.wait_until("document.getElementById('ask').open").await;
    tab_to(&page, "#ask-yes").await;
    page.press_key(Key::Enter).await;
    page.wait_until(&format!("/ada kicked .+ in {code}/.test({})", text_of("audit"))).await;
    page.press_key(Key::Escape).await;
    page.wait_until(&format!(
        "document.getElementById('room').hidden && document.activeElement.closest('tr')?.dataset.code === '{code}'"
    ))
    .await;
    assert_no_errors(&page).await;
}

/// Damages worlds of bots in a room of its own while the test looks for it.
fn plant_desyncs(address: SocketAddr) -> std::thread::JoinHandle<()> {
    let plan = Plan {
        address,
        server_pid: None,
        secure: None,
        rooms: 1,
        options: Value::Null,
        players: 2,
        seconds: 15,
        thin: false,
        slow_readers: 0,
        never_readers: 0,
        corruptions: 6,
        topic: None,
        queue: None,
        party: 1,
        ticket_key: None,
        link: LinkProfile::default(),
        seed: 3,
    };
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, run::<Arena>(&plan)).map(drop).expect("the bots play");
    })
}

/// Opens the room that the verdict names for this, with one click.
async fn follow_finding(page: &Page, words: &str) -> String {
    let finding = format!(
        "[...document.querySelectorAll('#findings a')].find((link) => link.textContent.includes('{words}'))?.hash"
    );
    let found = page.wait_for(&finding, PLANT_PATIENCE).await.unwrap_or_else(|| panic!("no finding says {words}"));
    let code = found.as_str().expect("an address").trim_start_matches('#').to_owned();
    press(page, &format!("#findings a[href='#{code}']")).await;
    page.wait_until(&format!("{}.includes('{code} {words}')", text_of("room-code"))).await;
    code
}

#[tokio::test]
async fn a_planted_desync_is_one_click_away_with_its_autopsy() {
    let operated = Operated::start("dashboard-desync");
    let page = operated.open(Screen::Desktop, LOOK).await;
    let bots = plant_desyncs(operated.players());
    follow_finding(&page, "has a desync").await;
    page.wait_until("document.querySelector('#autopsies code')?.textContent.length > 0").await;
    page.picture("dashboard-desync").await;
    bots.join().expect("the bots leave");
    assert_no_errors(&page).await;
}

#[tokio::test]
async fn a_planted_flood_is_one_click_away() {
    const KEEP_SOCKET: &str = "(() => { const { send } = WebSocket.prototype; \
        WebSocket.prototype.send = function (message) { [window.last, window.wire] = [message, this]; send.call(this, message); }; \
        return true; })()";
    let operated = Operated::start("dashboard-flood");
    let page = operated.open(Screen::Phone, ACT).await;
    let player = Page::open(operated.players(), "/?game=arena", Screen::Desktop).await;
    player.eval(KEEP_SOCKET).await;
    player.click("create-room").await;
    let code = player.wait_connected().await;
    player.eval("(() => { for (let i = 0; i < 5000; i++) window.wire.send(window.last); return true; })()").await;
    assert_eq!(follow_finding(&page, "is flooded").await, code);
    page.picture("dashboard-flood-phone").await;
    assert_no_errors(&page).await;
}

//! A browser with the page in it; the methods are named after the actions of a player.

use fantoccini::actions::{InputSource, KeyAction, KeyActions, MouseActions, PointerAction, TouchActions};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tickwire_tools::browser::{Browser, Device, Driver, Engine};

/// The time that any action may take in a test that is not about time.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time for which people hold a mouse or a finger still, before they move it and before they let go.
const HELD: Duration = Duration::from_millis(150);
const DRAGGED: Duration = Duration::from_millis(250);

/// Notes the errors of a page in `window.failures`. WebKit's driver has no command that reads the console.
const COLLECT: &str = "(() => {
    if (window.failures) return true;
    window.failures = [];
    const note = (...all) => window.failures.push(all.map((each) => String(each?.stack ?? each)).join(' '));
    addEventListener('error', ({ message, error, target }) => note(message ?? target?.src, error ?? ''), true);
    addEventListener('unhandledrejection', ({ reason }) => note('unhandled', reason));
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => note(violatedDirective, blockedURI));
    const tell = console.error;
    console.error = (...all) => { note(...all); tell.apply(console, all); };
    return true;
})()";

/// The screens that the page is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Screen {
    Desktop,
    Phone,
}

/// One browser and its driver.
pub(crate) struct Page {
    pub(crate) client: Client,
    pub(crate) driver: Driver,
}

impl Page {
    /// Opens the page at a path such as `/` or `/?game=arena#CODE`, and waits until it can be used.
    pub(crate) async fn open(address: SocketAddr, path: &str, screen: Screen) -> Self {
        Self::open_in(usual_engine(), address, path, screen).await
    }

    /// Opens the page in a browser of this engine.
    pub(crate) async fn open_in(engine: Engine, address: SocketAddr, path: &str, screen: Screen) -> Self {
        let page = Self::blank_in(engine, screen).await;
        page.visit(address, path).await;
        page
    }

    /// Starts a browser that shows nothing yet.
    pub(crate) async fn blank(screen: Screen) -> Self {
        Self::blank_in(usual_engine(), screen).await
    }

    pub(crate) async fn blank_in(engine: Engine, screen: Screen) -> Self {
        let device = match screen {
            Screen::Desktop => Device::default(),
            Screen::Phone => Device { screen: (390, 844), pixel_ratio: 2.0, is_phone: true },
        };
        let Browser { client, driver } = Browser::start(engine, device).await.expect("a browser starts");
        Self { client, driver }
    }

    /// Goes to another path and waits until the page can be used.
    pub(crate) async fn visit(&self, address: SocketAddr, path: &str) {
        self.client.goto(&format!("http://{address}{path}")).await.expect("the page loads");
        if self.driver.engine() == Engine::WebKit {
            // An error before this shows in a page that is never ready.
            self.eval(COLLECT).await;
        }
        self.wait_until("window.tickwire && window.tickwire.ready").await;
    }

    /// The value of an expression in the page.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        self.client.execute(&format!("return ({expression});"), Vec::new()).await.expect("the expression has a value")
    }

    /// The value of the promise that an expression gives.
    pub(crate) async fn settle(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             ({expression}).then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let mut answer = self.client.execute_async(&script, Vec::new()).await.expect("the promise settles");
        assert!(answer.get("error").is_none(), "{expression}: {answer}");
        answer["value"].take()
    }

    /// Waits until an expression is true; gives its value.
    pub(crate) async fn wait_until(&self, expression: &str) -> Value {
        if let Some(value) = self.wait_for(expression, PATIENCE).await {
            return value;
        }
        let place = self.eval("location.href + document.body.innerText").await;
        panic!("never true: {expression}; {place}; the console: {:#?}", self.console_errors().await)
    }

    /// Waits until an expression is true, for `patience` at the most; gives its value.
    pub(crate) async fn wait_for(&self, expression: &str, patience: Duration) -> Option<Value> {
        // The loop that waits runs in the page: a command to the browser for every look would slow the page down.
        let script = format!(
            "const done = arguments[arguments.length - 1], end = performance.now() + arguments[0];
             const value = () => {{ try {{ return ({expression}); }} catch {{ return null; }} }};
             (function look() {{
                const found = value();
                if (found || performance.now() > end) done(found || null); else setTimeout(look, 20);
             }})();"
        );
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_millis();
            let answer = self.client.execute_async(&script, vec![json!(left)]).await;
            match answer {
                Ok(Value::Null) => return None,
                Ok(value) => return Some(value),
                // A script fails when its page is loaded anew meanwhile: the loop starts again in the new page.
                Err(_) if Instant::now() < until => {}
                Err(error) => panic!("{expression}: {error}"),
            }
        }
    }

    /// Clicks the element with this `data-testid`.
    pub(crate) async fn click(&self, id: &str) {
        let element = self.client.find(Locator::Css(&format!("[data-testid={id}]"))).await.expect("the element exists");
        element.click().await.expect("the element can be clicked");
    }

    /// Types into the element with this `data-testid`.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let element = self.client.find(Locator::Css(&format!("[data-testid={id}]"))).await.expect("the element exists");
        element.send_keys(text).await.expect("the element takes keys");
    }

    /// The figures of the overlay.
    pub(crate) async fn stats(&self) -> Value {
        self.eval("window.tickwire.stats()").await
    }

    /// Waits until the player is in a room and sees the world; gives the room's code.
    pub(crate) async fn wait_connected(&self) -> String {
        self.wait_until("window.tickwire.stats().connected && window.tickwire.stats().own").await;
        let shown = self.wait_until("document.querySelector('[data-testid=room-code]').textContent").await;
        let code = shown.as_str().expect("text").to_owned();
        assert_eq!(self.stats().await["code"], json!(code));
        code
    }

    /// Presses a key down, or lets it go.
    pub(crate) async fn key(&self, key: Key, down: bool) {
        let value = char::from(key);
        let action = if down { KeyAction::Down { value } } else { KeyAction::Up { value } };
        self.client.perform_actions(KeyActions::new("keys".into()).then(action)).await.expect("keys can be pressed");
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press_key(&self, key: Key) {
        self.key(key, true).await;
        self.key(key, false).await;
    }

    /// Presses a key with a letter on it, and lets it go.
    pub(crate) async fn type_key(&self, letter: char) {
        let keys = KeyActions::new("keys".into()).then(KeyAction::Down { value: letter });
        let pause = KeyAction::Pause { duration: Duration::from_millis(120) };
        let keys = keys.then(pause).then(KeyAction::Up { value: letter });
        self.client.perform_actions(keys).await.expect("keys can be pressed");
    }

    /// Clicks at a place with the mouse, and holds the button for as long as people do.
    pub(crate) async fn press_mouse(&self, at: (f64, f64)) {
        let actions = MouseActions::new("mouse".into())
            .then(PointerAction::MoveTo { duration: None, x: at.0, y: at.1 })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::Pause { duration: Duration::from_millis(120) })
            .then(PointerAction::Up { button: 0 });
        self.client.perform_actions(actions).await.expect("the mouse can be used");
    }

    /// Moves the mouse from a place to another with a button held down: 0 for the primary one, 2 for the secondary one.
    pub(crate) async fn drag_mouse(&self, button: u64, from: (f64, f64), to: (f64, f64)) {
        let actions = MouseActions::new("mouse".into())
            .then(PointerAction::MoveTo { duration: None, x: from.0, y: from.1 })
            .then(PointerAction::Down { button })
            .then(PointerAction::Pause { duration: HELD })
            .then(PointerAction::MoveTo { duration: Some(DRAGGED), x: to.0, y: to.1 })
            .then(PointerAction::Pause { duration: HELD })
            .then(PointerAction::Up { button });
        self.client.perform_actions(actions).await.expect("the mouse can be used");
    }

    /// Puts a finger down at a place, drags it to another and lifts it there.
    pub(crate) async fn swipe(&self, from: (f64, f64), to: (f64, f64)) {
        let actions = TouchActions::new("finger".into())
            .then(PointerAction::MoveTo { duration: None, x: from.0, y: from.1 })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::Pause { duration: HELD })
            .then(PointerAction::MoveTo { duration: Some(DRAGGED), x: to.0, y: to.1 })
            .then(PointerAction::Pause { duration: HELD })
            .then(PointerAction::Up { button: 0 });
        self.client.perform_actions(actions).await.expect("the screen can be touched");
    }

    /// Puts a finger down at a place and drags it to another, without letting go.
    pub(crate) async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let actions = TouchActions::new("finger".into())
            .then(PointerAction::MoveTo { duration: None, x: from.0, y: from.1 })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::MoveTo { duration: Some(Duration::from_millis(100)), x: to.0, y: to.1 });
        self.client.perform_actions(actions).await.expect("the screen can be touched");
    }

    /// Turns the phone; its screen has this width and height from now on.
    pub(crate) async fn turn(&self, width: u32, height: u32) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen).await;
    }

    /// Gives the browser a command of its own protocol, for what WebDriver does not know; gives its answer.
    pub(crate) async fn devtools(&self, command: &str, settings: &Value) -> Value {
        let body = json!({ "cmd": command, "params": settings }).to_string();
        self.client.issue_cmd(Devtools { body }).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Waits until this time has passed by the page's clock.
    pub(crate) async fn let_pass(&self, time: Duration) {
        let now = self.eval("performance.now()").await;
        self.wait_until(&format!("performance.now() >= {now} + {}", time.as_millis())).await;
    }

    /// Lets the page go on for this many ticks of its server.
    pub(crate) async fn let_tick(&self, ticks: u32) {
        let tick = self.stats().await["tick"].clone();
        self.wait_until(&format!("window.tickwire.stats().tick >= {tick} + {ticks}")).await;
    }

    /// Writes a picture of the page, if `TICKWIRE_SCREENSHOTS` names a folder.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("TICKWIRE_SCREENSHOTS") else { return };
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).expect("a file");
    }

    /// Writes figures to a file beside the pictures, if `TICKWIRE_SCREENSHOTS` names a folder.
    pub(crate) fn note(&self, name: &str, figures: &str) {
        let Some(folder) = std::env::var_os("TICKWIRE_SCREENSHOTS") else { return };
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(Path::new(&folder).join(format!("{name}.txt")), figures).expect("a file");
    }

    /// Asserts that nothing went wrong in the page: its console has no error, and no hash differed.
    pub(crate) async fn assert_sound(&self) {
        let stats = self.stats().await;
        assert!(stats["hashes_compared"].as_u64() > Some(10), "{stats}");
        assert_eq!((&stats["mismatches"], &stats["decode_errors"]), (&json!(0), &json!(0)), "{stats}");
        let errors = self.console_errors().await;
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// The errors in the page's console since the last call.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let told = match self.driver.engine() {
            Engine::Chromium => self.client.issue_cmd(ConsoleLog).await.expect("the console can be read"),
            Engine::Firefox => return self.driver.errors_written(),
            Engine::WebKit => self.eval("(window.failures ?? []).splice(0)").await,
        };
        let entries = told.as_array().cloned().unwrap_or_default();
        let errors = entries.iter().filter(|entry| entry.is_string() || entry["level"] == "SEVERE");
        errors.map(|entry| if entry.is_string() { entry } else { &entry["message"] }.to_string()).collect()
    }
}

/// The engine of the tests that name none: Chromium, or the one that `TICKWIRE_ENGINE` names.
pub(crate) fn usual_engine() -> Engine {
    let Ok(name) = std::env::var("TICKWIRE_ENGINE") else { return Engine::Chromium };
    let named = Engine::ALL.into_iter().find(|engine| engine.name().eq_ignore_ascii_case(&name));
    named.unwrap_or_else(|| panic!("no engine is called {name}"))
}

/// The command of chromedriver that reads the console.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(r#"{"type":"browser"}"#.into()))
    }
}

/// The command of chromedriver that passes on a command of the browser's own protocol.
#[derive(Debug)]
struct Devtools {
    body: String,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.clone()))
    }
}

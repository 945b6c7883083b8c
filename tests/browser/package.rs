//! The package `tickwire` in pages of others: plain scripts, examples, Vite and TypeScript, several sessions in one page.

use crate::files::{FileServer, run, web_project};
use crate::page::{Page, Screen, usual_engine};
use crate::serving::{Serving, serve};
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tickwire_tools::browser::Engine;

/// A page's view of the world costs at most this much per frame, with 300 entities in arena.
const WORLD_MS_MAX: f64 = 0.2;
const ENTITIES: u32 = 300;

/// Frames that are measured at a time, and bytes that one of them may leave on the heap: the engine boxes some numbers,
/// and a single typed array or list would be more.
const FRAMES: u32 = 1_000;
const HEAP_BYTES_PER_FRAME_MAX: f64 = 100.0;

/// Two pages show the same ship at the same moment at places that differ by at most this much, in units: of 20 places
/// 19 by rounding alone. Where a ship bounces between two frames of a page, the straight line between them cuts a corner.
const APART_UNITS_MOSTLY: f64 = 0.25;
const APART_UNITS_MAX: f64 = 4.0;

/// Frames of a page that are farther apart than this are not compared.
const TICKS_APART_MAX: f64 = 1.5;

/// A ship that moves farther than this between two frames was put elsewhere.
const LEAP_UNITS: f64 = 40.0;

/// Files of the web project and a server that its pages may use.
pub(crate) struct Site {
    files: FileServer,
    serving: Serving,
}

impl Site {
    fn start() -> Self {
        let files = FileServer::of(web_project());
        let serving = Serving::start_by(serve("127.0.0.1:0").args(["--origin", &files.origin()]));
        Self { files, serving }
    }

    /// The same, with the example on a plain canvas.
    pub(crate) fn with_canvas() -> Self {
        place("client-wasm/js/examples/canvas/index.html", "canvas.html");
        Self::start()
    }

    /// Opens one of the project's pages; `tail` is the room's code after `#`.
    async fn open(&self, page: &str, tail: &str) -> Page {
        self.open_in(usual_engine(), page, tail).await
    }

    /// The same in a browser of this engine.
    pub(crate) async fn open_in(&self, engine: Engine, page: &str, tail: &str) -> Page {
        let opened = Page::blank_in(engine, Screen::Desktop).await;
        let url = format!("{}/{page}?server=ws://{}{tail}", self.files.origin(), self.serving.address());
        opened.client.goto(&url).await.expect("the page loads");
        opened
    }
}

/// Copies a file of the workspace into the web project.
fn place(from: &str, to: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from);
    let to = web_project().join(to);
    fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

/// Waits until a page's session is in a room with a world; gives the room's code.
async fn wait_for_world(page: &Page) -> String {
    page.wait_until("window.session?.state === 'fine' && window.session.world()?.ships.count > 0").await;
    page.eval("window.session.code").await.as_str().expect("a code").to_owned()
}

/// Runs the tests of a file by node; all of them have to pass, and to be there.
fn run_tests(file: &str, count: u32) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/web").join(file);
    let told = run(Command::new("node").args(["--test", "--test-reporter=tap"]).arg(tests));
    assert!(told.contains(&format!("# pass {count}\n")) && told.contains("# fail 0"), "{told}");
}

#[test]
fn values_of_every_kind_are_read_and_written() {
    run_tests("world.test.mjs", 6);
}

#[test]
fn topics_without_a_game_lose_and_double_nothing_over_connections_that_break() {
    run_tests("topics.test.mjs", 9);
}

#[tokio::test]
async fn the_example_on_a_plain_canvas_plays() {
    let site = Site::with_canvas();
    let lines = fs::read_to_string(web_project().join("canvas.html")).expect("the example").lines().count();
    assert!(lines < 60, "the example has {lines} lines");
    let page = site.open("canvas.html", "").await;
    wait_for_world(&page).await;
    let own = "(() => { const { ships } = window.session.world(); \
        const i = ships.columns.seat.subarray(0, ships.count).indexOf(window.session.seat); return ships.at(i)?.at.x ?? null; })()";
    page.wait_until(&format!("{own} !== null")).await;
    let before = page.eval(own).await.as_f64().expect("a place");
    page.key(Key::Right, true).await;
    page.wait_until(&format!("Math.abs({own} - {before}) > 10")).await;
    page.key(Key::Right, false).await;
    page.wait_until("window.session.stats().hashes_compared > 20").await;
    // A picture with company: the bots come after a moment.
    page.wait_until("window.session.world().ships.count >= 6 && window.session.world().shots.count > 0").await;
    page.picture("canvas").await;
    assert_eq!(page.eval("window.session.stats().mismatches").await, 0);
    assert_eq!(page.console_errors().await.iter().filter(|error| !error.contains("favicon")).count(), 0);
}

/// Notes for some seconds, in every frame, the moment at which others are shown and where each of them is. Frames that
/// look beyond the newest snapshot are left out, because they show a guess.
const RECORD: &str = "(() => { const session = SESSION; window.samples = []; const end = performance.now() + 5000; \
    (function look() { \
        const world = session.world(); \
        if (world && session.stats().margin_ticks > 0) { \
            const { ids, count, columns: { at, seat } } = world.ships; \
            const ships = []; \
            for (let i = 0; i < count; i++) if (seat[i] >= 0) ships.push([ids[i], seat[i], at.x[i], at.y[i]]); \
            window.samples.push([session.tickShown, ships]); \
        } \
        if (performance.now() < end) requestAnimationFrame(look); else window.recorded = true; \
    })(); return session.seat; })()";

/// One frame: the moment, and id, seat and place of each ship.
type Sample = (f64, Vec<(u64, i64, f64, f64)>);

async fn samples(page: &Page) -> Vec<Sample> {
    page.wait_until("window.recorded").await;
    serde_json::from_value(page.eval("window.samples").await).expect("samples")
}

/// Compares the ships that neither page plays itself: the distances between the two pages, the shortest first. The other
/// page's frames have to be near each other, because a ship does not fly straight from one to the next.
fn compare(one: &[Sample], other: &[Sample], own: [i64; 2]) -> Vec<f64> {
    let mut apart = Vec::new();
    for (moment, ships) in one {
        let after = other.partition_point(|(at, _)| at <= moment);
        let (Some(earlier), Some(later)) = (after.checked_sub(1).and_then(|at| other.get(at)), other.get(after)) else {
            continue;
        };
        if later.0 - earlier.0 > TICKS_APART_MAX {
            continue;
        }
        let part = (moment - earlier.0) / (later.0 - earlier.0);
        for (id, seat, x, y) in ships.iter().filter(|(_, seat, ..)| !own.contains(seat)) {
            let find = |sample: &Sample| sample.1.iter().find(|ship| ship.0 == *id && ship.1 == *seat).copied();
            let (Some(a), Some(b)) = (find(earlier), find(later)) else { continue };
            if (a.2 - b.2).hypot(a.3 - b.3) > LEAP_UNITS {
                continue;
            }
            let (there_x, there_y) = (a.2 + (b.2 - a.2) * part, a.3 + (b.3 - a.3) * part);
            apart.push((x - there_x).hypot(y - there_y));
        }
    }
    apart.sort_by(f64::total_cmp);
    apart
}

#[tokio::test]
async fn the_page_in_three_dimensions_and_the_ordinary_one_see_the_same_room() {
    for (from, to) in [("index.html", "three.html"), ("main.js", "main.js"), ("style.css", "style.css")] {
        place(&format!("client-wasm/js/examples/three/{from}"), to);
    }
    let site = Site::start();
    let ordinary = Page::open(site.serving.address(), "/?game=arena", Screen::Desktop).await;
    ordinary.click("quick-match").await;
    let code = ordinary.wait_connected().await;
    let three = site.open("three.html", &format!("#{code}")).await;
    assert_eq!(wait_for_world(&three).await, code);
    ordinary.wait_until("window.tickwire.session.players().length >= 3").await;
    // A picture in which something happens: a ship is near.
    let near = "(({ ships: { count, columns: { at, seat } } }) => { const own = seat.subarray(0, count).indexOf(window.session.seat); \
        return at.x.subarray(0, count).filter((x, i) => i !== own && Math.hypot(x - at.x[own], at.y[i] - at.y[own]) < 260).length > 0; \
        })(window.session.world())";
    if three.wait_for(near, Duration::from_secs(20)).await.is_some() {
        three.picture("three").await;
    }
    let seats = [
        ordinary.eval(&RECORD.replace("SESSION", "window.tickwire.session")).await,
        three.eval(&RECORD.replace("SESSION", "window.session")).await,
    ];
    let own = seats.map(|seat| seat.as_i64().expect("a seat"));
    let (here, there) = (samples(&ordinary).await, samples(&three).await);
    let apart = compare(&there, &here, own);
    assert!(apart.len() > 60, "only {} places of {} and {} frames", apart.len(), here.len(), there.len());
    let (mostly, worst) = (apart[apart.len() * 19 / 20], apart[apart.len() - 1]);
    three.note("three", &format!("{} places: 95 % within {mostly:.3} units, all within {worst:.3}", apart.len()));
    assert!(mostly <= APART_UNITS_MOSTLY && worst <= APART_UNITS_MAX, "95 % within {mostly}, all within {worst}");
    assert_eq!(three.eval("window.session.stats().mismatches").await, 0);
    let errors = three.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("favicon") || error.contains("GPU stall")), "{errors:#?}");
}

/// A page with two players in one room, and nothing global but the value for the test.
const TWO: &str = r#"<!doctype html>
<meta charset="utf-8"><title>Two</title>
<script type="importmap">{ "imports": {
  "tickwire": "./node_modules/tickwire/tickwire.js", "tickwire-arena": "./node_modules/tickwire-arena/arena.js"
} }</script>
<script type="module">
const before = new Set(Object.getOwnPropertyNames(window));
const { connect, createRoom } = await import('tickwire');
const { default: arena } = await import('tickwire-arena');
const server = new URLSearchParams(location.search).get('server');
const { code } = await createRoom(server, 'arena');
const sessions = await Promise.all(['One', 'Two'].map((name) => connect({ server, game: arena, code, name })));
const added = Object.getOwnPropertyNames(window).filter((name) => !before.has(name));
window.two = { sessions, added };
</script>"#;

#[tokio::test]
async fn one_page_has_two_sessions_in_one_room() {
    fs::write(web_project().join("two.html"), TWO).expect("a file");
    let site = Site::start();
    let page = site.open("two.html", "").await;
    page.wait_until("window.two && window.two.sessions.every((session) => session.world()?.ships.count === 2)").await;
    assert_eq!(page.eval("window.two.added").await, json!([]), "the package leaves nothing in the page");
    assert_eq!(page.eval("window.two.sessions.map(({ seat }) => seat).sort()").await, json!([0, 1]));
    // Both share the memory of their game, and it may grow while one of them is being read.
    let grown = "(() => { const [one, two] = window.two.sessions, world = one.world(); one.memory.grow(1); two.world(); \
        const { ships } = world; \
        return [ships.count, ships.ids.length >= 2, ships.at(0).at.x > 0, ships.columns.at.x[1] > 0, world.size.x > 0]; })()";
    assert_eq!(page.eval(grown).await, json!([2, true, true, true, true]));
    // The other player sees the motion of the first.
    let place = "(which, seat) => { const { ships } = window.two.sessions[which].world(); \
        return ships.at(ships.columns.seat.subarray(0, ships.count).indexOf(seat)).at.x; }";
    page.eval(&format!("(window.place = {place}) && 1")).await;
    page.eval("(window.first = window.two.sessions[0].seat, window.rest = window.place(1, window.first))").await;
    page.eval("(window.two.sessions[0].input({ stick: { x: window.rest > 400 ? -1 : 1 } }), 1)").await;
    page.wait_until("Math.abs(window.place(1, window.first) - window.rest) > 20").await;
    page.eval("(window.two.sessions[0].leave(), 1)").await;
    page.wait_until("window.two.sessions[1].players().length === 1").await;
    assert_eq!(page.eval("window.two.sessions.map(({ state }) => state)").await, json!(["over", "fine"]));
    assert_eq!(page.eval("window.two.sessions[0].world()").await, Value::Null);
}

/// Counts the timers that run.
const COUNT_TIMERS: &str = "(() => { const [start, stop, running] = [setInterval, clearInterval, new Set()]; \
    window.setInterval = (...all) => { const id = start(...all); running.add(id); return id; }; \
    window.clearInterval = (id) => { running.delete(id); stop(id); }; \
    window.timers = () => running.size; return true; })()";

#[tokio::test]
async fn a_session_that_does_not_come_about_leaves_nothing_behind() {
    fs::write(web_project().join("one.html"), TWO.replace("'One', 'Two'", "'One'")).expect("a file");
    let site = Site::start();
    let page = site.open("one.html", "").await;
    page.wait_until("window.two").await;
    page.eval(COUNT_TIMERS).await;
    let server = format!("ws://{}", site.serving.address());
    let tried = |options: &str| {
        format!(
            "(async () => {{ const {{ connect }} = await import('tickwire'); \
             const {{ default: game }} = await import('tickwire-arena'); \
             return connect({{ game, name: 'Ada', {options} }}).then(() => 'joined', (error) => error.status ?? error.message); }})()"
        )
    };
    for _ in 0..5 {
        assert_eq!(page.settle(&tried(&format!("server: '{server}', code: 'CCCCCC'"))).await, 4003);
    }
    let dead = "server: 'ws://127.0.0.1:1', code: 'CCCCCC', signal: AbortSignal.timeout(700)";
    let given_up = page.settle(&tried(dead)).await;
    assert!(given_up.as_str().is_some_and(|words| words.contains("timed out")), "{given_up}");
    let wrong = page.settle(&tried("server: 'play.example', code: 'CCCCCC'")).await;
    assert!(wrong.as_str().is_some_and(|words| words.contains("wss://play.example/path/")), "{wrong}");
    assert_eq!(page.eval("window.timers()").await, 0);
    let nonsense = "(() => { const [one] = window.two.sessions; \
        return [{ stick: null }, { aim: 5 }, { fire: 'no' }, { fier: true }].map((input) => { \
            try { one.input(input); return 'taken'; } catch (error) { return error.constructor.name; } }); })()";
    assert_eq!(page.eval(nonsense).await, json!(vec!["TypeError"; 4]));
    let closing = "(() => { const [one] = window.two.sessions; let after = 0; \
        one.on('chat', () => one.close()); one.on('notice', () => { after += 1; }); one.close(); \
        return [one.state, one.stats().link, one.stats().connected, after]; })()";
    assert_eq!(page.eval(closing).await, json!(["over", "over", false, 0]));
}

#[tokio::test]
async fn a_fresh_vite_project_installs_builds_checks_and_plays() {
    for name in ["index.html", "main.ts", "tsconfig.json"] {
        place(&format!("tests/browser/web/vite/{name}"), &format!("app/{name}"));
    }
    let app = web_project().join("app");
    let tool = |name: &str| Command::new(web_project().join("node_modules/.bin").join(name));
    run(tool("tsc").args(["--strict", "--noEmit", "--project"]).arg(&app));
    run(tool("vite").args(["build", "--base", "./", "--logLevel", "warn"]).arg(&app).current_dir(&app));
    let site = Site::start();
    let page = site.open("app/dist/index.html", "").await;
    page.wait_until("document.getElementById('seen').textContent.includes('\"state\":\"fine\"')").await;
    let seen = page.eval("JSON.parse(document.getElementById('seen').textContent)").await;
    assert!(seen["ships"].as_u64() >= Some(1) && seen["x"].as_f64() > Some(0.0), "{seen}");
    let earlier = seen["x"].as_f64().expect("a place");
    page.wait_until(&format!("Math.abs(JSON.parse(document.getElementById('seen').textContent).x - {earlier}) > 10"))
        .await;
    assert_eq!(page.wait_until("document.getElementById('seen').dataset.listed").await, "1");
    for (what, value) in
        [("said", "sent"), ("heard", "hello from Vite"), ("live", "1"), ("state", "open"), ("refused", "no_topic")]
    {
        page.wait_until(&format!("document.getElementById('seen').dataset.{what} === '{value}'")).await;
    }
}

#[tokio::test]
async fn a_view_of_the_world_costs_little_and_leaves_nothing_on_the_heap() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=arena", Screen::Desktop).await;
    let wish = json!({ "game": "arena", "options": { "entities": ENTITIES } });
    let made = format!(
        "fetch('/api/rooms', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, \
         body: JSON.stringify({wish}) }}).then((answer) => answer.json())"
    );
    let code = page.settle(&made).await["code"].as_str().expect("a code").to_owned();
    page.fill("join-code", &code).await;
    page.click("join-room").await;
    page.wait_connected().await;
    page.let_tick(60).await;
    let entities = "(({ rocks, debris, items, ships, shots }) => rocks.count + debris.count + items.count + ships.count + shots.count)";
    let count = page.eval(&format!("{entities}(window.tickwire.session.world())")).await;
    assert!(count.as_u64() >= Some(u64::from(ENTITIES)), "{count} entities");
    // No message arrives while a script runs, so that only the view itself is measured.
    let look = format!(
        "(() => {{ const {{ session }} = window.tickwire; const start = performance.now(); \
         for (let n = 0; n < {FRAMES}; n++) session.world(start + n / {FRAMES}); \
         return (performance.now() - start) / {FRAMES}; }})()"
    );
    for _ in 0..3 {
        page.eval(&look).await;
    }
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        page.devtools("HeapProfiler.collectGarbage", &json!({})).await;
        let heap =
            || async { page.devtools("Runtime.getHeapUsage", &json!({})).await["usedSize"].as_f64().expect("bytes") };
        let before = heap().await;
        let ms = page.eval(&look).await.as_f64().expect("a time");
        let bytes = (heap().await - before) / f64::from(FRAMES);
        best = (best.0.min(ms), best.1.min(bytes));
    }
    page.note("world", &format!("{count} entities: {:.4} ms and {:.2} bytes per frame", best.0, best.1));
    assert!(best.0 <= WORLD_MS_MAX, "{} ms per frame", best.0);
    assert!(best.1 <= HEAP_BYTES_PER_FRAME_MAX, "{} bytes per frame stay on the heap", best.1);
}

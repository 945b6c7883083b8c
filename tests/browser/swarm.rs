//! Swarm in a real browser, by mouse and by finger: boxes, orders, the map, and the greatest number of units.

use crate::lockstep::script_times;
use crate::page::{Page, Screen};
use crate::scene::{Picture, Place, on_page};
use crate::serving::Serving;
use fantoccini::Locator;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Radius and colour with which a unit of the first army, and the halo of a selected one, is drawn.
const UNIT: (f64, u32) = (7.0, 0x4d_d8ff);
const HALO: (f64, u32) = (8.8, 0xef_e9dc);
/// The middle of the map relative to the middle of the view, then the width of the map, then the width of the world.
const MAP_AT: Place = (-166.0, -111.0);
const MAP: f64 = 92.0;
const WORLD: f64 = 2_048.0;
/// The precision with which a press on the map moves the view, in units of the world. A pixel of the map is 26 units on
/// a phone, and a player's hand points to within two pixels of the view.
const MAP_UNITS: f64 = 70.0;

/// The longest median script time of a frame with 4,000 units, in milliseconds: a few milliseconds are usual when the
/// browser has a core to itself.
const SCRIPT_MS_MEDIAN_MAX: f64 = 25.0;

/// A player alone in a new room, with the invitation closed.
async fn alone(address: SocketAddr, screen: Screen) -> Page {
    let page = Page::open(address, "/?game=swarm", screen).await;
    page.click("create-room").await;
    page.wait_connected().await;
    page.wait_until("!document.getElementById('waiting').hidden").await;
    page.client
        .find(Locator::Id("unwait"))
        .await
        .expect("a button to close it")
        .click()
        .await
        .expect("the button can be clicked");
    page.wait_until("window.tickwire.stats().tick > 60").await;
    page
}

/// The player's own units: the selected ones, and the others.
async fn units(page: &Page) -> (Vec<Place>, Vec<Place>) {
    let picture = Picture::of(page).await;
    let selected = picture.dots(HALO.0, HALO.1);
    let others = picture.dots(UNIT.0, UNIT.1).into_iter().filter(|at| !selected.contains(at)).collect();
    (selected, others)
}

fn middle(places: &[Place]) -> Place {
    let count = places.len().max(1) as f64;
    let sum = places.iter().fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
    (sum.0 / count, sum.1 / count)
}

fn distance(a: Place, b: Place) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// The left half of the army as a box: two corners in the world.
async fn left_half(page: &Page) -> (Place, Place) {
    let (_, all) = units(page).await;
    assert!(all.len() > 200, "the army is in view: {} units", all.len());
    let least = |of: fn(&Place) -> f64| all.iter().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&Place) -> f64| all.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    ((least(|at| at.0) - 12.0, least(|at| at.1) - 12.0), (middle(&all).0, most(|at| at.1) + 12.0))
}

/// Waits until the game says that some units are selected and some are not, and checks that the selected ones are those
/// in the box.
async fn assert_selected(page: &Page, (from, to): (Place, Place)) {
    page.wait_until("window.tickwire.client.texts().some((text) => text.endsWith('selected'))").await;
    let (selected, others) = units(page).await;
    assert!(selected.len() > 50 && others.len() > 50, "{} of {}", selected.len(), others.len());
    // Units shuffle a little between the box and this picture.
    let is_inside =
        |at: &&Place, by: f64| at.0 > from.0 - by && at.0 < to.0 + by && at.1 > from.1 - by && at.1 < to.1 + by;
    assert!(selected.iter().all(|at| is_inside(&at, 12.0)), "{selected:?}");
    assert!(!others.iter().any(|at| is_inside(&at, -12.0)), "{others:?}");
}

/// Waits until the selected units are well on their way to a place, and checks that the others stayed.
async fn assert_sent(page: &Page, to: Place, before: &(Vec<Place>, Vec<Place>)) {
    let way = distance(middle(&before.0), to);
    let tick = page.stats().await["tick"].as_u64().expect("a number");
    // The army moves three units a tick, at twenty ticks a second.
    for later in 1..=8 {
        page.wait_until(&format!("window.tickwire.stats().tick > {}", tick + later * 20)).await;
        let now = units(page).await;
        assert!(distance(middle(&now.1), middle(&before.1)) < 15.0, "the units that were not sent stay");
        if distance(middle(&now.0), to) < way - 60.0 {
            return;
        }
    }
    panic!("no unit came: from {:?} to {:?} instead of {to:?}", middle(&before.0), middle(&units(page).await.0));
}

/// The place on the page at which the map shows a place of the world.
async fn on_map(page: &Page, place: Place) -> Place {
    let camera = Picture::of(page).await.camera();
    let point = |camera: f64, at: f64, place: f64| camera + at + (place / WORLD - 0.5) * MAP;
    on_page(page, (point(camera.0, MAP_AT.0, place.0), point(camera.1, MAP_AT.1, place.1))).await
}

async fn wait_for_eye_at(page: &Page, place: Place) {
    let near = format!(
        "Math.hypot(window.tickwire.stats().own.x - {}, window.tickwire.stats().own.y - {}) < {MAP_UNITS}",
        place.0, place.1
    );
    page.wait_until(&near).await;
}

#[tokio::test]
async fn a_box_drawn_with_the_mouse_selects_units_and_a_click_sends_those_and_no_others() {
    let serving = Serving::start();
    let page = alone(serving.address(), Screen::Desktop).await;
    let (from, to) = left_half(&page).await;
    page.drag_mouse(0, on_page(&page, from).await, on_page(&page, to).await).await;
    assert_selected(&page, (from, to)).await;
    page.picture("swarm-selected").await;
    let before = units(&page).await;
    let goal = (middle(&before.0).0 + 20.0, middle(&before.0).1 + 150.0);
    page.press_mouse(on_page(&page, goal).await).await;
    assert_sent(&page, goal, &before).await;
    page.picture("swarm-sent").await;
    // A click with the secondary button sends the units as well, without a box.
    let (before, back) = (units(&page).await, middle(&before.0));
    let at = on_page(&page, back).await;
    page.drag_mouse(2, at, at).await;
    assert_sent(&page, back, &before).await;
    page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_press_on_the_map_moves_the_view_and_an_order_on_the_map_sends_units_there() {
    let serving = Serving::start();
    let page = alone(serving.address(), Screen::Desktop).await;
    let home = Picture::of(&page).await.camera();
    let (middle_of_world, beyond) = ((1_024.0, 1_024.0), (1_300.0, 700.0));
    page.drag_mouse(0, on_map(&page, middle_of_world).await, on_map(&page, beyond).await).await;
    wait_for_eye_at(&page, beyond).await;
    page.press_mouse(on_map(&page, home).await).await;
    wait_for_eye_at(&page, home).await;
    // A key that is pressed and let go between two frames, far within a tick, counts all the same.
    let tap =
        "['keydown', 'keyup'].forEach((type) => dispatchEvent(new KeyboardEvent(type, { code: 'KeyE', key: 'e' })))";
    page.eval(tap).await;
    page.wait_until("window.tickwire.client.texts().some((text) => text.endsWith('selected'))").await;
    let before = units(&page).await;
    assert!(before.0.len() > 200 && before.1.is_empty(), "all units are selected");
    let at = on_map(&page, middle_of_world).await;
    page.drag_mouse(2, at, at).await;
    let tick = page.stats().await["tick"].as_u64().expect("a number");
    page.wait_until(&format!("window.tickwire.stats().tick > {}", tick + 60)).await;
    assert!(middle(&units(&page).await.0).0 > middle(&before.0).0 + 60.0, "the units march to the middle of the world");
    page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn a_finger_on_a_phone_draws_boxes_sends_units_presses_the_map_and_looks_around() {
    let serving = Serving::start();
    let page = alone(serving.address(), Screen::Phone).await;
    let (from, to) = left_half(&page).await;
    page.swipe(on_page(&page, from).await, on_page(&page, to).await).await;
    assert_selected(&page, (from, to)).await;
    page.picture("swarm-phone").await;
    let before = units(&page).await;
    let goal = (middle(&before.0).0 + 20.0, middle(&before.0).1 + 150.0);
    let at = on_page(&page, goal).await;
    page.swipe(at, at).await;
    assert_sent(&page, goal, &before).await;
    // One button selects the whole army.
    page.client
        .find(Locator::Css("#buttons button"))
        .await
        .expect("the button exists")
        .click()
        .await
        .expect("the button can be clicked");
    page.wait_until("window.tickwire.client.texts().some((text) => /^([0-9]+) of \\1 selected$/.test(text))").await;
    let at = on_map(&page, (1_024.0, 1_024.0)).await;
    page.swipe(at, at).await;
    wait_for_eye_at(&page, (1_024.0, 1_024.0)).await;
    let stick = page
        .eval(
            "(({ x, y, width, height }) => [x + width / 2, y + height / 2])\
                           (document.getElementById('stick').getBoundingClientRect())",
        )
        .await;
    let stick = (stick[0].as_f64().expect("a number"), stick[1].as_f64().expect("a number"));
    page.drag(stick, (stick.0, stick.1 - 50.0)).await;
    page.wait_until("window.tickwire.stats().own.y < 900").await;
    page.wait_until("window.tickwire.stats().hashes_compared > 10").await;
    page.assert_sound().await;
}

#[tokio::test]
async fn four_thousand_units_fight_and_every_page_computes_the_same_world() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/?game=swarm", Screen::Desktop).await;
    let wish = "fetch('/api/rooms', { method: 'POST', headers: { 'content-type': 'application/json' }, \
        body: JSON.stringify({ game: 'swarm', options: { units: 4000 } }) }).then((answer) => answer.json())";
    let room = page.settle(wish).await;
    let link = format!("/?game=swarm#{}", room["code"].as_str().unwrap_or_else(|| panic!("a room: {room}")));
    page.client.goto("about:blank").await.expect("another page");
    page.visit(serving.address(), &link).await;
    page.wait_connected().await;
    let watcher = Page::open(serving.address(), &link.replace("game=swarm", "game=swarm&watch=1"), Screen::Phone).await;
    watcher.wait_until("window.tickwire.stats().connected && window.tickwire.stats().others.length > 0").await;
    page.wait_until("window.tickwire.stats().tick > 60").await;
    assert!(Picture::of(&page).await.texts().contains(&"500 units"), "the player has an eighth of 4,000 units");
    // The army is sent into the midst of the world, where the others fight.
    page.type_key('e').await;
    page.wait_until("window.tickwire.client.texts().some((text) => text.endsWith('selected'))").await;
    let at = on_map(&page, (1_024.0, 1_024.0)).await;
    page.drag_mouse(2, at, at).await;
    page.press_mouse(at).await;
    wait_for_eye_at(&page, (1_024.0, 1_024.0)).await;
    page.wait_until("window.tickwire.stats().tick > 300").await;
    let times = script_times(&page, 5).await;
    let (median, p90) = (times[times.len() / 2], times[times.len() * 9 / 10]);
    assert!(median < SCRIPT_MS_MEDIAN_MAX, "half of {} frames take {median} ms or longer, p90 {p90}", times.len());
    assert!(page.eval("window.tickwire.scriptMs()").await.as_f64() > Some(0.0), "the overlay shows the script time");
    page.picture("swarm-4000").await;
    for page in [&page, &watcher] {
        let stats = page.stats().await;
        assert!(stats["hashes_compared"].as_u64() > Some(20), "{stats}");
        assert_eq!((&stats["keyframes"], &stats["welcomes"]), (&json!(1), &json!(1)), "{stats}");
        page.assert_sound().await;
    }
    assert_eq!(watcher.stats().await["seat"], Value::Null);
}
